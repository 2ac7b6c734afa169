"""`consignease endpoints apply`, `export` and `copy`: endpoints as code."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from consignease.cli.endpoints_file import Wanted, document, read, toml, variable
from consignease.cli.endpoints_plan import carry_out, plan, present, show
from consignease.cli.target import Target, data_dir_option, instance_option
from consignease.folder import NAMES

F = TypeVar("F", bound=Callable[..., Any])


def _how(command: F) -> F:
    """Add the options that say how far to go."""
    for option in (
        click.option("--prune", is_flag=True, help="Delete endpoints that are not among them."),
        click.option("--dry-run", is_flag=True, help="Only show what would be done."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    )[::-1]:
        command = option(command)
    return command


def _go(
    target: Target, wanted: Sequence[Wanted], *, keep_secret: bool, options: dict[str, Any]
) -> None:
    """Show the difference, ask, and do it."""
    name = target.keys.name
    changes = plan(wanted, present(target), prune=options["prune"], keep_secret=keep_secret)
    show(changes)
    differs = any(one.sign in "+~-" for one in changes)
    if options["dry_run"]:
        return
    if differs and not options["yes"]:
        click.confirm(f"Do this in {name}?", abort=True)
    carry_out(target, changes)
    if differs:
        click.echo(f"Done in {name}.")
    if any(one.sign == "+" for one in changes):
        click.echo("A new endpoint's signing secret: consignease endpoints secret UID")


@click.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_how
@instance_option
@data_dir_option
def apply_file(file: Path, instance: str, data_dir: str, **options: Any) -> None:
    """Make an instance's endpoints what FILE says, after showing the difference.

    FILE is TOML, or JSON if its name ends so: a list `endpoints`. Each has a
    uid, which names it for good, a url, and whatever else an endpoint may have;
    what is not said is as usual, but for `disabled`, which stays as it is.
    ${NAME} in a url, a header or a secret stands for an environment variable.
    Applying a file twice changes nothing.

    \b
    [[endpoints]]
    uid = "billing"
    url = "https://billing.example.com/api/webhooks"
    event_types = ["user.created", "user.deleted"]
    headers = { Authorization = "Bearer ${BILLING_TOKEN}" }
    """  # noqa: D301 - click's own mark for lines to be left as they are
    wanted = read(file, os.environ)
    _go(Target(data_dir, instance), wanted, keep_secret=False, options=options)


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Write JSON in place of TOML.")
@instance_option
@data_dir_option
def export_file(
    file: Path | None,
    as_json: bool,  # noqa: FBT001
    instance: str,
    data_dir: str,
) -> None:
    """Write an instance's endpoints to FILE, or print them, as `apply` reads them.

    Signing secrets are not in it. Headers that hold secrets are written as
    ${NAME}, and the names are listed.
    """
    found = present(Target(data_dir, instance))
    secret = {one.uid: one.secret for one in found}
    written = document([one.wanted() for one in found], secret)
    is_json = as_json or (file is not None and file.suffix == ".json")
    text = json.dumps(written, indent=2, ensure_ascii=False) + "\n" if is_json else toml(written)
    if file is None:
        click.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")
    names = [variable(uid, header) for uid, headers in secret.items() for header in headers]
    if names:
        click.echo(f"Set before applying it: {', '.join(names)}", err=True)


def _pairs(
    _context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> list[tuple[str, str]]:
    pairs = [value.partition("=") for value in values]
    for old, _, new in pairs:
        if not old or not new:
            msg = "give OLD=NEW, such as http://127.0.0.1:3000=https://app.example.com."
            raise click.BadParameter(msg, param=option)
    return [(old, new) for old, _, new in pairs]


@click.command("copy")
@click.option("--from", "source", type=click.Choice(NAMES), required=True, help="From where.")
@click.option("--to", "goal", type=click.Choice(NAMES), required=True, help="To where.")
@click.option(
    "--url-map",
    multiple=True,
    callback=_pairs,
    metavar="OLD=NEW",
    help="Put NEW for OLD at the beginning of URLs; may be repeated.",
)
@_how
@data_dir_option
def copy_endpoints(
    source: str, goal: str, url_map: list[tuple[str, str]], data_dir: str, **options: Any
) -> None:
    """Carry endpoints from one instance to the other, after showing the difference.

    Signing secrets and headers that hold secrets are not copied: the other
    instance keeps its own.

    Example: consignease endpoints copy --from development --to production
    --url-map http://127.0.0.1:3000=https://app.example.com
    """
    if source == goal:
        raise click.UsageError("--from and --to are the same instance.")
    found = present(Target(data_dir, source))
    wanted = [_elsewhere(one.wanted(), url_map) for one in found]
    _go(Target(data_dir, goal), wanted, keep_secret=True, options=options)
    for one in found:
        if one.secret:
            names = ", ".join(one.secret)
            click.echo(f"Not copied, set it in {goal}: {one.uid}, header {names}", err=True)


def _elsewhere(one: Wanted, url_map: list[tuple[str, str]]) -> Wanted:
    url: str = one.body["url"]
    for old, new in url_map:
        if url.startswith(old):
            url = new + url.removeprefix(old)
            break
    return msgspec.structs.replace(one, body=one.body | {"url": url})
