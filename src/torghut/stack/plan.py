"""From what is desired to the services that should exist and the endpoints that they offer. Starts nothing."""

from __future__ import annotations

from torghut.stack.context import Context
from torghut.stack.desired import Desired
from torghut.stack.document import Endpoints
from torghut.stack.service import Service
from torghut.stack.services import console, flink, forwarder, kafka, minio, prometheus, sim

TASKS = ("provision", "store")


def plan(context: Context, desired: Desired) -> dict[str, Service]:
    """Every service of the stack by name, in the order of their start, also those that should not run now."""
    only = context.settings.only
    found = (
        *kafka.services(context),
        *sim.services(context),
        *forwarder.services(context, desired.process("forwarder").count),
        *minio.services(context),
        *flink.services(context),
        *console.services(context),
    )
    found = (*found, *prometheus.services(context, found))
    return {
        service.name: service
        for service in found
        if not only or service.name.partition("-")[0] in only or service.name in TASKS
    }


def endpoints(context: Context, services: dict[str, Service]) -> Endpoints:
    """Where the services are reached."""
    return Endpoints(
        kafka=kafka.endpoint(context),
        sim=sim.endpoint(context) if "sim" in services else None,
        forwarders={
            name: forwarder.endpoint(context, name) for name in services if name.partition("-")[0] == "forwarder"
        },
        s3=minio.endpoint(context) if "minio" in services else None,
        flink=flink.endpoint(context) if "jobmanager" in services else None,
        console=console.endpoint(context) if "console" in services else None,
        prometheus=prometheus.endpoint(context) if "prometheus" in services else None,
    )
