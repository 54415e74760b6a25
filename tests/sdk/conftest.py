"""One server for all tests of the folder; a task queue and an event loop for each test."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from one_server import address, pytest_pyfunc_call, queue, server  # noqa: E402, F401
