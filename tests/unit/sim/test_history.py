from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.sim.events import Event, parse_event
from torghut.sim.history import History, Query, TokenError
from torghut.wire.times import format_rfc3339

HOUR = 3600 * 10**9
NOON = 1_704_196_800 * 10**9


def trade(symbol: str, t: int, trade_id: int, price: str = "1.50", exchange: str = "V") -> Event:
    time = format_rfc3339(t)
    raw = (
        f'{{"T":"t","S":"{symbol}","i":{trade_id},"x":"{exchange}","p":{price},"s":100,"c":["@"],"z":"C","t":"{time}"}}'
    )
    return parse_event(raw.encode(), "sip")


def bar(kind: str, close: str) -> Event:
    raw = f'{{"T":"{kind}","S":"A","o":1,"h":1,"l":1,"c":{close},"v":1,"n":1,"vw":1,"t":"{format_rfc3339(NOON)}"}}'
    return parse_event(raw.encode(), "sip")


def change(text: str) -> Event:
    return parse_event(text.replace("TIME", format_rfc3339(NOON + 5)).encode(), "sip")


def history(*events: Event) -> History:
    known = History(max_events=1000, max_age_ns=HOUR)
    known.add(events)
    return known


def query(*symbols: str, limit: int = 100, token: str | None = None, **bounds: Any) -> Query:
    span = {"start": NOON - HOUR, "end": NOON + HOUR} | bounds
    return Query(table=span.pop("table", "trades"), symbols=symbols, limit=limit, token=token, **span)


def rows(known: History, *symbols: str, **bounds: Any) -> dict[str, list[dict[str, Any]]]:
    page = known.page(query(*symbols, **bounds))
    return {symbol: [msgspec.json.decode(raw) for raw in raws] for symbol, raws in page.rows.items()}


def everything(known: History, symbols: tuple[str, ...], limit: int) -> list[tuple[str, bytes]]:
    found, token = [], None
    while True:
        page = known.page(query(*symbols, limit=limit, token=token))
        assert sum(map(len, page.rows.values())) <= limit
        found += [(symbol, raw) for symbol, raws in page.rows.items() for raw in raws]
        if (token := page.next_token) is None:
            return found


@given(
    events=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 5)), max_size=60),
    limit=st.integers(1, 70),
)
def test_paging_gives_everything_exactly_once_by_symbol_and_time(events: list[tuple[str, int]], limit: int) -> None:
    known = history(*(trade(symbol, NOON + dt, number) for number, (symbol, dt) in enumerate(events)))
    expected = sorted((symbol, dt, number) for number, (symbol, dt) in enumerate(events))
    got = [(symbol, msgspec.json.decode(raw)["i"]) for symbol, raw in everything(known, ("C", "A", "B"), limit)]
    assert got == [(symbol, number) for symbol, _, number in expected]


def test_what_comes_late_between_two_pages_moves_nothing() -> None:
    known = history(trade("A", NOON, 1), trade("A", NOON + 2, 2), trade("A", NOON + 2, 3))
    first = known.page(query("A", limit=2))
    known.add([trade("A", NOON + 1, 4)])
    second = known.page(query("A", limit=2, token=first.next_token))
    assert [msgspec.json.decode(raw)["i"] for raw in second.rows["A"]] == [3]


def test_start_and_end_are_inclusive_to_the_nanosecond() -> None:
    known = history(*(trade("A", NOON + dt, dt) for dt in range(5)))
    assert [t["i"] for t in rows(known, "A", start=NOON + 1, end=NOON + 3)["A"]] == [1, 2, 3]


def test_messages_are_textually_as_sent_without_type_and_symbol() -> None:
    raw = trade("A", NOON + 123_456_789, 1, price="12.3400").raw
    (stored,) = history(parse_event(raw, "sip")).page(query("A")).rows["A"]
    assert stored == b"{" + raw.removeprefix(b'{"T":"t","S":"A",')


def test_members_in_another_order_lose_type_and_symbol_too() -> None:
    event = parse_event(b'{"S":"A","i":1,"p":1.50,"T":"t","t":"2024-01-02T12:00:00Z"}', "sip")
    (stored,) = history(event).page(query("A")).rows["A"]
    assert stored == b'{"i":1,"p":1.50,"t":"2024-01-02T12:00:00Z"}'


def test_a_cancelled_trade_is_marked() -> None:
    cancel = change('{"T":"x","S":"A","i":1,"x":"V","p":1.5,"s":100,"a":"C","z":"C","t":"TIME"}')
    found = rows(history(trade("A", NOON, 1), trade("A", NOON, 2), cancel), "A")["A"]
    assert [t.get("u") for t in found] == ["canceled", None]


def test_a_cancel_meets_only_its_exchange() -> None:
    cancel = change('{"T":"x","S":"A","i":1,"x":"D","p":1.5,"s":100,"a":"C","z":"C","t":"TIME"}')
    found = rows(history(trade("A", NOON, 1), trade("A", NOON, 1, exchange="D"), cancel), "A")["A"]
    assert [(t["x"], t.get("u")) for t in found] == [("V", None), ("D", "canceled")]


def test_a_correction_leaves_both_trades_at_the_same_time() -> None:
    correction = change(
        '{"T":"c","S":"A","x":"V","oi":1,"op":1.5,"os":100,"oc":["@"],"ci":9,"cp":1.75,"cs":50,"cc":["@","I"],'
        '"z":"C","t":"TIME"}'
    )
    was, now = rows(history(trade("A", NOON, 1), correction), "A")["A"]
    assert (was["u"], was["i"], was["p"]) == ("incorrect", 1, 1.5)
    assert (now["u"], now["i"], now["p"], now["s"], now["c"]) == ("corrected", 9, 1.75, 50, ["@", "I"])
    assert (now["t"], now["x"], now["z"]) == (was["t"], was["x"], was["z"])


def test_a_corrected_trade_can_be_cancelled() -> None:
    correction = change(
        '{"T":"c","S":"A","x":"V","oi":1,"op":1.5,"os":100,"ci":9,"cp":1.75,"cs":50,"z":"C","t":"TIME"}'
    )
    cancel = change('{"T":"x","S":"A","i":9,"x":"V","p":1.75,"s":50,"a":"C","z":"C","t":"TIME"}')
    found = rows(history(trade("A", NOON, 1), correction, cancel), "A")["A"]
    assert [t["u"] for t in found] == ["incorrect", "canceled"]


def test_a_change_of_an_unknown_trade_is_ignored() -> None:
    cancel = change('{"T":"x","S":"A","i":5,"x":"V","p":1.5,"s":100,"a":"C","z":"C","t":"TIME"}')
    assert "u" not in rows(history(trade("A", NOON, 1), cancel), "A")["A"][0]


def test_an_updated_bar_replaces_the_bar() -> None:
    found = rows(history(bar("b", "1"), bar("u", "2")), "A", table="bars")["A"]
    assert [b["c"] for b in found] == [2]


def test_symbols_without_data_are_left_out() -> None:
    assert rows(history(trade("A", NOON, 1)), "A", "B").keys() == {"A"}


@pytest.mark.parametrize("token", ["", "nonsense", "QUFB"])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        history().page(query("A", token=token))


def test_memory_is_bounded_by_number() -> None:
    known = History(max_events=5000, max_age_ns=HOUR)
    for block in range(10):
        known.add([trade("AB"[n % 2], NOON + block * 1000 + n, n) for n in range(1000)])
    assert len(known) <= 5000 + 4096
    assert known.page(query("A", "B", limit=1)).rows["A"] != ()


def test_memory_is_bounded_by_age() -> None:
    known = History(max_events=10**6, max_age_ns=1000)
    known.add([trade("A", NOON + n, n) for n in range(5000)])
    assert len(known) == 1001
