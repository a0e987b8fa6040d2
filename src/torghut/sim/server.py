"""One simulator: everything wired together, started and stopped."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from itertools import count
from typing import Final, Self

from torghut.platform.web import WebServer
from torghut.sim import ListenError
from torghut.sim.accounts import Accounts
from torghut.sim.control_api import ControlApi, SimState
from torghut.sim.events import feed_of
from torghut.sim.feeds import Pace, Playback, run_process
from torghut.sim.history_api import HistoryApi
from torghut.sim.ledger import Ledger, recall
from torghut.sim.market import Market
from torghut.sim.replay import read_recording
from torghut.sim.sabotage import Sabotage
from torghut.sim.settings import Endpoints, SimSettings
from torghut.sim.stream import StreamServer
from torghut.sim.tape import Tape
from torghut.wire.times import NS_PER_S

_FULL_SPEED_RATE: Final = 500_000.0
_TEST_SYMBOL: Final = "FAKEPACA"
_TEST_RATE: Final = 5.0


class Simulator:
    """A running stand-in for Alpaca. `async with` it; `endpoints` says where it listens."""

    endpoints: Endpoints

    def __init__(self, settings: SimSettings) -> None:
        self.settings = settings
        self.clock = time.time_ns
        self.finished = False
        self.failed: asyncio.Future[None]
        # Microseconds of today: with less than a million a second, no id of an earlier start is given again.
        self._ids = count(self.clock() // 1000)
        self._tasks: list[asyncio.Task[None]] = []
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        settings, clock = self.settings, self.clock
        self.failed = asyncio.get_running_loop().create_future()
        self.accounts = Accounts(settings.accounts_dir, settings.accounts)
        self.ledger = Ledger(settings.ledger_dir, clock())
        self._open.callback(lambda: self.ledger.close(self.clock()))
        self.tape = Tape(
            self.ledger, clock, history_events=settings.history_events, history_minutes=settings.history_minutes
        )
        self._recall()
        self.stream = StreamServer(settings, self.accounts, self.ledger, clock)
        self.tape.listen(self.stream.deliver)
        self.pace = Pace(clock)
        self.history_api = HistoryApi(self.tape, self.accounts, settings.stock_feed, clock)
        self.sabotage = Sabotage(self.accounts, self.stream, self.tape, self.history_api, self._ids)
        async with AsyncExitStack() as opening:
            opening.push_async_callback(self._open.aclose)
            try:
                await self._listen()
            except OSError as error:
                raise ListenError(f"cannot listen on {settings.host}: {error}; choose other ports, or 0") from error
            self._run()
            opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._open.aclose()

    def state(self) -> SimState:
        """What is going on, for people and tests."""
        return SimState(
            connections=list(self.stream.states()),
            counts=dict(self.tape.counts),
            rate=self.tape.rate,
            paused=self.pace.paused,
            pauses=self.pace.pauses,
            started=bool(self.tape.counts),
            finished=self.finished,
            faults=dict(self.sabotage.standing),
            history_requests=self.history_api.requests,
            ledger_dir=str(self.settings.ledger_dir),
        )

    def _recall(self) -> None:
        """Know what the simulators before this one let happen: Alpaca's history outlives its servers."""
        settings = self.settings
        since = self.clock() - int(settings.history_minutes * 60 * NS_PER_S)
        self.tape.recall(recall(settings.ledger_dir, since, settings.history_events))

    async def _listen(self) -> None:
        settings = self.settings
        tls = _tls(settings)
        pem = {"tls_cert": str(settings.tls_cert), "tls_key": str(settings.tls_key)} if tls else {}
        stream_port = await self.stream.start(tls)
        self._open.push_async_callback(self.stream.stop)
        data = WebServer(self.history_api.app(), settings.host, settings.data_port, **pem)
        control = WebServer(self._control_api().app(), "127.0.0.1", settings.control_port)
        data.start()
        control.start()
        self._open.push_async_callback(lambda: asyncio.gather(data.stop(), control.stop()))
        secure = "s" if tls else ""
        self.endpoints = Endpoints(
            stream_url=f"ws{secure}://{settings.host}:{stream_port}",
            data_url=f"http{secure}://{settings.host}:{data.port}",
            control_url=f"http://127.0.0.1:{control.port}",
            ledger_dir=str(settings.ledger_dir),
            accounts_dir=str(settings.accounts_dir),
        )

    def _control_api(self) -> ControlApi:
        return ControlApi(
            self.state, lambda: self.endpoints, self.sabotage, self.tape, self.pace, self.settings.stock_feed
        )

    def _run(self) -> None:
        self._spawn(self.stream.watch())
        self._spawn(self.stream.release())
        self._spawn(self.tape.measure())
        self._spawn(self._run_test_feed())
        self._spawn(self._run_market() if self.settings.replay is None else self._run_replay())

    async def _run_market(self) -> None:
        settings = self.settings
        feeds = {symbol: feed_of(symbol, settings.stock_feed) for symbol in settings.symbols}
        self._note_start("synthetic", sorted(set(feeds.values())))
        rate = _FULL_SPEED_RATE if settings.speed is None else settings.rate * settings.speed
        market = Market(
            seed=settings.seed, symbols=settings.symbols, rate=rate, origin_ns=self.clock(), ids=self._ids, feeds=feeds
        )
        writable = self.stream.writable if settings.speed is None else None
        await run_process(market, self.clock, self.pace, self.tape.happen, writable)

    async def _run_replay(self) -> None:
        settings, path = self.settings, self.settings.replay
        assert path is not None  # noqa: S101 - narrows the type
        self._note_start(f"replay:{path.name}", [settings.stock_feed, "crypto"])
        if not settings.start_at_once:
            await self.stream.subscribed.wait()
        recording = Playback(
            lambda: read_recording(path, settings.stock_feed), self.clock, self.pace, self.tape.happen, self._ids
        )
        await recording.play(
            speed=settings.speed, keep_times=settings.keep_times, loop=settings.loop, writable=self.stream.writable
        )
        self.ledger.note("end", self.clock())
        self.ledger.flush(self.clock())
        self.finished = True

    async def _run_test_feed(self) -> None:
        """Alpaca's test feed always runs; here it begins when somebody first connects to it."""
        await self.stream.test_feed_wanted.wait()
        market = Market(
            seed=self.settings.seed,
            symbols=(_TEST_SYMBOL,),
            rate=_TEST_RATE,
            origin_ns=self.clock(),
            ids=self._ids,
            feeds={_TEST_SYMBOL: "test"},
        )
        await run_process(market, self.clock, self.pace, self.tape.happen)

    def _note_start(self, source: str, feeds: list[str]) -> None:
        now = self.clock()
        self.ledger.note("start", now, source=source, feeds=feeds, seed=self.settings.seed)
        self.ledger.flush(now)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that fails ends the simulator: a stand-in that is half dead would be mistaken for a fault."""
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            self.failed.set_exception(error)


def _tls(settings: SimSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        raise ListenError(f"cannot use the certificate {settings.tls_cert}: {error}; wanted PEM files") from error
    return context
