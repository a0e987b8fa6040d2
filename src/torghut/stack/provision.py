"""The task that makes topics, users and permissions: `python -m torghut.stack.provision HOME`.

It runs once for each start of the stack, not at every start of the broker: what a drill takes away (a permission, a
topic) stays away until it is put back. A process of its own keeps Kafka's client threads out of the supervisor.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from torghut.platform.errors import PlatformError
from torghut.platform.files import make_secret
from torghut.platform.kafka.acls import acls_of
from torghut.platform.kafka.admin import Admin
from torghut.platform.kafka.broker import internal_connection
from torghut.platform.kafka.certificates import CertificateFiles
from torghut.stack.document import read_document
from torghut.stack.errors import NoStackError
from torghut.stack.home import Home
from torghut.stack.services.kafka import password_file, users
from torghut.wire.topics import TOPICS, Role


def admin_of(home: Home) -> Admin:
    """An administrator of the home's broker, by the broker's own certificate.

    Raises:
        NoStackError: there is no stack.json.
    """
    document = read_document(home)
    if document is None:
        raise NoStackError(f"{home.document} is not there: start the stack with `torghut up`")
    return Admin(internal_connection(document.ports["kafka.internal"], CertificateFiles(home.secrets / "kafka")))


def provision(home: Home, prefix: str) -> None:
    """Make the topics that start with `prefix`, every user with its password, and the permissions.

    Raises:
        KafkaError: the broker refused.
        NoStackError: there is no stack.json.
    """
    admin = admin_of(home)
    named = users(home)
    admin.set_passwords({user: make_secret(Path(password_file(home, role))) for role, user in named.items()})
    admin.create_topics(TOPICS, prefix)
    admin.allow([entry for role in Role for entry in acls_of(role, named[role.value], prefix)])


def main(arguments: list[str]) -> int:
    """Provision the home named by the first argument; TOPIC_PREFIX comes from the environment."""
    try:
        provision(Home(Path(arguments[0])), os.environ.get("TOPIC_PREFIX", ""))
    except (PlatformError, NoStackError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("topics, users and permissions are in place\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
