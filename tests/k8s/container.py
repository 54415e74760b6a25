"""A container of a rendered pod as a process of this machine: the image's root read-only, the user, environment,
files and ports that the pod spec says. What a kubelet would do, as far as one process can show it."""

import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from control_plane import DEBIAN, until

USER = 65532
STOP_MAX_SECONDS = 55


class Container:
    def __init__(self, image: pathlib.Path, pod: dict, ip: str, secrets: dict[str, dict[str, str]],
                 claims: dict[str, pathlib.Path] | None = None):
        """`secrets`: by name, as in a cluster. `claims`: folders that stand for the volumes of claims."""
        self.image = image
        self.pod = pod
        self.spec = pod["containers"][0]
        self.ip = ip
        self.secrets = secrets
        self.claims = claims or {}
        self.folder = tempfile.TemporaryDirectory(prefix="perdure-pod-")
        self.path = pathlib.Path(self.folder.name)
        os.chmod(self.path, 0o755)
        self.log = self.path / "log"
        self.process: subprocess.Popen | None = None
        self.pid = 0

    def environment(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in self.spec["env"]:
            source = one.get("valueFrom", {})
            if "fieldRef" in source:
                assert source["fieldRef"]["fieldPath"] == "status.podIP"
                value = self.ip
            elif "secretKeyRef" in source:
                value = self.secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
            else:
                # As Kubernetes has it: what stands above is known, what is not known stays as it is.
                value = re.sub(r"\$\((\w+)\)", lambda match: found.get(match[1], match[0]), one["value"])
            found[one["name"]] = value
        return found

    def folder_of(self, volume: dict) -> pathlib.Path:
        folder = self.path / volume["name"]
        if "secret" in volume:
            self.write_secret(volume["name"])
        elif "emptyDir" in volume:
            folder.mkdir()
            own(folder, 0o770)
        else:
            raise AssertionError(f"a kind of volume that the tests do not know: {volume}")
        return folder

    def write_secret(self, name: str) -> None:
        """As the kubelet does: all files at once, by a link that is replaced. Called again, it brings them up to date."""
        volume = next(one for one in self.pod["volumes"] if one["name"] == name)
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        version = folder / f"..{time.monotonic_ns()}"
        version.mkdir()
        for key, text in self.secrets[volume["secret"]["secretName"]].items():
            (version / key).write_text(text)
            own(version / key, volume["secret"]["defaultMode"])
            if not (folder / key).is_symlink():
                (folder / key).symlink_to(f"..data/{key}")
        own(version, 0o750)
        own(folder, 0o750)
        (folder / "..new").symlink_to(version.name)
        os.replace(folder / "..new", folder / "..data")

    def mounts(self) -> list[str]:
        volumes = {one["name"]: one for one in self.pod.get("volumes", [])}
        # A runtime makes the folders that the image lacks; here they stand in one that is closed afterwards.
        arguments, closed = [], []
        for mount in self.spec.get("volumeMounts", []):
            parent = str(pathlib.Path(mount["mountPath"]).parent)
            if not (self.image / mount["mountPath"][1:]).exists() and parent not in closed:
                arguments += ["--tmpfs", parent]
                closed.append(parent)
            name = mount["name"]
            source = self.claims[name] if name in self.claims else self.folder_of(volumes[name])
            arguments += ["--ro-bind" if mount.get("readOnly") else "--bind", str(source), mount["mountPath"]]
        return arguments + [word for parent in closed for word in ("--remount-ro", parent)]

    def start(self) -> "Container":
        assert self.spec["securityContext"]["readOnlyRootFilesystem"] is True
        assert self.pod["securityContext"]["runAsUser"] == USER
        # Root gives its rights up first, so that nothing it owns can be read by chance.
        drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
        told, tell = os.pipe()
        with open(self.log, "ab") as log:
            command = [
                *drop, DEBIAN / "usr/bin/bwrap", "--ro-bind", self.image, "/", "--proc", "/proc", "--dev", "/dev",
                *self.mounts(), "--unshare-user", "--uid", USER, "--gid", USER, "--unshare-pid", "--as-pid-1",
                "--die-with-parent", "--new-session", "--clearenv", "--chdir", "/", "--info-fd", tell]
            for name, value in self.environment().items():
                command += ["--setenv", name, value]
            # The entry point of the image; the chart gives it arguments.
            assert "command" not in self.spec
            command += ["--", "/usr/bin/perdure", *self.spec["args"]]
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=[tell])
        os.close(tell)
        with open(told) as info:
            text = info.read()
        assert text, self.text()
        self.pid = json.loads(text)["child-pid"]
        return self

    def probe(self, name: str) -> tuple[int, str]:
        """Status and body of a probe; 0 if nobody answers."""
        asked = self.spec[name]["httpGet"]
        port = next(one["containerPort"] for one in self.spec["ports"] if one["name"] == asked["port"])
        scheme = asked.get("scheme", "HTTP").lower()
        # A kubelet does not verify certificates.
        trusting = ssl._create_unverified_context() if scheme == "https" else None
        try:
            with urllib.request.urlopen(f"{scheme}://{self.ip}:{port}{asked['path']}", context=trusting,
                                        timeout=self.spec[name]["timeoutSeconds"]) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until_ready(self) -> "Container":
        startup = self.spec["startupProbe"]
        self.until("startupProbe", startup["periodSeconds"] * startup["failureThreshold"])
        self.until("readinessProbe", 60)
        return self

    def until(self, probe: str, seconds: float) -> None:
        def good():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.text()}"
            return self.probe(probe)[0] == 200

        try:
            until(probe, good, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def stop(self) -> tuple[int, float]:
        """SIGTERM to the process that is number 1 in there; its exit code and how long it took."""
        begin = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        code = self.process.wait(STOP_MAX_SECONDS)
        return code, time.monotonic() - begin

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.kill()
        self.folder.cleanup()

    def text(self) -> str:
        return self.log.read_text(errors="replace")


def own(path: pathlib.Path, mode: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, 0 if path.is_file() else USER, USER)
    os.chmod(path, mode)
