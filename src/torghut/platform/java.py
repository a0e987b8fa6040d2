"""Which Java runs the JVM components."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from torghut.platform.errors import JavaError

OLDEST = 17


def parse_version(banner: str) -> int | None:
    """The major version in what `java -version` prints, None if there is none; `1.8.0` is 8."""
    match = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(match[1]) if match else None


def find_java(environment: Mapping[str, str] = os.environ) -> Path:
    """The `java` of JAVA_HOME, else of PATH, if it is new enough.

    Raises:
        JavaError: there is none, or it is too old.
    """
    home = environment.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environment.get("PATH"))
    if found is None or not os.access(found, os.X_OK):
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no `java` in PATH"
        raise JavaError(f"Java {OLDEST} or newer is needed, but {where}: install a JDK or set JAVA_HOME")
    banner = _banner(Path(found))
    version = parse_version(banner)
    if version is None or version < OLDEST:
        seen = f"is Java {version}" if version else f"says {banner.strip()[:120]!r}"
        raise JavaError(f"Java {OLDEST} or newer is needed, but {found} {seen}: install a newer JDK or set JAVA_HOME")
    return Path(found)


def find_java_since(oldest: int, installed: Path = Path("/usr/lib/jvm")) -> Path:
    """Any `java` of at least this version: the one that runs the components, or another one beside it.

    Raises:
        JavaError: none is new enough.
    """
    in_path = shutil.which("java")
    beside = sorted(installed.glob("*/bin/java")) if installed.is_dir() else []
    for java in [Path(in_path), *beside] if in_path else beside:
        version = parse_version(_banner(java))
        if version is not None and version >= oldest:
            return java
    raise JavaError(f"Java {oldest} or newer is needed, but neither PATH nor {installed} has one: install a newer JDK")


def _banner(java: Path) -> str:
    return subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
