"""Errors of this room: `BenchError` is the only one."""

from __future__ import annotations


class BenchError(Exception):
    """A measurement could not be made, or its figure would be false. Says why."""
