"""Designs: questions that go too far, plans tampered with, and reasons that take long."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import deconvcalc as dc
from deconvcalc.designer import lattice, reasons


@pytest.mark.parametrize("growth", ["1/0", "1e999999999", "3/2", "", b"2", np.array([1, 2]), 1j])
def test_growth_is_no_text_and_no_array(growth: Any) -> None:
    with pytest.raises(TypeError, match="growth must be a number or 'any'"):
        dc.design(28, source=7, growth=growth)


@pytest.mark.parametrize("growth", [2, 2.0, Fraction(2), np.int64(2), np.float32(2)])
def test_growth_is_any_number(growth: Any) -> None:
    asked: dict[str, Any] = {"source": 7, "kernel_size": 4, "stages": 2}
    assert dc.design(28, growth=growth, **asked) == dc.design(28, growth=2, **asked)


@pytest.mark.parametrize(
    ("target", "source"), [(10**18, 1), (1, 10**18), ("999999999999999999*n", 1)]
)
def test_too_few_stages_for_a_far_target_are_refused_at_once(target: Any, source: int) -> None:
    with pytest.raises(dc.QueryError, match="too far for so few stages: 1 stage would") as caught:
        dc.design(target, source=source, stages=1)
    assert caught.value.rule == "stages"


def test_a_growth_beyond_every_stride_is_named() -> None:
    with pytest.raises(dc.QueryError, match=r"growth lets a stage .* more than 10\*\*18 times"):
        dc.design(28, source=7, growth=10**30)
    asked: dict[str, Any] = {"source": 7, "kernel_size": 4, "stride": 2, "factor": 2, "stages": 2}
    assert dc.design(28, growth=10**30, **asked) == dc.design(28, growth="any", **asked)


@pytest.mark.parametrize(("source", "target"), [(256, 8192), (8192, 256)])
@pytest.mark.parametrize("growth", [2.1, 2.0000001, 1.9, Fraction(2**40 + 1, 2**39)])
def test_a_growth_with_a_long_fraction_is_exact(source: int, target: int, growth: Any) -> None:
    asked: dict[str, Any] = {"source": source, "kernel_size": [3, 4, 6], "stages": [5, 6]}
    space = dc.DesignSpace(target, growth=growth, **asked)
    found = dc.design(target, growth=growth, top=5, **asked)
    assert (len(found) > 0) == (space.count() > 0)
    least = sorted([plan.parameters for plan in space])[:5] if space.count() < 3000 else None
    assert least is None or list(found.values) == least
    for plan in found:
        for before, after in pairwise(plan.sizes):
            assert max(before, after) <= Fraction(growth) * min(before, after)


@pytest.mark.parametrize(("source", "target"), [(2000, 4000), (4000, 2000)])
def test_growth_2_1_is_a_fraction_over_2_to_the_51(source: int, target: int) -> None:
    asked: dict[str, Any] = {"source": source, "kernel_size": [2, 4], "stages": [1, 2]}
    asked |= {"growth": 2.1, "stride": [1, 2]}  # 4200 * 2**51 is more than int64 holds
    least = sorted([plan.parameters for plan in dc.DesignSpace(target, **asked)])
    assert len(least) == 11
    assert list(dc.design(target, **asked, top=11).values) == least


def test_a_size_in_n_that_lies_outside_is_named_as_it_was_written() -> None:
    with pytest.raises(dc.QueryError, match=r"through names 8\*n, which lies outside"):
        dc.design("4*n", source=7, through=["8*n"])


def in_n_of(target: str, **asked: Any) -> dict[str, Any]:
    plan = dc.design(target, top=1, **asked)[0]
    assert dc.Plan.from_json(plan.to_json()) == plan
    return dict(json.loads(plan.to_json()))


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("4*n", {"kernel_size": 4}),
        ("2*n + 4", {}),
        ("4*n - 1", {"op": "any", "stages": range(1, 4)}),
        ("ceil(n/4)", {"op": "any", "stages": 2}),
        ("(n - 3)//4", {"stages": 2}),
        ("n", {"stages": 1}),
        (("4*n", "2*n"), {"shared": False, "kernel_size": 4, "stages": 2}),
    ],
)
def test_a_target_in_n_is_checked_when_a_plan_is_read(target: Any, asked: dict[str, Any]) -> None:
    record = in_n_of(target, **asked)
    for wrong in ("5*n", "4*n + 2", "n//5", "x", "", '"""\nimport os\n"""', "4*n x 4*n x 4*n"):
        with pytest.raises(dc.QueryError, match="this is no plan: in_n"):
            dc.Plan.from_json(json.dumps(record | {"in_n": wrong}))


def test_vectors_that_differ_in_length_are_refused() -> None:
    asked: dict[str, Any] = {"source": 7, "stages": [2, 3], "kernel_size": [3, 4]}
    plain = dc.DesignSpace(28, **asked)
    chosen = dc.DesignSpace(28, channels=(8, [4, 2], 3), **asked)
    for space in (plain, chosen):
        ragged = [[1] * len(space.genes), [1]]
        for ask in (space.repair, space.decode, space.valid, space.sizes, space.costs):
            with pytest.raises(dc.QueryError, match="these vectors differ in length"):
                ask(ragged)
        none = np.zeros((0, len(space.genes)), np.int64)
        assert space.decode(none) == []
        assert space.valid(none).shape == space.costs(none).shape == (0,)
        assert space.sizes(none).shape == (0, 4, 2)


def test_a_filter_that_is_no_function_is_refused() -> None:
    space = dc.DesignSpace(28, source=7, stages=2, kernel_size=[3, 4])
    with pytest.raises(TypeError, match="filter: stage must be a function, not 5"):
        space.filter(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="filter: plan must be a function, not 5"):
        space.filter(plan=5)  # type: ignore[arg-type]


def test_much_work_is_tried_in_vain_only_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = []

    class Endless:
        def __init__(self, _: Any, most: int) -> None:
            allowed.append(most)

        @property
        def empty(self) -> bool:
            raise dc.UndecidedError("too much", rule="work")

    monkeypatch.setattr(reasons, "Lattice", Endless)
    reason = dc.design(225, source=7, kernel_size=4, stride=2, padding=1).reason
    assert reason is not None
    assert not reason.complete
    assert allowed[: reasons.MOST_CUT] == [reasons.MOST_STEPS] * reasons.MOST_CUT
    assert set(allowed[reasons.MOST_CUT :]) == {reasons.FEW_STEPS}


def test_ctrl_c_ends_the_search_for_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    real, tried = lattice.Lattice, []

    def broken_off(*given: Any, **asked: Any) -> Any:
        tried.append(given)
        if len(tried) == 4:
            raise KeyboardInterrupt
        return real(*given, **asked)

    monkeypatch.setattr(reasons, "Lattice", broken_off)
    reason = dc.design(225, source=7, kernel_size=4, stride=2, padding=1).reason
    assert reason is not None
    assert not reason.complete
    assert len(tried) == 4
