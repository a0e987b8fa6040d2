"""What `torghut status` says: the supervisor's view, and what the forwarder and the job say of themselves."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from torghut.platform.errors import PlatformError
from torghut.stack.document import (
    ConsoleEndpoint,
    ForwarderEndpoint,
    KafkaEndpoint,
    SimEndpoint,
    StackDocument,
    running_document,
)
from torghut.stack.errors import NoStackError, StackError
from torghut.stack.home import Home
from torghut.stack.submission import job_status
from torghut.wire.status import TaStatus


class ProcessStatus(msgspec.Struct, frozen=True):
    """One process."""

    name: str
    pid: int | None
    state: str
    ready: bool
    reason: str


class StatusEndpoints(msgspec.Struct, frozen=True):
    """Where everything is reached."""

    kafka: KafkaEndpoint
    sim: SimEndpoint | None
    forwarder: dict[str, str] | None


class StackStatus(msgspec.Struct, frozen=True):
    """The document of `torghut status --json`. `forwarder` and `ta` are their own status records."""

    ready: bool
    feed: str
    processes: list[ProcessStatus]
    forwarder: dict[str, Any] | None
    ta: TaStatus | None
    console: ConsoleEndpoint | None
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
        ta=_ta_status(home, document),
        console=document.console,
        endpoints=StatusEndpoints(
            document.kafka,
            document.sim,
            msgspec.structs.asdict(document.forwarder) if document.forwarder else None,
        ),
    )


def _ta_status(home: Home, document: StackDocument) -> TaStatus | None:
    """None without a job, and while its JobManager does not answer."""
    if document.flink is None:
        return None
    try:
        return job_status(home)
    except (PlatformError, StackError):
        return None


def forwarder_status(document: StackDocument) -> dict[str, Any] | None:
    """The status record of the active forwarder (else of the first one that answers), from `/readyz`."""
    found = [record for record in map(_readyz, document.forwarders.values()) if record is not None]
    active = (record for record in found if record.get("role") == "active")
    return next(active, found[0] if found else None)


def _readyz(endpoint: ForwarderEndpoint) -> dict[str, Any] | None:
    try:
        body = httpx.get(f"{endpoint.health_url}/readyz", timeout=1.0, trust_env=False).content
        return msgspec.json.decode(body, type=dict[str, Any])
    except (httpx.HTTPError, msgspec.DecodeError):
        return None
