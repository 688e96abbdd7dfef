"""Exact maps from an input size to an output size.

Every layer with integer parameters is one `floor((a*n + b) / c)` along an axis, on a domain
`low <= n <= high` whose members `modulus` divides. `SizeMap` is that map, and it is an algebra too:
a formula that is run on `SizeMap.identity()` gives its own map, so no formula is written twice.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

from deconvcalc.algebra import is_array
from deconvcalc.errors import DeconvcalcError, SizeError
from deconvcalc.sizemap.arrays import exact_array, narrow, refuse_some, whole_array
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Numbers", "Progression", "SizeMap", "reduced"]

put = object.__setattr__


class Progression(Value):
    """The integers `start, start + step, ...` up to and including `stop` (None: for ever).

    Args:
        start: the first member.
        stop: the last candidate, or None where there is no last one.
        step: the distance of neighbours, at least 1.

    >>> Progression(27, 28)
    Progression(start=27, stop=28, step=1)
    >>> print(Progression(27, 28), 28 in Progression(27, 28), len(Progression(4, None, 4)[:3]))
    27..28 True 3
    """

    __slots__ = ("start", "step", "stop")
    _fields = ("start", "stop", "step")
    start: int
    stop: int | None
    step: int

    def __init__(self, start: int, stop: int | None, step: int = 1) -> None:
        if step < 1:
            raise DeconvcalcError(f"step must be at least 1, not {step}", rule="step")
        if stop is not None:
            if stop < start:
                start, stop, step = 1, 0, 1
            else:
                stop -= (stop - start) % step
                step = step if stop > start else 1
        self._set(start=start, stop=stop, step=step)

    def __contains__(self, n: object) -> bool:
        value = integer(n)
        if value is None or value < self.start or (self.stop is not None and value > self.stop):
            return False
        return (value - self.start) % self.step == 0

    def __bool__(self) -> bool:
        return self.stop is None or self.stop >= self.start

    def __len__(self) -> int:
        if self.stop is None:
            raise DeconvcalcError(f"{self} has no last member, and so no length")
        return (self.stop - self.start) // self.step + 1

    def __iter__(self) -> Iterator[int]:
        n = self.start
        while self.stop is None or n <= self.stop:
            yield n
            n += self.step

    def __getitem__(self, index: Any) -> Any:
        if self.stop is not None:
            return range(self.start, self.stop + 1, self.step)[index]
        if isinstance(index, slice):
            ends = (index.start or 0, index.stop, index.step or 1)
            if None in ends or min(ends) < 0:
                raise IndexError(f"{self} has no last member: give the slice an end, forwards")
            return range(self.start, self.start + self.step * index.stop, self.step)[index]
        if index < 0:
            raise IndexError(f"{self} has no last member")
        return self.start + self.step * index

    def __str__(self) -> str:
        if not self:
            return "none"
        step = "" if self.step == 1 else f", step {self.step}"
        if self.stop is None:
            return f"n >= {self.start}{step}"
        if self.start == self.stop:
            return str(self.start)
        return f"{self.start}..{self.stop}{step}"


Numbers = tuple[int, int, int, int, int | None, int]
"""The slope, offset, divisor, low, high and modulus of a floor, in their reduced form."""


def reduced(
    slope: int, offset: int, divisor: int, low: int, high: int | None, modulus: int
) -> Numbers:
    """The numbers of a floor such that floors which agree on a whole ray have the same."""
    if divisor > 1:
        common = gcd(slope, divisor)
        if common > 1:
            slope, offset, divisor = slope // common, offset // common, divisor // common
    if modulus > 1:
        # floor((a*n + b)/c) keeps its value when b is floored to what divides a*n and c alike.
        offset -= offset % gcd(modulus, divisor)
        low += -low % modulus
    if high is not None:
        high -= high % modulus
        if high < low:
            low, high = 1, 0
    return slope, offset, divisor, low, high, modulus


class SizeMap(Value):
    """The map n -> floor((slope*n + offset) / divisor) on its domain.

    Args:
        slope: the factor of n; any integer.
        offset: what is added; any integer.
        divisor: at least 1.
        low: the least n of the domain.
        high: the greatest n of the domain, or None.
        modulus: every n of the domain is a multiple of it.

    The form is reduced, so that two maps that agree on a whole ray are equal.

    >>> down = SizeMap(1, 1, 2)
    >>> print(down, "|", down(28), down.preimage(14))
    floor((n + 1)/2) | 14 27..28
    """

    __slots__ = ("numbers",)
    _fields = ("slope", "offset", "divisor", "low", "high", "modulus")
    numbers: Numbers

    def __init__(
        self,
        slope: int = 1,
        offset: int = 0,
        divisor: int = 1,
        low: int = 1,
        high: int | None = None,
        modulus: int = 1,
    ) -> None:
        if divisor < 1 or modulus < 1:
            name, value = ("divisor", divisor) if divisor < 1 else ("modulus", modulus)
            raise DeconvcalcError(f"{name} must be at least 1, not {value}", rule=name)
        _put_numbers(self, reduced(slope, offset, divisor, low, high, modulus))

    def _values(self) -> Numbers:
        return self.numbers

    def __reduce__(self) -> Any:
        return SizeMap, self.numbers

    @property
    def slope(self) -> int:
        """The factor of n."""
        return self.numbers[0]

    @property
    def offset(self) -> int:
        """What is added."""
        return self.numbers[1]

    @property
    def divisor(self) -> int:
        """What the sum is divided by, at least 1."""
        return self.numbers[2]

    @property
    def low(self) -> int:
        """The least n of the domain, which may be empty."""
        return self.numbers[3]

    @property
    def high(self) -> int | None:
        """The greatest n of the domain, or None."""
        return self.numbers[4]

    @property
    def modulus(self) -> int:
        """Every n of the domain is a multiple of it."""
        return self.numbers[5]

    @classmethod
    def identity(cls) -> SizeMap:
        """The map n -> n on n >= 1, where a formula starts."""
        return cls()

    def __call__(self, n: Any) -> Any:
        """The value at n; for a numpy array of integers the values, elementwise, in int64.

        Raises:
            SizeError: n lies outside the domain; in an array it names the count and the first
                index. A value that leaves int64 is refused too.
            TypeError: n is no int.

        >>> import numpy as np
        >>> SizeMap(1, 1, 2)(np.array([27, 28, 29])).tolist()
        [14, 14, 15]
        """
        if is_array(n) and integer(n) is None:
            sizes = whole_array(n)
            refuse_some(self, sizes, ~self._mask(sizes), f"the size is one of {self.domain}")
            exact = exact_array(sizes, list(self.numbers))
            return narrow(self, sizes, (self.slope * exact + self.offset) // self.divisor)
        number = _number(n)
        if number not in self.domain:
            raise SizeError(
                f"{number} is outside the domain {self.domain} of {self}",
                size=number,
                rule="domain",
                hint=f"Give a size of {self.domain}.",
            )
        return (self.slope * number + self.offset) // self.divisor

    def accepts(self, n: Any) -> Any:
        """Whether n lies in the domain: a bool, or a mask for an array.

        Raises:
            TypeError: n is no int.
        """
        if is_array(n) and integer(n) is None:
            return self._mask(whole_array(n))
        return _number(n) in self.domain

    def _mask(self, sizes: Any) -> Any:
        exact = exact_array(sizes, list(self.numbers))
        mask = (exact >= self.low) & (exact % self.modulus == 0)
        if self.high is not None:
            mask = mask & (exact <= self.high)
        return mask.astype(bool)

    @property
    def domain(self) -> Progression:
        """The inputs that the map takes."""
        return Progression(self.low, self.high, self.modulus)

    def preimage(self, m: int) -> Progression:
        """All n of the domain whose value is m.

        Raises:
            TypeError: m is no int.
        """
        domain, m = self.domain, _number(m)
        if self.slope == 0:
            return domain if self.offset // self.divisor == m else Progression(1, 0)
        # c*m <= a*n + b <= c*m + c - 1, the ends swapped where the slope is negative
        first, last = self.divisor * m - self.offset, self.divisor * (m + 1) - 1 - self.offset
        if self.slope > 0:
            start, stop = -(-first // self.slope), last // self.slope
        else:
            start, stop = -(last // -self.slope), -first // -self.slope
        start = max(start, domain.start)
        start += (domain.start - start) % domain.step
        stop = stop if domain.stop is None else min(stop, domain.stop)
        return Progression(start, stop, domain.step)

    def where(self, slack: SizeMap | int, modulus: int = 1) -> SizeMap:
        """This map where `slack` is at least 0 and `modulus` divides n, in its domain."""
        _, _, _, low, high, own = self.numbers
        if not isinstance(slack, SizeMap):
            slack = SizeMap(0, _number(slack))
        slope, offset, divisor = slack.numbers[:3]
        if slope > 0:
            low = max(low, -(offset // slope))
        elif slope < 0:
            limit = offset // -slope
            high = limit if high is None else min(high, limit)
        elif offset // divisor < 0:
            low, high = 1, 0
        modulus = own * modulus // gcd(own, modulus)
        if (low, high, modulus) == self.numbers[3:]:
            return self
        return _floor(reduced(*self.numbers[:3], low, high, modulus))

    # The algebra that formulas use. Only what stays one floor is possible.

    def _with(self, slope: int, offset: int, divisor: int) -> SizeMap:
        _, _, _, low, high, modulus = self.numbers
        return _floor(reduced(slope, offset, divisor, low, high, modulus))

    def __add__(self, term: int) -> SizeMap:
        number = self._term(term, "+")
        if number == 0:
            return self
        slope, offset, divisor, low, high, modulus = self.numbers
        return _floor((slope, offset + number * divisor, divisor, low, high, modulus))

    __radd__ = __add__

    def __sub__(self, term: int) -> SizeMap:
        return self + -self._term(term, "-")

    def __neg__(self) -> SizeMap:
        # -floor(x/c) = floor((c - 1 - x)/c) for an integer x
        slope, offset, divisor = self.numbers[:3]
        return self._with(-slope, divisor - 1 - offset, divisor)

    def __rsub__(self, term: int) -> SizeMap:
        return -self + term

    def __mul__(self, factor: int) -> SizeMap:
        number = self._term(factor, "*")
        slope, offset, divisor = self.numbers[:3]
        if divisor != 1 and number:
            raise DeconvcalcError(f"({self}) * {factor} is no single floor", rule="size_map")
        return self._with(slope * number, offset * number, 1)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> SizeMap:
        slope, offset, own = self.numbers[:3]
        number = self._term(divisor, "//")
        if number < 1:
            raise DeconvcalcError(f"divisor must be at least 1, not {own * number}", rule="divisor")
        return self._with(slope, offset, own * number)

    def _term(self, value: Any, sign: str) -> int:
        """The other side of an operation, which must be an int."""
        if type(value) is int:
            return value
        number = integer(value)
        if number is None:
            raise DeconvcalcError(f"({self}) {sign} ({value}) is no single floor", rule="size_map")
        return number

    def __lt__(self, other: object) -> bool:
        raise DeconvcalcError(
            f"the smaller or larger of {self} and {other} is no single floor", rule="size_map"
        )

    __gt__ = __lt__

    def __str__(self) -> str:
        if self.slope == 0:
            return str(self.offset // self.divisor)
        whole, rest = divmod(self.offset, self.divisor)
        if self.divisor == 1:
            return _linear(self.slope, self.offset)
        # The whole part of the offset stands outside only where that is shorter to read.
        inside = _linear(self.slope, rest)
        inside = f"({inside})" if rest or self.slope < 0 else inside
        tail = "" if not whole else f" {'+' if whole > 0 else '-'} {abs(whole)}"
        return f"floor({inside}/{self.divisor}){tail}"


_put_numbers: Callable[[SizeMap, Numbers], None] = vars(SizeMap)["numbers"].__set__


def _floor(numbers: Numbers) -> SizeMap:
    """The map with these numbers, which are reduced and need no look."""
    made = SizeMap.__new__(SizeMap)
    _put_numbers(made, numbers)
    return made


def _number(value: Any) -> int:
    number = integer(value)
    if number is None:
        raise TypeError(f"a size is an int here, not {value!r}")
    return number


def _linear(slope: int, offset: int) -> str:
    if slope == 0:
        return str(offset)
    head = {1: "n", -1: "-n"}.get(slope, f"{slope}*n")
    return head if offset == 0 else f"{head} {'+' if offset > 0 else '-'} {abs(offset)}"
