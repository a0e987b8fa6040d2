"""JSON Schemas of every topic, generated from the types in `wire`.

`python -m torghut.wire.schemas` writes `schemas/<topic>.json`; `--check` exits 1 when a file is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from torghut.wire import envelope as e
from torghut.wire import topics as t
from torghut.wire.status import ForwarderStatus, TaStatus

_ENVELOPED: Final[dict[t.Topic, dict[t.Channel, type]]] = {
    t.TRADES: {
        t.Channel.TRADES: e.Trade,
        t.Channel.CORRECTIONS: e.Correction,
        t.Channel.CANCEL_ERRORS: e.CancelError,
    },
    t.QUOTES: {t.Channel.QUOTES: e.Quote},
    t.BARS_1M: {t.Channel.BARS: e.Bar, t.Channel.UPDATED_BARS: e.Bar},
    t.MARKET_STATUS: {t.Channel.STATUSES: e.TradingStatus, t.Channel.LULDS: e.Luld},
    t.TA_BARS_1S: {t.Channel.TA_BARS: e.MicroBar},
    t.TA_SIGNALS: {t.Channel.TA_SIGNALS: e.Signal},
    t.TA_PROVISIONAL: {t.Channel.TA_BARS: e.MicroBar, t.Channel.TA_SIGNALS: e.Signal},
}
_PLAIN: Final[dict[t.Topic, type]] = {
    t.STATUS: ForwarderStatus,
    t.TA_STATUS: TaStatus,
    t.DLQ: e.DeadLetter,
}
_REF: Final = "#/$defs/{name}"


def topic_schema(topic: t.Topic) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the topic's record values."""
    if topic in _PLAIN:
        body, defs = _schema(_PLAIN[topic])
    else:
        by_channel = _ENVELOPED[topic]
        body, defs = _schema(e.Envelope)
        variants = []
        for channel, payload in by_channel.items():
            reference, payload_defs = _schema(payload)
            defs |= payload_defs
            variants.append({"properties": {"channel": {"const": channel.value}, "payload": reference}})
        body = {"allOf": [body, {"oneOf": variants}]}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": topic.name,
        "description": f"{topic.holds}; key: {topic.key}",
    }
    return {**head, **body, "$defs": dict(sorted(defs.items()))}


def _schema(kind: type) -> tuple[dict[str, Any], dict[str, Any]]:
    (reference,), defs = msgspec.json.schema_components([kind], ref_template=_REF)
    return reference, defs


def rendered() -> dict[str, bytes]:
    """File name to content, for every topic."""
    return {
        f"{topic.name}.json": msgspec.json.format(msgspec.json.encode(topic_schema(topic)), indent=2) + b"\n"
        for topic in t.TOPICS
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` only compare them."""
    folder = Path("schemas")
    files = rendered()
    if "--check" in arguments:
        found = {path.name: path.read_bytes() for path in folder.glob("*.json")}
        stale = sorted(name for name in files.keys() | found.keys() if files.get(name) != found.get(name))
        if stale:
            sys.stderr.write(f"schemas/ is not current ({', '.join(stale)}): run `make schemas`\n")
        return 1 if stale else 0
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
