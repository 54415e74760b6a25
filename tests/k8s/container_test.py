"""The rendered containers run: their flags, variables, ports, probes, files and end fit the server that is built."""

import os
import pathlib
import subprocess
import time
import uuid

import pytest

import chart
from chart import NAME, over
from conftest import PROGRAM
from container import Container

SERVER = f"Deployment/{NAME}"
# The server is told less than the chart tells it, as long as it does not know it yet.
KNOWN = subprocess.run([PROGRAM, "server", "config"], check=True, capture_output=True, text=True).stdout
needs_tls = pytest.mark.skipif("\ntls_cert:" not in KNOWN, reason="this server has no TLS")
needs_auth = pytest.mark.skipif("\nauth_api_keys:" not in KNOWN, reason="this server asks for no credentials")
addresses = iter(f"127.77.{high}.{low}" for high in range(256) for low in range(1, 255))
# Each pod has an address, as in a cluster; there it is the only one, here others are in use.
OWN_ADDRESS = {"listen": {"ip": "$(POD_IP)"}}


@pytest.fixture
def database(postgres):
    """The secret of a database of the test's own, by name."""
    name = f"k8s_{uuid.uuid4().hex[:12]}"
    subprocess.run(["psql", "-q", "-c", f"CREATE DATABASE {name}", postgres], check=True, capture_output=True)
    return {"perdure-database": {"url": postgres.rsplit("/", 1)[0] + "/" + name}}


@pytest.fixture
def run(image):
    """Starts containers and sees to their end."""
    running = []

    def start(pod, secrets, **options):
        running.append(Container(image, pod, next(addresses), secrets, **options))
        return running[-1].start()

    yield start
    for one in running:
        one.close()


def call(container, what, **options):
    return subprocess.run([PROGRAM, *what, "--address", f"{container.ip}:7233"], capture_output=True, text=True,
                          timeout=30, **options)


def test_a_pod_becomes_ready_serves_on_every_port_and_ends_well(run, database):
    pod = chart.render(OWN_ADDRESS).pod()
    container = run(pod, database).until_ready()
    assert container.probe("livenessProbe") == (200, "serving\n")
    listed = call(container, ["workflow", "list"])
    assert listed.returncode == 0, listed.stderr
    http = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                           f"http://{container.ip}:7243/api/v1/namespaces"], capture_output=True, text=True)
    assert http.stdout == "200"
    metrics = subprocess.run(["curl", "-s", f"http://{container.ip}:9090/metrics"], capture_output=True, text=True)
    assert "service_requests" in metrics.stdout
    code, took = container.stop()
    grace = pod["terminationGracePeriodSeconds"] - pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert code == 0, container.text()
    assert took < min(grace, 15)


def test_the_root_is_read_only_and_the_user_is_nobody(run, database):
    container = run(chart.render(OWN_ADDRESS).pod(), database).until_ready()
    status = pathlib.Path(f"/proc/{container.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if os.geteuid() == 0:
        assert fields["Uid"].split() == ["65532"] * 4
    assert int(fields["CapEff"], 16) == 0
    root = next(line for line in pathlib.Path(f"/proc/{container.pid}/mountinfo").read_text().splitlines()
                if line.split()[4] == "/")
    assert "ro" in root.split()[5].split(",")


def test_settings_namespaces_and_search_attributes_arrive(run, database):
    container = run(chart.render(OWN_ADDRESS, {
        "namespaces": ["orders", "shop"], "searchAttributes": {"Color": "Keyword"},
        "settings": {"blob_size_limit": "1MiB", "request_rate_limit": 1000000},
        "namespaceSettings": {"orders": {"blob_size_limit": "4MiB"}}}).pod(), database).until_ready()
    named = call(container, ["operator", "namespace", "list"])
    assert {"orders", "shop"} <= set(named.stdout.split()), named.stdout + named.stderr
    attributes = call(container, ["operator", "search-attribute", "list", "--namespace", "orders"])
    assert "Color" in attributes.stdout, attributes.stdout + attributes.stderr


def test_every_setting_that_the_schema_knows_is_one_that_the_server_takes(run, database):
    """Each with the value that it has anyway."""
    listed = dict(line.split("  # ")[0].split(": ", 1) for line in KNOWN.splitlines() if line)
    names = chart.schema()["properties"]["settings"]["properties"]
    assert len(names) > 40
    settings = {name: listed[name].strip('"') for name in names}
    run(chart.render(OWN_ADDRESS, {"settings": {name: value for name, value in settings.items() if value}}).pod(),
        database).until_ready()


def test_a_wrong_setting_ends_the_pod_with_its_name(run, database):
    container = run(chart.render(OWN_ADDRESS, {"settings": {"blob_size_limit": "much"}}).pod(), database)
    assert container.process.wait(30) != 0
    assert "PERDURE_BLOB_SIZE_LIMIT" in container.text()


def test_a_database_that_is_not_there_is_said_without_its_password(run):
    container = run(chart.render(OWN_ADDRESS).pod(), {
        "perdure-database": {"url": "postgres://perdure:hunter2@127.0.0.1:9/perdure"}})
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and container.process.poll() is None:
        assert container.probe("readinessProbe")[0] != 200
        time.sleep(0.2)
    assert container.text().strip()
    assert "hunter2" not in container.text()


def test_embedded_keeps_its_data_over_a_restart(run, tmp_path):
    objects = chart.Objects(chart.text({"layout": "embedded"}, OWN_ADDRESS))
    claim = tmp_path / "claim"
    claim.mkdir()
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        os.chmod(folder, 0o755)
    if os.geteuid() == 0:
        os.chown(claim, 65532, 65532)
    pod = objects.pod(f"StatefulSet/{NAME}")
    first = run(pod, {}, claims={"data": claim}).until_ready()
    made = call(first, ["operator", "namespace", "create", "--namespace", "kept"])
    assert made.returncode == 0, made.stdout + made.stderr
    assert first.stop()[0] == 0
    second = run(pod, {}, claims={"data": claim}).until_ready()
    assert "kept" in call(second, ["operator", "namespace", "list"]).stdout
    assert list(claim.iterdir())


def test_three_nodes_on_one_database(run, database):
    pod = chart.render(OWN_ADDRESS).pod()
    nodes = [run(pod, database) for _ in range(3)]
    for node in nodes:
        node.until("startupProbe", 60)
    for node in nodes:
        node.until("readinessProbe", 60)
    serving = next(node for node in nodes if node.probe("readinessProbe")[0] == 200)
    assert serving.stop()[0] == 0
    others = [node for node in nodes if node is not serving]
    deadline = time.monotonic() + 30
    while not any(node.probe("readinessProbe")[0] == 200 for node in others):
        assert time.monotonic() < deadline, "nobody took over"
        time.sleep(0.05)
    for node in others:
        assert node.stop()[0] == 0


def test_roles_apart_make_one_server(run, database):
    objects = chart.render(OWN_ADDRESS, {"layout": "apart"})
    nodes = {role: run(objects.pod(f"Deployment/{NAME}-{role}"), database)
             for role in ("history", "matching", "frontend")}
    for node in nodes.values():
        node.until_ready()
    listed = call(nodes["frontend"], ["workflow", "list"])
    assert listed.returncode == 0, listed.stderr
