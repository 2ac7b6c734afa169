"""Options of `consignease endpoints` that say how an endpoint is treated, and what is shown of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--rate-limit", metavar="N", help="Requests a second at most; `none` for no limit."
    ),
    click.option("--concurrency", metavar="N", help="Requests in flight at most; or `default`."),
    click.option(
        "--backlog-bytes",
        metavar="N",
        help="Bytes that wait at most while it is paused or disabled, 0 for any; or `default`.",
    ),
    click.option("--timeout", metavar="SECONDS", help="What one try may take; or `default`."),
    click.option(
        "--retry-schedule",
        metavar="SECONDS,...",
        help="Waits after failed tries; `none` for one try only; or `default`.",
    ),
    click.option(
        "--v1a/--no-v1a", default=None, help="Sign with an Ed25519 pair beside the secret, too."
    ),
    click.option("--ca-certificate", type=_FILE, help="PEM of the authorities to trust."),
    click.option("--client-certificate", type=_FILE, help="PEM of the certificate to show."),
    click.option("--client-key", type=_FILE, help="PEM of its private key."),
    click.option("--basic-auth", metavar="USER:PASSWORD", help="`none` removes it."),
)


def treatment_options(command: F) -> F:
    """Add the options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def treatment_body(given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given as members of a request's body.

    Raises:
        BadParameter: something is no number.
    """
    body: dict[str, Any] = {}
    for option, member, read in (
        ("rate_limit", "rateLimit", int),
        ("concurrency", "maxConcurrency", int),
        ("backlog_bytes", "maxBacklogBytes", int),
        ("timeout", "timeout", float),
        ("retry_schedule", "retrySchedule", _schedule),
    ):
        text = given[option]
        if text is not None:
            body[member] = _read(option, text, read)
    for option, member in (
        ("ca_certificate", "caCertificate"),
        ("client_certificate", "clientCertificate"),
        ("client_key", "clientKey"),
    ):
        if given[option] is not None:
            body[member] = given[option].read_text()
    if given["v1a"] is not None:
        body["v1a"] = given["v1a"]
    if given["basic_auth"] is not None:
        user, colon, password = given["basic_auth"].partition(":")
        there = {"username": user, "password": password}
        body["basicAuth"] = there if colon else None
    return body


def _schedule(text: str) -> list[float]:
    return [] if text == "none" else [float(part) for part in text.split(",")]


def _read(option: str, text: str, read: Callable[[str], Any]) -> Any:
    if text == "default" or (text == "none" and read is not _schedule):
        return None
    try:
        return read(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number.", param_hint=f"--{option}") from None


def state_of(endpoint: dict[str, Any]) -> str:
    """Return an endpoint's state in words."""
    words = endpoint["state"].replace("_", " ")
    if endpoint["disabledReason"]:
        words += f": {endpoint['disabledReason']}"
    if endpoint["failingSince"]:
        words += f" (failing since {endpoint['failingSince']})"
    return words


def treatment_of(endpoint: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return how an endpoint is treated, where that was chosen, as names and values."""
    if endpoint["v1a"]:
        yield "signatures", "v1 and v1a (Ed25519)"
    for name, member, unit in (
        ("rate limit", "rateLimit", " a second"),
        ("concurrency", "maxConcurrency", " at once"),
        ("backlog", "maxBacklogBytes", " bytes at most"),
        ("timeout", "timeout", " s"),
    ):
        if endpoint[member] is not None:
            value = endpoint[member]
            yield name, f"{value if isinstance(value, int) else format(value, 'g')}{unit}"
    if endpoint["retrySchedule"] is not None:
        waits = ", ".join(f"{wait:g}" for wait in endpoint["retrySchedule"])
        yield "retries", f"after {waits} s" if waits else "none"
    credentials: dict[str, dict[str, str]] = endpoint["credentials"] or {}
    for member, about in credentials.items():
        yield _CREDENTIALS[member], about.get("subject") or about.get("username", "")


_CREDENTIALS = {
    "caCertificate": "trusts",
    "clientCertificate": "shows",
    "basicAuth": "signs in as",
}


def share_words(health: dict[str, Any]) -> str:
    """Return the share of an endpoint's attempts that succeeded; ``-`` if there were none."""
    share = health["successShare"]
    return "-" if share is None else f"{share:.1%}"


def health_words(health: dict[str, Any]) -> str:
    """Return how an endpoint did in words."""
    share, waiting = health["successShare"], health["waiting"]
    done = "nothing sent" if share is None else f"{share:.1%} of {health['attempts']} accepted"
    return f"{done}, {waiting} waiting"
