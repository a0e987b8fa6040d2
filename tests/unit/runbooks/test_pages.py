from __future__ import annotations

import pytest
from tests.unit.runbooks.pages import PAGES, page, updated


@pytest.mark.parametrize("name", PAGES)
def test_the_facts_of_a_page_are_those_of_the_code(name: str) -> None:
    assert page(name) == updated(name), "run: python -m tests.unit.runbooks.pages"
