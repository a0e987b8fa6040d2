"""Who may talk to whom, as NetworkPolicies say it: the rules of `networking.k8s.io/v1`, over parties of our choice.

No agent that enforces policies can be had where these tests run, so they are read instead: a connection passes if the
policies that select its source let it out and those that select its destination let it in. Nothing selected, nothing
denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tools.deploy.documents import Object

NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Pod:
    """A pod, or whatever may be labelled like one. `ports`: name to number."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Address:
    """Somebody outside of the cluster's pods."""

    ip: str


Party = Pod | Address


def passes(policies: Iterable[Object], source: Party, destination: Party, port: int, protocol: str = "TCP") -> bool:
    """Whether the source reaches the destination on that port."""
    every = list(policies)
    leaves = _allowed(every, "Egress", source, destination, destination, port, protocol)
    return leaves and _allowed(every, "Ingress", destination, source, destination, port, protocol)


def _allowed(
    policies: list[Object],
    direction: str,
    subject: Party,
    peer: Party,
    destination: Party,
    port: int,
    protocol: str,
) -> bool:
    if not isinstance(subject, Pod):
        return True
    own = [policy for policy in policies if _selects(policy, direction, subject)]
    rules = [rule for policy in own for rule in policy["spec"].get(direction.lower(), ())]
    return not own or any(_fits(rule, direction, subject, peer, destination, port, protocol) for rule in rules)


def _selects(policy: Object, direction: str, pod: Pod) -> bool:
    spec = policy["spec"]
    here = policy["metadata"]["namespace"] == pod.namespace
    return here and direction in spec["policyTypes"] and matches(spec["podSelector"], pod.labels)


def _fits(
    rule: Object, direction: str, subject: Pod, peer: Party, destination: Party, port: int, protocol: str
) -> bool:
    peers = rule.get("to" if direction == "Egress" else "from", [])
    ports = rule.get("ports", [])
    known = not peers or any(_is(one, subject, peer) for one in peers)
    return known and (not ports or any(_port(one, destination, port, protocol) for one in ports))


def _is(peer: Object, subject: Pod, party: Party) -> bool:
    if "ipBlock" in peer:
        return isinstance(party, Address) and _inside(peer["ipBlock"], party.ip)
    if not isinstance(party, Pod):
        return False
    if "namespaceSelector" in peer:
        labels = {NAME: party.namespace, **party.namespace_labels}
        here = matches(peer["namespaceSelector"], labels)
    else:
        here = party.namespace == subject.namespace
    return here and matches(peer.get("podSelector", {}), party.labels)


def _inside(block: Object, ip: str) -> bool:
    address = ip_address(ip)
    return address in ip_network(block["cidr"]) and not any(
        address in ip_network(one) for one in block.get("except", ())
    )


def _port(entry: Object, destination: Party, port: int, protocol: str) -> bool:
    wanted: Any = entry.get("port")
    if isinstance(wanted, str):
        wanted = destination.ports.get(wanted) if isinstance(destination, Pod) else None
        if wanted is None:
            return False
    return entry.get("protocol", "TCP") == protocol and wanted in (None, port)


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """A label selector. An empty one matches everything."""
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(_expression(one, labels) for one in selector.get("matchExpressions", ()))


def _expression(one: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(one["key"])
    match one["operator"]:
        case "In":
            return value in one["values"]
        case "NotIn":
            return value not in one["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise AssertionError(f"{one['operator']} is no operator")
