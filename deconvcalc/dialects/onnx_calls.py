"""The operators of ONNX: their attributes, defaults and rules, as ONNX Runtime 1.32 runs them.

An operator's name does not say how many axes it has: its attributes do. Inputs that hold numbers
and not an image count as arguments under the operator's own name for them: the `pads` of Pad, the
`scales` and `sizes` of Resize, and B, which says whether there is a bias.

Sources: the operator pages of ONNX, and forward passes through ONNX Runtime on a CPU.
"""

from __future__ import annotations

from struct import pack, unpack
from typing import TYPE_CHECKING, Any

from deconvcalc.dialects.spec import REQUIRED, Call, Given
from deconvcalc.errors import DialectError
from deconvcalc.formulas import effective_kernel
from deconvcalc.layers import (
    AvgPool,
    Conv,
    ConvTranspose,
    Explicit,
    GlobalPool,
    Identity,
    Layer,
    LpPool,
    MaxPool,
    Pad,
    PixelShuffle,
    Same,
    ToSize,
    Upsample,
)
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CALLS", "EXACT_BITS", "POINTWISE", "exact_scale", "resize_mode"]

EXACT_BITS = 12
"""A float32 with at most so many bits: its products with sizes below 4,096 are exact."""

_AUTO = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _numbers(given: Given, name: str, count: int, least: int, default: int) -> tuple[int, ...]:
    """As many ints as there are axes, or twice as many; the default for each where left out."""
    value = given[name]
    if value is None or value == ():
        return (default,) * count
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    numbers = [integer(item) for item in items]
    whole = tuple([number for number in numbers if number is not None and number >= least])
    if len(whole) != len(items) or len(items) != count:
        raise given.refuse(name, f"must be {count} ints of at least {least}")
    return whole


def _kernel(given: Given) -> tuple[int, ...]:
    value = given["kernel_shape"]
    axes = len(value) if isinstance(value, (tuple, list)) else 1
    return _numbers(given, "kernel_shape", axes, 1, 1)


def _pads(given: Given, axes: int, least: int = 0) -> tuple[Explicit, ...]:
    """The pads of each axis: those before all axes come first."""
    pads = _numbers(given, "pads", 2 * axes, least, 0)
    return tuple([Explicit(*pair) for pair in zip(pads[:axes], pads[axes:], strict=True)])


def _auto(given: Given) -> str:
    """The auto_pad, which leaves nothing for pads to say."""
    word = given.word("auto_pad", _AUTO)
    if word != "NOTSET" and given["pads"] and any(given["pads"]):
        raise DialectError(
            f"{given.call.name}: pads do not go with auto_pad={word!r}",
            rule="pads",
            hint="Leave one of the two out.",
        )
    return word


def _window(given: Given) -> dict[str, Any]:
    """Kernel, stride, dilation and padding of a window."""
    kernel = _kernel(given)
    axes = len(kernel)
    dilation = _numbers(given, "dilations", axes, 1, 1)
    word = _auto(given)
    padding: Any = 0
    if word == "NOTSET":
        padding = _pads(given, axes)
    elif word != "VALID":
        if max(dilation) > 1:
            raise DialectError(
                f"{given.call.name}: dilations do not go with auto_pad={word!r}",
                rule="dilations",
                hint="Give the padding as pads.",
            )
        padding = Same(word.removeprefix("SAME_").lower())
    return {
        "kernel_size": kernel,
        "stride": _numbers(given, "strides", axes, 1, 1),
        "dilation": dilation,
        "padding": padding,
        "axes": axes,
    }


def _conv(given: Given) -> Layer:
    return Conv(**_window(given), groups=given.whole("group", 1), bias=bool(given["B"]))


def _conv_transpose(given: Given) -> Layer:
    kernel = _kernel(given)
    axes = len(kernel)
    stride = _numbers(given, "strides", axes, 1, 1)
    dilation = _numbers(given, "dilations", axes, 1, 1)
    extra = _numbers(given, "output_padding", axes, 0, 0)
    for op, s in zip(extra, stride, strict=True):
        if op >= s:
            raise DialectError(
                f"{given.call.name}: output_padding must be smaller than strides: {op} is not "
                f"below {s}",
                rule="output_padding",
                hint=f"Take output_padding up to {s - 1}, or larger strides.",
            )
    word = _auto(given)
    spans = [effective_kernel(k, d) for k, d in zip(kernel, dilation, strict=True)]
    if given["output_shape"]:
        sizes = _numbers(given, "output_shape", axes, 1, 1)
        padding: Any = _to_sizes(sizes, extra, "SAME_UPPER" in word)
    elif word in ("NOTSET", "VALID"):
        pads = _pads(given, axes)
        padding = tuple(
            [Explicit(one.before, one.after - op) for one, op in zip(pads, extra, strict=True)]
        )
    else:
        rows = zip(spans, stride, extra, strict=True)
        padding = tuple([_shared(ke, s, op, "UPPER" in word) for ke, s, op in rows])
    return ConvTranspose(
        kernel,
        stride=stride,
        dilation=dilation,
        padding=padding,
        groups=given.whole("group", 1),
        bias=bool(given["B"]),
        axes=axes,
    )


def _shared(ke: int, s: int, op: int, upper: bool) -> Explicit:
    """The crops of SAME: down to n*s elements, if there are more; the odd one by the word."""
    total = max(ke + op - s, 0)
    before = total // 2 if upper else total - total // 2
    return Explicit(before, total - before - op)


def _to_sizes(sizes: Sequence[int], extra: Sequence[int], upper: bool) -> tuple[ToSize, ...]:
    """The sizes asked for; the larger crop is at the start but for SAME_UPPER."""
    if any(extra):
        raise DialectError(
            "ConvTranspose: output_padding beside output_shape moves the crops: it is not read",
            rule="output_padding",
            hint="Leave output_padding out: output_shape says the size.",
        )
    return tuple([ToSize(size, split="upper" if upper else "lower") for size in sizes])


def _pool_window(given: Given) -> dict[str, Any]:
    window = _window(given)
    padding = window["padding"]
    if isinstance(padding, tuple):
        for k, pads in zip(window["kernel_size"], padding, strict=True):
            if max(pads.before, pads.after) >= k:
                raise DialectError(
                    f"{given.call.name}: pads must be smaller than the kernel: "
                    f"{max(pads.before, pads.after)} is not below {k}",
                    rule="pads",
                    hint=f"Take pads up to {k - 1}, or a larger kernel_shape.",
                )
    # With SAME, ceil_mode has nothing to round.
    window["ceil_mode"] = bool(given["ceil_mode"]) and not isinstance(padding, Same)
    return window


def _max_pool(given: Given) -> Layer:
    return MaxPool(**_pool_window(given))


def _avg_pool(given: Given) -> Layer:
    window = _pool_window(given)
    if max(window.pop("dilation")) > 1:
        raise given.refuse("dilations", "are known for MaxPool alone: an average has none here")
    return AvgPool(**window, count_include_pad=bool(given["count_include_pad"]))


def _lp_pool(given: Given) -> Layer:
    window = _pool_window(given)
    plain = max(window.pop("dilation")) == 1 and window.pop("padding") in (
        0,
        (Explicit(0, 0),) * window["axes"],
    )
    if not plain:
        raise given.refuse("pads", "and dilations are known for other pools alone")
    if window["ceil_mode"]:
        # A window that hangs over is not scaled by what it holds, as PyTorch's is.
        raise given.refuse("ceil_mode", "is known for other pools alone")
    return LpPool(window.pop("kernel_size"), norm=given.whole("p", 1), **window)


def _global_pool(given: Given) -> Layer:
    return GlobalPool("max" if "Max" in given.call.name else "average")


def _pad(given: Given) -> Layer:
    """The pads of the spatial axes; those of batch and channels have to be 0."""
    value = given["pads"]
    count = len(value) if isinstance(value, (tuple, list)) else 0
    numbers = _numbers(given, "pads", count, -(2**62), 0)
    rank = count // 2
    outer = [*numbers[:2], *numbers[rank : rank + 2]]
    if count % 2 or rank < 3 or any(outer):
        raise given.refuse("pads", "must pad neither batch nor channels, and at least one axis")
    pairs = tuple(zip(numbers[2:rank], numbers[rank + 2 :], strict=True))
    mode = _MODES[given.word("mode", tuple(_MODES))]
    return Pad(pairs, mode=mode, value=given["constant_value"], axes=rank - 2)


_NEAREST = {
    ("asymmetric", "floor"): "nearest",
    ("half_pixel", "round_prefer_ceil"): "nearest-exact",
}
_LINEAR = ("linear", "bilinear", "trilinear")


def resize_mode(given: Given, axes: int) -> tuple[str, bool]:
    """The interpolation by PyTorch's name and its align_corners, or ONNX's own words."""
    mode = given.word("mode", ("nearest", "linear", "cubic"))
    where = str(given.values.get("coordinate_transformation_mode", "asymmetric"))
    aligned = where == "align_corners"
    antialias = " antialias" if given.values.get("antialias") else ""
    if mode == "nearest":
        nearest = str(given.values.get("nearest_mode", "floor"))
        return _NEAREST.get((where, nearest), f"onnx nearest {where} {nearest}") + antialias, False
    if where not in ("half_pixel", "align_corners"):
        return f"onnx {mode} {where}{antialias}", False
    if mode == "linear":
        return _LINEAR[min(axes, 3) - 1] + antialias, aligned
    coefficient = given.values.get("cubic_coeff_a", -0.75)
    word = "bicubic" if coefficient == -0.75 else f"onnx cubic {coefficient}"
    return word + antialias, aligned


def exact_scale(factor: float) -> bool:
    """Whether the product of a float32 and a size is exact, and no rounding changes its floor."""
    (rounded,) = unpack("f", pack("f", factor))
    return rounded == factor and float(rounded).as_integer_ratio()[0].bit_length() <= EXACT_BITS


def _resize(given: Given) -> Layer:
    """The factors or sizes of the spatial axes; batch and channels stay."""
    scales, sizes = given["scales"], given["sizes"]
    if (not scales) == (not sizes):
        raise given.refuse("scales", "or sizes must be given, one of the two")
    values = tuple(scales or sizes)
    axes = len(values) - 2
    if axes < 1 or (scales and values[:2] != (1, 1)):
        raise given.refuse("scales", "must leave batch and channels alone")
    if scales and not all(map(exact_scale, values)):
        raise given.refuse("scales", "are rounded to float32, and these sizes with them")
    mode, aligned = resize_mode(given, axes)
    factors = {"factor" if scales else "size": values[2:]}
    return Upsample(**factors, mode=mode, align_corners=aligned, axes=axes)


def _depth_to_space(given: Given) -> Layer:
    if given.word("mode", ("DCR", "CRD")) != "CRD":
        raise given.refuse("mode", "must be 'CRD', the order of PyTorch's pixel shuffle")
    return PixelShuffle(given.whole("blocksize", 1), axes=2)


def _identity(given: Given) -> Layer:
    return Identity(given.call.name)


POINTWISE = frozenset(
    {
        "Abs",
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "BitwiseNot",
        "Cast",
        "Ceil",
        "Celu",
        "Clip",
        "Cos",
        "Cosh",
        "CumSum",
        "DequantizeLinear",
        "Dropout",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Hardmax",
        "Identity",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Log",
        "LogSoftmax",
        "LRN",
        "LpNormalization",
        "MeanVarianceNormalization",
        "Mish",
        "Neg",
        "Not",
        "QuantizeLinear",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Shrink",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Softmax",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Swish",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
        "Trilu",
        "BatchNormalization",
        "GroupNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "RMSNormalization",
        "CastLike",
        "FastGelu",
        "SimplifiedLayerNormalization",
        "QuickGelu",
    }
)
"""Operators whose first output has the size of their first input."""

_PADDING = (("auto_pad", "NOTSET"), ("dilations", None))
_WEIGHTED = (*_PADDING, ("group", 1), ("kernel_shape", REQUIRED))
_POOL = (*_PADDING, ("ceil_mode", 0), ("kernel_shape", REQUIRED), ("pads", None), ("strides", None))
_RESIZE = (
    ("antialias", 0),
    ("coordinate_transformation_mode", "half_pixel"),
    ("cubic_coeff_a", -0.75),
    ("mode", "nearest"),
    ("nearest_mode", "round_prefer_floor"),
    ("scales", None),
    ("sizes", None),
)


def _table() -> dict[str, Call]:
    ends = (("pads", None), ("strides", None), ("B", True))
    extra = (("output_padding", None), ("output_shape", None))
    padded = (("mode", "constant"), ("pads", REQUIRED), ("constant_value", 0.0))
    rows: list[tuple[str, Any, Any]] = [
        ("Conv", (*_WEIGHTED, *ends), _conv),
        ("ConvTranspose", (*_WEIGHTED, *extra, *ends), _conv_transpose),
        ("MaxPool", (*_POOL, ("storage_order", 0)), _max_pool),
        ("AveragePool", (*_POOL, ("count_include_pad", 0)), _avg_pool),
        ("LpPool", (*_POOL, ("p", 2)), _lp_pool),
        ("GlobalAveragePool", (), _global_pool),
        ("GlobalMaxPool", (), _global_pool),
        ("Pad", padded, _pad),
        ("Resize", _RESIZE, _resize),
        ("Upsample", (("mode", "nearest"), ("scales", None), ("sizes", None)), _resize),
        ("DepthToSpace", (("blocksize", REQUIRED), ("mode", "DCR")), _depth_to_space),
        *[(name, (), _identity) for name in sorted(POINTWISE)],
    ]
    return {
        name: Call(name, None, parameters, make, open_ended=True, positional=0)
        for name, parameters, make in rows
    }


CALLS: dict[str, Call] = _table()
"""All operators by name."""
