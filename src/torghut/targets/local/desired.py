"""The stack's desired state as flat names and values, in force (the file) and committed (the newest commit)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from torghut.ops.errors import RefusedError, UnavailableError
from torghut.platform.errors import PlatformError
from torghut.platform.git import Repository
from torghut.runbooks.ports import Change
from torghut.stack.desired import Desired, TaSubmission, change_desired, parse_desired, read_desired
from torghut.stack.errors import StackError
from torghut.stack.home import Home

WORKLOADS: Final = ("forwarder",)
_SETTING: Final = "job.setting."


def flatten(desired: Desired) -> dict[str, str]:
    """The names and values of a state."""
    flat = {f"secret.{name}": digest for name, digest in desired.secrets.items()}
    for name in dict.fromkeys((*WORKLOADS, *desired.processes)):
        process = desired.process(name)
        flat[f"workload.{name}.count"] = str(process.count)
        flat[f"workload.{name}.run"] = "yes" if process.run else "no"
    if (job := desired.settings.ta) is not None:
        flat |= {
            "job.tag": job.tag,
            "job.parallelism": str(job.parallelism),
            "job.start_from": job.start_from,
            "job.submission": job.id,
            **{f"{_SETTING}{variable}": value for variable, value in job.variables.items()},
        }
    return flat


def changed(desired: Desired, values: Mapping[str, str]) -> Desired:
    """The state with these values.

    Raises:
        RefusedError: the stack has no such name.
    """
    for name, value in values.items():
        desired = _changed(desired, name, value)
    return desired


def _changed(desired: Desired, name: str, value: str) -> Desired:
    replace = msgspec.structs.replace
    match name.split(".", 1)[0], name.rpartition(".")[2]:
        case "secret", _:
            return replace(desired, secrets={**desired.secrets, name.removeprefix("secret."): value})
        case "workload", ("count" | "run") as what:
            workload = name.removeprefix("workload.").removesuffix(f".{what}")
            process = desired.process(workload)
            process = replace(process, count=int(value)) if what == "count" else replace(process, run=value == "yes")
            return replace(desired, processes={**desired.processes, workload: process})
        case "job", _ if desired.settings.ta is not None and (job := _changed_job(desired.settings.ta, name, value)):
            return replace(desired, settings=replace(desired.settings, ta=job))
    raise RefusedError(f"{name} is nothing that the desired state of this stack has")


def _changed_job(job: TaSubmission, name: str, value: str) -> TaSubmission | None:
    """None when a job has no such name. An empty value takes a setting away."""
    match name.removeprefix("job."):
        case ("tag" | "start_from") as what:
            return msgspec.structs.replace(job, **{what: value})
        case "submission":
            return msgspec.structs.replace(job, id=value)
        case "parallelism":
            return msgspec.structs.replace(job, parallelism=int(value))
    if not name.startswith(_SETTING):
        return None
    variables = {**job.variables, name.removeprefix(_SETTING): value}
    return msgspec.structs.replace(job, variables={name: value for name, value in variables.items() if value})


@dataclass(frozen=True)
class LocalDesired:
    """The desired state of a home."""

    home: Home

    def committed(self) -> Mapping[str, str]:
        """What the newest commit says."""
        content = Repository(self.home.desired.parent).content(self.home.desired.name)
        return {} if content is None else flatten(parse_desired(content, f"the commit of {self.home.desired}"))

    def live(self) -> Mapping[str, str]:
        """What the supervisor follows."""
        return flatten(read_desired(self.home))

    def drift(self) -> tuple[str, ...]:
        """Where they differ."""
        committed, live = self.committed(), self.live()
        names = sorted({*committed, *live})
        return tuple(
            f"{name}: Git says {committed.get(name, 'nothing')}, in force is {live.get(name, 'nothing')}"
            for name in names
            if committed.get(name) != live.get(name)
        )

    def apply(self, values: Mapping[str, str], change: Change) -> None:
        """Bring them into force and commit; here that is one step, so an emergency needs no other way."""
        self.edit(lambda desired: changed(desired, values), change)

    def edit(self, edit: Callable[[Desired], Desired], change: Change) -> None:
        """Change anything of the state, with the reason and the token in the commit.

        Raises:
            RefusedError: there is no such thing, or the state cannot be understood.
            UnavailableError: Git or the disk does not take it now.
        """
        try:
            change_desired(self.home, edit, describe(change))
        except StackError as error:
            raise RefusedError(str(error)) from error
        except (PlatformError, TimeoutError) as error:
            raise UnavailableError(str(error)) from error


def describe(change: Change) -> str:
    """The message of its commit."""
    urgency = "Emergency: yes\n" if change.emergency else ""
    return f"{change.message}\n\n{urgency}Token: {change.token}"
