"""A user's module while it is traced: meta parameters, eval mode, and all of it undone after."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules import module as hooks
from torch.nn.modules.conv import _ConvTransposeNd

from deconvcalc.errors import TraceError
from deconvcalc.tracing.torch.known import Known, mark
from deconvcalc.tracing.torch.mode import followed, unknown
from deconvcalc.tracing.torch.tracer import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.tracing.torch.tracer import Tracer

__all__ = ["as_traced", "counted"]

FLAGS = 2**16
"""Buffers of so many whole numbers at most keep their values: code may ask for them."""

MOST_SPAN = 2**24
"""Of so many whole numbers, at most, the smallest and the largest are looked for."""

DEPTH = 4
"""So deep, containers in attributes are put back."""


@contextmanager
def as_traced(model: Any, tracer: Tracer) -> Iterator[None]:
    """A module as it is traced: on the meta device, in eval mode, with its calls noted.

    Everything that it holds is put back in the end: parameters, buffers, hooks, attributes, and
    what stands in its dicts and lists.
    """
    modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    kept = [_kept(one) for one in modules.values()]
    handles = []
    for path, one in modules.items():
        if isinstance(one, torch.jit.ScriptModule):
            raise TraceError(
                f"{path or 'the model'} is TorchScript, which cannot be followed",
                hint="Trace the plain module that it was made of.",
            )
    try:
        _swap(modules)
        for one in modules.values():
            one.__dict__["training"] = False
            if isinstance(one, _ConvTransposeNd):
                one.register_forward_pre_hook(_asks(tracer), with_kwargs=True)
        paths = {id(one): path for path, one in modules.items()}
        handles.append(hooks.register_module_forward_pre_hook(_enters(tracer, paths)))
        handles.append(hooks.register_module_forward_hook(_leaves(tracer), always_call=True))
        with _scripts(tracer):
            yield
    finally:
        for handle in handles:
            handle.remove()
        _restored(kept)


@contextmanager
def _scripts(tracer: Tracer) -> Iterator[None]:
    """Functions in TorchScript, which cannot be followed, as operations that are not known."""
    kind = torch.jit.ScriptFunction
    kept = kind.__call__

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        def script(*plain: Any, **named: Any) -> Any:
            return kept(function, *plain, **named)

        script.__name__ = function.name
        script.__module__ = ""
        with torch._C.DisableTorchFunction():
            return followed(unknown)(tracer, script, args, kwargs)

    kind.__call__ = call
    try:
        yield
    finally:
        kind.__call__ = kept


_Contents = list[tuple[Any, Any]]


def _kept(module: Any) -> tuple[Any, dict[str, Any], _Contents]:
    attributes = dict(module.__dict__)
    contents: _Contents = []
    seen = {id(one) for one in (attributes.get("_parameters"), attributes.get("_buffers"))}
    for name in ("_parameters", "_buffers"):
        held = attributes.get(name)
        if isinstance(held, dict):
            contents.append((held, held.copy()))
    for one in attributes.values():
        _copied(one, contents, seen, DEPTH)
    return module, attributes, contents


def _copied(one: Any, contents: _Contents, seen: set[int], depth: int) -> None:
    """Note what a container holds, and the containers in it."""
    if not isinstance(one, (dict, list, set)) or id(one) in seen or not depth:
        return
    seen.add(id(one))
    contents.append((one, one.copy()))
    for held in one.values() if isinstance(one, dict) else one:
        _copied(held, contents, seen, depth - 1)


def _restored(kept: list[tuple[Any, dict[str, Any], _Contents]]) -> None:
    """Put everything back, parameters and buffers first; what fails stops nothing else."""
    failed: list[Exception] = []
    work: list[Callable[[], None]] = []
    for module, attributes, contents in kept:
        for held, before in contents[:2]:
            work.append(partial(_refill, held, before))
        work.append(partial(_attributes, module, attributes))
    for _, _, contents in kept:
        work += [partial(_refill, held, before) for held, before in contents[2:]]
    for one in work:
        try:
            one()
        except Exception as error:  # noqa: BLE001  # the rest has to be put back too
            failed.append(error)
    if failed:
        raise failed[0]


def _attributes(module: Any, attributes: dict[str, Any]) -> None:
    module.__dict__.clear()
    module.__dict__.update(attributes)


def _refill(held: Any, before: Any) -> None:
    """A container with what it held; what is held is compared by identity, never by value."""
    if isinstance(held, dict):
        same = list(map(id, held)) == list(map(id, before)) and all(
            one is other for one, other in zip(held.values(), before.values(), strict=True)
        )
    elif isinstance(held, list):
        same = list(map(id, held)) == list(map(id, before))
    else:
        same = set(map(id, held)) == set(map(id, before))
    if not same:
        held.clear()
        (held.extend if isinstance(held, list) else held.update)(before)


def _swap(modules: dict[str, Any]) -> None:
    """Meta tensors in the place of parameters and buffers; shared ones stay shared."""
    made: dict[int, Any] = {}
    for path, module in modules.items():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is None:
                    continue
                if nn.parameter.is_lazy(tensor):
                    raise TraceError(
                        f"{path or 'the module'} is lazy: its parameters have no shape yet",
                        hint="Run the model once on a real input, then trace it.",
                    )
                key = id(tensor)
                if key not in made:
                    made[key] = _stand_in(tensor, f"{path}.{name}" if path else name)
                held[name] = made[key]


def _stand_in(tensor: Any, name: str) -> Any:
    whole = not tensor.is_floating_point() and tensor.numel() <= FLAGS
    if whole and tensor.device.type != "meta":
        return mark(tensor.detach().clone(), Known(None, tuple(tensor.shape), False, name))
    copy = torch.empty_like(tensor, device="meta", requires_grad=False)
    long = FLAGS < tensor.numel() <= MOST_SPAN and tensor.device.type != "meta"
    if long and not tensor.is_floating_point() and not tensor.is_complex():
        copy._deconvcalc_span = _span(tensor)
    if isinstance(tensor, nn.Parameter):
        copy = nn.Parameter(copy, requires_grad=False)
    return mark(copy, Known(None, tuple(tensor.shape), False, name))


def _span(tensor: Any) -> Callable[[], tuple[int, ...]]:
    """What gives the smallest and the largest of whole numbers; it is seldom asked."""
    return lambda: tuple([int(one) for one in tensor.aminmax()])


def _enters(tracer: Tracer, paths: dict[int, str]) -> Any:
    def hook(module: Any, _args: Any) -> None:
        kind = type(module)
        path = paths.get(id(module))
        if path is None:
            above = tracer.scopes[-1].path
            path = f"{above}.{kind.__name__.lower()}" if above else kind.__name__.lower()
        tracer.modules[path] = None
        leaf = kind.__module__.startswith("torch.nn.")
        tracer.scopes.append(Scope(path, kind.__name__, leaf))

    return hook


def _leaves(tracer: Tracer) -> Any:
    def hook(_module: Any, _args: Any, _result: Any) -> None:
        if len(tracer.scopes) > 1:
            tracer.scopes.pop()

    return hook


def _asks(tracer: Tracer) -> Any:
    """Takes the size that is asked of a transposed convolution out of torch's hands."""

    def hook(module: Any, args: Any, kwargs: Any) -> Any:
        size = args[1] if len(args) > 1 else kwargs.get("output_size")
        if size is None:
            return None
        tracer.asked = module, list(size)
        return args[:1], {**kwargs, "output_size": None}

    return hook


def counted(model: Any, tracer: Tracer) -> list[str]:
    """Give each parameter of a module to the node that it belongs to.

    Returns:
        The modules whose parameters no node uses, with how many.
    """
    for node in tracer.model.nodes:
        node.parameters = 0
    unused: dict[str, int] = {}
    if not isinstance(model, nn.Module):
        return []
    for name, parameter in model.named_parameters():
        path = name.rpartition(".")[0]
        used = path in tracer.modules or name in tracer.used
        owner = _owner(tracer, path) if used else None
        if owner is None:
            unused[path] = unused.get(path, 0) + parameter.numel()
        else:
            owner.parameters = (owner.parameters or 0) + parameter.numel()
    return [f"{path or 'the model'} ({count:,})" for path, count in unused.items()]


def _owner(tracer: Tracer, path: str) -> Any:
    """The first node of a module, or of the nearest one around it that has some."""
    while path not in tracer.owners and path:
        path = path.rpartition(".")[0]
    others = (node for node in tracer.model.nodes if node.sources)
    return tracer.owners.get(path) or next(others, None)
