"""Why there is no answer: the bound or the rule that forbids it, what is near, what to relax."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.dialects.spec import alike
from deconvcalc.errors import QueryError
from deconvcalc.formulas import effective_kernel
from deconvcalc.solver.choices import Choices
from deconvcalc.solver.inputs import find_inputs
from deconvcalc.solver.query import BOUNDS, LEAST, USED, Bounds, Query, Space
from deconvcalc.solver.runs import exists
from deconvcalc.values import field_name

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Reason", "explain"]

FARTHEST = 2**42
"""Bounds are widened up to this far."""

FARTHEST_INPUTS = 64
"""The same where the source is unknown, and every layer has to be looked at."""

MOST_STEPS = 10_000
"""How many neighbouring sizes are tried for one stride."""


class Reason:
    """Why a question has no answer.

    Attributes:
        kind: "bounds" where wider bounds would give an answer, "rule" where the framework forbids
            it whatever the bounds.
        names: the bounds to widen, or the rule.
        text: the reason as a sentence.
        nearest: the nearest sizes below and above that can be reached within the bounds, each a
            size like the target, or None.
        relaxation: for each bound to widen, by how much (`distance` is the same for all), and the
            value that the first answer then has.
        distance: the least widening that gives an answer.
        answer: the first answer within the widened bounds, or None.
    """

    def __init__(
        self,
        kind: str,
        names: tuple[str, ...],
        text: str,
        *,
        nearest: tuple[Any, Any],
        distance: int | None = None,
        answer: Any = None,
    ) -> None:
        self.kind = kind
        self.names = names
        self.text = text
        self.nearest = nearest
        self.distance = distance
        self.answer = answer

    @property
    def relaxation(self) -> dict[str, Any]:
        """The bounds to widen, with the values of the first answer that this gives."""
        if self.answer is None or self.kind != "bounds":
            return {}
        return {name: getattr(self.answer, name) for name in self.names}

    def to_record(self) -> dict[str, Any]:
        """The reason as plain data."""
        record = None if self.answer is None else self.answer.to_record()
        return {
            "kind": self.kind,
            "names": list(self.names),
            "text": self.text,
            "nearest": {"below": self.nearest[0], "above": self.nearest[1]},
            "relaxation": self.relaxation,
            "answer": record,
        }

    def __repr__(self) -> str:
        return f"<Reason: {self.text}>"


def explain(query: Query) -> Reason:
    """The reason why a question has no answer."""
    nearest = _nearest(query)
    names = [name for name in BOUNDS if any(name in USED[op] for op in query.ops)]
    for count in range(1, len(names) + 1):
        best: tuple[int, tuple[str, ...]] | None = None
        for chosen in combinations(_easiest_first(names), count):
            distance = _distance(query, chosen, best[0] - 1 if best else None)
            if distance is not None:
                best = distance, chosen
        if best is not None:
            return _bounds_reason(query, best[1], best[0], nearest)
    return _rule_reason(query, nearest)


def _easiest_first(names: list[str]) -> list[str]:
    """Among equally small relaxations, what changes the layer least comes first."""
    order = ("output_padding", "padding", "kernel_size", "factor", "stride", "dilation")
    return sorted(names, key=order.index)


# The nearest sizes.


def _nearest(query: Query) -> tuple[Any, Any]:
    """The nearest sizes below and above the target that have an answer within the bounds."""
    if (
        query.shared
        and query.sources
        and len({*zip(query.sources, query.targets, strict=True)}) > 1
    ):
        return _nearest_shared(query)
    below: list[int | None] = list(query.targets)
    above: list[int | None] = list(query.targets)
    for group in query.groups:
        sides = [_nearest_one(query.spaces[op][group[0]], query, group) for op in query.ops]
        lower = max([low for low, _ in sides if low is not None], default=None)
        upper = min([high for _, high in sides if high is not None], default=None)
        target = query.targets[group[0]]
        if not any(low == target for low, _ in sides):
            for axis in group:
                below[axis], above[axis] = lower, upper
    return _as_size(query, below), _as_size(query, above)


def _as_size(query: Query, sizes: list[int | None]) -> Any:
    if None in sizes:
        return None
    size: Any = tuple(sizes) if query.axes else sizes[0]
    same = (query.targets if query.axes else query.targets[0]) == size
    return None if same else size


def _nearest_one(
    space: Space, query: Query, group: tuple[int, ...]
) -> tuple[int | None, int | None]:
    """The nearest sizes of one group of equal axes; the target twice if it has an answer itself."""
    target = query.targets[group[0]]
    if query.sources is None:
        return _nearest_inputs(space, target)
    n = query.sources[group[0]]
    best: list[int | None] = [None, None]
    if exists(space, ((n, target),)):
        return target, target
    for part in _by_step(space, n, target):
        low, high = _reach(part, n)
        for side, step in ((0, -1), (1, 1)):
            start = min(target - 1, high) if step < 0 else max(target + 1, low)
            for m in range(start, start + step * MOST_STEPS, step):
                known = best[side]
                if m < max(low, 1) or m > high:
                    break
                if known is not None and (m - known) * step >= 0:
                    break
                if exists(part, ((n, m),)):
                    best[side] = m
                    break
    return best[0], best[1]


def _by_step(space: Space, n: int, target: int) -> Iterator[Space]:
    """The space stride by stride, or factor by factor, those near the target first."""
    if not space.modes:
        return
    name = "factor" if space.op in ("resize_conv", "pixel_shuffle") else "stride"
    choices: Choices = getattr(space, name)
    enlarging = space.op in ("conv_transpose", "resize_conv", "pixel_shuffle")
    ratio = max(target // n if enlarging else n // target, 1)
    near = sorted(choices.near(ratio, MOST_STEPS // 10), key=lambda step: abs(step - ratio))
    bounds = settled(space)
    for step in near:
        yield Space(
            space.op, space.dialects, bounds.replace(**{name: Choices.one(step)}), space.ceil_mode
        )


def _reach(space: Space, n: int) -> tuple[int, int]:
    """Bounds of the sizes that a space of one stride and factor can reach from n."""
    if space.op == "pixel_shuffle":
        return n * space.factor.first, n * space.factor.last
    d = space.dilation.last
    kernel = effective_kernel(space.kernel_size.last, d)
    margin = space.bounds.margin
    # `before` of the default padding is at most ke - 1 + margin.
    pads = 2 * (space.padding.last if space.padding else kernel - 1 + margin)
    s = space.stride.last
    if space.transposed:
        full = (n - 1) * s + kernel
        return (n - 1) * s + 1 - pads, full + max(s, d) - 1
    wide = n * space.factor.last if space.op == "resize_conv" else n
    return (wide - kernel) // s, (wide + pads) // s + 2


def _nearest_inputs(space: Space, target: int) -> tuple[int | None, int | None]:
    """The same where the source is unknown: sizes repeat with every stride."""
    sides: list[int | None] = []
    if space.modes and find_inputs(space, (target,)).total:
        return target, target
    reach = space.stride.last * 2 + space.kernel_size.last * space.dilation.last + 2
    for step in (-1, 1):
        sizes = range(target + step, target + step * min(reach, 1000), step)
        hit = (m for m in sizes if m > 0 and space.modes and find_inputs(space, (m,)).total)
        sides.append(next(hit, None))
    return sides[0], sides[1]


def _nearest_shared(query: Query) -> tuple[Any, Any]:
    """Where different axes share their parameters: all targets moved by the same few elements."""
    sides: list[Any] = []
    for step in (-1, 1):
        found = None
        for radius in range(1, 65):
            targets = tuple([m + step * radius for m in query.targets])
            pairs = tuple(zip(query.sources or (), targets, strict=True))
            spaces = [query.spaces[op][0] for op in query.ops]
            if min(targets) >= 1 and any(exists(space, pairs) for space in spaces):
                found = targets
                break
        sides.append(found)
    return sides[0], sides[1]


# The smallest relaxation.


def settled(space: Space) -> Bounds:
    """The bounds of a space with its defaults written out, so that widening one leaves the rest."""
    return space.bounds.replace(
        kernel_size=space.kernel_size,
        stride=space.bounds.stride if space.op == "resize_conv" else space.stride,
        dilation=space.dilation,
        factor=space.factor,
    )


def _distance(query: Query, names: tuple[str, ...], most: int | None) -> int | None:
    """The least radius by which all of these bounds must be widened; None where none helps.

    `most` is the largest that is of interest.
    """
    farthest = FARTHEST if query.sources is not None else FARTHEST_INPUTS
    farthest = farthest if most is None else most
    if farthest < 1 or _solvable(_widened(query, names, farthest)) is False:
        return None
    low, high = 0, 1
    while not (found := _solvable(_widened(query, names, high))):
        # What is tried first is the smallest: where that took all tries, more room adds nothing.
        if found is None or high >= farthest:
            return None
        low, high = high, min(2 * high, farthest)
    while high - low > 1:
        middle = (low + high) // 2
        if _solvable(_widened(query, names, middle)):
            high = middle
        else:
            low = middle
    return high


def _widened(query: Query, names: tuple[str, ...], radius: int) -> Query:
    """The question with some bounds widened on every axis."""
    spaces = {}
    for op, axes in query.spaces.items():
        spaces[op] = tuple([_wider_space(space, names, radius) for space in axes])
    return query.replaced(spaces=spaces)


def _wider_space(space: Space, names: tuple[str, ...], radius: int) -> Space:
    bounds = settled(space)
    for name in names:
        if name not in USED[space.op]:
            continue
        if name == "padding":
            bounds = _wider_padding(bounds, radius)
        elif name == "output_padding":
            bounds = _wider_extra(bounds, radius)
        else:
            bounds = bounds.replace(**{name: getattr(bounds, name).widened(radius, LEAST[name])})
    return Space(space.op, space.dialects, bounds, space.ceil_mode)


def _wider_padding(bounds: Bounds, radius: int) -> Bounds:
    if bounds.words is not None:
        return bounds.replace(words=None)  # a word has no neighbours: any padding
    if bounds.padding is None:
        return bounds.replace(margin=radius)
    return bounds.replace(padding=bounds.padding.widened(radius, 0))


def _wider_extra(bounds: Bounds, radius: int) -> Bounds:
    if bounds.output_padding is None:
        return bounds.replace(no_extra=False)  # with None alone, any number; else it is free
    return bounds.replace(output_padding=bounds.output_padding.widened(radius, 0))


def _solvable(query: Query) -> bool | None:
    """Whether there is an answer; None where the search for one was given up."""
    result: bool | None = False
    for op in query.ops:
        found = _op_solvable(query, op)
        if found:
            return True
        result = None if found is None else result
    return result


def _op_solvable(query: Query, op: str) -> bool | None:
    for group in query.groups:
        found = _group_solvable(query.spaces[op][group[0]], query, group)
        if not found:
            return found
    if len(query.groups) == 1:
        return True
    from deconvcalc.solver import answer

    try:
        return answer(query.replaced(ops=(op,))).total > 0
    except QueryError:
        return True  # so many that they could not be gone through


def _group_solvable(space: Space, query: Query, group: tuple[int, ...]) -> bool | None:
    if query.sources is None:
        try:
            return bool(find_inputs(space, tuple([query.targets[i] for i in group])).total)
        except QueryError:
            return False
    return exists(space, query.pairs(group))


# Sentences.


def _bounds_reason(
    query: Query, names: tuple[str, ...], distance: int, nearest: tuple[Any, Any]
) -> Reason:
    from deconvcalc.solver import answer

    try:
        best = answer(_widened(query, names, distance)).best
    except QueryError:
        best = None
    shown = " and ".join([f"{field_name(name)} {_bound_text(query, name)}" for name in names])
    forbid = "forbids" if len(names) == 1 else "together forbid"
    return Reason(
        "bounds",
        names,
        f"{shown} {forbid} it",
        nearest=nearest,
        distance=distance,
        answer=best,
    )


def _bound_text(query: Query, name: str) -> str:
    op = next(op for op in query.ops if name in USED[op])
    return str(alike([space.described()[name] for space in query.spaces[op]]))


def _rule_reason(query: Query, nearest: tuple[Any, Any]) -> Reason:
    """No bound is to blame: say which rule of the framework or of the operation is."""
    name, text = _rule(query)
    other = None
    if query.dialect != "any":
        wider = query.in_dialects("any", tuple(DIALECTS.values()))
        if _solvable(wider):
            from deconvcalc.solver import answer

            other = answer(wider).best
    return Reason("rule", (name,), text, nearest=nearest, answer=other)


def _rule(query: Query) -> tuple[str, str]:
    title = "any framework" if query.dialect == "any" else DIALECTS[query.dialect].title
    op = query.ops[0]
    named = op.replace("_", " ")
    if not any(space.modes for op in query.ops for space in query.spaces[op]):
        if not any(d.modes[op] for op in query.ops for d in query.spaces[op][0].dialects):
            return "dialect", f"{title} has no {named} layer"
        return "padding", f"{title} has no such padding or output padding for a {named}"
    if op == "pixel_shuffle":
        return "factor", "a pixel shuffle multiplies the size by a whole number"
    if op in ("max_pool", "avg_pool"):
        return "padding", f"{title} pads a pool by at most half of its kernel"
    if len(query.groups) > 1:
        return "axes", f"no single {title} layer has these parameters on its axes"
    if query.shared:
        return "shared", "no parameters are right for all axes; each axis alone may have answers"
    return "padding", f"{title} pads 'valid' or 'same' here, and neither can give this size"
