"""Answers: one layer each, with the facts that it was ranked by; and the lazy sequence of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import prod
from operator import index as as_index
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from deconvcalc.dialects import DIALECTS
from deconvcalc.dialects.spec import alike
from deconvcalc.errors import QueryError
from deconvcalc.placement import tap_counts
from deconvcalc.solver import runs as marks
from deconvcalc.solver.modes import BITS, in_both
from deconvcalc.solver.ranking import Pick, Ranked, one_layer

if TYPE_CHECKING:
    from deconvcalc.derivation import Derivation, Proof
    from deconvcalc.dialects import Dialect, Mode, Placed
    from deconvcalc.layers import Layer
    from deconvcalc.sizemap import Progression
    from deconvcalc.solver.families import Family
    from deconvcalc.solver.query import Query
    from deconvcalc.solver.runs import Run

__all__ = ["Answer", "Answers"]

MOST_LOOKED_AT = 1_000_000
"""So many answers are made for a new order, or to find one."""


class Answer:
    """One answer: what to build, and how good it is.

    Sizes and parameters are ints where all axes agree, and tuples of one per axis where they
    differ. Crops that no single int says are pairs (before, after), one per axis.

    Attributes:
        op: the operation, for example "conv_transpose".
        axes: how many axes, or None for any number.
    """

    def __init__(self, query: Query, pick: Pick) -> None:
        self._query = query
        self._pick = pick
        self.op: str = pick[0][0].op
        self.axes = query.axes

    def _by_axis(self, values: list[Any]) -> list[Any]:
        """Values of the groups of axes, axis by axis."""
        groups = self._query.groups
        if len(groups) == 1:
            return values * len(groups[0])
        of = {axis: value for group, value in zip(groups, values, strict=True) for axis in group}
        return [of[axis] for axis in range(len(of))]

    def _said(self, values: list[Any]) -> Any:
        """Values of the groups: one where all axes have the same, else one per axis."""
        return values[0] if len(values) == 1 else alike(self._by_axis(values))

    @cached_property
    def _modes(self) -> int:
        """The modes that write all axes in one layer."""
        return one_layer([run for run, _, _ in self._pick])[0]

    @cached_property
    def _flags(self) -> int:
        """All marks against the answer, of any axis."""
        flags = 0
        for run, _, _ in self._pick:
            flags |= run.flags
        return flags

    @property
    def holes(self) -> bool:
        """Whether some output gets no tap."""
        return bool(self._flags & marks.HOLES)

    @property
    def aligned(self) -> bool:
        """Whether the shift is at most half an input pixel."""
        return not self._flags & marks.MISALIGNED

    @property
    def symmetric(self) -> bool:
        """Whether both sides are padded or cropped alike: no output_padding."""
        return not self._flags & marks.ASYMMETRIC

    @property
    def checkerboard(self) -> bool:
        """Whether interior outputs get different numbers of taps."""
        return bool(self._flags & marks.CHECKERBOARD)

    @property
    def overlap(self) -> bool:
        """Whether neighbouring inputs mix; for a pool, whether every input is in some window."""
        return not self._flags & marks.APART

    @property
    def dilated(self) -> bool:
        """Whether a dilation is above 1."""
        return bool(self._flags & marks.DILATED)

    @property
    def in_both(self) -> bool:
        """Whether one PyTorch layer and one Keras layer have these numbers."""
        return in_both(self._modes)

    # Parameters.

    @property
    def kernel_size(self) -> Any:
        """The kernel; None for a pixel shuffle."""
        return None if self.op == "pixel_shuffle" else self._said([k for _, k, _ in self._pick])

    @property
    def stride(self) -> Any:
        """The stride; None for a pixel shuffle."""
        if self.op == "pixel_shuffle":
            return None
        return self._said([run.s for run, _, _ in self._pick])

    @property
    def dilation(self) -> Any:
        """The dilation; None for a pixel shuffle."""
        if self.op == "pixel_shuffle":
            return None
        return self._said([run.d for run, _, _ in self._pick])

    @property
    def factor(self) -> Any:
        """How much a resize or a pixel shuffle enlarges; None for the other operations."""
        if self.op not in ("resize_conv", "pixel_shuffle"):
            return None
        return self._said([run.factor for run, _, _ in self._pick])

    @cached_property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """(before, after) for each axis: padding of a window, crops of a transposed one."""
        return tuple(self._by_axis([run.sides(k) for run, k, _ in self._pick]))

    @property
    def padding(self) -> Any:
        """What PyTorch calls padding: an int, one per axis, or pairs where no int says it."""
        if self.op == "pixel_shuffle":
            return None
        if any(run.rule for run, _, _ in self._pick):
            return "same"
        if self._by_pairs:
            return self.sides
        return self._said([run.sides(k)[0] for run, k, _ in self._pick])

    @property
    def output_padding(self) -> Any:
        """How much less is cropped after than before; None where there is no such parameter."""
        if self.op != "conv_transpose":
            return None
        return 0 if self._by_pairs else self._said([run.skew for run, _, _ in self._pick])

    @property
    def _by_pairs(self) -> bool:
        skews = [run.skew for run, _, _ in self._pick]
        return min(skews) < 0 or (self.op != "conv_transpose" and max(skews) > 0)

    @property
    def ceil_mode(self) -> bool | None:
        """Whether a last window may hang over; None where there is no such parameter."""
        return self._pick[0][0].ceil_mode if self.op in ("max_pool", "avg_pool") else None

    # Sizes.

    @property
    def target(self) -> Any:
        """The size asked for: an int, or one per axis."""
        sizes = self._query.targets
        return sizes if self.axes else sizes[0]

    @property
    def source(self) -> Any:
        """The input size; where it is the unknown, all inputs that give the target.

        An int or a `Progression`, or a tuple of one per axis.
        """
        if self._query.sources is not None:
            sizes: Sequence[Any] = self._query.sources
        else:
            by_axis: dict[int, Progression] = {}
            for group, (run, _, _) in zip(self._query.groups, self._pick, strict=True):
                by_axis |= zip(group, run.sources, strict=True)
            sizes = [by_axis[axis] for axis in range(len(by_axis))]
        return tuple(sizes) if self.axes else sizes[0]

    @property
    def smallest_source(self) -> Any:
        """The input size, or the smallest of those that give the target."""
        source = self.source
        sizes = source if isinstance(source, tuple) else (source,)
        first = tuple([size if isinstance(size, int) else size.start for size in sizes])
        return first if isinstance(source, tuple) else first[0]

    @property
    def largest_source(self) -> Any:
        """The input size, or the largest of those that give the target."""
        if self._query.sources is not None:
            return self.smallest_source
        source = self.source
        sizes = source if isinstance(source, tuple) else (source,)
        last = tuple([size.start if size.stop is None else size.stop for size in sizes])
        return last if isinstance(source, tuple) else last[0]

    @property
    def only_source(self) -> Any:
        """The input size; None where several give the target.

        >>> from deconvcalc import solve
        >>> answer = solve(7, op="conv", kernel_size=3, stride=2, padding=1)[0]
        >>> answer.smallest_source, answer.largest_source, answer.only_source
        (13, 14, None)
        """
        if isinstance(self.source, str):  # n
            return None
        first = self.smallest_source
        return first if first == self.largest_source else None

    # Facts.

    @property
    def shift(self) -> float:
        """The largest distance of an output's centre from a plain resize, in input pixels."""
        return max([num / den for num, den in [marks.shift(run, p) for run, _, p in self._pick]])

    @property
    def taps(self) -> Any:
        """The different numbers of taps that interior outputs get along an axis, ascending.

        A tuple of them; a tuple of one such tuple per axis where axes differ.
        """
        if self.op != "conv_transpose":
            return self._said([(k,) for _, k, _ in self._pick])
        counts = [
            tap_counts(k, run.s, run.d) if any(n > 1 for n, _ in pairs) else (1,)
            for run, k, pairs in self._pick
        ]
        return self._said(counts)

    @property
    def parameters(self) -> int:
        """Weights for each pair of an input and an output channel, over all axes.

        For a question without axes, those of one axis. Pools and shuffles have none.
        """
        if self.op in ("max_pool", "avg_pool", "pixel_shuffle"):
            return 0
        return prod(self._by_axis([k for _, k, _ in self._pick]))

    def spelled(self, dialect: str) -> dict[str, Any] | None:
        """The keyword arguments of the one layer of a dialect with these numbers, or None.

        Raises:
            QueryError: an unknown dialect.

        >>> from deconvcalc import solve
        >>> solve(7, source=4)[0].spelled("keras")
        {'kernel_size': 3, 'strides': 2, 'padding': 'same', 'output_padding': 0}
        """
        if dialect not in DIALECTS:
            known = ", ".join(DIALECTS)
            raise QueryError(
                f"unknown dialect {dialect!r}", rule="dialect", hint=f"Known are: {known}."
            )
        owner = DIALECTS[dialect]
        mode = self._mode(owner)
        return None if mode is None else self._in_mode(owner, mode, self._windows())

    def _mode(self, owner: Dialect) -> Mode | None:
        """The first mode in which a dialect writes it in one layer, or None."""
        if self.op == "pixel_shuffle":  # its axes may differ: there is one factor for all
            return next(iter(owner.modes[self.op]), None)
        return next((mode for mode in owner.modes[self.op] if mode.bit & self._modes), None)

    def _in_mode(self, owner: Dialect, mode: Mode, windows: tuple[Placed, ...]) -> dict[str, Any]:
        if self.op == "pixel_shuffle":
            return {"upscale_factor": self.factor}
        ceil_mode = {"ceil_mode": True} if self.ceil_mode else {}
        return owner.spell(self.op, windows, mode) | ceil_mode

    def _windows(self) -> tuple[Placed, ...]:
        """The window of each axis at the sizes of the question."""
        windows = [(k, run.s, run.d, *run.sides(k)) for run, k, _ in self._pick]
        return tuple(self._by_axis(windows))

    def code(self, dialect: str = "torch", channels: tuple[int, int] | None = None) -> str:
        """Lines to paste that make `layer` in a framework: they give this size and these values.

        Where several inputs give the target, the lines do so for each of them.

        Args:
            dialect: "torch" or "keras".
            channels: how many go in and come out. Without them the code sets both to 1, by name.

        Raises:
            ConversionError: no layers of the framework give these numbers.
            QueryError: channels that the layers cannot have.

        >>> from deconvcalc import solve
        >>> print(solve(7, source=4)[0].code("keras", channels=(64, 32)))
        import keras
        <BLANKLINE>
        layer = keras.layers.Conv2DTranspose(
            32, kernel_size=3, strides=2, padding="same", output_padding=0
        )
        """
        from deconvcalc.translation import convert

        return convert(self.layers, to=dialect, size=self.only_source).code(channels)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The canonical layers, first to last, with their padding written out."""
        from deconvcalc import layers

        if self.op == "pixel_shuffle":
            return (layers.PixelShuffle(self.factor, axes=self.axes),)
        rules = [run.rule or layers.Explicit(*run.sides(k)) for run, k, _ in self._pick]
        window: dict[str, Any] = {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self._said(rules),
            "axes": self.axes,
        }
        if self.op == "avg_pool":
            counted = bool(self._modes & BITS["torch"])
            ceil_mode = bool(self.ceil_mode)
            return (layers.AvgPool(**window, ceil_mode=ceil_mode, count_include_pad=counted),)
        window["dilation"] = self.dilation
        if self.op == "conv_transpose":
            return (layers.ConvTranspose(**window),)
        if self.op == "max_pool":
            return (layers.MaxPool(**window, ceil_mode=bool(self.ceil_mode)),)
        conv = layers.Conv(**window)
        return (
            (conv,) if self.op == "conv" else (layers.Upsample(self.factor, axes=self.axes), conv)
        )

    @property
    def derivation(self) -> Derivation:
        """How its size comes about, from the source or the smallest one.

        >>> from deconvcalc import solve
        >>> print(solve(7, source=4)[0].derivation.in_n)
        2*n - 1
        """
        from deconvcalc.derivation import derive

        return derive(self.layers, self.smallest_source)

    def output_size(self, size: Any) -> Any:
        """The output size of the layers, one after the other."""
        for layer in self.layers:
            size = layer.output_size(size)
        return size

    def to_record(self) -> dict[str, Any]:
        """All facts as a flat dict of plain numbers, text and lists; None where it has none."""
        return self._record(_Shared(self))

    def _record(self, shared: _Shared) -> dict[str, Any]:
        """The same, from what it shares with others."""
        facts = shared.facts.copy()
        for name in shared.lists:  # each record has lists of its own
            facts[name] = facts[name].copy()
        facts["kernel_size"] = _plain(self.kernel_size)
        facts["padding"] = _plain(self.padding)
        facts["taps"] = _plain(self.taps)
        facts["parameters"] = self.parameters
        windows = self._windows() if shared.modes else ()
        for owner, mode in shared.modes:
            facts[owner.name] = written(self._in_mode(owner, mode, windows))
        return facts

    def _key(self) -> Any:
        return (self.layers, self.source, self.target)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"<{self.source} -> {self.target}: {', '.join(map(repr, self.layers))}>"


class _Shared:
    """What answers share that differ in their kernels alone.

    Attributes:
        facts: all facts that do not depend on a kernel, and None at the places of the others.
        lists: the names of those that are lists.
        modes: the dialects that write the answers in one layer, and their modes.
    """

    __slots__ = ("facts", "lists", "modes")

    def __init__(self, answer: Answer) -> None:
        facts: dict[str, Any] = {
            "op": answer.op,
            "kernel_size": None,
            "stride": _plain(answer.stride),
            "padding": None,
            "output_padding": _plain(answer.output_padding),
            "dilation": _plain(answer.dilation),
        }
        if answer.factor is not None:
            facts["factor"] = _plain(answer.factor)
        if answer.ceil_mode is not None:
            facts["ceil_mode"] = answer.ceil_mode
        facts |= {
            "source": _plain(answer.source),
            "target": _plain(answer.target),
            "holes": answer.holes,
            "aligned": answer.aligned,
            "symmetric": answer.symmetric,
            "checkerboard": answer.checkerboard,
            "overlap": answer.overlap,
            "in_both": answer.in_both,
            "shift": answer.shift,
        }
        self.facts = facts | dict.fromkeys(("taps", "parameters", *DIALECTS))
        self.lists = [name for name, value in facts.items() if isinstance(value, list)]
        modes = [(owner, answer._mode(owner)) for owner in DIALECTS.values()]
        self.modes = [(owner, mode) for owner, mode in modes if mode is not None]


def written(arguments: dict[str, Any]) -> str:
    """Keyword arguments as they stand in a call."""
    return ", ".join([f"{name}={_quoted(value)}" for name, value in arguments.items()])


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _plain(value: Any) -> Any:
    """Tuples as lists, and a set of inputs as its only member, or as text: "27..28"."""
    if value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    inputs: Progression = value
    return inputs.start if inputs.start == inputs.stop else str(inputs)


class Answers(Sequence[Answer]):
    """All answers to a question, best first. A lazy sequence: only what is looked at is made.

    Length, slices, iteration and membership work as for a list. `total` is the length too, and
    also right where it is more than `len()` can say.

    Attributes:
        query: the question, with the bounds in effect.
        complete: whether these are all answers within the bounds; always True.
    """

    complete = True
    _whole: Answers | None = None
    """For some of the answers, or a new order of them, the answers that they were taken from."""

    def __init__(self, query: Query, ranked: Sequence[Pick]) -> None:
        self.query = query
        self._ranked = ranked
        self._total: int | None = None

    def _answer(self, pick: Pick) -> Answer:
        return Answer(self.query, pick)

    def _with(self, ranked: Sequence[Pick]) -> Answers:
        """The same question with these answers."""
        made = self._again(ranked)
        made._whole = self._whole or self
        return made

    def _again(self, ranked: Sequence[Pick]) -> Answers:
        return Answers(self.query, ranked)

    @property
    def _solved(self) -> bool:
        """Whether the question has answers, be they here or not."""
        return bool(self) or (self._whole is not None and self._whole.total > 0)

    @property
    def total(self) -> int:
        """The number of answers."""
        if self._total is None:
            size: int | None = getattr(self._ranked, "size", None)
            self._total = len(self._ranked) if size is None else size
        return self._total

    def __len__(self) -> int:
        return self.total

    def __bool__(self) -> bool:
        return self.total > 0

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            chosen = range(self.total)[index]
            return self._with(_Slice(self._ranked, chosen))
        try:
            place, total = as_index(index), self.total
        except TypeError:
            kind = type(index).__name__
            raise TypeError(f"answers are indexed by ints and slices, not {kind}") from None
        if place < 0:
            place += total
        if not 0 <= place < total:
            raise IndexError(f"there are {total} answers, no answer {index}")
        return self._answer(self._ranked[place])

    def __iter__(self) -> Iterator[Answer]:
        for pick in self._ranked:
            yield self._answer(pick)

    @property
    def best(self) -> Answer | None:
        """The first answer, or None."""
        return self[0] if self else None

    @property
    def bounds(self) -> dict[str, dict[str, str]]:
        """For each operation the bounds in effect, as text; axis by axis where they differ."""
        shown = {}
        for op, spaces in self.query.spaces.items():
            axes = [space.described() for space in spaces]
            shown[op] = {name: str_alike([axis[name] for axis in axes]) for name in axes[0]}
        return shown

    @cached_property
    def without_checkerboard(self) -> tuple[int, Answer] | None:
        """The index of the first answer without holes and checkerboard, and that answer, or None.

        >>> from deconvcalc import solve
        >>> solve(7, source=4).without_checkerboard
        (7, <4 -> 7: ConvTranspose(4, stride=2, padding=2, output_padding=1)>)
        """
        if isinstance(self._ranked, Ranked):
            index = self._ranked.first_without(marks.HOLES | marks.CHECKERBOARD)
            return None if index is None else (index, self[index])
        for index, answer in enumerate(self):
            if not answer.holes and not answer.checkerboard:
                return index, answer
        return None

    def first(self, **facts: Any) -> Answer | None:
        """The first answer with these facts, or None.

        Raises:
            QueryError: an unknown name; none among the first 1,000,000, and there are more.

        >>> from deconvcalc import solve
        >>> solve(7, source=4).first(checkerboard=False, holes=False).kernel_size
        4
        """
        for name in facts:
            if name not in (*_FACTS, "axes", "layers"):
                raise _unknown("fact", name)
        for index, answer in enumerate(self):
            if all(getattr(answer, name) == value for name, value in facts.items()):
                return answer
            if index >= MOST_LOOKED_AT:
                raise QueryError(
                    f"none of the first {MOST_LOOKED_AT:,} answers of {self.total:,} is like that",
                    rule="first",
                    hint="Narrow the bounds.",
                )
        return None

    def ranked_by(self, *criteria: str | Callable[[Answer], Any]) -> Answers:
        """The same answers by other criteria.

        A criterion is the name of a fact, "-name" for the reverse order, or a function. Axes are
        compared one after the other; what an answer does not have comes first, then numbers,
        pairs and words.

        Ties keep their order. All answers are made for it.

        Raises:
            QueryError: an unknown name, or more than 1,000,000 answers.
            TypeError: a criterion that is neither a name nor a function.

        >>> from deconvcalc import solve
        >>> solve(7, source=4).ranked_by("parameters", "shift")[0].kernel_size
        1
        """
        if self.total > MOST_LOOKED_AT:
            raise QueryError(
                f"{self.total} answers are too many to sort anew",
                rule="ranked_by",
                hint="Narrow the bounds, or take a slice first.",
            )
        picks = list(self._ranked)
        for criterion in reversed(criteria):
            key, reverse = _criterion(criterion)
            keyed = [(key(self._answer(pick)), pick) for pick in picks]
            keyed.sort(key=itemgetter(0), reverse=reverse)
            picks = [pick for _, pick in keyed]
        return self._with(picks)

    def to_records(self) -> list[dict[str, Any]]:
        """All answers as flat dicts; see `Answer.to_record`."""
        known: dict[tuple[Run, ...], _Shared] = {}
        records = []
        for pick in self._ranked:
            answer = self._answer(pick)
            runs = tuple([run for run, _, _ in pick])
            shared = known.get(runs)
            if shared is None:
                shared = known[runs] = _Shared(answer)
            records.append(answer._record(shared))
        return records

    def families(self) -> tuple[Family, ...]:
        """The answers in closed form: every answer is in exactly one family.

        A family is a relation between the parameters, with conditions, for a stride and a mode of
        padding; see `Family`. For a target in n, the layers that refuse some n are in none.

        Raises:
            QueryError: the source is unknown; these are a slice, or another order, of answers;
                there are more than 10,000 families.

        >>> from deconvcalc import solve
        >>> for family in solve(7, source=4, stride=2).families():
        ...     print(family)
        s = 2: k = 2p + 1 - op, where 1 ≤ k ≤ 11, 0 ≤ p ≤ k - 1, 0 ≤ op < 2
        """
        from deconvcalc.solver.families import families_of

        return families_of(self)

    @cached_property
    def reason(self) -> Any:
        """Why there is no answer, the nearest sizes, and what to relax; None where there is one."""
        if self._solved:
            return None
        from deconvcalc.solver.reasons import explain

        return explain(self.query)

    @cached_property
    def proof(self) -> Proof | None:
        """The proof in three lines that there is no answer; None where there is one.

        >>> from deconvcalc import solve
        >>> print(solve(100, source=4, stride=8).proof.steps[-1].text)
        100 > 47: no layer gives 100
        """
        if self._solved:
            return None
        from deconvcalc.solver.refutation import refute

        return refute(self)

    @property
    def sources(self) -> list[Any]:
        """Where the source is the unknown: all inputs that give the target, for some answer.

        A sorted list of ints, or of tuples of one per axis.

        Raises:
            QueryError: more than 1,000,000 answers.
        """
        if self.total > MOST_LOOKED_AT:
            raise QueryError(
                f"{self.total} answers are too many to look at the inputs of each",
                rule="sources",
                hint="Narrow the bounds, or take a slice first.",
            )
        found: set[Any] = set()
        for answer in self:
            axes = answer.source if isinstance(answer.source, tuple) else (answer.source,)
            members = [(axis,) if isinstance(axis, int) else axis for axis in axes]
            if self.query.axes:
                from itertools import product

                found.update(product(*members))
            else:
                found.update(members[0])
        return sorted(found)

    def __contains__(self, item: object) -> bool:
        """Whether an answer, or a layer, is among them. A layer is compared at the source size."""
        if isinstance(item, Answer):
            item = item.layers
        layers = item if isinstance(item, tuple) else (item,)
        from deconvcalc.layers import Layer

        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            return False
        if not isinstance(self._ranked, Ranked):
            return any(answer.layers == layers for answer in self)
        from deconvcalc.solver.membership import contains

        return contains(self.query, self._ranked, layers)

    def __repr__(self) -> str:
        return f"<Answers: {self.total}>"

    def __str__(self) -> str:
        from deconvcalc.render.text import table

        return table(self)

    def __rich__(self) -> Any:
        from deconvcalc.render.terminal import table

        return table(self)


class _Slice(Sequence[Pick]):
    """Some of the answers, by a range of their indices."""

    def __init__(self, ranked: Sequence[Pick], chosen: range) -> None:
        self._ranked = ranked
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: Any) -> Any:
        return self._ranked[self._chosen[index]]


def str_alike(values: list[str]) -> str:
    """One text where all axes have the same, else one per axis."""
    return values[0] if all(value == values[0] for value in values) else " x ".join(values)


def _criterion(criterion: str | Callable[[Answer], Any]) -> tuple[Callable[[Answer], Any], bool]:
    if callable(criterion):
        return criterion, False
    if not isinstance(criterion, str):
        raise TypeError(f"a criterion is the name of a fact or a function, not {criterion!r}")
    name = criterion.removeprefix("-")
    if name not in _FACTS:
        raise _unknown("criterion", criterion)
    return (lambda answer: _sortable(answer, name)), criterion.startswith("-")


def _unknown(what: str, name: str) -> QueryError:
    hint = "Known are: " + ", ".join(sorted(_FACTS)) + "."
    return QueryError(f"unknown {what} {name!r}", rule="ranked_by", hint=hint)


def _sortable(answer: Answer, name: str) -> Any:
    """A fact that can be compared with that of any other answer."""
    value = getattr(answer, name)
    if name in _BY_AXIS:
        each = isinstance(value, tuple) and (name != "taps" or isinstance(value[0], tuple))
        value = value if each else (value,) * len(answer.sides)
    return _comparable(value)


def _comparable(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    if isinstance(value, tuple):
        return (1, *[_comparable(item) for item in value])
    if isinstance(value, str):
        return (2, value)
    if isinstance(value, (int, float)):
        return (0, value)
    inputs: Progression = value
    return (0, inputs.start, inputs.stop)


_BY_AXIS = (
    "kernel_size",
    "stride",
    "padding",
    "output_padding",
    "dilation",
    "factor",
    "taps",
    "source",
    "smallest_source",
    "target",
)
"""The facts that are said once where all axes agree."""

_FACTS = (
    "holes",
    "aligned",
    "symmetric",
    "checkerboard",
    "overlap",
    "in_both",
    "dilated",
    "shift",
    "taps",
    "parameters",
    "op",
    "ceil_mode",
    "sides",
    *_BY_AXIS,
)
"""The facts by which answers are found, and ranked."""
