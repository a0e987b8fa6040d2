"""Why records cannot be written: the way to Kafka, stretch by stretch, in order. Read-only.

A stretch that does not work hides those behind it, so the first finding is the cause and nothing further is blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import UnavailableError
from torghut.runbooks.kafka_ports import Cause, Found, KafkaProbe

ROLE: Final = "forwarder"


@dataclass(frozen=True)
class Stretch:
    """One part of the way: what it is called, and what was found on it; `asked` is False when it gave no answer."""

    name: str
    found: tuple[Found, ...]
    asked: bool = True
    said: str = ""


def stretches(probe: KafkaProbe, *, deep: bool) -> Iterator[Stretch]:
    """Look at each stretch until one does not work. `deep` also asks for disks and quotas, which takes seconds."""
    asks: list[tuple[str, Callable[[], tuple[Found, ...]]]] = [
        ("name and TCP", probe.way),
        ("TLS", probe.certificate),
        ("login", lambda: probe.login(ROLE)),
        ("permissions", lambda: probe.permissions(ROLE)),
        ("topics", probe.topics),
    ]
    if deep:
        asks.append(("disk and quota", probe.space))
    for name, ask in asks:
        try:
            stretch = Stretch(name, ask())
        except UnavailableError as error:
            stretch = Stretch(name, (), asked=False, said=str(error))
        yield stretch
        if stretch.found or not stretch.asked:
            return


def first_cause(probe: KafkaProbe, *, deep: bool) -> Found | None:
    """The cause, by the first stretch that does not work; None when all do.

    Raises:
        UnavailableError: a stretch gave no answer, so that nothing can be said.
    """
    for stretch in stretches(probe, deep=deep):
        if not stretch.asked:
            raise UnavailableError(f"{stretch.name}: {stretch.said}")
        if stretch.found:
            return stretch.found[0]
    return None


FIXES: Final = {
    Cause.NAME: "correct KAFKA_BOOTSTRAP_SERVERS or the name service, then run this again",
    Cause.CONNECT: "run the broker",
    Cause.TLS_EXPIRED: "a valid certificate for the broker",
    Cause.TLS_UNKNOWN_CA: "the clients' truststore as the authority is",
    Cause.TLS_WRONG_HOST: "a certificate for the names under which the broker is reached",
    Cause.TLS: "a certificate and a truststore that fit each other",
    Cause.COPY: "the Secret as its source has it",
    Cause.PASSWORD: "the user's password as the Secret has it",
    Cause.USER: "the user anew, with the Secret's password and the role's permissions",
    Cause.ACL: "the role's permissions",
    Cause.TOPIC_MISSING: "the topic anew, empty",
    Cause.TOPIC_REPLICAS: "the topic's declared settings, and every replica in sync",
    Cause.TOPIC_SIZE: "the topic's declared record size",
    Cause.DISK: "free space on the broker's disk, or shorten retention, then run this again",
    Cause.QUOTA: "no quota on the user",
}
"""What mends each cause, in words."""

BY_HAND: Final = frozenset({Cause.NAME, Cause.DISK})
"""What no procedure mends: only its owner can."""
