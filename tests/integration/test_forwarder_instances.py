"""Forwarders that die, pause, leave, come back and stand by, under a steady load: every event once, whoever writes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.integration.forwarders import ForwarderProcess
from tests.integration.pipelines import RATE, SYMBOLS, Pipeline, now, pipeline_of

from torghut.platform.waiting import wait_until
from torghut.stack.running import RunningStack
from torghut.wire.status import Reason

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300, method="signal")]

LEASE_S: Final = 4.0
LEASE: Final = {"LEASE_TTL_S": str(LEASE_S), "KAFKA_DELIVERY_TIMEOUT_MS": "2500"}
"""A lease that a test can wait for. Delivery has to give up before it ends."""


@pytest.fixture(scope="module")
def shared(broker: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline_of(broker, tmp_path_factory.mktemp("instances")) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(shared: Pipeline) -> Iterator[Pipeline]:
    yield shared
    shared.end_forwarders()
    for name in shared.sim.control.state().faults:
        shared.sim.control.clear(name)


def pair(pipeline: Pipeline) -> tuple[ForwarderProcess, ForwarderProcess]:
    """The active one and its standby."""
    active = pipeline.running("one", **LEASE)
    standby = pipeline.forwarder("two", **LEASE)
    standby.start()
    standby.wait_reason(Reason.STANDBY)
    return active, standby


def test_a_killed_forwarder_neither_repeats_nor_skips(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    for _ in range(3):
        pipeline.flow()
        forwarder.kill()
        pipeline.flow(RATE // 2)
        forwarder.start()
        forwarder.wait_ready()
    pipeline.flow()
    report = pipeline.prove(since)
    assert report.channels["trades"].repaired
    assert report.channels["quotes"].repaired
    pipeline.wait_status(since, Reason.OK, Reason.STARTING, Reason.REPAIRING, Reason.OK)


def test_a_forwarder_killed_during_its_repair_neither_repeats_nor_skips(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    forwarder.kill()
    pipeline.flow(3 * RATE)
    for _ in range(3):
        forwarder.start()
        forwarder.wait_reason(Reason.REPAIRING)
        forwarder.kill()
    forwarder.start()
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)


def test_a_standby_takes_over_from_a_dead_holder_within_five_seconds(pipeline: Pipeline) -> None:
    since = now()
    active, standby = pair(pipeline)
    said = standby.readyz()
    assert said is not None
    assert (said.http, said.reason, said.role) == (503, Reason.STANDBY, "standby")
    pipeline.wait_status(since, Reason.STANDBY, instance="two")
    pipeline.flow()
    active.kill()
    died = time.monotonic()
    wait_until(lambda: (said := standby.readyz()) is not None and said.role == "active", 5, "the takeover", 0.02)
    assert time.monotonic() - died < 5
    standby.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    pipeline.wait_status(since, Reason.STANDBY, Reason.OK, instance="two")


def test_a_holder_that_was_paused_past_its_lease_writes_nothing_when_it_wakes(pipeline: Pipeline) -> None:
    since = now()
    active, standby = pair(pipeline)
    pipeline.sim.control.connection_limit(2)  # the paused one still holds its connection
    pipeline.flow()
    active.signal(signal.SIGSTOP)
    wait_until(
        lambda: (said := standby.readyz()) is not None and said.role == "active", LEASE_S + 5, "the takeover", 0.02
    )
    standby.wait_ready()
    pipeline.flow()
    active.signal(signal.SIGCONT)
    assert active.wait(5) == 75
    pipeline.flow()
    report = pipeline.prove(since)
    assert report.fencing == 0


def test_a_holder_that_was_paused_within_its_lease_goes_on(pipeline: Pipeline) -> None:
    since = now()
    active, standby = pair(pipeline)
    for _ in range(3):
        pipeline.flow()
        active.signal(signal.SIGSTOP)
        pipeline.flow(int(RATE * LEASE_S / 4))
        active.signal(signal.SIGCONT)
    active.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
    said = standby.readyz()
    assert said is not None
    assert said.reason is Reason.STANDBY
    assert active.exit_code is None


def test_a_changed_symbol_list_is_taken_up_without_a_reconnect(broker: RunningStack, tmp_path: Path) -> None:
    symbols = tmp_path / "symbols"
    symbols.write_text("AAPL\nMSFT\n")
    with pipeline_of(broker, tmp_path) as pipeline:
        made = pipeline.forwarder(SYMBOLS_FILE=str(symbols))
        del made.environment["SYMBOLS"]
        made.start()
        made.wait_ready()
        pipeline.flow()
        symbols.write_text("MSFT\nTSLA\n*NVDA*\n")
        made.signal(signal.SIGHUP)
        wait_until(lambda: any("not changed" in str(line["event"]) for line in made.logged()), 10, "the refusal")
        symbols.write_text("MSFT\nTSLA\n")
        made.signal(signal.SIGHUP)
        wait_until(lambda: _subscribed(pipeline) == {"MSFT", "TSLA"}, 10, "the new subscription", 0.05)
        pipeline.flow(2 * RATE)
        symbols.write_text("\n".join(SYMBOLS))
        made.signal(signal.SIGHUP)
        wait_until(lambda: _subscribed(pipeline) == set(SYMBOLS), 10, "all symbols", 0.05)
        pipeline.flow(3 * RATE)
        made.wait_ready()
        report = pipeline.prove(None)
        assert report.channels["trades"].repaired == report.channels["quotes"].repaired == 0
        assert pipeline.logins() == 1


def _subscribed(pipeline: Pipeline) -> set[str]:
    return {symbol for c in pipeline.sim.control.state().connections for symbol in c.state.get("trades", ())}


def test_sigterm_leaves_within_ten_seconds_with_everything_acknowledged(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running(KAFKA_LINGER_MS="500")
    pipeline.flow()
    code, seconds = forwarder.terminate()
    assert code == 0
    assert seconds < 10
    assert not any("without acknowledgement" in str(line["event"]) for line in forwarder.logged())
    pipeline.wait_status(since, Reason.OK, Reason.SHUTDOWN)
    standby = pipeline.forwarder("two", **LEASE)
    began = time.monotonic()
    standby.start()
    standby.wait_ready()
    assert time.monotonic() - began < 15  # the lease was given back, nobody waits for its end
    pipeline.flow()
    pipeline.prove(since)


def test_sigterm_leaves_within_ten_seconds_without_kafka(pipeline: Pipeline) -> None:
    since, forwarder = now(), pipeline.running()
    pipeline.flow()
    pipeline.broker.stop("kafka")
    try:
        pipeline.flow()
        code, seconds = forwarder.terminate()
    finally:
        pipeline.broker.start("kafka")
    assert code == 0
    assert seconds < 10
    forwarder.start()
    forwarder.wait_ready()
    pipeline.flow()
    pipeline.prove(since)
