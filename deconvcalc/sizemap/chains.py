"""Chains of floors, which most maps are: neighbours merged, and beginnings shared.

A chain holds the numbers of its last floor, and a link to what stands before it. A link is never
changed, so that a chain goes on by a floor without a copy, however long it is. Links are walked in
loops, never by recursion: there may be many thousands.
"""

from __future__ import annotations

from math import gcd, lcm
from typing import TYPE_CHECKING, Any, TypeAlias

from deconvcalc.errors import DeconvcalcError
from deconvcalc.sizemap.exact import ExactMap, Shape
from deconvcalc.sizemap.floors import Numbers, Progression, SizeMap, reduced
from deconvcalc.sizemap.ranges import SAFE
from deconvcalc.sizemap.text import put_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from deconvcalc.sizemap.exact import Stair

__all__ = ["Chain", "chain"]

Link: TypeAlias = "tuple[Link | None, Numbers]"
"""A floor, and what stands before it."""

IDENTITY: Numbers = (1, 0, 1, 1, None, 1)


class Chain(ExactMap):
    """Maps of one floor, one after the other. None of them falls. Make one with `chain`."""

    __slots__ = ("_before", "_last")
    repeats = rises = True
    _before: Link | None
    _last: Numbers

    def __init__(self, before: Link | None, last: Numbers, horizon: int | None = None) -> None:
        self._before, self._last, self.horizon = before, last, horizon

    def numbers(self) -> list[Numbers]:
        """The numbers of each floor, first to last."""
        found, link = [self._last], self._before
        while link is not None:
            link, floor = link
            found.append(floor)
        found.reverse()
        return found

    @property
    def floors(self) -> tuple[SizeMap, ...]:
        """The floors, first to last."""
        return tuple([SizeMap(*floor) for floor in self.numbers()])

    def count(self, most: int) -> int:
        """How many floors it has; `most`, where it has more."""
        found, link = 1, self._before
        while link is not None and found < most:
            found, link = found + 1, link[0]
        return found

    @property
    def constant(self) -> int | None:
        """The value that it has wherever it accepts, as after a global pool."""
        slope, offset, divisor, *_ = self._last
        return None if slope else offset // divisor

    def terms(self) -> tuple[list[tuple[int, ExactMap]], int] | None:
        """What its last floor multiplies, where it only multiplies and adds."""
        slope, offset, divisor, low, high, modulus = self._last
        if divisor > 1 or slope < 1 or (slope, offset) == (1, 0):
            return None
        inner = Chain(*_settled(self._before, (1, 0, 1, low, high, modulus)), self.horizon)
        return [(slope, inner)], offset

    def never_refuses(self) -> bool:
        """Whether it accepts every n."""
        return self.horizon is None and self.shape.whole and self.shape.low <= 1

    @property
    def is_floor(self) -> bool:
        """Whether it is one floor."""
        return self._before is None

    # The algebra.

    def then(self, other: ExactMap | SizeMap) -> ExactMap:
        """First this map, then another; two chains are one."""
        if isinstance(other, SizeMap):
            return _longer(self, [other.numbers], self.horizon)
        if isinstance(other, Chain):
            horizon = self.horizon if other.horizon is None else self.known_to(other.horizon)
            return _longer(self, other.numbers(), horizon)
        return super().then(other)

    def then_floors(self, floors: list[Numbers]) -> ExactMap:
        """First this map, then floors, by their numbers."""
        return _longer(self, floors, self.horizon)

    def affine(self, slope: int, offset: int, divisor: int) -> Chain | None:
        """floor((slope*f + offset) / divisor), where that ends in one floor as f does."""
        a, b, c, low, high, modulus = self._last
        if slope < 0 or (c > 1 and slope > 1):
            return None
        offset = slope * b + offset * c
        last = reduced(slope * a, offset, c * divisor, low, high, modulus)
        return Chain(*_settled(self._before, last), self.horizon)

    def known_to(self, limit: int) -> int:
        """The greatest n up to which the chain is known and its values are at most a limit."""
        end = limit if self.horizon is None else min(limit, self.horizon)
        beyond = self._reaches(limit + 1)
        return end if beyond is None else max(min(end, beyond - 1), 0)

    # Values.

    def values(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values for an array of n, and where they are accepted."""
        import numpy as np

        floors = self.numbers()
        values = _wide(sizes, floors)
        taken = np.ones(sizes.shape, dtype=bool)
        for slope, offset, divisor, low, high, modulus in floors:
            taken &= (values >= low).astype(bool)
            if high is not None:
                taken &= (values <= high).astype(bool)
            if modulus > 1:
                taken &= (values % modulus == 0).astype(bool)
            values = (values * slope + offset) // divisor
        return values, taken

    def value(self, n: int) -> tuple[int, bool]:
        """The value at one n, and whether it is accepted."""
        taken = True
        for slope, offset, divisor, low, high, modulus in self.numbers():
            taken = taken and n >= low and (high is None or n <= high) and n % modulus == 0
            n = (n * slope + offset) // divisor
        return n, taken

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Bounds of all values at n from low to high, accepted or not."""
        return self.value(low)[0], self.value(high)[0]

    def listed(self, window: Iterable[int]) -> Iterable[int]:
        """The values at a few n, accepted or not: for so few, Python is faster than arrays."""
        values = window
        for slope, offset, divisor, *_ in self.numbers():
            if divisor == 1:
                values = [value * slope + offset for value in values]
            elif slope == 1:
                values = [(value + offset) // divisor for value in values]
            else:
                values = [(value * slope + offset) // divisor for value in values]
        return values

    # What it takes, and how it repeats.

    def span(self, value: int) -> tuple[int, int] | None:
        """Where the chain has a value, accepted or not: the first n, and the one past the last."""
        first, end = self._reaches(value), self._reaches(value + 1)
        if first is None:
            return 1, 1
        return None if end is None else (max(first, 1), max(end, 1))

    def _reaches(self, value: int) -> int | None:
        """The least n at which the chain, whatever its domains, is at least a value, if any is."""
        link: Link | None = (self._before, self._last)
        while link is not None:
            link, floor = link
            found = _least_for(floor, value)
            if found is None or found == -SAFE:
                return found
            value = found
        return value

    @property
    def domain(self) -> Progression | None:
        """The n >= 1 that it takes; None where they are no single progression."""
        first, *others = self.numbers()
        if any(floor[5] > 1 for floor in others):
            return None
        modulus, interval = first[5], self._interval()
        if interval is None:
            return Progression(1, 0)
        low, high = max(interval[0], 1), interval[1]
        return Progression(low + -low % modulus, high, modulus)

    def _interval(self) -> tuple[int, int | None] | None:
        """The least and the greatest n that no floor finds too small or large; None for none."""
        link, (_, _, _, least, most, _) = self._before, self._last
        while link is not None:
            link, floor = link
            reached = _least_for(floor, least)
            if reached is None:
                return None
            least = max(reached, floor[3])
            beyond = None if most is None else _least_for(floor, most + 1)
            most = floor[4]
            if beyond is not None:
                most = beyond - 1 if most is None else min(beyond - 1, most)
        return least, most

    def stair(self) -> Stair | None:
        """The chain as one floor and a line after it, which most are; None where it is not."""
        if self.horizon is not None:
            return None
        rise, base, last_divisor, last_low, high, modulus = self._last
        if high is not None or modulus > 1 or rise < 1:
            return None
        if self._before is None:
            return max(1, last_low), rise, base, last_divisor, 1, 0
        before, (slope, offset, divisor, low, high, modulus) = self._before
        if before is not None or last_divisor > 1 or slope < 1 or high is not None or modulus > 1:
            return None
        least = -((offset - last_low * divisor) // slope)
        low = max(low, least)
        return max(1, low), slope, offset, divisor, rise, base

    def _make_shape(self) -> Shape:
        stair = self.stair()
        if stair is not None:
            low, slope, _, divisor, rise, _ = stair
            return Shape(low, low, divisor, slope * rise, finite=False, whole=True)
        interval = self._interval()
        if interval is None:
            return Shape(1, 1, 1, 0, finite=True)
        low, high = max(interval[0], 1), interval[1]
        if high is not None:
            return Shape(low, max(high, low - 1) + 1, 1, 0, finite=True)
        whole, period, rise = True, 1, 1
        for slope, _, divisor, _, _, modulus in self.numbers():
            whole = whole and modulus == 1
            # What the modulus asks repeats, and so does what the floor drops.
            for part in (modulus, divisor):
                times = part // gcd(part, rise) if rise else 1
                period, rise = period * times, rise * times
            rise = rise * slope // divisor
        return Shape(low, low, period, rise, finite=False, whole=whole)

    # As text, and as a value.

    def _text(self) -> str:
        text = "n"
        for floor in self.floors:
            text = put_in(str(floor), text)
        return text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Chain):
            return False
        if self is other:
            return True
        return self.horizon == other.horizon and self.numbers() == other.numbers()

    def __hash__(self) -> int:
        return hash((*self.numbers(), self.horizon))

    def __reduce__(self) -> Any:  # the links as a list: pickle would follow them by recursion
        return _restored, (self.numbers(), self.horizon)


def _restored(floors: list[Numbers], horizon: int | None) -> Chain:
    before: Link | None = None
    for floor in floors[:-1]:
        before = (before, floor)
    return Chain(before, floors[-1], horizon)


def chain(floors: Iterable[SizeMap], horizon: int | None = None) -> Chain:
    """Maps of one floor, one after the other, neighbours merged where they are one floor together.

    Args:
        floors: the maps, none of which falls.
        horizon: the greatest n that the chain is known at, if there is one.

    Raises:
        DeconvcalcError: one of them falls.
    """
    return _longer(_START, [floor.numbers for floor in floors], horizon)


_START = Chain(None, IDENTITY)


def _longer(first: Chain, floors: Iterable[Numbers], horizon: int | None) -> Chain:
    """A chain that goes on by some floors.

    Raises:
        DeconvcalcError: one of them falls.
    """
    before = first._before
    a, b, c, low, high, modulus = first._last
    for then in floors:
        slope, offset, divisor, least, most, its_modulus = then
        if slope < 1 or a < 1 or not (high is most is None and modulus == its_modulus == 1):
            if slope < 0:
                raise DeconvcalcError(
                    f"{SizeMap(*then)} falls: it cannot be in a chain", rule="slope"
                )
            both = _merged((a, b, c, low, high, modulus), then)
            if both is None:
                before = before, (a, b, c, low, high, modulus)
                a, b, c, low, high, modulus = then
                continue
            before, (a, b, c, low, high, modulus) = _settled(before, both)
        elif slope == 1 or c == 1:
            # What `_merged` does, for the floors of nearly all layers.
            reached = -((b - least * c) // a)
            if reached > low:  # noqa: PLR1730  # `max` takes as long as all the rest of it
                low = reached
            a, b, c = slope * a, slope * b + offset * c, c * divisor
            if c > 1 < a:
                common = gcd(a, c)
                if common > 1:
                    a, b, c = a // common, b // common, c // common
            if a == 1 and before is not None:
                before, (a, b, c, low, high, modulus) = _settled(before, (a, b, c, low, None, 1))
        else:  # a floor, and then a slope
            before = before, (a, b, c, low, None, 1)
            a, b, c, low, high, modulus = then
    return Chain(before, (a, b, c, low, high, modulus), horizon)


def _settled(before: Link | None, last: Numbers) -> tuple[Link | None, Numbers]:
    """A floor after others, merged with those before it as far as they are one floor together."""
    while before is not None:
        both = _merged(before[1], last)
        if both is None:
            break
        before, last = before[0], both
    return before, last


def _merged(first: Numbers, then: Numbers) -> Numbers | None:
    """Two floors as one, or None where they are none together."""
    a, b, c, low, high, modulus = first
    slope, offset, divisor, least, most, its_modulus = then
    divides = c == 1 or ((a * modulus) % c == 0 and (a * low + b) % c == 0)
    if divides or slope == 1:
        slope, offset, divisor = slope * a, slope * b + offset * c, c * divisor
    elif slope == 0:
        slope, offset, divisor = 0, offset // divisor, 1
    else:
        return None  # a floor, and then a slope
    reached = _least_for(first, least)
    if reached is None:
        return reduced(slope, offset, divisor, 1, 0, 1)
    low = max(low, reached)
    if most is not None:
        beyond = _least_for(first, most + 1)
        if beyond is not None:
            high = beyond - 1 if high is None else min(high, beyond - 1)
    if its_modulus > 1:
        whole = c * its_modulus  # what it must divide, before the division
        if not divides or b % whole:
            return None
        modulus = lcm(modulus, whole // gcd(whole, a))
    return reduced(slope, offset, divisor, low, high, modulus)


def _least_for(floor: Numbers, value: int) -> int | None:
    """The least n at which a floor, whatever its domain, is at least a value; None for none."""
    slope, offset, divisor = floor[:3]
    if slope == 0:
        return -SAFE if offset // divisor >= value else None
    return -((offset - value * divisor) // slope)


def _wide(sizes: np.ndarray, floors: list[Numbers]) -> np.ndarray:
    """The sizes in int64 where no value on the way can leave it, else as Python's ints."""
    if sizes.dtype == object or not sizes.size:
        return sizes
    most = max(abs(int(sizes.max())), abs(int(sizes.min())))
    for slope, offset, divisor, _, _, modulus in floors:
        most = most * slope + abs(offset)
        if max(most, divisor, modulus) >= SAFE:
            return sizes.astype(object)
        most = most // divisor + 1
    return sizes
