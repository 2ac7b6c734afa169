"""`consignease status`: how a running server does, in a terminal."""

import http.client
import json
import re
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from consignease.cli.target import SECONDS, Target, data_dir_option

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_EVERY = 2.0
_MARKS = {"ok": ("✓", "green"), "degraded": ("!", "yellow"), "failing": ("✗", "red")}

Numbers = dict[str, dict[tuple[tuple[str, str], ...], float]]


class Seen(NamedTuple):
    """What a server said of itself at one moment."""

    at: float
    health: dict[str, str]
    numbers: Numbers


@click.command()
@data_dir_option
@click.option("--watch", "-w", is_flag=True, help="Show it again every two seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(data_dir: str, watch: bool, as_json: bool) -> None:  # noqa: FBT001
    """Show health, backlog and rates of the running server.

    Ends with 1 if it cannot do its job. Rates are of the time since the server
    began, and with --watch of the last two seconds.
    """
    target = Target(data_dir, "development")
    before: Seen | None = None
    while True:
        seen = _look(target)
        if as_json:
            click.echo(json.dumps({"health": seen.health, "numbers": _flat(seen.numbers)}))
        else:
            if watch:
                click.clear()
            click.echo("\n".join(_lines(seen, before)))
        if not watch:
            raise SystemExit(1 if seen.health["status"] == "failing" else 0)
        before = seen
        time.sleep(_EVERY)


def _look(target: Target) -> Seen:
    base_url = target.folder.running()
    if base_url is None:
        msg = f"No server runs on {target.folder.path}. Start it: consignease dev"
        raise click.ClickException(msg)
    url = urlsplit(base_url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=SECONDS)
    headers = {"authorization": f"Bearer {target.keys.secret_key}"}
    try:
        connection.request("GET", "/health", headers=headers)
        health = json.loads(connection.getresponse().read())
        connection.request("GET", "/metrics", headers=headers)
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException, ValueError) as error:
        msg = f"The server at {base_url} cannot be reached: {error}."
        raise click.ClickException(msg) from None
    finally:
        connection.close()
    return Seen(time.monotonic(), health, read_numbers(text))


def read_numbers(text: str) -> Numbers:
    """Read a page of metrics: values by labels, by name."""
    found: Numbers = {}
    for name, labels, value in _SAMPLE.findall(text):
        key = tuple(sorted(_LABEL.findall(labels)))
        found.setdefault(name, {})[key] = float(value)
    return found


def _flat(numbers: Numbers) -> dict[str, float]:
    return {
        f"{name}{{{','.join(f'{k}={v}' for k, v in labels)}}}" if labels else name: value
        for name, values in numbers.items()
        if not name.endswith("_bucket")
        for labels, value in values.items()
    }


def _lines(seen: Seen, before: Seen | None) -> list[str]:
    overall = seen.health["status"]
    mark, colour = _MARKS[overall]
    lines = [f"{click.style(mark, fg=colour)} {overall}"]
    lines += [
        f"  {click.style('!', fg='yellow')} {name}: {says}"
        for name, says in seen.health.items()
        if name != "status" and says != "ok"
    ]
    numbers = seen.numbers
    opened = numbers.get("consignease_deliveries_open", {})
    heads = ("instance", "waiting", "due", "scheduled", "sending", "held", "oldest", "late")
    rows: list[tuple[str, ...]] = [heads]
    for labels in numbers.get("consignease_oldest_undelivered_seconds", {}):
        name = dict(labels)["instance"]
        counts = [
            f"{opened.get((('instance', name), ('state', state)), 0):,.0f}" for state in heads[1:6]
        ]
        ages = [
            _age(numbers.get(metric, {}).get(labels, 0))
            for metric in ("consignease_oldest_undelivered_seconds", "consignease_late_seconds")
        ]
        rows.append((name, *counts, *ages))
    lines += ["", *(_row(row) for row in rows), ""]
    lines += [f"{name:<22}{says}" for name, says in _rates(seen, before).items()]
    return lines


def _row(row: tuple[str, ...]) -> str:
    return f"{row[0]:<14}" + "".join(f"{cell:>11}" for cell in row[1:])


def _rates(seen: Seen, before: Seen | None) -> Mapping[str, str]:
    numbers = seen.numbers
    uptime = time.time() - _sum(numbers, "process_start_time_seconds")
    seconds = seen.at - before.at if before else max(uptime, 1e-3)

    def grown(name: str, **labels: str) -> float:
        old = _sum(before.numbers, name, **labels) if before else 0.0
        return max(0.0, _sum(numbers, name, **labels) - old)

    def mean(name: str) -> str:
        count = grown(f"{name}_count")
        return f"{grown(f'{name}_sum') / count * 1000:,.1f} ms" if count else "-"

    done = grown("consignease_attempts_total", result="succeeded")
    failed = grown("consignease_attempts_total", result="failed")
    commits = grown("consignease_commit_units_count")
    units = grown("consignease_commit_units_sum") / commits if commits else 0
    cpu = grown("process_cpu_seconds_total") / seconds
    memory = _sum(numbers, "process_resident_memory_bytes") / (1 << 20)
    return {
        "attempts": f"{done / seconds:,.1f}/s succeeded, {failed / seconds:,.1f}/s failed",
        "in the queue": mean("consignease_queue_seconds"),
        "at the receiver": mean("consignease_receiver_seconds"),
        "commits": f"{commits / seconds:,.1f}/s of {units:.1f} units, "
        f"{mean('consignease_commit_seconds')}",
        "API requests": f"{grown('consignease_http_requests_total') / seconds:,.1f}/s, "
        f"{mean('consignease_http_request_seconds')}",
        "this process": f"{cpu:.0%} of a core, {memory:,.0f} MiB, up {_age(uptime)}",
    }


def _sum(numbers: Numbers, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for key, value in numbers.get(name, {}).items() if wanted <= set(key))


def _age(seconds: float) -> str:
    if seconds < 1:
        return "-" if seconds <= 0 else f"{seconds * 1000:.0f} ms"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
