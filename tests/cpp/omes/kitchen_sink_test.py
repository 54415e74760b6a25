"""The worker for omes' scenarios, without omes: each kind of action once, with runs cached and never cached."""

import base64
import json
import pathlib
import sys
from datetime import timedelta

import pytest
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RawValue, WorkflowIDConflictPolicy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from conftest import cpp_worker  # noqa: E402

CHOICES = ("waitFinish", "abandon", "cancelBeforeStarted", "cancelAfterStarted", "cancelAfterCompleted", "waitStarted")


@pytest.fixture(params=[1000, 0])
def worker(request, address, queue):
    with cpp_worker("cpp_omes", address, "--task-queue", queue, "--max-cached-workflows", str(request.param)):
        yield


def program(*actions, concurrent=False, **more) -> dict:
    return {"initialActions": [{"actions": list(actions), "concurrent": concurrent}], **more}


def json_payload(text: str) -> dict:
    """A payload of JSON, as the JSON form of protobuf has it."""
    encoding, data = (base64.b64encode(plain.encode()).decode() for plain in ("json/plain", text))
    return {"metadata": {"encoding": encoding}, "data": data}


NOTHING = {"returnResult": {"returnThis": json_payload("null")}}


def child(*actions) -> dict:
    return {"workflowType": "kitchenSink", "input": [json_payload(json.dumps(program(*actions)))]}


async def start(address: str, queue: str, given: dict):
    client = await Client.connect(address)
    return await client.start_workflow("kitchenSink", given, id=queue, task_queue=queue,
                                       execution_timeout=timedelta(seconds=120))


def state_of(value: RawValue) -> dict:
    """What the worker shows of its state: a message that this process has no class for."""
    return json.loads(value.payload.data).get("kvs", {})


async def state(handle) -> dict:
    return state_of(await handle.query("report_state", None, result_type=RawValue))


async def event_types(handle) -> list[str]:
    return [event.WhichOneof("attributes").removesuffix("_event_attributes")
            async for event in handle.fetch_history_events()]


async def test_what_is_returned(worker, address, queue):
    handle = await start(address, queue, program({"returnResult": {"returnThis": json_payload('"said"')}}))
    assert await handle.result() == "said"


async def test_an_error(worker, address, queue):
    handle = await start(address, queue, program({"returnError": {"failure": {"message": "as asked"}}}))
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert caught.value.cause.message == "as asked"


async def test_nexus_is_refused(worker, address, queue):
    handle = await start(address, queue, program({"nexusOperation": {"endpoint": "e", "operation": "o"}}))
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert "nexus_operation" in caught.value.cause.message
    assert caught.value.cause.non_retryable


@pytest.mark.parametrize("choice", CHOICES)
async def test_choices(worker, address, queue, choice):
    """Everything that can be awaited, side by side; what is left behind or canceled does not fail the workflow."""
    how = {"awaitableChoice": {choice: {}}}
    handle = await start(address, queue, {"initialActions": [
        {"concurrent": True, "actions": [
            {"timer": {"milliseconds": "50", **how}},
            {"execActivity": {"delay": "0.05s", "startToCloseTimeout": "10s", **how}},
            {"execActivity": {"delay": "0.05s", "startToCloseTimeout": "10s",
                              "remote": {"cancellationType": "WAIT_CANCELLATION_COMPLETED"}, **how}},
            {"execActivity": {"delay": "0.05s", "startToCloseTimeout": "10s", "isLocal": {}, **how}},
            {"execChildWorkflow": {**child({"timer": {"milliseconds": "50"}}, NOTHING), **how}}]},
        {"actions": [{"awaitPendingActions": {}}, NOTHING]}]})
    await handle.result()
    types = await event_types(handle)
    begun = [types.count(name) for name in ("timer_started", "activity_task_scheduled",
                                            "start_child_workflow_execution_initiated")]
    if choice == "cancelBeforeStarted":
        assert begun == [0, 0, 0]
    elif choice in ("cancelAfterStarted", "waitStarted"):
        assert begun == [5, 2, 1]  # with a timer that stands for the start of all but the child
    else:
        assert begun == [1, 2, 1]


@pytest.mark.parametrize("locality", [{"remote": {}}, {"isLocal": {}}], ids=["remote", "local"])
async def test_activities(worker, address, queue, locality):
    quick = {"initialInterval": "0.01s", "maximumAttempts": 5}
    kinds = [{"noop": {}}, {"delay": "0.01s"}, {"payload": {"bytesToReceive": 100, "bytesToReturn": 200}},
             {"resources": {"runFor": "0.01s", "bytesToAllocate": "10000", "cpuYieldEveryNIterations": 10}},
             {"generic": {"type": "noop"}}, {"retryableError": {"failAttempts": 2}},
             {"client": {"clientSequence": {"actionSets": [{"actions": [{"doDescribe": {}}]}]}}}]
    if "remote" in locality:
        kinds += [{"heartbeat": {"successDuration": "0.02s", "heartbeatInterval": "0.01s"}, "heartbeatTimeout": "30s"}]
    actions = [{"execActivity": {"startToCloseTimeout": "60s", "retryPolicy": quick, **locality, **kind}}
               for kind in kinds]
    late = {"timeout": {"failAttempts": 1, "successDuration": "0s", "failureDuration": "60s"}}
    actions.append({"execActivity": {"startToCloseTimeout": "2s", "retryPolicy": quick, **locality, **late}})
    handle = await start(address, queue, program(*actions, concurrent=True))
    await handle.signal("do_actions_signal", {"doActionsInMain": {"actions": [NOTHING]}})
    await handle.result()
    types = await event_types(handle)
    kind = "activity_task_completed" if "remote" in locality else "marker_recorded"
    assert types.count(kind) == len(actions)


async def test_a_local_activity_outlives_its_task(worker, address, queue):
    """Heartbeats keep the task; without a cache each comes back with the whole history."""
    client = await Client.connect(address)
    handle = await client.start_workflow(
        "kitchenSink", program({"execActivity": {"delay": "3s", "startToCloseTimeout": "60s", "isLocal": {}}}, NOTHING),
        id=queue, task_queue=queue, task_timeout=timedelta(seconds=1), execution_timeout=timedelta(seconds=60))
    await handle.result()
    types = await event_types(handle)
    assert types.count("marker_recorded") == 1


async def test_state_signals_updates_and_queries(worker, address, queue):
    client = await Client.connect(address)
    begun = WithStartWorkflowOperation("kitchenSink", program({"awaitWorkflowState": {"key": "k", "value": "v"}}),
                                       id=queue, task_queue=queue, id_conflict_policy=WorkflowIDConflictPolicy.FAIL)
    # With the start: what it sets is there when the main function looks at it.
    given = {"doActions": {"actions": [{"setWorkflowState": {"kvs": {"k": "v"}}}, {"timer": {"milliseconds": "1"}}]}}
    updated = await client.execute_update_with_start_workflow("do_actions_update", given, result_type=RawValue,
                                                              start_workflow_operation=begun)
    assert state_of(updated) == {"k": "v"}
    handle = await begun.workflow_handle()
    assert await state(handle) == {"k": "v"}
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("do_actions_update", {"rejectMe": {}})
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("do_actions_update", {"doActions": {"actions": [
            {"returnError": {"failure": {"message": "as asked"}}}]}})
    await handle.signal("do_actions_signal", {"doActions": {"actions": [NOTHING]}})
    await handle.result()


async def test_a_client_within_an_activity(worker, address, queue):
    actions = {"doActions": {"actions": [{"setWorkflowState": {"kvs": {"by": "update"}}}]}}
    sequence = {"actionSets": [
        {"concurrent": True, "actions": [{"doUpdate": {"doActions": actions}}, {"doQuery": {"reportState": {}}}]},
        {"actions": [{"doQuery": {"custom": {"name": "unknown"}, "failureExpected": True}},
                     {"doUpdate": {"doActions": {"rejectMe": {}}, "failureExpected": True}},
                     {"nestedActions": {"actions": [{"doSignal": {"doSignalActions": {
                         "doActionsInMain": {"actions": [NOTHING]}}}}]}}]}]}
    handle = await start(address, queue, program({"execActivity": {
        "client": {"clientSequence": sequence}, "startToCloseTimeout": "60s", "retryPolicy": {"maximumAttempts": 1}}}))
    await handle.result()
    assert await state(handle) == {"by": "update"}


async def test_expected_signals_are_waited_for_and_done_once(worker, address, queue):
    handle = await start(address, queue, program(NOTHING, expectedSignalCount=2))
    for number, value in ((2, "first"), (2, "again")):
        await handle.signal("do_actions_signal", {"signalId": number, "doActions": {"actions": [
            {"setWorkflowState": {"kvs": {"said": value}}}]}})
    assert await state(handle) == {"said": "first"}
    await handle.signal("do_actions_signal", {"signalId": 1, "doActions": {"actions": []}})
    await handle.result()


async def test_what_is_recorded(worker, address, queue):
    noop = {"execActivity": {"noop": {}, "startToCloseTimeout": "60s"}}
    handle = await start(address, queue, program(
        {"setPatchMarker": {"patchId": "new", "innerAction": noop}},
        {"setPatchMarker": {"patchId": "old", "deprecated": True, "innerAction": noop}},
        {"upsertMemo": {"upsertedMemo": {"fields": {"note": json_payload('"kept"')}}}},
        {"upsertSearchAttributes": {"searchAttributes": {"Color": json_payload('"blue"'), "Size": json_payload("7")}}},
        {"nestedActionSet": {"actions": [noop]}}, NOTHING))
    await handle.result()
    description = await handle.describe()
    assert await description.memo_value("note") == "kept"
    assert description.search_attributes["Color"] == ["blue"] and description.search_attributes["Size"] == [7]
    types = await event_types(handle)
    assert types.count("marker_recorded") == 2 and types.count("activity_task_completed") == 3


async def test_other_workflows(worker, address, queue):
    """A child is signaled and another canceled while they wait; then the run goes on as a new one."""
    waits = child({"timer": {"milliseconds": "100000000"}})
    next_run = json_payload(json.dumps(program({"returnResult": {"returnThis": json_payload('"second run"')}})))
    handle = await start(address, queue, {"initialActions": [
        {"actions": [{"execChildWorkflow": {**child(), "workflowId": queue + "-signaled", "awaitableChoice": {
            "waitStarted": {}}}},
                     {"execChildWorkflow": {**waits, "workflowId": queue + "-canceled", "parentClosePolicy":
                                            "PARENT_CLOSE_POLICY_ABANDON", "awaitableChoice": {"abandon": {}}}},
                     {"timer": {"milliseconds": "1"}},
                     {"sendSignal": {"workflowId": queue + "-signaled", "signalName": "do_actions_signal", "args": [
                         json_payload(json.dumps({"doActions": {"actions": [NOTHING]}}))]}},
                     {"cancelWorkflow": {"workflowId": queue + "-canceled"}}, {"awaitPendingActions": {}},
                     {"continueAsNew": {"arguments": [next_run]}}]}]})
    assert await handle.result() == "second run"
    client = await Client.connect(address)
    with pytest.raises(WorkflowFailureError) as caught:
        await client.get_workflow_handle(queue + "-canceled").result()
    assert type(caught.value.cause).__name__ == "CancelledError"
