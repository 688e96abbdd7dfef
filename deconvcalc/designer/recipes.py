"""What a space is made from: a goal, a part of a space, or what two have in common.

A recipe is a value. It makes the lattice of its space, and makes it again where a search needs the
peak memory in its states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.designer.lattice import Lattice
from deconvcalc.designer.plans import Stage
from deconvcalc.designer.sublattices import common, listed, narrowed
from deconvcalc.errors import DeconvcalcError, QueryError
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.designer.goals import Goal
    from deconvcalc.designer.lattice import Step

__all__ = ["Both", "Listed", "Recipe", "Stages", "Whole", "asked"]


class Recipe(Value):
    """What a space is made from."""

    __slots__ = ()

    def lattice(self, *, peak: bool = False) -> Lattice:
        """The lattice of the space; with `peak`, its states hold the largest memory so far."""
        raise NotImplementedError


class Whole(Recipe):
    """All designs of a goal."""

    __slots__ = _fields = ("goal",)
    goal: Goal

    def __init__(self, goal: Goal) -> None:
        self._set(goal=goal)

    def lattice(self, *, peak: bool = False) -> Lattice:
        """The lattice of the goal."""
        return Lattice(self.goal, peak=peak)


class Stages(Recipe):
    """The designs of a space all of whose stages a predicate keeps."""

    __slots__ = _fields = ("space", "keep")
    space: Recipe
    keep: Callable[[Stage], bool]

    def __init__(self, space: Recipe, keep: Callable[[Stage], bool]) -> None:
        self._set(space=space, keep=keep)

    def lattice(self, *, peak: bool = False) -> Lattice:
        """The part of the lattice of the space; the predicate is asked once about each stage."""
        whole = self.space.lattice(peak=peak)
        goal = whole.goal
        known: dict[Any, bool] = {}

        def keep(depth: int, state: Any, step: Step, option: int) -> bool:  # noqa: ARG001
            key = option, state.sizes, step.after, step.channels
            if key not in known:
                stage = Stage(
                    whole.options[option],
                    goal.sizes(goal.numbers(state.sizes)),
                    goal.sizes(goal.numbers(step.after)),
                    step.channels,
                    goal.parts_of_axes,
                    goal.bias,
                )
                known[key] = asked(self.keep, stage)
            return known[key]

        return narrowed(whole, keep)


class Listed(Recipe):
    """Some designs of a space, one by one: the options and choices of channels of each."""

    __slots__ = _fields = ("space", "chains")
    space: Recipe
    chains: tuple[tuple[tuple[int, int], ...], ...]

    def __init__(self, space: Recipe, chains: tuple[tuple[tuple[int, int], ...], ...]) -> None:
        self._set(space=space, chains=chains)

    def lattice(self, *, peak: bool = False) -> Lattice:
        """The tree of the chains."""
        return listed(self.space.lattice(peak=peak), self.chains)


class Both(Recipe):
    """The designs that two spaces have in common, with the options of the first."""

    __slots__ = _fields = ("first", "second")
    first: Recipe
    second: Recipe

    def __init__(self, first: Recipe, second: Recipe) -> None:
        self._set(first=first, second=second)

    def lattice(self, *, peak: bool = False) -> Lattice:
        """What the two lattices share."""
        return common(self.first.lattice(peak=peak), self.second.lattice())


def asked(predicate: Callable[[Any], Any], one: Any) -> bool:
    """What a user's predicate says of a stage or of a plan.

    Raises:
        QueryError: it raises, or what it gives is neither true nor false.
    """
    name = getattr(predicate, "__name__", "the filter")
    try:
        return bool(predicate(one))
    except DeconvcalcError:
        raise
    except Exception as error:
        raise QueryError(
            f"the filter {name} raised {type(error).__name__}: {error}, for {one!r}",
            rule="filter",
            hint="It gets a Stage (with plan=, a Plan) and gives True or False.",
        ) from error
