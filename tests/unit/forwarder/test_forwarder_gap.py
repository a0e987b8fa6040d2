"""The gap behind a connection: from where every channel was covered to now, no older than may be repaired."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.forwarder.events import T0, S

from torghut.forwarder.intake import LATEST_NS
from torghut.forwarder.repair import BAR_NS, Gap, gap
from torghut.forwarder.tail import Seen
from torghut.wire.topics import Channel

LIMIT_NS = 900 * S
NOW = T0
END = NOW + 1


def seen(**channels: tuple[int, int]) -> dict[Channel, Seen]:
    """Seconds before now, of the newest event and of its arrival, per channel."""
    return {Channel(name): Seen(NOW - event * S, NOW - arrival * S) for name, (event, arrival) in channels.items()}


def found(covered: dict[Channel, Seen]) -> Gap:
    gap_ = gap(covered, END, NOW, LIMIT_NS)
    assert gap_ is not None
    return gap_


def test_where_nothing_was_covered_nothing_is_missing() -> None:
    assert gap({}, END, NOW, LIMIT_NS) is None


def test_a_gap_starts_where_a_late_print_could_still_have_been_reported() -> None:
    assert found(seen(trades=(60, 60))).start == NOW - 60 * S - LATEST_NS


def test_a_gap_ends_where_it_is_told_to() -> None:
    assert found(seen(trades=(60, 60))).end == END


def test_the_channel_that_ended_first_decides() -> None:
    assert found(seen(trades=(60, 60), quotes=(90, 90))).start == NOW - 90 * S - LATEST_NS


def test_a_feed_that_is_delayed_is_covered_by_event_time() -> None:
    assert found(seen(trades=(600, 60))).start == NOW - 600 * S - LATEST_NS


def test_an_event_dated_ahead_of_its_arrival_covers_nothing_that_had_not_arrived() -> None:
    assert found(seen(trades=(-30, 60))).start == NOW - 60 * S - LATEST_NS


def test_a_quiet_bar_channel_does_not_move_the_start_of_the_trades() -> None:
    assert found(seen(trades=(60, 60), bars=(300, 240))).start == NOW - 60 * S - LATEST_NS


def test_bars_are_read_from_the_last_one_known_and_its_update() -> None:
    assert found(seen(trades=(60, 60), bars=(300, 240))).bars_start == NOW - 300 * S - BAR_NS


def test_where_only_bars_flow_they_decide() -> None:
    assert found(seen(bars=(300, 240))).start == NOW - 300 * S - LATEST_NS


def test_records_are_read_back_from_before_the_last_arrival() -> None:
    assert found(seen(trades=(600, 60))).records_since <= NOW - 60 * S - LATEST_NS


def test_a_gap_that_is_short_enough_loses_nothing() -> None:
    assert found(seen(trades=(900, 900))).lost_since is None


def test_what_is_too_old_is_said_and_the_rest_repaired() -> None:
    gap_ = found(seen(trades=(2000, 2000)))
    assert gap_.start == END - LIMIT_NS - LATEST_NS
    assert gap_.lost_since == NOW - 2000 * S


def test_a_channel_that_was_quiet_for_long_loses_nothing_while_another_flowed() -> None:
    assert found(seen(trades=(2000, 2000), quotes=(5, 5))).lost_since is None


def test_a_channel_of_which_nothing_live_is_known_is_left_to_the_others() -> None:
    covered = seen(quotes=(60, 60)) | {Channel.TRADES: Seen()}
    assert found(covered).start == NOW - 60 * S - LATEST_NS


def test_where_only_repaired_records_are_known_as_much_as_may_be_is_repaired() -> None:
    gap_ = found({Channel.TRADES: Seen()})
    assert gap_.start == END - LIMIT_NS - LATEST_NS
    assert gap_.lost_since is None


marks = st.builds(Seen, st.integers(NOW - 4000 * S, NOW), st.integers(NOW - 4000 * S, NOW) | st.just(0))
covered = st.dictionaries(st.sampled_from([Channel.TRADES, Channel.QUOTES, Channel.BARS]), marks, min_size=1)


@given(covered)
def test_everything_after_the_last_arrival_is_repaired_or_said_to_be_lost(covered: dict[Channel, Seen]) -> None:
    gap_ = found(covered)
    flowing = [mark for channel, mark in covered.items() if channel is not Channel.BARS] or list(covered.values())
    for mark in flowing:
        if mark.ingest_ts and mark.ingest_ts >= NOW - LIMIT_NS:
            uncovered = min(mark.event_ts, mark.ingest_ts)
            assert gap_.start <= uncovered or gap_.start <= END - LIMIT_NS


@given(covered)
def test_what_is_said_to_be_lost_lies_before_what_is_repaired(covered: dict[Channel, Seen]) -> None:
    gap_ = found(covered)
    assert gap_.start < gap_.end
    assert gap_.lost_since is None or 0 < gap_.lost_since < gap_.start


@given(covered)
def test_no_more_records_are_read_back_than_may_be_repaired(covered: dict[Channel, Seen]) -> None:
    assert found(covered).records_since >= NOW - LIMIT_NS - 2 * LATEST_NS
