"""What is configured wrongly, at Alpaca or at Kafka, is called by its name and heals by itself when it is mended."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import json
from tests.integration.forwarders import ForwarderProcess
from tests.integration.pipelines import RATE, Pipeline, now, pipeline_of
from websockets.sync.client import connect

from torghut.platform.kafka.acls import Operation, acls, username
from torghut.platform.kafka.certificates import ensure_certificates
from torghut.stack.running import RunningStack
from torghut.wire.status import Reason
from torghut.wire.topics import STATUS, TOPICS, TRADES, Role, Topic, full_name

pytestmark = pytest.mark.timeout(300, method="signal")


@pytest.fixture(scope="module")
def shared(broker: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline_of(broker, tmp_path_factory.mktemp("configuration")) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(shared: Pipeline) -> Iterator[Pipeline]:
    yield shared
    shared.end_forwarders()
    for name in shared.sim.control.state().faults:
        shared.sim.control.clear(name)


def check_metrics(forwarder: ForwarderProcess, gate: str) -> None:
    """The metrics tell of an error, on this side."""
    metrics = forwarder.metrics()
    assert metrics['torghut_status{status="error"}'] == 1
    assert metrics[f'torghut_readyz{{gate="{gate}"}}'] == 0


# Alpaca


def test_wrong_keys_are_retried_slowly_until_the_file_is_mended(pipeline: Pipeline, tmp_path: Path) -> None:
    key_id, secret_key = tmp_path / "key_id", tmp_path / "secret_key"
    key_id.write_text("PKWRONG")
    secret_key.write_text("planted-wrong-secret")
    since, before = now(), pipeline.logins()
    forwarder = pipeline.forwarder(ALPACA_KEY_ID_FILE=str(key_id), ALPACA_SECRET_KEY_FILE=str(secret_key))
    forwarder.start()
    said = forwarder.wait_reason(Reason.ALPACA_AUTH, deadline_s=15)
    assert (said.http, said.status, said.gates["alpaca"]) == (503, "error", False)
    check_metrics(forwarder, "alpaca")
    pipeline.wait_status(since, Reason.ALPACA_AUTH)
    assert forwarder.wait_reason(Reason.ALPACA_AUTH).gates == {"alpaca": False, "kafka": True}
    pipeline.flow(8 * RATE)
    assert pipeline.logins() - before <= 5
    right_id, right_key = pipeline.sim.keys()
    secret_key.write_text(right_key)
    key_id.write_text(right_id)
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.ALPACA_AUTH, Reason.OK)
    assert "planted-wrong-secret" not in forwarder.log.read_text()
    assert right_key not in forwarder.log.read_text()


def test_rotated_keys_are_found_in_their_files(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    pipeline.sim.control.revoke(cut=True)
    forwarder.wait_reason(Reason.ALPACA_AUTH, deadline_s=15)
    before = pipeline.logins()
    pipeline.flow(3 * RATE)
    assert pipeline.logins() - before <= 3
    pipeline.sim.control.rotate(cut=True)
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.OK, Reason.ALPACA_AUTH, Reason.OK)


def test_an_occupied_account_is_waited_for_on_growing_delays(pipeline: Pipeline) -> None:
    key, secret = pipeline.sim.keys()
    since, forwarder = now(), pipeline.forwarder()
    with connect(pipeline.sim.endpoints.stream_url + "/v2/sip", proxy=None) as stranger:
        stranger.recv()
        stranger.send(json.encode({"action": "auth", "key": key, "secret": secret}).decode())
        assert "authenticated" in str(stranger.recv())
        before = pipeline.logins()
        forwarder.start()
        said = forwarder.wait_reason(Reason.ALPACA_CONNECTION_LIMIT, deadline_s=15)
        assert (said.http, said.gates["alpaca"]) == (503, False)
        pipeline.wait_status(since, Reason.ALPACA_CONNECTION_LIMIT)
        assert forwarder.wait_reason(Reason.ALPACA_CONNECTION_LIMIT).gates == {"alpaca": False, "kafka": True}
        pipeline.flow(10 * RATE, 40)
        delays = [float(str(line["next_in_s"])) for line in forwarder.logged() if "next_in_s" in line]
        assert 2 <= pipeline.logins() - before <= 6
        assert all(delay >= 0.5 * 2**n for n, delay in enumerate(delays)), delays  # at least half of 1, 2, 4, ... s
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.ALPACA_CONNECTION_LIMIT, Reason.OK)


def test_a_feed_that_the_plan_does_not_cover_is_not_asked_for_again(pipeline: Pipeline) -> None:
    since, before = now(), pipeline.logins()
    forwarder = pipeline.forwarder(ALPACA_FEED="iex")
    forwarder.start()
    said = forwarder.wait_reason(Reason.ALPACA_SUBSCRIPTION, deadline_s=15)
    assert "insufficient subscription" in said.detail
    check_metrics(forwarder, "alpaca")
    pipeline.wait_status(since, Reason.ALPACA_SUBSCRIPTION)
    pipeline.flow(4 * RATE)
    assert pipeline.logins() - before == 1


def test_symbols_that_an_acknowledgement_leaves_out_are_named(pipeline: Pipeline) -> None:
    pipeline.sim.control.partial_ack("TSLA")
    forwarder = pipeline.forwarder()
    forwarder.start()
    said = forwarder.wait_reason(Reason.ALPACA_SUBSCRIPTION, deadline_s=20)
    since = now()
    assert "TSLA" in said.detail
    assert "AAPL" not in said.detail
    pipeline.flow(2 * RATE)
    pipeline.prove(since)  # what is covered flows


def test_a_symbol_limit_is_told_and_the_connection_lives(broker: RunningStack, tmp_path: Path) -> None:
    with pipeline_of(broker, tmp_path, symbol_limit=3) as pipeline:
        since, forwarder = now(), pipeline.forwarder()
        forwarder.start()
        said = forwarder.wait_reason(Reason.ALPACA_SYMBOL_LIMIT, deadline_s=20)
        assert "not covered" in said.detail
        assert "AAPL" in said.detail
        pipeline.wait_status(since, Reason.ALPACA_SYMBOL_LIMIT)
        check_metrics(forwarder, "alpaca")
        assert len(pipeline.sim.control.state().connections) == 1
        assert pipeline.logins() == 1


# Kafka


def test_a_wrong_password_is_told_until_its_file_is_mended(pipeline: Pipeline, tmp_path: Path) -> None:
    mounted = tmp_path / "password"
    mounted.write_text(secrets.token_urlsafe(20))
    since, forwarder = now(), pipeline.forwarder(KAFKA_PASSWORD_FILE=str(mounted))
    forwarder.start()
    said = forwarder.wait_reason(Reason.KAFKA_AUTH, deadline_s=8)
    assert (said.http, said.gates["kafka"]) == (503, False)
    check_metrics(forwarder, "kafka")
    mounted.write_text(Path(pipeline.broker.document().kafka.users["forwarder"].password_file).read_text())
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.KAFKA_AUTH, Reason.OK)


def test_an_unknown_authority_is_told_until_its_file_is_mended(pipeline: Pipeline, tmp_path: Path) -> None:
    right, mounted = Path(pipeline.broker.document().kafka.ca_file), tmp_path / "ca.crt"
    mounted.write_bytes(ensure_certificates(tmp_path / "other").ca.read_bytes())
    since, forwarder = now(), pipeline.forwarder(KAFKA_CA_FILE=str(mounted))
    forwarder.start()
    said = forwarder.wait_reason(Reason.KAFKA_TLS, deadline_s=8)
    assert (said.http, said.gates["kafka"]) == (503, False)
    check_metrics(forwarder, "kafka")
    mounted.write_bytes(right.read_bytes())
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.KAFKA_TLS, Reason.OK)


def test_a_missing_right_is_told_until_it_is_given(pipeline: Pipeline) -> None:
    trades = full_name(TRADES, pipeline.prefix)
    rights = [
        acl
        for acl in acls(pipeline.prefix)
        if (acl.user, acl.name, acl.operation) == (username(Role.FORWARDER), trades, Operation.WRITE)
    ]
    assert rights
    pipeline.broker.admin().forbid(rights)
    try:
        since, forwarder = now(), pipeline.forwarder()
        forwarder.start()
        said = forwarder.wait_reason(Reason.KAFKA_ACL, deadline_s=8)
        assert (said.http, said.gates["kafka"]) == (503, False)
        assert trades in said.detail
        check_metrics(forwarder, "kafka")
        pipeline.wait_status(since, Reason.KAFKA_ACL)
    finally:
        pipeline.broker.admin().allow(rights)
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.KAFKA_ACL, Reason.OK)


@pytest.mark.parametrize("missing", [TRADES, STATUS], ids=["trades", "status"])
def test_a_missing_topic_is_told_until_it_is_there(pipeline: Pipeline, missing: Topic) -> None:
    admin, prefix = pipeline.broker.admin(), f"f{secrets.token_hex(4)}."
    admin.create_topics([topic for topic in TOPICS if topic is not missing], prefix)
    admin.allow(acls(prefix))
    since, forwarder = now(), pipeline.forwarder(TOPIC_PREFIX=prefix)
    try:
        forwarder.start()
        said = forwarder.wait_reason(Reason.KAFKA_TOPIC, deadline_s=15)
        assert (said.http, said.gates["kafka"]) == (503, False)
        assert full_name(missing, prefix) in said.detail
        check_metrics(forwarder, "kafka")
        admin.create_topics([missing], prefix)
        forwarder.wait_ready()
        pipeline.flow()
        there = Pipeline(pipeline.broker, prefix, pipeline.sim, pipeline.folder)
        there.wait_status(since, Reason.KAFKA_TOPIC, Reason.OK)
    finally:
        forwarder.close()
        admin.delete_topics([full_name(topic, prefix) for topic in TOPICS])
        admin.forbid(acls(prefix))
