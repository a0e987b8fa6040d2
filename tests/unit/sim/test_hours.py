from __future__ import annotations

import pytest

from torghut.sim.hours import hour_at
from torghut.wire.times import parse_rfc3339


@pytest.mark.parametrize(
    ("moment", "regular"),
    [
        ("2024-01-02T14:29:59.999999999Z", False),
        ("2024-01-02T14:30:00Z", True),
        ("2024-01-02T20:59:59.999999999Z", True),
        ("2024-01-02T21:00:00Z", False),
        ("2024-07-02T13:30:00Z", True),  # summer time
        ("2024-01-01T15:00:00Z", False),  # a holiday
        ("2024-01-06T15:00:00Z", False),  # a Saturday
        ("2024-07-03T17:30:00Z", False),  # a half day
    ],
)
def test_the_regular_session_is_new_yorks(moment: str, regular: bool) -> None:  # noqa: FBT001 - a row of the table
    assert hour_at(parse_rfc3339(moment)).regular_session is regular


def test_the_edges_of_the_session_are_the_busiest() -> None:
    activity = [hour_at(parse_rfc3339(f"2024-01-02T{time}:00Z")).activity for time in ("14:30", "18:00", "20:59")]
    assert activity[0] == activity[2] > activity[1]


def test_closed_markets_are_even() -> None:
    assert hour_at(parse_rfc3339("2024-01-06T15:00:00Z")).activity == 1.0
