from __future__ import annotations

import json
from pathlib import Path

import pytest

from torghut.platform.errors import ArtifactError
from torghut.platform.flink.configuration import S3, Cluster, ClusterPorts, write_configuration
from torghut.platform.flink.distribution import make_flink_home
from torghut.platform.flink.environment import site_packages

STORE = S3("http://127.0.0.1:1", "bucket", "the-access-key", 'the-"secret"-key')


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    package = site_packages(tmp_path / "env") / "pyflink"
    for directory in ("bin", "conf", "lib", "opt", "plugins/metrics-prometheus"):
        (package / directory).mkdir(parents=True)
    (package / "conf" / "config.yaml").write_text("env:\n  java:\n    opts:\n      all: --add-exports=a=b\n")
    for jar in ("lib/flink-dist.jar", "opt/flink-python-1.jar", "plugins/metrics-prometheus/prom.jar"):
        (package / jar).touch()
    return Cluster(tmp_path / "flink", tmp_path / "home", tmp_path / "env", ClusterPorts(1, 2, 3, 4))


def settings_of(cluster: Cluster) -> dict[str, object]:
    lines = (cluster.configuration / "config.yaml").read_text().splitlines()
    return {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines)}


def test_secrets_stand_in_private_files_only(cluster: Cluster) -> None:
    write_configuration(cluster, STORE, "7", ("ta", 'pass"word'))
    assert cluster.configuration.stat().st_mode & 0o777 == 0o700
    for file in cluster.configuration.iterdir():
        if "secret" in file.read_text() or "pass" in file.read_text():
            assert file.stat().st_mode & 0o777 == 0o600


def test_values_are_quoted_so_that_any_secret_survives(cluster: Cluster) -> None:
    write_configuration(cluster, STORE, "7", ("ta", 'pass"word'))
    assert settings_of(cluster)["fs.s3a.secret.key"] == 'the-"secret"-key'
    assert r'password="pass\"word"' in cluster.login_file.read_text()


def test_each_submission_has_its_own_checkpoints_and_all_share_the_savepoints(cluster: Cluster) -> None:
    write_configuration(cluster, STORE, "7", None)
    settings = settings_of(cluster)
    assert settings["execution.checkpointing.dir"] == "s3a://bucket/checkpoints/7"
    assert settings["execution.checkpointing.savepoint-dir"] == "s3a://bucket/savepoints"


def test_the_options_of_the_package_are_kept(cluster: Cluster) -> None:
    write_configuration(cluster, STORE, "7", None)
    assert str(settings_of(cluster)["env.java.opts.all"]).startswith("--add-exports=a=b ")


def test_the_home_has_real_directories_with_linked_jars(cluster: Cluster, tmp_path: Path) -> None:
    jars = tmp_path / "jars"
    jars.mkdir()
    for jar in ("flink-sql-connector-kafka-1.jar", "flink-s3-fs-hadoop-1.jar"):
        (jars / jar).touch()
    home = make_flink_home(cluster.home, cluster.environment, jars)
    assert {path.name for path in (home / "lib").iterdir()} == {
        "flink-dist.jar",
        "flink-python-1.jar",
        "flink-sql-connector-kafka-1.jar",
    }
    assert not (home / "opt").is_symlink()
    assert (home / "plugins" / "s3" / "flink-s3-fs-hadoop-1.jar").is_file()
    assert (home / "plugins" / "metrics-prometheus" / "prom.jar").is_file()


def test_a_package_that_lacks_something_is_told(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="plugins/s3"):
        make_flink_home(cluster.home, cluster.environment, tmp_path / "nothing")
