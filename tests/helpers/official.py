"""The official description of the Backend API, where it is at hand."""

import functools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

PATH = Path(__file__).parents[3] / "shared" / "openapi" / "backend-api-2026-05-12.yml"
checked: Counter[str] = Counter()
"""How many answers were checked, by operation."""


@functools.cache
def document() -> dict[str, Any] | None:
    """The document, with its nullable members as JSON Schema has them; None if it is not here."""
    if not PATH.is_file():
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with PATH.open(encoding="utf-8") as file:
        return _modern(yaml.load(file, loader))


def _modern(part: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema 2020-12."""
    if isinstance(part, list):
        return [_modern(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {name: _modern(one) for name, one in part.items() if name != "discriminator"}
    if made.pop("nullable", False) is not True:
        return made
    if isinstance(made.get("enum"), list):
        made["enum"] = [*made["enum"], None]
    return {"anyOf": [made, {"type": "null"}]}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to one of the document's components."""
    while "$ref" in part:
        found: Any = document()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


@functools.cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    paths = (document() or {"paths": {}})["paths"]
    # The one with fewest parameters first: /users/count is not /users/{user_id}.
    ordered = sorted(paths, key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in ordered]


@functools.cache
def _validator(path: str, method: str, status: int) -> Any:
    found = document()
    assert found
    responses = found["paths"][path][method]["responses"]
    schema: dict[str, Any] = {"$ref": "#/components/schemas/ClerkErrors"}
    if status < 400:
        content = resolved(responses[str(status)]).get("content")
        if content is None:
            return None
        schema = content["application/json"]["schema"]
    return jsonschema_rs.validator_for({**schema, "components": found["components"]})


def check(method: str, path: str, status: int, body: bytes) -> None:
    """Check an answer of ours, to a request below /v1, against the official schema."""
    if document() is None:
        return
    template = next(template for pattern, template in _templates() if pattern.fullmatch(path))
    validator = _validator(template, method.lower(), status)
    if validator is not None:
        validator.validate(json.loads(body))
    checked[f"{method} {template}"] += 1
