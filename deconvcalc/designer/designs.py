"""`design`: the best designs within a stated space, proved, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from heapq import heappush, heapreplace
from itertools import islice
from typing import TYPE_CHECKING, Any, overload

from deconvcalc.designer.fronts import Front
from deconvcalc.designer.goals import Goal, read_goal
from deconvcalc.designer.measures import Cost, read_cost
from deconvcalc.designer.plans import Plan, made_plan, number
from deconvcalc.designer.search import Search
from deconvcalc.errors import QueryError
from deconvcalc.solver.choices import Choices
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from deconvcalc.designer.lattice import Lattice
    from deconvcalc.designer.reasons import Reason
    from deconvcalc.designer.search import Path

__all__ = ["Designs", "design", "find"]

TOP = 10
"""So many designs are listed where nobody says how many."""

MOST_LISTED = 10_000
"""At most so many designs are listed."""

MOST_ENUMERATED = 200_000
"""So many designs are tried out at most for a cost that does not add over the stages."""


class Designs(Sequence[Plan]):
    """The best designs, best first: a sequence of plans, with what is proved about them.

    Attributes:
        goal: what was asked.
        costs: the cost, or the costs of a front.
        values: what each plan costs: a number, or one for each cost of a front.
        proved: whether these are the exact optimum within the stated space: the best ones, in
            order, or the front. False where the search was interrupted; `certain` says how many.
        certain: how many of the plans are proved to be the best, from the first on.
        complete: whether all designs of the space, or of the front, are listed.
        bound: no design that is not listed costs less: a number, or one for each cost of a front;
            None where there is none, or where nothing is known.
        method: how it was proved: "search", "front" or "enumeration".
        tried: how many designs an enumeration has tried out; else None.
        interrupted: whether the search was interrupted (Ctrl-C).
    """

    def __init__(
        self,
        goal: Goal,
        costs: tuple[Cost, ...],
        plans: Sequence[Plan],
        values: Sequence[Any],
        **facts: Any,
    ) -> None:
        self.goal = goal
        self.costs = costs
        self.values = tuple(values)
        self._plans = tuple(plans)
        self.complete: bool = facts["complete"]
        self.interrupted: bool = facts.get("interrupted", False)
        self.proved: bool = not self.interrupted
        self.certain: int = facts.get("certain", len(self._plans))
        self.bound: Any = facts.get("bound")
        self.method: str = facts.get("method", "search")
        self.tried: int | None = facts.get("tried")

    def __len__(self) -> int:
        return len(self._plans)

    @overload
    def __getitem__(self, index: int) -> Plan: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Plan, ...]: ...

    def __getitem__(self, index: Any) -> Any:
        return self._plans[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Designs) and self._plans == other._plans

    def __hash__(self) -> int:
        return hash(self._plans)

    @property
    def best(self) -> Plan | None:
        """The first plan, or None."""
        return self._plans[0] if self._plans else None

    @property
    def is_front(self) -> bool:
        """Whether it is a Pareto front."""
        return len(self.costs) > 1

    @cached_property
    def reason(self) -> Reason | None:
        """Why there is no design, what is near, and the smallest relaxation; None with one."""
        if self._plans or self.interrupted:
            return None
        from deconvcalc.designer.reasons import explain

        return explain(self.goal)

    @property
    def statement(self) -> str:
        """What is proved, in a sentence."""
        from deconvcalc.render.plans import statement

        return statement(self)

    @property
    def space(self) -> dict[str, str]:
        """The space that the statement is about: each bound and constraint, as text."""
        from deconvcalc.render.plans import described

        return described(self.goal)

    @property
    def text(self) -> str:
        """The designs as a table."""
        from deconvcalc.render.plans import designs_sheet
        from deconvcalc.render.text import plain

        return plain(designs_sheet(self))

    def to_record(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "space": self.space,
            "costs": [cost.name for cost in self.costs],
            "method": self.method,
            "proved": self.proved,
            "certain": self.certain,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "bound": list(self.bound) if isinstance(self.bound, tuple) else self.bound,
            "statement": self.statement,
            "count": len(self),
            "designs": [
                {"cost": list(value) if isinstance(value, tuple) else value} | plan.to_record()
                for value, plan in zip(self.values, self._plans, strict=True)
            ],
            "reason": None if self.reason is None else self.reason.to_record(),
        }

    def __str__(self) -> str:
        return self.text

    def __rich__(self) -> Any:
        from deconvcalc.render.plans import designs_sheet
        from deconvcalc.render.terminal import shown

        return shown(designs_sheet(self))

    def __repr__(self) -> str:
        return f"<Designs: {len(self)}, {self.statement}>"


def design(
    target: Any,
    *,
    source: Any = None,
    stages: Any = None,
    op: Any = None,
    channels: Any = None,
    cost: Any = "parameters",
    top: int | None = None,
    additive: bool = True,
    kernel_size: Any = None,
    stride: Any = None,
    padding: Any = None,
    output_padding: Any = None,
    dilation: Any = None,
    factor: Any = None,
    divisors: Any = None,
    growth: Any = None,
    holes: bool = False,
    checkerboard: bool = True,
    aligned: bool = False,
    overlap: bool = False,
    through: Any = (),
    receptive_field: Any = None,
    budgets: Any = None,
    shared: bool = True,
    axes: int | None = None,
    bias: bool = True,
) -> Designs:
    """The best decoders (upwards) or encoders (downwards) from one size to another, proved best.

    Args:
        target: the output size, an int or a tuple of one per axis; or text in n, such as "32*n" or
            "ceil(n/32)": then the designs are right for every n from 1 on whose target is at least
            1. An int is for all axes.
        source: the input size, likewise. For a target in n, the n that costs are counted at.
        stages: how many stages: an int, a range or a list; by default 1 to 6.
        op: what a stage may be, one name, a list of names, or "any". A decoder has
            "conv_transpose" (the default), "resize_conv", "pixel_shuffle" (a convolution, then a
            pixel shuffle) and "conv"; an encoder "conv" (the default), "max_pool" and "avg_pool".
        channels: (512, 3): 512 come in, half at each stage, the last gives 3; an encoder's pair is
            read from its end, so that channels double. A list has one count for the input and one
            for each stage, or lists to choose from; (512, [256, 128, 64], 3) chooses for all
            stages between. Without it, 1 everywhere.
        cost: "parameters", "macs" (multiply-accumulates), "memory" (peak activation memory, in
            bytes of float32); a dict of weights such as {"parameters": 1, "macs": 0.01}; a function
            of a `Stage` that gives a number of at least 0, and adds over the stages. A list of two
            or three of them asks for the Pareto front.
        top: how many designs; by default 10, and all of a front.
        additive: False for a function of the whole plan: then the best are found by trying out
            every design, and the result says so.
        kernel_size: what it may be: an int, a range or a list; by default 1 to 8, or to twice the
            largest stride if that is more. With shared=False a tuple has one of these per axis.
        stride: likewise; by default up to the growth. Stages that keep the direction only: the
            convolutions of a decoder have stride 1.
        padding: likewise; by default 0 to dilation*(kernel_size - 1), half the kernel for pools.
        output_padding: likewise; by default all that PyTorch takes.
        dilation: likewise; by default 1.
        factor: of a resize or a pixel shuffle; by default 2 up to the growth.
        divisors: what must divide what: {"kernel_size": "stride", "size": 4, "channels": 8}.
        growth: how much a stage may enlarge at most, or an encoder's reduce; "any" for no bound.
            By default 2, or the least whole number that can come to the target. For an encoder in
            n it is the rate: n//2 reduces by 2, though it takes 3 to 1.
        holes: whether outputs without a tap, and inputs that no window reads, are allowed.
        checkerboard: whether uneven overlap is allowed (Odena et al. 2016).
        aligned: whether every stage must keep pixel centres within 1/2 input pixel.
        overlap: whether every window must be longer than its stride.
        through: sizes to pass through, such as [14, 28], where skip connections join.
        receptive_field: how many inputs the output that sees most must at least span.
        budgets: the most that a design may cost: {"macs": 10**9}, or pairs of a cost and its bound.
        shared: whether all axes have the same parameters; False lets each have its own.
        axes: how many axes an int stands for; by default 2.
        bias: whether convolutions add one.

    Returns:
        The designs, best first; equal ones by their options. They are proved to be the best within
        the space that these arguments state. Ctrl-C ends the search with what is known then.

    Raises:
        QueryError: an argument that makes no sense, or arguments that contradict each other; a
            function that raises, or gives what is negative or no finite number.
        UndecidedError: more work than the stated limit.
        TypeError: a wrong type.

    Source of the pixel shuffle: Shi et al. 2016.

    >>> plans = design(224, source=7, stages=range(1, 7), channels=(512, 3), kernel_size=4)
    >>> plans.best.sizes, plans.proved
    ((7, 14, 28, 56, 112, 224), True)
    """
    goal = read_goal(
        target,
        source=source,
        stages=stages,
        op=op,
        channels=channels,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        factor=factor,
        divisors=divisors,
        growth=growth,
        holes=holes,
        checkerboard=checkerboard,
        aligned=aligned,
        overlap=overlap,
        through=through,
        receptive_field=receptive_field,
        budgets=budgets,
        shared=shared,
        axes=axes,
        bias=bias,
    )
    return find(goal, cost, top, additive=additive)


def find(
    goal: Goal,
    cost: Any,
    top: int | None = None,
    *,
    additive: bool = True,
    part: Callable[..., Lattice] | None = None,
) -> Designs:
    """The best designs of a goal that was read already: see `design`.

    `part` makes a part of the goal's lattice to search in, given `peak`.
    """
    if not isinstance(additive, bool):
        raise TypeError(f"additive must be True or False, not {additive!r}")
    limit = _limit(top)
    if isinstance(cost, (list, tuple)):
        if not 2 <= len(cost) <= 3:
            raise QueryError(
                f"a front has two or three costs, not {len(cost)}",
                rule="cost",
                hint='Give cost=["parameters", "macs"], or one cost alone.',
            )
        if not additive:
            raise QueryError(
                "a front needs costs that add over the stages",
                rule="additive",
                hint="Leave additive out.",
            )
        return _front(goal, tuple([read_cost(one) for one in cost]), limit, part)
    read = read_cost(cost, additive=additive)
    if not additive and read.function is None:
        raise QueryError(
            f"{read.name} adds over the stages, or is a peak: it needs no enumeration",
            rule="additive",
            hint="Leave additive out.",
        )
    if not read.adds:
        return _enumerated(goal, read, limit or TOP, part)
    return _best(goal, read, limit or TOP, part)


def _limit(top: Any) -> int | None:
    if top is None:
        return None
    count = integer(top)
    if count is None:
        raise TypeError(f"top must be an int, not {top!r}")
    if not 1 <= count <= MOST_LISTED:
        raise QueryError(
            f"top must be from 1 to {MOST_LISTED:,}, not {count}",
            rule="top",
            hint="A DesignSpace counts and walks through all designs.",
        )
    return count


def _best(goal: Goal, cost: Cost, top: int, part: Callable[..., Lattice] | None) -> Designs:
    search = Search(goal, cost, part=part)
    found: list[tuple[Any, Path]] = []
    interrupted = complete = False
    certain = 0
    try:
        paths = search.paths()
        for one in islice(paths, top):
            found.append(one)  # noqa: PERF402 - what is found before Ctrl-C counts
        certain = len(found)
        complete = len(found) < top or next(paths, None) is None
    except KeyboardInterrupt:
        interrupted = True
        certain = len(found)
        if not found:
            found = search.any_path()
    plans = [made_plan(goal, search.lattice.options, path) for _, path in found]
    exact = search.charge.exact
    values = [number(exact(value)) for value, _ in found]
    bound = None if search.bound is None or complete else number(exact(search.bound))
    if interrupted and not plans and part is None:  # a part may lack that design
        plans, values, bound = _some_design(goal, cost)
    return Designs(
        goal,
        (cost,),
        plans,
        values,
        complete=complete and not interrupted,
        interrupted=interrupted,
        certain=certain,
        bound=bound,
    )


def _some_design(goal: Goal, cost: Cost) -> tuple[list[Plan], list[int | float], int]:
    """For a search that was interrupted before it knew anything: a design of a smaller space.

    The smaller space has few windows and no choice of padding, so it is searched at once. Nothing
    costs less than 0, which is all that is known then.
    """
    few = Choices(range(2, 5))
    bounds = []
    for bound in goal.bounds:
        kernels = Choices.read("kernel_size", [k for k in bound.kernel_size if k in few] or 1, 1)
        padding = bound.padding or Choices(range(2))
        bounds.append(bound.replace(kernel_size=kernels, padding=padding))
    search = Search(goal.replace(bounds=tuple(bounds)), cost)
    found = next(search.paths(), None)
    if found is None:
        return [], [], 0
    plan = made_plan(goal, search.lattice.options, found[1])
    return [plan], [number(search.charge.exact(found[0]))], 0


def _front(
    goal: Goal,
    costs: tuple[Cost, ...],
    top: int | None,
    part: Callable[..., Lattice] | None,
) -> Designs:
    front = Front(goal, costs, part)
    most = top or MOST_LISTED
    found: list[tuple[Any, Path]] = []
    interrupted = complete = False
    certain = 0
    try:
        paths = front.paths()
        for one in islice(paths, most):
            found.append(one)  # noqa: PERF402 - what is found before Ctrl-C counts
        complete = len(found) < most or next(paths, None) is None
        certain = len(found)
    except KeyboardInterrupt:
        interrupted = True
        certain = len(found)
        if not found:
            unique = dict.fromkeys(front.corners)
            found = [(None, path) for path in unique]
    plans = [made_plan(goal, front.lattice.options, path) for _, path in found]
    values = [
        tuple([number(plan.exact_cost(cost)) for cost in costs])
        if vector is None
        else _numbers(front, vector)
        for plan, (vector, _) in zip(plans, found, strict=True)
    ]
    bound = None if front.ideal is None or complete else _numbers(front, front.ideal)
    return Designs(
        goal,
        costs,
        plans,
        values,
        complete=complete and not interrupted,
        interrupted=interrupted,
        certain=certain,
        bound=bound,
        method="front",
    )


def _numbers(front: Front, vector: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        [number(charge.exact(one)) for charge, one in zip(front.charges, vector, strict=True)]
    )


def _enumerated(goal: Goal, cost: Cost, top: int, part: Callable[..., Lattice] | None) -> Designs:
    from deconvcalc.designer.lattice import Lattice as Whole

    lattice = part() if part else Whole(goal)
    total = lattice.count()
    if total > MOST_ENUMERATED:
        raise QueryError(
            f"a cost that does not add over the stages is exact only by trying out all designs, "
            f"and there are {total:,}, more than {MOST_ENUMERATED:,}",
            rule="cost",
            hint="Narrow the space, or give a cost of a Stage that adds over the stages.",
        )
    # The worst of the best is at the top: (-cost, -number), so that of equal ones the last goes.
    kept: list[tuple[Fraction, int, Plan]] = []
    interrupted, tried = False, 0
    try:
        for path in lattice.paths():
            plan = made_plan(goal, lattice.options, path)
            value = plan.exact_cost(cost)
            tried += 1
            if len(kept) < top:
                heappush(kept, (-value, -tried, plan))
            elif -value > kept[0][0]:
                heapreplace(kept, (-value, -tried, plan))
    except KeyboardInterrupt:
        interrupted = True
    kept.sort(key=lambda one: (-one[0], -one[1]))
    return Designs(
        goal,
        (cost,),
        [plan for _, _, plan in kept],
        [number(-value) for value, _, _ in kept],
        complete=not interrupted and len(kept) == total,
        interrupted=interrupted,
        certain=0 if interrupted else len(kept),
        bound=0 if interrupted else None,
        method="enumeration",
        tried=tried,
    )
