"""Steps as lines to paste: they run as they are."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from deconvcalc.translation.steps import Channels, Step, Weight
from deconvcalc.translation.weights import (
    check_channels,
    known_channels,
    least_channels,
    read_channels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.translation import Conversion

__all__ = ["call_text", "lines"]

PREFIX = {"torch": "nn", "keras": "keras.layers"}
WIDTH = 88


def lines(conversion: Conversion, channels: tuple[int, int] | None) -> list[str]:
    """The lines that make `layer`.

    Raises:
        QueryError: channels that are no two ints of at least 1, or that layers without weights
            cannot have.
        LayerError: channels that the layer's groups do not divide.
    """
    known, _ = known_channels(conversion.layers)
    channels = known if channels is None else _checked(conversion, channels)
    keras = conversion.dialect == "keras"
    masked = [i for i, step in enumerate(conversion.steps) if any(w.zeros for w in step.weights)]
    used = {name for step in conversion.steps for name in _names(step.arguments)}
    if masked and keras:
        used.add("in_channels")  # the kernel is there only once the layer is built

    made = ["import keras"] if keras else ["from torch import nn"]
    if masked:
        made = [*made, "import numpy as np"] if keras else ["import torch", *made]
    made.append("")
    if used and channels is None:
        made.append(_least(conversion))
    elif masked and keras and channels:
        made.append(f"in_channels = {channels[0]}")
    made += _layer(conversion, channels)
    for place in masked:
        made += _zeros(conversion, place)
    return made


def _least(conversion: Conversion) -> str:
    """The line that names the fewest channels."""
    inputs, outputs = least_channels(conversion.layers, conversion.axes)
    if inputs == outputs:
        return f"in_channels = out_channels = {inputs}"
    return f"in_channels, out_channels = {inputs}, {outputs}"


def _checked(conversion: Conversion, channels: tuple[int, int]) -> tuple[int, int]:
    inputs, outputs = read_channels(channels)
    check_channels(conversion.layers, (inputs, outputs), conversion.axes)
    for layer in conversion.layers:
        if "in_channels" in layer._fields:
            layer.replace(in_channels=inputs, out_channels=outputs)  # the groups divide them
    return inputs, outputs


def _names(value: Any) -> Iterator[str]:
    """The names that stand for channel counts in a value."""
    if isinstance(value, Channels):
        yield value.of
    elif isinstance(value, (tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _names(item)


def _layer(conversion: Conversion, channels: tuple[int, int] | None) -> list[str]:
    calls = [(step, _arguments(conversion.dialect, step, channels)) for step in conversion.steps]
    name = PREFIX[conversion.dialect]
    if len(calls) == 1:
        ((step, arguments),) = calls
        return _wrapped(f"layer = {name}.{step.name}(", arguments, ")", 0)
    keras = conversion.dialect == "keras"
    made = ["layer = keras.Sequential(", "    ["] if keras else ["layer = nn.Sequential("]
    for step, arguments in calls:
        made += _wrapped(f"{name}.{step.name}(", arguments, "),", 8 if keras else 4)
    return made + (["    ]", ")"] if keras else [")"])


def _wrapped(start: str, arguments: str, end: str, indent: int) -> list[str]:
    """A call on one line, or with its arguments on a line of their own."""
    space = " " * indent
    if indent + len(start + arguments + end) <= WIDTH:
        return [f"{space}{start}{arguments}{end}"]
    return [f"{space}{start}", f"{space}    {arguments}", f"{space}{end}"]


def call_text(dialect: str, step: Step, channels: tuple[int, int]) -> str:
    """One call as it stands in code, or as it would."""
    return f"{PREFIX.get(dialect, dialect)}.{step.name}({_arguments(dialect, step, channels)})"


def _arguments(dialect: str, step: Step, channels: tuple[int, int] | None) -> str:
    arguments = step.arguments if channels is None else step.at(channels)
    # As in the frameworks' own pages, the channels stand first and without their names.
    first = ("in_channels", "out_channels") if dialect == "torch" else ("filters",)
    shown = [_written(arguments[name]) for name in first if name in arguments]
    shown += [f"{name}={_written(v)}" for name, v in arguments.items() if name not in first]
    return ", ".join(shown)


def _written(value: Any) -> str:
    """A value as it stands in Python code."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        inside = ", ".join([_written(item) for item in value])
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, float) and not isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _zeros(conversion: Conversion, place: int) -> Iterator[str]:
    """The lines that put the zeros into the kernel of a step."""
    alone = len(conversion.steps) == 1
    keras = conversion.dialect == "keras"
    inside = "" if alone else f".layers[{place}]" if keras else f"[{place}]"
    write: Callable[[int, str, Weight], Iterator[str]] = _keras_zeros if keras else _torch_zeros
    yield from write(conversion.axes, f"layer{inside}", conversion.steps[place].weights[0])


def _edges(taps: tuple[tuple[int, int], ...], lead: int, factors: tuple[int, ...]) -> Iterator[str]:
    """The indices of zero taps: some at the start and at the end of each axis."""
    for axis, ((before, after), factor) in enumerate(zip(taps, factors, strict=True)):
        skipped = ":, " * (lead + axis)
        if before:
            yield f"{skipped}:{before * factor}"
        if after:
            yield f"{skipped}-{after * factor}:"


def _torch_zeros(axes: int, layer: str, weight: Weight) -> Iterator[str]:
    taps = dict(weight.changes)["zero_taps"]
    yield "with torch.no_grad():  # taps that hold a place: they have to stay zero"
    for index in _edges(taps, 2, (1,) * axes):
        yield f"    {layer}.weight[{index}] = 0"


def _keras_zeros(axes: int, layer: str, weight: Weight) -> Iterator[str]:
    changes = dict(weight.changes)
    dilation = changes.get("spread", (1,) * axes)
    yield f"layer.build((None, {'None, ' * axes}in_channels))"
    yield f"taps = np.zeros({layer}.kernel.shape)  # where it is 0, the kernel has to stay zero"
    place = ", ".join([f"::{d}" if d > 1 else ":" for d in dilation])
    if "ungroup" in changes:
        groups = changes["ungroup"]
        yield f"outs, ins = taps.shape[-2] // {groups}, taps.shape[-1] // {groups}"
        yield f"for group in range({groups}):"
        blocks = "group * outs : (group + 1) * outs, group * ins : (group + 1) * ins"
        yield f"    taps[{place}, {blocks}] = 1"
    else:
        yield f"taps[{place}] = 1"
    for index in _edges(changes.get("zero_taps", ((0, 0),) * axes), 0, dilation):
        yield f"taps[{index}] = 0"
    yield f"{layer}.kernel.assign({layer}.kernel * taps)"
