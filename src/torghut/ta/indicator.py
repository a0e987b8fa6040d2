"""What an indicator is: a named, versioned step over an immutable state.

`step(state, bar, context)` gives the next state and the value, and changes nothing. So a provisional value is a step
whose state is dropped, a revision is the same steps again from an earlier state, and an error leaves no half-made
state behind. State is whatever msgspec can encode; an indicator whose state is not so plain has its own `dump` and
`load`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from torghut.ta.bars import SecondBar
from torghut.ta.quotes import Quote
from torghut.ta.sessions import Session

Value: TypeAlias = float | dict[str, float | None] | None
"""One number or several named ones. None: not defined (yet). Never NaN or infinite."""


class Context(msgspec.Struct, frozen=True, gc=False):
    """What else is known of a bar: its trading session, and the quote that stood when it closed."""

    session: Session
    quote: Quote | None = None


S = TypeVar("S")


class Indicator(Protocol[S]):
    """One indicator. `name` is its key in the record; raise `version` when states of before cannot be read."""

    @property
    def name(self) -> str:
        """Unique; a Python identifier."""

    @property
    def version(self) -> int:
        """Of the state's form and meaning."""

    def start(self) -> S:
        """The state before the first bar."""

    def step(self, state: S, bar: SecondBar, context: Context) -> tuple[S, Value]:
        """The state after the bar, and the value at its end. Bars come in ascending order, with gaps.

        A bar whose `close` is None moves no price: give the value again that stands. Must be deterministic.
        """

    def dump(self, state: S) -> bytes:
        """The state as bytes."""

    def load(self, data: bytes) -> S:
        """The state of the bytes. Raises msgspec.MsgspecError or ValueError when they are something else."""


class PlainState(Generic[S]):
    """`dump` and `load` for an indicator whose state is of `state_type`, as msgspec encodes it."""

    state_type: ClassVar[Any]

    def dump(self, state: S) -> bytes:
        """The state as MessagePack."""
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> S:
        """The state of the bytes. Raises msgspec.MsgspecError when they are something else."""
        state: S = msgspec.msgpack.decode(data, type=self.state_type)
        return state
