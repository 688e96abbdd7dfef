"""Layers as the operators of ONNX: for each kind of layer the ways to write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import ALL_DIALECTS
from deconvcalc.dialects.onnx import FREE
from deconvcalc.dialects.spec import keywords
from deconvcalc.errors import ConversionError
from deconvcalc.layers import (
    AdaptivePool,
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    DepthwiseConv,
    Flatten,
    Fold,
    GlobalPool,
    Identity,
    Layer,
    LpPool,
    MaxPool,
    MaxUnpool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Slice,
    Unfold,
    Upsample,
)
from deconvcalc.translation.steps import IN, Step, Weight
from deconvcalc.translation.task import (
    Pair,
    Task,
    crops,
    fitted,
    pads_and_cuts,
    refuse_other_names,
    slices,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["WAYS"]

ONNX = ALL_DIALECTS["onnx"]
_BIAS = (Weight("kernel"), Weight("bias"))
_FILLS = {
    "constant": "constant",
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def _spelled(op: str, task: Task, sides: tuple[Pair, ...] | None = None) -> dict[str, Any]:
    """Kernel, strides, pads and dilations as attributes, with these sides or none."""
    return ONNX.spell(op, task.windows(sides), FREE)


def _padding(sides: tuple[Pair, ...], mode: str = "constant", value: float = 0.0) -> Step:
    """Padding, or with negative sides a crop."""
    before, after = zip(*sides, strict=True)
    pads = (0, 0, *before, 0, 0, *after)
    more = keywords(("mode", _FILLS[mode], "constant"), ("constant_value", value, 0.0))
    return Step("Pad", {"pads": pads} | more)


def _cropping(sides: tuple[Pair, ...]) -> tuple[Step, ...]:
    if not any(side for pair in sides for side in pair):
        return ()
    return (_padding(tuple([(-before, -after) for before, after in sides])),)


def _weights(layer: Any) -> tuple[Weight, ...]:
    return _BIAS if layer.bias else _BIAS[:1]


def _is_padding(sides: tuple[Pair, ...]) -> bool:
    return min([side for pair in sides for side in pair]) >= 0


def _conv(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    sides = task.sides
    more = keywords(("group", layer.groups, 1), ("B", layer.bias, True))
    if layer.padding_mode == "zeros" and _is_padding(sides):
        yield (Step("Conv", _spelled("conv", task, sides) | more, _weights(layer)),)
    conv = Step("Conv", _spelled("conv", task) | more, _weights(layer))
    yield _padding(sides, layer.padding_mode), conv


def _depthwise(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    sides = task.sides
    separable = layer.out_channels is not None
    plain = _is_padding(sides)
    bias = keywords(("B", layer.bias and not separable, True))
    window = _spelled("conv", task, sides if plain else None)
    weights = _BIAS[:1] if separable else _weights(layer)
    steps: tuple[Step, ...] = (Step("Conv", window | {"group": IN} | bias, weights),)
    if not plain:
        steps = (_padding(sides), *steps)
    if separable:
        point = {"kernel_shape": (1,) * task.axes} | keywords(("B", layer.bias, True))
        last = (Weight("pointwise"), Weight("bias")) if layer.bias else (Weight("pointwise"),)
        steps += (Step("Conv", point, last),)
    yield steps


def _conv_transpose(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    more = keywords(("group", layer.groups, 1), ("B", layer.bias, True))
    most = tuple([s - 1 for s in task.each("stride")])
    pairs = zip(task.sides, most, strict=True)
    if all(before >= 0 and after >= -extra for (before, after), extra in pairs):
        # An operator crops both sides, or extends the end: not both, along one axis.
        window = _spelled("conv_transpose", task, task.sides)
        yield (Step("ConvTranspose", window | more, _weights(layer)),)
    plan = crops(task, task.dilation, most, both=True)
    kernel = [k + sum(taps) for k, taps in zip(task.each("kernel_size"), plan.taps, strict=True)]
    rows = zip(kernel, task.each("stride"), task.dilation, plan.crop, plan.extra, strict=True)
    windows = tuple([(k, s, d, crop, crop - extra) for k, s, d, crop, extra in rows])
    window = ONNX.spell("conv_transpose", windows, FREE)
    weights = _weights(layer)
    if any(map(any, plan.taps)):
        weights = (Weight("kernel", ("zero_taps", plan.taps)), *weights[1:])
    yield (Step("ConvTranspose", window | more, weights), *_cropping(plan.rest))


def _fits(task: Task) -> bool:
    """Whether a pool may have these pads: each is smaller than the window."""
    rows = zip(task.sides, task.each("kernel_size"), strict=True)
    return _is_padding(task.sides) and all(max(pair) < k for pair, k in rows)


def _max_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    ceil = keywords(("ceil_mode", int(layer.ceil_mode), 0))
    if _fits(task):
        yield (Step("MaxPool", _spelled("max_pool", task, task.sides) | ceil),)
    yield *_reached(task, float("-inf")), Step("MaxPool", _spelled("max_pool", task))


def _reached(task: Task, value: float = 0.0) -> tuple[Step, ...]:
    """Crops, then padding as far as the last window reaches, so that none hangs over."""
    first, last = fitted(task), fitted(task, fill=True)
    _, cuts = pads_and_cuts(first)
    rows = zip(last, cuts, strict=True)
    more = tuple([(max(before, 0), after + cut[1]) for (before, after), cut in rows])
    return (*_cropping(cuts), _padding(more, value=value))


def _avg_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    if layer.divisor is not None:
        raise ConversionError("ONNX has no mean with a divisor of its own")
    more = keywords(("ceil_mode", int(layer.ceil_mode), 0))
    counted = keywords(("count_include_pad", int(layer.count_include_pad), 0))
    if _fits(task):
        yield (Step("AveragePool", _spelled("avg_pool", task, task.sides) | more | counted),)
    if not layer.count_include_pad:
        raise ConversionError("ONNX pads a mean by less than its window")
    window = _spelled("avg_pool", task)
    yield _padding(fitted(task)), Step("AveragePool", window | more)


def _lp_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    if layer.norm != int(layer.norm) or layer.norm < 1:
        raise ConversionError("ONNX has norms by whole numbers of at least 1")
    if layer.ceil_mode:
        raise ConversionError("ONNX does not scale the norm of a window that hangs over the end")
    yield (Step("LpPool", _spelled("max_pool", task) | keywords(("p", int(layer.norm), 2))),)


_NEAREST = {
    "nearest": ("asymmetric", "floor"),
    "nearest-exact": ("half_pixel", "round_prefer_ceil"),
}
_LINEAR = ("linear", "bilinear", "trilinear")


def _upsample(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    name = "scales" if layer.factor is not None else "sizes"
    values = task.each("factor" if name == "scales" else "size")
    if name == "scales":
        arguments: dict[str, Any] = {"scales": (1.0, 1.0, *map(float, values))}
    else:
        arguments = {"sizes": (0, 0, *values)}
    if layer.mode in _NEAREST:
        where, nearest = _NEAREST[layer.mode]
        arguments |= {"coordinate_transformation_mode": where, "nearest_mode": nearest}
    elif layer.mode == "bicubic" or layer.mode == _LINEAR[task.axes - 1]:
        where = "align_corners" if layer.align_corners else "half_pixel"
        arguments["mode"] = "cubic" if layer.mode == "bicubic" else "linear"
        arguments |= keywords(("coordinate_transformation_mode", where, "half_pixel"))
    else:
        raise ConversionError(f"ONNX has no resize by mode {layer.mode!r} of {task.axes} axes")
    yield (Step("Resize", arguments),)


def _shuffle(task: Task) -> Iterator[tuple[Step, ...]]:
    if task.axes != 2 or isinstance(task.layer.factor, tuple):  # type: ignore[attr-defined]  # shuffles have it
        raise ConversionError("DepthToSpace has two axes and one factor for both")
    yield (Step("DepthToSpace", {"blocksize": task.each("factor")[0], "mode": "CRD"}),)


def _pad(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    yield (_padding(task.sides, layer.mode, layer.value),)


def _crop(task: Task) -> Iterator[tuple[Step, ...]]:
    sides = tuple([(rule.before, rule.after) for rule in task.each("cropping")])
    yield _cropping(sides) or (Step("Identity", {}),)


def _slice(task: Task) -> Iterator[tuple[Step, ...]]:
    sides, steps = slices(task)
    made = _cropping(sides)
    if max(steps) > 1:
        ones = (1,) * task.axes
        made += (Step("MaxPool", {"kernel_shape": ones, "strides": steps}),)
    yield made or (Step("Identity", {}),)


def _adaptive(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    if set(task.each("size")) != {1}:
        raise ConversionError("ONNX has adaptive pools to size 1 alone")
    kind = "Max" if layer.kind == "max" else "Average"
    yield (Step(f"Global{kind}Pool", {}, spatial=False),)


def _global(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    pool = Step(f"Global{'Max' if layer.kind == 'max' else 'Average'}Pool", {})
    yield (pool,) if layer.keepdims else (pool, Step("Flatten", {}, spatial=False))


def _identity(task: Task) -> Iterator[tuple[Step, ...]]:
    refuse_other_names(task)
    yield (Step("Identity", {}),)


def _none(task: Task) -> Iterator[tuple[Step, ...]]:
    raise ConversionError(f"ONNX has no single operators for {task.layer} that are known here")
    yield ()


WAYS: dict[type[Layer], Callable[[Task], Iterator[tuple[Step, ...]]]] = {
    Conv: _conv,
    DepthwiseConv: _depthwise,
    ConvTranspose: _conv_transpose,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    LpPool: _lp_pool,
    Upsample: _upsample,
    PixelShuffle: _shuffle,
    Pad: _pad,
    Crop: _crop,
    Slice: _slice,
    AdaptivePool: _adaptive,
    GlobalPool: _global,
    Identity: _identity,
    **dict.fromkeys((MaxUnpool, PixelUnshuffle, Flatten, Dense, Reshape, Unfold, Fold), _none),
}
"""For each kind of layer the ways to write it, the plainest first; the first that holds is taken.

A way raises `ConversionError` where there is none.
"""
