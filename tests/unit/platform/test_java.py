from __future__ import annotations

from pathlib import Path

import pytest

from torghut.platform.errors import JavaError
from torghut.platform.java import find_java, find_java_since, parse_version


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("command failed", None),
    ],
)
def test_the_version_is_read_from_the_banner(banner: str, version: int | None) -> None:
    assert parse_version(banner) == version


def test_no_java_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(JavaError, match=r"no `java` in PATH: install a JDK"):
        find_java({"PATH": str(tmp_path)})


def test_a_wrong_java_home_is_named(tmp_path: Path) -> None:
    with pytest.raises(JavaError, match="JAVA_HOME="):
        find_java({"JAVA_HOME": str(tmp_path)})


def test_an_old_java_is_named_with_its_version(tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    with pytest.raises(JavaError, match="is Java 11"):
        find_java({"JAVA_HOME": str(tmp_path)})


def fake_java(home: Path, version: int) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}.0.2\"' >&2\n")
    java.chmod(0o755)
    return java


def test_a_newer_java_is_found_beside_the_one_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{fake_java(tmp_path / 'path', 17).parent}:/usr/bin:/bin")
    newer = fake_java(tmp_path / "jvm" / "jdk-25", 25)
    assert find_java_since(21, tmp_path / "jvm") == newer


def test_without_a_newer_java_the_wanted_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{fake_java(tmp_path / 'path', 17).parent}:/usr/bin:/bin")
    with pytest.raises(JavaError, match="Java 21 or newer"):
        find_java_since(21, tmp_path / "none")
