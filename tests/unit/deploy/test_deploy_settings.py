"""What the programs are told: names that they know, values that they take, the same in every place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.deploy.built import Pods, environment, kafka_clients, of_kind, pods, the
from tools.deploy.overlays import DEPLOY

from torghut.config import AlpacaKeys, AlpacaSettings, KafkaSettings, Settings, Symbols, load
from torghut.console.settings import ConsoleSettings
from torghut.forwarder.settings import ForwarderSettings
from torghut.job.settings import JobSettings
from torghut.job.status_writer import StatusSettings
from torghut.platform.flink.configuration import JOB_SETTINGS
from torghut.targets.kubernetes.desired_file import parse

GROUPS: dict[str, tuple[type[Settings], ...]] = {
    "forwarder": (ForwarderSettings, KafkaSettings, AlpacaSettings, Symbols, AlpacaKeys),
    "console": (ConsoleSettings, KafkaSettings),
    "ta-status": (KafkaSettings, JobSettings, StatusSettings),
    "torghut-ta-jobmanager": (KafkaSettings, JobSettings),
    "torghut-ta-taskmanager": (KafkaSettings, JobSettings),
}
"""Who reads what."""

OTHERS = {
    "AWS_ACCESS_KEY_ID",  # Flink's file system, by its environment provider
    "AWS_SECRET_ACCESS_KEY",
    "MALLOC_ARENA_MAX",  # glibc
    "TORGHUT_HOME",  # `torghut.stack.home`
}


def known() -> Iterator[str]:
    for group in {group for groups in GROUPS.values() for group in groups}:
        for field in group.model_fields.values():
            yield from (str(field.alias), f"{field.alias}_FILE")


def test_every_variable_is_one_that_a_program_reads(name: str) -> None:
    unknown = {variable for one in pods(name) for variable in environment(name, one)} - set(known()) - OTHERS
    assert not unknown


def told(name: str, one: Pods, directory: Path) -> dict[str, str]:
    """The pod's environment, with files where it has mounted secrets."""
    found = environment(name, one)
    mounted = directory / "mounted"
    mounted.write_text("a value")
    return {key: str(mounted) if key.endswith("_FILE") else value for key, value in found.items()}


def test_every_program_takes_its_settings(name: str, tmp_path: Path) -> None:
    for one in kafka_clients(name):
        for group in GROUPS[one.owner]:
            load(group, told(name, one, tmp_path))


def test_kafka_is_reached_with_tls_and_a_password(name: str, tmp_path: Path) -> None:
    for one in kafka_clients(name):
        client = load(KafkaSettings, told(name, one, tmp_path)).client()
        assert client["security.protocol"] == "SASL_SSL"
        assert client["sasl.mechanism"] == "SCRAM-SHA-512"


def test_every_file_that_a_variable_names_is_mounted(name: str) -> None:
    for one in kafka_clients(name):
        mounts = tuple(f"{mount['mountPath']}/" for mount in one.container["volumeMounts"])
        files = {key: value for key, value in environment(name, one).items() if key.endswith("_FILE")}
        assert files
        for value in files.values():
            assert value.startswith(mounts)


def test_health_is_served_where_it_is_asked_for(name: str, tmp_path: Path) -> None:
    (forwarder,) = (one for one in pods(name) if one.owner == "forwarder")
    settings = load(ForwarderSettings, told(name, forwarder, tmp_path))
    ports = {port["name"]: port["containerPort"] for port in forwarder.container["ports"]}
    assert ports == {"health": settings.health_port, "metrics": settings.metrics_port}
    assert settings.health_host == "0.0.0.0"  # noqa: S104 - in a pod


def test_the_console_listens_where_its_service_sends(name: str, tmp_path: Path) -> None:
    (console,) = (one for one in pods(name) if one.owner == "console")
    settings = load(ConsoleSettings, told(name, console, tmp_path))
    assert [port["containerPort"] for port in console.container["ports"]] == [settings.port]
    assert settings.hosts


def test_the_job_tells_the_tag_of_its_image(name: str) -> None:
    image = the(name, "FlinkDeployment", "torghut-ta")["spec"]["image"]
    for one in pods(name):
        if one.owner.startswith(("torghut-ta", "ta-status")):
            assert environment(name, one)["TA_TAG"] == image.rpartition(":")[2]


def test_the_job_is_told_what_procedures_change(name: str, tmp_path: Path) -> None:
    file = DEPLOY / "overlays" / name / "desired" / "kustomization.yaml"
    wanted = parse(file.read_bytes(), str(file))
    spec = the(name, "FlinkDeployment", "torghut-ta")["spec"]
    assert spec["flinkConfiguration"]["taskmanager.numberOfTaskSlots"] == str(spec["job"]["parallelism"])
    assert spec["flinkConfiguration"]["execution.checkpointing.dir"].endswith(
        f"/checkpoints/{wanted['job.submission']}"
    )
    for one in pods(name):
        if one.owner.startswith("torghut-ta-"):
            settings = load(JobSettings, told(name, one, tmp_path))
            assert (settings.parallelism, str(settings.parallelism)) == (
                spec["job"]["parallelism"],
                wanted["job.parallelism"],
            )
            assert str(settings.watermark_ms) == wanted["job.setting.TA_WATERMARK_MS"]
            assert str(settings.idle_ms) == wanted["job.setting.TA_IDLE_TIMEOUT_MS"]


def test_the_jobs_status_is_asked_for_by_the_name_that_the_job_has(name: str) -> None:
    (writer,) = (one for one in pods(name) if one.owner == "ta-status")
    # Read, not imported: the module needs PyFlink.
    pipeline = (DEPLOY.parent / "src" / "torghut" / "job" / "pipeline.py").read_text()
    assert f'JOB_NAME: Final = "{environment(name, writer)["FLINK_JOB_NAME"]}"' in pipeline


def test_nothing_waits_to_be_filled_in(name: str) -> None:
    configuration = the(name, "FlinkDeployment", "torghut-ta")["spec"]["flinkConfiguration"]
    options = {"CHECKPOINT_URI", "CHECKPOINT_INTERVAL_MS", "S3_ENDPOINT", "PARALLELISM", "SUBMISSION"}
    assert not any(option in value for value in configuration.values() for option in options)


def test_flink_does_what_the_job_asks_of_any_cluster(name: str) -> None:
    configuration = the(name, "FlinkDeployment", "torghut-ta")["spec"]["flinkConfiguration"]
    for key, value in JOB_SETTINGS.items():
        assert configuration[key] == (str(value).lower() if isinstance(value, bool) else str(value))


def test_flink_survives_its_jobmanager_and_keeps_state_in_the_object_store(name: str) -> None:
    spec = the(name, "FlinkDeployment", "torghut-ta")["spec"]
    configuration = spec["flinkConfiguration"]
    assert configuration["high-availability.type"] == "kubernetes"
    assert spec["job"]["upgradeMode"] == "last-state"
    for key in ("high-availability.storageDir", "execution.checkpointing.dir", "execution.checkpointing.savepoint-dir"):
        assert configuration[key].startswith("s3a://torghut-")


def test_flink_has_no_key_in_its_configuration(name: str) -> None:
    configuration = the(name, "FlinkDeployment", "torghut-ta")["spec"]["flinkConfiguration"]
    assert not any("access.key" in key or "secret" in key or "password" in key for key in configuration)
    assert configuration["fs.s3a.aws.credentials.provider"].endswith("EnvironmentVariableCredentialsProvider")


def test_the_object_stores_keys_come_from_its_secret(name: str) -> None:
    for one in pods(name):
        if one.owner.startswith("torghut-ta-"):
            references = {
                variable["name"]: variable["valueFrom"]["secretKeyRef"]
                for variable in one.container["env"]
                if "secretKeyRef" in variable.get("valueFrom", {})
            }
            assert references == {
                "AWS_ACCESS_KEY_ID": {"name": "torghut-minio", "key": "fs.s3a.access.key"},
                "AWS_SECRET_ACCESS_KEY": {"name": "torghut-minio", "key": "fs.s3a.secret.key"},
            }


def test_the_job_is_no_wider_than_its_topics(name: str) -> None:
    partitions = the(name, "KafkaTopic", "torghut.trades.v1")["spec"]["partitions"]
    parallelism = the(name, "FlinkDeployment", "torghut-ta")["spec"]["job"]["parallelism"]
    assert isinstance(parallelism, int)
    assert parallelism <= partitions


@pytest.mark.parametrize(
    ("overlay", "brokers", "copies", "in_sync"), [("dev", 1, 1, 1), ("drill", 1, 1, 1), ("prod", 3, 3, 2)]
)
def test_records_are_kept_as_often_as_there_are_brokers(overlay: str, brokers: int, copies: int, in_sync: int) -> None:
    assert the(overlay, "KafkaNodePool", "broker")["spec"]["replicas"] == brokers
    for topic in of_kind(overlay, "KafkaTopic"):
        assert topic["spec"]["replicas"] == copies
        assert topic["spec"]["config"]["min.insync.replicas"] == in_sync
    config = the(overlay, "Kafka", "torghut")["spec"]["kafka"]["config"]
    assert config["min.insync.replicas"] == config["transaction.state.log.min.isr"] == in_sync
    assert config["auto.create.topics.enable"] is False
