"""The topics are those of the contract, name by name."""

from __future__ import annotations

import pytest

from torghut.wire.topics import CHANNEL_TOPIC, STATUS, TOPICS, Channel, Role, full_name

DAY_MS = 86_400_000
CONTRACT = {
    "torghut.trades.v1": ((6, 12), 7, "delete"),
    "torghut.quotes.v1": ((6, 12), 7, "delete"),
    "torghut.bars.1m.v1": ((6, 12), 30, "delete"),
    "torghut.market-status.v1": ((1, 3), 7, "delete"),
    "torghut.status.v1": ((1, 1), 7, "compact,delete"),
    "torghut.ta.bars.1s.v1": ((6, 12), 14, "delete"),
    "torghut.ta.signals.v1": ((6, 12), 14, "delete"),
    "torghut.ta.provisional.v1": ((6, 12), 1, "delete"),
    "torghut.ta.status.v1": ((1, 1), 7, "delete"),
    "torghut.dlq.v1": ((1, 3), 14, "delete"),
}


def test_the_topics_are_those_of_the_contract() -> None:
    assert {t.name: (t.partitions, t.retention_ms // DAY_MS, t.cleanup) for t in TOPICS} == CONTRACT


@pytest.mark.parametrize("channel", list(Channel))
def test_every_channel_has_its_topic(channel: Channel) -> None:
    assert CHANNEL_TOPIC[channel] in TOPICS


def test_changes_of_trades_go_where_trades_go() -> None:
    assert len({CHANNEL_TOPIC[c] for c in (Channel.TRADES, Channel.CORRECTIONS, Channel.CANCEL_ERRORS)}) == 1


def test_symbols_land_in_the_same_partition_of_trades_quotes_and_bars() -> None:
    keyed = [t for t in TOPICS if t.key == "symbol" and t.partitions[0] > 1]
    assert {t.partitions for t in keyed} == {(6, 12)}


def test_the_prefix_stands_before_the_name_as_it_is() -> None:
    assert full_name(STATUS, "run7.") == "run7.torghut.status.v1"
    assert full_name(STATUS) == "torghut.status.v1"


def test_record_times_are_the_producers() -> None:
    assert {t.config()["message.timestamp.type"] for t in TOPICS} == {"CreateTime"}
    assert STATUS.config()["cleanup.policy"] == "compact,delete"


def test_the_job_writes_its_results_and_the_forwarder_the_rest() -> None:
    assert {t.name for t in TOPICS if t.writer is Role.TA} == {n for n in CONTRACT if ".ta." in n}


def test_a_channel_is_found_by_its_plain_name() -> None:
    assert {Channel.TRADES: 1}["trades"] == 1  # type: ignore[index]
