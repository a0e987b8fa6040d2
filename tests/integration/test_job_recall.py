"""What a restored job reads of its own finals, on a real broker with transactions left open."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from confluent_kafka import Producer
from tests.unit.audit_ta.market import Topics, quote, trade

from torghut.job import recall
from torghut.job.recall import Recall
from torghut.platform.kafka.acls import group_prefix
from torghut.stack.running import RunningStack
from torghut.wire.topics import TA_BARS_1S, WRITTEN_MS, Role, full_name

SAVED_MS = 1_000_000


@contextmanager
def transaction(broker: RunningStack, prefix: str, written_ms: int) -> Iterator[Producer]:
    """An open transaction with one bar, that was written at this time."""
    identity = f"{group_prefix(Role.TA, prefix)}-{uuid.uuid4()}"
    producer = Producer({**broker.kafka("ta", prefix).client(), "transactional.id": identity})
    producer.init_transactions(60)
    producer.begin_transaction()
    bar = Topics([trade("A", 1.1, 10.0)], [quote("A", 1.0, 9.0)]).written().outputs
    value = next(value for topic, _, _, value in bar if topic == TA_BARS_1S.name)
    headers: dict[str, str | bytes | None] = {WRITTEN_MS: str(written_ms)}
    producer.produce(full_name(TA_BARS_1S, prefix), value, "A", partition=0, headers=headers)
    assert producer.flush(30) == 0
    yield producer
    producer.abort_transaction(30)


def committed(broker: RunningStack, prefix: str) -> int:
    """How many finals a job that is restored now finds in partition 0."""
    with closing(Recall(broker.kafka("ta", prefix).client(), prefix)) as reader:
        return len(list(reader.finals(0, 0, SAVED_MS)))


def test_what_a_dead_job_wrote_after_the_saved_state_is_not_waited_for(broker: RunningStack, topic_prefix: str) -> None:
    with transaction(broker, topic_prefix, SAVED_MS) as first:
        first.commit_transaction(30)
        with transaction(broker, topic_prefix, SAVED_MS + 1):
            assert committed(broker, topic_prefix) == 1
        first.begin_transaction()


def test_what_the_saved_state_says_was_written_is_waited_for(
    broker: RunningStack, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "_SETTLED_DEADLINE_S", 1.0)
    with transaction(broker, topic_prefix, SAVED_MS) as producer:
        with pytest.raises(TimeoutError, match="before the restored state"):
            committed(broker, topic_prefix)
        producer.commit_transaction(30)
        assert committed(broker, topic_prefix) == 1
        producer.begin_transaction()
