"""Shapes of tensors: channels, and spatial sizes as functions of the inputs or as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, Fixed, extent
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Result", "Shape"]


class Shape(Value):
    """The channels and the spatial sizes of a tensor, without its batch.

    Args:
        channels: how many channels, or None: not known, or there is no channel axis.
        extents: the sizes of the spatial axes.
    """

    __slots__ = _fields = ("channels", "extents")
    channels: int | None
    extents: tuple[Extent, ...]

    def __init__(self, channels: int | None, extents: Sequence[Extent | int]) -> None:
        self._set(channels=channels, extents=tuple([extent(one) for one in extents]))

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """The sizes, where all are plain numbers."""
        if all(isinstance(one, Fixed) for one in self.extents):
            return tuple([one.at({}) for one in self.extents])
        return None

    def __str__(self) -> str:
        sizes = " x ".join(map(str, self.extents)) or "no spatial axis"
        return sizes if self.channels is None else f"{self.channels} channels of {sizes}"


Result = tuple[Shape, list[Condition]]
"""A shape, and the conditions on which it comes about."""
