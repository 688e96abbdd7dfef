"""Layers in ONNX Runtime: the dialect of ONNX, conversions to it, and the checker."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.checkers.confirming import status
from deconvcalc.checkers.names import CHECKERS
from deconvcalc.dialects import ALL_DIALECTS, DIALECTS
from tests.test_cli import invoke

if TYPE_CHECKING:
    from pathlib import Path

    from deconvcalc.layers import Layer

runs = [
    pytest.mark.framework,
    pytest.mark.skipif(
        find_spec("onnx") is None or find_spec("onnxruntime") is None,
        reason="onnx or onnxruntime is not installed",
    ),
]


# Text.


def test_operators_are_read_where_onnx_is_named() -> None:
    text = "onnx.Conv(kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 2, 3])"
    layer = dc.parse(text)
    assert layer == dc.Conv(3, stride=2, padding=((0, 2), (1, 3)), axes=2)
    assert dc.parse(text.removeprefix("onnx."), dialect="onnx") == layer
    assert isinstance(dc.parse("Conv(3)"), dc.Conv)  # a bare name is the library's own


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        (
            "Conv(kernel_shape=[4], strides=[3], auto_pad='SAME_LOWER', group=2, B=False)",
            dc.Conv(4, stride=3, padding=dc.Same("lower"), groups=2, bias=False, axes=1),
        ),
        ("Conv(kernel_shape=[4], auto_pad='VALID')", dc.Conv(4, axes=1)),
        (
            "ConvTranspose(kernel_shape=[4], strides=[2], pads=[1, 0], output_padding=[1])",
            dc.ConvTranspose(4, stride=2, padding=((1, -1),), axes=1),
        ),
        (
            "ConvTranspose(kernel_shape=[5], strides=[2], auto_pad='SAME_UPPER')",
            dc.ConvTranspose(5, stride=2, padding=((1, 2),), axes=1),
        ),
        (
            "ConvTranspose(kernel_shape=[5], strides=[2], output_shape=[9])",
            dc.ConvTranspose(5, stride=2, padding=dc.ToSize(9, "lower"), axes=1),
        ),
        ("MaxPool(kernel_shape=[3, 2])", dc.MaxPool((3, 2), stride=1)),
        (
            "AveragePool(kernel_shape=[3], strides=[2], pads=[1, 1])",
            dc.AvgPool(3, stride=2, padding=1, count_include_pad=False, axes=1),
        ),
        ("GlobalMaxPool()", dc.GlobalPool("max")),
        ("Pad(pads=[0, 0, 1, 0, 0, -2], mode='edge')", dc.Pad(((1, -2),), mode="replicate")),
        ("Resize(scales=[1, 1, 2, 3], mode='linear')", dc.Upsample((2, 3), mode="bilinear")),
        ("Resize(sizes=[1, 8, 7], mode='cubic')", dc.Upsample(size=7, mode="bicubic", axes=1)),
        ("DepthToSpace(blocksize=2, mode='CRD')", dc.PixelShuffle(2, axes=2)),
        ("Relu()", dc.Identity("Relu")),
    ],
)
def test_operators_are_layers(text: str, layer: Layer) -> None:
    assert dc.parse(text, dialect="onnx") == layer


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Conv(strides=[2])", "kernel_shape"),
        ("Conv(kernel_shape=[3], pads=[1, 1], auto_pad='SAME_UPPER')", "pads"),
        ("Conv(kernel_shape=[3], dilations=[2], auto_pad='SAME_UPPER')", "dilations"),
        ("Conv(kernel_shape=[3], pads=[-1, 0])", "pads"),
        ("MaxPool(kernel_shape=[3], pads=[3, 0])", "pads"),
        ("ConvTranspose(kernel_shape=[3], output_padding=[1])", "output_padding"),
        ("AveragePool(kernel_shape=[3], dilations=[2])", "dilations"),
        ("LpPool(kernel_shape=[3], ceil_mode=1)", "ceil_mode"),
        ("Pad(pads=[0, 1, 1, 0, 0, 1])", "pads"),
        ("Resize(scales=[1, 1, 0.29])", "scales"),
        ("Resize()", "scales"),
        ("DepthToSpace(blocksize=2)", "mode"),
        ("Conv([3])", "without a name"),
    ],
)
def test_what_the_runtime_refuses_is_refused(text: str, word: str) -> None:
    with pytest.raises(dc.NotationError, match=word):
        dc.parse(text, dialect="onnx")


def test_the_solver_does_not_search_in_onnx() -> None:
    assert {*ALL_DIALECTS} - {*DIALECTS} == {"onnx"}
    with pytest.raises(dc.QueryError, match="unknown dialect 'onnx'"):
        dc.solve(7, source=4, dialect="onnx")


# Conversions, which need no framework.


def test_conversions_are_operators() -> None:
    made = dc.convert(dc.ConvTranspose(4, stride=2, padding=1), to="onnx")
    assert made.outcome == "exact"
    assert repr(made.steps[0]) == (
        "ConvTranspose(kernel_shape=(4, 4), strides=(2, 2), pads=(1, 1, 1, 1))"
    )
    with pytest.raises(dc.ConversionError, match="no code is written for ONNX Runtime"):
        made.code()
    assert not dc.convert(dc.Unfold(3), to="onnx")
    assert not dc.convert(dc.LpPool(3, stride=2, ceil_mode=True), to="onnx", size=8)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"anything")
    result = invoke("trace", str(path), "--input", "8")
    assert result.exit_code == 3
    assert 'pip install "deconvcalc[onnx]"' in result.stderr


# Real runs.

SAME = dc.Same()
CONFIRMED: list[Layer] = [
    dc.Conv(3, stride=2, padding=1),
    dc.Conv(3, padding=((1, 2), (0, 1)), groups=2, bias=False),
    dc.Conv(3, padding=SAME, stride=2),
    dc.Conv(3, padding=1, padding_mode="reflect"),
    dc.DepthwiseConv(3, padding=1, multiplier=2, out_channels=4),
    dc.ConvTranspose(4, stride=2, padding=1),
    dc.ConvTranspose(3, stride=2, padding=((2, 0), (0, 1))),
    dc.ConvTranspose(3, stride=2, padding=((1, -3), (0, 0))),
    dc.ConvTranspose(3, stride=2, padding=dc.ToSize(16, "lower")),
    dc.MaxPool(3, stride=2, ceil_mode=True),
    dc.MaxPool(3, stride=2, padding=1, dilation=2),
    dc.MaxPool(2, padding=((3, 3), (0, 0))),
    dc.MaxPool(2, stride=3, padding=((0, -1), (0, 0)), ceil_mode=True),
    dc.AvgPool(3, stride=2, padding=1),
    dc.AvgPool(3, stride=2, padding=1, ceil_mode=True),
    dc.AvgPool(3, stride=2, padding=SAME, count_include_pad=False),
    dc.LpPool(3, norm=3, stride=2),
    dc.Upsample(2),
    dc.Upsample(1.5),
    dc.Upsample(2, mode="bilinear", align_corners=True),
    dc.Upsample(size=5, mode="nearest-exact"),
    dc.Upsample(size=11, mode="bicubic"),
    dc.PixelShuffle(2),
    dc.Pad(((1, 2), (0, -1)), value=2.5),
    dc.Pad(2, mode="reflect"),
    dc.Pad(1, mode="circular"),
    dc.Crop(1),
    dc.Slice(1, None, 2),
    dc.GlobalPool("max", keepdims=False),
    dc.Identity(),
]


class TestRuns:
    """With ONNX Runtime."""

    pytestmark = runs

    def test_layers_of_every_kind_are_confirmed(self) -> None:
        for layer in CONFIRMED:
            (verdict,) = dc.verify(layer, 8, checkers=("onnx",))
            assert verdict.ok, (layer, verdict.reason, verdict.built)
            assert verdict.how == "layers"
            assert verdict.built[0].startswith("onnx.")
            assert {"onnxruntime", "onnx"} <= {*verdict.versions}

    @settings(max_examples=60)
    @given(st.data())
    def test_drawn_windows_agree_with_the_reference(self, data: Any) -> None:
        kernel, stride = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
        pads = data.draw(st.tuples(st.integers(0, kernel - 1), st.integers(0, kernel - 1)))
        dilation, ceil = data.draw(st.integers(1, 2)), data.draw(st.booleans())
        n = data.draw(st.integers(1, 12))
        window = {"stride": stride, "padding": (pads,), "axes": 1}
        counted = data.draw(st.booleans())
        layers = [
            dc.Conv(kernel, dilation=dilation, **window),
            dc.ConvTranspose(kernel, dilation=dilation, **window),
            dc.MaxPool(kernel, dilation=dilation, ceil_mode=ceil, **window),
            dc.AvgPool(kernel, ceil_mode=ceil, count_include_pad=counted, **window),
        ]
        layer = data.draw(st.sampled_from(layers))
        if layer.accepts(n):
            (verdict,) = dc.verify(layer, (n,), checkers=("onnx",))
            assert verdict.ok, (layer, n, verdict.reason, verdict.built)

    def test_stacks_and_certificates(self) -> None:
        stack = [dc.Conv(3, stride=2, padding=1), dc.ConvTranspose(4, stride=2, padding=1)]
        (verdict,) = dc.verify(stack, (7, 9), checkers=("onnx",))
        assert verdict.ok
        assert verdict.found == (8, 10)
        assert dc.recheck(verdict.to_record()).ok

    def test_a_float64_that_the_runtime_lacks_is_a_refusal(self) -> None:
        (verdict,) = dc.verify(dc.Conv(3), 8, checkers=("onnx",), dtype="float64")
        assert verdict.fault == "refused"
        assert "implementation" in str(verdict.reason)

    def test_the_command_line(self) -> None:
        result = invoke("verify", "ConvTranspose(6, stride=2)", "28", "--with", "onnx")
        assert result.exit_code == 0
        assert "onnx" in result.stdout
        assert "onnx" in CHECKERS
        assert status("onnx").state == "ready"
