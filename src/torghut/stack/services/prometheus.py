"""Prometheus with the alert rules, and the rolling audit; only there with `torghut up --with-metrics`."""

from __future__ import annotations

import hashlib
import sys

import msgspec

from torghut.monitoring.alerts import rules
from torghut.monitoring.scrape import configuration
from torghut.platform.artifacts import cache_directory
from torghut.platform.files import write_atomically
from torghut.platform.ports import LOOPBACK
from torghut.platform.prometheus import program
from torghut.stack.context import Context
from torghut.stack.document import PrometheusEndpoint
from torghut.stack.errors import StackError
from torghut.stack.service import HttpProbe, Service
from torghut.stack.services import kafka

PORTS = ("prometheus.http",)
AUDIT_PORTS = ("audit.metrics",)
_KEPT = "6h"


def services(context: Context, others: tuple[Service, ...]) -> tuple[Service, ...]:
    """The server that watches the others, and the audit that it asks.

    Raises:
        StackError: it is wanted, and its program is not there.
    """
    if not context.settings.with_metrics:
        return ()
    audit = _audit(context)
    server = _server(context, (*others, *audit))
    return (*audit, server)


def _audit(context: Context) -> tuple[Service, ...]:
    """The rolling audit; only a simulated feed has a ledger to compare with."""
    if not context.settings.is_simulated:
        return ()
    audit = Service(
        name="audit",
        command=(sys.executable, "-m", "torghut.monitoring.rolling"),
        environment={
            **kafka.client_environment(kafka.endpoint(context), "audit", context.settings.topic_prefix),
            "TORGHUT_HOME": str(context.home.root),
            "METRICS_PORT": str(context.ports.port(AUDIT_PORTS[0])),
        },
        probe=HttpProbe(f"http://{LOOPBACK}:{context.ports.port(AUDIT_PORTS[0])}/metrics"),
        depends_on=("kafka", "provision", "sim"),
        ports=context.named_ports(*AUDIT_PORTS),
    )
    return (audit,)


def _server(context: Context, others: tuple[Service, ...]) -> Service:
    binary = program("prometheus", cache_directory())
    if binary is None:
        raise StackError("prometheus is not there: run `torghut up --with-metrics` again, which fetches it")
    port, home = context.ports.port(PORTS[0]), context.home
    folder = home.root / "config"
    scrape = msgspec.json.encode(configuration(_targets(context, others), folder / "alerts.json"))

    def prepare() -> None:
        write_atomically(folder / "prometheus.json", scrape)
        write_atomically(folder / "alerts.json", msgspec.json.encode(rules()))

    return Service(
        name="prometheus",
        command=(
            str(binary),
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={home.data / 'prometheus'}",
            f"--storage.tsdb.retention.time={_KEPT}",
            f"--web.listen-address={LOOPBACK}:{port}",
        ),
        # Another set of targets is another configuration, and that takes a restart; what was measured stays.
        environment={"CONFIGURATION": hashlib.sha256(scrape).hexdigest()},
        probe=HttpProbe(f"http://{LOOPBACK}:{port}/-/ready"),
        ports=context.named_ports(*PORTS),
        prepare=prepare,
    )


def _targets(context: Context, others: tuple[Service, ...]) -> dict[str, tuple[str, ...]]:
    def at(port: str, path: str = "") -> str:
        return f"{LOOPBACK}:{context.ports.port(port)}{path}"

    names = {service.name for service in others}
    forwarders = sorted(name for name in names if name.partition("-")[0] == "forwarder")
    return {
        "forwarder": tuple(at(f"{name}.metrics") for name in forwarders),
        "console": (at("console.http"),) if "console" in names else (),
        "jobmanager": (at("flink.jobmanager-metrics"),) if "jobmanager" in names else (),
        "taskmanager": (at("flink.taskmanager-metrics"),) if "taskmanager" in names else (),
        "minio": (at("minio.api", "/minio/v2/metrics/cluster"),) if "minio" in names else (),
        "audit": (at(AUDIT_PORTS[0]),) if "audit" in names else (),
        "prometheus": (at("prometheus.http"),),
    }


def endpoint(context: Context) -> PrometheusEndpoint:
    """Where it is asked."""
    return PrometheusEndpoint(f"http://{LOOPBACK}:{context.ports.port(PORTS[0])}")
