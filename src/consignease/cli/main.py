"""The command line: one table of commands, each loaded when it is called.

The base install has the receiving library alone, so nothing else is imported
before a command asks for it.
"""

from importlib import import_module
from typing import Any, NamedTuple

import click

from consignease import __version__


class Entry(NamedTuple):
    """Where a command lives, its line of help, and the extra that it needs."""

    target: str
    help: str
    extra: str | None = None


COMMANDS = {
    "dev": Entry("consignease.cli.dev:dev", "Start everything on this machine.", "server"),
    "serve": Entry("consignease.cli.serve:serve", "Start the server for production.", "server"),
    "worker": Entry(
        "consignease.cli.worker:worker", "Deliver beside servers on PostgreSQL.", "server"
    ),
    "env": Entry("consignease.cli.env:env", "Print an application's .env lines.", "server"),
    "users": Entry("consignease.cli.users:users", "List, change and import users.", "server"),
    "endpoints": Entry(
        "consignease.cli.endpoints:endpoints", "List and change webhook endpoints.", "server"
    ),
    "keys": Entry("consignease.cli.keys:keys", "Make, list and revoke API keys.", "server"),
    "admin": Entry(
        "consignease.cli.admin:admin", "Let an administrator of the Dashboard back in.", "server"
    ),
    "messages": Entry(
        "consignease.cli.messages:messages", "List, send and explain messages.", "server"
    ),
    "tasks": Entry(
        "consignease.cli.tasks:tasks", "Look at what the server does in the background.", "server"
    ),
    "listen": Entry(
        "consignease.cli.listen:listen", "Take events to an application on this machine.", "dev"
    ),
    "tunnel": Entry(
        "consignease.cli.tunnel:tunnel", "Give an application on this machine a URL.", "dev"
    ),
    "trigger": Entry("consignease.cli.trigger:trigger", "Make an event happen.", "dev"),
    "seed": Entry("consignease.cli.seed:seed", "Make users and endpoints of a file.", "server"),
    "export": Entry("consignease.cli.export:export", "Write every user to a file.", "server"),
    "backup": Entry("consignease.cli.backup:backup", "Write the installation to a file.", "server"),
    "restore": Entry("consignease.cli.backup:restore", "Make a data folder of a backup.", "server"),
    "move": Entry(
        "consignease.cli.move:move", "Carry an installation to PostgreSQL.", "server,postgres"
    ),
    "status": Entry("consignease.cli.status:status", "Show how the server does.", "server"),
    "doctor": Entry("consignease.cli.doctor:doctor", "Check an installation.", "server"),
    "verify": Entry("consignease.cli.verify:verify", "Check a saved webhook request and explain."),
}

_CALLED = "consignease.cli.called"


class LazyGroup(click.Group):
    """A group that knows its commands from the table and loads the one called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name the commands in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        ctx.meta[_CALLED] = entry
        module, _, name = entry.target.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command called; where its extra is missing, say how to install it."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            entry: Entry | None = ctx.meta.get(_CALLED)
            missing = (error.name or "").partition(".")[0]
            if entry is None or entry.extra is None or missing in {"", "consignease"}:
                raise
            remedy = f'pip install "consignease[{entry.extra}]"'
            message = f"This command needs more packages ({missing} is missing): {remedy}"
            raise click.ClickException(message) from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="consignease")
def cli() -> None:
    """Run a user directory whose every change reaches your application."""


def main() -> None:
    """Run the command line; the entry point of the `consignease` script."""
    cli(prog_name="consignease")


if __name__ == "__main__":
    main()
