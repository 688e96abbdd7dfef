"""Which sizes one way of writing a layer reaches, in closed form, however large they are.

With v = ke - before - after, a transposed window takes n to (n - 1)*s + v, another window takes it
to floor((n - v)/s) + 1. A resize by f and a convolution take it to (n - 1)*f + f + 1 - v, a pixel
shuffle to (n - 1)*f + f: both spread the input as a transposed window does. What v can be is a few
`Span`s, and the nearest value is found in each without a look at the others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import gcd
from typing import TYPE_CHECKING

from deconvcalc.formulas import effective_kernel
from deconvcalc.solver.choices import Choices, clip, meet, solve_congruence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.dialects import Mode
    from deconvcalc.solver.query import Space

__all__ = ["ONE", "Reach", "common"]

ONE = Choices.one(1)

FAR = 1 << 200
"""Beyond every size."""

MOST_STEPS = 2_000
"""How many strides or factors are looked at, of those between which nothing decides."""

MOST_UNITS = 64
"""How many dilations are looked at one by one, or else kernels, each with all dilations."""

MOST_VALUES = 1_000
"""How many numbers are taken one by one where their steps do not fit together."""


class Span:
    """For each of some numbers the values low, low + step, ..., high; neither end ever falls.

    All values leave the same rest when divided by the step.
    """

    __slots__ = ("high", "low", "numbers", "step")

    def __init__(
        self, numbers: range, low: Callable[[int], int], high: Callable[[int], int], step: int
    ) -> None:
        self.numbers, self.low, self.high, self.step = numbers, low, high, step

    @property
    def least(self) -> int:
        """The smallest value."""
        return self.low(self.numbers[0])

    @property
    def most(self) -> int:
        """The largest value."""
        return self.high(self.numbers[-1])

    def below(self, x: int) -> int | None:
        """The largest value up to x."""
        place = bisect_right(self.numbers, x, key=self.low)
        if not place:
            return None
        high = self.high(self.numbers[place - 1])
        return high if high <= x else x - (x - high) % self.step

    def above(self, x: int) -> int | None:
        """The smallest value from x on."""
        place = bisect_left(self.numbers, x, key=self.high)
        if place == len(self.numbers):
            return None
        low = self.low(self.numbers[place])
        return low if low >= x else x + (low - x) % self.step

    def congruent(self, x: int, rest: int, modulus: int) -> tuple[int | None, bool]:
        """The smallest value from x on that leaves a rest, and whether all were looked at."""
        for _ in range(MOST_VALUES):
            value = self.above(x)
            if value is None:
                return None, True
            found = solve_congruence(self.step, rest - value, modulus)
            if found is None:
                return None, True
            x = value + found[0] * self.step
            if x == value or self.above(x) == x:
                return x, True
        return None, False


class Values:
    """What v can be: the union of spans, or `mirror` less each of their values."""

    __slots__ = ("mirror", "spans")

    def __init__(self, spans: list[Span], mirror: int | None = None) -> None:
        self.spans = spans
        self.mirror = mirror

    @property
    def least(self) -> int | None:
        """The smallest value, or None without any."""
        if self.mirror is None:
            return min([span.least for span in self.spans], default=None)
        return self._turned(max([span.most for span in self.spans], default=None))

    @property
    def most(self) -> int | None:
        """The largest value, or None without any."""
        if self.mirror is None:
            return max([span.most for span in self.spans], default=None)
        return self._turned(min([span.least for span in self.spans], default=None))

    def below(self, x: int) -> int | None:
        """The largest value up to x."""
        return self._down(x) if self.mirror is None else self._turned(self._up(self.mirror - x))

    def above(self, x: int) -> int | None:
        """The smallest value from x on."""
        return self._up(x) if self.mirror is None else self._turned(self._down(self.mirror - x))

    def has(self, rest: int, modulus: int, most: int) -> bool | None:
        """Whether a value up to `most` leaves a rest; None where a limit ended the search."""
        first = -FAR
        if self.mirror is not None:
            first, most, rest = self.mirror - most, FAR, self.mirror - rest
        known: bool | None = False
        for span in self.spans:
            value, complete = span.congruent(first, rest, modulus)
            if value is not None and value <= most:
                return True
            known = known if complete else None
        return known

    def _turned(self, value: int | None) -> int | None:
        return None if value is None or self.mirror is None else self.mirror - value

    def _down(self, x: int) -> int | None:
        found = [span.below(x) for span in self.spans]
        return max([value for value in found if value is not None], default=None)

    def _up(self, x: int) -> int | None:
        found = [span.above(x) for span in self.spans]
        return min([value for value in found if value is not None], default=None)


def constant(low: int, high: int, step: int = 1) -> Span:
    """The values low, low + step, ..., high."""
    return Span(range(1), lambda _: low, lambda _: high, step)


class Reach:
    """What axes that share their parameters reach in one mode, with these strides and dilations.

    Attributes:
        cut: whether a limit kept it from looking at everything; what it found is right even so.
    """

    def __init__(self, space: Space, mode: Mode, steps: Choices, dilations: Choices) -> None:
        self.space = space
        self.mode = mode
        self.steps = steps
        self.dilations = dilations
        self.spread = space.op in ("conv_transpose", "resize_conv", "pixel_shuffle")
        self.fits = mode.fits_3d and space.axes == 3
        self.cut = False

    def solves(self, sources: tuple[int, ...] | None, targets: tuple[int, ...]) -> bool:
        """Whether the targets are reached, from the sources or, without them, from any inputs."""
        found = self.closest(sources, targets, -1, exact=True)
        return found is not None and not any(found)

    def closest(
        self,
        sources: tuple[int, ...] | None,
        targets: tuple[int, ...],
        side: int,
        *,
        exact: bool = False,
    ) -> tuple[int, ...] | None:
        """How far, axis by axis, the nearest sizes on one side of the targets lie; None: nowhere.

        The side is -1 or 1; zeros if the targets themselves are reached. With `exact` nothing but
        that matters.
        """
        best: tuple[int, tuple[int, ...]] | None = None
        if exact and sources and self._contradict(sources, targets):
            return None
        for values in self._units(min(sources) if sources else FAR):
            for s in self._candidates(values, sources, targets, exact):
                if sources is None:
                    found = self._from_any(values(s), s, targets, side, exact)
                else:
                    found = self._from_known(values(s), s, sources, targets, side)
                if found is not None and (best is None or (sum(found), found) < best):
                    best = sum(found), found
                    if not best[0]:
                        return found
            if sources and self._beyond(values(self.steps.first), sources, targets):
                break
        return None if best is None else best[1]

    def _contradict(self, sources: tuple[int, ...], targets: tuple[int, ...]) -> bool:
        """Whether no stride takes all of these sources to their targets."""
        pairs = sorted(zip(sources, targets, strict=True))
        (n, m), (other_n, other_m) = pairs[0], pairs[-1]
        wide, tall = other_n - n, other_m - m
        if not wide or tall < 0:
            return tall != 0
        return self.spread and (tall % wide > 0 or tall < wide)

    def _beyond(self, values: Values, sources: tuple[int, ...], targets: tuple[int, ...]) -> bool:
        """Whether the smallest v is too large, and all the more so with a larger dilation."""
        s, least = self.steps.first, values.least
        if self.space.op == "resize_conv" or least is None:
            return False
        if self.mode.kind == "free" and not self.mode.half and self.space.padding is None:
            return False  # with the default bound a larger kernel is padded more
        pairs = zip(sources, targets, strict=True)
        return least > min([m - (n - 1) * s if self.spread else n - (m - 1) * s for n, m in pairs])

    # What v can be.

    def _units(self, n: int) -> Iterator[Callable[[int], Values]]:
        """For each dilation, or for each kernel, what makes the values at a stride.

        n is the smallest input, into which a window may have to fit.
        """
        if self.space.op == "pixel_shuffle":
            yield lambda s: Values([constant(s, s)])
            return
        few, dilations = self.space.kernel_size, self.dilations
        if _count(dilations) > MOST_UNITS >= _count(few) and not self.space.ceil_mode:
            later = [part for part in [clip(part, 2, FAR) for part in dilations.parts] if part]
            for k in few:
                yield self._unit(later, 0, k)
            dilations = common(dilations, ONE)
        kernels = list(few.parts)
        if self.fits:
            kernels = [part for part in [clip(part, 1, n) for part in kernels] if part]
        for d, _ in zip(dilations, range(MOST_UNITS), strict=False):
            yield self._unit(kernels, d, 0)
        self.cut = self.cut or _count(dilations) > MOST_UNITS

    def _unit(self, parts: list[range], d: int, k: int) -> Callable[[int], Values]:
        """What makes the values of kernels of one dilation d, or of dilations of one kernel k."""
        if self.space.transposed or self.space.ceil_mode:
            return lambda s: Values(self._spans(s, parts, d, k))
        spans = self._spans(1, parts, d, k)
        if self.space.op == "resize_conv":
            return lambda s: Values(spans, s + 1)
        found = Values(spans)
        return lambda _: found

    def _spans(self, s: int, parts: list[range], d: int, k: int) -> list[Span]:
        """The values at a stride."""
        if not parts:
            return []
        shape = _Shape(self, s, parts, d, k)
        if self.mode.kind == "same":
            return shape.kept() if self.space.transposed else [constant(1, 1)]
        if not self.mode.extra:
            return shape.stretched()
        spans = list(shape.rounded() if self.space.ceil_mode else shape.padded())
        self.cut = self.cut or shape.cut
        return spans

    # Strides, and factors.

    def _candidates(
        self,
        values: Callable[[int], Values],
        sources: tuple[int, ...] | None,
        targets: tuple[int, ...],
        exact: bool,
    ) -> Iterator[int]:
        """The strides or factors that may come nearest."""
        for steps in self.steps.parts:
            part = steps
            if values(steps[0]).least is None:
                # An output_padding must be smaller than the stride: small ones have no values.
                part = steps[bisect_left(steps, True, key=lambda s: values(s).least is not None) :]
                if not part:
                    continue
            if sources is None:
                yield from self._for_any(values, part, targets)
            elif len({*zip(sources, targets, strict=True)}) == 1:
                yield from self._for_one(values, part, sources[0], targets[0])
            else:
                yield from self._for_several(part, sources, targets, exact)

    def _for_one(
        self, values: Callable[[int], Values], part: range, n: int, m: int
    ) -> Iterator[int]:
        """For one pair of sizes: the strides whose sizes lie around m, and one on either side."""
        # Without a spread the sizes fall as the stride grows: they are taken negative.
        sign = 1 if self.spread else -1

        def size(s: int, v: int | None) -> int:
            assert v is not None
            return (n - 1) * s + v if self.spread else -((n - v) // s + 1)

        first = bisect_left(part, sign * m, key=lambda s: size(s, values(s).most))
        last = bisect_right(part, sign * m, key=lambda s: size(s, values(s).least))
        near = part[max(first - 1, 0) : last + 1]
        if not near:
            return
        if (n == 1 and self.space.transposed) or (m == 1 and not self.spread):
            # A larger stride does what a smaller one does, but for a size of its own: the stride.
            yield from dict.fromkeys((*near[:3], *near[-3:], part[-1]))
        else:
            yield from self._ends(near)

    def _for_several(
        self, part: range, sources: tuple[int, ...], targets: tuple[int, ...], exact: bool
    ) -> Iterator[int]:
        """For several pairs of sizes: the strides around the ratio of their differences."""
        pairs = sorted(zip(sources, targets, strict=True))
        (n, m), (other_n, other_m) = pairs[0], pairs[-1]
        wide, tall = other_n - n, other_m - m
        ratio = abs(tall) // (wide or 1) if self.spread else wide // (abs(tall) or 1)
        if exact:
            # Spread, outputs lie apart s times as far as inputs; otherwise 1/s as far, but for one.
            low, high = (ratio, ratio) if self.spread else (wide // (tall + 2), FAR)
            if not self.spread and tall > 1:
                high = wide // (tall - 1)
            part = clip(part, low, high)
        place = bisect_left(part, ratio)
        if len(part) > MOST_STEPS:
            self.cut = True
            part = part[max(place - MOST_STEPS // 2, 0) : place + MOST_STEPS // 2]
        yield from part

    def _for_any(
        self, values: Callable[[int], Values], part: range, targets: tuple[int, ...]
    ) -> Iterator[int]:
        """For any input: strides up to where a single input is spread too far, and the last."""
        if self.spread:
            least = values(part[-1]).least
            assert least is not None
            longest = max(targets) - min(least, 0)
            if self.space.op == "resize_conv":
                longest += max(part[-1] + 1 - least, 0)
            place = bisect_right(part, longest)
            yield from self._ends(part[: place + 1])
        yield part[-1]

    def _ends(self, part: range) -> Iterator[int]:
        if len(part) <= MOST_STEPS:
            yield from part
        else:
            self.cut = True
            yield from part[: MOST_STEPS // 2]
            yield from part[-MOST_STEPS // 2 :]

    # Sizes at one stride.

    def _from_known(
        self,
        values: Values,
        s: int,
        sources: tuple[int, ...],
        targets: tuple[int, ...],
        side: int,
    ) -> tuple[int, ...] | None:
        """The distances of the nearest sizes at one stride."""
        pairs = list(zip(sources, targets, strict=True))
        if self.spread:
            gaps = [m - (n - 1) * s for n, m in pairs]
            v = values.below(min(gaps)) if side < 0 else values.above(max(gaps))
        elif side < 0:
            v = values.above(max([n - m * s + 1 for n, m in pairs]))
        else:
            v = values.below(min([n - (m - 1) * s for n, m in pairs]))
        if v is None:
            return None
        sizes = [(n - 1) * s + v if self.spread else (n - v) // s + 1 for n in sources]
        if min(sizes) < 1 or not self._in_one_place(s, sources, sizes):
            return None
        return tuple([side * (size - m) for size, m in zip(sizes, targets, strict=True)])

    def _in_one_place(self, s: int, sources: tuple[int, ...], sizes: list[int]) -> bool:
        """Whether windows that are padded "same" lie alike on all axes."""
        if self.spread or self.mode.kind != "same":
            return True
        rests = {n - (m - 1) * s for n, m in zip(sources, sizes, strict=True)}
        least = effective_kernel(self.space.kernel_size.first, self.dilations.first)
        return len(rests) == 1 or least <= min(rests)

    def _from_any(
        self, values: Values, s: int, targets: tuple[int, ...], side: int, exact: bool
    ) -> tuple[int, ...] | None:
        """The same where every input will do."""
        if not self.spread:
            least = self._smallest(values, s)
            if side < 0:
                return (0,) * len(targets) if min(targets) >= least else None
            return tuple([max(least - m, 0) for m in targets])
        if len({m % s for m in targets}) == 1:
            found = values.has(targets[0] % s, s, min(targets))
            if found:
                return (0,) * len(targets)
            self.cut = self.cut or found is None
        return None if exact else self._nearest_rest(values, s, targets, side)

    def _nearest_rest(
        self, values: Values, s: int, targets: tuple[int, ...], side: int
    ) -> tuple[int, ...] | None:
        """The distances of the nearest sizes v, v + s, v + 2s ... for any v."""
        best: tuple[int, tuple[int, ...]] | None = None
        seen: set[int] = set()
        v = values.least
        for _ in range(MOST_STEPS):
            if v is None or len(seen) == s:
                break
            if v % s not in seen:
                # The first value that leaves this rest has all sizes of the later ones.
                seen.add(v % s)
                found = _apart(v, s, targets, side)
                if found is not None and (best is None or (sum(found), found) < best):
                    best = sum(found), found
            v = values.above(v + 1)
        else:
            self.cut = True
        return None if best is None else best[1]

    def _smallest(self, values: Values, s: int) -> int:
        """The smallest size that a window gives, of any input."""
        most = values.most
        if self.mode.kind == "same" or most is None:
            return 1
        sizes = [1, -(-(2 - most) // s)]
        if self.fits:
            p = self.space.padding.first if self.space.padding else 0
            k = next(self.space.kernel_size.between(2 * p, FAR))
            inner = min(k + p, s + 2 * p) if self.space.ceil_mode else 2 * p + 1
            sizes.append(-(-inner // s))
        return max(sizes)


def _count(choices: Choices) -> int:
    return sum([len(part) for part in choices.parts])


def common(choices: Choices, others: Choices) -> Choices:
    """The numbers that are in both."""
    shared = [
        meet(clip(part, other[0], other[-1]), other[0] % other.step, other.step)
        for part in choices.parts
        for other in others.parts
    ]
    return Choices(*sorted([part for part in shared if part], key=lambda part: part[0]))


def _apart(v: int, s: int, targets: tuple[int, ...], side: int) -> tuple[int, ...] | None:
    """How far the nearest of v, v + s, v + 2s ... lies from each target."""
    found = []
    for m in targets:
        size = max(m + (v - m) % s, v) if side > 0 else m - (m - v) % s
        if size < max(v, 1):
            return None
        found.append(side * (size - m))
    return tuple(found)


class _Shape:
    """Kernels of one dilation d, or dilations of one kernel k, at a stride, and their values."""

    def __init__(self, reach: Reach, s: int, parts: list[range], d: int, k: int) -> None:
        self.space, self.mode = reach.space, reach.mode
        self.s, self.parts, self.d, self.k = s, parts, d, k
        self.cut = False

    def ke(self, number: int) -> int:
        """The effective kernel of one of the numbers."""
        return int(effective_kernel(self.k or number, self.d or number))

    def top(self, number: int) -> int:
        """The largest output_padding of one of the numbers."""
        if not self.space.transposed:
            return 0
        return (max(self.s, self.d or number) if self.mode.lax else self.s) - 1

    def kept(self) -> list[Span]:
        """What "same" keeps of the last step: all of it, or an odd element and output_padding."""
        if not self.mode.extra:
            return [constant(self.s, self.s)]
        given = self.space.output_padding
        spans = []
        for odd in {self.ke(number) % 2 for part in self.parts for number in part[:2]}:
            for part in given.parts if given else (range(self.s),):
                extras = clip(part, 1 - odd, self.s - 1)
                if extras:
                    spans.append(constant(odd + extras[0], odd + extras[-1], extras.step))
        return spans

    def stretched(self) -> list[Span]:
        """A kernel that is not cropped, and spans a step at least."""

        def size(number: int) -> int:
            return max(self.ke(number), self.s)

        return [Span(part, size, size, 1) for part in self.parts]

    def rounded(self) -> Iterator[Span]:
        """With ceil_mode the size is floor((n - v)/s) + 1 too, but v is another.

        It is 1 - p for ke <= s + p, where the last window starts on the input at the latest, and
        ke - 2p + 1 - s for longer kernels.
        """
        for part in self.parts:
            for pads in self.pads() or ():
                yield from self.rounded_short(part, pads)
                yield from self.rounded_long(part, pads)

    def rounded_short(self, part: range, pads: range) -> Iterator[Span]:
        """The kernels with ke <= s + p."""
        ends = [(part[0], part[-1])]
        if part.step > 1:
            self.cut = self.cut or len(part) > MOST_VALUES
            ends = [(k, k) for k in part[:MOST_VALUES]]
        for first, last in ends:
            low = max(pads[0], self.ke(first) - self.s)
            high = min(pads[-1], last // 2, (self.s + self.d - 1) // (2 * self.d - 1))
            if low <= high:
                yield constant(1 - high, 1 - low)

    def rounded_long(self, part: range, pads: range) -> Iterator[Span]:
        """The kernels with ke > s + p."""
        s, first, last = self.s, pads[0], pads[-1]
        part = clip(part, max(2 * first, -(-(s + first) // self.d) + 1), FAR)
        place = bisect_left(part, True, key=lambda k: self.ke(k) - s > min(last, k // 2))
        for k in part[:place][-2:]:
            # The larger of two such kernels of one parity has all values of the smaller.
            yield constant(s + 3 - self.ke(k), self.ke(k) - 2 * first + 1 - s, 2)
        if part[place:]:
            yield from self.padded_by(part[place:], pads, 1 - s)

    def padded(self) -> Iterator[Span]:
        """A number of padding on both sides; output_padding leaves a part of the second crop."""
        pads = self.pads()
        for part in self.parts:
            if pads is None:
                yield from self.padded_freely(part)
            else:
                for numbers in pads:
                    yield from self.padded_by(part, numbers)

    def pads(self) -> list[range] | None:
        """Ranges of padding; None for the default bound, which the kernel sets."""
        space, half = self.space, self.mode.half
        if self.mode.kind == "none" or space.bounds.words is not None:
            return [range(1)]
        if space.padding is None:
            return [range(FAR)] if half else None
        pads = []
        for part in space.padding.parts:
            if part.step == 1 or (not half and part.step <= MOST_VALUES):
                pads.append(part)
            else:
                self.cut = self.cut or len(part) > MOST_VALUES
                pads += [range(p, p + 1) for p in part[:MOST_VALUES]]
        return pads

    def extras(self, step: int) -> Iterator[tuple[int, int, bool]]:
        """Ranges of output_padding, and whether they fill the gaps between paddings."""
        if not self.space.transposed:
            yield 0, 0, False
            return
        given = self.space.output_padding
        open_ended = not self.d and self.mode.lax  # up to the dilation, whatever that is
        if open_ended and given is None:
            yield 0, FAR, True
            self.cut = self.cut or step > 2
            return
        for part in given.parts if given else (range(self.s + self.d),):
            numbers = part if open_ended else clip(part, 0, self.top(self.d))
            if not open_ended and numbers.step == 1 and len(numbers) >= step:
                yield numbers[0], numbers[-1], True
                continue
            self.cut = self.cut or len(numbers) > MOST_VALUES
            for extra in numbers[:MOST_VALUES]:
                yield extra, extra, False

    def padded_freely(self, part: range) -> Iterator[Span]:
        """The default bound: a larger kernel has all values of a smaller one of the same parity."""
        for extra, most, fills in self.extras(2):
            for number in part[-2:]:
                high = min(most, self.top(number))
                if high >= extra:
                    low = 2 - 2 * self.space.bounds.margin - self.ke(number)
                    yield constant(low + extra, self.ke(number) + high, 1 if fills else 2)

    def padded_by(self, part: range, pads: range, more: int = 0) -> Iterator[Span]:
        """The paddings of a range, for pools up to half of the kernel; all values and `more`."""
        step, half = 2 * pads.step, self.mode.half
        first, last = pads[0], pads[-1]
        if half and self.d:
            part = clip(part, 2 * first, FAR)
        elif half and 2 * first > self.k:
            return
        for extra, top, fills in self.extras(step):
            # An output_padding from the stride on must be smaller than the dilation.
            numbers = part if self.d or extra < self.s else clip(part, extra + 1, FAR)
            if not numbers:
                continue

            def low(number: int, extra: int = extra) -> int:
                most = min(last, (self.k or number) // 2) if half else last
                return self.ke(number) - 2 * most + extra + more

            def high(number: int, top: int = top) -> int:
                return self.ke(number) - 2 * first + min(top, self.top(number)) + more

            unit = (self.d or self.k - 1) * numbers.step
            if first == last and not fills:
                yield constant(low(numbers[0]), high(numbers[-1]), unit or 1)
                continue
            period = step // gcd(unit, step)
            for rest in range(min(period, len(numbers))):
                yield Span(numbers[rest::period], low, high, 1 if fills else step)
