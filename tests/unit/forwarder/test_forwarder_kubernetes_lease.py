"""At most one holder at any moment, whatever the network between the instances and the API server does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torghut.forwarder import kubernetes_lease
from torghut.forwarder import lease as lease_module
from torghut.forwarder.kubernetes_lease import KubernetesLease
from torghut.forwarder.lease import LeaseLost
from torghut.platform.kubernetes.coordination import LeaseObject

TTL_S = 8.0
ACTORS = 3


class World:
    """The boot clock of all, and an API server with one Lease, as far as the forwarder uses it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.metadata: dict[str, Any] = {"name": "one", "labels": {"kept": "yes"}, "resourceVersion": "1"}
        self.spec: dict[str, Any] = {}
        self.answers: Callable[[httpx.Request], httpx.Response] = self.serve
        self._versions = itertools.count(2)

    def serve(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            patch = msgspec.json.decode(request.content)
            if patch["metadata"]["resourceVersion"] != self.metadata["resourceVersion"]:
                return httpx.Response(409, text="the object has been modified")
            self.edit({**self.spec, **patch["spec"]})
        return httpx.Response(200, json={"metadata": self.metadata, "spec": self.spec})

    def edit(self, spec: dict[str, Any]) -> None:
        """A change, as the API server counts it."""
        self.spec = {name: value for name, value in spec.items() if value is not None}
        self.metadata = {**self.metadata, "resourceVersion": str(next(self._versions))}

    def lease(self, holder: str) -> KubernetesLease:
        transport = httpx.MockTransport(lambda request: self.answers(request))  # noqa: PLW0108 - tests change it
        client = httpx.Client(base_url="https://api", transport=transport)
        return KubernetesLease(LeaseObject(client, "torghut", "one"), holder, TTL_S)

    def held(self, holder: str) -> KubernetesLease:
        lease = self.lease(holder)
        assert lease.acquire()
        return lease


def unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectTimeout("no route")


@contextmanager
def a_world() -> Iterator[World]:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        for module in (kubernetes_lease, lease_module):
            patch.setattr(module, "boot_clock", lambda: world.now)
        yield world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def test_a_free_lease_is_taken_at_once(world: World) -> None:
    lease = world.lease("one/1")
    assert lease.acquire()
    assert lease.remaining_s() == TTL_S
    assert world.spec["holderIdentity"] == "one/1"
    assert world.spec["leaseDurationSeconds"] == 8


def test_what_others_wrote_beside_the_spec_is_kept(world: World) -> None:
    world.held("one/1")
    assert world.metadata["labels"] == {"kept": "yes"}


def test_a_held_lease_is_not_taken_before_its_holder_was_silent_for_its_term(world: World) -> None:
    world.held("one/1")
    other = world.lease("two/1")
    assert not other.acquire()
    world.now += TTL_S - 0.001
    assert not other.acquire()
    world.now += 0.001
    assert other.acquire()


def test_the_silence_begins_when_a_standby_first_looks(world: World) -> None:
    world.held("one/1")
    world.now += 100.0
    assert not world.lease("two/1").acquire()


def test_a_renewal_extends_the_term_from_before_it_was_asked_for(world: World) -> None:
    lease = world.held("one/1")

    def slowly(request: httpx.Request) -> httpx.Response:
        world.now += 2.0
        return world.serve(request)

    world.answers = slowly
    lease.renew()
    assert lease.remaining_s() == TTL_S - 2.0


def test_who_renews_is_not_succeeded(world: World) -> None:
    lease, other = world.held("one/1"), world.lease("two/1")
    for _ in range(20):
        world.now += 2.0
        lease.renew()
        assert not other.acquire()


def test_a_released_lease_is_taken_at_once(world: World) -> None:
    world.held("one/1").release()
    assert world.lease("two/1").acquire()


@pytest.mark.parametrize("leave", [lambda lease: lease.renew(), lambda lease: lease.release()], ids=["killed", "left"])
def test_what_outlasts_its_holder_keeps_others_out_until_its_end(
    world: World, leave: Callable[[KubernetesLease], None]
) -> None:
    mine, standby = world.held("one/1"), world.lease("two/1")
    mine.outlast(99.5)
    leave(mine)
    assert world.spec["leaseDurationSeconds"] == 100
    assert not standby.acquire()
    world.now += 99.9
    assert not standby.acquire()
    world.now += 0.1
    assert standby.acquire()


def test_what_outlasts_it_does_not_lengthen_its_own_term(world: World) -> None:
    mine = world.held("one/1")
    mine.outlast(100.0)
    mine.renew()
    assert mine.remaining_s() == TTL_S


def test_who_released_it_does_not_take_it_again(world: World) -> None:
    lease = world.held("one/1")
    lease.release()
    assert not lease.acquire()


def test_releasing_what_is_not_held_changes_nothing(world: World) -> None:
    world.held("one/1")
    other = world.lease("two/1")
    other.release()
    assert world.spec["holderIdentity"] == "one/1"


def test_a_holder_whose_term_is_over_has_lost(world: World) -> None:
    lease = world.held("one/1")
    world.now += TTL_S
    with pytest.raises(LeaseLost, match="ran out"):
        lease.renew()
    assert lease.remaining_s() <= 0


def test_a_holder_that_was_succeeded_has_lost(world: World) -> None:
    lease = world.held("one/1")
    world.edit({"holderIdentity": "two/1", "leaseDurationSeconds": 8})
    with pytest.raises(LeaseLost, match="taken by two/1"):
        lease.renew()
    assert lease.remaining_s() <= 0


def test_an_api_server_that_does_not_answer_costs_no_more_than_the_term(world: World) -> None:
    lease = world.held("one/1")
    world.answers = unreachable
    world.now += TTL_S - 1.0
    lease.renew()
    assert lease.remaining_s() == 1.0
    world.now += 1.0
    with pytest.raises(LeaseLost):
        lease.renew()


def test_a_renewal_whose_answer_was_lost_is_recognised(world: World) -> None:
    lease = world.held("one/1")

    def lose(request: httpx.Request) -> httpx.Response:
        world.serve(request)
        raise httpx.ReadTimeout("lost")

    world.answers = lose
    lease.renew()
    world.answers = world.serve
    world.now += 1.0
    lease.renew()
    assert lease.remaining_s() == TTL_S


def test_a_label_put_on_the_object_does_not_end_a_term(world: World) -> None:
    lease = world.held("one/1")
    world.edit(world.spec)
    lease.renew()
    assert lease.remaining_s() == TTL_S


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_refusal_is_no_lease_and_no_crash(world: World, status: int) -> None:
    world.answers = lambda _: httpx.Response(status, text="no")
    assert not world.lease("one/1").acquire()


class Mayhem:
    """Drives several leases. Every request takes time on both ways, may get lost, and others act meanwhile."""

    def __init__(self, world: World, data: st.DataObject) -> None:
        self.world = world
        self.data = data
        self.leases = [world.lease(f"actor-{number}") for number in range(ACTORS)]
        self.busy: set[int] = set()
        world.answers = self.travel

    def act(self) -> None:
        """One of those who wait for no answer asks for the lease, renews it or gives it up."""
        idle = [number for number in range(ACTORS) if number not in self.busy]
        if not idle:
            return
        number = self.data.draw(st.sampled_from(idle))
        lease = self.leases[number]
        self.busy.add(number)
        try:
            if lease.remaining_s() <= 0:
                lease.acquire()
            elif self.data.draw(st.integers(0, 9)) == 0:
                lease.release()
                self.leases[number] = self.world.lease(f"actor-{number}-{self.world.now}")
            else:
                lease.renew()
        except LeaseLost:
            pass
        finally:
            self.busy.discard(number)
        self.check()

    def travel(self, request: httpx.Request) -> httpx.Response:
        self.delay()
        if self.lost():
            raise httpx.ConnectTimeout("the request got lost")
        answer = self.world.serve(request)
        self.delay()
        if self.lost():
            raise httpx.ReadTimeout("the answer got lost")
        return answer

    def lost(self) -> bool:
        return self.data.draw(st.integers(0, 7)) == 0

    def delay(self) -> None:
        self.world.now += self.data.draw(st.sampled_from([0.0, 0.01, 1.0, TTL_S - 1, TTL_S, TTL_S + 1]))
        self.check()
        if self.data.draw(st.booleans()):
            self.act()

    def check(self) -> None:
        holders = [lease for lease in self.leases if lease.remaining_s() > 0]
        assert len(holders) <= 1


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_there_are_never_two_holders(data: st.DataObject) -> None:
    with a_world() as world:
        mayhem = Mayhem(world, data)
        for _ in range(data.draw(st.integers(1, 12))):
            world.now += data.draw(st.sampled_from([0.0, 1.0, TTL_S / 4, TTL_S]))
            mayhem.check()
            mayhem.act()
