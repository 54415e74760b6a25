"""What the tests of the server as a program share."""

import asyncio
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))


async def until(claim, seconds: float = 60.0):
    """Waits for something that others bring about; what `claim` answered then."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await claim()
        if answer:
            return answer
        assert time.monotonic() < deadline, "never came true"
        await asyncio.sleep(0.05)
