"""Designs: laws of the result, fronts, reasons, errors, interruption, JSON."""

from __future__ import annotations

import json
import sys
from itertools import islice
from math import inf, nan
from random import Random
from subprocess import run
from typing import Any

import pytest

import deconvcalc as dc
from deconvcalc.designer import designs as designs_module
from deconvcalc.designer.fronts import unbeaten
from deconvcalc.designer.goals import read_goal
from deconvcalc.designer.lattice import Lattice
from deconvcalc.designer.measures import read_cost
from deconvcalc.designer.plans import made_plan
from deconvcalc.designer.search import Search
from deconvcalc.designer.ways import Ways
from tests.designs_drawn import drawn

SMALL: dict[str, Any] = {"source": 4, "stages": [1, 2], "kernel_size": range(1, 5)}


def every(target: Any, **asked: Any) -> list[dc.Plan]:
    lattice = Lattice(read_goal(target, **asked))
    return [made_plan(lattice.goal, lattice.options, path) for path in lattice.paths()]


# The ways to search.


def test_numpy_sizes_and_the_lattice_give_the_same() -> None:
    rng = Random(1)
    engines = set()
    for _ in range(120):
        low, high = sorted([rng.randint(1, 9), rng.randint(1, 40)])
        up = rng.random() < 0.7
        goal = read_goal(
            high if up else low,
            source=low if up else high,
            stages=rng.choice([range(1, 4), [2], [1, 3]]),
            op="any",
            channels=rng.choice([None, (8, 3), (16, 1)]) if up else None,
            kernel_size=range(1, 5),
            growth=rng.choice([None, "any", 3, 1.5]),
            bias=rng.random() < 0.5,
            checkerboard=rng.random() < 0.5,
        )
        cost = read_cost(rng.choice(["parameters", "macs", {"parameters": 1, "macs": 0.5}]))
        found = []
        for numpy in (True, False, None):
            search = Search(goal, cost, numpy=numpy)
            if numpy is None:
                search.engine = "lattice"
            found.append(list(islice(search.paths(), 20)))
            engines.add(search.engine)
        assert found[0] == found[1] == found[2]
    assert engines == {"numpy", "sizes", "lattice"}


def test_costs_too_large_for_int64_are_exact() -> None:
    found = dc.design(2 * 10**6, source=10**6, cost={"macs": 10**12}, kernel_size=[2, 4], top=2)
    assert found.values[0] == 10**12 * found[0].macs > 2**63
    assert found.values == tuple(sorted(found.values))


def test_weights_are_exact_not_floats() -> None:
    found = dc.design(16, **SMALL, cost={"parameters": 0.1, "macs": 0.2}, top=50)
    exact = [plan.exact_cost(found.costs[0]) for plan in found]
    assert exact == sorted(exact)
    assert found.values[0] == pytest.approx(0.1 * found[0].parameters + 0.2 * found[0].macs)


def test_the_first_k_of_more_are_the_k_best() -> None:
    longer = dc.design(224, source=7, channels=(64, 3), cost="macs", top=40)
    for top in (1, 7, 39):
        assert dc.design(224, source=7, channels=(64, 3), cost="macs", top=top)[:] == longer[:top]
    assert not longer.complete
    assert longer.proved
    assert longer.bound is not None
    assert longer.bound >= longer.values[-1]


# Fronts.


@pytest.mark.parametrize("costs", [("parameters", "macs"), ("macs", "memory", "parameters")])
def test_a_front_is_what_no_design_beats(costs: tuple[str, ...]) -> None:
    asked = SMALL | {"op": "any", "channels": (6, [2, 4], 3), "top": 200}
    found = dc.design(12, **asked, cost=list(costs))
    del asked["top"]
    plans = every(12, **asked)
    vectors = {plan: tuple([plan.cost(cost) for cost in costs]) for plan in plans}
    beaten = {
        one
        for one in vectors.values()
        if any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in vectors.values()
        )
    }
    assert set(found) == {plan for plan, one in vectors.items() if one not in beaten}
    assert list(found.values) == sorted([vectors[plan] for plan in found])
    assert found.complete
    assert found.is_front


def test_unbeaten_vectors_by_all_pairs() -> None:
    rng = Random(3)
    for width in (2, 3):
        for _ in range(200):
            vectors = [
                tuple([rng.randint(0, 5) for _ in range(width)]) for _ in range(rng.randint(0, 30))
            ]
            left = {
                one
                for one in vectors
                if not any(
                    other != one and all(a <= b for a, b in zip(other, one, strict=True))
                    for other in vectors
                )
            }
            assert unbeaten(vectors) == sorted(left)


# What is asked is kept.


def test_constraints_hold_and_growth_is_2_by_default() -> None:
    found = dc.design(
        224,
        source=7,
        channels=(512, 3),
        through=[14, 56],
        checkerboard=False,
        aligned=True,
        overlap=True,
        divisors={"kernel_size": "stride", "size": 7},
        budgets={"macs": 10**9, "memory": 5 * 10**6},
    )
    assert len(found) == 10
    for plan in found:
        assert {14, 56} <= set(plan.sizes)
        assert all(b <= 2 * a for a, b in zip(plan.sizes, plan.sizes[1:], strict=False))
        assert all(size % 7 == 0 for size in plan.sizes)
        assert all(stage.kernel_size % stage.stride == 0 for stage in plan.stages)
        assert all(stage.kernel_size > stage.stride for stage in plan.stages)
        assert plan.macs <= 10**9
        assert plan.memory <= 5 * 10**6


def test_growth_is_what_the_target_needs() -> None:
    found = dc.design(1024, source=1, channels=None, stages=range(1, 7))
    assert found.goal.growth == 4
    assert found.best is not None


def test_channels_halve_double_are_listed_and_chosen() -> None:
    five = dc.design(32, source=1, stages=5, channels=(512, 3), kernel_size=[2, 4])[0]
    assert five.channels == (512, 256, 128, 64, 32, 3)
    assert dc.design(1, source=8, stages=3, channels=(3, 64), kernel_size=2)[0].channels == (
        3,
        16,
        32,
        64,
    )
    listed = dc.design(8, source=2, stages=2, channels=[9, 5, 2], kernel_size=4)[0]
    assert listed.channels == (9, 5, 2)
    chosen = dc.design(8, source=2, stages=2, channels=(9, [7, 5], 2), kernel_size=[2, 4])
    assert chosen[0].channels == (9, 5, 2)
    assert {plan.channels[1] for plan in chosen} == {7, 5}


def test_several_axes_with_sizes_of_their_own() -> None:
    plan = dc.design((224, 288), source=(7, 9), cost="macs")[0]
    assert plan.sizes[-1] == (224, 288)
    assert plan.output_size((7, 9)) == (224, 288)
    apart = dc.design((12, 15), source=(4, 5), stages=1, shared=False, kernel_size=[3, 4], growth=3)
    assert apart[0].stages[0].target == (12, 15)


def test_a_front_with_one_budget_less_than_the_least_is_empty() -> None:
    found = dc.design(28, source=7, cost=["macs", "memory"], budgets={"macs": 1})
    assert not found
    assert found.reason is not None
    assert found.reason.names == ("budgets",)


# Receptive fields.


def test_the_receptive_field_is_that_of_the_trace() -> None:
    """The largest field that can be asked for, over one plan's own stages, is the model's."""
    from deconvcalc.designer.candidates import needed

    for _, plan in islice(drawn(60), 60):
        found = dc.trace(plan.model(), plan.smallest_source)
        for axis in range(plan.axes):
            field: Any = found.fields[-1][axis]
            asked = 1
            while True:
                reach = asked
                for stage in plan.stages:
                    reach = needed(stage.op, stage.option.parts[stage.parts_of_axes[axis]], reach)
                if reach > 1:
                    break
                asked += 1
            assert field.size == asked - 1, plan


# Models and JSON.


def test_a_plan_traces_as_a_model_with_its_costs() -> None:
    for _, plan in drawn(40):
        totals = dc.trace(plan.model(), plan.smallest_source).totals
        assert totals.parameters == plan.parameters
        assert totals.macs == plan.macs
        assert plan.model().run(plan.smallest_source).ok


def test_json_reads_back_and_is_checked() -> None:
    for _, plan in drawn(40, dilated=True):
        again = dc.Plan.from_json(plan.to_json())
        assert again == plan
        assert hash(again) == hash(plan)
        assert again.to_json() == plan.to_json()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "x"}, "schema"),
        ({"source": [0, 0]}, "source"),
        ({"source": "7"}, "source"),
        ({"target": [29, 29]}, "target"),
        ({"parameters": 1}, "parameters"),
        ({"channels": [1]}, "channels"),
        ({"bias": 1}, "bias"),
        ({"stages": []}, "stages"),
        ({"stages": [{"op": "__import__('os')"}] * 2}, "op"),
        ({"stages": [{"op": "conv_transpose", "kernel_size": 10**30}] * 2}, "kernel_size"),
    ],
)
def test_json_that_is_no_plan_is_refused(change: dict[str, Any], said: str) -> None:
    plan = dc.design(28, source=7, stages=2, kernel_size=4)[0]
    record = json.loads(plan.to_json()) | change
    with pytest.raises(dc.QueryError, match=said):
        dc.Plan.from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "9" * 5000])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(dc.QueryError, match="no plan"):
        dc.Plan.from_json(text)


# No design.


def test_the_reason_names_what_forbids_it() -> None:
    found = dc.design(225, source=7, kernel_size=4, stride=2, padding=1)
    assert not found
    assert found.proved
    reason = found.reason
    assert reason is not None
    assert reason.nearest == (224, 448)
    assert reason.names == ("padding",)
    wider = dc.design(225, source=7, kernel_size=4, stride=2, padding=range(4))
    assert reason.plan is not None
    assert reason.plan in every(
        225, source=7, kernel_size=4, stride=2, padding=range(4), stages=len(reason.plan)
    )
    assert wider.best is not None
    for near in reason.nearest:
        assert dc.design(near, source=7, kernel_size=4, stride=2, padding=1)
    for missed in range(225, 448):
        assert not Lattice(
            read_goal(missed, source=7, kernel_size=4, stride=2, padding=1, growth=2)
        ).layers[0]


@pytest.mark.parametrize(
    ("asked", "name", "value"),
    [
        ({"budgets": {"parameters": 5}, "stages": 2}, "budgets", {"parameters": 10}),
        ({"kernel_size": 3, "stride": 2, "checkerboard": False}, "kernel_size", "2..4"),
        ({"receptive_field": 6, "kernel_size": 2, "stages": 2, "stride": 2}, "kernel_size", None),
        ({"stages": 1, "kernel_size": 4, "stride": 2, "padding": 1, "growth": 2}, "stages", 2),
    ],
)
def test_the_smallest_relaxation(asked: dict[str, Any], name: str, value: Any) -> None:
    reason = dc.design(28, source=7, **asked).reason
    assert reason is not None
    assert name in reason.relaxations
    if value is not None:
        assert reason.relaxations[name] == value
    assert reason.plan is not None
    assert reason.plan.target == 28


def test_constraints_that_exclude_each_other_are_named() -> None:
    reason = dc.design(28, source=7, kernel_size=3, stride=2, checkerboard=False).reason
    assert reason is not None
    assert "no checkerboard" in reason.text
    assert "exclude each other" in reason.text


def test_axes_that_need_parameters_of_their_own() -> None:
    found = dc.design((24, 30), source=(12, 16), stages=1, kernel_size=[2, 3])
    assert not found
    assert found.reason is not None
    assert found.reason.relaxations["shared"] is False
    assert dc.design((24, 30), source=(12, 16), stages=1, kernel_size=[2, 3], shared=False)


# Errors.


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"stages": 0}, "stages"),
        ({"stages": []}, "stages"),
        ({"stages": 100}, "stages"),
        ({"source": None}, "source is missing"),
        ({"source": 0}, "source"),
        ({"source": (7, 7, 7, 7)}, "axes"),
        ({"op": "dense"}, "unknown op"),
        ({"op": "max_pool"}, "decoder"),
        ({"op": []}, "op"),
        ({"channels": (512, 0)}, "channels"),
        ({"channels": [512, 3], "stages": 2}, "channels"),
        ({"channels": (512, [], 3)}, "channels"),
        ({"cost": "size"}, "unknown cost"),
        ({"cost": {"macs": -1}}, "negative"),
        ({"cost": {"macs": nan}}, "NaN"),
        ({"cost": {"macs": inf}}, "overflows"),
        ({"cost": {}}, "no weight"),
        ({"cost": ["macs"]}, "two or three"),
        ({"cost": lambda _: 1, "additive": False, "stages": 6}, "tries|trying out"),
        ({"budgets": {"macs": nan}}, "NaN"),
        ({"budgets": {"macs": -5}}, "negative"),
        ({"through": [3]}, "through"),
        ({"through": [300]}, "through"),
        ({"growth": 0.5}, "growth"),
        ({"divisors": {"volume": 2}}, "divisors"),
        ({"divisors": {"kernel_size": 0}}, "at least 1"),
        ({"kernel_size": range(5, 5)}, "kernel size"),
        ({"kernel_size": (3, 4)}, "share"),
        ({"receptive_field": 3, "dilation": 2}, "receptive_field"),
        ({"receptive_field": (3, 3, 3)}, "receptive_field"),
        ({"through": [(28, 28, 28)]}, "through"),
        ({"top": 0}, "top"),
        ({"stages": 1}, "options"),
        ({"additive": False}, "enumeration"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(dc.QueryError, match=said):
        dc.design(224, **{"source": 7} | asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"cost": 3},
        {"top": 1.5},
        {"holes": 1},
        {"op": 7},
        {"channels": 7},
        {"growth": "much"},
        {"stages": "1..6"},
        {"through": 1.5},
        {"budgets": 7},
        {"divisors": 7},
        {"additive": 1},
    ],
)
def test_wrong_types_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        dc.design(28, **{"source": 7} | asked)


@pytest.mark.parametrize("target", ["n*n", "2*n - 2*n", "max(n, 7)", "floor(3*n/2)", "n % 2"])
def test_targets_in_n_of_other_forms_are_refused(target: str) -> None:
    with pytest.raises(dc.DeconvcalcError):
        dc.design(target)


def test_one_axis_up_and_one_down_is_refused() -> None:
    with pytest.raises(dc.QueryError, match="shrinks"):
        dc.design((14, 7), source=(7, 14))


def broken(_: Any) -> float:
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (broken, "broken raised ZeroDivisionError: oh"),
        (lambda _: nan, "NaN"),
        (lambda _: inf, "overflows"),
        (lambda _: -1, "negative"),
        (lambda _: 10.0**308 * 10, "overflows"),
        (lambda _: "1", "number"),
        (lambda _: None, "number"),
    ],
    ids=["raises", "nan", "infinite", "negative", "overflow", "text", "none"],
)
@pytest.mark.parametrize("additive", [True, False])
def test_a_bad_cost_function_is_named(cost: Any, said: str, additive: bool) -> None:
    with pytest.raises(dc.QueryError, match=said) as caught:
        dc.design(12, **SMALL, cost=cost, additive=additive)
    assert caught.value.rule == "cost"


# Costs of the user's.


def test_a_cost_of_stages_is_searched_and_one_of_plans_is_enumerated() -> None:
    def stage_cost(stage: dc.Stage) -> float:
        return float(0.5 * stage.macs + stage.kernel_size)

    def plan_cost(plan: dc.Plan) -> float:
        return float(sum([stage_cost(stage) for stage in plan.stages]))

    one = dc.design(12, **SMALL, cost=stage_cost, top=30)
    other = dc.design(12, **SMALL, cost=plan_cost, additive=False, top=30)
    assert one[:] == other[:]
    assert one.values == other.values
    assert one.method == "search"
    assert other.method == "enumeration"
    assert other.tried == len(every(12, **SMALL))
    assert "tried out" in other.statement


# Interruption.


class Patience:
    """A cost that is interrupted the nth time that it is asked."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, part: Any) -> float:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return 1.0 * int(part.parameters)


@pytest.mark.parametrize("calls", [1, 2, 7, 12])
def test_ctrl_c_gives_the_best_so_far_and_its_bound(calls: int) -> None:
    best = dc.design(12, **SMALL, op="any", top=1).values[0]
    found = dc.design(12, **SMALL, op="any", cost=Patience(calls))
    assert found.interrupted
    assert not found.proved
    assert found.reason is None
    assert found.bound <= best <= found.values[0]
    assert found[0].output_size(4) == 12
    assert "interrupted" in found.text


def test_ctrl_c_before_anything_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the ways between sizes are looked for, there is a design of a smaller space."""
    calls = []
    real = Ways._backwards

    def once(self: Ways) -> None:
        calls.append(self)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(self)

    monkeypatch.setattr(Ways, "_backwards", once)
    found = dc.design((28, 30), source=(7, 8), stages=[2, 3], shared=False, cost=lambda s: s.macs)
    assert found.interrupted
    assert found[0].output_size((7, 8)) == (28, 30)
    assert found.bound == 0


def test_ctrl_c_in_an_enumeration() -> None:
    found = dc.design(12, **SMALL, cost=Patience(9), additive=False)
    assert found.interrupted
    assert found.tried == 8
    assert found.values == tuple(sorted(found.values))


def test_ctrl_c_in_a_front() -> None:
    found = dc.design(12, **SMALL, cost=["parameters", Patience(20)])
    assert found.interrupted
    assert not found.complete


def test_ctrl_c_in_the_command_line_ends_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from deconvcalc.cli import main

    def paths(self: Search) -> Any:
        self.lattice.layers  # noqa: B018 - it is built
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Search, "paths", paths)
    done = CliRunner().invoke(main, ["design", "28", "--from", "7"])
    assert done.exit_code == 0
    assert "interrupted" in done.stdout


# The rest.


def test_tables_name_the_space_and_what_is_proved() -> None:
    text = str(dc.design(28, source=7, channels=(8, 3), top=2))
    assert "the 2 best by parameters: the exact optimum within this space" in text
    for line in ("kernel size", "growth", "channels", "7→14→28"):
        assert line in text
    assert "transposed convolution" in str(dc.design(28, source=7)[0])


def test_importing_loads_no_numpy() -> None:
    code = (
        "import deconvcalc as dc, sys; d = dc.design(28, source=7, cost='macs'); "
        "assert d.best.sizes == (7, 14, 28); print(sorted({'numpy', 'sympy'} & set(sys.modules)))"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_values_are_frozen_and_equal() -> None:
    one = dc.design(28, source=7)
    other = dc.design(28, source=7)
    assert one == other
    assert hash(one[0]) == hash(other[0])
    assert one[0] in one
    with pytest.raises(AttributeError):
        one[0].stages = ()
    assert designs_module.TOP == 10


def test_counts_by_size_and_by_state_are_those_of_the_paths() -> None:
    by_size = 0
    for goal, _ in drawn(60):
        lattice = Lattice(goal)
        total = sum([1 for _ in islice(lattice.paths(), 30_000)])
        if total < 30_000:
            assert lattice.count() == total
            by_size += goal.counts_by_size
    assert 10 < by_size < 60
