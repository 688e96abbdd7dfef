"""Real layers give the values of the reference: every kind of layer in every framework."""

from __future__ import annotations

import re
from collections import Counter
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import deconvcalc as dc
from deconvcalc.checkers.confirming import confirm
from deconvcalc.checkers.problem import Problem
from deconvcalc.translation.weights import per_axis
from tests.draws import KINDS, Drawn, draws

if TYPE_CHECKING:
    from deconvcalc.translation.steps import Step

DIALECTS = {"torch": "torch", "keras": "keras", "keras[torch]": "keras"}
MODULES = {
    "torch": ("torch",),
    "keras": ("keras", "tensorflow"),
    "keras[torch]": ("keras", "torch"),
}

WANTED = 300
"""How many configurations of each kind have to be confirmed in each precision, over 1 to 3 axes."""

OTHER_BACKEND = 42
MOST_DRAWS = 12
"""How many draws may be needed for one that the framework can write."""

ABSENT = {
    "keras": {
        "LpPool": "Keras has no layer that pools by a norm",
        "MaxUnpool": "Keras has no layer that undoes a max pool",
        "Unfold": "Keras has no layer that lays windows side by side",
        "Fold": "Keras has no layer that adds windows up",
    },
    "torch": {},
}
"""Kinds that a framework lacks, and what is said of each of their layers."""

NO_FLOAT64 = ("AvgPool", "ConvTranspose", "DepthwiseConv", "MaxPool", "Slice", "Upsample")
"""Kinds for some of which TensorFlow has no kernel in float64 on a CPU."""

PLANAR = ("PixelShuffle", "PixelUnshuffle", "Unfold", "Fold")
"""PyTorch has these for two axes alone."""

NO_FLOAT64_IN_3D = ("MaxPool", "AvgPool", "AdaptivePool")
"""TensorFlow has no pools of three axes in float64 on a CPU."""

IMPOSSIBLE = {
    "torch": {
        "AvgPool": (
            "nn.AvgPool1d has no divisor_override",
            "nn pads alike on both sides, by at most half of the window, what a mean leaves out",
            "AvgPool3d refuses this size",
            r"AvgPool\(.*\) refuses size \d on axis \d: it needs that the input has at least .*",
        ),
        "LpPool": ("LPPool3d refuses this size",),
        "MaxUnpool": (
            "nn.MaxUnpool crops both sides alike",
            "nn.MaxUnpool takes the size when it is called, as output_size",
            r"MaxUnpool\dd: padding must be at most half of the kernel: \d is above \d",
        ),
        "PixelShuffle": ("nn.PixelShuffle has two axes and one factor for both",),
        "PixelUnshuffle": ("nn.PixelUnshuffle has two axes and one factor for both",),
    },
    "keras": {
        "Conv": ("Keras has no layer that pads by '(reflect|replicate|circular)'",),
        "MaxPool": (
            "Keras has no pool with a dilation",
            "Keras pads a pool only by half of its window, with the odd element behind",
        ),
        "AvgPool": (
            "Keras has no mean with a divisor of its own",
            "Keras has no mean over a window that hangs over the end",
            "Keras pads a pool only by half of its window, with the odd element behind",
        ),
        "Upsample": (
            "Keras does not resize with aligned corners",
            r"Keras has no resize by mode '[\w-]+', \d axes and this factor or size",
        ),
        "Pad": (r"Keras has no layer that pads by ('\w+'|-?[\d.]+|-?inf)",),
    },
}
"""All reasons why a framework cannot write a layer of a kind that it has; else there are none."""


class Tally(NamedTuple):
    """What came of the draws of one kind.

    Attributes:
        ok: how many were confirmed, by the number of axes.
        impossible: how many the framework has no layers for, by reason.
        known: how many fall under a known fault, and were not confirmed, by whether they are ok.
        no_kernel: how many the framework has no kernel for.
    """

    ok: Counter[int]
    impossible: Counter[str]
    known: Counter[bool]
    no_kernel: Counter[bool]


def missing(checker: str) -> str | None:
    """The first module of a checker that is not installed."""
    return next((name for name in MODULES[checker] if find_spec(name) is None), None)


def tally(checker: str, kind: str, wanted: int, dtype: str = "float32") -> Tally:
    """Draw until so many are confirmed. What the framework can write must be right."""
    found = Tally(Counter(), Counter(), Counter(), Counter())
    dialect = DIALECTS[checker]
    axes: tuple[int, ...] = (2,) if dialect == "torch" and kind in PLANAR else (1, 2, 3)
    if checker == "keras" and dtype == "float64" and kind in NO_FLOAT64_IN_3D:
        axes = (1, 2)
    for count in axes:
        source = draws(f"{checker} {dtype}", kind, count)
        for seed in range(MOST_DRAWS * wanted // len(axes)):
            if found.ok[count] * len(axes) >= wanted:
                break
            drawn = next(source)
            made = dc.convert(drawn.layer, to=dialect, size=drawn.sizes)
            if not made:
                # The layer is named where a way to write it was tried.
                reason = str(made.reason).rpartition(f"has no layers for {drawn.layer}: ")[2]
                found.impossible[reason] += 1
                continue
            problem = Problem([drawn.layer], drawn.sizes, channels=drawn.channels, seed=seed)
            verdict = confirm(checker, problem, dtype=dtype, conversions=[made])
            if checker == "keras" and dtype == "float64" and any(map(has_no_float64, made.steps)):
                found.no_kernel[verdict.ok] += 1
                assert verdict.fault in (None, "refused", "values", "adjoint")
                continue
            if disagrees(checker, drawn, problem, made):
                found.known[verdict.ok] += 1
                assert verdict.fault in (None, "values", "adjoint", "refused")
                continue
            assert verdict.ok, (drawn, verdict.fault, verdict.reason, verdict.built)
            assert verdict.error is not None
            assert verdict.scale is not None
            assert verdict.error <= verdict.tolerance * verdict.scale
            found.ok[count] += 1
    return found


def disagrees(checker: str, drawn: Drawn, problem: Problem, made: dc.Conversion) -> bool:
    """Whether this is a known fault of the framework: excluded, but not claimed to be right."""
    if checker == "keras":
        return is_narrow_convolution(drawn, problem)
    if checker == "keras[torch]":
        return is_uneven_mean(drawn, made) or is_small_mean(drawn)
    return False


def is_small_mean(drawn: Drawn) -> bool:
    """PyTorch's AvgPool3d, which Keras runs there, asks that the window fits without padding."""
    layer: Any = drawn.layer
    if not isinstance(layer, dc.AvgPool) or len(drawn.sizes) != 3:
        return False
    return any(n < k for n, k in zip(drawn.sizes, per_axis(layer.kernel_size, 3), strict=True))


def has_no_float64(step: Step) -> bool:
    """What TensorFlow does not run in float64 on a CPU.

    Pools of three axes, transposed convolutions with a dilation, and depthwise convolutions with
    different strides have no kernel; what resizes between pixels computes in float32.
    """
    arguments = step.arguments
    if step.name.endswith("Pooling3D"):
        return not step.name.startswith("Global")
    if step.name.endswith("Transpose"):
        return bool(arguments.get("dilation_rate", 1) != 1)
    if step.name in ("DepthwiseConv2D", "SeparableConv2D"):
        return isinstance(arguments.get("strides", 1), tuple)
    return bool(arguments.get("interpolation") == "bilinear")


def is_narrow_convolution(drawn: Drawn, problem: Problem) -> bool:
    """TensorFlow 2.21 with oneDNN reads memory that is not its own, or the wrong elements.

    Where a convolution of three axes, or a depthwise one of two, has one input channel, a last
    stride above 1 behind a stride of 1, and one output along the last axis. It concerns about half
    of these. A transposed convolution is run with the convolution that it transposes.
    """
    layer: Any = drawn.layer
    axes = len(drawn.sizes)
    depthwise = isinstance(layer, dc.DepthwiseConv)
    if not isinstance(layer, (dc.Conv, dc.ConvTranspose)) or axes < (2 if depthwise else 3):
        return False
    (one,) = problem.placed
    turned = isinstance(layer, dc.ConvTranspose)
    inputs, outputs = one.channels[turned], one.sizes if turned else one.result
    strides = per_axis(layer.stride, axes)
    return bool(inputs == outputs[-1] == strides[-2] == 1 < strides[-1])


def is_uneven_mean(drawn: Drawn, made: dc.Conversion) -> bool:
    """Keras 3.15.1 on PyTorch counts some padding of a mean by 'same' that is not symmetric."""
    sizes: Any = drawn.sizes
    if not isinstance(drawn.layer, dc.AvgPool):
        return False
    for step in made.steps:
        if step.name.startswith("AveragePooling") and step.arguments.get("padding") == "same":
            kernel = per_axis(step.arguments["pool_size"], len(sizes))
            strides = per_axis(step.arguments.get("strides") or kernel, len(sizes))
            rows = zip(sizes, kernel, strides, strict=True)
            return any(max((-(-n // s) - 1) * s + k - n, 0) % 2 for n, k, s in rows)
        sizes = dc.parse(f"keras.layers.{step}").output_size(sizes)
    return False


def pairs(*checkers: str) -> list[Any]:
    """Every kind of layer with every checker that has it."""
    return [
        pytest.param(checker, kind, id=f"{checker}-{kind}")
        for checker in checkers
        for kind in KINDS
        if kind not in ABSENT[DIALECTS[checker]]
    ]


def need(checker: str) -> None:
    name = missing(checker)
    if name:
        pytest.skip(f"{name} is not installed")


@pytest.mark.framework
@pytest.mark.parametrize(("checker", "kind"), pairs("torch", "keras"))
def test_values_in_float32(checker: str, kind: str) -> None:
    need(checker)
    found = tally(checker, kind, WANTED)
    assert sum(found.ok.values()) >= WANTED
    assert min(found.ok.values()) * len(found.ok) >= WANTED
    check_reasons(checker, kind, found.impossible)
    assert sum(found.known.values()) <= WANTED // 20


def check_reasons(checker: str, kind: str, reasons: Counter[str]) -> None:
    """Every reason is in the table, and what is in the table occurs."""
    expected = IMPOSSIBLE[DIALECTS[checker]].get(kind, ())
    named = {reason: [one for one in expected if re.fullmatch(one, reason)] for reason in reasons}
    assert all(named.values()), [reason for reason, found in named.items() if not found]
    assert set(expected) == {one for found in named.values() for one in found}


@pytest.mark.framework
@pytest.mark.parametrize(("checker", "kind"), pairs("torch", "keras"))
def test_values_in_float64(checker: str, kind: str) -> None:
    need(checker)
    found = tally(checker, kind, WANTED, "float64")
    assert sum(found.ok.values()) >= WANTED
    assert sum(found.known.values()) <= WANTED // 10
    assert not found.no_kernel or kind in NO_FLOAT64


@pytest.mark.framework
@pytest.mark.parametrize(
    "kind", ["Conv", "ConvTranspose", "DepthwiseConv", "MaxPool", "AvgPool", "Upsample", "Slice"]
)
def test_values_of_keras_on_torch(kind: str) -> None:
    need("keras[torch]")
    found = tally("keras[torch]", kind, OTHER_BACKEND)
    assert sum(found.ok.values()) >= OTHER_BACKEND
    assert bool(found.known[False]) is (kind == "AvgPool")


@pytest.mark.parametrize(
    ("dialect", "kind"), [(dialect, kind) for dialect in ABSENT for kind in ABSENT[dialect]]
)
def test_kinds_that_a_framework_lacks(dialect: str, kind: str) -> None:
    for axes in (1, 2, 3):
        for _, drawn in zip(range(20), draws("absent", kind, axes), strict=False):
            made = dc.convert(drawn.layer, to=dialect, size=drawn.sizes)
            assert made.outcome == "impossible"
            assert str(made.reason).endswith(ABSENT[dialect][kind])


# Faults of the frameworks that a checker has to find: the verdict says that the values differ.


@pytest.mark.framework
def test_a_mean_with_uneven_padding_differs_in_keras_on_torch() -> None:
    need("keras[torch]")
    layer = dc.parse("AveragePooling1D(3, strides=2, padding='same')")
    (verdict,) = dc.verify(layer, 8, "keras[torch]")
    if verdict.versions["keras"] != "3.15.1":
        pytest.skip(f"known of Keras 3.15.1, not of {verdict.versions['keras']}")
    assert (verdict.ok, verdict.fault) == (False, "values")
    assert dc.verify(layer, 7, "keras[torch]")[0].ok


@pytest.mark.framework
def test_tensorflow_refuses_dilated_transposes_in_float64() -> None:
    need("keras")
    layer = dc.ConvTranspose(3, dilation=2)
    (verdict,) = dc.verify(layer, 5, "keras", dtype="float64")
    assert (verdict.ok, verdict.fault) == (False, "refused")
    assert dc.verify(layer, 5, "keras")[0].ok


@pytest.mark.framework
@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (
            dc.Conv((2, 2, 3), stride=(1, 1, 2), in_channels=1, out_channels=2, bias=False),
            (2, 4, 3),
        ),
        (dc.DepthwiseConv((1, 3), stride=(1, 2), multiplier=2, bias=False), (5, 3)),
    ],
    ids=["three axes", "depthwise"],
)
def test_a_narrow_convolution_differs_in_tensorflow(layer: dc.Layer, size: tuple[int, ...]) -> None:
    need("keras")
    (verdict,) = dc.verify(layer, size, "keras", channels=(1, 2))
    if not verdict.versions["tensorflow"].startswith("2.21."):
        pytest.skip(f"known of TensorFlow 2.21, not of {verdict.versions['tensorflow']}")
    assert (verdict.ok, verdict.fault) == (False, "values")
