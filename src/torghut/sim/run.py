"""A simulator as a foreground process: print where it listens, serve until a signal comes."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from typing import Final

import msgspec
import uvloop

from torghut.sim.server import Simulator
from torghut.sim.settings import Endpoints, SimSettings

_GC_THRESHOLD: Final = 200_000


def run_until_signal(settings: SimSettings, *, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    # Events are kept by the million and form no cycles; collecting them again and again is the main cost else.
    gc.set_threshold(_GC_THRESHOLD, 20, 100)
    uvloop.run(_serve(settings, as_json=as_json))


async def _serve(settings: SimSettings, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    async with Simulator(settings) as simulator:
        _announce(simulator.endpoints, as_json=as_json)
        simulator.failed.add_done_callback(lambda _: stopped.set())
        await stopped.wait()
        if simulator.failed.done():
            simulator.failed.result()


def _announce(endpoints: Endpoints, *, as_json: bool) -> None:
    if as_json:
        text = msgspec.json.encode(endpoints).decode()
    else:
        text = (
            f"sim: a stand-in for Alpaca is ready. stream {endpoints.stream_url}, history {endpoints.data_url}, "
            f"control {endpoints.control_url}; keys in {endpoints.accounts_dir}, ledger in {endpoints.ledger_dir}"
        )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
