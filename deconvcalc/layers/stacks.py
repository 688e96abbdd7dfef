"""Layers one after the other, as one exact map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import LayerError
from deconvcalc.sizemap.exact import chain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deconvcalc.layers.base import Layer

__all__ = ["compose"]


def compose(layers: Iterable[Layer]) -> Any:
    """The exact map of layers, first to last, for every n, with what they refuse.

    Returns:
        An `ExactMap`; a tuple of one per axis where the axes of a layer differ.

    Raises:
        LayerError: no layers, or layers of different numbers of axes.
        DeconvcalcError: a layer without an exact map of one axis (a float scale, coupled axes).

    >>> from deconvcalc import Conv, ConvTranspose
    >>> print(compose([Conv(3, stride=2, padding=1), ConvTranspose(2, stride=2)]))
    2*floor((n + 1)/2)
    """
    stack = list(layers)
    if not stack:
        raise LayerError("there are no layers to put one after the other", rule="layers")
    maps = [layer.size_map() for layer in stack]
    counts = {len(one) for one in maps if isinstance(one, tuple)}
    if not counts:
        return chain(maps)
    if len(counts) > 1:
        raise LayerError(
            f"layers of {' and '.join(map(str, sorted(counts)))} axes cannot follow each other",
            rule="axes",
            hint="Give layers of the same number of axes.",
        )
    return tuple(
        [
            chain([one[axis] if isinstance(one, tuple) else one for one in maps])
            for axis in range(counts.pop())
        ]
    )
