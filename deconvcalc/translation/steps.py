"""What a layer becomes in a framework: calls of its own classes, and the weights they take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IN", "OUT", "Channels", "Step", "Weight"]

Change = tuple[str, Any]
"""A change of a kernel, by its name in `weights.CHANGES`, and what it takes."""


class Channels(Value):
    """A channel count of the layer that is filled in later: `times` its inputs or outputs.

    >>> OUT, Channels("in_channels", 2)
    (out_channels, 2 * in_channels)
    """

    __slots__ = ("of", "times")
    _fields = ("of", "times")
    of: str
    times: int

    def __init__(self, of: str, times: int = 1) -> None:
        self._set(of=of, times=times)

    def at(self, channels: tuple[int, int]) -> int:
        """The count, where the layer has these inputs and outputs."""
        return self.times * channels[self.of == "out_channels"]

    def __repr__(self) -> str:
        return self.of if self.times == 1 else f"{self.times} * {self.of}"


IN, OUT = Channels("in_channels"), Channels("out_channels")


class Weight(Value):
    """An array of a step: one of the layer's own, and what is done to it.

    Args:
        name: the layer's array: "kernel", "bias" or "pointwise".
        changes: what makes it the framework's, in order.
    """

    __slots__ = ("changes", "name")
    _fields = ("name", "changes")
    name: str
    changes: tuple[Change, ...]

    def __init__(self, name: str, *changes: Change) -> None:
        self._set(name=name, changes=changes)

    @property
    def zeros(self) -> bool:
        """Whether it has zeros that the layer's own array does not have, and that must stay."""
        return any(name in ("zero_taps", "spread", "ungroup") for name, _ in self.changes)


class Step(Value):
    """One call of a framework.

    Args:
        name: the class, for example "ConvTranspose2d".
        arguments: its keyword arguments; counts of channels may be `Channels`.
        weights: its arrays, in the framework's order.
        spatial: whether it works on the sizes alone, and the channels stay where they are.
    """

    __slots__ = ("arguments", "name", "spatial", "weights")
    _fields = ("name", "arguments", "weights", "spatial")
    name: str
    arguments: dict[str, Any]
    weights: tuple[Weight, ...]
    spatial: bool

    def __init__(
        self,
        name: str,
        arguments: Mapping[str, Any],
        weights: tuple[Weight, ...] = (),
        *,
        spatial: bool = True,
    ) -> None:
        self._set(name=name, arguments=dict(arguments), weights=weights, spatial=spatial)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.arguments), self.weights))

    def __repr__(self) -> str:
        arguments = ", ".join([f"{name}={value!r}" for name, value in self.arguments.items()])
        return f"{self.name}({arguments})"

    def at(self, channels: tuple[int, int]) -> dict[str, Any]:
        """The arguments with all channel counts filled in."""
        return {name: filled(value, channels) for name, value in self.arguments.items()}


def filled(value: Any, channels: tuple[int, int]) -> Any:
    """A value with the channel counts in it filled in."""
    if isinstance(value, Channels):
        return value.at(channels)
    if isinstance(value, tuple):
        return tuple([filled(item, channels) for item in value])
    return value
