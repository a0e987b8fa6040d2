"""The cluster's Kafka: a broker of the product's own making beside the pods, on the node's address.

Strimzi's operators are in no registry that can be reached. What of them the manifests need is done by a stand-in
(`drills.standins.strimzi`), which is the only one that knows this broker.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from drills.cluster.daemons import Daemon
from drills.cluster.places import NODE_ADDRESS, Places
from torghut.platform.artifacts import JarSet
from torghut.platform.java import find_java
from torghut.platform.kafka.broker import Broker, BrokerPorts
from torghut.platform.kafka.certificates import CertificateFiles, ensure_certificates

PORTS: Final = BrokerPorts(clients=9093, internal=19091, controller=19092)
SERVICE: Final = "torghut-kafka-bootstrap"
_NAMES: Final = tuple(f"{SERVICE}.kafka{suffix}" for suffix in ("", ".svc", ".svc.cluster.local"))


def certificates(places: Places) -> CertificateFiles:
    """The broker's own authority and certificate."""
    return CertificateFiles(places.secrets / "kafka")


def broker(places: Places, cache: Path) -> Daemon:
    """The broker, ready to be started.

    Raises:
        PlatformError: there is no Java, or its storage cannot be formatted.
    """
    ensure_certificates(certificates(places).directory, hosts=(NODE_ADDRESS, *_NAMES))
    made = Broker(
        directory=places.data / "kafka",
        jars=JarSet.pinned("kafka").directory(cache),
        java=find_java(),
        certificates=certificates(places),
        ports=PORTS,
        host=NODE_ADDRESS,
    )
    made.prepare()
    return Daemon("kafka", made.command)


def standins(places: Places) -> tuple[Daemon, ...]:
    """What acts for operators that cannot be had."""
    command = (sys.executable, "-m", "drills.standins.strimzi", str(places.home))
    return (Daemon("strimzi-standin", command, {"PYTHONPATH": str(Path(__file__).parents[2])}),)
