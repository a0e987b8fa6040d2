"""Drills of the job's side: keys of the store, versions good and bad, the way back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from torghut.drills import versions
from torghut.drills.errors import DrillError
from torghut.drills.scene import Scene
from torghut.platform.waiting import wait_until
from torghut.runbooks.ports import Change
from torghut.stack.submission import job_status
from torghut.targets.local.target import ports

SIMULATOR: Final = ("Alpaca is the simulator",)
_BACK_S: Final = 300.0
_DEPLOYMENT: Final = "deployment"
_TAG: Final = "job.tag"
_SUBMISSION: Final = "job.submission"


def deployment(scene: Scene) -> dict[str, str]:
    """The values of the job's deployment."""
    return {name: value for name, value in ports(scene.home).desired.live().items() if name.startswith("job.")}


def remember(scene: Scene) -> dict[str, str]:
    """Keep the deployment for `go_back`.

    Raises:
        DrillError: there is none.
    """
    values = deployment(scene)
    if _TAG not in values:
        raise DrillError("this drill needs the job: `torghut ta submit`, then again")
    scene.notes[_DEPLOYMENT] = msgspec.json.encode(values).decode()
    return values


def remembered(scene: Scene) -> dict[str, str]:
    """The deployment that the drill found; empty when it did not come to that."""
    return msgspec.json.decode(scene.notes.get(_DEPLOYMENT, "{}"), type=dict[str, str])


def deploy(scene: Scene, values: Mapping[str, str], why: str) -> None:
    """Put values in force, if they are not, and wait until the job works with them."""
    target = ports(scene.home)
    now = deployment(scene)
    gone = {name: "" for name in now if name not in values and name.startswith("job.setting.")}
    if {**now, **values} != now or gone:
        target.desired.apply({**values, **gone}, Change(why, "drill"))

    def works() -> bool:
        health = target.job.health()
        return health.works and (health.version, health.submission) == (values[_TAG], values[_SUBMISSION])

    wait_until(works, _BACK_S, f"version {values[_TAG]} to work", 0.5)


def deploy_version(scene: Scene, tag: str) -> None:
    """Another version, from the newest state, and wait until it works."""
    # A name that was there before would go on from where that deployment was.
    values = {_TAG: tag, _SUBMISSION: f"{tag}-{time.time_ns() // 1_000_000}", "job.start_from": "latest"}
    deploy(scene, values, "a version for a drill")


def go_back(scene: Scene) -> None:
    """The deployment that the drill found, and none of the drill's versions."""
    if values := remembered(scene):
        deploy(scene, values, "the deployment before the drill")
    versions.remove(scene, scene.notes.get("tag", ""))


def _differs(scene: Scene, wanted: Mapping[str, str]) -> str | None:
    """What is not as it was before, None if all is."""
    now = deployment(scene)
    return None if now == wanted else f"the deployment was {wanted}, is {now}"


@dataclass(frozen=True)
class Upgrade:
    """Another version. A bad one must be taken back by the procedure itself."""

    cause: str
    added: Mapping[str, str]
    bad: bool = True
    name: str = "flink-upgrade"
    stand_ins: tuple[str, ...] = SIMULATOR

    def make(self, scene: Scene) -> None:
        """Build the version."""
        scene.notes["tag"] = versions.install(scene, self.cause, remember(scene)[_TAG], self.added)

    def detected(self, scene: Scene) -> str | None:  # noqa: ARG002 - the protocol's
        """Nothing is broken yet."""
        return "the calendar: a planned upgrade"

    def command(self, scene: Scene) -> tuple[str, ...]:
        """To that version."""
        return self.name, "--set", f"tag={scene.notes['tag']}"

    def judge(self, scene: Scene, code: int) -> str | None:
        """A good version runs; after a bad one all is as before."""
        if code != int(self.bad):
            return f"the procedure ended with {code}"
        if self.bad:
            return _differs(scene, remembered(scene))
        version = ports(scene.home).job.health().version
        return None if version == scene.notes["tag"] else f"version {version} runs"

    def restore(self, scene: Scene) -> None:
        """The version from before the drill."""
        go_back(scene)


@dataclass(frozen=True)
class GoBack:
    """A version that is not wanted any more; with `older` the way back starts from a savepoint before it."""

    cause: str
    older: bool
    name: str = "flink-rollback"
    stand_ins: tuple[str, ...] = SIMULATOR

    def make(self, scene: Scene) -> None:
        """Take a savepoint, and upgrade."""
        before = remember(scene)
        tag = scene.notes["tag"] = versions.install(scene, self.cause, before[_TAG], versions.PLAIN)
        scene.notes["savepoint"] = scene.torghut("ta", "savepoint").stdout.strip()
        deploy_version(scene, tag)

    def detected(self, scene: Scene) -> str | None:
        """Somebody does not like it."""
        return f"a decision: version {scene.notes['tag']} is not wanted"

    def command(self, scene: Scene) -> tuple[str, ...]:
        """To the former version."""
        return self.name, *(("--set", f"from={scene.notes['savepoint']}") if self.older else ())

    def judge(self, scene: Scene, code: int) -> str | None:
        """The former version runs."""
        version, wanted = ports(scene.home).job.health().version, remembered(scene)[_TAG]
        if code != 0:
            return f"the procedure ended with {code}"
        return None if version == wanted else f"version {version} runs, wanted {wanted}"

    def restore(self, scene: Scene) -> None:
        """The deployment from before the drill."""
        go_back(scene)


@dataclass(frozen=True)
class StoreKeys:
    """New keys of the store, in time or after somebody deleted the user of the job. They are as good as the old."""

    cause: str
    deleted: bool
    name: str = "minio-rotation"
    stand_ins: tuple[str, ...] = SIMULATOR
    _old: dict[str, str] = field(default_factory=dict, repr=False)

    def make(self, scene: Scene) -> None:
        """Remember the keys, and delete their user."""
        target = ports(scene.home)
        self._old.update(target.secrets.read("s3"))
        if self.deleted:
            target.store.remove(self._old["access_key"])

    def detected(self, scene: Scene) -> str | None:
        """The job's status says that checkpoints fail."""
        if not self.deleted:
            return "the calendar: a planned rotation"
        status = job_status(scene.home)
        return f"the job's status: {status.status}, {status.reason[:120]}" if status.status == "STALLED" else None

    def command(self, scene: Scene) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """The rotation."""
        return (self.name,)

    def judge(self, scene: Scene, code: int) -> str | None:
        """It ended well, and the old keys are worth nothing."""
        if code != 0:
            return f"the procedure ended with {code}"
        return "the old keys still work" if ports(scene.home).store.reach(self._old).known else None

    def restore(self, scene: Scene) -> None:
        """Nothing to put back."""


DRILLS: Final = (
    StoreKeys("due", deleted=False),
    StoreKeys("deleted-user", deleted=True),
    Upgrade("good", versions.PLAIN, bad=False),
    Upgrade("crashes", versions.CRASHING),
    Upgrade("silent", versions.SILENT),
    Upgrade("unreadable", versions.UNREADABLE),
    GoBack("latest", older=False),
    GoBack("older-savepoint", older=True),
)
