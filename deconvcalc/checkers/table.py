"""Many configurations side by side: the library's sizes, and values by walking over windows.

Each distinct call is read once, by the rules of its dialect, and its size map gives all of its
sizes at once. The values come from the fields of the layer, not from its formulas: a window starts
at every stride, and reads or writes at every dilation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deconvcalc.checkers.configuration import Configuration, lethal
from deconvcalc.checkers.workers.sweep import REFUSED, spread
from deconvcalc.dialects import DIALECTS, Given
from deconvcalc.errors import DeconvcalcError, QueryError
from deconvcalc.layers import Same
from deconvcalc.notation import parse
from deconvcalc.values import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Table"]

SAME = {"upper": 1, "lower": 2}
"""How the side of the odd element is written in an array; 0 is padding that has a number."""


class _Group(NamedTuple):
    """Configurations of one operation, sorted by their kernel, largest first; a column each.

    Attributes:
        n, m, k, s, d: the input, the output, the kernel, the stride and the dilation.
        before: the padding, or the crop, before.
        room: where the padding after ends, counted from the input's first element.
        counted: 1 where a mean counts the padding.
    """

    n: Array
    m: Array
    k: Array
    s: Array
    d: Array
    before: Array
    room: Array
    counted: Array


class Table:
    """Configurations, and what the library says of them.

    Args:
        wanted: the configurations.
        framework: whose calls they are.
        seed: of the numbers.

    Attributes:
        rows: the configurations as ints.
        x, w: the numbers that inputs and kernels begin with, of one seed the same in each table.
            None is negative, so that no sum is lost to rounding; a max pool gets their negatives,
            so that padding never wins unseen.
        screened: the places that would end the process of the framework.
        sizes: by the library, `REFUSED` where it refuses; set by `predict`.
        values: each value along one axis, one configuration after another; set by `predict`.
    """

    def __init__(self, wanted: Sequence[Configuration], framework: str, seed: int) -> None:
        self.wanted = wanted
        self.framework = framework
        places: dict[tuple[Any, ...], int] = {}
        self._groups = np.array([places.setdefault(one[:-1], len(places)) for one in wanted], int)
        self._calls = [Configuration._make((*head, 1)) for head in places]
        rows = np.array([one.row() for one in self._calls], np.int64).reshape(-1, 11)
        self.rows = rows[self._groups]
        self.rows[:, 10] = [one.size for one in wanted]
        self.axes = self.rows[:, 1]
        most = max(1, int(self.rows[:, 10].max(initial=0)), int(self.rows[:, 2].max(initial=0)))
        both = [np.random.default_rng([seed, i]).random(most) + 0.5 for i in (0, 1)]
        self.x, self.w = [numbers.astype(np.float32) for numbers in both]
        killing = [i for i, one in enumerate(wanted) if lethal(one)] if framework == "keras" else []
        self.screened = np.array(killing, np.int64)
        self.sizes = np.full(len(wanted), REFUSED, np.int64)
        self.values = np.zeros(0)
        self.fields = np.zeros((len(wanted), 6), np.int64)

    def check(self, largest: int) -> None:
        """Refuse what no sweep can run.

        Raises:
            QueryError: a size below 1, or a number that is too large.
        """
        if not len(self.rows):
            return
        numbers = self.rows[:, [2, 3, 4, 6, 10]]
        if np.abs(numbers).max() > largest or self.rows[:, 10].min() < 1:
            raise QueryError(
                f"a sweep takes sizes from 1 and numbers up to {largest}", rule="configurations"
            )

    def predict(self) -> None:
        """The sizes and the values by the library."""
        read = np.array([self._read(one) for one in self._calls], np.int64)
        facts = read.reshape(-1, 13)[self._groups]
        k, s, d, before, after, counted, same, slope, offset, divisor, low, high, modulus = facts.T
        n = self.rows[:, 10]
        taken = (n >= low) & (n <= high) & (n % modulus == 0)
        self.sizes = np.where(taken, (slope * n + offset) // divisor, REFUSED)
        # By "same", one window for every stride that begins in the input.
        total = np.maximum((n - 1) // s * s + d * (k - 1) + 1 - n, 0)
        odd = np.where(same == SAME["lower"], total - total // 2, total // 2)
        before, after = np.where(same, [odd, total - odd], [before, after])
        self.fields = np.stack([k, s, d, before, n + after, counted], axis=1)
        self.values = self._values()

    def _read(self, one: Configuration) -> tuple[int, ...]:
        """The fields of a call's layer, and its size map; a map that takes nothing if refused."""
        name, arguments = one.arguments(self.framework)
        call = DIALECTS[self.framework].calls[name]
        try:
            layer: Any = call.make(Given(call, {**dict(call.parameters), **arguments}))
        except DeconvcalcError:
            return (1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1)
        rule, sizes = layer.padding, layer.size_map()
        same = SAME[rule.odd] if isinstance(rule, Same) else 0
        sides = (0, 0) if same else (rule.before, rule.after)
        counted = int(getattr(layer, "count_include_pad", False))
        high = LARGEST if sizes.high is None else sizes.high
        return (
            *(layer.kernel_size, layer.stride, layer.dilation, *sides, counted, same),
            *(sizes.slope, sizes.offset, sizes.divisor, sizes.low, high, sizes.modulus),
        )

    def refusal(self, one: Configuration) -> str:
        """Why the library refuses a configuration."""
        try:
            parse(one.call(self.framework)).output_size((one.size,) * one.axes)
        except DeconvcalcError as error:
            return str(error).splitlines()[0]
        return ""

    def _values(self) -> Array:
        """The values of all configurations that the library takes, along one axis."""
        ends = np.cumsum(np.maximum(self.sizes, 0))
        values = np.zeros(ends[-1] if len(ends) else 0)
        for operation in range(4):
            chosen = np.flatnonzero((self.rows[:, 0] == operation) & (self.sizes > 0))
            if not len(chosen):
                continue
            chosen = chosen[np.argsort(-self.fields[chosen, 0], kind="stable")]
            m = self.sizes[chosen]
            group = _Group(self.rows[chosen, 10], m, *self.fields[chosen].T)
            if operation == 1:
                flat = _written(group, self.x, self.w)
            else:
                flat = _gathered(group, self.x, self.w, operation)
            values[np.repeat(ends[chosen] - m, m) + _counted(m)] = flat
        return values

    def gaps(self, sizes: Array, values: Array, tolerance: float) -> Iterator[tuple[int, float]]:
        """The places where values differ by more than a part of the largest, and by how much."""
        theirs = np.maximum(sizes, 0)
        ends = np.cumsum(theirs**self.axes)
        own = np.cumsum(np.maximum(self.sizes, 0))
        same = (sizes == self.sizes) & (sizes > 0)
        flat = np.flatnonzero(same & (self.axes == 1))
        m = sizes[flat]
        steps = _counted(m)
        found = [values[np.repeat(ends[flat] - m, m) + steps]]
        expected = [self.values[np.repeat(own[flat] - m, m) + steps]]
        solid = np.flatnonzero(same & (self.axes > 1))
        for place in solid.tolist():
            size, axes = int(sizes[place]), int(self.axes[place])
            line = self.values[own[place] - size : own[place]]
            expected.append(spread(line, axes, int(self.rows[place, 0]) == 2).reshape(-1))
            found.append(values[ends[place] - size**axes : ends[place]])
        places = np.append(flat, solid)
        lengths = sizes[places] ** self.axes[places]
        if len(places):
            both = np.concatenate(found), np.concatenate(expected)
            yield from _apart(places, lengths, *both, tolerance)


def _apart(
    places: Array, lengths: Array, found: Array, expected: Array, tolerance: float
) -> Iterator[tuple[int, float]]:
    """Compare pieces of some lengths; infinite values have to be the same."""
    scale = np.abs(expected)
    if np.isfinite(scale).all():
        gap = np.abs(found - expected)
    else:
        equal = found == expected
        gap = np.abs(np.where(equal, 0.0, found) - np.where(equal, 0.0, expected))
        scale[~np.isfinite(scale)] = 0.0
    starts = np.cumsum(lengths) - lengths
    gaps = np.maximum.reduceat(gap, starts)
    scales = np.maximum.reduceat(scale, starts)
    for index in np.flatnonzero(~(gaps <= tolerance * scales)).tolist():
        yield int(places[index]), float(gaps[index] / max(scales[index], 1e-30))


def _counted(lengths: Array) -> Array:
    """0, 1, ... for each length, one after another."""
    starts = np.cumsum(lengths) - lengths
    counted: Array = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    return counted


def _gathered(group: _Group, x: Array, w: Array, operation: int) -> Array:
    """Windows that read: a sum, a largest value or a mean."""
    m = group.m
    at = _counted(m) * np.repeat(group.s, m) - np.repeat(group.before, m)
    step, n = np.repeat(group.d, m), np.repeat(group.n, m)
    room = np.where(group.counted == 1, [-group.before, group.room], [0 * group.n, group.n])
    low, high = [np.repeat(side, m) for side in room]
    nothing = -np.inf if operation == 2 else 0.0
    result, taps = np.full(len(at), nothing), np.zeros(len(at))
    numbers = np.append(-x if operation == 2 else x, nothing).astype(np.float64)
    ends = np.cumsum(m)
    for tap in range(int(group.k[0])):
        active = slice(ends[np.searchsorted(-group.k, -tap, side="left") - 1])
        read = numbers[np.where(_within(at[active], n[active]), at[active], len(x))]
        if operation == 2:
            np.maximum(result[active], read, out=result[active])
        else:
            result[active] += read * float(w[tap]) if operation == 0 else read
        if operation == 3:
            taps[active] += (at[active] >= low[active]) & (at[active] < high[active])
        at[active] += step[active]
    return result / taps if operation == 3 else result


def _written(group: _Group, x: Array, w: Array) -> Array:
    """Inputs that write a copy of the kernel each, added up where copies meet."""
    n, m = group.n, group.m
    step = _counted(n)
    numbers = x.astype(np.float64)[step]
    at = step * np.repeat(group.s, n) - np.repeat(group.before, n)
    d, size = np.repeat(group.d, n), np.repeat(m, n)
    start = np.repeat(np.cumsum(m) - m, n)
    result = np.zeros(m.sum() + 1)  # the last one takes what is cropped
    ends = np.cumsum(n)
    for tap in range(int(group.k[0])):
        active = slice(ends[np.searchsorted(-group.k, -tap, side="left") - 1])
        inside = _within(at[active], size[active])
        # For one tap no two inputs write to the same place.
        result[np.where(inside, start[active] + at[active], -1)] += numbers[active] * float(w[tap])
        at[active] += d[active]
    return result[:-1]


def _within(at: Array, size: Array) -> Array:
    """Whether 0 <= at < size: without a sign, a negative number is a large one."""
    within: Array = at.view(np.uint64) < size.view(np.uint64)
    return within
