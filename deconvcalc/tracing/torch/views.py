"""Functions of torch that rearrange: reshape, permute, slice, split, repeat, reduce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from deconvcalc.layers import Flatten, GlobalPool, Slice
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import extent
from deconvcalc.model.operations import Unflatten
from deconvcalc.tracing.torch.shapes import product, reshaped, sliced
from deconvcalc.tracing.torch.sizes import Size, plain, symbolic
from deconvcalc.tracing.torch.tracer import flat
from deconvcalc.tracing.torch.windows import bound, same_dims

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.model.extents import Extent
    from deconvcalc.tracing.torch.tracer import Tracer

    Dim = int | Extent

__all__ = ["HANDLERS"]


def _go(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Callable[[], Any]:
    return lambda: func(*tracer.real(args), **tracer.real(dict(kwargs)))


def _several(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments that may stand apart or in one sequence."""
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        return tuple(values[0])
    return values


# Reshaping.


def view(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor, wanted = args[0], _several(args[1:])
    if not wanted:
        wanted = _several((kwargs.get("shape", kwargs.get("size", ())),))
    if any(isinstance(one, torch.dtype) for one in wanted) or "dtype" in kwargs:
        raise tracer.refuse("view as another type is not followed", "Use .to(dtype).")
    return _reshape(tracer, tensor, wanted, _go(tracer, func, args, kwargs), func.__name__)


def view_as(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    wanted = tuple(tracer.sizes(args[1]))
    return _reshape(tracer, args[0], wanted, _go(tracer, func, args, kwargs), func.__name__)


def _reshape(tracer: Tracer, tensor: Any, wanted: Sequence[Any], go: Any, name: str) -> Any:
    known = tracer.known(tensor)
    dims, conditions = reshaped(known.dims, [symbolic(one) for one in wanted])
    if same_dims(dims, known.dims):
        return tracer.same(tensor, go())
    node = tracer.source(tensor)
    standard = same_dims(flat(node.shape), known.dims[1:]) and dims[0] == known.dims[0]
    if standard and len(dims) == 2 and not conditions and node.shape.extents:
        if node.shape.channels is not None and product(known.dims[1:]) == dims[1]:
            return tracer.emit(Flatten(), [tensor], go, name, lead=known.dims[:1])
    fixed = all(isinstance(one, int) for one in dims)
    if standard and fixed and len(dims) > 2 and len(known.dims) == 2:
        numbers = [int(plain(one)) for one in dims]
        operation = Unflatten(numbers[1], tuple(numbers[2:]))
        return tracer.emit(operation, [tensor], go, name, lead=known.dims[:1])
    return tracer.given(name.capitalize(), dims, [tensor], go, name, conditions)


def flatten(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input start_dim end_dim", args, kwargs, start_dim=0, end_dim=-1)
    dims = tracer.known(given["input"]).dims
    if not dims:
        return tracer.same(given["input"], _go(tracer, func, args, kwargs)())
    start, end = given["start_dim"] % len(dims), given["end_dim"] % len(dims)
    sizes = tracer.sizes(given["input"])
    whole: Any = 1
    for one in sizes[start : end + 1]:
        whole = one * whole
    wanted = (*sizes[:start], whole, *sizes[end + 1 :])
    return _reshape(tracer, given["input"], wanted, _go(tracer, func, args, kwargs), "flatten")


def unflatten(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim sizes", args, kwargs)
    sizes = tracer.sizes(given["input"])
    dim = given["dim"] % len(sizes)
    parts, conditions = reshaped(
        (tracer.known(given["input"]).dims[dim],), [symbolic(one) for one in given["sizes"]]
    )
    dims = tracer.known(given["input"]).dims
    made = (*dims[:dim], *parts, *dims[dim + 1 :])
    go = _go(tracer, func, args, kwargs)
    if dim == 1 and len(dims) == 2 and all(isinstance(one, int) for one in parts):
        return _reshape(tracer, given["input"], made, go, "unflatten")
    return tracer.given("Unflatten", made, [given["input"]], go, "unflatten", conditions)


# The order of dimensions.


def _moved(tracer: Tracer, tensor: Any, order: Sequence[int], go: Any, name: str) -> Any:
    dims = tracer.known(tensor).dims
    made = tuple([dims[place] for place in order])
    if same_dims(made, dims) and list(order) == sorted(order):
        return tracer.same(tensor, go())
    label = f"Permute({', '.join(map(str, order))})"
    return tracer.given(label, made, [tensor], go, name)


def permute(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor = args[0]
    order = _several(args[1:]) or tuple(kwargs["dims"])
    rank = tensor.dim()
    places = [one % rank for one in order]
    return _moved(tracer, tensor, places, _go(tracer, func, args, kwargs), "permute")


def transpose(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim0 dim1", args, kwargs, dim0=-2, dim1=-1)
    rank = given["input"].dim()
    order = list(range(rank))
    one, other = given["dim0"] % rank, given["dim1"] % rank
    order[one], order[other] = order[other], order[one]
    return _moved(tracer, given["input"], order, _go(tracer, func, args, kwargs), "transpose")


def reverse(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    order = list(range(args[0].dim()))[::-1]
    return _moved(tracer, args[0], order, _go(tracer, func, args, kwargs), "transpose")


def movedim(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input source destination", args, kwargs)
    tensor = given["input"]
    rank = tensor.dim()
    sources, targets = (
        [one % rank for one in (side if isinstance(side, (tuple, list)) else (side,))]
        for side in (given["source"], given["destination"])
    )
    order = [one for one in range(rank) if one not in sources]
    for target, one in sorted(zip(targets, sources, strict=True)):
        order.insert(target, one)
    return _moved(tracer, tensor, order, _go(tracer, func, args, kwargs), "movedim")


def squeeze(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim", args, kwargs, dim=None)
    tensor, dim = given["input"], given["dim"]
    dims = tracer.known(tensor).dims
    rank = len(dims)
    sizes = tracer.sizes(tensor)
    asked = range(rank) if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    gone = {one % rank for one in asked if sizes[one] == 1}  # a guard, where it depends
    made = tuple([one for place, one in enumerate(dims) if place not in gone])
    if not gone:
        return tracer.same(tensor, _go(tracer, func, args, kwargs)())
    go = _go(tracer, func, args, kwargs)
    return tracer.given("Squeeze", made, [tensor], go, func.__name__)


def unsqueeze(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim", args, kwargs)
    dims = list(tracer.known(given["input"]).dims)
    dims.insert(given["dim"] % (len(dims) + 1), 1)
    go = _go(tracer, func, args, kwargs)
    return tracer.given("Unsqueeze", tuple(dims), [given["input"]], go, func.__name__)


# Parts.


def getitem(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor, index = args
    items = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(one, (torch.Tensor, list)) for one in items):
        return _picked(tracer, func, args, items)
    known = tracer.known(tensor)
    used = sum(one is not None and one is not Ellipsis for one in items)
    if Ellipsis not in [one for one in items if one is None or one is Ellipsis]:
        items.append(Ellipsis)
    place, made, cuts, plainly = 0, [], [], True
    for one in items:
        if one is None:
            made.append(1)
            plainly = False
        elif one is Ellipsis:
            skipped = len(known.dims) - used
            made += known.dims[place : place + skipped]
            cuts += [None] * skipped
            place += skipped
        elif isinstance(one, slice):
            dim, value = known.dims[place], tensor.shape[place]
            made.append(sliced(tracer.guards, dim, value, one))
            cuts.append(one)
            place += 1
        else:
            _reaches(tracer, tensor, place, one)
            plainly = False
            place += 1
    go = _go(tracer, func, args, kwargs)
    layer = _slice(cuts) if plainly else None
    node = tracer.source(tensor) if layer is not None else None
    if node is not None and node.shape.channels is not None:
        if same_dims(flat(node.shape), known.dims[1:]) and same_dims(made[:2], known.dims[:2]):
            if layer.axes == len(node.shape.extents):
                return tracer.emit(layer, [tensor], go, "slice", lead=known.dims[:1])
    if plainly and same_dims(made, known.dims):
        return tracer.same(tensor, go())
    return tracer.given("Slice", tuple(made), [tensor], go, "slice")


def _slice(cuts: Sequence[slice | None]) -> Any:
    """The layer of slices with plain ends; None where an end is computed."""
    if len(cuts) < 3 or len(cuts) > 5:
        return None
    ends = [slice(None) if one is None else one for one in cuts]
    values = [end for one in ends for end in (one.start, one.stop, one.step)]
    if any(type(one) is Size for one in values):
        return None
    if all(one is None for one in values):
        return None
    return Slice(
        tuple([int(one.start or 0) for one in ends[2:]]),
        tuple([None if one.stop is None else int(one.stop) for one in ends[2:]]),
        tuple([int(one.step or 1) for one in ends[2:]]),
    )


def _reaches(tracer: Tracer, tensor: Any, place: int, index: Any) -> None:
    """Ask that an index lies inside a dimension; where it depends, that is a guard."""
    size = tracer.sizes(tensor)[place]
    if type(size) is Size or type(index) is Size:
        bool(index < size if index >= 0 else -index <= size)


def _picked(tracer: Tracer, func: Any, args: Any, items: list[Any]) -> Any:
    """Elements picked by constant indices along one dimension."""
    tensor = args[0]
    dims = tracer.known(tensor).dims
    simple = [one for one in items if one is not Ellipsis]
    picks = [one for one in simple if isinstance(one, (torch.Tensor, list))]
    whole = all(
        one is picks[0] or (isinstance(one, slice) and one == slice(None)) for one in simple
    )
    pick = picks[0]
    boolean = isinstance(pick, torch.Tensor) and pick.dtype == torch.bool
    if len(picks) > 1 or not whole or boolean:
        raise tracer.refuse(
            "a tensor picks elements of another: how many may depend on values",
            "Slice with numbers, or say --assume getitem=same where sizes stay.",
        )
    before = next(place for place, one in enumerate(items) if one is pick)
    if Ellipsis in [one for one in items[:before] if one is Ellipsis]:
        before = len(dims) - (len(items) - before)
    shape = tracer.known(pick).dims if isinstance(pick, torch.Tensor) else (len(pick),)
    made = (*dims[:before], *shape, *dims[before + 1 :])
    sources = [one for one in (tensor, pick) if isinstance(one, torch.Tensor)]
    sources = [one for one in sources if tracer.known(one).traced]
    return tracer.given("Pick", made, sources, _go(tracer, func, args, {}), "getitem")


def narrow(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim start length", args, kwargs)
    tensor, length = given["input"], given["length"]
    dims = list(tracer.known(tensor).dims)
    dim = given["dim"] % len(dims)
    rule = "what is taken lies inside the input"
    start, end = extent(symbolic(given["start"])), symbolic(given["start"] + length)
    asked = [
        Condition(start, ">=", 0, rule),
        Condition(dims[dim], ">=", end, rule),
    ]
    dims[dim] = symbolic(length)
    go = _go(tracer, func, args, kwargs)
    return tracer.given("Narrow", tuple(dims), [tensor], go, "narrow", asked)


def select(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim index", args, kwargs)
    dims = list(tracer.known(given["input"]).dims)
    place = given["dim"] % len(dims)
    _reaches(tracer, given["input"], place, given["index"])
    del dims[place]
    go = _go(tracer, func, args, kwargs)
    return tracer.given("Select", tuple(dims), [given["input"]], go, "select")


def index_select(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim index", args, kwargs)
    dims = list(tracer.known(given["input"]).dims)
    dims[given["dim"] % len(dims)] = tracer.known(given["index"]).dims[0]
    go = _go(tracer, func, args, kwargs)
    return tracer.given("IndexSelect", tuple(dims), [given["input"]], go, "index_select")


def unbind(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim", args, kwargs, dim=0)
    tensor = given["input"]
    dims = list(tracer.known(tensor).dims)
    dim = given["dim"] % len(dims)
    int(tracer.sizes(tensor)[dim])  # pinned, where it depends: so many tensors come out
    del dims[dim]
    parts = _go(tracer, func, args, kwargs)()
    return _parts(tracer, tensor, parts, [tuple(dims)] * len(parts), "unbind")


def chunk(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input chunks dim", args, kwargs, dim=0)
    tensor, dim = given["input"], given["dim"]
    size = tracer.sizes(tensor)[dim]
    each = -(-size // given["chunks"])
    return _cut(tracer, tensor, dim, each, _go(tracer, func, args, kwargs), "chunk")


def split(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    sizes = kwargs.get("split_size_or_sections", kwargs.get("split_size", None))
    given = bound("tensor sizes dim", args, kwargs, dim=0)
    tensor, dim = given["tensor"], given["dim"]
    sizes = given.get("sizes", sizes)
    go = _go(tracer, func, args, kwargs)
    if not isinstance(sizes, (tuple, list)):
        return _cut(tracer, tensor, dim, sizes, go, "split")
    total: Any = 0
    for one in sizes:
        total = one + total
    rule = "the parts of a split are as long as the whole"
    held = Condition(tracer.known(tensor).dims[dim], "==", symbolic(total), rule)
    dims = list(tracer.known(tensor).dims)
    shapes = []
    for one in sizes:
        dims[dim] = symbolic(one)
        shapes.append(tuple(dims))
    try:
        parts = go()
    except RuntimeError:  # the condition says it, at the first part
        parts = None
    return _parts(tracer, tensor, parts, shapes, "split", [held], go)


def _cut(tracer: Tracer, tensor: Any, dim: int, each: Any, go: Any, name: str) -> Any:
    """Parts of one length, the last of what is left; how many is a guard, where it depends."""
    dims = list(tracer.known(tensor).dims)
    size = tracer.sizes(tensor)[dim]
    parts = go()
    count = len(parts)
    if type(size) is Size or type(each) is Size:
        bool(each * (count - 1) < size)
        bool(size <= each * count)
    shapes = []
    for place in range(count):
        length = each if place < count - 1 else size - each * (count - 1)
        dims[dim] = symbolic(length)
        shapes.append(tuple(dims))
    return _parts(tracer, tensor, parts, shapes, name)


def _parts(
    tracer: Tracer,
    tensor: Any,
    parts: Any,
    shapes: Sequence[tuple[Dim, ...]],
    name: str,
    conditions: Sequence[Condition] = (),
    go: Any = None,
) -> tuple[Any, ...]:
    """A node for each of several results."""
    made = []
    for place, dims in enumerate(shapes):
        work = go if parts is None else (lambda one=parts[place]: one)
        asked = conditions if place == 0 else ()
        made.append(tracer.given(name.capitalize(), dims, [tensor], work, name, asked))
    return tuple(made)


# Repetition.


def expand(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    wanted = _several(args[1:]) or tuple(kwargs["size"])
    return _expanded(tracer, args[0], wanted, _go(tracer, func, args, kwargs))


def expand_as(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    wanted = tuple(tracer.sizes(args[1]))
    return _expanded(tracer, args[0], wanted, _go(tracer, func, args, kwargs))


def _expanded(tracer: Tracer, tensor: Any, wanted: Sequence[Any], go: Any) -> Any:
    dims = tracer.known(tensor).dims
    more = len(wanted) - len(dims)
    made: list[Dim] = []
    asked = []
    for place, one in enumerate(wanted):
        size = symbolic(one)
        old = dims[place - more] if place >= more else 1
        if isinstance(size, int) and size == -1:
            made.append(old)
            continue
        made.append(size)
        if not (isinstance(old, int) and old == 1) and not same_dims((old,), (size,)):
            rule = "what is expanded has size 1, or the size asked for"
            if isinstance(old, int):
                asked.append(Condition(old, "==", size, rule))
            elif bool(tracer.sizes(tensor)[place - more] != 1):  # a guard
                asked.append(Condition(old, "==", size, rule))
    if same_dims(made, dims):
        return tracer.same(tensor, go())
    return tracer.given("Expand", tuple(made), [tensor], go, "expand", asked)


def repeat(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor = args[0]
    counts = _several(args[1:]) or tuple(kwargs.get("repeats", kwargs.get("dims", ())))
    sizes = [1] * (len(counts) - tensor.dim()) + tracer.sizes(tensor)
    counts = (1,) * (len(sizes) - len(counts)) + tuple(counts)
    made = tuple([symbolic(one * count) for one, count in zip(sizes, counts, strict=True)])
    return tracer.given("Repeat", made, [tensor], _go(tracer, func, args, kwargs), "repeat")


def repeat_interleave(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input repeats dim", args, kwargs, dim=None)
    if isinstance(given["repeats"], torch.Tensor):
        raise tracer.refuse("repeat_interleave by a tensor depends on values", "Give a number.")
    sizes = tracer.sizes(given["input"])
    if given["dim"] is None:
        whole: Any = 1
        for one in sizes:
            whole = one * whole
        sizes = [whole * given["repeats"]]
    else:
        sizes[given["dim"]] = sizes[given["dim"]] * given["repeats"]
    made = tuple([symbolic(one) for one in sizes])
    go = _go(tracer, func, args, kwargs)
    return tracer.given("Repeat", made, [given["input"]], go, "repeat_interleave")


def windows(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """`Tensor.unfold`: windows along one dimension become a last dimension."""
    given = bound("input dimension size step", args, kwargs)
    sizes = tracer.sizes(given["input"])
    dim = given["dimension"] % len(sizes)
    fits = Condition(
        symbolic(sizes[dim]), ">=", symbolic(given["size"]), "a window fits into the input"
    )
    sizes[dim] = (sizes[dim] - given["size"]) // given["step"] + 1
    made = tuple([symbolic(one) for one in (*sizes, given["size"])])
    go = _go(tracer, func, args, kwargs)
    return tracer.given("Windows", made, [given["input"]], go, "unfold", [fits])


# Reductions.


def reduce(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim keepdim", args, kwargs, dim=None, keepdim=False)
    given["dim"] = given.get("axis", given["dim"])
    given["keepdim"] = given.get("keepdims", given["keepdim"])
    tensor, dim = given["input"], given["dim"]
    if isinstance(dim, torch.Tensor):  # torch.max(one, other)
        from deconvcalc.tracing.torch.merges import elementwise

        return elementwise(tracer, func, args, kwargs)
    if isinstance(dim, torch.dtype):
        dim = None
    return _reduced(tracer, tensor, dim, given["keepdim"], _go(tracer, func, args, kwargs), func)


def _reduced(tracer: Tracer, tensor: Any, dim: Any, keep: Any, go: Any, func: Any) -> Any:
    known = tracer.known(tensor)
    rank = len(known.dims)
    asked = range(rank) if dim is None or dim == () else dim
    places = {one % rank for one in (asked if not isinstance(asked, int) else (asked,))}
    made = tuple(
        [
            1 if place in places else one
            for place, one in enumerate(known.dims)
            if keep is True or place not in places
        ]
    )
    node = tracer.source(tensor)
    spatial = places == set(range(2, rank)) and rank > 2
    standard = node.shape.channels is not None and same_dims(flat(node.shape), known.dims[1:])
    name = func.__name__
    if spatial and standard and isinstance(known.dims[0], int):
        kind = "max" if name in ("max", "amax") else "average"
        layer = GlobalPool(kind, keepdims=keep is True)
        return tracer.emit(layer, [tensor], go, name, lead=known.dims[:1])
    return tracer.given(name.capitalize(), made, [tensor], go, name)


def std_of(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim", args[:2], kwargs, dim=None, keepdim=False)
    dim = given["dim"]
    if isinstance(dim, bool):
        dim = None
    keep = args[3] if len(args) > 3 else given["keepdim"]
    return _reduced(tracer, given["input"], dim, keep, _go(tracer, func, args, kwargs), func)


def norm(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input p dim keepdim", args, kwargs, p=2, dim=None, keepdim=False)
    go = _go(tracer, func, args, kwargs)
    return _reduced(tracer, given["input"], given["dim"], given["keepdim"], go, func)


def topk(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input k dim", args, kwargs, dim=-1)
    dims = list(tracer.known(given["input"]).dims)
    held = Condition(dims[given["dim"]], ">=", symbolic(given["k"]), "there are k elements")
    dims[given["dim"]] = symbolic(given["k"])
    go = _go(tracer, func, args, kwargs)
    return tracer.given("Topk", tuple(dims), [given["input"]], go, "topk", [held])


def sort(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    dims = tracer.known(args[0]).dims
    go = _go(tracer, func, args, kwargs)
    return tracer.given(func.__name__.capitalize(), dims, [args[0]], go, func.__name__)


def transparent(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """A copy or another type of the same sizes: no node."""
    result = func(*tracer.real(args), **tracer.real(dict(kwargs)))
    return tracer.same(args[0], result) if isinstance(result, torch.Tensor) else result


def moved(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """To another device: nothing, here."""
    tensor = args[0]
    kept = [one for one in args[1:] if isinstance(one, torch.dtype)]
    dtype = kept[0] if kept else kwargs.get("dtype")
    if dtype is None:
        return tensor
    return tracer.same(tensor, tracer.real(tensor).to(dtype))


HANDLERS: dict[str, Any] = {
    **dict.fromkeys(("view", "reshape"), view),
    **dict.fromkeys(("view_as", "reshape_as"), view_as),
    **dict.fromkeys(("flatten", "ravel"), flatten),
    "unflatten": unflatten,
    "permute": permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t", "mT"), transpose),
    "T": reverse,
    **dict.fromkeys(("movedim", "moveaxis"), movedim),
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "__getitem__": getitem,
    "narrow": narrow,
    "select": select,
    "index_select": index_select,
    **dict.fromkeys(("unbind", "__iter__"), unbind),
    "chunk": chunk,
    **dict.fromkeys(("split", "split_with_sizes"), split),
    **dict.fromkeys(("expand", "broadcast_to"), expand),
    "expand_as": expand_as,
    **dict.fromkeys(("repeat", "tile"), repeat),
    "repeat_interleave": repeat_interleave,
    **dict.fromkeys(
        "mean sum max min amax amin prod any all argmax argmin logsumexp median nanmean".split(),
        reduce,
    ),
    **dict.fromkeys(("std", "var"), std_of),
    "norm": norm,
    "topk": topk,
    **dict.fromkeys(("sort", "argsort"), sort),
    **dict.fromkeys(
        "contiguous clone detach float double half bfloat16 int long bool type type_as data "
        "requires_grad_ detach_ alias".split(),
        transparent,
    ),
    **dict.fromkeys("to cuda cpu".split(), moved),
}
