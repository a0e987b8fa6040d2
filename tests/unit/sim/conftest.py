"""Runs a scenario against a fresh simulator in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.sim.simulators import DEADLINE_S, QUIET, Sim

from torghut.sim.server import Simulator
from torghut.sim.settings import SimSettings

Scenario = Callable[[Sim], Coroutine[None, None, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Run a scenario against a fresh simulator: `play(scenario, **settings)`."""

    async def run(scenario: Scenario, settings: SimSettings) -> None:
        async with Simulator(settings) as simulator, httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S) as http:
            if settings.rate == QUIET:
                simulator.pace.pause()
            await asyncio.wait_for(scenario(Sim(simulator, http, tmp_path)), 60)

    def start(scenario: Scenario, **changed: Any) -> None:
        options: dict[str, Any] = {"rate": QUIET, "symbols": ("A",)} | changed
        settings = SimSettings(ledger_dir=tmp_path / "ledger", accounts_dir=tmp_path / "accounts", **options)
        asyncio.run(run(scenario, settings))

    return start
