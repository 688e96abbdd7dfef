"""`assert_same`: what gives the same numbers passes, and what differs by one anywhere does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.testing import assert_same, strategies

if TYPE_CHECKING:
    from pathlib import Path

SAME: dict[str, tuple[Any, Any]] = {
    "padding beside it": ([dc.Pad(1), dc.Conv(3)], dc.Conv(3, padding=1)),
    "same of stride 1": (dc.Conv(5, padding=2), dc.Conv(5, padding=dc.Same())),
    "the word of Keras": ("layers.Conv2D(8, 3, padding='same')", "nn.Conv2d(3, 8, 3, padding=1)"),
    "a chain": (
        "nn.Sequential(nn.MaxPool2d(2), nn.Identity(), nn.MaxPool2d(2))",
        [dc.MaxPool(2), dc.MaxPool(2)],
    ),
    "pools in turn": (dc.MaxPool(4), [dc.MaxPool(2), dc.MaxPool(2)]),
    "shuffles undone": ([dc.PixelUnshuffle(2), dc.PixelShuffle(2)], dc.Crop(0)),
    "a crop as padding": (dc.Crop(1), dc.Pad(-1)),
    "infinite padding": (
        [dc.Pad(1, value=float("-inf")), dc.MaxPool(3, stride=2)],
        dc.MaxPool(3, stride=2, padding=1),
    ),
}

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "kernel": (dc.MaxPool(3, padding=1), dc.MaxPool(5, padding=2)),
    "stride": (dc.Conv(3), dc.Conv(3, stride=2)),
    "side of the padding": (
        dc.Conv(4, padding=((1, 2),) * 2),
        dc.Conv(4, padding=((2, 1),) * 2),
    ),
    "one axis": (dc.Conv(3, padding=(1, 1)), dc.Conv(3, padding=(1, 2))),
    "output padding": (
        dc.ConvTranspose(3, stride=2, padding=1),
        dc.ConvTranspose(3, stride=2, padding=1, output_padding=1),
    ),
    "dilation": (dc.Conv(3, padding=1), dc.Conv(3, padding=2, dilation=2)),
    "what is counted": (
        dc.AvgPool(3, padding=1, count_include_pad=True),
        dc.AvgPool(3, padding=1, count_include_pad=False),
    ),
    "the value around": ([dc.Pad(1), dc.MaxPool(3)], dc.MaxPool(3, padding=1)),
    "mode": (dc.Upsample(2), dc.Upsample(2, mode="bilinear")),
    "ceiling": (dc.MaxPool(2), dc.MaxPool(2, ceil_mode=True)),
    "same of stride 2": (dc.Conv(3, stride=2, padding=1), dc.Conv(3, stride=2, padding=dc.Same())),
    "weights": (dc.Conv(3), dc.Conv(5, padding=1)),
    "bias": (dc.Conv(3), dc.Conv(3, bias=False)),
    "groups": ("nn.Conv2d(4, 4, 3)", "nn.Conv2d(4, 4, 3, groups=2)"),
    "axes": ("nn.Conv1d(4, 4, 3)", "nn.Conv2d(4, 4, 3)"),
    "channels": ("nn.Conv2d(4, 4, 3)", "nn.Conv2d(4, 8, 3)"),
    "shuffle": (dc.PixelShuffle(2), dc.Upsample(2)),
}


@pytest.mark.parametrize("name", SAME)
def test_what_gives_the_same_numbers_passes(name: str) -> None:
    one, other = SAME[name]
    sizes = [(4, 6), (8, 8)] if name == "shuffles undone" else None
    assert_same(one, other, sizes)
    assert_same(other, one, sizes)


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_fails(name: str) -> None:
    for one, other in (DIFFERENT[name], DIFFERENT[name][::-1]):
        with pytest.raises(AssertionError, match="the same numbers"):
            assert_same(one, other)


@settings(max_examples=60)
@given(st.sampled_from(("Conv", "ConvTranspose", "MaxPool", "AvgPool", "Pad")), st.data())
def test_a_layer_is_the_same_as_what_is_written_of_it(kind: str, data: st.DataObject) -> None:
    layer = data.draw(strategies.layers(kind, axes=1, takes=(9,)))
    code = dc.convert(layer.replace(axes=1) if hasattr(layer, "axes") else layer, to="torch")
    assume(code.outcome == "exact")
    text = code.code((2, 2)).rpartition("layer = ")[2]
    assert_same(layer, dc.parse(text), [(9,)], channels=(2, 2))


@settings(max_examples=40)
@given(st.integers(2, 5), st.integers(1, 3), st.integers(0, 2), st.data())
def test_one_more_anywhere_is_seen(k: int, s: int, p: int, data: st.DataObject) -> None:
    layer = dc.AvgPool(k, stride=s, padding=p, axes=1)
    name = data.draw(st.sampled_from(["kernel_size", "stride", "padding"]))
    more: int = {"kernel_size": k, "stride": s, "padding": p}[name] + 1
    with pytest.raises(AssertionError):
        assert_same(layer, layer.replace(**{name: more}))


def test_sizes_are_compared_for_every_n() -> None:
    """They part at 1,000 alone, far beyond the sizes whose values are run."""
    with pytest.raises(AssertionError, match="999 and 1000 for an input of 1000"):
        assert_same(dc.Slice(0, 999), dc.Slice(0, 1000))


def test_sizes_that_are_given_are_the_only_ones() -> None:
    assert_same(dc.AvgPool(2), dc.AdaptivePool(4), 8)
    assert_same(dc.AvgPool(2), dc.AdaptivePool(4), (8, 8))
    with pytest.raises(AssertionError, match=r"were equal at 8$"):
        assert_same(dc.AvgPool(2), dc.AdaptivePool(4), [8, 9])


def test_numbers_are_drawn_more_than_once() -> None:
    """At 2x2 a window holds all of the input: zeros around it count where all of it is negative."""
    with pytest.raises(AssertionError, match="for an input of 2"):
        assert_same([dc.Pad(1), dc.MaxPool(3)], dc.MaxPool(3, padding=1), 2)


def test_what_is_learned_is_compared_first() -> None:
    text = "they learn kernel 3x2x3x3, bias 3, and kernel 3x2x5x5, bias 3"
    with pytest.raises(AssertionError, match=text):
        assert_same(dc.Conv(3), dc.Conv(5, padding=1))


def test_joined_axes_are_compared_at_sizes() -> None:
    assert_same(dc.Flatten(), [dc.Flatten()], (3, 4))
    with pytest.raises(AssertionError):
        assert_same(dc.Unfold(2), dc.Unfold(3), (5, 5))


def test_a_loose_tolerance_lets_pass() -> None:
    one, other = dc.AvgPool(2), dc.AvgPool(2, divisor=5)
    with pytest.raises(AssertionError):
        assert_same(one, other)
    assert_same(one, other, tolerance=0.5)
    assert_same(one, dc.AvgPool(2), tolerance=0)


FAILURE = """\
FAILED tests/test_testing_same.py:{line}: Conv(3, stride=2, padding=1) and Conv(2, stride=2) (same)
  expected  the same numbers
  got       1 and refused for an input of 1
  because   Conv(3, stride=2, padding=1):
              m = floor((n + before + after - ke) / s) + 1{letters}
                = floor((1 + 1 + 1 - 3) / 2) + 1
                = floor(0 / 2) + 1
                = 0 + 1
                = 1
              source       torch.nn.Conv2d, section Shape
              in n         floor((n + 1)/2),  for n >= 1
              no loss      n odd
              same output  1..2
            Conv(2, stride=2) refuses 1
  nearest   their sizes are equal for n even"""


def test_the_text_of_a_failure() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_same(dc.Conv(3, stride=2, padding=1), dc.Conv(2, stride=2))
    line = test_the_text_of_a_failure.__code__.co_firstlineno + 2
    letters = "    with before = 1, after = 1, ke = 3, s = 2"
    assert str(caught.value) == FAILURE.format(line=line, letters=letters)


@pytest.mark.parametrize(
    ("one", "other", "kind", "text"),
    [
        (dc.Conv(3), 4, TypeError, "4 has no values"),
        (dc.Conv(3), [], TypeError, "no values"),
        ("Input((8, 8, 3))", dc.Conv(3), TypeError, "no chain of layers"),
        ("nn.Cnov2d(3, 8, 3)", dc.Conv(3), dc.NotationError, "Conv2d"),
        (dc.Slice(5000), dc.Slice(5000), None, ""),
    ],
    ids=["a number", "an empty list", "an input", "a typo", "nothing up to 4096, and equal"],
)
def test_what_cannot_be_compared_is_said(one: Any, other: Any, kind: Any, text: str) -> None:
    if kind is None:
        assert_same(one, other)
        return
    with pytest.raises(kind, match=text):
        assert_same(one, other)


def test_values_of_an_activation_are_not_guessed() -> None:
    with pytest.raises(dc.CheckError, match="ReLU"):
        assert_same("nn.ReLU()", "nn.GELU()")


def test_no_sizes_is_an_error() -> None:
    with pytest.raises(dc.QueryError, match="no size to compare at"):
        assert_same(dc.Conv(3), dc.Conv(3), [])


# Live models.


@pytest.mark.framework
def test_live_models_of_torch() -> None:
    import torch
    from torch import nn

    def make(slope: float, seed: int) -> Any:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.LeakyReLU(slope))

    one = make(0.1, 0)
    one[1].eval()
    assert_same(one, make(0.1, 0), [16, (9, 12)])
    assert [part.training for part in one.modules()] == [True, True, False, True]
    with pytest.raises(AssertionError, match=r"Sequential \(torch\) and Sequential \(torch\)"):
        assert_same(one, make(0.2, 0), 16)
    with pytest.raises(AssertionError, match="Carry the weights over"):
        assert_same(one, make(0.1, 1), 16)
    with pytest.raises(AssertionError, match="inputs of 3x8x8 and 5x8x8"):
        assert_same(one, nn.Conv2d(5, 4, 3), 8)


@pytest.mark.framework
def test_a_layer_of_keras_with_the_weights_of_torch() -> None:
    import keras
    import torch

    torch.manual_seed(0)
    theirs = torch.nn.Conv2d(3, 8, 3, padding=1)
    layer = keras.layers.Conv2D(8, 3, padding="same")
    layer.build((None, None, None, 3))
    arrays = {"kernel": theirs.weight.detach().numpy(), "bias": theirs.bias.detach().numpy()}
    made = dc.convert(dc.parse("nn.Conv2d(3, 8, 3, padding=1)"), to="keras")
    layer.set_weights(made.weights(arrays)[-1])
    model = keras.Sequential([keras.Input((None, None, 3)), layer])
    assert_same(theirs, model, (12, 9))
    layer.set_weights([2 * array for array in made.weights(arrays)[-1]])
    with pytest.raises(AssertionError, match=r"Conv2d \(torch\) and Sequential \(keras\)"):
        assert_same(theirs, model, (12, 9))


@pytest.mark.framework
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_onnx_file_and_the_module_it_was_made_of(tmp_path: Path) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU()).eval()
    path = tmp_path / "net.onnx"
    torch.onnx.export(model, (torch.zeros(1, 3, 16, 16),), path, dynamo=False)
    assert_same(model, path, 16)
    assert_same(str(path), model, 16)
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] += 1
    with pytest.raises(AssertionError, match="channel 0"):
        assert_same(model, path, 16)


@pytest.mark.framework
def test_live_models_that_cannot_be_compared() -> None:
    import torch
    from torch import nn

    class Broken(nn.Module):  # type: ignore[misc]  # torch is read as Any
        def forward(self, x: Any) -> Any:
            return x.reshape(7)

    model = nn.Conv2d(3, 4, 3)
    with pytest.raises(dc.QueryError, match="has weights, and Conv"):
        assert_same(model, dc.Conv(3), 8)
    with pytest.raises(dc.QueryError, match="sizes at which live models run"):
        assert_same(model, model)
    with pytest.raises(dc.TraceError, match="Broken"):
        assert_same(Broken(), Broken(), (8, 8), channels=3)
    assert torch.is_grad_enabled()
