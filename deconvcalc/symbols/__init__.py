"""The letters of closed forms as sympy has them, floors written without one, and how it all reads.

Letters are plain integers to sympy: what else holds for them is said by conditions, so that no
condition is settled, and lost, before it was read. sympy is imported when a letter is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "between",
    "collected",
    "holds",
    "latex",
    "letter",
    "parity",
    "substituted",
    "text",
    "unfloored",
]


def letter(name: str, **assumptions: bool) -> Any:
    """The symbol of an integer; an index follows an underscore, as in "k_0"."""
    import sympy

    return sympy.Symbol(name, integer=True, **assumptions)


def between(term: Any, low: Any, high: Any, *, below: bool = False) -> Any:
    """The condition low <= term <= high; `below` leaves the upper end out."""
    import sympy

    upper = sympy.Lt(term, high) if below else sympy.Le(term, high)
    return sympy.And(sympy.Ge(term, low), upper)


def parity(term: Any) -> Any:
    """The remainder of a term divided by 2."""
    import sympy

    return sympy.Mod(term, 2)


def collected(expression: Any, *names: str) -> Any:
    """A sum with what these letters multiply in brackets, as in d*(k - 1)."""
    import sympy

    terms = []
    for term in sympy.Add.make_args(sympy.collect(expression, [letter(name) for name in names])):
        sums = [part for part in sympy.Mul.make_args(term) if part.is_Add]
        if len(sums) == 1 and all(
            one.could_extract_minus_sign() or one.is_number for one in sums[0].args
        ):
            term = sympy.Mul(-1, term / sums[0], -sums[0])  # noqa: PLW2901  # rather -d*(k - 1)
        terms.append(term)
    return sympy.Add(*terms)


def unfloored(expression: Any, name: str = "r") -> tuple[Any, Any, Any]:
    """An expression without its floor or ceiling: floor(a/b) is (a - r)/b, with 0 <= r < b.

    A ceiling of a/b is (a + r)/b.

    Args:
        expression: a sympy expression with at most one floor or ceiling.
        name: the letter of the remainder.

    Returns:
        The expression, the remainder r and its divisor b; None, None where there is no floor.

    >>> n, s = letter("n"), letter("s")
    >>> unfloored((n + 1) // s)
    ((n - r + 1)/s, r, s)
    """
    import sympy

    rounded = expression.atoms(sympy.floor, sympy.ceiling)
    if not rounded:
        return expression, None, None
    (node,) = rounded
    whole, divisor = sympy.fraction(sympy.together(node.args[0]))
    rest = letter(name)
    exact = (whole - rest if isinstance(node, sympy.floor) else whole + rest) / divisor
    return expression.xreplace({node: exact}), rest, divisor


def substituted(expression: Any, numbers: Mapping[Any, int]) -> Any:
    """An expression or a condition with numbers in place of letters."""
    import sympy

    return expression.xreplace({name: sympy.Integer(value) for name, value in numbers.items()})


def holds(condition: Any, numbers: Mapping[Any, int]) -> bool:
    """Whether a condition holds for numbers in place of all its letters."""
    try:
        settled = substituted(condition, numbers)
    except ZeroDivisionError:  # a remainder of a division by 0: nothing is a multiple of it
        return False
    return bool(settled)


def text(expression: Any) -> str:
    """An expression or a condition as a person types it: "0 ≤ p ≤ k - 1"."""
    from deconvcalc.symbols.printers import TEXT

    written: str = TEXT.doprint(expression)
    return written


def latex(expression: Any) -> str:
    """An expression or a condition as LaTeX."""
    from deconvcalc.symbols.printers import LATEX

    written: str = LATEX.doprint(expression)
    return written
