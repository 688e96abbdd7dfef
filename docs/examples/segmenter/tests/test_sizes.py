"""Sizes as tests of pytest: assertions, the fixture, and a property."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from search import kept

import deconvcalc as dc

if TYPE_CHECKING:
    from collections.abc import Callable

UNET = Path(__file__).parents[1] / "unet.toml"
FOUND = dc.trace(UNET, 64)


def test_the_output_is_as_large_as_the_input(assert_output_size: Callable[..., None]) -> None:
    """With --deconvcalc-verify, real layers are asked too."""
    assert_output_size(UNET, (64, 96), (64, 96))


@pytest.mark.deconvcalc(verify="numpy")
def test_a_layer_is_run(assert_output_size: Callable[..., None]) -> None:
    """The marker asks its own checkers."""
    assert_output_size("nn.ConvTranspose2d(8, 8, 2, stride=2)", 7, 14)


@settings(max_examples=20, deadline=None)
@given(dc.testing.strategies.sizes(FOUND.admissible))
def test_every_admissible_input_runs(size: tuple[int, ...]) -> None:
    """Hypothesis draws inputs that the model takes."""
    assert FOUND.model.run(size).runs


def test_the_layer_of_the_other_framework_gives_the_same_numbers() -> None:
    """Equal sizes are not enough: padding on one side moves everything by a pixel."""
    ours = "nn.Conv2d(3, 16, 3, padding=1)"
    dc.testing.assert_same(ours, "layers.Conv2D(16, 3, padding='same')")
    with pytest.raises(AssertionError, match="the same numbers"):
        dc.testing.assert_same(ours, "layers.Conv2D(16, 3, padding='same', dilation_rate=2)")


def test_the_search_keeps_what_is_right() -> None:
    """Three decoders of thirty."""
    assert len(kept()) == 3
    for layers in kept():
        dc.testing.assert_output_size(layers, 7, 28)
