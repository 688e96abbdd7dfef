"""Where each function of torch goes that the traced code calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from deconvcalc.errors import SizeError
from deconvcalc.tracing.torch import merges, norms, parts, rarer, views, windows
from deconvcalc.tracing.torch.arguments import Sizes, at_traced, has_size, size_of, symbolic
from deconvcalc.tracing.torch.known import Known, at, forget, mark, tensors_in
from deconvcalc.tracing.torch.shapes import product
from deconvcalc.tracing.torch.sizes import Size
from deconvcalc.tracing.torch.tracer import REFUSALS, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.tracing.torch.tracer import Tracer

    Handler = Callable[[Tracer, Any, Any, Any], Any]

__all__ = ["Mode", "followed", "unknown"]


class Mode(TorchFunctionMode):  # type: ignore[misc]  # torch is not read by the type checker
    """Sends every function of torch to what traces it."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One call of a function of torch."""
        kwargs = kwargs or {}
        handler = _KNOWN.get(func)
        if handler is None:
            handler = _KNOWN[func] = _resolved(func)
        try:
            return handler(self.tracer, func, args, kwargs)
        except REFUSALS as error:
            if error is not self.tracer.explained and self._varies(args, kwargs):
                self.tracer.refused = error
            raise

    def _varies(self, args: Any, kwargs: Any) -> bool:
        """Whether sizes of other inputs would make another call."""
        every = tensors_in((*args, *kwargs.values()))
        known = [getattr(one, "_deconvcalc", None) for one in every]
        dims = [dim for one in known if one is not None for dim in one.dims]
        sized = has_size(args) or has_size(kwargs.values())
        return sized or any(not isinstance(dim, int) for dim in dims)


_KNOWN: dict[Any, Handler] = {}


_TABLES = (
    windows.HANDLERS,
    norms.HANDLERS,
    merges.HANDLERS,
    views.HANDLERS,
    parts.HANDLERS,
    rarer.HANDLERS,
)


def _resolved(func: Any) -> Handler:
    """What traces a function."""
    name = str(getattr(func, "__name__", func))
    if name == "__get__":
        name = str(getattr(func.__self__, "__name__", ""))
        return _PROPERTIES.get(name, _directly)
    if name in _READINGS:
        return _READINGS[name]
    if name in _FACTORIES:
        return _FACTORIES[name]
    if func is torch.Tensor.unfold:
        return followed(parts.windows)
    base = name[:-1] if name.endswith("_") and not name.endswith("__") else name
    base = base.removesuffix("_with_indices")
    for table in _TABLES:
        for word in (name, base):
            if word in table:
                return followed(table[word])
    if _is_pointwise(base):
        return followed(merges.elementwise)
    return followed(unknown)


def _is_pointwise(name: str) -> bool:
    """Whether torch itself says that an operation works element by element."""
    packet = getattr(torch.ops.aten, name, None)
    if packet is None or not hasattr(packet, "overloads"):
        return False
    return any(torch.Tag.pointwise in getattr(packet, one).tags for one in packet.overloads())


def followed(handler: Handler) -> Handler:
    """A handler that is asked only where a tensor of the trace, or a size, is among arguments."""

    def follow(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
        every = tensors_in((*args, *kwargs.values())) if kwargs else tensors_in(args)
        every_known = [tracer.known(one) for one in every]
        tracer.used.update([one.name for one in every_known if not one.traced])
        sized = has_size(args) or (bool(kwargs) and has_size(kwargs.values()))
        if not sized and not any(one.traced for one in every_known):
            return _constant(tracer, func, args, kwargs)
        if kwargs.get("out") is not None:
            raise tracer.refuse(f"{func.__name__} with out= is not followed", "Use its result.")
        return handler(tracer, func, args, kwargs)

    return follow


def _constant(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """An operation on constants: on real ones it is done, on others their shapes are known."""
    every = tensors_in((*args, *kwargs.values()))
    if any(one.device.type == "meta" for one in every):
        if str(func.__name__).endswith("_") and every:  # __setitem__, too
            forget(every[0])
        args, kwargs = tracer.real(args), tracer.real(dict(kwargs))
    result = func(*args, **kwargs)
    for one in tensors_in((result,)):
        if one.device.type == "meta":
            mark(one, Known(None, tuple(one.shape), False))
            if func.__name__ in _KEEPING and hasattr(every[0], "_deconvcalc_span"):
                one._deconvcalc_span = every[0]._deconvcalc_span
    return result


_KEEPING = frozenset(("int", "long", "clone", "contiguous", "detach", "view", "reshape", "flatten"))
"""They keep the smallest and the largest element."""


def _directly(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    """A question that no size answers: the type, the device, the number of dimensions."""
    return func(*args, **kwargs)


# Sizes that the code reads.


def _shape(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    return Sizes(tracer.sizes(args[0]))


def _size(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    sizes = tracer.sizes(args[0])
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    if dim is None:
        return Sizes(sizes)
    return sizes[int(dim)]


def _numel(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    return size_of(tracer.guards, product(tracer.known(args[0]).dims), args[0].numel())


def _length(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    return int(tracer.sizes(args[0])[0])


def _strides(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    for one in tracer.sizes(args[0]):
        int(one)  # they are products of sizes: all are pinned
    return func(*args, **kwargs)


def _value(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """A value of a tensor, which no trace has; that of a constant is there."""
    every = tensors_in((*args, *kwargs.values()))
    if any(tracer.known(one).traced or one.device.type == "meta" for one in every):
        name = func.__name__.strip("_")
        raise tracer.refuse(
            f"the code asks for values of a tensor ({name}), not for its sizes: which way it goes "
            "depends on the data",
            "Let sizes or arguments decide, or trace the part without it.",
        )
    return func(*args, **kwargs)


_VALUES = """
    item tolist numpy __bool__ __float__ __int__ __index__ __complex__ __array__ nonzero
    masked_select unique unique_consecutive equal allclose is_nonzero __contains__ bincount histc
    argwhere
"""
_PLAIN = """
    dim ndimension is_floating_point is_complex is_contiguous is_signed get_device element_size
    _set_grad_enabled set_grad_enabled is_tensor is_inference is_autocast_enabled __repr__
    __format__ __hash__ has_names register_hook is_grad_enabled get_default_dtype _is_view
    is_pinned storage_offset finfo iinfo promote_types result_type
"""
_SIZED = """
    zeros ones empty full rand randn randint
"""
_LATER = """
    new_zeros new_ones new_empty new_full
"""
_LIKES = """
    zeros_like ones_like empty_like full_like rand_like randn_like randint_like
"""
_DATA = """
    tensor as_tensor new_tensor from_numpy asarray
"""

_PROPERTIES: dict[str, Handler] = {
    "shape": _shape,
    "data": followed(views.transparent),
    "T": followed(views.reverse),
    "H": followed(views.reverse),
    "mT": followed(views.transpose),
    "mH": followed(views.transpose),
    "real": followed(views.transparent),
    "imag": followed(views.transparent),
}

_READINGS: dict[str, Handler] = {
    "size": _size,
    "numel": _numel,
    "nelement": _numel,
    "__len__": _length,
    "stride": _strides,
    **dict.fromkeys(
        _VALUES.split(),
        _value,
    ),
    **dict.fromkeys(
        _PLAIN.split(),
        _directly,
    ),
}


# New tensors.


def _new(skipped: int) -> Handler:
    """The handler of a function that makes a tensor of a size; some arguments stand before it."""

    def handler(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
        given = args[skipped:]
        size: Any = given
        if "size" in kwargs:
            size = kwargs["size"]
        elif given and isinstance(given[0], (tuple, list)):
            size = given[0]
        if func.__name__ in ("full", "new_full"):
            size = size if "size" in kwargs else given[0]
        if func.__name__ == "randint":
            size = next(one for one in (*given, *kwargs.values()) if isinstance(one, (tuple, list)))
        return _made(tracer, func, args, kwargs, tuple([symbolic(one) for one in size]))

    return handler


def _made(tracer: Tracer, func: Any, args: Any, kwargs: Any, dims: tuple[Any, ...]) -> Any:
    options = {**at_traced(dict(kwargs)), "device": "meta"}
    options.pop("generator", None)
    result = func(*tracer.real(args), **options)
    varies = any(not isinstance(one, int) for one in dims)
    return mark(result, Known(None, dims, varies, func.__name__))


def _arange(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    ends = [kwargs.get(name) for name in ("start", "end", "step")]
    if len(args) == 1:
        ends[1] = args[0]
    for place, one in enumerate(args if len(args) > 1 else ()):
        ends[place] = one
    start, end, step = (0 if ends[0] is None else ends[0]), ends[1], ends[2] or 1
    if all(isinstance(one, int) for one in (start, end, step)) and type(step) is not Size:
        count = -(-(end - start) // step)
        made = _made(tracer, func, args, kwargs, (symbolic(count),))
        made._deconvcalc_span = lambda: (start, start + (count - 1) * step)
        return made
    read = [int(one) if type(one) is Size else one for one in args]  # pinned
    result = func(*read, **{**at_traced(dict(kwargs)), "device": "meta"})
    return mark(result, Known(None, tuple(result.shape), False))


def _linspace(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    steps = args[2] if len(args) > 2 else kwargs["steps"]
    return _made(tracer, func, args, kwargs, (symbolic(steps),))


def _like(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    tensor = args[0] if args else kwargs["input"]
    return _made(tracer, func, args, kwargs, tracer.known(tensor).dims)


def _meshgrid(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    several = args[0] if isinstance(args[0], (tuple, list)) else args
    dims = [tracer.known(one).dims[0] for one in several]
    if kwargs.get("indexing", "ij") == "xy":
        dims[:2] = dims[1::-1]
    results = func(*tracer.real(args), **kwargs)
    varies = any(not isinstance(one, int) for one in dims)
    return tuple([mark(one, Known(None, tuple(dims), varies, "meshgrid")) for one in results])


def _eye(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    rows = args[0] if args else kwargs["n"]
    columns = args[1] if len(args) > 1 else kwargs.get("m", rows)
    return _made(tracer, func, args, kwargs, (symbolic(rows), symbolic(columns)))


def _from_data(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
    """A tensor of numbers that the code has: sizes among them are read."""

    def read(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [read(one) for one in value]
        return value.__index__() if type(value) is Size else value

    first = args[0] if isinstance(args[0], torch.Tensor) else read(args[0])
    result = func(first, *args[1:], **kwargs)
    if result.device.type == "meta":
        mark(result, Known(None, tuple(result.shape), False))
    return result


_FACTORIES: dict[str, Handler] = {
    **dict.fromkeys(_SIZED.split(), _new(0)),
    **dict.fromkeys(_LATER.split(), _new(1)),
    **dict.fromkeys(
        _LIKES.split(),
        _like,
    ),
    "arange": _arange,
    "linspace": _linspace,
    "eye": _eye,
    "meshgrid": _meshgrid,
    **dict.fromkeys(_DATA.split(), _from_data),
}


# Operations that are not known.


def unknown(tracer: Tracer, func: Any, args: Any, kwargs: Any) -> Any:
    """An operation that is not known: let pass where it was seen to leave sizes alone.

    Raises:
        UnknownOperationError: it changes sizes, or nobody can tell.
    """
    name = str(func.__name__)
    every = [one for one in tensors_in((*args, *kwargs.values())) if tracer.known(one).traced]
    assumed = tracer.assume.get(name) or tracer.assume.get(_full_name(func))
    if assumed == "same" or (every and _leaves_alone(tracer, func, args, kwargs, every[0])):
        tracer.passed[name] = None
        known = tracer.known(every[0])
        try:
            result = func(*tracer.real(args), **tracer.real(dict(kwargs)))
            if not isinstance(result, torch.Tensor) or result.shape != every[0].shape:
                result = torch.empty_like(every[0])
        except REFUSALS:
            result = torch.empty_like(every[0])
        node_name = name.strip("_")
        return tracer.given(node_name, known.dims, every, lambda: result, node_name)
    raise tracer.refuse(
        f"the operation {_full_name(func)!r} is not known, and it may change sizes",
        f'If it leaves sizes alone, say so: assume={{"{name}": "same"}}, or --assume {name}=same.',
        name,
    )


def _full_name(func: Any) -> str:
    module = getattr(func, "__module__", None)
    return f"{module}.{func.__name__}" if module else str(func.__name__)


def _leaves_alone(tracer: Tracer, func: Any, args: Any, kwargs: Any, first: Any) -> bool:
    """Whether an operation gives the size of its first tensor, at several inputs."""
    seen = 0
    go = Call(tracer, func, args, kwargs)
    for where in tracer.elsewhere():
        try:
            size = tuple([at(one, where) for one in tracer.known(first).dims])
            result = go.at(where)
        except SizeError:
            continue
        except REFUSALS:
            return False
        if not isinstance(result, torch.Tensor) or tuple(result.shape) != size:
            return False
        seen += 1
    return seen >= 2
