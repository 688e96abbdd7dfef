"""The operations of `keras.ops` in a graph, each as a node."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.layers import (
    Explicit,
    GlobalPool,
    Identity,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Slice,
    Upsample,
)
from deconvcalc.layers.stacks import compose
from deconvcalc.model import Add, Condition, Multiply
from deconvcalc.model.extents import Extent, Fixed, extent
from deconvcalc.tracing.keras_calls import (
    SAME_SIZE,
    Call,
    canonical,
    concatenated,
    merged,
    permuted,
    placed,
    reshaped,
    windowed,
)
from deconvcalc.tracing.keras_views import View, broadcast
from deconvcalc.values import MOST_AXES, integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.tracing.keras_calls import Handler
    from deconvcalc.tracing.keras_views import Build

__all__ = ["OPERATIONS"]

POINTWISE = """Abs Absolute Angle Arccos Arccosh Arcsin Arcsinh Arctan Arctanh BatchNorm BitwiseNot
Cast Cbrt Ceil Celu Clip Conj Conjugate ConvertToTensor Copy Cos Cosh Cumprod Cumsum Deg2rad Elu Erf
Erfc Exp Exp2
Expm1 Fabs Flip Floor Gelu HardShrink HardSigmoid HardSilu HardTanh Isfinite Isinf Isnan LayerNorm
LeakyRelu Log Log10 Log1p Log2 LogSigmoid LogSoftmax LogicalNot NanToNum Negative Normalize OnesLike
Rad2deg Real Reciprocal Relu Relu6 RMSNorm Roll Round Rsqrt SaturateCast Selu Sigmoid Sign Silu Sin
Sinc Sinh SoftShrink Softmax Softplus Softsign Sort SparsePlus SparseSigmoid Sparsemax Sqrt Square
Squareplus StopGradient Tan Tanh TanhShrink Threshold Trunc ZerosLike""".split()  # noqa: SIM905 - a list of words is read as words

SUMS = """Add Arctan2 Divide DivideNoNan Equal FloorDivide Fmax Fmin Fmod Greater GreaterEqual
Heaviside Hypot Less LessEqual Logaddexp LogicalAnd LogicalOr LogicalXor Maximum Minimum Mod
NotEqual Power Subtract TrueDivide Where""".split()  # noqa: SIM905 - a list of words

REDUCTIONS = """All Amax Amin Any CountNonzero Logsumexp Max Mean Median Min Nanmax Nanmean Nanmin
Nansum Prod Ptp Std Sum Var""".split()  # noqa: SIM905 - a list of words


def _shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of a constant; None where it is none."""
    if isinstance(value, (bool, int, float, complex)):
        return ()
    if isinstance(value, (list, tuple)):
        import numpy as np

        return np.shape(value)
    shape = getattr(value, "shape", None)
    return None if shape is None else tuple(shape)


def _pointwise(build: Build, call: Call) -> View | None:
    """An operation on each element, or along an axis that it leaves as it is."""
    if len(call.views) != 1 or len(call.outputs) != 1:
        return None
    name = type(call.operation).__name__
    return build.put(call.name, Identity(name), [call.view], call.view.channel)


def _binary(build: Build, call: Call) -> View | None:
    """Two tensors, or a tensor and a constant, element by element."""
    kind = Multiply if type(call.operation).__name__ == "Multiply" else Add
    shapes = [
        _shape_of(value)
        for value in [*call.args, *call.kwargs.values()]
        if value is not None and not isinstance(value, View)
    ]
    known = [one for one in shapes if one is not None]
    if len(known) < len(shapes) or len({view.rank for view in call.views}) > 1:
        return None
    rank = call.view.rank
    if any(len(one) > rank + 1 or (len(one) == rank + 1 and one[0] != 1) for one in known):
        return None
    constants = [one[1:] if len(one) == rank + 1 else one for one in known]
    matter = [one for one in constants if not _silent(one, call.view)]
    if not matter and len(call.views) == 1:
        return build.put(
            call.name, Identity(type(call.operation).__name__), [call.view], call.view.channel
        )
    return merged(build, call, call.views, kind, matter)


def _silent(constant: Sequence[int], view: View) -> bool:
    """Whether a constant changes no size: each axis of it is 1, or as long as the tensor's."""
    sizes = view.known[view.rank - len(constant) :]
    return all(one in (1, its) for one, its in zip(constant, sizes, strict=True))


def _concatenate(build: Build, call: Call) -> View | None:
    whole = call.args[0] if call.args else call.kwargs.get("xs")
    if not isinstance(whole, (list, tuple)) or len(whole) != len(call.views):
        return None  # a constant is among them
    return concatenated(build, call, call.views, call.operation.axis)


def _reduce(build: Build, call: Call) -> View | None:
    """A sum, mean or extremum over some axes."""
    view, operation = call.view, call.operation
    if operation.axis is None or len(call.views) != 1:
        return None  # over the batch too
    gone = placed(call, view, operation.axis)
    kept = bool(getattr(operation, "keepdims", False))
    kind = type(operation).__name__
    spatial = [axis for axis in range(view.rank) if axis != view.channel]
    words = {"Mean": "average", "Max": "max", "Amax": "max"}
    if gone == spatial and view.channel is not None and kind in words and len(gone) <= MOST_AXES:
        pool = GlobalPool(words[kind], keepdims=kept)
        return build.put(call.name, pool, [view], view.channel if kept else 0)
    axes: list[Extent] = []
    channel = None
    for axis, size in enumerate(view.axes):
        if axis in gone and not kept:
            continue
        if axis == view.channel:
            channel = len(axes)
        axes.append(Fixed(1) if axis in gone else size)
    return build.given(call.name, f"{kind}(axis={operation.axis})", [view], axes, channel)


def _reshape(build: Build, call: Call) -> View | None:
    """A reshape that leaves the batch alone."""
    shape = getattr(call.operation, "newshape", None)
    whole = (shape,) if integer(shape) is not None else tuple(shape or ())
    target = [integer(one) for one in whole[1:]]
    if not whole or None in target or integer(whole[0]) not in (-1, 1, None):
        return None
    numbers = [one for one in target if one is not None]
    if integer(whole[0]) == -1:
        # The batch takes what is left: it stays itself where the others hold as much as before.
        if -1 in numbers or prod(call.view.axes, start=extent(1)) != Fixed(prod(numbers)):
            return None
    elif whole[0] is None and -1 not in numbers and not call.view.constant:
        return None
    return reshaped(build, call, numbers) if numbers else None


def _transpose(build: Build, call: Call) -> View | None:
    order = call.operation.axes
    rank = call.view.rank + 1
    if order is None or order[0] % rank != 0:
        return None
    return permuted(build, call, [one % rank - 1 for one in order[1:]])


def _swap(build: Build, call: Call) -> View | None:
    one = placed(call, call.view, call.operation.axis1)[0]
    other = placed(call, call.view, call.operation.axis2)[0]
    order = list(range(call.view.rank))
    order[one], order[other] = other, one
    return permuted(build, call, order)


def _move(build: Build, call: Call) -> View | None:
    """Some axes at other places, the others in order."""
    ends = (call.operation.source, call.operation.destination)
    source, goal = ([*one] if isinstance(one, (list, tuple)) else [one] for one in ends)
    whole = [placed(call, call.view, axis)[0] for axis in (*source, *goal)]
    pairs = zip(whole[len(source) :], whole[: len(source)], strict=True)
    order = [axis for axis in range(call.view.rank) if axis not in whole[: len(source)]]
    for place, axis in sorted(pairs):
        order.insert(place, axis)
    return permuted(build, call, order)


def _pad(build: Build, call: Call) -> View | None:
    """Padding of the spatial axes, as a layer; of the channels too, by its sizes."""
    view, operation = call.view, call.operation
    mode = {"constant": "constant", "reflect": "reflect", "symmetric": "circular"}.get(
        operation.mode
    )
    pairs = [tuple(map(integer, pair)) for pair in operation.pad_width]
    if mode is None or len(pairs) != view.rank + 1 or pairs[0] != (0, 0):
        return None
    del pairs[0]
    if any(one is None for pair in pairs for one in pair):
        return None
    sides = [Explicit(one or 0, other or 0) for one, other in pairs]
    quiet = view.channel is None or sides[view.channel] == Explicit(0, 0)
    if quiet and operation.mode != "symmetric" and 1 <= len(view.node.shape.extents) <= MOST_AXES:
        spatial = [side for axis, side in enumerate(sides) if axis != view.channel]
        pairs_of = tuple([(side.before, side.after) for side in spatial])
        return build.put(call.name, Pad(pairs_of, mode=mode), [view], view.channel)
    axes = []
    for size, side in zip(view.axes, sides, strict=True):
        pad = Pad(((side.before, side.after),), mode=mode)
        axes.append(size.then(compose([pad])) if side != Explicit(0, 0) else size)
    return build.given(call.name, f"Pad({operation.mode})", [view], axes, view.channel)


def _get_item(build: Build, call: Call) -> View | None:
    """A slice of some axes; an index takes its axis away."""
    view = call.view
    key = call.args[1] if len(call.args) > 1 else call.kwargs.get("key")
    items = _unrolled(key if isinstance(key, tuple) else (key,), view.rank + 1)
    if items is None or items[0] != slice(None):
        return None
    axes: list[Extent] = []
    asked: list[Condition] = []
    channel = None
    for axis, (item, size) in enumerate(zip(items[1:], view.axes, strict=True)):
        if isinstance(item, slice):
            taken = _sliced(size, item)
            if taken is None:
                return None
            if axis == view.channel:
                channel = len(axes)
            axes.append(taken)
        else:
            least = item + 1 if item >= 0 else -item
            if size.constant is None:
                rule = f"there is an element {item}"
                asked.append(Condition(size, ">=", least, rule))
    return build.given(call.name, f"[{_written(items)}]", [view], axes, channel, asked)


def _unrolled(key: tuple[Any, ...], rank: int) -> list[Any] | None:
    """An index for each axis, slices and ints; None where it is something else."""
    plain: list[Any] = []
    for item in key:
        if item is Ellipsis:
            plain += [slice(None)] * (rank - len(key) + 1)
        elif isinstance(item, slice):
            ends = (item.start, item.stop, item.step)
            if any(end is not None and integer(end) is None for end in ends):
                return None
            plain.append(item)
        elif integer(item) is not None:
            plain.append(integer(item))
        else:
            return None
    plain += [slice(None)] * (rank - len(plain))
    return plain if len(plain) == rank else None


def _sliced(size: Extent, item: slice) -> Extent | None:
    if size.constant is not None:
        return Fixed(len(range(size.constant)[item]))
    if item == slice(None) or (item.start, item.stop, item.step) == (None, None, -1):
        return size
    step = 1 if item.step is None else item.step
    if step < 1:
        return None
    return size.then(compose([Slice(item.start or 0, item.stop, step)]))


def _written(items: Sequence[Any]) -> str:
    words = []
    for item in items:
        if isinstance(item, slice):
            ends = [item.start, item.stop] + ([] if item.step is None else [item.step])
            words.append(":".join(["" if end is None else str(end) for end in ends]))
        else:
            words.append(str(item))
    return ", ".join(words)


def _resize(build: Build, call: Call) -> View | None:
    size = [integer(one) for one in call.operation.size]
    if None in size:
        return None
    mode = getattr(call.operation, "interpolation", "bilinear")
    values = {"height": size[0], "width": size[1], "interpolation": mode}
    if mode not in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        return None
    return windowed(build, call, canonical(call, "Resizing", values))


def _repeat(build: Build, call: Call) -> View | None:
    """Each element several times, along one axis."""
    view, count = call.view, integer(call.operation.repeats)
    if call.operation.axis is None or count is None or count < 1:
        return None
    (axis,) = placed(call, view, call.operation.axis)
    spatial = [one for one in range(view.rank) if one != view.channel]
    if axis in spatial and len(spatial) <= MOST_AXES:
        factors = tuple([count if one == axis else 1 for one in spatial])
        return build.put(call.name, Upsample(factors), [view], view.channel)
    axes = view.axes
    axes[axis] = axes[axis] * count
    return build.given(call.name, f"Repeat({count})", [view], axes, view.channel)


def _tile(build: Build, call: Call) -> View | None:
    view = call.view
    counts = [integer(one) for one in call.operation.repeats]
    if len(counts) != view.rank + 1 or counts[0] != 1 or None in counts:
        return None
    axes = [size * (count or 1) for size, count in zip(view.axes, counts[1:], strict=True)]
    return build.given(call.name, f"Tile({tuple(counts)})", [view], axes, view.channel)


def _expand(build: Build, call: Call) -> View | None:
    view = call.view
    number = integer(call.operation.axis)
    if number is None:
        return None
    place = number - 1 if number >= 0 else view.rank + 1 + number
    if not 0 <= place <= view.rank:
        return None
    axes = view.axes
    axes.insert(place, Fixed(1))
    channel = view.channel
    if channel is None:  # an axis that is put last stands for channels
        channel = place if place == build.last(len(axes)) else None
    elif channel >= place:
        channel += 1
    return build.given(call.name, f"ExpandDims({number})", [view], axes, channel)


def _squeeze(build: Build, call: Call) -> View | None:
    view = call.view
    if call.operation.axis is None:
        return None
    gone = placed(call, view, call.operation.axis)
    rule = "an axis that is left out has size 1"
    asked = [
        Condition(size, "==", 1, rule)
        for axis, size in enumerate(view.axes)
        if axis in gone and size.constant != 1
    ]
    axes = [size for axis, size in enumerate(view.axes) if axis not in gone]
    channel = view.channel
    if channel is not None:
        channel = None if channel in gone else channel - sum([one < channel for one in gone])
    what = f"Squeeze({call.operation.axis})"
    return build.given(call.name, what, [view], axes, channel, asked)


def _split(build: Build, call: Call) -> list[View] | None:
    """Equal parts along an axis, or parts that end at indices."""
    view, parts = call.view, call.operation.indices_or_sections
    (axis,) = placed(call, view, call.operation.axis)
    size = view.axes[axis]
    count = integer(parts)
    made = []
    for place in range(len(call.outputs)):
        axes, asked = view.axes, []
        if count is not None:
            axes[axis] = size // count
            asked = [Condition(count, "divides", size, f"there are {count} equal parts")]
            asked = [one for one in asked if one.variables]
        elif size.constant is not None:
            ends = [0, *parts, size.constant]
            axes[axis] = Fixed(ends[place + 1] - ends[place])
        else:
            return None
        what = f"Split({place})"
        made.append(build.given(call.name, what, [view], axes, view.channel, asked))
    return made


def _stack(build: Build, call: Call) -> View | None:
    """Tensors of one shape along an axis of their own."""
    first, number = call.view, integer(call.operation.axis)
    if number is None or len({view.rank for view in call.views}) > 1:
        return None
    place = number - 1 if number >= 0 else first.rank + 1 + number
    if not 0 <= place <= first.rank:
        return None
    asked = [
        Condition(one, "==", its, "what is stacked has one size")
        for other in call.views[1:]
        for one, its in zip(first.axes, other.axes, strict=True)
        if one != its
    ]
    axes = first.axes
    axes.insert(place, Fixed(len(call.views)))
    channel = first.channel
    if channel is not None and channel >= place:
        channel += 1
    return build.given(call.name, f"Stack({number})", call.views, axes, channel, asked)


def _matmul(build: Build, call: Call) -> View | None:
    """The product of matrices along the last two axes; the axes before them are alike."""
    if len(call.views) != 2 or call.views[0].rank != call.views[1].rank or call.view.rank < 2:
        return None
    one, other = [view.axes for view in call.views]
    around, asked = broadcast([one[:-2], other[:-2]], SAME_SIZE)
    asked.append(Condition(one[-1], "==", other[-2], "the inner axes of the product are equal"))
    asked = [each for each in asked if each.variables]
    axes = [*around, one[-2], other[-1]]
    last = len(axes) - 1
    return build.given(call.name, "Matmul()", call.views, axes, last, asked, counted=False)


def _window_op(kind: str) -> Handler:
    """An operation with a window, as the layer of the same arguments."""

    def make(build: Build, call: Call) -> View | None:
        operation, view = call.operation, call.view
        axes = view.rank - 1
        name = kind.format(f"{axes}D")
        values = dict(vars(operation))
        values["use_bias"] = False
        if "Pool" not in kind:
            kernel = call.argument(1, "kernel")
            shape = _shape_of(kernel)
            if shape is None or len(shape) != axes + 2 or len(call.views) != 1:
                return None
            values["kernel_size"] = shape[:-2]
            values["filters"] = shape[-1]
            values["depth_multiplier"] = shape[-1]
        return windowed(build, call, canonical(call, name, values))

    return make


def _shuffle(build: Build, call: Call) -> View:
    kind = PixelShuffle if type(call.operation).__name__ == "DepthToSpace" else PixelUnshuffle
    return windowed(build, call, kind(call.operation.block_size, axes=2))


OPERATIONS: dict[str, Handler] = {
    **dict.fromkeys(POINTWISE, _pointwise),
    **dict.fromkeys([*SUMS, "Multiply"], _binary),
    **dict.fromkeys(REDUCTIONS, _reduce),
    "Concatenate": _concatenate,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Swapaxes": _swap,
    "Moveaxis": _move,
    "Pad": _pad,
    "GetItem": _get_item,
    "Resize": _resize,
    "Repeat": _repeat,
    "Tile": _tile,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Split": _split,
    "Stack": _stack,
    "Matmul": _matmul,
    "MaxPool": _window_op("MaxPooling{}"),
    "AveragePool": _window_op("AveragePooling{}"),
    "Conv": _window_op("Conv{}"),
    "DepthwiseConv": _window_op("DepthwiseConv{}"),
    "DepthToSpace": _shuffle,
    "SpaceToDepth": _shuffle,
}
"""What makes a node of each operation of `keras.ops`, by its class."""
