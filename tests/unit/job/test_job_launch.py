from __future__ import annotations

import pytest

from torghut.job.launch import choose_state


class Snapshot:
    def __init__(self, uri: str) -> None:
        self.uri = uri


OWN, OLDER = [Snapshot("own-2"), Snapshot("own-1")], [Snapshot("older-2"), Snapshot("older-1")]


def test_a_crashed_submission_goes_on_from_its_own_newest_checkpoint() -> None:
    assert choose_state(OWN, [], "s3a://b/savepoints/asked") == "own-2"  # type: ignore[arg-type]  # only `uri` is read


@pytest.mark.parametrize(
    ("start_from", "state"), [("latest", "older-2"), ("none", None), ("s3a://b/savepoints/x", "s3a://b/savepoints/x")]
)
def test_a_new_submission_starts_from_what_it_asked_for(start_from: str, state: str | None) -> None:
    assert choose_state([], OLDER, start_from) == state  # type: ignore[arg-type]  # only `uri` is read


def test_the_latest_of_nothing_is_no_state() -> None:
    assert choose_state([], [], "latest") is None
