"""What a trace knows of a tensor, noted on it as an attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from deconvcalc.model.shapes import Shape
from deconvcalc.tracing.torch.arguments import Dim, dim_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deconvcalc.model.graph import Node

__all__ = ["Known", "at", "flat", "forget", "laid_out", "mark", "tensors_in"]


class Known(NamedTuple):
    """What is known of a tensor: its node, its dimensions, and whether it is no constant."""

    node: Node | None
    dims: tuple[Dim, ...]
    traced: bool
    name: str = "constant"


def mark(tensor: Any, known: Known) -> Any:
    """Note on a tensor what is known of it."""
    tensor._deconvcalc = known
    return tensor


def forget(tensor: Any) -> None:
    """Forget the smallest and the largest element of a tensor: it is written to."""
    if hasattr(tensor, "_deconvcalc_span"):
        del tensor._deconvcalc_span


def flat(shape: Shape) -> tuple[Dim, ...]:
    """The channels, where there are some, and the sizes, as dimensions."""
    lead = () if shape.channels is None else (shape.channels,)
    return lead + tuple([dim_of(one) for one in shape.extents])


def at(one: Dim, where: Mapping[str, int]) -> int:
    """A dimension at an input."""
    return one if isinstance(one, int) else one.at(where)


def laid_out(dims: tuple[Dim, ...]) -> Shape:
    """The channels and sizes of a tensor: it has channels where its second dimension is fixed."""
    if len(dims) >= 2 and isinstance(dims[0], int):
        if isinstance(dims[1], int):
            return Shape(dims[1], dims[2:])
        return Shape(None, dims[1:])
    return Shape(None, dims)


def tensors_in(values: Any) -> list[Any]:
    """The tensors among arguments or results, at any depth."""
    found: list[Any] = []
    todo = list(values)[::-1]
    while todo:
        one = todo.pop()
        if isinstance(one, torch.Tensor):
            found.append(one)
        elif isinstance(one, (tuple, list)):
            todo.extend(one[::-1])
        elif isinstance(one, dict):
            todo.extend(list(one.values())[::-1])
        elif hasattr(one, "__dataclass_fields__"):
            todo.extend([getattr(one, name) for name in one.__dataclass_fields__][::-1])
    return found
