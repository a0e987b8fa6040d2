"""Rows sorted into buckets, in memory while they are few and in files when they are many.

Both sides of a comparison are spread by the same number, so that a bucket holds all there is of an event on either
side, however late its record came. Then one bucket at a time fits into memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

BUCKETS: Final = 127
"""A prime: event times are multiples of milliseconds, seconds and minutes."""

MEMORY_BYTES: Final = 48 << 20

BATCH: Final = 128
"""Rows of a bucket that are encoded in one go, which is faster. So many rows at most wait in each bucket as objects."""

_LENGTH: Final = 4

RowT = TypeVar("RowT", bound=msgspec.Struct)


class Spill(Generic[RowT]):
    """Rows of one kind in buckets. When they outgrow `memory_bytes` they go to files in `folder`, which is not ours."""

    def __init__(self, kind: type[RowT], folder: Path, *, memory_bytes: int = MEMORY_BYTES, batch: int = BATCH) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]
        self._folder = folder
        self._name = kind.__name__.lower()
        self._limit = memory_bytes
        self._batch = batch
        self._held = 0
        self._newest: list[list[RowT]] = [[] for _ in range(BUCKETS)]
        self._buckets = [bytearray() for _ in range(BUCKETS)]

    def add(self, row: RowT, place: int) -> int:
        """Put the row into the bucket of `place`; returns the bucket's number."""
        number = place % BUCKETS
        newest = self._newest[number]
        newest.append(row)
        if len(newest) >= self._batch:
            self._pack(number)
        return number

    def _pack(self, number: int) -> None:
        encoded = self._encoder.encode(self._newest[number])
        self._newest[number].clear()
        bucket = self._buckets[number]
        bucket += len(encoded).to_bytes(_LENGTH, "little")
        bucket += encoded
        self._held += len(encoded) + _LENGTH
        if self._held > self._limit:
            self._flush()

    def _flush(self) -> None:
        for number, bucket in enumerate(self._buckets):
            if bucket:
                with self._file(number).open("ab") as file:
                    file.write(bucket)
                self._buckets[number] = bytearray()
        self._held = 0

    def _file(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number:03d}"

    def rows(self, number: int) -> Iterator[RowT]:
        """The rows of one bucket, in the order in which they were added."""
        path = self._file(number)
        if path.exists():
            yield from self._decode(path.read_bytes())
        yield from self._decode(bytes(self._buckets[number]))
        yield from self._newest[number]

    def _decode(self, data: bytes) -> Iterator[RowT]:
        decode, view, at = self._decoder.decode, memoryview(data), 0
        while at < len(data):
            start = at + _LENGTH
            at = start + int.from_bytes(view[at:start], "little")
            yield from decode(view[start:at])
