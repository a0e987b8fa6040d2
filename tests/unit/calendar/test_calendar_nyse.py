"""New York's sessions: known days against the library that knows them, boundaries to the nanosecond."""

from __future__ import annotations

import bisect
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import exchange_calendars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.calendar import NYSE, Kind
from torghut.calendar.nyse_days import FIRST_DAY, LAST_DAY
from torghut.wire.times import NS_PER_S, parse_rfc3339

_NEW_YORK = ZoneInfo("America/New_York")
DAYS = (LAST_DAY - FIRST_DAY).days


def at(local: str) -> int:
    """Nanoseconds of a time in New York."""
    return int(datetime.fromisoformat(local).replace(tzinfo=_NEW_YORK).timestamp()) * NS_PER_S


@pytest.mark.parametrize(
    ("local", "kind"),
    [
        ("2026-11-23T03:59:59", Kind.CLOSED),
        ("2026-11-23T04:00:00", Kind.PRE),
        ("2026-11-23T09:29:59", Kind.PRE),
        ("2026-11-23T09:30:00", Kind.REGULAR),
        ("2026-11-23T15:59:59", Kind.REGULAR),
        ("2026-11-23T16:00:00", Kind.POST),
        ("2026-11-23T19:59:59", Kind.POST),
        ("2026-11-23T20:00:00", Kind.CLOSED),
        ("2026-11-22T12:00:00", Kind.CLOSED),  # a Sunday
        ("2026-11-26T12:00:00", Kind.CLOSED),  # Thanksgiving
        ("2026-11-27T12:59:59", Kind.REGULAR),  # the half day after it
        ("2026-11-27T13:00:00", Kind.POST),
        ("2026-11-27T17:00:00", Kind.CLOSED),
        ("2025-01-09T12:00:00", Kind.CLOSED),  # a day of mourning
    ],
)
def test_what_trades_when(local: str, kind: Kind) -> None:
    session = NYSE.session_at(at(local))
    assert (session.kind, session.known) == (kind, True)


def test_a_boundary_is_exact_to_the_nanosecond() -> None:
    opening = at("2026-11-23T09:30")
    assert NYSE.session_at(opening - 1).kind is Kind.PRE
    assert NYSE.session_at(opening).kind is Kind.REGULAR
    assert NYSE.session_at(opening - 1).end == opening == NYSE.session_at(opening).start


def test_the_closed_span_reaches_over_the_weekend() -> None:
    session = NYSE.session_at(at("2026-11-21T12:00"))
    assert (session.start, session.end) == (at("2026-11-20T20:00"), at("2026-11-23T04:00"))
    assert not session.is_open


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2026-03-06T14:30:00Z", Kind.REGULAR),  # winter: 09:30 is 14:30 UTC
        ("2026-03-06T14:29:59Z", Kind.PRE),
        ("2026-03-09T13:30:00Z", Kind.REGULAR),  # summer time since the day before
        ("2026-03-09T13:29:59Z", Kind.PRE),
    ],
)
def test_summer_time_moves_the_sessions(text: str, kind: Kind) -> None:
    assert NYSE.session_at(parse_rfc3339(text)).kind is kind


def test_the_exchanges_date_is_new_yorks() -> None:
    assert NYSE.exchange_date(parse_rfc3339("2026-11-24T04:59:59.999999999Z")) == date(2026, 11, 23)
    assert NYSE.exchange_date(parse_rfc3339("2026-11-24T05:00:00Z")) == date(2026, 11, 24)


@pytest.mark.parametrize("local", ["2014-12-30T12:00", "2031-07-04T12:00"])
def test_outside_of_the_known_years_it_says_so(local: str) -> None:
    session = NYSE.session_at(at(local))
    assert not session.known
    assert session.kind is Kind.REGULAR, "a guess: every weekday"


def test_the_library_agrees_about_every_day() -> None:
    library = exchange_calendars.get_calendar("XNYS", start=FIRST_DAY.isoformat(), end=LAST_DAY.isoformat())
    closes = {row.close.tz_convert(_NEW_YORK).date(): row for row in library.schedule.itertuples()}
    for n in range(DAYS + 1):
        day = FIRST_DAY + timedelta(days=n)
        assert NYSE.is_trading_day(day) == (day in closes), day
        if day in closes:
            regular = NYSE.session_at(at(f"{day}T11:00"))
            assert regular.kind is Kind.REGULAR
            assert (regular.start, regular.end) == (closes[day].open.value, closes[day].close.value), day
            assert NYSE.is_half_day(day) == (regular.end == at(f"{day}T13:00"))


@given(st.integers(at("2015-01-02T00:00"), at("2030-12-30T00:00")))
def test_a_time_lies_in_its_session_and_the_next_begins_where_it_ends(ns: int) -> None:
    session = NYSE.session_at(ns)
    assert session.start <= ns < session.end == NYSE.next_change(ns)
    following = NYSE.session_at(session.end)
    assert following.start == session.end
    assert following.kind is not session.kind
    assert NYSE.session_at(session.start) == session == NYSE.session_at(session.end - 1)


def test_the_sessions_of_a_year_follow_each_other_without_a_gap() -> None:
    begin, end = at("2026-01-01T00:00"), at("2027-01-01T00:00")
    changes = [begin]
    while changes[-1] < end:
        changes.append(NYSE.next_change(changes[-1]))
    assert all(a < b for a, b in pairwise(changes))
    kinds = [NYSE.session_at(ns).kind for ns in changes[: bisect.bisect(changes, end)]]
    assert kinds.count(Kind.REGULAR) == 251
