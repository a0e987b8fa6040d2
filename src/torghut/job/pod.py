"""What the job's image starts with: `python -m torghut.job.pod COMMAND ...`.

Flink's Kubernetes client chooses the command. Before it runs, the Kafka login file is made of the mounted secret, as
the local stack makes it of its own; the JVM takes user and password from there, so they stand in no configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from torghut.config import ConfigError, KafkaSettings, load
from torghut.platform.files import PRIVATE, write_atomically
from torghut.platform.flink.configuration import java_options, login_text

LOGIN_FILE: Final = Path("/run/torghut/kafka-login.conf")
"""In memory; see deploy/base/ta."""


def prepare(
    environment: Mapping[str, str], login_file: Path = LOGIN_FILE, python: Path = Path(sys.prefix)
) -> dict[str, str]:
    """Write the login file; the environment for the command.

    Args:
        environment: what the pod was told.
        login_file: where the file goes.
        python: the Python environment that PyFlink is in.

    Raises:
        ConfigError: a KAFKA_ variable is missing or wrong.
    """
    kafka = load(KafkaSettings, environment)
    kafka.client()
    login = None if kafka.password is None else (str(kafka.username), kafka.password.get_secret_value())
    write_atomically(login_file, login_text(login).encode(), PRIVATE)
    # Read by every JVM, whatever the configuration that the operator wrote says of options.
    return {**environment, "JDK_JAVA_OPTIONS": java_options(python, login_file)}


def main(command: Sequence[str]) -> int:
    """Become the command."""
    try:
        environment = prepare(os.environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return os.execvpe(command[0], list(command), environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
