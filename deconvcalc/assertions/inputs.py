"""Sets of inputs: what conditions say of each axis, and how they lie to what a model admits."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.conditions import sizes_where
from deconvcalc.assertions.finding import undecided, vacuous
from deconvcalc.errors import QueryError
from deconvcalc.expressions import Condition
from deconvcalc.model.admissible import Region, minus
from deconvcalc.sets import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["MOST_POINTS", "box_of", "box_text", "known", "least", "left_of", "points", "sets_of"]

MOST_POINTS = 4_096
"""Where axes depend on each other, up to so many inputs are run one by one."""


def sets_of(said: Any) -> list[Sizes] | dict[str, Sizes]:
    """What is said of the axes: one set for all, one per axis, or by their names.

    Args:
        said: a condition in n, as text, as `parse_condition` gives it, or as `Sizes`; a list of one
            per axis; or a dict by the names of axes.

    Raises:
        NotationError: text that is no condition.
        CheckError: nothing meets it, so that nothing would be shown.
        QueryError: something else.
    """
    if isinstance(said, dict):
        return {name: _set(one, name) for name, one in said.items()}
    if isinstance(said, (list, tuple)):
        if not said:
            raise QueryError("inputs: an empty list says nothing of any axis", rule="inputs")
        return [_set(one, f"axis {axis}") for axis, one in enumerate(said)]
    return [_set(said, None)]


def _set(said: Any, name: str | None) -> Sizes:
    if isinstance(said, Sizes):
        found = said
    elif isinstance(said, (str, Condition)):
        found = sizes_where(said)
    else:
        raise QueryError(
            f"{said!r} is no condition in n", rule="inputs", hint='Write it as "n % 32 == 0".'
        )
    if not found:
        at = f" ({name})" if name else ""
        raise vacuous(
            f"no size n meets {str(said)!r}{at}: nothing would be shown",
            "Write a condition that some n meet.",
        )
    return found


def box_of(said: Any, variables: Sequence[str]) -> dict[str, Sizes]:
    """The set of each axis.

    Raises:
        QueryError: another number of axes, or other names, than the model has.
    """
    sets = sets_of(said)
    if isinstance(sets, list):
        if len(sets) == 1 and variables:
            return dict.fromkeys(variables, sets[0])
        if len(sets) != len(variables):
            has = f"the axes {', '.join(variables)}" if variables else "no spatial axis"
            raise QueryError(
                f"the model has {has}: {len(sets)} conditions are given", rule="inputs"
            )
        return dict(zip(variables, sets, strict=True))
    if set(sets) != set(variables):
        raise QueryError(
            f"the model has the axes {', '.join(variables)}, not {', '.join(sets)}",
            rule="inputs",
            hint="Name every axis.",
        )
    return {name: sets[name] for name in variables}


def box_text(box: dict[str, Sizes]) -> str:
    """The sets of axes in a line; one where all are alike.

    >>> box_text({"h": Sizes.congruent(0, 2), "w": Sizes.congruent(0, 2)})
    'n even'
    """
    if len(set(box.values())) == 1:
        return str(next(iter(box.values())))
    return str(Region(box))


def least(box: Mapping[str, Sizes], given: Mapping[str, int] | None = None) -> dict[str, int]:
    """A small input of a box, with one size along all axes where there is such a one.

    Args:
        box: the set of each axis; none is empty.
        given: the sizes of some axes.
    """
    fixed = dict(given or {})
    first = next(iter(fixed.values()), None)
    if first is None:
        first = max([held.first(1)[0] for held in box.values()])
    return {
        name: first if first in held else held.first(1)[0] for name, held in box.items()
    } | fixed


def left_of(box: dict[str, Sizes], regions: Iterable[Region]) -> list[dict[str, Sizes]]:
    """What of a box no region covers, as boxes; regions with conditions cover nothing."""
    left = [Region(box)]
    for region in regions:
        if not region.conditions:
            left = [part for rest in left for part in minus(rest, region)]
    return [part.sets for part in left if not part.is_empty]


def points(boxes: Sequence[dict[str, Sizes]]) -> Iterator[dict[str, int]]:
    """All inputs in some boxes.

    Raises:
        CheckError: there are too many.
    """
    count = 0
    for box in boxes:
        inside = 1
        for held in box.values():
            inside *= held.count() if held.is_finite else MOST_POINTS + 1
        count += inside
    if count > MOST_POINTS:
        raise undecided(
            "the axes depend on each other, and there are too many inputs to run one by one",
            f"Name inputs, or conditions that at most {MOST_POINTS:,} inputs meet.",
        )
    for box in boxes:
        for sizes in product(*box.values()):
            yield dict(zip(box, sizes, strict=True))


def known(box: dict[str, Sizes], sets: Iterable[Sizes]) -> None:
    """Refuse what is said of sizes beyond which nothing is known of a float scale.

    Raises:
        CheckError: it is.
    """
    for one in sets:
        if one.horizon is None:
            continue
        for held in box.values():
            if held.greatest is None or held.greatest > one.horizon:
                raise undecided(
                    f"a float scale is known for n up to {one.horizon} alone",
                    f"Add to the condition: and n <= {one.horizon}",
                )
