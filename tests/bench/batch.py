"""Batches: the answers of a million pairs of sizes, against five loops a pair and a memcpy.

Counting meets the loops on some of the pairs, all answers meet a copy of as many bytes as they
take. Every round has pairs of its own. The answers are compared before, in another process; within
the same bounds one other batch was asked for before, as in a search.
"""

from __future__ import annotations

import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

import deconvcalc as dc
from tests.bench import Row, medians
from tests.bench.solve import Asked, loops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "batch"
SEED = 20261122
PAIRS = 1_000_000
LARGEST = 256
ROUNDS = 7
CHECKED = 300
LOOPED = 25
"""So many pairs of a round the loops answer: a million would take them an hour."""

COUNT_LIMIT = 1 / 30_000
ALL_LIMIT = 20.0
BOUNDS: dict[str, Any] = {
    name: getattr(Asked(1, 1), name) for name in ("kernel_size", "stride", "dilation")
}
"""Those of the benchmark of single questions."""

Sizes = tuple[np.ndarray, np.ndarray]
"""Targets and sources."""


def run() -> list[Row]:
    """Counts, and all answers."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        elsewhere.submit(check, SEED).result()
    before = solve(_draw(SEED + 1))
    before.all()
    return [_counting(), _listing()]


def _draw(seed: int) -> Sizes:
    """Sources up to 256, and targets of one to four times as much."""
    rng = np.random.default_rng(seed)
    sources = rng.integers(1, LARGEST + 1, PAIRS)
    targets = rng.integers(sources, 4 * sources, endpoint=True)
    return targets, sources


def solve(sizes: Sizes) -> dc.Batch:
    """The answers, lazily."""
    return dc.solve_many(*sizes, **BOUNDS)


def _in_turn(way: Callable[[Sizes], object], seed: int) -> Callable[[], object]:
    """What asks about other pairs each time that it is called; they are drawn before."""
    waiting: Iterator[Sizes] = iter([_draw(seed + i) for i in range(ROUNDS)])
    return lambda: way(next(waiting))


def _counting() -> Row:
    taken = medians(
        {
            "counts": _in_turn(lambda sizes: solve(sizes).counts, SEED + 100),
            "loops": _in_turn(_some_loops, SEED + 100),
        },
        ROUNDS,
    )
    return Row(
        case=f"{PAIRS:,} pairs, how many answers each",
        ours="solve_many(...).counts, a pair",
        rival="five loops",
        ours_seconds=taken["counts"] / PAIRS,
        rival_seconds=taken["loops"] / LOOPED,
        limit=COUNT_LIMIT,
    )


def _some_loops(sizes: Sizes) -> list[int]:
    targets, sources = (one[:LOOPED].tolist() for one in sizes)
    return [len(loops(Asked(n, m))) for n, m in zip(sources, targets, strict=True)]


def _listing() -> Row:
    sizes = [_draw(SEED + 200 + i) for i in range(ROUNDS)]
    lengths = [solve(one).all().nbytes for one in sizes]
    source = np.ones(max(lengths), dtype=np.uint8)
    copy = np.zeros_like(source)
    waiting, copied = iter(sizes), iter(lengths)

    def memcpy() -> None:
        length = next(copied)
        np.copyto(copy[:length], source[:length])

    taken = medians({"all": lambda: solve(next(waiting)).all(), "memcpy": memcpy}, ROUNDS)
    megabytes = sum(lengths) / len(lengths) / 1e6
    return Row(
        case=f"{PAIRS:,} pairs, all answers in order ({megabytes:.0f} MB of offsets and index)",
        ours="solve_many(...).all()",
        rival="memcpy of as many bytes",
        ours_seconds=taken["all"],
        rival_seconds=taken["memcpy"],
        limit=ALL_LIMIT,
    )


def check(seed: int) -> None:
    """Some pairs have the answers of the loops, in the order of `solve`, and so has the best."""
    sizes = _draw(seed)
    batch = solve(sizes)
    arrays = batch.all()
    assert int(batch.counts.sum()) == int(arrays.offsets[-1]) == arrays.index.size
    names = ("kernel_size", "stride", "dilation", "padding", "output_padding")
    for place in random.Random(seed).sample(range(PAIRS), CHECKED):
        m, n = (int(one[place]) for one in sizes)
        found = [tuple(int(row[name]) for name in names) for row in arrays[place]]
        answers = dc.solve(m, source=n, **BOUNDS)
        assert found == [tuple(getattr(one, name) for name in names) for one in answers], (n, m)
        assert len(found) == batch.counts[place], (n, m)
        assert set(found) == loops(Asked(n, m)), (n, m)
        best = tuple(int(batch.best[place][name]) for name in names)
        assert best == (found[0] if found else (0,) * len(names)), (n, m)
