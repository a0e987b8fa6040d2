from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from torghut.platform import artifacts
from torghut.platform.artifacts import (
    JarSet,
    cache_directory,
    damaged_files,
    explain_maven,
    fetch_jars,
    parse_checksums,
)
from torghut.platform.errors import ArtifactError

CONTENT = b"a jar"
PINNED = {"one.jar": hashlib.sha256(CONTENT).hexdigest()}


@pytest.fixture
def jars(tmp_path: Path) -> JarSet:
    return JarSet("test", tmp_path / "test.pom.xml", PINNED)


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Maven that copies `one.jar` from its repository, which it fills from a source; returns that source."""
    source, tools = tmp_path / "source.jar", tmp_path / "bin"
    tools.mkdir()
    script = tools / "mvn"
    script.write_text(
        "#!/bin/sh\n"
        f'echo called >> "{tmp_path}/calls"\n'
        'for word in "$@"; do case "$word" in\n'
        "  -DoutputDirectory=*) out=${word#*=} ;;\n"
        "  -Dmaven.repo.local=*) repository=${word#*=} ;;\n"
        "esac; done\n"
        'mkdir -p "$out" "$repository"\n'
        f'test -f "$repository/one.jar" || cp "{source}" "$repository/one.jar" || exit 1\n'
        'cp "$repository/one.jar" "$out/one.jar"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    source.write_bytes(CONTENT)
    return source


def _calls(tmp_path: Path) -> int:
    calls = tmp_path / "calls"
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def test_a_set_is_fetched_once_and_then_works_without_maven(jars: JarSet, maven: Path, tmp_path: Path) -> None:
    directory = fetch_jars(jars, tmp_path / "cache")
    assert (directory / "one.jar").read_bytes() == CONTENT
    maven.unlink()
    assert fetch_jars(jars, tmp_path / "cache") == directory
    assert _calls(tmp_path) == 1


@pytest.mark.usefixtures("maven")
def test_a_damaged_file_in_the_cache_is_fetched_again(jars: JarSet, tmp_path: Path) -> None:
    directory = fetch_jars(jars, tmp_path / "cache")
    (directory / "one.jar").write_bytes(CONTENT[:2])
    lines: list[str] = []
    fetch_jars(jars, tmp_path / "cache", lines.append)
    assert (directory / "one.jar").read_bytes() == CONTENT
    assert any("damaged" in line for line in lines)


@pytest.mark.usefixtures("maven")
def test_a_half_downloaded_file_in_the_repository_is_fetched_again(jars: JarSet, tmp_path: Path) -> None:
    repository = tmp_path / "cache" / "maven"
    repository.mkdir(parents=True)
    (repository / "one.jar").write_bytes(CONTENT[:3])
    assert (fetch_jars(jars, tmp_path / "cache") / "one.jar").read_bytes() == CONTENT
    assert _calls(tmp_path) == 2


def test_a_file_that_stays_wrong_is_named_and_nothing_is_kept(jars: JarSet, maven: Path, tmp_path: Path) -> None:
    maven.write_bytes(b"another jar")
    with pytest.raises(ArtifactError, match=r"one\.jar .* is not the pinned file"):
        fetch_jars(jars, tmp_path / "cache")
    assert list((tmp_path / "cache" / "jars").iterdir()) == []


def test_without_maven_the_error_says_to_install_it(
    jars: JarSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArtifactError, match="install `mvn`"):
        fetch_jars(jars, tmp_path / "cache")


def test_a_changed_pin_is_another_directory(jars: JarSet, tmp_path: Path) -> None:
    other = JarSet("test", jars.pom, {"one.jar": "0" * 64})
    assert other.directory(tmp_path) != jars.directory(tmp_path)


def test_a_missing_file_counts_as_damaged(tmp_path: Path) -> None:
    assert damaged_files(tmp_path, PINNED) == ["one.jar"]


def test_checksums_are_read_as_sha256sum_writes_them() -> None:
    assert parse_checksums("aa  one.jar\nbb *two.jar\n\n") == {"one.jar": "aa", "two.jar": "bb"}


def test_the_committed_pins_name_the_broker() -> None:
    pinned = JarSet.pinned("kafka")
    assert pinned.pom.is_file()
    assert "kafka_2.13-4.2.2.jar" in pinned.checksums
    assert all(len(checksum) == 64 for checksum in pinned.checksums.values())


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("[ERROR] java.io.IOException: No space left on device", "disk"),
        ("[ERROR] Could not transfer artifact x: repo: Temporary failure in name resolution", "no network"),
        ("[ERROR] Could not find artifact org:x:jar:1 in central", "does not have"),
        ("[INFO] fine\n[ERROR] something else", "something else"),
        ("", "no output"),
    ],
)
def test_maven_s_failure_becomes_a_sentence(said: str, sentence: str) -> None:
    assert sentence in explain_maven(said)


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    assert cache_directory({"TORGHUT_CACHE": str(tmp_path)}) == tmp_path
    assert cache_directory({}).parts[-2:] == (".cache", "torghut")


def test_the_deadline_of_a_download_is_an_error_that_says_to_try_again(
    jars: JarSet, maven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (maven.parent / "bin" / "mvn").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(artifacts, "MAVEN_DEADLINE_S", 0.2)
    with pytest.raises(ArtifactError, match="try again"):
        fetch_jars(jars, tmp_path / "cache")
