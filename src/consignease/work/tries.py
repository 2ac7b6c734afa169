"""One try: the request that is made of a delivery, and what its outcome means."""

from consignease.app.attempts import Tried
from consignease.domain.delivery import Result, settle
from consignease.domain.leases import Leased
from consignease.domain.messages import message_id
from consignease.domain.retry import retry_after_ms
from consignease.edge.clock import Clock
from consignease.edge.outcome import Outcome, Request
from consignease.edge.resolver import Vetted
from consignease.edge.target import Target
from consignease.wire.signing import sign_all
from consignease.work.gate import Gate, Route

SUCCESS_BODY = 4_000
"""Bytes of the answer that are kept of a success."""

ATTEMPT_HEADERS = 4_096
"""Bytes of the answer's headers that are kept."""

Tag = tuple[Gate, Route, Leased, int]
"""What a request carries through the sender; last, when it was sent, in milliseconds."""


def request(tag: Tag, target: Target, vetted: Vetted, second: int) -> Request:
    """Sign a delivery's body for this moment and address it.

    Both families of header names are sent: existing clients read one or the other.

    Args:
        tag: Comes back with the outcome.
        target: Where the endpoint is.
        vetted: Its address, which the guard allows.
        second: The wall clock in Unix seconds; receivers compare it with theirs.
    """
    _, route, item, _ = tag
    name = message_id(item.instance_id, item.cursor, item.at)
    signature = sign_all(route.signers, name, second, item.body)
    kind = item.content_type
    headers = [
        *(route.headers if kind is None else (f"Content-Type: {kind}", *route.headers[1:])),
        f"svix-id: {name}",
        f"svix-timestamp: {second}",
        f"svix-signature: {signature}",
        f"webhook-id: {name}",
        f"webhook-timestamp: {second}",
        f"webhook-signature: {signature}",
        f"consignease-attempt: {item.attempts + 1}",
    ]
    return Request(
        tag,
        target.url,
        target.host,
        target.port,
        vetted.address,
        headers,
        item.body,
        route.timeout_ms,
        route.guard,
        route.tls,
    )


def judge(
    route: Route,
    item: Leased,
    sent_at: int,
    outcome: Outcome,
    now: int,
    clock: Clock,
    jitter: float,
) -> Tried:
    """Decide what an outcome means for its delivery.

    Args:
        route: The endpoint as it was when the request was made.
        item: The delivery.
        sent_at: When the request was made, in milliseconds.
        outcome: What came of it.
        now: The present, in milliseconds.
        clock: The wall clock, against which a Retry-After date is read.
        jitter: A number from -1 to 1 that spreads the retries.
    """
    status, phase, body = outcome.status, outcome.phase, outcome.body
    if phase is None and 200 <= status < 300:
        result = Result(status)
        body = body[:SUCCESS_BODY]
    else:
        asked = retry_after_ms(outcome.header("retry-after"), round(clock.wall() * 1000))
        control = outcome.header("webhook-delivery")
        result = Result(status, phase, asked, control and control.lower())
    started_at = item.started_at or sent_at
    settled = settle(
        result,
        tries=item.tries,
        started_at=started_at,
        created_at=item.at,
        policy=route.policy,
        now=now,
        jitter=jitter,
    )
    attempt = (
        item.cursor,
        item.endpoint,
        item.attempts + 1,
        sent_at,
        int(item.by_hand and item.tries == 0),
        status,
        phase,
        outcome.error,
        outcome.headers[:ATTEMPT_HEADERS],
        body,
        outcome.connect_us,
        outcome.tls_us,
        outcome.wait_us,
        outcome.total_us,
    )
    return Tried(item, attempt, settled, route.policy, route.app, started_at, now)
