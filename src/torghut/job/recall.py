"""Re-reading Kafka after a restore: what is not worth a place in every checkpoint is read once more from the log.

The input of the last minute (open seconds, prints that can be revised), and the finals that the output topics hold.
And the end of a log, for those who wonder why they hear nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from torghut.job.published import Place
from torghut.platform.kafka.reader import Partition, TopicReader
from torghut.platform.waiting import wait_until
from torghut.wire.envelope import decode_envelope
from torghut.wire.topics import QUOTES, TA_BARS_1S, TA_SIGNALS, TRADES, Channel, full_name, written_ms

_SETTLED_DEADLINE_S: Final = 60.0
_END_DEADLINE_S: Final = 0.5
"""The job stands still meanwhile."""


class Written(NamedTuple):
    """A final record as it stands in its topic."""

    channel: Channel
    place: Place
    revision: int
    payload: bytes


class Recall:
    """Reads the topics of one prefix, on connections that are kept. Close it.

    `client` is librdkafka's connection configuration.
    """

    def __init__(self, client: Mapping[str, Any], prefix: str) -> None:
        self._inputs: Final = TopicReader(client, [full_name(topic, prefix) for topic in (TRADES, QUOTES)])
        self._outputs: Final = tuple(full_name(topic, prefix) for topic in (TA_BARS_1S, TA_SIGNALS))
        self._committed: Final = TopicReader(client, self._outputs)
        self._everything: Final = TopicReader(client, self._outputs, isolation="read_uncommitted")

    def values(self, topic: str, partition: int, first: int, end: int) -> Iterator[str]:
        """Record values from offset `first` up to before `end`.

        Raises:
            ReadError: they cannot be read.
        """
        if first >= end:
            return
        it = Partition(topic, partition)
        for message in self._inputs.read({it: first}, {it: end}):
            yield (message.value() or b"").decode(errors="replace")

    def log_end(self, topic: str, partition: int) -> int:
        """The offset after the last record of this partition; 0 when it holds none.

        Raises:
            ReadError: Kafka does not answer at once.
        """
        it = Partition(topic, partition)
        first, end = self._inputs.ends([it], timeout_s=_END_DEADLINE_S)[it]
        return end if end > first else 0

    def close(self) -> None:
        """End the connections."""
        for reader in (self._inputs, self._committed, self._everything):
            reader.close()

    def finals(self, partition: int, since_ms: int, saved_ms: int) -> Iterator[Written]:
        """Bars and signals that were written to this partition since a time of the wall clock (ms).

        Waits until what the restored state, taken at `saved_ms`, says was written is committed: the restored sink does
        so. What is still open and was written later died with the job that wrote it. It is not waited for, because its
        abortion may have to wait for us: the sink leaves alone what has the name of a transaction that it committed,
        until it needs that name again, at the first checkpoint.

        Raises:
            ReadError: they cannot be read.
            TimeoutError: a transaction stays open.
        """
        known = set(self._committed.partitions())
        wanted = [it for topic in self._outputs if (it := Partition(topic, partition)) in known]
        wait_until(
            lambda: not self._is_open(wanted, saved_ms),
            _SETTLED_DEADLINE_S,
            f"what was written before the restored state to be committed in partition {partition} of "
            f"{', '.join(self._outputs)}",
        )
        ends = {it: end for it, (_, end) in self._committed.ends(wanted).items()}
        for message in self._committed.read(self._committed.offsets_at(wanted, since_ms), ends):
            try:
                envelope = decode_envelope(message.value() or b"")
            except msgspec.MsgspecError:
                continue  # not ours: nothing of what we compute can equal it
            place = Place(envelope.symbol, envelope.seq)
            yield Written(envelope.channel, place, envelope.revision or 0, bytes(envelope.payload))

    def _is_open(self, partitions: Sequence[Partition], saved_ms: int) -> bool:
        """Whether a record that was written by `saved_ms` is in a transaction that has not ended."""
        stable = {it: end for it, (_, end) in self._committed.ends(partitions).items()}
        ends = {it: end for it, (_, end) in self._everything.ends(partitions).items()}
        return any(written_ms(message.headers()) <= saved_ms for message in self._everything.read(stable, ends))
