"""What the fixtures of the integration tests are made of."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torghut.platform.kafka.acls import acls
from torghut.stack.running import RunningStack
from torghut.wire.topics import TOPICS, full_name

StackFactory = Callable[..., RunningStack]


def quiet(_line: str) -> None:
    """Progress nobody reads."""


@contextmanager
def fresh_topics(broker: RunningStack) -> Iterator[str]:
    """A fresh TOPIC_PREFIX whose topics and permissions exist inside the block."""
    prefix = f"t{secrets.token_hex(4)}."
    admin = broker.admin()
    admin.create_topics(TOPICS, prefix)
    admin.allow(acls(prefix))
    yield prefix
    broker.wait_ready("kafka")
    admin.forbid(acls(prefix))
    admin.delete_topics([full_name(topic, prefix) for topic in TOPICS])
