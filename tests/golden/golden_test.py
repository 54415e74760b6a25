"""Databases that released binaries wrote are opened by today's: all is shown as it was, and what was open goes on."""

import asyncio
import json
import os
import pathlib
import sys

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

from show import FLAGS, NAMESPACE, show  # noqa: E402
from workflows import ACTIVITY_QUEUE, Waits, appraise  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent
RELEASES = sorted(path.name for path in FOLDER.iterdir() if (path / "sqlite.json").exists())

# What the open ones answer when they are told to go.
RESULTS = {
    "waits": "waits: signaled now",
    "sleeps": "sleeps:  now",
    "acts": "acts is gold",
    "continues": "continued:  now",
    "child": "is a child:  now",
    "has-a-child": "is a child:  now",
    "is-reset": "is reset: kept now",
    "is-updated": "is updated: it now",
    "buffers": "buffers: buffered now",
    "is-not-begun": "is not begun:  now",
}
ENDS_BY_ITSELF = {"acts", "has-a-child"}


def assert_is_shown(shown: dict, recorded: dict) -> None:
    assert shown["gold"] == recorded["gold"]
    assert shown["runs"].keys() == recorded["runs"].keys()
    for run, was in recorded["runs"].items():
        now = shown["runs"][run]
        # A task that was out when the data was made has timed out since.
        count = len(was["events"])
        assert now["events"][:count] == was["events"], run
        if len(now["events"]) == count:
            assert now["description"] == was["description"], run
        else:
            assert run.startswith("buffers/"), run


async def finish(client: Client) -> None:
    workers = [Worker(client, task_queue=queue, workflows=[Waits], activities=[appraise])
               for queue in ("golden", "golden-buffers", ACTIVITY_QUEUE)]
    async with workers[0], workers[1], workers[2]:
        for workflow_id, result in RESULTS.items():
            handle = client.get_workflow_handle(workflow_id)
            if workflow_id not in ENDS_BY_ITSELF:
                await handle.signal(Waits.go, "now")
            assert await asyncio.wait_for(handle.result(), 60) == result
        update = client.get_workflow_handle("is-updated").get_update_handle("open-update")
        assert await asyncio.wait_for(update.result(), 10) == "changed it"
    assert [execution.id async for execution in client.list_workflows("ExecutionStatus = 'Running'")] == []


@pytest.mark.parametrize("release", RELEASES)
def test_a_database_of_a_release_goes_on(release):
    folder = FOLDER / release
    name = "postgres" if os.environ.get("PERDURE_TEST_DB") else "sqlite"
    recorded = json.loads((folder / f"{name}.json").read_text())

    async def run(server: Server) -> None:
        client = await Client.connect(server.address, namespace=NAMESPACE)
        assert_is_shown(await show(client), recorded)
        # What today's binary wrote over it is read again.
        await finish(client)

    server = Server(*FLAGS, restore=folder).start()
    try:
        asyncio.run(run(server))
        assert server.stop() == 0
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()
