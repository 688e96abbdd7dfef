"""Plans as vectors of ints: one to one, and validity, sizes and costs of many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.designer.chains import ids_of
from deconvcalc.designer.channels import Doubling
from deconvcalc.designer.lattice import END
from deconvcalc.designer.measures import read_cost
from deconvcalc.designer.plans import channels_of
from deconvcalc.designer.rows import ALIVE, CHUNK, DEAD, Tables
from deconvcalc.designer.search import Charge
from deconvcalc.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.designer.lattice import Lattice
    from deconvcalc.designer.plans import Plan
    from deconvcalc.designer.walks import Walks

__all__ = ["Vectors"]

LARGE = 2**62
"""Sizes and costs beyond this are not told in 64 bits."""


class Vectors:
    """How the plans of a space are written as vectors.

    Inside, a plan is a row with one gene for each stage, its choice and 1. In a vector a stage has
    one place for the option, and where channels are chosen one more for them.

    Args:
        lattice: the lattice of the space.
        walks: its chains.

    Attributes:
        genes: for each place how many values it may have.
        source: the size before the first stage, for each axis.
    """

    def __init__(self, lattice: Lattice, walks: Walks) -> None:
        self._lattice = lattice
        self._walks = walks
        goal = lattice.goal
        self._ids = ids_of(goal)
        # Where channels double, the number of stages says it all.
        self._implied = isinstance(goal.channels, Doubling)
        stage = (len(lattice.options) + 1,) + (self._ids,) * (self._ids > 1 and not self._implied)
        self._places = len(stage)
        self.genes = stage * lattice.depth
        self.source = goal.sizes(goal.numbers(goal.sources))
        self._options = {self._key(option): option.id for option in lattice.options}
        self._channels: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._tables: Tables | None = None
        self._maps: list[Any] | None = None

    def _key(self, option: Any) -> Any:
        parts = tuple([option.parts[i] for i in self._lattice.goal.parts_of_axes])
        return option.op, parts

    # One plan.

    def channels(self, chosen: tuple[int, ...]) -> tuple[int, ...]:
        """The channels of the input and after each stage, from the choices made."""
        known = self._channels.get(chosen)
        if known is None:
            goal = self._lattice.goal
            made = channels_of(goal, [(0, choice) for choice in chosen])
            known = (goal.channels.count(goal.channels.start), *made)
            if len(self._channels) > CHUNK:
                self._channels.clear()
            self._channels[chosen] = known
        return known

    def chain(self, plan: Plan) -> tuple[int, ...] | None:
        """The choices of a plan; None where no choices make it."""
        goal, total = self._lattice.goal, len(plan.stages)
        state, size, deep = (
            goal.channels.start,
            self.source,
            goal.channels.count(goal.channels.start),
        )
        made = []
        for depth, stage in enumerate(plan.stages):
            if (stage.source, stage.channels[0], stage.bias) != (size, deep, goal.bias):
                return None
            parts = tuple([stage.option.parts[i] for i in stage.parts_of_axes])
            option = self._options.get((stage.op, parts))
            turns = goal.channels.steps(depth, state, (total,)) if depth < total else ()
            turn = next((turn for turn in turns if turn[1] == stage.channels[1]), None)
            if option is None or turn is None:
                return None
            made.append(option * self._ids + turn[0])
            size, deep, state = stage.target, turn[1], turn[2]
        return tuple(made)

    def walk(self, row: Sequence[int]) -> tuple[int, ...] | None:
        """The choices of a row of genes; None where it goes on after its end, or is none."""
        end = next((i for i, gene in enumerate(row) if gene == 0), len(row))
        if any(row[end:]) or min(row, default=0) < 0:
            return None
        return tuple([gene - 1 for gene in row[:end]])

    def nearest(self, genome: Any) -> tuple[int, ...]:
        """The chain of a space that is not empty whose vector is nearest to a genome."""
        (places,) = self._vectors(genome, one=True).tolist()
        width = self._places
        wanted = [places[i : i + width] for i in range(0, len(places), width)]
        rests = [sum([gene != 0 for gene in one]) for one in wanted]
        tail = [sum(rests[depth:]) for depth in range(len(rests) + 1)]
        row = self.tables.nearest([self._near(*one) for one in wanted], [width] * len(tail), tail)
        found = self.walk(row)
        assert found is not None
        return found

    def _near(self, option: int, choice: int | None = None) -> list[tuple[Any, int]]:
        """The genes that differ from what is wanted in fewer places than they might."""
        ids, top = self._ids, len(self._lattice.options) * self._ids
        own: list[tuple[Any, int]] = []
        right = 0 < option <= len(self._lattice.options)
        first = (option - 1) * ids + 1
        if choice is None:
            return [(slice(first, first + ids), 0)] if right else []
        if right:
            own.append((slice(first, first + ids), 1))
        if 0 <= choice < ids:
            own.append((slice(choice + 1, top + 1, ids), 1))
        if len(own) == 2:
            own.append((slice(first + choice, first + choice + 1), 0))
        return own

    # Rows and vectors.

    def encoded(self, rows: Any) -> Any:
        """The vectors of rows of genes."""
        import numpy as np

        option, choice = np.divmod(np.asarray(rows, np.int64) - 1, self._ids)
        if self._places == 1:
            return option + 1
        made = np.stack([option + 1, np.where(rows == 0, 0, choice)], axis=2)
        return made.reshape(len(rows), len(self.genes))

    def is_one(self, vectors: Any) -> bool:
        """Whether vectors are one alone."""
        import numpy as np

        return bool(np.ndim(vectors) == 1)

    def _vectors(self, vectors: Any, *, one: bool = False) -> Any:
        """An array of vectors, checked.

        Raises:
            QueryError: another shape.
            TypeError: no ints.
        """
        import numpy as np

        try:
            array = np.asarray(vectors)
        except ValueError:
            raise QueryError(
                "these vectors differ in length, or are nested unevenly",
                rule="vector",
                hint=f"Each has {len(self.genes)} places: encode() makes vectors.",
            ) from None
        length = len(self.genes)
        if array.ndim == 1 and (one or len(array) == length):
            array = array[None]
        if array.dtype.kind not in "iu" and array.size:
            raise TypeError(f"a vector has ints, not {array.dtype}")
        if array.ndim != 2 or array.shape[1] != length or (one and len(array) != 1):
            shape = "x".join(map(str, np.shape(vectors)))
            raise QueryError(
                f"a vector of this space has {length} places, and the shape given is {shape}",
                rule="vector",
                hint="encode() makes vectors; `genes` says what each place may be.",
            )
        return array

    def read(self, vectors: Any) -> Any:
        """The rows of genes of vectors; -1 for what is no gene."""
        import numpy as np

        array = self._vectors(vectors)
        if self._places == 1:
            top = self.genes[0] if self.genes else 1
            rows = np.where((array >= 0) & (array < top), array, -1).astype(np.int64)
            return self._with_lengths(rows) if self._implied else rows
        pairs = array.reshape(len(array), array.shape[1] // 2, 2)
        option, choice = pairs[:, :, 0], pairs[:, :, 1]
        fits = (option >= 0) & (option < self.genes[0]) & (choice >= 0) & (choice < self._ids)
        fits &= (option > 0) | (choice == 0)
        option, choice = np.where(fits, option, 0), np.where(fits, choice, 0)
        gene = (option.astype(np.int64) - 1) * self._ids + choice.astype(np.int64) + 1
        return np.where(fits, np.where(option == 0, 0, gene), -1)

    def _with_lengths(self, options: Any) -> Any:
        """Rows of genes where the first choice of channels is the number of stages less 1."""
        import numpy as np

        rows = np.where(options > 0, (options - 1) * self._ids + 1, options)
        lengths = (options != 0).sum(axis=1)
        rows[:, 0] += np.where(rows[:, 0] > 0, lengths - 1, 0)
        return rows

    # Many plans.

    def valid(self, vectors: Any) -> Any:
        """Which vectors are plans of the space."""
        import numpy as np

        rows = self.read(vectors)
        good = np.zeros(len(rows), bool)
        for some, _, states in self.tables.follow(rows):
            good[some] = states[-1] != DEAD
        return good

    def costs(self, vectors: Any, given: Any) -> Any:
        """What the plans cost; -1 or NaN for vectors that are none."""
        import numpy as np

        cost = read_cost(given)
        rows = self.read(vectors)
        charge = Charge(cost)
        whole = cost.function is None and charge.scale == 1
        made = np.full(len(rows), -1 if whole else np.nan, np.int64 if whole else float)
        for some, looked, states in self.tables.follow(rows):
            alive = states[-1] != DEAD
            places = self._at_ends(rows[some], looked)
            total = np.zeros(len(alive), made.dtype)
            bound = 0
            for term, weight in enumerate(charge.weights or (1,)):
                if not weight:
                    continue
                tabled = self._tabled(charge, term)
                one = self._added(tabled, places, peak=term == 2, whole=whole)
                if not one.any():
                    continue
                if whole:
                    bound += weight * int(one.max())
                    _check_range(bound)
                total = total + (one * weight if whole else one * (weight / charge.scale))
            made[some] = np.where(alive, total, made[some])
        return made

    def _at_ends(self, rows: Any, places: list[Any]) -> list[Any]:
        """Where rows look in tables that tell whether a row ends: it may cost something else."""
        made = []
        for depth, place in enumerate(places):
            size = self.tables.width * (len(self.tables.states[depth]) + ALIVE)
            last = True if depth + 1 == len(places) else rows[:, depth + 1] == 0
            made.append(place + last * size)
        return made

    def _added(self, tabled: list[Any], places: list[Any], *, peak: bool, whole: bool) -> Any:
        """The costs of stages as those of plans: the sum, of memory the largest."""
        import numpy as np

        total: Any = np.zeros(len(places[0]), np.int64 if whole else float)
        if whole and not peak:
            _check_range(sum([int(table.max(initial=0)) for table in tabled]))
        for table, place in zip(tabled, places, strict=True):
            total = np.maximum(total, table[place]) if peak else total + table[place]
        return total

    def _tabled(self, charge: Charge, term: int) -> list[Any]:
        """For each depth what each state and gene costs, onwards and at the end."""
        lattice, function = self._lattice, charge.cost.function
        chains: Any = self._walks.graph

        def of(depth: int, state: Any, last: bool) -> dict[int, Any]:
            found: dict[int, Any] = {}
            for one in chains.states(depth, state):
                if function is not None:
                    for cost, option, choice, to in charge.priced(lattice, depth, one):
                        if (to == END) == last:
                            found[option * self._ids + choice] = float(cost)
                    continue
                for step in lattice.steps(depth, one):
                    if (step.state == END) != last:
                        continue
                    pairs = zip(step.move.options, step.move.taps, strict=True)
                    for option, taps in pairs:
                        three = step.weight * taps + step.bias, step.work * taps, step.memory
                        found[option * self._ids + step.choice] = three[term]
            return found

        if function is not None:
            return self.tables.by_choice(("function", function), of, float)
        return self.tables.by_choice(term, of, int)

    @property
    def tables(self) -> Tables:
        """The tables of the space, made when they are first needed."""
        if self._tables is None:
            self._tables = Tables(self._walks, len(self._lattice.options) * self._ids)
        return self._tables

    # Sizes.

    def sizes(self, vectors: Any) -> Any:
        """The sizes that vectors pass through, be they plans or not."""
        import numpy as np

        rows = self.read(vectors)
        made = np.zeros((len(rows), self._lattice.depth + 1, self._lattice.goal.axes), np.int64)
        made[:, 0] = self.source
        for first in range(0, len(rows), CHUNK):
            self._sized(rows[first : first + CHUNK], made[first : first + CHUNK])
        return made

    def _sized(self, rows: Any, made: Any) -> None:
        """Fill in the sizes of some rows."""
        import numpy as np

        goal, maps = self._lattice.goal, self._option_maps()
        top = len(self._lattice.options) * self._ids
        options = (np.where((rows > 0) & (rows <= top), rows, 1 - self._ids) - 1) // self._ids + 1
        for axes in goal.tracks:
            group = maps[goal.parts_of_axes[axes[0]]]
            size = np.full(len(rows), self.source[axes[0]])
            careful = self._may_overflow(group, self.source[axes[0]])
            for depth in range(self._lattice.depth):
                size = _mapped(group, options[:, depth], size, careful=careful)
                made[:, depth + 1, axes] = size[:, None]
        if len(goal.tracks) > 1:  # where one refuses its size there is no stage
            made[(made == 0).any(axis=2)] = 0
            made[(made < 0).any(axis=2)] = -1

    def _may_overflow(self, group: Any, size: int) -> bool:
        slope, offset, _, _ = (int(abs(array).max()) for array in group)
        for _ in range(self._lattice.depth):
            size = slope * size + offset
        return size > LARGE

    def _option_maps(self) -> list[Any]:
        """For each part of an option its size map: arrays over the options, after one for none."""
        import numpy as np

        if self._maps is None:
            lattice = self._lattice
            groups = range(max(lattice.goal.parts_of_axes) + 1)
            nothing = np.array([[0], [0], [1], [0]])
            made = [np.repeat(nothing, len(lattice.options) + 1, axis=1) for _ in groups]
            for move in lattice.moves:
                places = [option + 1 for option in move.options]
                for group in groups:
                    made[group][:, places] = np.array(move.maps[group])[:, None]
            self._maps = made
        return self._maps


def _check_range(bound: int) -> None:
    if bound > LARGE:
        raise QueryError(
            "the costs of these plans do not fit into 64 bits",
            rule="cost",
            hint="plan.cost() is exact at any magnitude.",
        )


def _mapped(group: Any, option: Any, size: Any, *, careful: bool) -> Any:
    """Sizes after one stage: 0 where a map refuses, -1 where 64 bits do not hold them."""
    import numpy as np

    slope, offset, divisor, low = group
    least = low[option]
    beyond: Any = False
    if careful:
        large = slope[option].astype(float) * size + abs(offset[option]) > LARGE
        beyond = ((size < 0) & (option > 0)) | (large & (size >= least))
        size = np.where(beyond, 0, size)
    after = slope[option] * size + offset[option]
    if divisor.max() > 1:
        after //= divisor[option]
    after[size < least] = 0
    return np.where(beyond, -1, after) if careful else after
