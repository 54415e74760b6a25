"""What is measured: a PostgreSQL, a perdure and, if its binaries are given, Temporal's server; each started on
free ports in a folder of its own, asked for its CPU time and memory, and ended."""

import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Below 32768: Temporal's schema keeps ports in a smallint."""
    for port in random.sample(range(12000, 32000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def stat_fields(pid: int) -> list[str]:
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2:].split()


def cpu_seconds(pid: int, with_children: bool = False) -> float:
    """Of the process; with its children, those that have ended included."""
    try:
        fields = stat_fields(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    ticks = int(fields[11]) + int(fields[12])
    if not with_children:
        return ticks / TICKS
    ticks += int(fields[13]) + int(fields[14])
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ticks / TICKS + sum(cpu_seconds(int(child)) for child in children)


def resident_mb(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


class Postgres:
    """Default settings, fsync on; pg_stat_statements counts what is asked of it."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        environment = {**os.environ, "PERDURE_POSTGRES_OPTIONS": "-c shared_preload_libraries=pg_stat_statements"}
        self.url = subprocess.run([ROOT / "tests/postgres.sh", "start", folder], check=True, text=True,
                                  stdout=subprocess.PIPE, env=environment).stdout.strip()
        self.pid = int((folder / "data/postmaster.pid").read_text().split()[0])

    def database(self, name: str) -> str:
        self.sql(f"CREATE DATABASE {name}")
        url = self.url.rsplit("/", 1)[0] + "/" + name
        self.sql("CREATE EXTENSION pg_stat_statements", url)
        return url

    def sql(self, statement: str, url: str = "") -> str:
        return subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement, url or self.url], check=True,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.strip()

    def cpu(self) -> float:
        return cpu_seconds(self.pid, with_children=True)

    def counters(self, url: str) -> dict[str, float]:
        """All that was asked of the database so far: transactions that wrote, statements, rows, bytes of WAL."""
        self.sql("SELECT pg_stat_clear_snapshot()", url)
        own = "query NOT LIKE '%pg_stat%' AND query NOT LIKE '%pg_current%'"
        calls, rows, wal = self.sql(
            "SELECT sum(calls), sum(rows) FILTER (WHERE query ~* '^\\s*(insert|update|delete|with)'), "
            f"pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') FROM pg_stat_statements "
            f"WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND {own}",
            url).split("|")
        transactions = self.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())", url)
        return {"transactions": float(transactions), "statements": float(calls or 0), "rows": float(rows or 0),
                "wal_bytes": float(wal)}

    def stop(self):
        subprocess.run([ROOT / "tests/postgres.sh", "stop", self.folder], check=False)


class Perdure:
    def __init__(self, folder: pathlib.Path, db: str, *flags: str, binary: pathlib.Path = BIN / "perdure"):
        self.name = "Perdure"
        self.binary = binary
        self.folder, self.db, self.flags = folder, db, flags
        self.port, self.metrics_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start_seconds = 0.0
        self.start()

    def start(self):
        """Until it says that it is ready to serve."""
        begin = time.monotonic()
        with open(self.folder / "perdure.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "server", "start-dev", "--port", str(self.port), "--http-port", "0",
                 "--metrics-port", str(self.metrics_port), "--db", self.db, *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() - begin > 60:
                raise RuntimeError("perdure did not start: " + (self.folder / "perdure.log").read_text()[-2000:])
            time.sleep(0.002)
        self.start_seconds = time.monotonic() - begin

    def is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.metrics_port), timeout=1) as connection:
                connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: bench\r\n\r\n")
                return b" 200 " in connection.recv(64)
        except OSError:
            return False

    @property
    def pids(self) -> list[int]:
        return [self.process.pid]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


class Temporal:
    """Temporal's server with all four services in one process, on PostgreSQL, with its schemas set up."""

    def __init__(self, folder: pathlib.Path, postgres: Postgres, server: str, sql_tool: str, schema: str):
        self.name = "Temporal"
        self.folder = folder
        host, port = re.search(r"@([^:/]+):(\d+)", postgres.url).groups()
        for database, kind in (("temporal", "temporal"), ("temporal_visibility", "visibility")):
            postgres.database(database)
            tool = [sql_tool, "--plugin", "postgres12", "--ep", host, "-p", port, "-u", "postgres", "--db", database]
            for step in (["setup-schema", "-v", "0.0"],
                         ["update-schema", "-d", f"{schema}/postgresql/v12/{kind}/versioned"]):
                subprocess.run([*tool, *step], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.frontend = free_port()
        self.address = f"127.0.0.1:{self.frontend}"
        config = folder / "config"
        config.mkdir()
        (config / "dynamic.yaml").write_text("{}\n")
        (config / "development.yaml").write_text(self.configuration(f"{host}:{port}", config))
        self.log = folder / "temporal.log"
        self.begin = time.monotonic()
        self.process = subprocess.Popen([server, "--root", folder, "--config", "config", "--env", "development",
                                         "--allow-no-auth", "start"], stdin=subprocess.DEVNULL,
                                        stdout=open(self.log, "wb"), stderr=subprocess.STDOUT)
        try:
            self.await_namespace()
        except BaseException:
            self.stop()
            raise

    def await_namespace(self):
        """Until it takes a namespace; its own cache takes that up within ten seconds more."""
        create = [BIN / "perdure", "operator", "namespace", "create", "default", "--address", self.address]
        while subprocess.run(create, capture_output=True, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() - self.begin > 120:
                raise RuntimeError("Temporal's server did not start: " + self.log.read_text()[-2000:])
            time.sleep(0.5)
        self.start_seconds = time.monotonic() - self.begin
        time.sleep(15)

    def configuration(self, database: str, config: pathlib.Path) -> str:
        store = """
      sql:
        pluginName: postgres12
        databaseName: {name}
        connectAddr: "{database}"
        connectProtocol: tcp
        user: postgres
        password: ""
        maxConns: 20
        maxIdleConns: 20
"""
        services = "".join(f"""
  {name}:
    rpc:
      grpcPort: {self.frontend if name == 'frontend' else free_port()}
      membershipPort: {free_port()}
      bindOnLocalHost: true
""" for name in ("frontend", "matching", "history", "worker"))
        return f"""
log:
  stdout: true
  level: error
persistence:
  defaultStore: default
  visibilityStore: visibility
  numHistoryShards: 4
  datastores:
    default: {store.format(name='temporal', database=database)}
    visibility: {store.format(name='temporal_visibility', database=database)}
global:
  membership:
    maxJoinDuration: 30s
    broadcastAddress: "127.0.0.1"
services: {services}
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation:
    active:
      enabled: true
      initialFailoverVersion: 1
      rpcName: frontend
      rpcAddress: "127.0.0.1:{self.frontend}"
publicClient:
  hostPort: "127.0.0.1:{self.frontend}"
dynamicConfigClient:
  filepath: "{config}/dynamic.yaml"
  pollInterval: 60s
"""

    @property
    def pids(self) -> list[int]:
        return [self.process.pid]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
