"""The OpenAPI description of a table of operations (OpenAPI 3.1)."""

import inspect
import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from consignease.api.ops import Op

_REF = "#/components/schemas/{name}"
_PARAM = re.compile(r"\{(\w+)\}")
_ALWAYS = {
    400: "Malformed request",
    401: "No valid key",
    403: "Not for this key or token",
    413: "Body too large",
}
_REFUSALS = {
    403: "Not allowed",
    404: "Not found",
    409: "Conflict",
    410: "Not kept any more",
    422: "Invalid parameters",
}


def document(
    ops: Sequence[Op], *, title: str, version: str, errors: type[msgspec.Struct]
) -> dict[str, Any]:
    """Describe operations.

    Args:
        ops: The table.
        title: The API's name.
        version: The API's version.
        errors: Struct of the error answers.

    Returns:
        A JSON-compatible OpenAPI document.
    """
    types: list[Any] = [errors]
    for op in ops:
        types += [kind for kind in (op.body, op.returns) if kind is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    described = iter(schemas)
    error = next(described)
    paths: dict[str, dict[str, Any]] = {}
    for op in ops:
        body = next(described) if op.body is not None else None
        returns = next(described) if op.returns is not None else None
        described_op = _operation(op, body, returns, error)
        links = _links(op, ops)
        if links:
            described_op["responses"][str(op.status)]["links"] = links
        paths.setdefault(op.path, {})[op.method.lower()] = described_op
    for schema in components.values():
        # Since Python 3.13 a docstring comes without the indentation of its lines.
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "security": [{"secretKey": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"secretKey": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    op: Op, body: dict[str, Any] | None, returns: dict[str, Any] | None, error: dict[str, Any]
) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Success"}
    if returns is not None:
        success["content"] = {"application/json": {"schema": returns}}
    refusal = {"application/json": {"schema": error}}
    refused = dict(_ALWAYS) | {status: _REFUSALS[status] for status in op.refuses}
    described: dict[str, Any] = {
        "operationId": op.name,
        "summary": op.summary,
        "parameters": [*_path_parameters(op), *_query_parameters(op)],
        "responses": {str(status): success for status in (op.status, *op.also)}
        | {
            str(status): {"description": text, "content": refusal}
            for status, text in sorted(refused.items())
        },
    }
    if op.tag:
        described["tags"] = [op.tag]
    if body is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": body}}}
    if op.upload:
        file = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {op.upload: file}}
        described["requestBody"] = {"content": {"multipart/form-data": {"schema": form}}}
    return described


def _links(op: Op, ops: Sequence[Op]) -> dict[str, Any]:
    """Say which operations take the id of what an operation creates."""
    if op.method != "POST" or "{" in op.path:
        return {}
    pattern = re.compile(re.escape(op.path) + r"/\{(\w+)\}")
    found = ((other, pattern.match(other.path)) for other in ops)
    return {
        other.name: {"operationId": other.name, "parameters": {named[1]: "$response.body#/id"}}
        for other, named in found
        if named
    }


def _path_parameters(op: Op) -> list[dict[str, Any]]:
    return [_parameter(name, "path", {"type": "string"}) for name in _PARAM.findall(op.path)]


def _query_parameters(op: Op) -> list[dict[str, Any]]:
    if op.query is None:
        return []
    schema = msgspec.json.schema(op.query)["$defs"][op.query.__name__]
    return [_parameter(name, "query", kind) for name, kind in schema["properties"].items()]


def _parameter(
    name: str, place: Literal["path", "query"], schema: dict[str, Any]
) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}
