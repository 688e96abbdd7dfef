"""Random calls of PyTorch's layers, good and bad. Each function draws one call of one layer."""

from __future__ import annotations

from math import prod
from typing import Any

from tests.frameworks.drawing import ABSENT, Configuration, Draw

__all__ = ["CALLS", "RANKS"]

IDENTITIES: dict[str, dict[str, Any]] = {
    "ReLU": {},
    "ReLU6": {},
    "LeakyReLU": {"negative_slope": 0.2},
    "PReLU": {"num_parameters": 1},
    "ELU": {"alpha": 0.5},
    "SELU": {},
    "GELU": {"approximate": "tanh"},
    "SiLU": {},
    "Mish": {},
    "Hardswish": {},
    "Hardtanh": {"min_val": -2.0, "max_val": 2.0},
    "Sigmoid": {},
    "Tanh": {},
    "Softplus": {"beta": 2.0},
    "Softsign": {},
    "Softmax": {"dim": 1},
    "LogSoftmax": {"dim": 1},
    "Identity": {},
    "Dropout": {"p": 0.25},
    "AlphaDropout": {"p": 0.25},
    "LocalResponseNorm": {"size": 2},
    "ChannelShuffle": {"groups": 2},
}


def window(draw: Draw, axes: int, kernel: int, step: int) -> dict[str, Any]:
    """Kernel and stride of a window, sometimes spoiled; the stride may be a tuple of one."""
    stride = [draw.whole(1, step)] if draw.chance(0.05) else draw.each(axes, 1, step)
    return {
        "kernel_size": draw.spoiled(draw.each(axes, 1, kernel), axes),
        "stride": draw.maybe(0.7, draw.spoiled(stride, axes)),
    }


def dilation(draw: Draw, axes: int) -> Any:
    """A dilation, often left out."""
    return draw.maybe(0.5, draw.spoiled(draw.each(axes, 1, 3), axes))


def wrong_rank(draw: Draw, axes: int, share: float = 0.03) -> int:
    """The number of axes of the input: now and then one too many."""
    return axes + draw.chance(share)


def conv(draw: Draw, axes: int) -> Configuration:
    """Conv1d to Conv3d: padding by number or word, every padding mode, groups."""
    lazy = draw.chance(0.1)
    channels = draw.choice([2, 4])
    parameters = {
        "in_channels": ABSENT if lazy else channels,
        "out_channels": draw.choice([2, 3, 4]),
        **window(draw, axes, 4, 3),
        "padding": draw.maybe(0.75, draw.spoiled(draw.each(axes, 0, 3), axes, least=0)),
        "dilation": dilation(draw, axes),
        "groups": draw.maybe(0.2, draw.choice([1, 2, 2, 3, 0])),
        "bias": draw.maybe(0.2, draw.chance(0.5)),
        "padding_mode": draw.maybe(
            0.5, draw.choice(["zeros", "reflect", "replicate", "circular", "constant"])
        ),
    }
    if draw.chance(0.25):
        parameters["padding"] = draw.choice(["same", "same", "valid", "SAME"])
        if draw.chance(0.6):
            parameters["stride"] = ABSENT
    elif draw.chance(0.05):
        parameters["padding"] = draw.each(axes, -2, 1)
    if lazy:
        del parameters["in_channels"]
    name = f"{'Lazy' if lazy else ''}Conv{axes}d"
    return draw.call("torch", name, parameters, draw.sizes(wrong_rank(draw, axes)), channels)


def conv_transpose(draw: Draw, axes: int) -> Configuration:
    """ConvTranspose1d to ConvTranspose3d: output_padding on both sides of its rule."""
    lazy = draw.chance(0.1)
    channels = draw.choice([2, 4])
    parameters = {
        "in_channels": channels,
        "out_channels": draw.choice([2, 3, 4]),
        **window(draw, axes, 5, 4),
        "padding": draw.maybe(0.7, draw.spoiled(draw.each(axes, 0, 3), axes, least=0)),
        "output_padding": draw.maybe(0.4, draw.spoiled(draw.each(axes, 0, 2), axes, least=0)),
        "groups": draw.maybe(0.15, draw.choice([1, 2, 2, 3])),
        "bias": draw.maybe(0.2, draw.chance(0.5)),
        "dilation": dilation(draw, axes),
        "padding_mode": draw.maybe(0.06, draw.choice(["zeros", "reflect"])),
    }
    if lazy:
        del parameters["in_channels"]
    name = f"{'Lazy' if lazy else ''}ConvTranspose{axes}d"
    return draw.call("torch", name, parameters, draw.sizes(wrong_rank(draw, axes), 1, 6), channels)


def pool_window(draw: Draw, axes: int) -> dict[str, Any]:
    """Kernel, stride and padding of a pool; most paddings are at most half of the kernel."""
    parameters = window(draw, axes, 4, 4)
    high = 2 if draw.chance(0.4) else 1
    padding = draw.maybe(0.6, draw.spoiled(draw.each(axes, 0, high), axes, least=0))
    if draw.chance(0.05):
        parameters["stride"] = None
    return {**parameters, "padding": padding}


def max_pool(draw: Draw, axes: int) -> Configuration:
    """MaxPool1d to MaxPool3d: dilation and ceil_mode."""
    parameters = {
        **pool_window(draw, axes),
        "dilation": draw.maybe(0.4, draw.spoiled(draw.each(axes, 1, 2), axes)),
        "return_indices": draw.maybe(0.05, False),
        "ceil_mode": draw.maybe(0.5, draw.chance(0.8)),
    }
    return draw.call(
        "torch", f"MaxPool{axes}d", parameters, draw.sizes(wrong_rank(draw, axes), 2, 10), 2
    )


def avg_pool(draw: Draw, axes: int) -> Configuration:
    """AvgPool1d to AvgPool3d: ceil_mode, count_include_pad and, beyond one axis, a divisor."""
    parameters = {
        **pool_window(draw, axes),
        "ceil_mode": draw.maybe(0.5, draw.chance(0.8)),
        "count_include_pad": draw.maybe(0.3, draw.chance(0.5)),
    }
    if axes > 1:
        parameters["divisor_override"] = draw.maybe(0.2, draw.choice([None, 1, 3, -2, 0]))
    return draw.call(
        "torch", f"AvgPool{axes}d", parameters, draw.sizes(wrong_rank(draw, axes), 1, 8), 2
    )


def lp_pool(draw: Draw, axes: int) -> Configuration:
    """LPPool1d to LPPool3d."""
    parameters = {
        "norm_type": draw.choice([1, 2, 2.0, 3]),
        **window(draw, axes, 5, 4),
        "ceil_mode": draw.maybe(0.6, draw.chance(0.8)),
    }
    if axes == 1 and isinstance(parameters["kernel_size"], list) and draw.chance(0.7):
        parameters["kernel_size"] = draw.whole(1, 5)
    return draw.call(
        "torch", f"LPPool{axes}d", parameters, draw.sizes(wrong_rank(draw, axes), 1, 10), 2
    )


def max_unpool(draw: Draw, axes: int) -> Configuration:
    """MaxUnpool1d to MaxUnpool3d, given what the MaxPool with the same window returned."""
    parameters = pool_window(draw, axes)
    return draw.call("torch", f"MaxUnpool{axes}d", parameters, draw.sizes(axes, 1, 7), 2)


MODES = {
    1: ["nearest", "nearest-exact", "linear", "area"],
    2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
    3: ["nearest", "nearest-exact", "trilinear", "area"],
}
SCALES = [2, 3, 4, 1.5, 2.5, 0.5, 0.29, 1.15, 1 / 3, 2 / 3, 0.7, 1.0, 2.7, 0.1, -1.0, 0]


def scale(draw: Draw, axes: int) -> Any:
    """A scale factor, or one per axis."""
    one = draw.choice(SCALES) if draw.chance(0.7) else round(3 * draw.random(), 3)
    if draw.chance(0.5):
        return one
    return [one] + [draw.choice(SCALES) for _ in range(axes - 1)]


def upsample(draw: Draw, axes: int) -> Configuration:
    """Upsample on one to three axes: by size or factor, in every mode."""
    by_size = draw.chance(0.4)
    parameters = {
        "size": draw.spoiled(draw.each(axes, 1, 12), axes) if by_size else ABSENT,
        "scale_factor": ABSENT if by_size else scale(draw, axes),
        "mode": draw.maybe(0.7, draw.choice(MODES[axes])),
        "align_corners": draw.maybe(0.12, draw.chance(0.5)),
        "recompute_scale_factor": draw.maybe(0.08, True),
    }
    if draw.chance(0.06):
        parameters["mode"] = draw.choice([*MODES[2], "cubic", "Nearest"])
    if draw.chance(0.03):
        parameters["size"] = parameters["scale_factor"] = 2
    return draw.call("torch", "Upsample", parameters, draw.sizes(axes, 1, 9), 2)


def upsampling_2d(draw: Draw, axes: int) -> Configuration:
    """UpsamplingNearest2d and UpsamplingBilinear2d."""
    by_size = draw.chance(0.5)
    parameters = {
        "size": draw.spoiled(draw.each(axes, 1, 12), axes, 0.3) if by_size else ABSENT,
        "scale_factor": ABSENT if by_size else scale(draw, axes),
    }
    name = draw.choice(["UpsamplingNearest2d", "UpsamplingBilinear2d"])
    return draw.call("torch", name, parameters, draw.sizes(axes, 1, 9), 2)


def pixel_shuffle(draw: Draw, axes: int) -> Configuration:
    """PixelShuffle; the channels always divide, since a size says nothing of them."""
    factor = draw.spoiled(draw.whole(1, 6), axes, 0.3)
    channels = 2 * factor * factor if isinstance(factor, int) else 4
    sizes = draw.sizes(axes, 1, 12)
    return draw.call("torch", "PixelShuffle", {"upscale_factor": factor}, sizes, max(channels, 4))


def pixel_unshuffle(draw: Draw, axes: int) -> Configuration:
    """PixelUnshuffle, of sizes that divide by the factor and sizes that do not."""
    factor = draw.whole(1, 5)
    sizes = draw.sizes(axes, 1, 12)
    if draw.chance(0.6):
        sizes = [factor * draw.whole(1, 6) for _ in sizes]
    parameters = {"downscale_factor": draw.spoiled(factor, axes, 0.1)}
    return draw.call("torch", "PixelUnshuffle", parameters, sizes, 2)


def pad(name: str, high: int, crop: float) -> Any:
    """The function that draws calls of one padding layer, pads up to `high`, some of them crops."""

    def one(draw: Draw, low: int) -> int:
        return draw.whole(low, -1) if draw.chance(crop) else draw.whole(0, high)

    def padding(draw: Draw, axes: int) -> Configuration:
        sizes = draw.sizes(axes, 1, 7)
        low = -6 if draw.chance(0.5) else -2
        sides: Any = one(draw, low)
        if draw.chance(0.7):
            count = 2 * axes + (draw.choice([-1, 1]) if draw.chance(0.06) else 0)
            sides = [one(draw, low) for _ in range(count)]
        if draw.chance(0.05):
            sides = draw.choice([1.5, "1", [1.5] * (2 * axes)])
        parameters = {"padding": sides}
        if name == "ConstantPad":
            parameters["value"] = draw.choice([0, 0.5, -1.0])
        return draw.call("torch", f"{name}{axes}d", parameters, sizes, 2)

    return padding


def adaptive(name: str) -> Any:
    """The function that draws calls of one adaptive pool."""

    def pool(draw: Draw, axes: int) -> Configuration:
        size: Any = draw.spoiled(draw.each(axes, 1, 12 if axes == 1 else 9, 0.25), axes, 0.25)
        if size in (0, [0] * axes):
            size = -1
        elif isinstance(size, list) and len(size) == axes and draw.chance(0.4):
            size[draw.whole(0, axes - 1)] = None
        rank = axes if axes == 3 else wrong_rank(draw, axes, 0.15)
        sizes = draw.sizes(rank, 1, 12 if axes == 1 else 8)
        return draw.call("torch", f"{name}{axes}d", {"output_size": size}, sizes, 2)

    return pool


def unfold(draw: Draw, axes: int) -> Configuration:
    """Unfold, on two axes."""
    parameters = {
        "kernel_size": draw.spoiled(draw.each(axes, 1, 4), axes),
        "dilation": draw.maybe(0.5, draw.spoiled(draw.each(axes, 1, 2), axes)),
        "padding": draw.maybe(0.5, draw.spoiled(draw.each(axes, 0, 2), axes, least=0)),
        "stride": draw.maybe(0.6, draw.spoiled(draw.each(axes, 1, 3), axes)),
    }
    if draw.chance(0.04):
        parameters["stride"] = [2]
    return draw.call("torch", "Unfold", parameters, draw.sizes(axes, 2, 9), 2)


def pair(value: Any) -> list[Any]:
    """Both entries of an argument on two axes."""
    return value if isinstance(value, list) else [value, value]


def fold(draw: Draw, axes: int) -> Configuration:
    """Fold, of as many windows as its output has, or of one more or less."""
    size = draw.each(axes, 2, 8)
    kernel, step = draw.each(axes, 1, 3), draw.each(axes, 1, 3)
    spread, margin = draw.each(axes, 1, 2), draw.each(axes, 0, 2)
    columns = zip(*map(pair, (size, kernel, step, spread, margin)), strict=True)
    counts = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, d, p in columns]
    windows = prod(max(count, 1) for count in counts)
    if draw.chance(0.2):
        windows += draw.choice([-1, 1, 2])
    parameters = {
        "output_size": draw.spoiled(size, axes),
        "kernel_size": draw.spoiled(kernel, axes, 0.02),
        "dilation": spread,
        "padding": margin,
        "stride": step,
    }
    channels = 2 * prod(pair(kernel))
    return draw.call("torch", "Fold", parameters, [max(windows, 1)], channels)


def batch_norm(draw: Draw, axes: int) -> Configuration:
    """BatchNorm1d to BatchNorm3d; an input of another rank is all that they refuse."""
    parameters = {
        "num_features": 2,
        "eps": draw.maybe(0.6, draw.choice([1e-5, 1e-3, 0.1])),
        "momentum": draw.maybe(0.5, draw.choice([None, 0.1, 0.9])),
        "affine": draw.maybe(0.5, draw.chance(0.5)),
        "track_running_stats": draw.maybe(0.3, True),
    }
    rank = axes + draw.choice([-1, 1]) if draw.chance(0.35) else axes
    sizes = draw.sizes(rank or 2, 1, 12)
    return draw.call("torch", f"BatchNorm{axes}d", parameters, sizes, 2)


def instance_norm(draw: Draw, axes: int) -> Configuration:
    """InstanceNorm1d to InstanceNorm3d, of one spatial element and of more."""
    parameters = {
        "num_features": 2,
        "eps": draw.maybe(0.6, draw.choice([1e-5, 1e-3, 0.1])),
        "momentum": draw.maybe(0.5, draw.choice([0.1, 0.9])),
        "affine": draw.maybe(0.5, draw.chance(0.5)),
        "track_running_stats": draw.maybe(0.5, draw.chance(0.4)),
    }
    sizes = [1] * axes if draw.chance(0.35) else draw.sizes(axes + draw.chance(0.25), 1, 9)
    return draw.call("torch", f"InstanceNorm{axes}d", parameters, sizes, 2)


def group_norm(draw: Draw, axes: int) -> Configuration:
    """GroupNorm: groups that divide the channels or not, of one element each or of more."""
    channels = draw.choice([1, 2, 3, 4, 6])
    divisors = [groups for groups in range(1, channels + 1) if channels % groups == 0]
    parameters = {
        "num_groups": channels if draw.chance(0.4) else draw.choice(divisors),
        "num_channels": channels,
        "eps": draw.maybe(0.4, draw.choice([1e-5, 1e-3, 0.1])),
        "affine": draw.maybe(0.3, draw.chance(0.5)),
    }
    if draw.chance(0.25):
        parameters["num_groups"] = draw.choice([channels + 1, 5, 0])
    sizes = [1] * axes if draw.chance(0.3) else draw.sizes(axes)
    return draw.call("torch", "GroupNorm", parameters, sizes, channels)


def dropout(draw: Draw, axes: int) -> Configuration:
    """Dropout1d to Dropout3d: a probability outside of 0 to 1 is refused."""
    p = round(draw.random(), 3) if draw.chance(0.65) else draw.choice([-0.5, 1.5, 2, -1, 7.25])
    name = draw.choice([f"Dropout{axes}d", "Dropout", "AlphaDropout"])
    parameters = {"p": p, "inplace": draw.maybe(0.2, draw.chance(0.5))}
    return draw.call("torch", name, parameters, draw.sizes(axes), 2)


def identity(draw: Draw, axes: int) -> Configuration:
    """Activations and other layers that keep every size."""
    name = draw.choice(list(IDENTITIES))
    values = IDENTITIES[name]
    required = name in ("Softmax", "LogSoftmax", "ChannelShuffle", "LocalResponseNorm")
    parameters = values if required or draw.chance(0.5) else {}
    return draw.call("torch", name, dict(parameters), draw.sizes(axes), 2)


def flatten(draw: Draw, axes: int) -> Configuration:
    """Flatten of all axes, without channels, or of the spatial axes, with them."""
    if draw.chance(0.5):
        parameters = {"start_dim": draw.maybe(0.5, 1), "end_dim": draw.maybe(0.3, -1)}
        sizes = draw.sizes(axes, 1, 200 if axes == 1 else 12)
        return draw.call("torch", "Flatten", parameters, sizes, None)
    parameters = {"start_dim": 2, "end_dim": draw.maybe(0.4, draw.choice([-1, axes + 1]))}
    return draw.call("torch", "Flatten", parameters, draw.sizes(axes, 1, 12), 2)


def unflatten(draw: Draw, axes: int) -> Configuration:
    """Unflatten of the one spatial axis, into sizes whose product it has or not."""
    shape = draw.sizes(draw.whole(1, 3), 1, 6)
    size = prod(shape) if draw.chance(0.7) else draw.whole(1, 40)
    if draw.chance(0.4):
        shape[draw.whole(0, len(shape) - 1)] = -1
    if draw.chance(0.05):
        shape = [-1, -1]
    parameters = {"dim": draw.choice([2, -1]), "unflattened_size": shape}
    return draw.call("torch", "Unflatten", parameters, [size] * axes, 2)


def linear(draw: Draw, axes: int) -> Configuration:
    """Linear, on a last axis of the size that it wants or not; there is no channel axis."""
    sizes = draw.sizes(axes, 1, 12)
    features = sizes[-1] if draw.chance(0.65) else draw.whole(1, 12)
    lazy = draw.chance(0.1)
    parameters = {
        "in_features": features,
        "out_features": draw.whole(1, 20),
        "bias": draw.maybe(0.3, draw.chance(0.5)),
    }
    if lazy:
        del parameters["in_features"]
    return draw.call("torch", "LazyLinear" if lazy else "Linear", parameters, sizes, None)


CALLS: dict[str, Any] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AvgPool": avg_pool,
    "LPPool": lp_pool,
    "MaxUnpool": max_unpool,
    "Upsample": upsample,
    "Upsampling2d": upsampling_2d,
    "PixelShuffle": pixel_shuffle,
    "PixelUnshuffle": pixel_unshuffle,
    "ZeroPad": pad("ZeroPad", 4, 0.4),
    "ConstantPad": pad("ConstantPad", 4, 0.4),
    "ReflectionPad": pad("ReflectionPad", 3, 0.15),
    "ReplicationPad": pad("ReplicationPad", 4, 0.4),
    "CircularPad": pad("CircularPad", 4, 0.02),
    "AdaptiveAvgPool": adaptive("AdaptiveAvgPool"),
    "AdaptiveMaxPool": adaptive("AdaptiveMaxPool"),
    "Unfold": unfold,
    "Fold": fold,
    "BatchNorm": batch_norm,
    "InstanceNorm": instance_norm,
    "GroupNorm": group_norm,
    "Dropout": dropout,
    "Identity": identity,
    "Flatten": flatten,
    "Unflatten": unflatten,
    "Linear": linear,
}
"""What draws the calls of each layer, by the layer's name without its rank."""

RANKS: dict[str, tuple[int, ...]] = {
    "Upsampling2d": (2,),
    "PixelShuffle": (2,),
    "PixelUnshuffle": (2,),
    "Unfold": (2,),
    "Fold": (2,),
    "Unflatten": (1,),
}
"""The numbers of axes of the layers that do not have all of 1, 2 and 3."""
