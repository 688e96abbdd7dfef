"""Where there is no answer: the reason, the nearest sizes and the smallest relaxation are right."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from tests import reference_reasons as loops
from tests.questions import WORDS
from tests.reference import OPERATIONS, POOLS, Bounds, Question

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
DIALECTS = ("torch", "keras", "any")
QUESTIONS = 500
RADIUS = 3
"""How far the loops widen bounds."""

USED = {
    "conv_transpose": ("kernel_size", "stride", "padding", "output_padding", "dilation"),
    "conv": ("kernel_size", "stride", "padding", "dilation"),
    "resize_conv": ("kernel_size", "padding", "dilation", "factor"),
    "max_pool": ("kernel_size", "stride", "padding", "dilation"),
    "avg_pool": ("kernel_size", "stride", "padding"),
    "pixel_shuffle": ("factor",),
    "any": Bounds._fields,
}


def questions(op: str, dialect: str, count: int) -> Iterator[Question]:
    """Questions without an answer."""
    rng = random.Random(f"{op} {dialect}")
    while count:
        question = draw(rng, op, dialect)
        if not loops.is_solvable(question, inputs_of(question)):
            count -= 1
            yield question


def inputs_of(question: Question) -> int:
    """Up to which input the loops look where it is unknown: enough for every size they name."""
    return 4 * max(question.targets) + 40


def draw(rng: random.Random, op: str, dialect: str) -> Question:
    """A question with narrow bounds."""
    axes = rng.choice((1, 1, 1, 2, 2, 3))
    rank = None if axes == 1 and rng.random() < 0.7 else axes
    known = rng.random() < 0.75
    bounds = (draw_bounds(rng, op, dialect),) * axes
    if axes > 1 and rng.random() < 0.3:
        bounds = tuple(draw_bounds(rng, op, dialect) for _ in range(axes))
    square = rng.random() < 0.4
    targets = tuple(rng.randint(1, 30 if known else 8) for _ in range(axes))
    sources = tuple(rng.randint(1, 12) for _ in range(axes))
    if square:
        targets, sources = targets[:1] * axes, sources[:1] * axes
    alike = all(one == bounds[0] for one in bounds)
    shared = rng.choice((None, None, False, True)) if alike else rng.choice((None, False))
    groups: dict[Any, list[int]] = {}
    for axis in range(axes):
        equal = targets[axis], known and sources[axis], bounds[axis]
        groups.setdefault({None: equal, True: 0, False: axis}[shared], []).append(axis)
    return Question(
        op=op,
        dialect=dialect,
        targets=targets,
        sources=sources if known else None,
        bounds=bounds,
        groups=tuple(map(tuple, groups.values())),
        rank=rank,
        ceil_mode=op in (*POOLS, "any") and rng.random() < 0.2,
    )


def some(rng: random.Random, low: int, high: int) -> tuple[int, ...]:
    """One to three numbers."""
    return tuple(sorted({rng.randint(low, high) for _ in range(rng.randint(1, 3))}))


def draw_bounds(rng: random.Random, op: str, dialect: str) -> Bounds:
    given: dict[str, Any] = {"kernel_size": some(rng, 1, 6), "stride": some(rng, 1, 4)}
    given["factor"] = some(rng, 1, 4)
    if rng.random() < 0.6:
        words = rng.random() < (0.3 if dialect == "torch" else 0.7)
        given["padding"] = frozenset(rng.choice(WORDS)) if words else some(rng, 0, 4)
    if rng.random() < 0.5:
        numbers = some(rng, 0, 3)
        given["output_padding"] = rng.choice((numbers, numbers, (*numbers, "none"), ("none",)))
    if rng.random() < 0.4:
        given["dilation"] = some(rng, 1, 3)
    return Bounds(**{name: value for name, value in given.items() if name in USED[op]})


def arguments(question: Question) -> dict[str, Any]:
    """The arguments of `solve` that ask a question."""
    one = question.rank is None
    given: dict[str, Any] = {
        "target": question.targets[0] if one else question.targets,
        "source": question.sources and (question.sources[0] if one else question.sources),
        "op": question.op,
        "dialect": question.dialect,
        "ceil_mode": question.ceil_mode,
    }
    if len(question.targets) > 1:
        given["shared"] = shared(question)
    for name in Bounds._fields:
        values = [getattr(bounds, name) for bounds in question.bounds]
        listed = [None if value is None else list(value) for value in values]
        if any(value is not None for value in values):
            given[name] = listed[0] if values.count(values[0]) == len(values) else tuple(listed)
    return given


def shared(question: Question) -> bool | None:
    if len(question.groups) == 1:
        return True if len({*question.bounds}) == 1 else None
    return False if len(question.groups) == len(question.targets) else None


def scores() -> list[tuple[str, str, int]]:
    """How many questions are asked of each operation and dialect."""
    pairs = [(op, dialect) for op in (*OPERATIONS, "any") for dialect in DIALECTS]
    return [(op, dialect, -(-QUESTIONS // len(pairs))) for op, dialect in pairs]


@pytest.mark.parametrize(("op", "dialect", "count"), scores())
def test_reasons_equal_the_loops(op: str, dialect: str, count: int) -> None:
    for question in questions(op, dialect, count):
        answers = dc.solve(**arguments(question))
        assert not answers, question
        reason, inputs = answers.reason, inputs_of(question)
        sides = [loops.nearest(question, side, inputs) for side in (-1, 1)]
        one = question.rank is None
        expected = tuple([size[0] if size and one else size for size in sides])
        assert reason.nearest == expected, question
        check_relaxation(question, reason)


def check_relaxation(question: Question, reason: Any) -> None:
    """Fewest bounds first, then the least distance; the loops look up to `RADIUS` and `MOST`."""
    found = loops.relaxation(question, RADIUS, inputs_of(question))
    if reason.kind == "rule":
        assert found is None, question
        return
    if reason.distance <= RADIUS and len(reason.names) <= loops.MOST:
        assert (reason.names, reason.distance) == found, question
    else:
        assert found is None or len(found[0]) > len(reason.names), question
    if reason.answer is not None and question.sources is not None:
        target = question.targets[0] if question.rank is None else question.targets
        source = question.sources[0] if question.rank is None else question.sources
        assert reason.answer.output_size(source) == target, question


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_the_named_bounds_there_is_an_answer(op: str, dialect: str) -> None:
    for question in questions(op, dialect, 8):
        given = arguments(question)
        reason = dc.solve(**given).reason
        if reason.kind == "bounds" and reason.distance < 16:
            assert dc.solve(**given | {name: dropped(name, question) for name in reason.names})


def dropped(name: str, question: Question) -> Any:
    """A bound that holds nothing back."""
    if name == "output_padding" or (name == "padding" and question.dialect == "keras"):
        return None
    return range(0 if name == "padding" else 1, 24)
