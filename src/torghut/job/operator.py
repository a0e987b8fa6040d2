"""The one keyed operator: Flink's state and timers around `shard`. Key: that of the Kafka partition (`keys`).

Runs in thread mode: Python inside the TaskManager's JVM. In process mode every batch would cross two sockets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from torghut.config import KafkaSettings, load
from torghut.job.clock import UNKNOWN
from torghut.job.gauges import Gauges
from torghut.job.keys import partition_of
from torghut.job.progress import Progress, dump_progress, load_progress
from torghut.job.recall import Recall
from torghut.job.records import Batch, Writer
from torghut.job.shard import Rules, Shard, Symbols
from torghut.platform import memory
from torghut.platform.kafka.reader import ReadError
from torghut.wire.topics import QUOTES, TRADES, full_name

TRADES_KIND: Final = "t"
QUOTES_KIND: Final = "q"
INPUT_TYPE: Final = Types.ROW([Types.INT(), Types.STRING(), Types.STRING(), Types.LONG(), Types.LONG()])
OUTPUT_TYPE: Final = Types.ROW_NAMED(
    ["topic", "k", "v", "timestamp_ms", "written_ms"],
    [Types.STRING(), Types.STRING(), Types.STRING(), Types.LONG(), Types.LONG()],
)

_NS_PER_MS: Final = 1_000_000
_TICK_MS: Final = 500
_ASK_AGAIN_NS: Final = 5_000_000_000
_BYTES: Final = Types.PICKLED_BYTE_ARRAY()
"""Our own bytes, pickled once more by pyflink. Its type for byte arrays makes a tuple of numbers of them."""


class ThreadModeError(RuntimeError):
    """The operator was not started in thread mode."""


class Plan(msgspec.Struct, frozen=True):
    """What the operator is submitted with. No secrets: they come from its environment where it runs."""

    rules: Rules
    job_id: str
    tag: str


class TaOperator(KeyedProcessFunction):  # type: ignore[misc]  # pyflink ships no types
    """Bars and signals of all partitions whose keys come to this subtask."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._shards: dict[int, Shard] = {}
        self._inputs = [full_name(topic, plan.rules.topic_prefix) for topic in (TRADES, QUOTES)]
        self._no_answer_until_ns = 0
        self._closing: list[Callable[[], None]] = []

    def open(self, runtime_context: RuntimeContext) -> None:
        """Take hold of state.

        Raises:
            ThreadModeError: Flink fell back to process mode, which it does silently.
        """
        if ".embedded." not in type(runtime_context).__module__:
            raise ThreadModeError("wanted python.execution-mode thread, Flink chose process mode: see its log for why")
        self._progress = runtime_context.get_state(ValueStateDescriptor("progress", _BYTES))
        self._signals = runtime_context.get_map_state(MapStateDescriptor("signals", Types.STRING(), _BYTES))
        self._quotes = runtime_context.get_map_state(MapStateDescriptor("quotes", Types.STRING(), _BYTES))
        rules = self._plan.rules
        self._writer = Writer(rules.topic_prefix, self._plan.job_id, self._plan.tag)
        self._recall = Recall(load(KafkaSettings).client(), rules.topic_prefix)
        self._closing.append(self._recall.close)
        self._gauges = Gauges(runtime_context.get_metrics_group())
        memory.calm_collector()

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Take in one batch: (partition, kind, text, first offset, last offset)."""
        partition, kind, text, first, last = value
        now_ns = time.time_ns()
        shard = self._shard(partition, now_ns, ctx)
        batch = Batch(text, first, last)
        if kind == TRADES_KIND:
            shard.take_trades(batch, now_ns)
        else:
            shard.take_quotes(batch, now_ns)
        yield from self._finish(shard)

    def on_timer(self, _timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Look whether silence closes something."""
        now_ns = time.time_ns()
        partition = partition_of(ctx.get_current_key())
        shard = self._shard(partition, now_ns, ctx)
        for topic, clock in zip(self._inputs, (shard.clock.trades, shard.clock.quotes), strict=True):
            if shard.clock.unsure(clock, now_ns):
                clock.learn_end(self._log_end(topic, partition, now_ns), now_ns)
        shard.advance(now_ns)
        self._gauges.show(partition, shard.counts, shard.clock, now_ns)
        _tick(ctx, now_ns)
        yield from self._finish(shard)

    def close(self) -> None:
        """Let go of Kafka."""
        for close in self._closing:
            close()

    def _log_end(self, topic: str, partition: int, now_ns: int) -> int:
        """Where Kafka says that a log ends. When it does not answer, nobody asks again for a while: asking blocks."""
        if now_ns < self._no_answer_until_ns:
            return UNKNOWN
        try:
            return self._recall.log_end(topic, partition)
        except ReadError:
            self._no_answer_until_ns = now_ns + _ASK_AGAIN_NS
            return UNKNOWN

    def _finish(self, shard: Shard) -> Iterator[Row]:
        changes = shard.changes(time.time_ns())
        for symbol, state in changes.signals.items():
            self._signals.put(symbol, state)
        for symbol, state in changes.quotes.items():
            self._quotes.put(symbol, state)
        self._progress.update(dump_progress(changes.progress))
        written_ms = changes.progress.wall_ns // _NS_PER_MS
        for output in shard.drain():
            yield Row(*output, written_ms)

    def _shard(self, partition: int, now_ns: int, ctx: KeyedProcessFunction.Context) -> Shard:
        shard = self._shards.get(partition)
        if shard is None:
            saved = self._progress.value()
            progress = None if saved is None else load_progress(saved)
            shard = self._shards[partition] = self._restore(partition, progress, now_ns)
            _tick(ctx, now_ns)
        return shard

    def _restore(self, partition: int, progress: Progress | None, now_ns: int) -> Shard:
        symbols = Symbols(self._signals.get, self._quotes.get)
        shard = Shard(self._plan.rules, self._writer, symbols, now_ns, progress)
        if progress is not None:
            ends = (progress.trades.next_offset, progress.quotes.next_offset)
            trades, quotes = (
                self._recall.values(topic, partition, first, end)
                for topic, first, end in zip(self._inputs, shard.rebuild_from, ends, strict=True)
            )
            shard.rebuild(trades, quotes)
        since_ns = 0 if progress is None else progress.finals_since(self._plan.rules.revision_s)
        saved_ns = 0 if progress is None else progress.wall_ns
        for written in self._recall.finals(partition, since_ns // _NS_PER_MS, saved_ns // _NS_PER_MS):
            shard.published.add(*written)
        if progress is not None:
            shard.reissue()
        return shard


def _tick(ctx: KeyedProcessFunction.Context, now_ns: int) -> None:
    """Ask to be called again. Timers of the same time are one, also one that was restored."""
    now_ms = now_ns // _NS_PER_MS
    ctx.timer_service().register_processing_time_timer(now_ms - now_ms % _TICK_MS + _TICK_MS)
