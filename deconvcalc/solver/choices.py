"""Sets of integers as a user writes them: one, a range, a list; kept as ranges, however long."""

from __future__ import annotations

from itertools import chain
from math import gcd
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.values import LARGEST, Value, field_name, integer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Choices", "clip", "count_to", "meet", "solve_congruence"]

LONGEST_LIST = 10_000


class Choices(Value):
    """A finite set of integers, as ascending ranges that do not overlap.

    `first` is the smallest member and `last` the largest.

    >>> Choices.read("stride", [4, 1, 2, 3], 1), 3 in Choices.read("stride", range(1, 9), 1)
    (1..4, True)
    """

    __slots__ = ("first", "last", "parts")
    _fields = ("parts",)
    first: int
    last: int
    parts: tuple[range, ...]

    def __init__(self, *parts: range) -> None:
        self._set(parts=parts)
        if self:
            self._set(first=parts[0][0], last=parts[-1][-1])

    def __reduce__(self) -> Any:
        return type(self), self.parts

    @classmethod
    def read(cls, name: str, value: Any, least: int) -> Choices:
        """The set that an int, a range, or a list or set of ints means.

        Raises:
            QueryError: it is empty, or a member is below `least`.
            TypeError: it is something else.
        """
        number = integer(value)
        if number is not None:
            choices = cls(range(number, number + 1))
        elif isinstance(value, range):
            choices = cls(value if value.step > 0 else value[::-1])
        elif isinstance(value, (list, set, frozenset)):
            choices = cls(*_ranges(sorted(_members(name, value))))
        else:
            raise TypeError(f"{name} must be an int, a range or a list of ints, not {value!r}")
        if not choices:
            raise QueryError(
                f"{field_name(name)} leaves nothing to choose from: {value!r} is empty",
                rule=name,
                hint="A range such as 2..5 goes upwards and includes both ends."
                if isinstance(value, range)
                else "Name at least one value.",
            )
        if choices.last > LARGEST:
            raise QueryError(
                f"{field_name(name)} goes up to more than 10**18",
                rule=name,
                hint=f"Give {name} values up to 10**18.",
            )
        if choices.first < least:
            raise QueryError(
                f"{field_name(name)} must be at least {least}, not {choices.first}",
                rule=name,
                hint=f"Give {name} values from {least} upwards.",
            )
        return choices

    def __bool__(self) -> bool:
        return any(self.parts)

    def __len__(self) -> int:
        return sum([len(part) for part in self.parts])

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.parts)

    def __contains__(self, number: object) -> bool:
        return any(number in part for part in self.parts)

    def between(self, low: int, high: int) -> Iterator[int]:
        """The members from low to high."""
        return chain.from_iterable([clip(part, low, high) for part in self.parts])

    @classmethod
    def one(cls, number: int) -> Choices:
        """The set of one number."""
        return cls(range(number, number + 1))

    def near(self, number: int, most: int) -> list[int]:
        """Up to `most` members on either side of a number."""
        found: list[int] = []
        for part in self.parts:
            place = count_to(part, number)
            found += part[max(place - most, 0) : place + most]
        return found

    def distance(self, number: int) -> int:
        """How far a number lies from the nearest member."""
        best = min(abs(number - self.first), abs(number - self.last))
        for part in self.parts:
            if number > part[0]:
                below = part[count_to(part, number) - 1]
                best = min(best, number - below)
                if below + part.step <= part[-1]:
                    best = min(best, below + part.step - number)
            else:
                best = min(best, part[0] - number)
        return best

    def widened(self, radius: int, least: int) -> Choices:
        """All numbers within `radius` of a member, from `least` upwards."""
        if not radius:
            return self
        spans: list[list[int]] = []
        for part in self.parts:
            dense = part.step <= 2 * radius + 1
            if not dense and len(part) > LONGEST_LIST:
                return self._shifted(part, radius, least)
            pieces = [(part[0], part[-1])] if dense else [(x, x) for x in part]
            for first, last in pieces:
                low, high = max(first - radius, least), last + radius
                if spans and low <= spans[-1][1] + 1:
                    spans[-1][1] = max(spans[-1][1], high)
                else:
                    spans.append([low, high])
        return Choices(*[range(low, high + 1) for low, high in spans])

    def _shifted(self, part: range, radius: int, least: int) -> Choices:
        """The same for a long range with wide gaps: only a range has them, and it stands alone."""
        if radius > LONGEST_LIST:
            raise QueryError(f"{self} has too many gaps to be widened by {radius}", rule="step")
        shifted = [
            clip(range(part[0] + by, part[-1] + by + 1, part.step), least, part[-1] + by)
            for by in range(-radius, radius + 1)
        ]
        return Choices(*shifted)

    def __str__(self) -> str:
        return ",".join([_shown(part) for part in self.parts])

    __repr__ = __str__


def _shown(part: range) -> str:
    if len(part) == 1:
        return str(part[0])
    return f"{part[0]}..{part[-1]}" + (f" step {part.step}" if part.step > 1 else "")


def _members(name: str, values: Any) -> set[int]:
    if len(values) > LONGEST_LIST:
        raise QueryError(
            f"{field_name(name)} lists {len(values)} values, more than {LONGEST_LIST}",
            rule=name,
            hint="Give a range.",
        )
    members = set()
    for value in values:
        number = integer(value)
        if number is None:
            raise TypeError(f"{name} must list ints, not {value!r}")
        members.add(number)
    return members


def _ranges(numbers: list[int]) -> list[range]:
    """Ascending numbers as runs of neighbours."""
    runs: list[range] = []
    for number in numbers:
        if runs and number == runs[-1].stop:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs


def clip(numbers: range, low: int, high: int) -> range:
    """The part of an ascending range from low to high."""
    start, step = numbers.start, numbers.step
    if low > start:
        start += -(-(low - start) // step) * step
    return range(start, min(numbers.stop, high + 1), step)


def count_to(numbers: range, limit: int) -> int:
    """How many members of an ascending range are at most `limit`."""
    if limit < numbers.start:
        return 0
    return min(len(numbers), (limit - numbers.start) // numbers.step + 1)


def meet(numbers: range, residue: int, modulus: int) -> range:
    """The members of an ascending range that are `residue` modulo `modulus`."""
    if modulus == 1 or not numbers:
        return numbers
    if numbers.step == 1:
        start = numbers.start + (residue - numbers.start) % modulus
        return range(start, numbers.stop, modulus)
    found = solve_congruence(numbers.step, residue - numbers.start, modulus)
    if found is None:
        return range(0)
    first, period = found
    return range(numbers.start + first * numbers.step, numbers.stop, period * numbers.step)


def solve_congruence(factor: int, value: int, modulus: int) -> tuple[int, int] | None:
    """The least x >= 0 with factor*x = value (mod modulus), and the period of all such x."""
    if modulus == 2:  # by far the most common one
        if factor & 1:
            return value & 1, 2
        return None if value & 1 else (0, 1)
    common = gcd(factor, modulus)
    if value % common:
        return None
    period = modulus // common
    if period == 1:
        return 0, 1
    return value // common * pow(factor // common, -1, period) % period, period
