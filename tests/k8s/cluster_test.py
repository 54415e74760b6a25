"""The chart in a real control plane: what its API takes, and what becomes of an installation."""

import tempfile
import uuid

import pytest
import yaml

import chart
from chart import LEAST, at, over
from control_plane import until
from values_test import RICH

# Of the groups that the chart makes objects of, and the cluster of the tests serves.
INGRESS = {"grpc": {"enabled": True, "hosts": ["a.example"], "annotations": {"k": "v"},
                    "tls": [{"hosts": ["a.example"], "secretName": "t"}]}}
SHAPES = {
    "least": LEAST,
    "rich": RICH,
    "apart": over(RICH, {"layout": "apart"}),
    "embedded": over(RICH, {"layout": "embedded"}),
    "pod_monitor": over(LEAST, {"monitoring": {"podMonitor": {"enabled": True}, "alerts": {
        "enabled": True, "kind": "PrometheusRule", "labels": {"release": "prometheus"}}}}),
    "tls_secret": over(LEAST, {"tls": {"source": "secret", "secretName": "t"},
                               "internalTls": {"source": "secret", "secretName": "i"}}),
    "load_balancer": over(LEAST, {"ingress": INGRESS, "service": {
        "type": "LoadBalancer", "externalTrafficPolicy": "Local", "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "loadBalancerClass": "example.com/one"}}),
    "node_port": over(LEAST, {"service": {"type": "NodePort", "nodePorts": {"grpc": 30233, "http": 30243}}}),
    "added": over(LEAST, {"node": {
        "extraEnv": [{"name": "A", "value": "b"}], "extraVolumes": [{"name": "v", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "v", "mountPath": "/v"}], "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "operator": "Exists"}], "priorityClassName": "system-cluster-critical",
        "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "preStopSleepSeconds": 0,
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}}]}}}}),
}
VALUES_FOLDER = tempfile.TemporaryDirectory(prefix="perdure-values-")


def file_of(values: dict) -> str:
    path = f"{VALUES_FOLDER.name}/{uuid.uuid4().hex}.yaml"
    with open(path, "w") as file:
        yaml.safe_dump(values, file)
    return path


@pytest.fixture
def namespace(cluster, request):
    name = "t-" + uuid.uuid4().hex[:8]
    cluster.namespace(name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def install(cluster, namespace, values, *flags, verb="install"):
    return cluster.helm(verb, chart.RELEASE, chart.CHART, "-n", namespace, "-f", file_of(values), *flags)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_api_takes_every_object_without_a_warning(cluster, namespace, shape):
    rendered = chart.text(SHAPES[shape]).replace("namespace: ns\n", f"namespace: {namespace}\n")
    done = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", "-", stdin=rendered)
    # Pods that the profile `restricted` would refuse are warned of, too.
    assert "Warning" not in done.stderr, done.stderr
    assert len(done.stdout.splitlines()) == len(chart.Objects(rendered))


def test_the_api_refuses_what_is_wrong(cluster, namespace):
    """Or the test above would say nothing."""
    wrong = chart.text(LEAST).replace("containerPort:", "containerPart:")
    done = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", "ns", "-f", "-", stdin=wrong,
                           may_fail=True)
    assert done.returncode != 0 and "containerPart" in done.stderr
    loose = chart.text(LEAST, {"node": {"podSecurityContext": {"runAsNonRoot": False, "runAsUser": 0}}})
    done = cluster.kubectl("apply", "--dry-run=server", "-n", namespace, "-f", "-",
                           stdin=loose.replace("namespace: ns\n", f"namespace: {namespace}\n"), may_fail=True)
    assert "would violate PodSecurity" in done.stderr


def pods(cluster, namespace, **labels):
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    return cluster.get("pods", "-n", namespace, *(["-l", selector] if selector else []))["items"]


def is_ready(pod) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def test_an_installation_is_scheduled_changed_rolled_back_and_removed(cluster, namespace):
    install(cluster, namespace, LEAST, "--wait", "--timeout=240s")
    nodes = pods(cluster, namespace, **{"app.kubernetes.io/component": "server"})
    assert len(nodes) == 3 and all(map(is_ready, nodes))
    # Spread over the machines.
    assert len({pod["spec"]["nodeName"] for pod in nodes}) == 3
    for service in (chart.NAME, f"{chart.NAME}-headless", f"{chart.NAME}-nodes"):
        addresses = until(f"addresses of {service}", lambda: endpoints(cluster, namespace, service))
        assert addresses == {pod["status"]["podIP"] for pod in nodes}

    install(cluster, namespace, over(LEAST, {"node": {"replicas": 4}, "settings": {"request_rate_limit": 7}}),
            "--wait", "--timeout=240s", verb="upgrade")
    changed = until("the old pods' end", lambda: only(cluster, namespace, 4))
    assert all(variable(pod, "PERDURE_REQUEST_RATE_LIMIT") == "7" for pod in changed)

    cluster.helm("rollback", chart.RELEASE, "1", "-n", namespace, "--wait", "--timeout=240s")
    back = until("the pods of the first revision", lambda: only(cluster, namespace, 3))
    assert all(variable(pod, "PERDURE_REQUEST_RATE_LIMIT") is None for pod in back)

    cluster.helm("uninstall", chart.RELEASE, "-n", namespace, "--wait")
    until("an empty namespace", lambda: not left(cluster, namespace))


def only(cluster, namespace, count):
    found = pods(cluster, namespace, **{"app.kubernetes.io/component": "server"})
    return found if len(found) == count and all(map(is_ready, found)) else None


def variable(pod, name):
    return next((one.get("value") for one in pod["spec"]["containers"][0]["env"] if one["name"] == name), None)


def endpoints(cluster, namespace, service) -> set[str]:
    slices = cluster.get("endpointslices", "-n", namespace, "-l", f"kubernetes.io/service-name={service}")["items"]
    return {address for one in slices for endpoint in one.get("endpoints") or [] for address in endpoint["addresses"]}


def left(cluster, namespace) -> list[str]:
    """All objects in the namespace but those that each has from its birth."""
    kinds = cluster.kubectl("api-resources", "--namespaced", "--verbs=list,delete", "-o", "name").stdout.split()
    listed = cluster.kubectl("get", ",".join(kind for kind in kinds if not kind.startswith("events")), "-n", namespace,
                             "-o", "name", "--ignore-not-found").stdout.split()
    return [one for one in listed if one not in ("configmap/kube-root-ca.crt", "serviceaccount/default")]


def test_everything_at_once_leaves_nothing(cluster, namespace):
    install(cluster, namespace, over(RICH, {"layout": "apart"}))
    assert {one.split("/")[0] for one in left(cluster, namespace)} >= {
        "certificate.cert-manager.io", "horizontalpodautoscaler.autoscaling", "ingress.networking.k8s.io",
        "networkpolicy.networking.k8s.io", "poddisruptionbudget.policy", "scaledobject.keda.sh",
        "servicemonitor.monitoring.coreos.com"}
    cluster.helm("uninstall", chart.RELEASE, "-n", namespace, "--wait")
    until("an empty namespace", lambda: not left(cluster, namespace))


def test_a_change_of_layout_is_one_upgrade(cluster, namespace):
    install(cluster, namespace, LEAST, "--wait", "--timeout=240s")
    install(cluster, namespace, over(LEAST, {"layout": "apart", "node": {"replicas": 1}}), "--wait", "--timeout=240s",
            verb="upgrade")
    until("one pod a role", lambda: sorted(
        pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods(cluster, namespace)
    ) == ["frontend", "history", "matching"])


def test_embedded_keeps_its_volume_or_not_as_it_was_told(cluster, namespace):
    for when, kept in (("Retain", True), ("Delete", False)):
        name = f"{namespace}-{when.lower()}"
        cluster.apply({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
                     "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/nowhere"}}})
        install(cluster, namespace, over({"layout": "embedded"}, {"embedded": {"storage": {
            "storageClassName": name, "whenDeleted": when}}}), "--wait", "--timeout=240s")
        assert is_ready(pods(cluster, namespace)[0])
        cluster.helm("uninstall", chart.RELEASE, "-n", namespace, "--wait")
        claim = f"persistentvolumeclaim/data-{chart.NAME}-0"
        until(f"what is left with {when}", lambda: left(cluster, namespace) == ([claim] if kept else []))
        cluster.kubectl("delete", "-n", namespace, claim, "--ignore-not-found")
        cluster.kubectl("delete", "persistentvolume", name)


def test_two_releases_stand_side_by_side(cluster, namespace):
    install(cluster, namespace, over(LEAST, {"node": {"replicas": 1}}))
    cluster.helm("install", "another", chart.CHART, "-n", namespace, "-f",
                 file_of(over(LEAST, {"node": {"replicas": 1}})), "--wait", "--timeout=240s")
    for service in (chart.NAME, "another-perdure"):
        assert len(until(f"addresses of {service}", lambda: endpoints(cluster, namespace, service))) == 1


def test_a_budget_lets_one_pod_go_at_a_time(cluster, namespace):
    install(cluster, namespace, LEAST, "--wait", "--timeout=240s")
    budget = until("the budget", lambda: cluster.get("pdb", chart.NAME, "-n", namespace)["status"].get(
        "disruptionsAllowed"))
    assert budget == 1


@pytest.mark.parametrize("values, said, unsaid", [
    (LEAST, ["plain text", "may do everything", "deployment/r-perdure", "r-perdure.{}.svc:7233"], ["SQLite"]),
    (over(LEAST, {"tls": {"source": "secret", "secretName": "t"}, "auth": {"apiKeys": {"secretName": "k"}}}),
     ["r-perdure.{}.svc"], ["WARNING"]),
    (over(LEAST, {"layout": "apart"}), ["deployment/r-perdure-frontend", "deployment/r-perdure-history"], []),
    ({"layout": "embedded"}, ["statefulset/r-perdure", "delete pvc data-r-perdure-0"], ["schema"]),
    (over({"layout": "embedded"}, at("embedded.storage.whenDeleted", "Delete")), ["SQLite"], ["delete pvc"]),
])
def test_notes_say_what_to_do_next(cluster, namespace, values, said, unsaid):
    shown = install(cluster, namespace, values, "--dry-run=server").stdout.split("\nNOTES:\n", 1)[1]
    for one in said:
        assert one.format(namespace) in shown
    for one in unsaid:
        assert one not in shown
