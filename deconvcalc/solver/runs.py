"""All answers of one axis, in closed form, as runs along the kernel.

With v = ke - before - after and skew = before - after, a transposed window from n to m has
v = m - (n - 1)*s, and a window v = n - (m - 1)*s - rest with 0 <= rest < s. So for a stride, a
dilation, a v and a skew the kernel is free, but for a congruence and bounds, and the padding
follows: before = (ke - v + skew)/2. Such a run costs the same for a thousand kernels as for one,
whatever the sizes. Its marks (holes, overlap, modes ...) change at a few kernels, where it is cut.
"""

from __future__ import annotations

from itertools import chain, islice
from math import gcd
from typing import TYPE_CHECKING

from deconvcalc import placement
from deconvcalc.errors import QueryError
from deconvcalc.formulas import Window, effective_kernel
from deconvcalc.solver.choices import clip, count_to, meet, solve_congruence
from deconvcalc.solver.modes import BITS, admitted, dilated_in_both, in_both, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deconvcalc.layers import Same
    from deconvcalc.sizemap import Progression
    from deconvcalc.solver.query import Space

__all__ = [
    "Found",
    "Pair",
    "Part",
    "Run",
    "find_parts",
    "find_runs",
    "flags_of",
    "misaligned",
    "ratio_rank",
    "shift",
]

Pair = tuple[int, int]
"""Source and target size of one axis."""

Line = tuple[int, int, int, int, int]
"""(s, d, v, skew, factor)"""

Kernels = tuple[int, list[range]]
"""How many kernels, and which."""

MOST_LINES = 50_000
"""How many runs, strides and values of v a question may spread over."""

MOST_KEPT = 10_000
"""How many parts are kept with a space."""

MOST_SINGLES = 20_000
"""How many kernels of one run are looked at one by one, where no rule settles their marks."""

HOLES, MISALIGNED, ASYMMETRIC, CHECKERBOARD, APART, NOT_BOTH, DILATED = 64, 32, 16, 8, 4, 2, 1
"""Marks, in the order of their weight. A mark counts against an answer."""

ALL_MARKS = 127

First = tuple[tuple[int, tuple[bool, int], bool], list["Run"]]
"""Where the first answers of a part stand, and their runs."""


class Run:
    """Answers that differ in their kernel alone, or in nothing.

    Attributes:
        op: the operation.
        line: s, d, v, skew and factor.
        s: the stride; d: the dilation; factor: the upsampling before it.
        v: ke - before - after; skew: before - after.
        kernels: the kernels; those in `minus` are left out (a multiple of the stride has no
            checkerboard, and stands in a run of its own).
        flags: the marks that hold for all of them.
        modes: the mask of modes that write them; allowed: of those that the question admits.
        pairs, sources: where the source is unknown, the (source, target) sizes to judge it by,
            and the inputs that give the target, one progression an axis.
        wider: the modes that write the same window for more inputs, in a run of its own; or 0.
        rule: for a target in n, the padding rule that depends on n, or None.
        worst: its shift where it is not that of the line, as a fraction.
    """

    __slots__ = (
        "allowed",
        "ceil_mode",
        "d",
        "factor",
        "flags",
        "kernels",
        "line",
        "minus",
        "modes",
        "op",
        "pairs",
        "rule",
        "s",
        "skew",
        "sources",
        "v",
        "wider",
        "worst",
    )
    rule: Same | None
    worst: tuple[int, int] | None

    def __init__(
        self,
        space: Space,
        line: Line,
        kernels: range,
        marks: tuple[int, int, int],
        minus: range = range(0),
        pairs: tuple[Pair, ...] | None = None,
        sources: tuple[Progression, ...] = (),
    ) -> None:
        self.op = space.op
        self.ceil_mode = space.ceil_mode
        self.line = line
        self.s, self.d, self.v, self.skew, self.factor = line
        self.kernels, self.minus = kernels, minus
        self.flags, self.modes, self.allowed = marks
        if not in_both(self.modes):
            self.flags |= NOT_BOTH
        self.pairs, self.sources = pairs, sources
        self.wider = 0
        self.rule = self.worst = None

    def __len__(self) -> int:
        return len(self.kernels) - len(self.minus)

    def __contains__(self, k: int) -> bool:
        return k in self.kernels and k not in self.minus

    def first(self, late: int) -> int:
        """Its kernel that comes first: the least from `late` upwards, else the largest."""
        upwards = clip(self.kernels, late, self.kernels[-1])
        found = (k for k in chain(upwards, reversed(self.kernels)) if k not in self.minus)
        return next(found)

    def up_to(self, k: int) -> int:
        """How many kernels are at most k."""
        return count_to(self.kernels, k) - count_to(self.minus, k)

    def sides(self, k: int) -> tuple[int, int]:
        """`before` and `after` for one of its kernels."""
        return _padding(self.line, k)


class Part:
    """The runs of one stride, v and factor.

    They lie on lines, one for each dilation and skew. In a settled space the answers on a line are
    counted without them, and they are made when they are looked at.

    Args:
        space, wide, strand: whose lines they are, the sizes at the window, and (s, v, factor).
        pairs: the sizes to judge them by.
        total: how many answers there are.
        tried: how many lines there are.
        runs: all of them, if they are made.

    Attributes:
        least: marks that all of them have.
    """

    __slots__ = (
        "_first",
        "_lines",
        "_made",
        "_runs",
        "factor",
        "least",
        "op",
        "pairs",
        "s",
        "space",
        "total",
        "tried",
        "v",
        "wide",
    )

    def __init__(
        self,
        space: Space,
        wide: tuple[Pair, ...],
        strand: tuple[int, int, int],
        pairs: tuple[Pair, ...],
        total: int,
        tried: int = 1,
        runs: list[Run] | None = None,
    ) -> None:
        self.space, self.wide, self.op = space, wide, space.op
        self.s, self.v, self.factor = strand
        self.total, self.tried, self.pairs = total, tried, pairs
        self.least = 0
        if space.transposed:  # without a skew there is no less shift
            self.least = misaligned(self.op, pairs, (self.s, 1, self.v, 0, 1))
        self._runs = runs
        self._lines = space.lines
        self._made: dict[tuple[int, int], list[Run]] = {}
        self._first: First | None = None

    @classmethod
    def of(cls, space: Space, run: Run, pairs: tuple[Pair, ...]) -> Part:
        """A single run."""
        return cls(space, (), (run.s, run.v, run.factor), pairs, len(run), runs=[run])

    @property
    def runs(self) -> list[Run]:
        """All runs."""
        if self._runs is None:
            space = self.space
            lines = [(d, x) for d in space.dilation for x in _skews(space, self.s, d, self.v)]
            self._runs = [run for d, skew in lines for run in self.line(d, skew)]
        return self._runs

    def line(self, d: int, skew: int) -> list[Run]:
        """The runs on one line."""
        runs = self._made.get((d, skew))
        if runs is None:
            known = self._lines[d].get(self.v - skew)
            if known is not None and not known[0]:
                return []
            line = (self.s, d, self.v, skew, self.factor)
            runs = self._made[d, skew] = _runs_on(self.space, self.wide, line)
        return runs

    def first(self) -> First:
        """Where its first answers stand among all, and the runs that have them."""
        if self._first is None:
            runs = self._candidates() if self._runs is None else self._runs
            least = min([run.flags for run in runs])
            key = (least, ratio_rank(self, self.pairs), self.op in POOLS)
            self._first = key, [run for run in runs if run.flags == least]
        return self._first

    def _candidates(self) -> list[Run]:
        """The runs on the lines that may have the least marks: those without a skew come first."""
        space = self.space
        best, found = ALL_MARKS, list[Run]()
        spread = space.transposed and any(n > 1 < m for n, m in self.wide)
        order = _by_marks(space, self.s, spread)
        for marks, d in order:
            if marks | self.least > best:
                break
            for run in self.line(d, 0):
                best = min(best, run.flags)
                found.append(run)
        for marks, d in order:
            if marks | self.least | ASYMMETRIC > best:
                break
            for skew in _skews(space, self.s, d, self.v):
                for run in self.line(d, skew) if skew else ():
                    best = min(best, run.flags)
                    found.append(run)
        return found


class Found:
    """The runs of the axes that share their parameters, and the sizes that they were found for."""

    __slots__ = ("pairs", "parts", "total")

    def __init__(self, pairs: tuple[Pair, ...], parts: list[Part]) -> None:
        self.pairs = pairs
        self.parts = parts
        self.total = sum([part.total for part in parts])

    def __iter__(self) -> Iterator[Run]:
        for part in self.parts:
            yield from part.runs


POOLS = ("max_pool", "avg_pool")
_ENLARGING = ("conv_transpose", "resize_conv", "pixel_shuffle")


def _idle(op: str, n: int, m: int) -> bool:
    """Whether the stride does nothing: one input is spread, or one window is taken."""
    return n == 1 if op in _ENLARGING else m == 1


def shift(run: Run, pairs: tuple[Pair, ...]) -> tuple[int, int]:
    """The largest shift over the sizes, as a fraction."""
    if run.worst is not None:
        return run.worst
    best = (0, 1)
    for pair in run.pairs or pairs:
        num, unit = _shift(run.op, pair, run.line)
        if num * best[1] > best[0] * unit:
            best = (num, unit)
    return best


def _shift(op: str, pair: Pair, line: Line) -> tuple[int, int]:
    s, _, v, skew, factor = line
    n, m = pair
    if op == "conv_transpose":
        base, weight, unit = placement.spread_shift(n, m, s)
        return base + weight * abs(skew), unit
    if op == "pixel_shuffle":
        return 0, 1
    wide = n * factor
    base, weight, unit = placement.window_shift(wide, m, s, factor)
    return base + weight * abs(skew - v + wide - (m - 1) * s), unit


def misaligned(op: str, pairs: tuple[Pair, ...], line: Line) -> int:
    """`MISALIGNED` where the shift is above half a pixel for some of the sizes, else 0."""
    for pair in pairs:
        if pair[0] > 1 or op not in _ENLARGING:
            num, unit = _shift(op, pair, line)
            if 2 * num > unit:
                return MISALIGNED
    return 0


def ratio_rank(run: Run | Part, pairs: tuple[Pair, ...]) -> tuple[bool, int]:
    """Where its stride stands: the smallest that is at least the ratio, then the others down."""
    enlarging = run.op in _ENLARGING
    step = run.s if run.op not in ("resize_conv", "pixel_shuffle") else run.factor
    below = False
    for n, m in pairs:
        if not _idle(run.op, n, m):
            below = below or (step * n < m if enlarging else step * m < n)
    return (below, -step if below else step)


def flags_of(op: str, pairs: tuple[Pair, ...], line: Line, k: int) -> int:
    """The marks of one window but for `MISALIGNED`, all of them decided at this point."""
    s, d, v, skew, factor = line
    flags = (ASYMMETRIC if skew else 0) | (DILATED if d > 1 else 0)
    ke = effective_kernel(k, d)
    before = (ke - v + skew) // 2
    if op == "pixel_shuffle":
        return APART if factor > 1 and any(n > 1 for n, _ in pairs) else 0
    for n, m in pairs:
        if (ke < s if op in POOLS else ke <= s) and not _idle(op, n, m):
            flags |= APART
        if op == "conv_transpose":
            if placement.hole(n, m, k, s, d, before):
                flags |= HOLES
            if n > 1 and (k % s or gcd(s, d) > 1):
                flags |= CHECKERBOARD
        elif placement.blind(n * factor, m, k, s, d, before):
            flags |= HOLES
    return flags


def find_runs(space: Space, pairs: tuple[Pair, ...]) -> Found:
    """All answers of a space for axes that share their parameters, as runs.

    Parts of one pair of sizes are kept with the space: they depend on the stride, on v and on what
    a window drops, not on the sizes themselves, once these are not small.

    Raises:
        QueryError: more strides, dilations and output paddings than can be gone through.
    """
    if not space.modes:
        return Found(pairs, [])
    if space.op == "pixel_shuffle":
        return Found(pairs, _shuffles(space, pairs))
    parts: list[Part] = []
    strands = list(islice(_strands(space, pairs), MOST_LINES + 1))
    if len(strands) > MOST_LINES:
        raise _too_wide(space)
    budget = MOST_LINES
    for wide, s, v, factor in strands:
        part = _part(space, wide, s, v, factor)
        budget -= 1 + part.tried
        if budget < 0:
            raise _too_wide(space)
        if part.total:
            parts.append(part)
    return Found(pairs, parts)


def find_parts(space: Space, pair: Pair, step: int) -> list[Part]:
    """The answers of one stride; for a resize and a pixel shuffle, of one factor.

    Raises:
        QueryError: more values of v than can be gone through.
    """
    n, m = pair
    if not space.modes:
        return []
    if space.op == "pixel_shuffle":
        return _shuffles(space, (pair,)) if m == n * step else []
    factor, s = (step, 1) if space.op == "resize_conv" else (1, step)
    wide = ((n * factor, m),)
    parts = []
    budget = MOST_LINES
    for v in (m - (n - 1) * s,) if space.transposed else _left(space, wide, s):
        part = _part(space, wide, s, v, factor)
        budget -= 1 + part.tried
        if budget < 0:
            raise _too_wide(space)
        if part.total:
            parts.append(part)
    return parts


def _strands(
    space: Space, pairs: tuple[Pair, ...]
) -> Iterator[tuple[tuple[Pair, ...], int, int, int]]:
    """The sizes at the window, the stride, v and the factor, wherever there may be answers."""
    for factor in _factors(space, pairs):
        wide = pairs if factor == 1 else tuple([(n * factor, m) for n, m in pairs])
        n, m = wide[0]
        for s in _strides(space, wide):
            if not space.transposed:
                for v in _left(space, wide, s):
                    yield wide, s, v, factor
            elif len(wide) == 1 or len({m - (n - 1) * s for n, m in wide}) == 1:
                yield wide, s, m - (n - 1) * s, factor


def _part(space: Space, wide: tuple[Pair, ...], s: int, v: int, factor: int) -> Part:
    """The runs of one stride and v, from those that are kept if the sizes are not small."""
    n, m = wide[0]
    if n < space.least * factor or m < space.least or m < s or len(wide) > 1:
        return _make_part(space, wide, s, v, factor)
    # What a whole number of strides leaves: from it follows which skews are aligned.
    rest = s - v if space.transposed else m * s - n
    key = (s, v, factor, rest, abs(rest) // m)
    part: Part | None = space.kept.get(key)
    if part is None:
        if len(space.kept) >= MOST_KEPT:
            space.forget()
        part = space.kept[key] = _make_part(space, wide, s, v, factor)
    return part


def _make_part(space: Space, wide: tuple[Pair, ...], s: int, v: int, factor: int) -> Part:
    total = tried = 0
    runs: list[Run] = []
    long = []
    for d in space.dilation:
        known = space.lines.setdefault(d, {})
        if len(known) > MOST_KEPT:
            known.clear()
        for skew in _skews(space, s, d, v):
            tried += 1
            line = known.get(v - skew)
            if line is not None:
                total += line[0]
                continue
            if tried > MOST_LINES:
                raise _too_wide(space)
            if space.settled:
                count, _ = known[v - skew] = _kernels(space, (s, d, v, skew, factor))
                if count > MOST_SINGLES:
                    long.append((d, skew))
            else:
                on_line = _runs_on(space, wide, (s, d, v, skew, factor))
                count = sum([len(run) for run in on_line])
                runs += on_line
            total += count
    pairs = wide if factor == 1 else tuple([(n // factor, m) for n, m in wide])
    made = None if space.settled else runs
    part = Part(space, wide, (s, v, factor), pairs, total, tried, made)
    for d, skew in long:
        part.line(d, skew)  # what would have to be looked at one by one is refused here, not later
    return part


def _by_marks(space: Space, s: int, spread: bool) -> list[tuple[int, int]]:
    """The dilations with the marks that all windows of a stride have, the least first."""
    order: list[tuple[int, int]] | None = space.orders.get((s, spread))
    if order is None:
        order = space.orders[s, spread] = []
        apart = 0 if dilated_in_both(space.op, s) else NOT_BOTH
        for d in space.dilation:
            marks = DILATED | apart if d > 1 else 0
            if spread and gcd(s, d) > 1:
                marks |= HOLES | CHECKERBOARD  # no tap lies between multiples of a common factor
            order.append((marks, d))
        order.sort()
    return order


def _too_wide(space: Space) -> QueryError:
    name = "stride" if len(space.stride) >= len(space.dilation) else "dilation"
    return QueryError(
        f"{name} {getattr(space, name)} leaves more than {MOST_LINES} combinations of stride, "
        "dilation and output_padding",
        rule=name,
        hint=f"Narrow {name}, or fix output_padding.",
    )


def _factors(space: Space, pairs: tuple[Pair, ...]) -> Iterable[int]:
    """The upsampling factors that leave the convolution something to do."""
    if space.op != "resize_conv":
        return (1,)
    # The convolution has v = n*f - m + 1, with 1 - pads <= v <= ke.
    low = max([-(-(m - space.pads) // n) for n, m in pairs])
    high = min([(m + space.widest - 1) // n for n, m in pairs])
    return space.factor.between(max(low, 1), high)


def _strides(space: Space, pairs: tuple[Pair, ...]) -> Iterable[int]:
    """The strides that can answer at all: the others ask for a v that no kernel reaches."""
    low, high = 1, space.stride.last
    widest, pads = space.widest, space.pads
    for n, m in pairs:
        if space.transposed:
            # m = (n - 1)*s + v with v >= 1 - pads, and v <= ke + max(s, d) - 1
            if n > 1:
                high = min(high, (m + pads) // (n - 1))
                low = max(low, -((widest + space.dilation.last - m - 1) // n))
        else:
            # A last window that hangs over the end counts as one more.
            steps = m - 2 if space.ceil_mode else m - 1
            if steps > 0:
                high = min(high, (n + pads) // steps)
            low = max(low, -((widest - n - 1) // m))
    if space.transposed and len(pairs) > 1 and any(n != pairs[0][0] for n, _ in pairs):
        # Two inputs that are spread alike: their outputs lie as far apart as s times the inputs.
        (n, m), (other_n, other_m) = pairs[0], next(p for p in pairs if p[0] != pairs[0][0])
        s, rest = divmod(other_m - m, other_n - n)
        low, high = (max(low, s), min(high, s)) if rest == 0 else (1, 0)
    return space.stride.between(low, high)


def _left(space: Space, pairs: tuple[Pair, ...], s: int) -> Iterable[int]:
    """The values of v that all pairs of a window have in common."""
    # ke = before + after + v leaves this much.
    least, most = 1 - space.pads, space.widest
    low = max([n - m * s + 1 for n, m in pairs])
    high = min([n - (m - 1) * s for n, m in pairs])
    if not space.ceil_mode:
        return range(min(high, most), max(low, least) - 1, -1)
    # A long kernel: one stride more. A short one (ke < s + before): v lies between 0 and s.
    longer = range(max(low + s - 1, least), min(high + s - 1, most) + 1)
    short = range(max(0, least), min(s, most) + 1)
    return chain(longer, (v for v in short if v not in longer))


def _skews(space: Space, s: int, d: int, v: int) -> Iterable[int]:
    """The values of before - after in any mode of the space."""
    if not space.transposed:
        return (0, -1) if space.same else (0,)
    # ke = 2*before + v - skew must lie within reach.
    low, high = v - space.widest, v + space.pads
    top = d if d > s and space.lax else s
    numbers: Iterable[int] = range(max(low, 0), min(top, high))
    # Keras names the skew by the size that it keeps, so every one up to s - 1 may be meant.
    if space.output_padding is not None and len(space.modes) == space.free:
        numbers = space.output_padding.between(max(low, 0), min(top, high) - 1)
    return chain((-1,), numbers) if space.same else numbers


def _runs_on(space: Space, wide: tuple[Pair, ...], line: Line) -> list[Run]:
    """The runs on one line, cut where their marks change."""
    _, d, v, skew, factor = line
    runs: list[Run] = []
    pairs = wide if factor == 1 else tuple([(n // factor, m) for n, m in wide])
    shifted = misaligned(space.op, pairs, line)
    base = v - skew - 1
    known = space.lines[d].get(v - skew) if d in space.lines else None
    parts = (known or _kernels(space, line))[1]
    # The kernel at which before is 0 stands alone: more modes write it than its neighbours.
    flush = base // d + 1 if base >= 0 and base % d == 0 else 0
    if flush in space.kernel_size:
        above = [part[1:] if part[0] == flush else part for part in parts]
        parts = [range(flush, flush + 1), *above]
    if space.fits:
        longest = min([n for n, _ in wide])
        halves = [(clip(part, 1, longest), clip(part, longest + 1, part.stop)) for part in parts]
        parts = [half for both in halves for half in both]
    for part in parts:
        modes, allowed = _masks(space, wide, line, part[0]) if part else (0, 0)
        if allowed:
            cuts = _cuts(space, wide, line, part) if len(part) > 1 else []
            for piece in _cut(part, cuts):
                flags = flags_of(space.op, pairs, line, piece[0]) | shifted
                _add_piece(runs, space, wide, line, piece, (flags, modes, allowed))
    return runs


def _masks(space: Space, wide: tuple[Pair, ...], line: Line, k: int) -> tuple[int, int]:
    """The modes that write a window of the line, and those in which the question admits it."""
    s, d, *_ = line
    before, after = _padding(line, k)
    modes = allowed = -1
    for n, _ in wide:
        mask = written(space, n, k, s, d, before, after)
        modes &= mask
        allowed &= admitted(space, mask, k, d, before, after)
    return modes, allowed


def _kernels(space: Space, line: Line) -> Kernels:
    """The kernels along a line whose `before` is a whole number within the bounds."""
    _, d, v, skew, _ = line
    free = space.free and _free_skew(space, skew)
    same = space.same and skew in (0, -1)
    if not free and not same:
        return 0, []
    found: list[range] = []
    # ke = 2*before + v - skew, so d*(k - 1) = 2*before + base
    base = v - skew - 1
    for pads in space.padding.parts if space.padding is not None else (None,):
        step, first = (1, 0) if pads is None else (pads.step, pads[0])
        solved = solve_congruence(d, base + 2 * first, 2 * step)
        if solved is None:
            continue
        residue, period = solved
        low = -(-(base + 2 * first) // d) + 1
        if pads is None:
            # The default bound, before <= ke - 1. Keras's own rule keeps it too.
            low = max(low, -((base + 2 * space.bounds.margin) // d) + 1)
        for part in space.kernel_size.parts:
            high = part[-1] if pads is None else (base + 2 * pads[-1]) // d + 1
            kernels = meet(clip(part, max(low, 1), high), residue + 1, period)
            # Keras's own rule never pads more than half.
            if space.half and (d > 1 or not same):
                found += _halves(kernels, d, base)
            elif kernels:
                found.append(kernels)
    return sum([len(kernels) for kernels in found]), found


def _free_skew(space: Space, skew: int) -> bool:
    if not space.transposed:
        return skew == 0
    extra = space.output_padding
    return skew >= 0 and (extra is None or skew in extra)


def _halves(kernels: range, d: int, base: int) -> list[range]:
    """The kernels whose padding is at most half of them, apart by their parity."""
    found = []
    for parity in (0, 1):
        part = meet(kernels, parity, 2)
        # From 2*before = d*(k - 1) - base, which is to be at most k - parity.
        if d > 1:
            part = clip(part, 1, (base + d - parity) // (d - 1))
        if part and (d > 1 or base + 1 >= parity):
            found.append(part)
    return found


def _cut(kernels: range, cuts: list[int] | None) -> Iterator[range]:
    """Pieces of a range that end before each cut; None cuts everywhere."""
    if cuts is None:
        if len(kernels) > MOST_SINGLES:
            raise QueryError(
                f"{len(kernels)} kernels would have to be looked at one by one",
                rule="kernel_size",
                hint=f"With these small sizes and a dilation, give at most {MOST_SINGLES} kernels.",
            )
        for k in kernels:
            yield range(k, k + 1)
        return
    first, last = kernels[0], kernels[-1]
    for cut in sorted({cut for cut in cuts if first < cut <= last}):
        below = count_to(kernels, cut - 1)
        if below:
            yield kernels[:below]
            kernels = kernels[below:]
    yield kernels


def _cuts(space: Space, wide: tuple[Pair, ...], line: Line, kernels: range) -> list[int] | None:
    """The kernels at which a mark of the line may change; None where any kernel may."""
    s, d, v, skew, _ = line

    def at(ke: int) -> int:
        """The least kernel that spans at least ke."""
        return -(-(ke - 1) // d) + 1

    cuts = [at(s), at(s + 1)]
    if space.ceil_mode:
        # Below, the last window starts in the padding or the input, and the size follows before.
        cuts += range(kernels[0], min(at(2 * s - v), kernels[-1]) + 1)
    for n, m in wide:
        if not space.transposed:
            # The first window reaches the input, and the last one starts on it.
            cuts += [at(skew - v + 2), at(v - skew + 2 * ((m - 1) * s - n + 1))]
            if d > 1 and n < d:
                return None
            continue
        cuts.append(at(v + skew))  # from here on nothing is extended beyond F
        if d == 1 or n == 1 or s == 1:
            step = d if n == 1 or s == 1 else s
            wider = n if s == 1 and n > 1 else 1
            if d > 1 and step > wider and m <= max(wider, 1) and len(kernels) > 1:
                return None
            if d == 1 and n > 1:
                cuts.append(s)
                cuts += range(m, min(s, m + MOST_SINGLES)) if m < s else []
        elif m < max(s, d):
            return None
        elif gcd(s, d) == 1 and n >= d:
            largest = s * d - s - d
            cuts += [s, at(2 * largest + 2 + v - skew), at(2 * largest + 2 + v + skew)]
    return cuts


def _add_piece(
    runs: list[Run],
    space: Space,
    wide: tuple[Pair, ...],
    line: Line,
    kernels: range,
    marks: tuple[int, int, int],
) -> None:
    """Add the runs of a piece whose marks are the same throughout, but for the checkerboard."""
    s, d, *_ = line
    k = kernels[0]
    flags, modes, allowed = marks
    if space.ceil_mode:
        window = Window(effective_kernel(k, d), s, *_padding(line, k), True)
        if any(window.size(n) != m for n, m in wide):
            return
    if space.op == "avg_pool" and _padding(line, k) != (0, 0):
        # PyTorch counts the padding in its mean, Keras does not: one size, and two layers.
        runs += [
            Run(space, line, kernels, (flags, modes & bits, allowed & bits))
            for bits in BITS.values()
            if allowed & bits
        ]
    elif not space.transposed or (wide[0][0] == 1 and all(n == 1 for n, _ in wide)):
        runs.append(Run(space, line, kernels, marks))
    else:
        even = meet(kernels, 0, s) if gcd(s, d) == 1 else range(0)
        if even:
            runs.append(Run(space, line, even, (flags & ~CHECKERBOARD, modes, allowed)))
        if len(even) < len(kernels):
            uneven = (flags | CHECKERBOARD, modes, allowed)
            runs.append(Run(space, line, kernels, uneven, minus=even))


def _padding(line: Line, k: int) -> tuple[int, int]:
    _, d, v, skew, _ = line
    rest = effective_kernel(k, d) - v
    return (rest + skew) // 2, (rest - skew) // 2


def _shuffles(space: Space, pairs: tuple[Pair, ...]) -> list[Part]:
    """The one factor that multiplies every source to its target."""
    factors = {m // n if m % n == 0 else 0 for n, m in pairs}
    factor = factors.pop()
    if factors or factor not in space.factor:
        return []
    mask = sum({mode.bit for mode in space.modes})
    line = (1, 1, 1, 0, factor)
    marks = (flags_of(space.op, pairs, line, 1), mask, mask)
    return [Part.of(space, Run(space, line, range(1, 2), marks), pairs)]
