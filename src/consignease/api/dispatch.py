"""An ASGI application made of a table of operations.

Plain ASGI and no request objects: this is on the path of every change, and
its cost is part of each delivery's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from random import getrandbits
from time import perf_counter
from typing import Any, TypeAlias, get_origin
from urllib.parse import parse_qsl

import msgspec

from consignease.api import uploads
from consignease.api.errors import (
    Malformed,
    NoRoute,
    NotAllowed,
    Unexpected,
    WrongMethod,
    mismatch,
)
from consignease.api.ops import (
    BODY_LIMIT,
    Answer,
    Call,
    Dialect,
    HeaderList,
    Headers,
    Op,
    Reply,
    Services,
)
from consignease.api.routes import Routes
from consignease.domain.access import Caller, Need
from consignease.domain.faults import Fault, NotFound, TooLarge, Unauthenticated, Unavailable

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_log = logging.getLogger("consignease.api")

_JSON = (b"content-type", b"application/json")
_RETRY_SECONDS = b"5"


class _HungUp(Exception):  # noqa: N818 - not a fault of anybody
    """The client is gone before its request was complete."""


class Asked:
    """A request, whoever has read it from the wire.

    Attributes:
        method: In upper case.
        path: Percent-decoded.
        query: What follows the question mark, as it came.
        headers: Header fields, names in lower case.
        read: Returns the body, if it is not larger than a limit.
        receive: Tells, as in ASGI, when the client hangs up.
    """

    __slots__ = ("headers", "method", "path", "query", "read", "receive")

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: Headers,
        read: Callable[[int], Awaitable[bytes]],
        receive: Receive,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.read = read
        self.receive = receive


class _Route:
    """An operation with its decoders."""

    __slots__ = ("body", "names", "no_query", "op", "query")

    def __init__(self, op: Op) -> None:
        self.op = op
        self.names: tuple[str, ...] = ()
        self.body = None if op.body is None else msgspec.json.Decoder(op.body)
        self.query = None if op.query is None else _Query(op.query)
        self.no_query = None if op.query is None else op.query()


_SHORT_QUERY, _KNOWN_QUERIES = 64, 256


class _Query:
    """Decodes a query string to a struct; short ones, which recur, are remembered."""

    __slots__ = ("_known", "_lists", "_type")

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self._type = struct
        self._known: dict[bytes, msgspec.Struct] = {}
        self._lists = frozenset(
            field.encode_name
            for field in msgspec.structs.fields(struct)
            if get_origin(field.type) is list
        )

    def decode(self, raw: bytes) -> msgspec.Struct:
        """Decode; of a repeated key that takes one value the last counts.

        Raises:
            Malformed: it has far too many keys.
            Mismatch: a value has the wrong type or is out of range.
        """
        known = self._known.get(raw)
        if known is not None:
            return known
        found = self._decode(raw)
        if len(raw) <= _SHORT_QUERY and len(self._known) < _KNOWN_QUERIES:
            self._known[raw] = found
        return found

    def _decode(self, raw: bytes) -> msgspec.Struct:
        try:
            pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=2000)
        except ValueError as error:
            msg = "The query cannot be read."
            raise Malformed(msg, detail=f"{msg} ({error})") from None
        values: dict[str, Any] = {}
        for key, value in pairs:
            name = key.partition("[")[0] if key.endswith("]") else key
            if name in self._lists:
                values.setdefault(name, []).append(value)
            else:
                values[name] = value
        try:
            return msgspec.convert(values, self._type, strict=False)
        except msgspec.ValidationError as error:
            raise mismatch(error, "query") from None


class Api:
    """One API: its operations in its dialect.

    Args:
        ops: The table.
        dialect: How it authenticates and refuses.
        services: What handlers work with.
    """

    def __init__(self, ops: Iterable[Op], dialect: Dialect, services: Services) -> None:
        self._dialect = dialect
        self._services = services
        self._routes: Routes[_Route] = Routes()
        for op in ops:
            route = _Route(op)
            route.names = self._routes.add(op.method, op.path, route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request of an ASGI server."""
        headers: Headers = dict(scope["headers"])

        def read(limit: int) -> Awaitable[bytes]:
            return _read(headers, receive, limit)

        asked = Asked(scope["method"], scope["path"], scope["query_string"], headers, read, receive)
        answer = await self.answer(asked)
        if answer is None:
            return
        status, fields, body = answer
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def short(self, method: str, path: str) -> bool:
        """Tell whether a request is for an operation that takes little and answers at once."""
        found = self._routes.find(path)
        route = None if found is None else found[0].get("GET" if method == "HEAD" else method)
        return route is not None and not (route.op.waits or route.op.upload)

    async def answer(self, asked: Asked) -> tuple[int, HeaderList, bytes] | None:
        """Return status, header fields and body; None if the client hung up meanwhile."""
        started = perf_counter()
        # No secret; `os.urandom` would let go of the interpreter at every request.
        trace_id = f"{getrandbits(128):032x}"
        method, name = asked.method, "none"
        try:
            methods, values = self._find(asked.path)
            route = methods.get("GET" if method == "HEAD" else method)
            if route is None:
                reply = _other_method(method, methods)
            else:
                name = route.op.name
                reply = await self._reply(route, values, asked, trace_id)
        except Fault as fault:
            reply = self._refuse(fault, trace_id)
        except _HungUp:
            return None
        except Exception:  # noqa: BLE001 - it is logged, and the client gets an answer
            ids = {"request_id": trace_id, "operation": name}
            _log.exception("request %s (%s) failed", trace_id, name, extra=ids)
            reply = self._refuse(_unexpected(trace_id), trace_id)
        if self._services.observe is not None:
            self._services.observe(name, reply.status, perf_counter() - started)
        fields = self._dialect.headers(asked.headers, trace_id)
        if reply.status != 204:
            fields.append(_JSON)
            fields.append((b"content-length", b"%d" % len(reply.body)))
        fields.extend(reply.headers)
        return reply.status, fields, b"" if method == "HEAD" else reply.body

    def _find(self, path: str) -> tuple[dict[str, _Route], list[str]]:
        found = self._routes.find(path)
        if found is None:
            raise NoRoute(
                "not found",
                detail=self._dialect.missing(path),
            )
        return found

    async def _reply(self, route: _Route, values: list[str], asked: Asked, trace_id: str) -> Reply:
        headers = asked.headers
        caller = await self._dialect.authenticate(self._services, headers)
        path = dict(zip(route.names, values, strict=True))
        _admit(caller, route.op.needs, path)
        raw = asked.query
        query = route.query.decode(raw) if route.query and raw else route.no_query
        body = None
        if route.body is not None:
            body = _decode(route.body, await asked.read(BODY_LIMIT))
        elif route.op.upload:
            body = uploads.decode(headers, await asked.read(route.op.upload_limit))
        answering = route.op.handler(
            Call(self._services, caller.instance, path, query, body, headers, trace_id, caller)
        )
        waits = route.op.waits
        answer = await (_unless_gone(answering, asked.receive) if waits else answering)
        return Reply(route.op.status, answer) if isinstance(answer, bytes) else answer

    def _refuse(self, fault: Fault, trace_id: str) -> Reply:
        status, body = self._dialect.refuse(fault, trace_id)
        if isinstance(fault, Unauthenticated):
            return Reply(status, body, ((b"www-authenticate", b"Bearer"),))
        if isinstance(fault, WrongMethod):
            return Reply(status, body, ((b"allow", fault.allowed.encode()),))
        if isinstance(fault, Unavailable):
            return Reply(status, body, ((b"retry-after", _RETRY_SECONDS),))
        return Reply(status, body)


def _admit(caller: Caller, needs: Need, path: dict[str, str]) -> None:
    """Check that this caller may do this, here; every call of every API passes by.

    Raises:
        NotAllowed: the key or token is not for that.
        NotFound: the token is for another application than the path names.
    """
    if not caller.may(needs):
        raise NotAllowed(needs)
    if caller.portal is not None and needs.in_application:
        name = path.get("app_id")
        if name is None:
            raise NotAllowed(needs)
        if name not in caller.portal.names:
            msg = f"There is no application {name}."
            raise NotFound(msg, code="not_found")


def _other_method(method: str, methods: dict[str, _Route]) -> Reply:
    allowed = ", ".join(sorted({*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
    if method == "OPTIONS":
        return Reply(204, headers=((b"allow", allowed.encode()),))
    msg = f"{method} is not offered here."
    raise WrongMethod(msg, allowed)


def _unexpected(trace_id: str) -> Unexpected:
    detail = f"Something went wrong on our side; the server's log has it under {trace_id}."
    return Unexpected("Internal error.", detail=detail)


async def _read(headers: Headers, receive: Receive, limit: int) -> bytes:
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _HungUp
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HungUp
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


async def _unless_gone(answering: Awaitable[Answer], receive: Receive) -> Answer:
    """Return an answer that may be long in coming; given up when the client hangs up."""
    answer, gone = asyncio.ensure_future(answering), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise _HungUp
        return answer.result()
    finally:
        answer.cancel()
        gone.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_large(limit: int) -> TooLarge:
    msg = f"A request's body must not exceed {limit:,} bytes."
    return TooLarge(msg)


def _decode(decoder: "msgspec.json.Decoder[Any]", raw: bytes) -> object:
    try:
        return decoder.decode(raw or b"{}")
    except msgspec.ValidationError as error:
        raise mismatch(error, "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = "The request body is not valid JSON."
        raise Malformed(msg, detail=f"{msg} {error}") from None
    except RecursionError:
        msg = "The request body is nested too deeply."
        raise Malformed(msg) from None
