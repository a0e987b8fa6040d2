from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from torghut.config import KafkaSettings, load
from torghut.job.launch import KafkaRefusalError, check_kafka, choose_state
from torghut.platform.kafka.reader import Partition, ReadError, TopicReader


class Snapshot:
    def __init__(self, uri: str) -> None:
        self.uri = uri


OWN, OLDER = [Snapshot("own-2"), Snapshot("own-1")], [Snapshot("older-2"), Snapshot("older-1")]


def test_a_crashed_submission_goes_on_from_its_own_newest_checkpoint() -> None:
    assert choose_state(OWN, [], "s3a://b/savepoints/asked") == "own-2"  # type: ignore[arg-type]  # only `uri` is read


@pytest.mark.parametrize(
    ("start_from", "state"), [("latest", "older-2"), ("none", None), ("s3a://b/savepoints/x", "s3a://b/savepoints/x")]
)
def test_a_new_submission_starts_from_what_it_asked_for(start_from: str, state: str | None) -> None:
    assert choose_state([], OLDER, start_from) == state  # type: ignore[arg-type]  # only `uri` is read


def test_the_latest_of_nothing_is_no_state() -> None:
    assert choose_state([], [], "latest") is None


def kafka_that_says(monkeypatch: pytest.MonkeyPatch, code: int) -> KafkaSettings:
    def refuse(_reader: TopicReader) -> list[Partition]:
        raise ReadError("cannot describe torghut.trades.v1: no", code)

    monkeypatch.setattr(TopicReader, "partitions", refuse)
    return load(KafkaSettings, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"})


@pytest.mark.parametrize("code", [KafkaError._AUTHENTICATION, KafkaError.UNKNOWN_TOPIC_OR_PART])
def test_a_job_that_kafka_refuses_is_not_launched(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with pytest.raises(KafkaRefusalError, match=r"cannot describe torghut\.trades\.v1"):
        check_kafka(kafka_that_says(monkeypatch, code))


def test_a_broker_that_does_not_answer_keeps_no_job_from_its_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    check_kafka(kafka_that_says(monkeypatch, KafkaError._ALL_BROKERS_DOWN))
