"""What a model asks of its input sizes: conditions on sizes that are functions of the inputs."""

from __future__ import annotations

import operator
from math import isqrt, prod
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, SizeError
from deconvcalc.model.extents import Along, Extent, Fixed, Joint, extent
from deconvcalc.sets import Sizes, accepted, agreement, at_least, preimage
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.model.extents import Point

__all__ = ["Condition"]

MOST_PINNED = 10**10
"""Up to this, the divisors of a number are looked for."""

MOST_FACTORS = 50
"""A product of more parts is not taken apart."""

_HOLDS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<": operator.lt,
    "matches": lambda one, other: one == other or 1 in (one, other),
    "divides": lambda one, other: one > 0 and other % one == 0,
    "taken": lambda _one, _other: True,
    "refused": lambda _one, _other: False,
}


class Condition(Value):
    """A relation of two sizes.

    Args:
        left: a size.
        relation: "==", "!=", ">=", "<"; "matches", which is equal or 1, as in broadcasting;
            "divides", which is that left divides right; "taken", which is that the layers on the
            way accept `left`; or "refused", which is that one of them does not.
        right: a size.
        rule: why it is asked for, in words.
        axis: the index of the spatial axis that it is about, "channels", or None.
        operands: which two sources of the node it compares, or None.
    """

    __slots__ = _fields = ("left", "relation", "right", "rule", "axis", "operands")
    left: Extent
    relation: str
    right: Extent
    rule: str
    axis: int | str | None
    operands: tuple[int, int] | None

    def __init__(
        self,
        left: Any,
        relation: str,
        right: Any = 0,
        rule: str = "",
        axis: int | str | None = None,
        operands: tuple[int, int] | None = None,
    ) -> None:
        if relation not in _HOLDS:
            raise DeconvcalcError(f"{relation!r} is no relation of sizes", rule="relation")
        self._set(left=extent(left), relation=relation, right=extent(right))
        self._set(rule=rule, axis=axis, operands=operands)

    @property
    def variables(self) -> frozenset[str]:
        """The input axes that it is about."""
        return self.left.variables | self.right.variables

    @property
    def question(self) -> tuple[Extent, str, Extent]:
        """What decides it: two conditions with one question hold at the same inputs."""
        return self.left, self.relation, self.right

    def holds(self, point: Point) -> bool:
        """Whether it holds where the inputs have these sizes; not where a layer refuses its size.

        Raises:
            UndecidedError: beyond the horizon of a float scale.
        """
        try:
            left, right = self.left.at(point), self.right.at(point)
        except SizeError:
            return self.relation == "refused"
        return _HOLDS[self.relation](left, right)

    @property
    def may_repeat(self) -> bool:
        """Whether a size that is 1 for some inputs alone may be repeated to make it hold.

        A size that is 1 for every input is there to be repeated, such as the gate after a pool.
        """
        varies = self.left.constant != 1 and self.right.constant != 1
        return self.relation == "matches" and bool(self.variables) and varies

    def negated(self) -> Condition:
        """The opposite, where both sizes are there."""
        return self.replaced(_OPPOSITE[self.relation])

    @property
    def has_opposite(self) -> bool:
        """Whether the opposite is a condition too."""
        return self.relation in _OPPOSITE

    def replaced(self, relation: str) -> Condition:
        """The same with another relation."""
        return Condition(self.left, relation, self.right, self.rule, self.axis, self.operands)

    def sizes(self) -> Sizes | None:
        """Where it holds, if it is about one input axis or none; None where maps cannot say.

        Raises:
            UndecidedError: past the work limit of maps.
            LimitError: past that of sets.
        """
        if not self.variables:
            return Sizes.all() if self.holds({}) else Sizes.none()
        if len(self.variables) > 1:
            return None
        sides = [_plain(side) for side in (self.left, self.right)]
        return None if None in sides else _decided(self.relation, *sides)

    def shadows(self) -> Iterator[tuple[str, Sizes]]:
        """What a product of sizes that has to be a number asks of each input axis by itself.

        Each factor has to divide the number, and of two each has to leave what the other can be.
        Numbers beyond MOST_PINNED tell nothing: their divisors take too long to find.
        """
        number, factors = self.right.constant, _factors(self.left)
        if self.relation != "==" or number is None or factors is None:
            return
        if not 1 <= number <= MOST_PINNED:
            return
        varying = [factor for factor in factors if isinstance(factor, Along)]
        fixed = prod([factor.value for factor in factors if isinstance(factor, Fixed)])
        values = divisors(number // fixed) if number % fixed == 0 else []
        for factor in varying:
            others = [other for other in varying if other is not factor]
            if len(others) == 1:
                left = [d for d in values if preimage(others[0].map, number // fixed // d)]
                yield factor.variable, _values(factor.map, left)
            else:
                yield factor.variable, _values(factor.map, values)

    def sends(self, point: Point) -> bool:
        """Whether, as a guard, it sends an input on its way: it holds, or a size is refused.

        Where a size is refused, the model fails before anybody compares it. But where the code
        catches that failure, whether a size is refused is the question itself.
        """
        if self.relation in _OF_LAYERS:
            return self.holds(point)
        try:
            self.left.at(point), self.right.at(point)
        except SizeError:
            return True
        return self.holds(point)

    def sent(self) -> Sizes | None:
        """Where it sends an input on its way, as `sizes` tells where it holds."""
        held = self.sizes()
        if held is None or not self.variables or self.relation in _OF_LAYERS:
            return held
        return held | ~_both(*[_plain(side) for side in (self.left, self.right)])

    def __str__(self) -> str:
        if self.relation in _OF_LAYERS:
            return f"{self.left} is {_OF_LAYERS[self.relation]}"
        if self.relation == "matches":
            return f"{self.left} = {self.right}, or one of them is 1"
        if self.relation == "divides":
            return f"{self.left} divides {self.right}"
        return f"{self.left} {_SHOWN.get(self.relation, self.relation)} {self.right}"


def divisors(number: int) -> list[int]:
    """The divisors of a number."""
    low = [one for one in range(1, isqrt(number) + 1) if number % one == 0]
    return sorted({*low, *[number // one for one in low]})


def _factors(one: Extent) -> list[Extent] | None:
    """The factors of a product; None where it is none, or one of them is no plain size."""
    if isinstance(one, Joint) and one.sign == "*" and one.weight <= MOST_FACTORS:
        parts = [_factors(part) for part in one.parts]
        return None if None in parts else [each for part in parts for each in part or ()]
    return [one] if isinstance(one, (Along, Fixed)) else None


def _values(size_map: Any, values: list[int]) -> Sizes:
    """Where a map has one of some values."""
    found = Sizes.none()
    for value in values:
        found |= preimage(size_map, value)
    return found


_OPPOSITE = {"==": "!=", "!=": "==", ">=": "<", "<": ">=", "taken": "refused", "refused": "taken"}

_OF_LAYERS = {"taken": "accepted", "refused": "refused"}

_SHOWN = {"==": "=", "!=": "≠", ">=": "≥"}


def _plain(side: Extent) -> Any:
    """The map or the number that a size is; None where it is neither."""
    if isinstance(side, Along):
        return side.map
    return side.value if isinstance(side, Fixed) else None


def _decided(relation: str, one: Any, other: Any) -> Sizes | None:
    """Where a relation of two maps, or of a map and a number, holds."""
    if relation in _OF_LAYERS:
        return accepted(one) if relation == "taken" else ~accepted(one)
    if relation == "divides":
        if not isinstance(one, int):
            return None
        return agreement(other % one, 0) if one > 0 else Sizes.none()
    if relation == "matches":
        return _equal(one, other) | _equal(one, 1) | _equal(other, 1)
    if relation in ("==", "!="):
        equal = _equal(one, other)
        return equal if relation == "==" else _both(one, other) - equal
    reaches = at_least(one, other) if not isinstance(one, int) else at_least(-other, -one)
    return reaches if relation == ">=" else _both(one, other) - reaches


def _equal(one: Any, other: Any) -> Sizes:
    if isinstance(one, int) and isinstance(other, int):
        return Sizes.all() if one == other else Sizes.none()
    if isinstance(one, int):
        one, other = other, one
    return preimage(one, other) if isinstance(other, int) else agreement(one, other)


def _both(one: Any, other: Any) -> Sizes:
    """Where both are taken."""
    found = Sizes.all()
    for side in (one, other):
        if not isinstance(side, int):
            found &= accepted(side)
    return found
