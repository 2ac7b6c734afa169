"""What an endpoint's forms ask for, checked before anything is written."""

import math
from typing import Any

import msgspec

from consignease.dashboard.visit import Place, Visit
from consignease.domain import endpoints as rules
from consignease.domain.endpoints import SENSITIVE_HEADERS
from consignease.domain.faults import Fault, Invalid
from consignease.edge.guard import BadUrlError, check_url
from consignease.edge.resolver import Refused, Vetted, vet

MASK = "••••••••"
"""Stands for a header's value that is not shown again."""
_DESCRIPTION_MAX = 1024
_MEGABYTE = 1_000_000


async def verdict(visit: Visit, url: str) -> tuple[bool, str]:
    """Say in plain words whether an endpoint may have a URL, and why.

    A name that does not resolve just now is allowed: a tunnel may not be up yet.
    """
    try:
        target = check_url(url)
    except BadUrlError as error:
        return False, f"{_sentence(str(error))}."
    judged = await vet(visit.deps.resolver, target, visit.deps.guards[visit.instance.name])
    if visit.place is Place.PORTAL and not target.literal:
        return _to_a_customer(judged)
    if isinstance(judged, Refused):
        if judged.phase == "resolve":
            return True, f"{_sentence(judged.reason)} yet. Events wait until it does."
        words = f"{_sentence(judged.reason)}."
        if visit.instance.is_development:
            return False, words
        return False, f"{words} Production endpoints take public addresses."
    first = judged.address.split(",")[0]
    plain = "" if url.lower().startswith("https") or visit.instance.is_development else _PLAIN
    return True, f"Fine: {first} is {judged.reason}.{plain}"


def _to_a_customer(judged: Vetted | Refused) -> tuple[bool, str]:
    """Say the same without the addresses: what our resolver knows is not for everybody."""
    if isinstance(judged, Vetted):
        return True, "Fine: the name leads to an address that events may be sent to."
    if judged.phase == "resolve":
        return True, "The name does not resolve yet. Events wait until it does."
    return False, "The name leads to an address that events are never sent to."


_PLAIN = " It is plain http: user data would cross the network in clear; use https."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


async def read(
    visit: Visit,
    types: frozenset[str],
    *,
    before: dict[str, str] | None = None,
    new: bool = False,
) -> dict[str, Any]:
    """Read the fields of an endpoint that a form has.

    Args:
        visit: The request with the form.
        types: The events that it may ask for.
        before: Its headers before, to which masked values stand.
        new: Whether it is to be made, so that it needs a URL.

    Raises:
        Invalid: a field cannot be used.
    """
    form, values = visit.form, dict[str, Any]()
    if new or "url" in form:
        url = form("url").strip()
        if not url:
            raise Invalid("Enter the URL that events are sent to.", param="url")
        ok, words = await verdict(visit, url)
        if not ok:
            raise Invalid(words, param="url")
        values["url"] = url
    if "description" in form:
        text = rules.check_description(form("description").strip())
        if len(text) > _DESCRIPTION_MAX:
            raise Invalid("Use at most 1,024 characters.", param="description")
        values["description"] = text
    if "events_shown" in form:
        values["event_types"] = rules.check_event_types(form.all("event_types"), types)
    if "headers" in form:
        values["headers"] = rules.check_headers(_headers(form("headers"), before or {}))
    if "ordering" in form:
        values["ordering"] = rules.check_ordering(form("ordering"))
    return values | _limits(visit)


def _limits(visit: Visit) -> dict[str, Any]:
    form, values = visit.form, dict[str, Any]()
    if "rate_limit" in form:
        values["rate_limit"] = _rate(form("rate_limit").strip())
    if "retry_schedule" in form:
        values["retry_schedule"] = _schedule(form("retry_schedule").strip())
        values["timeout"] = rules.check_timeout(_number(form("timeout"), "timeout"))
        most = _number(form("max_concurrency"), "maxConcurrency")
        if most is not None and most != int(most):
            raise Invalid("Enter a whole number, or nothing.", param="maxConcurrency")
        values["max_concurrency"] = rules.check_concurrency(None if most is None else int(most))
    if "backlog" in form and visit.place is not Place.PORTAL:  # there the operator's disk
        backlog = _number(form("backlog"), "maxBacklogBytes")
        most = None if backlog is None else round(backlog * _MEGABYTE)
        values["max_backlog_bytes"] = rules.check_backlog_bytes(most)
    return values


def _number(text: str, param: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid("Enter a number, or nothing.", param=param)
    return number


def _schedule(text: str) -> list[float] | None:
    if not text:
        return None
    if text == "none":
        return []
    try:
        schedule = [float(part) for part in text.split(",")]
    except ValueError:
        words = "Enter seconds with commas between them, none for one try, or nothing."
        raise Invalid(words, param="retrySchedule") from None
    return rules.check_retry_schedule(schedule)


def backlog_text(most: int | None) -> str:
    """Return how many bytes may wait as the form shows it, in megabytes."""
    return "" if most is None else f"{most / _MEGABYTE:.6f}".rstrip("0").rstrip(".")


def schedule_text(stored: str | None) -> str:
    """Return a retry schedule as the form shows it."""
    if stored is None:
        return ""
    schedule = msgspec.json.decode(stored, type=list[float])
    return ", ".join(f"{delay:g}" for delay in schedule) or "none"


def _headers(text: str, before: dict[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise Invalid(f"{line!r} is no header: write Name: value.", param="headers")
        value = value.strip()
        headers[name.strip()] = before.get(name.strip(), value) if value == MASK else value
    return headers


def headers_text(headers: dict[str, str]) -> str:
    """Return headers as the form shows them; values of sensitive ones masked."""
    return "\n".join(
        f"{name}: {MASK if name.lower() in SENSITIVE_HEADERS else value}"
        for name, value in headers.items()
    )


def _rate(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and int(text)):
        raise Invalid("Enter a number of requests per second, or nothing.", param="rate_limit")
    return int(text)


def message_of(fault: Fault) -> dict[str, str]:
    """Return a fault beside its field; a filter's beside the events."""
    param = (fault.param or "form").partition(".")[0]
    return {_FIELDS.get(param, param): fault.detail}


_FIELDS = {
    "filterTypes": "event_types",
    "retrySchedule": "retry_schedule",
    "maxConcurrency": "max_concurrency",
    "maxBacklogBytes": "backlog",
}
"""Fields of forms that faults name as the webhook API does."""
