"""Limits are settings, of the cluster and of single namespaces; crossing one is answered as Temporal does."""

import asyncio
import contextlib

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import ResourceExhaustedCause, TaskQueueType, WorkflowExecutionStatus
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeTaskQueueRequest,
    GetWorkflowExecutionHistoryRequest,
    PollWorkflowTaskQueueRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from conftest import until
from perdure_server import Server
from prometheus import value_of


@contextlib.asynccontextmanager
async def serving(*flags: str):
    server = Server(*flags).start().until_serving()
    try:
        yield server, (await Client.connect(server.address)).workflow_service
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()


def start(namespace: str, workflow_id: str, size: int = 0) -> StartWorkflowExecutionRequest:
    request = StartWorkflowExecutionRequest(
        namespace=namespace, workflow_id=workflow_id, workflow_type=WorkflowType(name="t"),
        task_queue=TaskQueue(name="q"), request_id=workflow_id)
    if size:
        request.input.payloads.append(Payload(data=b"x" * size))
    return request


def signal(namespace: str, workflow_id: str, request_id: str, size: int = 0) -> SignalWorkflowExecutionRequest:
    return SignalWorkflowExecutionRequest(
        namespace=namespace, workflow_execution=WorkflowExecution(workflow_id=workflow_id), signal_name="s",
        request_id=request_id, input=Payloads(payloads=[Payload(data=b"x" * size)]))


async def refused(call) -> RPCError:
    with pytest.raises(RPCError) as error:
        await call
    return error.value


def exhausted(error: RPCError) -> ResourceExhaustedFailure:
    assert error.status == RPCStatusCode.RESOURCE_EXHAUSTED
    detail = ResourceExhaustedFailure()
    assert error.grpc_status.details[0].Unpack(detail)
    return detail


def test_a_namespace_has_limits_of_its_own():
    async def run():
        async with serving("-n", "small", "--blob-size-limit", "20KiB",
                           "--namespace-setting", "small:limit.blobSize.error=2KiB") as (_, api):
            await api.start_workflow_execution(start("default", "a", 10_000), retry=False)
            error = await refused(api.start_workflow_execution(start("small", "a", 10_000), retry=False))
            assert error.status == RPCStatusCode.INVALID_ARGUMENT
            assert error.message == "Blob data size exceeds limit."
            error = await refused(api.start_workflow_execution(start("default", "b", 30_000), retry=False))
            assert error.status == RPCStatusCode.INVALID_ARGUMENT

    asyncio.run(run())


@pytest.mark.parametrize("limit,reason,size", [
    ("history_count_limit=12", "Workflow history count exceeds limit.", 0),
    ("history_size_limit=8KiB", "Workflow history size exceeds limit.", 1000)])
def test_a_run_that_outgrows_its_history_is_terminated(limit, reason, size):
    async def run():
        async with serving("--namespace-setting", f"default:{limit}", "--history-count-warn", "5",
                           "--history-size-warn", "2KiB") as (server, api):
            await api.start_workflow_execution(start("default", "w"), retry=False)
            accepted = 0
            while True:
                try:
                    await api.signal_workflow_execution(
                        signal("default", "w", f"{accepted}", size), retry=False)
                    accepted += 1
                except RPCError as error:
                    assert (error.status, error.message) == (RPCStatusCode.INVALID_ARGUMENT, reason)
                    break
            history = await api.get_workflow_execution_history(GetWorkflowExecutionHistoryRequest(
                namespace="default", execution=WorkflowExecution(workflow_id="w")), retry=False)
            events = history.history.events
            # Started, the first task scheduled, the signals, the end: the one too many is not there.
            assert len(events) == 2 + accepted + 1
            if not size:
                assert accepted == 10
            terminated = events[-1].workflow_execution_terminated_event_attributes
            assert (terminated.reason, terminated.identity) == (reason, "history-service")
            error = await refused(api.signal_workflow_execution(signal("default", "w", "late"), retry=False))
            assert error.status == RPCStatusCode.NOT_FOUND
            # Warned of, once for each limit that was passed, however many events followed.
            warned = "size" if size else "count"
            assert value_of(server, "history_warnings", namespace="default", what=warned) == 1
            assert value_of(server, "history_warnings", namespace="default", what="limit") == 1
            assert server.log.read_text().count("above its warning limit") >= 1
            assert value_of(server, "workflow_terminate", namespace="default") == 1

    asyncio.run(run())


def test_a_run_that_outgrows_its_state_is_terminated():
    """What comes while a task is being worked on waits in the state, whoever reads it from the store."""
    reason = "Workflow mutable state size exceeds limit."

    async def run():
        async with serving("--namespace-setting", "default:limit.mutableStateSize.error=64KiB",
                           "--state-size-warn", "16KiB") as (server, api):
            await api.start_workflow_execution(start("default", "w"), retry=False)
            await api.poll_workflow_task_queue(PollWorkflowTaskQueueRequest(
                namespace="default", task_queue=TaskQueue(name="q")), retry=False)
            for number in range(6):
                if number == 3:
                    server.kill()
                    server.start().until_serving()
                await api.signal_workflow_execution(signal("default", "w", f"{number}", 10_000))
            error = await refused(api.signal_workflow_execution(
                signal("default", "w", "one too many", 10_000), retry=False))
            assert (error.status, error.message) == (RPCStatusCode.INVALID_ARGUMENT, reason)
            history = await api.get_workflow_execution_history(GetWorkflowExecutionHistoryRequest(
                namespace="default", execution=WorkflowExecution(workflow_id="w")), retry=False)
            terminated = history.history.events[-1].workflow_execution_terminated_event_attributes
            assert (terminated.reason, terminated.identity) == (reason, "history-service")
            assert value_of(server, "history_warnings", namespace="default", what="state") == 1
            assert value_of(server, "history_warnings", namespace="default", what="limit") == 1

    asyncio.run(run())


def test_how_a_task_queue_is_configured_survives_a_kill():
    async def run():
        async with serving() as (server, api):
            await api.update_task_queue_config(UpdateTaskQueueConfigRequest(
                namespace="default", identity="me", task_queue="q",
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
                update_queue_rate_limit=UpdateTaskQueueConfigRequest.RateLimitUpdate(
                    rate_limit=RateLimit(requests_per_second=7), reason="calm")), retry=False)
            server.kill()
            server.start().until_serving()
            api = (await Client.connect(server.address)).workflow_service
            described = await api.describe_task_queue(DescribeTaskQueueRequest(
                namespace="default", task_queue=TaskQueue(name="q"), report_config=True,
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY), retry=False)
            limit = described.config.queue_rate_limit
            assert (limit.rate_limit.requests_per_second, limit.metadata.reason) == (7, "calm")
            assert described.effective_rate_limit.requests_per_second == 7

    asyncio.run(run())


def test_a_namespace_is_held_to_its_rates():
    async def run():
        async with serving("-n", "busy", "--namespace-setting", "busy:frontend.namespaceRPS=5",
                           "--namespace-setting", "busy:list_rate_limit=2",
                           "--namespace-setting", "busy:long_polls_limit=3") as (server, api):
            await api.start_workflow_execution(start("busy", "w"), retry=False)
            errors = [error for error in await asyncio.gather(
                *(api.signal_workflow_execution(signal("busy", "w", f"{i}"), retry=False) for i in range(100)),
                return_exceptions=True) if error is not None and isinstance(error, RPCError)]
            # A burst of two seconds' worth, and what the time it took is worth.
            assert len(errors) > 50
            detail = exhausted(errors[0])
            assert detail.cause == ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT
            assert errors[0].message == "namespace rate limit exceeded"
            count = CountWorkflowExecutionsRequest(namespace="busy")
            errors = [error for error in await asyncio.gather(
                *(api.count_workflow_executions(count, retry=False) for _ in range(50)), return_exceptions=True)
                if isinstance(error, RPCError)]
            assert errors
            assert exhausted(errors[0]).cause == ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT
            # Nobody else is held up.
            await asyncio.gather(*(api.count_workflow_executions(
                CountWorkflowExecutionsRequest(namespace="default"), retry=False) for _ in range(50)))
            assert value_of(server, "service_errors_resource_exhausted", namespace="busy",
                            operation="SignalWorkflowExecution") > 50

    asyncio.run(run())


def test_a_namespace_holds_so_many_long_polls():
    async def run():
        async with serving("--long-polls-limit", "3") as (server, api):
            poll = PollWorkflowTaskQueueRequest(namespace="default", task_queue=TaskQueue(name="q"))
            polls = [asyncio.create_task(api.poll_workflow_task_queue(poll, retry=False)) for _ in range(4)]

            async def one_is_refused():
                return any(poll.done() for poll in polls)

            await until(one_is_refused)
            done = [poll for poll in polls if poll.done()]
            assert len(done) == 1
            detail = exhausted(done[0].exception())
            assert detail.cause == ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT
            # A place that is left is free again.
            await api.start_workflow_execution(start("default", "w"), retry=False)

            async def one_is_answered():
                return sum(poll.done() for poll in polls) == 2

            await until(one_is_answered)
            polls.append(asyncio.create_task(api.poll_workflow_task_queue(poll, retry=False)))
            await api.start_workflow_execution(start("default", "v"), retry=False)

            async def another_is_answered():
                return sum(poll.done() for poll in polls) == 3

            await until(another_is_answered)
            for waiting in polls:
                waiting.cancel()

    asyncio.run(run())
