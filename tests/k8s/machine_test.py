"""The chart on a real node: a kubelet starts the pods, as images of containerd, probes them and ends them."""

import os
import subprocess
import time
import uuid

import pytest

import chart
from chart import LEAST, over
from cluster_test import install, is_ready, namespace, pods  # noqa: F401 (a fixture)
from conftest import PROGRAM
from control_plane import ROOT, until
from machine import SUBNET, Machine, has_kubelet

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="a kubelet needs root"),
              pytest.mark.skipif(has_kubelet(), reason="this machine is a node of a cluster")]
HERE = {"image": {"repository": "localhost/perdure", "tag": "tests", "pullPolicy": "Never"},
        "node": {"nodeSelector": {"perdure-tests/real": "yes"},
                 "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}}}


@pytest.fixture(scope="module")
def machine(cluster, image):
    running = Machine(cluster).start()
    running.load(image, "localhost/perdure:tests", {
        "Entrypoint": ["/usr/bin/perdure"], "Cmd": ["server", "start"], "User": "65532:65532", "WorkingDir": "/"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def reachable_postgres():
    """As conftest's, but for pods."""
    folder = f"/tmp/perdure-k8s-pods-postgres-{os.getpid()}"
    script = ROOT / "tests/postgres.sh"
    url = subprocess.run([script, "start", folder], check=True, capture_output=True, text=True,
                         env={**os.environ, "PERDURE_POSTGRES_OPTIONS": "-c listen_addresses=*"}).stdout.strip()
    with open(f"{folder}/data/pg_hba.conf", "a") as rules:
        rules.write(f"host all all {SUBNET} trust\n")
    subprocess.run(["psql", "-q", "-c", "SELECT pg_reload_conf()", url], check=True, capture_output=True)
    yield url
    subprocess.run([script, "stop", folder], check=True, capture_output=True)


def call(pod, *what):
    return subprocess.run([PROGRAM, *what, "--address", f"{pod['status']['podIP']}:7233"], capture_output=True,
                          text=True, timeout=30)


def secret_of_database(cluster, namespace, reachable_postgres) -> None:  # noqa: F811
    name = f"pods_{uuid.uuid4().hex[:12]}"
    subprocess.run(["psql", "-q", "-c", f"CREATE DATABASE {name}", reachable_postgres], check=True, capture_output=True)
    port = reachable_postgres.rsplit(":", 1)[1].split("/")[0]
    # The other end of a pod's pair of interfaces is the machine.
    url = f"postgres://postgres@{SUBNET.rsplit('.', 1)[0]}.1:{port}/{name}"
    cluster.kubectl("create", "secret", "generic", "perdure-database", f"--from-literal=url={url}", "-n", namespace)


def log_of(machine, namespace):  # noqa: F811
    return machine.logs() + machine.cluster.kubectl("describe", "pods", "-n", namespace).stdout


def test_embedded_runs_as_a_pod_ends_in_time_and_keeps_its_data(cluster, machine, namespace, tmp_path):  # noqa: F811
    volume = f"{namespace}-real"
    cluster.apply({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
        "spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": volume,
                 "local": {"path": str(tmp_path)}, "nodeAffinity": {"required": {"nodeSelectorTerms": [
                     {"matchExpressions": [{"key": "perdure-tests/real", "operator": "In", "values": ["yes"]}]}]}}}})
    values = over(HERE, {"layout": "embedded", "embedded": {"storage": {"storageClassName": volume}}})
    try:
        install(cluster, namespace, values, "--wait", "--timeout=240s")
    except AssertionError as error:
        error.add_note(log_of(machine, namespace))
        raise
    pod = pods(cluster, namespace)[0]
    assert pod["spec"]["nodeName"] == "machine" and is_ready(pod)
    made = call(pod, "operator", "namespace", "create", "--namespace", "kept")
    assert made.returncode == 0, made.stdout + made.stderr

    begin = time.monotonic()
    cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", namespace)
    # preStop, then the end: far from the 60 seconds after which it would have been killed.
    assert 5 <= time.monotonic() - begin < 25

    def again():
        found = [one for one in pods(cluster, namespace) if one["metadata"]["uid"] != pod["metadata"]["uid"]]
        return found[0] if found and is_ready(found[0]) else None

    second = until("the pod's coming back", again)
    assert "kept" in call(second, "operator", "namespace", "list").stdout
    assert second["status"]["containerStatuses"][0]["restartCount"] == 0
    cluster.helm("uninstall", chart.RELEASE, "-n", namespace, "--wait")
    until("the pod's end", lambda: not pods(cluster, namespace))


def test_nodes_on_postgres_run_as_pods(cluster, machine, namespace, reachable_postgres):  # noqa: F811
    secret_of_database(cluster, namespace, reachable_postgres)
    install(cluster, namespace, over(LEAST, HERE))

    def serving():
        return [pod for pod in pods(cluster, namespace) if is_ready(pod)]

    try:
        until("nodes that serve", lambda: len(serving()) == 3, 90)
    except AssertionError as error:
        error.add_note(log_of(machine, namespace))
        raise
    running = pods(cluster, namespace)
    assert len(running) == 3
    assert call(serving()[0], "workflow", "list").returncode == 0
    # None was restarted on its way there.
    assert all(pod["status"]["containerStatuses"][0]["restartCount"] == 0 for pod in running)
    gone = serving()[0]["metadata"]["name"]
    cluster.kubectl("delete", "pod", gone, "-n", namespace, "--wait=false")
    until("another's serving", lambda: [pod for pod in serving() if pod["metadata"]["name"] != gone])
    cluster.helm("uninstall", chart.RELEASE, "-n", namespace, "--wait")
    until("the pods' end", lambda: not pods(cluster, namespace))


def test_an_upgrade_goes_through_pod_by_pod(cluster, machine, namespace, reachable_postgres):  # noqa: F811
    secret_of_database(cluster, namespace, reachable_postgres)
    install(cluster, namespace, over(LEAST, HERE), "--wait", "--timeout=240s")
    before = pods(cluster, namespace)
    made = call(before[0], "operator", "namespace", "create", "--namespace", "kept")
    assert made.returncode == 0, made.stdout + made.stderr
    try:
        install(cluster, namespace, over(LEAST, HERE, {"settings": {"request_rate_limit": 1000}}), "--wait",
                "--timeout=240s", verb="upgrade")
    except AssertionError as error:
        error.add_note(log_of(machine, namespace))
        raise
    after = until("the old pods' end", lambda: only_new(cluster, namespace, before))
    assert len(after) == 3 and all(map(is_ready, after))
    assert all(pod["status"]["containerStatuses"][0]["restartCount"] == 0 for pod in after)
    for pod in after:
        assert "kept" in call(pod, "operator", "namespace", "list").stdout
    cluster.helm("uninstall", chart.RELEASE, "-n", namespace, "--wait")
    until("the pods' end", lambda: not pods(cluster, namespace))


def only_new(cluster, namespace, before):  # noqa: F811
    found = pods(cluster, namespace)
    return None if {pod["metadata"]["uid"] for pod in found} & {pod["metadata"]["uid"] for pod in before} else found
