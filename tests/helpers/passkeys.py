"""An authenticator made of software: it makes passkeys and signs, rightly or wrongly, as it is told."""

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

HOUR = timedelta(hours=1)
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(encoded: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


class Authenticator:
    """One passkey (ES256).

    Attributes:
        origin: What the browser says that the page's origin is.
        rp_id: What it says the passkey is for.
        flags: Whether its user is there, and was verified.
        count: What its counter says next.
        handle: Whose it says it is; None for whoever it was made for.
    """

    def __init__(self, origin: str, rp_id: str, credential: bytes = b"") -> None:
        self.origin = origin
        self.rp_id = rp_id
        self.flags = PRESENT | VERIFIED
        self.count = 1
        self.handle: bytes | None = None
        self.extra: dict[str, Any] = {}
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        self.credential = credential or sha256(numbers.x.to_bytes(32)).digest()
        self.public = {1: 2, 3: -7, -1: 1}
        self.public |= {-2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}  # type: ignore[dict-item]

    def create(self, options: dict[str, Any], attests: str = "none") -> str:
        """Make the passkey; returns what a page would submit.

        Args:
            options: What the page was given.
            attests: How it proves what it is: not (``none``), with its own key (``packed``),
                or with that key in a certificate (``certificate``).
        """
        self.handle = raw(options["user"]["id"])
        attested = bytes(16) + len(self.credential).to_bytes(2) + self.credential
        attested += cbor2.dumps(self.public)
        data = self._data(ATTESTED) + attested
        client = self._client("webauthn.create", options["challenge"])
        statement: dict[str, Any] = {}
        if attests != "none":
            signed = self.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
            statement = {"alg": -7, "sig": signed}
        if attests == "certificate":
            statement["x5c"] = [self._certificate()]
        fmt = "none" if attests == "none" else "packed"
        made = cbor2.dumps({"fmt": fmt, "attStmt": statement, "authData": data})
        return self._answer({"clientDataJSON": text(client), "attestationObject": text(made)})

    def get(self, options: dict[str, Any], kind: str = "webauthn.get") -> str:
        """Sign a challenge; returns what a page would submit."""
        client, data = self._client(kind, options["challenge"]), self._data()
        signed = self.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        self.count += 1
        return self._answer(
            {
                "clientDataJSON": text(client),
                "authenticatorData": text(data),
                "signature": text(signed),
                "userHandle": text(self.handle or b""),
            }
        )

    def _certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Anybody")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(name, name, self.key.public_key(), 1, now, now + HOUR)
        signed = made.sign(self.key, hashes.SHA256())
        return signed.public_bytes(Encoding.DER)

    def _data(self, more: int = 0) -> bytes:
        flags = bytes((self.flags | more,))
        return sha256(self.rp_id.encode()).digest() + flags + self.count.to_bytes(4)

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps({**said, **self.extra}).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        made = {"id": text(self.credential), "rawId": text(self.credential), "type": "public-key"}
        return json.dumps({**made, "response": response})
