"""Layers of every kind with sizes that they take, drawn from a seed: for tests that run them."""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import deconvcalc as dc
from tests.frameworks.drawing import Draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KINDS", "Drawn", "draws"]

MODES = ("zeros", "reflect", "replicate", "circular")
LINEAR = ("linear", "bilinear", "trilinear")
LONGEST = (12, 8, 5)
"""The largest input size, by the number of axes."""


class Drawn(NamedTuple):
    """A layer, input sizes that it takes, and the channels it is offered."""

    layer: dc.Layer
    sizes: tuple[int, ...]
    channels: tuple[int, int]

    def __repr__(self) -> str:
        return f"{self.layer} on {self.sizes}, channels {self.channels}"


def draws(seed: str, kind: str, axes: int) -> Iterator[Drawn]:
    """Endless draws of layers of one kind, for so many axes."""
    draw = Draw(f"{seed} {kind} {axes}")
    while True:
        yield _one(draw, kind, axes)


def _one(draw: Draw, kind: str, axes: int) -> Drawn:
    while True:
        sizes = tuple(draw.sizes(axes, 1, LONGEST[axes - 1]))
        try:
            layer, sizes = KINDS[kind](draw, sizes)
            layer.output_size(sizes)
        except (dc.LayerError, dc.SizeError):
            continue
        if kind != "MaxUnpool" or prod(layer.output_size(sizes)) >= prod(sizes):
            return Drawn(layer, sizes, (draw.whole(1, 3), draw.whole(1, 3)))


Sizes = tuple[int, ...]


def _each(draw: Draw, axes: int, low: int, high: int) -> Any:
    value = draw.each(axes, low, high)
    return tuple(value) if isinstance(value, list) else value


def _window(draw: Draw, axes: int, dilations: bool = True) -> dict[str, Any]:
    most = (5, 4, 3)[axes - 1]
    made = {"kernel_size": _each(draw, axes, 1, most), "stride": _each(draw, axes, 1, 3)}
    if draw.chance(0.3):
        made["stride"] = 1
    if draw.chance(0.4) and dilations:
        made["dilation"] = _each(draw, axes, 1, 3)
    return made


def _sides(draw: Draw, axes: int, low: int = -2) -> Any:
    """Padding: none, alike on both sides, by pairs, or by a rule that depends on the size."""
    match draw.whole(0, 4):
        case 0:
            return 0
        case 1:
            return _each(draw, axes, 0, 2)
        case 2:
            return dc.Same(draw.choice(("upper", "lower")))
        case 3:
            return tuple([dc.Explicit(*draw.sizes(2, low, 3)) for _ in range(axes)])
    some = (0, 1, dc.Explicit(*draw.sizes(2, low, 3)), dc.Same("upper"), dc.Same("lower"))
    return tuple([draw.choice(some) for _ in range(axes)])


def _ends(draw: Draw) -> dict[str, Any]:
    """Groups, perhaps channels of its own, and bias."""
    groups = draw.whole(2, 3) if draw.chance(0.1) else 1
    made: dict[str, Any] = {"groups": groups, "bias": draw.chance(0.7)}
    if draw.chance(0.3):
        made["out_channels"] = groups * draw.whole(1, 3)
    return made


def _conv(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    window = _window(draw, len(sizes))
    mode = "zeros" if draw.chance(0.7) else draw.choice(MODES)
    sides = _sides(draw, len(sizes))
    if len(sizes) == 1 and draw.chance(0.2):  # causal
        k, _, d = [_of(window.get(name, 1), 0) for name in _WINDOW]
        sides = dc.Explicit(d * (k - 1), 0)
    return dc.Conv(**window, padding=sides, padding_mode=mode, **_ends(draw)), sizes


def _depthwise(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    more: dict[str, Any] = {"multiplier": draw.whole(1, 3), "bias": draw.chance(0.7)}
    if draw.chance(0.5):
        more["out_channels"] = draw.whole(1, 3)
    window = _window(draw, len(sizes))
    return dc.DepthwiseConv(**window, padding=_sides(draw, len(sizes)), **more), sizes


def _conv_transpose(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    axes = len(sizes)
    window = _window(draw, axes)
    crops: dict[str, Any] = {}
    match draw.whole(0, 3):
        case 0:
            crops["padding"] = _each(draw, axes, 0, 3)
            crops["output_padding"] = _each(draw, axes, 0, 2)
        case 1:
            crops["padding"] = tuple([dc.Explicit(*draw.sizes(2, -2, 3)) for _ in sizes])
        case 2:
            rules = []
            for axis, n in enumerate(sizes):
                k, s, d = [_of(window.get(name, 1), axis) for name in _WINDOW]
                least = (n - 1) * s + 1
                split = draw.choice(("upper", "lower", draw.whole(0, 2)))
                rules.append(dc.ToSize(draw.whole(max(1, least - 2), least + d * (k - 1)), split))
            crops["padding"] = tuple(rules)
        case 3:
            crops["padding"] = dc.ToSize(draw.whole(1, 12), draw.choice(("upper", "lower")))
    return dc.ConvTranspose(**window, **crops, **_ends(draw)), sizes


_WINDOW = ("kernel_size", "stride", "dilation")


def _of(value: Any, axis: int) -> Any:
    return value[axis] if isinstance(value, tuple) else value


def _max_pool(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    window = _window(draw, len(sizes))
    sides = _sides(draw, len(sizes))
    return dc.MaxPool(**window, padding=sides, ceil_mode=draw.chance(0.3)), sizes


def _avg_pool(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    window = _window(draw, len(sizes), dilations=False)
    return dc.AvgPool(
        **window,
        padding=_sides(draw, len(sizes)),
        ceil_mode=draw.chance(0.3),
        count_include_pad=draw.chance(0.5),
        divisor=draw.whole(1, 9) if draw.chance(0.15) else None,
        must_fit=draw.chance(0.1),
    ), sizes


def _lp_pool(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    window = _window(draw, len(sizes), dilations=False)
    norm = draw.choice((1, 2, 3, 1.5, 0.5, inf))
    more = {"ceil_mode": draw.chance(0.4), "must_fit": draw.chance(0.2)}
    return dc.LpPool(**window, norm=norm, **more), sizes


def _max_unpool(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    window = _window(draw, len(sizes), dilations=False)
    sides: Any = 0 if draw.chance(0.5) else _each(draw, len(sizes), 0, 2)
    if draw.chance(0.15):
        sides = tuple([dc.Explicit(*draw.sizes(2, -1, 2)) for _ in sizes])
    if draw.chance(0.15):
        sides = tuple([dc.ToSize(draw.whole(n, 3 * n), draw.whole(0, 1)) for n in sizes])
    return dc.MaxUnpool(**window, padding=sides), sizes


def _upsample(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    axes = len(sizes)
    modes = ["nearest", "nearest-exact", "area", LINEAR[axes - 1], LINEAR[axes - 1]]
    mode = draw.choice(modes + ["bicubic"] * (axes == 2))
    more: dict[str, Any] = {"mode": mode}
    if mode in (*LINEAR, "bicubic"):
        more["align_corners"] = draw.chance(0.3)
    match draw.whole(0, 3):
        case 0:
            return dc.Upsample(_each(draw, axes, 1, 4), **more), sizes
        case 1:
            factors = [draw.choice((0.5, 1.5, 2.0, 0.29, 1.15, 2 / 3, 3.7)) for _ in sizes]
            factor = factors[0] if draw.chance(0.4) else tuple(factors)
            return dc.Upsample(factor, **more), sizes
        case 2:
            return dc.Upsample(size=_each(draw, axes, 1, 9), **more), sizes
    target = tuple([n * draw.whole(1, 3) for n in sizes])
    return dc.Upsample(size=target, **more), sizes


def _pixel_shuffle(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    return dc.PixelShuffle(_each(draw, len(sizes), 1, 3)), sizes


def _pixel_unshuffle(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    factor = _each(draw, len(sizes), 1, 3)
    sizes = tuple([draw.whole(1, 3) * _of(factor, axis) for axis in range(len(sizes))])
    return dc.PixelUnshuffle(factor), sizes


def _pad(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    axes = len(sizes)
    mode = draw.choice(("constant", "constant", "constant", *MODES[1:]))
    value = draw.choice((0, 0, 1.5, -2, inf, -inf)) if mode == "constant" else 0
    sides: Any = _each(draw, axes, -2, 3)
    if draw.chance(0.6):
        sides = tuple([dc.Explicit(*draw.sizes(2, -2, 3)) for _ in sizes])
    return dc.Pad(sides, mode=mode, value=value), sizes


def _crop(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    sides: Any = _each(draw, len(sizes), 0, 3)
    if draw.chance(0.6):
        sides = tuple([dc.Explicit(*draw.sizes(2, 0, 3)) for _ in sizes])
    return dc.Crop(sides), sizes


def _slice(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    stops: Any = draw.choice((None, -1, draw.whole(-4, 12)))
    if draw.chance(0.3):
        stops = tuple([draw.choice((None, draw.whole(-4, 12))) for _ in sizes])
    axes = len(sizes)
    return dc.Slice(_each(draw, axes, -4, 3), stops, _each(draw, axes, 1, 3)), sizes


def _adaptive_pool(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    size: Any = _each(draw, len(sizes), 1, 7)
    if draw.chance(0.3):
        size = tuple([draw.choice((None, 1, draw.whole(1, 7))) for _ in sizes])
    return dc.AdaptivePool(size, kind=draw.choice(("average", "max"))), sizes


def _global_pool(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    return dc.GlobalPool(draw.choice(("average", "max")), keepdims=draw.chance(0.6)), sizes


def _identity(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    return dc.Identity(least_elements=draw.whole(1, 2)), sizes


def _flatten(_draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    return dc.Flatten(), sizes


def _dense(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    inputs = sizes[-1] if draw.chance(0.5) else None
    return dc.Dense(draw.whole(1, 6), in_features=inputs, bias=draw.chance(0.7)), sizes


def _reshape(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    rest = prod(sizes)
    made: list[int] = []
    for _ in range(draw.whole(0, 2)):
        made.append(draw.choice([d for d in range(1, rest + 1) if rest % d == 0]))
        rest //= made[-1]
    made.append(rest)
    draw.shuffle(made)
    if draw.chance(0.4):
        made[draw.whole(0, len(made) - 1)] = -1
    return dc.Reshape(tuple(made)), sizes


def _unfold(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    return dc.Unfold(**_window(draw, len(sizes)), padding=_sides(draw, len(sizes))), sizes


def _fold(draw: Draw, sizes: Sizes) -> tuple[dc.Layer, Sizes]:
    """Its input has as many elements as an unfold of its size has windows."""
    window = _window(draw, len(sizes)) | {"padding": _sides(draw, len(sizes))}
    many = dc.Unfold(**window).output_size(sizes)
    return dc.Fold(sizes, **window), tuple(many)


KINDS: dict[str, Callable[[Draw, Sizes], tuple[dc.Layer, Sizes]]] = {
    "Conv": _conv,
    "DepthwiseConv": _depthwise,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _max_pool,
    "AvgPool": _avg_pool,
    "LpPool": _lp_pool,
    "MaxUnpool": _max_unpool,
    "Upsample": _upsample,
    "PixelShuffle": _pixel_shuffle,
    "PixelUnshuffle": _pixel_unshuffle,
    "Pad": _pad,
    "Crop": _crop,
    "Slice": _slice,
    "AdaptivePool": _adaptive_pool,
    "GlobalPool": _global_pool,
    "Identity": _identity,
    "Flatten": _flatten,
    "Dense": _dense,
    "Reshape": _reshape,
    "Unfold": _unfold,
    "Fold": _fold,
}
"""What draws a layer of a kind for some sizes; it may change the sizes. What it draws may be
refused, and is then drawn again."""
