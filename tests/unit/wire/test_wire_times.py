"""Times: all nine digits, there and back, and nothing taken for a time that is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.wire.times import NS_PER_S, format_rfc3339, parse_rfc3339

# from the year 1 to the year 9999
NS = st.integers(-62135596800 * NS_PER_S, 253402300800 * NS_PER_S - 1)


@given(NS)
def test_a_time_survives_the_way_to_text_and_back(ns: int) -> None:
    assert parse_rfc3339(format_rfc3339(ns)) == ns


@given(NS, st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_an_offset_names_the_same_moment(ns: int, minutes: int) -> None:
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    text = format_rfc3339(ns)[:-1] + f"{sign}{size // 60:02}:{size % 60:02}"
    assert parse_rfc3339(text) == ns - minutes * 60 * NS_PER_S


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 999))
def test_the_digits_are_those_of_the_text(moment: datetime, last: int) -> None:
    text = moment.strftime("%Y").zfill(4) + moment.strftime("-%m-%dT%H:%M:%S") + f".{moment.microsecond:06}{last:03}Z"
    assert parse_rfc3339(text) % NS_PER_S == moment.microsecond * 1000 + last


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-08-08T23:54:15.342Z", 1723161255_342000000),
        ("2024-08-08T23:54:15.342000001Z", 1723161255_342000001),
        ("2024-08-08t23:54:15z", 1723161255_000000000),
        ("2024-08-08T23:54:15.9+00:00", 1723161255_900000000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-02-29T00:00:00Z", 1709164800_000000000),
    ],
)
def test_known_times(text: str, ns: int) -> None:
    assert parse_rfc3339(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "", "Z", "now", "2024-08-08", "2024-08-08T23:54:15", "2024-08-08 23:54:15Z", "2024-08-08T23:54:15.Z",
        "2024-08-08T23:54:15.1234567890Z", "2024-08-08T23:54:15.12_3Z", "2024-08-08T23:54:15. 12Z",
        "2024-08-08T23:54:15.+12Z", "2024-08-08T23:54:15.\u0661Z", "2024-13-08T23:54:15Z", "2023-02-29T23:54:15Z",
        "2024-08-08T24:54:15Z", "2024-08-08T23:60:15Z", "2024-08-08T23:54:60Z", "2024-08-08T23:54+01Z",
        "2024-08-08T235415.1Z", "2024-W32-4T23:54:15Z", "2024-08-08T23:54:15+0100", "2024-08-08T23:54:15+24:00",
        "2024-08-08T23:54:15+01:60", "2024-08-08T23:54:15ZZ", "2024-08-08T23:54:15Z\n", "0000-01-01T00:00:00Z",
        "2024-08-08T23:54,15Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not (a point in time|an RFC 3339 time)"):
        parse_rfc3339(text)


@given(st.text(alphabet="0123456789-:T.Z+ ", min_size=15, max_size=35))
def test_whatever_is_read_is_written_the_same_way(text: str) -> None:
    try:
        ns = parse_rfc3339(text)
    except ValueError:
        return
    assert parse_rfc3339(format_rfc3339(ns)) == ns


def test_as_many_digits_as_needed_are_written() -> None:
    assert format_rfc3339(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert format_rfc3339(1_000_000_000) == "1970-01-01T00:00:01Z"
    assert format_rfc3339(1) == "1970-01-01T00:00:00.000000001Z"
