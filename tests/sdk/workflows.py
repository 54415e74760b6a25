"""The workflows and activities that the tests run."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, WorkflowIDReusePolicy  # noqa: F401
from temporalio.exceptions import ApplicationError

SECOND = timedelta(seconds=1)
FAST = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=5)
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}"


@activity.defn
async def succeed_at(attempt: int) -> int:
    if activity.info().attempt < attempt:
        raise ApplicationError(f"not at attempt {activity.info().attempt}")
    return activity.info().attempt


@activity.defn
async def fail_for_good() -> None:
    raise ApplicationError("never", type="Never", non_retryable=True)


@activity.defn
async def hang() -> None:
    await asyncio.sleep(30)


@activity.defn
async def hang_with_heartbeats() -> str:
    try:
        while True:
            activity.heartbeat("alive")
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        activity.heartbeat("cancelled")
        raise


@activity.defn
async def count_on() -> int:
    """Goes on where the last attempt's heartbeat stopped."""
    details = activity.info().heartbeat_details
    reached = details[0] if details else 0
    if reached >= 3:
        return reached
    activity.heartbeat(reached + 1)
    await asyncio.sleep(0.05)
    raise ApplicationError("interrupted")


@activity.defn
async def leave_open(token_box: str) -> str:
    OPEN_TOKENS[token_box] = activity.info().task_token
    activity.raise_complete_async()


OPEN_TOKENS: dict[str, bytes] = {}


@workflow.defn
class Hello:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(greet, name, start_to_close_timeout=10 * SECOND)


@workflow.defn
class Retried:
    @workflow.run
    async def run(self, attempt: int) -> int:
        return await workflow.execute_activity(
            succeed_at, attempt, start_to_close_timeout=10 * SECOND, retry_policy=FAST
        )


@workflow.defn
class FailsForGood:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(fail_for_good, start_to_close_timeout=10 * SECOND)


@workflow.defn
class TimesOut:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(hang, start_to_close_timeout=SECOND, retry_policy=ONCE)


@workflow.defn
class LosesHeartbeat:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            hang, start_to_close_timeout=30 * SECOND, heartbeat_timeout=SECOND, retry_policy=ONCE
        )


@workflow.defn
class ResumesFromHeartbeat:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity(
            count_on, start_to_close_timeout=10 * SECOND, heartbeat_timeout=10 * SECOND, retry_policy=FAST
        )


@workflow.defn
class CancelsActivity:
    @workflow.run
    async def run(self) -> str:
        handle = workflow.start_activity(
            hang_with_heartbeats, start_to_close_timeout=30 * SECOND, heartbeat_timeout=2 * SECOND,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await asyncio.sleep(0.3)
        handle.cancel()
        try:
            await handle
        except Exception as error:
            return type(error.__cause__ or error).__name__
        return "not cancelled"


@workflow.defn
class WaitsForOutside:
    @workflow.run
    async def run(self, box: str) -> str:
        return await workflow.execute_activity(leave_open, box, start_to_close_timeout=30 * SECOND)


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "awake"


@workflow.defn
class ManyTimers:
    @workflow.run
    async def run(self, count: int) -> int:
        return sum(await asyncio.gather(*[self.one(i) for i in range(count)]))

    async def one(self, index: int) -> int:
        await asyncio.sleep(0.01 * (index % 7 + 1))
        return 1


@workflow.defn
class Ledger:
    """Takes numbers by signal and by update, tells them by query, ends when told."""

    def __init__(self) -> None:
        self.entries: list[int] = []
        self.ended = False

    @workflow.run
    async def run(self) -> list[int]:
        await workflow.wait_condition(lambda: self.ended and workflow.all_handlers_finished())
        return self.entries

    @workflow.signal
    def add(self, number: int) -> None:
        self.entries.append(number)

    @workflow.signal
    def end(self) -> None:
        self.ended = True

    @workflow.update
    async def put(self, number: int) -> int:
        self.entries.append(number)
        await asyncio.sleep(0.01)
        return len(self.entries)

    @put.validator
    def check_put(self, number: int) -> None:
        if number < 0:
            raise ApplicationError("negative")

    @workflow.query
    def all(self) -> list[int]:
        return self.entries


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, count: int) -> list[str]:
        me = workflow.info().workflow_id
        return list(await asyncio.gather(*[
            workflow.execute_child_workflow(Hello.run, f"child {i}", id=f"{me}-child-{i}") for i in range(count)
        ]))


@workflow.defn
class ParentThatEnds:
    @workflow.run
    async def run(self, policy: int) -> str:
        child = f"{workflow.info().workflow_id}-child"
        await workflow.start_child_workflow(
            Sleeps.run, 300.0, id=child, parent_close_policy=workflow.ParentClosePolicy(policy)
        )
        return child


@workflow.defn
class SignalsAnother:
    @workflow.run
    async def run(self, target: str) -> None:
        handle = workflow.get_external_workflow_handle_for(Ledger.run, target)
        await handle.signal(Ledger.add, 7)
        await handle.signal(Ledger.end)


@workflow.defn
class CountsDown:
    @workflow.run
    async def run(self, left: int) -> str:
        if left > 0:
            workflow.continue_as_new(left - 1)
        return workflow.info().continued_run_id or ""


@workflow.defn
class CronCounter:
    @workflow.run
    async def run(self) -> int:
        last = workflow.get_last_completion_result(int) if workflow.has_last_completion_result() else 0
        return last + 1


@workflow.defn
class FailsUntil:
    @workflow.run
    async def run(self, attempt: int) -> int:
        if workflow.info().attempt < attempt:
            raise ApplicationError("again")
        return workflow.info().attempt


@workflow.defn
class CleansUp:
    def __init__(self) -> None:
        self.cleaned = False

    @workflow.run
    async def run(self) -> None:
        try:
            await asyncio.sleep(300)
        finally:
            await workflow.execute_activity(greet, "cleaner", start_to_close_timeout=10 * SECOND)
            self.cleaned = True

    @workflow.query
    def is_cleaned(self) -> bool:
        return self.cleaned


@workflow.defn
class Upserts:
    @workflow.run
    async def run(self) -> None:
        workflow.upsert_search_attributes([
            SearchAttributeKey.for_keyword("Color").value_set("green"),
            SearchAttributeKey.for_int("Size").value_set(42),
        ])
        workflow.upsert_memo({"note": "changed"})
        await asyncio.sleep(0.01)


WORKFLOWS = [
    Hello, Retried, FailsForGood, TimesOut, LosesHeartbeat, ResumesFromHeartbeat, CancelsActivity, WaitsForOutside,
    Sleeps, ManyTimers, Ledger, Parent, ParentThatEnds, SignalsAnother, CountsDown, CronCounter, FailsUntil, CleansUp,
    Upserts,
]
ACTIVITIES = [greet, succeed_at, fail_for_good, hang, hang_with_heartbeats, count_on, leave_open]
