from __future__ import annotations

from collections import Counter

import pytest

from torghut.job.keys import SPREAD, key_group, key_of, partition_of, subtask

FLINK: dict[int, int] = {
    0: 33,
    1: 44,
    2: 97,
    3: 104,
    4: 17,
    5: 17,
    6: 125,
    1024: 102,
    1025: 83,
    2048: 118,
    123456: 21,
}
"""What KeyGroupRangeAssignment.assignToKeyGroup(Row.of(key), 128) of Flink 2.3.0 gives (see test_job_keys_in_flink)."""


def test_the_hash_is_flink_s() -> None:
    assert {key: key_group(key) for key in FLINK} == FLINK


@pytest.mark.parametrize("partitions", [3, 6, 12])
def test_partitions_are_spread_over_any_number_of_subtasks_as_evenly_as_can_be(partitions: int) -> None:
    for parallelism in range(1, partitions + 1):
        load = Counter(subtask(key_of(partition), parallelism) for partition in range(partitions))
        assert len(load) == parallelism
        assert max(load.values()) - min(load.values()) <= 1


@pytest.mark.parametrize("partitions", range(1, SPREAD))
def test_other_numbers_of_partitions_are_spread_nearly_so(partitions: int) -> None:
    for parallelism in range(1, partitions + 1):
        load = Counter(subtask(key_of(partition), parallelism) for partition in range(partitions))
        assert max(load.values()) <= -(-partitions // parallelism) + 1


def test_a_key_tells_its_partition_and_belongs_to_no_other() -> None:
    keys = [key_of(partition) for partition in range(1000)]
    assert [partition_of(key) for key in keys] == list(range(1000))
    assert len(set(keys)) == 1000
