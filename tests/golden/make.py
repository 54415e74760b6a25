"""Makes a release's golden data: tests/golden/make.py FOLDER, with PERDURE_TEST_DB as the tests have it.

Writes FOLDER/sqlite.db.gz or FOLDER/postgres.sql.gz, and FOLDER/sqlite.json or FOLDER/postgres.json: what the API
showed of it. Once a release is out its folder is never made again.
"""

import asyncio
import dataclasses
import gzip
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    ResetWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowUpdateStage
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.converter import DataConverter, DefaultFailureConverter
from temporalio.worker import Worker

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

from show import FLAGS, NAMESPACE, show  # noqa: E402
from workflows import Waits  # noqa: E402


class Untraced(DefaultFailureConverter):
    """A stack trace names the folders of the machine that made it."""

    def to_failure(self, exception, payload_converter, failure) -> None:
        super().to_failure(exception, payload_converter, failure)
        while True:
            failure.stack_trace = ""
            if not failure.HasField("cause"):
                return
            failure = failure.cause


async def first_task_is_done(handle) -> None:
    while (await handle.describe()).history_length < 4:
        await asyncio.sleep(0.02)


async def fill(server: Server) -> dict:
    client = await Client.connect(server.address, namespace=NAMESPACE, data_converter=dataclasses.replace(
        DataConverter.default, failure_converter_class=Untraced))
    attributes = TypedSearchAttributes([
        SearchAttributePair(SearchAttributeKey.for_keyword("Color"), "gold"),
        SearchAttributePair(SearchAttributeKey.for_int("Size"), 24)])
    async with Worker(client, task_queue="golden", workflows=[Waits], max_cached_workflows=0):
        handles = {}
        for kind in ("waits", "sleeps", "acts", "continues", "has a child", "fails", "completes", "is reset", "is updated"):
            workflow_id = kind.replace(" ", "-")
            handles[kind] = await client.start_workflow(
                Waits.run, kind, id=workflow_id, task_queue="golden", memo={"made": "for the record"},
                search_attributes=attributes if kind in ("waits", "completes") else None)
        for kind in handles:
            await first_task_is_done(client.get_workflow_handle(kind.replace(" ", "-")))
        await first_task_is_done(client.get_workflow_handle("child"))
        await handles["waits"].signal(Waits.note, "signaled")
        await handles["is updated"].start_update(
            Waits.change, "it", id="open-update", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        await handles["is reset"].signal(Waits.note, "kept")
        reset = await client.workflow_service.reset_workflow_execution(ResetWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=WorkflowExecution(workflow_id="is-reset"), request_id="reset",
            workflow_task_finish_event_id=4, reason="to go again"))
        # Its first task, and the one for the signal that was kept.
        while (await client.get_workflow_handle("is-reset", run_id=reset.run_id).describe()).history_length < 8:
            await asyncio.sleep(0.02)
    # A task that is out with a worker that is gone, and events that wait for it to come back.
    buffers = await client.start_workflow(
        Waits.run, "buffers", id="buffers", task_queue="golden-buffers", task_timeout=timedelta(seconds=10))
    await client.workflow_service.poll_workflow_task_queue(PollWorkflowTaskQueueRequest(
        namespace=NAMESPACE, task_queue=TaskQueue(name="golden-buffers")))
    await buffers.signal(Waits.note, "buffered")
    await client.start_workflow(Waits.run, "is not begun", id="is-not-begun", task_queue="golden")
    return await show(client)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    is_postgres = bool(os.environ.get("PERDURE_TEST_DB"))
    server = Server(*FLAGS).start()
    try:
        shown = asyncio.run(fill(server))
        server.stop()
        if is_postgres:
            data = subprocess.run(["pg_dump", "--no-owner", "--no-privileges", server.db], check=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
            path = folder / "postgres.sql.gz"
        else:
            small = f"{server.db}.small"
            with sqlite3.connect(server.db) as connection:
                connection.execute("VACUUM INTO ?", (small,))
            data = pathlib.Path(small).read_bytes()
            path = folder / "sqlite.db.gz"
        path.write_bytes(gzip.compress(data, 9, mtime=0))
        (folder / ("postgres.json" if is_postgres else "sqlite.json")).write_text(
            json.dumps(shown, indent=1, sort_keys=True) + "\n")
        print(f"{path}: {path.stat().st_size} bytes, {len(shown['runs'])} runs")
    finally:
        server.kill()
        server.remove()


if __name__ == "__main__":
    main()
