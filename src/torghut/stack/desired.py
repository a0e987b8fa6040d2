"""What should run: a small file that the supervisor follows, and the only way to control it.

`$TORGHUT_HOME/desired/stack.json` says for each process whether it runs, how many of it, and a `generation` (a change
of it means: restart once), and holds the settings of the whole and digests of the secrets, never a secret. Tests,
drills and people change it with the functions here; the supervisor polls it a few times a second. A process that the
file does not name runs. Every change is a commit of the Git repository `desired/` (where Git is installed): its
history says who wanted what and when, and a file that differs from the newest commit was changed by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from torghut.platform.files import write_atomically
from torghut.platform.git import Repository
from torghut.platform.locks import locked
from torghut.stack.errors import DesiredStateError
from torghut.stack.home import Home

FEEDS: Final = ("sim", "iex", "sip", "delayed_sip", "test", "crypto")
_LOCK_DEADLINE_S: Final = 10.0


class TaSubmission(msgspec.Struct, frozen=True):
    """The job that runs: which tag, and from which state it starts the first time (`job.launch`).

    `id` names this submission; its checkpoints are kept apart from those of others. `variables` are the job's own
    settings (TA_ variables), as they were when it was submitted.
    """

    id: str
    tag: str
    start_from: str
    parallelism: int = 1
    checkpoint_interval_ms: int = 500
    variables: dict[str, str] = {}


class Settings(msgspec.Struct, frozen=True):
    """The stack as a whole: `feed` as `torghut up --feed` takes it; `speed` a factor or `max`.

    `only`, when not empty, names the services that exist at all. `ports` fixes ports (`kafka.clients`, ...). The
    key files are the real Alpaca's, when the feed is a real one. `ta` is the job that runs, with what it needs (MinIO,
    Flink); None is a stack without. `with_metrics`: a Prometheus with the alert rules watches it.
    """

    feed: str = "sim"
    symbols: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    speed: str = "1"
    keep_times: bool = False
    topic_prefix: str = ""
    rate: float | None = None
    seed: int | None = None
    loop: bool = False
    only: tuple[str, ...] = ()
    ports: dict[str, int] = {}
    key_id_file: str | None = None
    secret_key_file: str | None = None
    ta: TaSubmission | None = None
    with_metrics: bool = False

    @property
    def is_simulated(self) -> bool:
        """Whether our own simulator is the source."""
        return self.feed == "sim" or self.replay_file is not None

    @property
    def replay_file(self) -> str | None:
        """The recording to replay, if that is the feed."""
        kind, _, name = self.feed.partition(":")
        return name if kind == "replay" else None


class DesiredProcess(msgspec.Struct, frozen=True):
    """One process: does it run, how many instances, and which generation. `token`: what it was restarted for last."""

    run: bool = True
    count: int = 1
    generation: int = 0
    token: str = ""


class Desired(msgspec.Struct, frozen=True):
    """The whole file. `revision` grows with every change, so that one can see when the supervisor took it up.

    `secrets`: the digest of each secret that a procedure put in force.
    """

    settings: Settings = Settings()
    processes: dict[str, DesiredProcess] = {}
    revision: int = 0
    secrets: dict[str, str] = {}

    def process(self, name: str) -> DesiredProcess:
        """What is wanted of a process; one that is not named runs once."""
        return self.processes.get(name, DesiredProcess())


def read_desired(home: Home) -> Desired:
    """The desired state; the default one when there is no file.

    Raises:
        DesiredStateError: the file is not understood.
    """
    try:
        return parse_desired(home.desired.read_bytes(), str(home.desired))
    except FileNotFoundError:
        return Desired()


def parse_desired(content: bytes, where: str) -> Desired:
    """The content of the file, in whichever commit.

    Raises:
        DesiredStateError: it is not understood.
    """
    try:
        return msgspec.json.decode(content, type=Desired)
    except msgspec.DecodeError as error:
        raise DesiredStateError(f"{where} is not understood ({error}): correct or remove it") from error


def change_desired(home: Home, change: Callable[[Desired], Desired], message: str = "changed by a command") -> Desired:
    """Replace the desired state by `change` of it, as one step among all writers, and commit it; returns the new state.

    What is so already is not written again, but committed if it was not.

    Raises:
        DesiredStateError: the file is not understood.
    """
    with repository(home) as git:
        before = read_desired(home)
        changed = change(before)
        after = msgspec.structs.replace(changed, revision=before.revision + (changed != before))
        if after != before or not home.desired.exists():
            write_atomically(home.desired, msgspec.json.format(msgspec.json.encode(after), indent=2) + b"\n")
        if git is not None:
            git.commit((home.desired.name,), message)
    return after


def committed_since(home: Home, at_s: int) -> tuple[Desired, ...]:
    """Every state that was wanted from this second on, the oldest first; nothing on a machine without Git.

    Raises:
        DesiredStateError: one of them is not understood.
        GitError: Git does not answer.
    """
    if not Repository.available() or not home.desired.exists():
        return ()
    git, path = Repository(home.desired.parent), home.desired.name
    found: list[Desired] = []
    for commit in git.log(path):
        content = git.content(path, commit.sha)
        if content is not None:
            found.append(parse_desired(content, f"{path} of commit {commit.sha[:12]}"))
        if commit.at_s < at_s:
            break
    return tuple(reversed(found))


@contextmanager
def put_back(home: Home) -> Iterator[None]:
    """After the block the home wants again what it wanted before it; but secrets that changed stay changed.

    Raises:
        DesiredStateError: the file is not understood.
    """
    before = read_desired(home)
    try:
        yield
    finally:

        def back(now: Desired) -> Desired:
            return msgspec.structs.replace(before, revision=now.revision, secrets=before.secrets | now.secrets)

        change_desired(home, back, "put back")


@contextmanager
def repository(home: Home) -> Iterator[Repository | None]:
    """The desired state's repository, for one writer at a time; None on a machine without Git.

    Raises:
        TimeoutError: another writer does not finish.
        GitError: Git refuses.
    """
    with locked(home.desired.with_suffix(".lock"), _LOCK_DEADLINE_S, f"{home.desired} to be free"):
        yield Repository.make(home.desired.parent) if Repository.available() else None


def _change_process(home: Home, name: str, change: Callable[[DesiredProcess], DesiredProcess]) -> Desired:
    return change_desired(
        home,
        lambda desired: msgspec.structs.replace(
            desired, processes={**desired.processes, name: change(desired.process(name))}
        ),
    )


def set_running(home: Home, name: str, run: bool) -> Desired:  # noqa: FBT001 - it is the value, not a switch
    """Start or stop one process and keep it so."""
    return _change_process(home, name, lambda process: msgspec.structs.replace(process, run=run))


def restart(home: Home, name: str) -> Desired:
    """Stop one process and start it again."""
    return _change_process(home, name, lambda process: _anew(process, ""))


def restart_for(home: Home, names: Sequence[str], token: str, message: str) -> Desired:
    """Restart these processes, each once for this token: asked again, nothing happens."""

    def change(desired: Desired) -> Desired:
        stale = (name for name in names if desired.process(name).token != token)
        anew = {name: _anew(desired.process(name), token) for name in stale}
        return msgspec.structs.replace(desired, processes={**desired.processes, **anew})

    return change_desired(home, change, message)


def _anew(process: DesiredProcess, token: str) -> DesiredProcess:
    return msgspec.structs.replace(process, generation=process.generation + 1, token=token)


def scale(home: Home, name: str, count: int) -> Desired:
    """Run `count` instances: `name`, `name-2`, ..."""
    return _change_process(home, name, lambda process: msgspec.structs.replace(process, count=count))
