"""Secrets in every place where one can stand; none of them in what the server says, writes or shows."""

import json
import os
import pathlib
import subprocess

import grpc
from temporalio.api.common.v1 import Header, Memo, Payload, Payloads, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from locked import WORKFLOW_SERVICE
from perdure_server import PROGRAM

HUSH = "hush-7Kq2"


def said(locked) -> dict[str, str]:
    """Everything that comes out of the server, by where."""
    texts = {"log": locked.server.log.read_text(errors="replace"), "audit": locked.audit.read_text(),
             "metrics": locked.get("metrics", "/metrics", locked.tokens["system"])[1]}
    for line in pathlib.Path(f"/proc/{locked.server.process.pid}/cmdline").read_bytes().split(b"\0"):
        texts["command line"] = texts.get("command line", "") + line.decode() + "\n"
    return texts


def test_no_secret_comes_out(locked):
    payload = Payload(data=HUSH.encode(), metadata={"encoding": b"json/plain"})
    start = api.StartWorkflowExecutionRequest(
        namespace="shop", workflow_id="w", workflow_type=WorkflowType(name="T"), task_queue=TaskQueue(name="q"),
        request_id="r", input=Payloads(payloads=[payload]), memo=Memo(fields={"m": payload}),
        header=Header(fields={"h": payload})).SerializeToString()
    errors = []
    for secret in (HUSH, f"ey{HUSH}.{HUSH}.{HUSH}", locked.tokens["reader"], locked.keys["shop"]):
        for path in ("StartWorkflowExecution", "SignalWorkflowExecution", "ListNamespaces", "NoSuchMethod"):
            try:
                locked.call(WORKFLOW_SERVICE + path, start, secret)
            except grpc.RpcError as error:
                errors.append(error.details() + str(error.trailing_metadata()))
        errors.append(locked.get("HTTP", f"/api/v1/namespaces/shop/workflows/x?token={HUSH}", secret)[1])
        errors.append(locked.get("HTTP", "/api/v1/namespaces/shop/workflows/x", secret, b'{"x": "' + HUSH.encode())[1])
    assert len(errors) > 10
    secrets = [HUSH, *locked.keys.values(), *locked.tokens.values(),
               locked.key.read_text().splitlines()[1], *(token.split(".")[2] for token in locked.tokens.values())]
    for where, text in {**said(locked), "errors": "\n".join(errors)}.items():
        for secret in secrets:
            assert secret not in text, f"{secret[:20]}… is in the {where}"


def test_the_configuration_is_printed_without_passwords(tmp_path):
    file = tmp_path / "perdure.yaml"
    file.write_text(json.dumps({"db": f"postgres://user:{HUSH}@localhost/x", "auth_issuer": "me"}))
    for command, environment in (
            ([PROGRAM, "server", "config", "-c", str(file)], {}),
            ([PROGRAM, "server", "config", "--db", f"postgresql://user:{HUSH}@localhost/x?sslmode=require"], {}),
            ([PROGRAM, "server", "config", "--db", f"postgres://localhost/x?user=u&password={HUSH}"], {}),
            ([PROGRAM, "server", "config"], {"PERDURE_DB": f"host=localhost password={HUSH} user=u"})):
        run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
        assert HUSH not in run.stdout + run.stderr, command


def test_a_database_that_can_not_be_reached_does_not_show_its_password():
    for db in (f"postgres://user:{HUSH}@127.0.0.1:1/x", f"postgres://user:{HUSH}@127.0.0.1:x/x",
               f"postgres://127.0.0.1:1/x?user=u&password={HUSH}"):
        run = subprocess.run([PROGRAM, "server", "start", "--port", "0", "--http-port", "0", "--metrics-port", "0",
                              "--db", db, "--log-level", "debug"], capture_output=True, text=True, timeout=60)
        assert run.returncode != 0
        assert HUSH not in run.stdout + run.stderr, db
