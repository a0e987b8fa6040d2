"""The definitions of the custom resources in `deploy/`, from what their projects publish.

Flink's operator has its definitions in a jar, Strimzi makes them from classes by a program of its own, the others have
them in their Go modules. All are pinned: jars by SHA-256, modules by Go's checksum database. Made once, kept in the
cache, offline from then on.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.deploy.documents import Object, parse, write
from torghut.platform.artifacts import JarSet, Report, fetch_jars, parse_checksums
from torghut.platform.errors import ArtifactError, storage_errors
from torghut.platform.golang import ensure_module
from torghut.platform.java import find_java_since

_HERE: Final = Path(__file__).parent
_JARS: Final = JarSet("crds", _HERE / "crds.pom.xml", parse_checksums((_HERE / "crds.sha256").read_text()))

_MONITORING: Final = "example/prometheus-operator-crd/monitoring.coreos.com_"
_MODULES: Final = (
    (
        "github.com/bitnami-labs/sealed-secrets",
        "v0.40.0",
        ("helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml",),
    ),
    (
        "github.com/argoproj/argo-cd/v3",
        "v3.2.11",
        ("manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml"),
    ),
    (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        tuple(f"{_MONITORING}{kind}.yaml" for kind in ("podmonitors", "prometheusrules", "servicemonitors")),
    ),
)
_STRIMZI_KINDS: Final = {
    "Kafka": "io.strimzi.api.kafka.model.kafka.Kafka",
    "KafkaNodePool": "io.strimzi.api.kafka.model.nodepool.KafkaNodePool",
    "KafkaTopic": "io.strimzi.api.kafka.model.topic.KafkaTopic",
    "KafkaUser": "io.strimzi.api.kafka.model.user.KafkaUser",
}
_FLINK: Final = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"
_FLINK_SNAPSHOT: Final = "META-INF/fabric8/flinkstatesnapshots.flink.apache.org-v1.yml"
"""Of what procedures order; no manifest holds one."""
_FLINK_VERSION: Final = "v2_3"
"""The newest definition in the registry is of operator 1.10, older than the operator that these manifests are for. Its
list of Flink versions ends at 1.20, so ours is added to it; nothing else of it is changed."""
_STRIMZI_JAVA: Final = 21
_STRIMZI_DEADLINE_S: Final = 120.0


def ensure_crds(cache: Path, report: Report = lambda _line: None) -> Path:
    """A directory with one YAML file for each definition.

    Raises:
        PlatformError: Maven, Go, Java or the network is missing.
    """
    target = cache / f"crds-{_stamp()}"
    if target.is_dir():
        return target
    report("definitions of custom resources (once)")
    jars = fetch_jars(_JARS, cache, lambda line: report(f"definitions: {line}"))
    with storage_errors(cache), tempfile.TemporaryDirectory(prefix=".crds.", dir=cache) as temporary:
        fresh = Path(temporary) / "crds"
        fresh.mkdir()
        for definition in (*_from_modules(), *_from_strimzi(jars, Path(temporary)), *_from_flink(jars)):
            (fresh / f"{definition['metadata']['name']}.yaml").write_text(write([definition]))
        fresh.rename(target)
    return target


def load_crds(directory: Path) -> list[Object]:
    """All definitions of the directory."""
    return [definition for path in sorted(directory.glob("*.yaml")) for definition in parse(path.read_bytes())]


def _stamp() -> str:
    """Changes with everything that the definitions are made from: this file names it all."""
    return hashlib.sha256(Path(__file__).read_bytes() + _JARS.version.encode()).hexdigest()[:12]


def _from_modules() -> Iterator[Object]:
    for module, version, files in _MODULES:
        directory = ensure_module(module, version)
        for file in files:
            yield from parse((directory / file).read_bytes())


def _from_strimzi(jars: Path, scratch: Path) -> Iterator[Object]:
    wanted = [f"{name}={scratch / kind}.yaml" for kind, name in _STRIMZI_KINDS.items()]
    command = [
        str(find_java_since(_STRIMZI_JAVA)),
        "-cp",
        f"{jars}/*",
        "io.strimzi.crdgenerator.CrdGenerator",
        "--yaml",
        *wanted,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_STRIMZI_DEADLINE_S)
    if done.returncode != 0:
        raise ArtifactError(f"Strimzi's generator failed ({done.stderr.strip()[-300:]}): check {_JARS.pom.name}")
    for kind in _STRIMZI_KINDS:
        yield from parse((scratch / f"{kind}.yaml").read_bytes())


def _from_flink(jars: Path) -> Iterator[Object]:
    (jar,) = jars.glob("flink-kubernetes-operator-api-*.jar")
    with zipfile.ZipFile(jar) as archive:
        (deployment,) = parse(archive.read(_FLINK))
        yield from parse(archive.read(_FLINK_SNAPSHOT))
    (version,) = deployment["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["flinkVersion"]["enum"].append(_FLINK_VERSION)
    yield deployment
