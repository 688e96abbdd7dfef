"""Layers of every canonical kind, drawn for one to three axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import deconvcalc as dc

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[st.SearchStrategy[Any]], Any]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
SAME = st.sampled_from((dc.Same("upper"), dc.Same("lower")))
FLOATS = st.sampled_from((0.29, 0.5, 1.15, 1.5, 2 / 3, 3.7))


def each(draw: Draw, axes: int, values: st.SearchStrategy[Any]) -> Any:
    """One value for all axes, or a tuple of one per axis."""
    if draw(st.booleans()):
        return draw(values)
    return tuple([draw(values) for _ in range(axes)])


def ints(low: int, high: int, big: int | None = None) -> st.SearchStrategy[int]:
    """Small ints, and sometimes one up to `big`."""
    small = st.integers(low, high)
    return small if big is None else small | st.integers(low, big)


def pairs(low: int, high: int, big: int | None = None) -> st.SearchStrategy[dc.Explicit]:
    sides = ints(low, high, big)
    return st.builds(dc.Explicit, sides, sides)


def window(draw: Draw, axes: int, big: int | None) -> dict[str, Any]:
    """Kernel and stride, and the axes, which may be left to the size."""
    return {
        "kernel_size": each(draw, axes, ints(1, 5, big)),
        "stride": each(draw, axes, ints(1, 4, big)),
        "axes": draw(st.sampled_from((None, axes))),
    }


def padding(draw: Draw, axes: int, big: int | None) -> Any:
    """Padding before and after, negative too, or a rule that depends on the size."""
    return each(draw, axes, ints(0, 4, big) | pairs(-2, 4, big) | SAME)


def is_free(sides: Any) -> bool:
    """Whether no padding depends on the size."""
    rules = sides if isinstance(sides, tuple) else (sides,)
    return not any(isinstance(rule, dc.Same) for rule in rules)


def conv(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    sides = padding(draw, axes, big)
    return dc.Conv(
        **window(draw, axes, big),
        padding=sides,
        dilation=each(draw, axes, ints(1, 3, big)),
        padding_mode=draw(st.sampled_from(PADDING_MODES)) if is_free(sides) else "zeros",
        out_channels=draw(st.none() | st.integers(1, 8)),
        bias=draw(st.booleans()),
    )


def depthwise_conv(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.DepthwiseConv(
        **window(draw, axes, big),
        padding=padding(draw, axes, big),
        dilation=each(draw, axes, ints(1, 3, big)),
        multiplier=draw(st.integers(1, 3)),
    )


def max_pool(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.MaxPool(
        **window(draw, axes, big),
        padding=padding(draw, axes, big),
        dilation=each(draw, axes, ints(1, 3, big)),
        ceil_mode=draw(st.booleans()),
    )


def avg_pool(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    sides = padding(draw, axes, big)
    return dc.AvgPool(
        **window(draw, axes, big),
        padding=sides,
        ceil_mode=draw(st.booleans()),
        count_include_pad=draw(st.booleans()),
        divisor=draw(st.none() | st.integers(1, 9)),
        must_fit=is_free(sides) and draw(st.booleans()),
    )


def lp_pool(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    norm = draw(st.sampled_from((1, 2, 1.5, float("inf"))))
    modes = {"ceil_mode": draw(st.booleans()), "must_fit": draw(st.booleans())}
    return dc.LpPool(**window(draw, axes, big), norm=norm, **modes)


def conv_transpose(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    to_size = st.builds(dc.ToSize, ints(1, 40, big), st.sampled_from(("upper", "lower", 0, 1)))
    if draw(st.booleans()):
        crops = {"padding": each(draw, axes, to_size)}
    else:
        crops = {
            "padding": each(draw, axes, ints(0, 4, big) | pairs(-3, 4, big)),
            "output_padding": each(draw, axes, ints(0, 3, big)),
        }
    return dc.ConvTranspose(
        **window(draw, axes, big), **crops, dilation=each(draw, axes, ints(1, 3, big))
    )


def max_unpool(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    to_size = st.builds(dc.ToSize, ints(1, 40, big), ints(0, 2, big))
    sides = each(draw, axes, ints(0, 2, big) | pairs(-1, 2, big) | to_size)
    return dc.MaxUnpool(**window(draw, axes, big), padding=sides)


def upsample(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    numbers = ints(1, 5, big)
    if draw(st.booleans()):
        return dc.Upsample(size=each(draw, axes, numbers), axes=draw(st.sampled_from((None, axes))))
    mode, align = draw(st.sampled_from((("nearest", False), ("bilinear", True))))
    return dc.Upsample(each(draw, axes, numbers | FLOATS), mode=mode, align_corners=align)


def pixel_shuffle(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.PixelShuffle(each(draw, axes, ints(1, 5, big)))


def pixel_unshuffle(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.PixelUnshuffle(each(draw, axes, ints(1, 5, big)))


def pad(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.Pad(
        each(draw, axes, ints(-2, 4, big) | pairs(-4, 6, big)),
        mode=draw(st.sampled_from(("constant", *PADDING_MODES[1:]))),
        value=draw(st.sampled_from((0, 1.5, float("inf"), float("-inf"), float("nan")))),
        axes=draw(st.sampled_from((None, axes))),
    )


def crop(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.Crop(each(draw, axes, ints(0, 4, big) | pairs(0, 4, big)))


def cut(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.Slice(
        each(draw, axes, ints(-4, 4, big)),
        each(draw, axes, st.none() | ints(-4, 12, big)),
        each(draw, axes, ints(1, 3, big)),
    )


def adaptive_pool(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    kind = draw(st.sampled_from(("average", "max")))
    return dc.AdaptivePool(each(draw, axes, st.none() | ints(1, 7, big)), kind=kind)


def global_pool(draw: Draw, axes: int, _big: int | None) -> dc.Layer:
    kind = draw(st.sampled_from(("average", "max")))
    return dc.GlobalPool(
        kind, keepdims=draw(st.booleans()), axes=draw(st.sampled_from((None, axes)))
    )


def identity(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    least = draw(ints(1, 9, big))
    return dc.Identity("norm", least_elements=least, axes=draw(st.sampled_from((None, axes))))


def flatten(draw: Draw, axes: int, _big: int | None) -> dc.Layer:
    return dc.Flatten(axes=draw(st.sampled_from((None, axes))))


def dense(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    inputs = draw(st.none() | ints(1, 6, big))
    return dc.Dense(
        draw(ints(1, 9, big)), in_features=inputs, axes=draw(st.sampled_from((None, axes)))
    )


def reshape(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    sizes = [draw(ints(1, 6, big)) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        sizes[0] = -1
    return dc.Reshape(tuple(sizes), axes=draw(st.sampled_from((None, axes))))


def unfold(draw: Draw, axes: int, big: int | None) -> dc.Layer:
    return dc.Unfold(
        **window(draw, axes, big),
        padding=padding(draw, axes, big),
        dilation=each(draw, axes, ints(1, 3, big)),
    )


def fold(draw: Draw, axes: int, _big: int | None) -> dc.Layer:
    sizes = [draw(st.integers(9, 12)) for _ in range(axes)]
    return dc.Fold(
        tuple(sizes),
        each(draw, axes, ints(1, 5)),
        stride=each(draw, axes, ints(1, 4)),
        padding=each(draw, axes, ints(0, 4)),
        dilation=each(draw, axes, ints(1, 2)),
    )


SINGLE: dict[str, Callable[[Draw, int, int | None], dc.Layer]] = {
    "Conv": conv,
    "DepthwiseConv": depthwise_conv,
    "MaxPool": max_pool,
    "AvgPool": avg_pool,
    "LpPool": lp_pool,
    "ConvTranspose": conv_transpose,
    "MaxUnpool": max_unpool,
    "Upsample": upsample,
    "PixelShuffle": pixel_shuffle,
    "PixelUnshuffle": pixel_unshuffle,
    "Pad": pad,
    "Crop": crop,
    "Slice": cut,
    "AdaptivePool": adaptive_pool,
    "GlobalPool": global_pool,
    "Identity": identity,
}
"""The layers that treat each axis by itself."""

COUPLING: dict[str, Callable[[Draw, int, int | None], dc.Layer]] = {
    "Flatten": flatten,
    "Dense": dense,
    "Reshape": reshape,
    "Unfold": unfold,
    "Fold": fold,
}
"""The layers whose axes depend on each other."""


@st.composite
def layers(draw: Any, kind: str, axes: int, big: int | None = None) -> dc.Layer:
    """A layer of one kind that takes sizes of so many axes; with parameters up to `big`."""
    layer = (SINGLE | COUPLING)[kind](draw, axes, big)
    assert type(layer).__name__ == kind
    return layer
