from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torghut.ta.bars import Partial, Print
from torghut.ta.conditions import US_EQUITIES, Moves, conditions_of, in_array, in_json_text
from torghut.ta.errors import UnknownFeedError

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * 10**9


NOON, EVENING = at("2024-08-08T12:00"), at("2024-08-08T18:00")
E, R, V, N = Moves.EVERYTHING, Moves.RANGE, Moves.VOLUME, Moves.NOTHING


@pytest.mark.parametrize(
    ("conditions", "tape", "when", "moves"),
    [
        (None, "A", NOON, E),
        ([], "A", NOON, E),
        (["@"], "C", NOON, E),
        (["@", "F", "X", "??"], "C", NOON, E),
        *[([code], "A", NOON, V) for code in "ICNRHV7U"],
        *[([code], "B", NOON, R) for code in "PZ4"],
        *[([code], "C", NOON, N) for code in "MQ9"],
        (["B"], "A", NOON, V),
        (["B"], "B", NOON, V),
        (["B"], "C", NOON, E),
        (["W"], "C", NOON, V),
        (["W"], "A", NOON, E),
        (["B"], None, NOON, E),
        (["T"], "A", NOON, V),
        (["T"], "A", EVENING, E),
        (["T"], "A", at("2024-08-08T09:29:59"), E),
        (["T"], "A", at("2024-08-08T09:30"), V),
        (["T"], "A", at("2024-08-08T16:00"), E),
        (["T"], "A", at("2024-11-29T12:59:59"), V),
        (["T"], "A", at("2024-11-29T13:00"), E),
        (["@", "T", "I"], "C", EVENING, V),
        (["P", "I"], "A", NOON, V),
        (["I", "P"], "A", NOON, V),
        (["Z", "M", "I"], "A", NOON, N),
    ],
)
def test_the_most_restrictive_condition_decides(
    conditions: list[str] | None, tape: str | None, when: int, moves: Moves
) -> None:
    assert conditions_of("sip").moves(conditions, tape, when) is moves


def test_crypto_has_no_conditions() -> None:
    assert conditions_of("crypto").moves(["I"], "A", NOON) is Moves.EVERYTHING
    assert conditions_of("crypto").moves_sql(in_json_text("c")) == "3"


@pytest.mark.parametrize("feed", ["sip", "iex", "delayed_sip", "test"])
def test_every_equity_feed_has_the_same_table(feed: str) -> None:
    assert conditions_of(feed).rules == US_EQUITIES


def test_an_unknown_feed_is_refused_by_name() -> None:
    with pytest.raises(UnknownFeedError, match="nasdaq"):
        conditions_of("nasdaq")


def test_the_array_form_of_the_sql_asks_for_each_code_once() -> None:
    text = conditions_of("sip").moves_sql(in_array("c"))
    assert all(text.count(f"ARRAY_CONTAINS(c, '{rule.code}')") == 1 for rule in US_EQUITIES)


Decide = Callable[[list[str] | None, str | None, int], int]
TABLE = conditions_of("sip")


def sql(expression: str) -> Decide:
    base = sqlite3.connect(":memory:")
    base.execute("PRAGMA case_sensitive_like = ON")
    base.create_function("MOD", 2, lambda a, b: a % b, deterministic=True)
    query = f"SELECT {expression} FROM (SELECT ? AS c, ? AS z, ? AS event_ts)"  # noqa: S608 - the text under test

    def decide(conditions: list[str] | None, tape: str | None, when: int) -> int:
        text = None if conditions is None else json.dumps(conditions, separators=(",", ":"))
        return int(base.execute(query, (text, tape, when)).fetchone()[0])

    return decide


@pytest.fixture(scope="module")
def in_sql() -> Decide:
    return sql(TABLE.moves_sql(in_json_text("c")))


@pytest.fixture(scope="module")
def in_two_steps() -> Decide:
    """The short SQL, and the rest in Python on the groups."""
    short = sql(TABLE.moves_sql(in_json_text("c"), event_ts=None))
    extended = sql(TABLE.extended_hours_sql(in_json_text("c")))

    def decide(conditions: list[str] | None, tape: str | None, when: int) -> int:
        moves = Moves(short(conditions, tape, when))
        part = Partial.from_print(Print(when, 1, 5, 5, when), moves)
        if extended(conditions, tape, when):
            part = part.limited(TABLE.extended_hours_moves(when // 10**9))
        return 3 if part.ends else 2 if part.range else part.n

    return decide


def test_sql_knows_the_half_days(in_sql: Decide) -> None:
    half_past_one = at("2024-11-29T13:30")
    assert in_sql(["T"], "A", half_past_one) == E
    assert in_sql(["T"], "A", half_past_one - 3_600 * 10**9) == V


codes = st.sampled_from([rule.code for rule in US_EQUITIES] + ["@", "F", "i", " ", "", '"', "II", '"I"'])


@settings(max_examples=500)
@given(
    conditions=st.none() | st.lists(codes, max_size=4),
    tape=st.sampled_from(["A", "B", "C", "N", "AB", "", None]),
    when=st.integers(at("2000-01-02T00:00"), at("2040-12-30T00:00")),
)
def test_sql_and_python_decide_alike(in_sql: Decide, conditions: list[str] | None, tape: str | None, when: int) -> None:
    assert in_sql(conditions, tape, when) == conditions_of("sip").moves(conditions, tape, when)


@settings(max_examples=500)
@given(
    conditions=st.none() | st.lists(codes, max_size=4),
    tape=st.sampled_from(["A", "B", "C", None]),
    when=st.integers(at("2000-01-02T00:00"), at("2040-12-30T00:00")),
)
def test_short_sql_with_its_second_step_decides_alike(
    in_two_steps: Decide, conditions: list[str] | None, tape: str | None, when: int
) -> None:
    assert in_two_steps(conditions, tape, when) == TABLE.moves(conditions, tape, when)


def test_short_sql_stays_short() -> None:
    assert len(TABLE.moves_sql(in_json_text("c"), event_ts=None)) < 1000


@pytest.mark.parametrize("day", ["2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04", "2031-03-10"])
@pytest.mark.parametrize("time", ["09:29:59", "09:30:00", "15:59:59", "16:00:00"])
def test_sql_knows_daylight_saving_at_the_edges_of_the_regular_session(in_sql: Decide, day: str, time: str) -> None:
    moment = at(f"{day}T{time}")
    assert in_sql(["T"], "A", moment) == conditions_of("sip").moves(["T"], "A", moment)
    assert in_sql(["T"], "A", moment) == (V if "09:30" <= time < "16" else E)
