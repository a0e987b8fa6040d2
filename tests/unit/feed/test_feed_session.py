"""The client's state machine, rule by rule. The numbers are those of Alpaca's description of the stream."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from torghut.feed.errors import CODES
from torghut.feed.session import (
    Authenticated,
    Close,
    Data,
    Failed,
    Keys,
    Output,
    Recovery,
    Rejected,
    Send,
    Session,
    State,
    Subscribed,
    Subscription,
    Timeouts,
)
from torghut.wire.status import Reason

CONNECTED = b'[{"T":"success","msg":"connected"}]'
AUTHENTICATED = b'[{"T":"success","msg":"authenticated"}]'
TRADE = b'[{"T":"t","S":"A","i":1,"p":1,"s":1,"t":"2024-08-08T13:30:00Z"}]'

TWO = frozenset({"A", "B"})
WANTED = Subscription(trades=TWO, quotes=TWO)


def keys() -> Keys:
    return Keys("the-id", "the-secret")


def error(code: int) -> bytes:
    return msgspec.json.encode([{"T": "error", "code": code, "msg": "says the server"}])


def acknowledge(state: Subscription) -> bytes:
    return msgspec.json.encode([{"T": "subscription", **msgspec.to_builtins(state)}])


def kinds(outputs: list[Output]) -> list[type]:
    return [type(output) for output in outputs]


def sent(outputs: list[Output]) -> list[dict[str, object]]:
    return [msgspec.json.decode(output.data) for output in outputs if isinstance(output, Send)]


def failure(outputs: list[Output]) -> Failed:
    (found,) = (output for output in outputs if isinstance(output, Failed))
    return found


def welcomed(wanted: Subscription = WANTED) -> Session:
    session = Session(wanted, keys)
    session.opened(0.0)
    session.received(CONNECTED, 0.0)
    return session


def subscribing(wanted: Subscription = WANTED) -> Session:
    session = welcomed(wanted)
    session.received(AUTHENTICATED, 0.0)
    return session


def streaming(wanted: Subscription = WANTED) -> Session:
    session = subscribing(wanted)
    session.received(acknowledge(wanted), 0.0)
    assert session.state is State.STREAMING
    return session


# Rule 1: the welcome


def test_rule_1_the_welcome_is_answered_with_the_keys() -> None:
    session = Session(WANTED, keys)
    assert session.opened(0.0) == []
    outputs = session.received(CONNECTED, 0.0)
    assert sent(outputs) == [{"action": "auth", "key": "the-id", "secret": "the-secret"}]
    assert session.state is State.AUTHENTICATING


@pytest.mark.parametrize("frame", [AUTHENTICATED, TRADE, b"[]", b"nonsense", acknowledge(WANTED)[:-1]])
def test_rule_1_anything_else_first_is_a_protocol_error(frame: bytes) -> None:
    session = Session(WANTED, keys)
    session.opened(0.0)
    outputs = session.received(frame, 0.0)
    assert failure(outputs).recovery is Recovery.RECONNECT
    assert isinstance(outputs[-1], Close)
    assert session.state is State.CLOSED


def test_rule_1_data_before_the_welcome_is_given_all_the_same() -> None:
    session = Session(WANTED, keys)
    assert kinds(session.received(TRADE, 0.0)) == [Data, Failed, Close]


def test_rule_1_a_welcome_that_does_not_come_ends_the_session() -> None:
    session = Session(WANTED, keys, Timeouts(welcome_s=3.0))
    session.opened(10.0)
    assert session.tick(12.9) == []
    outputs = session.tick(13.0)
    assert failure(outputs).reason is Reason.ALPACA_UNREACHABLE
    assert "welcome" in failure(outputs).detail
    assert session.tick(14.0) == []


# Rule 2: the login


def test_rule_2_after_the_login_everything_wanted_is_asked_for() -> None:
    outputs = welcomed().received(AUTHENTICATED, 0.0)
    assert kinds(outputs) == [Authenticated, Send]
    assert sent(outputs) == [{"action": "subscribe", "trades": ["A", "B"], "quotes": ["A", "B"]}]


def test_rule_2_a_login_without_an_answer_ends_the_session() -> None:
    session = welcomed()
    outputs = session.tick(10.0)
    assert "login" in failure(outputs).detail
    assert isinstance(outputs[-1], Close)


def test_rule_2_keys_are_read_anew_for_each_login() -> None:
    serial = count(1)
    session = Session(WANTED, lambda: Keys(f"id-{next(serial)}", "secret"))
    session.opened(0.0)
    session.received(CONNECTED, 0.0)
    assert sent(session.received(error(401), 0.0))[0]["key"] == "id-2"


def test_rule_2_the_keys_are_never_shown() -> None:
    session = Session(WANTED, keys)
    session.opened(0.0)
    shown = repr(session.received(CONNECTED, 0.0)) + repr(keys()) + repr(vars(session))
    assert "the-secret" not in shown
    assert "the-id" not in shown


def test_rule_2_with_nothing_wanted_the_session_streams_at_once() -> None:
    session = welcomed(Subscription())
    assert kinds(session.received(AUTHENTICATED, 0.0)) == [Authenticated]
    assert session.state is State.STREAMING


# Rule 3: subscriptions


def test_rule_3_the_acknowledgement_is_the_whole_state() -> None:
    state = Subscription(trades=TWO, quotes=TWO, corrections=TWO, cancel_errors=TWO)
    session = subscribing()
    assert session.received(acknowledge(state), 0.0) == [Subscribed(state, Subscription(), settled=True)]
    assert session.state is State.STREAMING


def test_rule_3_an_acknowledgement_replaces_what_was_believed() -> None:
    session = streaming()
    less = Subscription(trades=frozenset({"A"}))
    (subscribed,) = session.received(acknowledge(less), 1.0)
    assert subscribed == Subscribed(less, Subscription(trades=frozenset({"B"}), quotes=TWO), settled=True)
    assert session.subscription == less


def test_rule_3_a_partial_acknowledgement_says_what_is_missing() -> None:
    session = subscribing()
    (subscribed,) = session.received(acknowledge(Subscription(trades=TWO)), 0.0)
    assert isinstance(subscribed, Subscribed)
    assert subscribed.missing == session.missing == Subscription(quotes=TWO)


def test_rule_3_what_an_acknowledgement_left_out_is_asked_for_again_after_a_while() -> None:
    session = subscribing()
    session.received(acknowledge(Subscription(trades=TWO)), 5.0)
    assert session.tick(34.9) == []
    assert sent(session.tick(35.0)) == [{"action": "subscribe", "quotes": ["A", "B"]}]
    session.received(acknowledge(WANTED), 36.0)
    assert session.tick(1000.0) == []


def test_rule_3_what_was_refused_is_not_asked_for_again() -> None:
    session = subscribing()
    session.received(error(405), 5.0)
    assert session.tick(1000.0) == []
    assert sent(session.want(WANTED, 1000.0)), "unless it is wanted anew"


def test_rule_3_what_the_server_took_away_is_asked_for_again() -> None:
    session = streaming()
    session.received(acknowledge(Subscription(trades=TWO)), 5.0)
    assert sent(session.tick(35.0)) == [{"action": "subscribe", "quotes": ["A", "B"]}]


def test_rule_3_a_star_covers_every_symbol() -> None:
    star = Subscription(trades=frozenset("*"), quotes=frozenset("*"))
    (subscribed,) = subscribing().received(acknowledge(star), 0.0)
    assert isinstance(subscribed, Subscribed)
    assert not subscribed.missing


def test_rule_3_all_six_channels_have_alpacas_names_and_no_other_is_asked_for() -> None:
    one = frozenset("A")
    wanted = Subscription(one, one, one, one, one, one, one, one)
    (request,) = sent(welcomed(wanted).received(AUTHENTICATED, 0.0))
    names = ["action", "trades", "quotes", "bars", "updatedBars", "statuses", "lulds"]
    assert list(request) == names


def test_rule_3_an_acknowledgement_that_does_not_come_ends_the_session() -> None:
    session = subscribing()
    assert "acknowledgement" in failure(session.tick(10.0)).detail


def test_rule_3_many_symbols_are_asked_for_in_several_requests_one_after_the_other() -> None:
    wanted = Subscription(trades=frozenset(f"S{n:03}" for n in range(600)))
    session = welcomed(wanted)
    asked: list[object] = []
    outputs = session.received(AUTHENTICATED, 0.0)
    for settled in (False, False, True):
        (request,) = sent(outputs)
        symbols = request["trades"]
        assert isinstance(symbols, list)
        asked += symbols
        outputs = session.received(acknowledge(Subscription(trades=frozenset(map(str, asked)))), 0.0)
        assert isinstance(outputs[0], Subscribed)
        assert outputs[0].settled is settled
    assert asked == sorted(wanted.trades)


def test_rule_3_a_change_adds_first_and_removes_then() -> None:
    session = streaming()
    wanted = Subscription(trades=frozenset({"B", "C"}), quotes=TWO)
    both = Subscription(trades=frozenset({"A", "B", "C"}), quotes=TWO)
    assert sent(session.want(wanted, 1.0)) == [{"action": "subscribe", "trades": ["C"]}]
    first = session.received(acknowledge(both), 1.0)
    assert sent(first) == [{"action": "unsubscribe", "trades": ["A"]}]
    assert isinstance(first[0], Subscribed)
    assert not first[0].settled
    assert session.received(acknowledge(wanted), 1.0) == [Subscribed(wanted, Subscription(), settled=True)]


def test_rule_3_a_change_back_and_forth_asks_for_nothing() -> None:
    session = streaming()
    assert session.want(WANTED, 1.0) == []


def test_rule_3_a_change_during_a_request_waits_for_its_answer() -> None:
    session = subscribing()
    more = Subscription(trades=TWO | {"C"}, quotes=TWO)
    assert session.want(more, 0.0) == []
    outputs = session.received(acknowledge(WANTED), 0.0)
    assert sent(outputs) == [{"action": "subscribe", "trades": ["C"]}]


def test_rule_3_a_change_before_the_login_is_what_is_asked_for() -> None:
    session = welcomed()
    assert session.want(Subscription(bars=frozenset("*")), 0.0) == []
    assert sent(session.received(AUTHENTICATED, 0.0)) == [{"action": "subscribe", "bars": ["*"]}]


def test_rule_3_wanting_again_asks_for_what_is_missing() -> None:
    session = streaming()
    session.received(acknowledge(Subscription(trades=TWO)), 0.0)
    assert sent(session.want(WANTED, 1.0)) == [{"action": "subscribe", "quotes": ["A", "B"]}]


# The error codes


def test_code_400_invalid_syntax_of_a_request_is_reported_and_not_repeated() -> None:
    session = subscribing()
    outputs = session.received(error(400), 0.0)
    assert kinds(outputs) == [Failed, Subscribed]
    assert (failure(outputs).code, failure(outputs).recovery) == (400, Recovery.KEEP)
    assert session.missing == WANTED


def test_code_400_invalid_syntax_otherwise_is_final() -> None:
    outputs = welcomed().received(error(400), 0.0)
    assert failure(outputs).recovery is Recovery.FINAL
    assert isinstance(outputs[-1], Close)


def test_code_401_not_authenticated_leads_to_a_login() -> None:
    session = subscribing()
    outputs = session.received(error(401), 0.0)
    assert failure(outputs).recovery is Recovery.AUTHENTICATE
    assert sent(outputs)[0]["action"] == "auth"
    assert sent(session.received(AUTHENTICATED, 0.0))[0]["action"] == "subscribe"


def test_code_401_again_and_again_ends_the_session() -> None:
    session = subscribing()
    session.received(error(401), 0.0)
    outputs = session.received(error(401), 0.0)
    assert failure(outputs).recovery is Recovery.RECONNECT
    assert not sent(outputs)


def test_code_401_ends_the_request_at_hand() -> None:
    session = subscribing()
    session.received(error(401), 0.0)
    assert kinds(session.received(error(405), 0.0)) == [Failed]
    assert session.state is State.AUTHENTICATING


def test_code_403_already_authenticated_is_harmless() -> None:
    session = streaming()
    outputs = session.received(error(403), 0.0)
    assert kinds(outputs) == [Failed]
    assert (failure(outputs).reason, failure(outputs).recovery) == (Reason.OK, Recovery.KEEP)
    assert session.state is State.STREAMING


def test_code_403_in_answer_to_the_login_means_that_we_are_in() -> None:
    assert kinds(welcomed().received(error(403), 0.0)) == [Failed, Authenticated, Send]


def test_code_405_symbol_limit_leaves_the_connection_and_names_what_is_missing() -> None:
    session = streaming()
    wanted = Subscription(trades=TWO | {"C"}, quotes=TWO)
    session.want(wanted, 1.0)
    failed, subscribed = session.received(error(405), 1.0)
    assert failed == Failed(Reason.ALPACA_SYMBOL_LIMIT, 405, "405 says the server", Recovery.KEEP)
    assert subscribed == Subscribed(WANTED, Subscription(trades=frozenset("C")), settled=True)
    assert session.state is State.STREAMING


def test_code_405_when_symbols_are_exchanged_asks_again_once_the_old_ones_are_gone() -> None:
    session = streaming()
    wanted = Subscription(trades=frozenset({"B", "C"}), quotes=TWO)
    session.want(wanted, 1.0)
    assert sent(session.received(error(405), 1.0)) == [{"action": "unsubscribe", "trades": ["A"]}]
    outputs = session.received(acknowledge(Subscription(trades=frozenset("B"), quotes=TWO)), 1.0)
    assert sent(outputs) == [{"action": "subscribe", "trades": ["C"]}]
    assert kinds(session.received(error(405), 1.0)) == [Failed, Subscribed]


def test_code_405_to_unsubscribing_does_not_go_round_in_circles() -> None:
    many = Subscription(trades=frozenset(f"S{n:03}" for n in range(600)))
    session = streaming(Subscription())
    session.received(acknowledge(many), 1.0)
    session.want(Subscription(), 1.0)
    answers = [kinds(session.received(error(405), 1.0)) for _ in range(3)]
    assert answers == [[Failed, Subscribed, Send], [Failed, Subscribed, Send], [Failed, Subscribed]]


@pytest.mark.parametrize(
    ("code", "reason", "recovery"),
    [
        (402, Reason.ALPACA_AUTH, Recovery.SLOW_RETRY_WITH_NEW_KEYS),
        (404, Reason.ALPACA_NOT_AUTHENTICATED, Recovery.RECONNECT),
        (406, Reason.ALPACA_CONNECTION_LIMIT, Recovery.STAND_BY),
        (407, Reason.ALPACA_SLOW_CLIENT, Recovery.RECONNECT),
        (409, Reason.ALPACA_SUBSCRIPTION, Recovery.FINAL),
        (500, Reason.ALPACA_UNREACHABLE, Recovery.RECONNECT),
    ],
)
@pytest.mark.parametrize("make", [welcomed, subscribing, streaming])
def test_codes_that_end_the_session(code: int, reason: Reason, recovery: Recovery, make: type) -> None:
    session = make()
    failed, close = session.received(error(code), 0.0)
    assert failed == Failed(reason, code, f"{code} says the server", recovery)
    assert isinstance(close, Close)
    assert session.closed(0.0, 1006) == [], "the cause was told already"


def test_code_406_in_place_of_the_welcome_is_understood() -> None:
    session = Session(WANTED, keys)
    assert failure(session.received(error(406), 0.0)).recovery is Recovery.STAND_BY


def test_code_410_of_several_channels_is_asked_again_channel_by_channel() -> None:
    session = subscribing()
    outputs = session.received(error(410), 0.0)
    assert sent(outputs) == [{"action": "subscribe", "trades": ["A", "B"]}]
    outputs = session.received(acknowledge(Subscription(trades=TWO)), 0.0)
    assert sent(outputs) == [{"action": "subscribe", "quotes": ["A", "B"]}]
    failed, subscribed = session.received(error(410), 0.0)
    assert failed == Failed(Reason.ALPACA_SUBSCRIPTION, 410, "410 says the server", Recovery.KEEP)
    assert isinstance(subscribed, Subscribed)
    assert subscribed.missing == Subscription(quotes=TWO)
    assert session.state is State.STREAMING


def test_an_unknown_code_is_reported_and_the_connection_stays() -> None:
    session = streaming()
    outputs = session.received(error(499), 0.0)
    assert kinds(outputs) == [Failed]
    assert failure(outputs).recovery is Recovery.KEEP


def test_every_code_has_a_meaning() -> None:
    assert sorted(CODES) == [400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 500]


# Data and the end


def test_data_comes_before_the_acknowledgement_too() -> None:
    assert kinds(subscribing().received(TRADE, 0.0)) == [Data]


def test_what_cannot_be_understood_is_told_next_to_the_data() -> None:
    frame = TRADE[:-1] + b',{"T":"n","S":"A"}]'
    outputs = streaming().received(frame, 0.0)
    assert kinds(outputs) == [Data, Rejected]


def test_an_invalid_frame_leaves_the_connection() -> None:
    session = streaming()
    assert kinds(session.received(b"\x00", 0.0)) == [Rejected]
    assert kinds(session.received(TRADE, 0.0)) == [Data]


def test_while_streaming_time_alone_ends_nothing() -> None:
    assert streaming().tick(1e9) == []


def test_a_lost_connection_is_told_once() -> None:
    session = streaming()
    (failed,) = session.closed(0.0, 1006)
    assert failed == Failed(Reason.ALPACA_UNREACHABLE, None, "connection closed (code 1006)", Recovery.RECONNECT)
    assert session.closed(0.0) == []


def test_after_the_end_control_messages_do_nothing_and_data_is_not_lost() -> None:
    session = streaming()
    session.received(error(500), 0.0)
    assert session.received(CONNECTED, 0.0) == []
    assert kinds(session.received(TRADE, 0.0)) == [Data]
    assert session.want(Subscription(), 0.0) == []
