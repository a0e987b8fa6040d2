"""The images of the cluster's containers, made here: archives in the cache, each under a digest of what went into it.

No registry is asked for anything.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.deploy.images import Builder

from drills.cluster.programs import PAUSE
from torghut.platform.artifacts import Report
from torghut.platform.errors import storage_errors
from torghut.platform.golang import program_path

PAUSE_IMAGE: Final = "localhost/pause:drill"
"""What holds a pod's namespaces: one static program, and nothing else in it."""


@dataclass(frozen=True)
class Image:
    """An image's name in the cluster, and the archive that holds it."""

    name: str
    archive: Path


def pause(cache: Path) -> Image:
    """The one that every pod needs."""
    return Image(PAUSE_IMAGE, cache / "drill-images" / f"{PAUSE.name}-{PAUSE.stamp}")


def ensure_images(cache: Path, report: Report) -> tuple[Image, ...]:
    """All of them, made where they are missing.

    Raises:
        ImageError: buildah is missing, or a step failed.
        StorageError: the cache cannot be written.
    """
    image = pause(cache)
    if not image.archive.is_file():
        report(f"making {image.name} (once)")
        _make(cache, image)
    return (image,)


def _make(cache: Path, image: Image) -> None:
    with storage_errors(cache), tempfile.TemporaryDirectory(prefix=".drill-image.", dir=cache) as temporary:
        builder, fresh = Builder(Path(temporary) / "storage"), Path(temporary) / "archive"
        try:
            builder.commit(image.name, [(program_path(cache, PAUSE), "/program")], [], "scratch", entrypoint="/program")
            builder.export(image.name, fresh, image.name)
        finally:
            builder.clear()
        image.archive.parent.mkdir(exist_ok=True)
        fresh.rename(image.archive)
