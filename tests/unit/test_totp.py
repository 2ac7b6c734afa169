"""One-time codes and the explanations of failures: pure rules."""

import base64

import pytest

from consignease.domain import totp
from consignease.domain.advice import explain

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    """The vectors of RFC 6238, appendix B, at six digits."""
    assert totp.code(SECRET, seconds // 30) == code


def test_a_code_is_accepted_once_and_near_its_time() -> None:
    """One step early or late is fine; a used step, an older one and nonsense are not."""
    now = 1_000_000 * totp.STEP_MS
    good = totp.code(SECRET, 1_000_000)
    assert totp.accepted_step(SECRET, f"{good[:3]} {good[3:]}", now, 0) == 1_000_000
    assert totp.accepted_step(SECRET, good, now + totp.STEP_MS, 0) == 1_000_000
    assert totp.accepted_step(SECRET, good, now + 2 * totp.STEP_MS, 0) is None
    assert totp.accepted_step(SECRET, good, now, 1_000_000) is None
    for odd in ("", "00000", "abc", "１２３４５６", "\ud800".encode("utf-8", "replace").decode()):
        assert totp.accepted_step(SECRET, odd, now, 0) is None


def test_the_secret_is_readable_by_apps() -> None:
    """Base32 in groups, and an address that apps open."""
    assert base64.b32decode(totp.readable(SECRET).replace(" ", "")) == SECRET
    assert totp.uri(SECRET, "a b@x").startswith("otpauth://totp/Consignease:a%20b%40x?secret=")


@pytest.mark.parametrize(
    ("status", "phase", "headers", "body", "words"),
    [
        (0, "connect", b"", b"", "Nothing accepted"),
        (0, "tls", b"", b"", "TLS handshake"),
        (0, "deadline", b"", b"", "in time"),
        (0, "guard", b"", b"", "not one we may open"),
        (0, "resolve", b"", b"", "no address"),
        (0, "internal", b"", b"", "could not be completed"),
        (401, None, b"", b"", "asks it to sign in"),
        (404, None, b"HTTP/1.1 404\r\nX-Clerk-Auth-Reason: x", b"", "asks it to sign in"),
        (404, None, b"", b"", "No route answers"),
        (405, None, b"", b"", "does not take POST"),
        (307, None, b"", b"", "redirect"),
        (403, None, b"", b"Blocked request. This host is not allowed: allowedHosts", "host name"),
        (400, None, b"", b"DisallowedHost at /", "host name"),
        (400, None, b"", b"Error verifying webhook", "refused the signature"),
        (400, None, b"", b"", "refused the signature"),
        (500, None, b"", b"", "handler failed"),
        (502, None, b"", b"", "proxy or tunnel"),
        (504, None, b"", b"", "proxy or tunnel"),
        (410, None, b"", b"", "gone"),
        (413, None, b"", b"", "larger"),
        (429, None, b"", b"", "slow down"),
        (418, None, b"", b"", "418"),
    ],
)
def test_every_failure_has_an_explanation(
    status: int, phase: str | None, headers: bytes, body: bytes, words: str
) -> None:
    """The title says what happened; there is always something to do."""
    advice = explain(status, phase, headers, body)
    assert advice is not None
    assert words in advice.title
    assert advice.steps


def test_a_success_needs_no_explanation() -> None:
    """Any 2xx is a success."""
    assert explain(204, None, b"", b"") is None
