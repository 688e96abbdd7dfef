"""Conditions in n as exact sets of sizes, and sets as conditions.

Lines and their remainders, which most conditions are made of, are decided by hand: at numbers of
any magnitude, and without loading numpy. Everything else is a comparison of exact maps.
"""

from __future__ import annotations

import operator
from math import gcd
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.expressions import parse_condition
from deconvcalc.sets import Sizes, agreement, at_least
from deconvcalc.sizemap import SizeMap
from deconvcalc.sizemap.exact import exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.expressions import Condition
    from deconvcalc.sizemap.exact import ExactMap

    Line = tuple[int, int]
    """(a, b) for a*n + b."""

__all__ = ["MOST_PARTS", "condition_of", "sizes_where"]

MOST_PARTS = 60
"""A set of more pieces and classes is not written as a condition."""


def sizes_where(condition: str | Condition) -> Sizes:
    """The sizes n >= 1 at which a condition holds.

    Args:
        condition: text that `deconvcalc.expressions.parse_condition` reads, or what it gave.

    Raises:
        NotationError: text that is no condition.
        UndecidedError: it compares sizes that are no lines, at numbers past the work limit.
        LimitError: a set of too many classes.

    >>> print(sizes_where("n % 32 == 0"), "|", sizes_where("3 <= n < 10**12 and n odd"))
    n ≡ 0 (mod 32), n ≥ 32 | n odd, 3 ≤ n ≤ 999999999999
    """
    read = parse_condition(condition) if isinstance(condition, str) else condition
    found: Sizes = read.fold(_N, _OPERATIONS, _constant)
    return found


class _Part:
    """A size in n: as a line where it is one, or as the remainder of one; and as a map."""

    __slots__ = ("line", "make", "rest")

    def __init__(
        self,
        make: Callable[[], ExactMap | int],
        line: Line | None = None,
        rest: tuple[Line, int] | None = None,
    ) -> None:
        self.make, self.line, self.rest = make, line, rest


_N = _Part(lambda: exact(SizeMap.identity()), (1, 0))


def _constant(number: int) -> _Part:
    return _Part(lambda: number, (0, number))


def _joined(symbol: str) -> Callable[[Any, Any], _Part]:
    """An operation on two parts whose result is no line, as far as is known."""

    def make(a: _Part, b: _Part) -> _Part:
        return _Part(lambda: _on_maps(symbol, a.make(), b.make()))

    return make


def _on_maps(symbol: str, a: Any, b: Any) -> Any:
    """An operation on maps and ints, as the algebra of expressions has it."""
    from deconvcalc.expressions.program import OPERATIONS

    return OPERATIONS[symbol](a, b)


def _sum(a: _Part, b: _Part) -> _Part:
    made = _joined("+")(a, b)
    if a.line and b.line:
        made.line = (a.line[0] + b.line[0], a.line[1] + b.line[1])
    return made


def _product(a: _Part, b: _Part) -> _Part:
    made = _joined("*")(a, b)
    if a.line and b.line:  # one of them is a constant: the grammar sees to that
        (slope, offset), factor = (b.line, a.line[1]) if a.line[0] == 0 else (a.line, b.line[1])
        made.line = (slope * factor, offset * factor)
    return made


def _negative(a: _Part) -> _Part:
    return _product(_constant(-1), a)


def _remainder(a: _Part, b: _Part) -> _Part:
    made = _joined("%")(a, b)
    if a.line and b.line and b.line[1] > 0:
        made.rest = (a.line, b.line[1])
    return made


def _compared(symbol: str) -> Callable[[_Part, _Part], Sizes]:
    def make(a: _Part, b: _Part) -> Sizes:
        if a.line and b.line:
            return _of_line((a.line[0] - b.line[0], a.line[1] - b.line[1]), symbol)
        found = _of_rest(a, b, symbol) or _of_rest(b, a, symbol)
        if found is not None:
            return found[0]
        one, other = exact(a.make()), exact(b.make())
        if symbol in ("==", "!="):
            same = agreement(one, other)
            return same if symbol == "==" else ~same
        if symbol in (">=", "<"):
            held = at_least(one, other)
            return held if symbol == ">=" else ~held
        held = at_least(other, one)
        return held if symbol == "<=" else ~held

    return make


def _of_line(line: Line, symbol: str) -> Sizes:
    """Where a*n + b compares so with 0."""
    slope, offset = line
    if slope == 0:
        return Sizes.all() if _HOLDS[symbol](offset, 0) else Sizes.none()
    if symbol in ("==", "!="):
        root, left = divmod(-offset, slope)
        same = Sizes.of(root) if left == 0 and root >= 1 else Sizes.none()
        return same if symbol == "==" else ~same
    if symbol in ("<=", "<"):  # the same of the line turned round
        return _of_line((-slope, -offset), ">=" if symbol == "<=" else ">")
    offset -= symbol == ">"
    if slope > 0:
        return Sizes.between(-(offset // slope))
    high = offset // -slope
    return Sizes.between(1, high) if high >= 1 else Sizes.none()


def _of_rest(a: _Part, b: _Part, symbol: str) -> tuple[Sizes] | None:
    """Where the remainder of a line is, or is not, a number; None where this is another question.

    The set stands in a tuple, for an empty one is false.
    """
    if symbol not in ("==", "!=") or a.rest is None or b.line is None or b.line[0]:
        return None
    (slope, offset), modulus = a.rest
    wanted = b.line[1]
    same = Sizes.none()
    common = gcd(slope, modulus)
    if 0 <= wanted < modulus and (wanted - offset) % common == 0:
        step = modulus // common
        residue = (wanted - offset) // common * pow(slope // common, -1, step) if step > 1 else 0
        same = Sizes.congruent(residue, step)
    return (same if symbol == "==" else ~same,)


_HOLDS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_OPERATIONS: dict[str, Callable[..., Any]] = {
    **{symbol: _compared(symbol) for symbol in _HOLDS},
    **{symbol: _joined(symbol) for symbol in ("//", "ceil", "min", "max")},
    "+": _sum,
    "-": lambda a, b: _sum(a, _negative(b)),
    "*": _product,
    "%": _remainder,
    "negative": _negative,
    "and": operator.and_,
    "or": operator.or_,
    "not": operator.invert,
}


def condition_of(sizes: Sizes) -> str:
    """A condition that holds at the members of a set alone, as text.

    Args:
        sizes: the set; of one with a horizon, its members up to there.

    Raises:
        QueryError: it has too many pieces to be written out, or no member.

    >>> condition_of(Sizes.congruent(0, 32)), condition_of(Sizes.between(3) - Sizes.of(7))
    ('n % 32 == 0', 'n >= 3 and n != 7')
    """
    shortest: str | None = None
    for made in (_with_exceptions(sizes), " or ".join(_pieces(sizes))):
        if made and (shortest is None or len(made) < len(shortest)):
            shortest = made
    if shortest is None:
        raise QueryError(f"there is no condition for {sizes}", rule="condition")
    whole = shortest.startswith("(") and shortest.endswith(")") and shortest.count("(") == 1
    return shortest[1:-1] if whole else shortest


def _with_exceptions(sizes: Sizes) -> str | None:
    """The classes from some size on, but for single sizes; None where that is not all."""
    if sizes.is_finite:
        return None
    record = sizes.to_record()
    least = sizes.least or 1
    if "residues" not in record or len(record["residues"]) > MOST_PARTS:
        return None
    whole = Sizes.none()
    for residue in record["residues"]:
        whole |= Sizes.congruent(residue, record["modulus"], least)
    if not sizes <= whole or not (whole - sizes).is_finite:
        return None
    missing = (whole - sizes).first(MOST_PARTS + 1)
    if len(missing) > MOST_PARTS:
        return None
    text = _span(record, least, None)
    return " and ".join([text, *[f"n != {n}" for n in missing]])


def _pieces(sizes: Sizes) -> list[str]:
    """A condition for each piece of a set; none where there are too many.

    Raises:
        QueryError: there are.
    """
    record = sizes.to_record()
    parts = [_span(one, one["first"], one["last"]) for one in record["head"]]
    if not sizes.is_finite:
        parts.append(_span(record, record["start"], None))
    weight = len(parts) + sum([len(one.get("residues", ())) for one in (record, *record["head"])])
    if weight > 2 * MOST_PARTS:
        raise QueryError(
            f"a set of {weight} pieces and classes is not written out", rule="condition"
        )
    return [f"({part})" if " and " in part and len(parts) > 1 else part for part in parts]


def _span(classes: dict[str, Any], low: int, high: int | None) -> str:
    """The members of some classes from low to high, as a condition."""
    modulus = classes["modulus"]
    if "residues_but" in classes:
        inside = [f"n % {modulus} != {residue}" for residue in classes["residues_but"]]
        named = " and ".join(inside)
    else:
        inside = [f"n % {modulus} == {residue}" for residue in classes["residues"]]
        named = " or ".join(inside)
        named = f"({named})" if len(inside) > 1 else named
    members = classes.get("residues", ())
    implied = min([residue or modulus for residue in members], default=1)
    parts = [] if modulus == 1 else [named]
    if high == low:
        return f"n == {low}"
    if high is not None:
        parts.insert(0, f"{low} <= n <= {high}" if low > implied else f"n <= {high}")
    elif low > implied or not parts:
        parts.insert(0, f"n >= {low}")
    return " and ".join(parts)
