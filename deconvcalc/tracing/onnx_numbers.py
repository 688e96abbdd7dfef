"""Numbers that a graph computes with: ints, floats, and sizes that depend on the input.

Exporters write what a model does with `x.shape` as nodes: Shape, Gather, Div, Floor, Concat. Here
each such number is an int, a float, an `Extent`, or a `Part`: a float that is an extent times a
fraction. What is none of these raises `Unknown`, and the tensor then has a shape but no numbers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from deconvcalc.dialects.onnx_calls import EXACT_BITS
from deconvcalc.errors import UndecidedError
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, Fixed, Joint, extent
from deconvcalc.sets import LimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.sets import Sizes

__all__ = [
    "PAIRS",
    "SINGLES",
    "Part",
    "Unknown",
    "always",
    "cast",
    "chosen",
    "parts",
    "plain",
    "scaled",
    "whole",
]


class Unknown(Exception):  # noqa: N818 - no fault: what is asked cannot be told
    """A number that is not known as a function of the sizes."""


class Part:
    """A float that is an extent times a fraction.

    A product with few bits is exact, and so is where a quotient by a whole number lies between two
    whole numbers. What is rounded twice is not known.

    Args:
        of: the extent.
        times: the fraction.

    Raises:
        Unknown: float32 may round it across a whole number.
    """

    __slots__ = ("of", "times")

    def __init__(self, of: Extent, times: Fraction) -> None:
        if times.numerator.bit_length() > EXACT_BITS or times.denominator > 2**EXACT_BITS:
            raise Unknown
        self.of, self.times = of, times

    @property
    def is_exact(self) -> bool:
        """Whether float32 holds it as it is."""
        return self.times.denominator.bit_count() == 1

    def turned(self, times: Fraction) -> Part:
        """It times another fraction."""
        if not self.is_exact:
            raise Unknown
        return Part(self.of, self.times * times)


def plain(value: Any) -> Any:
    """An extent that is fixed as an int; anything else as it is."""
    return value.value if isinstance(value, Fixed) else value


def whole(value: Any) -> int:
    """A plain int.

    Raises:
        Unknown: it is none.
    """
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unknown
    if not math.isfinite(value) or value != int(value):
        raise Unknown
    return int(value)


def parts(one: Extent, limit: int) -> int:
    """How many parts a size has; a number above the limit where they are more."""
    count, todo = 0, [one]
    while todo and count <= limit:
        top = todo.pop()
        count += 1
        if isinstance(top, Joint):
            todo += top.parts
    return count


def scaled(size: Extent, factor: float) -> Extent:
    """floor(n * factor), the product rounded to float32, as ONNX Runtime has it."""
    exactly = Fraction(float(np.float32(factor)))
    if exactly.numerator.bit_length() <= EXACT_BITS:
        return size * exactly.numerator // exactly.denominator

    def work(n: int) -> int:
        return int(np.float32(n) * np.float32(factor))

    return Joint(f"floor(n * {np.float32(factor)}) in float32", (size,), work)


def cast(value: Any, *, to_float: bool) -> Any:
    """A number as another type."""
    value = plain(value)
    if isinstance(value, (int, float)):
        if to_float:
            return float(value)
        if not math.isfinite(value):
            raise Unknown
        return int(value)
    if to_float:
        return value if isinstance(value, Part) else Part(value, Fraction(1))
    if not isinstance(value, Part):
        return value
    return _truncated(value.of * value.times.numerator, value.times.denominator)


def _add(one: Any, other: Any) -> Any:
    if isinstance(one, Part) and isinstance(other, Part) and one.times == other.times:
        return Part(one.of + other.of, one.times)
    return _sized(one) + _sized(other)


def _sub(one: Any, other: Any) -> Any:
    return _add(one, _mul(other, -1))


def _mul(one: Any, other: Any) -> Any:
    if isinstance(other, (Part, Extent)) and not isinstance(one, (Part, Extent)):
        one, other = other, one
    if isinstance(one, Part):
        return one.turned(_fraction(other))
    if isinstance(one, Extent) and isinstance(other, float):
        return Part(one, _fraction(other))
    return _sized(one) * _sized(other)


def _fraction(value: Any) -> Fraction:
    if not isinstance(value, (int, float)):
        raise Unknown
    return Fraction(value)


def _div(one: Any, other: Any) -> Any:
    """A quotient: of ints as in C, which rounds towards zero."""
    if not isinstance(other, (int, float)) or not other:
        raise Unknown
    if isinstance(one, Part) or (isinstance(one, Extent) and isinstance(other, float)):
        by = 1 / _fraction(other)
        if by.numerator > 1 and by.denominator > 1:
            raise Unknown
        return (one if isinstance(one, Part) else Part(one, Fraction(1))).turned(by)
    if isinstance(one, float) or isinstance(other, float):
        return one / other
    return _truncated(one, other)


def _truncated(one: Any, other: int) -> Any:
    """A quotient of whole numbers, rounded towards zero."""
    if isinstance(one, int):
        quotient = abs(one) // abs(other)
        return quotient if (one < 0) == (other < 0) else -quotient
    if other < 0:
        one, other = one * -1, -other
    if always(one, ">=", 0):
        return one // other
    return one.maximum(0) // other - (one * -1).maximum(0) // other


def _mod(one: Any, other: Any) -> Any:
    """The remainder with the sign of the divisor, as Mod has it without fmod."""
    if not isinstance(other, int) or not other or isinstance(one, (Part, float)):
        raise Unknown
    if isinstance(one, int):
        return one % other
    if other < 0:
        raise Unknown
    return one % other


def _sized(value: Any) -> Any:
    if isinstance(value, (Part, Fraction)):
        raise Unknown
    return value


def _min(one: Any, other: Any) -> Any:
    one, other = _sized(one), _sized(other)
    if isinstance(one, Extent) or isinstance(other, Extent):
        return extent(one).minimum(extent(other))
    return min(one, other)


def _max(one: Any, other: Any) -> Any:
    one, other = _sized(one), _sized(other)
    if isinstance(one, Extent) or isinstance(other, Extent):
        return extent(one).maximum(extent(other))
    return max(one, other)


def _floor(value: Any) -> Any:
    if isinstance(value, Part):
        return value.of * value.times.numerator // value.times.denominator
    return float(math.floor(value)) if isinstance(value, float) else value


def _rounded(down: bool) -> Callable[[Any], Any]:
    """Floor or Ceil, whose result is a float again."""

    def work(value: Any) -> Any:
        if isinstance(value, Part):
            turned = value if down else Part(value.of, -value.times)
            found = _floor(turned)
            return Part(found if down else found * -1, Fraction(1))
        if not isinstance(value, float):
            raise Unknown
        return float(math.floor(value) if down else math.ceil(value))

    return work


def always(one: Any, relation: str, other: Any) -> bool:
    """Whether a relation holds wherever both sizes are taken, as far as maps can say."""
    negated = Condition(one, relation, other).negated()
    try:
        fails: Sizes | None = negated.sizes()
    except (UndecidedError, LimitError):
        return False
    return fails is not None and not fails


def _compared(relation: str) -> Callable[[Any, Any], Any]:
    """A comparison as 0 or 1; where the inputs decide it, an extent that is one of the two."""

    def work(one: Any, other: Any) -> Any:
        one, other = _sized(one), _sized(other)
        if not isinstance(one, Extent) and not isinstance(other, Extent):
            return int(Condition(whole(one), relation, whole(other)).holds({}))
        if isinstance(one, float) or isinstance(other, float):
            raise Unknown
        if always(one, relation, other):
            return 1
        if always(one, _OPPOSITE[relation], other):
            return 0
        gap = extent(one) - extent(other)
        if relation in ("==", "!="):
            differ = gap.maximum(gap * -1).minimum(1)
            return differ if relation == "!=" else 1 - differ
        below = (gap * -1).maximum(0).minimum(1)
        return below if relation == "<" else 1 - below

    return work


_OPPOSITE = {"==": "!=", "!=": "==", ">=": "<", "<": ">="}


def chosen(where: Any, one: Any, other: Any) -> Any:
    """One number where a comparison holds, and another elsewhere."""
    where = plain(where)
    if isinstance(where, (int, float)):
        return one if where else other
    return _add(_mul(where, one), _mul(_sub(1, where), other))


def _swapped(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda one, other: work(other, one)


def _pow(one: Any, other: Any) -> Any:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)) and abs(other) <= 64:
        return type(one)(one**other)
    raise Unknown


PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": _add,
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Mod": _mod,
    "Pow": _pow,
    "Min": _min,
    "Max": _max,
    "Sum": _add,
    "And": _min,
    "Or": _max,
    "Xor": _compared("!="),
    "Equal": _compared("=="),
    "Less": _compared("<"),
    "GreaterOrEqual": _compared(">="),
    "Greater": _swapped(_compared("<")),
    "LessOrEqual": _swapped(_compared(">=")),
}
"""Operators of two numbers (or more, from the left)."""

SINGLES: dict[str, Callable[[Any], Any]] = {
    "Identity": lambda value: value,
    "Neg": lambda value: _mul(value, -1),
    "Abs": lambda value: _max(value, _mul(value, -1)),
    "Not": lambda value: _sub(1, value),
    "Floor": _rounded(down=True),
    "Ceil": _rounded(down=False),
}
"""Operators of one number."""
