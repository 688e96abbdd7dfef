"""Which n lead to a size, and at which nothing is lost: in closed form, without going through n."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from deconvcalc.sizemap import Progression
from deconvcalc.terms import letter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.derivation.link import Link
    from deconvcalc.sizemap import SizeMap

__all__ = ["lossless", "sources"]


def sources(floors: Sequence[SizeMap], low: int, high: int | None) -> tuple[int, int | None]:
    """The n that a chain, whatever its domains, takes from low to high: the first and the last."""
    for floor in reversed(floors):
        a, b, c = floor.slope, floor.offset, floor.divisor
        if a == 0:
            inside = low <= b // c and (high is None or b // c <= high)
            return (1, None) if inside else (1, 0)
        low = -((b - low * c) // a)
        high = None if high is None else ((high + 1) * c - 1 - b) // a
    return low, high


def lossless(links: tuple[Link, ...]) -> Progression | None:
    """The n at which no layer rounds: n = r + M*t for the t from `first` to `last`.

    On such n every layer is a line, so what it asks of t is one congruence, and one interval.
    """
    residue, step = 0, 1
    value, slope = 0, 1  # of what reaches the next layer: value + slope*t
    first: int = 1
    last: int | None = None
    for link in links:
        floor = link.map
        if floor is None:
            return None
        asked = [(1, 0, floor.modulus)]
        for one in link.formula.traced(letter(link.name)).roundings():
            over = one.parts[0].line()
            if over is None:
                return None
            asked.append((*over, one.parts[1].value))
        for a, b, c in asked:
            solved = _congruence(a * slope, a * value + b, c)
            if solved is None:
                return Progression(1, 0)
            start, every = solved
            residue, step = residue + step * start, step * every
            value, slope = value + slope * start, slope * every
            first = -((start - first) // every)
            last = None if last is None else (last - start) // every
        begin, end = _span(value, slope, floor.low, floor.high)
        first = max(first, begin)
        last = end if last is None else last if end is None else min(last, end)
        # No rounding here: the map is a line on these n, and two of its points tell it.
        at, then = _applied(floor, value), _applied(floor, value + slope)
        value, slope = at, then - at
    if last is None:
        return Progression(residue + step * first, None, step)
    return Progression(residue + step * first, residue + step * last, step)


def _applied(floor: SizeMap, n: int) -> int:
    return (floor.slope * n + floor.offset) // floor.divisor


def _congruence(a: int, b: int, c: int) -> tuple[int, int] | None:
    """The t with a*t + b divisible by c: the least one from 0 on, and how far they lie apart."""
    common = gcd(a, c)
    if b % common:
        return None
    apart = c // common
    return (-b // common * pow(a // common, -1, apart)) % apart if apart > 1 else 0, apart


def _span(value: int, slope: int, low: int, high: int | None) -> tuple[int, int | None]:
    """The t from 0 on at which value + slope*t lies from low to high."""
    if slope == 0:
        inside = low <= value and (high is None or value <= high)
        return (0, None) if inside else (0, -1)
    return max(-((value - low) // slope), 0), None if high is None else (high - value) // slope
