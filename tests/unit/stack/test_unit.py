from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import pytest

from torghut.platform.errors import KafkaError
from torghut.stack.service import Answer, Service
from torghut.stack.unit import State, Unit, describe_exit


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeChild:
    """A child whose end the test decides. Its pid names no process, so that no signal goes anywhere."""

    pid: int = 2**22 + 1
    code: int | None = None

    def poll(self) -> int | None:
        return self.code


NOT_YET = Answer(False, "not yet")


@dataclass
class FakeProbe:
    answer: Answer = NOT_YET
    asked: int = 0

    def ask(self) -> Answer:
        self.asked += 1
        return self.answer


@dataclass
class Stage:
    """A unit with everything around it."""

    probe: FakeProbe = field(default_factory=FakeProbe)
    time: Time = field(default_factory=Time)
    children: list[FakeChild] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = Service("it", ("run",), {}, self.probe)
        self.unit = Unit(self.service, self.spawn, self.time)

    def spawn(self, _service: Service) -> FakeChild:
        self.children.append(FakeChild())
        return self.children[-1]

    def step(
        self, wanted: Service | None, generation: int = 0, blocked_by: str | None = None, after: float = 0
    ) -> State:
        self.time.now += after
        self.unit.step(wanted, generation, blocked_by)
        return self.unit.state

    def ready(self) -> None:
        self.probe.answer = Answer(True, "ok")
        self.step(self.service)
        assert self.step(self.service, after=1) is State.RUNNING


@pytest.fixture
def stage() -> Stage:
    assert not os.path.exists(f"/proc/{2**22 + 1}")  # noqa: PTH110 - beyond Linux's highest pid
    return Stage()


def test_a_unit_waits_for_what_it_depends_on(stage: Stage) -> None:
    assert stage.step(stage.service, blocked_by="waiting for kafka") is State.WAITING
    assert stage.unit.reason == "waiting for kafka"
    assert stage.children == []


def test_a_started_unit_is_ready_when_its_probe_says_so(stage: Stage) -> None:
    assert stage.step(stage.service) is State.STARTING
    assert stage.step(stage.service, after=1) is State.STARTING
    assert stage.unit.reason == "not yet"
    stage.probe.answer = Answer(True, "ok")
    assert stage.step(stage.service, after=1) is State.RUNNING
    assert stage.unit.ready
    assert stage.unit.ready_after_s == 2.0


def test_a_running_unit_that_stops_answering_is_not_ready_but_not_restarted(stage: Stage) -> None:
    stage.ready()
    stage.probe.answer = Answer(False, "kafka_unreachable")
    stage.step(stage.service, after=2)
    assert not stage.unit.ready
    assert stage.unit.reason == "kafka_unreachable"
    assert len(stage.children) == 1


def test_a_dead_process_is_started_again_after_a_delay(stage: Stage) -> None:
    stage.ready()
    stage.children[0].code = -9
    assert stage.step(stage.service) is State.BACKING_OFF
    assert stage.unit.reason == "ended by SIGKILL"
    assert stage.step(stage.service, after=1) is State.STARTING
    assert len(stage.children) == 2


def test_a_process_that_ended_by_itself_tells_why_until_it_is_ready_again(stage: Stage) -> None:
    stage.service = replace(stage.service, explain=lambda: "no such bucket")
    stage.step(stage.service)
    stage.children[0].code = 1
    stage.step(stage.service)
    assert stage.unit.reason == "ended with exit code 1: no such bucket"
    stage.step(stage.service, after=1)
    stage.step(stage.service, after=1)
    assert stage.unit.reason == "not yet (it ended with exit code 1: no such bucket)"
    stage.ready()
    assert stage.unit.reason == "ok"


def test_delays_grow_but_stay_bounded(stage: Stage) -> None:
    for _ in range(40):
        stage.step(stage.service, after=15.1)
        stage.children[-1].code = 1
        stage.step(stage.service)
    assert stage.unit.starts == 40


def test_a_dependency_that_dies_later_does_not_keep_a_unit_from_its_restart(stage: Stage) -> None:
    stage.ready()
    stage.children[0].code = 1
    stage.step(stage.service)
    assert stage.step(stage.service, blocked_by=None, after=1) is State.STARTING


def test_a_unit_that_is_not_wanted_is_stopped_and_stays_so(stage: Stage) -> None:
    stage.ready()
    assert stage.step(None) is State.STOPPING
    assert not stage.unit.ready
    stage.children[0].code = 0
    assert stage.step(None) is State.STOPPED
    assert stage.step(None, after=100) is State.STOPPED
    assert len(stage.children) == 1


def test_another_generation_restarts_once(stage: Stage) -> None:
    stage.ready()
    assert stage.step(stage.service, generation=1) is State.STOPPING
    stage.children[0].code = 0
    assert stage.step(stage.service, generation=1) is State.STARTING
    stage.step(stage.service, generation=1, after=1)
    assert len(stage.children) == 2


def test_a_changed_service_restarts_with_the_new_command(stage: Stage) -> None:
    stage.ready()
    other = Service("it", ("run", "--faster"), {}, stage.probe)
    assert stage.step(other) is State.STOPPING
    stage.children[0].code = 0
    stage.step(other)
    stage.step(other)
    assert stage.unit.service is other


def test_an_equal_service_is_no_change(stage: Stage) -> None:
    stage.ready()
    same = Service("it", ("run",), {}, stage.probe, prepare=lambda: None)
    assert stage.step(same, after=1) is State.RUNNING


def test_a_task_that_ended_well_is_done_and_not_repeated(stage: Stage) -> None:
    task = Service("task", ("run",), {}, None, once=True)
    stage.step(task)
    stage.children[0].code = 0
    assert stage.step(task) is State.DONE
    assert stage.unit.ready
    stage.step(task, after=100)
    assert len(stage.children) == 1


def test_a_task_that_failed_is_tried_again(stage: Stage) -> None:
    task = Service("task", ("run",), {}, None, once=True)
    stage.step(task)
    stage.children[0].code = 1
    assert stage.step(task) is State.BACKING_OFF
    assert stage.step(task, after=1) is State.STARTING


def test_what_cannot_be_prepared_is_tried_again_and_says_why(stage: Stage) -> None:
    def broken() -> None:
        raise KafkaError("no disk")

    service = Service("it", ("run",), {}, None, prepare=broken)
    assert stage.step(service) is State.BACKING_OFF
    assert stage.unit.reason == "could not be started: no disk"
    assert stage.children == []


def test_a_ready_probe_is_not_asked_at_every_step(stage: Stage) -> None:
    stage.ready()
    asked = stage.probe.asked
    for _ in range(9):
        stage.step(stage.service, after=0.1)
    assert stage.probe.asked <= asked + 1


@pytest.mark.parametrize(
    ("code", "words"), [(0, "ended with exit code 0"), (-9, "ended by SIGKILL"), (-200, "ended by signal 200")]
)
def test_an_exit_is_told_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
