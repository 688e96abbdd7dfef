"""Functions of torch that are layers: convolutions, pools, resizing, padding.

The rules of their arguments stand in the dialect; here stands what their functions call them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from deconvcalc.dialects.spec import Given as Arguments
from deconvcalc.dialects.torch_calls import CALLS
from deconvcalc.errors import DeconvcalcError
from deconvcalc.formulas import effective_kernel
from deconvcalc.layers import GlobalPool, Unfold
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import extent
from deconvcalc.model.operations import applied
from deconvcalc.model.shapes import Shape
from deconvcalc.tracing.torch.arguments import (
    at_traced,
    bound,
    dim_of,
    has_size,
    plain,
    same_dims,
    symbolic,
)
from deconvcalc.tracing.torch.known import laid_out
from deconvcalc.tracing.torch.shapes import always, product
from deconvcalc.tracing.torch.sizes import Size
from deconvcalc.tracing.torch.tracer import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.layers import Layer
    from deconvcalc.tracing.torch.arguments import Dim
    from deconvcalc.tracing.torch.tracer import Tracer

__all__ = ["HANDLERS"]


def made(call: str, **values: Any) -> Layer:
    """The layer of a call of the dialect."""
    key = tuple([(name, _frozen(value)) for name, value in values.items()])
    return _made(call, key)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


@lru_cache(1_024)
def _made(call: str, values: tuple[tuple[str, Any], ...]) -> Layer:
    spec = CALLS[call]
    layer: Layer = spec.make(Arguments(spec, dict(spec.parameters) | dict(values)))
    return layer


def through(tracer: Tracer, tensor: Any, layer: Layer, go: Callable[[], Any], name: str) -> Any:
    """A layer on the last axes of a tensor; what stands before its channels stays."""
    known = tracer.known(tensor)
    axes = layer.axes or max(len(known.dims) - 2, 1)
    place = len(known.dims) - axes - 1
    if place < 0 or place > 1:
        return go()  # torch refuses it, and says why
    lead, channels, spatial = known.dims[:place], known.dims[place], known.dims[place + 1 :]
    node = tracer.source(tensor)
    fits = node.shape.channels == channels and same_dims(node.shape.extents, spatial)
    if fits and all(isinstance(one, int) for one in lead):
        return tracer.emit(layer, [tensor], go, name, lead=lead)
    known_channels = channels if isinstance(channels, int) else None
    shape, conditions = applied(layer, [Shape(known_channels, spatial)])
    wanted = getattr(layer, "in_channels", None)
    if known_channels is None and wanted is not None:
        rule = f"the layer takes {wanted} channels"
        conditions.append(Condition(channels, "==", wanted, rule))
    deep: Dim = channels if shape.channels is None else shape.channels
    dims = (*lead, deep, *[dim_of(one) for one in shape.extents])
    held = layer if all(one == 1 for one in lead) and laid_out(known.dims).channels else None
    return tracer.given(repr(layer), dims, [tensor], go, name, conditions, layer=held)


def _axes(name: str) -> int:
    return int(name.rstrip("_").removesuffix("_with_indices")[-2])


def _function(func: Any) -> str:
    return str(func.__name__).removesuffix("_with_indices")


# Convolutions.


def conv(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    name = _function(func)
    given = bound("input weight bias stride padding dilation groups", args, kwargs, bias=None)
    tensor, weight = given.pop("input"), given.pop("weight")
    shape, bias = weight.shape, given.pop("bias")
    groups = given.get("groups", 1)
    layer = made(
        f"Conv{name[-2:]}",
        in_channels=shape[1] * groups,
        out_channels=shape[0],
        kernel_size=tuple(shape[2:]),
        bias=bias is not None,
        **plain(given),
    )
    return through(tracer, tensor, layer, Call(tracer, func, args, kwargs), name)


def conv_transpose(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    name = _function(func)
    order = "input weight bias stride padding output_padding groups dilation"
    given = bound(order, args, kwargs, bias=None, output_padding=0)
    tensor, weight, bias = given.pop("input"), given.pop("weight"), given.pop("bias")
    extra = given.pop("output_padding")
    values = {
        "in_channels": weight.shape[0],
        "out_channels": weight.shape[1] * given.get("groups", 1),
        "kernel_size": tuple(weight.shape[2:]),
        "bias": bias is not None,
        **plain(given),
    }
    call = f"ConvTranspose{name[-2:]}"
    go: Callable[[], Any] = Call(tracer, func, args, kwargs)
    asked, tracer.asked = tracer.asked, None
    if asked is None and not has_size([extra]):
        return through(tracer, tensor, made(call, output_padding=extra, **values), go, name)
    layer: Any = made(call, **values)
    sizes, work = None, go
    if asked is not None:
        module, size = asked
        sizes = size[-layer.axes :]

        def work() -> Any:
            real = tracer.real(args)
            extra = module._output_padding(
                real[0],
                at_traced(size),
                module.stride,
                module.padding,
                module.kernel_size,
                layer.axes,
                module.dilation,
            )
            return func(*real[:5], extra, *real[6:])

    ends = at_traced(extra)
    if sizes is not None:
        natural = layer.output_size(tuple(tensor.shape[-layer.axes :]))
        ends = tuple([at_traced(one) - its for one, its in zip(sizes, natural, strict=True)])
    try:
        here = made(call, **values, output_padding=ends)
    except DeconvcalcError:  # no such layer: the conditions say so
        here = layer
    return _transposed_to(tracer, tensor, layer, sizes, extra, work, name, here)


def _transposed_to(
    tracer: Tracer,
    tensor: Any,
    layer: Any,
    asked: Any,
    extra: Any,
    go: Any,
    name: str,
    here: Layer,
) -> Any:
    """A transposed convolution whose size is asked for, or whose output_padding is computed."""
    known = tracer.known(tensor)
    axes = layer.axes
    lead, spatial = known.dims[: -axes - 1], known.dims[-axes:]
    natural, conditions = applied(layer, [Shape(None, spatial)])
    if asked is None:
        several = extra if isinstance(extra, (tuple, list)) else (extra,) * axes
        sizes = [one + symbolic(more) for one, more in zip(natural.extents, several, strict=True)]
    else:
        sizes = [extent(symbolic(one)) for one in asked]
    for axis, (one, size) in enumerate(zip(natural.extents, sizes, strict=True)):
        step, dilation = _of(layer.stride, axis), _of(layer.dilation, axis)
        most = step - 1 if asked is not None else max(step, dilation) - 1
        rules = "the size asked for is not too small", "the size asked for is not too large"
        for left, right, rule in ((size, one, rules[0]), (one + most, size, rules[1])):
            held = Condition(left, ">=", right, rule, axis)
            if not always(held):
                conditions.append(held)
    dims = (*lead, layer.out_channels, *[dim_of(one) for one in sizes])
    return tracer.given(repr(layer), dims, [tensor], go, name, conditions, layer=here)


def _of(value: Any, axis: int) -> int:
    return int(value[axis] if isinstance(value, tuple) else value)


# Pools.


def pool(kind: str, order: str) -> Any:
    """The handler of a pool; `order` names the arguments of its function."""

    def handler(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
        name = _function(func)
        given = bound(order, args, kwargs)
        tensor = given.pop("input")
        for ignored in ("return_indices", "output_ratio", "_random_samples"):
            given.pop(ignored, None)
        go = Call(tracer, func, args, kwargs)
        if _whole_window(tracer, tensor, given, _axes(name)):
            whole = GlobalPool(_KINDS[kind], axes=_axes(name))
            return through(tracer, tensor, whole, go, name)
        values = {key: value for key, value in plain(given).items() if value is not None}
        if "divisor_override" in values and _axes(name) == 1:
            del values["divisor_override"]
        layer = made(f"{kind}{name[-2:]}", **values)
        return through(tracer, tensor, layer, go, name)

    return handler


_KINDS = {"MaxPool": "max", "AvgPool": "average"}


def _whole_window(tracer: Tracer, tensor: Any, given: dict[str, Any], axes: int) -> bool:
    """Whether the window of a pool is all of its input, whatever its size."""
    kernel, stride = given.get("kernel_size"), given.get("stride")
    dims = tracer.known(tensor).dims[-axes:]
    if "norm_type" in given or not has_size([kernel]) or len(dims) != axes:
        return False
    if given.get("divisor_override") is not None:
        return False
    sizes = [symbolic(one) for one in _each(kernel, axes)]
    alike = (
        stride is None
        or stride == ()
        or same_dims([symbolic(one) for one in _each(stride, axes)], dims)
    )
    plainly = all(
        type(one) is int and one == its
        for name, its in (("padding", 0), ("dilation", 1))
        for one in _each(given.get(name, its), axes)
    )
    return alike and plainly and same_dims(sizes, dims)


def adaptive(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    name = _function(func)
    given = bound("input output_size return_indices", args, kwargs)
    tensor, size = given["input"], given["output_size"]
    go = Call(tracer, func, args, kwargs)
    kind = "Max" if "max" in name else "Avg"
    if has_size([size]):
        here = made(f"Adaptive{kind}Pool{name[-2:]}", output_size=at_traced(size))
        return _to_size(tracer, tensor, _each(size, _axes(name)), go, name, here)
    size = tuple(size) if isinstance(size, (tuple, list)) else size
    if isinstance(size, tuple) and len(set(size)) == 1:
        size = size[0] if size[0] is not None else size
    if size == 1:
        kinds = {"Max": "max", "Avg": "average"}
        layer: Layer = GlobalPool(kinds[kind], axes=_axes(name))
    else:
        layer = made(f"Adaptive{kind}Pool{name[-2:]}", output_size=size)
    return through(tracer, tensor, layer, go, name)


def _each(size: Any, axes: int) -> tuple[Any, ...]:
    if isinstance(size, (tuple, list)):
        return tuple(size) * axes if len(size) == 1 else tuple(size)
    return (size,) * axes


def _to_size(
    tracer: Tracer, tensor: Any, sizes: Sequence[Any], go: Any, name: str, layer: Layer | None
) -> Any:
    """The last axes in sizes that the code computed."""
    dims = tracer.known(tensor).dims
    kept = dims[: len(dims) - len(sizes)]
    ends = [
        old if one is None else symbolic(one)
        for old, one in zip(dims[len(kept) :], sizes, strict=True)
    ]
    label = f"{tracer.label(name)} to {' x '.join(map(str, ends))}"
    return tracer.given(label, (*kept, *ends), [tensor], go, name, layer=layer)


def unpool(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    name = _function(func)
    given = bound("input indices kernel_size stride padding output_size", args, kwargs)
    tensor, size = given["input"], given.get("output_size")
    window = {
        key: plain(given[key])
        for key in ("kernel_size", "stride", "padding")
        if given.get(key) not in (None, ())
    }
    layer: Any = made(f"MaxUnpool{name[-2:]}", **window)
    go = Call(tracer, func, args, kwargs)
    if size is None:
        return through(tracer, tensor, layer, go, name)
    axes = _axes(name)
    sizes = [extent(symbolic(one)) for one in tuple(size)[-axes:]]
    dims = tracer.known(tensor).dims
    natural, conditions = applied(layer, [Shape(None, dims[-axes:])])
    for axis, (one, wanted) in enumerate(zip(natural.extents, sizes, strict=True)):
        step = _of(layer.stride, axis)
        rule = "the size asked for lies within the stride of its own"
        conditions.append(Condition(wanted, ">=", one - (step - 1), rule, axis))
        conditions.append(Condition(one + (step - 1), ">=", wanted, rule, axis))
    whole = (*dims[:-axes], *[dim_of(one) for one in sizes])
    return tracer.given(repr(layer), whole, [tensor], go, name, conditions)


# Resizing and padding.


def interpolate(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    order = "input size scale_factor mode align_corners recompute_scale_factor antialias"
    given = bound(order, args, kwargs, size=None, scale_factor=None, mode="nearest")
    tensor, size, scale = given["input"], given["size"], given["scale_factor"]
    go = Call(tracer, func, args, kwargs)
    axes = len(tracer.known(tensor).dims) - 2
    options = {"mode": given["mode"], "align_corners": given.get("align_corners")}
    smooth = bool(given.get("antialias"))  # its windows are wider than any layer's
    if has_size([size]):
        sizes = _each(size, axes)
        here = made("Upsample", size=tuple(at_traced(sizes)), **options)
        return _to_size(tracer, tensor, sizes, go, "interpolate", None if smooth else here)
    layer = made(
        "Upsample",
        size=tuple(size) if isinstance(size, (tuple, list)) else size,
        scale_factor=tuple(plain(scale)) if isinstance(scale, (tuple, list)) else plain(scale),
        **options,
    )
    if smooth:
        dims = tracer.known(tensor).dims
        shape, asked = applied(layer, [Shape(None, dims[2:])])
        made_dims = (*dims[:2], *[dim_of(one) for one in shape.extents])
        return tracer.given(repr(layer), made_dims, [tensor], go, "interpolate", asked)
    return through(tracer, tensor, layer, go, "interpolate")


def shuffle(call: str, factor: str) -> Any:
    """The handler of a pixel shuffle or its inverse."""

    def handler(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
        given = bound(f"input {factor}", args, kwargs)
        layer = made(call, **{factor: given[factor]})
        go = Call(tracer, func, args, kwargs)
        return through(tracer, given["input"], layer, go, func.__name__)

    return handler


_PADS = {
    "constant": "ConstantPad",
    "reflect": "ReflectionPad",
    "replicate": "ReplicationPad",
    "circular": "CircularPad",
}


def pad(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input pad mode value", args, kwargs, mode="constant", value=None)
    tensor, sides, mode = given["input"], list(given["pad"]), given["mode"]
    dims = tracer.known(tensor).dims
    go = Call(tracer, func, args, kwargs)
    axes = len(dims) - 2
    covered = len(sides) // 2
    if covered > axes >= 1 and not any(type(one) is Size or one for one in sides[2 * axes :]):
        sides, covered = sides[: 2 * axes], axes
    plainly = not has_size(sides) and 1 <= covered <= axes <= 3
    if plainly and (mode == "constant" or covered == axes):
        value = {"value": float(plain(given["value"]) or 0.0)} if mode == "constant" else {}
        layer = made(f"{_PADS[mode]}{axes}d", padding=tuple(sides), **value)
        return through(tracer, tensor, layer, go, "pad")
    return _padded(tracer, tensor, sides, mode, go)


def _padded(tracer: Tracer, tensor: Any, sides: list[Any], mode: str, go: Any) -> Any:
    """Padding by amounts that the code computed, or of axes that no layer pads."""
    dims = list(tracer.known(tensor).dims)
    conditions: list[Condition] = []
    values = tracer.sizes(tensor)
    for back in range(1, len(sides) // 2 + 1):
        before, after = sides[2 * back - 2 : 2 * back]
        dims[-back] = symbolic(values[-back] + before + after)
        axis = len(dims) - back - 2
        conditions += _room(values[-back], before, after, mode, axis if axis >= 0 else None)
    label, made_dims = f"Pad(mode={mode!r})", tuple(dims)
    here = _pad_layer(at_traced(sides), mode, len(dims) - 2)
    return tracer.given(label, made_dims, [tensor], go, "pad", conditions, layer=here)


def _pad_layer(sides: list[int], mode: str, axes: int) -> Layer | None:
    """The layer that a padding is at the traced sizes; None where it pads other axes too."""
    if not 1 <= len(sides) // 2 <= axes <= 3:
        return None
    sides = [*sides, *[0] * (2 * axes - len(sides))]
    value = {"value": 0.0} if mode == "constant" else {}
    return made(f"{_PADS[mode]}{axes}d", padding=tuple(sides), **value)


def _room(size: Any, before: Any, after: Any, mode: str, axis: int | None) -> list[Condition]:
    """What padding needs of the size that it pads."""
    whole = extent(symbolic(size))
    one, other = extent(symbolic(before)), extent(symbolic(after))
    asked = []
    if mode == "constant":
        rule = "the crop lies inside the input"
        asked = [Condition(whole + side, ">=", 0, rule, axis) for side in (one, other)]
        asked.append(Condition(whole + one.minimum(0) + other.minimum(0), ">=", 0, rule, axis))
    if mode == "reflect":
        rule = "the input is longer than each padded side"
        asked = [Condition(whole - 1, ">=", side, rule, axis) for side in (one, other)]
    if mode == "circular":
        rule = "the input is as long as each padded side"
        asked = [Condition(whole, ">=", side, rule, axis) for side in (one, other)]
    return [one for one in asked if not always(one)]


# Windows side by side.


def unfold(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input kernel_size dilation padding stride", args, kwargs)
    tensor = given.pop("input")
    dims = tracer.known(tensor).dims
    layer: Any = made("Unfold", **plain(given))
    assert isinstance(layer, Unfold)
    shape, conditions = applied(layer, [Shape(int(at_traced(dims[1])), dims[2:])])
    whole = (dims[0], int(shape.channels or 1), dim_of(shape.extents[0]))
    go = Call(tracer, func, args, kwargs)
    return tracer.given(repr(layer), whole, [tensor], go, "unfold", conditions)


def fold(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    order = "input output_size kernel_size dilation padding stride"
    given = bound(order, args, kwargs, dilation=1, padding=0, stride=1)
    tensor, sizes = given["input"], _each(given["output_size"], 2)
    dims = tracer.known(tensor).dims
    rows = [_each(given[key], 2) for key in ("kernel_size", "stride", "padding", "dilation")]
    counts: list[Any] = []
    taps = 1
    for size, k, s, p, d in zip(sizes, *rows, strict=True):
        taps *= int(k)
        counts.append((size + 2 * p - effective_kernel(k, d)) // s + 1)
    total = product([symbolic(one) for one in counts])
    rule = "there are as many windows as the output has"
    channels = dims[1]
    whole = (dims[0], int(at_traced(channels)) // taps, *[symbolic(one) for one in sizes])
    go = Call(tracer, func, args, kwargs)
    asked = [Condition(dims[2], "==", total, rule)]
    return tracer.given("Fold", whole, [tensor], go, "fold", asked)


_MAX = "input kernel_size stride padding dilation ceil_mode return_indices"
_AVG = "input kernel_size stride padding ceil_mode count_include_pad divisor_override"
_LP = "input norm_type kernel_size stride ceil_mode"
HANDLERS: dict[str, Any] = {
    **{f"conv{n}d": conv for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": conv_transpose for n in (1, 2, 3)},
    **{f"max_pool{n}d": pool("MaxPool", _MAX) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": pool("AvgPool", _AVG) for n in (1, 2, 3)},
    **{f"lp_pool{n}d": pool("LPPool", _LP) for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": adaptive for n in (1, 2, 3) for kind in ("avg", "max")},
    **{f"max_unpool{n}d": unpool for n in (1, 2, 3)},
    "interpolate": interpolate,
    "upsample": interpolate,
    "pixel_shuffle": shuffle("PixelShuffle", "upscale_factor"),
    "pixel_unshuffle": shuffle("PixelUnshuffle", "downscale_factor"),
    "pad": pad,
    "unfold": unfold,
    "fold": fold,
}
