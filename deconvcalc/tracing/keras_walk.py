"""A walk through Keras's graph: each call is a node; what is not known is opened or asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, QueryError, TraceError, UnknownOperationError
from deconvcalc.layers import Identity
from deconvcalc.model import Condition
from deconvcalc.model.extents import Fixed
from deconvcalc.tracing.keras_calls import Call
from deconvcalc.tracing.keras_graph import (
    Reads,
    arguments,
    calls,
    first_line,
    function_of,
    opened,
)
from deconvcalc.tracing.keras_layers import handler_of
from deconvcalc.tracing.keras_ops import OPERATIONS
from deconvcalc.tracing.keras_views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.model.extents import Extent
    from deconvcalc.tracing.keras_views import Build

__all__ = ["check_assumed", "walk"]

DEEPEST = 40
"""So many layers may be opened inside each other."""

TRIED = ((64, 96, 80), (37, 50, 23), (97, 61, 41), (128, 33, 72))
"""The sizes at which an unknown operation is seen to leave sizes alone, or not."""


def walk(
    build: Build,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    views: Sequence[View],
    scope: tuple[str, ...] = (),
    *,
    fresh: bool = False,
) -> list[View]:
    """All calls from inputs to outputs, as nodes.

    Args:
        build: the model that is made.
        inputs: Keras's tensors.
        outputs: Keras's tensors that come from them.
        views: the inputs in the model.
        scope: the names of the models and layers around.
        fresh: whether the graph was made by opening a layer: its operations have no lasting names.

    Returns:
        The outputs in the model.
    """
    held = {id(tensor): view for tensor, view in zip(inputs, views, strict=True)}
    for node in calls(inputs, outputs):
        args, kwargs = arguments(node, held)
        operation = node.operation
        lasting = not fresh or hasattr(operation, "weights")
        name = operation.name if lasting else type(operation).__name__.lower()
        given = [held[id(tensor)] for tensor in node.arguments.keras_tensors]
        call = Call(operation, ".".join((*scope, name)), args, kwargs, given, node.outputs)
        made = _made(build, call, node, (*scope, name))
        for tensor, view in zip(node.outputs, made, strict=True):
            held[id(tensor)] = view
        if made:
            build.count(made[-1], operation)
    return [held[id(tensor)] for tensor in outputs]


def _made(build: Build, call: Call, node: Any, scope: tuple[str, ...]) -> list[View]:
    """What a call gives, in the model."""
    function = function_of(call.operation)
    if function is not None:
        return _nested(build, call, function, scope)
    if hasattr(call.operation, "weights"):
        handler = handler_of(call.operation)
    else:
        kind = type(call.operation)
        ours = kind.__module__.startswith("keras.src.ops")
        handler = OPERATIONS.get(kind.__name__) if ours else None
    if handler is not None and call.views:
        made = handler(build, call)
        if made is not None:
            return made if isinstance(made, list) else [made]
    return _unknown(build, call, node, scope)


def _nested(build: Build, call: Call, function: Any, scope: tuple[str, ...]) -> list[View]:
    """A model inside a model."""
    import keras

    if len(function.inputs) != len(call.views):
        raise TraceError(
            f"{call.name}: it has {len(function.inputs)} inputs and gets {len(call.views)} tensors",
            rule="inputs",
        )
    views = list(call.views)
    if isinstance(call.operation, keras.Function):
        views = [
            pin(build, call.name, view, tensor.shape[1:])
            for view, tensor in zip(views, function.inputs, strict=True)
        ]
    return walk(build, function.inputs, function.outputs, views, scope)


def pin(build: Build, name: str, view: View, shape: Sequence[int | None]) -> View:
    """A tensor that goes into a functional model, which refuses other sizes than it was built for.

    A Sequential model does not look at the sizes that it was built for.
    """
    if len(shape) != view.rank:
        raise TraceError(
            f"{name}: it takes tensors of {len(shape)} axes, and gets {view.rank}", rule="axes"
        )
    asked = []
    for size, wanted in zip(view.axes, shape, strict=True):
        if wanted is not None and size.constant != wanted:
            rule = f"the model {name} is built for {wanted}, and refuses other sizes"
            asked.append(Condition(size, "==", wanted, rule))
    if not asked:
        return view
    return build.given(f"{name}.input", "Input()", [view], view.axes, view.channel, asked)


# What is not known.


def _unknown(build: Build, call: Call, node: Any, scope: tuple[str, ...]) -> list[View]:
    """An operation that is not known: assumed, opened, constant, seen to leave sizes alone."""
    if _assumed(build, call):
        return [_same(build, call, output) for output in call.outputs]
    reads = Reads()
    views, reason = _through_its_code(build, call, node, scope, reads)
    if views is None:
        views = _fixed(build, call)
    if views is None and not reads.places:  # code that looks at sizes may do anything at others
        views, why = _seen(build, call)
        reason = reason or why
    if views is None:
        raise _ask(call, reason)
    return views


def _assumed(build: Build, call: Call) -> bool:
    """Whether the user has said that an operation leaves sizes alone."""
    for name in (call.name, call.operation.name, type(call.operation).__name__):
        if name in build.assume:
            build.asked.add(name)
            return bool(call.views)
    return False


def check_assumed(assume: dict[str, str]) -> None:
    """Only "same" can be assumed.

    Raises:
        QueryError: another word.
    """
    for name, what in assume.items():
        if what != "same":
            raise QueryError(
                f"{name}={what!r} cannot be assumed",
                rule="assume",
                hint=f'Only that it leaves sizes alone: {name}="same".',
            )


def _same(build: Build, call: Call, output: Any) -> View:
    """A node that leaves sizes alone, and has as many channels as Keras says."""
    view, kind = call.view, type(call.operation).__name__
    channels = None
    if view.channel is not None and len(output.shape) == view.rank + 1:
        channels = output.shape[view.channel + 1]
    if channels in (None, view.node.channels):
        return build.put(call.name, Identity(kind), [view], view.channel)
    axes: list[Extent] = view.axes
    axes[view.channel or 0] = Fixed(channels)
    return build.given(call.name, f"{kind}()", [view], axes, view.channel)


def _through_its_code(
    build: Build, call: Call, node: Any, scope: tuple[str, ...], reads: Reads
) -> tuple[list[View] | None, str]:
    """A layer whose code calls layers and operations that are known: they are the nodes."""
    import keras

    if not hasattr(call.operation, "weights") or len(scope) > DEEPEST or not call.views:
        return None, ""
    own = type(call.operation)
    if own.__module__.startswith("keras.src.layers") and own.__name__ != "Lambda":
        return None, ""
    tensors = [
        keras.KerasTensor((1, *_sizes(build, view, tensor)), dtype=tensor.dtype)
        for view, tensor in zip(call.views, node.arguments.keras_tensors, strict=True)
    ]
    stands = {id(old): new for old, new in zip(node.arguments.keras_tensors, tensors, strict=True)}
    args, kwargs = arguments(node, stands)
    try:
        with reads.watching(lambda _axis, size, _rank: size is None):
            made = keras.tree.flatten(opened(call.operation, args, kwargs))
    except Exception as error:  # noqa: BLE001 - the code of a model may raise anything
        where = f" at {reads.places[0]}" if reads.places else ""
        return None, f"its code cannot be followed{where}: {first_line(error)}"
    if reads.places:
        return None, f"its code reads a size that varies, at {reads.places[0]}"
    ours = all(isinstance(one, keras.KerasTensor) for one in made)
    if not ours or len(made) != len(call.outputs):
        return None, "its code gives something else than symbolic tensors"
    return walk(build, tensors, made, call.views, scope, fresh=True), ""


def _sizes(build: Build, view: View, tensor: Any) -> tuple[int | None, ...]:
    """The sizes of a tensor that do not vary: those of a model that fixes its input too."""
    if _settled(build, view):
        return tuple(tensor.shape[1:])
    return view.known


def _settled(build: Build, view: View) -> bool:
    """Whether the model itself fixes all sizes of a tensor, by those of its inputs."""
    return all(one.variables <= build.pinned for one in view.axes)


def _fixed(build: Build, call: Call) -> list[View] | None:
    """What Keras says of an operation whose sizes the model fixes."""
    shapes = [tuple(output.shape[1:]) for output in call.outputs]
    if not all(_settled(build, view) for view in call.views):
        return None
    if not call.views or any(not shape or None in shape for shape in shapes):
        return None
    what = f"{type(call.operation).__name__}()"
    return [
        build.given(call.name, what, call.views, shape, build.last(len(shape))) for shape in shapes
    ]


def _seen(build: Build, call: Call) -> tuple[list[View] | None, str]:
    """An operation on one tensor that leaves sizes alone at several sizes."""
    if len(call.views) != 1 or len(call.outputs) != 1:
        return None, "it takes or gives several tensors"
    view = call.view
    channels = set()
    for sizes in TRIED:
        shape, wanted = _trial(view, sizes)
        try:
            found = _after(call, shape)
        except Exception as error:  # noqa: BLE001 - the code of a layer may raise anything
            tried = "x".join(map(str, wanted))
            return None, f"it refuses a size of {tried}: {first_line(error)}"
        if len(found) != len(shape):
            return None, "it changes the number of axes"
        after = list(found)
        if view.channel is not None:
            channels.add(after.pop(view.channel + 1))
        if tuple(after[1:]) != wanted:
            left = "x".join(map(str, wanted))
            return None, f"it makes {'x'.join(map(str, after[1:]))} of {left}"
    if len(channels) > 1:
        return None, "its channels depend on the size"
    build.passed.append(call.name)
    return [_same(build, call, call.outputs[0])], ""


def _trial(view: View, sizes: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape to try, with its batch, and its sizes alone."""
    wanted = tuple(
        [
            size if one.constant is None else one.constant
            for one, size in zip(view.node.shape.extents, [*sizes, *sizes], strict=False)
        ]
    )
    shape = list(wanted)
    if view.channel is not None:
        shape.insert(view.channel, view.node.channels or 1)
    return (1, *shape), wanted


def _after(call: Call, shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """The shape that an operation gives, as Keras computes it without data."""
    import keras

    tensor = keras.KerasTensor(shape, dtype=call.outputs[0].dtype)
    args, kwargs = keras.tree.map_structure(
        lambda value: tensor if isinstance(value, View) else value, (call.args, call.kwargs)
    )
    plain = {name: value for name, value in kwargs.items() if value is not None}
    return tuple(call.operation.compute_output_spec(*args, **plain).shape)


def _ask(call: Call, reason: str) -> DeconvcalcError:
    kind = type(call.operation).__name__
    detail = f": {reason}" if reason else ""
    return UnknownOperationError(
        f"{call.name} ({kind}) is not known, and it may change sizes{detail}",
        operation=call.name,
        hint=f'If it leaves sizes alone: assume={{"{call.name}": "same"}}, or --assume '
        f"{call.name}=same.",
    )
