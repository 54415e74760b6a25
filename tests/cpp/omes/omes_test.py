"""omes' own scenarios against our worker: PERDURE_OMES names the program `omes` (docs/testing.md)."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from conftest import cpp_worker  # noqa: E402

OMES = os.environ.get("PERDURE_OMES", "")
# Without what neither the SDK nor the server has.
WITHOUT = ["nexus-enabled=false", "include-standalone-nexus=false", "include-standalone-activity=false",
           "include-standalone-activity-operator-commands=false"]
SCENARIOS = {
    "workflow_with_single_noop_activity": (20, []),
    "workflow_with_many_actions": (1, ["children-per-workflow=10", "activities-per-workflow=20"]),
    "out_of_order_signals": (5, []),
    "throughput_stress": (2, ["internal-iterations=2", "continue-as-new-after-iterations=1", "include-describe=true",
                              *WITHOUT]),
}
# For a program that hangs; not how fast one should be.
TIME_MAX_SECONDS = 120


@pytest.mark.skipif(not OMES, reason="PERDURE_OMES names no program")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(address, queue, scenario):
    iterations, options = SCENARIOS[scenario]
    with cpp_worker("cpp_omes", address, "--run-id", queue):
        done = subprocess.run(
            [OMES, "run-scenario", "--server-address", address, "--run-id", queue, "--scenario", scenario,
             "--iterations", str(iterations), *(f"--option={option}" for option in options)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIME_MAX_SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
