"""Axes with parameters of their own mix in billions of ways: counted, not looked at one by one."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from math import prod
from typing import Any

import pytest

import deconvcalc as dc

SECONDS = 10
"""Each of these questions takes about a second; a busy machine is given ten."""

TARGETS = [(7, 14, 28), (100, 200, 300), (7, 8, 9)]

ASK = """
import json, sys, deconvcalc as dc
target, dialect = json.loads(sys.argv[1])
answers = dc.solve(tuple(target), op="any", dialect=dialect)
total = answers.total
first = [answers[0], answers[1], answers[total // 2], answers[total - 1]]
sizes = [list(answer.output_size(answer.smallest_source)) for answer in first]
print(json.dumps([total, sizes, answers.without_checkerboard[0]]))
"""


@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_three_axes_without_a_source_are_answered_soon(
    target: tuple[int, ...], dialect: str
) -> None:
    done = subprocess.run(  # a hang ends with its process
        [sys.executable, "-c", ASK, json.dumps([target, dialect])],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    total, sizes, _ = json.loads(done.stdout)
    assert total > 10**8
    assert sizes == [list(target)] * 4


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("op", ["conv", "conv_transpose"])
def test_where_no_rule_joins_the_axes_every_mix_is_an_answer(
    op: str, target: tuple[int, ...]
) -> None:
    alone = [dc.solve((size,), op=op).total for size in target]
    assert dc.solve(target, op=op, shared=False).total == prod(alone)


@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
@pytest.mark.parametrize("op", ["any", "conv_transpose", "conv", "max_pool", "resize_conv"])
def test_any_answer_is_found_by_its_index(op: str, dialect: str) -> None:
    rng = random.Random(f"{op} {dialect}")
    bounds: dict[str, Any] = {"kernel_size": range(1, 4)}
    bounds |= {} if op == "resize_conv" else {"stride": range(1, 3)}
    bounds |= {"dilation": range(1, 3)} if op in ("conv", "conv_transpose") else {}
    bounds |= {"factor": range(1, 3)} if op in ("any", "resize_conv") else {}
    for _ in range(2):
        target = tuple(rng.sample(range(1, 9), 2))
        answers = dc.solve(target, op=op, dialect=dialect, **bounds)
        listed = list(answers)
        assert answers.total == len(listed) == len(set(listed)) > 0
        for index in rng.sample(range(len(listed)), min(3, len(listed))):
            assert dc.solve(target, op=op, dialect=dialect, **bounds)[index] == listed[index]
        fine = [not (answer.holes or answer.checkerboard) for answer in listed]
        found = answers.without_checkerboard
        assert (found is not None) is any(fine)
        assert found is None or found == (fine.index(True), listed[fine.index(True)])


def test_too_many_answers_to_look_at_are_refused() -> None:
    answers = dc.solve((7, 14, 28))
    with pytest.raises(dc.QueryError, match="too many"):
        answers.sources  # noqa: B018
    with pytest.raises(dc.QueryError, match="too many"):
        answers.ranked_by("shift")
