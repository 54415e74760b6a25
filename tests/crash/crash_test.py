"""kill -9 of the server, again and again under a mixed load, with a ledger of what it acknowledged.

Each client writes down a request once it is answered, and not before. In the end every start, signal and
update written down must be there, once, and every workflow must end with the right result.
"""

import asyncio
import os
import pathlib
import random
import sys
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from accounts import Account, Job, only_once, post
from load import QUEUE, Load, check, with_retries

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from perdure_server import Server  # noqa: E402

KILLS = int(os.environ.get("PERDURE_CRASH_KILLS", "20"))
UPTIME_SECONDS = (0.4, 1.6)


async def run_load(server: Server) -> None:
    client = await Client.connect(server.address)
    # Clients retry by themselves what they may; the ledger needs the plain answers.
    worker = Worker(client, task_queue=QUEUE, workflows=[Account, Job], activities=[post, only_once])
    async with worker:
        async with Load([client]) as load:
            moments = random.Random(KILLS)
            for _ in range(KILLS):
                await asyncio.sleep(moments.uniform(*UPTIME_SECONDS))
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                while not await with_retries(lambda: client.service_client.check_health(timeout=timedelta(seconds=2))):
                    await asyncio.sleep(0.1)
        await check(client, load)
    print(f"{KILLS} kills, {load.acknowledged} requests acknowledged, {load.unanswered} not")
    # Or the test has shown nothing.
    assert load.acknowledged > KILLS


def test_what_was_acknowledged_survives_kills():
    server = Server().start()
    try:
        asyncio.run(run_load(server))
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
        server.remove()
