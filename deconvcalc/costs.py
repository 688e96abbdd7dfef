"""What a layer costs: parameters, multiply-accumulates, memory.

Multiply-accumulates are counted as PyTorch's flop counter counts them, which tells two operations
for each: a transposed convolution on its input; a bias and everything elementwise not at all.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.layers import Conv, ConvTranspose, Dense, DepthwiseConv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.layers import Layer

__all__ = ["macs", "memory", "parameters", "weights"]


def parameters(layer: Layer, channels: int | None, axes: int) -> int | None:
    """How many numbers a layer learns; None where its channels are not known.

    Args:
        layer: the layer.
        channels: the channels of its input; the features, for a `Dense`.
        axes: how many spatial axes its input has.

    >>> parameters(Conv(3, out_channels=8), 3, 2), parameters(ConvTranspose(2), 3, 2)
    (224, None)
    """
    if isinstance(layer, DepthwiseConv):
        if channels is None:
            return None
        deep = channels * layer.multiplier
        made = layer.out_channels or deep
        pointwise = 0 if layer.out_channels is None else deep * layer.out_channels
        return deep * _taps(layer, axes) + pointwise + (made if layer.bias else 0)
    if isinstance(layer, (Conv, ConvTranspose)):
        if channels is None or layer.out_channels is None:
            return None
        made = weights(_taps(layer, axes), channels, layer.out_channels, layer.groups)
        return made + (layer.out_channels if layer.bias else 0)
    if isinstance(layer, Dense):
        if channels is None:
            return None
        return (channels + layer.bias) * layer.out_features
    return 0


def weights(taps: int, inputs: int, outputs: int, groups: int = 1) -> int:
    """How many weights a convolution, or a transposed one, has.

    Args:
        taps: of its window, over all axes.
        inputs: the channels that go in.
        outputs: the channels that come out.
        groups: how many groups the channels fall into.

    >>> weights(9, 3, 8)
    216
    """
    return inputs * outputs // groups * taps


def macs(
    layer: Layer,
    channels: int | None,
    size: Sequence[int],
    target: Sequence[int],
) -> int | None:
    """How many multiply-accumulates a layer does for one input; None where channels are not known.

    Args:
        layer: the layer.
        channels: the channels of its input; the features, for a `Dense`.
        size: the spatial sizes of its input; of what surrounds the features, for a `Dense`.
        target: the spatial sizes of its output.

    >>> macs(Conv(3, out_channels=8), 3, (28, 28), (26, 26))
    146016
    """
    if not isinstance(layer, (Conv, ConvTranspose, Dense)):
        return 0
    learned = parameters(layer.replace(bias=False), channels, len(size))
    if learned is None:
        return None
    if isinstance(layer, Dense):
        return learned * prod(size)
    return learned * prod(size if isinstance(layer, ConvTranspose) else target)


def memory(channels: int | None, size: Sequence[int], width: int = 4) -> int | None:
    """The bytes of a tensor, at `width` bytes a number; None where the channels are not known.

    >>> memory(8, (26, 26))
    21632
    """
    return None if channels is None else channels * prod(size) * width


def _taps(layer: Any, axes: int) -> int:
    kernel = layer.kernel_size
    return prod(kernel) if isinstance(kernel, tuple) else int(kernel) ** axes
