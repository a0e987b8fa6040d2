"""Somebody's yes before what cannot be undone."""

from __future__ import annotations

from typing import Protocol


class Approver(Protocol):
    """Asks whoever may say yes."""

    def approves(self, question: str) -> bool:
        """Whether it was granted; False also when nobody can be asked."""
        ...


class Always:
    """`--yes`."""

    def approves(self, question: str) -> bool:  # noqa: ARG002 - whatever it is
        """Yes."""
        return True


class Nobody:
    """No terminal and no `--yes`."""

    def approves(self, question: str) -> bool:  # noqa: ARG002 - whatever it is
        """No."""
        return False
