"""Closed runs vanish with all their rows when their namespace's retention is over, and leave room for others."""

import asyncio
import os
import pathlib
import sqlite3
import subprocess

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import Payload, WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    RegisterNamespaceRequest,
    StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from conftest import until
from perdure_server import Server
from prometheus import value_of

TABLES = ("executions", "journal", "snapshots", "visibility")
RETENTION_SECONDS = 2
RUN_BYTES = 20_000
AT_ONCE = 20
ROUNDS = 12  # of so many runs each
ROUND = 100


class Database:
    """Looks into the server's database from outside."""

    def __init__(self, server: Server):
        self.server = server
        self.is_postgres = bool(os.environ.get("PERDURE_TEST_DB"))

    def number(self, statement: str) -> int:
        if not self.is_postgres:
            with sqlite3.connect(f"file:{self.server.db}?mode=ro", uri=True) as connection:
                return connection.execute(statement).fetchone()[0]
        output = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, self.server.db],
                                check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return int(output.stdout.strip())

    def rows(self) -> dict[str, int]:
        return {table: self.number(f"SELECT count(*) FROM {table}") for table in TABLES}

    def size(self) -> int:
        if self.is_postgres:
            # The server's own sweeper comes once a minute; the test sweeps in its place, with nothing forced.
            self.number("SELECT 1")
            for table in TABLES:
                subprocess.run(["psql", "-X", "-q", "-c", f"VACUUM {table}", self.server.db], check=True,
                               stdin=subprocess.DEVNULL, capture_output=True)
            return sum(self.number(f"SELECT pg_total_relation_size('{table}')") for table in TABLES)
        folder = pathlib.Path(self.server.db).parent
        return sum(file.stat().st_size for file in folder.glob("perdure.db*"))


async def pass_through(api, first: int, count: int) -> None:
    """Starts runs and ends them, some at a time."""

    async def one(number: int) -> None:
        execution = WorkflowExecution(workflow_id=f"w{number}")
        request = StartWorkflowExecutionRequest(
            namespace="brief", workflow_id=execution.workflow_id, workflow_type=WorkflowType(name="t"),
            task_queue=TaskQueue(name="q"))
        request.input.payloads.append(Payload(data=os.urandom(RUN_BYTES)))
        await api.start_workflow_execution(request, retry=False)
        await api.terminate_workflow_execution(TerminateWorkflowExecutionRequest(
            namespace="brief", workflow_execution=execution), retry=False)

    for begin in range(first, first + count, AT_ONCE):
        await asyncio.gather(*(one(number) for number in range(begin, min(begin + AT_ONCE, first + count))))


def test_closed_runs_vanish_and_their_room_is_used_again():
    async def run(server: Server):
        database = Database(server)
        api = (await Client.connect(server.address)).workflow_service
        await api.register_namespace(RegisterNamespaceRequest(
            namespace="brief", workflow_execution_retention_period=Duration(seconds=RETENTION_SECONDS)), retry=False)
        # One that stays: only what is closed goes.
        stays = WorkflowExecution(workflow_id="stays")
        await api.start_workflow_execution(StartWorkflowExecutionRequest(
            namespace="brief", workflow_id="stays", workflow_type=WorkflowType(name="t"),
            task_queue=TaskQueue(name="q")), retry=False)
        alone = database.rows()
        assert alone["executions"] == 1
        sizes = []
        for number in range(ROUNDS):
            await pass_through(api, number * ROUND, ROUND)
            most = database.rows()["executions"]
            assert most > 1
            # A round begins when no more than the one before it is left: the steady state of a load that lasts.

            async def the_former_is_gone():
                return database.number("SELECT count(*) FROM executions") <= ROUND + 1

            await until(the_former_is_gone)
            sizes.append(database.size())
        # Once there is room for what is there at once, and SQLite's log is as long as it gets, what comes later finds it.
        print("sizes:", sizes)
        assert sizes[-1] <= 1.1 * max(sizes[: ROUNDS // 2]), sizes

        async def all_are_gone():
            return database.rows() == alone

        await until(all_are_gone)
        try:
            await api.describe_workflow_execution(DescribeWorkflowExecutionRequest(
                namespace="brief", execution=WorkflowExecution(workflow_id="w0")), retry=False)
            raise AssertionError("it is still shown")
        except RPCError as error:
            assert error.status == RPCStatusCode.NOT_FOUND
        await api.describe_workflow_execution(DescribeWorkflowExecutionRequest(
            namespace="brief", execution=stays), retry=False)
        assert value_of(server, "runs_erased") == ROUNDS * ROUND

    server = Server("--retention-min", "1s").start().until_serving()
    try:
        asyncio.run(run(server))
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()


def test_what_is_due_while_the_server_is_down_goes_when_it_is_back():
    async def before(server: Server):
        api = (await Client.connect(server.address)).workflow_service
        await api.register_namespace(RegisterNamespaceRequest(
            namespace="brief", workflow_execution_retention_period=Duration(seconds=1)), retry=False)
        await pass_through(api, 0, ROUND)

    async def after(server: Server):
        database = Database(server)

        async def all_are_gone():
            return all(rows == 0 for rows in database.rows().values())

        await until(all_are_gone)

    server = Server("--retention-min", "1s").start().until_serving()
    try:
        asyncio.run(before(server))
        server.kill()
        server.start().until_serving()
        asyncio.run(after(server))
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()
