"""Why there is no answer: the bound or the rule that forbids it, what is near, what to relax."""

from __future__ import annotations

from bisect import bisect_left
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.dialects.spec import alike
from deconvcalc.errors import QueryError
from deconvcalc.solver.choices import Choices
from deconvcalc.solver.query import LEAST, USED, Bounds, Query, Space
from deconvcalc.solver.reach import ONE, Reach, common
from deconvcalc.values import LARGEST, field_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.dialects import Dialect, Mode

__all__ = ["Reason", "explain"]

FARTHEST = LARGEST
"""Bounds are widened up to this far: no bound may hold a larger number."""

NEAR = 2**10
"""So far first: most relaxations are small, and these are cheaper to find."""

MOST_LAYERS = 20_000
"""For how many layers the first answer is looked for where no source is named."""

EASIEST_FIRST = ("output_padding", "padding", "kernel_size", "factor", "stride", "dilation")
"""The bounds: of equally small relaxations, what changes the layer least comes first."""


class Reason:
    """Why a question has no answer.

    Sizes are nearest by the sum of their distances along the axes; of equal sums, by the distance
    along the first axis, then the second. A bound is widened by a distance to all numbers that lie
    so near to one of its own. The default bound of padding grows by the distance; at a distance of
    1, padding that is a word becomes the default bound, and output_padding "none" any number.

    Attributes:
        kind: "bounds" where wider bounds would give an answer, "rule" where the framework or the
            operation forbids it whatever the bounds.
        names: the bounds to widen, or the rule. The fewest bounds are named, among these the ones
            with the least distance.
        text: the reason as a sentence.
        nearest: the nearest sizes within the bounds that lie below the target on some axes and
            above it on none, and the other way round: each a size like the target, or None.
        relaxation: for each bound to widen the value that the first answer then has.
        distance: how far all of these bounds have to be widened, or None.
        answer: the first answer within the widened bounds. For a rule, the first one of another
            framework within the same bounds, or None.
        complete: whether all of this is proven. False only where bounds with many gaps leave more
            to look at than the search looks at; then a nearer size or a smaller relaxation may be.
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
        complete: bool = True,
    ) -> None:
        self.kind = kind
        self.names = names
        self.text = text
        self.nearest = nearest
        self.distance = distance
        self.answer = answer
        self.complete = complete

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
            "complete": self.complete,
            "nearest": {"below": self.nearest[0], "above": self.nearest[1]},
            "distance": self.distance,
            "relaxation": self.relaxation,
            "answer": record,
        }

    def __repr__(self) -> str:
        return f"<Reason: {self.text}>"


def explain(query: Query) -> Reason:
    """The reason why a question has no answer."""
    search = _Search()
    nearest = search.nearest(query, -1), search.nearest(query, 1)
    found = search.relaxation(query)
    if found is None:
        name, text = _rule(query)
        reason = Reason("rule", (name,), text, nearest=nearest, answer=_elsewhere(query))
    else:
        names, distance = found
        best = _first_wider(query, names, distance)
        text = _bounds_text(query, names, best) + _by_word(query)
        reason = Reason("bounds", names, text, nearest=nearest, distance=distance, answer=best)
    reason.complete = not search.cut
    return reason


def _first_wider(query: Query, names: tuple[str, ...], distance: int) -> Any:
    """The first answer within wider bounds, or None where there are too many to look for it."""
    if len(names) == 1 and len(query.groups) == 1:
        # Nothing lies less far out, and with the numbers in between there may be far too many.
        return _first(_widened(query, names, distance, rim=True))
    best = _first(_widened(query, names, distance))
    return best if best is not None else _first(_each_wider(query, names, distance))


def _each_wider(query: Query, names: tuple[str, ...], distance: int) -> Query:
    """The question with the bounds of each group of axes no wider than these axes need."""
    search = _Search()
    spaces = {op: list(axes) for op, axes in query.spaces.items()}
    for group in query.groups:
        alone = _on(query, group)
        if not search.solves(alone):
            needed = search.distance(alone, names, distance) or distance
            for axes in spaces.values():
                for i in group:
                    axes[i] = _wider(axes[i], names, needed, rim=len(names) == 1)
    return query.replaced(spaces={op: tuple(axes) for op, axes in spaces.items()})


def _first(query: Query) -> Any:
    """The first answer, or None also where there are too many to look for it."""
    from deconvcalc.solver import answer

    if query.sources is None and any(
        _layers(space) > MOST_LAYERS for spaces in query.spaces.values() for space in spaces
    ):
        return None
    try:
        return answer(query).best
    except QueryError:
        return None


def _layers(space: Space) -> int:
    """About how many layers a space has, each of which is looked at where no source is named."""
    numbers = [space.stride, space.dilation, space.kernel_size]
    if space.op == "resize_conv":
        numbers.append(space.factor)
    pads = space.kernel_size.last * space.dilation.last + space.bounds.margin
    if space.padding is not None:
        pads = len(space.padding)
    extras = 1
    if space.transposed:
        extras = space.stride.last if space.output_padding is None else len(space.output_padding)
    return prod([len(choices) for choices in numbers]) * pads * extras


# One layer has one mode of padding on all axes.


class _Part:
    """What some axes reach in one way to write the layer."""

    def __init__(self, query: Query, axes: tuple[int, ...], reach: Reach) -> None:
        self.axes = axes
        self.reach = reach
        self.targets = tuple([query.targets[axis] for axis in axes])
        self.sources = None
        if query.sources is not None:
            self.sources = tuple([query.sources[axis] for axis in axes])


def _ways(query: Query) -> Iterator[list[_Part]]:
    """Every way to write one layer: in each of them, the parts reach their sizes by themselves."""
    for op in query.ops:
        spaces = [query.spaces[op][group[0]] for group in query.groups]
        for dialect in spaces[0].dialects:
            for mode in dialect.modes[op]:
                if not all(mode in space.modes for space in spaces):
                    continue
                if op == "pixel_shuffle":
                    yield from _shuffles(query, spaces, mode)
                    continue
                for stride, dilation in _limits(dialect, op):
                    parts = []
                    for space, axes in zip(spaces, query.groups, strict=True):
                        steps = space.factor if op == "resize_conv" else space.stride
                        if op != "resize_conv" and (stride or mode.unit_stride):
                            steps = common(steps, ONE)
                        dilations = common(space.dilation, ONE) if dilation else space.dilation
                        if steps and dilations:
                            reach = Reach(space, mode, steps, dilations)
                            parts.append(_Part(query, axes, reach))
                    if len(parts) == len(spaces):
                        yield parts


def _limits(dialect: Dialect, op: str) -> tuple[tuple[bool, bool], ...]:
    """Whether all strides, and all dilations, are 1: a framework may refuse to mix them."""
    if op in ("max_pool", "avg_pool"):
        return ((False, op == "avg_pool" or not dialect.pool_dilation),)
    return ((False, False),) if dialect.stride_with_dilation else ((False, True), (True, False))


def _shuffles(query: Query, spaces: list[Space], mode: Mode) -> Iterator[list[_Part]]:
    """A pixel shuffle has one factor for all axes."""
    factors = spaces[0].factor
    for space in spaces[1:]:
        factors = common(factors, space.factor)
    if factors:
        axes = tuple(range(len(query.targets)))
        yield [_Part(query, axes, Reach(spaces[0], mode, factors, ONE))]


class _Search:
    """The nearest sizes and the smallest relaxation; `cut` once a limit left something out."""

    def __init__(self) -> None:
        self.cut = False

    def nearest(self, query: Query, side: int) -> Any:
        """The nearest size on one side of the target, or None."""
        best: tuple[int, list[int]] | None = None
        for parts in _ways(query):
            far = [0] * len(query.targets)
            for part in parts:
                found = part.reach.closest(part.sources, part.targets, side)
                self.cut = self.cut or part.reach.cut
                if found is None:
                    break
                for axis, distance in zip(part.axes, found, strict=True):
                    far[axis] = distance
            else:
                if best is None or (sum(far), far) < best:
                    best = sum(far), far
        if best is None:
            return None
        sizes = [m + side * distance for m, distance in zip(query.targets, best[1], strict=True)]
        return tuple(sizes) if query.axes else sizes[0]

    def solves(self, query: Query) -> bool:
        """Whether there is an answer."""
        for parts in _ways(query):
            for part in parts:
                if not part.reach.solves(part.sources, part.targets):
                    self.cut = self.cut or part.reach.cut
                    break
            else:
                return True
        return False

    def relaxation(self, query: Query) -> tuple[tuple[str, ...], int] | None:
        """The fewest bounds to widen, and the least distance; None where no bound is to blame."""
        names = tuple([name for name in EASIEST_FIRST if any(name in USED[op] for op in query.ops)])
        for count in range(1, len(names) + 1):
            for farthest in (NEAR, FARTHEST):
                best = self._least(query, list(combinations(names, count)), farthest)
                if best is not None:
                    return best
            if count == 1 and not self._solves_wider(query, names, FARTHEST):
                return None
        return None

    def _least(
        self, query: Query, choices: list[tuple[str, ...]], farthest: int
    ) -> tuple[tuple[str, ...], int] | None:
        """Of these choices of bounds the one to widen least, up to `farthest`, and its distance."""
        best: tuple[tuple[str, ...], int] | None = None
        for chosen in choices:
            distance = self.distance(query, chosen, best[1] - 1 if best else farthest)
            if distance is not None:
                best = chosen, distance
        return best

    def distance(self, query: Query, names: tuple[str, ...], most: int) -> int | None:
        """The least distance by which these bounds must be widened, up to `most`, or None."""
        if most < 1 or not self._solves_wider(query, names, most):
            return None

        def solves(distance: int) -> bool:
            return self._solves_wider(query, names, distance)

        # The power of two from which on it is enough, and then how far below that it still is.
        power = bisect_left(range((most - 1).bit_length()), True, key=lambda i: solves(1 << i))
        near = range((1 << power >> 1) + 1, min(1 << power, most))
        return near.start + bisect_left(near, True, key=solves)

    def _solves_wider(self, query: Query, names: tuple[str, ...], distance: int) -> bool:
        try:
            return self.solves(_widened(query, names, distance))
        except QueryError:  # too many gaps
            self.cut = True
            return False


# Wider bounds.


def _widened(query: Query, names: tuple[str, ...], distance: int, *, rim: bool = False) -> Query:
    """The question with some bounds widened on every axis; `rim` leaves what lies less far out."""
    spaces = {
        op: tuple([_wider(space, names, distance, rim=rim) for space in axes])
        for op, axes in query.spaces.items()
    }
    return query.replaced(spaces=spaces)


def _wider(space: Space, names: tuple[str, ...], distance: int, *, rim: bool) -> Space:
    # With the defaults written out, so that widening one of them leaves the rest.
    bounds = space.bounds.replace(
        kernel_size=space.kernel_size,
        stride=space.bounds.stride if space.op == "resize_conv" else space.stride,
        dilation=space.dilation,
        factor=space.factor,
    )
    for name in names:
        if name == "padding":
            bounds = _wider_padding(space, bounds, distance)
        elif name == "output_padding":
            bounds = _wider_extra(bounds, distance)
        elif (choices := getattr(bounds, name)) is not None:
            wider = choices.widened(distance, LEAST[name])
            bounds = bounds.replace(**{name: _rim(choices, wider, distance) if rim else wider})
    return space.replaced(bounds=bounds)


def _rim(choices: Choices, wider: Choices, distance: int) -> Choices:
    """The outermost numbers of a set that was widened; all of it if these are many."""
    ends = {
        number
        for part in choices.parts
        for number in (part[0] - distance, part[-1] + distance)
        if number in wider and choices.distance(number) == distance
    }
    sparse = any(part.step >= 2 * distance > 0 and len(part) > 1 for part in choices.parts)
    return wider if sparse or not ends else Choices(*[range(x, x + 1) for x in sorted(ends)])


def _wider_padding(space: Space, bounds: Bounds, distance: int) -> Bounds:
    if bounds.words is not None:
        return bounds.replace(words=None, margin=distance - 1)
    if bounds.padding is None:
        return bounds.replace(margin=distance)
    if not any(mode.kind == "free" for d in space.dialects for mode in d.modes[space.op]):
        return bounds.replace(padding=None)  # no number is taken
    return bounds.replace(padding=bounds.padding.widened(distance, 0))


def _wider_extra(bounds: Bounds, distance: int) -> Bounds:
    if bounds.output_padding is None:
        return bounds.replace(no_extra=False)
    return bounds.replace(output_padding=bounds.output_padding.widened(distance, 0))


# Sentences.


def _bounds_text(query: Query, names: tuple[str, ...], best: Any) -> str:
    op = best.op if best is not None else next(op for op in query.ops if names[0] in USED[op])
    shown = []
    for name in names:
        axes = [
            space.described().get(name) or str(getattr(space.bounds, name))
            for space in query.spaces[op]
        ]
        bound = alike(axes)
        shown.append(f"{field_name(name)} {bound if isinstance(bound, str) else ' x '.join(bound)}")
    text = f"{' and '.join(shown)} {'forbids' if len(names) == 1 else 'together forbid'} it"
    return text + _no_such(query, op, names)


_OFFERED: dict[str, dict[str, Any]] = {
    "padding": {"words": None},
    "output_padding": {"no_extra": False},
}
"""The bounds that may ask by a word for a setting, and the bounds without it."""


def _no_such(query: Query, op: str, names: tuple[str, ...]) -> str:
    """The framework's rule behind a bound: it has no setting of this name."""
    for name in names if len(names) == 1 and query.dialect != "any" else ():
        space = query.spaces[op][0].replaced(ceil_mode=False)
        offered = space.replaced(bounds=space.bounds.replace(**_OFFERED.get(name, {})))
        if not space.modes and offered.modes:
            title, layer = DIALECTS[query.dialect].title, op.replace("_", " ")
            return f": no {layer} of {title} has this setting"
    return ""


def _by_word(query: Query) -> str:
    """Whether padding that is searched only when it is asked for by name gives an answer."""
    given = [space.bounds for spaces in query.spaces.values() for space in spaces]
    if any(bounds.padding is not None or bounds.words is not None for bounds in given):
        return ""
    words = frozenset({"same"})
    spaces = {
        op: tuple([s.replaced(bounds=s.bounds.replace(words=words)) for s in query.spaces[op]])
        for op in query.ops
    }
    if not _solvable(query.replaced(spaces=spaces)):
        return ""
    return ' unless you ask for padding "same", which gives an answer'


def _elsewhere(query: Query) -> Any:
    """The first answer within the same bounds in any dialect, or None."""
    wider = query.in_dialects("any", tuple(DIALECTS.values()))
    return _first(wider) if query.dialect != "any" and _Search().solves(wider) else None


def _rule(query: Query) -> tuple[str, str]:
    """No bound is to blame: the rule that is, of the framework or of the operation, and its text.

    A rule is to blame if there would be an answer without it, whatever the bounds.
    """
    title = "any framework" if query.dialect == "any" else DIALECTS[query.dialect].title
    named = " or ".join([op.replace("_", " ") for op in query.ops])
    free = _widened(query, EASIEST_FIRST, FARTHEST)
    axes = range(len(query.targets))
    if _solvable(_without_ceil_mode(free)):
        return "ceil_mode", f"no {named} of {title} has a ceil_mode"
    if len(query.groups) == 1 and _solvable(free.replaced(groups=tuple([(i,) for i in axes]))):
        return "shared", "no parameters are right for all axes; each axis has answers of its own"
    if len(query.groups) > 1 and all(_solvable(_on(free, group)) for group in query.groups):
        return "axes", f"each axis has answers, but no single {named} of {title} has them all"
    if query.ops == ("pixel_shuffle",):
        if _solvable(free.in_dialects("any", tuple(DIALECTS.values()))):
            return "dialect", f"{title} has no pixel shuffle"
        if query.axes not in (None, 2):
            return "axes", f"there is no pixel shuffle of {query.axes} axes"
        return "factor", "a pixel shuffle multiplies all sizes by one whole number"
    if query.dialect == "keras":
        return "padding", f"{title} pads 'valid' or 'same' here, and neither can give this size"
    return "padding", f"{title} pads a pool by at most half of its kernel"


def _solvable(query: Query) -> bool:
    return _Search().solves(query)


def _without_ceil_mode(query: Query) -> Query:
    """The question without ceil_mode where that leaves it no way at all."""
    if any(space.modes for axes in query.spaces.values() for space in axes):
        return query
    spaces = {
        op: tuple([space.replaced(ceil_mode=False) for space in axes])
        for op, axes in query.spaces.items()
    }
    return query.replaced(spaces=spaces)


def _on(query: Query, axes: tuple[int, ...]) -> Query:
    """The question about some of its axes; it is still a layer of as many."""
    return query.replaced(
        targets=tuple([query.targets[i] for i in axes]),
        sources=query.sources and tuple([query.sources[i] for i in axes]),
        spaces={op: tuple([spaces[i] for i in axes]) for op, spaces in query.spaces.items()},
        groups=(tuple(range(len(axes))),),
    )
