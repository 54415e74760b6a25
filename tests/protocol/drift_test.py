"""Our protos against the descriptors in the official Python SDK: every message, field, enum value and RPC.

Names, numbers, types and labels must agree. Differences that one side's version explains stand in
allowed.txt, one a line: the full name, then why.
"""

import importlib
import pathlib
import pkgutil
import subprocess

import pytest
import temporalio.api
from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
Field = descriptor_pb2.FieldDescriptorProto


def facts_of(files) -> dict[str, str]:
    """Everything that clients can tell apart, by full name."""
    facts: dict[str, str] = {}

    def add_enum(scope: str, enum) -> None:
        facts[f"{scope}.{enum.name}"] = "enum"
        for value in enum.value:
            facts[f"{scope}.{enum.name}.{value.name}"] = f"value {value.number}"

    def add_message(scope: str, message) -> None:
        name = f"{scope}.{message.name}"
        facts[name] = "message"
        for field in message.field:
            kind = field.type_name.lstrip(".") or Field.Type.Name(field.type)
            oneof = ""
            if field.HasField("oneof_index"):
                oneof = f" in {message.oneof_decl[field.oneof_index].name}"
            facts[f"{name}.{field.name}"] = f"{Field.Label.Name(field.label)} {kind} = {field.number}{oneof}"
        for nested in message.nested_type:
            add_message(name, nested)
        for enum in message.enum_type:
            add_enum(name, enum)

    for file in files:
        for message in file.message_type:
            add_message(file.package, message)
        for enum in file.enum_type:
            add_enum(file.package, enum)
        for service in file.service:
            for method in service.method:
                facts[f"{file.package}.{service.name}.{method.name}"] = (
                    f"rpc {method.input_type.lstrip('.')} -> {method.output_type.lstrip('.')}"
                    f" {method.client_streaming} {method.server_streaming}"
                )
    return {name: fact for name, fact in facts.items() if name.startswith("temporal.api.")}


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("protos") / "all.bin"
    files = sorted(str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos").rglob("*.proto"))
    subprocess.run(
        ["protoc", "-I", ROOT / "protos", f"--descriptor_set_out={out}", *files],
        check=True, stdin=subprocess.DEVNULL)
    return facts_of(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)


@pytest.fixture(scope="module")
def theirs() -> dict[str, str]:
    files = {}
    for module in pkgutil.walk_packages(temporalio.api.__path__, "temporalio.api."):
        # Other servers' APIs.
        if ".cloud." in module.name or ".testservice." in module.name:
            continue
        if module.name.endswith("_pb2"):
            descriptor = importlib.import_module(module.name).DESCRIPTOR
            proto = descriptor_pb2.FileDescriptorProto()
            descriptor.CopyToProto(proto)
            files[proto.name] = proto
    return facts_of(files.values())


@pytest.fixture(scope="module")
def allowed() -> list[str]:
    lines = (HERE / "allowed.txt").read_text().splitlines()
    return [line.split(None, 1)[0] for line in lines if line and not line.startswith("#")]


def is_allowed(name: str, allowed: list[str]) -> bool:
    return any(name == one or name.startswith(one + ".") for one in allowed)


def test_nothing_of_the_sdk_is_missing(ours, theirs, allowed):
    missing = [name for name in theirs if name not in ours and not is_allowed(name, allowed)]
    assert missing == []


def test_nothing_differs(ours, theirs, allowed):
    different = [
        f"{name}: ours {ours[name]}, theirs {theirs[name]}" for name in theirs
        if name in ours and ours[name] != theirs[name] and not is_allowed(name, allowed)
    ]
    assert different == []


def test_nothing_is_ours_alone(ours, theirs, allowed):
    extra = [name for name in ours if name not in theirs and not is_allowed(name, allowed)]
    assert extra == []


def test_the_comparison_sees_the_whole_api(ours, theirs):
    assert len(theirs) > 3000
    assert "temporal.api.workflowservice.v1.WorkflowService.StartWorkflowExecution" in ours


def test_every_leave_is_still_needed(ours, theirs, allowed):
    both = set(ours) | set(theirs)
    idle = [
        one for one in allowed
        if not any(ours.get(name) != theirs.get(name) for name in both if is_allowed(name, [one]))
    ]
    assert idle == []
