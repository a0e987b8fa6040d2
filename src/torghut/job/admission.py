"""Whether Kafka lets the job in. Flink would try for ever, and say why it cannot in a stack trace only."""

from __future__ import annotations

import socket
from typing import Final

from confluent_kafka import KafkaError

from torghut.config import KafkaSettings
from torghut.platform.errors import PlatformError
from torghut.platform.kafka.reader import ReadError, TopicReader
from torghut.platform.waiting import wait_until
from torghut.wire.topics import DLQ, QUOTES, TA_BARS_1S, TA_PROVISIONAL, TA_SIGNALS, TRADES, full_name

REFUSED: Final = "cannot be launched: "
"""After this a line of the log says why there was no start."""
TOPICS_OF_JOB: Final = (TRADES, QUOTES, TA_BARS_1S, TA_SIGNALS, TA_PROVISIONAL, DLQ)
_REFUSALS: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's local code
        KafkaError._SSL,  # noqa: SLF001 - as above
    }
)
_ADMISSION_S: Final = 60.0
_CONNECT_S: Final = 1.0


class KafkaRefusalError(PlatformError):
    """Kafka does not let the job do its work."""


def check_kafka(kafka: KafkaSettings) -> bool:
    """Whether the job may log in and its topics are there. False: no broker answers, which is no refusal.

    Raises:
        KafkaRefusalError: it may not, or one is not.
    """
    if not _listens(kafka.bootstrap_servers):
        return False
    names = [full_name(topic, kafka.topic_prefix) for topic in TOPICS_OF_JOB]
    try:
        with TopicReader(kafka.client(), names) as reader:
            reader.partitions()
    except ReadError as error:
        if error.code in _REFUSALS:
            raise KafkaRefusalError(
                f"{error} (user {kafka.username} at {kafka.bootstrap_servers}): the job starts when that is mended"
            ) from error
        return False
    return True


def await_kafka(kafka: KafkaSettings, deadline_s: float = _ADMISSION_S) -> None:
    """Wait for a Kafka that starts at the same time, and for its users and topics.

    A broker that does not answer in time is left to Flink, which waits for it as long as it takes.

    Raises:
        KafkaRefusalError: Kafka answers, and still refuses when the time is up.
    """
    refusal: list[KafkaRefusalError] = []

    def admitted() -> bool:
        refusal.clear()
        try:
            return check_kafka(kafka)
        except KafkaRefusalError as error:
            refusal.append(error)
            return False

    try:
        wait_until(admitted, deadline_s, "Kafka to let the job in", 0.5)
    except TimeoutError as error:
        if refusal:
            raise refusal[0] from error


def _listens(bootstrap_servers: str) -> bool:
    """Whether one of them takes connections. Asked first, because a client would try for many seconds."""
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
        except OSError:
            continue
        return True
    return False
