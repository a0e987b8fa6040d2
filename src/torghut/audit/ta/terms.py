"""What the TA job was configured to do, as far as its output depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import msgspec
from pydantic import Field

from torghut.config import Settings

NS: Final = 1_000_000_000
MS: Final = 1_000_000


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How late records may be, how long a silent topic is waited for, how long bars are revised.

    Where that changed within the span that is audited, `watermark_ms` and `idle_ms` are the greatest values, and there
    are least ones: nobody can tell from a bar under which of them it was closed.
    """

    watermark_ms: int = 2000
    idle_ms: int = 30_000
    revision_s: int = 60
    reset_on_session: bool = False
    least_watermark_ms: int | None = None
    least_idle_ms: int | None = None

    @classmethod
    def spanning(cls, submitted: Sequence[Self]) -> Self:
        """The terms of all that was submitted within a span, the newest last."""
        return cls(
            watermark_ms=max(terms.watermark_ms for terms in submitted),
            idle_ms=max(terms.idle_ms for terms in submitted),
            revision_s=min(terms.revision_s for terms in submitted),
            reset_on_session=submitted[-1].reset_on_session,
            least_watermark_ms=min(terms.watermark_ms for terms in submitted),
            least_idle_ms=min(terms.idle_ms for terms in submitted),
        )

    @property
    def bound_ns(self) -> int:
        """How far the watermark stays behind the newest event, at most."""
        return self.watermark_ms * MS

    @property
    def least_bound_ns(self) -> int:
        """The same, at least."""
        return (self.watermark_ms if self.least_watermark_ms is None else self.least_watermark_ms) * MS

    @property
    def idle_ns(self) -> int:
        """After how much silence a topic is not waited for, at most."""
        return self.idle_ms * MS

    @property
    def least_idle_ns(self) -> int:
        """The same, at least."""
        return (self.idle_ms if self.least_idle_ms is None else self.least_idle_ms) * MS


class TermsSettings(Settings):
    """The job's own variables, read a second time."""

    watermark_ms: int = Field(2000, alias="TA_WATERMARK_MS", description="milliseconds", ge=0)
    idle_ms: int = Field(30_000, alias="TA_IDLE_TIMEOUT_MS", description="milliseconds", ge=0)
    revision_s: int = Field(60, alias="TA_REVISION_S", description="seconds", ge=0)
    reset_on_session: bool = Field(False, alias="TA_RESET_ON_SESSION", description="true or false")

    def terms(self) -> Terms:
        """The values."""
        return Terms(
            watermark_ms=self.watermark_ms,
            idle_ms=self.idle_ms,
            revision_s=self.revision_s,
            reset_on_session=self.reset_on_session,
        )
