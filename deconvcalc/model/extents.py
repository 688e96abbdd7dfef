"""The size of one axis of a tensor, as an exact function of the sizes of a model's inputs.

Most depend on one input axis: they are an exact map of it. Constants depend on none. Where axes
meet (a flatten, a pad to the size of another axis) a size depends on several; such a size is a
small tree that is computed point by point.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import SizeError
from deconvcalc.sizemap import SizeMap
from deconvcalc.sizemap.exact import exact
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deconvcalc.sizemap.exact import ExactMap

    Point = Mapping[str, int]

__all__ = ["Along", "Extent", "Fixed", "Joint", "extent", "variable"]

MOST_TERMS = 16
"""Equal terms are looked for in sums of so many."""

MOST_TIMES = 10**12
"""Terms are not put together to one that is taken more often."""

MOST_SHOWN = 200
"""A size that is made of more parts is not written out."""


class Extent:
    """The size of one axis, as a function of the sizes of the inputs.

    `+ - *` with another or with an int, `//` and `%` by an int of at least 1, `minimum` and
    `maximum` make new ones; so Python code that computes with sizes runs on them. Values in between
    may be 0 or negative.

    Attributes:
        variables: the input axes that it depends on.
    """

    __slots__ = ()
    variables: frozenset[str]
    may_refuse: bool = False

    def at(self, point: Point) -> int:
        """The size where the input axes have these sizes.

        Raises:
            SizeError: a layer on the way refuses its size.
            UndecidedError: beyond the horizon of a float scale.
        """
        raise NotImplementedError

    def then(self, size_map: SizeMap | ExactMap) -> Extent:
        """This size after a map: that of a layer."""
        return _after(self, size_map)

    @property
    def constant(self) -> int | None:
        """The size where it is the same for every input that is accepted; None where it varies."""
        return None

    def apart(self) -> Iterator[Along]:
        """The sizes of one input axis that it is made of."""
        return iter(())

    def __add__(self, other: Any) -> Extent:
        return _of_two("+", self, extent(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Extent:
        return self + (extent(other) * -1)

    def __rsub__(self, other: Any) -> Extent:
        return extent(other) + (self * -1)

    def __neg__(self) -> Extent:
        return self * -1

    def __mul__(self, other: Any) -> Extent:
        return _of_two("*", self, extent(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Extent:
        return _of_two("//", self, extent(other))

    def __mod__(self, other: Any) -> Extent:
        one: Extent = self // other
        return self - one * extent(other)

    def minimum(self, other: Any) -> Extent:
        """The smaller of two sizes."""
        return _of_two("min", self, extent(other))

    def maximum(self, other: Any) -> Extent:
        """The larger of two sizes."""
        return _of_two("max", self, extent(other))

    def __repr__(self) -> str:
        return str(self)


class Fixed(Extent):
    """A size that does not depend on the inputs."""

    __slots__ = ("value",)
    variables = frozenset()

    def __init__(self, value: int) -> None:
        self.value = value

    def at(self, point: Point) -> int:  # noqa: ARG002 - the same everywhere
        """The size."""
        return self.value

    @property
    def constant(self) -> int | None:
        """The size."""
        return self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return str(self.value)


class Along(Extent):
    """A size that depends on one input axis, by an exact map.

    Args:
        variable: the name of the input axis.
        map: the map.
    """

    __slots__ = ("map", "variable")

    def __init__(self, variable: str, size_map: ExactMap) -> None:
        self.variable, self.map = variable, size_map

    @property
    def variables(self) -> frozenset[str]:  # type: ignore[override]  # made when asked for
        """The input axis that it depends on."""
        return frozenset((self.variable,))

    def at(self, point: Point) -> int:
        """The size where the input axis has this size."""
        return int(self.map(point[self.variable]))

    def apart(self) -> Iterator[Along]:
        """Itself."""
        yield self

    @property
    def constant(self) -> int | None:
        """The size where the map ends in a constant, as after a global pool."""
        return self.map.constant

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Along)
            and self.variable == other.variable
            and (self.map is other.map or self.map == other.map)
        )

    def __hash__(self) -> int:
        return hash((self.variable, self.map))

    def __str__(self) -> str:
        return re.sub(r"\bn\b", self.variable, str(self.map))


class Joint(Extent):
    """A size that depends on several input axes, or on none by one exact map.

    Joints share their parts, and may be deep: nothing here calls itself for a part.

    Args:
        sign: how its parts are joined: + * // min max, or "map" for a map of its one part.
        parts: sizes.
        work: what computes it from the values of its parts.

    Attributes:
        may_refuse: whether it may refuse an input of which all that is `apart` is accepted.
    """

    __slots__ = ("_hash", "may_refuse", "parts", "sign", "variables", "weight", "work")

    def __init__(self, sign: str, parts: tuple[Extent, ...], work: Callable[..., int]) -> None:
        self.sign, self.parts, self.work = sign, parts, work
        self.variables = frozenset().union(*[part.variables for part in parts])
        self.weight = 1 + sum([getattr(part, "weight", 1) for part in parts])
        self._hash = hash((sign, parts))
        divides = sign == "//" and not isinstance(parts[1], Fixed)
        self.may_refuse = sign == "map" or divides or any(part.may_refuse for part in parts)

    def at(self, point: Point) -> int:
        """The size where the input axes have these sizes."""
        values: dict[int, int] = {}
        todo: list[Extent] = [self]
        while todo:
            one = todo[-1]
            if isinstance(one, Joint):
                left = [part for part in one.parts if id(part) not in values]
                if left:
                    todo += left
                    continue
                values[id(one)] = one.work(*[values[id(part)] for part in one.parts])
            else:
                values[id(one)] = one.at(point)
            todo.pop()
        return values[id(self)]

    def apart(self) -> Iterator[Along]:
        """The sizes of one input axis that it is made of, each once."""
        seen: set[int] = set()
        todo: list[Extent] = [self]
        while todo:
            one = todo.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if isinstance(one, Joint):
                todo += reversed(one.parts)
            else:
                yield from one.apart()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Joint) or self._hash != other._hash:
            return False
        seen: set[tuple[int, int]] = set()
        todo: list[tuple[Extent, Extent]] = [(self, other)]
        while todo:
            one, its = todo.pop()
            if one is its or (id(one), id(its)) in seen:
                continue
            seen.add((id(one), id(its)))
            if isinstance(one, Joint) and isinstance(its, Joint):
                if one.sign != its.sign or len(one.parts) != len(its.parts):
                    return False
                if one.sign == "map" and one.work != its.work:
                    return False
                todo += zip(one.parts, its.parts, strict=True)
            elif one != its:
                return False
        return True

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        if self.weight > MOST_SHOWN:
            return f"a function of {', '.join(sorted(self.variables))}"
        if self.sign == "map":
            return f"({self.work} at n = {self.parts[0]})"
        if self.sign in ("min", "max"):
            return f"{self.sign}({', '.join(map(str, self.parts))})"
        if self.sign == "+":
            return _sum_text(self)
        sign = "·" if self.sign == "*" else f" {self.sign} "
        return sign.join([_bracketed(part) for part in self.parts])


def variable(name: str) -> Along:
    """The size of an input axis."""
    return Along(name, _IDENTITY)


def extent(value: Any) -> Extent:
    """A size, from an int or a size already.

    Raises:
        TypeError: anything else.
    """
    if isinstance(value, Extent):
        return value
    number = integer(value)
    if number is None:
        raise TypeError(f"a size is an int or a function of the inputs' sizes, not {value!r}")
    return Fixed(number)


_IDENTITY = exact(SizeMap.identity())


def _bracketed(one: Extent) -> str:
    text = str(one)
    return text if re.fullmatch(r"[\w.·]+|[\w.]*\*?\w+\([^()]*\)", text) else f"({text})"


def _quotient(one: int, other: int) -> int:
    if other < 1:
        raise SizeError(f"a size is divided by at least 1, not by {other}", rule="division")
    return one // other


def _sum_text(one: Joint) -> str:
    """A sum as text, without brackets around its terms, and with differences as such."""
    text = ""
    todo: list[Extent] = [one]
    while todo:
        part = todo.pop()
        if isinstance(part, Joint) and part.sign == "+":
            todo += part.parts[::-1]
            continue
        negative = isinstance(part, Joint) and part.sign == "*" and part.parts[1] == _MINUS
        shown = _bracketed(part.parts[0]) if isinstance(part, Joint) and negative else str(part)
        if shown == "0":
            continue
        if isinstance(part, Joint) and not negative and part.sign == "//":
            shown = f"({shown})"
        text += (" - " if negative else " + ") + shown if text else ("-" * negative) + shown
    return text.replace("+ -", "- ") or "0"


_WORK: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda one, other: one + other,
    "*": lambda one, other: one * other,
    "//": _quotient,
    "min": min,
    "max": max,
}


def _on_maps(sign: str, one: Any, other: Any) -> Any:
    """Two maps of one variable, or a map and an int, as one map; None where there is none."""
    if sign == "+":
        return one + other
    if sign in ("min", "max"):
        if not hasattr(one, "is_exact_map"):
            one, other = other, one
        return one.minimum(other) if sign == "min" else one.maximum(other)
    if sign == "*":
        if isinstance(one, int) or isinstance(other, int):
            return one * other
        return None
    if isinstance(other, int) and other >= 1 and not isinstance(one, int):
        return one // other
    return None


def _of_two(sign: str, one: Extent, other: Extent) -> Extent:
    simpler = _cancelled(one, other) if sign == "+" else None
    return _joined(sign, one, other) if simpler is None else simpler


def _joined(sign: str, one: Extent, other: Extent) -> Extent:
    if isinstance(one, Fixed) and isinstance(other, Fixed):
        return Fixed(_WORK[sign](one.value, other.value))
    names = {part.variable for part in (one, other) if isinstance(part, Along)}
    if len(names) == 1 and not isinstance(one, Joint) and not isinstance(other, Joint):
        plain = [part.map if isinstance(part, Along) else part.value for part in (one, other)]  # type: ignore[attr-defined]  # no Joint is here
        made = _on_maps(sign, *plain)
        if made is not None:
            return Along(names.pop(), made)
    return Joint(sign, (one, other), _WORK[sign])


# Sums whose terms cancel.


def _cancelled(one: Extent, other: Extent) -> Extent | None:
    """A sum in which equal terms are put together; None where it has none, or many terms.

    What cancels out still refuses what it refused.
    """
    if isinstance(one, Fixed) or isinstance(other, Fixed):
        return None
    terms = _terms(one, other)
    if terms is None:
        return None
    counts: dict[Extent, int] = {}
    for count, term in terms:
        counts[term] = counts.get(term, 0) + count
    more = counts.pop(_ONE, 0)
    if len(counts) == sum([term != _ONE for _, term in terms]):
        return None
    if any(abs(count) > MOST_TIMES for count in counts.values()):
        return None
    gone = [term for term, count in counts.items() if not count and not _never_refuses(term)]
    if not all(isinstance(term, Along) for term in gone):
        return None
    return _summed({term: count for term, count in counts.items() if count}, more, gone)


def _summed(counts: dict[Extent, int], more: int, gone: list[Extent]) -> Extent:
    """A sum of terms and a number, which refuses what other terms refuse, too."""
    sums: dict[str | None, Extent] = {}
    for term, count in counts.items():
        part = term if count == 1 else _joined("*", term, Fixed(count))
        name = term.variable if isinstance(term, Along) else None
        sums[name] = _joined("+", sums[name], part) if name in sums else part
    for term in gone:
        if isinstance(term, Along):
            rest = sums.get(term.variable)
            own = rest.map if isinstance(rest, Along) else exact(0)
            sums[term.variable] = Along(term.variable, own.within(term.map))
    parts = [*sums.values(), *([Fixed(more)] if more else [])]
    total = parts[0] if parts else Fixed(0)
    for part in parts[1:]:
        total = _joined("+", total, part)
    return total


def _terms(*sums: Extent) -> list[tuple[int, Extent]] | None:
    """The terms of sums, each with how often it is taken; None where they are many."""
    found: list[tuple[int, Extent]] = []
    todo: list[tuple[int, Extent]] = [(1, one) for one in sums[::-1]]
    while todo:
        if len(found) + len(todo) > MOST_TERMS:
            return None
        count, one = todo.pop()
        if isinstance(one, Fixed):
            found.append((count * one.value, _ONE))
        elif isinstance(one, Along):
            taken = one.map.terms()
            if taken is None:
                found.append((count, one))
                continue
            parts, more = taken
            todo += [(count * times, Along(one.variable, part)) for times, part in parts[::-1]]
            if more:
                found.append((count * more, _ONE))
        elif isinstance(one, Joint) and one.sign == "+":
            todo += [(count, part) for part in one.parts[::-1]]
        elif isinstance(one, Joint) and one.sign == "*" and isinstance(one.parts[1], Fixed):
            todo.append((count * one.parts[1].value, one.parts[0]))
        else:
            found.append((count, one))
    return found


def _never_refuses(one: Extent) -> bool:
    """Whether a size is known to be there for all inputs."""
    return not one.may_refuse and all(part.map.never_refuses() for part in one.apart())


_ONE, _MINUS = Fixed(1), Fixed(-1)


def _after(one: Extent, size_map: SizeMap | ExactMap) -> Extent:
    """A size after a map."""
    if isinstance(one, Along):
        return Along(one.variable, one.map.then(size_map))
    whole = exact(size_map)
    if isinstance(one, Fixed):
        return Fixed(whole(one.value))
    if isinstance(one, Joint) and one.sign == "map":
        return Joint("map", one.parts, one.work.then(whole))  # type: ignore[attr-defined]  # a map
    return Joint("map", (one,), whole)
