"""Frozen layers: what they do to spatial sizes, and where they put things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deconvcalc.layers.base import Explicit, Layer, Padding, Same, ToSize
    from deconvcalc.layers.coupling import Dense, Flatten, Fold, Reshape, Unfold
    from deconvcalc.layers.resizing import (
        AdaptivePool,
        Crop,
        GlobalPool,
        Identity,
        Pad,
        PixelShuffle,
        PixelUnshuffle,
        Slice,
        Upsample,
    )
    from deconvcalc.layers.windows import (
        AvgPool,
        Conv,
        ConvTranspose,
        DepthwiseConv,
        LpPool,
        MaxPool,
        MaxUnpool,
    )

__all__ = [
    "AdaptivePool",
    "AvgPool",
    "Conv",
    "ConvTranspose",
    "Crop",
    "Dense",
    "DepthwiseConv",
    "Explicit",
    "Flatten",
    "Fold",
    "GlobalPool",
    "Identity",
    "Layer",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "Pad",
    "Padding",
    "PixelShuffle",
    "PixelUnshuffle",
    "Reshape",
    "Same",
    "Slice",
    "ToSize",
    "Unfold",
    "Upsample",
]

_MODULES = {
    **dict.fromkeys(("Explicit", "Layer", "Padding", "Same", "ToSize"), "base"),
    **dict.fromkeys(("Dense", "Flatten", "Fold", "Reshape", "Unfold"), "coupling"),
    **dict.fromkeys(("AvgPool", "Conv", "ConvTranspose", "DepthwiseConv"), "windows"),
    **dict.fromkeys(("LpPool", "MaxPool", "MaxUnpool"), "windows"),
}
"""Where a layer is defined; what is not named here is in `resizing`."""


def __getattr__(name: str) -> Any:
    """Import a layer when it is first used: an answer to a question needs one kind or two."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'resizing')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
