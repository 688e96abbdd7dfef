"""The layers of Keras, each as a node: those with windows by the tables of the Keras dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.layers import Conv, Dense, Identity
from deconvcalc.model import Add, Condition, Multiply
from deconvcalc.model.extents import Fixed
from deconvcalc.tracing.keras_calls import (
    Call,
    canonical,
    concatenated,
    merged,
    permuted,
    placed,
    reshaped,
    windowed,
)
from deconvcalc.tracing.keras_views import Build
from deconvcalc.values import MOST_AXES, integer

if TYPE_CHECKING:
    from deconvcalc.tracing.keras_calls import Handler
    from deconvcalc.tracing.keras_views import View

__all__ = ["LAYERS", "handler_of"]

IDENTITIES = (
    "Masking",
    "Normalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
)
"""Layers that leave sizes alone and are no pasted calls of the dialect."""


def home(kind: type[Any]) -> type[Any] | None:
    """The class of Keras that says what a layer does; None where its own code says it."""
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] == "keras":
            same = getattr(kind, "call", None) is getattr(base, "call", None)
            return base if same else None
    return None


def _arguments(call: Call) -> dict[str, Any]:
    """The arguments of a layer, by its configuration, and where that is silent by its fields."""
    layer = call.operation
    kind = home(type(layer)) or type(layer)
    config = dict(kind.get_config(layer))
    names = [name for name, _ in DIALECTS["keras"].calls[kind.__name__].parameters]
    held = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    return held | config


def _by_table(build: Build, call: Call) -> View:
    """A layer that the table of the dialect knows."""
    kind = (home(type(call.operation)) or type(call.operation)).__name__
    layer = canonical(call, kind, _arguments(call))
    if isinstance(layer, Identity):
        return _identity(build, call, layer)
    return windowed(build, call, layer)


def _identity(build: Build, call: Call, layer: Identity | None = None) -> View:
    name = type(call.operation).__name__
    made = layer or Identity(name)
    return build.put(call.name, made, [call.view], call.view.channel)


def _dense(build: Build, call: Call) -> View:
    """A linear layer on the last axis: a 1 x 1 convolution where that is the channels'."""
    layer, view = call.operation, call.view
    units, bias = layer.units, bool(layer.use_bias)
    taken = (getattr(layer.input_spec, "axes", None) or {}).get(-1)
    last = view.rank - 1
    if view.channel == last and 1 <= last <= MOST_AXES:
        made = Conv(1, in_channels=view.node.channels, out_channels=units, bias=bias, axes=last)
        return build.put(call.name, made, [view], last, remark="Dense over the channels")
    if last <= MOST_AXES:
        dense = Dense(units, in_features=taken, bias=bias)
        return build.put(call.name, dense, [view], view.channel)
    axes = [*view.axes[:-1], Fixed(units)]
    return build.given(call.name, f"Dense({units})", [view], axes, last, counted=False)


def _flatten(build: Build, call: Call) -> View:
    return build.flattened(call.name, call.view)


def _reshape(build: Build, call: Call) -> View:
    return reshaped(build, call, call.operation.target_shape)


def _permute(build: Build, call: Call) -> View:
    return permuted(build, call, [one - 1 for one in call.operation.dims])


def _repeat_vector(build: Build, call: Call) -> View:
    count = call.operation.n
    axes = [Fixed(count), *call.view.axes]
    return build.given(call.name, f"RepeatVector({count})", [call.view], axes, len(axes) - 1)


def _merge(build: Build, call: Call) -> View:
    kind = Multiply if type(call.operation).__name__ == "Multiply" else Add
    if len(call.views) == 1:
        return _identity(build, call)
    return merged(build, call, call.views, kind)


def _concatenate(build: Build, call: Call) -> View:
    return concatenated(build, call, call.views, call.operation.axis)


def _dot(build: Build, call: Call) -> View:
    """The product of two tensors along one axis of each."""
    one, other = call.views
    axes = call.operation.axes
    pair = (axes, axes) if integer(axes) is not None else tuple(axes)
    (first,), (second,) = placed(call, one, pair[0]), placed(call, other, pair[1])
    rule = "the axes of the product are equal"
    asked = [Condition(one.axes[first], "==", other.axes[second], rule)]
    left = [size for axis, size in enumerate(one.axes) if axis != first]
    left += [size for axis, size in enumerate(other.axes) if axis != second]
    asked = [condition for condition in asked if condition.variables]
    sizes = left or [Fixed(1)]
    what, last = f"Dot({axes})", len(sizes) - 1
    return build.given(call.name, what, [one, other], sizes, last, asked, counted=False)


def _recurrent(build: Build, call: Call) -> View | list[View] | None:
    """A layer over the steps of a sequence: its last state, or all of them."""
    layer, view = call.operation, call.view
    if view.rank != 2 or len(call.outputs) != 1:
        return None
    units = call.outputs[0].shape[-1]
    inner = getattr(layer, "forward_layer", layer)
    axes = [view.axes[0], Fixed(units)] if inner.return_sequences else [Fixed(units)]
    what = f"{type(layer).__name__}({units})"
    last, asked = len(axes) - 1, _taken_steps(view)
    return build.given(call.name, what, [view], axes, last, asked, mixes=True, counted=False)


def _taken_steps(view: View) -> list[Condition]:
    steps = view.axes[0]
    return [Condition(steps, ">=", 1, "there is a step")] if steps.variables else []


def _embedding(build: Build, call: Call) -> View:
    axes = [*call.view.axes, Fixed(call.operation.output_dim)]
    what = f"Embedding({call.operation.output_dim})"
    return build.given(call.name, what, [call.view], axes, len(axes) - 1)


def _attention(build: Build, call: Call) -> View | None:
    """Attention of a sequence to another: as many places as the query has."""
    if not 2 <= len(call.views) <= 3 or len(call.outputs) != 1:
        return None
    query, value = call.views[:2]
    key = call.views[-1]
    asked = []
    for mine, its in zip(key.axes[:-1], value.axes[:-1], strict=True):
        if key != value:
            asked.append(Condition(mine, "==", its, "keys and values are as many"))
    axes = [*query.axes[:-1], Fixed(call.outputs[0].shape[-1])]
    what, last = type(call.operation).__name__, len(axes) - 1
    return build.given(call.name, what, call.views, axes, last, asked, mixes=True, counted=False)


def _time_distributed(build: Build, call: Call) -> View | None:
    """A layer at every step: what it gives for one, beside the axis of the steps."""
    view, inner = call.view, call.operation.layer
    handler = handler_of(inner)
    if handler is None or view.rank < 2 or view.channel == 0:
        return None
    apart = Build({}, channels_first=build.channels_first)
    steps, *sizes = view.axes
    channel = None if view.channel is None else view.channel - 1
    start = apart.given("step", "step", [], sizes, channel)
    made = handler(apart, Call(inner, inner.name, (start,), {}, [start], call.outputs))
    if made is None or isinstance(made, list):
        return None
    asked = [one for node in apart.model for one in node.conditions if one.variables]
    asked += _taken_all(made)
    after = None if made.channel is None else made.channel + 1
    what = f"TimeDistributed({made.node.operation!r})"
    axes = [steps, *made.axes]
    return build.given(call.name, what, [view], axes, after, asked, counted=False)


def _taken_all(view: View) -> list[Condition]:
    rule = "every layer accepts its size"
    return [Condition(part, "taken", 0, rule) for one in view.axes for part in one.apart()]


def _wrapped(build: Build, call: Call) -> View | list[View] | None:
    """A wrapper that changes weights alone."""
    inner = call.operation.layer
    handler = handler_of(inner)
    if handler is None:
        return None
    return handler(build, Call(inner, call.name, call.args, call.kwargs, call.views, call.outputs))


def handler_of(layer: Any) -> Handler | None:
    """What makes a node of a layer; None where it is not known, or has code of its own."""
    kind = home(type(layer))
    if kind is None or not kind.__module__.startswith("keras.src.layers"):
        return None
    return LAYERS.get(kind.__name__)


LAYERS: dict[str, Handler] = {
    **dict.fromkeys(DIALECTS["keras"].calls, _by_table),
    **dict.fromkeys(IDENTITIES, _identity),
    "Dense": _dense,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), _merge),
    "Concatenate": _concatenate,
    "Dot": _dot,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"), _recurrent),
    "Embedding": _embedding,
    **dict.fromkeys(("MultiHeadAttention", "GroupedQueryAttention", "Attention"), _attention),
    "TimeDistributed": _time_distributed,
    "SpectralNormalization": _wrapped,
}
"""What makes a node of each layer of Keras, by its class."""
