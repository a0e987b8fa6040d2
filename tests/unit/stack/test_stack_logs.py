from __future__ import annotations

from pathlib import Path

from torghut.stack.logs import bound, tail


def test_a_log_that_grew_is_moved_and_its_writer_goes_on_from_empty(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        bound(log, limit=50)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "kafka.log.1").read_bytes() == b"x" * 100


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_bytes(b"x")
    bound(log, limit=50)
    assert list(tmp_path.iterdir()) == [log]


def test_a_log_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    bound(tmp_path / "none.log")
    assert tail(tmp_path / "none.log") == []


def test_the_tail_is_the_last_lines_cut_to_a_width(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("\n".join(f"line {n} {'y' * 400}" for n in range(100)))
    found = tail(log, lines=2, width=10)
    assert found == ["line 98 yy", "line 99 yy"]
