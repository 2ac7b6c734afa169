"""Key pairs that sign session tokens (RS256, RFC 7518 section 3.3)."""

from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_BITS = 2048


def jwk(kid: str, public_pem: str) -> dict[str, str]:
    """Return the public key of a pair as a JSON Web Key (RFC 7517, RFC 7518 section 6.3.1).

    Args:
        kid: Names the key in the tokens that it signed.
        public_pem: The public key, an RSA key as PEM text.
    """
    public = serialization.load_pem_public_key(public_pem.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    numbers = public.public_numbers()
    members = {"n": _base64url(numbers.n), "e": _base64url(numbers.e)}
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, **members}


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def new_key_pair() -> tuple[str, bytes]:
    """Make an RSA key pair: the public key as PEM text, the private one as PKCS 8 DER bytes."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    sealed = private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return public.decode(), sealed
