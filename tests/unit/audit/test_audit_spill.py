"""Rows in buckets come out as they went in, wherever they were meanwhile."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from torghut.audit.model import TruthEvent
from torghut.audit.spill import BUCKETS, Spill


@given(places=st.lists(st.integers(0, 300), max_size=60), memory_bytes=st.integers(0, 3000), batch=st.integers(1, 5))
def test_each_bucket_gives_its_rows_in_the_order_in_which_they_came(
    places: list[int], memory_bytes: int, batch: int
) -> None:
    with TemporaryDirectory() as name:
        spill = Spill(TruthEvent, Path(name), memory_bytes=memory_bytes, batch=batch)
        rows = [TruthEvent("trades", "sip", "A", number, place, 0, b"{}") for number, place in enumerate(places)]
        numbers = [spill.add(row, row.place) for row in rows]
        for number in range(BUCKETS):
            expected = [row for row, bucket in zip(rows, numbers, strict=True) if bucket == number]
            assert list(spill.rows(number)) == list(spill.rows(number)) == expected


def test_what_outgrows_memory_goes_to_files(tmp_path: Path) -> None:
    spill = Spill(TruthEvent, tmp_path, memory_bytes=100, batch=2)
    for number in range(20):
        spill.add(TruthEvent("trades", "sip", "A", number, 5, 0, b"{}"), 5)
    assert [path.name for path in tmp_path.iterdir()] == ["truthevent-005"]
