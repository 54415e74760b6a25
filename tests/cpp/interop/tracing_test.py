"""One trace through both languages: the official Python SDK's OpenTelemetry interceptor says what is right."""

import pathlib
import sys
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")

from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402
from temporalio.contrib.opentelemetry import TracingInterceptor  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from conftest import cpp_worker  # noqa: E402


@activity.defn
async def py_traced() -> None:
    pass


@workflow.defn
class PyTraced:
    @workflow.run
    async def run(self, cpp_queue: str) -> list[str]:
        return await workflow.execute_activity(
            "cpp_spans", task_queue=cpp_queue, start_to_close_timeout=timedelta(seconds=10), result_type=list[str])


class Traced:
    """A client whose calls, and a worker whose work, are traced; and what was traced."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.interceptor = TracingInterceptor(provider.get_tracer("test"))

    def span(self, name: str):
        found = [one for one in self.exporter.get_finished_spans() if one.name == name]
        assert len(found) == 1, f"{name}: {[one.name for one in self.exporter.get_finished_spans()]}"
        return found[0]


def cpp_span(lines: list[str], name: str) -> tuple[int, int, str]:
    """Trace, id and parent of the one span of this name."""
    found = [line.split() for line in lines if line.startswith(name + " ")]
    assert len(found) == 1, lines
    _, trace, span, parent = found[0]
    return int(trace, 16), int(span, 16), parent


async def test_a_trace_goes_through_a_cpp_workflow_to_a_python_activity(address, queue):
    traced = Traced()
    client = await Client.connect(address, interceptors=[traced.interceptor])
    with cpp_worker("cpp_interop", address, "traced-worker", f"{queue}-cpp"):
        async with Worker(client, task_queue=queue, activities=[py_traced]):
            lines = await client.execute_workflow(
                "CppTraced", queue, id=queue, task_queue=f"{queue}-cpp", result_type=list[str])
    started = traced.span("StartWorkflow:CppTraced").context
    ran = traced.span("RunActivity:py_traced")
    for name in ("RunWorkflow:CppTraced", "StartActivity:py_traced", "StartActivity:cpp_spans"):
        trace, _, parent = cpp_span(lines, name)
        assert trace == started.trace_id
        assert int(parent, 16) == started.span_id
    assert ran.context.trace_id == started.trace_id
    assert ran.parent.span_id == cpp_span(lines, "StartActivity:py_traced")[1]
    assert int(cpp_span(lines, "RunActivity:cpp_spans")[2], 16) == cpp_span(lines, "StartActivity:cpp_spans")[1]


async def test_a_trace_goes_through_a_python_workflow_to_a_cpp_activity(address, queue):
    traced = Traced()
    client = await Client.connect(address, interceptors=[traced.interceptor])
    with cpp_worker("cpp_interop", address, "traced-worker", f"{queue}-cpp"):
        async with Worker(client, task_queue=queue, workflows=[PyTraced], workflow_runner=UnsandboxedWorkflowRunner()):
            lines = await client.execute_workflow(PyTraced.run, f"{queue}-cpp", id=queue, task_queue=queue)
    scheduled = traced.span("StartActivity:cpp_spans").context
    trace, _, parent = cpp_span(lines, "RunActivity:cpp_spans")
    assert trace == scheduled.trace_id == traced.span("StartWorkflow:PyTraced").context.trace_id
    assert int(parent, 16) == scheduled.span_id
