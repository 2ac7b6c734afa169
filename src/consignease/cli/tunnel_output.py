"""What `consignease tunnel` shows of each request."""

import json
import time
from datetime import datetime
from typing import Any

import click

from consignease.cli.listen_output import type_of
from consignease.tunnel.agent import hosts
from consignease.tunnel.agent.records import Record
from consignease.tunnel.agent.target import Target
from consignease.tunnel.frames import Welcome

_IDS = (b"svix-id", b"webhook-id")


class Screen:
    """Prints what happens.

    Args:
        style: ``lines``, ``json`` or ``quiet``.
        target: Where requests go.

    Attributes:
        inspector: The inspector's URL; empty if there is none.
    """

    def __init__(self, style: str, target: Target) -> None:
        self._style = style
        self._target = target
        self._first = True
        self._lost = ""
        self._helped = False
        self._welcome: Welcome | None = None
        self.inspector = ""

    def opened(self, welcome: Welcome) -> None:
        """Say that the tunnel is open."""
        self._welcome = welcome
        if self._style == "json":
            fields = {"name": welcome.name, "url": welcome.url, "replaced": welcome.replaced}
            self._json("open", **fields, target=self._target.origin, inspector=self.inspector)
        elif self._style == "lines" and self._first:
            self._introduce(welcome)
        elif self._style == "lines":
            self._line("Back.")
        self._first, self._lost = False, ""

    def _introduce(self, welcome: Welcome) -> None:
        click.echo(click.style(f"{welcome.url} leads to {self._target.origin}", bold=True))
        click.echo(f"  name       {welcome.name}, yours for good")
        if self.inspector:
            click.echo(f"  inspector  {self.inspector}")
        if welcome.replaced:
            click.echo(f"  ended      the tunnel of {welcome.replaced}")
        if welcome.prefix:
            click.echo(
                "  note       The tunnel is a path of the server. Webhooks work as they are; pages "
                "with\n             absolute links need tunnel_domain."
            )
        if self._target.host_header == "preserve":
            scheme, _, rest = welcome.url.partition("://")
            click.echo(
                "  hosts      Your application sees the public host. Tell it to accept that:"
            )
            for name, line in hosts.lines(rest.partition("/")[0], scheme).items():
                click.echo(f"             {name:<8} {line}")

    def lost(self, reason: str) -> None:
        """Say once that the server is not reached, and why."""
        if reason == self._lost:
            return
        self._lost = reason
        if self._style == "json":
            self._json("lost", reason=reason)
        elif self._style == "lines":
            self._line(f"The server is not reached: {reason} Trying again.")

    def done(self, record: Record) -> None:
        """Show one exchange."""
        if self._style == "quiet":
            return
        message, kind = _event(record)
        target = record.request.target.decode("latin-1")
        ms = (record.seconds or 0.0) * 1000
        if self._style == "json":
            self._json(
                "request",
                number=record.number,
                method=record.request.method,
                target=target,
                status=record.status,
                error=record.error or None,
                ms=round(ms, 1),
                type=kind,
                id=message,
            )
            return
        well = 200 <= record.status < 400 and not record.error
        what = str(record.status) if not record.error else f"{record.status or '-'} {record.error}"
        shown = click.style(what, fg="green" if well else "red")
        name = f" {kind} {message}" if message else ""
        again = f" (replay of {record.replay_of})" if record.replay_of else ""
        self._line(f"{record.request.method} {target}{name} -> {shown} {ms:.0f} ms{again}")
        self._help(record)

    def _help(self, record: Record) -> None:
        """Where a framework refused the host, give the line that it wants."""
        framework = hosts.refused_by(record.status, record.got.data[:20_000])
        if framework is None or self._helped:
            return
        self._helped = True
        host = self._target.host_for(record.request)
        line = hosts.lines(host, record.request.scheme)[framework]
        click.echo(f"             {framework} refused the host {host}. Add: {line}")
        if self._target.host_header != "rewrite":
            click.echo("             Or leave --host-header out, and no setting is needed.")

    def _line(self, text: str) -> None:
        moment = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        click.echo(f"{moment} {text}")

    def _json(self, what: str, **fields: Any) -> None:
        click.echo(json.dumps({"what": what, "at": round(time.time() * 1000), **fields}))


def _event(record: Record) -> tuple[str | None, str | None]:
    """Return id and type of a webhook message; None for any other request."""
    for name, value in record.request.fields:
        if name in _IDS:
            return value.decode("latin-1"), type_of(record.sent.data)
    return None, None
