"""Logs of the processes: bounded in size, and readable from the end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 32 * 1024 * 1024


def bound(log: Path, limit: int = LIMIT_BYTES) -> None:
    """Move a log that grew beyond `limit` bytes to `NAME.1` and go on from empty.

    The process keeps its open file (it appends), so the content is copied and cut; lines written in that moment may be
    lost. The limit holds twice: the file and its predecessor.
    """
    try:
        if log.stat().st_size <= limit:
            return
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)
    except FileNotFoundError:
        return


def tail(log: Path, lines: int = 8, width: int = 300) -> list[str]:
    """The last lines, each cut to `width` characters; none when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - lines * 1000))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line[:width] for line in text.splitlines()[-lines:]]
