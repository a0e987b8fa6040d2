"""Faults of Kafka under a steady load: each ends with nothing lost and nothing doubled, and is called by its name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.integration.forwarders import ForwarderProcess
from tests.integration.pipelines import RATE, Pipeline, now, pipeline_of

from torghut.platform.kafka.acls import Acl, Operation, Resource, username
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.targets.local.quota import LocalQuota
from torghut.wire import topics
from torghut.wire.status import Reason
from torghut.wire.topics import Role, full_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300, method="signal")]


@pytest.fixture(scope="module")
def shared(broker: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline_of(broker, tmp_path_factory.mktemp("kafka")) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(shared: Pipeline) -> Iterator[Pipeline]:
    """The module's pipeline, with its broker running and without forwarders or faults after the test."""
    yield shared
    shared.end_forwarders()
    shared.broker.start("kafka")
    for name in shared.sim.control.state().faults:
        shared.sim.control.clear(name)


@pytest.mark.parametrize("seconds", [10, 60])
def test_a_stopped_broker_delays_and_nothing_else(pipeline: Pipeline, seconds: int) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    with forwarder.witness() as witness:
        pipeline.broker.stop("kafka")
        forwarder.wait_reason(Reason.KAFKA_UNREACHABLE, deadline_s=8)
        pipeline.flow(seconds * RATE, deadline_s=3 * seconds)
        said = forwarder.readyz()
        assert said is not None
        assert (said.http, said.reason, said.gates["kafka"]) == (503, Reason.KAFKA_UNREACHABLE, False)
        assert forwarder.livez() == 200
        pipeline.broker.start("kafka")
        forwarder.wait_ready(60)
    assert witness.unready_s() > seconds / 2
    pipeline.flow()
    pipeline.prove(since, seconds * RATE)
    pipeline.wait_status(since, Reason.OK, Reason.KAFKA_UNREACHABLE, Reason.OK)
    assert any(s.reason is Reason.KAFKA_UNREACHABLE for s in pipeline.statuses(since))


def test_a_killed_broker_delays_and_nothing_else(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    for _ in range(2):
        pipeline.flow()
        pipeline.broker.kill("kafka")
        forwarder.wait_reason(Reason.KAFKA_UNREACHABLE, deadline_s=10)
        pipeline.broker.wait_ready("kafka")
        forwarder.wait_ready(60)
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.OK, Reason.KAFKA_UNREACHABLE, Reason.OK)


def test_a_full_queue_stops_the_reading_and_the_rest_is_repaired(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running(QUEUE_MAX_RECORDS="5000")
    pipeline.flow()
    pipeline.broker.stop("kafka")
    wait_until(lambda: not pipeline.sim.control.state().connections, 30, "the forwarder to stop reading")
    full = forwarder.metrics()
    assert full['torghut_ws_reconnects_total{reason="kafka_full"}'] == 1
    assert 5000 <= full["torghut_kafka_queue_messages"] < 5000 + RATE
    said = forwarder.readyz()
    assert said is not None
    assert said.reason in {Reason.KAFKA_FULL, Reason.KAFKA_UNREACHABLE}
    pipeline.flow(10 * RATE)
    assert forwarder.metrics()["torghut_kafka_queue_messages"] == full["torghut_kafka_queue_messages"]
    pipeline.broker.start("kafka")
    forwarder.wait_ready(60)
    assert forwarder.metrics()['torghut_ws_reconnects_total{reason="kafka_full"}'] == 1  # the repair does not fill it
    pipeline.flow()
    assert pipeline.prove(since).channels["trades"].repaired
    pipeline.wait_status(since, Reason.OK, Reason.KAFKA_UNREACHABLE, Reason.REPAIRING, Reason.OK)


def test_a_repair_that_is_outgrown_is_finished_and_another_follows(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running(QUEUE_MAX_RECORDS="4000")
    pipeline.flow()
    pipeline.sim.control.history_error(500)
    pipeline.sim.control.drop()
    outgrown = 'torghut_ws_reconnects_total{reason="repairing"}'
    forwarder.wait_reason(Reason.ALPACA_HISTORY)
    pipeline.flow(10 * RATE)
    pipeline.sim.control.clear("history_error")
    wait_until(lambda: outgrown in forwarder.metrics(), 30, "the hold to overflow", 0.2)
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)


@contextmanager
def password(pipeline: Pipeline, value: str) -> Iterator[None]:
    """The forwarder's user has this password; afterwards it has its own again."""
    own = Path(pipeline.broker.document().kafka.users["forwarder"].password_file).read_text().strip()
    user = username(Role.FORWARDER)
    pipeline.broker.admin().set_passwords({user: value})
    try:
        yield
    finally:
        pipeline.broker.admin().set_passwords({user: own})


@contextmanager
def muted(pipeline: Pipeline, forwarder: ForwarderProcess) -> Iterator[None]:
    """A quota far below the load, from when a delivery timed out in a muted connection; none after the block."""
    quota, user = LocalQuota(pipeline.broker.home), username(Role.FORWARDER)
    try:
        quota.limit(user, 1024)
        wait_until(lambda: "quota" in getattr(forwarder.readyz(), "detail", ""), 60, "a mute that outlives a delivery")
        pipeline.flow(10 * RATE)
        yield
    finally:
        quota.lift(user)


def test_what_a_broker_has_unread_in_a_muted_connection_is_written_once(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    with muted(pipeline, forwarder):
        pass
    forwarder.wait_ready(180)
    pipeline.flow()
    pipeline.prove(since, 10 * RATE)


def test_it_is_written_once_though_the_forwarder_that_sent_it_was_killed(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    with muted(pipeline, forwarder):
        forwarder.kill()
    forwarder.start()
    forwarder.wait_ready(180)
    pipeline.flow()
    report = pipeline.audit(since)
    for name, channel in report.channels.items():
        assert (channel.duplicated, channel.unexpected, channel.reordered) == (0, 0, 0), report.examples
        assert channel.lost == 0 or name in topics.WITHOUT_HISTORY, report.examples  # those died in its queue
    assert report.channels["trades"].repaired


def test_a_restart_into_a_changed_password_recovers_when_it_is_changed_back(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    with password(pipeline, secrets.token_urlsafe(20)):
        pipeline.flow()
        forwarder.terminate()
        forwarder.start()
        said = forwarder.wait_reason(Reason.KAFKA_AUTH, deadline_s=15)
        assert said.status == "error"
        assert forwarder.metrics()['torghut_status{status="error"}'] == 1
        assert forwarder.metrics()['torghut_readyz{gate="kafka"}'] == 0
        pipeline.flow(3 * RATE)
        assert forwarder.readyz() is not None
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.OK, Reason.KAFKA_AUTH, Reason.OK)


def test_a_rotated_password_file_is_found_after_the_connections_were_cut(pipeline: Pipeline, tmp_path: Path) -> None:
    own = Path(pipeline.broker.document().kafka.users["forwarder"].password_file).read_text().strip()
    mounted = tmp_path / "password"
    mounted.write_text(own)
    since, forwarder = now(), pipeline.running(KAFKA_PASSWORD_FILE=str(mounted))
    pipeline.flow()
    new = secrets.token_urlsafe(20)
    with password(pipeline, new):
        pipeline.broker.kill("kafka")  # open connections outlive a change of password; these do not
        pipeline.broker.wait_ready("kafka")
        forwarder.wait_reason(Reason.KAFKA_AUTH, deadline_s=40)
        pipeline.flow(2 * RATE)
        mounted.write_text(new)
        forwarder.wait_ready()
        pipeline.flow()
        pipeline.prove(since)
    mounted.write_text(own)
    pipeline.broker.kill("kafka")
    pipeline.broker.wait_ready("kafka")
    forwarder.wait_ready(60)
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.OK, Reason.KAFKA_AUTH, Reason.OK)
    assert new not in forwarder.log.read_text()
    assert own not in forwarder.log.read_text()


def test_a_right_that_is_taken_away_and_given_back_costs_no_event(pipeline: Pipeline) -> None:
    trades = full_name(topics.TRADES, pipeline.prefix)
    right = Acl(username(Role.FORWARDER), Resource.TOPIC, trades, Operation.WRITE)
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    pipeline.broker.admin().forbid([right])
    try:
        said = forwarder.wait_reason(Reason.KAFKA_ACL, deadline_s=8)
        assert "trades" in said.detail or "TOPIC_AUTHORIZATION_FAILED" in said.detail
        pipeline.wait_status(since, Reason.OK, Reason.KAFKA_ACL, deadline_s=10)  # its own topic can be written
        pipeline.flow(3 * RATE)
        assert forwarder.metrics()['torghut_status{status="error"}'] == 1
    finally:
        pipeline.broker.admin().allow([right])
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.OK, Reason.KAFKA_ACL, Reason.OK)
