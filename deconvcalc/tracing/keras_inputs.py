"""The inputs of a Keras model: as its graph knows them, or as they are said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.model.graph import AXIS_NAMES
from deconvcalc.tracing.keras_files import live as live_model
from deconvcalc.tracing.keras_graph import function_of, input_name
from deconvcalc.tracing.path import InputSpec
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["channel_place", "channels_first", "inputs_of", "without"]


def inputs_of(model_like: Any, size: Any = None, channels: Any = None) -> tuple[InputSpec, ...]:
    """The inputs of a model: as Keras knows them, or as they are said to be.

    Args:
        model_like: a Keras model or layer, or the path of a `.keras` file.
        size: the spatial sizes of the input: an int for all axes, or a tuple; for several inputs
            those of all one after the other, or a dict by their names. Where the model fixes its
            sizes, they need not be given.
        channels: the channels of the input, where the model does not say; for several inputs a dict
            by their names.

    Raises:
        QueryError: no size where the model leaves it open, another number of axes than the model
            has, other channels.
        TraceError: the file or the model cannot be read.
    """
    live = live_model(model_like)
    function = function_of(live)
    first = channels_first(live)
    if function is None:
        return _said_inputs(live, size, channels)
    made: list[InputSpec] = []
    shapes = [tensor.shape[1:] for tensor in function.inputs]
    sizes = _shared_out(
        size, [len(one) - (channel_place(one, first) is not None) for one in shapes]
    )
    for place, tensor in enumerate(function.inputs):
        name = input_name(tensor)
        one = size.get(name) if isinstance(size, dict) else sizes[place]
        deep = channels.get(name) if isinstance(channels, dict) else channels
        made.append(_known_input(name, tensor.shape[1:], place, one, deep, first))
    return tuple(made)


def _shared_out(size: Any, counts: Sequence[int]) -> list[Any]:
    """A tuple of the sizes of all inputs, one after the other, as a tuple for each."""
    if not isinstance(size, (tuple, list)) or len(counts) == 1 or len(size) != sum(counts):
        return [size] * len(counts)
    left = list(size)
    return [tuple([left.pop(0) for _ in range(count)]) for count in counts]


def channels_first(live: Any) -> bool:
    """Whether the layers of a model have their channels first."""
    import keras

    layers = live._flatten_layers() if hasattr(live, "_flatten_layers") else []
    formats = {
        layer.data_format
        for layer in layers
        if hasattr(layer, "kernel_size") or hasattr(layer, "pool_size")
        if getattr(layer, "data_format", None)
    }
    return (formats if len(formats) == 1 else {keras.config.image_data_format()}) == {
        "channels_first"
    }


def _known_input(
    name: str,
    shape: Sequence[int | None],
    place: int,
    size: Any,
    channels: int | None,
    first: bool,
) -> InputSpec:
    """An input whose axes Keras knows, at the sizes asked about."""
    where = channel_place(shape, first)
    spatial = [one for axis, one in enumerate(shape) if axis != where]
    deep = channels if where is None else shape[where]
    if channels is not None and deep != channels:
        raise QueryError(
            f"{name} has {deep} channels, not {channels}",
            rule="channels",
            hint="Leave the channels out: the model says them.",
        )
    return InputSpec(
        name, deep, _asked(name, spatial, size), _axis_names(name, place, len(spatial))
    )


def channel_place(shape: Sequence[int | None], first: bool) -> int | None:
    """Which axis of an input is that of its channels; None where there is none."""
    if not shape:
        return None
    where = 0 if first and len(shape) > 1 else len(shape) - 1
    return None if shape[where] is None else where


def _asked(name: str, spatial: Sequence[int | None], size: Any) -> tuple[int, ...]:
    """The sizes asked about; those that the model is built for where nothing is said."""
    if size is None:
        if None in spatial:
            raise QueryError(
                f"the size of {name} is not given, and the model leaves it open",
                rule="input_size",
                hint="Give the spatial sizes, such as input_size=(127, 127); any will do.",
            )
        return tuple([one or 1 for one in spatial])
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * len(spatial)
    if len(sizes) != len(spatial):
        raise QueryError(
            f"{name} has {len(spatial)} spatial axes, not {len(sizes)}",
            rule="input_size",
            hint="Give the spatial sizes alone, without batch and channels.",
        )
    return _whole(name, sizes)


def _whole(name: str, sizes: Sequence[Any]) -> tuple[int, ...]:
    numbers = [integer(one) for one in sizes]
    if any(one is None or one < 1 for one in numbers):
        raise QueryError(
            f"the sizes of {name} must be ints of at least 1, not {tuple(sizes)}",
            rule="input_size",
        )
    return tuple([one or 1 for one in numbers])


def _axis_names(name: str, place: int, count: int) -> tuple[str, ...]:
    """What the axes of an input are called: h and w, or of a further input name.h and name.w."""
    names = AXIS_NAMES.get(count, tuple([f"x{axis}" for axis in range(count)]))
    return names if place == 0 else tuple([f"{name}.{one}" for one in names])


def _said_inputs(live: Any, size: Any, channels: Any) -> tuple[InputSpec, ...]:
    """The inputs of a model that is no graph yet: as they are said to be."""
    built = _built_for(live)
    if size is None and channels is None and built is None:
        raise QueryError(
            "the model is not built: it does not know its input",
            rule="input_size",
            hint="Give the sizes and the channels, such as input_size=(127, 127), channels=3.",
        )
    sizes = size if isinstance(size, dict) else {"input": size}
    first = channels_first(live)
    if built is not None and len(sizes) == 1:
        ((name, one),) = sizes.items()
        inputs = getattr(live, "inputs", None)
        name = input_name(inputs[0]) if inputs else name
        return (_known_input(name, built, 0, one, channels, first),)
    made = []
    for place, (name, one) in enumerate(sizes.items()):
        deep = channels.get(name) if isinstance(channels, dict) else channels
        if deep is None:
            raise QueryError(
                f"the model is not built, and the channels of {name} are not given",
                rule="channels",
                hint="Give them too, such as channels=3.",
            )
        if one is None:
            raise QueryError(
                f"the size of {name} is not given", rule="input_size", hint="Give input_size too."
            )
        numbers = tuple(one) if isinstance(one, (tuple, list)) else (one, one)
        spec = _whole(name, numbers)
        made.append(InputSpec(name, deep, spec, _axis_names(name, place, len(spec))))
    return tuple(made)


def _built_for(live: Any) -> tuple[int | None, ...] | None:
    """The shape that a subclassed model was built for, without its batch, if it was."""
    import keras

    if isinstance(live, keras.Function) and len(live.inputs) == 1:
        return tuple(live.inputs[0].shape[1:])
    config = (
        getattr(live, "get_build_config", lambda: None)() if getattr(live, "built", 0) else None
    )
    shape = (config or {}).get("input_shape")
    plain = isinstance(shape, (tuple, list)) and all(
        one is None or isinstance(one, int) for one in shape
    )
    return tuple(shape[1:]) if plain and shape else None


def without(shape: Sequence[int | None], where: int | None) -> list[int | None]:
    """A shape without the axis of its channels."""
    return [one for axis, one in enumerate(shape) if axis != where]
