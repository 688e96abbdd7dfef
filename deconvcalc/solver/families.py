"""Answers in closed form: for each stride and mode the relation between the parameters left free.

A family is a relation with conditions, in the letters of a mode: k, p, op, d, and r, which is what
the floor of a window drops. The relation is the size formula at the sizes asked for; the conditions
are the rules of the mode and the bounds of the question. Counting and going through the answers is
left to the runs, so the closed form and the answers stand apart, and the tests hold them together.

One layer may be written in several modes. It belongs to the first of them, as it is spelled, and
the others have the condition that it is not written in an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from deconvcalc.dialects import DIALECTS
from deconvcalc.errors import QueryError
from deconvcalc.formulas import Multiple, SameWindow, Spread, Window, effective_kernel
from deconvcalc.solver.answers import Answer, Answers
from deconvcalc.solver.membership import located
from deconvcalc.solver.modes import BITS
from deconvcalc.solver.ranking import Ranked, one_layer
from deconvcalc.symbols import (
    between,
    collected,
    holds,
    latex,
    letter,
    parity,
    substituted,
    text,
    unfloored,
)
from deconvcalc.values import integer

if TYPE_CHECKING:
    from deconvcalc.dialects import Dialect, Mode
    from deconvcalc.solver.choices import Choices
    from deconvcalc.solver.query import Space
    from deconvcalc.solver.runs import Pair, Run

__all__ = ["Family", "families_of"]

MOST_FAMILIES = 10_000
"""So many families are made of one question."""

_IN_N: Any = ("n",)
"""The sources of a question whose target is in n."""

Mix = tuple[list["Run"], ...]
"""For each group of axes some runs; all their combinations are answers."""


class Family:
    """Answers with the same closed form.

    Attributes:
        op: the operation.
        dialect: the dialect whose parameters the letters are.
        mode: the mode of padding, as the framework names it.
        count: how many answers there are within the bounds.
    """

    def __init__(self, answers: Answers, key: _Key, mixes: list[Mix]) -> None:
        self._answers = answers
        self._key = key
        self._mixes = mixes
        self.op = key.op
        self.dialect = key.dialect
        self.mode = key.mode.name
        self.count = 0
        for mix in mixes:
            size = 1
            for runs in mix:
                size *= sum([len(run) for run in runs])
            self.count += size

    @cached_property
    def _forms(self) -> list[_Form]:
        """The closed form of each group of axes."""
        query = self._answers.query
        alone = len(query.groups) == 1
        spaces = query.spaces[self.op]
        earlier = []
        for mode in spaces[0].modes:
            if mode == self._key.mode:
                break
            if all(mode in space.modes for space in spaces):
                earlier.append(mode)
        forms = []
        for place, group in enumerate(query.groups):
            runs = [run for mix in self._mixes for run in mix[place]]
            setting = _Setting(
                spaces[group[0]],
                _pairs(self._answers, self.op, place),
                self._key.mode,
                earlier,
                DIALECTS[self.dialect],
                runs,
                "" if alone else f"_{group[0]}",
                query.sources == _IN_N,
            )
            forms.append(_form(setting, self._key.steps[place]))
        return forms

    @property
    def fixed(self) -> dict[str, int]:
        """What is a number throughout, by letter, such as {"s": 2}.

        Where groups of axes have parameters of their own, a letter has the index of the first axis
        of its group: "s_0".
        """
        return {name: number for form in self._forms for name, number in form.fixed.items()}

    @property
    def letters(self) -> tuple[Any, ...]:
        """The letters left free, as sympy symbols."""
        return tuple([symbol for form in self._forms for symbol in form.letters])

    @property
    def relation(self) -> Any:
        """The relation that gives the target: an Eq, an And of several, or true where any does."""
        import sympy

        return sympy.And(*[form.relation for form in self._forms])

    @cached_property
    def conditions(self) -> tuple[Any, ...]:
        """What else must hold, bounds included, as sympy conditions.

        Numbers for the letters are an answer of this family if and only if they fulfil the
        relation and all conditions.
        """
        import sympy

        found = [condition for form in self._forms for condition in form.conditions]
        dilated = [form.dilated for form in self._forms]
        strided = [form.strided for form in self._forms]
        if not DIALECTS[self.dialect].stride_with_dilation and self.op in (
            "conv_transpose",
            "conv",
        ):
            found.append(sympy.Or(sympy.Not(sympy.Or(*dilated)), sympy.Not(sympy.Or(*strided))))
        columns = zip(*[form.apart for form in self._forms], strict=True)
        found += [sympy.Or(*column) for column in columns]
        flat = [part for one in found for part in _parts(one)]
        return tuple([one for one in dict.fromkeys(flat) if one != sympy.true])

    @property
    def head(self) -> str:
        """What is fixed, in plain text: "s = 2"."""
        return ", ".join([f"{name} = {number}" for name, number in self.fixed.items()])

    @property
    def text(self) -> str:
        """The closed form in plain text: "s = 2: k = 2p + 1 - op, where ..."."""
        head = f"{self.head}: " if self.fixed else ""
        where = f", where {self.conditions_text}" if self.conditions else ""
        return f"{head}{self.relation_text}{where}"

    @property
    def conditions_text(self) -> str:
        """The conditions in plain text."""
        return ", ".join([text(condition) for condition in self.conditions])

    @property
    def relation_text(self) -> str:
        """The relation in plain text; "any k" where there is none."""
        if self.relation is not _true():
            return text(self.relation)
        names = [symbol.name for symbol in self.letters]
        return f"any {', '.join(names)}" if names else "this one"

    @property
    def latex(self) -> str:
        """The closed form as LaTeX."""
        fixed = [latex(letter(name)) + f" = {number}" for name, number in self.fixed.items()]
        relation = [] if self.relation is _true() else [latex(self.relation)]
        head = r",\; ".join([*fixed, *relation])
        conditions = [latex(condition) for condition in self.conditions]
        return r",\quad ".join([head, *conditions])

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Answer]:
        """All answers of the family, one after the other, in no particular order."""
        for mix in self._mixes:
            pairs = [_pairs(self._answers, self.op, place) for place in range(len(mix))]
            axes = [_singles(runs, sizes) for runs, sizes in zip(mix, pairs, strict=True)]
            for first in axes[0]:
                others = [_singles(*rest) for rest in zip(mix[1:], pairs[1:], strict=True)]
                for rest in product(*others):
                    yield self._answers._answer((first, *rest))

    def parameters(self, answer: Answer) -> dict[str, int]:
        """The numbers that the letters have in one of its answers.

        Raises:
            QueryError: the answer is not in the family.

        >>> from deconvcalc import solve
        >>> answers = solve(7, source=4)
        >>> family = next(one for one in answers.families() if answers[0] in one)
        >>> family.text[:18], family.parameters(answers[0])
        ('s = 2: k = 2p + 1 ', {'k': 3, 'p': 1, 'op': 0})
        """
        if answer not in self:
            raise QueryError(f"{answer} is not in the family {self.head}", rule="family")
        found: dict[str, int] = {}
        for place, form in enumerate(self._forms):
            run, k, _ = answer._pick[place]
            found |= _numbers(form, self._key.mode, run, k)
        return found

    def __contains__(self, item: object) -> bool:
        """Whether an answer, a layer, or numbers for the letters are in the family.

        Numbers are a dict such as {"k": 3, "p": 1, "op": 0}, and are put into the closed form; r
        may be left out.
        """
        if isinstance(item, Mapping):
            return self._fits(item)
        layers = item.layers if isinstance(item, Answer) else item
        layers = layers if isinstance(layers, tuple) else (layers,)
        runs = located(self._answers.query, _whole(self._answers), layers)
        return runs is not None and _key_of(self._answers, runs) == self._key

    def _fits(self, numbers: Mapping[Any, Any]) -> bool:
        values: dict[Any, int] = {}
        names = {symbol.name: symbol for symbol in self.letters}
        for name, value in numbers.items():
            number = integer(value)
            if name not in names:
                raise QueryError(
                    f"{name!r} is no letter of the family {self.head}",
                    rule="family",
                    hint=f"Its letters are {', '.join(names)}." if names else "It has none.",
                )
            if number is None:
                raise TypeError(f"{name} must be an int, not {value!r}")
            values[names[name]] = number
        for form in self._forms:
            if form.rest is not None and form.rest not in values:
                rest = substituted(form.rest_of, values)
                if not rest.is_Integer:
                    continue
                values[form.rest] = int(rest)
        missing = [name for name, symbol in names.items() if symbol not in values]
        if missing:
            raise QueryError(
                f"no number for {', '.join(missing)}",
                rule="family",
                hint=f"Give a number for each of {', '.join(names)}; r may be left out.",
            )
        return all(holds(one, values) for one in (self.relation, *self.conditions))

    def to_record(self) -> dict[str, Any]:
        """The family as plain data."""
        return {
            "op": self.op,
            "dialect": self.dialect,
            "mode": self.mode,
            "fixed": self.fixed,
            "letters": [symbol.name for symbol in self.letters],
            "relation": self.relation_text,
            "conditions": [text(condition) for condition in self.conditions],
            "count": self.count,
            "latex": self.latex,
        }

    def __repr__(self) -> str:
        return f"<Family: {self.text}: {self.count}>"

    def __str__(self) -> str:
        return self.text


class _Key(NamedTuple):
    """What the answers of a family have in common.

    `place` is that of the operation in the question. `steps` has, for each group of axes, the
    stride (None where it does nothing, and is a letter), the factor, and whether the padding is a
    rule that depends on n.
    """

    op: str
    place: int
    dialect: str
    mode: Mode
    steps: tuple[tuple[int | None, int, bool], ...]


def families_of(answers: Answers) -> tuple[Family, ...]:
    """The families of all answers to a question: every answer is in exactly one.

    Raises:
        QueryError: the source is unknown; a slice or another order of answers; more than 10,000
            families.
    """
    query = answers.query
    if query.sources is None:
        raise QueryError(
            "families are for a known source, or for a target in n",
            rule="source",
            hint="Name the source (--from).",
        )
    _whole(answers)
    mixes: dict[_Key, list[Mix]] = {}
    for op in query.ops:
        tiers = [_tiers(answers, op, place) for place in range(len(query.groups))]
        for mix in product(*[tier.values() for tier in tiers]):
            key = _key_of(answers, tuple([runs[0] for runs in mix]))
            if key is not None:
                mixes.setdefault(key, []).append(mix)
            if len(mixes) > MOST_FAMILIES:
                raise QueryError(
                    f"there are more than {MOST_FAMILIES:,} families",
                    rule="stride",
                    hint="Narrow stride.",
                )

    def order(key: _Key) -> Any:
        modes = query.spaces[key.op][0].modes
        steps = [(s or 0, factor, rule) for s, factor, rule in key.steps]
        return key.place, tuple(DIALECTS).index(key.dialect), steps, modes.index(key.mode)

    found = [Family(answers, key, mixes[key]) for key in sorted(mixes, key=order)]
    return tuple([family for family in found if family.count])


def _tiers(answers: Answers, op: str, place: int) -> dict[Any, list[Run]]:
    """The runs of one group of axes, those together that are in the same families."""
    tiers: dict[Any, list[Run]] = {}
    for run in _whole(answers).runs(op, place):
        key = (_step(answers, place, run), run.modes, run.allowed, run.d > 1, run.s > 1)
        tiers.setdefault(key, []).append(run)
    return tiers


def _step(answers: Answers, place: int, run: Run) -> tuple[int | None, int, bool]:
    """The stride, or None where it does nothing; the factor; whether the padding is a rule."""
    idle = answers.query.sources != _IN_N and _idle(run.op, _pairs(answers, run.op, place))
    return None if idle else run.s, run.factor, run.rule is not None


def _idle(op: str, pairs: tuple[Pair, ...]) -> bool:
    """Whether the stride does nothing: one input is spread, or one window is taken."""
    if op in ("resize_conv", "pixel_shuffle"):
        return False
    return all((n if op == "conv_transpose" else m) == 1 for n, m in pairs)


def _key_of(answers: Answers, runs: tuple[Run, ...]) -> _Key | None:
    """The family of the answers with these runs; None where no layer has them together."""
    allowed = one_layer(list(runs))[1]
    op = runs[0].op
    for mode in answers.query.spaces[op][0].modes:
        if allowed & mode.bit:
            owner = next(name for name, bits in BITS.items() if bits & mode.bit)
            steps = tuple([_step(answers, place, run) for place, run in enumerate(runs)])
            return _Key(op, answers.query.ops.index(op), owner, mode, steps)
    return None


def _pairs(answers: Answers, op: str, place: int) -> tuple[Pair, ...]:
    return _whole(answers).found(op)[place].pairs


def _whole(answers: Answers) -> Ranked:
    """All answers as they were found."""
    if isinstance(answers._ranked, Ranked):
        return answers._ranked
    raise QueryError(
        "a slice or another order of answers has no families of its own",
        rule="families",
        hint="Ask the answers as solve() gave them.",
    )


def _singles(runs: list[Run], pairs: tuple[Pair, ...]) -> Iterator[Any]:
    """The answers of one group of axes."""
    for run in runs:
        for k in run.kernels:
            if k not in run.minus:
                yield run, k, run.pairs or pairs


def _true() -> Any:
    import sympy

    return sympy.true


def _parts(condition: Any) -> Iterator[Any]:
    """The conditions of a conjunction; low <= term <= high stays one."""
    import sympy

    if not isinstance(condition, sympy.And):
        yield condition
        return
    sides = {one.lhs for one in condition.args if one.is_Relational}
    if len(condition.args) == 2 and len(sides) == 1:
        yield condition
        return
    for part in condition.args:
        yield from _parts(part)


# The closed form of the axes that share their parameters.


class _Setting(NamedTuple):
    """What a closed form is made from.

    `earlier` are the modes that come before; `runs` are the answers that it is for; `suffix` is
    that of its letters; `in_n` says whether the target is in n, and so the pairs are some of many.
    """

    space: Space
    pairs: tuple[Pair, ...]
    mode: Mode
    earlier: list[Mode]
    dialect: Dialect
    runs: list[Run]
    suffix: str
    in_n: bool


class _Form(NamedTuple):
    """One closed form.

    `rest` is the letter of the remainder, if there is one, and `rest_of` what it is; `dilated` and
    `strided` say when the axis is so; `apart` has, for each earlier mode, when it is not written in
    that one.
    """

    fixed: dict[str, int]
    letters: tuple[Any, ...]
    relation: Any
    conditions: list[Any]
    rest: Any
    rest_of: Any
    dilated: Any
    strided: Any
    apart: list[Any]


class _Letters:
    """The letters of a form, and the conditions that their bounds are; a single choice is fixed."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.fixed: dict[str, int] = {}
        self.free: list[Any] = []
        self.conditions: list[Any] = []

    def fix(self, name: str, number: int) -> int:
        """A letter that is a number."""
        self.fixed[name + self.suffix] = number
        return number

    def choose(self, name: str, choices: Choices | None) -> Any:
        """A letter within bounds; None leaves its bounds to others."""
        if choices is not None and len(choices) == 1:
            return self.fix(name, choices.first)
        symbol = letter(name + self.suffix)
        self.free.append(symbol)
        if choices is not None:
            self.conditions.append(_within(symbol, choices))
        return symbol

    def narrow(self, symbol: Any, low: Any, high: Any) -> Any:
        """A letter from low to high, which is a number where only one is left."""
        if low == high:
            self.free.remove(symbol)
            return self.fix(symbol.name.removesuffix(self.suffix), int(low))
        self.conditions.append(between(symbol, low, high))
        return symbol


def _within(term: Any, choices: Choices) -> Any:
    """The condition that a term is among some choices."""
    import sympy

    if len(choices.parts) == 1 and choices.parts[0].step == 1:
        return between(term, choices.first, choices.last)
    sets = [
        sympy.FiniteSet(part[0])
        if len(part) == 1
        else sympy.Range(part.start, part[-1] + 1, part.step)
        for part in choices.parts
    ]
    return sympy.Contains(term, sympy.Union(*sets, evaluate=False) if sets[1:] else sets[0])


def _form(setting: _Setting, step: tuple[int | None, int, bool]) -> _Form:
    """The closed form of one group of axes."""
    if setting.space.op == "pixel_shuffle":
        return _shuffle(setting)
    stride, factor, rule = step
    letters = _Letters(setting.suffix)
    space, op = setting.space, setting.space.op
    if op == "resize_conv":
        letters.fix("f", factor)
        s: Any = 1
    else:
        s = letters.choose("s", space.stride) if stride is None else letters.fix("s", stride)
    k = letters.choose("k", space.kernel_size)
    d = _dilation(setting, letters, stride)
    ke = effective_kernel(k, d)
    pairs = tuple([(n * factor, m) for n, m in setting.pairs])
    axis = _Axis(k, s, d, ke, _span(ke), pairs, stride is None, rule)
    make = _spread_form if space.transposed else _window_form
    return make(setting, letters, axis)


def _span(ke: Any) -> Any:
    """One letter for the effective kernel, so that a relation can be solved for it."""
    import sympy

    return sympy.Dummy("ke", integer=True) if sympy.sympify(ke).free_symbols else ke


def _dilation(setting: _Setting, letters: _Letters, stride: int | None) -> Any:
    """The dilation; 1 where the mode cannot have one."""
    space, owner = setting.space, setting.dialect
    if space.op in ("max_pool", "avg_pool"):
        able = owner.pool_dilation and space.op == "max_pool"
    else:
        able = owner.stride_with_dilation or stride in (None, 1)
    if len(space.dilation) == 1 and space.dilation.first == 1:
        return 1
    return letters.choose("d", space.dilation) if able else letters.fix("d", 1)


class _Axis(NamedTuple):
    """The letters of a window, or their numbers, with the sizes at the window.

    `span` stands for ke until a relation is solved.
    """

    k: Any
    s: Any
    d: Any
    ke: Any
    span: Any
    pairs: tuple[Pair, ...]
    idle: bool
    rule: bool


def _shuffle(setting: _Setting) -> _Form:
    """A pixel shuffle: the factor is the ratio."""
    import sympy

    letters = _Letters(setting.suffix)
    n, m = setting.pairs[-1]
    factor = letters.choose("f", setting.space.factor)
    relation = sympy.Eq(factor, sympy.Rational(m, Multiple(1).size(n)))
    free = tuple(letters.free)
    no = sympy.false
    return _Form(letters.fixed, free, relation, letters.conditions, None, None, no, no, [])


def _spread_form(setting: _Setting, letters: _Letters, axis: _Axis) -> _Form:
    """A transposed window: what its crops take away together, by the mode."""
    import sympy

    mode = setting.mode
    p = _padding(setting, letters, axis) if mode.kind == "free" else 0
    extra: Any = _extra(setting, letters, axis) if mode.extra else None

    def total(ke: Any) -> Any:
        if mode.kind == "free":
            return sympy.sympify(2 * p - extra)
        if mode.kind == "none":
            reach = ke if axis.s == 1 else sympy.Max(ke, axis.s)
            return sympy.sympify(ke - reach if extra is None else -extra)
        return sympy.sympify(ke - axis.s if extra is None else ke - parity(ke) - extra)

    n, m = axis.pairs[-1]
    size = Spread(axis.span, axis.s, total(axis.span), 0).size(n)
    relation = _solved(size - m, axis, letters)
    # By `same` the relation is that so much of the last step is kept, whatever the kernel.
    kept = sympy.expand(m - Spread(0, axis.s, 0, 0).size(n))
    crop = axis.ke - kept if mode.kind == "same" else total(axis.ke)
    apart = [_spread_apart(setting, axis, one, crop, extra) for one in setting.earlier]
    return _made(letters, relation, axis, apart)


def _extra(setting: _Setting, letters: _Letters, axis: _Axis) -> Any:
    """The output_padding of a mode, with its conditions.

    By `same` an even kernel needs at least 1. That follows: m is above (n - 1)*s.
    """
    import sympy

    space, mode = setting.space, setting.mode
    limit = sympy.sympify(axis.s)
    if mode.lax and axis.d != 1:
        limit = sympy.Max(axis.s, axis.d) if axis.s != 1 else sympy.sympify(axis.d)
    if limit == 1 and space.output_padding is None:
        extra: Any = letters.fix("op", 0)
    else:
        extra = letters.choose("op", space.output_padding)
        letters.conditions.append(between(extra, 0, limit, below=True))
    return extra


def _padding(setting: _Setting, letters: _Letters, axis: _Axis) -> Any:
    """The padding of a mode that has a number of it, with its conditions."""
    import sympy

    space, mode = setting.space, setting.mode
    if space.padding is None and space.bounds.words is not None:
        return letters.fix("p", 0)
    p = letters.choose("p", space.padding)
    half = sympy.floor(sympy.sympify(axis.k) / 2)
    if space.padding is not None:
        if mode.half:
            letters.conditions.append(sympy.Le(p, half))
        return p
    top = sympy.sympify(half if mode.half else axis.ke - 1 + space.bounds.margin)
    return letters.narrow(p, sympy.Integer(0), top)


def _window_form(setting: _Setting, letters: _Letters, axis: _Axis) -> _Form:
    """A window: the size formula without its floor, or, by `same`, whatever its kernel."""
    import sympy

    space, mode = setting.space, setting.mode
    if mode.unit_stride:
        letters.conditions.append(sympy.Eq(axis.s, 1))
    if mode.fits_3d and space.axes == 3:
        letters.conditions.append(sympy.Le(axis.k, min([n for n, _ in axis.pairs])))
    rest = rest_of = None
    totals: tuple[Any, ...] = (sympy.Integer(0),)
    if mode.kind == "same":
        if axis.rule:
            letters.conditions.append(sympy.Ge(axis.k, 2))
        else:
            totals = _same_totals(axis)
            if len(totals) > 1:  # the padding must be the same for all sizes: none
                letters.conditions.append(sympy.Le(sympy.Max(*totals), 0))
            if setting.in_n:
                letters.conditions += _same_reach(setting, axis)
        relation = sympy.true
        if axis.idle:
            letters.conditions.append(sympy.Ge(axis.s, max([n for n, _ in axis.pairs])))
    else:
        p = _padding(setting, letters, axis) if mode.kind == "free" else 0
        relation, rest, rest_of = _with_rest(setting, letters, axis, p)
    apart = [
        sympy.true if axis.rule else _window_apart(setting, axis, one, totals)
        for one in setting.earlier
    ]
    return _made(letters, relation, axis, apart)._replace(rest=rest, rest_of=rest_of)


def _same_totals(axis: _Axis) -> tuple[Any, ...]:
    """How much `same` pads in all, for each of the sizes, where it differs."""
    import sympy

    found = []
    for n, m in axis.pairs:
        before, after = SameWindow(axis.ke, axis.s).pads(n)
        total = sympy.sympify(before + after)
        # Where the stride is a letter, the number of windows is known still: it is the target.
        known = {node: sympy.Integer(m) for node in total.atoms(sympy.ceiling)}
        found.append(total.xreplace(known))
    return tuple(dict.fromkeys(found))


def _same_reach(setting: _Setting, axis: _Axis) -> Iterator[Any]:
    """How wide a kernel is right for every n, its padding by `same` written out for one of them.

    v = ke - before - after decides; it is ke until there is padding, and the same from there on.
    A kernel of 1 is always right.
    """
    import sympy

    widest = max([run.v for run in setting.runs])
    if widest < min([n - (m - 1) * axis.s for n, m in axis.pairs]):
        yield sympy.Le(axis.ke, widest)


def _with_rest(setting: _Setting, letters: _Letters, axis: _Axis, p: Any) -> tuple[Any, Any, Any]:
    """The relation of a window with what its floor drops, r, and what r is.

    Of several sizes the one is taken at which least is dropped: at the others it is more by a
    constant.
    """
    import sympy

    pairs = axis.pairs[-1:] if setting.in_n else axis.pairs
    ends = [n if axis.idle else n - m * axis.s for n, m in pairs]
    n, m = pairs[ends.index(min(ends))]
    low: Any = 0
    high: Any = axis.s - 1 - (max(ends) - min(ends))
    if setting.in_n:
        low, high = _dropped(setting, axis, n)
    equation, names = _window_equation(setting.space.ceil_mode)
    rest = letter("r" + setting.suffix)
    values = (n, m, axis.span, axis.s, p, low if low == high else rest + low)
    known = {name: sympy.sympify(value) for name, value in zip(names, values, strict=True)}
    equation = sympy.expand(equation.xreplace(known))
    if low == high:
        return _solved(equation, axis, letters), None, None
    high -= low
    letters.free.append(rest)
    letters.conditions.append(between(rest, 0, high + 1, below=True))
    return (
        _solved(equation, axis, letters, rest),
        rest,
        sympy.expand(rest + equation.xreplace({axis.span: axis.ke})),
    )


@cache
def _window_equation(ceil_mode: bool) -> tuple[Any, tuple[Any, ...]]:
    """What is 0 where a window takes n to m and drops r; and its letters n, m, ke, s, p and r."""
    import sympy

    n, m, ke, s = [letter(name) for name in ("n", "m", "ke", "s")]
    p = letter("p", nonnegative=True)
    size, rest, _ = unfloored(Window(ke, s, p, p, ceil_mode).size(n))
    return sympy.expand((size - m) * s), (n, m, ke, s, p, rest)


def _dropped(setting: _Setting, axis: _Axis, n: int) -> tuple[int, int]:
    """The least and the largest remainder of answers to a target in n, at one n.

    They are few: the remainder depends on v, or, with ceil_mode, on kernels that stand alone.
    """
    found = set()
    for run in setting.runs:
        k = next(k for k in run.kernels if k in run)
        window = Window(effective_kernel(k, run.d), axis.s, *run.sides(k), setting.space.ceil_mode)
        found.add(window.dropped(n))
    return min(found), max(found)


def _made(letters: _Letters, relation: Any, axis: _Axis, apart: list[Any]) -> _Form:
    import sympy

    dilated, strided = sympy.Gt(axis.d, 1), sympy.Gt(axis.s, 1)
    free, fixed = tuple(letters.free), dict(letters.fixed)
    conditions = [sympy.sympify(one) for one in letters.conditions]
    return _Form(fixed, free, relation, conditions, None, None, dilated, strided, apart)


def _solved(equation: Any, axis: _Axis, letters: _Letters, rest: Any = None) -> Any:
    """An equation, solved for the kernel, or else for what it is linear in."""
    import sympy

    equation = sympy.expand(equation)
    if not equation.free_symbols:
        return sympy.true if equation == 0 else sympy.false
    slope = equation.coeff(axis.span, 1) if axis.span in equation.free_symbols else 0
    if slope and not (equation - slope * axis.span).has(axis.span):
        value = sympy.expand(axis.span - equation / slope)
        if axis.d == 1:
            return sympy.Eq(axis.k, value)
        if not isinstance(axis.d, int):
            return sympy.Eq(axis.d * (axis.k - 1), value - 1)
        return sympy.Eq(axis.d * axis.k, value - 1 + axis.d)
    equation = sympy.expand(equation.subs(axis.span, axis.ke))
    named = {symbol.name.partition("_")[0]: symbol for symbol in letters.free}
    for symbol in (named.get("op"), rest, named.get("p"), named.get("s")):
        slope = sympy.sympify(equation.coeff(symbol, 1) if symbol is not None else 0)
        others = sympy.expand(equation - slope * symbol) if slope else equation
        if slope and slope.is_number and not others.has(symbol):
            return sympy.Eq(abs(slope) * symbol, others if slope < 0 else -others)
    number, terms = equation.as_coeff_Add()
    if terms.could_extract_minus_sign():
        number, terms = -number, -terms
    return sympy.Eq(collected(terms, "d"), -number)


def _above(term: Any) -> Any:
    """The condition that a term is above 0, its number on the right."""
    import sympy

    number, letters = sympy.sympify(term).as_coeff_Add()
    return sympy.Gt(letters, -number)


def _odd(term: Any) -> Any:
    import sympy

    return sympy.Eq(parity(term), 1)


def _spread_apart(setting: _Setting, axis: _Axis, earlier: Mode, total: Any, extra: Any) -> Any:
    """When crops that a mode writes are not written by an earlier one."""
    import sympy

    mode, bound = setting.mode, setting.space.output_padding

    def outside(term: Any) -> Any:
        if bound is None:
            return sympy.false
        inside = _within(sympy.sympify(term), bound)
        parts = inside.args if isinstance(inside, sympy.And) else [inside]
        return sympy.Or(*[sympy.Not(part) for part in parts])

    none_left = sympy.Max(axis.s - axis.ke, 0)
    if earlier.kind == "free":
        if mode.kind == "none":
            return outside(none_left) if extra is None else sympy.false
        cropped = sympy.And(_above(total), sympy.Or(_odd(total), outside(0)))
        extended = sympy.And(total <= 0, outside(-total))
        return sympy.Or(cropped, extended)
    if earlier.kind == "none" and not earlier.extra:
        if mode.kind == "none":
            return sympy.Ne(extra, none_left)
        # By `same` with a number it is then written without one too, which comes before.
        return _above(total) if extra is None else sympy.true
    if earlier.kind == "same":
        kept = sympy.sympify(axis.ke) - total
        return sympy.true if mode.kind == "none" else sympy.Ne(axis.s, sympy.expand(kept))
    return sympy.Or(_above(total), outside(-total))


def _window_apart(setting: _Setting, axis: _Axis, earlier: Mode, totals: tuple[Any, ...]) -> Any:
    """When a window that a mode pads is not padded so by an earlier one."""
    import sympy

    if setting.mode.kind == "none":
        return sympy.false if earlier.kind == "free" else sympy.Gt(axis.ke, 1)
    inner = [
        sum([part for part in total.args if part != 0]) if isinstance(total, sympy.Max) else total
        for total in totals
    ]
    padded = sympy.Or(*[_above(total) for total in inner])
    if earlier.kind == "same":
        return sympy.Ne(axis.s, 1)
    if earlier.kind == "none" or setting.space.op == "avg_pool":
        return padded
    if setting.space.padding is None and setting.space.bounds.words is not None:
        return padded
    return sympy.And(padded, _odd(inner[0]))


def _numbers(form: _Form, mode: Mode, run: Run, k: int) -> dict[str, int]:
    """The numbers that the letters of a form have in one window."""
    before, after = run.sides(k)
    ke = effective_kernel(k, run.d)
    values = {"k": k, "s": run.s, "d": run.d, "f": run.factor, "p": before}
    if mode.kind == "free":
        values["op"] = before - after
    else:
        values["op"] = -after if mode.kind == "none" else ke - before - after - ke % 2
    found = {
        symbol.name: values[symbol.name.partition("_")[0]]
        for symbol in form.letters
        if symbol != form.rest
    }
    if form.rest is not None:
        numbers = {symbol: found[symbol.name] for symbol in form.letters if symbol != form.rest}
        found[form.rest.name] = int(substituted(form.rest_of, numbers))
    return found
