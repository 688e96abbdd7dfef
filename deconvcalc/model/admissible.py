"""The inputs that a model runs on: an exact set for each axis, and conditions where axes meet."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import SizeError, UndecidedError
from deconvcalc.sets import LimitError, Sizes
from deconvcalc.values import LARGEST, Value, integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deconvcalc.model.conditions import Condition
    from deconvcalc.model.extents import Point

__all__ = ["Admissible", "Region", "decided", "point"]

NEAR = 48
"""How many members of an axis are looked at, on each side, where axes depend on each other."""

MOST_TRIED = 4_096
"""How many combinations of them are tried, about."""


class Region(Value):
    """Inputs whose axes lie in one set each, and that meet conditions of several axes.

    Args:
        sets: the set of each axis, by name.
        conditions: what is asked of several axes at once, or could not be written as a set.
    """

    __slots__ = _fields = ("sets", "conditions")
    sets: dict[str, Sizes]
    conditions: tuple[Condition, ...]

    def __init__(self, sets: Mapping[str, Sizes], conditions: Sequence[Condition] = ()) -> None:
        self._set(sets=dict(sets), conditions=tuple(conditions))

    def __contains__(self, where: object) -> bool:
        if not isinstance(where, dict):
            return False
        return all(where[name] in held for name, held in self.sets.items()) and all(
            condition.holds(where) for condition in self.conditions
        )

    @property
    def is_empty(self) -> bool:
        """Whether a set of an axis is empty."""
        return not all(self.sets.values())

    def together(self) -> list[list[str]]:
        """The axes, those together that conditions join."""
        groups = [{name} for name in self.sets]
        for condition in self.conditions:
            met = [group for group in groups if group & condition.variables]
            groups = [group for group in groups if group not in met] + [set().union(*met)]
        return [[name for name in self.sets if name in group] for group in groups]

    def __hash__(self) -> int:
        return hash((tuple(self.sets.items()), self.conditions))

    def __str__(self) -> str:
        if self.is_empty:
            return "no input"
        parts = [_named(name, held) for name, held in self.sets.items()]
        return "; ".join([*parts, *map(str, self.conditions)]) or "any input"


class Admissible(Value):
    """The inputs that a model runs on.

    `(127, 95) in admissible` decides one input. Where no condition is about several axes, `sets`
    has the set of each axis.

    Args:
        variables: the input axes, in order.
        regions: it is the union of these.
        unknown: inputs about which nothing was found out, as regions. They are not members.
    """

    __slots__ = _fields = ("variables", "regions", "unknown")
    variables: tuple[str, ...]
    regions: tuple[Region, ...]
    unknown: tuple[Region, ...]

    def __init__(
        self,
        variables: Sequence[str],
        regions: Iterable[Region],
        unknown: Sequence[Region] = (),
    ) -> None:
        kept = _merged([region for region in regions if not region.is_empty])
        self._set(variables=tuple(variables), regions=tuple(kept), unknown=tuple(unknown))

    def __contains__(self, sizes: object) -> bool:
        where = point(self.variables, sizes)
        return any(where in region for region in self.regions)

    def __bool__(self) -> bool:
        return bool(self.regions)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What is asked of several axes at once, where there is one region."""
        return self.regions[0].conditions if len(self.regions) == 1 else ()

    @property
    def is_box(self) -> bool:
        """Whether each axis has a set of its own, and every combination is admissible."""
        return len(self.regions) == 1 and not self.regions[0].conditions

    @property
    def sets(self) -> dict[str, Sizes]:
        """The set of each axis, by name: all members where `is_box`, else no fewer than those."""
        found = dict.fromkeys(self.variables, Sizes.none())
        for region in self.regions:
            found = {name: held | region.sets[name] for name, held in found.items()}
        return found

    def nearest(self, sizes: Any) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """The nearest members that are nowhere larger, and nowhere smaller; None for none.

        Where conditions join axes, only the nearest members of each axis are tried.
        """
        where = point(self.variables, sizes)
        return self._next(where, below=True), self._next(where, below=False)

    def _next(self, where: Point, *, below: bool) -> tuple[int, ...] | None:
        found: list[tuple[int, ...]] = []
        for region in self.regions:
            near: dict[str, int] = {}
            for names in region.together():
                near |= _nearest(region, names, where, below=below) or {}
            if len(near) == len(self.variables):
                found.append(tuple([near[name] for name in self.variables]))
        start = [where[name] for name in self.variables]
        return min(found, key=lambda one: (_far(one, start), one), default=None)

    def __str__(self) -> str:
        text = "; or ".join(map(str, self.regions)) or "no input"
        if self.unknown:
            text += "; not known: " + "; or ".join(map(str, self.unknown))
        return text

    def __repr__(self) -> str:
        return f"<admissible: {self}>"

    def to_record(self) -> dict[str, Any]:
        """The set as plain data, for JSON."""
        return {
            "axes": list(self.variables),
            "regions": [_record(region) for region in self.regions],
            "unknown": [_record(region) for region in self.unknown],
            "text": str(self),
        }


def decided(variables: Sequence[str], conditions: Iterable[Condition]) -> Admissible:
    """The inputs at which conditions hold.

    What maps cannot decide within the work limit stays a condition, which is asked point by point.
    """
    return Admissible(variables, [region(variables, conditions)])


def region(
    variables: Sequence[str], conditions: Iterable[Condition], *, guards: bool = False
) -> Region:
    """The inputs at which conditions hold, as one region.

    Args:
        variables: the input axes.
        conditions: the conditions.
        guards: whether they are guards, which let pass what fails before they are asked.
    """
    sets = dict.fromkeys(variables, Sizes.all())
    left: list[Condition] = []
    for condition in map(_strict, conditions):
        try:
            held = condition.sent() if guards else condition.sizes()
        except (UndecidedError, LimitError):
            held = None
        if held is None:
            left.append(condition)
        elif condition.variables:
            (name,) = condition.variables
            sets[name] = _met(sets[name], held)
        elif not held:
            return Region(dict.fromkeys(variables, Sizes.none()))
    for condition in [] if guards else left:  # the region of a guard and its opposite is all
        for name, held in condition.shadows():
            sets[name] = _met(sets[name], held)
    return Region(sets, left) if guards else _settled(sets, left)


def _settled(sets: dict[str, Sizes], conditions: Sequence[Condition]) -> Region:
    """A region without the conditions on axes of one size each: those are plain questions.

    So a model that fixes all its sizes takes one input, and asks nothing more.
    """
    single: dict[str, int] = {}
    for name, members in [(name, held.first(2)) for name, held in sets.items()]:
        if len(members) == 1:
            single.update({name: members[0]})
    left = []
    for condition in conditions:
        try:
            held = condition.holds(single) if condition.variables <= single.keys() else None
        except UndecidedError:  # beyond the horizon of a float scale
            held = None
        if held is None:
            left.append(condition)
        elif not held:
            return Region(dict.fromkeys(sets, Sizes.none()))
    return Region(sets, left)


def point(variables: Sequence[str], sizes: Any) -> dict[str, int]:
    """Sizes by the names of the input axes: from one size, a tuple of them, or a dict."""
    if isinstance(sizes, dict):
        given = dict(sizes)
    else:
        several = isinstance(sizes, (tuple, list))
        numbers = list(sizes) if several else [sizes] * len(variables)
        if len(numbers) != len(variables):
            raise SizeError(
                f"the model has the axes {', '.join(variables)}: {len(numbers)} sizes are given",
                size=sizes,
                rule="axes",
                hint="Give the spatial sizes alone, without batch and channels.",
            )
        given = dict(zip(variables, numbers, strict=True))
    if set(given) != set(variables):
        raise SizeError(
            f"the model has the axes {', '.join(variables)}, not {', '.join(map(str, given))}",
            size=sizes,
            rule="axes",
        )
    for name, value in given.items():
        number = integer(value)
        if number is None:
            raise TypeError(f"the size of axis {name} must be an int, not {value!r}")
        if number < 1:
            raise SizeError(
                f"the size of axis {name} must be at least 1, not {number}", size=number, rule=name
            )
        if number > LARGEST:
            raise SizeError(
                f"the size of axis {name} is beyond {LARGEST}",
                rule=name,
                hint="Take a smaller one.",
            )
        given[name] = number
    return given


def minus(one: Region, other: Region) -> Iterator[Region]:
    """What of a region without conditions lies outside another, as regions that do not overlap."""
    rest = dict(one.sets)
    for name, held in other.sets.items():
        outside = rest[name] - held
        if outside:
            yield Region({**rest, name: outside})
        rest[name] = rest[name] & held
        if not rest[name]:
            return


def _strict(condition: Condition) -> Condition:
    """A condition without broadcasting: a size that may be 1 for some inputs has to be equal."""
    return condition.replaced("==") if condition.may_repeat else condition


def _met(one: Sizes, other: Sizes) -> Sizes:
    return other if one == _ALL else one & other


_ALL = Sizes.all()


def _merged(regions: list[Region]) -> list[Region]:
    """Regions that differ along one axis alone are one."""
    made: list[Region] = []
    for one in regions:
        new = one
        place = 0
        while place < len(made):
            both = _joined(made[place], new)
            if both is None:
                place += 1
            else:
                del made[place]
                new, place = both, 0
        made.append(new)
    return made


def _joined(one: Region, other: Region) -> Region | None:
    if one.conditions != other.conditions:
        return None
    differ = [name for name, held in one.sets.items() if held != other.sets[name]]
    if len(differ) > 1:
        return None
    return Region(
        {
            name: held | other.sets[name] if name in differ else held
            for name, held in one.sets.items()
        },
        one.conditions,
    )


def _nearest(
    region: Region, names: list[str], where: Point, *, below: bool
) -> dict[str, int] | None:
    """The nearest sizes of axes that conditions join, among the nearest members of each."""
    asked = [condition for condition in region.conditions if condition.variables & {*names}]
    count = min(NEAR, int(MOST_TRIED ** (1 / len(names)))) if asked else 1
    lists = [_beside(region.sets[name], where[name], below, count) for name in names]
    start = [where[name] for name in names]
    best: tuple[int, ...] | None = None
    for numbers in product(*lists):
        if best is None or (_far(numbers, start), numbers) < (_far(best, start), best):
            point = dict(zip(names, numbers, strict=True))
            if all(condition.holds(point) for condition in asked):
                best = numbers
    return None if best is None else dict(zip(names, best, strict=True))


def _far(one: Sequence[int], other: Sequence[int]) -> int:
    return sum([abs(a - b) for a, b in zip(one, other, strict=True)])


def _beside(held: Sizes, n: int, below: bool, count: int) -> list[int]:
    """The members of a set nearest to n, on one side."""
    found: list[int] = []
    place: int | None = n
    while place is not None and place >= 1 and len(found) < count:
        place = held.nearest(place)[0 if below else 1]
        if place is not None:
            found.append(place)
            place += -1 if below else 1
    return found


def _named(name: str, held: Sizes) -> str:
    return re.sub(r"\bn\b", name, str(held))


def _record(one: Region) -> dict[str, Any]:
    return {
        "sets": {name: held.to_record() for name, held in one.sets.items()},
        "conditions": [str(condition) for condition in one.conditions],
    }
