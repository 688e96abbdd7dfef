"""What a layer makes of a shape: sizes by its maps, channels by its kind, and what it asks for."""

from __future__ import annotations

from math import prod

from deconvcalc.errors import DeconvcalcError, LayerError
from deconvcalc.layers import (
    Conv,
    ConvTranspose,
    Dense,
    DepthwiseConv,
    Flatten,
    Fold,
    GlobalPool,
    Identity,
    Layer,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Unfold,
)
from deconvcalc.layers.stacks import compose
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, Fixed, extent
from deconvcalc.model.shapes import Result, Shape

__all__ = ["passed"]


def passed(layer: Layer, shape: Shape) -> Result:
    """The shape that a layer gives, and what it asks for.

    Raises:
        LayerError: a shape that it cannot mean, whatever the sizes.
        SizeError: plain numbers that it refuses.
    """
    if isinstance(layer, Dense):
        return _dense(layer, shape)
    if isinstance(layer, Flatten):
        return _flat(shape)
    if isinstance(layer, GlobalPool) and not layer.keepdims:
        _through(layer, shape)
        return Shape(shape.channels, ()), []
    if isinstance(layer, (Reshape, Fold, Unfold)):
        return _coupled(layer, shape)
    channels, conditions = _channels(layer, shape)
    if isinstance(layer, Identity) and layer.least_elements > 1 and shape.extents:
        # All axes together have to be large enough: its map is that of one axis alone.
        rule = f"there are at least {layer.least_elements} elements"
        held = prod(shape.extents[1:], start=shape.extents[0])
        asked = Condition(held, ">=", layer.least_elements, rule)
        return Shape(channels, shape.extents), [*conditions, asked]
    return Shape(channels, _through(layer, shape)), conditions


def _through(layer: Layer, shape: Shape) -> tuple[Extent, ...]:
    """The sizes after a layer whose axes are apart."""
    sizes = shape.extents
    if layer.axes not in (None, len(sizes)):
        raise LayerError(
            f"{layer} has {layer.axes} axes, and what it gets has {len(sizes)}",
            layer=layer,
            rule="axes",
            hint="Give the input as many axes as the layers have.",
        )
    numbers = shape.numbers
    if numbers:
        return tuple([Fixed(one) for one in layer.output_size(numbers)])
    try:
        maps = layer.size_map()
    except DeconvcalcError:  # no single floor
        maps = compose([layer])
    if not isinstance(maps, tuple):
        maps = (maps,) * len(sizes)
    return tuple([one.then(size_map) for one, size_map in zip(sizes, maps, strict=True)])


def _channels(layer: Layer, shape: Shape) -> tuple[int | None, list[Condition]]:
    """The channels after a layer, and what it asks of those before."""
    known = shape.channels
    wanted = getattr(layer, "in_channels", None)
    conditions = []
    if wanted is not None and known is not None and wanted != known:
        rule = f"the layer takes {wanted} channels"
        conditions.append(Condition(known, "==", wanted, rule, "channels"))
    if isinstance(layer, DepthwiseConv):
        deep = None if known is None else known * layer.multiplier
        return layer.out_channels or deep, conditions
    if isinstance(layer, (Conv, ConvTranspose)):
        return layer.out_channels, conditions
    if isinstance(layer, PixelShuffle):
        factor = layer.factor
        block = prod(factor) if isinstance(factor, tuple) else factor ** len(shape.extents)
        if known is None:
            return None, conditions
        if isinstance(layer, PixelUnshuffle):
            return known * block, conditions
        if known % block:
            rule = f"the channels are a multiple of {block}"
            conditions.append(Condition(block, "divides", known, rule, "channels"))
        return max(known // block, 1), conditions
    return known, conditions


def _dense(layer: Dense, shape: Shape) -> Result:
    """A linear layer on the last axis; on the channels, where no spatial axis is left."""
    size = shape.extents[-1] if shape.extents else shape.channels
    conditions = []
    if layer.in_features is not None and size is not None:
        rule = f"the last axis has {layer.in_features} elements"
        axis = len(shape.extents) - 1 if shape.extents else "channels"
        conditions.append(Condition(size, "==", layer.in_features, rule, axis))
    if not shape.extents:
        return Shape(layer.out_features, ()), conditions
    return Shape(shape.channels, (*shape.extents[:-1], layer.out_features)), conditions


def _flat(shape: Shape) -> Result:
    """All elements along one axis, those of all channels too."""
    if not shape.extents:
        return shape, []
    if shape.channels is None:
        raise LayerError(
            "Flatten counts the channels in, and they are not known",
            rule="channels",
            hint="Say how many channels the input has, and each layer gives.",
        )
    return Shape(None, [prod(shape.extents, start=extent(shape.channels))]), []


def _coupled(layer: Reshape | Fold | Unfold, shape: Shape) -> Result:
    """Layers that need the sizes of all axes at once.

    Raises:
        LayerError: another number of axes than the layer works on.
    """
    count = len(shape.extents)
    if count == 0 or (isinstance(layer, Fold) and count > 1):
        needs = "one axis" if isinstance(layer, Fold) else "spatial axes"
        raise LayerError(f"{layer} needs {needs}, and gets {shape}", layer=layer, rule="axes")
    numbers = shape.numbers
    channels = shape.channels
    if isinstance(layer, Unfold):
        channels = None if channels is None else channels * _taps(layer, len(shape.extents))
        if numbers:
            return Shape(channels, layer.output_size(numbers)), []
        windows = Conv(
            layer.kernel_size, stride=layer.stride, padding=layer.padding, dilation=layer.dilation
        )
        counts = _through(windows, shape)
        return Shape(channels, [prod(counts[1:], start=counts[0])]), []
    if isinstance(layer, Fold):
        channels = None if channels is None else channels // _taps(layer, len(layer.size))
        rule = f"there are {layer._windows} windows"
        return Shape(channels, layer.size), [
            Condition(shape.extents[0], "==", layer._windows, rule, 0)
        ]
    held, known = prod(shape.extents[1:], start=shape.extents[0]), layer._known()
    rule = f"the elements of the input fill {layer.sizes}"
    if -1 not in layer.sizes:
        return Shape(channels, layer.sizes), [Condition(held, "==", known, rule)]
    made = [held // known if one == -1 else extent(one) for one in layer.sizes]
    return Shape(channels, made), [Condition(known, "divides", held, rule)]


def _taps(layer: Fold | Unfold, axes: int) -> int:
    kernel = layer.kernel_size
    return prod(kernel) if isinstance(kernel, tuple) else int(kernel) ** axes
