"""Sets of maps: what they take and give, where two agree, what leads to a size."""

from __future__ import annotations

import operator
from functools import reduce
from itertools import compress
from math import lcm
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import UndecidedError
from deconvcalc.sets.classes import EMPTY, FULL, MOST_CLASSES, Classes, too_many_classes
from deconvcalc.sets.sizes import Sizes, number_of
from deconvcalc.sets.steps import Steps, joined_steps
from deconvcalc.sizemap.chains import Chain
from deconvcalc.sizemap.exact import Shape, exact, up_to
from deconvcalc.sizemap.floors import SizeMap
from deconvcalc.sizemap.ranges import WORK_LIMIT, chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.sizemap.exact import ExactMap, Stair

__all__ = [
    "accepted",
    "agreement",
    "at_least",
    "fixed_points",
    "image",
    "preimage",
]


def accepted(size_map: ExactMap | SizeMap) -> Sizes:
    """The inputs that a map takes; known up to its horizon where it has one.

    Raises:
        UndecidedError: past the work limit of maps.
        LimitError: past that of sets.

    >>> from deconvcalc import Conv, PixelUnshuffle, Upsample, compose
    >>> print(accepted(compose([PixelUnshuffle(32), Conv(1)])))
    n ≡ 0 (mod 32), n ≥ 32
    >>> print(accepted(compose([Upsample(0.29)])))
    n ≥ 4 (known for n ≤ 1048576)
    """
    one = exact(size_map)
    stair = one.stair()
    if stair:
        return Sizes._span(FULL, stair[0], None)
    domain = one.domain if isinstance(one, Chain) else None
    if domain is None:
        return _where(lambda sizes: one.values(sizes)[1], one, one.shape)
    known = Sizes.from_progression(domain)
    return known if one.horizon is None else known.up_to(one.horizon)


_SHORT = 1_024
"""Up to this period, two chains that are no such stairs are compared number by number."""


def _by_remainder(one: Stair, other: Stair, equal: bool) -> Sizes | None:
    """Where one stair is equal to another, or else at least it; None if it takes more than this.

    Let the steps of one, S, be whole steps of the other, T. Where slope*n + a = S*k + r with
    0 <= r < S, the one is f(n) = A*k + c, and the other g(n) = B*floor((slope*n + b)/T) + d. If
    both rise alike, A*T = B*S, then f(n) - g(n) = c - d - B*floor((r + b - a)/T). So r alone
    decides, and it holds for a range of r.
    """
    swapped = one[3] < other[3]  # by their divisors
    low, slope, offset, divisor, rise, base = other if swapped else one
    its_low, its_slope, its_offset, step, its_rise, its_base = one if swapped else other
    if slope != its_slope or divisor % step or rise * step != its_rise * divisor:
        return None
    shift, first, end = its_offset - offset, 0, divisor
    steps = (base - its_base) // its_rise
    if equal or not swapped:  # the floor is at most (c - d)/B
        end = (steps + 1) * step - shift
        end = min(end, divisor)
    if equal or swapped:  # the floor is at least (c - d)/B
        if (base - its_base) % its_rise:
            steps += 1
        first = steps * step - shift
        first = max(first, 0)
    inverse = 1 if slope == 1 else pow(slope, -1, divisor)
    classes = Classes.arc(divisor, first - offset, end - first, inverse)
    return Sizes._span(classes, max(its_low, low), None)


def _compared(one: ExactMap, other: ExactMap, holds: Callable[[Any, Any], Any]) -> Sizes:
    """Where both are taken and a comparison holds: `==`, or `>=`."""
    stair, its_stair = one.stair(), other.stair()
    if stair and its_stair:
        found = _by_remainder(stair, its_stair, holds is operator.eq)
        if found is not None:
            return found
    if one == other:
        return accepted(one)
    if isinstance(one, Chain) and isinstance(other, Chain) and one.horizon is other.horizon is None:
        mine, its = one.shape, other.shape
        period = lcm(mine.period, its.period)
        alike = mine.rise * its.period == its.rise * mine.period
        if mine.whole and its.whole and alike and period <= _SHORT:
            low = max(mine.low, its.low)
            window = range(low, low + period)
            places = compress(window, map(holds, one.listed(window), other.listed(window)))
            return Sizes._span(Classes(period, [n % period for n in places]), low, None)
    difference = one - other
    shape = difference.shape
    if shape.rise:  # from some n on one of them lies ahead
        low, high = difference.window()
        behind = -low if shape.rise > 0 else high
        start = shape.start + (max(-(-behind // abs(shape.rise)), 0) + 1) * shape.period
        shape = Shape(shape.low, start, shape.period, 0, finite=not holds(shape.rise, 0))

    def where(sizes: Any) -> Any:
        values, taken = difference.values(sizes)
        return taken & holds(values, 0).astype(bool)

    return _where(where, difference, shape)


def at_least(one: ExactMap | SizeMap, other: Any) -> Sizes:
    """The inputs that two maps both take, and at which the first is at least the other.

    A skip whose centre is cropped out must be as large as what it meets.

    Args:
        one: a map.
        other: a map, or an int.

    Raises:
        UndecidedError: past the work limit of maps.
        LimitError: past that of sets.

    >>> from deconvcalc import Conv, ConvTranspose, Pad, compose
    >>> down_and_up = compose([Conv(3, stride=4, padding=1), ConvTranspose(4, stride=4)])
    >>> print(at_least(compose([Pad(0)]), down_and_up))
    n ≡ 0 (mod 4), n ≥ 4
    """
    return _compared(exact(one), exact(other), operator.ge)


def agreement(one: ExactMap | SizeMap, other: Any) -> Sizes:
    """The inputs that two maps both take, and take to the same size.

    Args:
        one: a map.
        other: a map, or an int.

    Raises:
        UndecidedError: past the work limit of maps.
        LimitError: past that of sets.

    >>> from deconvcalc import Conv, ConvTranspose, Pad, compose
    >>> down_and_up = compose([Conv(3, stride=4, padding=1), ConvTranspose(4, stride=4)])
    >>> print(agreement(down_and_up, compose([Pad(0)])))
    n ≡ 0 (mod 4), n ≥ 4
    """
    return _compared(exact(one), exact(other), operator.eq)


def preimage(size_map: ExactMap | SizeMap, size: int) -> Sizes:
    """The inputs that a map takes to a size.

    Raises:
        UndecidedError: past the work limit of maps.
        LimitError: past that of sets.

    >>> from deconvcalc import Conv, compose
    >>> print(preimage(compose([Conv(3, stride=2, padding=1)] * 2), 7))
    25..28
    """
    one = exact(size_map)
    span = one.span(number_of("a size", size))
    if span is None:
        return agreement(one, size)
    if isinstance(one, Chain) and span[1] - span[0] > WORK_LIMIT:
        return accepted(one) & Sizes.between(span[0], span[1] - 1)
    return _where(lambda sizes: one.values(sizes)[1], one, Shape(*span, 1, 0, finite=True))


def fixed_points(size_map: ExactMap | SizeMap) -> Sizes:
    """The inputs that a map gives back as they are.

    Raises:
        UndecidedError: past the work limit of maps.
        LimitError: past that of sets.

    >>> from deconvcalc import Conv, ConvTranspose, compose
    >>> print(fixed_points(compose([Conv(4, stride=4), ConvTranspose(4, stride=4)])))
    n ≡ 0 (mod 4), n ≥ 4
    """
    return agreement(size_map, SizeMap.identity())


def image(size_map: ExactMap | SizeMap) -> Sizes:
    """The sizes that a map gives, for any input that it takes.

    Raises:
        UndecidedError: past the work limit of maps, or a float scale, which does not repeat.
        LimitError: past that of sets.

    >>> from deconvcalc import Conv, ConvTranspose, compose
    >>> print(image(compose([Conv(3), ConvTranspose(4, stride=3)])))
    n ≡ 1 (mod 3), n ≥ 4
    """
    one = exact(size_map)
    if not one.repeats:
        raise UndecidedError(
            f"{one} does not repeat: its sizes never do either",
            rule="horizon",
            hint="preimage() tells whether it gives one size.",
        )
    shape = one.shape
    found = _members(_values(one, shape.low, shape.start))
    if shape.finite:
        return found
    again = _values(one, shape.start, shape.start + shape.period)
    if not shape.rise:
        return found | _members(again)
    return found | (_rising(again, shape.rise) if shape.rise > 0 else _falling(again, -shape.rise))


def _values(one: ExactMap, low: int, end: int) -> list[int]:
    """The different values from low up to before `end`, ascending."""
    found: set[int] = set()
    for sizes in chunks(low, end, all_of_them=True):
        values, taken = one.values(sizes)
        found.update(values[taken].tolist())
    return sorted(found)


def _members(values: list[int]) -> Sizes:
    """Those of some values that are sizes."""
    import numpy as np

    sizes = [value for value in values if value >= 1]
    if not sizes:
        return Sizes.none()
    low, high = sizes[0], sizes[-1]
    if high - low > WORK_LIMIT:
        return Sizes.of(*sizes)
    marks = np.zeros(high - low + 1, dtype=bool)
    marks[np.array(sizes) - low] = True
    return Sizes._made(_steps_of(low, marks))


def _rising(values: list[int], rise: int) -> Sizes:
    """The sizes v, v + rise, v + 2*rise ... for each of some values, which ascend."""
    first: dict[int, int] = {}
    for value in values:
        residue = value % rise
        first.setdefault(residue, value if value >= 1 else residue or rise)
    if len(first) > MOST_CLASSES and rise - len(first) > MOST_CLASSES:
        raise too_many_classes(len(first))
    if not first:
        return Sizes.none()
    top, least = max(first.values()), min(first.values())
    if (top - least) // rise * len(first) > WORK_LIMIT:
        raise UndecidedError(
            f"some sizes begin {top - least} above others: too many to list", rule="work limit"
        )
    below = [size for value in first.values() for size in range(value, top, rise)]
    return _members(sorted(below)) | Sizes._span(Classes(rise, first), top, None)


def _falling(values: list[int], fall: int) -> Sizes:
    """The sizes v, v - fall, v - 2*fall ... for each of some values, which ascend."""
    last = {value % fall: value for value in values}
    parts = [Sizes._span(Classes(fall, [r]), 1, value) for r, value in last.items()]
    return reduce(operator.or_, parts, Sizes.none())


def _where(holds: Callable[[Any], Any], size_map: ExactMap, shape: Shape) -> Sizes:
    """The n at which something holds: one by one up to the start, then by what repeats."""
    import numpy as np

    start, period = shape.start, shape.period
    steps = _steps_of(shape.low, _marks(holds, shape.low, up_to(start, size_map)))
    if not shape.finite:
        marks = _marks(holds, start, up_to(start + period, size_map))
        negated = 2 * int(marks.sum()) > period
        places = np.flatnonzero(marks != negated)
        if places.size > MOST_CLASSES:
            raise too_many_classes(places.size)
        residues = [(start + place) % period for place in places.tolist()]
        steps.append((start, Classes(period, residues, negated)))
    return Sizes._made(joined_steps(steps), size_map.horizon)


def _marks(holds: Callable[[Any], Any], low: int, end: int) -> Any:
    """Where something holds from low up to before `end`, as an array of bools."""
    import numpy as np

    found = [
        np.zeros(0, dtype=bool),
        *[holds(sizes) for sizes in chunks(low, end, all_of_them=True)],
    ]
    return np.concatenate(found)


_MANY_RUNS = 1_000
"""From so many runs on, it is worth a look whether they repeat."""

_LIKELY_PERIOD = 4_096


def _steps_of(low: int, marks: Any) -> Steps:
    """Marks as steps, the first mark being at `low`. Where they repeat, a step may be long."""
    import numpy as np

    steps: Steps = [(1, EMPTY)]
    if np.count_nonzero(marks[1:] != marks[:-1]) > _MANY_RUNS:
        period = _likely_period(marks)
        breaks = np.flatnonzero(marks[period:] != marks[:-period]).tolist()
        begun = 0
        for at in [*breaks, len(marks) - period]:
            begun = max(begun, steps[-1][0] - low)
            if at - begun >= 2 * period:  # from here to at + period - 1 the marks repeat
                first, end = low + begun, low + at + period
                places = np.flatnonzero(marks[begun : begun + period])
                classes = Classes(period, ((first + places) % period).tolist())
                steps += [*_spans(low, marks, steps[-1][0] - low, begun), (first, classes)]
                steps.append((end, EMPTY))
            begun = at + 1
    return joined_steps([*steps, *_spans(low, marks, max(steps[-1][0] - low, 0), len(marks))])


def _spans(low: int, marks: Any, begin: int, end: int) -> Iterator[tuple[int, Classes]]:
    """The marks at some places, run by run."""
    import numpy as np

    begin = max(begin, 0)
    own = np.concatenate([[False], marks[begin:end], [False]])
    places = np.flatnonzero(own[1:] != own[:-1]).tolist()
    for first, past in zip(places[::2], places[1::2], strict=True):
        yield low + begin + first, FULL
        yield low + begin + past, EMPTY


def _likely_period(marks: Any) -> int:
    """The distance at which the last marks are most like each other."""
    import numpy as np

    most = max(min(_LIKELY_PERIOD, len(marks) // 4), 2)
    last = marks[-4 * most :]
    apart = [np.count_nonzero(last[by:] != last[:-by]) / (len(last) - by) for by in range(1, most)]
    return 1 + int(np.argmin(apart))
