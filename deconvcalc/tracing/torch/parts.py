"""Functions of torch that split, repeat and reduce."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from deconvcalc.layers import GlobalPool
from deconvcalc.model.conditions import Condition
from deconvcalc.tracing.torch.arguments import bound, same_dims, several, symbolic
from deconvcalc.tracing.torch.known import at, flat
from deconvcalc.tracing.torch.shapes import always
from deconvcalc.tracing.torch.sizes import Size
from deconvcalc.tracing.torch.tracer import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.tracing.torch.arguments import Dim
    from deconvcalc.tracing.torch.tracer import Tracer

__all__ = ["HANDLERS", "windows"]


def unbind(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim", args, kwargs, dim=0)
    tensor = given["input"]
    dims = list(tracer.known(tensor).dims)
    dim = given["dim"] % len(dims)
    int(tracer.sizes(tensor)[dim])  # pinned, where it depends: so many tensors come out
    del dims[dim]
    parts = Call(tracer, func, args, kwargs)()
    return _parts(tracer, tensor, parts, [tuple(dims)] * len(parts), "unbind")


def chunk(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input chunks dim", args, kwargs, dim=0)
    tensor, dim = given["input"], given["dim"]
    size = tracer.sizes(tensor)[dim]
    each = -(-size // given["chunks"])
    return _cut(tracer, tensor, dim, each, Call(tracer, func, args, kwargs), "chunk")


def split(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    sizes = kwargs.get("split_size_or_sections", kwargs.get("split_size", None))
    given = bound("tensor sizes dim", args, kwargs, dim=0)
    tensor, dim = given["tensor"], given["dim"]
    sizes = given.get("sizes", sizes)
    go = Call(tracer, func, args, kwargs)
    if not isinstance(sizes, (tuple, list)):
        return _cut(tracer, tensor, dim, sizes, go, "split")
    total: Any = 0
    for one in sizes:
        total = one + total
    rule = "the parts of a split are as long as the whole"
    held = Condition(tracer.known(tensor).dims[dim], "==", symbolic(total), rule)
    sums: list[Condition] = []
    dims = list(tracer.known(tensor).dims)
    shapes = []
    for one in sizes:
        dims[dim] = symbolic(one)
        shapes.append(tuple(dims))
    if not always(held):
        sums = [held]
    try:
        parts = go()
    except RuntimeError:  # the condition says it
        dtype = tensor.dtype
        parts = [torch.empty(_numbers(tracer, one), device="meta", dtype=dtype) for one in shapes]
    return _parts(tracer, tensor, parts, shapes, "split", sums)


def _numbers(tracer: Tracer, dims: Sequence[Dim]) -> list[int]:
    return [at(one, tracer.point) for one in dims]


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
) -> tuple[Any, ...]:
    """A node for each of several results."""
    made = []
    for place, dims in enumerate(shapes):
        work = lambda one=parts[place]: one  # noqa: E731  # bound now
        made.append(tracer.given(name.capitalize(), dims, [tensor], work, name, conditions))
    return tuple(made)


# Repetition.


def expand(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    wanted = several(args[1:]) or tuple(kwargs["size"])
    return _expanded(tracer, args[0], wanted, Call(tracer, func, args, kwargs))


def expand_as(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    wanted = tuple(tracer.sizes(args[1]))
    return _expanded(tracer, args[0], wanted, Call(tracer, func, args, kwargs))


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
            if isinstance(old, int) or bool(tracer.sizes(tensor)[place - more] != 1):
                asked.append(Condition(old, "==", size, rule))
    if same_dims(made, dims):
        return tracer.same(tensor, go())
    return tracer.given("Expand", tuple(made), [tensor], go, "expand", asked)


def repeat(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor = args[0]
    counts = several(args[1:]) or tuple(kwargs.get("repeats", kwargs.get("dims", ())))
    sizes = [1] * (len(counts) - tensor.dim()) + tracer.sizes(tensor)
    counts = (1,) * (len(sizes) - len(counts)) + tuple(counts)
    made = tuple([symbolic(one * count) for one, count in zip(sizes, counts, strict=True)])
    return tracer.given("Repeat", made, [tensor], Call(tracer, func, args, kwargs), "repeat")


def repeat_interleave(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input repeats dim", args, kwargs, dim=None)
    if isinstance(given["repeats"], torch.Tensor):
        raise tracer.refuse("repeat_interleave by a tensor depends on values", "Give a number.")
    sizes = tracer.sizes(given["input"])
    if given["dim"] is None:
        whole: Any = 1
        for one in sizes:
            whole = whole * one
        sizes = [whole * given["repeats"]]
    else:
        sizes[given["dim"]] = sizes[given["dim"]] * given["repeats"]
    made = tuple([symbolic(one) for one in sizes])
    go = Call(tracer, func, args, kwargs)
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
    go = Call(tracer, func, args, kwargs)
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
    return _reduced(tracer, tensor, dim, given["keepdim"], Call(tracer, func, args, kwargs), func)


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
    return _reduced(tracer, given["input"], dim, keep, Call(tracer, func, args, kwargs), func)


def norm(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input p dim keepdim", args, kwargs, p=2, dim=None, keepdim=False)
    go = Call(tracer, func, args, kwargs)
    return _reduced(tracer, given["input"], given["dim"], given["keepdim"], go, func)


def topk(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input k dim", args, kwargs, dim=-1)
    dims = list(tracer.known(given["input"]).dims)
    held = Condition(dims[given["dim"]], ">=", symbolic(given["k"]), "there are k elements")
    dims[given["dim"]] = symbolic(given["k"])
    go = Call(tracer, func, args, kwargs)
    return tracer.given("Topk", tuple(dims), [given["input"]], go, "topk", [held])


def sort(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    dims = tracer.known(args[0]).dims
    go = Call(tracer, func, args, kwargs)
    return tracer.given(func.__name__.capitalize(), dims, [args[0]], go, func.__name__)


_REDUCTIONS = """
    mean sum max min amax amin prod any all argmax argmin logsumexp median nanmean
"""

HANDLERS: dict[str, Any] = {
    **dict.fromkeys(_REDUCTIONS.split(), reduce),
    **dict.fromkeys(("unbind", "__iter__"), unbind),
    "chunk": chunk,
    **dict.fromkeys(("split", "split_with_sizes"), split),
    **dict.fromkeys(("expand", "broadcast_to"), expand),
    "expand_as": expand_as,
    **dict.fromkeys(("repeat", "tile"), repeat),
    "repeat_interleave": repeat_interleave,
    **dict.fromkeys(("std", "var", "std_mean", "var_mean"), std_of),
    "norm": norm,
    "topk": topk,
    **dict.fromkeys(("sort", "argsort"), sort),
}
