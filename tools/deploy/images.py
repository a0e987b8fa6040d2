"""Builds both images where no registry of images can be reached: `python -m tools.deploy.images` (root, on Debian).

The Dockerfiles are the ones that are published; only their bases are stand-ins, made here of Debian packages and of
this machine's Java and Maven, under the names that the Dockerfiles ask for. They live in a storage of their own, so
that nothing else on the machine ever takes one for the real image. What is shown: every step of the Dockerfiles works,
and what comes out runs as nobody and says what it should. What is not: anything about the real bases.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tools.deploy.overlays import DEPLOY
from torghut.platform.artifacts import Report, cache_directory
from torghut.platform.errors import PlatformError
from torghut.platform.java import find_java

ROOT: Final = DEPLOY.parent
PYTHON: Final = "docker.io/library/python:3.11-slim-bookworm"
JAVA: Final = "docker.io/library/eclipse-temurin:17-jre"
MAVEN: Final = "docker.io/library/maven:3.9-eclipse-temurin-17"
_JAVA_HOME: Final = "/opt/java/openjdk"
_PACKAGES: Final = "python3,python3-pip,python3-venv,ca-certificates"
_CERTIFICATES: Final = "/etc/ssl/certs"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEADLINE_S: Final = 1800.0


class ImageError(PlatformError):
    """A tool is missing, or a step failed. The message is the tool's."""


@dataclass(frozen=True)
class Builder:
    """Buildah with a storage of its own."""

    storage: Path

    def run(self, *arguments: str) -> str:
        """What buildah prints.

        Raises:
            ImageError: it failed.
        """
        own = ("--root", str(self.storage / "images"), "--runroot", str(self.storage / "run"))
        return _run(["buildah", *own, *arguments])

    @contextmanager
    def container(self, image: str) -> Iterator[str]:
        """A container of the image, until the block ends."""
        name = self.run("from", "--pull=never", image).strip()
        try:
            yield name
        finally:
            self.run("rm", name)

    def commit(
        self, name: str, files: Sequence[tuple[Path, str]], environment: Sequence[str], base: str, entrypoint: str = ""
    ) -> str:
        """An image of these files on top of `base` (`scratch` for nothing); its digest."""
        with self.container(base) as container:
            for source, target in files:
                self.run("copy", "--quiet", container, str(source), target)
            self.run("config", *(part for value in environment for part in ("--env", value)), container)
            if entrypoint:
                self.run("config", "--entrypoint", f'["{entrypoint}"]', container)
            self.run("commit", "--quiet", container, name)
        return self.digest(name)

    def digest(self, image: str) -> str:
        """Of an image in the storage; empty when there is none."""
        return self.run("images", "--filter", f"reference={image}", "--format", "{{.Digest}}").strip()

    def build(self, image: str, dockerfile: Path, digests: dict[str, str], *, layers: bool = False) -> None:
        """The published Dockerfile, with the certificates that this machine trusts; with `layers`, steps are kept."""
        arguments = [part for name, digest in digests.items() for part in ("--build-arg", f"{name}_DIGEST={digest}")]
        mount = ("--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro")
        how = ("--isolation", "chroot", "--pull=never", f"--layers={str(layers).lower()}")
        where = ("--file", str(dockerfile), "--tag", image)
        self.run("build", *how, *where, *mount, *arguments, str(ROOT))

    def export(self, image: str, file: Path, reference: str) -> None:
        """Write an image to an archive, under the name by which it is asked for where the archive is imported."""
        self.run("push", "--quiet", image, f"docker-archive:{file}:{reference}")

    def clear(self) -> None:
        """Leave neither images nor a mount."""
        self.run("rmi", "--all", "--force")
        self.release()

    def release(self) -> None:
        """Leave no mount: the storage makes one of itself."""
        overlay = self.storage / "images" / "overlay"
        if overlay.is_mount():
            _run(["umount", str(overlay)])

    def try_out(self, image: str, *command: str, mounts: Mapping[Path, str] = MappingProxyType({})) -> str:
        """What a command says in a container of the image, run as its user."""
        volumes = [part for source, target in mounts.items() for part in ("--volume", f"{source}:{target}")]
        with self.container(image) as container:
            return self.run("run", "--isolation", "chroot", *volumes, container, "--", *command)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DEADLINE_S)
    if done.returncode != 0:
        raise ImageError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def base_system(cache: Path, report: Report) -> Path:
    """A minimal Debian with Python, made once.

    Raises:
        ImageError: debootstrap failed.
    """
    target = cache / "image-base-bookworm"
    if not target.is_dir():
        report("a minimal Debian (some minutes, once)")
        with tempfile.TemporaryDirectory(prefix=".image-base.", dir=cache) as temporary:
            fresh = Path(temporary) / "root"
            _run(["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(fresh)])
            (fresh / "usr" / "bin" / "python").symlink_to("python3")
            (fresh / "usr" / "lib" / "python3.11" / "EXTERNALLY-MANAGED").unlink(missing_ok=True)
            fresh.rename(target)
    return target


def python_base(builder: Builder, cache: Path, report: Report) -> str:
    """The base of everything in Python, under the name that the Dockerfiles ask for; its digest.

    Raises:
        ImageError: it cannot be made.
    """
    system = base_system(cache, report)
    report("stand-ins for the bases")
    trust = [f"{name}={_CERTIFICATES}/ca-certificates.crt" for name in ("PIP_CERT", "SSL_CERT_FILE")]
    return builder.commit(PYTHON, [(system, "/")], [f"PATH={_PATH}", *trust], "scratch")


def stand_ins(builder: Builder, cache: Path, report: Report) -> dict[str, str]:
    """The bases under the names that the Dockerfiles ask for; their digests.

    Raises:
        ImageError: one cannot be made.
    """
    python = python_base(builder, cache, report)
    with tempfile.TemporaryDirectory(prefix=".image-java.", dir=cache) as temporary:
        java, maven = Path(temporary) / "java", Path(temporary) / "maven"
        # Debian's are made of links into the rest of the system, some of them to nowhere.
        shutil.copytree(find_java().resolve().parents[1], java, ignore=_dangling)
        shutil.copytree(_maven_home(), maven, ignore=_dangling)
        jre = builder.commit(JAVA, [(java, _JAVA_HOME)], [], "scratch")
        tools = [f"PATH=/opt/maven/bin:{_JAVA_HOME}/bin:{_PATH}", f"JAVA_HOME={_JAVA_HOME}"]
        mvn = builder.commit(MAVEN, [(java, _JAVA_HOME), (maven, "/opt/maven")], tools, PYTHON)
    return {"PYTHON": python, "JAVA": jre, "MAVEN": mvn}


def _dangling(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if not (Path(directory) / name).exists()]


def _maven_home() -> Path:
    found = shutil.which("mvn")
    if found is None:
        raise ImageError("Maven is needed for the job's image: install `mvn`")
    return Path(found).resolve().parents[1]


def build_all(report: Report) -> None:
    """Both images, tried out.

    Raises:
        ImageError: a tool is missing, a step failed, or an image does not do what it should.
    """
    missing = [tool for tool in ("buildah", "debootstrap") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        raise ImageError(f"not built: this needs root, and {' and '.join(missing) or 'nothing else'} installed")
    cache = cache_directory()
    builder = Builder(cache / "image-storage")
    try:
        _build_and_try(builder, cache, report)
    finally:
        builder.clear()


def _build_and_try(builder: Builder, cache: Path, report: Report) -> None:
    digests = stand_ins(builder, cache, report)
    report("torghut")
    builder.build("localhost/torghut", DEPLOY / "images" / "torghut" / "Dockerfile", {"PYTHON": digests["PYTHON"]})
    _expect(builder.try_out("localhost/torghut", "/opt/torghut/bin/python", "-c", _WHO + _PARTS), "10001 ok")
    report("torghut-job")
    builder.build("localhost/torghut-job", DEPLOY / "images" / "job" / "Dockerfile", digests)
    _expect(builder.try_out("localhost/torghut-job", "/opt/python/bin/python", "-c", _WHO + _JOB_PARTS), "10001 ok")
    _expect(_flink_version(builder, cache), "Version: 2.3.0")
    report("both are built over stand-ins of their bases, run as nobody and hold what they need")


def _flink_version(builder: Builder, cache: Path) -> str:
    """What Flink says of itself behind the entrypoint, with the directories that a pod mounts."""
    told = "KAFKA_BOOTSTRAP_SERVERS=kafka:9093 KAFKA_USERNAME=nobody KAFKA_PASSWORD=none"
    with tempfile.TemporaryDirectory(prefix=".image-try.", dir=cache) as temporary:
        mounts = {Path(temporary) / name: f"{at}/{name}" for name, at in _MOUNTED.items()}
        for directory in mounts:
            directory.mkdir()
            os.chown(directory, _USER, _USER)
        (Path(temporary) / "conf" / "config.yaml").write_text("parallelism.default: 1\n")
        command = f"{told} /docker-entrypoint.sh flink --version"
        return builder.try_out("localhost/torghut-job", "sh", "-c", command, mounts=mounts)


_USER: Final = 10001
_MOUNTED: Final = {"torghut": "/run", "conf": "/opt/flink", "log": "/opt/flink"}
_WHO: Final = "import os; print(os.getuid(), end=' '); "
_PARTS: Final = "import torghut.forwarder.main, torghut.console.serve, torghut.audit, torghut.sim.run; print('ok')"
_JOB_PARTS: Final = "import torghut.job.pipeline, torghut.job.pod; print('ok')"


def _expect(said: str, wanted: str) -> None:
    if wanted not in said:
        raise ImageError(f"wanted {wanted!r}, seen {said.strip()[-500:]!r}")


def main() -> int:
    """Build both; 2 if that is not possible here."""
    try:
        build_all(_say)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"images: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
