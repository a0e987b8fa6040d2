from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ops.world import Heads

from torghut.ops.errors import JournalError
from torghut.ops.journal import Head, Journal
from torghut.ops.redaction import Redactor
from torghut.ops.state import Event, Note


def journal(directory: Path, *secrets: str) -> Journal:
    redactor = Redactor()
    redactor.learn(secrets)
    return Journal(directory / "journal.jsonl", redactor)


def write(directory: Path, lines: int = 5) -> tuple[Journal, Heads]:
    made, anchor = journal(directory), Heads()
    for number in range(lines):
        made.append(Note("r", Event.ACTING, number, "somebody", "step", f"note {number}"))
    anchor.keep(made.head(), "end")
    return made, anchor


def test_what_was_written_is_read(tmp_path: Path) -> None:
    made, anchor = write(tmp_path)
    assert [note.what for note in made.notes()] == [f"note {number}" for number in range(5)]
    assert made.verify(anchor).lines == 5


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_changed_bit_is_found(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    made, anchor = write(tmp_path_factory.mktemp("journal"))
    content = bytearray(made.path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    made.path.write_bytes(content)
    with pytest.raises(JournalError):
        made.verify(anchor)


@pytest.mark.parametrize("removed", range(5))
def test_a_removed_line_is_found(tmp_path: Path, removed: int) -> None:
    made, anchor = write(tmp_path)
    lines = made.path.read_bytes().splitlines(keepends=True)
    made.path.write_bytes(b"".join(lines[:removed] + lines[removed + 1 :]))
    with pytest.raises(JournalError):
        made.verify(anchor)


def test_a_cut_at_the_end_is_found_by_the_anchor(tmp_path: Path) -> None:
    made, anchor = write(tmp_path)
    made.path.write_bytes(b"".join(made.path.read_bytes().splitlines(keepends=True)[:3]))
    with pytest.raises(JournalError, match="was cut: it has 3 lines, and 5 were there"):
        made.verify(anchor)


def test_a_rewrite_of_the_whole_is_found_by_the_anchor(tmp_path: Path) -> None:
    made, anchor = write(tmp_path)
    made.path.unlink()
    made.append(Note("r", Event.ACTING, 0, "nobody"))
    for number in range(4):
        made.append(Note("r", Event.ACTING, number, "nobody"))
    with pytest.raises(JournalError, match="was rewritten: line 5"):
        made.verify(anchor)


def test_a_line_that_its_writer_could_not_finish_is_dropped_by_the_next(tmp_path: Path) -> None:
    made, anchor = write(tmp_path)
    with made.path.open("ab") as file:
        file.write(b'{"n":6,"bef')
    assert made.verify(anchor).lines == 5
    made.append(Note("r", Event.FINISHED, 9, "somebody"))
    assert made.verify(anchor).lines == 6


def test_secrets_never_reach_the_file(tmp_path: Path) -> None:
    made = journal(tmp_path, 'pa"ss\\word', "c2VjcmV0")
    made.append(Note("r", Event.ACTING, 1, "somebody", what='it is pa"ss\\word', facts={"x": "c2VjcmV0"}))
    (note,) = made.notes()
    assert (note.what, note.facts) == ("it is ***", {"x": "***"})


def test_a_new_journal_has_no_lines(tmp_path: Path) -> None:
    assert journal(tmp_path).head() == Head(0, "0" * 64)


def test_a_disk_that_takes_a_line_in_parts_has_it_whole(tmp_path: Path) -> None:
    made = Journal(tmp_path / "j", Redactor(), lambda descriptor, content: os.write(descriptor, content[:7]))
    made.append(Note("r", Event.ACTING, 1, "somebody", "step", "a note"))
    assert [note.what for note in made.notes()] == ["a note"]


def test_a_full_disk_is_told_and_what_it_took_of_the_line_is_no_note(tmp_path: Path) -> None:
    room = [60]

    def nearly_full(descriptor: int, content: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken, room[0] = os.write(descriptor, content[: room[0]]), 0
        return taken

    with pytest.raises(JournalError, match="No space left on device"):
        Journal(tmp_path / "j", Redactor(), nearly_full).append(Note("r", Event.ACTING, 1, "somebody", "step", "lost"))
    after = Journal(tmp_path / "j", Redactor())
    after.append(Note("r", Event.ACTING, 2, "somebody", "step", "kept"))
    assert [note.what for note in after.notes()] == ["kept"]
