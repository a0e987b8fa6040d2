"""MinIO, and the task that makes the bucket and its user. Only there when a job is submitted."""

from __future__ import annotations

from pathlib import Path

from torghut.platform.artifacts import cache_directory
from torghut.platform.files import make_secret
from torghut.platform.minio import server_command, server_environment
from torghut.platform.ports import LOOPBACK
from torghut.stack.components import locate
from torghut.stack.context import Context
from torghut.stack.document import S3Endpoint
from torghut.stack.home import Home
from torghut.stack.service import HttpProbe, Service
from torghut.stack.submission import tags

BUCKET = "torghut"
PORTS = ("minio.api", "minio.console")


def root_files(home: Home) -> tuple[Path, Path]:
    """Name and password of the store's administrator."""
    return home.secrets / "minio" / "user", home.secrets / "minio" / "password"


def user_files(home: Home) -> tuple[Path, Path]:
    """Access key and secret key of the user who may use the bucket only."""
    return home.secrets / "s3" / "access_key", home.secrets / "s3" / "secret_key"


def services(context: Context) -> tuple[Service, ...]:
    """The server, and after it the task."""
    submission = context.settings.ta
    if submission is None:
        return ()
    components, home = locate(cache_directory()), context.home
    api, console = (context.ports.port(name) for name in PORTS)

    def prepare() -> None:
        for file in (*root_files(home), *user_files(home)):
            make_secret(file)

    server = Service(
        name="minio",
        command=server_command(components.minio, home.data / "minio", api, console),
        environment=server_environment(*root_files(home)),
        probe=HttpProbe(f"http://{LOOPBACK}:{api}/minio/health/ready"),
        ports=context.named_ports(*PORTS),
        prepare=prepare,
    )
    store = Service(
        name="store",
        command=(components.python, "-m", "torghut.stack.provision_store", str(home.root), f"http://{LOOPBACK}:{api}"),
        environment={"PYTHONPATH": str(tags(home).code(submission.tag))},
        probe=None,
        depends_on=("minio",),
        once=True,
    )
    return server, store


def endpoint(context: Context) -> S3Endpoint:
    """Where the store is reached, and as whom."""
    access, secret = user_files(context.home)
    return S3Endpoint(f"http://{LOOPBACK}:{context.ports.port('minio.api')}", BUCKET, str(access), str(secret))
