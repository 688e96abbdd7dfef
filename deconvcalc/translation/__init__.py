"""Layers of one framework from layers of any: the same numbers, the weights carried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import ALL_DIALECTS
from deconvcalc.errors import ConversionError, QueryError
from deconvcalc.layers import Layer
from deconvcalc.translation.task import Task
from deconvcalc.translation.weights import carried, channels_of, weight_shapes
from deconvcalc.values import Value, integer, spatial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from deconvcalc.translation.steps import Step

__all__ = ["Conversion", "channels_of", "convert", "weight_shapes"]

AXES = 2
"""Of how many axes a layer is where nothing says: an image has two."""


class Conversion(Value):
    """What layers become in a framework.

    Attributes:
        layers: the canonical layers, first to last.
        dialect: the framework's short name.
        axes: how many axes they have there.
        size: the input sizes that it holds for, or None where it holds for all.
        outcome: "exact": as many framework layers as layers; "exact_with_steps": the same numbers,
            with layers around them that crop, pad or reshape, or with zeros in a kernel;
            "impossible".
        steps: the framework's calls, first to last.
        reason: where it is impossible, why; else None.
        hint: the way out, where there is one.
    """

    __slots__ = ("axes", "dialect", "hint", "layers", "outcome", "reason", "size", "steps")
    _fields = ("layers", "dialect", "axes", "size", "outcome", "steps", "reason", "hint")
    layers: tuple[Layer, ...]
    dialect: str
    axes: int
    size: tuple[int, ...] | None
    outcome: str
    steps: tuple[Step, ...]
    reason: str | None
    hint: str | None

    def __init__(self, **fields: Any) -> None:
        self._set(**{"reason": None, "hint": None} | fields)

    def __bool__(self) -> bool:
        """Whether there are such layers."""
        return self.outcome != "impossible"

    def code(self, channels: tuple[int, int] | None = None) -> str:
        """Lines to paste that make `layer`; they run as they are.

        Args:
            channels: its inputs and outputs. Without them the code sets both to 1, by name, before
                it uses them.

        Raises:
            ConversionError: there are no such layers.
            QueryError: channels that the layers cannot have.

        >>> from deconvcalc import ConvTranspose, convert
        >>> print(convert(ConvTranspose(6, stride=2), to="torch").code())
        from torch import nn
        <BLANKLINE>
        in_channels = out_channels = 1
        layer = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=6, stride=2)
        """
        from deconvcalc.translation.code import PREFIX, lines

        self._need()
        if self.dialect not in PREFIX:
            raise ConversionError(
                f"no code is written for {ALL_DIALECTS[self.dialect].title}",
                hint="`steps` has the operators and their attributes.",
            )
        return "\n".join(lines(self, channels))

    def weights(self, arrays: Mapping[str, np.ndarray]) -> list[list[np.ndarray]]:
        """The arrays of each step, in the framework's order and layout.

        Args:
            arrays: the layer's own: "kernel" as PyTorch lays it out, "bias", and "pointwise" where
                a depthwise convolution has one.

        Raises:
            ConversionError: there are no such layers.
        """
        self._need()
        return [[carried(weight, arrays) for weight in step.weights] for step in self.steps]

    def _need(self) -> None:
        if not self:
            raise ConversionError(str(self.reason), hint=self.hint)

    def __repr__(self) -> str:
        shown = ", ".join([step.name for step in self.steps]) or self.reason
        return f"<{self.dialect}: {self.outcome}: {shown}>"


def convert(layer: Layer | Sequence[Layer], *, to: str, size: Any = None) -> Conversion:
    """The layers of a framework that give the same numbers, or the reason why there are none.

    Args:
        layer: a layer, or several, first to last.
        to: the framework: "torch", "keras" or "onnx".
        size: the input size, an int or one per axis. Without it the conversion holds for every
            size, and layers whose padding depends on the size may have none. Where neither the
            layer nor the size says how many axes there are, there are two.

    Returns:
        The conversion; what it says of one layer was read back by the framework's own table.

    Raises:
        QueryError: an unknown framework.
        SizeError: the layer refuses the size.
        TypeError: a wrong type.

    >>> from deconvcalc import convert, parse
    >>> up = parse("Conv2DTranspose(8, 3, strides=2, padding='same')")
    >>> convert(up, to="torch").steps[1]
    ZeroPad2d(padding=(0, -1, 0, -1))
    """
    if to not in [*ALL_DIALECTS]:  # what cannot be hashed, too
        known = ", ".join(ALL_DIALECTS)
        raise QueryError(f"unknown dialect {to!r}", rule="to", hint=f"Known are: {known}.")
    layers: tuple[Any, ...] = (layer,)
    if not isinstance(layer, Layer):
        layers = tuple(layer) if isinstance(layer, (list, tuple)) else ()
    if not layers or not all(isinstance(item, Layer) for item in layers):
        raise TypeError(f"convert takes a layer or a sequence of layers, not {layer!r}")
    axes = _axes(layers, size)
    sizes = None if size is None else spatial(size) or (size,) * axes
    steps: list[Step] = []
    plain = True
    result: dict[str, Any] = {"layers": layers, "dialect": to, "axes": axes, "size": sizes}
    now: Any = sizes
    for item in layers:
        try:
            made = _steps(item, to, axes, now)
        except ConversionError as error:
            why = {"reason": error.message, "hint": error.hint}
            return Conversion(**result, outcome="impossible", steps=(), **why)
        steps += made
        plain = plain and len(made) == 1 and not any(w.zeros for w in made[0].weights)
        now = None if now is None else item.output_size(now)
        axes = len(now) if now else axes
    outcome = "exact" if plain else "exact_with_steps"
    return Conversion(**result, outcome=outcome, steps=tuple(steps))


def _axes(layers: Sequence[Layer], size: Any) -> int:
    sizes = None if size is None else spatial(size)
    if sizes is not None:
        return len(sizes)
    if size is not None and integer(size) is None:
        raise TypeError(f"size must be an int or a tuple of ints, not {size!r}")
    return next((item.axes for item in layers if item.axes), AXES)


def _steps(layer: Layer, to: str, axes: int, sizes: tuple[int, ...] | None) -> tuple[Step, ...]:
    """The first way to write a layer that holds."""
    from importlib import import_module

    if sizes is not None:
        layer.output_size(sizes)  # refuses what the layer refuses
    task = Task(layer, axes, sizes)
    dialect = ALL_DIALECTS[to]
    ways = import_module(f"deconvcalc.translation.{to}").WAYS
    fault: str | None = None
    for steps in ways[type(layer)](task):
        fault = task.fault(dialect, steps)
        if fault is None:
            made: tuple[Step, ...] = steps
            return made
    raise ConversionError(f"{dialect.title} has no layers for {layer}: {fault}")
