"""Write the pages of docs that are made from the code; a test keeps them current."""

import inspect
import json
import re
import sys
from pathlib import Path

import click
import msgspec

from consignease.api import clerk_backend
from consignease.cli.main import COMMANDS, cli
from consignease.settings import PREFIX, Settings
from consignease.wire.catalogue import CATALOGUE

DOCS = Path(__file__).parents[1] / "docs"


def commands() -> str:
    """Every command's help."""
    parts = ["# Commands\n\nWritten from the commands' own help.\n"]

    def add(command: click.Command, name: str, parent: click.Context | None) -> None:
        wanted = {**command.context_settings, "max_content_width": 88}
        context = click.Context(command, info_name=name, parent=parent, **wanted)
        path = context.command_path
        parts.append(f"## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                assert found is not None
                add(found, child, context)

    add(cli, "consignease", None)
    assert len(parts) > len(COMMANDS)
    return "\n".join(parts)


def settings() -> str:
    """Every setting with its meaning and default."""
    text = inspect.getdoc(Settings) or ""
    meanings = dict(
        re.findall(r"^    (\w+): (.+?)(?=\n    \w+:|\Z)", text, re.MULTILINE | re.DOTALL)
    )
    lines = [
        "# Settings\n",
        "A key of the TOML file (`consignease serve --config FILE`), or an environment variable;",
        "lists are comma-separated there. Options of a command win over the environment, the",
        "environment over the file.\n",
        "| key | variable | default | meaning |",
        "|---|---|---|---|",
    ]
    empty = Settings()
    for field in msgspec.structs.fields(Settings):
        default = getattr(empty, field.name)
        shown = "" if default in ("", []) else f"`{msgspec.json.encode(default).decode()}`"
        meaning = " ".join(meanings[field.name].split())
        lines.append(f"| `{field.name}` | `{PREFIX}{field.name.upper()}` | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"


def events() -> str:
    """Every event type with what triggers it."""
    lines = [
        "# Events\n",
        "All 46 types are typed in `consignease.webhooks`. This release emits `user.created`,",
        "`user.updated` and `user.deleted`; the rest are there for code that receives them from",
        "elsewhere today.\n",
        "| type | what it says |",
        "|---|---|",
    ]
    lines += [
        f"| `{name}` | {' '.join(doc.description.split())} |" for name, doc in CATALOGUE.items()
    ]
    return "\n".join(lines) + "\n"


def backend_api() -> str:
    """The OpenAPI document of the Backend API, as the server serves it."""
    text = json.dumps(clerk_backend.description(), indent=1, ensure_ascii=False)
    return text + "\n"


PAGES = {
    "cli.md": commands,
    "settings.md": settings,
    "events.md": events,
    "backend-api.json": backend_api,
}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
