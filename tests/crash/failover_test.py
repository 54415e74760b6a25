"""PostgreSQL's primary dies under load and its replica is promoted. A replica that had every commit takes over without a
loss; one that lacked the last ones is noticed: loudly, and no run goes on from what the database has lost."""

import asyncio
import os
import pathlib
import sys
import time
import urllib.request
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from accounts import Account, Job, only_once, post
from load import QUEUE, Load, check, with_retries
from postgres_pair import Pair, programs

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

OUTAGE_SECONDS = 2.0  # between the death of the one and the promotion of the other
SERVICE_MAX_SECONDS = 15.0  # after the promotion; the goal is 2 on a machine that does nothing else
CONNECTIONS_PER_NODE = 9
# Each connection tries again after half a second on the average, the two hosts one after the other.
ATTEMPTS_PER_SECOND_MAX = 4 * CONNECTIONS_PER_NODE

pytestmark = [
    pytest.mark.skipif(not os.environ.get("PERDURE_TEST_DB"), reason="only PostgreSQL has replicas"),
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server is installed below /usr/lib/postgresql"),
]


@pytest.fixture
def pair():
    made = Pair()
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def servers(pair):
    made = []
    try:
        # A database of its own would need its name within the URL of two hosts: the pair is its own already.
        first = Server("--internal-port", "0", db=pair.url())
        made.append(first.start())
        made.append(Server("--internal-port", "0", beside=first).start())
        yield made
    except BaseException:
        for server in made:
            print(server.log_tail())
        raise
    finally:
        for server in made:
            server.kill()
            server.remove()


def metric(server: Server, name: str) -> float:
    with urllib.request.urlopen(f"{server.page('metrics')}/metrics", timeout=10) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    raise AssertionError(f"there is no metric {name}")


async def fail_over(pair: Pair, load: Load) -> None:
    """Kills the one, promotes the other; measures and counts."""
    before = {name: pair.attempts(name) for name in ("primary", "replica")}
    await asyncio.to_thread(pair.kill_primary)
    await asyncio.sleep(OUTAGE_SECONDS)
    attempts = pair.attempts("replica") - before["replica"]
    await asyncio.to_thread(pair.promote)
    promoted, acknowledged = time.monotonic(), load.acknowledged
    while load.acknowledged < acknowledged + 20:
        assert time.monotonic() - promoted < SERVICE_MAX_SECONDS, "no service after the promotion"
        await asyncio.sleep(0.02)
    print(f"service {time.monotonic() - promoted:.1f} s after the promotion;"
          f" {attempts} attempts to connect in the {OUTAGE_SECONDS:.0f} s before it")
    assert attempts < 2 * ATTEMPTS_PER_SECOND_MAX * OUTAGE_SECONDS, "a storm of connections"


class Workers:
    """One at each server."""

    def __init__(self, clients: list[Client]):
        self.clients = clients
        self.workers: list[Worker] = []
        self.running: list[asyncio.Task] = []

    def begin(self) -> None:
        self.workers = [Worker(client, task_queue=QUEUE, workflows=[Account, Job], activities=[post, only_once],
                               graceful_shutdown_timeout=timedelta(seconds=1)) for client in self.clients]
        self.running = [asyncio.create_task(worker.run()) for worker in self.workers]

    async def end(self) -> None:
        await asyncio.gather(*(worker.shutdown() for worker in self.workers))
        await asyncio.gather(*self.running)
        self.workers.clear()
        self.running.clear()


async def with_load(servers: list[Server], act) -> tuple[list[Client], Load]:
    clients = [await Client.connect(server.address) for server in servers]
    workers = Workers(clients)
    workers.begin()
    try:
        async with Load(clients) as load:
            await asyncio.sleep(2)
            await act(clients, load, workers)
    finally:
        await workers.end()
    return clients, load


def logs(servers: list[Server]) -> str:
    return "".join(server.log.read_text(errors="replace") for server in servers)


def test_a_replica_with_all_commits_takes_over_without_a_loss(pair, servers):
    async def act(clients: list[Client], load: Load, _: Workers) -> None:
        await fail_over(pair, load)
        await asyncio.sleep(2)
        await load.end()
        await check(clients[0], load)

    pair.commit_on_both()
    _, load = asyncio.run(with_load(servers, act))
    print(f"{load.acknowledged} requests acknowledged, {load.unanswered} not")
    assert "the database is not the one it was" in logs(servers)
    assert "the database went back" not in logs(servers)
    for server in servers:
        assert metric(server, "store_records_lost") == 0
        assert metric(server, "store_lineage_changes") == 1


def test_a_replica_that_lacks_commits_is_noticed_and_nothing_goes_on_from_memory(pair, servers):
    async def act(clients: list[Client], load: Load, workers: Workers) -> None:
        await asyncio.to_thread(pair.cut_stream)
        lost_from = {account: len([r for r in load.requests if r.workflow == account]) for account in load.accounts}
        await asyncio.sleep(2)
        # What a worker has cached is ahead of that database, and the SDKs that share a core go on from it: a history
        # that contradicts itself comes of it now and then, whatever the server does.
        await workers.end()
        await fail_over(pair, load)
        workers.begin()
        await asyncio.sleep(2)
        await load.end()
        assert any(len([r for r in load.requests if r.workflow == account]) > lost_from[account]
                   for account in load.accounts)
        # All that goes on goes on from what the database has: each workflow can be ended, and what it did agrees with
        # its own history. A run that was cached ahead of its rows would be refused its commits for ever.
        for account in load.accounts:
            handle = clients[0].get_workflow_handle(account)
            await with_retries(lambda handle=handle: handle.signal(Account.end))
            result = await with_retries(handle.result)
            numbers = [int(entry.split()[1]) for entry in result["log"]]
            assert sorted(result["posted"]) == sorted(numbers)
            length = (await with_retries(handle.describe)).history_length
            events = (await with_retries(handle.fetch_history)).events
            assert [event.event_id for event in events] == list(range(1, length + 1))

    _, load = asyncio.run(with_load(servers, act))
    print(f"{load.acknowledged} requests acknowledged, {load.unanswered} not")
    text = logs(servers)
    assert "the database went back: commits that it had acknowledged are not there" in text
    assert sum(metric(server, "store_records_lost") for server in servers) > 0
    for server in servers:
        assert metric(server, "store_lineage_changes") == 1
