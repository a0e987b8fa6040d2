"""Which quote a signal may tell of: what surely had arrived when its bar was closed, and what an outage held up."""

from __future__ import annotations

from tests.unit.audit_ta.market import NS, START

from torghut.audit.ta.quotes import Question, QuoteHistory
from torghut.audit.ta.rows import QuoteRow
from torghut.audit.ta.terms import Terms
from torghut.wire.envelope import QuoteState


def at(seconds: float) -> int:
    return round((START + seconds) * NS)


def quoted(seconds: float, session: float, newest: float) -> QuoteRow:
    """A quote received when it happened, written in the session that began at that second."""
    return QuoteRow("A", at(seconds), at(session) // 1000, at(seconds), 10.0, 11.0, 1.0, 2.0, at(newest))


def problem(second: QuoteRow, written: float) -> str:
    """Of the signal of the 21st second that tells of the quote of second 1, though there is another one."""
    told = QuoteState(bid=10.0, ask=11.0, bid_size=1.0, ask_size=2.0, spread=1.0, imbalance=-1 / 3, age_ms=20_000.0)
    history = QuoteHistory([quoted(1, session=0, newest=0), second], Terms())
    return history.problems([Question(at(21), at(written), at(20.5), told)])[0]


def test_a_quote_that_was_there_when_the_bar_was_closed_must_be_in_the_signal() -> None:
    assert "had arrived" in problem(quoted(8, session=0, newest=1), written=24)


def test_a_quote_from_long_before_a_bar_that_silence_closed_must_be_in_the_signal() -> None:
    assert "had arrived" in problem(quoted(8, session=0, newest=1), written=60)


def test_a_quote_from_shortly_before_a_bar_that_silence_closed_may_have_been_held_up() -> None:
    assert problem(quoted(15, session=0, newest=1), written=60) == ""


def test_a_quote_that_an_outage_held_up_arrived_in_the_session_that_wrote_it() -> None:
    assert problem(quoted(8, session=50, newest=1), written=60) == ""
    assert problem(quoted(8, session=18, newest=1), written=25) == ""


def test_a_quote_that_came_between_a_smaller_bound_and_a_greater_one_may_be_in_the_signal_or_not() -> None:
    """The bound grew within the span: nobody can tell under which of them the bar was closed."""
    later = quoted(20.5, session=0, newest=24)
    told = QuoteState(bid=10.0, ask=11.0, bid_size=1.0, ask_size=2.0, spread=1.0, imbalance=-1 / 3, age_ms=20_000.0)
    question = Question(at(21), at(30), at(20.5), told)

    def found(terms: Terms) -> str:
        return QuoteHistory([quoted(1, session=0, newest=0), later], terms).problems([question])[0]

    assert "had arrived" in found(Terms(watermark_ms=6000))
    assert found(Terms.spanning([Terms(watermark_ms=2000), Terms(watermark_ms=6000)])) == ""


def test_of_a_quote_and_its_late_repetition_the_signal_may_tell_of_either() -> None:
    """The repetition came after the final, and after a quote that was too late for this window."""

    def copy(number: int, received: float) -> QuoteRow:
        return QuoteRow("A", at(20.5), at(0) // 1000 + number, at(received), 10.0, 11.0, 1.0, 2.0, at(received))

    late = QuoteRow("A", at(20.6), at(0) // 1000 + 2, at(25), 10.5, 11.0, 1.0, 2.0, at(25))
    told = QuoteState(bid=10.0, ask=11.0, bid_size=1.0, ask_size=2.0, spread=1.0, imbalance=-1 / 3, age_ms=500.0)
    at_once, much_later = Question(at(21), at(24), at(20.5), told), Question(at(21), at(60), at(59), told)
    assert QuoteHistory([copy(1, 20.5), late, copy(3, 26)], Terms()).problems([at_once]) == [""]
    assert "had arrived" in QuoteHistory([late, copy(3, 26)], Terms()).problems([much_later])[0]
