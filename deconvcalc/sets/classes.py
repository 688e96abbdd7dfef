"""Residue classes: the integers that are one of some numbers modulo another, or are not."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import count
from math import gcd
from typing import TYPE_CHECKING

from deconvcalc.errors import DeconvcalcError
from deconvcalc.values import Value, setters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = [
    "EMPTY",
    "FULL",
    "MOST_CLASSES",
    "Classes",
    "LimitError",
    "first_difference",
    "intersection",
    "last_difference",
    "too_many_classes",
]

MOST_CLASSES = 500_000
"""The work limit: a set keeps up to this many residue classes, or all classes but this many."""


class LimitError(DeconvcalcError):
    """An operation on sets that would keep more than the work limit."""


class Classes(Value):
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
            raise too_many_classes(len(found))
        self._put(*_least_period(modulus, found), negated)

    def _put(self, modulus: int, marked: tuple[int, ...], negated: bool) -> None:
        _put_modulus(self, modulus)
        _put_marked(self, marked)
        _put_negated(self, negated)

    @classmethod
    def arc(cls, modulus: int, first: int, held: int, step: int = 1) -> Classes:
        """The residues first*step, (first + 1)*step ... modulo the modulus, `held` of them.

        The step has no factor in common with the modulus, so that no smaller one will do.

        Raises:
            LimitError: there are too many of them, and of the others.
        """
        if held <= 0:
            return EMPTY
        if held >= modulus:
            return FULL
        negated = 2 * held > modulus
        if negated:
            first, held = first + held, modulus - held
        if held > MOST_CLASSES:
            raise too_many_classes(held)
        made = cls.__new__(cls)
        if step == 1:
            first %= modulus
            end = first + held
            if end <= modulus:
                marked = tuple(range(first, end))
            else:
                marked = (*range(end - modulus), *range(first, modulus))
        else:
            marked = tuple(sorted([n * step % modulus for n in range(first, first + held)]))
        made._put(modulus, marked, negated)
        return made

    def flipped(self) -> Classes:
        """All other integers."""
        if 2 * len(self.marked) == self.modulus:
            return Classes(self.modulus, self.marked, not self.negated)
        other = Classes.__new__(Classes)
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
        modulus, marked = self.modulus, self.marked
        residue = n % modulus
        place = bisect_right(marked, residue)
        turn = n - residue if place else n - residue - modulus
        return turn + marked[place - 1]

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
            raise too_many_classes(self.modulus - len(self.marked))
        marked = set(self.marked)
        return tuple([r for r in range(self.modulus) if r not in marked])


_put_modulus, _put_marked, _put_negated = setters(Classes)


def too_many_classes(count: int) -> LimitError:
    """The error of a set with so many residue classes."""
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


EMPTY = Classes(1, ())
FULL = EMPTY.flipped()


# Intersections of classes. The three helpers take classes that are not negated.


def intersection(one: Classes, two: Classes) -> Classes:
    """What is in both."""
    if one.modulus == 1:  # everything, or nothing
        return two if one.negated else EMPTY
    if two.modulus == 1:
        return one if two.negated else EMPTY
    if one.negated and two.negated:
        return _either(one.flipped(), two.flipped()).flipped()
    if one.negated:
        one, two = two, one
    return _without(one, two.flipped()) if two.negated else _common(one, two)


def _common(one: Classes, two: Classes) -> Classes:
    """By the Chinese remainder theorem, pair by pair."""
    if one.modulus % two.modulus:
        one, two = two, one
    if one.modulus % two.modulus == 0:
        modulus, inside, marked = two.modulus, set(two.marked), one.marked
        kept = [r for r in marked if r % modulus in inside]
        if len(kept) == len(marked):
            return one
        if one.modulus == modulus and len(kept) == len(inside):
            return two
        return Classes(one.modulus, kept)
    shared = gcd(one.modulus, two.modulus)
    partners: dict[int, list[int]] = {}
    for residue in two.marked:
        partners.setdefault(residue % shared, []).append(residue)
    total = sum([len(partners.get(residue % shared, ())) for residue in one.marked])
    if total > MOST_CLASSES:
        raise too_many_classes(total)
    step = two.modulus // shared
    inverse = pow(one.modulus // shared, -1, step)
    return Classes(
        one.modulus * step,
        [
            first + one.modulus * ((second - first) // shared * inverse % step)
            for first in one.marked
            for second in partners.get(first % shared, ())
        ],
    )


def _without(one: Classes, two: Classes) -> Classes:
    common = _common(one, two)
    if not common or common == one:
        return EMPTY if common else one
    inside = set(two.marked)
    modulus, lifted = _lifted(one, two.modulus)
    return Classes(modulus, [r for r in lifted if r % two.modulus not in inside])


def _either(one: Classes, two: Classes) -> Classes:
    common = _common(one, two)
    if common in (one, two):
        return two if common == one else one
    modulus, first = _lifted(one, two.modulus)
    return Classes(modulus, {*first, *_lifted(two, one.modulus)[1]})


def _lifted(classes: Classes, modulus: int) -> tuple[int, list[int]]:
    """The residues modulo the least common multiple, and that."""
    copies = modulus // gcd(modulus, classes.modulus)
    if copies * len(classes.marked) > MOST_CLASSES:
        raise too_many_classes(copies * len(classes.marked))
    whole = classes.modulus * copies
    return whole, [r + by for by in range(0, whole, classes.modulus) for r in classes.marked]


def first_difference(one: Classes, two: Classes, low: int, high: int | None) -> int | None:
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


def last_difference(one: Classes, two: Classes, low: int, high: int) -> int | None:
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
