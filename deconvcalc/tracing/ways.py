"""All ways through a model's code: it is traced again until the guards cover every input."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING

from deconvcalc.model.admissible import Region, minus, region
from deconvcalc.sets import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.tracing.path import Path

__all__ = ["MOST_WAYS", "SECONDS", "all_ways"]

MOST_WAYS = 64
"""How many ways through the code are traced, at most."""

SECONDS = 60.0
"""How long ways are looked for, at most."""

CORNERS = 4
"""Other ways are looked for at so many of the smallest sizes that nothing is known of."""


def all_ways(
    variables: Sequence[str],
    start: dict[str, int],
    trace_at: Callable[[dict[str, int]], Path],
    *,
    most: int = MOST_WAYS,
    seconds: float = SECONDS,
) -> tuple[list[Path], list[Region]]:
    """The ways through a model's code, and the inputs that no way is known for.

    Args:
        variables: the input axes.
        start: the sizes that the first way is traced at.
        trace_at: traces the way that an input takes.
        most: how many ways at most.
        seconds: how long at most.
    """
    left = [Region(dict.fromkeys(variables, Sizes.all()))]
    ways: list[Path] = []
    taken: list[Region] = []
    begun = time.monotonic()
    where: dict[str, int] | None = start
    while where is not None:
        way = trace_at(where)
        ways.append(way)
        own = region(variables, way.guards, guards=True)
        taken.append(own)
        if not own.conditions:
            left = [part for rest in left for part in minus(rest, own)]
        if len(ways) >= most or time.monotonic() - begun > seconds:
            break
        where = _uncovered(left, taken)
    joint = [one for one in taken if one.conditions]
    return ways, [rest for rest in left if not _settled(rest, joint)]


def _uncovered(left: list[Region], taken: list[Region]) -> dict[str, int] | None:
    """A small input that no way is known for; None where there is none, or none is found."""
    for rest in left:
        names = list(rest.sets)
        members = [rest.sets[name].first(CORNERS) for name in names]
        for numbers in product(*members):
            where = dict(zip(names, numbers, strict=True))
            if not any(_sent(one, where) for one in taken):
                return where
    return None


def _sent(one: Region, where: dict[str, int]) -> bool:
    """Whether an input goes a way."""
    return all(where[name] in held for name, held in one.sets.items()) and all(
        guard.sends(where) for guard in one.conditions
    )


def _settled(rest: Region, joint: list[Region]) -> bool:
    """Whether guards of several axes are known to cover a region: two that are opposites do."""
    questions = [one.conditions for one in joint if _covers(one, rest) and len(one.conditions) == 1]
    return any(
        one.question == other.negated().question
        for (one,) in questions
        for (other,) in questions
        if other.relation in ("==", "!=", ">=", "<")
    )


def _covers(one: Region, rest: Region) -> bool:
    return all(held <= one.sets[name] for name, held in rest.sets.items())
