"""PyTorch 2.13: the names, defaults and rules of `torch.nn`.

Sources: the signatures and "Shape" sections of `torch.nn`, and forward passes on a CPU.
"""

from __future__ import annotations

from math import inf
from typing import Any

from deconvcalc.dialects.spec import REQUIRED, Call, Given, calls
from deconvcalc.errors import DialectError
from deconvcalc.formulas import effective_kernel
from deconvcalc.layers import (
    AdaptivePool,
    AvgPool,
    Conv,
    ConvTranspose,
    Dense,
    Explicit,
    Flatten,
    Fold,
    Identity,
    Layer,
    LpPool,
    MaxPool,
    MaxUnpool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Unfold,
    Upsample,
)
from deconvcalc.values import integer

__all__ = ["CALLS"]

_PLACE = (("device", None), ("dtype", None))
_MODES = ("zeros", "reflect", "replicate", "circular")


def _conv(given: Given) -> Layer:
    axes, mode = given.axes, given.word("padding_mode", _MODES)
    kernel = given.each("kernel_size", 1)
    stride = given.each("stride", 1, single=True)
    dilation = given.each("dilation", 1, single=True)
    padding: Any = given["padding"]
    if padding == "same":
        if any(s != 1 for s in stride):
            raise DialectError(
                f"{given.call.name}: padding 'same' needs a stride of 1, not {given['stride']!r}",
                rule="padding",
                hint="Give the padding as a number.",
            )
        total = [effective_kernel(k, d) - 1 for k, d in zip(kernel, dilation, strict=True)]
        padding = tuple([Explicit(t // 2, t - t // 2) for t in total])
    elif padding == "valid":
        padding = 0
    elif isinstance(padding, str):
        raise given.refuse("padding", "must be an int, a tuple, 'same' or 'valid'")
    else:
        # A negative padding crops where padding is done ahead of the convolution.
        padding = given.each("padding", 0 if mode == "zeros" else -(2**62), single=True)
    return Conv(
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        padding_mode=mode,
        axes=axes,
        **_channels(given),
    )


def _channels(given: Given) -> dict[str, Any]:
    has_input = "in_channels" in given.values
    return {
        "groups": given.whole("groups", 1),
        "in_channels": given.channels("in_channels") if has_input else None,
        "out_channels": given.channels("out_channels"),
        "bias": bool(given["bias"]),
    }


def _conv_transpose(given: Given) -> Layer:
    if given["padding_mode"] != "zeros":
        raise given.refuse("padding_mode", "must be 'zeros' for a transposed convolution")
    stride = given.each("stride", 1, single=True)
    dilation = given.each("dilation", 1, single=True)
    extra = given.each("output_padding", 0, single=True)
    for op, s, d in zip(extra, stride, dilation, strict=True):
        if op >= s and op >= d:
            raise DialectError(
                f"{given.call.name}: output_padding must be smaller than stride or dilation: "
                f"{op} is not below {max(s, d)}",
                rule="output_padding",
                hint=f"Take output_padding up to {max(s, d) - 1}, or a larger stride.",
            )
    return ConvTranspose(
        given.each("kernel_size", 1),
        stride=stride,
        padding=given.each("padding", 0, single=True),
        output_padding=extra,
        dilation=dilation,
        axes=given.axes,
        **_channels(given),
    )


def _pool_window(given: Given, *, single: bool = True) -> dict[str, Any]:
    kernel = given.each("kernel_size", 1, single=single)
    step = given["stride"]
    stride = kernel if step is None or step == () else given.each("stride", 1, single=single)
    padding = given.each("padding", 0, single=single)
    for k, p in zip(kernel, padding, strict=True):
        if p > k // 2:
            raise DialectError(
                f"{given.call.name}: padding must be at most half of the kernel: "
                f"{p} is above {k // 2}",
                rule="padding",
                hint=f"Take padding up to {k // 2}, or a larger kernel_size.",
            )
    return {"kernel_size": kernel, "stride": stride, "padding": padding, "axes": given.axes}


def _max_pool(given: Given) -> Layer:
    return MaxPool(
        **_pool_window(given),
        dilation=given.each("dilation", 1, single=True),
        ceil_mode=given.flag("ceil_mode"),
    )


def _avg_pool(given: Given) -> Layer:
    divisor = given.values.get("divisor_override")
    if divisor is not None and not integer(divisor):
        raise given.refuse("divisor_override", "must be an int other than 0")
    return AvgPool(
        **_pool_window(given),
        ceil_mode=given.flag("ceil_mode"),
        count_include_pad=given.flag("count_include_pad"),
        divisor=divisor,
        must_fit=given.axes == 3,
    )


def _lp_pool(given: Given) -> Layer:
    kernel = given.each("kernel_size", 1)
    if given.axes == 1 and isinstance(given["kernel_size"], (tuple, list)):
        raise given.refuse("kernel_size", "must be an int")
    if type(given["norm_type"]) not in (int, float) or not given["norm_type"]:
        raise given.refuse("norm_type", "must be a number other than 0")
    stride = given["stride"]
    return LpPool(
        kernel,
        norm=given["norm_type"],
        stride=kernel if stride is None else given.each("stride", 1, single=True),
        ceil_mode=given.flag("ceil_mode"),
        must_fit=given.axes == 3 and abs(given["norm_type"]) != inf,  # that is a max pool
        axes=given.axes,
    )


def _max_unpool(given: Given) -> Layer:
    # PyTorch checks nothing here; but the indices come from a pool with this window, which does.
    return MaxUnpool(**_pool_window(given, single=False))


_UPSAMPLING = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}
_ALIGNED = ("linear", "bilinear", "bicubic", "trilinear")


def _upsample(given: Given) -> Layer:
    mode = given.word("mode", tuple(_UPSAMPLING))
    align = given.values.get("align_corners")
    if align is not None and mode not in _ALIGNED:
        raise given.refuse("align_corners", f"has no meaning with mode={mode!r}; leave it out")
    ranks = _UPSAMPLING[mode]
    axes = ranks[0] if len(ranks) == 1 else None
    return _resize(given, mode, bool(align), axes)


def _upsample_2d(given: Given) -> Layer:
    nearest = given.call.name.startswith("UpsamplingNearest")
    return _resize(given, "nearest" if nearest else "bilinear", not nearest, 2)


def _resize(given: Given, mode: str, align_corners: bool, axes: int | None) -> Layer:
    size, scale = given["size"], given["scale_factor"]
    if (size is None) == (scale is None):
        raise DialectError(
            f"{given.call.name}: give size or scale_factor, one of the two", rule="size"
        )
    scales = scale if isinstance(scale, tuple) else (scale,)
    if scale is not None and any(type(s) not in (int, float) or not s > 0 for s in scales):
        raise given.refuse("scale_factor", "must be a number above 0, or a tuple of them")
    if size is not None and given.values.get("recompute_scale_factor"):
        raise given.refuse("recompute_scale_factor", "has no meaning with a size; leave it out")
    return Upsample(scale, size=size, mode=mode, align_corners=align_corners, axes=axes)


def _pixel_shuffle(given: Given) -> Layer:
    return PixelShuffle(given.whole("upscale_factor", 1), axes=2)


def _pixel_unshuffle(given: Given) -> Layer:
    return PixelUnshuffle(given.whole("downscale_factor", 1), axes=2)


def _pad(given: Given) -> Layer:
    name = given.call.name
    mode = next(
        word
        for start, word in (
            ("Zero", "constant"),
            ("Constant", "constant"),
            ("Reflection", "reflect"),
            ("Replication", "replicate"),
            ("Circular", "circular"),
        )
        if name.startswith(start)
    )
    sides = given["padding"]
    if not isinstance(sides, (tuple, list)):
        number = integer(sides)
        if number is None:
            raise given.refuse("padding", "must be an int or a tuple")
        sides = (number,) * (2 * given.axes)
    # A constant may be given for the last axes alone.
    short = mode == "constant" and len(sides) % 2 == 0 and 0 < len(sides) <= 2 * given.axes
    if len(sides) != 2 * given.axes and not short:
        raise given.refuse("padding", f"must be an int or a tuple of {2 * given.axes} ints")
    pairs = [(sides[i], sides[i + 1]) for i in range(0, len(sides), 2)]
    pairs += [(0, 0)] * (given.axes - len(pairs))
    value = given.values.get("value", 0.0)
    return Pad(tuple(reversed(pairs)), mode=mode, value=value, axes=given.axes)


def _adaptive(given: Given) -> Layer:
    size = given["output_size"]
    if size is None or (given.axes == 1 and size in ((None,), [None])):
        raise given.refuse("output_size", "must be an int")
    if isinstance(size, (tuple, list)) and len(size) != given.axes:
        raise given.refuse("output_size", f"must have {given.axes} sizes")
    kind = "max" if "Max" in given.call.name else "average"
    return AdaptivePool(size, kind=kind, axes=given.axes)


def _unfold(given: Given) -> Layer:
    return Unfold(
        given.each("kernel_size", 1),
        stride=given.each("stride", 1),
        padding=given.each("padding", 0),
        dilation=given.each("dilation", 1),
        axes=2,
    )


def _fold(given: Given) -> Layer:
    return Fold(
        given.each("output_size", 1),
        given.each("kernel_size", 1),
        stride=given.each("stride", 1),
        padding=given.each("padding", 0),
        dilation=given.each("dilation", 1),
    )


def _flatten(given: Given) -> Layer:
    start, end = integer(given["start_dim"]), integer(given["end_dim"])
    if start not in (1, 2):
        raise given.refuse("start_dim", "must be 1 or 2: all spatial axes are flattened here")
    if end not in (-1, 2, 3, 4):
        raise given.refuse("end_dim", "must be that of the last axis, or -1")
    return Flatten(axes=None if end in (-1, None) else end - 1)


def _unflatten(given: Given) -> Layer:
    if given["dim"] != -1 and given["dim"] != 2:
        raise DialectError(
            "Unflatten: only the spatial axis can be unflattened here: dim=2 or -1", rule="dim"
        )
    return Reshape(given["unflattened_size"], axes=1)


def _linear(given: Given) -> Layer:
    inputs = given.values.get("in_features")
    return Dense(given.whole("out_features", 1), in_features=inputs, bias=bool(given["bias"]))


def _instance_norm(given: Given) -> Layer:
    least = 1 if given["track_running_stats"] is True else 2
    return Identity(given.call.name, least_elements=least, axes=given.axes)


def _batch_norm(given: Given) -> Layer:
    # Without running statistics it takes those of the input, of one value none.
    least = 2 if given["track_running_stats"] is False else 1
    return Identity(given.call.name, least_elements=least, axes=given.axes)


def _group_norm(given: Given) -> Layer:
    groups, channels = given.whole("num_groups", 1), given.whole("num_channels", 1)
    if channels % groups:
        raise given.refuse("num_groups", f"must divide num_channels={channels}")
    return Identity(given.call.name, least_elements=2 if groups == channels else 1)


def _dropout(given: Given) -> Layer:
    if not isinstance(given["p"], (int, float)) or not 0 <= given["p"] <= 1:
        raise given.refuse("p", "must be a number from 0 to 1")
    return Identity(given.call.name)


def _identity(given: Given) -> Layer:
    return Identity(given.call.name)


def _window(stride: Any = 1) -> tuple[tuple[str, Any], ...]:
    return (("kernel_size", REQUIRED), ("stride", stride), ("padding", 0))


_CONV = (
    *_window(),
    ("dilation", 1),
    ("groups", 1),
    ("bias", True),
    ("padding_mode", "zeros"),
    *_PLACE,
)
_CONV_TRANSPOSE = (
    *_window(),
    ("output_padding", 0),
    ("groups", 1),
    ("bias", True),
    ("dilation", 1),
    ("padding_mode", "zeros"),
    *_PLACE,
)
_IN = ("in_channels", REQUIRED)
_OUT = ("out_channels", REQUIRED)
_AVG = (*_window(None), ("ceil_mode", False), ("count_include_pad", True))
_NORM = (
    ("num_features", REQUIRED),
    ("eps", 1e-5),
    ("momentum", 0.1),
    ("affine", True),
    ("track_running_stats", True),
    *_PLACE,
    ("bias", True),
)
_RESIZE = (("size", None), ("scale_factor", None))
_PADDING = (("padding", REQUIRED),)
_ALL = "1d 2d 3d"


def _table() -> dict[str, Call]:
    table: dict[str, Call] = {}
    table |= calls("Conv{}", _ALL, (_IN, _OUT, *_CONV), _conv)
    table |= calls("LazyConv{}", _ALL, (_OUT, *_CONV), _conv)
    table |= calls("ConvTranspose{}", _ALL, (_IN, _OUT, *_CONV_TRANSPOSE), _conv_transpose)
    table |= calls("LazyConvTranspose{}", _ALL, (_OUT, *_CONV_TRANSPOSE), _conv_transpose)
    max_pool = (*_window(None), ("dilation", 1), ("return_indices", False), ("ceil_mode", False))
    table |= calls("MaxPool{}", _ALL, max_pool, _max_pool)
    table |= calls("AvgPool{}", "1d", _AVG, _avg_pool)
    table |= calls("AvgPool{}", "2d 3d", (*_AVG, ("divisor_override", None)), _avg_pool)
    lp_pool = (
        ("norm_type", REQUIRED),
        ("kernel_size", REQUIRED),
        ("stride", None),
        ("ceil_mode", False),
    )
    table |= calls("LPPool{}", _ALL, lp_pool, _lp_pool)
    table |= calls("MaxUnpool{}", _ALL, _window(None), _max_unpool)
    for pad in ("ZeroPad{}", "ReflectionPad{}", "ReplicationPad{}", "CircularPad{}"):
        table |= calls(pad, _ALL, _PADDING, _pad)
    table |= calls("ConstantPad{}", _ALL, (*_PADDING, ("value", REQUIRED)), _pad)
    size = (("output_size", REQUIRED),)
    table |= calls("AdaptiveAvgPool{}", _ALL, size, _adaptive)
    table |= calls("AdaptiveMaxPool{}", _ALL, (*size, ("return_indices", False)), _adaptive)
    table |= calls("BatchNorm{}", _ALL, _NORM, _batch_norm, positional=7)
    table |= calls("LazyBatchNorm{}", _ALL, _NORM[1:], _batch_norm, positional=6)
    instance = tuple(
        [
            (name, False if name in ("affine", "track_running_stats") else default)
            for name, default in _NORM
        ]
    )
    table |= calls("InstanceNorm{}", _ALL, instance, _instance_norm, positional=7)
    table |= calls("LazyInstanceNorm{}", _ALL, _NORM[1:], _instance_norm, positional=6)
    groups = (
        ("num_groups", REQUIRED),
        ("num_channels", REQUIRED),
        ("eps", 1e-5),
        ("affine", True),
        *_PLACE,
        ("bias", True),
    )
    mode = (("mode", "nearest"), ("align_corners", None), ("recompute_scale_factor", None))
    window = (("dilation", 1), ("padding", 0), ("stride", 1))
    single = [
        Call("Upsample", None, (*_RESIZE, *mode), _upsample),
        Call("UpsamplingNearest2d", 2, _RESIZE, _upsample_2d),
        Call("UpsamplingBilinear2d", 2, _RESIZE, _upsample_2d),
        Call("PixelShuffle", 2, (("upscale_factor", REQUIRED),), _pixel_shuffle),
        Call("PixelUnshuffle", 2, (("downscale_factor", REQUIRED),), _pixel_unshuffle),
        Call("Unfold", 2, (("kernel_size", REQUIRED), *window), _unfold),
        Call("Fold", 2, (*size, ("kernel_size", REQUIRED), *window), _fold),
        Call("Flatten", None, (("start_dim", 1), ("end_dim", -1)), _flatten),
        Call("Unflatten", 1, (("dim", REQUIRED), ("unflattened_size", REQUIRED)), _unflatten),
        Call(
            "Linear",
            None,
            (("in_features", REQUIRED), ("out_features", REQUIRED), ("bias", True), *_PLACE),
            _linear,
        ),
        Call("LazyLinear", None, (("out_features", REQUIRED), ("bias", True), *_PLACE), _linear),
        Call("GroupNorm", None, groups, _group_norm, positional=6),
    ]
    table |= {call.name: call for call in single}
    for name, parameters in _IDENTITIES.items():
        table[name] = Call(name, None, parameters, _dropout if parameters is _P else _identity)
    table["Identity"] = Call("Identity", None, (), _identity, open_ended=True)
    return table


_INPLACE = ("inplace", False)
_P = (("p", 0.5), _INPLACE)
_IDENTITIES: dict[str, tuple[tuple[str, Any], ...]] = {
    "ReLU": (_INPLACE,),
    "ReLU6": (_INPLACE,),
    "LeakyReLU": (("negative_slope", 0.01), _INPLACE),
    "PReLU": (("num_parameters", 1), ("init", 0.25), *_PLACE),
    "ELU": (("alpha", 1.0), _INPLACE),
    "CELU": (("alpha", 1.0), _INPLACE),
    "SELU": (_INPLACE,),
    "GELU": (("approximate", "none"),),
    "SiLU": (_INPLACE,),
    "Mish": (_INPLACE,),
    "Hardswish": (_INPLACE,),
    "Hardsigmoid": (_INPLACE,),
    "Hardtanh": (
        ("min_val", -1.0),
        ("max_val", 1.0),
        _INPLACE,
        ("min_value", None),
        ("max_value", None),
    ),
    "Sigmoid": (),
    "LogSigmoid": (),
    "Tanh": (),
    "Softplus": (("beta", 1.0), ("threshold", 20.0)),
    "Softsign": (),
    "Tanhshrink": (),
    "Softmax": (("dim", None),),
    "Softmax2d": (),
    "LogSoftmax": (("dim", None),),
    "Dropout": _P,
    "Dropout1d": _P,
    "Dropout2d": _P,
    "Dropout3d": _P,
    "AlphaDropout": _P,
    "FeatureAlphaDropout": _P,
    "LocalResponseNorm": (("size", REQUIRED), ("alpha", 1e-4), ("beta", 0.75), ("k", 1.0)),
    "ChannelShuffle": (("groups", REQUIRED),),
}

CALLS: dict[str, Call] = _table()
"""All calls by name."""
