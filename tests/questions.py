"""Random questions to the solver, as it takes them and as `tests.reference` does."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from tests import reference
from tests.reference import Bounds, Question

if TYPE_CHECKING:
    import random

__all__ = ["Drawn", "draw"]

USED = {
    "conv_transpose": ("kernel_size", "stride", "padding", "output_padding", "dilation"),
    "conv": ("kernel_size", "stride", "padding", "dilation"),
    "resize_conv": ("kernel_size", "padding", "dilation", "factor"),
    "max_pool": ("kernel_size", "stride", "padding", "dilation"),
    "avg_pool": ("kernel_size", "stride", "padding"),
    "pixel_shuffle": ("factor",),
    "any": Bounds._fields,
}
WORDS = (("same",), ("valid",), ("same", "valid"))
LARGEST = 60
"""No target is drawn above this."""


class Drawn(NamedTuple):
    """A question, and the arguments that ask it."""

    question: Question
    arguments: dict[str, Any]


def draw(rng: random.Random, op: str, dialect: str, *, solvable: bool) -> Drawn:
    """A question that is likely to be solvable: its targets come from a call; or likely not."""
    axes = rng.choice((1, 1, 2, 2, 3))
    rank = None if axes == 1 and rng.random() < 0.7 else axes
    known = rng.random() < 0.7
    # The more axes, the fewer choices for each: the answers are a product.
    crowd = axes if known else axes + 1
    bounds = (_bounds(rng, op, dialect, crowd),) * axes
    if axes > 1 and rng.random() < 0.3:
        bounds = tuple(_bounds(rng, op, dialect, crowd) for _ in range(axes))
    alike = all(one == bounds[0] for one in bounds)
    shared = rng.choice((None, None, False, True)) if alike else rng.choice((None, False))
    longest = 12 if known else 6
    size = rng.randint(1, longest)
    square = rng.random() < 0.4
    sources = tuple(size if square else rng.randint(1, longest) for _ in range(axes))
    ceil_mode = op in (*reference.POOLS, "any") and rng.random() < 0.3
    question = Question(
        op=op,
        dialect=dialect,
        targets=(),
        sources=sources if known else None,
        bounds=bounds,
        groups=(),
        rank=rank,
        ceil_mode=ceil_mode,
    )
    targets = _reached(rng, question, sources) if solvable else None
    if targets is None:
        targets = (rng.randint(1, 40),) * axes
        targets = targets if square else tuple(rng.randint(1, 40) for _ in range(axes))
    question = question._replace(
        targets=targets, groups=_groups(shared, targets, question.sources, bounds)
    )
    return Drawn(question, _arguments(rng, question, shared))


def _some(rng: random.Random, low: int, high: int, crowd: int) -> tuple[int, ...]:
    """One value, neighbours, every second or third, or any values."""
    most = (high - low + 1) // crowd
    if rng.random() < 0.3:
        return tuple(sorted({rng.randint(low, high) for _ in range(max(1, most // 2))}))
    first = rng.randint(low, high)
    step = rng.choice((1, 1, 2, 3))
    return tuple(range(first, min(high, first + step * rng.randint(0, most)) + 1, step))


def _bounds(rng: random.Random, op: str, dialect: str, crowd: int) -> Bounds:
    defaults = crowd == 1 and rng.random() < 0.05
    given: dict[str, Any] = {}
    if not defaults:
        given = {"kernel_size": _some(rng, 1, 9, crowd), "stride": _some(rng, 1, 6, crowd)}
    if rng.random() < 0.4:
        words = rng.random() < (0.2 if dialect == "torch" else 0.6)
        given["padding"] = frozenset(rng.choice(WORDS)) if words else _some(rng, 0, 6, 1)
    if rng.random() < 0.3:
        numbers = _some(rng, 0, 4, 1)
        given["output_padding"] = rng.choice((numbers, (*numbers, "none"), ("none",)))
    if rng.random() < 0.5:
        given["dilation"] = _some(rng, 1, 4, crowd)
    if rng.random() < 0.7:
        given["factor"] = _some(rng, 1, 6, crowd)
    return Bounds(**{name: value for name, value in given.items() if name in USED[op]})


def _reached(
    rng: random.Random, question: Question, sources: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The sizes to which one style of call, with any numbers on each axis, takes the sources."""
    op = rng.choice(question.operations())
    framework = rng.choice(question.frameworks())
    every = reference.styles(op, framework)
    if not every:
        return None
    style = rng.choice(every)
    ceil_mode = question.ceil_mode and op in reference.POOLS
    targets = []
    kept: dict[Bounds, list[reference.Call]] = {}
    chosen: dict[Any, reference.Call] = {}
    for n, bounds in zip(sources, question.bounds, strict=True):
        calls = kept.setdefault(bounds, list(reference.axis_calls(op, style, bounds)))
        if not calls:
            return None
        factor, *call = chosen.setdefault((n, bounds), rng.choice(calls))
        if op == "pixel_shuffle":
            targets.append(n * rng.choice(bounds.factors()))
            continue
        placed = reference.place(op, style, n * factor, *call, ceil_mode=ceil_mode)
        if placed is None or placed[2] > LARGEST:
            return None
        targets.append(placed[2])
    return tuple(targets)


def _groups(
    shared: bool | None,
    targets: tuple[int, ...],
    sources: tuple[int, ...] | None,
    bounds: tuple[Bounds, ...],
) -> tuple[tuple[int, ...], ...]:
    """The axes that share their parameters: those with equal sizes and bounds, all, or none."""
    groups: dict[Any, list[int]] = {}
    for axis, target in enumerate(targets):
        equal = target, sources and sources[axis], bounds[axis]
        groups.setdefault({None: equal, True: 0, False: axis}[shared], []).append(axis)
    return tuple(map(tuple, groups.values()))


def _arguments(rng: random.Random, question: Question, shared: bool | None) -> dict[str, Any]:
    """The arguments of `solve`, in one of the ways in which they may be written."""
    target: Any = question.targets
    source: Any = question.sources
    if question.rank is None:
        target, source = target[0], source and source[0]
    elif source and len(set(target)) == 1 and rng.random() < 0.3:
        target = target[0]
    op = question.op.replace("_", "-") if rng.random() < 0.2 else question.op
    given: dict[str, Any] = {"target": target, "source": source, "op": op}
    given |= {"dialect": question.dialect, "shared": shared}
    if question.ceil_mode:
        given["ceil_mode"] = True
    for name in Bounds._fields:
        values = [getattr(bounds, name) for bounds in question.bounds]
        if all(value is None for value in values):
            continue
        each = [None if value is None else _written(rng, value) for value in values]
        given[name] = each[0] if values.count(values[0]) == len(values) else tuple(each)
    return given


def _written(rng: random.Random, values: tuple[Any, ...] | frozenset[str]) -> Any:
    """A set of choices as an int, a word, a range, or a list or set."""
    items = sorted(values, key=str) if isinstance(values, frozenset) else list(values)
    if len(items) == 1 and rng.random() < 0.7:
        return items[0]
    numbers = [item for item in items if isinstance(item, int)]
    steps = {b - a for a, b in itertools.pairwise(numbers)}
    if len(numbers) == len(items) and len(steps) == 1 and rng.random() < 0.7:
        return range(numbers[0], numbers[-1] + 1, *steps)
    return set(items) if rng.random() < 0.3 else items
