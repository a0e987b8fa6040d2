"""A pipeline under load: the simulator, topics of its own on the session's broker, forwarders, and the audit of it all.

The parts are the real ones, in processes of their own. One pipeline serves many tests: each starts a forwarder with
the settings that it needs, which repairs what happened while nobody was connected, and audits from its own beginning.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from tests.integration.forwarders import ForwarderProcess

from torghut.audit import AuditRequest, Report, run
from torghut.platform.kafka.acls import acls
from torghut.platform.kafka.reader import TopicReader
from torghut.platform.waiting import wait_until
from torghut.sim.process import SimProcess
from torghut.stack.running import RunningStack
from torghut.wire import topics
from torghut.wire.envelope import DeadLetter, Envelope
from torghut.wire.status import ForwarderStatus, Reason
from torghut.wire.topics import TOPICS, Topic, full_name

SYMBOLS: Final = ("AAPL", "MSFT", "NVDA", "TSLA", "SPY", "QQQ", "F", "BRK.B")
RATE: Final = 600
"""Messages a second of a test's load: enough that every fault meets many in flight, little enough for two cores."""

SETTLE_S: Final = 2.0
"""Events younger than this are not audited."""


@dataclass
class Pipeline:
    """See the module. `folder` holds logs, leases, symbol lists."""

    broker: RunningStack
    prefix: str
    sim: SimProcess
    folder: Path
    feed: str = "sip"
    symbols: tuple[str, ...] = SYMBOLS
    _forwarders: list[ForwarderProcess] = field(default_factory=list)

    def forwarder(self, name: str = "forwarder", **variables: str) -> ForwarderProcess:
        """A forwarder of this pipeline, not started yet. All share one lease."""
        key_id, secret_key = (
            Path(self.sim.endpoints.accounts_dir) / f"account-0.{k}" for k in ("key_id", "secret_key")
        )
        made = ForwarderProcess(
            name,
            self.folder,
            {
                **self.broker.environment("forwarder", self.prefix),
                "ALPACA_FEED": self.feed,
                "ALPACA_STREAM_URL": self.sim.endpoints.stream_url,
                "ALPACA_DATA_URL": self.sim.endpoints.data_url,
                "ALPACA_KEY_ID_FILE": str(key_id),
                "ALPACA_SECRET_KEY_FILE": str(secret_key),
                "MARKET_CALENDAR": "always",
                "SYMBOLS": ",".join(self.symbols),
                "LEASE_FILE": str(self.folder / "lease"),
                "RECONNECT_MAX_MS": "1000",
                **variables,
            },
        )
        self._forwarders.append(made)
        return made

    def running(self, name: str = "forwarder", **variables: str) -> ForwarderProcess:
        """A forwarder of this pipeline, ready."""
        made = self.forwarder(name, **variables)
        made.start()
        made.wait_ready()
        return made

    def end_forwarders(self) -> None:
        """End all forwarders, however they stand."""
        for made in self._forwarders:
            made.close()
        self._forwarders.clear()

    # What came out

    def audit(self, since_ns: int | None) -> Report:
        """Everything that happened from then on and until now, against the topics."""
        old_enough = time.monotonic() + SETTLE_S  # the audit leaves alone what may still be under way
        wait_until(lambda: time.monotonic() >= old_enough, SETTLE_S + 1.0, "the load to be old enough")
        return run(
            AuditRequest(
                kafka=self.broker.kafka("audit", self.prefix),
                ledger=Path(self.sim.endpoints.ledger_dir),
                since_ns=since_ns,
                settle_s=SETTLE_S,
                wait_s=20.0,
            )
        )

    def prove(self, since_ns: int | None, at_least: int = RATE) -> Report:
        """The audit's report, which has to say that nothing was lost, doubled, reordered or invented."""
        report = self.audit(since_ns)
        counts = {channel: msgspec.to_builtins(count) for channel, count in report.channels.items() if count.sent}
        assert report.verdict == "ok", f"{counts}\n" + "\n".join(map(str, report.examples))
        assert sum(c.lost + c.duplicated + c.reordered for c in report.channels.values()) == 0
        assert report.fencing == report.undecodable == 0
        assert sum(c.sent for c in report.channels.values()) >= at_least
        return report

    def statuses(self, since_ns: int, instance: str = "forwarder") -> list[ForwarderStatus]:
        """The status topic's records of an instance, in their order."""
        records = [msgspec.json.decode(value, type=ForwarderStatus) for value in self.values(topics.STATUS)]
        return [record for record in records if record.instance == instance and record.ts >= since_ns]

    def wait_status(self, since_ns: int, *reasons: Reason, instance: str = "forwarder", deadline_s: float = 30) -> None:
        """Wait until the status topic has told these reasons in this order (others may come between)."""

        def told() -> bool:
            said = iter([record.reason for record in self.statuses(since_ns, instance)])
            return all(reason in said for reason in reasons)

        try:
            wait_until(told, deadline_s, f"{', '.join(reasons)} on the status topic", 0.3)
        except TimeoutError as error:
            said = [record.reason.value for record in self.statuses(since_ns, instance)]
            raise TimeoutError(f"{error}; it has {said}") from error

    def values(self, topic: Topic) -> list[bytes]:
        """All values of a topic, partition by partition."""
        with TopicReader(self.broker.kafka("audit", self.prefix).client(), [full_name(topic, self.prefix)]) as reader:
            ends = reader.ends(reader.partitions())
            start, end = ({p: e[i] for p, e in ends.items()} for i in (0, 1))
            return [record.value() or b"" for record in reader.read(start, end)]

    def envelopes(self, topic: Topic) -> list[Envelope]:
        """All records of a market-data topic."""
        return [msgspec.json.decode(value, type=Envelope) for value in self.values(topic)]

    def dead_letters(self) -> Counter[str]:
        """How many dead letters there are, by reason."""
        return Counter(msgspec.json.decode(value, type=DeadLetter).reason for value in self.values(topics.DLQ))

    # The load

    def happened(self) -> int:
        """How many events happened so far."""
        return sum(self.sim.control.state().counts.values())

    def flow(self, events: int = RATE, deadline_s: float = 30.0) -> None:
        """Let so many events happen."""
        goal = self.happened() + events
        wait_until(lambda: self.happened() >= goal, deadline_s, f"{events} events to happen", 0.05)

    def logins(self) -> int:
        """How many sockets were opened so far, whatever came of them."""
        return sum(line["k"] == "open" for line in self.sim.ledger())


def now() -> int:
    """The wall clock in ns: where an audit starts."""
    return time.time_ns()


@contextmanager
def topics_of(broker: RunningStack) -> Iterator[str]:
    """A fresh TOPIC_PREFIX whose topics and permissions exist."""
    prefix = f"f{secrets.token_hex(4)}."
    admin = broker.admin()
    admin.create_topics(TOPICS, prefix)
    admin.allow(acls(prefix))
    yield prefix
    broker.wait_ready("kafka")
    admin = broker.admin()
    admin.forbid(acls(prefix))
    admin.delete_topics([full_name(topic, prefix) for topic in TOPICS])


@contextmanager
def pipeline_of(broker: RunningStack, folder: Path, **options: object) -> Iterator[Pipeline]:
    """A pipeline whose simulator has these options; everything ends with the context."""
    symbols = tuple(str(options.get("symbols", ",".join(SYMBOLS))).split(","))
    options = {"rate": RATE, "symbols": ",".join(symbols), **options}
    with ExitStack() as parts:
        prefix = parts.enter_context(topics_of(broker))
        sim = parts.enter_context(SimProcess(folder / "sim", **options))
        pipeline = Pipeline(broker, prefix, sim, folder, symbols=symbols)
        parts.callback(pipeline.end_forwarders)
        yield pipeline
