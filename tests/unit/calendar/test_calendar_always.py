"""A market that never closes, and which feed has which calendar."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.calendar import ALWAYS_OPEN, NYSE, Calendar, Kind, calendar_for
from torghut.wire.times import parse_rfc3339


def test_a_day_of_crypto_begins_at_midnight_utc() -> None:
    session = ALWAYS_OPEN.session_at(parse_rfc3339("2026-11-22T23:59:59.999999999Z"))
    assert session.start == parse_rfc3339("2026-11-22T00:00:00Z")
    assert session.end == ALWAYS_OPEN.next_change(session.start) == parse_rfc3339("2026-11-23T00:00:00Z")
    assert (session.kind, session.known, session.is_open) == (Kind.CRYPTO, True, True)


@given(st.integers(0, 2**63 - 1))
def test_every_time_is_open(ns: int) -> None:
    session = ALWAYS_OPEN.session_at(ns)
    assert session.is_open
    assert session.start <= ns < session.end


def test_every_date_trades_and_is_utcs() -> None:
    assert ALWAYS_OPEN.is_trading_day(date(2026, 12, 25))
    assert ALWAYS_OPEN.exchange_date(parse_rfc3339("2026-11-24T00:00:00Z")) == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("feed", "calendar"),
    [("sip", NYSE), ("iex", NYSE), ("delayed_sip", NYSE), ("crypto", ALWAYS_OPEN), ("test", ALWAYS_OPEN)],
)
def test_each_feed_has_its_calendar(feed: str, calendar: Calendar) -> None:
    assert calendar_for(feed) is calendar
