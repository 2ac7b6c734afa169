"""One try: the request that is made of a delivery, and what its outcome means."""

from consignease.app.attempts import Tried
from consignease.domain.delivery import Result, settle, succeeded
from consignease.domain.leases import Leased
from consignease.domain.messages import message_id
from consignease.domain.retry import retry_after_ms
from consignease.edge.clock import Clock
from consignease.edge.lines import of_try
from consignease.edge.outcome import Outcome, Request
from consignease.edge.resolver import Vetted
from consignease.edge.target import Target
from consignease.wire.signing import sign_all
from consignease.work.gate import Gate, Route

SUCCESS_BODY = 4_000
"""Bytes of the answer that are kept of a success."""

ATTEMPT_HEADERS = 4_096
"""Bytes of the answer's headers that are kept."""

Tag = tuple[Gate, Route, Leased, int, int, int]
"""What a request carries through the sender; last, when it was sent in milliseconds, the
second of the wall clock that it was signed for, and how long its name took in microseconds."""


def request(tag: Tag, target: Target, vetted: Vetted) -> Request:
    """Sign a delivery's body for this moment and address it.

    Args:
        tag: Comes back with the outcome.
        target: Where the endpoint is.
        vetted: Its address, which the guard allows.
    """
    _, route, item, _, second, _ = tag
    name = message_id(item.instance_id, item.cursor, item.at)
    signature = sign_all(route.signers, name, second, item.body)
    headers = of_try(route.headers, item.content_type, name, second, signature, item.attempts + 1)
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


def judge(tag: Tag, outcome: Outcome, now: int, clock: Clock, jitter: float) -> Tried:
    """Decide what an outcome means for its delivery.

    Args:
        tag: The request's.
        outcome: What came of it.
        now: The present, in milliseconds.
        clock: The wall clock, against which a Retry-After date is read.
        jitter: A number from -1 to 1 that spreads the retries.
    """
    _, route, item, sent_at, second, dns_us = tag
    status, phase, body = outcome.status, outcome.phase, outcome.body
    started_at = item.started_at or sent_at
    if phase is None and 200 <= status < 300:
        settled = succeeded(item.tries)
        body = body[:SUCCESS_BODY]
    else:
        asked = retry_after_ms(outcome.header("retry-after"), round(clock.wall() * 1000))
        control = outcome.header("webhook-delivery")
        settled = settle(
            Result(status, phase, asked, control and control.lower()),
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
        dns_us + outcome.total_us,
        dns_us,
        second - sent_at // 1000,
    )
    return Tried(item, attempt, settled, route.policy, route.app, started_at, now)
