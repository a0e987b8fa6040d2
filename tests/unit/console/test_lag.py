from __future__ import annotations

from tests.unit.console.records import T0, bar, signal

from torghut.console.lag import LatencyWindow, SignalLag

NS = 1_000_000_000
NOW = (T0 + 1) * NS + 50_000_000


def test_percentiles_are_of_what_was_seen() -> None:
    window = LatencyWindow()
    for latency in range(1, 101):
        window.add(float(latency), NOW)
    found = window.percentiles(NOW)
    assert found is not None
    assert (found.p50, found.p99, found.count) == (50.0, 99.0, 100)


def test_what_is_older_than_thirty_seconds_counts_no_more() -> None:
    window = LatencyWindow()
    window.add(5.0, NOW)
    assert window.percentiles(NOW + 31 * NS) is None


def test_a_signal_is_as_late_as_its_newest_event_is_old() -> None:
    lag = SignalLag()
    lag.take(signal(T0, 1.0, revision=None), NOW)
    found = lag.provisional.percentiles(NOW)
    assert found is not None
    assert found.p50 == 50.0
    assert lag.final.percentiles(NOW) is None


def test_bars_and_revisions_say_nothing_about_how_late_signals_are() -> None:
    lag = SignalLag()
    lag.take(bar(T0, 1.0), NOW)
    lag.take(signal(T0, 1.0, revision=2), NOW)
    assert lag.final.percentiles(NOW) is None
