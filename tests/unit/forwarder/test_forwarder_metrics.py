"""Metrics have the contract's names, labels and units."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from torghut.forwarder.metrics import Histogram, Metrics
from torghut.wire.topics import Channel

MS = 1_000_000


def metrics() -> Metrics:
    produce = Histogram()
    produce.observe(3 * MS)
    found = Metrics(
        lambda: {"alpaca": True, "kafka": False},
        lambda: "healthy",
        lambda: 7,
        lambda: {("torghut.trades.v1", "acknowledged"): 5},
        produce,
    )
    found.messages[Channel.TRADES] += 3
    found.lag_ms[Channel.TRADES] = 12.5
    found.lag.observe(12_500_000)
    found.dropped[Channel.QUOTES] += 1
    found.repaired[Channel.BARS] += 2
    found.reconnects["alpaca_unreachable"] += 4
    return found


def samples(found: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """As a scraper reads them."""
    families = text_string_to_metric_families(generate_latest(found.registry).decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("ws_lag_ms", {"channel": "trades"}, 12.5),
        ("torghut_ws_lag_ms", {"channel": "trades"}, 12.5),
        ("torghut_ws_lag_seconds_count", {}, 1),
        ("torghut_ws_lag_seconds_sum", {}, 0.0125),
        ("torghut_ws_lag_seconds_bucket", {"le": "+Inf"}, 1),
        ("torghut_ws_messages_total", {"channel": "trades"}, 3),
        ("torghut_ws_reconnects_total", {"reason": "alpaca_unreachable"}, 4),
        ("torghut_dedup_dropped_total", {"channel": "quotes"}, 1),
        ("torghut_repaired_total", {"channel": "bars"}, 2),
        ("torghut_kafka_produce_total", {"topic": "torghut.trades.v1", "outcome": "acknowledged"}, 5),
        ("torghut_kafka_produce_seconds_sum", {}, 0.003),
        ("torghut_kafka_queue_messages", {}, 7),
        ("torghut_readyz", {"gate": "alpaca"}, 1),
        ("torghut_readyz", {"gate": "kafka"}, 0),
        ("torghut_status", {"status": "healthy"}, 1),
    ],
)
def test_a_metric_of_the_contract_is_there(name: str, labels: dict[str, str], value: float) -> None:
    assert samples(metrics())[name, frozenset(labels.items())] == value


def test_a_duration_counts_in_every_bucket_at_or_above_it() -> None:
    histogram = Histogram()
    histogram.observe(25 * MS)
    counts = {float(bound): count for bound, count in histogram.buckets()}
    assert {bound for bound, count in counts.items() if count} == {bound for bound in counts if bound >= 0.025}


def test_a_duration_longer_than_all_bounds_counts_in_the_last_bucket() -> None:
    histogram = Histogram()
    histogram.observe(1000_000 * MS)
    assert [bound for bound, count in histogram.buckets() if count] == ["+Inf"]


@given(st.lists(st.integers(0, 100_000 * MS)))
def test_buckets_are_cumulative_and_the_last_has_all(durations: list[int]) -> None:
    histogram = Histogram()
    for duration in durations:
        histogram.observe(duration)
    counts = [count for _, count in histogram.buckets()]
    assert all(lower <= upper for lower, upper in pairwise(counts))
    assert counts[-1] == len(durations)
    assert histogram.sum_s == sum(durations) / 1e9
