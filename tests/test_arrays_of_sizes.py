"""Maps and layers on arrays: the same as on ints, one error for all refusals, no wrapping."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.sizemap.exact import ExactMap, exact

SIZES = range(-3, 60)
OPEN = st.integers(-(2**70), 2**70)


def small_maps() -> st.SearchStrategy[dc.SizeMap]:
    return st.builds(
        dc.SizeMap,
        slope=st.integers(-4, 6),
        offset=st.integers(-9, 9),
        divisor=st.integers(1, 6),
        low=st.integers(1, 9),
        high=st.none() | st.integers(5, 50),
        modulus=st.integers(1, 5),
    )


def rising_maps() -> st.SearchStrategy[dc.SizeMap]:
    return small_maps().filter(lambda one: one.slope >= 0)


@st.composite
def exact_maps(draw: st.DrawFn) -> ExactMap:
    """Chains of floors, and what is made of them."""
    one, other = (exact(draw(rising_maps())).then(draw(rising_maps())) for _ in range(2))
    made: list[ExactMap] = [
        one,
        one + other,
        3 - one,
        one.minimum(other),
        one.maximum(other) * draw(st.integers(1, 3)),
        one // draw(st.integers(1, 4)),
        one % draw(st.integers(1, 4)),
    ]
    return draw(st.sampled_from(made))


def value_or_none(size_map: Any, n: int) -> int | None:
    try:
        value: int = size_map(n)
    except dc.SizeError:
        return None
    return value


@given(small_maps() | exact_maps())
def test_a_map_of_an_array_is_the_map_of_its_items(size_map: Any) -> None:
    sizes = np.array(SIZES)
    expected = [value_or_none(size_map, n) for n in SIZES]
    mask = size_map.accepts(sizes)
    assert mask.dtype == bool
    assert mask.tolist() == [size_map.accepts(n) for n in SIZES]
    assert mask.tolist() == [value is not None for value in expected]
    values = size_map(sizes[mask])
    assert values.dtype == np.int64
    assert values.tolist() == [value for value in expected if value is not None]
    refused = np.flatnonzero(~mask)  # all below 1 are
    with pytest.raises(dc.SizeError, match=f"refuses {refused.size} of 63 sizes") as caught:
        size_map(sizes.reshape(9, 7))
    first = tuple(int(i) for i in divmod(int(refused[0]), 7))
    assert f"the first at index {first}: {caught.value.size}" in str(caught.value)
    assert caught.value.size == SIZES[refused[0]]
    assert "accepts(sizes)" in str(caught.value.hint)


LARGE = st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=5)


@settings(max_examples=60)
@given(st.integers(0, 2**66), OPEN, st.integers(1, 2**66), LARGE)
def test_what_leaves_int64_is_refused(
    slope: int, offset: int, divisor: int, sizes: list[int]
) -> None:
    size_map = dc.SizeMap(slope, offset, divisor)
    expected = [(slope * n + offset) // divisor for n in sizes]
    for asked in (size_map, exact(size_map), exact(size_map) + 0 * exact(size_map)):
        if all(-(2**63) <= value < 2**63 for value in expected):
            assert asked(np.array(sizes)).tolist() == expected
        else:
            with pytest.raises(dc.SizeError, match="the output size fits into int64"):
                asked(np.array(sizes))


@settings(max_examples=60)
@given(OPEN, st.integers(1, 2**66), LARGE)
def test_maps_made_of_maps_do_not_wrap(offset: int, divisor: int, sizes: list[int]) -> None:
    doubled = exact(dc.SizeMap(2)) * 3 + offset
    for made, expected in (
        (doubled, [6 * n + offset for n in sizes]),
        (doubled // divisor, [(6 * n + offset) // divisor for n in sizes]),
        (doubled.minimum(exact(dc.SizeMap(5))), [min(6 * n + offset, 5 * n) for n in sizes]),
    ):
        if all(-(2**63) <= value < 2**63 for value in expected):
            assert made(np.array(sizes)).tolist() == expected
        else:
            with pytest.raises(dc.SizeError, match="fits into int64"):
                made(np.array(sizes))


LAYER = dc.ConvTranspose(3, stride=2, padding=1)
MAPS: list[Any] = [LAYER.size_map(), dc.compose([LAYER, LAYER]), dc.compose([LAYER]) + 1]


@pytest.mark.parametrize("size_map", MAPS)
def test_other_arrays(size_map: Any) -> None:
    for wrong in (np.array([3.0]), np.array([True]), np.array(["3"]), np.array([3], dtype=object)):
        with pytest.raises(TypeError, match="an array of sizes has integers"):
            size_map(wrong)
        with pytest.raises(TypeError, match="an array of sizes has integers"):
            size_map.accepts(wrong)
    assert size_map(np.array([], dtype=np.int32)).tolist() == []
    assert size_map(np.array([[7]], dtype=np.uint8)).shape == (1, 1)
    assert size_map(np.array(7)) == size_map(7)
    assert size_map(np.array([100], dtype=np.int8)).tolist() == [size_map(100)]
    far = np.array([2**64 - 1], dtype=np.uint64)
    assert size_map.accepts(far).tolist() == [True]
    with pytest.raises(dc.SizeError, match="fits into int64"):
        size_map(far)


def test_a_layer_and_its_map_agree_on_arrays() -> None:
    layer = dc.Conv(5, stride=3, padding=1)
    sizes = np.arange(1, 50)
    mask = layer.accepts(sizes)
    assert np.array_equal(mask, layer.size_map().accepts(sizes))
    taken = sizes[mask]
    assert np.array_equal(layer.output_size(taken), layer.size_map()(taken))
    with pytest.raises(dc.SizeError, match="fits into int64"):
        dc.ConvTranspose(3, stride=8).output_size(np.array([10**12, 2**62]))
    assert dc.ConvTranspose(3, stride=8).accepts(np.array([10**12, 2**62])).all()
