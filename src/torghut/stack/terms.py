"""The terms by which a span of this stack's bars and signals is audited: those of every submission within it."""

from __future__ import annotations

from collections.abc import Mapping

from torghut.audit.ta.terms import Terms, TermsSettings
from torghut.config import load
from torghut.stack.desired import committed_since, read_desired
from torghut.stack.home import Home
from torghut.wire.times import NS_PER_S


def terms_since(home: Home, since_ns: int, overriding: Mapping[str, str] | None = None) -> Terms:
    """The terms since `since_ns` (ns since the epoch). TA_ variables of `overriding` go before those submitted.

    Raises:
        ConfigError: a variable is wrong.
        DesiredStateError: the desired state is not understood.
        GitError: its history cannot be read.
    """
    wanted = (*committed_since(home, since_ns // NS_PER_S), read_desired(home))
    submitted = [one.settings.ta.variables for one in wanted if one.settings.ta is not None] or [{}]
    return Terms.spanning([load(TermsSettings, {**one, **(overriding or {})}).terms() for one in submitted])
