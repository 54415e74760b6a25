"""Two servers on one PostgreSQL: one serves, the other waits and takes over when the first is killed, frozen or stopped.

The load goes through both addresses, with a ledger of what was acknowledged. Only PostgreSQL can be shared.
"""

import asyncio
import os
import pathlib
import signal
import sys
import time
from collections import Counter
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from accounts import Account, Job, only_once, post
from load import QUEUE, Load, check, with_retries

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

TAKEOVER_MAX_SECONDS = 10.0
HANDOVER_MAX_SECONDS = 5.0
SETTLED_SECONDS = 4.0  # more than it takes to miss a server whose sessions are gone
HELD = 20  # requests to the frozen server
ANSWER_MAX = timedelta(seconds=30)


class Balancer:
    """An address that leads to whichever server serves, as one with health checks does. For the workers: a
    worker of the SDK that is told UNAVAILABLE goes on polling for ever and cannot be stopped."""

    def __init__(self, target: Server):
        self.target = target
        self.connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> str:
        self.server = await asyncio.start_server(self.connect, "127.0.0.1", 0)
        return "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target.port)
        except OSError:
            writer.close()
            return
        self.connections |= {writer, far_writer}
        await asyncio.gather(self.copy(reader, far_writer), self.copy(far_reader, writer))

    async def copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        except OSError:
            pass  # One side is gone; the other learns of it now.
        target.close()
        self.connections.discard(target)

    def lead_to(self, target: Server) -> None:
        self.target = target
        for writer in list(self.connections):
            writer.transport.abort()
        self.connections.clear()


class Pair:
    """Two servers; `owner` serves, `standby` waits."""

    def __init__(self):
        self.owner = Server().start()
        self.standby = Server(beside=self.owner).start()
        self.clients: dict[Server, Client] = {}
        self.balancer = Balancer(self.owner)

    @property
    def servers(self) -> list[Server]:
        return [self.owner, self.standby]

    async def connect(self) -> list[Client]:
        for server in self.servers:
            self.clients[server] = await Client.connect(server.address)
        return [self.clients[server] for server in self.servers]

    async def serves(self, server: Server) -> bool:
        try:
            return await self.clients[server].service_client.check_health(timeout=timedelta(seconds=1))
        except RPCError:
            return False

    async def until_serves(self, server: Server, seconds: float) -> float:
        """How long it took."""
        begin = time.monotonic()
        while not await self.serves(server):
            assert time.monotonic() - begin < seconds, f"no takeover within {seconds} s"
            await asyncio.sleep(0.05)
        return time.monotonic() - begin

    def change_roles(self) -> None:
        self.owner, self.standby = self.standby, self.owner
        self.balancer.lead_to(self.owner)

    def end(self) -> None:
        for server in self.servers:
            server.kill()
        for server in self.servers:
            server.remove()


async def under_load(pair: Pair, act) -> None:
    clients = await pair.connect()
    await pair.until_serves(pair.owner, 30)
    assert not await pair.serves(pair.standby)
    worker = Worker(await Client.connect(await pair.balancer.start()), task_queue=QUEUE, workflows=[Account, Job],
                    activities=[post, only_once])
    load = Load(clients)
    async with worker:
        await load.begin()
        await asyncio.sleep(1)
        for _ in range(2):
            before = load.acknowledged
            await act(pair)
            # It does not only say that it serves.
            deadline = time.monotonic() + 30
            while load.acknowledged < before + 50:
                assert time.monotonic() < deadline, "nothing is acknowledged after the takeover"
                await asyncio.sleep(0.05)
        await load.end()
        await check(pair.clients[pair.owner], load)
    print(f"{load.acknowledged} requests acknowledged, {load.unanswered} not")


async def kill_owner(pair: Pair) -> None:
    await asyncio.to_thread(pair.owner.kill)
    print(f"killed: taken over after {await pair.until_serves(pair.standby, TAKEOVER_MAX_SECONDS):.1f} s")
    await asyncio.to_thread(pair.owner.start)
    # The one that was killed finds the other serving, and waits.
    assert await pair.serves(pair.standby)
    assert not await pair.serves(pair.owner)
    pair.change_roles()


async def stop_owner(pair: Pair) -> None:
    """As an operator: it hands over before it goes."""
    pair.owner.process.terminate()
    print(f"stopped: taken over after {await pair.until_serves(pair.standby, HANDOVER_MAX_SECONDS):.1f} s")
    assert await asyncio.to_thread(pair.owner.process.wait, 20) == 0
    await asyncio.to_thread(pair.owner.start)
    pair.change_roles()


async def cut_sessions(pair: Pair) -> None:
    """Every connection to the database breaks at once: the owner lives, connects anew and stays the owner."""
    name = pair.owner.db.rsplit("/", 1)[1]
    await asyncio.to_thread(pair.owner.sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            f" WHERE datname = '{name}' AND pid <> pg_backend_pid()")
    deadline = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline:
        assert not await pair.serves(pair.standby), "the standby took over from a server that lives"
        await asyncio.sleep(0.1)
    assert await pair.serves(pair.owner)


async def outcome(call):
    try:
        await call
        return RPCStatusCode.OK
    except RPCError as error:
        return error.status


async def freeze_owner(pair: Pair) -> None:
    """The owner sleeps while requests are on their way to it, and wakes when another has taken over."""
    client = pair.clients[pair.owner]
    target = WorkflowExecution(workflow_id="held")
    if not await known(client, "held"):
        await client.start_workflow(Account.run, id="held", task_queue=QUEUE)
    # Its first task is over, and it is cached when the owner falls asleep.
    while (before := await history_length(client)) < 4:
        await asyncio.sleep(0.05)
    pair.owner.process.send_signal(signal.SIGSTOP)
    held = []
    for number in range(HELD):
        held.append(asyncio.create_task(outcome(client.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace="default", workflow_execution=target, signal_name="give", request_id=f"held-{number}",
                input=Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b"%d" % -number)])),
            retry=False, timeout=ANSWER_MAX))))
        held.append(asyncio.create_task(outcome(client.workflow_service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(namespace="default", execution=target), retry=False,
            timeout=ANSWER_MAX))))
    took = await pair.until_serves(pair.standby, TAKEOVER_MAX_SECONDS)
    print(f"frozen: taken over after {took:.1f} s")
    pair.owner.process.send_signal(signal.SIGCONT)
    answers = Counter(await asyncio.gather(*held))
    assert answers == {RPCStatusCode.UNAVAILABLE: 2 * HELD}, answers
    assert await pair.serves(pair.standby)
    assert not await pair.serves(pair.owner)
    assert pair.owner.process.poll() is None
    assert await history_length(pair.clients[pair.standby]) == before
    pair.change_roles()


async def known(client: Client, workflow_id: str) -> bool:
    try:
        await with_retries(client.get_workflow_handle(workflow_id).describe, 0)
        return True
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise


async def history_length(client: Client) -> int:
    description = await with_retries(client.get_workflow_handle("held").describe)
    return description.history_length


@pytest.mark.skipif(not os.environ.get("PERDURE_TEST_DB"), reason="SQLite has one server at a time")
@pytest.mark.parametrize("act", [kill_owner, freeze_owner, stop_owner, cut_sessions])
def test_a_standby_takes_over(act):
    pair = Pair()
    try:
        asyncio.run(under_load(pair, act))
    except BaseException:
        for server in pair.servers:
            print(server.log_tail())
        raise
    finally:
        pair.end()
