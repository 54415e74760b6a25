"""Makes what the fuzz targets begin with: seed.py, with a server's binary built.

Requests: one of each method that is built, every field of it set, as protobuf and as JSON. Persisted: the rows of the
golden SQLite databases. Inputs that were found to break something lie beside them and are kept.
"""

import gzip
import pathlib
import sqlite3
import struct
import sys
import tempfile
import zlib

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from temporalio.api.operatorservice.v1 import service_pb2 as operator_service
from temporalio.api.workflowservice.v1 import service_pb2 as workflow_service

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parent / "server"))

from perdure_server import Server  # noqa: E402
from prometheus import scrape  # noqa: E402

DEPTH_MAX = 2
ROW_BYTES_MAX = 4000
TEXTS = {"namespace": "default", "task_queue": "q", "query": "WorkflowId = 'w' ORDER BY StartTime", "cron_schedule": "",
         "type_url": "type.googleapis.com/google.protobuf.Empty"}


def fill(message, depth: int = 0):
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof and message.WhichOneof(field.containing_oneof.name):
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if depth >= DEPTH_MAX or field.message_type.GetOptions().map_entry:
                continue
            target = getattr(message, field.name)
            fill(target.add() if field.is_repeated else target, depth + 1)
            if not field.is_repeated:
                target.SetInParent()
            continue
        value = {
            FieldDescriptor.CPPTYPE_STRING: (b"" if field.name == "value" else b"token") if field.type == FieldDescriptor.TYPE_BYTES
            else TEXTS.get(field.name, field.name[:12]),
            FieldDescriptor.CPPTYPE_BOOL: True,
            FieldDescriptor.CPPTYPE_FLOAT: 1.5,
            FieldDescriptor.CPPTYPE_DOUBLE: 1.5,
        }.get(field.cpp_type, 1)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message


def built() -> set[str]:
    server = Server().start()
    try:
        return {dict(labels)["operation"] for name, labels in scrape(server) if name == "service_requests"}
    finally:
        server.kill()
        server.remove()


def requests() -> None:
    folder = HERE / "request"
    folder.mkdir(exist_ok=True)
    known = built()
    # As request_fuzz.cc counts them.
    methods = [method for file, name in ((workflow_service, "WorkflowService"), (operator_service, "OperatorService"))
               for method in file.DESCRIPTOR.services_by_name[name].methods if method.name in known]
    for index, method in enumerate(methods):
        request = fill(message_factory.GetMessageClass(method.input_type)())
        (folder / f"{method.name}.pb").write_bytes(bytes([index, 0]) + request.SerializeToString())
        (folder / f"{method.name}.json").write_bytes(
            bytes([index, 1]) + json_format.MessageToJson(request, indent=None).encode())
        if method.name == "StartWorkflowExecution":
            plain = request.SerializeToString()
            for name, how, packed in (("gzip", 3, gzip.compress(plain, mtime=0)), ("deflate", 4, zlib.compress(plain)),
                                      ("members", 3, gzip.compress(plain[:99], mtime=0) + gzip.compress(plain[99:], mtime=0))):
                (folder / f"{method.name}.{name}").write_bytes(bytes([index, how]) + packed)
    # Larger than what the target takes.
    (folder / "bomb").write_bytes(bytes([0, 3]) + gzip.compress(bytes([10, 0]) * 40000, mtime=0))
    (folder / "parameter").write_bytes(bytes([0, 2]) + b"namespace=default")


def rows() -> None:
    folder = HERE / "persisted"
    folder.mkdir(exist_ok=True)
    for golden in sorted(HERE.parent.glob("golden/*/sqlite.db.gz")):
        with tempfile.NamedTemporaryFile(suffix=".db") as file:
            file.write(gzip.decompress(golden.read_bytes()))
            file.flush()
            with sqlite3.connect(file.name) as connection:
                if connection.execute("PRAGMA user_version").fetchone()[0] >= 3:
                    continue  # Records are packed since.
                key = "number * 1024 + shard_id"
                for run, workflow_id in connection.execute(f"SELECT {key}, workflow_id FROM executions").fetchall():
                    snapshot = connection.execute(
                        f"SELECT sequence, state FROM snapshots WHERE {key} = ?", (run,)).fetchone()
                    records = connection.execute(
                        f"SELECT sequence, record FROM journal WHERE {key} = ? ORDER BY sequence", (run,)).fetchall()
                    whole = [b"", *(record for _, record in records)]
                    tail = [snapshot[1], *(record for at, record in records if at > snapshot[0])] if snapshot else []
                    for kind, parts in (("whole", whole), ("tail", tail)):
                        data = b"".join(struct.pack(">H", len(part)) + part for part in parts)
                        if parts and len(data) <= ROW_BYTES_MAX:
                            (folder / f"{golden.parent.name}-{workflow_id}-{run // 1024}-{kind}").write_bytes(data)


if __name__ == "__main__":
    requests()
    rows()
