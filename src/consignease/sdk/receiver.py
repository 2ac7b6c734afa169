"""A receiver of webhooks for tests: a real server on the loopback interface."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from types import TracebackType
from typing import NamedTuple, Self

from consignease.sdk.errors import WebhookVerificationError
from consignease.sdk.verify import verify_webhook
from consignease.wire.events import WebhookEvent

_PATH = "/api/webhooks"
_MAX_BODY = 1024 * 1024
_IDLE_SECONDS = 10


class ReceivedRequest(NamedTuple):
    """A request as it arrived, and what became of it."""

    headers: list[tuple[str, str]]
    body: bytes
    status: int
    """What was answered."""
    error: WebhookVerificationError | None
    """Why it was refused, if it was."""


class WebhookReceiver:
    """Verifies and records every delivery; use it as a context manager.

    Args:
        secret: The endpoint's signing secret.

    Attributes:
        url: Where to deliver to.
        events: Accepted events in the order of their arrival.
        requests: Every request, also those refused or failed on purpose.
    """

    def __init__(self, secret: str) -> None:
        """Listen on a free port of 127.0.0.1."""
        self.events: list[WebhookEvent] = []
        self.requests: list[ReceivedRequest] = []
        self._secret = secret
        self._failures: list[int] = []
        self._changed = Condition()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}{_PATH}"
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def fail_next(self, count: int = 1, status: int = 500) -> None:
        """Answer the next requests with that status, without accepting their events."""
        with self._changed:
            self._failures = [status] * count

    def wait_for(self, count: int, timeout: float = 5.0) -> list[WebhookEvent]:
        """Wait until that many events were accepted, and return them all.

        Raises:
            TimeoutError: Fewer came in `timeout` seconds.
        """
        with self._changed:
            if self._changed.wait_for(lambda: len(self.events) >= count, timeout):
                return list(self.events)
            errors = [str(request.error) for request in self.requests if request.error]
            message = f"{len(self.events)} of {count} events came in {timeout} s"
            refused = f"; the last refused: {errors[-1]}" if errors else ""
            raise TimeoutError(message + refused)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def receive(self, headers: list[tuple[str, str]], body: bytes) -> int:
        """Take one request in and return the status to answer."""
        event: WebhookEvent | None = None
        error: WebhookVerificationError | None = None
        try:
            event = verify_webhook(body, headers, secret=self._secret)
        except WebhookVerificationError as refusal:
            error = refusal
        with self._changed:
            if self._failures:
                status, event = self._failures.pop(0), None
            else:
                status = 400 if error else 200
            self.requests.append(ReceivedRequest(headers, body, status, error))
            if event is not None:
                self.events.append(event)
            self._changed.notify_all()
        return status

    def __enter__(self) -> Self:
        """Give the receiver, which listens already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self.close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, receiver: WebhookReceiver) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if self.path != _PATH:
            self._answer(404, "Not found")
        elif not length.isdecimal():
            self._answer(411, "Length required")
        elif int(length) > _MAX_BODY:
            self._answer(413, "Content too large")
        else:
            body = self.rfile.read(int(length))
            status = self.server.receiver.receive(self.headers.items(), body)
            self._answer(status, "Webhook received" if status < 300 else "Refused")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent; `requests` tells everything."""
