"""Two PostgreSQL servers of Debian's packages: a primary and a replica that streams from it. The primary dies, the
replica is promoted."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_MAX_SECONDS = 30


def programs() -> pathlib.Path | None:
    """The newest that is installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_basebackup"))
    return found[-1].parent if found else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Pair:
    def __init__(self):
        self.bin = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="perdure-pair-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.ports = {"primary": free_port(), "replica": free_port()}

    def run(self, program: str, *words: str) -> str:
        """PostgreSQL refuses root."""
        become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run([*become, self.bin / program, *words], check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, cwd=self.folder)
        assert done.returncode == 0, f"{program}: {done.stdout}"
        return done.stdout

    def data(self, name: str) -> pathlib.Path:
        return self.folder / name

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def boot(self, name: str) -> None:
        # Its output to a file: what it leaves running would hold a pipe open.
        log = self.folder / f"{name}.out"
        self.run("pg_ctl", "-D", str(self.data(name)), "-l", str(self.folder / f"{name}.log"), "-w", "-s",
                 "-o", f"-p {self.ports[name]} > {log} 2>&1", "start")

    def start(self) -> "Pair":
        self.run("initdb", "--no-sync", "-D", str(self.data("primary")), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                 "--locale=C.UTF-8")
        with open(self.data("primary") / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\n"
                       "log_connections = on\nwal_receiver_status_interval = 1s\nhot_standby = on\n")
        self.boot("primary")
        self.run("pg_basebackup", "-D", str(self.data("replica")), "-R", "-X", "stream", "-c", "fast", "--no-sync",
                 "-d", f"postgresql://postgres@127.0.0.1:{self.ports['primary']}/?application_name=replica")
        self.boot("replica")
        return self

    def sql(self, name: str, statement: str) -> str:
        return self.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement,
                        f"postgresql://postgres@127.0.0.1:{self.ports[name]}/postgres").strip()

    def url(self, database: str = "postgres") -> str:
        """Of both: libpq takes the one that can be written to."""
        hosts = ",".join(f"127.0.0.1:{self.ports[name]}" for name in ("primary", "replica"))
        return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write"

    def wait_for(self, name: str, query: str, answer: str) -> None:
        deadline = time.monotonic() + START_MAX_SECONDS
        while self.sql(name, query) != answer:
            assert time.monotonic() < deadline, f"{query} is not {answer}"
            time.sleep(0.05)

    def commit_on_both(self) -> None:
        """From now on a commit is acknowledged once the replica has it."""
        self.sql("primary", "ALTER SYSTEM SET synchronous_standby_names = 'replica'")
        self.sql("primary", "SELECT pg_reload_conf()")
        self.wait_for("primary", "SELECT sync_state FROM pg_stat_replication", "sync")

    def cut_stream(self) -> None:
        """The replica gets nothing more, and is behind from now on."""
        self.sql("replica", "ALTER SYSTEM SET primary_conninfo = ''")
        self.sql("replica", "SELECT pg_reload_conf()")
        self.wait_for("primary", "SELECT count(*) FROM pg_stat_replication", "0")

    def kill_primary(self) -> None:
        """All its processes at once, as when the machine dies."""
        postmaster = int((self.data("primary") / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], check=False, capture_output=True,
                                  text=True).stdout.split()
        for pid in [postmaster, *map(int, children)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def promote(self) -> None:
        self.run("pg_ctl", "-D", str(self.data("replica")), "-w", "-s", "promote")

    def attempts(self, name: str) -> int:
        """Connections that anybody tried so far."""
        return self.log(name).count("connection received")

    def remove(self) -> None:
        for name in ("primary", "replica"):
            if (self.data(name) / "postmaster.pid").exists():
                become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
                subprocess.run([*become, self.bin / "pg_ctl", "-D", self.data(name), "-m", "immediate", "-s", "stop"],
                               check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)
