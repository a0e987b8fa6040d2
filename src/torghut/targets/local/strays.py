"""Forwarders on this machine that log in with the stack's Alpaca keys and are none of its processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from torghut.platform.processes import Process, find_process

_ROLES: Final = ("forwarder",)


def find_strays(workload: str, key_id: str, ours: frozenset[int]) -> dict[str, Process]:
    """By a name that says which process it is (its pid and where it keeps its state, if it says so)."""
    found = {}
    for pid, arguments, environment in _processes() if workload in _ROLES else ():
        if pid in ours or not _is_forwarder(arguments) or _key_id(environment) != key_id:
            continue
        process = find_process(pid)
        if process is not None:
            found[f"pid {pid} ({environment.get('INSTANCE', 'unnamed')})"] = process
    return found


def _is_forwarder(arguments: list[str]) -> bool:
    return arguments[-1:] == ["forwarder"] and any(Path(part).name == "torghut" for part in arguments[:-1])


def _key_id(environment: dict[str, str]) -> str:
    """The key id that a process was started with; what its file says now, when it reads a file."""
    file = environment.get("ALPACA_KEY_ID_FILE")
    try:
        return Path(file).read_text().strip() if file else environment.get("ALPACA_KEY_ID", "")
    except OSError:
        return ""


def _processes() -> Iterator[tuple[int, list[str], dict[str, str]]]:
    """Those that we may look at: pid, arguments, environment."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            if "forwarder" not in arguments[-1:]:
                continue
            variables = (directory / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        yield int(directory.name), arguments, dict(v.split("=", 1) for v in variables if "=" in v)
