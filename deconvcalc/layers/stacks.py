"""Layers one after the other, as one exact map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, LayerError
from deconvcalc.layers.base import Layer
from deconvcalc.sizemap import SizeMap
from deconvcalc.sizemap.exact import ExactMap, exact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deconvcalc.sizemap.floors import Numbers


__all__ = ["compose"]


def compose(layers: Iterable[Layer | ExactMap | SizeMap]) -> Any:
    """The exact map of layers, first to last, for every n, with what they refuse.

    Args:
        layers: layers, and exact maps among them: what other layers gave.

    Returns:
        An `ExactMap`; a tuple of one per axis where the axes of a layer differ. A float scale
        gives it a `horizon`: it is known for the n up to that.

    Raises:
        LayerError: no layers, or layers of different numbers of axes.
        DeconvcalcError: a layer without an exact map of one axis (coupled axes).
        TypeError: something that is no layer and no map; one layer that is in no list.

    >>> from deconvcalc import Conv, ConvTranspose, Upsample
    >>> print(compose([Conv(3, stride=2, padding=1), ConvTranspose(2, stride=2)]))
    2*floor((n + 1)/2)
    >>> print(compose([Upsample(0.29), ConvTranspose(2, stride=2)]))
    2*floor(n*0.29), n <= 1048576
    """
    try:
        listed = list(layers)
    except TypeError:
        if hasattr(layers, "__iter__"):
            raise
        raise TypeError(
            f"layers come in a list, such as dc.compose([layer]); not as {layers!r}"
        ) from None
    if not listed:
        raise LayerError("there are no layers to put one after the other", rule="layers")
    made = _in_turn(listed)
    return _by_axis([_maps_of(layer) for layer in listed]) if made is None else made


def _by_axis(maps: list[Any]) -> tuple[ExactMap | None, ...]:
    """The maps of each axis, one after the other."""
    counts = {len(one) for one in maps if isinstance(one, tuple)}
    if len(counts) > 1:
        raise LayerError(
            f"layers of {' and '.join(map(str, sorted(counts)))} axes cannot follow each other",
            rule="axes",
            hint="Give layers of the same number of axes.",
        )
    return tuple(
        [
            _in_turn([one[axis] if isinstance(one, tuple) else one for one in maps])
            for axis in range(counts.pop())
        ]
    )


def _maps_of(layer: Layer | ExactMap | SizeMap) -> Any:
    """The exact map of a layer: of one floor where it is one; a tuple where the axes differ."""
    if isinstance(layer, Layer):
        try:
            return layer.size_map()
        except DeconvcalcError:
            if layer.couples:
                raise
        maps = tuple([formula.on(exact(SizeMap.identity())) for formula in layer._formulas])
        return maps[0] if len(maps) == 1 else maps
    if isinstance(layer, (ExactMap, SizeMap)):
        return layer
    raise TypeError(f"{layer!r} is no layer and no map")


def _in_turn(layers: Iterable[Any]) -> ExactMap | None:
    """The map of layers of one axis, those of one floor together; None where one has several."""
    made: ExactMap = _START
    floors: list[Numbers] = []
    for layer in layers:
        one = layer if isinstance(layer, ExactMap) else _maps_of(layer)
        if isinstance(one, SizeMap):
            floors.append(one.numbers)
            continue
        if not isinstance(one, ExactMap):
            return None
        if floors:
            made, floors = made.then_floors(floors), []
        made = one if made is _START else made.then(one)
    return made.then_floors(floors) if floors else made


_START = exact(SizeMap.identity())
