"""JSON whose bytes survive a JavaScript parse and stringify.

Several official webhook adapters hand the verifier `JSON.stringify(JSON.parse(body))`
instead of the bytes that arrived, so a signature only holds if that round trip
changes nothing. What we shape ourselves is safe by construction; what users
put into metadata is made safe once, by `canonical`, when it is written.

The rules are those of ECMA-262, JSON.stringify and OrdinaryOwnPropertyKeys.
"""

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec

if TYPE_CHECKING:
    JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None
    """Any JSON value."""
    Metadata: TypeAlias = dict[str, JSON]
    """A JSON object that its owner fills freely."""
else:  # msgspec cannot resolve a recursive alias, and would gain nothing from it
    JSON = Any
    Metadata = dict[str, Any]

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest whole number that JavaScript keeps exactly."""
MAX_DEPTH = 100
"""How many arrays and objects may lie inside one another."""

TOO_DEEP = "JSON is nested too deeply"
"""What a `msgspec.DecodeError` says when Python's recursion limit was met."""

_MAX_INDEX = 2**32 - 2
_INDEX_DIGITS = 10

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

# From 1e-6 up to 1e-5 JavaScript alone writes decimals without an exponent.
# Looking for the rarer bytes first takes a third of the time of `in`.
_has_minus_six = re.compile(rb"-6").search
_MILLIONTHS = re.compile(rb'"(?:[^"\\]|\\.)*+"|(\d)(?:\.(\d+))?e-6(?!\d)')


class UnstableJSON(ValueError):  # noqa: N818 - names the thing refused
    """A value that cannot be sent as JSON without changing on the way.

    Attributes:
        path: Where it is, as in ``$.plan.seats[2]``.
        reason: What is wrong with it, in plain words.
    """

    def __init__(self, reason: str, path: str) -> None:
        """Keep both parts and join them for the message."""
        super().__init__(f"{reason} - at `{path}`")
        self.reason: str = reason
        self.path: str = path


def dumps(value: object) -> bytes:
    """Encode structs, and values that went through `canonical`, compactly as UTF-8.

    Structs themselves must hold no whole-number floats; ours hold none.

    Raises:
        UnicodeEncodeError: A string holds half of a surrogate pair.
        TypeError: A value has no JSON form.
    """
    data = _encode(value)
    if _has_minus_six(data) and b"e-6" in data:
        return _MILLIONTHS.sub(_plain, data)
    return data


def loads(data: bytes | str) -> JSON:
    """Decode JSON into plain Python values.

    Raises:
        msgspec.DecodeError: `data` is not JSON in UTF-8, or is nested absurdly deep.
    """
    try:
        return cast("JSON", _decode(data))
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from error
    except RecursionError as error:
        raise msgspec.DecodeError(TOO_DEEP) from error


def canonical(value: JSON) -> JSON:
    """Return `value` in the one form that every JSON implementation keeps.

    Keys that look like array indices come first in ascending order (JavaScript
    moves them there) and whole-number floats become integers. The result equals
    the input as data; `dumps` of it is stable, also after a decode and another
    `dumps`. Do this once, when free JSON is accepted.

    Raises:
        UnstableJSON: A number is not finite or is a whole number beyond
            ±`MAX_SAFE_INTEGER`; a string holds half of a surrogate pair; a key
            is ``__proto__`` or names ``constructor.prototype`` (receivers
            refuse such bodies); more than `MAX_DEPTH` levels; not JSON at all.
    """
    return _walk(value, "$", 0)


def canonical_object(value: Metadata) -> Metadata:
    """Do what `canonical` does, for an object.

    Raises:
        UnstableJSON: As for `canonical`.
    """
    return _object(value, "$", 1)


def _walk(value: object, path: str, depth: int) -> JSON:
    if isinstance(value, str):
        _check_text(value, path)
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value, path)
    if isinstance(value, dict):
        return _object(cast("Metadata", value), path, depth + 1)
    if isinstance(value, list):
        _check_depth(depth + 1, path)
        items = enumerate(cast("list[JSON]", value))
        return [_walk(item, f"{path}[{at}]", depth + 1) for at, item in items]
    reason = f"{type(value).__name__} is not a JSON type"
    raise UnstableJSON(reason, path)


def _object(value: Metadata, path: str, depth: int) -> Metadata:
    _check_depth(depth, path)
    indices: list[int] = []
    rest: Metadata = {}
    for key, item in value.items():
        _check_key(key, item, path)
        if _is_index(key):
            indices.append(int(key))
        rest[key] = _walk(item, f"{path}.{key}", depth)
    if not indices:
        return rest
    first = [str(index) for index in sorted(indices)]
    return {key: rest[key] for key in first} | rest


def _check_key(key: object, item: JSON, path: str) -> None:
    if not isinstance(key, str):
        reason = "a key is not a string"
        raise UnstableJSON(reason, path)
    _check_text(key, path)
    if key == "__proto__":
        reason = "the key __proto__ is refused by receivers"
        raise UnstableJSON(reason, path)
    if key == "constructor" and isinstance(item, dict) and "prototype" in item:
        reason = "the key constructor.prototype is refused by receivers"
        raise UnstableJSON(reason, path)


def _number(value: float, path: str) -> float:
    if isinstance(value, float):
        if not math.isfinite(value):
            reason = "a number is not finite"
            raise UnstableJSON(reason, path)
        if not value.is_integer():
            return value
        value = int(value)
    if abs(value) > MAX_SAFE_INTEGER:
        reason = f"a whole number beyond ±{MAX_SAFE_INTEGER} changes in JavaScript; send it as text"
        raise UnstableJSON(reason, path)
    return value


def _check_text(value: str, path: str) -> None:
    try:
        _ = value.isascii() or value.encode()
    except UnicodeEncodeError:
        reason = "text holds half of a surrogate pair"
        raise UnstableJSON(reason, path) from None


def _check_depth(depth: int, path: str) -> None:
    if depth > MAX_DEPTH:
        reason = f"nested more than {MAX_DEPTH} levels deep"
        raise UnstableJSON(reason, path)


def _is_index(key: str) -> bool:
    if not (key.isascii() and key.isdigit()) or len(key) > _INDEX_DIGITS:
        return False
    return (key == "0" or key[0] != "0") and int(key) <= _MAX_INDEX


def _plain(found: re.Match[bytes]) -> bytes:
    first, more = found.groups()
    if first is None:  # a string
        return found[0]
    return b"0.00000" + first + (more or b"")
