"""A server with every door locked, and the ways to it."""

import json
import pathlib
import re
import ssl
import urllib.error
import urllib.request

import grpc

from credentials import Authority, Signer, key_line
from perdure_server import ROOT, Server

WORKFLOW_SERVICE = "/temporal.api.workflowservice.v1.WorkflowService/"
OPERATOR_SERVICE = "/temporal.api.operatorservice.v1.OperatorService/"


def methods() -> dict[str, int]:
    """Every RPC's path, and the number of its request's namespace field (0: it has none), as the API defines them."""
    found = {}
    for package in ("workflowservice", "operatorservice"):
        folder = ROOT / f"protos/temporal/api/{package}/v1"
        service = re.sub(r"//.*", "", (folder / "service.proto").read_text())
        messages = (folder / "request_response.proto").read_text()
        prefix = WORKFLOW_SERVICE if package == "workflowservice" else OPERATOR_SERVICE
        for name in re.findall(r"\brpc\s+(\w+)", service):
            body = re.search(rf"^message {name}Request \{{(.*?)^\}}", messages, re.DOTALL | re.MULTILINE)
            field = re.search(r"string namespace = (\d+)", body[1]) if body else None
            found[prefix + name] = int(field[1]) if field else 0
    return found


def naming(field: int, namespace: str) -> bytes:
    """A request with nothing but its namespace."""
    return bytes([field << 3 | 2, len(namespace)]) + namespace.encode() if field else b""


class Locked:
    """Two namespaces, shop and bank; `keys` and `tokens` by what they may do."""

    def __init__(self, folder: pathlib.Path, *flags: str):
        self.folder = folder
        self.authority = Authority("authority", folder)
        self.stranger = Authority("stranger", folder)
        self.signer = Signer("k1")
        self.certificate, self.key = self.authority.issue("server")
        self.keys = {"shop": "key-of-shop-Zq81", "root": "key-of-root-Pw27"}
        (folder / "jwks.json").write_text(json.dumps({"keys": [self.signer.jwk()]}))
        (folder / "keys").write_text(key_line("shop-ci", self.keys["shop"], "shop:write") +
                                     key_line("root", self.keys["root"], "temporal-system:admin") +
                                     "shop-worker:certificate:shop:worker\n")
        self.tokens = {"reader": self.signer.token("reader", "shop:read"),
                       "worker": self.signer.token("worker", "shop:worker"),
                       "writer": self.signer.token("writer", "shop:write"),
                       "admin": self.signer.token("admin", "shop:admin"),
                       "system": self.signer.token("system", "temporal-system:admin"),
                       "nobody": self.signer.token("nobody")}
        self.audit = folder / "audit.jsonl"
        self.server = Server(
            "--namespace", "shop", "--namespace", "bank", "--tls-cert", str(self.certificate), "--tls-key", str(self.key),
            "--tls-client-ca", str(self.authority.path), "--auth-jwks", str(folder / "jwks.json"), "--auth-issuer",
            "tests", "--auth-audience", "perdure", "--auth-api-keys", str(folder / "keys"), "--audit-log",
            str(self.audit), *flags)
        self.server.tls = self.context()
        self.server.start().until_serving()
        self.channel = self.connect()
        # Known ones pass even when this address is held back for its failures.
        for secret in () if "--tls-require-client-cert" in flags else (*self.tokens.values(), *self.keys.values()):
            self.call(WORKFLOW_SERVICE + "GetSystemInfo", b"", secret)

    def context(self, certificate: tuple | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return context

    def connect(self, certificate: tuple | None = None) -> grpc.Channel:
        chain, key = (path.read_bytes() for path in certificate) if certificate else (None, None)
        return grpc.secure_channel(
            f"localhost:{self.server.port}",
            grpc.ssl_channel_credentials(self.authority.path.read_bytes(), key, chain),
            options=[("grpc.use_local_subchannel_pool", 1)])

    def call(self, path: str, request: bytes, secret: str = "", timeout: float = 5, channel=None) -> bytes:
        metadata = [("authorization", f"Bearer {secret}")] if secret else []
        return (channel or self.channel).unary_unary(path)(request, metadata=metadata, timeout=timeout)

    def code(self, path: str, request: bytes, secret: str = "", timeout: float = 5, channel=None) -> grpc.StatusCode:
        try:
            self.call(path, request, secret, timeout, channel)
            return grpc.StatusCode.OK
        except grpc.RpcError as error:
            return error.code()

    def get(self, page: str, path: str, secret: str = "", body: bytes | None = None) -> tuple[int, str]:
        """Status and body of a page of the HTTP or metrics port."""
        request = urllib.request.Request(self.server.page(page) + path, data=body)
        if secret:
            request.add_header("Authorization", f"Bearer {secret}")
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.server.tls) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def end(self) -> None:
        self.channel.close()
        self.server.kill()
        self.server.remove()
