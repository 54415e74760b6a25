"""What the chart renders for each of its switches."""

import json

import pytest
import yaml

import chart
from chart import LEAST, NAME, over, render, template

SERVER = f"Deployment/{NAME}"
ALL_ROLES = "frontend,history,matching"


def test_lint_finds_nothing():
    done = template(LEAST)
    assert done.returncode == 0
    for values in (LEAST, {"layout": "embedded"}, over(LEAST, {"layout": "apart"})):
        done = chart.lint(values)
        assert done.returncode == 0, done.stdout
        assert "WARNING" not in done.stdout and "ERROR" not in done.stdout, done.stdout


def test_the_defaults_are_one_deployment_of_three_nodes_with_all_roles():
    objects = render()
    assert len(objects.of("Deployment")) == 1 and not objects.of("StatefulSet")
    assert objects[SERVER]["spec"]["replicas"] == 3
    environment = objects.environment()
    assert environment["PERDURE_ROLES"] == ALL_ROLES
    assert environment["PERDURE_ADVERTISE"] == "$(POD_IP):7234"
    assert environment["PERDURE_DB"] == {"secretKeyRef": {"name": "perdure-database", "key": "url"}}
    assert environment["PERDURE_ALLOW_PLAINTEXT"] == "true"


def test_apart_is_one_deployment_for_each_role_and_a_role_wins_over_what_holds_for_all():
    objects = render({"layout": "apart", "node": {"replicas": 2},
                      "roles": {"history": {"replicas": 5, "resources": {"limits": {"memory": "8Gi"}}}}})
    replicas = {key.split("/")[1]: one["spec"]["replicas"] for key, one in objects.items()
                if key.startswith("Deployment/")}
    assert replicas == {f"{NAME}-frontend": 2, f"{NAME}-history": 5, f"{NAME}-matching": 2}
    for role in ("frontend", "history", "matching"):
        assert objects.environment(f"Deployment/{NAME}-{role}")["PERDURE_ROLES"] == role
    resources = objects.container(f"Deployment/{NAME}-history")["resources"]
    assert resources == {"limits": {"memory": "8Gi"}, "requests": {"cpu": "250m", "memory": "256Mi"}}
    assert len(objects.of("PodDisruptionBudget")) == 3


def test_embedded_is_one_pod_with_a_volume_and_needs_no_secret():
    objects = chart.Objects(chart.text({"layout": "embedded"}))
    assert not objects.of("Deployment") and not objects.of("PodDisruptionBudget")
    whole = objects[f"StatefulSet/{NAME}"]["spec"]
    assert whole["replicas"] == 1
    environment = objects.environment(f"StatefulSet/{NAME}")
    mounts = {one["name"]: one["mountPath"] for one in objects.container(f"StatefulSet/{NAME}")["volumeMounts"]}
    assert environment["PERDURE_DB"].startswith(mounts["data"] + "/")
    assert not {"PERDURE_ROLES", "PERDURE_ADVERTISE", "PERDURE_INTERNAL_PORT"} & set(environment)
    assert whole["volumeClaimTemplates"][0]["metadata"]["name"] == "data"
    assert f"Service/{whole['serviceName']}" in objects


def pods_of(objects: chart.Objects):
    for kind in ("Deployment", "StatefulSet"):
        for one in objects.of(kind):
            yield one, one["spec"]["template"]


@pytest.mark.parametrize("layout", ["together", "apart", "embedded"])
def test_selectors_find_the_pods_they_are_meant_for(layout):
    objects = render({"layout": layout, "node": {"autoscaling": {"enabled": True}},
                      "workers": {"w": {"image": {"repository": "w"}}}})
    pods = {one["metadata"]["name"]: template["metadata"]["labels"] for one, template in pods_of(objects)}

    def found(selector):
        return {name for name, labels in pods.items() if selector.items() <= labels.items()}

    servers = {name for name in pods if "worker" not in name}
    frontends = {f"{NAME}-frontend"} if layout == "apart" else {NAME}
    assert found(objects[f"Service/{NAME}"]["spec"]["selector"]) == frontends
    assert found(objects[f"Service/{NAME}-headless"]["spec"]["selector"]) == frontends
    assert found(objects[f"Service/{NAME}-nodes"]["spec"]["selector"]) == servers
    for one, _ in pods_of(objects):
        assert found(one["spec"]["selector"]["matchLabels"]) == {one["metadata"]["name"]}
    for budget in objects.of("PodDisruptionBudget"):
        assert found(budget["spec"]["selector"]["matchLabels"]) == {budget["metadata"]["name"]}
    for scaler in objects.of("HorizontalPodAutoscaler"):
        assert f"Deployment/{scaler['spec']['scaleTargetRef']['name']}" in objects


@pytest.mark.parametrize("layout", ["together", "apart", "embedded"])
def test_ports_and_probes_have_the_names_that_services_use(layout):
    objects = render({"layout": layout})
    for one, pod in pods_of(objects):
        container = pod["spec"]["containers"][0]
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
        for service in objects.of("Service"):
            if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items():
                assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@pytest.mark.parametrize("layout", ["together", "apart", "embedded"])
def test_pods_are_confined(layout):
    objects = render({"layout": layout, "workers": {"w": {"image": {"repository": "w"}}}})
    for one, pod in pods_of(objects):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        # Else the Service `perdure` of another release sets PERDURE_PORT.
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        security = spec["containers"][0]["securityContext"]
        assert security["readOnlyRootFilesystem"] is True and security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_a_pod_waits_before_it_stops_and_is_given_time_to_hand_over():
    spec = render().pod()
    assert spec["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert spec["terminationGracePeriodSeconds"] == 60
    assert "lifecycle" not in render({"node": {"preStopSleepSeconds": 0}}).container()
    assert render()[SERVER]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_autoscaling_takes_the_replicas_from_the_deployment():
    objects = render({"node": {"autoscaling": {"enabled": True, "backlog": {"enabled": True, "averageValue": "50"}}}})
    assert "replicas" not in objects[SERVER]["spec"]
    metrics = objects[f"HorizontalPodAutoscaler/{NAME}"]["spec"]["metrics"]
    assert metrics[0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    assert metrics[1]["pods"] == {"metric": {"name": "approximate_backlog_count"},
                                  "target": {"type": "AverageValue", "averageValue": "50"}}


def test_tls_from_a_secret():
    objects = render({"tls": {"source": "secret", "secretName": "mine", "requireClientCertificate": True,
                              "clientCa": {"enabled": True, "secretName": "authority", "key": "clients.pem"}},
                      "internalTls": {"source": "secret", "secretName": "between"}})
    environment = objects.environment()
    assert environment["PERDURE_TLS_CERT"] == "/etc/perdure/tls/tls.crt"
    assert environment["PERDURE_TLS_CLIENT_CA"] == "/etc/perdure/client-ca/clients.pem"
    assert environment["PERDURE_TLS_REQUIRE_CLIENT_CERT"] == "true"
    assert environment["PERDURE_INTERNAL_TLS_CA"] == "/etc/perdure/internal-tls/ca.crt"
    assert "PERDURE_ALLOW_PLAINTEXT" not in environment
    volumes = {one["name"]: one["secret"]["secretName"] for one in objects.pod()["volumes"]}
    assert volumes == {"tls": "mine", "client-ca": "authority", "internal-tls": "between"}
    mounts = {one["name"]: one["mountPath"] for one in objects.container()["volumeMounts"]}
    assert mounts == {name: f"/etc/perdure/{name}" for name in volumes}
    assert objects.container()["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert not objects.of("Certificate")


def test_plain_text_between_nodes_alone_is_allowed_by_name():
    assert render({"tls": {"source": "secret", "secretName": "mine"}}).environment()["PERDURE_ALLOW_PLAINTEXT"] == "true"
    embedded = render({"layout": "embedded", "tls": {"source": "secret", "secretName": "mine"}})
    assert "PERDURE_ALLOW_PLAINTEXT" not in embedded.environment(f"StatefulSet/{NAME}")


def test_tls_from_cert_manager_fills_the_secrets_that_pods_mount():
    issuer = {"source": "certManager", "certManager": {"issuerRef": {"name": "ca", "kind": "ClusterIssuer"},
                                                       "dnsNames": ["perdure.example"]}}
    objects = render({"tls": issuer, "internalTls": issuer})
    filled = {one["spec"]["secretName"] for one in objects.of("Certificate")}
    assert filled == {one["secret"]["secretName"] for one in objects.pod()["volumes"]}
    names = objects[f"Certificate/{NAME}-tls"]["spec"]["dnsNames"]
    assert {f"{NAME}.ns.svc", f"{NAME}-headless.ns.svc", "perdure.example"} <= set(names)
    assert "client auth" in objects[f"Certificate/{NAME}-internal-tls"]["spec"]["usages"]
    assert len(render({"layout": "embedded", "tls": issuer, "internalTls": issuer}).of("Certificate")) == 1


def test_credentials_and_audit():
    environment = render({"auth": {"jwks": {"secretName": "keys"}, "issuer": "https://issuer", "audience": "perdure",
                                   "permissionsClaim": "a.b", "apiKeys": {"secretName": "api"},
                                   "anonymousMetrics": True}, "audit": {"enabled": True}}).environment()
    assert {name: value for name, value in environment.items() if "AUTH" in name or "AUDIT" in name} == {
        "PERDURE_AUTH_JWKS": "/etc/perdure/jwks/jwks.json", "PERDURE_AUTH_ISSUER": "https://issuer",
        "PERDURE_AUTH_AUDIENCE": "perdure", "PERDURE_AUTH_PERMISSIONS_CLAIM": "a.b",
        "PERDURE_AUTH_API_KEYS": "/etc/perdure/api-keys/api-keys", "PERDURE_AUTH_ANONYMOUS_METRICS": "true",
        "PERDURE_AUDIT_LOG": "-"}
    assert render({"auth": {"jwks": {"url": "https://keys"}}}).environment()["PERDURE_AUTH_JWKS"] == "https://keys"


def test_settings_become_the_variables_that_the_server_reads():
    environment = render({"settings": {"request_rate_limit": 1000000, "blob_size_limit": "4MiB"},
                          "namespaces": ["a", "b"], "searchAttributes": {"Color": "Keyword", "Size": "Int"},
                          "namespaceSettings": {"a": {"list_rate_limit": 10}, "b": {"blob_size_limit": "1MiB"}}}
                         ).environment()
    assert environment["PERDURE_REQUEST_RATE_LIMIT"] == "1000000"
    assert environment["PERDURE_BLOB_SIZE_LIMIT"] == "4MiB"
    assert environment["PERDURE_NAMESPACES"] == "a,b"
    assert environment["PERDURE_SEARCH_ATTRIBUTES"] == "Color=Keyword,Size=Int"
    assert environment["PERDURE_NAMESPACE_SETTINGS"] == "a:list_rate_limit=10,b:blob_size_limit=1MiB"


def test_ingress_for_each_of_the_two_protocols():
    for kind in ("grpc", "http"):
        objects = render({"ingress": {kind: {"enabled": True, "className": "nginx", "hosts": ["a.example", "b.example"],
                                             "annotations": {"k": "v"}, "tls": [{"hosts": ["a.example"]}]}}})
        ingress = objects[f"Ingress/{NAME}-{kind}"]
        assert len(objects.of("Ingress")) == 1
        assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["a.example", "b.example"]
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        assert backend == {"name": NAME, "port": {"name": kind}}
        assert backend["port"]["name"] in {port["name"] for port in objects[f"Service/{NAME}"]["spec"]["ports"]}


def test_the_network_policy_opens_each_port_to_those_it_is_for():
    clients = [{"namespaceSelector": {"matchLabels": {"team": "orders"}}}]
    policy = render({"networkPolicy": {"enabled": True, "clients": clients, "egress": {
        "enabled": True, "rules": [{"ports": [{"port": 5432}]}]}}})[f"NetworkPolicy/{NAME}"]["spec"]
    by_port = {port["port"]: rule.get("from") for rule in policy["ingress"] for port in rule["ports"]}
    assert set(by_port) == {7233, 7234, 7243, 9090}
    assert by_port[7233] == by_port[7243] == clients and by_port[9090] is None
    assert by_port[7234] == [{"podSelector": policy["podSelector"]}]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert {"ports": [{"port": 5432}]} in policy["egress"]
    assert "egress" not in render({"networkPolicy": {"enabled": True}})[f"NetworkPolicy/{NAME}"]["spec"]


def test_service_accounts_made_found_or_the_namespaces_own():
    assert render().pod()["serviceAccountName"] == NAME
    objects = render({"serviceAccount": {"create": False, "name": "mine"}})
    assert objects.pod()["serviceAccountName"] == "mine" and not objects.of("ServiceAccount")
    assert render({"serviceAccount": {"create": False}}).pod()["serviceAccountName"] == "default"


@pytest.mark.parametrize("kind, path", [("serviceMonitor", "endpoints"), ("podMonitor", "podMetricsEndpoints")])
def test_monitors_scrape_what_there_is_under_the_job_that_rules_ask_for(kind, path):
    objects = render({"monitoring": {kind: {"enabled": True}, "alerts": {"enabled": True}}})
    monitor = objects.of(kind[0].upper() + kind[1:])[0]["spec"]
    endpoint = monitor[path][0]
    wanted = monitor["selector"]["matchLabels"].items()
    if kind == "serviceMonitor":
        services = [one for one in objects.of("Service") if wanted <= one["metadata"]["labels"].items()]
        assert [one["metadata"]["name"] for one in services] == [f"{NAME}-nodes"]
        assert endpoint["port"] in {port["name"] for port in services[0]["spec"]["ports"]}
    else:
        assert wanted <= objects[SERVER]["spec"]["template"]["metadata"]["labels"].items()
    job = next(one for one in endpoint["relabelings"] if one["targetLabel"] == "job")["replacement"]
    rules = yaml.safe_load(objects[f"ConfigMap/{NAME}-alerts"]["data"]["perdure.yaml"])
    assert f'job="{job}"' in rules["groups"][0]["rules"][0]["expr"]


def test_rules_and_dashboard_are_whole_in_their_config_maps():
    objects = render({"monitoring": {"alerts": {"enabled": True, "ruleLabels": {"team": "a"}},
                                     "dashboard": {"enabled": True}}})
    rules = yaml.safe_load(objects[f"ConfigMap/{NAME}-alerts"]["data"]["perdure.yaml"])
    assert all(rule["labels"]["team"] == "a" and "severity" in rule["labels"] for rule in rules["groups"][0]["rules"])
    own = render({"monitoring": {"alerts": {"enabled": True, "kind": "PrometheusRule", "ruleLabels": {"team": "a"}}}})
    assert own[f"PrometheusRule/{NAME}-alerts"]["spec"] == rules
    dashboard = objects[f"ConfigMap/{NAME}-dashboard"]
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["perdure.json"])["title"] == "Perdure"


def test_a_worker_is_told_where_the_server_is_and_how_to_trust_it():
    objects = render({"tls": {"source": "secret", "secretName": "t"}, "workers": {"orders": {
        "image": {"repository": "shop/worker", "tag": "7"}, "namespace": "shop", "taskQueue": "orders", "replicas": 4,
        "apiKey": {"secretName": "key"}, "serverCa": {"secretName": "ca"}, "clientCertificate": {"secretName": "mine"},
        "args": ["--fast"]}}})
    key = f"Deployment/{NAME}-worker-orders"
    environment = objects.environment(key)
    assert environment == {
        "TEMPORAL_ADDRESS": f"{NAME}.ns.svc:7233", "TEMPORAL_NAMESPACE": "shop", "TASK_QUEUE": "orders",
        "TEMPORAL_API_KEY": {"secretKeyRef": {"name": "key", "key": "api-key"}}, "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": "/etc/perdure/server-ca/ca.crt",
        "TEMPORAL_TLS_CLIENT_CERT_PATH": "/etc/perdure/client/tls.crt",
        "TEMPORAL_TLS_CLIENT_KEY_PATH": "/etc/perdure/client/tls.key"}
    container = objects.container(key)
    assert container["image"] == "shop/worker:7" and container["args"] == ["--fast"]
    assert objects[key]["spec"]["replicas"] == 4
    server_ca = next(one for one in objects.pod(key)["volumes"] if one["name"] == "server-ca")
    assert server_ca["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    # An API key without TLS: the SDKs take one for the other unless they are told.
    plain = render({"workers": {"w": {"image": {"repository": "w"}, "apiKey": {"secretName": "key"}}}})
    assert plain.environment(f"Deployment/{NAME}-worker-w")["TEMPORAL_TLS"] == "false"


def test_a_worker_scales_by_the_backlog_of_its_queue():
    objects = render({"workers": {"orders": {"image": {"repository": "w"}, "taskQueue": "orders", "namespace": "shop",
                                             "keda": {"enabled": True, "prometheusAddress": "http://prometheus:9090",
                                                      "authenticationRef": "prometheus"}}}})
    assert "replicas" not in objects[f"Deployment/{NAME}-worker-orders"]["spec"]
    scaled = objects[f"ScaledObject/{NAME}-worker-orders"]["spec"]
    assert f"Deployment/{scaled['scaleTargetRef']['name']}" in objects
    trigger = scaled["triggers"][0]
    assert trigger["metadata"]["query"] == (
        'sum(approximate_backlog_count{job="ns/r",namespace="shop",taskqueue="orders"})')
    assert trigger["authenticationRef"] == {"name": "prometheus"}


def test_images_by_tag_and_by_digest():
    assert render().container()["image"] == "perdure:0.1.0"
    assert render({"image": {"repository": "here/perdure", "tag": "2"}}).container()["image"] == "here/perdure:2"
    digest = "sha256:" + "a" * 64
    assert render({"image": {"tag": "2", "digest": digest}}).container()["image"] == f"perdure@{digest}"


def test_what_is_added_stands_beside_what_is_there():
    node = {"extraEnv": [{"name": "A", "value": "b"}], "extraEnvFrom": [{"secretRef": {"name": "s"}}],
            "extraVolumes": [{"name": "v", "emptyDir": {}}], "extraVolumeMounts": [{"name": "v", "mountPath": "/v"}],
            "extraContainers": [{"name": "c", "image": "c"}], "extraInitContainers": [{"name": "i", "image": "i"}],
            "extraArgs": ["--log-level", "debug"]}
    objects = render({"node": node, "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "{{ .Release.Name }}-more"}}]})
    assert objects.environment()["A"] == "b"
    container = objects.container()
    assert container["args"] == ["server", "start", "--log-level", "debug"]
    assert container["envFrom"] == node["extraEnvFrom"] and container["volumeMounts"] == node["extraVolumeMounts"]
    assert objects.pod()["volumes"] == node["extraVolumes"] and objects.pod()["initContainers"][0]["name"] == "i"
    assert [one["name"] for one in objects.pod()["containers"]] == ["perdure", "c"]
    assert "ConfigMap/r-more" in objects
