"""Cutting JSON text without re-encoding it: elements of an array, members of an object, a message less some keys.

The contract promises payloads as received, byte for byte. A decoder gives values, not places in the text, so the
places are found here. Only structure is looked at; whether an element is valid JSON is for its decoder to say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|["\[\]{},]', re.DOTALL)
_KEY: Final = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:', re.DOTALL)
_SPACE: Final = b" \t\r\n"


def elements(text: bytes) -> list[bytes]:
    """The elements of a JSON array, without the space around them.

    Raises:
        ValueError: the text is not one array with balanced brackets and strings.
    """
    return list(_split(text, b"[", b"]"))


def without(text: bytes, keys: Collection[str]) -> bytes:
    """The text of a JSON object less the top-level members named `keys`, however they are written.

    The other members stay byte for byte and in their order.

    Raises:
        ValueError: the text is not one object with balanced brackets and strings.
    """
    kept = [member for member in _split(text, b"{", b"}") if _key(member) not in keys]
    return b"{" + b",".join(kept) + b"}"


def _key(member: bytes) -> str:
    match = _KEY.match(member)
    if match is None:
        raise ValueError("an object's member has no key")
    return msgspec.json.decode(match[1], type=str)


def _split(text: bytes, opening: bytes, closing: bytes) -> Iterator[bytes]:
    """The parts between commas of the outermost brackets."""
    text = text.strip(_SPACE)
    if text[:1] != opening or text[-1:] != closing:
        raise ValueError(f"wanted {opening.decode()} ... {closing.decode()}")
    start, end = 1, len(text) - 1
    depth = 0
    for token in _TOKEN.finditer(text, start, end):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
        elif mark == b"," and depth == 0:
            yield text[start : token.start()].strip(_SPACE)
            start = token.end()
        if depth < 0 or mark == b'"':
            raise ValueError("brackets or quotes are not balanced")
    if depth:
        raise ValueError("brackets are not balanced")
    last = text[start:end].strip(_SPACE)
    if last or start > 1:
        yield last
