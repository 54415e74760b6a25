"""The table of speed and size in README.md: `./dev bench table [row …]`. Each row starts what it needs, drives it and
prints what it saw beside the goal. With the binaries of Temporal's server the row `cost` measures both in one run."""

import argparse
import os
import pathlib
import re
import resource
import sqlite3
import statistics
import subprocess
import tempfile
import time

from machines import BIN, ROOT, Perdure, Postgres, Temporal, cpu_seconds, resident_mb

UNLIMITED = ["--dynamic-config-value", "limit.historyCount.error=10000000",
             "--dynamic-config-value", "limit.historySize.error=1073741824",
             "--dynamic-config-value", "history.maximumSignalsPerExecution=0",
             "--dynamic-config-value", "history.maxTotalUpdates=0"]


def figures(*command) -> dict[str, float]:
    out = subprocess.run(list(map(str, command)), check=True, text=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE).stdout
    return {name: float(value) for name, value in (line.split() for line in out.splitlines())}


def load(server, scenario: str, count: int, in_flight: int = 1, *more) -> dict[str, float]:
    return figures(BIN / "perdure-bench", scenario, "--address", server.address, "--count", count,
                   "--in-flight", in_flight, *more)


def children_cpu() -> float:
    """Of all programs that this one has run to their end."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Bench:
    def __init__(self, options):
        self.options = options
        # Not below the checkout: the user postgres may not be able to walk there.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="perdure-bench-", dir=options.folder or None))
        os.chmod(self.folder, 0o755)
        self.postgres = None
        self.servers = []
        self.made = 0

    def database(self) -> str:
        """A new PostgreSQL database."""
        if self.postgres is None:
            self.postgres = Postgres(self.folder / "postgres")
        self.made += 1
        return self.postgres.database(f"bench_{self.made}")

    def perdure(self, db: str, *flags: str) -> Perdure:
        server = Perdure(self.folder, db, *flags)
        self.servers.append(server)
        return server

    def file(self) -> str:
        self.made += 1
        return str(self.folder / f"bench_{self.made}.db")

    def end(self):
        for server in self.servers:
            server.stop()
        if self.postgres is not None:
            self.postgres.stop()
        subprocess.run(["rm", "-rf", self.folder], check=False)

    def say(self, what: str, value: str, goal: str):
        print(f"| {what} | {value} | {goal} |", flush=True)

    # --- Rows ---------------------------------------------------------------------------------------------------

    def throughput(self):
        count = self.options.count
        for store, db, goal in (("PostgreSQL", self.database(), "2,500"), ("SQLite", self.file(), "3,000")):
            server = self.perdure(db)
            load(server, "workflows", count // 10, 200)
            before = cpu_seconds(server.pids[0]), self.postgres.cpu()
            seen = load(server, "workflows", count, 200)
            cpu = cpu_seconds(server.pids[0]) - before[0], self.postgres.cpu() - before[1]
            text = f"{seen['workflows_per_second']:,.0f}/s (CPU ms each: server {cpu[0] / count * 1e3:.2f}, "
            if store == "PostgreSQL":
                text += f"PostgreSQL {cpu[1] / count * 1e3:.2f}, "
            text += f"load {seen['load_cpu_ms']:.2f})"
            self.say(f"one-activity workflows, 200 in flight, {store}", text, goal)
            server.stop()

    def go_program(self) -> pathlib.Path:
        program = self.folder / "go-bench"
        subprocess.run(["go", "build", "-o", program, "."], cwd=ROOT / "bench/go", check=True)
        return program

    def cost(self):
        """With the official Go SDK as worker; Temporal's server in the same run where it is given."""
        program = self.go_program()
        database = self.database()
        rivals = [self.perdure(database)]
        if self.options.temporal_server:
            rivals.append(Temporal(self.folder, self.postgres, self.options.temporal_server,
                                   self.options.temporal_sql_tool, self.options.temporal_schema))
            self.servers.append(rivals[-1])
        for in_flight in (10, 1):
            totals = {}
            for server in rivals:
                count = 1500 if server.name == "Perdure" else 200
                figures(program, "--address", server.address, "--in-flight", in_flight, "--count", count // 5)
                before = cpu_seconds(server.pids[0]), self.postgres.cpu()
                seen = figures(program, "--address", server.address, "--in-flight", in_flight, "--count", count)
                each = [(after - start) / count * 1e3 for after, start in
                        zip((cpu_seconds(server.pids[0]), self.postgres.cpu()), before)]
                totals[server.name] = sum(each)
                self.say(f"CPU per workflow, Go SDK, PostgreSQL, {in_flight} in flight: {server.name}",
                         f"{each[0]:.2f} + {each[1]:.2f} ms, {seen['workflows_per_second']:.0f}/s, p50 "
                         f"{seen['latency_p50_ms']:.1f} ms, resident {resident_mb(server.pids[0]):.0f} MB", "")
            if len(totals) == 2:
                self.say(f"the ratio, {in_flight} in flight", f"1/{totals['Temporal'] / totals['Perdure']:.0f}", "1/40")

    def statements(self):
        database = self.database()
        server = self.perdure(database)
        load(server, "workflows", 50)
        time.sleep(3)
        count = 300
        before = self.postgres.counters(database)
        begin = time.monotonic()
        load(server, "workflows", count)
        took = time.monotonic() - begin
        after = self.postgres.counters(database)
        each = {name: (after[name] - before[name]) / count for name in after}
        self.say("per workflow at 1 in flight: transactions; statements; rows; WAL",
                 f"{each['transactions']:.1f}; {each['statements']:.1f}; {each['rows']:.1f}; "
                 f"{each['wal_bytes'] / 1024:.1f} KB (heartbeats of {took:.0f} s included)", "5; 20; 12; 6 KB")
        server.stop()

    def latency(self):
        """In commits: what inserting one row takes a client of that database on that disk."""
        for store, db in (("SQLite", self.file()), ("PostgreSQL", self.database())):
            commit = self.commit_sqlite() if store == "SQLite" else self.commit_postgres(db)
            server = self.perdure(db)
            load(server, "workflows", 100)
            seen = load(server, "workflows", 500)
            self.say(f"latency p50 of a one-activity workflow, 1 in flight, {store}, in commits",
                     f"{seen['latency_p50_ms'] / commit:.1f} ({seen['latency_p50_ms']:.2f} ms; a commit {commit:.2f} ms)",
                     "8")
            server.stop()

    def commit_sqlite(self) -> float:
        connection = sqlite3.connect(self.file(), isolation_level=None)
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (x BLOB)")
        samples = []
        for _ in range(500):
            begin = time.monotonic()
            connection.execute("INSERT INTO t VALUES (?)", (b"x" * 300,))
            samples.append(time.monotonic() - begin)
        connection.close()
        return statistics.median(samples) * 1e3

    def commit_postgres(self, db: str) -> float:
        self.postgres.sql("CREATE TABLE one_row (x text)", db)
        script = self.folder / "commit.sql"
        script.write_text("INSERT INTO one_row VALUES (repeat('x', 300));\n")
        out = subprocess.run(["pgbench", "-n", "-f", script, "-t", "500", "-M", "prepared", db], check=True, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        self.postgres.sql("DROP TABLE one_row", db)
        return float(re.search(r"latency average = ([\d.]+)", out).group(1))

    def timers(self):
        for store, db in (("SQLite", self.file()), ("PostgreSQL", self.database())):
            server = self.perdure(db)
            seen = load(server, "timers", 1000, 1)
            self.say(f"a 10 ms timer: late by, p99, {store}",
                     f"{seen['timer_late_p99_ms']:.1f} ms (p50 {seen['timer_late_p50_ms']:.1f} ms)", "20 ms")
            server.stop()

    def size(self):
        started = []
        for _ in range(5):
            server = self.perdure(self.file())
            started.append(server.start_seconds)
            time.sleep(1)
            resident = resident_mb(server.pids[0])
            server.stop()
        stripped = self.folder / "stripped"
        subprocess.run(["strip", "-o", stripped, BIN / "perdure"], check=True)
        self.say("start to healthy; idle memory; stripped binary",
                 f"{statistics.median(started) * 1e3:.0f} ms; {resident:.0f} MB; {stripped.stat().st_size / 1e6:.0f} MB",
                 "150 ms; 40 MB; 40 MB")

    def idle(self):
        database = self.database()
        server = self.perdure(database)
        time.sleep(5)
        seconds = 30
        before = cpu_seconds(server.pids[0]), self.postgres.counters(database)
        time.sleep(seconds)
        after = cpu_seconds(server.pids[0]), self.postgres.counters(database)
        self.say("idle on PostgreSQL: CPU; statements per second",
                 f"{(after[0] - before[0]) / seconds * 100:.2f} %; "
                 f"{(after[1]['statements'] - before[1]['statements']) / seconds:.1f}", "0.2 %; 2")
        server.stop()

    def polls(self):
        count = 10000
        server = self.perdure(self.database())
        before = resident_mb(server.pids[0])
        seen = load(server, "polls", count, 1, "--pids", server.pids[0])
        self.say(f"{count:,} idle long polls over 1,000 connections, PostgreSQL: resident memory",
                 f"{seen[f'pid_{server.pids[0]}_resident_mb']:.0f} MB ({before:.0f} MB before)", "300 MB")
        server.stop()

    def asleep(self):
        count = self.options.asleep
        for store, db in (("SQLite", self.file()), ("PostgreSQL", self.database())):
            server = self.perdure(db)
            size = (lambda: sum(path.stat().st_size for path in self.folder.glob(pathlib.Path(db).name + "*"))) \
                if store == "SQLite" else (lambda: int(self.postgres.sql("SELECT pg_database_size(current_database())", db)))
            before = size()
            seen = load(server, "asleep", count, 500)
            time.sleep(10)
            resident = resident_mb(server.pids[0])
            server.stop()
            each = (size() - before) / count
            server.start()
            self.say(f"{count:,} asleep on a timer, {store}: memory; restart to healthy; bytes each",
                     f"{resident:.0f} MB; {server.start_seconds:.2f} s; {each:.0f} ({seen['asleep_per_second']:,.0f}/s; "
                     f"{resident_mb(server.pids[0]):.0f} MB after the restart)", "300 MB; 2 s; 1,500")
            server.stop()

    def sequential(self):
        server = self.perdure(self.file(), *UNLIMITED)
        seen = load(server, "sequential", 10000)
        self.say("one workflow with 10,000 activities: last tenth to first",
                 f"{seen['last_to_first']:.2f} ({seen['activity_last_tenth_ms']:.2f} ms each)", "1.2")
        server.stop()

    def signals(self):
        for store, db in (("SQLite", self.file()), ("PostgreSQL", self.database())):
            server = self.perdure(db, *UNLIMITED)
            signals = load(server, "signals", 20000, 200)
            updates = load(server, "updates", 1000)
            self.say(f"signals per second into one workflow; updates p50, {store}",
                     f"{signals['signals_per_second']:,.0f}; {updates['update_p50_ms']:.1f} ms", "5,000; 5 ms")
            server.stop()

    def lists(self):
        """The million rows are put into the tables directly: 20 types, a tenth running, a fifth failed, over 30 days."""
        database = self.database()
        server = self.perdure(database)
        server.stop()
        self.postgres.sql(f"""
          INSERT INTO visibility (number, start_time_us, execution_time_us, close_time_us, history_length, run_id,
              namespace_number, shard_id, status, workflow_id, workflow_type, task_queue)
          SELECT i, s, s, CASE WHEN i / 20 % 10 > 0 THEN s + 5000000 END, 11, gen_random_uuid(), n.number, i % 1024,
              CASE WHEN i / 20 % 10 = 0 THEN 1 WHEN i / 20 % 10 < 8 THEN 2 ELSE 3 END,
              'order-' || i, 'type-' || i % 20, 'orders'
          FROM generate_series(1, {self.options.runs}) i,
              LATERAL (SELECT (extract(epoch FROM now()) * 1000000)::bigint - i::bigint * 2592000 AS s) t,
              (SELECT number FROM namespaces WHERE name = 'default') n""", database)
        # As autovacuum leaves it, which may be late for rows that came all at once: counts read indexes alone.
        self.postgres.sql("VACUUM ANALYZE visibility", database)
        server.start()
        for query in ("WorkflowType = 'type-7' AND ExecutionStatus = 'Running'",
                      "WorkflowType = 'type-7' AND ExecutionStatus = 'Failed'",
                      "ExecutionStatus = 'Completed'", ""):
            listed = load(server, "lists", 200, 1, "--query", query)
            counted = load(server, "counts", 20, 1, "--query", query)
            self.say(f"list; count at {self.options.runs:,} runs, p95: {query or 'all'}",
                     f"{listed['list_p95_ms']:.1f} ms; {counted['count_p95_ms']:.1f} ms", "20 ms; 100 ms")
        server.stop()


    # --- The C++ worker SDK -------------------------------------------------------------------------------------

    def sdk(self):
        """Worker and client in one process, in C++ and with the official Go SDK, in turn on one server."""
        program = self.go_program()
        server = self.perdure(self.database())
        count = self.options.count // 4
        cpp = [BIN / "perdure-sdk-bench", "load", "--address", server.address, "--in-flight", 200, "--count"]
        rivals = {"C++": [*cpp, count], "C++, eager start": [*cpp, count, "--eager-start"],
                  "C++, eager start, 16 client threads": [*cpp, count, "--eager-start", "--threads", 16],
                  "Go": [program, "--address", server.address, "--in-flight", 200, "--count", count]}
        seen = {name: [] for name in rivals}
        for _ in range(3):
            for name, command in rivals.items():
                before = children_cpu(), cpu_seconds(server.pids[0]), self.postgres.cpu()
                speed = figures(*command)["workflows_per_second"]
                after = children_cpu(), cpu_seconds(server.pids[0]), self.postgres.cpu()
                # The C++ program runs a tenth more, to warm up.
                done = count * 1.1 if name != "Go" else count
                seen[name].append([speed] + [(end - begin) / done * 1e3 for begin, end in zip(before, after)])
        totals = {}
        for name, rounds in seen.items():
            speed, own, of_server, of_postgres = [statistics.median(values) for values in zip(*rounds)]
            totals[name] = own
            self.say(f"one-activity workflows, 200 in flight, PostgreSQL, worker and client in {name}",
                     f"{speed:,.0f}/s (CPU ms each: own {own:.2f}, server {of_server:.2f}, PostgreSQL {of_postgres:.2f})",
                     "1,800" if name.startswith("C++") else "")
        self.say("C++ to Go, own CPU per workflow", f"1/{totals['Go'] / totals['C++']:.1f}", "1/3")
        server.stop()

    def sdk_core(self):
        bench = BIN / "perdure-sdk-bench"
        self.say("C++ SDK: replay of a 10,005-event history, from its bytes",
                 f"{figures(bench, 'replay')['events_per_cpu_second']:,.0f} events per CPU-second", "1,000,000")
        self.say("C++ SDK: activation in, command out, sequential timers",
                 f"{figures(bench, 'activation')['activation_ns']:.0f} ns", "250 ns")
        run = figures(bench, "memory")
        self.say("C++ SDK: a cached run (three frames deep; timer, activity, condition): resident; counted",
                 f"{run['run_resident_bytes']:,.0f}; {run['run_counted_bytes']:,.0f} bytes "
                 f"(begun in {run['run_start_us']:.1f} us, put out in {run['run_evict_us']:.1f} us)", "8 KB")

    def sdk_cached(self):
        server = self.perdure(self.database())
        seen = figures(BIN / "perdure-sdk-bench", "cached", "--address", server.address, "--in-flight", 50,
                       "--count", self.options.cached)
        self.say(f"C++ SDK: {seen['cached']:,.0f} waiting workflows in one worker's cache: resident",
                 f"{seen['resident_mb']:,.0f} MB ({seen['run_resident_bytes']:,.0f} bytes each)", "1 GB")
        server.stop()


def main():
    rows = ["throughput", "cost", "statements", "latency", "timers", "size", "idle", "polls", "sequential", "signals", "lists",
            "asleep", "sdk", "sdk_core", "sdk_cached"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=rows, help="some of: " + ", ".join(rows))
    parser.add_argument("--count", type=int, default=20000, help="workflows of the row throughput")
    parser.add_argument("--asleep", type=int, default=1000000)
    parser.add_argument("--cached", type=int, default=100000, help="workflows of the row sdk_cached")
    parser.add_argument("--runs", type=int, default=1000000, help="rows of the list")
    parser.add_argument("--folder", help="where the databases lie: another disk")
    parser.add_argument("--temporal-server", help="binary of Temporal's server, to be measured in the same run")
    parser.add_argument("--temporal-sql-tool", help="its temporal-sql-tool")
    parser.add_argument("--temporal-schema", help="its folder schema/")
    options = parser.parse_args()
    unknown = set(options.rows) - set(rows)
    if unknown:
        parser.error("no such row: " + ", ".join(sorted(unknown)))
    print("| what | here | goal |\n|---|---|---|", flush=True)
    bench = Bench(options)
    try:
        for row in options.rows:
            getattr(bench, row)()
    finally:
        bench.end()


if __name__ == "__main__":
    main()
