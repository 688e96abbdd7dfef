"""Sets of sizes n >= 1: from a start on residue classes, before it whatever there is.

A set is kept in one form: the least modulus, the least start from which it decides alone, and the
members before that as the longest pieces that repeat. So equal sets have equal fields, however they
were made, and a modulus or a start of 10**12 costs no more than one of 4.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, UndecidedError
from deconvcalc.sets.classes import EMPTY, FULL, Classes, intersection, last_difference
from deconvcalc.sets.steps import (
    LONGEST_PERIOD,
    Piece,
    Steps,
    flipped_steps,
    head_of,
    joined_steps,
    met,
    piecewise,
    singly,
)
from deconvcalc.values import Value, integer, setters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.sizemap import Progression

__all__ = ["LISTED", "Sizes", "number_of"]

LISTED = 8
"""So many members are listed rather than described."""


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
    _head: tuple[Piece, ...]
    _tail: Classes
    start: int
    horizon: int | None

    def __init__(self) -> None:
        raise TypeError("make a set with Sizes.all, none, of, congruent, between or periodic")

    @classmethod
    def _made(cls, steps: Steps, horizon: int | None = None) -> Sizes:
        """The set that these steps tell, up to a horizon if there is one, in its one form."""
        if horizon is not None:
            steps = joined_steps(
                [*[step for step in steps if step[0] <= horizon], (horizon + 1, EMPTY)]
            )
        tail, start = steps[-1][1], 1
        for place in range(len(steps) - 2, -1, -1):
            low, classes = steps[place]
            at = last_difference(classes, tail, low, steps[place + 1][0] - 1)
            if at is not None:
                start = at + 1
                break
        before = [step for step in steps if step[0] < start]
        made = cls.__new__(cls)
        made._set(_head=head_of([*before, (start, EMPTY)]), start=start, _tail=tail)
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
        end = number_of("horizon", horizon)
        if end < 0:
            raise DeconvcalcError(f"a horizon is at least 0, not {end}", rule="horizon")
        return self._made(self._steps(), _nearer(self.horizon, end))

    def _steps(self) -> Steps:
        return joined_steps([*piecewise(self._head), (self.start, self._tail)])

    @classmethod
    def _span(cls, classes: Classes, low: int, high: int | None) -> Sizes:
        """The members of some classes from low to high."""
        if high is None:
            # Nothing is before it; it may begin right after the last one that it leaves out.
            last = classes.previous(low - 1) if low > 1 else None
            made = cls.__new__(cls)
            _put_head(made, ())
            _put_start(made, 1 if last is None or last < 1 else last + 1)
            _put_tail(made, classes)
            _put_horizon(made, None)
            return made
        low = max(low, 1)
        end = max(high, low - 1) + 1
        return cls._made(joined_steps([(1, EMPTY), (low, classes), (end, EMPTY)]))

    # Ways to make one.

    @classmethod
    def all(cls) -> Sizes:
        """Every n >= 1.

        >>> print(Sizes.all())
        any n ≥ 1
        """
        return cls._span(FULL, 1, None)

    @classmethod
    def none(cls) -> Sizes:
        """No n.

        >>> print(Sizes.none())
        no n
        """
        return cls._made([(1, EMPTY)])

    @classmethod
    def of(cls, *members: int) -> Sizes:
        """These sizes alone.

        Raises:
            DeconvcalcError: one is below 1.
            TypeError: one is no int.

        >>> print(Sizes.of(6, 2))
        n in {2, 6}
        """
        numbers = sorted({number_of("a size", member) for member in members})
        if numbers and numbers[0] < 1:
            raise DeconvcalcError(
                f"a size is at least 1, not {numbers[0]}", size=numbers[0], rule="members"
            )
        return cls._made(joined_steps([(1, EMPTY), *singly(numbers)]))

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
        classes = Classes(modulus, [number_of("residue", residue) % modulus])
        return cls._span(classes, number_of("start", start), None)

    @classmethod
    def between(cls, low: int, high: int | None = None) -> Sizes:
        """The n >= 1 from `low` to `high`, both included, or without an end.

        Raises:
            TypeError: an argument is no int.

        >>> print(Sizes.between(27, 28), "|", Sizes.between(3))
        27..28 | n ≥ 3
        """
        high = None if high is None else number_of("high", high)
        return cls._span(FULL, number_of("low", low), high)

    @classmethod
    def from_progression(cls, progression: Progression) -> Sizes:
        """The n >= 1 of a progression, for example of the domain of a size map.

        >>> from deconvcalc.sizemap import SizeMap
        >>> print(Sizes.from_progression(SizeMap(low=4, modulus=4).domain))
        n ≡ 0 (mod 4), n ≥ 4
        """
        step = progression.step
        classes = FULL if step == 1 else Classes(step, [progression.start % step])
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
        runs: Steps = [(n, FULL if mark else EMPTY) for n, mark in enumerate(_bools(head), start=1)]
        return cls._made(joined_steps([*runs, (first, Classes(period, marked, negated))]))

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
        size = number_of("a size", n)
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
        n = number_of("a size", n)
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
        low = max(number_of("low", low), 1)
        if high is None:
            if not self.is_finite:
                raise DeconvcalcError(
                    f"{self}: there is no end to them",
                    rule="count",
                    hint="Give `high`.",
                )
            high = self.start
        high = number_of("high", high)
        parts = [*self._head, Piece(self.start, max(high, self.start), self._tail)]
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
        return list(islice(self, max(number_of("count", count), 0)))

    def __getitem__(self, index: int) -> int:
        """The member with so many below it; from the end where the index is negative."""
        left = number_of("index", index)
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
        return self._made(flipped_steps(self._steps()), self.horizon)

    def __and__(self, other: Sizes) -> Sizes:
        if not isinstance(other, Sizes):
            return NotImplemented
        if not (self._head or other._head) and self.horizon is other.horizon is None:
            tail, start = intersection(self._tail, other._tail), max(self.start, other.start)
            if tail is self._tail and start == self.start:
                return self
            if tail is other._tail and start == other.start:
                return other
            return self._span(tail, start, None)
        return self._made(met(self._steps(), other._steps()), self._both_known(other))

    def __or__(self, other: Sizes) -> Sizes:
        if not isinstance(other, Sizes):
            return NotImplemented
        neither = met(flipped_steps(self._steps()), flipped_steps(other._steps()))
        return self._made(flipped_steps(neither), self._both_known(other))

    def __sub__(self, other: Sizes) -> Sizes:
        if not isinstance(other, Sizes):
            return NotImplemented
        return self._made(
            met(self._steps(), flipped_steps(other._steps())), self._both_known(other)
        )

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
        from deconvcalc.sets.text import text_of

        return text_of(self)

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
        if greatest is not None and self.count() <= LISTED:
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
                Piece(
                    number_of("first", part["first"]), number_of("last", part["last"]), _read(part)
                )
                for part in record["head"]
            ]
            tail, start = _read(record), number_of("start", record["start"])
        except (KeyError, AttributeError) as error:
            raise DeconvcalcError(f"a set's record lacks {error}", rule="record") from None
        lows = [1, *[n for first, last, _ in head for n in (first, last + 1)], start]
        if lows != sorted(lows) or any(first > last for first, last, _ in head):
            raise DeconvcalcError("a set's record has pieces out of order", rule="record")
        made = cls._made(joined_steps([*piecewise(head), (start, tail)]))
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
        if self != Sizes._span(Classes(step, [low % step]), low, high):
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


def number_of(name: str, value: Any) -> int:
    """The int that something is.

    Raises:
        TypeError: it is none.
    """
    number = integer(value)
    if number is None:
        raise TypeError(f"{name} must be an int, not {value!r}")
    return number


def _modulus(value: Any) -> int:
    modulus = number_of("modulus", value)
    if modulus < 1:
        raise DeconvcalcError(f"modulus must be at least 1, not {modulus}", rule="modulus")
    return modulus


def _bools(marks: Sequence[bool]) -> list[bool]:
    for mark in marks:
        if type(mark).__name__ not in ("bool", "bool_"):  # Python's, and numpy's by either name
            raise TypeError(f"a mark must be a bool, not {mark!r}")
    return [bool(mark) for mark in marks]


def _classes_record(classes: Classes) -> dict[str, Any]:
    if classes.negated and classes.modulus > 2 * LONGEST_PERIOD:
        return {"modulus": classes.modulus, "residues_but": list(classes.marked)}
    return {"modulus": classes.modulus, "residues": list(classes.residues())}


def _read(record: Any) -> Classes:
    """The classes of a record."""
    modulus, negated = _modulus(record["modulus"]), "residues_but" in record
    listed = record["residues_but"] if negated else record["residues"]
    return Classes(modulus, {number_of("residue", r) % modulus for r in listed}, negated)


def _sympy_ranges(classes: Classes, low: int, end: Any) -> list[Any]:
    """The members from low up to before `end`, as sympy sets."""
    from sympy import Complement, Range, Union

    if classes.negated and classes.modulus > 2 * LONGEST_PERIOD:
        others = Union(*_sympy_ranges(classes.flipped(), low, end), evaluate=False)
        return [Complement(Range(low, end), others, evaluate=False)]
    modulus = classes.modulus
    starts = sorted([low + (residue - low) % modulus for residue in classes.residues()])
    return [Range(first, end, modulus) for first in starts if first < end]
