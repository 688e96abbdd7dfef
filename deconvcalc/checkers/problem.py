"""Layers with numbers: weights and an input drawn from a seed, and what has to come out."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from deconvcalc.checkers.reference import forward
from deconvcalc.errors import CheckError, QueryError
from deconvcalc.layers import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Explicit,
    Fold,
    Layer,
    LpPool,
    MaxUnpool,
)
from deconvcalc.translation import channels_of, weight_shapes
from deconvcalc.translation.weights import block, per_axis, read_channels
from deconvcalc.values import integer, spatial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Placed", "Problem", "adjoint"]

CHANNELS = (2, 3)
"""How many channels go in and come out where a layer leaves them open, times its groups."""

MOST_NUMBERS = 2**24
"""How many numbers an input, an output or a kernel may have."""

MOST_READ = 2**25
"""How many numbers all windows of a layer may read: the reference lays them side by side."""

MOST_WORK = 2**31
"""How many multiplications a layer may take."""

AXES = 2
"""Of how many axes a layer is where nothing says: an image has two."""


class Placed:
    """One of the layers, with its input sizes, its channels and its arrays."""

    def __init__(
        self,
        layer: Layer,
        sizes: tuple[int, ...],
        channels: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        self.layer = layer
        self.sizes = sizes
        self.channels = channels_of(layer, channels, len(sizes))
        result: Any = layer.output_size(sizes)
        self.result: tuple[int, ...] = result
        shapes = weight_shapes(layer, sizes, self.channels)
        _check_work(self, shapes)
        self.arrays = {name: _drawn(rng, shape) for name, shape in shapes.items()}
        self.indices: Array | None = None
        if isinstance(layer, MaxUnpool):
            self.indices = _indices(rng, self.channels[0], sizes, result)

    @classmethod
    def given(
        cls,
        layer: Layer,
        sizes: tuple[int, ...],
        channels: tuple[int, int],
        arrays: dict[str, Array],
    ) -> Placed:
        """A layer with arrays that are there already."""
        one = cls.__new__(cls)
        one.layer, one.sizes, one.channels, one.arrays = layer, sizes, channels, arrays
        one.result, one.indices = layer.output_size(sizes), None
        return one

    def forward(self, x: Array) -> Array:
        """The output by the reference."""
        return forward(self.layer, x, self.arrays, self.indices)


class Problem:
    """Layers with weights, an input, and the output that the reference gives.

    Args:
        layers: first to last.
        size: the input size, an int or one per axis.
        channels: how many go into the first layer and come out of those that leave it open.
        seed: of all random numbers.

    Raises:
        SizeError: a layer refuses its size.
        CheckError: there is too much to compute, or no reference for the values.
        QueryError: channels or a seed that are none.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        size: Any,
        *,
        channels: tuple[int, int] | None = None,
        seed: int = 0,
    ) -> None:
        self.layers = tuple(layers)
        self.seed = seed
        axes = next((layer.axes for layer in layers if layer.axes), AXES)
        sizes = spatial(size)
        self.sizes: tuple[int, ...] = (size,) * axes if sizes is None else sizes
        self.channels = CHANNELS if channels is None else read_channels(channels)
        number = integer(seed)
        if number is None or number < 0:
            raise QueryError(f"seed must be an int of at least 0, not {seed!r}", rule="seed")
        rng = np.random.default_rng(seed)
        inputs, outputs = self.channels
        blocks = prod([block(layer, len(self.sizes)) for layer in layers])
        if inputs % blocks or (len(layers) > 1 and outputs % blocks):
            inputs, outputs = inputs * blocks, outputs * blocks
        self.placed: list[Placed] = []
        now = self.sizes
        for layer in layers:
            one = Placed(layer, now, (inputs, outputs), rng)
            self.placed.append(one)
            inputs, now = one.channels[1], one.result
        self.expected = now
        self.x = _drawn(rng, (self.placed[0].channels[0], *self.sizes))
        if any(isinstance(layer, LpPool) for layer in layers):
            self.x = np.abs(self.x)  # a root of a negative sum is no number
        result = self.x
        for one in self.placed:
            result = one.forward(result)
        self.reference = result
        if np.isnan(result).all():  # of none at all, too
            raise CheckError("there are no values to compare")


def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal numbers that every kind of floats can hold."""
    return rng.standard_normal(shape, dtype=np.float32).astype(np.float64)


def _indices(
    rng: np.random.Generator, channels: int, sizes: tuple[int, ...], result: tuple[int, ...]
) -> Array:
    """Where the values of an unpooling go: places in the output plane, none twice."""
    count, places = prod(sizes), prod(result)
    if count > places:
        raise CheckError(
            "an unpooling to fewer elements puts two values in one place: it has no one result",
            hint="Take a larger input.",
        )
    chosen = [rng.choice(places, size=count, replace=False) for _ in range(channels)]
    return np.array(chosen).reshape(channels, *sizes)


def _check_work(one: Placed, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse what is too large to run, before anything is made.

    Raises:
        CheckError: it is.
    """
    layer = one.layer
    written = isinstance(layer, (ConvTranspose, Fold))  # a copy of the kernel for each input
    windows = prod(one.sizes if written else one.result)
    taps = prod(per_axis(getattr(layer, "kernel_size", 1), len(one.sizes)))
    numbers = [one.channels[0] * prod(one.sizes), one.channels[1] * prod(one.result)]
    numbers += [prod(shape) for shape in shapes.values()]
    inputs, outputs = one.channels
    read = (outputs if isinstance(layer, ConvTranspose) else inputs) * taps * windows
    pairs = inputs * outputs // getattr(layer, "groups", 1) if shapes else inputs
    work = pairs * taps * windows
    if max(numbers) > MOST_NUMBERS or read > MOST_READ or work > MOST_WORK:
        raise CheckError(
            f"{one.layer} on {one.sizes} is too large to run",
            layer=one.layer,
            size=one.sizes,
            hint="Check it on a smaller size, on fewer channels, or with axes=1.",
        )


def adjoint(one: Placed) -> Layer | None:
    """The transpose of a convolution, with the same kernel; None for other layers.

    It takes the output sizes back to the input sizes, so that <Lx, y> = <x, L*y>.
    """
    layer = one.layer
    if not isinstance(layer, (Conv, ConvTranspose)) or isinstance(layer, DepthwiseConv):
        return None
    if isinstance(layer, Conv) and layer.padding_mode != "zeros":
        return None
    settled: Any = layer.at(one.sizes)
    sides: list[Explicit] = []
    for axis, (n, m) in enumerate(zip(one.sizes, one.result, strict=True)):
        k, s, d, rule = [
            per_axis(getattr(settled, name), len(one.sizes))[axis]
            for name in ("kernel_size", "stride", "dilation", "padding")
        ]
        after = rule.after
        if isinstance(layer, Conv):  # the rest that no window reads comes out as zeros
            after = (m - 1) * s + d * (k - 1) + 1 - rule.before - n
        sides.append(Explicit(rule.before, after))
    kind = ConvTranspose if isinstance(layer, Conv) else Conv
    transpose = kind(
        layer.kernel_size,
        stride=layer.stride,
        padding=tuple(sides),
        dilation=layer.dilation,
        groups=layer.groups,
        bias=False,
        axes=len(one.sizes),
    )
    return transpose if transpose.accepts(one.result) else None
