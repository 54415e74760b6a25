"""Records the feature workflows' histories for worker-sdk/replayer/replayer_test.cc, on Perdure and on Temporal's server,
each of which is new and has only these workflows:

    build/venv/bin/python tests/cpp/servers/record.py [CASE…]

CASE is one that cpp_features or cpp_rare_events prints; without any, all are recorded anew. A record that is older
than today's code is worth keeping: it shows that runs from then can go on."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(HERE)]

import others  # noqa: E402

SERVERS = {"perdure": others.perdure, "temporal": others.temporal}


def record(server: str, address: str, cases: list[str]) -> None:
    folder = ROOT / "worker-sdk/histories" / server
    environment = {**os.environ, "TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": "/dev/null"}
    if server == "temporal":
        environment["RARE_TIME_SKIPPING"] = "1"
    # The ids are always the same, and "recorded-" is what the test expects them to begin with.
    for program in ("cpp_features", "cpp_rare_events"):
        for case in cases:
            subprocess.run([ROOT / "build/release/bin" / program, "recorded-", "10000", case, folder],
                           env=environment, check=True)


def main() -> None:
    for name, server in SERVERS.items():
        with server() as address:
            print(f"{name}:", flush=True)
            record(name, address, sys.argv[1:] or ["all"])


if __name__ == "__main__":
    main()
