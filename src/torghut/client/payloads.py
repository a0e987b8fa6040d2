"""Payloads as typed values."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from torghut.wire import envelope as e
from torghut.wire.topics import Channel

Payload: TypeAlias = (
    e.Trade | e.Correction | e.CancelError | e.Quote | e.Bar | e.TradingStatus | e.Luld | e.MicroBar | e.Signal
)

_KINDS: Final[dict[Channel, type]] = {
    Channel.TRADES: e.Trade,
    Channel.CORRECTIONS: e.Correction,
    Channel.CANCEL_ERRORS: e.CancelError,
    Channel.QUOTES: e.Quote,
    Channel.BARS: e.Bar,
    Channel.UPDATED_BARS: e.Bar,
    Channel.STATUSES: e.TradingStatus,
    Channel.LULDS: e.Luld,
    Channel.TA_BARS: e.MicroBar,
    Channel.TA_SIGNALS: e.Signal,
}
_DECODERS: Final[dict[Channel, msgspec.json.Decoder[Payload]]] = {
    channel: msgspec.json.Decoder(kind) for channel, kind in _KINDS.items()
}


def payload_of(envelope: e.Envelope) -> Payload:
    """The payload as the type of its channel; keys that the type does not know are left out.

    Raises:
        msgspec.ValidationError: it is not of its channel's shape.
    """
    return _DECODERS[envelope.channel].decode(envelope.payload)
