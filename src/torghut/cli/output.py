"""What every command shares: exit codes, errors as sentences, JSON on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import msgspec


class Exit(IntEnum):
    """The contract's exit codes."""

    DONE = 0
    BAD = 1
    WRONG_USE = 2
    INTERRUPTED = 3


def print_json(document: Any) -> None:  # noqa: ANN401 - anything msgspec can encode
    """One JSON document on stdout, and nothing else there."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """A known error ends the program with its sentence and code 2; an unknown one keeps its traceback."""
    from torghut.audit.errors import AuditError  # noqa: PLC0415
    from torghut.client.errors import ClientError  # noqa: PLC0415
    from torghut.config import ConfigError  # noqa: PLC0415 - keeps `--help` instant
    from torghut.console.errors import ConsoleError  # noqa: PLC0415
    from torghut.ops.errors import OpsError  # noqa: PLC0415
    from torghut.platform.errors import PlatformError  # noqa: PLC0415
    from torghut.sim import SimError  # noqa: PLC0415
    from torghut.stack.errors import StackError, StartError  # noqa: PLC0415

    try:
        yield
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(Exit.BAD)
    except (
        AuditError,
        ClientError,
        ConfigError,
        ConsoleError,
        OpsError,
        PlatformError,
        SimError,
        StackError,
    ) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(Exit.WRONG_USE)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
