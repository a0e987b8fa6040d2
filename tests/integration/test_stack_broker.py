"""The broker lets in whom it should, and nobody else to anything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.integration.stacks import StackFactory, fresh_topics

from torghut.platform.kafka.acls import acls, group_prefix
from torghut.platform.kafka.reader import ReadError, TopicReader
from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.topics import DLQ, STATUS, TA_SIGNALS, TRADES, Role, Topic, full_name

_WAIT_S = 10.0


def _client(broker: RunningStack, role: str) -> dict[str, Any]:
    return {**broker.kafka(role).client(), "log_level": 0}


def _produce(config: dict[str, Any], topic: str, **more: Any) -> KafkaError | None:
    """The error of one record's delivery, None when it was acknowledged."""
    outcome: list[KafkaError | None] = []
    producer = Producer({**config, "message.timeout.ms": int(_WAIT_S * 1000), **more})
    producer.produce(topic, b"value", b"key", on_delivery=lambda error, _message: outcome.append(error))
    producer.flush(_WAIT_S + 5)
    return outcome[0]


def _read_error(config: dict[str, Any], topic: str) -> int | None:
    """The error code of reading by position as all our programs do, None when the end is reached."""
    try:
        with TopicReader(config, [topic]) as reader:
            partitions = reader.partitions()
            ends = {partition: high for partition, (_, high) in reader.ends(partitions).items()}
            for _ in reader.read(dict.fromkeys(partitions, 0), ends):
                pass
    except ReadError as error:
        return error.code
    return None


@pytest.fixture(scope="module")
def topic_prefix(broker: RunningStack) -> Iterator[str]:
    """One set of topics for this file: its tests leave permissions as they were."""
    with fresh_topics(broker) as prefix:
        yield prefix


@contextmanager
def _first_error(config: dict[str, Any]) -> Iterator[list[KafkaError]]:
    errors: list[KafkaError] = []
    config["error_cb"] = errors.append
    client = AdminClient(config)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=4)
    client.poll(0)
    yield errors


def test_a_client_without_tls_is_refused(broker: RunningStack) -> None:
    plain = {**_client(broker, "admin"), "security.protocol": "SASL_PLAINTEXT"}
    with _first_error(plain) as errors:
        assert errors


def test_a_client_without_a_password_is_refused(broker: RunningStack) -> None:
    tls = {k: v for k, v in _client(broker, "admin").items() if not k.startswith("sasl")}
    with _first_error({**tls, "security.protocol": "SSL"}) as errors:
        assert errors


def test_a_wrong_password_is_refused_by_name(broker: RunningStack) -> None:
    with _first_error({**_client(broker, "audit"), "sasl.password": "wrong"}) as errors:
        assert KafkaError._AUTHENTICATION in {error.code() for error in errors}


def test_an_unknown_authority_is_noticed_by_the_client(broker: RunningStack) -> None:
    trusting_others = {**_client(broker, "audit")}
    del trusting_others["ssl.ca.location"]
    with _first_error(trusting_others) as errors:
        assert KafkaError._SSL in {error.code() for error in errors}


def test_the_broker_s_own_listener_takes_no_password(broker: RunningStack) -> None:
    internal = f"127.0.0.1:{broker.document().ports['kafka.internal']}"
    with _first_error({**_client(broker, "admin"), "bootstrap.servers": internal}) as errors:
        assert errors


@pytest.mark.parametrize("topic", [TRADES, STATUS, DLQ])
def test_the_forwarder_writes_its_topics_idempotently(broker: RunningStack, topic_prefix: str, topic: Topic) -> None:
    name = full_name(topic, topic_prefix)
    assert _produce(_client(broker, "forwarder"), name, **{"enable.idempotence": True}) is None


def test_the_forwarder_reads_its_topics_back(broker: RunningStack, topic_prefix: str) -> None:
    name = full_name(TRADES, topic_prefix)
    assert _produce(_client(broker, "forwarder"), name) is None
    assert _read_error(_client(broker, "forwarder"), name) is None


def test_the_forwarder_may_not_write_signals(broker: RunningStack, topic_prefix: str) -> None:
    error = _produce(_client(broker, "forwarder"), full_name(TA_SIGNALS, topic_prefix))
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_the_forwarder_may_not_read_signals(broker: RunningStack, topic_prefix: str) -> None:
    error = _read_error(_client(broker, "forwarder"), full_name(TA_SIGNALS, topic_prefix))
    assert error == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_the_forwarder_has_no_group(broker: RunningStack, topic_prefix: str) -> None:
    consumer = Consumer({**_client(broker, "forwarder"), "group.id": f"{topic_prefix}any"})
    try:
        consumer.subscribe([full_name(TRADES, topic_prefix)])
        message = wait_until(lambda: consumer.poll(0.5), _WAIT_S, "the group to be refused", 0)
        error = message.error()
        assert error is not None
        assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    finally:
        consumer.close()


def test_the_forwarder_may_not_make_topics(broker: RunningStack, topic_prefix: str) -> None:
    client = AdminClient(_client(broker, "forwarder"))
    made = client.create_topics([NewTopic(f"{topic_prefix}mine", 1, 1)])
    with pytest.raises(KafkaException) as refused:
        next(iter(made.values())).result(_WAIT_S)
    assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_the_audit_reads_every_kind_of_topic(broker: RunningStack, topic_prefix: str) -> None:
    for topic in (TRADES, STATUS, TA_SIGNALS, DLQ):
        name = full_name(topic, topic_prefix)
        assert _produce(_client(broker, "admin"), name) is None
        assert _read_error(_client(broker, "audit"), name) is None


def test_the_audit_may_not_write(broker: RunningStack, topic_prefix: str) -> None:
    error = _produce(_client(broker, "audit"), full_name(TRADES, topic_prefix))
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_ta_writes_signals_in_transactions_of_its_own_name(broker: RunningStack, topic_prefix: str) -> None:
    name = f"{group_prefix(Role.TA, topic_prefix)}-0"
    producer = Producer({**_client(broker, "ta"), "transactional.id": name})
    producer.init_transactions(_WAIT_S)
    producer.begin_transaction()
    producer.produce(full_name(TA_SIGNALS, topic_prefix), b"value")
    producer.commit_transaction(_WAIT_S)


def test_ta_may_not_use_another_transactional_id(broker: RunningStack, topic_prefix: str) -> None:
    producer = Producer({**_client(broker, "ta"), "transactional.id": f"{topic_prefix}other"})
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(_WAIT_S)
    assert refused.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


def test_ta_may_not_write_trades(broker: RunningStack, topic_prefix: str) -> None:
    error = _produce(_client(broker, "ta"), full_name(TRADES, topic_prefix))
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_permission_that_was_taken_away_is_gone(broker: RunningStack, topic_prefix: str) -> None:
    mine = [entry for entry in acls(topic_prefix) if entry.name == full_name(TRADES, topic_prefix)]
    broker.admin().forbid(mine)
    error = _produce(_client(broker, "forwarder"), full_name(TRADES, topic_prefix))
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    broker.admin().allow(mine)


def test_a_topic_that_is_not_there_is_not_made_by_writing(broker: RunningStack) -> None:
    assert _produce(_client(broker, "admin"), "nobody.made.this", **{"topic.metadata.propagation.max.ms": 0})


@pytest.mark.slow
def test_a_broker_that_is_killed_after_a_user_was_deleted_knows_the_others(stack: StackFactory) -> None:
    """Kafka 4.2 forgets all of them, if it has no snapshot, and the one that is gone is the first it looks at."""
    broker = stack(only=("kafka",))
    storage = broker.home.data / "kafka" / "storage" / "__cluster_metadata-0"
    wait_until(lambda: any(storage.glob("*.checkpoint")), 60, "a snapshot")
    broker.admin().set_passwords({"torghut-forwarder-2": "not-a-secret-of-anybody"})
    broker.admin().remove_user("torghut-forwarder")
    before = broker.admin().users()
    broker.kill("kafka")
    broker.wait_ready("kafka")
    assert broker.admin().users() == before
