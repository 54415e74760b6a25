"""One server for all tests of the folder; a client, a task queue and an event loop for each test."""

import asyncio
import inspect
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

TEST_MAX_SECONDS = 180


@pytest.fixture(scope="session")
def server():
    running = Server("--search-attribute", "Color=Keyword", "--search-attribute", "Size=Int").start()
    yield running
    code = running.stop()
    tail = running.log_tail()
    running.remove()
    assert code == 0, f"the server ended with {code}:\n{tail}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a coroutine test on a loop of its own, within a time."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def bounded():
        async with asyncio.timeout(TEST_MAX_SECONDS):
            await pyfuncitem.obj(**arguments)

    asyncio.run(bounded())
    return True


@pytest.fixture
def address(server):
    return server.address


@pytest.fixture
def queue(request):
    """A task queue, and the prefix of workflow ids, that no other test uses."""
    return request.node.name.replace("[", "-").replace("]", "")
