"""What can keep a reader from reading. ClientError is the only one."""

from __future__ import annotations


class ClientError(Exception):
    """Topics cannot be read. Says what was wanted, what was seen and what to do."""
