"""One browser's WebSocket: requests in, updates out, one at a time, each acknowledged before the next.

What protects the pipeline from browsers: a bounded number of them, one update under way for each, a deadline for its
acknowledgement (a browser that misses it is told and dropped), small and few requests. A browser that does not even
read is cut off by the kernel (`TCP_USER_TIMEOUT`, see `serve`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from torghut.console.errors import BadRequestError
from torghut.console.metrics import ConsoleMetrics
from torghut.console.watcher import Watch, Watcher, parse_request

PERIOD_S: Final = 0.1
ACKNOWLEDGE_S: Final = 10.0
MAX_BROWSERS: Final = 32
MAX_REQUEST_BYTES: Final = 2048
_MAX_REQUESTS_S: Final = 40
_CLOSE_S: Final = 1.0

TRY_AGAIN_LATER: Final = 1013
POLICY: Final = 1008

_encoder: Final = msgspec.json.Encoder()


class _DroppedError(Exception):
    """This browser is shown out. `code` is the WebSocket close code; the message is told to it."""

    def __init__(self, code: int, label: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.label = label


class Lounge:
    """All browsers. `watcher` makes the view of one."""

    def __init__(
        self, watcher: Callable[[], Watcher], metrics: ConsoleMetrics, acknowledge_s: float = ACKNOWLEDGE_S
    ) -> None:
        self._watcher = watcher
        self._metrics = metrics
        self._acknowledge_s = acknowledge_s

    async def welcome(self, socket: WebSocket) -> None:
        """Serve one browser until it leaves or is dropped."""
        await socket.accept()
        try:
            _admit(self._metrics.browsers)
            with self._metrics.browser():
                await _Visit(socket, self._watcher(), self._metrics, self._acknowledge_s).run()
        except _DroppedError as dropped:
            self._metrics.dropped[dropped.label] += 1
            with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
                async with asyncio.timeout(_CLOSE_S):
                    await socket.close(dropped.code, str(dropped))
        except WebSocketDisconnect:
            return


def _admit(browsers: int) -> None:
    if browsers >= MAX_BROWSERS:
        raise _DroppedError(TRY_AGAIN_LATER, "full", f"{browsers} browsers are connected: try again later")


class _Visit:
    """One browser's stay."""

    def __init__(self, socket: WebSocket, watcher: Watcher, metrics: ConsoleMetrics, acknowledge_s: float) -> None:
        self._socket = socket
        self._watcher = watcher
        self._metrics = metrics
        self._acknowledge_s = acknowledge_s
        self._seen = asyncio.Event()
        self._asked = asyncio.Event()

    async def run(self) -> None:
        """Until it leaves.

        Raises:
            WebSocketDisconnect: it left.
            _DroppedError: it has to leave.
        """
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tell())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        window, count = 0, 0
        loop = asyncio.get_running_loop()
        while True:
            try:
                request = parse_request(await self._socket.receive_text())
            except (BadRequestError, KeyError) as error:
                raise _DroppedError(POLICY, "request", str(error)[:120]) from error
            second = int(loop.time())
            window, count = second, count + 1 if second == window else 1
            if count > _MAX_REQUESTS_S:
                raise _DroppedError(POLICY, "requests", f"more than {_MAX_REQUESTS_S} requests in a second")
            if isinstance(request, Watch):
                self._watcher.watch(request)
                self._asked.set()
            else:
                self._seen.set()

    async def _tell(self) -> None:
        while True:
            update = self._watcher.next()
            if update is not None:
                await self._send(_encoder.encode(update).decode())
            with suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await self._asked.wait()
            self._asked.clear()

    async def _send(self, text: str) -> None:
        self._seen.clear()
        try:
            async with asyncio.timeout(self._acknowledge_s):
                await self._socket.send_text(text)
                self._metrics.sent(len(text))
                await self._seen.wait()
        except TimeoutError:
            said = f"too slow: an update was not acknowledged for {self._acknowledge_s:g} s"
            raise _DroppedError(TRY_AGAIN_LATER, "slow", said) from None
