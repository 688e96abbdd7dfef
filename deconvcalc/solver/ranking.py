"""The order of answers, and the sequence that finds any of them without making the others.

Answers are compared by their marks, then by their strides, then by their kernels, axis after axis,
then by shift. Marks and strides are the same along a run, so runs fall into levels; within a level
the kernels count upwards, and the answers at one choice of kernels are few enough to sort.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import lcm
from typing import Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.solver.modes import BITS, in_both
from deconvcalc.solver.query import OPERATIONS
from deconvcalc.solver.runs import (
    NOT_BOTH,
    Found,
    Pair,
    Part,
    Run,
    ratio_rank,
    shift,
)

__all__ = ["Pick", "Ranked", "one_layer"]

Pick = tuple[tuple[Run, int, tuple[Pair, ...]], ...]
"""One answer: for each group of axes a run, a kernel and the sizes."""

MOST_SORTED = 10_000
"""Up to so many answers of a level are sorted at once when all are asked for."""

LATE = 3
"""Kernels below this come after the larger ones; not for pools, where the smallest is the best."""


class _Tier:
    """Runs of one group that share marks, modes and stride."""

    __slots__ = ("pairs", "runs", "total")

    def __init__(self, runs: list[Run], pairs: tuple[Pair, ...]) -> None:
        self.runs: list[Run] = []
        self.pairs = pairs
        self.total = 0
        self.add(runs)

    def add(self, runs: list[Run]) -> None:
        """Take more runs."""
        self.runs += runs
        self.total += sum([len(run) for run in runs])

    def up_to(self, place: int, top: int, late: int) -> int:
        """How many answers have a kernel that comes at `place` or before."""
        limit = place + late
        if limit <= top:
            return sum([run.up_to(limit) - run.up_to(late - 1) for run in self.runs])
        return self.total - sum([run.up_to(top - place - 1) for run in self.runs])

    def at(self, k: int) -> list[tuple[Run, int, tuple[Pair, ...]]]:
        """The answers that have kernel k."""
        return [(run, k, run.pairs or self.pairs) for run in self.runs if k in run]


def _place(k: int, top: int, late: int) -> int:
    """Where a kernel comes: late, late + 1, ... up to top, then those below late, downwards."""
    return k - late if k >= late else top - k


def _kernel_at(place: int, top: int, late: int) -> int:
    return place + late if place + late <= top else top - place


class _Level:
    """Answers with the same marks and strides: one product of tiers for each operation and mix."""

    __slots__ = ("late", "mixes", "top", "total")

    def __init__(self, mixes: list[tuple[_Tier, ...]]) -> None:
        self.mixes = mixes
        self.late = _late(mixes[0][0].runs[0])
        self.total = sum([_product([tier.total for tier in mix]) for mix in mixes])
        last = max([run.kernels[-1] for mix in mixes for tier in mix for run in tier.runs])
        self.top = max(last, self.late - 1)

    def block(self, index: int) -> tuple[int, list[Pick]]:
        """The answers with the same kernels as answer `index`, and the index of their first."""
        start, kernels = 0, list[int]()
        for _ in self.mixes[0]:
            place = self._find(kernels, index - start)
            if place:
                start += self._count(kernels, place - 1)
            kernels.append(_kernel_at(place, self.top, self.late))
        picks: list[Pick] = []
        for mix in self.mixes:
            picks += product(*[tier.at(k) for tier, k in zip(mix, kernels, strict=True)])
        return start, _by_shift(picks)

    def __iter__(self) -> Iterator[Pick]:
        if len(self.mixes[0]) > 1 or self.total > MOST_SORTED:
            index = 0
            while index < self.total:
                _, picks = self.block(index)
                yield from picks
                index += len(picks)
            return
        places: dict[int, list[Pick]] = {}
        for (tier,) in self.mixes:
            for run in tier.runs:
                for k in run.kernels:
                    if k not in run.minus:
                        pick = ((run, k, run.pairs or tier.pairs),)
                        places.setdefault(_place(k, self.top, self.late), []).append(pick)
        for place in sorted(places):
            yield from _by_shift(places[place])

    def _find(self, kernels: list[int], index: int) -> int:
        """The place of the next axis's kernel for the answer at `index` among those that agree."""
        low, high = 0, self.top - 1
        while low < high:
            middle = (low + high) // 2
            if self._count(kernels, middle) > index:
                high = middle
            else:
                low = middle + 1
        return low

    def _count(self, kernels: list[int], place: int) -> int:
        """How many answers have these kernels on the first axes, and on the next up to `place`."""
        total = 0
        for mix in self.mixes:
            known = _product([len(t.at(k)) for t, k in zip(mix, kernels, strict=False)])
            if known:
                rest = _product([tier.total for tier in mix[len(kernels) + 1 :]])
                total += known * mix[len(kernels)].up_to(place, self.top, self.late) * rest
        return total


def _pools(run: Run | Part) -> bool:
    return run.op in ("max_pool", "avg_pool")


def _late(run: Run) -> int:
    return 1 if _pools(run) else LATE


def _product(numbers: list[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


def _by_shift(picks: list[Pick]) -> list[Pick]:
    """Answers sorted by the last criterion, the shift, and by what makes the order total."""
    if len(picks) < 2:
        return picks
    shifts = [[shift(run, pairs) for run, _, pairs in pick] for pick in picks]
    unit = lcm(*[den for row in shifts for _, den in row])
    keys = []
    for pick, row in zip(picks, shifts, strict=True):
        largest = max([num * (unit // den) for num, den in row])
        rest = [
            (OPERATIONS.index(r.op), r.d, abs(r.skew), r.skew, r.v, r.modes) for r, _, _ in pick
        ]
        keys.append((largest, rest))
    order = sorted(range(len(picks)), key=keys.__getitem__)
    return [picks[i] for i in order]


class Ranked(Sequence[Pick]):
    """All answers, best first, as a sequence that makes only what is looked at.

    Args:
        groups: for each operation, the runs of each group of axes.
    """

    def __init__(self, groups: dict[str, list[Found]]) -> None:
        self._by_op = groups
        self._groups = [found for found in groups.values() if all(one.total for one in found)]
        self._one_each = not self._groups or len(self._groups[0]) == 1
        self._levels: list[_Level] | None = None
        self._starts: list[int] = []
        self._keys: list[Any] = []
        self._block: tuple[int, list[Pick]] = (0, [])
        self._size: int | None = None

    def runs(self, op: str, group: int) -> Iterator[Run]:
        """The runs of one group of axes."""
        found = self._by_op[op]
        return iter(found[group]) if all(one.total for one in found) else iter(())

    def found(self, op: str) -> list[Found]:
        """What was found for one operation, for each group of axes."""
        return self._by_op[op]

    def __len__(self) -> int:
        return self.size

    @property
    def size(self) -> int:
        """The number of answers, which may be more than `len()` can say."""
        if self._size is None:
            if self._one_each:
                self._size = sum([found[0].total for found in self._groups])
            else:
                self._size = sum([level.total for level in self._made()])
        return self._size

    def _made(self) -> list[_Level]:
        """The levels, best first."""
        if self._levels is None:
            levels: dict[Any, list[tuple[_Tier, ...]]] = {}
            for found in self._groups:
                for key, mix in _mixes([_tiers(one) for one in found]):
                    levels.setdefault(key, []).append(mix)
            self._keys = sorted(levels)
            self._levels = [_Level(levels[key]) for key in self._keys]
            total = 0
            for level in self._levels:
                self._starts.append(total)
                total += level.total
        return self._levels

    def first_without(self, flags: int) -> int | None:
        """The index of the first answer that has none of these marks, or None."""
        self._made()
        for start, key in zip(self._starts, self._keys, strict=True):
            if not key[0] & flags:
                return start
        return None

    def _first_block(self) -> list[Pick]:
        """The first answers, without the levels behind them; for one group of axes."""
        best: Any = None
        tied: list[tuple[Run, tuple[Pair, ...]]] = []
        for (found,) in self._groups:
            for part in found.parts:
                if best is not None and part.least > best[0]:
                    continue
                key, runs = part.first()
                if best is None or key < best:
                    best, tied = key, []
                if key == best:
                    tied += [(run, run.pairs or found.pairs) for run in runs]
        late = _late(tied[0][0])
        if len(tied) == 1:
            run, pairs = tied[0]
            return [((run, run.first(late), pairs),)]
        top = max([run.kernels[-1] for run, _ in tied])
        k = _kernel_at(min([_place(run.first(late), top, late) for run, _ in tied]), top, late)
        return _by_shift([((run, k, pairs),) for run, pairs in tied if k in run])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.size))]
        start, picks = self._block
        if start <= index < start + len(picks):
            return picks[index - start]
        if not 0 <= index < self.size:
            raise IndexError(index)
        if index == 0 and self._levels is None and self._one_each:
            start, picks = 0, self._first_block()
        else:
            levels = self._made()
            place = next(i for i in reversed(range(len(levels))) if self._starts[i] <= index)
            offset, picks = levels[place].block(index - self._starts[place])
            start = self._starts[place] + offset
        self._block = (start, picks)
        return picks[index - start]

    def __iter__(self) -> Iterator[Pick]:
        for level in self._made():
            yield from level


def _tiers(found: Found) -> dict[Any, _Tier]:
    """The runs of one group by marks, modes and stride."""
    tiers: dict[Any, _Tier] = {}
    for part in found.parts:
        rank = ratio_rank(part, part.pairs)
        for run in part.runs:
            key = (run.flags, run.modes, run.allowed, rank, run.s, run.d > 1, run.wider)
            if key not in tiers:
                tiers[key] = _Tier([], found.pairs)
            tiers[key].add([run])
    return tiers


def _mixes(groups: list[dict[Any, _Tier]]) -> Iterator[tuple[Any, tuple[_Tier, ...]]]:
    """Every mix of tiers that one layer can have, with its key in the order."""
    for keys in product(*groups):
        tiers = tuple([group[key] for group, key in zip(groups, keys, strict=True)])
        modes, allowed = one_layer([tier.runs[0] for tier in tiers])
        if allowed:
            flags = 0
            for key in keys:
                flags |= key[0]
            flags = flags & ~NOT_BOTH if in_both(modes) else flags | NOT_BOTH
            yield (flags, tuple([key[3] for key in keys]), _pools(tiers[0].runs[0])), tiers


def one_layer(runs: list[Run]) -> tuple[int, int]:
    """The modes in which one layer writes all axes, and those that the question admits."""
    modes = allowed = wider = -1
    for run in runs:
        modes &= run.modes
        allowed &= run.allowed
        wider &= run.wider or run.allowed
    if any(run.s > 1 for run in runs) and any(run.d > 1 for run in runs):
        # Some frameworks refuse a stride on one axis with a dilation on another.
        for name, dialect in DIALECTS.items():
            if not dialect.stride_with_dilation and runs[0].op in _CONVOLUTIONS:
                modes &= ~BITS[name]
                allowed &= ~BITS[name]
                wider &= ~BITS[name]
    if any(run.factor != runs[0].factor for run in runs) and runs[0].op == "pixel_shuffle":
        return 0, 0  # it has one factor for all axes
    if wider and any(run.wider for run in runs):
        return modes, 0  # listed with more inputs already
    return modes, allowed


_CONVOLUTIONS = ("conv_transpose", "conv", "resize_conv")
