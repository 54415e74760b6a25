"""A Kubernetes control plane of the tests' own: etcd, the API server, the controllers and the scheduler, with nodes
that kwok pretends. Nothing of it outlives stop()."""

import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import time
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/k8s/bin"
DEBIAN = ROOT / "build/k8s/debian"
CRDS = ROOT / "build/k8s/crds"
START_MAX_SECONDS = 90
TOKEN = "a-token-of-the-tests"


def free_port() -> int:
    """One below those that the kernel hands out by itself."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def until(what: str, check, seconds: float = 120):
    """What `check` gives once it gives something; asked again while it does not."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


class Cluster:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="perdure-k8s-")
        self.path = pathlib.Path(self.folder.name)
        self.processes: list[tuple[str, subprocess.Popen]] = []
        self.kubeconfig = self.path / "kubeconfig"
        self.url = ""

    def start(self) -> "Cluster":
        try:
            self.start_etcd()
            self.start_api()
            self.run("controllers", BIN / "kube-controller-manager", f"--kubeconfig={self.kubeconfig}",
                     "--leader-elect=false", f"--service-account-private-key-file={self.path}/accounts.key",
                     "--secure-port=0")
            self.run("scheduler", BIN / "kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
                     "--secure-port=0")
            self.run("kwok", BIN / "kwok", f"--kubeconfig={self.kubeconfig}",
                     "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake", "--manage-all-nodes=false",
                     "--node-lease-duration-seconds=0", "--cidr=10.1.0.0/16", "--server-address=")
            for number in range(3):
                self.apply(node(f"node-{number}", f"zone-{number % 2}"))
            until("the namespace's service account",
                  lambda: self.kubectl("get", "serviceaccount", "default", may_fail=True).returncode == 0)
            for crd in sorted(CRDS.glob("*.yaml")):
                self.kubectl("apply", "--server-side", "-f", crd)
            self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        except BaseException:
            self.stop()
            raise
        return self

    def start_etcd(self) -> None:
        client, peer = free_port(), free_port()
        self.etcd = f"http://127.0.0.1:{client}"
        self.run("etcd", DEBIAN / "usr/bin/etcd", f"--data-dir={self.path}/etcd", f"--listen-client-urls={self.etcd}",
                 f"--advertise-client-urls={self.etcd}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
                 f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                 f"--initial-cluster=default=http://127.0.0.1:{peer}", "--unsafe-no-fsync")
        until("etcd", lambda: answers(f"{self.etcd}/health"), START_MAX_SECONDS)

    def start_api(self) -> None:
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        key = self.path / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        tokens = self.path / "tokens.csv"
        tokens.write_text(f'{TOKEN},tests,tests,"system:masters"\n')
        self.kubeconfig.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "tests", "user": {"token": TOKEN}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}]}))
        self.run("api", BIN / "kube-apiserver", f"--etcd-servers={self.etcd}", f"--secure-port={port}",
                 "--bind-address=127.0.0.1", f"--cert-dir={self.path}/certificates", f"--token-auth-file={tokens}",
                 "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
                 f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.96.0.0/16",
                 "--authorization-mode=RBAC", "--endpoint-reconciler-type=none", "--allow-privileged=true",
                 # Watches of these kinds need a newer etcd than Debian has.
                 "--feature-gates=WatchList=false")

        def is_ready():
            assert not self.states(), self.states() + "\n" + (self.path / "api.log").read_text()[-2000:]
            return self.kubectl("get", "--raw", "/readyz", may_fail=True).stdout == "ok"

        until("the API server", is_ready, START_MAX_SECONDS)

    def run(self, name: str, *command, env: dict | None = None) -> None:
        with open(self.path / f"{name}.log", "wb") as log:
            # None outlives the tests, however these end.
            self.processes.append((name, subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})})))

    def kubectl(self, *arguments, may_fail=False, stdin: str | None = None) -> subprocess.CompletedProcess:
        done = subprocess.run([BIN / "kubectl", f"--kubeconfig={self.kubeconfig}", *map(str, arguments)], input=stdin,
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0 and not may_fail:
            raise AssertionError(f"kubectl {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}{self.states()}")
        return done

    def get(self, *arguments) -> dict:
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)

    def apply(self, *objects: dict) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def helm(self, *arguments, may_fail=False) -> subprocess.CompletedProcess:
        done = subprocess.run([BIN / "helm", "--kubeconfig", self.kubeconfig, *map(str, arguments)],
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0 and not may_fail:
            raise AssertionError(f"helm {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}{self.states()}"
                                 f"{self.what_is_there(arguments)}")
        return done

    def namespace(self, name: str) -> str:
        """A new namespace in which only pods of the profile `restricted` may run."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {
            "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}}})
        until(f"the service account of {name}", lambda: self.kubectl(
            "-n", name, "get", "serviceaccount", "default", may_fail=True).returncode == 0)
        return name

    def what_is_there(self, arguments: tuple) -> str:
        """In the namespace that they name, if they do."""
        if "-n" not in arguments:
            return ""
        namespace = arguments[arguments.index("-n") + 1]
        return self.kubectl("-n", namespace, "get", "all,events", "-o", "wide", may_fail=True).stdout

    def states(self) -> str:
        return "".join(f"\n{name} has ended with {process.returncode}: {self.path}/{name}.log"
                       for name, process in self.processes if process.poll() is not None)

    def stop(self) -> None:
        for _, process in reversed(self.processes):
            process.terminate()
        for _, process in reversed(self.processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.folder.cleanup()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


def node(name: str, zone: str) -> dict:
    room = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"},
                         "labels": {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone,
                                    "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
            "status": {"capacity": room, "allocatable": room}}
