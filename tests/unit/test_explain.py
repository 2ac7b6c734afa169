"""Why verification failed, and what the error says to do."""

import json
from collections.abc import Callable

import pytest

from consignease.sdk import errors
from consignease.sdk.verify import verify_webhook
from consignease.wire.explain import MAX_SEARCHED_BYTES, WRONG_VARIABLES, Diagnosis, Reason
from tests.helpers.deliveries import BODY, NOW, OTHER_SECRET, SECRET, delivery

Error = errors.WebhookVerificationError


def refusal(
    headers: dict[str, str], body: bytes = BODY, *, secret: str | None = SECRET
) -> errors.WebhookVerificationError:
    """Give the error that verification at `NOW` ends in."""
    with pytest.raises(Error) as caught:
        verify_webhook(body, headers, secret=secret, now=NOW)
    return caught.value


REWRITES: dict[str, Callable[[bytes], bytes]] = {
    "json.dumps": lambda raw: json.dumps(json.loads(raw)).encode(),
    "json.dumps, not ASCII": lambda raw: json.dumps(json.loads(raw), ensure_ascii=False).encode(),
    "compact ASCII": lambda raw: json.dumps(json.loads(raw), separators=(",", ":")).encode(),
    "pretty": lambda raw: json.dumps(json.loads(raw), indent=2).encode(),
    "sorted keys": lambda raw: json.dumps(
        json.loads(raw), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode(),
    "sorted and pretty": lambda raw: json.dumps(json.loads(raw), sort_keys=True, indent=1).encode(),
    "newline added": lambda raw: raw + b"\r\n",
    "BOM added": lambda raw: b"\xef\xbb\xbf" + raw,
    "wrong character set": lambda raw: raw.decode("latin-1").encode(),
}


@pytest.mark.parametrize("rewrite", REWRITES.values(), ids=REWRITES)
def test_a_rewritten_body_is_recognised(rewrite: Callable[[bytes], bytes]) -> None:
    """Parsed and written again, in whichever style, the body is told from a forged one."""
    changed = rewrite(BODY)
    assert changed != BODY
    error = refusal(delivery(), changed)
    assert isinstance(error, errors.BodyReserialisedError)
    assert "raw bytes" in error.fix


def test_a_sender_that_writes_spaces_is_recognised_too() -> None:
    """What was signed need not be compact."""
    signed = json.dumps(json.loads(BODY)).encode()
    assert refusal(delivery(signed), BODY).reason == "body_reserialised"


def test_a_changed_value_is_no_rewriting() -> None:
    """A body whose content differs is never excused."""
    changed = json.dumps(json.loads(BODY) | {"timestamp": 1}).encode()
    assert refusal(delivery(), changed).reason == "no_matching_signature"


def test_the_search_is_bounded() -> None:
    """A body larger than the limit is not searched."""
    signed = BODY.replace(b"Zo", b"o" * MAX_SEARCHED_BYTES)
    assert refusal(delivery(signed), signed + b"\n").reason == "no_matching_signature"


def test_missing_headers_are_listed() -> None:
    """The names of the absent headers come in the text and as a value."""
    error = refusal({"svix-id": "msg_1"})
    assert isinstance(error, errors.MissingHeaderError)
    assert error.missing == ("svix-timestamp", "svix-signature")
    assert "svix-timestamp, svix-signature" in error.message


@pytest.mark.parametrize(("offset", "kind"), [(-400, "too_old"), (400, "too_new")])
def test_skew_is_told_in_seconds(offset: int, kind: str) -> None:
    """How far the clocks are apart comes in the text and as a value."""
    error = refusal(delivery(at=NOW + offset))
    assert isinstance(error, errors.TimestampError)
    assert error.reason == f"timestamp_{kind}"
    assert error.skew == -offset
    assert "400 s" in error.message


def test_milliseconds_are_recognised() -> None:
    """A sender that writes milliseconds is told so."""
    assert "milliseconds" in refusal(delivery(at=NOW * 1000)).fix


@pytest.mark.parametrize("name", WRONG_VARIABLES)
def test_a_secret_under_another_name_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a wrong name is named in the remedy."""
    for other in (*WRONG_VARIABLES, "CLERK_WEBHOOK_SIGNING_SECRET"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, OTHER_SECRET)
    missing = refusal(delivery(), secret=None)
    assert missing.reason == "missing_secret"
    assert f"{name} is set" in missing.fix
    mismatch = refusal(delivery(secret=OTHER_SECRET))
    assert mismatch.reason == "no_matching_signature"
    assert f"the one in {name} does" in mismatch.message


def test_short_secrets_and_empty_bodies_are_suspected() -> None:
    """The guide's placeholder and a body read by somebody else have their own remedy."""
    assert "placeholder" in refusal(delivery(), secret="whsec_123").fix
    assert "read it before" in refusal(delivery(), b"").fix


def test_every_reason_has_one_class() -> None:
    """Codes and classes match one to one, under one root."""
    classes = [type(errors.error_for(Diagnosis(r, "m", "f"))) for r in Reason.__args__]
    assert len(set(classes)) == len(Reason.__args__) == 13
    assert all(issubclass(kind, Error) for kind in classes)
    assert issubclass(Error, ValueError)


SPOILED = [
    delivery(secret=OTHER_SECRET),
    delivery(at=1),
    delivery(body=BODY + b"\n"),
    delivery() | {"svix-signature": delivery()["svix-signature"].rstrip("=")},
    delivery() | {"svix-signature": "v1a," + delivery()["svix-signature"][3:]},
    {"svix-signature": delivery()["svix-signature"]},
]


@pytest.mark.parametrize("headers", SPOILED)
@pytest.mark.parametrize("secret", [SECRET, f'"{SECRET}"', f"whsec_{SECRET}", f"{SECRET}%"])
def test_errors_never_tell_a_secret_or_signature(
    headers: dict[str, str], secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither text nor representation, nor a chained error, holds key or signature."""
    monkeypatch.setenv("WEBHOOK_SECRET", OTHER_SECRET)
    error = refusal(headers, secret=secret)
    told = "".join(map(repr, (error, error.__cause__, error.args, vars(error)))) + str(error)
    for hidden in (SECRET, OTHER_SECRET, delivery()["svix-signature"]):
        assert hidden.removeprefix("whsec_").removeprefix("v1,").rstrip("=") not in told
