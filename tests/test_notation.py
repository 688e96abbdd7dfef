"""Pasted text: what is read, what is refused and where the caret stands. Nothing is evaluated."""

from __future__ import annotations

import builtins
import json
import keyword
import pickle
import subprocess
import sys
import time
from importlib.util import find_spec
from math import isfinite
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.dialects import DIALECTS, REQUIRED, Call
from deconvcalc.notation import DEEPEST, LONGEST
from tests.strategies import COUPLING, SINGLE, layers

if TYPE_CHECKING:
    from pathlib import Path

Explicit, Same = dc.Explicit, dc.Same

# What is read.

READ: list[tuple[str, dc.Layer]] = [
    # PyTorch, by position and by keyword.
    ("nn.Conv2d(3, 8, 5)", dc.Conv(5, in_channels=3, out_channels=8, axes=2)),
    (
        "nn.Conv2d(3, 8, 5, 2, 1, 1)",
        dc.Conv(5, stride=2, padding=1, in_channels=3, out_channels=8, axes=2),
    ),
    (
        "nn.Conv2d(out_channels=8, kernel_size=(5, 3), in_channels=3, padding=(2, 1))",
        dc.Conv((5, 3), padding=(2, 1), in_channels=3, out_channels=8),
    ),
    (
        "nn.Conv1d(4, 4, 4, padding='same', groups=2, bias=False)",
        dc.Conv(
            4, padding=Explicit(1, 2), groups=2, in_channels=4, out_channels=4, bias=False, axes=1
        ),
    ),
    (
        "nn.Conv3d(1, 1, 3, dilation=2, padding_mode='circular', padding=2, device='cpu')",
        dc.Conv(
            3,
            dilation=2,
            padding=2,
            padding_mode="circular",
            in_channels=1,
            out_channels=1,
            axes=3,
        ),
    ),
    ("nn.LazyConv2d(8, 5)", dc.Conv(5, out_channels=8, axes=2)),
    (
        "nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)",
        dc.ConvTranspose(4, stride=2, padding=1, in_channels=8, out_channels=3, axes=2),
    ),
    (
        "nn.ConvTranspose2d(8, 3, 3, 2, 1, 1, 1, False, 1)",
        dc.ConvTranspose(
            3,
            stride=2,
            padding=1,
            output_padding=1,
            in_channels=8,
            out_channels=3,
            bias=False,
            axes=2,
        ),
    ),
    ("nn.MaxPool2d(2)", dc.MaxPool(2, axes=2)),
    (
        "nn.MaxPool2d(3, 2, 1, 1, False, True)",
        dc.MaxPool(3, stride=2, padding=1, ceil_mode=True, axes=2),
    ),
    (
        "nn.AvgPool1d(3, padding=1, count_include_pad=False)",
        dc.AvgPool(3, padding=1, count_include_pad=False, axes=1),
    ),
    ("nn.AvgPool3d(3, padding=1)", dc.AvgPool(3, padding=1, must_fit=True, axes=3)),
    ("nn.LPPool2d(2, 3, 1)", dc.LpPool(3, norm=2, stride=1, axes=2)),
    ("nn.MaxUnpool2d(2)", dc.MaxUnpool(2, axes=2)),
    ("nn.Upsample(scale_factor=2)", dc.Upsample(2)),
    ("nn.Upsample(scale_factor=(2.0, 0.5))", dc.Upsample((2, 0.5))),
    ("nn.Upsample(7)", dc.Upsample(size=7)),
    (
        "nn.Upsample(size=(7, 9), mode='bilinear', align_corners=True)",
        dc.Upsample(size=(7, 9), mode="bilinear", align_corners=True),
    ),
    ("nn.UpsamplingNearest2d(scale_factor=3)", dc.Upsample(3, axes=2)),
    ("nn.PixelShuffle(2)", dc.PixelShuffle(2, axes=2)),
    ("nn.PixelUnshuffle(downscale_factor=2)", dc.PixelUnshuffle(2, axes=2)),
    ("nn.ZeroPad2d((1, 2, 3, 4))", dc.Pad(((3, 4), (1, 2)))),
    ("nn.ReflectionPad1d(2)", dc.Pad(2, mode="reflect", axes=1)),
    (
        "nn.ConstantPad2d(1, float('-inf'))",
        dc.Pad(1, value=float("-inf"), axes=2),
    ),
    ("nn.ConstantPad1d(1, value=-1.5)", dc.Pad(1, value=-1.5, axes=1)),
    ("nn.AdaptiveAvgPool2d((7, None))", dc.AdaptivePool((7, None))),
    ("nn.AdaptiveMaxPool2d(1)", dc.AdaptivePool(1, kind="max", axes=2)),
    ("nn.Unfold(3, dilation=2, padding=1)", dc.Unfold(3, dilation=2, padding=1, axes=2)),
    ("nn.Fold((5, 6), 3)", dc.Fold((5, 6), 3)),
    ("Unfold(3, stride=2, padding=Same())", dc.Unfold(3, stride=2, padding=dc.Same())),
    ("Fold((5, 6), 3, padding=Explicit(0, 1))", dc.Fold((5, 6), 3, padding=dc.Explicit(0, 1))),
    ("nn.Flatten()", dc.Flatten()),
    ("nn.Flatten(1, 3)", dc.Flatten(axes=2)),
    ("nn.Unflatten(2, (7, 7))", dc.Reshape((7, 7), axes=1)),
    ("nn.Linear(49, 10)", dc.Dense(10, in_features=49)),
    ("nn.InstanceNorm2d(8)", dc.Identity("InstanceNorm2d", least_elements=2, axes=2)),
    ("nn.BatchNorm2d(8)", dc.Identity("BatchNorm2d", axes=2)),
    ("nn.ReLU(inplace=True)", dc.Identity("ReLU")),
    ("nn.Identity()", dc.Identity("Identity")),
    # Keras, by position and by keyword.
    ("layers.Conv2D(8, 5)", dc.Conv(5, out_channels=8, axes=2)),
    ("layers.Conv2D(8, (5, 5), 2)", dc.Conv(5, stride=2, out_channels=8, axes=2)),
    (
        "layers.Conv2D(filters=8, kernel_size=3, strides=2, padding='same')",
        dc.Conv(3, stride=2, padding=Same(), out_channels=8, axes=2),
    ),
    ("layers.Conv2D(8, 3, padding='SAME')", dc.Conv(3, padding=1, out_channels=8, axes=2)),
    (
        "layers.Conv1D(8, 3, padding='causal', dilation_rate=2)",
        dc.Conv(3, padding=Explicit(4, 0), dilation=2, out_channels=8, axes=1),
    ),
    (
        "layers.Conv2DTranspose(64, kernel_size=(6, 6), padding='valid', strides=2)",
        dc.ConvTranspose(6, stride=2, out_channels=64, axes=2),
    ),
    (
        "layers.Conv2DTranspose(3, 3, strides=2, padding='same')",
        dc.ConvTranspose(3, stride=2, padding=Explicit(0, 1), out_channels=3, axes=2),
    ),
    (
        "layers.Conv2DTranspose(3, 4, 2, 'same')",
        dc.ConvTranspose(4, stride=2, padding=1, out_channels=3, axes=2),
    ),
    (
        "layers.Conv2DTranspose(3, 2, 3, 'same')",
        dc.ConvTranspose(2, stride=3, padding=Explicit(0, -1), out_channels=3, axes=2),
    ),
    (
        "layers.Conv2DTranspose(3, 2, 3, 'valid')",
        dc.ConvTranspose(2, stride=3, padding=Explicit(0, -1), out_channels=3, axes=2),
    ),
    (
        "layers.Conv2DTranspose(3, 3, 2, 'same', 0)",
        dc.ConvTranspose(3, stride=2, padding=1, out_channels=3, axes=2),
    ),
    (
        "layers.Conv2DTranspose(3, 3, 2, 'valid', output_padding=1)",
        dc.ConvTranspose(3, stride=2, padding=Explicit(0, -1), out_channels=3, axes=2),
    ),
    (
        "layers.Conv3DTranspose(3, 3, 2, 'same', None, 1)",  # the data_format comes first in 3-D
        dc.ConvTranspose(3, stride=2, padding=Explicit(0, 1), out_channels=3, axes=3),
    ),
    (
        "layers.DepthwiseConv2D(3, depth_multiplier=2)",
        dc.DepthwiseConv(3, multiplier=2, axes=2),
    ),
    (
        "layers.SeparableConv2D(8, 3, strides=2, dilation_rate=2, padding='same')",
        dc.DepthwiseConv(3, stride=2, dilation=2, padding=Same(), out_channels=8, axes=2),
    ),
    ("layers.MaxPooling2D()", dc.MaxPool(2, axes=2)),
    ("layers.MaxPool2D((2, 3), padding='same')", dc.MaxPool((2, 3), padding=Same())),
    (
        "layers.AveragePooling2D(2, 1, 'same')",
        dc.AvgPool(2, stride=1, padding=Explicit(0, 1), count_include_pad=False, axes=2),
    ),
    ("layers.GlobalAveragePooling2D()", dc.GlobalPool(keepdims=False, axes=2)),
    ("layers.GlobalMaxPooling1D(keepdims=True)", dc.GlobalPool("max", axes=1)),
    ("layers.UpSampling2D()", dc.Upsample(2, axes=2)),
    (
        "layers.UpSampling2D((2, 3), interpolation='bilinear')",
        dc.Upsample((2, 3), mode="bilinear"),
    ),
    ("layers.Resizing(7, 9)", dc.Upsample(size=(7, 9), mode="bilinear")),
    ("layers.ZeroPadding2D()", dc.Pad(1, axes=2)),
    ("layers.ZeroPadding2D(((1, 2), (3, 4)))", dc.Pad(((1, 2), (3, 4)))),
    ("layers.ZeroPadding1D((1, 2))", dc.Pad(Explicit(1, 2), axes=1)),
    ("layers.Cropping1D()", dc.Crop(1, axes=1)),
    ("layers.Cropping2D()", dc.Crop(0, axes=2)),
    ("layers.Cropping3D()", dc.Crop(1, axes=3)),
    ("layers.Cropping2D(((1, 0), (0, 2)))", dc.Crop(((1, 0), (0, 2)))),
    ("layers.AdaptiveAveragePooling2D((7, 8))", dc.AdaptivePool((7, 8))),
    ("layers.Flatten()", dc.Flatten()),
    ("layers.Dense(10, activation='relu')", dc.Dense(10)),
    ("layers.Reshape((7, -1))", dc.Reshape((7, -1))),
    ("layers.LeakyReLU(0.2)", dc.Identity("LeakyReLU")),
    # What does not change sizes may be anything.
    (
        "layers.Conv2D(8, 3, activation=tf.nn.relu, kernel_initializer=he(), name=f'{c}')",
        dc.Conv(3, out_channels=8, axes=2),
    ),
    (
        "nn.Conv2d(3, 8, 3, device=device, dtype=torch.float32)",
        dc.Conv(3, in_channels=3, out_channels=8, axes=2),
    ),
    # The library's own notation.
    ("ConvTranspose(6, stride=2)", dc.ConvTranspose(6, stride=2)),
    ("dc.Conv((3, 5), padding=((0, 1), (1, 0)))", dc.Conv((3, 5), padding=((0, 1), (1, 0)))),
    ("deconvcalc.Upsample(2)", dc.Upsample(2)),
    ("Conv(3, stride=2, padding=Same())", dc.Conv(3, stride=2, padding=Same())),
    ("Conv(3, padding=Explicit(before=1, after=0))", dc.Conv(3, padding=Explicit(1, 0))),
    (
        "ConvTranspose(3, stride=2, padding=(ToSize(8), ToSize(7, split=1)))",
        dc.ConvTranspose(3, stride=2, padding=(dc.ToSize(8), dc.ToSize(7, 1))),
    ),
    ("Slice(1, -1)", dc.Slice(1, -1)),
    ("Upsample(factor=2)", dc.Upsample(2)),
    # Lists, signs, digits, breaks and comments are as in Python.
    ("nn.Conv2d(3, 8, kernel_size=[3, 5])", dc.Conv((3, 5), in_channels=3, out_channels=8)),
    ("nn.MaxPool2d(+2)", dc.MaxPool(2, axes=2)),
    ("nn.MaxPool2d(0x10)", dc.MaxPool(16, axes=2)),
    ("nn.MaxPool2d(1_000)", dc.MaxPool(1000, axes=2)),
    ("nn.MaxPool2d(\n    2,  # halves\n)", dc.MaxPool(2, axes=2)),
    ("nn.MaxPool2d(\r\n    2,\r\n)\r\n", dc.MaxPool(2, axes=2)),
    ("nn.MaxPool2d(\r2)", dc.MaxPool(2, axes=2)),
]


@pytest.mark.parametrize(("text", "layer"), READ, ids=[text for text, _ in READ])
def test_what_is_read(text: str, layer: dc.Layer) -> None:
    assert dc.parse(text) == layer


PREFIXES = {
    "torch": ("", "nn.", "torch.nn.", "self.", "torch.nn.modules.conv."),
    "keras": ("", "layers.", "keras.layers.", "tf.keras.layers.", "tensorflow.keras.layers."),
}


OPEN: list[tuple[str, dc.Layer]] = [
    ("nn.Conv2d(in_ch, out_ch, 3)", dc.Conv(3, axes=2)),
    ("nn.Conv2d(in_ch, 8, 3)", dc.Conv(3, out_channels=8, axes=2)),
    ("nn.Conv2d(3, 2 * width, 3)", dc.Conv(3, in_channels=3, axes=2)),
    ("nn.Conv2d(self.ins[0], out_channels=int(c * 2), kernel_size=3)", dc.Conv(3, axes=2)),
    ("nn.Conv2d(a if deep else b, -c, 3, groups=2)", dc.Conv(3, groups=2, axes=2)),
    ("nn.ConvTranspose1d(c, c // 2, 4, 2, 1)", dc.ConvTranspose(4, stride=2, padding=1, axes=1)),
    ("nn.LazyConv2d(out_ch, 3)", dc.Conv(3, axes=2)),
    ("nn.BatchNorm2d(out_ch)", dc.Identity("BatchNorm2d", axes=2)),
    ("Conv2D(filters, 3)", dc.Conv(3, axes=2)),
    ("Conv2DTranspose(filters=2 * f, kernel_size=3)", dc.ConvTranspose(3, axes=2)),
    ("SeparableConv2D(f, 3)", dc.parse("SeparableConv2D(8, 3)").replace(out_channels=None)),
    ("Conv(3, in_channels=c, out_channels=2 * c)", dc.Conv(3)),
]


@pytest.mark.parametrize(("text", "layer"), OPEN, ids=[text for text, _ in OPEN])
def test_channels_may_be_names(text: str, layer: dc.Layer) -> None:
    read = dc.parse(text)
    assert read == layer
    assert read.output_size(28) == layer.output_size(28)


PRINTED: list[tuple[str, str]] = [
    (
        "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=same)",
        "nn.Conv2d(3, 8, 3, padding='same')",
    ),
    (
        "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=valid, padding_mode=reflect)",
        "nn.Conv2d(3, 8, 3, padding='valid', padding_mode='reflect')",
    ),
    (
        "  (up.0): ConvTranspose2d(8, 3, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))",
        "nn.ConvTranspose2d(8, 3, 4, 2, 1)",
    ),
    ("(3): ReLU(inplace=True)", "nn.ReLU(inplace=True)"),
    ("(down_1):MaxPool2d(kernel_size=2, stride=2),", "nn.MaxPool2d(2)"),
]


@pytest.mark.parametrize(("printed", "text"), PRINTED)
def test_what_pytorch_prints_is_read(printed: str, text: str) -> None:
    assert dc.parse(printed) == dc.parse(text)


REPRS = """
import json, torch
from torch import nn
made = [
    f"nn.Conv{axes}d(4, 8, 3, padding={padding!r}, padding_mode={mode!r}, bias={bias})"
    for axes in (1, 2, 3)
    for padding in ("same", "valid", 1)
    for mode in ("zeros", "reflect", "replicate", "circular")
    for bias in (True, False)
]
made += [
    "nn.ConvTranspose2d(4, 8, 3, 2, 1, 1, groups=2)", "nn.MaxPool2d(3, 2, 1, ceil_mode=True)",
    "nn.AvgPool3d(2)", "nn.AvgPool1d(3, 2, 1)", "nn.LPPool2d(2, 3)", "nn.MaxUnpool2d(2)",
    "nn.Upsample(scale_factor=2, mode='bilinear')", "nn.Upsample(size=(7, 9))",
    "nn.PixelShuffle(2)", "nn.PixelUnshuffle(2)", "nn.ZeroPad2d((1, 2, 3, 4))",
    "nn.ReflectionPad1d(2)", "nn.AdaptiveAvgPool2d((7, None))", "nn.AdaptiveMaxPool2d(1)",
    "nn.Unfold(3, padding=1)", "nn.Fold((5, 6), 3)", "nn.Flatten()", "nn.Linear(49, 10)",
    "nn.BatchNorm2d(8)", "nn.ReLU(inplace=True)", "nn.Identity()", "nn.Dropout(0.2)",
]
model = nn.Sequential(*[eval(text) for text in made])
lines = str(model).splitlines()[1:-1]
print(json.dumps([made, [str(layer) for layer in model], lines]))
"""


@pytest.mark.framework
def test_what_the_real_pytorch_prints_is_read() -> None:
    if find_spec("torch") is None:
        pytest.skip("not installed: torch")
    done = subprocess.run(
        [sys.executable, "-c", REPRS], check=True, capture_output=True, text=True, timeout=100
    )
    texts, alone, inside = json.loads(done.stdout)
    assert len(texts) == len(alone) == len(inside) > 90
    for text, printed, line in zip(texts, alone, inside, strict=True):
        assert dc.parse(printed) == dc.parse(text), printed
        assert dc.parse(line) == dc.parse(text), line


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ('dc.Conv(3, padding=dc.Same("upper"), stride=2)', dc.Conv(3, padding=Same(), stride=2)),
        ("Conv(3, padding=dc.Explicit(1, 2))", dc.Conv(3, padding=Explicit(1, 2))),
        (
            "deconvcalc.Conv(3, padding=(deconvcalc.Same(), Explicit(1, 2)))",
            dc.Conv(3, padding=(Same(), Explicit(1, 2))),
        ),
        (
            "dc.ConvTranspose(3, stride=2, padding=dc.ToSize(28))",
            dc.ConvTranspose(3, stride=2, padding=dc.ToSize(28)),
        ),
    ],
)
def test_rules_may_have_their_module(text: str, layer: dc.Layer) -> None:
    assert dc.parse(text) == layer


@pytest.mark.parametrize("prefix", PREFIXES["torch"])
def test_prefixes_of_torch(prefix: str) -> None:
    assert dc.parse(f"{prefix}ConvTranspose2d(1, 1, 3)") == dc.parse("nn.ConvTranspose2d(1, 1, 3)")


@pytest.mark.parametrize("prefix", PREFIXES["keras"])
def test_prefixes_of_keras(prefix: str) -> None:
    assert dc.parse(f"{prefix}Conv2DTranspose(1, 3)") == dc.parse("layers.Conv2DTranspose(1, 3)")


AROUND = (
    "{}",
    "  {}  ",
    "\n\t{}\n",
    "{},",
    "{} ,",
    "{};",
    "{},  # a comment",
    "({})",
    "up = {}",
    "self.up = {},",
    "self.layers[3] = {}",
    "a = b = {}",
    "up: nn.Module = {}",
    "x = {}(x)",
    "{}(x, training=True)",
    "return_value = {}(relu(x) + y[0])",
)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("call", ["nn.MaxPool2d(2)", "layers.MaxPooling2D(2)", "dc.MaxPool(2)"])
def test_what_may_stand_around_a_call(around: str, call: str) -> None:
    assert dc.parse(around.format(call)) == dc.parse(call)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        # PyTorch's before Keras's before the library's.
        ("Upsample(2)", dc.Upsample(size=2)),
        ("dc.Upsample(2)", dc.Upsample(2)),
        ("PixelShuffle(2)", dc.PixelShuffle(2, axes=2)),
        ("dc.PixelShuffle(2)", dc.PixelShuffle(2)),
        ("Dense(3)", dc.Dense(3)),
        ("Unfold(3)", dc.Unfold(3, axes=2)),
        # The keywords may tell.
        ("Dropout(p=0.5)", dc.Identity("Dropout")),
        ("Dropout(rate=0.5)", dc.Identity("Dropout")),
        ("Upsample(factor=2)", dc.Upsample(2)),
        ("Upsample(scale_factor=2)", dc.Upsample(2)),
        ("Unfold(3, axes=1)", dc.Unfold(3, axes=1)),
        ("Softmax(axis=-1)", dc.Identity("Softmax")),
    ],
)
def test_names_that_are_shared(text: str, layer: dc.Layer) -> None:
    assert dc.parse(text) == layer


def test_a_dialect_that_is_asked_for() -> None:
    assert dc.parse("Upsample(2)", dialect="torch") == dc.Upsample(size=2)
    assert dc.parse("Reshape((7, 7))", dialect="keras") == dc.Reshape((7, 7))
    for text, dialect in (
        ("Conv2D(8, 3)", "torch"),
        ("Conv2d(3, 8, 3)", "keras"),
        ("Conv(3)", "keras"),
    ):
        with pytest.raises(dc.NotationError, match="is no layer of"):
            dc.parse(text, dialect=dialect)
    with pytest.raises(dc.QueryError, match="unknown dialect 'caffe'; known are torch, keras"):
        dc.parse("Conv(3)", dialect="caffe")
    for wrong in (b"Conv(3)", 3, None, dc.Conv(3)):
        with pytest.raises(TypeError, match="parse reads text"):
            dc.parse(wrong)  # type: ignore[arg-type]


# Parse after print is the identity.


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", sorted(SINGLE | COUPLING))
@settings(max_examples=10)
@given(st.data())
def test_what_a_layer_prints_is_read(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    assert dc.parse(f"dc.{layer!r}") == layer


# Every call of every dialect.

VALUES: dict[str, Any] = {
    "activation": "relu",
    "dim": 2,
    "downscale_factor": 2,
    "filters": 4,
    "groups": 2,
    "height": 5,
    "in_channels": 4,
    "in_features": 4,
    "kernel_size": 3,
    "norm_type": 2,
    "num_channels": 4,
    "num_features": 4,
    "num_groups": 2,
    "out_channels": 4,
    "out_features": 4,
    "output_size": 5,
    "padding": 1,
    "pool_size": 3,
    "rate": 0.5,
    "scale": 2.0,
    "size": 2,
    "stddev": 0.1,
    "target_shape": (7, 7),
    "unflattened_size": (7, 7),
    "units": 4,
    "upscale_factor": 2,
    "value": 1.5,
    "width": 6,
}
ONE_OF_TWO = ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
CALLS = [(dialect, name) for dialect in DIALECTS.values() for name in dialect.calls]
every_call = pytest.mark.parametrize(
    ("dialect", "name"), CALLS, ids=[f"{dialect.name} {name}" for dialect, name in CALLS]
)


def needed(call: Call) -> dict[str, Any]:
    """The arguments without which a call is refused."""
    names = [name for name, default in call.parameters if default is REQUIRED]
    return {name: VALUES[name] for name in [*names, *["size"] * (call.name in ONE_OF_TWO)]}


@every_call
def test_every_call_is_read(dialect: Any, name: str) -> None:
    call = dialect.calls[name]
    given = needed(call)
    named = [f"{key}={value!r}" for key, value in given.items()]
    prefix = {"torch": "nn", "keras": "keras.layers"}[dialect.name]
    layer = dc.parse(f"{prefix}.{name}({', '.join(named)})")
    assert isinstance(layer, dc.Layer)
    assert layer.axes == call.axes or call.axes is None or isinstance(layer, dc.Fold)
    assert dc.parse(f"{prefix}.{name}({', '.join(reversed(named))})") == layer
    assert dc.parse(f"{name}({', '.join(named)})", dialect=dialect.name) == layer
    first = [key for key, _ in call.parameters][: len(given)]
    if first == [*given]:
        values = ", ".join(map(repr, given.values()))
        assert dc.parse(f"{prefix}.{name}({values})") == layer


@every_call
def test_every_call_misses_what_it_needs(dialect: Any, name: str) -> None:
    call = dialect.calls[name]
    for missing in needed(call):
        rest = [f"{key}={value!r}" for key, value in needed(call).items() if key != missing]
        with pytest.raises(dc.NotationError, match=missing) as caught:
            dc.parse(f"{name}({', '.join(rest)})", dialect=dialect.name)
        assert caught.value.rule == missing
        assert caught.value.position == 0
    with pytest.raises(dc.NotationError, match=f"{name} has no argument nonsense") as caught:
        dc.parse(f"{name}(nonsense=3)", dialect=dialect.name)
    assert caught.value.position == len(name) + 1


@every_call
def test_every_call_is_well_formed(dialect: Any, name: str) -> None:
    call = dialect.calls[name]
    names = [key for key, _ in call.parameters]
    assert call.name == name
    assert len(set(names)) == len(names)
    assert all(key.isidentifier() and not keyword.iskeyword(key) for key in names)
    assert call.axes in (None, 1, 2, 3)


SIGNATURES = """
import importlib, inspect, json, sys
module = importlib.import_module(sys.argv[1])
found = {}
for name in sys.argv[2:]:
    parameters = inspect.signature(getattr(module, name).__init__).parameters.values()
    found[name] = [
        [p.name, None if p.default is p.empty else repr(p.default), p.kind.name]
        for p in parameters if p.name != "self" and not p.kind.name.startswith("VAR")
    ]
print("\\n" + json.dumps(found))
"""


def plain(text: str | None) -> str | None:
    """The repr of a default; pairs of the same are that number, as for all axes."""
    numbers = {c for c in text or "" if c not in "(), "}
    return numbers.pop() if text and text[0] == "(" and len(numbers) == 1 else text


@pytest.mark.framework
@pytest.mark.parametrize(("dialect", "module"), [("torch", "torch.nn"), ("keras", "keras.layers")])
def test_tables_are_the_signatures(dialect: str, module: str) -> None:
    if find_spec(dialect) is None:
        pytest.skip(f"{dialect} is not installed")
    calls = DIALECTS[dialect].calls
    done = subprocess.run(
        [sys.executable, "-c", SIGNATURES, module, *calls],
        capture_output=True,
        text=True,
        check=True,
    )
    real = json.loads(done.stdout.splitlines()[-1])
    for name, call in calls.items():
        parameters = [(key, plain(text)) for key, text, _ in real[name]]
        written = [(k, None if v is REQUIRED else repr(v)) for k, v in call.parameters]
        if name != "Identity":  # it takes anything
            assert written == parameters, name
            free = [key for key, _, kind in real[name] if kind != "KEYWORD_ONLY"]
            assert [key for key, _ in call.parameters][: call.positional] == free, name


# What is refused, and where. The caret stands under the character behind the mark.

MARK = "¦"
FAULTS: list[tuple[str, str]] = [
    ("¦", "there is no text"),
    ("¦nonsense", "this is no call of a layer"),
    ("¦nn.Conv2d", "this is no call of a layer"),
    ("¦3", "this is no call of a layer"),
    ("¦[nn.ReLU(), nn.Tanh()]", "this is no call of a layer"),
    ("¦nn.ReLU() if x else nn.Tanh()", "this is no call of a layer"),
    ("¦lambda: nn.ReLU()", "this is no call of a layer"),
    ("¦f'{nn.ReLU()}'", "this is no call of a layer"),
    ("¦return nn.ReLU()", "this is no call of a layer"),
    ("¦del x", "this is no call of a layer"),
    ("nn.ReLU(); ¦nn.Tanh()", "this is not one layer"),
    ("nn.ReLU()\n¦nn.Tanh()", "this is not one layer"),
    ("nn.Conv2d¦(3, 8, 3", "was never closed"),
    ("nn.Conv2d(3, 8, 3)¦)", "unmatched"),
    ("nn.Conv2d(3, 8, ¦3 4)", "cannot be read"),
    ("¦f()()()", "a layer is called by its name"),
    ("(¦lambda x: x)(3)", "a layer is called by its name"),
    ("¦layers[3](x)", "a layer is called by its name"),
    ("¦Conv3x3(3)", "Conv3x3 is no layer of PyTorch or Keras or deconvcalc"),
    ("¦nn.Conv2D(3, 8, 3)", "Conv2D is no layer of PyTorch that"),
    ("  up = ¦nn.Conv2D(3, 8, 3)", "Conv2D is no layer of PyTorch that"),
    ("¦keras.layers.Conv2d(3, 8)", "Conv2d is no layer of Keras that"),
    ("¦dc.Conv2d(3, 8, 3)", "Conv2d is no layer of deconvcalc that"),
    ("¦os.system('touch x')", "system is no layer"),
    ("nn.Conv2d(3, 8, 3, ¦strides=2)", "Conv2d has no argument strides"),
    ("layers.Conv2D(8, 3, ¦stride=2)", "Conv2D has no argument stride"),
    ("dc.Conv(3, ¦strides=2)", "Conv has no argument strides"),
    ("¦nn.Conv2d(3, 8)", "Conv2d needs kernel_size"),
    ("¦dc.Conv(stride=2)", "Conv needs kernel_size"),
    ("nn.MaxPool2d(2, ¦kernel_size=2)", "kernel_size is given twice"),
    ("nn.MaxPool2d(kernel_size=2, ¦kernel_size=2)", "given twice|repeated"),
    ("nn.PixelShuffle(2, ¦3)", "takes at most 1 argument"),
    ("dc.Conv(3, ¦2)", "takes at most 1 argument"),
    ("nn.MaxPool2d(¦*sizes)", "written? ?them out|write them out"),
    ("nn.MaxPool2d(**¦sizes)", "write them out"),
    ("nn.MaxPool2d(¦k)", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(kernel_size=¦k)", "kernel_size must be written as a number"),
    ("nn.MaxPool2d((2, ¦k))", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦2 + 1)", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦-k)", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦--2)", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦[k for k in range(3)])", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦f'{k}')", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦lambda: 2)", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦{2: 2})", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦Explicit(1, 2))", "kernel_size must be written as a number"),
    ("nn.MaxPool2d(¦int('2'))", "kernel_size must be written as a number"),
    ("nn.ConstantPad2d(1, ¦float('2'))", "value must be written as a number"),
    ("dc.Conv(3, padding=Explicit(1, ¦k))", "after must be written as a number"),
    ("dc.Conv(3, padding=¦Explicit(1))", "Explicit needs after"),
    ("dc.Conv(3, padding=Same(¦'left'))", "Same: odd must be"),
    ("dc.Conv(¦0)", "Conv: kernel_size must be at least 1"),
    ("dc.Conv(¦True)", "Conv: kernel_size must be an int, not True"),
    ("dc.Conv(3, bias=¦0)", "Conv: bias must be True or False, not 0"),
    ("dc.Conv((3, 3), stride=¦(1, 1, 1))", "Conv: stride has 3 entries"),
    ("nn.Conv2d(3, 8, ¦0)", "Conv2d: kernel_size must be an int of at least 1"),
    ("nn.Conv2d(3, 8, ¦True)", "kernel_size must be an int of at least 1, .* not True"),
    ("nn.Conv2d(3, 8, ¦3.0)", "not 3.0"),
    ("nn.Conv2d(3, 8, ¦'3')", "not '3'"),
    ("nn.Conv2d(3, 8, ¦None)", "not None"),
    ("nn.Conv2d(3, 8, ¦3j)", "not 3j"),
    ("nn.Conv2d(3, 8, ¦...)", "not Ellipsis"),
    ("nn.Conv2d(3, 8, ¦(3, 3, 3))", "or a tuple of 2"),
    ("nn.Conv2d(3, 8, 3, stride=¦-1)", "stride must be an int of at least 1"),
    ("nn.Conv2d(3, 8, 3, padding=¦'SAME')", "padding must be"),
    ("nn.Conv2d(3, 8, 3, 2, ¦'same')", "'same' needs a stride of 1, not 2"),
    ("nn.Conv2d(3, 8, 3, (2, 1), ¦'same')", r"needs a stride of 1, not \(2, 1\)"),
    ("(conv): nn.Conv2d(3, 8, ¦k)", "kernel_size must be written as a number"),
    ("  (a.0): nn.MaxPool2d(¦0)", "kernel_size must be"),
    ("(a): ¦(b): ReLU()", "this is no call|cannot be read"),
    ("nn.Conv2d(¦'c', 8, 3)", "in_channels must be an int"),
    ("nn.Conv2d(3, ¦-8, 3)", "out_channels must be an int"),
    ("nn.Conv2d(¦None, 8, 3)", "in_channels must be an int"),
    ("Conv2D(¦None, 3)", "filters must be an int"),
    ("nn.Conv2d(¦lambda: 3, 8, 3)", "in_channels must be written as a number"),
    ("nn.Conv2d(3, 8, 3, groups=¦g)", "groups must be written as a number"),
    ("nn.Conv2d(3, 8, 3, padding=¦half)", "padding must be written as a number"),
    ("nn.Conv2d(3, 8, 3, stride=¦same)", "stride must be written as a number"),
    ("Conv2D(8, 3, padding=¦same)", "padding must be written as a number"),
    ("Conv(3, padding=¦same)", "padding must be written as a number"),
    ("Conv(3, padding=¦np.Same())", "padding must be written as a number"),
    ("nn.Conv2d(3, 8, 3, groups=¦2)", "groups=2 does not divide in_channels=3"),
    (
        "nn.ConvTranspose2d(3, 8, 3, stride=2, output_padding=¦2)",
        "output_padding must be smaller than stride or dilation: 2 is not below 2",
    ),
    ("nn.MaxPool2d(3, padding=¦2)", "padding must be at most half of the kernel: 2 is above 1"),
    ("nn.MaxPool2d(3, ceil_mode=¦1)", "ceil_mode must be True or False"),
    ("nn.AvgPool2d(3, divisor_override=¦0)", "divisor_override must be an int other than 0"),
    ("nn.LPPool2d(¦0, 3)", "norm_type must be a number other than 0"),
    ("nn.Upsample(scale_factor=¦-1)", "scale_factor must be a number above 0"),
    ("nn.Upsample(scale_factor=2, mode=¦'cubic')", "mode must be one of"),
    ("nn.Upsample(scale_factor=2, mode=¦['nearest'])", "mode must be one of"),
    ("nn.Upsample(¦2, 2)", "give size or scale_factor"),
    ("nn.Dropout(¦2)", "p must be a number from 0 to 1"),
    ("nn.GroupNorm(¦3, 4)", "num_groups must divide num_channels=4"),
    ("nn.Flatten(¦3)", "start_dim must be 1 or 2"),
    ("layers.Conv2D(8, 3, 2, dilation_rate=¦2)", "strides above 1 do not go with"),
    ("layers.Conv2D(8, 3, padding=¦'causal')", "padding must be one of 'valid', 'same'"),
    ("layers.Conv2DTranspose(8, 3, 2, output_padding=¦2)", "must be smaller than strides"),
    ("layers.Conv2DTranspose(8, 4, 2, 'same', ¦0)", "builds, and then fails when it runs"),
    ("layers.UpSampling1D(¦(2,))", "size must be an int"),
    ("layers.UpSampling2D(2, interpolation=¦'cubic')", "interpolation must be one of"),
    ("layers.ZeroPadding2D(¦(1, 2, 3))", "must be an int of at least 0, or 2 ints or pairs"),
    ("layers.Cropping1D(¦-1)", "must be an int of at least 0, or a pair"),
    ("layers.Reshape(¦7)", "target_shape must be a tuple"),
    ("layers.Dropout(rate=¦1.5)", "rate must be a number from 0 to 1"),
    # Places are counted in characters of the text that was given.
    ("\n  nn.MaxPool2d(¦k)", "kernel_size"),
    ("nn.Conv2d(\n    3,\n    8,\n    ¦k,\n)", "kernel_size"),
    ("nn.Conv2d(\r\n    3,\r\n    8,\r\n    ¦k,\r\n)", "kernel_size"),
    ("nn.Conv2d(\r3,\r8,\r¦k)", "kernel_size"),
    ("\tnn.Conv2d(3,\t8,\t¦k)", "kernel_size"),
    ("größe = nn.MaxPool2d(¦k)", "kernel_size"),
    ("nn.Conv2d(3, 8, padding_mode='日本', kernel_size=¦k)", "kernel_size"),
    ("nn.Conv2d(3, 8, padding_mode='😀', kernel_size=¦k)", "kernel_size"),
    ("größe = nn.Conv2d¦(3", "never closed"),
    ("nn.MaxPool2d(¦" + "9" * 101 + ")", "more than 100 digits"),
    ("nn.MaxPool2d(¦" + "9" * 5000 + ")", "more than 100 digits"),
    ("nn.MaxPool2d(-¦0x" + "f" * 5000 + ")", "more than 100 digits"),
]


@pytest.mark.parametrize(
    ("marked", "message"), FAULTS, ids=[f"{i} {text[:50]}" for i, (text, _) in enumerate(FAULTS)]
)
def test_the_caret_stands_under_the_fault(marked: str, message: str) -> None:
    text, place = marked.replace(MARK, ""), marked.index(MARK)
    with pytest.raises(dc.NotationError, match=message) as caught:
        dc.parse(text)
    error = caught.value
    assert error.text == text
    assert error.position == place
    shown, line, caret = str(error).split("\n")[:3]
    assert shown == error.message
    assert caret.strip() == "^"
    if len(line) <= 100:
        column = len(text[:place].rsplit("\n", 1)[-1])
        assert caret.index("^") == column + 2
        whole = [*text.split("\n")][text[:place].count("\n")]
        assert line == "  " + "".join(c if c.isprintable() else " " for c in whole)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.position, again.rule) == (str(error), error.position, error.rule)


def test_the_caret_in_a_long_line() -> None:
    text = (
        "nn.Conv2d(3, 8, 3, padding_mode='" + "x" * 300 + "', bias=k, device='" + "y" * 300 + "')"
    )
    with pytest.raises(dc.NotationError) as caught:
        dc.parse(text)
    _, line, caret = str(caught.value).split("\n")[:3]
    assert len(line) == 102
    assert line[caret.index("^")] == "k" == text[caught.value.position]


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("Conv2b(3, 8, 3)", "Conv2d"),
        ("nn.conv2d(3, 8, 3)", "Did you mean Conv2d"),
        ("nn.Conv2D(3, 8, 3)", "Did you mean Conv2d"),
        ("layers.Conv2d(3, 8)", "Did you mean Conv2D"),
        ("nn.Conv2dTranspose(3, 8, 3)", "ConvTranspose2d"),
        ("layers.ConvTranspose2D(8, 3)", "Conv2DTranspose"),
        ("nn.MaxPooling2d(2)", "MaxPool2d"),
        ("dc.Conv2d(3)", "Did you mean Conv"),
        ("nn.Conv2d(3, 8, 3, strides=2)", "Did you mean stride?"),
        ("nn.Conv2d(3, 8, 3, kernelsize=2)", "Did you mean kernel_size?"),
        ("layers.Conv2D(8, 3, dilation=2)", "dilation_rate"),
        ("dc.Conv(3, strides=2)", "Did you mean stride?"),
        ("nn.Xyzzy(3)", "Known are: "),
        ("nn.Conv2d(3, 8)", "Conv2d(in_channels, out_channels, kernel_size, stride=1"),
        ("nn.MaxPool2d(k)", "put the value in"),
        ("nonsense", "Give one call, for example"),
    ],
)
def test_errors_name_the_way_out(text: str, suggestion: str) -> None:
    with pytest.raises(dc.NotationError) as caught:
        dc.parse(text)
    assert caught.value.hint is not None
    assert suggestion in caught.value.hint
    assert str(caught.value).endswith(caught.value.hint)


# Nothing is evaluated.

HOSTILE = (
    '__import__("os").system("touch x")',
    'nn.Conv2d(3, 8, __import__("os").system("touch x"))',
    'nn.Conv2d(3, 8, 3, device=__import__("os").system("touch x"))',
    'nn.Conv2d(open("x", "w"), __import__("os").system("touch x"), 3)',
    'layers.Conv2D(open("x", "w").fileno() + 1, 3)',
    'layers.Conv2D(8, 3, activation=open("x", "w"))',
    'layers.Conv2D(8, 3)(open("x", "w"))',
    'layers.Conv2D(8, 3, kernel_initializer=eval("open(\\"x\\", \\"w\\")"))',
    'x[open("x", "w")] = nn.ReLU()',
    'x: open("x", "w") = nn.ReLU()',
    "exec(\"open('x', 'w')\")",
    'eval(\'open("x", "w")\')',
    'open("x", "w")',
    'open("x", "w").write("x")',
    'nn.ReLU().__class__.__base__.__subclasses__()[0]("x")',
    "nn.ReLU.__init__.__globals__['sys'].exit(3)",
    '(lambda: open("x", "w"))()',
    '[open("x", "w") for _ in range(1)]',
    '{open("x", "w"): 1}',
    "f\"{open('x', 'w')}\"",
    "nn.Conv2d(3, 8, f\"{open('x', 'w')}\")",
    'nn.Conv2d(3, 8, [open("x", "w") for _ in range(1)])',
    'nn.Conv2d(*open("x", "w"))',
    'nn.Conv2d(**open("x", "w"))',
    'dc.Conv(3, padding=Explicit(1, open("x", "w")))',
    'dc.Conv(3, padding=Explicit.__init__(open("x", "w")))',
    'ToSize.__class__("x", (), {})',
    "import os",
    'import os; os.system("touch x")',
    "from os import system as ReLU",
    "class ReLU: open('x', 'w')",
    "@open('x', 'w')\ndef f(): pass",
    "async def f(): await nn.ReLU()",
    "while True: pass",
    'nn.ReLU(inplace=(y := open("x", "w")))',
    'assert open("x", "w")',
    "raise SystemExit(3)",
    'print("x", file=open("x", "w"))',
    "breakpoint()",
    "exit()",
    "9**9**9**9",
    "nn.MaxPool2d(9**9**9)",
    "nn.MaxPool2d('x' * 10**10)",
    "nn.MaxPool2d([0] * 10**10)",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_evaluated(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(dc.NotationError):  # whatever parsing imports is there from here on
        dc.parse("nn.Xyzzy(3)")
    real = builtins.__import__

    def trap(*_: Any, **__: Any) -> Any:
        raise SystemError("something was evaluated")

    def guarded(name: str, *rest: Any, **more: Any) -> Any:
        return real(name, *rest, **more) if name == "difflib" else trap()

    monkeypatch.chdir(tmp_path)
    for name in ("eval", "exec", "open", "print", "breakpoint", "input"):
        monkeypatch.setattr(builtins, name, trap)
    monkeypatch.setattr(builtins, "__import__", guarded)
    outcome: Any = None
    try:
        outcome = dc.parse(text)
    except dc.NotationError as error:
        outcome = error
    finally:
        monkeypatch.undo()
    assert isinstance(outcome, dc.Layer | dc.NotationError)
    assert not [*tmp_path.iterdir()]


LONG = {
    "name": "x" * 9000,
    "name of a layer": "nn." + "C" * 9000 + "()",
    "path": "a" + ".b" * 4000 + "()",
    "argument": "nn.Conv2d(" + "k" * 9000 + "=3)",
    "text in a message": "nn.Conv2d(3, 8, '" + "x" * 9000 + "')",
    "arguments": "nn.Conv2d(" + "3, " * 3000 + ")",
    "keywords": "nn.Conv2d(" + "".join(f"a{i}=3, " for i in range(1000)) + ")",
    "tuple": "nn.Conv2d(3, 8, (" + "3, " * 3000 + "))",
    "lines": "nn.Conv2d(" + "\n" * 9000 + ")",
    "statements": "nn.ReLU();" * 900,
    "digits": "nn.MaxPool2d(" + "9" * 9000 + ")",
    "hexadecimal digits": "nn.MaxPool2d(0x" + "f" * 9000 + ")",
    "power": "nn.MaxPool2d(" + "9**" * 3000 + "9)",
    "signs": "nn.MaxPool2d(" + "-" * 9000 + "2)",
    "few signs": "nn.MaxPool2d(" + "-" * 900 + "2)",
    "not": "not " * 2400 + "x",
    "sum": "x" + "+x" * 4900,
    "comparison": "x" + "<x" * 4900,
    "conditional": "x if x else " * 800 + "x",
    "lambda": "lambda: " * 1200 + "x",
    "comment": "nn.ReLU() # " + "x" * 9900,
    "white space": " " * 10**6 + "nn.ReLU(k)",
    "commas": "nn.ReLU()" + "," * 10**6,
    "strings": "nn.ReLU(" + "'x' " * 2400 + ")",
    "calls": "x" + "()" * 4900,
    "indices": "x" + "[0]" * 3300,
    "open brackets": "(" * 9999,
    "brackets": "(" * 4999 + ")" * 4999,
    "braces": "{" * 9999,
    "nested calls": "nn.ReLU(" * 1200,
    "nested tuples": "nn.MaxPool2d(" + "(" * DEEPEST + "2" + ",)" * DEEPEST + ")",
    "deep, but allowed": "nn.MaxPool2d(" + "(" * (DEEPEST - 1) + "2" + ",)" * (DEEPEST - 1) + ")",
    "f-strings": "f'{" * 2000,
    "backslashes": "\\\n" * 4900,
    "longer than is read": "x" * (LONGEST + 1),
    "much longer than is read": "nn.ReLU(" * 10**6,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_long_and_deep_text_ends_soon(text: str) -> None:
    start, shown = time.perf_counter(), ""
    try:
        dc.parse(text)
    except dc.NotationError as error:
        shown = str(error)
    assert time.perf_counter() - start < 1
    assert len(shown.split("\n")) <= 4
    assert max(map(len, shown.split("\n"))) < 500


# Whatever the text: a layer, or a NotationError.


def parses_or_says_why(text: str, **options: Any) -> None:
    outcome: Any
    try:
        outcome = dc.parse(text, **options)
    except dc.NotationError as error:
        outcome = error
    if isinstance(outcome, dc.Layer):
        assert dc.parse(f"dc.{outcome!r}") == outcome
    else:
        assert outcome.text == text
        assert 0 <= outcome.position <= len(text)
        assert outcome.message
        assert str(outcome).encode()  # what stands in it can be printed


@given(st.text() | st.text("nn.Conv2dlayers()[]{},=*'\"\\\n\r\t0123456789-+ :#ü", max_size=60))
@settings(max_examples=500)
@example("\x00")
@example("\ud800")
@example("nn.Conv2d('\ud800')")
@example("nn.ReLU(\x0c)")
@example("\ufeffnn.ReLU()")
@example("nn.ReLU('\\d')")
@example("nn.ReLU('\\N{x}')")
@example("'\\x'")
@example("nn.MaxPool2d(01)")
@example("nn.MaxPool2d(1__0)")
@example("nn.MaxPool2d(1if 1else 2)")
@example("\x1b[31mnn.ReLU(k)")
@example("nn.ReLU(k)\u2028\u2029\x85")
def test_random_text(text: str) -> None:
    parses_or_says_why(text)


WORDS = st.sampled_from(
    (
        "same",
        "valid",
        "SAME",
        "causal",
        "zeros",
        "reflect",
        "nearest",
        "bilinear",
        "max",
        "upper",
        "",
    )
)
NUMBERS = (
    st.integers(-2, 9)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | WORDS
    | st.sampled_from((10**30, -(10**99), 2**63, 3j, b"3", ...))
)
ARGUMENTS = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6
)
OWN: list[tuple[str | None, str]] = [(None, f"dc.{kind}") for kind in sorted(SINGLE | COUPLING)]
NAMES = OWN + [(dialect.name, name) for dialect, name in CALLS]


def literal(value: Any) -> str:
    """The value as a person writes it."""
    if isinstance(value, tuple):
        return "(" + "".join([literal(item) + ", " for item in value]) + ")"
    if isinstance(value, float) and not isfinite(value):
        return f"float('{value}')"
    return repr(value)


@settings(max_examples=600)
@given(st.data())
def test_random_arguments(data: st.DataObject) -> None:
    dialect, name = data.draw(st.sampled_from(NAMES))
    if dialect is None:
        known = ["kernel_size", "stride", "padding", "dilation", "factor", "size", "axes", "value"]
        given: dict[str, Any] = {}
    else:
        call = DIALECTS[dialect].calls[name]
        known, given = [key for key, _ in call.parameters], needed(call)
    drawn = data.draw(st.dictionaries(st.sampled_from(known or ["name"]), ARGUMENTS, max_size=3))
    front = [literal(value) for value in data.draw(st.lists(ARGUMENTS, max_size=2))]
    words = [f"{key}={literal(value)}" for key, value in (given | drawn).items()]
    parses_or_says_why(f"{name}({', '.join(words)})", dialect=dialect)
    parses_or_says_why(f"{name}({', '.join(front + words)})", dialect=dialect)
