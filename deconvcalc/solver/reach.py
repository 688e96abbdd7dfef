"""Which sizes one way of writing a layer reaches, in closed form, however large they are.

With v = ke - before - after, a transposed window takes n to (n - 1)*s + v, another window takes it
to floor((n - v)/s) + 1. A resize by f with a convolution behind it takes n to (n - 1)*f + f + 1 - v,
and a pixel shuffle to (n - 1)*f + f: both spread the input as a transposed window does. What v can
be is a few `Span`s, and the nearest value is found in each without a look at the others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from math import gcd

from deconvcalc.dialects import Mode
from deconvcalc.solver.choices import Choices, clip
from deconvcalc.solver.query import Space

__all__ = ["Reach"]

FAR = 1 << 200
"""Beyond every size."""

MOST_STEPS = 2_000
"""How many strides or factors are looked at, of those between which nothing decides."""

MOST_UNITS = 64
"""How many dilations are looked at one by one, or else kernels, each with all dilations."""

MOST_VALUES = 1_000
"""How many numbers are taken one by one where their steps do not fit together."""


class Span:
    """For each of some numbers the values low, low + step, ..., high; neither end ever falls."""

    __slots__ = ("high", "low", "numbers", "step")

    def __init__(
        self, numbers: range, low: Callable[[int], int], high: Callable[[int], int], step: int
    ) -> None:
        self.numbers, self.low, self.high, self.step = numbers, low, high, step

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


class Values:
    """What v can be for one stride: the union of spans, or `mirror` minus each of their values."""

    __slots__ = ("mirror", "spans")

    def __init__(self, spans: list[Span], mirror: int | None = None) -> None:
        self.spans = spans
        self.mirror = mirror

    def below(self, x: int) -> int | None:
        """The largest value up to x."""
        return self._down(x) if self.mirror is None else self._turned(self._up(self.mirror - x))

    def above(self, x: int) -> int | None:
        """The smallest value from x on."""
        return self._up(x) if self.mirror is None else self._turned(self._down(self.mirror - x))

    def _turned(self, value: int | None) -> int | None:
        return None if value is None or self.mirror is None else self.mirror - value

    def _down(self, x: int) -> int | None:
        found = [span.below(x) for span in self.spans]
        return max([value for value in found if value is not None], default=None)

    def _up(self, x: int) -> int | None:
        found = [span.above(x) for span in self.spans]
        return min([value for value in found if value is not None], default=None)


def constant(low: int, high: int, step: int = 1) -> Span:
    """The values from low to high."""
    return Span(range(1), lambda _: low, lambda _: high, step)


class Reach:
    """What the axes of one group reach in one mode, with strides and dilations as they are given.

    Attributes:
        cut: whether a limit kept it from looking at everything; what it found is right even so.
    """

    def __init__(self, space: Space, mode: Mode, steps: Choices, dilations: Choices) -> None:
        self.space = space
        self.mode = mode
        self.steps = steps
        self.dilations = dilations
        self.spread = space.op in ("conv_transpose", "resize_conv", "pixel_shuffle")
        self.cut = False

    # What v can be.

    def _units(self) -> Iterator[Callable[[int, int], Values]]:
        """For each dilation, or for each kernel, what makes the values at a stride and an input."""
        if self.space.op == "pixel_shuffle":
            yield lambda s, _: Values([constant(s, s)])
            return
        dilations = self.dilations
        if _count(dilations) > MOST_UNITS:
            kernels = self.space.kernel_size
            if self.space.ceil_mode or _count(kernels) > MOST_UNITS:
                self.cut = True
            else:
                later = [clip(part, 2, part[-1]) for part in dilations.parts]
                for k in kernels:
                    yield lambda s, n, k=k: self._values(s, n, [p for p in later if p], k=k)  # type: ignore[misc]
                dilations = Choices(*[range(1, 2)] if 1 in dilations else [])
        for d, _ in zip(dilations, range(MOST_UNITS), strict=False):
            yield lambda s, n, d=d: self._values(s, n, list(self.space.kernel_size.parts), d=d)  # type: ignore[misc]

    def _values(self, s: int, n: int, parts: list[range], *, d: int = 0, k: int = 0) -> Values:
        """The values at stride s, of kernels of one dilation d or of dilations of one kernel k.

        n is the smallest input, which a window may have to fit in.
        """
        mode, space = self.mode, self.space
        resize = space.op == "resize_conv"
        stride = 1 if resize else s
        if d and space.fits:
            parts = [part for part in [clip(part, 1, n) for part in parts] if part]
        shape = _Shape(self, stride, parts, d, k)
        if mode.kind == "same":
            spans = shape.kept() if space.transposed else [constant(1, 1)]
        elif not mode.extra:
            spans = shape.stretched(stride)
        elif space.ceil_mode:
            return Values(shape.rounded(), 0)
        else:
            spans = list(shape.padded())
        self.cut = self.cut or shape.cut
        return Values(spans if parts else [], s + 1 if resize else None)

    # What is reached.

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
        smallest = min(sources) if sources else 1
        for unit in self._units():

            def values(s: int, unit: Callable[[int, int], Values] = unit) -> Values:
                return unit(s, smallest)

            for s in self._candidates(values, sources, targets):
                if sources is None:
                    found = self._from_any(values(s), s, targets, side, exact)
                else:
                    found = self._from_known(values(s), s, sources, targets, side)
                if found is not None and (best is None or (sum(found), found) < best):
                    best = sum(found), found
                    if not best[0]:
                        return found
        return None if best is None else best[1]

    def _candidates(
        self,
        values: Callable[[int], Values],
        sources: tuple[int, ...] | None,
        targets: tuple[int, ...],
    ) -> Iterator[int]:
        """The strides or factors that may come nearest."""
        for part in self.steps.parts:
            # Where the output_padding must be smaller than the stride, small ones have no values.
            some = bisect_left(part, True, key=lambda s: values(s).above(-FAR) is not None)
            part = part[some:]
            if not part:
                continue
            if sources is None:
                yield from self._of_any(values, part, targets)
            elif len({*zip(sources, targets, strict=True)}) == 1:
                yield from self._of_one(values, part, sources[0], targets[0])
            else:
                yield from self._of_several(part, sources, targets)

    def _of_one(
        self, values: Callable[[int], Values], part: range, n: int, m: int
    ) -> Iterator[int]:
        """For one pair of sizes: the strides whose sizes lie around m, and one on either side."""
        sign = 1 if self.spread else -1

        def end(s: int, least: bool) -> int:
            """The least or the greatest size, negative where sizes fall as the stride grows."""
            found = values(s)
            v = found.above(-FAR) if least == self.spread else found.below(FAR)
            assert v is not None
            return (n - 1) * s + v if self.spread else -((n - v) // s + 1)

        first = bisect_left(part, sign * m, key=lambda s: end(s, False))
        last = bisect_right(part, sign * m, key=lambda s: end(s, True))
        near = part[max(first - 1, 0) : last + 1]
        if (n if self.spread else m) == 1 and near:
            # Every stride does what a smaller one does, but for its own part in the size.
            ends = (near[0], *near[1:3], *near[-3:], part[-1])
            yield from dict.fromkeys(ends)
            return
        yield from self._ends_first(near)

    def _of_several(
        self, part: range, sources: tuple[int, ...], targets: tuple[int, ...]
    ) -> Iterator[int]:
        """For several pairs of sizes: the strides around the ratio of their differences."""
        low, high = min(zip(sources, targets, strict=True)), max(zip(sources, targets, strict=True))
        wide, tall = high[0] - low[0], high[1] - low[1]
        ratio = abs(tall) // (wide or 1) if self.spread else wide // (abs(tall) or 1)
        place = bisect_left(part, ratio)
        if len(part) > MOST_STEPS:
            self.cut = True
        yield from part[max(place - MOST_STEPS // 2, 0) : place + MOST_STEPS // 2]

    def _of_any(
        self, values: Callable[[int], Values], part: range, targets: tuple[int, ...]
    ) -> Iterator[int]:
        """From any input: a stride beyond all sizes does what the largest one does."""
        if self.spread:
            least = values(part[-1]).above(-FAR)
            yield from self._ends_first(clip(part, 1, max(targets) - min(least or 0, 0)))
        yield part[-1]

    def _ends_first(self, part: range) -> Iterator[int]:
        if len(part) <= MOST_STEPS:
            yield from part
            return
        self.cut = True
        yield from part[: MOST_STEPS // 2]
        yield from part[-MOST_STEPS // 2 :]

    def _from_known(
        self,
        values: Values,
        s: int,
        sources: tuple[int, ...],
        targets: tuple[int, ...],
        side: int,
    ) -> tuple[int, ...] | None:
        """The distances at one stride."""
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
        least = self.dilations.first * (self.space.kernel_size.first - 1) + 1
        return len(rests) == 1 or least <= min(rests)

    def _from_any(
        self, values: Values, s: int, targets: tuple[int, ...], side: int, exact: bool
    ) -> tuple[int, ...] | None:
        """The distances at one stride, where every input will do."""
        if not self.spread:
            least = self._least(values, s)
            if side < 0:
                return (0,) * len(targets) if min(targets) >= least else None
            return tuple([max(least - m, 0) for m in targets])
        if self._hits(values, s, targets):
            return (0,) * len(targets)
        if exact:
            return None
        best: tuple[int, tuple[int, ...]] | None = None
        seen: set[int] = set()
        v = values.above(-FAR)
        for _ in range(MOST_STEPS):
            if v is None or len(seen) == s:
                break
            if v % s not in seen:
                # The first value that leaves this rest needs the smallest sizes.
                seen.add(v % s)
                found = _apart(v, s, targets, side)
                if found is not None and (best is None or (sum(found), found) < best):
                    best = sum(found), found
            v = values.above(v + 1)
        else:
            self.cut = True
        return None if best is None else best[1]

    def _hits(self, values: Values, s: int, targets: tuple[int, ...]) -> bool:
        """Whether one value leaves no rest on any axis."""
        rest, most = targets[0] % s, min(targets)
        if any([m % s != rest for m in targets]):
            return False
        v = values.above(-FAR)
        for _ in range(MOST_STEPS):
            if v is None or v > most:
                return False
            if v % s == rest:
                return True
            v = values.above(v + (rest - v) % s)
        self.cut = True
        return False

    def _least(self, values: Values, s: int) -> int:
        """The smallest size that a window has for any input."""
        most = values.below(FAR)
        if self.mode.kind == "same" or most is None:
            return 1
        space = self.space
        least = max(-(-(2 - most) // s), 1)
        if space.fits:
            p = space.padding.first if space.padding else 0
            k = next(space.kernel_size.between(max(2 * p, 1), FAR))
            inner = min(k + p, s + 2 * p) if space.ceil_mode else 2 * p + 1
            least = max(least, -(-inner // s))
        return least


def _apart(v: int, s: int, targets: tuple[int, ...], side: int) -> tuple[int, ...] | None:
    """How far the sizes v, v + s, v + 2s ... lie from the targets."""
    found = []
    for m in targets:
        size = m + (v - m) % s if side > 0 else m - (m - v) % s
        if size < v:
            if side < 0:
                return None
            size = v
        if size < 1:
            return None
        found.append(side * (size - m))
    return tuple(found)


def _count(choices: Choices) -> int:
    return sum([(part[-1] - part[0]) // part.step + 1 for part in choices.parts])


class _Shape:
    """Kernels of one dilation, or dilations of one kernel, and the values that they give."""

    def __init__(self, reach: Reach, s: int, parts: list[range], d: int, k: int) -> None:
        self.space, self.mode = reach.space, reach.mode
        self.s, self.parts, self.d, self.k = s, parts, d, k
        self.cut = False

    def dilation(self, number: int) -> int:
        """The dilation of one of the numbers."""
        return self.d or number

    def kernel(self, number: int) -> int:
        """The kernel of one of the numbers."""
        return self.k or number

    def span(self, number: int) -> int:
        """The effective kernel of one of the numbers."""
        return self.dilation(number) * (self.kernel(number) - 1) + 1

    def kept(self) -> list[Span]:
        """What "same" keeps of the last step: all of it, or an odd element and output_padding."""
        if not self.mode.extra:
            return [constant(self.s, self.s)]
        given = self.space.output_padding
        numbers = [part[i] for part in self.parts for i in range(min(2, len(part)))]
        spans = []
        for odd in {self.span(number) % 2 for number in numbers}:
            for part in given.parts if given else (range(self.s),):
                extras = clip(part, 1 - odd, self.s - 1)
                if extras:
                    spans.append(constant(odd + extras[0], odd + extras[-1], extras.step))
        return spans

    def stretched(self, s: int) -> list[Span]:
        """A kernel that is not cropped, and not shorter than its stride."""

        def size(number: int) -> int:
            return max(self.span(number), s)

        return [Span(part, size, size, 1) for part in self.parts]

    def rounded(self) -> list[Span]:
        """With ceil_mode: floor((n + c)/s) for c = v + s. The values are those of -v."""
        spans = []
        kernels = [
            k
            for part in self.parts
            for k in (*part[:MOST_VALUES], *part[MOST_VALUES:][-MOST_VALUES:])
        ]
        self.cut = any([len(part) > 2 * MOST_VALUES for part in self.parts])
        for k in kernels:
            ke = self.d * (k - 1) + 1

            def turned(p: int, ke: int = ke) -> int:
                return p - 1 - max(ke - self.s - p, 0)

            pads = self.space.padding.parts if self.space.padding else (range(k // 2 + 1),)
            for part in pads:
                numbers = clip(part, 0, k // 2)
                if numbers:
                    spans.append(Span(numbers, turned, turned, 1))
        return spans

    def padded(self) -> Iterator[Span]:
        """A number of padding on both sides; output_padding leaves a part of the second crop."""
        for part in self.parts:
            for low, high, step in self.pads():
                if low is None:
                    yield from self.padded_freely(part)
                else:
                    yield from self.padded_from(part, low, high, step)

    def pads(self) -> list[tuple[int | None, int, int]]:
        """Ranges of padding; from None where it may go up to the default bound."""
        space = self.space
        if self.mode.kind == "none" or (space.bounds.words is not None and space.padding is None):
            return [(0, 0, 1)]
        if space.padding is None:
            return [(0, FAR, 1)] if self.mode.half else [(None, 0, 1)]
        parts = space.padding.parts
        if not self.mode.half and all([part.step == 1 for part in parts]):
            return [(part[0], part[-1], 1) for part in parts]
        pads: list[tuple[int | None, int, int]] = []
        for part in parts:
            if part.step == 1 or (not self.mode.half and part.step <= MOST_VALUES):
                pads.append((part[0], part[-1], part.step))
            else:
                self.cut = self.cut or len(part) > MOST_VALUES
                pads += [(p, p, 1) for p in part[:MOST_VALUES]]
        return pads

    def extras(self, step: int) -> Iterator[tuple[int, int, bool]]:
        """Ranges of output_padding, and whether they fill the gaps of a padding that goes by steps."""
        if not self.space.transposed:
            yield 0, 0, False
            return
        most = (max(self.s, self.d) if self.mode.lax else self.s) - 1
        free = not self.d and self.mode.lax  # it may reach the dilation, whatever that is
        given = self.space.output_padding
        for part in given.parts if given else (range(FAR),):
            if free and not given:
                yield 0, FAR, True
                self.cut = self.cut or step > 2
                continue
            numbers = part if free else clip(part, 0, most)
            if not free and numbers.step == 1 and len(numbers) >= step:
                yield numbers[0], numbers[-1], True
                continue
            self.cut = self.cut or len(numbers) > MOST_VALUES
            for extra in numbers[:MOST_VALUES]:
                yield extra, extra, False

    def top(self, number: int) -> int:
        """The largest output_padding at one of the numbers."""
        return (max(self.s, self.dilation(number)) if self.mode.lax else self.s) - 1

    def padded_freely(self, part: range) -> Iterator[Span]:
        """The default bound: a larger kernel has all values of a smaller one of the same parity."""
        for extra, most, fills in self.extras(2):
            for number in part[-2:]:
                ke = self.span(number)
                high = min(most, self.top(number)) if self.space.transposed else 0
                if high >= extra:
                    low = 2 - 2 * self.space.bounds.margin - ke
                    yield constant(low + extra, ke + high, 1 if fills else 2)

    def padded_from(self, part: range, first: int, last: int, step: int) -> Iterator[Span]:
        """Paddings from first to last."""
        half = self.mode.half

        def most(number: int) -> int:
            return min(last, self.kernel(number) // 2) if half else last

        if half:
            part = (
                clip(part, 2 * first, FAR) if self.d else part if first <= self.k // 2 else range(0)
            )
        for extra, top, fills in self.extras(2 * step):
            numbers = part
            if not self.d and self.space.transposed and extra >= self.s:
                numbers = clip(part, extra + 1, FAR)

            def low(number: int, extra: int = extra) -> int:
                return self.span(number) - 2 * most(number) + extra

            def high(number: int, top: int = top) -> int:
                more = min(top, self.top(number)) if self.space.transposed else 0
                return self.span(number) - 2 * first + more

            unit = (self.d or self.k - 1) * numbers.step
            period = 2 * step // gcd(unit, 2 * step)
            for rest in range(min(period, len(numbers))):
                yield Span(numbers[rest::period], low, high, 1 if fills else 2 * step)
