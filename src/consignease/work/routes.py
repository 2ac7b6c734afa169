"""How requests to an endpoint are made, read from its row."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from consignease.edge.clock import Clock
from consignease.edge.guard import Policy as GuardPolicy
from consignease.edge.target import BadUrlError, Target, check_url
from consignease.edge.vault import Vault
from consignease.store import endpoints
from consignease.store.opening import AnyStore
from consignease.store.tx import Tx
from consignease.wire.signing import Signer
from consignease.work.gate import Route
from consignease.work.outlets import (
    LISTEN_POLICY,
    LISTEN_SCHEDULE,
    LISTEN_SCHEME,
    LISTEN_TARGET,
)

_HEADERS = ["Content-Type: application/json", "Accept: */*"]


def route_loader(
    store: AnyStore,
    vault: Vault,
    clock: Clock,
    guards: Mapping[str, GuardPolicy],
    *,
    listening: Callable[[int], bool] = lambda _no: False,
    schedule: tuple[int, ...] | None = None,
    timeout_ms: int = 15_000,
    names: dict[int, str] | None = None,
) -> Callable[[int], Awaitable[tuple[Route, int, bool]]]:
    """Make the function by which the worker learns how to reach an endpoint.

    Args:
        store: Where endpoints are kept.
        vault: Opens their signing secrets.
        clock: Tells which secrets still live.
        guards: The address policy for each instance name.
        listening: Whether anybody listens at a virtual endpoint.
        schedule: Retry delays in milliseconds, if not the usual ones.
        timeout_ms: One deadline over a whole try.
        names: Filled with the ids of endpoints by their numbers.
    """

    async def load(no: int) -> tuple[Route, int, bool]:
        now = clock.now()
        row, secrets = await store.read(_read, no, now)
        if names is not None:
            names[no] = row["id"]
        virtual = row["url"].startswith(LISTEN_SCHEME)
        target, error = (LISTEN_TARGET, "") if virtual else _target(row["url"])
        policy = endpoints.policy(row["ordering"])
        delays = LISTEN_SCHEDULE if virtual else schedule
        if delays is not None:
            policy = msgspec.structs.replace(policy, schedule=delays)
        custom: dict[str, str] = msgspec.json.decode(row["headers"])
        route = Route(
            app=row["app"],
            target=target,
            error=error,
            signers=[Signer.of(vault.open(one["sealed"], row["id"]).decode()) for one in secrets],
            headers=[*_HEADERS, *(f"{name}: {value}" for name, value in custom.items())],
            policy=policy,
            guard=LISTEN_POLICY if virtual else guards[row["instance_name"]],
            timeout_ms=timeout_ms,
            open=not row["disabled"]
            and row["deleted_at"] is None
            and (not virtual or listening(no)),
            expires_at=min(
                (one["expires_at"] for one in secrets if one["expires_at"]), default=None
            ),
        )
        return route, row["paused_until"] or 0, row["first_failure_at"] is not None

    return load


def _target(url: str) -> tuple[Target | None, str]:
    try:
        return check_url(url), ""
    except BadUrlError as bad:
        return None, str(bad)


def _read(tx: Tx, no: int, now: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    row = endpoints.by_number(tx, no)
    return dict(row), [dict(one) for one in endpoints.secrets(tx, no, now)]
