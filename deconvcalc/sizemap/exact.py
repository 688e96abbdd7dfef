"""Exact maps of any shape: chains of floors, and their sums, differences, minima and maxima.

From some n on, such a map repeats: f(n + period) = f(n) + rise, and what it refuses repeats too. So
a question about all n is decided by the n up to start + period. Chains are kept as they are, with
neighbouring floors merged; values are computed where a decision needs them, in chunks, up to a
stated limit. A float scale is the exception: the product is rounded, so it does not repeat, and
decisions about it are for the n up to a horizon.

`ExactMap` is what all maps have: their algebra, and the decisions. Its forms stand in `chains`,
`combined` and `stages`, and are imported where one is made.
"""

from __future__ import annotations

from math import gcd, lcm
from typing import TYPE_CHECKING, Any

from deconvcalc.algebra import is_array
from deconvcalc.errors import DeconvcalcError, SizeError, UndecidedError
from deconvcalc.sizemap.arrays import narrow, refuse_some, whole_array
from deconvcalc.sizemap.floors import Numbers, SizeMap, put
from deconvcalc.sizemap.ranges import SAFE, chunks
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

__all__ = ["HORIZON", "ExactMap", "Shape", "Stair", "UndecidedError", "exact", "in_order", "up_to"]

HORIZON = 2**20
"""Up to this n a float scale that does not repeat is known.

It is longer than any axis of an image and 20 seconds of sound, and to look at all of it takes
milliseconds. A scale such as 0.5 or 1.5, whose products float64 holds, is one floor much further.
"""

ROUNDED = 2**53
"""Beyond it float64 skips integers."""

Stair = tuple[int, int, int, int, int, int]
"""The numbers low, slope, offset, divisor, rise and base of a map.

It is rise * floor((slope*n + offset) / divisor) + base, for every n from `low` on. `rise` and
`slope` are at least 1, and `slope` and `divisor` have no common factor.
"""


class Shape(Value):
    """How a map repeats: for n >= start, f(n + period) = f(n) + rise, refusals included.

    `low` is the least n that may be accepted: everything below is refused. Where the map accepts
    finitely many n, nothing is accepted from `start` on, and `rise` is 0. `whole` says that every n
    from `low` on is known to be accepted.
    """

    __slots__ = _fields = ("low", "start", "period", "rise", "finite", "whole")
    low: int
    start: int
    period: int
    rise: int
    finite: bool
    whole: bool

    def __init__(
        self, low: int, start: int, period: int, rise: int, *, finite: bool, whole: bool = False
    ) -> None:
        put(self, "low", low)
        put(self, "start", max(start, low))
        put(self, "period", period)
        put(self, "rise", rise)
        put(self, "finite", finite)
        put(self, "whole", whole)


class ExactMap:
    """A map from input to output size, exact for every n >= 1, with what it refuses.

    `+`, `-`, `*` with an int, `//` and `%` by an int, `minimum` and `maximum` make new maps; so a
    formula that is written in these operators runs on maps.

    Attributes:
        horizon: the greatest n that the map is known at, or None where it is known at all of them.
            Only float scales have one. Decisions hold up to it, and beyond it there is no value.
        repeats: whether the map repeats, as `shape` says; with a horizon, as if there were none.
        rises: whether it is known never to fall.
        parts: the maps that its values are made of, each taken at the same n.
    """

    __slots__ = ("_shape", "horizon", "repeats", "rises")
    is_exact_map = True
    parts: tuple[ExactMap, ...] = ()
    _shape: Shape
    horizon: int | None
    repeats: bool
    rises: bool

    def _made_of(self, *parts: ExactMap) -> None:
        """Known as far as all of its parts are, and like all of them."""
        self.horizon = min(
            [h for h in [part.horizon for part in parts] if h is not None], default=None
        )
        self.repeats = all(part.repeats for part in parts)
        self.rises = all(part.rises for part in parts)

    # Values.

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        raise NotImplementedError

    def value(self, n: int) -> tuple[int, bool]:
        """The value at one n, and whether it is accepted."""
        import numpy as np

        values, taken = self.values(np.array([n], dtype=object))
        return int(values[0]), bool(taken[0])

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not; not always the nearest."""
        raise NotImplementedError

    def _make_shape(self) -> Shape:
        raise NotImplementedError

    def stair(self) -> Stair | None:
        """The map as one floor and a line after it; None where it is not, or that is not known."""
        return None

    def count(self, most: int) -> int:
        """How many floors it has, `most` at most; so many too where it is no chain of floors."""
        return most

    def terms(self) -> tuple[list[tuple[int, ExactMap]], int] | None:
        """The maps that it is a sum of, with how often each is taken, and a number; None for none.

        It refuses what one of them refuses.
        """
        return None

    def never_refuses(self) -> bool:
        """Whether it is known to accept every n."""
        return False

    @property
    def constant(self) -> int | None:
        """The value that it has wherever it accepts; None where it has several, or nobody knows."""
        return None

    @property
    def shape(self) -> Shape:
        """How the map repeats."""
        if not self._has_shape():
            for one in in_order(self, ExactMap._has_shape):
                one._shape = (
                    one._make_shape()
                    if one.repeats
                    else Shape(1, (one.horizon or 0) + 1, 1, 0, finite=True)
                )
        return self._shape

    def _has_shape(self) -> bool:
        return hasattr(self, "_shape")

    def __call__(self, n: Any) -> Any:
        """The value at n; for a numpy array of integers the values, elementwise, in int64.

        Raises:
            SizeError: the map refuses n; in an array it names the count and the first index. A
                value that leaves int64 is refused too.
            TypeError: n is no int.
            UndecidedError: n lies beyond the horizon.
        """
        if is_array(n) and integer(n) is None:
            sizes, (values, mask) = whole_array(n), self._of_array(n)
            refuse_some(self, sizes, ~mask, "the size is in its domain")
            return narrow(self, sizes, values)
        number = self._known(n)
        value, taken = self.value(number)
        if number < 1 or not taken:
            raise SizeError(f"{self} refuses {number}", size=number, rule="domain")
        return value

    def accepts(self, n: Any) -> Any:
        """Whether the map takes n: a bool, or a mask for an array.

        Raises:
            TypeError: n is no int.
            UndecidedError: n lies beyond the horizon.
        """
        if is_array(n) and integer(n) is None:
            return self._of_array(n)[1]
        n = self._known(n)
        return n >= 1 and self.value(n)[1]

    def _of_array(self, n: Any) -> tuple[np.ndarray, np.ndarray]:
        """The values for a user's array, exact, and where they are accepted."""
        sizes = whole_array(n)
        if sizes.size:
            self._known(int(sizes.max()))
        large = sizes.size and int(sizes.max()) >= SAFE
        values, taken = self.values(sizes.astype(object if large else "int64"))
        return values, taken & (sizes >= 1)

    def _known(self, n: Any) -> int:
        number = _whole(n)
        if self.horizon is not None and number > self.horizon:
            raise UndecidedError(
                f"{self}: nothing is known of n = {number}",
                size=number,
                rule="horizon",
                hint="A float scale has a horizon: layer.output_size gives single sizes beyond it.",
            )
        return number

    # As text.

    def _text(self) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        return self._text() + ("" if self.horizon is None else f", n <= {self.horizon}")

    __repr__ = __str__

    # The algebra.

    def then(self, other: ExactMap | SizeMap) -> ExactMap:
        """First this map, then another."""
        from deconvcalc.sizemap.stages import Composed, one_more

        made, after = self, exact(other)
        for stage in after.stages if isinstance(after, Composed) else (after,):
            made = one_more(made, stage)
        return made

    def then_floors(self, floors: list[Numbers]) -> ExactMap:
        """First this map, then floors, by their numbers."""
        return self.then(exact(SizeMap()).then_floors(floors))

    def scaled(self, scale: float) -> ExactMap:
        """floor(f * scale), the product rounded to float64 before the floor, as PyTorch does it.

        >>> from deconvcalc.sizemap import SizeMap
        >>> exact(SizeMap()).scaled(0.29), exact(SizeMap()).scaled(1.5).horizon == 2**53 // 3
        (floor(n*0.29), n <= 1048576, True)
        """
        from deconvcalc.sizemap.chains import chain
        from deconvcalc.sizemap.stages import FloatScale

        numerator, denominator = scale.as_integer_ratio()
        exactly = ROUNDED // numerator
        if exactly < HORIZON:
            return self.then(FloatScale(scale))
        return self.then(chain([SizeMap(numerator, 0, denominator)], exactly))

    def where(self, slack: Any, modulus: int = 1) -> ExactMap:
        """This map where `slack`, a map or an int, is at least 0 and `modulus` divides n."""
        from deconvcalc.sizemap.chains import Chain, chain
        from deconvcalc.sizemap.combined import Where

        own = chain([SizeMap(modulus=modulus)]).then(self) if modulus > 1 else self
        other = exact(slack)
        if isinstance(own, Chain) and isinstance(other, Chain) and own.is_floor and other.is_floor:
            return chain([own.floors[0].where(other.floors[0])], own.horizon)
        return Where(own, other)

    def within(self, other: ExactMap) -> ExactMap:
        """This map where another is accepted, too."""
        from deconvcalc.sizemap.combined import Where

        return Where(self, other * 0)

    def __add__(self, other: Any) -> ExactMap:
        number = integer(other)
        return self._combined("+", other) if number is None else self._affine(1, number, 1)

    __radd__ = __add__

    def __neg__(self) -> ExactMap:
        return self._affine(-1, 0, 1)

    def __sub__(self, other: Any) -> ExactMap:
        number = integer(other)
        return self + (-exact(other) if number is None else -number)

    def __rsub__(self, other: Any) -> ExactMap:
        return (-self).__add__(other)

    def __mul__(self, factor: int) -> ExactMap:
        return self._affine(_whole(factor), 0, 1)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> ExactMap:
        if _whole(divisor) < 1:
            raise DeconvcalcError(f"a map is divided by at least 1, not by {divisor}")
        return self._affine(1, 0, _whole(divisor))

    def __mod__(self, divisor: int) -> ExactMap:
        return self - (self // divisor) * divisor

    def minimum(self, other: Any) -> ExactMap:
        """The smaller of two maps, or of a map and an int."""
        return self._combined("min", other)

    def maximum(self, other: Any) -> ExactMap:
        """The larger of two maps, or of a map and an int."""
        return self._combined("max", other)

    def _affine(self, slope: int, offset: int, divisor: int) -> ExactMap:
        from deconvcalc.sizemap.combined import affine

        return affine(self, slope, offset, divisor)

    def _combined(self, sign: str, other: Any) -> ExactMap:
        from deconvcalc.sizemap.combined import Combined

        return Combined(sign, self, exact(other))

    # Decisions.

    def span(self, value: int) -> tuple[int, int] | None:
        """Where a map that never falls has a value, accepted or not: the first n, and the one past.

        None where that is for ever, or no quick way is known.
        """
        if not self.rises or self.horizon is None:
            return None
        from deconvcalc.sizemap.stages import first_above

        first, end = [
            first_above(self, limit, self.horizon) or self.horizon + 1
            for limit in (value - 1, value)
        ]
        return first, end

    def first_difference(self, other: Any) -> int | None:
        """The least n at which two maps differ, in value or in what they refuse; None if nowhere.

        With a horizon, nowhere up to the smaller one of the two.

        Raises:
            UndecidedError: past the work limit.
        """
        return next(_differences(self, exact(other)), None)

    def is_same(self, other: Any) -> bool | None:
        """Whether two maps are one: True, False, or None where the work limit stops it.

        With a horizon, whether they are one up to the smaller one of the two.
        """
        try:
            return self.first_difference(other) is None
        except UndecidedError:
            return None

    def is_identity(self) -> bool | None:
        """Whether every n that is accepted comes out as it went in; None where undecided.

        With a horizon, every n up to it.
        """
        shape = self.shape
        if shape.whole and shape.rise != shape.period:
            return False
        try:
            for sizes in chunks(shape.low, up_to(shape.start + shape.period, self)):
                values, taken = self.values(sizes)
                if (values[taken] != sizes[taken]).any():
                    return False
        except UndecidedError:
            return None
        return shape.finite or shape.rise == shape.period or not self._goes_on()

    def _goes_on(self) -> bool:
        """Whether anything is accepted from the start of the repetition on."""
        shape = self.shape
        if shape.finite:
            return False
        windows = chunks(shape.start, shape.start + shape.period)
        return any(bool(self.values(sizes)[1].any()) for sizes in windows)

    def window(self) -> tuple[int, int]:
        """The least and the greatest value in the first period of the repetition; (1, 0) if none.

        Raises:
            UndecidedError: past the work limit.
        """
        found: list[int] = []
        shape = self.shape
        for sizes in chunks(shape.start, shape.start + shape.period, all_of_them=True):
            values, taken = self.values(sizes)
            if taken.any():
                found += [int(values[taken].min()), int(values[taken].max())]
        return (min(found), max(found)) if found else (1, 0)

    @property
    def slope(self) -> tuple[int, int]:
        """The rise in the long run, as a fraction in lowest terms.

        Raises:
            UndecidedError: a float scale does not repeat.
        """
        if not self.repeats:
            raise UndecidedError(f"{self} does not repeat: it has no slope", rule="horizon")
        rise, period = self.shape.rise, self.shape.period
        common = gcd(rise, period) or 1
        return rise // common, period // common


def in_order(
    whole: ExactMap, known: Callable[[ExactMap], bool] = lambda _: False
) -> list[ExactMap]:
    """A map and all that it is made of, each once and after its parts; none that is known already.

    A loop, as maps may be made of maps thousands of times over, and one may be in many places.
    """
    found: dict[int, ExactMap] = {}
    todo = [whole]
    while todo:
        one = todo[-1]
        ahead = [part for part in one.parts if id(part) not in found and not known(part)]
        if ahead and id(one) not in found:
            todo += ahead
        else:
            found.setdefault(id(one), todo.pop())
    return list(found.values())


def _whole(value: Any) -> int:
    number = integer(value)
    if number is None:
        raise TypeError(f"a map takes ints alone, not {value!r}")
    return number


def exact(value: Any) -> ExactMap:
    """A map, from a map of one floor, a constant, or a map already."""
    if isinstance(value, ExactMap):
        return value
    from deconvcalc.sizemap.chains import chain

    if isinstance(value, SizeMap):
        return chain([value])
    number = integer(value)
    if number is None:
        raise TypeError(
            f"{value!r} is no map and no int; the map of a layer is layer.size_map(), "
            "that of a stack is dc.compose([layer, layer])"
        )
    return chain([SizeMap(0, number)])


def up_to(end: int, *maps: ExactMap) -> int:
    """The end of a range of n that a decision looks at, no further than all maps are known."""
    return min([end, *[one.horizon + 1 for one in maps if one.horizon is not None]])


def _differences(one: ExactMap, other: ExactMap) -> Iterator[int]:
    """The n at which two maps differ, ascending, up to where they are known to be the same."""
    if one == other:  # chains that merge to the same floors
        return
    mine, its = one.shape, other.shape
    period = lcm(mine.period, its.period)
    end = max(mine.start, its.start) + period
    if mine.rise * (period // mine.period) != its.rise * (period // its.period):
        end += period
    for sizes in chunks(min(mine.low, its.low), up_to(end, one, other)):
        ones, here = one.values(sizes)
        others, there = other.values(sizes)
        differ = (here != there) | (here & there & (ones != others).astype(bool))
        yield from (int(n) for n in sizes[differ])
