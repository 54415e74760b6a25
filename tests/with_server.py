"""Runs a command with the address of a fresh server in PERDURE_ADDRESS and its like: with_server.py COMMAND…"""

import os
import subprocess
import sys

from perdure_server import Server

server = Server().start()
try:
    names = ("PERDURE_ADDRESS", "TEMPORAL_ADDRESS", "PERDURE_SERVER")
    address = dict.fromkeys(names, server.address)
    code = subprocess.run(sys.argv[1:], env={**os.environ, **address}, check=False).returncode
finally:
    stopped = server.stop()
    print(server.log_tail())
    server.remove()
sys.exit(code or (0 if stopped == 0 else 1))
