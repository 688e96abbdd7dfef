"""Exact maps of any shape: chains of layers, their algebra, and decisions for every n."""

from __future__ import annotations

import operator
import random
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy

import deconvcalc as dc
from deconvcalc.errors import UndecidedError
from deconvcalc.sizemap.chains import chain
from deconvcalc.sizemap.exact import exact
from deconvcalc.sizemap.ranges import WORK_LIMIT

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
    kind = rng.randrange(11)
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
    if kind == 8:
        return dc.Upsample(rng.choice((0.29, 0.5, 0.7, 1.1, 1.5)))
    if kind == 9:
        stop = rng.choice((None, None, -1, -2, rng.randint(50, 900)))
        return dc.Slice(rng.choice((0, 1, 2, -rng.randint(50, 900))), stop, s)
    return dc.ConvTranspose(k, stride=s, padding=((0, rng.randint(-2, k - 1)),))


def drawn() -> tuple[dict[int, list[dc.Layer]], list[dc.Layer], list[dc.Layer]]:
    """The layers that stacks are made of: by their step, those that bound n, those that divide it.

    They are few enough that each one's sympy formulas are made once.
    """
    rng = random.Random("drawn")
    steps: dict[int, list[dc.Layer]] = {}
    for one in [layer(rng, 8) for _ in range(300)]:
        found = [getattr(one, name, 1) for name in ("stride", "step", "factor")]
        steps.setdefault(int(max(found)), []).append(one)
    bounded: list[dc.Layer] = []
    for _ in range(60):  # what asks for a size takes only the n that lead there
        size = rng.randint(20, 2_000)
        rule = dc.ToSize(size, split="upper")
        bounded.append(dc.ConvTranspose(1, stride=rng.randint(1, size), padding=rule))
    return steps, bounded, [dc.PixelUnshuffle(rng.randint(1_001, 1_500)) for _ in range(20)]


STEPS, BOUNDED, DIVIDING = drawn()


def stack_of_layers(rng: random.Random) -> list[dc.Layer]:
    """Up to 12 layers whose steps multiply to at most 10,000; some end in a bounded domain."""
    left, made = 10_000, []
    for _ in range(rng.randint(1, 12)):
        step = rng.choice([step for step in STEPS if step <= left])
        left //= step
        made.append(rng.choice(STEPS[step]))
    if rng.random() < 0.7:
        made.append(rng.choice(BOUNDED))
    if rng.random() < 0.2:
        made.insert(0, rng.choice(DIVIDING))
    return made


def by_arrays(layers: list[dc.Layer]) -> np.ndarray:
    """The sizes by the formulas, layer by layer; 0 where one refuses."""
    sizes, taken = SIZES.copy(), np.ones(N, dtype=bool)
    for one in layers:
        taken[taken] = one.accepts(sizes[taken])
        sizes[taken] = one.output_size(sizes[taken])
    return np.where(taken, sizes, 0)


def by_ints(layers: list[dc.Layer], n: int) -> int:
    """The size by the formulas, layer by layer; 0 where one refuses."""
    for one in layers:
        try:
            n = one.output_size(n)
        except dc.SizeError:
            return 0
    return n


SYMBOL = sympy.Symbol("n", integer=True, positive=True)


@cache
def formulas(one: dc.Layer) -> tuple[Any, Any]:
    """A layer's condition and size as sympy tells them."""
    return sympy.sympify(one.accepts(SYMBOL)), one.output_size(SYMBOL)


@cache
def put_in(one: dc.Layer, n: int) -> int:
    """The size by a layer's sympy formulas, a number put in; 0 where the layer refuses."""
    number = {SYMBOL: sympy.Integer(n)}
    condition, size = [part.xreplace(number) for part in formulas(one)]
    return int(size) if condition == True else 0  # noqa: E712  # sympy's true, and nothing else


def by_sympy(layers: list[dc.Layer], n: int) -> int:
    """The size by the layers' sympy formulas; 0 where one refuses."""
    for one in layers:
        n = n and put_in(one, n)
    return n


def boundaries(sizes: np.ndarray) -> list[int]:
    """The n on both sides of where a table of sizes begins, ends or has a gap."""
    changes = 1 + np.flatnonzero((sizes[1:] > 0) != (sizes[:-1] > 0))
    return [1, N, *[int(n) for n in changes], *[int(n) + 1 for n in changes]]


def check_ways(rng: random.Random, layers: list[dc.Layer]) -> set[int]:
    """Map and array agree at every n; ints and sympy at 40, the boundaries among them."""
    size_map = dc.compose(layers)
    expected = by_arrays(layers)
    known = min(N, size_map.horizon or N)
    values, taken = size_map.values(SIZES[:known])
    assert np.array_equal(np.where(taken, values, 0), expected[:known]), layers
    edges = boundaries(expected)
    chosen = {1, N, *rng.sample(edges, min(len(edges), 20))}
    takes = SIZES[expected > 0].tolist() or [1]
    while len(chosen) < 40:
        chosen.add(rng.choice(takes) if rng.random() < 0.5 else rng.randint(1, N))
    for n in chosen:
        assert by_ints(layers, n) == by_sympy(layers, n) == expected[n - 1], (layers, n)
        if n <= known:
            assert size_map.accepts(n) is bool(expected[n - 1])
            assert not expected[n - 1] or size_map(n) == expected[n - 1]
    return chosen


@pytest.mark.parametrize("seed", range(20))
def test_map_formula_array_and_sympy_agree_on_stacks(seed: int) -> None:
    rng = random.Random(f"stacks {seed}")
    for _ in range(STACKS // 20):
        check_ways(rng, stack_of_layers(rng))


@pytest.mark.parametrize("seed", range(4))
def test_map_formula_array_and_sympy_agree_on_layers(seed: int) -> None:
    rng = random.Random(f"layers {seed}")
    for one in rng.sample([one for some in STEPS.values() for one in some], 25):
        check_ways(rng, [one])


def test_stacks_are_as_mixed_as_they_should_be() -> None:
    rng = random.Random("mixed")
    stacks = [stack_of_layers(rng) for _ in range(400)]
    assert max(len(layers) for layers in stacks) >= 12
    shares = [
        sum(layers[-1] in BOUNDED for layers in stacks) / 400,
        sum(layers[0] in DIVIDING for layers in stacks) / 400,
        sum(dc.compose(layers).horizon is not None for layers in stacks) / 400,
        sum(bool(by_arrays(layers).any()) for layers in stacks) / 400,
    ]
    least = (0.6, 0.12, 0.2, 0.3)
    assert all(share > low for share, low in zip(shares, least, strict=True)), shares


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
