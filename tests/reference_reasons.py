"""Near misses in plain loops: the nearest sizes that have an answer, and the smallest relaxation.

The frameworks' rules are those of `tests.reference`. A call that lies outside the bounds is kept
with how far each of its numbers lies outside; what a relaxation reaches is read from these.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.reference import POOLS, Bounds, Question, Style, Window, place, styles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ORDER", "is_solvable", "nearest", "relaxation"]

ORDER = ("output_padding", "padding", "kernel_size", "factor", "stride", "dilation")
"""The bounds; of two equally small relaxations the one that stands first here is named."""

LEAST = {"kernel_size": 1, "stride": 1, "dilation": 1, "factor": 1}
NEVER = 10**9
MOST = 3
"""So many bounds are widened at once, and no more."""


class Near(NamedTuple):
    """A window of some call, the size it gives, and how far the call lies outside each bound."""

    window: Window
    size: int
    far: tuple[int, ...]


def around(choice: Iterable[int], radius: int, least: int) -> dict[int, int]:
    """The numbers within a radius of a choice, each with its distance."""
    members = set(choice)
    most = max(members, default=0) + radius
    distances = (
        {x: min(abs(x - q) for q in members) for x in range(least, most + 1)} if members else {}
    )
    return {x: distance for x, distance in distances.items() if distance <= radius}


def paddings(
    op: str, style: Style, dialect: str, bounds: Bounds, k: int, d: int, radius: int
) -> Iterator[tuple[int, int]]:
    """Numbers of padding with their distance; a word that was not asked for lies at distance 1."""
    given = bounds.padding
    words = given if isinstance(given, frozenset) else None
    top = k // 2 if op in POOLS else d * (k - 1)
    if style.padding != "numbers":
        if words is not None:
            dropped = 1 if style.framework == "keras" else NEVER
            yield 0, 0 if style.padding in words else dropped
        elif style.framework == "keras":
            # Keras takes no numbers: where it stands alone, the bound can only be dropped.
            yield 0, 0 if given is None else 1 if dialect == "keras" else NEVER
        return
    if isinstance(given, tuple):
        yield from around(given, radius, 0).items()
        return
    for p in range(top + radius + 1):
        distance = max(0, p - top) + (words is not None)
        if words and p == 0 and "valid" in words and op in ("conv", "resize_conv"):
            distance = 0
        yield p, distance


def extras(
    op: str, style: Style, bounds: Bounds, s: int, d: int, radius: int
) -> Iterator[tuple[int, int]]:
    """Numbers of output_padding with their distance. The word "none" has no neighbours."""
    given = bounds.output_padding
    if op != "conv_transpose":
        yield 0, 0
    elif style.extra == "none":
        if given is None or "none" in given:
            yield 0, 0
    else:
        numbers = [x for x in given or () if isinstance(x, int)]
        distances = around(numbers, radius, 0)
        for extra in range(max(s, d)):
            if given is None:
                yield extra, 0
            elif not numbers:
                yield extra, 1
            elif extra in distances:
                yield extra, distances[extra]


@cache
def calls(
    op: str, style: Style, dialect: str, bounds: Bounds, radius: int
) -> tuple[tuple[tuple[int, int, int, int, int, int], tuple[int, ...]], ...]:
    """Every call on one axis that lies outside of at most `MOST` bounds, with its distances."""
    strides = (1,) if op == "resize_conv" and bounds.stride is None else bounds.strides()
    resizes = op in ("resize_conv", "pixel_shuffle")
    found = []
    for f, far_f in (around(bounds.factors(), radius, 1) if resizes else {1: 0}).items():
        if op == "pixel_shuffle":
            found.append(((f, 1, 1, 1, 0, 0), (0, 0, 0, far_f, 0, 0)))
            continue
        steps = product(
            around(bounds.kernels(op), radius, 1).items(),
            around(strides, radius, 1).items(),
            around(bounds.dilation or (1,), radius, 1).items(),
        )
        for (k, far_k), (s, far_s), (d, far_d) in steps:
            if (op == "resize_conv" and s > 1) or (op == "avg_pool" and d > 1):
                continue
            left = MOST - (far_f > 0) - (far_k > 0) - (far_s > 0) - (far_d > 0)
            for p, far_p in paddings(op, style, dialect, bounds, k, d, radius if left else 0):
                rest = left - (far_p > 0)
                if rest < 0 or far_p > radius:
                    continue
                for e, far_e in extras(op, style, bounds, s, d, radius if rest else 0):
                    if far_e <= (radius if rest else 0):
                        far = (far_e, far_p, far_k, far_f, far_s, far_d)
                        found.append(((f, k, s, d, p, e), far))
    return tuple(found)


@cache
def reached(
    op: str,
    style: Style,
    dialect: str,
    bounds: Bounds,
    radius: int,
    n: int,
    rank: int | None,
    ceil_mode: bool,
) -> tuple[Near, ...]:
    """What every call makes of an input size."""
    found = []
    for (f, k, s, d, p, e), far in calls(op, style, dialect, bounds, radius):
        if op == "pixel_shuffle":
            if rank in (None, 2):
                found.append(Near(Window(f, 1, 1, 1, 0, 0), n * f, far))
            continue
        placed = place(op, style, n * f, k, s, d, p, e, ceil_mode=ceil_mode and op in POOLS)
        if placed is None:
            continue
        before, after, size = placed
        if op == "avg_pool" and style.framework == "torch" and rank == 3 and p and n < k:
            continue  # nn.AvgPool3d alone does not count the padding here
        found.append(Near(Window(f, k, s, d, before, after), size, far))
    return tuple(found)


def ways(question: Question) -> Iterator[tuple[str, Style]]:
    """Every operation with every way to write its padding."""
    for op in question.operations():
        for framework in question.frameworks():
            if op == "pixel_shuffle" and framework == "torch":
                yield op, Style("torch", "numbers")
            elif op != "pixel_shuffle":
                for style in styles(op, framework):
                    yield op, style


def on_axis(
    question: Question, op: str, style: Style, axis: int, radius: int, inputs: int
) -> dict[Window, list[Near]]:
    """The windows on one axis, from its source, or from all inputs up to `inputs`."""
    sources = question.sources
    found: dict[Window, list[Near]] = {}
    for n in range(1, inputs + 1) if sources is None else (sources[axis],):
        fixed = (question.rank, question.ceil_mode)
        bounds = question.bounds[axis]
        for near in reached(op, style, question.dialect, bounds, radius, n, *fixed):
            found.setdefault(near.window, []).append(near)
    return found


def kind(op: str, style: Style, window: Window) -> Any:
    """What axes with different windows of one layer have to agree on."""
    if op == "pixel_shuffle":
        return window.factor
    if style.framework == "keras" and op not in POOLS:
        return window.stride > 1, window.dilation > 1
    return None


def agree(op: str, kinds: tuple[Any, ...]) -> bool:
    """Whether one layer can have windows of these kinds: see `kind`."""
    if op == "pixel_shuffle":
        return len(set(kinds)) == 1
    if kinds[0] is None:
        return True
    return not (any(strided for strided, _ in kinds) and any(dilated for _, dilated in kinds))


def is_solvable(question: Question, inputs: int) -> bool:
    """Whether there is an answer within the bounds."""
    return relaxation(question, 0, inputs) is not None


def relaxation(question: Question, radius: int, inputs: int) -> tuple[tuple[str, ...], int] | None:
    """The fewest bounds to widen, up to `MOST`, and the least distance, up to `radius`.

    With radius 0: no bounds and 0 where there is an answer.
    """
    near = [
        (op, style, groups)
        for op, style in ways(question)
        if (groups := near_misses(question, op, style, radius, inputs)) is not None
    ]
    for count in range(MOST + 1):
        best: tuple[int, tuple[str, ...]] | None = None
        for chosen in combinations(range(len(ORDER)), count):
            for op, style, groups in near:
                distance = widening(op, style, groups, chosen)
                if distance <= radius and (best is None or distance < best[0]):
                    best = distance, tuple(ORDER[i] for i in chosen)
        if best is not None:
            return best[1], best[0]
    return None


Misses = list[dict[Window, list[set[tuple[int, ...]]]]]
"""For each group of axes: by window the distances of the calls that have it, axis by axis."""


def near_misses(
    question: Question, op: str, style: Style, radius: int, inputs: int
) -> Misses | None:
    groups: Misses = []
    for group in question.groups:
        axes: list[dict[Window, set[tuple[int, ...]]]] = []
        for axis in group:
            hits: dict[Window, set[tuple[int, ...]]] = {}
            for window, near in on_axis(question, op, style, axis, radius, inputs).items():
                far = {one.far for one in near if one.size == question.targets[axis]}
                if far:
                    hits[window] = far
            axes.append(hits)
        common = set.intersection(*map(set, axes))
        if not common:
            return None
        groups.append({window: [hits[window] for hits in axes] for window in common})
    return groups


def widening(op: str, style: Style, groups: Misses, chosen: tuple[int, ...]) -> int:
    """The least distance by which the chosen bounds must be widened, the others not at all."""
    rest = [i for i in range(len(ORDER)) if i not in chosen]
    each: list[dict[Any, int]] = []
    for windows in groups:
        least: dict[Any, int] = {}
        for window, axes in windows.items():
            distance = 0
            for calls_of_axis in axes:
                fitting = [far for far in calls_of_axis if not any(far[i] for i in rest)]
                distance = max(distance, min(map(max, fitting), default=NEVER))
            key = kind(op, style, window)
            least[key] = min(distance, least.get(key, NEVER))
        each.append(least)
    return min(
        (
            max(least[key] for least, key in zip(each, keys, strict=True))
            for keys in product(*each)
            if agree(op, keys)
        ),
        default=NEVER,
    )


def nearest(question: Question, side: int, inputs: int) -> tuple[int, ...] | None:
    """The nearest sizes with an answer that all lie below (side -1) or above (side 1) the target.

    The least sum of distances; of equal sums, the one that changes the first axes least.
    """
    best: tuple[int, tuple[int, ...]] | None = None
    for op, style in ways(question):
        for found in nearest_by(question, op, style, side, inputs):
            if best is None or (sum(found), found) < best:
                best = sum(found), found
    if best is None:
        return None
    return tuple(m + side * far for m, far in zip(question.targets, best[1], strict=True))


def nearest_by(
    question: Question, op: str, style: Style, side: int, inputs: int
) -> Iterator[tuple[int, ...]]:
    """The distances, one an axis, of the nearest sizes for each mix of kinds."""
    each: list[dict[Any, tuple[int, tuple[int, ...]]]] = []
    for group in question.groups:
        axes = []
        for axis in group:
            distances: dict[Window, int] = {}
            for window, near in on_axis(question, op, style, axis, 0, inputs).items():
                away = [side * (one.size - question.targets[axis]) for one in near]
                away = [distance for distance in away if distance >= 0]
                if away:
                    distances[window] = min(away)
            axes.append(distances)
        least: dict[Any, tuple[int, tuple[int, ...]]] = {}
        for window in set.intersection(*map(set, axes)):
            far = tuple(distances[window] for distances in axes)
            key = kind(op, style, window)
            least[key] = min((sum(far), far), least.get(key, (NEVER, ())))
        each.append(least)
    for keys in product(*each):
        if agree(op, keys):
            distances_by_axis = [0] * len(question.targets)
            for group, least, key in zip(question.groups, each, keys, strict=True):
                for axis, distance in zip(group, least[key][1], strict=True):
                    distances_by_axis[axis] = distance
            yield tuple(distances_by_axis)
