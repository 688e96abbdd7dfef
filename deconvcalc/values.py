"""A base for small frozen values: checked when made, compared and printed by their fields."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = [
    "LARGEST",
    "MOST_AXES",
    "Value",
    "field_name",
    "integer",
    "restored",
    "setters",
    "spatial",
]

LARGEST = 10**18
"""Sizes and parameters of a question go up to this."""

MOST_AXES = 3
"""Layers have 1 to this many spatial axes."""

V = TypeVar("V", bound="Value")


class Value:
    """A frozen value. A subclass names its fields in `_fields` and sets them with `_set`.

    The standard dataclasses would do, but importing them costs more than a whole query.
    """

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()
    _all_fields: ClassVar[Callable[[Any], tuple[Any, ...]]]

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: make a new one to change {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be deleted")

    def __init_subclass__(cls) -> None:
        if len(cls._fields) > 1:
            cls._all_fields = attrgetter(*cls._fields)
        else:  # attrgetter gives one field bare
            cls._all_fields = lambda self: tuple([getattr(self, name) for name in self._fields])

    def _values(self) -> tuple[Any, ...]:
        return type(self)._all_fields(self)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._values()))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={value!r}" for name, value in zip(self._fields, self._values(), strict=True)
        )
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> Any:
        return restored, (type(self), self._values())

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


def setters(kind: type[Value]) -> list[Callable[[Any, Any], None]]:
    """What sets each field of a value: twice as fast as `_set`, which looks them up by name.

    Only for values that are made by the thousand.
    """
    return [vars(kind)[name].__set__ for name in kind._fields]


def restored(kind: type[V], values: tuple[Any, ...]) -> V:
    """The value with these fields, which were checked when it was first made."""
    value = kind.__new__(kind)
    Value._set(value, **dict(zip(kind._fields, values, strict=True)))
    return value


def integer(value: Any) -> int | None:
    """The plain int that `value` is, or None where it is no integer.

    numpy's integers, sympy's and every other `__index__` count; a bool does not, nor does 3.0.
    """
    if type(value) is int:
        return value
    if type(value).__name__ in ("bool", "bool_"):  # Python's, and numpy's by either name
        return None
    if getattr(value, "is_Float", False):  # sympy's 3.0 has __index__
        return None
    index = getattr(type(value), "__index__", None)
    if index is None:
        return None
    try:
        return int(index(value))
    except TypeError:  # an array of one dimension or more has __index__, but no value
        return None


def field_name(name: str) -> str:
    """A parameter's name as a person reads it: `kernel_size` is "kernel size"."""
    return name.replace("_", " ")


def spatial(size: Any) -> tuple[Any, ...] | None:
    """The sizes of a tuple, a list or a `torch.Size`, or None where `size` is one size.

    Raises:
        TypeError: text, a set or anything else that has no order of axes.
    """
    if isinstance(size, (tuple, list)):
        return tuple(size)
    if isinstance(size, (str, bytes, set, dict)):
        raise TypeError(f"a size is an int or a tuple of ints, not {size!r}")
    return None
