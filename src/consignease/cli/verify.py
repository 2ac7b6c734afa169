"""``consignease verify``: check a saved webhook request and explain."""

import math
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from consignease.cli.dotenv import read_dotenv
from consignease.cli.saved_request import (
    SavedRequest,
    UnreadableRequestError,
    parse_header,
    read_request,
)
from consignease.sdk.errors import (
    MissingHeaderError,
    TimestampError,
    TimestampTooOldError,
    WebhookVerificationError,
)
from consignease.sdk.verify import TOLERANCE, verify_webhook
from consignease.wire.events import WebhookEvent
from consignease.wire.explain import SECRET_VARIABLE, missing_secret
from consignease.wire.headers import read_headers, read_timestamp

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


@click.command()
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    help=f"Signing secret; may repeat. Else {SECRET_VARIABLE}, from the environment or .env.",
)
@click.option("--request", "request_file", type=_FILE, help="HTTP text, or JSON headers and body.")
@click.option("--body", "body_file", type=_FILE, help="The body alone; - reads standard input.")
@click.option("--header", "header_lines", multiple=True, help="'name: value'; may repeat.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=TOLERANCE,
    show_default=True,
    help="Seconds that the timestamp may lie off.",
)
@click.option("--strict", is_flag=True, help="Fail also where only the timestamp is too old.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def verify(
    *,
    secrets: tuple[str, ...],
    request_file: str | None,
    body_file: str | None,
    header_lines: tuple[str, ...],
    tolerance: float,
    strict: bool,
    as_json: bool,
) -> None:
    """Check a saved webhook request and explain.

    Exits 0 if it verifies, 1 if not, 2 if it was called wrongly.
    """
    request = _request(request_file, body_file, header_lines)
    chosen = secrets or _secret_around({**read_dotenv(Path(".env")), **_set(os.environ)})
    try:
        event, note = _check(request, chosen, tolerance, strict=strict)
    except WebhookVerificationError as error:
        _refuse(error, as_json=as_json)
    _accept(_facts(request, event), note, as_json=as_json)


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value}


def _request(
    request_file: str | None, body_file: str | None, header_lines: tuple[str, ...]
) -> SavedRequest:
    if (request_file is None) == (body_file is None):
        message = "Give either --request, or --body with --header."
        raise click.UsageError(message)
    try:
        extra = [parse_header(line) for line in header_lines]
        if body_file is not None:
            return SavedRequest(extra, _read(body_file))
        saved = read_request(_read(request_file or "-"))
    except UnreadableRequestError as error:
        raise click.UsageError(str(error)) from None
    return SavedRequest(extra + saved.headers, saved.body)


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _secret_around(environ: Mapping[str, str]) -> tuple[str, ...]:
    secret = environ.get(SECRET_VARIABLE)
    if not secret:
        diagnosis = missing_secret(environ)
        message = f"{diagnosis.message} {diagnosis.fix.replace('secret=', '--secret')}"
        raise click.UsageError(message)
    return (secret,)


def _check(
    request: SavedRequest, secrets: tuple[str, ...], tolerance: float, *, strict: bool
) -> tuple[WebhookEvent, str | None]:
    headers, body = request
    try:
        return verify_webhook(body, headers, secret=secrets, tolerance=tolerance), None
    except TimestampTooOldError as error:
        if strict:
            raise
        event = verify_webhook(body, headers, secret=secrets, tolerance=math.inf)
        return event, f"The timestamp is {error.skew} s old: a receiver would refuse it by now."


def _facts(request: SavedRequest, event: WebhookEvent) -> dict[str, Any]:
    found = read_headers(request.headers)
    stamp = read_timestamp(found.timestamp) or 0
    return {
        "id": found.id,
        "type": getattr(event, "type_name", event.type),
        "timestamp": stamp,
        "age": int(time.time()) - stamp,
        "body_bytes": len(request.body),
    }


def _accept(facts: dict[str, Any], note: str | None, *, as_json: bool) -> None:
    if as_json:
        _print_json({"valid": True, **facts, "note": note})
        return
    moment = datetime.fromtimestamp(facts["timestamp"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    click.echo("Valid: the signature fits.")
    click.echo(f"  id         {facts['id']}")
    click.echo(f"  type       {facts['type']}")
    click.echo(f"  timestamp  {facts['timestamp']} ({moment}, {facts['age']} s ago)")
    click.echo(f"  body       {facts['body_bytes']} bytes")
    if note:
        click.echo(f"Note: {note}")


def _refuse(error: WebhookVerificationError, *, as_json: bool) -> NoReturn:
    if as_json:
        facts: dict[str, Any] = {"reason": error.reason, "message": error.message, "fix": error.fix}
        if isinstance(error, MissingHeaderError):
            facts["missing"] = error.missing
        if isinstance(error, TimestampError):
            facts["skew"] = error.skew
        _print_json({"valid": False, **facts})
    else:
        click.echo(f"Invalid ({error.reason}): {error.message}")
        click.echo(f"What to do: {error.fix}")
    sys.exit(1)


def _print_json(document: dict[str, Any]) -> None:
    click.echo(msgspec.json.encode(document).decode())
