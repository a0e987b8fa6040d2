"""What can keep an audit from being made.

AuditError
|- LedgerError    there is no ledger, or it is not one
|- HistoryError   Alpaca's history API did not answer as it should
`- TopicsError    the topics could not be read
"""

from __future__ import annotations


class AuditError(Exception):
    """An audit could not be made. Says what was wanted, what was seen and what to do next."""


class LedgerError(AuditError):
    """There is no ledger, or a line of it cannot be understood."""


class HistoryError(AuditError):
    """Alpaca's history API did not answer as it should."""


class TopicsError(AuditError):
    """The topics could not be read to their ends."""
