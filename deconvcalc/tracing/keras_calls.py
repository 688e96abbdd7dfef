"""One call in Keras's graph, and what most handlers of calls share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.dialects.spec import REQUIRED, Given
from deconvcalc.errors import DeconvcalcError, TraceError
from deconvcalc.layers import Conv, ConvTranspose, DepthwiseConv, GlobalPool
from deconvcalc.model import Concat, Condition, Unflatten
from deconvcalc.model.extents import Fixed
from deconvcalc.tracing.keras_views import Build, View, broadcast, refilled
from deconvcalc.values import MOST_AXES, Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deconvcalc.layers import Layer
    from deconvcalc.model import Add
    from deconvcalc.model.extents import Extent

    Handler = Callable[[Build, "Call"], "View | list[View] | None"]

__all__ = [
    "SAME_SIZE",
    "Call",
    "Handler",
    "canonical",
    "concatenated",
    "merged",
    "permuted",
    "placed",
    "reshaped",
    "windowed",
]

SAME_SIZE = "what is put together element by element has one size, or size 1"


class Call(Value):
    """One call of an operation.

    Args:
        operation: Keras's layer or operation.
        name: the name of its node.
        args: what it was given, with views in the place of tensors.
        kwargs: the same, by name.
        views: the tensors among both, in order.
        outputs: Keras's tensors that it gave.
    """

    __slots__ = _fields = ("operation", "name", "args", "kwargs", "views", "outputs")
    operation: Any
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    views: tuple[View, ...]
    outputs: tuple[Any, ...]

    def __init__(
        self,
        operation: Any,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        views: Sequence[View],
        outputs: Sequence[Any],
    ) -> None:
        self._set(operation=operation, name=name, args=args, kwargs=kwargs)
        self._set(views=tuple(views), outputs=tuple(outputs))

    @property
    def view(self) -> View:
        """The first tensor that it was given."""
        return self.views[0]

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """What the operation holds under a name, or was called with."""
        if len(self.args) > place:
            return self.args[place]
        held = self.kwargs.get(name)
        return getattr(self.operation, name, default) if held is None else held


def canonical(call: Call, kind: str, values: Mapping[str, Any]) -> Layer:
    """The layer that Keras's call of a name means, by the table of its dialect.

    Raises:
        TraceError: arguments that the table refuses, as Keras does when it runs.
    """
    spec = DIALECTS["keras"].calls[kind]
    bound = {name: values.get(name, default) for name, default in spec.parameters}
    lacking = [name for name, value in bound.items() if value is REQUIRED]
    if lacking:
        raise TraceError(f"{call.name}: {kind} does not say its {lacking[0]}", rule=lacking[0])
    try:
        made: Layer = spec.make(Given(spec, bound))
    except DeconvcalcError as error:
        raise TraceError(
            f"{call.name}: {error.message}", rule=error.rule, hint=error.hint
        ) from None
    return made


def windowed(build: Build, call: Call, layer: Layer, channel: int | None = None) -> View:
    """A layer whose axes are apart: a window, a resize, a pad, a global pool."""
    view = call.view
    if channel is None:
        first = getattr(call.operation, "data_format", None) == "channels_first"
        channel = 0 if first else view.rank - 1
    view = build.standing(view, channel, call.name, _taken(call.operation))
    if isinstance(layer, (Conv, ConvTranspose)) and not isinstance(layer, DepthwiseConv):
        layer = layer.replace(in_channels=view.node.channels)
    gone = isinstance(layer, GlobalPool) and not layer.keepdims
    return build.put(call.name, layer, [view], 0 if gone else channel)


def _taken(layer: Any) -> int | None:
    """How many channels a layer has weights for, where it says it."""
    specs = getattr(layer, "input_spec", None)
    axes = getattr(specs, "axes", None) or {}
    return next(iter(axes.values()), None)


def merged(
    build: Build,
    call: Call,
    views: Sequence[View],
    operation: type[Add],
    constants: Sequence[Sequence[int]] = (),
) -> View:
    """Tensors, and constants of some shapes, element by element.

    Args:
        build: the model.
        call: the call.
        views: the tensors.
        operation: `Add` or `Multiply`.
        constants: the shapes of constants, without a batch.
    """
    kind = type(call.operation).__name__
    remark = None if kind == operation.__name__ else kind
    if not constants and len(views) > 1 and _alike(views):
        return build.put(call.name, operation(), views, views[0].channel, remark=remark)
    lists: list[Sequence[Extent]] = [view.axes for view in views]
    lists += [[Fixed(n) for n in one] for one in constants]
    axes, asked = broadcast(lists, SAME_SIZE)
    asked = [one for one in asked if one.variables or not one.holds({})]
    channels = [_from_end(view) for view in views if view.channel is not None]
    channel = len(axes) + channels[0] if channels else None
    return build.given(call.name, f"{kind}()", views, axes, channel, asked)


def _alike(views: Sequence[View]) -> bool:
    """Whether tensors have the same axes for the same things."""
    return len({(view.rank, view.channel) for view in views}) == 1


def _from_end(view: View) -> int:
    return (view.channel or 0) - view.rank


def concatenated(build: Build, call: Call, views: Sequence[View], axis: int) -> View:
    """Tensors side by side along an axis, which counts the batch."""
    first = views[0]
    place = _placed(call, first, axis)
    ranks = {view.rank for view in views}
    if len(ranks) > 1:
        raise TraceError(f"{call.name}: tensors of {ranks} axes are put side by side", rule="axes")
    if _alike(views):
        if place == first.channel:
            return build.put(call.name, Concat(), views, first.channel)
        inner = place - (first.channel is not None and place > first.channel)
        if inner < MOST_AXES:
            return build.put(call.name, Concat(inner), views, first.channel)
    lists = [view.axes for view in views]
    axes, asked = list(lists[0]), []
    for other in lists[1:]:
        for one, its in enumerate(other):
            if one == place:
                axes[one] = axes[one] + its
            else:
                rule = "what is put side by side has one size"
                asked.append(Condition(axes[one], "==", its, rule))
    asked = [one for one in asked if one.variables or not one.holds({})]
    channel = next((view.channel for view in views if view.channel is not None), None)
    return build.given(call.name, f"Concat({place})", views, axes, channel, asked)


def _placed(call: Call, view: View, axis: Any) -> int:
    """An axis without the batch.

    Raises:
        TraceError: the batch itself, or no axis of the tensor.
    """
    number = integer(axis)
    place = None if number is None else number - 1 if number >= 0 else view.rank + number
    if place is None or not 0 <= place < view.rank:
        raise TraceError(
            f"{call.name}: axis {axis!r} is none of the {view.rank} axes behind the batch",
            rule="axis",
            hint="What works on the batch, or across it, cannot be traced.",
        )
    return place


def placed(call: Call, view: View, axes: Any) -> list[int]:
    """Axes without the batch, in order; all where none are named."""
    several = axes if isinstance(axes, (tuple, list)) else (axes,)
    return sorted({_placed(call, view, axis) for axis in several})


def permuted(build: Build, call: Call, order: Sequence[int]) -> View:
    """The axes in another order: the old index of each, without the batch."""
    view = call.view
    if sorted(order) != list(range(view.rank)):
        raise TraceError(
            f"{call.name}: {tuple(order)} is no order of {view.rank} axes", rule="axes"
        )
    axes = [view.axes[one] for one in order]
    channel = None if view.channel is None else list(order).index(view.channel)
    return build.given(call.name, f"Permute({tuple(order)})", [view], axes, channel)


def reshaped(build: Build, call: Call, target: Sequence[int]) -> View:
    """The same elements in other axes, without the batch; one may be -1."""
    view = call.view
    channel = build.last(len(target)) if target else None
    axes, asked = refilled(view.axes, target)
    sizes = [one for place, one in enumerate(target) if place != channel]
    if view.rank == 1 and channel is not None and -1 not in target and sizes:
        return build.put(call.name, Unflatten(target[channel], tuple(sizes)), [view], channel)
    what = f"Reshape({tuple(target)})"
    return build.given(call.name, what, [view], axes, channel, asked)
