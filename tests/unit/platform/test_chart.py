from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from torghut.platform import chart
from torghut.platform.chart import axe_file, chart_file, fetch_chart
from torghut.platform.errors import ArtifactError

PINS = Path(chart.__file__).with_name("pins") / "page"


def _npm(folder: Path, script: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_npm_the_reason_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArtifactError, match=r"install Node\.js"):
        fetch_chart(tmp_path / "cache")


def test_what_npm_says_is_told_and_nothing_half_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _npm(tmp_path / "bin", "mkdir node_modules; echo no route to the registry >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(ArtifactError, match="no route to the registry"):
        fetch_chart(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert chart_file(tmp_path / "cache") is None


def test_what_is_there_needs_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = (chart._CHART, chart._AXE)
    script = "\n".join(f"mkdir -p $(dirname {file}) && touch {file}" for file in files)
    _npm(tmp_path / "bin", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    fetch_chart(tmp_path / "cache")
    monkeypatch.setenv("PATH", "/nowhere")
    fetch_chart(tmp_path / "cache")
    assert chart_file(tmp_path / "cache") is not None
    assert axe_file(tmp_path / "cache") is not None


def test_every_package_is_pinned_by_its_hash_and_no_host_is_named() -> None:
    lock = msgspec.json.decode((PINS / "package-lock.json").read_bytes())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "http" not in (PINS / "package-lock.json").read_text()
