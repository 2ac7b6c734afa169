"""`make bench`: run every bench, print a table, write build/bench.json."""

import json
import os
import platform
from pathlib import Path

from tests.bench import (
    bench_engine,
    bench_listen,
    bench_server,
    bench_tunnel,
    bench_users,
    bench_users_api,
    bench_verify,
)


def main() -> None:
    """Run."""
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
    rows = []
    for bench in (
        bench_server,
        bench_verify,
        bench_engine,
        bench_listen,
        bench_tunnel,
        bench_users_api,
        bench_users,
    ):
        found = bench.run()
        rows += found
        for one in found:
            ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f} x"
            base = "" if one["baseline"] is None else f"{one['baseline']:,.2f}"
            print(
                f"{one['name']:<34}{one['value']:>14,.2f} {one['unit']:<14}{base:>14} {ratio:>9}",
                flush=True,
            )
    out = Path("build/bench.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"written to {out}")


if __name__ == "__main__":
    main()
