"""Arguments of torch's functions: by name, as plain numbers, as functions of the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.model.extents import Extent, extent
from deconvcalc.tracing.torch.sizes import Ratio, Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deconvcalc.tracing.torch.guards import Guards

__all__ = [
    "Dim",
    "Sizes",
    "at_traced",
    "bound",
    "dim_of",
    "has_size",
    "plain",
    "same_dims",
    "several",
    "size_of",
    "symbolic",
]

Dim = int | Extent
"""A dimension of a tensor: an int, or a function of the inputs."""


class Sizes(tuple[Any, ...]):
    """The sizes of a tensor, in the place of `torch.Size`."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Sizes(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Any:
        return Sizes((*self, *other))

    def __radd__(self, other: Any) -> Any:
        return Sizes((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def numel(self) -> Any:
        """How many elements."""
        total: Any = 1
        for one in self:
            total = one * total
        return total

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__


def bound(
    names: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], **defaults: Any
) -> dict[str, Any]:
    """Arguments by their names, in the function's order."""
    values = dict(zip(names.split(), args, strict=False))
    return defaults | values | dict(kwargs)


def several(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments that may stand apart or in one sequence."""
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        return tuple(values[0])
    return values


def plain(value: Any) -> Any:
    """Sizes as plain numbers, also inside tuples, lists, dicts and slices: they are pinned.

    Each is read as `int(size)` reads it: inputs of other sizes go other ways.
    """
    return _read(value, pins=True)


def at_traced(value: Any) -> Any:
    """Sizes as their numbers at the traced input, as `plain`, and nothing is pinned.

    The reading is no guard: who calls this answers for every input.
    """
    return _read(value, pins=False)


def _read(value: Any, *, pins: bool) -> Any:
    kind = type(value)
    if kind is Size:
        return int(value) if pins else value.value
    if kind is Ratio:
        return float(value) if pins else value.value
    if kind in (tuple, list, Sizes):
        return (list if kind is list else tuple)([_read(one, pins=pins) for one in value])
    if kind is dict:
        return {key: _read(one, pins=pins) for key, one in value.items()}
    if kind is slice:
        return slice(*[_read(one, pins=pins) for one in (value.start, value.stop, value.step)])
    return value


def symbolic(value: Any) -> Any:
    """An int, or the function of the inputs that a `Size` is."""
    return value.extent if type(value) is Size else int(value)


def has_size(values: Iterable[Any]) -> bool:
    """Whether there is a `Size` among arguments, at any depth."""
    for one in values:
        kind = type(one)
        if kind in (Size, Ratio):
            return True
        if kind in (tuple, list, Sizes) and has_size(one):
            return True
        if kind is dict and has_size(one.values()):
            return True
        if kind is slice and has_size((one.start, one.stop, one.step)):
            return True
    return False


def same_dims(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two rows of dimensions are the same."""
    return len(one) == len(other) and all(
        a is b or a == b or dim_of(extent(a)) == b for a, b in zip(one, other, strict=True)
    )


def size_of(guards: Guards, dim: Any, value: int) -> Any:
    """What the code gets for a dimension: an int, or a `Size` where it depends on the inputs."""
    if isinstance(dim, int):
        return dim
    constant = dim.constant
    return Size(guards, {dim: 1}, 0, value) if constant is None else constant


def dim_of(one: Extent) -> Dim:
    """A size as a dimension: an int where it depends on nothing."""
    value = getattr(one, "value", None)
    return one if value is None else int(value)
