"""Kafka's errors in the words of the status topic."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError

from torghut.wire.status import Reason

_REASONS: Final[dict[int, Reason]] = {
    KafkaError._AUTHENTICATION: Reason.KAFKA_AUTH,  # noqa: SLF001 - librdkafka's local codes, documented
    KafkaError.SASL_AUTHENTICATION_FAILED: Reason.KAFKA_AUTH,
    KafkaError.ILLEGAL_SASL_STATE: Reason.KAFKA_AUTH,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: Reason.KAFKA_AUTH,
    KafkaError._SSL: Reason.KAFKA_TLS,  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Reason.KAFKA_ACL,
    KafkaError.GROUP_AUTHORIZATION_FAILED: Reason.KAFKA_ACL,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Reason.KAFKA_ACL,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Reason.KAFKA_TOPIC,
    KafkaError._UNKNOWN_TOPIC: Reason.KAFKA_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: Reason.KAFKA_TOPIC,  # noqa: SLF001
    KafkaError.TOPIC_EXCEPTION: Reason.KAFKA_TOPIC,
    KafkaError.NOT_ENOUGH_REPLICAS: Reason.KAFKA_TOPIC,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND: Reason.KAFKA_TOPIC,
    KafkaError.MSG_SIZE_TOO_LARGE: Reason.KAFKA_TOPIC,
    KafkaError.RECORD_LIST_TOO_LARGE: Reason.KAFKA_TOPIC,
}


def reason_of(code: int) -> Reason:
    """The status reason for a Kafka error code; what is not known means that Kafka cannot be reached."""
    return _REASONS.get(code, Reason.KAFKA_UNREACHABLE)


class Trouble:
    """The most telling error lately: a refused login says more than the broken connection that it ends in."""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.detail = ""

    def saw(self, error: KafkaError) -> None:
        """Take note of an error of the client or of a delivery."""
        reason = reason_of(error.code())
        if reason is not Reason.KAFKA_UNREACHABLE or self.reason in {None, Reason.KAFKA_UNREACHABLE}:
            self.reason, self.detail = reason, f"{error.name()}: {error.str()}"

    def over(self) -> None:
        """Something worked: forget it."""
        self.reason, self.detail = None, ""
