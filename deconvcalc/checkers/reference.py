"""What each layer computes, from its definition: windows found by walking, values by plain numpy.

Nothing here reads the size formulas of the package. A layer gives only its fields; how many windows
there are, and what each of them reads, follows from walking over the input. Slow for large inputs,
and meant to be read beside a layer's definition.

An axis of the input has positions 0 .. n - 1. What a window reads beyond them is padding, written
as position `OUTSIDE`; a value is put in for it when the input is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import floor, inf, isinf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deconvcalc.errors import CheckError
from deconvcalc.layers import (
    AdaptivePool,
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    DepthwiseConv,
    Explicit,
    Flatten,
    Fold,
    GlobalPool,
    Identity,
    LpPool,
    MaxPool,
    MaxUnpool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Same,
    Slice,
    ToSize,
    Unfold,
    Upsample,
)
from deconvcalc.values import MOST_AXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.layers import Layer

__all__ = ["Weights", "forward"]

Weights = Mapping[str, NDArray[Any]]
"""The weights of a layer by name."""

Array = NDArray[np.float64]

OUTSIDE = -1
"""The position of an element that is not in the input. As an index it is the last element, which
is where `_read` puts the padding value."""


def forward(
    layer: Layer, x: NDArray[Any], weights: Weights, indices: NDArray[Any] | None = None
) -> Array:
    """What a layer makes of an input.

    Args:
        layer: a layer of `deconvcalc.layers`.
        x: the input, (channels, *sizes), without a batch axis.
        weights: "kernel" and, where the layer has one, "bias", laid out as PyTorch lays them out;
            "pointwise" too for a `DepthwiseConv` with `out_channels`. A layer without weights
            reads none.
        indices: for `MaxUnpool`, where each value goes: flat positions in its channel's output.

    Returns:
        The output, (channels, *sizes), in float64.

    Raises:
        CheckError: the layer refuses the input, the weights do not fit, or only the sizes of the
            layer are known.

    >>> import numpy as np
    >>> from deconvcalc import MaxPool
    >>> forward(MaxPool(2), np.array([[1.0, 3.0, 2.0, 0.0]]), {})
    array([[3., 2.]])
    """
    try:
        return np.array(_values(layer, np.asarray(x, dtype=np.float64), weights, indices))
    except CheckError as error:
        error.layer = layer
        raise


def _values(layer: Layer, x: Array, weights: Weights, indices: NDArray[Any] | None) -> Array:
    count = x.ndim - 1
    if not 1 <= count <= MOST_AXES or layer.axes not in (None, count):
        raise CheckError(
            f"{layer} cannot take an array of shape {x.shape}",
            rule="axes",
            hint="Give (channels, *sizes), with one size for each axis and no batch axis.",
        )
    if 0 in x.shape:
        raise CheckError(f"{layer} cannot take an empty array of shape {x.shape}")
    kind = type(layer)
    if kind in _WEIGHTED:
        result = _WEIGHTED[kind](layer, x, weights)
    elif kind in _PLAIN:
        result = _PLAIN[kind](layer, x)
    elif isinstance(layer, MaxUnpool):
        result = _max_unpool(layer, x, indices)
    else:
        raise CheckError(f"no reference values are known for {layer}")
    if 0 in result.shape:
        raise CheckError(f"{layer} leaves nothing of an input of {x.shape[1:]}")
    return result


def _along(value: Any, axis: int) -> Any:
    """What a field says about one axis: its own entry of a tuple, or the one value for all."""
    return value[axis] if isinstance(value, tuple) else value


def _each(value: Any, count: int) -> tuple[Any, ...]:
    return tuple([_along(value, axis) for axis in range(count)])


# Where the elements of a padded axis come from.


def _padded(n: int, before: int, after: int, mode: str) -> list[int]:
    """The input position of each element of a padded axis; negative padding crops.

    Args:
        n: the size of the axis.
        before: elements put in front, or taken away there.
        after: elements put behind, or taken away there.
        mode: "zeros" or "constant", "reflect", "replicate" or "circular".
    """
    places = range(-before, n + after)
    if not places:
        raise CheckError(f"padding by {before} and {after} leaves nothing of {n} elements")
    if mode == "reflect":
        if max(before, after) >= n:
            raise CheckError(f"{n} elements cannot be reflected over {max(before, after)}")
        return [abs(i) if i < n else 2 * (n - 1) - i for i in places]
    if mode == "replicate":
        return [min(max(i, 0), n - 1) for i in places]
    # A constant, and a circle, fill what the crop has left.
    kept = range(n)[max(-before, 0) : max(n + min(after, 0), 0)]
    if max(-before, 0) + max(-after, 0) > n:
        raise CheckError(f"{n} elements cannot lose {-min(before, after)} before they are padded")
    if mode == "circular":
        if max(before, after) > len(kept):
            raise CheckError(
                f"a circle of {len(kept)} elements cannot give {max(before, after)} on one side"
            )
        return [kept[(i - kept.start) % len(kept)] for i in places]
    return [i if 0 <= i < n else OUTSIDE for i in places]


class _Windows(NamedTuple):
    """The windows along one axis."""

    reads: list[list[int]]
    """For each window the input position that each of its taps reads."""

    spans: list[int]
    """For each window how many of its taps lie in the padded input, not beyond it."""

    before: int
    """The padding before."""


def _windows(
    n: int,
    kernel: int,
    stride: int,
    dilation: int,
    rule: Explicit | Same,
    *,
    ceil_mode: bool,
    mode: str,
) -> _Windows:
    """The windows along one axis, found by walking over it."""
    reach = dilation * (kernel - 1) + 1
    if isinstance(rule, Same):
        starts = list(range(0, n, stride))  # one for every stride that begins in the input
        before, after = _overhang(starts[-1] + reach - n, rule)
        positions = _padded(n, before, after, mode)
    else:
        before, after = rule.before, rule.after
        positions = _padded(n, before, after, mode)
        inside = len(positions) - max(after, 0)
        starts = _starts(len(positions), reach, stride, inside if ceil_mode else None)
    room = len(positions)
    if not starts:
        raise CheckError(f"a window of {reach} does not fit into {room} elements")
    taps = [[start + tap * dilation for tap in range(kernel)] for start in starts]
    return _Windows(
        reads=[[positions[i] if i < room else OUTSIDE for i in row] for row in taps],
        spans=[sum(i < room for i in row) for row in taps],
        before=before,
    )


def _starts(room: int, reach: int, stride: int, inside: int | None) -> list[int]:
    """Where windows start: at every stride, as long as they fit into the room.

    Args:
        room: the size of the padded input.
        reach: the size of a window.
        stride: the step from window to window.
        inside: with ceil_mode, where the padding after begins. A window may then hang over the
            end, if it starts before that and the window before it has left something over.
    """
    starts = []
    start = 0
    while (
        start + reach <= room
        if inside is None
        else start < inside and start - stride + reach < room
    ):
        starts.append(start)
        start += stride
    return starts


def _overhang(total: int, rule: Same) -> tuple[int, int]:
    """What the last window needs beyond the input, shared between both sides."""
    less, more = max(total, 0) // 2, max(total, 0) - max(total, 0) // 2
    return (less, more) if rule.odd == "upper" else (more, less)


def _all_windows(layer: Any, sizes: Sequence[int]) -> list[_Windows]:
    """The windows of a layer along each axis."""
    return [
        _windows(
            n,
            _along(layer.kernel_size, axis),
            _along(layer.stride, axis),
            _along(layer.dilation, axis),
            _along(layer.padding, axis),
            ceil_mode=getattr(layer, "ceil_mode", False),
            mode=getattr(layer, "padding_mode", "zeros"),
        )
        for axis, n in enumerate(sizes)
    ]


# Reading by positions, and writing copies.


def _read(x: Array, positions: Sequence[Any], fill: float) -> Array:
    """The elements at some positions of each axis, `fill` for those outside.

    A list of positions keeps its axis; a list of windows makes two axes of it, windows and taps.
    """
    for axis in reversed(range(len(positions))):
        edge = np.full((*x.shape[: axis + 1], 1, *x.shape[axis + 2 :]), fill)
        x = np.take(np.concatenate([x, edge], axis + 1), np.array(positions[axis]), axis + 1)
    return x


def _read_windows(x: Array, windows: Sequence[_Windows], fill: float = 0.0) -> Array:
    """What each window reads: (channels, windows, taps, windows, taps, ...)."""
    return _read(x, [each.reads for each in windows], fill)


def _taps_of(count: int) -> tuple[int, ...]:
    """The axes of `_read_windows` that run over taps."""
    return tuple(range(2, 2 * count + 1, 2))


def _write(parts: Array, stride: Sequence[int], dilation: Sequence[int]) -> Array:
    """Write a copy of the kernel for every input, and add up where copies meet.

    Args:
        parts: (channels, *taps, *inputs): what each tap gives for each input.
        stride: how far copies lie apart along each axis.
        dilation: how far the taps of a copy lie apart along each axis.
    """
    count = len(stride)
    kernel, sizes = parts.shape[1 : count + 1], parts.shape[count + 1 :]
    last = [(n - 1) * s for n, s in zip(sizes, stride, strict=True)]  # where the last copy starts
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    full = np.zeros((len(parts), *[a + b for a, b in zip(last, reach, strict=True)]))
    values = parts.reshape(len(parts), -1, *sizes)
    for number, tap in enumerate(product(*[range(k) for k in kernel])):
        places = [
            slice(t * d, t * d + end + 1, s)
            for t, d, end, s in zip(tap, dilation, last, stride, strict=True)
        ]
        copy = full[:, *places]
        copy += values[:, number]
    return full


def _cut(full: Array, before: Sequence[int], sizes: Sequence[int]) -> Array:
    """So many elements of each axis after a crop before; zeros beyond what there is."""
    positions = [
        [i if 0 <= i < n else OUTSIDE for i in range(start, start + size)]
        for n, start, size in zip(full.shape[1:], before, sizes, strict=True)
    ]
    if not all(positions):
        raise CheckError(f"the crops leave nothing of {full.shape[1:]}")
    return _read(full, positions, 0.0)


# Layers with weights.


def _weight(layer: Layer, weights: Weights, name: str, shape: tuple[int | None, ...]) -> Array:
    """One of the weights, in float64; None in the shape stands for any number."""
    if name not in weights:
        raise CheckError(f'{layer} needs the weight "{name}"', rule=name)
    value = np.asarray(weights[name], dtype=np.float64)
    fits = len(shape) == value.ndim and all(
        want in (None, have) for want, have in zip(shape, value.shape, strict=True)
    )
    if not fits:
        shown = ", ".join(["any" if want is None else str(want) for want in shape])
        raise CheckError(
            f'{layer}: the weight "{name}" has shape {value.shape}, not ({shown})',
            rule=name,
        )
    return value


def _add_bias(layer: Any, result: Array, weights: Weights) -> Array:
    if not layer.bias:
        return result
    bias = _weight(layer, weights, "bias", (len(result),))
    return result + bias.reshape(-1, *[1] * (result.ndim - 1))


def _check_channels(layer: Any, channels: int, groups: int) -> None:
    expected = layer.in_channels
    if channels % groups or expected not in (None, channels):
        wanted = f"a multiple of {groups}" if expected is None else expected
        raise CheckError(f"{layer} takes {wanted} channels, not {channels}", rule="channels")


def _correlate(windows: Array, kernel: Array, groups: int) -> Array:
    """Multiply each window by the kernel: sums over the channels of a group, and over the taps."""
    count = kernel.ndim - 2
    inputs = np.split(windows, groups)
    kernels = np.split(kernel, groups)
    over = (tuple(range(1, count + 2)), (0, *_taps_of(count)))
    return np.concatenate(
        [np.tensordot(k, part, over) for k, part in zip(kernels, inputs, strict=True)]
    )


def _conv(layer: Conv, x: Array, weights: Weights) -> Array:
    _check_channels(layer, len(x), layer.groups)
    taps = _each(layer.kernel_size, x.ndim - 1)
    shape = (layer.out_channels, len(x) // layer.groups, *taps)
    kernel = _weight(layer, weights, "kernel", shape)
    if len(kernel) % layer.groups:
        raise CheckError(f"{layer}: groups do not divide {len(kernel)} channels")
    windows = _read_windows(x, _all_windows(layer, x.shape[1:]))
    return _add_bias(layer, _correlate(windows, kernel, layer.groups), weights)


def _depthwise_conv(layer: DepthwiseConv, x: Array, weights: Weights) -> Array:
    """Each channel by itself; then the channels of each pixel, where the layer is separable."""
    taps = _each(layer.kernel_size, x.ndim - 1)
    kernel = _weight(layer, weights, "kernel", (len(x) * layer.multiplier, 1, *taps))
    windows = _read_windows(x, _all_windows(layer, x.shape[1:]))
    result = _correlate(windows, kernel, len(x))
    if layer.out_channels is not None:
        shape = (layer.out_channels, len(result), *[1] * len(taps))
        pointwise = _weight(layer, weights, "pointwise", shape)
        result = np.tensordot(pointwise.reshape(shape[:2]), result, 1)
    return _add_bias(layer, result, weights)


def _conv_transpose(layer: ConvTranspose, x: Array, weights: Weights) -> Array:
    _check_channels(layer, len(x), layer.groups)
    count = x.ndim - 1
    taps = _each(layer.kernel_size, count)
    channels = None if layer.out_channels is None else layer.out_channels // layer.groups
    kernel = _weight(layer, weights, "kernel", (len(x), channels, *taps))
    groups = zip(np.split(kernel, layer.groups), np.split(x, layer.groups), strict=True)
    parts = np.concatenate([np.tensordot(k, part, (0, 0)) for k, part in groups])
    stride = _each(layer.stride, count)
    full = _write(parts, stride, _each(layer.dilation, count))
    crops = [
        _crops(n, length, s, _along(layer.padding, axis))
        for axis, (n, length, s) in enumerate(zip(x.shape[1:], full.shape[1:], stride, strict=True))
    ]
    sizes = [length - sum(pair) for length, pair in zip(full.shape[1:], crops, strict=True)]
    return _add_bias(layer, _cut(full, [before for before, _ in crops], sizes), weights)


def _crops(n: int, full: int, stride: int, rule: Explicit | ToSize) -> tuple[int, int]:
    """What is cropped before and after from the full length that n inputs give."""
    if isinstance(rule, Explicit):
        return rule.before, rule.after
    # A size asked for must be one that the convolution takes back to n (to at most n, where the
    # crops follow from the size).
    pads = 2 * rule.split if isinstance(rule.split, int) else 0
    reach = full - (n - 1) * stride
    back = len(range(0, rule.size + pads - reach + 1, stride))
    if back > n or (isinstance(rule.split, int) and back < n):
        raise CheckError(f"size {rule.size} is out of reach of {n} inputs", rule="size")
    total = full - rule.size
    if isinstance(rule.split, int):
        return rule.split, total - rule.split
    less = max(total, 0) // 2
    before = less if rule.split == "upper" else max(total, 0) - less
    return before, total - before


def _dense(layer: Dense, x: Array, weights: Weights) -> Array:
    inputs = x.shape[-1]
    if layer.in_features not in (None, inputs):
        raise CheckError(f"{layer} takes {layer.in_features} features, not {inputs}")
    kernel = _weight(layer, weights, "kernel", (layer.out_features, inputs))
    result: Array = x @ kernel.T
    return result + _weight(layer, weights, "bias", (len(kernel),)) if layer.bias else result


# Pools.


def _check_fit(layer: AvgPool | LpPool, x: Array) -> None:
    for axis, n in enumerate(x.shape[1:]):
        if layer.must_fit and n < _along(layer.kernel_size, axis):
            raise CheckError(f"{layer} needs an input as large as its window, not {n}")


def _max_pool(layer: MaxPool, x: Array) -> Array:
    windows = _read_windows(x, _all_windows(layer, x.shape[1:]), -inf)
    return np.asarray(windows.max(_taps_of(x.ndim - 1)))


def _avg_pool(layer: AvgPool, x: Array) -> Array:
    _check_fit(layer, x)
    windows = _all_windows(layer, x.shape[1:])
    sums = _read_windows(x, windows).sum(_taps_of(x.ndim - 1))
    if layer.divisor is not None:
        return np.asarray(sums / layer.divisor)
    if layer.count_include_pad:
        counts = _products([each.spans for each in windows])
    else:
        real = [[sum(i != OUTSIDE for i in row) for row in each.reads] for each in windows]
        counts = _products(real)
    return np.asarray(sums / np.maximum(counts, 1))  # a window of padding alone gives 0


def _products(factors: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """The product of one factor per axis, for all combinations."""
    result = np.ones((), dtype=np.int64)
    for each in factors:
        result = np.multiply.outer(result, np.array(each, dtype=np.int64))
    return np.asarray(result)


def _lp_pool(layer: LpPool, x: Array) -> Array:
    """The norm as PyTorch takes it: of the mean of each window, times the size of a whole one.

    So a window that hangs over weighs its elements more, and an odd norm keeps signs: the root of
    a negative sum is not a number.
    """
    _check_fit(layer, x)
    windows = _all_windows(layer, x.shape[1:])
    over = _taps_of(x.ndim - 1)
    if isinf(layer.norm):
        sign = 1 if layer.norm > 0 else -1
        return np.asarray(sign * _read_windows(sign * np.abs(x), windows, -inf).max(over))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        sums = _read_windows(x**layer.norm, windows).sum(over)
        means = sums / _products([each.spans for each in windows])
        size = prod(_each(layer.kernel_size, x.ndim - 1))
        return np.asarray((means * size) ** (1 / layer.norm))


def _max_unpool(layer: MaxUnpool, x: Array, indices: NDArray[Any] | None) -> Array:
    sizes = [_unpooled(layer, axis, n) for axis, n in enumerate(x.shape[1:])]
    if indices is None or indices.shape != x.shape or indices.dtype.kind not in "iu":
        raise CheckError(f"{layer} needs an index for each element of {x.shape}")
    if not ((indices >= 0) & (indices < prod(sizes))).all():
        raise CheckError(f"{layer}: an index lies outside {tuple(sizes)}")
    result = np.zeros((len(x), prod(sizes)))
    for channel, places, values in zip(result, indices, x, strict=True):
        channel[places.ravel()] = values.ravel()
    return result.reshape(len(x), *sizes)


def _unpooled(layer: MaxUnpool, axis: int, n: int) -> int:
    """The size from which a pool makes n; or the size asked for, less than a stride from it."""
    stride, rule = _along(layer.stride, axis), _along(layer.padding, axis)
    full = (n - 1) * stride + _along(layer.kernel_size, axis)
    if isinstance(rule, Explicit):
        size = full - rule.before - rule.after
    else:
        size = rule.size
        if abs(size - (full - 2 * rule.split)) >= stride:
            raise CheckError(f"{layer} cannot reach size {size} from {n}", axis=axis)
    if size < 1:
        raise CheckError(f"{layer} leaves nothing of {n}", axis=axis)
    return int(size)


def _shares(n: int, m: int) -> list[range]:
    """What each of m outputs reads of n inputs: its share, rounded outwards."""
    return [range(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _adaptive_pool(layer: AdaptivePool, x: Array) -> Array:
    reduce = np.mean if layer.kind == "average" else np.max
    for axis, n in enumerate(x.shape[1:]):
        target = _along(layer.size, axis)
        if target is not None:
            parts = [np.take(x, share, axis + 1) for share in _shares(n, target)]
            x = np.stack([reduce(part, axis + 1) for part in parts], axis + 1)
    return x


def _global_pool(layer: GlobalPool, x: Array) -> Array:
    reduce = np.mean if layer.kind == "average" else np.max
    return np.asarray(reduce(x, tuple(range(1, x.ndim)), keepdims=layer.keepdims))


# Resizing.


def _upsample(layer: Upsample, x: Array) -> Array:
    """Resize axis by axis: every mode is a matrix for each axis."""
    if layer.mode not in _RESIZERS:
        raise CheckError(
            f"only sizes are known for the mode {layer.mode!r} of {layer}",
            rule="mode",
            hint=f"Modes with values: {', '.join(_RESIZERS)}.",
        )
    for axis, n in enumerate(x.shape[1:]):
        m, ratio = _step(layer, axis, n, planar=x.ndim == 3)
        if m < 1:
            raise CheckError(f"{layer} leaves nothing of {n}", axis=axis)
        matrix = _RESIZERS[layer.mode](n, m, ratio, layer.align_corners)
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis + 1)), 0, axis + 1)
    return x


def _step(layer: Upsample, axis: int, n: int, *, planar: bool) -> tuple[int, float]:
    """The output size, and how far apart the outputs lie in the input, as PyTorch takes them.

    With a factor that is its inverse, which is not n/m where m was rounded. But nothing moves in a
    linear mode where the size stays, nor in the mode nearest of two axes, which also counts as
    doubled what comes out twice as large.
    """
    if layer.factor is None:
        m = _along(layer.size, axis)
        return m, n / m
    factor = _along(layer.factor, axis)
    m = floor(n * factor)
    if (layer.mode in _LINEAR and m == n) or (
        layer.mode == "nearest" and planar and m in (n, 2 * n)
    ):
        return m, n / m
    return m, 1 / factor


def _nearest(n: int, m: int, ratio: float, _align_corners: bool) -> Array:
    return _one_each(n, [i * ratio for i in range(m)])


def _nearest_exact(n: int, m: int, ratio: float, _align_corners: bool) -> Array:
    return _one_each(n, [(i + 0.5) * ratio for i in range(m)])


def _one_each(n: int, places: Sequence[float]) -> Array:
    """A matrix that takes the element at each place, rounded to float32 as PyTorch rounds it."""
    matrix = np.zeros((len(places), n))
    for i, place in enumerate(places):
        matrix[i, min(floor(np.float32(place)), n - 1)] = 1
    return matrix


def _source(i: int, n: int, m: int, ratio: float, align_corners: bool) -> float:
    """Where the centre of output pixel i lies between the centres of the input."""
    if align_corners:
        return i * ((n - 1) / (m - 1)) if m > 1 else 0.0
    return (i + 0.5) * ratio - 0.5


def _linear(n: int, m: int, ratio: float, align_corners: bool) -> Array:
    matrix = np.zeros((m, n))
    for i in range(m):
        place = min(max(_source(i, n, m, ratio, align_corners), 0), n - 1)
        left = floor(place)
        matrix[i, left] += 1 - (place - left)
        matrix[i, min(left + 1, n - 1)] += place - left
    return matrix


def _cubic(n: int, m: int, ratio: float, align_corners: bool) -> Array:
    matrix = np.zeros((m, n))
    for i in range(m):
        place = _source(i, n, m, ratio, align_corners)
        left = floor(place)
        for tap in range(left - 1, left + 3):
            matrix[i, min(max(tap, 0), n - 1)] += _cubic_weight(abs(place - tap))
    return matrix


def _cubic_weight(distance: float, a: float = -0.75) -> float:
    """Keys' cubic convolution kernel (1981)."""
    t = distance
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def _area(n: int, m: int, _ratio: float, _align_corners: bool) -> Array:
    matrix = np.zeros((m, n))
    for i, share in enumerate(_shares(n, m)):
        matrix[i, share] = 1 / len(share)
    return matrix


def _pixel_shuffle(layer: PixelShuffle, x: Array) -> Array:
    """Channel (c, i, j) goes to channel c, at offset (i, j) of each block."""
    count = x.ndim - 1
    factors = _each(layer.factor, count)
    if len(x) % prod(factors):
        raise CheckError(f"{layer} takes a multiple of {prod(factors)} channels, not {len(x)}")
    result = np.zeros(
        (len(x) // prod(factors), *[n * f for n, f in zip(x.shape[1:], factors, strict=True)])
    )
    for number, offsets in enumerate(product(*[range(f) for f in factors])):
        places = [slice(i, None, f) for i, f in zip(offsets, factors, strict=True)]
        result[:, *places] = x[number :: prod(factors)]
    return result


def _pixel_unshuffle(layer: PixelUnshuffle, x: Array) -> Array:
    """Offset (i, j) of each block of channel c goes to channel (c, i, j)."""
    factors = _each(layer.factor, x.ndim - 1)
    for axis, (n, factor) in enumerate(zip(x.shape[1:], factors, strict=True)):
        if n % factor:
            raise CheckError(f"{layer} takes a multiple of {factor}, not {n}", axis=axis)
    offsets = product(*[range(f) for f in factors])
    blocks = [
        x[:, *[slice(i, None, f) for i, f in zip(each, factors, strict=True)]] for each in offsets
    ]
    return np.stack(blocks, 1).reshape(-1, *blocks[0].shape[1:])


def _pad(layer: Pad, x: Array) -> Array:
    positions = []
    for axis, n in enumerate(x.shape[1:]):
        sides = _along(layer.padding, axis)
        positions.append(_padded(n, sides.before, sides.after, layer.mode))
    return _read(x, positions, layer.value)


def _crop(layer: Crop, x: Array) -> Array:
    sides = _each(layer.cropping, x.ndim - 1)
    kept = [slice(s.before, max(n - s.after, 0)) for n, s in zip(x.shape[1:], sides, strict=True)]
    return x[:, *kept]


def _slice(layer: Slice, x: Array) -> Array:
    bounds = (layer.start, layer.stop, layer.step)
    cuts = [slice(*[_along(bound, axis) for bound in bounds]) for axis in range(x.ndim - 1)]
    return x[:, *cuts]


# The layers that join axes, and the one that does nothing.


def _flatten(_layer: Flatten, x: Array) -> Array:
    return x.reshape(len(x), -1)


def _reshape(layer: Reshape, x: Array) -> Array:
    try:
        return x.reshape(len(x), *layer.sizes)
    except ValueError:
        raise CheckError(f"{layer} cannot take an input of {x.shape[1:]}") from None


def _unfold(layer: Unfold, x: Array) -> Array:
    """(channels * taps, windows), each in row-major order."""
    count = x.ndim - 1
    windows = _read_windows(x, _all_windows(layer, x.shape[1:]))
    over = _taps_of(count)
    taps = prod([windows.shape[axis] for axis in over])
    columns = np.moveaxis(windows, over, range(1, count + 1))
    return columns.reshape(len(x) * taps, -1)


def _fold(layer: Fold, x: Array) -> Array:
    """The windows of `_unfold`, added up where they came from."""
    count = len(layer.size)
    windows = _all_windows(layer, layer.size)
    taps = _each(layer.kernel_size, count)
    numbers = [len(each.reads) for each in windows]
    if x.shape[1] != prod(numbers) or len(x) % prod(taps):
        raise CheckError(
            f"{layer} takes {prod(numbers)} windows of a multiple of {prod(taps)} channels, "
            f"not {x.shape[1]} of {len(x)}",
        )
    parts = x.reshape(-1, *taps, *numbers)
    full = _write(parts, _each(layer.stride, count), _each(layer.dilation, count))
    return _cut(full, [each.before for each in windows], layer.size)


def _identity(layer: Identity, x: Array) -> Array:
    if layer.name.lower() != "identity":
        raise CheckError(
            f"only the sizes of {layer.name} are known here: there are no values to compare",
            rule="name",
            hint="It leaves sizes alone.",
        )
    if prod(x.shape[1:]) < layer.least_elements:
        raise CheckError(f"{layer} needs {layer.least_elements} elements")
    return x


_LINEAR = ("linear", "bilinear", "trilinear")

_RESIZERS: dict[str, Callable[[int, int, float, bool], Array]] = {
    "nearest": _nearest,
    "nearest-exact": _nearest_exact,
    **dict.fromkeys(_LINEAR, _linear),
    "bicubic": _cubic,
    "area": _area,
}
"""The matrix of one axis for each mode: from n to m, at a step of n/m or as the factor says."""

_WEIGHTED: dict[type[Layer], Callable[[Any, Array, Weights], Array]] = {
    Conv: _conv,
    ConvTranspose: _conv_transpose,
    Dense: _dense,
    DepthwiseConv: _depthwise_conv,
}

_PLAIN: dict[type[Layer], Callable[[Any, Array], Array]] = {
    AdaptivePool: _adaptive_pool,
    AvgPool: _avg_pool,
    Crop: _crop,
    Flatten: _flatten,
    Fold: _fold,
    GlobalPool: _global_pool,
    Identity: _identity,
    LpPool: _lp_pool,
    MaxPool: _max_pool,
    Pad: _pad,
    PixelShuffle: _pixel_shuffle,
    PixelUnshuffle: _pixel_unshuffle,
    Reshape: _reshape,
    Slice: _slice,
    Unfold: _unfold,
    Upsample: _upsample,
}
