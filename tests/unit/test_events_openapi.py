"""Our examples against the vendor's public description of its webhooks, and its own against us."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator

from consignease.wire.catalogue import example_body
from consignease.wire.events import EVENT_TYPES, WebhookEventType, decode_event
from consignease.wire.json import JSON, dumps, loads

Schema = dict[str, Any]

FILE = Path(__file__).parents[3] / "shared" / "openapi" / "webhooks-2025-04-15.yml"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the description is not beside the repo")

NOT_DESCRIBED: dict[str, WebhookEventType] = {
    "subscriptionItem.created": "subscriptionItem.updated"
}
"""Events that only the vendor's JavaScript types know, with the one that looks the same."""


@cache
def description() -> Schema:
    loader = getattr(
        yaml, "CSafeLoader", yaml.SafeLoader
    )  # twenty times as fast, where there is one
    return cast("Schema", yaml.load(FILE.read_text(), Loader=loader))


def correct(schemas: Schema) -> None:
    """Undo the file's known mistakes.

    The members that it closes its objects against are in the vendor's own
    JavaScript types; that is undone in `translate`.
    """
    schemas["Session"]["properties"]["status"]["enum"].append("pending")  # its example has it
    schemas["PaymentAttemptEventPayload"]["required"].remove("invoice_id")  # deprecated, not sent
    # Nested once too deep: its own example has public_organization_data nowhere.
    schemas["OrganizationInvitationAcceptedPayload"]["allOf"][1]["required"].remove("data")
    # The JavaScript types demand the member and let it be null; an empty list would be untrue.
    schemas["User"]["properties"]["organization_memberships"]["nullable"] = True


def translate(node: Any) -> Any:
    """Turn OpenAPI 3.0 into JSON Schema: `nullable` becomes a type, closed objects open."""
    if isinstance(node, list):
        return [translate(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    given = cast("Schema", node)
    skip = {"nullable", "example", "additionalProperties"}
    made = {key: translate(value) for key, value in given.items() if key not in skip}
    return {"anyOf": [made, {"type": "null"}]} if given.get("nullable") is True else made


@cache
def validators() -> Callable[[str], Draft202012Validator]:
    schemas = deepcopy(description()["components"]["schemas"])
    correct(schemas)
    schemas = translate(schemas)

    def validator(name: str) -> Draft202012Validator:
        described = operation(NOT_DESCRIBED.get(name, name))["schema"]
        schema = translate(described) | {"components": {"schemas": schemas}}
        return Draft202012Validator(schema)

    return validator


def operation(name: str) -> Schema:
    post = description()["x-webhooks"][name]["post"]
    return cast("Schema", post["requestBody"]["content"]["application/json"])


def described_example(name: str) -> JSON:
    content = operation(name)
    if "example" in content:
        return cast("JSON", content["example"])
    (reference,) = content["examples"].values()
    key = reference["$ref"].rpartition("/")[2]
    return cast("JSON", description()["components"]["examples"][key]["value"])


def problems(name: str, body: JSON) -> list[str]:
    errors = cast("Any", validators()(name)).iter_errors(body)
    return [f"{error.json_path}: {error.message}" for error in errors]


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_our_example_fits_the_description(name: WebhookEventType) -> None:
    """Every event has all that the vendor's description demands, in the right types."""
    assert problems(name, loads(example_body(name))) == []


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_vendors_example_is_read(name: WebhookEventType) -> None:
    """What the vendor shows as its payload decodes as that event and is not bent on the way."""
    if name in NOT_DESCRIBED:
        assert name not in description()["x-webhooks"]
        return
    shown = described_example(name)
    event = decode_event(dumps(shown))
    assert event.type == name
    assert lost(shown, loads(dumps(event))) == UNREAD.get(name, [])


IS_PRORATED = "$.data.subscription_items[0].plan.is_prorated"
UNREAD = {"paymentAttempt.created": [IS_PRORATED], "paymentAttempt.updated": [IS_PRORATED]}
"""Members of the vendor's examples that neither of its descriptions knows."""


def lost(shown: JSON, read: JSON, path: str = "$") -> list[str]:
    """Name the members of `shown` that are not the same in `read`."""
    if isinstance(shown, dict) and isinstance(read, dict):
        missing = [f"{path}.{key}" for key in shown if key not in read]
        both = [key for key in shown if key in read]
        return missing + [at for key in both for at in lost(shown[key], read[key], f"{path}.{key}")]
    if isinstance(shown, list) and isinstance(read, list) and len(shown) == len(read):
        pairs = enumerate(zip(shown, read, strict=True))
        return [at for i, (a, b) in pairs for at in lost(a, b, f"{path}[{i}]")]
    return [] if shown == read else [path]


def test_the_catalogue_has_all_described_events() -> None:
    """The description's 45 events and the one that it forgot are all there are."""
    assert set(description()["x-webhooks"]) | set(NOT_DESCRIBED) == set(EVENT_TYPES)


def test_the_check_can_fail() -> None:
    """A missing member, a wrong type and an unknown verification are found."""
    body = cast("Any", loads(example_body("user.created")))
    del body["data"]["banned"]
    body["data"]["created_at"] = "yesterday"
    body["data"]["email_addresses"][0]["verification"]["status"] = "maybe"
    found = "\n".join(problems("user.created", body))
    assert "banned" in found
    assert "$.data.created_at" in found
    assert "$.data.email_addresses[0].verification" in found
