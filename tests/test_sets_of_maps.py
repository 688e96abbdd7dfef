"""What maps accept, where they agree, and what they take to a size, as sets of sizes."""

from __future__ import annotations

import random
from math import gcd
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc import sets
from deconvcalc.errors import UndecidedError
from deconvcalc.sizemap.chains import chain
from deconvcalc.sizemap.ranges import chunks
from tests.test_exact_maps import by_hand, floors

N = 600


def members(sizes: dc.Sizes) -> list[int]:
    return [n for n in range(1, N + 1) if n in sizes]


@pytest.mark.parametrize("seed", range(8))
def test_sets_hold_what_maps_say(seed: int) -> None:
    rng = random.Random(f"sets {seed}")
    for _ in range(25):
        one, other = floors(rng), floors(rng)
        here, there = chain(one), chain(other)
        values = [(by_hand(one, n), by_hand(other, n)) for n in range(1, N + 1)]
        taken = [n for n, (a, _) in enumerate(values, 1) if a is not None]
        assert members(dc.accepted(here)) == taken
        same = [n for n, (a, b) in enumerate(values, 1) if a is not None and a == b]
        assert members(dc.agreement(here, there)) == same
        size = rng.choice([a for a, _ in values if a is not None] or [3])
        assert members(dc.preimage(here, size)) == [
            n for n, (a, _) in enumerate(values, 1) if a == size
        ]


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([dc.Conv(3)], "n ≥ 3"),
        ([dc.Identity()], "any n ≥ 1"),
        ([dc.PixelUnshuffle(2)] * 5, "n ≡ 0 (mod 32), n ≥ 32"),
        ([dc.PixelUnshuffle(4), dc.Conv(3)], "n ≡ 0 (mod 4), n ≥ 12"),
        ([dc.Conv(3), dc.ConvTranspose(1, padding=dc.ToSize(9, 0))], "n = 11"),
    ],
)
def test_what_a_stack_takes(layers: list[dc.Layer], text: str) -> None:
    assert str(dc.accepted(dc.compose(layers))) == text


def unet(depth: int) -> tuple[dc.ExactMap, list[dc.Sizes]]:
    """What comes out of a U-Net of pools, and at each skip where both branches agree."""
    down = [dc.compose([dc.Identity()])]
    for _ in range(depth):
        down.append(down[-1].then(dc.MaxPool(2).size_map()))
    skips = []
    for level in reversed(range(depth)):
        up = down[level + 1].then(dc.ConvTranspose(2, stride=2).size_map())
        skips.append(dc.agreement(up, down[level]))
    return down[0], skips


def test_the_inputs_of_a_u_net_of_five_pools() -> None:
    _, skips = unet(5)
    admissible = skips[0]
    for one in skips[1:]:
        admissible &= one
    assert str(admissible) == "n ≡ 0 (mod 32), n ≥ 32"


def test_axes_may_differ() -> None:
    maps = dc.compose([dc.Conv((1, 3)), dc.Upsample(2)])
    assert [str(one) for one in maps] == ["2*n", "2*n - 4"]
    with pytest.raises(dc.LayerError, match="cannot follow"):
        dc.compose([dc.Conv((1, 3)), dc.Conv((1, 2, 3))])
    with pytest.raises(dc.LayerError, match="no layers"):
        dc.compose([])
    with pytest.raises(dc.DeconvcalcError, match="couples its axes"):
        dc.compose([dc.Flatten()])


def test_values_come_for_arrays_too() -> None:
    values, taken = dc.compose([dc.Conv(3, stride=2)]).values(np.arange(1, 6))
    assert values[taken].tolist() == [1, 1, 2]


def test_maps_stand_among_layers() -> None:
    down = dc.compose([dc.Conv(3, stride=2, padding=1)])
    for stack in (
        [down, down],
        [dc.Conv(3, stride=2, padding=1), down],
        [down, dc.Identity(), down],
    ):
        assert str(dc.compose(stack)) == "floor((n + 3)/4)"
    slice_ = dc.compose([dc.Slice(1, 9)])
    twice = dc.compose([slice_, slice_, dc.Upsample(2), dc.Upsample(0.5), slice_, slice_])
    for n in range(1, 30):
        size: int | None = n
        for one in (*[dc.Slice(1, 9)] * 2, dc.Upsample(2), dc.Upsample(0.5), *[dc.Slice(1, 9)] * 2):
            size = one.output_size(size) if size is not None and one.accepts(size) else None
        assert size == (twice(n) if twice.accepts(n) else None)


@pytest.mark.parametrize("seed", range(8))
def test_where_one_map_is_at_least_another(seed: int) -> None:
    rng = random.Random(f"at least {seed}")
    for _ in range(25):
        one, other = floors(rng), floors(rng)
        pairs = [(by_hand(one, n), by_hand(other, n)) for n in range(1, N + 1)]
        assert members(dc.at_least(chain(one), chain(other))) == [
            n for n, (a, b) in enumerate(pairs, 1) if a is not None and b is not None and a >= b
        ]


def sizes_of(size_map: dc.ExactMap, most: int) -> list[int]:
    """The sizes from 1 to `most` that a map gives, one n after the other."""
    shape, found = size_map.shape, set[int]()
    low, high = (1, 0) if shape.finite else size_map.window()
    turns = 1
    if shape.rise:  # so many periods, and all that follow lie above `most`, or below 1
        turns += max(-(-(most - low if shape.rise > 0 else high) // abs(shape.rise)), 0)
    for sizes in chunks(1, shape.start + turns * shape.period):
        values, taken = size_map.values(sizes)
        found.update(values[taken].tolist())
    return sorted({value for value in found if 1 <= value <= most})


@pytest.mark.parametrize("seed", range(8))
def test_the_sizes_that_a_map_gives(seed: int) -> None:
    rng = random.Random(f"image {seed}")
    for _ in range(12):
        one, other = chain(floors(rng)), chain(floors(rng))
        for size_map in (one, one + other, one - other, other.minimum(one), 7 - one):
            found = dc.image(size_map)
            assert [n for n in range(1, 200) if n in found] == sizes_of(size_map, 199)
        assert members(dc.fixed_points(one)) == [
            n for n in range(1, N + 1) if one.accepts(n) and one(n) == n
        ]


def test_images_as_they_print() -> None:
    assert str(dc.image(dc.compose([dc.Upsample(2), dc.Conv(4)]))) == "n odd"
    assert str(dc.image(dc.compose([dc.AdaptivePool(7)]))) == "n = 7"
    assert str(dc.image(dc.compose([dc.Conv(3, stride=2)]))) == "any n ≥ 1"
    with pytest.raises(UndecidedError, match="does not repeat"):
        dc.image(dc.compose([dc.Upsample(0.29)]))
    every = dc.compose([dc.Identity()])
    with pytest.raises(UndecidedError, match="a decision needs n from 1 to"):
        dc.image(every.maximum(10**12))
    with pytest.raises(UndecidedError, match="too many to list"):
        dc.image(every % 2 * 10**12 + every)


@pytest.mark.parametrize("seed", range(8))
def test_short_periods_are_compared_as_long_ones(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quick way for chains that take all n from some n on."""
    rng = random.Random(f"short {seed}")
    pairs = []
    for _ in range(25):
        stacks = [
            [
                dc.SizeMap(
                    rng.choice((1, 2, 4)),
                    rng.randint(-6, 6),
                    rng.choice((1, 2, 4)),
                    rng.randint(1, 6),
                )
                for _ in range(rng.randint(1, 3))
            ]
            for _ in range(2)
        ]
        pairs.append([chain(stack) for stack in stacks])
    quick = [(dc.agreement(*pair), dc.at_least(*pair)) for pair in pairs]
    monkeypatch.setattr(sets.maps, "_by_remainder", lambda *_: None)
    assert quick == [(dc.agreement(*pair), dc.at_least(*pair)) for pair in pairs]
    monkeypatch.setattr(sets.maps, "_SHORT", 0)
    assert quick == [(dc.agreement(*pair), dc.at_least(*pair)) for pair in pairs]
    for pair, found in zip(pairs, quick, strict=True):
        (a, here), (b, there) = [one.values(np.arange(1, N + 1)) for one in pair]
        assert members(found[0]) == (np.flatnonzero(here & there & (a == b)) + 1).tolist()
        assert members(found[1]) == (np.flatnonzero(here & there & (a >= b)) + 1).tolist()


class Stair(NamedTuple):
    low: int
    slope: int
    offset: int
    divisor: int
    rise: int
    base: int


def on(stair: Stair, n: int) -> int | None:
    """The value of a stair, or None below its start."""
    if n < stair.low:
        return None
    return stair.rise * ((stair.slope * n + stair.offset) // stair.divisor) + stair.base


@st.composite
def stairs(draw: st.DrawFn) -> tuple[Stair, Stair]:
    """Two stairs that rise alike, and the steps of one are whole steps of the other."""
    step, rise, times = [draw(st.integers(1, most)) for most in (6, 3, 6)]
    divisor = step * times
    slope = draw(st.sampled_from([p for p in range(1, 12) if gcd(p, divisor) == 1]))
    small = st.integers(-20, 20)
    coarse, fine = [
        Stair(draw(st.integers(1, 9)), slope, draw(small), *rest, draw(small))
        for rest in ((divisor, rise * times), (step, rise))
    ]
    return (coarse, fine) if draw(st.booleans()) else (fine, coarse)


@given(stairs())
def test_stairs_that_rise_alike_are_compared_by_a_remainder(pair: tuple[Stair, Stair]) -> None:
    values = [(n, on(pair[0], n), on(pair[1], n)) for n in range(1, 90)]
    both = [(n, a, b) for n, a, b in values if a is not None and b is not None]
    for equal, here in (
        (True, [n for n, a, b in both if a == b]),
        (False, [n for n, a, b in both if a >= b]),
    ):
        found = sets.maps._by_remainder(*pair, equal)
        assert found is not None
        assert [n for n in range(1, 90) if n in found] == here


@pytest.mark.parametrize("first", [1, 3])
def test_a_chain_is_a_stair_where_it_says_so(first: int) -> None:
    rng = random.Random(f"stairs {first}")
    found = 0
    for _ in range(200):
        stack = [
            dc.SizeMap(a, rng.randint(-9, 9), rng.choice((1, 2, 3)), rng.randint(-3, 9))
            for a in rng.choices((1, 2, 3), k=rng.randint(1, 3))
        ]
        one = chain([dc.SizeMap(low=first), *stack])
        stair = one.stair()
        if stair is not None:
            found += 1
            values, taken = one.values(np.arange(1, 60))
            said = [a if here else None for a, here in zip(values, taken, strict=True)]
            assert [on(Stair(*stair), n) for n in range(1, 60)] == said
            assert gcd(Stair(*stair).slope, Stair(*stair).divisor) == 1
    assert found > 80
    half = dc.SizeMap(1, 0, 2)
    for other in (
        [dc.SizeMap(1, 0, 2, 1, 50)],
        [dc.SizeMap(1, 0, 1, 1, None, 2)],
        [dc.SizeMap(0, 5)],
        [half, dc.SizeMap(3, 0, 1, 1, 50)],
        [half, dc.SizeMap(3, 0, 1, 2, None, 2)],
        [half, dc.SizeMap(3, 0, 2)],
        [half, dc.SizeMap(3), half],
    ):
        assert chain(other).stair() is None


@pytest.mark.parametrize(
    "other",
    [
        Stair(1, 5, 0, 4, 4, 0),  # it rises faster
        Stair(1, 1, 0, 4, 8, 0),
        Stair(1, 1, 0, 3, 3, 0),  # its steps do not fit
    ],
)
def test_stairs_that_do_not_fit_are_left_to_others(other: Stair) -> None:
    one = Stair(1, 1, 0, 4, 4, 0)
    assert sets.maps._by_remainder(one, one, True) == dc.Sizes.all()
    assert sets.maps._by_remainder(one, other, True) is None
    assert sets.maps._by_remainder(other, one, False) is None


@given(st.integers(1, 40), st.integers(-90, 90), st.integers(-3, 45), st.integers(0, 50))
def test_an_arc_of_residues_is_the_set_that_it_lists(
    modulus: int, first: int, held: int, seed: int
) -> None:
    step = random.Random(seed).choice([s for s in range(1, 50) if gcd(s, modulus) == 1])
    listed = sets.classes.Classes(modulus, {n * step % modulus for n in range(first, first + held)})
    assert sets.classes.Classes.arc(modulus, first, held, step) == listed


def test_steps_of_any_length_are_compared() -> None:
    length = 10**12
    down = dc.compose([dc.Conv(1, stride=length)])
    there_and_back = dc.compose([down, dc.ConvTranspose(1, stride=length)])
    pixel = dc.compose([dc.Identity()])
    assert dc.agreement(there_and_back, pixel) == dc.Sizes.congruent(1, length)
    assert dc.at_least(pixel, there_and_back) == dc.Sizes.all()
    assert dc.at_least(there_and_back, pixel) == dc.Sizes.congruent(1, length)
    one_less = pixel - 1
    assert dc.at_least(one_less, there_and_back) == ~dc.Sizes.congruent(1, length)
    with pytest.raises(sets.LimitError, match="residue classes"):
        dc.at_least(pixel - length // 2, there_and_back)
