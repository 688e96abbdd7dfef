"""What the answers of a pair of sizes depend on: few numbers, shared by many pairs.

Let (a, b) be (n, m) for an operation that enlarges, and (m, n) for one that does not. The answers
of one stride (of one factor, for a resize and a pixel shuffle) then follow from rest = b - a*step:
a transposed window has v = rest + s, and for a window it says which v leave which remainder. Their
marks follow from it too, but for the few pairs that are small, and for where a shift passes half a
pixel. So many pairs share a `Site`: the ranked answers of one step. The answers of a pair are its
sites, one for each step, put together level by level.

Everything in a site is found by the solver itself, at one pair of sizes that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.solver.modes import BITS
from deconvcalc.solver.query import OPERATIONS
from deconvcalc.solver.ranking import Ranked
from deconvcalc.solver.runs import Found, find_parts

if TYPE_CHECKING:
    import numpy as np

    from deconvcalc.solver.query import Query, Space
    from deconvcalc.solver.runs import Pair, Run

__all__ = ["MOST_SITES", "NO_ROW", "ROW", "Row", "Site", "Slot", "Tables", "tables_of"]

MOST_STEPS = 1_000
"""So many strides, or factors, a batch goes through."""

MOST_SITES = 100_000
"""So many sites a batch may have."""

MOST_ROWS = 1_000_000
"""So many answers the sites of a batch may hold."""

FARTHEST = 2**61
"""Beyond this a kernel and its dilation leave int64."""

ENLARGING = ("conv_transpose", "resize_conv", "pixel_shuffle")

Row = tuple[int, ...]

ROW = (
    "op",
    "kernel_size",
    "stride",
    "padding",
    "padding_after",
    "output_padding",
    "dilation",
    "factor",
    *BITS,
)
"""The columns of a table of parameters; the last ones are the dialects."""

NO_ROW: Row = (0,) * len(ROW)


class Site:
    """The ranked answers of one step at any of the pairs that share them.

    Attributes:
        total: how many there are.
    """

    __slots__ = ("_first", "_list", "_ranked", "_tables", "number", "total")

    def __init__(self, tables: Tables, number: int, found: dict[str, list[Found]]) -> None:
        self._tables, self.number = tables, number
        self._ranked = Ranked(found)
        self.total = self._ranked.size
        self._first: tuple[int, int] | None = None
        self._list: tuple[np.ndarray, np.ndarray] | None = None

    def first(self) -> tuple[int, int]:
        """The marks of the first answer, and the number of its row."""
        if self._first is None:
            ((run, k, _),) = self._ranked[0]
            self._first = run.flags, self._tables.row(run, k)
        return self._first

    def list(self) -> tuple[np.ndarray, np.ndarray]:
        """The marks of all answers, best first, and the numbers of their rows."""
        if self._list is None:
            import numpy as np

            picks = [pick[0] for pick in self._ranked]
            rows = [self._tables.row(run, k) for run, k, _ in picks]
            self._list = np.array([run.flags for run, _, _ in picks]), np.array(rows)
        return self._list


class Slot:
    """One step of the operations that enlarge, or of those that do not.

    Attributes:
        step: the stride, or the factor.
        enlarging: which operations.
        low, high: outside of these no rest has an answer.
        least: sizes below this are small.
        unit: half a pixel, in the units of the shift, for large sizes.
        reach: no skew, with what a window drops, is further from 0.
        sites: what was found before, by rest and by what else decides.
    """

    __slots__ = (
        "enlarging",
        "high",
        "least",
        "low",
        "reach",
        "sites",
        "spaces",
        "step",
        "totals",
        "unit",
    )

    def __init__(self, step: int, enlarging: bool, spaces: list[Space]) -> None:
        self.step, self.enlarging, self.spaces = step, enlarging, spaces
        ends = [_ends(space, step) for space in spaces]
        self.low = min([low for low, _ in ends])
        self.high = max([high for _, high in ends])
        widest = max([space.dilation.last for space in spaces])
        self.least = max(2, widest)
        self.unit = step if enlarging else 1
        self.reach = 2 * step + widest
        self.sites: dict[tuple[int, int], Site] = {}
        self.totals: dict[int, int] = {}

    def total(self, rest: int) -> int:
        """How many answers there are at a rest, whatever the sizes."""
        total = self.totals.get(rest)
        if total is None:
            if len(self.totals) > MOST_SITES:
                self.totals.clear()
            a = 2 * (self.least + self.step - self.low + abs(self.high))
            b = a * self.step + rest
            total = sum([one.total for one in self.found((a, b)).values()])
            self.totals[rest] = total
        return total

    def found(self, pair: Pair) -> dict[str, Found]:
        """The answers of this step by operation, for sizes (a, b)."""
        n, m = pair if self.enlarging else pair[::-1]
        return {
            space.op: Found(((n, m),), find_parts(space, (n, m), self.step))
            for space in self.spaces
            if self.step in _steps(space)
        }


def _steps(space: Space) -> Any:
    return space.factor if space.op in ("resize_conv", "pixel_shuffle") else space.stride


def _ends(space: Space, step: int) -> tuple[int, int]:
    """The least and the greatest rest that may have an answer."""
    if space.op == "pixel_shuffle":
        return 0, 0
    if space.op == "resize_conv":  # a window of stride 1 after it, whose rest has the other sign
        return 1 - space.widest, space.pads
    if space.transposed:
        return -space.pads - step, space.widest + max(step, space.dilation.last) - 1 - step
    # With ceil_mode a last window may hang over by almost a stride.
    return 1 - space.pads - (2 * step if space.ceil_mode else step), space.widest - 1


class Tables:
    """The sites of one question about any sizes of one axis, as far as they were met.

    Attributes:
        slots: one for each step, ascending, those that enlarge first.
        rows: all parameters that were met, numbered from 1; row 0 stands for none.
        columns: those that were made an array already.
        codes: numberings of pairs, by whether the operations enlarge.
        sites: all sites by their number; 0 stands for none.
    """

    def __init__(self, query: Query) -> None:
        self.rows: dict[Row, int] = {NO_ROW: 0}
        self.columns: Any = ()
        self.codes: dict[bool, Any] = {}
        self.sites: list[Site | None] = [None]
        self.joint: dict[tuple[int, ...], Site] = {}
        self.slots: list[Slot] = []
        spaces = [query.spaces[op][0] for op in query.ops]
        for enlarging in (True, False):
            some = [one for one in spaces if (one.op in ENLARGING) is enlarging and one.modes]
            for one in some:
                _check_steps(one)
            for step in sorted({step for one in some for step in _steps(one)}):
                here = [one for one in some if step in _steps(one)]
                self.slots.append(Slot(step, enlarging, here))
        for slot in self.slots:
            if max(-slot.low, slot.high, slot.reach, slot.step) > FARTHEST:
                raise QueryError(
                    "these bounds go beyond the 64 bits of an array",
                    rule="kernel_size",
                    hint="Narrow kernel_size, dilation or padding; solve() takes single sizes.",
                )

    def family(self, enlarging: bool) -> list[Slot]:
        """The slots that enlarge, or the others."""
        return [slot for slot in self.slots if slot.enlarging is enlarging]

    def site(self, slot: Slot, key: tuple[int, int], pair: Pair) -> Site:
        """The site of a step that a key names, from one of the pairs (a, b) that have it."""
        site = slot.sites.get(key)
        if site is None:
            site = slot.sites[key] = self._made([slot.found(pair)])
        return site

    def joint_site(self, slots: tuple[Slot, Slot], key: tuple[int, ...], pair: Pair) -> Site:
        """The site of a step of all operations together, where they share their place."""
        site = self.joint.get(key)
        if site is None:
            up, down = slots
            found = [up.found(pair), down.found(pair[::-1])]
            site = self.joint[key] = self._made(found)
        return site

    def _made(self, found: list[dict[str, Found]]) -> Site:
        by_op = {op: one for each in found for op, one in each.items()}
        ranked = {op: [by_op[op]] for op in OPERATIONS if op in by_op and by_op[op].total}
        if len(self.sites) > 2 * MOST_SITES:  # half of them may be from other batches
            raise QueryError(
                f"these sizes and bounds make more than {MOST_SITES:,} different lists of answers",
                rule="kernel_size",
                hint="Narrow the bounds, or ask about fewer pairs at once.",
            )
        site = Site(self, len(self.sites), ranked)
        self.sites.append(site)
        return site

    def row(self, run: Run, k: int) -> int:
        """The number of the row of one answer."""
        op = OPERATIONS.index(run.op)
        marks = tuple([int(bool(run.modes & bits)) for bits in BITS.values()])
        if run.op == "pixel_shuffle":
            row: Row = (op, 0, 0, 0, 0, 0, 0, run.factor, *marks)
        else:
            before, after = run.sides(k)
            extra = before - after if run.op == "conv_transpose" else 0
            factor = run.factor if run.op == "resize_conv" else 0
            row = (op, k, run.s, before, after, extra, run.d, factor, *marks)
        return self.rows.setdefault(row, len(self.rows))


def _check_steps(space: Space) -> None:
    count = len(_steps(space))
    if count > MOST_STEPS:
        name = "stride" if _steps(space) is space.stride else "factor"
        raise QueryError(
            f"{name} has {count:,} values, and a batch goes through at most {MOST_STEPS:,}",
            rule=name,
            hint=f"Narrow {name}, or ask solve() about single pairs.",
        )


_KEPT: dict[Any, Tables] = {}
MOST_KEPT = 8
"""So many tables are kept: a search asks about many batches within the same bounds."""


def tables_of(query: Query) -> Tables:
    """The tables of a question, those of an earlier batch where there are any."""
    spaces = [query.spaces[op][0] for op in query.ops]
    key = query.dialect, tuple([(one.op, one.bounds, one.ceil_mode) for one in spaces])
    for old, kept in list(_KEPT.items()):
        if len(kept.sites) > MOST_SITES or len(kept.rows) > MOST_ROWS // 4:
            del _KEPT[old]
    tables = _KEPT.pop(key, None) or Tables(query)
    while len(_KEPT) >= MOST_KEPT:
        del _KEPT[next(iter(_KEPT))]  # the one that was asked for longest ago
    _KEPT[key] = tables
    return tables
