"""All ways through a layered graph: counted, put in order and drawn, without a list of them.

A walk is the sequence of the choices of its arcs, from the start to a state where it may end. Walks
stand in the order of their choices, one that ends before those that go on. What is counted here are
walks; the states that they lead through are told apart only where the graph does so.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Block", "Graph", "Node", "Walks", "pick"]

WORD = 64
"""The bits of a random word."""

KEPT = 400_000
"""So many arcs are kept with their nodes, some 30 MB: the graph can make them again."""


class Graph(Protocol):
    """What walks go through: a graph whose arcs lead from each depth to the next.

    An arc begins with its choice and the state that it leads to; what follows is not looked at.
    The choices of the arcs of a state differ, and stand in ascending order.
    """

    @property
    def start(self) -> Any:
        """The state where walks begin; states are hashable."""

    @property
    def depth(self) -> int:
        """How long a walk may be."""

    def arcs(self, depth: int, state: Any) -> Sequence[Any]:
        """What may be chosen at a state."""

    def final(self, depth: int, state: Any) -> bool:
        """Whether a walk may end at a state."""


class Node(NamedTuple):
    """A state with those of its arcs that lead on to an end.

    Attributes:
        choices: the choices, ascending.
        states: the states that they lead to.
        sums: how many walks end here, and then how many there are up to and with each choice.
    """

    choices: tuple[Any, ...]
    states: tuple[Any, ...]
    sums: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many walks lead from here to an end."""
        return self.sums[-1]


class Block(NamedTuple):
    """Walks that are like another but for one place, or for it and the next.

    Attributes:
        place: where they differ first.
        firsts: the choices there.
        seconds: the choices at the next place, for each of the first; None where it stays.
    """

    place: int
    firsts: list[Any]
    seconds: list[Any] | None

    def __len__(self) -> int:
        """How many walks there are."""
        return len(self.firsts) * (1 if self.seconds is None else len(self.seconds))

    def at(self, walk: Sequence[Any], number: int) -> tuple[Any, ...]:
        """One of them, from 0 on, given what they are like."""
        if self.seconds is None:
            return (*walk[: self.place], self.firsts[number], *walk[self.place + 1 :])
        first, second = divmod(number, len(self.seconds))
        changed = self.firsts[first], self.seconds[second]
        return (*walk[: self.place], *changed, *walk[self.place + 2 :])


class Walks:
    """The walks through a graph.

    Args:
        graph: what they go through. States from which no end is reached may be among its states.
        count: how many walks lead from a state at a depth to an end; None to find it out.

    Attributes:
        graph: the same.
        count: the same.
        total: how many walks there are.
    """

    def __init__(self, graph: Graph, count: Callable[[int, Any], int] | None = None) -> None:
        self.graph = graph
        self.count = _counter(graph) if count is None else count
        self.total = self.count(0, graph.start)
        self._nodes: dict[tuple[int, Any], Node] = {}
        self._kept = 0

    def node(self, depth: int, state: Any) -> Node:
        """A state with the arcs that lead on to an end."""
        key = depth, state
        node = self._nodes.get(key)
        if node is None:
            node = self._node(depth, state)
            self._kept += len(node.sums)
            if self._kept > KEPT:
                self._nodes.clear()
                self._kept = len(node.sums)
            self._nodes[key] = node
        return node

    def _node(self, depth: int, state: Any) -> Node:
        graph = self.graph
        ends = int(graph.final(depth, state))
        if depth == graph.depth:
            return Node((), (), (ends,))
        arcs = graph.arcs(depth, state)
        known = {after: self.count(depth + 1, after) for after in {arc[1] for arc in arcs}}
        choices, states, ways = [], [], [ends]
        for arc in arcs:
            found = known[arc[1]]
            if found:
                choices.append(arc[0])
                states.append(arc[1])
                ways.append(found)
        return Node(tuple(choices), tuple(states), tuple(accumulate(ways)))

    def layers(self) -> list[list[Any]]:
        """For each depth the states that some walk goes through."""
        found = [[self.graph.start] if self.total else []]
        for depth in range(self.graph.depth):
            ahead: dict[Any, None] = {}
            for state in found[-1]:
                ahead.update(dict.fromkeys(self.node(depth, state).states))
            found.append(list(ahead))
        return found

    def step(self, depth: int, state: Any, choice: Any) -> Any:
        """The state that a choice leads to; None where there is no such choice."""
        node = self.node(depth, state)
        place = _find(node.choices, choice)
        return None if place is None else node.states[place]

    def states(self, walk: Sequence[Any]) -> list[Any] | None:
        """The states that a walk goes through; None where it is no walk of these."""
        state = self.graph.start
        passed = [state]
        if not self.total or len(walk) > self.graph.depth:
            return None
        for depth, choice in enumerate(walk):
            state = self.step(depth, state, choice)
            if state is None:
                return None
            passed.append(state)
        return passed if self.graph.final(len(walk), state) else None

    def at(self, rank: int) -> tuple[Any, ...]:
        """The walk at a place in the order, from 0 to the total less one."""
        walk = []
        state: Any = self.graph.start
        for depth in range(self.graph.depth + 1):
            node = self.node(depth, state)
            place = bisect_right(node.sums, rank)
            if not place:
                break
            rank -= node.sums[place - 1]
            walk.append(node.choices[place - 1])
            state = node.states[place - 1]
        return tuple(walk)

    def rank(self, walk: Sequence[Any]) -> int | None:
        """The place of a walk in the order; None where it is no walk of these."""
        states = self.states(walk)
        if states is None:
            return None
        rank = 0
        for depth, (choice, state) in enumerate(zip(walk, states, strict=False)):
            node = self.node(depth, state)
            rank += node.sums[bisect_right(node.choices, choice) - 1]
        return rank

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """All walks, in order."""
        if not self.total:
            return
        waiting: list[tuple[Any, tuple[Any, ...]]] = [(self.graph.start, ())]
        while waiting:
            state, walk = waiting.pop()
            depth = len(walk)
            node = self.node(depth, state)
            if node.sums[0]:
                yield walk
            ahead = zip(reversed(node.choices), reversed(node.states), strict=True)
            waiting.extend([(after, (*walk, choice)) for choice, after in ahead])

    def neighbors(self, walk: Sequence[Any]) -> list[Block]:
        """The walks that differ from a walk in one place or in two adjacent ones, and nowhere else.

        They are as long as the walk. Each is in one block, once.
        """
        states = self.states(walk) or ()
        joins: dict[tuple[int, Any], bool] = {}

        def join(depth: int, state: Any) -> bool:
            """Whether the rest of the walk leads from a state to an end."""
            known = joins.get((depth, state))
            if known is None:
                if depth == len(walk):
                    known = self.graph.final(depth, state)
                else:
                    after = self.step(depth, state, walk[depth])
                    known = after is not None and join(depth + 1, after)
                joins[depth, state] = known
            return known

        blocks = []
        for place, (state, own) in enumerate(zip(states, walk, strict=False)):
            firsts = self._by_state(place, state, own)
            alone = [
                one for after, some in firsts.items() if join(place + 1, after) for one in some
            ]
            if alone:
                blocks.append(Block(place, alone, None))
            if place + 1 == len(walk):
                break
            for after, some in firsts.items():
                seconds = [
                    one
                    for last, found in self._by_state(place + 1, after, walk[place + 1]).items()
                    if join(place + 2, last)
                    for one in found
                ]
                if seconds:
                    blocks.append(Block(place, some, seconds))
        return blocks

    def _by_state(self, depth: int, state: Any, but: Any) -> dict[Any, list[Any]]:
        """The choices of a state but one, by the states that they lead to."""
        node = self.node(depth, state)
        found: dict[Any, list[Any]] = {}
        for choice, after in zip(node.choices, node.states, strict=True):
            if choice != but:
                found.setdefault(after, []).append(choice)
        return found

    def draw(self, words: Iterator[int]) -> tuple[Any, ...]:
        """A walk drawn evenly from all of them, from random words of 64 bits.

        A word is read as the first digits of a number in [0, 1). Only where they leave open on
        which side of a border the number lies are more digits read, so no walk is ever favoured.
        """
        walk = []
        state: Any = self.graph.start
        for depth in range(self.graph.depth):
            node = self.node(depth, state)
            place = pick(node.sums, next(words), words)
            if not place:
                break
            walk.append(node.choices[place - 1])
            state = node.states[place - 1]
        return tuple(walk)


def pick(sums: Sequence[int], word: int, more: Iterator[int]) -> int:
    """The part that a random number in [0, 1) falls into, `sums` being where the parts end."""
    total = sums[-1]
    bits = WORD
    while True:
        place = bisect_right(sums, word * total >> bits)
        if ((word + 1) * total - 1) >> bits < sums[place]:
            return place
        word = word << WORD | next(more)
        bits += WORD


def _counter(graph: Graph) -> Callable[[int, Any], int]:
    """How many walks lead from each state that is reached to an end."""
    counts = _counts(graph)
    return lambda depth, state: counts[depth].get(state, 0)


def _counts(graph: Graph) -> list[dict[Any, int]]:
    layers: list[dict[Any, dict[Any, int]]] = []
    reached: dict[Any, Any] = {graph.start: None}
    for depth in range(graph.depth):
        layer: dict[Any, dict[Any, int]] = {}
        ahead: dict[Any, None] = {}
        for state in reached:
            leads: dict[Any, int] = {}
            for arc in graph.arcs(depth, state):
                leads[arc[1]] = leads.get(arc[1], 0) + 1
            layer[state] = leads
            ahead.update(dict.fromkeys(leads))
        layers.append(layer)
        reached = ahead
    counts = [{state: 1 for state in reached if graph.final(graph.depth, state)}]
    for depth in range(graph.depth - 1, -1, -1):
        after = counts[-1]
        here: dict[Any, int] = {}
        for state, leads in layers.pop().items():
            total = int(graph.final(depth, state))
            for ahead_state, ways in leads.items():
                known = after.get(ahead_state)
                if known:
                    total += ways * known
            if total:
                here[state] = total
        counts.append(here)
    counts.reverse()
    return counts


def _find(choices: Sequence[Any], choice: Any) -> int | None:
    place = bisect_right(choices, choice) - 1
    return place if place >= 0 and choices[place] == choice else None
