"""The operators of a graph that compute with sizes: vectors of ints, floats and extents."""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from deconvcalc.model.extents import Fixed, Joint
from deconvcalc.tracing.onnx_file import FLOATS, OnnxError, Stored
from deconvcalc.tracing.onnx_numbers import (
    PAIRS,
    SINGLES,
    Unknown,
    cast,
    chosen,
    parts,
    plain,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.tracing.onnx_operators import Op

    Numbers = np.ndarray[Any, Any]

__all__ = ["evaluated"]

MOST = 4096
"""Vectors of more numbers are not computed with."""

LARGEST = 10**30
INT32, INT64, BOOL = 6, 7, 9
MOST_PARTS = 200


def evaluated(op: Op) -> list[Numbers] | None:
    """The numbers that a node gives; None where they are not known."""
    work = OPERATORS.get(op.node.op)
    if work is None:
        return None
    try:
        made = work(op)
        found = list(made) if isinstance(made, tuple) else [made]
        return [_checked(one) for one in found]
    except OnnxError:
        raise
    except (Unknown, IndexError, ValueError, OverflowError, ZeroDivisionError, TypeError):
        return None


def _checked(one: Any) -> Numbers:
    """The numbers as an array of objects that is neither long nor made of huge numbers."""
    made = np.asarray(one, dtype=object)
    if made.size > MOST:
        raise Unknown
    for item in made.flat:
        if isinstance(item, int) and abs(item) > LARGEST:
            raise Unknown
        if isinstance(item, Joint) and parts(item, MOST_PARTS) > MOST_PARTS:
            raise Unknown
    return made


def _each(work: Callable[..., Any], *arrays: Numbers) -> Numbers:
    """What a function of numbers gives for each place of arrays, which are broadcast."""
    spread = np.broadcast_arrays(*arrays)
    made = np.empty(spread[0].shape, dtype=object)
    if made.size > MOST:
        raise Unknown
    rows = zip(*[one.flat for one in spread], strict=True)
    for place, row in enumerate(rows):
        made.flat[place] = plain(work(*[plain(item) for item in row]))
    return made


def _pairwise(op: Op) -> Numbers:
    work = PAIRS[op.node.op]
    if op.attribute("fmod", 0):  # its sign is that of what is divided
        raise Unknown
    return reduce(lambda one, other: _each(work, one, other), op.all_numbers())


def _single(op: Op) -> Numbers:
    return _each(SINGLES[op.node.op], op.known(0))


def _shape(op: Op) -> Numbers:
    """Shape needs no numbers, only dimensions."""
    dims = op.tensor(0).dims
    start, end = op.attribute("start", 0), op.attribute("end", None, int)
    return _vector([plain(one) for one in dims[start:end]])


def _vector(items: Sequence[Any]) -> Numbers:
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def _size(op: Op) -> Any:
    made = prod(op.tensor(0).dims, start=Fixed(1))
    return _scalar(plain(made))


def _scalar(item: Any) -> Numbers:
    made = np.empty((), dtype=object)
    made[()] = item
    return made


def _constant(op: Op) -> Any:
    held = op.node.attributes
    stored = held.get("value")
    if isinstance(stored, Stored):
        found = stored.numbers()
        if found is None:
            raise Unknown
        return found
    for name in ("value_int", "value_float"):
        if name in held:
            return _scalar(held[name])
    for name in ("value_ints", "value_floats"):
        if name in held:
            return _vector(held[name])
    raise Unknown


def _constant_of_shape(op: Op) -> Any:
    sizes = [whole(one) for one in op.known(0).reshape(-1)]
    if prod(sizes) > MOST:
        raise Unknown
    stored = op.attribute("value", None, Stored)
    item: Any = 0.0
    if stored is not None:
        found = stored.numbers()
        if found is None:
            raise Unknown
        item = found.reshape(-1)[0]
    return np.full(sizes, item, dtype=object)


def _cast(op: Op) -> Numbers:
    to = op.attribute("to", 1)
    if to == BOOL:
        return _each(PAIRS["Xor"], op.known(0), _scalar(0))
    if to not in FLOATS | {INT32, INT64}:  # it may wrap
        raise Unknown
    to_float = to in FLOATS
    return _each(lambda item: cast(item, to_float=to_float), op.known(0))


def _gather(op: Op) -> Numbers:
    data, places = op.known(0), op.known(1)
    wanted = np.asarray([whole(one) for one in places.reshape(-1)], dtype=np.int64)
    return np.take(data, wanted.reshape(places.shape), axis=op.attribute("axis", 0))


def _gathered_elements(op: Op) -> Numbers:
    data, places = op.known(0), op.known(1)
    wanted = np.asarray([whole(one) for one in places.reshape(-1)], dtype=np.int64)
    return np.take_along_axis(data, wanted.reshape(places.shape), axis=op.attribute("axis", 0))


def _concat(op: Op) -> Numbers:
    arrays = op.all_numbers()
    if sum([one.size for one in arrays]) > MOST:
        raise Unknown
    return np.concatenate(arrays, axis=op.attribute("axis", 0))


def _slice(op: Op) -> Numbers:
    data = op.known(0)
    starts, ends, axes, steps = op.slices(data.ndim)
    index: list[slice] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        first, stop, by = whole(start), whole(end), whole(step)
        index[axis] = slice(first, None if by < 0 and stop < -data.shape[axis] else stop, by)
    return data[tuple(index)]


def _reshape(op: Op) -> Numbers:
    data = op.known(0)
    target = [whole(one) for one in op.sizes("shape", 1)]
    if not op.attribute("allowzero", 0):
        target = [data.shape[i] if one == 0 else one for i, one in enumerate(target)]
    return data.reshape(target)


def _squeeze(op: Op) -> Numbers:
    data = op.known(0)
    axes = op.axes(data.ndim)
    return np.squeeze(data, axis=None if axes is None else tuple(axes))


def _unsqueeze(op: Op) -> Numbers:
    data = op.known(0)
    wanted = op.vector("axes", 1) or ()
    return np.expand_dims(data, tuple([whole(one) for one in wanted]))


def _transpose(op: Op) -> Numbers:
    return np.transpose(op.known(0), op.attribute("perm", None, tuple))


def _split(op: Op) -> tuple[Numbers, ...]:
    data = op.known(0)
    axis = op.attribute("axis", 0)
    wanted = op.vector("split", 1)
    count = len(op.node.outputs)
    if wanted is None:
        each = -(-data.shape[axis] // count)
        places = [each * (i + 1) for i in range(count - 1)]
    else:
        places = np.cumsum([whole(one) for one in wanted])[:-1].tolist()
    return tuple(np.split(data, places, axis=axis))


def _expand(op: Op) -> Numbers:
    data = op.known(0)
    target = [whole(one) for one in op.known(1).reshape(-1)]
    if prod(target) > MOST:
        raise Unknown
    return np.broadcast_to(data, np.broadcast_shapes(data.shape, target))


def _tile(op: Op) -> Numbers:
    data = op.known(0)
    times = [whole(one) for one in op.known(1).reshape(-1)]
    if prod(times) * data.size > MOST:
        raise Unknown
    return np.tile(data, times)


def _where(op: Op) -> Numbers:
    return _each(chosen, *op.all_numbers())


def _range(op: Op) -> Numbers:
    start, end, step = [whole(one.reshape(-1)[0]) for one in op.all_numbers()]
    if not step or (end - start) // step > MOST:
        raise Unknown
    return _vector([*range(start, end, step)])


def _reduce(op: Op) -> Numbers:
    """A sum, product, minimum or maximum, along the axes asked for."""
    work = PAIRS[_REDUCED[op.node.op]]
    data = op.known(0)
    axes = op.axes(data.ndim)
    kept = bool(op.attribute("keepdims", 1))
    if axes is None:
        axes = [] if op.attribute("noop_with_empty_axes", 0) else [*range(data.ndim)]
    for axis in sorted(axes, reverse=True):
        if not data.shape[axis]:
            raise Unknown
        rows = [np.take(data, i, axis=axis) for i in range(data.shape[axis])]
        data = reduce(lambda one, other: _each(work, one, other), rows)
        data = np.expand_dims(data, axis) if kept else data
    return data


_REDUCED = {"ReduceSum": "Add", "ReduceProd": "Mul", "ReduceMin": "Min", "ReduceMax": "Max"}

OPERATORS: dict[str, Callable[[Op], Any]] = {
    **dict.fromkeys(PAIRS, _pairwise),
    **dict.fromkeys(SINGLES, _single),
    **dict.fromkeys(_REDUCED, _reduce),
    "Shape": _shape,
    "Size": _size,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Cast": _cast,
    "Gather": _gather,
    "GatherElements": _gathered_elements,
    "Concat": _concat,
    "Slice": _slice,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Split": _split,
    "Expand": _expand,
    "Tile": _tile,
    "Where": _where,
    "Range": _range,
}
"""What computes the numbers that an operator gives, by its name."""
