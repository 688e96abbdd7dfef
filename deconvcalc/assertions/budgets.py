"""What a model may cost: parameters, multiply-accumulates, and bytes of what it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deconvcalc.assertions.finding import Case, Finding, undecided
from deconvcalc.assertions.outputs import does_not_run

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["max_macs", "max_memory", "max_parameters"]

MOST_NAMED = 5
"""So many of the most expensive layers are named."""


def _budget(name: str, what: str) -> Callable[[Case], Finding]:
    def decide(case: Case) -> Finding:
        expected = f"at most {case.value:,} {what}"
        subject = case.subject
        found = subject.at(case.input) if case.input is not None else subject.running()
        if not found.ok:
            return does_not_run(found, expected)
        rows = found.rows
        unknown = [row.name for row in rows if getattr(row, name) is None]
        if unknown:
            raise undecided(
                f"the {what} of {', '.join(unknown[:MOST_NAMED])} are not known",
                "Say how many channels the input has: channels = 3.",
            )
        total = sum([getattr(row, name) for row in rows])
        if total <= case.value:
            return Finding(True, expected, f"{total:,}")
        most = sorted(rows, key=lambda row: -getattr(row, name))[:MOST_NAMED]
        lines = [
            f"{row.name}: {getattr(row, name):,}" + (f"  ({row.where})" if row.where else "")
            for row in most
            if getattr(row, name)
        ]
        over = total - case.value
        return Finding(False, expected, f"{total:,}, {over:,} more", lines)

    return decide


max_parameters = _budget("parameters", "parameters")
max_macs = _budget("macs", "multiply-accumulates")
max_memory = _budget("memory", "bytes of activations")
