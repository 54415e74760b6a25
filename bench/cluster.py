"""What several nodes cost and how long clients wait when one comes or goes: `./dev bench cluster`. Three nodes on one
PostgreSQL on this machine; needs the Python environment of the tests."""

import argparse
import asyncio
import os
import pathlib
import signal
import sys
import tempfile
import time

from temporalio.client import Client

from machines import BIN, ROOT, Postgres, cpu_seconds

sys.path.insert(0, str(ROOT / "tests"))
from perdure_server import Server  # noqa: E402

NODES = 3
WORKFLOWS = 300
FEEDERS = 4
BEFORE_SECONDS, AFTER_SECONDS, IDLE_SECONDS = 3, 8, 60


class Feed:
    """Signals open workflows of all shards through a node that stays, and notes how long each takes."""

    def __init__(self, client: Client):
        self.client = client
        self.taken: list[tuple[float, float]] = []
        self.failed = 0
        self.is_over = False

    async def begin(self) -> None:
        tag = time.monotonic_ns()
        self.handles = [await self.client.start_workflow("waiting", id=f"{tag}-{i}", task_queue="nobody")
                        for i in range(WORKFLOWS)]
        self.tasks = [asyncio.create_task(self.feed(i)) for i in range(FEEDERS)]
        await asyncio.sleep(BEFORE_SECONDS)

    async def feed(self, i: int) -> None:
        while not self.is_over:
            i = (i + 7) % WORKFLOWS
            begin = time.monotonic()
            try:
                await asyncio.wait_for(self.handles[i].signal("go", i), 30)
            except Exception:  # noqa: BLE001: whatever it was, the client did not get through
                self.failed += 1
            self.taken.append((begin, time.monotonic() - begin))
            await asyncio.sleep(0.01)

    async def end(self, since: float) -> str:
        await asyncio.sleep(AFTER_SECONDS)
        self.is_over = True
        await asyncio.gather(*self.tasks)
        after = sorted(took for begin, took in self.taken if begin >= since - 1)
        return (f"p99 {after[len(after) * 99 // 100] * 1000:.0f} ms, longest {after[-1] * 1000:.0f} ms of {len(after)}"
                f" signals, {self.failed} failed")


async def pause_of(server: Server, act) -> str:
    feed = Feed(await Client.connect(server.address))
    await feed.begin()
    since = time.monotonic()
    await asyncio.to_thread(act)
    return await feed.end(since)


def stop(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)


def shares(server: Server) -> int:
    return len(set(server.query("SELECT owner FROM shards")))


def until_shared(server: Server, nodes: int) -> None:
    while shares(server) != nodes:
        time.sleep(0.1)
    time.sleep(1)


class Throughput:
    """On a shared machine the rate says little; the CPU time that a workflow took, of the servers and of PostgreSQL,
    says more."""

    def __init__(self, servers: list[Server], postgres: Postgres, count: int, is_one_queue: bool = False):
        cpu = [cpu_seconds(server.process.pid) for server in servers]
        postgres_cpu = postgres.cpu()
        self.rate = workflows_per_second(servers, count, is_one_queue)
        used = sum(cpu_seconds(server.process.pid) for server in servers) - sum(cpu)
        self.cpu_ms = 1000 * used / count
        self.postgres_cpu_ms = 1000 * (postgres.cpu() - postgres_cpu) / count

    def __str__(self) -> str:
        return f"{self.rate:.0f} ({self.cpu_ms:.3f} ms of CPU each, and {self.postgres_cpu_ms:.3f} of PostgreSQL)"


def workflows_per_second(servers: list[Server], count: int, is_one_queue: bool) -> float:
    """One load generator for each address, with a task queue of its own, all at the same time; or one for all, whose
    every call goes to any address, as through a load balancer."""
    addresses = [server.address for server in servers]
    if is_one_queue:
        addresses = [",".join(addresses)]
    share = [str(BIN / "perdure-bench"), "workflows", "--count", str(count // len(addresses)), "--in-flight",
             str(200 // len(addresses)), "--address"]

    async def all_at_once() -> list[str]:
        running = [await asyncio.create_subprocess_exec(*share, address, stdout=asyncio.subprocess.PIPE)
                   for address in addresses]
        return [(await process.communicate())[0].decode() for process in running]

    begin = time.monotonic()
    asyncio.run(all_at_once())
    return count / (time.monotonic() - begin)


def idle_statements(postgres: Postgres, url: str) -> float:
    time.sleep(5)
    before = postgres.counters(url)["statements"]
    time.sleep(IDLE_SECONDS)
    return (postgres.counters(url)["statements"] - before) / IDLE_SECONDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=15000, help="workflows of the throughput")
    parser.add_argument("--what", nargs="*", default=["pauses", "idle", "throughput"])
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="perdure-bench-"))
    os.chmod(folder, 0o755)
    postgres = Postgres(folder / "postgres")
    os.environ["PERDURE_TEST_DB"] = postgres.url
    first = Server("--internal-port", "0").start().until_serving()
    servers = [first]
    try:
        postgres.sql("CREATE EXTENSION pg_stat_statements", first.db)
        alone = Throughput([first], postgres, options.count) if "throughput" in options.what else None
        servers += [Server("--internal-port", "0", beside=first).start() for _ in range(NODES - 1)]
        until_shared(first, NODES)
        if "idle" in options.what:
            print(f"idle, three nodes: {idle_statements(postgres, first.db):.2f} statements a second (goal 3)")
        if "throughput" in options.what:
            spread = Throughput(servers, postgres, options.count)
            print(f"one-activity workflows a second: one node {alone}, three {spread},"
                  f" {100 * (1 - spread.rate / alone.rate):.0f} % lost (goal 25 %)")
            print(f"one task queue, all nodes: {Throughput(servers, postgres, options.count, is_one_queue=True)}")
        if "pauses" in options.what:
            print("a node stops (hand-over, goal p99 200 ms):", asyncio.run(pause_of(first, lambda: stop(servers[2]))))
            print("a node comes:", asyncio.run(pause_of(first, lambda: servers[2].start())))
            until_shared(first, NODES)
            print("a node is killed (goal 5 s, none failed):", asyncio.run(pause_of(first, servers[2].kill)))
    finally:
        for server in servers[::-1]:
            if server.process.poll() is None:
                server.kill()
        for server in servers[::-1]:
            server.remove()
        postgres.stop()


if __name__ == "__main__":
    main()
