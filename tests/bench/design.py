"""Designing: the ten best decoders by multiply-accumulates, against a constraint solver.

A stage is a transposed convolution with k up to 8, s up to 5, a kernel that the stride divides, and
no holes; a chain has at most six. CP-SAT gets the same options as a table, first minimises, and
then lists all chains up to the next cost that it met on the way, until it has ten: no quicker way
to make it prove ten was found. Bounds were used before. Ours runs in plain Python, as in the
command line, and in numpy.

Then chains without those limits, 10^11 of them and more, are counted; and 10^30 are counted and
sampled in a process of their own, whose memory is measured.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from importlib.util import find_spec
from itertools import islice, pairwise
from math import nan
from typing import Any, NamedTuple

from deconvcalc.designer.goals import Goal, read_goal
from deconvcalc.designer.lattice import Lattice
from deconvcalc.designer.measures import read_cost
from deconvcalc.designer.search import Search
from tests.bench import Row, medians

NAME = "design"
PROBLEMS = ((4, 224), (7, 256), (1, 1024))
STAGES = 6
BEST = 10
ROUNDS = 5
REPEATED = 4
LIMIT_NUMPY = 1 / 100
LIMIT_PLAIN = 1 / 30
LIMIT_COUNT = 1 / 8
MOST_MEGABYTES = 200

Window = tuple[int, int, int, int]
"""(kernel_size, stride, padding, output_padding)"""

Chain = tuple[Window, ...]


class Asked(NamedTuple):
    """A problem."""

    source: int
    target: int


def run() -> list[Row]:
    """The ten best of three problems, two ways; then counting, and memory."""
    rows = []
    installed = find_spec("ortools") is not None
    for problem in PROBLEMS:
        asked = Asked(*problem)
        if installed:
            check(asked)
        rivals: dict[str, Any] = {
            "numpy": lambda asked=asked: repeated(asked, numpy=True),
            "plain": lambda asked=asked: repeated(asked, numpy=False),
            "count": lambda asked=asked: count(asked),
        }
        if installed:
            rivals["cp-sat"] = lambda asked=asked: constraints(asked)
        gc.collect()
        gc.disable()  # as in the command line, and for all rivals
        taken = medians(rivals, ROUNDS)
        gc.enable()
        rival = taken.get("cp-sat", nan)
        named = "CP-SAT" if installed else "CP-SAT (OR-tools is not installed)"
        sizes = f"{asked.source} to {asked.target}"
        for case, ours, seconds, limit in (
            (f"{sizes}, the {BEST} best", "numpy", taken["numpy"] / REPEATED, LIMIT_NUMPY),
            (f"{sizes}, the {BEST} best", "plain Python", taken["plain"] / REPEATED, LIMIT_PLAIN),
            (f"{sizes}, {counted(asked):.1e} chains counted", "count", taken["count"], LIMIT_COUNT),
        ):
            rows.append(
                Row(
                    case=case,
                    ours=ours,
                    rival=f"{named}, the {BEST} best",
                    ours_seconds=seconds,
                    rival_seconds=rival,
                    limit=limit if installed else None,
                )
            )
    return [*rows, memory()]


# Ours.


def goal_of(asked: Asked) -> Goal:
    """The problem as a goal: read and compiled anew each time."""
    return read_goal(
        asked.target,
        source=asked.source,
        stages=range(1, STAGES + 1),
        kernel_size=range(1, 9),
        stride=range(1, 6),
        checkerboard=False,
        growth="any",
        bias=False,
    )


def best(asked: Asked, *, numpy: bool) -> list[tuple[int, Chain]]:
    """Our ten best, with their costs."""
    search = Search(goal_of(asked), read_cost("macs"), numpy=numpy)
    found = []
    for cost, path in islice(search.paths(), BEST):
        parts = [search.lattice.options[option].parts[0] for option, _ in path]
        chain = [(p.kernel_size, p.stride, p.padding, p.output_padding) for p in parts]
        found.append((int(cost), tuple(chain)))
    return found


def repeated(asked: Asked, *, numpy: bool) -> None:
    """The same a few times, so that a short time is measured well."""
    for _ in range(REPEATED):
        best(asked, numpy=numpy)


def wide(asked: Asked) -> Lattice:
    """All chains of windows up to k = 8 and s = 5, with checkerboards and holes."""
    goal = read_goal(
        asked.target,
        source=asked.source,
        stages=range(1, STAGES + 1),
        kernel_size=range(1, 9),
        stride=range(1, 6),
        holes=True,
        growth="any",
    )
    return Lattice(goal)


def count(asked: Asked) -> int:
    """How many of them there are."""
    return wide(asked).count()


_COUNTED: dict[Asked, int] = {}


def counted(asked: Asked) -> int:
    """The same, remembered; the count of chains with at least one problem is above 10^11."""
    if asked not in _COUNTED:
        _COUNTED[asked] = count(asked)
        assert _COUNTED[asked] > 10**11, (asked, _COUNTED[asked])
    return _COUNTED[asked]


# The rival.


def windows() -> list[Window]:
    """The options of a stage, by loops of their own."""
    return [
        (k, s, p, extra)
        for k in range(1, 9)
        for s in range(1, 6)
        if k % s == 0
        for p in range(k)
        for extra in range(min(s, p + 1))
    ]


class Chains:
    """All chains as a model of CP-SAT: an option a stage, 0 for none behind the last one."""

    def __init__(self, asked: Asked) -> None:
        from ortools.sat.python import cp_model

        self.options = windows()
        self.model = model = cp_model.CpModel()
        source, target = asked
        sizes = [model.new_int_var(source, target, f"n{i}") for i in range(STAGES + 1)]
        model.add(sizes[0] == source)
        model.add(sizes[-1] == target)
        rows = [(0, 1, 0, 0)]
        rows += [(i, s, k - s - 2 * p + o, k * k) for i, (k, s, p, o) in enumerate(self.options, 1)]
        offsets = [row[2] for row in rows]
        self.chosen, costs = [], []
        for before, after in pairwise(sizes):
            option = model.new_int_var(0, len(self.options), "")
            slope = model.new_int_var(1, 5, "")
            offset = model.new_int_var(min(offsets), max(offsets), "")
            taps = model.new_int_var(0, 64, "")
            model.add_allowed_assignments([option, slope, offset, taps], rows)
            spread = model.new_int_var(1, 5 * target, "")
            model.add_multiplication_equality(spread, [before, slope])
            model.add(after == spread + offset)
            model.add(after >= before)
            pixels = model.new_int_var(1, target * target, "")
            model.add_multiplication_equality(pixels, [before, before])
            cost = model.new_int_var(0, 64 * target * target, "")
            model.add_multiplication_equality(cost, [pixels, taps])
            self.chosen.append(option)
            costs.append(cost)
        model.add(self.chosen[0] >= 1)
        for one, following in pairwise(self.chosen):
            ends = model.new_bool_var("")
            model.add(one == 0).only_enforce_if(ends)
            model.add(one >= 1).only_enforce_if(ends.negated())
            model.add(following == 0).only_enforce_if(ends)
        self.cost = sum(costs)

    def solve(self, *, every: bool) -> dict[Chain, int]:
        """The chains that are met on the way to the best one, or all there are."""
        from ortools.sat.python import cp_model

        found: dict[Chain, int] = {}
        chosen, options, cost = self.chosen, self.options, self.cost

        class Collect(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # has no types
            def on_solution_callback(self) -> None:
                picked = [self.value(one) for one in chosen]
                chain = tuple([options[one - 1] for one in picked if one])
                found[chain] = int(self.value(cost))

        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.enumerate_all_solutions = every
        solver.solve(self.model, Collect())
        return found


def constraints(asked: Asked) -> dict[Chain, int]:
    """At least the ten best by CP-SAT.

    It minimises, and meets some chains on the way. Then it lists all up to the next best cost that
    it met, and the one after that, until there are ten.
    """
    chains = Chains(asked)
    chains.model.minimize(chains.cost)
    met = sorted(set(chains.solve(every=False).values()))
    while True:
        most = met.pop(1) if len(met) > 1 else 2 * met[0]
        chains = Chains(asked)
        chains.model.add(chains.cost <= most)
        found = chains.solve(every=True)
        if len(found) >= BEST:
            return found


def check(asked: Asked) -> None:
    """The costs of our ten best are CP-SAT's, and so are the chains below the last of them."""
    plain, arrays = best(asked, numpy=False), best(asked, numpy=True)
    assert plain == arrays, asked
    theirs = constraints(asked)
    costs = [cost for cost, _ in plain]
    assert costs == sorted(theirs.values())[:BEST], asked
    last = costs[-1]
    assert {chain for cost, chain in plain if cost < last} == {
        chain for chain, cost in theirs.items() if cost < last
    }
    assert all(theirs[chain] == cost for cost, chain in plain)


# Memory.

_SCRIPT = """
import resource
import numpy as np
import deconvcalc as dc
space = dc.DesignSpace(1024, source=4, stages=range(1, 19), growth=4)
assert space.count() > 10**30, space.count()
plans = space.sample(np.random.default_rng(1), 1000)
assert all(plan.output_size(4) == 1024 for plan in plans)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def memory() -> Row:
    """10^30 designs counted and 1,000 of them sampled, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
    )
    return Row(
        case="10^30 designs counted, 1,000 sampled",
        ours="the whole process",
        rival="the most",
        ours_seconds=float(done.stdout),
        rival_seconds=MOST_MEGABYTES,
        limit=1,
        unit="MB",
    )
