"""What `torghut bench ta` measures."""

from __future__ import annotations

import msgspec

from torghut.bench.load import Load

FRAME = 20


class Backlog(msgspec.Struct, frozen=True):
    """Trades that wait in Kafka when the job goes on. `symbols` different ones."""

    symbols: int
    messages: int


class Steady(msgspec.Struct, frozen=True):
    """Trades and quotes, half and half, as they happen: `rate` messages a second."""

    symbols: int
    rate: float


class Outage(msgspec.Struct, frozen=True):
    """A job that was away for `away_s` seconds while `rate` messages a second went on coming, and go on."""

    symbols: int = 1000
    rate: float = 5_000.0
    away_s: float = 60.0
    goes_on_s: float = 20.0


class Subject(msgspec.Struct, frozen=True):
    """Who is measured. `script` below the package; None is the job itself. `share` of the backlog that it is given."""

    name: str
    script: str | None
    steady: tuple[Steady, ...]
    share: float = 1.0
    provisional: bool = True
    outage: bool = False


class Plan(msgspec.Struct, frozen=True):
    """How much is measured. Event time of a backlog runs at `backlog_rate` trades a second."""

    subjects: tuple[Subject, ...]
    symbols: tuple[int, ...] = (12, 1000)
    backlog: int = 400_000
    backlog_rate: float = 20_000.0
    seconds: float = 8.0
    warm_up: int = 30_000
    outage: Outage = Outage()
    checkpoint_interval_ms: int = 500
    watermark_ms: int = 2000

    def backlog_load(self, symbols: int) -> Load:
        """Trades alone."""
        return Load(self.backlog, FRAME, symbols, self.backlog_rate, trades=1.0)

    @property
    def warm_up_load(self) -> Load:
        """What every subject gets first, so that no JVM is measured cold."""
        return Load(self.warm_up, FRAME, max(self.symbols), self.backlog_rate / 2)

    def steady_load(self, steady: Steady) -> Load:
        """Half trades, half quotes."""
        frame = max(1, min(FRAME, int(steady.rate // 200)))
        return Load(int(steady.rate * self.seconds), frame, steady.symbols, steady.rate)

    @property
    def outage_load(self) -> Load:
        """All that comes during and after the outage."""
        outage = self.outage
        return Load(int(outage.rate * (outage.away_s + outage.goes_on_s)), FRAME, outage.symbols, outage.rate)


OURS = Subject(
    "torghut",
    None,
    tuple(Steady(symbols, rate) for symbols in (12, 1000) for rate in (2_000.0, 20_000.0)),
    outage=True,
)
NAIVE = Subject("naive PyFlink", "naive", (Steady(12, 2_000.0),), share=0.25)
LIMIT = Subject("Flink SQL, no indicators", "sql", (Steady(12, 2_000.0), Steady(1000, 20_000.0)), provisional=False)


def full(checkpoint_interval_ms: int, seconds: float, backlog: int) -> Plan:
    """Everything."""
    return Plan((OURS, NAIVE, LIMIT), seconds=seconds, backlog=backlog, checkpoint_interval_ms=checkpoint_interval_ms)


def quick(checkpoint_interval_ms: int) -> Plan:
    """The same with little of everything: whether it works, not how fast."""
    few = (Steady(12, 500.0),)
    return Plan(
        tuple(msgspec.structs.replace(subject, steady=few) for subject in (OURS, NAIVE, LIMIT)),
        symbols=(12,),
        backlog=20_000,
        seconds=6.0,
        warm_up=2_000,
        outage=Outage(symbols=12, rate=500.0, away_s=10.0, goes_on_s=20.0),
        checkpoint_interval_ms=checkpoint_interval_ms,
    )


def limited(plan: Plan, name: str) -> Plan:
    """The same for one subject only: `torghut`, or the name of its script."""
    return msgspec.structs.replace(
        plan, subjects=tuple(s for s in plan.subjects if name in {s.name, s.script}) or plan.subjects
    )
