"""What a client on the wire meets: protocol, history, and each fault that can be ordered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from tests.unit.sim.simulators import Client, Sim
from websockets.exceptions import ConnectionClosed, InvalidStatus

Play = Callable[..., None]
TIME = "2024-01-02T15:00:00.123456789Z"


def trade(number: int, symbol: str = "AAPL") -> dict[str, Any]:
    return {"T": "t", "S": symbol, "i": number, "x": "V", "p": 1.5, "s": 100, "c": ["@"], "z": "C", "t": TIME}


def quote(symbol: str = "AAPL") -> dict[str, Any]:
    return {
        "T": "q",
        "S": symbol,
        "bx": "V",
        "bp": 1,
        "bs": 1,
        "ax": "V",
        "ap": 2,
        "as": 1,
        "c": [],
        "z": "C",
        "t": TIME,
    }


def bar() -> dict[str, Any]:
    return {"T": "b", "S": "AAPL", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1, "n": 1, "vw": 1, "t": "2024-01-02T15:00:00Z"}


def ids(messages: list[dict[str, Any]]) -> list[int]:
    return [message["i"] for message in messages]


async def error_code(client: Client) -> int:
    return int((await client.receive())[0]["code"])


async def ended(client: Client) -> ConnectionClosed:
    with pytest.raises(ConnectionClosed) as closed:
        await client.messages(10**9)
    return closed.value


# The stream


def test_a_client_gets_what_it_subscribed_to_and_nothing_else(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            assert (await client.subscribe(trades=["AAPL"]))["corrections"] == ["AAPL"]
            await sim.happen(trade(1), trade(2, "MSFT"), quote(), trade(3))
            assert ids(await client.messages(2)) == [1, 3]

    play(scenario)


def test_a_star_is_every_symbol(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(quotes=["*"])
            await sim.happen(quote("A"), quote("B"))
            assert [q["S"] for q in await client.messages(2)] == ["A", "B"]

    play(scenario)


def test_frames_hold_no_more_messages_than_allowed(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.happen(*(trade(n) for n in range(7)))
            assert [len(await client.receive()) for _ in range(3)] == [3, 3, 1]

    play(scenario, frame_size=3)


def test_a_request_in_fragments_is_understood(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.authenticate()
            await client.socket.send(['{"action":"subs', 'cribe","trad', 'es":["A"]}'])
            assert (await client.receive())[0]["trades"] == ["A"]

    play(scenario)


def test_keys_may_come_as_headers(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        key, secret = sim.keys()
        headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        async with sim.client(additional_headers=headers) as client:
            assert [(await client.receive())[0]["msg"] for _ in range(2)] == ["connected", "authenticated"]

    play(scenario)


def test_who_does_not_authenticate_in_time_is_told_404_and_closed(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.receive()
            assert await error_code(client) == 404
            await ended(client)

    play(scenario, auth_timeout_s=0.05)


def test_garbage_is_400_and_the_connection_lives(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.receive()
            await client.socket.send("{")
            assert await error_code(client) == 400
            await client.send(action="auth", key=client.keys[0], secret=client.keys[1])
            assert (await client.receive())[0]["msg"] == "authenticated"

    play(scenario)


def test_a_feed_that_the_plan_does_not_cover_is_409(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client("/v2/iex") as client:
            assert (await client.authenticate())["code"] == 409

    play(scenario)


def test_an_unknown_path_is_404(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        with pytest.raises(InvalidStatus, match="404"):
            async with sim.client("/v2/options"):
                pass

    play(scenario)


def test_a_second_connection_of_an_account_is_406_and_one_of_another_account_is_not(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as first, sim.client() as second, sim.client() as third:
            await first.authenticate()
            assert (await second.authenticate())["code"] == 406
            third.keys = sim.keys(1)
            assert (await third.authenticate())["msg"] == "authenticated"

    play(scenario)


def test_the_test_feed_sends_its_symbol(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client("/v2/test") as client:
            await client.subscribe(trades=["FAKEPACA"], quotes=["FAKEPACA"])
            assert {message["S"] for message in await client.messages(3)} == {"FAKEPACA"}

    play(scenario, rate=1.0)


def test_who_does_not_read_is_told_407_and_closed(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client(max_queue=1, close_timeout=0.1) as client:
            await client.subscribe(trades=["*"])
            client.socket.transport.pause_reading()
            padded = [trade(n) | {"pad": "x" * 100_000} for n in range(200)]
            await sim.happen(*padded)
            await sim.until_noted("close")

    play(scenario, slow_after_s=0.1)


def test_everything_a_client_was_owed_and_got_is_in_the_ledger_in_that_order(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"], quotes=["*"], lulds=["*"])
            got = await client.messages(400)
        happened = [line["msg"] for line in sim.ledger("event") if line["msg"]["T"] in "tql"]
        start = happened.index(got[0])
        assert happened[start : start + len(got)] == got

    play(scenario, rate=2000.0, symbols=("AAPL", "MSFT"))


def test_what_happens_without_a_client_is_in_the_ledger_and_in_history(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.happen(trade(1))
        assert [line["msg"] for line in sim.ledger("event")] == [trade(1)]
        found = (await sim.history("/v2/stocks/trades", symbols="AAPL", start="2024-01-01")).json()
        assert ids(found["trades"]["AAPL"]) == [1]

    play(scenario)


def test_the_ledger_tells_of_connections_and_acknowledgements_without_keys(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["A"])
        await sim.until_noted("close")
        assert [line["k"] for line in sim.ledger()] == ["start", "open", "auth", "ack", "close"]
        (ack,) = sim.ledger("ack")
        assert (ack["conn"], ack["account"], ack["feed"], ack["state"]["trades"]) == (1, 0, "sip", ["A"])
        assert all(key not in str(sim.ledger()) for key in client.keys)

    play(scenario)


# History


def test_history_is_served_page_by_page(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.happen(*(trade(n) for n in range(5)))
        query: dict[str, Any] = {"symbols": "AAPL", "start": TIME, "end": TIME, "limit": 2}
        got: list[int] = []
        while True:
            page = (await sim.history("/v2/stocks/trades", **query)).json()
            got += ids(page["trades"]["AAPL"])
            if page["next_page_token"] is None:
                break
            query["page_token"] = page["next_page_token"]
        assert got == [0, 1, 2, 3, 4]

    play(scenario)


def test_a_cancelled_trade_is_marked_in_history(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.happen(trade(1), {**trade(1), "T": "x", "a": "C"})
        page = (await sim.history("/v2/stocks/trades", symbols="AAPL", start="2024-01-01")).json()
        assert page["trades"]["AAPL"][0]["u"] == "canceled"

    play(scenario)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v2/stocks/trades", {}),
        ("/v2/stocks/trades", {"symbols": "A", "limit": 0}),
        ("/v2/stocks/trades", {"symbols": "A", "limit": "many"}),
        ("/v2/stocks/trades", {"symbols": "A", "start": "yesterday"}),
        ("/v2/stocks/trades", {"symbols": "A", "page_token": "x"}),
        ("/v2/stocks/bars", {"symbols": "A", "timeframe": "1Day"}),
    ],
)
def test_wrong_parameters_are_400(play: Play, path: str, query: dict[str, Any]) -> None:
    async def scenario(sim: Sim) -> None:
        assert (await sim.history(path, **query)).status_code == 400

    play(scenario)


def test_history_of_a_feed_outside_the_plan_is_403(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        assert (await sim.history("/v2/stocks/trades", symbols="A", feed="iex")).status_code == 403

    play(scenario)


def test_history_with_wrong_keys_is_403(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        assert (await sim.history("/v2/stocks/trades", keys=("a", "b"), symbols="A")).status_code == 403

    play(scenario)


# Faults


def test_rotation_lets_only_the_new_pair_in(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        old = sim.keys()
        await sim.fault("rotate", account=0)
        async with sim.client() as late, sim.client() as early:
            late.keys = old
            assert (await late.authenticate())["code"] == 402
            assert (await early.authenticate())["msg"] == "authenticated"

    play(scenario)


def test_revoked_keys_are_402_and_cut_ends_what_is_open(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.authenticate()
            await sim.fault("revoke", account=0, cut=True)
            await ended(client)
        async with sim.client() as client:
            assert (await client.authenticate())["code"] == 402

    play(scenario)


def test_a_dropped_session_lingers_and_blocks_the_next_one_for_a_while(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.fault("connection-limit", limit=1, linger_s=60)
        async with sim.client() as client:
            await client.authenticate()
        async with sim.client() as client:
            assert (await client.authenticate())["code"] == 406

    play(scenario)


def test_a_muted_channel_is_silent_until_it_is_cleared(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"], quotes=["*"])
            await sim.fault("mute", channels=["trades"])
            await sim.happen(trade(1), quote())
            assert [m["T"] for m in await client.messages(1)] == ["q"]
            await sim.clear("mute")
            await sim.happen(trade(2))
            assert ids(await client.messages(1)) == [2]

    play(scenario)


@pytest.mark.parametrize(("how", "code"), [("reset", None), ("close", 1000)])
def test_a_drop_ends_the_connection(play: Play, how: str, code: int | None) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("drop", how=how)
            closed = await ended(client)
            assert (closed.rcvd.code if closed.rcvd else None) == code

    play(scenario)


def test_half_open_answers_no_ping_and_is_owed_nothing(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(sim.client(close_timeout=0.1))
            await client.subscribe(trades=["*"])
            await sim.fault("half-open")
            await sim.happen(trade(1))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(await client.socket.ping(), 0.3)
            assert sim.ledger("close")

    play(scenario)


def test_a_slow_client_is_told_407(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("slow_client")
            assert await error_code(client) == 407
            await ended(client)

    play(scenario)


def test_any_error_can_be_sent_and_only_final_ones_close(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("error", code=410)
            assert await error_code(client) == 410
            await sim.fault("error", code=500)
            assert await error_code(client) == 500
            await ended(client)

    play(scenario)


def test_delayed_messages_come_late_but_are_in_history_at_once(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("delay", ms=300)
            began = asyncio.get_running_loop().time()
            await sim.happen(trade(1))
            found = (await sim.history("/v2/stocks/trades", symbols="AAPL", start="2024-01-01")).json()
            assert ids(found["trades"]["AAPL"]) == [1]
            await client.messages(1)
            assert asyncio.get_running_loop().time() - began >= 0.25

    play(scenario)


def test_disorder_delivers_everything_once_in_another_order(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("out_of_order", max_ms=50, probability=0.5)
            await sim.happen(*(trade(n) for n in range(50)))
            got = ids(await client.messages(50))
            assert sorted(got) == list(range(50)) != got

    play(scenario)


def test_duplicates_are_sent_twice_and_told_once(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"], bars=["*"], quotes=["*"])
            await sim.fault("duplicates", probability=1.0)
            await sim.happen(trade(1), bar(), quote())
            kinds = [message["T"] for message in await client.messages(5)]
            assert (len(kinds), kinds.count("q")) == (5, 1)
            assert len(sim.ledger("event")) == 3

    play(scenario)


def test_after_a_reconnect_recent_trades_may_come_again_but_no_quotes(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.fault("duplicates", probability=0.0, resend_s=60)
        await sim.happen(trade(1), quote(), trade(2))
        async with sim.client() as client:
            await client.subscribe(trades=["*"], quotes=["*"])
            assert ids(await client.messages(2)) == [1, 2]

    play(scenario)


def test_malformed_frames_come_and_are_counted_apart(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("malformed", kinds=["invalid_json", "wrong_type", "not_array"])
            frames = [await client.socket.recv(decode=False) for _ in range(3)]
            with pytest.raises(msgspec.DecodeError):
                msgspec.json.decode(frames[0])
            assert isinstance(msgspec.json.decode(frames[1])[0]["p"], str)
            assert isinstance(msgspec.json.decode(frames[2]), dict)
            assert [(line["what"], line["count"]) for line in sim.ledger("inject")] == [("malformed", 3)]
            assert sim.ledger("event") == []

    play(scenario)


def test_unknown_types_come_in_one_frame_with_good_messages(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("unknown_type", count=2)
            await sim.happen(trade(1))
            assert [message["T"] for message in await client.receive()] == ["zz", "zz", "t"]

    play(scenario)


def test_unknown_keys_come_with_trades_that_happened(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.happen(trade(1))
            await sim.fault("unknown_keys")
            _, strange = await client.messages(2)
            assert strange["yy"] == "unknown"
            assert sim.ledger("event")[-1]["msg"] == strange

    play(scenario)


def test_fragmented_frames_are_whole_again_at_the_client(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("fragmented", frames=1, pieces=3)
            await sim.happen(trade(1))
            pieces = [piece async for piece in client.socket.recv_streaming(decode=False)]
            assert (len(pieces), msgspec.json.decode(b"".join(pieces))) == (3, [trade(1)])

    play(scenario)


def test_an_oversized_frame_still_holds_the_good_message(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.fault("oversized", bytes=2_000_000)
            await sim.happen(trade(1))
            huge, good = await client.receive()
            assert (len(huge["pad"]), good) == (2_000_000, trade(1))

    play(scenario)


def test_history_fails_for_so_many_requests(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.fault("history_error", status=429, requests=2)
        got = [(await sim.history("/v2/stocks/trades", symbols="A")).status_code for _ in range(3)]
        assert got == [429, 429, 200]

    play(scenario)


def test_history_fails_until_it_is_cleared(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.fault("history-error", status=503)
        assert (await sim.history("/v2/stocks/trades", symbols="A")).status_code == 503
        await sim.clear("history-error")
        assert (await sim.history("/v2/stocks/trades", symbols="A")).status_code == 200

    play(scenario)


def test_new_connections_are_refused_for_a_while(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.fault("refuse", seconds=60)
        with pytest.raises(InvalidStatus, match="503"):
            async with sim.client():
                pass
        await sim.clear("refuse")
        async with sim.client() as client:
            assert (await client.authenticate())["msg"] == "authenticated"

    play(scenario)


def test_a_partial_acknowledgement_names_less_than_was_asked_for(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.fault("partial_ack", symbols=["MSFT"])
        async with sim.client() as client:
            assert (await client.subscribe(trades=["AAPL", "MSFT"]))["trades"] == ["AAPL"]

    play(scenario)


def test_what_nobody_quotes_does_not_happen(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"], quotes=["*"])
            await sim.fault("unquoted", symbols=["MSFT"])
            await sim.happen(quote("MSFT"), quote("AAPL"), trade(1, "MSFT"))
            await sim.clear("unquoted")
            await sim.happen(quote("MSFT"))
            happened = [(message["T"], message["S"]) for message in await client.messages(3)]
            assert happened == [("q", "AAPL"), ("t", "MSFT"), ("q", "MSFT")]

    play(scenario)


def test_trades_can_be_cancelled_and_corrected(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.client() as client:
            await client.subscribe(trades=["*"])
            await sim.happen(trade(1), trade(2))
            await sim.fault("cancel")
            await sim.fault("correct", count=5)
            messages = await client.messages(4)
            assert [(m["T"], m.get("i", m.get("oi"))) for m in messages[2:]] == [("x", 2), ("c", 1)]
            assert messages[3]["cp"] == 1.51

    play(scenario)


def test_a_fault_is_on_record_when_it_begins_and_when_it_ends(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.fault("delay", ms=5)
        assert list((await sim.state())["faults"]) == ["delay"]
        await sim.clear("delay")
        assert [(line["name"], line["on"]) for line in sim.ledger("fault")] == [("delay", True), ("delay", False)]

    play(scenario)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("earthquake", {}), ("delay", {"ms": "long"}), ("delay", {"seconds": 1}), ("drop", {"how": "x"})],
)
def test_an_order_that_cannot_be_understood_is_refused_with_a_sentence(
    play: Play, name: str, arguments: dict[str, Any]
) -> None:
    async def scenario(sim: Sim) -> None:
        response = await sim.fault(name, **arguments)
        assert response.status_code == 400
        assert name in response.json()["error"]
        assert sim.ledger("fault") == []

    play(scenario)


def test_a_held_market_stands_still(play: Play) -> None:
    async def scenario(sim: Sim) -> None:
        sim.simulator.pace.pause()
        await asyncio.sleep(0.05)
        before = len(sim.ledger("event"))
        await asyncio.sleep(0.2)
        assert len(sim.ledger("event")) == before
        sim.simulator.pace.resume()
        await sim.until_noted("event", before)

    play(scenario, rate=1000.0)
