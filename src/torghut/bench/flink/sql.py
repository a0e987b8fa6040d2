"""The limit: Flink's own SQL, an event-time window of one second, nothing of it in Python, no indicators.

What it leaves out is what makes the job: late prints are dropped without a word, and nothing is seen of a second before
it is closed.
"""

from __future__ import annotations

from typing import Final

from torghut.bench.flink.tables import ODD, sink, source, tables
from torghut.config import KafkaSettings, load
from torghut.wire.topics import TA_BARS_1S

COLUMNS: Final = """
    symbol STRING, channel STRING, seq BIGINT, ingest_ts BIGINT, is_final BOOLEAN,
    payload ROW<o DOUBLE, h DOUBLE, l DOUBLE, c DOUBLE, v DOUBLE, n BIGINT, vwap DOUBLE>"""

PRICED: Final = f"NOT {ODD}"
PLACE: Final = "LPAD(CAST(event_ts AS STRING), 19, '0') || LPAD(CAST(seq AS STRING), 19, '0')"

QUERY: Final = f"""
    INSERT INTO bars
    SELECT symbol, 'ta.bars', since_epoch, ingest_ts, TRUE,
        CAST(ROW(
            CAST(SUBSTRING(opened FROM 39) AS DOUBLE), h, l, CAST(SUBSTRING(closed FROM 39) AS DOUBLE), v, n, m / v
        ) AS ROW<o DOUBLE, h DOUBLE, l DOUBLE, c DOUBLE, v DOUBLE, n BIGINT, vwap DOUBLE>)
    FROM (
        SELECT symbol, MIN(event_ts) / 1000000000 AS since_epoch, MAX(ingest_ts) AS ingest_ts,
            MIN({PLACE} || CAST(payload.p AS STRING)) FILTER (WHERE {PRICED}) AS opened,
            MAX({PLACE} || CAST(payload.p AS STRING)) FILTER (WHERE {PRICED}) AS closed,
            MAX(payload.p) FILTER (WHERE {PRICED}) AS h, MIN(payload.p) FILTER (WHERE {PRICED}) AS l,
            SUM(payload.s) AS v, COUNT(*) AS n, SUM(payload.p * payload.s) AS m
        FROM TABLE(TUMBLE(TABLE trades, DESCRIPTOR(happened), INTERVAL '1' SECOND))
        WHERE channel = 'trades'
        GROUP BY symbol, window_start, window_end
    )"""  # noqa: S608 - our own constants


def main() -> None:
    """Submit."""
    kafka = load(KafkaSettings)
    environment, in_sql = tables({})
    in_sql.execute_sql(source(kafka))
    in_sql.execute_sql(sink(kafka, "bars", TA_BARS_1S, COLUMNS, guarantee="exactly-once", value_format="json"))
    statements = in_sql.create_statement_set()
    statements.add_insert_sql(QUERY)
    statements.attach_as_datastream()
    environment.execute("comparison: sql")


if __name__ == "__main__":
    main()
