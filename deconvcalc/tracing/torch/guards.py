"""What the code of one way asks about sizes, and numbers that it multiplies them by."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Any

from deconvcalc.model.conditions import Condition

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_DENOMINATOR", "Guards", "fraction"]

MOST_DENOMINATOR = 2**20
"""A float with such a denominator at most is followed: 0.5, 1.25; and quotients by so much."""


class Guards:
    """What the code of one way asked about sizes.

    Args:
        where: tells the line of the code that runs.
    """

    def __init__(self, where: Callable[[], str | None]) -> None:
        self._where = where
        self._noted: dict[Any, Condition] = {}
        self._written: dict[str, str | None] = {}

    def note(self, left: Any, relation: str, right: Any, rule: str) -> None:
        """Note a relation that holds for the traced input."""
        one = Condition(left, relation, right, rule)
        if one.variables:
            self._noted.setdefault(one.question, one)

    def wrote(self, made: str) -> None:
        """Note that a size became text, and in which line."""
        self._written.setdefault(made, self._where())

    def written(self, words: str | None) -> list[str]:
        """The lines where sizes became text; not those of the words of the way's own error."""
        kept = [where for made, where in self._written.items() if made not in (words or "")]
        return list(dict.fromkeys([where or "a line that is not known" for where in kept]))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that was noted, in order."""
        return tuple(self._noted.values())


def fraction(value: Any) -> Fraction | None:
    """A plain number as an exact fraction; None where floats would round a product by it."""
    if type(value) not in (int, float) or not isfinite(value):
        return None
    part = Fraction(value)
    return part if part.denominator <= MOST_DENOMINATOR else None
