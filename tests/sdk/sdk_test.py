"""What programs do with Temporal's official Python SDK, done to the real binary."""

import asyncio
import contextlib
import time
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    DescribeTaskQueueRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    RegisterNamespaceRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import (
    RetryPolicy,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,
    TimeoutType,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from workflows import (
    ACTIVITIES,
    OPEN_TOKENS,
    WORKFLOWS,
    CancelsActivity,
    CleansUp,
    CountsDown,
    CronCounter,
    FailsForGood,
    FailsUntil,
    Hello,
    Ledger,
    LosesHeartbeat,
    ManyTimers,
    Parent,
    ParentThatEnds,
    ResumesFromHeartbeat,
    Retried,
    SignalsAnother,
    Sleeps,
    TimesOut,
    Upserts,
    WaitsForOutside,
)

MINUTE = timedelta(minutes=1)


@contextlib.asynccontextmanager
async def working(address: str, queue: str, **options):
    client = await Client.connect(address)
    async with Worker(client, task_queue=queue, workflows=WORKFLOWS, activities=ACTIVITIES, **options):
        yield client


async def until(claim, seconds: float = 60.0):
    """Waits for something that others bring about; what `claim` answered then."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await claim()
        if answer:
            return answer
        assert time.monotonic() < deadline, "never came true"
        await asyncio.sleep(0.05)


async def event_types(handle) -> list[str]:
    return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") async for event in handle.fetch_history_events()]


async def test_a_workflow_runs_an_activity(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Hello.run, "Ada", id=queue, task_queue=queue)
        assert await handle.result() == "Hello, Ada"
        assert await event_types(handle) == [
            "WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED",
            "WORKFLOW_TASK_COMPLETED", "ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_STARTED",
            "ACTIVITY_TASK_COMPLETED", "WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED",
            "WORKFLOW_TASK_COMPLETED", "WORKFLOW_EXECUTION_COMPLETED",
        ]


async def test_an_activity_is_retried(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Retried.run, 3, id=queue, task_queue=queue)
        assert await handle.result() == 3
        started = [e async for e in handle.fetch_history_events() if e.HasField("activity_task_started_event_attributes")]
        assert [e.activity_task_started_event_attributes.attempt for e in started] == [3]


async def test_an_activity_gives_up(address, queue):
    async with working(address, queue) as client:
        with pytest.raises(WorkflowFailureError) as failure:
            await client.execute_workflow(FailsForGood.run, id=queue, task_queue=queue)
        assert isinstance(failure.value.cause, ActivityError)
        assert isinstance(failure.value.cause.cause, ApplicationError)
        assert failure.value.cause.cause.type == "Never"


@pytest.mark.parametrize("workflow,kind", [
    (TimesOut, TimeoutType.START_TO_CLOSE), (LosesHeartbeat, TimeoutType.HEARTBEAT)], ids=["start_to_close", "heartbeat"])
async def test_an_activity_times_out(address, queue, workflow, kind):
    async with working(address, queue) as client:
        with pytest.raises(WorkflowFailureError) as failure:
            await client.execute_workflow(workflow.run, id=queue, task_queue=queue)
        assert isinstance(failure.value.cause.cause, TimeoutError)
        assert failure.value.cause.cause.type == kind


async def test_heartbeat_details_reach_the_next_attempt(address, queue):
    async with working(address, queue) as client:
        assert await client.execute_workflow(ResumesFromHeartbeat.run, id=queue, task_queue=queue) == 3


async def test_an_activity_is_cancelled_through_its_heartbeat(address, queue):
    async with working(
        address, queue, max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        default_heartbeat_throttle_interval=timedelta(milliseconds=100),
    ) as client:
        assert await client.execute_workflow(CancelsActivity.run, id=queue, task_queue=queue) == "CancelledError"


async def test_an_activity_is_completed_from_outside(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(WaitsForOutside.run, queue, id=queue, task_queue=queue)

        async def token():
            return OPEN_TOKENS.get(queue)

        await client.get_async_activity_handle(task_token=await until(token)).complete("from outside")
        assert await handle.result() == "from outside"


async def test_a_timer_fires_in_time(address, queue):
    async with working(address, queue) as client:
        begin = time.monotonic()
        assert await client.execute_workflow(Sleeps.run, 0.5, id=queue, task_queue=queue) == "awake"
        assert time.monotonic() - begin >= 0.5


async def test_many_timers(address, queue):
    async with working(address, queue) as client:
        assert await client.execute_workflow(ManyTimers.run, 200, id=queue, task_queue=queue) == 200


async def test_signals_arrive_once_and_in_order(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Ledger.run, id=queue, task_queue=queue)
        for number in range(20):
            await handle.signal(Ledger.add, number)
        await handle.signal(Ledger.end)
        assert await handle.result() == list(range(20))


async def test_signal_with_start(address, queue):
    async with working(address, queue) as client:
        for number in (1, 2):
            handle = await client.start_workflow(
                Ledger.run, id=queue, task_queue=queue, start_signal="add", start_signal_args=[number]
            )
        await handle.signal(Ledger.end)
        assert await handle.result() == [1, 2]


async def test_queries_of_open_and_closed_runs(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Ledger.run, id=queue, task_queue=queue)
        await handle.signal(Ledger.add, 5)
        assert await handle.query(Ledger.all) == [5]
        await handle.signal(Ledger.end)
        await handle.result()
        assert await handle.query(Ledger.all) == [5]


async def test_updates(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Ledger.run, id=queue, task_queue=queue)
        assert [await handle.execute_update(Ledger.put, number) for number in (3, 4)] == [1, 2]
        # Concurrent ones, and a repeated one: same id, same answer, once in the workflow.
        await asyncio.gather(*[handle.execute_update(Ledger.put, 10 + i, id=f"put-{i}") for i in range(5)])
        again = await handle.execute_update(Ledger.put, 10, id="put-0")
        assert again >= 3
        await handle.signal(Ledger.end)
        entries = await handle.result()
        assert entries[:2] == [3, 4] and sorted(entries[2:]) == [10, 11, 12, 13, 14]


async def test_a_rejected_update_leaves_no_trace(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Ledger.run, id=queue, task_queue=queue)
        await handle.query(Ledger.all)
        before = await event_types(handle)
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(Ledger.put, -1)
        assert await event_types(handle) == before
        await handle.terminate()


async def test_update_with_start(address, queue):
    async with working(address, queue) as client:
        start = WithStartWorkflowOperation(
            Ledger.run, id=queue, task_queue=queue, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
        )
        update = await client.start_update_with_start_workflow(
            Ledger.put, 9, start_workflow_operation=start, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        assert await update.result() == 1
        handle = await start.workflow_handle()
        await handle.signal(Ledger.end)
        assert await handle.result() == [9]


async def test_child_workflows(address, queue):
    async with working(address, queue) as client:
        results = await client.execute_workflow(Parent.run, 5, id=queue, task_queue=queue)
        assert results == [f"Hello, child {i}" for i in range(5)]


@pytest.mark.parametrize("policy,status", [
    (1, WorkflowExecutionStatus.TERMINATED), (2, WorkflowExecutionStatus.RUNNING), (3, WorkflowExecutionStatus.CANCELED)],
    ids=["terminate", "abandon", "request_cancel"])
async def test_parent_close_policy(address, queue, policy, status):
    async with working(address, queue) as client:
        child = client.get_workflow_handle(
            await client.execute_workflow(ParentThatEnds.run, policy, id=queue, task_queue=queue))
        if status == WorkflowExecutionStatus.RUNNING:
            assert (await child.describe()).status == status
            await child.terminate()
        else:
            async def ended():
                return (await child.describe()).status == status
            await until(ended)


async def test_a_workflow_signals_another(address, queue):
    async with working(address, queue) as client:
        target = await client.start_workflow(Ledger.run, id=f"{queue}-target", task_queue=queue)
        await client.execute_workflow(SignalsAnother.run, target.id, id=queue, task_queue=queue)
        assert await target.result() == [7]


async def test_continue_as_new(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(CountsDown.run, 3, id=queue, task_queue=queue)
        assert await handle.result() != ""
        runs = [run async for run in client.list_workflows(f"WorkflowId = '{queue}'")]
        assert sorted(run.status.name for run in runs) == ["COMPLETED"] + ["CONTINUED_AS_NEW"] * 3


async def test_cron(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(CronCounter.run, id=queue, task_queue=queue, cron_schedule="@every 1s")

        async def second_run():
            return await client.count_workflows(f"WorkflowId = '{queue}' AND ExecutionStatus != 'Running'")

        async def twice():
            return (await second_run()).count >= 2

        await until(twice)
        await client.get_workflow_handle(handle.id).terminate()
        first = client.get_workflow_handle(handle.id, run_id=handle.result_run_id)
        assert await first.result(follow_runs=False) == 1


async def test_a_workflow_is_retried(address, queue):
    async with working(address, queue) as client:
        assert await client.execute_workflow(
            FailsUntil.run, 3, id=queue, task_queue=queue,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
        ) == 3


async def test_workflow_timeout(address, queue):
    async with working(address, queue) as client:
        with pytest.raises(WorkflowFailureError) as failure:
            await client.execute_workflow(
                Sleeps.run, 300.0, id=queue, task_queue=queue, run_timeout=timedelta(seconds=1))
        assert isinstance(failure.value.cause, TimeoutError)


async def test_terminate(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Sleeps.run, 300.0, id=queue, task_queue=queue)
        await handle.terminate(reason="enough")
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        assert isinstance(failure.value.cause, TerminatedError)


async def test_cancel_runs_the_cleanup(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(CleansUp.run, id=queue, task_queue=queue)
        assert not await handle.query(CleansUp.is_cleaned)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
        assert isinstance(failure.value.cause, CancelledError)
        assert await handle.query(CleansUp.is_cleaned)


async def test_reset_runs_again_from_a_task(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Hello.run, "Ada", id=queue, task_queue=queue)
        await handle.result()
        answer = await client.workflow_service.reset_workflow_execution(ResetWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=queue, run_id=handle.result_run_id),
            reason="test", workflow_task_finish_event_id=4, request_id="reset-once"))
        again = client.get_workflow_handle(queue, run_id=answer.run_id)
        assert answer.run_id != handle.result_run_id
        assert await again.result() == "Hello, Ada"
        assert "WORKFLOW_TASK_FAILED" in await event_types(again)


async def test_id_policies(address, queue):
    async with working(address, queue) as client:
        first = await client.start_workflow(Sleeps.run, 300.0, id=queue, task_queue=queue)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.start_workflow(Sleeps.run, 300.0, id=queue, task_queue=queue)
        same = await client.start_workflow(
            Sleeps.run, 300.0, id=queue, task_queue=queue, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING)
        assert same.result_run_id == first.result_run_id
        other = await client.start_workflow(
            Sleeps.run, 0.0, id=queue, task_queue=queue,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING)
        assert await other.result() == "awake"
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.start_workflow(
                Sleeps.run, 0.0, id=queue, task_queue=queue, id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE)


async def test_start_delay(address, queue):
    async with working(address, queue) as client:
        begin = time.monotonic()
        await client.execute_workflow(Hello.run, "Ada", id=queue, task_queue=queue, start_delay=timedelta(seconds=1))
        assert time.monotonic() - begin >= 1


async def test_lists_and_counts_know_what_was_acknowledged(address, queue):
    color = SearchAttributeKey.for_keyword("Color")
    client = await Client.connect(address)
    for i in range(6):
        await client.start_workflow(
            Sleeps.run, 300.0, id=f"{queue}-{i}", task_queue=queue, memo={"i": i},
            search_attributes=TypedSearchAttributes([SearchAttributePair(color, ["red", "blue"][i % 2])]))
    mine = f"WorkflowId STARTS_WITH '{queue}-'"
    assert len([1 async for _ in client.list_workflows(mine, page_size=4)]) == 6
    assert (await client.count_workflows(f"{mine} AND Color = 'red'")).count == 3
    await client.get_workflow_handle(f"{queue}-0").terminate()
    assert (await client.count_workflows(f"{mine} AND ExecutionStatus = 'Running'")).count == 5
    groups = await client.count_workflows(f"{mine} GROUP BY ExecutionStatus")
    assert {group.group_values[0]: group.count for group in groups.groups} == {"Running": 5, "Terminated": 1}
    row = [one async for one in client.list_workflows(f"WorkflowId = '{queue}-3'")][0]
    assert row.typed_search_attributes[color] == "blue" and await row.memo_value("i") == 3
    with pytest.raises(RPCError) as error:
        [1 async for _ in client.list_workflows("Nonsense === 3")]
    assert error.value.status == RPCStatusCode.INVALID_ARGUMENT


async def test_upserted_attributes_and_memo(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Upserts.run, id=queue, task_queue=queue, memo={"note": "old", "kept": 1})
        await handle.result()
        rows = [row async for row in client.list_workflows(f"WorkflowId = '{queue}' AND Color = 'green' AND Size > 41")]
        assert len(rows) == 1
        assert await rows[0].memo() == {"note": "changed", "kept": 1}


async def test_describe_shows_a_pending_activity(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Retried.run, 100, id=queue, task_queue=queue)

        async def failing():
            pending = (await handle.describe()).raw_description.pending_activities
            return pending and pending[0].attempt >= 2 and pending[0]

        pending = await until(failing)
        assert pending.activity_type.name == "succeed_at"
        assert "not at attempt" in pending.last_failure.message
        await handle.terminate()


async def test_history_backwards(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(ManyTimers.run, 30, id=queue, task_queue=queue)
        await handle.result()
        forwards = [event.event_id async for event in handle.fetch_history_events(page_size=7)]
        assert forwards == list(range(1, len(forwards) + 1))
        backwards, token = [], b""
        while True:
            page = await client.workflow_service.get_workflow_execution_history_reverse(
                GetWorkflowExecutionHistoryReverseRequest(
                    namespace="default", execution=WorkflowExecution(workflow_id=queue), maximum_page_size=7,
                    next_page_token=token))
            backwards += [event.event_id for event in page.history.events]
            token = page.next_page_token
            if not token:
                break
        assert backwards == forwards[::-1]


async def test_delete(address, queue):
    async with working(address, queue) as client:
        handle = await client.start_workflow(Hello.run, "Ada", id=queue, task_queue=queue)
        await handle.result()
        await client.workflow_service.delete_workflow_execution(DeleteWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=queue)))

        async def gone():
            try:
                await handle.describe()
            except RPCError as error:
                return error.status == RPCStatusCode.NOT_FOUND
            return False

        await until(gone)
        assert (await client.count_workflows(f"WorkflowId = '{queue}'")).count == 0


async def test_namespaces_are_apart(address, queue):
    client = await Client.connect(address)
    await client.workflow_service.register_namespace(RegisterNamespaceRequest(
        namespace=queue, workflow_execution_retention_period=timedelta(days=1)))
    other = await Client.connect(address, namespace=queue)
    async with Worker(other, task_queue=queue, workflows=WORKFLOWS, activities=ACTIVITIES):
        assert await other.execute_workflow(Hello.run, "Bob", id=queue, task_queue=queue) == "Hello, Bob"
    with pytest.raises(RPCError) as error:
        await client.get_workflow_handle(queue).describe()
    assert error.value.status == RPCStatusCode.NOT_FOUND
    nowhere = await Client.connect(address, namespace=f"{queue}-none")
    with pytest.raises(RPCError) as error:
        await nowhere.start_workflow(Hello.run, "Bob", id=queue, task_queue=queue)
    assert error.value.status == RPCStatusCode.NOT_FOUND


async def test_a_task_queue_shows_its_pollers(address, queue):
    async with working(address, queue, identity="the worker") as client:

        async def polled():
            answer = await client.workflow_service.describe_task_queue(DescribeTaskQueueRequest(
                namespace="default", task_queue=TaskQueue(name=queue), task_queue_type=1))
            return [poller.identity for poller in answer.pollers] == ["the worker"]

        await until(polled)


async def test_the_cache_of_a_worker_is_no_truth(address, queue):
    """A workflow goes on at another worker, whose cache knows nothing of it."""
    async with working(address, queue) as client:
        handle = await client.start_workflow(Ledger.run, id=queue, task_queue=queue)
        assert await handle.execute_update(Ledger.put, 1) == 1
    async with working(address, queue, max_cached_workflows=0):
        assert await handle.execute_update(Ledger.put, 2) == 2
        await handle.signal(Ledger.end)
        assert await handle.result() == [1, 2]


async def test_many_workflows_at_once(address, queue):
    async with working(address, queue) as client:
        results = await asyncio.gather(*[
            client.execute_workflow(Hello.run, str(i), id=f"{queue}-{i}", task_queue=queue) for i in range(40)
        ])
        assert results == [f"Hello, {i}" for i in range(40)]
