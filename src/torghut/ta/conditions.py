"""Sale conditions: which print moves which field of a bar. The table is data, and all else is derived from it.

The four outcomes are nested (what moves open and close also moves high and low; what moves those also counts to
volume), so a print's outcome is one number, and "the most restrictive condition wins" is its minimum.

Sources: Consolidated Tape Association, CTS and UTP plan participant input specifications (sale conditions and their
consolidated high/low/last and volume update rules), as Alpaca applies them to its bars; names after the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import lru_cache
from typing import Final

import msgspec

from torghut.ta.errors import UnknownFeedError
from torghut.ta.sessions import NS, SessionPlan, in_regular_session, regular_session_sql


class Moves(IntEnum):
    """What a print moves. Each outcome includes the ones before it."""

    NOTHING = 0
    VOLUME = 1
    """`v n vwap` and `first_ts last_ts`."""
    RANGE = 2
    """also `h l`."""
    EVERYTHING = 3
    """also `o c`."""


class Rule(msgspec.Struct, frozen=True):
    """One condition. `tapes`: applies on these tapes only (empty: on all).

    `in_regular_session`: restricts prints of the regular session only.
    """

    code: str
    name: str
    moves: Moves
    tapes: tuple[str, ...] = ()
    in_regular_session: bool = False


US_EQUITIES: Final = (
    Rule("I", "odd lot", Moves.VOLUME),
    Rule("B", "average price", Moves.VOLUME, tapes=("A", "B")),  # on tape C: bunched, ordinary
    Rule("W", "average price", Moves.VOLUME, tapes=("C",)),
    Rule("C", "cash", Moves.VOLUME),
    Rule("N", "next day", Moves.VOLUME),
    Rule("R", "seller", Moves.VOLUME),
    Rule("H", "price variation", Moves.VOLUME),
    Rule("V", "contingent", Moves.VOLUME),
    Rule("7", "qualified contingent", Moves.VOLUME),
    Rule("U", "extended hours, sold out of sequence", Moves.VOLUME),
    Rule("P", "prior reference price", Moves.RANGE),
    Rule("Z", "sold out of sequence", Moves.RANGE),
    Rule("4", "derivatively priced", Moves.RANGE),
    Rule("T", "extended hours (form T)", Moves.VOLUME, in_regular_session=True),
    Rule("M", "market center official close", Moves.NOTHING),
    Rule("Q", "market center official open", Moves.NOTHING),
    Rule("9", "corrected consolidated close", Moves.NOTHING),
)


def in_json_text(column: str) -> Callable[[str], str]:
    """SQL test for a code in a column with the conditions' JSON text, like `["@","I"]`.

    Flink's JSON format gives just that for an array read into a STRING column; a LIKE of this form is a plain
    substring search there, far cheaper than array functions.
    """
    return lambda code: f"{column} LIKE '%\"{code}\"%'"


def in_array(column: str) -> Callable[[str], str]:
    """SQL test for a code in a column of type ARRAY<STRING> (Flink)."""
    return lambda code: f"ARRAY_CONTAINS({column}, '{code}')"


class ConditionTable:
    """The rules of one kind of feed, for Python (`moves`) and for SQL (`moves_sql`)."""

    def __init__(self, rules: Iterable[Rule], plan: SessionPlan) -> None:
        self.rules: Final = tuple(rules)
        self.plan: Final = plan
        self._by_code: Final[dict[str, tuple[Rule, ...]]] = {}
        for rule in self.rules:
            self._by_code[rule.code] = (*self._by_code.get(rule.code, ()), rule)

    def moves(self, conditions: Iterable[str] | None, tape: str | None, event_ts: int) -> Moves:
        """What a print with these conditions moves; `event_ts` in ns. Codes that are not listed restrict nothing."""
        outcome = Moves.EVERYTHING
        for code in conditions or ():
            for rule in self._by_code.get(code, ()):
                if rule.moves < outcome and self._applies(rule, tape, event_ts):
                    outcome = rule.moves
        return outcome

    def _applies(self, rule: Rule, tape: str | None, event_ts: int) -> bool:
        if rule.tapes and tape not in rule.tapes:
            return False
        return not rule.in_regular_session or in_regular_session(self.plan, event_ts // NS)

    def extended_hours_moves(self, second: int) -> Moves:
        """What a print with an extended-hours condition (form T) and no other moves in that second."""
        restricts = any(rule.in_regular_session for rule in self.rules) and in_regular_session(self.plan, second)
        return Moves.VOLUME if restricts else Moves.EVERYTHING

    def moves_sql(self, has: Callable[[str], str], tape: str = "z", event_ts: str | None = "event_ts") -> str:
        """The same decision as a SQL expression of type INT: `Moves` as its number.

        `has` renders the test for one code (`in_json_text`, `in_array`); `tape` and `event_ts` (BIGINT ns) are
        columns. The column behind `has` may be NULL. Standard SQL with `CASE`, `LIKE` and `MOD`.

        The times of regular trading make it a long text. Without `event_ts` it is short, and leaves out the rules of
        the regular session: then group prints also by `extended_hours_sql`, and cut down the group where that is
        true with `Partial.limited(extended_hours_moves(second))`.
        """
        rules = [rule for rule in self.rules if event_ts is not None or not rule.in_regular_session]
        if not rules:
            return str(int(Moves.EVERYTHING))
        branches = [
            f"WHEN {' OR '.join(_test_sql(rule, has, tape, event_ts) for rule in same)} THEN {int(moves)}"
            for moves in Moves
            if (same := [rule for rule in rules if rule.moves is moves])
        ]
        return f"CASE {' '.join(branches)} ELSE {int(Moves.EVERYTHING)} END"

    def extended_hours_sql(self, has: Callable[[str], str]) -> str:
        """A SQL expression of type BOOLEAN, never NULL: the print carries an extended-hours condition."""
        tests = [has(rule.code) for rule in self.rules if rule.in_regular_session]
        return f"COALESCE({' OR '.join(tests)}, FALSE)" if tests else "FALSE"


def _test_sql(rule: Rule, has: Callable[[str], str], tape: str, event_ts: str | None) -> str:
    tests = [has(rule.code)]
    if rule.tapes:
        tests.append(f"{tape} IN ({', '.join(repr(t) for t in rule.tapes)})")
    if rule.in_regular_session and event_ts is not None:
        tests.append(regular_session_sql(event_ts))
    return tests[0] if len(tests) == 1 else f"({' AND '.join(tests)})"


_EQUITY_FEEDS: Final = frozenset({"sip", "iex", "delayed_sip", "test"})


@lru_cache(maxsize=16)
def conditions_of(feed: str) -> ConditionTable:
    """The table of a feed (`ALPACA_FEED`). Crypto has no conditions.

    Raises:
        UnknownFeedError: no rules are known for it.
    """
    if feed == "crypto":
        return ConditionTable((), "crypto")
    if feed in _EQUITY_FEEDS:
        return ConditionTable(US_EQUITIES, "us_equities")
    raise UnknownFeedError(f"feed {feed!r}: wanted crypto or one of {sorted(_EQUITY_FEEDS)}; add its rules here")
