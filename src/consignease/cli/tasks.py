"""`consignease tasks`: what the server does in the background, and how far it is."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from consignease.cli.target import Target, data_dir_option, instance_option

LOOK_SECONDS = 0.3
"""How often a task that is followed is looked at."""

_PATH = "/api/v1/background-task"
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def tasks() -> None:
    """List background tasks, and follow one."""


@tasks.command("list")
@click.option("--status", type=click.Choice(["running", "finished", "failed"]), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 250), default=20, show_default=True)
@_json_option
@instance_option
@data_dir_option
def list_tasks(
    status: str | None,
    limit: int,
    as_json: bool,  # noqa: FBT001
    instance: str,
    data_dir: str,
) -> None:
    """List background tasks, newest first."""
    asked = {"limit": limit} | ({"status": status} if status else {})
    found = Target(data_dir, instance).call("GET", f"{_PATH}?{urlencode(asked)}")["data"]
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo("There are no background tasks.")
    for one in found:
        click.echo(f"{one['id']}  {one['status']:<8}  {one['task']:<20}  {_words(one)}")


@tasks.command()
@click.argument("name")
@click.option("--follow", is_flag=True, help="Stay until it has ended.")
@_json_option
@instance_option
@data_dir_option
def show(
    name: str,
    follow: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    instance: str,
    data_dir: str,
) -> None:
    """Show how a background task does, by its id."""
    target = Target(data_dir, instance)
    if follow:
        watch(target, name, instance)
    found = target.call("GET", f"{_PATH}/{name}")
    if as_json:
        click.echo(json.dumps(found))
        return
    for label, value in (
        ("id", found["id"]),
        ("task", found["task"]),
        ("status", found["status"]),
        ("progress", _words(found)),
        ("begun", found["createdAt"]),
        ("changed", found["updatedAt"]),
    ):
        click.echo(f"{label:<12} {value}")


def _words(task: dict[str, Any]) -> str:
    if task["error"]:
        return f"stopped: {task['error']}"
    share = 100
    if task["progress"]["total"]:
        share = min(100, 100 * task["progress"]["done"] // task["progress"]["total"])
    return f"{task['count']:,} done, {share} %"


def watch(target: Target, name: str, instance: str) -> dict[str, Any]:
    """Draw a task's progress until it has ended, and return it.

    Ctrl-C ends the drawing, not the task.

    Raises:
        Exit: it was left with Ctrl-C (status 130).
        ClickException: the task failed; says why.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[count]:,} done"),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console, transient=not console.is_terminal) as drawn:
            bar = drawn.add_task(name, count=0, total=None)
            while True:
                found: dict[str, Any] = target.call("GET", f"{_PATH}/{name}")
                total = found["progress"]["total"] or 1
                done = total if found["status"] == "finished" else found["progress"]["done"]
                drawn.update(
                    bar,
                    description=found["task"],
                    total=total,
                    completed=done,
                    count=found["count"],
                )
                if found["status"] != "running":
                    break
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        named = "" if instance == "development" else f" --instance {instance}"
        click.echo(
            f"It goes on in the server. Look again: consignease tasks show {name} --follow{named}",
            err=True,
        )
        raise click.exceptions.Exit(130) from None
    if found["status"] == "failed":
        msg = f"{found['task']} stopped after {found['count']:,}: {found['error']}"
        raise click.ClickException(msg)
    return found
