"""Weights: the shapes that a layer has, and the arrays of a framework that do the same.

The library's own layout is that of PyTorch: a convolution has (out, in/groups, *kernel), a
transposed one (in, out/groups, *kernel).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.layers import (
    Conv,
    ConvTranspose,
    Dense,
    DepthwiseConv,
    Fold,
    Layer,
    PixelShuffle,
    PixelUnshuffle,
    Unfold,
)
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from deconvcalc.translation.steps import Weight

__all__ = [
    "CHANGES",
    "block",
    "carried",
    "channels_of",
    "check_channels",
    "known_channels",
    "least_channels",
    "per_axis",
    "read_channels",
    "weight_shapes",
]


def per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    """A field's value for each axis."""
    return value if isinstance(value, tuple) else (value,) * axes


def read_channels(channels: Any) -> tuple[int, int]:
    """Two counts of channels, in and out.

    Raises:
        QueryError: they are no two ints of at least 1.
    """
    counts = [integer(count) for count in channels] if isinstance(channels, (tuple, list)) else []
    if len(counts) != 2 or not all(count and count > 0 for count in counts):
        raise QueryError(
            f"channels must be two ints of at least 1, in and out, not {channels!r}",
            rule="channels",
            hint="Give (3, 64), or 3:64 on the command line.",
        )
    inputs, outputs = (int(count or 0) for count in counts)
    return inputs, outputs


def channels_of(layer: Layer, channels: tuple[int, int], axes: int) -> tuple[int, int]:
    """How many channels go in and come out of a layer that is offered so many.

    What the layer fixes counts; groups multiply what is offered; what has no weights keeps them,
    but for the layers that make sizes of channels, and channels of sizes.
    """
    inputs, outputs = channels
    if isinstance(layer, DepthwiseConv):
        return inputs, layer.out_channels or inputs * layer.multiplier
    if isinstance(layer, (Conv, ConvTranspose)):
        groups = layer.groups
        return layer.in_channels or inputs * groups, layer.out_channels or outputs * groups
    if isinstance(layer, PixelShuffle):
        block = prod(per_axis(layer.factor, axes))
        return inputs, inputs * block if isinstance(layer, PixelUnshuffle) else inputs // block
    if isinstance(layer, (Fold, Unfold)):
        window = prod(per_axis(layer.kernel_size, axes))
        if isinstance(layer, Fold):
            return inputs, inputs // prod(per_axis(layer.kernel_size, len(layer.size)))
        return inputs, inputs * window
    return inputs, inputs


def known_channels(layers: tuple[Layer, ...]) -> tuple[tuple[int, int] | None, int]:
    """The channels that the first layer with weights says, if it does, and its groups."""
    for layer in layers:
        if isinstance(layer, (Conv, ConvTranspose)):
            both = layer.in_channels, layer.out_channels
            known = None if both[0] is None or both[1] is None else (both[0], both[1])
            return known, layer.groups
    return None, 1


def least_channels(layers: tuple[Layer, ...], axes: int) -> tuple[int, int]:
    """The fewest channels, in and out, that layers can have.

    >>> least_channels((PixelShuffle(2),), 2)
    (4, 1)
    """
    if any(isinstance(layer, (Conv, ConvTranspose)) for layer in layers):
        groups = known_channels(layers)[1]
        return groups, groups
    count = prod([block(layer, axes) for layer in layers])
    return count, _through(layers, count, axes)


def check_channels(layers: tuple[Layer, ...], channels: tuple[int, int], axes: int) -> None:
    """Refuse counts that layers without weights cannot have: what comes out follows from them.

    Raises:
        QueryError: they are.
    """
    if any(isinstance(layer, (Conv, ConvTranspose)) for layer in layers):
        return
    inputs, outputs = channels
    blocks = prod([block(layer, axes) for layer in layers])
    shown = ", then ".join(map(str, layers))
    if inputs % blocks:
        raise QueryError(
            f"{shown} takes a multiple of {blocks} channels, not {inputs}",
            rule="channels",
            hint=f"Give {blocks * outputs} of them for {outputs} out.",
        )
    found = _through(layers, inputs, axes)
    if found != outputs:
        made = "keeps its" if found == inputs else f"makes {found} of"
        raise QueryError(
            f"{shown} {made} {inputs} channels, and cannot make {outputs}",
            rule="channels",
            hint=f"Give ({inputs}, {found}), which is {inputs}:{found} on the command line.",
        )


def block(layer: Layer, axes: int) -> int:
    """What the number of channels must be a multiple of, because a layer makes sizes of them."""
    if type(layer) is PixelShuffle:
        return prod(per_axis(layer.factor, axes))
    if isinstance(layer, Fold):
        return prod(per_axis(layer.kernel_size, len(layer.size)))
    return 1


def _through(layers: tuple[Layer, ...], count: int, axes: int) -> int:
    """How many channels come out of layers without weights."""
    for layer in layers:
        count = channels_of(layer, (count, count), axes)[1]
    return count


def weight_shapes(
    layer: Layer, sizes: tuple[int, ...], channels: tuple[int, int]
) -> dict[str, tuple[int, ...]]:
    """The shapes of a layer's arrays, by name; empty where it has none.

    Args:
        layer: any layer.
        sizes: its input sizes.
        channels: its inputs and outputs, as `channels_of` gives them.
    """
    if isinstance(layer, Dense):
        shapes = {"kernel": (layer.out_features, layer.in_features or sizes[-1])}
        return shapes | ({"bias": (layer.out_features,)} if layer.bias else {})
    if not isinstance(layer, (Conv, ConvTranspose)):
        return {}
    kernel = per_axis(layer.kernel_size, len(sizes))
    inputs, outputs = channels
    if isinstance(layer, DepthwiseConv):
        made = {"kernel": (inputs * layer.multiplier, 1, *kernel)}
        if layer.out_channels is not None:
            made["pointwise"] = (outputs, inputs * layer.multiplier, *(1 for _ in kernel))
    elif isinstance(layer, Conv):
        made = {"kernel": (outputs, inputs // layer.groups, *kernel)}
    else:
        made = {"kernel": (inputs, outputs // layer.groups, *kernel)}
    return made | ({"bias": (outputs,)} if layer.bias else {})


def carried(weight: Weight, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The framework's array, from the layer's own."""
    array = arrays[weight.name]
    for name, argument in weight.changes:
        array = CHANGES[name](array, argument)
    return array


def _zero_taps(kernel: np.ndarray, sides: Any) -> np.ndarray:
    """More taps before and after, all zero."""
    import numpy as np

    return np.pad(kernel, ((0, 0), (0, 0), *sides))


def _spread(kernel: np.ndarray, dilation: tuple[int, ...]) -> np.ndarray:
    """A dilated kernel written out, with zeros between its taps."""
    import numpy as np

    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[2:], strict=True)]
    wide = np.zeros((*kernel.shape[:2], *spans), kernel.dtype)
    places: tuple[slice, ...] = tuple([slice(None, None, d) for d in dilation])
    wide[(slice(None), slice(None), *places)] = kernel
    return wide


def _ungroup(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A transposed kernel of several groups as one of a single group: blocks on a diagonal."""
    import numpy as np

    inputs, outputs = kernel.shape[0] // groups, kernel.shape[1]
    whole = np.zeros((kernel.shape[0], outputs * groups, *kernel.shape[2:]), kernel.dtype)
    for group in range(groups):
        rows = slice(group * inputs, (group + 1) * inputs)
        whole[rows, group * outputs : (group + 1) * outputs] = kernel[rows]
    return whole


def _last(kernel: np.ndarray, _argument: object) -> np.ndarray:
    """(a, b, *kernel) as Keras lays it out: (*kernel, b, a)."""
    return kernel.transpose(*range(2, kernel.ndim), 1, 0)


def _depthwise(kernel: np.ndarray, multiplier: int) -> np.ndarray:
    """(in*multiplier, 1, *kernel) as Keras lays it out: (*kernel, in, multiplier)."""
    apart = kernel.reshape(-1, multiplier, *kernel.shape[2:])
    return apart.transpose(*range(2, apart.ndim), 0, 1)


CHANGES: dict[str, Callable[[np.ndarray, Any], np.ndarray]] = {
    "zero_taps": _zero_taps,
    "spread": _spread,
    "ungroup": _ungroup,
    "last": _last,
    "depthwise": _depthwise,
}
"""Changes of a kernel by name; those of its taps come before those of its layout."""
