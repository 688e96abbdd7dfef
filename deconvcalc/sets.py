"""Sets of sizes n >= 1: from a start on residue classes, before it whatever there is.

A set is kept in one form: the least modulus, the least start from which it decides alone, and the
members before that as the longest pieces that repeat. So equal sets have equal fields, however they
were made, and a modulus or a start of 10**12 costs no more than one of 4.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from functools import reduce
from itertools import compress, count, islice, pairwise
from math import gcd, lcm
from typing import TYPE_CHECKING, Any, NamedTuple

from deconvcalc.errors import DeconvcalcError, UndecidedError
from deconvcalc.sizemap.chains import Chain
from deconvcalc.sizemap.exact import Shape, exact, up_to
from deconvcalc.sizemap.floors import SizeMap
from deconvcalc.sizemap.ranges import WORK_LIMIT, chunks
from deconvcalc.values import Value, integer, setters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from deconvcalc.sizemap import Progression
    from deconvcalc.sizemap.exact import ExactMap, Stair

__all__ = [
    "MOST_CLASSES",
    "MOST_PIECES",
    "LimitError",
    "Sizes",
    "accepted",
    "agreement",
    "at_least",
    "fixed_points",
    "image",
    "preimage",
]

MOST_CLASSES = 500_000
"""The work limit: a set keeps up to this many residue classes, or all classes but this many."""

MOST_PIECES = 20_000
"""The work limit before the start: up to this many pieces."""

_LONGEST_PERIOD = 32
"""A piece before the start repeats up to this many runs of neighbours."""


class LimitError(DeconvcalcError):
    """An operation on sets that would keep more than the work limit."""


class _Classes(Value):
    """The integers that are, or where `negated` are not, one of `marked` modulo `modulus`.

    The modulus is the least one, and no more than half of its residues are marked.
    """

    __slots__ = ("marked", "modulus", "negated")
    _fields = ("modulus", "marked", "negated")
    modulus: int
    marked: tuple[int, ...]
    negated: bool

    def __init__(self, modulus: int, marked: Iterable[int], negated: bool = False) -> None:
        found = tuple(sorted(marked))
        if 2 * len(found) > modulus or (2 * len(found) == modulus and negated):
            inside = set(found)
            found = tuple([r for r in range(modulus) if r not in inside])
            negated = not negated
        if len(found) > MOST_CLASSES:
            raise _too_many_classes(len(found))
        self._put(*_least_period(modulus, found), negated)

    def _put(self, modulus: int, marked: tuple[int, ...], negated: bool) -> None:
        _put_modulus(self, modulus)
        _put_marked(self, marked)
        _put_negated(self, negated)

    @classmethod
    def arc(cls, modulus: int, first: int, held: int, step: int = 1) -> _Classes:
        """The residues first*step, (first + 1)*step ... modulo the modulus, `held` of them.

        The step has no factor in common with the modulus, so that no smaller one will do.

        Raises:
            LimitError: there are too many of them, and of the others.
        """
        if held <= 0:
            return _EMPTY
        if held >= modulus:
            return _FULL
        negated = 2 * held > modulus
        if negated:
            first, held = first + held, modulus - held
        if held > MOST_CLASSES:
            raise _too_many_classes(held)
        made = cls.__new__(cls)
        if step == 1:
            first %= modulus
            over = max(first + held - modulus, 0)
            marked = (*range(over), *range(first, first + held - over))
        else:
            marked = tuple(sorted([n * step % modulus for n in range(first, first + held)]))
        made._put(modulus, marked, negated)
        return made

    def flipped(self) -> _Classes:
        """All other integers."""
        if 2 * len(self.marked) == self.modulus:
            return _Classes(self.modulus, self.marked, not self.negated)
        other = _Classes.__new__(_Classes)
        other._put(self.modulus, self.marked, not self.negated)
        return other

    def __bool__(self) -> bool:
        return self.negated or bool(self.marked)

    def __contains__(self, n: int) -> bool:
        residue = n % self.modulus
        place = bisect_left(self.marked, residue)
        return (self.marked[place : place + 1] == (residue,)) is not self.negated

    def marks(self, n: int) -> int:
        """How many integers from 0 to n - 1 have a marked residue."""
        turns, rest = divmod(n, self.modulus)
        return turns * len(self.marked) + bisect_left(self.marked, rest)

    def rank(self, n: int) -> int:
        """How many members there are from 0 to n - 1."""
        return n - self.marks(n) if self.negated else self.marks(n)

    def nth(self, index: int) -> int:
        """The member with this rank."""
        marked = self.marked
        if not self.negated:
            turns, place = divmod(index, len(marked))
            return turns * self.modulus + marked[place]
        turns, place = divmod(index, self.modulus - len(marked))
        skipped = bisect_right(range(len(marked)), place, key=lambda i: marked[i] - i)
        return turns * self.modulus + place + skipped

    def next(self, n: int) -> int | None:
        """The least member from n upwards."""
        return self.nth(self.rank(n)) if self else None

    def previous(self, n: int) -> int | None:
        """The greatest member from n downwards."""
        if not self.marked:
            return n if self.negated else None
        if self.negated:
            return self.nth(self.rank(n + 1) - 1)
        residue = n % self.modulus
        place = bisect_right(self.marked, residue)
        turn = n - residue if place else n - residue - self.modulus
        return turn + self.marked[place - 1]

    def count(self, low: int, high: int) -> int:
        """How many members there are from low to high."""
        return self.rank(high + 1) - self.rank(low)

    def between(self, low: int, high: int | None) -> Iterator[int]:
        """The members from low to high."""
        for first, last in self.runs(low, high):
            yield from count(first) if last is None else range(first, last + 1)

    def runs(self, low: int, high: int | None) -> Iterator[tuple[int, int | None]]:
        """Members from low to high as ranges; neighbours may touch. Only the last may be open."""
        if not self.negated:
            for n in self._marks_between(low, high):
                yield n, n
            return
        for n in self._marks_between(low, high):
            if low < n:
                yield low, n - 1
            low = n + 1
        if high is None or low <= high:
            yield low, high

    def _marks_between(self, low: int, high: int | None) -> Iterator[int]:
        """The integers from low to high with a marked residue."""
        if not self.marked:
            return
        base, least = low - low % self.modulus, low % self.modulus
        while True:
            for residue in self.marked[bisect_left(self.marked, least) :]:
                n = base + residue
                if high is not None and n > high:
                    return
                yield n
            base, least = base + self.modulus, 0

    def residues(self) -> tuple[int, ...]:
        """All residues of the members.

        Raises:
            LimitError: there are too many to list.
        """
        if not self.negated:
            return self.marked
        if self.modulus - len(self.marked) > MOST_CLASSES:
            raise _too_many_classes(self.modulus - len(self.marked))
        marked = set(self.marked)
        return tuple([r for r in range(self.modulus) if r not in marked])


_put_modulus, _put_marked, _put_negated = setters(_Classes)


def _too_many_classes(count: int) -> LimitError:
    return LimitError(
        f"the set has {count} residue classes, more than the work limit of {MOST_CLASSES}",
        rule="residues",
        hint="Ask about a smaller modulus.",
    )


def _least_period(modulus: int, marked: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The same residues by the least modulus. A copy for every period: their number divides."""
    if not marked:
        return 1, ()
    rest, prime = gcd(len(marked), modulus), 2
    while rest > 1:
        if prime * prime > rest:
            prime = rest
        while rest % prime == 0:
            period, few = modulus // prime, len(marked) // prime
            repeats = marked[few] - marked[0] == period and all(
                marked[i + few] - marked[i] == period for i in range(len(marked) - few)
            )
            if not repeats:  # and so it does not by a smaller part either
                while rest % prime == 0:
                    rest //= prime
                break
            rest //= prime
            modulus, marked = period, marked[:few]
        prime += 1
    return modulus, marked


_EMPTY = _Classes(1, ())
_FULL = _EMPTY.flipped()


# Intersections of classes. The three helpers take classes that are not negated.


def _both(one: _Classes, two: _Classes) -> _Classes:
    if one.modulus == 1:  # everything, or nothing
        return two if one.negated else _EMPTY
    if two.modulus == 1:
        return one if two.negated else _EMPTY
    if one.negated and two.negated:
        return _either(one.flipped(), two.flipped()).flipped()
    if one.negated:
        one, two = two, one
    return _without(one, two.flipped()) if two.negated else _common(one, two)


def _common(one: _Classes, two: _Classes) -> _Classes:
    """By the Chinese remainder theorem, pair by pair."""
    if one.modulus % two.modulus:
        one, two = two, one
    if one.modulus % two.modulus == 0:
        modulus, inside = two.modulus, set(two.marked)
        kept = [r for r in one.marked if r % modulus in inside]
        if len(kept) == len(one.marked):
            return one
        if len(kept) == len(two.marked) and one.modulus == two.modulus:
            return two
        return _Classes(one.modulus, kept)
    shared = gcd(one.modulus, two.modulus)
    partners: dict[int, list[int]] = {}
    for residue in two.marked:
        partners.setdefault(residue % shared, []).append(residue)
    total = sum([len(partners.get(residue % shared, ())) for residue in one.marked])
    if total > MOST_CLASSES:
        raise _too_many_classes(total)
    step = two.modulus // shared
    inverse = pow(one.modulus // shared, -1, step)
    return _Classes(
        one.modulus * step,
        [
            first + one.modulus * ((second - first) // shared * inverse % step)
            for first in one.marked
            for second in partners.get(first % shared, ())
        ],
    )


def _without(one: _Classes, two: _Classes) -> _Classes:
    common = _common(one, two)
    if not common or common == one:
        return _EMPTY if common else one
    inside = set(two.marked)
    modulus, lifted = _lifted(one, two.modulus)
    return _Classes(modulus, [r for r in lifted if r % two.modulus not in inside])


def _either(one: _Classes, two: _Classes) -> _Classes:
    common = _common(one, two)
    if common in (one, two):
        return two if common == one else one
    modulus, first = _lifted(one, two.modulus)
    return _Classes(modulus, {*first, *_lifted(two, one.modulus)[1]})


def _lifted(classes: _Classes, modulus: int) -> tuple[int, list[int]]:
    """The residues modulo the least common multiple, and that."""
    copies = modulus // gcd(modulus, classes.modulus)
    if copies * len(classes.marked) > MOST_CLASSES:
        raise _too_many_classes(copies * len(classes.marked))
    whole = classes.modulus * copies
    return whole, [r + by for by in range(0, whole, classes.modulus) for r in classes.marked]


def _first_difference(one: _Classes, two: _Classes, low: int, high: int | None) -> int | None:
    """The least n from low to high that is in one and not in the other."""
    if one == two:
        return None
    if one.negated and two.negated:
        one, two = one.flipped(), two.flipped()
    while high is None or low <= high:
        ours, others = one.next(low), two.next(low)
        if ours != others:
            at = min([n for n in (ours, others) if n is not None])
            return at if high is None or at <= high else None
        low = low + 1 if ours is None else ours + 1
    return None


def _last_difference(one: _Classes, two: _Classes, low: int, high: int) -> int | None:
    """The greatest n from low to high that is in one and not in the other."""
    if one == two:
        return None
    if one.negated and two.negated:
        one, two = one.flipped(), two.flipped()
    while low <= high:
        ours, others = one.previous(high), two.previous(high)
        if ours != others:
            at = max([n for n in (ours, others) if n is not None])
            return at if at >= low else None
        high = high - 1 if ours is None else ours - 1
    return None


_Steps = list[tuple[int, _Classes]]
"""Membership as steps: from each number on, up to the next, these classes. The first is at 1."""


def _joined(steps: Iterable[tuple[int, _Classes]]) -> _Steps:
    """Steps where a later one at the same number holds, and neighbours differ."""
    found: _Steps = []
    for low, classes in steps:
        if found and found[-1][0] == low:
            found.pop()
        if not found or found[-1][1] != classes:
            found.append((low, classes))
    return found


def _meet(one: _Steps, two: _Steps) -> _Steps:
    """The intersection."""
    return _joined(_cut(one, two))


def _cut(one: _Steps, two: _Steps) -> Iterator[tuple[int, _Classes]]:
    i, j, low = 0, 0, 1
    while True:
        ends = [steps[k + 1][0] for steps, k in ((one, i), (two, j)) if k + 1 < len(steps)]
        end = min(ends) if ends else None
        yield from _meet_between(one[i][1], two[j][1], low, end)
        if end is None:
            return
        i += i + 1 < len(one) and one[i + 1][0] == end
        j += j + 1 < len(two) and two[j + 1][0] == end
        low = end


def _meet_between(one: _Classes, two: _Classes, low: int, end: int | None) -> _Steps:
    """The intersection from low up to before `end`: number by number where there are few."""
    if not one or not two:
        return [(low, _EMPTY)]
    if end is not None and one.marked and two.marked:
        if one.marks(end) - one.marks(low) < two.marks(end) - two.marks(low):
            one, two = two, one
        few = two.marks(end) - two.marks(low)
        if few <= _LONGEST_PERIOD + len(one.marked) + len(two.marked):
            usual, special = (one, _EMPTY) if two.negated else (_EMPTY, one)
            steps = [(low, usual)]
            first = two.marks(low)
            marks = two.flipped() if two.negated else two
            for n in [marks.nth(index) for index in range(first, first + few)]:
                steps += [(n, special), (n + 1, usual)]
            return steps
    return [(low, _both(one, two))]


class _Piece(NamedTuple):
    """The members of some classes from one of them to another."""

    first: int
    last: int
    classes: _Classes

    def size(self) -> int:
        return self.classes.count(self.first, self.last)

    def members(self) -> Iterator[int]:
        return self.classes.between(self.first, self.last)


def _departs(steps: _Steps, classes: _Classes, low: int) -> int | None:
    """The least n from low upwards where the steps and the classes differ."""
    for place in range(bisect_right(steps, low, key=_low) - 1, len(steps)):
        high = steps[place + 1][0] - 1 if place + 1 < len(steps) else None
        start, ours = steps[place]
        at = _first_difference(ours, classes, max(low, start), high)
        if at is not None:
            return at
    return None


def _low(step: tuple[int, _Classes]) -> int:
    return step[0]


def _piecewise(pieces: Iterable[_Piece]) -> _Steps:
    """The pieces as steps, and nothing after them."""
    steps = [(1, _EMPTY)]
    for first, last, classes in pieces:
        steps += [(first, classes), (last + 1, _EMPTY)]
    return _joined(steps)


def _runs(steps: _Steps, low: int) -> Iterator[tuple[int, int]]:
    """The first and the last member of every run of neighbours from low on, of a finite set."""
    first, last = low, low - 1
    place = bisect_right(steps, low, key=_low) - 1
    for (start, classes), (end, _) in pairwise(steps[place:]):
        for left, right in classes.runs(max(start, low), end - 1):
            if left > last + 1:
                if first <= last:
                    yield first, last
                first = left
            last = end - 1 if right is None else right
    if first <= last:
        yield first, last


def _pieces(steps: _Steps) -> Iterator[_Piece]:
    """A finite set as pieces, each the longest that repeats at least three times, or one run.

    What is chosen depends on the members alone, not on the steps that give them.
    """
    ahead = _runs(steps, 1)
    runs: list[tuple[int, int]] = []
    while runs or _pull(runs, ahead, 1):
        first, best, end = runs[0][0], _FULL, runs[0][1] + 1
        for classes, at in _candidates(steps, runs, ahead):
            if at > end:
                best, end = classes, at
        yield _Piece(first, best.previous(end - 1) or first, best)
        runs = [(max(low, end), high) for low, high in runs if high >= end]
        if not runs:
            ahead = _runs(steps, end)


def _head(steps: _Steps) -> tuple[_Piece, ...]:
    """The pieces of a finite set; each takes in those before that fit it."""
    head: list[_Piece] = []
    for number, (first, last, classes) in enumerate(_pieces(steps), start=1):
        if number > MOST_PIECES:
            raise LimitError(
                f"the members before {steps[-1][0]} fall into more pieces than the work limit of "
                f"{MOST_PIECES}",
                rule="pieces",
                hint="Ask about a smaller range.",
            )
        begin = first
        while head and (_departs(steps, classes, head[-1].first) or 0) >= first:
            begin = head.pop().first
        head.append(_Piece(begin, last, classes))
    return tuple(head)


def _pull(runs: list[tuple[int, int]], ahead: Iterator[tuple[int, int]], length: int) -> bool:
    """Whether there are so many runs, taken from those ahead where need be."""
    runs += islice(ahead, max(length - len(runs), 0))
    return len(runs) >= length


def _candidates(
    steps: _Steps, runs: list[tuple[int, int]], ahead: Iterator[tuple[int, int]]
) -> Iterator[tuple[_Classes, int]]:
    """Classes that the next runs repeat three times, and where the steps depart from them."""
    for length in range(1, _LONGEST_PERIOD + 1):
        if not _pull(runs, ahead, 3 * length + 1):
            return
        (first, last), (after, end) = runs[0], runs[length]
        if last - first != end - after or runs[2 * length][0] - after != after - first:
            continue
        period = after - first
        if all(_follows(runs[i + length], runs[i], period) for i in range(2 * length)):
            if runs[3 * length][0] - runs[2 * length][0] != period:
                continue
            held = sum([last - first + 1 for first, last in runs[:length]])
            if min(held, period - held) > _LONGEST_PERIOD**2:
                continue
            negated = 2 * held > period
            gaps = [(one[1] + 1, two[0] - 1) for one, two in pairwise(runs[: length + 1])]
            spans = gaps if negated else runs[:length]
            marked = [n % period for low, high in spans for n in range(low, high + 1)]
            classes = _Classes(period, marked, negated)
            at = _departs(steps, classes, runs[0][0]) or 0
            yield classes, at
            # Past so many runs no longer period can be another one.
            if (at - runs[0][0]) // period * length > 4 * _LONGEST_PERIOD:
                return


def _follows(run: tuple[int, int], before: tuple[int, int], period: int) -> bool:
    return run[0] - before[0] == period == run[1] - before[1]


class Sizes(Value):
    """A set of integers n >= 1, finite or from a start on periodic.

    Make one with `all`, `none`, `of`, `congruent`, `between`, `from_progression` or `periodic`, and
    combine sets by `|`, `&`, `-` and `~`, the complement within n >= 1. Equal sets are equal and
    print alike, however they were made.

    What is found of maps with a float scale is known up to a horizon only. Such a set holds its
    members up to there and says so; what is made of several sets is known as far as all of them.

    Attributes:
        start: the least n from which on `n % modulus` alone decides; after a finite set's last.
        horizon: the greatest n that the set is known at, or None where it is known at all of them.

    >>> print(Sizes.congruent(1, 2) | Sizes.of(2, 6))
    n odd, or n in {2, 6}
    >>> print(Sizes.congruent(0, 32), "|", ~Sizes.between(1, 2) - Sizes.of(7))
    n ≡ 0 (mod 32), n ≥ 32 | n ≥ 3 except 7
    >>> Sizes.congruent(0, 32).nearest(100)
    (96, 128)
    """

    __slots__ = ("_head", "_tail", "horizon", "start")
    _fields = ("_head", "start", "_tail", "horizon")
    _head: tuple[_Piece, ...]
    _tail: _Classes
    start: int
    horizon: int | None

    def __init__(self) -> None:
        raise TypeError("make a set with Sizes.all, none, of, congruent, between or periodic")

    @classmethod
    def _made(cls, steps: _Steps, horizon: int | None = None) -> Sizes:
        """The set that these steps tell, up to a horizon if there is one, in its one form."""
        if horizon is not None:
            steps = _joined(
                [*[step for step in steps if step[0] <= horizon], (horizon + 1, _EMPTY)]
            )
        tail, start = steps[-1][1], 1
        for place in range(len(steps) - 2, -1, -1):
            low, classes = steps[place]
            at = _last_difference(classes, tail, low, steps[place + 1][0] - 1)
            if at is not None:
                start = at + 1
                break
        before = [step for step in steps if step[0] < start]
        made = cls.__new__(cls)
        made._set(_head=_head([*before, (start, _EMPTY)]), start=start, _tail=tail)
        made._set(horizon=horizon)
        return made

    def up_to(self, horizon: int) -> Sizes:
        """What is known of the set if it is known up to a horizon only.

        Raises:
            DeconvcalcError: the horizon is below 0.
            TypeError: it is no int.

        >>> print(Sizes.congruent(0, 4).up_to(100))
        n ≡ 0 (mod 4), n ≥ 4 (known for n ≤ 100)
        """
        end = _number("horizon", horizon)
        if end < 0:
            raise DeconvcalcError(f"a horizon is at least 0, not {end}", rule="horizon")
        return self._made(self._steps(), _nearer(self.horizon, end))

    def _steps(self) -> _Steps:
        return _joined([*_piecewise(self._head), (self.start, self._tail)])

    @classmethod
    def _span(cls, classes: _Classes, low: int, high: int | None) -> Sizes:
        """The members of some classes from low to high."""
        if high is None:
            # Nothing is before it; it may begin right after the last one that it leaves out.
            last = classes.previous(low - 1) if low > 1 else None
            made = cls.__new__(cls)
            _put_head(made, ())
            _put_start(made, last + 1 if last is not None and last > 0 else 1)
            _put_tail(made, classes)
            _put_horizon(made, None)
            return made
        low = max(low, 1)
        end = max(high, low - 1) + 1
        return cls._made(_joined([(1, _EMPTY), (low, classes), (end, _EMPTY)]))

    # Ways to make one.

    @classmethod
    def all(cls) -> Sizes:
        """Every n >= 1.

        >>> print(Sizes.all())
        any n ≥ 1
        """
        return cls._span(_FULL, 1, None)

    @classmethod
    def none(cls) -> Sizes:
        """No n.

        >>> print(Sizes.none())
        no n
        """
        return cls._made([(1, _EMPTY)])

    @classmethod
    def of(cls, *members: int) -> Sizes:
        """These sizes alone.

        Raises:
            DeconvcalcError: one is below 1.
            TypeError: one is no int.

        >>> print(Sizes.of(6, 2))
        n in {2, 6}
        """
        numbers = sorted({_number("a size", member) for member in members})
        if numbers and numbers[0] < 1:
            raise DeconvcalcError(
                f"a size is at least 1, not {numbers[0]}", size=numbers[0], rule="members"
            )
        return cls._made(_joined([(1, _EMPTY), *_singly(numbers)]))

    @classmethod
    def congruent(cls, residue: int, modulus: int, start: int = 1) -> Sizes:
        """The n >= 1 from `start` on that leave `residue` when divided by `modulus`.

        Raises:
            DeconvcalcError: the modulus is below 1.
            TypeError: an argument is no int.

        >>> print(Sizes.congruent(3, 4), "|", Sizes.congruent(0, 2))
        n ≡ 3 (mod 4), n ≥ 3 | n even
        """
        modulus = _modulus(modulus)
        classes = _Classes(modulus, [_number("residue", residue) % modulus])
        return cls._span(classes, _number("start", start), None)

    @classmethod
    def between(cls, low: int, high: int | None = None) -> Sizes:
        """The n >= 1 from `low` to `high`, both included, or without an end.

        Raises:
            TypeError: an argument is no int.

        >>> print(Sizes.between(27, 28), "|", Sizes.between(3))
        27..28 | n ≥ 3
        """
        high = None if high is None else _number("high", high)
        return cls._span(_FULL, _number("low", low), high)

    @classmethod
    def from_progression(cls, progression: Progression) -> Sizes:
        """The n >= 1 of a progression, for example of the domain of a size map.

        >>> from deconvcalc.sizemap import SizeMap
        >>> print(Sizes.from_progression(SizeMap(low=4, modulus=4).domain))
        n ≡ 0 (mod 4), n ≥ 4
        """
        step = progression.step
        classes = _FULL if step == 1 else _Classes(step, [progression.start % step])
        return cls._span(classes, progression.start, progression.stop)

    @classmethod
    def periodic(cls, head: Sequence[bool], mask: Sequence[bool]) -> Sizes:
        """The n whose mark is true: n = 1, 2, ... by `head`, and then by `mask` again and again.

        Raises:
            DeconvcalcError: the mask is empty.
            LimitError: it has too many residue classes.
            TypeError: a mark is no bool.

        >>> print(Sizes.periodic([False, True], [True, False]))
        n odd, n ≥ 3, or n = 2
        """
        marks, first, period = _bools(mask), len(head) + 1, len(mask)
        if not period:
            raise DeconvcalcError("a mask has at least one mark", rule="mask")
        negated = 2 * sum(marks) > period
        marked = [(first + at) % period for at, mark in enumerate(marks) if mark is not negated]
        runs: _Steps = [
            (n, _FULL if mark else _EMPTY) for n, mark in enumerate(_bools(head), start=1)
        ]
        return cls._made(_joined([*runs, (first, _Classes(period, marked, negated))]))

    # What it holds.

    @property
    def modulus(self) -> int:
        """The least one by which membership repeats from `start` on; 1 where the set is finite."""
        return self._tail.modulus

    @property
    def residues(self) -> tuple[int, ...]:
        """The residues that are members from `start` on, ascending; none where the set is finite.

        Raises:
            LimitError: there are too many to list.

        >>> Sizes.congruent(3, 4).residues
        (3,)
        """
        return self._tail.residues()

    @property
    def is_finite(self) -> bool:
        """Whether it has a greatest member, or none at all."""
        return not self._tail

    @property
    def least(self) -> int | None:
        """The least member, or None."""
        return self.nearest(1)[1]

    @property
    def greatest(self) -> int | None:
        """The greatest member, or None where there is none."""
        return self._head[-1].last if self.is_finite and self._head else None

    def __bool__(self) -> bool:
        return bool(self._head) or bool(self._tail)

    def __contains__(self, n: object) -> bool:
        size = _number("a size", n)
        if self.horizon is not None and size > self.horizon:
            raise UndecidedError(
                f"{self}: whether {size} is a member is not known", size=size, rule="horizon"
            )
        if size >= self.start:
            return size in self._tail
        place = self._place(size)
        return place >= 0 and size <= self._head[place].last and size in self._head[place].classes

    def _place(self, n: int) -> int:
        """The index of the last piece that begins at n or before."""
        return bisect_right(self._head, n, key=lambda piece: piece.first) - 1

    def nearest(self, n: int) -> tuple[int | None, int | None]:
        """The nearest members at n or below, and at n or above; None where there is none.

        With a horizon, none up to it.

        >>> (Sizes.congruent(0, 4) | Sizes.of(6)).nearest(6), Sizes.between(3).nearest(1)
        ((6, 6), (None, 3))
        """
        n = _number("a size", n)
        return self._below(n), self._above(n)

    def _below(self, n: int) -> int | None:
        if n >= self.start:
            found = self._tail.previous(n)
            if found is not None and found >= self.start:
                return found
        place = self._place(n)
        if place < 0:
            return None
        return self._head[place].classes.previous(min(n, self._head[place].last))

    def _above(self, n: int) -> int | None:
        place = self._place(n)
        if place >= 0 and n <= self._head[place].last:
            return self._head[place].classes.next(n)
        if place + 1 < len(self._head):
            return self._head[place + 1].first
        return self._tail.next(max(n, self.start))

    def count(self, low: int = 1, high: int | None = None) -> int:
        """How many members there are from `low` to `high`, both included.

        Raises:
            DeconvcalcError: there is no end to them.
            TypeError: an argument is no int.

        >>> Sizes.congruent(0, 32).count(1, 100), Sizes.between(27, 28).count()
        (3, 2)
        """
        low = max(_number("low", low), 1)
        if high is None:
            if not self.is_finite:
                raise DeconvcalcError(
                    f"{self}: there is no end to them",
                    rule="count",
                    hint="Give `high`.",
                )
            high = self.start
        high = _number("high", high)
        parts = [*self._head, _Piece(self.start, max(high, self.start), self._tail)]
        spans = [(max(low, first), min(high, last), own) for first, last, own in parts]
        return sum([own.count(first, last) for first, last, own in spans if first <= last])

    def __iter__(self) -> Iterator[int]:
        for piece in self._head:
            yield from piece.members()
        yield from self._tail.between(self.start, None)

    def first(self, count: int) -> list[int]:
        """The least members, up to `count` of them.

        >>> Sizes.congruent(0, 32).first(3)
        [32, 64, 96]
        """
        return list(islice(self, max(_number("count", count), 0)))

    def __getitem__(self, index: int) -> int:
        """The member with so many below it; from the end where the index is negative."""
        left = _number("index", index)
        if left < 0 and self.is_finite:
            left += self.count()
        if left >= 0:
            for first, last, classes in self._head:
                here = classes.count(first, last)
                if left < here:
                    return classes.nth(classes.rank(first) + left)
                left -= here
            if self._tail:
                return self._tail.nth(self._tail.rank(self.start) + left)
        raise IndexError(f"{self}: there is no member {index}")

    # The algebra.

    def __invert__(self) -> Sizes:
        return self._made(_flipped(self._steps()), self.horizon)

    def __and__(self, other: Sizes) -> Sizes:
        if not isinstance(other, Sizes):
            return NotImplemented
        if not (self._head or other._head) and self.horizon is other.horizon is None:
            tail, start = _both(self._tail, other._tail), max(self.start, other.start)
            if tail is self._tail and start == self.start:
                return self
            if tail is other._tail and start == other.start:
                return other
            return self._span(tail, start, None)
        return self._made(_meet(self._steps(), other._steps()), self._both_known(other))

    def __or__(self, other: Sizes) -> Sizes:
        if not isinstance(other, Sizes):
            return NotImplemented
        neither = _meet(_flipped(self._steps()), _flipped(other._steps()))
        return self._made(_flipped(neither), self._both_known(other))

    def __sub__(self, other: Sizes) -> Sizes:
        if not isinstance(other, Sizes):
            return NotImplemented
        return self._made(_meet(self._steps(), _flipped(other._steps())), self._both_known(other))

    def _both_known(self, other: Sizes) -> int | None:
        return _nearer(self.horizon, other.horizon)

    def __le__(self, other: Sizes) -> bool:
        if not isinstance(other, Sizes):
            return NotImplemented
        return not self - other

    def __lt__(self, other: Sizes) -> bool:
        if not isinstance(other, Sizes):
            return NotImplemented
        return self != other and self <= other

    # As text, JSON, and for other libraries.

    def __str__(self) -> str:
        return _text(self)

    def __repr__(self) -> str:
        if self.horizon is not None:
            return f"{self._made(self._steps())!r}.up_to({self.horizon})"
        least, greatest = self.least, self.greatest
        if least is None:
            return "Sizes.none()"
        if self == Sizes.all():
            return "Sizes.all()"
        if self == Sizes.between(least, greatest):
            return (
                f"Sizes.between({least})" if greatest is None else f"Sizes.between{least, greatest}"
            )
        if greatest is not None and self.count() <= _LISTED:
            return f"Sizes.of({', '.join(map(str, self))})"
        if greatest is None and len(self._tail.marked) == 1 and not self._tail.negated:
            residue, modulus = self._tail.marked[0], self.modulus
            for shown in (f"{residue}, {modulus}", f"{residue}, {modulus}, {least}"):
                if self == Sizes.congruent(*map(int, shown.split(","))):
                    return f"Sizes.congruent({shown})"
        return f"Sizes.from_record({self.to_record()!r})"

    def to_record(self) -> dict[str, Any]:
        """The set as JSON takes it: plain ints, lists and dicts.

        `residues` hold from `start` on; `head` lists what is before. Where nearly all residues are
        members, `residues_but` lists those that are not. A `horizon` is told where there is one.

        >>> (Sizes.congruent(1, 2) | Sizes.of(2)).to_record()  # doctest: +NORMALIZE_WHITESPACE
        {'modulus': 2, 'residues': [1], 'start': 3,
         'head': [{'modulus': 1, 'residues': [0], 'first': 1, 'last': 2}]}
        """
        head = [
            {**_classes_record(classes), "first": first, "last": last}
            for first, last, classes in self._head
        ]
        known = {} if self.horizon is None else {"horizon": self.horizon}
        return {**_classes_record(self._tail), "start": self.start, "head": head, **known}

    @classmethod
    def from_record(cls, record: Any) -> Sizes:
        """The set that a record tells.

        Raises:
            DeconvcalcError: the record is no set's.
            TypeError: a number in it is no int.

        >>> Sizes.from_record({"modulus": 4, "residues": [0, 2], "start": 1, "head": []})
        Sizes.congruent(0, 2)
        """
        try:
            head = [
                _Piece(_number("first", part["first"]), _number("last", part["last"]), _read(part))
                for part in record["head"]
            ]
            tail, start = _read(record), _number("start", record["start"])
        except (KeyError, AttributeError) as error:
            raise DeconvcalcError(f"a set's record lacks {error}", rule="record") from None
        lows = [1, *[n for first, last, _ in head for n in (first, last + 1)], start]
        if lows != sorted(lows) or any(first > last for first, last, _ in head):
            raise DeconvcalcError("a set's record has pieces out of order", rule="record")
        made = cls._made(_joined([*_piecewise(head), (start, tail)]))
        return made.up_to(record["horizon"]) if "horizon" in record else made

    def to_sympy(self) -> Any:
        """The same set in sympy: Ranges, a FiniteSet, their union.

        >>> Sizes.congruent(0, 32).to_sympy(), Sizes.of(2, 6).to_sympy()
        (Range(32, oo, 32), {2, 6})
        """
        from sympy import FiniteSet, Union, oo

        single = [first for first, last, _ in self._head if first == last]
        parts = [FiniteSet(*single)] if single else []
        for first, last, classes in self._head:
            if first < last:
                parts += _sympy_ranges(classes, first, last + 1)
        if self._tail:
            parts += _sympy_ranges(self._tail, self.start, oo)
        if len(parts) == 1:
            return parts[0]
        # Unevaluated: sympy would compare each part with each.
        return Union(*parts, evaluate=False) if parts else FiniteSet()

    def to_torch_dim(self, name: str = "H") -> str | None:
        """The line that tells `torch.export` this set of an axis, or None where no line can.

        A `Dim` is a range of at least two sizes; a derived one is a multiple of a range and an
        offset. torch's exporter proves the model for these sizes; the exported program itself
        checks the ends at run time, and the steps only where the model has need of them.

        Raises:
            DeconvcalcError: the name is no Python name.

        >>> print(Sizes.congruent(0, 32).to_torch_dim())
        H = 32 * torch.export.Dim("_H", min=1)
        >>> print(Sizes.between(3, 28).to_torch_dim("W"), Sizes.of(1, 2, 4).to_torch_dim())
        W = torch.export.Dim("W", min=3, max=28) None
        """
        if not name.isidentifier():
            raise DeconvcalcError(f"{name!r} is no Python name", rule="name")
        pair = self.first(2)
        if len(pair) < 2:
            return None
        low, step, high = pair[0], pair[1] - pair[0], self.greatest
        if self != Sizes._span(_Classes(step, [low % step]), low, high):
            return None
        offset = low % step - step if low % step else 0
        least = (low - offset) // step
        ends = f"min={least}" if high is None else f"min={least}, max={(high - offset) // step}"
        if step == 1:
            return f'{name} = torch.export.Dim("{name}", {ends})'
        tail = f" - {-offset}" if offset else ""
        return f'{name} = {step} * torch.export.Dim("_{name}", {ends}){tail}'


_put_head, _put_start, _put_tail, _put_horizon = setters(Sizes)


def _nearer(one: int | None, other: int | None) -> int | None:
    """The smaller of two horizons."""
    return min([horizon for horizon in (one, other) if horizon is not None], default=None)


def _number(name: str, value: Any) -> int:
    number = integer(value)
    if number is None:
        raise TypeError(f"{name} must be an int, not {value!r}")
    return number


def _modulus(value: Any) -> int:
    modulus = _number("modulus", value)
    if modulus < 1:
        raise DeconvcalcError(f"modulus must be at least 1, not {modulus}", rule="modulus")
    return modulus


def _singly(numbers: list[int]) -> Iterator[tuple[int, _Classes]]:
    for n in numbers:
        yield n, _FULL
        yield n + 1, _EMPTY


def _bools(marks: Sequence[bool]) -> list[bool]:
    for mark in marks:
        if type(mark).__name__ not in ("bool", "bool_"):  # Python's, and numpy's by either name
            raise TypeError(f"a mark must be a bool, not {mark!r}")
    return [bool(mark) for mark in marks]


def _flipped(steps: _Steps) -> _Steps:
    return [(low, classes.flipped()) for low, classes in steps]


def _classes_record(classes: _Classes) -> dict[str, Any]:
    if classes.negated and classes.modulus > 2 * _LONGEST_PERIOD:
        return {"modulus": classes.modulus, "residues_but": list(classes.marked)}
    return {"modulus": classes.modulus, "residues": list(classes.residues())}


def _read(record: Any) -> _Classes:
    """The classes of a record."""
    modulus, negated = _modulus(record["modulus"]), "residues_but" in record
    listed = record["residues_but"] if negated else record["residues"]
    return _Classes(modulus, {_number("residue", r) % modulus for r in listed}, negated)


def _sympy_ranges(classes: _Classes, low: int, end: Any) -> list[Any]:
    """The members from low up to before `end`, as sympy sets."""
    from sympy import Complement, Range, Union

    if classes.negated and classes.modulus > 2 * _LONGEST_PERIOD:
        others = Union(*_sympy_ranges(classes.flipped(), low, end), evaluate=False)
        return [Complement(Range(low, end), others, evaluate=False)]
    modulus = classes.modulus
    starts = sorted([low + (residue - low) % modulus for residue in classes.residues()])
    return [Range(first, end, modulus) for first in starts if first < end]


# As people say it.

_LISTED = 8
"""So many members are listed rather than described."""

_MOST_WEIGHED = 256
"""Up to so many pieces before the start, the shortest way to tell them is looked for."""


def _text(sizes: Sizes) -> str:
    if sizes.horizon is not None:
        return f"{_text(_continued(sizes))} (known for n ≤ {sizes.horizon})"
    if not sizes:
        return "no n"
    if sizes.is_finite:
        return _finite(sizes, alone=True)
    begin, missing, extra = _told(sizes)
    main = _main(sizes._tail, begin)
    if missing:
        main += f"{',' if ', ' in main else ''} except {_excepted(missing)}"
    return f"{main}, or {_finite(extra)}" if extra else main


def _continued(sizes: Sizes) -> Sizes:
    """A set without its horizon: what its last piece says up to there goes on for ever."""
    steps = [*_piecewise(sizes._head), (sizes.start, sizes._tail)]
    if sizes._head and sizes.horizon is not None:
        first, last, classes = sizes._head[-1]
        goes_on = (classes.next(last + 1) or 0) > sizes.horizon
        if goes_on and classes.count(first, last) > 2:
            steps = [*_piecewise(sizes._head[:-1]), (first, classes)]
    return Sizes._made(_joined(steps))


def _told(sizes: Sizes) -> tuple[int, Sizes, Sizes]:
    """Where the classes are said to begin, and what is missing and extra then: the fewest."""
    tail, head = sizes._tail, Sizes._made(_piecewise(sizes._head))
    if len(head._head) > _MOST_WEIGHED:
        return tail.next(sizes.start) or 0, Sizes.none(), head
    usual = Sizes._span(tail, 1, sizes.start - 1)
    extra, missing, shared = head - usual, usual - head, head & usual
    begins = [piece.first for piece in shared._head[:_LISTED]]

    def cost(begin: int) -> tuple[int, int]:
        absent, added = missing.count(begin), extra.count() + shared.count(1, begin - 1)
        return absent + added + bool(absent) + bool(added), -begin

    begin = min([tail.next(sizes.start) or 0, *begins], key=cost)
    early = shared & Sizes.between(1, begin - 1)
    extra = extra | early
    # What the classes hold too may be told again where that is shorter.
    again = [piece for piece in head._head if extra.count(piece.first, piece.last)]
    if 2 * _length(again) < _length(extra._head):
        extra = Sizes._made(_piecewise(again))
    return begin, missing & Sizes.between(begin), extra


def _length(pieces: Sequence[_Piece]) -> int:
    """About how long it is to tell these pieces."""
    return sum([1 if piece.classes == _FULL else 3 for piece in pieces])


def _main(classes: _Classes, begin: int) -> str:
    if classes == _FULL:
        return "any n ≥ 1" if begin == 1 else f"n ≥ {begin}"
    text = _named(classes)
    implied = 1 if classes.modulus > 2 else classes.next(1)
    return text if begin == implied else f"{text}, n ≥ {begin}"


def _named(classes: _Classes) -> str:
    """The classes in words."""
    if classes.modulus == 2:
        return "n odd" if 1 in classes else "n even"
    held = classes.modulus - len(classes.marked) if classes.negated else len(classes.marked)
    if classes.negated and (held > _LISTED or held > 4 * len(classes.marked)):
        listed, sign = classes.marked, "≢"
    else:
        listed, sign = classes.residues(), "≡"
    return f"n {sign} {_alternatives(listed)} (mod {classes.modulus})"


def _alternatives(numbers: tuple[int, ...]) -> str:
    if len(numbers) == 1:
        return str(numbers[0])
    if len(numbers) > 2 * _LISTED:
        shown = ", ".join(map(str, numbers[:_LISTED]))
        return f"{shown}, … or {numbers[-1]} ({len(numbers)} classes)"
    return ", ".join(map(str, numbers[:-1])) + f" or {numbers[-1]}"


def _finite(sizes: Sizes, *, alone: bool = False) -> str:
    """A finite set as a clause: the pieces that repeat by their classes, the others listed."""
    repeating = [p for p in sizes._head if p.classes != _FULL and p.size() > _LISTED]
    if len(repeating) > 3:
        repeating = []
    clauses = [_bounded(piece) for piece in repeating]
    listed = _list([piece for piece in sizes._head if piece not in repeating])
    if listed:
        sole = "=" if listed.isdecimal() else "in"
        bare = alone and not clauses and ".." in listed and "{" not in listed
        clauses.append(listed if bare else f"n {sole} {listed}")
    return ", or ".join(clauses)


def _excepted(sizes: Sizes) -> str:
    text = _finite(sizes)
    if ", or " in text or "mod" in text or "even" in text or "odd" in text:
        return f"({text})"
    return text.removeprefix("n = ").removeprefix("n in ")


def _bounded(piece: _Piece) -> str:
    first, last, classes = piece
    text = _named(classes)
    if classes.next(1) == first:
        return f"{text}, n ≤ {last}"
    return f"{text}, {first} ≤ n ≤ {last}"


def _list(pieces: Sequence[_Piece]) -> str:
    """Pieces as one number, one range, or a list in braces, shortened where it is long."""
    if not pieces:
        return ""
    items: list[str] = []
    for piece in pieces:
        dense = piece.classes == _FULL
        if dense and (
            piece.last - piece.first > 1 or (piece.first < piece.last and not pieces[1:])
        ):
            items.append(f"{piece.first}..{piece.last}")
        else:
            items += map(str, islice(piece.members(), 2 * _LISTED + 1))
        if len(items) > 2 * _LISTED:
            break
    if len(items) == 1:
        return items[0]
    if len(items) <= 2 * _LISTED:
        return f"{{{', '.join(items)}}}"
    total = sum([piece.size() for piece in pieces])
    return f"{{{', '.join(items[:_LISTED])}, … {pieces[-1].last}}} ({total} numbers)"


# Sets of maps.


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
        return Sizes._span(_FULL, stair[0], None)
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
    steps, rest = divmod(base - its_base, its_rise)
    shift, first, end = its_offset - offset, 0, divisor
    if equal or swapped:  # the floor is at least (c - d)/B
        first = max((steps + (rest > 0)) * step - shift, 0)
    if equal or not swapped:  # the floor is at most (c - d)/B
        end = min((steps + 1) * step - shift, divisor)
    inverse = 1 if slope == 1 else pow(slope, -1, divisor)
    classes = _Classes.arc(divisor, first - offset, end - first, inverse)
    return Sizes._span(classes, max(low, its_low), None)


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
            return Sizes._span(_Classes(period, [n % period for n in places]), low, None)
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
    span = one.span(_number("a size", size))
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
        raise _too_many_classes(len(first))
    if not first:
        return Sizes.none()
    top, least = max(first.values()), min(first.values())
    if (top - least) // rise * len(first) > WORK_LIMIT:
        raise UndecidedError(
            f"some sizes begin {top - least} above others: too many to list", rule="work limit"
        )
    below = [size for value in first.values() for size in range(value, top, rise)]
    return _members(sorted(below)) | Sizes._span(_Classes(rise, first), top, None)


def _falling(values: list[int], fall: int) -> Sizes:
    """The sizes v, v - fall, v - 2*fall ... for each of some values, which ascend."""
    last = {value % fall: value for value in values}
    parts = [Sizes._span(_Classes(fall, [r]), 1, value) for r, value in last.items()]
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
            raise _too_many_classes(places.size)
        residues = [(start + place) % period for place in places.tolist()]
        steps.append((start, _Classes(period, residues, negated)))
    return Sizes._made(_joined(steps), size_map.horizon)


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


def _steps_of(low: int, marks: Any) -> _Steps:
    """Marks as steps, the first mark being at `low`. Where they repeat, a step may be long."""
    import numpy as np

    steps: _Steps = [(1, _EMPTY)]
    if np.count_nonzero(marks[1:] != marks[:-1]) > _MANY_RUNS:
        period = _likely_period(marks)
        breaks = np.flatnonzero(marks[period:] != marks[:-period]).tolist()
        begun = 0
        for at in [*breaks, len(marks) - period]:
            begun = max(begun, steps[-1][0] - low)
            if at - begun >= 2 * period:  # from here to at + period - 1 the marks repeat
                first, end = low + begun, low + at + period
                places = np.flatnonzero(marks[begun : begun + period])
                classes = _Classes(period, ((first + places) % period).tolist())
                steps += [*_spans(low, marks, steps[-1][0] - low, begun), (first, classes)]
                steps.append((end, _EMPTY))
            begun = at + 1
    return _joined([*steps, *_spans(low, marks, max(steps[-1][0] - low, 0), len(marks))])


def _spans(low: int, marks: Any, begin: int, end: int) -> Iterator[tuple[int, _Classes]]:
    """The marks at some places, run by run."""
    import numpy as np

    begin = max(begin, 0)
    own = np.concatenate([[False], marks[begin:end], [False]])
    places = np.flatnonzero(own[1:] != own[:-1]).tolist()
    for first, past in zip(places[::2], places[1::2], strict=True):
        yield low + begin + first, _FULL
        yield low + begin + past, _EMPTY


def _likely_period(marks: Any) -> int:
    """The distance at which the last marks are most like each other."""
    import numpy as np

    most = max(min(_LIKELY_PERIOD, len(marks) // 4), 2)
    last = marks[-4 * most :]
    apart = [np.count_nonzero(last[by:] != last[:-by]) / (len(last) - by) for by in range(1, most)]
    return 1 + int(np.argmin(apart))
