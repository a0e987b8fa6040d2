"""Cutting JSON text: whatever way it is written, the pieces are the text's own and say the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torghut.feed.slicing import elements, without

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
styles = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "indent": st.sampled_from([None, 1]),
        "separators": st.sampled_from([None, (",", ":")]),
    }
)


@given(st.lists(values), styles)
def test_the_elements_of_an_array_are_found(items: list[Any], style: dict[str, Any]) -> None:
    found = elements(json.dumps(items, **style).encode("utf-8", "surrogatepass"))
    assert [json.loads(text) for text in found] == items


@given(
    st.dictionaries(st.sampled_from(["T", "S", "t", "u"]) | st.text(), values), st.sets(st.sampled_from("TSu")), styles
)
def test_an_object_loses_the_named_keys_only(content: dict[str, Any], keys: set[str], style: dict[str, Any]) -> None:
    text = json.dumps(content, **style).encode("utf-8", "surrogatepass")
    left = without(text, keys)
    assert json.loads(left) == {key: value for key, value in content.items() if key not in keys}
    remaining = iter(text)
    assert all(byte in remaining for byte in left), "the rest must be a sub-sequence of the text"


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[", b"]", b"[}", b"[[]", b'["]', b"[]]", b'[",]"]x', b"[1]][", b"[1],[2]"]
)
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"wanted|balanced"):
        elements(text)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"{1}", b'{"a}', b'{"a":1}}', b'{"a":1,}'])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"wanted|balanced|key"):
        without(text, "T")
