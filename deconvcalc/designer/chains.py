"""The designs of a lattice as walks: chains of choices, of which every one is there once.

In a lattice the same choice may lead to the end and onwards. Here the two together are one state,
so that a chain of choices says where it leads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.designer.channels import Chosen, Doubling, Listed
from deconvcalc.designer.lattice import END, Lattice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.designer.goals import Goal
    from deconvcalc.designer.lattice import Step

__all__ = ["Chains", "count", "counts", "ids_of"]

States = tuple[int, ...]
"""The numbers of states of the lattice at one depth, ascending; ENDS where a chain may end here."""

ENDS = -1


class Chains:
    """The graph of the choices of a lattice; a choice is option * (ids of channels) + channels.

    Args:
        lattice: the lattice.

    Attributes:
        start: where chains begin.
        depth: how many stages there are at most.
        channels: how many ids of channels there are.
        lattice: the lattice.
    """

    def __init__(self, lattice: Lattice) -> None:
        self.lattice = lattice
        self.depth = lattice.depth
        self.channels = ids_of(lattice.goal)
        found = counts(lattice)
        self._states = [list(layer) for layer in found]
        self._ways = [[*layer.values(), 1] for layer in found]  # [ENDS] is 1
        self._numbers = [{one: i for i, one in enumerate(layer)} for layer in self._states]
        self.start: States = () if lattice.empty else (self._numbers[0][lattice.start],)

    def count(self, depth: int, state: States) -> int:
        """How many chains lead from a state to the end."""
        if depth == self.depth:
            return len(state)
        ways = self._ways[depth]
        return ways[state[0]] if len(state) == 1 else sum([ways[i] for i in state])

    def states(self, depth: int, state: States) -> list[Any]:
        """The states of the lattice that a state stands for, but for its end."""
        here = self._states[depth] if depth < self.depth else []
        return [here[i] for i in state if i != ENDS]

    def steps(self, depth: int, state: States) -> list[Step]:
        """What leads on from a state."""
        states = self.states(depth, state)
        return [step for one in states for step in self.lattice.steps(depth, one)]

    def arcs(self, depth: int, state: States) -> Sequence[tuple[int, States]]:
        """The choices of a state, ascending, and where each leads."""
        ahead = self._numbers[depth + 1] if depth + 1 < self.depth else {}
        channels = self.channels
        leads: dict[int, States] = {}
        for step in self.steps(depth, state):
            alone = (ENDS if step.state == END else ahead[step.state],)
            for option in step.move.options:
                choice = option * channels + step.choice
                known = leads.get(choice)
                leads[choice] = alone if known is None else tuple(sorted(known + alone))
        return sorted(leads.items())

    def final(self, depth: int, state: States) -> bool:  # noqa: ARG002  # the state says it
        """Whether a chain may end at a state."""
        return bool(state) and state[0] == ENDS


def ids_of(goal: Goal) -> int:
    """How many ids of channels there are; for channels that double they say how many stages."""
    rule = goal.channels
    return goal.stages[-1] if isinstance(rule, Doubling) else rule.choices


def count(lattice: Lattice) -> int:
    """How many chains a lattice has.

    Where a goal asks only for sizes, the ways between them are enough, and the lattice itself need
    not be made.
    """
    goal = lattice.goal
    if type(lattice) is not Lattice or lattice.is_built or not goal.counts_by_size:
        return counts(lattice)[0].get(lattice.start, 0)
    alive, target = lattice.ways.alive[: lattice.depth], goal.targets
    leads: dict[Any, dict[Any, int]] = {}
    for sizes in set().union(*alive):
        into = leads[sizes] = {}
        for move, to in lattice.ways.out.get(sizes, ()):
            into[to] = into.get(to, 0) + len(move.options)
    after: dict[Any, int] = {}
    for depth in range(lattice.depth - 1, -1, -1):
        onwards, last = _turns(goal, depth)
        ahead = {sizes: onwards * chains for sizes, chains in after.items()}
        if last:
            ahead[target] = ahead.get(target, 0) + last
        after = {}
        for sizes in alive[depth]:
            into = leads[sizes]
            after[sizes] = sum([many * ahead[to] for to, many in into.items() if to in ahead])
    return after.get(goal.sources, 0)


def _turns(goal: Goal, depth: int) -> tuple[int, int]:
    """How many channels a stage may choose from, if others follow and if none does."""
    rule, made = goal.channels, depth + 1
    onwards = last = 1
    if isinstance(rule, Listed):
        onwards = last = len(rule.places[made])
    elif isinstance(rule, Chosen):
        onwards = len(rule.between)
    return onwards if made < goal.stages[-1] else 0, last if made in goal.stages else 0


def counts(lattice: Lattice) -> list[dict[Any, int]]:
    """For each depth how many chains lead from each state of a lattice to the end."""
    found: list[dict[Any, int]] = []
    after: dict[Any, int] = {}
    for layer in reversed(lattice.layers):
        here = {}
        for state, steps in layer.items():
            here[state] = sum([_ways(step, after) for step in steps])
        found.append(here)
        after = here
    found.reverse()
    return found


def _ways(step: Step, after: dict[Any, int]) -> int:
    ways = 1 if step.state == END else after[step.state]
    return ways * len(step.move.options)
