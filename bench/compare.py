"""Servers side by side in one run, in turn: `./dev bench compare OLD=BINARY NEW=BINARY [flags]`. Prints of each, per
one-activity workflow, CPU time of the server, of PostgreSQL and of the load, and speed and latency: medians over the rounds."""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile

from machines import BIN, Perdure, Postgres, cpu_seconds

COLUMNS = ("server_cpu_ms", "postgres_cpu_ms", "load_cpu_ms", "workflows_per_second", "latency_p50_ms", "latency_p99_ms")


class Comparison:
    def __init__(self, options):
        self.options = options
        # Not below the checkout: the user postgres may not be able to walk there.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="perdure-compare-"))
        os.chmod(self.folder, 0o755)
        self.postgres = Postgres(self.folder / "postgres") if options.store == "postgres" else None
        self.made = 0

    def load(self, server: Perdure, count: int) -> dict[str, float]:
        command = [*self.options.load.split(), "--address", server.address, "--in-flight", str(self.options.in_flight),
                   "--count", str(count)]
        out = subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        return {name: float(value) for name, value in (line.split() for line in out.splitlines())}

    def cpu(self, server: Perdure) -> list[float]:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return [sum(map(cpu_seconds, server.pids)), self.postgres.cpu() if self.postgres else 0,
                usage.ru_utime + usage.ru_stime]

    def measure(self, binary: str) -> list[float]:
        """A server of its own, on a database of its own, that has warmed up."""
        self.made += 1
        db = self.postgres.database(f"n{self.made}") if self.postgres else str(self.folder / f"{self.made}.db")
        server = Perdure(self.folder, db, binary=pathlib.Path(binary))
        try:
            self.load(server, self.options.count // 10 + 1)
            before = self.cpu(server)
            seen = self.load(server, self.options.count)
            used = [(end - begin) / self.options.count * 1e3 for begin, end in zip(before, self.cpu(server))]
        finally:
            server.stop()
        return used + [seen[name] for name in COLUMNS[len(used):]]

    def run(self):
        seen = {name: [] for name, _ in self.options.servers}
        for number in range(self.options.rounds):
            for name, binary in self.options.servers[::-1 if number % 2 else 1]:
                seen[name].append(self.measure(binary))
        print("| server | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1))
        for name, rounds in seen.items():
            print(f"| {name} | " + " | ".join(f"{statistics.median(column):.3f}" for column in zip(*rounds)) + " |")

    def end(self):
        if self.postgres:
            self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def named(text: str) -> tuple[str, str]:
    name, equals, binary = text.partition("=")
    if not equals or not os.access(binary, os.X_OK):
        raise argparse.ArgumentTypeError(f"{text}: want NAME=BINARY, a server to be run")
    return name, binary


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="+", type=named, metavar="NAME=BINARY")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--load", default=f"{BIN / 'perdure-bench'} workflows", help="takes --address, --in-flight and --count")
    parser.add_argument("--in-flight", type=int, default=10)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=4)
    comparison = Comparison(parser.parse_args())
    try:
        comparison.run()
    finally:
        comparison.end()


if __name__ == "__main__":
    main()
