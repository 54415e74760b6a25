"""Two versions in one cluster. PERDURE_PREVIOUS_BINARY names the server of the release before: it begins, this tree's
takes its place, one node after the other and under load, and then it comes back. Without it all is skipped."""

import asyncio
import os
import pathlib
import sqlite3
import sys
import uuid
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "crash")]

import cluster_test  # noqa: E402
from accounts import Account, Job, only_once, post  # noqa: E402
from cluster_test import NODES, Cluster, ended, under_load  # noqa: E402
from load import QUEUE, Load  # noqa: E402
from perdure_server import PROGRAM, Server  # noqa: E402

PREVIOUS = os.environ.get("PERDURE_PREVIOUS_BINARY", "")
# What an older server says of a schema that a newer one has changed.
TOO_OLD = "newer"

pytestmark = pytest.mark.skipif(not PREVIOUS, reason="PERDURE_PREVIOUS_BINARY names no server of a release before")


class PreviousCluster(Cluster):
    def __init__(self):
        self.servers = []
        for _ in range(NODES):
            beside = self.servers[0] if self.servers else None
            self.servers.append(Server("--internal-port", "0", beside=beside, program=PREVIOUS).start())
        self.clients, self.workers, self.running = {}, {}, {}


async def replace_by(cluster: Cluster, server: Server, program) -> None:
    server.process.terminate()
    # How a release before ends is no concern of this one; that nothing is lost by it is.
    await asyncio.to_thread(server.process.wait, 60)
    server.program = program
    await asyncio.to_thread(server.start)
    print(f"shared by all after {await cluster.until_shared_by(NODES):.1f} s")


async def put_back(cluster: Cluster, server: Server) -> bool:
    """The release before in the place of this one. False if it refused, with a reason, and this one is back."""
    try:
        await replace_by(cluster, server, PREVIOUS)
        return True
    except RuntimeError as error:
        assert TOO_OLD in str(error), "it did not start, and did not say that the schema is newer"
    server.program = PROGRAM
    await asyncio.to_thread(server.start)
    await cluster.until_shared_by(NODES)
    return False


@pytest.mark.skipif(not os.environ.get("PERDURE_TEST_DB"), reason="SQLite has one server at a time")
def test_a_cluster_is_upgraded_node_by_node_under_load_and_back():
    async def act(cluster: Cluster, _: Server, load: Load) -> None:
        for server in cluster.servers:
            await replace_by(cluster, server, PROGRAM)
            await asyncio.sleep(1)  # both versions share the work
        print(f"upgraded; {load.acknowledged} requests acknowledged, {load.unanswered} not")
        for server in cluster.servers:
            if not await put_back(cluster, server):
                print("the release before refused to come back")
                return
            await asyncio.sleep(1)
        print(f"downgraded; {load.acknowledged} requests acknowledged, {load.unanswered} not")

    # An answer may wait for a whole workflow task that a worker of a stopped server had.
    cluster_test.PAUSE_MAX_SECONDS = 60.0
    with ended(PreviousCluster()) as cluster:
        asyncio.run(under_load(cluster, act, patience=30, times=1))


def contents(path: pathlib.Path) -> list[str]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return list(database.iterdump())


async def use(server: Server, account: str, number: int) -> list[str]:
    """Starts the account if it is not there, gives it something, and says what it has."""
    client = await Client.connect(server.address)
    async with Worker(client, task_queue=QUEUE, workflows=[Account, Job], activities=[post, only_once],
                      graceful_shutdown_timeout=timedelta(seconds=1)):
        if number == 1:
            await client.start_workflow(Account.run, id=account, task_queue=QUEUE)
        handle = client.get_workflow_handle(account)
        await handle.signal(Account.give, number)
        length, _ = await handle.execute_update(Account.put, -number, id=f"put-{number}")
        assert length == 2 * number
        history = await handle.fetch_history()
        return [event.SerializeToString() for event in history.events]


def test_a_file_is_upgraded_and_goes_back_or_is_left_alone(tmp_path):
    path = tmp_path / "perdure.db"
    server = Server(db=str(path), program=PREVIOUS)
    account = f"account-{uuid.uuid4().hex[:8]}"
    try:
        before = asyncio.run(use(server.start(), account, 1))
        assert server.stop() == 0
        server.program = PROGRAM
        after = asyncio.run(use(server.start(), account, 2))
        assert after[:len(before) - 2] == before[:-2], "what had happened reads otherwise"
        assert server.stop() == 0
        server.program = PREVIOUS
        stored = contents(path)
        try:
            server.start()
        except RuntimeError as error:
            print("the release before refused to come back")
            assert TOO_OLD in str(error)
            assert contents(path) == stored, "it refused, and had changed the file"
            return
        asyncio.run(use(server, account, 3))
        assert server.stop() == 0
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        server.remove()
