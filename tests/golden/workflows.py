"""The workflows of the golden databases. They are replayed against recorded histories: what is here is never
changed; a new release's data may use new ones beside them."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

# Nobody polls it when the data is made.
ACTIVITY_QUEUE = "golden-activities"
YEARS = timedelta(days=36500)


@activity.defn
async def appraise(name: str) -> str:
    return f"{name} is gold"


@workflow.defn
class Waits:
    """Ends when told to go."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.changed: list[str] = []

    @workflow.signal
    def go(self, word: str) -> None:
        self.told.append(word)

    @workflow.signal
    def note(self, word: str) -> None:
        self.changed.append(word)

    @workflow.update
    async def change(self, word: str) -> str:
        """Is open until it is told to go."""
        self.changed.append(word)
        await workflow.wait_condition(lambda: bool(self.told))
        return f"changed {word}"

    @workflow.run
    async def run(self, kind: str) -> str:
        match kind:
            case "sleeps":
                timer = asyncio.create_task(asyncio.sleep(YEARS.total_seconds()))
                await workflow.wait_condition(lambda: bool(self.told))
                timer.cancel()
            case "acts":
                return await workflow.execute_activity(
                    appraise, kind, task_queue=ACTIVITY_QUEUE, start_to_close_timeout=timedelta(seconds=10),
                    schedule_to_close_timeout=YEARS)
            case "continues":
                workflow.continue_as_new("continued")
            case "has a child":
                return await workflow.execute_child_workflow(Waits.run, "is a child", id="child")
            case "fails":
                raise ApplicationError("not gold")
            case "completes":
                return "done"
        await workflow.wait_condition(lambda: bool(self.told))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return f"{kind}: {' '.join(self.changed)} {self.told[0]}"
