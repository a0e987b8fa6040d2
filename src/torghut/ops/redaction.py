"""Taking secrets out of text: the last line of defence behind code that never writes them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

MARK = "***"
_SHORTEST = 6
"""Shorter ones are ordinary words by chance; no key or password here is that short."""


class Redactor:
    """Replaces every known secret, also in base64 and in the escapes of URLs and JSON, by `***`."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()

    def learn(self, secrets: Iterable[str]) -> None:
        """Know these secrets from now on."""
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        self._forms = tuple(sorted({*self._forms, *forms}, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            text = text.replace(form, MARK)
        return text


def _forms(secret: str) -> tuple[str, ...]:
    encoded = b64encode(secret.encode()).decode()
    escaped = secret.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return secret, secret.strip(), encoded, encoded.rstrip("="), quote(secret, safe=""), escaped
