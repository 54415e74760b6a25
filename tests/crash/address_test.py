"""Two hosts whose nodes both advertise 127.0.0.1. One host is the test's machine, the other a name for it."""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

HOST_NAMED_OTHER = ["unshare", "--uts", "sh", "-c", 'hostname other && exec "$@"', "sh"]

pytestmark = [
    pytest.mark.skipif(not os.environ.get("PERDURE_TEST_DB"), reason="only PostgreSQL can be shared"),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="only root may name a host"),
]


def test_a_node_does_not_take_the_place_of_one_on_another_host():
    first = Server("--internal-port", "0").start().until_serving()
    living = "SELECT id, address FROM incarnations WHERE NOT is_fenced"
    [before] = first.query(living)
    other = Server("--internal-port", "0", "--advertise", before.split("|")[1], beside=first)
    other.prefix = HOST_NAMED_OTHER
    try:
        with pytest.raises(RuntimeError, match="on the host other.*set --advertise HOST:PORT"):
            other.start()
        assert other.process.wait(30) == 1
        assert first.query(living) == [before]
        # Dead, it is in nobody's way.
        first.kill()
        other.start().until_serving()
        [after] = first.query(living)
        assert after.split("|")[0] != before.split("|")[0]
    finally:
        for server in (other, first):
            if server.process is not None:
                server.kill()
            server.remove()
