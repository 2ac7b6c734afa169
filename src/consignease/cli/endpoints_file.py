"""Endpoints as a file: what `endpoints apply` reads and `endpoints export` writes.

The members of an endpoint are those of the API's own `EndpointIn`, as Python
spells them: whatever the API learns, the file knows.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import click
import msgspec

from consignease.api.svix_shapes import EndpointIn
from consignease.domain.endpoints import SENSITIVE_HEADERS

_ALIASES = frozenset({"filter_types", "throttle_rate"})
FIELDS = {
    field.name: field.encode_name
    for field in msgspec.structs.fields(EndpointIn)
    if field.name not in _ALIASES
}
"""The members of an endpoint: as the file spells them, and as the API does."""

EXAMPLE = """\
[[endpoints]]
uid = "billing"
url = "https://billing.example.com/api/webhooks"
event_types = ["user.created", "user.deleted"]
headers = { Authorization = "Bearer ${BILLING_TOKEN}" }
"""

_VARIABLE = re.compile(r"\$\$|\$\{(\w*)\}")
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*endpoints[ \t]*\]\]", re.MULTILINE)
_AT = re.compile(r" - at `\$\.(\w+)")


class FileError(click.ClickException):
    """The file cannot be used: says where and why, and shows how an endpoint is written."""

    exit_code = 2

    def __init__(self, path: Path, line: int | None, message: str) -> None:
        place = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{place}: {message}\n\nAn endpoint looks like this:\n\n{EXAMPLE}")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint to be.

    Attributes:
        uid: Names it in every instance.
        body: All members as the API takes them, with defaults for what is not said.
        said: Which of them were said.
    """

    uid: str
    body: dict[str, Any]
    said: frozenset[str]


def read(path: Path, environment: Mapping[str, str]) -> list[Wanted]:
    """Read a file of endpoints, TOML or JSON by its name.

    Args:
        path: The file.
        environment: Holds what ``${NAME}`` stands for in URLs, headers and secrets.

    Raises:
        FileError: it cannot be read, or an endpoint in it is not right.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(path, None, f"it cannot be read: {error}.") from None
    is_json = path.suffix == ".json"
    try:
        found: Any = json.loads(text) if is_json else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise FileError(path, error.lineno, f"it is not valid JSON: {error.msg}.") from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise FileError(path, int(at[1]) if at else None, f"not valid TOML: {error}.") from None
    listed: Any = (
        cast("dict[str, Any]", found).get("endpoints") if isinstance(found, dict) else None
    )
    if not isinstance(listed, list) or len(cast("dict[str, Any]", found)) != 1:
        raise FileError(path, 1, "it holds `endpoints`, a list of tables, and nothing else.")
    lines = _Lines(text, is_json=is_json)
    wanted: dict[str, Wanted] = {}
    for number, entry in enumerate(cast("list[Any]", listed)):
        try:
            one = _entry(entry, environment)
        except _EntryError as error:
            raise FileError(path, lines.of(number, error.key), str(error)) from None
        if one.uid in wanted:
            raise FileError(path, lines.of(number, "uid"), f"the uid {one.uid} is there twice.")
        wanted[one.uid] = one
    return list(wanted.values())


class _EntryError(ValueError):
    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


def _entry(entry: Any, environment: Mapping[str, str]) -> Wanted:
    if not isinstance(entry, dict):
        raise _EntryError("an endpoint is a table.")
    given = cast("dict[str, Any]", entry)
    for name in given:
        if name not in FIELDS:
            raise _EntryError(f"there is no {name!r}; there are {', '.join(FIELDS)}.", name)
    if not isinstance(given.get("uid"), str):
        raise _EntryError("uid is missing: it names the endpoint wherever the file is applied.")
    body = {FIELDS[name]: _filled(name, value, environment) for name, value in given.items()}
    try:
        whole = msgspec.convert(body, EndpointIn)
    except msgspec.ValidationError as error:
        at = _AT.search(str(error))
        spelled = {api: ours for ours, api in FIELDS.items()}
        key = spelled.get(at[1], "") if at else ""
        raise _EntryError(f"{key or 'the endpoint'}: {error}.", key) from None
    said = frozenset(body)
    return Wanted(uid=given["uid"], body=_builtins(whole), said=said)


def _builtins(whole: EndpointIn) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(whole)
    return {api: body[api] for api in FIELDS.values() if api in body}


USUAL = _builtins(EndpointIn(url=""))
"""What the members of an endpoint are if nothing is said of them."""


def _filled(name: str, value: Any, environment: Mapping[str, str]) -> Any:
    """Put variables of the environment where ``${NAME}`` stands."""
    if name == "headers" and isinstance(value, dict):
        headers = cast("dict[str, Any]", value)
        return {key: _text(one, environment, "headers") for key, one in headers.items()}
    return _text(value, environment, name) if name in {"url", "secret"} else value


def _text(value: Any, environment: Mapping[str, str], key: str) -> Any:
    if not isinstance(value, str):
        return value

    def put(found: "re.Match[str]") -> str:
        if found[0] == "$$":
            return "$"
        if found[1] not in environment:
            raise _EntryError(f"the environment variable {found[1]} is not set.", key)
        return environment[found[1]]

    return _VARIABLE.sub(put, value)


class _Lines:
    """Where the endpoints of a file stand in it."""

    def __init__(self, text: str, *, is_json: bool) -> None:
        self._text = text
        self._is_json = is_json
        self._starts = (
            list(self._in_json()) if is_json else [m.end() for m in _HEADER.finditer(text)]
        )

    def _in_json(self) -> Iterable[int]:
        decoder = json.JSONDecoder()
        at = self._text.index("[", self._text.index('"endpoints"')) + 1
        while True:
            while self._text[at] in " \t\r\n,":
                at += 1
            if self._text[at] == "]":
                return
            yield at
            at = decoder.raw_decode(self._text, at)[1]

    def of(self, number: int, key: str) -> int | None:
        """Return the line of a member of an endpoint, or of the endpoint."""
        if number >= len(self._starts):
            return None
        start = self._starts[number]
        end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._text)
        if key:
            name = re.escape(key)
            pattern = (
                rf'"{name}"\s*:' if self._is_json else rf"^[ \t]*\"?{name}\"?[ \t]*=|\.{name}\]"
            )
            found = re.compile(pattern, re.MULTILINE).search(self._text, start, end)
            start = found.start() if found else start
        return self._text.count("\n", 0, start) + 1


# Writing


def variable(uid: str, header: str) -> str:
    """Name the environment variable that a header's value is to come from."""
    return re.sub(r"\W", "_", f"{uid}_{header}").upper()


def document(endpoints: Iterable[Wanted], secret: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return endpoints as a file holds them: what is as usual is left out.

    Args:
        endpoints: The endpoints.
        secret: By uid, names of headers whose values are not known.
    """
    listed: list[dict[str, Any]] = []
    for one in endpoints:
        body = dict(one.body)
        headers = {name: value.replace("$", "$$") for name, value in body["headers"].items()}
        for name in secret.get(one.uid, []):
            headers[name] = f"${{{variable(one.uid, name)}}}"
        body["headers"], body["url"] = headers, body["url"].replace("$", "$$")
        listed.append(
            {"uid": one.uid, "url": body["url"]}
            | {
                ours: body[api]
                for ours, api in FIELDS.items()
                if ours not in {"uid", "url"} and body.get(api) not in (None, USUAL.get(api))
            }
        )
    return {"endpoints": listed}


def toml(found: dict[str, Any]) -> str:
    """Write a document of endpoints as TOML."""
    parts = ["# Endpoints of Consignease. Apply them: consignease endpoints apply FILE"]
    for one in found["endpoints"]:
        lines = [f"{name} = {_toml(value)}" for name, value in one.items()]
        parts.append("\n".join(["[[endpoints]]", *lines]))
    return "\n\n".join(parts) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(one)}" for key, one in pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in cast("list[Any]", value)) + "]"
    # Strings, numbers and booleans are written in TOML as in JSON, but for U+007F.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def is_secret(header: str) -> bool:
    """Tell whether the server keeps a header's value to itself."""
    return header.lower() in SENSITIVE_HEADERS
