from __future__ import annotations

from pathlib import Path

import msgspec

from torghut.drills.catalogue import DRILLS, select
from torghut.drills.drill import DrillDocument, DrillResult, StepTime
from torghut.drills.table import Table, markdown
from torghut.runbooks.kafka_diagnosis import BY_HAND
from torghut.runbooks.kafka_ports import Cause

OK = DrillResult(
    name="alpaca-406",
    cause="lingering",
    verdict="ok",
    detected_s=1.5,
    detected_by="status",
    recovered_s=20.0,
    max_gap_ms=21_000.0,
    gap_of="torghut.trades.v1",
    lost=0,
    duplicated=0,
    stand_ins=("Alpaca is the simulator",),
    steps=(StepTime("restart", "done", 6.2),),
    run="alpaca-406-1",
    why="",
)


def test_every_drill_has_a_name_of_its_own() -> None:
    names = [(drill.name, drill.cause) for drill in DRILLS]
    assert len(set(names)) == len(names)


def test_drills_are_chosen_one_by_one_by_procedure_or_all() -> None:
    assert [drill.cause for drill in select("kafka-produce-failure/acl")] == ["acl"]
    assert {drill.name for drill in select("kafka-rotation")} == {"kafka-rotation"}
    assert select("all") == DRILLS
    assert select("weather") == ()


def test_every_cause_that_a_procedure_mends_and_that_can_be_made_here_has_a_drill() -> None:
    made = {drill.cause for drill in select("kafka-produce-failure")}
    assert {cause.value for cause in Cause} - made == {*BY_HAND, Cause.TLS_WRONG_HOST, Cause.TLS, Cause.TOPIC_REPLICAS}


def test_one_bad_drill_makes_the_whole_bad_and_says_why() -> None:
    bad = DrillResult.unplayed("alpaca-406", "lingering", (), "no stack")
    document = DrillDocument("local", 2000, (OK, bad))
    assert (DrillDocument("local", 2000, (OK,)).ok, document.ok) == (True, False)
    assert "- alpaca-406 / lingering: no stack" in markdown(document)


def test_the_table_names_figures_and_stand_ins() -> None:
    text = markdown(DrillDocument("local", 2000, (OK,)))
    assert "Target local, 2000 msg/s. Stand-ins: Alpaca is the simulator." in text
    assert "| alpaca-406 | lingering | ok | 1.5 | 20.0 | 21,000.0 | 0 | 0 | restart 6.2 |" in text


def test_the_document_has_the_contract_s_fields() -> None:
    document = msgspec.to_builtins(DrillDocument("local", 2000, (OK,)))
    assert {"target", "drills"} <= document.keys()
    contract = {"name", "cause", "verdict", "detected_s", "recovered_s", "max_gap_ms", "lost", "duplicated"}
    assert {*contract, "stand_ins", "steps"} <= document["drills"][0].keys()
    assert list(document["drills"][0]["steps"]) == [{"name": "restart", "outcome": "done", "seconds": 6.2}]


def test_a_table_is_continued_with_what_was_ok_at_the_same_load(tmp_path: Path) -> None:
    table = Table(tmp_path, 2000)
    table.add(OK)
    table.add(DrillResult.unplayed("alpaca-rotation", "due", (), "killed"))
    assert [drill.cause for drill in table.document().drills] == ["due", "lingering"]
    assert Table.continued(tmp_path, 2000).results == {"alpaca-406/lingering": OK}
    assert Table.continued(tmp_path, 500).results == {}
