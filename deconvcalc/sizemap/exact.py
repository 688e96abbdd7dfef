"""Exact maps of any shape: chains of floors, and their sums, differences, minima and maxima.

From some n on, such a map repeats: f(n + period) = f(n) + rise, and what it refuses repeats too. So
a question about all n is decided by the n up to start + period. Chains are kept as they are, with
neighbouring floors merged; values are computed where a decision needs them, in chunks, up to a
stated limit. A float scale is the exception: the product is rounded, so it does not repeat, and
decisions about it are for the n up to a horizon.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from math import gcd, lcm
from typing import TYPE_CHECKING, Any

from deconvcalc.algebra import is_array, scaled_floor
from deconvcalc.errors import DeconvcalcError, SizeError, UndecidedError
from deconvcalc.sizemap.arrays import narrow, refuse_some, whole_array
from deconvcalc.sizemap.floors import SizeMap, put
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeGuard

    import numpy as np

__all__ = [
    "HORIZON",
    "WORK_LIMIT",
    "ExactMap",
    "Shape",
    "UndecidedError",
    "chain",
    "chunks",
    "exact",
    "up_to",
]

WORK_LIMIT = 2**22
"""How many n a decision may look at."""

HORIZON = 2**20
"""Up to this n a float scale that does not repeat is known.

It is longer than any axis of an image and 20 seconds of sound, and to look at all of it takes
milliseconds. A scale such as 0.5 or 1.5, whose products float64 holds, is one floor much further.
"""

ROUNDED = 2**53
"""Beyond it float64 skips integers."""

CHUNK = 2**16
SAFE = 2**62


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
    """

    __slots__ = ("_shape", "horizon", "repeats", "rises")
    is_exact_map = True
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

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not; not always the nearest."""
        raise NotImplementedError

    def _make_shape(self) -> Shape:
        raise NotImplementedError

    def stair(self) -> Stair | None:
        """The map as one floor and a line after it; None where it is not, or that is not known."""
        return None

    @property
    def shape(self) -> Shape:
        """How the map repeats."""
        try:
            return self._shape
        except AttributeError:
            if self.repeats:
                self._shape = self._make_shape()
            else:
                self._shape = Shape(1, (self.horizon or 0) + 1, 1, 0, finite=True)
            return self._shape

    def __call__(self, n: Any) -> Any:
        """The value at n; for a numpy array of integers the values, elementwise, in int64.

        Raises:
            SizeError: the map refuses n; in an array it names the count and the first index. A
                value that leaves int64 is refused too.
            TypeError: n is no int.
            UndecidedError: n lies beyond the horizon.
        """
        import numpy as np

        if is_array(n) and integer(n) is None:
            sizes, (values, taken) = whole_array(n), self._of_array(n)
            refuse_some(self, sizes, ~taken, "the size is in its domain")
            return narrow(self, sizes, values)
        number = self._known(n)
        values, taken = self.values(np.array([number], dtype=object))
        if number < 1 or not taken[0]:
            raise SizeError(f"{self} refuses {number}", size=number, rule="domain")
        return int(values[0])

    def accepts(self, n: Any) -> Any:
        """Whether the map takes n: a bool, or a mask for an array.

        Raises:
            TypeError: n is no int.
            UndecidedError: n lies beyond the horizon.
        """
        import numpy as np

        if is_array(n) and integer(n) is None:
            return self._of_array(n)[1]
        n = self._known(n)
        return n >= 1 and bool(self.values(np.array([n], dtype=object))[1][0])

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
        made, after = self, exact(other)
        for stage in after.stages if isinstance(after, _Composed) else (after,):
            made = _one_more(made, stage)
        return made

    def then_floors(self, floors: list[SizeMap]) -> ExactMap:
        """First this map, then others of one floor."""
        return self.then(chain(floors))

    def scaled(self, scale: float) -> ExactMap:
        """floor(f * scale), the product rounded to float64 before the floor, as PyTorch does it.

        >>> from deconvcalc.sizemap import SizeMap
        >>> exact(SizeMap()).scaled(0.29), exact(SizeMap()).scaled(1.5).horizon == 2**53 // 3
        (floor(n*0.29), n <= 1048576, True)
        """
        numerator, denominator = scale.as_integer_ratio()
        exactly = ROUNDED // numerator
        if exactly < HORIZON:
            return self.then(_FloatScale(scale))
        return self.then(chain([SizeMap(numerator, 0, denominator)], exactly))

    def where(self, slack: Any, modulus: int = 1) -> ExactMap:
        """This map where `slack`, a map or an int, is at least 0 and `modulus` divides n."""
        own = chain([SizeMap(modulus=modulus)]).then(self) if modulus > 1 else self
        other = exact(slack)
        if _is_floor(own) and _is_floor(other):
            return chain([own.floors[0].where(other.floors[0])], own.horizon)
        return _Where(own, other)

    def __add__(self, other: Any) -> ExactMap:
        number = integer(other)
        if number is not None:
            return _affine(self, 1, number, 1)
        return _Combined("+", self, exact(other))

    __radd__ = __add__

    def __neg__(self) -> ExactMap:
        return _affine(self, -1, 0, 1)

    def __sub__(self, other: Any) -> ExactMap:
        number = integer(other)
        return self + (-exact(other) if number is None else -number)

    def __rsub__(self, other: Any) -> ExactMap:
        return (-self).__add__(other)

    def __mul__(self, factor: int) -> ExactMap:
        return _affine(self, _whole(factor), 0, 1)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> ExactMap:
        if _whole(divisor) < 1:
            raise DeconvcalcError(f"a map is divided by at least 1, not by {divisor}")
        return _affine(self, 1, 0, _whole(divisor))

    def __mod__(self, divisor: int) -> ExactMap:
        return self - (self // divisor) * divisor

    def minimum(self, other: Any) -> ExactMap:
        """The smaller of two maps, or of a map and an int."""
        return _Combined("min", self, exact(other))

    def maximum(self, other: Any) -> ExactMap:
        """The larger of two maps, or of a map and an int."""
        return _Combined("max", self, exact(other))

    # Decisions.

    def span(self, value: int) -> tuple[int, int] | None:
        """Where a map that never falls has a value, accepted or not: the first n, and the one past.

        None where that is for ever, or no quick way is known.
        """
        if not self.rises or self.horizon is None:
            return None
        first, end = [
            _first_above(self, limit, self.horizon) or self.horizon + 1
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


def _whole(value: Any) -> int:
    number = integer(value)
    if number is None:
        raise TypeError(f"a map takes ints alone, not {value!r}")
    return number


def exact(value: Any) -> ExactMap:
    """A map, from a map of one floor, a constant, or a map already."""
    if isinstance(value, ExactMap):
        return value
    if isinstance(value, SizeMap):
        return chain([value])
    number = integer(value)
    if number is None:
        raise TypeError(
            f"{value!r} is no map and no int; the map of a layer is layer.size_map(), "
            "that of a stack is dc.compose([layer, layer])"
        )
    return chain([SizeMap(0, number)])


Stair = tuple[int, int, int, int, int, int]
"""The numbers low, slope, offset, divisor, rise and base of a map.

It is rise * floor((slope*n + offset) / divisor) + base, for every n from `low` on. `rise` and
`slope` are at least 1, and `slope` and `divisor` have no common factor.
"""


class Chain(ExactMap):
    """Maps of one floor, one after the other. Each of them must not fall."""

    __slots__ = ("floors",)
    repeats = rises = True

    def __init__(self, floors: tuple[SizeMap, ...], horizon: int | None = None) -> None:
        self.floors, self.horizon = floors, horizon

    def then_floors(self, floors: list[SizeMap]) -> ExactMap:
        """First this map, then others of one floor."""
        return (
            super().then_floors(floors)
            if self.horizon is not None
            else chain(floors, None, self.floors)
        )

    def stair(self) -> Stair | None:
        """The chain as one floor and a line after it, which most are; None where it is not."""
        first, last = self.floors[0], self.floors[-1]
        if first.high is not None or first.modulus > 1 or first.slope < 1:
            return None
        if self.horizon is not None:
            return None
        low, slope, offset, divisor = max(first.low, 1), first.slope, first.offset, first.divisor
        if len(self.floors) == 1:
            return low, slope, offset, divisor, 1, 0
        if len(self.floors) > 2 or last.divisor > 1 or last.slope < 1:
            return None
        if last.high is not None or last.modulus > 1:
            return None
        low = max(low, -((offset - last.low * divisor) // slope))
        return low, slope, offset, divisor, last.slope, last.offset

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        import numpy as np

        values = _wide(sizes, self.floors)
        taken = np.ones(sizes.shape, dtype=bool)
        for floor in self.floors:
            taken &= (values >= floor.low).astype(bool)
            if floor.high is not None:
                taken &= (values <= floor.high).astype(bool)
            if floor.modulus > 1:
                taken &= (values % floor.modulus == 0).astype(bool)
            values = (values * floor.slope + floor.offset) // floor.divisor
        return values, taken

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not."""
        return _at(self, low), _at(self, high)

    def span(self, value: int) -> tuple[int, int] | None:
        """Where the chain has a value, accepted or not: the first n, and the one past the last."""
        first, end = _reaches(self.floors, value), _reaches(self.floors, value + 1)
        if first is None:
            return 1, 1
        return None if end is None else (max(first, 1), max(end, 1))

    def listed(self, window: Iterable[int]) -> Iterable[int]:
        """The values at a few n, accepted or not: for so few, Python is faster than arrays."""
        values = window
        for floor in self.floors:
            slope, offset, divisor = floor.slope, floor.offset, floor.divisor
            if divisor == 1:
                values = [value * slope + offset for value in values]
            elif slope == 1:
                values = [(value + offset) // divisor for value in values]
            else:
                values = [(value * slope + offset) // divisor for value in values]
        return values

    def _make_shape(self) -> Shape:
        stair = self.stair()
        if stair is not None:
            low, slope, _, divisor, rise, _ = stair
            return Shape(low, low, divisor, slope * rise, finite=False, whole=True)
        low, high = 1, None
        period = rise = 1
        whole = True
        for place, floor in enumerate(self.floors):
            least = _reaches(self.floors[:place], floor.low) if place else floor.low
            if least is None:
                return Shape(1, 1, 1, 0, finite=True)
            low = max(low, least)
            if floor.high is not None:
                beyond = _reaches(self.floors[:place], floor.high + 1)
                if beyond is not None:
                    high = beyond - 1 if high is None else min(high, beyond - 1)
            # What the modulus asks repeats, and so does what the floor drops.
            if floor.modulus > 1:
                whole = False
                times = floor.modulus // gcd(floor.modulus, rise) if rise else 1
                period, rise = period * times, rise * times
            if floor.divisor > 1:
                times = floor.divisor // gcd(floor.divisor, rise) if rise else 1
                period, rise = period * times, rise * times
            rise = rise * floor.slope // floor.divisor
        if high is not None:
            return Shape(low, max(high, low - 1) + 1, 1, 0, finite=True)
        return Shape(low, low, period, rise, finite=False, whole=whole)

    def _text(self) -> str:
        text = "n"
        for floor in self.floors:
            text = _text(floor, text)
        return text

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Chain)
            and self.floors == other.floors
            and self.horizon == other.horizon
        )

    def __hash__(self) -> int:
        return hash((self.floors, self.horizon))


def _is_floor(size_map: ExactMap) -> TypeGuard[Chain]:
    return isinstance(size_map, Chain) and len(size_map.floors) == 1


def chain(
    floors: Iterable[SizeMap], horizon: int | None = None, after: tuple[SizeMap, ...] = ()
) -> Chain:
    """Maps of one floor, one after the other, neighbours merged where they are one floor together.

    Args:
        floors: the maps, none of which falls.
        horizon: the greatest n that the chain is known at, if there is one.
        after: what comes before them, merged already.

    Raises:
        DeconvcalcError: one of them falls.
    """
    *made, last = after or (IDENTITY,)
    for floor in floors:
        if floor.slope < 0:
            raise DeconvcalcError(f"{floor} falls: it cannot be in a chain", rule="slope")
        both = merged(last, floor)
        if both is None:
            made.append(last)
            last = floor
        else:
            last = both
    return Chain((*made, last), horizon)


IDENTITY = SizeMap.identity()


def merged(first: SizeMap, then: SizeMap) -> SizeMap | None:
    """Two maps of one floor as one, or None where they are none together."""
    a, b, c = first.slope, first.offset, first.divisor
    low, high, modulus = first.low, first.high, first.modulus
    divides = c == 1 or ((a * modulus) % c == 0 and (a * low + b) % c == 0)
    if divides or then.slope == 1:
        slope, offset, divisor = then.slope * a, then.slope * b + then.offset * c, c * then.divisor
    elif then.slope == 0:
        slope, offset, divisor = 0, then.offset // then.divisor, 1
    else:
        return None  # a floor, and then a slope
    # A call less than `_least_for`: this is run for every layer.
    least = -((b - then.low * c) // a) if a else _least_for(first, then.low)
    if least is None:
        return SizeMap(slope, offset, divisor, 1, 0)
    low = max(low, least)
    if then.high is not None:
        beyond = _least_for(first, then.high + 1)
        if beyond is not None:
            high = beyond - 1 if high is None else min(high, beyond - 1)
    if then.modulus > 1:
        whole = c * then.modulus  # what it must divide, before the division
        if not divides or b % whole:
            return None
        modulus = lcm(modulus, whole // gcd(whole, a))
    return SizeMap(slope, offset, divisor, low, high, modulus)


def _least_for(floor: SizeMap, value: int) -> int | None:
    """The least n at which the floor, whatever its domain, is at least a value; None for none."""
    if floor.slope == 0:
        return -SAFE if floor.offset // floor.divisor >= value else None
    return -((floor.offset - value * floor.divisor) // floor.slope)


def _reaches(floors: tuple[SizeMap, ...], value: int) -> int | None:
    """The least n at which a chain, whatever its domains, is at least a value; None for none."""
    for floor in reversed(floors):
        found = _least_for(floor, value)
        if found is None or found == -SAFE:
            return found
        value = found
    return value


def _text(outer: ExactMap | SizeMap, inner: str) -> str:
    """A map with something else put in for n."""
    text = outer._text() if isinstance(outer, ExactMap) else str(outer)
    if inner == "n" or text == "n":
        return inner if text == "n" else text
    if len(_N.findall(text)) > 1 or len(inner) > LONG:
        return f"({text} after {inner})"
    bare = _CALL.match(inner) and _closes_last(inner)
    return _N.sub(inner if bare else f"({inner})", text)


_N = re.compile(r"\bn\b")
_CALL = re.compile(r"(floor|min|max)\(")

LONG = 2_000
"""Longer text is not put into other text."""


def _closes_last(text: str) -> bool:
    """Whether the first bracket of a text is closed by its last character."""
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth == 0:
            return place == len(text) - 1
    return False


class _Scaled(ExactMap):
    """floor((slope*f + offset) / divisor) of a map f, whatever the sign of its slope."""

    __slots__ = ("divisor", "factor", "inner", "offset")

    def __init__(self, inner: ExactMap, slope: int, offset: int, divisor: int) -> None:
        self.inner, self.factor, self.offset, self.divisor = inner, slope, offset, divisor
        self._made_of(inner)
        self.rises = inner.rises and slope >= 0

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        values, taken = self.inner.values(sizes)
        values = _roomy(values, self.factor, abs(self.offset) + self.divisor)
        return (values * self.factor + self.offset) // self.divisor, taken

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not."""
        ends = [
            (self.factor * end + self.offset) // self.divisor
            for end in self.inner.bounds(low, high)
        ]
        return min(ends), max(ends)

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

    def _text(self) -> str:
        floor, inner = SizeMap(self.factor, self.offset, self.divisor), self.inner._text()
        return _text(floor, inner) if self.factor else str(floor)


def _affine(inner: ExactMap, slope: int, offset: int, divisor: int) -> ExactMap:
    """floor((slope*f + offset) / divisor), with what f ends in where both are one floor."""
    if isinstance(inner, _Scaled) and (inner.divisor == 1 or slope == 1):
        offset = slope * inner.offset + offset * inner.divisor
        slope, divisor = slope * inner.factor, inner.divisor * divisor
        return _affine(inner.inner, slope, offset, divisor)
    if isinstance(inner, Chain) and slope >= 0:
        last = inner.floors[-1]
        if last.divisor == 1 or slope == 1:
            offset = slope * last.offset + offset * last.divisor
            domain = (last.low, last.high, last.modulus)
            floor = SizeMap(slope * last.slope, offset, last.divisor * divisor, *domain)
            return Chain((*inner.floors[:-1], floor), inner.horizon)
    if (slope, offset, divisor) == (1, 0, 1):
        return inner
    return _Scaled(inner, slope, offset, divisor)


class _Combined(ExactMap):
    """The sum, the minimum or the maximum of two maps, where both accept."""

    __slots__ = ("one", "other", "sign")

    def __init__(self, sign: str, one: ExactMap, other: ExactMap) -> None:
        self.sign, self.one, self.other = sign, one, other
        self._made_of(one, other)

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        import numpy as np

        ones, here = self.one.values(sizes)
        others, there = self.other.values(sizes)
        work = {"+": np.add, "min": np.minimum, "max": np.maximum}[self.sign]
        return work(_roomy(ones, 2), _roomy(others, 2)), here & there

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not."""
        known: dict[str, Callable[[int, int], int]] = {"+": operator.add, "min": min, "max": max}
        work = known[self.sign]
        least, most = zip(self.one.bounds(low, high), self.other.bounds(low, high), strict=True)
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

    def _text(self) -> str:
        if self.sign == "+":
            return f"{self.one._text()} + {self.other._text()}".replace("+ -", "- ")
        return f"{self.sign}({self.one._text()}, {self.other._text()})"


class _Where(ExactMap):
    """A map where another one is at least 0."""

    __slots__ = ("inner", "slack")

    def __init__(self, inner: ExactMap, slack: ExactMap) -> None:
        self.inner, self.slack = inner, slack
        self._made_of(inner, slack)
        self.rises = inner.rises

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        values, here = self.inner.values(sizes)
        slacks, there = self.slack.values(sizes)
        return values, here & there & (slacks >= 0).astype(bool)

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not."""
        return self.inner.bounds(low, high)

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

    def _text(self) -> str:
        return self.inner._text()


class _FloatScale(ExactMap):
    """floor(n * scale), the product rounded to float64 first: nondecreasing, without a period."""

    __slots__ = ("scale",)

    def __init__(self, scale: float) -> None:
        self.scale, self.horizon = scale, HORIZON
        self.repeats, self.rises = False, True

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        import numpy as np

        values = scaled_floor(_roomy(sizes, int(self.scale) + 1), self.scale)
        return values, np.ones(sizes.shape, dtype=bool)

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high."""
        return scaled_floor(low, self.scale), scaled_floor(high, self.scale)

    def _text(self) -> str:
        return f"floor(n*{self.scale})"


class _Composed(ExactMap):
    """Maps, one after the other."""

    __slots__ = ("stages",)

    def __init__(self, stages: tuple[ExactMap, ...], horizon: int | None = None) -> None:
        self.stages = stages
        self._made_of(*stages)
        self.horizon = horizon

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        values, taken = self.stages[0].values(sizes)
        for stage in self.stages[1:]:
            taken = taken & (values >= 1).astype(bool)
            values, here = stage.values(values)
            taken &= here
        return values, taken

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not."""
        for stage in self.stages:
            low, high = stage.bounds(low, high)
        return low, high

    def _make_shape(self) -> Shape:
        before = self.stages[0]
        for place in range(1, len(self.stages)):
            shape = _shape_after(self.stages[place], before)
            before = _Composed(self.stages[: place + 1])
            before._shape = shape
        return shape

    def _text(self) -> str:
        text = "n"
        for stage in self.stages:
            floors: Sequence[ExactMap | SizeMap] = (
                stage.floors if isinstance(stage, Chain) else (stage,)
            )
            for one in floors:
                text = _text(one, text)
        return text


def _one_more(first: ExactMap, then: ExactMap) -> ExactMap:
    """A map after another; neighbouring chains are one."""
    horizon = _horizon_of(first, then)
    stages = first.stages if isinstance(first, _Composed) else (first,)
    last = stages[-1]
    if isinstance(last, Chain) and isinstance(then, Chain):
        joined = chain(then.floors, _horizon_of(last, then), last.floors)
        return _Composed((*stages[:-1], joined), horizon) if stages[:-1] else joined
    return _Composed((*stages, then), horizon)


def _horizon_of(first: ExactMap, then: ExactMap) -> int | None:
    """The greatest n up to which the first map is known and leads to where the other is known."""
    limit = then.horizon
    if limit is None:
        return first.horizon
    end = limit if first.horizon is None else min(limit, first.horizon)
    if isinstance(first, Chain):
        beyond = _reaches(first.floors, limit + 1)
    else:
        end = min(end, HORIZON)
        beyond = _first_above(first, limit, end)
    return end if beyond is None else max(min(end, beyond - 1), 0)


def _first_above(size_map: ExactMap, limit: int, end: int) -> int | None:
    """The least n up to an end whose value is above a limit; None where there is none."""
    if size_map.bounds(1, max(end, 1))[1] <= limit:
        return None
    if size_map.rises:
        found = 1 + bisect_right(range(1, end + 1), limit, key=lambda n: _at(size_map, n))
        return found if found <= end else None
    for sizes in chunks(1, end + 1):
        above = sizes[(size_map.values(sizes)[0] > limit).astype(bool)]
        if above.size:
            return int(above[0])
    return None


def _at(size_map: ExactMap, n: int) -> int:
    """The value at n, accepted or not."""
    import numpy as np

    return int(size_map.values(np.array([n], dtype=object))[0][0])


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


def up_to(end: int, *maps: ExactMap) -> int:
    """The end of a range of n that a decision looks at, no further than all maps are known."""
    return min([end, *[one.horizon + 1 for one in maps if one.horizon is not None]])


def chunks(low: int, end: int, *, all_of_them: bool = False) -> Iterator[np.ndarray]:
    """The n from low up to end, which is excluded, in arrays.

    Args:
        low: the first n.
        end: the first n that is no longer meant.
        all_of_them: whether a few are of no use, so that too many are refused at once.

    Raises:
        UndecidedError: past the work limit.
    """
    import numpy as np

    most = WORK_LIMIT if end - low <= WORK_LIMIT or not all_of_them else 0
    for begun in range(low, end, CHUNK):
        if begun - low >= most:
            raise UndecidedError(
                f"a decision needs n from {low} to {end}: more than {WORK_LIMIT:,}",
                rule="work limit",
                hint="Ask about fewer sizes, or about a part of the layers.",
            )
        stop = min(begun + CHUNK, end)
        if stop < SAFE:
            yield np.arange(begun, stop, dtype=np.int64)
        else:
            yield np.array(range(begun, stop), dtype=object)


def _wide(sizes: np.ndarray, floors: tuple[SizeMap, ...]) -> np.ndarray:
    """The sizes in int64 where no value on the way can leave it, else as Python's ints."""
    if sizes.dtype == object or not sizes.size:
        return sizes
    most = max(abs(int(sizes.max())), abs(int(sizes.min())))
    for floor in floors:
        most = most * max(abs(floor.slope), 1) + abs(floor.offset)
        most = max(most, floor.divisor, floor.modulus)
    return sizes if most < SAFE else sizes.astype(object)


def _roomy(values: np.ndarray, factor: int, more: int = 0) -> np.ndarray:
    """Values that may be multiplied by a factor, and moved, without leaving int64."""
    if values.dtype == object or not values.size:
        return values
    most = max(abs(int(values.max())), abs(int(values.min())), 1)
    fits = most * max(abs(factor), 1) + more < SAFE // 2
    return values if fits else values.astype(object)


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
