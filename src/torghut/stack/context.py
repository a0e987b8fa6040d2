"""What every service is made from: the home, the settings, the ports, the tools of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torghut.stack.desired import Settings
from torghut.stack.home import Home
from torghut.stack.ports import PortBook

_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "JAVA_HOME",
    "VIRTUAL_ENV",
    "SSL_CERT_FILE",
    "LOG_LEVEL",
)


@dataclass(frozen=True)
class Context:
    """Where and with what the stack runs. `jars` are Kafka's, `java` runs them."""

    home: Home
    settings: Settings
    ports: PortBook
    java: Path
    jars: Path

    def named_ports(self, *names: str) -> dict[str, int]:
        """The ports of these names."""
        return {name: self.ports.port(name) for name in names}


def torghut(*arguments: str) -> tuple[str, ...]:
    """The command line of one of our own commands."""
    return (sys.executable, "-m", "torghut", *arguments)


def child_environment(own: Mapping[str, str], outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a child sees: the few variables that any program needs, and its own. No secret of ours leaks in."""
    return {name: outer[name] for name in _PASSED_ON if name in outer} | dict(own)
