"""Runs a command with PERDURE_ADDRESS and TEMPORAL_ADDRESS set to a fresh server: with_server.py COMMAND…"""

import os
import subprocess
import sys

from perdure_server import Server

server = Server().start()
try:
    address = {"PERDURE_ADDRESS": server.address, "TEMPORAL_ADDRESS": server.address}
    code = subprocess.run(sys.argv[1:], env={**os.environ, **address}, check=False).returncode
finally:
    stopped = server.stop()
    print(server.log_tail())
    server.remove()
sys.exit(code or (0 if stopped == 0 else 1))
