"""The official SDK and the command line through a locked door."""

import asyncio
import os
import subprocess

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, TLSConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure_server import PROGRAM


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, text: str) -> str:
        return text


async def run_a_workflow(client: Client, worker_client: Client, workflow_id: str) -> str:
    async with Worker(worker_client, task_queue="sdk", workflows=[Echo], workflow_runner=UnsandboxedWorkflowRunner()):
        return await client.execute_workflow(Echo.run, "hello", id=workflow_id, task_queue="sdk")


def test_the_sdk_runs_a_workflow_by_token_and_by_certificate(locked):
    authority = locked.authority.path.read_bytes()
    certificate, key = (path.read_bytes() for path in locked.authority.issue("shop-worker"))
    address = f"localhost:{locked.server.port}"

    async def scenario():
        tls = TLSConfig(server_root_ca_cert=authority)
        client = await Client.connect(address, namespace="shop", api_key=locked.tokens["writer"], tls=tls)
        worker_client = await Client.connect(address, namespace="shop", tls=TLSConfig(
            server_root_ca_cert=authority, client_cert=certificate, client_private_key=key))
        assert await run_a_workflow(client, worker_client, "by-both") == "hello"
        # The worker's role is enough for its work and for nothing else.
        with pytest.raises(RPCError) as refused:
            await worker_client.start_workflow("Echo", "x", id="not-mine", task_queue="sdk")
        assert refused.value.status == RPCStatusCode.PERMISSION_DENIED
        with pytest.raises(Exception, match="(?i)permission|unauthorized|authent"):
            nobody = await Client.connect(address, namespace="shop", tls=tls)
            await nobody.count_workflows()
        stranger = await Client.connect(address, namespace="bank", api_key=locked.tokens["writer"], tls=tls)
        with pytest.raises(RPCError) as refused:
            await stranger.count_workflows()
        assert refused.value.status == RPCStatusCode.PERMISSION_DENIED

    asyncio.run(scenario())


def test_the_command_line_has_temporals_flags_and_variables(locked):
    address = f"localhost:{locked.server.port}"

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run([PROGRAM, "workflow", "count", "--address", address, "-n", "shop", *arguments],
                              env={**os.environ, **environment}, capture_output=True, text=True, timeout=30)

    authority = str(locked.authority.path)
    by_flags = run("--tls-ca-path", authority, "--api-key", locked.keys["shop"])
    assert by_flags.returncode == 0, by_flags.stderr
    assert run(TEMPORAL_TLS_SERVER_CA_CERT_PATH=authority, TEMPORAL_API_KEY=locked.keys["shop"]).returncode == 0
    certificate, key = map(str, locked.authority.issue("shop-worker"))
    assert run("--tls-ca-path", authority, "--tls-cert-path", certificate, "--tls-key-path", key,
               "--tls-server-name", "localhost").returncode == 0
    assert run("--tls-ca-path", authority).returncode != 0
    wrong = run("--tls-ca-path", authority, "--api-key", "hush-wrong")
    assert wrong.returncode != 0
    assert "hush-wrong" not in wrong.stdout + wrong.stderr
