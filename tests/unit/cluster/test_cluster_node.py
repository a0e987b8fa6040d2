from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from drills.cluster import cgroups, places
from drills.cluster.credentials import IDENTITIES, Credentials, make_credentials
from drills.cluster.daemons import Daemon, Daemons
from drills.cluster.places import Places

MOUNTS = """\
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu cgroup rw,nosuid,relatime,cpu 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
/dev/vda / ext4 rw,relatime 0 0
"""


def test_every_hierarchy_of_cgroup_1_is_found_with_what_it_is_mounted_by() -> None:
    assert cgroups.hierarchies(MOUNTS) == {"cpu": "cpu", "cpu,cpuacct": "cpu,cpuacct", "systemd": "name=systemd"}


@pytest.fixture
def where(tmp_path: Path) -> Places:
    return Places(tmp_path / "cluster")


@pytest.fixture
def credentials(where: Places) -> Credentials:
    return make_credentials(where)


@pytest.fixture
def daemons(where: Places, credentials: Credentials, tmp_path: Path) -> dict[str, Daemon]:
    (tmp_path / "cache" / "bin").mkdir(parents=True)
    made = Daemons(where, credentials, tmp_path / "cache")
    return {daemon.name: daemon for daemon in (*made.first(), *made.others())}


def test_each_identity_has_a_token_of_its_own_that_only_its_owner_reads(credentials: Credentials) -> None:
    tokens = {yaml.safe_load(credentials.kubeconfig(i).read_text())["users"][0]["user"]["token"] for i in IDENTITIES}
    assert len(tokens) == len(IDENTITIES)
    files = [credentials.tokens, *(credentials.kubeconfig(identity) for identity in IDENTITIES)]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_no_token_stands_in_a_command(daemons: dict[str, Daemon], credentials: Credentials) -> None:
    tokens = [line.partition(",")[0] for line in credentials.tokens.read_text().splitlines()]
    for daemon in daemons.values():
        assert not any(token in argument for token in tokens for argument in daemon.command)


def test_the_authority_vouches_for_the_address_that_pods_know(credentials: Credentials) -> None:
    from cryptography import x509  # noqa: PLC0415 - only here

    certificate = x509.load_pem_x509_certificate(credentials.certificates.broker.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert {places.NODE_ADDRESS, places.FIRST_SERVICE} <= addresses
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_nobody_without_a_certificate_reaches_the_kubelet(daemons: dict[str, Daemon], where: Places) -> None:
    assert "kubelet" in daemons
    config = yaml.safe_load((where.settings / "kubelet.yaml").read_text())
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert Path(config["authentication"]["x509"]["clientCAFile"]).is_file()


def test_containerd_keeps_everything_below_the_clusters_directory(daemons: dict[str, Daemon], where: Places) -> None:
    assert "containerd" in daemons
    config = tomllib.loads((where.settings / "containerd.toml").read_text())
    assert Path(config["root"]).is_relative_to(where.home)
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    (network,) = Path(cri["cni"]["conf_dir"]).iterdir()
    assert json.loads(network.read_text())["plugins"][0]["ipam"]["subnet"] == places.PODS
