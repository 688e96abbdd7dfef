"""What a model may cost: parameters, multiply-accumulates, and bytes of what it computes."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.finding import Case, Finding, undecided
from deconvcalc.assertions.inputs import least
from deconvcalc.assertions.outputs import does_not_run, taken_by
from deconvcalc.errors import QueryError
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.tracing.trace import Trace

__all__ = ["max_macs", "max_memory", "max_parameters"]

MOST_NAMED = 5
"""So many of the most expensive layers are named."""


def _budget(name: str, what: str) -> Callable[[Case], Finding]:
    def decide(case: Case) -> Finding:
        most = integer(case.value)
        if most is None or isinstance(case.value, (str, bool)):
            raise QueryError(
                f"max_{name} is a whole number of {what}, not {case.value!r}", rule=f"max_{name}"
            )
        expected = f"at most {most:,} {what}"
        found = max(_traces(case), key=lambda one: _sum(one, name))
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
        if total <= most:
            return Finding(True, expected, f"{total:,}")
        dearest = sorted(rows, key=lambda row: -getattr(row, name))[:MOST_NAMED]
        lines = [
            f"{row.name}: {getattr(row, name):,}" + (f"  ({row.where})" if row.where else "")
            for row in dearest
            if getattr(row, name)
        ]
        over = total - most
        return Finding(False, expected, f"{total:,}, {over:,} more", lines)

    return decide


def _traces(case: Case) -> Iterator[Trace]:
    """The model at its input; without one, at an input of each way that its code may take."""
    if case.input is not None:
        yield case.subject.at(case.input)
        return
    found = case.subject.running()
    yield found
    names, paths = found.model.variables, found.traced.paths
    for path in paths if len(paths) > 1 else ():
        taken = taken_by(path, names)
        if path.failed is None and not taken.conditions and not taken.is_empty:
            yield case.subject.at(least(taken.sets))


def _sum(found: Trace, name: str) -> float:
    """What a model costs; more than anything else where that is not known."""
    costs: list[Any] = [getattr(row, name) for row in found.rows] if found.ok else [None]
    return inf if None in costs else sum(costs)


max_parameters = _budget("parameters", "parameters")
max_macs = _budget("macs", "multiply-accumulates")
max_memory = _budget("memory", "bytes of activations")
