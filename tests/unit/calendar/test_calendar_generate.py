"""The generated days are those that the library knows now."""

from __future__ import annotations

from pathlib import Path

import pytest

from torghut.calendar import generate


def test_the_generated_module_is_current() -> None:
    assert generate.main(["--check"]) == 0


def test_a_module_that_is_not_current_is_found_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "TARGET", tmp_path / "days.py")
    assert generate.main(["--check"]) == 1
    assert "python -m torghut.calendar.generate" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
