"""Maps made of maps: multiples, sums, minima and maxima, and a map where another is at least 0."""

from __future__ import annotations

import operator
from collections import Counter
from math import gcd, lcm
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from deconvcalc.sizemap.chains import Chain
from deconvcalc.sizemap.exact import ExactMap, Shape, in_order
from deconvcalc.sizemap.floors import SizeMap
from deconvcalc.sizemap.ranges import chunks, roomy
from deconvcalc.sizemap.text import LONG, put_in

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

__all__ = ["Combined", "Found", "Made", "Where", "affine"]

T = TypeVar("T")


Found: TypeAlias = "tuple[np.ndarray, np.ndarray]"
"""The values of a map, and where they are accepted."""


class Made(ExactMap):
    """A map made of others. It says how; the parts of parts are gone through here, in a loop."""

    __slots__ = ("_hash", "parts")
    _hash: int

    def _label(self) -> tuple[object, ...]:
        """What it is made by, but for its parts."""
        return (id(self),)

    def __eq__(self, other: object) -> bool:
        """Whether it is made in the same way of the same parts."""
        if self is other:
            return True
        if not isinstance(other, Made) or hash(self) != hash(other):
            return False
        seen: set[tuple[int, int]] = set()
        todo: list[tuple[ExactMap, ExactMap]] = [(self, other)]
        while todo:
            one, its = todo.pop()
            if one is its or (id(one), id(its)) in seen:
                continue
            seen.add((id(one), id(its)))
            if not (isinstance(one, Made) and isinstance(its, Made)):
                if one != its:
                    return False
            elif one._label() != its._label():
                return False
            else:
                todo += zip(one.parts, its.parts, strict=True)
        return True

    def __hash__(self) -> int:
        if not hasattr(self, "_hash"):
            for one in in_order(self, lambda one: hasattr(one, "_hash")):
                if isinstance(one, Made):
                    one._hash = hash((one._label(), *map(hash, one.parts)))
        return self._hash

    def never_refuses(self) -> bool:
        """Whether all of its parts accept every n."""
        return all(
            isinstance(one, (Scaled, Combined)) if isinstance(one, Made) else one.never_refuses()
            for one in in_order(self)
        )

    def _join(self, found: list[Found]) -> Found:
        """The values, from those of the parts."""
        raise NotImplementedError

    def _bound(self, ends: list[tuple[int, int]]) -> tuple[int, int]:
        """The bounds, from those of the parts."""
        raise NotImplementedError

    def _word(self, texts: list[str]) -> str:
        """The text, from those of the parts."""
        raise NotImplementedError

    def values(self, sizes: np.ndarray) -> Found:
        """The values for an array of n, and where they are accepted."""
        return _fold(self, lambda one: one.values(sizes), lambda one, found: one._join(found))

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not."""
        return _fold(self, lambda one: one.bounds(low, high), lambda one, ends: one._bound(ends))

    def _text(self) -> str:
        return _fold(self, lambda one: one._text(), lambda one, texts: one._word(texts))


def _fold(whole: Made, alone: Callable[[ExactMap], T], join: Callable[[Made, list[T]], T]) -> T:
    """What is found of a map, from what is found of its parts; each once, and kept while needed."""
    order = in_order(whole)
    uses = Counter([id(part) for one in order for part in one.parts])
    found: dict[int, T] = {}
    for one in order:
        of_parts = [found[id(part)] for part in one.parts]
        found[id(one)] = join(one, of_parts) if isinstance(one, Made) else alone(one)
        for part in one.parts:
            uses[id(part)] -= 1
            if not uses[id(part)]:
                del found[id(part)]
    return found[id(whole)]


class Scaled(Made):
    """floor((slope*f + offset) / divisor) of a map f, whatever the sign of its slope."""

    __slots__ = ("divisor", "factor", "inner", "offset")

    def __init__(self, inner: ExactMap, slope: int, offset: int, divisor: int) -> None:
        self.inner, self.factor, self.offset, self.divisor = inner, slope, offset, divisor
        self.parts = (inner,)
        self._made_of(inner)
        self.rises = inner.rises and slope >= 0

    def _label(self) -> tuple[object, ...]:
        return (Scaled, self.factor, self.offset, self.divisor)

    def terms(self) -> tuple[list[tuple[int, ExactMap]], int] | None:
        """Its one map, so many times, where nothing is rounded."""
        return ([(self.factor, self.inner)], self.offset) if self.divisor == 1 else None

    def _join(self, found: list[Found]) -> Found:
        ((values, taken),) = found
        values = roomy(values, self.factor, abs(self.offset) + self.divisor)
        return (values * self.factor + self.offset) // self.divisor, taken

    def _bound(self, ends: list[tuple[int, int]]) -> tuple[int, int]:
        scaled = [(self.factor * end + self.offset) // self.divisor for end in ends[0]]
        return min(scaled), max(scaled)

    def _make_shape(self) -> Shape:
        shape = self.inner.shape
        rise = self.factor * shape.rise
        times = self.divisor // gcd(self.divisor, rise) if rise else 1
        return Shape(
            shape.low,
            shape.start,
            shape.period * times,
            rise * times // self.divisor,
            finite=shape.finite,
        )

    def _word(self, texts: list[str]) -> str:
        floor = SizeMap(self.factor, self.offset, self.divisor)
        return put_in(str(floor), texts[0]) if self.factor else str(floor)


def affine(inner: ExactMap, slope: int, offset: int, divisor: int) -> ExactMap:
    """floor((slope*f + offset) / divisor), with what f ends in where both are one floor."""
    if isinstance(inner, Scaled) and (inner.divisor == 1 or slope == 1):
        offset = slope * inner.offset + offset * inner.divisor
        slope, divisor = slope * inner.factor, inner.divisor * divisor
        return affine(inner.inner, slope, offset, divisor)
    if isinstance(inner, Chain):
        made = inner.affine(slope, offset, divisor)
        if made is not None:
            return made
    if (slope, offset, divisor) == (1, 0, 1):
        return inner
    return Scaled(inner, slope, offset, divisor)


class Combined(Made):
    """The sum, the minimum or the maximum of two maps, where both accept."""

    __slots__ = ("one", "other", "sign")

    def __init__(self, sign: str, one: ExactMap, other: ExactMap) -> None:
        self.sign, self.one, self.other = sign, one, other
        self.parts = (one, other)
        self._made_of(one, other)

    def _label(self) -> tuple[object, ...]:
        return (Combined, self.sign)

    def terms(self) -> tuple[list[tuple[int, ExactMap]], int] | None:
        """The two, where it is their sum."""
        return ([(1, self.one), (1, self.other)], 0) if self.sign == "+" else None

    def _join(self, found: list[Found]) -> Found:
        import numpy as np

        (ones, here), (others, there) = found
        work = {"+": np.add, "min": np.minimum, "max": np.maximum}[self.sign]
        return work(roomy(ones, 2), roomy(others, 2)), here & there

    def _bound(self, ends: list[tuple[int, int]]) -> tuple[int, int]:
        known: dict[str, Callable[[int, int], int]] = {"+": operator.add, "min": min, "max": max}
        work = known[self.sign]
        least, most = zip(*ends, strict=True)
        return work(*least), work(*most)

    def _make_shape(self) -> Shape:
        one, other = self.one.shape, self.other.shape
        low, start = max(one.low, other.low), max(one.start, other.start)
        if one.finite or other.finite:
            ends = [shape.start for shape in (one, other) if shape.finite]
            return Shape(low, min(ends), 1, 0, finite=True)
        period = lcm(one.period, other.period)
        rises = [shape.rise * (period // shape.period) for shape in (one, other)]
        if self.sign == "+":
            return Shape(low, start, period, sum(rises), finite=False)
        ahead = rises[0] - rises[1]
        if ahead:
            least, most = _gap(self.one, self.other, start, start + period)
            behind = -least if ahead > 0 else most
            start += max(-(-behind // abs(ahead)), 0) * period
        rise = min(rises) if self.sign == "min" else max(rises)
        return Shape(low, start, period, rise, finite=False)

    def _word(self, texts: list[str]) -> str:
        one, other = [text if len(text) <= LONG else "…" for text in texts]
        if self.sign == "+":
            return f"{one} + {other}".replace("+ -", "- ")
        return f"{self.sign}({one}, {other})"


class Where(Made):
    """A map where another one is at least 0."""

    __slots__ = ("inner", "slack")

    def __init__(self, inner: ExactMap, slack: ExactMap) -> None:
        self.inner, self.slack = inner, slack
        self.parts = (inner, slack)
        self._made_of(inner, slack)
        self.rises = inner.rises

    def _label(self) -> tuple[object, ...]:
        return (Where,)

    def _join(self, found: list[Found]) -> Found:
        (values, here), (slacks, there) = found
        return values, here & there & (slacks >= 0).astype(bool)

    def _bound(self, ends: list[tuple[int, int]]) -> tuple[int, int]:
        return ends[0]

    def _make_shape(self) -> Shape:
        one, slack = self.inner.shape, self.slack.shape
        low, start = max(one.low, slack.low), max(one.start, slack.start)
        if one.finite or slack.finite:
            ends = [shape.start for shape in (one, slack) if shape.finite]
            return Shape(low, min(ends), 1, 0, finite=True)
        if slack.rise:
            least, most = self.slack.window()
            behind = -least if slack.rise > 0 else most + 1
            turns = max(-(-behind // abs(slack.rise)), 0)
            start = max(start, slack.start + turns * slack.period)
            if slack.rise < 0:  # from here on it is below 0
                return Shape(low, slack.start + turns * slack.period, 1, 0, finite=True)
        period = lcm(one.period, slack.period)
        return Shape(low, start, period, one.rise * (period // one.period), finite=False)

    def _word(self, texts: list[str]) -> str:
        return texts[0]


def _gap(one: ExactMap, other: ExactMap, low: int, end: int) -> tuple[int, int]:
    """The least and the greatest difference of two maps on a range, where both accept."""
    least, most = 0, 0
    for sizes in chunks(low, end, all_of_them=True):
        ones, here = one.values(sizes)
        others, there = other.values(sizes)
        both = here & there
        if both.any():
            gap = ones[both] - others[both]
            least, most = min(least, int(gap.min())), max(most, int(gap.max()))
    return least, most
