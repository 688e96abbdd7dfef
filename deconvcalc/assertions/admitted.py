"""Which inputs a model runs on: exactly those that are stated, or at least those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.because import faults
from deconvcalc.assertions.finding import Case, Finding, undecided
from deconvcalc.assertions.inputs import box_of, box_text, known, least, left_of, points, sets_of
from deconvcalc.assertions.subject import size_text
from deconvcalc.model.admissible import Region

if TYPE_CHECKING:
    from deconvcalc.model.admissible import Admissible
    from deconvcalc.sets import Sizes
    from deconvcalc.tracing.trace import Trace

__all__ = ["admissible", "admits"]


def admits(case: Case) -> Finding:
    """The model runs on every input that meets some conditions."""
    found, box = _asked(case)
    expected = f"at least {box_text(box)}"
    held = found.admissible
    refused = _refused(box, held)
    if refused is None:
        return Finding(True, expected, str(held))
    return _finding(case, expected, held, refused)


def admissible(case: Case) -> Finding:
    """The model runs on the inputs that meet some conditions, and on no others."""
    found, box = _asked(case)
    expected = f"exactly {box_text(box)}"
    held = found.admissible
    refused = _refused(box, held)
    if refused is not None:
        return _finding(case, expected, held, refused)
    if any(one.conditions for one in held.regions):
        raise undecided(
            f"the axes depend on each other, so that no condition on each says it all: {held}",
            "State what it runs on at least, by admits, or sizes by input and output.",
        )
    if held.unknown:
        raise undecided(
            f"of some inputs nothing was found out: {held}",
            "State what it runs on at least, by admits.",
        )
    for one in held.regions:
        for name, sizes in one.sets.items():
            if sizes.horizon is not None:
                raise undecided(
                    f"a float scale is known for {name} up to {sizes.horizon} alone",
                    f'State what it runs on at least: admits = "... and n <= {sizes.horizon}".',
                )
        for rest in left_of(one.sets, [Region(box)]):
            point = least(rest)
            text = f"{held}: {size_text(_flat(point))} runs, and is not stated"
            return Finding(False, expected, text, (), (), "State it, or refuse it in the model.")
    return Finding(True, expected, str(held))


def _asked(case: Case) -> tuple[Trace, dict[str, Sizes]]:
    sets = sets_of(case.value)
    if case.input is None:
        found = case.subject.anywhere(sets[0] if isinstance(sets, list) else sets)
    else:
        found = case.subject.at(case.input)
    if not found.model.variables:
        raise undecided(
            "the model has no spatial axis: every input has the one size",
            "Name sizes by input and output.",
        )
    return found, box_of(case.value, found.model.variables)


def _refused(box: dict[str, Sizes], held: Admissible) -> dict[str, int] | None:
    """An input of the box that is not admissible; None where there is none.

    Raises:
        CheckError: nobody can tell.
    """
    for one in held.regions:
        known(box, one.sets.values())
    left = left_of(box, held.regions)
    if not left:
        return None
    if any(one.conditions for one in held.regions):
        # What lies outside of every set is refused, whatever the conditions say.
        outside = left_of(box, [Region(one.sets) for one in held.regions])
        if not outside:
            return next((point for point in points(left) if not _runs(held, point)), None)
        left = outside
    return least(left[0])


def _runs(held: Admissible, point: dict[str, int]) -> bool:
    return any(point in one for one in held.regions)


def _finding(case: Case, expected: str, held: Admissible, point: dict[str, int]) -> Finding:
    found = case.subject.at(point)
    shown = size_text(_flat(point))
    if any(point in one for one in held.unknown):
        text = f"{held}: of {shown} nothing was found out"
        return Finding(False, expected, text, hint="Another input to trace at may find it.")
    text = f"{held}: {shown} does not run"
    if found.ok:  # by repeating a size of 1
        text = f"{held}: {shown} runs only because a size of 1 is repeated"
        return Finding(False, expected, text, found.warnings)
    near = [size_text(_flat(dict(enumerate(one)))) for one in found.nearest if one is not None]
    return Finding(False, expected, text, faults(found), [" or ".join(dict.fromkeys(near))])


def _flat(point: dict[Any, int]) -> Any:
    sizes = tuple(point.values())
    return sizes[0] if len(set(sizes)) == 1 else sizes
