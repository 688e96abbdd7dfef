"""Chains of thousands of layers: what they cost, and that nothing in them goes by recursion."""

from __future__ import annotations

import copy
import pickle
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest

import deconvcalc as dc
from deconvcalc.errors import UndecidedError
from deconvcalc.sizemap.chains import Chain, chain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEEP = 10_000

# Two floors that never merge: the period doubles with every pair.
GROWING = (dc.Conv(2, stride=2), dc.ConvTranspose(3, stride=3))

PAIRS: dict[str, tuple[Sequence[dc.Layer], Callable[[int], int], str]] = {
    "never merged": (GROWING, lambda n: n // 2 * 3, "n ≥ 2"),
    "half and twice": (
        (dc.MaxPool(2, stride=2), dc.ConvTranspose(2, stride=2)),
        lambda n: n // 2 * 2,
        "n ≥ 2",
    ),
    "the same": (
        (dc.Conv(3, padding=1), dc.Identity()),
        lambda n: n,
        "any n ≥ 1",
    ),
    "shorter": ((dc.Conv(3), dc.Identity()), lambda n: n - 2, f"n ≥ {DEEP + 1}"),
    "unshuffled": (
        (dc.PixelUnshuffle(4), dc.PixelShuffle(4)),
        lambda n: n,
        "n ≡ 0 (mod 4), n ≥ 4",
    ),
}


def grown(layers: Sequence[dc.Layer], depth: int = DEEP) -> list[Chain]:
    """The chains of one layer, two, three and so on, each made of the one before."""
    found: list[Chain] = [dc.compose([layers[0]])]
    for place in range(1, depth):
        found.append(dc.compose([found[-1], layers[place % len(layers)]]))
    return found


def test_chains_share_what_they_begin_with() -> None:
    # A copy for each of them would hold 25 million references, 200 MB.
    tracemalloc.start()
    try:
        chains = grown(GROWING)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(chains[-1].floors) == DEEP // 2 + 1  # 3*n, and then half of it, are one
    assert held < 1_000 * DEEP


@pytest.mark.parametrize("name", PAIRS)
def test_a_deep_chain_is_decided(name: str) -> None:
    layers, both, taken = PAIRS[name]
    last = grown(layers)[-1]
    assert str(dc.accepted(last)) == taken
    least = dc.accepted(last).least
    assert least is not None
    for n in (least, least + 8, 100_000 - 100_000 % 24):
        expected = n
        for _ in range(DEEP // 2):
            expected = both(expected)
        assert last(n) == expected
    assert not last.accepts(least - 1)
    assert dc.agreement(last, grown(layers)[-1]) == dc.accepted(last)
    assert last.shape.low == least
    assert last.is_identity() is (name in ("the same", "unshuffled"))


def test_an_upper_end_is_found_from_the_end() -> None:
    ends = [*[dc.SizeMap(1, 0, 2), dc.SizeMap(3)] * (DEEP // 2), dc.SizeMap(high=3**4_000)]
    last = chain(ends)
    high = dc.accepted(last).greatest
    assert high is not None
    assert last.accepts(high)
    assert not last.accepts(high + 1)
    assert dc.accepted(chain([*ends, dc.SizeMap(0, 5), dc.SizeMap(low=6)])) == dc.Sizes.none()


def test_a_deep_chain_is_a_value() -> None:
    one, other = grown(GROWING)[-1], grown(GROWING)[-1]
    assert one == other
    assert hash(one) == hash(other)
    assert one != grown(GROWING, DEEP - 1)[-1]
    for same in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), copy.copy(one)):  # noqa: S301
        assert same == one
    assert str(one).startswith("(3*n after ")


def test_what_is_too_long_to_print_is_undecided_all_the_same() -> None:
    last = grown(GROWING, 40_000)[-1]  # its period has more digits than Python prints
    with pytest.raises(UndecidedError, match=r"from 2 to about 2\*\*\d+: more than"):
        dc.agreement(last, dc.compose([dc.Identity()]))


@pytest.mark.parametrize("seed", range(40))
def test_a_chain_is_the_same_however_it_is_put_together(seed: int) -> None:
    rng = random.Random(f"put together {seed}")
    stack = [
        dc.SizeMap(
            rng.choice((0, 1, 1, 1, 2, 3)),
            rng.randint(-6, 6),
            rng.choice((1, 1, 2, 3, 4)),
            rng.randint(1, 6),
            rng.choice((None, None, None, rng.randint(5, 300))),
            rng.choice((1, 1, 1, 2, 3)),
        )
        for _ in range(rng.randint(2, 7))
    ]
    whole = chain(stack)
    one_by_one: dc.ExactMap = chain(stack[:1])
    for floor in stack[1:]:
        one_by_one = one_by_one.then(floor)
    assert one_by_one == whole
    cut = rng.randint(1, len(stack) - 1)
    halves = chain(stack[:cut]).then(chain(stack[cut:]))
    for n in range(1, 200):
        assert halves.accepts(n) is whole.accepts(n)
        assert not whole.accepts(n) or halves(n) == whole(n)


def test_merging_goes_on_to_the_floors_before() -> None:
    half, twice = dc.SizeMap(1, 0, 2, low=2), dc.SizeMap(2)
    assert chain([half, twice, half]) == chain([half])
    assert chain([half, twice, half, half]) == chain([dc.SizeMap(1, 0, 4, low=4)])
    assert chain([half, twice, half, half]).stair() is not None
    assert chain([half, twice]) // 2 == chain([half])


@pytest.mark.parametrize("depth", [60, 1_000])
def test_maps_of_maps_may_be_thousands_deep(depth: int) -> None:
    one: dc.ExactMap = dc.compose([dc.Identity()])
    for place in range(depth):
        # The smaller of two branches, padded, and again.
        one = dc.compose([one.minimum(dc.compose([one, dc.Conv(3)]) + place % 5), dc.Pad(1)])
    for n in (2, 3, 4, 1_000):
        size: int | None = n
        for place in range(depth):
            size = None if size is None or size < 3 else min(size, size - 2 + place % 5) + 2
        assert one.accepts(n) is (size is not None)
        assert size is None or one(n) == size
    assert len(str(one)) < 100_000
    if depth < 100:
        assert dc.accepted(one) == dc.Sizes.between(3)


def test_a_map_in_many_places_is_looked_at_once() -> None:
    # By recursion its values would be computed 2**200 times.
    one: dc.ExactMap = dc.compose([dc.Conv(3)])
    for _ in range(200):
        one = one + one
    assert one(5) == 3 * 2**200
    assert dc.preimage(one, 7 * 2**200) == dc.Sizes.of(9)
    assert dc.agreement(one, one + 0) == dc.Sizes.between(3)
