"""The backward pass over sizes in numpy: the same numbers as in plain Python, all sizes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deconvcalc.designer.candidates import POOLS
from deconvcalc.designer.lattice import places
from deconvcalc.designer.search import channels_by_depth, ways_on

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from deconvcalc.designer.search import Next, Search

__all__ = ["sweep"]

MOST_CELLS = 4_000_000
"""With more sizes and moves than this the plain way, which looks at fewer of them, is faster."""

FAR = 1 << 61
"""Stands for a size that does not come to the target; sums of it and a cost fit into int64."""


def sweep(search: Search) -> tuple[Any, Callable[[int, Any], list[Next]], Any] | None:
    """The least cost or None, what follows a size, and the start; None where numbers do not fit."""
    goal, lattice = search.goal, search.lattice
    if goal.in_n is not None or len(goal.tracks) > 1 or goal.aligned or goal.divisors:
        return None
    if any(part.dilation > 1 for move in lattice.moves for part in move.parts):
        return None
    return _Sweep(search).result()


class _Sweep:
    """One backward pass."""

    def __init__(self, search: Search) -> None:
        self.search = search
        goal = self.goal = search.goal
        self.moves = search.lattice.moves
        self.source: Any = goal.sources[0]
        self.target: Any = goal.targets[0]
        self.up = goal.direction == "up"
        self.low = min(self.source, self.target)
        self.high = max(self.source, self.target)
        self.tables = channels_by_depth(goal)

    def result(self) -> tuple[Any, Callable[[int, Any], list[Next]], Any] | None:
        if len(self.moves) * (self.high - self.low + 1) > MOST_CELLS or not self.moves:
            return None
        if not self._fits():
            return None
        goal = self.goal
        maps = np.array([move.maps[0] for move in self.moves], dtype=np.int64)
        self.slope, self.offset, self.divisor, self.least = maps.T[:, :, None]
        taps = np.array([move.taps[0] for move in self.moves], dtype=np.int64)[:, None]
        self.shuffle = np.array([move.shuffle for move in self.moves], dtype=np.int64)[:, None]
        pool = np.array([move.op in POOLS for move in self.moves])
        self.spread = np.array([move.op == "conv_transpose" for move in self.moves])[:, None]
        parameters = self.search.charge.weights[0] if goal.bias else 0
        fixed = np.where(pool[:, None], 0, parameters * self.shuffle)
        depth = goal.stages[-1]
        sizes = np.arange(self.low, self.high + 1, dtype=np.int64)[None, :]
        made, fits = self._made(sizes)
        cost = np.broadcast_to(taps * self._each(sizes, made), made.shape)
        # What is not allowed leads to one more size, which never comes to the target.
        places_of = np.where(fits, made - self.low, sizes.size)
        rest = [np.full(sizes.size + 1, FAR, dtype=np.int64) for _ in range(depth + 1)]
        limits = self._limits()
        convolves = ~pool
        rows = [(places_of, cost, fixed)]
        rows.append(tuple([one[convolves] for one in rows[0]]) if pool.any() else rows[0])
        for done in range(depth - 1, -1, -1):
            self._back(done, rest, rows, *limits[done])
        least = int(rest[0][self.source - self.low])

        def follow(done: int, size: Any) -> list[Next]:
            return self._follow(done, size, rest)

        return (least if least < FAR else None), follow, self.source

    def _fits(self) -> bool:
        """Whether no cost comes near the end of int64."""
        parameters, macs, _ = self.search.charge.weights
        widest = max([move.taps[-1] * move.shuffle for move in self.moves])
        deepest = max([turn[0] for row in self.tables for turn in row if turn], default=1)
        wide = max([turn[1] for row in self.tables for turn in row if turn], default=1)
        largest = max([n for move in self.moves for n in map(abs, move.maps[0])])
        pixels = self.high**self.goal.axes
        shuffle = max([move.shuffle for move in self.moves])
        most = deepest * widest * (parameters + macs * pixels) + parameters * wide * shuffle
        return bool(self.goal.stages[-1] * most < FAR and largest * (self.high + 1) < FAR)

    def _limits(self) -> list[tuple[int, int]]:
        """At each depth the sizes that can have been come to, and can come to the target."""
        goal, most = self.goal, self.goal.growth
        depth = goal.stages[-1]
        maps = [move.maps[0] for move in self.moves]
        near, far = [self.source], [self.target]
        for _ in range(depth):
            n, m = near[-1], far[-1]
            made = [(a * n + b) // c for a, b, c, low in maps if n >= low]
            if self.up:
                end = min(max([n, *made]), self.target)
                end = end if most is None else min(end, n * most.numerator // most.denominator)
                # The least n from which some map comes as far as m.
                start = min([-(-(m - b) // a) for a, b, _, _ in maps])
                first = m if most is None else -(-m * most.denominator // most.numerator)
                start = max(start, 1 if most is None else first, self.source)
                far.append(min(start, m))
            else:
                end = max(min([n, *made]), self.target)
                end = end if most is None else max(end, -(-n * most.denominator // most.numerator))
                start = max([c * (m + 1) - 1 - b for _, b, c, _ in maps])
                start = (
                    start if most is None else min(start, m * most.numerator // most.denominator)
                )
                far.append(max(min(start, self.source), m))
            near.append(end)
        ends = [(far[depth - done], near[done]) for done in range(depth)]
        return ends if self.up else [(low, high) for high, low in ends]

    def _made(self, sizes: Any) -> tuple[Any, Any]:
        """What the moves make of sizes, and which of it the goal allows."""
        goal = self.goal
        made = self.slope * sizes + self.offset
        if self.divisor.max() > 1:
            made //= self.divisor
        fits = sizes >= self.least
        most = goal.growth
        if self.up:
            fits &= (made >= sizes) & (made <= self.target)
            if most is not None:
                fits &= made <= self._grown(sizes, most)
        else:
            fits &= (made <= sizes) & (made >= self.target)
            if most is not None:
                fits &= made >= self._grown(sizes, 1 / most, up=True)
        return made, fits

    def _grown(self, sizes: Any, most: Fraction, *, up: bool = False) -> Any:
        """Sizes times a fraction, rounded down or up, by ints of Python: 2.1 is one over 2**51."""
        over, under = most.numerator, most.denominator
        grown = [-(-n * over // under) if up else n * over // under for n in sizes[0].tolist()]
        return np.array([min(n, FAR) for n in grown], dtype=np.int64)[None, :]

    def _each(self, sizes: Any, made: Any) -> Any:
        """What a tap costs for a pair of channels."""
        parameters, macs, _ = self.search.charge.weights
        each = self.shuffle * parameters
        if macs:
            axes = self.goal.axes
            before, after = sizes**axes, made**axes
            # As `places` says for one move.
            each = each + macs * np.where(self.spread, self.shuffle * before, after)
        return each

    def _back(self, done: int, rest: list[Any], rows: list[Any], low: int, high: int) -> None:
        """What the sizes at a depth still cost, from what those after it do."""
        if low > high:
            return
        some = slice(low - self.low, high - self.low + 1)
        between, last = self.tables[done]
        best = None
        for turn, ahead in self._turns(between, last, rest[done + 1]):
            to, cost, fixed = rows[turn[2]]
            total = cost[:, some] if turn[0] == 1 else cost[:, some] * turn[0]
            total = total + ahead[to[:, some]]
            if fixed.any():
                total += turn[1] * fixed
            least = total.min(axis=0, initial=FAR)
            best = least if best is None else np.minimum(best, least)
        if best is not None:
            rest[done][some] = best

    def _turns(self, between: Any, last: Any, after: Any) -> list[tuple[Any, Any]]:
        """What a stage does to the channels, and what the sizes after it still cost then."""
        made = []
        place = self.target - self.low
        if last is not None:
            end = after.copy() if last == between else np.full(after.size, FAR, dtype=np.int64)
            end[place] = 0
            made.append((last, end))
        if between is not None and last != between:
            made.append((between, after))
        return made

    def _follow(self, done: int, size: Any, rest: list[Any]) -> list[Next]:
        parameters, macs, _ = self.search.charge.weights
        goal = self.goal
        found: list[Next] = []
        between, last = self.tables[done]
        most = None if goal.growth is None else goal.growth.as_integer_ratio()
        pixels = size**goal.axes
        for move in self.moves:
            slope, offset, divisor, least = move.maps[0]
            to = (slope * size + offset) // divisor
            small, large = (size, to) if self.up else (to, size)
            if size < least or small > large or not self.low <= to <= self.high:
                continue
            if most is not None and large * most[1] > small * most[0]:
                continue
            each = parameters
            if macs:
                each += macs * places(move, pixels, to**goal.axes)
            each *= move.shuffle
            fixed = parameters * move.shuffle if goal.bias else 0
            pool = move.op in POOLS
            if pool:
                each = fixed = 0
            ahead = int(rest[done + 1][to - self.low])
            if last is not None and to == self.target and not (pool and last[2]):
                found += ways_on(move, last, each, fixed, 0, None)
            if between is not None and ahead < FAR and not (pool and between[2]):
                found += ways_on(move, between, each, fixed, ahead, to)
        found.sort()
        return found
