"""Rows of the table: a median with its spread, beside a baseline of the same run."""

import statistics
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
"""name, value (the median), unit, low, high, rounds, baseline, ratio; names stay from release to
release. Rows of a single measurement have no low, high and rounds."""

MUST_BE_NONE = (".lost", ".duplicates", ".refused")
"""What the name of a row ends with that must be none at all."""


def measured(
    name: str, values: Sequence[float], unit: str, baseline: Sequence[float] | None = None
) -> Row:
    """Make the row of one value per round, against the median of the baseline's rounds."""
    middle = statistics.median(values)
    base = None if baseline is None else statistics.median(baseline)
    return {
        "name": name,
        "value": round(middle, 2),
        "unit": unit,
        "low": round(min(values), 2),
        "high": round(max(values), 2),
        "rounds": len(values),
        "baseline": None if base is None else round(base, 2),
        "ratio": round(middle / base, 3) if base else None,
    }


def total(name: str, values: Sequence[float], unit: str) -> Row:
    """Make the row of a sum over all rounds: what must be none at all."""
    return measured(name, [sum(values)], unit)


def wrong(rows: Sequence[Row]) -> list[str]:
    """Return the names of the rows that must be none at all and are not."""
    return [row["name"] for row in rows if row["name"].endswith(MUST_BE_NONE) and row["value"]]


def line(row: Row) -> str:
    """Return a row as a line for the terminal."""
    spread = f"{row['low']:,.2f} - {row['high']:,.2f}" if row.get("rounds", 1) > 1 else ""
    base = "" if row["baseline"] is None else f"{row['baseline']:,.2f}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f} x"
    return (
        f"{row['name']:<44}{row['value']:>14,.2f} {row['unit']:<16}"
        f"{spread:>26}{base:>14} {ratio:>9}"
    )


HEAD = f"{'measured':<44}{'median':>14} {'unit':<16}{'spread':>26}{'baseline':>14} {'ratio':>9}"


def markdown(report: dict[str, Any]) -> str:
    """Render what a run wrote as Markdown."""
    lines = [f"Measured on: {report['machine']}.", ""]
    for name, bench in report["benches"].items():
        kind = ", quick and not to be relied on" if bench["quick"] else ""
        lines += [f"**{name}** ({bench['at']}, {bench['seconds']} s{kind})", ""]
        lines += ["| measured | median | spread | unit | baseline | ratio |"]
        lines += ["|---|---:|---:|---|---:|---:|"]
        for row in bench["rows"]:
            many = row.get("rounds", 1) > 1
            spread = f"{row['low']:,.2f} - {row['high']:,.2f}" if many else ""
            base = "" if row["baseline"] is None else f"{row['baseline']:,.2f}"
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            lines.append(
                f"| {row['name']} | {row['value']:,.2f} | {spread} | {row['unit']} "
                f"| {base} | {ratio} |"
            )
        lines.append("")
    return "\n".join(lines)
