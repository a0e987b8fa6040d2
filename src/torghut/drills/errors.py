"""Errors of drills.

DrillError   the drill could not be played: no stack, no simulator, a condition that was never detected
"""

from __future__ import annotations


class DrillError(Exception):
    """A drill could not be played. What it broke was put back as far as it went."""
