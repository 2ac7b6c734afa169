"""The webhook API does what its OpenAPI document says, whatever is sent to it."""

import itertools
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from consignease.api.svix import description, svix_ops
from consignease.edge.guard import DEVELOPMENT
from consignease.edge.vault import Vault
from tests.api.test_openapi import CHECKS
from tests.helpers.server import Client, RunningServer

OPS = svix_ops(Vault({1: bytes(32)}), {"development": DEVELOPMENT})
DOCUMENT = description(OPS)
TURNS = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    made = server.client()
    yield made
    made.close()


def test_the_document_is_served_without_a_key(server: RunningServer) -> None:
    """And lists every operation that is offered."""
    served = httpx.get(f"{server.base_url}/api/v1/openapi.json").json()
    assert sum(len(methods) for methods in served["paths"].values()) == len(OPS)


ALWAYS: dict[str, dict[str, Any]] = {
    "v1.message.create": {"payload": {"a": 1}},
    "v1.event-type.import-openapi": {"spec": {"webhooks": {"t.imported": {}}}},
}
"""What a body must have that the schema cannot say."""


class Prepared:
    """Puts things that exist into two of three generated requests."""

    def __init__(self, server: RunningServer, client: Client, name: str) -> None:
        self.name = name
        self.headers = {"authorization": f"Bearer {server.keys().secret_key}"}
        self.client = client

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        made = self.client.call("POST", f"/api/v1{path}", body)
        assert made.status < 300, made
        return made.json

    def fill(self, case: Any, number: int) -> None:
        if number % 3 == 0:
            return
        turn = next(TURNS)
        if case.path_parameters:
            app = self.post("/app", {"name": "x"})["id"]
            known = {"app_id": app}
            if "endpoint_id" in case.path_parameters:
                body = {"url": "http://127.0.0.1:9/"}
                known["endpoint_id"] = self.post(f"/app/{app}/endpoint", body)["id"]
            if {"sink_id", "destination_id"} & set(case.path_parameters):
                body = {"type": "pollingEndpoint"}
                made = self.post(f"/app/{app}/destination", body)["id"]
                known |= {"sink_id": made, "destination_id": made, "consumer_id": "one"}
            if "msg_id" in case.path_parameters:
                body = {"eventType": "a.b", "payload": {}}
                known["msg_id"] = self.post(f"/app/{app}/msg", body)["id"]
            if "event_type_name" in case.path_parameters:
                body = {"name": f"t.{turn}", "description": ""}
                known["event_type_name"] = self.post("/event-type", body)["name"]
            here = set(case.path_parameters)
            case.path_parameters |= {name: known[name] for name in here & set(known)}
        if isinstance(case.query, dict):
            case.query.pop("iterator", None)
            case.query.pop("wait", None)  # the log does not grow here
        if isinstance(case.body, dict):
            right: dict[str, Any] = {
                "url": "http://127.0.0.1:9/",
                "uid": f"u{turn}",
                "name": f"n{turn}",
                "eventType": "user.created",
                "eventTypes": ["user.created"],
                "filterTypes": ["user.created"],
                "payload": {"a": 1},
                "data": {},
                "eventId": f"e{turn}",
                "channels": ["a"],
                "tags": ["t"],
                "ids": ["msg_none"],
                "headers": {"x-a": "b"},
                "metadata": {},
                "description": "d",
                "ordering": "none",
                "secret": None,
                "key": None,
                "after": "2026-01-02T03:04:05Z",
            }
            for name in (
                "deliverAt",
                "payloadRetentionHours",
                "specRaw",
                "transformationsParams",
                "application",
            ):
                case.body.pop(name, None)
            case.body |= {name: right[name] for name in set(right) & set(case.body)}
            case.body |= ALWAYS.get(self.name, {})


@cache
def operations() -> dict[str, Any]:
    """Every operation of the document, by name."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
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
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        prepared.fill(case, sum(statuses.values()))
        response = case.call(base_url=server.base_url, headers=prepared.headers)
        statuses[response.status_code] += 1
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CHECKS)

    send()
    share = sum(number for status, number in statuses.items() if status < 300)
    print(f"{name}: {dict(statuses)}, {share / sum(statuses.values()):.0%} succeed")
