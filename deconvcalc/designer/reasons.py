"""Why there is no design: what forbids it, the nearest targets, and the smallest relaxation.

Each argument is relaxed by itself, by as little as gives a design, then two arguments together; all
of it is decided on the lattice, so what is said is proved.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.candidates import DOWN, UP, alphabet
from deconvcalc.designer.channels import Channels
from deconvcalc.designer.goals import MOST_STAGES, Goal, in_order
from deconvcalc.designer.lattice import Lattice
from deconvcalc.designer.measures import Budget
from deconvcalc.designer.plans import Plan, made_plan, number
from deconvcalc.designer.search import Search
from deconvcalc.designer.ways import reached
from deconvcalc.errors import DeconvcalcError, UndecidedError
from deconvcalc.solver.choices import Choices
from deconvcalc.solver.query import LEAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Reason", "explain"]

WIDEST = {"dilation": 1, "stride": 4}
"""A bound is widened by up to so much."""

WIDE = 8
"""The others by this."""

MOST_STEPS = 300_000
"""So many steps are looked at for each thing that is tried: a reason is to come in seconds."""

MOST_CUT = 2
"""So often is something tried to that many steps in vain; then to `FEW_STEPS`."""

FEW_STEPS = 5_000
"""So few steps are looked at for each thing that is tried where all is much work."""

MOST_TARGETS = 60
"""So many targets are tried, the nearest first."""


class Reason:
    """Why there is no design.

    Attributes:
        text: the reason as a sentence.
        relaxation: for each of `names` the value that gives a design: a number, a range or a flag.
        relaxations: every argument that gives a design by itself when it is relaxed, and how.
        nearest: the nearest targets below and above that have a design within the same space, each
            like the target, or None where none was found.
        plan: a design of the relaxed goal: the one with the fewest parameters; or None.
        complete: whether everything was tried to its end. False where some of it was too much work;
            then a nearer target or another relaxation may be.
    """

    def __init__(
        self,
        text: str,
        nearest: tuple[Any, Any],
        relaxations: dict[str, Any],
        relaxation: dict[str, Any],
        plan: Plan | None,
        *,
        complete: bool = True,
    ) -> None:
        self.text = text
        self.complete = complete
        self.nearest = nearest
        self.relaxations = relaxations
        self.relaxation = relaxation
        self.plan = plan

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments that the smallest relaxation changes; () where none is known."""
        return tuple(self.relaxation)

    def to_record(self) -> dict[str, Any]:
        """The reason as plain data."""
        below, above = self.nearest
        return {
            "text": self.text,
            "complete": self.complete,
            "names": list(self.names),
            "relaxation": {name: plain(value) for name, value in self.relaxation.items()},
            "relaxations": {name: plain(value) for name, value in self.relaxations.items()},
            "nearest": {"below": plain(below), "above": plain(above)},
            "plan": None if self.plan is None else self.plan.to_record(),
        }

    def __repr__(self) -> str:
        return f"<Reason: {self.text}>"


def plain(value: Any) -> Any:
    """A value as plain data."""
    if isinstance(value, range):
        return [value[0], value[-1]] if len(value) > 1 else value[0]
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, Fraction):
        return number(value)
    return value


def explain(goal: Goal) -> Reason:
    """The reason why a goal has no design."""
    trial = Trial()
    relaxations: dict[str, Any] = {}
    goals: dict[str, Goal] = {}
    for name, tries in _relaxed(goal, trial):
        found = next(((value, one) for value, one in tries if trial.has_design(one)), None)
        if found is not None:
            relaxations[name], goals[name] = found
    if relaxations:
        name = next(iter(relaxations))
        relaxation: dict[str, Any] = {name: relaxations[name]}
        better: Goal | None = goals[name]
    else:
        relaxation, better = _pair(goal, trial)
    plan = None if better is None else _fewest(better, trial.most)
    near = nearest(goal, trial)
    text = _text(goal, relaxation, cut=trial.cut)
    return Reason(text, near, relaxations, relaxation, plan, complete=not trial.cut)


class Trial:
    """Goals that are tried.

    Attributes:
        cut: whether one was too much work, or Ctrl-C came: then no more are tried.
    """

    def __init__(self) -> None:
        self.cut = False
        self._cuts = 0
        self._stopped = False
        self._known: dict[Goal, bool] = {}

    @property
    def most(self) -> int:
        """How many steps may be looked at for the next thing that is tried."""
        return MOST_STEPS if self._cuts < MOST_CUT else FEW_STEPS

    def know(self, goal: Goal) -> None:
        """Take down that a goal has a design."""
        self._known[goal] = True

    def has_design(self, goal: Goal) -> bool:
        """Whether a goal has a design; not so where that is too much work."""
        if goal not in self._known:
            try:
                found = not self._stopped and not Lattice(goal, most=self.most).empty
            except DeconvcalcError:
                found, self.cut = False, True
                self._cuts += 1
            except KeyboardInterrupt:
                found, self.cut, self._stopped = False, True, True
            self._known[goal] = found
        return self._known[goal]


def _fewest(goal: Goal, most: int) -> Plan | None:
    from deconvcalc.designer.measures import read_cost

    try:
        search = Search(goal, read_cost("parameters"), most=most)
        found = next(search.paths(), None)
    except (UndecidedError, KeyboardInterrupt):
        return None
    return None if found is None else made_plan(goal, search.lattice.options, found[1])


# Relaxations.


def _relaxed(goal: Goal, trial: Trial) -> Iterator[tuple[str, Iterator[tuple[Any, Goal]]]]:
    """For each argument its relaxations, the least first. What changes least comes first."""
    if goal.shared and len(goal.tracks) > 1:
        yield "shared", _apart(goal, trial)
    for name in ("padding", "output_padding", "kernel_size", "factor", "stride", "dilation"):
        yield name, _wider(goal, name, trial)
    yield "stages", _more_stages(goal)
    yield "growth", _faster(goal, trial)
    for flag in ("aligned", "overlap"):
        if getattr(goal, flag):
            yield flag, iter([(False, goal.replace(**{flag: False}))])
    if not goal.checkerboard:
        yield "checkerboard", iter([(True, goal.replace(checkerboard=True))])
    if goal.divisors:
        yield "divisors", _fewer_divisors(goal)
    if goal.receptive_field:
        yield "receptive_field", _smaller_fields(goal, trial)
    if goal.through:
        yield "through", _fewer_sizes(goal)
    for i, budget in enumerate(goal.budgets):
        name = "budgets" if len(goal.budgets) == 1 else f"budgets[{i}]"
        yield name, _dearer(goal, i, budget)
    if type(goal.channels) is not Channels:
        yield "channels", iter([(None, goal.replace(channels=Channels()))])
    yield "op", _more_ops(goal)
    if not goal.holes:
        yield "holes", iter([(True, goal.replace(holes=True))])


def _apart(goal: Goal, trial: Trial) -> Iterator[tuple[Any, Goal]]:
    """Parameters for each track: where each alone has a design of as many stages, so have all."""
    parts = [
        next(t for t, axes in enumerate(goal.tracks) if axis in axes) for axis in range(goal.axes)
    ]
    relaxed = goal.replace(
        shared=False, bounds=goal.bounds * len(goal.tracks), parts_of_axes=tuple(parts)
    )
    if len(goal.ops) > 1 or goal.through or goal.budgets:
        yield False, relaxed
        return
    alone = [
        goal.replace(
            axes=1,
            tracks=((0,),),
            parts_of_axes=(0,),
            targets=(goal.targets[track],),
            sources=(goal.sources[track],),
            at=None if goal.at is None else (goal.at[track],),
            receptive_field=goal.receptive_field[track : track + 1],
        )
        for track in range(len(goal.tracks))
    ]
    for stages in goal.stages:
        if all(trial.has_design(one.replace(stages=(stages,))) for one in alone):
            trial.know(relaxed)
            yield False, relaxed
            return


def _smallest(ways: list[tuple[Any, Goal]], trial: Trial) -> Iterator[tuple[Any, Goal]]:
    """Of relaxations each of which allows what those before it do, the first with a design."""
    if not ways or not trial.has_design(ways[-1][1]):
        return
    low, high = 0, len(ways) - 1
    while low < high:
        middle = (low + high) // 2
        if trial.has_design(ways[middle][1]):
            high = middle
        else:
            low = middle + 1
    yield ways[low]


def _wider(goal: Goal, name: str, trial: Trial) -> Iterator[tuple[Any, Goal]]:
    """A parameter's bounds wider: by 1, by 2, ..."""
    from deconvcalc.solver.query import USED

    used = any(name in USED[op] or (op == "pixel_shuffle" and name != "stride") for op in goal.ops)
    if not used or any(getattr(bound, name) is None for bound in goal.bounds):
        return
    if name == "factor" and not {"resize_conv", "pixel_shuffle"} & set(goal.ops):
        return
    if name == "dilation" and goal.receptive_field:
        return

    def way(radius: int) -> tuple[Any, Goal]:
        bounds = [
            bound.replace(**{name: getattr(bound, name).widened(radius, LEAST[name])})
            for bound in goal.bounds
        ]
        wide = [str(getattr(bound, name)) for bound in bounds]
        value: Any = wide[0] if goal.shared else tuple(wide)
        return value, goal.replace(bounds=tuple(bounds))

    radius = 1
    while not trial.has_design(way(radius)[1]):
        radius *= 2
        if radius > WIDEST.get(name, WIDE):
            return
    yield from _smallest([way(one) for one in range(radius // 2 + 1, radius + 1)], trial)


def _more_stages(goal: Goal) -> Iterator[tuple[Any, Goal]]:
    """More stages than asked for, or fewer."""
    low, high = goal.stages[0], goal.stages[-1]
    far = min(high + 6, MOST_STAGES)
    for distance in range(1, max(low, far - high + 1)):
        for one in (low - distance, high + distance):
            if 1 <= one <= far and goal.channels.fits((one,)):
                yield one, goal.replace(stages=(one,))


def _faster(goal: Goal, trial: Trial) -> Iterator[tuple[Any, Goal]]:
    if goal.growth is None:
        return
    ways = []
    for most in range(int(goal.growth) + 1, int(goal.growth) + 7):
        bounds = [
            bound.replace(
                stride=_up_to(bound.stride, goal.growth, most),
                factor=_up_to(bound.factor, goal.growth, most),
                kernel_size=bound.kernel_size,
            )
            for bound in goal.bounds
        ]
        ways.append((most, goal.replace(growth=Fraction(most), bounds=tuple(bounds))))
    yield from _smallest(ways, trial)


def _up_to(choices: Choices, growth: Fraction, most: int) -> Choices:
    """A bound that goes as far as the growth goes with it; any other is the user's."""
    if choices.last != -(-growth.numerator // growth.denominator) or len(choices.parts) > 1:
        return choices
    return Choices(range(choices.first, most + 1))


def _fewer_divisors(goal: Goal) -> Iterator[tuple[Any, Goal]]:
    for i in range(len(goal.divisors)):
        left = goal.divisors[:i] + goal.divisors[i + 1 :]
        yield dict(left), goal.replace(divisors=left)
    yield {}, goal.replace(divisors=())


def _smaller_fields(goal: Goal, trial: Trial) -> Iterator[tuple[Any, Goal]]:
    ways = []
    field = goal.receptive_field
    largest = max(field)
    steps = range(largest - 1, 0, -1) if largest <= 4096 else [largest >> i for i in range(1, 60)]
    for most in steps:
        if most < 1:
            break
        fields = tuple([min(one, most) for one in field])
        shown = fields[0] if len(set(fields)) == 1 else fields
        ways.append((shown, goal.replace(receptive_field=fields)))
    yield from _smallest(ways, trial)


def _fewer_sizes(goal: Goal) -> Iterator[tuple[Any, Goal]]:
    for i in range(len(goal.through)):
        left = goal.through[:i] + goal.through[i + 1 :]
        shown = [in_order(goal, sizes) for sizes in left]
        yield shown, goal.replace(through=left)
    yield [], goal.replace(through=())


def _dearer(goal: Goal, place: int, budget: Budget) -> Iterator[tuple[Any, Goal]]:
    """The least of the cost that the rest of the goal allows."""
    others = goal.budgets[:place] + goal.budgets[place + 1 :]
    search = Search(goal.replace(budgets=others), budget.cost)
    found = next(search.paths(), None)
    if found is not None:
        least = search.charge.exact(found[0])
        budgets = (*goal.budgets[:place], Budget(budget.cost, least), *goal.budgets[place + 1 :])
        yield {budget.cost.name: number(least)}, goal.replace(budgets=budgets)


def _more_ops(goal: Goal) -> Iterator[tuple[Any, Goal]]:
    possible = [
        op
        for op in (UP if goal.direction == "up" else DOWN)
        if op != "pixel_shuffle" or goal.axes == 2
    ]
    for op in possible:
        if op not in goal.ops:
            wider = [one for one in possible if one in goal.ops or one == op]
            yield wider, goal.replace(ops=tuple(wider))


def _pair(goal: Goal, trial: Trial) -> tuple[dict[str, Any], Goal | None]:
    """Two arguments relaxed together: each as far as it goes."""
    loosest: list[tuple[str, Any, Callable[[Goal], Goal | None]]] = [
        (name, value, change) for name, value, change in _loosest(goal)
    ]
    for one, other in combinations(loosest, 2):
        first = one[2](goal)
        both = None if first is None else other[2](first)
        if both is not None and trial.has_design(both):
            return {one[0]: one[1], other[0]: other[1]}, both
    return {}, None


def _loosest(goal: Goal) -> Iterator[tuple[str, Any, Callable[[Goal], Goal | None]]]:
    """Each argument as loose as it can be: what it becomes, and the goal with it."""

    def flag(name: str, value: Any) -> tuple[str, Any, Callable[[Goal], Goal | None]]:
        return name, value, lambda one: one.replace(**{name: value})

    def wide(name: str, by: int) -> tuple[str, Any, Callable[[Goal], Goal | None]]:
        def change(one: Goal) -> Goal:
            bounds = []
            for bound in one.bounds:
                choices = getattr(bound, name)
                wider = None if choices is None else choices.widened(by, LEAST[name])
                bounds.append(bound.replace(**{name: wider}))
            return one.replace(bounds=tuple(bounds))

        shown = getattr(change(goal).bounds[0], name)
        return name, str(shown), change

    for name in ("padding", "output_padding", "kernel_size", "stride"):
        if getattr(goal.bounds[0], name) is not None:
            yield wide(name, 8)
    far = min(goal.stages[-1] + 4, MOST_STAGES)
    fitting = goal.channels.fits(tuple(range(1, far + 1)))
    if fitting and fitting != goal.stages:
        yield flag("stages", fitting)
    if goal.growth is not None:
        yield flag("growth", None)
    for name, value in (
        ("aligned", False),
        ("overlap", False),
        ("checkerboard", True),
        ("divisors", ()),
        ("receptive_field", ()),
        ("through", ()),
        ("budgets", ()),
        ("holes", True),
    ):
        if getattr(goal, name) != value:
            yield flag(name, value)
    if type(goal.channels) is not Channels:
        yield flag("channels", Channels())


# Nearest targets.


def nearest(goal: Goal, trial: Trial) -> tuple[Any, Any]:
    """The nearest targets below and above that have a design in the same space, or None."""
    try:
        _, moves = alphabet(goal)
    except DeconvcalcError:
        return None, None
    found = reached(goal, moves)
    below = above = None
    tried = 0
    for sizes in found:
        small = all(value(one, other) for one, other in zip(sizes, goal.targets, strict=True))
        large = all(value(other, one) for one, other in zip(sizes, goal.targets, strict=True))
        if small == large or (small and below is not None) or (large and above is not None):
            continue
        tried += 1
        if tried > MOST_TARGETS or (below is not None and above is not None):
            break
        if trial.has_design(goal.replace(targets=sizes)):
            shown = in_order(goal, sizes)
            below, above = (shown, above) if small else (below, shown)
    return below, above


def value(one: Any, other: Any) -> bool:
    """Whether a size is at most another: in n, with the same rate."""
    if isinstance(one, int):
        return bool(one <= other)
    same = one[0] == other[0] and one[2] == other[2]
    return bool(same and one[1] <= other[1])


# The sentence.


def _text(goal: Goal, relaxation: dict[str, Any], *, cut: bool) -> str:
    every, _ = alphabet(goal)
    stages = f"{goal.stages[0]}..{goal.stages[-1]}" if len(goal.stages) > 1 else goal.stages[0]
    if not every:
        asked = [name for name, off in _ASKED.items() if getattr(goal, name) != off]
        blame = ", ".join([_SAID[name] for name in asked]) or "the bounds"
        return f"no stage is left to choose: {blame} and the bounds exclude each other"
    if not relaxation:
        far = ", as far as was tried" if cut else ""
        return f"no chain of {stages} such stages comes to the target, also with wider bounds{far}"
    named = " and ".join([_NAMED.get(name, name) for name in relaxation])
    verb = "forbids" if len(relaxation) == 1 else "together forbid"
    return f"{named} {verb} it: no chain of {stages} such stages comes to the target"


_ASKED: dict[str, Any] = {
    "checkerboard": True,
    "holes": True,
    "overlap": False,
    "divisors": (),
}

_NAMED = {"shared": "that all axes share their parameters"}

_SAID = {
    "checkerboard": "no checkerboard",
    "holes": "no holes",
    "overlap": "overlap",
    "divisors": "the divisors",
}
