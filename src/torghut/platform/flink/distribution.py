"""A FLINK_HOME made of links, because the one inside the Python package lacks the connector and the file system.

`lib` and `opt` are real directories with linked jars: Flink looks for its Python jar in a real `opt` only.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from torghut.platform.errors import ArtifactError, storage_errors
from torghut.platform.flink.environment import site_packages

_PLUGINS: Final = ("metrics-prometheus",)


def make_flink_home(target: Path, environment: Path, jars: Path) -> Path:
    """Make or renew `target`.

    Args:
        target: the directory to be FLINK_HOME; replaced as a whole.
        environment: the job's Python environment.
        jars: the directory with the Kafka connector and the S3 file system.

    Raises:
        ArtifactError: the Python package does not hold what is expected.
        StorageError: the directory cannot be written.
    """
    package = site_packages(environment) / "pyflink"
    with storage_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
            fresh = Path(temporary) / "home"
            _fill(fresh, package, jars)
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
    return target


def _fill(home: Path, package: Path, jars: Path) -> None:
    layout: Mapping[str, list[Path]] = {
        "lib": [*_jars(package, "lib"), *_jars(package, "opt", "flink-python-*"), *jars.glob("*connector-kafka*.jar")],
        "opt": _jars(package, "opt"),
        "plugins/s3": list(jars.glob("flink-s3-fs-*.jar")),
        **{f"plugins/{name}": _jars(package, f"plugins/{name}") for name in _PLUGINS},
    }
    for directory, files in layout.items():
        if not files:
            raise ArtifactError(
                f"{package} and {jars} hold nothing for Flink's {directory}: remove both and run `make setup` again"
            )
        (home / directory).mkdir(parents=True)
        for file in files:
            (home / directory / file.name).symlink_to(file)
    (home / "bin").symlink_to(package / "bin")


def _jars(package: Path, directory: str, pattern: str = "*") -> list[Path]:
    return sorted((package / directory).glob(f"{pattern}.jar"))
