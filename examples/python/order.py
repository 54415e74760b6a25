"""An order, from basket to parcel: activities that fail and are retried, a timer, a signal, an update, a
query and a child workflow, with Temporal's official Python SDK and nothing of Perdure's.

    python examples/python/order.py --address 127.0.0.1:7233
"""

import argparse
import asyncio
import logging
import os
import sys
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

PRICES = {"lamp": 40, "cable": 5, "bulb": 3}


@dataclass
class OrderInput:
    customer: str
    items: list[str]


@dataclass
class OrderResult:
    paid: int
    items: list[str] = field(default_factory=list)
    address: str = ""
    parcel: str = ""


@activity.defn
async def reserve(items: list[str]) -> str:
    if activity.info().attempt < 3:
        raise ApplicationError(f"warehouse does not answer (attempt {activity.info().attempt})")
    return f"reserved {len(items)} items"


@activity.defn
async def charge(customer: str, amount: int) -> int:
    if activity.info().attempt < 2:
        raise ApplicationError("card terminal is busy")
    return amount


@activity.defn
async def print_label(address: str) -> str:
    return f"parcel for {address}"


RETRIES = RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0)


@workflow.defn
class Shipment:
    @workflow.run
    async def run(self, address: str) -> str:
        return await workflow.execute_activity(
            print_label, address, start_to_close_timeout=timedelta(seconds=10)
        )


@workflow.defn
class Order:
    def __init__(self) -> None:
        self.status = "new"
        self.items: list[str] = []
        self.address = ""

    @workflow.run
    async def run(self, order: OrderInput) -> OrderResult:
        self.items = list(order.items) + self.items
        self.status = "reserving"
        await workflow.execute_activity(
            reserve, self.items, start_to_close_timeout=timedelta(seconds=10), retry_policy=RETRIES
        )
        self.status = "waiting for the address"
        await workflow.wait_condition(lambda: self.address != "")
        self.status = "may still be changed"
        await asyncio.sleep(1)
        self.status = "charging"
        paid = await workflow.execute_activity(
            charge,
            args=[order.customer, sum(PRICES[item] for item in self.items)],
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RETRIES,
        )
        self.status = "shipping"
        parcel = await workflow.execute_child_workflow(
            Shipment.run, self.address, id=f"{workflow.info().workflow_id}-shipment"
        )
        self.status = "done"
        return OrderResult(paid, self.items, self.address, parcel)

    @workflow.signal
    def set_address(self, address: str) -> None:
        self.address = address

    @workflow.update
    def add_item(self, item: str) -> int:
        self.items.append(item)
        return sum(PRICES[one] for one in self.items)

    @add_item.validator
    def check_item(self, item: str) -> None:
        if item not in PRICES:
            raise ApplicationError(f"no such item: {item}")

    @workflow.query
    def current_status(self) -> str:
        return self.status


def describe(event) -> str:
    """The one fact of an event that a reader wants."""
    attributes = getattr(event, event.WhichOneof("attributes"))
    facts = []
    for name in ("workflow_type", "activity_type", "signal_name", "timer_id", "identity"):
        value = getattr(attributes, name, None)
        text = getattr(value, "name", value)
        if text and not (name == "identity" and facts):
            facts.append(str(text))
    if getattr(attributes, "attempt", 0) > 1:
        facts.append(f"attempt {attributes.attempt}")
    for name in ("last_failure", "failure"):
        failure = getattr(attributes, name, None)
        if failure is not None and failure.message:
            facts.append(failure.message)
    return ", ".join(facts)


async def print_history(handle) -> None:
    start = None
    async for event in handle.fetch_history_events(wait_new_event=True):
        time = event.event_time.ToMicroseconds() / 1e6
        start = start if start is not None else time
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower().replace("_", " ")
        print(f"{event.event_id:4d}  +{time - start:6.3f} s  {name:42s} {describe(event)}", flush=True)


async def main(address: str) -> int:
    # Attempts fail on purpose here; the history tells of them.
    logging.getLogger("temporalio.activity").setLevel(logging.CRITICAL)
    client = await Client.connect(address)
    queue = f"orders-{uuid.uuid4().hex[:8]}"
    async with Worker(
        client, task_queue=queue, workflows=[Order, Shipment], activities=[reserve, charge, print_label]
    ):
        handle = await client.start_workflow(
            Order.run, OrderInput("ada", ["lamp"]), id=f"order-{uuid.uuid4().hex[:8]}", task_queue=queue,
            execution_timeout=timedelta(minutes=5),
        )
        history = asyncio.create_task(print_history(handle))
        price = await handle.execute_update(Order.add_item, "bulb")
        print(f"      update: a bulb was added, the order costs {price}", flush=True)
        status = await handle.query(Order.current_status)
        print(f"      query: the order is {status!r}", flush=True)
        await handle.signal(Order.set_address, "12 Harbour Street")
        result = await handle.result()
        await history
    print(f"result: {result}", flush=True)
    wanted = OrderResult(43, ["lamp", "bulb"], "12 Harbour Street", "parcel for 12 Harbour Street")
    # An update may run before or after the basket is filled; both orders are right.
    result.items.sort(reverse=True)
    wanted.items.sort(reverse=True)
    return 0 if result == wanted else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:7233")
    code = asyncio.run(main(parser.parse_args().address))
    sys.stdout.flush()
    # Not sys.exit: the SDK's own threads may still let go of Python objects, and a Python 3.11 that is being taken
    # down aborts the process when they do.
    os._exit(code)
