"""Random calls of Keras's layers, good and bad. Each function draws one call of one layer."""

from __future__ import annotations

from math import prod
from typing import Any

from tests.frameworks.drawing import ABSENT, Configuration, Draw

__all__ = ["CALLS", "RANKS"]

IDENTITIES: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "relu"},
    "ReLU": {"max_value": 6.0},
    "LeakyReLU": {"negative_slope": 0.2},
    "PReLU": {},
    "ELU": {"alpha": 0.5},
    "Softmax": {"axis": -1},
    "BatchNormalization": {"axis": -1, "momentum": 0.9},
    "LayerNormalization": {"axis": -1},
    "GroupNormalization": {"groups": 2},
    "RMSNormalization": {"axis": -1},
    "UnitNormalization": {"axis": -1},
    "Rescaling": {"scale": 0.5},
    "Dropout": {"rate": 0.25},
    "GaussianDropout": {"rate": 0.25},
    "GaussianNoise": {"stddev": 0.1},
    "AlphaDropout": {"rate": 0.25},
    "Identity": {},
}
REQUIRED = ("Activation", "GroupNormalization", "Rescaling", "Dropout", "GaussianDropout")
WORDS = ["valid", "same", "valid", "same", "SAME", "Valid"]


def padding(draw: Draw, *more: Any) -> Any:
    """A word for the padding; now and then one that no layer knows."""
    if draw.chance(0.03):
        return draw.choice(["full", "causal", 1])
    return draw.choice([*WORDS, *more])


def wrong_rank(draw: Draw, axes: int, share: float = 0.02) -> int:
    """The number of axes of the input: now and then one more or less."""
    if not draw.chance(share):
        return axes
    return axes + 1 if axes == 1 else axes + draw.choice([-1, 1])


def window(draw: Draw, axes: int, kernel: int) -> dict[str, Any]:
    """Kernel, strides and dilation of a convolution, sometimes spoiled; seldom both above 1."""
    strides = draw.maybe(0.6, draw.spoiled(draw.each(axes, 1, 3), axes))
    rate = draw.maybe(0.5, draw.spoiled(draw.each(axes, 1, 3), axes))
    if strides is not ABSENT and rate is not ABSENT and draw.chance(0.7):
        strides, rate = draw.choice([(ABSENT, rate), (strides, ABSENT)])
    return {
        "kernel_size": draw.spoiled(draw.each(axes, 1, kernel), axes),
        "strides": strides,
        "dilation_rate": rate,
    }


def conv(draw: Draw, axes: int) -> Configuration:
    """Conv1D to Conv3D: valid, same and causal, groups."""
    groups = draw.choice([1, 2, 2, 3, 0]) if draw.chance(0.15) else ABSENT
    shape = window(draw, axes, 5)
    parameters = {
        "filters": draw.spoiled(draw.choice([2, 4]), axes, 0.02),
        "kernel_size": shape["kernel_size"],
        "strides": shape["strides"],
        "padding": draw.maybe(0.8, padding(draw, *["causal"] * (2 if axes == 1 else 0))),
        "data_format": ABSENT,
        "dilation_rate": shape["dilation_rate"],
        "groups": groups,
        "use_bias": draw.maybe(0.1, draw.chance(0.5)),
    }
    channels = 6 if groups == 3 else 2
    name = f"{draw.choice(['Conv', 'Conv', 'Convolution'])}{axes}D"
    return draw.call("keras", name, parameters, draw.sizes(wrong_rank(draw, axes), 1, 8), channels)


def conv_transpose(draw: Draw, axes: int) -> Configuration:
    """Conv1DTranspose to Conv3DTranspose: output_padding None and int, odd and even kernels."""
    shape = window(draw, axes, 5)
    strides = shape["strides"]
    high = 2 if strides is not ABSENT and draw.chance(0.7) else 1
    extra = draw.spoiled(draw.each(axes, 0, high), axes, least=0)
    parameters = {
        "filters": draw.choice([1, 2, 3]),
        "kernel_size": shape["kernel_size"],
        "strides": strides,
        "padding": draw.maybe(0.8, padding(draw)),
        "output_padding": draw.maybe(0.5, draw.choice([extra, extra, extra, None])),
        "data_format": ABSENT,
        "dilation_rate": shape["dilation_rate"],
    }
    if axes == 3:  # Keras itself swaps these two here
        order = ["filters", "kernel_size", "strides", "padding", "data_format", "output_padding"]
        parameters["data_format"] = draw.maybe(0.3, "channels_last")
        parameters = {name: parameters[name] for name in [*order, "dilation_rate"]}
    name = f"{draw.choice(['Conv', 'Conv', 'Convolution'])}{axes}DTranspose"
    return draw.call("keras", name, parameters, draw.sizes(wrong_rank(draw, axes), 1, 5), 2)


def depthwise(draw: Draw, axes: int) -> Configuration:
    """DepthwiseConv1D and DepthwiseConv2D: strides and dilation together are allowed."""
    parameters = {
        "kernel_size": draw.spoiled(draw.each(axes, 1, 5), axes, 0.06),
        "strides": draw.maybe(0.6, draw.spoiled(draw.each(axes, 1, 3), axes)),
        "padding": draw.maybe(0.7, padding(draw)),
        "depth_multiplier": draw.maybe(0.25, draw.spoiled(draw.whole(1, 3), axes, 0.2)),
        "data_format": ABSENT,
        "dilation_rate": draw.maybe(0.5, draw.spoiled(draw.each(axes, 1, 3), axes)),
    }
    sizes = draw.sizes(wrong_rank(draw, axes))
    return draw.call("keras", f"DepthwiseConv{axes}D", parameters, sizes, 2)


def separable(draw: Draw, axes: int) -> Configuration:
    """SeparableConv1D and SeparableConv2D: as the depthwise layers, with filters."""
    parameters = {
        "filters": draw.spoiled(draw.choice([1, 2, 3]), axes, 0.02),
        "kernel_size": draw.spoiled(draw.each(axes, 1, 5), axes, 0.06),
        "strides": draw.maybe(0.6, draw.spoiled(draw.each(axes, 1, 3), axes)),
        "padding": draw.maybe(0.7, padding(draw)),
        "data_format": ABSENT,
        "dilation_rate": draw.maybe(0.5, draw.spoiled(draw.each(axes, 1, 3), axes)),
        "depth_multiplier": draw.maybe(0.25, draw.spoiled(draw.whole(1, 3), axes, 0.2)),
    }
    name = f"Separable{draw.choice(['Conv', 'Conv', 'Convolution'])}{axes}D"
    return draw.call("keras", name, parameters, draw.sizes(wrong_rank(draw, axes)), 2)


def pool(*names: str) -> Any:
    """The function that draws calls of one pool, under any of its names."""

    def pooling(draw: Draw, axes: int) -> Configuration:
        parameters = {
            "pool_size": draw.spoiled(draw.each(axes, 1, 4), axes, 0.12),
            "strides": draw.maybe(0.8, draw.spoiled(draw.each(axes, 1, 3), axes, 0.12)),
            "padding": draw.maybe(0.75, padding(draw)),
        }
        if draw.chance(0.04):
            parameters["strides"] = None
        name, rank = f"{draw.choice(names)}{axes}D", wrong_rank(draw, axes, 0.05)
        return draw.call("keras", name, parameters, draw.sizes(rank, 2, 12), 2)

    return pooling


def global_pool(*names: str) -> Any:
    """The function that draws calls of one global pool; only another rank is refused."""

    def pooling(draw: Draw, axes: int) -> Configuration:
        parameters = {
            "data_format": draw.maybe(0.3, "channels_last"),
            "keepdims": draw.maybe(0.7, draw.chance(0.6)),
        }
        sizes = draw.sizes(wrong_rank(draw, axes, 0.35), 1, 60 if axes == 1 else 12)
        return draw.call("keras", f"{draw.choice(names)}{axes}D", parameters, sizes, 2)

    return pooling


def adaptive(name: str) -> Any:
    """The function that draws calls of one adaptive pool."""

    def pooling(draw: Draw, axes: int) -> Configuration:
        size = draw.spoiled(draw.each(axes, 1, 12 if axes == 1 else 7, 0.2), axes, 0.3)
        sizes = draw.sizes(axes, 1, 12 if axes == 1 else 7)
        return draw.call("keras", f"{name}{axes}D", {"output_size": size}, sizes, 2)

    return pooling


INTERPOLATIONS = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"]


def up_sampling(draw: Draw, axes: int) -> Configuration:
    """UpSampling1D to UpSampling3D: int factors, on one axis only as an int."""
    size: Any = draw.whole(1, 12) if axes == 1 else draw.each(axes, 1, 4, 0.2)
    if axes == 1 and draw.chance(0.08):
        size = [size]
    parameters = {"size": draw.spoiled(size, axes, 0.22)}
    if axes == 2:
        words = [*INTERPOLATIONS, "Bilinear"]
        parameters["data_format"] = ABSENT
        parameters["interpolation"] = draw.maybe(
            0.6, draw.choice(words if draw.chance(0.9) else ["cubic", "linear"])
        )
    sizes = draw.sizes(wrong_rank(draw, axes, 0.06), 1, 24 if axes == 1 else 8)
    return draw.call("keras", f"UpSampling{axes}D", parameters, sizes, 2)


def border(name: str, argument: str, share: float) -> Any:
    """The function that draws calls of ZeroPadding or Cropping, this share of them malformed."""

    def entry(draw: Draw) -> Any:
        return draw.whole(0, 4) if draw.chance(0.3) else draw.sizes(2, 0, 4)

    def sides(draw: Draw, axes: int) -> Any:
        if draw.chance(0.25):
            return draw.whole(0, 4)
        if axes == 1:
            return draw.sizes(2, 0, 4)
        return draw.sizes(axes, 0, 4) if draw.chance(0.2) else [entry(draw) for _ in range(axes)]

    def malformed(draw: Draw, axes: int) -> Any:
        pair = [draw.choice([-1, -2]), draw.whole(0, 3)]
        wrong = [-1, -2, 1.5, "1", [1], [[0, 1]] * (axes + 1), pair if axes == 1 else [pair] * axes]
        return draw.choice(wrong)

    def draw_border(draw: Draw, axes: int) -> Configuration:
        value = malformed(draw, axes) if draw.chance(share) else sides(draw, axes)
        parameters = {argument: value if draw.chance(0.97) else ABSENT}
        sizes = draw.sizes(wrong_rank(draw, axes, 0.06), 1, 12)
        return draw.call("keras", f"{name}{axes}D", parameters, sizes, 2)

    return draw_border


def center_crop(draw: Draw, axes: int) -> Configuration:
    """CenterCrop: always the size that it is asked for."""
    parameters = {
        "height": draw.spoiled(draw.whole(1, 12), axes, 0.15, least=0),
        "width": draw.spoiled(draw.whole(1, 12), axes, 0.15, least=0),
    }
    sizes = draw.sizes(axes, 1, 12)
    return draw.call("keras", "CenterCrop", parameters, sizes, 2)


def resizing(draw: Draw, axes: int) -> Configuration:
    """Resizing: always the size that it is asked for."""
    words = INTERPOLATIONS if draw.chance(0.95) else ["cubic", "NEAREST"]
    parameters = {
        "height": draw.spoiled(draw.whole(1, 12), axes, 0.15),
        "width": draw.spoiled(draw.whole(1, 12), axes, 0.15),
        "interpolation": draw.maybe(0.5, draw.choice(words)),
        "crop_to_aspect_ratio": draw.maybe(0.3, draw.chance(0.6)),
        "pad_to_aspect_ratio": draw.maybe(0.3, draw.chance(0.6)),
    }
    sizes = draw.sizes(axes, 1, 12)
    return draw.call("keras", "Resizing", parameters, sizes, 2)


def identity(draw: Draw, axes: int) -> Configuration:
    """Activations, normalisation and dropout: every size is kept."""
    spatial = f"SpatialDropout{axes}D"
    name = draw.choice([*IDENTITIES, spatial])
    values = {"rate": 0.25} if name == spatial else IDENTITIES[name]
    required = name in (*REQUIRED, "GaussianNoise", "AlphaDropout", spatial)
    parameters = values if required or draw.chance(0.5) else {}
    return draw.call("keras", name, dict(parameters), draw.sizes(axes), 2)


def flatten(draw: Draw, axes: int) -> Configuration:
    """Flatten of all axes; there is no channel axis."""
    parameters = {"data_format": draw.maybe(0.2, "channels_last")}
    sizes = draw.sizes(axes, 1, 200 if axes == 1 else 12)
    return draw.call("keras", "Flatten", parameters, sizes, None)


def reshape(draw: Draw, axes: int) -> Configuration:
    """Reshape, to as many elements or to others; there is no channel axis."""
    sizes = draw.sizes(axes, 1, 8)
    total = prod(sizes)
    divisor = draw.choice([k for k in range(1, total + 1) if total % k == 0])
    shape = draw.choice([[total], [divisor, total // divisor], [total // divisor, 1, divisor]])
    if draw.chance(0.35):
        shape = [n + draw.whole(0, 1) for n in shape]
    if draw.chance(0.4):
        shape[draw.whole(0, len(shape) - 1)] = -1
    if draw.chance(0.05):
        shape = [-1, -1]
    return draw.call("keras", "Reshape", {"target_shape": shape}, sizes, None)


def dense(draw: Draw, axes: int) -> Configuration:
    """Dense, on the last axis; there is no channel axis."""
    parameters = {
        "units": draw.spoiled(draw.whole(1, 20), axes, 0.35),
        "activation": draw.maybe(0.2, draw.choice(["relu", None])),
        "use_bias": draw.maybe(0.3, draw.chance(0.5)),
    }
    return draw.call("keras", "Dense", parameters, draw.sizes(axes, 1, 12), None)


CALLS: dict[str, Any] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DepthwiseConv": depthwise,
    "SeparableConv": separable,
    "MaxPooling": pool("MaxPooling", "MaxPooling", "MaxPool"),
    "AveragePooling": pool("AveragePooling", "AveragePooling", "AvgPool"),
    "GlobalMaxPooling": global_pool("GlobalMaxPooling", "GlobalMaxPool"),
    "GlobalAveragePooling": global_pool("GlobalAveragePooling", "GlobalAvgPool"),
    "AdaptiveMaxPooling": adaptive("AdaptiveMaxPooling"),
    "AdaptiveAveragePooling": adaptive("AdaptiveAveragePooling"),
    "UpSampling": up_sampling,
    "ZeroPadding": border("ZeroPadding", "padding", 0.3),
    "Cropping": border("Cropping", "cropping", 0.1),
    "CenterCrop": center_crop,
    "Resizing": resizing,
    "Identity": identity,
    "Flatten": flatten,
    "Reshape": reshape,
    "Dense": dense,
}
"""What draws the calls of each layer, by the layer's name without its rank."""

RANKS: dict[str, tuple[int, ...]] = {
    "DepthwiseConv": (1, 2),
    "SeparableConv": (1, 2),
    "CenterCrop": (2,),
    "Resizing": (2,),
}
"""The numbers of axes of the layers that do not have all of 1, 2 and 3."""
