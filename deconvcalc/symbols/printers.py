"""Closed forms as text and LaTeX. sympy's own printers would put `-op` before `2*p`.

This module imports sympy; it is imported when something is printed.
"""

# ruff: noqa: N802, N815  (sympy calls a printer by the name of the class that it prints)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sympy.logic.boolalg import And, Or
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import precedence
from sympy.printing.str import StrPrinter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LATEX", "TEXT"]

_MARKS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}
_LATEX_MARKS = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne"}
_TURNED = {">=": "<=", ">": "<"}


def _ordered_terms(expression: Any) -> list[Any]:
    """The terms of a sum: what is added before what is taken away, letters before numbers."""

    def place(term: Any) -> tuple[bool, bool, str]:
        return (term.could_extract_minus_sign(), bool(term.is_number), str(term))

    return sorted(expression.args, key=place)


def _chain(condition: Any) -> tuple[Any, str, Any, str, Any] | None:
    """The parts of low <= term <= high, or None for another condition."""
    if len(condition.args) != 2 or not all(part.is_Relational for part in condition.args):
        return None
    upper, lower = sorted(condition.args, key=lambda part: part.rel_op in _TURNED)
    if upper.rel_op not in ("<", "<=") or lower.rel_op not in _TURNED or upper.lhs != lower.lhs:
        return None
    return lower.rhs, _TURNED[lower.rel_op], lower.lhs, upper.rel_op, upper.rhs


def _members(values: Any) -> str:
    """A set of integers as it is typed: "1..9", "1..9 step 2", "2,4"."""
    if values.is_FiniteSet:
        return ",".join([str(value) for value in sorted(values)])
    if not hasattr(values, "step"):
        return ",".join([_members(part) for part in values.args])
    step = f" step {values.step}" if values.step != 1 else ""
    return f"{values.inf}..{values.sup}{step}"


def _joined(printer: Any, condition: Any, words: tuple[str, str], marks: Mapping[str, str]) -> str:
    """A condition of several, each of them printed; low <= term <= high as a chain."""
    if condition.func is And and (chain := _chain(condition)):
        low, first, term, second, high = chain
        shown = [printer._print(part) for part in (low, term, high)]
        return f"{shown[0]} {marks[first]} {shown[1]} {marks[second]} {shown[2]}"
    parts = []
    for part in condition.args:
        inner = printer._print(part)
        parts.append(f"({inner})" if part.is_Boolean and part.func in (And, Or) else inner)
    return words[condition.func is Or].join(sorted(parts))


class Text(StrPrinter):  # type: ignore[misc]  # sympy is untyped here
    def _as_ordered_terms(self, expr: Any, order: Any = None) -> Any:  # noqa: ARG002  # sympy's signature
        return _ordered_terms(expr)

    def _print_Mul(self, expr: Any) -> str:
        number, rest = expr.as_coeff_Mul()
        if rest.is_Symbol and number.is_Integer and abs(number) != 1:
            return f"{number}{rest.name}"
        if rest.is_Add and number.p == 1:
            return f"({self._print(rest)})/{number.q}"
        return str(super()._print_Mul(expr))

    def _print_Relational(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} {_MARKS[expr.rel_op]} {self._print(expr.rhs)}"

    def _print_Mod(self, expr: Any) -> str:
        left, right = [self.parenthesize(part, precedence(expr)) for part in expr.args]
        return f"{left} mod {right}"

    def _print_Max(self, expr: Any) -> str:
        parts = sorted(expr.args, key=lambda part: part.is_number)
        shown = ", ".join([self._print(part) for part in parts])
        return f"{expr.func.__name__.lower()}({shown})"

    _print_Min = _print_Max

    def _print_And(self, expr: Any) -> str:
        return _joined(self, expr, (" and ", " or "), _MARKS)

    _print_Or = _print_And

    def _print_Contains(self, expr: Any) -> str:
        return f"{self._print(expr.args[0])} in {_members(expr.args[1])}"

    def _print_Not(self, expr: Any) -> str:
        inner = expr.args[0]
        return f"{self._print(inner.args[0])} not in {_members(inner.args[1])}"

    def _print_Piecewise(self, expr: Any) -> str:
        cases = [f"{self._print(value)} if {self._print(when)}" for value, when in expr.args]
        return "; ".join(cases)

    def _print_BooleanTrue(self, expr: Any) -> str:  # noqa: ARG002  # sympy's signature
        return "any"


class Latex(LatexPrinter):  # type: ignore[misc]  # sympy is untyped here
    def _as_ordered_terms(self, expr: Any, order: Any = None) -> Any:  # noqa: ARG002  # sympy's signature
        return _ordered_terms(expr)

    def _print_Symbol(self, expr: Any, style: str = "") -> str:  # noqa: ARG002  # sympy's signature
        name, _, index = expr.name.partition("_")
        name = name if len(name) == 1 else rf"\mathit{{{name}}}"
        return f"{name}_{{{index}}}" if index else name

    def _print_Relational(self, expr: Any) -> str:
        mark = _LATEX_MARKS[expr.rel_op]
        return f"{self._print(expr.lhs)} {mark} {self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return _joined(self, expr, (r" \wedge ", r" \vee "), _LATEX_MARKS)

    _print_Or = _print_And


TEXT, LATEX = Text(), Latex()
