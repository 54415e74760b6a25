"""Alert rules and dashboard ask for series that the server has, each rule can fire, and each has its paragraph."""

import json
import re
import subprocess

import pytest
import yaml

import chart
from chart import NAME, render
from container import Container
from control_plane import DEBIAN, ROOT

PROMTOOL = DEBIAN / "usr/bin/promtool"
SERIES = 'job="ns/r"'
RULES = yaml.safe_load(render({"monitoring": {"alerts": {"enabled": True}}})[
    f"ConfigMap/{NAME}-alerts"]["data"]["perdure.yaml"])["groups"][0]["rules"]
DASHBOARD = json.loads((chart.CHART / "dashboards/perdure.json").read_text())
# Made by Prometheus itself.
NOT_OURS = {"up"}
LATENCY = 'operation="StartWorkflowExecution"'

# Series under which each alert fires, and others under which it does not: promtool's notation, every 30 seconds.
BAD = {
    "PerdureDown": [("up{J}", "0x60")],
    "PerdureNodeDown": [("up{J,instance=\"a\"}", "0x60"), ("up{J,instance=\"b\"}", "1x60")],
    "PerdureErrors": [("service_requests{J}", "0+100x60"), ("service_errors{J}", "0+2x60")],
    "PerdureSlow": [(f"service_latency_bucket{{J,{LATENCY},le=\"1\"}}", "0+90x60"),
                    (f"service_latency_bucket{{J,{LATENCY},le=\"5\"}}", "0+100x60"),
                    (f"service_latency_bucket{{J,{LATENCY},le=\"+Inf\"}}", "0+100x60")],
    "PerdureCommitsFail": [("commit_failures{J}", "0+1x60")],
    "PerdureDatabaseWentBack": [("store_records_lost{J}", "0x50 3x10")],
    "PerdureNodesRefuseEachOther": [("node_refusals{J,side=\"caller\"}", "0+1x60")],
    "PerdureCommitsSlow": [("commit_latency_bucket{J,le=\"0.5\"}", "0+90x60"),
                           ("commit_latency_bucket{J,le=\"1\"}", "0+100x60"),
                           ("commit_latency_bucket{J,le=\"+Inf\"}", "0+100x60")],
    "PerdureTimersLate": [("timer_lateness_bucket{J,le=\"5\"}", "0+90x60"),
                          ("timer_lateness_bucket{J,le=\"10\"}", "0+100x60"),
                          ("timer_lateness_bucket{J,le=\"+Inf\"}", "0+100x60")],
    "PerdureBacklogOld": [("approximate_backlog_age_seconds{J,namespace=\"n\",taskqueue=\"q\",task_type=\"Workflow\"}",
                           "0+30x60")],
    "PerdureRefusesForLimits": [
        ("service_errors_resource_exhausted{J,namespace=\"n\",resource_exhausted_cause=\"RPS\"}", "0+60x60")],
    "PerdureHistoryTooLong": [("history_warnings{J,namespace=\"n\",what=\"count\"}", "0+1x60")],
    "PerdurePayloadsTooLarge": [("size_warnings{J,namespace=\"n\",operation=\"o\",what=\"memo\"}", "0+1x60")],
    "PerdureRefusesCredentials": [("authentication_failures{J,reason=\"r\"}", "0+60x60")],
}
GOOD = [
    ("up{J,instance=\"a\"}", "1x60"), ("service_requests{J}", "0+100x60"), ("service_errors{J}", "0+0.5x60"),
    (f"service_latency_bucket{{J,{LATENCY},le=\"1\"}}", "0+100x60"),
    (f"service_latency_bucket{{J,{LATENCY},le=\"+Inf\"}}", "0+100x60"),
    # Polls wait for tasks: they are no measure of the server.
    ("service_latency_bucket{J,operation=\"PollWorkflowTaskQueue\",le=\"1\"}", "0+1x60"),
    ("service_latency_bucket{J,operation=\"PollWorkflowTaskQueue\",le=\"+Inf\"}", "0+100x60"),
    ("store_records_lost{J}", "3x60"), ("node_refusals{J,side=\"caller\"}", "3x60"),
    ("commit_failures{J}", "3x60"), ("commit_latency_bucket{J,le=\"0.5\"}", "0+100x60"),
    ("commit_latency_bucket{J,le=\"+Inf\"}", "0+100x60"), ("timer_lateness_bucket{J,le=\"5\"}", "0+100x60"),
    ("timer_lateness_bucket{J,le=\"+Inf\"}", "0+100x60"),
    ("approximate_backlog_age_seconds{J,namespace=\"n\",taskqueue=\"q\",task_type=\"Workflow\"}", "20x60"),
    ("service_errors_resource_exhausted{J,namespace=\"n\",resource_exhausted_cause=\"RPS\"}", "0+1x60"),
    ("history_warnings{J,namespace=\"n\",what=\"count\"}", "3x60"),
    ("size_warnings{J,namespace=\"n\",operation=\"o\",what=\"memo\"}", "3x60"),
    ("authentication_failures{J,reason=\"r\"}", "0+1x60"),
    # Somebody else's.
    ("commit_failures{job=\"other\"}", "0+9x60"), ("up{job=\"other\"}", "0x60"),
]


def samples(series) -> list[dict]:
    return [{"series": name.replace("{J", "{" + SERIES), "values": values} for name, values in series]


def promtool(tmp_path, series, alerts: dict[str, bool]) -> subprocess.CompletedProcess:
    """Asks, after 29 minutes, which of the alerts fire; told is whether each does."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "perdure", "rules": RULES}]}))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({
        "rule_files": ["rules.yaml"], "evaluation_interval": "30s",
        "tests": [{"interval": "30s", "input_series": samples(series), "promql_expr_test": [
            {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})', "eval_time": "29m",
             "exp_samples": [{"labels": "{}", "value": 1}] if fires else []} for name, fires in alerts.items()]}]}))
    return subprocess.run([PROMTOOL, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True)


def test_rules_are_well_formed(tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "perdure", "rules": RULES}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", "--lint-fatal", tmp_path / "rules.yaml"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_fires_when_it_should(rule, tmp_path):
    done = promtool(tmp_path, BAD[rule["alert"]], {rule["alert"]: True})
    assert done.returncode == 0, done.stdout + done.stderr


def test_none_fires_when_all_is_well(tmp_path):
    done = promtool(tmp_path, GOOD, {rule["alert"]: False for rule in RULES})
    assert done.returncode == 0, done.stdout + done.stderr


def asked_for() -> set[str]:
    """Names of series in rules and dashboard."""
    expressions = [rule["expr"] for rule in RULES]
    expressions += [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    expressions += [one["query"] for one in DASHBOARD["templating"]["list"]]
    return {name for text in expressions for name in re.findall(r"\b([a-z_]+)\{", text)} - NOT_OURS


@pytest.fixture(scope="module")
def shown(image, tmp_path_factory):
    """Names of the series of a server that has done a bit of everything that is measured."""
    # The names that only trouble brings are in the sources.
    sources = "".join(path.read_text() for path in (ROOT / "engine").rglob("*.cc") if "_test" not in path.name)
    folder = tmp_path_factory.mktemp("claim")
    pod = chart.Objects(chart.text({"layout": "embedded"}, {"listen": {"ip": "$(POD_IP)"}})).pod(f"StatefulSet/{NAME}")
    import container_test  # For its addresses, of which each is used once.
    folder.chmod(0o777)
    for one in list(folder.parents)[:-2]:
        one.chmod(0o755)
    server = Container(image, pod, next(container_test.addresses), {}, claims={"data": folder}).start()
    try:
        server.until_ready()
        scraped = subprocess.run(["curl", "-s", f"http://{server.ip}:9090/metrics"], capture_output=True, text=True,
                                 check=True).stdout
    finally:
        server.close()
    return set(re.findall(r"^([a-z_]+)[ {]", scraped, re.MULTILINE)), sources


def test_every_series_that_is_asked_for_is_one_that_the_server_has(shown):
    scraped, sources = shown
    assert "service_latency_bucket" in scraped
    assert len(asked_for()) > 15
    for name in asked_for() - scraped:
        histogram = re.sub("_(bucket|count|sum)$", "", name)
        assert f'"{name}"' in sources or f'"{histogram}"' in sources, f"nobody makes {name}"


def test_each_alert_has_its_paragraph_and_each_paragraph_its_alert():
    text = (ROOT / "docs/operating.md").read_text()
    described = re.findall(r"^- \*\*(Perdure[A-Za-z]+)\*\*", text, re.MULTILINE)
    assert sorted(described) == sorted(rule["alert"] for rule in RULES)
    assert sorted(BAD) == sorted(described)


def test_the_dashboard_is_in_order():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        for target in panel.get("targets", []):
            assert 'job=~"$job"' in target["expr"], panel["title"]


def test_the_dashboards_expressions_are_understood(tmp_path):
    expressions = [re.sub(r"\$__rate_interval", "5m", target["expr"]) for panel in DASHBOARD["panels"]
                   for target in panel.get("targets", [])]
    rules = {"groups": [{"name": "dashboard", "rules": [
        {"record": f"perdure:panel_{number}", "expr": text} for number, text in enumerate(expressions)]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    done = subprocess.run([PROMTOOL, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
