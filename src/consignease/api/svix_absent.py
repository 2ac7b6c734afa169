"""What clients of the webhook API can call and Consignease does not offer, said in plain words.

The table is kept whole: an operation that is offered is taken out of it by `absent_ops`.
"""

from collections.abc import Iterable
from functools import partial
from re import sub
from typing import Any

from consignease.api.errors import NotOffered
from consignease.api.ops import Call, Op, Reply

_APP = "/api/v1/app/{}"
_ENDPOINT = f"{_APP}/endpoint/{{}}"
_OPERATIONAL = "/api/v1/operational-webhook/endpoint"
_SINK = "/api/v1/stream/{}/sink/{}"
_SOURCE = "/ingest/api/v1/source/{}"

_KNOWN: dict[str, tuple[tuple[str, str], ...]] = {
    "Portal access is": (
        ("POST", "/api/v1/auth/app-portal-access/{}"),
        ("POST", "/api/v1/auth/dashboard-access/{}"),
        ("POST", "/api/v1/auth/app/{}/expire-all"),
        ("POST", "/api/v1/auth/logout"),
    ),
    "Background tasks are": (
        ("GET", "/api/v1/background-task"),
        ("GET", "/api/v1/background-task/{}"),
    ),
    "Recovery and replay through this API are": (
        ("POST", f"{_ENDPOINT}/recover"),
        ("POST", f"{_ENDPOINT}/replay-missing"),
        ("POST", f"{_ENDPOINT}/bulk-replay"),
    ),
    "These statistics are": (
        ("GET", f"{_ENDPOINT}/attempt-stats"),
        ("POST", "/api/v1/stats/usage/app"),
        ("PUT", "/api/v1/stats/usage/event-types"),
    ),
    "Importing event types is": (("POST", "/api/v1/event-type/import/openapi"),),
    "This call on messages is": (
        ("POST", f"{_APP}/msg/precheck/active"),
        ("POST", f"{_APP}/msg/bulk-expunge"),
        ("POST", f"{_APP}/msg/expunge-all-contents"),
        ("GET", f"{_APP}/msg/{{}}/attempt"),
        ("GET", f"{_APP}/msg/{{}}/endpoint/{{}}/attempt"),
    ),
    "Polling is": (
        ("GET", f"{_APP}/poller/{{}}"),
        ("GET", f"{_APP}/poller/{{}}/consumer/{{}}"),
        ("POST", f"{_APP}/poller/{{}}/consumer/{{}}/seek"),
    ),
    "Operational webhooks are": (
        ("GET POST", _OPERATIONAL),
        ("GET PUT DELETE", f"{_OPERATIONAL}/{{}}"),
        ("GET PUT", f"{_OPERATIONAL}/{{}}/headers"),
        ("GET", f"{_OPERATIONAL}/{{}}/secret"),
        ("POST", f"{_OPERATIONAL}/{{}}/secret/rotate"),
    ),
    "Transformations are": (("GET PATCH", f"{_ENDPOINT}/transformation"),),
    "Automatic configuration is": (
        ("POST", f"{_APP}/autoconfig"),
        ("DELETE", f"{_APP}/autoconfig/{{}}"),
        ("POST", f"{_APP}/autoconfig/{{}}/rotate"),
    ),
    "This call on destinations is": (
        ("GET POST", f"{_APP}/destination"),
        ("GET PUT PATCH DELETE", f"{_APP}/destination/{{}}"),
        ("POST", f"{_APP}/destination/{{}}/secret/rotate"),
        ("GET PATCH", f"{_APP}/destination/{{}}/transformation"),
    ),
    "Integrations are": (
        ("GET POST", f"{_APP}/integration"),
        ("GET PUT DELETE", f"{_APP}/integration/{{}}"),
        ("GET", f"{_APP}/integration/{{}}/key"),
        ("POST", f"{_APP}/integration/{{}}/key/rotate"),
    ),
    "Connectors are": (
        ("GET POST", "/api/v1/connector"),
        ("GET PUT PATCH DELETE", "/api/v1/connector/{}"),
    ),
    "Moving environments is": (
        ("POST", "/api/v1/environment/export"),
        ("POST", "/api/v1/environment/import"),
    ),
    "Streams are": (
        ("POST", "/api/v1/auth/stream-logout"),
        ("POST", "/api/v1/auth/stream-portal-access/{}"),
        ("POST", "/api/v1/auth/stream/{}/expire-all"),
        ("GET", "/api/v1/auth/stream/{}/sink/{}/poller/token"),
        ("POST", "/api/v1/auth/stream/{}/sink/{}/poller/token/rotate"),
        ("GET POST", "/api/v1/stream"),
        ("GET POST", "/api/v1/stream/event-type"),
        ("GET PUT PATCH DELETE", "/api/v1/stream/event-type/{}"),
        ("GET PUT PATCH DELETE", "/api/v1/stream/{}"),
        ("POST", "/api/v1/stream/{}/events"),
        ("GET POST", "/api/v1/stream/{}/sink"),
        ("GET PUT PATCH DELETE", _SINK),
        ("GET", f"{_SINK}/events"),
        ("GET PATCH", f"{_SINK}/headers"),
        ("GET", f"{_SINK}/secret"),
        ("POST", f"{_SINK}/secret/rotate"),
        ("GET PATCH", f"{_SINK}/transformation"),
    ),
    "Receiving other services' webhooks is": (
        ("GET POST", "/ingest/api/v1/source"),
        ("GET PUT DELETE", _SOURCE),
        ("POST", f"{_SOURCE}/dashboard"),
        ("POST", f"{_SOURCE}/token/rotate"),
        ("GET POST", f"{_SOURCE}/endpoint"),
        ("GET PUT DELETE", f"{_SOURCE}/endpoint/{{}}"),
        ("GET PUT", f"{_SOURCE}/endpoint/{{}}/headers"),
        ("GET", f"{_SOURCE}/endpoint/{{}}/secret"),
        ("POST", f"{_SOURCE}/endpoint/{{}}/secret/rotate"),
        ("GET PATCH", f"{_SOURCE}/endpoint/{{}}/transformation"),
    ),
}


def route(method: str, path: str) -> str:
    """Return what two operations at one place have in common, whatever their parameters' names."""
    return f"{method} {sub(r'{[^}]*}', '{}', path)}"


def absent_ops(offered: Iterable[Op]) -> tuple[Op, ...]:
    """Return the operations that clients know and that are not offered; each says so (501).

    Args:
        offered: The operations that are.
    """
    there = {route(op.method, op.path) for op in offered}
    return tuple(
        Op(
            method=method,
            path=path,
            name="not-offered",
            summary=f"{what} not offered.",
            handler=partial(_refuse, f"{what} not offered by Consignease: {method} {path}."),
        )
        for what, places in _KNOWN.items()
        for methods, path in places
        for method in methods.split()
        if route(method, path) not in there
    )


async def _refuse(detail: str, call: Call[Any, Any]) -> Reply:
    del call
    raise NotOffered(detail)
