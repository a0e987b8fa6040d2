"""Set-up: what a machine needs before the first start, fetched and built once, side by side where that is possible."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from torghut.platform.artifacts import JarSet, Report, cache_directory, fetch_jars
from torghut.platform.chart import fetch_chart
from torghut.platform.java import find_java
from torghut.stack import components


def set_up(report: Report, *, job: bool) -> None:
    """Fetch and build what is missing. Broken off, it goes on where it was.

    Args:
        report: takes a line about what happens.
        job: also what the Flink job needs (Flink, MinIO, a Python environment: about 1.5 GB).

    Raises:
        PlatformError: a tool, the network or disk space is missing; the message says what to do.
    """
    cache = cache_directory()
    find_java()
    with ThreadPoolExecutor(3) as pool:
        kafka = pool.submit(fetch_jars, JarSet.pinned("kafka"), cache, lambda line: report(f"kafka: {line}"))
        chart = pool.submit(fetch_chart, cache, report)
        if job:
            pool.submit(components.ensure, cache, report).result()
        kafka.result()
        chart.result()
    report(f"everything is there: {cache}")
