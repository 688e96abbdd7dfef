"""Run the benchmarks and print their medians, ratios and limits; exit 1 above a limit."""

from __future__ import annotations

import sys

from tests.bench import Row, benchmarks


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, or all of them."""
    known = benchmarks()
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return 2
    rows = []
    for name in arguments or sorted(known):
        print(f"== {name}", flush=True)
        for row in known[name].run():
            print(line(row), flush=True)
            rows.append(row)
    return 0 if all(row.passed for row in rows) else 1


def line(row: Row) -> str:
    """A comparison in one line."""
    limit = "" if row.limit is None else f", limit {ratio(row.limit)}"
    verdict = "" if row.passed else "  ABOVE"
    return (
        f"{row.case}: {row.ours} {amount(row.ours_seconds, row.unit)}, "
        f"{row.rival} {amount(row.rival_seconds, row.unit)}: {ratio(row.ratio)}{limit}{verdict}"
    )


def ratio(value: float) -> str:
    """A ratio as a person reads it: 1.25, or 1/200."""
    return f"{value:.2f}" if value > 0.1 else f"1/{1 / value:,.0f}"


def amount(value: float, unit: str) -> str:
    """A time, or what else is compared, with its unit."""
    return duration(value) if unit == "s" else f"{value:.4g} {unit}"


def duration(seconds: float) -> str:
    """A time with its unit: 1.2 µs, 35 ms, 2.1 s."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
