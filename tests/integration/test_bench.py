"""A tiny `torghut bench forwarder` on a real broker: that it measures at all, never how fast."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from torghut.bench.arena import Arena
from torghut.bench.errors import BenchError
from torghut.bench.forwarder import LIMIT, MODELS, OURS, RAW, Plan, measure
from torghut.bench.load import Load
from torghut.bench.trial import run, verify
from torghut.stack.running import RunningStack


@pytest.fixture
def place(broker: RunningStack, tmp_path: Path) -> Arena:
    return Arena(broker, tmp_path, own=True)


def test_all_are_measured_and_every_record_is_found(place: Arena) -> None:
    said: list[str] = []
    measured = measure(place, Plan(messages=2_000, seconds=1.0, rounds=1, rate=1_000), said.append)
    document = msgspec.json.decode(msgspec.json.encode(measured.report))
    assert set(document) == {"machine", "load", "rows"}
    assert all(set(row) == {"what", "who", "value", "unit", "ratio"} for row in document["rows"])
    assert {row["who"] for row in document["rows"]} == {OURS.name, MODELS.name, RAW.name, LIMIT.name}
    assert len(measured.targets) == 4
    assert len(said) == len(Plan().trials())


def test_the_topics_of_a_trial_are_gone_afterwards(place: Arena, broker: RunningStack) -> None:
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    run(place, LIMIT, Load(100))
    names = AdminClient(broker.kafka("admin").client()).list_topics(timeout=10).topics
    assert not [name for name in names if name.startswith("bench-")]


def test_a_record_that_is_missing_makes_no_figure(place: Arena) -> None:
    with place.topics() as prefix, pytest.raises(BenchError, match="100 lost"):
        verify(place, prefix, Load(100), 0)
