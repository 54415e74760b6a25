"""What the Python tests of several folders share: a server, a task queue of each test's own, coroutine tests."""

import asyncio
import inspect

import pytest

from perdure_server import Server

TEST_MAX_SECONDS = 180


@pytest.fixture(scope="session")
def server():
    running = Server("--search-attribute", "Color=Keyword", "--search-attribute", "Size=Int").start()
    yield running
    code = running.stop()
    tail = running.log_tail()
    running.remove()
    assert code == 0, f"the server ended with {code}:\n{tail}"


@pytest.fixture
def address(server):
    return server.address


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
def queue(request):
    """A task queue, and the prefix of workflow ids, that no other test uses."""
    return request.node.name.replace("[", "-").replace("]", "")
