"""Layers as Keras's own: for each kind of layer the ways to write it, the plainest first."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.dialects.spec import alike, keywords
from deconvcalc.errors import ConversionError
from deconvcalc.formulas import effective_kernel
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
    pads_and_cuts,
    refuse_other_names,
    slices,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["WAYS"]

KERAS = DIALECTS["keras"]
_LAST = ("last", None)


def _weights(layer: Any, *changes: tuple[str, Any]) -> tuple[Weight, ...]:
    kernel = Weight("kernel", *changes, _LAST)
    return (kernel, Weight("bias")) if layer.bias else (kernel,)


def _any(sides: tuple[Pair, ...]) -> bool:
    return any(side for pair in sides for side in pair)


def _pairs(sides: tuple[Pair, ...]) -> Any:
    """Sides as ZeroPadding and Cropping take them: one axis has a single pair."""
    if all(pair == (pair[0], pair[0]) for pair in sides):
        return alike([before for before, _ in sides])
    return sides[0] if len(sides) == 1 else sides


def _padding(sides: tuple[Pair, ...]) -> tuple[Step, ...]:
    """Zeros around the input; negative sides crop."""
    pads, cuts = pads_and_cuts(sides)
    steps: tuple[Step, ...] = ()
    if _any(pads):
        steps = (Step(f"ZeroPadding{len(sides)}D", {"padding": _pairs(pads)}),)
    return steps + _cropping(cuts)  # in this order something is left of a small input


def _cropping(sides: tuple[Pair, ...]) -> tuple[Step, ...]:
    if not _any(sides):
        return ()
    return (Step(f"Cropping{len(sides)}D", {"cropping": _pairs(sides)}),)


def _padded(task: Task, make: Callable[[dict[str, Any]], Step]) -> Iterator[tuple[Step, ...]]:
    """A convolution by Keras's own words for padding, or behind a layer that pads."""
    valid, same = [KERAS.spell("conv", task.windows(), mode) for mode in KERAS.modes["conv"]]
    yield (make(valid),)
    yield (make(same),)
    if task.axes == 1:
        yield (make(valid | {"padding": "causal"}),)
    yield (*_padding(task.sides), make(valid))


def _conv(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    if layer.padding_mode != "zeros" and _any(task.sides):
        raise ConversionError(f"Keras has no layer that pads by {layer.padding_mode!r}")
    name = f"Conv{task.axes}D"
    more = keywords(("groups", layer.groups, 1), ("use_bias", layer.bias, True))

    def make(window: dict[str, Any]) -> Step:
        return Step(name, {"filters": OUT} | window | more, _weights(layer))

    yield from _padded(task, make)
    weights = _weights(layer, ("spread", task.dilation))
    yield (*_padding(task.sides), Step(name, {"filters": OUT} | _written_out(task) | more, weights))


def _refused(task: Task) -> bool:
    """Whether there is a stride with a dilation: Keras refuses that, on any axes."""
    return max(task.each("stride")) > 1 and max(task.dilation) > 1


def _valid(task: Task) -> dict[str, Any]:
    """The window without padding."""
    return KERAS.spell("conv", task.windows(), KERAS.modes["conv"][0])


def _written_out(task: Task) -> dict[str, Any]:
    """The window without padding, and with its dilation written out as zeros in the kernel."""
    rows = zip(task.each("kernel_size"), task.dilation, strict=True)
    spans = [effective_kernel(k, d) for k, d in rows]
    return {"kernel_size": alike(spans), "strides": alike([*task.each("stride")])}


def _depthwise(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    separable = layer.out_channels is not None
    bias = keywords(("use_bias", layer.bias, True))
    if task.axes == 3:
        yield from _depthwise_3d(task)
        return
    kernel = Weight("kernel", ("depthwise", layer.multiplier))
    weights: tuple[Weight, ...] = (kernel,)
    if separable:
        weights += (Weight("pointwise", _LAST),)
    if layer.bias:
        weights += (Weight("bias"),)
    ends = {"filters": OUT} if separable else {}
    more = keywords(("depth_multiplier", layer.multiplier, 1)) | bias

    def make(window: dict[str, Any]) -> Step:
        kind = "Separable" if separable else "Depthwise"
        return Step(f"{kind}Conv{task.axes}D", ends | window | more, weights)

    yield from _padded(task, make)


def _depthwise_3d(task: Task) -> Iterator[tuple[Step, ...]]:
    """Keras has no depthwise convolution of three axes: one with a group for each channel."""
    layer: Any = task.layer
    separable = layer.out_channels is not None
    bias = (Weight("bias"),) if layer.bias else ()
    spread = _refused(task)
    window = _written_out(task) if spread else _valid(task)
    changes = (("spread", task.dilation), _LAST) if spread else (_LAST,)
    wide = {"filters": Channels("in_channels", layer.multiplier)}
    more = {"groups": IN} | keywords(("use_bias", layer.bias and not separable, True))
    weights = (Weight("kernel", *changes), *(() if separable else bias))
    steps = (*_padding(task.sides), Step("Conv3D", wide | window | more, weights))
    if separable:
        arguments = {"filters": OUT, "kernel_size": 1} | keywords(("use_bias", layer.bias, True))
        steps += (Step("Conv3D", arguments, (Weight("pointwise", _LAST), *bias)),)
    yield steps


def _conv_transpose(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    name = f"Conv{task.axes}DTranspose"
    more = {"filters": OUT}, keywords(("use_bias", layer.bias, True))
    grouped = (("ungroup", layer.groups),) if layer.groups > 1 else ()
    for mode in KERAS.modes["conv_transpose"]:
        window = KERAS.spell("conv_transpose", task.windows(task.sides), mode)
        yield (Step(name, more[0] | window | more[1], _weights(layer, *grouped)),)
    strides = task.each("stride")
    plan = crops(task, task.dilation, tuple([s - 1 for s in strides]), both=False)
    kernel = [k + sum(taps) for k, taps in zip(task.each("kernel_size"), plan.taps, strict=True)]
    changes: tuple[tuple[str, Any], ...] = ()
    if any(map(any, plan.taps)):
        changes += (("zero_taps", plan.taps),)
    dilation = task.dilation
    if _refused(task):
        changes += (("spread", dilation),)
        kernel = [effective_kernel(k, d) for k, d in zip(kernel, dilation, strict=True)]
        dilation = (1,) * task.axes
    window = {"kernel_size": alike(kernel)} | keywords(
        ("strides", alike([*strides]), 1),
        ("output_padding", alike([*plan.extra]), None),
        ("dilation_rate", alike([*dilation]), 1),
    )
    step = Step(name, more[0] | window | more[1], _weights(layer, *grouped, *changes))
    yield (step, *_cropping(plan.rest))


def _pool_words(op: str, name: str, task: Task) -> Iterator[tuple[Step, ...]]:
    for mode in KERAS.modes[op]:
        yield (Step(name, KERAS.spell(op, task.windows(), mode)),)


def _no_dilation(task: Task) -> None:
    if max(task.dilation) > 1:
        raise ConversionError("Keras has no pool with a dilation")


def _max_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    _no_dilation(task)
    name = f"MaxPooling{task.axes}D"
    yield from _pool_words("max_pool", name, task)
    yield _every_window(task, name)


def _every_window(task: Task, name: str) -> tuple[Step, ...]:
    """A pool by 'same' and stride 1, of whose outputs those that are wanted stay.

    Its padding is half of its window, and counts for nothing.
    """
    layer: Any = task.layer
    sizes = task.known("how far the last window reaches depends on it")
    pads, cuts = pads_and_cuts(task.sides)
    kernel = task.each("kernel_size")
    rest = []
    for n, m, cut, (before, _), (k, s, *_) in zip(
        sizes, layer.output_size(sizes), cuts, pads, task.windows(), strict=True
    ):
        first = (k - 1) // 2 - before
        last = first + (m - 1) * s
        if first < 0 or last >= n - sum(cut):
            raise ConversionError(
                "Keras pads a pool only by half of its window, with the odd element behind",
                hint="Pad in the model's own code, or take another padding.",
            )
        rest.append((first, n - sum(cut) - 1 - last))
    dense = Step(name, {"pool_size": alike([*kernel]), "strides": 1, "padding": "same"})
    return (*_cropping(cuts), dense, *_cropping(tuple(rest)), *_every(task.each("stride")))


def _every(steps: tuple[int, ...]) -> tuple[Step, ...]:
    """Every so many elements, as a pool of single elements."""
    if max(steps) == 1:
        return ()
    return (Step(f"MaxPooling{len(steps)}D", {"pool_size": 1, "strides": alike([*steps])}),)


def _avg_pool(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    if layer.divisor is not None:
        raise ConversionError("Keras has no mean with a divisor of its own")
    name = f"AveragePooling{task.axes}D"
    yield from _pool_words("avg_pool", name, task)
    if not layer.count_include_pad and _any(task.sides):
        yield _every_window(task, name)
        return
    if layer.ceil_mode and max(task.overhang) > 0:
        if layer.count_include_pad and _any(task.sides):
            raise ConversionError("Keras has no mean over a window that hangs over the end")
        yield _every_window(task, name)
        return
    bare = KERAS.spell("avg_pool", task.windows(), KERAS.modes["avg_pool"][0])
    yield (*_padding(fitted(task)), Step(name, bare))


def _upsample(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    factors = layer.factor is not None and all(isinstance(f, int) for f in task.each("factor"))
    nearest = layer.mode in ("nearest", "nearest-exact")
    if layer.align_corners:
        raise ConversionError("Keras does not resize with aligned corners")
    if factors and nearest:
        yield (Step(f"UpSampling{task.axes}D", {"size": layer.factor}),)
    if nearest and layer.size is not None and task.sizes is not None:
        pairs = [divmod(m, n) for n, m in zip(task.sizes, task.each("size"), strict=True)]
        if not any(rest for _, rest in pairs):
            yield (Step(f"UpSampling{task.axes}D", {"size": alike([f for f, _ in pairs])}),)
    if task.axes == 2 and layer.mode == "bilinear" and factors:
        yield (Step("UpSampling2D", {"size": layer.factor, "interpolation": "bilinear"}),)
    if task.axes == 2 and layer.size is not None and layer.mode in _RESIZING:
        height, width = task.each("size")
        arguments = {"height": height, "width": width, "interpolation": _RESIZING[layer.mode]}
        yield (Step("Resizing", arguments),)
    raise ConversionError(
        f"Keras has no resize by mode {layer.mode!r}, {task.axes} axes and this factor or size"
    )


_RESIZING = {"bilinear": "bilinear", "nearest-exact": "nearest"}


def _moved(name: str, **arguments: Any) -> Step:
    """A layer that moves channels as well as sizes."""
    return Step(name, arguments, spatial=False)


def _shuffle(task: Task) -> Iterator[tuple[Step, ...]]:
    """Channels to pixels, by reshaping: (..., c, r, r) has the offsets behind the channels."""
    sizes = task.known("Reshape names all sizes")
    factors = task.each("factor")
    axes = range(1, task.axes + 1)
    order = [place for i in axes for place in (i, task.axes + 1 + i)]
    result = tuple([n * factor for n, factor in zip(sizes, factors, strict=True)])
    yield (
        _moved("Reshape", target_shape=(*sizes, OUT, *factors)),
        _moved("Permute", dims=(*order, task.axes + 1)),
        _moved("Reshape", target_shape=(*result, OUT)),
    )


def _unshuffle(task: Task) -> Iterator[tuple[Step, ...]]:
    sizes = task.known("Reshape names all sizes")
    factors = task.each("factor")
    split = [(n // factor, factor) for n, factor in zip(sizes, factors, strict=True)]
    count = range(task.axes)
    yield (
        _moved("Reshape", target_shape=(*[part for pair in split for part in pair], IN)),
        _moved(
            "Permute",
            dims=(*[2 * i + 1 for i in count], 2 * task.axes + 1, *[2 * i + 2 for i in count]),
        ),
        _moved(
            "Reshape", target_shape=(*[n for n, _ in split], Channels("in_channels", prod(factors)))
        ),
    )


def _pad(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    sides = task.sides
    if max(side for pair in sides for side in pair) > 0:
        if layer.mode != "constant":
            raise ConversionError(f"Keras has no layer that pads by {layer.mode!r}")
        if layer.value:
            raise ConversionError(f"Keras has no layer that pads by {layer.value}")
    yield _padding(sides) or (Step("Identity", {}),)


def _crop(task: Task) -> Iterator[tuple[Step, ...]]:
    sides = tuple([(rule.before, rule.after) for rule in task.each("cropping")])
    yield _cropping(sides) or (Step("Identity", {}),)


def _slice(task: Task) -> Iterator[tuple[Step, ...]]:
    sides, steps = slices(task)
    yield (*_cropping(sides), *_every(steps)) or (Step("Identity", {}),)


def _adaptive(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    size = task.each("size")
    if None in size:
        sizes = task.known("an axis stays as it is")
        size = tuple([n if m is None else m for n, m in zip(sizes, size, strict=True)])
    kind = "Max" if layer.kind == "max" else "Average"
    if set(size) == {1}:
        yield (Step(f"Global{kind}Pooling{task.axes}D", {"keepdims": True}),)
        return
    before, size, after = _alive(task, size) if kind == "Max" else ((), size, ())
    # Of one axis it takes an int, of several a tuple.
    output = size[0] if task.axes == 1 else size
    step = Step(f"Adaptive{kind}Pooling{task.axes}D", {"output_size": output})
    yield (*before, step, *after)


def _alive(
    task: Task, size: tuple[int, ...]
) -> tuple[tuple[Step, ...], tuple[int, ...], tuple[Step, ...]]:
    """An adaptive max pool without what kills TensorFlow: a last axis of 1, in or out.

    An input of 1 is doubled first; for an output of 1 the last axis is pooled afterwards.
    """
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    ones = (1,) * (task.axes - 1)
    n = task.sizes[-1] if task.sizes else 2
    if n == 1:
        before = (Step(f"UpSampling{task.axes}D", {"size": alike([*ones, 2])}),)
        n = 2
    if size[-1] == 1:
        task.known("the last axis is pooled by itself")
        after = (Step(f"MaxPooling{task.axes}D", {"pool_size": (*ones, n)}),)
        size = (*size[:-1], n)
    return before, size, after


def _global(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    kind = "Max" if layer.kind == "max" else "Average"
    arguments = keywords(("keepdims", layer.keepdims, False))
    yield (Step(f"Global{kind}Pooling{task.axes}D", arguments),)


def _identity(task: Task) -> Iterator[tuple[Step, ...]]:
    refuse_other_names(task)
    yield (Step("Identity", {}),)


def _flatten(_task: Task) -> Iterator[tuple[Step, ...]]:
    yield (_moved("Reshape", target_shape=(-1, IN)),)


def _dense(task: Task) -> Iterator[tuple[Step, ...]]:
    """On the last spatial axis: it changes places with the channels, and back."""
    layer: Any = task.layer
    swap = _moved("Permute", dims=(*range(1, task.axes), task.axes + 1, task.axes))
    arguments = {"units": layer.out_features} | keywords(("use_bias", layer.bias, True))
    yield swap, Step("Dense", arguments, _weights(layer)), swap


def _reshape(task: Task) -> Iterator[tuple[Step, ...]]:
    layer: Any = task.layer
    yield (_moved("Reshape", target_shape=(*layer.sizes, IN)),)


def _none(what: str) -> Callable[[Task], Iterator[tuple[Step, ...]]]:
    def ways(_task: Task) -> Iterator[tuple[Step, ...]]:
        raise ConversionError(f"Keras has no layer that {what}")

    return ways


WAYS: dict[type[Layer], Callable[[Task], Iterator[tuple[Step, ...]]]] = {
    Conv: _conv,
    DepthwiseConv: _depthwise,
    ConvTranspose: _conv_transpose,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    LpPool: _none("pools by a norm"),
    MaxUnpool: _none("undoes a max pool"),
    Upsample: _upsample,
    PixelShuffle: _shuffle,
    PixelUnshuffle: _unshuffle,
    Pad: _pad,
    Crop: _crop,
    Slice: _slice,
    AdaptivePool: _adaptive,
    GlobalPool: _global,
    Identity: _identity,
    Flatten: _flatten,
    Dense: _dense,
    Reshape: _reshape,
    Unfold: _none("lays windows side by side"),
    Fold: _none("adds windows up"),
}
"""For each kind of layer the ways to write it, the plainest first; the first that holds is taken.

A way raises `ConversionError` where there is none.
"""
