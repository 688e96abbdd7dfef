"""Float scales: what PyTorch computes, and maps and sets that are known up to a horizon."""

from __future__ import annotations

import json
import random
from importlib.util import find_spec
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc import sets
from deconvcalc.sizemap.exact import HORIZON, UndecidedError, exact

if TYPE_CHECKING:
    from collections.abc import Callable

N = 4_000
SCALES = (0.29, 0.5, 1.1, 2 / 3, 0.1, 1.5, 0.7, 2.3, 1.0000001, 0.999999, 0.001)


def mapped(*layers: dc.Layer) -> dc.ExactMap:
    found: dc.ExactMap = dc.compose(layers)
    return found


def sizes_of(size_map: dc.ExactMap, last: int = N) -> list[int | None]:
    values, taken = size_map.values(np.arange(1, last + 1))
    return [int(value) if ok else None for value, ok in zip(values, taken, strict=True)]


def members(found: dc.Sizes, low: int, high: int) -> list[int]:
    return [n for n in range(low, high + 1) if n in found]


# As PyTorch computes it.


@pytest.mark.framework
@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("recompute", [None, True], ids=["given", "recomputed"])
@pytest.mark.parametrize("scale", SCALES)
def test_torch_gives_these_sizes(scale: float, recompute: bool | None) -> None:
    import torch
    from torch.nn.functional import interpolate

    expected = sizes_of(mapped(dc.Upsample(scale)))
    for n in range(1, N + 1):
        image = torch.empty(1, 1, n)
        try:
            made = interpolate(image, scale_factor=scale, recompute_scale_factor=recompute)
        except RuntimeError:
            assert expected[n - 1] is None, n
        else:
            assert expected[n - 1] == made.shape[-1], n


@given(st.floats(2**-40, 2**40), st.integers(1, HORIZON))
@example(0.29, 100)
@example(2**-30 * 3, HORIZON)
def test_the_map_is_the_rounded_product(scale: float, n: int) -> None:
    size_map = mapped(dc.Upsample(scale))
    if size_map.horizon is None:
        assert scale == int(scale)
        return
    assert size_map.horizon >= HORIZON
    assert size_map.accepts(n) is (floor(n * scale) >= 1)
    if size_map.accepts(n):
        assert size_map(n) == floor(n * scale) == dc.Upsample(scale).output_size(n)


def test_scales_that_float64_holds_are_one_floor() -> None:
    for scale in (0.5, 1.5, 0.375, 2**-60):
        size_map = mapped(dc.Upsample(scale))
        numerator, _ = scale.as_integer_ratio()
        last = 2**53 // numerator
        assert size_map.horizon == last
        assert size_map.repeats
        for n in (last, last - 1, last // 2 + 1):
            if size_map.accepts(n):
                assert size_map(n) == floor(n * scale)
    assert mapped(dc.Upsample(0.5)).slope == (1, 2)


# The horizon.


def test_the_horizon_is_stated() -> None:
    size_map = mapped(dc.Upsample(0.29), dc.ConvTranspose(2, stride=2))
    assert size_map.horizon == HORIZON
    assert str(size_map) == repr(size_map) == "2*floor(n*0.29), n <= 1048576"
    assert str(dc.accepted(size_map)) == "n ≥ 4 (known for n ≤ 1048576)"
    assert mapped(dc.Conv(3, stride=2)).horizon is None


@pytest.mark.parametrize(
    ("layers", "horizon"),
    [
        ([dc.Upsample(8), dc.Upsample(0.29)], HORIZON // 8),
        ([dc.Conv(3, stride=2), dc.Upsample(0.29)], HORIZON),
        ([dc.Upsample(0.29), dc.Upsample(8)], HORIZON),
        ([dc.Upsample(0.5), dc.Upsample(0.29), dc.Upsample(1.5)], HORIZON),
        ([dc.Upsample(4), dc.Upsample(0.5)], 2**51),
        ([dc.Upsample(1.1), dc.Upsample(1.1)], 953_251),
        ([dc.Slice(-50), dc.Upsample(0.29)], HORIZON),
        ([dc.Pad(HORIZON), dc.Upsample(0.29)], 0),
    ],
)
def test_the_horizon_is_where_a_scale_leaves_its_own(layers: list[dc.Layer], horizon: int) -> None:
    size_map = mapped(*layers)
    assert size_map.horizon == horizon
    if layers == [dc.Upsample(1.1), dc.Upsample(1.1)]:
        assert floor(horizon * 1.1) <= HORIZON < floor((horizon + 1) * 1.1)


def test_the_algebra_carries_it() -> None:
    scaled, plain = mapped(dc.Upsample(0.29)), exact(dc.SizeMap())
    for made in (scaled + plain, plain - scaled, scaled * 3, scaled // 2, scaled.minimum(plain)):
        assert made.horizon == HORIZON
        assert "n <= 1048576" in str(made)
    half = mapped(dc.Upsample(0.5))
    assert half.maximum(scaled).horizon == HORIZON
    assert (half + plain).horizon == 2**53
    falling = plain * -1 + 100
    assert falling.then(scaled).horizon == HORIZON
    assert (plain * plain(8)).then(scaled).horizon == HORIZON // 8


def test_beyond_the_horizon_nothing_is_said() -> None:
    size_map = mapped(dc.Upsample(0.29))
    taken = dc.accepted(size_map)
    asks: list[Callable[[], Any]] = [
        lambda: size_map(HORIZON + 1),
        lambda: size_map.accepts(HORIZON + 1),
        lambda: HORIZON + 1 in taken,
        lambda: HORIZON + 1 in ~taken,
        lambda: size_map.slope,
    ]
    for ask in asks:
        with pytest.raises(UndecidedError) as caught:
            ask()
        assert caught.value.rule == "horizon"
    assert size_map(HORIZON) == floor(HORIZON * 0.29)
    assert HORIZON in taken


def test_equality_is_decided_up_to_it() -> None:
    scaled = mapped(dc.Upsample(0.29))
    first = next(n for n in range(4, N) if floor(n * 0.29) != 29 * n // 100)
    whole = exact(dc.SizeMap(29, 0, 100, 4))
    assert scaled.first_difference(whole) == whole.first_difference(scaled) == first
    assert scaled.is_same(whole) is False
    for end, same in ((HORIZON, False), (HORIZON + 1, True)):
        assert scaled.is_same(scaled.where(end - 1 - exact(dc.SizeMap()))) is same
    assert mapped(dc.Upsample(1.0000000001)).is_identity() is True  # up to the horizon
    assert mapped(dc.Upsample(1.000001)).is_identity() is False
    assert mapped(dc.Upsample(0.5), dc.Upsample(2)).is_identity() is False


# Sets.


def stack(rng: random.Random) -> list[dc.Layer]:
    made: list[dc.Layer] = [dc.Upsample(rng.choice(SCALES))]
    for _ in range(rng.randint(0, 3)):
        made.insert(
            rng.randint(0, len(made)),
            rng.choice(
                (
                    dc.Conv(rng.randint(1, 4), stride=rng.randint(1, 3), padding=rng.randint(0, 1)),
                    dc.PixelUnshuffle(rng.randint(1, 3)),
                    dc.Upsample(rng.choice((2, 3, 0.75, 0.29))),
                    dc.Slice(rng.randint(-9, 4), rng.choice((None, -2, 50)), rng.randint(1, 2)),
                )
            ),
        )
    return made


def by_hand(layers: list[dc.Layer], n: int) -> int | None:
    for one in layers:
        if not one.accepts(n):
            return None
        n = one.output_size(n)
    return n


@pytest.mark.parametrize("seed", range(8))
def test_sets_are_those_of_brute_force(seed: int) -> None:
    rng = random.Random(f"horizon {seed}")
    one = stack(rng)
    other: list[dc.Layer] = stack(rng) if rng.random() < 0.5 else [dc.Identity()]
    here, there = mapped(*one), mapped(*other)
    known = min([h for h in (here.horizon, there.horizon) if h is not None])
    for low, high in ((1, 600), (known - 300, known)):
        pairs = {n: (by_hand(one, n), by_hand(other, n)) for n in range(low, high + 1)}
        assert members(dc.accepted(here), low, high) == [
            n for n, (a, _) in pairs.items() if a is not None
        ]
        assert members(dc.agreement(here, there), low, high) == [
            n for n, (a, b) in pairs.items() if a is not None and a == b
        ]
        size = rng.choice([a for a, _ in pairs.values() if a is not None] or [3])
        assert members(dc.preimage(here, size), low, high) == [
            n for n, (a, _) in pairs.items() if a == size
        ]
    for found in (dc.accepted(here), dc.agreement(here, there), dc.preimage(here, 7)):
        assert found.horizon is not None
        assert f"(known for n ≤ {found.horizon})" in str(found)


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=7), min_size=1, max_size=5),
    st.lists(st.integers(1, 9), min_size=5, max_size=5),
    st.sets(st.integers(0, 60), max_size=3),
    st.integers(1, 20),
)
def test_marks_that_repeat_are_the_same_set(
    patterns: list[list[bool]], turns: list[int], wrong: set[int], low: int
) -> None:
    """Steps that are found by what repeats tell the marks, wherever the pattern changes."""
    marks = [m for pattern, by in zip(patterns, turns, strict=False) for m in pattern * by]
    marks = [mark ^ (place in wrong) for place, mark in enumerate(marks)]
    before = sets.maps._MANY_RUNS
    sets.maps._MANY_RUNS = 0
    try:
        steps = sets.maps._steps_of(low, np.array(marks))
    finally:
        sets.maps._MANY_RUNS = before
    assert [at for at, _ in steps] == sorted({at for at, _ in steps})
    assert dc.Sizes._made(steps) == dc.Sizes.of(*[low + i for i, m in enumerate(marks) if m])


def test_sets_with_a_horizon() -> None:
    tens = dc.agreement(mapped(dc.Upsample(0.1), dc.Upsample(10)), exact(dc.SizeMap()))
    assert str(tens) == "n ≡ 0 (mod 10), n ≥ 10 (known for n ≤ 1048576)"
    assert tens == dc.Sizes.congruent(0, 10).up_to(HORIZON)
    assert hash(tens) == hash(dc.Sizes.congruent(0, 10).up_to(HORIZON))
    assert tens != dc.Sizes.congruent(0, 10)
    assert tens != dc.Sizes.congruent(0, 10) & dc.Sizes.between(1, HORIZON)
    assert str(~tens) == "n ≢ 0 (mod 10) (known for n ≤ 1048576)"
    assert ~~tens == tens
    assert (tens.count(), tens.greatest, tens.nearest(HORIZON)) == (
        104_857,
        1_048_570,
        (1_048_570, None),
    )
    for other in (dc.Sizes.congruent(0, 4), dc.Sizes.of(7).up_to(50), dc.Sizes.all()):
        plain = dc.Sizes.congruent(0, 10)
        known = other.horizon or HORIZON
        free = dc.Sizes.of(*other) if other.horizon else other
        for made, expected in (
            (tens & other, plain & free),
            (tens | other, plain | free),
            (tens - other, plain - free),
            (other - tens, free - plain),
        ):
            assert made == expected.up_to(known)
            assert made.horizon == known
    assert dc.Sizes.from_record(json.loads(json.dumps(tens.to_record()))) == tens
    assert eval(repr(tens), {"Sizes": dc.Sizes}) == tens  # noqa: S307
    assert str(dc.Sizes.none().up_to(9)) == "no n (known for n ≤ 9)"
    assert str(dc.Sizes.of(9).up_to(9)) == "n = 9 (known for n ≤ 9)"
    with pytest.raises(dc.DeconvcalcError, match="at least 0"):
        tens.up_to(-1)
    with pytest.raises(TypeError):
        tens.up_to(1.5)  # type: ignore[arg-type]
