"""A server for all tests of the folder, and C++ programs that talk to it."""

import asyncio
import contextlib
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from one_server import address, pytest_pyfunc_call, queue, server  # noqa: E402, F401

BIN = ROOT / os.environ.get("PERDURE_CPP_BIN", "build/release/bin")


def environment(address: str, **more: str) -> dict[str, str]:
    # Not the configuration of whoever runs the tests.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    return {**kept, "TEMPORAL_ADDRESS": address, "TEMPORAL_CONFIG_FILE": "/dev/null", **more}


@contextlib.contextmanager
def cpp_worker(program: str, address: str, *arguments: str, **more: str):
    """Runs a C++ worker from its word that it is ready until the block ends; it must end well then."""
    process = subprocess.Popen([BIN / program, *arguments], env=environment(address, **more), text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


async def cpp_run(program: str, address: str, *arguments: str, timeout: float = 120, **more: str) -> str:
    """What a C++ program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        BIN / program, *arguments, env=environment(address, **more), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout)
    except asyncio.TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"{program} did not end in {timeout} s:\n{out.decode()}\n{err.decode()}") from None
    assert process.returncode == 0, f"{program} ended with {process.returncode}:\n{out.decode()}\n{err.decode()}"
    return out.decode()
