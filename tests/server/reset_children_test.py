"""Children around a reset: who hears of their end, and whose end is theirs."""

import asyncio
import contextlib
import uuid

from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import CommandType, EventType, ParentClosePolicy, WorkflowExecutionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    PollWorkflowTaskQueueRequest,
    ResetWorkflowExecutionRequest,
    RespondWorkflowTaskCompletedRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client

from conftest import until
from perdure_server import Server

TEST_MAX_SECONDS = 60
COMPLETE = Command(command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION)
COMPLETE.complete_workflow_execution_command_attributes.SetInParent()
START_CHILD = Command(command_type=CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION)
START_CHILD.start_child_workflow_execution_command_attributes.workflow_id = "child"
START_CHILD.start_child_workflow_execution_command_attributes.workflow_type.name = "c"
START_CHILD.start_child_workflow_execution_command_attributes.task_queue.name = "child"


class Family:
    """The workflows "parent" and "child", each with the queue of its name, and no worker but the test."""

    def __init__(self, api):
        self.api = api

    async def start(self, child: Command = START_CHILD) -> str:
        """The parent's third task (events 11 to 13) has seen the start of the child, which its second one began."""
        started = await self.api.start_workflow_execution(StartWorkflowExecutionRequest(
            namespace="default", workflow_id="parent", workflow_type=WorkflowType(name="p"),
            task_queue=TaskQueue(name="parent"), request_id="start"))
        await self.work("parent")
        await self.api.signal_workflow_execution(SignalWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id="parent"), signal_name="s"))
        await self.work("parent", child)
        await self.work("parent")
        return started.run_id

    async def work(self, queue: str, *commands: Command) -> None:
        task = await self.api.poll_workflow_task_queue(PollWorkflowTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=queue)))
        await self.api.respond_workflow_task_completed(RespondWorkflowTaskCompletedRequest(
            namespace="default", task_token=task.task_token, commands=commands))

    async def reset(self, workflow_id: str, run_id: str, event_id: int) -> str:
        reset = await self.api.reset_workflow_execution(ResetWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            workflow_task_finish_event_id=event_id, request_id=str(uuid.uuid4())))
        return reset.run_id

    async def delete(self, workflow_id: str, run_id: str) -> None:
        await self.api.delete_workflow_execution(DeleteWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)))

    async def info(self, workflow_id: str, run_id: str = ""):
        described = await self.api.describe_workflow_execution(DescribeWorkflowExecutionRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)))
        return described.workflow_execution_info

    async def ends(self, workflow_id: str, run_id: str = "") -> str:
        status = lambda info: WorkflowExecutionStatus.Name(info.status).removeprefix("WORKFLOW_EXECUTION_STATUS_")

        async def end():
            info = await self.info(workflow_id, run_id)
            return status(info) if info.HasField("close_time") else ""

        return await until(end)

    async def types(self, workflow_id: str, run_id: str) -> list[str]:
        history = await self.api.get_workflow_execution_history(GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)))
        return [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.history.events]

    async def until_event(self, run_id: str, kind: str) -> None:
        async def has():
            return kind in await self.types("parent", run_id)

        await until(has)


@contextlib.asynccontextmanager
async def family():
    server = Server().start().until_serving()
    try:
        async with asyncio.timeout(TEST_MAX_SECONDS):
            yield Family((await Client.connect(server.address)).workflow_service)
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()


def test_the_run_that_took_a_child_on_hears_of_its_end():
    async def run():
        async with family() as two:
            first = await two.start()
            again = await two.reset("parent", first, 13)
            last = await two.reset("parent", again, 13)
            await two.work("child", COMPLETE)
            await two.until_event(last, "CHILD_WORKFLOW_EXECUTION_COMPLETED")

    asyncio.run(run())


def test_it_hears_of_it_though_the_run_before_is_gone():
    async def run():
        async with family() as two:
            first = await two.start()
            again = await two.reset("parent", first, 13)
            await two.delete("parent", first)
            await two.work("child", COMPLETE)
            await two.until_event(again, "CHILD_WORKFLOW_EXECUTION_COMPLETED")

    asyncio.run(run())


def test_a_child_whose_parents_are_gone_has_nobody_to_tell():
    async def run():
        async with family() as two:
            child = Command()
            child.CopyFrom(START_CHILD)
            child.start_child_workflow_execution_command_attributes.parent_close_policy = (
                ParentClosePolicy.PARENT_CLOSE_POLICY_ABANDON)
            first = await two.start(child)
            again = await two.reset("parent", first, 13)
            # What is left is the run that was reset to it.
            await two.delete("parent", again)
            await two.work("child", COMPLETE)
            assert await two.ends("child") == "COMPLETED"
            # Answered once nothing is left to tell.
            await two.delete("child", "")

    asyncio.run(run())


def test_the_end_of_that_run_is_the_child_s():
    async def run():
        async with family() as two:
            first = await two.start()
            await two.reset("parent", first, 13)
            # It takes the place of the reset before, whose end is not the child's.
            again = await two.reset("parent", first, 13)
            await two.work("parent")
            assert not (await two.info("child")).HasField("close_time")
            await two.api.signal_workflow_execution(SignalWorkflowExecutionRequest(
                namespace="default", workflow_execution=WorkflowExecution(workflow_id="parent"), signal_name="s"))
            await two.work("parent", COMPLETE)
            assert await two.ends("parent", again) == "COMPLETED"
            assert await two.ends("child") == "TERMINATED"

    asyncio.run(run())


def test_a_child_of_after_the_reset_point_makes_room_for_the_next_of_its_id():
    async def run():
        async with family() as two:
            first = await two.start()
            old = (await two.info("child")).execution.run_id
            again = await two.reset("parent", first, 4)
            await two.work("parent", START_CHILD)
            await two.until_event(again, "CHILD_WORKFLOW_EXECUTION_STARTED")
            assert await two.ends("child", old) == "TERMINATED"
            assert (await two.info("child")).execution.run_id != old
            # What the old one has to tell is not for the new one's parent, which has it under the same event's number.
            assert "CHILD_WORKFLOW_EXECUTION_TERMINATED" not in await two.types("parent", again)
            await two.work("child", COMPLETE)
            await two.until_event(again, "CHILD_WORKFLOW_EXECUTION_COMPLETED")

    asyncio.run(run())


def test_a_parent_waits_for_a_child_that_is_reset():
    async def run():
        async with family() as two:
            parent = await two.start()
            await two.work("child")
            old = (await two.info("child")).execution.run_id
            await two.reset("child", old, 4)
            assert await two.ends("child", old) == "TERMINATED"
            await two.work("child", COMPLETE)
            await two.until_event(parent, "CHILD_WORKFLOW_EXECUTION_COMPLETED")
            assert "CHILD_WORKFLOW_EXECUTION_TERMINATED" not in await two.types("parent", parent)

    asyncio.run(run())
