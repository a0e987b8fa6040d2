"""What the job needs on this machine: its Python environment, Flink's jars and home, MinIO. Fetched and built once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torghut
from torghut.platform import minio
from torghut.platform.artifacts import JarSet, Report, fetch_jars
from torghut.platform.flink.distribution import make_flink_home
from torghut.platform.flink.environment import ensure_environment, environment_directory
from torghut.stack.errors import StackError

PACKAGE = Path(torghut.__file__).parent


@dataclass(frozen=True)
class JobComponents:
    """Where they stand."""

    environment: Path
    flink_home: Path
    minio: Path

    @property
    def python(self) -> str:
        """The interpreter of the job's environment."""
        return str(self.environment / "bin" / "python")


def lock_file() -> Path:
    """What the job needs, resolved, in the checkout that this code runs from.

    Raises:
        StackError: it is not there.
    """
    path = PACKAGE.parents[1] / "requirements" / "job.lock"
    if not path.is_file():
        raise StackError(f"{path} is not there: the job is submitted from a checkout of the project")
    return path


def locate(cache: Path) -> JobComponents:
    """Where the components are, or will be."""
    environment, jars = environment_directory(lock_file(), cache), JarSet.pinned("flink")
    return JobComponents(
        environment=environment,
        flink_home=cache / f"flink-home-{environment.name.rpartition('-')[2]}-{jars.version}",
        minio=minio.binary(cache),
    )


def ensure(cache: Path, report: Report) -> JobComponents:
    """Fetch and build what is missing, side by side.

    Raises:
        PlatformError: a tool, the network or disk space is missing.
        StackError: this is no checkout.
    """
    components = locate(cache)
    if components.flink_home.is_dir() and components.minio.is_file() and components.environment.is_dir():
        return components
    with ThreadPoolExecutor(3) as pool:
        built = pool.submit(minio.ensure_minio, cache, report)
        jars = pool.submit(fetch_jars, JarSet.pinned("flink"), cache, lambda line: report(f"flink: {line}"))
        environment = pool.submit(ensure_environment, lock_file(), cache, report)
        make_flink_home(components.flink_home, environment.result(), jars.result())
        built.result()
    return components
