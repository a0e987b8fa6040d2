from __future__ import annotations

import socket

import pytest

from torghut.platform.ports import LOOPBACK, free_port, is_free
from torghut.stack.errors import PortError
from torghut.stack.ports import PortBook


def _book(taken: set[int], kept: dict[str, int] | None = None, fixed: dict[str, int] | None = None) -> PortBook:
    numbers = iter(range(100, 200))
    return PortBook(kept or {}, fixed or {}, is_free=lambda port: port not in taken, free_port=lambda: next(numbers))


def test_a_port_is_chosen_once() -> None:
    book = _book(set())
    assert book.port("kafka") == book.port("kafka") == 100


def test_no_two_names_get_the_same_port() -> None:
    book = _book(set(), kept={"a": 100}, fixed={"b": 101})
    assert book.port("c") == 102


def test_a_kept_port_is_used_again() -> None:
    assert _book(set(), kept={"kafka": 7}).port("kafka") == 7


def test_a_taken_port_is_chosen_anew_and_the_others_stay() -> None:
    book = _book({7}, kept={"kafka": 7, "sim": 8})
    assert book.renew_taken(["kafka", "sim"])
    assert book.port("kafka") == 100
    assert book.port("sim") == 8


def test_free_ports_are_no_change() -> None:
    assert not _book(set(), kept={"kafka": 7}).renew_taken(["kafka"])


def test_a_taken_port_that_the_user_fixed_is_an_error_that_names_it() -> None:
    with pytest.raises(PortError, match=r"port 9092 \(kafka\.clients\) is taken .* --port kafka\.clients=PORT"):
        _book({9092}, fixed={"kafka.clients": 9092}).renew_taken(["kafka.clients"])


def test_a_real_port_is_taken_while_somebody_listens() -> None:
    port = free_port()
    assert is_free(port)
    with socket.socket() as server:
        server.bind((LOOPBACK, port))
        server.listen()
        assert not is_free(port)
    assert is_free(port)
