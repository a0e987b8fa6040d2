"""The alert rules, as values. Each says what is wrong, what it means for those who use the data, and what to run.

Names of metrics are the contract's where the contract has them. What the job and the forwarders say of themselves in
topics is measured at the console (`torghut_ta_*`, `torghut_forwarders`), so that it is judged also when they are gone.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

CHECKPOINT_INTERVAL_S: Final = 10.0
"""The longest that is configured anywhere; an age of two of them, and more than a minute, is an alarm."""
_CHECKPOINT_AGE_S: Final = max(60.0, 2 * CHECKPOINT_INTERVAL_S)
_FORTNIGHT_S: Final = 14 * 24 * 3600

Severity = Literal["page", "ticket"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `hold` is how long it must be so (Prometheus' notation); `procedure` is the one to run."""

    name: str
    expr: str
    hold: str
    severity: Severity
    summary: str
    meaning: str
    procedure: str


ALERTS: Final = (
    Alert(
        name="KafkaNotWritable",
        expr='max(torghut_readyz{gate="kafka"}) == 0',
        hold="2m",
        severity="page",
        summary="No forwarder can write to Kafka",
        meaning="New market data are not kept; the gap is repaired from history when writing works again.",
        procedure="kafka-produce-failure",
    ),
    Alert(
        name="FeedNotReady",
        expr='max(torghut_readyz{gate="alpaca"}) == 0',
        hold="2m",
        severity="page",
        summary="No forwarder is subscribed to the feed",
        meaning="No new market data. The status topic says why; 406 is another connection of the account.",
        procedure="alpaca-406",
    ),
    Alert(
        name="ForwarderDown",
        expr='absent(up{job="forwarder"} == 1)',
        hold="2m",
        severity="page",
        summary="No forwarder answers",
        meaning="No new market data. Start one (`torghut up`, or the Deployment); the procedure finds what still runs.",
        procedure="alpaca-406",
    ),
    Alert(
        name="AlpacaKeysRefused",
        expr='sum(increase(torghut_ws_reconnects_total{reason=~"alpaca_auth|alpaca_not_authenticated"}[10m])) > 0',
        hold="1m",
        severity="page",
        summary="Alpaca refuses the keys",
        meaning="The key pair was revoked or replaced; nothing comes until a working pair is in force.",
        procedure="alpaca-rotation",
    ),
    Alert(
        name="FeedReconnectsOften",
        expr="sum(increase(torghut_ws_reconnects_total[10m])) > 5",
        hold="1m",
        severity="ticket",
        summary="The connection to the feed is made anew again and again",
        meaning="Two forwarders may fight for the account, or the network is bad. Each gap is repaired from history.",
        procedure="alpaca-406",
    ),
    Alert(
        name="FeedLag",
        expr='max(torghut_ws_lag_ms{channel=~"trades|quotes"}) > 2000',
        hold="1m",
        severity="page",
        summary="Market data arrive late",
        meaning="Everything downstream is at least as late.",
        procedure="lag-spike",
    ),
    Alert(
        name="WatermarkLag",
        expr="quantile_over_time(0.99, torghut_ta_watermark_lag_seconds[5m]) > 15",
        hold="1m",
        severity="page",
        summary="Event time in the job is far behind (p99 of five minutes)",
        meaning="Final bars and signals are late: the job is slow, or a partition holds the watermark.",
        procedure="lag-spike",
    ),
    Alert(
        name="ConsumerLag",
        expr="sum(flink_taskmanager_job_task_operator_pendingRecords) > 50000",
        hold="2m",
        severity="page",
        summary="The job does not keep up with the topics",
        meaning="Signals get later the longer this lasts.",
        procedure="lag-spike",
    ),
    Alert(
        name="CheckpointTooOld",
        expr=f"max(torghut_ta_checkpoint_age_seconds) > {_CHECKPOINT_AGE_S:g}",
        hold="30s",
        severity="page",
        summary="No checkpoint was completed for more than a minute",
        meaning="Exactly-once output stands still, though the job is RUNNING: often its store refuses it.",
        procedure="minio-rotation",
    ),
    Alert(
        name="CheckpointsFail",
        expr=(
            "max(delta(flink_jobmanager_job_numberOfFailedCheckpoints[5m])) > 10"
            " and max(torghut_ta_checkpoint_age_seconds) > 15"
        ),
        hold="1m",
        severity="ticket",
        summary="Checkpoints fail",
        meaning="A few at each start are normal, these are more, and output waits for the next that succeeds.",
        procedure="minio-rotation",
    ),
    Alert(
        name="JobNotRunning",
        expr='max(torghut_ta_state{state="RUNNING"}) == 0 or max(torghut_ta_status_age_seconds) > 30',
        hold="2m",
        severity="page",
        summary="The job does not run",
        meaning="No signals. If it began with a new version, go back to the one before.",
        procedure="flink-rollback",
    ),
    Alert(
        name="DeadLettersOfTheForwarder",
        expr="sum(increase(torghut_rejected_total[10m])) > 0",
        hold="0s",
        severity="ticket",
        summary="The feed sends what the forwarder does not understand, or Kafka does not take",
        meaning="Kept in the dead-letter topic with the reason; nothing of it is in the market-data topics.",
        procedure="kafka-produce-failure",
    ),
    Alert(
        name="DeadLettersOfTheJob",
        expr='sum(increase(torghut_dead_letters_total{source="ta"}[10m])) > 100',
        hold="0s",
        severity="ticket",
        summary="The job does not understand many records",
        meaning="Single ones are corrections of trades from before its time. Many after an upgrade: the new version.",
        procedure="flink-rollback",
    ),
    Alert(
        name="RecordsLost",
        expr="max(torghut_audit_lost) > 0",
        hold="0s",
        severity="page",
        summary="The rolling audit misses records",
        meaning="Events that were sent are not in Kafka, and repair has not brought them.",
        procedure="kafka-produce-failure",
    ),
    Alert(
        name="RecordsDoubled",
        expr="max(torghut_audit_duplicated) > 0",
        hold="0s",
        severity="page",
        summary="The rolling audit finds records twice",
        meaning="Two forwarders may have been active at once: find every one, keep one.",
        procedure="alpaca-406",
    ),
    Alert(
        name="CertificateExpires",
        expr=f"min by (certificate) (torghut_certificate_expiry_timestamp_seconds) - time() < {_FORTNIGHT_S}",
        hold="5m",
        severity="ticket",
        summary="A certificate of Kafka expires within a fortnight",
        meaning="After that no client connects. The rotation with --ca renews it.",
        procedure="kafka-rotation",
    ),
    Alert(
        name="StandbyMissing",
        expr=('torghut_forwarders{role="standby"} == 0 and max_over_time(torghut_forwarders{role="standby"}[1h]) > 0'),
        hold="2m",
        severity="ticket",
        summary="The standby forwarder is gone",
        meaning="If the active one dies now, its restart is waited for. The procedure finds every instance.",
        procedure="alpaca-406",
    ),
    Alert(
        name="PartDown",
        expr='up{job=~"console|jobmanager|taskmanager|minio|audit|(torghut/)?ta"} == 0',
        hold="2m",
        severity="ticket",
        summary="{{ $labels.job }} does not answer",
        meaning="Its metrics are missing, and perhaps it is: see the console.",
        procedure="lag-spike",
    ),
)


def rules() -> dict[str, Any]:
    """All of them as Prometheus' rule file has them."""
    return {"groups": [{"name": "torghut", "interval": "5s", "rules": [_rule(alert) for alert in ALERTS]}]}


def _rule(alert: Alert) -> dict[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.hold,
        "labels": {"severity": alert.severity, "service": "torghut"},
        "annotations": {
            "summary": alert.summary,
            "description": alert.meaning,
            "procedure": alert.procedure,
            "command": f"torghut runbook plan {alert.procedure}",
        },
    }
