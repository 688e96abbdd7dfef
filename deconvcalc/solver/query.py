"""A question to the solver, read and checked: sizes, operation, dialect and bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS, Dialect, Mode
from deconvcalc.errors import QueryError
from deconvcalc.formulas import effective_kernel
from deconvcalc.solver.choices import Choices
from deconvcalc.values import LARGEST, MOST_AXES, Value, integer, spatial

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BOUNDS", "LEAST", "OPERATIONS", "USED", "Bounds", "Query", "Space", "read_query"]

OPERATIONS = ("conv_transpose", "resize_conv", "pixel_shuffle", "conv", "max_pool", "avg_pool")
"""All operations, those that enlarge first; `any` asks for all of them."""

BOUNDS = ("kernel_size", "stride", "padding", "output_padding", "dilation", "factor")
"""The parameters that a question may bound, in the order in which they are reported."""

LEAST = {
    "kernel_size": 1,
    "stride": 1,
    "padding": 0,
    "output_padding": 0,
    "dilation": 1,
    "factor": 1,
}

USED = {
    "conv_transpose": {"kernel_size", "stride", "padding", "output_padding", "dilation"},
    "conv": {"kernel_size", "stride", "padding", "dilation"},
    "resize_conv": {"kernel_size", "padding", "dilation", "factor"},
    "max_pool": {"kernel_size", "stride", "padding", "dilation"},
    "avg_pool": {"kernel_size", "stride", "padding"},
    "pixel_shuffle": {"factor"},
}


class Bounds(Value):
    """What one axis may choose from; None is the default of the operation.

    `words` are the paddings asked for by name ("same", "valid"). `no_extra` says whether Keras's
    output_padding=None is among the choices. `margin` is how far the padding may go beyond its
    default bound.
    """

    __slots__ = (*BOUNDS, "margin", "no_extra", "words")
    _fields = (*BOUNDS, "words", "no_extra", "margin")
    kernel_size: Choices | None
    stride: Choices | None
    padding: Choices | None
    output_padding: Choices | None
    dilation: Choices | None
    factor: Choices | None
    words: frozenset[str] | None
    no_extra: bool
    margin: int

    def __init__(self, **fields: Any) -> None:
        self._set(**{name: fields.get(name) for name in self._fields} | {"margin": 0} | fields)

    def replace(self, **fields: Any) -> Bounds:
        """The same bounds with some changed."""
        return Bounds(**dict(zip(self._fields, self._values(), strict=True)) | fields)


class Space(Value):
    """All parameters of one operation on one axis that a question admits.

    Everything is settled here: defaults, and the modes of padding. `kernel_size`, `stride`,
    `dilation` and `factor` are `Choices`; `padding` None is 0..d(k-1), `output_padding` None is
    all that the framework takes. `axes` is the number of axes of the whole layer, None for any.

    `widest` is the longest effective kernel; ke - v is below `pads`; sizes from `least` upwards are
    not small. `free`, `same`, `half`, `lax` and `fits` say what the modes have among them;
    `settled`, that they admit all numbers of padding and output_padding within the bounds, and
    nothing else. `lines`, `orders` and `kept` hold what was found before.
    """

    __slots__ = (
        "axes",
        "bounds",
        "ceil_mode",
        "dialects",
        "dilation",
        "factor",
        "fits",
        "free",
        "half",
        "kept",
        "kernel_size",
        "lax",
        "least",
        "lines",
        "modes",
        "op",
        "orders",
        "output_padding",
        "padding",
        "pads",
        "same",
        "settled",
        "stride",
        "transposed",
        "widest",
    )
    _fields = ("op", "dialects", "bounds", "ceil_mode", "axes")
    op: str
    dialects: tuple[Dialect, ...]
    bounds: Bounds
    ceil_mode: bool
    axes: int | None
    transposed: bool
    kernel_size: Choices
    stride: Choices
    dilation: Choices
    factor: Choices
    padding: Choices | None
    output_padding: Choices | None
    modes: tuple[Mode, ...]
    free: bool
    same: bool
    half: bool
    fits: bool
    lax: bool
    settled: bool
    least: int
    pads: int
    widest: int
    lines: dict[int, dict[int, tuple[int, list[range]]]]
    orders: dict[tuple[int, bool], list[tuple[int, int]]]
    kept: dict[Any, Any]

    def __init__(
        self,
        op: str,
        dialects: tuple[Dialect, ...],
        bounds: Bounds,
        ceil_mode: bool = False,
        axes: int | None = None,
    ) -> None:
        pool = op in ("max_pool", "avg_pool")
        ceil_mode = ceil_mode and pool
        resize = op == "resize_conv"
        stride = Choices(range(1, 2)) if resize else bounds.stride or Choices(range(1, 9))
        kernel = bounds.kernel_size or Choices(
            range(1, 9 if pool else max(11, 2 * stride.last) + 1)
        )
        self._set(op=op, dialects=dialects, bounds=bounds, ceil_mode=ceil_mode, axes=axes)
        self._set(
            lines={},
            orders={},
            kept={},
            transposed=op == "conv_transpose",
            kernel_size=kernel,
            stride=stride,
            dilation=bounds.dilation or Choices(range(1, 2)),
            factor=bounds.factor or Choices(range(1, 9)),
            padding=bounds.padding,
            output_padding=bounds.output_padding,
            modes=tuple([m for dialect in dialects for m in self._modes(dialect)]),
        )
        if resize and bounds.stride and 1 not in bounds.stride:
            self._set(modes=())  # its convolution has no other stride
        kinds = {mode.kind for mode in self.modes}
        free = [mode for mode in self.modes if mode.kind == "free"]
        self._set(
            free=bool(free),
            same="same" in kinds,
            half=any(mode.half for mode in free),
            fits=axes == 3 and any(mode.fits_3d for mode in free),
            lax=any(mode.lax for mode in free),
        )
        plain = len(free) == len(self.modes) == 1 and bounds.words is None
        plain = plain and (op != "avg_pool" or self.dilation.last == 1)
        widest = effective_kernel(kernel.last, self.dilation.last)
        self._set(
            settled=plain and not self.fits and not ceil_mode,
            least=2**70 if self.fits or ceil_mode else max(2, self.dilation.last),
            pads=2 * bounds.padding.last if bounds.padding else widest + 2 * bounds.margin,
            widest=widest,
        )

    def replaced(self, **fields: Any) -> Space:
        """The same space with some fields changed."""
        return Space(**dict(zip(self._fields, self._values(), strict=True)) | fields)

    def _modes(self, dialect: Dialect) -> Iterator[Mode]:
        """The modes of a dialect that the bounds leave, each read in the dialect's own terms."""
        op, bounds = self.op, self.bounds
        words = bounds.words if "padding" in USED[op] else None
        for mode in dialect.modes[op]:
            if self.ceil_mode and mode.kind != "free":
                continue
            if mode.axes and self.axes and mode.axes != self.axes:
                continue
            if mode.kind == "free":
                # A number of padding, or 0 by the word "valid" where the framework has it.
                wanted = words is None or (op in ("conv", "resize_conv") and "valid" in words)
            else:
                named = words is not None and mode.text in words
                wanted = named or (words is None and bounds.padding is None and not mode.asked)
            if op == "conv_transpose" and (bounds.no_extra or bounds.output_padding is not None):
                asked = bounds.output_padding is not None if mode.extra else bounds.no_extra
                wanted = wanted and asked
            if wanted:
                yield mode

    def forget(self) -> None:
        """Keep nothing of what was found."""
        self._set(lines={}, kept={})

    def described(self) -> dict[str, str]:
        """The bounds in effect, for people and records."""
        shown = {"kernel_size": str(self.kernel_size), "stride": str(self.stride)}
        shown["padding"] = str(self.padding) if self.padding else "0..dilation*(kernel_size-1)"
        if self.op in ("max_pool", "avg_pool") and not self.padding:
            shown["padding"] = "0..kernel_size//2"
        if self.bounds.words is not None:
            shown["padding"] = ",".join(sorted(self.bounds.words))
        extra = [str(self.output_padding)] if self.output_padding else []
        extra += ["none"] if self.bounds.no_extra else []
        shown["output_padding"] = ",".join(extra) or "any"
        shown["dilation"] = str(self.dilation)
        shown["factor"] = str(self.factor)
        return {name: shown[name] for name in BOUNDS if name in USED[self.op]}


class Query(Value):
    """A question: for each operation and axis a space, and the sizes.

    `groups` are the axes that share their parameters: equal axes by default.
    """

    _fields = ("targets", "sources", "ops", "dialect", "spaces", "groups", "shared", "axes")
    targets: tuple[int, ...]
    sources: tuple[int, ...] | None
    ops: tuple[str, ...]
    dialect: str
    spaces: dict[str, tuple[Space, ...]]
    groups: tuple[tuple[int, ...], ...]
    shared: bool | None
    axes: int | None

    def __init__(self, **fields: Any) -> None:
        self._set(**fields)

    def __hash__(self) -> int:
        return hash((self.targets, self.sources, self.ops, self.dialect))

    def replaced(self, **fields: Any) -> Query:
        """The same question with some fields changed."""
        return Query(**dict(zip(self._fields, self._values(), strict=True)) | fields)

    def in_dialects(self, name: str, dialects: tuple[Dialect, ...]) -> Query:
        """The same question in other dialects."""
        spaces = {
            op: tuple([space.replaced(dialects=dialects) for space in axes])
            for op, axes in self.spaces.items()
        }
        return self.replaced(dialect=name, spaces=spaces)

    def sized(self, target: int, source: int) -> Query:
        """The same question about other sizes of one axis."""
        query = Query.__new__(Query)
        query.__dict__.update(self.__dict__, targets=(target,), sources=(source,), axes=None)
        return query

    def pairs(self, group: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """The different (source, target) pairs of a group; the source must be known."""
        sources = self.sources or ()
        if len(group) == 1:
            return ((sources[group[0]], self.targets[group[0]]),)
        return tuple(dict.fromkeys([(sources[i], self.targets[i]) for i in group]))


def _whole_size(name: str, value: Any) -> int:
    number = integer(value)
    if number is None:
        raise TypeError(f"{name} must be an int or a tuple of ints, not {value!r}")
    if number < 1:
        raise QueryError(
            f"{name} must be at least 1, not {number}",
            rule=name,
            hint="A size counts the elements along an axis.",
        )
    if number > LARGEST:
        raise QueryError(
            f"{name} is larger than 10**18", rule=name, hint=f"Give a {name} up to 10**18."
        )
    return number


def _sizes(name: str, value: Any) -> tuple[tuple[int, ...], int | None]:
    """The sizes, and how many axes they say; None where one int is for any number of axes."""
    if isinstance(value, str):
        raise TypeError(f"{name} must be an int or a tuple of ints, not {value!r}")
    sizes = spatial(value)
    if sizes is None:
        return (_whole_size(name, value),), None
    if not 1 <= len(sizes) <= MOST_AXES:
        raise QueryError(f"{name} has {len(sizes)} axes; 1 to {MOST_AXES} are possible", rule=name)
    return tuple([_whole_size(name, size) for size in sizes]), len(sizes)


def _operations(op: Any) -> tuple[str, ...]:
    if not isinstance(op, str):
        raise TypeError(f"op must be text, not {op!r}")
    name = op.replace("-", "_")
    if name == "any":
        return OPERATIONS
    if name not in OPERATIONS:
        known = ", ".join([*OPERATIONS, "any"])
        raise QueryError(f"unknown op {op!r}", rule="op", hint=f"Known are: {known}.")
    return (name,)


def _dialects(dialect: Any) -> tuple[Dialect, ...]:
    if not isinstance(dialect, str):
        raise TypeError(f"dialect must be text, not {dialect!r}")
    if dialect == "any":
        return tuple(DIALECTS.values())
    if dialect not in DIALECTS:
        known = ", ".join([*DIALECTS, "any"])
        raise QueryError(
            f"unknown dialect {dialect!r}", rule="dialect", hint=f"Known are: {known}."
        )
    return (DIALECTS[dialect],)


def _read_words(name: str, value: Any) -> tuple[Any, frozenset[str] | None, bool]:
    """Split a bound into its numbers, its words and whether None is in it."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, (list, set, frozenset)):
        return value, None, False
    words = frozenset([item for item in value if isinstance(item, str)])
    unknown = words - ({"same", "valid"} if name == "padding" else {"none"})
    if unknown:
        known = "a number, 'same' or 'valid'" if name == "padding" else "a number or 'none'"
        raise QueryError(f"{name} must be {known}, not {min(unknown)!r}", rule=name)
    numbers = [item for item in value if not isinstance(item, str)]
    if words and numbers and name == "padding":
        raise QueryError(
            "padding mixes numbers and words",
            rule=name,
            hint="Ask for numbers (PyTorch) or for 'same' and 'valid' (Keras).",
        )
    return numbers or None, words or None, bool(words)


def _axis_bounds(given: dict[str, Any]) -> Bounds:
    """The bounds of one axis, each value read."""
    fields: dict[str, Any] = {"no_extra": False}
    for name in BOUNDS:
        value = given[name]
        if value is None:
            continue
        if name in ("padding", "output_padding"):
            value, words, has_words = _read_words(name, value)
            if name == "padding":
                fields["words"] = words
            else:
                fields["no_extra"] = has_words
            if value is None and has_words:
                continue
        fields[name] = Choices.read(name, value, LEAST[name])
    return Bounds(**fields)


def _count_axes(given: dict[str, Any], axes: int | None) -> int | None:
    """How many axes the question has: sizes and per-axis bounds must agree."""
    for name, value in given.items():
        if isinstance(value, tuple):
            if axes is not None and len(value) != axes:
                raise QueryError(
                    f"{name} is given for {len(value)} axes, other arguments have {axes}",
                    rule=name,
                    hint="Give one value for all axes, or one for each. "
                    "A choice is a list: [3, 5], or 3,5 on the command line.",
                )
            axes = len(value)
    return axes


_KEPT: dict[Any, Query] = {}
MOST_KEPT = 64
"""How many questions are kept: a search asks about many sizes within the same bounds."""

_PLAIN = frozenset({int, range, str, bool, type(None)})


def read_query(
    target: Any, source: Any, op: Any, dialect: Any, shared: Any, ceil_mode: Any, **bounds: Any
) -> Query:
    """Check every argument of a question; bounds that were read before are not read again.

    Raises:
        QueryError: a value that makes no sense; it names the argument and the way out.
        TypeError: a wrong type.
    """
    values = (op, dialect, shared, ceil_mode, *bounds.values())
    types = tuple(map(type, values))
    # True is equal to 1, so the types are a part of the key.
    if not (type(target) is int and type(source) is int and _PLAIN.issuperset(types)):
        return _read(target, source, op, dialect, shared, ceil_mode, bounds)
    kept = _KEPT.get((values, types))
    if kept is None or not (1 <= target <= LARGEST and 1 <= source <= LARGEST):
        kept = _read(target, source, op, dialect, shared, ceil_mode, bounds)
        if kept.axes is None:
            if len(_KEPT) >= MOST_KEPT:
                _KEPT.clear()
            _KEPT[values, types] = kept
        return kept
    return kept.sized(target, source)


def _read(
    target: Any,
    source: Any,
    op: Any,
    dialect: Any,
    shared: Any,
    ceil_mode: Any,
    bounds: dict[str, Any],
) -> Query:
    ops, dialects = _operations(op), _dialects(dialect)
    for flag, value in (("shared", shared), ("ceil_mode", ceil_mode)):
        if not isinstance(value, bool) and not (flag == "shared" and value is None):
            raise TypeError(f"{flag} must be True or False, not {value!r}")
    targets, axes = _sizes("target", target)
    sources, source_axes = (None, None) if source is None else _sizes("source", source)
    if axes is not None and source_axes is not None and axes != source_axes:
        raise QueryError(
            f"target has {axes} axes and source has {source_axes}",
            rule="source",
            hint="Write both the same way: 7x14 from 4x7.",
        )
    axes = _count_axes(bounds, axes or source_axes)
    count = axes or 1
    if not 1 <= count <= MOST_AXES:
        raise QueryError(f"{count} axes; 1 to {MOST_AXES} are possible", rule="axes")
    targets = targets * count if len(targets) == 1 else targets
    if sources is not None:
        sources = sources * count if len(sources) == 1 else sources
    per_axis = [
        _axis_bounds({n: v[i] if isinstance(v, tuple) else v for n, v in bounds.items()})
        for i in range(count)
    ]
    _check_use(ops, bounds, per_axis, ceil_mode)
    spaces = {
        name: tuple([Space(name, dialects, each, ceil_mode, axes) for each in per_axis])
        for name in ops
    }
    return Query(
        targets=targets,
        sources=sources,
        ops=ops,
        dialect=dialect,
        spaces=spaces,
        groups=_groups(shared, targets, sources, per_axis),
        shared=shared,
        axes=axes,
    )


def _check_use(
    ops: tuple[str, ...], bounds: dict[str, Any], per_axis: list[Bounds], ceil_mode: bool
) -> None:
    """Refuse a bound that means nothing for the operation: it would be dropped in silence."""
    for name, value in bounds.items():
        if value is None or any(name in USED[op] for op in ops):
            continue
        if name == "stride" and ops == ("resize_conv",):
            if all(1 in (b.stride or ()) for b in per_axis):
                continue
            raise QueryError(
                "resize_conv has a convolution of stride 1",
                rule="stride",
                hint="Bound factor instead: it says how much the resize enlarges.",
            )
        takes = ", ".join([n for n in BOUNDS if n in USED[ops[0]]])
        raise QueryError(f"{ops[0]} has no {name}", rule=name, hint=f"It takes {takes}.")
    if ceil_mode and not any(op in ("max_pool", "avg_pool") for op in ops):
        raise QueryError(f"{ops[0]} has no ceil_mode", rule="ceil_mode", hint="Pools have it.")


def _groups(
    shared: bool | None,
    targets: tuple[int, ...],
    sources: tuple[int, ...] | None,
    bounds: list[Bounds],
) -> tuple[tuple[int, ...], ...]:
    """Which axes share their parameters."""
    if shared is False:
        return tuple([(i,) for i in range(len(targets))])
    if shared is True:
        if any(b != bounds[0] for b in bounds):
            raise QueryError(
                "shared parameters, and bounds that differ between axes, contradict each other",
                rule="shared",
                hint="Give one bound for all axes, or leave shared out.",
            )
        return (tuple(range(len(targets))),)
    alike: dict[Any, list[int]] = {}
    for i, target in enumerate(targets):
        alike.setdefault((target, sources and sources[i], bounds[i]), []).append(i)
    return tuple([tuple(group) for group in alike.values()])
