"""Playing a drill: steady state, break, detect, mend by the public command, recover, restore, audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from torghut.drills.drill import Drill, DrillResult, StepTime
from torghut.drills.errors import DrillError
from torghut.drills.meter import SilenceMeter
from torghut.drills.scene import OPEN, Scene
from torghut.ops.report import RunReport
from torghut.ops.witness import Testimony
from torghut.platform.waiting import wait_until
from torghut.stack.home import Home
from torghut.stack.running import RunningStack
from torghut.targets.local.witness import LocalWitness
from torghut.wire import topics

_STEADY_S: Final = 180.0
_DETECT_S: Final = 120.0
_RECOVER_S: Final = 180.0

Report = Callable[[str], None]


def play(drill: Drill, home: Home, report: Report) -> DrillResult:
    """Play one drill on the running stack of `home`. Whatever goes wrong is its result, and the stack is put back.

    Raises:
        DrillError: it could not begin: the stack is not steady.
    """
    with TemporaryDirectory(prefix="torghut-drill-", dir=home.root) as folder:
        scene = Scene(home, Path(folder))
        wait_steady(scene.stack)
        begun_ns, played = time.time_ns(), _Played(drill, scene, report)
        with SilenceMeter(*_output(scene.stack)) as meter:
            try:
                with played.counting_against():
                    played.play()
            finally:
                with played.counting_against():
                    played.put_back()
        gap_ms = meter.longest_ms(scene.pauses())
        with played.counting_against():
            played.audit(begun_ns)
        return played.result(gap_ms, _output(scene.stack)[1])


def is_steady(stack: RunningStack) -> bool:
    """Whether everything that should run is ready and the forwarder has nothing to complain of."""
    return stack.document().ready and Scene(stack.home, stack.home.root).forwarder_reason() == "ok"


def wait_steady(stack: RunningStack) -> None:
    """Wait for that.

    Raises:
        DrillError: it does not come to that.
    """
    try:
        wait_until(lambda: is_steady(stack), _STEADY_S, "the stack to be ready and the forwarder to be ok", 0.2)
    except TimeoutError as error:
        raise DrillError(f"{error}; see `torghut status`") from error


class _Played:
    """One drill as it goes."""

    def __init__(self, drill: Drill, scene: Scene, report: Report) -> None:
        self._drill, self._scene, self._report = drill, scene, report
        self._detected_s: float | None = None
        self._detected_by = ""
        self._recovered_s: float | None = None
        self._run: RunReport | None = None
        self._why = ""
        self._audit: Testimony | None = None

    @contextmanager
    def counting_against(self) -> Iterator[None]:
        """Whatever goes wrong in the block makes the drill bad; what went wrong first is told."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a drill breaks things: the next one is to be played all the same
            self._report(f"{self._drill.name} / {self._drill.cause}: {error}")
            self._why = self._why or str(error) or type(error).__name__

    def play(self) -> None:
        drill, scene = self._drill, self._scene
        self._report(f"{drill.name} / {drill.cause}: breaking it")
        drill.make(scene)
        begun = time.monotonic()
        self._detected_by = wait_until(lambda: drill.detected(scene), _DETECT_S, "the condition to be detected")
        self._detected_s = time.monotonic() - begun
        self._report(f"detected after {self._detected_s:.1f} s: {self._detected_by}")
        planned = is_steady(scene.stack)
        pool = ThreadPoolExecutor(1)  # it recovers while the procedure still proves that it did
        recovery = pool.submit(_recovery, scene.stack)
        spoken, self._run = scene.runbook(drill.command(scene))
        self._report(f"the procedure ended with {spoken.code}: {spoken.stderr.strip().splitlines()[-1:]}")
        at_s = _recovery(scene.stack) if planned else recovery.result()
        pool.shutdown(wait=False)
        if at_s is not None:
            self._recovered_s = at_s - begun
        self._why = drill.judge(scene, spoken.code) or ""
        if at_s is None:
            self._why = self._why or "the stack did not come back; see `torghut status`"

    def put_back(self) -> None:
        """As it was found: no run that is open, no condition."""
        try:
            if self._run is not None and self._run.phase in OPEN:
                self._scene.close(self._run.id)
        finally:
            self._drill.restore(self._scene)
        wait_steady(self._scene.stack)

    def audit(self, since_ns: int) -> None:
        self._report("auditing")
        self._audit = LocalWitness(self._scene.home).testify(since_ns)

    def result(self, gap_ms: float | None, gap_of: str) -> DrillResult:
        audit = self._audit or Testimony(False, "not audited")
        lost, doubled = audit.figures.get("lost"), audit.figures.get("duplicated")
        why = self._why or ("" if audit.ok else audit.what)
        return DrillResult(
            name=self._drill.name,
            cause=self._drill.cause,
            verdict="bad" if why else "ok",
            detected_s=_rounded(self._detected_s),
            detected_by=self._detected_by,
            recovered_s=_rounded(self._recovered_s),
            max_gap_ms=_rounded(gap_ms),
            gap_of=gap_of,
            lost=None if lost is None else int(lost),
            duplicated=None if doubled is None else int(doubled),
            stand_ins=self._drill.stand_ins,
            steps=tuple(StepTime(s.name, s.outcome, round(s.seconds, 1)) for s in self._run.steps) if self._run else (),
            run=self._run.id if self._run else "",
            why=why,
        )


def _recovery(stack: RunningStack) -> float | None:
    """When it is steady again, on the monotonic clock; None when it does not come to that."""
    try:
        wait_steady(stack)
    except DrillError:
        return None
    return time.monotonic()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _output(stack: RunningStack) -> tuple[dict[str, object], str]:
    """Whose silence counts: final signals, or trades in a stack without the job."""
    document, kafka = stack.document(), stack.kafka("audit")
    topic = topics.TRADES if document.flink is None else topics.TA_SIGNALS
    return kafka.client(), topics.full_name(topic, kafka.topic_prefix)
