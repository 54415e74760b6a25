"""Every RPC without credentials, with wrong, expired and insufficient ones; HTTP and metrics by the same rule."""

import json
import time

import grpc
import pytest

from credentials import Signer
from locked import OPERATOR_SERVICE, WORKFLOW_SERVICE, methods, naming

Code = grpc.StatusCode
# A bad secret's address is held back after twenty of them, and told so.
REFUSED = {Code.UNAUTHENTICATED, Code.RESOURCE_EXHAUSTED}
PASSED_BY_ALL = {WORKFLOW_SERVICE + "GetSystemInfo"}
ALL = methods()


def test_the_api_is_all_there():
    assert len(ALL) > 120
    assert WORKFLOW_SERVICE + "StartWorkflowExecution" in ALL
    assert OPERATOR_SERVICE + "DeleteNamespace" in ALL


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.rsplit("/", 1)[1])
def test_an_rpc_takes_credentials_that_are_good_enough(locked, path):
    here, elsewhere = naming(ALL[path], "shop"), naming(ALL[path], "bank")
    assert locked.code(path, here) == Code.UNAUTHENTICATED
    assert locked.code(path, here, "no-such-key") in REFUSED
    assert locked.code(path, here, Signer("k1").token("forger", "temporal-system:admin")) in REFUSED
    expired = locked.signer.token("late", "temporal-system:admin", exp=int(time.time()) - 61)
    assert locked.code(path, here, expired) in REFUSED
    assert locked.code(path, here, locked.signer.token("late", "shop:admin", aud="other")) in REFUSED
    if path in PASSED_BY_ALL:
        assert locked.code(path, here, locked.tokens["nobody"]) == Code.OK
        return
    assert locked.code(path, here, locked.tokens["nobody"]) == Code.PERMISSION_DENIED
    assert locked.code(path, elsewhere, locked.tokens["admin"]) == Code.PERMISSION_DENIED
    assert locked.code(path, elsewhere, locked.keys["shop"]) == Code.PERMISSION_DENIED
    # Long polls would be held: it is enough that they are let in.
    assert locked.code(path, naming(ALL[path], "nowhere"), locked.tokens["system"], timeout=2) not in REFUSED | {
        Code.PERMISSION_DENIED}


def test_a_reader_may_read_and_nothing_else(locked):
    reader = locked.tokens["reader"]
    shop = {path: naming(field, "shop") for path, field in ALL.items() if field}
    reading = ("Get", "List", "Describe", "Count", "Query", "Scan")
    for path, request in shop.items():
        name = path.rsplit("/", 1)[1]
        if name.startswith("Poll"):
            continue
        may = name.startswith(reading) or name.startswith("Validate")
        code = locked.code(path, request, reader)
        assert (code != Code.PERMISSION_DENIED) == may, (name, code)


def test_a_role_is_the_namespaces_own(locked):
    describe = WORKFLOW_SERVICE + "DescribeNamespace"
    for name in ("reader", "worker", "writer", "admin"):
        assert locked.code(describe, naming(1, "shop"), locked.tokens[name]) == Code.OK
        assert locked.code(describe, naming(1, "bank"), locked.tokens[name]) == Code.PERMISSION_DENIED
    assert locked.code(describe, naming(1, "bank"), locked.tokens["system"]) == Code.OK
    assert locked.code(WORKFLOW_SERVICE + "ListNamespaces", b"", locked.tokens["admin"]) == Code.PERMISSION_DENIED


def test_health_is_open_and_reflection_is_not(locked):
    assert locked.code("/grpc.health.v1.Health/Check", b"") == Code.OK
    reflect = locked.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    with pytest.raises(grpc.RpcError) as refused:
        list(reflect(iter([b"\x3a\x01*"]), timeout=5))
    assert refused.value.code() == Code.UNAUTHENTICATED
    answer = list(reflect(iter([b"\x3a\x01*"]), timeout=5,
                          metadata=[("authorization", f"Bearer {locked.tokens['nobody']}")]))
    assert b"WorkflowService" in answer[0]


def test_a_certificate_has_the_roles_of_the_file(locked):
    describe = WORKFLOW_SERVICE + "DescribeNamespace"
    channel = locked.connect(locked.authority.issue("shop-worker"))
    assert locked.code(describe, naming(1, "shop"), channel=channel) == Code.OK
    assert locked.code(describe, naming(1, "bank"), channel=channel) == Code.PERMISSION_DENIED
    channel = locked.connect(locked.authority.issue("unheard-of"))
    assert locked.code(describe, naming(1, "shop"), channel=channel) == Code.PERMISSION_DENIED


def test_http_asks_for_the_same(locked):
    page = "/api/v1/namespaces/shop/workflows?pageSize=1"
    assert locked.get("HTTP", page)[0] == 401
    assert locked.get("HTTP", page, "no-such-key")[0] in (401, 429)
    assert locked.get("HTTP", page, locked.tokens["nobody"])[0] == 403
    assert locked.get("HTTP", page.replace("shop", "bank"), locked.tokens["admin"])[0] == 403
    assert locked.get("HTTP", page, locked.tokens["reader"])[0] == 200
    start = "/api/v1/namespaces/shop/workflows/by-http"
    body = b'{"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}}'
    assert locked.get("HTTP", start, locked.tokens["reader"], body)[0] == 403
    assert locked.get("HTTP", start, locked.keys["shop"], body)[0] == 200


def test_metrics_take_a_system_role_and_probes_nothing(locked):
    assert locked.get("metrics", "/healthz")[0] == 200
    assert locked.get("metrics", "/readyz")[0] == 200
    assert locked.get("metrics", "/metrics")[0] == 401
    assert locked.get("metrics", "/metrics", locked.tokens["admin"])[0] == 403
    status, text = locked.get("metrics", "/metrics", locked.tokens["system"])
    assert status == 200
    assert 'authentication_failures{reason="missing"}' in text


def test_the_audit_log_tells_who_changed_what(locked):
    body = b'{"workflowType": {"name": "T"}, "taskQueue": {"name": "q"}}'
    assert locked.get("HTTP", "/api/v1/namespaces/shop/workflows/audited", locked.keys["shop"], body)[0] == 200
    locked.get("HTTP", "/api/v1/namespaces/shop/workflows/refused", locked.tokens["reader"], body)
    lines = [json.loads(line) for line in locked.audit.read_text().splitlines()]
    by_id = {line["workflow_id"]: line for line in lines}
    assert by_id["audited"]["principal"] == "shop-ci"
    assert by_id["audited"]["rpc"] == "StartWorkflowExecution"
    assert by_id["audited"]["namespace"] == "shop"
    assert by_id["audited"]["code"] == "OK"
    assert len(by_id["audited"]["run_id"]) == 36
    assert by_id["audited"]["peer"].startswith("ipv4:127.0.0.1:")
    assert by_id["refused"]["code"] == "PERMISSION_DENIED"
    assert by_id["refused"]["principal"] == "reader"
    assert not any(line["rpc"].startswith(("Get", "List", "Describe", "Poll")) for line in lines)


def test_keys_are_exchanged_without_a_restart(locked):
    info = WORKFLOW_SERVICE + "GetSystemInfo"
    after = Signer("k2")
    (locked.folder / "jwks.json").write_text(json.dumps({"keys": [locked.signer.jwk(), after.jwk()]}))
    deadline = time.monotonic() + 30
    while locked.code(info, b"", after.token("late", "shop:read")) != Code.OK:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert locked.code(info, b"", locked.tokens["reader"]) == Code.OK
