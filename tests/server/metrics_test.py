"""The figures at /metrics move with what they are said to count."""

import asyncio

from temporalio.client import Client
from temporalio.worker import Worker

from conftest import until
from greeting import Greeting, greet
from perdure_server import Server
from prometheus import value_of


def test_metrics_move():
    async def run(server: Server):
        client = await Client.connect(server.address)
        queue = {"namespace": "default", "taskqueue": "q"}

        async def start(workflow_id: str):
            return await client.start_workflow(Greeting.run, "Ada", id=workflow_id, task_queue="q")

        # Nobody polls: three tasks wait.
        handles = [await start(f"w{i}") for i in range(3)]

        async def three_wait():
            return value_of(server, "approximate_backlog_count", task_type="Workflow", **queue) == 3

        await until(three_wait)
        assert value_of(server, "approximate_backlog_age_seconds", task_type="Workflow", **queue) > 0
        # The task of a run that has ended needs no worker.
        await handles.pop().terminate()

        async def two_wait():
            return value_of(server, "approximate_backlog_count", task_type="Workflow", **queue) == 2

        await until(two_wait)
        assert value_of(server, "workflow_terminate", namespace="default") == 1
        async with Worker(client, task_queue="q", workflows=[Greeting], activities=[greet],
                          disable_eager_activity_execution=True):
            for handle in handles:
                assert await handle.result() == "hello Ada"
        assert value_of(server, "approximate_backlog_count", task_type="Workflow", **queue) == 0
        assert value_of(server, "workflow_success", namespace="default") == 2
        assert value_of(server, "workflow_schedule_to_close_latency_count", namespace="default") == 3
        # Each run: a first task, one after the timer, one after the activity.
        assert value_of(server, "task_schedule_to_start_latency_count", task_type="Workflow", **queue) == 6
        assert value_of(server, "task_schedule_to_start_latency_count", task_type="Activity", **queue) == 2
        assert value_of(server, "timer_lateness_count") >= 2
        assert value_of(server, "commit_latency_count") > 6
        assert value_of(server, "commit_runs_sum") >= value_of(server, "commit_latency_count")
        assert value_of(server, "store_transactions") > 6
        assert value_of(server, "store_rows_written") > 6
        assert value_of(server, "service_requests", operation="StartWorkflowExecution") == 3
        assert value_of(server, "service_latency_count", operation="StartWorkflowExecution") == 3

        async def runs_are_cached():
            return value_of(server, "cache_size") >= 0

        await until(runs_are_cached)

    server = Server().start().until_serving()
    try:
        asyncio.run(run(server))
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()
