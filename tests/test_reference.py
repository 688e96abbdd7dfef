"""The numpy reference: values by hand, laws that hold whatever the values, and PyTorch's values."""

from __future__ import annotations

import random
from importlib.util import find_spec
from math import inf, isinf, nan, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.checkers.reference import forward
from deconvcalc.errors import CheckError
from tests.strategies import COUPLING, SAME, SINGLE, layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Explicit, Same, ToSize = dc.Explicit, dc.Same, dc.ToSize
every_axes = pytest.mark.parametrize("axes", [1, 2, 3])
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
UNHURRIED = (HealthCheck.filter_too_much, HealthCheck.too_slow)
quick = settings(max_examples=25, suppress_health_check=UNHURRIED)


def ones(*shape: int) -> dict[str, Any]:
    return {"kernel": np.ones(shape)}


def kernel(*taps: Any) -> dict[str, Any]:
    """Weights of one channel in and out."""
    return {"kernel": np.array(taps, dtype=float)[None, None]}


def line(*values: float) -> Any:
    """One channel of one axis."""
    return np.array([values], dtype=float)


def plane(*rows: Any) -> Any:
    """One channel of two axes."""
    return np.array([rows], dtype=float)


def weights_for(layer: dc.Layer, x: Any, rng: Any) -> dict[str, Any]:
    """Random weights of the shapes that a layer and its input ask for."""
    count, channels = x.ndim - 1, len(x)
    size = getattr(layer, "kernel_size", 1)
    taps: tuple[int, ...] = size if isinstance(size, tuple) else (size,) * count
    shapes: dict[str, tuple[int, ...]]
    out = getattr(layer, "out_channels", None) or 2 * getattr(layer, "groups", 1)
    if isinstance(layer, dc.Dense):
        out = layer.out_features
        shapes = {"kernel": (out, x.shape[-1])}
    elif isinstance(layer, dc.DepthwiseConv):
        wide = channels * layer.multiplier
        shapes = {"kernel": (wide, 1, *taps)}
        if layer.out_channels is not None:
            shapes["pointwise"] = (layer.out_channels, wide, *[1] * count)
        out = layer.out_channels or wide
    elif isinstance(layer, dc.Conv):
        shapes = {"kernel": (out, channels // layer.groups, *taps)}
    elif isinstance(layer, dc.ConvTranspose):
        shapes = {"kernel": (channels, out // layer.groups, *taps)}
    else:
        return {}
    if getattr(layer, "bias", False):
        shapes["bias"] = (out,)
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


# Values by hand.

BARE: dict[str, Any] = {"bias": False}

TABLE: list[tuple[dc.Layer, Any, dict[str, Any], Any]] = [
    # Convolutions.
    (dc.Conv(2, **BARE), line(1, 2, 4), kernel(1, 10), line(21, 42)),
    (dc.Conv(2, stride=2, **BARE), line(1, 2, 3, 4, 5), kernel(1, 10), line(21, 43)),
    (dc.Conv(2, dilation=2, **BARE), line(1, 2, 3, 4), kernel(1, 10), line(31, 42)),
    (dc.Conv(3, padding=1, **BARE), line(1, 2, 3), kernel(1, 10, 100), line(210, 321, 32)),
    (dc.Conv(2, padding=Explicit(0, 1), **BARE), line(1, 2), kernel(1, 10), line(21, 2)),
    (dc.Conv(1, padding=Explicit(-1, 1), **BARE), line(1, 2), kernel(1), line(2, 0)),
    (dc.Conv(1, padding=Explicit(-1, -1), **BARE), line(1, 2, 3), kernel(1), line(2)),
    (dc.Conv(3, stride=2, padding=Same(), **BARE), line(1, 2), kernel(1, 10, 100), line(21)),
    (dc.Conv(3, stride=2, padding=Same("lower"), **BARE), line(1, 2), kernel(1, 10, 100), [[210]]),
    (dc.Conv(2, stride=3, padding=Same(), **BARE), line(1, 2, 3, 4), kernel(1, 10), line(21, 4)),
    (
        dc.Conv(3, padding=1, padding_mode="reflect", **BARE),
        line(1, 2, 3),
        kernel(1, 10, 100),
        line(212, 321, 232),
    ),
    (
        dc.Conv(3, padding=1, padding_mode="replicate", **BARE),
        line(1, 2, 3),
        kernel(1, 10, 100),
        line(211, 321, 332),
    ),
    (
        dc.Conv(3, padding=1, padding_mode="circular", **BARE),
        line(1, 2, 3),
        kernel(1, 10, 100),
        line(213, 321, 132),
    ),
    (
        dc.Conv(2, **BARE),
        plane((1, 2, 3), (4, 5, 6)),
        kernel((1, 10), (100, 1000)),
        plane((5421, 6532)),
    ),
    (dc.Conv(1), line(1, 2), kernel(3) | {"bias": np.array([0.5])}, line(3.5, 6.5)),
    # Two channels, summed; then in two groups, each by itself.
    (dc.Conv(1, **BARE), [[1, 2], [3, 4]], {"kernel": np.array([[[1], [10]]])}, line(31, 42)),
    (
        dc.Conv(1, groups=2, **BARE),
        [[1, 2], [3, 4]],
        {"kernel": np.array([[[1]], [[10]]])},
        [[1, 2], [30, 40]],
    ),
    (
        dc.DepthwiseConv(1, multiplier=2, **BARE),
        [[1, 2], [3, 4]],
        {"kernel": np.array([1, 10, 100, 1000]).reshape(4, 1, 1)},
        [[1, 2], [10, 20], [300, 400], [3000, 4000]],
    ),
    (
        dc.DepthwiseConv(2, out_channels=1),
        [[1, 2], [3, 4]],
        {
            "kernel": np.ones((2, 1, 2)),
            "pointwise": np.array([[[1], [10]]]),
            "bias": np.array([0.5]),
        },
        [[73.5]],
    ),
    (
        dc.Dense(2),
        [[1, 2], [3, 4]],
        {"kernel": np.array([[1, 1], [1, -1]]), "bias": np.array([0, 10])},
        [[3, 9], [7, 9]],
    ),
    # Transposed convolutions.
    (dc.ConvTranspose(2, **BARE), line(1, 2), kernel(1, 10), line(1, 12, 20)),
    (dc.ConvTranspose(2, stride=3, **BARE), line(1, 2), kernel(1, 10), line(1, 10, 0, 2, 20)),
    (dc.ConvTranspose(2, dilation=2, **BARE), line(1, 2), kernel(1, 10), line(1, 2, 10, 20)),
    (dc.ConvTranspose(3, padding=1, **BARE), line(1, 2), kernel(1, 10, 100), line(12, 120)),
    (
        dc.ConvTranspose(3, stride=2, padding=1, output_padding=1, **BARE),
        line(1, 2),
        kernel(1, 10, 100),
        line(10, 102, 20, 200),
    ),
    (
        dc.ConvTranspose(1, stride=2, output_padding=1),
        line(1, 2),
        kernel(1) | {"bias": np.array([5])},
        line(6, 5, 7, 5),
    ),
    (dc.ConvTranspose(1, padding=Explicit(-1, 0), **BARE), line(1, 2), kernel(1), line(0, 1, 2)),
    (dc.ConvTranspose(1, padding=Explicit(2, -2), **BARE), line(1, 2), kernel(1), line(0, 0)),
    (dc.ConvTranspose(3, padding=ToSize(1), **BARE), line(1, 2), kernel(1, 10, 100), line(12)),
    (
        dc.ConvTranspose(3, padding=ToSize(3), **BARE),
        line(1, 2),
        kernel(1, 10, 100),
        [[1, 12, 120]],
    ),
    (
        dc.ConvTranspose(3, padding=ToSize(3, "lower"), **BARE),
        line(1, 2),
        kernel(1, 10, 100),
        line(12, 120, 200),
    ),
    (
        dc.ConvTranspose(1, stride=2, padding=ToSize(4, "lower"), **BARE),
        line(1, 2),
        kernel(1),
        line(1, 0, 2, 0),
    ),
    (
        dc.ConvTranspose(3, stride=2, padding=ToSize(4, split=1), **BARE),
        line(1, 2),
        kernel(1, 10, 100),
        line(10, 102, 20, 200),
    ),
    (
        dc.ConvTranspose(2, **BARE),
        plane((1, 2)),
        kernel((1, 10), (100, 1000)),
        plane((1, 12, 20), (100, 1200, 2000)),
    ),
    (
        dc.ConvTranspose(1, groups=2, **BARE),
        [[1, 2], [3, 4]],
        {"kernel": np.array([[[1], [10]], [[100], [1000]]])},
        [[1, 2], [10, 20], [300, 400], [3000, 4000]],
    ),
    # Pools.
    (dc.MaxPool(2), line(1, 3, 2, 0, 9), {}, line(3, 2)),
    (dc.MaxPool(2, ceil_mode=True), line(1, 3, 2, 0, 9), {}, line(3, 2, 9)),
    (dc.MaxPool(2, padding=1), line(-1, -3, -2), {}, line(-1, -2)),
    (dc.MaxPool(2, stride=1, dilation=2), line(1, 3, 2, 0), {}, line(2, 3)),
    (dc.MaxPool(3, stride=2, padding=Same()), line(-1, -3, -2, -5), {}, line(-1, -2)),
    # The last window would start in the padding after.
    (dc.MaxPool(2, stride=3, padding=1, ceil_mode=True), line(1, 2), {}, line(1)),
    (dc.MaxPool(2, stride=1, padding=1, dilation=2), line(4), {}, line(-inf)),
    (dc.MaxPool((1, 2)), plane((1, 2), (4, 3)), {}, plane((2,), (4,))),
    (dc.AvgPool(2), line(1, 3, 2, 0), {}, line(2, 1)),
    (dc.AvgPool(2, padding=1), line(1, 3, 2), {}, line(0.5, 2.5)),
    (dc.AvgPool(2, padding=1, count_include_pad=False), line(1, 3, 2), {}, line(1, 2.5)),
    (dc.AvgPool(2, divisor=4), line(1, 3, 2, 0), {}, line(1, 0.5)),
    # What hangs over counts nowhere, what is padded does.
    (dc.AvgPool(3, ceil_mode=True), line(1, 2, 3, 4), {}, line(2, 4)),
    (dc.AvgPool(3, padding=1, ceil_mode=True), line(3, 6, 9), {}, line(3, 4.5)),
    (dc.AvgPool(3, stride=2, padding=1, count_include_pad=False), line(3, 6), {}, line(4.5)),
    (dc.AvgPool(1, padding=1, count_include_pad=False), line(7), {}, line(0, 7, 0)),
    (dc.AvgPool(2), plane((1, 2), (3, 6)), {}, plane((3,))),
    (dc.LpPool(2), line(3, 4, 6, 8), {}, line(5, 10)),
    (dc.LpPool(2, norm=1), line(3, -4), {}, line(-1)),
    (dc.LpPool(2, norm=inf), line(3, -4), {}, line(4)),
    (dc.LpPool(2, norm=-inf), line(3, -4), {}, line(3)),
    (dc.LpPool(2, norm=3), line(1, -2), {}, line(nan)),
    # The hanging window holds one element of two: it counts twice.
    (dc.LpPool(2, norm=1, ceil_mode=True), line(1, 2, 5), {}, line(3, 10)),
    (dc.AdaptivePool(2), line(1, 2, 6), {}, line(1.5, 4)),
    (dc.AdaptivePool(3), line(1, 2), {}, line(1, 1.5, 2)),
    (dc.AdaptivePool((None, 1), kind="max"), plane((1, 2), (4, 3)), {}, plane((2,), (4,))),
    (dc.GlobalPool(), plane((1, 2), (3, 6)), {}, plane((3,))),
    (dc.GlobalPool("max", keepdims=False), plane((1, 2), (3, 6)), {}, [6]),
    # Resizing.
    (dc.Upsample(2), line(1, 2), {}, line(1, 1, 2, 2)),
    (dc.Upsample(size=3), line(1, 2), {}, line(1, 1, 2)),
    (dc.Upsample(size=3, mode="nearest-exact"), line(1, 2), {}, line(1, 2, 2)),
    (dc.Upsample(size=2), line(1, 2, 3), {}, line(1, 2)),
    # By 1/factor, not by n/m, which would leave the line as it is.
    (dc.Upsample(1.5), line(1, 2, 3), {}, line(1, 1, 2, 3)),
    (dc.Upsample(1.3), line(1, 2, 3), {}, line(1, 1, 2)),
    (dc.Upsample(1.3), plane((1, 2, 3)), {}, plane((1, 2, 3))),
    (dc.Upsample(2.4), line(1, 2), {}, line(1, 1, 1, 2)),
    (dc.Upsample((1, 2.4)), plane((1, 2)), {}, plane((1, 1, 2, 2))),
    (dc.Upsample(1.3, mode="linear"), line(1, 2, 4), {}, line(1, 2, 4)),
    (dc.Upsample(2, mode="linear"), line(0, 4), {}, line(0, 1, 3, 4)),
    (dc.Upsample(2, mode="linear", align_corners=True), line(0, 3), {}, line(0, 1, 2, 3)),
    (dc.Upsample(size=1, mode="linear", align_corners=True), line(5, 3), {}, line(5)),
    (
        dc.Upsample((1, 2), mode="bilinear"),
        plane((0, 4), (4, 8)),
        {},
        plane((0, 1, 3, 4), (4, 5, 7, 8)),
    ),
    # Taps at distances 1.5, 0.5, 0.5, 1.5: -0.09375, 0.59375, 0.59375, -0.09375.
    (dc.Upsample(size=1, mode="bicubic"), line(32, 0, 0, 32), {}, line(-6)),
    (dc.Upsample(size=1, mode="bicubic"), line(0, 32, 0, 0), {}, line(19)),
    (
        dc.Upsample(size=3, mode="bicubic", align_corners=True),
        line(32, 0),
        {},
        line(32, 16, 0),
    ),
    (dc.Upsample(size=2, mode="area"), line(1, 2, 6), {}, line(1.5, 4)),
    # Channels and pixels.
    (
        dc.PixelShuffle(2),
        np.arange(8).reshape(8, 1, 1),
        {},
        [[[0, 1], [2, 3]], [[4, 5], [6, 7]]],
    ),
    (dc.PixelShuffle((1, 2)), [[[1], [2]], [[3], [4]]], {}, plane((1, 3), (2, 4))),
    (dc.PixelUnshuffle(2), [[1, 2, 3, 4], [5, 6, 7, 8]], {}, [[1, 3], [2, 4], [5, 7], [6, 8]]),
    # Padding and cutting.
    (dc.Pad(1, value=7), line(1, 2), {}, line(7, 1, 2, 7)),
    (dc.Pad(Explicit(-1, 2)), line(1, 2), {}, line(2, 0, 0)),
    (dc.Pad(Explicit(2, 1), mode="reflect"), line(1, 2, 3), {}, line(3, 2, 1, 2, 3, 2)),
    (dc.Pad(Explicit(-3, 2), mode="reflect"), line(1, 2, 3), {}, line(2, 1)),
    (dc.Pad(Explicit(2, -1), mode="replicate"), line(1, 2), {}, line(1, 1, 1)),
    (dc.Pad(Explicit(-2, 2), mode="replicate"), line(1, 2), {}, line(2, 2)),
    (dc.Pad(Explicit(1, 2), mode="circular"), line(1, 2, 3), {}, line(3, 1, 2, 3, 1, 2)),
    (dc.Pad(Explicit(-1, 2), mode="circular"), line(1, 2, 3), {}, line(2, 3, 2, 3)),
    (dc.Pad(((1, 0), (0, 1))), plane((1,)), {}, plane((0, 0), (1, 0))),
    (dc.Crop(Explicit(1, 2)), line(1, 2, 3, 4), {}, line(2)),
    (dc.Slice(1, -1, 2), line(1, 2, 3, 4, 5), {}, line(2, 4)),
    (dc.Slice(-2), line(1, 2, 3), {}, line(2, 3)),
    # Axes joined and parted.
    (dc.Flatten(), plane((1, 2), (3, 4)), {}, line(1, 2, 3, 4)),
    (dc.Reshape((2, -1)), line(1, 2, 3, 4), {}, plane((1, 2), (3, 4))),
    (dc.Unfold(2), line(1, 2, 3), {}, [[1, 2], [2, 3]]),
    (
        dc.Unfold((1, 2)),
        [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
        {},
        [[1, 3], [2, 4], [5, 7], [6, 8]],
    ),
    (dc.Fold(3, 2), [[1, 2], [10, 20]], {}, line(1, 12, 20)),
    (dc.Fold(2, 2, padding=1), [[1, 2, 3], [10, 20, 30]], {}, line(12, 23)),
    (dc.Identity(), line(1, 2), {}, line(1, 2)),
    (dc.Identity("Identity"), plane((1, 2)), {}, plane((1, 2))),
]


@pytest.mark.parametrize(
    ("layer", "x", "weights", "expected"),
    TABLE,
    ids=[f"{i} {row[0]}"[:60] for i, row in enumerate(TABLE)],
)
def test_values_by_hand(layer: dc.Layer, x: Any, weights: dict[str, Any], expected: Any) -> None:
    result = forward(layer, np.array(x, dtype=float), weights)
    assert result.dtype == np.float64
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=1e-14, atol=1e-14)


def test_table_has_every_kind() -> None:
    kinds = {type(row[0]).__name__ for row in TABLE} | {"MaxUnpool"}
    assert kinds == set(SINGLE | COUPLING)


def test_max_unpool_by_hand() -> None:
    result = forward(dc.MaxUnpool(2), line(5, 7), {}, np.array([[1, 2]]))
    assert result.tolist() == [[0, 5, 7, 0]]
    result = forward(dc.MaxUnpool((1, 2)), plane((5,), (7,)), {}, np.array([[[1], [2]]]))
    assert result.tolist() == [[[0, 5], [7, 0]]]
    layer = dc.MaxUnpool(2, padding=ToSize(3, split=0))
    assert forward(layer, line(5), {}, np.array([[2]])).tolist() == [[0, 0, 5]]


def test_nearest_rounds_places_to_float32() -> None:
    """39/1.3 is 30; times the inverse in float64 it is a little less."""
    assert int(39 * (1 / 1.3)) == 29
    assert forward(dc.Upsample(1.3), line(*range(31)), {})[0, 39] == 30


@pytest.mark.parametrize("layer", [dc.Identity(), dc.Flatten(), dc.Crop(0), dc.Slice()])
def test_output_is_a_copy(layer: dc.Layer) -> None:
    x = line(1, 2)
    forward(layer, x, {})[0, 0] = 9
    assert x.tolist() == [[1, 2]]


# Refusals.

INDEX = np.array([[9]])

REFUSED: list[tuple[dc.Layer, Any, dict[str, Any], Any, str]] = [
    (dc.Conv(3, **BARE), line(1, 2), ones(1, 1, 3), None, "a window of 3 does not fit into 2"),
    (dc.Conv(1, padding=-1, **BARE), line(1, 2), ones(1, 1, 1), None, "leaves nothing of 2"),
    (dc.Conv(1, **BARE), line(1, 2), {}, None, 'needs the weight "kernel"'),
    (dc.Conv(1), line(1, 2), ones(1, 1, 1), None, 'needs the weight "bias"'),
    (dc.Conv(2, **BARE), line(1, 2), ones(1, 1, 1), None, r"\(1, 1, 1\), not \(any, 1, 2\)"),
    (dc.Conv(1, groups=2, **BARE), line(1), ones(2, 1, 1), None, "a multiple of 2 channels, not 1"),
    (dc.Conv(1, in_channels=3, **BARE), line(1), ones(2, 3, 1), None, "takes 3 channels, not 1"),
    (dc.Conv(1, groups=2, **BARE), [[1], [2]], ones(3, 1, 1), None, "groups do not divide 3"),
    (dc.Conv((1, 1), **BARE), line(1), ones(1, 1, 1, 1), None, r"of shape \(1, 1\)"),
    (dc.Conv(1, **BARE), np.ones(3), ones(1, 1, 1), None, r"of shape \(3,\)"),
    (dc.Conv(1, **BARE), np.ones((1, 0)), ones(1, 1, 1), None, "empty array"),
    (dc.ConvTranspose(1, padding=1, **BARE), line(1, 2), ones(1, 1, 1), None, "leave nothing"),
    (dc.ConvTranspose(1, padding=ToSize(2), **BARE), line(1), ones(1, 1, 1), None, "out of reach"),
    (
        dc.ConvTranspose(3, padding=ToSize(2, split=0), **BARE),
        line(1),
        ones(1, 1, 3),
        None,
        "size 2 is out of reach of 1",
    ),
    (dc.Dense(2, in_features=3), line(1, 2), {}, None, "takes 3 features, not 2"),
    (dc.AvgPool(3, padding=1, must_fit=True), line(1, 2), {}, None, "as large as its window"),
    (dc.LpPool(3, ceil_mode=True, must_fit=True), line(1, 2), {}, None, "as large as its window"),
    (dc.MaxUnpool(2), line(1), {}, None, "needs an index for each element"),
    (dc.MaxUnpool(2), line(1), {}, INDEX / 1, "needs an index for each element"),
    (dc.MaxUnpool(2), line(1), {}, INDEX, r"an index lies outside \(2,\)"),
    (dc.MaxUnpool(2, padding=1), line(1), {}, INDEX, "leaves nothing of 1"),
    (dc.MaxUnpool(2, padding=ToSize(4, 0)), line(1), {}, INDEX, "cannot reach size 4 from 1"),
    (dc.Upsample(0.3), line(1, 2), {}, None, "leaves nothing of 2"),
    (dc.Upsample(2, mode="lanczos3"), line(1, 2), {}, None, "only sizes are known .*'lanczos3'"),
    (dc.PixelShuffle(2), [[1], [2], [3]], {}, None, "a multiple of 2 channels, not 3"),
    (dc.PixelUnshuffle(2), line(1, 2, 3), {}, None, "a multiple of 2, not 3"),
    (dc.Pad(2, mode="reflect"), line(1, 2), {}, None, "2 elements cannot be reflected over 2"),
    (dc.Pad(3, mode="circular"), line(1, 2), {}, None, "a circle of 2 elements cannot give 3"),
    # PyTorch would read what it has not written yet, or repeat what was cropped.
    (dc.Pad(Explicit(2, -1), mode="circular"), line(1, 2), {}, None, "a circle of 1 elements"),
    (dc.Pad(Explicit(-3, 4)), line(1, 2), {}, None, "2 elements cannot lose 3"),
    (dc.Crop(1), line(1, 2), {}, None, r"leaves nothing of an input of \(2,\)"),
    (dc.Crop(3), line(1, 2), {}, None, r"leaves nothing of an input of \(2,\)"),
    (dc.Slice(2), line(1, 2), {}, None, r"leaves nothing of an input of \(2,\)"),
    (dc.Reshape((3, -1)), line(1, 2), {}, None, r"cannot take an input of \(2,\)"),
    (dc.Fold(3, 2), [[1], [2]], {}, None, "takes 2 windows of a multiple of 2 channels"),
    (dc.Fold(3, 2), line(1, 2), {}, None, "not 2 of 1"),
    (dc.Identity("relu"), line(1, 2), {}, None, "only the sizes of relu are known"),
    (dc.Identity(least_elements=3), line(1, 2), {}, None, "needs 3 elements"),
]


@pytest.mark.parametrize(
    ("layer", "x", "weights", "indices", "message"),
    REFUSED,
    ids=[f"{i} {row[0]}"[:60] for i, row in enumerate(REFUSED)],
)
def test_refusals(
    layer: dc.Layer, x: Any, weights: dict[str, Any], indices: Any, message: str
) -> None:
    with pytest.raises(CheckError, match=message) as caught:
        forward(layer, np.array(x, dtype=float), weights, indices)
    assert caught.value.layer == layer


def test_a_layer_of_another_kind_is_refused() -> None:
    class Odd(dc.Crop):
        __slots__ = ()

    with pytest.raises(CheckError, match="no reference values are known for Odd"):
        forward(Odd(1), line(1, 2, 3), {})


# Laws.


def draw_sizes(data: st.DataObject, axes: int, most: int = 9) -> tuple[int, ...]:
    return tuple([data.draw(st.integers(1, most)) for _ in range(axes)])


def draw_input(data: st.DataObject, channels: int, sizes: tuple[int, ...]) -> tuple[Any, Any]:
    """Random values, and the generator that goes on."""
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    return rng.normal(size=(channels, *sizes)), rng


def rules_of(layer: dc.Layer) -> list[Any]:
    rules = getattr(layer, "padding", None)
    return list(rules) if isinstance(rules, tuple) else [rules]


def is_agreed(layer: dc.Layer, sizes: tuple[int, ...]) -> bool:
    """Whether the size formulas mean the same as the values.

    A circle may be padded by more than a crop on the other side has left: PyTorch 2.13 gives such
    sizes, with an error or with values that were cropped.
    """
    mode = getattr(layer, "mode", getattr(layer, "padding_mode", None))
    for axis, n in enumerate(sizes):
        rules = rules_of(layer)
        rule = rules[axis if len(rules) > 1 else 0]
        if not isinstance(rule, Explicit):
            continue
        low, high = min(rule.before, rule.after), max(rule.before, rule.after)
        if mode == "circular" and high > n + min(low, 0):
            return False
    return True


def channels_of(layer: dc.Layer, axes: int) -> int:
    """How many channels suit a layer."""
    if isinstance(layer, dc.Fold):
        size = layer.kernel_size
        return 2 * (prod(size) if isinstance(size, tuple) else int(size) ** len(layer.size))
    if type(layer) is dc.PixelShuffle:
        return prod(layer.factor) if isinstance(layer.factor, tuple) else int(layer.factor) ** axes
    return 2


@every_axes
@pytest.mark.parametrize("kind", sorted(SINGLE | COUPLING))
@quick
@given(data=st.data())
def test_sizes_are_those_of_the_formulas(kind: str, axes: int, data: st.DataObject) -> None:
    """Sizes found by walking, and refusals, are those of the closed formulas, for every kind."""
    layer = data.draw(layers(kind, axes))
    if isinstance(layer, dc.Identity):
        layer = layer.replace(name="identity")  # the only one with values
    sizes = draw_sizes(data, axes)
    if isinstance(layer, dc.Fold):
        fitting = dc.Unfold(
            layer.kernel_size, stride=layer.stride, padding=layer.padding, dilation=layer.dilation
        ).output_size(layer.size)
        sizes = data.draw(st.sampled_from((fitting, sizes[:1])))
    assume(is_agreed(layer, sizes))
    x, rng = draw_input(data, channels_of(layer, axes), sizes)
    indices = np.zeros(x.shape, dtype=np.int64)
    try:
        expected = layer.output_size(sizes)
    except dc.SizeError:
        with pytest.raises(CheckError):
            forward(layer, x, weights_for(layer, x, rng), indices)
    else:
        result = forward(layer, x, weights_for(layer, x, rng), indices)
        assert result.shape[1:] == expected


@pytest.mark.parametrize("layer", [dc.Upsample(2), dc.Conv(2, **BARE), dc.Flatten()])
def test_four_axes_are_refused(layer: dc.Layer) -> None:
    with pytest.raises(CheckError, match="batch axis"):
        forward(layer, np.ones((1, 2, 2, 2, 2)), {})


SPLITS: tuple[str | int, ...] = ("upper", "lower", 0, 1)


def draw_sized(data: st.DataObject, sizes: tuple[int, ...]) -> dc.Layer:
    """A transposed convolution with sizes to reach."""
    k, s, d = (data.draw(st.integers(1, most)) for most in (4, 4, 3))
    rules = []
    for n in sizes:
        split: str | int = data.draw(st.sampled_from(SPLITS))
        full = (n - 1) * s + d * (k - 1) + 1
        low = full - 2 * split if isinstance(split, int) else full - 4
        rules.append(ToSize(data.draw(st.integers(max(low, 1), max(low + s - 1, 1))), split))
    return dc.ConvTranspose(k, stride=s, dilation=d, padding=tuple(rules))


@every_axes
@pytest.mark.parametrize("kind", [dc.Conv, dc.DepthwiseConv, dc.MaxPool, dc.AvgPool])
@quick
@given(data=st.data())
def test_same_is_the_padding_it_comes_to(kind: Any, axes: int, data: st.DataObject) -> None:
    """`layer.at(size)` writes the rule out; the values stay."""
    k, s = data.draw(st.integers(2, 5)), data.draw(st.integers(2, 4))
    rules = [data.draw(SAME) for _ in range(axes)]
    options: dict[str, Any] = {}
    if "ceil_mode" in kind._fields:
        options["ceil_mode"] = data.draw(st.booleans())
    if "dilation" in kind._fields:
        options["dilation"] = data.draw(st.integers(1, 3))
    if kind is dc.AvgPool:
        options["count_include_pad"] = data.draw(st.booleans())
    layer = kind(k, stride=s, padding=tuple(rules), **options)
    check_written_out(data, layer, draw_sizes(data, axes))


@every_axes
@quick
@given(data=st.data())
def test_a_size_is_the_crops_it_comes_to(axes: int, data: st.DataObject) -> None:
    sizes = draw_sizes(data, axes, 6)
    layer = draw_sized(data, sizes)
    assume(layer.accepts(sizes))
    check_written_out(data, layer, sizes)


def check_written_out(data: st.DataObject, layer: dc.Layer, sizes: tuple[int, ...]) -> None:
    x, rng = draw_input(data, 2, sizes)
    weights = weights_for(layer, x, rng)
    np.testing.assert_array_equal(forward(layer, x, weights), forward(layer.at(sizes), x, weights))


def draw_window(data: st.DataObject, axes: int) -> dict[str, Any]:
    """Kernel, stride, dilation and padding of both sides along each axis."""
    sides = st.integers(-2, 4)
    return {
        "kernel_size": tuple([data.draw(st.integers(1, 4)) for _ in range(axes)]),
        "stride": tuple([data.draw(st.integers(1, 4)) for _ in range(axes)]),
        "dilation": tuple([data.draw(st.integers(1, 3)) for _ in range(axes)]),
        "padding": tuple([(data.draw(sides), data.draw(sides)) for _ in range(axes)]),
    }


@every_axes
@settings(max_examples=60, suppress_health_check=UNHURRIED)
@given(data=st.data())
def test_transposed_is_the_adjoint(axes: int, data: st.DataObject) -> None:
    """<Conv x, y> = <x, ConvTranspose y>, with the same weights and what the floor drops added."""
    window = draw_window(data, axes)
    groups = data.draw(st.sampled_from((1, 2)))
    conv = dc.Conv(**window, groups=groups, bias=False)
    sizes = draw_sizes(data, axes, 12)
    assume(conv.accepts(sizes))
    x, rng = draw_input(data, 2, sizes)
    weights = weights_for(conv, x, rng)
    there = forward(conv, x, weights)
    y = rng.normal(size=there.shape)
    crops = []
    for axis, (before, after) in enumerate(window["padding"]):
        reach = window["dilation"][axis] * (window["kernel_size"][axis] - 1)
        last = (there.shape[axis + 1] - 1) * window["stride"][axis] + reach
        crops.append((before, last + 1 - before - sizes[axis]))
        assert after - crops[-1][1] in range(window["stride"][axis])
    back = forward(
        dc.ConvTranspose(**window | {"padding": tuple(crops)}, groups=groups, bias=False),
        y,
        weights,
    )
    assert back.shape == x.shape
    assert np.vdot(there, y) == pytest.approx(np.vdot(x, back), rel=1e-11, abs=1e-10)


@every_axes
@settings(max_examples=40, suppress_health_check=UNHURRIED)
@given(data=st.data())
def test_fold_is_the_adjoint_of_unfold(axes: int, data: st.DataObject) -> None:
    window = draw_window(data, axes)
    sizes = draw_sizes(data, axes, 10)
    unfold = dc.Unfold(**window)
    assume(unfold.accepts(sizes))
    x, rng = draw_input(data, 2, sizes)
    there = forward(unfold, x, {})
    y = rng.normal(size=there.shape)
    back = forward(dc.Fold(sizes, **window), y, {})
    assert np.vdot(there, y) == pytest.approx(np.vdot(x, back), rel=1e-11, abs=1e-10)


@every_axes
@quick
@given(data=st.data())
def test_convolution_is_a_product_with_unfolded_windows(axes: int, data: st.DataObject) -> None:
    window = draw_window(data, axes)
    sizes = draw_sizes(data, axes)
    conv = dc.Conv(**window, bias=False)
    assume(conv.accepts(sizes))
    x, rng = draw_input(data, 2, sizes)
    weights = weights_for(conv, x, rng)
    product = weights["kernel"].reshape(2, -1) @ forward(dc.Unfold(**window), x, {})
    np.testing.assert_allclose(
        forward(conv, x, weights).reshape(2, -1), product, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@quick
@given(data=st.data())
def test_one_tap_is_a_slice_of_the_padded_input(mode: str, data: st.DataObject) -> None:
    k, s, d = (data.draw(st.integers(1, most)) for most in (4, 3, 3))
    sides = Explicit(data.draw(st.integers(-2, 4)), data.draw(st.integers(-2, 4)))
    conv = dc.Conv(k, stride=s, dilation=d, padding=sides, padding_mode=mode, bias=False, axes=1)
    sizes = draw_sizes(data, 1)
    assume(conv.accepts(sizes) and is_agreed(conv, sizes))
    x, _ = draw_input(data, 1, sizes)
    tap = data.draw(st.integers(0, k - 1))
    weights = kernel(*[float(i == tap) for i in range(k)])
    padded = forward(dc.Pad(sides, mode="constant" if mode == "zeros" else mode), x, {})
    result = forward(conv, x, weights)
    cut = forward(dc.Slice(tap * d, None, s), padded, {})[:, : result.shape[1]]
    np.testing.assert_array_equal(result, cut)


@every_axes
@quick
@given(data=st.data())
def test_shuffling_there_and_back(axes: int, data: st.DataObject) -> None:
    factor = tuple([data.draw(st.integers(1, 3)) for _ in range(axes)])
    x, _ = draw_input(data, 2 * prod(factor), draw_sizes(data, axes, 4))
    there = forward(dc.PixelShuffle(factor), x, {})
    np.testing.assert_array_equal(forward(dc.PixelUnshuffle(factor), there, {}), x)


@pytest.mark.parametrize(
    "mode", ["nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"]
)
@quick
@given(data=st.data())
def test_resizing_keeps_what_is_even(mode: str, data: st.DataObject) -> None:
    """An even input stays even; to its own size every mode leaves it alone."""
    n, m = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 25))
    align = data.draw(st.booleans())
    to = dc.Upsample(size=m, mode=mode, align_corners=align)
    np.testing.assert_allclose(forward(to, np.full((1, n), 3.0), {}), np.full((1, m), 3.0))
    x, _ = draw_input(data, 1, (n,))
    same = to.replace(size=n)
    np.testing.assert_allclose(forward(same, x, {}), x, rtol=1e-12, atol=1e-12)


@quick
@given(data=st.data())
def test_upsampling_by_whole_numbers_repeats(data: st.DataObject) -> None:
    """Nearest by an int is a transposed convolution with a kernel of ones, as is each repeat."""
    factor = data.draw(st.integers(1, 8))
    x, _ = draw_input(data, 1, draw_sizes(data, 1, 20))
    spread = dc.ConvTranspose(factor, stride=factor, bias=False)
    expected = np.repeat(x, factor, axis=1)
    for layer in (dc.Upsample(factor), dc.Upsample(factor, mode="nearest-exact"), spread):
        np.testing.assert_array_equal(forward(layer, x, ones(1, 1, factor)), expected)


@every_axes
@quick
@given(data=st.data())
def test_pools_agree(axes: int, data: st.DataObject) -> None:
    """A pool of non-overlapping windows is an adaptive one; one of everything is a global one."""
    k = data.draw(st.integers(1, 3))
    sizes = draw_sizes(data, axes, 3)
    x, _ = draw_input(data, 2, tuple([n * k for n in sizes]))
    for kind, pool in (("average", dc.AvgPool(k)), ("max", dc.MaxPool(k))):
        result = forward(pool, x, {})
        np.testing.assert_allclose(result, forward(dc.AdaptivePool(sizes, kind=kind), x, {}))
        np.testing.assert_allclose(
            forward(dc.GlobalPool(kind), x, {}), forward(dc.AdaptivePool(1, kind=kind), x, {})
        )
    area = dc.Upsample(size=sizes, mode="area")
    np.testing.assert_allclose(forward(area, x, {}), forward(dc.AvgPool(k), x, {}))
    norm = forward(dc.LpPool(k, norm=1), np.abs(x), {})
    np.testing.assert_allclose(norm, forward(dc.AvgPool(k, divisor=1), np.abs(x), {}))


# PyTorch's values.


def pick(rng: random.Random, axes: int, low: int, high: int) -> Any:
    """One int for all axes, or a tuple of one per axis."""
    if rng.random() < 0.5:
        return rng.randint(low, high)
    return tuple([rng.randint(low, high) for _ in range(axes)])


def spread(value: Any, axes: int) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


class Trial(NamedTuple):
    """A layer of PyTorch, and the same one of this package; `x` is what both take.

    Attributes:
        call: the layer of PyTorch, or what calls it with more than its input.
        layer: the same one here.
        x: the input, without a batch axis.
        indices: where a `MaxUnpool` puts its values.
        holder: the module with the weights, if it is not `call`.
    """

    call: Any
    layer: dc.Layer
    x: Any
    indices: Any = None
    holder: Any = None

    def weights(self) -> dict[str, Any]:
        """The weights of PyTorch's layer, by the names that they have here."""
        import torch

        holder = self.holder or self.call
        if isinstance(holder, torch.nn.Sequential):
            first, last = holder
            found = {"kernel": first.weight, "pointwise": last.weight, "bias": last.bias}
        else:
            found = {
                "kernel": getattr(holder, "weight", None),
                "bias": getattr(holder, "bias", None),
            }
        return {name: value.detach().numpy() for name, value in found.items() if value is not None}

    def expected(self) -> Any:
        """What PyTorch makes of the input, or None where it refuses it or nothing is left."""
        try:
            result = self.call(as_batch(self.x))[0].detach().numpy()
        except (RuntimeError, ValueError):
            return None
        return result if result.size else None


def torch_layer(name: str, axes: int, **options: Any) -> Any:
    import torch

    return getattr(torch.nn, f"{name}{axes}d")(**options).double()


def some_input(rng: random.Random, axes: int, channels: int, most: int = 9) -> Any:
    sizes = [rng.randint(1, most) for _ in range(axes)]
    return np.random.default_rng(rng.randint(0, 9999)).normal(size=(channels, *sizes))


def conv_trial(rng: random.Random, axes: int) -> Trial:
    groups = rng.choice((1, 1, 2))
    shared: dict[str, Any] = {
        "kernel_size": pick(rng, axes, 1, 4),
        "stride": pick(rng, axes, 1, 3),
        "padding": pick(rng, axes, 0, 3),
        "dilation": pick(rng, axes, 1, 3),
        "groups": groups,
        "padding_mode": rng.choice(("zeros", "zeros", "reflect", "replicate", "circular")),
        "in_channels": 2 * groups,
        "out_channels": 3 * groups,
        "bias": rng.random() < 0.5,
    }
    module = torch_layer("Conv", axes, **shared)
    return Trial(module, dc.Conv(**shared), some_input(rng, axes, 2 * groups))


def depthwise_trial(rng: random.Random, axes: int) -> Trial:
    import torch

    shared: dict[str, Any] = {
        "kernel_size": pick(rng, axes, 1, 4),
        "stride": pick(rng, axes, 1, 3),
        "padding": pick(rng, axes, 0, 2),
    }
    multiplier, out = rng.randint(1, 2), rng.choice((None, 3))
    wide = 2 * multiplier
    depthwise = torch_layer(
        "Conv", axes, in_channels=2, out_channels=wide, groups=2, bias=out is None, **shared
    )
    module = depthwise
    if out is not None:
        pointwise = torch_layer("Conv", axes, in_channels=wide, out_channels=out, kernel_size=1)
        module = torch.nn.Sequential(depthwise, pointwise)
    layer = dc.DepthwiseConv(**shared, multiplier=multiplier, out_channels=out)
    return Trial(module, layer, some_input(rng, axes, 2))


def conv_transpose_trial(rng: random.Random, axes: int) -> Trial:
    groups = rng.choice((1, 1, 2))
    stride, dilation = pick(rng, axes, 1, 4), pick(rng, axes, 1, 3)
    steps = zip(spread(stride, axes), spread(dilation, axes), strict=True)
    shared: dict[str, Any] = {
        "kernel_size": pick(rng, axes, 1, 4),
        "stride": stride,
        "padding": pick(rng, axes, 0, 3),
        "output_padding": tuple([rng.randint(0, max(s, d) - 1) for s, d in steps]),
        "dilation": dilation,
        "groups": groups,
        "in_channels": 2 * groups,
        "out_channels": 3 * groups,
        "bias": rng.random() < 0.5,
    }
    module = torch_layer("ConvTranspose", axes, **shared)
    return Trial(module, dc.ConvTranspose(**shared), some_input(rng, axes, 2 * groups, 6))


def asked_size_trial(rng: random.Random, axes: int) -> Trial:
    """A transposed convolution that is called with `output_size=`."""
    shared: dict[str, Any] = {
        "kernel_size": pick(rng, axes, 1, 4),
        "stride": pick(rng, axes, 1, 4),
        "dilation": pick(rng, axes, 1, 3),
        "in_channels": 2,
        "out_channels": 3,
    }
    padding = pick(rng, axes, 0, 2)
    module = torch_layer("ConvTranspose", axes, padding=padding, **shared)
    x = some_input(rng, axes, 2, 6)
    full = dc.ConvTranspose(**shared).output_size(x.shape[1:])
    sides, steps = spread(padding, axes), spread(shared["stride"], axes)
    sizes = [
        max(f - 2 * p, 1) + rng.randint(-1, s) for f, p, s in zip(full, sides, steps, strict=True)
    ]
    sizes = [max(size, 1) for size in sizes]
    rules = [ToSize(size, split=p) for size, p in zip(sizes, sides, strict=True)]
    layer = dc.ConvTranspose(**shared, padding=tuple(rules))
    return Trial(lambda values: module(values, output_size=sizes), layer, x, holder=module)


def pool_options(rng: random.Random, axes: int) -> dict[str, Any]:
    size = pick(rng, axes, 1, 4)
    return {
        "kernel_size": size,
        "stride": rng.choice((None, pick(rng, axes, 1, 4))),
        "padding": tuple([rng.randint(0, k // 2) for k in spread(size, axes)]),
        "ceil_mode": rng.random() < 0.5,
    }


def max_pool_trial(rng: random.Random, axes: int) -> Trial:
    shared = pool_options(rng, axes) | {"dilation": pick(rng, axes, 1, 3)}
    module = torch_layer("MaxPool", axes, **shared)
    return Trial(module, dc.MaxPool(**shared), some_input(rng, axes, 2))


def avg_pool_trial(rng: random.Random, axes: int) -> Trial:
    shared = pool_options(rng, axes) | {"count_include_pad": rng.random() < 0.5}
    divisor = None if axes == 1 else rng.choice((None, None, 5, -2))
    options = {} if divisor is None else {"divisor_override": divisor}
    module = torch_layer("AvgPool", axes, **shared, **options)
    layer = dc.AvgPool(**shared, divisor=divisor, must_fit=axes == 3)
    return Trial(module, layer, some_input(rng, axes, 2))


def lp_pool_trial(rng: random.Random, axes: int) -> Trial:
    shared = pool_options(rng, axes)
    del shared["padding"]
    if axes == 1:
        shared["kernel_size"] = spread(shared["kernel_size"], 1)[0]
    norm = rng.choice((1, 2, 1.5, 3, -1, inf, -inf))
    x = some_input(rng, axes, 2)
    module = torch_layer("LPPool", axes, norm_type=norm, **shared)
    # With an infinite norm it is a max pool, whose window need not fit.
    layer = dc.LpPool(**shared, norm=norm, must_fit=axes == 3 and not isinf(norm))
    # An odd norm may leave next to nothing of a sum, whose root would be mere rounding.
    return Trial(module, layer, x if norm in (1, 2, inf, -inf) else np.abs(x))


def max_unpool_trial(rng: random.Random, axes: int) -> Trial:
    """What a max pool took goes back, to its natural size or to the one it came from."""
    shared = pool_options(rng, axes)
    del shared["ceil_mode"]
    pool = torch_layer("MaxPool", axes, return_indices=True, **shared)
    module = torch_layer("MaxUnpool", axes, **shared)
    x = some_input(rng, axes, 2)
    while not dc.MaxPool(**shared).accepts(x.shape[1:]):
        x = some_input(rng, axes, 2)
    values, indices = (found[0].numpy() for found in pool(as_batch(x)))
    if rng.random() < 0.5:
        # Overlapping windows may have taken from behind what the natural size holds.
        return Trial(
            lambda found: module(found, as_batch(indices)), dc.MaxUnpool(**shared), values, indices
        )
    sizes = list(x.shape[1:])
    rules = zip(sizes, shared["padding"], strict=True)
    layer = dc.MaxUnpool(
        **shared | {"padding": tuple([ToSize(size, split=side) for size, side in rules])}
    )
    return Trial(
        lambda found: module(found, as_batch(indices), output_size=sizes), layer, values, indices
    )


MODES = {
    1: ("nearest", "nearest-exact", "linear", "area"),
    2: ("nearest", "nearest-exact", "bilinear", "bicubic", "area"),
    3: ("nearest", "nearest-exact", "trilinear", "area"),
}
FACTORS = (2, 3, 0.29, 0.5, 1.1, 1.15, 1.3, 1.5, 2 / 3, 2.1, 3.7)


def upsample_trial(rng: random.Random, axes: int) -> Trial:
    import torch

    mode = rng.choice(MODES[axes])
    align = rng.random() < 0.5 if mode[:3] in ("lin", "bil", "tri", "bic") else None
    x = some_input(rng, axes, 2, 12)
    if rng.random() < 0.4:
        size: Any = tuple([rng.randint(1, 14) for _ in range(axes)])
        module = torch.nn.Upsample(size=size, mode=mode, align_corners=align)
        return Trial(module, dc.Upsample(size=size, mode=mode, align_corners=bool(align)), x)
    factor = tuple([rng.choice(FACTORS) for _ in range(axes)])
    module = torch.nn.Upsample(scale_factor=factor, mode=mode, align_corners=align)
    return Trial(module, dc.Upsample(factor, mode=mode, align_corners=bool(align)), x)


def shuffle_trial(rng: random.Random, axes: int) -> Trial:
    import torch

    factor = rng.randint(1, 3)
    if rng.random() < 0.5:
        x = some_input(rng, axes, 2 * factor**2, 4)
        return Trial(torch.nn.PixelShuffle(factor), dc.PixelShuffle(factor), x)
    x = some_input(rng, axes, 2, 12)
    return Trial(torch.nn.PixelUnshuffle(factor), dc.PixelUnshuffle(factor), x)


def pad_trial(rng: random.Random, axes: int) -> Trial:
    import torch

    mode = rng.choice(("constant", "reflect", "replicate", "circular"))
    sides = [(rng.randint(-3, 4), rng.randint(-3, 4)) for _ in range(axes)]
    value = rng.choice((0.0, 1.5)) if mode == "constant" else None
    flat = [side for pair in reversed(sides) for side in pair]

    def module(values: Any) -> Any:
        return torch.nn.functional.pad(values, flat, mode=mode, value=value)

    layer = dc.Pad(tuple(sides), mode=mode, value=value or 0.0)
    return Trial(module, layer, some_input(rng, axes, 2))


def adaptive_pool_trial(rng: random.Random, axes: int) -> Trial:
    kind = rng.choice(("average", "max"))
    size = tuple([rng.choice((1, 2, 3, 5, 7, *[None] * (axes > 1))) for _ in range(axes)])
    name = "AdaptiveAvgPool" if kind == "average" else "AdaptiveMaxPool"
    module = torch_layer(name, axes, output_size=size)
    return Trial(module, dc.AdaptivePool(size, kind=kind), some_input(rng, axes, 2))


def fold_trial(rng: random.Random, axes: int) -> Trial:
    import torch

    shared: dict[str, Any] = {
        "kernel_size": pick(rng, axes, 1, 3),
        "stride": pick(rng, axes, 1, 3),
        "padding": pick(rng, axes, 0, 2),
        "dilation": pick(rng, axes, 1, 2),
    }
    x = some_input(rng, axes, 2)
    sizes, unfold = x.shape[1:], dc.Unfold(**shared)
    if rng.random() < 0.5 or not unfold.accepts(sizes):
        return Trial(torch.nn.Unfold(**shared), unfold, x)
    columns = np.random.default_rng(0).normal(
        size=(2 * prod(spread(shared["kernel_size"], axes)), *unfold.output_size(sizes))
    )
    return Trial(torch.nn.Fold(sizes, **shared), dc.Fold(sizes, **shared), columns)


def dense_trial(rng: random.Random, axes: int) -> Trial:
    import torch

    x = some_input(rng, axes, 2)
    out, bias = rng.randint(1, 5), rng.random() < 0.5
    module = torch.nn.Linear(x.shape[-1], out, bias=bias).double()
    return Trial(module, dc.Dense(out, bias=bias), x)


def flatten_trial(rng: random.Random, axes: int) -> Trial:
    import torch

    return Trial(torch.nn.Flatten(2), dc.Flatten(), some_input(rng, axes, 2))


TRIALS: dict[str, tuple[tuple[int, ...], Callable[[random.Random, int], Trial]]] = {
    "Conv": ((1, 2, 3), conv_trial),
    "DepthwiseConv": ((1, 2, 3), depthwise_trial),
    "ConvTranspose": ((1, 2, 3), conv_transpose_trial),
    "ConvTranspose output_size": ((1, 2, 3), asked_size_trial),
    "MaxPool": ((1, 2, 3), max_pool_trial),
    "AvgPool": ((1, 2, 3), avg_pool_trial),
    "LPPool": ((1, 2, 3), lp_pool_trial),
    "MaxUnpool": ((1, 2, 3), max_unpool_trial),
    "Upsample": ((1, 2, 3), upsample_trial),
    "PixelShuffle": ((2,), shuffle_trial),
    "Pad": ((1, 2, 3), pad_trial),
    "AdaptivePool": ((1, 2, 3), adaptive_pool_trial),
    "Fold": ((2,), fold_trial),
    "Linear": ((1, 2, 3), dense_trial),
    "Flatten": ((1, 2, 3), flatten_trial),
}


def as_batch(x: Any) -> Any:
    """The tensor of an array, as a batch of one."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(x))[None]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small layers wait for threads longer than they run."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.framework
@needs_torch
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("name", "axes"), [(name, axes) for name, (ranks, _) in TRIALS.items() for axes in ranks]
)
def test_values_equal_those_of_pytorch(name: str, axes: int) -> None:
    """60 layers that PyTorch takes, drawn at random; what it refuses is refused on the way."""
    rng = random.Random(f"{name} {axes}")
    taken = 0
    while taken < 60:
        trial = TRIALS[name][1](rng, axes)
        if not is_agreed(trial.layer, trial.x.shape[1:]):
            continue
        expected = trial.expected()
        if expected is None:
            with pytest.raises(CheckError):
                forward(trial.layer, trial.x, trial.weights(), trial.indices)
            continue
        result = forward(trial.layer, trial.x, trial.weights(), trial.indices)
        size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
        np.testing.assert_allclose(
            result, expected, rtol=1e-12, atol=1e-12 * size, err_msg=repr(trial.layer)
        )
        taken += 1
