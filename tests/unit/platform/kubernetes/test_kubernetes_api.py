from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import msgspec
import pytest

from torghut.platform.errors import KubernetesError
from torghut.platform.kubernetes.api import (
    DEPLOYMENT,
    POD,
    SECRET,
    SERVICE,
    Api,
    Kind,
    MissingError,
    Ref,
    UnansweredError,
)
from torghut.platform.kubernetes.objects import Pod, nanoseconds

FORWARDER = Ref(DEPLOYMENT, "torghut", "forwarder")


class Named(msgspec.Struct):
    kind: str


@contextmanager
def api(answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[Api]:
    made = Api(httpx.Client(base_url="https://api", transport=httpx.MockTransport(answer)))
    yield made
    made.close()


def refusing(status: int, message: str = "no") -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json={"kind": "Status", "message": message})


def test_an_object_is_named_by_kind_namespace_and_name() -> None:
    assert str(FORWARDER) == "deployment/torghut/forwarder"


def test_an_object_of_a_group_is_below_its_group() -> None:
    assert FORWARDER.path == "/apis/apps/v1/namespaces/torghut/deployments/forwarder"
    assert Ref(SECRET, "torghut", "s").path == "/api/v1/namespaces/torghut/secrets/s"
    assert Kind("node", "v1", "nodes", namespaced=False).collection("any") == "/api/v1/nodes"


@pytest.mark.parametrize(
    ("status", "error"), [(404, MissingError), (503, UnansweredError), (500, UnansweredError), (403, KubernetesError)]
)
def test_a_refusal_names_the_object_and_says_why(status: int, error: type[KubernetesError]) -> None:
    with api(refusing(status, "because of this")) as asked, pytest.raises(error) as caught:
        asked.read(FORWARDER, Named)
    assert type(caught.value) is error
    assert "deployment/torghut/forwarder" in str(caught.value)
    assert "because of this" in str(caught.value)


def test_a_server_that_is_not_there_does_not_answer() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with api(nobody) as asked, pytest.raises(UnansweredError, match="deployment/torghut/forwarder"):
        asked.read(FORWARDER, Named)


def test_an_object_that_is_not_there_is_none_to_who_only_looks() -> None:
    with api(refusing(404)) as asked:
        assert asked.find(FORWARDER, Named) is None


def test_removing_what_is_not_there_is_no_error() -> None:
    with api(refusing(404)) as asked:
        asked.delete(FORWARDER)


def test_an_object_of_another_form_is_told_as_that() -> None:
    with (
        api(lambda _: httpx.Response(200, json={"kind": 1})) as asked,
        pytest.raises(KubernetesError, match="expected"),
    ):
        asked.read(FORWARDER, Named)


def test_what_a_pod_answers_is_passed_on_whatever_its_status() -> None:
    def pod(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/namespaces/torghut/pods/p:8080/proxy/readyz"
        return httpx.Response(503, text="not ready")

    with api(pod) as asked:
        assert asked.ask(Ref(POD, "torghut", "p"), "8080", "/readyz").text == "not ready"


def test_the_way_to_a_service_is_below_the_api_server() -> None:
    with api(refusing(404)) as asked:
        assert asked.way_to(Ref(SERVICE, "torghut", "sim"), "8765").endswith("/services/sim:8765/proxy")


def test_a_pod_says_which_secrets_it_takes_from_volumes_and_from_the_environment() -> None:
    pod = msgspec.convert(
        {
            "metadata": {"name": "p"},
            "spec": {
                "volumes": [{"secret": {"secretName": "mounted"}}, {"emptyDir": {}}],
                "containers": [
                    {
                        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "variable", "key": "k"}}}],
                        "envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {"name": "options"}}],
                    }
                ],
            },
        },
        Pod,
    )
    found = {name for name in ("mounted", "variable", "all", "options", "p") if pod.uses_secret(name)}
    assert found == {"mounted", "variable", "all"}


def test_a_moment_of_kubernetes_is_nanoseconds_since_the_epoch() -> None:
    assert nanoseconds("1970-01-01T00:00:02Z") == 2_000_000_000
