"""Several leases on one folder, stopped and killed between any two of their steps: never two holders.

Each actor runs the real code in a thread of its own. Every system call and every look at the clock first waits for
its turn, and the test decides whose turn it is, how much time passes, and who dies.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Generator
from pathlib import Path, PosixPath
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torghut.forwarder import lease as lease_module
from torghut.forwarder.lease import FileLease, LeaseLost

TTL_S: Final = 8.0
ACTORS: Final = 3


class Killed(BaseException):
    """The process is gone; nothing it would still do happens."""


class Actor:
    """A process with a lease: takes it when it can, renews it, gives it up when it has lost."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.lease = FileLease(SteppedPath(path), f"actor-{number}", TTL_S)
        self.alive = True
        self.descriptors: set[int] = set()
        self._turn, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Run up to the next system call."""
        self._turn.release()
        self._done.acquire()

    def wait_for_turn(self) -> None:
        """Called by the actor before every step. Also the clean-up of one who was killed does not happen."""
        if self.alive:
            self._done.release()
            self._turn.acquire()
        if not self.alive:
            raise Killed

    def kill(self) -> None:
        """The kernel closes what it had open; what it was about to do never happens."""
        self.alive = False
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()
        self.lease._term = 0
        self._turn.release()
        self._thread.join()

    @property
    def holds(self) -> bool:
        return self.alive and self.lease._term > 0 and self.lease._until > world.now

    def _run(self) -> None:
        world.actors[threading.get_ident()] = self
        self._turn.acquire()
        try:
            while True:
                self._live()
        except Killed:
            pass

    def _live(self) -> None:
        while not self.lease.acquire():
            self.wait_for_turn()
        try:
            while True:
                self.lease.renew()
        except LeaseLost:
            self.lease._term = 0  # a new process begins


class World:
    """Time, and who is who."""

    def __init__(self) -> None:
        self.now = 0.0
        self.actors: dict[int, Actor] = {}

    def turn(self) -> Actor | None:
        actor = self.actors.get(threading.get_ident())
        if actor is not None:
            actor.wait_for_turn()
        return actor


world = World()


def stepped(call: Callable[..., Any]) -> Callable[..., Any]:
    def step(*arguments: Any, **options: Any) -> Any:
        world.turn()
        return call(*arguments, **options)

    return step


def opening(*arguments: Any) -> int:
    actor = world.turn()
    descriptor = os.open(*arguments)
    if actor is not None:
        actor.descriptors.add(descriptor)
    return descriptor


def closing(descriptor: int) -> None:
    actor = world.turn()
    os.close(descriptor)
    if actor is not None:
        actor.descriptors.discard(descriptor)


def getpid() -> int:
    actor = world.actors.get(threading.get_ident())
    return 0 if actor is None else actor.number


class SteppedPath(PosixPath):
    """Paths whose system calls wait for their turn."""

    unlink = stepped(Path.unlink)
    mkdir = stepped(Path.mkdir)
    open = stepped(Path.open)

    def iterdir(self) -> Generator[SteppedPath, None, None]:
        """A folder is not listed in one moment: only what is there all the while is surely found."""
        world.turn()
        before = set(super().iterdir())
        world.turn()
        yield from sorted(before & set(super().iterdir()))


@pytest.fixture(autouse=True)
def _stepped_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {name: stepped(getattr(os, name)) for name in ("pwrite", "write", "link", "ftruncate")}
    constants = {name: getattr(os, name) for name in ("O_RDWR", "O_CREAT", "O_TRUNC", "O_EXCL")}
    fake = SimpleNamespace(**calls, **constants, open=opening, close=closing, getpid=getpid)
    monkeypatch.setattr(lease_module, "os", fake)
    monkeypatch.setattr(fcntl, "flock", stepped(fcntl.flock))
    monkeypatch.setattr(lease_module, "boot_clock", stepped(lambda: world.now))


# Long runs of one actor with rare interruptions find more than fair turns: what breaks a lease is a long pause.
runs = st.lists(
    st.tuples(
        st.integers(0, ACTORS - 1), st.integers(1, 20), st.sampled_from([0.0, 0.0, 0.5, 3.0, 9.0]), st.booleans()
    ),
    max_size=25,
)


def holders(actors: list[Actor]) -> list[str]:
    return [actor.lease._holder for actor in actors if actor.holds]


@settings(deadline=None, max_examples=200, derandomize=True)
@given(runs)
def test_two_never_hold_the_lease_at_once(steps: list[tuple[int, int, float, bool]]) -> None:
    world.__init__()  # type: ignore[misc]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lease"
        actors = [Actor(number, path) for number in range(ACTORS)]
        try:
            for number, count, pause, dies in steps:
                for _ in range(count):
                    actors[number].step()
                    assert len(holders(actors)) <= 1
                world.now += pause
                if dies:
                    actors[number].kill()
                    actors[number] = Actor(number, path)
        finally:
            for actor in actors:
                actor.kill()
