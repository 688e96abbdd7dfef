"""Exact maps of any shape: chains of layers, their algebra, and decisions for every n."""

from __future__ import annotations

import operator
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import deconvcalc as dc
from deconvcalc.sizemap.exact import WORK_LIMIT, UndecidedError, chain, exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.sizemap.exact import ExactMap

N = 4_000
STACKS = 1_000
SIZES = np.arange(1, N + 1)


def floor(rng: random.Random, *, rising: bool = False) -> dc.SizeMap:
    return dc.SizeMap(
        rng.choice((1, 1, 1, 2, 3) if rising else (0, 1, 1, 1, 2, 3)),
        rng.randint(-6, 6),
        rng.choice((1, 1, 2, 3, 4)),
        rng.randint(1, 6),
        rng.choice((None, None, None, rng.randint(5, 300))),
        rng.choice((1, 1, 1, 2, 3)),
    )


def floors(rng: random.Random) -> list[dc.SizeMap]:
    return [floor(rng) for _ in range(rng.randint(1, 5))]


def by_hand(stack: list[dc.SizeMap], n: int) -> int | None:
    """One floor after the other, each in its own domain."""
    for one in stack:
        if n not in one.domain:
            return None
        n = (one.slope * n + one.offset) // one.divisor
    return n


def table(size_map: ExactMap, sizes: np.ndarray = SIZES) -> list[int | None]:
    values, taken = size_map.values(sizes)
    return [int(value) if ok else None for value, ok in zip(values, taken, strict=True)]


def check_shape(size_map: ExactMap, values: list[int | None]) -> None:
    """What the shape says holds for all n of a table."""
    shape = size_map.shape
    assert all(value is None for value in values[: shape.low - 1])
    if shape.finite:
        assert all(value is None for value in values[shape.start - 1 :])
        return
    for before, after in zip(
        values[shape.start - 1 :], values[shape.start + shape.period - 1 :], strict=False
    ):
        assert after == (None if before is None else before + shape.rise)


@pytest.mark.parametrize("seed", range(20))
def test_a_chain_is_one_floor_after_the_other(seed: int) -> None:
    rng = random.Random(f"chain {seed}")
    for _ in range(25):
        stack = floors(rng)
        expected = [by_hand(stack, n) for n in range(1, 401)]
        size_map = chain(stack)
        assert table(size_map, SIZES[:400]) == expected, stack
        check_shape(size_map, expected)
        assert [n for n in range(1, 41) if size_map.accepts(n)] == [
            n for n in range(1, 41) if expected[n - 1] is not None
        ]


def layer(rng: random.Random, stride: int) -> dc.Layer:
    """A layer of one axis whose step is at most `stride`."""
    s, k = rng.randint(1, stride), rng.randint(1, 7)
    kind = rng.randrange(9)
    if kind == 0:
        return dc.Conv(k, stride=s, padding=rng.randint(0, 3), dilation=rng.randint(1, 2))
    if kind == 1:
        return dc.Conv(k, stride=s, padding=dc.Same())
    if kind == 2:
        return dc.ConvTranspose(k, stride=s, padding=rng.randint(0, 2))
    if kind == 3:
        return dc.MaxPool(k, stride=s, padding=rng.randint(0, k // 2), ceil_mode=rng.random() < 0.5)
    if kind == 4:
        return dc.Upsample(s)
    if kind == 5:
        return dc.PixelUnshuffle(s)
    if kind == 6:
        return dc.Pad(((rng.randint(-2, 3), rng.randint(-2, 3)),), mode="reflect")
    if kind == 7:
        return dc.Crop(rng.randint(0, 2))
    return dc.ConvTranspose(k, stride=s, padding=((0, rng.randint(-2, k - 1)),))


def stack_of_layers(rng: random.Random) -> list[dc.Layer]:
    """Up to 12 layers whose steps multiply to at most 10,000; some end in a bounded domain."""
    left, made = 10_000, []
    for _ in range(rng.randint(1, 12)):
        one = layer(rng, max(min(8, left), 1))
        step = getattr(one, "stride", None) or getattr(one, "factor", None) or 1
        left //= max(step, 1)
        made.append(one)
    if rng.random() < 0.7:  # what asks for a size takes only the n that lead there
        most = rng.randint(20, 2_000)
        rule = dc.ToSize(most, split="upper")
        made.append(dc.ConvTranspose(1, stride=rng.randint(1, most), padding=rule))
    if rng.random() < 0.2:
        made.insert(0, dc.PixelUnshuffle(rng.randint(1_001, 1_500)))
    return made


def by_arrays(layers: list[dc.Layer]) -> np.ndarray:
    """The sizes by the formulas, layer by layer; 0 where one refuses."""
    sizes, taken = SIZES.copy(), np.ones(N, dtype=bool)
    for one in layers:
        taken[taken] = one.accepts(sizes[taken])
        sizes[taken] = one.output_size(sizes[taken])
    return np.where(taken, sizes, 0)


@pytest.mark.parametrize("seed", range(20))
def test_map_formula_and_array_agree_on_stacks(seed: int) -> None:
    rng = random.Random(f"stacks {seed}")
    for _ in range(STACKS // 20):
        layers = stack_of_layers(rng)
        size_map = chain([one.size_map() for one in layers])
        values, taken = size_map.values(SIZES)
        assert np.array_equal(np.where(taken, values, 0), by_arrays(layers)), layers
        edges = {1, N, size_map.shape.low, size_map.shape.start}
        for n in sorted(edges | {rng.randint(1, N) for _ in range(40)}):
            size: Any = n
            try:
                for one in layers:
                    size = one.output_size(size)
            except dc.SizeError:
                size = None
            assert size == (size_map(n) if size_map.accepts(n) else None)


OPERATIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[int, int], int]]] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "min": (lambda a, b: a.minimum(b), min),
    "max": (lambda a, b: a.maximum(b), max),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_the_algebra_works_where_both_accept(name: str, seed: int) -> None:
    rng = random.Random(f"{name} {seed}")
    on_maps, on_ints = OPERATIONS[name]
    for _ in range(25):
        one, other = floors(rng), floors(rng)
        size_map = on_maps(chain(one), chain(other))
        expected = []
        for n in range(1, 401):
            pair = by_hand(one, n), by_hand(other, n)
            expected.append(None if None in pair else on_ints(*pair))  # type: ignore[arg-type]
        assert table(size_map, SIZES[:400]) == expected
        check_shape(size_map, expected)


@pytest.mark.parametrize("seed", range(10))
def test_scaling_rest_and_composition(seed: int) -> None:
    rng = random.Random(f"scaled {seed}")
    for _ in range(25):
        one, other = floors(rng), [floor(rng, rising=True)]
        a, b, c = rng.randint(-3, 3), rng.randint(-5, 5), rng.randint(1, 4)
        inner = chain(one) + chain(other)
        check_derived((inner * a + b) // c, scaled(a, b, c), one, other)
        check_derived(inner % c, rest(c), one, other)
        check_derived(b - inner, scaled(-1, b, 1), one, other)
        check_derived(inner.then(other[0]), through(other), one, other)


def scaled(a: int, b: int, c: int) -> Callable[[int], int | None]:
    return lambda x: (x * a + b) // c


def rest(c: int) -> Callable[[int], int | None]:
    return lambda x: x % c


def through(stack: list[dc.SizeMap]) -> Callable[[int], int | None]:
    return lambda x: by_hand(stack, x) if x >= 1 else None


def check_derived(
    size_map: ExactMap,
    work: Callable[[int], int | None],
    one: list[dc.SizeMap],
    other: list[dc.SizeMap],
) -> None:
    """What is made of the sum of two chains."""
    expected: list[int | None] = []
    for n in range(1, 401):
        left, right = by_hand(one, n), by_hand(other, n)
        expected.append(None if left is None or right is None else work(left + right))
    assert table(size_map, SIZES[:400]) == expected
    check_shape(size_map, expected)


@pytest.mark.parametrize("seed", range(10))
def test_equality_is_decided(seed: int) -> None:
    rng = random.Random(f"equal {seed}")
    for _ in range(20):
        one = floors(rng)
        other = [rng.choice(one), *one[1:]] if rng.random() < 0.7 else floors(rng)
        pairs = [(by_hand(one, n), by_hand(other, n)) for n in range(1, 2_000)]
        wrong = [n for n, (a, b) in enumerate(pairs, 1) if a != b]
        assert chain(one).first_difference(chain(other)) == (wrong[0] if wrong else None)
        assert chain(one).is_same(chain(other)) is (not wrong)


def test_what_goes_up_and_comes_down_is_the_identity_on_its_domain() -> None:
    up, down = dc.ConvTranspose(4, stride=2, padding=1), dc.Conv(4, stride=2, padding=1)
    both = chain([up.size_map(), down.size_map()])
    assert both.is_identity() is True
    assert str(both) == "n"
    back = chain([down.size_map(), up.size_map()])
    assert back.is_identity() is False
    assert back.first_difference(chain([dc.SizeMap(low=2)])) == 3
    assert (back.slope, str(back)) == ((1, 1), "2*floor(n/2)")


def test_neighbouring_floors_merge() -> None:
    down = dc.Conv(3, stride=8, padding=1).size_map()
    twelve = chain([down] * 12)
    assert len(twelve.floors) == 1
    assert twelve.floors[0].divisor == 8**12
    assert twelve.is_same(chain([down] * 12)) is True
    assert twelve.is_same(chain([down] * 11)) is None  # they part at 8**11 + 1


def test_past_the_work_limit_nothing_is_guessed() -> None:
    long = exact(dc.SizeMap(1, 0, WORK_LIMIT * 4))
    same = long.minimum(long)
    assert long.is_same(same) is None
    with pytest.raises(UndecidedError, match="more than"):
        long.first_difference(same)
    assert long.is_same(long + 1) is False


def test_huge_values_do_not_wrap() -> None:
    huge = exact(dc.SizeMap(10**12, 1)).then(dc.SizeMap(10**12, 0))
    assert huge(10**6) == 10**30 + 10**12
    assert (huge + huge)(1) == 2 * (10**24 + 10**12)


@pytest.mark.parametrize("value", [1.5, "2", None, True])
def test_only_whole_numbers_are_taken(value: Any) -> None:
    size_map = exact(dc.SizeMap.identity())
    for work in (operator.add, operator.mul, operator.floordiv):
        with pytest.raises(TypeError):
            work(size_map, value)
    with pytest.raises(TypeError):
        size_map(value)


def test_a_map_refuses_as_its_layers_do() -> None:
    size_map = exact(dc.Conv(3).size_map())
    with pytest.raises(dc.SizeError, match="refuses 2"):
        size_map(2)
    with pytest.raises(dc.DeconvcalcError, match="at least 1"):
        _ = size_map // 0
    with pytest.raises(dc.DeconvcalcError, match="falls"):
        chain([dc.SizeMap(-1, 5)])
