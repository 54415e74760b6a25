"""TLS on every port: no downgrade, no plain text, no bad certificates, and new ones without a restart."""

import pathlib
import socket
import ssl
import subprocess
import tempfile
import time

import grpc
import pytest

from locked import WORKFLOW_SERVICE, Locked
from perdure_server import PROGRAM, Server


def port_of(locked, page: str) -> int:
    return locked.server.port if page == "gRPC" else int(locked.server.page(page).rsplit(":", 1)[1])


def shake_hands(locked, page: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """With one byte read, or the time-out: a refusal of a certificate by TLS 1.3 comes after the handshake."""
    raw = socket.create_connection(("127.0.0.1", port_of(locked, page)), timeout=5)
    wrapped = context.wrap_socket(raw, server_hostname="localhost")
    wrapped.settimeout(0.5)
    try:
        if wrapped.recv(1) == b"":
            raise ConnectionError("closed")
    except TimeoutError:
        pass
    return wrapped


PAGES = ("gRPC", "HTTP", "metrics")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_older_than_tls_1_2(locked, page):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.create_default_context(cafile=str(locked.authority.path))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shake_hands(locked, page, context)
    context = locked.context()
    if page == "gRPC":
        context.set_alpn_protocols(["h2"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(locked, page, context).version() == "TLSv1.2"


@pytest.mark.parametrize("page", PAGES)
def test_plain_text_gets_no_answer(locked, page):
    with socket.create_connection(("127.0.0.1", port_of(locked, page)), timeout=15) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert b"HTTP/1.1 200" not in raw.recv(1000)
        except ConnectionError:
            pass


@pytest.mark.parametrize("page", PAGES)
def test_a_certificate_that_is_shown_must_be_good(locked, page):
    late = locked.authority.issue("late", seconds=-60)
    foreign = locked.stranger.issue("shop-worker", file="foreign")
    for certificate in (late, foreign):
        context = locked.context(certificate)
        if page == "gRPC":
            context.set_alpn_protocols(["h2"])
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shake_hands(locked, page, context)


def test_a_required_certificate_is_required_and_is_enough():
    with tempfile.TemporaryDirectory(prefix="perdure-security-") as folder:
        locked = Locked(pathlib.Path(folder), "--tls-require-client-cert", "--auth-jwks", "", "--auth-api-keys", "")
        try:
            list_namespaces = WORKFLOW_SERVICE + "ListNamespaces"
            assert locked.code(list_namespaces, b"") == grpc.StatusCode.UNAVAILABLE
            with pytest.raises((ssl.SSLError, ConnectionError)):
                shake_hands(locked, "HTTP", locked.context())
            certificate = locked.authority.issue("anybody")
            assert locked.code(list_namespaces, b"", channel=locked.connect(certificate)) == grpc.StatusCode.OK
            assert shake_hands(locked, "HTTP", locked.context(certificate)).version() == "TLSv1.3"
            # Probes have none.
            assert locked.get("metrics", "/readyz")[0] == 200
            assert locked.get("metrics", "/metrics")[0] == 401
        finally:
            locked.end()


@pytest.mark.parametrize("page", PAGES)
def test_a_new_certificate_is_served_within_seconds(locked, page):
    def serial() -> str:
        context = locked.context()
        if page == "gRPC":
            context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", port_of(locked, page)), timeout=5) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as wrapped:
                return wrapped.getpeercert()["serialNumber"]

    before = serial()
    locked.authority.issue("server")
    deadline = time.monotonic() + 10
    while True:
        try:
            if serial() != before:
                break
        except (ssl.SSLError, ConnectionError):
            pass  # Between the key and its certificate.
        assert time.monotonic() < deadline
        time.sleep(0.1)


def refusal(*flags: str) -> str:
    run = subprocess.run([PROGRAM, "server", "start", "--port", "0", "--http-port", "0", "--metrics-port", "0", *flags],
                         capture_output=True, text=True, timeout=20)
    assert run.returncode != 0
    return run.stderr


def test_plain_text_for_everybody_must_be_asked_for(locked):
    assert "allow_plaintext" in refusal("--ip", "0.0.0.0")
    # The last --ip counts: the server of the tests has one of its own before.
    server = Server("--allow-plaintext", "--log-level", "warning")
    try:
        server.start()
        assert "allow_plaintext" not in server.log.read_text(), "nothing to warn of on the loopback"
    finally:
        server.kill()
        server.remove()


def test_files_that_are_no_good_are_named_at_start(locked):
    certificate, key = str(locked.certificate), str(locked.key)
    assert "/no/such.crt" in refusal("--tls-cert", "/no/such.crt", "--tls-key", key)
    other_key = str(locked.authority.issue("other")[1])
    assert other_key in refusal("--tls-cert", certificate, "--tls-key", other_key)
    assert "together" in refusal("--tls-cert", certificate)
    assert "auth_jwks" in refusal("--auth-jwks", "/no/such.json")
    assert "auth_api_keys" in refusal("--auth-api-keys", "/no/such")
    assert "audit_log" in refusal("--audit-log", "/no/such/folder/log")
