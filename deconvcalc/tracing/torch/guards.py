"""What the code of one way asks about sizes, and numbers that it multiplies them by."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import Any

from deconvcalc.model.conditions import Condition

__all__ = ["Guards", "fraction"]

MOST_DENOMINATOR = 2**20
"""A float factor with such a denominator at most is multiplied exactly: 0.5, 1.25."""


class Guards:
    """What the code of one way asked about sizes."""

    def __init__(self) -> None:
        self._noted: dict[Any, Condition] = {}
        self._told: dict[Any, tuple[Condition, str]] = {}
        self.silent = 0

    def note(self, left: Any, relation: str, right: Any, rule: str) -> None:
        """Note a relation that holds for the traced input."""
        if self.silent:
            return
        one = Condition(left, relation, right, rule)
        if one.variables:
            self._noted.setdefault(one.question, one)

    def text(self, size: Any, value: int, made: str) -> str:
        """Note that a size became text, which pins it."""
        if not self.silent:
            one = Condition(size, "==", value, "the code turns the size into text")
            if one.variables:
                self._told.setdefault(one.question, (one, made))
        return made

    def settle(self, words: str | None) -> None:
        """Sizes in text are pinned; not those that only stand in the words of the way's error."""
        for one, made in self._told.values():
            if words is None or made not in words:
                self._noted.setdefault(one.question, one)
        self._told.clear()

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
