"""The only room that asks which algebra it is in: int, numpy array, sympy or an exact map.

Formulas use `+ - * //` and the functions below, and so run unchanged in all four. numpy and sympy
are recognised only where somebody has imported them already.
"""

from __future__ import annotations

import math
import sys
from typing import Any, TypeAlias

__all__ = [
    "Size",
    "ceil_div",
    "certain",
    "floor_div",
    "is_array",
    "is_expression",
    "scaled_floor",
    "smax",
    "smin",
]

Size: TypeAlias = Any
"""A size or a term of one: an int, an array of int64, a sympy expression or a `SizeMap`."""


def is_array(value: object) -> bool:
    """Whether `value` is a numpy array. Does not import numpy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_expression(value: object) -> bool:
    """Whether `value` is a sympy expression that is not a plain number. Does not import sympy."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(value, sympy.Expr)


def floor_div(a: Size, b: Size) -> Size:
    """The floor of a / b, for b >= 1."""
    return a // b


def ceil_div(a: Size, b: Size) -> Size:
    """The ceiling of a / b, for b >= 1."""
    if is_expression(a) or is_expression(b):
        # sympy does not turn -floor(-a/b) into a ceiling by itself.
        return sys.modules["sympy"].ceiling(a / b)
    return -(-a // b)


def smax(a: Size, b: Size) -> Size:
    """The larger of the two, elementwise for arrays."""
    if is_expression(a) or is_expression(b):
        return sys.modules["sympy"].Max(a, b)
    if is_array(a) or is_array(b):
        return sys.modules["numpy"].maximum(a, b)
    return max(a, b)


def smin(a: Size, b: Size) -> Size:
    """The smaller of the two, elementwise for arrays."""
    if is_expression(a) or is_expression(b):
        return sys.modules["sympy"].Min(a, b)
    if is_array(a) or is_array(b):
        return sys.modules["numpy"].minimum(a, b)
    return min(a, b)


def certain(condition: Any) -> bool | None:
    """Whether a condition holds: True, False, or None where nobody can say.

    For an array: True where all hold, False otherwise. A sympy relation that depends on its
    symbols is undecided, and never becomes a bool in silence.
    """
    if isinstance(condition, bool):
        return condition
    if is_array(condition):
        return bool(condition.all())
    if condition == True:  # noqa: E712  # sympy's true is equal to True and is not it
        return True
    if condition == False:  # noqa: E712
        return False
    return None


def scaled_floor(n: Size, scale: float) -> Size:
    """floor(n * scale), the product rounded to float64 before the floor, as torch computes it."""
    if is_array(n):
        numpy = sys.modules["numpy"]
        return numpy.floor(n * scale).astype(numpy.int64)
    if is_expression(n):
        return _rounded_product(n, scale)
    return math.floor(n * scale)


def _rounded_product(n: Size, scale: float) -> Size:
    """The same for a sympy expression: left as it stands until a number is put in."""
    sympy = sys.modules["sympy"]

    class FloorScaled(sympy.Function):  # type: ignore[name-defined, misc]  # sympy is untyped here
        nargs = 1

        @classmethod
        def eval(cls, size: Any) -> Any:
            return math.floor(int(size) * scale) if size.is_Integer else None

    return FloorScaled(n)
