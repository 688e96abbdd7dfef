"""Pareto fronts: the designs that no other design beats in every cost, ties included.

A backward pass keeps for every state the vectors of what the rest costs that no other beats. All
costs add up (the peak of memory is a part of the state), so whatever follows on a front's design is
itself unbeaten; the designs of a vector are then listed without a wrong turn.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.lattice import END, Lattice
from deconvcalc.designer.search import Charge, Search
from deconvcalc.errors import UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from deconvcalc.designer.goals import Goal
    from deconvcalc.designer.measures import Cost
    from deconvcalc.designer.search import Path

__all__ = ["MOST_LABELS", "Front", "unbeaten"]

MOST_LABELS = 5_000_000
"""A front is not worked out beyond so many vectors at all states together."""

Vector = tuple[Any, ...]


class Front:
    """The Pareto front of a goal in two or three costs.

    Attributes:
        charges: the costs in whole numbers.
        lattice: the graph of the goal.
        ideal: for each cost the least that any design has, in whole numbers; found first, so that
            it is there when the rest is interrupted. None before that.
        corners: for each cost a design that has the least.
        vectors: the front, the least first cost first; None before it is known.
    """

    def __init__(
        self, goal: Goal, costs: Sequence[Cost], part: Callable[..., Lattice] | None = None
    ) -> None:
        self.goal = goal
        self._part = part
        self.costs = tuple(costs)
        self.charges = tuple([Charge(cost) for cost in costs])
        peak = any(cost.has_peak for cost in costs)
        self.lattice = part(peak=peak) if part else Lattice(goal, peak=peak)
        self.ideal: Vector | None = None
        self.corners: list[Path] = []
        self.vectors: tuple[Vector, ...] | None = None
        self._labels: list[dict[Any, set[Vector]]] = []
        self._priced: dict[tuple[int, Any], list[tuple[Vector, int, int, Any]]] = {}

    def prepare(self) -> None:
        """Find the best of each cost, then the front."""
        best = []
        for cost in self.costs:
            found = next(Search(self.goal, cost, part=self._part).paths(), None)
            if found is None:
                self.vectors = ()
                return
            best.append(found[0])
            self.corners.append(found[1])
            if len(best) == len(self.costs):
                self.ideal = tuple(best)
        self._labels = [{} for _ in range(self.lattice.depth + 1)]
        made = 0
        for depth in range(self.lattice.depth - 1, -1, -1):
            after = self._labels[depth + 1]
            for state in self.lattice.layers[depth]:
                found_here: set[Vector] = set()
                for paid, _, _, to in self._ways(depth, state):
                    if to == END:
                        found_here.add(paid)
                    else:
                        found_here.update([_plus(paid, rest) for rest in after[to]])
                labels = self._labels[depth][state] = set(unbeaten(found_here))
                made += len(labels)
                if made > MOST_LABELS:
                    raise UndecidedError(
                        f"the front needs more than {MOST_LABELS:,} vectors of costs",
                        rule="cost",
                        hint="Ask for two costs instead of three, fewer stages, or budgets.",
                    )
        self.vectors = tuple(sorted(self._labels[0].get(self.lattice.start, ())))

    def _ways(self, depth: int, state: Any) -> list[tuple[Vector, int, int, Any]]:
        """What leads on from a state: its costs, option, choice and state, in order."""
        kept = self._priced.get((depth, state))
        if kept is None:
            rows: dict[tuple[int, int, Any], list[Any]] = {}
            for charge in self.charges:
                for cost, option, choice, to in charge.priced(self.lattice, depth, state):
                    rows.setdefault((option, choice, to), []).append(cost)
            kept = [(tuple(paid), *key) for key, paid in rows.items()]
            kept.sort(key=lambda one: (one[1], one[2], one[3] != END))
            self._priced[depth, state] = kept
        return kept

    def paths(self) -> Iterator[tuple[Vector, Path]]:
        """The designs of the front, vector by vector, those of equal costs by their options."""
        if self.vectors is None:
            self.prepare()
        for vector in self.vectors or ():
            for path in self._with(vector, 0, self.lattice.start, ()):
                yield vector, path

    def _with(self, left: Vector, depth: int, state: Any, path: Path) -> Iterator[Path]:
        """The designs from a state on that cost exactly what is left."""
        for paid, option, choice, to in self._ways(depth, state):
            rest = tuple([have - cost for have, cost in zip(left, paid, strict=True)])
            longer = (*path, (option, choice))
            if to == END:
                if not any(rest):
                    yield longer
            elif rest in self._labels[depth + 1][to]:
                yield from self._with(rest, depth + 1, to, longer)


def _plus(one: Vector, other: Vector) -> Vector:
    return tuple([a + b for a, b in zip(one, other, strict=True)])


def unbeaten(vectors: Iterable[Vector]) -> list[Vector]:
    """The vectors that no other is below in one place and nowhere above, in order.

    >>> unbeaten([(3, 1), (1, 3), (2, 2), (2, 3), (3, 1)])
    [(1, 3), (2, 2), (3, 1)]
    """
    kept: list[Vector] = []
    stairs: list[Vector] = []  # of the second and third place, falling in the third
    for vector in sorted(set(vectors)):
        rest = vector[1:]
        if len(rest) == 1:
            if not kept or rest[0] < kept[-1][1]:
                kept.append(vector)
            continue
        place = bisect_right(stairs, rest)
        if place and stairs[place - 1][1] <= rest[1]:
            continue
        kept.append(vector)
        while place < len(stairs) and stairs[place][1] >= rest[1]:
            del stairs[place]
        insort(stairs, rest)
    return kept
