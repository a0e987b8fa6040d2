"""What every pod may and may not do."""

from __future__ import annotations

from tests.unit.deploy.built import Pods, environment, of_kind, overlay, pods, secrets_of, the
from tools.deploy.documents import Object

from torghut.forwarder.service import LEAVE_S


def test_there_are_pods_to_look_at(name: str) -> None:
    assert {one.owner for one in pods(name)} >= {"forwarder", "console", "ta-status", "torghut-ta-taskmanager"}


def test_no_pod_runs_as_root(name: str) -> None:
    for one in pods(name):
        context = one.spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 10_000


def containers(name: str) -> list[Object]:
    return [container for one in pods(name) for container in one.containers]


def test_no_container_writes_to_its_image(name: str) -> None:
    for container in containers(name):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_no_container_gains_privileges(name: str) -> None:
    for container in containers(name):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context.get("privileged")


def test_system_calls_are_filtered(name: str) -> None:
    assert all(one.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"} for one in pods(name))


def test_nothing_of_the_node_is_shared(name: str) -> None:
    for one in pods(name):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & one.spec.keys()
        assert not any("hostPath" in volume for volume in one.spec.get("volumes", ()))


def test_what_a_pod_may_write_is_bounded(name: str) -> None:
    for one in pods(name):
        for volume in one.spec.get("volumes", ()):
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"], (one.owner, volume["name"])


def test_every_mounted_volume_is_there_and_secrets_are_mounted_read_only(name: str) -> None:
    for one in pods(name):
        volumes = {volume["name"]: volume for volume in one.spec.get("volumes", ())}
        for mount in (mount for container in one.containers for mount in container["volumeMounts"]):
            assert mount.get("readOnly") is True or "emptyDir" in volumes[mount["name"]]


def test_pods_cannot_take_a_nodes_memory(name: str) -> None:
    deployments = [one for one in pods(name) if not one.owner.startswith("torghut-ta-")]
    assert all("memory" in one.container["resources"]["limits"] for one in deployments)
    assert all({"cpu", "memory"} <= one.container["resources"]["requests"].keys() for one in deployments)
    flink = the(name, "FlinkDeployment", "torghut-ta")["spec"]
    assert all({"cpu", "memory"} <= flink[part]["resource"].keys() for part in ("jobManager", "taskManager"))


def test_only_who_needs_the_api_server_has_a_token(name: str) -> None:
    with_token = {one.spec["serviceAccountName"] for one in pods(name) if has_token(one)}
    assert with_token == {"forwarder", "ta"}


def has_token(one: Pods) -> bool:
    return one.spec.get("automountServiceAccountToken") is not False


def test_the_token_carries_the_rights_of_a_role_of_the_namespace(name: str) -> None:
    accounts = {one["metadata"]["name"] for one in of_kind(name, "ServiceAccount")}
    bound = {binding["subjects"][0]["name"] for binding in of_kind(name, "RoleBinding")}
    assert accounts == bound
    assert not of_kind(name, "ClusterRole", "ClusterRoleBinding")


def test_the_forwarder_may_touch_its_lease_and_nothing_else(name: str) -> None:
    (forwarder,) = (one for one in pods(name) if one.owner == "forwarder")
    (rule,) = the(name, "Role", "forwarder")["rules"]
    assert rule == {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": [environment(name, forwarder)["LEASE_NAME"]],
        "verbs": ["get", "patch"],
    }
    assert the(name, "Lease", rule["resourceNames"][0])["metadata"]["namespace"] == forwarder.namespace


def test_no_role_has_a_wildcard(name: str) -> None:
    for role in of_kind(name, "Role"):
        for rule in role["rules"]:
            assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])


def test_only_who_runs_procedures_reads_secrets_and_only_those_that_they_are_about(name: str) -> None:
    readers = [
        (role["metadata"]["name"], rule["verbs"], rule["resourceNames"])
        for role in of_kind(name, "Role")
        for rule in role["rules"]
        if "secrets" in rule["resources"]
    ]
    users = ["torghut-forwarder", "torghut-forwarder-2", "torghut-ta", "torghut-ta-2"]
    given = ["torghut-forwarder-passwords", "torghut-ta-passwords"]
    assert readers == [
        ("procedures", ["get"], [*users, *given, "torghut-cluster-ca-cert"]),
        ("procedures", ["get"], ["torghut-alpaca", "torghut-minio", "torghut-audit"]),
        ("procedures", ["get", "create", "patch"], [*users, "torghut-cluster-ca-cert"]),
    ]


def test_who_runs_procedures_may_change_the_job_and_order_savepoints_and_delete_neither(name: str) -> None:
    rules = [
        rule for role in of_kind(name, "Role") for rule in role["rules"] if "flink.apache.org" in rule["apiGroups"]
    ]
    job = the(name, "FlinkDeployment", "torghut-ta")["metadata"]["name"]
    assert {(*rule["resources"], *rule.get("resourceNames", ()), *rule["verbs"]) for rule in rules} == {
        ("flinkdeployments", job, "get", "patch"),
        ("flinkstatesnapshots", "get", "create"),
    }


def test_who_runs_procedures_reads_what_pods_answer_and_sends_them_nothing(name: str) -> None:
    rules = [rule for role in of_kind(name, "Role") for rule in role["rules"]]
    proxies = [rule["verbs"] for rule in rules if any(one.endswith("/proxy") for one in rule["resources"])]
    assert {tuple(verbs) for verbs in proxies} == {("get",)}


def test_no_pod_of_ours_has_the_rights_of_procedures(name: str) -> None:
    assert all(one.spec.get("serviceAccountName") != "procedures" for one in pods(name))


def test_the_forwarder_is_one_and_its_successor_waits_for_its_end(name: str) -> None:
    spec = the(name, "Deployment", "forwarder")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert not of_kind(name, "PodDisruptionBudget", "HorizontalPodAutoscaler")


def test_the_forwarder_has_time_to_flush(name: str) -> None:
    assert the(name, "Deployment", "forwarder")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > LEAVE_S


def test_restarts_depend_on_the_process_alone(name: str) -> None:
    container = the(name, "Deployment", "forwarder")["spec"]["template"]["spec"]["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["startupProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_every_image_has_a_version(name: str) -> None:
    for one in pods(name):
        _, separator, tag = one.container["image"].rpartition(":")
        assert separator
        assert tag not in ("", "latest")


def test_no_secret_is_in_the_manifests(name: str) -> None:
    assert not of_kind(name, "Secret")
    for one in overlay(name):
        if one["kind"] == "SealedSecret":
            assert set(one["spec"]["encryptedData"].values()) == {"PLACEHOLDER"}


def test_every_secret_that_a_pod_reads_comes_from_somewhere(name: str) -> None:
    sealed = {
        (one["spec"]["template"]["metadata"]["name"], key)
        for one in of_kind(name, "SealedSecret")
        for key in one["spec"]["encryptedData"]
    }
    users = {(one["metadata"]["name"], "password") for one in of_kind(name, "KafkaUser")}
    authority = {(f"{one['metadata']['name']}-cluster-ca-cert", "ca.crt") for one in of_kind(name, "Kafka")}
    needed = {secret for one in pods(name) for secret in secrets_of(one)} - {("torghut-alpaca", "*")}
    assert needed <= sealed | users | authority
