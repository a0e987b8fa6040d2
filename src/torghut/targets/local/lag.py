"""Lag in the stack: where `targets.lag_figures` finds the forwarders, the topics and the job of a home."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from torghut.calendar import calendar_for
from torghut.config import ConfigError, load
from torghut.job.settings import JobSettings
from torghut.ops.errors import UnavailableError
from torghut.platform.flink.rest import Flink
from torghut.platform.kafka.reader import ReadError
from torghut.runbooks.lag_ports import LagReading
from torghut.stack.desired import Settings, TaSubmission, read_desired
from torghut.stack.document import StackDocument, running_document
from torghut.stack.errors import StackError
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.stack.status import forwarder_status
from torghut.targets import lag_figures


@dataclass(frozen=True)
class LocalLag:
    """Lag in a home."""

    home: Home

    def read(self) -> LagReading:
        """Over some seconds."""
        document = running_document(self.home)
        if document is None:
            raise UnavailableError(f"no stack runs in {self.home.root}: start it with `torghut up`")
        settings = read_desired(self.home).settings
        if settings.ta is None:
            raise UnavailableError("no job was submitted: `torghut ta submit`")
        try:
            return lag_figures.read(self._sources(document, settings, settings.ta))
        except (ConfigError, ReadError, StackError) as error:
            raise UnavailableError(f"the topics cannot be read: {error}") from error

    def _sources(self, document: StackDocument, settings: Settings, submission: TaSubmission) -> lag_figures.Sources:
        kafka, flink = RunningStack(self.home).kafka("audit"), document.flink
        variables = {**submission.variables, "TA_PARALLELISM": str(submission.parallelism)}
        return lag_figures.Sources(
            client=kafka.client(),
            topic_prefix=kafka.topic_prefix,
            pages=lambda: _pages(document),
            reason=lambda: str((forwarder_status(document) or {}).get("reason", "")),
            expected=settings.is_simulated or calendar_for(settings.feed).session_at(time.time_ns()).is_open,
            job=load(JobSettings, variables),
            flink=(lambda: Flink(flink.rest_url)) if flink else None,
            job_id=lambda _: flink.job_id if flink else "",
        )


def _pages(document: StackDocument) -> Iterator[str]:
    """A forwarder that does not answer is left out: its status says so."""
    for endpoint in document.forwarders.values():
        try:
            yield httpx.get(f"{endpoint.metrics_url}/metrics", timeout=3.0, trust_env=False).text
        except httpx.HTTPError:
            continue
