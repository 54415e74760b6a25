"""A real Prometheus scrapes a rendered pod as our monitors say, and finds what alerts, dashboard and KEDA ask for."""

import json
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request

import pytest
import yaml

import chart
from alerts_test import DASHBOARD
from chart import NAME
from container_test import OWN_ADDRESS, PROGRAM, database, run  # noqa: F401 (fixtures)
from control_plane import DEBIAN, answers, free_port, until

VALUES = {"monitoring": {"podMonitor": {"enabled": True, "interval": "1s", "scrapeTimeout": "1s"},
                         "alerts": {"enabled": True}},
          "auth": {"anonymousMetrics": True},
          "workers": {"w": {"image": {"repository": "w"}, "taskQueue": "orders", "namespace": "shop", "keda": {
              "enabled": True, "prometheusAddress": "http://prometheus"}}},
          "namespaces": ["shop"]}


def scrape_config(endpoint: dict, address: str) -> dict:
    """As the operator writes it: its own labels of the target, then our relabelings over them."""
    relabelings = [{"target_label": one["targetLabel"],
                    **({"replacement": one["replacement"]} if "replacement" in one else {}),
                    **({"source_labels": one["sourceLabels"]} if "sourceLabels" in one else {})}
                   for one in endpoint["relabelings"]]
    return {"job_name": f"podMonitor/ns/{NAME}/0", "honor_labels": endpoint["honorLabels"],
            "metrics_path": endpoint["path"], "scrape_interval": endpoint["interval"],
            "scrape_timeout": endpoint["scrapeTimeout"],
            "static_configs": [{"targets": [address], "labels": {
                "__meta_kubernetes_namespace": "ns", "namespace": "ns", "pod": f"{NAME}-0", "container": "perdure"}}],
            "relabel_configs": relabelings}


@pytest.fixture
def prometheus(run, database):  # noqa: F811
    objects = chart.render(OWN_ADDRESS, VALUES)
    container = run(objects.pod(), database).until_ready()
    with tempfile.TemporaryDirectory(prefix="perdure-prometheus-") as folder:
        endpoint = objects[f"PodMonitor/{NAME}"]["spec"]["podMetricsEndpoints"][0]
        with open(f"{folder}/rules.yaml", "w") as file:
            file.write(objects[f"ConfigMap/{NAME}-alerts"]["data"]["perdure.yaml"])
        with open(f"{folder}/prometheus.yaml", "w") as file:
            yaml.safe_dump({"rule_files": ["rules.yaml"], "global": {"evaluation_interval": "1s"},
                            "scrape_configs": [scrape_config(endpoint, f"{container.ip}:9090")]}, file)
        port = free_port()
        with open(f"{folder}/log", "wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", DEBIAN / "usr/bin/prometheus",
                 f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until("Prometheus", lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60)
            yield f"http://127.0.0.1:{port}", container, objects
        finally:
            process.terminate()
            process.wait(30)


def query(prometheus: str, expression: str) -> list[dict]:
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)["data"]["result"]


def test_what_is_scraped_is_what_is_asked_for(prometheus):
    address, container, objects = prometheus
    until("a scrape", lambda: query(address, 'up{job="ns/r"} == 1'))
    # A workflow that nobody works on, so that KEDA's question has an answer that is not zero.
    started = subprocess.run([PROGRAM, "workflow", "start", "--namespace", "shop", "--type", "Order", "--task-queue",
                              "orders", "--workflow-id", "one", "--address", f"{container.ip}:7233"],
                             capture_output=True, text=True)
    assert started.returncode == 0, started.stdout + started.stderr
    asked = objects[f"ScaledObject/{NAME}-worker-w"]["spec"]["triggers"][0]["metadata"]["query"]
    until("a backlog of one", lambda: [one["value"][1] for one in query(address, asked)] == ["1"])
    # Both meanings of namespace are there.
    backlog = query(address, 'approximate_backlog_count{taskqueue="orders",task_type="Workflow"}')
    assert [(one["metric"]["namespace"], one["metric"]["kubernetes_namespace"]) for one in backlog] == [("shop", "ns")]

    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            expression = re.sub(r"\$__rate_interval", "1m", target["expr"]).replace("$job", "ns/r").replace(
                "$namespace", "shop|default")
            query(address, expression)
    # The panels of what every server does are not empty.
    for expression in ('sum(rate(store_batches{job=~"ns/r"}[1m]))', 'sum by (pod) (cache_size{job=~"ns/r"})'):
        assert until(expression, lambda: query(address, expression))

    with urllib.request.urlopen(f"{address}/api/v1/rules", timeout=10) as response:
        rules = json.load(response)["data"]["groups"][0]["rules"]
    assert len(rules) > 8 and all(rule["health"] in ("ok", "unknown") for rule in rules), rules
    assert not [rule["name"] for rule in rules if rule["state"] == "firing"]

    container.kill()
    until("that PerdureNodeDown is seen", lambda: query(address, 'ALERTS{alertname="PerdureNodeDown"}'))
    until("that PerdureDown is seen", lambda: query(address, 'ALERTS{alertname="PerdureDown"}'))
