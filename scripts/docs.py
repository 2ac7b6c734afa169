"""Write the pages of docs that are made from the code; a test keeps them current."""

import inspect
import json
import re
import sys
from pathlib import Path

import click
import msgspec

from consignease.api import clerk_backend
from consignease.api.svix import svix_ops
from consignease.api.svix_absent import route
from consignease.cli.main import COMMANDS, cli
from consignease.edge.vault import Vault
from consignease.settings import PREFIX, Settings
from consignease.wire.catalogue import CATALOGUE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


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


def webhook_operations() -> str:
    """Every operation that the official svix packages call, and whether it is offered."""
    known = json.loads((ROOT / "tests/fixtures/svix-operations.json").read_text(encoding="utf-8"))
    there = {route(op.method, op.path) for op in svix_ops(Vault({1: bytes(32)}), {})}
    there.add("GET /api/v1/health")
    rows: list[str] = []
    for one in known:
        calls = [
            ", ".join(f"`{call}`" for call in one["calls"].get(client, []))
            for client in ("py2", "py1", "npm2", "npm1")
        ]
        answer = "offered" if route(one["method"], one["path"]) in there else "501"
        place = f"`{one['method']} {one['path']}`"
        rows.append(f"| {' | '.join([place, *calls, answer])} |")
    offered = sum(row.endswith("| offered |") for row in rows)
    lines = [
        "# Operations of the webhook API\n",
        "Everything that the official svix packages call, recorded from the packages themselves",
        "(npm's names are written as Python writes them). Of",
        f"{len(rows)} operations {offered} are offered; the others answer 501 with the code",
        "`not_implemented`. `tests/wire_compat/test_svix_operations.py` executes each with each",
        "package, `tests/wire_compat/test_svix_react.py` what svix-react calls.\n",
        "| operation | PyPI 2.x | PyPI 1.x | npm 2.x | npm 1.x | answer |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


PAGES = {
    "cli.md": commands,
    "settings.md": settings,
    "events.md": events,
    "backend-api.json": backend_api,
    "webhook-api-operations.md": webhook_operations,
}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
