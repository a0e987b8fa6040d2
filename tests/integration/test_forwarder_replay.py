"""The real recording through the whole pipeline: every trade and quote once, values and nanoseconds unchanged.

Compared with the file as text, by code that knows nothing of the forwarder or the audit.
"""

from __future__ import annotations

import calendar
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from tests.integration.pipelines import Pipeline, pipeline_of

from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire import topics
from torghut.wire.envelope import Envelope

RECORDING: Final = Path(__file__).parents[3] / "shared" / "data" / "crypto-2024-08-08" / "btc-eth-spot.ndjson.gz"
CHANNEL: Final = {"t": "trades", "q": "quotes"}
_LINE: Final = re.compile(r'^\{"recv_ns":\d+,"msg":\{"T":"([tq])","S":"([^"]+)",(.*)\}\}$')

pytestmark = [
    pytest.mark.skipif(not RECORDING.exists(), reason="the real recording is not here (../shared/data)"),
    pytest.mark.timeout(240, method="signal"),
]


@contextmanager
def replayed(broker: RunningStack, folder: Path, speed: str) -> Iterator[Pipeline]:
    """A pipeline that is fed with the recording, at its own times."""
    options = {"feed": f"replay:{RECORDING}", "speed": speed, "keep_times": True}
    with pipeline_of(broker, folder, rate=None, symbols="BTC/USD,ETH/USD", **options) as pipeline:
        pipeline.feed = "crypto"
        yield pipeline


def recorded() -> Counter[tuple[str, str, str]]:
    """(channel, symbol, payload) of every line, as text."""
    found: Counter[tuple[str, str, str]] = Counter()
    with gzip.open(RECORDING, "rt") as lines:
        for line in lines:
            match = _LINE.match(line.rstrip())
            assert match, line
            found[CHANNEL[match[1]], match[2], "{" + match[3] + "}"] += 1
    return found


def published(pipeline: Pipeline) -> list[Envelope]:
    return [record for topic in (topics.TRADES, topics.QUOTES) for record in pipeline.envelopes(topic)]


def values(payload: str) -> tuple[tuple[str, Any], ...]:
    """The members with exact numbers, in the order of their names."""
    return tuple(sorted(json.loads(payload, parse_float=Decimal, parse_int=Decimal).items()))


def nanoseconds(text: str) -> int:
    """RFC 3339 in UTC to ns, digit by digit."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction or "0").ljust(9, "0"))


def check_times(records: list[Envelope]) -> None:
    for record in records:
        assert record.event_ts == nanoseconds(json.loads(bytes(record.payload))["t"]), record


def wait_for(pipeline: Pipeline, records: int) -> None:
    wait_until(
        lambda: sum(len(pipeline.values(topic)) for topic in (topics.TRADES, topics.QUOTES)) >= records,
        120,
        f"{records} records in Kafka",
        1.0,
    )


def test_a_replay_arrives_byte_by_byte(broker: RunningStack, tmp_path: Path) -> None:
    expected = recorded()
    with replayed(broker, tmp_path, "max") as pipeline:
        forwarder = pipeline.running()
        wait_for(pipeline, expected.total())
        forwarder.terminate()
        records = published(pipeline)
        assert pipeline.prove(None).channels["trades"].sent == 15_863
    assert Counter((r.channel.value, r.symbol, bytes(r.payload).decode()) for r in records) == expected
    assert {r.source for r in records} == {"ws"}
    check_times(records)


def test_a_replay_with_a_kill_in_the_middle_arrives_once(broker: RunningStack, tmp_path: Path) -> None:
    expected = recorded()
    with replayed(broker, tmp_path, "20") as pipeline:  # some 17 s: what falls into the gap comes from history
        forwarder = pipeline.running()
        wait_for(pipeline, expected.total() // 10)
        forwarder.kill()
        forwarder.start()
        forwarder.wait_ready(90)
        wait_for(pipeline, expected.total())
        forwarder.terminate()
        records = published(pipeline)
        assert pipeline.prove(None).channels["trades"].sent == 15_863
    found = Counter((r.channel.value, r.symbol, values(bytes(r.payload).decode())) for r in records)
    wanted: Counter[tuple[str, str, tuple[tuple[str, Any], ...]]] = Counter()
    for (channel, symbol, payload), number in expected.items():
        wanted[channel, symbol, values(payload)] += number
    assert (found - wanted, wanted - found) == (Counter(), Counter())
    assert {r.source for r in records} == {"ws", "rest"}
    check_times(records)
