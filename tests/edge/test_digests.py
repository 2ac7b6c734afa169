"""Digests of other systems: each is verified, by answers that were known before."""

import hashlib
from base64 import b64encode

import bcrypt
import pytest

from consignease.domain.faults import Invalid
from consignease.edge.digests import HASHERS, is_foreign, stored, verify

SALT = b"0123456789abcdef"
BCRYPT_SALT = b"$2b$04$CCCCCCCCCCCCCCCCCCCCC."
ODD = "pässwörd 🎉"


def b64(raw: bytes) -> str:
    return b64encode(raw).decode()


def pbkdf2(name: str, password: str, salt: bytes, rounds: int, size: int = 32) -> bytes:
    return hashlib.pbkdf2_hmac(name, password.encode(), salt, rounds, size)


def symfony(password: str, salt: str, rounds: int) -> str:
    merged = f"{password}{{{salt}}}".encode()
    made = hashlib.sha512(merged).digest()
    for _ in range(rounds - 1):
        made = hashlib.sha512(made + merged).digest()
    return f"sha512_symfony${rounds}${salt}${b64(made)}"


FIREBASE = (
    "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
    "$42xEC+ixf3L2lw=="
    "$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    "$Bw==$8$14"
)
DJANGO = "pbkdf2_sha256$20000$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0="
ARGON2 = "v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
OPENWALL = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
SHA1 = pbkdf2("sha1", ODD, b"salt", 1000).hex()
SHA1_HEX = pbkdf2("sha1", ODD, SALT, 1000, 20).hex()
SSHA = "{SSHA}" + b64(hashlib.sha1(ODD.encode() + b"salt").digest() + b"salt")
MD5_OF = hashlib.md5(b"test12345").hexdigest()
WERKZEUG = hashlib.scrypt(ODD.encode(), salt=b"abc", n=32768, r=8, p=1, maxmem=2**27).hex()
INNER = bcrypt.hashpw(hashlib.sha256(ODD.encode()).hexdigest().encode(), BCRYPT_SALT)
LONG = "x" * 100

KNOWN = [
    # Published by the schemes' authors, or by those who use them.
    ("bcrypt", OPENWALL, "U*U"),
    ("bcrypt", OPENWALL.replace("$2a$", "$2y$"), "U*U"),
    ("argon2i", f"$argon2i${ARGON2}wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password"),
    ("argon2id", f"$argon2id${ARGON2}CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"),
    ("pbkdf2_sha256_django", DJANGO, "lètmein"),
    ("phpass", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345"),
    ("scrypt_firebase", FIREBASE, "user1password"),
    ("md5", "900150983cd24fb0d6963f7d28e17f72", "abc"),
    ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc"),
    # Made here from the schemes' definitions with the standard library.
    ("bcrypt", bcrypt.hashpw(LONG[:72].encode(), BCRYPT_SALT).decode(), LONG),
    ("bcrypt_sha256_django", f"bcrypt_sha256${INNER.decode()}", ODD),
    (
        "pbkdf2_sha256",
        f"pbkdf2_sha256$1000${b64(SALT)}${b64(pbkdf2('sha256', ODD, SALT, 1000))}",
        ODD,
    ),
    ("pbkdf2_sha1", f"pbkdf2_sha1$1000$salt${SHA1}", ODD),
    ("pbkdf2_sha1", f"pbkdf2_sha1$1000${SALT.hex()}${SHA1_HEX}$20", ODD),
    (
        "pbkdf2_sha512",
        f"pbkdf2_sha512$1000${b64(SALT)}${b64(pbkdf2('sha512', ODD, SALT, 1000, 64))}",
        ODD,
    ),
    (
        "pbkdf2_sha512_hex",
        f"pbkdf2_sha512$1000${SALT.hex()}${pbkdf2('sha512', ODD, SALT, 1000, 64).hex()}",
        ODD,
    ),
    ("scrypt_werkzeug", f"scrypt:32768:8:1$abc${WERKZEUG}", ODD),
    ("sha256_salted", f"{hashlib.sha256(ODD.encode() + b'salt').hexdigest()}$salt", ODD),
    ("ldap_ssha", SSHA, ODD),
    ("sha512_symfony", symfony(ODD, "pepper", 5000), ODD),
]


@pytest.mark.parametrize(("hasher", "digest", "password"), KNOWN)
def test_a_digest_is_verified_by_its_password_alone(
    hasher: str, digest: str, password: str
) -> None:
    """The right password matches, its neighbours and a null character do not."""
    kept = stored(hasher, digest)
    if is_foreign(kept):
        assert verify(kept, password.encode())
        near = "y" if password == LONG else password[:-1]
        for wrong in (near, f"x{password}", password.upper() + "z", "", "\0"):
            if wrong == f"x{password}" and password == LONG:
                continue  # bcrypt reads no more than 72 bytes, and these are the same
            assert not verify(kept, wrong.encode()), wrong


def test_phpass_over_md5_is_phpass_of_the_hexadecimal() -> None:
    """md5_phpass of a password is what phpass is of its MD5."""
    digest = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"
    from consignease.edge import digests

    seen: list[bytes] = []
    inner = digests._phpass(digest)  # pyright: ignore[reportPrivateUsage]
    assert inner(b"test12345")
    assert not verify(stored("md5_phpass", digest), b"test12345")
    made = digests._encode64  # pyright: ignore[reportPrivateUsage]
    salt, power = b"IQRaTwmf", 11
    value = hashlib.md5(salt + MD5_OF.encode()).digest()
    for _ in range(1 << power):
        value = hashlib.md5(value + MD5_OF.encode()).digest()
    seen.append(made(value))
    kept = stored("md5_phpass", f"$P$9{salt.decode()}{seen[0].decode()}")
    assert verify(kept, b"test12345")


def test_every_scheme_of_the_reference_is_known() -> None:
    """Eighteen, and each has a known answer here."""
    assert len(HASHERS) == 18
    assert {hasher for hasher, _, _ in KNOWN} | {"md5_phpass"} == set(HASHERS)


BAD = [
    ("rot13", "x"),
    ("", ""),
    *[(hasher, "") for hasher in HASHERS],
    *[(hasher, "x$y$z$0$1$2$3") for hasher in HASHERS],
    ("bcrypt", OPENWALL.replace("$05$", "$31$")),
    ("bcrypt", OPENWALL + "x"),
    ("argon2id", f"$argon2i${ARGON2}wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
    ("argon2id", "$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweA"),
    ("pbkdf2_sha256", "pbkdf2_sha256$999999999$c2FsdA==$c2FsdA=="),
    ("pbkdf2_sha256", "pbkdf2_sha256$0$c2FsdA==$c2FsdA=="),
    ("pbkdf2_sha256", "pbkdf2_sha256$1000$***$c2FsdA=="),
    ("pbkdf2_sha1", "pbkdf2_sha1$1000$salt$abc"),
    ("phpass", "$P$zIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
    ("scrypt_firebase", FIREBASE.removesuffix("14") + "30"),
    ("scrypt_werkzeug", "scrypt:32767:8:1$abc$00"),
    ("scrypt_werkzeug", "scrypt:16777216:64:1$abc$00"),
    ("md5", "900150983cd24fb0d6963f7d28e17f7"),
    ("sha256", "900150983cd24fb0d6963f7d28e17f72"),
    ("ldap_ssha", "{SSHA}" + b64(hashlib.sha1(b"x").digest())),
]


@pytest.mark.parametrize(("hasher", "digest"), BAD)
def test_what_is_no_digest_or_asks_too_much_is_refused_when_it_comes(
    hasher: str, digest: str
) -> None:
    """By name of the parameter, before anything is written; and it matches nothing."""
    with pytest.raises(Invalid) as refused:
        stored(hasher, digest)
    assert refused.value.param in {"password_hasher", "password_digest"}
    assert not verify(f"{hasher}|{digest}", b"x")
