"""The Backend API does what its OpenAPI document says, whatever is sent to it."""

import itertools
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from consignease.api.clerk_backend import OPS, description
from tests.helpers import official
from tests.helpers.server import Client, RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    made = server.client()
    yield made
    made.close()


def fetch(server: RunningServer, path: str, key: str | None = None) -> Any:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    request = urllib.request.Request(server.base_url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_the_document_is_served_without_a_key(server: RunningServer) -> None:
    """What a client generator fetches is what the code says."""
    assert fetch(server, "/openapi/backend-api.json") == json.loads(json.dumps(description()))


def test_tokens_are_verified_with_the_served_keys(server: RunningServer) -> None:
    """The key set is readable for a usual JWT library, and is this instance's alone."""
    for name in ("development", "production"):
        keys = fetch(server, "/v1/jwks", server.keys(name).secret_key)
        (key,) = jwt.PyJWKSet.from_dict(keys).keys
        assert key.key_id == server.keys(name).id
        assert key.algorithm_name == "RS256"


def test_an_instance_tells_what_it_is(server: RunningServer) -> None:
    """The secret key decides which."""
    for name in ("development", "production"):
        shown = fetch(server, "/v1/instance", server.keys(name).secret_key)
        assert (shown["id"], shown["environment_type"]) == (server.keys(name).id, name)


TURNS = itertools.count()


OURS = {"ImportUsers"}
"""Operations that the official API does not have."""
PASSWORD = "correct horse battery"
MD5 = {"password_digest": "900150983cd24fb0d6963f7d28e17f72", "password_hasher": "md5"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


UNKNOWN_IDS = (
    "primary_email_address_id",
    "primary_phone_number_id",
    "primary_web3_wallet_id",
)


class Prepared:
    """Puts things that exist into two of three generated requests, so that many succeed."""

    def __init__(self, server: RunningServer, client: Client, name: str) -> None:
        self.name = name
        self.key = server.keys().secret_key
        self.client = client
        self.turn = 0

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        made = self.client.call("POST", f"/v1{path}", body)
        assert made.status == 200, made
        return made.json

    def user(self) -> dict[str, Any]:
        self.turn = next(TURNS)
        body: dict[str, Any] = {
            "email_address": [f"p{self.turn}@example.com"],
            "phone_number": [f"+1555{self.turn:07}"],
        }
        if self.name == "VerifyPassword":  # hashing takes its time
            body["password"] = PASSWORD
        if self.name == "SetUserPasswordCompromised":
            body |= MD5
        if self.name == "VerifyTOTP":
            body["backup_codes"] = ["right"]
        return self.post("/users", body)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def fill(self, case: Any, path: str, number: int) -> None:
        if number % 3 == 0:
            return
        if "identifier_id" in path:
            body = {"identifier": f"r{next(TURNS)}@example.com"}
            made = self.post(path.removeprefix("/v1").partition("/{")[0], body)
            case.path_parameters = {"identifier_id": made["id"]}
        elif "{" in path:
            user = self.user()
            known = {
                "user_id": user["id"],
                "email_address_id": user["primary_email_address_id"],
                "phone_number_id": user["primary_phone_number_id"],
            }
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        if isinstance(case.body, dict):
            self.fill_body(case.body)

    def fill_body(self, body: dict[str, Any]) -> None:
        turn = next(TURNS)
        right: dict[str, Any] = {
            "email_address": f"n{turn}@example.com",
            "phone_number": f"+1556{turn:07}",
            "identifier": f"i{turn}@example.com",
            "notify": False,
            "code": "right",
            "password": PASSWORD,
            "support_email": "help@example.com",
            "development_origin": "http://localhost:3000",
            "allowed_origins": ["https://example.com"],
            "totp_secret": "A" * 16,
            "file": PNG,
            "reserved_for_second_factor": False,
            "created_at": "2020-01-01T00:00:00Z",
            "legal_accepted_at": "2020-01-01T00:00:00Z",
        }
        for name in ("web3_wallet", "profile_image_id", *UNKNOWN_IDS, *MD5):
            body.pop(name, None)
        for name in set(right) & set(body):
            many = isinstance(body[name], list) and name != "allowed_origins"
            body[name] = [right[name]] if many else right[name]
            if many:
                body.pop(f"{name}_identification_status", None)
        if "user_ids" in body:
            body["user_ids"] = [self.user()["id"]]
        if "user_id" in body:
            body["user_id"] = self.user()["id"]
        if self.name == "SetUserProfileImage":
            body["file"] = PNG


@cache
def operations() -> dict[str, Any]:
    """Every operation of the document, by name."""
    schema = schemathesis.openapi.from_dict(description())
    found = [one.ok() for one in schema.get_all_operations()]
    return {one.definition.raw["operationId"]: one for one in found}


@pytest.mark.parametrize("name", [op.name for op in OPS])
def test_no_generated_request_gets_an_answer_that_is_not_described(
    server: RunningServer, client: Client, name: str
) -> None:
    """Never a 5xx, never a status, type or member that the document does not have."""
    operation = operations()[name]
    prepared, statuses = Prepared(server, client, name), Counter[int]()

    @given(case=operation.as_strategy())
    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        prepared.fill(case, operation.path, sum(statuses.values()))
        response = case.call(base_url=server.base_url, headers=prepared.headers)
        statuses[response.status_code] += 1
        assert response.status_code < 500, response.text
        if name not in OURS and "paginated" not in (case.query or {}):
            path = urlsplit(response.request.url).path.removeprefix("/v1")
            official.check(operation.method, path, response.status_code, response.content)
        case.validate_response(response, checks=CHECKS)

    send()
    share = (statuses[200] + statuses[204]) / sum(statuses.values())
    print(f"{name}: {dict(statuses)}, {share:.0%} succeed")
    assert share >= 0.3, statuses


CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def test_generated_sequences_get_no_answer_that_is_not_described(
    server: RunningServer, client: Client
) -> None:
    """Calls that follow the document's links: what one call made, the next ones use."""
    schema = schemathesis.openapi.from_dict(description())
    prepared, statuses = Prepared(server, client, "CreateUser"), Counter[int]()

    class Sequence(schema.as_state_machine()):
        def before_call(self, case: Any) -> None:
            case.headers = {**(case.headers or {}), **prepared.headers}
            if isinstance(case.body, dict):
                prepared.fill_body(case.body)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            del case
            return {"base_url": server.base_url}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            statuses[response.status_code] += 1
            assert response.status_code < 500, response.text
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(
        Sequence,
        settings=settings(
            max_examples=12,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"sequences: {dict(statuses)}")
    assert statuses[200] >= sum(statuses.values()) * 0.2, statuses


def test_the_difference_to_the_official_document_is_explained() -> None:
    """Same paths, methods and names; every other difference has its reason here."""
    if official.document() is None:
        pytest.skip("the official document is not here")
    document = official.document()
    assert document
    ours = description()
    assert sum(len(methods) for methods in ours["paths"].values()) == len(OPS)
    unexplained: list[str] = []
    for path, methods in ours["paths"].items():
        if OURS & {operation["operationId"] for operation in methods.values()}:
            continue
        theirs = document["paths"][path.removeprefix("/v1")]
        for method, operation in methods.items():
            assert operation["operationId"] == theirs[method]["operationId"]
            unexplained += differences(ours, operation, theirs[method])
    assert unexplained == []


def differences(ours: Any, mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    name = mine["operationId"]
    found: list[str] = []
    known = {official.resolved(one)["name"] for one in theirs.get("parameters", [])}
    named = {one["name"] for one in mine["parameters"]}
    found += [f"{name} takes {one} too" for one in named - known]
    found += [f"{name} does not take {one}" for one in known - named]
    mine_body, their_body = body_of(ours, mine), body_of(official.document(), theirs)
    for what in ("properties", "required"):
        have, want = set(mine_body.get(what, ())), set(their_body.get(what, ()))
        found += [f"{name} body {what} has {one} too" for one in sorted(have - want)]
        found += [f"{name} body {what} lacks {one}" for one in sorted(want - have)]
    have, want = set(mine["responses"]), set(theirs["responses"])
    found += [f"{name} answers {status} too" for status in have - want - EVERYWHERE]
    found += [f"{name} never answers {status}" for status in want - have - NEVER]
    return [one for one in found if not any(part in one for part in EXPLAINED)]


def body_of(document: Any, operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    found = next(iter(content.values()), {}).get("schema", {})
    while "$ref" in found:
        found = document["components"]["schemas"][found["$ref"].rpartition("/")[2]]
    return found


EVERYWHERE = {"400", "401", "403", "413"}
"""Every operation of ours may refuse bad JSON, a bad key, one that is not for it, a large body."""
NEVER = {"402", "500"}
"""Nothing has to be paid for, and a 500 is no promise."""
EXPLAINED = {
    "GetUserList takes paginated too": "official clients send it",
    "UpdateUser body properties has": "versions before 2026-05-12 send metadata here",
    "never answers 409": "what is taken is 422 form_identifier_exists, as for POST /users",
    "answers 404 too": "an unknown user, which the official document forgets here",
    "answers 422 too": "a parameter of a wrong type or value, which it forgets here",
}


def test_every_operation_that_is_not_offered_says_so(server: RunningServer) -> None:
    """A 404 in the official shape, in words; never a 501, which clients try again for an hour."""
    if official.document() is None:
        pytest.skip("the official document is not here")
    document = official.document()
    assert document
    headers = {"authorization": f"Bearer {server.keys().secret_key}"}
    offered = {(op.method.lower(), re.sub(r"\{.*?\}", "x", op.path)) for op in OPS}
    said = 0
    with httpx.Client(base_url=server.base_url, headers=headers) as client:
        for path, methods in document["paths"].items():
            for method in set(methods) & {"get", "post", "put", "patch", "delete"}:
                asked = "/v1" + re.sub(r"\{.*?\}", "x", path)
                if (method, asked) in offered:
                    continue
                answer = client.request(method, asked)
                (error,) = answer.json()["errors"]
                assert answer.status_code == 404, (method, path, answer.text)
                assert "not supported" in error["long_message"], (method, path)
                said += 1
    print(f"{len(OPS)} operations offered, {said} refused in words")
    assert said > 150
