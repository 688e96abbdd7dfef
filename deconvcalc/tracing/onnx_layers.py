"""The operators of a graph that are layers: windows, pads, resizes, normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects.onnx_calls import CALLS, exact_scale, resize_mode
from deconvcalc.dialects.spec import Given as Arguments
from deconvcalc.dialects.spec import alike
from deconvcalc.layers import (
    Identity,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Upsample,
)
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, extent
from deconvcalc.tracing.onnx_graph import Tensor, dims_of
from deconvcalc.tracing.onnx_merges import product
from deconvcalc.tracing.onnx_numbers import Unknown, plain, scaled, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.tracing.onnx_operators import Op

__all__ = ["LAYERS"]


MOST_FACTOR = 2**31
"""Factors from here on are refused."""


def _weighted(op: Op) -> list[Tensor]:
    """A convolution, or a transposed one: its weights say the channels and the kernel."""
    weights = op.tensor(1)
    dims = [plain(one) for one in weights.dims]
    if len(dims) < 3 or not all(isinstance(one, int) for one in dims):
        raise op.refuse("its weights have no known dimensions")
    kernel = tuple(dims[2:])
    if op.attribute("kernel_shape", kernel) != kernel:
        raise op.refuse(f"its kernel_shape is not that of its weights, {kernel}")
    layer: Any = op.read(kernel_shape=kernel, B=op.given(2) is not None)
    groups = layer.groups
    ends = (dims[1] * groups, dims[0]) if op.node.op == "Conv" else (dims[0], dims[1] * groups)
    if min(ends) < 1:
        raise op.refuse("its weights have no elements")
    layer = layer.replace(in_channels=ends[0], out_channels=ends[1])
    made = op.builder.layer(op.node, layer, [op.tensor(0)], weights=op.tensors[1:])
    return [made]


def _pool(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    if _is_plain(op):
        layer = op.read()
        conditions = _same_pads(op, layer, first)
        return op.all_alike(op.builder.layer(op.node, layer, [first], conditions=conditions))
    # Averages with dilation, and norms with pads, have windows but no layer of their own.
    windows = op.read("MaxPool")
    shape, conditions = op.builder.sized(op.node, windows, first)
    return [op.builder.given(op.node, dims_of(first.dims[0], shape), [first], conditions)]


def _is_plain(op: Op) -> bool:
    """Whether a layer of the library has all that the pool has."""
    dilated = any(one > 1 for one in op.attribute("dilations", ()))
    padded = any(op.attribute("pads", ())) or "SAME" in op.attribute("auto_pad", "")
    if op.node.op == "AveragePool":
        return not dilated
    hanging = bool(op.attribute("ceil_mode", 0))
    return op.node.op == "MaxPool" or not (dilated or padded or hanging)


def _same_pads(op: Op, layer: Any, tensor: Tensor) -> list[Condition]:
    """What ONNX Runtime asks of a pool with SAME whose stride is larger than its window.

    Elements are left over at the end there, and it refuses where that is more than one.
    """
    if "SAME" not in op.attribute("auto_pad", ""):
        return []
    found = []
    for axis, size in enumerate(tensor.spatial):
        kernel, stride = _on(layer.kernel_size, axis), _on(layer.stride, axis)
        if kernel < stride:
            needed = ((size + (stride - 1)) // stride - 1) * stride + kernel - size
            rule = "the padding of SAME is not negative"
            found.append(Condition(needed, ">=", 0, rule, axis))
    return found


def _on(value: Any, axis: int) -> int:
    return int(value[axis]) if isinstance(value, tuple) else int(value)


def _global(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    if op.node.op == "GlobalLpPool":
        ones = [1] * len(first.spatial)
        return [op.builder.given(op.node, (*first.dims[:2], *ones), [first])]
    layer = op.read()
    return [op.builder.layer(op.node, layer, [first])]


def _normalised(op: Op) -> list[Tensor]:
    """Normalisation: its scales are as many as the channels."""
    first, scale = op.tensor(0), op.tensor(1)
    held = [one for one in (scale, op.given(2)) if one is not None]
    conditions = []
    if first.rank > 1 and scale.rank == 1 and op.node.op != "GroupNormalization":
        rule = "the scales are as many as the channels"
        found = Condition(first.dims[1], "==", scale.dims[0], rule, "channels")
        conditions += [] if not found.variables and found.holds({}) else [found]
    made = op.builder.layer(op.node, op.read(), [first], weights=held, conditions=conditions)
    return op.all_alike(made)


def _layer_norm(op: Op) -> list[Tensor]:
    """The scales are as many as the elements that are normalised together."""
    first, scale = op.tensor(0), op.tensor(1)
    axis = op.axis(op.attribute("axis", -1), first.rank)
    rule = "the scales are as many as what is normalised"
    found = Condition(product(first.dims[axis:]), "==", product(scale.dims), rule)
    conditions = [found] if found.variables or not found.holds({}) else []
    held = op.tensors[1:]
    made = op.builder.layer(op.node, op.read(), [first], weights=held, conditions=conditions)
    return op.all_alike(made)


def _pad(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    pads = op.vector("paddings", 99) or op.sizes("pads", 1)
    axes = op.axes(first.rank, 3)
    if axes is None:
        axes = [*range(first.rank)]
    if len(pads) != 2 * len(axes):
        raise op.refuse(f"it has {len(pads)} pads for {len(axes)} axes")
    sides: list[tuple[Any, Any]] = [(0, 0)] * first.rank
    for place, axis in enumerate(axes):
        sides[axis] = (plain(pads[place]), plain(pads[place + len(axes)]))
    mode = _PAD_MODES.get(op.attribute("mode", "constant"))
    if mode is None:
        raise op.refuse(f"it has the unknown mode {op.attribute('mode', '')!r}")
    numbers = all(isinstance(side, int) for pair in sides for side in pair)
    mixed = numbers and any(min(pair) < 0 < max(pair) for pair in sides)
    outer = sides[:2] != [(0, 0), (0, 0)]
    if numbers and not mixed and not outer and first.is_image and first.rank > 2:
        layer = Pad(tuple(sides[2:]), mode=mode, value=_fill(op), axes=first.rank - 2)
        return [op.builder.layer(op.node, layer, [first])]
    dims = [
        _padded(op, one, before, after)
        for one, (before, after) in zip(first.dims, sides, strict=True)
    ]
    dims = op.builder.familiar(dims, op.node)
    conditions = op.least(dims)
    if mode != "constant":
        for axis, (one, pair) in enumerate(zip(first.dims, sides, strict=True)):
            conditions += _repeated(one, pair, mode, axis)
    layer_now = None
    now = op.builder.asked([side for pair in sides[2:] for side in pair])
    if now and first.is_image and not outer and not mixed:
        pairs = tuple(zip(now[::2], now[1::2], strict=True))
        layer_now = Pad(pairs, mode=mode, value=_fill(op), axes=len(pairs))
    return [op.builder.given(op.node, dims, [first], conditions, layer=layer_now)]


_PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _repeated(size: Extent, pair: tuple[Any, Any], mode: str, axis: int) -> list[Condition]:
    """What a pad with elements of the input asks: ONNX Runtime crops first, and then repeats."""
    cropped = [side for side in pair if isinstance(side, int) and side < 0]
    left = size + sum(cropped)
    place = axis - 2 if axis > 1 else None
    found = [Condition(left, ">=", 1, "something is left to repeat", place)] if cropped else []
    if mode == "reflect":
        found += [
            Condition(left, ">=", extent(side) + 1, "a reflection is shorter", place)
            for side in pair
            if not isinstance(side, int) or side > 0
        ]
    return found


def _padded(op: Op, size: Extent, before: Any, after: Any) -> Extent:
    if any(not isinstance(side, (int, Extent)) for side in (before, after)):
        raise op.refuse("its pads are no whole numbers")
    return size + (extent(before) + extent(after))


def _fill(op: Op) -> float:
    """The value of a constant pad; 0 where it is not known."""
    held = op.given(2)
    value = op.attribute("value", 0.0)
    if held is not None and held.numbers is not None and held.numbers.size == 1:
        value = held.numbers.reshape(-1)[0]
    return float(value) if isinstance(value, (int, float)) else 0.0


def _resize(op: Op) -> list[Tensor]:
    """Resize and Upsample: by factors or to sizes, of all axes or of some."""
    first = op.tensor(0)
    policy = op.attribute("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch" or op.attribute("coordinate_transformation_mode", "").startswith("tf_"):
        raise op.refuse(f"keep_aspect_ratio_policy={policy!r} and cropping are not known here")
    late = op.node.op == "Resize" and op.opset >= 11
    scales = op.vector("scales", 2 if late else 1)
    sizes = op.vector("sizes", 3) if late else None
    held = op.attribute("axes", None, tuple)
    axes = [*range(first.rank)] if held is None else [op.axis(one, first.rank) for one in held]
    values = sizes or scales
    if not values or len(values) != len(axes):
        raise op.refuse(f"it has {len(values or ())} factors or sizes for {len(axes)} axes")
    wanted = dict(zip(axes, map(plain, values), strict=True))
    if sizes:
        return [_to_sizes(op, first, wanted)]
    if not all(isinstance(one, (int, float)) for one in wanted.values()):
        raise Unknown
    if not all(0 < one < MOST_FACTOR for one in wanted.values()):
        raise op.refuse("its scales are no positive numbers, or huge ones")
    return [_by_factors(op, first, wanted)]


def _mode(op: Op, axes: int) -> dict[str, Any]:
    if op.node.op == "Upsample":
        defaults = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    else:
        old = op.opset < 11
        defaults = {"mode": "nearest", "nearest_mode": "floor" if old else "round_prefer_floor"}
        where = "asymmetric" if old else "half_pixel"
        defaults["coordinate_transformation_mode"] = where
    for name in defaults:
        op.attribute(name, "")  # which refuses what is no text
    held = {name: one for name, one in op.node.attributes.items() if one is not None}
    mode, aligned = resize_mode(Arguments(CALLS["Resize"], defaults | held), axes)
    return {"mode": mode, "align_corners": aligned, "axes": axes}


def _by_factors(op: Op, first: Tensor, wanted: dict[int, float]) -> Tensor:
    factors = [float(wanted.get(axis, 1.0)) for axis in range(first.rank)]
    axes = first.rank - 2
    simple = all(map(exact_scale, factors))
    if simple and factors[:2] == [1, 1] and first.is_image and axes > 0:
        values = [int(one) if one == int(one) else one for one in factors[2:]]
        return op.builder.layer(op.node, Upsample(alike(values), **_mode(op, axes)), [first])
    dims = [
        one if factor == 1 else scaled(one, factor)
        for one, factor in zip(first.dims, factors, strict=True)
    ]
    return op.builder.given(op.node, dims, [first], op.least(dims))


def _to_sizes(op: Op, first: Tensor, wanted: dict[int, Any]) -> Tensor:
    sizes = [wanted.get(axis, one) for axis, one in enumerate(first.dims)]
    if not all(isinstance(one, (int, Extent)) for one in sizes):
        raise Unknown
    axes = first.rank - 2
    kept = [extent(one) for one in sizes[:2]] == list(first.dims[:2])
    numbers = [plain(one) for one in sizes[2:]]
    if kept and first.is_image and axes > 0 and all(isinstance(one, int) for one in numbers):
        layer = Upsample(size=alike(numbers), **_mode(op, axes))
        return op.builder.layer(op.node, layer, [first])
    dims = [extent(one) for one in sizes]
    now = op.builder.asked(sizes[2:])
    layer_now = None
    if now and kept and first.is_image and min(now) > 0:
        layer_now = Upsample(size=alike([*now]), **_mode(op, axes))
    return op.builder.given(op.node, dims, [first], op.least(dims), layer=layer_now)


def _shuffle(op: Op) -> list[Tensor]:
    """Channels become pixels, or the other way round."""
    factor = whole(op.attribute("blocksize", 0))
    if factor < 1:
        raise op.refuse("its blocksize is missing")
    shuffled = op.node.op == "DepthToSpace"
    layer = (PixelShuffle if shuffled else PixelUnshuffle)(factor, axes=2)
    order = op.attribute("mode", "DCR")
    remark = None if shuffled and order == "CRD" else "its channels are in another order"
    return [op.builder.layer(op.node, layer, [op.tensor(0)], remark=remark)]


def _prelu(op: Op) -> list[Tensor]:
    made = op.builder.layer(op.node, Identity("PRelu"), [op.tensor(0)], weights=op.tensors[1:])
    return [made]


LAYERS: dict[str, Callable[[Op], list[Tensor]]] = {
    "Conv": _weighted,
    "ConvTranspose": _weighted,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "LpPool": _pool,
    "GlobalAveragePool": _global,
    "GlobalMaxPool": _global,
    "GlobalLpPool": _global,
    "BatchNormalization": _normalised,
    "InstanceNormalization": _normalised,
    "GroupNormalization": _normalised,
    "LayerNormalization": _layer_norm,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _shuffle,
    "SpaceToDepth": _shuffle,
    "PRelu": _prelu,
}
"""The rules by the name of the operator."""
