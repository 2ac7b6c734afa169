"""What `verify_webhook` accepts and refuses."""

import base64
import binascii
import time
from collections.abc import Callable
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from consignease.sdk.errors import WebhookVerificationError
from consignease.sdk.replay import MemoryReplayGuard
from consignease.sdk.verify import verify_webhook
from consignease.wire.events import UserDeleted
from tests.helpers.deliveries import BODY, MSG_ID, NOW, OTHER_SECRET, SECRET, delivery, token

ID, TIMESTAMP, SIGNATURE = "svix-id", "svix-timestamp", "svix-signature"
JUNK = "v1," + base64.b64encode(bytes(32)).decode()


def check(headers: Any, body: Any = BODY, **options: Any) -> str:
    """Verify at `NOW` and give the reason of refusal, or ok."""
    try:
        verify_webhook(body, headers, **{"secret": SECRET, "now": NOW, **options})
    except WebhookVerificationError as error:
        return error.reason
    return "ok"


def test_a_good_delivery_gives_its_typed_event() -> None:
    """The result is the event, decoded into its own type."""
    event = verify_webhook(BODY, delivery(), secret=SECRET, now=NOW)
    assert isinstance(event, UserDeleted)
    assert event.type == "user.deleted"
    assert event.data.external_id == "Zoë 🎉"


def test_an_unknown_type_is_accepted() -> None:
    """A type that is not in the catalogue (yet) verifies."""
    body = BODY.replace(b"user.deleted", b"invoice.paid")
    assert check(delivery(body), body) == "ok"


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda raw: raw.decode()])
def test_bodies(make: Callable[[bytes], Any]) -> None:
    """Any buffer and text will do."""
    assert check(delivery(), make(BODY)) == "ok"


def test_every_shape_of_headers() -> None:
    """Mappings and pairs, text and bytes, names in any case."""
    headers = delivery()
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    upper = {name.upper(): value for name, value in headers.items()}
    for shape in (headers, upper, list(headers.items()), iter(upper.items()), raw, dict(raw)):
        assert check(shape) == "ok"


def signature(value: str) -> dict[str, str]:
    """Give a delivery another signature header."""
    return delivery() | {SIGNATURE: value}


GOOD = token()
MATRIX: dict[str, tuple[dict[str, str], str]] = {
    "only svix names": (delivery(), "ok"),
    "only webhook names": (delivery(family="webhook"), "ok"),
    "both": (delivery() | delivery(family="webhook"), "ok"),
    "svix wins": (signature(JUNK) | delivery(family="webhook"), "no_matching_signature"),
    "empty svix falls back": (signature("") | delivery(family="webhook"), "ok"),
    "white space around": ({name: f" {value}\t" for name, value in delivery().items()}, "ok"),
    "good one last": (signature(f"{JUNK} {GOOD}"), "ok"),
    "good one first": (signature(f"{GOOD} {JUNK}"), "ok"),
    "v1a beside v1": (signature(f"v1a,{GOOD[3:]} {GOOD}"), "ok"),
    "double space": (signature(f"{JUNK}  {GOOD}"), "ok"),
    "token without comma": (signature(f"junk {GOOD}"), "ok"),
    "bad base64 before": (signature(f"v1,%%% {GOOD}"), "ok"),
    "not ASCII before": (signature(f"v1,ü {GOOD}"), "ok"),
    "v1a only": (signature(f"v1a,{GOOD[3:]}"), "no_matching_signature"),
    "v2 only": (signature(f"v2,{GOOD[3:]}"), "no_matching_signature"),
    "unpadded": (signature(GOOD.rstrip("=")), "malformed_signature"),
    "hex": (signature("v1," + base64.b64decode(GOOD[3:]).hex()), "malformed_signature"),
    "no comma": (signature("junk"), "malformed_signature"),
    "comma separated": (signature(f"{JUNK},{GOOD}"), "malformed_signature"),
    "wrong signature": (signature(JUNK), "no_matching_signature"),
    "other message id": (delivery() | {ID: "msg_other"}, "no_matching_signature"),
    "id with dots": (delivery(msg_id="a.1.b"), "ok"),
    "fraction, whole seconds signed": (delivery() | {TIMESTAMP: f"{NOW}.75"}, "ok"),
    "fraction signed": (
        {ID: MSG_ID, TIMESTAMP: f"{NOW}.75", SIGNATURE: token(at=f"{NOW}.75")},
        "no_matching_signature",
    ),
    "milliseconds": (delivery(at=NOW * 1000), "timestamp_too_new"),
    "300 s old": (delivery(at=NOW - 300), "ok"),
    "300 s ahead": (delivery(at=NOW + 300), "ok"),
    "301 s old": (delivery(at=NOW - 301), "timestamp_too_old"),
    "301 s ahead": (delivery(at=NOW + 301), "timestamp_too_new"),
    "no id": ({**delivery(), ID: ""}, "missing_header"),
    "no headers": ({}, "missing_header"),
    **{
        f"timestamp {text!r}": (delivery() | {TIMESTAMP: text}, "malformed_timestamp")
        for text in ("soon", "-5", "1e9", "1_000", "0x10", "٣", "9" * 5000, "1.x", ".5", "nan")
    },
}


@pytest.mark.parametrize(("headers", "verdict"), MATRIX.values(), ids=MATRIX)
def test_edge_matrix(headers: dict[str, str], verdict: str) -> None:
    """Every odd header either verifies or is refused for its own reason, in any spelling."""
    assert check(headers) == verdict
    assert check([(name.title(), value) for name, value in headers.items()]) == verdict


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "invalid_payload"),
    "no JSON": (b"hello", "invalid_payload"),
    "invalid UTF-8": (BODY.replace("ë".encode(), b"\xeb"), "invalid_payload"),
    "no object": (b"[1]", "invalid_payload"),
    "no type": (b"{}", "invalid_payload"),
    "wrong field": (BODY.replace(b"true", b"7"), "invalid_payload"),
    "absurdly deep": (b"[" * 100_000, "invalid_payload"),
    "large": (BODY.replace(b"Zo", b"o" * 5_000_000), "ok"),
}


@pytest.mark.parametrize(("body", "verdict"), BODIES.values(), ids=BODIES)
def test_signed_bodies(body: bytes, verdict: str) -> None:
    """A right signature does not save a body that is no event."""
    assert check(delivery(body), body) == verdict


def test_every_changed_byte_is_noticed() -> None:
    """A body one byte different is refused, wherever the byte is."""
    headers = delivery()
    for at in range(len(BODY)):
        changed = bytearray(BODY)
        changed[at] ^= 1
        assert check(headers, changed) in {"no_matching_signature", "body_reserialised"}


def test_several_secrets() -> None:
    """One of several secrets suffices; a string is one secret, not several."""
    assert check(delivery(secret=OTHER_SECRET), secret=[SECRET, OTHER_SECRET]) == "ok"
    assert check(delivery(), secret=(SECRET, OTHER_SECRET)) == "ok"
    assert check(delivery(), secret=[OTHER_SECRET]) == "no_matching_signature"
    assert check(delivery(), secret=[]) == "malformed_secret"
    assert check(delivery(), secret=[SECRET, ""]) == "malformed_secret"


def test_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable serves where no secret is given; an empty string is not replaced by it."""
    monkeypatch.delenv("CLERK_WEBHOOK_SIGNING_SECRET", raising=False)
    assert check(delivery(), secret=None) == "missing_secret"
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", "")
    assert check(delivery(), secret=None) == "missing_secret"
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", SECRET)
    assert check(delivery(), secret=None) == "ok"
    assert check(delivery(), secret="") == "malformed_secret"
    assert check(delivery(), secret=OTHER_SECRET) == "no_matching_signature"


def test_tolerance_is_a_choice() -> None:
    """A narrower or wider window moves the limit."""
    assert check(delivery(at=NOW - 11), tolerance=10) == "timestamp_too_old"
    assert check(delivery(at=NOW - 10), tolerance=10) == "ok"
    assert check(delivery(at=5), tolerance=float("inf")) == "ok"


def test_a_parsed_body_is_refused_with_advice() -> None:
    """Passing the parsed document instead of the bytes names the mistake."""
    with pytest.raises(WebhookVerificationError, match="raw bytes") as caught:
        verify_webhook({"type": "user.deleted"}, delivery(), secret=SECRET)  # pyright: ignore[reportArgumentType]
    assert caught.value.reason == "body_not_raw"


def test_replay_guard() -> None:
    """A request passes once, its retry (signed anew) too; a failed check leaves no trace."""
    guard = MemoryReplayGuard(clock=lambda: NOW)
    assert check(signature(JUNK), replay_guard=guard) == "no_matching_signature"
    assert check(delivery(), replay_guard=guard) == "ok"
    assert check(delivery(), replay_guard=guard) == "replayed"
    assert check(delivery() | {TIMESTAMP: f"{NOW}.5"}, replay_guard=guard) == "replayed"
    assert check(delivery(at=NOW + 5), replay_guard=guard) == "ok"


def test_replay_guard_forgets_what_time_refuses() -> None:
    """What has expired makes room, and the limit holds."""
    now = [0.0]
    guard = MemoryReplayGuard(limit=3, clock=lambda: now[0])
    assert [guard.seen(key, 10) for key in "aba"] == [False, False, True]
    now[0] = 10.0
    assert guard.seen("a", 20)
    now[0] = 10.1
    assert not guard.seen("c", 20)
    assert not guard.seen("a", 20)
    assert not guard.seen("d", 20)
    assert not guard.seen("e", 20)
    assert not guard.seen("c", 20)


tokens = st.sampled_from([GOOD, JUNK, GOOD.rstrip("="), f"v1a,{GOOD[3:]}", "junk", "v1,%%%", ""])


@given(
    st.lists(tokens, max_size=4).map(" ".join),
    st.sampled_from(["svix", "webhook", "Svix", "WEBHOOK"]),
    st.booleans(),
)
def test_verdicts_agree_with_the_official_libraries(
    header: str,
    family: str,
    good_body: bool,
) -> None:
    """We accept what PyPI svix accepts; where it refuses in its own words, so do we."""
    now = int(time.time())
    body = BODY if good_body else BODY + b" "
    header = header.replace(GOOD[3:].rstrip("="), token(at=now)[3:].rstrip("="))
    headers = {
        f"{family}-Id": MSG_ID,
        f"{family}-Timestamp": str(now),
        f"{family}-Signature": header,
    }
    ours = check(headers, body, now=now)
    oracles = [svix.webhooks.Webhook(SECRET)]
    if family.lower() == "webhook":
        oracles.append(standardwebhooks.Webhook(SECRET))  # pyright: ignore[reportArgumentType]
    for oracle in oracles:
        try:
            oracle.verify(body, headers)
        except standardwebhooks.WebhookVerificationError:
            assert ours != "ok"
        except (ValueError, binascii.Error):
            pass  # it crashes on malformed tokens
        else:
            assert ours == "ok"


@given(
    st.dictionaries(
        st.sampled_from([ID, TIMESTAMP, SIGNATURE, "webhook-id", "x"]), st.text(max_size=30)
    ),
    st.binary(max_size=50) | st.text(max_size=20),
)
def test_nothing_else_is_ever_raised(headers: dict[str, str], body: bytes | str) -> None:
    """Whatever arrives is refused by the one error tree."""
    assert check(headers, body) != "ok"
