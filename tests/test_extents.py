"""Sizes as functions of the inputs: sums put equal terms together, and stay what they are."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Along, Extent, Fixed, extent, variable

POINTS = [(h, w) for h in (*range(1, 9), 31, 64) for w in (1, 2, 3, 6, 17)]
REFUSING = dc.compose([dc.Conv(4)])
NAMES = ("h", "w")

LEAVES = st.sampled_from(["h", "w", "small h", "small w", "pool h"]) | st.integers(-3, 5)


def _more(inner: Any) -> Any:
    return (
        st.tuples(st.sampled_from(["+", "-"]), inner, inner)
        | st.tuples(st.just("*"), inner, st.integers(-3, 3))
        | st.tuples(st.just("//"), inner, st.integers(1, 4))
        | st.tuples(st.sampled_from(["min", "max", "times"]), inner, inner)
        | st.tuples(st.just("back"), inner, inner)
        | st.tuples(st.just("halves"), inner, inner)
    )


TREES = st.recursive(LEAVES, _more, max_leaves=7)


def made(tree: Any) -> Extent:
    """The tree as a size."""
    if isinstance(tree, int):
        return extent(tree)
    if isinstance(tree, str):
        kind, _, name = tree.rpartition(" ")
        size = variable(name)
        kinds: dict[str, Extent] = {"": size, "small": size.then(REFUSING), "pool": (size - 2) // 3}
        return kinds[kind]
    sign, *rest = tree
    if sign in ("*", "//"):
        one = made(rest[0])
        scaled: Extent = one * rest[1] if sign == "*" else one // rest[1]
        return scaled
    one, other = map(made, rest)
    if sign == "back":
        return one + other - one
    if sign == "halves":
        return (one - other) // 2 + other + (one - other - (one - other) // 2)
    by: dict[str, Extent] = {"+": one + other, "-": one - other, "times": one * other}
    by |= {"min": one.minimum(other), "max": one.maximum(other)}
    return by[sign]


def value(tree: Any, h: int, w: int) -> int | None:
    """The number that the tree is; None where a layer in it refuses its size."""
    if isinstance(tree, int):
        return tree
    if isinstance(tree, str):
        kind, _, name = tree.rpartition(" ")
        n = {"h": h, "w": w}[name]
        if kind == "small":
            return n - 3 if n >= 4 else None
        return (n - 2) // 3 if kind == "pool" else n
    sign, *rest = tree
    one = value(rest[0], h, w)
    other = rest[1] if sign in ("*", "//") else value(rest[1], h, w)
    if one is None or other is None:
        return None
    if sign == "back":
        return other
    if sign == "halves":
        return one
    work = {
        "+": one + other, "-": one - other, "*": one * other, "times": one * other,
        "min": min(one, other), "max": max(one, other),
    }  # fmt: skip
    return one // other if sign == "//" else work[sign]


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_a_size_is_what_its_parts_say_and_refuses_what_they_refuse(tree: Any) -> None:
    size = made(tree)
    for h, w in POINTS:
        wanted = value(tree, h, w)
        if wanted is None:
            with pytest.raises(dc.SizeError):
                size.at({"h": h, "w": w})
        else:
            assert size.at({"h": h, "w": w}) == wanted
    assert "\n" not in str(size)


def _texts() -> list[tuple[Extent, str]]:
    h, w = map(variable, NAMES)
    gap, joint = h - h // 2 * 2, h * w // 2
    both = (w - h // 2) // 2
    return [
        (h // 2 + w - h // 2, "w"),
        (gap // 2 + h - gap // 2, "h"),
        ((h - h // 2 * 2) // 2 + h - (h - h // 2 * 2) // 2, "h"),
        (both + w - both, "w"),
        (joint - joint, "0"),
        (joint + 1 - joint, "1"),
        (joint + h - joint, "h"),
        (joint * 2 - joint, "h·w // 2"),
        (h + joint - w, "h + (h·w // 2) - w"),
        (h - w, "h - w"),
        (w - h * w, "w - h·w"),
        (h * 2 - w - h, "h - w"),
        (h.then(REFUSING) + w - h.then(REFUSING), "w"),
    ]


@pytest.mark.parametrize("place", range(13))
def test_equal_terms_cancel(place: int) -> None:
    size, text = _texts()[place]
    assert str(size) == text


def test_what_cancels_still_refuses() -> None:
    h, w = map(variable, NAMES)
    same = h.then(REFUSING) + h - h.then(REFUSING)
    assert isinstance(same, Along)
    assert [n for n in range(1, 9) if same.map.accepts(n)] == [4, 5, 6, 7, 8]
    apart = h.then(REFUSING) + w - h.then(REFUSING)
    with pytest.raises(dc.SizeError):
        apart.at({"h": 3, "w": 9})
    assert apart.at({"h": 4, "w": 9}) == 9
    nothing = h - h
    assert isinstance(nothing, Fixed)
    assert nothing.value == 0


def test_a_condition_on_what_cancels_is_decided() -> None:
    h, w = map(variable, NAMES)
    both = (w - h // 2) // 2
    sizes = Condition(both + w - both, ">=", 3).sizes()
    assert sizes is not None
    assert sizes == dc.Sizes.between(3)


def test_maps_that_are_made_alike_are_one() -> None:
    h = variable("h")
    one, other = [(h - h // 3 * 2) // 2 for _ in range(2)]
    assert one == other
    assert hash(one) == hash(other)
    assert one != (h - h // 3 * 2) // 3
    assert one != (h - h // 5 * 2) // 2


def test_long_sums_are_made_in_linear_time() -> None:
    def seconds(count: int) -> float:
        h, w = map(variable, NAMES)
        start = time.perf_counter()
        total: Extent = h
        for place in range(count):
            total = total + w // (place + 2)
        assert len(total.variables) == 2
        return time.perf_counter() - start

    seconds(100)
    assert seconds(2_000) < 60 * max(seconds(200), 0.001)
