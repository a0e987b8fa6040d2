"""Tiny trials of `torghut bench forwarder` on a real broker: that they measure at all, never how fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from torghut.bench.arena import Arena
from torghut.bench.errors import BenchError
from torghut.bench.forwarder import LIMIT, MODELS, OURS, TUNED
from torghut.bench.load import Load
from torghut.bench.trial import Subject, run, verify
from torghut.stack.running import RunningStack


@pytest.fixture
def place(broker: RunningStack, tmp_path: Path) -> Arena:
    return Arena(broker, tmp_path, own=True)


@pytest.mark.parametrize("subject", [OURS, MODELS, TUNED], ids=lambda subject: subject.name)
def test_every_record_of_a_steady_load_arrives_and_is_timed(place: Arena, subject: Subject) -> None:
    outcome = run(place, subject, Load(500, rate=500))
    assert len(outcome.latencies_ms) == len(outcome.lag_ms) == 500
    assert outcome.latencies_ms[0] > 0
    assert outcome.peak_mb > 10


@pytest.mark.parametrize("subject", [OURS, MODELS, TUNED, LIMIT], ids=lambda subject: subject.name)
def test_every_record_of_a_load_without_a_rate_arrives(place: Arena, subject: Subject) -> None:
    outcome = run(place, subject, Load(2_005, frame=20))
    assert outcome.wall_s > 0
    assert len(outcome.lag_ms) == 2_005


def test_the_topics_of_a_trial_are_gone_afterwards(place: Arena, broker: RunningStack) -> None:
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    run(place, LIMIT, Load(100))
    names = AdminClient(broker.kafka("admin").client()).list_topics(timeout=10).topics
    assert not [name for name in names if name.startswith("bench-")]


def test_a_record_that_is_missing_makes_no_figure(place: Arena) -> None:
    with place.topics() as prefix, pytest.raises(BenchError, match="100 lost"):
        verify(place, prefix, Load(100), 0)
