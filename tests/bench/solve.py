"""Solving: all parameters of a transposed convolution, against loops and a constraint solver.

No question is asked twice in this process: the answers are compared in another one, before. The
first row asks within bounds that other questions have used, the second within bounds that are new.
"""

from __future__ import annotations

import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from itertools import product
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import deconvcalc as dc
from tests.bench import Row, medians

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "solve"
SEED = 20261122
ROUNDS = 25
QUESTIONS = 1_000
LIMIT = 1 / 200
NEW_BOUNDS = 200
NEW_LIMIT = 1 / 20
FEW = 5
BEFORE = 3_000
"""How many other questions were asked within the same bounds before: a search asks many."""

Layers = set[tuple[int, int, int, int, int]]
"""(kernel_size, stride, dilation, padding, output_padding)"""


class Asked(NamedTuple):
    """One question: two sizes, and the bounds."""

    source: int
    target: int
    kernel_size: range = range(1, 17)
    stride: range = range(1, 9)
    dilation: range = range(1, 5)


def run() -> list[Row]:
    """A thousand questions within the same bounds, and others with bounds of their own."""
    sizes = _sizes(QUESTIONS + NEW_BOUNDS + FEW + BEFORE)
    many = [Asked(*pair) for pair in sizes[:QUESTIONS]]
    bounds = _bounds(NEW_BOUNDS)
    new = [Asked(*pair, *one) for pair, one in zip(sizes[QUESTIONS:], bounds, strict=False)]
    few = [Asked(*pair) for pair in sizes[QUESTIONS + NEW_BOUNDS :][:FEW]]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        elsewhere.submit(check, [*many, *new, *few]).result()
    for pair in sizes[-BEFORE:]:
        count_and_best(Asked(*pair))
    rows = []
    for case, questions, limit in (
        (f"{QUESTIONS:,} fresh questions, bounds used before", many, LIMIT),
        (f"{NEW_BOUNDS} fresh questions, new bounds each", new, NEW_LIMIT),
    ):
        per_round = len(questions) // ROUNDS
        taken = medians(
            {
                "solve": _in_turn(count_and_best, questions, per_round),
                "loops": _in_turn(loops, questions, per_round),
            },
            ROUNDS,
        )
        rows.append(
            Row(
                case=case,
                ours="solve, len and the first",
                rival="five loops",
                ours_seconds=taken["solve"] / per_round,
                rival_seconds=taken["loops"] / per_round,
                limit=limit,
            )
        )
    return [*rows, _beside(few)]


def _sizes(count: int) -> list[tuple[int, int]]:
    """Different pairs of a source up to 256 and a target of one to four times as much."""
    rng = random.Random(SEED)
    pairs: dict[tuple[int, int], None] = {}
    while len(pairs) < count:
        source = rng.randint(1, 256)
        pairs[source, rng.randint(source, 4 * source)] = None
    return list(pairs)


def _bounds(count: int) -> list[tuple[range, range, range]]:
    """Different bounds, about as wide as the plain ones, in any order."""
    kernels = [range(first, last + 1) for first, last in product((1, 2, 3), (14, 15, 16, 17, 18))]
    strides = [range(first, last + 1) for first, last in product((1, 2), (7, 8, 9))]
    dilations = [range(1, 4), range(1, 5), range(1, 6)]
    every = [*product(kernels, strides, dilations)]
    random.Random(SEED).shuffle(every)
    return every[:count]


def _in_turn(
    way: Callable[[Asked], object], questions: list[Asked], size: int
) -> Callable[[], object]:
    """What answers the next few questions each time that it is called."""
    waiting = iter([questions[i : i + size] for i in range(0, len(questions), size)])
    return lambda: [way(question) for question in next(waiting)]


def count_and_best(asked: Asked) -> tuple[int, Any]:
    """Our way: how many answers there are, and the first."""
    answers = solve(asked)
    return len(answers), answers[0] if answers else None


def solve(asked: Asked) -> Any:
    """All answers, lazily."""
    return dc.solve(
        asked.target,
        source=asked.source,
        kernel_size=asked.kernel_size,
        stride=asked.stride,
        dilation=asked.dilation,
    )


def loops(asked: Asked) -> Layers:
    """All answers, by five loops."""
    n, m, kernels, strides, dilations = asked
    found = set()
    for k in kernels:
        for s in strides:
            for d in dilations:
                for p in range(d * (k - 1) + 1):
                    for extra in range(max(s, d)):
                        if (n - 1) * s - 2 * p + d * (k - 1) + extra + 1 == m:
                            found.add((k, s, d, p, extra))
    return found


def constraints(asked: Asked) -> Layers:
    """All answers, by OR-tools CP-SAT."""
    from ortools.sat.python import cp_model

    n, m, kernels, strides, dilations = asked
    model = cp_model.CpModel()
    widest = dilations[-1] * (kernels[-1] - 1)
    k = model.new_int_var(kernels[0], kernels[-1], "k")
    s = model.new_int_var(strides[0], strides[-1], "s")
    d = model.new_int_var(dilations[0], dilations[-1], "d")
    p = model.new_int_var(0, widest, "p")
    extra = model.new_int_var(0, max(strides[-1], dilations[-1]) - 1, "extra")
    span = model.new_int_var(0, widest, "span")
    top = model.new_int_var(1, max(strides[-1], dilations[-1]), "top")
    model.add_multiplication_equality(span, [d, k - 1])
    model.add_max_equality(top, [s, d])
    model.add(p <= span)
    model.add(extra < top)
    model.add((n - 1) * s - 2 * p + span + extra + 1 == m)
    found: Layers = set()

    class Collect(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # has no types
        def on_solution_callback(self) -> None:
            found.add(tuple(self.value(one) for one in (k, s, d, p, extra)))

    solver = cp_model.CpSolver()
    solver.parameters.enumerate_all_solutions = True
    solver.parameters.num_workers = 1
    solver.solve(model, Collect())
    return found


def check(questions: list[Asked]) -> None:
    """Our answers and those of the loops are equal, and so are the solver's where it is there."""
    for asked in questions:
        answers = solve(asked)
        expected = loops(asked)
        found = [
            (a.kernel_size, a.stride, a.dilation, a.padding, a.output_padding) for a in answers
        ]
        assert len(found) == len(answers) == len(expected), asked
        assert set(found) == expected, asked
        assert not found or answers[0] == answers.best == next(iter(answers)), asked
    if find_spec("ortools"):
        for asked in questions[-FEW:]:
            assert constraints(asked) == loops(asked), asked


def _beside(questions: list[Asked]) -> Row:
    """CP-SAT, which only stands beside it."""
    case = "all solutions of a few"
    if not find_spec("ortools"):
        rival, ours_seconds, rival_seconds = "CP-SAT (OR-tools is not installed)", nan, nan
    else:
        rival = "CP-SAT"
        taken = medians(
            {
                "solve": _in_turn(count_and_best, questions, 1),
                "cp-sat": _in_turn(constraints, questions, 1),
            },
            FEW,
        )
        ours_seconds, rival_seconds = taken["solve"], taken["cp-sat"]
    return Row(
        case=case,
        ours="solve, len and the first",
        rival=rival,
        ours_seconds=ours_seconds,
        rival_seconds=rival_seconds,
    )
