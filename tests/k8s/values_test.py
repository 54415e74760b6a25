"""Every value of the chart does something, and a name that it does not have is refused."""

import functools
import json
import os
import subprocess
import sys

import jsonschema
import pytest

import chart
from chart import LEAST, at, over
from control_plane import ROOT

SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text())
PROGRAM = ROOT / os.environ.get("PERDURE_BINARY", "build/release/bin/perdure")

# All that can be switched on together, so that every value has something to act on.
RICH = over(LEAST, {
    "namespaces": ["orders"],
    "tls": {"source": "certManager", "clientCa": {"enabled": True}, "certManager": {"issuerRef": {"name": "ca"}}},
    "internalTls": {"source": "certManager", "certManager": {"issuerRef": {"name": "ca"}}},
    "auth": {"jwks": {"secretName": "jwks"}, "apiKeys": {"secretName": "keys"}},
    "node": {"autoscaling": {"enabled": True, "backlog": {"enabled": True}}},
    "ingress": {"grpc": {"enabled": True, "hosts": ["grpc.example"]}, "http": {"enabled": True, "hosts": ["a.example"]}},
    "networkPolicy": {"enabled": True, "egress": {"enabled": True}},
    "monitoring": {"serviceMonitor": {"enabled": True}, "serverCa": {"secretName": "ca"},
                   "bearerToken": {"secretName": "token"}, "dashboard": {"enabled": True}, "alerts": {"enabled": True}},
    "workers": {"orders": {}},
    "workerDefaults": {"image": {"repository": "worker"}, "taskQueue": "orders", "apiKey": {"secretName": "key"},
                       "serverCa": {"secretName": "ca"}, "clientCertificate": {"secretName": "client"},
                       "keda": {"enabled": True, "prometheusAddress": "http://prometheus"}},
})
# What changes nothing there has to change something here.
OTHERS = [
    LEAST,
    over(LEAST, {"tls": {"secretName": "tls"}, "internalTls": {"secretName": "internal"}}),
    over(LEAST, {"monitoring": {"podMonitor": {"enabled": True}}}),
    over(RICH, {"workerDefaults": {"keda": {"enabled": False}}}),
    over(RICH, {"layout": "embedded"}),
    over(LEAST, {"layout": "apart"}),
    over(LEAST, {"tls": {"source": "secret", "secretName": "tls"}, "internalTls": {"source": "secret", "secretName": "i"},
                 "auth": {"jwks": {"url": "https://keys.example"}}}),
]
# A value that differs from the default, where its type does not suggest one.
ANOTHER = {
    "layout": "embedded", "auth.jwks.url": "https://keys.example", "image.digest": "sha256:" + "0" * 64,
    "workerDefaults.image.digest": "sha256:" + "0" * 64, "embedded.storage.size": "5Gi",
    "searchAttributes": {"Color": "Keyword"}, "settings": {"request_rate_limit": 1000000},
    "namespaceSettings": {"orders": {"blob_size_limit": "4MiB"}}, "node.autoscaling.backlog.averageValue": "7",
    "node.strategy.maxUnavailable": "50%", "workerDefaults.strategy.maxSurge": 1,
    "workerDefaults.strategy.maxUnavailable": 1, "networkPolicy.egress.rules": [{"ports": [{"port": 5432}]}],
    "networkPolicy.clients": [{"podSelector": {}}], "networkPolicy.metrics": [{"podSelector": {}}],
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}],
    "roles.frontend": {"replicas": 9}, "roles.history": {"replicas": 9}, "roles.matching": {"replicas": 9},
    "node.resources.requests": {"cpu": "2"}, "node.resources.limits": {"cpu": "2"},
    "workers": {"other": {"image": {"repository": "other"}}}, "node.terminationGracePeriodSeconds": 90,
    "monitoring.podMonitor.enabled": True, "workerDefaults.resources": {"requests": {"cpu": "1"}},
}
# The context in which a value stands beside what it excludes.
ONLY_WITH = {"auth.jwks.url": LEAST, "monitoring.podMonitor.enabled": LEAST}


def leaves(values: dict, path: str = ""):
    for name, value in values.items():
        inner = f"{path}.{name}" if path else name
        if isinstance(value, dict) and value and inner not in ANOTHER:
            yield from leaves(value, inner)
        else:
            yield inner


def schema_at(path: str) -> dict:
    found = SCHEMA
    for name in path.split("."):
        # Without properties: a type of Kubernetes, which the chart hands on as it is.
        found = resolve(found).get("properties", {}).get(name, {})
    return resolve(found)


def resolve(schema: dict) -> dict:
    if "$ref" in schema:
        return SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def another(path: str, default):
    if path in ANOTHER:
        return ANOTHER[path]
    schema = schema_at(path)
    if "enum" in schema:
        return next(one for one in schema["enum"] if one not in (default, "none"))
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    if isinstance(default, dict):
        return {"a": "b"}
    if isinstance(default, list):
        items = schema.get("items", {"type": "string"})
        if "enum" in items:
            return [items["enum"][-1]]
        return ["other"] if items.get("type") == "string" else [{"name": "other"}]
    return "7s" if "pattern" in schema else "other"


def value_at(values: dict, path: str):
    for name in path.split("."):
        values = values[name]
    return values


@functools.cache
def outcome(values: str) -> tuple[int, str]:
    done = chart.template(json.loads(values))
    return done.returncode, done.stdout


@pytest.mark.parametrize("path", sorted(leaves(chart.defaults())))
def test_every_value_changes_what_is_rendered(path):
    default = value_at(chart.defaults(), path)
    contexts = [ONLY_WITH[path]] if path in ONLY_WITH else [RICH, *OTHERS]
    for context in contexts:
        before = outcome(json.dumps(over(context, at(path, default)), sort_keys=True))
        after = outcome(json.dumps(over(context, at(path, another(path, default))), sort_keys=True))
        # What the chart refuses says nothing of this value; that it takes what it refused before does.
        if after[0] == 0 and after != before:
            return
    raise AssertionError(f"{path}: changes nothing")


def maps(schema: dict, path: tuple = ()):
    """Where the schema says which names there are."""
    schema = resolve(schema)
    if schema.get("additionalProperties") is False:
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from maps(inner, (*path, name))
    for inner in schema.get("patternProperties", {}).values():
        yield from maps(inner, (*path, "name"))


@pytest.mark.parametrize("path", sorted(maps(SCHEMA)), ids=".".join)
def test_a_name_that_there_is_not_is_refused(path):
    values = over(chart.defaults(), at(".".join((*path, "Typo")), 1))
    errors = list(jsonschema.Draft7Validator(SCHEMA).iter_errors(values))
    assert any("Typo" in error.message for error in errors), f"taken: {'.'.join(path)}.Typo"


def test_the_schema_is_one_and_takes_the_defaults():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(chart.defaults(), SCHEMA)
    jsonschema.validate(RICH, SCHEMA)


def test_the_schema_is_what_the_server_and_the_defaults_make_it(tmp_path):
    fresh = tmp_path / "values.schema.json"
    subprocess.run([sys.executable, ROOT / "deploy/helm/schema.py", PROGRAM, fresh], check=True)
    assert fresh.read_text() == (chart.CHART / "values.schema.json").read_text(), \
        "write it again: deploy/helm/schema.py build/release/bin/perdure"


@pytest.mark.parametrize("values, named", [
    ({"layout": "single"}, "/layout"),
    ({"node": {"replicas": "three"}}, "/node/replicas"),
    ({"node": {"replicas": -1}}, "/node/replicas"),
    ({"listen": {"ports": {"grpc": 0}}}, "/listen/ports/grpc"),
    ({"image": {"digest": "latest"}}, "/image/digest"),
    ({"settings": {"blob_size_limt": "4MiB"}}, "blob_size_limt"),
    ({"namespaceSettings": {"orders": {"blob_size_limt": "4MiB"}}}, "blob_size_limt"),
    ({"searchAttributes": {"Color": "Colour"}}, "/searchAttributes/Color"),
    ({"workers": {"Orders": {"image": {"repository": "w"}}}}, "Orders"),
    ({"roles": {"fronted": {}}}, "fronted"),
    ({"roles": {"history": {"replcas": 1}}}, "replcas"),
    ({"database": {"password": "secret"}}, "password"),
])
def test_helm_refuses_what_the_schema_does_not_know(values, named):
    assert named in chart.refused(LEAST, values)


@pytest.mark.parametrize("values, named", [
    ({"database": {"existingSecret": ""}}, "database.existingSecret"),
    ({"tls": {"source": "secret"}}, "tls.secretName"),
    ({"internalTls": {"source": "secret"}}, "internalTls.secretName"),
    ({"tls": {"source": "certManager"}}, "tls.certManager.issuerRef.name"),
    ({"internalTls": {"source": "certManager"}}, "internalTls.certManager.issuerRef.name"),
    ({"tls": {"clientCa": {"enabled": True}}}, "tls.clientCa.enabled"),
    ({"tls": {"source": "secret", "secretName": "t", "requireClientCertificate": True}}, "tls.requireClientCertificate"),
    ({"auth": {"jwks": {"url": "https://a", "secretName": "b"}}}, "auth.jwks"),
    ({"monitoring": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}}, "monitoring"),
    ({"node": {"terminationGracePeriodSeconds": 29}}, "terminationGracePeriodSeconds of server"),
    ({"layout": "apart", "roles": {"history": {"preStopSleepSeconds": 40}}}, "terminationGracePeriodSeconds of history"),
    ({"node": {"strategy": {"maxSurge": 0}}}, "strategy of server"),
    ({"node": {"autoscaling": {"enabled": True, "cpu": {"enabled": False}}}}, "autoscaling of server"),
    ({"node": {"autoscaling": {"enabled": True, "minReplicas": 11}}}, "autoscaling.minReplicas of server"),
    ({"workers": {"a": {}}}, "workers.a.image.repository"),
    ({"workers": {"a": {"image": {"repository": "w"}, "keda": {"enabled": True}}}}, "workers.a.taskQueue"),
    ({"workers": {"a": {"image": {"repository": "w"}, "taskQueue": "q", "keda": {"enabled": True}}}},
     "workers.a.keda.prometheusAddress"),
])
def test_what_does_not_fit_together_is_refused_by_name(values, named):
    assert f"{named}:" in chart.refused(LEAST, values)
