"""The task that makes the bucket and its user: `python -m torghut.stack.provision_store HOME ENDPOINT`.

It runs in the job's environment, which has the client; see `provision` for why it is a process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torghut.platform.errors import PlatformError
from torghut.platform.s3 import Keys, provision
from torghut.stack.home import Home
from torghut.stack.services.minio import BUCKET, root_files, user_files


def main(arguments: list[str]) -> int:
    """Provision the store at the endpoint for the home."""
    home = Home(Path(arguments[0]))
    try:
        provision(arguments[1], Keys.read(*root_files(home)), BUCKET, Keys.read(*user_files(home)))
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"bucket {BUCKET} and its user are in place\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
