"""v1a: Ed25519 keys, tokens, key sets, and the library that is not always there."""

import base64
import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from consignease.webhooks import (
    MalformedSecretError,
    MissingCryptographyError,
    SignatureMismatchError,
    verify_webhook,
)
from consignease.wire.ed25519 import (
    PublicKey,
    generate_pair,
    jwk,
    parse_pair,
    parse_public,
    readable,
    signer_of,
)
from consignease.wire.examples import example_body
from consignease.wire.signing import (
    SecretError,
    Signer,
    generate_secret,
    matches,
    sign_all,
    signed_content,
)

# Svix publishes this pair with the signature that it makes.
PAIR = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
ID, TIME, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
TOKEN = (
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)
EVENT = example_body("user.created")


def headers(*signers: str, body: bytes = EVENT) -> dict[str, str]:
    signature = sign_all([signer_of(one) for one in signers], ID, TIME, body)
    return {"svix-id": ID, "svix-timestamp": str(TIME), "svix-signature": signature}


def test_known_answer() -> None:
    """The published vector comes out, and verifies with its public key alone."""
    content = signed_content(ID, TIME, BODY)
    assert signer_of(PAIR).token(content) == TOKEN
    assert readable(PAIR) == PUBLIC
    assert matches([PublicKey(parse_public(PUBLIC))], content, f"v1,x v2,{TOKEN[4:]} {TOKEN}")
    assert not matches([PublicKey(parse_public(PUBLIC))], content + b" ", TOKEN)


@given(st.text(max_size=80), st.binary(max_size=200))
def test_no_junk_verifies(junk: str, content: bytes) -> None:
    """Whatever stands in the header, it is passed over or refused, never an error."""
    key = PublicKey(parse_public(PUBLIC))
    assert not matches([key], content, junk)
    assert not matches([key], content, f"v1a,{junk}")


@pytest.mark.parametrize(
    "text",
    [
        PUBLIC,
        "whsec_" + PAIR[5:],
        PAIR[5:],
        "whsk_",
        PAIR[:-8],
        PAIR + "AAAA",
        "whsk_" + base64.b64encode(bytes(64)).decode(),
        "whsk_" + base64.b64encode(base64.b64decode(PAIR[5:])[:32]).decode(),
        PAIR.replace("/", "_"),
    ],
)
def test_what_is_no_pair_is_refused(text: str) -> None:
    """Other kinds, other sizes, halves that do not belong together; the text is not repeated."""
    with pytest.raises(SecretError) as error:
        parse_pair(text)
    assert text[6:] == "" or text[6:] not in str(error.value)


def test_a_receiver_verifies_with_the_public_key() -> None:
    """v1a alone, beside v1, and with several keys of either kind; the wrong key is refused."""
    pair, secret, other = generate_pair(), generate_secret(), generate_pair()
    for signed in ((pair,), (secret, pair), (pair, secret), (other, pair)):
        for given_keys in (
            readable(pair),
            f" {readable(pair)}\n",
            [secret + "x" * 4, readable(pair)],
        ):
            if isinstance(given_keys, list):
                given_keys[0] = generate_secret()
            event = verify_webhook(EVENT, headers(*signed), secret=given_keys, now=TIME)
            assert event.type == "user.created"
    with pytest.raises(SignatureMismatchError, match="does not fit"):
        verify_webhook(EVENT, headers(other), secret=readable(pair), now=TIME)
    with pytest.raises(SignatureMismatchError, match="no v1a signature, only 'v1'"):
        verify_webhook(EVENT, headers(secret), secret=readable(pair), now=TIME)
    with pytest.raises(SignatureMismatchError, match="no v1 signature, only 'v1a'"):
        verify_webhook(EVENT, headers(pair), secret=secret, now=TIME)
    with pytest.raises(MalformedSecretError):
        verify_webhook(EVENT, headers(pair), secret=pair, now=TIME)
    with pytest.raises(MalformedSecretError):
        verify_webhook(EVENT, headers(pair), secret=readable(pair)[:-8], now=TIME)


def test_a_public_key_makes_no_v1_signature() -> None:
    """What everybody knows is never taken for a shared secret."""
    public = parse_public(PUBLIC)
    forged = Signer(public).token(signed_content(ID, TIME, EVENT))
    for signature in (forged, f"v1a,{forged[3:]}"):
        found = {"svix-id": ID, "svix-timestamp": str(TIME), "svix-signature": signature}
        with pytest.raises(ValueError, match="signature"):
            verify_webhook(EVENT, found, secret=PUBLIC, now=TIME)


def test_a_key_set_names_a_key_by_its_thumbprint() -> None:
    """The example of RFC 8037, appendix A."""
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    made = jwk(base64.urlsafe_b64decode(x + "="))
    assert made["x"] == x
    assert made["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    raw = base64.urlsafe_b64decode(jwk(parse_pair(PAIR).public)["x"] + "=")
    signature = base64.b64decode(TOKEN[4:])
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, signed_content(ID, TIME, BODY))


def test_without_the_library_the_error_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install; v1 works as ever."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    secret, key = generate_secret(), "whpk_" + base64.b64encode(bytes(32)).decode()
    with pytest.raises(MissingCryptographyError, match="pip install cryptography") as error:
        verify_webhook(EVENT, headers(secret), secret=key, now=TIME)
    assert error.value.reason == "missing_cryptography"
    assert verify_webhook(EVENT, headers(secret), secret=secret, now=TIME)


def test_the_receiving_library_does_not_load_it() -> None:
    """Nothing of it is imported until a public key is used."""
    code = "import sys, json, consignease.webhooks; print(json.dumps(list(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert not [one for one in json.loads(out.stdout) if one.startswith("cryptography")]
