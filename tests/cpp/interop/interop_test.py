"""C++ and Python on one server, each calling the other: the official Python SDK says what is right."""

import json
import pathlib
import sys
from datetime import datetime, timedelta, timezone

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError, WorkflowAlreadyStartedError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import python_side as side  # noqa: E402
from conftest import cpp_run, cpp_worker  # noqa: E402
from python_side import Everything, Item, Shade, chain_of, changed  # noqa: E402

PLANNED_IN_CPP = 'Planned(planned in C++; {\'name\': \'detail\', \'count\': 7}; second; final) <- Deep(the deeper cause)'
# As C++ shows it: details are JSON, whose members Python's converter orders by name.
PLANNED_IN_PYTHON = 'Planned(planned in Python; {"count":7,"name":"detail"}; "second"; final) <- Deep(the deeper cause)'


def sample() -> Everything:
    return Everything(
        text="schön", large=9_007_199_254_740_993, real=0.25, is_set=False, nested=Item("inner", 1),
        items=[Item("a", 1), Item("b", 2)], counts={"k": 1, "ä": 2}, some=5, none=None, shade=Shade.green,
        at=datetime(2026, 3, 1, 0, 0, 0, 250_000, timezone.utc))


def python_worker(client: Client, queue: str) -> Worker:
    return Worker(client, task_queue=queue, workflows=side.WORKFLOWS, activities=side.ACTIVITIES,
                  workflow_runner=UnsandboxedWorkflowRunner())


async def both(client: Client, address: str, queue: str, run):
    """Runs with a worker of each language: Python's on `queue`, C++'s on `queue`-cpp."""
    with cpp_worker("cpp_interop", address, "worker", f"{queue}-cpp"):
        async with python_worker(client, queue):
            return await run(f"{queue}-cpp")


async def test_a_cpp_workflow_calls_python_activities(address, queue):
    client = await Client.connect(address)
    result = await both(client, address, queue, lambda cpp: client.execute_workflow(
        "CppCallsPython", args=[queue, sample()], id=queue, task_queue=cpp, result_type=Everything))
    assert result == changed(sample(), "Python")


async def test_a_python_workflow_calls_cpp_activities(address, queue):
    client = await Client.connect(address)
    result = await both(client, address, queue, lambda cpp: client.execute_workflow(
        side.PyCallsCpp.run, args=[cpp, sample()], id=queue, task_queue=queue))
    assert result == changed(sample(), "C++")


async def test_cpp_sees_why_a_python_activity_failed(address, queue):
    client = await Client.connect(address)
    seen = await both(client, address, queue, lambda cpp: client.execute_workflow(
        "CppSeesPythonFail", queue, id=queue, task_queue=cpp))
    assert seen == [PLANNED_IN_PYTHON, "final", "canceled"]


async def test_python_sees_why_a_cpp_activity_failed(address, queue):
    client = await Client.connect(address)
    seen = await both(client, address, queue, lambda cpp: client.execute_workflow(
        side.PySeesCppFail.run, cpp, id=queue, task_queue=queue))
    assert seen == [PLANNED_IN_CPP, "NON_RETRYABLE_FAILURE", "canceled"]


async def test_a_cpp_workflow_has_python_children(address, queue):
    client = await Client.connect(address)
    seen = await both(client, address, queue, lambda cpp: client.execute_workflow(
        "CppParent", args=[queue, "PyChild"], id=queue, task_queue=cpp))
    assert seen == ["Python got 4 and 5", f"PyChild: {PLANNED_IN_PYTHON}", "canceled"]


async def test_a_python_workflow_has_cpp_children(address, queue):
    client = await Client.connect(address)
    seen = await both(client, address, queue, lambda cpp: client.execute_workflow(
        side.PyParent.run, cpp, id=queue, task_queue=queue))
    assert seen == ["C++ got 4 and 5", f"CppChild: {PLANNED_IN_CPP}", "canceled"]


async def test_a_python_client_talks_to_a_cpp_workflow(address, queue):
    client = await Client.connect(address)
    with cpp_worker("cpp_interop", address, "worker", queue):
        desk = await client.start_workflow("CppDesk", sample(), id=queue, task_queue=queue, result_type=Everything)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.start_workflow("CppDesk", sample(), id=queue, task_queue=queue)
        await desk.signal("add", args=["signaled", 3])
        expected = sample()
        expected.items.append(Item("signaled", 3))
        assert await desk.query("value", result_type=Everything) == expected
        with pytest.raises(WorkflowQueryFailedError, match="no answer: why"):
            await desk.query("broken", "why")
        with pytest.raises(WorkflowQueryFailedError, match="nonsense"):
            await desk.query("nonsense")
        assert await desk.execute_update("put", Item("put", 9)) == 4
        expected.items.append(Item("put", 9))
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await desk.execute_update("put", Item("x", -1))
        assert chain_of(refused.value.cause) == "Refused(negative; {'name': 'x', 'count': -1})"
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await desk.execute_update("put", Item("bad", 1))
        assert chain_of(failed.value.cause) == PLANNED_IN_CPP
        await desk.signal("close")
        assert await desk.result() == changed(expected, "C++")


async def test_a_cpp_workflow_ends_badly_as_python_knows_it(address, queue):
    client = await Client.connect(address)
    with cpp_worker("cpp_interop", address, "worker", queue):
        async def start(name: str):
            return await client.start_workflow("CppDesk", sample(), id=f"{queue}-{name}", task_queue=queue)

        failing = await start("fail")
        await failing.signal("fail")
        with pytest.raises(WorkflowFailureError) as failed:
            await failing.result()
        assert isinstance(failed.value.cause, ApplicationError)
        assert chain_of(failed.value.cause) == PLANNED_IN_CPP
        canceled = await start("cancel")
        await canceled.execute_update("put", Item("is running", 1))
        await canceled.cancel()
        with pytest.raises(WorkflowFailureError) as ended:
            await canceled.result()
        assert isinstance(ended.value.cause, CancelledError)
        assert list(ended.value.cause.details) == ["swept"]
        terminated = await start("terminate")
        await terminated.terminate("detail", reason="gone")
        with pytest.raises(WorkflowFailureError) as gone:
            await terminated.result()
        assert isinstance(gone.value.cause, TerminatedError)


class Traced(OutboundInterceptor):
    async def start_workflow(self, input):
        header = Payload(metadata={"encoding": b"json/plain"}, data=b'"trace-from-python"')
        input.headers = {**input.headers, "trace": header}
        return await super().start_workflow(input)


class Tracing(Interceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return Traced(super().intercept_client(next))


async def test_cpp_sees_memo_search_attributes_and_headers_from_python(address, queue):
    client = await Client.connect(address, interceptors=[Tracing()])
    with cpp_worker("cpp_interop", address, "worker", queue):
        shown = await client.start_workflow(
            "CppShown", id=queue, task_queue=queue, memo={"note": Item("memo from Python", 1)},
            search_attributes=TypedSearchAttributes([SearchAttributePair(side.COLOR, "green"),
                                                     SearchAttributePair(side.SIZE, 8)]))
        assert await shown.result() == ["green", "8", "memo from Python", '"trace-from-python"']
        about = await shown.describe()
        assert await about.memo_value("answer", type_hint=Item) == Item("memo from C++", 42)
        assert about.typed_search_attributes.get(side.COLOR) == "blue"
        assert about.typed_search_attributes.get(side.SIZE) is None


def as_json(value: Everything) -> dict:
    """As C++ writes it: times with a Z and no zeros at the end, absent members as null."""
    at = value.at.isoformat(timespec="milliseconds").replace("+00:00", "").rstrip("0") + "Z"
    return {**side.dataclasses.asdict(value), "shade": value.shade.value, "at": at}


async def test_a_cpp_client_talks_to_python_workflows(address, queue):
    client = await Client.connect(address)
    async with python_worker(client, queue):
        printed = await cpp_run("cpp_interop", address, "client", queue, f"{queue}-")
    seen = {step["name"]: step["value"] for step in map(json.loads, printed.splitlines())}
    assert seen["started twice"] == "refused"
    expected = sample()
    expected.items.append(Item("signaled", 3))
    assert seen["query"] == as_json(expected)
    assert "no answer: why" in seen["query fails"]
    assert "nonsense" in seen["no such query"]
    assert seen["update"] == 4
    expected.items.append(Item("put", 9))
    assert seen["update refused"] == 'Refused(negative; {"count":-1,"name":"x"})'
    assert seen["update fails"] == PLANNED_IN_PYTHON
    late = changed(expected, "Python")
    assert late.at == sample().at + timedelta(milliseconds=1500)
    assert seen["result"] == as_json(late)
    assert seen["status"].lower() == "completed"
    assert seen["failure"] == PLANNED_IN_PYTHON
    assert "cancel" in seen["cancel"].lower()
    assert seen["canceled status"].lower() == "canceled"
    assert seen["terminate"] == "gone"
    assert seen["signal to a closed one"] != "no error"
    assert seen["no such workflow"] != "no error"
    assert seen["seen"] == ["green", "8", "memo from C++", '"trace-from-c++"']
    assert seen["memo"] == {"name": "memo from Python", "count": 42}
    assert seen["color"] == "blue"
    assert seen["has size"] is False


async def test_both_read_what_the_other_encrypted(address, queue):
    pytest.importorskip("cryptography", reason="the package cryptography is not among the tests' requirements")
    from encryption import KEY, converter

    client = await Client.connect(address, data_converter=converter())
    with cpp_worker("cpp_interop", address, "worker", f"{queue}-cpp", INTEROP_KEY=KEY.decode()):
        async with python_worker(client, queue):
            there = await client.execute_workflow(
                "CppCallsPython", args=[queue, sample()], id=f"{queue}-1", task_queue=f"{queue}-cpp",
                result_type=Everything)
            back = await client.execute_workflow(
                side.PyCallsCpp.run, args=[f"{queue}-cpp", sample()], id=f"{queue}-2", task_queue=queue)
    assert there == changed(sample(), "Python")
    assert back == changed(sample(), "C++")
    # And the server saw none of it.
    for name in ("1", "2"):
        history = (await client.get_workflow_handle(f"{queue}-{name}").fetch_history()).to_json()
        assert "json/plain" not in history and "anNvbi9wbGFpbg" not in history
