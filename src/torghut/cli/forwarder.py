"""`torghut forwarder`: one instance in the foreground, configured by the environment."""

from __future__ import annotations


def forwarder() -> None:
    """Forward one Alpaca feed to Kafka, every event exactly once. Configured by environment variables.

    Needed: ALPACA_KEY_ID, ALPACA_SECRET_KEY, SYMBOLS, KAFKA_BOOTSTRAP_SERVERS, KAFKA_USERNAME, KAFKA_PASSWORD. Any of
    them can come from a file named by NAME_FILE instead. SIGHUP reads SYMBOLS_FILE again, SIGTERM flushes and leaves.
    All variables: docs/forwarder.md.
    """
    import uvloop  # noqa: PLC0415 - keeps `--help` instant

    from torghut.forwarder.main import run  # noqa: PLC0415

    uvloop.run(run())
