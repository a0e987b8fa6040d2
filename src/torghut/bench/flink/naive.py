"""The obvious way: a keyed Python operator that is called for every trade and keeps the bar in Flink's state.

In process mode, which is PyFlink's default and the faster one here: in thread mode each access to state crosses into
the JVM. It gets what helps it: Flink decodes the JSON, bundles are as large as the latency allows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from torghut.bench.flink.tables import ODD, sink, source, tables
from torghut.config import KafkaSettings, load
from torghut.wire.topics import TA_BARS_1S, TA_PROVISIONAL

NS: Final = 1_000_000_000
FRESH_NS: Final = 2 * NS
OUTPUT: Final = Types.ROW_NAMED(["is_final", "k", "v"], [Types.BOOLEAN(), Types.STRING(), Types.STRING()])


class Bar(NamedTuple):
    """A second of a symbol so far. `first`, `last`: event time, seq and price of the prints that set open and close."""

    n: int
    volume: float
    notional: float
    newest: int
    high: float | None = None
    low: float | None = None
    first: tuple[int, int, float] | None = None
    last: tuple[int, int, float] | None = None


def counted(bar: Bar | None, trade: Row) -> Bar:
    """The bar with one more trade."""
    _, event_ts, ingest_ts, seq, price, size, odd, _ = trade
    bar = bar or Bar(0, 0.0, 0.0, 0)
    bar = bar._replace(
        n=bar.n + 1,
        volume=bar.volume + size,
        notional=bar.notional + price * size,
        newest=max(bar.newest, ingest_ts),
    )
    if odd:
        return bar
    mark = event_ts, seq, price
    return bar._replace(
        high=price if bar.high is None else max(bar.high, price),
        low=price if bar.low is None else min(bar.low, price),
        first=mark if bar.first is None else min(bar.first, mark),
        last=mark if bar.last is None else max(bar.last, mark),
    )


def encoded(symbol: str, second: int, bar: Bar, *, is_final: bool) -> str:
    """The record's value."""
    payload = {
        "o": bar.first and bar.first[2],
        "h": bar.high,
        "l": bar.low,
        "c": bar.last and bar.last[2],
        "v": bar.volume,
        "n": bar.n,
        "vwap": bar.notional / bar.volume,
    }
    head = {"symbol": symbol, "channel": "ta.bars", "seq": second, "ingest_ts": bar.newest, "is_final": is_final}
    return msgspec.json.encode({**head, "payload": payload}).decode()


class Bars(KeyedProcessFunction):  # type: ignore[misc]  # pyflink ships no types
    """Keyed by symbol."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Take hold of state."""
        self._bars = runtime_context.get_map_state(MapStateDescriptor("bars", Types.LONG(), Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Count a trade."""
        second = value[1] // NS
        saved = self._bars.get(second)
        bar = counted(None if saved is None else Bar(*saved), value)
        self._bars.put(second, tuple(bar))  # a worker process cannot unpickle a class of the script
        ctx.timer_service().register_event_time_timer((second + 1) * 1000 - 1)
        if time.time_ns() - value[2] < FRESH_NS:
            yield Row(False, value[0], encoded(value[0], second, bar, is_final=False))

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Close a second."""
        second, symbol = timestamp // 1000, ctx.get_current_key()
        saved = self._bars.get(second)
        if saved is not None:
            self._bars.remove(second)
            yield Row(True, symbol, encoded(symbol, second, Bar(*saved), is_final=True))


def main() -> None:
    """Submit."""
    kafka = load(KafkaSettings)
    environment, in_sql = tables(
        {
            "python.execution-mode": "process",
            "python.fn-execution.bundle.time": "20",
            "python.fn-execution.bundle.size": "10000",
        }
    )
    in_sql.execute_sql(source(kafka))
    columns = "k STRING, v STRING"
    in_sql.execute_sql(sink(kafka, "bars", TA_BARS_1S, columns, guarantee="exactly-once", value_format="raw"))
    in_sql.execute_sql(sink(kafka, "soon", TA_PROVISIONAL, columns, guarantee="at-least-once", value_format="raw"))
    trades = in_sql.sql_query(f"""
        SELECT symbol, event_ts, ingest_ts, seq, payload.p AS p, payload.s AS s, {ODD} AS odd, happened
        FROM trades WHERE channel = 'trades'""")  # noqa: S608 - our own names
    outputs = (
        in_sql.to_data_stream(trades)
        .key_by(lambda row: row[0], key_type=Types.STRING())
        .process(Bars(), output_type=OUTPUT)
    )
    in_sql.create_temporary_view("outputs", in_sql.from_data_stream(outputs))
    statements = in_sql.create_statement_set()
    statements.add_insert_sql("INSERT INTO bars SELECT k, v FROM outputs WHERE is_final")
    statements.add_insert_sql("INSERT INTO soon SELECT k, v FROM outputs WHERE NOT is_final")
    statements.attach_as_datastream()
    environment.execute("comparison: naive")


if __name__ == "__main__":
    main()
