"""Where several inputs give the target: code and verdicts hold for each of them."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest

import deconvcalc as dc
from deconvcalc.checkers.confirming import confirm
from deconvcalc.checkers.problem import Problem
from deconvcalc.checkers.reference import forward
from deconvcalc.translation.code import call_text
from deconvcalc.translation.weights import CHANGES
from tests.test_cli import invoke

OPS = ("conv", "max_pool", "avg_pool", "resize_conv", "conv_transpose")
CHANNELS = {"conv": (2, 3), "resize_conv": (2, 3), "conv_transpose": (2, 3)}


def inputs(answer: Any) -> list[tuple[int, ...]]:
    """Every input, one size an axis."""
    source = answer.source
    if isinstance(source, tuple):
        return list(product(*source))
    return [(n, n) for n in source]


def by_loops(made: Any, problem: Problem, channels: tuple[int, int]) -> Any:
    """What the calls of a conversion give, each read back and computed by the reference."""
    x = problem.x
    arrays = {name: array for one in problem.placed for name, array in one.arrays.items()}
    for step in made.steps:
        own = {}
        for weight in step.weights:
            array = arrays[weight.name]
            for name, argument in weight.changes:
                array = array if name == "last" else CHANGES[name](array, argument)
            own[weight.name] = array
        x = forward(dc.parse(call_text(made.dialect, step, channels)), x, own)
    return x


@pytest.mark.parametrize("dialect", ["torch", "keras"])
@pytest.mark.parametrize("op", OPS)
def test_what_is_built_is_right_for_every_input(op: str, dialect: str) -> None:
    """By loops: the same calls give the answer's values on each of its inputs."""
    seen: Counter[str] = Counter()
    channels = CHANNELS.get(op, (2, 2))
    for target, ceil in product((3, (2, 4)), (False, True)):
        if ceil and "pool" not in op:
            continue
        bounds: dict[str, Any] = {"kernel_size": range(1, 5)}
        bounds |= {"factor": 2} if op == "resize_conv" else {"stride": range(1, 4)}
        found = dc.solve(target, op=op, dialect="any", ceil_mode=ceil, **bounds)
        for answer in list(found)[:40]:
            made = dc.convert(answer.layers, to=dialect, size=answer.only_source)
            several = len(inputs(answer)) > 1
            assert (answer.only_source is None) == several
            if not made:
                with pytest.raises(dc.ConversionError):
                    answer.code(dialect)
                seen["none"] += 1
                continue
            assert answer.code(dialect) == made.code()
            seen["several" if several else "one"] += 1
            for size in inputs(answer)[:8]:
                problem = Problem(answer.layers, size, channels=channels)
                result = by_loops(made, problem, channels)
                assert result.shape == problem.reference.shape
                assert np.allclose(result, problem.reference, atol=1e-9), (answer, size)
    assert seen["one" if op in ("resize_conv", "conv_transpose") else "several"] > 5, seen


def test_a_layer_that_fits_one_input_alone_is_not_its_code() -> None:
    (answer,) = dc.solve(7, op="conv", kernel_size=3, stride=2, padding=1)
    assert (answer.smallest_source, answer.largest_source) == (13, 14)
    assert 'padding="same"' not in answer.code("keras")
    assert "ZeroPadding2D(padding=1)" in answer.code("keras")
    question = ("solve", "7", "--op", "conv", "-k", "3", "-s", "2", "-p", "1", "--code", "keras")
    assert 'padding="same"' not in invoke(*question).stdout
    assert 'padding="same"' in invoke(*question, "--from", "13").stdout


@pytest.mark.parametrize("target", ["7", "ceil(n/2)"])
def test_code_that_needs_an_input_says_how_to_name_it(target: str) -> None:
    more: tuple[str, ...] = ("--op", "conv", "--dialect", "keras", "--limit", "12")
    if target == "7":
        more = ("--op", "max-pool", "--ceil-mode", "-k", "2", "-s", "2", "--limit", "2")
    framework = "keras" if target == "7" else "torch"
    result = invoke("solve", target, *more, "--code", framework)
    assert result.exit_code == 1
    assert result.stdout.count("# the input size must be known") == (2 if target == "7" else 11)
    assert result.stdout.count("--from 28") == 1


def test_the_smallest_and_the_largest_input_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    built: list[Any] = []

    def noted(name: str, problem: Problem, **more: Any) -> Any:
        asked.append(problem.sizes)
        built.append(more["conversions"])
        more["conversions"] = None
        found = confirm("numpy", problem, **more)
        if wrong and problem.sizes == wrong:
            return type(found)(checker=name, ok=False, reason="planted", size=problem.sizes)
        return found

    monkeypatch.setattr("deconvcalc.checkers.confirming.confirm", noted)
    monkeypatch.setattr("deconvcalc.checkers.confirming.start", lambda _names: None)
    (answer,) = dc.solve(7, op="conv", kernel_size=3, stride=2, padding=1)
    for wrong in (None, (13, 13), (14, 14)):
        asked.clear()
        built.clear()
        (verdict,) = dc.verify(answer, checkers="keras")
        assert verdict.ok == (wrong is None)
        assert asked == ([(13, 13)] if wrong == (13, 13) else [(13, 13), (14, 14)])
        assert [[step.name for step in made.steps] for (made,) in built] == [
            ["ZeroPadding2D", "Conv2D"]
        ] * len(asked)
    wrong = None
    asked.clear()
    (verdict,) = dc.verify(answer, 14, checkers="keras")
    assert asked == [(14, 14)]
    assert built[-1] is None
