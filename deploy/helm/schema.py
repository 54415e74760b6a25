"""Writes perdure/values.schema.json: schema.py PROGRAM [FILE].

The defaults of values.yaml give each value its type and say which names there are; RULES says what a default cannot.
The names of settings come from the server itself (PROGRAM server config), so that a typo in one is refused as well."""

import json
import pathlib
import subprocess
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent / "perdure"
# Options of the server that have values of their own in the chart.
OWN = {"ip", "port", "http_port", "metrics_port", "db", "namespaces", "search_attributes", "log_file", "log_level",
       "log_format", "namespace_settings", "roles", "internal_port", "advertise", "tls_cert", "tls_key",
       "tls_client_ca", "tls_require_client_cert", "internal_tls_cert", "internal_tls_key", "internal_tls_ca",
       "allow_plaintext", "auth_jwks", "auth_issuer", "auth_audience", "auth_permissions_claim", "auth_api_keys",
       "auth_anonymous_metrics", "audit_log"}

PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
NODE_PORT = {"type": "integer", "minimum": 0, "maximum": 65535}
COUNT = {"type": "integer", "minimum": 0}
SECONDS = {"type": "integer", "minimum": 0, "maximum": 86400}
TEXTS = {"type": "array", "items": {"type": "string", "minLength": 1}}
OBJECTS = {"type": "array", "items": {"type": "object"}}
NAMED = {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
FREE = {"type": "object"}
QUANTITY = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([EPTGMk]i?|m)?$"}
DURATION = {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h))+$"}
SHARE = {"anyOf": [COUNT, {"type": "string", "pattern": "^(100|[0-9]{1,2})%$"}]}
SCALAR = {"type": ["string", "number", "boolean"]}


def one_of(*texts: str) -> dict:
    return {"type": "string", "enum": list(texts)}


# By the path of a value, or by its last name with a dot before.
RULES = {
    "layout": one_of("together", "apart", "embedded"),
    "image.pullPolicy": one_of("Always", "IfNotPresent", "Never"),
    "workerDefaults.image.pullPolicy": one_of("Always", "IfNotPresent", "Never"),
    ".digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    ".source": one_of("none", "secret", "certManager"),
    ".kind": {"type": "string", "minLength": 1},
    "monitoring.alerts.kind": one_of("ConfigMap", "PrometheusRule"),
    "database.secretKey": {"type": "string", "minLength": 1},
    "embedded.storage.accessModes": {"type": "array", "minItems": 1, "items": one_of(
        "ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany")},
    "embedded.storage.size": QUANTITY,
    "embedded.storage.whenDeleted": one_of("Retain", "Delete"),
    "searchAttributes": {"type": "object", "additionalProperties": one_of(
        "Text", "Keyword", "Int", "Double", "Bool", "Datetime", "KeywordList")},
    "log.level": one_of("debug", "info", "warning", "error"),
    "log.format": one_of("text", "json"),
    "listen.ports.*": PORT,
    "service.ports.*": PORT,
    "service.nodePorts.*": NODE_PORT,
    "service.type": one_of("ClusterIP", "NodePort", "LoadBalancer"),
    "service.externalTrafficPolicy": one_of("", "Cluster", "Local"),
    "service.sessionAffinity": one_of("None", "ClientIP"),
    ".duration": DURATION,
    ".renewBefore": DURATION,
    ".interval": DURATION,
    ".scrapeTimeout": DURATION,
    ".replicas": COUNT,
    ".minReplicas": COUNT,
    ".maxReplicas": {"type": "integer", "minimum": 1},
    ".averageUtilization": {"type": "integer", "minimum": 1},
    ".averageValue": QUANTITY,
    ".backlogPerReplica": {"type": "integer", "minimum": 1},
    ".maxSurge": SHARE,
    ".maxUnavailable": SHARE,
    ".maxSkew": {"type": "integer", "minimum": 1},
    ".whenUnsatisfiable": one_of("ScheduleAnyway", "DoNotSchedule"),
    ".preStopSleepSeconds": SECONDS,
    ".terminationGracePeriodSeconds": SECONDS,
    ".extraEnv": NAMED,
    ".extraVolumes": NAMED,
    ".extraVolumeMounts": NAMED,
    ".extraInitContainers": NAMED,
    ".extraContainers": NAMED,
    ".extraEnvFrom": OBJECTS,
    ".tolerations": OBJECTS,
    ".topologySpreadConstraints": OBJECTS,
    "networkPolicy.clients": OBJECTS,
    "networkPolicy.metrics": OBJECTS,
    "networkPolicy.egress.rules": OBJECTS,
    "ingress.grpc.tls": OBJECTS,
    "ingress.http.tls": OBJECTS,
    "imagePullSecrets": NAMED,
    ".imagePullSecrets": NAMED,
    "extraObjects": OBJECTS,
    ".labels": LABELS,
    ".ruleLabels": LABELS,
    ".podLabels": LABELS,
    ".annotations": LABELS,
    ".podAnnotations": LABELS,
    ".nodeSelector": LABELS,
    "commonLabels": LABELS,
    # Kubernetes' own types, which its API checks.
    ".affinity": FREE,
    ".resources": {"type": "object", "additionalProperties": False, "properties": {
        "requests": FREE, "limits": FREE, "claims": OBJECTS}},
    ".securityContext": FREE,
    ".podSecurityContext": FREE,
    ".livenessProbe": FREE,
    ".readinessProbe": FREE,
    ".startupProbe": FREE,
    "node.probes.*": {"type": "object", "additionalProperties": False, "properties": {
        name: {"type": "integer", "minimum": 0 if name == "initialDelaySeconds" else 1}
        for name in ("initialDelaySeconds", "periodSeconds", "failureThreshold", "successThreshold", "timeoutSeconds")}},
}


def rule_of(path: str) -> dict | None:
    parent, _, name = path.rpartition(".")
    for key in (path, f"{parent}.*", f".{name}"):
        if key in RULES:
            return RULES[key]
    return None


def schema_of(value, path: str) -> dict:
    rule = rule_of(path) if path else None
    if rule is not None:
        return rule
    if isinstance(value, dict):
        if not value:
            raise SystemExit(f"schema.py: {path} is empty and has no rule")
        return {"type": "object", "additionalProperties": False,
                "properties": {name: schema_of(inner, f"{path}.{name}" if path else name)
                               for name, inner in value.items()}}
    if isinstance(value, list):
        return TEXTS
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return COUNT
    return {"type": "string"}


def settings_of(program: str) -> dict:
    listed = subprocess.run([program, "server", "config"], check=True, capture_output=True, text=True).stdout
    names = [line.split(":")[0] for line in listed.splitlines() if line]
    return {"type": "object", "additionalProperties": False,
            "properties": {name: SCALAR for name in names if name not in OWN}}


def whole(program: str) -> dict:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    settings = settings_of(program)
    RULES.update({
        "settings": settings,
        "namespaceSettings": {"type": "object", "additionalProperties": settings},
    })
    node = schema_of(values["node"], "node")
    worker = schema_of(values["workerDefaults"], "workerDefaults")
    RULES.update({
        "roles": {"type": "object", "additionalProperties": False, "required": list(values["roles"]),
                  "properties": {role: {"$ref": "#/$defs/node"} for role in values["roles"]}},
        "node": {"$ref": "#/$defs/node"},
        "workerDefaults": {"$ref": "#/$defs/worker"},
        "workers": {"type": "object", "additionalProperties": False,
                    "patternProperties": {"^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$": {"$ref": "#/$defs/worker"}}},
    })
    schema = schema_of(values, "")
    # Helm gives these to every chart that is part of another.
    schema["properties"].update({"global": FREE, "enabled": {"type": "boolean"}})
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart perdure",
            "$defs": {"node": node, "worker": worker}, **schema}


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else CHART / "values.schema.json"
    target.write_text(json.dumps(whole(sys.argv[1]), indent=1, ensure_ascii=False) + "\n")
