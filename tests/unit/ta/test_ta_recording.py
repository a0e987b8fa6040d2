"""A real recording through prints, quotes, bars and signals. Skipped where the recording is absent."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.unit.ta.series import applied

from torghut.ta.bars import Partial, Print
from torghut.ta.conditions import conditions_of
from torghut.ta.partial_forms import parse_row, to_row
from torghut.ta.quotes import Quote, QuoteBook
from torghut.ta.scaled import scaled
from torghut.ta.signals import SignalState
from torghut.ta.suite import Suite
from torghut.wire.times import parse_rfc3339

FILE = Path(__file__).parents[3].parent / "shared" / "data" / "crypto-2024-08-08" / "btc-eth-spot.ndjson.gz"

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the recording (shared/data/crypto-2024-08-08) is not here")


class Market(msgspec.Struct):
    """One symbol's prints (as partials, in arrival order) and quotes."""

    partials: list[Partial]
    quotes: list[Quote]


@pytest.fixture(scope="module")
def market() -> Market:
    found, table = Market([], []), conditions_of("crypto")
    with gzip.open(FILE, "rt") as lines:
        for seq, line in enumerate(lines):
            message = msgspec.json.decode(line)["msg"]
            if message["S"] != "BTC/USD":
                continue
            at = parse_rfc3339(message["t"])
            if message["T"] == "t":
                trade = Print(at, seq, scaled(message["p"]), scaled(message["s"]), at)
                found.partials.append(Partial.from_print(trade, table.moves(message.get("c"), message.get("z"), at)))
            elif message["T"] == "q":
                found.quotes.append(Quote(at, seq, *(float(message[key]) for key in ("bp", "ap", "bs", "as"))))
    return found


def signals(market: Market, seed: int) -> list[bytes]:
    """All finals as bytes, from prints in an order and batches of their own, over rows as SQL gives them."""
    random = Random(seed)
    seconds: defaultdict[int, list[Partial]] = defaultdict(list)
    for part in random.sample(market.partials, len(market.partials)):
        batch = seconds[part.second]
        if batch and random.random() < 0.7:
            batch[-1] = batch[-1].merge(part)
        else:
            batch.append(part)
    state, book, suite = SignalState(Suite("crypto")), QuoteBook(), Suite("crypto")
    for quote in market.quotes:
        book.apply(quote)
    found = []
    for second in sorted(seconds):
        whole = Partial.empty(second)
        for part in seconds[second]:
            whole = whole.merge(parse_row(to_row(part)))
        found.append(msgspec.json.encode(applied(state.apply(whole, book.as_of(second + 1)))))
        if random.random() < 0.02:
            state = SignalState.restore(state.snapshot(), suite)
    return found


def test_final_records_are_the_same_bytes_whatever_the_order_batching_and_restarts(market: Market) -> None:
    first = signals(market, seed=1)
    assert len(first) > 100
    assert signals(market, seed=2) == first
