"""From which state another deployment of the job starts, and how the operator is told.

A savepoint, and the way back to a deployment that was there before, are a path and a number that the operator has not
seen (`initialSavepointPath`, `savepointRedeployNonce`): it then gives up whatever runs, in any state, and starts from
there. The newest state of a job that goes on is the operator's to find, after it stopped the job: a path named before
that would be an older checkpoint, and one that the job deletes while it runs on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torghut.ops.errors import RefusedError
from torghut.platform.flink.configuration import CHECKPOINTS, SAVEPOINTS, checkpoints_prefix
from torghut.targets.kubernetes.desired_file import parse
from torghut.targets.kubernetes.job_objects import job_ref, job_values
from torghut.targets.kubernetes.names import REDEPLOYED_FROM, REDEPLOYED_NONCE, START_FROM, SUBMISSION, TAG
from torghut.targets.kubernetes.place import Place, answers
from torghut.targets.kubernetes.store import ObjectStore

_LATEST: Final = "latest"


def deployed(place: Place) -> tuple[dict[str, str], ...]:
    """What the commits of the desired state said, the oldest first; those that cannot be understood are left out."""
    path = f"{place.overlay_path}/desired/kustomization.yaml"
    found = []
    with answers():
        contents = place.git.contents(path)
    for content in contents:
        try:
            found.append(parse(content, path))
        except RefusedError:
            continue
    return tuple(found)


@dataclass(frozen=True)
class Redeployment:
    """Of an installation's job."""

    place: Place
    store: ObjectStore

    def __call__(self, committed: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
        """The state to redeploy from, and the number; nothing when the operator is to go on from the last state.

        Raises:
            RefusedError: there is no state to start from.
            UnavailableError: the store does not answer.
        """
        submission = wanted.get(SUBMISSION, "")
        if not submission or submission == committed.get(SUBMISSION):
            return {}
        live = job_values(self.place)
        if submission == live.get(SUBMISSION):  # in force already, killed before it was committed
            return {name: live[name] for name in (REDEPLOYED_FROM, REDEPLOYED_NONCE) if name in live}
        uri = self._state(submission, wanted.get(START_FROM, ""))
        return {} if uri is None else {REDEPLOYED_FROM: uri, REDEPLOYED_NONCE: _number(submission, uri)}

    def _state(self, submission: str, start_from: str) -> str | None:
        """None: the operator's to find."""
        if own := self.store.snapshots(checkpoints_prefix(submission)):
            return own[0].uri
        if any(values.get(SUBMISSION) == submission for values in deployed(self.place)):
            return self._newest()
        if start_from == _LATEST:
            return None
        if "://" not in start_from:
            raise RefusedError(f"{job_ref(self.place)} starts from {_LATEST} or from a URI, not from {start_from!r}")
        return start_from

    def _newest(self) -> str:
        """Whoever's it is: the checkpoints of a deployment that another one went on from are deleted by that."""
        found = [one for prefix in (CHECKPOINTS, SAVEPOINTS) for one in self.store.snapshots(prefix)]
        if not found:
            raise RefusedError(
                f"the store holds no checkpoint and no savepoint for {job_ref(self.place)} to start from"
            )
        return max(found, key=lambda one: one.finished_ms).uri


def former_tags(place: Place) -> tuple[str, ...]:
    """The tags that were deployed before the present one, the last one first."""
    tags = [values[TAG] for values in deployed(place) if TAG in values]
    return tuple(tag for tag in dict.fromkeys(reversed(tags)) if tag != tags[-1])


def _number(submission: str, uri: str) -> str:
    """The same for the same start, so that doing it again changes nothing; else another."""
    return str(int.from_bytes(hashlib.sha256(f"{submission} {uri}".encode()).digest()[:6], "big"))
