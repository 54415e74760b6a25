"""A PostgreSQL database comes back from a dump that was made under load, and from a base backup with archived log, at a
chosen point; the workflows in it go on. Each test has a PostgreSQL of its own; docs/backup.md has the commands."""

import asyncio
import os
import pathlib
import shutil
import subprocess
import tempfile
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure_server import ROOT, Server

pytestmark = pytest.mark.skipif(not os.environ.get("PERDURE_TEST_DB"), reason="of PostgreSQL")
QUEUE = "backup"


@workflow.defn(name="Echo")
class Echo:
    @workflow.run
    async def run(self, text: str) -> str:
        await workflow.sleep(timedelta(milliseconds=1))
        return text


def as_postgres(*command) -> subprocess.CompletedProcess:
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*user, *map(str, command)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def program(name: str) -> pathlib.Path:
    found = shutil.which(name)
    return pathlib.Path(found) if found else sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))[-1]


class Postgres:
    def __init__(self, options: str = ""):
        # Where the user postgres may walk.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="perdure-backup-"))
        os.chmod(self.folder, 0o777)
        self.options = options
        self.cluster = self.folder / "cluster"
        self.url = ""

    def __enter__(self) -> "Postgres":
        done = subprocess.run([ROOT / "tests/postgres.sh", "start", self.cluster], check=True, capture_output=True,
                              text=True, env={**os.environ, "PERDURE_POSTGRES_OPTIONS": self.options})
        self.url = done.stdout.strip()
        return self

    def __exit__(self, *_):
        subprocess.run([ROOT / "tests/postgres.sh", "stop", self.cluster], check=True, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, statement: str) -> str:
        return as_postgres(program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement,
                           self.url).stdout.strip()


def server_on(url: str) -> Server:
    server = Server.__new__(Server)
    base = os.environ.pop("PERDURE_TEST_DB")
    try:
        server.__init__()
    finally:
        os.environ["PERDURE_TEST_DB"] = base
    server.db = url
    return server.start()


async def start(client: Client, first: int, count: int) -> None:
    await asyncio.gather(*(client.start_workflow("Echo", f"text {number}", id=f"echo-{number}", task_queue=QUEUE)
                           for number in range(first, first + count)))


async def all_end_well(server: Server, numbers: range) -> None:
    client = await Client.connect(server.until_serving().address)
    async with Worker(client, task_queue=QUEUE, workflows=[Echo],
                      workflow_runner=UnsandboxedWorkflowRunner()):
        async with asyncio.timeout(60):
            for number in numbers:
                assert await client.get_workflow_handle(f"echo-{number}").result() == f"text {number}"


def test_a_dump_made_under_load_holds_what_was_acknowledged_before_it():
    async def whole():
        with Postgres() as postgres:
            postgres.sql("CREATE DATABASE perdure")
            url = postgres.url.rsplit("/", 1)[0] + "/perdure"
            server = server_on(url)
            client = await Client.connect(server.until_serving().address)
            await start(client, 0, 200)
            load = asyncio.create_task(start(client, 200, 400))
            dump = await asyncio.to_thread(
                as_postgres, program("pg_dump"), "--format=custom", f"--file={postgres.folder}/perdure.dump", url)
            assert not dump.stderr
            await load
            assert server.stop() == 0
            postgres.sql("CREATE DATABASE restored")
            restored = postgres.url.rsplit("/", 1)[0] + "/restored"
            as_postgres(program("pg_restore"), "--exit-on-error", "--no-owner", f"--dbname={restored}",
                        f"{postgres.folder}/perdure.dump")
            again = server_on(restored)
            try:
                await all_end_well(again, range(200))
            finally:
                again.stop()

    asyncio.run(whole())


def test_a_base_backup_with_the_log_comes_back_at_the_point_that_is_asked_for():
    async def whole():
        archive = pathlib.Path(tempfile.mkdtemp(prefix="perdure-archive-"))
        os.chmod(archive, 0o777)
        with Postgres(f"-c archive_mode=on -c archive_command='cp %p {archive}/%f'") as postgres:
            server = server_on(postgres.url)
            client = await Client.connect(server.until_serving().address)
            await start(client, 0, 50)
            backup = postgres.folder / "backup"
            await asyncio.gather(start(client, 50, 50), asyncio.to_thread(
                as_postgres, program("pg_basebackup"), f"--dbname={postgres.url}", f"--pgdata={backup}",
                "--wal-method=fetch", "--checkpoint=fast"))
            await start(client, 100, 50)
            postgres.sql("SELECT pg_create_restore_point('before_the_mistake')")
            await start(client, 150, 50)
            postgres.sql("SELECT pg_switch_wal()")
            assert server.stop() == 0
            as_postgres(program("pg_ctl"), "-D", postgres.cluster / "data", "-m", "fast", "-w", "stop")

            recovery = postgres.folder / "recovery.conf"
            recovery.write_text(f"restore_command = 'cp {archive}/%f %p'\n"
                                "recovery_target_name = 'before_the_mistake'\nrecovery_target_action = 'promote'\n"
                                "archive_mode = off\n")
            as_postgres("sh", "-c", f"cat {recovery} >>{backup}/postgresql.conf && touch {backup}/recovery.signal")
            port = postgres.url.rsplit(":", 1)[1].split("/")[0]
            as_postgres(program("pg_ctl"), "-D", backup, "-w", "-l", backup / "server.log", "-o",
                        f"-p {port} -c max_connections=200 -c listen_addresses=127.0.0.1 -c unix_socket_directories=", "start")
            try:
                while postgres.sql("SELECT pg_is_in_recovery()") == "t":
                    await asyncio.sleep(0.05)
                again = server_on(postgres.url)
                try:
                    await all_end_well(again, range(150))
                    client = await Client.connect(again.address)
                    assert (await client.count_workflows("")).count == 150
                finally:
                    again.stop()
            finally:
                as_postgres(program("pg_ctl"), "-D", backup, "-m", "immediate", "stop")
        shutil.rmtree(archive)

    asyncio.run(whole())
