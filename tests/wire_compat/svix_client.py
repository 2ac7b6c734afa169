"""PyPI svix, whichever version is first on the path, asked one line of JSON at a time.

``{"list": {}}`` returns every operation: its name, what it sends, and the model of its body;
``{"models": true}`` the smallest valid body of each model;
``{"call": name, "values": {...}, "body": {...}}`` executes one against the server;
``{"check": model, "value": ...}`` says whether a model accepts what another client made of an answer.
"""

import enum
import inspect
import json
import sys
import typing
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx
from pydantic import BaseModel
from svix import models
from svix.api import Svix, SvixOptions
from svix.exceptions import HttpError, HTTPValidationError

WHEN = datetime.now(UTC)


def operations(group: Any, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every method of every group of calls, nested ones too."""
    for name in sorted(vars(type(group))):
        member = inspect.getattr_static(type(group), name)
        if isinstance(member, property) and not name.startswith("_"):
            yield from operations(getattr(group, name), f"{prefix}{name}.")
        elif inspect.isfunction(member) and prefix and not name.startswith("_"):
            yield f"{prefix}{name}", getattr(group, name)


def parameters(call: Callable[..., Any]) -> dict[str, Any]:
    """What an operation must be given: names and types."""
    hints = typing.get_type_hints(call)
    given = inspect.signature(call).parameters.values()
    return {one.name: hints[one.name] for one in given if one.default is inspect.Parameter.empty}


def smallest(kind: Any, name: str = "") -> Any:
    """The smallest valid value of a type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        return smallest(inner[0], name)
    if origin in {list, set, tuple}:
        return []
    if origin is dict or kind is dict:
        return {}
    if origin is typing.Literal:
        return inner[0]
    if not isinstance(kind, type):
        return {}
    if issubclass(kind, enum.Enum):
        return next(iter(kind)).value
    if issubclass(kind, BaseModel):
        return smallest_model(kind)
    simple = {str: f"a-{name}", int: 1, bool: False, float: 1.0, datetime: WHEN.isoformat()}
    return simple.get(kind, {})


def smallest_model(model: type[BaseModel]) -> dict[str, Any]:
    """The required members of a model, by the names that go over the wire."""
    return {
        field.alias or name: smallest(field.annotation, name)
        for name, field in model.model_fields.items()
        if field.is_required()
    }


def described(name: str, call: Callable[..., Any], sent: list[httpx.Request]) -> dict[str, Any]:
    """What one operation sends, and the model of its body."""
    values: dict[str, Any] = {}
    body = None
    for param, kind in parameters(call).items():
        if kind is str:
            values[param] = f"{{{param}}}"
        else:
            body = kind.__name__
            values[param] = kind.model_validate(smallest_model(kind))
    sent.clear()
    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            call(**values)
    except Exception as error:
        if not sent:
            raise RuntimeError(name) from error
    request = sent[0]
    returns = typing.get_type_hints(call)["return"]
    return {
        "name": name,
        "method": request.method,
        "path": unquote(request.url.path),
        "body": body,
        "returns": None if returns is type(None) else returns.__name__,
    }


def shown(value: Any) -> Any:
    """What an operation returned, as JSON."""
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value


def executed(call: Callable[..., Any], question: dict[str, Any]) -> dict[str, Any]:
    """What became of one call."""
    values: dict[str, Any] = {}
    for param, kind in parameters(call).items():
        value = question["values"].get(param, "none")
        values[param] = value if kind is str else kind.model_validate(question["body"])
    try:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            return {"ok": shown(call(**values))}
    except HTTPValidationError as error:
        return {"error": [error.status_code, "invalid", str(error.detail)]}
    except HttpError as error:
        return {"error": [error.status_code, error.code, error.detail]}
    except Exception as error:
        return {"broken": repr(error)}


def checked(model: str, value: Any) -> dict[str, Any]:
    """Whether a value has all that a model wants."""
    try:
        getattr(models, model).model_validate(value)
    except ValueError as error:
        return {"broken": str(error)}
    return {"ok": None}


def main() -> None:
    """Answer questions until there are none left."""
    svix = Svix(sys.argv[2], SvixOptions(server_url=sys.argv[1], retry_schedule=[]))
    calls = dict(operations(svix))
    for line in sys.stdin:
        question = json.loads(line)
        if "list" in question:
            sent: list[httpx.Request] = []

            def record(request: httpx.Request, sent: list[httpx.Request] = sent) -> httpx.Response:
                sent.append(request)
                return httpx.Response(204)

            svix._httpx_client = httpx.Client(transport=httpx.MockTransport(record))
            answer: Any = [described(name, call, sent) for name, call in operations(svix)]
        elif "models" in question:
            found = {name: getattr(models, name) for name in dir(models)}
            answer = {
                name: smallest_model(kind)
                for name, kind in found.items()
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            }
        elif "check" in question:
            answer = checked(question["check"], question["value"])
        else:
            answer = executed(calls[question["call"]], question)
        print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
