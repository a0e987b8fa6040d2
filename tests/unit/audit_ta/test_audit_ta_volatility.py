from __future__ import annotations

from random import Random

from tests.unit.audit_ta.market import NS, START

from torghut.audit.ta.bars import Print, bars_of
from torghut.audit.ta.conditions import marks
from torghut.audit.ta.indicators import signals_of


def volatility(seed: int) -> list[float | None]:
    """Of a symbol that trades now and then, and after two minutes at one price only."""
    random, second, prints = Random(seed), 0, list[Print]()
    price = random.choice((20.0, 70.0, 300.0))
    while second < 400:
        second += random.randint(1, 12)
        if second < 120:
            price = round(price + random.choice((-0.01, 0.01, 0.02, -0.05, 0.3)), 2)
        at = (START + second) * NS
        prints.append(Print(at, second, round(price * 1e9), NS, marks("A", ()), at))
    return signals_of(bars_of(prints, crypto=False)).get_column("realized_vol_60s").to_list()


def test_what_a_rolling_sum_leaves_below_zero_is_no_undefined_volatility() -> None:
    values = volatility(seed=40)
    assert all(value is None or value >= 0 for value in values)
