"""At most one holder at any moment, whoever pauses or dies wherever; and the next one soon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from torghut.forwarder.lease import FileLease, LeaseLost
from torghut.platform.waiting import wait_until

TTL_S = 30.0
HOLDER = """
import sys
from pathlib import Path
from torghut.forwarder.lease import FileLease, LeaseLost
lease = FileLease(Path(sys.argv[1]), "other", float(sys.argv[2]))
print(lease.acquire(), flush=True)
for line in sys.stdin:
    try:
        lease.renew()
        print("renewed", lease.remaining_s() > 0, flush=True)
    except LeaseLost:
        print("lost", lease.remaining_s() > 0, flush=True)
"""


class Clock:
    """The boot clock, under the test's control."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("torghut.forwarder.lease.boot_clock", clock)
    return clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "forwarder.lease"


def lease(path: Path, name: str = "one", ttl_s: float = TTL_S) -> FileLease:
    return FileLease(path, name, ttl_s)


def held(path: Path, name: str = "one", ttl_s: float = TTL_S) -> FileLease:
    taken = lease(path, name, ttl_s)
    assert taken.acquire()
    return taken


class Other:
    """A holder in a process of its own, which can be killed and paused for real."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask_to_renew(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("renew\n")
        self.process.stdin.flush()

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def wake(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def other_holder(path: Path, ttl_s: float) -> Iterator[Other]:
    command = [sys.executable, "-c", HOLDER, str(path), str(ttl_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        other = Other(process)
        try:
            assert other.line() == "True"
            yield other
        finally:
            process.kill()


def test_a_free_lease_is_taken_at_once(path: Path, clock: Clock) -> None:
    assert held(path).remaining_s() == TTL_S
    assert clock.now == 1_000.0


def test_nobody_gets_a_lease_that_is_held(path: Path) -> None:
    first, second = held(path), lease(path, "two")
    assert not second.acquire()
    assert second.remaining_s() <= 0
    assert first.remaining_s() > 0


def test_the_holder_cannot_take_it_twice(path: Path) -> None:
    assert not held(path).acquire()


def test_a_renewal_extends_the_lease_from_now(path: Path, clock: Clock) -> None:
    mine = held(path)
    clock.now += 10
    assert mine.remaining_s() == TTL_S - 10
    mine.renew()
    assert mine.remaining_s() == TTL_S


def test_a_renewed_lease_keeps_others_out_past_its_first_end(path: Path, clock: Clock) -> None:
    mine = held(path)
    clock.now += TTL_S - 1
    mine.renew()
    clock.now += TTL_S - 1
    assert not lease(path, "two").acquire()


def test_a_lease_that_nobody_renews_is_taken_when_its_time_is_up_and_not_before(path: Path, clock: Clock) -> None:
    held(path)  # keeps its kernel lock as long as the test: a paused process
    waiting = lease(path, "two")
    clock.now += TTL_S - 0.001
    assert not waiting.acquire()
    clock.now += 0.001
    assert waiting.acquire()


def test_a_holder_that_wakes_too_late_has_lost_also_without_a_successor(path: Path, clock: Clock) -> None:
    mine = held(path)
    clock.now += TTL_S
    assert mine.remaining_s() <= 0
    with pytest.raises(LeaseLost, match="one"):
        mine.renew()


def test_a_holder_that_wakes_too_late_does_not_disturb_its_successor(path: Path, clock: Clock) -> None:
    mine = held(path)
    clock.now += TTL_S
    successor = held(path, "two")
    with pytest.raises(LeaseLost):
        mine.renew()
    mine.release()
    successor.renew()
    assert not lease(path, "three").acquire()


def test_a_holder_with_a_successor_has_lost_even_if_its_clock_disagrees(path: Path, clock: Clock) -> None:
    mine = held(path)
    clock.now += TTL_S
    held(path, "two")
    clock.now -= 1
    with pytest.raises(LeaseLost, match="another"):
        mine.renew()


def test_a_renewal_during_which_the_time_ran_out_does_not_count(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([1_000.0, 1_000.0 + TTL_S - 1, *[1_000.0 + TTL_S + 1] * 5])  # a pause between the first two in `renew`
    monkeypatch.setattr("torghut.forwarder.lease.boot_clock", lambda: next(looks))
    mine = held(path)
    with pytest.raises(LeaseLost, match="ran out"):
        mine.renew()


def test_one_who_looks_while_the_holder_renews_in_time_does_not_get_it(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = held(path)

    def look() -> float:
        monkeypatch.setattr("torghut.forwarder.lease.boot_clock", clock)
        clock.now += TTL_S - 1
        mine.renew()
        clock.now += 2
        monkeypatch.setattr("torghut.forwarder.lease.boot_clock", look)
        return clock.now

    monkeypatch.setattr("torghut.forwarder.lease.boot_clock", look)
    assert not lease(path, "two").acquire()


def test_what_outlasts_a_killed_holder_keeps_others_out_until_its_end(path: Path, clock: Clock) -> None:
    mine = held(path)
    mine.outlast(100.0)
    mine.renew()
    os.close(mine._descriptor)  # as the kernel does with a killed process
    clock.now += 99.9
    assert not lease(path, "two").acquire()
    clock.now += 0.1
    assert lease(path, "two").acquire()


def test_what_outlasts_a_paused_holder_is_waited_for_and_does_not_lengthen_its_own_term(
    path: Path, clock: Clock
) -> None:
    mine = held(path)
    mine.outlast(2 * TTL_S)
    mine.renew()
    assert mine.remaining_s() == TTL_S
    clock.now += TTL_S
    assert not lease(path, "two").acquire()
    clock.now += TTL_S
    assert lease(path, "two").acquire()


def test_who_leaves_in_order_leaves_what_outlasts_it(path: Path, clock: Clock) -> None:
    mine = held(path)
    mine.outlast(50.0)
    clock.now += 10
    mine.release()
    clock.now += 39.9
    assert not lease(path, "two").acquire()
    clock.now += 0.1
    assert lease(path, "two").acquire()


def test_what_outlasts_nothing_any_more_costs_nothing(path: Path, clock: Clock) -> None:
    mine = held(path)
    mine.outlast(5.0)
    mine.renew()
    clock.now += 5.0
    mine.release()
    assert lease(path, "two").acquire()


def test_after_a_restart_of_the_machine_nothing_outlasts(path: Path, clock: Clock) -> None:
    mine = held(path)
    mine.outlast(500.0)
    mine.release()
    clock.now = 3.0
    assert lease(path, "two").acquire()


def test_one_who_never_held_cannot_renew(path: Path) -> None:
    with pytest.raises(LeaseLost):
        lease(path).renew()


def test_a_released_lease_is_free_at_once(path: Path) -> None:
    held(path).release()
    assert lease(path, "two").acquire()


def test_one_who_released_holds_nothing(path: Path) -> None:
    mine = held(path)
    mine.release()
    assert mine.remaining_s() <= 0
    with pytest.raises(LeaseLost):
        mine.renew()


def test_releasing_what_is_not_held_is_harmless(path: Path) -> None:
    mine = held(path)
    lease(path, "two").release()
    assert not lease(path, "three").acquire()
    mine.release()
    mine.release()


def test_the_same_lease_can_be_taken_again_after_a_release(path: Path) -> None:
    mine = held(path)
    mine.release()
    assert mine.acquire()
    mine.renew()


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 512, b'{"holder":"x"}', b"not a record"])
def test_a_file_that_nobody_holds_is_vacant_whatever_it_says(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.with_name("forwarder.lease.7").write_bytes(content)
    held(path).renew()


def test_files_that_are_no_terms_are_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    strangers = [path.with_name(name) for name in ("forwarder.lease", "forwarder.lease.bak", "forwarder.lease2.9")]
    for stranger in strangers:
        stranger.write_text("mine")
    held(path).renew()
    assert all(stranger.exists() for stranger in strangers)


def test_a_path_with_characters_of_patterns_works(tmp_path: Path) -> None:
    path = tmp_path / "lease[1]*"
    mine = held(path)
    mine.renew()
    assert not lease(path, "two").acquire()


def test_old_terms_are_cleared_away(path: Path) -> None:
    for _ in range(20):
        held(path).release()
    assert len(list(path.parent.iterdir())) <= 3


def test_the_record_is_readable_by_the_owner_only(path: Path) -> None:
    held(path)
    assert [file.stat().st_mode & 0o777 for file in path.parent.iterdir()] == [0o600]


def test_a_killed_holder_is_succeeded_at_once(path: Path) -> None:
    with other_holder(path, ttl_s=1000) as other:
        mine = lease(path)
        assert not mine.acquire()
        other.kill()
        assert mine.acquire()


def test_a_paused_holder_is_succeeded_when_its_time_is_up_and_writes_nothing_when_it_wakes(path: Path) -> None:
    with other_holder(path, ttl_s=1.0) as other:
        other.ask_to_renew()
        assert other.line() == "renewed True"
        other.pause()
        mine = lease(path)
        assert not mine.acquire()
        wait_until(mine.acquire, 5.0, "the paused holder's time to be up", 0.02)
        other.ask_to_renew()
        other.wake()
        assert other.line() == "lost False"
