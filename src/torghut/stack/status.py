"""What `torghut status` says: the supervisor's view, and what the forwarder says of itself."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from torghut.stack.document import KafkaEndpoint, SimEndpoint, StackDocument, running_document
from torghut.stack.errors import NoStackError
from torghut.stack.home import Home


class ProcessStatus(msgspec.Struct, frozen=True):
    """One process."""

    name: str
    pid: int | None
    state: str
    ready: bool
    reason: str


class ConsoleStatus(msgspec.Struct, frozen=True):
    """Where the web page is."""

    url: str


class StatusEndpoints(msgspec.Struct, frozen=True):
    """Where everything is reached."""

    kafka: KafkaEndpoint
    sim: SimEndpoint | None
    forwarder: dict[str, str] | None


class StackStatus(msgspec.Struct, frozen=True):
    """The document of `torghut status --json`. `forwarder` and `ta` are their own status records, as they gave them."""

    ready: bool
    feed: str
    processes: list[ProcessStatus]
    forwarder: dict[str, Any] | None
    ta: dict[str, Any] | None
    console: ConsoleStatus | None
    endpoints: StatusEndpoints


def look(home: Home) -> StackStatus:
    """The state of now.

    Raises:
        NoStackError: no stack runs in this home.
    """
    document = running_document(home)
    if document is None:
        raise NoStackError(f"no stack runs in {home.root}: start one with `torghut up`, or set TORGHUT_HOME")
    return StackStatus(
        ready=document.ready,
        feed=document.feed,
        processes=[
            ProcessStatus(name, record.pid, record.state, record.ready, record.reason)
            for name, record in document.processes.items()
            if record.state != "done"
        ],
        forwarder=forwarder_status(document),
        ta=None,
        console=None,
        endpoints=StatusEndpoints(
            document.kafka,
            document.sim,
            msgspec.structs.asdict(document.forwarder) if document.forwarder else None,
        ),
    )


def forwarder_status(document: StackDocument) -> dict[str, Any] | None:
    """The status record of the active forwarder (else of the first one that answers), from `/readyz`."""
    found = [record for record in map(_readyz, document.forwarders.values()) if record is not None]
    active = (record for record in found if record.get("role") == "active")
    return next(active, found[0] if found else None)


def _readyz(endpoint: Any) -> dict[str, Any] | None:  # noqa: ANN401
    try:
        body = httpx.get(f"{endpoint.health_url}/readyz", timeout=1.0, trust_env=False).content
        return msgspec.json.decode(body, type=dict[str, Any])
    except (httpx.HTTPError, msgspec.DecodeError):
        return None
