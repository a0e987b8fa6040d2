from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from torghut.ops.redaction import Redactor

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)


@given(secret=secrets, before=st.text(max_size=10), after=st.text(max_size=10))
def test_a_known_secret_is_in_no_form_left(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.learn([secret])
    for form in (secret, b64encode(secret.encode()).decode(), quote(secret, safe="")):
        assert form not in redactor.clean(before + form + after)


def test_what_is_no_secret_stays() -> None:
    redactor = Redactor()
    redactor.learn(["hunter2-new", ""])
    assert redactor.clean("the hunter went out") == "the hunter went out"
