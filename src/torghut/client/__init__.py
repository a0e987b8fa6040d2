"""What users import to read Torghut's topics: a typed consumer that shows gaps and knows revisions.

    from torghut.client import Channel, Gap, Records, payload_of
    from torghut.config import KafkaSettings, load

    with Records(load(KafkaSettings), [Channel.TA_BARS], symbols={"AAPL"}) as records:
        for item in records:
            print(item if isinstance(item, Gap) else payload_of(item))

No consumer group is joined, and nothing is committed: each reader starts where it says.
"""

from __future__ import annotations

from torghut.client.errors import ClientError
from torghut.client.payloads import payload_of
from torghut.client.records import Records
from torghut.client.sequence import Gap, Revisions
from torghut.wire.envelope import Envelope
from torghut.wire.topics import Channel

__all__ = ["Channel", "ClientError", "Envelope", "Gap", "Records", "Revisions", "payload_of"]
