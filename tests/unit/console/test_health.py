from __future__ import annotations

from typing import Any

import pytest

from torghut.console.health import Level, Light, Observed, lags, market_hours, strip
from torghut.console.lag import Percentiles
from torghut.console.reading import ReaderState
from torghut.stack.document import ProcessRecord
from torghut.wire.status import CheckpointState, ForwarderStatus, Reason, TaStatus

NS = 1_000_000_000
NOW = 1_795_442_400 * NS  # a Monday, 2026-11-23, 14:00 UTC


def forwarder(**changes: Any) -> ForwarderStatus:
    values: dict[str, Any] = {
        "component": "forwarder", "instance": "forwarder", "status": "healthy", "reason": Reason.OK, "detail": "",
        "attempt": 0, "lag_ms": 3.0, "role": "active", "ts": NOW,
    }  # fmt: skip
    return ForwarderStatus(**{**values, **changes})


def job(**changes: Any) -> TaStatus:
    values: dict[str, Any] = {
        "job": "j", "version": "7", "status": "RUNNING", "watermark_lag_ms": 2100.0, "last_event_ts": NOW,
        "records_in": 1, "records_out": 1, "late_records": 0, "idle_partitions": [],
        "checkpoint": CheckpointState(id=1, age_ms=400.0, duration_ms=90.0, failed=0), "ts": NOW,
    }  # fmt: skip
    return TaStatus(**{**values, **changes})


def observed(**changes: Any) -> Observed:
    values: dict[str, Any] = {
        "now_ns": NOW, "feed": "sim", "processes": None, "forwarders": {"forwarder": forwarder()}, "ta": job(),
        "reader": ReaderState(live=True),
    }  # fmt: skip
    return Observed(**{**values, **changes})


def light(seen: Observed, name: str) -> Light:
    return next(light for light in strip(seen) if light.name == name)


def test_a_healthy_system_alarms_nobody() -> None:
    assert {light.level for light in strip(observed())} <= {"ok", "off"}


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.startswith("kafka_")])
def test_every_trouble_with_kafka_names_the_procedure(reason: Reason) -> None:
    seen = observed(forwarders={"forwarder": forwarder(status="error", reason=reason, detail="broker 1")})
    kafka = light(seen, "kafka")
    assert (kafka.level, kafka.procedure) == ("bad", "kafka-produce-failure")
    assert "broker 1" in kafka.words


def test_a_connection_limit_is_told_in_words_with_its_procedure() -> None:
    status = forwarder(status="reconnect", reason=Reason.ALPACA_CONNECTION_LIMIT, attempt=3)
    seen = observed(forwarders={"forwarder": status})
    assert light(seen, "feed").procedure == "alpaca-406"
    assert "another connection of this account holds the feed (406), attempt 3" in light(seen, "forwarder").words


def test_a_silent_forwarder_is_bad_even_if_its_last_word_was_healthy() -> None:
    seen = observed(forwarders={"forwarder": forwarder(ts=NOW - 60 * NS)})
    assert light(seen, "forwarder").level == "bad"
    assert "silent for 60 s" in light(seen, "forwarder").words


def test_the_active_one_speaks_for_the_forwarders_and_the_other_stands_by() -> None:
    standby = forwarder(instance="forwarder-2", role="standby", status="reconnect", reason=Reason.STANDBY, ts=NOW + 1)
    seen = observed(forwarders={"forwarder": forwarder(), "forwarder-2": standby})
    assert light(seen, "forwarder").words == "forwarder: subscribed and producing"
    assert light(seen, "standby") == Light("standby", "ok", "forwarder-2 ready to take over")


def test_a_dead_standby_is_no_standby() -> None:
    standby = forwarder(instance="forwarder-2", role="standby", ts=NOW - 60 * NS)
    seen = observed(forwarders={"forwarder": forwarder(), "forwarder-2": standby})
    assert light(seen, "standby").level == "off"


def test_a_broken_reader_says_since_when() -> None:
    seen = observed(reader=ReaderState(live=True, problem="Kafka does not answer: x", since_ns=NOW - 200 * NS))
    assert light(seen, "kafka").words == "Kafka does not answer: x (for 3 min)"


def test_output_that_stands_still_is_bad_though_flink_runs() -> None:
    seen = observed(ta=job(status="STALLED"))
    assert (light(seen, "flink").level, light(seen, "flink").procedure) == ("bad", "minio-rotation")


def test_a_status_that_stopped_is_bad() -> None:
    assert light(observed(ta=job(ts=NOW - 20 * NS)), "flink").level == "bad"


def test_a_stack_without_a_job_says_how_to_get_one() -> None:
    flink = light(observed(ta=None), "flink")
    assert (flink.level, "torghut ta submit" in flink.words) == ("off", True)


@pytest.mark.parametrize(("age_ms", "level"), [(400.0, "ok"), (20_000.0, "warn"), (90_000.0, "bad")])
def test_checkpoints_are_judged_by_their_age(age_ms: float, level: Level) -> None:
    state = CheckpointState(id=1, age_ms=age_ms, duration_ms=90.0, failed=2)
    found = light(observed(ta=job(checkpoint=state)), "checkpoints")
    assert found.level == level
    assert "2 failed" in found.words


def test_a_dead_store_is_told_with_the_supervisors_reason() -> None:
    record = ProcessRecord(1, "log", "x", "backing_off", False, "ended with 1", 0, None, 3, True)
    minio = light(observed(processes={"minio": record}), "minio")
    assert minio.words == "backing off: ended with 1"


def test_lags_are_judged_by_their_bounds() -> None:
    seen = observed(
        forwarders={"forwarder": forwarder(lag_ms=900.0)}, ta=job(watermark_lag_ms=20_000.0),
        provisional=Percentiles(50, 120, 9),
    )  # fmt: skip
    assert [figure.level for figure in lags(seen)] == ["warn", "bad", "ok", "off"]


def test_a_lag_of_a_job_that_is_silent_is_not_shown() -> None:
    assert lags(observed(ta=job(ts=NOW - 60 * NS)))[1].value_ms is None


def test_a_closed_market_is_told_and_when_it_opens() -> None:
    saturday = NOW - 2 * 86_400 * NS
    assert market_hours(observed(feed="iex", now_ns=saturday)) == "market closed, opens in 43 h 0 min"


@pytest.mark.parametrize("feed", ["sim", "crypto", "replay:/x/y.jsonl", None])
def test_feeds_that_never_close_have_no_hours(feed: str | None) -> None:
    assert market_hours(observed(feed=feed, now_ns=NOW - 2 * 86_400 * NS)) is None
