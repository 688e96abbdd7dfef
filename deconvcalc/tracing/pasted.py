"""Pasted models as models: `nn.Sequential(...)`, `keras.Sequential([...])`, lists of calls."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, LayerError, NotationError, QueryError, SizeError
from deconvcalc.layers import Conv, Dense, Flatten, Identity, Layer, Reshape
from deconvcalc.model.conditions import Condition
from deconvcalc.model.graph import AXIS_NAMES, Model
from deconvcalc.model.operations import Given, Operation, Unflatten
from deconvcalc.notation import Pasted, parse_model
from deconvcalc.tracing.path import InputSpec, Path, Traced
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deconvcalc.model.graph import Node
    from deconvcalc.model.shapes import Shape

__all__ = ["asked", "inputs_of", "learned", "put", "same_names", "traced", "wanted"]

LEAVES_CHANNELS_OPEN = True
"""An input without channels is one of which nobody says how many it has."""

IMAGE = 2
"""How many axes an input has where nothing says so."""


def traced(
    text: str,
    inputs: Sequence[InputSpec] | None = None,
    *,
    assume: Mapping[str, str] | None = None,
    most_ways: int = 64,  # noqa: ARG001 - there is one way
    seconds: float = 60.0,  # noqa: ARG001
) -> Traced:
    """A chain of layers in text as a model. Nothing in it is evaluated.

    Args:
        text: what `deconvcalc.notation.parse_model` reads.
        inputs: its input; by default what `inputs_of` finds.
        assume: "same" by the name of a call that is not known and leaves sizes as they are.
        most_ways: no code is traced: there is one way.
        seconds: likewise.

    Raises:
        NotationError: text that is no chain, or layers that do not fit to each other.
        QueryError: `assume` says something else than "same".
    """
    same = same_names(assume)
    chain = parse_model(text, same=same)
    (asked_for,) = inputs or inputs_of(text, 1)
    model = Model()
    node = model.input(asked_for.name, channels=asked_for.channels, axes=asked_for.axes)
    for one in chain:
        try:
            node = put(model, one, node, one.name)
        except NotationError:
            raise
        except DeconvcalcError as error:
            raise NotationError(
                error.message, text=text, position=one.position, rule=error.rule, hint=error.hint
            ) from None
        if node.where is None and "\n" in text.strip():
            node.where = f"line {one.line}"
    model.output(node)
    passed = [one.call for one in chain if one.call in same]
    return Traced(_kind(chain), [Path(model)], tuple(dict.fromkeys(passed)))


def _kind(chain: Sequence[Pasted]) -> str:
    """Whose layers they are, if all are of one framework."""
    found = {one.dialect for one in chain if one.dialect is not None}
    own = any(one.dialect is None and not isinstance(one.layer, Identity) for one in chain)
    return found.pop() if len(found) == 1 and not own else "layers"


def inputs_of(text: str, size: Any, channels: Any = None) -> tuple[InputSpec, ...]:
    """The input of a pasted model, at the size that is asked about.

    Args:
        text: the model.
        size: one size, a tuple of one per axis, or a dict with such by the name `input`.
        channels: how many channels, a dict likewise, or None: what the layers say.

    Raises:
        NotationError: text that is no chain of layers.
        SizeError: sizes for other axes than the layers have.
        QueryError: no size, or one for another input.
    """
    own, axes = wanted(parse_model(text, trusting=True))
    for given in (size, channels):
        for name in given if isinstance(given, dict) else ():
            if name != "input":
                raise QueryError(
                    f"there is no input {name!r}", rule="inputs", hint="The one input is: input."
                )
    return (asked("input", own, axes, size, channels),)


def wanted(chain: Sequence[Pasted]) -> tuple[int | None, int | None]:
    """The channels and the axes that a chain of layers wants of its input, if it says."""
    channels, axes = None, None
    for one in chain:
        if one.call == "Input" and one.layer is None:
            *sizes, last = one.arguments["shape"]
            return last, len(sizes)
        if isinstance(one.layer, Dense) and axes is None:
            return one.layer.in_features, 0
        if axes is None and one.layer is not None:
            axes = one.layer.axes
        channels = getattr(one.layer, "in_channels", None)
        if channels or getattr(one.layer, "out_channels", None):
            break
    return channels, axes


def same_names(assume: Mapping[str, str] | None) -> frozenset[str]:
    """The names that are said to leave sizes alone.

    Raises:
        QueryError: something else is said of one.
    """
    for name, what in (assume or {}).items():
        if what != "same":
            raise QueryError(
                f"assume: {name} can be assumed to be 'same', not {what!r}",
                rule="assume",
                hint="'same' says that it leaves the sizes as they are.",
            )
    return frozenset(assume or {})


def asked(
    name: str,
    own: int | None,
    axes: int | Sequence[str] | None,
    size: Any,
    channels: Any,
    *,
    first: bool = True,
) -> InputSpec:
    """An input at the size and the channels that are asked about.

    Args:
        name: its name.
        own: its channels as the model says, or None.
        axes: its axes as the model says, a number or names, or None.
        size: what is asked about, for all inputs or by their names; None where it has no axes.
        channels: likewise.
        first: whether it is the first input, whose axes are called h and w.

    Raises:
        SizeError: another number of sizes than axes.
        QueryError: no size.
    """
    if isinstance(size, dict):
        size = size.get(name)
    if isinstance(channels, dict):
        channels = channels.get(name)
    if axes is None:
        axes = len(size) if isinstance(size, (tuple, list)) else IMAGE
    if isinstance(axes, int):
        if axes not in AXIS_NAMES:
            raise SizeError(f"{axes} axes are given, and a model has 1 to 3", rule="axes")
        names = AXIS_NAMES[axes]
        names = names if first else tuple([f"{name}.{one}" for one in names])
    else:
        names = tuple(axes)
    if size is None:
        if names:
            raise QueryError(
                f"the size of the input is not given: {name} has the axes {', '.join(names)}",
                rule="input_size",
                hint="Give spatial sizes, --input 127x127 or input_size=(127, 127); any will do.",
            )
        size = ()
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * len(names)
    if len(sizes) != len(names):
        has = f"the axes {', '.join(names)}" if names else "no spatial axis"
        raise SizeError(
            f"the input {name!r} has {has}: {len(sizes)} sizes are given",
            size=size,
            rule="axes",
            hint="Give the spatial sizes alone, without batch and channels.",
        )
    return InputSpec(name, channels if channels is not None else own, sizes, names)


# One layer of a chain.


def put(model: Model, one: Pasted, source: Node, name: str | None) -> Node:
    """A pasted layer behind a node; an input of Keras adds none where it asks for nothing.

    Raises:
        DeconvcalcError: it does not go there.
    """
    if one.call == "Input" and one.layer is None:
        return _input(model, one, source)
    node = model.add(_operation(one, source.shape), source, name=name)
    node.parameters = learned(one, source.shape)
    return node


def _input(model: Model, one: Pasted, source: Node) -> Node:
    """The shape that Keras names: sizes that are not None are asked for."""
    *sizes, channels = one.arguments["shape"]
    extents = source.shape.extents
    if len(sizes) != len(extents):
        raise LayerError(
            f"the shape has {len(sizes)} spatial sizes, and the input has {len(extents)}",
            rule="axes",
            hint="Keras counts the channels in, at the end.",
        )
    conditions = [
        Condition(mine, "==", size, f"the input has size {size}", axis)
        for axis, (mine, size) in enumerate(zip(extents, sizes, strict=True))
        if size is not None
    ]
    if channels is not None and source.channels not in (None, channels):
        rule = f"the input has {channels} channels"
        conditions.append(Condition(source.channels, "==", channels, rule, "channels"))
    if not conditions:
        return source
    given = Given(f"Input{tuple(one.arguments['shape'])}", channels, extents, conditions)
    return model.add(given, source, name="shape")


def _operation(one: Pasted, shape: Shape) -> Layer | Operation:
    """What a call means behind a shape; Keras has its channels last."""
    if one.layer is None:
        return _unflatten(one, shape)
    if one.dialect == "keras" and isinstance(one.layer, Dense) and _has_channels(shape):
        axes = len(shape.extents)
        return Conv(1, out_channels=one.layer.out_features, bias=one.layer.bias, axes=axes)
    if one.dialect == "keras" and isinstance(one.layer, Reshape):
        *sizes, channels = one.layer.sizes
        if not sizes:
            return Flatten() if channels == -1 or not _is_features(shape) else one.layer
        if -1 in one.layer.sizes:
            raise LayerError(
                "a Reshape whose target has a -1 cannot be read here",
                rule="target_shape",
                hint="Write the number instead of -1.",
            )
        return Unflatten(channels, sizes)
    return one.layer


def _has_channels(shape: Shape) -> bool:
    """Whether features stand at every place, and not along one axis alone."""
    return len(shape.extents) > 1 or (len(shape.extents) == 1 and shape.channels is not None)


def _is_features(shape: Shape) -> bool:
    return not _has_channels(shape)


def _unflatten(one: Pasted, shape: Shape) -> Operation:
    """PyTorch's Unflatten where it makes channels; over a spatial axis, it has no meaning here."""
    sizes, dim = one.arguments["unflattened_size"], one.arguments["dim"]
    numbers = [integer(size) for size in sizes] if isinstance(sizes, (tuple, list)) else [None]
    if None in numbers or len(numbers) < 2:
        raise LayerError(
            f"Unflatten: unflattened_size must be a tuple of ints, not {sizes!r}",
            rule="unflattened_size",
        )
    if dim not in (1, -1) or _has_channels(shape):
        raise LayerError(
            "Unflatten: only features can be unflattened here, into channels and sizes",
            rule="dim",
            hint="Write nn.Unflatten(1, (channels, height, width)) behind a Flatten or a Linear.",
        )
    return Unflatten(sizes[0], sizes[1:])


def learned(one: Pasted, shape: Shape) -> int | None:
    """How many numbers a layer learns that sizes tell nothing of; None for all other layers."""
    given, channels = one.arguments, shape.channels
    if one.call == "PReLU" and one.dialect == "torch":
        return integer(given.get("num_parameters"))
    if one.dialect == "torch" and "affine" in given:
        count = given.get("num_features", given.get("num_channels")) or channels
        return 2 * count if given["affine"] and isinstance(count, int) else 0
    if one.dialect == "keras" and one.call in _NORMS:
        held = [size.constant for size in shape.extents]
        count = channels if channels is not None else prod([size or 0 for size in held])
        scales = [bool(given.get(name, True)) for name in ("center", "scale")]
        return count * (sum(scales) + _NORMS[one.call]) if count else None
    return None


_NORMS = {"BatchNormalization": 2, "GroupNormalization": 0, "LayerNormalization": 0}
"""How many numbers a channel has that Keras counts, but does not train."""
