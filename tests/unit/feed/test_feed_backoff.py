"""Delays grow, are capped, are drawn at random, and begin anew after a stable session."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.feed.backoff import NEW_KEYS, RECONNECT, STAND_BY, Backoff, Schedule
from torghut.feed.errors import Recovery


class _Highest(Random):
    """Draws the upper end, always."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return b


class _Lowest(Random):
    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002
        return a


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    backoff = Backoff(_Highest(), Schedule(first_s=0.5, cap_s=3.0))
    assert [backoff.failed(Recovery.RECONNECT, 0.0) for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@given(st.integers(0, 2**32), st.integers(1, 10_000), st.sampled_from([RECONNECT, STAND_BY, NEW_KEYS]))
def test_a_delay_is_between_its_floor_and_its_cap(seed: int, attempt: int, schedule: Schedule) -> None:
    ceiling = min(schedule.cap_s, schedule.first_s * 2.0 ** min(attempt - 1, 60))
    assert schedule.floor * ceiling <= schedule.delay_s(attempt, Random(seed)) <= min(ceiling, 30.0)


@pytest.mark.parametrize("recovery", [Recovery.STAND_BY, Recovery.SLOW_RETRY_WITH_NEW_KEYS])
def test_a_server_that_said_no_is_never_asked_in_a_hot_loop(recovery: Recovery) -> None:
    backoff = Backoff(_Lowest())
    delays = [backoff.failed(recovery, 0.0) for _ in range(6)]
    assert delays[0] >= 0.5
    assert delays == sorted(delays)


def test_kinds_of_failure_are_counted_apart() -> None:
    backoff = Backoff(_Highest())
    backoff.failed(Recovery.RECONNECT, 0.0)
    assert backoff.failed(Recovery.STAND_BY, 0.0) == STAND_BY.first_s
    assert backoff.attempt == 2


def test_a_stable_session_makes_failures_forgotten() -> None:
    backoff = Backoff(_Highest(), stable_after_s=30.0)
    for _ in range(4):
        backoff.failed(Recovery.RECONNECT, 0.0)
    backoff.streaming(100.0)
    assert backoff.failed(Recovery.RECONNECT, 130.0) == RECONNECT.first_s
    assert backoff.attempt == 1


def test_a_session_that_lived_shortly_does_not() -> None:
    backoff = Backoff(_Highest(), stable_after_s=30.0)
    backoff.failed(Recovery.RECONNECT, 0.0)
    backoff.streaming(100.0)
    assert backoff.failed(Recovery.RECONNECT, 129.0) == 2 * RECONNECT.first_s


def test_stability_counts_for_the_session_that_had_it_only() -> None:
    backoff = Backoff(_Highest(), stable_after_s=30.0)
    backoff.streaming(0.0)
    backoff.failed(Recovery.RECONNECT, 100.0)
    assert backoff.failed(Recovery.RECONNECT, 200.0) == 2 * RECONNECT.first_s


def test_what_is_final_is_never_tried_again() -> None:
    assert Backoff(Random(1)).failed(Recovery.FINAL, 0.0) == float("inf")


def test_a_recovery_that_keeps_the_connection_has_no_delay() -> None:
    with pytest.raises(ValueError, match="KEEP"):
        Backoff(Random(1)).failed(Recovery.KEEP, 0.0)
