"""Traces lead from a caller through request, commit, delivery and attempts to the receiver."""

import subprocess
import sys
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.helpers.badday import until
from tests.helpers.receiver import Receiver
from tests.helpers.server import RunningServer, add_endpoint

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_one_trace_leads_from_the_caller_to_the_receiver(tmp_path: Path) -> None:
    """Each span is the child of the one before; a failed attempt says why; ids are on it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with (
        RunningServer(tmp_path / "data", tracer=provider, retry_schedule=[0.05] * 3) as server,
        Receiver() as receiver,
    ):
        receiver.fail_next(1, 503)
        client = server.client()
        endpoint, _ = add_endpoint(client, server.keys().application_id, receiver.url)
        body = {"email_address": ["t@example.com"]}
        client.call("POST", "/v1/users", body, {"traceparent": CALLER})
        client.close()
        receiver.wait_for(2)

        def ours() -> dict[str, list[ReadableSpan]]:
            found: dict[str, list[ReadableSpan]] = {}
            for span in exporter.get_finished_spans():
                if f"{span.context.trace_id:032x}" == CALLER.split("-")[1]:
                    found.setdefault(span.name, []).append(span)
            return found

        found = until(lambda: "delivery" in (spans := ours()) and spans)
    assert set(found) == {"CreateUser", "commit", "delivery", "attempt"}
    (request,), (commit,), (delivery,) = found["CreateUser"], found["commit"], found["delivery"]
    failed, good = sorted(found["attempt"], key=lambda span: span.start_time or 0)

    def parent(span: ReadableSpan) -> int:
        assert span.parent is not None
        return span.parent.span_id

    assert f"{parent(request):016x}" == CALLER.split("-")[2]
    assert parent(commit) == request.context.span_id
    assert parent(delivery) == commit.context.span_id
    assert parent(failed) == parent(good) == delivery.context.span_id
    assert request.kind is SpanKind.SERVER
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert failed.attributes is not None
    assert (failed.status.status_code, failed.attributes["error.type"]) == (StatusCode.ERROR, "5xx")
    assert good.status.status_code is StatusCode.UNSET
    assert delivery.attributes is not None
    assert delivery.attributes["consignease.endpoint_id"] == endpoint["id"]
    sent = receiver.requests[0]
    assert delivery.attributes["consignease.message_id"] == sent.header("svix-id")
    for one in receiver.requests[:2]:
        carried = one.header("traceparent")
        assert carried is not None
        assert carried.split("-")[1] == CALLER.split("-")[1]
        assert carried.split("-")[2] == f"{delivery.context.span_id:016x}"


def test_without_traces_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    """A server that makes no traces does not import the library, and sends no such header."""
    code = (
        "import sys, consignease.server\n"
        "from consignease.observe.watch import Watch\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    with RunningServer(tmp_path / "data") as server, Receiver() as receiver:
        client = server.client()
        add_endpoint(client, server.keys().application_id, receiver.url)
        client.call("POST", "/v1/users", {"email_address": ["t@example.com"]})
        client.close()
        assert receiver.wait_for(1)[0].header("traceparent") is None
        assert server.server.watch.requests.also is None
        assert server.server.worker.meter.spans is None
        assert server.server.worker.outlets.stamp is None
