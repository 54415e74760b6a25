"""kill -9 of the server, again and again under a mixed load, with a ledger of what it acknowledged.

Each client writes down a request once it is answered, and not before. In the end every start, signal and
update written down must be there, once, and every workflow must end with the right result.
"""

import asyncio
import os
import pathlib
import random
import sys
from collections import Counter
from datetime import timedelta

from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError
from temporalio.worker import Worker

from accounts import BEGUN, Account, Job, only_once, post

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

KILLS = int(os.environ.get("PERDURE_CRASH_KILLS", "20"))
UPTIME_SECONDS = (0.4, 1.6)
ACCOUNTS = 16
QUEUE = "crash"
END_MAX_SECONDS = 300


class Load:
    def __init__(self, server: Server):
        self.server = server
        self.stopped = False
        self.started: set[str] = set()
        self.signaled: dict[str, list[int]] = {f"account-{i}": [] for i in range(ACCOUNTS)}
        self.updated: dict[str, list[int]] = {f"account-{i}": [] for i in range(ACCOUNTS)}
        self.unanswered = 0
        self.last_number = 0

    async def attempt(self, request) -> bool:
        """True if it was acknowledged."""
        try:
            await asyncio.wait_for(request, 2)
            return True
        except (RPCError, asyncio.TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            self.unanswered += 1
            await asyncio.sleep(0.05)
            return False

    async def start_jobs(self, client: Client) -> None:
        number = 0
        while not self.stopped:
            number += 1
            key = f"job-{number}"
            if await self.attempt(client.start_workflow(Job.run, key, id=key, task_queue=QUEUE)):
                self.started.add(key)
            await asyncio.sleep(0.03)

    async def feed(self, client: Client, account: str) -> None:
        choice = random.Random(account)
        handle = client.get_workflow_handle(account)
        while not self.stopped:
            self.last_number += 1
            number = self.last_number
            if choice.random() < 0.6:
                if await self.attempt(handle.signal(Account.give, number)):
                    self.signaled[account].append(number)
            elif await self.attempt(handle.execute_update(Account.put, number, id=f"put-{number}")):
                self.updated[account].append(number)
            await asyncio.sleep(0.02)


async def with_retries(call, seconds: float = END_MAX_SECONDS):
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await asyncio.wait_for(call(), 10)
        except (RPCError, asyncio.TimeoutError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)


async def run_load(server: Server) -> None:
    client = await Client.connect(server.address)
    # Clients retry by themselves what they may; the ledger needs the plain answers.
    worker = Worker(client, task_queue=QUEUE, workflows=[Account, Job], activities=[post, only_once])
    load = Load(server)
    async with worker:
        for account in load.signaled:
            await client.start_workflow(Account.run, id=account, task_queue=QUEUE)
        tasks = [asyncio.create_task(load.start_jobs(client))]
        tasks += [asyncio.create_task(load.feed(client, account)) for account in load.signaled]
        moments = random.Random(KILLS)
        for _ in range(KILLS):
            await asyncio.sleep(moments.uniform(*UPTIME_SECONDS))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            # On PostgreSQL it takes over only when its predecessor has been silent for some seconds.
            while not await with_retries(lambda: client.service_client.check_health(timeout=timedelta(seconds=2))):
                await asyncio.sleep(0.1)
        load.stopped = True
        await asyncio.gather(*tasks)
        await check(client, load)
    acknowledged = len(load.started) + sum(map(len, [*load.signaled.values(), *load.updated.values()]))
    print(f"{KILLS} kills, {acknowledged} requests acknowledged, {load.unanswered} not")
    # Or the test has shown nothing.
    assert acknowledged > KILLS


async def check(client: Client, load: Load) -> None:
    for account in load.signaled:
        handle = client.get_workflow_handle(account)
        await with_retries(lambda handle=handle: handle.signal(Account.end))
        result = await with_retries(handle.result)
        for kind, ledger in (("signaled", load.signaled[account]), ("updated", load.updated[account])):
            counts = Counter(result[kind])
            missing = [number for number in ledger if counts[number] == 0]
            assert not missing, f"{account}: acknowledged and lost ({kind}): {missing}"
            twice = [number for number, count in counts.items() if count > 1]
            assert not twice, f"{account}: there twice ({kind}): {twice}"
        assert sorted(result["posted"]) == sorted(result["signaled"] + result["updated"])
    for key in sorted(load.started):
        result = await with_retries(client.get_workflow_handle(key).result)
        assert result in (f"did {key}", f"lost {key}")
        assert BEGUN[key] <= 1, f"{key}: an activity with one attempt began {BEGUN[key]} times"
        assert BEGUN[key] == 1 or result == f"lost {key}"


def test_what_was_acknowledged_survives_kills():
    server = Server().start()
    try:
        asyncio.run(run_load(server))
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()
