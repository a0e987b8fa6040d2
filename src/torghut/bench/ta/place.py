"""Where the job is measured: Kafka and MinIO of our own, and a copy of the job's code."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torghut.bench.arena import Arena
from torghut.platform.artifacts import cache_directory
from torghut.stack.components import JobComponents, locate
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, follow, up
from torghut.stack.submission import submit, tags

_TAG: Final = "bench"
_STORES: Final = ("kafka", "minio")
READY_S: Final = 300.0


@dataclass(frozen=True)
class Place:
    """A stack without a job, what jobs need, and where their code is."""

    arena: Arena
    components: JobComponents
    code: Path
    script: Path

    @property
    def stack(self) -> RunningStack:
        """Kafka and MinIO."""
        return self.arena.stack


@contextmanager
def place(report: Callable[[str], None]) -> Iterator[Place]:
    """A stack in a temporary home that ends with the context. Never the running one: its job would be disturbed.

    Raises:
        StackError, PlatformError: something that the job needs cannot be had here.
    """
    with tempfile.TemporaryDirectory(prefix="torghut-bench-") as name:
        home = Home(Path(name) / "home")
        try:
            up(home, Wish(only=_STORES), report, leash=True)
            # Installs the code and starts the object store; the job's own processes are not among `only`.
            follow(home, submit(home, _TAG, report=report), report, READY_S)
            installed = tags(home)
            arena = Arena(RunningStack(home), Path(name), own=True)
            yield Place(arena, locate(cache_directory()), installed.code(_TAG), installed.script(_TAG))
        finally:
            down(home, lambda _: None)
