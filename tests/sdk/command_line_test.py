"""The commands of the binary itself, against the server that it also is, with a Python worker behind."""

import asyncio
import json
import os

from perdure_server import PROGRAM
from sdk_test import working
from workflows import Ledger


async def perdure(address: str, *arguments: str, code: int = 0) -> str:
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, env={**os.environ, "TEMPORAL_ADDRESS": address},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    assert process.returncode == code, f"{arguments}: {process.returncode}\n{out.decode()}\n{err.decode()}"
    return (out if code == 0 else err).decode()


async def test_a_workflow_is_driven_by_commands_alone(address, queue):
    async with working(address, queue):
        await perdure(address, "workflow", "start", "--workflow-id", queue, "--type", "Ledger", "--task-queue", queue,
                      "--memo", 'note="hi"')
        await perdure(address, "workflow", "signal", "-w", queue, "--name", "add", "--input", "3")
        updated = json.loads(await perdure(address, "workflow", "update", "execute", "-w", queue, "--name", "put",
                                           "--input", "4", "-o", "json"))
        assert "4" in json.dumps(updated) or "7" in json.dumps(updated), updated
        asked = await perdure(address, "workflow", "query", "-w", queue, "--type", "all", "-o", "json")
        assert "3" in asked and "4" in asked, asked
        listed = [json.loads(line) for line in (await perdure(
            address, "workflow", "list", "--query", f"WorkflowId = '{queue}'", "-o", "jsonl")).splitlines()]
        assert [row["execution"]["workflowId"] for row in listed] == [queue]
        assert "1" in await perdure(address, "workflow", "count", "--query", f"WorkflowId = '{queue}'")
        assert queue in await perdure(address, "workflow", "describe", "-w", queue)
        await perdure(address, "workflow", "signal", "-w", queue, "--name", "end")
        result = json.loads(await perdure(address, "workflow", "result", "-w", queue, "-o", "json"))
        assert result["result"] == [3, 4], result
        shown = await perdure(address, "workflow", "show", "-w", queue, "--follow")
        assert "WorkflowExecutionSignaled" in shown and "WorkflowExecutionCompleted" in shown, shown


async def test_commands_end_reset_and_delete(address, queue):
    async with working(address, queue):
        for name in ("cancel", "terminate"):
            workflow_id = f"{queue}-{name}"
            await perdure(address, "workflow", "start", "-w", workflow_id, "--type", "Ledger", "-t", queue)
            await perdure(address, "workflow", "update", "execute", "-w", workflow_id, "--name", "put", "--input", "1")
            await perdure(address, "workflow", name, "-w", workflow_id)
            failed = await perdure(address, "workflow", "result", "-w", workflow_id, code=1)
            assert "cancel" in failed.lower() or "terminate" in failed.lower(), failed
        reset = f"{queue}-terminate"
        await perdure(address, "workflow", "reset", "-w", reset, "--type", "FirstWorkflowTask", "--reason", "again")
        await perdure(address, "workflow", "signal", "-w", reset, "--name", "end")
        await perdure(address, "workflow", "result", "-w", reset)
        await perdure(address, "workflow", "delete", "-w", f"{queue}-cancel")
        assert "not found" in await perdure(address, "workflow", "describe", "-w", f"{queue}-cancel", code=1)


async def test_the_operator_manages_namespaces_and_attributes(address, queue):
    assert "SERVING" in (await perdure(address, "operator", "cluster", "health")).upper()
    name = queue.replace("_", "-")
    await perdure(address, "operator", "namespace", "create", name, "--retention", "48h")
    assert name in await perdure(address, "operator", "namespace", "list")
    assert "48h" in await perdure(address, "operator", "namespace", "describe", name)
    await perdure(address, "operator", "search-attribute", "create", "-n", name, "--name", "Wheels", "--type", "Int")
    assert "Wheels" in await perdure(address, "operator", "search-attribute", "list", "-n", name)
    assert Ledger.__name__ not in await perdure(address, "workflow", "list", "-n", name)


async def test_a_wrong_command_line_says_what_is_wrong(address, queue):
    assert "--workflow-id" in await perdure(address, "workflow", "describe", code=106)
    missing = await perdure(address, "workflow", "describe", "-w", f"{queue}-none", code=1)
    assert "not found" in missing, missing
