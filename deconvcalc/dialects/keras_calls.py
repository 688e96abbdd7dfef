"""Keras 3.15: the names, defaults and rules of `keras.layers`, as TensorFlow 2.21 runs them.

Sources: the signatures of `keras.layers`, and forward passes on a CPU.
"""

from __future__ import annotations

from typing import Any

from deconvcalc.dialects.spec import REQUIRED, Call, Given, calls
from deconvcalc.errors import DialectError
from deconvcalc.formulas import effective_kernel
from deconvcalc.layers import (
    AdaptivePool,
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    DepthwiseConv,
    Explicit,
    Flatten,
    GlobalPool,
    Identity,
    Layer,
    MaxPool,
    Pad,
    Reshape,
    Same,
    Upsample,
)
from deconvcalc.values import integer

__all__ = ["CALLS"]


def _padding(given: Given, *words: str) -> str:
    value = given["padding"]
    word = value.lower() if isinstance(value, str) else None
    if word not in words:
        raise given.refuse("padding", "must be one of " + ", ".join(map(repr, words)))
    return str(word)


def _window(given: Given, *words: str) -> dict[str, Any]:
    """Kernel, stride, dilation and padding of a convolution."""
    kernel = given.each("kernel_size", 1)
    stride = given.each("strides", 1)
    dilation = given.each("dilation_rate", 1)
    word = _padding(given, *words)
    padding: Any = {"valid": 0, "same": Same()}.get(word)
    if padding is None:  # causal: all of the padding before, so that no output sees the future
        padding = Explicit(effective_kernel(kernel[0], dilation[0]) - 1, 0)
    return {
        "kernel_size": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "axes": given.axes,
    }


def _check_stride_and_dilation(given: Given, stride: Any, dilation: Any) -> None:
    if max(stride) > 1 and max(dilation) > 1:
        raise DialectError(
            f"{given.call.name}: strides above 1 do not go with a dilation_rate above 1: "
            f"strides={stride}, dilation_rate={dilation}",
            rule="dilation_rate",
            hint="Take strides=1 or dilation_rate=1.",
        )


def _conv(given: Given) -> Layer:
    words = ("valid", "same", "causal") if given.axes == 1 else ("valid", "same")
    window = _window(given, *words)
    _check_stride_and_dilation(given, window["stride"], window["dilation"])
    return Conv(
        **window,
        groups=given.whole("groups", 1),
        out_channels=given.channels("filters"),
        bias=bool(given["use_bias"]),
    )


def _depthwise(given: Given) -> Layer:
    filters = given.channels("filters") if "filters" in given.values else None
    return DepthwiseConv(
        **_window(given, "valid", "same"),
        multiplier=given.whole("depth_multiplier", 1),
        out_channels=filters,
        bias=bool(given["use_bias"]),
    )


def _conv_transpose(given: Given) -> Layer:
    kernel = given.each("kernel_size", 1)
    stride = given.each("strides", 1)
    dilation = given.each("dilation_rate", 1)
    word = _padding(given, "valid", "same")
    _check_stride_and_dilation(given, stride, dilation)
    extra: tuple[int | None, ...] = (None,) * given.axes
    if given["output_padding"] is not None:
        extra = given.each("output_padding", 0)
    crops = [
        _crops(given, word, *axis) for axis in zip(kernel, stride, dilation, extra, strict=True)
    ]
    return ConvTranspose(
        kernel,
        stride=stride,
        padding=tuple(crops),
        dilation=dilation,
        out_channels=given.channels("filters"),
        bias=bool(given["use_bias"]),
        axes=given.axes,
    )


def _crops(given: Given, word: str, k: int, s: int, d: int, extra: int | None) -> Explicit:
    """The crops of one axis: the size that Keras wants fixes their sum, the start gets half."""
    if extra is not None and extra >= s:
        raise DialectError(
            f"{given.call.name}: output_padding must be smaller than strides: "
            f"{extra} is not below {s}",
            rule="output_padding",
            hint=f"Take output_padding up to {s - 1}, or None.",
        )
    ke = effective_kernel(k, d)
    if word == "valid":
        return Explicit(0, ke - max(ke, s) if extra is None else -extra)
    # How many elements the last step keeps: the size is (n - 1)*s + kept.
    kept = s if extra is None else ke % 2 + extra
    if kept < 1:
        raise DialectError(
            f"{given.call.name}: an even kernel with padding='same' and output_padding=0 "
            "builds, and then fails when it runs",
            rule="output_padding",
            hint="Take output_padding=None, or from 1 upwards.",
        )
    total = ke - kept
    before = max(total, 0) // 2
    return Explicit(before, total - before)


def _pool(given: Given) -> Layer:
    kernel = given.each("pool_size", 1)
    stride = kernel if given["strides"] is None else given.each("strides", 1)
    padding = Same() if _padding(given, "valid", "same") == "same" else 0
    if "Max" in given.call.name:
        return MaxPool(kernel, stride=stride, padding=padding, axes=given.axes)
    return AvgPool(kernel, stride=stride, padding=padding, count_include_pad=False, axes=given.axes)


def _global_pool(given: Given) -> Layer:
    kind = "max" if "Max" in given.call.name else "average"
    return GlobalPool(kind, keepdims=given.flag("keepdims"), axes=given.axes)


def _adaptive(given: Given) -> Layer:
    kind = "max" if "Max" in given.call.name else "average"
    return AdaptivePool(given.each("output_size", 1), kind=kind, axes=given.axes)


_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")


def _mode(word: str, nearest: str) -> str:
    """The interpolation by PyTorch's name, or Keras's own where PyTorch computes another."""
    known = {"nearest": nearest, "bilinear": "bilinear"}
    return known.get(word, f"keras {word}")


def _up_sampling(given: Given) -> Layer:
    mode = given.values.get("interpolation", "nearest")
    mode = mode.lower() if isinstance(mode, str) else mode
    if mode not in _INTERPOLATIONS:
        words = ", ".join(map(repr, _INTERPOLATIONS))
        raise given.refuse("interpolation", f"must be one of {words}")
    factor = given.whole("size", 1) if given.axes == 1 else given.each("size", 1)
    return Upsample(factor, mode=_mode(mode, "nearest"), axes=given.axes)


def _resizing(given: Given) -> Layer:
    if given["crop_to_aspect_ratio"] and given["pad_to_aspect_ratio"]:
        raise given.refuse("pad_to_aspect_ratio", "and crop_to_aspect_ratio exclude each other")
    size = (given.whole("height", 1), given.whole("width", 1))
    mode = _mode(given.word("interpolation", _INTERPOLATIONS), "nearest-exact")
    others = ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias")
    changed = [name for name in others if given[name]]
    return Upsample(size=size, mode=" ".join([mode, *changed]), axes=2)


def _center_crop(given: Given) -> Layer:
    # What is smaller than the crop is resized and cropped, so that the size is always this one.
    size = (given.whole("height", 1), given.whole("width", 1))
    return Upsample(size=size, mode="center_crop", axes=2)


def _pairs(given: Given, name: str) -> tuple[tuple[int, int], ...]:
    """An int, one int per axis, or a pair per axis; for one axis, a pair."""
    value = given[name]
    number = integer(value)
    if number is not None:
        items: tuple[Any, ...] = (number,) * given.axes
    elif isinstance(value, (tuple, list)):
        items = (value,) if given.axes == 1 else tuple(value)
    else:
        items = ()
    pairs = []
    for item in items:
        sides = item if isinstance(item, (tuple, list)) else (item, item)
        numbers = [number for number in map(integer, sides) if number is not None and number >= 0]
        if len(sides) == len(numbers) == 2:
            pairs.append((numbers[0], numbers[1]))
    if len(pairs) != given.axes or len(items) != given.axes:
        more = "a pair" if given.axes == 1 else f"{given.axes} ints or pairs"
        raise given.refuse(name, f"must be an int of at least 0, or {more}")
    return tuple(pairs)


def _zero_padding(given: Given) -> Layer:
    return Pad(_pairs(given, "padding"), axes=given.axes)


def _cropping(given: Given) -> Layer:
    return Crop(_pairs(given, "cropping"), axes=given.axes)


def _flatten(_given: Given) -> Layer:
    return Flatten()


def _dense(given: Given) -> Layer:
    return Dense(given.whole("units", 1), bias=bool(given["use_bias"]))


def _reshape(given: Given) -> Layer:
    if not isinstance(given["target_shape"], (tuple, list)):
        raise given.refuse("target_shape", "must be a tuple")
    return Reshape(given["target_shape"])


def _dropout(given: Given) -> Layer:
    if not isinstance(given["rate"], (int, float)) or not 0 <= given["rate"] <= 1:
        raise given.refuse("rate", "must be a number from 0 to 1")
    return Identity(given.call.name, axes=given.call.axes)


def _identity(given: Given) -> Layer:
    return Identity(given.call.name)


_FORMAT = (("data_format", None),)
_FILTERS = ("filters", REQUIRED)
_KERNEL = ("kernel_size", REQUIRED)
_STRIDES = (("strides", 1), ("padding", "valid"))
_ACTIVATION = (("activation", None), ("use_bias", True))


def _weights(*kinds: str) -> tuple[tuple[str, Any], ...]:
    """The initializers, regularizers and constraints, in Keras's order."""
    initial = [(f"{k}_initializer", "zeros" if k == "bias" else "glorot_uniform") for k in kinds]
    regular = [(f"{k}_regularizer", None) for k in kinds]
    limits = [(f"{k}_constraint", None) for k in kinds]
    return (*initial, *regular, ("activity_regularizer", None), *limits)


_ALL = "1D 2D 3D"


def _table() -> dict[str, Call]:
    table: dict[str, Call] = {}

    def add(base: str, ranks: str, parameters: Any, make: Any, *aliases: str) -> None:
        for name in (base, *aliases):
            table.update(calls(name, ranks, parameters, make, open_ended=True))

    dilation = (("dilation_rate", 1),)
    plain = _weights("kernel", "bias")
    conv = (
        _FILTERS,
        _KERNEL,
        *_STRIDES,
        *_FORMAT,
        *dilation,
        ("groups", 1),
        *_ACTIVATION,
        *plain,
    )
    add("Conv{}", _ALL, conv, _conv, "Convolution{}")
    start, rest = (_FILTERS, _KERNEL, *_STRIDES), (*dilation, *_ACTIVATION, *plain)
    extra = (("output_padding", None),)
    for name in ("Conv{}Transpose", "Convolution{}Transpose"):
        add(name, "1D 2D", (*start, *extra, *_FORMAT, *rest), _conv_transpose)
        add(name, "3D", (*start, *_FORMAT, *extra, *rest), _conv_transpose)
    multiplier = ("depth_multiplier", 1)
    depthwise = (
        _KERNEL,
        *_STRIDES,
        multiplier,
        *_FORMAT,
        *dilation,
        *_ACTIVATION,
        *_weights("depthwise", "bias"),
    )
    add("DepthwiseConv{}", "1D 2D", depthwise, _depthwise)
    separable = (
        _FILTERS,
        _KERNEL,
        *_STRIDES,
        *_FORMAT,
        *dilation,
        multiplier,
        *_ACTIVATION,
        *_weights("depthwise", "pointwise", "bias"),
    )
    add("SeparableConv{}", "1D 2D", separable, _depthwise, "SeparableConvolution{}")
    steps = (("strides", None), ("padding", "valid"), *_FORMAT, ("name", None))
    max_pool = (("pool_size", 2), *steps)
    add("MaxPooling{}", _ALL, max_pool, _pool, "MaxPool{}")
    add("AveragePooling{}", _ALL, (("pool_size", REQUIRED), *steps), _pool, "AvgPool{}")
    kept = (*_FORMAT, ("keepdims", False))
    add("GlobalAveragePooling{}", _ALL, kept, _global_pool, "GlobalAvgPool{}")
    add("GlobalMaxPooling{}", _ALL, kept, _global_pool, "GlobalMaxPool{}")
    adaptive = (("output_size", REQUIRED), *_FORMAT)
    add("AdaptiveAveragePooling{}", _ALL, adaptive, _adaptive)
    add("AdaptiveMaxPooling{}", _ALL, adaptive, _adaptive)
    size = (("size", 2),)
    add("UpSampling{}", "1D", size, _up_sampling)
    add("UpSampling{}", "2D", (*size, *_FORMAT, ("interpolation", "nearest")), _up_sampling)
    add("UpSampling{}", "3D", (*size, *_FORMAT), _up_sampling)
    add("ZeroPadding{}", _ALL, (("padding", 1), *_FORMAT), _zero_padding)
    add("Cropping{}", "1D", (("cropping", 1),), _cropping)
    add("Cropping{}", "2D", (("cropping", 0), *_FORMAT), _cropping)
    add("Cropping{}", "3D", (("cropping", 1), *_FORMAT), _cropping)
    resizing = (
        ("height", REQUIRED),
        ("width", REQUIRED),
        ("interpolation", "bilinear"),
        ("crop_to_aspect_ratio", False),
        ("pad_to_aspect_ratio", False),
        ("fill_mode", "constant"),
        ("fill_value", 0.0),
        ("antialias", False),
        *_FORMAT,
    )
    adapter = (("lora_rank", None), ("lora_alpha", None), ("quantization_config", None))
    units = (("units", REQUIRED), *_ACTIVATION, *plain, *adapter)
    single = [
        Call("Resizing", 2, resizing, _resizing, open_ended=True),
        Call("CenterCrop", 2, (*resizing[:2], *_FORMAT), _center_crop, open_ended=True),
        Call("Flatten", None, _FORMAT, _flatten, open_ended=True),
        Call("Dense", None, units, _dense, open_ended=True),
        Call("Reshape", None, (("target_shape", REQUIRED),), _reshape, open_ended=True),
    ]
    table.update({call.name: call for call in single})
    for name, parameters in _IDENTITIES.items():
        make = _dropout if name.endswith("Dropout") else _identity
        table[name] = Call(name, None, parameters, make, open_ended=True)
    named = (("name", None), ("dtype", None))
    table |= calls("SpatialDropout{}", "1D", (_RATE, _SEED, *named), _dropout)
    table |= calls("SpatialDropout{}", "2D 3D", (_RATE, *_FORMAT, _SEED, *named), _dropout)
    return table


_RATE, _SEED = ("rate", REQUIRED), ("seed", None)
_SCALE = (("center", True), ("scale", True), ("beta_initializer", "zeros"))
_GAMMA = (
    ("beta_regularizer", None),
    ("gamma_regularizer", None),
    ("beta_constraint", None),
    ("gamma_constraint", None),
)
_NORM = (("axis", -1), ("epsilon", 0.001), *_SCALE, ("gamma_initializer", "ones"), *_GAMMA)
_IDENTITIES: dict[str, tuple[tuple[str, Any], ...]] = {
    "Activation": (("activation", REQUIRED),),
    "ActivityRegularization": (("l1", 0.0), ("l2", 0.0)),
    "ReLU": (("max_value", None), ("negative_slope", 0.0), ("threshold", 0.0)),
    "LeakyReLU": (("negative_slope", 0.3),),
    "PReLU": (
        ("alpha_initializer", "Zeros"),
        ("alpha_regularizer", None),
        ("alpha_constraint", None),
        ("shared_axes", None),
    ),
    "ELU": (("alpha", 1.0),),
    "Softmax": (("axis", -1),),
    "BatchNormalization": (
        ("axis", -1),
        ("momentum", 0.99),
        ("epsilon", 0.001),
        *_SCALE,
        ("gamma_initializer", "ones"),
        ("moving_mean_initializer", "zeros"),
        ("moving_variance_initializer", "ones"),
        *_GAMMA,
        ("renorm", False),
        ("renorm_clipping", None),
        ("renorm_momentum", 0.99),
        ("synchronized", False),
    ),
    "LayerNormalization": _NORM,
    "GroupNormalization": (("groups", 32), *_NORM),
    "RMSNormalization": (("axis", -1), ("epsilon", 1e-6)),
    "UnitNormalization": (("axis", -1),),
    "Rescaling": (("scale", REQUIRED), ("offset", 0.0)),
    "Dropout": (_RATE, ("noise_shape", None), _SEED),
    "GaussianDropout": (_RATE, _SEED),
    "GaussianNoise": (("stddev", REQUIRED), _SEED),
    "AlphaDropout": (_RATE, ("noise_shape", None), _SEED),
    "Identity": (),
}

CALLS: dict[str, Call] = _table()
"""All calls by name."""
