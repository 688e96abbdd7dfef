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
    return ways, [
        cell for rest in left for cell in _cells(rest, joint) if not _settled(cell, joint)
    ]


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


def _cells(rest: Region, joint: list[Region]) -> list[Region]:
    """A region in parts, each of which lies wholly inside or outside the sets of every way."""
    cells = [rest]
    for one in joint:
        inside = [_meet(cell, one) for cell in cells]
        outside = [part for cell in cells for part in minus(cell, one)]
        cells = [cell for cell in inside if not cell.is_empty] + outside
    return cells


def _meet(one: Region, other: Region) -> Region:
    return Region({name: held & other.sets[name] for name, held in one.sets.items()})


def _settled(cell: Region, joint: list[Region]) -> bool:
    """Whether guards of several axes are known to cover a part: a guard and its opposite do."""
    here = [one.conditions[0] for one in joint if len(one.conditions) == 1 and _covers(one, cell)]
    return any(
        one.question == other.negated().question
        for one in here
        for other in here
        if other.has_opposite
    )


def _covers(one: Region, cell: Region) -> bool:
    return all(held <= one.sets[name] for name, held in cell.sets.items())
