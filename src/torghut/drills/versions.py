"""Versions of the job for drills: the one that runs, with a few lines added. Most of them are bad on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from torghut.drills.scene import Scene
from torghut.stack.submission import tags

PLAIN: Final[Mapping[str, str]] = {"job/__init__.py": '\nDRILL = "a version that differs in nothing that matters"\n'}

CRASHING: Final[Mapping[str, str]] = {
    "job/main.py": """

def main() -> None:
    raise RuntimeError("a version of a drill: it does not start")
"""
}

SILENT: Final[Mapping[str, str]] = {
    "job/operator.py": '''

class _Mute(TaOperator):
    """It takes everything in, keeps its state, and says nothing."""

    def _finish(self, *arguments):
        for _ in super()._finish(*arguments):
            pass
        return iter(())


TaOperator = _Mute
'''
}

UNREADABLE: Final[Mapping[str, str]] = {
    "job/operator.py": '''

class _Stranger(TaOperator):
    """It keeps its progress in another form, so that it does not understand what the one before it saved."""

    def open(self, runtime_context):
        super().open(runtime_context)
        other = ValueStateDescriptor("progress", Types.LONG())
        self._progress = runtime_context.get_state(other)


TaOperator = _Stranger
'''
}


def slow(seconds: float) -> Mapping[str, str]:
    """For each record it spends `seconds` on each partition of its slot: with half of them it is four times as fast."""
    return {
        "job/operator.py": f'''

class _Slow(TaOperator):
    """It goes through everything that it keeps, for every record."""

    def process_element(self, value, ctx):
        first, last = value[3], value[4]
        time.sleep((last - first + 1) * len(self._shards) * {seconds!r})
        yield from super().process_element(value, ctx)


TaOperator = _Slow
'''
    }


def install(scene: Scene, kind: str, base: str, added: Mapping[str, str]) -> str:
    """Make a version of `base`, with text added to some of its files. Returns its tag."""
    tag = f"drill-{kind}"
    remove(scene, tag)  # left behind by a drill that was killed, and perhaps of other code
    copy = scene.scratch / kind / "torghut"
    shutil.copytree(tags(scene.home).code(base) / "torghut", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in added.items():
        _append(copy / name, text)
    return tags(scene.home).install(tag, copy).name


def remove(scene: Scene, tag: str) -> None:
    """Take a version away again."""
    if tag.startswith("drill-"):
        shutil.rmtree(tags(scene.home).code(tag), ignore_errors=True)


def _append(file: Path, text: str) -> None:
    content = file.read_text() + text
    file.unlink()  # the files of a tag cannot be written
    file.write_text(content)
