from __future__ import annotations

import pytest

from torghut.platform.kafka.reader import Partition
from torghut.targets.lag_figures import _backlog, _mean_ms, _median_ms, _positions, _quantile, _share_above, _worst

TRADES = "torghut.trades.v1"


def lag(*counts: tuple[str, float]) -> dict[tuple[str, str], float]:
    return {("torghut_ws_lag_seconds_bucket", bound): n for bound, n in counts}


def test_the_median_lag_is_the_lower_bound_of_the_bucket_that_holds_it() -> None:
    assert _median_ms(lag(("0.01", 40.0), ("1.0", 44.0), ("5.0", 90.0), ("+Inf", 90.0))) == 1000
    assert _median_ms(lag(("0.01", 80.0), ("5.0", 90.0), ("+Inf", 90.0))) == 0


def test_without_messages_there_is_no_lag() -> None:
    assert _median_ms(lag(("0.01", 0.0), ("+Inf", 0.0))) is None


def test_the_mean_is_of_what_was_acknowledged_within_the_reading() -> None:
    name = "torghut_kafka_produce_seconds"
    assert _mean_ms({(f"{name}_sum", ""): 3.0, (f"{name}_count", ""): 30.0}) == pytest.approx(100)
    assert _mean_ms({(f"{name}_count", ""): 0.0}) is None


def test_positions_are_read_from_the_names_that_flink_gives_them() -> None:
    name = "0.Source__KafkaSource-x.KafkaSourceReader.topic.torghut_trades_v1.partition.4.currentOffset"
    assert _positions({name: "99", "0.busyTimeMsPerSecond": "5"}) == {("torghut_trades_v1", 4): 99}


@pytest.mark.parametrize(("position", "waiting"), [(99, 0), (89, 10), (120, 0), (-1, 0)])
def test_the_backlog_is_what_stands_behind_the_last_record_that_was_taken_in(position: int, waiting: int) -> None:
    assert _backlog(Partition(TRADES, 4), 100, {("torghut_trades_v1", 4): position}) == waiting


def test_the_busiest_subtask_counts_and_what_was_not_measured_does_not() -> None:
    values = {"0.busyTimeMsPerSecond": "250.0", "1.busyTimeMsPerSecond": "900", "2.busyTimeMsPerSecond": "NaN"}
    assert _worst(values, "busyTimeMsPerSecond") == pytest.approx(0.9)
    assert _worst({}, "busyTimeMsPerSecond") == 0


def test_shares_and_quantiles_of_nothing_are_zero() -> None:
    assert (_share_above([], 5), _quantile([], 0.99)) == (0.0, 0.0)
    assert (_share_above([1, 9], 5), _quantile(map(float, range(100)), 0.99)) == (0.5, 99.0)
