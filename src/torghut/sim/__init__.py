"""A stand-in for Alpaca's market data: stream, history API and the truth about both.

It exists so that everything downstream can be tried against a server that misbehaves on demand and that knows
afterwards what really happened (its ledger). The protocol (`session`), the market (`market`), the recording
(`replay`), delivery under faults (`delivery`) and history queries (`history`) are pure; `stream`, `history_api`,
`control_api` and `server` are thin shells around them.

Errors: `SimError` is the root; `AccountError` (key files), `ReplayError` (recordings), `ListenError` (ports,
certificates), `ControlError` (a control request that was refused).
"""

from __future__ import annotations


class SimError(Exception):
    """Root of what goes wrong in the simulator. The message says what was wanted, what was seen, what to do."""


class AccountError(SimError):
    """The key files of an account cannot be read or written."""


class ReplayError(SimError):
    """A recording cannot be read."""


class ListenError(SimError):
    """A port cannot be listened on, or a certificate cannot be used."""


class ControlError(SimError):
    """A control request was refused; the message carries the server's sentence."""
