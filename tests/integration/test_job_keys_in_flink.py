"""Our copy of Flink's key assignment against Flink itself, in a JVM."""

from __future__ import annotations

import subprocess
from typing import Final

import msgspec
import pytest

from torghut.job.keys import KEY_GROUPS, SPREAD, key_of, subtask
from torghut.platform.artifacts import cache_directory
from torghut.stack.components import locate

PYTHON: Final = locate(cache_directory()).python
ASK: Final = """
import json, sys
from pyflink.java_gateway import get_gateway
flink = get_gateway().jvm.org.apache.flink
assign = flink.runtime.state.KeyGroupRangeAssignment.assignKeyToParallelOperator
groups, asked = json.load(sys.stdin)
answers = []
for key, parallelism in asked:
    row = flink.types.Row(1)
    row.setField(0, key)
    answers.append(assign(row, groups, parallelism))
print(json.dumps(answers))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_flink_gives_each_partition_to_the_subtask_that_we_think_it_does() -> None:
    asked = [(key_of(partition), parallelism) for partition in range(SPREAD + 4) for parallelism in (1, 2, 3, 5, 12)]
    answer = subprocess.run(
        [PYTHON, "-c", ASK],
        input=msgspec.json.encode((KEY_GROUPS, asked)),
        capture_output=True,
        check=True,
        timeout=280,
    )
    assert msgspec.json.decode(answer.stdout.splitlines()[-1]) == [subtask(*one) for one in asked]
