"""One symbol's bars and indicators, with what is needed to revise a bar that has been closed.

State is a *base* (the indicators' states at the revision horizon) and a *tail* (the seconds closed since then). The
states of now are the base stepped through the tail: a revision steps anew from the base, and a snapshot holds base
and tail only, so what a restored state goes on with is the same to the last bit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from torghut.ta import partial_forms
from torghut.ta.bars import Partial
from torghut.ta.errors import OutOfOrderError, StateVersionError, TooLateError
from torghut.ta.quotes import PackedQuote, Quote
from torghut.ta.suite import States, Suite
from torghut.wire.envelope import MicroBar, Signal

_VERSION: Final = 1
_BATCH_S: Final = 10


class Result(msgspec.Struct, frozen=True, gc=False):
    """One second's bar and signal, to be written. `second` is the window's start, since the epoch.

    `ingest_ts` (ns) is the newest print's that contributed, of this second or of the one whose revision led here.
    """

    second: int
    revision: int
    ingest_ts: int
    bar: MicroBar
    signal: Signal


class _Closed(msgspec.Struct, frozen=True):
    """A second of the tail. `quote` is the one that its signal was made with; `packed` the state form of all."""

    partial: Partial
    quote: Quote | None
    revision: int
    packed: bytes

    @classmethod
    def of(cls, partial: Partial, quote: Quote | None, revision: int) -> _Closed:
        packed = msgspec.msgpack.encode((partial_forms.pack(partial), quote and quote.pack(), revision))
        return cls(partial, quote, revision, packed)

    @classmethod
    def unpack(cls, packed: bytes) -> _Closed:
        partial, quote, revision = msgspec.msgpack.decode(packed, type=tuple[bytes, PackedQuote | None, int])
        return cls(partial_forms.unpack(partial), quote and Quote.unpack(quote), revision, packed)

    @property
    def second(self) -> int:
        return self.partial.second


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    last: int
    base: bytes
    base_second: int
    tail: list[bytes]


class SignalState:
    """Bars and indicators of one symbol. `revision_s`: for how many seconds after its end a second can be revised."""

    __slots__ = ("_base", "_base_packed", "_base_second", "_last", "_now", "_revision_s", "_suite", "_tail")

    def __init__(self, suite: Suite, revision_s: int = 60) -> None:
        self._suite = suite
        self._revision_s = revision_s
        self._base = self._now = suite.start()
        self._base_packed: bytes | None = None
        self._base_second = self._last = -1
        self._tail: deque[_Closed] = deque()

    @property
    def last_second(self) -> int:
        """The newest second with a bar; -1 before the first."""
        return self._last

    def preview(self, partial: Partial, quote: Quote | None, before: Iterable[Partial] = ()) -> tuple[MicroBar, Signal]:
        """Bar and signal of a second in progress, should it end like this. Changes nothing.

        `before`: earlier seconds that have prints but are not closed yet, ascending. Each costs a step.

        Raises:
            OutOfOrderError: this or a later second was closed already.
            IndicatorError: an indicator failed.
        """
        states, last = self._now, self._last
        for earlier in before:
            self._expect_after(last, earlier.second)
            states, _ = self._suite.step(states, earlier.finish(), None)
            last = earlier.second
        self._expect_after(last, partial.second)
        bar = partial.finish()
        return bar.values, self._suite.step(states, bar, quote)[1]

    @staticmethod
    def _expect_after(last: int, second: int) -> None:
        if second <= last:
            raise OutOfOrderError(f"wanted a second after {last}, got {second}")

    def apply(self, partial: Partial, quote: Quote | None) -> Result | None:
        """Close a second, with the quote that stands at its end. Seconds are closed in ascending order.

        Returns:
            What to write; None for a second without counted prints, which has no bar.

        Raises:
            OutOfOrderError: this or a later second was closed before; `late` is for that.
            IndicatorError: an indicator failed. The state is as before.
        """
        self._expect_after(self._last, partial.second)
        if not partial.n:
            return None
        bar = partial.finish()
        self._now, signal = self._suite.step(self._now, bar, quote)
        self._last = partial.second
        self._tail.append(_Closed.of(partial, quote, 0))
        self._advance_base()
        return Result(partial.second, 0, partial.ingest_ts, bar.values, signal)

    def _advance_base(self) -> None:
        """Step the base over what no print can change any more: the event time of `last` says how late it is.

        In batches, because a moved base must be encoded anew.
        """
        horizon = self._last - self._revision_s
        if not self._tail or self._tail[0].second >= horizon - _BATCH_S:
            return
        while self._tail and self._tail[0].second < horizon:
            closed = self._tail.popleft()
            self._base, _ = self._suite.step(self._base, closed.partial.finish(), closed.quote)
            self._base_packed, self._base_second = None, closed.second

    def closed(self, second: int) -> Partial | None:
        """What a closed second holds, while it can be revised; None when it has no bar."""
        return next((closed.partial for closed in self._tail if closed.second == second), None)

    def late(self, partial: Partial, quote: Quote | None) -> tuple[Result, ...]:
        """Prints that came after their second was closed: added to it, or a new bar of revision 0.

        `quote` is used for a new bar only; a bar that was closed keeps its own.

        Returns:
            What to write: this second and every later one whose bar or signal is another now, ascending.

        Raises:
            TooLateError: the second lies before the revision horizon.
            IndicatorError: an indicator failed. The state is as before.
        """
        known = self.closed(partial.second)
        return self.revise(partial if known is None else known.merge(partial), quote)

    def revise(self, partial: Partial, quote: Quote | None) -> tuple[Result, ...]:
        """Like `late`, but `partial` replaces what the second held: for a cancel, after which all is added up anew.

        An empty `partial` gives the revision with `n` = 0 of a bar that was, and nothing where no bar was. A cancel
        dates the revision when `Partial.empty(second, ingest_ts)` with its own time is merged in.
        """
        second = partial.second
        if second <= self._base_second:
            raise TooLateError(f"second {second} can no longer be revised: wanted one after {self._base_second}")
        tail = list(self._tail)
        at = bisect_left(tail, second, key=lambda closed: closed.second)
        known = tail[at] if at < len(tail) and tail[at].second == second else None
        if known is None and not partial.n:
            return ()
        first = _Closed.of(partial, known.quote, known.revision) if known else _Closed.of(partial, quote, 0)
        after = [first, *(tail[at + 1 :] if known else tail[at:])]
        states, _ = self._run(self._base, tail[:at])
        # The old values are computed again instead of kept: revisions are rare, and a signal takes more room than
        # the prints that it comes from.
        _, before = self._run(states, tail[at:])
        now, outcomes = self._run(states, after)
        results = []
        for index, closed in enumerate(after):
            was, outcome = before.get(closed.second), outcomes[closed.second]
            if was == outcome:
                continue
            if was is not None:
                after[index] = _Closed.of(closed.partial, closed.quote, closed.revision + 1)
            newest = max(closed.partial.ingest_ts, partial.ingest_ts)
            results.append(Result(closed.second, after[index].revision, newest, *outcome))
        self._now, self._tail, self._last = now, deque(tail[:at] + after), max(self._last, second)
        self._advance_base()
        return tuple(results)

    def standing(self, since: int) -> tuple[Result, ...]:
        """What was closed last for each second from `since` on that can still be revised, ascending."""
        _, outcomes = self._run(self._base, list(self._tail))
        return tuple(
            Result(closed.second, closed.revision, closed.partial.ingest_ts, *outcomes[closed.second])
            for closed in self._tail
            if closed.second >= since
        )

    def renumber(self, second: int, revision: int) -> None:
        """A closed second stands under another revision than was counted here: count on from there.

        A second that can no longer be revised is passed over.
        """
        for at, closed in enumerate(self._tail):
            if closed.second == second:
                self._tail[at] = _Closed.of(closed.partial, closed.quote, revision)

    def _run(self, states: States, tail: list[_Closed]) -> tuple[States, dict[int, tuple[MicroBar, Signal]]]:
        """The states after these seconds, and what each gave."""
        outcomes = {}
        for closed in tail:
            bar = closed.partial.finish()
            states, signal = self._suite.step(states, bar, closed.quote)
            outcomes[closed.second] = (bar.values, signal)
        return states, outcomes

    def snapshot(self) -> bytes:
        """State bytes. Cheap to take after every bar: closed seconds are packed once."""
        if self._base_packed is None:
            self._base_packed = self._suite.dump(self._base)
        saved = _Saved(self._last, self._base_packed, self._base_second, [closed.packed for closed in self._tail])
        return msgspec.msgpack.encode((_VERSION, saved))

    @classmethod
    def restore(cls, data: bytes, suite: Suite, revision_s: int = 60) -> SignalState:
        """The state that `snapshot` took; goes on bit-identically.

        Raises:
            StateVersionError: it is not one, or of a version that this code or an indicator cannot read.
        """
        try:
            version, rest = msgspec.msgpack.decode(data, type=tuple[int, msgspec.Raw])
            if version != _VERSION:
                raise StateVersionError(f"signals: this code reads state of version {_VERSION}, got {version}")
            saved = msgspec.msgpack.decode(rest, type=_Saved)
            tail = deque(_Closed.unpack(packed) for packed in saved.tail)
        except msgspec.MsgspecError as error:
            raise StateVersionError(f"signals: wanted a snapshot of version {_VERSION}: {error}") from error
        state = cls(suite, revision_s)
        state._base = state._now = suite.load(saved.base)
        state._base_packed, state._base_second = saved.base, saved.base_second
        state._tail, state._last = tail, saved.last
        state._now, _ = state._run(state._base, list(tail))
        return state
