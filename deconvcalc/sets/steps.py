"""Sets in steps: from each start on the classes that hold up to the next one.

What lies before the last start is told as pieces, the longest stretches that repeat.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from deconvcalc.sets.classes import EMPTY, FULL, Classes, LimitError, first_difference, intersection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = [
    "LONGEST_PERIOD",
    "MOST_PIECES",
    "Piece",
    "Steps",
    "flipped_steps",
    "head_of",
    "joined_steps",
    "met",
    "piecewise",
    "singly",
]

MOST_PIECES = 20_000
"""The work limit before the start: up to this many pieces."""

LONGEST_PERIOD = 32
"""A piece before the start repeats up to this many runs of neighbours."""


Steps = list[tuple[int, Classes]]
"""Membership as steps: from each number on, up to the next, these classes. The first is at 1."""


def joined_steps(steps: Iterable[tuple[int, Classes]]) -> Steps:
    """Steps where a later one at the same number holds, and neighbours differ."""
    found: Steps = []
    for low, classes in steps:
        if found and found[-1][0] == low:
            found.pop()
        if not found or found[-1][1] != classes:
            found.append((low, classes))
    return found


def met(one: Steps, two: Steps) -> Steps:
    """The intersection."""
    return joined_steps(_cut(one, two))


def _cut(one: Steps, two: Steps) -> Iterator[tuple[int, Classes]]:
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


def _meet_between(one: Classes, two: Classes, low: int, end: int | None) -> Steps:
    """The intersection from low up to before `end`: number by number where there are few."""
    if not one or not two:
        return [(low, EMPTY)]
    if end is not None and one.marked and two.marked:
        if one.marks(end) - one.marks(low) < two.marks(end) - two.marks(low):
            one, two = two, one
        few = two.marks(end) - two.marks(low)
        if few <= LONGEST_PERIOD + len(one.marked) + len(two.marked):
            usual, special = (one, EMPTY) if two.negated else (EMPTY, one)
            steps = [(low, usual)]
            first = two.marks(low)
            marks = two.flipped() if two.negated else two
            for n in [marks.nth(index) for index in range(first, first + few)]:
                steps += [(n, special), (n + 1, usual)]
            return steps
    return [(low, intersection(one, two))]


class Piece(NamedTuple):
    """The members of some classes from one of them to another."""

    first: int
    last: int
    classes: Classes

    def size(self) -> int:
        """How many members it has."""
        return self.classes.count(self.first, self.last)

    def members(self) -> Iterator[int]:
        """Its members, ascending."""
        return self.classes.between(self.first, self.last)


def _departs(steps: Steps, classes: Classes, low: int) -> int | None:
    """The least n from low upwards where the steps and the classes differ."""
    for place in range(bisect_right(steps, low, key=_low) - 1, len(steps)):
        high = steps[place + 1][0] - 1 if place + 1 < len(steps) else None
        start, ours = steps[place]
        at = first_difference(ours, classes, max(low, start), high)
        if at is not None:
            return at
    return None


def _low(step: tuple[int, Classes]) -> int:
    return step[0]


def piecewise(pieces: Iterable[Piece]) -> Steps:
    """The pieces as steps, and nothing after them."""
    steps = [(1, EMPTY)]
    for first, last, classes in pieces:
        steps += [(first, classes), (last + 1, EMPTY)]
    return joined_steps(steps)


def _runs(steps: Steps, low: int) -> Iterator[tuple[int, int]]:
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


def _pieces(steps: Steps) -> Iterator[Piece]:
    """A finite set as pieces, each the longest that repeats at least three times, or one run.

    What is chosen depends on the members alone, not on the steps that give them.
    """
    ahead = _runs(steps, 1)
    runs: list[tuple[int, int]] = []
    while runs or _pull(runs, ahead, 1):
        first, best, end = runs[0][0], FULL, runs[0][1] + 1
        for classes, at in _candidates(steps, runs, ahead):
            if at > end:
                best, end = classes, at
        yield Piece(first, best.previous(end - 1) or first, best)
        runs = [(max(low, end), high) for low, high in runs if high >= end]
        if not runs:
            ahead = _runs(steps, end)


def head_of(steps: Steps) -> tuple[Piece, ...]:
    """The pieces of a finite set; each takes in those before that fit it."""
    head: list[Piece] = []
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
        head.append(Piece(begin, last, classes))
    return tuple(head)


def _pull(runs: list[tuple[int, int]], ahead: Iterator[tuple[int, int]], length: int) -> bool:
    """Whether there are so many runs, taken from those ahead where need be."""
    runs += islice(ahead, max(length - len(runs), 0))
    return len(runs) >= length


def _candidates(
    steps: Steps, runs: list[tuple[int, int]], ahead: Iterator[tuple[int, int]]
) -> Iterator[tuple[Classes, int]]:
    """Classes that the next runs repeat three times, and where the steps depart from them."""
    for length in range(1, LONGEST_PERIOD + 1):
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
            if min(held, period - held) > LONGEST_PERIOD**2:
                continue
            negated = 2 * held > period
            gaps = [(one[1] + 1, two[0] - 1) for one, two in pairwise(runs[: length + 1])]
            spans = gaps if negated else runs[:length]
            marked = [n % period for low, high in spans for n in range(low, high + 1)]
            classes = Classes(period, marked, negated)
            at = _departs(steps, classes, runs[0][0]) or 0
            yield classes, at
            # Past so many runs no longer period can be another one.
            if (at - runs[0][0]) // period * length > 4 * LONGEST_PERIOD:
                return


def _follows(run: tuple[int, int], before: tuple[int, int], period: int) -> bool:
    return run[0] - before[0] == period == run[1] - before[1]


def singly(numbers: list[int]) -> Iterator[tuple[int, Classes]]:
    """Steps that hold single numbers."""
    for n in numbers:
        yield n, FULL
        yield n + 1, EMPTY


def flipped_steps(steps: Steps) -> Steps:
    """What is not in a set."""
    return [(low, classes.flipped()) for low, classes in steps]
