"""The job's own core against the independent recomputation: on made-up markets and on a real recording."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.audit_ta.market import START, Topics, cancel, correction, quote, trade

from torghut.audit.ta.terms import Terms
from torghut.job.shard import Rules
from torghut.wire.times import parse_rfc3339

FILE = Path(__file__).parents[3].parent / "shared" / "data" / "crypto-2024-08-08" / "btc-eth-spot.ndjson.gz"
CONDITIONS = ["@", "I", "B", "W", "C", "N", "R", "H", "V", "7", "U", "P", "Z", "4", "T", "M", "Q", "9", "F"]


def market(seed: int, *, prints: int = 400, from_s: float = 0.0) -> Topics:
    """A market of three symbols with all sale conditions, lateness, corrections, cancels and pauses."""
    random, topics, at = Random(seed), Topics(), from_s
    for number in range(0, 10 * prints, 10):
        at += random.choice([0.0, 0.01, 0.2, 0.5, 1.5]) if random.random() < 0.98 else random.choice([5.0, 70.0])
        symbol = random.choice("ABC")
        late = random.choice([0.0, 0.0, 0.0, 0.3, 1.9, 9.0, 80.0])
        more: dict[str, Any] = {"z": random.choice("ABC"), "delay_s": 0.01 + late}
        if random.random() < 0.5:
            more["c"] = random.sample(CONDITIONS, random.randint(1, 2))
        price = random.choice([100 + random.randint(-500, 500) / 100, 0.0001, 99999.9999])
        topics.trades.append(trade(symbol, max(0.0, at - late), price, random.randint(1, 9999) / 7, number, **more))
        if random.random() < 0.1:
            old = 10 * random.randint(max(0, number // 10 - 30), number // 10)
            topics.trades.append(
                cancel(symbol, at, old) if random.random() < 0.5 else correction(symbol, at, old, 77.7)
            )
        for step in range(random.randint(0, 2)):
            back = random.choice([0.0, 0.0, 0.05, 1.0, 8.0])
            when, bid = max(0.0, at - back), random.randint(0, 999) / 10
            topics.quotes.append(quote(symbol, when, bid, number + step, delay_s=0.01 + back))
    return topics


def assert_agreed(topics: Topics, folder: Path, terms: Terms | None = None) -> None:
    result = topics.audit(folder, terms=terms)
    assert not result.bad, result.examples
    assert result.bars.expected
    assert result.bars.expected == result.bars.final == result.signals.expected


@pytest.mark.parametrize("seed", range(5))
def test_the_job_and_the_audit_agree_on_a_market_with_everything(seed: int, tmp_path: Path) -> None:
    assert_agreed(market(seed).written(seed=seed), tmp_path)


@pytest.mark.parametrize("hour", [1.5, 10.5, 10.79, 16.25, 22.7])
def test_they_agree_across_session_changes(hour: float, tmp_path: Path) -> None:
    # START is 17:13:20 in New York; 04:00, 09:30 and 16:00 are 10.78, 16.28 and 22.78 hours later.
    assert_agreed(market(7, from_s=hour * 3600).written(), tmp_path)


def test_they_agree_when_indicators_start_anew_with_each_session(tmp_path: Path) -> None:
    topics = market(3, prints=600, from_s=10.75 * 3600).written(rules=Rules(reset_on_session=True))
    assert_agreed(topics, tmp_path, Terms(reset_on_session=True))
    (tmp_path / "b").mkdir()
    assert topics.audit(tmp_path / "b").bad


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 30), st.floats(0.0, 3.0))
def test_they_agree_whatever_the_batches_and_the_jobs_delay(
    tmp_path_factory: pytest.TempPathFactory, seed: int, lag_s: float
) -> None:
    assert_agreed(market(seed, prints=80).written(seed=seed, lag_s=lag_s), tmp_path_factory.mktemp("audit"))


@pytest.mark.skipif(not FILE.is_file(), reason="the recording (shared/data/crypto-2024-08-08) is not here")
def test_they_agree_on_the_real_recording(tmp_path: Path) -> None:
    topics = Topics()
    with gzip.open(FILE, "rt") as lines:
        for seq, line in enumerate(lines):
            message = json.loads(line)["msg"]
            kind, symbol = message.pop("T"), message.pop("S")
            at = parse_rfc3339(message["t"])
            head = {"version": 1, "event_ts": at, "ingest_ts": at + 1000, "feed": "crypto", "symbol": symbol}
            rest = {"seq": seq, "session": "s", "source": "ws", "payload": message}
            channel = {"t": "trades", "q": "quotes"}[kind]
            (topics.trades if kind == "t" else topics.quotes).append(json.dumps({**head, "channel": channel, **rest}))
    assert_agreed(topics.written(), tmp_path)
    assert json.loads(topics.trades[0])["event_ts"] // 1_000_000_000 > START
