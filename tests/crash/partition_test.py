"""Three servers, each in a network namespace of its own, on one PostgreSQL. Links between them, and to the database, are
cut under load with a ledger of what was acknowledged, and healed. Takes root and iproute2."""

import asyncio
import os
import shutil
import subprocess
import time

import pytest

import cluster_test
from cluster_test import FENCED_MAX_SECONDS, NODES, Cluster, under_load
from load import Load
from perdure_server import Server

BRIDGE = "prdtest0"
NET = "10.211.77"
DATABASE = f"{NET}.2"  # where a relay leads to PostgreSQL, which listens on the loopback alone
CUT_SECONDS = 12.0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)


class Host:
    """A namespace with one address."""

    def __init__(self, number: int):
        self.name = f"prdtest{number}"
        self.address = f"{NET}.{10 + number}"
        ip("netns", "add", self.name)
        ip("link", "add", f"{self.name}v", "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", f"{self.name}v", "master", BRIDGE, "up")
        for words in (["addr", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                      ["link", "set", "lo", "up"]):
            ip("-n", self.name, *words)

    def remove(self) -> None:
        # The mounts of a server that has just ended go a moment after it.
        for attempt in range(50):
            done = subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
            if done.returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(done.stderr.decode())

    def cut(self, address: str) -> None:
        """Nothing that is sent from here reaches that address any more."""
        ip("-n", self.name, "route", "add", "blackhole", address)

    def heal(self, address: str) -> None:
        ip("-n", self.name, "route", "del", "blackhole", address)


class FarServer(Server):
    """One that runs on such a host."""

    def __init__(self, host: Host, relay_port: int, beside: Server | None = None):
        self.host = host
        super().__init__("--allow-plaintext", "--internal-port", "7234", beside=beside)
        self.near_db = self.db
        name = self.db.rsplit("/", 1)[1]
        self.db = f"postgresql://postgres@{DATABASE}:{relay_port}/{name}"
        self.prefix = ["ip", "netns", "exec", host.name]
        self.ip = host.address

    @property
    def address(self) -> str:
        return f"{self.host.address}:{self.port}"


class FarCluster(Cluster):
    def __init__(self, hosts: list[Host], relay_port: int):
        first = FarServer(hosts[0], relay_port).start()
        self.servers = [first]
        for host in hosts[1:]:
            self.servers.append(FarServer(host, relay_port, beside=first).start())
        self.clients, self.workers, self.running = {}, {}, {}

    def sql(self, query: str) -> list[str]:
        first = self.servers[0]
        far, first.db = first.db, first.near_db
        try:
            return first.query(query)
        finally:
            first.db = far


@pytest.fixture
def hosts():
    made = []
    try:
        try:
            ip("link", "add", BRIDGE, "type", "bridge")
            for address in (f"{NET}.1", DATABASE):
                ip("addr", "add", f"{address}/24", "dev", BRIDGE)
            ip("link", "set", BRIDGE, "up")
            for number in range(NODES):
                made.append(Host(number))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no networks can be made here: {error.stderr.decode().strip()}")
        yield made
    finally:
        for host in made:
            host.remove()
        subprocess.run(["ip", "link", "del", BRIDGE], check=False, capture_output=True)


async def relay(port: int) -> asyncio.Server:
    """From the hosts' network to PostgreSQL."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        except OSError:
            pass
        target.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    return await asyncio.start_server(connect, DATABASE, 0)


def links(kind: str, server: FarServer, other: FarServer) -> list[tuple[Host, str]]:
    if kind == "database":
        return [(server.host, DATABASE)]
    both = [(server.host, other.host.address), (other.host, server.host.address)]
    return both[:1] if kind == "one way" else both


@pytest.mark.skipif(not os.environ.get("PERDURE_TEST_DB"), reason="SQLite has one server at a time")
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="takes root and iproute2")
@pytest.mark.parametrize("kind", ["both ways", "one way", "database"])
def test_nothing_is_lost_when_links_are_cut(hosts, kind):
    port = int(os.environ["PERDURE_TEST_DB"].rsplit(":", 1)[1].split("/")[0])

    async def act(cluster: FarCluster, server: FarServer, _: Load) -> None:
        other = cluster.servers[0]
        cuts = links(kind, server, other)
        for host, address in cuts:
            host.cut(address)
        await asyncio.sleep(CUT_SECONDS)
        if kind == "database":
            # It cannot know that it was fenced, and shows nothing of what it has.
            await cluster.until_shared_by(NODES - 1)
        for host, address in cuts:
            host.heal(address)
        await cluster.until_shared_by(NODES, 3 * FENCED_MAX_SECONDS)

    async def run() -> None:
        door = await relay(port)
        relay_port = door.sockets[0].getsockname()[1]
        cluster = await asyncio.to_thread(FarCluster, hosts, relay_port)
        try:
            await under_load(cluster, act, patience=2, times=1)
        except BaseException:
            for server in cluster.servers:
                print(server.log_tail())
            raise
        finally:
            await asyncio.to_thread(cluster.end)
            door.close()

    before, cluster_test.PAUSE_MAX_SECONDS = cluster_test.PAUSE_MAX_SECONDS, CUT_SECONDS + 20
    try:
        asyncio.run(run())
    finally:
        cluster_test.PAUSE_MAX_SECONDS = before
