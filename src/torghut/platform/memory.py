"""Keeping the process small, and the garbage collector out of the way.

A repair allocates much for a short time, in several threads. glibc gives each thread an arena of its own and keeps
what is freed there: after a day of repairs the process would be several times its working size. Elsewhere than on
glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2

_libc: Final = ctypes.CDLL(None)


def bound_arenas() -> None:
    """Let all threads share two arenas. To be called before the threads start."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return free memory to the system. Takes milliseconds."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


def calm_collector() -> None:
    """Make collections rare and short. To be called once, when everything that stays was made.

    For programs whose hot path makes many values that live for a while and have no cycles: with the defaults the
    collector looks at all of them again and again (a quarter of the forwarder's time with 200,000 records waiting,
    pauses of 0.15 s).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 4, 1_000)
