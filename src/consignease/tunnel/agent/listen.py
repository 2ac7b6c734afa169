"""The agent of `consignease listen`: takes events from the server to an application.

It may be interrupted at any moment, and so may the server and the network
between them: the server keeps the place, and what was not reported comes again.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from consignease.tunnel.agent.http1 import Answer, CallError, Judge, Origin
from consignease.tunnel.protocol import LONGEST_WAIT, Event, Events, Open, Opened, Result, Results

T = TypeVar("T")

FIRST_BREAK, LONGEST_BREAK = 0.25, 15.0
"""Seconds before the server is called again after it could not be reached."""

BODY_KEPT = 20_000
"""Bytes of an application's answer that are reported."""

_CALL_SECONDS = 15.0
_REPORT_BYTES = 256 * 1024
_REPORT_MOST = 200


class StopError(Exception):
    """The agent cannot go on; the text says why.

    Attributes:
        code: Exit code of the command.
    """

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.code = code


class Watcher(Protocol):
    """Is told what happens."""

    def opened(self, opened: Opened) -> None:
        """A session has begun, for the first time or again."""
        ...

    def lost(self, reason: str) -> None:
        """The server is not reached; it is tried again."""
        ...

    def forwarded(self, event: Event, result: Result) -> None:
        """An event was taken to the application, well or not."""
        ...


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """How events are taken to the application.

    Attributes:
        url: Where it takes them.
        headers: Lines that are added to each request.
        concurrency: Requests at the same time at most.
        timeout: Seconds that it may take to answer.
        judge: Which addresses may be connected to.
    """

    url: str
    headers: tuple[str, ...] = ()
    concurrency: int = 10
    timeout: float = 30.0
    judge: Judge | None = None


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is.

    Attributes:
        locate: Returns its URL; None while it does not run.
        key: The instance's secret key.
    """

    locate: Callable[[], str | None]
    key: str


class Agent:
    """One agent.

    Args:
        server: Where events come from.
        forward: Where they go.
        wanted: What is asked of the server; `since_ms` and `after` count once.
        watcher: Is told what happens.
    """

    def __init__(self, server: Server, forward: Forward, wanted: Open, watcher: Watcher) -> None:
        self._server = server
        self._forward = forward
        self._wanted = wanted
        self._watcher = watcher
        self._app = Origin(forward.url, forward.judge)
        parts = urlsplit(forward.url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._room = asyncio.Semaphore(forward.concurrency)
        self._known: dict[tuple[str, int], Result] = {}
        self._unreported: list[tuple[Event, Result]] = []
        self._reportable = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled.

        Raises:
            StopError: The server refused for good, or somebody else listens now.
        """
        failures = 0
        while True:
            try:
                await self._listen()
                failures = 0
            except _BrokenError as broken:
                failures = 0 if broken.soon else failures + 1
                self._watcher.lost(str(broken))
            longest = min(LONGEST_BREAK, FIRST_BREAK * 2**failures)
            await asyncio.sleep(longest * (0.5 + random.random() / 2))  # noqa: S311 - spreads calls

    async def _listen(self) -> None:
        url = self._server.locate()
        if url is None:
            raise _BrokenError("The server does not run.", soon=True)
        calls = _Calls(Origin(url), self._server.key)
        opened: Opened | None = None
        try:
            opened = await calls.open(self._wanted)
            self._wanted = msgspec.structs.replace(self._wanted, since_ms=None, after=None)
            self._watcher.opened(opened)
            await self._serve(calls, opened.session)
        except CallError as error:
            raise _BrokenError(str(error), soon=opened is not None) from None
        finally:
            self._unreported.clear()
            if opened is not None:
                with contextlib.suppress(CallError, _BrokenError, StopError):
                    await asyncio.shield(calls.close(opened.session))
            await calls.origin.close()

    async def _serve(self, calls: "_Calls", session: str) -> None:
        """Poll, forward and report until something breaks."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._report(calls, session))
                while True:
                    found = await calls.poll(session)
                    if found.closed:
                        raise StopError(f"Stopped: {found.closed}", 4)
                    for event in found.events:
                        group.create_task(self._handle(event))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None

    async def _handle(self, event: Event) -> None:
        key = (event.message, event.attempt)
        result = self._known.get(key)
        if result is None:
            async with self._room:
                result = await self._send(event)
            self._known[key] = result
            self._watcher.forwarded(event, result)
        self._unreported.append((event, msgspec.structs.replace(result, id=event.id)))
        self._reportable.set()

    async def _send(self, event: Event) -> Result:
        headers = [*event.headers, *self._forward.headers]
        started = time.perf_counter()
        answer, phase, words = Answer(0, b"", b""), None, ""
        try:
            answer = await self._app.call(
                "POST",
                self._path,
                headers,
                event.body,
                timeout=self._forward.timeout,
                limit=BODY_KEPT,
            )
        except CallError as error:
            phase, words = error.phase, str(error)
        return Result(
            id=event.id,
            status=answer.status,
            phase=phase,
            error=words,
            headers=answer.headers[:4096],
            body=answer.body,
            total_us=round((time.perf_counter() - started) * 1e6),
        )

    async def _report(self, calls: "_Calls", session: str) -> None:
        while True:
            await self._reportable.wait()
            size = count = 0
            for _, result in self._unreported[:_REPORT_MOST]:
                size += len(result.body) + len(result.headers)
                count += 1
                if size > _REPORT_BYTES:
                    break
            part, self._unreported = self._unreported[:count], self._unreported[count:]
            if not self._unreported:
                self._reportable.clear()
            if part:
                await calls.report(session, [result for _, result in part])
            # What the server knows does not come again under the same number.
            for event, _ in part:
                self._known.pop((event.message, event.attempt), None)


class _BrokenError(Exception):
    """The session is lost; another may be opened, `soon` where that costs nobody much."""

    def __init__(self, words: str, *, soon: bool) -> None:
        super().__init__(words)
        self.soon = soon


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what to tell of several failures at once: a stop before a break."""
    return next(
        (one for one in errors.exceptions if isinstance(one, StopError)), errors.exceptions[0]
    )


class _Calls:
    """The calls of the protocol."""

    def __init__(self, origin: Origin, key: str) -> None:
        self.origin = origin
        self._headers = (f"Authorization: Bearer {key}", "Content-Type: application/json")

    async def open(self, wanted: Open) -> Opened:
        """Begin a session."""
        answer = await self._call("POST", "/v1/listen", msgspec.json.encode(wanted), 60.0)
        return _decode(answer.body, Opened)

    async def poll(self, session: str) -> Events:
        """Wait for events."""
        path = f"/v1/listen/{session}/events?wait={LONGEST_WAIT:g}&limit=200"
        answer = await self._call("GET", path, b"", LONGEST_WAIT + _CALL_SECONDS)
        return _decode(answer.body, Events)

    async def report(self, session: str, results: list[Result]) -> None:
        """Report what the application answered."""
        body = msgspec.json.encode(Results(results))
        await self._call("POST", f"/v1/listen/{session}/results", body, _CALL_SECONDS)

    async def close(self, session: str) -> None:
        """End a session."""
        await self._call("DELETE", f"/v1/listen/{session}", b"", 2.0)

    async def _call(self, method: str, path: str, body: bytes, seconds: float) -> Answer:
        answer = await self.origin.call(method, path, self._headers, body, timeout=seconds)
        if answer.status < 300:
            return answer
        words = _words(answer)
        if answer.status in {401, 403}:
            raise StopError(f"The server refused the key: {words}", 3)
        if answer.status == 422:
            raise StopError(words, 2)
        raise _BrokenError(words, soon=answer.status == 404)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise CallError("read", "the server answered something else than expected") from None


class _Sentence(msgspec.Struct):
    long_message: str


class _Refusal(msgspec.Struct):
    errors: list[_Sentence]


def _words(answer: Answer) -> str:
    with contextlib.suppress(msgspec.DecodeError):
        refusal = msgspec.json.decode(answer.body, type=_Refusal)
        return " ".join(one.long_message for one in refusal.errors)
    return f"the server answered {answer.status}"
