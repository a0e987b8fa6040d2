from __future__ import annotations

import re

import pytest
from tests.unit.runbooks.pages import DOCS, PAGES, page, updated
from tests.unit.runbooks.system import System

from torghut.runbooks.catalogue import procedures

PARTS = ("The procedure as written", "What it does", "What it verifies", "When it stops")


def test_every_procedure_has_a_page() -> None:
    assert {*PAGES} == {*procedures(System().ports())} <= {path.stem for path in DOCS.glob("*.md")}


@pytest.mark.parametrize("name", PAGES)
def test_the_facts_of_a_page_are_those_of_the_code(name: str) -> None:
    assert page(name) == updated(name), "run: python -m tests.unit.runbooks.pages"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_with_the_commands_and_says_when_to_use_them(name: str) -> None:
    top = page(name).partition("## ")[0]
    assert top.startswith(f"# {name}: ")
    assert re.search(rf"^torghut runbook plan +{name}\b", top, re.MULTILINE)
    assert re.search(rf"^torghut runbook run +{name}\b", top, re.MULTILINE)
    assert "**When**: " in top


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_procedure_what_it_does_and_verifies_and_what_to_do_when_it_stops(name: str) -> None:
    headings = re.findall(r"^## (.+)$", page(name), re.MULTILINE)
    assert [heading for heading in headings if heading in PARTS] == [*PARTS]
    assert "<!-- facts" in page(name).partition("## What it does")[2].partition("\n## ")[0]
