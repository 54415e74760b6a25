"""Page tokens and task tokens with each bit flipped: an error or no change, never a crash or another's data."""

import grpc
import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from perdure_server import Server

SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION,
           grpc.StatusCode.INTERNAL}


class Target:
    """Two namespaces, mine and other, with three runs in each; what is in other says so."""

    def __init__(self):
        self.server = Server("--namespace", "mine", "--namespace", "other").start().until_serving()
        self.channel = grpc.insecure_channel(self.server.address)
        for namespace in ("mine", "other"):
            for i in range(3):
                self.call("StartWorkflowExecution", api.StartWorkflowExecutionRequest(
                    namespace=namespace, workflow_id=f"{namespace}-{i}", workflow_type=WorkflowType(name="T"),
                    task_queue=TaskQueue(name="q"), request_id=f"{namespace}-{i}",
                    input=Payloads(payloads=[Payload(data=f"of {namespace}".encode())])))

    def call(self, method: str, request) -> bytes:
        return self.channel.unary_unary(SERVICE + method)(request.SerializeToString(), timeout=10)

    def attempt(self, method: str, request) -> bytes | None:
        """The answer, or none if it was refused for what it is."""
        try:
            return self.call(method, request)
        except grpc.RpcError as error:
            assert error.code() in REFUSED, (error.code(), error.details())
            return None

    def histories(self, namespace: str) -> list[bytes]:
        return [self.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace=namespace, execution=WorkflowExecution(workflow_id=f"{namespace}-{i}"))) for i in range(3)]

    def end(self) -> None:
        self.channel.close()
        self.server.kill()
        self.server.remove()


@pytest.fixture(scope="module")
def target():
    target = Target()
    yield target
    assert target.server.process.poll() is None, target.server.log_tail()
    target.end()


def forgeries(token: bytes):
    for i in range(len(token)):
        for bit in range(8):
            yield token[:i] + bytes([token[i] ^ 1 << bit]) + token[i + 1:]
        yield token[:i]
    yield token + b"\0"
    yield token * 2


def lists(token: bytes = b""):
    yield "ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(
        namespace="mine", page_size=1, next_page_token=token), api.ListWorkflowExecutionsResponse
    yield "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="mine", execution=WorkflowExecution(workflow_id="mine-0"), maximum_page_size=1,
        next_page_token=token), api.GetWorkflowExecutionHistoryResponse
    yield "GetWorkflowExecutionHistoryReverse", api.GetWorkflowExecutionHistoryReverseRequest(
        namespace="mine", execution=WorkflowExecution(workflow_id="mine-0"), maximum_page_size=1,
        next_page_token=token), api.GetWorkflowExecutionHistoryReverseResponse


def test_page_tokens(target):
    for index, (method, request, response) in enumerate(list(lists())):
        token = response.FromString(target.call(method, request)).next_page_token
        assert token, method
        accepted = 0
        for forged in forgeries(token):
            answer = target.attempt(method, list(lists(forged))[index][1])
            if answer is not None:
                accepted += 1
                assert b"other" not in answer, (method, forged)
        print(f"{method}: {accepted} of {len(token) * 9 + 2} forgeries gave a page of the same namespace")


def test_a_page_token_of_another_namespace_is_refused(target):
    token = api.ListWorkflowExecutionsResponse.FromString(target.call(
        "ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(namespace="other", page_size=1))).next_page_token
    assert target.attempt("ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(
        namespace="mine", page_size=1, next_page_token=token)) is None


def test_task_tokens(target):
    poll = api.PollWorkflowTaskQueueRequest(namespace="mine", task_queue=TaskQueue(name="q"))
    token = api.PollWorkflowTaskQueueResponse.FromString(target.call("PollWorkflowTaskQueue", poll)).task_token
    before = target.histories("other")
    for forged in forgeries(token):
        # A heartbeat of an activity that is not there: whatever the token says, nothing comes of it.
        target.attempt("RecordActivityTaskHeartbeat", api.RecordActivityTaskHeartbeatRequest(
            namespace="mine", task_token=forged))
        target.attempt("RespondActivityTaskCompleted", api.RespondActivityTaskCompletedRequest(
            namespace="mine", task_token=forged))
        target.attempt("RespondQueryTaskCompleted", api.RespondQueryTaskCompletedRequest(
            namespace="mine", task_token=forged))
        target.attempt("RespondWorkflowTaskFailed", api.RespondWorkflowTaskFailedRequest(
            namespace="other", task_token=forged))
        target.attempt("RespondWorkflowTaskCompleted", api.RespondWorkflowTaskCompletedRequest(
            namespace="other", task_token=forged))
    assert target.histories("other") == before


def test_a_task_token_is_good_in_its_own_namespace_only(target):
    poll = api.PollWorkflowTaskQueueRequest(namespace="other", task_queue=TaskQueue(name="q"))
    token = api.PollWorkflowTaskQueueResponse.FromString(target.call("PollWorkflowTaskQueue", poll)).task_token
    before = target.histories("other")
    for method, request in (
            ("RespondWorkflowTaskCompleted", api.RespondWorkflowTaskCompletedRequest(namespace="mine", task_token=token)),
            ("RespondWorkflowTaskFailed", api.RespondWorkflowTaskFailedRequest(namespace="mine", task_token=token))):
        assert target.attempt(method, request) is None
    assert target.histories("other") == before
