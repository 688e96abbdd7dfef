"""The space of all designs: counted, indexed, drawn from, walked through, and taken as vectors."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.chains import Chains
from deconvcalc.designer.goals import read_goal
from deconvcalc.designer.plans import Plan, Stage
from deconvcalc.designer.recipes import Both, Listed, Recipe, Stages, Whole, asked
from deconvcalc.designer.rows import draw_rows, fresh_words
from deconvcalc.designer.vectors import Vectors
from deconvcalc.designer.walks import Walks
from deconvcalc.errors import QueryError, UndecidedError
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deconvcalc.designer.designs import Designs

__all__ = ["DesignSpace"]

MOST_LISTED = 1_000_000
"""A filter of whole plans looks at so many plans at most; lists of plans are no longer."""

AT_ONCE = 500
"""From so many draws on they are made with arrays."""

MOST_STAGES_KEPT = 50_000
"""So many stages, each at its size, are kept."""

ROWS = 100_000
"""So many rows are drawn at a time."""


class DesignSpace:
    """All designs within a goal: decoders, or encoders, that turn one size into another.

    The space is never listed. Its plans have an order, by their stages: the first stage decides,
    by the place of its option in `options`, then the second; a plan stands before those that go on
    from it (where channels double, after the first stage the shorter plans stand first). So it is
    a sequence: `space[i]`, iteration, `len(space)` up to the largest int that Python has for
    lengths; `count()` is exact however large.

    Args:
        target: what `dc.design` takes, and so is every keyword: source, stages, op, channels,
            bounds of parameters and constraints. What is wrong with them raises what it raises
            there.

    Raises:
        QueryError: an argument that makes no sense, or arguments that contradict each other.
        TypeError: an argument of a wrong type.
        UndecidedError: more steps between sizes than the stated work limit.

    >>> space = DesignSpace(224, source=7, stages=range(1, 7), channels=(512, 3))
    >>> space.count(), space[0].sizes
    (69820766, (7, 8, 16, 32, 62, 116, 224))
    """

    def __init__(self, target: Any, **goal: Any) -> None:
        unknown = [name for name in goal if name not in (read_goal.__kwdefaults__ or ())]
        if unknown:
            raise TypeError(
                f"DesignSpace has no argument {unknown[0]}: it takes those of dc.design, but for "
                "cost, top and additive, which best() takes"
            )
        self._open(Whole(read_goal(target, **goal)))

    @classmethod
    def _of(cls, recipe: Recipe) -> DesignSpace:
        space = cls.__new__(cls)
        space._open(recipe)
        return space

    def _open(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._lattice = recipe.lattice()
        self._goal = self._lattice.goal
        self._stages: dict[Any, tuple[Stage, tuple[int, ...]]] = {}

    # Made when they are first needed.

    @cached_property
    def _total(self) -> int:
        return self._lattice.count()

    @cached_property
    def _chains(self) -> Chains:
        return Chains(self._lattice)

    @cached_property
    def _walks(self) -> Walks:
        return Walks(self._chains, self._chains.count)

    @cached_property
    def _vectors(self) -> Vectors:
        return Vectors(self._lattice, self._walks)

    @cached_property
    def _maps(self) -> dict[int, tuple[Any, ...]]:
        """For each option the size map of each of its parts."""
        return {option: move.maps for move in self._lattice.moves for option in move.options}

    # What it is.

    @property
    def options(self) -> tuple[Any, ...]:
        """What a stage may be, in their order; the option i is the gene i + 1."""
        return self._lattice.options

    @property
    def max_stages(self) -> int:
        """The most stages that a plan may have."""
        return self._lattice.depth

    def count(self) -> int:
        """How many plans there are, exactly.

        >>> DesignSpace(28, source=7, stages=2, kernel_size=[3, 4]).count()
        4
        """
        return self._total

    def __len__(self) -> int:
        return self._total

    def __bool__(self) -> bool:
        return self._total > 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DesignSpace) and self._recipe == other._recipe

    def __hash__(self) -> int:
        return hash(self._recipe)

    def __reduce__(self) -> Any:
        return DesignSpace._of, (self._recipe,)

    def __copy__(self) -> DesignSpace:
        return self

    def __deepcopy__(self, memo: Any) -> DesignSpace:
        return self

    def __repr__(self) -> str:
        goal, total = self._goal, self._total
        sides = [goal.sizes(goal.numbers(size)) for size in (goal.sources, goal.targets)]
        source, target = ("x".join(map(str, size)) for size in sides)
        plans = "1 plan" if total == 1 else f"{total:,} plans"
        return f"<DesignSpace: {source} -> {target}, {plans}>"

    # As a sequence.

    def __getitem__(self, index: Any) -> Any:
        """The plan at a place, or those of a slice as a list.

        Raises:
            IndexError: there is no such place.
            QueryError: a slice of more than 1,000,000 plans.
            TypeError: an index that is no int.
        """
        total = self._total
        if isinstance(index, slice):
            places = range(*index.indices(total))
            # len() of a range ends at the largest length that Python has.
            count = max(0, (places.stop - places.start + places.step - 1) // places.step)
            if places.step < 0:
                count = max(0, (places.start - places.stop - places.step - 1) // -places.step)
            if count > MOST_LISTED:
                raise QueryError(
                    f"a slice of {count:,} plans",
                    rule="index",
                    hint=f"A list has at most {MOST_LISTED:,}: iterate, or draw with sample().",
                )
            return [self._plan(self._walks.at(place)) for place in places]
        place = integer(index)
        if place is None:
            raise TypeError(f"an index is an int or a slice, not {index!r}")
        if not -total <= place < total:
            raise IndexError(f"index {place} in a space of {total:,} plans")
        return self._plan(self._walks.at(place % total))

    def __iter__(self) -> Iterator[Plan]:
        return map(self._plan, self._walks)

    def index(self, plan: Plan) -> int:
        """The place of a plan: `space[space.index(plan)] == plan`.

        Raises:
            QueryError: the plan is not in the space.
            TypeError: it is no plan.
        """
        rank = self._walks.rank(self._chain(plan))
        assert rank is not None
        return rank

    def __contains__(self, plan: object) -> bool:
        return isinstance(plan, Plan) and self._found(plan) is not None

    # Drawing and walking.

    def sample(self, rng: Any, n: int | None = None, *, encoded: bool = False) -> Any:
        """Plans drawn evenly, and independently of each other.

        Every plan has exactly the same chance, however many there are: no rounding is involved.

        Args:
            rng: a numpy `Generator`.
            n: how many; None for one plan.
            encoded: whether to give rows of genes, an array of n rows, in place of plans.

        Returns:
            A plan, a list of n plans, or an array.

        Raises:
            QueryError: the space is empty, or n is negative.
            TypeError: `rng` is no Generator, n is no int.
        """
        import numpy as np

        generator(rng)
        count = 1 if n is None else integer(n)
        if count is None:
            raise TypeError(f"n must be an int, not {n!r}")
        if count < 0:
            raise QueryError(f"n must be at least 0, not {count}", rule="n")
        self._not_empty()
        parts = [self._drawn(rng, min(ROWS, count - i)) for i in range(0, count, ROWS)]
        rows = np.concatenate(parts) if parts else np.zeros((0, self._chains.depth), np.int64)
        if encoded:
            made = self._vectors.encoded(rows)
            return made[0] if n is None else made
        plans = [self._plan([gene - 1 for gene in row if gene]) for row in rows.tolist()]
        return plans[0] if n is None else plans

    def _drawn(self, rng: Any, count: int) -> Any:
        import numpy as np

        depth = self._chains.depth
        words = rng.integers(0, 1 << 64, (count, depth), dtype=np.uint64)
        more = fresh_words(rng)
        if count >= AT_ONCE:
            return draw_rows(self._walks, words, more)
        rows = np.zeros((count, depth), np.int64)
        for row, some in zip(rows, words.tolist(), strict=True):
            walk = self._walks.draw(chain(some, more))
            row[: len(walk)] = walk
            row[: len(walk)] += 1
        return rows

    def best(
        self, k: int | None = None, cost: Any = "parameters", *, additive: bool = True
    ) -> Designs:
        """The k best plans, proved, or a Pareto front: what `dc.design` gives.

        Args:
            k: how many; by default 10, and all of a front.
            cost: as for `dc.design`: a name, a dict of weights, a function, or a list of two or
                three of them for the Pareto front.
            additive: False for a function of the whole plan.

        Raises:
            QueryError: a cost that makes no sense, that raises, is negative or no finite number.
            UndecidedError: more work than the stated limit.
            TypeError: a wrong type.

        >>> space = DesignSpace(28, source=7, stages=2, kernel_size=[3, 4])
        >>> space.best(1, "macs")[0] in space
        True
        """
        from deconvcalc.designer.designs import find

        part = None if isinstance(self._recipe, Whole) else self._recipe.lattice
        return find(self._goal, cost, k, additive=additive, part=part)

    def neighbors(self, plan: Plan) -> list[Plan]:
        """The plans with one stage, or two adjacent stages, replaced, in the order of the space.

        They have as many stages as the plan, which is not among them.

        Raises:
            QueryError: the plan is not in the space.
            TypeError: it is no plan.
        """
        walk = self._chain(plan)
        blocks = self._walks.neighbors(walk)
        found = [block.at(walk, i) for block in blocks for i in range(len(block))]
        return [self._plan(one) for one in sorted(found)]

    def mutate(self, plan: Plan, rng: Any) -> Plan:
        """One of the neighbors of a plan, drawn evenly; where it has none, any other plan.

        Args:
            plan: the plan.
            rng: a numpy `Generator`.

        Returns:
            Another plan of the space; the same only where there is no other.

        Raises:
            QueryError: the plan is not in the space.
            TypeError: it is no plan, or `rng` is no Generator.
        """
        generator(rng)
        walk = self._chain(plan)
        blocks = self._walks.neighbors(walk)
        left = int(rng.integers(0, max(sum(map(len, blocks)), 1)))
        for block in blocks:
            if left < len(block):
                return self._plan(block.at(walk, left))
            left -= len(block)
        while self._total > 1:
            other: Plan = self.sample(rng)
            if other != plan:
                return other
        return plan

    def repair(self, genome: Any) -> Plan:
        """The plan whose vector differs from a genome in the fewest places; the first of equals.

        Args:
            genome: a vector as `encode` gives, of any ints.

        Raises:
            QueryError: the space is empty, or the genome has another length.
            TypeError: the genome is no vector of ints.
        """
        self._not_empty()
        found = self._vectors.nearest(genome)
        return self._plan(found)

    # Vectors.

    @property
    def genes(self) -> tuple[int, ...]:
        """For each place of a vector how many values it may have, from 0 on.

        A stage has one place: 0 for no stage, else the number of its option in `options`, from 1
        on. Where channels are chosen, a second place has the number of the choice, from 0 on.

        >>> DesignSpace(28, source=7, stages=2, kernel_size=[3, 4]).genes
        (20, 20)
        """
        return self._vectors.genes

    def encode(self, plans: Any) -> Any:
        """A plan as a vector of ints, or many as the rows of an array.

        Vectors of all plans have one length; that of a shorter plan ends with zeros. They stand in
        the order of the space, but for encoders whose channels double: there, of plans with the
        same first option, the shorter ones stand first.

        Raises:
            QueryError: a plan is not in the space.
            TypeError: something is no plan.
        """
        import numpy as np

        alone = isinstance(plans, Plan)
        walks = [self._chain(plan) for plan in ([plans] if alone else plans)]
        rows = np.zeros((len(walks), self._chains.depth), np.int64)
        for row, walk in zip(rows, walks, strict=True):
            row[: len(walk)] = walk
            row[: len(walk)] += 1
        made = self._vectors.encoded(rows)
        return made[0] if alone else made

    def decode(self, vectors: Any) -> Any:
        """The plan that a vector means, or a list of those of the rows of an array.

        Raises:
            QueryError: a vector that is no plan of the space; `repair` gives the nearest one.
            TypeError: something else than ints.
        """
        rows = self._vectors.read(vectors)
        walks = [self._vectors.walk(row) for row in rows.tolist()]
        for i, walk in enumerate(walks):
            if walk is None or self._walks.states(walk) is None:
                where = "" if len(walks) == 1 else f" in row {i}"
                raise QueryError(
                    f"no plan of the space is the vector {rows[i].tolist()}{where}",
                    rule="vector",
                    hint="valid() tells which are, repair() gives the nearest plan.",
                )
        plans = [self._plan(walk) for walk in walks if walk is not None]
        return plans[0] if self._vectors.is_one(vectors) else plans

    def valid(self, vectors: Any) -> Any:
        """Which rows of an array are plans of the space: an array of bools.

        Raises:
            QueryError: rows of another length, or tables that would take too much memory.
            TypeError: something else than ints.
        """
        return self._vectors.valid(vectors)

    def sizes(self, vectors: Any) -> Any:
        """The sizes that rows of an array pass through, be they plans of the space or not.

        Returns:
            An int64 array of (rows, stages + 1, axes), which begins with the source. After the end
            of a row, and from where a stage refuses its size, there is 0; -1 stands for sizes that
            64 bits do not hold.

        Raises:
            QueryError: rows of another length.
            TypeError: something else than ints.
        """
        return self._vectors.sizes(vectors)

    def costs(self, vectors: Any, cost: Any = "parameters") -> Any:
        """What the plans of the rows of an array cost.

        Args:
            vectors: the array.
            cost: as for `dc.design`: a name, a dict of weights, or a function that adds.

        Returns:
            An int64 array, exact, with -1 for rows that are no plans of the space. With weights
            that are no ints, or a function, a float64 array with NaN for them.

        Raises:
            QueryError: costs that 64 bits do not hold, a cost that raises or is negative, tables
                that would take too much memory.
            TypeError: something else than ints.
        """
        return self._vectors.costs(vectors, cost)

    # Parts.

    def filter(
        self,
        stage: Callable[[Stage], bool] | None = None,
        *,
        plan: Callable[[Plan], bool] | None = None,
    ) -> DesignSpace:
        """The part of the space that a predicate keeps.

        Args:
            stage: keeps a plan where it keeps all its stages, each at its place; for spaces of any
                size.
            plan: keeps a plan as a whole; it looks at each plan, of 1,000,000 at the most.

        Returns:
            A space with the same options and genes.

        Raises:
            QueryError: neither or both are given, or a predicate raises.
            UndecidedError: there are more plans to look at.
        """
        if (stage is None) == (plan is None):
            raise QueryError(
                "filter takes a predicate of a stage or one of a plan",
                rule="filter",
                hint="filter(lambda stage: stage.stride == 2), or filter(plan=...).",
            )
        for name, one in (("stage", stage), ("plan", plan)):
            if one is not None and not callable(one):
                raise TypeError(f"filter: {name} must be a function, not {one!r}")
        if stage is not None:
            return self._of(Stages(self._recipe, stage))
        assert plan is not None
        if self._total > MOST_LISTED:
            raise UndecidedError(
                f"a filter of whole plans would look at {self._total:,}",
                rule="filter",
                hint=f"{MOST_LISTED:,} is the most: filter by stages first, or ask for less.",
            )
        walks = [walk for walk in self._walks if asked(plan, self._plan(walk))]
        pairs = [self._pairs(walk) for walk in walks]
        return self._of(Listed(self._recipe, tuple(pairs)))

    def __and__(self, other: object) -> DesignSpace:
        """The plans that both spaces have, with the options and genes of the first.

        >>> one = DesignSpace(28, source=7, stages=2, kernel_size=[3, 4])
        >>> other = DesignSpace(28, source=7, stages=2, checkerboard=False)
        >>> (one & other).count()
        1
        """
        if not isinstance(other, DesignSpace):
            return NotImplemented
        return self._of(Both(self._recipe, other._recipe))

    # Between chains and plans.

    def _not_empty(self) -> None:
        if not self._total:
            raise QueryError(
                "the space is empty: no design is as asked",
                rule="space",
                hint="dc.design() with the same arguments says why, and what is near.",
            )

    def _pairs(self, walk: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """The option and the choice of channels at each stage."""
        return tuple([divmod(choice, self._chains.channels) for choice in walk])

    def _plan(self, walk: Sequence[int]) -> Plan:
        goal, ids = self._goal, self._chains.channels
        deep = self._vectors.channels(tuple([choice % ids for choice in walk]))
        size = self._vectors.source
        stages = []
        for i, choice in enumerate(walk):
            key = size, choice // ids, deep[i], deep[i + 1]
            made = self._stages.get(key)
            if made is None:
                if len(self._stages) >= MOST_STAGES_KEPT:
                    self._stages.clear()
                made = self._stages[key] = self._stage(*key)
            stage, size = made
            stages.append(stage)
        return Plan(stages, goal.plain, goal.in_n)

    def _stage(
        self, size: tuple[int, ...], number: int, inputs: int, outputs: int
    ) -> tuple[Stage, tuple[int, ...]]:
        goal, maps = self._goal, self._maps[number]
        after = []
        for n, part in zip(size, goal.parts_of_axes, strict=True):
            slope, offset, divisor, _ = maps[part]
            after.append((slope * n + offset) // divisor)
        target, deep, option = tuple(after), (inputs, outputs), self._lattice.options[number]
        return Stage(option, size, target, deep, goal.parts_of_axes, goal.bias), target

    def _chain(self, plan: Any) -> tuple[int, ...]:
        """The chain of a plan.

        Raises:
            QueryError: it is not in the space.
            TypeError: it is no plan.
        """
        if not isinstance(plan, Plan):
            raise TypeError(f"a plan is needed, not {type(plan).__name__}")
        walk = self._found(plan)
        if walk is None:
            raise QueryError(
                f"the plan is not in the space: {plan!r}",
                rule="plan",
                hint="`plan in space` tells whether it is.",
            )
        return walk

    def _found(self, plan: Plan) -> tuple[int, ...] | None:
        walk = self._vectors.chain(plan)
        if walk is None or self._walks.states(walk) is None:
            return None
        return walk


def generator(rng: Any) -> None:
    """Refuse what is no numpy Generator.

    Raises:
        TypeError: it is none.
    """
    import numpy as np

    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy Generator, such as numpy.random.default_rng(0), not {rng!r}"
        )
