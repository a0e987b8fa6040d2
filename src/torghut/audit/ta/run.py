"""The thin shell: reads the topics, outputs before the inputs that they were made of, and waits for the job to come up.

Trades are read from their beginning whatever the window, because an average never forgets; and quotes, because they say
how far a partition has come.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError

from torghut.audit.ta.compare import TaComparison, TaResult
from torghut.audit.ta.judge import Scope
from torghut.audit.ta.terms import Terms
from torghut.audit.topics import Topics
from torghut.config import KafkaSettings
from torghut.platform.kafka.reader import ReadError
from torghut.platform.waiting import wait_until
from torghut.wire.topics import DLQ, QUOTES, TA_BARS_1S, TA_PROVISIONAL, TA_SIGNALS, TA_STATUS, TRADES

_INTERVAL_S: Final = 2.0
_BEFORE_NS: Final = 10_000_000_000
"""A final carries the time of its first print's receipt: after its second, but for differences of clocks."""


def audit_ta(kafka: KafkaSettings, terms: Terms, window: tuple[int, int], folder: Path, wait_s: float) -> TaResult:
    """Recompute all bars and signals, and count what the job wrote otherwise.

    `window`: start and end, ns. What the job has not written yet may come for up to `wait_s`. `folder` takes what
    outgrows memory. Where TA's topics do not exist nothing is found.

    Raises:
        ReadError: the topics could not be read.
    """
    scope = Scope(*window)
    comparison = TaComparison(terms, scope, folder, prefix=kafka.topic_prefix)
    finals = Topics(kafka, (TA_BARS_1S, TA_SIGNALS), since_ns=max(0, scope.start_ns - _BEFORE_NS))
    passing = Topics(kafka, (TA_PROVISIONAL, TA_STATUS), since_ns=scope.start_ns)
    inputs = Topics(kafka, (TRADES, QUOTES, DLQ))
    with closing(finals), closing(passing), closing(inputs):

        def look() -> bool:
            for topics in (finals, passing, inputs):
                comparison.take(topics.read())
            return comparison.settle()

        try:
            wait_until(look, wait_s, "all bars and signals to be right", interval_s=_INTERVAL_S)
        except TimeoutError:
            pass  # What is missing now is missing: the result says so.
        except ReadError as error:
            if error.code != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return comparison.result()
