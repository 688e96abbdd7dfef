"""Functions of torch that rearrange: reshape, permute, slice, copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from deconvcalc.layers import Flatten, Slice
from deconvcalc.model.conditions import Condition
from deconvcalc.model.operations import Input, Unflatten
from deconvcalc.tracing.torch.arguments import (
    at_traced,
    bound,
    has_size,
    same_dims,
    several,
    symbolic,
)
from deconvcalc.tracing.torch.known import flat
from deconvcalc.tracing.torch.shapes import always, product, reshaped, sliced
from deconvcalc.tracing.torch.sizes import Size
from deconvcalc.tracing.torch.tracer import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.model.graph import Node
    from deconvcalc.tracing.torch.arguments import Dim
    from deconvcalc.tracing.torch.tracer import Tracer

__all__ = ["HANDLERS", "indices_in", "reaches"]


# Reshaping.


def view(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor, wanted = args[0], several(args[1:])
    if not wanted:
        wanted = several((kwargs.get("shape", kwargs.get("size", ())),))
    if any(isinstance(one, torch.dtype) for one in wanted) or "dtype" in kwargs:
        raise tracer.refuse("view as another type is not followed", "Use .to(dtype).")
    return _reshape(tracer, tensor, wanted, Call(tracer, func, args, kwargs), func.__name__)


def view_as(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    wanted = tuple(tracer.sizes(args[1]))
    return _reshape(tracer, args[0], wanted, Call(tracer, func, args, kwargs), func.__name__)


def _reshape(tracer: Tracer, tensor: Any, wanted: Sequence[Any], go: Any, name: str) -> Any:
    known = tracer.known(tensor)
    dims, conditions = reshaped(known.dims, [symbolic(one) for one in wanted])
    if same_dims(dims, known.dims):
        return tracer.same(tensor, go())
    node = tracer.source(tensor)
    standard = same_dims(flat(node.shape), known.dims[1:]) and dims[0] == known.dims[0]
    flattens = standard and len(dims) == 2 and not conditions and bool(node.shape.extents)
    if flattens and node.shape.channels is not None and product(known.dims[1:]) == dims[1]:
        return tracer.emit(Flatten(), [tensor], go, name, lead=known.dims[:1])
    fixed = all(isinstance(one, int) for one in dims)
    if standard and fixed and len(dims) > 2 and len(known.dims) == 2:
        numbers = [int(at_traced(one)) for one in dims]
        operation = Unflatten(numbers[1], tuple(numbers[2:]))
        return tracer.emit(operation, [tensor], go, name, lead=known.dims[:1])
    return tracer.given(name.capitalize(), dims, [tensor], go, name, conditions)


def flatten(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input start_dim end_dim", args, kwargs, start_dim=0, end_dim=-1)
    dims = tracer.known(given["input"]).dims
    if not dims:
        return tracer.same(given["input"], Call(tracer, func, args, kwargs)())
    start, end = given["start_dim"] % len(dims), given["end_dim"] % len(dims)
    sizes = tracer.sizes(given["input"])
    whole: Any = 1
    for one in sizes[start : end + 1]:
        whole = whole * one
    wanted = (*sizes[:start], whole, *sizes[end + 1 :])
    return _reshape(tracer, given["input"], wanted, Call(tracer, func, args, kwargs), "flatten")


def unflatten(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim sizes", args, kwargs)
    sizes = tracer.sizes(given["input"])
    dim = given["dim"] % len(sizes)
    parts, conditions = reshaped(
        (tracer.known(given["input"]).dims[dim],), [symbolic(one) for one in given["sizes"]]
    )
    dims = tracer.known(given["input"]).dims
    made = (*dims[:dim], *parts, *dims[dim + 1 :])
    go = Call(tracer, func, args, kwargs)
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
    order = several(args[1:]) or tuple(kwargs["dims"])
    rank = tensor.dim()
    places = [one % rank for one in order]
    return _moved(tracer, tensor, places, Call(tracer, func, args, kwargs), "permute")


def transpose(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim0 dim1", args, kwargs, dim0=-2, dim1=-1)
    rank = given["input"].dim()
    order = list(range(rank))
    one, other = given["dim0"] % rank, given["dim1"] % rank
    order[one], order[other] = order[other], order[one]
    return _moved(tracer, given["input"], order, Call(tracer, func, args, kwargs), "transpose")


def reverse(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    order = list(range(args[0].dim()))[::-1]
    return _moved(tracer, args[0], order, Call(tracer, func, args, kwargs), "transpose")


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
    return _moved(tracer, tensor, order, Call(tracer, func, args, kwargs), "movedim")


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
        return tracer.same(tensor, Call(tracer, func, args, kwargs)())
    go = Call(tracer, func, args, kwargs)
    return tracer.given("Squeeze", made, [tensor], go, func.__name__)


def unsqueeze(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim", args, kwargs)
    dims = list(tracer.known(given["input"]).dims)
    dims.insert(given["dim"] % (len(dims) + 1), 1)
    go = Call(tracer, func, args, kwargs)
    return tracer.given("Unsqueeze", tuple(dims), [given["input"]], go, func.__name__)


# Parts.


def getitem(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor, index = args
    items = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(one, (torch.Tensor, list)) for one in items):
        return _picked(tracer, func, args, items)
    known = tracer.known(tensor)
    made, cuts, asked = _indexed(tracer, tensor, items)
    go = Call(tracer, func, args, kwargs)
    layer = None if cuts is None else _slice([at_traced(one) for one in cuts])
    if layer is not None:
        node = tracer.source(tensor)
        alike = same_dims(flat(node.shape), known.dims[1:])
        alike = alike and same_dims(made[:2], known.dims[:2])
        alike = alike and node.shape.channels is not None
        if not alike or layer.axes != len(node.shape.extents):
            layer = None
        elif not has_size(cuts or ()):
            return tracer.emit(layer, [tensor], go, "slice", lead=known.dims[:1])
    if cuts is not None and same_dims(made, known.dims):
        return tracer.same(tensor, go())
    return tracer.given("Slice", made, [tensor], go, "slice", asked, layer=layer)


def setitem(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> None:
    """Writes a tensor into a part of another, which keeps its sizes."""
    target, index, value = args
    items = list(index) if isinstance(index, tuple) else [index]
    known = tracer.known(target)
    sources = [one for one in (target, value) if isinstance(one, torch.Tensor)]
    conditions: list[Condition] = []
    if isinstance(value, torch.Tensor) and value.dim():
        if any(isinstance(one, (torch.Tensor, list)) for one in items):
            raise tracer.refuse(
                "a tensor is written to places that another tensor picks", "Write to slices."
            )
        part, _, conditions = _indexed(tracer, target, items)
        rule = "what is written has the size of its place, or size 1"
        conditions += [
            Condition(its, "==", place, rule)
            for place, its in zip(part[::-1], tracer.known(value).dims[::-1], strict=False)
            if its != 1 and not same_dims((its,), (place,))
        ]
    elif not any(isinstance(one, (torch.Tensor, list)) for one in items):
        conditions = _indexed(tracer, target, items)[2]
    else:
        simple = _place_of(tracer, target, items)
        if simple is not None:
            conditions = reaches(tracer, target, *simple)

    def go() -> Any:
        Call(tracer, func, args, kwargs)()
        return target

    tracer.given("Write", known.dims, sources, go, "write", conditions, in_place=True)


def _indexed(
    tracer: Tracer, tensor: Any, items: list[Any]
) -> tuple[tuple[Dim, ...], list[slice | None] | None, list[Condition]]:
    """What an index leaves: dimensions; slices, where it has nothing else; and what it asks."""
    known = tracer.known(tensor)
    used = sum(one is not None and one is not Ellipsis for one in items)
    if Ellipsis not in [one for one in items if one is None or one is Ellipsis]:
        items.append(Ellipsis)
    place, plainly = 0, True
    made: list[Dim] = []
    cuts: list[slice | None] = []
    asked: list[Condition] = []
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
            asked += reaches(tracer, tensor, place, [one])
            plainly = False
            place += 1
    return tuple(made), cuts if plainly else None, asked


def _slice(cuts: Sequence[slice | None]) -> Any:
    """The layer of slices with plain ends; None where nothing is cut, or no layer has the axes."""
    if len(cuts) < 3 or len(cuts) > 5:
        return None
    ends = [slice(None) if one is None else one for one in cuts]
    values = [end for one in ends for end in (one.start, one.stop, one.step)]
    if all(one is None for one in values):
        return None
    return Slice(
        tuple([int(one.start or 0) for one in ends[2:]]),
        tuple([None if one.stop is None else int(one.stop) for one in ends[2:]]),
        tuple([int(one.step or 1) for one in ends[2:]]),
    )


def reaches(tracer: Tracer, tensor: Any, place: int, indices: Sequence[Any]) -> list[Condition]:
    """What indices along a dimension ask of its size; negative ones count from its end."""
    size = tracer.sizes(tensor)[place]
    asked: list[Condition] = []
    rule = "what is picked lies inside the input"
    for index in indices:
        least = -index if index < 0 else index + 1
        asked.append(Condition(symbolic(size), ">=", symbolic(least), rule))
    return [one for one in asked if not always(one)]


def indices_in(tracer: Tracer, index: Any, *, negative: bool = True) -> list[Any]:
    """The outermost indices of a list or a tensor; none where its values are not known."""
    numbers = _span(tracer, index) if isinstance(index, torch.Tensor) else _numbers(index)
    sizes = [one for one in numbers if type(one) is Size]
    numbers = [one for one in numbers if type(one) is not Size]
    if not numbers:
        return sizes
    if min(numbers) < 0 and not negative:
        raise tracer.refuse("an index is below 0, which torch refuses here", "Count from 0.")
    return [*sizes, *{min(numbers), max(numbers)}]


def _span(tracer: Tracer, index: Any) -> list[Any]:
    """The smallest and the largest element of a tensor of indices, where they are known."""
    known = tracer.known(index)
    ends = getattr(index, "_deconvcalc_span", None)
    with torch._C.DisableTorchFunction():
        if ends is None and not index.numel():
            return []
        if ends is not None:
            return list(ends())
        if index.device.type != "meta" and not known.traced:
            return [int(one) for one in index.detach().aminmax()]
    if known.node is None or not _is_data(known.node):
        tracer.unseen[f"indices of {tracer.where() or 'a line that is not known'}"] = None
    return []


def _is_data(node: Node) -> bool:
    """Whether a node depends on what the inputs hold."""
    todo, seen = [node], {node.index}
    while todo:
        one = todo.pop()
        if isinstance(one.operation, Input):
            return True
        todo += [each for each in one.sources if each.index not in seen]
        seen.update([each.index for each in one.sources])
    return False


def _numbers(values: Any) -> list[Any]:
    """The numbers in a list, at any depth."""
    if isinstance(values, (list, tuple)):
        return [one for each in values for one in _numbers(each)]
    return [int(values) if isinstance(values, bool) else values]


def _depths(tracer: Tracer, values: Any) -> list[int]:
    """The sizes of a list of lists."""
    if not isinstance(values, (list, tuple)):
        return []
    inner = [_depths(tracer, one) for one in values]
    if any(one != inner[0] for one in inner):
        raise tracer.refuse("a list of indices has rows of several lengths", "Make them equal.")
    return [len(values), *(inner[0] if inner else [])]


def _mask(tracer: Tracer, pick: Any) -> list[bool] | None:
    """The values of a mask along one dimension; None where it is none.

    Raises:
        TraceError: it has several dimensions, or its values are not known.
    """
    if not isinstance(pick, torch.Tensor):
        return list(pick) if pick and all(isinstance(one, bool) for one in pick) else None
    if pick.dtype not in (torch.bool, torch.uint8):
        return None
    if pick.dim() != 1 or pick.device.type == "meta" or tracer.known(pick).traced:
        raise tracer.refuse(
            "a tensor picks elements of another: how many may depend on values",
            "Slice with numbers, or say --assume getitem=same where sizes stay.",
        )
    with torch._C.DisableTorchFunction():
        return [bool(one) for one in pick.detach().tolist()]


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
    if len(picks) > 1 or not whole:
        raise tracer.refuse(
            "a tensor picks elements of another: how many may depend on values",
            "Slice with numbers, or say --assume getitem=same where sizes stay.",
        )
    before = next(place for place, one in enumerate(items) if one is pick)
    if Ellipsis in [one for one in items[:before] if one is Ellipsis]:
        before = len(dims) - (len(items) - before)
    mask = _mask(tracer, pick)
    if mask is not None:
        shape: Sequence[Dim] = [sum(mask)]
        rule = f"a mask of {len(mask)} elements is as long as what it picks from"
        asked = [Condition(dims[before], "==", len(mask), rule)]
        asked = [one for one in asked if one.variables or not one.holds({})]
    else:
        is_tensor = isinstance(pick, torch.Tensor)
        shape = tracer.known(pick).dims if is_tensor else _depths(tracer, pick)
        asked = reaches(tracer, tensor, before, indices_in(tracer, pick))
    made = (*dims[:before], *shape, *dims[before + 1 :])
    sources = [one for one in (tensor, pick) if isinstance(one, torch.Tensor)]
    sources = [one for one in sources if tracer.known(one).traced]
    return tracer.given("Pick", made, sources, Call(tracer, func, args, {}), "getitem", asked)


def _place_of(tracer: Tracer, tensor: Any, items: list[Any]) -> tuple[int, list[Any]] | None:
    """Where an index picks, and what, if it does so along one dimension."""
    places = [at for at, one in enumerate(items) if isinstance(one, (torch.Tensor, list))]
    pick = items[places[0]]
    if len(places) > 1 or (isinstance(pick, torch.Tensor) and pick.dtype == torch.bool):
        return None
    place = places[0]
    if any(one is None for one in items):
        return None
    if any(one is Ellipsis for one in items[:place]):
        place += len(tracer.known(tensor).dims) - len(items)
    return place, indices_in(tracer, pick)


def narrow(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim start length", args, kwargs)
    tensor, length = given["input"], given["length"]
    dims = list(tracer.known(tensor).dims)
    dim = given["dim"] % len(dims)
    rule = "what is taken lies inside the input"
    whole, start = tracer.sizes(tensor)[dim], given["start"]
    if isinstance(start, torch.Tensor):
        start = int(start)
    if start < 0:
        start = whole + start
    asked = [
        Condition(symbolic(start), ">=", 0, rule),
        Condition(symbolic(whole), ">=", symbolic(start + length), rule),
    ]
    asked = [one for one in asked if not always(one)]
    dims[dim] = symbolic(length)
    go = Call(tracer, func, args, kwargs)
    return tracer.given("Narrow", tuple(dims), [tensor], go, "narrow", asked)


def select(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim index", args, kwargs)
    dims = list(tracer.known(given["input"]).dims)
    place = given["dim"] % len(dims)
    asked = reaches(tracer, given["input"], place, [given["index"]])
    del dims[place]
    go = Call(tracer, func, args, kwargs)
    return tracer.given("Select", tuple(dims), [given["input"]], go, "select", asked)


def index_select(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim index", args, kwargs)
    dims = list(tracer.known(given["input"]).dims)
    place = given["dim"] % len(dims)
    asked = reaches(
        tracer, given["input"], place, indices_in(tracer, given["index"], negative=False)
    )
    dims[place] = tracer.known(given["index"]).dims[0]
    go = Call(tracer, func, args, kwargs)
    return tracer.given("IndexSelect", tuple(dims), [given["input"]], go, "index_select", asked)


def transparent(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """A copy or another type of the same sizes: no node."""
    result = func(*tracer.real(args), **tracer.real(dict(kwargs)))
    return tracer.same(args[0], result) if isinstance(result, torch.Tensor) else result


def moved(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001  # as all
    """To another device: nothing, here."""
    tensor = args[0]
    kept = [one for one in args[1:] if isinstance(one, torch.dtype)]
    dtype = kept[0] if kept else kwargs.get("dtype")
    if dtype is None:
        return tensor
    return tracer.same(tensor, tracer.real(tensor).to(dtype))


_COPIES = """
    contiguous clone detach float double half bfloat16 int long bool type type_as data
    requires_grad_ detach_ alias
"""

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
    "__setitem__": setitem,
    "narrow": narrow,
    "select": select,
    "index_select": index_select,
    **dict.fromkeys(_COPIES.split(), transparent),
    **dict.fromkeys(["to", "cuda", "cpu"], moved),
}
