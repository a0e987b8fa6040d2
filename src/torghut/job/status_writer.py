"""A process of its own beside the job that writes its status every second: `torghut ta status-writer`.

It goes on when the job does not, and it writes without transactions: what says that output stands still must not wait
for the output.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Final

import msgspec
from confluent_kafka import KafkaException, Producer
from pydantic import Field

from torghut.config import KafkaSettings, Settings
from torghut.job.observing import Observer
from torghut.job.settings import JobSettings
from torghut.platform.flink.rest import Flink
from torghut.wire.topics import TA_STATUS, full_name

_PERIOD_S: Final = 1.0


class StatusSettings(Settings):
    """Where Flink is asked."""

    rest_url: str = Field(alias="FLINK_REST_URL", description="the JobManager's URL", pattern=r"^https?://.+")
    job_name: str | None = Field(
        None, alias="FLINK_JOB_NAME", description="the job's name in Flink, where its id there is not TA_JOB_ID"
    )


def run(kafka: KafkaSettings, job: JobSettings, status: StatusSettings) -> None:
    """Write until SIGTERM or SIGINT."""
    producer = Producer({**kafka.client(), "linger.ms": 0, "message.timeout.ms": 10_000, "log_level": 0})
    topic = full_name(TA_STATUS, kafka.topic_prefix)
    with Flink(status.rest_url, timeout_s=_PERIOD_S) as flink, _asked_to_stop() as stop:
        observer = Observer(flink, job, status.job_name)
        while not stop.wait(_PERIOD_S - time.time() % _PERIOD_S):
            record = msgspec.json.encode(observer.observe(time.time_ns()))
            try:
                producer.produce(topic, record, key=job.job_id.encode())
            except (BufferError, KafkaException):
                continue  # Kafka is away: the next second's record says more than this one
            finally:
                producer.poll(0)
    producer.flush(5)


@contextmanager
def _asked_to_stop() -> Iterator[Event]:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    yield stop
