"""Wiring: two sources and a batching window in SQL, the operator, two SQL sinks.

The window is one of processing time, so it drops nothing and waits for nothing: it makes one row of the records that a
partition received within 25 ms, in their order. Python is crossed once for a batch instead of once for a record.

No secret stands in the SQL: Flink shows it. The JVM takes user and password from the JAAS file that
`java.security.auth.login.config` names, Python from its environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyflink.common import Configuration, Types
from pyflink.datastream import KeyedStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment, Table

from torghut.job.keys import KEY_GROUPS, SPREAD, key_of
from torghut.job.operator import INPUT_TYPE, OUTPUT_TYPE, QUOTES_KIND, TRADES_KIND, Plan, TaOperator
from torghut.job.settings import JobSettings
from torghut.platform.kafka.acls import group_prefix
from torghut.wire.topics import (
    DLQ,
    QUOTES,
    TA_BARS_1S,
    TA_PROVISIONAL,
    TA_SIGNALS,
    TRADES,
    WRITTEN_MS,
    Role,
    Topic,
    full_name,
)

JOB_NAME: Final = "torghut-ta"
BATCH_S: Final = "0.025"

SETTINGS: Final = {
    "python.execution-mode": "thread",
    "python.fn-execution.bundle.size": "1000",
    "python.fn-execution.bundle.time": "5",
    "pipeline.object-reuse": "true",
    "execution.buffer-timeout.interval": "5 ms",
    "pipeline.max-parallelism": f"{KEY_GROUPS}",
    # A uid for every operator that SQL makes, or a savepoint could not be restored after the plan changed.
    "table.exec.uid.generation": "ALWAYS",
}
"""What the job needs, whatever the cluster's configuration says."""


def build(settings: JobSettings, connection: Mapping[str, str], prefix: str) -> StreamExecutionEnvironment:
    """The job, ready to be executed. `connection`: Kafka's client properties, without secrets."""
    configuration = Configuration()
    for key, value in SETTINGS.items():
        configuration.set_string(key, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.set_parallelism(settings.parallelism)
    tables = StreamTableEnvironment.create(environment)
    tables.execute_sql(_source("trades", TRADES, connection, prefix))
    tables.execute_sql(_source("quotes", QUOTES, connection, prefix))
    tables.execute_sql(_finals_sink(connection, prefix, settings.transaction_timeout_ms))
    tables.execute_sql(_at_once_sink(connection, prefix))
    batches = tables.sql_query(f"{_batches('trades', TRADES_KIND)} UNION ALL {_batches('quotes', QUOTES_KIND)}")
    plan = Plan(settings.rules(prefix), settings.job_id, settings.tag)
    outputs = (
        _keyed(tables, batches)
        .process(TaOperator(plan), output_type=OUTPUT_TYPE)
        .name("ta")
        .uid("ta")
        # In one task with the sinks, Python would stand still whenever a sink flushes or commits.
        .disable_chaining()
    )
    for name in ("outputs_to_finals", "outputs_to_at_once"):
        # Once for each sink, or both would be one task, and what is wanted at once would wait for a commit.
        tables.create_temporary_view(name, tables.from_data_stream(outputs))
    finals = " OR ".join(f"topic = '{full_name(topic, prefix)}'" for topic in _FINALS)
    sinks = tables.create_statement_set()
    sinks.add_insert_sql(f"INSERT INTO finals {_SELECT} FROM outputs_to_finals WHERE {finals}")
    sinks.add_insert_sql(f"INSERT INTO at_once {_SELECT} FROM outputs_to_at_once WHERE NOT ({finals})")
    sinks.attach_as_datastream()
    return environment


def _keyed(tables: StreamTableEnvironment, batches: Table) -> KeyedStream:
    """Rows of key and batch, keyed.

    PyFlink's `key_by` would send every batch through Python once more, for no other reason than to put the key before
    it. Here SQL has done so; what follows is the rest of what `key_by` does.
    """
    stream = tables.to_append_stream(batches, Types.ROW([Types.INT(), INPUT_TYPE]))
    by_key = get_gateway().jvm.KeyByKeySelector()
    keyed = stream._j_data_stream.keyBy(by_key, Types.ROW([Types.INT()]).get_java_type_info())  # noqa: SLF001 - as said
    return KeyedStream(keyed, INPUT_TYPE, stream)


_KEY: Final = (
    f"CASE kafka_partition {' '.join(f'WHEN {it} THEN {key_of(it)}' for it in range(SPREAD))} ELSE kafka_partition END"
)


def _batches(table: str, kind: str) -> str:
    return f"""
        SELECT {_KEY}, CAST(ROW(
            kafka_partition, '{kind}', ARRAY_JOIN(ARRAY_AGG(line), U&'\\001E'), MIN(kafka_offset), MAX(kafka_offset)
        ) AS ROW<kafka_partition INT, kind STRING, lines STRING, first_offset BIGINT, last_offset BIGINT>)
        FROM TABLE(TUMBLE(TABLE {table}, DESCRIPTOR(arrived), INTERVAL '{BATCH_S}' SECOND))
        GROUP BY kafka_partition, window_start, window_end"""  # noqa: S608 - our own names


def _source(table: str, topic: Topic, connection: Mapping[str, str], prefix: str) -> str:
    options = {
        "connector": "kafka",
        "topic": full_name(topic, prefix),
        "format": "raw",
        "scan.startup.mode": "earliest-offset",
        "properties.group.id": f"{group_prefix(Role.TA, prefix)}-{table}",
        # A fetch for every few records would cost the broker more than the records do.
        "properties.fetch.max.wait.ms": "20",
        "properties.fetch.min.bytes": "65536",
        "properties.max.poll.records": "5000",
        # Offsets live in checkpoints; committing them would need more rights and tell nobody anything.
        "properties.commit.offsets.on.checkpoint": "false",
        **_properties(connection),
    }
    return f"""
        CREATE TABLE {table} (
            line STRING,
            kafka_partition INT METADATA FROM 'partition' VIRTUAL,
            kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
            arrived AS PROCTIME()
        ) WITH ({_options(options)})"""


def _finals_sink(connection: Mapping[str, str], prefix: str, transaction_timeout_ms: int) -> str:
    options = {
        **_SINK,
        "topic": ";".join(full_name(topic, prefix) for topic in _FINALS),
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": group_prefix(Role.TA, prefix),
        # Aborts what a dead job left open by asking the broker, instead of trying names one after the other.
        "sink.transaction-naming-strategy": "pooling",
        "properties.transaction.timeout.ms": str(transaction_timeout_ms),
        **_properties(connection),
    }
    return f"CREATE TABLE finals ({_COLUMNS}) WITH ({_options(options)})"


def _at_once_sink(connection: Mapping[str, str], prefix: str) -> str:
    """Provisional records and dead letters: seen at once, and perhaps twice."""
    options = {
        **_SINK,
        "topic": ";".join(full_name(topic, prefix) for topic in (TA_PROVISIONAL, DLQ)),
        "sink.delivery-guarantee": "at-least-once",
        **_properties(connection),
    }
    return f"CREATE TABLE at_once ({_COLUMNS}) WITH ({_options(options)})"


_FINALS: Final = (TA_BARS_1S, TA_SIGNALS)
_COLUMNS: Final = (
    "k STRING, v STRING, topic STRING METADATA, "
    "ingested TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', headers MAP<STRING, BYTES> METADATA"
)
_SELECT: Final = f"""
    SELECT k, v, topic, TO_TIMESTAMP_LTZ(timestamp_ms, 3),
        MAP['{WRITTEN_MS}', ENCODE(CAST(written_ms AS STRING), 'UTF-8')]"""
_SINK: Final = {
    "connector": "kafka",
    "key.format": "raw",
    "key.fields": "k",
    "value.format": "raw",
    "value.fields-include": "EXCEPT_KEY",
    "properties.linger.ms": "2",
    "properties.compression.type": "lz4",
}


def _properties(connection: Mapping[str, str]) -> dict[str, str]:
    return {f"properties.{key}": value for key, value in connection.items()}


def _options(options: Mapping[str, Any]) -> str:
    quoted = (f"'{key}' = '{str(value).replace(chr(39), chr(39) * 2)}'" for key, value in options.items())
    return ", ".join(quoted)
