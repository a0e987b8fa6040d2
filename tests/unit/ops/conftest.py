from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests kill processes, not machines: waiting for the disk would only make them slow."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
