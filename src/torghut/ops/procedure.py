"""What a procedure gives to the kernel, and what the kernel gives back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from torghut.ops.step import Step


class Rollback(StrEnum):
    """When a failed run takes back what it did."""

    NEVER = "never"
    ON_FAILURE = "on failed verification"
    ASK = "always ask"


@dataclass(frozen=True)
class Input:
    """Something a procedure wants to be told. A secret comes from a prompt, a file or stdin, never as an argument."""

    name: str
    help: str
    secret: bool = False
    default: str | None = None
    """None: it must be given."""


@dataclass(frozen=True)
class Request:
    """What is asked for. `secrets` are not part of its `repr`."""

    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Basis:
    """What a procedure found before it touches anything, and all that it will need.

    Attributes:
        facts: what was found; recorded in the journal, so never a secret. Its steps see them.
        assumed: those of the facts that must still hold when a plan is run (a digest of the secret to be replaced).
        secrets: sealed until the run ends: the new ones, and the old ones that an undo needs.
        needs: what it needs, for the plan.
        interruption: what its users will notice, for the plan.
        notes: what one should know before saying yes.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    needs: tuple[str, ...] = ()
    interruption: str = "none"
    notes: tuple[str, ...] = ()


class Case:
    """One run as its steps see it. `facts` grows with what the steps saw; read it when acting, not when building."""

    def __init__(
        self, run_id: str, options: Mapping[str, str], facts: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        self.run_id = run_id
        self.options = options
        self.facts: dict[str, str] = dict(facts)
        self._secrets = secrets

    def secret(self, name: str) -> str:
        """A sealed secret of this run."""
        return self._secrets[name]

    def token(self, step: str) -> str:
        """The mark that an effect of this run's `step` carries, so that its check recognises it."""
        return f"{self.run_id}/{step}"


class Procedure(Protocol):
    """One procedure: its name and policy, what it finds, and its steps."""

    @property
    def name(self) -> str:
        """As on the command line."""
        ...

    @property
    def title(self) -> str:
        """What it is for, one sentence."""
        ...

    @property
    def rollback(self) -> Rollback:
        """When a failed run is taken back."""
        ...

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What it wants to be told."""
        ...

    def prepare(self, request: Request) -> Basis:
        """Look, change nothing.

        Raises:
            PreconditionError: it cannot be run now, and why.
        """
        ...

    def steps(self, case: Case) -> tuple[Step, ...]:
        """The steps, made from the record alone: the same for whoever continues the run."""
        ...
