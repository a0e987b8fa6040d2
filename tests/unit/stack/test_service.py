from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from torghut.platform.ports import free_port
from torghut.stack.service import Answer, HttpProbe


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/readyz"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_200_is_ready() -> None:
    with _answering(200, b"{}") as url:
        assert HttpProbe(url).ask() == Answer(True, "ok")


def test_503_gives_its_reason() -> None:
    with _answering(503, b'{"ready":false,"reason":"kafka_auth"}') as url:
        assert HttpProbe(url).ask() == Answer(False, "kafka_auth")


def test_a_standby_is_as_ready_as_it_should_be() -> None:
    with _answering(503, b'{"ready":false,"reason":"standby"}') as url:
        assert HttpProbe(url, also_ready=("standby",)).ask() == Answer(True, "standby")


def test_an_answer_without_a_reason_is_not_ready() -> None:
    with _answering(500, b"oops") as url:
        assert HttpProbe(url).ask() == Answer(False, "HTTP 500")


def test_nobody_there_is_not_ready() -> None:
    answer = HttpProbe(f"http://127.0.0.1:{free_port()}/readyz").ask()
    assert not answer.ready
    assert "refused" in answer.reason
