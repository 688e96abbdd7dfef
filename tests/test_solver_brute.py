"""The answers are all answers, in the published order: against the frameworks' rules in loops."""

from __future__ import annotations

import random
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from tests import reference
from tests.questions import Drawn, draw
from tests.reference import OPERATIONS, Facts, Layer, Question, Style, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.solver import Answer, Answers

pytestmark = pytest.mark.slow
QUESTIONS = 300
MOST_ANSWERS = 80
NAMES = Facts._fields
FLAGS = ["holes", "aligned", "symmetric", "checkerboard", "overlap", "in_both", "dilated"]

every_op = pytest.mark.parametrize("op", [*OPERATIONS, "any"])
every_dialect = pytest.mark.parametrize("dialect", ["torch", "keras", "any"])


def questions(op: str, dialect: str) -> Iterator[tuple[Drawn, list[tuple[Layer, Any, Facts]]]]:
    """Drawn questions with all answers by loops, best first; one in five has none."""
    rng = random.Random(f"{op} {dialect}")
    hopeless = (op, dialect) == ("pixel_shuffle", "keras")
    for index in range(QUESTIONS):
        solvable = index % 5 > 0 and not hopeless
        found = None
        while found is None:
            drawn = draw(rng, op, dialect, solvable=solvable)
            found = all_answers(drawn.question, solvable=solvable)
        yield drawn, reference.ranked(drawn.question, found)


def all_answers(question: Question, *, solvable: bool) -> Any:
    """All answers by loops; None where there are none or too many to look at each."""
    try:
        found = reference.solve(question, MOST_ANSWERS)
    except reference.TooManyError:
        return None
    return found if bool(found) == solvable and len(found) <= MOST_ANSWERS else None


@every_dialect
@every_op
def test_answers_equal_brute_force(op: str, dialect: str) -> None:
    for drawn, expected in questions(op, dialect):
        question = drawn.question
        answers = dc.solve(**drawn.arguments)
        found = list(answers)
        assert [canonical(answer) for answer in found] == [layer for layer, _, _ in expected], drawn
        assert len(answers) == answers.total == len(expected)
        for answer, (layer, inputs, known) in zip(found, expected, strict=True):
            check_sizes(question, answer, inputs)
            check_facts(answer, known)
            check_calls(question, answer, layer, inputs)
        check_sequence(random.Random(f"{drawn}"), question, answers, found)


def canonical(answer: Answer) -> Layer:
    """An answer as the reference knows it, read from its parameters."""
    sides = answer.sides
    columns = [
        value if isinstance(value, tuple) else (1 if value is None else value,) * len(sides)
        for value in (answer.factor, answer.kernel_size, answer.stride, answer.dilation)
    ]
    windows = tuple(Window(*row) for row in zip(*columns, *zip(*sides, strict=True), strict=True))
    last: Any = answer.layers[-1]
    padded = isinstance(last, dc.AvgPool) and any(before or after for before, after in sides)
    return Layer(answer.op, windows, last.count_include_pad if padded else None)


def check_sizes(question: Question, answer: Answer, inputs: set[tuple[int, ...]]) -> None:
    """The layers give the target from every input that is named, and all of these are."""
    axes = answer.source if question.rank else (answer.source,)
    members = [(axis,) if isinstance(axis, int) else axis for axis in axes]
    assert set(product(*members)) == inputs
    for sizes in islice(sorted(inputs), 9):
        size = answer.output_size(sizes if question.rank else sizes[0])
        assert (size if question.rank else (size,)) == question.targets


def check_facts(answer: Answer, known: Facts) -> None:
    for name in NAMES:
        expected = getattr(known, name)
        assert getattr(answer, name) == (float(expected) if name == "shift" else expected)


def check_calls(
    question: Question, answer: Answer, layer: Layer, inputs: set[tuple[int, ...]]
) -> None:
    """The arguments for a framework, laid out by its rules, are the layer."""
    for framework in ("torch", "keras"):
        spelled = answer.spelled(framework)
        assert (spelled is not None) == reference.written_by(question, framework, layer, inputs)
        if spelled is not None and layer.op != "pixel_shuffle":
            for sizes in islice(sorted(inputs), 9):
                assert laid_out(framework, layer, spelled, sizes) == layer.windows


def laid_out(
    framework: str, layer: Layer, spelled: dict[str, Any], sizes: tuple[int, ...]
) -> tuple[Window, ...]:
    """The windows of a call with these arguments."""
    given: dict[str, Any] = {
        "stride": 1,
        "padding": 0,
        "output_padding": 0,
        "dilation": 1,
        "ceil_mode": False,
    }
    if framework == "keras":
        given |= {"padding": "valid", "output_padding": "none"}
    names = {"pool_size": "kernel_size", "strides": "stride", "dilation_rate": "dilation"}
    given |= {names.get(name, name): value for name, value in spelled.items()}
    word = given["padding"] if isinstance(given["padding"], str) else "numbers"
    style = Style(framework, word, "none" if given["output_padding"] == "none" else "int")
    windows = []
    for axis, n in enumerate(sizes):
        k, s, d, p, extra = (
            value[axis] if isinstance(value := given[name], tuple) else value
            for name in ("kernel_size", "stride", "dilation", "padding", "output_padding")
        )
        factor = layer.windows[axis].factor
        p, extra = (0 if isinstance(number, str) else number for number in (p, extra))
        ceil_mode = given["ceil_mode"]
        placed = reference.place(
            layer.op, style, n * factor, k, s, d, p, extra, ceil_mode=ceil_mode
        )
        assert placed is not None
        windows.append(Window(factor, k, s, d, *placed[:2]))
    return tuple(windows)


def check_sequence(
    rng: random.Random, question: Question, answers: Answers, found: list[Answer]
) -> None:
    """Every way to look at answers shows the same ones."""
    count = len(found)
    assert answers.best == (found[0] if found else None)
    assert bool(answers) == bool(found)
    for index in (count, -count - 1):
        with pytest.raises(IndexError):
            answers[index]
    for index in rng.sample(range(-count, count), min(3, count)):
        assert answers[index] == found[index]
        assert found[index] in answers
        assert found[index].layers in answers
    start, stop = rng.randint(-count - 2, count + 2), rng.randint(-count - 2, count + 2)
    cut = slice(start, stop, rng.choice((None, 1, 2, -1, -3)))
    assert list(answers[cut]) == found[cut]
    check_others(rng, answers, found)
    if question.sources is None:
        every = {sizes for answer in found for sizes in inputs_of(answer)}
        assert answers.sources == sorted(every)


def inputs_of(answer: Answer) -> set[Any]:
    axes = answer.source if isinstance(answer.source, tuple) else (answer.source,)
    every = product(*[(axis,) if isinstance(axis, int) else axis for axis in axes])
    return set(every) if isinstance(answer.source, tuple) else {sizes[0] for sizes in every}


def check_others(rng: random.Random, answers: Answers, found: list[Answer]) -> None:
    """Records, other orders, the first with some fact, and layers that are no answer."""
    records = answers.to_records()
    assert [record["shift"] for record in records] == [answer.shift for answer in found]
    facts = {name: rng.random() < 0.5 for name in rng.sample(FLAGS, 2)}
    fitting = [answer for answer in found if all(getattr(answer, n) == v for n, v in facts.items())]
    assert answers.first(**facts) == (fitting[0] if fitting else None)
    by_shift = answers.ranked_by("-shift", lambda answer: answer.parameters)
    expected = sorted(found, key=lambda answer: (-answer.shift, answer.parameters))
    assert list(by_shift) == expected
    layers = {answer.layers for answer in found}
    for answer in rng.sample(found, min(3, len(found))):
        other = changed(rng, answer)
        assert (other in answers) == (other in layers)


def changed(rng: random.Random, answer: Answer) -> tuple[dc.Layer, ...]:
    """The layers of an answer with one number changed."""
    *before, last = answer.layers
    if isinstance(last, dc.PixelShuffle):
        return (dc.PixelShuffle(rng.randint(1, 6), axes=answer.axes),)
    assert isinstance(last, (dc.Conv, dc.ConvTranspose, dc.MaxPool, dc.AvgPool))
    fields = {name: getattr(last, name) for name in last._fields}
    name = rng.choice([name for name in ("kernel_size", "stride", "dilation") if name in fields])
    return (*before, type(last)(**fields | {name: rng.randint(1, 6)}))
