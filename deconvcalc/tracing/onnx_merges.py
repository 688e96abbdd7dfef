"""The operators of a graph that join tensors, or work on elements and features."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.layers import Dense, GlobalPool, Identity
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, Fixed
from deconvcalc.model.operations import Add, Concat, Multiply, simpler
from deconvcalc.tracing.onnx_graph import Tensor, broadcast
from deconvcalc.tracing.onnx_numbers import Part, plain
from deconvcalc.tracing.onnx_values import INT32, INT64

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.tracing.onnx_operators import Op

__all__ = ["MERGES", "product"]


def product(sizes: Sequence[Extent]) -> Extent:
    """The product of sizes."""
    varied = [one for one in sizes if one != Fixed(1)]
    return prod(varied[1:], start=varied[0]) if varied else Fixed(1)


def _elementwise(op: Op) -> list[Tensor]:
    """Sums, products, comparisons: tensors of one size, or of size 1."""
    tensors = op.tensors
    live = [one for one in tensors if one.node is not None]
    weights = [one for one in tensors if one.node is None]
    places = [live.index(one) if one.node is not None else None for one in tensors]
    dims, conditions = broadcast(tensors, places)
    if len(live) == 1 and dims == live[0].dims:
        layer = Identity(op.node.op)
        return [op.builder.layer(op.node, layer, live, weights=weights, conditions=conditions)]
    several = len(live) == len(tensors) > 1
    alike = all(one.is_image and one.rank == live[0].rank > 2 for one in live)
    if several and alike and len({one.dims[0] for one in live}) == 1:
        kind = Multiply if op.node.op in ("Mul", "Div") else Add
        remark = None if op.node.op in ("Mul", "Add", "Sum") else op.node.op
        return [op.builder.layer(op.node, kind(), live, remark=remark)]
    return [op.builder.given(op.node, dims, tensors, conditions, weights=weights)]


def _concat(op: Op) -> list[Tensor]:
    tensors = op.tensors
    if not tensors:
        raise op.refuse("it has no inputs")
    first = tensors[0]
    axis = op.axis(op.attribute("axis", 1), first.rank)
    if any(one.rank != first.rank for one in tensors):
        raise op.refuse("its inputs have different numbers of axes")
    images = all(one.is_image and one.dims[0] == first.dims[0] for one in tensors)
    if images and first.rank > 2 and axis > 0:
        merge = Concat() if axis == 1 else Concat(axis - 2)
        return [op.builder.layer(op.node, merge, tensors)]
    live = [one for one in tensors if one.node is not None]
    places = [live.index(one) if one.node is not None else None for one in tensors]
    dims = [*first.dims]
    conditions = []
    for other, place in zip(tensors[1:], places[1:], strict=True):
        for index, its in enumerate(other.dims):
            if index == axis:
                dims[index] = dims[index] + its
            elif its != dims[index]:
                rule = "what is put side by side has one size"
                both = None if places[0] is None or place is None else (places[0], place)
                where = index - 2 if index > 1 else None
                conditions.append(Condition(dims[index], "==", its, rule, where, both))
                dims[index] = simpler(dims[index], its)
    weights = [one for one in tensors if one.node is None]
    return [op.builder.given(op.node, dims, tensors, conditions, weights=weights)]


# Features.


def _gemm(op: Op) -> list[Tensor]:
    """alpha*A*B + C: a dense layer where B holds weights."""
    first, other = op.tensor(0), op.tensor(1)
    if first.rank != 2 or other.rank != 2:
        raise op.refuse("its inputs do not have two axes")
    turned, turned_other = op.attribute("transA", 0), op.attribute("transB", 0)
    inner, outer = other.dims[::-1] if turned_other else other.dims
    if _is_weight(other) and not turned and isinstance(first.dims[0], Fixed):
        assert isinstance(inner, Fixed)
        assert isinstance(outer, Fixed)
        bias = op.given(2) is not None
        layer = Dense(outer.value, in_features=inner.value, bias=bias)
        return [op.builder.layer(op.node, layer, [first], weights=op.tensors[1:])]
    rows, own = first.dims[::-1] if turned else first.dims
    conditions = _inner(own, inner)
    held = [one for one in op.tensors if one.node is None]
    made = (rows, outer)
    return [op.builder.given(op.node, made, op.tensors, conditions, weights=held, counted=False)]


def _is_weight(tensor: Tensor) -> bool:
    """Whether it is a matrix of the file."""
    sizes = [one.value for one in tensor.dims if isinstance(one, Fixed)]
    return tensor.node is None and len(sizes) == tensor.rank and min(sizes, default=0) > 0


def _inner(one: Extent, other: Extent) -> list[Condition]:
    held = Condition(one, "==", other, f"what is multiplied has {other} elements")
    return [held] if held.variables or not held.holds({}) else []


def _matmul(op: Op) -> list[Tensor]:
    first, other = op.tensor(0), op.tensor(1)
    if _is_weight(other) and other.rank == 2 and first.node is not None and first.rank > 1:
        inner, outer = other.dims
        if isinstance(first.dims[0], Fixed):
            assert isinstance(inner, Fixed)
            assert isinstance(outer, Fixed)
            layer = Dense(outer.value, in_features=inner.value, bias=False)
            return [op.builder.layer(op.node, layer, [first], weights=[other])]
    if not first.rank or not other.rank:
        raise op.refuse("a number without axes is no matrix")
    one = first.dims if first.rank > 1 else (Fixed(1), *first.dims)
    its = other.dims if other.rank > 1 else (*other.dims, Fixed(1))
    heads = [Tensor(t.name, dims[:-2]) for t, dims in ((first, one), (other, its))]
    dims, conditions = broadcast(heads, (None, None))
    conditions += _inner(one[-1], its[-2])
    rows = (one[-2],) if first.rank > 1 else ()
    columns = (its[-1],) if other.rank > 1 else ()
    held = [t for t in (first, other) if t.node is None]
    made = (*dims, *rows, *columns)
    sources = [first, other]
    return [op.builder.given(op.node, made, sources, conditions, weights=held, counted=False)]


def _einsum(op: Op) -> list[Tensor]:
    """A sum over indices: each letter has one size, wherever it stands."""
    equation = op.attribute("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    tensors = op.tensors
    letters = "".join(terms)
    if not arrow:
        right = "".join(sorted([one for one in {*letters} if letters.count(one) == 1]))
    fits = [len(term) == one.rank for term, one in zip(terms, tensors, strict=False)]
    if len(terms) != len(tensors) or not all(fits) or not {*right} <= {*letters}:
        raise op.refuse(f"its equation {equation[:60]!r} is not known for what it is given")
    live = [one for one in tensors if one.node is not None]
    sizes: dict[str, tuple[Extent, int | None]] = {}
    conditions = []
    for term, tensor in zip(terms, tensors, strict=True):
        place = live.index(tensor) if tensor.node is not None else None
        for letter, size in zip(term, tensor.dims, strict=True):
            known, other = sizes.setdefault(letter, (size, place))
            if known != size:
                both = None if place is None or other is None or other == place else (other, place)
                rule = f"the index {letter} has one size"
                conditions.append(Condition(known, "==", size, rule, None, both))
    held = [one for one in tensors if one.node is None]
    dims = [sizes[letter][0] for letter in right]
    return [op.builder.given(op.node, dims, tensors, conditions, weights=held, counted=False)]


# Reductions.


def _reduce(op: Op) -> list[Tensor]:
    first = op.tensor(0)
    axes = op.axes(first.rank)
    kept = bool(op.attribute("keepdims", 1))
    if axes is None:
        axes = [] if op.attribute("noop_with_empty_axes", 0) else [*range(first.rank)]
    kind = {"ReduceMean": "average", "ReduceMax": "max"}.get(op.node.op)
    if kind and first.is_image and first.rank > 2 and sorted(axes) == [*range(2, first.rank)]:
        layer = GlobalPool(kind, keepdims=kept, axes=first.rank - 2)
        return [op.builder.layer(op.node, layer, [first])]
    dims = _without(first, axes, kept)
    return [op.builder.given(op.node, dims, [first], _left(op, first))]


def _arg(op: Op) -> list[Tensor]:
    """The place of the largest or the smallest along one axis."""
    first = op.tensor(0)
    axis = op.axis(op.attribute("axis", 0), first.rank)
    dims = _without(first, [axis], bool(op.attribute("keepdims", 1)))
    return [op.builder.given(op.node, dims, [first], _left(op, first))]


def _left(op: Op, tensor: Tensor) -> list[Condition]:
    """Sizes that the result no longer shows have to be taken all the same."""
    return op.least(tensor.dims)


def _without(tensor: Tensor, axes: Sequence[int], kept: bool) -> list[Extent | int]:
    if kept:
        return [1 if axis in axes else one for axis, one in enumerate(tensor.dims)]
    return [one for axis, one in enumerate(tensor.dims) if axis not in axes]


def _top(op: Op) -> list[Tensor]:
    """The k largest along an axis."""
    first = op.tensor(0)
    axis = op.axis(op.attribute("axis", -1), first.rank)
    (count,) = op.sizes("k", 1)
    dims = [*first.dims]
    rule = "there are as many elements as are asked for"
    condition = Condition(dims[axis], ">=", count, rule, axis - 2)
    dims[axis] = count if isinstance(count, Extent) else Fixed(int(count))
    made = op.builder.given(op.node, dims, [first], [condition] if condition.variables else [])
    return op.all_alike(made)


def _recurrent(op: Op) -> list[Tensor]:
    """LSTM, GRU, RNN: (length, batch, inputs) to (length, directions, batch, units)."""
    first, weights = op.tensor(0), op.tensor(2)
    if first.rank != 3 or weights.rank != 3:
        raise op.refuse("its input or its weights do not have three axes")
    directions, units = weights.dims[0], weights.dims[2]
    conditions = _inner(first.dims[2], op.tensor(1).dims[2])
    length, batch = first.dims[:2]
    state = (directions, batch, units)
    result: tuple[Extent, ...] = (length, directions, batch, units)
    if op.attribute("layout", 0):
        batch, length = first.dims[:2]
        state, result = (batch, directions, units), (batch, length, directions, units)
    held = op.tensors[1:4]
    made = op.builder.given(
        op.node, result, [first], conditions, weights=held, mixes=True, counted=False
    )
    later = [
        op.builder.given(op.node, state, [first], output=place, mixes=True)
        for place, name in enumerate(op.node.outputs)
        if place and name
    ]
    return [made, *later]


def _gather(op: Op) -> list[Tensor]:
    """Rows of a table, as an embedding takes them."""
    first, places = op.tensor(0), op.tensor(1)
    axis = op.axis(op.attribute("axis", 0), first.rank)
    dims = (*first.dims[:axis], *places.dims, *first.dims[axis + 1 :])
    weights = [first] if first.node is None else []
    conditions = _left(op, first) + _in_reach(op, first.dims[axis], places, axis)
    return [op.builder.given(op.node, dims, op.tensors, conditions, weights=weights)]


def _in_reach(op: Op, size: Extent, places: Tensor, axis: int) -> list[Condition]:
    """That an axis has the elements that known indices name; negative ones count from its end."""
    items: list[Any] = []
    if places.numbers is not None:
        items = [*dict.fromkeys([plain(one) for one in places.numbers.flat])]
    elif places.stored is not None:
        items = [*(places.stored.span() or ())]
    elif places.node is None:
        op.builder.warnings[
            f"{op.node.shown}: its indices are not known; that they lie within the axis is not "
            "checked"
        ] = None
    kind = None if places.stored is None else places.stored.kind
    if kind not in (None, INT32, INT64) or any(isinstance(one, (float, Part)) for one in items):
        raise op.refuse("its indices are no int32 and no int64")
    fixed = [one for one in items if isinstance(one, int)]
    least: list[Any] = [max(max(one + 1, -one) for one in fixed)] if fixed else []
    for one in items:
        if isinstance(one, Extent):
            least += [one + 1, one * -1]
    rule = "every index lies within the axis"
    found = [Condition(size, ">=", one, rule, axis - 2 if axis > 1 else None) for one in least]
    return [one for one in found if one.variables or not one.holds({})]


def _elements(op: Op) -> tuple[Tensor, Tensor, list[Condition]]:
    """What is picked from or written to, the indices, and what they ask."""
    first, places = op.tensor(0), op.tensor(1)
    axis = op.axis(op.attribute("axis", 0), first.rank)
    if places.rank != first.rank:
        raise op.refuse(f"its indices have {places.rank} axes, and its input has {first.rank}")
    conditions = _in_reach(op, first.dims[axis], places, axis)
    rule = "there are no more indices than elements"
    for index, (size, its) in enumerate(zip(first.dims, places.dims, strict=True)):
        asked = Condition(size, ">=", its, rule, index - 2 if index > 1 else None)
        if index != axis and size != its and (asked.variables or not asked.holds({})):
            conditions.append(asked)
    return first, places, conditions


def _gather_elements(op: Op) -> list[Tensor]:
    _, places, conditions = _elements(op)
    return [op.builder.given(op.node, places.dims, op.tensors, conditions)]


def _scatter_elements(op: Op) -> list[Tensor]:
    first, _, conditions = _elements(op)
    return [op.builder.given(op.node, first.dims, op.tensors, conditions)]


def _like_first(op: Op) -> list[Tensor]:
    return [op.builder.given(op.node, op.tensor(0).dims, op.tensors)]


def _sampled(op: Op) -> list[Tensor]:
    """GridSample: the sizes of the grid."""
    first, grid = op.tensor(0), op.tensor(1)
    dims = (*first.dims[:2], *grid.dims[1:-1])
    return [op.builder.given(op.node, dims, [first, grid])]


_PAIRWISE = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Mod",
    "Min",
    "Max",
    "Sum",
    "Mean",
    "Where",
    "And",
    "Or",
    "Xor",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
]

_REDUCED = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]

MERGES: dict[str, Callable[[Op], list[Tensor]]] = {
    **dict.fromkeys(_PAIRWISE, _elementwise),
    **{f"Reduce{name}": _reduce for name in _REDUCED},
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    **dict.fromkeys(("ScatterElements", "Scatter"), _scatter_elements),
    "Concat": _concat,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Einsum": _einsum,
    "ArgMax": _arg,
    "ArgMin": _arg,
    "TopK": _top,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "ScatterND": _like_first,
    "GridSample": _sampled,
}
"""The rules by the name of the operator."""
