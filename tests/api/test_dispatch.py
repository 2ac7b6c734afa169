"""What every API does alike: paths, methods, bodies in pieces, faults of our own."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consignease.api.clerk_backend import OPS, ClerkDialect
from consignease.api.dispatch import Api
from consignease.api.errors import Errors, Malformed, mismatch, svix_error
from consignease.api.openapi import document
from consignease.api.ops import Call, Op
from consignease.api.routes import Routes
from consignease.domain import faults
from tests.helpers.backend import KEY, Backend, open_backend, request

pytestmark = pytest.mark.anyio


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with open_backend(tmp_path) as opened:
        yield opened


async def test_a_slash_at_the_end_makes_no_difference(backend: Backend) -> None:
    """Both spellings are answered at once, never redirected."""
    user = (await backend.call("POST", "/users/", {})).json
    assert (await backend.call("GET", "/users/")).json == [user]
    assert (await backend.call("GET", f"/users/{user['id']}/")).json == user


@pytest.mark.parametrize(
    "path", ["/user", "/users//", "/users/a/b", "/", "", "/users/a/metadata/b"]
)
async def test_an_unknown_path_is_not_found_in_json(backend: Backend, path: str) -> None:
    """404 in the error shape, with a key or without."""
    for key in (KEY, None):
        answer = await backend.call("GET", path, key=key)
        assert answer.status == 404
        assert answer.error["code"] == "resource_not_found"


async def test_a_wrong_method_is_told_the_right_ones(backend: Backend) -> None:
    """405 in the error shape with Allow (RFC 9110, 15.5.6)."""
    answer = await backend.call("PUT", "/users")
    assert answer.status == 405
    assert answer.error["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_options_needs_no_key(backend: Backend) -> None:
    """204 with Allow and no body."""
    answer = await backend.call("OPTIONS", "/users/count", key=None)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "content-type" not in answer.headers


async def test_head_is_get_without_the_body(backend: Backend) -> None:
    """Status and headers are those of GET (RFC 9110, 9.3.2)."""
    got = await backend.call("GET", "/users/count")
    head = await backend.call("HEAD", "/users/count")
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.body))


async def test_every_answer_has_a_trace_id_of_its_own(backend: Backend) -> None:
    """32 hexadecimal digits, in the headers of successes too."""
    answers = [await backend.call("GET", path) for path in ("/users", "/users", "/nothing")]
    traces = {answer.headers["x-clerk-trace-id"] for answer in answers}
    assert len(traces) == 3
    assert all(len(trace) == 32 and int(trace, 16) >= 0 for trace in traces)


async def test_the_version_is_only_echoed_when_it_is_plain(backend: Backend) -> None:
    """What a client sends does not reach our headers unchecked."""
    for version in ("2026-05-12 x", "x" * 33, ""):
        answer = await backend.call("GET", "/users", version=version)
        assert answer.headers["clerk-api-version"] == "2026-05-12"


def failing(backend: Backend, error: Exception) -> Api:
    """Make an API with one operation that fails."""

    async def fail(call: Call[None, None]) -> bytes:
        raise error

    op = Op(method="GET", path="/v1/fail", name="Fail", summary="", handler=fail)
    return Api([op], ClerkDialect(), backend.services())


async def get(api: Api, path: str) -> Any:
    return await request(api, "GET", path, "", b"", {"authorization": f"Bearer {KEY}"})


async def test_a_fault_of_our_own_is_logged_once_under_the_trace_id(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """500 tells nothing but the trace id under which the log has the rest."""
    with caplog.at_level(logging.ERROR):
        answer = await get(failing(backend, ZeroDivisionError("secret")), "/v1/fail")
    assert answer.status == 500
    trace = answer.json["clerk_trace_id"]
    assert answer.error["code"] == "internal_error"
    assert trace in answer.error["long_message"]
    assert b"secret" not in answer.body
    (record,) = caplog.records
    assert trace in record.getMessage()
    assert record.exc_info is not None


async def test_what_cannot_be_done_now_asks_to_try_again(backend: Backend) -> None:
    """503 with Retry-After."""
    answer = await get(failing(backend, faults.Unavailable("busy")), "/v1/fail")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.error["code"] == "service_unavailable"


async def test_answers_are_observed_by_operation(backend: Backend) -> None:
    """Metrics learn the operation's name and status, never the path."""
    await backend.call("GET", "/users")
    await backend.call("GET", "/users/user_x")
    await backend.call("GET", "/nothing")
    assert backend.seen == [("GetUserList", 200), ("GetUser", 404), ("none", 404)]


async def test_a_client_that_hangs_up_is_not_answered(backend: Backend) -> None:
    """A request that never arrived whole changes nothing."""
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/users",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {KEY}".encode())],
    }
    await backend.api(scope, receive, send)
    assert await backend.events() == []


def test_literal_segments_win_and_parameters_are_the_way_back() -> None:
    """/a/b is found before /a/{x}, and /a/b/c still reaches /a/{x}/c."""
    routes: Routes[str] = Routes()
    assert routes.add("GET", "/a/{x}", "one") == ("x",)
    routes.add("GET", "/a/b", "two")
    assert routes.add("GET", "/a/{x}/c/{y}", "three") == ("x", "y")
    assert routes.find("/a/b") == ({"GET": "two"}, [])
    assert routes.find("/a/z/") == ({"GET": "one"}, ["z"])
    assert routes.find("/a/b/c/d") == ({"GET": "three"}, ["b", "d"])
    assert routes.find("/a") is routes.find("/a//c/d") is routes.find("/a/b/c") is None
    with pytest.raises(ValueError, match="two operations"):
        routes.add("GET", "/a/{z}", "four")


class Inner(msgspec.Struct):
    """A nested body."""

    url: str


class Outer(msgspec.Struct):
    """A body with something inside."""

    items: list[Inner]
    n: int | None = None


@pytest.mark.parametrize(
    ("raw", "loc", "code"),
    [
        (b'{"items":[{"url":1}]}', ["body", "items", "[0]", "url"], "form_param_format_invalid"),
        (b'{"items":[{}]}', ["body", "items", "[0]", "url"], "form_param_nil"),
        (b"{}", ["body", "items"], "form_param_nil"),
        (b"[]", ["body"], "form_param_format_invalid"),
        (b'{"items":[],"n":"x"}', ["body", "n"], "form_param_format_invalid"),
    ],
)
def test_a_mismatch_knows_its_place(raw: bytes, loc: list[str], code: str) -> None:
    """The path is kept step by step, and Svix clients get it as their list."""
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(raw, type=Outer)
    fault = mismatch(raised.value, "body")
    assert (fault.loc, fault.code) == (loc, code)
    status, body = svix_error(fault, "")
    (item,) = msgspec.json.decode(body)["detail"]
    assert (status, item["loc"], item["type"]) == (422, loc, "value_error")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (faults.Unauthenticated("x"), 401, "authentication_failed"),
        (faults.Forbidden("x"), 403, "authorization_invalid"),
        (faults.NotFound("x"), 404, "not_found"),
        (faults.Conflict("x", code="conflict"), 409, "conflict"),
        (faults.TooLarge("x"), 413, "payload_too_large"),
        (faults.Unavailable("x"), 503, "service_unavailable"),
    ],
)
def test_other_faults_have_a_code_and_a_detail_for_svix(
    fault: faults.Fault, status: int, code: str
) -> None:
    """Everything but 422 is a code and a text."""
    got, body = svix_error(fault, "")
    assert (got, msgspec.json.decode(body)) == (status, {"code": code, "detail": "x"})


def test_invalid_content_is_a_list_for_svix() -> None:
    """Their clients fail on a 422 whose detail is no list; malformed JSON is one, too."""
    for fault, loc, kind in (
        (faults.Invalid("x", param="url"), ["body", "url"], "value_error"),
        (faults.Invalid("x"), ["body"], "value_error"),
        (Malformed("x"), ["body"], "value_error.jsondecode"),
    ):
        status, body = svix_error(fault, "")
        expected = {"detail": [{"loc": loc, "msg": "x", "type": kind}]}
        assert (status, msgspec.json.decode(body)) == (422, expected)


def test_the_description_names_every_operation() -> None:
    """Paths, parameters and references of the OpenAPI document hold together."""
    described = document(OPS, title="Backend API", version="1", errors=Errors)
    operations = {
        operation["operationId"]: operation
        for methods in described["paths"].values()
        for operation in methods.values()
    }
    assert set(operations) == {op.name for op in OPS}
    assert len(operations) == len(OPS)
    names = {p["name"] for p in operations["GetUserList"]["parameters"] if p["in"] == "query"}
    assert {"limit", "offset", "order_by", "email_address"} <= names
    text = msgspec.json.encode(described).decode()
    for name in text.split("#/components/schemas/")[1:]:
        assert name.split('"')[0] in described["components"]["schemas"]
