"""Maps of any shape, one after the other, and float scales."""

from __future__ import annotations

from bisect import bisect_right
from math import gcd
from typing import TYPE_CHECKING

from deconvcalc.algebra import scaled_floor
from deconvcalc.sizemap.chains import Chain
from deconvcalc.sizemap.combined import Found, Made
from deconvcalc.sizemap.exact import HORIZON, ExactMap, Shape
from deconvcalc.sizemap.ranges import chunks, roomy
from deconvcalc.sizemap.text import put_in

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Composed", "FloatScale", "first_above", "one_more"]


class FloatScale(ExactMap):
    """floor(n * scale), the product rounded to float64 first: nondecreasing, without a period."""

    __slots__ = ("scale",)

    def __init__(self, scale: float) -> None:
        self.scale, self.horizon = scale, HORIZON
        self.repeats, self.rises = False, True

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        import numpy as np

        values = scaled_floor(roomy(sizes, int(self.scale) + 1), self.scale)
        return values, np.ones(sizes.shape, dtype=bool)

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high."""
        return scaled_floor(low, self.scale), scaled_floor(high, self.scale)

    def _text(self) -> str:
        return f"floor(n*{self.scale})"


class Composed(Made):
    """Maps, one after the other: those before, which are shared and may be many, and one more."""

    __slots__ = ("before", "last")

    def __init__(self, before: ExactMap, last: ExactMap, horizon: int | None = None) -> None:
        self.before, self.last = before, last
        self.parts = (before,)
        self._made_of(before, last)
        self.horizon = horizon

    @property
    def stages(self) -> list[ExactMap]:
        """The maps, first to last."""
        found: list[ExactMap] = []
        one: ExactMap = self
        while isinstance(one, Composed):
            found.append(one.last)
            one = one.before
        return [one, *reversed(found)]

    def _join(self, found: list[Found]) -> Found:
        ((values, taken),) = found
        after, here = self.last.values(values)
        return after, taken & (values >= 1).astype(bool) & here

    def _bound(self, ends: list[tuple[int, int]]) -> tuple[int, int]:
        return self.last.bounds(*ends[0])

    def _make_shape(self) -> Shape:
        return _shape_after(self.last, self.before)

    def _word(self, texts: list[str]) -> str:
        (text,) = texts
        if not isinstance(self.last, Chain):
            return put_in(self.last._text(), text)
        for floor in self.last.floors:
            text = put_in(str(floor), text)
        return text


def one_more(first: ExactMap, then: ExactMap) -> ExactMap:
    """A map after another; neighbouring chains are one."""
    if isinstance(first, Chain) and isinstance(then, Chain):
        return first.then(then)
    horizon = _horizon_of(first, then)
    if isinstance(first, Composed) and isinstance(first.last, Chain) and isinstance(then, Chain):
        return Composed(first.before, first.last.then(then), horizon)
    return Composed(first, then, horizon)


def _horizon_of(first: ExactMap, then: ExactMap) -> int | None:
    """The greatest n up to which the first map is known and leads to where the other is known."""
    limit = then.horizon
    if limit is None:
        return first.horizon
    if isinstance(first, Chain):
        return first.known_to(limit)
    end = min(limit, HORIZON if first.horizon is None else min(first.horizon, HORIZON))
    beyond = first_above(first, limit, end)
    return end if beyond is None else max(min(end, beyond - 1), 0)


def first_above(size_map: ExactMap, limit: int, end: int) -> int | None:
    """The least n up to an end whose value is above a limit; None where there is none."""
    if size_map.bounds(1, max(end, 1))[1] <= limit:
        return None
    if size_map.rises:
        found = 1 + bisect_right(range(1, end + 1), limit, key=lambda n: size_map.value(n)[0])
        return found if found <= end else None
    for sizes in chunks(1, end + 1):
        above = sizes[(size_map.values(sizes)[0] > limit).astype(bool)]
        if above.size:
            return int(above[0])
    return None


def _shape_after(outer: ExactMap, before: ExactMap) -> Shape:
    """How a map after another repeats, where both do."""
    first, then = before.shape, outer.shape
    if first.finite or first.rise == 0:
        return Shape(first.low, first.start, first.period, 0, finite=first.finite)
    least, most = before.window()
    start = first.start
    if first.rise < 0:  # from here on nothing is left that the outer map takes
        turns = max(-((then.low - 1 - most) // -first.rise), 0)
        return Shape(first.low, start + turns * first.period, 1, 0, finite=True)
    start += max(-((least - then.start) // first.rise), 0) * first.period
    if then.finite:
        return Shape(first.low, start, 1, 0, finite=True)
    times = then.period // gcd(then.period, first.rise)
    rise = then.rise * (first.rise * times // then.period)
    return Shape(first.low, start, first.period * times, rise, finite=False)
