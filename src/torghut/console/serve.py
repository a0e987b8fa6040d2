"""The console as a process: Kafka's thread, the observer and the web server, until it is asked to end."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Callable
from typing import Final

from torghut.config import KafkaSettings
from torghut.console.api import Api
from torghut.console.board import Board
from torghut.console.certificates import watch_certificates
from torghut.console.errors import ConsoleStartError
from torghut.console.events import EventLog
from torghut.console.live import MAX_BROWSERS, MAX_REQUEST_BYTES, Lounge
from torghut.console.metrics import ConsoleMetrics
from torghut.console.observer import Observer
from torghut.console.procedures import Procedures
from torghut.console.reading import Batch, KafkaFeed
from torghut.console.settings import ConsoleSettings
from torghut.console.states import States
from torghut.console.watcher import Watcher
from torghut.platform.artifacts import cache_directory
from torghut.platform.chart import chart_file
from torghut.platform.web import WebServer
from torghut.stack.home import Home

_NICE: Final = 10
"""The pipeline goes first, however many browsers look."""
_UNREAD_MS: Final = 15_000
_HAND_OVER_S: Final = 30.0


async def run(settings: ConsoleSettings, kafka: KafkaSettings, home: Home, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `say` is told the URL.

    Raises:
        ConsoleStartError: the port is taken.
        ConfigError: the Kafka settings do not go together.
    """
    kafka.client()
    _give_way()
    loop = asyncio.get_running_loop()
    board, events = Board(secrets.token_hex(4)), EventLog()
    observer = Observer(home, board, events)
    end: asyncio.Future[None] = loop.create_future()
    feed = KafkaFeed(
        kafka,
        lambda batch: _hand_over(loop, observer, batch),
        lambda error: loop.call_soon_threadsafe(_end, end, error),
    )
    observer.reader = lambda: feed.state
    procedures = Procedures(home)
    metrics = ConsoleMetrics(observer.observed, lambda: board.rows, procedures.newest)
    states = States(observer, procedures)
    lounge = Lounge(lambda: Watcher(board, events, states.newest), metrics)
    server = listen(settings, Api(observer, procedures, lounge, metrics, chart_file(cache_directory())))
    say(f"http://{settings.host}:{server.port}/")
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, end, None)
    feed.start()
    server.start()
    looking = [loop.create_task(observer.look()), loop.create_task(watch_certificates(kafka, observer.certificates))]
    try:
        await asyncio.wait([end, *looking], return_when=asyncio.FIRST_COMPLETED)
        for ended in (end, *looking):
            if ended.done():
                ended.result()
    finally:
        for task in looking:
            task.cancel()
        await asyncio.to_thread(feed.close)
        await server.stop()


def _end(end: asyncio.Future[None], error: Exception | None) -> None:
    if end.done():
        return
    if error is None:
        end.set_result(None)
    else:
        end.set_exception(error)


def _give_way() -> None:
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICE:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def _hand_over(loop: asyncio.AbstractEventLoop, observer: Observer, batch: Batch) -> None:
    """In Kafka's thread: wait until the event loop has taken the batch, so that no more than one waits for it."""

    async def take() -> None:
        observer.take(batch)

    asyncio.run_coroutine_threadsafe(take(), loop).result(_HAND_OVER_S)


def listen(settings: ConsoleSettings, api: Api) -> WebServer:
    """The web server on its port, with every bound that a browser meets.

    Raises:
        ConsoleStartError: the port is taken.
    """
    hosts = {*settings.hosts, settings.host} - {"0.0.0.0", "::"}  # noqa: S104 - names to reach it by, not to bind to
    try:
        server = WebServer(
            api.app(hosts),
            settings.host,
            settings.port,
            ws="websockets-sansio",
            ws_max_size=MAX_REQUEST_BYTES,
            ws_per_message_deflate=False,
            limit_concurrency=4 * MAX_BROWSERS,
            timeout_keep_alive=5,
            server_header=False,
        )
    except OSError as error:
        raise ConsoleStartError(
            f"CONSOLE_PORT={settings.port}: wanted a free TCP port, but {error.strerror}; choose another"
        ) from error
    # Accepted connections inherit it: the kernel ends one whose peer takes nothing for so long.
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
    return server
