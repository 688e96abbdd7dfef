"""What hypothesis draws: layers of every canonical kind, for one to three axes, and models of them.

It imports hypothesis, so it is imported where something is drawn, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from deconvcalc.errors import LayerError
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
    Fold,
    GlobalPool,
    Identity,
    Layer,
    LpPool,
    MaxPool,
    MaxUnpool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Reshape,
    Same,
    Slice,
    ToSize,
    Unfold,
    Upsample,
)
from deconvcalc.model import Add, Concat, CropTo, Model, Multiply, PadTo, ResizeTo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deconvcalc.model import Admissible, Operation, Region
    from deconvcalc.sets import Sizes

    Draw = Callable[[st.SearchStrategy[Any]], Any]

_MODES = ("zeros", "reflect", "replicate", "circular")
SAME = st.sampled_from((Same("upper"), Same("lower")))
_FLOATS = st.sampled_from((0.29, 0.5, 1.15, 1.5, 2 / 3, 3.7))


def _each(draw: Draw, axes: int, values: st.SearchStrategy[Any]) -> Any:
    """One value for all axes, or a tuple of one per axis."""
    if draw(st.booleans()):
        return draw(values)
    return tuple([draw(values) for _ in range(axes)])


def _ints(low: int, high: int, big: int | None = None) -> st.SearchStrategy[int]:
    """Small ints, and sometimes one up to `big`."""
    small = st.integers(low, high)
    return small if big is None else small | st.integers(low, big)


def _pairs(low: int, high: int, big: int | None = None) -> st.SearchStrategy[Explicit]:
    sides = _ints(low, high, big)
    return st.builds(Explicit, sides, sides)


def _window(draw: Draw, axes: int, big: int | None) -> dict[str, Any]:
    """Kernel and stride, and the axes, which may be left to the size."""
    return {
        "kernel_size": _each(draw, axes, _ints(1, 5, big)),
        "stride": _each(draw, axes, _ints(1, 4, big)),
        "axes": draw(st.sampled_from((None, axes))),
    }


def _padding(draw: Draw, axes: int, big: int | None) -> Any:
    """Padding before and after, negative too, or a rule that depends on the size."""
    return _each(draw, axes, _ints(0, 4, big) | _pairs(-2, 4, big) | SAME)


def _is_free(sides: Any) -> bool:
    """Whether no padding depends on the size."""
    rules = sides if isinstance(sides, tuple) else (sides,)
    return not any(isinstance(rule, Same) for rule in rules)


def _conv(draw: Draw, axes: int, big: int | None) -> Layer:
    sides = _padding(draw, axes, big)
    return Conv(
        **_window(draw, axes, big),
        padding=sides,
        dilation=_each(draw, axes, _ints(1, 3, big)),
        padding_mode=draw(st.sampled_from(_MODES)) if _is_free(sides) else "zeros",
        out_channels=draw(st.none() | st.integers(1, 8)),
        bias=draw(st.booleans()),
    )


def _depthwise_conv(draw: Draw, axes: int, big: int | None) -> Layer:
    return DepthwiseConv(
        **_window(draw, axes, big),
        padding=_padding(draw, axes, big),
        dilation=_each(draw, axes, _ints(1, 3, big)),
        multiplier=draw(st.integers(1, 3)),
    )


def _max_pool(draw: Draw, axes: int, big: int | None) -> Layer:
    return MaxPool(
        **_window(draw, axes, big),
        padding=_padding(draw, axes, big),
        dilation=_each(draw, axes, _ints(1, 3, big)),
        ceil_mode=draw(st.booleans()),
    )


def _avg_pool(draw: Draw, axes: int, big: int | None) -> Layer:
    sides = _padding(draw, axes, big)
    return AvgPool(
        **_window(draw, axes, big),
        padding=sides,
        ceil_mode=draw(st.booleans()),
        count_include_pad=draw(st.booleans()),
        divisor=draw(st.none() | st.integers(1, 9)),
        must_fit=_is_free(sides) and draw(st.booleans()),
    )


def _lp_pool(draw: Draw, axes: int, big: int | None) -> Layer:
    norm = draw(st.sampled_from((1, 2, 1.5, float("inf"))))
    modes = {"ceil_mode": draw(st.booleans()), "must_fit": draw(st.booleans())}
    return LpPool(**_window(draw, axes, big), norm=norm, **modes)


def _conv_transpose(draw: Draw, axes: int, big: int | None) -> Layer:
    to_size = st.builds(ToSize, _ints(1, 40, big), st.sampled_from(("upper", "lower", 0, 1)))
    if draw(st.booleans()):
        crops = {"padding": _each(draw, axes, to_size)}
    else:
        crops = {
            "padding": _each(draw, axes, _ints(0, 4, big) | _pairs(-3, 4, big)),
            "output_padding": _each(draw, axes, _ints(0, 3, big)),
        }
    return ConvTranspose(
        **_window(draw, axes, big), **crops, dilation=_each(draw, axes, _ints(1, 3, big))
    )


def _max_unpool(draw: Draw, axes: int, big: int | None) -> Layer:
    to_size = st.builds(ToSize, _ints(1, 40, big), _ints(0, 2, big))
    sides = _each(draw, axes, _ints(0, 2, big) | _pairs(-1, 2, big) | to_size)
    return MaxUnpool(**_window(draw, axes, big), padding=sides)


def _upsample(draw: Draw, axes: int, big: int | None) -> Layer:
    numbers = _ints(1, 5, big)
    if draw(st.booleans()):
        return Upsample(size=_each(draw, axes, numbers), axes=draw(st.sampled_from((None, axes))))
    mode, align = draw(st.sampled_from((("nearest", False), ("bilinear", True))))
    return Upsample(_each(draw, axes, numbers | _FLOATS), mode=mode, align_corners=align)


def _pixel_shuffle(draw: Draw, axes: int, big: int | None) -> Layer:
    return PixelShuffle(_each(draw, axes, _ints(1, 5, big)))


def _pixel_unshuffle(draw: Draw, axes: int, big: int | None) -> Layer:
    return PixelUnshuffle(_each(draw, axes, _ints(1, 5, big)))


def _pad(draw: Draw, axes: int, big: int | None) -> Layer:
    return Pad(
        _each(draw, axes, _ints(-2, 4, big) | _pairs(-4, 6, big)),
        mode=draw(st.sampled_from(("constant", *_MODES[1:]))),
        value=draw(st.sampled_from((0, 1.5, float("inf"), float("-inf"), float("nan")))),
        axes=draw(st.sampled_from((None, axes))),
    )


def _crop(draw: Draw, axes: int, big: int | None) -> Layer:
    return Crop(_each(draw, axes, _ints(0, 4, big) | _pairs(0, 4, big)))


def _cut(draw: Draw, axes: int, big: int | None) -> Layer:
    return Slice(
        _each(draw, axes, _ints(-4, 4, big)),
        _each(draw, axes, st.none() | _ints(-4, 12, big)),
        _each(draw, axes, _ints(1, 3, big)),
    )


def _adaptive_pool(draw: Draw, axes: int, big: int | None) -> Layer:
    kind = draw(st.sampled_from(("average", "max")))
    return AdaptivePool(_each(draw, axes, st.none() | _ints(1, 7, big)), kind=kind)


def _global_pool(draw: Draw, axes: int, _big: int | None) -> Layer:
    kind = draw(st.sampled_from(("average", "max")))
    return GlobalPool(kind, keepdims=draw(st.booleans()), axes=draw(st.sampled_from((None, axes))))


def _identity(draw: Draw, axes: int, big: int | None) -> Layer:
    least = draw(_ints(1, 9, big))
    return Identity("norm", least_elements=least, axes=draw(st.sampled_from((None, axes))))


def _flatten(draw: Draw, axes: int, _big: int | None) -> Layer:
    return Flatten(axes=draw(st.sampled_from((None, axes))))


def _dense(draw: Draw, axes: int, big: int | None) -> Layer:
    inputs = draw(st.none() | _ints(1, 6, big))
    return Dense(
        draw(_ints(1, 9, big)), in_features=inputs, axes=draw(st.sampled_from((None, axes)))
    )


def _reshape(draw: Draw, axes: int, big: int | None) -> Layer:
    sizes = [draw(_ints(1, 6, big)) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        sizes[0] = -1
    return Reshape(tuple(sizes), axes=draw(st.sampled_from((None, axes))))


def _unfold(draw: Draw, axes: int, big: int | None) -> Layer:
    return Unfold(
        **_window(draw, axes, big),
        padding=_padding(draw, axes, big),
        dilation=_each(draw, axes, _ints(1, 3, big)),
    )


def _fold(draw: Draw, axes: int, _big: int | None) -> Layer:
    sizes = [draw(st.integers(9, 12)) for _ in range(axes)]
    return Fold(
        tuple(sizes),
        _each(draw, axes, _ints(1, 5)),
        stride=_each(draw, axes, _ints(1, 4)),
        padding=_each(draw, axes, _ints(0, 4)),
        dilation=_each(draw, axes, _ints(1, 2)),
    )


SINGLE: dict[str, Callable[[Draw, int, int | None], Layer]] = {
    "Conv": _conv,
    "DepthwiseConv": _depthwise_conv,
    "MaxPool": _max_pool,
    "AvgPool": _avg_pool,
    "LpPool": _lp_pool,
    "ConvTranspose": _conv_transpose,
    "MaxUnpool": _max_unpool,
    "Upsample": _upsample,
    "PixelShuffle": _pixel_shuffle,
    "PixelUnshuffle": _pixel_unshuffle,
    "Pad": _pad,
    "Crop": _crop,
    "Slice": _cut,
    "AdaptivePool": _adaptive_pool,
    "GlobalPool": _global_pool,
    "Identity": _identity,
}
"""The layers that treat each axis by itself."""

COUPLING: dict[str, Callable[[Draw, int, int | None], Layer]] = {
    "Flatten": _flatten,
    "Dense": _dense,
    "Reshape": _reshape,
    "Unfold": _unfold,
    "Fold": _fold,
}
"""The layers whose axes depend on each other."""


@st.composite
def layers(draw: Any, kind: str, axes: int, big: int | None = None) -> Layer:
    """A layer of one kind that takes sizes of so many axes; with parameters up to `big`."""
    return (SINGLE | COUPLING)[kind](draw, axes, big)


_MERGES: tuple[Operation, ...] = (
    Add(),
    Concat(),
    Multiply(),
    CropTo(),
    PadTo(),
    PadTo(crops=False),
    ResizeTo(),
)


@st.composite
def models(draw: Any, kinds: Sequence[str], axes: int, most: int) -> Model:
    """A model of up to so many layers and merges, with one input; it shrinks to a short chain."""
    model = Model()
    nodes = [model.input(axes=axes)]
    for _ in range(draw(st.integers(1, most))):
        before = draw(st.sampled_from(nodes[::-1]))
        merges = draw(st.booleans()) and len(nodes) > 1
        sources = (before, draw(st.sampled_from(nodes))) if merges else (before,)
        made = draw(st.sampled_from(_MERGES) if merges else one_of(kinds, axes))
        try:
            nodes.append(model.add(made, *sources))
        except LayerError:  # other axes than it has, as behind a pool that drops them
            continue
    model.output(nodes[-1])
    return model


def one_of(kinds: Sequence[str], axes: int, most: int | None = None) -> st.SearchStrategy[Layer]:
    """A layer of one of some kinds."""
    return st.sampled_from(tuple(kinds)).flatmap(lambda kind: layers(kind, axes, most))


def members(held: Sizes, most: int) -> st.SearchStrategy[int]:
    """A member of a set up to a largest one; it shrinks to the smallest."""
    return st.integers(0, held.count(1, most) - 1).map(held.__getitem__)


def inputs(held: Admissible, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    """An input among admissible ones, a size for each axis, all up to a largest one."""
    regions = [region for region in held.regions if _fits(region, most)]
    return st.one_of([_point(held.variables, region, most) for region in regions])


def _fits(region: Region, most: int) -> bool:
    return all(held.count(1, most) for held in region.sets.values())


def _point(
    variables: Sequence[str], region: Region, most: int
) -> st.SearchStrategy[tuple[int, ...]]:
    point = st.tuples(*[members(region.sets[name], most) for name in variables])
    if not region.conditions:
        return point
    return point.filter(lambda sizes: dict(zip(variables, sizes, strict=True)) in region)
