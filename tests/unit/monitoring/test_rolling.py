from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry, generate_latest

from torghut.audit.report import BarCounts, ChannelCounts, Period, Report, SignalCounts
from torghut.monitoring.rolling import Shown, Verdict

REPORT = Report(
    verdict="bad",
    window=Period(0, 1),
    channels={"trades": ChannelCounts(sent=10, received=8, lost=2), "quotes": ChannelCounts(duplicated=1)},
    bars=BarCounts(expected=4, final=3, missing=1, duplicated=0, wrong=0),
    signals=SignalCounts(),
)


def shown(verdict: Verdict | None) -> str:
    collector, registry = Shown(), CollectorRegistry()
    collector.newest = verdict
    registry.register(collector)
    return generate_latest(registry).decode()


def test_an_audits_document_becomes_its_totals() -> None:
    text = shown(msgspec.json.decode(msgspec.json.encode(REPORT), type=Verdict))
    assert "torghut_audit_lost 3.0" in text
    assert "torghut_audit_duplicated 1.0" in text
    assert "torghut_audit_ok 0.0" in text


def test_before_the_first_audit_nothing_is_claimed() -> None:
    assert "torghut_audit_ok" not in shown(None)
