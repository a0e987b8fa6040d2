"""`torghut tail SYMBOL`: what Kafka gets, as it gets it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from torghut.cli.times import parse_when
from torghut.wire.envelope import encode_envelope
from torghut.wire.topics import Channel

if TYPE_CHECKING:
    from torghut.client import Envelope, Gap

_COLUMNS: Final[dict[Channel, tuple[str, ...]]] = {
    Channel.TRADES: ("p", "s", "x", "i", "c"),
    Channel.CORRECTIONS: ("oi", "op", "os", "ci", "cp", "cs"),
    Channel.CANCEL_ERRORS: ("i", "p", "s", "a"),
    Channel.QUOTES: ("bp", "bs", "ap", "as", "bx", "ax"),
    Channel.BARS: ("o", "h", "l", "c", "v", "n", "vw"),
    Channel.UPDATED_BARS: ("o", "h", "l", "c", "v", "n", "vw"),
    Channel.STATUSES: ("sc", "sm", "rc", "rm"),
    Channel.LULDS: ("d", "u", "i"),
    Channel.TA_BARS: ("o", "h", "l", "c", "v", "n", "vwap"),
    Channel.TA_SIGNALS: ("close", "ema", "macd", "rsi14", "bollinger", "vwap", "realized_vol_60s"),
}


def tail(
    symbol: Annotated[str, typer.Argument(help="AAPL, BTC/USD, or * for all.")],
    *,
    channel: Annotated[
        list[Channel] | None,
        typer.Option(help="What to show; may be given more than once.", show_default="trades"),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Start in the past: 10s, 5m, or a time. [default: now]")] = None,
    number: Annotated[int | None, typer.Option("-n", min=1, help="Stop after so many records.")] = None,
    all_revisions: Annotated[
        bool, typer.Option("--all-revisions", help="Every revision of a TA record, not only the latest.")
    ] = False,
    topic_prefix: Annotated[
        str | None, typer.Option(envvar="TOPIC_PREFIX", help="Before every topic name.", show_default="the stack's")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One envelope a line on stdout; gaps go to stderr.")] = False,
) -> None:
    """Show a symbol's records live, until Ctrl-C. A jump of `seq` inside one session is shown as a gap.

    Of TA's windows the latest revision is shown.
    """
    from torghut.cli.connection import kafka_settings  # noqa: PLC0415 - keeps `--help` instant
    from torghut.client import Gap, Records  # noqa: PLC0415

    symbols = None if symbol == "*" else {symbol}
    shown = 0
    with Records(
        kafka_settings(topic_prefix),
        channel or [Channel.TRADES],
        symbols=symbols,
        since_ns=parse_when(since),
        revisions="all" if all_revisions else "latest",
    ) as records:
        try:
            for item in records:
                if isinstance(item, Gap):
                    _show_gap(item)
                    continue
                _show(item, as_json=as_json)
                shown += 1
                if shown == number:
                    break
        except KeyboardInterrupt:
            return  # how a tail ends


def _show(envelope: Envelope, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(encode_envelope(envelope).decode() + "\n")
    else:
        sys.stdout.write(line(envelope) + "\n")
    sys.stdout.flush()


def _show_gap(gap: Gap) -> None:
    sys.stderr.write(f"-- gap: {gap.missing} of {gap.channel} {gap.symbol} missing before seq {gap.seq}\n")
    sys.stderr.flush()


def line(envelope: Envelope) -> str:
    """An envelope in columns: time in UTC, delay, channel, symbol, and the values of its channel."""
    moment = datetime.fromtimestamp(envelope.event_ts // 1_000_000_000, UTC)
    time = f"{moment:%H:%M:%S}.{envelope.event_ts % 1_000_000_000 // 1000:06d}"
    payload = msgspec.json.decode(envelope.payload)
    values = "  ".join(
        f"{key} {_short(payload[key])}" for key in _COLUMNS[envelope.channel] if payload.get(key) is not None
    )
    marks = "" if envelope.source == "ws" else f"  [{envelope.source}]"
    marks += f"  rev {envelope.revision}" if envelope.revision else ""
    return f"{time}  {envelope.channel:<13} {envelope.symbol:<9} {values}{marks}"


def _short(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return "/".join(_short(item) for item in value.values())
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 100_000 else f"{value:.2f}"
    return "-" if value is None else str(value)


def register(app: typer.Typer) -> None:
    """Put the command on the application."""
    app.command()(tail)
