"""The ways between sizes: which stage makes which size of which, on the way to the target.

Sizes alone, without channels or budgets: what a lattice is built on, and what bounds every search.
Numbers are walked backwards from the target, so that what cannot reach it is hardly looked at;
sizes in n, of which there are few, forwards.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.candidates import Move, Numbers, hollow, is_aligned
from deconvcalc.errors import UndecidedError
from deconvcalc.values import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from deconvcalc.designer.candidates import Size
    from deconvcalc.designer.goals import Goal

    Sizes = tuple[Size, ...]

__all__ = ["MOST_STEPS", "Ways", "composed", "reached"]

MOST_STEPS = 10_000_000
"""So many steps between sizes are looked at, and no more."""


class Ways:
    """What a goal's moves do to the sizes between its source and its target.

    Attributes:
        alive: for each number of stages done the sizes that are reached and reach the target.
        most: so many steps are looked at, and no more.
        out: for each such size the moves that lead on, each with the sizes that it gives.
    """

    def __init__(self, goal: Goal, moves: Sequence[Move], most: int = MOST_STEPS) -> None:
        self.goal = goal
        self.most = most
        self.parts = tuple([goal.parts_of_axes[axes[0]] for axes in goal.tracks])
        self._work = 0
        self._checked = goal.aligned or any(name == "size" for name, _ in goal.divisors)
        self._checked = self._checked or any(
            part.dilation > 1 and not goal.holes for move in moves for part in move.parts
        )
        self._by_maps: dict[tuple[Numbers, ...], list[Move]] = {}
        for move in moves:
            self._by_maps.setdefault(move.maps, []).append(move)
        self._maps = [
            list(dict.fromkeys([maps[part] for maps in self._by_maps]))
            for part in range(len(goal.bounds))
        ]
        self._by_slope: dict[int, list[list[Numbers]]] = {}
        self._rounding = [numbers for numbers in self._maps[0] if numbers[2] > 1]
        for numbers in self._maps[0]:
            slope, offset, divisor, _ = numbers
            if divisor == 1:
                by_rest = self._by_slope.setdefault(slope, [[] for _ in range(slope)])
                by_rest[offset % slope].append(numbers)
        self.out: dict[Sizes, list[tuple[Move, Sizes]]] = {}
        self.alive: list[set[Sizes]] = []
        if goal.in_n is None:
            self._backwards()
        else:
            self._forwards()

    def count(self, steps: int) -> None:
        """Count the work.

        Raises:
            UndecidedError: there is too much of it.
        """
        self._work += steps
        if self._work > self.most:
            raise UndecidedError(
                f"the space of designs has more than {self.most:,} steps between sizes",
                rule="work",
                hint="Narrow kernel_size, stride or padding, share the parameters, ask for "
                "divisors, or for fewer stages.",
            )

    # Numbers.

    def _backwards(self) -> None:
        goal, depth = self.goal, self.goal.stages[-1]
        limits = self._limits()
        # For each size those that it is made of, and those that it becomes.
        sources: dict[Sizes, set[Sizes]] = {}
        becomes: dict[Sizes, set[Sizes]] = {}
        levels: list[set[Sizes]] = [{goal.targets}]
        up = goal.direction == "up"
        for rest in range(1, depth + 1):
            found: set[Sizes] = set()
            for sizes in levels[-1]:
                if sizes not in sources:
                    sources[sizes] = self._enter(sizes)
                found |= sources[sizes]
            limit = limits[depth - rest]
            if len(limit) == 1:
                end = limit[0]
                found = {one for one in found if (one[0] <= end if up else one[0] >= end)}
            levels.append(found)
        for sizes, before in sources.items():
            for one in before:
                becomes.setdefault(one, set()).add(sizes)
        reached = {goal.sources}
        for done in range(depth + 1):
            left = [levels[total - done] for total in goal.stages if total >= done]
            alive = reached & set().union(*left)
            self.alive.append(alive)
            reached = set().union(*[becomes.get(sizes, ()) for sizes in alive])

    def _enter(self, sizes: Sizes) -> set[Sizes]:
        """Take down the ways that lead to sizes; give the sizes that they start from."""
        out = self.out
        if len(sizes) == 1 and not self._checked:
            return self._enter_one(sizes)
        found = set()
        for move, before in self._before(sizes):
            found.add(before)
            if before in out:
                out[before].append((move, sizes))
            else:
                out[before] = [(move, sizes)]
        return found

    def _enter_one(self, sizes: Sizes) -> set[Sizes]:
        """The same for one track where any move will do: the case that has to be quick."""
        self.count(len(self._maps[0]))
        found, out = set(), self.out
        for numbers, places in self._before_one(sizes[0]):
            for before in places:
                found.add(before)
                if before not in out:
                    out[before] = []
                out[before] += [(move, sizes) for move in self._by_maps[numbers,]]
        return found

    def _limits(self) -> list[list[int]]:
        """How far each track can have come after so many stages."""
        goal = self.goal
        up, most = goal.direction == "up", goal.growth
        now: list[int] = list(goal.sources)
        limits = [now]
        for _ in range(goal.stages[-1]):
            following = []
            for n, target, part in zip(now, goal.targets, self.parts, strict=True):
                made = [(a * n + b) // c for a, b, c, low in self._maps[part] if n >= low]
                if up:
                    end = min(max(made, default=n), target)
                    if most is not None:
                        end = min(end, n * most.numerator // most.denominator)
                else:
                    # Smaller sizes may lie below what a window needs: those are no limit.
                    end = max(min([n, *made]), target)
                    if most is not None:
                        end = max(end, -(-n * most.denominator // most.numerator))
                following.append(int(end))
            limits.append(now := following)
        return limits

    def _before(self, sizes: Sizes) -> list[tuple[Move, Sizes]]:
        """The moves that give these sizes, each with the sizes that it makes them of."""
        self.count(sum(map(len, self._maps)))
        found: Any
        if len(sizes) == 1:
            found = self._before_one(sizes[0])
        elif len(self._maps) == 1:
            found = self._group_before(0, [*range(len(sizes))], sizes).items()
        else:
            return self._before_mixed(sizes)
        made = [
            (move, before)
            for numbers, places in found
            for move in self._by_maps[numbers,]
            for before in places
        ]
        if not self._checked:
            return made
        return [(move, before) for move, before in made if self._placed(move, before, sizes)]

    def _before_one(self, m: Any) -> list[tuple[Numbers, list[Sizes]]]:
        """The same for one track: the sizes that each map makes this one of."""
        low, high = self._ends(m, self.goal.sources[0])
        found: list[tuple[Numbers, list[Sizes]]] = []
        for slope, by_rest in self._by_slope.items():
            for numbers in by_rest[m % slope]:  # from any other the division leaves a rest
                n = (m - numbers[1]) // slope
                if low <= n <= high and n >= numbers[3]:
                    found.append((numbers, [(n,)]))
        for numbers in self._rounding:
            _, offset, divisor, least = numbers  # its slope is 1
            first = max(divisor * m - offset, low, least)
            last = min(divisor * (m + 1) - 1 - offset, high)
            if first <= last:
                found.append((numbers, [(n,) for n in range(first, last + 1)]))
        return found

    def _ends(self, m: Any, source: Any) -> tuple[int, int]:
        """Between which sizes a stage that gives m may start."""
        most = self.goal.growth
        if self.goal.direction == "up":
            return source if most is None else max(
                source, -(-m * most.denominator // most.numerator)
            ), m
        return m, source if most is None else min(source, m * most.numerator // most.denominator)

    def _before_mixed(self, sizes: Sizes) -> list[tuple[Move, Sizes]]:
        """The same where axes have parameters of their own."""
        fitting = []
        for group in range(len(self._maps)):
            tracks = [t for t, part in enumerate(self.parts) if part == group]
            fitting.append(self._group_before(group, tracks, sizes))
        made = []
        for maps in product(*fitting):
            moves = self._by_maps.get(maps)
            if moves is None:
                continue
            self.count(len(moves))
            for rows in product(*[found[one] for found, one in zip(fitting, maps, strict=True)]):
                before = self._in_order(rows)
                made += [
                    (move, before)
                    for move in moves
                    if not self._checked or self._placed(move, before, sizes)
                ]
        return made

    def _in_order(self, rows: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Sizes that were found group by group, track by track."""
        waiting = [iter(row) for row in rows]
        return tuple([next(waiting[part]) for part in self.parts])

    def _group_before(
        self, group: int, tracks: list[int], sizes: Sizes
    ) -> dict[Numbers, Sequence[tuple[int, ...]]]:
        """For each map of a group, the sizes of its tracks that it makes these of."""
        found: dict[Numbers, Sequence[tuple[int, ...]]] = {}
        ends = []
        for track in tracks:
            m: Any = sizes[track]
            ends.append((m, *self._ends(m, self.goal.sources[track])))
        for numbers in self._maps[group]:
            slope, offset, divisor, least = numbers
            each = []
            for m, low, high in ends:
                # slope*n + offset lies from divisor*m up to divisor*m + divisor - 1.
                first = -((offset - divisor * m) // slope)
                last = (divisor * (m + 1) - 1 - offset) // slope
                first = max(first, low, least)
                last = min(last, high)
                if first > last:
                    break
                each.append(range(first, last + 1))
            else:
                if len(each) == 1:
                    found[numbers] = [(n,) for n in each[0]]
                else:
                    found[numbers] = list(product(*each))
        return found

    def _placed(self, move: Move, before: Sizes, after: Sizes) -> bool:
        """Whether a move is allowed at these sizes."""
        goal = self.goal
        for n, m, part in zip(before, after, self.parts, strict=True):
            one = move.parts[part]
            if goal.aligned and not is_aligned(move.op, one, n, m):
                return False
            if not goal.holes and hollow(move.op, one, n, m):
                return False
            if any(name == "size" and not _divides(by, m) for name, by in goal.divisors):
                return False
        return True

    # Sizes in n.

    def _forwards(self) -> None:
        goal = self.goal
        levels: list[set[Sizes]] = [{goal.sources}]
        for _ in range(goal.stages[-1]):
            reached: set[Sizes] = set()
            for sizes in levels[-1]:
                if sizes not in self.out:
                    self.count(len(self._by_maps))
                    self.out[sizes] = self._after(sizes)
                reached.update([after for _, after in self.out[sizes]])
            levels.append(reached)
        alive: set[Sizes] = set()
        for depth in range(goal.stages[-1], -1, -1):
            ends = {goal.targets} if depth in goal.stages else set()
            levels[depth] = {
                sizes
                for sizes in levels[depth]
                if sizes in ends or any(after in alive for _, after in self.out.get(sizes, ()))
            }
            alive = levels[depth]
        self.alive = levels

    def _after(self, sizes: Sizes) -> list[tuple[Move, Sizes]]:
        """The moves that lead on from sizes in n, each with what it gives."""
        goal = self.goal
        found = []
        for maps, moves in self._by_maps.items():
            after: list[Size] = []
            for size, target, part in zip(sizes, goal.targets, self.parts, strict=True):
                numbers = maps[part]
                made = composed(size, numbers)
                if made is None or not fits_in_n(size, made, target, numbers, goal.growth):
                    break
                after.append(made)
            else:
                made_all = tuple(after)
                found += [
                    (move, made_all)
                    for move in moves
                    if not self._checked or self._placed(move, sizes, made_all)
                ]
        return found


MOST_REACHED = 3_000
"""So many sizes are walked to at most where the nearest targets are looked for."""


def reached(goal: Goal, moves: Sequence[Move]) -> list[Sizes]:
    """Sizes that chains of the goal's moves come to, those nearest to its target first.

    Only the maps, the direction and the growth count: not every one has a design.
    """
    up = goal.direction == "up"
    maps = list(dict.fromkeys([move.maps for move in moves]))
    parts = [goal.parts_of_axes[axes[0]] for axes in goal.tracks]
    now: set[Sizes] = {goal.sources}
    ends: set[Sizes] = set()
    most = goal.growth
    for depth in range(1, goal.stages[-1] + 1):
        after: set[Sizes] = set()
        for sizes in now:
            for each in maps:
                made: list[Any] = []
                for n, target, part in zip(sizes, goal.targets, parts, strict=True):
                    m = _once(n, each[part], target, most, up=up)
                    if m is None:
                        break
                    made.append(m)
                else:
                    after.add(tuple(made))
            if len(after) > MOST_REACHED:
                break
        now = after - ends
        if depth in goal.stages:
            ends |= after
    return sorted(ends - {goal.targets}, key=lambda sizes: _distance(sizes, goal.targets))


def _once(n: Any, numbers: Numbers, target: Any, most: Fraction | None, *, up: bool) -> Any:
    """What a map makes of a size, if that goes the right way and not much too far; or None."""
    slope, offset, divisor, low = numbers
    if not isinstance(n, int):
        made = composed(n, numbers)
        if made is None or made[0] > target[0] or made[2] > target[2]:
            return None
        loose = (target[0], max(target[1], made[1]) if up else target[1], target[2])
        return made if fits_in_n(n, made, loose, numbers, most) else None
    if n < low:
        return None
    m = (slope * n + offset) // divisor
    if up:
        fits = n <= m <= 2 * target + 8 and (most is None or m <= most * n)
    else:
        fits = 1 <= m <= n and 2 * m + 8 >= target and (most is None or n <= most * m)
    return m if fits else None


def _distance(sizes: Sizes, targets: Sizes) -> tuple[Any, ...]:
    """How far sizes lie from the target; in n, those with another rate last."""
    apart = []
    for one, other in zip(sizes, targets, strict=True):
        if isinstance(one, int):
            apart.append((0, abs(one - other)))
        else:
            same = isinstance(other, tuple) and (one[0], one[2]) == (other[0], other[2])
            apart.append((not same, abs(one[1] - other[1])))
    return (sum(a for a, _ in apart), sum(b for _, b in apart), apart)


def composed(size: Any, numbers: Numbers) -> tuple[int, int, int] | None:
    """A stage after floor((a*n + b)/c), of which a or c is 1; None where neither would be."""
    slope, offset, divisor = size
    by, plus, over, _ = numbers
    if (by > 1 and divisor > 1) or (over > 1 and slope > 1):
        return None
    made = (slope * by, offset * by + plus * divisor, divisor * over)
    return None if max(made) > LARGEST else made


def fits_in_n(n: Any, m: Any, target: Any, numbers: Numbers, most: Fraction | None) -> bool:
    """Whether a stage takes every size that is meant, and goes the way of the target.

    Meant are the n from 1 on with a target of at least 1. The growth of a stage that reduces is its
    rate, its stride: what is rounded down reduces a small size by more, a pool of 2 takes 3 to 1.
    """
    if target[0] % m[0] or target[2] % m[2]:  # rates only multiply
        return False
    first = max(-(-(target[2] - target[1]) // target[0]), 1)
    least = (n[0] * first + n[1]) // n[2]
    if least < numbers[3] or (m[0] * first + m[1]) // m[2] < 1:
        return False
    if m[2] == target[2] == 1 and (m[0] > 1 or target[0] > 1 or m[1] > 0 or target[1] > 0):
        grows = _below(n, m, first) and _below(m, target, first)
        return grows and (most is None or _below(m, n, first, most))
    # The stage as a function of its own input: in s steps that gains s, and the output gains 1.
    _, plus, stride, _ = numbers
    if most is not None and stride > most:
        return False
    for size in range(least, least + stride):
        made = (size + plus) // stride
        if made > size:
            return False
    return True


def _below(n: Any, m: Any, first: int, factor: Fraction | int = 1) -> bool:
    """Whether n <= factor*m from `first` on, both linear."""
    rise = factor * m[0] - n[0]
    return bool(rise >= 0 and rise * first + factor * m[1] - n[1] >= 0)


def _divides(by: Any, m: Any) -> bool:
    if isinstance(m, int):
        return bool(m % by == 0)
    slope, offset, divisor = m
    return bool(divisor == 1 and slope % by == 0 and offset % by == 0)
