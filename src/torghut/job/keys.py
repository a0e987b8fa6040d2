"""Keys by which Flink spreads partitions evenly over subtasks.

Flink hashes a key into one of `KEY_GROUPS` groups and gives each subtask a run of groups. Plain numbers from 0 to 5
would put five of six partitions on one of two subtasks. So a partition's key is a number whose hash falls where the
partition belongs; the partition is its remainder. Keys name keyed state: another key is another state's version.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import Final

KEY_GROUPS: Final = 128
"""Flink's `pipeline.max-parallelism`. Part of every savepoint."""
SPREAD: Final = 48
"""Partitions from here on keep their number as key, wherever Flink's hash puts it."""

_STRIDE: Final = 1024
_32_BITS: Final = 0xFFFFFFFF
_TWELFTHS: Final = (0, 4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11)
"""Places of the first twelve: any first 3, 6 or 12 of them are evenly spaced."""


@cache
def key_of(partition: int) -> int:
    """The key of a partition."""
    if partition >= SPREAD:
        return partition
    group = _place(partition)
    return next(key for key in count(partition + _STRIDE, _STRIDE) if key_group(key) == group)


def partition_of(key: int) -> int:
    """The partition of a key."""
    return key % _STRIDE


def _place(partition: int) -> int:
    """The group that a partition belongs to: a twelfth; from the 13th on in the middle between those before it."""
    lap, number = divmod(partition, len(_TWELFTHS))
    return int((_TWELFTHS[number] + 0.125 + _van_der_corput(lap)) / len(_TWELFTHS) * KEY_GROUPS)


def _van_der_corput(number: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8, ...: each falls into the largest gap of those before it."""
    value, digit = 0.0, 0.5
    while number:
        number, bit = divmod(number, 2)
        value += bit * digit
        digit /= 2
    return value


def key_group(key: int) -> int:
    """Where Flink puts a row with this number alone: `KeyGroupRangeAssignment.assignToKeyGroup(Row.of(key), 128)`."""
    return _murmur(62 + key) % KEY_GROUPS


def subtask(key: int, parallelism: int) -> int:
    """Which of so many subtasks has the key: `KeyGroupRangeAssignment.computeOperatorIndexForKeyGroup`."""
    return key_group(key) * parallelism // KEY_GROUPS


def _murmur(code: int) -> int:
    """`MathUtils.murmurHash` of Flink: MurmurHash3 of one 32-bit word, made positive."""
    code = code * 0xCC9E2D51 & _32_BITS
    code = _rotated(code, 15) * 0x1B873593 & _32_BITS
    code = (_rotated(code, 13) * 5 + 0xE6546B64 & _32_BITS) ^ 4
    code = (code ^ code >> 16) * 0x85EBCA6B & _32_BITS
    code = (code ^ code >> 13) * 0xC2B2AE35 & _32_BITS
    code ^= code >> 16
    return code if code < 1 << 31 else -(code - (1 << 32)) & 0x7FFFFFFF


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> 32 - by) & _32_BITS
