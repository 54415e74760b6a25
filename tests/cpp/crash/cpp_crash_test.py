"""kill -9 of C++ worker processes, again and again in the middle of a mixed load, with a ledger of what ran.

The server lives: what it acknowledged is not in doubt. Every workflow must end with the right result, each attempt
of an activity must have run once at most, and no activity more often than workers were killed.
"""

import asyncio
import collections
import os
import pathlib
import random
import subprocess
import time
from datetime import timedelta

from temporalio.client import Client

from conftest import BIN, environment

KILLS = int(os.environ.get("PERDURE_CRASH_KILLS", "20"))
UPTIME_SECONDS = (0.4, 1.4)
# The second worker forgets most runs at once.
CACHE_RUNS = (10_000, 3)
ACCOUNTS = 6
TASK_TIMEOUT = timedelta(seconds=2)
END_MAX_SECONDS = 60


class Workers:
    def __init__(self, address: str, queue: str, ledger: pathlib.Path):
        self.address, self.queue, self.ledger = address, queue, ledger
        self.processes = [self.spawn(runs) for runs in CACHE_RUNS]

    def spawn(self, runs: int) -> subprocess.Popen:
        return subprocess.Popen([BIN / "cpp_crash", self.queue, self.ledger, str(runs)], env=environment(self.address),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def replace(self, index: int) -> None:
        assert self.processes[index].poll() is None, "a worker ended before it was killed"
        self.processes[index].kill()
        self.processes[index].wait()
        self.processes[index] = self.spawn(CACHE_RUNS[index])

    def stop(self) -> list[int]:
        for process in self.processes:
            process.terminate()
        codes = []
        for process in self.processes:
            try:
                codes.append(process.wait(30))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        return codes


class Load:
    def __init__(self, client: Client, queue: str):
        self.client, self.queue = client, queue
        self.is_over = False
        self.jobs: list = []
        self.signaled: dict[str, list[int]] = collections.defaultdict(list)
        self.updated: dict[str, list[int]] = collections.defaultdict(list)
        self.last_number = 0

    async def start_jobs(self) -> None:
        while not self.is_over:
            key = f"job{len(self.jobs)}"
            self.jobs.append(await self.client.start_workflow(
                "Job", key, id=key, task_queue=self.queue, task_timeout=TASK_TIMEOUT, result_type=str))
            await asyncio.sleep(0.15)

    async def feed(self, account: str, put: bool) -> None:
        handle = self.client.get_workflow_handle(account)
        choice = random.Random(account)
        while not self.is_over:
            self.last_number += 1
            number = self.last_number
            if put:
                assert await handle.execute_update("put", number, result_type=int) == number
                self.updated[account].append(number)
            else:
                await handle.signal("give", number)
                self.signaled[account].append(number)
            await asyncio.sleep(choice.uniform(0.05, 0.3))

    async def check_results(self) -> None:
        for account in sorted(self.signaled.keys() | self.updated.keys()):
            handle = self.client.get_workflow_handle(account)
            await handle.signal("end")
            total = await handle.result()
            assert total["signaled"] == self.signaled[account]
            assert total["updated"] == self.updated[account]
            assert sorted(total["posted"]) == sorted(total["signaled"] + total["updated"])
        for job in self.jobs:
            key = job.id
            assert await job.result() == f"local {key}, step {key}-a, step {key}-b, step {key}-c, 7"


def check_ledger(ledger: pathlib.Path, load: Load) -> collections.Counter:
    """How often each activity ran. A server hands an attempt out once; a local activity, which it knows nothing of
    before it is done, runs again with each worker that takes its task over."""
    attempts = collections.Counter(tuple(line.split()) for line in ledger.read_text().splitlines())
    remote_twice = [attempt for attempt, count in attempts.items() if count > 1 and attempt[0] != "local_step"]
    assert not remote_twice, f"attempts that ran twice: {remote_twice}"
    executions = collections.Counter()
    for (name, key, _), count in attempts.items():
        executions[name, key] += count
    too_often = {key: count for key, count in executions.items() if count > KILLS + 1}
    assert not too_often
    expected = {("post", f"{account}/{number}") for ledger_of in (load.signaled, load.updated)
                for account, numbers in ledger_of.items() for number in numbers}
    for job in load.jobs:
        expected |= {("local_step", job.id), *(("step", f"{job.id}-{part}") for part in "abc")}
    assert executions.keys() == expected
    return executions


async def test_no_work_is_lost_or_done_wrong_when_workers_are_killed(address, tmp_path):
    client = await Client.connect(address)
    ledger = tmp_path / "ledger"
    begun = time.monotonic()
    accounts = [f"account{i}" for i in range(ACCOUNTS)]
    for account in accounts:
        await client.start_workflow("Account", id=account, task_queue="cpp-crash", task_timeout=TASK_TIMEOUT)
    load = Load(client, "cpp-crash")
    workers = Workers(address, "cpp-crash", ledger)
    try:
        tasks = [asyncio.create_task(load.start_jobs())]
        tasks += [asyncio.create_task(load.feed(account, put)) for account in accounts for put in (False, True)]
        moments = random.Random(KILLS)
        for kill in range(KILLS):
            await asyncio.sleep(moments.uniform(*UPTIME_SECONDS))
            await asyncio.to_thread(workers.replace, kill % len(CACHE_RUNS))
        load.is_over = True
        async with asyncio.timeout(END_MAX_SECONDS):
            await asyncio.gather(*tasks)
            await load.check_results()
    finally:
        codes = await asyncio.to_thread(workers.stop)
    assert codes == [0, 0]
    executions = check_ledger(ledger, load)
    again = sum(count - 1 for count in executions.values())
    print(f"{KILLS} kills, {len(load.jobs)} jobs, {len(executions)} activities, {again} of them run again, "
          f"{time.monotonic() - begun:.0f} s")
    # Or the test has shown nothing.
    assert len(load.jobs) > KILLS and again > 0
