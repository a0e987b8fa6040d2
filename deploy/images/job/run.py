# ruff: noqa: INP001 - a script in an image, no package
"""What Flink runs. Apart from the package, whose directory must not come first in Python's path."""

from torghut.job.main import main

main()
