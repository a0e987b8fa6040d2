"""The real recording through the job twice: other batches, another parallelism, a kill -9, the same values."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
import pytest
from confluent_kafka import Message, Producer
from tests.integration.jobs import PROCESSES, READY_S, VARIABLES, proven
from tests.integration.stacks import fresh_topics, quiet
from tests.integration.test_forwarder_replay import RECORDING, replayed, wait_for

from torghut.job.keys import key_of, subtask
from torghut.job.observing import OPERATOR
from torghut.platform.flink.rest import Flink
from torghut.platform.kafka.reader import TopicReader
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up
from torghut.stack.submission import prepare, running_job
from torghut.wire.envelope import decode_envelope
from torghut.wire.topics import QUOTES, TA_BARS_1S, TA_SIGNALS, TRADES, Topic, full_name

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RECORDING.exists(), reason="the real recording is not here (../shared/data)"),
    pytest.mark.timeout(900),
]
EVENTS: Final = 67_980
PACE: Final = 3_000
"""Records a second of the second run: it sees the log grow, the first one finds all of it."""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RunningStack]:
    home = Home(tmp_path / "home")
    try:
        up(home, Wish(only=("kafka",)), quiet, leash=True)
        yield RunningStack(home)
    finally:
        down(home, quiet)


def start_job(stack: RunningStack, prefix: str, parallelism: int) -> None:
    ta = prepare(stack.home, "replay", "none", parallelism=parallelism, environment=VARIABLES)
    up(stack.home, Wish(only=PROCESSES, topic_prefix=prefix, ta=ta), quiet)


def messages(stack: RunningStack, prefix: str, *topics: Topic) -> list[Message]:
    with TopicReader(stack.kafka("audit").client(), [full_name(topic, prefix) for topic in topics]) as reader:
        ends = reader.ends(reader.partitions())
        starts, stops = ({partition: span[at] for partition, span in ends.items()} for at in (0, 1))
        return sorted(reader.read(starts, stops), key=lambda message: message.timestamp()[1])


def copy(stack: RunningStack, log: list[Message], source: str, target: str) -> None:
    """Write the same log again under another prefix, at a pace; in the middle the TaskManager is killed."""
    producer = Producer({**stack.kafka("forwarder").client(), "linger.ms": 1, "queue.buffering.max.messages": 200_000})
    begun = time.monotonic()
    for number, batch in enumerate(batches(log, PACE // 10)):
        wait_until(lambda at=number / 10: time.monotonic() - begun >= at, 60, "the next tenth of a second", 0.01)  # type: ignore[misc]
        for message in batch:
            topic = target + (message.topic() or "").removeprefix(source)
            producer.produce(
                topic, message.value(), message.key(), message.partition() or 0, timestamp=message.timestamp()[1]
            )
        producer.poll(0)
        if number == len(log) // (PACE // 10) // 2:
            stack.kill("taskmanager")
    assert producer.flush(30) == 0


def batches(log: list[Message], size: int) -> Iterator[list[Message]]:
    for first in range(0, len(log), size):
        yield log[first : first + size]


def latest(stack: RunningStack, prefix: str) -> dict[tuple[str, str, int], bytes]:
    """Window and payload of the latest revision, by topic, symbol and second."""
    found: dict[tuple[str, str, int], tuple[int, bytes]] = {}
    for message in messages(stack, prefix, TA_BARS_1S, TA_SIGNALS):
        envelope = decode_envelope(message.value() or b"")
        place = envelope.channel.value, envelope.symbol, envelope.seq
        value = msgspec.json.encode((envelope.window, envelope.payload))
        found[place] = max(found.get(place, (-1, b"")), (envelope.revision or 0, value))
    return {place: value for place, (_, value) in found.items()}


def subtasks(stack: RunningStack) -> dict[int, int]:
    """Which subtask of the operator has each partition."""
    flink, _ = running_job(stack.home)
    with Flink(flink.rest_url) as rest:
        vertex = next(one for one in rest.job(flink.job_id).vertices if one.name.startswith(OPERATOR))
        names = rest.metrics(flink.job_id, vertex.id, ())
    found = (re.match(r"(\d+)\..*partition_(\d+)_records$", name) for name in names)
    return {int(one[2]): int(one[1]) for one in found if one is not None}


def test_a_recording_gives_the_same_signals_whatever_the_batches_the_parallelism_and_a_kill(
    stack: RunningStack, tmp_path: Path
) -> None:
    with ExitStack() as held:
        pipeline = held.enter_context(replayed(stack, tmp_path, "max"))
        forwarder = pipeline.running()
        wait_for(pipeline, EVENTS)
        forwarder.terminate()
        first, second = pipeline.prefix, held.enter_context(fresh_topics(stack))
        start_job(stack, first, parallelism=1)
        bars = proven(stack, first)
        start_job(stack, second, parallelism=2)
        copy(stack, messages(stack, first, TRADES, QUOTES), first, second)
        stack.wait_ready("jobmanager", READY_S)
        assert proven(stack, second) == bars
        places = subtasks(stack)  # of the partitions that the recording's symbols are in
        assert places == {partition: subtask(key_of(partition), 2) for partition in places}
        assert set(places.values()) == {0, 1}
        assert latest(stack, second) == latest(stack, first)
