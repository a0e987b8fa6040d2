"""Who does something, for the journal."""

from __future__ import annotations

import getpass
import os
import socket


def whoami() -> str:
    """User, host and process."""
    return f"{getpass.getuser()}@{socket.gethostname()} (pid {os.getpid()})"
