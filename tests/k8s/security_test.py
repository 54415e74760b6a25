"""Certificates and credentials as the chart mounts them fit the server, and what it tells workers fits the SDKs."""

import hashlib
import json
import os
import ssl
import subprocess

import pytest
from temporalio.envconfig import ClientConfigProfile

import chart
from chart import NAME, over
from container_test import OWN_ADDRESS, PROGRAM, database, needs_auth, needs_tls, run  # noqa: F401 (fixtures)
from control_plane import until

SERVER_NAME = f"{NAME}.ns.svc"
WORKER = f"Deployment/{NAME}-worker-w"


class Authority:
    """One that signs certificates, by openssl, into the texts that secrets hold."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                     "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name: str) -> dict[str, str]:
        (self.folder / "names").write_text(f"subjectAltName=DNS:{name}\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", "one.key", "-out", "one.csr")
        self.openssl("x509", "-req", "-in", "one.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                     "1", "-extfile", "names", "-out", "one.crt")
        return {"tls.crt": (self.folder / "one.crt").read_text(), "tls.key": (self.folder / "one.key").read_text(),
                "ca.crt": (self.folder / "ca.crt").read_text()}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


def worker_environment(objects, container, secrets, tmp_path) -> dict[str, str]:
    """What the worker's container has, with its files, and the Service's name as if it led to the container."""
    found = {}
    mounts = {one["mountPath"]: one["name"] for one in objects.container(WORKER).get("volumeMounts", [])}
    volumes = {one["name"]: one["secret"]["secretName"] for one in objects.pod(WORKER).get("volumes", [])}
    for name, value in objects.environment(WORKER).items():
        if isinstance(value, dict):
            value = secrets[value["secretKeyRef"]["name"]][value["secretKeyRef"]["key"]]
        for path, volume in mounts.items():
            if value.startswith(path + "/"):
                file = tmp_path / f"{volume}-{value.rsplit('/', 1)[1]}"
                file.write_text(secrets[volumes[volume]][value.rsplit("/", 1)[1]])
                value = str(file)
        found[name] = value
    assert found["TEMPORAL_ADDRESS"] == f"{SERVER_NAME}:7233"
    found["TEMPORAL_ADDRESS"] = f"{container.ip}:7233"
    if found["TEMPORAL_TLS"] == "true":
        found["TEMPORAL_TLS_SERVER_NAME"] = SERVER_NAME
    return found


def cli(environment, *what):
    return subprocess.run([PROGRAM, *what], capture_output=True, text=True, timeout=30,
                          env={"PATH": os.environ["PATH"], **environment})


def served(container) -> str:
    """The certificate that the metrics port shows."""
    return ssl.get_server_certificate((container.ip, 9090))


TLS = over(OWN_ADDRESS, {
    "tls": {"source": "secret", "secretName": "server"}, "internalTls": {"source": "secret", "secretName": "internal"},
    "workers": {"w": {"image": {"repository": "w"}, "serverCa": {"secretName": "server"}}}})


@needs_tls
def test_tls_from_a_secret_is_served_and_renewed_without_a_restart(run, database, authority, tmp_path):  # noqa: F811
    objects = chart.render(TLS)
    secrets = {**database, "server": authority.sign(SERVER_NAME), "internal": authority.sign(f"{NAME}-nodes.ns.svc")}
    container = run(objects.pod(), secrets).until_ready()
    environment = worker_environment(objects, container, secrets, tmp_path)
    assert cli(environment, "workflow", "list").returncode == 0
    plain = {**environment, "TEMPORAL_TLS": "false"}
    plain.pop("TEMPORAL_TLS_SERVER_CA_CERT_PATH")
    assert cli(plain, "workflow", "list").returncode != 0
    stranger = tmp_path / "stranger.crt"
    stranger.write_text(Authority(tmp_path / "stranger").sign("x")["ca.crt"])
    assert cli({**environment, "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(stranger)}, "workflow", "list").returncode != 0

    before = served(container)
    secrets["server"] = authority.sign(SERVER_NAME)
    container.secrets = secrets
    container.write_secret("tls")
    until("the new certificate", lambda: served(container) != before, 15)
    assert cli(environment, "workflow", "list").returncode == 0
    assert container.process.poll() is None


@needs_tls
def test_client_certificates_are_asked_of_clients_and_not_of_probes(run, database, authority, tmp_path):  # noqa: F811
    objects = chart.render(TLS, {
        "tls": {"clientCa": {"enabled": True, "secretName": "clients", "key": "ca.crt"}, "requireClientCertificate": True},
        # What a certificate may do is said in the file of keys.
        "auth": {"apiKeys": {"secretName": "keys"}}, "workers": {"w": {"clientCertificate": {"secretName": "mine"}}}})
    secrets = {**database, "server": authority.sign(SERVER_NAME), "internal": authority.sign(f"{NAME}-nodes.ns.svc"),
               "mine": authority.sign("a-worker"), "keys": {"api-keys": "a-worker:certificate:temporal-system:admin\n"}}
    secrets["clients"] = {"ca.crt": secrets["server"]["ca.crt"]}
    container = run(objects.pod(), secrets).until_ready()
    assert container.probe("livenessProbe")[0] == 200
    environment = worker_environment(objects, container, secrets, tmp_path)
    for name in ("CERT", "KEY"):
        assert os.path.exists(environment[f"TEMPORAL_TLS_CLIENT_{name}_PATH"])
    without = {name: value for name, value in environment.items() if "TLS_CLIENT" not in name}
    refused = cli(without, "workflow", "list")
    assert refused.returncode != 0 and "unavailable" in refused.stderr.lower(), refused.stderr
    known = cli(environment, "workflow", "list")
    assert known.returncode == 0, known.stderr


@needs_auth
def test_api_keys_from_a_secret(run, database, tmp_path):  # noqa: F811
    objects = chart.render(OWN_ADDRESS, {
        "auth": {"apiKeys": {"secretName": "keys"}}, "audit": {"enabled": True},
        "workers": {"w": {"image": {"repository": "w"}, "apiKey": {"secretName": "worker-key"}}}})
    key = "a-key-of-the-tests-that-nobody-guesses"
    hashed = hashlib.sha256(key.encode()).hexdigest()
    secrets = {**database, "keys": {"api-keys": f"tests:{hashed}:temporal-system:admin\n"},
               "worker-key": {"api-key": key}}
    container = run(objects.pod(), secrets).until_ready()
    environment = worker_environment(objects, container, secrets, tmp_path)
    listed = cli(environment, "operator", "namespace", "list")
    assert listed.returncode == 0, listed.stderr
    without = {name: value for name, value in environment.items() if name != "TEMPORAL_API_KEY"}
    refused = cli(without, "operator", "namespace", "list")
    assert refused.returncode != 0 and "unauthenticated" in refused.stderr.lower(), refused.stderr
    metrics = f"http://{container.ip}:9090/metrics"
    status = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", metrics]
    assert subprocess.run(status, capture_output=True, text=True).stdout == "401"
    assert subprocess.run([*status, "-H", f"Authorization: Bearer {key}"], capture_output=True, text=True).stdout == "200"
    # The audit is in the pod's log, as lines of JSON; the key is not.
    assert cli(environment, "operator", "namespace", "create", "--namespace", "audited").returncode == 0
    lines = until("the audit's line", lambda: [line for line in container.text().splitlines()
                                               if '"principal"' in line and "RegisterNamespace" in line], 10)
    assert json.loads(lines[0])["principal"] == "tests"
    assert key not in container.text() and hashed not in container.text()


@needs_auth
def test_metrics_may_be_open(run, database):  # noqa: F811
    hashed = hashlib.sha256(b"x").hexdigest()
    container = run(chart.render(OWN_ADDRESS, {"auth": {
        "apiKeys": {"secretName": "keys"}, "anonymousMetrics": True}}).pod(),
        {**database, "keys": {"api-keys": f"tests:{hashed}:temporal-system:admin\n"}}).until_ready()
    done = subprocess.run(["curl", "-s", f"http://{container.ip}:9090/metrics"], capture_output=True, text=True)
    assert "service_requests" in done.stdout


@needs_auth
def test_tokens_are_checked_with_keys_from_a_secret(run, database):  # noqa: F811
    keys = {"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256",
                      "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                      "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}
    container = run(chart.render(OWN_ADDRESS, {"auth": {
        "jwks": {"secretName": "keys"}, "issuer": "https://issuer", "audience": "perdure",
        "permissionsClaim": "a.b"}}).pod(), {**database, "keys": {"jwks.json": json.dumps(keys)}}).until_ready()
    refused = cli({"TEMPORAL_ADDRESS": f"{container.ip}:7233"}, "workflow", "list")
    assert refused.returncode != 0 and "unauthenticated" in refused.stderr.lower(), refused.stderr


@needs_tls
def test_the_server_refuses_plain_text_that_the_chart_does_not_allow(run, database):  # noqa: F811
    """So that PERDURE_ALLOW_PLAINTEXT is shown to be what lets the chart's default run."""
    pod = chart.render().pod()
    container = pod["containers"][0]
    assert {"name": "PERDURE_ALLOW_PLAINTEXT", "value": "true"} in container["env"]
    container["env"] = [one for one in container["env"] if one["name"] != "PERDURE_ALLOW_PLAINTEXT"]
    refused = run(pod, database)
    assert refused.process.wait(30) != 0
    assert "allow_plaintext" in refused.text()


def test_what_a_worker_is_told_is_what_the_python_sdk_reads(tmp_path):
    """By the SDK's own reader of the environment, which is the same in all official SDKs."""
    objects = chart.render(TLS, {"workers": {"w": {
        "namespace": "shop", "apiKey": {"secretName": "key"}, "clientCertificate": {"secretName": "mine"}}}})
    environment = {name: value if isinstance(value, str) else "the-key"
                   for name, value in objects.environment(WORKER).items()}
    profile = ClientConfigProfile.load(disable_file=True, override_env_vars=environment)
    assert profile.address == f"{SERVER_NAME}:7233" and profile.namespace == "shop" and profile.api_key == "the-key"
    assert profile.tls is not None and not profile.tls.disabled
    assert str(profile.tls.server_root_ca_cert) == "/etc/perdure/server-ca/ca.crt"
    assert str(profile.tls.client_cert) == "/etc/perdure/client/tls.crt"
    plain = chart.render({"workers": {"w": {"image": {"repository": "w"}, "apiKey": {"secretName": "key"}}}})
    environment = {name: value if isinstance(value, str) else "the-key"
                   for name, value in plain.environment(WORKER).items()}
    assert ClientConfigProfile.load(disable_file=True, override_env_vars=environment).tls.disabled
