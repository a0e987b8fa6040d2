from __future__ import annotations

import subprocess
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


def clone_of(origin: Path, directory: Path) -> Repository:
    subprocess.run(["git", "clone", "--quiet", str(origin), str(directory)], check=True, capture_output=True)
    return Repository(directory)


def change(repository: Repository, name: str, content: str) -> None:
    (repository.directory / name).write_text(content)
    repository.commit((name,), f"{name} is {content}")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository that others push to as well, with one commit."""
    change(Repository.make(tmp_path / "first"), "file", "one")
    bare = tmp_path / "origin.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(tmp_path / "first"), str(bare)], check=True)
    return bare


def test_what_is_published_stands_on_what_others_pushed(origin: Path, tmp_path: Path) -> None:
    ours, theirs = clone_of(origin, tmp_path / "ours"), clone_of(origin, tmp_path / "theirs")
    change(theirs, "their-file", "theirs")
    theirs.publish()
    change(ours, "our-file", "ours")
    ours.publish()
    messages = [commit.message for commit in clone_of(origin, tmp_path / "seen").log()]
    assert messages == ["our-file is ours", "their-file is theirs", "file is one"]


def test_two_changes_of_the_same_lines_are_refused_and_ours_stays_committed(origin: Path, tmp_path: Path) -> None:
    ours, theirs = clone_of(origin, tmp_path / "ours"), clone_of(origin, tmp_path / "theirs")
    change(theirs, "file", "theirs")
    theirs.publish()
    change(ours, "file", "ours")
    with pytest.raises(GitError, match="bring both together"):
        ours.publish()
    assert ours.content("file") == b"ours"


def test_a_repository_without_an_upstream_is_not_published(tmp_path: Path) -> None:
    alone = Repository.make(tmp_path)
    change(alone, "file", "one")
    alone.refresh()
    alone.publish()
    assert len(alone.log()) == 1
