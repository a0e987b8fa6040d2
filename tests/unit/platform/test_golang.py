"""Building Go programs into the cache, with a stand-in for Go."""

from __future__ import annotations

from pathlib import Path

import pytest

from torghut.platform.errors import ArtifactError
from torghut.platform.golang import OwnMain, Program, ensure_module, ensure_program, program_path

PUBLISHED = Program("tool", "example.org/tool/cmd/tool", "v1.2.3")


def install_go(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `go` of these shell lines is the only one there is."""
    directory.mkdir()
    (directory / "go").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


@pytest.fixture
def own(tmp_path: Path) -> OwnMain:
    directory = tmp_path / "own"
    directory.mkdir()
    (directory / "main.go").write_text("package main")
    return OwnMain("own", directory)


def test_a_published_program_is_built_with_its_package_and_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_go(tmp_path / "bin", 'for word in "$@"; do last=$word; done; echo "$last" > "$GOBIN/tool"', monkeypatch)
    assert ensure_program(tmp_path / "cache", PUBLISHED).read_text() == "example.org/tool/cmd/tool@v1.2.3\n"


def test_a_program_in_the_cache_needs_no_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program_path(tmp_path, PUBLISHED)
    path.parent.mkdir()
    path.touch()
    monkeypatch.setenv("PATH", "")
    assert ensure_program(tmp_path, PUBLISHED) == path


def test_without_go_the_error_says_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ArtifactError, match="install Go"):
        ensure_program(tmp_path, PUBLISHED)


def test_a_failed_build_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_go(tmp_path / "bin", 'touch "$GOBIN/tool"; echo "no such module" >&2; exit 1', monkeypatch)
    with pytest.raises(ArtifactError, match="no such module"):
        ensure_program(tmp_path / "cache", PUBLISHED)
    assert list((tmp_path / "cache" / "bin").iterdir()) == []


def test_another_version_is_another_file_in_the_cache(tmp_path: Path) -> None:
    newer = Program(PUBLISHED.name, PUBLISHED.package, "v1.2.4")
    assert program_path(tmp_path, PUBLISHED) != program_path(tmp_path, newer)


def test_a_changed_main_package_is_another_file_in_the_cache(tmp_path: Path, own: OwnMain) -> None:
    before = program_path(tmp_path, own)
    (own.directory / "main.go").write_text("package main // changed")
    assert program_path(tmp_path, own) != before


def test_a_main_package_is_built_where_it_stands(tmp_path: Path, own: OwnMain, monkeypatch: pytest.MonkeyPatch) -> None:
    install_go(
        tmp_path / "bin",
        'while [ "$1" != -o ]; do shift; done; cp main.go "$2"',
        monkeypatch,
    )
    assert ensure_program(tmp_path / "cache", own).read_text() == "package main"


def test_a_module_is_where_go_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_go(tmp_path / "bin", """echo '{"Path": "example.org/x", "Dir": "/modules/x"}'""", monkeypatch)
    assert ensure_module("example.org/x", "v1.0.0") == Path("/modules/x")
