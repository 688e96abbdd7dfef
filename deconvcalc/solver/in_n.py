"""Targets in n: the layers that give T(n) for every n, decided by exact maps.

Which layers come into question is found as for axes that share their parameters: a layer that is
right for every n is right for a few n at once, and its answers are runs along the kernel there too.
Whether it is right everywhere does not depend on the kernel, but on the stride and on v; so one
decision settles all answers of a part.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from itertools import chain, islice
from math import lcm
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.expressions import Condition, Expression, parse_condition, parse_target
from deconvcalc.formulas import Multiple, SameWindow, Spread, Window, effective_kernel
from deconvcalc.layers.stacks import compose
from deconvcalc.sets import accepted
from deconvcalc.sizemap import SizeMap
from deconvcalc.sizemap.chains import chain as chain_of
from deconvcalc.sizemap.exact import ExactMap, exact
from deconvcalc.sizemap.ranges import WORK_LIMIT, chunks
from deconvcalc.solver.answers import MOST_LOOKED_AT, Answer, Answers
from deconvcalc.solver.modes import admitted, written
from deconvcalc.solver.query import Query, read_query
from deconvcalc.solver.ranking import Pick, Ranked
from deconvcalc.solver.reasons import Reason
from deconvcalc.solver.runs import Found, Part, Run, find_runs, flags_of, misaligned, shift

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from deconvcalc.derivation import Derivation, Proof
    from deconvcalc.formulas import Formula
    from deconvcalc.solver.query import Space

__all__ = ["Asked", "solve_in_n"]

FAR = 10**9
"""Answers are looked for, and judged, at n from here on: nothing small is special there."""

MOST_PROBES = 64
"""At so many n at most."""

MOST_PARTLY = 1_000
"""So many layers that refuse some n are listed apart."""


class Asked:
    """The question: T(n), for the n that are meant, which are those with T(n) >= 1.

    Args:
        target: the target, in n.
        where: which n are meant; all of them by default.
    """

    def __init__(self, target: Expression, where: Condition | None) -> None:
        self.target = target
        self.where = where
        self.map = exact(target.evaluate(exact(SizeMap.identity())))
        differences = [self.map - 1, *_differences(where)]
        self.repeats = max([one.shape.start for one in differences])
        self.period = lcm(*[one.shape.period for one in differences])
        self.turns = [turn for one in differences for turn in _turns(one)]
        self.start = max([self.repeats, *[end for _, end in self.turns]])

    def meant(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T(n) for an array of n, and which of them are meant."""
        values, taken = self.map.values(sizes)
        taken = taken & (values >= 1).astype(bool)
        if self.where is not None:
            taken = taken & self.where.evaluate(sizes).astype(bool)
        return values, taken

    def members(self, start: int) -> Iterator[int]:
        """The n that are meant, from a start on; none where there are no more.

        Of those that go on in the same way some are left out.
        """
        for low, end in self.stretches(start, self.period):
            for sizes in chunks(max(low, start), end):
                yield from (int(n) for n in sizes[self.meant(sizes)[1]])

    def stretches(self, start: int, period: int) -> list[tuple[int, int]]:
        """From where up to where n has to be looked at, for what repeats from `start` on.

        Between the turns it goes on as in the two periods before. Two, because what rises at
        different rates differs in the second, if not in the first.
        """
        found: list[tuple[int, int]] = []
        for low, end in sorted([(1, max(start, self.repeats)), *self.turns]):
            if found and low <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], end + 2 * period)
            else:
                found.append((low, end + 2 * period))
        return found

    @cached_property
    def finite(self) -> bool:
        """Whether no n is meant beyond some n."""
        return next(self.members(self.start), None) is None

    def last(self, count: int, least: int) -> list[int]:
        """The largest n that are meant, from `least` on; where they end."""
        reach = count * self.period
        while True:
            low = max(self.start - reach, least)
            found = [n for sizes in chunks(low, self.start) for n in sizes[self.meant(sizes)[1]]]
            if len(found) >= count or low == least or reach > WORK_LIMIT // 4:
                break
            reach *= 4
        members = {int(n) for n in found} or {n for n in self.members(1) if n >= least}
        return sorted(members)[-count:]

    def probes(self, strides: int, least: int = 1) -> tuple[tuple[int, int], ...]:
        """A few n with their targets: far out where n goes on for ever, else the largest ones.

        Args:
            strides: the largest stride that is asked about.
            least: the least n, where n does not go on for ever.
        """
        count = min(max(2 * strides, 8), MOST_PROBES)
        if self.finite:
            found = self.last(count, least)
        else:
            far = -(-max(FAR, self.start) // self.period) * self.period
            # One period apart there are members with every remainder, or none at all.
            found = [n for turn in range(count) for n in islice(self.members(far + turn * 7), 1)]
            found = sorted({*found, *islice(self.members(far), count)})[:count]
        import numpy as np

        sizes = np.array(found, dtype=object)
        return tuple([(n, int(m)) for n, m in zip(found, self.map.values(sizes)[0], strict=True)])

    def of_each_rest(self, stride: int) -> tuple[int, ...]:
        """One n that is meant for every remainder by the stride that such n have."""
        found: dict[int, int] = {}
        for low, end in self.stretches(1, lcm(self.period, stride)):
            for sizes in chunks(low, end):
                for n in sizes[self.meant(sizes)[1]].tolist():
                    found.setdefault(n % stride, n)
                if len(found) == stride:
                    return tuple(found.values())
        return tuple(found.values())

    def first_wrong(self, size_map: ExactMap) -> tuple[int | None, int | None]:
        """The least n that the layer takes and gets wrong, and the least that it refuses.

        Raises:
            UndecidedError: past the work limit.
        """
        shape = size_map.shape
        refused: int | None = None
        stretches = self.stretches(shape.start, lcm(self.period, shape.period))
        for sizes in chain.from_iterable([chunks(low, end) for low, end in stretches]):
            targets, meant = self.meant(sizes)
            values, taken = size_map.values(sizes)
            wrong = sizes[meant & taken & (values != targets).astype(bool)]
            if wrong.size:
                return int(wrong[0]), refused
            missing = sizes[meant & ~taken]
            if missing.size and refused is None:
                refused = int(missing[0])
        return None, refused


def _differences(where: Condition | None) -> list[ExactMap]:
    """What the comparisons of a condition compare with 0."""
    if where is None:
        return []

    def one(a: Any, b: Any) -> list[ExactMap]:
        return [exact(a) - exact(b)]

    compared = dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), one)
    joined = dict.fromkeys(("and", "or"), lambda a, b: a + b)
    found: list[ExactMap] = where.fold(
        exact(SizeMap.identity()), {**compared, **joined, "not": lambda a: a}
    )
    return found


def _turns(difference: ExactMap) -> list[tuple[int, int]]:
    """From where up to where the sign of a map changes, beyond where it begins to repeat."""
    shape = difference.shape
    low, high = difference.window() if shape.rise else (1, 0)
    if low > high:
        return []
    if shape.rise > 0:
        low, high = -high, -low
    first, last = low // abs(shape.rise), -(-high // abs(shape.rise))
    if last < 0:
        return []
    begin = shape.start + max(first, 0) * shape.period
    return [(begin, shape.start + (last + 1) * shape.period)]


class AnswerInN(Answer):
    """One answer for every n: a layer, with the facts at their worst over all n."""

    def __init__(self, query: Query, pick: Pick, asked: Asked) -> None:
        super().__init__(query, pick)
        self._asked = asked

    @property
    def shift(self) -> float:
        """The supremum over n of the shift, in input pixels."""
        run, _, pairs = self._pick[0]
        # Far out it is as near to its supremum as makes no difference to so small a denominator.
        return float(Fraction(*shift(run, pairs)).limit_denominator(10**6))

    @property
    def size_map(self) -> ExactMap:
        """The exact map of its layers."""
        found: ExactMap = compose(self.layers)
        return found

    @property
    def smallest_source(self) -> int:
        """A small n that it takes; not the least, where strides do nothing."""
        size_map = self.size_map
        for start in (max(5, size_map.shape.low), 1):
            for n in self._asked.members(start):
                if size_map.accepts(n):
                    return n
        raise QueryError(f"none of the n that are meant is taken by {self.layers}", rule="where")

    @property
    def derivation(self) -> Derivation:
        """How its size comes about, for every n."""
        from deconvcalc.derivation import derive

        return derive(self.layers)

    def code(self, dialect: str = "torch", channels: tuple[int, int] | None = None) -> str:
        """Lines to paste that give these sizes and values for every n."""
        from deconvcalc.translation import convert

        return convert(self.layers, to=dialect).code(channels)


class AnswersInN(Answers):
    """All layers that give T(n) for every n, best first.

    Attributes:
        partly: layers that give T(n) wherever they take n, and refuse some n: (answer, the set of
            n that it takes, as text).
    """

    def __init__(self, query: Query, ranked: Ranked, partly: Ranked, asked: Asked) -> None:
        super().__init__(query, ranked)
        self._partly = partly
        self.asked = asked

    def _answer(self, pick: Pick) -> AnswerInN:
        return AnswerInN(self.query, pick, self.asked)

    @cached_property
    def partly(self) -> tuple[tuple[AnswerInN, str], ...]:
        """Layers that refuse some n, each with the n that it takes."""
        found = []
        for pick in islice(self._partly, MOST_PARTLY):
            answer = self._answer(pick)
            found.append((answer, str(accepted(answer.size_map))))
        return tuple(found)

    @cached_property
    def reason(self) -> Any:
        """Why there is no answer; None where there is one."""
        if self._solved:
            return None
        text = f"no layer within the bounds gives {self.asked.target} for every n"
        near = self._nearest_miss()
        return Reason(
            "rule", ("target",), text + (f": {near}" if near else ""), nearest=(None, None)
        )

    @cached_property
    def proof(self) -> Proof | None:
        """The proof in three lines that there is no answer; None where there is one."""
        if self._solved:
            return None
        from deconvcalc.solver.refutation import refute_in_n

        return refute_in_n(self)

    def _nearest_miss(self) -> str | None:
        """How the first layer that is right far out fails elsewhere."""
        pairs = self.asked.probes(8)
        for op in self.query.ops if pairs else ():
            space = self.query.spaces[op][0]
            for part in find_runs(space, pairs[-1:]).parts:
                run = part.first()[1][0]
                size_map = _map_of(space, run, run.kernels[0])
                wrong, _ = self.asked.first_wrong(size_map)
                if wrong is not None:
                    n, m = wrong, size_map(wrong)
                    return f"{size_map} gives {m} for n = {n}, not {self.asked.map(n)}"
        return None

    def _again(self, ranked: Any) -> Answers:
        return AnswersInN(self.query, ranked, self._partly, self.asked)

    def __contains__(self, item: object) -> bool:
        """Whether layers, or an answer, are among them."""
        layers = item.layers if isinstance(item, Answer) else item
        layers = layers if isinstance(layers, tuple) else (layers,)
        if self.total > MOST_LOOKED_AT:
            raise QueryError(f"{self.total} answers are too many to look for one", rule="in")
        return any(answer.layers == layers for answer in self)


def solve_in_n(
    target: str | Expression, where: str | Condition | None, question: dict[str, Any]
) -> AnswersInN:
    """All layers that give T(n) for every n that is meant.

    Raises:
        NotationError: text that is no target or no condition.
        QueryError: a question that makes no sense; one that asks for several axes.
        UndecidedError: a decision past the work limit.
    """
    expression = parse_target(target) if isinstance(target, str) else target
    condition = parse_condition(where) if isinstance(where, str) else where
    query = read_query(1, 1, **question)
    if query.axes is not None:
        raise QueryError(
            "a target in n is for one axis",
            rule="target",
            hint="Give every bound once: the layer is the same along all axes.",
        )
    asked = Asked(expression, condition)
    whole: dict[str, list[Found]] = {}
    partly: dict[str, list[Found]] = {}
    for op in query.ops:
        space = query.spaces[op][0]
        pairs = asked.probes(_largest_step(space))
        if not pairs:
            raise QueryError(
                f"no n has a target of at least 1: {expression}",
                rule="target",
                hint="Ask for a target, and a condition, that some n fulfils.",
            )
        parts: tuple[list[Part], list[Part]] = ([], [])
        for complete, part in _decided(space, asked, pairs):
            parts[not complete].append(part)
        if asked.finite:
            parts = parts[0], list(_refusing(space, asked, pairs))
        whole[op], partly[op] = [Found(pairs, parts[0])], [Found(pairs, parts[1])]
    shown = query.replaced(targets=(str(expression),), sources=("n",))
    return AnswersInN(shown, Ranked(whole), Ranked(partly), asked)


def _largest_step(space: Space) -> int:
    return space.factor.last if space.op in ("resize_conv", "pixel_shuffle") else space.stride.last


def _decided(
    space: Space, asked: Asked, pairs: tuple[tuple[int, int], ...]
) -> Iterator[tuple[bool, Part]]:
    """The parts that are right wherever they take n, and whether they take every n."""
    for part in _parts(space, asked, pairs):
        wrong, refused = asked.first_wrong(_map_of_part(space, part))
        if wrong is None:
            yield refused is None, part


def _refusing(space: Space, asked: Asked, pairs: tuple[tuple[int, int], ...]) -> Iterator[Part]:
    """The parts that are right wherever they take n and refuse some n, where the n end.

    What refuses some n refuses all smaller ones, and may refuse all of a few probes but the last.
    """
    lows = set()
    for part in _parts(space, asked, pairs[-1:]):
        size_map = _map_of_part(space, part)
        wrong, refused = asked.first_wrong(size_map)
        if wrong is None and refused is not None:
            lows.add(size_map.shape.low)
    for low in lows:
        taken = asked.probes(_largest_step(space), low)
        for complete, part in _decided(space, asked, taken):
            if not complete and _map_of_part(space, part).shape.low == low:
                yield part


def _map_of_part(space: Space, part: Part) -> ExactMap:
    """The exact map of one answer of a part; the others take the same n, and are as right."""
    run = part.first()[1][0]
    return _map_of(space, run, next(k for k in run.kernels if k in run))


def _parts(space: Space, asked: Asked, pairs: tuple[tuple[int, int], ...]) -> Iterator[Part]:
    """The parts that are right at the probes; all answers of each are right for the same n."""
    by_rule = not space.transposed and any(mode.kind == "same" for mode in space.modes)
    for part in find_runs(space, pairs).parts:
        # Where the last window may hang over, the size depends on the kernel too; and whether
        # `same` pads as the window does, on the n that are meant.
        for run in part.runs:
            same = by_rule and run.s > 1
            if not (space.ceil_mode or same):
                yield part
                break
            if len(run) > MOST_KERNELS:
                raise QueryError(
                    f"{len(run)} kernels would have to be looked at one by one",
                    rule="kernel_size",
                    hint=f"With ceil_mode, or a word for padding, give {MOST_KERNELS} at most.",
                )
            for k in run.kernels:
                if k not in run:
                    continue
                marks = _marks(space, asked, run, k) if same else (run.modes, run.allowed)
                if marks[1]:
                    one = Run(space, run.line, range(k, k + 1), (run.flags, *marks))
                    yield Part.of(space, one, pairs)
    if by_rule:
        yield from _by_rule(space, asked, pairs)


MOST_KERNELS = 10_000


def _marks(space: Space, asked: Asked, run: Run, k: int) -> tuple[int, int]:
    """The modes in which a window is written, and admitted, for every n that is meant."""
    modes, sides = run.modes, run.sides(k)
    for n in asked.of_each_rest(run.s):
        modes &= written(space, n, k, run.s, run.d, *sides)
    return modes, run.allowed & modes


def _by_rule(space: Space, asked: Asked, pairs: tuple[tuple[int, int], ...]) -> Iterator[Part]:
    """The layers that pad by `same`, by as much as each n needs: by more for some than for others.

    What pads all n that are meant alike is among the others.
    """
    from deconvcalc.layers import Same

    for s in space.stride.between(2, space.stride.last):
        if any(-(-n // s) != m for n, m in pairs):
            continue
        rests = asked.of_each_rest(s)
        for d in space.dilation:
            for k in space.kernel_size.between(2, space.kernel_size.last):
                window = SameWindow(effective_kernel(k, d), s)
                if len({window.pads(n) for n in rests}) == 1:
                    continue
                flags, worst = 0, Fraction(0)
                modes = allowed = -1
                for n, m in pairs:
                    before, after = window.pads(n)
                    mask = written(space, n, k, s, d, before, after)
                    mask &= sum({mode.bit for mode in space.modes if mode.kind == "same"})
                    modes &= mask
                    allowed &= admitted(space, mask, k, d, before, after)
                    v = effective_kernel(k, d) - before - after
                    line = (s, d, v, before - after, 1)
                    one = Run(space, line, range(k, k + 1), (0, 0, 0))
                    flags |= flags_of(space.op, ((n, m),), line, k)
                    flags |= misaligned(space.op, ((n, m),), line)
                    worst = max(worst, Fraction(*shift(one, ((n, m),))))
                if allowed:
                    run = Run(space, line, range(k, k + 1), (flags, modes, allowed))
                    run.rule, run.worst = Same(), (worst.numerator, worst.denominator)
                    yield Part.of(space, run, pairs)


def _map_of(space: Space, run: Run, k: int) -> ExactMap:
    """The exact map of one answer."""
    before, after = run.sides(k)
    ke = effective_kernel(k, run.d)
    formula: Formula
    if space.op == "pixel_shuffle":
        formula = Multiple(run.factor)
    elif run.rule is not None:
        formula = SameWindow(ke, run.s)
    elif space.transposed:
        formula = Spread(ke, run.s, before, after)
    else:
        formula = Window(ke, run.s, before, after, space.ceil_mode)
    floors = [formula.on(SizeMap.identity())]
    if space.op == "resize_conv":
        floors.insert(0, Multiple(run.factor).on(SizeMap.identity()))
    return chain_of(floors)
