"""Seeded draws of arguments, and the calls made of them."""

from __future__ import annotations

import random
from typing import Any, Final, TypedDict

__all__ = ["ABSENT", "Configuration", "Draw", "text"]

ABSENT: Final = object()
"""The value of an argument that a call leaves out."""

PREFIXES = {"torch": "nn", "keras": "keras.layers"}


class Configuration(TypedDict):
    """One call of a layer and the sizes it is given, as JSON: lists stand for tuples."""

    framework: str
    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    sizes: list[int]
    channels: int | None


def text(configuration: Configuration) -> str:
    """The call as a person writes it: `nn.Conv2d(2, 3, kernel_size=(3, 2))`."""
    written = [literal(value) for value in configuration["args"]]
    written += [f"{name}={literal(value)}" for name, value in configuration["kwargs"].items()]
    prefix = PREFIXES[configuration["framework"]]
    return f"{prefix}.{configuration['name']}({', '.join(written)})"


def literal(value: Any) -> str:
    """A value as source text, lists as tuples."""
    if isinstance(value, list):
        inner = ", ".join(literal(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


class Draw(random.Random):
    """Random arguments of layers. The same seed draws the same, on every machine."""

    def chance(self, share: float) -> bool:
        """True in this share of draws."""
        return self.random() < share

    def whole(self, low: int, high: int) -> int:
        """An int, both ends included."""
        return self.randint(low, high)

    def sizes(self, axes: int, low: int = 1, high: int = 8) -> list[int]:
        """One size per axis."""
        return [self.whole(low, high) for _ in range(axes)]

    def each(self, axes: int, low: int, high: int, alike: float = 0.4) -> int | list[int]:
        """An int for all axes, or a tuple with one per axis."""
        return self.whole(low, high) if self.chance(alike) else self.sizes(axes, low, high)

    def maybe(self, share: float, value: Any) -> Any:
        """The value in this share of draws, else `ABSENT`."""
        return value if self.chance(share) else ABSENT

    def spoiled(self, value: Any, axes: int, share: float = 0.04, least: int = 1) -> Any:
        """The value, or in this share of draws one that no framework takes for it.

        `least` is the smallest int that it takes.
        """
        if not self.chance(share):
            return value
        wrong = [least - 1, least - 3, 1.5, "3", [1] * (axes + 1), [least - 1] * axes]
        return self.choice(wrong)

    def call(
        self,
        framework: str,
        name: str,
        parameters: dict[str, Any],
        sizes: list[int],
        channels: int | None,
    ) -> Configuration:
        """A call with its arguments, in their order, the first of them perhaps by position."""
        args, kwargs = [], {}
        positional = True
        for parameter, value in parameters.items():
            positional = positional and value is not ABSENT and self.chance(0.7)
            if positional:
                args.append(value)
            elif value is not ABSENT:
                kwargs[parameter] = value
        return {
            "framework": framework,
            "name": name,
            "args": args,
            "kwargs": kwargs,
            "sizes": sizes,
            "channels": channels,
        }
