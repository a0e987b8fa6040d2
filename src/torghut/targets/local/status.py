"""What the components say of themselves, read from the status topic as the audit's user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from torghut.config import ConfigError
from torghut.ops.errors import UnavailableError
from torghut.platform.kafka.reader import ReadError, TopicReader
from torghut.runbooks.ports import ForwarderHealth
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.wire import topics
from torghut.wire.status import ForwarderStatus

_TAIL: Final = 200
_DEADLINE_S: Final = 10.0


@dataclass(frozen=True)
class LocalStatus:
    """The status topic of the stack in a home."""

    home: Home

    def forwarders(self) -> tuple[ForwarderHealth, ...]:
        """The newest record of each instance."""
        try:
            kafka = RunningStack(self.home).kafka("audit")
            records = _tail(kafka.client(), topics.full_name(topics.STATUS, kafka.topic_prefix))
        except (ConfigError, ReadError, StackError) as error:
            raise UnavailableError(f"the status topic cannot be read: {error}") from error
        newest: dict[str, ForwarderStatus] = {}
        for record in records:
            if record.component == "forwarder" and record.ts >= getattr(newest.get(record.instance), "ts", 0):
                newest[record.instance] = record
        return tuple(
            ForwarderHealth(r.instance, r.status, r.reason.value, r.detail, r.role, r.ts) for r in newest.values()
        )


def _tail(client: dict[str, object], topic: str) -> list[ForwarderStatus]:
    with TopicReader(client, [topic]) as reader:
        ends = reader.ends(reader.partitions())
        start = {partition: max(low, high - _TAIL) for partition, (low, high) in ends.items()}
        messages = reader.read(start, {p: high for p, (_, high) in ends.items()}, stall_s=_DEADLINE_S)
        return [record for message in messages if (record := _parse(message.value())) is not None]


def _parse(value: bytes | None) -> ForwarderStatus | None:
    try:
        return msgspec.json.decode(value or b"", type=ForwarderStatus)
    except msgspec.DecodeError:  # a reason of a newer version is not one to act on
        return None
