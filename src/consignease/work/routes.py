"""How requests to an endpoint are made, read from its row."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from consignease.domain.delivery import Policy
from consignease.domain.endpoints import ORDERINGS
from consignease.domain.health import DISABLE_AFTER_MS
from consignease.edge.clock import Clock
from consignease.edge.credentials import NONE, Credentials, authorization, unseal
from consignease.edge.guard import Policy as GuardPolicy
from consignease.edge.lines import constant
from consignease.edge.target import BadUrlError, Target, check_url
from consignease.edge.vault import Vault
from consignease.store import endpoints
from consignease.store.opening import AnyStore
from consignease.store.tx import Tx
from consignease.wire.ed25519 import signer_of
from consignease.work.gate import Route
from consignease.work.outlets import (
    LISTEN_POLICY,
    LISTEN_SCHEDULE,
    LISTEN_SCHEME,
    LISTEN_TARGET,
)


def route_loader(
    store: AnyStore,
    vault: Vault,
    clock: Clock,
    guards: Mapping[str, GuardPolicy],
    *,
    listening: Callable[[int], bool] = lambda _no: False,
    schedule: tuple[int, ...] | None = None,
    timeout_ms: int = 15_000,
    disable_after_ms: int = DISABLE_AFTER_MS,
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
        disable_after_ms: After how long of nothing but failures an endpoint is
            disabled; 0 for never.
        names: Filled with the ids of endpoints by their numbers.
    """
    usual = {name: _policy(name, schedule, disable_after_ms) for name in ORDERINGS}

    async def load(no: int) -> tuple[Route, int, bool]:
        now = clock.now()
        row, secrets = await store.read(_read, no, now)
        if names is not None:
            names[no] = row["id"]
        virtual = row["url"].startswith(LISTEN_SCHEME)
        target, error = (LISTEN_TARGET, "") if virtual else _target(row["url"])
        policy = usual[row["ordering"]]
        delays = LISTEN_SCHEDULE if virtual else _schedule(row["retry_schedule"])
        if delays is not None:
            never = 0 if virtual else policy.disable_after_ms
            policy = msgspec.structs.replace(policy, schedule=delays, disable_after_ms=never)
        own = _credentials(vault, row)
        custom: dict[str, str] = msgspec.json.decode(row["headers"])
        route = Route(
            app=row["app"],
            target=target,
            error=error,
            signers=[signer_of(vault.open(one["sealed"], row["id"]).decode()) for one in secrets],
            headers=constant(
                [
                    *(f"{name}: {value}" for name, value in custom.items()),
                    *authorization(own, custom),
                ]
            ),
            policy=policy,
            guard=LISTEN_POLICY if virtual else guards[row["instance_name"]],
            timeout_ms=row["timeout_ms"] or timeout_ms,
            open=not row["disabled"]
            and not row["paused"]
            and row["deleted_at"] is None
            and (not virtual or listening(no)),
            expires_at=min(
                (one["expires_at"] for one in secrets if one["expires_at"]), default=None
            ),
            limited=row["rate_limit"] is not None or row["app_rate_limit"] is not None,
            concurrency=row["max_concurrency"],
            tls=own.tls,
        )
        unknown = row["last_success_at"] is None
        return route, row["paused_until"] or 0, unknown or row["first_failure_at"] is not None

    return load


def _policy(ordering: str, schedule: tuple[int, ...] | None, disable_after_ms: int) -> Policy:
    policy = msgspec.structs.replace(endpoints.policy(ordering), disable_after_ms=disable_after_ms)
    return policy if schedule is None else msgspec.structs.replace(policy, schedule=schedule)


def _schedule(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    return tuple(round(delay * 1000) for delay in msgspec.json.decode(text, type=list[float]))


def _credentials(vault: Vault, row: dict[str, Any]) -> Credentials:
    sealed = row["credentials_sealed"]
    return NONE if sealed is None else unseal(vault, sealed, row["id"])


def _target(url: str) -> tuple[Target | None, str]:
    try:
        return check_url(url), ""
    except BadUrlError as bad:
        return None, str(bad)


def _read(tx: Tx, no: int, now: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    row = endpoints.by_number(tx, no)
    return dict(row), [dict(one) for one in endpoints.secrets(tx, no, now)]
