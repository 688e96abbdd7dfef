"""The designer and its spaces, against every chain there is, on small problems drawn at random."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deconvcalc.designer.designs import design
from deconvcalc.designer.spaces import DesignSpace
from tests.reference_designs import Brute, Chain, Part, Problem, cost_of, drawn, per_stage

if TYPE_CHECKING:
    from fractions import Fraction

    from deconvcalc.designer.plans import Plan

PROBLEMS = 300
BATCH = 20
COSTS: tuple[Any, ...] = (
    "parameters",
    "macs",
    "memory",
    {"parameters": 1, "macs": 0.25, "memory": 3},
    per_stage,
)

Key = tuple[tuple[str, tuple[Part, ...], tuple[int, int]], ...]


def key_of(plan: Plan) -> Key:
    found = []
    for stage in plan.stages:
        parts = [stage.option.parts[i] for i in stage.parts_of_axes]
        plain = tuple([Part(*part._values()) for part in parts])
        found.append((stage.op, plain, stage.channels))
    return tuple(found)


class Case:
    """A problem with all its chains, in the order of the space."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.problem: Problem = drawn(self.rng)
        self.brute = Brute(self.problem)
        self.space = DesignSpace(self.problem.target, **self.problem.arguments)
        place = {}
        for i, option in enumerate(self.space.options):
            parts = [option.parts[j] for j in self.space._goal.parts_of_axes]
            place[option.op, tuple([Part(*part._values()) for part in parts])] = i
        assert sorted(place) == sorted(self.brute.options), "the alphabet"
        rows = []
        for chain in self.brute.chains():
            genes = tuple([(place[link.op, link.parts], link.choice) for link in chain])
            rows.append((genes, chain))
        rows.sort(key=lambda row: row[0])
        self.genes = [genes for genes, _ in rows]
        self.chains = [chain for _, chain in rows]
        self.keys = [self.key(chain) for chain in self.chains]

    @staticmethod
    def key(chain: Chain) -> Key:
        return tuple([(link.op, link.parts, link.channels) for link in chain])

    def cost(self, chain: Chain, cost: Any) -> Fraction:
        return cost_of(chain, cost, bias=self.brute.bias)


@pytest.mark.parametrize("first", range(0, PROBLEMS, BATCH))
def test_problems_equal_brute_force(first: int) -> None:
    for seed in range(first, first + BATCH):
        case = Case(seed)
        try:
            check_space(case)
            check_best(case)
            check_fronts(case)
            check_enumerated(case)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {case.problem}") from error


def check_space(case: Case) -> None:
    space, rng = case.space, case.rng
    count = len(case.chains)
    assert space.count() == count
    assert len(space) == count
    assert bool(space) == (count > 0)
    plans = list(space)
    assert [key_of(plan) for plan in plans] == case.keys
    for plan, chain in zip(plans, case.chains, strict=True):
        sizes = [(stage.source, stage.target) for stage in plan.stages]
        assert sizes == [(link.source, link.target) for link in chain]
    for i in rng.sample(range(count), min(5, count)):
        assert space[i] == plans[i]
        assert space.index(plans[i]) == i
    if count:
        check_neighbors(case, plans)
        check_repair(case, plans)


def vector(case: Case, genes: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """The vector of a chain, by the description of vectors."""
    ids = len(case.space.genes) // case.space.max_stages
    each = [(option + 1, choice)[:ids] for option, choice in genes]
    rest = [(0,) * ids] * (case.space.max_stages - len(genes))
    return tuple([gene for one in each + rest for gene in one])


def check_neighbors(case: Case, plans: list[Plan]) -> None:
    for i in case.rng.sample(range(len(plans)), min(2, len(plans))):
        own = case.genes[i]
        expected = []
        for genes, plan in zip(case.genes, plans, strict=True):
            if len(genes) != len(own):
                continue
            places = [j for j, (a, b) in enumerate(zip(genes, own, strict=True)) if a != b]
            if places and places[-1] - places[0] <= 1:
                expected.append(plan)
        assert case.space.neighbors(plans[i]) == expected
        mutant = case.space.mutate(plans[i], np.random.default_rng(i))
        assert mutant in (expected or [one for one in plans if one != plans[i]] or plans)


def check_repair(case: Case, plans: list[Plan]) -> None:
    vectors = [vector(case, genes) for genes in case.genes]
    assert [tuple(row) for row in case.space.encode(plans).tolist()] == vectors
    for cost in COSTS:
        values = [case.cost(chain, cost) for chain in case.chains]
        assert case.space.costs(vectors, cost).tolist() == values
    for _ in range(3):
        genome = [case.rng.randint(-1, top) for top in case.space.genes]
        if case.rng.random() < 0.5:
            genome = list(case.rng.choice(vectors))
            genome[case.rng.randrange(len(genome))] = case.rng.randint(0, 3)
        far = [sum(a != b for a, b in zip(genome, one, strict=True)) for one in vectors]
        assert case.space.repair(genome) == plans[far.index(min(far))]
        assert case.space.valid([genome]).tolist() == [tuple(genome) in set(vectors)]


def check_best(case: Case) -> None:
    for cost in case.rng.sample(COSTS, 2):
        values = [case.cost(chain, cost) for chain in case.chains]
        order = sorted(range(len(values)), key=lambda i: (values[i], i))
        top = case.rng.choice((1, 5, 60))
        found = design(case.problem.target, **case.problem.arguments, cost=cost, top=top)
        assert [key_of(plan) for plan in found] == [case.keys[i] for i in order[:top]]
        assert list(found.values) == [values[i] for i in order[:top]]
        assert found.proved
        assert found.complete == (len(order) <= top)
        if len(order) > top:
            assert found.bound == values[order[top]]
        assert case.space.best(top, cost) == found


def parity(plan: Plan) -> int:
    """A cost that does not add over the stages."""
    return plan.parameters % 11 + len(plan) * plan.macs % 7


def check_enumerated(case: Case) -> None:
    if len(case.chains) > 40:
        return  # each is built
    rows = [[case.cost(chain, cost) for cost in ("parameters", "macs")] for chain in case.chains]
    lengths = [len(chain) for chain in case.chains]
    values = [int(a) % 11 + n * int(b) % 7 for (a, b), n in zip(rows, lengths, strict=True)]
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    found = case.space.best(4, parity, additive=False)
    assert [key_of(plan) for plan in found] == [case.keys[i] for i in order[:4]]
    assert found.method == "enumeration"
    assert found.tried == len(order)


def check_fronts(case: Case) -> None:
    costs = case.rng.sample(COSTS, case.rng.choice((2, 2, 3)))
    rows = [tuple([case.cost(chain, cost) for cost in costs]) for chain in case.chains]
    unique = set(rows)
    kept = {
        row
        for row in unique
        if not any(
            other != row and all(a <= b for a, b in zip(other, row, strict=True))
            for other in unique
        )
    }
    order = sorted([i for i, row in enumerate(rows) if row in kept], key=lambda i: (rows[i], i))
    found = design(case.problem.target, **case.problem.arguments, cost=costs)
    assert [key_of(plan) for plan in found] == [case.keys[i] for i in order]
    assert [tuple(value) for value in found.values] == [rows[i] for i in order]
