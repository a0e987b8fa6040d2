"""What both targets ask of brokers as a client does: the way there, a login, records, and what makes a topic bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from torghut.ops.errors import UnavailableError
from torghut.platform.kafka.acls import Acl
from torghut.platform.kafka.probe import Trouble, parse_servers, try_login
from torghut.platform.kafka.reader import ReadError, TopicReader
from torghut.runbooks.kafka_ports import Cause, Found, Login

SMALLEST_LIMIT: Final = 1_000_000
"""Bytes that a topic must take at least: Alpaca's messages are small, batches of them are not."""
_A_FEW: Final = 20


def log_in(client: Mapping[str, Any], values: Mapping[str, str]) -> Login:
    """A fresh login over this connection with the values of a Secret (`username`, `password`)."""
    user = values["username"]
    trouble = try_login({**client, "sasl.username": user, "sasl.password": values["password"]})
    if trouble is None:
        return Login(True, f"{user} logged in")
    return Login(False if trouble.kind == "login" else None, f"{user}: {trouble.evidence}")


def each_broker(servers: str, attempt: Callable[[str, int], Trouble | None]) -> tuple[Found, ...]:
    """What was found wrong with each of `host:port[,host:port]`."""
    tried = ((server, attempt(*server)) for server in parse_servers(servers))
    return tuple(
        Found(Cause(trouble.kind), trouble.evidence, f"{host}:{port}") for (host, port), trouble in tried if trouble
    )


def judge(name: str, replicas: tuple[int, int], wanted: int, limit: int) -> Found | None:
    """What is wrong with a topic.

    `replicas` are the fewest in sync of a partition and how many partitions have no leader, `wanted` is
    `min.insync.replicas`, `limit` the largest record that it takes in bytes.
    """
    in_sync, leaderless = replicas
    if leaderless:
        return Found(Cause.TOPIC_REPLICAS, f"{name}: {leaderless} partitions have no leader", name)
    if in_sync < wanted:
        return Found(Cause.TOPIC_REPLICAS, f"{name}: {in_sync} replicas in sync, min.insync.replicas {wanted}", name)
    if limit < SMALLEST_LIMIT:
        return Found(Cause.TOPIC_SIZE, f"{name} takes records of up to {limit} bytes", name)
    return None


def read_since(client: Mapping[str, Any], names: Sequence[str], since_ns: int) -> int:
    """How many records were read, a few of each partition that has any since then.

    Raises:
        UnavailableError: they cannot be read.
    """
    try:
        with TopicReader(client, names) as reader:
            partitions = reader.partitions()
            start, ends = reader.offsets_at(partitions, since_ns // 1_000_000), reader.ends(partitions)
            stop = {partition: min(high, start[partition] + _A_FEW) for partition, (_, high) in ends.items()}
            return sum(1 for _ in reader.read(start, stop, stall_s=10.0))
    except ReadError as error:
        raise UnavailableError(str(error)) from error


def words(entry: Acl) -> str:
    """A permission in words."""
    return f"{entry.operation.value} {entry.resource.value} {entry.name}{'*' if entry.prefixed else ''}"
