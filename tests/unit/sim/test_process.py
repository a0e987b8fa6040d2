"""The simulator as a child process: recordings through the real thing, restarts, TLS, orders by its client."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.sim.simulators import Client
from websockets.asyncio.client import connect

from torghut.platform.waiting import wait_until
from torghut.sim import ControlError, SimError
from torghut.sim.control import SimControl
from torghut.sim.process import SimProcess

_SHARED = Path(os.environ.get("TORGHUT_SHARED", "../shared"))
REAL = _SHARED / "data" / "crypto-2024-08-08" / "btc-eth-spot.ndjson.gz"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of trades, 3,000 of them."""
    lines = (
        b'{"recv_ns":%d,"msg":{"T":"t","S":"BTC/USD","i":%d,"p":%d.10,"s":1.0,"t":"2024-08-08T23:54:%06.3fZ","tks":"B"}}\n'
        % (10**18 + n * 10**6, n, n, 15 + n / 1000)
        for n in range(3000)
    )
    path = tmp_path / "recording.ndjson.gz"
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


def messages_of(path: Path) -> list[bytes]:
    return [bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["msg"]) for line in gzip.open(path)]


async def received(sim: SimProcess, number: int) -> list[bytes]:
    """So many messages of the crypto feed, textually."""
    got: list[bytes] = []
    async with connect(sim.endpoints.stream_url + "/v1beta3/crypto/us", compression=None) as connected:
        await Client(connected, sim.keys()).subscribe(trades=["*"], quotes=["*"])
        while len(got) < number:
            frame = await asyncio.wait_for(connected.recv(decode=False), 20)
            got += map(bytes, msgspec.json.decode(frame, type=list[msgspec.Raw]))
    return got


def test_a_recording_with_kept_times_arrives_byte_for_byte(tmp_path: Path, recording: Path) -> None:
    wanted = messages_of(recording)
    with SimProcess(tmp_path, feed=f"replay:{recording}", speed="max", keep_times=True) as sim:
        assert asyncio.run(received(sim, len(wanted))) == wanted
        sim.control.wait_finished(10)
        assert sim.ledger()[-1]["k"] == "end" or sim.ledger()[-2]["k"] == "end"


@pytest.mark.skipif(not REAL.exists(), reason="the real recording is not here (../shared, or TORGHUT_SHARED)")
def test_the_real_recording_arrives_byte_for_byte(tmp_path: Path) -> None:
    wanted = messages_of(REAL)
    with SimProcess(tmp_path, feed=f"replay:{REAL}", speed="max", keep_times=True) as sim:
        assert asyncio.run(received(sim, len(wanted))) == wanted


def test_a_recording_is_moved_to_now_and_told_as_played(tmp_path: Path, recording: Path) -> None:
    with SimProcess(tmp_path, feed=f"replay:{recording}", speed=100) as sim:
        got = [msgspec.json.decode(raw) for raw in asyncio.run(received(sim, 3000))]
        told = [line["msg"] for line in sim.ledger() if line["k"] == "event"]
    assert got == told
    assert datetime.fromisoformat(got[0]["t"]) > datetime.now(UTC) - timedelta(minutes=2)


def test_a_recording_waits_for_the_first_subscription(tmp_path: Path, recording: Path) -> None:
    with SimProcess(tmp_path, feed=f"replay:{recording}", speed="max") as sim:
        assert not sim.control.state().started
        asyncio.run(received(sim, 3000))
        assert sim.control.state().counts == {"crypto.trades": 3000}


def test_a_recording_can_start_at_once(tmp_path: Path, recording: Path) -> None:
    with SimProcess(tmp_path, feed=f"replay:{recording}", speed="max", start_at_once=True) as sim:
        sim.control.wait_finished(20)


def test_no_trade_id_comes_again_after_a_kill_and_a_restart(tmp_path: Path, recording: Path) -> None:
    sim = SimProcess(tmp_path, feed=f"replay:{recording}", speed="max", start_at_once=True)
    for how in (signal.SIGKILL, signal.SIGTERM):
        sim.start()
        sim.control.wait_finished(20)
        sim.stop(how)
    ids = [line["msg"]["i"] for line in sim.ledger() if line["k"] == "event"]  # type: ignore[index]
    assert len(ids) == len(set(ids)) == 6000


def test_history_knows_after_a_kill_what_happened_before_it(tmp_path: Path) -> None:
    """A forwarder that was down when a trade was changed asks history for it; Alpaca's history outlives its servers."""
    sim = SimProcess(tmp_path, symbols="A", rate=1)
    sim.start()
    sim.control.pause()
    sim.control.happen([trade(number) for number in range(3)])
    sim.control.happen([cancel_of(1)])
    sim.stop(signal.SIGKILL)
    with sim:
        sim.control.pause()
        sim.control.happen([trade(3), cancel_of(2)])
        assert {row["i"]: row.get("u") for row in trades_in_history(sim)} == {
            0: None,
            1: "canceled",
            2: "canceled",
            3: None,
        }


def trade(number: int) -> dict[str, object]:
    return {"T": "t", "S": "T", "i": number, "x": "V", "p": 1.5, "s": 1, "z": "C", "t": f"2024-01-02T15:00:0{number}Z"}


def cancel_of(number: int) -> dict[str, object]:
    return trade(number) | {"T": "x", "a": "C", "t": "2024-01-02T15:00:09Z"}


def trades_in_history(sim: SimProcess) -> list[dict[str, Any]]:
    keys = dict(zip(("APCA-API-KEY-ID", "APCA-API-SECRET-KEY"), sim.keys(), strict=True))
    asked = {"symbols": "T", "start": "2024-01-02T15:00:00Z"}
    url = sim.endpoints.data_url + "/v2/stocks/trades"
    answer = httpx.get(url, params=asked, headers=keys, trust_env=False).json()
    return list(answer["trades"].get("T", []))


def test_keys_survive_a_restart(tmp_path: Path) -> None:
    sim = SimProcess(tmp_path, symbols="A", rate=1)
    with sim:
        before = sim.keys()
    with sim:
        assert sim.keys() == before


def test_a_broken_recording_ends_the_simulator_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ndjson"
    bad.write_text('{"recv_ns":1,"msg":{"T":"?"}}\n')
    with SimProcess(tmp_path, feed=f"replay:{bad}", start_at_once=True):
        wait_until(lambda: "line 1" in (tmp_path / "sim.log").read_text(), 20, "the error")


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="no such file"):
        SimProcess(tmp_path, feed="replay:/does/not/exist").start()


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SimError, match="choose other ports"):
        SimProcess(tmp_path, control_port=taken.getsockname()[1]).start()


def test_orders_by_the_typed_client_are_carried_out(tmp_path: Path) -> None:
    with SimProcess(tmp_path, symbols="A", rate=1) as sim:
        sim.control.delay(5)
        sim.control.history_error(503, requests=1)
        assert set(sim.control.state().faults) == {"delay", "history_error"}
        sim.control.clear("delay")
        with pytest.raises(ControlError, match="earthquake"):
            sim.control.fault("earthquake")
        sim.control.happen([{"T": "t", "S": "A", "i": 1, "p": 1, "s": 1, "t": "2024-01-02T15:00:00Z"}])
        assert sim.control.endpoints() == sim.endpoints


def test_a_simulator_that_is_gone_is_an_error_with_its_address(tmp_path: Path) -> None:
    with SimProcess(tmp_path, symbols="A", rate=1) as sim:
        url = sim.endpoints.control_url
    with SimControl(url) as control:
        assert not control.healthy()
        with pytest.raises(ControlError, match="does not answer"):
            control.state()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sim")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
    )
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return cert_file, key_file


def test_stream_and_history_are_served_over_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate

    async def welcome(sim: SimProcess, trust: ssl.SSLContext) -> Any:
        async with connect(sim.endpoints.stream_url + "/v2/sip", ssl=trust) as connected:
            return msgspec.json.decode(await connected.recv())

    with SimProcess(tmp_path, symbols="A", rate=1, tls_cert=cert, tls_key=key) as sim:
        trust = ssl.create_default_context(cafile=str(cert))
        assert asyncio.run(welcome(sim, trust)) == [{"T": "success", "msg": "connected"}]
        keys = dict(zip(("APCA-API-KEY-ID", "APCA-API-SECRET-KEY"), sim.keys(), strict=True))
        url = sim.endpoints.data_url + "/v2/stocks/trades"
        assert httpx.get(url, params={"symbols": "A"}, headers=keys, verify=trust, trust_env=False).status_code == 200


def test_a_market_that_was_held_for_a_time_goes_on_by_itself_and_says_when_it_was_held(tmp_path: Path) -> None:
    with SimProcess(tmp_path, symbols="A", rate=50) as sim:
        sim.control.pause(0.3)
        assert sim.control.state().paused
        wait_until(lambda: not sim.control.state().paused, 10, "the market to go on")
        ((since, to),) = sim.control.state().pauses
        assert to - since >= 290_000_000  # a timer of the loop counts from its last turn, in whole milliseconds
