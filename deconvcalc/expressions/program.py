"""Targets and conditions in n as programs: how they run on sizes, and how they are written.

A value is a program for a stack, its operands before each operator. So nothing here calls itself:
text of any depth is compared, printed and run in one pass.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias

from deconvcalc.algebra import ceil_div, equal, floor_div, is_array, is_expression, smax, smin
from deconvcalc.errors import SizeError
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "COMPARISONS",
    "LEVELS",
    "MOST_DIGITS",
    "OPERATIONS",
    "PREFIXES",
    "Code",
    "Condition",
    "Expression",
    "Program",
    "number_of",
]

MOST_DIGITS = 100
"""How many digits a number may have, one that is worked out too."""

Code: TypeAlias = "tuple[int | str, ...]"
"""Constants, "n" and the symbols of `_OPERATIONS`, operands first: `2*n + 1` is 2 n * 1 +."""


class Program(Value):
    """What expressions and conditions share."""

    __slots__ = ("code",)
    _fields = ("code",)
    code: Code

    def __init__(self, code: Code) -> None:
        self._set(code=code)

    def fold(
        self,
        n: Any,
        operations: Mapping[str, Callable[..., Any]] | None = None,
        constant: Callable[[int], Any] = int,
    ) -> Any:
        """Run it with other meanings of its operators: in another algebra, or over sets.

        Args:
            n: what stands for the input size. It is not looked at.
            operations: by symbol; those not named keep their meaning. The symbols are
                `+ - * // % ceil min max negative == != < <= > >= and or not`, where `ceil` divides
                and rounds up. `negative` and `not` take one operand and the others two.
            constant: what makes a number of the algebra of an int.

        Returns:
            What the last operation gives.
        """
        meanings = {**OPERATIONS, **operations} if operations else OPERATIONS
        stack: list[Any] = []
        for item in self.code:
            if isinstance(item, int):
                stack.append(constant(item))
            elif item == "n":
                stack.append(n)
            elif item in PREFIXES:
                stack.append(meanings[item](stack.pop()))
            else:
                right = stack.pop()
                stack.append(meanings[item](stack.pop(), right))
        return stack.pop()

    def evaluate(self, n: Any) -> Any:
        """The value at n."""
        raise NotImplementedError

    def to_sympy(self, symbol: Any = None) -> Any:
        """The same for sympy, in `symbol` or in a positive integer n."""
        import sympy

        if symbol is None:
            symbol = sympy.Symbol("n", integer=True, positive=True)
        return sympy.sympify(self.evaluate(symbol))

    def _exact(self, sizes: Any) -> Any:
        """An array of sizes in int64; in Python's ints where int64 might wrap."""
        largest = max(abs(int(sizes.max())), abs(int(sizes.min()))) if sizes.size else 0
        bound: int = self.fold(largest, _BOUNDS, abs)
        return sizes.astype("int64" if bound < 2**62 else object)

    def __str__(self) -> str:
        return _written(self.code)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Expression(Program):
    """A size as a function of the input size n. Made by `parse_target`.

    Values are equal where they are built alike: `2n` equals `2*n`, and not `n + n`; `linear` tells
    that they have the same values. `str()` gives text that reads back as an equal value.

    >>> from deconvcalc.expressions import parse_target
    >>> target = parse_target("⌈n/2⌉ + 1")
    >>> print(target, "|", target.evaluate(7), target == parse_target("ceil(n / 2)+1"))
    ceil(n/2) + 1 | 5 True
    """

    __slots__ = ()

    def evaluate(self, n: Any) -> Any:
        """The size at n.

        Args:
            n: an int, a numpy array of integers, a sympy expression, or an object that has the
                algebra's operators, such as an exact map.

        Returns:
            The same kind: an int, an array of int64, an expression, an object.

        Raises:
            SizeError: a value of an array does not fit into int64.
            TypeError: n is something else, such as a float.

        >>> parse_target("3n - 1").evaluate(5)
        14
        """
        n = _checked(n)
        if is_array(n):
            return _int64(self._value(self._exact(n)))
        return self._value(n)

    def _value(self, n: Any) -> Any:
        """The value at n, of the kind that n is: a constant alone would be an int."""
        number = number_of(self.code)
        return self.fold(n) if number is None else n * 0 + number

    @property
    def linear(self) -> tuple[int, int] | None:
        """(a, b) where it is a*n + b for every n, as far as sums and constants tell; or None.

        >>> parse_target("3(n+1) - n - 1").linear, parse_target("n//2").linear
        ((2, 2), None)
        """
        line: tuple[int, int] | None = self.fold((1, 0), _LINES, lambda number: (0, number))
        return line

    @property
    def is_constant(self) -> bool:
        """Whether it is `linear` and the same for every n."""
        line = self.linear
        return line is not None and line[0] == 0


class Condition(Program):
    """What must hold of the input size n. Made by `parse_condition`.

    It is equal, and prints, as an `Expression` does; chains are written out.

    >>> from deconvcalc.expressions import parse_condition
    >>> condition = parse_condition("3 <= n < 10 and n odd")
    >>> print(condition, "|", condition.evaluate(5), condition.evaluate(6))
    3 <= n and n < 10 and n % 2 == 1 | True False
    """

    __slots__ = ()

    def evaluate(self, n: Any) -> Any:
        """Whether it holds at n.

        Args:
            n: what `Expression.evaluate` takes.

        Returns:
            A bool for an int, a mask for an array, a condition of sympy's for an expression; for
            another object, what its comparisons give.

        Raises:
            TypeError: n is something else, such as a float.

        >>> parse_condition("n % 2 == 0").evaluate(28)
        True
        """
        n = _checked(n)
        if is_array(n):
            import numpy as np

            mask = np.zeros(n.shape, bool)
            mask[...] = self.fold(self._exact(n))  # one bool where it does not depend on n
            return mask
        value = self.fold(n)
        if is_expression(n):
            import sympy

            return sympy.sympify(value)
        return value


COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "≡"})
PREFIXES = frozenset({"negative", "positive", "not"})
LEVELS = {
    symbol: level
    for level, symbols in enumerate(
        (
            ("or",),
            ("and",),
            ("not",),
            tuple(COMPARISONS),
            ("+", "-"),
            ("*", "//", "%", "/"),
            ("juxtaposed",),
            ("negative", "positive"),
            ("**",),
        ),
        start=1,
    )
    for symbol in symbols
}
"""How tightly operators bind, as in Python; a product without * binds tighter than one with it."""


def number_of(code: Code) -> int | None:
    """The constant that a program is, or None."""
    return code[0] if len(code) == 1 and isinstance(code[0], int) else None


def _negation(condition: Any) -> Any:
    return not condition if isinstance(condition, bool) else ~condition


def _remainder(a: Any, b: Any) -> Any:
    """The remainder of a / b; an algebra without it has its floors."""
    return a % b if hasattr(type(a), "__mod__") else a - a // b * b


OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": floor_div,
    "%": _remainder,
    "ceil": ceil_div,
    "min": smin,
    "max": smax,
    "negative": operator.neg,
    "==": equal,
    "!=": lambda a, b: _negation(equal(a, b)),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
    "not": _negation,
}
"""What the symbols mean, for all algebras alike."""


def _by_slope(
    choose: Callable[[int, int], int],
) -> Callable[[_Line, _Line], _Line]:
    """Two lines of one slope, and what is chosen of their offsets."""
    return lambda a, b: (a[0], choose(a[1], b[1])) if a and b and a[0] == b[0] else None


def _line_sum(a: _Line, b: _Line) -> _Line:
    return (a[0] + b[0], a[1] + b[1]) if a and b else None


def _line_product(a: _Line, b: _Line) -> _Line:
    if not a or not b:
        return None
    (slope, offset), factor = (b, a[1]) if a[0] == 0 else (a, b[1])
    return slope * factor, offset * factor


def _line_part(divide: Callable[[int, int], int]) -> Callable[[_Line, tuple[int, int]], _Line]:
    """A line over a constant, where that divides the slope."""
    return lambda a, by: (a[0] // by[1], divide(a[1], by[1])) if a and a[0] % by[1] == 0 else None


def _line_rest(a: _Line, by: tuple[int, int]) -> _Line:
    return (0, a[1] % by[1]) if a and a[0] % by[1] == 0 else None


_Line: TypeAlias = "tuple[int, int] | None"
_LINES: dict[str, Callable[..., Any]] = {
    "+": _line_sum,
    "-": lambda a, b: _line_sum(a, _line_product(b, (0, -1))),
    "*": _line_product,
    "//": _line_part(floor_div),
    "%": _line_rest,
    "ceil": _line_part(ceil_div),
    "min": _by_slope(min),
    "max": _by_slope(max),
    "negative": lambda a: _line_product(a, (0, -1)),
}

_BOUNDS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(OPERATIONS, max),
    "+": operator.add,
    "-": operator.add,
    "*": lambda a, b: max(a, 1) * max(b, 1),
    "negative": abs,
    "not": abs,
}
"""A bound of every value on the way, from bounds of the operands; none is below theirs."""


def _checked(n: Any) -> Any:
    """The input size: a plain int, or what else an algebra has.

    Raises:
        TypeError: anything else.
    """
    number = integer(n)
    if number is not None:
        return number
    if is_array(n):
        if n.dtype.kind not in "iu":
            raise TypeError(f"an array of sizes has integers, not {n.dtype}")
        return n
    if is_expression(n):
        if n.is_number or n.is_integer is False:
            raise TypeError(f"a size is an integer, not {n}")
        return n
    kind = type(n)
    # Floats and fractions have all operators, and as_integer_ratio; numpy's bools have them too.
    inexact = hasattr(kind, "as_integer_ratio") or kind.__module__ == "numpy"
    if inexact or not hasattr(kind, "__floordiv__"):
        raise TypeError(f"n is an int, a numpy array, a sympy expression or a map, not {n!r}")
    return n


def _int64(values: Any) -> Any:
    """An array in int64.

    Raises:
        SizeError: a value does not fit.
    """
    if values.dtype == object:
        outside = ((values < -(2**63)) | (values >= 2**63)).astype(bool)
        if outside.any():
            first = tuple([int(places[0]) for places in outside.nonzero()])
            raise SizeError(
                f"{int(outside.sum())} of {values.size} sizes do not fit into int64, the first at "
                f"index {first[0] if len(first) == 1 else first}",
                rule="the output size fits into int64",
                hint="Evaluate these one by one, as ints.",
            )
    return values.astype("int64")


def _written(code: Code) -> str:
    """The program as text, with no more brackets than it needs."""
    stack: list[tuple[str, int, int | str]] = []  # the text, how tightly it binds, its operator
    for item in code:
        if isinstance(item, int):
            stack.append((str(item), 10 if item >= 0 else LEVELS["negative"], item))
        elif item == "n":
            stack.append((item, 10, item))
        elif item in PREFIXES:
            level = LEVELS[item]
            sign = "-" if item == "negative" else "not "
            stack.append((sign + _bracketed(stack.pop(), level), level, item))
        else:
            right = stack.pop()
            stack.append(_infix(item, stack.pop(), right))
    return stack.pop()[0]


def _infix(
    symbol: str, left: tuple[str, int, int | str], right: tuple[str, int, int | str]
) -> tuple[str, int, int | str]:
    """Two printed operands and what stands between or around them."""
    if symbol in ("min", "max"):
        head = left[0][:-1] if left[2] == symbol else f"{symbol}({left[0]}"
        return f"{head}, {right[0]})", 10, symbol
    if symbol == "ceil":
        return f"ceil({_bracketed(left, LEVELS['/'])}/{right[0]})", 10, symbol
    level = LEVELS[symbol]
    sign = symbol if symbol in ("*", "//") else f" {symbol} "
    return _bracketed(left, level) + sign + _bracketed(right, level + 1), level, symbol


def _bracketed(part: tuple[str, int, int | str], level: int) -> str:
    return part[0] if part[1] >= level else f"({part[0]})"
