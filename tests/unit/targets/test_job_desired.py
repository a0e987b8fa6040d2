from __future__ import annotations

import msgspec
import pytest

from torghut.ops.errors import RefusedError
from torghut.stack.desired import Desired, Settings, TaSubmission
from torghut.targets.local.desired import changed, flatten

JOB = TaSubmission("17", "v1", "latest", 1, 500, {"TA_REVISION_S": "60"})
STATE = Desired(settings=Settings(ta=JOB))


def job(state: Desired) -> TaSubmission:
    assert state.settings.ta is not None
    return state.settings.ta


def test_a_deployment_is_told_by_flat_names() -> None:
    flat = {name: value for name, value in flatten(STATE).items() if name.startswith("job.")}
    assert flat == {
        "job.tag": "v1",
        "job.parallelism": "1",
        "job.start_from": "latest",
        "job.submission": "17",
        "job.setting.TA_REVISION_S": "60",
    }


def test_what_was_told_makes_the_same_deployment_again() -> None:
    values = {name: value for name, value in flatten(STATE).items() if name.startswith("job.")}
    other = Desired(settings=Settings(ta=TaSubmission("18", "v2", "none", 3, 500, {})))
    assert job(changed(other, values)) == JOB


def test_a_setting_is_put_and_taken_away() -> None:
    put = changed(STATE, {"job.setting.TA_IDLE_TIMEOUT_MS": "2000"})
    assert job(put).variables == {"TA_REVISION_S": "60", "TA_IDLE_TIMEOUT_MS": "2000"}
    assert changed(put, {"job.setting.TA_IDLE_TIMEOUT_MS": ""}) == STATE


@pytest.mark.parametrize("state", [STATE, Desired()])
def test_a_name_that_no_job_has_is_refused(state: Desired) -> None:
    with pytest.raises(RefusedError, match=r"job\.colour is nothing"):
        changed(state, {"job.colour": "red"})


def test_without_a_job_nothing_can_be_deployed() -> None:
    with pytest.raises(RefusedError):
        changed(msgspec.structs.replace(STATE, settings=Settings()), {"job.tag": "v2"})
