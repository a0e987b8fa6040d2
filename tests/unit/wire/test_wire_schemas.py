"""The JSON Schemas: current, valid themselves, and in agreement with example records of every topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from torghut.wire import schemas
from torghut.wire import topics as t
from torghut.wire.envelope import Envelope, encode_envelope
from torghut.wire.topics import Channel, Topic

TIME = "2024-08-08T13:30:00.123456789Z"
BAR = {"o": 1.5, "h": 2, "l": 1, "c": 1.75, "v": 300, "n": 3, "vw": 1.6, "t": TIME}
NO_MACD = {"macd": None, "signal": None, "hist": None}
NO_BANDS = {"mid": None, "upper": None, "lower": None}
NO_QUOTE = dict.fromkeys(["bid", "ask", "bid_size", "ask_size", "spread", "imbalance", "age_ms"])
PAYLOADS: dict[Channel, dict[str, Any]] = {
    Channel.TRADES: {"i": 1, "x": "D", "p": 150.26, "s": 100, "c": ["@"], "z": "C", "t": TIME},
    Channel.CORRECTIONS: {"x": "D", "oi": 1, "op": 1, "os": 5, "ci": 2, "cp": 2, "cs": 5, "z": "C", "t": TIME},
    Channel.CANCEL_ERRORS: {"i": 1, "x": "D", "p": 10, "s": 5, "a": "C", "z": "C", "t": TIME},
    Channel.QUOTES: {"bx": "U", "bp": 1.5, "bs": 3, "ax": "Q", "ap": 2, "as": 2, "c": ["R"], "z": "C", "t": TIME},
    Channel.BARS: BAR,
    Channel.UPDATED_BARS: BAR,
    Channel.STATUSES: {"sc": "H", "sm": "Trading Halt", "rc": "T12", "rm": "News", "z": "C", "t": TIME},
    Channel.LULDS: {"u": 110.5, "d": 99.5, "i": "B", "z": "C", "t": TIME},
    Channel.TA_BARS: {
        "o": None, "h": None, "l": None, "c": None, "v": 10, "n": 1, "vwap": 1.5, "first_ts": 1, "last_ts": 2,
    },
    Channel.TA_SIGNALS: {
        "close": 1.5, "ema": {"12": None, "26": 1.0}, "macd": NO_MACD, "rsi14": None, "bollinger": NO_BANDS,
        "vwap": {"session": 1.5, "5m": None}, "realized_vol_60s": None, "quote": NO_QUOTE,
    },
}  # fmt: skip
PLAIN: dict[Topic, dict[str, Any]] = {
    t.STATUS: {
        "component": "forwarder", "instance": "a", "status": "healthy", "reason": "ok", "detail": "", "attempt": 0,
        "lag_ms": None, "role": "active", "ts": 1,
    },
    t.TA_STATUS: {
        "job": "ta", "version": "1", "status": "RUNNING", "watermark_lag_ms": None, "last_event_ts": None,
        "records_in": 0, "records_out": 0, "late_records": 0, "idle_partitions": [],
        "checkpoint": {"id": None, "age_ms": None, "duration_ms": None, "failed": 0}, "ts": 1,
    },
    t.DLQ: {
        "version": 1, "ts": 1, "source": "ws", "topic": None, "symbol": None, "reason": "invalid_frame",
        "detail": "", "raw": "AA==", "truncated": False,
    },
}  # fmt: skip


def record(channel: Channel, payload: dict[str, Any]) -> dict[str, Any]:
    """The record's value as a consumer that knows nothing of us reads it."""
    value = encode_envelope(
        Envelope(
            version=1, event_ts=1, ingest_ts=2, feed="sip", channel=channel, symbol="AAPL", seq=1, session="s",
            source="ta" if channel.startswith("ta.") else "ws", payload=msgspec.Raw(msgspec.json.encode(payload)),
        )
    )  # fmt: skip
    found: dict[str, Any] = msgspec.json.decode(value)
    return found


def valid(topic: Topic, value: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(schemas.topic_schema(topic)).is_valid(value))


@pytest.mark.parametrize("topic", t.TOPICS, ids=lambda topic: topic.name)
def test_every_schema_is_a_schema(topic: Topic) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas.topic_schema(topic))


@pytest.mark.parametrize("channel", PAYLOADS)
def test_a_record_of_every_channel_is_valid_in_its_topic(channel: Channel) -> None:
    assert valid(t.CHANNEL_TOPIC[channel], record(channel, PAYLOADS[channel]))


@pytest.mark.parametrize("channel", [Channel.TA_BARS, Channel.TA_SIGNALS])
def test_provisional_records_have_the_same_shape(channel: Channel) -> None:
    assert valid(t.TA_PROVISIONAL, record(channel, PAYLOADS[channel]))


@pytest.mark.parametrize("topic", PLAIN, ids=lambda topic: topic.name)
def test_status_records_and_dead_letters_are_valid(topic: Topic) -> None:
    assert valid(topic, PLAIN[topic])


@pytest.mark.parametrize("channel", PAYLOADS)
def test_keys_that_alpaca_adds_do_not_disturb(channel: Channel) -> None:
    assert valid(t.CHANNEL_TOPIC[channel], record(channel, PAYLOADS[channel] | {"added": [1]}))


@pytest.mark.parametrize("channel", PAYLOADS)
def test_a_record_in_the_wrong_topic_is_not_valid(channel: Channel) -> None:
    wrong = t.QUOTES if t.CHANNEL_TOPIC[channel] is t.TRADES else t.TRADES
    assert not valid(wrong, record(channel, PAYLOADS[channel]))


@pytest.mark.parametrize("channel", PAYLOADS)
def test_a_payload_without_a_required_value_is_not_valid(channel: Channel) -> None:
    key = {Channel.TRADES: "p", Channel.STATUSES: "sc", Channel.CORRECTIONS: "oi", Channel.QUOTES: "as"}.get(channel)
    without = {k: v for k, v in PAYLOADS[channel].items() if k != (key or next(iter(PAYLOADS[channel])))}
    assert not valid(t.CHANNEL_TOPIC[channel], record(channel, without))


@pytest.mark.parametrize("key", ["version", "event_ts", "ingest_ts", "feed", "channel", "symbol", "seq", "payload"])
def test_an_envelope_without_a_required_field_is_not_valid(key: str) -> None:
    whole = record(Channel.TRADES, PAYLOADS[Channel.TRADES])
    assert not valid(t.TRADES, {k: v for k, v in whole.items() if k != key})


def test_the_committed_files_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    assert schemas.main(["--check"]) == 0


def test_a_file_that_is_not_current_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert schemas.main([]) == 0
    assert schemas.main(["--check"]) == 0
    (tmp_path / "schemas" / "torghut.dlq.v1.json").write_text("{}")
    (tmp_path / "schemas" / "stray.json").write_text("{}")
    assert schemas.main(["--check"]) == 1
    assert "stray.json, torghut.dlq.v1.json" in capsys.readouterr().err
