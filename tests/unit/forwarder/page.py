"""The table of variables in docs/forwarder.md, from the settings classes.

`python -m tests.unit.forwarder.page` writes it anew; a test says when that is due.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from torghut.config import AlpacaKeys, AlpacaSettings, KafkaSettings, Settings, Symbols
from torghut.forwarder.settings import ForwarderSettings

PAGE: Final = Path(__file__).parents[3] / "docs" / "forwarder.md"
GENERATED: Final = ("<!-- variables: generated -->\n", "<!-- end of variables -->\n")
GROUPS: Final[tuple[type[Settings], ...]] = (AlpacaKeys, AlpacaSettings, Symbols, KafkaSettings, ForwarderSettings)
ELSEWHERE: Final = {
    "INSTANCE": "the host's name",
    "KAFKA_USERNAME": "needed with SASL",
    "KAFKA_PASSWORD": "needed with SASL",
}

MEANING: Final = {
    "ALPACA_KEY_ID": "who we are to Alpaca; read again for every login and request",
    "ALPACA_SECRET_KEY": "its secret",
    "ALPACA_FEED": "which feed; `test` and `crypto` never close",
    "ALPACA_STREAM_URL": "where the stream is",
    "ALPACA_DATA_URL": "where history is",
    "CHANNELS": "what to subscribe to; corrections and cancels come with trades",
    "SYMBOLS": "of what; read again on SIGHUP. With `*`, only symbols that were seen are repaired",
    "KAFKA_BOOTSTRAP_SERVERS": "where Kafka is",
    "KAFKA_SECURITY_PROTOCOL": "how to talk to it",
    "KAFKA_SASL_MECHANISM": "how to log in",
    "KAFKA_USERNAME": "as whom",
    "KAFKA_PASSWORD": "read again after every failure",
    "KAFKA_CA_FILE": "whom to trust; the system's authorities if not set",
    "TOPIC_PREFIX": "stands before every topic name as it is",
    "INSTANCE": "key of its status records, part of its sessions' names",
    "RECONNECT_BASE_MS": "the first delay between connections; doubles, with jitter",
    "RECONNECT_MAX_MS": "the longest delay",
    "STALE_AFTER_S": "a connection mute for longer, when data is due, is ended",
    "MARKET_CALENDAR": "when data is due",
    "DEDUP_WINDOW_S": "how long an identity is remembered",
    "DEDUP_CAPACITY": "how many identities are remembered at most",
    "REPAIR_MAX_S": "how old a gap may be to be repaired, and how far back changes of trades are looked for",
    "QUEUE_MAX_RECORDS": "records that wait for Kafka, and events held during a repair, at most; then reading stops",
    "KAFKA_LINGER_MS": "how long a record may wait for others to share its request",
    "KAFKA_DELIVERY_TIMEOUT_MS": "a record not acknowledged in this time ends the generation",
    "LEASE_TTL_S": "how long a holder that hangs keeps the lease",
    "LEASE_FILE": "where instances of one account meet; the terms are files beside it",
    "LEASE_NAME": "where they meet in a cluster, instead of the file; the pod may read and patch it",
    "HEALTH_HOST": "who may ask for health and metrics",
    "HEALTH_PORT": "`/livez` and `/readyz`; 0 is any free port",
    "METRICS_PORT": "`/metrics`; may be the same port",
    "LOG_LEVEL": "what is logged",
    "LOG_FORMAT": "lines for programs or for people",
}


def rendered() -> str:
    """The table in Markdown."""
    rows = [
        f"| `{field.alias}` | {_default(field)} | {field.description} | {MEANING[str(field.alias)]} |"
        for group in GROUPS
        for field in group.model_fields.values()
    ]
    return "\n".join(["| variable | default | value | meaning |", "|---|---|---|---|", *rows])


def _default(field: FieldInfo) -> str:
    if str(field.alias) in ELSEWHERE:
        return ELSEWHERE[str(field.alias)]
    value = field.default
    if value is PydanticUndefined:
        return "**needed**"
    if value is None or value == "":
        return "none"
    return f"`{','.join(value) if isinstance(value, tuple) else value}`"


def main() -> None:
    begin, end = GENERATED
    before, _, rest = PAGE.read_text().partition(begin)
    PAGE.write_text(f"{before}{begin}\n{rendered()}\n\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
