"""The closed form of the answers of one mode and stride, on the axes that share their parameters.

It is made by running the formula of the layer on letters, for the sizes asked for, and the rules of
the mode and the bounds of the question are its conditions.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from deconvcalc.formulas import Multiple, SameWindow, Spread, Window, effective_kernel
from deconvcalc.symbols import between, collected, letter, parity, substituted, unfloored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.dialects import Dialect, Mode
    from deconvcalc.solver.choices import Choices
    from deconvcalc.solver.query import Space
    from deconvcalc.solver.runs import Pair, Run

__all__ = ["Form", "Setting", "closed_form", "numbers_of"]


class Setting(NamedTuple):
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


class Form(NamedTuple):
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


def closed_form(setting: Setting, step: tuple[int | None, int, bool]) -> Form:
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


def _dilation(setting: Setting, letters: _Letters, stride: int | None) -> Any:
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


def _shuffle(setting: Setting) -> Form:
    """A pixel shuffle: the factor is the ratio."""
    import sympy

    letters = _Letters(setting.suffix)
    n, m = setting.pairs[-1]
    factor = letters.choose("f", setting.space.factor)
    relation = sympy.Eq(factor, sympy.Rational(m, Multiple(1).size(n)))
    free = tuple(letters.free)
    no = sympy.false
    return Form(letters.fixed, free, relation, letters.conditions, None, None, no, no, [])


def _spread_form(setting: Setting, letters: _Letters, axis: _Axis) -> Form:
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


def _extra(setting: Setting, letters: _Letters, axis: _Axis) -> Any:
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


def _padding(setting: Setting, letters: _Letters, axis: _Axis) -> Any:
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


def _window_form(setting: Setting, letters: _Letters, axis: _Axis) -> Form:
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


def _same_reach(setting: Setting, axis: _Axis) -> Iterator[Any]:
    """How wide a kernel is right for every n, its padding by `same` written out for one of them.

    v = ke - before - after decides; it is ke until there is padding, and the same from there on.
    A kernel of 1 is always right.
    """
    import sympy

    widest = max([run.v for run in setting.runs])
    if widest < min([n - (m - 1) * axis.s for n, m in axis.pairs]):
        yield sympy.Le(axis.ke, widest)


def _with_rest(setting: Setting, letters: _Letters, axis: _Axis, p: Any) -> tuple[Any, Any, Any]:
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


def _dropped(setting: Setting, axis: _Axis, n: int) -> tuple[int, int]:
    """The least and the largest remainder of answers to a target in n, at one n.

    They are few: the remainder depends on v, or, with ceil_mode, on kernels that stand alone.
    """
    found = set()
    for run in setting.runs:
        k = next(k for k in run.kernels if k in run)
        window = Window(effective_kernel(k, run.d), axis.s, *run.sides(k), setting.space.ceil_mode)
        found.add(window.dropped(n))
    return min(found), max(found)


def _made(letters: _Letters, relation: Any, axis: _Axis, apart: list[Any]) -> Form:
    import sympy

    dilated, strided = sympy.Gt(axis.d, 1), sympy.Gt(axis.s, 1)
    free, fixed = tuple(letters.free), dict(letters.fixed)
    conditions = [sympy.sympify(one) for one in letters.conditions]
    return Form(fixed, free, relation, conditions, None, None, dilated, strided, apart)


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


def _spread_apart(setting: Setting, axis: _Axis, earlier: Mode, total: Any, extra: Any) -> Any:
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


def _window_apart(setting: Setting, axis: _Axis, earlier: Mode, totals: tuple[Any, ...]) -> Any:
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


def numbers_of(form: Form, mode: Mode, run: Run, k: int) -> dict[str, int]:
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
