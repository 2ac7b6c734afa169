"""What is refused, in what words, and that nothing is written then."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consignease.api.ops import BODY_LIMIT
from tests.helpers.backend import Backend, open_backend

pytestmark = pytest.mark.anyio

UNKNOWN = "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S"


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


BAD_VALUES = [
    ("email_address", ["no-at"], "form_param_format_invalid"),
    ("email_address", ["a@b"], "form_param_format_invalid"),
    ("email_address", ["a@-b.example"], "form_param_format_invalid"),
    ("email_address", ["a..b@example.com"], "form_param_format_invalid"),
    ("email_address", ["a b@example.com"], "form_param_format_invalid"),
    ("email_address", ["a@example.com\nb@example.com"], "form_param_format_invalid"),
    ("email_address", ["a\0@example.com"], "form_param_format_invalid"),
    ("email_address", ["a@127.0.0.1"], "form_param_format_invalid"),
    ("email_address", ["x" * 65 + "@example.com"], "form_param_format_invalid"),
    ("email_address", ["a@" + "b" * 64 + ".example"], "form_param_format_invalid"),
    ("email_address", ["a@" + "bcd." * 70 + "example"], "form_param_format_invalid"),
    ("email_address", [""], "form_param_format_invalid"),
    ("email_address", "a@example.com", "form_param_format_invalid"),
    ("email_address", [1], "form_param_format_invalid"),
    ("email_address", [f"u{n}@example.com" for n in range(31)], "form_param_value_invalid"),
    ("email_address_identification_status", ["verified"], "form_param_value_invalid"),
    ("username", "abc", "form_username_invalid_length"),
    ("username", "a" * 65, "form_username_invalid_length"),
    ("username", "zoë-99", "form_username_invalid_character"),
    ("username", "a b c", "form_username_invalid_character"),
    ("username", "abcd\n", "form_username_invalid_character"),
    ("username", 12345, "form_param_format_invalid"),
    ("first_name", "x" * 257, "form_param_max_length_exceeded"),
    ("last_name", "x\0y", "form_param_format_invalid"),
    ("first_name", ["x"], "form_param_format_invalid"),
    ("locale", "x" * 65, "form_param_max_length_exceeded"),
    ("external_id", "x" * 257, "form_param_max_length_exceeded"),
    ("password", "1234567", "form_password_length_too_short"),
    ("password", "é" * 513, "form_password_size_in_bytes_exceeded"),
    ("password", True, "form_param_format_invalid"),
    ("public_metadata", [], "form_param_format_invalid"),
    ("public_metadata", "{}", "form_param_format_invalid"),
    ("public_metadata", {"a": {"__proto__": {}}}, "form_param_value_invalid"),
    ("unsafe_metadata", {"constructor": {"prototype": 1}}, "form_param_value_invalid"),
    ("private_metadata", {"n": 2**53}, "form_param_value_invalid"),
    ("private_metadata", {"x": "y" * 65_536}, "form_param_max_length_exceeded"),
    ("create_organizations_limit", -1, "form_param_value_invalid"),
    ("create_organizations_limit", 1.5, "form_param_format_invalid"),
    ("delete_self_enabled", "yes", "form_param_format_invalid"),
    ("banned", 1, "form_param_format_invalid"),
    ("created_at", "yesterday", "form_param_value_invalid"),
    ("created_at", "2012-10-20T07:15:20", "form_param_value_invalid"),
    ("created_at", "1969-12-31T23:59:59Z", "form_param_value_invalid"),
    ("created_at", 1350710120902, "form_param_format_invalid"),
    ("legal_accepted_at", "2012-13-20T07:15:20Z", "form_param_value_invalid"),
    ("phone_number", ["5555550100"], "form_param_format_invalid"),
    ("web3_wallet", ["0x1"], "form_param_not_supported"),
    ("totp_secret", "ABC", "form_param_value_invalid"),
    ("backup_codes", [""], "form_param_value_invalid"),
    ("password_digest", 1, "form_param_format_invalid"),
    ("password_digest", "x" * 1025, "form_param_value_invalid"),
]


@pytest.mark.parametrize(("param", "value", "code"), BAD_VALUES)
async def test_a_bad_value_is_a_form_error_that_names_its_parameter(
    backend: Backend, param: str, value: Any, code: str
) -> None:
    """422 with the code official clients translate; neither user nor event exists."""
    answer = await backend.call("POST", "/users", {param: value})
    assert answer.status == 422, answer.body
    assert answer.error["code"] == code
    assert answer.error["meta"] == {"param_name": param}
    assert (await backend.call("GET", "/users/count")).json["total_count"] == 0
    assert await backend.events() == []
    assert backend.hashed == []


@pytest.mark.parametrize(
    ("param", "value"),
    [(p, v) for p, v, _ in BAD_VALUES if p in {"username", "last_name", "password", "created_at"}]
    + [("primary_phone_number_id", "idn_x"), ("primary_web3_wallet_id", "x")]
    + [("profile_image_id", "img_x"), ("totp_secret", "x"), ("backup_codes", "x")],
)
async def test_a_bad_value_in_an_update_changes_nothing(
    backend: Backend, param: str, value: Any
) -> None:
    """The user stays as it was, whatever else the same request asked for."""
    user = (await backend.call("POST", "/users", {"first_name": "A"})).json
    path = f"/users/{user['id']}"
    answer = await backend.call("PATCH", path, {"first_name": "B", param: value})
    assert answer.status == 422
    assert answer.error["meta"] == {"param_name": param}
    assert (await backend.call("GET", path)).json == user
    assert len(await backend.events()) == 1


@pytest.mark.parametrize(("empty", "none"), [(None, None), ("", []), ([], [])])
async def test_what_is_not_offered_may_be_sent_empty(
    backend: Backend, empty: object, none: object
) -> None:
    """Clients that always send every member still work."""
    body = {"phone_number": none, "web3_wallet": empty, "totp_secret": "", "backup_codes": none}
    assert (await backend.call("POST", "/users", body)).status == 200


TAKEN = [
    ("email_address", ["Taken@Example.com"], ["taken@example.COM"]),
    ("username", "Taken-1", "tAKEN-1"),
    ("external_id", "taken", "taken"),
]


@pytest.mark.parametrize(("param", "first", "second"), TAKEN)
async def test_a_taken_identifier_is_a_form_error(
    backend: Backend, param: str, first: Any, second: Any
) -> None:
    """422 form_identifier_exists, as the vendor has it; nothing is written."""
    assert (await backend.call("POST", "/users", {param: first})).status == 200
    body = {"email_address": ["free@example.com"], param: second}
    answer = await backend.call("POST", "/users", body)
    assert answer.status == 422
    assert answer.error["code"] == "form_identifier_exists"
    assert answer.error["meta"] == {"param_name": param}
    assert (await backend.call("GET", "/users/count")).json["total_count"] == 1
    assert len(await backend.events()) == 1


@pytest.mark.parametrize(("param", "first", "second"), TAKEN[1:])
async def test_an_update_cannot_take_what_is_taken(
    backend: Backend, param: str, first: Any, second: Any
) -> None:
    """The other user's username or external id is refused, one's own is not."""
    taken = (await backend.call("POST", "/users", {param: first})).json
    user = (await backend.call("POST", "/users", {})).json
    path = f"/users/{user['id']}"
    answer = await backend.call("PATCH", path, {param: second, "first_name": "A"})
    assert answer.status == 422
    assert answer.error["code"] == "form_identifier_exists"
    assert (await backend.call("GET", path)).json == user
    own = await backend.call("PATCH", f"/users/{taken['id']}", {param: second})
    assert own.json[param] == second


async def test_one_address_twice_in_one_request_is_refused(backend: Backend) -> None:
    """The second spelling of an address is the same address."""
    body = {"email_address": ["a@example.com", "A@EXAMPLE.com"]}
    answer = await backend.call("POST", "/users", body)
    assert (answer.status, answer.error["code"]) == (422, "form_identifier_exists")
    assert await backend.events() == []


BAD_BODIES = [
    b"{",
    b"nonsense",
    b'{"public_metadata": {"a": "\xff"}}',
    b'{"first_name": "\\ud800"}',
    b'{"first_name": "a"} x',
    b'{"public_metadata": {"a": NaN}}',
    b"\x00",
    b"first_name=A&last_name=B",
]


@pytest.mark.parametrize("raw", BAD_BODIES)
async def test_a_body_that_is_not_json_is_a_bad_request(backend: Backend, raw: bytes) -> None:
    """400 in the error shape, whatever the bytes are."""
    for method, path in (
        ("POST", "/users"),
        ("PATCH", f"/users/{UNKNOWN}"),
        ("PATCH", f"/users/{UNKNOWN}/metadata"),
    ):
        answer = await backend.call(method, path, raw=raw)
        assert answer.status == 400, answer.body
        assert answer.error["code"] == "request_body_invalid"


@pytest.mark.parametrize("depth", [101, 5_000, 150_000])
async def test_a_body_that_is_nested_too_deeply_is_refused(backend: Backend, depth: int) -> None:
    """By the rule of what is kept; beyond what the interpreter's own stack holds, as unreadable."""
    raw = b'{"public_metadata": ' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)
    for method, path in (("POST", "/users"), ("PATCH", f"/users/{UNKNOWN}/metadata")):
        answer = await backend.call(method, path, raw=raw)
        assert answer.status in {400, 422}, answer.body
        assert answer.error["code"] in {"request_body_invalid", "form_param_value_invalid"}
        assert len(answer.body) < 2_000


@pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b'"x"', b"true"])
async def test_a_body_that_is_no_object_is_unprocessable(backend: Backend, raw: bytes) -> None:
    """422: it is JSON, but not what was asked for."""
    answer = await backend.call("POST", "/users", raw=raw)
    assert answer.status == 422
    assert answer.error["meta"] == {}


async def test_a_body_over_the_limit_is_too_large(backend: Backend) -> None:
    """413, by its declared length or, without one, by what arrives."""
    raw = json.dumps({"first_name": "x" * BODY_LIMIT}).encode()
    for headers in ({}, {"content-length": "nonsense"}):
        answer = await backend.call("POST", "/users", raw=raw, headers=headers)
        assert answer.status == 413
        assert answer.error["code"] == "request_body_too_large"
        assert f"{BODY_LIMIT:,}" in answer.error["long_message"]


@pytest.mark.parametrize("key", [None, "", "sk_live_wrong", "sk_live_test x"])
async def test_without_a_valid_key_nothing_is_answered(backend: Backend, key: str | None) -> None:
    """401 before anything of the request is looked at."""
    for method, path in (("GET", "/users"), ("POST", "/users"), ("DELETE", f"/users/{UNKNOWN}")):
        answer = await backend.call(method, path, raw=b"{", key=key)
        assert answer.status == 401
        assert answer.error["code"] == "authentication_invalid"
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_another_scheme_is_no_key(backend: Backend) -> None:
    """Only bearer tokens are keys; the scheme's case does not matter (RFC 9110, 11.1)."""
    for value, status in (("Basic c2s6", 401), ("sk_live_test", 401), ("bearer sk_live_test", 200)):
        answer = await backend.call("GET", "/users", headers={"authorization": value})
        assert answer.status == status


@pytest.mark.parametrize("user_id", [UNKNOWN, "user_x", "%27;--", "🎉", "..", "x" * 5_000])
async def test_an_unknown_user_is_not_found(backend: Backend, user_id: str) -> None:
    """404 with the id that was asked for, on every call that names a user."""
    for method, path in (
        ("GET", f"/users/{user_id}"),
        ("PATCH", f"/users/{user_id}"),
        ("DELETE", f"/users/{user_id}"),
        ("PATCH", f"/users/{user_id}/metadata"),
    ):
        answer = await backend.call(method, path, {})
        assert answer.status == 404
        assert answer.error["code"] == "resource_not_found"
        assert user_id in answer.error["long_message"]


async def test_metadata_may_fill_its_limit_but_not_exceed_it(backend: Backend) -> None:
    """The limit holds for the three together, also through merges; the event still fits."""
    user = (await backend.call("POST", "/users", {"public_metadata": {"a": "x" * 60_000}})).json
    path = f"/users/{user['id']}/metadata"
    fits = await backend.call("PATCH", path, {"private_metadata": {"b": "y" * 5_500}})
    assert fits.status == 200
    over = await backend.call("PATCH", path, {"unsafe_metadata": {"c": "é" * 20}})
    assert over.status == 422
    assert over.error["code"] == "form_param_max_length_exceeded"
    assert "65,536" in over.error["long_message"]
    assert (await backend.call("GET", f"/users/{user['id']}")).json == fits.json
    assert len(await backend.events()) == 2


async def test_the_largest_user_fits_into_an_event(backend: Backend) -> None:
    """Every member at its limit, in characters that take most room, is still delivered."""
    body = {
        "email_address": [f"{'a' * 62}{n:02}@{'b' * 60}.{'c' * 60}.example" for n in range(30)],
        "first_name": "\x01" * 256,
        "last_name": "\x01" * 256,
        "external_id": "\x01" * 256,
        "username": "u" * 64,
        "locale": "\x01" * 64,
        "public_metadata": {"a": "x" * 65_524},
    }
    answer = await backend.call("POST", "/users", body)
    assert answer.status == 200, answer.body
    (event,) = await backend.events()
    assert len(json.dumps(event, ensure_ascii=False, separators=(",", ":"))) > 85_000


async def test_metadata_merged_too_deep_is_refused(backend: Backend) -> None:
    """A merge cannot make what could not have been given at once."""
    deep: dict[str, Any] = {}
    for _ in range(101):
        deep = {"a": deep}
    user = (await backend.call("POST", "/users", {})).json
    answer = await backend.call("PATCH", f"/users/{user['id']}/metadata", {"public_metadata": deep})
    assert answer.status == 422
    assert answer.error["code"] == "form_param_value_invalid"
