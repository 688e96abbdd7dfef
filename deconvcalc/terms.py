"""Sizes that keep how they were computed: a formula that runs on them leaves itself as a term.

A letter has a name and may have a value. So one run of a formula gives its text, its LaTeX, the
numbers put in, each step of working it out, and what its floors drop.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.algebra import scaled_floor
from deconvcalc.errors import DeconvcalcError
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Term", "letter", "number", "term"]

_WORK: dict[str, Callable[..., Any]] = {
    "sum": lambda *values: sum(values),
    "product": lambda *values: prod(values),
    "negative": lambda value: -value,
    "floor": lambda a, b: a // b,
    "ceil": lambda a, b: -(-a // b),
    "min": min,
    "max": max,
}


class Term(Value):
    r"""A number, a letter, or an operation on terms.

    Attributes:
        kind: "number", "letter", "sum", "product", "negative", "floor" and "ceil" (of a quotient),
            "min", "max" or "scaled" (the floor of a product with a float, rounded to float64).
        parts: what the operation is on.
        name: of a letter.
        value: the number that it is; None where it depends on a letter without a value.

    >>> n, s = letter("n", 28), letter("s", 3)
    >>> one = (n - 1) // s + 1
    >>> print(one, "=", one.put_in(), "=", one.put_in().reduced(), "=", one.value)
    floor((n - 1) / s) + 1 = floor((28 - 1) / 3) + 1 = floor(27 / 3) + 1 = 10
    >>> print(one.latex)
    \left\lfloor\frac{n - 1}{s}\right\rfloor + 1
    """

    __slots__ = ("kind", "name", "parts", "value")
    _fields = ("kind", "parts", "name", "value")
    is_term = True
    kind: str
    parts: tuple[Term, ...]
    name: str
    value: Any

    def __init__(self, kind: str, parts: tuple[Term, ...], name: str = "", value: Any = None):
        self._set(kind=kind, parts=parts, name=name, value=value)

    # The algebra that formulas use.

    def __add__(self, other: Any) -> Term:
        added = [part for one in (self, term(other)) for part in _parts(one, "sum")]
        kept = tuple([part for part in added if not _is(part, 0)])
        return _made("sum", kept) if len(kept) > 1 else kept[0] if kept else number(0)

    def __radd__(self, other: Any) -> Term:
        return term(other) + self

    def __neg__(self) -> Term:
        if self.kind == "negative":
            return self.parts[0]
        if self.kind == "sum":
            return _made("sum", tuple([-part for part in self.parts]))
        return number(-self.value) if self.kind == "number" else _made("negative", (self,))

    def __sub__(self, other: Any) -> Term:
        return self + -term(other)

    def __rsub__(self, other: Any) -> Term:
        return term(other) + -self

    def __mul__(self, other: Any) -> Term:
        parts = (*_parts(self, "product"), *_parts(term(other), "product"))
        if any(_is(part, 0) for part in parts):
            return number(0)
        kept = tuple([part for part in parts if not _is(part, 1)])
        return _made("product", kept) if len(kept) > 1 else kept[0] if kept else number(1)

    def __rmul__(self, other: Any) -> Term:
        return term(other) * self

    def __floordiv__(self, other: Any) -> Term:
        return _made("floor", (self, term(other)))

    def ceil_div(self, other: Any) -> Term:
        """The ceiling of a quotient."""
        return _made("ceil", (self, term(other)))

    def minimum(self, other: Any) -> Term:
        """The smaller of two; of a letter of known value and a number, the one that it is."""
        return self._extreme("min", term(other))

    def maximum(self, other: Any) -> Term:
        """The larger of two; of a letter of known value and a number, the one that it is."""
        return self._extreme("max", term(other))

    def _extreme(self, kind: str, other: Term) -> Term:
        if {self.kind, other.kind} == {"letter", "number"} and None not in (
            self.value,
            other.value,
        ):
            one, digits = (self, other) if self.kind == "letter" else (other, self)
            # Equal ones: the number 0 of min(after, 0) is left out, the letter of max is kept.
            wins = one.value < digits.value if kind == "min" else one.value >= digits.value
            return one if wins else digits
        return _made(kind, (self, other))

    def scaled(self, scale: Any) -> Term:
        """The floor of a product with a float, rounded to float64."""
        by = term(scale)
        value = None if self.value is None else scaled_floor(self.value, by.value)
        return Term("scaled", (self, by), value=value)

    def __lt__(self, other: Any) -> bool:
        return bool(self._known() < term(other)._known())

    def __gt__(self, other: Any) -> bool:
        return bool(self._known() > term(other)._known())

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __le__(self, other: Any) -> bool:
        return not self > other

    def _known(self) -> Any:
        if self.value is None:
            raise DeconvcalcError(f"the value of {self} is not known", rule="term")
        return self.value

    # What it is made of.

    def letters(self) -> dict[str, Any]:
        """The letters of known value, in the order in which they stand."""
        return {
            one.name: one.value
            for one in self.walk()
            if one.kind == "letter" and one.value is not None
        }

    def walk(self) -> Iterator[Term]:
        """The term and all terms in it, from left to right."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def roundings(self) -> list[Term]:
        """The floors and ceilings of quotients in it."""
        return [one for one in self.walk() if one.kind in ("floor", "ceil")]

    def line(self) -> tuple[int, int] | None:
        """The slope and the offset if it is a line in the letter without a value, else None."""
        if self.value is not None:
            return 0, self.value
        if self.kind == "letter":
            return 1, 0
        lines = [part.line() for part in self.parts]
        if None in lines:
            return None
        found = [one for one in lines if one is not None]
        if self.kind == "sum":
            return sum([a for a, _ in found]), sum([b for _, b in found])
        if self.kind == "negative":
            return -found[0][0], -found[0][1]
        if self.kind == "product" and sum([a != 0 for a, _ in found]) == 1:
            a, b = next(one for one in found if one[0])
            factor = prod([b for a, b in found if not a])
            return a * factor, b * factor
        return None

    # Working it out.

    def put_in(self) -> Term:
        """The same with numbers for the letters whose value is known."""
        if self.kind == "letter":
            return self if self.value is None else number(self.value)
        return self._with([part.put_in() for part in self.parts])

    def reduced(self) -> Term:
        """One step of working it out: what stands on numbers alone becomes a number."""
        if not self.parts or _is_number(self):
            return self
        if all(_is_number(part) for part in self.parts) and self.value is not None:
            return number(self.value)
        return self._with([part.reduced() for part in self.parts])

    def _with(self, parts: list[Term]) -> Term:
        return Term(self.kind, tuple(parts), self.name, self.value)

    # Text.

    def __str__(self) -> str:
        return _text(self)

    @property
    def latex(self) -> str:
        """The term in LaTeX."""
        return _latex(self)


def letter(name: str, value: Any = None) -> Term:
    """A letter, of a value or open."""
    return Term("letter", (), name, value)


def number(value: Any) -> Term:
    """A number."""
    return Term("number", (), "", value)


def term(value: Any) -> Term:
    """A term, from a term or a number."""
    return value if isinstance(value, Term) else number(value)


def _made(kind: str, parts: tuple[Term, ...]) -> Term:
    values = [part.value for part in parts]
    return Term(kind, parts, value=None if None in values else _WORK[kind](*values))


def _parts(one: Term, kind: str) -> tuple[Term, ...]:
    return one.parts if one.kind == kind else (one,)


def _is(one: Term, value: int) -> bool:
    return one.kind == "number" and one.value == value


def _is_number(one: Term) -> bool:
    return one.kind == "number" or (one.kind == "negative" and _is_number(one.parts[0]))


def _sum(one: Term, write: Callable[[Term], str]) -> str:
    """A sum: what is taken away, and negative numbers, after a minus."""
    text = ""
    for part in one.parts:
        taken, shown = part.kind == "negative", part.parts[0] if part.kind == "negative" else part
        if shown.kind == "number" and shown.value < 0:
            taken, shown = not taken, number(-shown.value)
        sign = " - " if taken else " + "
        if not text:
            sign = "-" if taken else ""
        text += sign + write(shown)
    return text


def _text(one: Term) -> str:
    if one.kind in ("letter", "number"):
        return one.name or str(one.value)
    if one.kind == "sum":
        return _sum(one, _text)
    if one.kind == "negative":
        return f"-{_bracketed(one.parts[0])}"
    if one.kind == "product":
        return "*".join([_bracketed(part) for part in one.parts])
    parts = [_text(part) for part in one.parts]
    if one.kind in ("min", "max"):
        return f"{one.kind}({', '.join(parts)})"
    if one.kind == "scaled":
        return f"floor({'*'.join([_bracketed(part) for part in one.parts])})"
    over, under = (_bracketed(part) for part in one.parts)
    return f"{one.kind}({over} / {under})"


def _bracketed(one: Term) -> str:
    """A part of a product or a quotient."""
    text = _text(one)
    low = one.kind in ("sum", "negative", "product") or (one.kind == "number" and one.value < 0)
    return f"({text})" if low else text


_NAMES = {"ke": "k_e", "op": "o"}


def _latex_name(name: str) -> str:
    if name.rstrip("0123456789") != name:
        head = name.rstrip("0123456789")
        return f"{head}_{{{name[len(head) :]}}}"
    return _NAMES.get(name, name if len(name) == 1 else f"\\mathrm{{{name}}}")


def _latex(one: Term) -> str:
    if one.kind in ("letter", "number"):
        return _latex_name(one.name) if one.name else str(one.value)
    if one.kind == "sum":
        return _sum(one, _latex)
    parts = [_latex(part) for part in one.parts]
    if one.kind in ("min", "max"):
        return f"\\{one.kind}\\left({', '.join(parts)}\\right)"
    if one.kind in ("floor", "ceil"):
        return f"\\left\\l{one.kind}\\frac{{{parts[0]}}}{{{parts[1]}}}\\right\\r{one.kind}"
    factors = " \\cdot ".join([_latex_bracketed(part) for part in one.parts])
    if one.kind == "negative":
        return f"-{factors}"
    return f"\\left\\lfloor {factors}\\right\\rfloor" if one.kind == "scaled" else factors


def _latex_bracketed(one: Term) -> str:
    text = _latex(one)
    low = one.kind in ("sum", "negative") or (one.kind == "number" and one.value < 0)
    return f"\\left({text}\\right)" if low else text
