"""Pasted models: a chain of layers in text is read and never run, and means what it would mean."""

from __future__ import annotations

import json
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.notation import parse_model

SEQUENTIAL = (
    "nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)))"
)

PRINTED = """\
Sequential(
  (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=same)
  (act): Sequential(
    (0): ReLU(inplace=True)
    (1): ReLU()
  )
  (2): Tanh()
)"""
CHAINS: list[tuple[str, list[str], list[str]]] = [
    (SEQUENTIAL, ["0", "1.0", "1.1"], ["Conv", "Identity", "MaxPool"]),
    (
        "model = torch.nn.Sequential(\n    nn.ReLU(),\n    nn.ReLU(),\n)",
        ["0", "1"],
        ["Identity"] * 2,
    ),
    (
        "nn.Sequential(OrderedDict([('conv', nn.Conv2d(3, 8, 3)), ('act', nn.ReLU())]))",
        ["conv", "act"],
        ["Conv", "Identity"],
    ),
    (
        "nn.Sequential(collections.OrderedDict({'conv': nn.Conv2d(3, 8, 3)}))",
        ["conv"],
        ["Conv"],
    ),
    ("[nn.Conv2d(3, 8, 3), nn.ReLU()]", ["0", "1"], ["Conv", "Identity"]),
    ("nn.Conv2d(3, 8, 3), nn.ReLU()", ["0", "1"], ["Conv", "Identity"]),
    ("dc.Conv(3)", ["0"], ["Conv"]),
    (
        "import keras\nm = keras.Sequential([layers.Conv2D(8, 3), layers.Conv2D(8, 3), Flatten()])",
        ["conv2d", "conv2d_1", "flatten"],
        ["Conv", "Conv", "Flatten"],
    ),
    (
        "m=Sequential()\nm.add(Conv2D(8, 3))\nm.add(UpSampling2D())\nm.add(Conv2DTranspose(8, 2))",
        ["conv2d", "up_sampling2d", "conv2d_transpose"],
        ["Conv", "Upsample", "ConvTranspose"],
    ),
    (
        PRINTED,
        ["0", "act.0", "act.1", "2"],
        ["Conv", "Identity", "Identity", "Identity"],
    ),
    (
        "nn.Sequential(nn.Conv2d(c, 2 * c, kernel_size=3), nn.BatchNorm2d(2 * c))",
        ["0", "1"],
        ["Conv", "Identity"],
    ),
]


@pytest.mark.parametrize(("text", "names", "kinds"), CHAINS, ids=range(len(CHAINS)))
def test_a_chain_is_read(text: str, names: list[str], kinds: list[str]) -> None:
    chain = parse_model(text)
    assert [one.name for one in chain] == names
    assert [type(one.layer).__name__ for one in chain] == kinds
    for one in chain:
        starts = ("nn.", "layers.", "dc.", "Conv", "Flat", "UpS", "ReLU", "Tanh")
        assert text[one.position :].startswith(starts)
        assert one.line == text.count("\n", 0, one.position) + 1


@pytest.mark.parametrize("text", [one for one, _, _ in CHAINS], ids=range(len(CHAINS)))
def test_layers_are_those_of_parse(text: str) -> None:
    for one in parse_model(text):
        assert one.layer == dc.parse(call_at(text, one.position))


def call_at(text: str, start: int) -> str:
    """The call that starts at a place, up to its last bracket."""
    depth = 0
    for end in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if text[end] == ")" and depth == 0:
            return text[start : end + 1]
    raise AssertionError(text)


WRONG = [
    ("", 0, "no text"),
    ("import torch", 0, "no layer in this text"),
    ("nn.Sequential(nn.Conv2d(3, 8, 3), Foo(3))", 34, "Foo is no layer"),
    ("nn.Sequential(nn.Conv2d(3, 8, 3, strid=2))", 33, "no argument strid"),
    ("a = nn.ReLU()\nb = nn.ReLU()", 14, "not one chain"),
    ("nn.Sequential(*layers)", 14, "cannot be read"),
    ("nn.Sequential(**layers)", 16, "cannot be read"),
    ("nn.Sequential(a=nn.ReLU())", 14, "no argument a"),
    ("nn.Sequential([('a')])", 16, "no call"),
    ("nn.Sequential(OrderedDict([('a')]))", 28, "pairs"),
    ("nn.Sequential(OrderedDict([(a, nn.ReLU())]))", 28, "is text"),
    ("nn.Sequential(OrderedDict(nn.ReLU()))", 26, "pairs"),
    ("nn.Sequential(lambda x: x)", 14, "no call"),
    ("3 + 4", 0, "no call"),
    ("def f(): pass", 0, "no chain"),
    ("nn.Sequential(nn.ReLU()", 13, "never closed"),
    ("nn.Sequential(keras.layers.Conv2D(8, 3))", 14, "Conv2D is no layer of PyTorch"),
    ("keras.Sequential([Input(3)])", 24, "is a tuple"),
    ("keras.Sequential([Input((0, 3))])", 24, "at least 1"),
    (PRINTED.replace("Sequential(\n  (0)", "UNet(\n  (0)"), 0, "order of its parts"),
    ("(" * 50, 40, "brackets"),
    ("nn.ReLU()," * 30_000, 200_000, "longer than 200000"),
]


@pytest.mark.parametrize(("text", "position", "words"), WRONG, ids=range(len(WRONG)))
def test_a_fault_has_a_caret(text: str, position: int, words: str) -> None:
    with pytest.raises(dc.NotationError) as found:
        parse_model(text)
    assert words in str(found.value)
    assert found.value.position == position


def test_nothing_is_evaluated(tmp_path: Any) -> None:
    file = tmp_path / "made"
    for text in (
        f"nn.Sequential(open({str(file)!r}, 'w'))",
        f"nn.Sequential(nn.Conv2d(open({str(file)!r}, 'w'), 8, 3))",
        f"[nn.ReLU() for _ in open({str(file)!r}, 'w')]",
    ):
        with pytest.raises(dc.NotationError) if ", 8, 3" not in text else nullcontext():
            parse_model(text)
        assert not file.exists()


def test_text_alone_is_asked() -> None:
    with pytest.raises(TypeError, match="reads text"):
        parse_model(3)  # type: ignore[arg-type]


# As models.


def test_sizes_follow_the_chain() -> None:
    found = dc.trace(SEQUENTIAL, (33, 50))
    assert [row.size for row in found.rows] == [(33, 50), (16, 24), (16, 24), (8, 12)]
    assert (found.kind, found.ok) == ("torch", True)


CALLS = st.sampled_from(
    [
        "nn.Conv2d(4, 4, 3, stride=2)",
        "nn.Conv2d(4, 4, 5, padding=1, dilation=2)",
        "nn.MaxPool2d(3, 2, 1, ceil_mode=True)",
        "nn.AvgPool2d((2, 3))",
        "nn.ConvTranspose2d(4, 4, 3, 2, 1, output_padding=1)",
        "nn.Upsample(scale_factor=2)",
        "nn.ReflectionPad2d(2)",
        "nn.LeakyReLU(0.2)",
    ]
)
SIZE = st.integers(1, 60)


@given(st.lists(CALLS, min_size=1, max_size=6), SIZE, SIZE)
def test_sizes_are_those_of_the_layers_one_by_one(calls: list[str], h: int, w: int) -> None:
    """Layer by layer, each by itself; and by a spec that has one call a line."""
    found = dc.trace(f"nn.Sequential({', '.join(calls)})", (h, w))
    size, refused = (h, w), None
    for place, call in enumerate(calls):
        try:
            size = dc.parse(call).output_size(size)
        except dc.SizeError:
            refused = place
            break
        assert found.rows[place + 1].size == size
    assert found.ok is (refused is None)
    assert ((h, w) in found.admissible) is found.ok
    if refused is not None:
        assert found.clashes[0].node == str(refused)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.toml"
        file.write_text(f"layers = {json.dumps(calls)}", encoding="utf-8")
        again = dc.trace(file, (h, w))
    assert [row.size for row in again.rows] == [row.size for row in found.rows]
    assert again.admissible == found.admissible


def test_a_fault_between_layers_has_a_caret() -> None:
    text = "nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv1d(8, 8, 3))"
    with pytest.raises(dc.NotationError, match="has 1 axes") as found:
        dc.trace(text, 32)
    assert found.value.position == text.index("nn.Conv1d")


def test_lines_are_told_where_there_are_several() -> None:
    found = dc.trace("nn.Sequential(\n  nn.ReLU(),\n  nn.MaxPool2d(2),\n)", 8)
    assert [row.where for row in found.rows] == [None, "line 2", "line 3"]


def test_keras_names_the_shape_of_its_input() -> None:
    text = "keras.Sequential([keras.Input((28, None, 1)), layers.Conv2D(8, 3), Flatten()])"
    found = dc.trace(text, (28, 40))
    assert found.ok
    assert str(found.admissible.sets["h"]) == "n = 28"
    assert found.model.inputs[0].channels == 1
    assert not dc.trace(text, (27, 40)).ok
    old = "Sequential([Conv2D(8, 3, input_shape=(28, None, 1)), Flatten()])"
    assert dc.trace(old, (28, 40)).admissible == found.admissible
    with pytest.raises(dc.SizeError):
        dc.trace(text, 28, channels=3).model.point((1, 2, 3))


def test_unknown_calls_are_assumed_or_refused() -> None:
    text = "nn.Sequential(nn.Conv2d(3, 8, 3), Mine(3, other=x))"
    with pytest.raises(dc.NotationError, match="--assume Mine=same"):
        dc.trace(text, 9)
    found = dc.trace(text, 9, assume={"Mine": "same"})
    assert (found.passed, found.rows[-1].size) == (("Mine",), (7, 7))


def test_an_unflatten_needs_features() -> None:
    found = dc.trace("nn.Sequential(nn.Linear(100, 8192), nn.Unflatten(1, (512, 4, 4)))")
    assert found.rows[-1].size == (4, 4)
    for text in (
        "nn.Sequential(nn.Conv2d(3, 8, 3), nn.Unflatten(1, (2, 4)))",
        "nn.Sequential(nn.Linear(100, 8), nn.Unflatten(1, 8))",
        "nn.Sequential(nn.Linear(100, 8), nn.Unflatten(2, (2, 4)))",
        "keras.Sequential([Dense(8), Reshape((-1, 2, 2))])",
    ):
        with pytest.raises(dc.NotationError):
            dc.trace(text, 9)


# Real layers say the same.

GENERATOR = """
nn.Sequential(
    nn.Linear(100, 128),
    nn.Unflatten(1, (8, 4, 4)),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.ConvTranspose2d(8, 4, 4, 2, 1),
    nn.PReLU(4),
    nn.Flatten(),
    nn.Linear(256, 10),
)
"""
NAMED = """
nn.Sequential(
    OrderedDict(
        [
            ("a", nn.Conv3d(1, 2, 3)),
            ("b", nn.InstanceNorm3d(2, affine=True)),
            ("c", nn.Sequential(nn.AvgPool3d(2), nn.Conv3d(2, 4, 1, bias=False))),
        ]
    )
)
"""
TORCH = [SEQUENTIAL, GENERATOR.strip(), NAMED.strip()]
SIZES: dict[int, list[tuple[int, ...]]] = {
    0: [(33, 33), (34, 34), (35, 40)],
    1: [()],
    2: [(9, 10, 11)],
}


@pytest.mark.framework
@pytest.mark.parametrize("number", SIZES)
def test_real_pytorch_gives_the_same(number: int) -> None:
    import torch
    from torch import nn

    text = TORCH[number]
    from collections import OrderedDict

    real = eval(text, {"nn": nn, "OrderedDict": OrderedDict})  # noqa: S307  # written above
    for size in SIZES[number]:
        found = dc.trace(text, size or None)
        start = found.rows[0]
        spatial = start.size
        result = real(torch.zeros(2, start.channels, *spatial))
        last = found.rows[-1]
        shape = (last.channels, *last.size) if last.channels is not None else last.size
        assert tuple(result.shape[1:]) == shape
        learned = {
            name: sum([one.numel() for one in module.parameters(recurse=False)])
            for name, module in real.named_modules()
        }
        for row in found.rows[1:]:
            assert row.parameters == learned[row.name], row.name
        printed = dc.trace(str(real), size or None)
        shown = [(row.name, row.layer, row.size, row.parameters) for row in printed.rows]
        assert shown == [(row.name, row.layer, row.size, row.parameters) for row in found.rows]


IMAGES = """
keras.Sequential(
    [
        keras.Input((None, None, 3)),
        layers.Conv2D(8, 3, strides=2),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.Dense(5),
        layers.Conv2D(4, 1),
    ]
)
"""
FEATURES = """
keras.Sequential(
    [
        keras.Input((16,)),
        layers.Dense(128),
        layers.BatchNormalization(),
        layers.Reshape((4, 4, 8)),
        layers.Conv2DTranspose(4, 4, strides=2, padding="same"),
        layers.Flatten(),
        layers.Dense(10, name="head"),
    ]
)
"""
KERAS = [IMAGES.strip(), FEATURES.strip()]


@pytest.mark.framework
@pytest.mark.parametrize("text", KERAS, ids=range(len(KERAS)))
def test_real_keras_gives_the_same(text: str) -> None:
    import keras
    import numpy as np

    keras.backend.clear_session()  # names are numbered anew
    real = eval(text, {"keras": keras, "layers": keras.layers})  # noqa: S307  # written above
    found = dc.trace(text, 21)
    first = found.rows[0]
    assert first.channels is not None
    result = real(np.zeros((1, *first.size, first.channels), "float32"))
    last = found.rows[-1]
    shape = last.size if last.channels is None else (*last.size, last.channels)
    assert tuple(result.shape[1:]) == shape
    assert [row.name for row in found.rows[1:]] == [layer.name for layer in real.layers]
    counts = [layer.count_params() for layer in real.layers]
    assert [row.parameters for row in found.rows[1:]] == counts
