from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from torghut.sim.delivery import CALM, Delivery, Disturbance, channels_or_all
from torghut.sim.events import Event

MS = 1_000_000


def event(number: int, kind: str = "t") -> Event:
    return Event("sip", kind, "A", number, b"%d" % number)


def drained(delivery: Delivery, now: int) -> list[int]:
    return [e.t for e in delivery.due(now)]


def test_without_faults_everything_passes_at_once() -> None:
    events = [event(1), event(2)]
    assert Delivery(1).pass_on(0, events) is events


def test_a_delay_holds_everything_back_in_order() -> None:
    delivery = Delivery(1)
    delivery.disturbance = Disturbance(delay_ns=500)
    assert delivery.pass_on(0, [event(1), event(2)]) == []
    assert drained(delivery, 499) == []
    assert drained(delivery, 500) == [1, 2]


def test_after_a_delay_nothing_overtakes() -> None:
    delivery = Delivery(1)
    delivery.disturbance = Disturbance(delay_ns=500)
    delivery.pass_on(0, [event(1)])
    delivery.disturbance = CALM
    assert delivery.pass_on(10, [event(2)]) == []
    assert drained(delivery, 500) == [1, 2]


@given(st.integers(0, 100), st.integers(1, 60))
def test_disorder_loses_and_doubles_nothing(seed: int, number: int) -> None:
    delivery = Delivery(seed)
    delivery.disturbance = Disturbance(disorder_ns=100 * MS, disorder_probability=0.5)
    out = [e.t for n in range(number) for e in delivery.pass_on(n * MS, [event(n)])]
    assert sorted(out + drained(delivery, 10**12)) == list(range(number))


def test_disorder_really_disturbs_the_order() -> None:
    delivery = Delivery(1)
    delivery.disturbance = Disturbance(disorder_ns=100 * MS, disorder_probability=0.5)
    out = [e.t for n in range(100) for e in delivery.pass_on(n * MS, [event(n)])]
    assert out != sorted(out)


def test_duplicates_are_of_trades_and_bars_only() -> None:
    delivery = Delivery(1)
    delivery.disturbance = Disturbance(duplicate_probability=1.0)
    events = [event(n, kind) for n, kind in enumerate("tqbuxcsl")]
    out = list(delivery.pass_on(0, events)) + delivery.due(10**12)
    twice = {kind for kind, times in Counter(e.kind for e in out).items() if times > 1}
    assert twice <= set("tbu")
    assert len(out) == len(events) + 3


def test_a_muted_channel_is_silent_and_others_are_not() -> None:
    delivery = Delivery(1)
    delivery.disturbance = Disturbance(muted=channels_or_all(["quotes"]))
    assert [e.kind for e in delivery.pass_on(0, [event(1, "q"), event(2, "t")])] == ["t"]


def test_no_channel_named_mutes_all() -> None:
    delivery = Delivery(1)
    delivery.disturbance = Disturbance(muted=channels_or_all([]))
    assert delivery.pass_on(0, [event(n, kind) for n, kind in enumerate("tqbucxsld")]) == []


def test_recent_trades_can_be_sent_again() -> None:
    delivery = Delivery(1)
    delivery.pass_on(10, [event(1), event(2, "q")])
    delivery.pass_on(20, [event(3)])
    assert [e.t for e in delivery.recent(0)] == [1, 3]
    assert [e.t for e in delivery.recent(15)] == [3]
