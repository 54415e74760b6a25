"""What a paused workflow shows."""

import asyncio

from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue
from temporalio.api.workflowservice.v1 import (
    PauseWorkflowExecutionRequest,
    PollWorkflowTaskQueueRequest,
    QueryWorkflowRequest,
    RespondWorkflowTaskCompletedRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client

from conftest import until
from perdure_server import Server
from prometheus import value_of

EXECUTION = WorkflowExecution(workflow_id="w")


async def has_query_come(server: Server) -> bool:
    return value_of(server, "service_requests", operation="QueryWorkflow") > 0


def test_a_query_that_waits_for_a_task_is_rejected_once_its_run_is_paused():
    """The worker has not seen the signal, and is shown it only when the run goes on."""

    async def run(server: Server) -> None:
        api = (await Client.connect(server.address)).workflow_service
        await api.start_workflow_execution(StartWorkflowExecutionRequest(
            namespace="default", workflow_id="w", workflow_type=WorkflowType(name="T"), task_queue=TaskQueue(name="q"),
            request_id="start"))
        task = await api.poll_workflow_task_queue(PollWorkflowTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name="q")))
        await api.signal_workflow_execution(SignalWorkflowExecutionRequest(
            namespace="default", workflow_execution=EXECUTION, signal_name="s"))
        query = asyncio.create_task(api.query_workflow(QueryWorkflowRequest(
            namespace="default", execution=EXECUTION, query=WorkflowQuery(query_type="seen"))))
        await until(lambda: has_query_come(server))
        await api.pause_workflow_execution(PauseWorkflowExecutionRequest(
            namespace="default", workflow_id="w", request_id="pause"))
        await api.respond_workflow_task_completed(RespondWorkflowTaskCompletedRequest(
            namespace="default", task_token=task.task_token, sticky_attributes=StickyExecutionAttributes(
                worker_task_queue=TaskQueue(name="sticky", kind=2, normal_name="q"))))
        answer = await asyncio.wait_for(query, 10)
        assert answer.query_rejected.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED

    server = Server().start().until_serving()
    try:
        asyncio.run(run(server))
    finally:
        server.kill()
        server.remove()
