from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from torghut.platform.waiting import Deadline, backoff, wait_until


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_first_answer_ends_the_wait() -> None:
    time, answers = Time(), iter([None, None, "up"])
    assert wait_until(lambda: next(answers), 5, "an answer", 0.1, clock=time, sleep=time.sleep) == "up"
    assert time.now == pytest.approx(100.2)


def test_zero_and_empty_are_answers() -> None:
    assert wait_until(lambda: 0, 1, "a number") == 0


def test_false_is_not_an_answer() -> None:
    time = Time()
    with pytest.raises(TimeoutError):
        wait_until(lambda: False, 1, "truth", clock=time, sleep=time.sleep)


def test_a_timeout_names_what_was_waited_for() -> None:
    time = Time()
    with pytest.raises(TimeoutError, match=r"waited 1.5 s for the broker"):
        wait_until(lambda: None, 1.5, "the broker", clock=time, sleep=time.sleep)
    assert time.now == pytest.approx(101.5)


def test_the_probe_is_asked_even_with_no_time() -> None:
    assert wait_until(lambda: "there", 0, "it") == "there"


def test_the_probe_is_asked_once_more_at_the_deadline() -> None:
    time = Time()
    assert wait_until(lambda: time.now >= 101.0 or None, 1.0, "it", 10.0, clock=time, sleep=time.sleep) is True


def test_a_deadline_is_shared_by_steps() -> None:
    time = Time()
    deadline = Deadline.after(2.0, time)
    time.sleep(1.5)
    assert deadline.remaining_s == pytest.approx(0.5)
    time.sleep(1.0)
    assert deadline.remaining_s == 0.0
    assert deadline.expired


def test_delays_stay_under_a_doubling_ceiling_and_its_cap() -> None:
    delays = list(islice(backoff(1.0, 8.0, Random(7)), 50))
    assert all(0 <= d <= c for d, c in zip(delays, [1, 2, 4, 8] + [8] * 46, strict=True))
    assert max(delays) > 4


def test_two_clients_draw_different_delays() -> None:
    assert list(islice(backoff(1, 8, Random(1)), 3)) != list(islice(backoff(1, 8, Random(2)), 3))
