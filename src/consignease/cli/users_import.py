"""`consignease users import`: bring users along from a file."""

import csv
import json
import queue
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consignease.cli.target import Target, data_dir_option, instance_option
from consignease.domain import user_params
from consignease.domain.faults import Fault
from consignease.domain.user_params import CreateParams
from consignease.edge import digests

CONNECTIONS = 3
BATCH = 100
"""How many users go in one request."""
SHOWN = 10
"""How many lines that failed are shown; all are in the report."""

_MANY = ("verified_email_addresses", "unverified_email_addresses")
_CSV_COPIED = ("first_name", "last_name", "username", "password_digest", "password_hasher")


class LineError(Exception):
    """A line that cannot be a user; says why."""


def read(path: Path) -> Iterator[tuple[int, dict[str, Any] | LineError]]:
    """Return each line's number and the body of its POST /v1/users.

    A file that ends with ``.csv`` is read as the hosted service exports it:
    its user id becomes the external id. Any other has a JSON object per line.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".csv":
            yield from _csv(file)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _json(line)


def _json(line: str) -> dict[str, Any] | LineError:
    try:
        body = json.loads(line)
    except ValueError as error:
        return LineError(f"no JSON: {error}")
    return body if isinstance(body, dict) else LineError("no JSON object")  # pyright: ignore[reportUnknownVariableType]


def _csv(file: TextIO) -> Iterator[tuple[int, dict[str, Any] | LineError]]:
    rows = csv.DictReader(file, strict=True)
    try:
        for row in rows:
            if None in row or None in row.values():
                yield rows.line_num, LineError("another number of columns than the first line")
            else:
                yield rows.line_num, _from_csv(row)
    except csv.Error as error:
        yield rows.line_num, LineError(f"no CSV: {error}")


def _from_csv(row: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {name: row[name] for name in _CSV_COPIED if row.get(name)}
    if row.get("id"):
        body["external_id"] = row["id"]
    first = row.get("primary_email_address") or ""
    verified, unverified = (row.get(name, "").replace("|", ",").split(",") for name in _MANY)
    statuses: dict[str, str] = {}
    for address in (first, *verified):
        statuses[address.strip()] = "verified"
    for address in unverified:
        statuses.setdefault(address.strip(), "reserved")
    if first and first in map(str.strip, unverified):
        statuses[first] = "reserved"
    statuses.pop("", None)
    if statuses:
        body["email_address"] = list(statuses)
        body["email_address_identification_status"] = list(statuses.values())
    return body


def check(body: dict[str, Any]) -> None:
    """Check a user as the server will.

    Raises:
        LineError: the server would refuse it.
    """
    if not any(body.get(name) for name in ("external_id", "email_address", "username")):
        msg = "it has no external_id, email_address or username to know it again by"
        raise LineError(msg)
    try:
        params = msgspec.convert(body, CreateParams)
        user_params.draft(params)
        if params.password_digest is not None or params.password_hasher is not None:
            digests.stored(params.password_hasher or "", params.password_digest or "")
    except msgspec.ValidationError as error:
        raise LineError(str(error)) from None
    except Fault as fault:
        raise LineError(fault.detail) from None


Line: TypeAlias = tuple[int, dict[str, Any]]
"""A line's number, and the user that it stands for."""


class Importer:
    """Threads that send users, and what became of them.

    Args:
        target: The running server.
        report: Where refused lines are noted.
        emit: Whether each user emits its event.
    """

    def __init__(self, target: Target, report: TextIO, *, emit: bool) -> None:
        self._target = target
        self._report = report
        self._emit = emit
        self._lock = threading.Lock()
        self._batch: list[Line] = []
        self._work: queue.Queue[list[Line] | None] = queue.Queue(CONNECTIONS * 2)
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []
        self.lost: str = ""
        self._threads = [threading.Thread(target=self._run) for _ in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def add(self, line: int, body: dict[str, Any]) -> None:
        """Send a user, together with others."""
        self._batch.append((line, body))
        if len(self._batch) == BATCH:
            self._flush()

    def note(self, line: int, outcome: str, why: str = "") -> None:
        """Count what became of a line."""
        with self._lock:
            self.counts[outcome] += 1
            if outcome == "refused":
                self._report.write(json.dumps({"line": line, "error": why}) + "\n")
                if len(self.failed) < SHOWN:
                    self.failed.append(f"line {line}: {why}")

    def finish(self) -> None:
        """Wait until all is sent."""
        self._flush()
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _flush(self) -> None:
        if self._batch:
            self._work.put(self._batch)
            self._batch = []

    def _run(self) -> None:
        while (batch := self._work.get()) is not None:
            if self.lost:
                continue
            body = {"users": [one for _, one in batch], "emit": self._emit}
            try:
                answer = self._target.call("POST", "/v1/users/import", body)
            except click.ClickException as error:
                self.lost = error.message
                continue
            for (line, _), result in zip(batch, answer["results"], strict=True):
                if result["id"] is not None:
                    self.note(line, "created")
                elif result["code"] == "form_identifier_exists":
                    self.note(line, "exists")
                else:
                    self.note(line, "refused", result["message"])


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every line and send nothing.")
@click.option(
    "--events/--no-events", default=True, show_default=True, help="Emit user.created for each."
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@instance_option
@data_dir_option
@click.pass_context
def import_users(
    context: click.Context,
    file: Path,
    dry_run: bool,  # noqa: FBT001
    events: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    instance: str,
    data_dir: str,
) -> None:
    """Bring users along: JSON lines, or the hosted service's CSV export.

    Each JSON line is what POST /v1/users takes. Passwords come as digests of
    18 schemes (password_digest, password_hasher). Users that exist already are
    left as they are, so that an import that was cut short is simply started
    again. What is refused is listed with its line number in FILE.refused.jsonl.
    """
    target = Target(data_dir, instance)
    if target.base_url is None and not dry_run:
        msg = f"No server runs on {target.folder.path}. Start it: consignease dev"
        raise click.ClickException(msg)
    total = sum(1 for _ in read(file))
    report_path = file.with_name(f"{file.name}.refused.jsonl")
    with report_path.open("w", encoding="utf-8") as report:
        importer = Importer(target, report, emit=events)
        try:
            _feed(importer, file, total, dry_run=dry_run)
        finally:
            importer.finish()
    counts = {name: importer.counts[name] for name in ("created", "exists", "refused")}
    if dry_run:
        counts = {"valid": importer.counts["valid"], "refused": importer.counts["refused"]}
    if not counts["refused"]:
        report_path.unlink()
    click.echo(json.dumps(counts) if as_json else _summary(counts))
    for one in importer.failed:
        click.echo(f"  {one}", err=True)
    if counts["refused"]:
        click.echo(f"All that were refused: {report_path}", err=True)
    if importer.lost:
        msg = f"{importer.lost} Start the same import again to go on."
        raise click.ClickException(msg)
    if counts["refused"]:
        context.exit(1)


def _feed(importer: Importer, file: Path, total: int, *, dry_run: bool) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("Checking" if dry_run else "Importing", total=total)
        for line, body in read(file):
            bar.advance(task)
            try:
                if isinstance(body, LineError):
                    raise body
                check(body)
            except LineError as error:
                importer.note(line, "refused", str(error))
                continue
            if dry_run:
                importer.note(line, "valid")
            elif importer.lost:
                break
            else:
                importer.add(line, body)


def _summary(counts: dict[str, int]) -> str:
    words = {"created": "created", "exists": "existed already", "valid": "valid"}
    return ", ".join(f"{number} {words.get(name, name)}" for name, number in counts.items()) + "."
