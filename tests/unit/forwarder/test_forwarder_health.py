"""Health over real HTTP on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPConnection

import pytest

from torghut.forwarder.health import JSON, Answer, Endpoint, HealthServer, HealthServerError

LOOPBACK = "127.0.0.1"
Serve = Callable[..., HealthServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[HealthServer] = []

    def start(*endpoints: Endpoint) -> HealthServer:
        servers.append(HealthServer(list(endpoints), LOOPBACK))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def endpoint(variable: str = "HEALTH_PORT", port: int = 0, **routes: Callable[[], Answer]) -> Endpoint:
    return Endpoint(variable, port, {f"/{name}": route for name, route in routes.items()})


def get(port: int, path: str) -> tuple[int, str | None, bytes]:
    connection = HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


def ok() -> Answer:
    return HTTPStatus.OK, JSON, b'{"alive":true}'


def not_ready() -> Answer:
    return HTTPStatus.SERVICE_UNAVAILABLE, JSON, b"{}"


def test_a_route_answers_with_its_status_type_and_body(serve: Serve) -> None:
    server = serve(endpoint(livez=ok))
    assert get(server.ports[0], "/livez") == (200, "application/json", b'{"alive":true}')


def test_not_ready_is_503(serve: Serve) -> None:
    assert get(serve(endpoint(readyz=not_ready)).ports[0], "/readyz")[0] == 503


def test_a_query_does_not_change_the_route(serve: Serve) -> None:
    assert get(serve(endpoint(livez=ok)).ports[0], "/livez?verbose")[0] == 200


def test_an_unknown_path_names_those_there_are(serve: Serve) -> None:
    status, _, body = get(serve(endpoint(livez=ok, readyz=ok)).ports[0], "/")
    assert (status, body) == (404, b"try /livez /readyz\n")


def test_every_answer_is_asked_for_anew(serve: Serve) -> None:
    answers = iter([ok(), not_ready()])
    port = serve(endpoint(readyz=lambda: next(answers))).ports[0]
    assert [get(port, "/readyz")[0], get(port, "/readyz")[0]] == [200, 503]


def test_each_endpoint_has_a_port_and_routes_of_its_own(serve: Serve) -> None:
    server = serve(endpoint(livez=ok), endpoint("METRICS_PORT", metrics=ok))
    assert get(server.ports[1], "/metrics")[0] == 200
    assert get(server.ports[0], "/metrics")[0] == 404


def test_a_client_that_says_nothing_stops_nobody_else(serve: Serve) -> None:
    port = serve(endpoint(livez=ok)).ports[0]
    silent = HTTPConnection(LOOPBACK, port)
    silent.connect()
    assert get(port, "/livez")[0] == 200
    silent.close()


def test_a_port_that_is_taken_is_named_with_its_variable(serve: Serve) -> None:
    port = serve(endpoint(livez=ok)).ports[0]
    with pytest.raises(HealthServerError, match=f"METRICS_PORT={port}: wanted a free TCP port"):
        HealthServer([endpoint("METRICS_PORT", port)], LOOPBACK)


def test_after_closing_the_port_is_free(serve: Serve) -> None:
    server = HealthServer([endpoint(livez=ok)], LOOPBACK)
    server.close()
    assert get(serve(endpoint(port=server.ports[0], livez=ok)).ports[0], "/livez")[0] == 200
