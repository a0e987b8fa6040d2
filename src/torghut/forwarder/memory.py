"""Keeping the process small with glibc's allocator.

A repair allocates much for a short time, in several threads. glibc gives each thread an arena of its own and keeps
what is freed there: after a day of repairs the process would be several times its working size. Elsewhere than on
glibc nothing is done.
"""

from __future__ import annotations

import ctypes
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
