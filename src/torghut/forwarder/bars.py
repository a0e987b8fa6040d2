"""Minute bars from history: history has one bar a minute, the last word; the stream had a bar and perhaps an update.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torghut.feed.messages import Message, message_from_envelope
from torghut.wire.topics import Channel


def unknown_bars(history: Iterable[Message], known: Iterable[Message], *, updates: bool) -> Iterator[Message]:
    """What history's bars add to the bars and updated bars that are known (in Kafka, or delivered just now).

    A bar of a minute that is not known stands as a bar, even if its update is known: whether it was updated since,
    history does not say, and its first values are gone. One that differs from the known bar is that bar's update.

    Args:
        history: bars.
        known: bars and updated bars; others are ignored.
        updates: whether updated bars are subscribed to. If not, updates are left out.
    """
    minutes: set[tuple[str, int]] = set()
    versions: set[tuple[str, int | None]] = set()
    for message in known:
        if message.channel is Channel.BARS:
            minutes.add((message.symbol, message.event_ts))
        if message.channel in {Channel.BARS, Channel.UPDATED_BARS}:
            versions.add((message.symbol, _as_update(message).identity))
    for bar in history:
        update = _as_update(bar)
        if (bar.symbol, bar.event_ts) not in minutes:
            yield bar
        elif updates and (bar.symbol, update.identity) not in versions:
            yield update


def _as_update(bar: Message) -> Message:
    """The same values as an updated bar: its identity is the time and the values."""
    return message_from_envelope(Channel.UPDATED_BARS, bar.symbol, bar.event_ts, bar.payload)
