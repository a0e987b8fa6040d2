from __future__ import annotations

import msgspec
import pytest

from torghut.sim.session import (
    Acknowledge,
    Action,
    Authenticated,
    Code,
    Failure,
    Request,
    Session,
    State,
    Success,
)


class Gate:
    """Knows one pair; refuses with what it is told."""

    def __init__(self, refusal: Code | None = None) -> None:
        self.refusal = refusal

    def verify(self, key: str, secret: str) -> int | None:
        return 7 if (key, secret) == ("key", "secret") else None

    def refuse(self, account: int, feed: str) -> Code | None:
        assert (account, feed) in {(7, "sip"), (7, "crypto")}
        return self.refusal


AUTH = Request("auth", key="key", secret="secret")


def subscribed(session: Session, **channels: tuple[str, ...]) -> list[Action]:
    return session.receive(msgspec.convert({"action": "subscribe", **channels}, Request))


def authenticated(feed: str = "sip", symbol_limit: int | None = None) -> Session:
    session = Session(feed, Gate(), symbol_limit)
    session.open()
    session.receive(AUTH)
    return session


def code(actions: list[Action]) -> int:
    (action,) = actions
    assert isinstance(action, Failure)
    return action.code


def state(actions: list[Action]) -> State:
    (action,) = actions
    assert isinstance(action, Acknowledge)
    return action.state


def test_the_welcome_comes_first() -> None:
    assert Session("sip", Gate()).open() == [Success("connected")]


def test_right_keys_authenticate() -> None:
    assert Session("sip", Gate()).receive(AUTH) == [Authenticated(7), Success("authenticated")]


def test_keys_in_the_headers_authenticate_at_once() -> None:
    actions = Session("sip", Gate()).open("key", "secret")
    assert actions == [Success("connected"), Authenticated(7), Success("authenticated")]


def test_wrong_keys_are_402_and_end_the_connection() -> None:
    (action,) = Session("sip", Gate()).receive(Request("auth", key="key", secret="wrong"))
    assert action == Failure(402, "auth failed")
    assert action.ends


def test_a_second_authentication_is_403_and_harmless() -> None:
    session = authenticated()
    (action,) = session.receive(AUTH)
    assert isinstance(action, Failure)
    assert (action.code, action.ends) == (403, False)


def test_a_subscription_before_authentication_is_401() -> None:
    assert code(subscribed(Session("sip", Gate()), trades=("AAPL",))) == 401


def test_no_authentication_in_time_is_404() -> None:
    assert code(Session("sip", Gate()).time_out()) == 404


def test_the_timeout_of_an_authenticated_session_says_nothing() -> None:
    assert authenticated().time_out() == []


@pytest.mark.parametrize("refusal", [Code.CONNECTION_LIMIT, Code.INSUFFICIENT_SUBSCRIPTION])
def test_a_refused_account_stays_outside(refusal: Code) -> None:
    session = Session("sip", Gate(refusal))
    assert code(session.receive(AUTH)) == refusal
    assert session.account is None


@pytest.mark.parametrize("request_", [None, Request("dance")])
def test_what_cannot_be_understood_is_400(request_: Request | None) -> None:
    assert code(authenticated().receive(request_)) == 400


def test_an_acknowledgement_has_every_channel() -> None:
    acknowledged = state(subscribed(authenticated(), trades=("AAPL",)))
    assert set(acknowledged) == {
        *("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds"),
        *("corrections", "cancelErrors"),
    }


def test_trades_bring_corrections_and_cancels() -> None:
    acknowledged = state(subscribed(authenticated(), trades=("AAPL",)))
    assert acknowledged["corrections"] == acknowledged["cancelErrors"] == ("AAPL",)


def test_crypto_has_no_corrections() -> None:
    assert "corrections" not in state(subscribed(authenticated("crypto"), trades=("BTC/USD",)))


def test_subscriptions_add_up() -> None:
    session = authenticated()
    subscribed(session, trades=("AAPL",), quotes=("*",))
    assert state(subscribed(session, trades=("MSFT",)))["trades"] == ("AAPL", "MSFT")
    assert session.state()["quotes"] == ("*",)


def test_unsubscribing_takes_away_and_stands_what_was_not_there() -> None:
    session = authenticated()
    subscribed(session, trades=("AAPL", "MSFT"))
    assert state(session.receive(Request("unsubscribe", trades=("AAPL", "TSLA"))))["trades"] == ("MSFT",)


@pytest.mark.parametrize(
    ("feed", "channels"),
    [("crypto", {"lulds": ("*",)}), ("sip", {"orderbooks": ("*",)}), ("sip", {"corrections": ("AAPL",)})],
)
def test_a_channel_that_the_feed_does_not_offer_is_410_and_changes_nothing(
    feed: str, channels: dict[str, tuple[str, ...]]
) -> None:
    session = authenticated(feed)
    assert code(subscribed(session, trades=("A",), **channels)) == 410
    assert session.state()["trades"] == ()


@pytest.mark.parametrize("symbols", [("A", "B", "C"), ("*",)])
def test_more_symbols_than_allowed_are_405_and_change_nothing(symbols: tuple[str, ...]) -> None:
    session = authenticated(symbol_limit=2)
    subscribed(session, trades=("A",))
    assert code(subscribed(session, trades=symbols)) == 405
    assert session.state()["trades"] == ("A",)


def test_a_partial_grant_is_what_is_acknowledged() -> None:
    session = Session("sip", Gate(), None, lambda asked: {name: s[:1] for name, s in asked.items()})
    session.receive(AUTH)
    assert state(subscribed(session, quotes=("A", "B")))["quotes"] == ("A",)
