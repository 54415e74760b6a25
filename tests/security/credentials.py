"""Certificates and tokens for the tests, made on the spot."""

import base64
import datetime
import hashlib
import ipaddress
import json
import pathlib
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID


class Authority:
    def __init__(self, name: str, folder: pathlib.Path):
        self.folder = folder
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / f"{name}.pem"
        certificate = self._sign(self.name, self.key.public_key(), 3600, is_authority=True)
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, key, seconds: int, is_authority: bool = False) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(hours=2))
                .not_valid_after(now + datetime.timedelta(seconds=seconds))
                .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
                .add_extension(x509.SubjectAlternativeName(names), critical=False)
                .sign(self.key, hashes.SHA256()))

    def issue(self, name: str, seconds: int = 3600, file: str = "") -> tuple[pathlib.Path, pathlib.Path]:
        """Files of a certificate and its key; `file`: those of that name are replaced."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), seconds)
        paths = self.folder / f"{file or name}.crt", self.folder / f"{file or name}.key"
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return paths


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """An issuer of tokens."""

    def __init__(self, key_id: str):
        self.id = key_id
        self.key = ed25519.Ed25519PrivateKey.generate()

    def jwk(self) -> dict:
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": text_of(raw)}

    def token(self, name: str, *permissions: str, **claims) -> str:
        header = {"alg": "EdDSA", "kid": self.id}
        claims = {"sub": name, "exp": int(time.time()) + 3600, "iss": "tests", "aud": "perdure",
                  "permissions": permissions, **claims}
        body = ".".join(text_of(json.dumps(part).encode()) for part in (header, claims))
        return f"{body}.{text_of(self.key.sign(body.encode()))}"


def key_line(name: str, key: str, permissions: str) -> str:
    return f"{name}:{hashlib.sha256(key.encode()).hexdigest()}:{permissions}\n"
