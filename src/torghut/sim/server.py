"""One simulator: everything wired together, started and stopped."""

from __future__ import annotations

import asyncio
import ssl
import time

from torghut.sim.accounts import Accounts
from torghut.sim.control_api import ControlApi
from torghut.sim.feeds import Pace, run_process
from torghut.sim.history_api import HistoryApi
from torghut.sim.ledger import Ledger
from torghut.sim.market import Market
from torghut.sim.settings import Endpoints, SimSettings
from torghut.sim.stream import StreamServer
from torghut.sim.tape import Tape
from torghut.sim.web import WebServer


class Simulator:
    """A running stand-in for Alpaca. `async with` it."""

    def __init__(self, settings: SimSettings) -> None:
        self.settings = settings
        self.clock = time.time_ns
        self.endpoints: Endpoints
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Simulator:
        settings, clock = self.settings, self.clock
        self.accounts = Accounts(settings.accounts_dir, settings.accounts)
        self.ledger = Ledger(settings.ledger_dir, clock())
        self.tape = Tape(
            self.ledger, clock, history_events=settings.history_events, history_minutes=settings.history_minutes
        )
        self.stream = StreamServer(settings, self.accounts, self.ledger, clock)
        self.tape.listen(self.stream.deliver)
        self.pace = Pace()
        self.history_api = HistoryApi(self.tape, self.accounts, settings.stock_feed, clock)
        await self._listen()
        self._start_feeds()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stream.stop()
        await self._data.stop()
        await self._control.stop()
        self.ledger.close(self.clock())

    async def _listen(self) -> None:
        settings = self.settings
        tls = _tls(settings)
        pem = {"tls_cert": str(settings.tls_cert), "tls_key": str(settings.tls_key)} if tls else {}
        stream_port = await self.stream.start(tls)
        self._data = WebServer(self.history_api.app(), settings.host, settings.data_port, **pem)
        self._control = WebServer(ControlApi(self).app(), "127.0.0.1", settings.control_port)
        self._data.start()
        self._control.start()
        secure = "s" if tls else ""
        self.endpoints = Endpoints(
            stream_url=f"ws{secure}://{settings.host}:{stream_port}",
            data_url=f"http{secure}://{settings.host}:{self._data.port}",
            control_url=f"http://127.0.0.1:{self._control.port}",
            ledger_dir=str(settings.ledger_dir),
            accounts_dir=str(settings.accounts_dir),
        )

    def _start_feeds(self) -> None:
        settings = self.settings
        now = self.clock()
        self.ledger.note("start", now, source="synthetic", feeds=[settings.stock_feed], seed=settings.seed)
        market = Market(settings.seed, settings.symbols, settings.rate, now, now // 1000, settings.stock_feed)
        self._spawn(run_process(market, self.clock, self.pace, self.tape.happen))
        self._spawn(self.stream.watch())

    def _spawn(self, work: object) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))  # type: ignore[arg-type]


def _tls(settings: SimSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context
