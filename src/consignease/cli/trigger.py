"""`consignease trigger`: an event now, a real one or an example, well-formed or in chaos."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from consignease.cli.dotenv import read_dotenv
from consignease.cli.loop import run
from consignease.cli.remote import remote, server_option
from consignease.cli.target import data_dir_option, instance_option
from consignease.cli.trigger_direct import CHAOS, Direct, changed, post_all
from consignease.cli.trigger_server import Made, Through, through_server
from consignease.edge.guard import DEVELOPMENT, verdict
from consignease.tunnel.agent.http1 import CallError
from consignease.wire.events import EVENT_TYPES, WebhookEventType
from consignease.wire.examples import example_body
from consignease.wire.explain import SECRET_VARIABLE
from consignease.wire.json import JSON
from consignease.wire.signing import SecretError, parse_secret

REAL = ("user.created", "user.updated", "user.deleted")
REFUSED, FAILED = 1, 5
EXAMPLE = "consignease trigger user.created --to http://localhost:3000/api/webhooks"
_PATH = re.compile(r"[^.=]+(\.[^.=]+)*")


@click.command()
@click.argument("event_type", metavar="TYPE")
@click.option("--override", "overrides", multiple=True, help="'data.first_name=Ada'; may repeat.")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1, help="How many.")
@click.option("--rate", type=click.FloatRange(0.01), help="How many a second.  [default: no limit]")
@click.option("--sample", is_flag=True, help="Send an example even where a real event is possible.")
@click.option("--to", "url", help="Post straight to this URL instead, past the server.")
@click.option("--secret", help=f"Signing secret for --to; else {SECRET_VARIABLE}, also in .env.")
@click.option("--bad-signature", "chaos", flag_value="bad-signature", help="Sign it wrongly.")
@click.option("--old-timestamp", "chaos", flag_value="old-timestamp", help="Sign it an hour ago.")
@click.option("--duplicate", "chaos", flag_value="duplicate", help="Send each twice.")
@click.option(
    "--out-of-order", "chaos", flag_value="out-of-order", help="Send what came later first."
)
@click.option("--burst", "chaos", flag_value="burst", help="Send all at the same time.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON each.")
@server_option
@instance_option
@data_dir_option
def trigger(
    *,
    event_type: str,
    overrides: tuple[str, ...],
    count: int,
    rate: float | None,
    sample: bool,
    url: str | None,
    secret: str | None,
    chaos: str | None,
    as_json: bool,
    server: str | None,
    instance: str,
    data_dir: str,
) -> None:
    """Make an event of TYPE happen.

    user.created, user.updated and user.deleted happen for real: a user is
    created, changed, deleted. Every other type, and all under --sample, is an
    example that the server delivers to every endpoint that wants the type.

    With --to, the example is signed here and posted to one URL. Only there
    can it be sent wrongly: a handler that accepts a bad signature or an old
    timestamp makes this command exit 5.

    Exits 0 if all went as it should, 1 if the server refused, 2 for wrong
    usage, 5 if the application answered what it should not.
    """
    name = _known(event_type)
    changes = _overrides(overrides)
    _check(name, changes)
    if url is None:
        if chaos is not None and chaos != "burst":
            message = f"--{chaos} needs --to: the server never sends that. Example: {EXAMPLE}"
            raise click.UsageError(f"{message} --{chaos}")
        place = remote(server, data_dir, instance)
        real = name in REAL and not sample
        asked = Through(
            type=name, real=real, changes=changes, count=count, rate=rate, burst=chaos == "burst"
        )
        sys.exit(_through(place.locate(), place.key, asked, as_json=as_json))
    if not re.match(r"https?://[^\s/]", url):
        message = f"--to {url!r} is no http:// or https:// URL. Example: {EXAMPLE}"
        raise click.UsageError(message)
    direct = Direct(
        url=url,
        secret=_secret(secret),
        type=name,
        changes=changes,
        count=count,
        rate=rate,
        chaos=chaos,
        judge=_judge,
    )
    sys.exit(_direct(direct, as_json=as_json))


def _direct(direct: Direct, *, as_json: bool) -> int:
    wrong = 0
    expected = CHAOS.get(direct.chaos or "", "2xx")

    def show(kind: str, name: str, status: int, words: str, ms: float) -> None:
        nonlocal wrong
        good = status // 100 == (4 if expected == "4xx" else 2)
        wrong += not good
        if as_json:
            fields = {"type": kind, "id": name, "status": status, "error": words or None}
            click.echo(json.dumps({**fields, "ms": round(ms, 1), "as_expected": good}))
            return
        shown = click.style(str(status or f"failed: {words}"), fg="green" if good else "red")
        note = ""
        if not good and expected == "4xx" and status // 100 == 2:
            note = f"  accepted in spite of --{direct.chaos}: the signature is not checked"
        click.echo(f"{kind:<24} {name} -> {shown} {ms:.0f} ms{note}")

    run(post_all(direct, show))
    return FAILED if wrong else 0


def _through(url: str | None, key: str, asked: Through, *, as_json: bool) -> int:
    if url is None:
        message = "No server runs on the data folder. Start it: consignease dev"
        raise click.ClickException(message)

    def show(made: Made) -> None:
        if as_json:
            click.echo(msgspec.json.encode(made).decode())
        else:
            click.echo(f"{made.type:<24} {made.id}  {made.what}")

    try:
        run(through_server(url, key, asked, show))
    except CallError as error:
        message = str(error)
        raise click.ClickException(message) from None
    return 0


def _known(text: str) -> WebhookEventType:
    if text in EVENT_TYPES:
        return text
    close = [one for one in EVENT_TYPES if one.partition(".")[0] == text.partition(".")[0]]
    hint = ", ".join(close or ["user.created", "session.created", "organization.created"])
    message = f"There is no event type {text!r}. Among them: {hint}. All are in docs/events.md."
    raise click.UsageError(message)


def _overrides(texts: tuple[str, ...]) -> dict[str, JSON]:
    changes: dict[str, JSON] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        path = path.strip().removeprefix("data.")
        if not equals or not _PATH.fullmatch(path):
            message = (
                f"--override {text!r} is no path=value. Example: --override data.first_name=Ada"
            )
            raise click.UsageError(message)
        try:
            decoded: Any = json.loads(value)
        except ValueError:
            decoded = value
        changes[path] = decoded
    return changes


def _check(name: WebhookEventType, changes: dict[str, JSON]) -> None:
    try:
        changed(example_body(name), changes)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        message = f"--override names a place that a {name} event does not have: {error}"
        raise click.UsageError(message) from None


def _secret(given: str | None) -> str:
    around = {**read_dotenv(Path(".env")), **{k: v for k, v in os.environ.items() if v}}
    secret = given or around.get(SECRET_VARIABLE)
    if not secret:
        message = (
            f"--to needs the secret that the application checks with: --secret whsec_… or "
            f"{SECRET_VARIABLE} in the environment or .env."
        )
        raise click.UsageError(message)
    try:
        parse_secret(secret)
    except SecretError as error:
        raise click.UsageError(str(error)) from None
    return secret


def _judge(address: str) -> str | None:
    judged = verdict(address, DEVELOPMENT)
    return None if judged.ok else judged.reason
