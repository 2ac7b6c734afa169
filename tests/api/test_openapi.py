"""The Backend API does what its OpenAPI document says, whatever is sent to it."""

import itertools
import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from consignease.api.clerk_backend import OPS, description
from tests.helpers.server import RunningServer

OFFICIAL = Path(__file__).parents[3] / "shared" / "openapi" / "backend-api-2026-05-12.yml"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


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


class Prepared:
    """Puts things that exist into two of three generated requests, so that many succeed."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self.name = name
        self.key = server.keys().secret_key
        self.base_url = server.base_url
        self.turn = 0

    def user(self) -> dict[str, Any]:
        self.turn = next(TURNS)
        body: dict[str, Any] = {"email_address": [f"p{self.turn}@example.com"]}
        if self.name == "VerifyPassword":  # hashing takes its time
            body["password"] = PASSWORD
        made = httpx.post(f"{self.base_url}/v1/users", json=body, headers=self.headers)
        return made.raise_for_status().json()

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def fill(self, case: Any, path: str, number: int) -> None:
        if number % 3 == 0:
            return
        if "{" in path:
            user = self.user()
            known = {"user_id": user["id"], "email_address_id": user["primary_email_address_id"]}
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        body = case.body
        if isinstance(body, dict):
            if "user_ids" in body:
                body["user_ids"] = [self.user()["id"]]
            if "user_id" in body:
                body["user_id"] = self.user()["id"]
            if isinstance(body.get("email_address"), str):
                body["email_address"] = f"n{next(TURNS)}@example.com"
            elif body.get("email_address"):
                body["email_address"] = [f"l{next(TURNS)}@example.com"]
            if path.endswith("verify_password") and isinstance(body.get("password"), str):
                body["password"] = PASSWORD


PASSWORD = "correct horse battery"


@pytest.mark.parametrize("name", [op.name for op in OPS])
def test_no_generated_request_gets_an_answer_that_is_not_described(
    server: RunningServer, name: str
) -> None:
    """Never a 5xx, never a status, type or member that the document does not have."""
    schema = schemathesis.openapi.from_dict(description())
    operation = next(
        one.ok()
        for one in schema.get_all_operations()
        if one.ok().definition.raw["operationId"] == name
    )
    prepared, statuses = Prepared(server, name), Counter[int]()

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
        case.validate_response(response, checks=CHECKS)

    send()
    share = statuses[200] / sum(statuses.values())
    print(f"{name}: {dict(statuses)}, {share:.0%} succeed")
    assert share >= 0.3, statuses


CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


def test_the_official_document_has_every_operation_and_status() -> None:
    """Same paths, methods and names; where the official document is at hand."""
    if not OFFICIAL.is_file():
        pytest.skip("the official document is not here")
    import yaml

    document = yaml.safe_load(OFFICIAL.read_text(encoding="utf-8"))
    official, components = document["paths"], document["components"]["parameters"]
    ours = description()["paths"]
    assert sum(len(methods) for methods in ours.values()) == len(OPS)
    for path, methods in ours.items():
        theirs = official[path.removeprefix("/v1")]
        for method, operation in methods.items():
            assert operation["operationId"] == theirs[method]["operationId"]
            mine = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
            shared = (
                p.get("$ref", "").rpartition("/")[2] for p in theirs[method].get("parameters", [])
            )
            known = {p.get("name") for p in theirs[method].get("parameters", [])}
            known |= {components[name]["name"] for name in shared if name}
            assert mine - known <= ADDED.get(operation["operationId"], set()), path


ADDED = {"GetUserList": {"paginated"}}
"""Query parameters that the official document does not name but official clients send."""
