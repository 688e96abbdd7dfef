"""Functions of torch that work on several tensors: sums, products, concatenation, matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.model.conditions import Condition
from deconvcalc.model.operations import Add, Concat, Multiply, simpler
from deconvcalc.tracing.torch.arguments import bound, same_dims
from deconvcalc.tracing.torch.known import laid_out, tensors_in
from deconvcalc.tracing.torch.norms import identity
from deconvcalc.tracing.torch.shapes import always, broadcast
from deconvcalc.tracing.torch.tracer import REFUSALS, Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.model.extents import Extent
    from deconvcalc.model.run import Fault
    from deconvcalc.tracing.torch.tracer import Tracer

    Dim = int | Extent

__all__ = ["HANDLERS", "elementwise"]

_PRODUCTS = {"mul", "multiply", "div", "divide", "true_divide", "floor_divide", "pow", "remainder"}
_PRODUCTS |= {"__rdiv__", "__rtruediv__", "__rpow__", "__rfloordiv__", "__rmod__", "fmod", "ldexp"}


def elementwise(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """An operation element by element, on tensors that are broadcast, and numbers."""
    tensors = [one for one in tensors_in((*args, *kwargs.values())) if one.dim()]
    traced = [one for one in tensors if tracer.known(one).traced]
    if not traced:  # tensors of no dimension
        return scalar(tracer, func, args, kwargs)
    first = traced[0]
    dims = tracer.known(first).dims
    others = [one for one in tensors if one is not first]
    if all(not one.traced and _quiet(one.dims, dims) for one in map(tracer.known, others)):
        return _alone(tracer, func, args, kwargs, first)
    name = func.__name__
    go = Call(tracer, func, args, kwargs)
    again = _again(go, tensors, None)
    shapes = [tracer.known(one).dims for one in tensors]
    rule = "what is added or multiplied has one size, or size 1"
    made, asked = broadcast(shapes, rule)
    grows = _in_place(func) and not _fits(tracer.known(args[0]).dims, made)
    if not grows and _alike(tracer, tensors):
        operation = Multiply() if name.rstrip("_") in _PRODUCTS else Add()
        lead = tracer.known(first).dims[:1]
        name = _short(name)
        in_place = _in_place(func)
        return tracer.emit(operation, tensors, go, name, lead=lead, again=again, in_place=in_place)
    conditions = _placed(tracer, tensors, len(made), asked)
    if grows:
        target = tracer.known(args[0]).dims
        rule = "what is changed in place keeps its size"
        pairs = zip(target[::-1], made[::-1], strict=False)
        conditions += [Condition(one, "==", its, rule) for one, its in pairs if one is not its]
        made = target
    name = _short(name)
    in_place = _in_place(func)
    return tracer.given(name, made, tensors, go, name, conditions, again=again, in_place=in_place)


def _in_place(func: Any) -> bool:
    return str(func.__name__).endswith("_") and not func.__name__.endswith("__")


def _short(name: str) -> str:
    """The name of an operation without what marks it as reflected or in place."""
    if name in ("__radd__", "__rsub__", "__rmul__", "__rdiv__", "__rpow__", "__rtruediv__"):
        return name.strip("_")[1:]
    return name.strip("_")


def _fits(target: tuple[Dim, ...], made: tuple[Dim, ...]) -> bool:
    """Whether a tensor has the size of what is written into it, but for what has to be equal."""
    if len(target) != len(made):
        return False
    return all(
        not (isinstance(one, int) and one == 1) or one is its or _same_int(one, its)
        for one, its in zip(target, made, strict=True)
    )


def _quiet(dims: tuple[Dim, ...], whole: tuple[Dim, ...]) -> bool:
    """Whether a tensor of some dimensions is broadcast to others, for every input."""
    if len(dims) > len(whole):
        return False
    return all(
        (isinstance(one, int) and one == 1)
        or (isinstance(one, int) and one is its)
        or _same_int(one, its)
        for one, its in zip(dims[::-1], whole[::-1], strict=False)
    )


def _same_int(one: Any, other: Any) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one == other


def _alone(tracer: Tracer, func: Any, args: Any, kwargs: Any, tensor: Any) -> Any:
    """One tensor and constants that do not matter: sizes stay."""

    def run(*_args: Any, **_kwargs: Any) -> Any:
        return func(*tracer.real(args), **tracer.real(dict(kwargs)))

    run.__name__ = func.__name__ if _in_place(func) else _short(func.__name__)
    return identity(tracer, run, (tensor,), {})


def scalar(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """An operation on tensors of no dimension."""
    tensors = [one for one in tensors_in((*args, *kwargs.values())) if tracer.known(one).traced]
    name = _short(func.__name__)
    go = Call(tracer, func, args, kwargs)
    return tracer.given(name, (), tensors, go, name)


def _alike(tracer: Tracer, tensors: Sequence[Any]) -> bool:
    """Whether tensors have one layout, with channels and sizes, so that they make one merge."""
    every = [tracer.known(one) for one in tensors]
    first = every[0].dims
    if len(first) < 3:
        return False
    for tensor, known in zip(tensors, every, strict=True):
        dims = known.dims
        if len(dims) != len(first) or not _same_int(dims[0], first[0]):
            return False
        if not isinstance(dims[1], int):
            return False
        node = tracer.source(tensor)
        if node.shape.channels != dims[1] or not same_dims(node.shape.extents, dims[2:]):
            return False
    return True


def _placed(
    tracer: Tracer, tensors: Sequence[Any], rank: int, asked: Sequence[tuple[int, Condition]]
) -> list[Condition]:
    """Conditions on dimensions, with the axis of the node's shape that each is about."""
    made = []
    for back, one in asked:
        axis = rank - back - 2
        operands = one.operands
        if operands is not None:
            spots = [len(tracer.source(tensors[place]).shape.extents) for place in operands]
            if axis < 0 or any(count != rank - 2 for count in spots):
                operands = None
        place = axis if axis >= 0 else None
        made.append(Condition(one.left, one.relation, one.right, one.rule, place, operands))
    return made


def _again(go: Call, tensors: Sequence[Any], side: int | None) -> Any:
    """Has torch do an operation where nothing but one fault is wrong, to hear what it says.

    Args:
        go: the operation.
        tensors: what it works on.
        side: the dimension along which sizes may differ, if any.
    """
    first = tensors[0].shape

    def ask(fault: Fault) -> str | None:
        rank = len(first)
        place = 1
        if isinstance(fault.axis, int):
            place = fault.axis + rank - len(go.tracer.run.shapes[-1].extents)

        def keep(tensor: Any) -> list[int] | None:
            if tensor.dim() != rank:
                return None
            sizes = enumerate(tensor.shape)
            return [size if index in (place, side) else first[index] for index, size in sizes]

        return go.words(keep)

    return ask


def cat(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("tensors dim", args, kwargs, dim=kwargs.get("axis", 0))
    tensors = list(given["tensors"])
    shapes = [tracer.known(one).dims for one in tensors]
    rank = max(map(len, shapes))
    go = Call(tracer, func, args, kwargs)
    if any(len(one) != rank for one in shapes) or not -rank <= given["dim"] < rank:
        return go()  # torch refuses it, and says why
    dim = given["dim"] % rank
    again = _again(go, tensors, dim)
    if dim and _alike(tracer, tensors):
        operation = Concat() if dim == 1 else Concat(dim - 2)
        return tracer.emit(operation, tensors, go, "cat", lead=shapes[0][:1], again=again)
    made, conditions = list(shapes[0]), []
    layout = laid_out(shapes[0])
    first = rank - len(layout.extents)
    for place, other in enumerate(shapes[1:], 1):
        for index, (one, its) in enumerate(zip(shapes[0], other, strict=True)):
            if index == dim:
                made[index] = made[index] + its
            elif not (one is its or _same_int(one, its)):
                axis = index - first if index >= first else None
                alike = len(laid_out(other).extents) == len(layout.extents)
                operands = (0, place) if axis is not None and alike else None
                rule = "what is put side by side has one size"
                conditions.append(Condition(one, "==", its, rule, axis, operands))
                made[index] = _plainer(made[index], its)
    return tracer.given("Concat", tuple(made), tensors, go, "cat", conditions, again=again)


def _plainer(one: Any, other: Any) -> Any:
    if isinstance(one, int) or isinstance(other, int):
        return one if isinstance(one, int) else other
    return simpler(one, other)


def stack(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("tensors dim", args, kwargs, dim=0)
    tensors = list(given["tensors"])
    shapes = [tracer.known(one).dims for one in tensors]
    made, conditions = list(shapes[0]), []
    for other in shapes[1:]:
        for index, (one, its) in enumerate(zip(shapes[0], other, strict=True)):
            if not (one is its or _same_int(one, its)):
                conditions.append(Condition(one, "==", its, "what is stacked has one size"))
                made[index] = _plainer(made[index], its)
    made.insert(given["dim"] % (len(made) + 1), len(tensors))
    go = Call(tracer, func, args, kwargs)
    return tracer.given("Stack", tuple(made), tensors, go, "stack", conditions)


def matmul(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input other", args, kwargs)
    one, other = given["input"], given.get("other", given.get("mat2"))
    if func.__name__ == "__rmatmul__":
        one, other = other, one
    left, right = tracer.known(one).dims, tracer.known(other).dims
    name = "matmul"
    go = Call(tracer, func, args, kwargs)
    inner, conditions = right[-2] if len(right) > 1 else right[0], []
    if not (left[-1] is inner or _same_int(left[-1], inner)):
        rule = "the inner sizes of a matrix product are equal"
        conditions.append(Condition(left[-1], "==", inner, rule))
    lead, asked = broadcast([left[:-2], right[:-2]], "stacks of matrices have one size, or size 1")
    conditions += [Condition(held.left, held.relation, held.right, held.rule) for _, held in asked]
    ends = (*left[-2:-1], *(right[-1:] if len(right) > 1 else ()))
    made = (*lead, *ends)
    return tracer.given("Matmul", made, [one, other], go, name, conditions, counted=False)


def einsum(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    equation, tensors = args[0], list(args[1:])
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = list(tensors[0])
    if not isinstance(equation, str) or "." in equation:
        raise tracer.refuse(
            "einsum is followed where its equation has letters alone", "Write the letters out."
        )
    left, _, right = equation.replace(" ", "").partition("->")
    sizes: dict[str, Any] = {}
    conditions = []
    for letters, tensor in zip(left.split(","), tensors, strict=True):
        for letter, dim in zip(letters, tracer.known(tensor).dims, strict=True):
            held = sizes.setdefault(letter, dim)
            if not (held is dim or _same_int(held, dim)):
                rule = f"the sizes of {letter!r} are equal, or 1"
                conditions.append(Condition(held, "matches", dim, rule))
                sizes[letter] = dim if _same_int(held, 1) else _plainer(held, dim)
    if "->" not in equation:
        right = "".join(sorted(one for one in sizes if left.count(one) == 1))
    made = tuple([sizes[letter] for letter in right])
    go = Call(tracer, func, args, kwargs)
    label = f"Einsum({equation!r})"
    return tracer.given(label, made, tensors, go, "einsum", conditions, counted=False)


def attention(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("query key value", args, kwargs)
    query, key, value = given["query"], given["key"], given["value"]
    made = (*tracer.known(query).dims[:-1], tracer.known(value).dims[-1])
    one, other = tracer.known(key).dims[-2], tracer.known(value).dims[-2]
    conditions = []
    if not (one is other or _same_int(one, other)):
        rule = "there are as many keys as values"
        conditions.append(Condition(one, "==", other, rule))
    go = Call(tracer, func, args, kwargs)
    tensors = [query, key, value]
    return tracer.given(
        "Attention", made, tensors, go, "attention", conditions, mixes=True, counted=False
    )


def multi_head(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """`multi_head_attention_forward`: the queries keep their sizes, whatever the keys."""
    query, key, value = args[:3]
    dims, others = tracer.known(query).dims, tracer.known(key).dims
    keys, values = others[0], tracer.known(value).dims[0]
    rule = "there are as many keys as values"
    conditions = [Condition(keys, "==", values, rule)]
    conditions = [one for one in conditions if not always(one)]
    try:
        result, weights = Call(tracer, func, args, kwargs)()
    except REFUSALS:
        if key.shape[0] == value.shape[0] or not conditions:
            raise
        result, weights = Call(tracer, func, (query, key, key, *args[3:]), kwargs)()
    label, sources = "MultiheadAttention", [query, *args[1:3]]
    made = tracer.given(
        label, dims, sources, lambda: result, "attention", conditions, mixes=True, counted=False
    )
    if weights is None:
        return made, None
    lead = tuple(weights.shape[: weights.dim() - 2])
    ends = (*lead, dims[0], others[0])
    name = "attention_weights"
    return made, tracer.given(name, ends, [query, key], lambda: weights, name)


def recurrent(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """An LSTM, a GRU or an RNN: the length of the sequence stays."""
    tensor = args[0]
    dims = tracer.known(tensor).dims
    result = func(*tracer.real(args), **tracer.real(dict(kwargs)))
    out, *states = result
    made = (*dims[:-1], int(out.shape[-1]))
    name = func.__name__
    first = tracer.given(name.upper(), made, [tensor], lambda: out, name, mixes=True, counted=False)
    ends = [tuple(one.shape) for one in states]
    found = [
        tracer.given("State", end, [tensor], lambda one=one: one, "state", mixes=True)  # type: ignore[misc]  # bound now
        for end, one in zip(ends, states, strict=True)
    ]
    return (first, *found)


_ELEMENTWISE = """
    add sub mul div subtract multiply divide true_divide floor_divide remainder fmod rsub pow
    maximum minimum max_elementwise where lerp addcmul addcdiv atan2 hypot xlogy logaddexp eq ne
    lt le gt ge logical_and logical_or logical_xor logical_not bitwise_and bitwise_or clamp clip
    clamp_min clamp_max neg abs exp log sqrt rsqrt sin cos square sign erf floor ceil round trunc
    frac reciprocal log1p expm1 log2 log10 isnan isfinite isinf masked_fill mse_loss __radd__
    __rsub__ __rmul__ __rdiv__ __rtruediv__ __rpow__ __rfloordiv__ __rmod__ __pow__ __and__ __or__
    __xor__ __floordiv__ __mod__ __div__ __truediv__ __iand__ __ior__ __invert__ __rand__ __ror__
    positive negative absolute sub_ heaviside copysign masked_fill_ copy_ float_power real imag
    angle conj
"""

HANDLERS: dict[str, Any] = {
    "cat": cat,
    "concat": cat,
    "concatenate": cat,
    "stack": stack,
    "matmul": matmul,
    "bmm": matmul,
    "mm": matmul,
    "__matmul__": matmul,
    "__rmatmul__": matmul,
    "einsum": einsum,
    "scaled_dot_product_attention": attention,
    "multi_head_attention_forward": multi_head,
    "lstm": recurrent,
    "gru": recurrent,
    "rnn_tanh": recurrent,
    "rnn_relu": recurrent,
    **dict.fromkeys(
        _ELEMENTWISE.split(),
        elementwise,
    ),
}
