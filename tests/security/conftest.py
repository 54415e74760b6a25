"""A locked server for all tests of a file: TLS, tokens, API keys, an audit log."""

import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from locked import Locked  # noqa: E402


@pytest.fixture(scope="module")
def locked():
    with tempfile.TemporaryDirectory(prefix="perdure-security-") as folder:
        server = Locked(pathlib.Path(folder))
        yield server
        server.end()
