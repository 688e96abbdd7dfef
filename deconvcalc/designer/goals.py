"""What is asked of a design, read and checked: sizes, stages, options, constraints, channels."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, inf
from typing import TYPE_CHECKING, Any

from deconvcalc.designer.candidates import DOWN, ENLARGING, POOLS, UP
from deconvcalc.designer.channels import MOST_STAGES, Channels, read_channels
from deconvcalc.designer.measures import Budget, read_budgets
from deconvcalc.errors import DeconvcalcError, QueryError
from deconvcalc.solver.choices import Choices
from deconvcalc.solver.query import LEAST, OPERATIONS
from deconvcalc.values import LARGEST, MOST_AXES, Value, integer, spatial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.designer.candidates import Size

__all__ = ["MOST_STAGES", "Bound", "Goal", "in_order", "read_goal", "shown_in_n"]

PARAMETERS = ("kernel_size", "stride", "padding", "output_padding", "dilation", "factor")

MOST_BOUND = 10_000
"""No parameter of a stage is larger."""

DIVISIBLE = (*PARAMETERS, "size", "channels")


class Bound(Value):
    """What the parameters of a group of axes may be. None stands for what the window admits."""

    __slots__ = _fields = PARAMETERS
    kernel_size: Choices
    stride: Choices
    padding: Choices | None
    output_padding: Choices | None
    dilation: Choices
    factor: Choices

    def __init__(self, **fields: Any) -> None:
        self._set(**fields)

    def replace(self, **fields: Any) -> Bound:
        """The same bounds with some changed."""
        return Bound(**dict(zip(self._fields, self._values(), strict=True)) | fields)


class Goal(Value):
    """A question to the designer: the space of designs, without what they cost.

    Attributes:
        targets, sources: for each track a size: a number, or (a, b, c) in n. A track is one or
            more axes that have the same sizes and share their parameters.
        tracks: for each track its axes.
        parts_of_axes: for each axis the index of its parameters.
        at: for a target in n, the n that costs are counted at, for each track; else None.
        in_n: the target as text, or None for numbers.
        axes: how many axes.
        plain: whether sizes were given as one int for all axes.
        direction: "up" for a decoder, "down" for an encoder.
        stages: how many stages there may be, ascending.
        ops: of what a stage may be.
        bounds: for each group of shared parameters what they may be.
        shared: whether all axes share their parameters.
        divisors: pairs of a parameter, "size" or "channels", and what must divide it.
        growth: how much a stage may enlarge, or a stage of an encoder reduce; None for any.
        holes, checkerboard: whether they are allowed. aligned, overlap: whether they are asked.
        through: sizes to pass through, for each track, in order.
        receptive_field: least inputs that some output must see along each track; or ().
        budgets: the most that a design may cost.
        channels: how many each stage gives.
        bias: whether convolutions add one.
    """

    __slots__ = _fields = (
        "targets",
        "sources",
        "tracks",
        "parts_of_axes",
        "at",
        "in_n",
        "axes",
        "plain",
        "direction",
        "stages",
        "ops",
        "bounds",
        "shared",
        "divisors",
        "growth",
        "holes",
        "checkerboard",
        "aligned",
        "overlap",
        "through",
        "receptive_field",
        "budgets",
        "channels",
        "bias",
    )
    targets: tuple[Size, ...]
    sources: tuple[Size, ...]
    tracks: tuple[tuple[int, ...], ...]
    parts_of_axes: tuple[int, ...]
    at: tuple[int, ...] | None
    in_n: str | None
    axes: int
    plain: bool
    direction: str
    stages: tuple[int, ...]
    ops: tuple[str, ...]
    bounds: tuple[Bound, ...]
    shared: bool
    divisors: tuple[tuple[str, int | str], ...]
    growth: Fraction | None
    holes: bool
    checkerboard: bool
    aligned: bool
    overlap: bool
    through: tuple[tuple[Size, ...], ...]
    receptive_field: tuple[int, ...]
    budgets: tuple[Budget, ...]
    channels: Channels
    bias: bool

    def __init__(self, **fields: Any) -> None:
        self._set(**fields)

    def replace(self, **fields: Any) -> Goal:
        """The same goal with some fields changed."""
        return Goal(**dict(zip(self._fields, self._values(), strict=True)) | fields)

    @property
    def splits_moves(self) -> bool:
        """Whether options of one move may lead to different states: what was spent counts."""
        return any(not budget.is_peak for budget in self.budgets)

    @property
    def counts_by_size(self) -> bool:
        """Whether stages and sizes say all that later stages need to know, but for the costs.

        Any rule for channels does, but where pools, which keep theirs, meet other channels.
        """
        if self.through or self.receptive_field or self.budgets:
            return False
        if any(name == "channels" for name, _ in self.divisors):
            return False
        return type(self.channels) is Channels or not set(POOLS) & set(self.ops)

    def sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Sizes of the tracks as sizes of the axes."""
        made = [0] * self.axes
        for size, axes in zip(sizes, self.tracks, strict=True):
            for axis in axes:
                made[axis] = size
        return tuple(made)

    def numbers(self, sizes: Sequence[Size]) -> tuple[int, ...]:
        """Sizes of the tracks as numbers: those in n at the n that costs are counted at."""
        if self.at is None:
            return tuple(sizes)
        return tuple([value(size, n) for size, n in zip(sizes, self.at, strict=True)])


def value(size: Size, n: int) -> int:
    """A size at n."""
    if isinstance(size, int):
        return size
    slope, offset, divisor = size
    return int((slope * n + offset) // divisor)


def in_order(goal: Goal, sizes: Sequence[Size]) -> Any:
    """Sizes of the tracks as a user writes them: an int or text, or one per axis."""
    made: list[Any] = [None] * goal.axes
    for size, axes in zip(sizes, goal.tracks, strict=True):
        for axis in axes:
            made[axis] = shown_in_n(size)
    return made[0] if goal.plain else tuple(made)


def shown_in_n(size: Size) -> Any:
    """A size as a user writes it: a number, or text in n."""
    if isinstance(size, int):
        return size
    slope, offset, divisor = size
    if divisor == 1:
        head = "n" if slope == 1 else f"{slope}*n"
        return head if not offset else f"{head} {'+' if offset > 0 else '-'} {abs(offset)}"
    if not offset:
        return f"n//{divisor}"
    if offset == divisor - 1:
        return f"ceil(n/{divisor})"
    return f"(n {'+' if offset > 0 else '-'} {abs(offset)})//{divisor}"


def read_goal(
    target: Any,
    *,
    source: Any = None,
    stages: Any = None,
    op: Any = None,
    channels: Any = None,
    kernel_size: Any = None,
    stride: Any = None,
    padding: Any = None,
    output_padding: Any = None,
    dilation: Any = None,
    factor: Any = None,
    divisors: Any = None,
    growth: Any = None,
    holes: Any = False,
    checkerboard: Any = True,
    aligned: Any = False,
    overlap: Any = False,
    through: Any = (),
    receptive_field: Any = None,
    budgets: Any = None,
    shared: Any = True,
    axes: Any = None,
    bias: Any = True,
) -> Goal:
    """Check every argument of a goal.

    Raises:
        QueryError: a value that makes no sense, or that contradicts another; it names the argument
            and the way out.
        TypeError: a wrong type.
    """
    flags = {"holes": holes, "checkerboard": checkerboard, "aligned": aligned, "overlap": overlap}
    for name, flag in (flags | {"shared": shared, "bias": bias}).items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} must be True or False, not {flag!r}")
    count = _axes(target, source, axes)
    targets, sources, at, in_n = _sizes(target, source, count)
    direction = _direction(targets, sources, op)
    counts = _stages(stages)
    rule = read_channels(channels, direction)
    fitting = rule.fits(counts)
    if not fitting:
        raise QueryError(
            f"channels has counts for {_count(len(getattr(rule, 'places', ())) - 1)}, and stages "
            f"asks for {_shown(counts)}",
            rule="channels",
            hint="List one count for the input and one for each stage.",
        )
    bounds_given = {
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "dilation": dilation,
        "factor": factor,
    }
    ops = _operations(op, direction, count)
    most = _growth(growth, targets, sources, fitting, direction)
    groups = (0,) * count if shared else tuple(range(count))
    bounds = tuple([_bound(bounds_given, i, most, shared, count) for i in range(groups[-1] + 1)])
    tracks = _tracks(targets, sources, groups)
    passed = _through(through, count, direction, in_n is not None)
    field = _field(receptive_field, count)
    first = [axes_of[0] for axes_of in tracks]
    goal = Goal(
        targets=tuple([targets[i] for i in first]),
        sources=tuple([sources[i] for i in first]),
        tracks=tracks,
        parts_of_axes=groups,
        at=None if at is None else tuple([at[i] for i in first]),
        in_n=in_n,
        axes=count,
        plain=not isinstance(target, (tuple, list)) and not isinstance(source, (tuple, list)),
        direction=direction,
        stages=fitting,
        ops=ops,
        bounds=bounds,
        shared=shared,
        divisors=_divisors(divisors),
        growth=most,
        **flags,
        through=tuple([tuple([size[i] for i in first]) for size in passed]),
        receptive_field=tuple([field[i] for i in first]) if field else (),
        budgets=read_budgets(budgets),
        channels=rule,
        bias=bias,
    )
    _check(goal)
    return goal


def _axes(target: Any, source: Any, axes: Any) -> int:
    """How many axes there are; two where nothing says."""
    said = [len(one) for one in (target, source) if isinstance(one, (tuple, list))]
    if axes is not None:
        number = integer(axes)
        if number is None:
            raise TypeError(f"axes must be an int, not {axes!r}")
        said.append(number)
    if len(set(said)) > 1:
        raise QueryError(
            f"target, source and axes speak of {' and '.join(map(str, said))} axes",
            rule="axes",
            hint="Write sizes the same way: (224, 288) from (7, 9).",
        )
    count = said[0] if said else 2
    if not 1 <= count <= MOST_AXES:
        raise QueryError(
            f"{count} axes; 1 to {MOST_AXES} are possible",
            rule="axes",
            hint="A size is an int, or a tuple of one int per axis.",
        )
    return count


def _sizes(
    target: Any, source: Any, axes: int
) -> tuple[tuple[Size, ...], tuple[Size, ...], tuple[int, ...] | None, str | None]:
    """Targets and sources of each axis, the n that costs are counted at, and the text in n."""
    each = tuple(target) if isinstance(target, (tuple, list)) else (target,) * axes
    if any(isinstance(one, str) or hasattr(one, "evaluate") for one in each):
        targets = tuple([in_n("target", one) for one in each])
        meant = tuple([max(-(-(c - b) // a), 1) for a, b, c in targets])
        at = meant if source is None else _whole_sizes("source", source, axes)
        if any(n < first for n, first in zip(at, meant, strict=True)):
            raise QueryError(
                f"at source {source} the target {target} is below 1",
                rule="source",
                hint=f"Give the n that costs are counted at, from {max(meant)} upwards.",
            )
        text = str(target) if not isinstance(target, (tuple, list)) else " x ".join(map(str, each))
        return targets, ((1, 0, 1),) * axes, at, text
    if source is None:
        raise QueryError(
            "source is missing: a design starts from a size",
            rule="source",
            hint='Give source=7, or a target in n such as "32*n".',
        )
    return _whole_sizes("target", target, axes), _whole_sizes("source", source, axes), None, None


def _whole_sizes(name: str, value: Any, axes: int) -> tuple[int, ...]:
    sizes = spatial(value)
    sizes = (value,) * axes if sizes is None else sizes
    found = []
    for size in sizes:
        number = integer(size)
        if number is None:
            raise TypeError(f"{name} must be an int or a tuple of ints, not {value!r}")
        if not 1 <= number <= LARGEST:
            raise QueryError(
                f"{name} must be from 1 to 10**18, not {number}",
                rule=name,
                hint="A size counts the elements along an axis.",
            )
        found.append(number)
    return tuple(found)


def in_n(name: str, given: Any) -> tuple[int, int, int]:
    """A size in n as (a, b, c): floor((a*n + b)/c).

    Raises:
        QueryError: it has another form, which no stages that only enlarge, or reduce, can have.
    """
    from deconvcalc.expressions import parse_target
    from deconvcalc.sizemap import SizeMap

    expression = parse_target(given) if isinstance(given, str) else given
    if isinstance(expression, int):
        expression = parse_target(str(expression))
    try:
        made = expression.evaluate(SizeMap.identity())
        slope, offset, divisor = made.numbers[:3]
    except (AttributeError, TypeError, DeconvcalcError):
        made = None
    if made is None or slope < 1 or min(slope, divisor) != 1:
        raise QueryError(
            f"{name} {given} is neither a*n + b nor one rounded quotient of n",
            rule=name,
            hint='Stages that enlarge give "32*n" or "2*n + 4"; stages that reduce "n//32", '
            '"ceil(n/32)" or "(n - 3)//4".',
        )
    return int(slope), int(offset), int(divisor)


def _direction(targets: Sequence[Size], sources: Sequence[Size], op: Any) -> str:
    if isinstance(targets[0], tuple):
        ups = {a > 1 or (c == 1 and b > 0) for a, b, c in targets}
        level = all(one == (1, 0, 1) for one in targets)
        downs = {c > 1 or (a == 1 and b < 0) for a, b, c in targets}
    else:
        pairs = list(zip(sources, targets, strict=True))
        ups = {m > n for n, m in pairs if m != n}
        downs = {m < n for n, m in pairs if m != n}
        level = not ups
    if level:
        named = [op] if isinstance(op, str) else list(op or [])
        names = [str(one).replace("-", "_") for one in named]
        return "down" if names and all(one in DOWN for one in names) else "up"
    if True in ups and True in downs:
        raise QueryError(
            "one axis grows and another shrinks",
            rule="target",
            hint="A decoder enlarges all axes, an encoder reduces them: design the two apart.",
        )
    return "up" if True in ups else "down"


def _stages(value: Any) -> tuple[int, ...]:
    choices = Choices.read("stages", range(1, 7) if value is None else value, 1)
    if choices.last > MOST_STAGES:
        raise QueryError(
            f"stages goes up to {choices.last}, and {MOST_STAGES} are possible",
            rule="stages",
            hint=f"Give stages up to {MOST_STAGES}.",
        )
    return tuple(choices)


def _shown(counts: Sequence[int]) -> str:
    if len(counts) > 1 and counts[-1] - counts[0] == len(counts) - 1:
        return f"{counts[0]}..{counts[-1]}"
    return ", ".join(map(str, counts))


def _count(stages: int) -> str:
    return "1 stage" if stages == 1 else f"{stages} stages"


def _operations(op: Any, direction: str, axes: int) -> tuple[str, ...]:
    """What a stage may be, in the order of the alphabet."""
    possible: tuple[str, ...] = UP if direction == "up" else DOWN
    if axes != 2:
        possible = tuple([one for one in possible if one != "pixel_shuffle"])
    if op is None:
        return possible[:1]
    named = [op] if isinstance(op, str) else op
    if not isinstance(named, (list, tuple, set, frozenset)) or not all(
        isinstance(one, str) for one in named
    ):
        raise TypeError(f"op must be text or a list of texts, not {op!r}")
    names = {one.replace("-", "_") for one in named}
    if not names:
        raise QueryError("op leaves nothing to choose from", rule="op", hint="Name one.")
    if "any" in names:
        return possible
    for name in sorted(names):
        if name not in OPERATIONS:
            known = ", ".join([*OPERATIONS, "any"])
            raise QueryError(f"unknown op {name!r}", rule="op", hint=f"Known are: {known}.")
        if name == "pixel_shuffle" and axes != 2 and direction == "up":
            raise QueryError(
                f"there is no pixel shuffle of {axes} axes",
                rule="op",
                hint="PyTorch and Keras shuffle two axes: design another op, or two axes.",
            )
        if name not in possible:
            way = (
                "a decoder, which enlarges," if direction == "up" else "an encoder, which reduces,"
            )
            raise QueryError(
                f"{way} has no {name}", rule="op", hint=f"It has {', '.join(possible)}, or any."
            )
    return tuple([one for one in possible if one in names])


def _growth(
    growth: Any,
    targets: Sequence[Size],
    sources: Sequence[Size],
    stages: tuple[int, ...],
    direction: str,
) -> Fraction | None:
    """The most that a stage may enlarge, or an encoder's reduce: 2 unless the target needs more."""
    if growth is None:
        pairs = [_ratio(n, m, direction) for n, m in zip(sources, targets, strict=True)]
        most = 2
        while any(n * most ** stages[-1] < m for n, m in pairs):
            most += 1
            if most > MOST_BOUND:
                raise QueryError(
                    f"this target is too far for so few stages: {_count(stages[-1])} would change "
                    f"the size more than {MOST_BOUND:,} times each",
                    rule="stages",
                    hint="Give more stages.",
                )
        return Fraction(most)
    if isinstance(growth, (str, float)) and growth in ("any", inf):
        return None
    try:
        # Fraction reads texts too, among them 1/0 and 1e999999999.
        known = not isinstance(growth, (str, bytes, bool))
        whole = integer(growth)
        number = Fraction(float(growth) if whole is None else whole) if known else None
        number = growth if isinstance(growth, Fraction) else number
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None:
        raise TypeError(f"growth must be a number or 'any', not {growth!r}")
    if number < 1:
        raise QueryError(
            f"growth must be at least 1, not {growth}",
            rule="growth",
            hint="growth=2 lets a stage double the size, or an encoder's halve it.",
        )
    return number


def _ratio(n: Size, m: Size, direction: str) -> tuple[int, int]:
    """From what to what a track grows; for one in n, what n = 1 or the slope needs."""
    if isinstance(n, int) and isinstance(m, int):
        return (n, m) if direction == "up" else (m, n)
    assert isinstance(m, tuple)
    if direction == "up":
        return 1, max(m[0], m[0] + m[1])
    return 1, m[2]


def _bound(given: dict[str, Any], group: int, growth: Any, shared: bool, axes: int) -> Bound:
    """What the parameters of a group may be, defaults settled."""
    fields: dict[str, Choices | None] = {}
    for name, value in given.items():
        if isinstance(value, tuple):
            if shared:
                raise QueryError(
                    f"{name} is given for each axis, and the axes share their parameters",
                    rule=name,
                    hint="Give one bound for all axes, or shared=False. A choice is a list.",
                )
            if len(value) != axes:
                raise QueryError(
                    f"{name} is given for {len(value)} axes, and there are {axes}", rule=name
                )
            value = value[group]  # noqa: PLW2901
        fields[name] = None if value is None else Choices.read(name, value, LEAST[name])
    most = 8 if growth is None else max(ceil(growth), 1)
    stride = fields["stride"] or Choices(range(1, most + 1))
    factor = fields["factor"] or Choices(range(min(2, most), most + 1))
    widest = max(8, 2 * (most if fields["stride"] is None else min(stride.last, 1_000)))
    kernel = fields["kernel_size"] or Choices(range(1, widest + 1))
    fields |= {"stride": stride, "factor": factor, "kernel_size": kernel}
    fields["dilation"] = fields["dilation"] or Choices.one(1)
    for name, bound in fields.items():
        if bound is not None and bound.last > MOST_BOUND:
            if given[name] is None and most > MOST_BOUND // 2:
                raise QueryError(
                    f"growth lets a stage change the size up to {_short(most)} times, and "
                    f"{MOST_BOUND // 2:,} is the most where {name} is not bounded",
                    rule="growth",
                    hint=f"Give a smaller growth, or bound {name}.",
                )
            raise QueryError(
                f"{name} goes up to {bound.last}, and {MOST_BOUND:,} is the most that a design "
                "takes",
                rule=name,
                hint=f"Give {name} a smaller bound.",
            )
    return Bound(**fields)


def _short(number: int) -> str:
    return f"{number:,}" if number < 10**18 else "more than 10**18"


def _tracks(
    targets: Sequence[Size], sources: Sequence[Size], groups: tuple[int, ...]
) -> tuple[tuple[int, ...], ...]:
    """Axes with the same sizes and the same parameters are one track."""
    found: dict[Any, list[int]] = {}
    for axis, key in enumerate(zip(targets, sources, groups, strict=True)):
        found.setdefault(key, []).append(axis)
    return tuple([tuple(axes) for axes in found.values()])


def _divisors(given: Any) -> tuple[tuple[str, int | str], ...]:
    if given is None:
        return ()
    if not isinstance(given, dict):
        raise TypeError(f"divisors must be a dict, not {given!r}")
    found: list[tuple[str, int | str]] = []
    for name, by in given.items():
        if name not in DIVISIBLE:
            raise QueryError(
                f"divisors names {name!r}, which is no parameter",
                rule="divisors",
                hint=f"Known are: {', '.join(DIVISIBLE)}.",
            )
        number = integer(by)
        if (
            number is None
            and name in PARAMETERS
            and by in ("kernel_size", "stride", "dilation", "factor")
        ):
            found.append((name, by))
            continue
        if number is None:
            raise QueryError(
                f"what divides {name} must be an int or kernel_size, stride, dilation or factor, "
                f"not {by!r}",
                rule="divisors",
                hint='{"kernel_size": "stride"} asks for a kernel that the stride divides.',
            )
        if number < 1:
            raise QueryError(
                f"what divides {name} must be at least 1, not {number}", rule="divisors"
            )
        found.append((name, number))
    return tuple(found)


def _through(given: Any, axes: int, direction: str, symbolic: bool) -> tuple[tuple[Size, ...], ...]:
    """Sizes to pass through, for each axis, in the order in which they are met."""
    if isinstance(given, (int, str)):
        given = [given]
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"through must be a list of sizes, not {given!r}")
    found: list[tuple[Size, ...]] = []
    for one in given:
        each = tuple(one) if isinstance(one, (tuple, list)) else (one,) * axes
        if len(each) != axes:
            raise QueryError(
                f"through names a size of {len(each)} axes, and there are {axes}", rule="through"
            )
        if symbolic:
            found.append(tuple([in_n("through", size) for size in each]))
        else:
            found.append(_whole_sizes("through", each, axes))
    far = [tuple([value(size, 10**6) for size in each]) for each in found]
    order = sorted(range(len(found)), key=lambda i: far[i], reverse=direction == "down")
    return tuple(dict.fromkeys([found[i] for i in order]))


def _field(given: Any, axes: int) -> tuple[int, ...]:
    if given is None:
        return ()
    field = _whole_sizes("receptive_field", given, axes)
    if len(field) != axes:
        raise QueryError(
            f"receptive_field is given for {len(field)} axes, and there are {axes}",
            rule="receptive_field",
        )
    return field


def _check(goal: Goal) -> None:
    """Refuse what contradicts itself, and what is not known how to do."""
    for each in goal.through:
        for track, size in enumerate(each):
            ends = [goal.sources[track], goal.targets[track]]
            low, high = sorted([value(one, 10**6) for one in ends])
            if not low <= value(size, 10**6) <= high:
                raise QueryError(
                    f"through names {shown_in_n(size)}, which lies outside of the way from the "
                    "source to the target",
                    rule="through",
                    hint="Sizes of a decoder only grow, those of an encoder only shrink.",
                )
    dilated = any(bound.dilation.last > 1 for bound in goal.bounds)
    if goal.receptive_field and "conv_transpose" in goal.ops and dilated:
        raise QueryError(
            "receptive_field with dilated transposed convolutions is not worked out",
            rule="receptive_field",
            hint="Leave dilation at 1, or ask another op.",
        )
    used = {
        "factor": ENLARGING,
        "output_padding": ("conv_transpose",),
    }
    for name, by in goal.divisors:
        for asked in (name, by):
            ops = used.get(asked) if isinstance(asked, str) else None
            if ops is not None and not set(ops) & set(goal.ops):
                raise QueryError(
                    f"divisors names {asked}, which {', '.join(goal.ops)} does not have",
                    rule="divisors",
                )
    if all(one in POOLS for one in goal.ops) and goal.channels.fits(goal.stages):
        first, last = goal.channels.count(goal.channels.start), getattr(goal.channels, "last", None)
        if last is not None and last != first:
            raise QueryError(
                "a pool gives as many channels as it takes, and channels asks for others",
                rule="channels",
                hint="Add conv to op, or leave channels out.",
            )
