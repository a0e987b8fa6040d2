from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.platform.kafka.acls import Acl, Operation, Resource, acls, group_prefix, username
from torghut.wire.topics import DLQ, QUOTES, STATUS, TA_SIGNALS, TOPICS, TRADES, Role, Topic, full_name

PREFIXES = st.text("abcxyz019._-", max_size=8)


def _allowed(role: Role, topic: Topic, prefix: str = "") -> set[Operation]:
    return {
        entry.operation
        for entry in acls(prefix)
        if entry.user == username(role) and entry.resource is Resource.TOPIC and entry.name == full_name(topic, prefix)
    }


def test_the_forwarder_reads_and_writes_exactly_its_own_topics() -> None:
    for topic in TOPICS:
        wanted = {Operation.READ, Operation.WRITE, Operation.DESCRIBE} if topic.writer is Role.FORWARDER else set()
        assert _allowed(Role.FORWARDER, topic) == wanted


def test_the_forwarder_has_neither_group_nor_transactions() -> None:
    mine = {entry.resource for entry in acls() if entry.user == username(Role.FORWARDER)}
    assert mine == {Resource.TOPIC}


def test_ta_reads_the_stream_and_writes_its_own() -> None:
    assert _allowed(Role.TA, TRADES) == {Operation.READ, Operation.DESCRIBE}
    assert _allowed(Role.TA, QUOTES) == {Operation.READ, Operation.DESCRIBE}
    assert Operation.WRITE in _allowed(Role.TA, TA_SIGNALS)


def test_ta_writes_dead_letters_but_does_not_read_them() -> None:
    assert _allowed(Role.TA, DLQ) == {Operation.WRITE, Operation.DESCRIBE}


def test_ta_does_not_touch_the_forwarder_s_status() -> None:
    assert _allowed(Role.TA, STATUS) == set()


def test_the_audit_reads_everything_and_writes_nothing() -> None:
    for topic in TOPICS:
        assert _allowed(Role.AUDIT, topic) == {Operation.READ, Operation.DESCRIBE}
    assert not any(entry.operation is Operation.WRITE for entry in acls() if entry.user == username(Role.AUDIT))


@given(PREFIXES)
def test_every_permission_is_below_the_prefix(prefix: str) -> None:
    assert all(entry.name.startswith(prefix) for entry in acls(prefix))


@given(PREFIXES)
def test_topics_are_named_one_by_one(prefix: str) -> None:
    topics = {full_name(topic, prefix) for topic in TOPICS}
    for entry in acls(prefix):
        if entry.resource is Resource.TOPIC:
            assert not entry.prefixed
            assert entry.name in topics


def test_no_permission_is_given_twice() -> None:
    assert len(set(acls())) == len(acls())


@pytest.mark.parametrize("role", [Role.TA, Role.AUDIT])
def test_a_role_s_groups_start_with_its_name(role: Role) -> None:
    wanted = Acl(username(role), Resource.GROUP, group_prefix(role), Operation.READ, prefixed=True)
    assert wanted in acls()
