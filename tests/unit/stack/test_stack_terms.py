"""By which terms a span is audited whose job was submitted anew within it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from torghut.audit.ta.terms import Terms
from torghut.stack.desired import Desired, Settings, TaSubmission, change_desired
from torghut.stack.home import Home
from torghut.stack.terms import terms_since
from torghut.wire.times import NS_PER_S


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def submit(home: Home, at_s: int, monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """The job wanted with these variables, committed in that second."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{at_s} +0000")
    submission = TaSubmission(id=f"one-{at_s}", tag="first", start_from="none", variables=variables)
    change_desired(home, lambda now: msgspec.structs.replace(now, settings=Settings(ta=submission)))
    amended = ["git", "-C", str(home.desired.parent), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*amended, "commit", "--quiet", "--amend", "--no-edit"], check=True)


@pytest.fixture
def changed(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Submitted at 1,000, 2,000 and 3,000 s."""
    submit(home, 1_000, monkeypatch, TA_WATERMARK_MS="500")
    submit(home, 2_000, monkeypatch)
    submit(home, 3_000, monkeypatch, TA_WATERMARK_MS="6000", TA_IDLE_TIMEOUT_MS="8000")
    return home


def test_a_span_without_a_change_has_the_terms_that_were_in_force(changed: Home) -> None:
    terms = terms_since(changed, 3_001 * NS_PER_S)
    assert (terms.watermark_ms, terms.least_watermark_ms) == (6000, 6000)


def test_a_span_with_a_change_has_the_terms_of_before_and_after(changed: Home) -> None:
    terms = terms_since(changed, 2_500 * NS_PER_S)
    assert (terms.watermark_ms, terms.least_watermark_ms) == (6000, 2000)
    assert (terms.idle_ms, terms.least_idle_ms) == (30_000, 8_000)


def test_the_whole_history_has_the_terms_of_all(changed: Home) -> None:
    assert terms_since(changed, 0).least_bound_ns == 500_000_000


def test_what_the_environment_says_goes_first(changed: Home) -> None:
    terms = terms_since(changed, 0, {"TA_WATERMARK_MS": "100"})
    assert (terms.watermark_ms, terms.least_watermark_ms) == (100, 100)


def test_a_home_without_a_job_has_the_defaults(home: Home) -> None:
    assert terms_since(home, 0).bound_ns == Terms().bound_ns
    change_desired(home, lambda _: Desired())
    assert terms_since(home, 0).bound_ns == Terms().bound_ns
