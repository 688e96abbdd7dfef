"""The only room that asks which algebra it is in: int, numpy array, sympy, an exact map or a term.

Formulas use `+ - * //` and the functions below, and so run unchanged in all five. numpy and sympy
are recognised only where somebody has imported them already.
"""

from __future__ import annotations

import math
import sys
from functools import cache
from typing import Any, TypeAlias

__all__ = [
    "Size",
    "ceil_div",
    "certain",
    "equal",
    "floor_div",
    "is_array",
    "is_expression",
    "is_term",
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
    """Whether `value` is a sympy expression, a number of sympy's too. Does not import sympy."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(value, sympy.Expr)


def _is_map(value: object) -> bool:
    """Whether `value` is an exact map of any shape or a term, which say so themselves."""
    return getattr(value, "is_exact_map", False) is True or is_term(value)


def is_term(value: object) -> bool:
    """Whether `value` is a term, which keeps how it was computed."""
    return getattr(value, "is_term", False) is True


def floor_div(a: Size, b: Size) -> Size:
    """The floor of a / b, for b >= 1."""
    return a // b


def ceil_div(a: Size, b: Size) -> Size:
    """The ceiling of a / b, for b >= 1."""
    if is_expression(a) or is_expression(b):
        # sympy does not turn -floor(-a/b) into a ceiling by itself.
        return sys.modules["sympy"].ceiling(a / b)
    if is_term(a):
        return a.ceil_div(b)
    return -(-a // b)


def smax(a: Size, b: Size) -> Size:
    """The larger of the two, elementwise for arrays."""
    if is_expression(a) or is_expression(b):
        return sys.modules["sympy"].Max(a, b)
    if is_array(a) or is_array(b):
        return sys.modules["numpy"].maximum(a, b)
    if _is_map(a) or _is_map(b):
        return a.maximum(b) if _is_map(a) else b.maximum(a)
    return max(a, b)


def smin(a: Size, b: Size) -> Size:
    """The smaller of the two, elementwise for arrays."""
    if is_expression(a) or is_expression(b):
        return sys.modules["sympy"].Min(a, b)
    if is_array(a) or is_array(b):
        return sys.modules["numpy"].minimum(a, b)
    if _is_map(a) or _is_map(b):
        return a.minimum(b) if _is_map(a) else b.minimum(a)
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


def equal(a: Size, b: Size) -> Any:
    """Whether the two are equal: a bool, or a sympy relation."""
    if is_expression(a) or is_expression(b):
        return sys.modules["sympy"].Eq(a, b)
    return a == b


def scaled_floor(n: Size, scale: float) -> Size:
    """floor(n * scale), the product rounded to float64 before the floor, as torch computes it."""
    if _is_map(n):
        return n.scaled(scale)
    if is_array(n):
        numpy = sys.modules["numpy"]
        if n.dtype == object:  # Python's ints, of any size
            return numpy.frompyfunc(lambda size: _floor_of_product(size, scale), 1, 1)(n)
        return numpy.floor(n * scale).astype(numpy.int64)
    if is_expression(n):
        return _scaled_floor_function()(n, scale)
    if isinstance(n, int):
        return _floor_of_product(n, scale)
    return math.floor(n * scale)


def _floor_of_product(n: int, scale: float) -> int:
    try:
        return math.floor(n * scale)
    except OverflowError:  # beyond float64, where nothing rounds to it
        numerator, denominator = scale.as_integer_ratio()
        return n * numerator // denominator


@cache
def _scaled_floor_function() -> Any:
    """The same as a sympy function: it stays as it stands until a number is put in."""
    sympy = sys.modules["sympy"]

    class ScaledFloor(sympy.Function):  # type: ignore[name-defined, misc]  # sympy is untyped here
        nargs = 2
        is_integer = True

        @classmethod
        def eval(cls, size: Any, scale: Any) -> Any:
            return _floor_of_product(int(size), float(scale)) if size.is_Integer else None

    return ScaledFloor
