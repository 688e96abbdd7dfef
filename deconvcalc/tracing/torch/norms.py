"""Functions of torch that leave spatial sizes alone: activations, norms; and linear layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.layers import Dense, Identity
from deconvcalc.model.conditions import Condition
from deconvcalc.tracing.torch.arguments import at_traced, bound, same_dims, symbolic
from deconvcalc.tracing.torch.known import flat
from deconvcalc.tracing.torch.shapes import product
from deconvcalc.tracing.torch.tracer import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.tracing.torch.tracer import Tracer

__all__ = ["HANDLERS", "identity"]


def identity(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """An operation on one tensor that leaves its sizes alone."""
    return _same(tracer, func, args, kwargs, 1)


def _same(
    tracer: Tracer,
    func: Any,
    args: Any,
    kwargs: Any,
    least: int,
    conditions: Sequence[Condition] = (),
) -> Any:
    tensor = args[0] if args else next(iter(kwargs.values()))
    known = tracer.known(tensor)
    name = func.__name__
    go: Callable[[], Any] = Call(tracer, func, args, kwargs)
    in_place = name.endswith("_") or bool(kwargs.get("inplace"))
    name = name.rstrip("_")
    if name in _ACTIVATIONS and tensor.is_floating_point():
        # torch's own meta functions would take most of the time of a trace.
        go = (lambda: tensor) if in_place else tensor.detach
    node = tracer.source(tensor)
    lead = len(known.dims) - len(flat(node.shape))
    aligned = not conditions and same_dims(flat(node.shape), known.dims[lead:])
    axes = len(node.shape.extents)
    if aligned and (least == 1 or axes) and axes <= 3:
        layer = Identity(tracer.label(name), least_elements=least)
        ahead = known.dims[:lead]
        return tracer.emit(layer, [tensor], go, name, lead=ahead, in_place=in_place)
    asked = list(conditions)
    if least > 1:
        held = product(known.dims[2:])
        asked.append(Condition(held, ">=", least, f"there are at least {least} elements"))
    label = tracer.label(name)
    return tracer.given(label, known.dims, [tensor], go, name, asked, in_place=in_place)


def along(order: str, **defaults: Any) -> Any:
    """The handler of an operation that moves or mixes what lies along some dimensions.

    Across channels it leaves places alone; along a spatial axis what each place depends on is not
    the place itself, and no layer says it.
    """

    def handler(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
        given = bound(order, args, kwargs, **defaults)
        tensor = given[order.split(maxsplit=1)[0]]
        known, node = tracer.known(tensor), tracer.source(tensor)
        dim = given.get("dims", given.get("dim"))
        if func.__name__ == "flip" and isinstance(dim, int):
            dim = args[1:]
        dims = dim if isinstance(dim, (tuple, list)) else (dim,)
        rank = len(known.dims)
        first = rank - len(node.shape.extents)
        standard = same_dims(node.shape.extents, known.dims[first:])
        if standard and all(type(one) is int and one % rank < first for one in dims):
            return identity(tracer, func, args, kwargs)
        name = func.__name__
        go = Call(tracer, func, args, kwargs)
        mixes = name not in ("roll", "flip")
        label = tracer.label(name)
        return tracer.given(label, known.dims, [tensor], go, name, mixes=mixes)

    return handler


def batch_norm(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    order = "input running_mean running_var weight bias training"
    given = bound(order, args, kwargs, training=False)
    return _same(tracer, func, args, kwargs, 2 if given["training"] else 1)


def instance_norm(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    order = "input running_mean running_var weight bias use_input_stats"
    given = bound(order, args, kwargs, use_input_stats=True)
    return _same(tracer, func, args, kwargs, 2 if given["use_input_stats"] else 1)


def group_norm(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input num_groups", args, kwargs)
    channels = tracer.known(given["input"]).dims[1]
    return _same(tracer, func, args, kwargs, 2 if channels == given["num_groups"] else 1)


def layer_norm(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input normalized_shape", args, kwargs)
    wanted = tuple(given["normalized_shape"])
    dims = tracer.known(given["input"]).dims
    rule = f"the last sizes are {', '.join(map(str, at_traced(wanted)))}"
    asked = [
        Condition(one, "==", symbolic(size), rule)
        for one, size in zip(dims[-len(wanted) :], wanted, strict=False)
        if not isinstance(one, int) or one != size
    ]
    return _same(tracer, func, args, kwargs, 1, asked)


def linear(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input weight bias", args, kwargs, bias=None)
    tensor, weight = given["input"], given["weight"]
    known = tracer.known(tensor)
    layer = Dense(
        int(weight.shape[0]), in_features=int(weight.shape[1]), bias=given["bias"] is not None
    )
    go = Call(tracer, func, args, kwargs)
    node = tracer.source(tensor)
    if len(known.dims) > 1 and same_dims(flat(node.shape), known.dims[1:]):
        return tracer.emit(layer, [tensor], go, "linear", lead=known.dims[:1])
    rule = f"the last axis has {layer.in_features} elements"
    asked = [Condition(known.dims[-1], "==", layer.in_features, rule)]
    dims = (*known.dims[:-1], layer.out_features)
    return tracer.given(repr(layer), dims, [tensor], go, "linear", asked, layer=layer)


def glu(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    given = bound("input dim", args, kwargs, dim=-1)
    dims = list(tracer.known(given["input"]).dims)
    half, dim = dims[given["dim"]], given["dim"]
    dims[dim] = half // 2
    asked = [Condition(2, "divides", half, "the halved axis is even")]
    asked = [] if isinstance(half, int) and half % 2 == 0 else asked
    go = Call(tracer, func, args, kwargs)
    channels = dim % len(dims) == 1 and 3 <= len(dims) <= 5
    layer = Identity("GLU") if channels else None
    return tracer.given("GLU", tuple(dims), [given["input"]], go, "glu", asked, layer=layer)


_SAME = """
    relu relu6 prelu leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid
    hardtanh sigmoid tanh
    logsigmoid softplus softsign tanhshrink hardshrink softshrink threshold rrelu softmin
    softmax log_softmax gumbel_softmax normalize local_response_norm dropout dropout1d dropout2d
    dropout3d alpha_dropout feature_alpha_dropout feature_dropout clone cumsum cumprod flip roll
    fliplr flipud tril triu channel_shuffle native_channel_shuffle logcumsumexp detach_ zero_
    fill_ normal_ uniform_ bernoulli bernoulli_ renorm fft ifft nan_to_num rot180
"""

_ACTIVATIONS = frozenset(
    """
    relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh
    logsigmoid softplus softsign tanhshrink dropout dropout1d dropout2d dropout3d alpha_dropout
    """.split()  # noqa: SIM905  # shorter than a list
)
"""They need no check: a tensor of floats comes out as another of its size."""

HANDLERS: dict[str, Any] = {
    **dict.fromkeys(_SAME.split(), identity),
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), along("input dim")),
    **dict.fromkeys(("cumsum", "cumprod", "logcumsumexp", "flip"), along("input dim")),
    "roll": along("input shifts dims"),
    "normalize": along("input p dim", dim=1),
    **dict.fromkeys(("fft", "ifft", "fft_fft", "fft_ifft"), along("input n dim", dim=-1)),
    **dict.fromkeys(("fliplr", "flipud"), along("input dim", dim=-1)),
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "rms_norm": layer_norm,
    "linear": linear,
    "glu": glu,
}
