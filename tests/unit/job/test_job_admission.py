from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError

from torghut.config import KafkaSettings, load
from torghut.job.admission import KafkaRefusalError, await_kafka, check_kafka
from torghut.platform.kafka.reader import Partition, ReadError, TopicReader


@pytest.fixture
def port() -> Iterator[int]:
    """A port that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def kafka_at(port: int) -> KafkaSettings:
    servers = f"127.0.0.1:1,127.0.0.1:{port}"
    return load(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": servers, "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"})


def answers(monkeypatch: pytest.MonkeyPatch, *codes: int | None) -> None:
    """What the broker says, one time after the other: an error, or None. The last for ever."""
    left = list(codes)

    def partitions(_reader: TopicReader) -> list[Partition]:
        code = left.pop(0) if len(left) > 1 else left[0]
        if code is not None:
            raise ReadError("cannot describe torghut.trades.v1: no", code)
        return []

    monkeypatch.setattr(TopicReader, "partitions", partitions)


@pytest.mark.parametrize("code", [KafkaError._AUTHENTICATION, KafkaError.UNKNOWN_TOPIC_OR_PART])
def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch, port: int, code: int) -> None:
    answers(monkeypatch, code)
    with pytest.raises(KafkaRefusalError, match=r"cannot describe torghut\.trades\.v1"):
        check_kafka(kafka_at(port))


def test_a_broker_that_does_not_answer_does_not_refuse(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    answers(monkeypatch, KafkaError._ALL_BROKERS_DOWN)
    assert not check_kafka(kafka_at(port))


def test_where_nobody_listens_no_client_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, KafkaError._AUTHENTICATION)
    assert not check_kafka(kafka_at(1))


def test_users_and_topics_that_are_made_a_moment_later_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    answers(monkeypatch, KafkaError._AUTHENTICATION, KafkaError.UNKNOWN_TOPIC_OR_PART, None)
    await_kafka(kafka_at(port), 30)


def test_a_refusal_that_stays_is_told_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    answers(monkeypatch, KafkaError._AUTHENTICATION)
    with pytest.raises(KafkaRefusalError):
        await_kafka(kafka_at(port), 0.1)


def test_a_broker_that_stays_away_is_left_to_flink(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, None)
    await_kafka(kafka_at(1), 0.1)
