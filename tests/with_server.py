"""Runs a command with PERDURE_ADDRESS set to a fresh server: with_server.py COMMAND…"""

import os
import subprocess
import sys

from perdure_server import Server

server = Server().start()
try:
    code = subprocess.run(sys.argv[1:], env={**os.environ, "PERDURE_ADDRESS": server.address}, check=False).returncode
finally:
    stopped = server.stop()
    print(server.log_tail())
    server.remove()
sys.exit(code or (0 if stopped == 0 else 1))
