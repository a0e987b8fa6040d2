from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.ta.sessions import SessionPlan, in_regular_session, session_at


def new_york(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp())


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2024-08-08T03:59:59", "2024-08-07T16:00", "2024-08-08T04:00"),
        ("2024-08-08T04:00:00", "2024-08-08T04:00", "2024-08-08T09:30"),
        ("2024-08-08T09:30:00", "2024-08-08T09:30", "2024-08-08T16:00"),
        ("2024-08-08T15:59:59", "2024-08-08T09:30", "2024-08-08T16:00"),
        ("2024-08-08T16:00:00", "2024-08-08T16:00", "2024-08-09T04:00"),
        ("2024-08-08T23:59:59", "2024-08-08T16:00", "2024-08-09T04:00"),
        ("2024-03-10T12:00:00", "2024-03-10T09:30", "2024-03-10T16:00"),
        ("2024-11-03T01:30:00", "2024-11-02T16:00", "2024-11-03T04:00"),
    ],
)
def test_equity_sessions_begin_at_4_at_half_past_9_and_at_16_in_new_york(moment: str, start: str, end: str) -> None:
    session = session_at("us_equities", new_york(moment))
    assert (session.start, session.end) == (new_york(start), new_york(end))
    assert (session.regular_end > session.start) == start.endswith("09:30")


def test_crypto_sessions_are_utc_days() -> None:
    noon = int(datetime(2024, 8, 8, 12, tzinfo=UTC).timestamp())
    session = session_at("crypto", noon)
    assert (session.start, session.end) == (noon - 43_200, noon + 43_200)


def test_regular_trading_ends_early_on_a_half_day_but_its_session_does_not() -> None:
    one, four = new_york("2024-11-29T13:00"), new_york("2024-11-29T16:00")
    assert in_regular_session("us_equities", one - 1)
    assert not in_regular_session("us_equities", one)
    assert session_at("us_equities", one).end == four


def test_crypto_has_no_regular_session() -> None:
    assert not in_regular_session("crypto", new_york("2024-08-08T12:00"))


@given(st.sampled_from(["us_equities", "crypto"]), st.integers(0, 4_000_000_000))
def test_every_second_lies_in_its_session_and_sessions_have_no_gaps(plan: SessionPlan, second: int) -> None:
    session = session_at(plan, second)
    assert session.start <= second < session.end
    assert session_at(plan, session.end).start == session.end
    assert session_at(plan, session.end - 1) == session
