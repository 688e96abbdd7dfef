"""All answers of one axis, in closed form, as runs along the kernel.

With v = ke - before - after and skew = before - after, a transposed window from n to m has
v = m - (n - 1)*s, and a window v = n - (m - 1)*s - rest with 0 <= rest < s. So for a stride, a
dilation, a v and a skew the kernel is free, but for a congruence and bounds, and the padding
follows: before = (ke - v + skew)/2. Such a run costs the same for a thousand kernels as for one,
whatever the sizes. Its marks (holes, overlap, modes ...) change at a few kernels, where it is cut.
"""

from __future__ import annotations

from itertools import chain
from math import gcd
from typing import TYPE_CHECKING

from deconvcalc import placement
from deconvcalc.errors import QueryError
from deconvcalc.formulas import Window, effective_kernel
from deconvcalc.solver.choices import clip, count_to, meet, solve_congruence
from deconvcalc.solver.modes import BITS, admitted, in_both, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from deconvcalc.sizemap import Progression
    from deconvcalc.solver.query import Space

__all__ = [
    "Found",
    "Pair",
    "Part",
    "Run",
    "aligned_skews",
    "exists",
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

Segment = tuple[Line, range]
"""Kernels along a line that the same modes write."""

MOST_LINES = 50_000
"""How many runs, strides and values of v a question may spread over."""

MOST_TRIES = 2_000
"""How many lines are tried for a first answer."""

MOST_KEPT = 10_000
"""How many parts are kept with a space."""

MOST_SINGLES = 20_000
"""How many kernels of one run are looked at one by one, where no rule settles their marks."""

HOLES, MISALIGNED, ASYMMETRIC, CHECKERBOARD, APART, NOT_BOTH, DILATED = 64, 32, 16, 8, 4, 2, 1
"""Marks, in the order of their weight. A mark counts against an answer."""


class Run:
    """Answers that differ in their kernel alone, or in nothing.

    Attributes:
        op: the operation.
        s: the stride; d: the dilation; factor: the upsampling before it.
        v: ke - before - after; skew: before - after.
        kernels: the kernels; those in `minus` are left out (a multiple of the stride has no
            checkerboard, and stands in a run of its own).
        flags: the marks that hold for all of them; not `MISALIGNED`, which depends on the sizes
            where the run does not.
        modes: the mask of modes that write them; allowed: of those that the question admits.
        pairs, sources: where the source is unknown, the (source, target) sizes to judge it by,
            and the inputs that give the target, one progression an axis.
        wider: the modes that write the same window for more inputs, in a run of its own; or 0.
    """

    __slots__ = (
        "allowed",
        "ceil_mode",
        "d",
        "factor",
        "flags",
        "kernels",
        "minus",
        "modes",
        "op",
        "pairs",
        "s",
        "skew",
        "sources",
        "v",
        "wider",
    )

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
        self.s, self.d, self.v, self.skew, self.factor = line
        self.kernels, self.minus = kernels, minus
        self.flags, self.modes, self.allowed = marks
        if not in_both(self.modes):
            self.flags |= NOT_BOTH
        self.pairs, self.sources = pairs, sources
        self.wider = 0

    def __len__(self) -> int:
        return len(self.kernels) - len(self.minus)

    def __contains__(self, k: int) -> bool:
        return k in self.kernels and k not in self.minus

    def first_from(self, k: int) -> int | None:
        """The least of its kernels that is at least k."""
        return next(
            (
                kernel
                for kernel in clip(self.kernels, k, self.kernels[-1])
                if kernel not in self.minus
            ),
            None,
        )

    def up_to(self, k: int) -> int:
        """How many kernels are at most k."""
        return count_to(self.kernels, k) - count_to(self.minus, k)

    def sides(self, k: int) -> tuple[int, int]:
        """`before` and `after` for one of its kernels."""
        return _padding((self.s, self.d, self.v, self.skew, self.factor), k)


class Part:
    """The answers of one stride, v and factor: counted at once, made into runs when looked at.

    Args:
        op: the operation.
        line: s, v and factor.
        total: how many answers.
        make: makes the runs on the lines that a test lets through.
        pairs: the sizes to judge all of its runs by, where they are its own.

    Attributes:
        lines: how many lines were looked at.
    """

    __slots__ = ("_made", "_make", "factor", "lines", "op", "pairs", "s", "total", "v")

    def __init__(
        self,
        op: str,
        line: tuple[int, int, int],
        total: int,
        make: Callable[[Callable[[int, int], bool]], list[Run]],
        pairs: tuple[Pair, ...] | None = None,
    ) -> None:
        self.op = op
        self.s, self.v, self.factor = line
        self.total = total
        self.lines = 1
        self.pairs = pairs
        self._make = make
        self._made: dict[str, list[Run]] = {}

    @classmethod
    def of(cls, op: str, line: tuple[int, int, int], runs: list[Run]) -> Part:
        """A part whose runs are made already."""

        def make(wanted: Callable[[int, int], bool]) -> list[Run]:
            return [run for run in runs if wanted(run.d, run.skew)]

        pairs = runs[0].pairs if runs else None
        return cls(op, line, sum([len(run) for run in runs]), make, pairs)

    def runs(self, kind: str = "all") -> list[Run]:
        """The runs of a kind, those with the lighter marks first: see `KINDS`."""
        runs = self._made.get(kind)
        if runs is None:
            runs = self._made[kind] = sorted(self._make(KINDS[kind]), key=_flags)
        return runs


KINDS: dict[str, Callable[[int, int], bool]] = {
    "undilated": lambda d, skew: not skew and d == 1,
    "symmetric": lambda _d, skew: not skew,
    "all": lambda _d, _skew: True,
}
"""Which lines, by dilation and skew, are made into runs."""


def _flags(run: Run) -> int:
    return run.flags


class Found:
    """The runs of the axes that share their parameters, and the sizes that they were found for."""

    __slots__ = ("pairs", "parts", "total")

    def __init__(self, pairs: tuple[Pair, ...], parts: list[Part]) -> None:
        self.pairs = pairs
        self.parts = parts
        self.total = sum([part.total for part in parts])

    def __iter__(self) -> Iterator[Run]:
        for part in self.parts:
            yield from part.runs()


POOLS = ("max_pool", "avg_pool")
_ENLARGING = ("conv_transpose", "resize_conv", "pixel_shuffle")


def _idle(op: str, n: int, m: int) -> bool:
    """Whether the stride does nothing: one input is spread, or one window is taken."""
    return n == 1 if op in _ENLARGING else m == 1


def shift(run: Run, pairs: tuple[Pair, ...]) -> tuple[int, int]:
    """The largest shift over the sizes, as a fraction."""
    best = (0, 1)
    for pair in run.pairs or pairs:
        base, weight, centre, unit = _shift(run, pair)
        num = base + weight * abs(run.skew - centre)
        if num * best[1] > best[0] * unit:
            best = (num, unit)
    return best


def _shift(part: Run | Part, pair: Pair) -> tuple[int, int, int, int]:
    """(base, weight, centre, unit): the shift is (base + weight*|skew - centre|) / unit."""
    n, m = pair
    if part.op == "conv_transpose":
        base, weight, unit = placement.spread_shift(n, m, part.s)
        return base, weight, 0, unit
    if part.op == "pixel_shuffle":
        return 0, 0, 0, 1
    wide = n * part.factor
    base, weight, unit = placement.window_shift(wide, m, part.s, part.factor)
    return base, weight, part.v - wide + (m - 1) * part.s, unit


def aligned_skews(part: Run | Part, pairs: tuple[Pair, ...]) -> tuple[int, int]:
    """The least and the greatest skew whose shift is at most half a pixel for all sizes."""
    low, high = -(2**70), 2**70
    for pair in pairs:
        base, weight, centre, unit = _shift(part, pair)
        if weight and not (pair[0] == 1 and part.op in _ENLARGING):
            reach = (unit // 2 - base) // weight
            low, high = max(low, centre - reach), min(high, centre + reach)
    return low, high


def misaligned(run: Run, pairs: tuple[Pair, ...]) -> int:
    """`MISALIGNED` where the shift is above half a pixel for some of the sizes, else 0."""
    low, high = aligned_skews(run, run.pairs or pairs)
    return 0 if low <= run.skew <= high else MISALIGNED


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

    Runs of one pair of sizes are kept with the space: they depend on the stride, on v and on what
    a window drops, not on the sizes themselves, once these are not small.

    Raises:
        QueryError: more strides, dilations and output paddings than can be gone through.
    """
    parts: list[Part] = []
    budget = MOST_LINES
    for part in _parts(space, pairs):
        budget -= 1 + part.lines
        if budget < 0:
            raise _too_wide(space)
        if part.total:
            parts.append(part)
    return Found(pairs, parts)


def exists(space: Space, pairs: tuple[Pair, ...]) -> bool | None:
    """Whether there is any answer; None after `MOST_TRIES` lines without one."""
    if not space.modes:
        return False
    if space.op == "pixel_shuffle":
        return bool(_shuffles(space, pairs))
    tries = 0
    for factor in _factors(space, pairs):
        wide = tuple([(n * factor, m) for n, m in pairs])
        for s in _strides(space, wide):
            for v in _left(space, wide, s):
                for d in space.dilation:
                    for skew in _skews(space, s, d, v):
                        line = (s, d, v, skew, factor)
                        tries += 1
                        for segment in _segments(space, wide, line):
                            if not space.ceil_mode or _cut_segment(space, wide, segment):
                                return True
                        if tries >= MOST_TRIES:
                            return None
                if tries >= MOST_TRIES:
                    return None
    return False


def _parts(space: Space, pairs: tuple[Pair, ...]) -> Iterator[Part]:
    """The parts of a space, one for each factor, stride and v that may have answers."""
    if not space.modes:
        return
    if space.op == "pixel_shuffle":
        yield from _shuffles(space, pairs)
        return
    for factor in _factors(space, pairs):
        wide = pairs if factor == 1 else tuple([(n * factor, m) for n, m in pairs])
        for s in _strides(space, wide):
            for v in _left(space, wide, s):
                yield _part(space, wide, s, v, factor)


def _part(space: Space, wide: tuple[Pair, ...], s: int, v: int, factor: int) -> Part:
    """The runs of one stride and v, from those that are kept if the sizes are not small."""
    key = None
    if len(wide) == 1 and not space.ceil_mode and not space.fits:
        n, m = wide[0]
        least = max(2, space.dilation.last)
        if n >= least * factor and m >= max(least, s):
            key = (s, v, factor, 0 if space.transposed else n - (m - 1) * s)
            kept: Part | None = space.kept.get(key)
            if kept is not None:
                return kept
    segments: list[Segment] = []
    lines = 0
    for d in space.dilation:
        for skew in _skews(space, s, d, v):
            segments += _segments(space, wide, (s, d, v, skew, factor))
            lines += 1
            if lines > MOST_LINES:
                raise _too_wide(space)
    part = _of_segments(space, wide, (s, v, factor), segments)
    part.lines = lines
    if key is not None:
        if len(space.kept) >= MOST_KEPT:
            space.kept.clear()
        space.kept[key] = part
    return part


def _too_wide(space: Space) -> QueryError:
    name = "stride" if len(space.stride) >= len(space.dilation) else "dilation"
    return QueryError(
        f"{name} {getattr(space, name)} leaves more than {MOST_LINES} combinations of stride, "
        "dilation and output_padding",
        rule=name,
        hint=f"Narrow {name}, or fix output_padding.",
    )


def _most_padding(space: Space, kernel: int) -> int:
    """The most that 2*before can exceed ke by, and 1 more."""
    if space.padding is not None:
        return 2 * space.padding.last
    return kernel + 2 * space.bounds.margin


def _factors(space: Space, pairs: tuple[Pair, ...]) -> Iterator[int]:
    """The upsampling factors that leave the convolution something to do."""
    if space.op != "resize_conv":
        yield 1
        return
    # The convolution has v = n*f - m + 1, with 1 - pads <= v <= ke.
    kernel = effective_kernel(space.kernel_size.last, space.dilation.last)
    pads = _most_padding(space, kernel)
    low = max([-(-(m - pads) // n) for n, m in pairs])
    high = min([(m + kernel - 1) // n for n, m in pairs])
    yield from space.factor.between(max(low, 1), high)


def _strides(space: Space, pairs: tuple[Pair, ...]) -> Iterator[int]:
    """The strides that can answer at all: the others ask for a v that no kernel reaches."""
    low, high = 1, space.stride.last
    kernel = effective_kernel(space.kernel_size.last, space.dilation.last)
    pads = _most_padding(space, kernel)
    for n, m in pairs:
        if space.transposed and n > 1:
            # m = (n - 1)*s + v with v >= 1 - pads, and v <= ke + max(s, d) - 1
            high = min(high, (m + pads) // (n - 1))
            low = max(low, -(-(m - kernel - space.dilation.last + 1) // n))
        elif not space.transposed:
            # A last window that hangs over the end counts as one more.
            steps = m - 2 if space.ceil_mode else m - 1
            if steps > 0:
                high = min(high, (n + pads) // steps)
            low = max(low, -(-(n - kernel + 1) // m))
    if space.transposed and len({n for n, _ in pairs}) > 1:
        # Two inputs that are spread alike: their outputs lie as far apart as s times the inputs.
        (n, m), (other_n, other_m) = pairs[0], next(p for p in pairs if p[0] != pairs[0][0])
        s, rest = divmod(other_m - m, other_n - n)
        low, high = (max(low, s), min(high, s)) if rest == 0 else (1, 0)
    return space.stride.between(low, high)


def _left(space: Space, pairs: tuple[Pair, ...], s: int) -> Iterable[int]:
    """The values of v that all pairs have in common."""
    if space.transposed:
        values = {m - (n - 1) * s for n, m in pairs}
        return values if len(values) == 1 else ()
    low = max([n - m * s + 1 for n, m in pairs])
    high = min([n - (m - 1) * s for n, m in pairs])
    if not space.ceil_mode:
        return range(high, low - 1, -1)
    # A long kernel: one stride more. A short one (ke < s + before): v lies between 0 and s.
    longer, short = range(low + s - 1, high + s), range(s + 1)
    return chain(longer, (v for v in short if v not in longer))


def _skews(space: Space, s: int, d: int, v: int) -> Iterator[int]:
    """The values of before - after in any mode of the space."""
    yield 0
    if space.same:
        yield -1
    if not space.transposed:
        return
    # ke = 2*before + v - skew must lie within reach.
    kernel = effective_kernel(space.kernel_size.last, d)
    low = max(1, v - kernel)
    high = min(space.top_skew(s, d), v - 1 + _most_padding(space, kernel))
    extra = space.output_padding
    if extra is None or len(space.modes) > space.free:
        # Keras names the skew by the size that it keeps, so every one up to s - 1 may be meant.
        yield from range(low, high + 1)
    else:
        yield from extra.between(low, high)


def _of_segments(
    space: Space, wide: tuple[Pair, ...], line: tuple[int, int, int], segments: list[Segment]
) -> Part:
    def make(wanted: Callable[[int, int], bool]) -> list[Run]:
        runs: list[Run] = []
        for segment in segments:
            if wanted(segment[0][1], segment[0][3]):
                runs += _cut_segment(space, wide, segment)
        return runs

    if space.ceil_mode or space.op == "avg_pool":
        return Part.of(space.op, line, make(KINDS["all"]))  # only the cuts tell how many there are
    total = sum([len(kernels) for _, kernels in segments])
    return Part(space.op, line, total, make)


def _segments(space: Space, wide: tuple[Pair, ...], line: Line) -> Iterator[Segment]:
    """The kernels along a line that the question admits: one stretch, and the end that is flush."""
    _s, d, v, skew, _ = line
    # With one mode of free padding there is nothing to ask but the bounds.
    plain = space.plain
    if plain and not _free_skew(space, skew):
        return
    # The kernel at which before is 0 stands alone: more modes write it than its neighbours.
    flush = v - skew - 1
    if flush >= 0 and flush % d == 0 and (k := flush // d + 1) in space.kernel_size:
        no_padding = space.padding is None or 0 in space.padding
        if no_padding if plain else _masks(space, wide, line, k)[1]:
            yield line, range(k, k + 1)
    for kernels in _kernels(space, wide, line):
        if kernels and (plain or _masks(space, wide, line, kernels[0])[1]):
            yield line, kernels


def _cut_segment(space: Space, wide: tuple[Pair, ...], segment: Segment) -> list[Run]:
    """A stretch of kernels, cut where its marks change."""
    line, kernels = segment
    modes, allowed = _masks(space, wide, line, kernels[0])
    runs: list[Run] = []
    pieces = _cut(kernels, _cuts(space, wide, line, kernels)) if len(kernels) > 1 else (kernels,)
    for piece in pieces:
        _add_piece(runs, space, wide, line, piece, modes, allowed)
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


def _kernels(space: Space, wide: tuple[Pair, ...], line: Line) -> Iterator[range]:
    """The kernels along a line for which `before` is a whole number above 0, within the bounds."""
    _, d, v, skew, _ = line
    free = space.free and _free_skew(space, skew)
    same = space.same and (skew in (0, -1))
    if not free and not same:
        return
    # ke = 2*before + v - skew, so d*(k - 1) = 2*before + base
    base = v - skew - 1
    numbers = space.padding.parts if space.padding is not None else (None,)
    half = space.half
    for pads in numbers:
        step, first = (1, 1) if pads is None else (pads.step, pads[0])
        found = solve_congruence(d, base + 2 * first, 2 * step)
        if found is None:
            continue
        residue, period = found
        low = -(-(base + 2 * max(first, 1)) // d) + 1
        if pads is None:
            # The default bound, before <= ke - 1. Keras's own rule keeps it too.
            low = max(low, -(-(-base - 2 * space.bounds.margin) // d) + 1)
        for part in space.kernel_size.parts:
            high = part[-1] if pads is None else (base + 2 * pads[-1]) // d + 1
            kernels = meet(clip(part, max(low, 1), high), residue + 1, period)
            # Keras's own rule never pads more than half.
            parts = _halves(kernels, d, base) if half and (d > 1 or not same) else (kernels,)
            if space.fits:
                longest = min([n for n, _ in wide])
                for each in parts:
                    yield clip(each, 1, longest)
                    yield clip(each, longest + 1, high)
            else:
                yield from parts


def _free_skew(space: Space, skew: int) -> bool:
    if not space.transposed:
        return skew == 0
    extra = space.output_padding
    return skew >= 0 and (extra is None or skew in extra)


def _halves(kernels: range, d: int, base: int) -> Iterator[range]:
    """The kernels whose padding is at most half of them, apart by their parity."""
    for parity in (0, 1):
        part = meet(kernels, parity, 2)
        # From 2*before = d*(k - 1) - base, which is to be at most k - parity.
        if d > 1:
            yield clip(part, 1, (base + d - parity) // (d - 1))
        elif base + 1 >= parity:
            yield part


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
    for cut in sorted(cuts):
        below = count_to(kernels, cut - 1)
        if 0 < below < len(kernels):
            yield kernels[:below]
            kernels = kernels[below:]
    if kernels:
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
    modes: int,
    allowed: int,
) -> None:
    """Add the runs of a piece whose marks are the same throughout, but for the checkerboard."""
    s, d, _, _, factor = line
    k = kernels[0]
    if space.ceil_mode:
        window = Window(effective_kernel(k, d), s, *_padding(line, k), True)
        if any(window.size(n) != m for n, m in wide):
            return
    pairs = wide if factor == 1 else tuple([(n // factor, m) for n, m in wide])
    flags = flags_of(space.op, pairs, line, k)
    if space.op == "avg_pool" and _padding(line, k) != (0, 0):
        # PyTorch counts the padding in its mean, Keras does not: one size, and two layers.
        runs += [
            Run(space, line, kernels, (flags, modes & bits, allowed & bits))
            for bits in BITS.values()
            if allowed & bits
        ]
    elif not space.transposed or (wide[0][0] == 1 and all(n == 1 for n, _ in wide)):
        runs.append(Run(space, line, kernels, (flags, modes, allowed)))
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
    return [Part.of(space.op, (1, 1, factor), [Run(space, line, range(1, 2), marks)])]
