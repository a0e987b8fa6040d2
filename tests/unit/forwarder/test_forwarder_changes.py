"""Corrections and cancels that history only hints at are told as the stream would have told them."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.unit.forwarder.events import T0, message, trade

from torghut.feed.messages import Message
from torghut.forwarder.changes import CANCELED, CORRECTED, INCORRECT, derive
from torghut.forwarder.history import Past
from torghut.wire.topics import Channel


def fields(message: Message) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(message.payload)
    return decoded


def test_a_trade_without_a_mark_changes_nothing() -> None:
    assert derive([Past(trade(1), None)]).messages == []


def test_a_canceled_trade_gives_a_cancel_as_the_stream_sends_it() -> None:
    (cancel,) = derive([Past(trade(1), CANCELED)]).messages
    streamed = message("x", "AAPL", T0, i=1, x="V", p=100.25, s=100, a="C", z="C")
    assert (cancel.channel, cancel.symbol, cancel.event_ts) == (Channel.CANCEL_ERRORS, "AAPL", T0)
    assert fields(cancel) == fields(streamed)


def test_a_derived_cancel_has_the_identity_of_the_streams() -> None:
    (cancel,) = derive([Past(trade(1), CANCELED)]).messages
    assert cancel.identity == message("x", "AAPL", T0, i=1, x="V", p=1, s=1, a="E", z="C").identity


def test_an_incorrect_trade_and_its_correction_give_one_correction() -> None:
    pasts = [Past(trade(1), INCORRECT), Past(trade(2, p=99.5, c=["@", "I"]), CORRECTED)]
    (correction,) = derive(pasts).messages
    streamed = {"oi": 1, "op": 100.25, "os": 100, "oc": ["@"], "ci": 2, "cp": 99.5, "cs": 100, "cc": ["@", "I"]}
    assert correction.channel is Channel.CORRECTIONS
    assert fields(correction) == streamed | {"x": "V", "z": "C", "t": fields(trade(1))["t"]}


def test_a_derived_correction_has_the_identity_of_the_streams() -> None:
    (correction,) = derive([Past(trade(1), INCORRECT), Past(trade(2), CORRECTED)]).messages
    streamed = message("c", "AAPL", T0 + 9, x="V", oi=1, op=1, os=1, ci=2, cp=1, cs=1, z="C")
    assert correction.identity == streamed.identity


def test_a_correction_that_history_lists_before_its_original_is_found() -> None:
    assert len(derive([Past(trade(2), CORRECTED), Past(trade(1), INCORRECT)]).messages) == 1


def test_trades_of_one_moment_are_paired_in_their_order() -> None:
    marks = [(1, INCORRECT), (2, INCORRECT), (11, CORRECTED), (12, CORRECTED)]
    pairs = [fields(m) for m in derive([Past(trade(i), mark) for i, mark in marks]).messages]
    assert [(pair["oi"], pair["ci"]) for pair in pairs] == [(1, 11), (2, 12)]


def test_another_exchange_tape_time_or_symbol_makes_no_pair() -> None:
    others = [trade(2, x="Q"), trade(3, z="A"), trade(4, T0 + 1), trade(5, symbol="MSFT")]
    changes = derive([Past(trade(1), INCORRECT), *(Past(other, CORRECTED) for other in others)])
    assert changes.messages == []
    assert changes.lone == others


def test_an_original_without_its_correction_says_nothing_yet() -> None:
    changes = derive([Past(trade(1), INCORRECT)])
    assert (changes.messages, changes.lone) == ([], [])


def test_keys_that_a_trade_does_not_have_are_left_out() -> None:
    crypto = message("t", "BTC/USD", T0, i=1, p=2.5, s=0.1, tks="B")
    (cancel,) = derive([Past(crypto, CANCELED)]).messages
    assert set(fields(cancel)) == {"i", "p", "s", "t", "a"}
