"""What the forwarders say of themselves: the status record that each answers with, asked through the API server.

It is the record of the status topic as it is at this moment, and needs no way to Kafka from where procedures run.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from torghut.ops.errors import UnavailableError
from torghut.platform.kubernetes.api import POD
from torghut.platform.kubernetes.objects import Pod
from torghut.runbooks.ports import ForwarderHealth
from torghut.targets.kubernetes.place import Place, answers
from torghut.wire.status import ForwarderStatus


@dataclass(frozen=True)
class KubernetesStatus:
    """The forwarders of an installation."""

    place: Place

    def forwarders(self) -> tuple[ForwarderHealth, ...]:
        """What each pod says; those that do not answer are left out, as a record would be that was never written."""
        with answers():
            pods = self.place.api.list(POD, self.place.namespace, Pod, "app.kubernetes.io/name=forwarder")
        found = []
        for pod in pods:
            try:
                said = said_by(self.place, pod)
            except UnavailableError:
                continue
            found.append(
                ForwarderHealth(said.instance, said.status, said.reason.value, said.detail, said.role, said.ts)
            )
        return tuple(found)


def said_by(place: Place, pod: Pod) -> ForwarderStatus:
    """The status record of a forwarder's pod.

    Raises:
        UnavailableError: it does not answer.
    """
    ref, port = place.ref(POD, pod.metadata.name), pod.port("health")
    if port is None:
        raise UnavailableError(f"{ref} names no port `health`")
    with answers():
        body = place.api.ask(ref, str(port), "/readyz").content
    try:
        return msgspec.json.decode(body, type=ForwarderStatus)
    except msgspec.DecodeError as error:
        raise UnavailableError(f"{ref} does not say how it is") from error
