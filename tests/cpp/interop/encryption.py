"""AES-256-GCM as the encryption samples of the official SDKs have it."""

import os
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

KEY = b"a test's key, of 32 bytes at all"
assert len(KEY) == 32


class Encryption(PayloadCodec):
    def __init__(self) -> None:
        self.cipher = AESGCM(KEY)

    async def encode(self, payloads: Iterable[Payload]) -> list[Payload]:
        sealed = []
        for payload in payloads:
            nonce = os.urandom(12)
            metadata = {"encoding": b"binary/encrypted", "encryption-cipher": b"AES/GCM", "encryption-key-id": b"test-key"}
            sealed.append(Payload(metadata=metadata,
                                  data=nonce + self.cipher.encrypt(nonce, payload.SerializeToString(), None)))
        return sealed

    async def decode(self, payloads: Iterable[Payload]) -> list[Payload]:
        opened = []
        for payload in payloads:
            if payload.metadata.get("encoding") != b"binary/encrypted":
                opened.append(payload)
                continue
            assert payload.metadata["encryption-key-id"] == b"test-key"
            opened.append(Payload.FromString(self.cipher.decrypt(payload.data[:12], payload.data[12:], None)))
        return opened


def converter() -> DataConverter:
    return DataConverter(payload_codec=Encryption())
