"""`make bench`: run benches, print a table, write build/bench.json.

    python -m tests.bench [NAME...] [--quick] [--rounds N]
    python -m tests.bench report [build/bench.json]     the same as Markdown

Without names, all of them. `--quick` only shows that they run, in `build/bench-quick.json`. A bench
that fails, or loses, doubles or refuses anything, is named at the end and does not stop the others;
those measured before keep their figures until they are measured again. Sizes:
`CONSIGNEASE_BENCH_<NAME>`, see `tests/bench/*.py`.
"""

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from tests.bench.machine import machine
from tests.bench.table import HEAD, line, markdown, wrong

ROOT = Path(__file__).parents[2]

BENCHES = {
    "server": "bench_server",
    "verify": "bench_verify",
    "engine": "bench_engine",
    "listen": "bench_listen",
    "tunnel": "bench_tunnel",
    "users_api": "bench_users_api",
    "messages": "bench_messages",
    "postgres": "bench_postgres",
    "processes": "bench_processes",
    "usual": "bench_usual",
    "fairness": "bench_fairness",
    "waiting": "bench_waiting",
    "endpoints": "bench_endpoints",
    "growth": "bench_growth",
    "memory": "bench_memory",
    "users": "bench_users",
    "live": "bench_live",
    "dashboard": "bench_dashboard",
}
"""Names and modules; the long ones last."""

QUICK = {"ROUNDS": "1", "MESSAGES": "500", "CHANGES": "500", "USERS": "2000"}
"""What the benches without quick numbers of their own are given."""


def arguments() -> argparse.Namespace:
    """Read what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it runs")
    parser.add_argument("--rounds", type=int, help="how often each case is measured")
    parser.add_argument("--out", type=Path, help="where to write instead")
    found = parser.parse_args()
    if found.names[:1] != ["report"]:
        unknown = set(found.names) - set(BENCHES)
        if unknown:
            parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    return found


def prepare(options: argparse.Namespace) -> bool:
    """Put the options where the benches and their children look; returns whether it is quick."""
    quick = options.quick or os.environ.get("CONSIGNEASE_BENCH_QUICK") == "1"
    if options.rounds:
        os.environ["CONSIGNEASE_BENCH_ROUNDS"] = str(options.rounds)
    if quick:
        os.environ["CONSIGNEASE_BENCH_QUICK"] = "1"
        for name, value in QUICK.items():
            os.environ.setdefault(f"CONSIGNEASE_BENCH_{name}", value)
    return quick


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one bench and print its rows."""
    began, load = time.monotonic(), os.getloadavg()[0]
    print(f"\n{name} (load before: {load:.1f})", flush=True)
    # Not earlier: a bench reads its sizes when it is imported.
    rows = importlib.import_module(f"tests.bench.{BENCHES[name]}").run()
    for row in rows:
        print(line(row), flush=True)
    seconds = round(time.monotonic() - began)
    at = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    return {"at": at, "seconds": seconds, "load": round(load, 1), "quick": quick, "rows": rows}


def report(file: Path) -> None:
    """Print a run as Markdown."""
    print(markdown(json.loads(file.read_text(encoding="utf-8"))))


def main() -> None:
    """Run."""
    options = arguments()
    if options.names[:1] == ["report"]:
        report(Path(options.names[1] if len(options.names) > 1 else "build/bench.json"))
        return
    quick = prepare(options)
    out: Path = options.out or Path(f"build/bench{'-quick' if quick else ''}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    benches: dict[str, Any] = {}
    if options.names and out.exists():
        benches = json.loads(out.read_text(encoding="utf-8"))["benches"]
    where = machine()
    print(f"{where}\n{HEAD}")
    failed: list[str] = []
    for name in options.names or BENCHES:
        try:
            benches[name] = measure(name, quick=quick)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        for row in wrong(benches[name]["rows"]):
            print(f"{row} is not 0", flush=True)
            failed.append(name)
        text = json.dumps({"machine": where, "benches": benches}, indent=2)
        out.write_text(text + "\n", encoding="utf-8")
    print(f"\nwritten to {out}")
    if failed:
        sys.exit(f"failed: {', '.join(dict.fromkeys(failed))}")


if __name__ == "__main__":
    main()
