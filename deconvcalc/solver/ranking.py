"""The order of answers, and the sequence that finds any of them without making the others.

Answers are compared by their marks, then by their strides, then by their kernels, axis after axis,
then by shift. Marks and strides are the same along a run, so runs fall into levels; within a level
the kernels count upwards, and the answers at one choice of kernels are few enough to sort. Axes
with parameters of their own mix in far too many ways to list the levels: those are counted, and
made where they are looked at.
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

    __slots__ = ("flags", "late", "mixes", "top", "total")

    def __init__(self, mixes: list[tuple[_Tier, ...]], flags: int) -> None:
        self.mixes = mixes
        self.flags = flags
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


_Sum = tuple[int, int, int, int, bool, bool, bool, int]
"""What decides whether axes make one layer, and how it ranks: marks but for `NOT_BOTH`, modes,
those allowed, those allowed with more inputs, whether some axis has the latter, a stride, a
dilation, and the factor of a pixel shuffle."""

_NOTHING: _Sum = (0, -1, -1, -1, False, False, False, 0)
"""The sum of no axes."""


def _sum_of(run: Run) -> _Sum:
    shuffle, mixes = run.op == "pixel_shuffle", run.op in _CONVOLUTIONS
    return (
        run.flags & ~NOT_BOTH,
        run.modes,
        run.allowed,
        run.wider or run.allowed,
        run.wider != 0,
        mixes and run.s > 1,
        mixes and run.d > 1,
        run.factor if shuffle else 0,
    )


def _plus(one: _Sum, other: _Sum) -> _Sum:
    flags, modes, allowed, wider, listed, strided, dilated, factor = one
    flags2, modes2, allowed2, wider2, listed2, strided2, dilated2, factor2 = other
    if factor != factor2 and factor and factor2:  # a pixel shuffle has one factor for all axes
        modes = allowed = wider = 0
    return (
        flags | flags2,
        modes & modes2,
        allowed & allowed2,
        wider & wider2,
        listed or listed2,
        strided or strided2,
        dilated or dilated2,
        factor or factor2,
    )


def _modes_of(whole: _Sum) -> tuple[int, int]:
    """The modes in which one layer writes all axes, and those that the question admits."""
    _, modes, allowed, wider, listed, strided, dilated, _ = whole
    if strided and dilated:
        modes, allowed, wider = modes & _MIXING, allowed & _MIXING, wider & _MIXING
    if wider and listed:
        return modes, 0  # listed with more inputs already
    return modes, allowed


def one_layer(runs: list[Run]) -> tuple[int, int]:
    """The modes in which one layer writes all axes, and those that the question admits."""
    whole = _sum_of(runs[0])
    for run in runs[1:]:
        whole = _plus(whole, _sum_of(run))
    return _modes_of(whole)


def _marks_of(whole: _Sum) -> int:
    """The marks of the layers with this sum, or -1 where it is none that the question admits."""
    modes, allowed = _modes_of(whole)
    if not allowed:
        return -1
    return whole[0] if in_both(modes) else whole[0] | NOT_BOTH


_CONVOLUTIONS = ("conv_transpose", "conv", "resize_conv")

_MIXING = ~sum([BITS[name] for name, owner in DIALECTS.items() if not owner.stride_with_dilation])
"""The modes that take a stride on one axis with a dilation on another."""


class _Mixes:
    """The answers of one operation, as mixes of tiers, one of each group of axes.

    There may be far too many mixes to look at each: they are counted by their sums, of which there
    are few.

    Attributes:
        groups: for each group of axes its tiers, by rank and sum.
        rest: for each group how many ways the groups behind it have to a sum.
    """

    __slots__ = ("_ways", "groups", "pools", "rest")

    def __init__(self, found: list[Found]) -> None:
        self.groups = [_tiers(one) for one in found]
        self.pools = _pools(found[0].parts[0])
        self.rest: list[dict[_Sum, int]] = [{_NOTHING: 1}]
        for ranks in reversed(self.groups[1:]):
            self.rest.insert(0, _all_sums(ranks, self.rest[0]))
        self._ways: dict[tuple[int, int, _Sum], int] = {}

    def by_marks(self) -> dict[int, int]:
        """How many answers there are with which marks."""
        totals: dict[int, int] = {}
        for whole, count in _all_sums(self.groups[0], self.rest[0]).items():
            flags = _marks_of(whole)
            if flags >= 0:
                totals[flags] = totals.get(flags, 0) + count
        return totals

    def ways(self, flags: int, group: int, known: _Sum) -> int:
        """In how many ways the groups behind one complete a sum to layers with these marks."""
        key = (flags, group, known)
        if key not in self._ways:
            self._ways[key] = sum(
                [
                    count
                    for behind, count in self.rest[group].items()
                    if not behind[0] & ~flags and _marks_of(_plus(known, behind)) == flags
                ]
            )
        return self._ways[key]

    def by_rank(self, flags: int, ranks: tuple[Any, ...]) -> dict[Any, int]:
        """How many answers with these marks, and ranks of the first groups, the next ranks have."""
        group = len(ranks)
        before = self._before(flags, ranks)
        totals = {}
        for rank, tiers in self.groups[group].items():
            found = _added(before, {own: tier.total for own, tier in tiers.items()}, flags)
            total = sum([count * self.ways(flags, group, known) for known, count in found.items()])
            if total:
                totals[rank] = total
        return totals

    def _before(self, flags: int, ranks: tuple[Any, ...]) -> dict[_Sum, int]:
        """The sums of the first groups, with these ranks."""
        sums = {_NOTHING: 1}
        for tiers_by_rank, rank in zip(self.groups, ranks, strict=False):
            tiers = tiers_by_rank.get(rank, {})
            sums = _added(sums, {own: tier.total for own, tier in tiers.items()}, flags)
        return sums

    def at(self, flags: int, ranks: tuple[Any, ...]) -> list[tuple[_Tier, ...]]:
        """The mixes with these marks and ranks."""
        mixes: list[tuple[_Sum, tuple[_Tier, ...]]] = [(_NOTHING, ())]
        for tiers_by_rank, rank in zip(self.groups, ranks, strict=True):
            tiers = tiers_by_rank.get(rank, {})
            longer = [
                (_plus(known, own), (*mix, tier))
                for known, mix in mixes
                for own, tier in tiers.items()
            ]
            mixes = [(whole, mix) for whole, mix in longer if whole[2] and not whole[0] & ~flags]
        return [mix for whole, mix in mixes if _marks_of(whole) == flags]


def _all_sums(ranks: dict[Any, dict[_Sum, _Tier]], rest: dict[_Sum, int]) -> dict[_Sum, int]:
    """How many ways a group and those behind it have to a sum."""
    own: dict[_Sum, int] = {}
    for tiers in ranks.values():
        for key, tier in tiers.items():
            own[key] = own.get(key, 0) + tier.total
    return _added(own, rest, -1)


def _added(ones: dict[_Sum, int], others: dict[_Sum, int], flags: int) -> dict[_Sum, int]:
    """How many ways there are to each sum of both; without those that have other marks."""
    sums: dict[_Sum, int] = {}
    for one, count in ones.items():
        for other, times in others.items():
            whole = _plus(one, other)
            if whole[2] and not whole[0] & ~flags:
                sums[whole] = sums.get(whole, 0) + count * times
    return sums


def _tiers(found: Found) -> dict[Any, dict[_Sum, _Tier]]:
    """The runs of one group by the rank of their stride, and by what mixes are made by."""
    tiers: dict[Any, dict[_Sum, _Tier]] = {}
    for part in found.parts:
        same_rank = tiers.setdefault(ratio_rank(part, part.pairs), {})
        for run in part.runs:
            key = _sum_of(run)
            if key not in same_rank:
                same_rank[key] = _Tier([], found.pairs)
            same_rank[key].add([run])
    return tiers


class Ranked(Sequence[Pick]):
    """All answers, best first, as a sequence that makes only what is looked at.

    Args:
        groups: for each operation, the runs of each group of axes.
    """

    def __init__(self, groups: dict[str, list[Found]]) -> None:
        self._by_op = groups
        self._groups = [found for found in groups.values() if all(one.total for one in found)]
        self._one_each = not self._groups or len(self._groups[0]) == 1
        self._made: list[_Mixes] | None = None
        self._listed: list[_Level] | None = None
        self._totals: dict[tuple[int, ...], dict[Any, int]] = {}
        self._level: tuple[Any, list[_Level]] = (None, [])
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
                self._size = sum(self._by_next(()).values())
        return self._size

    @property
    def _mixes(self) -> list[_Mixes]:
        """The mixes of each operation."""
        if self._made is None:
            self._made = [_Mixes(found) for found in self._groups]
        return self._made

    @property
    def _all_levels(self) -> list[_Level]:
        """All levels, best first; for one group of axes, which has few."""
        if self._listed is None:
            runs: dict[Any, list[Run]] = {}
            for (found,) in self._groups:
                for part in found.parts:
                    rank, pools = ratio_rank(part, part.pairs), _pools(part)
                    for run in part.runs:
                        runs.setdefault((run.flags, rank, pools), []).append(run)
            sizes = self._groups[0][0].pairs if self._groups else ()
            self._listed = [_Level([(_Tier(runs[key], sizes),)], key[0]) for key in sorted(runs)]
        return self._listed

    def _by_next(self, key: tuple[Any, ...]) -> dict[Any, int]:
        """How many answers have these marks and ranks, by what comes next; the best first.

        The marks come first, then the rank of the stride on one group of axes after the other.
        """
        if key not in self._totals:
            totals: dict[Any, int] = {}
            for mixes in self._mixes:
                found = mixes.by_rank(key[0], key[1:]) if key else mixes.by_marks()
                for step, count in found.items():
                    totals[step] = totals.get(step, 0) + count
            self._totals[key] = {step: totals[step] for step in sorted(totals)}
        return self._totals[key]

    def _levels(self, key: tuple[Any, ...]) -> list[_Level]:
        """The levels of these marks and ranks: pools come last."""
        if self._level[0] != key:
            levels = []
            for pools in (False, True):
                of_kind = [mixes for mixes in self._mixes if mixes.pools is pools]
                found = [mix for mixes in of_kind for mix in mixes.at(key[0], key[1:])]
                if found:
                    levels.append(_Level(found, key[0]))
            self._level = (key, levels)
        return self._level[1]

    def _keys(self, key: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """The marks and ranks that answers have, the best first."""
        if len(key) > len(self._groups[0]):
            yield key
            return
        for step in self._by_next(key):
            yield from self._keys((*key, step))

    def _block_of(self, index: int) -> tuple[int, list[Pick]]:
        """The answers next to one, and the index of their first."""
        key: tuple[Any, ...] = ()
        start = 0
        while not self._one_each and len(key) <= len(self._groups[0]):
            for step, count in self._by_next(key).items():
                if index < start + count:
                    key = (*key, step)
                    break
                start += count
        for level in self._all_levels if self._one_each else self._levels(key):
            if index < start + level.total:
                break
            start += level.total
        offset, picks = level.block(index - start)
        return start + offset, picks

    def first_without(self, flags: int) -> int | None:
        """The index of the first answer that has none of these marks, or None."""
        if self._one_each:
            totals = [(level.flags, level.total) for level in self._all_levels]
        else:
            totals = list(self._by_next(()).items())
        start = 0
        for marks, count in totals:
            if not marks & flags:
                return start
            start += count
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
        if index == 0 and self._listed is None and self._one_each:
            self._block = (0, self._first_block())
        else:
            self._block = self._block_of(index)
        start, picks = self._block
        return picks[index - start]

    def __iter__(self) -> Iterator[Pick]:
        if self._one_each:
            for level in self._all_levels:
                yield from level
            return
        for key in self._keys(()):
            for level in self._levels(key):
                yield from level
