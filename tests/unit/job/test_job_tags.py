from __future__ import annotations

from pathlib import Path

import pytest

from torghut.job.tags import TagError, Tags


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "source" / "torghut"
    (package / "job" / "__pycache__").mkdir(parents=True)
    (package / "job" / "main.py").write_text("first = 1\n")
    (package / "job" / "__pycache__" / "main.pyc").write_text("junk")
    return package


def test_a_tag_holds_the_package_and_the_script_that_flink_runs(tmp_path: Path, package: Path) -> None:
    tags = Tags(tmp_path / "tags")
    tags.install("v1", package)
    assert (tags.code("v1") / "torghut" / "job" / "main.py").read_text() == "first = 1\n"
    assert "torghut.job.main" in tags.script("v1").read_text()
    assert not list(tags.code("v1").rglob("__pycache__"))
    assert tags.installed() == ["v1"]


def test_a_tag_stays_as_it_was_made(tmp_path: Path, package: Path) -> None:
    tags = Tags(tmp_path / "tags")
    made = tags.install("v1", package)
    (package / "job" / "main.py").write_text("second = 2\n")
    assert tags.install("v1", package) == made
    assert tags.install("v2", package) != made
    assert tags.installed() == ["v1", "v2"]


def test_a_changed_tag_is_refused(tmp_path: Path, package: Path) -> None:
    tags = Tags(tmp_path / "tags")
    tags.install("v1", package)
    file = tags.code("v1") / "torghut" / "job" / "main.py"
    file.chmod(0o644)
    file.write_text("other = 3\n")
    with pytest.raises(TagError, match="was changed after it was made"):
        tags.check("v1")


def test_bytecode_that_python_leaves_behind_is_no_change(tmp_path: Path, package: Path) -> None:
    tags = Tags(tmp_path / "tags")
    made = tags.install("v1", package)
    cache = tags.code("v1") / "torghut" / "__pycache__"
    cache.mkdir()
    (cache / "main.pyc").write_text("junk")
    assert tags.check("v1") == made


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a b", "x" * 65])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, package: Path, name: str) -> None:
    with pytest.raises(TagError, match="letters, digits"):
        Tags(tmp_path / "tags").install(name, package)


def test_a_missing_tag_is_named_with_those_that_are_there(tmp_path: Path, package: Path) -> None:
    tags = Tags(tmp_path / "tags")
    tags.install("v1", package)
    with pytest.raises(TagError, match="wanted one of v1"):
        tags.check("v2")


def test_a_tag_without_a_name_is_named_after_the_code(tmp_path: Path, package: Path) -> None:
    tags = Tags(tmp_path / "tags")
    first = tags.install(None, package)
    assert tags.install(None, package) == first
    (package / "job" / "main.py").write_text("second = 2\n")
    second = tags.install(None, package)
    assert tags.installed() == sorted([first.name, second.name])
    assert first.name != second.name
