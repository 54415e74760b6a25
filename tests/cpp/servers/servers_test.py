"""The examples and all feature workflows on Perdure and on other servers, with runs cached, hardly cached and
never cached. On PostgreSQL only Perdure: the others know no PERDURE_TEST_DB. PERDURE_CPP_SERVERS names those that
are meant, where it is set."""

import asyncio
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import others  # noqa: E402
from conftest import cpp_run  # noqa: E402

# What each prints, where the words matter.
EXAMPLES = {
    "hello": ["Hello, Perdure!"],
    "saga": ["ann pays 590", "  canceled hotel in OSL\n  canceled flight to OSL", "bob: "],
    "agent": ["You said: hi", "refused: ", "It is sunny in Oslo."],
    "fanout": ["the sum is 4465, of 10 parts", "the winner is 5"],
    "schedule": ["us: 42 rows"],
}
ALL = "perdure" if os.environ.get("PERDURE_TEST_DB") else "perdure java_server temporal"
SERVERS = os.environ.get("PERDURE_CPP_SERVERS", ALL).split()


@pytest.fixture(scope="module", params=SERVERS)
def somewhere(request):
    """The address of each server in turn."""
    if request.param == "perdure":
        yield request.getfixturevalue("server").address
    else:
        with getattr(others, request.param)() as address:
            yield address


@pytest.mark.parametrize("name", EXAMPLES)
async def test_example(somewhere, name):
    printed = await cpp_run(f"example_{name}", somewhere)
    for words in EXAMPLES[name]:
        assert words in printed


@pytest.mark.parametrize("runs", [0, 1])
@pytest.mark.parametrize("name", EXAMPLES)
async def test_example_with_a_small_cache(somewhere, name, runs):
    printed = await cpp_run(f"cpp_small_{name}", somewhere, CACHE_RUNS=str(runs))
    for words in EXAMPLES[name]:
        assert words in printed


@pytest.mark.parametrize("runs", [10_000, 1, 0])
async def test_features(somewhere, queue, runs):
    printed = await cpp_run("cpp_features", somewhere, queue, str(runs))
    assert printed.endswith("10 passed, 0 failed\n"), printed


@pytest.mark.parametrize("runs", [10_000, 1, 0])
async def test_rare_events(request, somewhere, queue, runs):
    if "java_server" in request.node.name:
        pytest.skip("it neither pauses workflows nor changes their options")
    printed = await cpp_run("cpp_rare_events", somewhere, queue, str(runs))
    assert printed.endswith("5 passed, 0 failed\n"), printed


async def test_queries_see_what_was_acknowledged_before_them(server, queue):
    """Many at a time, so that queries come while tasks run; a worker without a cache answers from the history that
    comes with the query, which must hold the events of the task that has just ended."""
    await asyncio.gather(*(cpp_run("cpp_features", server.address, f"{queue}-{i}", "0", "cart") for i in range(16)))
