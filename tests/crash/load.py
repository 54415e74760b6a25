"""A mixed load, by clients who write down what was acknowledged, and the check of that ledger at the end."""

import asyncio
import dataclasses
import math
import pathlib
import random
import sys
import time
from collections import Counter
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from accounts import BEGUN, Account, Job, digest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "checker"))

import linearizability  # noqa: E402
from linearizability import DONE, REFUSED, UNKNOWN, Request  # noqa: E402

ACCOUNTS = 16
QUEUE = "crash"
END_MAX_SECONDS = 300
# A query waits for a worker, and a server that stops for its open calls.
READ_MAX = timedelta(seconds=2)


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
    waits, the client's own retries among it. Goes on until it is left, be it by an exception: a task of it takes no
    cancellation, since the client makes another exception of one that it meets in an update."""

    def __init__(self, clients: list[Client], patience: float = 2):
        BEGUN.clear()
        self.clients = clients
        self.patience = patience
        self.last_answer: dict[str, float] = {}
        self.pauses: dict[str, float] = {}  # the longest time without an answer, by account
        self.stopped = False
        self.started: set[str] = set()
        self.accounts = [f"account-{number}" for number in range(ACCOUNTS)]
        self.requests: list[Request] = []  # to accounts; what they saw as [length, digest] until the end
        self.unanswered = 0  # but for reads
        self.last_number = 0
        self.tasks: list[asyncio.Task] = []

    @property
    def acknowledged(self) -> int:
        return len(self.started) + sum(r.outcome == DONE and r.kind != "query" for r in self.requests)

    async def __aenter__(self) -> "Load":
        for account in self.accounts:
            await self.clients[0].start_workflow(Account.run, id=account, task_queue=QUEUE)
        self.tasks = [asyncio.create_task(self.start_jobs())]
        self.tasks += [asyncio.create_task(self.feed(account)) for account in self.accounts]
        self.tasks += [asyncio.create_task(self.look_at(account)) for account in self.accounts]
        return self

    async def __aexit__(self, *_) -> None:
        await self.end()

    async def end(self) -> None:
        self.stopped = True
        await asyncio.gather(*self.tasks)

    async def attempt(self, request) -> tuple[bool, object]:
        """Whether it was acknowledged, and with what."""
        try:
            return True, await asyncio.wait_for(request, self.patience)
        except (RPCError, asyncio.TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            await asyncio.sleep(0.05)
            return False, None

    async def recorded(self, account: str, kind: str, entry: str, call) -> bool:
        """As `attempt`, with what the checker is to know of it."""
        begin = time.monotonic()
        is_answered, seen = await self.attempt(call)
        self.requests.append(Request(
            account, kind, begin, time.monotonic() if is_answered else math.inf, DONE if is_answered else UNKNOWN,
            entry, tuple(seen) if kind in ("query", "update") and is_answered else None,
            seen.status == WorkflowExecutionStatus.RUNNING if kind == "describe" and is_answered else None))
        self.unanswered += not is_answered and kind not in ("query", "describe")
        return is_answered

    async def start_jobs(self) -> None:
        number = 0
        server = 0
        while not self.stopped:
            number += 1
            key = f"job-{number}"
            client = self.clients[server % len(self.clients)]
            if (await self.attempt(client.start_workflow(Job.run, key, id=key, task_queue=QUEUE)))[0]:
                self.started.add(key)
            else:
                self.unanswered += 1
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
                is_answered = await self.recorded(account, "signal", f"signal {number}",
                                                  handle.signal(Account.give, number))
            else:
                is_answered = await self.recorded(account, "update", f"update {number}",
                                                  handle.execute_update(Account.put, number, id=f"put-{number}"))
            if is_answered:
                self.note_answer(account)
            else:
                server += 1
            await asyncio.sleep(0.02)

    async def look_at(self, account: str) -> None:
        """Reads beside the writes, each time through another server."""
        choice = random.Random(f"look at {account}")
        while not self.stopped:
            handle = choice.choice(self.clients).get_workflow_handle(account)
            if choice.random() < 0.5:
                await self.recorded(account, "query", "", handle.query(Account.contents, rpc_timeout=READ_MAX))
            else:
                await self.recorded(account, "describe", "", handle.describe(rpc_timeout=READ_MAX))
            await asyncio.sleep(0.5)

    def note_answer(self, account: str) -> None:
        now = time.monotonic()
        pause = now - self.last_answer.get(account, now)
        self.last_answer[account] = now
        self.pauses[account] = max(self.pauses.get(account, 0), pause)


def with_contents(request: Request, log: tuple[str, ...]) -> Request:
    """What it saw, spelled out: that much of the log in the end, if its digest says so."""
    if request.seen is None:
        return request
    length, found = request.seen
    seen = log[:length]
    assert len(seen) == length and digest(list(seen)) == found, f"its contents were never those: {request}"
    return dataclasses.replace(request, seen=seen)


async def end_account(load: Load, client: Client, account: str) -> tuple[list[Request], dict]:
    """Ends it and looks at it. All requests to it, and its result."""
    handle = client.get_workflow_handle(account)
    await with_retries(lambda: handle.signal(Account.end))
    try:
        result = await with_retries(handle.result)
    except BaseException:
        # The servers and what they know are gone after the test.
        print(f"{account} does not end:", (await with_retries(handle.describe)).raw_description)
        for event in (await with_retries(handle.fetch_history)).events[-60:]:
            print(event)
        raise
    log = tuple(result["log"])
    begin = time.monotonic()
    is_running = (await with_retries(handle.describe)).status == WorkflowExecutionStatus.RUNNING
    own = [with_contents(request, log) for request in load.requests if request.workflow == account]
    own.append(Request(account, "query", begin, time.monotonic(), seen=log, is_running=is_running))
    begin = time.monotonic()
    try:
        await handle.signal(Account.give, 0)
        outcome = DONE
    except RPCError as error:
        outcome = REFUSED if error.status == RPCStatusCode.NOT_FOUND else UNKNOWN
    own.append(Request(account, "signal", begin, time.monotonic(), outcome, "after its end"))
    # A worker that had the run in its cache saw no more than the tail of it.
    history = await with_retries(handle.fetch_history)
    await Replayer(workflows=[Account]).replay_workflow(history)
    return own, result


async def check(client: Client, load: Load) -> None:
    """Everything acknowledged is there, once, all answers together could have been given by one server that never
    fails, and every workflow ends with the right result."""
    requests: list[Request] = []
    for account in load.accounts:
        own, result = await end_account(load, client, account)
        requests += own
        # The checker's verdict comprises this; a loss is told more plainly here.
        counts = Counter(result["log"])
        sent = [r.entry for r in own if r.kind in ("signal", "update") and r.outcome == DONE]
        missing = [entry for entry in sent if counts[entry] == 0]
        assert not missing, f"{account}: acknowledged and lost: {missing}"
        assert sorted(result["posted"]) == sorted(int(entry.split()[1]) for entry in result["log"])
    begin = time.monotonic()
    wrongs = linearizability.check(requests, is_started=True)
    assert not wrongs, "\n".join(wrongs)
    reads = sum(r.seen is not None or r.is_running is not None for r in requests if r.outcome == DONE)
    print(f"{len(requests)} requests, {reads} of which read, are linearizable ({time.monotonic() - begin:.1f} s)")
    for key in sorted(load.started):
        result = await with_retries(client.get_workflow_handle(key).result)
        assert result in (f"did {key}", f"lost {key}")
        assert BEGUN[key] <= 1, f"{key}: an activity with one attempt began {BEGUN[key]} times"
        assert BEGUN[key] == 1 or result == f"lost {key}"
