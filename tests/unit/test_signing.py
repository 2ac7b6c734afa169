"""Secrets, signers and the signature header."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from consignease.wire.signing import (
    SecretError,
    Signer,
    check_new_secret,
    generate_secret,
    matches,
    parse_secret,
    sign_all,
    signed_content,
)

SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl"
ENCODED = SECRET.removeprefix("whsec_")
VECTOR_ID = "msg_loFOjxBNrRLzqYUf"
VECTOR_TIME = 1731705121
VECTOR_BODY = b'{"event_type":"ping","data":{"success":true}}'
VECTOR_TOKEN = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="

keys = st.binary(min_size=1, max_size=200)
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
times = st.integers(0, 4_000_000_000)
texts = st.text(st.characters(codec="utf-8"), max_size=200)


def test_known_answer() -> None:
    """The published vector comes out."""
    signer = Signer.of(SECRET)
    assert signer.sign(VECTOR_ID, VECTOR_TIME, VECTOR_BODY) == VECTOR_TOKEN


@given(keys, ids, times, st.binary(max_size=3000))
def test_token_is_hmac_sha256(key: bytes, msg_id: str, timestamp: int, body: bytes) -> None:
    """A token equals what the standard library's HMAC gives, for keys of every length."""
    content = f"{msg_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert Signer(key).sign(msg_id, timestamp, body) == f"v1,{expected}"


@given(keys, ids, times, texts)
def test_agrees_with_the_official_libraries(
    key: bytes, msg_id: str, timestamp: int, text: str
) -> None:
    """PyPI svix and standardwebhooks sign the same token."""
    token = Signer(key).sign(msg_id, timestamp, text.encode())
    moment = datetime.fromtimestamp(timestamp, UTC)
    assert svix.webhooks.Webhook(key).sign(msg_id, moment, text) == token
    assert standardwebhooks.Webhook(key).sign(msg_id, moment, text) == token


@given(st.lists(keys, min_size=1, max_size=4), ids, times, st.binary(max_size=100))
def test_sign_all_joins_in_order(
    many: list[bytes], msg_id: str, timestamp: int, body: bytes
) -> None:
    """One token for each key, in order, exactly one space between them."""
    signers = [Signer(key) for key in many]
    header = sign_all(signers, msg_id, timestamp, body)
    assert header.split(" ") == [signer.sign(msg_id, timestamp, body) for signer in signers]


@given(st.lists(keys, min_size=2, max_size=4, unique_by=lambda key: key.ljust(64, b"\0")), times)
def test_any_signer_may_match_any_token(many: list[bytes], timestamp: int) -> None:
    """During a rotation each single key verifies, and a key that left does not."""
    signers = [Signer(key) for key in many]
    header = sign_all(signers[1:], "msg_1", timestamp, b"{}")
    content = signed_content("msg_1", timestamp, b"{}")
    assert all(matches([signer], content, header) for signer in signers[1:])
    assert matches(signers, content, header)
    assert not matches(signers[:1], content, header)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["v1,", "v1a,", VECTOR_TOKEN[:-1], ",", " "])).map("".join)
)
def test_junk_never_matches_nor_crashes(header: str) -> None:
    """Whatever stands in the signature header is refused, not raised about."""
    content = signed_content(VECTOR_ID, VECTOR_TIME, VECTOR_BODY)
    assert matches([Signer.of(SECRET)], content, header) is (VECTOR_TOKEN in header.split())


def test_generated_secrets() -> None:
    """24 random bytes in padded standard base64, no two alike."""
    secrets = {generate_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        prefix, encoded = secret[:6], secret[6:]
        assert prefix == "whsec_"
        assert len(base64.b64decode(encoded, validate=True)) == 24
        assert check_new_secret(secret) == parse_secret(secret)


@given(keys)
def test_every_accepted_spelling_gives_the_key(key: bytes) -> None:
    """Prefix and padding may be missing, white space may surround."""
    encoded = base64.b64encode(key).decode()
    for text in (
        encoded,
        encoded.rstrip("="),
        f" whsec_{encoded}\n",
        f"whsec_{encoded}".rstrip("="),
    ):
        assert parse_secret(text) == key


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("whsec_", "empty"),
        ("whsec_==", "empty"),
        (f'"{SECRET}"', "quotes"),
        (f"'{SECRET}", "quotes"),
        (f"whsec_{SECRET}", "double_prefix"),
        ("sk_live_abcdef", "wrong_kind"),
        ("pk_test_abcdef", "wrong_kind"),
        ("whpk_" + "A" * 44, "wrong_kind"),
        ("whsec_" + "-_AA" * 8, "url_safe"),
        ("whsec_" + "AAA%" * 8, "alphabet"),
        ("whsec_" + "AAé=" * 8, "alphabet"),
        ("whsec_ " + ENCODED, "alphabet"),
        ("whsec_" + "A" * 5, "length"),
    ],
)
def test_bad_secrets_are_named_and_never_repeated(text: str, fault: str) -> None:
    """Each way to spoil a secret has its own code, and the text keeps the secret to itself."""
    with pytest.raises(SecretError) as caught:
        parse_secret(text)
    assert caught.value.fault == fault
    assert ENCODED not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (ENCODED, "wrong_kind"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "size"),
        ("whsec_" + base64.b64encode(b"x" * 76).decode(), "size"),
    ],
)
def test_new_secrets_obey_the_policy(text: str, fault: str) -> None:
    """A secret proposed for an endpoint needs its prefix and 24 to 75 bytes."""
    with pytest.raises(SecretError) as caught:
        check_new_secret(text)
    assert caught.value.fault == fault
    assert parse_secret(text)


def test_signer_shows_no_key() -> None:
    """Printing a signer tells nothing of its key."""
    assert ENCODED not in repr(Signer.of(SECRET))
