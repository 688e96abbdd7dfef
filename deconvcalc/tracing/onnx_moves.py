"""The operators of a graph that move elements: reshapes, transposes, slices, splits, repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.layers import Flatten, Slice
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, Fixed, Joint, extent
from deconvcalc.tracing.onnx_graph import Tensor, broadcast
from deconvcalc.tracing.onnx_merges import product
from deconvcalc.tracing.onnx_numbers import Unknown, always, plain, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.tracing.onnx_operators import Op

__all__ = ["MOVES"]

FAR = 2**31 - 2
"""An end of a slice from here on is no end."""


# Slices.


def _slice(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    starts, ends, axes, steps = op.slices(first.rank)
    parts: dict[int, tuple[Any, Any, int]] = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        by = whole(step)
        if not by:
            raise op.refuse("it has a step of 0")
        parts[axis] = (plain(start), plain(end), by)
    if min(parts, default=0) > 1 and first.is_image and _is_simple(parts):
        rows = [parts.get(axis, (0, None, 1)) for axis in range(2, first.rank)]
        columns = [tuple(column) for column in zip(*rows, strict=True)]
        begin, stop, by_ = columns
        stops = tuple([None if end is None or end >= FAR else end for end in stop])
        layer = Slice(begin, stops, by_, axes=first.rank - 2)
        return [op.builder.layer(op.node, layer, [first])]
    dims = [*first.dims]
    for axis, part in parts.items():
        dims[axis] = _sliced(first.dims[axis], *part)
    return [op.builder.given(op.node, dims, [first], op.least(dims))]


def _is_simple(parts: dict[int, tuple[Any, Any, int]]) -> bool:
    return all(
        isinstance(start, int) and isinstance(end, int) and step > 0
        for start, end, step in parts.values()
    )


def _sliced(size: Extent, start: Any, end: Any, step: int) -> Extent:
    """How many elements a slice takes; as a map where it can be one, else point by point."""
    if not all(isinstance(one, (int, Extent)) for one in (start, end)):
        raise Unknown
    if isinstance(size, Fixed) and isinstance(start, int) and isinstance(end, int):
        return Fixed(_count(size.value, start, end, step))
    if step > 0 and _settled(start) and _settled(end):
        low, high = [_from_start(one, size) for one in (start, end)]
        span = (high - low).maximum(0)
        return span if step == 1 else (span + (step - 1)) // step
    parts = (size, extent(start), extent(end))
    return Joint(f"elements of a slice by {step}", parts, lambda n, a, b: _count(n, a, b, step))


def _settled(value: Any) -> bool:
    """Whether it is the same for all sizes if a place counts from the start or from the end."""
    return isinstance(value, int) or always(value, ">=", 0)


def _from_start(value: Any, size: Extent) -> Extent:
    """A place counted from the start, within the axis."""
    if isinstance(value, int):
        if value >= FAR:
            return size
        if value < 0:
            return (size + value).maximum(0)
        return Fixed(0) if value == 0 else size.minimum(value)
    return Fixed(0) if value == 0 else size.minimum(value)


def _count(size: int, start: int, end: int, step: int) -> int:
    """How many elements a slice takes, as ONNX clamps it."""
    high = size if step > 0 else size - 1
    first, last = [place + size if place < 0 else place for place in (start, end)]
    first = min(max(first, 0), high)
    last = min(max(last, 0 if step > 0 else -1), high)
    return max(0, -(-(last - first) // step))


def _split(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    axis = op.axis(op.attribute("axis", 0), first.rank)
    size, count = first.dims[axis], len(op.node.outputs)
    wanted = op.vector("split", 1)
    rule = "the parts are as long as the axis"
    if wanted is not None:
        parts = [extent(plain(one)) for one in wanted]
        if len(parts) != count:
            raise op.refuse(f"it has {count} outputs and {len(parts)} parts")
        asked = Condition(sum(parts[1:], start=parts[0]), "==", size, rule, axis - 2)
    else:
        each = (size + (count - 1)) // count
        parts = [each] * (count - 1) + [size - each * (count - 1)]
        if op.opset < 18:
            parts = [size // count] * count
        asked = Condition(count, "divides", size, "the axis falls into equal parts", axis - 2)
        if op.opset >= 18:
            asked = Condition(parts[-1], ">=", 1, "something is left", axis - 2)
    conditions = [asked] if asked.variables or not asked.holds({}) else []
    made = []
    for place, part in enumerate(parts):
        dims = [*first.dims]
        dims[axis] = part
        held = conditions if not place else []
        made.append(op.builder.given(op.node, dims, [first], held, output=place))
    return made


# Other shapes.


def _reshape(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    target = [plain(one) for one in op.sizes("shape", 1)]
    if not all(isinstance(one, (int, Extent)) for one in target):
        raise Unknown
    if target.count(-1) > 1 or any(isinstance(one, int) and one < -1 for one in target):
        raise op.refuse(f"it has the impossible shape {target}")
    if not op.attribute("allowzero", 0):
        for place, one in enumerate(target):
            if one == 0 and isinstance(one, int):
                if place >= first.rank:
                    raise op.refuse(f"it copies axis {place} of {first.rank}")
                target[place] = plain(first.dims[place])
    if _flattens(first, target):
        return [op.builder.layer(op.node, Flatten(axes=first.rank - 2), [first])]
    dims, conditions = _filled(first.dims, target)
    return [op.builder.given(op.node, dims, [first], conditions)]


def _flattens(tensor: Tensor, target: list[Any]) -> bool:
    return (
        len(target) == 2
        and target[1] == -1
        and tensor.is_image
        and tensor.rank > 2
        and not _is_settled(tensor)
        and extent(target[0]) == tensor.dims[0]
    )


def _is_settled(tensor: Tensor) -> bool:
    """Whether all of its sizes are plain numbers, and so is their product."""
    return all(isinstance(one, Fixed) for one in tensor.dims)


def _filled(dims: Sequence[Extent], target: Sequence[Any]) -> tuple[list[Extent], list[Condition]]:
    """The shape asked for, and what it asks of the elements; what stands on both sides cancels."""
    count, sizes = _factors(dims)
    known, wanted = _factors([extent(one) for one in target if one != -1])
    for one in [*wanted]:
        if one in sizes:
            sizes.remove(one)
            wanted.remove(one)
    rule = "there are as many elements as the shape has places"
    if -1 not in target:
        asked = Condition(_times(sizes, count), "==", _times(wanted, known), rule)
        return [extent(one) for one in target], _open(asked)
    if not wanted and known and count % known == 0:
        rest, conditions = _times(sizes, count // known), []
    else:
        rest = _quotient(_times(sizes, count), _times(wanted, known))
        asked = Condition(rest * _times(wanted, known), "==", _times(sizes, count), rule)
        conditions = _open(asked)
    return [rest if one == -1 else extent(one) for one in target], conditions


def _times(sizes: Sequence[Extent], count: int) -> Extent:
    return product([*sizes, Fixed(count)])


def _quotient(one: Extent, other: Extent) -> Extent:
    if isinstance(other, Fixed):
        if other.value < 1:
            raise Unknown
        return one // other.value
    return Joint("//", (one, other), lambda a, b: a // b if b > 0 else 0)


def _open(condition: Condition) -> list[Condition]:
    """The condition, if it does not hold whatever the inputs are."""
    return [condition] if condition.variables or not condition.holds({}) else []


def _factors(dims: Sequence[Extent]) -> tuple[int, list[Extent]]:
    """A product as a number and the sizes that vary."""
    count, sizes, todo = 1, [], [*dims]
    while todo:
        one = todo.pop(0)
        if isinstance(one, Fixed):
            count *= one.value
        elif isinstance(one, Joint) and one.sign == "*":
            todo += one.parts
        else:
            sizes.append(one)
    return count, sizes


def _flatten(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    number = op.attribute("axis", 1)
    axis = first.rank if number == first.rank else op.axis(number, first.rank)
    if axis == 1 and first.is_image and first.rank > 2 and not _is_settled(first):
        return [op.builder.layer(op.node, Flatten(axes=first.rank - 2), [first])]
    dims = (product(first.dims[:axis]), product(first.dims[axis:]))
    return [op.builder.given(op.node, dims, [first])]


def _transpose(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    order = op.attribute("perm", tuple(reversed(range(first.rank))))
    if sorted(order) != [*range(first.rank)]:
        raise op.refuse(f"perm={order} is no order of {first.rank} axes")
    return [op.builder.given(op.node, [first.dims[axis] for axis in order], [first])]


def _squeeze(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    axes = op.axes(first.rank)
    rule = "an axis that is dropped has one element"
    conditions = []
    if axes is None:
        axes = [axis for axis, one in enumerate(first.dims) if one.constant == 1]
        for axis, one in enumerate(first.dims):
            if axis not in axes:
                conditions += _open(Condition(one, "!=", 1, "only fixed axes are dropped"))
    else:
        for axis in axes:
            conditions += _open(Condition(first.dims[axis], "==", 1, rule, axis - 2))
    dims = [one for axis, one in enumerate(first.dims) if axis not in axes]
    return [op.builder.given(op.node, dims, [first], conditions)]


def _unsqueeze(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    wanted = op.sizes("axes", 1)
    rank = first.rank + len(wanted)
    axes = {op.axis(one, rank) for one in wanted}
    rest = iter(first.dims)
    dims = [Fixed(1) if axis in axes else next(rest) for axis in range(rank)]
    return [op.builder.given(op.node, dims, [first])]


# Repeats.


def _expand(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    target = [extent(plain(one)) for one in op.sizes("shape", 1)]
    dims, conditions = broadcast([first, Tensor("shape", target)], (0, None))
    if any(one.constant == 0 for one in target):
        conditions += op.least(dims)
    return [op.builder.given(op.node, dims, [first], conditions)]


def _tile(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    times = op.sizes("repeats", 1)
    if len(times) != first.rank:
        raise op.refuse(f"it has {len(times)} repeats for {first.rank} axes")
    counts = [extent(plain(by)) for by in times]
    dims = [one * by for one, by in zip(first.dims, counts, strict=True)]
    return [op.builder.given(op.node, dims, [first], op.least(counts))]


def _of_shape(op: Op) -> list[Tensor]:
    """A tensor of one number, in a shape that is computed."""
    dims = [extent(plain(one)) for one in op.sizes("shape", 0)]
    return [op.builder.given(op.node, dims)]


def _range(op: Op) -> list[Tensor]:
    start, end, step = [plain(op.known(place).reshape(-1)[0]) for place in range(3)]
    by = whole(step)
    if by < 1 or not all(isinstance(one, (int, Extent)) for one in (start, end)):
        raise Unknown
    span = (extent(end) - extent(start) + (by - 1)) // by
    return [op.builder.given(op.node, [span.maximum(0)])]


def _constant(op: Op) -> list[Tensor]:
    """A constant whose numbers are too many, or are no numbers."""
    stored = op.node.attributes.get("value")
    if stored is None or not hasattr(stored, "dims"):
        return [Tensor(op.node.outputs[0], ())]
    return [Tensor(op.node.outputs[0], stored.dims, weights=[stored])]


def _numbers(op: Op) -> list[Tensor]:
    """Random numbers of a fixed shape."""
    return [op.builder.given(op.node, op.attribute("shape", ()))]


def _like(op: Op) -> list[Tensor]:
    return [op.builder.given(op.node, op.tensor(0).dims, [op.tensor(0)])]


MOVES: dict[str, Callable[[Op], list[Tensor]]] = {
    "Slice": _slice,
    "Split": _split,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "Constant": _constant,
    "ConstantOfShape": _of_shape,
    **dict.fromkeys(("RandomNormal", "RandomUniform"), _numbers),
    **dict.fromkeys(("RandomNormalLike", "RandomUniformLike", "Bernoulli", "EyeLike"), _like),
}
"""The rules by the name of the operator."""
