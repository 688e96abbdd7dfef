"""Frozen layers: what they do to spatial sizes, and where they put things."""

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
