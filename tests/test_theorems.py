"""The relationships of the guide to convolution arithmetic hold, and altered ones do not."""

from __future__ import annotations

from typing import Any

import pytest

import deconvcalc as dc
from tests.theorems import (
    DILATIONS,
    KERNELS,
    RELATIONSHIPS,
    STRIDES,
    Relationship,
)

each = pytest.mark.parametrize("one", RELATIONSHIPS, ids=lambda one: str(one.number))


def test_there_are_fifteen() -> None:
    assert [one.number for one in RELATIONSHIPS] == list(range(1, 16))
    assert (range(1, 12), range(1, 9)) == (KERNELS, STRIDES)
    kinds = {one.number: one.kind for one in RELATIONSHIPS}
    assert [number for number, kind in kinds.items() if kind == "transposed"] == [*range(8, 15)]
    assert kinds[7] == "pool"


@each
def test_it_is_proved_for_every_input_in_every_case(one: Relationship) -> None:
    paddings = sum(KERNELS)  # 0 to k - 1 for each k
    counts = {
        1: len(KERNELS),
        2: paddings,
        3: len([k for k in KERNELS if k % 2]),
        5: len(KERNELS) * len(STRIDES),
        6: paddings * len(STRIDES),
        14: paddings * sum(STRIDES),  # a from 0 to s - 1
        15: paddings * len(STRIDES) * len(DILATIONS),
    }
    same = {4: 1, 7: 5, 8: 1, 9: 2, 10: 3, 11: 1, 12: 5, 13: 6}
    assert one.proofs() == counts[same.get(one.number, one.number)] == len(list(one.cases()))


@each
def test_it_is_proved_in_symbols(one: Relationship) -> None:
    assert one.symbolic()


@each
def test_altered_by_1_it_is_refuted(one: Relationship) -> None:
    found = one.counterexamples()
    assert len(found) == 2 + len(next(one.cases()))
    for wrong in found:
        assert wrong.claimed != wrong.true
        assert wrong.case in list(one.cases())
        assert _true_size(one, wrong.case, wrong.i) == wrong.true
    assert {wrong.claimed - wrong.true for wrong in found[:2]} == {1, -1}


def _true_size(one: Relationship, case: dict[str, int], i: int) -> int:
    """The size by counting: window by window, or element by element of the transposed one."""
    k, s = case["k"], case.get("s", 1)
    p = case.get("p", 0) if one.padding is None else one.padding(k)
    if not one.transposed:
        reach = (k - 1) * case.get("d", 1)
        return len([at for at in range(0, i + 2 * p, s) if at + reach < i + 2 * p])
    touched = {at * s + tap for at in range(i) for tap in range(k)}
    return len(range(p, max(touched) + 1 - p)) + case.get("a", 0)


def test_a_wrong_relationship_has_no_proof() -> None:
    """The test of the test: neither proof takes a claim that is off by one somewhere."""
    right = RELATIONSHIPS[5]

    def almost(i: Any, k: Any, p: Any, s: Any) -> Any:
        return (i + 2 * p - k + 1) // s + 1

    with pytest.raises(AssertionError, match="'k'"):
        right._replace(claim=almost).proofs()
    assert not RELATIONSHIPS[1]._replace(claim=lambda i, k, p: i - k + 2 * p).symbolic()
    assert not RELATIONSHIPS[12]._replace(claim=lambda i, k, p, s: s * i + k - 2 * p).symbolic()


def test_the_layers_are_those_of_the_package() -> None:
    """Relationship 14 as a user meets it: the rest of 28 is 1, and output_padding gives it back."""
    down = dc.Conv(3, stride=2, padding=1)
    up = dc.ConvTranspose(3, stride=2, padding=1, output_padding=1)
    assert dc.derive(down, 28).axes[0].links[0].dropped == 1
    assert dc.compose([down, up])(28) == 28
