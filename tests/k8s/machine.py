"""A real node for the control plane of the tests: kubelet, containerd and runc on this machine, with images that are
made from folders. Needs root."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile

import yaml

from control_plane import BIN, DEBIAN, Cluster, free_port, until

NAME = "machine"
SUBNET = "10.244.77.0/24"
PAUSE = "localhost/pause:tests"


def archive(root: pathlib.Path, reference: str, config: dict) -> bytes:
    """An OCI image of one layer, the folder, owned by root."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        def as_root(member):
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            return member

        tar.add(root, ".", filter=as_root)
    blobs = {}

    def blob(content: bytes, kind: str) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layers = [blob(gzip.compress(layer.getvalue(), 1), "layer.v1.tar+gzip")]
    described = blob(json.dumps({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"]},
    }).encode(), "config.v1+json")
    manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                                "config": described, "layers": layers}).encode(), "manifest.v1+json")
    manifest["annotations"] = {"io.containerd.image.name": reference}
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    blobs["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content in blobs.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def has_kubelet() -> bool:
    """Whether this machine is a node already: two kubelets would end each other's pods."""
    return subprocess.run(["pgrep", "-x", "kubelet"], capture_output=True).returncode == 0


def networks() -> set[str]:
    return {one["name"] for one in json.loads(
        subprocess.run(["ip", "-json", "netns", "list"], check=True, capture_output=True, text=True).stdout or "[]")}


class Machine:
    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        # Sockets have short paths.
        self.folder = tempfile.TemporaryDirectory(prefix="perdure-node-", ignore_cleanup_errors=True)
        self.path = pathlib.Path(self.folder.name)
        self.socket = self.path / "containerd.sock"
        self.networks_before = networks()
        self.processes: list[tuple[str, subprocess.Popen]] = []

    def start(self) -> "Machine":
        try:
            self.start_containerd()
            self.load(self.pause_root(), PAUSE, {"Entrypoint": ["/pause"], "User": "65535:65535"})
            self.start_kubelet()
            until("the machine's being ready", self.is_ready, 90)
        except BaseException as error:
            error.add_note(self.logs())
            self.stop()
            raise
        return self

    def run(self, name: str, *command) -> None:
        # Not by the cluster: its processes are asked to end in another order.
        path = f"{DEBIAN}/usr/bin:{DEBIAN}/usr/sbin:{os.environ['PATH']}"
        with open(self.path / f"{name}.log", "wb") as log:
            self.processes.append((name, subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PATH": path})))

    def start_containerd(self) -> None:
        networks = self.path / "networks"
        networks.mkdir()
        (networks / "10-tests.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "perdure-tests", "plugins": [
                {"type": "ptp", "ipMasq": False, "ipam": {
                    "type": "host-local", "subnet": SUBNET, "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": str(self.path / "addresses")}}]}))
        config = self.path / "containerd.toml"
        config.write_text(f'''version = 2
root = "{self.path}/root"
state = "{self.path}/state"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{self.path}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{DEBIAN}/usr/lib/cni"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "{DEBIAN}/usr/sbin/runc"
''')
        self.run("containerd", DEBIAN / "usr/bin/containerd", "--config", config)
        until("containerd", lambda: self.ctr("version", may_fail=True).returncode == 0, 30)

    def start_kubelet(self) -> None:
        config = self.path / "kubelet.yaml"
        config.write_text(yaml.safe_dump({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{self.socket}", "cgroupDriver": "cgroupfs", "failCgroupV1": False,
            "failSwapOn": False, "makeIPTablesUtilChains": False, "port": free_port(), "healthzPort": 0,
            "readOnlyPort": 0, "address": "127.0.0.1", "cgroupRoot": "/", "cgroupsPerQOS": True,
            "enforceNodeAllocatable": [], "registerNode": True, "podLogsDir": str(self.path / "logs"),
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"}, "nodeStatusUpdateFrequency": "2s",
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%",
                             "imagefs.available": "1%"}}))
        self.run("kubelet", BIN / "kubelet", f"--kubeconfig={self.cluster.kubeconfig}", f"--config={config}",
                 f"--root-dir={self.path}/kubelet", f"--hostname-override={NAME}", f"--cert-dir={self.path}/pki",
                 f"--node-labels=perdure-tests/real=yes")

    def pause_root(self) -> pathlib.Path:
        root = self.path / "pause"
        root.mkdir()
        (root / "pause").write_bytes((BIN / "pause").read_bytes())
        (root / "pause").chmod(0o755)
        return root

    def load(self, root: pathlib.Path, reference: str, config: dict) -> None:
        file = self.path / "image.tar"
        file.write_bytes(archive(root, reference, config))
        self.ctr("images", "import", "--no-unpack", file)
        file.unlink()

    def ctr(self, *arguments, may_fail=False) -> subprocess.CompletedProcess:
        done = subprocess.run([DEBIAN / "usr/bin/ctr", "-a", self.socket, "-n", "k8s.io", *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)
        assert may_fail or done.returncode == 0, done.stdout + done.stderr
        return done

    def is_ready(self) -> bool:
        for name, process in self.processes:
            assert process.poll() is None, f"{name} has ended\n{self.logs()}"
        done = self.cluster.kubectl("get", "node", NAME, "-o", "json", may_fail=True)
        return done.returncode == 0 and any(
            one["type"] == "Ready" and one["status"] == "True" for one in json.loads(done.stdout)["status"]["conditions"])

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])
                         for path in sorted((*self.path.glob("*.log"), *self.path.glob("logs/*/*/*.log"))))

    def stop(self) -> None:
        self.cluster.kubectl("delete", "node", NAME, "--wait=false", may_fail=True)
        for name, process in reversed(self.processes):
            if name == "containerd":
                self.end_containers()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        mounts = [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        for mount in sorted((one for one in mounts if one.startswith(f"{self.path}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        self.end_networks()
        for controller in (pathlib.Path("/sys/fs/cgroup"), *pathlib.Path("/sys/fs/cgroup").iterdir()):
            for group, _, _ in os.walk(controller / "kubepods", topdown=False):
                pathlib.Path(group).rmdir()
        self.folder.cleanup()

    def end_containers(self) -> None:
        for task in self.ctr("tasks", "list", "-q", may_fail=True).stdout.split():
            self.ctr("tasks", "kill", "-s", "KILL", task, may_fail=True)
            self.ctr("tasks", "delete", "-f", task, may_fail=True)

    def end_networks(self) -> None:
        """Of pods that a failed test has left: their routes would lead the next run's pods astray."""
        for network in networks() - self.networks_before:
            subprocess.run(["ip", "netns", "delete", network], check=False)
        routes = json.loads(subprocess.run(["ip", "-json", "route", "show", "root", SUBNET], check=True,
                                           capture_output=True, text=True).stdout)
        for device in {route["dev"] for route in routes}:
            subprocess.run(["ip", "link", "delete", device], check=False)
