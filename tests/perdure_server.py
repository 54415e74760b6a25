"""A perdure server of a test's own, on free ports, on the store that PERDURE_TEST_DB names: empty for a new
SQLite file, else the URL of a PostgreSQL server, where it makes itself a database."""

import gzip
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / os.environ.get("PERDURE_BINARY", "build/release/bin/perdure")
START_MAX_SECONDS = 30.0


class Server:
    def __init__(self, *flags: str, beside: "Server | None" = None, restore: pathlib.Path | None = None,
                 db: str = "", program: str | pathlib.Path = PROGRAM):
        """`beside`: another one, whose database it shares; `db`: a database to use as it is. `restore`: where
        sqlite.db.gz and postgres.sql.gz are, of which it is to begin with the one that fits. `program`: another one than this tree's."""
        self.flags = flags
        self.program = program
        self.prefix: list[str] = []  # what runs it, if it is to run somewhere else
        self.ip = "127.0.0.1"
        self.tls = None  # an ssl.SSLContext, to look at its pages over https
        self.folder = tempfile.TemporaryDirectory(prefix="perdure-test-")
        self.log = pathlib.Path(self.folder.name) / "server.log"
        self.process: subprocess.Popen | None = None
        self.port = 0
        base = os.environ.get("PERDURE_TEST_DB", "")
        self.database = ""
        if beside is not None or db:
            self.db = db or beside.db
        elif base:
            self.database = f"perdure_{uuid.uuid4().hex[:12]}"
            self.admin = base
            self.sql(f"CREATE DATABASE {self.database}")
            self.db = base.rsplit("/", 1)[0] + "/" + self.database
            if restore is not None:
                subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.db], check=True, capture_output=True,
                               input=gzip.decompress((restore / "postgres.sql.gz").read_bytes()))
        else:
            self.db = str(pathlib.Path(self.folder.name) / "perdure.db")
            if restore is not None:
                pathlib.Path(self.db).write_bytes(gzip.decompress((restore / "sqlite.db.gz").read_bytes()))

    def sql(self, statement: str) -> None:
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, self.admin], check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)

    def query(self, statement: str) -> list[str]:
        """The rows, in a PostgreSQL of its own, as psql writes them."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, self.db],
                              check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.stdout.splitlines()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> "Server":
        """Starts it, or starts it again on the same port and database, and waits until it listens."""
        with open(self.log, "ab") as log:
            begin = self.log.stat().st_size
            self.process = subprocess.Popen(
                [*self.prefix, self.program, "server", "start-dev", "--ip", self.ip, "--port", str(self.port),
                 "--http-port", "0", "--metrics-port", "0", "--db", self.db, *self.flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_MAX_SECONDS
        while time.monotonic() < deadline:
            text = self.log.read_bytes()[begin:].decode(errors="replace")
            for line in text.splitlines(keepends=True):
                if line.startswith("  gRPC ") and line.endswith("\n"):
                    self.port = int(line.rsplit(":", 1)[1])
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"the server did not start:\n{self.log_tail()}")

    def until_serving(self) -> "Server":
        """It listens before it serves."""
        deadline = time.monotonic() + START_MAX_SECONDS
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.page('metrics')}/readyz", timeout=5, context=self.tls)
                return self
            except urllib.error.HTTPError:
                time.sleep(0.02)
        raise RuntimeError(f"the server does not serve:\n{self.log_tail()}")

    def page(self, name: str) -> str:
        """The URL of its HTTP or metrics port, as it said when it started last."""
        return [line.split()[1] for line in self.log.read_text().splitlines() if line.startswith(f"  {name} ")][-1]

    def kill(self) -> None:
        """As a crash: no warning, no goodbye."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As an operator: SIGTERM. Its exit code, then its data is gone."""
        self.process.terminate()
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            code = -9
        return code

    def remove(self) -> None:
        if self.database:
            self.sql(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        self.folder.cleanup()

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])
