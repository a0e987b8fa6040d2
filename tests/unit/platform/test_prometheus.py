from __future__ import annotations

from pathlib import Path

import pytest

from torghut.platform.errors import ArtifactError
from torghut.platform.prometheus import ensure_prometheus, program


def test_one_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prometheus").write_text("#!/bin/sh\n")
    (tmp_path / "prometheus").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ensure_prometheus(tmp_path / "cache") == tmp_path / "prometheus"


def test_one_in_the_cache_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    unpacked = tmp_path / "prometheus" / "usr" / "bin" / "prometheus"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    assert ensure_prometheus(tmp_path) == unpacked
    assert program("promtool", tmp_path) is None


def test_without_apt_the_reason_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArtifactError, match="apt-get install prometheus"):
        ensure_prometheus(tmp_path / "cache")
