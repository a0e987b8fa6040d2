"""Sealing a Secret: only the cluster's controller can open what stands in Git afterwards.

`kubeseal` does it, with the controller's certificate; the values reach it on its standard input and nothing else.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from torghut.platform.errors import KubernetesError
from torghut.platform.kubernetes.api import SERVICE, Api, Ref, UnansweredError

CONTROLLER: Final = Ref(SERVICE, "kube-system", "sealed-secrets-controller")
"""Where its own manifests put it."""
_DEADLINE_S: Final = 30.0


@dataclass(frozen=True)
class Sealer:
    """Seals for one cluster. `program` is kubeseal, found in PATH if it is not given."""

    api: Api
    controller: Ref = CONTROLLER
    program: Path | None = None

    def seal(self, secret: Ref, values: Mapping[str, str]) -> bytes:
        """A SealedSecret, as YAML, that becomes this Secret and no other (strict scope).

        Raises:
            KubernetesError: there is no kubeseal, no controller, or it refused.
        """
        program = str(self.program) if self.program else shutil.which("kubeseal")
        if program is None:
            raise KubernetesError(f"sealing {secret} needs kubeseal: put it into PATH")
        with tempfile.NamedTemporaryFile(suffix=".pem") as certificate:
            certificate.write(self.certificate())
            certificate.flush()
            command = (program, "--cert", certificate.name, "--format", "yaml")
            done = subprocess.run(
                command, input=_plain(secret, values), capture_output=True, check=False, timeout=_DEADLINE_S
            )
        if done.returncode != 0:
            raise KubernetesError(f"kubeseal did not seal {secret}: {done.stderr.decode(errors='replace')[-300:]}")
        return done.stdout

    def certificate(self) -> bytes:
        """The newest certificate of the controller.

        Raises:
            UnansweredError: it does not answer.
        """
        # With the scheme: so, and not otherwise, its own Role allows it to everybody who is logged in.
        answer = self.api.ask(self.controller, "http", "/v1/cert.pem", "http")
        if answer.status_code != HTTPStatus.OK:
            raise UnansweredError(f"{self.controller} gives no certificate ({answer.status_code})")
        return answer.content


def _plain(secret: Ref, values: Mapping[str, str]) -> bytes:
    return msgspec.json.encode(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret.name, "namespace": secret.namespace},
            "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
        }
    )
