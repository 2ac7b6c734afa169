"""What `consignease tunnel` shows of each request."""

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import click
import msgspec

from consignease.cli.listen_output import type_of
from consignease.tunnel.agent import hosts
from consignease.tunnel.agent.records import Record
from consignease.tunnel.agent.target import Target
from consignease.tunnel.frames import Welcome

_TOGETHER = 0.02
"""Seconds that a line may wait for others: to write many at once costs no more than one."""

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
        self._waiting: list[Record] = []
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
        """Show one exchange, a moment later and with those that end until then."""
        if self._style == "quiet":
            return
        if not self._waiting:
            asyncio.get_running_loop().call_later(_TOGETHER, self.flush)
        self._waiting.append(record)

    def flush(self) -> None:
        """Show what waits."""
        records, self._waiting = self._waiting, []
        show = self._as_json if self._style == "json" else self._as_line
        if records:
            click.echo("\n".join([line for record in records for line in show(record)]))

    def _as_json(self, record: Record) -> Iterator[str]:
        message, kind = _event(record)
        fields = {
            "what": "request",
            "at": round((record.at + (record.seconds or 0.0)) * 1000),
            "number": record.number,
            "method": record.request.method,
            "target": record.request.target.decode("latin-1"),
            "status": record.status,
            "error": record.error or None,
            "ms": round((record.seconds or 0.0) * 1000, 1),
            "type": kind,
            "id": message,
        }
        yield msgspec.json.encode(fields).decode()

    def _as_line(self, record: Record) -> Iterator[str]:
        message, kind = _event(record)
        seconds = record.seconds or 0.0
        well = 200 <= record.status < 400 and not record.error
        what = str(record.status) if not record.error else f"{record.status or '-'} {record.error}"
        shown = _coloured(what, well=well)
        name = f" {kind} {message}" if message else ""
        again = f" (replay of {record.replay_of})" if record.replay_of else ""
        target = record.request.target.decode("latin-1")
        yield (
            f"{_moment(record.at + seconds)} {record.request.method} {target}{name} -> {shown} "
            f"{seconds * 1000:.0f} ms{again}"
        )
        if not well:
            yield from self._help(record)

    def _help(self, record: Record) -> Iterator[str]:
        """Where a framework refused the host, give the line that it wants."""
        framework = hosts.refused_by(record.status, record.got.data[:20_000])
        if framework is None or self._helped:
            return
        self._helped = True
        host = self._target.host_for(record.request)
        line = hosts.lines(host, record.request.scheme)[framework]
        yield f"             {framework} refused the host {host}. Add: {line}"
        if self._target.host_header != "rewrite":
            yield "             Or leave --host-header out, and no setting is needed."

    def _line(self, text: str) -> None:
        self.flush()  # what is older comes first
        click.echo(f"{_moment(time.time())} {text}")

    def _json(self, what: str, **fields: Any) -> None:
        self.flush()
        told = {"what": what, "at": round(time.time() * 1000), **fields}
        click.echo(msgspec.json.encode(told))


def _moment(seconds: float) -> str:
    """Return a time of day, to the millisecond."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}"


@lru_cache(64)
def _coloured(text: str, *, well: bool) -> str:
    return click.style(text, fg="green" if well else "red")


@lru_cache(2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def _event(record: Record) -> tuple[str | None, str | None]:
    """Return id and type of a webhook message; None for any other request."""
    for name, value in record.request.fields:
        if name in _IDS:
            return value.decode("latin-1"), type_of(record.sent.data)
    return None, None
