"""The workflows of the crash test."""

import asyncio
import zlib
from collections import Counter
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

# How often an activity with a single attempt was begun, by workflow.
BEGUN: Counter = Counter()


def digest(entries: list[str]) -> int:
    """Of contents that are too long to answer with each time."""
    return zlib.crc32(",".join(entries).encode())


@activity.defn
async def post(number: int) -> int:
    return number


@activity.defn
async def only_once(key: str) -> str:
    BEGUN[key] += 1
    return key


@workflow.defn
class Account:
    """Posts each number it is given, by signal or update, through an activity; ends when told."""

    def __init__(self) -> None:
        self.log: list[str] = []  # what came, in order
        self.todo: list[int] = []
        self.posted: list[int] = []
        self.ended = False

    @workflow.run
    async def run(self) -> dict[str, list]:
        while True:
            await workflow.wait_condition(lambda: bool(self.todo) or self.ended)
            if not self.todo:
                await workflow.wait_condition(workflow.all_handlers_finished)
                return {"log": self.log, "posted": self.posted}
            self.posted.append(await workflow.execute_activity(
                post, self.todo.pop(0), start_to_close_timeout=timedelta(seconds=3),
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50), backoff_coefficient=1.2)))

    @workflow.signal
    def give(self, number: int) -> None:
        self.log.append(f"signal {number}")
        self.todo.append(number)

    @workflow.signal
    def end(self) -> None:
        self.ended = True

    @workflow.update
    def put(self, number: int) -> list[int]:
        self.log.append(f"update {number}")
        self.todo.append(number)
        return self.contents()

    @workflow.query
    def contents(self) -> list[int]:
        return [len(self.log), digest(self.log)]


@workflow.defn
class Job:
    """An activity with one attempt, and a timer."""

    @workflow.run
    async def run(self, key: str) -> str:
        await asyncio.sleep(0.2)
        try:
            await workflow.execute_activity(
                only_once, key, start_to_close_timeout=timedelta(seconds=3),
                retry_policy=RetryPolicy(maximum_attempts=1))
        except Exception:
            return f"lost {key}"  # Its worker's answer met a dead server; to run it again would be wrong.
        return f"did {key}"
