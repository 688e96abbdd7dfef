"""Layers by example: the numbers that people look up, and what a layer refuses."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

import deconvcalc as dc
from deconvcalc import layers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Same, Explicit, ToSize = dc.Same, dc.Explicit, dc.ToSize
N = sympy.Symbol("n", integer=True)


def numbered(cases: Sequence[tuple[Any, ...]]) -> list[str]:
    """Names of cases that differ: a number, and what a person can read of the values."""
    shown = [" ".join([str(value) for value in case if not callable(value)]) for case in cases]
    return [f"{i} {text[:60]}" for i, text in enumerate(shown)]


# Sizes.

SIZES: list[tuple[dc.Layer, Any, Any]] = [
    # The numbers of the design.
    (dc.ConvTranspose(6, stride=2), 28, 60),
    (dc.ConvTranspose(6, stride=2), (28, 30), (60, 64)),
    (dc.ConvTranspose(6, stride=2), [28, 30], (60, 64)),
    (dc.Upsample(0.29), 100, 28),
    (dc.Upsample(1.15), 100, 114),
    (dc.ConvTranspose(4, stride=2, padding=1), 28, 56),
    (dc.ConvTranspose(16, stride=8, padding=4), 32, 256),
    (dc.ConvTranspose(4), 1, 4),
    (dc.ConvTranspose(3, stride=2, padding=1), 4, 7),
    (dc.ConvTranspose(3, stride=2, padding=1, output_padding=1), 28, 56),
    (dc.Upsample(2), 28, 56),
    # Convolutions.
    (dc.Conv(1), 1, 1),
    (dc.Conv(3), 28, 26),
    (dc.Conv(3, padding=1), 28, 28),
    (dc.Conv(7, stride=2, padding=3), 224, 112),
    (dc.Conv(11, stride=4, padding=2), 224, 55),
    (dc.Conv(3, dilation=2), 28, 24),
    (dc.Conv(3, padding=2, dilation=2), 28, 28),
    (dc.Conv((3, 5), stride=(1, 2), padding=(0, 2)), (28, 31), (26, 16)),
    (dc.Conv(2, padding=Explicit(1, 0)), 28, 28),
    (dc.Conv(3, stride=2, padding=((0, 1), (1, 0))), (28, 28), (14, 14)),
    (dc.Conv(3, padding=Explicit(-2, 0)), 28, 24),
    (dc.Conv(3, stride=2, padding=Same()), 28, 14),
    (dc.Conv(3, stride=2, padding=Same()), 27, 14),
    (dc.Conv(3, padding=1, padding_mode="reflect"), 2, 2),
    (dc.DepthwiseConv(3, stride=2, padding=1), (112, 112, 112), (56, 56, 56)),
    # Pools.
    (dc.MaxPool(2), 7, 3),
    (dc.MaxPool(2, ceil_mode=True), 7, 4),
    (dc.MaxPool(3, stride=2), 224, 111),
    (dc.MaxPool(3, stride=2, padding=1), 112, 56),
    (dc.MaxPool(3, stride=2, ceil_mode=True), 28, 14),
    (dc.MaxPool(1, stride=2, ceil_mode=True), 3, 2),
    (dc.MaxPool(1, stride=3, ceil_mode=True), 3, 1),  # the last window would start beyond the end
    (dc.MaxPool(2, stride=3, padding=1, ceil_mode=True), 3, 2),
    (dc.MaxPool(2, dilation=3), 10, 4),
    (dc.AvgPool(3, stride=1, padding=1), 8, 8),
    (dc.AvgPool(2, stride=2, padding=Same(), count_include_pad=False), 7, 4),
    (dc.LpPool(3, norm=2, stride=2), 28, 13),
    (dc.MaxUnpool(2), 14, 28),
    (dc.MaxUnpool(3, stride=2, padding=1), 14, 27),
    (dc.MaxUnpool(2, padding=ToSize(29, split=0)), 14, 29),
    (dc.AdaptivePool(7), 100, 7),
    (dc.AdaptivePool((7, None)), (100, 30), (7, 30)),
    (dc.GlobalPool(), (7, 9), (1, 1)),
    (dc.GlobalPool(), 7, 1),
    (dc.GlobalPool(keepdims=False), (7, 9), ()),
    # Transposed convolutions.
    (dc.ConvTranspose(2, stride=2), (7, 7, 7), (14, 14, 14)),
    (dc.ConvTranspose(3, stride=2, padding=Explicit(0, 1)), 28, 56),
    (dc.ConvTranspose(3, stride=2, padding=Explicit(0, -2)), 4, 11),
    (dc.ConvTranspose(3, dilation=2), 4, 8),
    (dc.ConvTranspose(3, stride=2, padding=ToSize(8)), 4, 8),
    (dc.ConvTranspose(3, stride=2, padding=ToSize(8, split=1)), 4, 8),
    (dc.ConvTranspose((4, 3), stride=2, padding=1), (14, 14), (28, 27)),
    # Sizes moved about.
    (dc.Upsample((2, 0.5)), (7, 7), (14, 3)),
    (dc.Upsample(2.0), 7, 14),
    (dc.Upsample(size=7), 4, 7),
    (dc.Upsample(size=(7, 9)), (4, 4), (7, 9)),
    (dc.PixelShuffle(3), (5, 6), (15, 18)),
    (dc.PixelUnshuffle(2), (28, 30), (14, 15)),
    (dc.Pad(2), 28, 32),
    (dc.Pad(((1, 0), (2, 2))), (4, 4), (5, 8)),
    (dc.Pad(Explicit(-2, 1)), 4, 3),
    (dc.Pad(Explicit(-5, 7)), 5, 7),
    (dc.Pad(3, mode="reflect"), 4, 10),
    (dc.Pad(4, mode="circular"), 4, 12),
    (dc.Crop(1), 30, 28),
    (dc.Crop(((0, 1), (2, 2))), (5, 5), (4, 1)),
    (dc.Slice(1, -1), 30, 28),
    (dc.Slice(step=2), 7, 4),
    (dc.Slice(-3), 7, 3),
    (dc.Slice(-9), 7, 7),
    (dc.Slice(2, 100), 7, 5),
    (dc.Slice((0, 1), (None, 3)), (5, 5), (5, 2)),
    (dc.Identity("relu"), (7, 9), (7, 9)),
    (dc.Identity("norm", least_elements=2), (1, 2), (1, 2)),
    # Axes together.
    (dc.Flatten(), (7, 7), (49,)),
    (dc.Flatten(), 7, (7,)),
    (dc.Dense(10, in_features=49), 49, (10,)),
    (dc.Dense(10), (7, 9), (7, 10)),
    (dc.Reshape((7, -1)), 49, (7, 7)),
    (dc.Reshape(-1), (7, 9), (63,)),
    (dc.Reshape((4, 4)), (2, 8), (4, 4)),
    (dc.Unfold(3), (5, 6), (12,)),
    (dc.Unfold(3, stride=2, padding=1), (5, 6), (9,)),
    (dc.Fold((5, 6), 3), 12, (5, 6)),
    (dc.Fold(5, 3), (3,), (5,)),
    # What never ends.
    (dc.Conv(3, stride=10**12, padding=1), 10**30, 10**18),
    (dc.ConvTranspose(2, stride=2), 10**30, 2 * 10**30),
    (dc.Upsample(0.5), 10**400, 10**400 // 2),
]


@pytest.mark.parametrize(("layer", "size", "expected"), SIZES, ids=numbered(SIZES))
def test_sizes(layer: dc.Layer, size: Any, expected: Any) -> None:
    result = layer.output_size(size)
    assert result == expected
    assert type(result) is type(expected)
    assert layer.accepts(size) is True


def test_a_pointwise_convolution_keeps_every_size() -> None:
    layer = dc.parse("nn.Conv2d(512, 16, 1)")
    assert layer.size_map() == dc.SizeMap.identity()
    assert str(layer.size_map()) == "n"
    assert all(layer.output_size((n, 3 * n)) == (n, 3 * n) for n in (1, 2, 28, 10**12))


MAPS = [
    (dc.ConvTranspose(6, stride=2), "2*n + 4"),
    (dc.Conv(1), "n"),
    (dc.Conv(3, stride=2, padding=1), "floor((n + 1)/2)"),
    (dc.Conv(4, stride=2, padding=1), "floor(n/2)"),
    (dc.Conv(3, stride=2, padding=Same()), "floor((n + 1)/2)"),
    (dc.Conv(7, stride=3), "floor((n + 2)/3) - 2"),
    (dc.MaxPool(3, stride=2, ceil_mode=True), "floor(n/2)"),
    (dc.PixelUnshuffle(2), "floor(n/2)"),
    (dc.Upsample(2), "2*n"),
    (dc.Upsample(size=7), "7"),
    (dc.Crop(1), "n - 2"),
    (dc.Slice(1, step=3), "floor((n + 1)/3)"),
]


@pytest.mark.parametrize(("layer", "text"), MAPS, ids=str)
def test_maps_are_readable(layer: dc.Layer, text: str) -> None:
    assert str(layer.size_map()) == text


def test_maps_of_axes_that_differ() -> None:
    one, other = dc.Conv((1, 3)).size_map()
    assert (str(one), str(other)) == ("n", "n - 2")


def test_inputs_that_give_the_same_size() -> None:
    down = dc.Conv(3, stride=2, padding=1).size_map()
    assert str(down.preimage(14)) == "27..28"
    assert str(dc.Upsample(size=7).size_map().preimage(7)) == "n >= 1"
    assert str(dc.Upsample(size=7).size_map().preimage(8)) == "none"
    assert str(dc.PixelUnshuffle(2).size_map().domain) == "n >= 2, step 2"
    assert str(dc.ConvTranspose(3, stride=2).size_map().preimage(7)) == "3"


# Placement is identity.


def test_keras_same_is_not_torch_with_output_padding() -> None:
    keras = dc.parse("Conv2DTranspose(1, 3, strides=2, padding='same')")
    torch = dc.parse("nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1)")
    assert isinstance(keras, dc.ConvTranspose)
    assert isinstance(torch, dc.ConvTranspose)
    assert keras.padding == Explicit(0, 1)
    assert torch.padding == Explicit(1, 0)
    assert keras != torch.replace(in_channels=None)
    assert keras == torch.replace(in_channels=None, padding=Explicit(0, 1))
    assert keras.output_size(28) == torch.output_size(28) == 56


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            dc.Conv(3, padding=1),
            dc.Conv((3, 3), padding=((1, 1), (1, 1)), axes=2).replace(axes=None),
        ),
        (dc.Conv(3, axes=2), dc.Conv((3, 3))),
        (dc.Conv(3, axes=1), dc.Conv([3])),
        (dc.Conv(3, padding=Same()), dc.Conv(3, padding=1)),
        (dc.Conv(4, padding=Same()), dc.Conv(4, padding=Explicit(1, 2))),
        (dc.Conv(4, padding=Same("lower")), dc.Conv(4, padding=Explicit(2, 1))),
        (dc.Conv(1, stride=3, padding=Same()), dc.Conv(1, stride=3)),
        (dc.MaxPool(2), dc.MaxPool(2, stride=2)),
        (dc.AvgPool(2, count_include_pad=False), dc.AvgPool(2)),
        (
            dc.AvgPool(3, padding=1, divisor=2, count_include_pad=False),
            dc.AvgPool(3, padding=1, divisor=2),
        ),
        (dc.AvgPool(2, must_fit=True), dc.AvgPool(2)),
        (
            dc.ConvTranspose(3, padding=1, output_padding=1),
            dc.ConvTranspose(3, padding=Explicit(1, 0)),
        ),
        (dc.Upsample(2.0), dc.Upsample(2)),
        (dc.Conv(np.int64(3), stride=sympy.Integer(2)), dc.Conv(3, stride=2)),
        (dc.Pad(1, value=float("nan")), dc.Pad(1, value=-float("nan"))),
    ],
)
def test_one_layer_in_two_spellings(one: dc.Layer, other: dc.Layer) -> None:
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == repr(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (dc.Conv(3, padding=Explicit(1, 0)), dc.Conv(3, padding=Explicit(0, 1))),
        (dc.Conv(3), dc.Conv(3, axes=2)),
        (dc.Conv(3), dc.DepthwiseConv(3)),
        (dc.Conv(3, groups=2), dc.Conv(3)),
        (dc.Conv(3, padding=1), dc.Conv(3, padding=1, padding_mode="circular")),
        (dc.Conv(3, stride=2, padding=Same()), dc.Conv(3, stride=2, padding=1)),
        (dc.Conv(3, stride=2, padding=Same()), dc.Conv(3, stride=2, padding=Same("lower"))),
        (dc.AvgPool(3, padding=1), dc.AvgPool(3, padding=1, count_include_pad=False)),
        (dc.AvgPool(3, padding=1), dc.AvgPool(3, padding=1, must_fit=True)),
        (dc.MaxPool(2), dc.MaxPool(2, ceil_mode=True)),
        (dc.MaxPool(2), dc.AvgPool(2)),
        (dc.Pad(1), dc.Pad(1, value=1)),
        (dc.Pad(1), dc.Pad(1, mode="replicate")),
        (dc.Upsample(2), dc.Upsample(2, mode="bilinear")),
        (
            dc.Upsample(2, mode="bilinear"),
            dc.Upsample(2, mode="bilinear", align_corners=True),
        ),
        (dc.Identity("relu"), dc.Identity("tanh")),
        (dc.PixelShuffle(2), dc.PixelUnshuffle(2)),
    ],
)
def test_layers_that_are_not_the_same(one: dc.Layer, other: dc.Layer) -> None:
    assert one != other


TEXTS = [
    (dc.Conv(3), "Conv(3)"),
    (dc.Conv(3, stride=2, padding=1), "Conv(3, stride=2, padding=1)"),
    (dc.Conv((3, 5), padding=(1, 2)), "Conv((3, 5), padding=(1, 2))"),
    (dc.Conv(3, padding=((0, 1), (1, 0))), "Conv(3, padding=((0, 1), (1, 0)))"),
    (dc.Conv(3, padding=Explicit(0, 1)), "Conv(3, padding=Explicit(0, 1))"),
    (dc.Conv(3, stride=2, padding=Same()), "Conv(3, stride=2, padding=Same('upper'))"),
    (
        dc.ConvTranspose(3, stride=2, padding=1, output_padding=1),
        "ConvTranspose(3, stride=2, padding=1, output_padding=1)",
    ),
    (
        dc.ConvTranspose(3, stride=2, padding=Explicit(0, 1)),
        "ConvTranspose(3, stride=2, padding=Explicit(0, 1))",
    ),
    (
        dc.ConvTranspose(3, stride=2, padding=ToSize(8)),
        "ConvTranspose(3, stride=2, padding=ToSize(size=8, split='upper'))",
    ),
    (dc.MaxPool(2), "MaxPool(2)"),
    (dc.Pad(1, value=float("-inf")), "Pad(padding=1, value=float('-inf'))"),
    (dc.Reshape((7, -1), axes=1), "Reshape((7, -1), axes=1)"),
    (dc.Fold((5, 6), 3, stride=2), "Fold((5, 6), 3, stride=2)"),
    (
        dc.Fold((5, 6), 3, stride=2, padding=dc.Same()),  # its output tells what it pads
        "Fold((5, 6), 3, stride=2, padding=((1, 1), (0, 1)))",
    ),
    (dc.Unfold(3, axes=2), "Unfold(3, axes=2)"),
    (dc.Same(), "Same('upper')"),
    (dc.Explicit(1, 2), "Explicit(1, 2)"),
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=str)
def test_a_layer_prints_as_it_is_written(value: Any, text: str) -> None:
    assert repr(value) == str(value) == text


@pytest.mark.parametrize(
    ("layer", "size", "padding"),
    [
        (dc.Conv(3, stride=2, padding=Same()), 28, Explicit(0, 1)),
        (dc.Conv(3, stride=2, padding=Same()), 27, Explicit(1, 1)),
        (dc.Conv(3, stride=2, padding=Same("lower")), 28, Explicit(1, 0)),
        (dc.Conv(3, stride=2, padding=Same()), (28, 27), (Explicit(0, 1), Explicit(1, 1))),
        (dc.ConvTranspose(4, stride=2, padding=ToSize(9)), 4, Explicit(0, 1)),
        (dc.ConvTranspose(4, stride=2, padding=ToSize(9, "lower")), 4, Explicit(1, 0)),
        (dc.ConvTranspose(4, stride=2, padding=ToSize(11)), 4, Explicit(0, -1)),
        (dc.ConvTranspose(4, stride=2, padding=ToSize(9, 1)), 4, Explicit(1, 0)),
        (dc.MaxUnpool(2, padding=ToSize(9, 0)), 4, Explicit(0, -1)),
    ],
    ids=str,
)
def test_rules_made_explicit(layer: dc.Layer, size: Any, padding: Any) -> None:
    settled: Any = layer.at(size)
    assert settled.padding == padding
    assert settled.output_size(size) == layer.output_size(size)


# Refused sizes.

REFUSED: list[tuple[dc.Layer, Any, int | None, Any, str]] = [
    (dc.Conv(3), 2, None, 2, "the window fits into the padded input"),
    (dc.Conv(3), 0, None, 0, "the input has at least 1 element"),
    (dc.Conv(3), -5, None, -5, "the input has at least 1 element"),
    (dc.Conv(3), (5, 2), 1, 2, "the window fits into the padded input"),
    (dc.Conv((1, 3)), (0, 2), 0, 0, "the input has at least 1 element"),
    (dc.Conv(3, padding=2, padding_mode="reflect"), 2, None, 2, "longer than each padded side"),
    (dc.Conv(3, padding=3, padding_mode="circular"), 2, None, 2, "as long as each padded side"),
    (dc.Conv(1, padding=Explicit(-4, 8)), 3, None, 3, "the crop lies inside the input"),
    (dc.MaxPool(3, ceil_mode=True, stride=1), 2, None, 2, "one window starts inside"),
    (dc.AvgPool(4, padding=2, must_fit=True), 3, None, 3, "the input has at least 4 elements"),
    (dc.ConvTranspose(2, padding=3), 2, None, 2, "the crops leave at least 1 element"),
    (dc.ConvTranspose(3, stride=2, padding=ToSize(8, 1)), 3, None, 3, "not too large"),
    (dc.ConvTranspose(3, stride=2, padding=ToSize(8, 1)), 5, None, 5, "not too small"),
    (dc.MaxUnpool(2, padding=ToSize(9, 0)), 3, None, 3, "not too large"),
    (dc.MaxUnpool(2, padding=ToSize(9, 0)), 6, None, 6, "not too small"),
    (dc.Upsample(0.29), 3, None, 3, "the scaled size is at least 1"),
    (dc.PixelUnshuffle(2), 7, None, 7, "the size is a multiple of 2"),
    (dc.PixelUnshuffle(2), (8, 7), 1, 7, "the size is a multiple of 2"),
    (dc.Pad(-2), 4, None, 4, "at least 1 element is left"),
    (dc.Pad(Explicit(-5, 7)), 4, None, 4, "the crop lies inside the input"),
    (dc.Pad(4, mode="reflect"), 4, None, 4, "longer than each padded side"),
    (dc.Crop(2), 4, None, 4, "at least 1 element is left"),
    (dc.Slice(5), 5, None, 5, "the slice takes at least 1 element"),
    (dc.Slice(stop=0), 5, None, 5, "the slice takes at least 1 element"),
    (dc.Identity("InstanceNorm2d", least_elements=2, axes=2), (1, 1), None, (1, 1), "2 elements"),
    (dc.Identity("InstanceNorm2d", least_elements=2, axes=2), 1, None, 1, "2 elements"),
    (dc.Identity("InstanceNorm2d", least_elements=2, axes=2), (0, 9), 0, 0, "1 element"),
    (dc.Flatten(), (7, 0), 1, 0, "the input has at least 1 element"),
    (dc.Dense(10, in_features=49), (48,), None, (48,), "the last axis has 49 elements"),
    (dc.Reshape((7, -1)), 50, None, (50,), "the elements of the input fill (7, -1)"),
    (dc.Reshape((7, 7)), (7, 8), None, (7, 8), "the elements of the input fill (7, 7)"),
    (dc.Unfold(3), (5, 2), 1, 2, "the window fits into the padded input"),
    (dc.Fold((5, 6), 3), 11, None, (11,), "there are 12 windows"),
    # The number of axes.
    (dc.Conv(3, axes=2), (5,), None, (5,), "axes"),
    (dc.Conv(3, axes=2), (5, 5, 5), None, (5, 5, 5), "axes"),
    (dc.Conv((3, 5)), 7, None, 7, "axes"),
    (dc.Conv(3), (), None, (), "axes"),
    (dc.Conv(3), (5, 5, 5, 5), None, (5, 5, 5, 5), "axes"),
    (dc.Flatten(axes=2), (5,), None, (5,), "axes"),
    (dc.Fold((5, 6), 3), (3, 4), None, (3, 4), "axes"),
]


@pytest.mark.parametrize(("layer", "size", "axis", "at", "rule"), REFUSED, ids=numbered(REFUSED))
def test_refused_sizes(layer: dc.Layer, size: Any, axis: int | None, at: Any, rule: str) -> None:
    with pytest.raises(dc.SizeError) as caught:
        layer.output_size(size)
    error = caught.value
    assert error.layer == layer
    assert error.axis == axis
    assert error.size == at
    assert error.rule is not None
    assert rule in error.rule
    assert repr(layer) in error.message
    if error.rule == "axes":
        assert error.hint
    else:
        shown = "x".join(map(str, at)) if isinstance(at, tuple) else str(at)
        assert f"size {shown}" in error.message
        assert error.rule in error.message
        assert layer.accepts(size) is False
    with pytest.raises(dc.SizeError):
        layer.at(size)


def test_how_far_a_rule_fails() -> None:
    with pytest.raises(dc.SizeError, match="which fails by 3"):
        dc.Conv(5).output_size(2)
    with pytest.raises(dc.SizeError, match=r"on axis 1.*which fails by 1"):
        dc.Conv(5).output_size((9, 4))


@pytest.mark.parametrize(
    ("layer", "size", "hint"),
    [
        (dc.Conv(5), 2, "Sizes that it takes: n >= 5."),
        (dc.PixelUnshuffle(2), 7, "Sizes that it takes: n >= 2, step 2."),
        (dc.ConvTranspose(3, stride=2, padding=ToSize(8, 1)), 3, "Sizes that it takes: 4."),
        (dc.MaxUnpool(2, padding=ToSize(9, 0)), 3, "Sizes that it takes: 4..5."),
        (dc.Slice(stop=0), 3, None),
        (dc.Upsample(0.29), 3, None),
    ],
)
def test_a_refusal_says_which_sizes_are_taken(layer: dc.Layer, size: int, hint: str | None) -> None:
    with pytest.raises(dc.SizeError) as caught:
        layer.output_size(size)
    assert caught.value.hint == hint


def test_refused_arrays_say_how_many_and_where() -> None:
    with pytest.raises(dc.SizeError) as caught:
        dc.Conv(3).output_size(np.array([[3, 2, 4], [1, 5, 1]]))
    error = caught.value
    assert "3 of 6 sizes, the first at index (0, 1): 2" in error.message
    assert (error.size, error.axis) == (2, None)
    assert error.hint is not None
    assert "accepts" in error.hint


def test_refused_expressions() -> None:
    negative = sympy.Symbol("k", integer=True, negative=True)
    with pytest.raises(dc.SizeError) as caught:
        dc.Conv(3).output_size(negative)
    assert caught.value.size == negative
    odd = sympy.Symbol("o", integer=True, odd=True)
    with pytest.raises(dc.SizeError, match="multiple of 2"):
        dc.PixelUnshuffle(2).output_size(odd)
    assert dc.PixelUnshuffle(2).accepts(odd) == sympy.false
    with pytest.raises(dc.SizeError, match="49 elements"):
        dc.Dense(1, in_features=49).output_size((2 * N, 2 * odd + 2 * N + 2 * odd.subs(odd, 3)))


def test_expressions() -> None:
    even = sympy.Symbol("e", integer=True, positive=True, even=True)
    assert dc.ConvTranspose(6, stride=2).output_size(N) == 2 * N + 4
    assert dc.PixelUnshuffle(2).output_size(even) == even / 2
    assert dc.PixelUnshuffle(2).accepts(even) == sympy.true
    assert dc.Conv(3, stride=2, padding=Same()).output_size(N) == sympy.ceiling(N / 2)
    assert dc.Conv(3).accepts(N) == sympy.And(N - 1 >= 0, N - 3 >= 0)
    assert dc.Flatten().output_size((N, 7)) == (7 * N,)
    assert dc.Dense(1, in_features=49).accepts((N,)) == sympy.And(N - 1 >= 0, sympy.Eq(N, 49))
    assert dc.Upsample(0.29).output_size(N).subs(N, 100) == 28
    assert dc.Upsample(0.29).output_size(N) == dc.Upsample(0.29).output_size(N)


# Refused arguments.

ARGUMENTS: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: dc.Conv(0), "kernel_size", "Conv: kernel_size must be at least 1, not 0"),
    (lambda: dc.Conv((3, 0)), "kernel_size", "kernel_size must be at least 1"),
    (lambda: dc.Conv(3, stride=0), "stride", "stride must be at least 1, not 0"),
    (lambda: dc.Conv(3, dilation=-1), "dilation", "dilation must be at least 1, not -1"),
    (lambda: dc.Conv(3, groups=0), "groups", "groups must be at least 1"),
    (lambda: dc.Conv(3, groups=2, in_channels=3), "groups", "does not divide in_channels=3"),
    (lambda: dc.Conv(3, groups=2, out_channels=3), "groups", "does not divide out_channels=3"),
    (lambda: dc.Conv(3, in_channels=0), "in_channels", "in_channels must be at least 1"),
    (lambda: dc.Conv(3, padding="same"), "padding", "padding takes an int, pairs or a rule"),
    (lambda: dc.Conv(3, padding=ToSize(8)), "padding", "ToSize crops a transposed window"),
    (lambda: dc.Conv(3, padding_mode="mirror"), "padding_mode", "padding_mode must be one of"),
    (
        lambda: dc.Conv(3, stride=2, padding=Same(), padding_mode="reflect"),
        "padding_mode",
        "padding that depends on n",
    ),
    (lambda: dc.Conv(()), "kernel_size", "kernel_size has 0 entries"),
    (lambda: dc.Conv((3,) * 4), "kernel_size", "kernel_size has 4 entries"),
    (
        lambda: dc.Conv((3, 3), stride=(1, 1, 1)),
        "stride",
        "stride has 3 entries, and the layer has axes=2",
    ),
    (lambda: dc.Conv(3, padding=((1, 1), (1, 1)), axes=1), "padding", "padding has 2 entries"),
    (lambda: dc.Conv(3, axes=0), "axes", "axes must be at least 1"),
    (lambda: dc.Conv(3, axes=4), "axes", "axes must be at most 3, not 4"),
    (lambda: dc.DepthwiseConv(3, multiplier=0), "multiplier", "multiplier must be at least 1"),
    (lambda: dc.AvgPool(2, divisor=0), "divisor", "divisor must not be 0"),
    (lambda: dc.AvgPool(2, padding=Same(), must_fit=True), "must_fit", "depends on n"),
    (lambda: dc.LpPool(2, norm=0), "norm", "norm must be a number other than 0"),
    (lambda: dc.LpPool(2, norm=float("nan")), "norm", "norm must be a number other than 0"),
    (lambda: dc.ConvTranspose(3, output_padding=-1), "output_padding", "at least 0, not -1"),
    (lambda: dc.ConvTranspose(3, padding=Same()), "padding", "do not depend on n"),
    (
        lambda: dc.ConvTranspose(3, padding=ToSize(8), output_padding=1),
        "output_padding",
        "no output_padding to choose",
    ),
    (lambda: dc.MaxUnpool(3, padding=Same()), "padding", "padding must not be Same"),
    (lambda: dc.MaxUnpool(3, padding=ToSize(9)), "padding", "padding must not be ToSize"),
    (dc.Upsample, "factor", "give a factor or a size"),
    (lambda: dc.Upsample(2, size=3), "factor", "give a factor or a size"),
    (lambda: dc.Upsample(0), "factor", "factor must be above 0"),
    (lambda: dc.Upsample(-1.5), "factor", "factor must be above 0"),
    (lambda: dc.Upsample(float("inf")), "factor", "factor must be above 0 and finite"),
    (lambda: dc.Upsample(float("nan")), "factor", "factor must be above 0 and finite"),
    (lambda: dc.Upsample(size=0), "size", "size must be at least 1"),
    (lambda: dc.PixelShuffle(0), "factor", "factor must be at least 1"),
    (lambda: dc.PixelUnshuffle(-2), "factor", "PixelUnshuffle: factor must be at least 1"),
    (lambda: dc.Pad(1, mode="zeros"), "mode", "mode must be one of"),
    (lambda: dc.Pad(1, value=10**400), "value", "beyond a float"),
    (lambda: dc.Pad(Same()), "padding", "padding takes an int or pairs"),
    (lambda: dc.Crop(-1), "cropping", "cropping must be at least 0"),
    (lambda: dc.Crop(((0, -1), (0, 0))), "cropping", "cropping must be at least 0"),
    (lambda: dc.Crop(ToSize(3)), "cropping", "cropping takes an int or pairs"),
    (lambda: dc.Slice(step=0), "step", "step must be at least 1"),
    (lambda: dc.AdaptivePool(0), "size", "size must be at least 1"),
    (lambda: dc.AdaptivePool(7, kind="median"), "kind", "kind must be one of"),
    (lambda: dc.GlobalPool("median"), "kind", "kind must be one of"),
    (lambda: dc.Identity("x", least_elements=0), "least_elements", "must be at least 1"),
    (lambda: dc.Dense(0), "out_features", "out_features must be at least 1"),
    (lambda: dc.Dense(1, in_features=0), "in_features", "in_features must be at least 1"),
    (lambda: dc.Reshape((0, 7)), "sizes", "sizes must be at least 1 each"),
    (lambda: dc.Reshape((-1, -1)), "sizes", "one may be -1"),
    (lambda: dc.Reshape(()), "sizes", "sizes must be at least 1 each"),
    (lambda: dc.Reshape((-2, 7)), "sizes", "sizes must be at least -1"),
    (lambda: dc.Unfold(0), "kernel_size", "Unfold: kernel_size must be at least 1"),
    (lambda: dc.Fold((2, 9), 3), "kernel_size", "no window fits into size 2 of axis 0"),
    (lambda: dc.Fold((), 3), "size", "size has 0 entries"),
    (lambda: dc.Fold((5, 5), (3, 3, 3)), "kernel_size", "kernel_size has 3 entries"),
    (lambda: dc.Same("left"), "odd", 'odd must be "upper" or "lower"'),
    (lambda: dc.ToSize(0), "size", "ToSize: size must be at least 1"),
    (lambda: dc.ToSize(8, -1), "split", "split must be at least 0"),
    (lambda: dc.ToSize(8, "left"), "split", 'split must be "upper", "lower" or an int'),
]


@pytest.mark.parametrize(("build", "rule", "message"), ARGUMENTS, ids=numbered(ARGUMENTS))
def test_refused_arguments(build: Callable[[], Any], rule: str, message: str) -> None:
    with pytest.raises(dc.LayerError) as caught:
        build()
    error = caught.value
    assert message in error.message
    assert error.rule == rule
    assert error.hint
    assert str(error) == f"{error.message}\n  {error.hint}"


WRONG = (True, np.True_, 3.0, "3", b"3", None, 3j, [[3]], {3}, np.array([3, 3]), range(2), object())
WRONG_NAMES = [f"{place} {type(value).__name__}" for place, value in enumerate(WRONG)]
INTS: list[tuple[Callable[[Any], Any], str]] = [
    (dc.Conv, "kernel_size"),
    (lambda wrong: dc.Conv((3, wrong)), "kernel_size"),
    (lambda wrong: dc.Conv(3, stride=wrong), "stride"),
    (lambda wrong: dc.Conv(3, padding=((0, wrong), (0, 0))), "padding"),
    (lambda wrong: dc.Conv(3, dilation=wrong), "dilation"),
    (lambda wrong: dc.Conv(3, groups=wrong), "groups"),
    (lambda wrong: dc.DepthwiseConv(3, multiplier=wrong), "multiplier"),
    (dc.MaxPool, "kernel_size"),
    (lambda wrong: dc.ConvTranspose(3, output_padding=wrong), "output_padding"),
    (lambda wrong: dc.Explicit(wrong, 0), "before"),
    (lambda wrong: dc.Explicit(0, wrong), "after"),
    (dc.ToSize, "size"),
    (dc.PixelShuffle, "factor"),
    (dc.Crop, "cropping"),
    (dc.Slice, "start"),
    (lambda wrong: dc.Slice(step=wrong), "step"),
    (lambda wrong: dc.Identity(least_elements=wrong), "least_elements"),
    (dc.Dense, "out_features"),
    (lambda wrong: dc.Fold(wrong, 3), "size"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=WRONG_NAMES)
@pytest.mark.parametrize(("build", "name"), INTS, ids=numbered(INTS))
def test_arguments_of_a_wrong_type(build: Callable[[Any], Any], name: str, wrong: Any) -> None:
    with pytest.raises((TypeError, dc.LayerError), match=name) as caught:
        build(wrong)
    assert isinstance(caught.value, TypeError) or isinstance(wrong, str | list)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dc.Conv(3, bias="yes"), "bias must be True or False, not 'yes'"),  # type: ignore[arg-type]
        (lambda: dc.Conv(3, bias=1), "bias must be True or False, not 1"),  # type: ignore[arg-type]
        (lambda: dc.MaxPool(3, ceil_mode=None), "ceil_mode must be True or False"),  # type: ignore[arg-type]
        (lambda: dc.AvgPool(3, count_include_pad=0), "count_include_pad must be"),  # type: ignore[arg-type]
        (lambda: dc.AvgPool(3, must_fit="x"), "must_fit must be True or False"),  # type: ignore[arg-type]
        (lambda: dc.GlobalPool(keepdims="x"), "keepdims must be True or False"),  # type: ignore[arg-type]
        (lambda: dc.Upsample(2, align_corners=1), "align_corners must be"),  # type: ignore[arg-type]
        (lambda: dc.Upsample(2, mode=3), "mode must be text, not 3"),  # type: ignore[arg-type]
        (lambda: dc.Upsample("2"), "factor must be a number, not '2'"),
        (lambda: dc.Upsample(True), "factor must be a number, not True"),
        (lambda: dc.Identity(3), "name must be text, not 3"),  # type: ignore[arg-type]
        (lambda: dc.Pad(1, value="x"), "value must be a number, not 'x'"),  # type: ignore[arg-type]
        (lambda: dc.LpPool(3, norm=True), "norm must be a number, not True"),
        (lambda: dc.LpPool(3, norm="2"), "norm must be a number, not '2'"),  # type: ignore[arg-type]
        (lambda: dc.AvgPool(3, divisor=1.5), "divisor must be an int, not 1.5"),  # type: ignore[arg-type]
        (lambda: dc.Conv(3, 2), "positional"),  # type: ignore[call-arg]
        (lambda: dc.Conv(3, strides=2), "strides"),  # type: ignore[call-arg]
        (dc.Conv, "kernel_size"),
    ],
)
def test_flags_text_and_numbers(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        build()


# Errors.


def test_errors_are_one_family() -> None:
    kinds = [getattr(dc, name) for name in dc.__all__ if name.endswith("Error")]
    assert len(kinds) == 12
    for kind in kinds:
        assert issubclass(kind, dc.DeconvcalcError)
        assert issubclass(kind, ValueError)
    error = dc.DeconvcalcError("it fails", layer=1, axis=2, size=3, rule="r", hint="Do this.")
    assert (error.layer, error.axis, error.size, error.rule) == (1, 2, 3, "r")
    assert str(error) == "it fails\n  Do this."
    assert str(dc.DeconvcalcError("it fails")) == "it fails"


# The face of the layers.

KINDS = [name for name in layers.__all__ if isinstance(getattr(layers, name), type)]


@pytest.mark.parametrize("name", [name for name in KINDS if name != "Layer"])
def test_every_argument_is_explained(name: str) -> None:
    kind = getattr(dc, name)
    text = inspect.getdoc(kind)
    assert text
    for parameter in list(inspect.signature(kind).parameters):
        if issubclass(kind, dc.Layer) or name == "ToSize":
            assert f"{parameter}: " in text, f"{name} does not explain {parameter}"
    if issubclass(kind, dc.Layer):
        assert ">>>" in text
        assert hasattr(dc, name)


def test_layers_need_neither_numpy_nor_sympy() -> None:
    code = (
        "import sys, deconvcalc as dc\n"
        "dc.Conv(3).output_size((28, 30)), dc.Upsample(0.5).accepts(28)\n"
        "dc.Dense(3).output_size(4), dc.Fold((5, 6), 3).accepts(12)\n"
        "dc.ConvTranspose(3, padding=dc.ToSize(4)).at(2), dc.MaxPool(2).size_map().preimage(3)\n"
        "loaded = {'numpy', 'sympy', 'dataclasses', 'inspect'} & set(sys.modules)\n"
        "raise SystemExit(str(sorted(loaded)) if loaded else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
