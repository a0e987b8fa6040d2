"""How the processes of a measurement talk: one JSON object a line, on stdin and stdout.

A source of load (the blaster, or a producer that brings its own records) says `listening`, then `ready` when it could
begin; it waits for a line, begins, and says `done`. `Stage` is the side that directs.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

import msgspec

from torghut.bench.errors import BenchError
from torghut.platform.processes import die_with

Word: TypeAlias = Literal["listening", "ready", "done"]

GRACE_S: Final = 15.0


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a process says. `port` where it listens; `base` when its load begins (event time, ns); `took_s` seconds."""

    word: Word
    port: int = 0
    base: int = 0
    took_s: float = 0.0


def say(said: Said) -> None:
    """Tell the director."""
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def leave_with_director() -> None:
    """Make this process end when the one that started it does, however that ends."""
    die_with(os.getppid())


class Stage:
    """A process of a measurement. Leaving the context ends it."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> None:
        """Start `python -m module arguments` with nothing of our environment but the search path."""
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={"PATH": os.environ.get("PATH", ""), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        self._out, self._in = self._process.stdout, self._process.stdin
        self._module = module

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def hear(self, word: Word, deadline_s: float) -> Said:
        """Wait for the process to say `word`.

        Raises:
            BenchError: it said something else, nothing in time, or ended.
        """
        said = self.listen(word, deadline_s)
        if said is None:
            raise BenchError(f"{self._module} did not say {word!r} within {deadline_s:g} s; see {self.log}")
        return said

    def listen(self, word: Word, seconds: float) -> Said | None:
        """The same, but None when it says nothing within that time.

        Raises:
            BenchError: it said something else, or ended.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if not selector.select(seconds):
                return None
        line = self._out.readline()
        if not line:
            raise BenchError(f"{self._module} ended before it said {word!r}: {self._last_words()}")
        said = msgspec.json.decode(line, type=Said)
        if said.word != word:
            raise BenchError(f"{self._module} said {said.word!r}, wanted {word!r}; see {self.log}")
        return said

    def go(self, order: str = "go") -> None:
        """Let it begin; `order` is what it reads."""
        self._in.write(order.encode() + b"\n")
        self._in.flush()

    def check(self) -> None:
        """Raise BenchError if the process has ended."""
        if self._process.poll() is not None:
            raise BenchError(f"{self._module} ended by itself: {self._last_words()}")

    def end(self) -> None:
        """SIGTERM, and SIGKILL if it does not leave."""
        self._process.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._in.close()
        self._out.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it left no message"
