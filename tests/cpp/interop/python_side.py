"""The Python half: the same values, workflows and activities as values.h and workflows.h have."""

import asyncio
import dataclasses
from datetime import datetime, timedelta
from enum import StrEnum

from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)

COLOR = SearchAttributeKey.for_keyword("Color")
SIZE = SearchAttributeKey.for_int("Size")
TEN_SECONDS = timedelta(seconds=10)


class Shade(StrEnum):
    red = "red"
    green = "green"
    dark_blue = "dark_blue"


@dataclasses.dataclass
class Item:
    name: str
    count: int


@dataclasses.dataclass
class Everything:
    text: str
    large: int
    real: float
    is_set: bool
    nested: Item
    items: list[Item]
    counts: dict[str, int]
    some: int | None
    none: int | None
    shade: Shade
    at: datetime


def changed(value: Everything, language: str) -> Everything:
    """What either language does to a value, for the other to see that each member was understood."""
    return Everything(
        text=f"{value.text} ☃ {language}", large=value.large + 1, real=value.real * 2, is_set=not value.is_set,
        nested=Item(value.nested.name, value.nested.count + 1), items=[*value.items, Item(f"from {language}", 3)],
        counts={**value.counts, language.lower(): 20}, some=None if value.some is None else value.some + 1,
        none=value.none, shade=Shade.dark_blue, at=value.at + timedelta(milliseconds=1500))


def planned_error() -> ApplicationError:
    error = ApplicationError("planned in Python", Item("detail", 7), "second", type="Planned", non_retryable=True)
    error.__cause__ = ApplicationError("the deeper cause", type="Deep")
    return error


def chain_of(error: BaseException | None) -> str:
    """A failure as a text with all of its causes, as chain_of in values.h has it."""
    parts = []
    while error is not None:
        if isinstance(error, ApplicationError):
            details = "".join(f"; {detail}" for detail in error.details)
            parts.append(f"{error.type}({error.message}{details}{'; final' if error.non_retryable else ''})")
        else:
            parts.append(error.message if isinstance(error, FailureError) else str(error))
        error = error.__cause__
    return " <- ".join(parts)


# --- Activities -----------------------------------------------------------------------------------


@activity.defn
async def py_change(value: Everything) -> Everything:
    return changed(value, "Python")


@activity.defn
async def py_bytes(data: bytes) -> bytes:
    return data + b"\xff"


@activity.defn
async def py_nothing() -> None:
    return None


@activity.defn
async def py_maybe(text: str | None) -> str | None:
    return "was null" if text is None else None


@activity.defn
async def py_message(message: WorkflowExecution) -> WorkflowExecution:
    message.workflow_id += " ☃"
    return message


@activity.defn
async def py_fail() -> None:
    raise planned_error()


@activity.defn
async def py_wait() -> str:
    while True:
        activity.heartbeat("waiting")
        await asyncio.sleep(0.05)


ACTIVITIES = [py_change, py_bytes, py_nothing, py_maybe, py_message, py_fail, py_wait]

# --- Workflows ------------------------------------------------------------------------------------


@workflow.defn
class PyCallsCpp:
    """What C++'s activities make of Python's values."""

    @workflow.run
    async def run(self, queue: str, value: Everything) -> Everything:
        def call(name: str, *given, result_type=None):
            return workflow.execute_activity(name, args=given, task_queue=queue, start_to_close_timeout=TEN_SECONDS,
                                             result_type=result_type)

        after = await call("cpp_change", value, result_type=Everything)
        assert await call("cpp_bytes", b"\x00\xfe", result_type=bytes) == b"\x00\xfe\xff"
        assert await call("cpp_nothing") is None
        assert await call("cpp_maybe", None) == "was null"
        assert await call("cpp_maybe", "text") is None
        message = WorkflowExecution(workflow_id="ü", run_id="r")
        answer = await call("cpp_message", message, result_type=WorkflowExecution)
        assert answer == WorkflowExecution(workflow_id="ü ☃", run_id="r")
        assert await call("cpp_add", "ü", 3, 0.5) == "ü3 half"
        return after


@workflow.defn
class PySeesCppFail:
    @workflow.run
    async def run(self, queue: str) -> list[str]:
        seen = []
        try:
            await workflow.execute_activity("cpp_fail", task_queue=queue, start_to_close_timeout=TEN_SECONDS)
        except ActivityError as error:
            seen.append(chain_of(error.__cause__))
            seen.append(error.retry_state.name)
        waits = workflow.start_activity(
            "cpp_wait", task_queue=queue, start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=5),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
        await asyncio.sleep(0.3)
        waits.cancel()
        try:
            await waits
        except ActivityError as error:
            seen.append("canceled" if is_cancelled_exception(error) else "?")
        return seen


@workflow.defn
class PyParent:
    @workflow.run
    async def run(self, queue: str) -> list[str]:
        seen = []
        child = await workflow.start_child_workflow("CppChild", "well", task_queue=queue, result_type=str)
        await child.signal("poke", 4)
        await workflow.get_external_workflow_handle(child.id).signal("poke", 5)
        seen.append(await child)
        try:
            await workflow.execute_child_workflow("CppChild", "fail", task_queue=queue)
        except ChildWorkflowError as error:
            seen.append(f"{error.workflow_type}: {chain_of(error.__cause__)}")
        canceled = await workflow.start_child_workflow("CppChild", "well", task_queue=queue)
        canceled.cancel()
        try:
            await canceled
        except ChildWorkflowError as error:
            seen.append("canceled" if is_cancelled_exception(error) else "?")
        return seen


@workflow.defn
class PyChild:
    def __init__(self) -> None:
        self.pokes: list[int] = []

    @workflow.run
    async def run(self, how: str) -> str:
        if how == "fail":
            raise planned_error()
        await workflow.wait_condition(lambda: len(self.pokes) == 2)
        return f"Python got {self.pokes[0]} and {self.pokes[1]}"

    @workflow.signal
    def poke(self, number: int) -> None:
        self.pokes.append(number)


@workflow.defn
class PyDesk:
    @workflow.init
    def __init__(self, value: Everything) -> None:
        self.current = value
        self.is_closed = False
        self.is_failing = False

    @workflow.run
    async def run(self, value: Everything) -> Everything:
        await workflow.wait_condition(lambda: self.is_closed or self.is_failing)
        if self.is_failing:
            raise planned_error()
        return changed(self.current, "Python")

    @workflow.signal
    def add(self, name: str, count: int) -> None:
        self.current.items.append(Item(name, count))

    @workflow.signal
    def close(self) -> None:
        self.is_closed = True

    @workflow.signal
    def fail(self) -> None:
        self.is_failing = True

    @workflow.query
    def value(self) -> Everything:
        return self.current

    @workflow.query
    def broken(self, why: str) -> str:
        raise ApplicationError(f"no answer: {why}", type="Broken")

    @workflow.update
    async def put(self, item: Item) -> int:
        await asyncio.sleep(0.01)
        if item.name == "bad":
            raise planned_error()
        self.current.items.append(item)
        return len(self.current.items)

    @put.validator
    def check_put(self, item: Item) -> None:
        if item.count < 0:
            raise ApplicationError("negative", item, type="Refused")


@workflow.defn
class PyShown:
    @workflow.run
    async def run(self) -> list[str]:
        attributes = workflow.info().typed_search_attributes
        note = workflow.memo_value("note", None, type_hint=Item)
        trace = workflow.info().headers.get("trace")
        seen = [attributes.get(COLOR), str(attributes.get(SIZE)), note.name, trace.data.decode() if trace else "none"]
        workflow.upsert_search_attributes([COLOR.value_set("blue"), SIZE.value_unset()])
        workflow.upsert_memo({"answer": Item("memo from Python", 42)})
        await asyncio.sleep(0.01)
        return seen


WORKFLOWS = [PyCallsCpp, PySeesCppFail, PyParent, PyChild, PyDesk, PyShown]
