"""Sizes that a model's Python code reads: they compute as ints do, and remember what they are.

`x.shape[2]` is a `Size`: a number at the traced input, and a function of the inputs. Arithmetic
makes new ones. A comparison answers for the traced input and is noted as a guard. Code that reads
the plain number (`range(h)`, a dict's key) pins the size: that too is a guard.
"""

from __future__ import annotations

import operator
import sys
from math import ceil, floor, gcd
from typing import TYPE_CHECKING, Any

import torch

from deconvcalc.model.extents import Extent, Fixed, extent
from deconvcalc.tracing.torch.guards import MOST_DENOMINATOR, fraction
from deconvcalc.tracing.torch.texts import Text, formats

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
            return Ratio.of(self)._plus(other, factor)
        if isinstance(other, float):
            return Ratio.of(self)._plus(other, factor)
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
            return Ratio.of(self) * other
        if not _whole(other):
            return NotImplemented
        if type(other) is Size:
            return _atom(self.guards, self.extent * other.extent, self.value * other.value)
        return self._times(int(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if type(other) is float and other >= 1 and other.is_integer():
            made = self // int(other)
            return Ratio.of(made) if type(made) is Size else float(made)
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
        return Ratio.of(self) / other if _whole(other) or _real(other) else NotImplemented

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
            return getattr(Ratio.of(self), _METHODS[relation])(other)
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
        return Ratio.of(self) > other if _real(other) else NotImplemented

    def __le__(self, other: Any) -> Any:
        if _whole(other):
            return self < other + 1
        return Ratio.of(self) <= other if _real(other) else NotImplemented

    def __bool__(self) -> bool:
        return bool(self != 0)

    # Readings of the plain number.

    def __index__(self) -> int:
        if formats(sys._getframe(1)):
            self.guards.wrote(str(self.value))
        else:
            self.read()
        return self.value

    __int__ = __index__

    def read(self) -> None:
        """Note that the code reads the plain number, which pins it."""
        self.guards.note(self.extent, "==", self.value, "the code reads the number")

    def __float__(self) -> float:
        if formats(sys._getframe(1)):
            self.guards.wrote(str(self.value))
        else:
            self.read()
        return float(self.value)

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
        return self._text(str(self.value))

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return self._text(format(self.value, spec))

    def _text(self, made: str) -> str:
        self.guards.wrote(made)
        return Text(made, self.read)

    def __deepcopy__(self, _memo: Any = None) -> Any:
        return self

    __copy__ = __deepcopy__


class Ratio(torch.SymFloat):  # type: ignore[misc]  # torch is not read by the type checker
    """A size over a whole number, as `h / 2` gives it: floors and ceilings of it are exact.

    Floats round: `h / 49 * 49` is below h for some h. So only that is followed which cannot show
    it. Halves, quarters and so on are exact in floats. A quotient by another number is rounded
    once, and what is added to it, or what divides it, is such an exact number; then wherever the
    true value is a whole number or a half, so is the float. All else reads the plain number.

    Args:
        over: the size.
        under: what it is divided by.
        value: the float that the code has at the traced input.
    """

    def __init__(self, over: Size, under: int, value: float) -> None:
        self.over_, self.under, self.value = over, under, value

    @classmethod
    def over(cls, over: Any, under: int, value: float) -> Any:
        """A quotient: a float where nothing depends on the inputs."""
        return cls(over, under, value) if type(over) is Size else value

    @classmethod
    def of(cls, size: Size) -> Any:
        """A size as a float."""
        return cls(size, 1, float(size.value))

    @property  # type: ignore[misc]  # what isinstance asks for
    def __class__(self) -> type:
        return float

    @property
    def _is_exact(self) -> bool:
        """Whether floats hold it without rounding."""
        return not self.under & (self.under - 1)

    def _plus(self, other: Any, factor: int) -> Any:
        if type(other) is Size:
            other = Ratio.of(other)
        if type(other) is Ratio:
            under = self.under * other.under
            if not (self._is_exact or other._is_exact) or under > MOST_DENOMINATOR:
                return float(self) + factor * float(other)
            over = self.over_ * other.under + other.over_ * (factor * self.under)
            return Ratio.over(over, under, self.value + factor * other.value)
        if not (_real(other) or _whole(other)):
            return NotImplemented
        part = fraction(other)
        if part is None or self.under * part.denominator > MOST_DENOMINATOR:
            return float(self) + factor * other
        over = self.over_ * part.denominator + factor * part.numerator * self.under
        return Ratio.over(over, self.under * part.denominator, self.value + factor * other)

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __neg__(self) -> Any:
        return Ratio.over(-self.over_, self.under, -self.value)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self if self.over_ >= 0 else -self

    def __mul__(self, other: Any) -> Any:
        if type(other) in (Size, Ratio):
            return float(self) * float(other)
        if not (_real(other) or _whole(other)):
            return NotImplemented
        part = fraction(other)
        if part is not None and not self._is_exact and not _is_power(abs(part.numerator)):
            part = None
        if part is None or self.under * part.denominator > MOST_DENOMINATOR:
            return float(self) * other
        under = self.under * part.denominator
        shared = gcd(part.numerator, under) or 1
        over = self.over_ * (part.numerator // shared)
        return Ratio.over(over, under // shared, self.value * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if type(other) in (Size, Ratio):
            return float(self) / float(other)
        if not (_real(other) or _whole(other)):
            return NotImplemented
        part = fraction(other)
        if part is None or part <= 0 or self.under * part.numerator > MOST_DENOMINATOR:
            return float(self) / other
        under = self.under * part.numerator
        return Ratio.over(self.over_ * part.denominator, under, self.value / other)

    def __rtruediv__(self, other: Any) -> Any:
        return other / float(self)

    def __floordiv__(self, other: Any) -> Any:
        return float(self) // float(other)

    def __rfloordiv__(self, other: Any) -> Any:
        return float(other) // float(self)

    def __mod__(self, other: Any) -> Any:
        return float(self) % float(other)

    def __rmod__(self, other: Any) -> Any:
        return float(other) % float(self)

    def __pow__(self, other: Any) -> Any:
        return float(self) ** float(other)

    def __rpow__(self, other: Any) -> Any:
        return other ** float(self)

    # Roundings.

    def _rounded(self, made: Any, plain: int) -> Any:
        """A rounded value, which has to be the one that the code sees; else it is pinned."""
        if _value(made) == plain:
            return made
        self.read()
        return plain

    def __floor__(self) -> Any:
        return self._rounded(self.over_ // self.under, floor(self.value))

    def __ceil__(self) -> Any:
        return self._rounded(-(-self.over_ // self.under), ceil(self.value))

    def __trunc__(self) -> Any:
        return self.__floor__() if self.over_ >= 0 else self.__ceil__()

    def __round__(self, digits: Any = None) -> Any:
        if digits is not None:
            return round(float(self), digits)
        double = self.over_ * 2 + self.under  # a half is rounded to the even side
        near = double // (2 * self.under)
        if double % (2 * self.under) == 0 and near % 2 == 1:
            near = near - 1
        return self._rounded(near, round(self.value))

    # Questions.

    def _asked(self, other: Any, name: str) -> Any:
        if not (_real(other) or _whole(other)):
            return NotImplemented
        found = getattr(operator, name)(self.value, _number(other))
        if type(other) is Size:
            other = Ratio.of(other)
        if type(other) is Ratio:
            sides = self.over_ * other.under, other.over_ * self.under
            known = self._is_exact or other._is_exact
        else:
            part = fraction(other)
            known = part is not None
            if part is not None:
                sides = self.over_ * part.denominator, part.numerator * self.under
        if not known or getattr(operator, name)(*sides) != found:
            self.read()
            if type(other) is Ratio:
                other.read()
        return found

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

    # Readings of the plain number.

    def read(self) -> None:
        """Note that the code reads the plain number, which pins it."""
        self.over_.read()

    def __float__(self) -> float:
        if formats(sys._getframe(1)):
            self.over_.guards.wrote(str(self.value))
        else:
            self.read()
        return self.value

    def __int__(self) -> int:
        return int(self.__trunc__())

    def __hash__(self) -> int:
        return hash(float(self))

    def __str__(self) -> str:
        return self._text(str(self.value))

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return self._text(format(self.value, spec))

    def _text(self, made: str) -> str:
        self.over_.guards.wrote(made)
        return Text(made, self.read)

    def __deepcopy__(self, _memo: Any = None) -> Any:
        return self

    __copy__ = __deepcopy__


_METHODS = {"==": "__eq__", "!=": "__ne__", ">=": "__ge__", "<": "__lt__"}
_OPPOSITE = {"==": "!=", "!=": "==", ">=": "<", "<": ">="}


def _value(value: Any) -> int:
    return value.value if type(value) is Size else int(value)


def _number(value: Any) -> Any:
    """A number as the code has it at the traced input."""
    return value.value if type(value) in (Size, Ratio) else value


def _is_power(number: int) -> bool:
    """Whether a number is 0 or a power of two."""
    return not number & (number - 1)


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
