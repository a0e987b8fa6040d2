"""The Grafana dashboards: which figures stand together, and what each is judged by."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH: Final = 8
_HEIGHT: Final = 8


class Query(msgspec.Struct, frozen=True):
    """One line of a panel; `legend` as Grafana writes it."""

    expr: str
    legend: str


class Panel(msgspec.Struct, frozen=True):
    """One figure: `about` says what a reader learns from it; `alarm` is where the alert rule draws its line."""

    title: str
    about: str
    unit: str
    queries: tuple[Query, ...]
    alarm: float | None = None


class Board(msgspec.Struct, frozen=True):
    """One dashboard: rows of panels by the rows' titles."""

    uid: str
    title: str
    rows: dict[str, tuple[Panel, ...]]

    def queries(self) -> list[str]:
        """Every expression."""
        return [query.expr for panels in self.rows.values() for panel in panels for query in panel.queries]


def _one(title: str, about: str, unit: str, expr: str, legend: str, alarm: float | None = None) -> Panel:
    return Panel(title, about, unit, (Query(expr, legend),), alarm)


def _quantiles(title: str, about: str, metric: str, alarm: float | None = None) -> Panel:
    found = tuple(
        Query(f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket[1m])))", f"p{round(share * 100)}")
        for share in (0.5, 0.99)
    )
    return Panel(title, about, "s", found, alarm)


PIPELINE: Final = Board(
    "torghut-pipeline",
    "Torghut: pipeline",
    {
        "From the feed": (
            _one("Messages", "Received from the feed", "cps", "sum by (channel) (rate(torghut_ws_messages_total[1m]))",
                 "{{channel}}"),
            _one("Feed lag", "Event time to receipt of the newest message", "ms",
                 'max by (channel) (torghut_ws_lag_ms{channel=~"trades|quotes"})', "{{channel}}", 2000),
            _quantiles("Feed lag, spread", "Event time to receipt", "torghut_ws_lag_seconds", 2),
            _one("Reconnects", "Connections that ended, by reason, in ten minutes", "short",
                 "sum by (reason) (increase(torghut_ws_reconnects_total[10m]))", "{{reason}}", 5),
            _one("Gates", "1 where a side of a forwarder works", "short", "torghut_readyz", "{{gate}} {{instance}}"),
            _one("Forwarders", "Who reports, by role", "short", "torghut_forwarders", "{{role}}"),
        ),
        "To Kafka": (
            _one("Produced", "Records by topic and outcome", "cps",
                 "sum by (topic, outcome) (rate(torghut_kafka_produce_total[1m]))", "{{topic}} {{outcome}}"),
            _quantiles("Acknowledged after", "Receipt to Kafka's acknowledgement", "torghut_kafka_produce_seconds"),
            _one("Queue", "Records not acknowledged yet", "short", "torghut_kafka_queue_messages", "{{instance}}"),
            _one("Repaired", "Published from history", "cps", "sum by (channel) (rate(torghut_repaired_total[1m]))",
                 "{{channel}}"),
            _one("Repeats dropped", "Events that came twice", "cps",
                 "sum by (channel) (rate(torghut_dedup_dropped_total[1m]))", "{{channel}}"),
            _one("Dead letters", "Not understood, in ten minutes", "short",
                 "sum by (source, reason) (increase(torghut_dead_letters_total[10m]))", "{{source}} {{reason}}"),
        ),
        "What comes of it": (
            Panel("Receipt to signal", "At the console", "s", (
                Query('torghut_signal_latency_seconds{kind="provisional"}', "provisional, {{quantile}}"),
                Query('torghut_signal_latency_seconds{kind="final"}', "final, {{quantile}}"))),
            Panel("Rolling audit", "Lost or doubled in the newest window; more than 0 is an alarm", "short", (
                Query("torghut_audit_lost", "lost"), Query("torghut_audit_duplicated", "doubled")), 1),
            _one("Certificates", "Time until they end", "s", "torghut_certificate_expiry_timestamp_seconds - time()",
                 "{{certificate}}"),
            _one("Browsers", "At the console", "short", "torghut_console_browsers", "connected"),
            _one("Browsers dropped", "Too slow, too many, too demanding", "short",
                 "sum by (reason) (increase(torghut_console_dropped_total[10m]))", "{{reason}}"),
            _one("Parts that answer", "1 is up", "short", "up", "{{job}}"),
        ),
    },
)  # fmt: skip

JOB: Final = Board(
    "torghut-job",
    "Torghut: Flink job",
    {
        "How far": (
            _one("Watermark lag", "How far event time is behind; the bound of 2 s is part of it", "s",
                 "torghut_ta_watermark_lag_seconds", "watermark", 15),
            _one("Pending records", "In the topics and not read yet", "short",
                 "sum by (operator_name) (flink_taskmanager_job_task_operator_pendingRecords)", "{{operator_name}}",
                 50000),
            _one("Idle partitions", "Nobody waits for their event time", "short", "torghut_ta_idle_partitions", "idle"),
            Panel("Records", "Read and written by the job", "cps", (
                Query("rate(torghut_ta_records_in_total[1m])", "in"),
                Query("rate(torghut_ta_records_out_total[1m])", "out"))),
            _one("Late events", "After the end of revisions", "cps", "rate(torghut_ta_late_records_total[1m])",
                 "late"),
            _one("State", "1 is the present one", "short", "torghut_ta_state == 1", "{{state}}, version {{version}}"),
        ),
        "Checkpoints": (
            _one("Age", "Of the newest completed one: output waits for it", "s", "torghut_ta_checkpoint_age_seconds",
                 "age", 60),
            _one("Duration", "Of the newest completed one", "ms", "flink_jobmanager_job_lastCheckpointDuration",
                 "duration"),
            Panel("Completed and failed", "In a minute", "short", (
                Query("delta(flink_jobmanager_job_numberOfCompletedCheckpoints[1m])", "completed"),
                Query("delta(flink_jobmanager_job_numberOfFailedCheckpoints[1m])", "failed"))),
            _one("Size", "Of the newest checkpoint", "bytes", "flink_jobmanager_job_lastCheckpointSize", "size"),
            _one("Restarts", "Of the job so far", "short", "flink_jobmanager_job_numRestarts", "restarts"),
            _one("Store", "MinIO's requests that failed", "cps",
                 "sum(rate(minio_s3_requests_errors_total[1m]))", "errors"),
        ),
        "Where the time goes": (
            _one("Busy", "Share of the time that a task works", "percentunit",
                 "flink_taskmanager_job_task_busyTimeMsPerSecond / 1000", "{{task_name}}"),
            _one("Backpressured", "Share of the time that a task waits for the next one", "percentunit",
                 "flink_taskmanager_job_task_backPressuredTimeMsPerSecond / 1000", "{{task_name}}"),
            _one("Idle", "Share of the time that a task has nothing to do", "percentunit",
                 "flink_taskmanager_job_task_idleTimeMsPerSecond / 1000", "{{task_name}}"),
            _one("Heap", "Of the TaskManager", "bytes", "flink_taskmanager_Status_JVM_Memory_Heap_Used", "used"),
            _one("Metaspace", "Grows with each job of the same process", "bytes",
                 "flink_taskmanager_Status_JVM_Memory_Metaspace_Used", "used"),
            _one("CPU", "Of the TaskManager's process", "percentunit", "flink_taskmanager_Status_JVM_CPU_Load", "load"),
        ),
    },
)  # fmt: skip

PROCEDURES: Final = Board(
    "torghut-procedures",
    "Torghut: procedures",
    {
        "Runs": (
            _one("Runs", "In the journal, by how they ended", "short",
                 "sum by (procedure, phase) (torghut_procedure_runs)", "{{procedure}} {{phase}}"),
            _one("Open", "Runs that are neither done nor undone", "short",
                 'sum by (target) (torghut_procedure_runs{phase=~"forward|backward"})', "{{target}}"),
            _one("Duration", "Of the newest run of each", "s", "torghut_procedure_last_seconds", "{{procedure}}"),
        ),
        "What they are run for": (
            _one("Alerts", "That fire, and the procedure that each names is in its annotations", "short",
                 'sum by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}"),
            _one("Gates", "1 where a side of a forwarder works", "short", "min by (gate) (torghut_readyz)", "{{gate}}"),
            _one("Watermark lag", "Did it stay down after the run?", "s", "torghut_ta_watermark_lag_seconds",
                 "watermark", 15),
        ),
    },
)  # fmt: skip

BOARDS: Final = (PIPELINE, JOB, PROCEDURES)


def render(board: Board) -> str:
    """Grafana's JSON."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .tags(["torghut"])
        .refresh("5s")
        .time("now-30m", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for title, panels in board.rows.items():
        built = built.with_row(dashboard.Row(title))
        for panel in panels:
            built = built.with_panel(_panel(panel))
    text: str = JSONEncoder(sort_keys=True, indent=2).encode(built.build())
    return text + "\n"


def _panel(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.about)
        .unit(panel.unit)
        .datasource(_SOURCE)
        .span(_WIDTH)
        .height(_HEIGHT)
        .fill_opacity(8)
        .line_width(1)
    )
    if panel.alarm is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=panel.alarm, color="red")]
        built = built.thresholds(_thresholds(steps))
    for index, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + index))
        built = built.with_target(target)
    return built


def _thresholds(steps: list[Threshold]) -> Any:  # noqa: ANN401 - the library's builder
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
