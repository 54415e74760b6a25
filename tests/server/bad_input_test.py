"""Bad input of every kind against the real binary: an error that says what is wrong, no crash, no change."""

import json
import os
import resource
import selectors
import socket
import struct
import urllib.error
import urllib.request

import grpc
import pytest
from google.protobuf import duration_pb2
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import Payload, WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import Request as UpdateRequest
from temporalio.api.update.v1 import Input, Meta
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from perdure_server import Server

SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
INTERNAL = grpc.StatusCode.INTERNAL  # As other gRPC servers answer what is no message.
CONNECTIONS = 2000


class Target:
    """A server with one open run and one closed one, and the raw way to it."""

    def __init__(self):
        self.server = Server().start().until_serving()
        self.channel = grpc.insecure_channel(self.server.address, options=[("grpc.max_send_message_length", -1)])
        for workflow_id in ("open", "closed"):
            self.call("StartWorkflowExecution", start(workflow_id=workflow_id))
        self.task = api.PollWorkflowTaskQueueResponse.FromString(self.call(
            "PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(namespace="default", task_queue=TaskQueue(name="q"))))
        self.call("TerminateWorkflowExecution", api.TerminateWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id="closed")))

    def call(self, method: str, request, timeout: float = 10) -> bytes:
        data = request if isinstance(request, bytes) else request.SerializeToString()
        return self.channel.unary_unary(SERVICE + method)(data, timeout=timeout)

    def describe(self) -> list[bytes]:
        """All that must not change."""
        return [self.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=workflow_id)))
            for workflow_id in ("open", "closed")] + [
            self.call("CountWorkflowExecutions", api.CountWorkflowExecutionsRequest(namespace="default"))]

    def end(self) -> None:
        self.channel.close()
        self.server.kill()
        self.server.remove()


@pytest.fixture(scope="module")
def target():
    running = Target()
    yield running
    running.end()


def start(**fields) -> api.StartWorkflowExecutionRequest:
    request = api.StartWorkflowExecutionRequest(
        namespace="default", workflow_id="w", workflow_type=WorkflowType(name="t"), task_queue=TaskQueue(name="q"))
    for name, value in fields.items():
        if hasattr(value, "DESCRIPTOR"):
            getattr(request, name).CopyFrom(value)
        else:
            setattr(request, name, value)
    return request


def without(field: str) -> api.StartWorkflowExecutionRequest:
    request = start()
    request.ClearField(field)
    return request


def signal(**fields) -> api.SignalWorkflowExecutionRequest:
    return api.SignalWorkflowExecutionRequest(**{
        "namespace": "default", "workflow_execution": WorkflowExecution(workflow_id="open"), "signal_name": "s", **fields})


def seconds(number: int, nanos: int = 0) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=number, nanos=nanos)


def invalid_utf8(request) -> bytes:
    """The request, in which the text XXXX is made bytes that are no UTF-8."""
    data = request.SerializeToString()
    assert b"XXXX" in data
    return data.replace(b"XXXX", b"\xff\xfe\xc0\x80")


def open_run(target: Target) -> WorkflowExecution:
    return WorkflowExecution(workflow_id="open", run_id=target.task.workflow_execution.run_id)


# What is sent, by method; the words that its error must have; the code if it is not INVALID_ARGUMENT.
CASES = {
    "no namespace": ("StartWorkflowExecution", lambda t: without("namespace"), "namespace"),
    "an unknown namespace": ("StartWorkflowExecution", lambda t: start(namespace="nobody"), "nobody",
                             grpc.StatusCode.NOT_FOUND),
    "no workflow id": ("StartWorkflowExecution", lambda t: without("workflow_id"), "workflowid"),
    "no workflow type": ("StartWorkflowExecution", lambda t: without("workflow_type"), "workflowtype"),
    "no task queue": ("StartWorkflowExecution", lambda t: without("task_queue"), "taskqueue"),
    "a long workflow id": ("StartWorkflowExecution", lambda t: start(workflow_id="x" * 1001), "workflowid"),
    "a long workflow type": ("StartWorkflowExecution",
                             lambda t: start(workflow_type=WorkflowType(name="x" * 1001)), "workflowtype"),
    "a long task queue": ("StartWorkflowExecution", lambda t: start(task_queue=TaskQueue(name="x" * 1001)), "taskqueue"),
    "a long request id": ("StartWorkflowExecution", lambda t: start(request_id="x" * 1001), "requestid"),
    "a negative run timeout": ("StartWorkflowExecution", lambda t: start(workflow_run_timeout=seconds(-1)),
                               "workflowruntimeout"),
    "a negative task timeout": ("StartWorkflowExecution", lambda t: start(workflow_task_timeout=seconds(-1)),
                                "workflowtasktimeout"),
    "signs that disagree": ("StartWorkflowExecution", lambda t: start(workflow_run_timeout=seconds(1, -5)),
                            "workflowruntimeout"),
    "a negative start delay": ("StartWorkflowExecution", lambda t: start(workflow_start_delay=seconds(-1)), "delay"),
    "a cron that is none": ("StartWorkflowExecution", lambda t: start(cron_schedule="every day"), "cronschedule"),
    "a cron that never comes": ("StartWorkflowExecution", lambda t: start(cron_schedule="0 0 31 2 *"), "cronschedule"),
    "a cron that is none, with a signal": ("SignalWithStartWorkflowExecution",
                                           lambda t: api.SignalWithStartWorkflowExecutionRequest(
                                               namespace="default", workflow_id="w", signal_name="s",
                                               workflow_type=WorkflowType(name="t"), task_queue=TaskQueue(name="q"),
                                               cron_schedule="* * *"), "cronschedule"),
    "an unknown reuse policy": ("StartWorkflowExecution", lambda t: start(workflow_id_reuse_policy=77),
                                "workflow_id_reuse_policy"),
    "an unknown conflict policy": ("StartWorkflowExecution", lambda t: start(workflow_id_conflict_policy=77),
                                   "workflow_id_conflict_policy"),
    "an input too large": ("SignalWorkflowExecution", lambda t: signal(
        input=api.SignalWorkflowExecutionRequest().input.__class__(payloads=[Payload(data=b"x" * (2 << 20))])),
        "size exceeds limit"),
    "a run id that is none": ("SignalWorkflowExecution", lambda t: signal(
        workflow_execution=WorkflowExecution(workflow_id="open", run_id="yesterday's")), "runid"),
    "no execution": ("DescribeWorkflowExecution", lambda t: api.DescribeWorkflowExecutionRequest(namespace="default"),
                     "execution"),
    "a namespace that is no UTF-8": ("StartWorkflowExecution", lambda t: invalid_utf8(start(namespace="XXXX")), "utf-8"),
    "a workflow id that is no UTF-8": ("StartWorkflowExecution", lambda t: invalid_utf8(start(workflow_id="XXXX")), "utf-8"),
    "a signal name that is no UTF-8": ("SignalWorkflowExecution", lambda t: invalid_utf8(signal(signal_name="XXXX")), "utf-8"),
    "bytes that are no message": ("StartWorkflowExecution", lambda t: b"\xff" * 100, "not a valid", INTERNAL),
    "a message cut short": ("StartWorkflowExecution", lambda t: start().SerializeToString()[:-3], "not a valid",
                            INTERNAL),
    "no task token": ("RespondWorkflowTaskCompleted",
                      lambda t: api.RespondWorkflowTaskCompletedRequest(namespace="default"), "token"),
    "a forged task token": ("RespondWorkflowTaskCompleted", lambda t: api.RespondWorkflowTaskCompletedRequest(
        namespace="default", task_token=os.urandom(64)), "token"),
    "a huge task token": ("RespondActivityTaskCompleted", lambda t: api.RespondActivityTaskCompletedRequest(
        namespace="default", task_token=b"x" * 100_000), "token"),
    "a forged activity token": ("RecordActivityTaskHeartbeat", lambda t: api.RecordActivityTaskHeartbeatRequest(
        namespace="default", task_token=b"\x0a\x04nope"), "token"),
    "a workflow's token for an activity": ("RespondActivityTaskCompleted", lambda t:
                                           api.RespondActivityTaskCompletedRequest(
                                               namespace="default", task_token=t.task.task_token), "",
                                           grpc.StatusCode.NOT_FOUND),
    "a forged query token": ("RespondQueryTaskCompleted", lambda t: api.RespondQueryTaskCompletedRequest(
        namespace="default", task_token=os.urandom(40)), "token"),
    "a forged page token of a history": ("GetWorkflowExecutionHistory", lambda t: api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=open_run(t), next_page_token=os.urandom(50)), "token"),
    "a list's page token for a history": ("GetWorkflowExecutionHistory", lambda t: api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=open_run(t), next_page_token=list_token(t)), "token"),
    "a forged page token of a list": ("ListWorkflowExecutions", lambda t: api.ListWorkflowExecutionsRequest(
        namespace="default", next_page_token=os.urandom(33)), "token"),
    "a token of another run": ("GetWorkflowExecutionHistory", lambda t: api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=WorkflowExecution(workflow_id="closed"),
        next_page_token=history_token(t)), "not found", grpc.StatusCode.NOT_FOUND),
    "a filter that is none": ("ListWorkflowExecutions", lambda t: api.ListWorkflowExecutionsRequest(
        namespace="default", query="WorkflowId = = 'x'"), "query"),
    "a filter that nests too deep": ("ListWorkflowExecutions", lambda t: api.ListWorkflowExecutionsRequest(
        namespace="default", query="(" * 100_000 + "WorkflowId = 'x'" + ")" * 100_000), ""),
    "a command that is none": ("RespondWorkflowTaskCompleted", lambda t: api.RespondWorkflowTaskCompletedRequest(
        namespace="nobody", task_token=t.task.task_token, commands=[Command(command_type=99)]), "nobody",
        grpc.StatusCode.NOT_FOUND),
    "an update without a name": ("UpdateWorkflowExecution", lambda t: api.UpdateWorkflowExecutionRequest(
        namespace="default", workflow_execution=open_run(t),
        request=UpdateRequest(meta=Meta(update_id="u"), input=Input())), "name"),
    "a retention of less than nothing": ("RegisterNamespace", lambda t: api.RegisterNamespaceRequest(
        namespace="new", workflow_execution_retention_period=seconds(-5)), "retention"),
    "a namespace without a name": ("RegisterNamespace", lambda t: api.RegisterNamespaceRequest(
        workflow_execution_retention_period=seconds(86400)), "namespace"),
    "a reset to nowhere": ("ResetWorkflowExecution", lambda t: api.ResetWorkflowExecutionRequest(
        namespace="default", workflow_execution=open_run(t), request_id="r", workflow_task_finish_event_id=-7), ""),
    "a queue kind that is none": ("PollWorkflowTaskQueue", lambda t: api.PollWorkflowTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name="q", kind=42)), "kind"),
}


def list_token(target: Target) -> bytes:
    response = api.ListWorkflowExecutionsResponse.FromString(target.call(
        "ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(namespace="default", page_size=1)))
    assert response.next_page_token
    return response.next_page_token


def history_token(target: Target) -> bytes:
    response = api.GetWorkflowExecutionHistoryResponse.FromString(target.call(
        "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=open_run(target), maximum_page_size=1)))
    assert response.next_page_token
    return response.next_page_token


@pytest.mark.parametrize("case", CASES)
def test_is_refused_and_changes_nothing(target, case):
    method, make, words, *code = CASES[case]
    before = target.describe()
    with pytest.raises(grpc.RpcError) as error:
        target.call(method, make(target))
    assert error.value.code() == (code[0] if code else INVALID), error.value.details()
    assert words in error.value.details().lower().replace(" ", "" if " " not in words else " "), error.value.details()
    assert target.describe() == before


def test_a_stale_task_token_is_refused(target):
    request = api.RespondWorkflowTaskCompletedRequest(namespace="default", task_token=target.task.task_token)
    server = Server().start().until_serving()
    try:
        # Another cluster's run, by the same id.
        with grpc.insecure_channel(server.address) as channel:
            call = channel.unary_unary(SERVICE + "StartWorkflowExecution")
            call(start(workflow_id="open").SerializeToString(), timeout=10)
            with pytest.raises(grpc.RpcError) as error:
                channel.unary_unary(SERVICE + "RespondWorkflowTaskCompleted")(request.SerializeToString(), timeout=10)
            assert error.value.code() == grpc.StatusCode.NOT_FOUND, error.value.details()
    finally:
        server.kill()
        server.remove()


def test_a_message_over_the_limit_is_refused(target):
    with pytest.raises(grpc.RpcError) as error:
        target.call("SignalWorkflowExecution", b"x" * (256 << 20), timeout=60)
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error.value.details()
    target.describe()


def test_an_absurd_duration_is_cut(target):
    request = start(workflow_id="patient", workflow_execution_timeout=seconds(2**62))
    target.call("StartWorkflowExecution", request)
    history = api.GetWorkflowExecutionHistoryResponse.FromString(target.call(
        "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=WorkflowExecution(workflow_id="patient"))))
    started = history.history.events[0].workflow_execution_started_event_attributes
    assert started.workflow_execution_timeout.seconds == 100 * 365 * 24 * 3600


HTTP_CASES = {
    "no JSON": (b"{", 400),
    "a field that is none": (b'{"workflowTyp": {"name": "t"}}', 400),
    "a number for a text": (b'{"workflowType": 7}', 400),
    "an enum that is none": (b'{"workflowIdReusePolicy": "SOMETIMES"}', 400),
    "a duration that is none": (b'{"workflowRunTimeout": "soon"}', 400),
    "no UTF-8": (b'{"identity": "\xff\xfe"}', 400),
    "nested too deep": (b'{"input": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", 400),
}


@pytest.mark.parametrize("case", HTTP_CASES)
def test_json_is_refused(target, case):
    body, code = HTTP_CASES[case]
    url = target.server.page("HTTP")
    before = target.describe()
    request = urllib.request.Request(f"{url}/api/v1/namespaces/default/workflows/json", data=body, method="POST",
                                     headers={"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert error.value.code == code
    assert json.loads(error.value.read())["message"]
    assert target.describe() == before


# --- Connections ---------------------------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(method: str) -> bytes:
    """A literal HPACK block without indexing."""
    block = b""
    for name, value in ((":method", "POST"), (":scheme", "http"), (":path", SERVICE + method), (":authority", "x"),
                        ("content-type", "application/grpc"), ("te", "trailers")):
        block += b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return block


def connect(target: Target) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", target.server.port), timeout=10)
    connection.sendall(PREFACE + frame(4, 0, 0, b""))
    return connection


def test_streams_left_half_open_hold_up_nobody(target):
    before = target.describe()
    message = start(workflow_id="half").SerializeToString()
    left = []
    for i in range(200):
        connection = connect(target)
        connection.sendall(frame(1, 4, 1, headers("StartWorkflowExecution")))  # END_HEADERS, no END_STREAM
        # A message that says it is longer than what follows, in part and with no end.
        connection.sendall(frame(0, 0, 1, b"\x00" + struct.pack(">I", len(message) + i) + message[: len(message) // 2]))
        left.append(connection)
    assert target.describe() == before
    for connection in left:
        connection.close()
    assert target.describe() == before


def test_what_is_no_http2_is_cut_off(target):
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), PREFACE + frame(9, 0, 0, b"x" * 100),
                    PREFACE + frame(4, 0, 0, b"") + frame(1, 4, 1, b"\xff" * 50)):
        with socket.create_connection(("127.0.0.1", target.server.port), timeout=10) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    target.describe()


def test_two_thousand_connections(target):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CONNECTIONS + 200:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CONNECTIONS + 200), hard))
    before = target.describe()
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        selector.register(connect(target), selectors.EVENT_READ)
    # Each is greeted by the server's settings.
    greeted = set()
    while len(greeted) < CONNECTIONS:
        ready = selector.select(timeout=30)
        assert ready, f"{len(greeted)} of {CONNECTIONS} were greeted"
        for key, _ in ready:
            if key.fileobj in greeted:
                selector.unregister(key.fileobj)
                continue
            assert key.fileobj.recv(9)[3] == 4
            greeted.add(key.fileobj)
    assert target.describe() == before
    for connection in greeted:
        connection.close()
    selector.close()
    assert target.describe() == before
    assert target.server.process.poll() is None
