"""Password digests that other systems made: checked when they come in, verified at sign-in.

A digest is kept as ``hasher|digest`` until its password is known, which is at
the first sign-in; then our own takes its place. The forms are those that
official clients send with ``password_hasher``. What a digest asks of us is
bounded, so that no imported one can take the server's memory or hours of it.
"""

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import NoReturn

import bcrypt
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from consignease.domain.faults import Invalid

ROUNDS_MAX = 5_000_000
"""Most rounds of PBKDF2 and of iterated hashes."""
MEMORY_MAX = 256 * 1024 * 1024
"""Most bytes that scrypt or argon2 may take for one digest."""
BCRYPT_MAX = 16
"""Largest cost of bcrypt: some seconds."""
_BCRYPT_BYTES = 72

_ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_PHPASS = re.compile(r"\$[PH]\$([./0-9A-Za-z])(.{8})([./0-9A-Za-z]{22})")
_HEX = re.compile(r"[0-9a-fA-F]+")

Verify = Callable[[bytes], bool]
"""Whether a digest was made from a password."""


class _MalformedError(ValueError):
    """The digest has not the form of its hasher, or asks too much."""


def stored(hasher: str, digest: str) -> str:
    """Check a digest and return the form in which it is kept.

    Args:
        hasher: Name of the scheme, such as ``bcrypt``.
        digest: The digest in that scheme's form.

    Raises:
        Invalid: the scheme is unknown, or the digest has not its form.
    """
    if hasher not in _READERS:
        names = ", ".join(sorted(_READERS))
        msg = f"password_hasher must be one of {names}."
        raise Invalid("is not supported", detail=msg, param="password_hasher")
    try:
        _READERS[hasher](digest)
    except (ValueError, InvalidHashError) as error:
        msg = f"password_digest is not a digest of {hasher}: {error}."
        raise Invalid("is invalid", detail=msg, param="password_digest") from None
    return digest if hasher == "argon2id" else f"{hasher}|{digest}"


def is_foreign(kept: str) -> bool:
    """Whether a kept digest is none of our own kind."""
    return not kept.startswith("$argon2id$")


def verify(kept: str, password: bytes) -> bool:
    """Whether a foreign digest was made from a password; an unreadable one matches nothing."""
    hasher, _, digest = kept.partition("|")
    if hasher not in _READERS:
        return False
    try:
        return _READERS[hasher](digest)(password)
    except (ValueError, InvalidHashError, MemoryError):
        return False


def _refuse(why: str) -> NoReturn:
    raise _MalformedError(why)


def _same(made: bytes, wanted: bytes) -> bool:
    return hmac.compare_digest(made, wanted)


def _base64(text: str) -> bytes:
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        _refuse("a part is not base64")
    return raw or _refuse("a part is empty")


def _hex(text: str) -> bytes:
    if not _HEX.fullmatch(text) or len(text) % 2:
        _refuse("a part is not hexadecimal")
    return bytes.fromhex(text)


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 0 < int(text) <= most:
        _refuse(f"a number is not between 1 and {most}")
    return int(text)


def _parts(digest: str, prefixes: tuple[str, ...], count: int, most: int = 0) -> list[str]:
    prefix, *parts = digest.split("$")
    if prefix not in prefixes or not count <= len(parts) <= (most or count):
        _refuse(f"it must begin with {prefixes[0]}$ and have {count} parts after that")
    return parts


def _bcrypt(digest: str) -> Verify:
    found = _BCRYPT.fullmatch(digest)
    if found is None or not 4 <= int(found[1]) <= BCRYPT_MAX:
        _refuse(f"it must look like $2b$12$... with a cost from 4 to {BCRYPT_MAX}")
    # All that the letter says is which faults of old the maker had not.
    wanted = f"$2b{digest[3:]}".encode()
    return lambda password: bcrypt.checkpw(password[:_BCRYPT_BYTES], wanted)


def _bcrypt_sha256_django(digest: str) -> Verify:
    prefix, _, rest = digest.partition("$")
    if prefix != "bcrypt_sha256":
        _refuse("it must begin with bcrypt_sha256$$2b$")
    inner = _bcrypt(rest)
    return lambda password: inner(hashlib.sha256(password).hexdigest().encode())


def _argon2(kind: str) -> Callable[[str], Verify]:
    def reader(digest: str) -> Verify:
        if not digest.startswith(f"${kind}$"):
            _refuse(f"it must begin with ${kind}$")
        asked = extract_parameters(digest)
        if asked.memory_cost * 1024 > MEMORY_MAX or asked.time_cost > 100:
            _refuse("it takes too much memory or time")

        def check(password: bytes) -> bool:
            try:
                return PasswordHasher().verify(digest, password)
            except Argon2Error:
                return False

        return check

    return reader


def _pbkdf2(
    name: str, prefixes: tuple[str, ...], salt: Callable[[str], bytes], key: Callable[[str], bytes]
) -> Callable[[str], Verify]:
    def reader(digest: str) -> Verify:
        rounds, its_salt, its_key = _parts(digest, prefixes, 3)
        count, salted, wanted = _number(rounds, ROUNDS_MAX), salt(its_salt), key(its_key)
        size = len(wanted)
        return lambda password: _same(
            hashlib.pbkdf2_hmac(name, password, salted, count, size), wanted
        )

    return reader


def _pbkdf2_sha1(digest: str) -> Verify:
    rounds, salt, key, *size = _parts(digest, ("pbkdf2_sha1",), 3, 4)
    count, wanted = _number(rounds, ROUNDS_MAX), _hex(key)
    if size and _number(size[0], 1024) != len(wanted):
        _refuse("the key has another length than it says")

    def salts() -> Iterator[bytes]:
        # Written as it is or in hexadecimal: the digest does not tell which.
        yield salt.encode()
        if _HEX.fullmatch(salt) and len(salt) % 2 == 0:
            yield bytes.fromhex(salt)

    return lambda password: any(
        _same(hashlib.pbkdf2_hmac("sha1", password, one, count, len(wanted)), wanted)
        for one in salts()
    )


def _phpass(digest: str) -> Verify:
    found = _PHPASS.fullmatch(digest)
    if found is None:
        _refuse("it must look like $P$ and 31 more characters")
    power = _ITOA64.index(found[1])
    salt, wanted = found[2].encode(), found[3].encode()
    if not 7 <= power <= 22:
        _refuse("its number of rounds is out of range")

    def check(password: bytes) -> bool:
        made = hashlib.md5(salt + password, usedforsecurity=False).digest()
        for _ in range(1 << power):
            made = hashlib.md5(made + password, usedforsecurity=False).digest()
        return _same(_encode64(made), wanted)

    return check


def _encode64(raw: bytes) -> bytes:
    """Encode three bytes as four characters, lowest bits first, as crypt(3) does."""
    text = ""
    for at in range(0, len(raw), 3):
        part = raw[at : at + 3]
        value = int.from_bytes(part, "little")
        text += "".join(_ITOA64[value >> shift & 63] for shift in range(0, len(part) * 8, 6))
    return text.encode()


def _md5_phpass(digest: str) -> Verify:
    inner = _phpass(digest)
    return lambda password: inner(hashlib.md5(password, usedforsecurity=False).hexdigest().encode())


def _scrypt(password: bytes, salt: bytes, cost: tuple[int, int, int], size: int) -> bytes:
    n, r, p = cost
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2 * MEMORY_MAX, dklen=size)


def _bounded(n: int, r: int, p: int) -> tuple[int, int, int]:
    if n < 2 or n & (n - 1) or 128 * n * r > MEMORY_MAX or p > 64:
        _refuse("it takes too much memory, or its cost is no power of two")
    return n, r, p


def _scrypt_firebase(digest: str) -> Verify:
    """Read what Firebase's export says, joined by ``$``.

    The derived key encrypts the project's signer key (AES-256-CTR, counter 0).
    """
    parts = digest.split("$")
    if len(parts) != 6:
        _refuse("it must be hash$salt$signerKey$saltSeparator$rounds$memCost")
    wanted, salt, signer, separator = map(_base64, parts[:4])
    cost = _bounded(1 << _number(parts[5], 30), _number(parts[4], 64), 1)

    def check(password: bytes) -> bool:
        key = _scrypt(password, salt + separator, cost, 32)
        encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        return _same(encryptor.update(signer) + encryptor.finalize(), wanted)

    return check


def _scrypt_werkzeug(digest: str) -> Verify:
    method, *parts = digest.split("$")
    name, *numbers = method.split(":")
    if name != "scrypt" or len(numbers) != 3 or len(parts) != 2:
        _refuse("it must be scrypt:N:r:p$salt$hash")
    cost = _bounded(*(_number(one, 1 << 24) for one in numbers))
    salt, wanted = parts[0].encode(), _hex(parts[1])
    return lambda password: _same(_scrypt(password, salt, cost, len(wanted)), wanted)


def _bare(name: str) -> Callable[[str], Verify]:
    def reader(digest: str) -> Verify:
        wanted = _hex(digest)
        if len(wanted) != hashlib.new(name, usedforsecurity=False).digest_size:
            _refuse("it has the wrong length")
        return lambda password: _same(
            hashlib.new(name, password, usedforsecurity=False).digest(), wanted
        )

    return reader


def _sha256_salted(digest: str) -> Verify:
    key, dollar, salt = digest.partition("$")
    wanted, salted = _hex(key), salt.encode()
    if len(wanted) != 32 or not dollar:
        _refuse("it must be hash$salt")
    return lambda password: _same(hashlib.sha256(password + salted).digest(), wanted)


def _ldap_ssha(digest: str) -> Verify:
    if not digest.startswith("{SSHA}"):
        _refuse("it must begin with {SSHA}")
    raw = _base64(digest[6:])
    wanted, salt = raw[:20], raw[20:]
    if not salt:
        _refuse("it has no salt")
    return lambda password: _same(
        hashlib.sha1(password + salt, usedforsecurity=False).digest(), wanted
    )


def _sha512_symfony(digest: str) -> Verify:
    """Read ``sha512_symfony$rounds$salt$hash``: the rounds are 5000 by default there."""
    rounds, salt, key = _parts(digest, ("sha512_symfony",), 3)
    count, wanted = _number(rounds, ROUNDS_MAX), _base64(key)
    if len(wanted) != 64:
        _refuse("it has the wrong length")

    def check(password: bytes) -> bool:
        merged = password + (f"{{{salt}}}".encode() if salt else b"")
        made = hashlib.sha512(merged).digest()
        for _ in range(1, count):
            made = hashlib.sha512(made + merged).digest()
        return _same(made, wanted)

    return check


_SHA512 = ("pbkdf2_sha512", "pbkdf2_sha512_hex")
_READERS: dict[str, Callable[[str], Verify]] = {
    "argon2i": _argon2("argon2i"),
    "argon2id": _argon2("argon2id"),
    "bcrypt": _bcrypt,
    "bcrypt_sha256_django": _bcrypt_sha256_django,
    "ldap_ssha": _ldap_ssha,
    "md5": _bare("md5"),
    "md5_phpass": _md5_phpass,
    "pbkdf2_sha1": _pbkdf2_sha1,
    "pbkdf2_sha256": _pbkdf2("sha256", ("pbkdf2_sha256",), _base64, _base64),
    "pbkdf2_sha256_django": _pbkdf2("sha256", ("pbkdf2_sha256",), str.encode, _base64),
    "pbkdf2_sha512": _pbkdf2("sha512", ("pbkdf2_sha512",), _base64, _base64),
    "pbkdf2_sha512_hex": _pbkdf2("sha512", _SHA512, _hex, _hex),
    "phpass": _phpass,
    "scrypt_firebase": _scrypt_firebase,
    "scrypt_werkzeug": _scrypt_werkzeug,
    "sha256": _bare("sha256"),
    "sha256_salted": _sha256_salted,
    "sha512_symfony": _sha512_symfony,
}
HASHERS = tuple(sorted(_READERS))
"""Names of the schemes whose digests can be brought along."""
