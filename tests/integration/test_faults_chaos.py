"""Everything at once, on a seeded schedule: kills at random moments, faults of the feed, a broker that goes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.forwarders import ForwarderProcess
from tests.integration.pipelines import RATE, Pipeline, now, pipeline_of

from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600, method="signal")]


def test_kills_at_random_moments_neither_repeat_nor_skip(broker: RunningStack, tmp_path: Path) -> None:
    draw = random.Random(20)
    with pipeline_of(broker, tmp_path) as pipeline:
        since, forwarder = now(), pipeline.running()
        for _ in range(15):
            pipeline.flow(draw.randrange(1, 4 * RATE))  # before it is ready, while it repairs, when all is well
            forwarder.kill()
            pipeline.flow(draw.randrange(1, RATE))
            forwarder.start()
        forwarder.wait_ready(90)
        pipeline.flow()
        pipeline.prove(since)


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_of_all_kinds_in_a_row_neither_lose_nor_repeat(broker: RunningStack, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    with pipeline_of(broker, tmp_path, seed=seed) as pipeline:
        since, forwarder = now(), pipeline.running(STALE_AFTER_S="5", QUEUE_MAX_RECORDS="5000")
        for _ in range(25):
            draw.choice(_faults(pipeline, forwarder, draw))()
            pipeline.flow(draw.randrange(1, 2 * RATE))
        broker.start("kafka")
        for name in pipeline.sim.control.state().faults:
            pipeline.sim.control.clear(name)
        forwarder.wait_ready(120)
        pipeline.flow()
        pipeline.prove(since)


def _faults(pipeline: Pipeline, forwarder: ForwarderProcess, draw: random.Random) -> list[Callable[[], object]]:
    control = pipeline.sim.control

    def restart_forwarder() -> None:
        forwarder.kill()
        pipeline.flow(draw.randrange(1, RATE))
        forwarder.start()

    def restart_broker() -> None:
        pipeline.broker.kill("kafka")
        pipeline.broker.wait_ready("kafka")

    def lose_history() -> None:
        control.history_error(draw.choice((429, 500, 403)), seconds=draw.uniform(0.5, 5))

    return [
        restart_forwarder,
        restart_broker,
        lose_history,
        control.drop,
        control.half_open,
        control.slow_client,
        lambda: control.refuse(draw.uniform(0.5, 3)),
        lambda: control.duplicates(0.2, resend_s=5),
        lambda: control.out_of_order(200, 0.2),
        lambda: control.malformed(count=1),
        lambda: control.cancel(2),
        lambda: control.correct(2),
    ]


def test_bars_of_whole_minutes_survive_drops_kills_and_updates(broker: RunningStack, tmp_path: Path) -> None:
    """Three turns of the minute, with the market's own bars and their updates half a minute later."""
    with pipeline_of(broker, tmp_path, rate=100) as pipeline:
        since, forwarder = now(), pipeline.running()
        for number in range(9):
            goal = since + (number + 1) * 22_000_000_000
            wait_until(lambda goal=goal: now() >= goal, 30, "the next disturbance", 0.2)  # type: ignore[misc]
            if number % 2:
                forwarder.kill()
                pipeline.flow(200)
                forwarder.start()
            else:
                pipeline.sim.control.refuse(2)
                pipeline.sim.control.drop()
        forwarder.wait_ready()
        pipeline.flow(500)
        report = pipeline.prove(since)
        assert report.channels["bars"].sent >= 16
