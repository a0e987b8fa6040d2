"""Which Kafka a command reads: the one that the environment names, else that of the running stack."""

from __future__ import annotations

import os

from torghut.config import KafkaSettings, load
from torghut.stack.home import Home
from torghut.stack.running import RunningStack


def kafka_settings(topic_prefix: str | None) -> KafkaSettings:
    """As the read-only user `audit` of the stack. `topic_prefix` None is the stack's, or the environment's.

    Raises:
        NoStackError: no stack runs, and no KAFKA_BOOTSTRAP_SERVERS is set.
        ConfigError: a KAFKA_ variable is missing or wrong.
    """
    if "KAFKA_BOOTSTRAP_SERVERS" in os.environ:
        prefix = {} if topic_prefix is None else {"TOPIC_PREFIX": topic_prefix}
        return load(KafkaSettings, {**os.environ, **prefix})
    return RunningStack(Home.from_environment()).kafka("audit", topic_prefix)
