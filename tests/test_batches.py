"""Batches: the answers of `solve`, in its order, for many pairs at once; and what is refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import deconvcalc as dc
from tests import reference
from tests.bench.solve import Asked, loops
from tests.questions import USED, draw
from tests.reference import OPERATIONS
from tests.test_solver_brute import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deconvcalc.solver import Answer

every_op = pytest.mark.parametrize("op", [*OPERATIONS, "any"])
every_dialect = pytest.mark.parametrize("dialect", ["torch", "keras", "any"])

QUESTIONS = 6
PAIRS = 16
COLUMNS = (
    "op",
    "kernel_size",
    "stride",
    "padding",
    "padding_after",
    "output_padding",
    "dilation",
    "factor",
    "torch",
    "keras",
)
NONE = (0,) * len(COLUMNS)


def row(answer: Answer) -> tuple[Any, ...]:
    """An answer as it stands in a table."""
    op = dc.Batch.operations.index(answer.op)
    before, after = (0, 0) if answer.op == "pixel_shuffle" else answer.sides[0]
    extra = before - after if answer.op == "conv_transpose" else 0
    numbers = (answer.kernel_size, answer.stride, before, after, extra, answer.dilation)
    dialects = [answer.spelled(name) is not None for name in ("torch", "keras")]
    return (op, *[number or 0 for number in (*numbers, answer.factor)], *dialects)


def rows(table: Iterable[Any]) -> list[tuple[Any, ...]]:
    return [tuple(one[name].item() for name in COLUMNS) for one in table]


def check(targets: list[int], sources: list[int], **asked: Any) -> None:
    """Counts, first answers and all answers are those of `solve`."""
    batch = dc.solve_many(targets, sources, **asked)
    arrays = batch.all()
    for place, (target, source) in enumerate(zip(targets, sources, strict=True)):
        answers = dc.solve(target, source=source, **asked)
        expected = [row(answer) for answer in answers]
        assert batch.counts[place] == len(answers), (target, source, asked)
        assert rows(arrays[place]) == expected, (target, source, asked)
        assert rows([batch.best[place]]) == (expected[:1] or [NONE]), (target, source, asked)


def near(rng: random.Random, longest: int) -> tuple[int, int]:
    """A target and a source that may well have answers: either is about a multiple of the other."""
    n = rng.choice([rng.randint(1, 8), rng.randint(1, 40), rng.randint(1, longest)])
    step = rng.randint(1, 8)
    targets = (n * step + rng.randint(-20, 20), n // step + rng.randint(-5, 5), rng.randint(1, 12))
    return max(1, rng.choice([n, *targets])), n


def drawn(rng: random.Random, op: str, dialect: str) -> tuple[Any, dict[str, Any]]:
    """A question of one axis with a known source, and the bounds that ask it."""
    while True:
        found = draw(rng, op, dialect, solvable=False)
        if found.question.rank is None and found.question.sources:
            break
    asked = {
        name: value
        for name, value in found.arguments.items()
        if name not in ("target", "source", "shared")
    }
    return found.question, asked


@every_dialect
@every_op
def test_equal_to_solve(op: str, dialect: str) -> None:
    rng = random.Random(f"{op} {dialect}")
    for index in range(QUESTIONS):
        asked = drawn(rng, op, dialect)[1] if index else {"op": op, "dialect": dialect}
        pairs = [near(rng, 10 ** rng.choice((2, 3, 6))) for _ in range(PAIRS)]
        check([m for m, _ in pairs], [n for _, n in pairs], **asked)


@every_dialect
@every_op
def test_equal_to_the_rules_in_loops(op: str, dialect: str) -> None:
    rng = random.Random(f"loops {op} {dialect}")
    solved = 0
    hopeless = (op, dialect) == ("pixel_shuffle", "keras")
    for index in range(30):
        if index >= 4 and (solved or hopeless):
            break
        question, asked = drawn(rng, op, dialect)
        pairs = [near(rng, 20) for _ in range(8)]
        batch = dc.solve_many([m for m, _ in pairs], [n for _, n in pairs], **asked)
        arrays = batch.all()
        for place, (m, n) in enumerate(pairs):
            one = question._replace(targets=(m,), sources=(n,), groups=((0,),))
            expected = [layer for layer, _, _ in reference.ranked(one, reference.solve(one))]
            answers = batch[place]
            assert [canonical(answer) for answer in answers] == expected, (m, n, asked)
            assert rows(arrays[place]) == [row(answer) for answer in answers], (m, n, asked)
            solved += len(expected)
    assert bool(solved) is not hopeless


def test_every_small_pair_equals_five_loops() -> None:
    kernels, strides, dilations = range(1, 6), range(1, 5), range(1, 4)
    n, m = np.meshgrid(np.arange(1, 15), np.arange(1, 40), indexing="ij")
    batch = dc.solve_many(m, n, kernel_size=kernels, stride=strides, dilation=dilations)
    arrays = batch.all()
    assert batch.shape == batch.counts.shape == batch.best.shape == (14, 39)
    names = ("kernel_size", "stride", "dilation", "padding", "output_padding")
    for place, (source, target) in enumerate(zip(n.flat, m.flat, strict=True)):
        found = [tuple(int(one[name]) for name in names) for one in arrays[place]]
        expected = loops(Asked(int(source), int(target), kernels, strides, dilations))
        assert set(found) == expected, (source, target)
        assert len(found) == len(expected) == batch.counts.flat[place]


@pytest.mark.parametrize(
    ("op", "padding"), [*[(op, None) for op in (*OPERATIONS, "any")], ("conv_transpose", range(8))]
)
def test_every_small_pair_is_in_order(op: str, padding: Any) -> None:
    """Small sizes, and kernels below the stride, have marks of their own."""
    asked: dict[str, Any] = {"op": op, "dialect": "any", "kernel_size": [1, 2, 3, 5]}
    asked |= {"stride": [1, 2, 3, 5], "dilation": [1, 2], "padding": padding}
    asked = {name: value for name, value in asked.items() if name in ("op", "dialect", *USED[op])}
    sizes = [(m, n) for m in range(1, 13) for n in range(1, 13)]
    check([m for m, _ in sizes], [n for _, n in sizes], **asked)


@every_dialect
@pytest.mark.parametrize(
    ("op", "ceil_mode"),
    [*[(op, False) for op in (*OPERATIONS, "any")], ("max_pool", True), ("avg_pool", True)],
)
def test_every_small_count(op: str, dialect: str, ceil_mode: bool) -> None:
    asked: dict[str, Any] = {"op": op, "dialect": dialect, "ceil_mode": ceil_mode}
    sizes = np.arange(1, 18)
    batch = dc.solve_many(sizes, sizes[:, None], **asked)
    expected = [[len(dc.solve(int(m), source=int(n), **asked)) for m in sizes] for n in sizes]
    assert batch.counts.tolist() == expected
    assert batch.counts.dtype == np.int64


def test_as_many_pairs_as_sizes_or_fewer_or_more() -> None:
    """Three ways lead to a count: by a table of sizes, by numbers of pairs, and pair by pair."""
    sizes = np.arange(1, 33)
    m, n = (one.ravel() for one in np.meshgrid(sizes, sizes))
    narrow: dict[str, Any] = {"kernel_size": range(1, 6), "stride": [1, 2, 3]}
    by_numbers = dc.solve_many(m, n, **narrow)
    by_table = dc.solve_many(np.tile(m, 3), np.tile(n, 3), **narrow)
    far = dc.solve_many(np.append(m, 10**18), np.append(n, 10**18), **narrow)
    wide = dc.solve_many(m, n, kernel_size=[*range(1, 6), 9_000], stride=[1, 2, 3])
    assert by_table._counted.grid is not None
    assert by_numbers._counted.numbers
    assert by_numbers._counted.grid is None
    assert not wide._counted.numbers
    assert np.array_equal(by_table.counts, np.tile(by_numbers.counts, 3))
    assert np.array_equal(far.counts[:-1], by_numbers.counts)
    assert np.array_equal(far.best[:-1], by_numbers.best)
    longest = dc.solve_many(m, n, kernel_size=9_000, stride=[1, 2, 3])
    assert np.array_equal(wide.counts, by_numbers.counts + longest.counts)
    ours = by_numbers.all()
    assert np.array_equal(by_table.all().index, np.tile(ours.index, 3))
    assert np.array_equal(far.all().index[: ours.index.size], ours.index)


HUGE = 10**18


def test_large_sizes_are_not_rounded() -> None:
    """One division finds the stride; floats would take pairs just below a multiple for others."""
    n = 10**17 + 7
    targets = [s * n + rest for s in (1, 2, 7, 8) for rest in range(-150, 60)]
    batch = dc.solve_many(targets, n)
    assert batch.counts.tolist() == [len(dc.solve(m, source=n)) for m in targets]


def test_sizes_of_any_magnitude() -> None:
    sources = [10**9, 10**12, 2**51, 2**52 + 1, HUGE // 8, HUGE // 8 - 3, HUGE, HUGE, 1, 3]
    targets = [2 * 10**9, 3 * 10**12 - 1, 2**52, 2**52 + 3, HUGE, HUGE - 21, HUGE, 1, HUGE, 24]
    check(targets, sources)
    check(targets, sources, stride=range(1, 900), kernel_size=[1, 3])
    check(sources, targets, op="conv", dialect="any")
    check(targets, sources, op="any", dialect="any")


def test_wide_bounds_count_and_rank() -> None:
    asked: dict[str, Any] = {"kernel_size": range(1, 10**9), "stride": [1, 2, 100]}
    targets, sources = [2000, 10**12 + 10**6, 3 * 10**6, 77], [1000, 10**10, 3, 77]
    batch = dc.solve_many(targets, sources, **asked)
    for place, (target, source) in enumerate(zip(targets, sources, strict=True)):
        answers = dc.solve(target, source=source, **asked)
        assert batch.counts[place] == answers.total
        assert rows([batch.best[place]]) == [row(answers[0])]
    with pytest.raises(dc.QueryError, match="different answers, more than 1,000,000") as caught:
        batch.all()
    assert "counts" in str(caught.value.hint)


# The arrays.


def some() -> dc.Batch:
    return dc.solve_many([7, 8, 100, 9, 7], [4, 4, 4, 3, 4])


def test_arrays_are_compact() -> None:
    arrays = some().all()
    assert arrays.offsets.dtype == np.int64
    assert 255 < len(arrays.table) < 65_536
    assert arrays.index.dtype == np.uint16
    assert arrays.nbytes == 6 * 8 + 2 * arrays.index.size
    assert arrays.offsets[0] == 0
    assert len(arrays) == 5
    assert np.array_equal(np.diff(arrays.offsets), some().counts)
    assert sorted(set(arrays.index.tolist())) == list(range(len(arrays.table)))
    listed = rows(arrays.table)
    assert listed == sorted(set(listed))
    assert arrays.table["kernel_size"].dtype == np.int32
    wide = dc.solve_many(2**40, 1, kernel_size=2**40, stride=1).best
    assert wide["kernel_size"].tolist() == [2**40]
    few = dc.solve_many([7, 8], 4, kernel_size=3).all()
    assert few.index.dtype == np.uint8


def test_arrays_do_not_depend_on_what_was_asked_before() -> None:
    asked: dict[str, Any] = {"kernel_size": range(2, 9), "stride": range(1, 4)}
    first = dc.solve_many([7, 8], 4, **asked).all()
    dc.solve_many(np.arange(1, 90), np.arange(30, 119), **asked).all()
    again = dc.solve_many([7, 8], 4, **asked).all()
    assert np.array_equal(first.index, again.index)
    assert np.array_equal(first.table, again.table)


def test_later_changes_of_the_sizes_change_nothing() -> None:
    targets = np.array([7, 8])
    batch = dc.solve_many(targets, 4)
    targets[:] = 1
    assert batch.targets.tolist() == [7, 8]
    assert batch.counts.tolist() == [len(dc.solve(m, source=4)) for m in (7, 8)]
    for array in (batch.targets, batch.sources, batch.counts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_pair_has_the_answers_of_solve() -> None:
    batch = some()
    assert len(batch) == 5
    assert [len(answers) for answers in batch] == batch.counts.tolist()
    assert batch[-2][0] == dc.solve(9, source=3)[0]
    assert batch[2].reason is not None
    grid = dc.solve_many([[7], [8]], [4, 5, 6])
    assert grid.shape == (2, 3)
    assert grid[1, -1][0] == dc.solve(8, source=6)[0]
    assert [answers.query.sources for answers in grid] == [(4,), (5,), (6,)] * 2
    assert list(grid.all().pairs) == list(range(6))
    for wrong in (3, (0, 0, 0), (2, 0)):
        with pytest.raises(IndexError):
            grid[wrong]
    with pytest.raises(IndexError):
        some().all()[5]


def test_ints_are_for_all_pairs() -> None:
    assert dc.solve_many(7, 4).counts.tolist() == [81]
    assert dc.solve_many(7, np.array([4, 5])).sources.tolist() == [4, 5]
    assert dc.solve_many(np.uint8(7), np.array([4], dtype=np.uint64)).counts.tolist() == [81]


@pytest.mark.parametrize("empty", [[], np.array([], dtype=np.int32), np.zeros((0, 3), dtype=int)])
def test_no_pairs(empty: Any) -> None:
    batch = dc.solve_many(empty, 4)
    assert len(batch) == batch.counts.size == batch.best.size == 0
    assert batch.counts.shape == batch.shape
    assert batch.all().offsets.tolist() == [0]
    assert list(batch.chunks()) == []


def test_chunks_are_all_answers_in_pieces() -> None:
    rng = random.Random(1)
    pairs = [near(rng, 100) for _ in range(300)]
    batch = dc.solve_many([m for m, _ in pairs], [n for _, n in pairs])
    whole = batch.all()
    chunks = list(batch.chunks(2_000))
    assert len(chunks) > 5
    assert [pair for chunk in chunks for pair in chunk.pairs] == list(range(300))
    assert np.array_equal(np.concatenate([chunk.index for chunk in chunks]), whole.index)
    for chunk in chunks:
        assert chunk.nbytes <= 2_000
        assert chunk.table is chunks[0].table
        assert rows(chunk[0]) == rows(whole[chunk.pairs[0]])
    assert np.array_equal(chunks[0].table, whole.table)


def test_too_large_arrays_are_refused() -> None:
    batch = some()
    needed = batch.all().nbytes
    assert batch.all(needed).nbytes == needed
    with pytest.raises(
        dc.QueryError, match=f"take {needed:,} bytes, more than {needed - 1:,}"
    ) as e:
        batch.all(needed - 1)
    assert "chunks()" in str(e.value.hint)
    with pytest.raises(dc.QueryError, match="pair 3 take"):
        next(batch.chunks(50))


# Bad input.

ARRAYS: list[tuple[Any, Any, str]] = [
    ([7.0], 4, "targets must be an array of ints, not of float64"),
    (7, np.array([4.5]), "sources must be an array of ints, not of float64"),
    ([True], 4, "targets must be an array of ints, not of bool"),
    (True, 4, "targets must be an array of ints, not of bool"),
    (None, 4, "targets must be an array of ints"),
    ("2*n", 4, "targets must be an array of ints"),
    (["7"], 4, "targets must be an array of ints"),
    ([7, None], 4, "targets must be an array of ints: it holds None"),
    ([2**70, 2.5], 4, "targets must be an array of ints"),
    (np.array([], dtype=float), 4, "targets must be an array of ints, not of float64"),
    ((7, 8), 4, "a tuple is one size per axis"),
]


@pytest.mark.parametrize(("targets", "sources", "message"), ARRAYS)
def test_arrays_of_something_else(targets: Any, sources: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        dc.solve_many(targets, sources)


SIZES: list[tuple[Any, Any, str, str]] = [
    (
        [1, 0, -3],
        4,
        "targets must be at least 1: 2 of 3 are not, the first at index 1: 0",
        "counts",
    ),
    ([[1, 2], [3, -1]], 4, r"1 of 4 are not, the first at index \(1, 1\): -1", "counts"),
    (7, [4, 10**18 + 1], r"sources must be at most 10\*\*18: 1 of 2 are not", "10"),
    (np.array([2**63], dtype=np.uint64), 4, r"targets must be at most 10\*\*18", "10"),
    ([7, 2**70], 4, r"targets must be at most 10\*\*18: 1 of 2", "10"),
    ([1, 2, 3], [1, 2], r"targets have shape \(3,\) and sources \(2,\)", "one length"),
    (np.ones((20_000, 1), dtype=int), np.ones(20_000, dtype=int), "400,000,000 pairs", "a part"),
]


@pytest.mark.parametrize(("targets", "sources", "message", "hint"), SIZES)
def test_sizes_that_make_no_sense(targets: Any, sources: Any, message: str, hint: str) -> None:
    with pytest.raises(dc.QueryError, match=message) as caught:
        dc.solve_many(targets, sources)
    assert hint in str(caught.value.hint)
    assert caught.value.rule in ("targets", "sources")


BOUNDS: list[tuple[dict[str, Any], str]] = [
    ({"kernel_size": (3, 4)}, "kernel_size has one value per axis"),
    ({"kernel_size": []}, "kernel size leaves nothing to choose from"),
    ({"stride": 0}, "stride must be at least 1"),
    ({"factor": 2}, "conv_transpose has no factor"),
    ({"op": "dense"}, "unknown op"),
    ({"stride": range(1, 2_000)}, "stride has 1,999 values, and a batch goes through"),
    ({"kernel_size": 10**18, "dilation": 10**18}, "go beyond the 64 bits of an array"),
    ({"kernel_size": range(1, 10**18)}, "more answers a pair than can be counted in 64 bits"),
]


@pytest.mark.parametrize(("bounds", "message"), BOUNDS)
def test_bounds_that_make_no_sense(bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(dc.QueryError, match=message):
        assert dc.solve_many([7, 10**18], 4, **bounds).counts.size
