"""When Kafka's certificates end: that of the broker as it shows it, and that of the CA that we trust."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509

from torghut.config import KafkaSettings

_EVERY_S: Final = 600.0
_RETRY_S: Final = 10.0
_TIMEOUT_S: Final = 5.0


async def watch_certificates(kafka: KafkaSettings, found: dict[str, float]) -> None:
    """Keep `found` (name to seconds since the epoch) current, until cancelled. Nothing to do where there is no TLS."""
    if not kafka.security_protocol.endswith("SSL"):
        return
    while True:
        try:
            found |= ca_end(kafka.ca_file) | await _broker_end(kafka)
            pause_s = _EVERY_S
        except (OSError, ValueError, TimeoutError):
            pause_s = _RETRY_S  # the strip says that Kafka does not answer
        await asyncio.sleep(pause_s)


def ca_end(file: Path | None) -> dict[str, float]:
    """The CA's end, from its PEM file."""
    if file is None:
        return {}
    return {"ca": x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()}


async def _broker_end(kafka: KafkaSettings) -> dict[str, float]:
    host, _, port = kafka.bootstrap_servers.partition(",")[0].rpartition(":")
    context = ssl.create_default_context(cafile=str(kafka.ca_file) if kafka.ca_file else None)
    async with asyncio.timeout(_TIMEOUT_S):
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    return {"broker": x509.load_der_x509_certificate(shown).not_valid_after_utc.timestamp()}
