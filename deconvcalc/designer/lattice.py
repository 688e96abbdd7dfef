"""What a goal compiles to: a layered graph whose paths from the start to the end are the designs.

A state holds what later stages need and nothing else, so that designs which differ only before it
are one. Search, Pareto fronts, counting, indexing and sampling all run on this graph. What cannot
reach the end is not in it, so a walk along the arcs has no dead ends.
"""

from __future__ import annotations

from math import floor, lcm, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from deconvcalc import costs
from deconvcalc.designer.candidates import POOLS, Move, alphabet, needed
from deconvcalc.designer.ways import MOST_STEPS, Ways

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from deconvcalc.designer.candidates import Option, Size
    from deconvcalc.designer.goals import Goal
    from deconvcalc.designer.measures import Budget

__all__ = ["END", "Arc", "Lattice", "Step", "expanded", "places"]


class State(NamedTuple):
    """What later stages need to know.

    Attributes:
        sizes: for each track.
        channels: what the rule for channels needs.
        met: how many of the sizes to pass through are behind.
        needs: for each track how many outputs here must be seen together, or ().
        spent: for each budget that adds up what was spent, in whole numbers where it can be.
        peak: the largest memory of a stage so far; 0 where nobody asks.
    """

    sizes: tuple[Size, ...]
    channels: int
    met: int
    needs: tuple[int, ...]
    spent: tuple[Any, ...]
    peak: int


END: tuple[()] = ()
"""The state after the last stage. All designs end in it, and nothing leaves it."""


class Arc(NamedTuple):
    """One option of a stage at a state.

    Attributes:
        option: the id of the option.
        choice: the id of the channels chosen.
        state: the state that it leads to.
        costs: parameters, multiply-accumulates, memory in bytes; where the state holds the peak,
            how much the peak grows instead.
    """

    option: int
    choice: int
    state: Any
    costs: tuple[int, int, int]


class Step(NamedTuple):
    """Several options at once, which lead to one state.

    Attributes:
        move: the options.
        choice: the id of the channels chosen.
        state: the state that it leads to.
        after: the sizes that it gives, for each track.
        channels: how many go in, and how many come out.
        weight: how many parameters a tap costs.
        bias: how many parameters it costs besides.
        work: how many multiply-accumulates a tap costs.
        memory: as in `Arc`.
    """

    move: Move
    choice: int
    state: Any
    after: tuple[Size, ...]
    channels: tuple[int, int]
    weight: int
    bias: int
    work: int
    memory: int


class Purse:
    """A budget that adds up, in whole numbers where it can be.

    Attributes:
        function: the user's; or None.
        weights: of parameters and multiply-accumulates.
        most: the most that may be spent.
        rest: for each number of stages done and each size the least that is still to pay, so that
            what cannot be kept is seen early; () where that is not known.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.function = budget.cost.function
        scale = lcm(*[weight.denominator for weight in budget.cost.weights])
        self.weights = tuple([int(weight * scale) for weight in budget.cost.weights])
        most = budget.most * scale
        self.most: Any = most if self.function is not None else floor(most)
        self.rest: Sequence[dict[Any, int]] = ()

    def look_ahead(self, goal: Goal) -> None:
        """Find the least that is still to pay, where sizes and stages tell."""
        from deconvcalc.designer.search import least_ahead

        if self.function is None:
            self.rest = least_ahead(goal, self.budget.cost)


class Lattice:
    """The graph of a goal.

    Args:
        goal: the goal.
        peak: whether states hold the largest memory so far, so that it adds like other costs.
        most: so many steps are looked at, and no more.

    Attributes:
        options: the alphabet; an option's id is its index.
        moves: the options as moves.
        start: the state before the first stage.
        depth: how many stages there are at most.
        empty: whether there is no design.
    """

    def __init__(self, goal: Goal, *, peak: bool = False, most: int = MOST_STEPS) -> None:
        self.goal = goal
        self.most = most
        # A budget that weighs memory with other costs adds up where the peak does.
        self.peak = peak or any(
            b.cost.has_peak and not b.is_peak and b.cost.function is None for b in goal.budgets
        )
        self.options: tuple[Option, ...]
        self.options, self.moves = alphabet(goal)
        self.depth = goal.stages[-1]
        self.start: Any = State(
            goal.sources,
            goal.channels.start,
            self._met(goal.sources, 0) or 0,
            goal.receptive_field,
            tuple([0 for budget in goal.budgets if not budget.is_peak]),
            0,
        )
        self._peaks = [budget for budget in goal.budgets if budget.is_peak]
        self._sums = [Purse(budget) for budget in goal.budgets if not budget.is_peak]
        self._layers: list[dict[Any, list[Step]]] | None = None
        self._ways: Ways | None = None

    @property
    def ways(self) -> Ways:
        """The ways between sizes."""
        if self._ways is None:
            self._ways = Ways(self.goal, self.moves, self.most)
        return self._ways

    @property
    def layers(self) -> list[dict[Any, list[Step]]]:
        """For each number of stages done the states, and the steps that lead on from them."""
        if self._layers is None:
            self._layers = self._built()
        return self._layers

    @property
    def is_built(self) -> bool:
        """Whether all of it is there: it is made when it is first asked about."""
        return self._layers is not None

    @property
    def empty(self) -> bool:
        """Whether there is no design."""
        return not self.ways.alive[0] or not self.layers[0]

    # What everything else runs on.

    def steps(self, depth: int, state: Any) -> Sequence[Step]:
        """What leads on from a state, several options at once."""
        return self.layers[depth].get(state, ()) if state != END else ()

    def arcs(self, depth: int, state: Any) -> Sequence[Arc]:
        """What leads on from a state, by option and choice; of equal ones the end first."""
        made = [arc for step in self.steps(depth, state) for arc in expanded(step)]
        made.sort(key=lambda arc: (arc.option, arc.choice, arc.state != END))
        return made

    def final(self, depth: int, state: Any) -> bool:  # noqa: ARG002  # the end is one state
        """Whether a design ends here."""
        return bool(state == END)

    def count(self) -> int:
        """How many designs there are, exactly."""
        from deconvcalc.designer.chains import count

        return count(self)

    def paths(self) -> Iterator[tuple[tuple[int, int], ...]]:
        """All designs, in the order of their options: for each stage the option and the choice."""

        def on(depth: int, state: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
            for arc in self.arcs(depth, state):
                longer = (*path, (arc.option, arc.choice))
                if arc.state == END:
                    yield longer
                else:
                    yield from on(depth + 1, arc.state, longer)

        yield from on(0, self.start, ())

    # Building.

    def _built(self) -> list[dict[Any, list[Step]]]:
        """Forwards all states that are reached, then backwards those that reach the end."""
        ahead = self.ways.alive
        if not ahead[0]:
            return [{} for _ in range(self.depth)]
        for purse in self._sums:
            purse.look_ahead(self.goal)
        layer: dict[Any, list[Step]] = {self.start: []}
        layers: list[dict[Any, list[Step]]] = []
        for depth in range(self.depth):
            found: dict[Any, list[Step]] = {}
            following: dict[Any, list[Step]] = {}
            for state in layer:
                steps = found[state] = list(self._steps(depth, state, ahead))
                for step in steps:
                    if step.state != END:
                        following[step.state] = []
            layers.append(found)
            layer = following
        alive: Any = ()
        for depth in range(self.depth - 1, -1, -1):
            kept = {}
            for state, steps in layers[depth].items():
                left = [step for step in steps if step.state == END or step.state in alive]
                if left:
                    kept[state] = left
            layers[depth] = alive = kept
        return layers

    def _met(self, sizes: tuple[Size, ...], met: int) -> int | None:
        """How many sizes to pass through are behind; None where one was passed by."""
        through = self.goal.through
        if met < len(through) and sizes == through[met]:
            met += 1
        if met < len(through):
            up = self.goal.direction == "up"
            for size, wanted in zip(sizes, through[met], strict=True):
                if _beyond(size, wanted) if up else _beyond(wanted, size):
                    return None
        return met

    def _steps(self, depth: int, state: Any, ahead: list[set[tuple[Size, ...]]]) -> Iterator[Step]:
        goal = self.goal
        sizes, channels, met, needs, spent, peak = state
        deep = goal.channels.count(channels)
        numbers = goal.numbers(sizes)
        turns = list(goal.channels.steps(depth, channels, goal.stages))
        multiple = next((by for name, by in goal.divisors if name == "channels"), 1)
        turns = [turn for turn in turns if turn[1] % multiple == 0]  # type: ignore[operator]
        ways = self.ways.out.get(sizes, ())
        self.ways.count(len(ways) * len(turns))
        for move, after in ways:
            ends = after == goal.targets
            goes_on = after in ahead[depth + 1]
            if not ends and not goes_on:
                continue
            now = self._met(after, met)
            if now is None:
                continue
            wanted = self._needs(move, needs) if needs else ()
            for choice, made, following, last in turns:
                if last and not (ends and now == len(goal.through) and max(wanted, default=1) == 1):
                    continue
                if not last and not goes_on:
                    continue
                if made != deep and move.op in POOLS:
                    continue
                weight, bias, work, memory = self.charges(move, deep, made, numbers, after)
                if any(memory * b.cost.weights[2] > b.most for b in self._peaks):
                    continue
                if self.peak:
                    highest = max(peak, memory)
                    memory = highest - peak
                else:
                    highest = 0
                to: Any = END if last else after
                charges = weight, bias, work, memory
                paid = self._paid(depth, spent, move, sizes, to, after, (deep, made), charges)
                if paid is None:
                    continue
                to = END if last else State(after, following, now, wanted, paid, highest)
                yield Step(move, choice, to, after, (deep, made), weight, bias, work, memory)

    def _needs(self, move: Move, needs: tuple[int, ...]) -> tuple[int, ...]:
        parts = [self.goal.parts_of_axes[axes[0]] for axes in self.goal.tracks]
        return tuple(
            [
                needed(move.op, move.parts[part], reach)
                for part, reach in zip(parts, needs, strict=True)
            ]
        )

    def charges(
        self,
        move: Move,
        inputs: int,
        outputs: int,
        numbers: tuple[int, ...],
        after: tuple[Size, ...],
    ) -> tuple[int, int, int, int]:
        """For a move: parameters and work of each tap, of the bias, and the bytes held at once.

        Args:
            move: the move.
            inputs: how many channels go in.
            outputs: how many come out.
            numbers: the sizes before it, as numbers.
            after: the sizes after it.
        """
        goal = self.goal
        each = goal.sizes(numbers)
        then = goal.sizes(goal.numbers(after))
        made = costs.memory(outputs, then) or 0
        held = costs.memory(inputs, each) or 0
        if move.op in POOLS:
            return 0, 0, 0, held + made
        wide = outputs * move.shuffle
        if move.op == "resize_conv":
            factors = [move.parts[part].factor for part in goal.parts_of_axes]
            large = costs.memory(inputs, [n * f for n, f in zip(each, factors, strict=True)]) or 0
            peak = max(held + large, large + made)
        elif move.op == "pixel_shuffle":
            peak = max(held, made) + made
        else:
            peak = held + made
        weight = costs.weights(1, inputs, wide)
        work = weight * places(move, prod(each), prod(then))
        return weight, wide if goal.bias else 0, work, peak

    def _paid(
        self,
        depth: int,
        spent: tuple[Any, ...],
        move: Move,
        sizes: tuple[Size, ...],
        to: Any,
        after: tuple[Size, ...],
        channels: tuple[int, int],
        charges: tuple[int, int, int, int],
    ) -> tuple[Any, ...] | None:
        """What was spent of each budget after a step; None where it cannot be kept any more."""
        if not spent:
            return ()
        taps = move.taps[0]  # with such budgets every move is one option
        weight, bias, work, grown = charges
        total = []
        for before, purse in zip(spent, self._sums, strict=True):
            paid: Any
            if purse.function is not None:
                paid = self.asked(purse.function, move.options[0], sizes, after, channels)
            else:
                parameters, macs, memory = purse.weights
                paid = parameters * (weight * taps + bias) + macs * work * taps + memory * grown
            rest: int | None = 0
            if to != END and purse.rest:
                rest = purse.rest[depth + 1].get(to)
                if rest is None:
                    return None
            if before + paid + rest > purse.most:
                return None
            total.append(before + paid)
        return tuple(total)

    def asked(
        self,
        function: Callable[[Any], Any],
        option: int,
        sizes: tuple[Size, ...],
        after: tuple[Size, ...],
        channels: tuple[int, int],
    ) -> Fraction:
        """What a user's function says of a stage."""
        from deconvcalc.designer.plans import Stage, user_cost

        goal = self.goal
        stage = Stage(
            self.options[option],
            goal.sizes(goal.numbers(sizes)),
            goal.sizes(goal.numbers(after)),
            channels,
            goal.parts_of_axes,
            goal.bias,
        )
        return user_cost(function, stage)


def places(move: Move, before: int, after: int) -> int:
    """At how many places a stage multiplies: a transposed convolution on its input.

    Args:
        move: what it does.
        before: the pixels that come in.
        after: the pixels that go out.
    """
    if move.op == "conv_transpose":
        return before
    return after // move.shuffle


def expanded(step: Step) -> Iterator[Arc]:
    """The options of a step, the fewest taps first."""
    for option, taps in zip(step.move.options, step.move.taps, strict=True):
        paid = (step.weight * taps + step.bias, step.work * taps, step.memory)
        yield Arc(option, step.choice, step.state, paid)


def _beyond(one: Any, other: Any) -> bool:
    """Whether a size lies beyond another: for sizes in n, for some n."""
    if isinstance(one, int):
        return bool(one > other)
    return one != other and not _below_any(one, other)


def _below_any(one: Any, other: Any) -> bool:
    """Whether floor((a*n + b)/c) <= floor((A*n + B)/C) for all n from far on."""
    return bool((one[0] * other[2], one[1] * other[2]) <= (other[0] * one[2], other[1] * one[2]))
