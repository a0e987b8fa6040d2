"""A real broker to measure against: the running stack's, else one of its own; and fresh topics for each trial."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from torghut.platform.kafka.acls import acls
from torghut.platform.locks import is_locked
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.start import Wish, down, up
from torghut.wire.topics import QUOTES, TOPICS, TRADES, full_name

MEASURED: Final = (TRADES, QUOTES)
LEADERS_S: Final = 60.0
_REQUEST_S: Final = 10.0


@dataclass(frozen=True)
class Arena:
    """A broker, and where processes leave their logs."""

    stack: RunningStack
    directory: Path
    own: bool

    @contextmanager
    def topics(self) -> Iterator[str]:
        """A prefix whose topics and permissions exist as long as the context does."""
        prefix = f"bench-{secrets.token_hex(4)}."
        admin = self.stack.admin()
        admin.create_topics(TOPICS, prefix)
        admin.allow(acls(prefix))
        try:
            wait_until(lambda: _answers(self.counter(prefix)), LEADERS_S, "the new topics to have leaders")
            yield prefix
        finally:
            admin.forbid(acls(prefix))
            admin.delete_topics([full_name(topic, prefix) for topic in TOPICS])

    def counter(self, prefix: str) -> Callable[[], int]:
        """A function that tells how many records the measured topics hold, with one request."""
        client = AdminClient(self.stack.kafka("audit", prefix).client())
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {
            TopicPartition(full_name(topic, prefix), number): latest
            for topic in MEASURED
            for number in range(topic.partitions[0])
        }

        def count() -> int:
            answers = client.list_offsets(asked, request_timeout=_REQUEST_S).values()
            return sum(int(answer.result(_REQUEST_S).offset) for answer in answers)

        return count


def _answers(count: Callable[[], int]) -> bool:
    try:
        return count() == 0
    except KafkaException:
        return False


@contextmanager
def arena(home: Home, report: Callable[[str], None]) -> Iterator[Arena]:
    """The broker of the stack in `home` if that runs, else a broker in a temporary home that ends with the context.

    Raises:
        StackError, PlatformError: no broker can be started here.
    """
    with tempfile.TemporaryDirectory(prefix="torghut-bench-") as name:
        directory = Path(name)
        if is_locked(home.supervisor_lock):
            report("the broker is that of the running stack")
            yield Arena(RunningStack(home), directory, own=False)
            return
        own = Home(directory / "home")
        try:
            up(own, Wish(only=("kafka",)), report, leash=True)
            yield Arena(RunningStack(own), directory, own=True)
        finally:
            down(own, lambda _: None)
