"""Traces: request, commit, delivery, attempt, as OpenTelemetry spans.

Loaded only when traces are wanted. It looks on from outside: a wrapper of the
ASGI application, a wrapper of the store that the APIs use, and two functions
that the worker's batches pass through. What a request has published is
remembered by cursor, in memory and not for ever: an attempt whose message was
published by another process, or long ago, begins a trace of its own.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from consignease import __version__
from consignease.api.dispatch import Receive, Scope, Send
from consignease.api.ops import Units
from consignease.app.attempts import Tried
from consignease.domain.delivery import State
from consignease.domain.faults import Fault
from consignease.domain.leases import Leased
from consignease.domain.messages import message_id
from consignease.edge.outcome import Request
from consignease.store.tx import Tx
from consignease.work.meter import Meter, cause
from consignease.work.outlets import Outlets

P = ParamSpec("P")
T = TypeVar("T")
Q = TypeVar("Q")

REMEMBERED = 20_000
"""How many messages, and how many open deliveries, are remembered."""

App = Callable[[Scope, Receive, Send], Awaitable[None]]
_HTTP = TraceContextTextMapPropagator()
_MS, _US = 1_000_000, 1_000


class Traces:
    """Makes the spans of one server.

    Args:
        provider: Makes tracers and takes finished spans.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("consignease", __version__)
        self._names: dict[int, str] = {}
        self._published: OrderedDict[int, Context] = OrderedDict()
        self._open: OrderedDict[tuple[int, int], Span] = OrderedDict()

    def app(self, inner: App) -> App:
        """Wrap an ASGI application: one span a request, within the caller's trace."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await inner(scope, receive, send)
                return
            carrier = {
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in scope["headers"]
                if name in {b"traceparent", b"tracestate"}
            }
            with self._tracer.start_as_current_span(
                scope["method"],
                context=_HTTP.extract(carrier),
                kind=SpanKind.SERVER,
                attributes={"http.request.method": scope["method"], "url.path": scope["path"]},
            ):
                await inner(scope, receive, send)

        return traced

    def answered(self, operation: str, status: int) -> None:
        """Name the current request's span; called once its answer is known."""
        span = trace.get_current_span()
        span.update_name(operation)
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))

    def units(self, store: Units) -> Units:
        """Wrap a store: one span a commit, and messages remember the request they came from."""
        return _TracedUnits(store, self._tracer, self._remember)

    def watch(self, meter: Meter, outlets: Outlets) -> None:
        """Follow a worker's attempts."""
        self._names = meter.names
        meter.spans = self._recorded
        outlets.stamp = self._stamp

    def close(self) -> None:
        """Send what is not sent yet; deliveries that are open end here for their traces."""
        for span in self._open.values():
            span.end()
        getattr(self._provider, "shutdown", _nothing)()

    def _remember(self, cursors: Sequence[int], context: Context) -> None:
        for cursor in cursors:
            self._published[cursor] = context
        while len(self._published) > REMEMBERED:
            self._published.popitem(last=False)

    def _delivery(self, item: Leased) -> Span:
        """Return the open span of a delivery; it began when its message was made."""
        key = (item.cursor, item.endpoint)
        span = self._open.get(key)
        if span is None:
            span = self._open[key] = self._tracer.start_span(
                "delivery",
                context=self._published.get(item.cursor, Context()),
                kind=SpanKind.PRODUCER,
                start_time=item.at * _MS,
                attributes={
                    "consignease.instance_id": item.instance_id,
                    "consignease.message_id": message_id(item.instance_id, item.cursor, item.at),
                    "consignease.endpoint_id": self._names.get(item.endpoint, ""),
                },
            )
            while len(self._open) > REMEMBERED:
                self._open.popitem(last=False)[1].end()
        return span

    def _stamp(self, batch: Sequence[Request]) -> None:
        """Let each request carry its delivery's trace."""
        for one in batch:
            item: Leased = cast("tuple[Any, ...]", one.tag)[2]
            carrier: dict[str, str] = {}
            _HTTP.inject(carrier, trace.set_span_in_context(self._delivery(item), Context()))
            cast("list[str]", one.headers).extend(
                f"{name}: {value}" for name, value in carrier.items()
            )

    def _recorded(self, tried: Sequence[Tried]) -> None:
        for one in tried:
            span = self._delivery(one.item)
            _, _, number, sent_at, _, status, phase, error, *_, total_us, dns_us, _ = one.attempt
            # It was sent once its name was found, which is part of the whole.
            began = sent_at * _MS - dns_us * _US
            end = began + total_us * _US
            attempt = self._tracer.start_span(
                "attempt",
                context=trace.set_span_in_context(span, Context()),
                kind=SpanKind.CLIENT,
                start_time=began,
                attributes={
                    "consignease.attempt": number,
                    "http.response.status_code": status,
                },
            )
            state = one.settled.state
            if state is not State.SUCCEEDED:
                attempt.set_attribute("error.type", cause(status, phase))
                attempt.set_status(Status(StatusCode.ERROR, error or f"it answered {status}"))
            attempt.end(end_time=end)
            if state > State.SENDING:
                self._open.pop((one.item.cursor, one.item.endpoint), None)
                if state is not State.SUCCEEDED:
                    span.set_status(Status(StatusCode.ERROR, "given up"))
                span.end(end_time=end)


class _TracedUnits:
    """Units of work, each within a span."""

    def __init__(
        self,
        store: Units,
        tracer: trace.Tracer,
        remember: Callable[[Sequence[int], Context], None],
    ) -> None:
        self._store = store
        self._tracer = tracer
        self._remember = remember
        self.read = store.read

    async def write(
        self, fn: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit that writes, durably."""
        with self._tracer.start_as_current_span("commit", attributes={"code.function": _name(fn)}):
            return await self._store.write(self._noting(fn), *args, **kwargs)

    async def join(self, fn: Callable[[Any, Sequence[Q]], Sequence[T | Fault]], item: Q) -> T:
        """Do an item by itself, so that what it leads to is known to be its own."""

        def alone(tx: Tx) -> T:
            (done,) = fn(tx, [item])
            if isinstance(done, Fault):
                raise done
            return done

        with self._tracer.start_as_current_span("commit", attributes={"code.function": _name(fn)}):
            return await self._store.write(self._noting(alone))

    def _noting(self, fn: Callable[..., T]) -> Callable[..., T]:
        """Note which cursors a unit takes, whatever thread it runs in."""
        context = contexts.get_current()

        def noting(tx: Tx, *args: Any) -> T:
            cursors: list[int] = []
            take = tx.next_cursors

            def noted(count: int) -> Sequence[int]:
                taken = take(count)
                cursors.extend(taken)
                return taken

            tx.next_cursors = noted
            try:
                return fn(tx, *args)
            finally:
                tx.next_cursors = take
                self._remember(cursors, context)

        return noting


def _nothing() -> None:
    """A provider without an SDK has nothing to send."""


def _name(fn: Callable[..., object]) -> str:
    return getattr(fn, "__qualname__", type(fn).__name__)


def exporting(url: str) -> TracerProvider:
    """Make a provider that sends finished spans to a collector, as OTLP over HTTP.

    Args:
        url: Where the collector takes traces.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider as Provider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": "consignease", "service.version": __version__})
    provider = Provider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    return provider
