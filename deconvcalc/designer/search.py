"""The exact best designs, in order: what is still to pay is known, so nothing is tried in vain.

A backward pass over the lattice finds for every state the least that the rest costs. Then paths are
grown from the start, always the one with the least total first, and the next one beside it only
when it is its turn (A* with a perfect bound, successors sorted lazily). So the k best cost little
more than the best. Equal costs come in the order of their options, stage by stage.

Costs are exact: ints, or fractions where floats come in. Where a goal asks only for sizes, costs at
a stage depend on its size and its depth alone, and the backward pass runs on the ways between sizes
(in numpy where that is loaded already: it gives the same, faster).
"""

from __future__ import annotations

import sys
from fractions import Fraction
from heapq import heappop, heappush
from itertools import islice
from math import ceil, lcm, prod
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.candidates import POOLS
from deconvcalc.designer.channels import Channels, Halving, Listed
from deconvcalc.designer.lattice import END, Lattice, expanded, places
from deconvcalc.designer.measures import Cost
from deconvcalc.designer.ways import MOST_STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deconvcalc.designer.candidates import Move
    from deconvcalc.designer.goals import Goal

__all__ = ["Charge", "Path", "Search", "least_ahead"]

Path = tuple[tuple[int, int], ...]
"""The option and the channels chosen at each stage."""


Next = tuple[Any, int, int, bool, Any, Any]
"""A way on from a state: what it costs in the end, with the least that the rest costs then; option
and choice; whether more follows; where it leads; what it costs by itself. These sort by themselves:
option, choice and whether more follows tell any two apart."""


Turn = tuple[int, int, bool]
"""Pairs of channels, channels that come out, and whether they differ from those that go in."""


class Charge:
    """A cost as whole numbers, so that sums are exact and quick.

    Attributes:
        cost: the cost.
        scale: what the whole numbers are to be divided by.
        weights: of parameters, multiply-accumulates and memory; () for a function.
    """

    def __init__(self, cost: Cost) -> None:
        self.cost = cost
        self.scale = lcm(*[weight.denominator for weight in cost.weights])
        self.weights = tuple([int(weight * self.scale) for weight in cost.weights])
        self._asked: dict[Any, Any] = {}

    def exact(self, value: Any) -> Fraction:
        """A sum of whole numbers as what it means."""
        return Fraction(value) / self.scale

    def priced(
        self, lattice: Lattice, depth: int, state: Any
    ) -> Iterator[tuple[Any, int, int, Any]]:
        """What leads on from a state: (cost, option, choice, state), in any order."""
        if self.cost.function is None:
            parameters, macs, memory = self.weights
            for step in lattice.steps(depth, state):
                each = parameters * step.weight + macs * step.work
                fixed = parameters * step.bias + memory * step.memory
                for option, taps in zip(step.move.options, step.move.taps, strict=True):
                    yield each * taps + fixed, option, step.choice, step.state
            return
        for step in lattice.steps(depth, state):
            for arc in expanded(step):
                yield (
                    self._said(lattice, state, step, arc.option),
                    arc.option,
                    arc.choice,
                    arc.state,
                )

    def known(self, lattice: Lattice, depth: int, state: Any) -> list[tuple[Any, int, int, Any]]:
        """The same as a list; of a user's function, what it has said already, if it has."""
        if self.cost.function is None:
            return list(self.priced(lattice, depth, state))
        said = [
            (self._asked[key], arc.option, arc.choice, arc.state)
            for step in lattice.steps(depth, state)
            for arc in expanded(step)
            if (key := (arc.option, state.sizes, step.after, step.channels)) in self._asked
        ]
        return said or list(islice(self.priced(lattice, depth, state), 1))

    def least(self, lattice: Lattice, depth: int, state: Any, rest: dict[Any, Any]) -> Any:
        """The least that a state still costs, from what the states after it cost."""
        if self.cost.function is not None:
            return min(
                [
                    cost + (0 if after == END else rest[after])
                    for cost, _, _, after in self.priced(lattice, depth, state)
                ]
            )
        parameters, macs, memory = self.weights
        best = None
        for step in lattice.steps(depth, state):
            taps = step.move.taps[0]
            cost = parameters * (step.weight * taps + step.bias) + macs * step.work * taps
            cost += memory * step.memory + (0 if step.state == END else rest[step.state])
            if best is None or cost < best:
                best = cost
        return best

    def _said(self, lattice: Lattice, state: Any, step: Any, option: int) -> Any:
        """What the user's function says of a stage; it is asked once about each."""
        key = (option, state.sizes, step.after, step.channels)
        if key not in self._asked:
            assert self.cost.function is not None
            said = lattice.asked(self.cost.function, *key)
            self._asked[key] = said.numerator if said.denominator == 1 else said
        return self._asked[key]


class Search:
    """The best designs of a goal, one after the other.

    Args:
        goal: the goal.
        cost: what is to be small.
        numpy: whether to use numpy; None to do so where it is loaded.
        most: how many steps between sizes may be looked at.
        part: what makes a part of the goal's lattice to search in, given `peak`.

    Attributes:
        charge: the cost in whole numbers.
        lattice: the graph of the goal.
        bound: the least that any design costs which has not been given out yet, in whole numbers;
            None before anything is known. It is right when a search is interrupted, too.
        engine: "lattice", "sizes" or "numpy": where the backward pass ran.
    """

    def __init__(
        self,
        goal: Goal,
        cost: Cost,
        *,
        numpy: bool | None = None,
        most: int = MOST_STEPS,
        part: Callable[..., Lattice] | None = None,
    ) -> None:
        self.goal = goal
        self.charge = Charge(cost)
        peak = cost.has_peak
        self.lattice = part(peak=peak) if part else Lattice(goal, peak=peak, most=most)
        self.bound: Any = None
        self._volumes: dict[Any, int] = {}
        self.engine = "lattice"
        if part is None and is_plain(goal, cost):
            loaded = "numpy" in sys.modules if numpy is None else numpy
            self.engine = "numpy" if loaded else "sizes"

    def paths(self) -> Iterator[tuple[Any, Path]]:
        """All designs, the cheapest first, with their costs in whole numbers."""
        best, follow, start = self._prepared()
        self.bound = best
        if best is not None:
            yield from self._ranked(best, follow, start)
        self.bound = None

    def any_path(self) -> list[tuple[Any, Path]]:
        """Some design with its cost, for a search that was interrupted before it found one.

        At each state the way that costs least by itself is taken, of those whose cost is known.
        Nothing where the lattice itself is not there yet.
        """
        lattice = self.lattice
        if not lattice.is_built:
            return []
        if lattice.empty:
            self.bound = None
            return []
        path, total, state = [], 0, lattice.start
        for depth in range(lattice.depth):
            ways = self.charge.known(lattice, depth, state)
            if not ways:
                return []
            cost, option, choice, state = min(ways, key=lambda one: (one[3] != END, *one[:3]))
            path.append((option, choice))
            total += cost
            if state == END:
                break
        return [(total, tuple(path))]

    def _prepared(self) -> tuple[Any, Callable[[int, Any], list[Next]], Any]:
        """The least cost or None, what follows a state, the least total first, and the start."""
        if self.engine == "numpy":
            from deconvcalc.designer.arrays import sweep

            made = sweep(self)
            if made is not None:
                return made
            self.engine = "sizes"
        if self.engine == "sizes":
            return self._swept()
        lattice, charge = self.lattice, self.charge
        rest: list[dict[Any, Any]] = [{} for _ in range(lattice.depth + 1)]
        self.bound = 0
        for depth in range(lattice.depth - 1, -1, -1):
            after = rest[depth + 1]
            rest[depth] = {
                state: charge.least(lattice, depth, state, after) for state in lattice.layers[depth]
            }
            if rest[depth] and self.goal.stages[0] > depth:
                self.bound = min(rest[depth].values())  # every design passes through here

        def follow(depth: int, state: Any) -> list[Next]:
            after = rest[depth + 1]
            return sorted(
                [
                    (
                        cost + (0 if to == END else after[to]),
                        option,
                        choice,
                        to != END,
                        to,
                        cost,
                    )
                    for cost, option, choice, to in charge.priced(lattice, depth, state)
                ]
            )

        return rest[0].get(lattice.start), follow, lattice.start

    def _ranked(
        self, best: Any, follow: Callable[[int, Any], list[Next]], start: Any
    ) -> Iterator[tuple[Any, Path]]:
        kept: dict[tuple[int, Any], list[Next]] = {}
        number = 0
        first = kept[0, start] = follow(0, start)
        # (total, path, a number that tells equal ones apart, paid before, place, its neighbours)
        heap: list[tuple[Any, Path, int, Any, int, list[Next]]] = []
        if first:
            heap.append((best, (first[0][1:3],), 0, 0, 0, first))
        while heap:
            total, path, _, paid, place, beside = heappop(heap)
            self.bound = total
            _, _, _, goes_on, state, cost = beside[place]
            if place + 1 < len(beside):
                other = beside[place + 1]
                number += 1
                turn = (*path[:-1], other[1:3])
                heappush(heap, (paid + other[0], turn, number, paid, place + 1, beside))
            if not goes_on:
                yield total, path
                continue
            key = len(path), state
            after = kept.get(key)
            if after is None:
                after = kept[key] = follow(*key)
            number += 1
            turn = (*path, after[0][1:3])
            heappush(heap, (total, turn, number, paid + cost, 0, after))

    # Sizes alone.

    def _swept(self) -> tuple[Any, Callable[[int, Any], list[Next]], Any]:
        goal = self.goal
        tables, target = channels_by_depth(goal), goal.targets
        rest = self.rest_by_size()

        def follow(depth: int, sizes: Any) -> list[Next]:
            between, last = tables[depth]
            after: dict[Any, int] = rest[depth + 1]
            made: list[Next] = []
            for move, to, each, fixed in self._units(sizes):
                if last is not None and to == target and not (last[2] and move.op in POOLS):
                    made += ways_on(move, last, each, fixed, 0, None)
                if between is not None and to in after and not (between[2] and move.op in POOLS):
                    made += ways_on(move, between, each, fixed, after[to], to)
            made.sort()
            return made

        return rest[0].get(goal.sources), follow, goal.sources

    def rest_by_size(self) -> list[dict[Any, int]]:
        """For each number of stages done and each size the least that the rest costs.

        The backward pass over sizes: at each depth the channels are known.
        """
        goal = self.goal
        ways, target, stages = self.lattice.ways, goal.targets, goal.stages
        tables = channels_by_depth(goal)
        # The ways on from sizes: those of pools, which keep the channels, apart.
        edges: dict[Any, list[tuple[Any, int, int]]] = {}
        pools: dict[Any, list[tuple[Any, int, int]]] = {}
        for sizes in set().union(*ways.alive[: stages[-1]]):
            edges[sizes], pools[sizes] = [], []
            for move, to, each, fixed in self._units(sizes):
                kind = pools if move.op in POOLS else edges
                kind[sizes].append((to, each * move.taps[0], fixed))
        rest: list[dict[Any, int]] = [{} for _ in range(stages[-1] + 1)]
        for depth in range(stages[-1] - 1, -1, -1):
            turns = turns_at(tables[depth], rest[depth + 1], target)
            found = rest[depth]
            for sizes in ways.alive[depth]:
                best: Any = None
                for (by, plus, differs), ahead in turns:
                    listed = edges[sizes] if differs else edges[sizes] + pools[sizes]
                    for to, each, fixed in listed:
                        if to in ahead:
                            cost = by * each + plus * fixed + ahead[to]
                            if best is None or cost < best:
                                best = cost
                if best is not None:
                    found[sizes] = best
        return rest

    def _units(self, sizes: Any) -> Iterator[tuple[Move, Any, int, int]]:
        """The ways on from sizes: what a tap costs for two channels, and each channel besides."""
        parameters, macs, _ = self.charge.weights
        bias = parameters if self.goal.bias else 0
        before = self._pixels(sizes) if macs else 0
        spread = parameters + macs * before
        for move, to in self.lattice.ways.out.get(sizes, ()):
            if move.op == "conv_transpose":  # it multiplies on its input, wherever it leads
                yield move, to, spread, bias
            elif move.op in POOLS:
                yield move, to, 0, 0
            else:
                work = macs * places(move, before, self._pixels(to)) if macs else 0
                yield move, to, move.shuffle * (parameters + work), move.shuffle * bias

    def _pixels(self, sizes: Any) -> int:
        """How many pixels sizes of the tracks make."""
        kept = self._volumes.get(sizes)
        if kept is None:
            kept = self._volumes[sizes] = prod(self.goal.sizes(self.goal.numbers(sizes)))
        return kept


def least_ahead(goal: Goal, cost: Cost) -> Sequence[dict[Any, int]]:
    """For each number of stages done and each size the least that the rest costs, at the least.

    Nothing where channels are chosen: then sizes and stages do not tell.
    """
    loose = goal.replace(budgets=(), through=(), receptive_field=())
    without = Cost((*cost.weights[:2], Fraction(0)))
    if not any(without.weights) or not is_plain(loose, without):
        return ()
    search = Search(loose, without, numpy=False)
    rest = search.rest_by_size()
    scale = lcm(*[weight.denominator for weight in cost.weights])
    factor = Fraction(scale, search.charge.scale)
    return [{sizes: ceil(least * factor) for sizes, least in layer.items()} for layer in rest]


def ways_on(
    move: Move, turn: Turn, each: int, fixed: int, rest: int, to: Any
) -> list[tuple[int, int, int, bool, Any, int]]:
    """The options of a move, with what they cost; `to` None is the end."""
    by, plus, end = turn[0] * each, turn[1] * fixed, to is None
    state = END if end else to
    return [
        (by * taps + plus + rest, option, 0, not end, state, by * taps + plus)
        for option, taps in zip(move.options, move.taps, strict=True)
    ]


def turns_at(
    table: tuple[Turn | None, Turn | None], after: dict[Any, int], target: Any
) -> list[tuple[Turn, dict[Any, int]]]:
    """What a stage does to the channels, and what the sizes after it still cost then."""
    between, last = table
    if last is not None and last == between:
        return [(last, after | {target: 0})]
    made = []
    if last is not None:
        made.append((last, {target: 0}))
    if between is not None:
        made.append((between, after))
    return made


def is_plain(goal: Goal, cost: Cost) -> bool:
    """Whether costs at a stage depend on nothing but its sizes and its depth."""
    if cost.function is not None or cost.has_peak:
        return False
    if goal.through or goal.receptive_field or goal.budgets:
        return False
    if any(name == "channels" for name, _ in goal.divisors):
        return False
    rule = goal.channels
    listed = isinstance(rule, Listed) and rule.choices == 1
    return listed or type(rule) in (Channels, Halving)


def channels_by_depth(goal: Goal) -> list[tuple[Turn | None, Turn | None]]:
    """For each depth of a plain goal what a stage there does, if others follow and if none does."""
    found: list[tuple[Turn | None, Turn | None]] = []
    state = goal.channels.start
    for depth in range(goal.stages[-1]):
        deep, following = goal.channels.count(state), state
        turns: list[Turn | None] = [None, None]
        for _, made, after, last in goal.channels.steps(depth, state, goal.stages):
            turns[last] = (deep * made, made, deep != made)
            if not last:
                following = after
        found.append((turns[0], turns[1]))
        state = following
    return found
