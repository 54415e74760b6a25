"""A mixed load, by clients who write down what was acknowledged, and the check of that ledger at the end."""

import asyncio
import random
import time
from collections import Counter

from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from accounts import BEGUN, Account, Job

ACCOUNTS = 16
QUEUE = "crash"
END_MAX_SECONDS = 300


async def with_retries(call, seconds: float = END_MAX_SECONDS):
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await asyncio.wait_for(call(), 10)
        except (RPCError, asyncio.TimeoutError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)


class Load:
    """Goes to one of the servers; after an unanswered request to the next one. `patience`: how long a request
    waits, the client's own retries among it."""

    def __init__(self, clients: list[Client], patience: float = 2):
        BEGUN.clear()
        self.clients = clients
        self.patience = patience
        self.last_answer: dict[str, float] = {}
        self.pauses: dict[str, float] = {}  # the longest time without an answer, by account
        self.stopped = False
        self.started: set[str] = set()
        self.signaled: dict[str, list[int]] = {f"account-{i}": [] for i in range(ACCOUNTS)}
        self.updated: dict[str, list[int]] = {f"account-{i}": [] for i in range(ACCOUNTS)}
        self.unanswered = 0
        self.last_number = 0
        self.tasks: list[asyncio.Task] = []

    @property
    def acknowledged(self) -> int:
        return len(self.started) + sum(map(len, [*self.signaled.values(), *self.updated.values()]))

    async def begin(self) -> None:
        for account in self.signaled:
            await self.clients[0].start_workflow(Account.run, id=account, task_queue=QUEUE)
        self.tasks = [asyncio.create_task(self.start_jobs())]
        self.tasks += [asyncio.create_task(self.feed(account)) for account in self.signaled]

    async def end(self) -> None:
        self.stopped = True
        await asyncio.gather(*self.tasks)

    async def attempt(self, request) -> bool:
        """True if it was acknowledged."""
        try:
            await asyncio.wait_for(request, self.patience)
            return True
        except (RPCError, asyncio.TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            self.unanswered += 1
            await asyncio.sleep(0.05)
            return False

    async def start_jobs(self) -> None:
        number = 0
        server = 0
        while not self.stopped:
            number += 1
            key = f"job-{number}"
            client = self.clients[server % len(self.clients)]
            if await self.attempt(client.start_workflow(Job.run, key, id=key, task_queue=QUEUE)):
                self.started.add(key)
            else:
                server += 1
            await asyncio.sleep(0.03)

    async def feed(self, account: str) -> None:
        choice = random.Random(account)
        server = 0
        while not self.stopped:
            self.last_number += 1
            number = self.last_number
            handle = self.clients[server % len(self.clients)].get_workflow_handle(account)
            if choice.random() < 0.6:
                is_answered = await self.attempt(handle.signal(Account.give, number))
                ledger = self.signaled
            else:
                is_answered = await self.attempt(handle.execute_update(Account.put, number, id=f"put-{number}"))
                ledger = self.updated
            if is_answered:
                ledger[account].append(number)
                self.note_answer(account)
            else:
                server += 1
            await asyncio.sleep(0.02)

    def note_answer(self, account: str) -> None:
        now = time.monotonic()
        pause = now - self.last_answer.get(account, now)
        self.last_answer[account] = now
        self.pauses[account] = max(self.pauses.get(account, 0), pause)


async def check(client: Client, load: Load) -> None:
    """Everything acknowledged is there, once, and every workflow ends with the right result."""
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
