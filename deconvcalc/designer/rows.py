"""The arcs of a graph as arrays: one lookup a depth takes a million walks on at once.

A walk is a row of genes, one a depth: 0 where it has ended, or its choice there, an int, and 1.
Rows stand in the order of their walks.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.walks import WORD, pick
from deconvcalc.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deconvcalc.designer.walks import Walks

    Of = Callable[[int, Any, bool], dict[int, Any]]

__all__ = ["Tables", "draw_rows", "fresh_words"]

DEAD, ENDED, ALIVE = 0, 1, 2
"""In the tables a row is dead, has ended, or is at the state of this number less ALIVE."""

CHUNK = 1 << 15
"""So many rows at a time stay in the cache."""

MOST_CELLS = 30_000_000
"""Tables may have so many cells; each takes four bytes, and sixteen a cost."""


class Tables:
    """Tables of the walks of a graph.

    Args:
        walks: the walks, whose choices are ints from 0 on.
        genes: how many choices there may be.

    Attributes:
        states: for each depth the states in the order of their numbers, from ALIVE on.
        width: how many cells a state has: one for each gene, for the end, and for what is no gene.

    Raises:
        QueryError: the tables would take too much memory.
    """

    def __init__(self, walks: Walks, genes: int) -> None:
        self._walks = walks
        self.width = genes + 2
        self.states: list[list[Any]] = walks.layers()
        cells = self.width * sum(len(states) + ALIVE for states in self.states)
        if cells > MOST_CELLS:
            raise QueryError(
                f"the tables of this space would have {cells:,} cells",
                rule="batch",
                hint=f"They may have {MOST_CELLS:,}: take fewer options, or go one by one.",
            )
        self._ahead = [self._ahead_of(depth) for depth in range(walks.graph.depth)]
        self._kept: dict[Any, list[Any]] = {}

    def _ahead_of(self, depth: int) -> Any:
        """Where each state and gene leads, flat."""
        import numpy as np

        numbers = {state: i for i, state in enumerate(self.states[depth + 1], ALIVE)}
        table = np.zeros((len(self.states[depth]) + ALIVE, self.width), np.int32)
        table[ENDED, 0] = ENDED
        for row, state in enumerate(self.states[depth], ALIVE):
            node = self._walks.node(depth, state)
            table[row, 0] = ENDED if node.sums[0] else DEAD
            table[row, [choice + 1 for choice in node.choices]] = [
                numbers[after] for after in node.states
            ]
        return table.ravel()

    @cached_property
    def _edges(self) -> list[tuple[Any, Any]]:
        """For each depth the numbers that states lead to, each once and DEAD first, and starts."""
        import numpy as np

        made = []
        for depth, table in enumerate(self._ahead):
            rows = table.reshape(-1, self.width)[:, 1:]
            unique = [sorted({DEAD, *row}) for row in rows.tolist()]
            starts = np.cumsum([0, *map(len, unique[:-1])])
            made.append((np.array([one for row in unique for one in row]), starts))
            assert len(unique) == len(self.states[depth]) + ALIVE
        return made

    def nearest(self, costs: Sequence[Any], most: Sequence[int], tail: Sequence[int]) -> list[int]:
        """The row of genes that costs least, the first of equals; there must be a walk.

        Args:
            costs: for each depth pairs of genes (an index, such as a slice) and what they cost,
                the dearer ones first; every other gene costs `most`.
            most: for each depth the largest cost of a gene.
            tail: for each depth, and for the end, what it costs to have ended there.
        """
        import numpy as np

        depths = len(self._ahead)
        never = sum(most) + tail[0] + 1
        rest: list[Any] = [np.full(len(one) + ALIVE, never) for one in self.states]
        rest[depths][ALIVE:] = 0
        for depth in range(depths, -1, -1):
            here = rest[depth]
            here[ENDED] = tail[depth]
            if depth == depths:
                continue
            after = rest[depth + 1]
            table = self._ahead[depth].reshape(-1, self.width)
            edges, starts = self._edges[depth]
            least = most[depth] + np.minimum.reduceat(after[edges], starts)
            least = np.minimum(least, tail[depth] - tail[depth + 1] + after[table[:, 0]])
            for genes, cost in costs[depth]:
                least = np.minimum(least, cost + after[table[:, genes]].min(axis=1, initial=never))
            here[ALIVE:] = least[ALIVE:]
        return self._cheapest(costs, most, tail, rest)

    def _cheapest(
        self, costs: Sequence[Any], most: Sequence[int], tail: Sequence[int], rest: list[Any]
    ) -> list[int]:
        """The first row that costs no more than its beginning says."""
        import numpy as np

        number, row = ALIVE, []
        for depth, table in enumerate(self._ahead):
            price = np.full(self.width, most[depth])
            price[0] = tail[depth] - tail[depth + 1]
            for genes, cost in costs[depth]:
                price[genes] = cost
            ahead = table.reshape(-1, self.width)[number]
            gene = int(np.argmin(price + rest[depth + 1][ahead]))
            number = int(ahead[gene])
            row.append(gene)
        return row

    def by_choice(self, name: Any, of: Of, kind: type) -> list[Any]:
        """For each depth something of every state and gene, flat: first onwards, then at the end.

        Args:
            name: what the tables are kept under.
            of: for a depth, a state, and whether the walk ends after it: a number for each choice.
            kind: int for an array of int64, or float.

        Raises:
            QueryError: an int of more than 64 bits.
        """
        if name not in self._kept:
            depths = range(self._walks.graph.depth)
            self._kept[name] = [self._by_choice(depth, of, kind) for depth in depths]
        return self._kept[name]

    def _by_choice(self, depth: int, of: Of, kind: type) -> Any:
        import numpy as np

        shape = 2, len(self.states[depth]) + ALIVE, self.width
        tables = np.zeros(shape, np.int64 if kind is int else float)
        for last, table in enumerate(tables):
            for row, state in enumerate(self.states[depth], ALIVE):
                found = of(depth, state, last == 1)
                try:
                    table[row, [choice + 1 for choice in found]] = list(found.values())
                except OverflowError as error:
                    raise QueryError(
                        "the costs of these plans do not fit into 64 bits",
                        rule="cost",
                        hint="Ask for the costs of single plans, exact at any magnitude.",
                    ) from error
        return tables.ravel()

    def follow(self, genes: Any) -> Iterator[tuple[slice, list[Any], list[Any]]]:
        """Go through rows of genes, some at a time.

        Yields:
            (which rows, for each depth where they look in its tables, for each depth from 0 to the
            last the numbers of their states). At the last depth a row is a walk where it is not
            dead.
        """
        import numpy as np

        width, ahead = self.width, self._ahead
        for first in range(0, len(genes), CHUNK):
            rows = slice(first, first + CHUNK)
            some = genes[rows]
            state = np.full(len(some), ALIVE if self._walks.total else DEAD, np.int64)
            places, states = [], [state]
            for depth, table in enumerate(ahead):
                gene = some[:, depth]
                place = state * width + np.where((gene < 0) | (gene >= width), width - 1, gene)
                state = table[place]
                places.append(place)
                states.append(state.astype(np.int64))
                state = states[-1]
            yield rows, places, states


def draw_rows(walks: Walks, words: Any, more: Iterator[int]) -> Any:
    """The genes of walks drawn evenly, a row of random words each: as `Walks.draw`, all at once.

    Args:
        walks: the walks, whose choices are ints from 0 on.
        words: an array of random words of 64 bits, one for each depth.
        more: further random words.
    """
    import numpy as np

    count, depths = words.shape
    rows = np.zeros((count, depths), np.int32)
    numbers: dict[Any, int] = {walks.graph.start: 0}
    state = np.zeros(count, np.int64)
    alive = np.arange(count)
    for depth in range(depths):
        ahead: dict[Any, int] = {}
        after = np.zeros(len(alive), np.int64)
        order = np.argsort(state, kind="stable")
        ends = np.cumsum(np.bincount(state, minlength=len(numbers)))
        start = 0
        for known, end in zip(numbers, ends.tolist(), strict=True):
            group, start = order[start:end], end
            if not len(group):
                continue
            node = walks.node(depth, known)
            place = _places(node.sums, words[alive[group], depth], more)
            genes = np.array([0, *[choice + 1 for choice in node.choices]], np.int32)
            leads = [-1, *[ahead.setdefault(one, len(ahead)) for one in node.states]]
            rows[alive[group], depth] = genes[place]
            after[group] = np.array(leads)[place]
        alive, state, numbers = alive[after >= 0], after[after >= 0], ahead
    return rows


def _places(sums: tuple[int, ...], words: Any, more: Iterator[int]) -> Any:
    """For each word the part that its number falls into, as `pick` says it."""
    import numpy as np

    total = sums[-1]
    # A number at or above the border c/total has first digits of at least this; only where they
    # are equal, and the border has more digits, is one word not enough.
    borders = [(end << WORD) // total for end in sums[:-1]]
    top = (1 << WORD) - 1
    beyond = len(borders) - sum(border > top for border in borders)
    array = np.array(borders[:beyond], np.uint64)
    places = np.searchsorted(array, words, side="right")
    near = np.searchsorted(array, words, side="left") != places
    for i in np.flatnonzero(near).tolist():
        places[i] = pick(sums, int(words[i]), more)
    return places


def fresh_words(rng: Any) -> Iterator[int]:
    """Random words without an end."""
    import numpy as np

    while True:
        yield int(rng.integers(0, 1 << WORD, dtype=np.uint64))
