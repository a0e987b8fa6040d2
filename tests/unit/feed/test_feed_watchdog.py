"""A mute connection is found; a quiet market, a closed one and a quiet channel are left alone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from torghut.calendar import ALWAYS_OPEN, NYSE, Calendar
from torghut.feed.subscription import Subscription
from torghut.feed.watchdog import Stale, Watchdog
from torghut.wire.times import NS_PER_S
from torghut.wire.topics import Channel

STALE_S = 15.0
ALL = Subscription.of(["trades", "quotes", "bars", "statuses", "lulds"], ["A"])
BOTH = Subscription.of(["trades", "quotes"], ["A"])


class Scene:
    """A watchdog, the clock on the wall in New York, and a monotonic one that started long ago."""

    def __init__(self, begin: str, state: Subscription = BOTH, calendar: Calendar = NYSE, feed: str = "sip") -> None:
        self.watchdog = Watchdog(calendar, STALE_S, feed)
        local = datetime.fromisoformat(begin).replace(tzinfo=ZoneInfo("America/New_York"))
        self.wall_s = int(local.timestamp())
        self.now = 100_000.0
        self.state = state
        self.found: list[tuple[float, Stale]] = []
        self.check()
        self.watchdog.subscribed(state, self.now)

    def check(self) -> Stale | None:
        return self.watchdog.check(self.wall_s * NS_PER_S, self.now)

    def run(self, seconds: int, every: dict[Channel, int] | None = None) -> list[Stale]:
        """Let time pass with data of a channel every so many seconds; reconnect at once whenever told to."""
        found = []
        for second in range(1, seconds + 1):
            self.now += 1
            self.wall_s += 1
            for channel, period in (every or {}).items():
                if second % period == 0:
                    self.watchdog.observed(channel, self.now)
            stale = self.check()
            if stale is not None:
                found.append(stale)
                self.watchdog.disconnected()
                self.watchdog.subscribed(self.state, self.now)
        return found


BUSY = {Channel.TRADES: 1, Channel.QUOTES: 1}
TUESDAY = "2026-11-24T11:00"


def test_a_flowing_connection_is_fine() -> None:
    assert Scene(TUESDAY).run(600, BUSY) == []


def test_a_connection_that_falls_mute_is_stale_after_the_limit() -> None:
    scene = Scene(TUESDAY)
    scene.run(60, BUSY)
    (stale,) = scene.run(16)
    assert stale == Stale(None, 16.0, 15.0)
    assert "no data for 16.0 s" in stale.detail


def test_every_time_a_dense_stream_falls_mute_it_is_found_as_fast() -> None:
    scene = Scene(TUESDAY)
    for _ in range(4):
        scene.run(60, BUSY)
        assert len(scene.run(16)) == 1


def test_a_connection_that_never_speaks_is_stale_too() -> None:
    assert len(Scene(TUESDAY).run(16)) == 1


def test_it_is_told_once_for_each_connection() -> None:
    scene = Scene(TUESDAY)
    scene.now += 100
    assert scene.check() is not None
    scene.now += 100
    assert scene.check() is None


@pytest.mark.parametrize(
    "begin",
    ["2026-11-22T11:00", "2026-11-26T11:00", "2026-11-24T21:00", "2026-11-24T02:00", "2026-11-27T18:00"],
    ids=["Sunday", "Thanksgiving", "night", "before four", "evening of a half day"],
)
def test_outside_trading_hours_nothing_is_stale(begin: str) -> None:
    assert Scene(begin).run(3600) == []


def test_silence_counts_from_the_opening_on() -> None:
    scene = Scene("2026-11-24T03:59")
    assert scene.run(60 + 119) == []
    assert len(scene.run(3)) == 1


def test_what_a_night_taught_is_not_held_for_normal() -> None:
    scene = Scene("2026-11-23T19:59")
    scene.run(8 * 3600 + 60)  # until 03:59
    scene.run(60, {Channel.QUOTES: 1})
    scene.run(5 * 3600 + 1800, {Channel.QUOTES: 5, Channel.TRADES: 30})  # until 09:30
    scene.run(60, BUSY)
    assert len(scene.run(16)) == 1


def test_in_extended_hours_little_is_expected() -> None:
    assert Scene("2026-11-24T05:00").run(3600, {Channel.QUOTES: 100}) == []


def test_crypto_is_watched_on_sundays() -> None:
    scene = Scene("2026-11-22T11:00", calendar=ALWAYS_OPEN, feed="crypto")
    scene.run(60, BUSY)
    assert len(scene.run(16)) == 1


def test_midnight_changes_nothing_for_crypto() -> None:
    scene = Scene("2026-11-21T18:59", calendar=ALWAYS_OPEN, feed="crypto")  # 23:59 UTC
    scene.run(59, BUSY)
    assert len(scene.run(16)) == 1


def test_delayed_data_keeps_hours_a_quarter_of_an_hour_later() -> None:
    assert Scene("2026-11-24T09:31", feed="delayed_sip").run(60) == []
    scene = Scene("2026-11-24T20:00", feed="delayed_sip")
    scene.run(14 * 60, BUSY)
    assert scene.run(30) == []  # extended hours, by the clock of the data
    assert scene.run(3600) == []


@pytest.mark.parametrize("channel", [Channel.STATUSES, Channel.LULDS, Channel.BARS])
def test_sparse_channels_alone_expect_nothing(channel: Channel) -> None:
    assert Scene(TUESDAY, Subscription.of([channel], ["A"])).run(3600) == []


def test_statuses_and_bands_are_not_missed_while_others_flow() -> None:
    assert Scene(TUESDAY, ALL).run(1800, BUSY) == []


def test_bars_are_missed_while_trades_flow() -> None:
    scene = Scene(TUESDAY, ALL)
    scene.run(300, {**BUSY, Channel.BARS: 60})
    (stale,) = scene.run(200, BUSY)
    assert stale.channel is Channel.BARS


def test_bars_are_not_missed_without_trades() -> None:
    scene = Scene(TUESDAY, ALL)
    scene.run(300, {**BUSY, Channel.BARS: 60})
    assert {s.channel for s in scene.run(1000, {Channel.QUOTES: 1})} == {Channel.TRADES}


def test_when_reconnects_do_not_help_they_become_rare() -> None:
    scene = Scene(TUESDAY)
    scene.run(300, BUSY)
    assert len(scene.run(3600)) <= 4 + 3600 / (16 * STALE_S)


def test_one_mute_channel_is_found_while_others_flow() -> None:
    scene = Scene(TUESDAY)
    scene.run(60, BUSY)
    assert scene.run(44, {Channel.QUOTES: 1}) == []
    assert [s.channel for s in scene.run(3, {Channel.QUOTES: 1})] == [Channel.TRADES]


def test_a_channel_that_is_quiet_by_itself_is_left_alone() -> None:
    scene = Scene(TUESDAY)
    assert scene.run(3600, {Channel.QUOTES: 1, Channel.TRADES: 200}) == []


def test_quiet_symbols_cost_a_few_reconnects_and_not_one_every_few_seconds() -> None:
    scene = Scene(TUESDAY)
    assert len(scene.run(3600, {Channel.QUOTES: 40})) <= 3


def test_the_gaps_of_a_stream_are_learned() -> None:
    scene = Scene(TUESDAY)
    scene.run(300, {Channel.QUOTES: 10})
    assert scene.run(30) == []
    assert len(scene.run(2)) == 1


def test_a_channel_that_is_added_later_starts_anew() -> None:
    scene = Scene(TUESDAY, Subscription.of(["quotes"], ["A"]))
    scene.run(600, {Channel.QUOTES: 1})
    scene.watchdog.subscribed(BOTH, scene.now)
    assert scene.run(200, {Channel.QUOTES: 1}) == []


def test_without_a_connection_nothing_is_stale() -> None:
    scene = Scene(TUESDAY)
    scene.watchdog.disconnected()
    scene.now += 1000
    assert scene.check() is None


def test_an_outage_of_ours_is_not_held_for_silence() -> None:
    scene = Scene(TUESDAY)
    scene.run(60, BUSY)
    scene.watchdog.disconnected()
    scene.now += 300
    scene.wall_s += 300
    scene.watchdog.subscribed(BOTH, scene.now)
    for _ in range(2):
        assert scene.run(10, BUSY) == []
        assert len(scene.run(16)) == 1
