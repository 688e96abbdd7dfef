"""Targets in n: the answers are those that brute force finds right for every n."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from deconvcalc.expressions import parse_condition, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Layer = tuple[tuple[int, ...], Callable[[int], int | None]]

LAST = 64 + 48
"""n is looked at up to here: 64, and a full period of every target, condition and stride."""

TARGETS = (
    *("2n", "3n-1", "ceil(n/2)", "n//2", "n+1", "n", "2n+1", "min(n,9)", "max(2n,5)", "n%4+n"),
    *("ceil(n/3)+1", "(n+1)//2*2", "2*(n//2)", "4n", "max(n-2,1)", "n-2", "ceil((n+2)/4)"),
    *("3(n//3)", "7", "2n-2", "floor((n-1)/2)+1"),
)
CONDITIONS = (
    *(None, None, "n % 2 == 0", "n odd", "n >= 5", "3 <= n < 40", "n ≡ 1 (mod 3)"),
    "n % 4 == 0 or n == 3",
)


def layers(op: str, kernels: range, strides: range, dilations: range) -> Iterator[Layer]:
    """PyTorch's layers by their numbers, and the size of each; None where it refuses."""
    for k in kernels:
        for s in strides:
            for d in dilations:
                ke = d * (k - 1) + 1
                if op == "conv_transpose":
                    for p in range(ke):
                        for extra in range(max(s, d)):
                            yield (k, s, d, p, extra), _spread(s, ke - 2 * p + extra)
                else:
                    for p in range(ke if op == "conv" else k // 2 + 1):
                        yield (k, s, d, p), _window(s, 2 * p - ke)


def _spread(s: int, rest: int) -> Callable[[int], int | None]:
    return lambda n: (n - 1) * s + rest if (n - 1) * s + rest >= 1 else None


def _window(s: int, rest: int) -> Callable[[int], int | None]:
    return lambda n: (n + rest) // s + 1 if n + rest >= 0 else None


def by_brute_force(
    question: tuple[str, str | None, str], bounds: tuple[range, range, range]
) -> tuple[set[tuple[int, ...]], set[tuple[int, ...]]]:
    """The layers that are right for every n that is meant, and those that refuse some of these."""
    target, where, op = question
    expression = parse_target(target)
    condition = parse_condition(where) if where else None
    meant = [
        n
        for n in range(1, LAST)
        if expression.evaluate(n) >= 1 and (condition is None or condition.evaluate(n))
    ]
    whole: set[tuple[int, ...]] = set()
    partly: set[tuple[int, ...]] = set()
    for numbers, size in layers(op, *bounds):
        sizes = [(n, size(n)) for n in meant]
        taken = [n for n, m in sizes if m is not None]
        if taken and all(m is None or m == expression.evaluate(n) for n, m in sizes):
            (whole if len(taken) == len(meant) else partly).add(numbers)
    return whole, partly


def numbers_of(answer: Any) -> tuple[int, ...]:
    made = (answer.kernel_size, answer.stride, answer.dilation, answer.padding)
    return (*made, answer.output_padding) if answer.op == "conv_transpose" else made


@pytest.mark.parametrize("op", ["conv_transpose", "conv", "max_pool"])
@pytest.mark.parametrize("target", TARGETS)
def test_answers_are_those_of_brute_force(target: str, op: str) -> None:
    rng = random.Random(f"{target} {op}")
    for _ in range(3):
        where = rng.choice(CONDITIONS)
        kernels, strides = range(1, rng.randint(3, 8)), range(1, rng.randint(2, 5))
        dilations = range(1, rng.randint(2, 4))
        found = dc.solve(
            target, where=where, op=op, kernel_size=kernels, stride=strides, dilation=dilations
        )
        whole, partly = by_brute_force((target, where, op), (kernels, strides, dilations))
        assert len(found) == len(whole)
        assert {numbers_of(answer) for answer in found} == whole, where
        assert {numbers_of(answer) for answer, _ in found.partly} == partly, where  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("target", "question", "count", "first"),
    [
        ("2n", {}, 16, "ConvTranspose(4, stride=2, padding=1)"),
        ("ceil(n/2)", {"op": "conv"}, 8, "Conv(3, stride=2, padding=1)"),
        ("n + 1", {"op": "conv"}, 8, "Conv(4, padding=2)"),
        ("3n-1", {"kernel_size": 5}, 1, None),
        ("2n", {"op": "resize_conv"}, 6, "Upsample(factor=2)"),
        ("2n", {"op": "pixel_shuffle"}, 1, "PixelShuffle(2)"),
        ("n//2", {"op": "max_pool", "where": "n even"}, None, "MaxPool(2)"),
        ("ceil(n/2)", {"op": "max_pool", "ceil_mode": True}, 5, None),
    ],
)
def test_what_people_ask(
    target: str, question: dict[str, Any], count: int | None, first: str | None
) -> None:
    found = dc.solve(target, **question)
    assert count in (None, len(found))
    assert first in (None, repr(found[0].layers[0]))
    for answer in found:
        for n in range(2, 30, 2):
            assert answer.output_size(n) == parse_target(target).evaluate(n)


def test_padding_by_the_size_is_an_answer_in_keras() -> None:
    found = dc.solve("ceil(n/2)", op="conv", dialect="keras")
    rules = [answer for answer in found if answer.padding == "same"]
    assert {answer.kernel_size for answer in rules} == set(range(2, 17))
    assert all("padding=Same('upper')" in repr(answer.layers[0]) for answer in rules)
    for answer in rules:
        assert [answer.output_size(n) for n in range(1, 12)] == [-(-n // 2) for n in range(1, 12)]


def test_facts_are_those_of_every_n() -> None:
    (shifted,) = dc.solve("2n + 2", kernel_size=4, stride=2, padding=0)
    assert (shifted.shift, shifted.aligned) == (0.5, True)
    assert dc.solve("2n")[0].shift == 0
    assert dc.solve("2n", kernel_size=3, stride=2)[0].checkerboard
    record = dc.solve("2n")[0].to_record()
    assert (record["source"], record["target"]) == ("n", "2*n")


def test_layers_that_refuse_some_n_are_listed_apart() -> None:
    found: Any = dc.solve("n", op="conv", kernel_size=[3, 5], padding=[0, 1, 2], stride=1)
    assert [answer.kernel_size for answer in found] == [3, 5]
    cut: Any = dc.solve("max(n - 2, 1)", op="conv", kernel_size=3, padding=0)
    assert (len(cut), [(str(a.layers[0]), d) for a, d in cut.partly]) == (
        0,
        [("Conv(3)", "n ≥ 3")],
    )


def test_there_may_be_none() -> None:
    found = dc.solve("min(n, 7)", op="conv")
    assert not found
    assert "min(n, 7) for every n" in found.reason.text


def test_code_holds_for_every_n() -> None:
    code = dc.solve("2n")[0].code("keras")
    assert 'padding="same"' in code
    assert "strides=2" in code


@pytest.mark.parametrize(
    ("target", "question", "message"),
    [
        ("2m", {}, "m is not known here"),
        ("2n+", {}, "missing"),
        ("2n", {"source": 4}, "n for its source"),
        ("2n", {"where": "n % 2"}, "not yet a condition"),
        ("2n", {"kernel_size": (3, 5)}, "one axis"),
        ("2n", {"where": "n < 0"}, "no n has a target"),
        ("-n", {}, "no n has a target"),
        (7, {"source": 4, "where": "n odd"}, "no n"),
    ],
)
def test_questions_that_make_no_sense(target: Any, question: dict[str, Any], message: str) -> None:
    with pytest.raises(dc.DeconvcalcError, match=message):
        dc.solve(target, **question)
