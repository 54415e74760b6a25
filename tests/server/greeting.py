"""The workflow of the metrics test."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def greet(name: str) -> str:
    return f"hello {name}"


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        await asyncio.sleep(0.01)
        return await workflow.execute_activity(greet, name, start_to_close_timeout=timedelta(seconds=10))
