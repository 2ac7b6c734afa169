"""One message: payload, deliveries, attempts, why they failed, and as a command."""

import shlex
from typing import Any, NamedTuple

from starlette.responses import Response

from consignease.app import admins, tasks
from consignease.dashboard.charts import phases
from consignease.dashboard.sent import as_sent
from consignease.dashboard.visit import Route, Visit, whole
from consignease.domain.access import Need
from consignease.domain.advice import explain as advise
from consignease.domain.advice import plain
from consignease.domain.delivery import State
from consignease.domain.faults import Invalid, NotFound
from consignease.domain.messages import cursor_of, message_id
from consignease.domain.tasks import Task
from consignease.store import endpoints, views
from consignease.store.tx import Tx
from consignease.wire.ed25519 import PUBLIC_PREFIX, PublicKey, parse_public, readable, signer_of
from consignease.wire.explain import Diagnosis, explain, malformed_secret
from consignease.wire.headers import read_headers, read_timestamp
from consignease.wire.signing import (
    SECRET_PREFIX,
    SecretError,
    Signer,
    matches,
    parse_secret,
    sign_all,
    signed_content,
)

TOLERANCE = 300
"""Seconds by which a receiver's clock may differ."""


DELIVERIES = 20
"""How many deliveries one page shows."""
TRIES = 30
"""How many tries one page shows, about: the newest of each delivery."""


class Asked(NamedTuple):
    """Which part of a message that went to many, or was tried often, is looked at.

    Attributes:
        only: Id of the one endpoint whose delivery is shown.
        at: Id of the endpoint that the page begins at, where one page does not hold all.
        before: Only tries with smaller numbers.
    """

    only: str = ""
    at: str = ""
    before: int = 2**31


def _asked(visit: Visit, only: str = "") -> Asked:
    before = whole(visit.query("before"), 9) or 2**31
    return Asked(only or visit.query("endpoint"), visit.query("at"), before)


def _read(tx: Tx, app_no: int, cursor: int, asked: Asked) -> dict[str, Any] | None:
    found = views.message(tx, app_no, cursor)
    if found is None:
        return None

    def number(name: str) -> int:
        row = endpoints.by_id(tx, name)
        return row["no"] if row else 0

    found["narrow"] = bool(asked.only)
    if asked.only:
        no = number(asked.only)
        rows = views.deliveries(tx, cursor, no, no)
    else:
        rows = views.deliveries(tx, cursor, limit=DELIVERIES + 1)
        if len(rows) > DELIVERIES and asked.at:
            rows = views.deliveries(tx, cursor, number(asked.at), limit=DELIVERIES + 1)
            found["narrow"] = True
    found["more"] = rows[DELIVERIES]["endpoint_id"] if len(rows) > DELIVERIES else None
    found["deliveries"] = rows = rows[:DELIVERIES]
    limit = max(1, TRIES // max(1, len(rows)))
    for row in rows:
        row["attempts"] = views.tries(tx, cursor, row["endpoint"], asked.before, limit)
        last = row["attempts"][-1]["n"] if len(row["attempts"]) == limit else 1
        row["earlier"] = last if last > 1 else None
    return found


async def _find(visit: Visit, only: str = "") -> dict[str, Any]:
    name = visit.path["message"]
    cursor = cursor_of(visit.instance.id, name)
    found = None
    if cursor is not None:
        found = await visit.store.read(_read, visit.instance.app, cursor, _asked(visit, only))
    if found is None or message_id(visit.instance.id, found["cursor"], found["at"]) != name:
        raise NotFound(
            "There is no such message here.", detail="It may belong to the other instance."
        )
    found["id"] = name
    for one in found["deliveries"]:
        one["behind_id"] = None
        if one["behind"] is not None:
            one["behind_id"] = message_id(visit.instance.id, *one["behind"])
        for attempt in one["attempts"]:
            advice = advise(
                attempt["status"], attempt["phase"], attempt["headers"], attempt["response"]
            )
            attempt["advice"] = advice if visit.is_built_in else plain(advice)
            attempt["phases"] = phases(attempt)
            attempt["sent"] = as_sent(found, one, attempt, visit.deps.started_at)
    return found


def _replays(tx: Tx, numbers: dict[str, int]) -> dict[str, Task]:
    """Return the newest replay to each of some endpoints, of which at most a hundred are asked."""
    found = {name: tasks.newest(tx, number) for name, number in list(numbers.items())[:100]}
    return {name: task for name, task in found.items() if task is not None}


async def _page(visit: Visit, status: int = 200, **values: Any) -> Response:
    message = await _find(visit)
    about = values.get("curl_for") or values.get("checked")
    if about and all(one["endpoint_id"] != about for one in message["deliveries"]):
        message = await _find(visit, about)
    numbers = {one["endpoint_id"]: one["endpoint"] for one in message["deliveries"]}
    replays = await visit.store.read(_replays, numbers)
    shown = {"message": message, "curl": "", "curl_for": "", "diagnosis": None, "checked": ""}
    here = f"{visit.base}/messages/{message['id']}"
    query = visit.request.url.query
    live = f"{here}?{query}" if query else here
    shown |= {"form": visit.form, "states": State, "replays": replays, "there": here, "live": live}
    return visit.page("message.html", status=status, **{**shown, **values})


async def message(visit: Visit) -> Response:
    """Show a message."""
    return await _page(visit)


def _secrets(tx: Tx, app_no: int, name: str, now: int) -> tuple[str, str, list[bytes]]:
    row = endpoints.find(tx, app_no, name)
    if row is None:
        raise NotFound("There is no such endpoint.")
    return row["id"], row["url"], [one["sealed"] for one in endpoints.secrets(tx, row["no"], now)]


async def _signers(visit: Visit, name: str) -> tuple[str, list[bytes]]:
    found, url, sealed = await visit.store.read(_secrets, visit.instance.app, name, visit.now)
    return url, [visit.deps.vault.open(one, found) for one in sealed]


async def curl(visit: Visit) -> Response:
    """Show the request as a curl command, signed now; that is audited."""
    found = await _find(visit)
    if found["body"] is None:
        raise Invalid("The body of this message has expired.")
    name = visit.form("endpoint")
    url, secrets = await _signers(visit, name)
    second = int(visit.deps.wall())
    signers = [signer_of(one.decode()) for one in secrets]
    signature = sign_all(signers, found["id"], second, found["body"])
    headers = {
        "content-type": "application/json",
        "svix-id": found["id"],
        "svix-timestamp": str(second),
        "svix-signature": signature,
    }
    lines = [f"curl -i {shlex.quote(url)}"]
    lines += [f"  -H {shlex.quote(f'{key}: {value}')}" for key, value in headers.items()]
    lines.append(f"  --data-binary {shlex.quote(found['body'].decode())}")
    await visit.store.write(admins.note, visit.entry("message.curl", name, found["id"]))
    return await _page(visit, curl=" \\\n".join(lines), curl_for=name)


async def check(visit: Visit) -> Response:
    """Say what was wrong with a request as an application saw it."""
    name = visit.form("endpoint")
    _, secrets = await _signers(visit, name)
    diagnosis = _diagnose(visit, [one.decode() for one in secrets])
    entry = visit.entry("message.check", name, visit.path["message"])
    await visit.store.write(admins.note, entry)
    return await _page(visit, diagnosis=diagnosis, checked=name)


def _diagnose(visit: Visit, secrets: list[str]) -> Diagnosis | None:
    """Find what is wrong with a request; None if it verifies."""
    lines = visit.form("headers").splitlines()
    pairs = [line.partition(":") for line in lines if ":" in line]
    headers = read_headers({name.strip().lower(): value.strip() for name, _, value in pairs})
    given = visit.form("secret").strip()
    # Of a pair its public key is what an application verifies with.
    tried = [given] if given else [readable(one) for one in secrets]
    try:
        publics = [PublicKey(parse_public(one)) for one in tried if one.startswith(PUBLIC_PREFIX)]
        keys = [parse_secret(one) for one in tried if not one.startswith(PUBLIC_PREFIX)]
    except SecretError as error:
        return malformed_secret(error)
    body = visit.form("body").encode("utf-8", "surrogatepass")
    stamp, clock = read_timestamp(headers.timestamp), visit.form("clock").strip()
    # Without that machine's clock the request is judged as of when it was sent.
    now = whole(clock, 14) or stamp or int(visit.deps.wall())
    if stamp is not None and abs(now - stamp) <= TOLERANCE:
        content = signed_content(headers.id, stamp, body)
        if matches([*map(Signer, keys), *publics], content, headers.signature):
            return None
    own = next((one for one in secrets if one.startswith(SECRET_PREFIX)), "")
    environ = {"CLERK_WEBHOOK_SIGNING_SECRET": own} if given else {}
    return explain(
        body, headers, keys, tolerance=TOLERANCE, now=now, environ=environ, publics=publics
    )


_HERE = "/dashboard/{instance}/messages/{message}"
ROUTES = (
    Route("GET", _HERE, message, need=Need.READ),
    Route("POST", f"{_HERE}/curl", curl, "admin", Need.SECRET),
    Route("POST", f"{_HERE}/check", check, "admin", Need.SECRET),
)
