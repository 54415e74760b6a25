"""What the Kubernetes tests share: one control plane, one PostgreSQL, one image's root."""

import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]

from control_plane import ROOT, Cluster  # noqa: E402

PROGRAM = ROOT / os.environ.get("PERDURE_BINARY", "build/release/bin/perdure")


@pytest.fixture(scope="session")
def cluster():
    running = Cluster().start()
    yield running
    states = running.states()
    running.stop()
    assert not states, states


@pytest.fixture(scope="session")
def image():
    """The root of the image, as the Dockerfile's last stage copies it."""
    # Below /tmp: a user without rights has to be able to walk there.
    with tempfile.TemporaryDirectory(prefix="perdure-image-") as folder:
        os.chmod(folder, 0o755)
        root = pathlib.Path(folder) / "root"
        subprocess.run([ROOT / "deploy/docker/build-root.sh", PROGRAM, root], check=True)
        yield root


@pytest.fixture(scope="session")
def postgres():
    folder = f"/tmp/perdure-k8s-postgres-{os.getpid()}"
    script = ROOT / "tests/postgres.sh"
    url = subprocess.run([script, "start", folder], check=True, capture_output=True, text=True).stdout.strip()
    yield url
    subprocess.run([script, "stop", folder], check=True, capture_output=True)
