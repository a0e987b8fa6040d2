from __future__ import annotations

from pathlib import Path

import pytest

from torghut.platform.errors import GitError
from torghut.platform.git import Repository


def test_every_change_is_a_commit_and_the_same_again_is_none(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path)
    for content in ("one", "two", "two"):
        (tmp_path / "file").write_text(content)
        repository.commit(("file",), f"now {content}")
    assert [commit.message for commit in repository.log()] == ["now two", "now one"]
    assert repository.contents("file") == (b"one", b"two")


def test_a_file_that_was_never_committed_has_no_content(tmp_path: Path) -> None:
    assert Repository.make(tmp_path).content("file") is None


def test_the_user_s_own_hooks_and_configuration_play_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    repository = Repository.make(tmp_path)
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / "file").write_text("one")
    repository.commit(("file",), "in spite of the hook")
    assert len(repository.log()) == 1


def test_a_lock_that_a_killed_writer_left_does_not_stop_the_next(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path)
    (tmp_path / "file").write_text("one")
    (tmp_path / ".git" / "index.lock").touch()
    repository.commit(("file",), "after a kill")
    assert len(repository.log()) == 1


def test_what_git_refuses_is_said(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path)
    with pytest.raises(GitError, match="git add in"):
        repository._git("add", "--", "no-such-file")
