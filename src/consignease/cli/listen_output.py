"""What `consignease listen` shows and keeps of each event."""

import base64
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from consignease.tunnel.protocol import Event, Opened, Result


class _Type(msgspec.Struct):
    type: str = ""


def type_of(body: bytes) -> str:
    """Return an event's type; a question mark if the body does not say."""
    try:
        return msgspec.json.decode(body, type=_Type).type or "?"
    except msgspec.DecodeError:
        return "?"


class Screen:
    """Prints what happens.

    Args:
        style: ``lines``, ``json`` or ``quiet``.
        url: Where events are taken.
        save: A folder, or a file that ends in ``.jsonl``; None for none.
    """

    def __init__(self, style: str, url: str, *, save: Path | None) -> None:
        self._style = style
        self._url = url
        self._save = save
        self._first = True
        self._lost = ""
        if save is not None:
            (save.parent if save.suffix == ".jsonl" else save).mkdir(parents=True, exist_ok=True)

    def opened(self, opened: Opened) -> None:
        """Say that a session has begun."""
        if self._style == "json":
            fields = {"waiting": opened.waiting, "dropped": opened.dropped}
            more = {"secret": opened.secret, "replaced": opened.replaced}
            self._json("listening", endpoint=opened.endpoint, url=self._url, **fields, **more)
        elif self._first and self._style == "lines":
            click.echo(click.style(f"Listening for {self._url}", bold=True))
            click.echo(f"  endpoint  {opened.endpoint}")
            click.echo(f"  secret    CLERK_WEBHOOK_SIGNING_SECRET={opened.secret}")
            if opened.replaced:
                click.echo(f"  ended     the listening of {opened.replaced}")
        elif self._style == "lines":
            self._line("Back.")
        self._first, self._lost = False, ""
        if self._style == "lines":
            if opened.dropped:
                self._line(f"{_events(opened.dropped)} given up: too many, or waiting for a day.")
            if opened.waiting:
                self._line(f"{_events(opened.waiting)} waited.")

    def lost(self, reason: str) -> None:
        """Say once that the server is not reached, and why."""
        if reason == self._lost:
            return
        self._lost = reason
        if self._style == "json":
            self._json("lost", reason=reason)
        elif self._style == "lines":
            self._line(f"The server is not reached: {reason} Trying again; nothing is lost.")

    def forwarded(self, event: Event, result: Result) -> None:
        """Show one try and keep its request, if that is wanted."""
        name = type_of(event.body)
        if self._save is not None:
            self._keep(event, name)
        if self._style == "json":
            self._json(
                "forwarded",
                type=name,
                id=event.message,
                attempt=event.attempt,
                again=event.again,
                status=result.status,
                error=result.error or None,
                ms=round(result.total_us / 1000, 1),
            )
        elif self._style == "lines":
            well = result.phase is None and 200 <= result.status < 300
            what = str(result.status) if result.phase is None else f"failed: {result.error}"
            marks = f" (try {event.attempt})" if event.attempt > 1 else ""
            marks += " (again)" if event.again else ""
            colour = "green" if well else "red"
            shown = click.style(what, fg=colour)
            ms = result.total_us / 1000
            self._line(f"{name:<24} {event.message} -> {shown} {ms:.0f} ms{marks}")

    def _line(self, text: str) -> None:
        moment = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        click.echo(f"{moment} {text}")

    def _json(self, what: str, **fields: Any) -> None:
        click.echo(json.dumps({"what": what, "at": round(time.time() * 1000), **fields}))

    def _keep(self, event: Event, name: str) -> None:
        """Write a request so that `consignease verify --request` reads it."""
        assert self._save is not None
        headers = [
            [key, value.strip()] for key, _, value in (h.partition(":") for h in event.headers)
        ]
        document = {"headers": headers, "body_b64": base64.b64encode(event.body).decode()}
        if self._save.suffix == ".jsonl":
            with self._save.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"type": name, "id": event.message, **document}) + "\n")
        else:
            file_name = f"{event.message}-{event.attempt}-{name}.json"
            (self._save / file_name).write_text(json.dumps(document, indent=1), encoding="utf-8")


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number:,} events"
