"""The work of a batch on arrays: sizes are read, counted, sorted into cells, and lists are joined.

Only this module of the solver needs numpy; it is imported where a batch is asked for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deconvcalc.errors import QueryError
from deconvcalc.solver.modes import BITS
from deconvcalc.solver.sites import MOST_ROWS, MOST_SITES, ROW
from deconvcalc.values import LARGEST, integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deconvcalc.solver.sites import Slot, Tables

__all__ = ["Counted", "Lists", "Plan", "read_pairs", "records", "take"]

MOST_PAIRS = 100_000_000
"""So many pairs a batch may have."""

WIDEST = 2**23
"""So many numbers of pairs are told apart within the same bounds; beyond, each pair has its own."""

NARROW = 5_000
"""Up to so many rests are counted before it is known which occur."""

BLOCK = 2**14
"""So many pairs are worked on at a time: they stay in the cache."""

LISTS = 2**13
"""So many lists are joined at a time."""

ROOM = 2**16
"""A table of so many codes is always made."""

MOST_SEGMENTS = 2**21
"""So many pieces of lists are put in order at a time."""

# Sizes.


def read_pairs(targets: Any, sources: Any) -> tuple[np.ndarray, np.ndarray]:
    """Copies of the two arrays of sizes in int64, in the shape that they have together.

    Raises:
        QueryError: shapes that do not go together, sizes below 1 or above 10**18, too many pairs.
        TypeError: anything but integers.
    """
    one, other = _read_sizes("targets", targets), _read_sizes("sources", sources)
    try:
        shape = np.broadcast_shapes(one.shape, other.shape)
    except ValueError:
        raise QueryError(
            f"targets have shape {one.shape} and sources {other.shape}: they do not go together",
            rule="sources",
            hint="Give arrays of one length, or one int for all pairs.",
        ) from None
    pairs = 1
    for length in shape:
        pairs *= length
    if pairs > MOST_PAIRS:
        raise QueryError(
            f"{pairs:,} pairs are more than {MOST_PAIRS:,}",
            rule="targets",
            hint="Ask about a part of them at a time.",
        )
    made = [np.array(np.broadcast_to(sizes, shape or (1,))) for sizes in (one, other)]
    for sizes in made:
        sizes.setflags(write=False)  # answers are made later, and are those of these sizes
    return made[0], made[1]


def _read_sizes(name: str, value: Any) -> np.ndarray:
    if isinstance(value, tuple):
        raise TypeError(
            f"{name} must be an array of ints, not a tuple: a tuple is one size per axis, "
            "and a batch has one axis"
        )
    number = integer(value)
    array = np.asarray(value if number is None else [number])
    if array.dtype == object or (isinstance(value, list) and not array.size):
        array = _exact(name, array)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an array of ints, not of {array.dtype}")
    if array.size and int(array.min()) < 1:
        hint = "A size counts the elements along an axis."
        raise _wrong(name, array, array < 1, "at least 1", hint)
    if array.size and int(array.max()) > LARGEST:
        hint = "Give sizes up to 10**18."
        raise _wrong(name, array, array > LARGEST, "at most 10**18", hint)
    array = array.astype(np.int64, copy=False)
    return array.reshape(()) if number is not None else array


def _wrong(name: str, array: np.ndarray, wrong: np.ndarray, rule: str, hint: str) -> QueryError:
    place = tuple([int(index[0]) for index in wrong.nonzero()])
    index = place[0] if len(place) == 1 else place
    return QueryError(
        f"{name} must be {rule}: {int(wrong.sum()):,} of {array.size:,} are not, "
        f"the first at index {index}: {int(array[place])}",
        rule=name,
        size=int(array[place]),
        hint=hint,
    )


def _exact(name: str, array: np.ndarray) -> np.ndarray:
    """Python's ints as an array of int64, what is beyond it as the largest of int64."""
    numbers = [integer(item) for item in array.ravel().tolist()]
    whole = [number for number in numbers if number is not None]
    if len(whole) != len(numbers):
        wrong = array.ravel()[numbers.index(None)]
        raise TypeError(f"{name} must be an array of ints: it holds {wrong!r}")
    near = [min(max(number, -(2**63)), 2**63 - 1) for number in whole]
    return np.array(near, dtype=np.int64).reshape(array.shape)


# Counts.


class Codes:
    """Numbers for pairs (a, b), such that pairs of one number have the same answers.

    Where a is at least `large`, the bands in which steps have answers lie apart: one division
    finds the only step that may have any, and its rest. Pairs of a smaller a are few.

    Attributes:
        counts: for each number how many answers there are; numbers are below its length.
    """

    def __init__(self, slots: list[Slot]) -> None:
        self.low = min([slot.low for slot in slots])
        self.length = max([slot.high for slot in slots]) - self.low + 1
        self.steps = max([slot.step for slot in slots]) + 1  # the number of rows, and a spare one
        far = max(self.length, -2 * self.low)
        self.large = far + self.steps + max([slot.least for slot in slots]) + 2
        self.width = self.large * self.steps + self.length + 1  # no b has answers from here on
        self.start = self.large * self.width

    @property
    def span(self) -> int:
        """How many numbers there are."""
        return self.start + (self.steps + 1) * (self.length + 1)

    def count(self, slots: list[Slot]) -> None:
        """Fill the counts."""
        self.counts = np.zeros(self.span, dtype=np.int64)
        few = self.counts[: self.start].reshape(self.large, self.width)
        many = self.counts[self.start :].reshape(self.steps + 1, self.length + 1)
        for slot in slots:
            totals = [slot.total(rest) for rest in range(slot.low, slot.high + 1)]
            by_rest = np.array(_within(totals), dtype=np.int64)
            first = slot.low - self.low
            many[slot.step, first : first + by_rest.size] += by_rest
            for a in range(1, self.large):
                b = a * slot.step + slot.low
                few[a, max(b, 0) : b + by_rest.size] += by_rest[max(-b, 0) :]

    def of(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The numbers of pairs."""
        small = a < self.large
        if small.all():
            return self._of_small(a, b)
        off = b - self.low
        # Below 2**52 no quotient is rounded up to the next integer.
        step = (off / a).astype(np.int64) if int(off.max()) < 2**52 else off // a
        rest = np.minimum(off - step * a, self.length)
        number: np.ndarray = np.minimum(step, self.steps) * (self.length + 1) + rest + self.start
        if small.any():
            some = np.flatnonzero(small)
            number[some] = self._of_small(a[some], b[some])
        return number

    def _of_small(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        number: np.ndarray = a * self.width + np.minimum(b, self.width - 1)
        return number


def _within(totals: list[int]) -> list[int]:
    """Counts of one step, all of them together below 2**63.

    Raises:
        QueryError: they are not.
    """
    if max(totals, default=0) >= 2**50:
        raise QueryError(
            "these bounds make more answers a pair than can be counted in 64 bits",
            rule="kernel_size",
            hint="Narrow the bounds, or ask solve() about single pairs.",
        )
    return totals


def _codes(tables: Tables, enlarging: bool, pairs: int) -> Codes | None:
    """The numbering of the operations that enlarge, or of the others; None for wide bounds."""
    if enlarging not in tables.codes:
        slots = tables.family(enlarging)
        codes = Codes(slots)
        rests = sum([slot.high - slot.low + 1 for slot in slots])
        if codes.span > WIDEST or rests > max(NARROW, pairs):
            return None
        codes.count(slots)
        tables.codes[enlarging] = codes
    found: Codes = tables.codes[enlarging]
    return found


class Counted:
    """How many answers each pair has, and numbers such that equal ones have the same answers.

    Attributes:
        counts: int64.
        numbers: one array for each family of operations; empty where the bounds are too wide.
        spans: the numbers are below these.
        grid: where there are fewer sizes than pairs: the same for all sizes up to the largest.
        place: for each pair where it stands in the grid, whose rows have `width` places.
    """

    def __init__(self, tables: Tables, n: np.ndarray, m: np.ndarray) -> None:
        self.tables, self.n, self.m = tables, n, m
        self.counts = np.zeros(n.size, dtype=np.int64)
        self.numbers: list[np.ndarray] = []
        self.spans: list[int] = []
        self.grid: Counted | None = None
        rows, self.width = (int(one.max()) if one.size else 1 for one in (n, m))
        if rows * self.width <= n.size // 2:
            every = np.divmod(np.arange(rows * self.width), self.width)
            self.grid = Counted(tables, every[0] + 1, every[1] + 1)
            self.place = np.empty(n.size, dtype=np.int64)
            for here in _blocks(n.size):
                place = self.place[here]
                np.multiply(n[here], self.width, out=place)
                place += m[here]
                place -= self.width + 1
                self.counts[here] = self.grid.counts.take(place, mode="clip")
            return
        wide = False
        for enlarging in (True, False):
            if tables.family(enlarging):
                wide = self._add(enlarging) or wide
        if wide:
            self.numbers = []

    def _add(self, enlarging: bool) -> bool:
        """Count the answers of one family; whether its bounds are too wide for numbers."""
        a, b = (self.n, self.m) if enlarging else (self.m, self.n)
        codes = _codes(self.tables, enlarging, a.size)
        if codes is None:
            for slot in self.tables.family(enlarging):
                self._add_wide(slot, a, b)
            return True
        numbers = np.empty(a.size, dtype=np.int64)
        for here in _blocks(a.size):
            numbers[here] = found = codes.of(a[here], b[here])
            self.counts[here] += codes.counts.take(found, mode="clip")
        self.numbers.append(numbers)
        self.spans.append(codes.span)
        return False

    def cells(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The cells: pairs of one cell have the same answers.

        Returns:
            For each pair its cell, from 0 upwards, or -1 for a pair without an answer; and the
            sizes n and m of a pair of each cell.
        """
        if self.grid is not None:
            cell_of, n, m = self.grid.cells()
            seen = np.zeros(cell_of.size, dtype=bool)
            seen[self.place] = True
            met = np.zeros(n.size + 1, dtype=bool)
            met[cell_of[seen]] = True
            met = met[:-1]  # the last one stands for -1
            number = np.append(np.cumsum(met) - 1, -1)
            return number[cell_of].take(self.place, mode="clip"), n[met], m[met]
        if not self.numbers:
            places = np.flatnonzero(self.counts)
            cell = np.full(self.counts.size, -1, dtype=np.int64)
            cell[places] = np.arange(places.size)
            return cell, self.n[places], self.m[places]
        number, span = self.numbers[0], self.spans[0]
        if len(self.numbers) > 1:
            _, number = _numbered(number * self.spans[1] + self.numbers[1])
            span = int(number.max()) + 1 if number.size else 1
        place_of = np.full(span, -1, dtype=np.int64)
        place_of[number] = np.arange(number.size)
        places = place_of[place_of >= 0]
        places = places[self.counts[places] > 0]
        cell_of = np.full(span, -1, dtype=np.int64)
        cell_of[number[places]] = np.arange(places.size)
        return cell_of.take(number, mode="clip"), self.n[places], self.m[places]

    def _add_wide(self, slot: Slot, a: np.ndarray, b: np.ndarray) -> None:
        """Add the answers of one step, where the rests are many: those that occur are counted."""
        rest = _rest(slot, a, b)
        inside = np.flatnonzero((rest >= slot.low) & (rest <= slot.high))
        found, back = np.unique(rest[inside], return_inverse=True)
        if found.size > MOST_SITES:
            raise QueryError(
                f"these sizes and bounds make more than {MOST_SITES:,} different counts",
                rule="kernel_size",
                hint="Narrow the bounds, or ask about fewer pairs at once.",
            )
        totals = _within([slot.total(number) for number in found.tolist()])
        self.counts[inside] += np.array(totals, dtype=np.int64)[back]


def _blocks(size: int) -> Iterator[slice]:
    for start in range(0, size, BLOCK):
        yield slice(start, start + BLOCK)


def _rest(slot: Slot, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rest b - a*step in int64. Where it would leave it, something as far out of reach."""
    most = 2**62 // slot.step
    if a.size and int(a.max()) > most:
        a = np.minimum(a, most)
    rest: np.ndarray = b - a * slot.step
    return rest


# Cells: pairs with the same answers.


def _numbered(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of codes from 0 upwards, ascending; and for each code its number."""
    span = int(codes.max()) + 1 if codes.size else 0
    if span > max(4 * codes.size, ROOM):
        return np.unique(codes, return_inverse=True)
    seen = np.zeros(span, dtype=bool)
    seen[codes] = True
    different = np.flatnonzero(seen)
    number = np.zeros(span, dtype=np.int32)
    number[different] = np.arange(different.size)
    return different, number.take(codes, mode="clip")


class _Met(NamedTuple):
    """The sites of one step: which cells have one, its number, and where it comes in the order."""

    cells: np.ndarray
    sites: np.ndarray
    order: np.ndarray


class Plan:
    """Which sites each pair has.

    Attributes:
        cell: for each pair its cell, from 0 upwards; -1 for a pair without an answer.
        n, m: the sizes of the cells.
        met: the sites, one entry for each slot of the tables that has any.
    """

    def __init__(self, tables: Tables, counted: Counted) -> None:
        self.tables = tables
        self.cell, self.n, self.m = counted.cells()
        steps = {step: i for i, step in enumerate(sorted({slot.step for slot in tables.slots}))}
        met = {
            (slot.step, slot.enlarging): self._meet(slot, steps[slot.step], len(steps))
            for slot in tables.slots
        }
        for step in steps:
            if (step, True) in met and (step, False) in met:
                self._join(step, met)
        self.met = [one for one in met.values() if one.cells.size]

    def _meet(self, slot: Slot, rank: int, ranks: int) -> _Met:
        """The sites of a slot."""
        a, b = (self.n, self.m) if slot.enlarging else (self.m, self.n)
        rest = _rest(slot, a, b)
        cells = np.flatnonzero((rest >= slot.low) & (rest <= slot.high))
        a, b, rest = a[cells], b[cells], rest[cells]
        n, m = (a, b) if slot.enlarging else (b, a)
        # The shift is within half a pixel where skew, and what a window drops, are at most this.
        off = np.abs(rest)
        spare = np.clip(slot.unit + off // m - off, -1, slot.reach) if m.size else off
        small = (n < slot.least) | (m < slot.least) | (m < slot.step)
        also = np.where(small, slot.reach + 1 + a, spare + 1)
        sites = self._numbers(slot, rest, also, a, b)
        some = np.flatnonzero(sites)
        # The smallest step that is at least the ratio comes first, then the others downwards.
        below = (rest[some] > 0) & (a[some] > 1)
        return _Met(cells[some], sites[some], np.where(below, 2 * ranks - rank, rank))

    def _numbers(
        self, slot: Slot, rest: np.ndarray, also: np.ndarray, a: np.ndarray, b: np.ndarray
    ) -> np.ndarray:
        """The numbers of the sites that the two keys name; 0 where there is no answer."""
        places, back = _places_of(rest, also)
        keys = zip(*[one[places].tolist() for one in (rest, also, a, b)], strict=True)
        made = [self.tables.site(slot, (one, two), (x, y)) for one, two, x, y in keys]
        numbers = np.array([one.number if one.total else 0 for one in made], dtype=np.int64)
        return numbers.take(back)

    def _join(self, step: int, met: dict[tuple[int, bool], _Met]) -> None:
        """Put the two sites of a step together where they share their place in the order."""
        slots = {slot.enlarging: slot for slot in self.tables.slots if slot.step == step}
        up, down = met[step, True], met[step, False]
        _, here, there = np.intersect1d(
            up.cells, down.cells, assume_unique=True, return_indices=True
        )
        same = up.order[here] == down.order[there]
        here, there = here[same], there[same]
        cells = up.cells[here]
        n, m = self.n[cells], self.m[cells]
        # With a step of 1 both have one measure of the shift; with any other the two rests, and so
        # the two sites, are those of one pair of sizes alone.
        keys = [up.sites[here], down.sites[there]]
        places, back = _places_of(*keys)
        sites = [
            self.tables.joint_site((slots[True], slots[False]), key, pair)
            for key, pair in zip(
                zip(*[one[places].tolist() for one in keys], strict=True),
                zip(n[places].tolist(), m[places].tolist(), strict=True),
                strict=True,
            )
        ]
        joint = np.array([site.number for site in sites], dtype=np.int64)
        up.sites[here] = joint[back]
        kept = np.ones(down.cells.size, dtype=bool)
        kept[there] = False
        met[step, False] = _Met(*[one[kept] for one in down])

    def used(self) -> list[int]:
        """The numbers of all sites that occur, ascending."""
        found: list[int] = np.unique(np.concatenate([NONE, *[x.sites for x in self.met]])).tolist()
        return found

    # Answers.

    def first_rows(self) -> np.ndarray:
        """For each cell the row of its first answer."""
        used = self.used()
        firsts = [self._site(number).first() for number in used]
        flags, rows = (np.array([one[i] for one in firsts], dtype=np.int64) for i in (0, 1))
        best = np.full(self.n.size, 2**62, dtype=np.int64)
        found = np.zeros(self.n.size, dtype=np.int64)
        scale = max([int(one.order.max()) for one in self.met], default=0) + 1
        for one in self.met:
            places = np.searchsorted(used, one.sites)
            key = flags[places] * scale + one.order
            better = key < best[one.cells]
            cells = one.cells[better]
            best[cells] = key[better]
            found[cells] = rows[places[better]]
        return found

    def _site(self, number: int) -> Any:
        return self.tables.sites[number]


NONE = np.zeros(0, dtype=np.int64)


def _places_of(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For pairs of numbers: for each different pair a place where it stands; and its number."""
    codes = [column - column.min() if column.size else column for column in (one, other)]
    spans = [int(column.max()) + 1 if column.size else 1 for column in codes]
    if spans[0] * spans[1] >= 2**62:
        codes = [np.unique(column, return_inverse=True)[1] for column in codes]
        spans[1] = int(codes[1].max()) + 1
    different, number = _numbered(codes[0] * spans[1] + codes[1])
    places = np.zeros(different.size, dtype=np.int64)
    places[number] = np.arange(number.size)
    return places, number


class Lists:
    """The ranked answers of all cells, as rows of a table.

    Attributes:
        table: the numbers of the rows that occur, in the order of the table.
        kind: the dtype of an index into it.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        used = plan.used()
        sites = [plan._site(number) for number in used]
        total = sum([site.total for site in sites])
        if total > MOST_ROWS:
            raise QueryError(
                f"within these bounds there are {total:,} different answers, more than "
                f"{MOST_ROWS:,}",
                rule="kernel_size",
                hint="Narrow the bounds; `counts` and `best` need no list.",
            )
        flags, rows = (np.concatenate([NONE, *[site.list()[i] for site in sites]]) for i in (0, 1))
        self.table, index = _sorted_rows(plan.tables, rows)
        self.kind = np.dtype(np.min_scalar_type(max(self.table.size - 1, 0)))
        self.pool = index.astype(self.kind)
        lengths = np.array([site.total for site in sites], dtype=np.int64)
        self._tiers(lengths, flags)
        self._classes(np.array(used, dtype=np.int64))
        data, ends = self.pool.tobytes(), np.cumsum(lengths) * self.kind.itemsize
        self.blobs = _cut(data, [0, *ends.tolist()])

    def _tiers(self, lengths: np.ndarray, flags: np.ndarray) -> None:
        """For each site and each mask of marks, where its answers start and how many they are.

        Site 0 is empty.
        """
        levels, level = np.unique(flags, return_inverse=True)
        site = np.repeat(np.arange(1, lengths.size + 1), lengths)
        shape = (lengths.size + 1, max(levels.size, 1))
        size = shape[0] * shape[1]
        self.sizes = np.bincount(site * shape[1] + level, minlength=size).reshape(shape)
        self.starts = (np.cumsum(self.sizes.ravel()) - self.sizes.ravel()).reshape(shape)

    def _classes(self, used: np.ndarray) -> None:
        """For each cell which list it has: that of its only site, or one of its own."""
        plan = self.plan
        many = np.zeros(plan.n.size, dtype=np.int64)
        self.list_of = np.full(plan.n.size, -1, dtype=np.int64)
        columns = [np.searchsorted(used, one.sites) for one in plan.met]
        for one, column in zip(plan.met, columns, strict=True):
            many[one.cells] += 1
            self.list_of[one.cells] = column
        mixed = np.flatnonzero(many > 1)
        place = np.full(plan.n.size, -1, dtype=np.int64)
        place[mixed] = np.arange(mixed.size)
        # For each cell of several sites these, in their order, and 0 where there are fewer.
        sites = np.zeros((mixed.size, len(plan.met)), dtype=np.int64)
        order = np.full(sites.shape, 2**31, dtype=np.int64)
        for slot, (one, column) in enumerate(zip(plan.met, columns, strict=True)):
            row = place[one.cells]
            here = row >= 0
            sites[row[here], slot] = column[here] + 1
            order[row[here], slot] = one.order[here]
        self.mixed = np.take_along_axis(sites, np.argsort(order, axis=1), axis=1)
        self.list_of[mixed] = len(used) + np.arange(mixed.size)

    def index(self, cells: np.ndarray, total: int) -> np.ndarray:
        """The lists of these cells, one after the other: so many rows. Cell -1 has none."""
        list_of = np.append(self.list_of, -1)
        blobs = self.blobs
        if len(self.mixed):
            seen = np.zeros(len(self.list_of) + 1, dtype=bool)
            seen[cells] = True
            needed = np.flatnonzero(seen[:-1] & (self.list_of >= len(blobs)))
            mixed = self._mixed_blobs(list_of[needed] - len(blobs))
            list_of[needed] = len(blobs) + np.arange(needed.size)
            blobs = [*blobs, *mixed]
        pieces = np.empty(len(blobs), dtype=object)
        pieces[:] = blobs
        made = np.empty(total, dtype=self.kind)
        filled = 0
        for start in range(0, cells.size, LISTS):
            lists = list_of.take(cells[start : start + LISTS], mode="wrap")
            # Bytes are joined as fast as memory is copied, however short they are.
            data = b"".join(pieces[lists[lists >= 0]].tolist())
            end = filled + len(data) // self.kind.itemsize
            made[filled:end] = np.frombuffer(data, dtype=self.kind) if data else 0
            filled = end
        return made

    def _mixed_blobs(self, needed: np.ndarray) -> Iterable[bytes]:
        """The lists of cells with several sites: level by level, and step by step in a level."""
        step = max(1, MOST_SEGMENTS // max(1, self.mixed.shape[1] * self.sizes.shape[1]))
        for start in range(0, needed.size, step):
            sites = self.mixed[needed[start : start + step]]
            sites = sites[:, : int((sites > 0).sum(axis=1).max())]
            sizes = self.sizes[sites].transpose(0, 2, 1).reshape(len(sites), -1)
            begins = self.starts[sites].transpose(0, 2, 1).reshape(len(sites), -1)
            full = sizes > 0
            ends = np.cumsum(sizes.sum(axis=1)) * self.kind.itemsize
            data = self.pool[_spread(begins[full], sizes[full])].tobytes()
            yield from _cut(data, [0, *ends.tolist()])


def _spread(begins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The numbers from each begin on, as many as its size, one after the other."""
    ends = np.cumsum(sizes)
    return np.repeat(begins - ends + sizes, sizes) + np.arange(ends[-1] if ends.size else 0)


def _cut(data: bytes, ends: list[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise(ends)]


# Rows.


def _sorted_rows(tables: Tables, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows, sorted by their columns, and for each row its place among them."""
    different, back = np.unique(rows, return_inverse=True)
    columns = columns_of(tables)[different]
    order = np.lexsort(columns.T[::-1])
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    return different[order], place[back]


def columns_of(tables: Tables) -> np.ndarray:
    """All rows that were met, as an array of numbers."""
    if len(tables.columns) < len(tables.rows):
        tables.columns = np.array(list(tables.rows), dtype=np.int64).reshape(-1, len(ROW))
    columns: np.ndarray = tables.columns
    return columns


def records(tables: Tables, rows: np.ndarray) -> np.ndarray:
    """Rows as a structured array: ints of 32 bits where all fit, else of 64.

    Its items are aligned to 8 bytes, so that `take` moves them as whole numbers.
    """
    columns = columns_of(tables)[rows]
    wide = columns.size and int(np.abs(columns).max()) >= 2**31
    kinds = {"op": "u1"} | dict.fromkeys(BITS, "?")
    names = sorted(ROW, key=lambda name: name in kinds)
    kind = "i8" if wide else "i4"
    packed: Any = np.dtype([(name, kinds.get(name, kind)) for name in names], align=True)
    layout: Any = {
        "names": names,
        "formats": [packed.fields[name][0] for name in names],
        "offsets": [packed.fields[name][1] for name in names],
        "itemsize": -(-packed.itemsize // 8) * 8,
    }
    made: Any = np.zeros(len(rows), dtype=layout)
    for name, column in zip(ROW, columns.T, strict=True):
        made[name] = column
    records: np.ndarray = made
    return records


def take(made: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Some items of a structured array, many times faster than numpy takes them one by one."""
    items = made.view(np.int64).reshape(len(made), -1)
    taken: np.ndarray = items.take(places, axis=0, mode="wrap").view(made.dtype).ravel()
    return taken
