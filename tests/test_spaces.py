"""Spaces of designs: in order, drawn evenly, as vectors, in parts; and far too large to list."""

from __future__ import annotations

import copy
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deconvcalc.designer.plans import Plan
from deconvcalc.designer.spaces import AT_ONCE, DesignSpace
from deconvcalc.errors import DeconvcalcError, QueryError, UndecidedError

if TYPE_CHECKING:
    from collections.abc import Callable

PLACES = 10_000


def decoder(**changed: Any) -> DesignSpace:
    """Some 10^7 decoders from 4 to 224."""
    return DesignSpace(224, **{"source": 4, "stages": range(1, 7), "channels": (512, 3)} | changed)


def small(**changed: Any) -> DesignSpace:
    return DesignSpace(
        28,
        **{"source": 7, "stages": [2, 3], "kernel_size": [3, 4], "stride": [1, 2]} | changed,
    )


MANY: dict[str, Callable[[], DesignSpace]] = {
    "decoder": decoder,
    "chosen channels": lambda: decoder(channels=(64, [32, 16], 3), stages=6),
    "encoder": lambda: DesignSpace(
        4, source=128, stages=range(1, 7), op=["conv", "max_pool"], channels=(3, 512)
    ),
    "in n": lambda: DesignSpace("32*n", stages=range(1, 7), source=7),
    "axes": lambda: DesignSpace(
        (60, 90), source=(7, 11), stages=4, shared=False, kernel_size=[3, 4], growth=2
    ),
    "part": lambda: decoder().filter(lambda stage: stage.kernel_size != 5),
    "both": lambda: decoder() & decoder(overlap=True, channels=(512, 3), kernel_size=range(2, 8)),
}


@pytest.mark.parametrize("kind", MANY)
def test_places_and_plans_are_one_to_one(kind: str) -> None:
    space = MANY[kind]()
    count = space.count()
    assert count > 1_000
    rng = random.Random(6)
    places = [*range(20), *range(count - 20, count)]
    places += [rng.randrange(count) for _ in range(200)]
    for place in places:
        plan = space[place]
        assert space.index(plan) == place
    for place in places[10:50]:
        plan = space[place]
        assert plan in space
        assert space[place - count] == plan
        assert Plan.from_json(plan.to_json()) == plan == copy.deepcopy(plan)
        assert space.index(Plan.from_json(plan.to_json())) == place
        assert space.decode(space.encode(plan)) == plan
    for place in (count, -count - 1):
        with pytest.raises(IndexError):
            space[place]


def test_ten_thousand_places_of_a_space_of_10_to_the_11() -> None:
    space = DesignSpace(224, source=4, stages=range(1, 7), growth=4, kernel_size=range(1, 9))
    count = space.count()
    assert count > 10**10
    rng = random.Random(11)
    for _ in range(PLACES):
        place = rng.randrange(count)
        assert space.index(space[place]) == place


def test_order_is_that_of_vectors() -> None:
    space = small()
    rows = space.encode(list(space)).tolist()
    assert rows == sorted(rows)
    assert len(rows) == space.count() == len({tuple(row) for row in rows})


def test_slices_and_iteration() -> None:
    space = small()
    every = list(space)
    assert space[2:11:3] == every[2:11:3]
    assert space[::-1] == every[::-1]
    assert space[5:5] == []
    assert space[-1] == every[-1]
    with pytest.raises(QueryError, match="slice"):
        decoder()[::2]
    with pytest.raises(TypeError, match="index"):
        space[1.0]
    assert next(iter(decoder())) == decoder()[0]


# Drawing.


FEW: dict[str, Callable[[], DesignSpace]] = {
    "decoders": lambda: small(kernel_size=[2, 4]),
    "channels": lambda: small(kernel_size=[2, 4], channels=[8, [4, 2], 3], stages=2),
    "encoders": lambda: DesignSpace(
        2, source=8, stages=[2, 3], kernel_size=[1, 3], op=["conv", "max_pool"], channels=(3, 8)
    ),
    "listed": lambda: small(kernel_size=[2, 3, 4]).filter(
        plan=lambda plan: len(set(plan.stages)) == 2
    ),
}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("kind", FEW)
def test_every_plan_is_drawn_as_often_as_any_other(kind: str, at_once: bool) -> None:
    """A chi-squared test; the bound is met by even draws but for about one seed in a million."""
    space = FEW[kind]()
    count = space.count()
    assert 2 <= count <= 400
    draws = 40 * count
    rng = np.random.default_rng(2026)
    size = draws if at_once else AT_ONCE - 1
    plans: list[Plan] = []
    while len(plans) < draws:
        plans += space.sample(rng, size)
    seen = dict.fromkeys(space, 0)
    for plan in plans:
        seen[plan] += 1
    expected = len(plans) / count
    statistic = sum((times - expected) ** 2 / expected for times in seen.values())
    free = count - 1  # a chi-squared variable has this mean, and twice this variance
    assert statistic < free + 5 * (2 * free) ** 0.5 + 16
    assert statistic > free - 5 * (2 * free) ** 0.5


def test_a_seed_draws_the_same_plans_one_by_one_and_at_once() -> None:
    space = decoder()
    some = space.sample(np.random.default_rng(5), AT_ONCE - 1)
    assert some == space.sample(np.random.default_rng(5), AT_ONCE - 1)
    words = np.random.default_rng(5)
    rows = space.sample(words, AT_ONCE, encoded=True)
    assert space.decode(rows)[: AT_ONCE - 1] == some
    assert space.sample(np.random.default_rng(5)) == some[0]
    assert space.sample(np.random.default_rng(5), 0) == []
    assert space.sample(np.random.default_rng(5), 0, encoded=True).shape == (0, 6)


def test_only_generators_draw() -> None:
    space = small()
    for rng in (0, None, random.Random(0), np.random.RandomState(0)):
        with pytest.raises(TypeError, match="Generator"):
            space.sample(rng)
        with pytest.raises(TypeError, match="Generator"):
            space.mutate(space[0], rng)
    with pytest.raises(QueryError, match="n must be"):
        space.sample(np.random.default_rng(0), -1)
    with pytest.raises(TypeError, match="n must be"):
        space.sample(np.random.default_rng(0), 2.5)  # type: ignore[arg-type]  # that is the point


# Walking.


@pytest.mark.parametrize("kind", MANY)
def test_neighbors_mutants_and_repaired_plans_stay_inside(kind: str) -> None:
    space = MANY[kind]()
    rng = np.random.default_rng(3)
    for plan in space.sample(rng, 4):
        found = space.neighbors(plan)
        assert found
        assert plan not in found
        some = [found[i] for i in rng.integers(0, len(found), 20)]
        for one in [*some, space.mutate(plan, rng)]:
            assert one in space
            assert len(one) == len(plan)
            differ = [
                i
                for i, (a, b) in enumerate(zip(one.stages, plan.stages, strict=True))
                if key(a) != key(b)
            ]
            assert differ
            assert differ[-1] - differ[0] <= 1
        assert plan in space.neighbors(found[0])
    for genome in rng.integers(0, space.genes, (20, len(space.genes))):
        assert space.repair(genome) in space
        assert space.repair(space.encode(space.repair(genome))) == space.repair(genome)


def key(stage: Any) -> Any:
    """A stage but for its size: what a neighbour's later stages keep."""
    return stage.op, stage.option.parts, stage.channels[1]


def test_mutants_are_drawn_evenly_from_the_neighbors() -> None:
    space = small(kernel_size=[2, 3, 4])
    rng = np.random.default_rng(8)
    plan = max(space, key=lambda one: len(space.neighbors(one)))
    expected = space.neighbors(plan)
    seen = dict.fromkeys(expected, 0)
    for _ in range(60 * len(expected)):
        seen[space.mutate(plan, rng)] += 1
    free = len(expected) - 1
    statistic = sum((times - 60) ** 2 / 60 for times in seen.values())
    assert abs(statistic - free) < 5 * (2 * free) ** 0.5 + 16


def test_a_plan_without_neighbors_becomes_any_other_and_one_alone_stays() -> None:
    rng = np.random.default_rng(4)
    first, last = small()[0], small()[-1]
    space = small().filter(plan=lambda plan: plan in (first, last))
    assert space.count() == 2
    assert space.neighbors(first) == []
    assert space.mutate(first, rng) == last
    alone = small().filter(plan=lambda plan: plan == last)
    assert alone.mutate(last, rng) == last


# Vectors.


@pytest.mark.parametrize("kind", MANY)
def test_many_vectors_at_once_equal_plans_one_by_one(kind: str) -> None:
    space = MANY[kind]()
    rng = np.random.default_rng(9)
    plans = space.sample(rng, 300)
    vectors = space.encode(plans)
    assert vectors.shape == (300, len(space.genes))
    assert space.decode(vectors) == plans
    assert space.valid(vectors).all()
    for row, plan in zip(space.sizes(vectors).tolist(), plans, strict=True):
        passed = [plan.stages[0].source, *[stage.target for stage in plan.stages]]
        rest = [(0,) * plan.axes] * (space.max_stages - len(plan))
        assert [tuple(size) for size in row] == passed + rest
    plans, vectors = plans[:40], vectors[:40]
    costs: list[Any] = ["parameters", "macs", "memory", {"parameters": 2, "memory": 3}]
    for cost in costs:
        found = space.costs(vectors, cost)
        assert found.dtype == np.int64
        assert found.tolist() == [plan.cost(cost) for plan in plans]
    costs = [{"parameters": 0.5, "macs": 1}, by_kernel]
    for cost in costs:
        found = space.costs(vectors, cost)
        assert found.tolist() == pytest.approx([plan.cost(cost) for plan in plans], rel=1e-14)


def by_kernel(stage: Any) -> float:
    kernel = stage.kernel_size
    return 0.1 * sum(kernel) if isinstance(kernel, tuple) else 0.1 * kernel


@pytest.mark.parametrize("kind", MANY)
def test_vectors_that_are_no_plans_are_told_apart(kind: str) -> None:
    space = MANY[kind]()
    rng = np.random.default_rng(10)
    vectors = space.sample(rng, 400, encoded=True)
    place = rng.integers(0, len(space.genes), 400)
    vectors[np.arange(400), place] = rng.integers(-2, max(space.genes) + 2, 400)
    vectors[::9] = space.sample(rng, 45, encoded=True)
    valid = space.valid(vectors)
    assert 45 <= valid.sum() < 395
    sizes = space.sizes(vectors)
    costs = space.costs(vectors)
    floats = space.costs(vectors, by_kernel)
    for i, vector in enumerate(vectors):
        if valid[i]:
            plan = space.decode(vector)
            assert (space.encode(plan) == vector).all()
            assert costs[i] == plan.parameters
            continue
        assert costs[i] == -1
        assert np.isnan(floats[i])
        with pytest.raises(QueryError, match="no plan"):
            space.decode(vector)
        assert sizes[i].tolist() == forward(space, vector)


def forward(space: DesignSpace, vector: Any) -> list[list[int]]:
    """The sizes of a vector, layer by layer."""
    axes = len(space.sizes(vector[None])[0, 0])
    size: Any = tuple(space.sizes(vector[None])[0, 0].tolist())
    width = len(space.genes) // space.max_stages
    found, over = [list(size)], False
    parts = space[0].stages[0].parts_of_axes
    for place in range(0, len(vector), width):
        gene = int(vector[place])
        choice = int(vector[place + 1]) if width == 2 else 0
        fits = 0 < gene <= len(space.options) and (width == 1 or 0 <= choice < space.genes[1])
        if not fits or over:
            over = True
        else:
            try:
                for layer in space.options[gene - 1].layers(parts, (4, 4)):
                    size = layer.output_size(size)
            except DeconvcalcError:
                over = True
        found.append([0] * axes if over else list(size))
    return found


def test_bad_vectors_are_refused() -> None:
    space = small()
    shapes: list[Any] = [[1], [[1, 2]], np.zeros((2, 2, 3), int), np.zeros((1, 4), int), []]
    for bad in shapes:
        with pytest.raises(QueryError, match="places"):
            space.valid(bad)
        with pytest.raises(QueryError, match="places"):
            space.repair(bad)
    kinds: list[Any] = [[0.5, 1, 1], ["a", "b", "c"], [[True, True, False]], [None] * 3]
    for bad in kinds:
        with pytest.raises(TypeError):
            space.valid(bad)
    huge = np.array([[2**64 - 1, 1, 1], [1, 1, 2**63]], np.uint64)
    assert space.valid(huge).tolist() == [False, False]
    assert space.repair(huge[0]) in space
    assert space.valid(np.zeros((0, 3), int)).tolist() == []
    assert space.sizes(np.zeros((0, 3), int)).shape == (0, 4, 2)


def test_costs_beyond_64_bits_are_refused_and_single_plans_exact() -> None:
    space = DesignSpace(4 * 10**9, source=10**9, stages=2, kernel_size=[4], channels=(10**9, 10**9))
    vectors = space.encode(list(space))
    assert space[0].macs > 10**30
    with pytest.raises(QueryError, match="64 bits"):
        space.costs(vectors, "macs")
    with pytest.raises(QueryError, match="64 bits"):
        space.costs(vectors, {"memory": 1, "parameters": 10**15})
    with pytest.raises(QueryError, match="64 bits"):
        small().costs(small().encode([small()[0]]), {"macs": 10**400})
    assert space.valid(vectors).all()


def test_sizes_beyond_64_bits_are_marked() -> None:
    space = DesignSpace(
        10**18,
        source=10**17,
        stages=range(1, 4),
        growth="any",
        holes=True,
        kernel_size=[4],
        stride=[1, 8, 1000],
        padding=[1],
    )
    option = next(i for i, one in enumerate(space.options) if one.parts[0].stride == 1000)
    sizes = space.sizes([[option + 1, option + 1, 0]])[0, :, 0].tolist()
    assert sizes[0] == 10**17
    assert sizes[1:] == [-1, -1, 0]


def test_where_one_axis_refuses_there_is_no_size() -> None:
    space = DesignSpace(
        (1, 10), source=(3, 30), shared=False, kernel_size=[3, 5], stride=[3], stages=[1, 2]
    )
    (option,) = [
        i
        for i, one in enumerate(space.options)
        if [(part.kernel_size, part.padding) for part in one.parts] == [(5, 0), (3, 0)]
    ]
    assert space.sizes([[option + 1, 1]]).tolist() == [[[3, 30], [0, 0], [0, 0]]]


# Parts.


def test_filters_of_stages_and_of_plans_keep_what_they_say() -> None:
    space = small(kernel_size=[2, 3, 4])
    every = list(space)
    kept = space.filter(lambda stage: stage.kernel_size != 3 or stage.source == (14, 14))
    expected = [
        plan
        for plan in every
        if all(stage.kernel_size != 3 or stage.source == (14, 14) for stage in plan.stages)
    ]
    assert list(kept) == expected
    assert 0 < len(expected) < len(every)
    parts = space.filter(plan=lambda plan: plan.stages[0].kernel_size < plan.stages[1].kernel_size)
    wanted = [plan for plan in every if plan.stages[0].kernel_size < plan.stages[1].kernel_size]
    assert list(parts) == wanted
    assert list(kept & parts) == [plan for plan in expected if plan in set(wanted)]
    assert list(parts & kept) == list(kept & parts)
    check_part(space, kept)
    check_part(space, parts)
    check_part(space, kept & parts)


def check_part(space: DesignSpace, part: DesignSpace) -> None:
    """A part answers as the whole does, but for the plans that are not in it."""
    every = list(part)
    assert part.genes == space.genes
    assert part.options == space.options
    assert (part.encode(every) == space.encode(every)).all()
    rows = space.encode(list(space))
    assert part.decode(rows[part.valid(rows)]) == every
    for cost in ("parameters", "memory", {"macs": 1, "memory": 2}, by_kernel):
        order = sorted(every, key=lambda plan: (plan.cost(cost), every.index(plan)))
        assert list(part.best(5, cost)) == order[:5]
    front = part.best(cost=["parameters", "memory"])
    pairs = {(plan.parameters, plan.memory) for plan in every}
    assert {(plan.parameters, plan.memory) for plan in front} == {
        one
        for one in pairs
        if not any(b != one and b[0] <= one[0] and b[1] <= one[1] for b in pairs)
    }
    most = part.best(3, lambda plan: 1 / len(set(plan.stages)), additive=False)
    assert [plan in part for plan in most] == [True] * len(most)
    assert set(part.neighbors(every[0])) <= set(space.neighbors(every[0]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"checkerboard": False}),
        ({"channels": (512, 3)}, {"channels": (512, [256, 128], 3)}),
        ({"channels": [512, [256, 128], 3], "stages": 2}, {"channels": (512, 3)}),
        ({"stages": [1, 2]}, {"stages": [2, 3], "op": ["conv_transpose", "resize_conv"]}),
        ({}, {"stages": 3, "through": [14]}),
        ({}, {"budgets": {"macs": 20_000}}),
        ({}, {"source": (7, 7), "shared": False, "kernel_size": 4}),
        ({}, {"channels": (4, 3)}),
        ({}, {"bias": False}),
    ],
)
def test_what_two_spaces_share(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = small(**one), small(**other)
    wanted = set(second)
    expected = [plan for plan in first if plan in wanted]
    assert list(first & second) == expected
    assert set(second & first) == set(expected)
    assert (first & second).count() == len(expected)


def test_encoders_share_what_both_have() -> None:
    asked: dict[str, Any] = {"source": 32, "kernel_size": [2, 3], "stride": [1, 2]}
    first = DesignSpace(4, **asked, stages=[3, 4], channels=(3, 32))
    second = DesignSpace(4, **asked, stages=range(1, 4), channels=(3, 32), op=["conv", "max_pool"])
    both = first & second
    wanted = set(second)
    assert list(both) == [plan for plan in first if plan in wanted]
    assert both.count()
    kept = first.filter(lambda stage: stage.channels[1] < 16 or stage.kernel_size == 3)
    assert list(kept) == [
        plan
        for plan in first
        if all(stage.channels[1] < 16 or stage.kernel_size == 3 for stage in plan.stages)
    ]
    vectors = first.encode(list(first))
    assert first.costs(vectors).tolist() == [plan.parameters for plan in first]


def test_filters_that_fail_are_named() -> None:
    def broken(stage: Any) -> bool:
        raise KeyError(stage.op)

    with pytest.raises(QueryError, match="broken raised KeyError"):
        small().filter(broken).count()
    with pytest.raises(QueryError, match="broken raised"):
        small().filter(plan=broken)
    with pytest.raises(QueryError, match="takes a predicate"):
        small().filter()
    with pytest.raises(QueryError, match="takes a predicate"):
        small().filter(broken, plan=broken)
    with pytest.raises(UndecidedError, match="filter of whole plans"):
        decoder().filter(plan=bool)
    with pytest.raises(TypeError):
        _ = small() & 3


# What cannot be.


def test_an_empty_space_says_so() -> None:
    space = small(stages=1)
    assert space.count() == 0
    assert not space
    assert list(space) == []
    assert not list(space.best())
    assert space.best().reason is not None
    for act in (
        lambda: space.sample(np.random.default_rng(0)),
        lambda: space.repair([1]),
    ):
        with pytest.raises(QueryError, match="empty"):
            act()
    with pytest.raises(IndexError, match="0 plans"):
        space[0]
    assert space.valid([[1], [0]]).tolist() == [False, False]
    assert space.costs([[1]]).tolist() == [-1]
    assert (space & small()).count() == 0
    assert space.filter(bool).count() == 0


def test_a_plan_of_another_space_is_refused() -> None:
    space = small()
    for other in (small(stages=4)[0], small(bias=False)[0], small(source=14)[0]):
        assert other not in space
        for act in (space.index, space.encode, space.neighbors):
            with pytest.raises(QueryError, match="not in the space"):
                act(other)
        with pytest.raises(QueryError, match="not in the space"):
            space.mutate(other, np.random.default_rng(0))
    assert "plan" not in space
    with pytest.raises(TypeError, match="plan"):
        space.index("plan")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    "asked",
    [
        {"source": 7, "through": [300]},
        {"source": 7, "kernel_size": []},
        {"source": 7, "op": "dense"},
        {"source": 7, "stages": 0},
        {"source": (7, 14, 3)},
        {"source": 7, "budgets": {"macs": float("nan")}},
        {"source": 7, "budgets": {"macs": -1}},
    ],
)
def test_contradictions_are_named_as_for_a_design(asked: dict[str, Any]) -> None:
    with pytest.raises(QueryError) as raised:
        DesignSpace((224, 224), **asked)
    assert raised.value.rule


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ("NaN", lambda _: float("nan")),
        ("negative", lambda _: -1),
        ("raised OverflowError", lambda _: 10.0 ** int("400")),
        ("infinite", lambda _: float("inf")),
        ("raised AttributeError", lambda stage: stage.nothing),
    ],
    ids=["NaN", "negative", "overflows", "infinite", "raises"],
)
def test_costs_that_fail_are_named(said: str, cost: Any) -> None:
    space = small()
    with pytest.raises(QueryError, match=said):
        space.best(1, cost)
    with pytest.raises(QueryError, match=said):
        space.costs(space.encode([space[0]]), cost)


def test_what_only_a_search_takes_is_no_argument() -> None:
    for name in ("cost", "top", "kernel"):
        with pytest.raises(TypeError, match=f"no argument {name}"):
            small(**{name: 3})


def test_spaces_are_values() -> None:
    space = small()
    assert space == small()
    assert hash(space) == hash(small())
    assert space != small(stages=2)
    assert space & small(stages=2) == small() & small(stages=2)
    assert copy.copy(space) == copy.deepcopy(space) == space
    assert pickle.loads(pickle.dumps(space)) == space  # noqa: S301  # made here
    part = space.filter(plan=lambda plan: len(plan) == 2)
    again = pickle.loads(pickle.dumps(part))  # noqa: S301  # made here
    assert list(again) == list(part)
    assert repr(small(stages=1)) == "<DesignSpace: 7x7 -> 28x28, 0 plans>"


# Beyond any list.

HUGE = """
import pathlib
import numpy as np
from deconvcalc.designer.spaces import DesignSpace

space = DesignSpace(1024, source=4, stages=range(1, 19), growth=4)
assert space.count() > 10**30, space.count()
plans = space.sample(np.random.default_rng(0), 1000)
assert all(space[space.index(plan)] == plan for plan in plans[:100])
assert {plan.target for plan in plans} == {1024}
assert len(set(plans)) == 1000
status = pathlib.Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux")
def test_10_to_the_30_plans_are_counted_and_drawn_in_little_memory() -> None:
    run = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 200 * 1024  # kilobytes
