"""The limit: librdkafka's producer on records that are ready, from a plain loop: `... limit LOAD_JSON`.

Nothing is received, decoded, numbered or waited for, and no report is asked for. No forwarder can do better with it.
"""

from __future__ import annotations

import sys
import time

import msgspec
from confluent_kafka import Producer

from torghut.bench.load import Load, records, round_base
from torghut.bench.stage import Said, leave_with_director, say
from torghut.config import KafkaSettings
from torghut.config import load as settings_of
from torghut.forwarder.delivery import producer_settings
from torghut.forwarder.settings import ForwarderSettings
from torghut.wire.topics import CHANNEL_TOPIC, full_name


def main() -> None:
    """Prepare, wait for the word, produce everything."""
    load = msgspec.json.decode(sys.argv[1], type=Load)
    kafka, settings = settings_of(KafkaSettings), settings_of(ForwarderSettings)
    producer = Producer(producer_settings(kafka.client(), settings.linger_ms, settings.delivery_timeout_ms))
    base = round_base(time.time_ns())
    topics = {channel: full_name(topic, kafka.topic_prefix) for channel, topic in CHANNEL_TOPIC.items()}
    ready = [(topics[channel], value, symbol.encode()) for channel, symbol, value in records(load, base, "sip")]
    for topic in {topic for topic, _, _ in ready}:
        producer.list_topics(topic, timeout=10)
    say(Said("ready", base=base))
    sys.stdin.readline()
    for topic, value, key in ready:
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush()
    say(Said("done"))
    sys.stdin.readline()


if __name__ == "__main__":
    leave_with_director()
    main()
