"""What went through the job, counted in its topics. The same on every target: only the login differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from torghut.platform.kafka.reader import Partition, TopicReader
from torghut.runbooks.job_ports import Flow
from torghut.wire.envelope import decode_envelope
from torghut.wire.topics import TA_BARS_1S, TA_SIGNALS, TRADES, full_name

_NS_PER_MS: Final = 1_000_000
_MOST: Final = 200
"""Final records that are read of each partition: whether there are any is the question."""


def flow_since(client: Mapping[str, Any], topic_prefix: str, since_ns: int) -> Flow:
    """What came in and out since then, by the time of receipt, which is that of the records.

    Raises:
        ReadError: the topics cannot be read.
    """
    trades, bars, signals = (full_name(topic, topic_prefix) for topic in (TRADES, TA_BARS_1S, TA_SIGNALS))
    with TopicReader(client, [trades, bars, signals]) as reader:
        spans = _spans(reader, since_ns // _NS_PER_MS)
        return Flow(
            trades=sum(high - low for at, (low, high) in spans.items() if at.topic == trades),
            bars=_versions(reader, spans, bars),
            signals=_versions(reader, spans, signals),
        )


def _spans(reader: TopicReader, since_ms: int) -> dict[Partition, tuple[int, int]]:
    """From the first offset since then to the end, of each partition."""
    partitions = reader.partitions()
    starts, ends = reader.offsets_at(partitions, since_ms), reader.ends(partitions)
    return {at: (starts[at], ends[at][1]) for at in partitions}


def _versions(reader: TopicReader, spans: Mapping[Partition, tuple[int, int]], topic: str) -> dict[str, int]:
    """How many of the newest records are of each version of the job."""
    mine = {at: span for at, span in spans.items() if at.topic == topic}
    starts = {at: max(low, high - _MOST) for at, (low, high) in mine.items()}
    found = Counter[str]()
    for message in reader.read(starts, {at: high for at, (_, high) in mine.items()}):
        with suppress(msgspec.MsgspecError):  # not ours
            found[decode_envelope(message.value() or b"").job_version or ""] += 1
    return dict(found)
