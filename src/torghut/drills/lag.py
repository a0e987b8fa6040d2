"""Drills of lag-spike: one for each cause, made with the real components. A cause must be recognised, and no other."""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from torghut.drills import flink, versions
from torghut.drills.scene import Scene
from torghut.ops.errors import PreconditionError, UnavailableError
from torghut.platform.kafka.reader import TopicReader
from torghut.platform.processes import Process, is_alive, send
from torghut.runbooks.lag_diagnosis import Cause
from torghut.runbooks.lag_spike import confirmed
from torghut.targets.local.target import ports
from torghut.wire.topics import TRADES, full_name

_STOPPED_S, _RUNNING_S = 1.2, 0.3
_POLL_S: Final = 0.5
_KEEPS_UP: Final = 0.8
"""The share of the input that the slow job takes in."""
_NEWEST: Final = 500


@dataclass
class Spike:
    """A cause of lag."""

    cause: str
    code: int = 0
    """How the procedure ends: 2 where the cause is not its to mend."""
    name: str = "lag-spike"
    stand_ins: tuple[str, ...] = flink.SIMULATOR
    blamed: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def make(self, scene: Scene) -> None:
        """Create it."""
        flink.remember(scene)
        self.blamed.clear()
        self.over.clear()
        self.begin(scene)

    def begin(self, scene: Scene) -> None:
        """What makes signals late."""

    def end(self, scene: Scene) -> None:
        """Take it away."""

    def detected(self, scene: Scene) -> str | None:
        """The diagnosis of the procedure, as `torghut doctor` tells it."""
        try:
            _, found = confirmed(ports(scene.home).lag)
        except (PreconditionError, UnavailableError):
            return None
        if found.cause is None:
            return None
        self.blamed.add(found.cause.value)
        return found.said if found.cause.value == self.cause else None

    def command(self, scene: Scene) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """The procedure."""
        return (self.name,)

    def judge(self, scene: Scene, code: int) -> str | None:  # noqa: ARG002 - the protocol's
        """It ended as it should, and blamed nothing else on the way."""
        if code != self.code:
            return f"the procedure ended with {code}, wanted {self.code}"
        others = self.blamed - {self.cause}
        return f"blamed {', '.join(sorted(others))}, too" if others else None

    def restore(self, scene: Scene) -> None:
        """Without the cause, and with the deployment from before."""
        self.over.set()
        self.end(scene)
        flink.go_back(scene)


class LateFeed(Spike):
    """Everything is delivered seconds after it happened."""

    def begin(self, scene: Scene) -> None:
        """Order it of the simulator."""
        with scene.sim() as control:
            control.delay(6000)

    def end(self, scene: Scene) -> None:
        """Prompt again."""
        with scene.sim() as control:
            control.clear("delay")


class MutedSocket(Spike):
    """The connection is open and nothing comes. It speaks again when another process connects."""

    def begin(self, scene: Scene) -> None:
        """Mute it until the forwarder is another one."""
        with scene.sim() as control:
            control.mute()
        before = scene.stack.process("forwarder")
        _aside(self.over, lambda: is_alive(before), lambda: self.end(scene))

    def end(self, scene: Scene) -> None:
        """Speak again."""
        with scene.sim() as control:
            control.unmute()


class SlowBroker(Spike):
    """The broker's process gets a fifth of its time."""

    def begin(self, scene: Scene) -> None:
        """Stop it again and again, as long as it is this process."""
        broker = scene.stack.process("kafka")
        threading.Thread(target=_slow_down, args=(broker, self.over), daemon=True).start()


class SlowJob(Spike):
    """A version that takes in less than comes; with twice the slots it has time to spare."""

    def begin(self, scene: Scene) -> None:
        """Deploy it. What came during its start is waiting when it works."""
        partitions = ports(scene.home).lag.read().job.partitions
        per_second = sum(one.trades + one.quotes for one in partitions)
        added = versions.slow(1 / (_KEEPS_UP * per_second * len(partitions)))
        tag = scene.notes["tag"] = versions.install(scene, "slow", flink.remembered(scene)["job.tag"], added)
        flink.deploy_version(scene, tag)


class UnquotedPartition(Spike):
    """All symbols of one partition trade, and nobody quotes them: its event time stands until the idle time-out."""

    def begin(self, scene: Scene) -> None:
        """Take their quotes away."""
        quiet = max(_symbols(scene).values(), key=len)
        with scene.sim() as control:
            control.unquoted(*sorted(quiet))

    def end(self, scene: Scene) -> None:
        """Quoted again."""
        with scene.sim() as control:
            control.clear("unquoted")


class Disorder(Spike):
    """Many trades come seconds after newer ones."""

    def begin(self, scene: Scene) -> None:
        """Order it of the simulator."""
        with scene.sim() as control:
            control.out_of_order(5000, 0.2)

    def end(self, scene: Scene) -> None:
        """In order again."""
        with scene.sim() as control:
            control.clear("out_of_order")


def _symbols(scene: Scene) -> dict[int, set[str]]:
    """Which symbols are in which partition, as the newest trades show it."""
    kafka, found = scene.stack.kafka("audit"), defaultdict[int, set[str]](set)
    with TopicReader(kafka.client(), [full_name(TRADES, kafka.topic_prefix)]) as reader:
        ends = {at: high for at, (_, high) in reader.ends(reader.partitions()).items()}
        for message in reader.read({at: max(0, high - _NEWEST) for at, high in ends.items()}, ends):
            found[message.partition() or 0].add((message.key() or b"").decode())
    return dict(found)


def _aside(over: threading.Event, while_: Callable[[], bool], then: Callable[[], None]) -> None:
    """Beside the drill: wait as long as something is so, then do something."""

    def wait() -> None:
        while while_():
            if over.wait(_POLL_S):
                return
        then()

    threading.Thread(target=wait, daemon=True).start()


def _slow_down(process: Process, over: threading.Event) -> None:
    while is_alive(process) and not over.is_set():
        send(process, signal.SIGSTOP)
        over.wait(_STOPPED_S)
        send(process, signal.SIGCONT)
        over.wait(_RUNNING_S)


SPIKES: Final[tuple[Spike, ...]] = (
    LateFeed(Cause.FEED.value, code=2),
    MutedSocket(Cause.MUTED.value),
    SlowBroker(Cause.BROKER.value),
    SlowJob(Cause.JOB.value),
    UnquotedPartition(Cause.IDLE.value),
    Disorder(Cause.DISORDER.value),
)
