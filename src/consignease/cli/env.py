"""`consignease env`: the lines of an application's .env file."""

from pathlib import Path

import click

from consignease.cli.dotenv import merge_dotenv
from consignease.cli.target import Target, data_dir_option, instance_option

DEFAULT_URL = "http://127.0.0.1:4010"


@click.command()
@instance_option
@data_dir_option
@click.option(
    "--url", help="Where the application reaches the server, if not as this machine does."
)
@click.option("--write", type=click.Path(dir_okay=False), help="Merge them into this file instead.")
def env(instance: str, data_dir: str, url: str | None, write: str | None) -> None:
    """Print the lines that an application's .env file needs.

    The names are those that official SDKs and the webhook libraries read.
    """
    target = Target(data_dir, instance)
    base = (url or target.base_url or DEFAULT_URL).rstrip("/")
    lines = list(_lines(target, base).items())
    if write is None:
        click.echo(f"# Consignease, {instance} instance {target.keys.id}")
        for name, value in lines:
            click.echo(f"{name}={value}" if value else f"# {name}=  {_WHY}")
        return
    merge_dotenv(Path(write), {name: value for name, value in lines if value})
    click.echo(f"Wrote {sum(bool(value) for _, value in lines)} lines to {write}.")


_WHY = "add an endpoint first: consignease endpoints create URL"


def _lines(target: Target, base: str) -> dict[str, str]:
    keys = target.keys
    pem = keys.public_key.strip().replace("\n", "\\n")
    return {
        "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY": keys.publishable_key,
        "CLERK_SECRET_KEY": keys.secret_key,
        "CLERK_WEBHOOK_SIGNING_SECRET": _signing_secret(target),
        "CLERK_PUBLISHABLE_KEY": keys.publishable_key,
        "CLERK_API_URL": base,
        "CLERK_PROXY_URL": f"{base}/__clerk",
        "NEXT_PUBLIC_CLERK_PROXY_URL": f"{base}/__clerk",
        "CLERK_JWT_KEY": f'"{pem}"' if pem else "",
        "CLERK_TELEMETRY_DISABLED": "1",
        "NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED": "1",
    }


def _signing_secret(target: Target) -> str:
    """Return the newest endpoint's secret; empty if there is none or no server runs."""
    if target.base_url is None:
        return ""
    path = f"/api/v1/app/{target.keys.application_id}/endpoint"
    newest = target.call("GET", f"{path}?limit=1")["data"]
    return target.call("GET", f"{path}/{newest[0]['id']}/secret")["key"] if newest else ""
