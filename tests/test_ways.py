"""All ways through code that compares sizes cover every input, or what is left is told."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from deconvcalc.model.admissible import Admissible, region
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, variable
from deconvcalc.tracing.path import Path
from deconvcalc.tracing.ways import all_ways

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.model.admissible import Region


class Code:
    """Code that compares sizes: what it compares is kept, as a tracer would."""

    def __init__(self, body: Callable[[Callable[..., bool], dict[str, Extent]], None]) -> None:
        self.body = body

    def trace_at(self, where: dict[str, int]) -> Path:
        """The way that an input takes."""
        guards: list[Condition] = []

        def asks(left: Any, relation: str, right: Any) -> bool:
            guard = Condition(left, relation, right)
            held = guard.holds(where)
            guards.append(guard if held else guard.negated())
            return held

        self.body(asks, {name: variable(name) for name in where})
        return Path(dc.Model(), guards)


def ways(
    body: Callable[[Callable[..., bool], dict[str, Extent]], None],
    names: tuple[str, ...],
    *,
    most: int = 64,
) -> tuple[list[Region], list[Region]]:
    """The region of each way, and what is left."""
    code = Code(body)
    found, left = all_ways(names, dict.fromkeys(names, 5), code.trace_at, most=most)
    return [region(names, path.guards) for path in found], left


def test_parities_of_two_axes_are_four_ways_that_cover_everything() -> None:
    def body(asks: Callable[..., bool], at: dict[str, Extent]) -> None:
        for extent in at.values():
            asks(extent % 2, "==", 0)

    found, left = ways(body, ("h", "w"))
    assert (len(found), left) == (4, [])
    whole = Admissible(("h", "w"), found)
    assert whole.sets == dict.fromkeys("hw", dc.Sizes.all())
    assert whole.is_box


def test_ways_partition_the_inputs() -> None:
    def body(asks: Callable[..., bool], at: dict[str, Extent]) -> None:
        if asks(at["n"] % 3, "==", 0):
            asks(at["n"], ">=", 20)
        elif asks(at["n"], "<", 8):
            asks(at["n"] // 2, "==", 2)

    found, left = ways(body, ("n",))
    assert not left
    for n in range(1, 80):
        assert sum([{"n": n} in one for one in found]) == 1


def test_a_comparison_of_two_axes_and_its_opposite_cover_everything() -> None:
    def body(asks: Callable[..., bool], at: dict[str, Extent]) -> None:
        asks(at["h"], ">=", at["w"])
        asks(at["h"] % 2, "==", 0)

    found, left = ways(body, ("h", "w"))
    assert (len(found), left) == (4, [])
    for h, w in product(range(1, 12), repeat=2):
        assert sum([{"h": h, "w": w} in one for one in found]) == 1


@pytest.mark.parametrize("most", [1, 2, 7])
def test_past_the_budget_the_rest_is_unknown_and_never_admissible(most: int) -> None:
    def body(asks: Callable[..., bool], at: dict[str, Extent]) -> None:
        for n in range(1, 1_000):
            if asks(at["n"], "==", n):
                return

    found, left = ways(body, ("n",), most=most)
    assert len(found) == most
    (rest,) = left
    known = Admissible(("n",), found, left)
    assert rest.sets["n"] == ~known.sets["n"]
    assert 5 in known
    assert 900 not in known
    assert "not known" in str(known)


def test_what_a_layer_refuses_before_it_is_compared_needs_no_way_of_its_own() -> None:
    small = dc.compose([dc.Conv(5)])

    def body(asks: Callable[..., bool], at: dict[str, Extent]) -> None:
        asks(at["n"].then(small) % 2, "==", 0)

    found, left = ways(body, ("n",))
    assert (len(found), left) == (2, [])


def test_a_product_that_is_compared_leaves_nothing_unknown() -> None:
    def body(asks: Callable[..., bool], at: dict[str, Extent]) -> None:
        asks(at["h"] * at["w"], "==", 12)

    found, left = ways(body, ("h", "w"))
    assert (len(found), left) == (2, [])
    for h, w in product(range(1, 15), repeat=2):
        assert sum([{"h": h, "w": w} in one for one in found]) == 1
