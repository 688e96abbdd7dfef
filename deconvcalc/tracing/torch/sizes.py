"""Sizes that a model's Python code reads: they compute as ints do, and remember what they are.

`x.shape[2]` is a `Size`: a number at the traced input, and a function of the inputs. Arithmetic
makes new ones. A comparison answers for the traced input and is noted as a guard. Code that reads
the plain number (`range(h)`, a dict's key) pins the size: that too is a guard.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

import torch

from deconvcalc.model.extents import Extent, Fixed, extent
from deconvcalc.tracing.torch.guards import fraction

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.tracing.torch.guards import Guards

__all__ = ["Ratio", "Size"]


class Size(torch.SymInt):  # type: ignore[misc]  # torch is not read by the type checker
    """A size as a sum of functions of the inputs, and its value at the traced input.

    A subclass of torch's symbolic int, so that torch's own functions let it pass to the tracer
    without reading its number; `isinstance(size, int)` holds, as for a plain one.
    """

    def __init__(self, guards: Guards, terms: dict[Extent, int], more: int, value: int) -> None:
        self.guards, self.terms, self.more, self.value = guards, terms, more, value
        self._extent: Extent | None = None

    @property  # type: ignore[misc]  # what isinstance asks for
    def __class__(self) -> type:
        return int

    @property
    def extent(self) -> Extent:
        """It as a function of the inputs."""
        if self._extent is None:
            self._extent = _summed(self.terms, self.more)
        return self._extent

    # Arithmetic.

    def _plus(self, other: Any, factor: int) -> Any:
        if type(other) is Ratio:
            return Ratio.over(self, 1)._plus(other, factor)
        if isinstance(other, float):
            return Ratio.over(self, 1)._plus(other, factor)
        if not _whole(other):
            return NotImplemented
        terms, more = dict(self.terms), self.more
        if type(other) is Size:
            for term, count in other.terms.items():
                terms[term] = terms.get(term, 0) + factor * count
            more += factor * other.more
        else:
            more += factor * int(other)
        return _made(self.guards, terms, more, self.value + factor * _value(other))

    def _times(self, factor: int) -> Any:
        terms = {term: count * factor for term, count in self.terms.items()}
        return _made(self.guards, terms, self.more * factor, self.value * factor)

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return self._times(-1) + other if _whole(other) or _real(other) else NotImplemented

    def __neg__(self) -> Any:
        return self._times(-1)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __mul__(self, other: Any) -> Any:
        if _real(other):
            return Ratio.over(self, 1) * other
        if not _whole(other):
            return NotImplemented
        if type(other) is Size:
            return _atom(self.guards, self.extent * other.extent, self.value * other.value)
        return self._times(int(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if _real(other):
            return float(self) // float(other)
        if not _whole(other):
            return NotImplemented
        if not self._divides_by(other):
            return int(self) // int(other)
        if type(other) is Size:
            return _atom(self.guards, self.extent // other.extent, self.value // other.value)
        return self._parted(int(other))

    def _parted(self, divisor: int) -> Any:
        """The floor of a quotient: what the divisor divides stands outside of it."""
        outside = {term: count for term, count in self.terms.items() if count % divisor == 0}
        inside = {term: count for term, count in self.terms.items() if term not in outside}
        terms = {term: count // divisor for term, count in outside.items()}
        if not inside:
            return _made(self.guards, terms, self.more // divisor, self.value // divisor)
        more, rest = divmod(self.more, divisor)
        sign = 1
        if all(count < 0 for count in inside.values()):  # minus the ceiling of what is positive
            sign, rest = -1, divisor - 1 - rest
            inside = {term: -count for term, count in inside.items()}
        part = _summed(inside, rest) // divisor
        terms[part] = terms.get(part, 0) + sign
        return _made(self.guards, terms, more, self.value // divisor)

    def _divides_by(self, other: Any) -> bool:
        """Whether a division by it is one of maps: by at least 1."""
        if type(other) is Size:
            return bool(other >= 1)
        return int(other) >= 1

    def __rfloordiv__(self, other: Any) -> Any:
        if not _whole(other):
            return NotImplemented
        if self >= 1:
            return _atom(self.guards, extent(int(other)) // self.extent, int(other) // self.value)
        return int(other) // int(self)

    def __mod__(self, other: Any) -> Any:
        if not _whole(other):
            return float(self) % float(other) if _real(other) else NotImplemented
        if not self._divides_by(other):
            return int(self) % int(other)
        return self - (self // other) * other

    def __rmod__(self, other: Any) -> Any:
        return other - (other // self) * self if _whole(other) else NotImplemented

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __truediv__(self, other: Any) -> Any:
        return Ratio.over(self, 1) / other if _whole(other) or _real(other) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return other / float(self) if _whole(other) or _real(other) else NotImplemented

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        if modulo is None and type(other) is int and 1 <= other <= 4:
            made: Any = self
            for _ in range(other - 1):
                made = made * self
            return made
        return pow(int(self), other, modulo)

    def __rpow__(self, other: Any) -> Any:
        return other ** int(self)

    def __lshift__(self, other: Any) -> Any:
        return self * 2 ** int(other)

    def __rshift__(self, other: Any) -> Any:
        return self // 2 ** int(other)

    def __and__(self, other: Any) -> Any:
        if type(other) is int and other >= 0 and not other & (other + 1):
            return self % (other + 1)
        return int(self) & int(other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        return int(self) | int(other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Any:
        return int(self) ^ int(other)

    __rxor__ = __xor__

    def __floor__(self) -> Any:
        return self

    def __ceil__(self) -> Any:
        return self

    def __trunc__(self) -> Any:
        return self

    def __round__(self, digits: Any = None) -> Any:
        return self if digits is None or digits >= 0 else round(int(self), digits)

    # Questions, which send the code on its way.

    def _asked(self, other: Any, relation: str, holds: Callable[[int, int], bool]) -> Any:
        if _real(other):
            return getattr(Ratio.over(self, 1), _METHODS[relation])(other)
        if not _whole(other):
            return NotImplemented
        found = holds(self.value, _value(other))
        apart = self - other
        if type(apart) is Size:
            told = relation if found else _OPPOSITE[relation]
            left, right = _sides(self, other)
            self.guards.note(left, told, right, "the code compares sizes")
        return found

    def __eq__(self, other: object) -> Any:
        return self._asked(other, "==", lambda one, its: one == its)

    def __ne__(self, other: object) -> Any:
        return self._asked(other, "!=", lambda one, its: one != its)

    def __ge__(self, other: Any) -> Any:
        return self._asked(other, ">=", lambda one, its: one >= its)

    def __lt__(self, other: Any) -> Any:
        return self._asked(other, "<", lambda one, its: one < its)

    def __gt__(self, other: Any) -> Any:
        if _whole(other):
            return self >= other + 1
        return Ratio.over(self, 1) > other if _real(other) else NotImplemented

    def __le__(self, other: Any) -> Any:
        if _whole(other):
            return self < other + 1
        return Ratio.over(self, 1) <= other if _real(other) else NotImplemented

    def __bool__(self) -> bool:
        return bool(self != 0)

    # Readings of the plain number.

    def __index__(self) -> int:
        self.guards.note(self.extent, "==", self.value, "the code reads the number")
        return self.value

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.__index__())

    def __complex__(self) -> complex:
        return complex(self.__index__())

    def __hash__(self) -> int:
        return hash(self.__index__())

    def __invert__(self) -> int:
        return ~self.__index__()

    def bit_length(self) -> int:
        """As for an int."""
        return self.__index__().bit_length()

    def is_integer(self) -> bool:
        """As for an int."""
        return True

    def item(self) -> Any:
        """Itself: the number, as of a tensor of one element."""
        return self

    def __str__(self) -> str:
        return self.guards.text(self.extent, self.value, str(self.value))

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return self.guards.text(self.extent, self.value, format(self.value, spec))

    def __deepcopy__(self, _memo: Any = None) -> Any:
        return self

    __copy__ = __deepcopy__


class Ratio(torch.SymFloat):  # type: ignore[misc]  # torch is not read by the type checker
    """A size over a whole number, as `h / 2` gives it: floors and ceilings of it are exact."""

    def __init__(self, over: Size, under: int) -> None:
        self.over_, self.under = over, under

    @classmethod
    def over(cls, over: Any, under: int) -> Any:
        """A quotient: a float where nothing depends on the inputs."""
        return cls(over, under) if type(over) is Size else over / under

    @property  # type: ignore[misc]  # what isinstance asks for
    def __class__(self) -> type:
        return float

    def _plus(self, other: Any, factor: int) -> Any:
        if type(other) is Size:
            other = Ratio.over(other, 1)
        if type(other) is Ratio:
            over = self.over_ * other.under + other.over_ * (factor * self.under)
            return Ratio.over(over, self.under * other.under)
        part = fraction(other)
        if part is None:
            return float(self) + factor * other if _real(other) else NotImplemented
        over = self.over_ * part.denominator + factor * part.numerator * self.under
        return Ratio.over(over, self.under * part.denominator)

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __neg__(self) -> Any:
        return Ratio.over(-self.over_, self.under)

    def __abs__(self) -> Any:
        return self if self.over_ >= 0 else -self

    def __mul__(self, other: Any) -> Any:
        if type(other) in (Size, Ratio):
            return float(self) * float(other)
        part = fraction(other)
        if part is None:
            return float(self) * other if _real(other) else NotImplemented
        under = self.under * part.denominator
        shared = gcd(part.numerator, under) or 1
        return Ratio.over(self.over_ * (part.numerator // shared), under // shared)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if type(other) in (Size, Ratio):
            return float(self) / float(other)
        part = fraction(other)
        if part is None or part <= 0:
            return float(self) / other if _real(other) or _whole(other) else NotImplemented
        return Ratio.over(self.over_ * part.denominator, self.under * part.numerator)

    def __rtruediv__(self, other: Any) -> Any:
        return other / float(self)

    def __floordiv__(self, other: Any) -> Any:
        return float(self) // float(other)

    def __mod__(self, other: Any) -> Any:
        return float(self) % float(other)

    def __pow__(self, other: Any) -> Any:
        return float(self) ** float(other)

    def __rpow__(self, other: Any) -> Any:
        return other ** float(self)

    def __floor__(self) -> Any:
        return self.over_ // self.under

    def __ceil__(self) -> Any:
        return -(-self.over_ // self.under)

    def __round__(self, digits: Any = None) -> Any:
        if digits is not None:
            return round(float(self), digits)
        double = self.over_ * 2 + self.under  # a half is rounded to the even side
        near = double // (2 * self.under)
        if double % (2 * self.under) == 0 and near % 2 == 1:
            return near - 1
        return near

    def _asked(self, other: Any, name: str) -> Any:
        if type(other) is Ratio:
            return getattr(self.over_ * other.under, name)(other.over_ * self.under)
        if type(other) is Size:
            return getattr(self.over_, name)(other * self.under)
        if not (_real(other) or _whole(other)):
            return NotImplemented
        part = fraction(other)
        if part is None:
            return getattr(float(self), name)(other)
        return getattr(self.over_ * part.denominator, name)(part.numerator * self.under)

    def __eq__(self, other: object) -> Any:
        return self._asked(other, "__eq__")

    def __ne__(self, other: object) -> Any:
        return self._asked(other, "__ne__")

    def __ge__(self, other: Any) -> Any:
        return self._asked(other, "__ge__")

    def __lt__(self, other: Any) -> Any:
        return self._asked(other, "__lt__")

    def __gt__(self, other: Any) -> Any:
        return self._asked(other, "__gt__")

    def __le__(self, other: Any) -> Any:
        return self._asked(other, "__le__")

    def __bool__(self) -> bool:
        return bool(self.over_ != 0)

    def is_integer(self) -> bool:
        """As for a float."""
        return bool(self.over_ % self.under == 0)

    def __float__(self) -> float:
        return int(self.over_) / self.under

    def __int__(self) -> int:
        return int(self.__floor__() if self.over_ >= 0 else self.__ceil__())

    def __trunc__(self) -> Any:
        return self.__floor__() if self.over_ >= 0 else self.__ceil__()

    def __hash__(self) -> int:
        return hash(float(self))

    def __str__(self) -> str:
        over = self.over_
        return over.guards.text(over.extent, over.value, str(over.value / self.under))

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        over = self.over_
        return over.guards.text(over.extent, over.value, format(over.value / self.under, spec))


_METHODS = {"==": "__eq__", "!=": "__ne__", ">=": "__ge__", "<": "__lt__"}
_OPPOSITE = {"==": "!=", "!=": "==", ">=": "<", "<": ">="}


def _value(value: Any) -> int:
    return value.value if type(value) is Size else int(value)


def _whole(value: Any) -> bool:
    return type(value) is Size or (isinstance(value, int) and not isinstance(value, torch.Tensor))


def _real(value: Any) -> bool:
    return isinstance(value, float)


def _sides(one: Size, other: Any) -> tuple[Any, Any]:
    """The two sides of a comparison, without the terms that both have."""
    if type(other) is not Size:
        return (_summed(one.terms, 0), other - one.more)
    if not any(term in other.terms for term in one.terms):
        return one.extent, other.extent
    return (one - other).extent, 0


def _summed(terms: dict[Extent, int], more: int) -> Extent:
    total: Extent | None = None
    for term, count in sorted(terms.items(), key=lambda pair: -pair[1]):
        part = term if count == 1 else term * count
        total = part if total is None else total + part
    if total is None:
        return Fixed(more)
    return total + more if more else total


def _made(guards: Guards, terms: dict[Extent, int], more: int, value: int) -> Any:
    kept = {term: count for term, count in terms.items() if count}
    return Size(guards, kept, more, value) if kept else more


def _atom(guards: Guards, made: Extent, value: int) -> Any:
    return made.value if isinstance(made, Fixed) else Size(guards, {made: 1}, 0, value)
