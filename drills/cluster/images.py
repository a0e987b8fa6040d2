"""The images of the cluster's containers, made here: archives in the cache, each under a digest of what went into it.

`torghut` is built by its published Dockerfile over a stand-in of its base (`tools.deploy.images`); the others hold one
static program each. No registry of images is asked for anything.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.deploy.images import PYTHON, ROOT, Builder, python_base
from tools.deploy.overlays import DEPLOY

from drills.cluster.programs import PAUSE, SEALED_SECRETS
from torghut.platform.artifacts import Report
from torghut.platform.errors import storage_errors
from torghut.platform.golang import OwnMain, program_path

PAUSE_IMAGE: Final = "localhost/pause:drill"
"""What holds a pod's namespaces."""
SEALED_SECRETS_IMAGE: Final = "localhost/sealed-secrets-controller:drill"
"""The controller as it is published, as `sealed_secrets.yaml` names it."""
TORGHUT_IMAGE: Final = "localhost/torghut:drill"
"""The forwarder, the console and the simulator, under the name that the overlay `drill` has for it."""
_DOCKERFILE: Final = DEPLOY / "images" / "torghut" / "Dockerfile"
_LOCKS: Final = tuple(ROOT / "requirements" / name for name in ("uv.lock", "image.lock"))


@dataclass(frozen=True)
class Image:
    """An image's name in the cluster, and the archive that holds it. `program` is all that is in it, if it is one."""

    name: str
    archive: Path
    program: OwnMain | None = None


def pause(cache: Path) -> Image:
    """The one that every pod needs."""
    return _of_one(cache, PAUSE_IMAGE, PAUSE)


def sealed_secrets(cache: Path) -> Image:
    """What opens what stands sealed in Git."""
    return _of_one(cache, SEALED_SECRETS_IMAGE, SEALED_SECRETS)


def _of_one(cache: Path, name: str, program: OwnMain) -> Image:
    return Image(name, cache / "drill-images" / f"{program.name}-{program.stamp}", program)


def torghut(cache: Path) -> Image:
    """That of the sources as they are now."""
    return Image(TORGHUT_IMAGE, cache / "drill-images" / f"torghut-{_digest()}")


def ensure_image(cache: Path, image: Image, report: Report) -> None:
    """Make it if it is missing.

    Raises:
        ImageError: a tool is missing, or a step failed.
        StorageError: the cache cannot be written.
    """
    if not image.archive.is_file():
        report(f"making {image.name}")
        _make(cache, image, report)


def _make(cache: Path, image: Image, report: Report) -> None:
    # One storage for all: what a Dockerfile did before the sources come in is done once.
    builder = Builder(cache / "drill-image-storage")
    with storage_errors(cache), tempfile.TemporaryDirectory(prefix=".drill-image.", dir=cache) as temporary:
        fresh = Path(temporary) / "archive"
        try:
            builder.run("rm", "--all")
            if image.program is not None:
                program = program_path(cache, image.program)
                builder.commit(image.name, [(program, "/program")], [], "scratch", entrypoint="/program")
            else:
                base = builder.digest(PYTHON) or python_base(builder, cache, report)
                builder.build(image.name, _DOCKERFILE, {"PYTHON": base}, layers=True)
            builder.export(image.name, fresh, image.name)
            builder.run("rmi", "--prune", "--force")
        finally:
            builder.release()
        image.archive.parent.mkdir(exist_ok=True)
        fresh.rename(image.archive)
    for former in image.archive.parent.glob(f"{image.archive.name.rpartition('-')[0]}-*"):
        if former != image.archive:
            former.unlink()


def _digest() -> str:
    """Changes with everything that the image is made of."""
    sources = (path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for file in sorted((*_LOCKS, _DOCKERFILE, *sources)):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]
