"""What the API shows of a golden database, as JSON."""

import json

from google.protobuf.json_format import MessageToDict
from temporalio.client import Client

NAMESPACE = "golden"
# Closed runs stay for longer than the project will last.
FLAGS = ("--namespace", NAMESPACE, "--retention-default", "867240h", "--search-attribute", "Color=Keyword",
         "--search-attribute", "Size=Int")


async def show(client: Client) -> dict:
    runs = {}
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        description = MessageToDict((await handle.describe()).raw_description)
        # Deadlines and attempts go on while nobody looks.
        description.pop("pendingWorkflowTask", None)
        history = json.loads((await handle.fetch_history()).to_json())
        runs[f"{execution.id}/{execution.run_id}"] = {"description": description, "events": history["events"]}
    return {"runs": runs, "gold": sorted([e.id async for e in client.list_workflows("Color = 'gold' AND Size > 20")])}
