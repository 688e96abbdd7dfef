"""Layers as PyTorch's modules: for each kind of layer the ways to write it, the plainest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.dialects.spec import alike, keywords
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
from deconvcalc.translation.steps import IN, OUT, Channels, Step, Weight
from deconvcalc.translation.task import (
    Pair,
    Task,
    crops,
    fitted,
    refuse_other_names,
    slices,
    unfolding,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["WAYS"]

TORCH = DIALECTS["torch"]
_BIAS = (Weight("kernel"), Weight("bias"))


def _free(op: str) -> Any:
    """The mode in which padding is a number."""
    return TORCH.modes[op][0]


def _spelled(op: str, task: Task, sides: tuple[Pair, ...] | None = None) -> dict[str, Any]:
    """Kernel, stride, padding and dilation as keyword arguments, with these sides or none."""
    return TORCH.spell(op, task.windows(sides), _free(op))


def _symmetric(sides: tuple[Pair, ...]) -> bool:
    return all(before == after >= 0 for before, after in sides)


_PADS = {
    "constant": "ZeroPad",
    "zeros": "ZeroPad",
    "reflect": "ReflectionPad",
    "replicate": "ReplicationPad",
    "circular": "CircularPad",
}


def _padding(sides: tuple[Pair, ...], mode: str = "constant", value: float = 0.0) -> Step:
    """Padding, or with negative sides a crop; the last axis comes first."""
    amounts = tuple([side for pair in reversed(sides) for side in pair])
    name = _PADS[mode] if mode not in ("constant", "zeros") or not value else "ConstantPad"
    arguments: dict[str, Any] = {"padding": amounts}
    if name == "ConstantPad":
        arguments["value"] = value
    return Step(f"{name}{len(sides)}d", arguments)


def _cropping(sides: tuple[Pair, ...]) -> tuple[Step, ...]:
    if not any(side for pair in sides for side in pair):
        return ()
    return (_padding(tuple([(-before, -after) for before, after in sides])),)


def _weights(layer: Any) -> tuple[Weight, ...]:
    return _BIAS if layer.bias else _BIAS[:1]


def _conv(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    sides = task.sides
    more = keywords(
        ("groups", layer.groups, 1),
        ("padding_mode", layer.padding_mode, "zeros"),
        ("bias", layer.bias, True),
    )
    ends = {"in_channels": IN, "out_channels": OUT}
    name = f"Conv{task.axes}d"
    if _symmetric(sides):
        window = _spelled("conv", task, sides)
        yield (Step(name, ends | window | more, _weights(layer)),)
    more.pop("padding_mode", None)
    window = _spelled("conv", task)
    yield (
        _padding(sides, layer.padding_mode),
        Step(name, ends | window | more, _weights(layer)),
    )


def _depthwise(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    sides = task.sides
    name = f"Conv{task.axes}d"
    wide = Channels("in_channels", layer.multiplier)
    separable = layer.out_channels is not None
    symmetric = _symmetric(sides)
    window = _spelled("conv", task, sides if symmetric else None)
    ends = {"in_channels": IN, "out_channels": wide}
    bias = keywords(("bias", layer.bias and not separable, True))
    first = Step(
        name,
        ends | window | {"groups": IN} | bias,
        (Weight("kernel"),) if separable else _weights(layer),
    )
    steps: tuple[Step, ...] = (first,) if symmetric else (_padding(sides), first)
    if separable:
        point: dict[str, Any] = {"in_channels": wide, "out_channels": OUT, "kernel_size": 1}
        weights = (Weight("pointwise"), Weight("bias")) if layer.bias else (Weight("pointwise"),)
        steps += (Step(name, point | keywords(("bias", layer.bias, True)), weights),)
    yield steps


def _conv_transpose(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    ends = {"in_channels": IN, "out_channels": OUT}
    more = keywords(("groups", layer.groups, 1), ("bias", layer.bias, True))
    name = f"ConvTranspose{task.axes}d"
    if all(before >= 0 and before >= after for before, after in task.sides):
        window = _spelled("conv_transpose", task, task.sides)
        yield (Step(name, ends | window | more, _weights(layer)),)
    rows = [*zip(task.each("stride"), task.dilation, strict=True)]
    plan = crops(task, task.dilation, tuple([max(row) - 1 for row in rows]), both=True)
    kernel = [k + sum(taps) for k, taps in zip(task.each("kernel_size"), plan.taps, strict=True)]
    windows = tuple(
        [
            (k, s, d, crop, crop - extra)
            for k, (s, d), crop, extra in zip(kernel, rows, plan.crop, plan.extra, strict=True)
        ]
    )
    window = TORCH.spell("conv_transpose", windows, _free("conv_transpose"))
    weights = _weights(layer)
    if any(map(any, plan.taps)):
        weights = (Weight("kernel", ("zero_taps", plan.taps)), *weights[1:])
    yield (Step(name, ends | window | more, weights), *_cropping(plan.rest))


def _max_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    name = f"MaxPool{task.axes}d"
    yield from _one_pool("max_pool", name, task, keywords(("ceil_mode", layer.ceil_mode, False)))
    step = Step(name, _spelled("max_pool", task))
    yield *_reached(task, float("-inf")), step


def _reached(task: Task, value: float = 0.0) -> tuple[Step, ...]:
    """Padding as far as the last window reaches, so that none hangs over.

    What a negative side crops must not come back into a window: it is cropped first.
    """
    first, last = fitted(task), fitted(task, fill=True)
    if first == last or min(after for _, after in first) >= 0:
        return (_padding(last, value=value),)
    more = tuple([(0, wide - after) for (_, after), (_, wide) in zip(first, last, strict=True)])
    return _padding(first, value=value), _padding(more, value=value)


def _one_pool(op: str, name: str, task: Task, more: dict[str, Any]) -> Iterator[tuple[Step, ...]]:
    """A single pool: padded alike on both sides, or with a last window that hangs over."""
    sides = task.sides
    if _symmetric(sides):
        yield (Step(name, _spelled(op, task, sides) | more),)
    if task.sizes is not None and all(before >= 0 for before, _ in sides):
        alike_ = tuple([(before, before) for before, _ in sides])
        yield (Step(name, _spelled(op, task, alike_) | more | {"ceil_mode": True}),)


def _avg_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    name = f"AvgPool{task.axes}d"
    if layer.divisor is not None and task.axes == 1:
        raise ConversionError("nn.AvgPool1d has no divisor_override")
    divided = keywords(("divisor_override", layer.divisor, None))
    counted = keywords(("count_include_pad", layer.count_include_pad, True))
    ceil = keywords(("ceil_mode", layer.ceil_mode, False))
    yield from _one_pool("avg_pool", name, task, ceil | counted | divided)
    if layer.divisor is not None:
        yield *_reached(task), Step(name, _spelled("avg_pool", task) | divided)
    elif layer.count_include_pad:
        yield _padding(fitted(task)), Step(name, _spelled("avg_pool", task) | ceil)
    else:
        yield _left_out(task, name)


def _left_out(task: Task, name: str) -> tuple[Step, ...]:
    """A mean without its padding: padded alike on both sides, perhaps wider; the rest is cropped.

    In ceil_mode, which only adds windows behind.
    """
    layer: Any = task.layer
    sizes = task.known("how many windows are left over depends on it")
    cuts = tuple([(min(before, 0), min(after, 0)) for before, after in task.sides])
    rows = zip(sizes, layer.output_size(sizes), cuts, task.sides, task.windows(), strict=True)
    wider = [
        _wider(n + sum(cut), m, max(before, 0), k, s) for n, m, cut, (before, _), (k, s, *_) in rows
    ]
    sides = tuple([(padding, padding) for padding, *_ in wider])
    more = {"ceil_mode": True, "count_include_pad": False}
    pool = Step(name, _spelled("avg_pool", task, sides) | more)
    cropped = (_padding(cuts),) if any(map(any, cuts)) else ()
    return (*cropped, pool, *_cropping(tuple([(first, last) for _, first, last in wider])))


def _wider(n: int, m: int, before: int, k: int, s: int) -> tuple[int, int, int]:
    """Padding on both sides that gives the m windows too, and how many outputs it adds there."""
    for first, padding in enumerate(range(before, k // 2 + 1, s)):
        pool = AvgPool(k, stride=s, padding=padding, ceil_mode=True, axes=1)
        last = pool.output_size(n) - first - m if pool.accepts(n) else -1
        if last >= 0:
            return padding, first, last
    raise ConversionError(
        "nn pads alike on both sides, by at most half of the window, what a mean leaves out",
        hint="Pad first and count the padding, or take padding that is alike on both sides.",
    )


def _lp_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    window = _spelled("max_pool", task, task.sides)
    more = keywords(("ceil_mode", layer.ceil_mode, False))
    yield (Step(f"LPPool{task.axes}d", {"norm_type": layer.norm} | window | more),)


def _max_unpool(task: Task) -> Iterator[tuple[Step, ...]]:
    if not task.settled:
        raise ConversionError("nn.MaxUnpool takes the size when it is called, as output_size")
    if not _symmetric(task.sides):
        raise ConversionError("nn.MaxUnpool crops both sides alike")
    yield (Step(f"MaxUnpool{task.axes}d", _spelled("max_pool", task, task.sides)),)


_LINEAR = ("linear", "bilinear", "trilinear")


def _upsample(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    mode = layer.mode
    if mode in _LINEAR and mode != _LINEAR[task.axes - 1]:
        raise ConversionError(f"nn.Upsample has mode {mode!r} for other numbers of axes")
    if mode not in ("nearest", "nearest-exact", "area", "bicubic", *_LINEAR):
        raise ConversionError(f"nn.Upsample has no mode {mode!r}")
    if mode == "bicubic" and task.axes != 2:
        raise ConversionError("nn.Upsample has mode 'bicubic' for two axes alone")
    arguments = keywords(
        ("size", layer.size, None),
        ("scale_factor", layer.factor, None),
        ("mode", mode, "nearest"),
        ("align_corners", layer.align_corners, False),
    )
    yield (Step("Upsample", arguments),)


def _shuffle(name: str, argument: str) -> Callable[[Task], Iterator[tuple[Step, ...]]]:
    def ways(task: Task) -> Iterator[tuple[Step, ...]]:
        if task.axes != 2 or isinstance(task.layer.factor, tuple):  # type: ignore[attr-defined]  # shuffles have it
            raise ConversionError(f"nn.{name} has two axes and one factor for both")
        yield (Step(name, {argument: task.each("factor")[0]}),)

    return ways


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
        made += (Step(f"MaxPool{task.axes}d", {"kernel_size": 1, "stride": alike([*steps])}),)
    yield made or (Step("Identity", {}),)


def _adaptive(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    size = layer.size
    if task.axes == 1 and size is None:
        yield (Step("Identity", {}),)
        return
    name = "AdaptiveMaxPool" if layer.kind == "max" else "AdaptiveAvgPool"
    size = (None,) * task.axes if size is None else size
    yield (Step(f"{name}{task.axes}d", {"output_size": size}),)


def _global(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    name = "AdaptiveMaxPool" if layer.kind == "max" else "AdaptiveAvgPool"
    pool = Step(f"{name}{task.axes}d", {"output_size": 1})
    yield (pool,) if layer.keepdims else (pool, Step("Flatten", {}, spatial=False))


def _identity(task: Task) -> Iterator[tuple[Step, ...]]:
    refuse_other_names(task)
    yield (Step("Identity", {}),)


def _flatten(_task: Task) -> Iterator[tuple[Step, ...]]:
    yield (Step("Flatten", {"start_dim": 2}),)


def _dense(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    inputs = layer.in_features or task.known("nn.Linear has one input for each element")[-1]
    arguments = {"in_features": inputs, "out_features": layer.out_features}
    yield (Step("Linear", arguments | keywords(("bias", layer.bias, True)), _weights(layer)),)


def _reshape(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    unflatten = Step("Unflatten", {"dim": 2, "unflattened_size": layer.sizes})
    yield (unflatten,) if task.axes == 1 else (Step("Flatten", {"start_dim": 2}), unflatten)


def _unfold(task: Task) -> Iterator[tuple[Step, ...]]:
    if task.axes != 2:
        raise ConversionError("nn.Unfold has two axes")
    window = _spelled("conv", task, task.sides)
    if _symmetric(task.sides):
        yield (Step("Unfold", window),)
    window.pop("padding", None)
    yield _padding(task.sides), Step("Unfold", window)


def _fold(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    if len(layer.size) != 2:
        raise ConversionError("nn.Fold has two axes")
    inside = Task(unfolding(layer), 2, layer.size)
    sides = inside.sides
    size = layer.size
    if _symmetric(sides):
        window = _spelled("conv", inside, sides)
        yield (Step("Fold", {"output_size": size} | window),)
    wide = tuple([n + before + after for n, (before, after) in zip(size, sides, strict=True)])
    window = _spelled("conv", inside)
    yield Step("Fold", {"output_size": wide} | window), *_cropping(sides)


WAYS: dict[type[Layer], Callable[[Task], Iterator[tuple[Step, ...]]]] = {
    Conv: _conv,
    DepthwiseConv: _depthwise,
    ConvTranspose: _conv_transpose,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    LpPool: _lp_pool,
    MaxUnpool: _max_unpool,
    Upsample: _upsample,
    PixelShuffle: _shuffle("PixelShuffle", "upscale_factor"),
    PixelUnshuffle: _shuffle("PixelUnshuffle", "downscale_factor"),
    Pad: _pad,
    Crop: _crop,
    Slice: _slice,
    AdaptivePool: _adaptive,
    GlobalPool: _global,
    Identity: _identity,
    Flatten: _flatten,
    Dense: _dense,
    Reshape: _reshape,
    Unfold: _unfold,
    Fold: _fold,
}
"""For each kind of layer the ways to write it, the plainest first; the first that holds is taken.

A way raises `ConversionError` where there is none.
"""
