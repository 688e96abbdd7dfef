"""Parts of lattices: stages that a predicate keeps, chains that are listed, what two share.

Each is a lattice too, so that whatever runs on one runs on its parts. Steps keep their costs; a
step of which some options stay is a step of fewer options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from deconvcalc.designer.candidates import Move
from deconvcalc.designer.lattice import END, Lattice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction

    from deconvcalc.designer.candidates import Size
    from deconvcalc.designer.lattice import Step

__all__ = ["common", "listed", "narrowed"]

Layers = list[dict[Any, list[Any]]]


class Marked(NamedTuple):
    """A state of a lattice with a mark: states that differ in it alone are two."""

    sizes: tuple[Size, ...]
    channels: int
    met: int
    needs: tuple[int, ...]
    spent: tuple[Fraction, ...]
    peak: int
    mark: Any


def _marked(state: Any, mark: Any) -> Any:
    return state if state == END else Marked._make((*state[:6], (mark, *state[6:])))


class Sublattice(Lattice):
    """A part of a lattice.

    Args:
        whole: the lattice.
        start: the state before the first stage.
        layers: for each depth the states and the steps from them; dead ends are taken out.
    """

    def __init__(self, whole: Lattice, start: Any, layers: Layers) -> None:
        self.__dict__.update(vars(whole))
        self.start = start
        self._layers = _pruned(layers)


def _pruned(layers: Layers) -> Layers:
    made: Layers = []
    after: dict[Any, list[Any]] = {}
    for layer in reversed(layers):
        here = {}
        for state, steps in layer.items():
            left = [step for step in steps if step.state == END or step.state in after]
            if left:
                here[state] = left
        made.append(here)
        after = here
    made.reverse()
    return made


def narrowed(whole: Lattice, keep: Callable[[int, Any, Step, int], bool]) -> Lattice:
    """The part of a lattice whose stages a predicate keeps.

    Args:
        whole: the lattice.
        keep: whether a stage stays; it gets the depth, the state, the step, and the option.
    """
    made: Layers = []
    for depth, layer in enumerate(whole.layers):
        found = {}
        for state, steps in layer.items():
            left = []
            for step in steps:
                pairs = zip(step.move.taps, step.move.options, strict=True)
                kept = [pair for pair in pairs if keep(depth, state, step, pair[1])]
                if kept:
                    left.append(_only(step, kept))
            found[state] = left
        made.append(found)
    return Sublattice(whole, whole.start, made)


def listed(whole: Lattice, chains: Iterable[Sequence[tuple[int, int]]]) -> Lattice:
    """The part of a lattice that has these chains alone, each of which it has: their tree.

    Args:
        whole: the lattice.
        chains: for each chain its options and choices of channels.
    """
    start = _marked(whole.start, ())
    found: list[dict[Any, dict[Any, tuple[Any, list[tuple[int, int]]]]]]
    found = [{} for _ in range(whole.depth)]
    for chain in chains:
        state: Any = whole.start
        mark: tuple[Any, ...] = ()
        for depth, (step, option) in enumerate(_followed(whole, chain)):
            after = (*mark, (option, step.choice))
            here = found[depth].setdefault(_marked(state, mark), {})
            to = _marked(step.state, after)
            key = (option, step.choice, to)
            place = step.move.options.index(option)
            pair = (step.move.taps[place], option)
            here[key] = (step._replace(state=to), [pair])
            state, mark = step.state, after
    made: Layers = []
    for layer in found:
        made.append({})
        for state, steps in layer.items():
            made[-1][state] = [_only(step, pairs) for step, pairs in steps.values()]
    return Sublattice(whole, start, made)


def _only(step: Step, pairs: list[tuple[int, int]]) -> Step:
    """A step with these of its options alone, each with its taps."""
    if len(pairs) == len(step.move.options):
        return step
    move = step.move
    return step._replace(move=Move(move.op, move.parts, move.maps, pairs, move.shuffle))


def _followed(whole: Lattice, chain: Sequence[tuple[int, int]]) -> list[tuple[Step, int]]:
    """The steps of a chain with its options: of all ways that it may go, the one to the end."""
    ways: list[tuple[Any, tuple[tuple[Step, int], ...]]] = [(whole.start, ())]
    for depth, (option, choice) in enumerate(chain):
        ways = [
            (step.state, (*way, (step, option)))
            for state, way in ways
            for step in whole.steps(depth, state)
            if step.choice == choice and option in step.move.options
        ]
    return list(next(way for state, way in ways if state == END))


def common(first: Lattice, second: Lattice) -> Lattice:
    """The designs of the first lattice that are designs of the second."""
    if _fixed(first) != _fixed(second):
        return Sublattice(first, first.start, [{} for _ in first.layers])
    numbers = {_key(second, option): option.id for option in second.options}
    same = {option.id: numbers.get(_key(first, option)) for option in first.options}
    start = _marked(first.start, second.start)
    layer: dict[Any, tuple[Any, Any]] = {start: (first.start, second.start)}
    made: Layers = []
    for depth in range(first.depth):
        found: dict[Any, list[Any]] = {}
        ahead: dict[Any, tuple[Any, Any]] = {}
        for marked, (one, other) in layer.items():
            steps = found[marked] = []
            theirs = _by_option(second, depth, other)
            for step in first.steps(depth, one):
                split: dict[Any, list[tuple[int, int]]] = {}
                pairs = zip(step.move.taps, step.move.options, strict=True)
                for taps, option in pairs:
                    for to, out in theirs.get(same[option], ()):
                        if out == step.channels[1] and (to == END) == (step.state == END):
                            split.setdefault(to, []).append((taps, option))
                for to, kept in split.items():
                    state = _marked(step.state, to)
                    if state != END:
                        ahead[state] = (step.state, to)
                    steps.append(_only(step._replace(state=state), kept))
        made.append(found)
        layer = ahead
    return Sublattice(first, start, made)


def _fixed(lattice: Lattice) -> Any:
    """What is the same for all designs of a lattice."""
    goal = lattice.goal
    deep = goal.channels.count(goal.channels.start)
    source = goal.sizes(goal.numbers(goal.sources))
    return source, deep, goal.bias, goal.direction, goal.at is None


def _key(lattice: Lattice, option: Any) -> Any:
    """What an option is, in any alphabet: the operation and the parameters of each axis."""
    return option.op, tuple([option.parts[i] for i in lattice.goal.parts_of_axes])


def _by_option(lattice: Lattice, depth: int, state: Any) -> dict[Any, list[tuple[Any, int]]]:
    """For each option where it leads from a state, and the channels that come out."""
    found: dict[Any, list[tuple[Any, int]]] = {}
    for step in lattice.steps(depth, state):
        for option in step.move.options:
            found.setdefault(option, []).append((step.state, step.channels[1]))
    return found
