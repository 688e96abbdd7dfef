"""Many questions within the same bounds: counts, first answers, or all answers, as arrays."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.solver import answer
from deconvcalc.solver.query import OPERATIONS, read_query

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from deconvcalc.solver.answers import Answers
    from deconvcalc.solver.gather import Counted, Lists, Plan
    from deconvcalc.solver.query import Query
    from deconvcalc.solver.sites import Tables

__all__ = ["AnswerArrays", "Batch", "solve_many"]

MOST_BYTES = 2**31
"""Arrays of all answers are made up to this size, unless more is asked for."""

CHUNK_BYTES = 2**26


def solve_many(
    targets: Any,
    sources: Any,
    *,
    op: str = "conv_transpose",
    dialect: str = "torch",
    kernel_size: Any = None,
    stride: Any = None,
    padding: Any = None,
    output_padding: Any = None,
    dilation: Any = None,
    factor: Any = None,
    ceil_mode: bool = False,
) -> Batch:
    """The answers to many questions within the same bounds, as arrays.

    For each pair they are those of `solve(target, source=source, ...)`, in the same order.

    Args:
        targets: the output sizes, of one axis: an array of ints, or one int for all pairs.
        sources: the input sizes, likewise. The two are broadcast against each other.
        op: as for `solve`, and so are the bounds; none of them may have one value per axis.
        dialect: whose layers: "torch", "keras", or "any" for both, equal layers once.
        kernel_size: what it may be.
        stride: what it may be.
        padding: what it may be.
        output_padding: what it may be.
        dilation: what it may be.
        factor: what it may be.
        ceil_mode: whether the last window of a pool may hang over the end.

    Returns:
        The counts, the first answers and all answers, each made when it is looked at.

    Raises:
        QueryError: sizes below 1 or above 10**18, shapes that do not go together, more than
            100,000,000 pairs, more than 1,000 strides; and whatever `solve` raises.
        TypeError: an array of anything but integers.

    >>> from deconvcalc import solve_many
    >>> batch = solve_many([7, 8, 9, 100], 4)
    >>> batch.counts.tolist()
    [81, 89, 100, 0]
    >>> batch.best["kernel_size"].tolist(), batch.best["stride"].tolist()
    ([3, 4, 6, 0], [2, 2, 3, 0])
    """
    bounds = {
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "dilation": dilation,
        "factor": factor,
    }
    for name, value in bounds.items():
        if isinstance(value, tuple):
            raise QueryError(
                f"{name} has one value per axis, and a batch has one axis",
                rule=name,
                hint="Give one bound; a choice of values is a list. solve() takes several axes.",
            )
    query = read_query(1, 1, op, dialect, None, ceil_mode, **bounds)
    from deconvcalc.solver.gather import read_pairs

    return Batch(query, *read_pairs(targets, sources))


class AnswerArrays:
    """All answers of consecutive pairs.

    The answers of pair i are the rows `table[index[offsets[i]:offsets[i + 1]]]`, best first.

    Attributes:
        pairs: which pairs of the batch, as a range.
        offsets: int64, one more than there are pairs.
        index: rows of the table, in the smallest unsigned ints that hold them.
        table: the parameters, each once, as a structured array; the columns are those of
            `Batch.best`.

    >>> from deconvcalc import solve_many
    >>> arrays = solve_many([7, 8], 4, kernel_size=3).all()
    >>> arrays.offsets.tolist(), arrays[0]["stride"].tolist(), arrays[0]["padding"].tolist()
    ([0, 1, 3], [2], [1])
    """

    __slots__ = ("index", "offsets", "pairs", "table")

    def __init__(
        self, pairs: range, offsets: np.ndarray, index: np.ndarray, table: np.ndarray
    ) -> None:
        self.pairs, self.offsets, self.index, self.table = pairs, offsets, index, table

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, place: int) -> np.ndarray:
        """The answers of one of the pairs, best first, as rows of the table."""
        place = range(len(self))[place]
        start, end = self.offsets[place : place + 2]
        rows: np.ndarray = self.table[self.index[start:end]]
        return rows

    @property
    def nbytes(self) -> int:
        """The size of `offsets` and `index` in bytes."""
        return int(self.offsets.nbytes + self.index.nbytes)

    def __repr__(self) -> str:
        return (
            f"<AnswerArrays: {len(self):,} pairs, {self.index.size:,} answers, "
            f"{len(self.table):,} rows>"
        )


class Batch:
    """The answers to many questions within the same bounds.

    `batch[i]` is what `solve` gives for pair i; for sizes in more than one dimension
    `batch[i, j]`. Iteration goes through all pairs, the last dimension first.

    Attributes:
        targets, sources: the sizes, int64, in the shape that they have together.
        operations: the names of the operations, by their number in the column "op".
    """

    operations = OPERATIONS

    def __init__(self, query: Query, targets: np.ndarray, sources: np.ndarray) -> None:
        self._query = query
        self.targets, self.sources = targets, sources

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the pairs, and of `counts` and `best`."""
        return self.targets.shape

    def __len__(self) -> int:
        return self.targets.size

    def __getitem__(self, place: Any) -> Answers:
        """The answers of one pair, as from `solve`."""
        if not isinstance(place, tuple):
            place = (place,)
        numbers = [one.__index__() for one in place]
        if len(numbers) != len(self.shape):
            raise IndexError(f"the pairs have {len(self.shape)} dimensions, not {len(numbers)}")
        where = tuple([range(size)[i] for size, i in zip(self.shape, numbers, strict=True)])
        return self._answers(int(self.targets[where]), int(self.sources[where]))

    def __iter__(self) -> Iterator[Answers]:
        for target, source in zip(self.targets.flat, self.sources.flat, strict=True):
            yield self._answers(int(target), int(source))

    def _answers(self, target: int, source: int) -> Answers:
        return answer(self._query.sized(target, source))

    @cached_property
    def _tables(self) -> Tables:
        from deconvcalc.solver.sites import tables_of

        return tables_of(self._query)

    @cached_property
    def _counted(self) -> Counted:
        from deconvcalc.solver.gather import Counted

        counted = Counted(self._tables, self.sources.ravel(), self.targets.ravel())
        counted.counts.setflags(write=False)  # the lists are cut by them
        return counted

    @property
    def counts(self) -> np.ndarray:
        """How many answers each pair has: int64, read-only.

        Raises:
            QueryError: more than 64 bits can count.
        """
        return self._counted.counts.reshape(self.shape)

    @cached_property
    def _plan(self) -> Plan:
        from deconvcalc.solver.gather import Plan

        return Plan(self._tables, self._counted)

    @cached_property
    def _lists(self) -> Lists:
        from deconvcalc.solver.gather import Lists

        return Lists(self._plan)

    @cached_property
    def _table(self) -> np.ndarray:
        from deconvcalc.solver.gather import records

        return records(self._tables, self._lists.table)

    @cached_property
    def best(self) -> np.ndarray:
        """The first answer of each pair, a structured array; all 0 where `counts` is 0.

        Columns: "op", a number in `operations`; "kernel_size", "stride", "padding",
        "padding_after", "output_padding", "dilation", "factor"; "torch" and "keras", whether one
        layer there has these numbers. A column is 0 where the operation has no such parameter.
        "padding" is what is padded, or cropped by a transposed convolution, at the start, and
        "padding_after" at the end; "output_padding" is how much less is cropped there.
        """
        import numpy as np

        from deconvcalc.solver.gather import records, take

        rows = np.append(self._plan.first_rows(), 0)  # a pair without an answer has cell -1
        return take(records(self._tables, rows), self._plan.cell).reshape(self.shape)

    def all(self, most_bytes: int = MOST_BYTES) -> AnswerArrays:
        """All answers of all pairs.

        Raises:
            QueryError: the arrays would take more than `most_bytes`, or their table would have
                more than 1,000,000 rows.
        """
        counts = self.counts
        fits = not counts.size or int(counts.max()) * len(self) < 2**63
        total = int(counts.sum(dtype=None if fits else object))
        needed = 8 * (len(self) + 1) + self._lists.kind.itemsize * total
        if needed > most_bytes:
            raise QueryError(
                f"all answers take {needed:,} bytes, more than {most_bytes:,}",
                rule="most_bytes",
                hint="Go through chunks(), narrow the bounds, or raise most_bytes.",
            )
        return self._arrays(0, len(self))

    def chunks(self, most_bytes: int = CHUNK_BYTES) -> Iterator[AnswerArrays]:
        """All answers, of as many consecutive pairs at a time as fit into `most_bytes`.

        All chunks have one table.

        Raises:
            QueryError: a single pair takes more than `most_bytes`.
        """
        import numpy as np

        sizes = 8 + self.counts.ravel() * self._lists.kind.itemsize
        if sizes.size and int(sizes.max()) + 8 > most_bytes:
            place = int(sizes.argmax())
            raise QueryError(
                f"the answers of pair {place} take {int(sizes[place]) + 8:,} bytes, more than "
                f"{most_bytes:,}",
                rule="most_bytes",
                hint="Raise most_bytes, or narrow the bounds.",
            )
        ends = np.cumsum(sizes)
        start = 0
        while start < len(self):
            before = int(ends[start - 1]) if start else 0
            end = int(np.searchsorted(ends, before + most_bytes - 8, side="right"))
            yield self._arrays(start, end)
            start = end

    def _arrays(self, start: int, end: int) -> AnswerArrays:
        import numpy as np

        offsets = np.zeros(end - start + 1, dtype=np.int64)
        np.cumsum(self.counts.ravel()[start:end], out=offsets[1:])
        index = self._lists.index(self._plan.cell[start:end], int(offsets[-1]))
        return AnswerArrays(range(start, end), offsets, index, self._table)

    def __repr__(self) -> str:
        return f"<Batch: {len(self):,} pairs>"
