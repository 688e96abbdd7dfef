"""Size formulas solved for any of their letters: the parameter that takes n to m.

The formula is the layer's own, run on symbols; its floor becomes a remainder, and what is left is
linear in every letter. So there is no table of inverses that could differ from the formulas.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from deconvcalc import layers
from deconvcalc.errors import QueryError
from deconvcalc.layers import Explicit, Layer, Same
from deconvcalc.symbols import (
    between,
    collected,
    holds,
    latex,
    letter,
    substituted,
    text,
    unfloored,
)
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Inverse", "invert"]

LETTERS = {
    "n": "n",
    "kernel_size": "k",
    "stride": "s",
    "padding": "p",
    "cropping": "p",
    "before": "before",
    "after": "after",
    "output_padding": "op",
    "dilation": "d",
    "factor": "f",
    "size": "size",
    "start": "start",
    "stop": "stop",
    "step": "step",
}
"""The letters of parameters; m is the output size, r the remainder that a floor drops."""

_FREE = ("padding", "before", "after")
"""What may be negative: it crops, or extends a transposed window."""

_POSITIVE = ("n", "kernel_size", "stride", "dilation", "factor", "size", "step")


class _Solved(NamedTuple):
    expression: Any
    conditions: tuple[Any, ...]
    letters: dict[str, str]


class Inverse(Value):
    """A size formula solved for one parameter.

    Attributes:
        layer: the name of the layer type.
        parameter: the parameter that is sought.
        same, ceil_mode, from_end: which form of the layer it is for, as `invert` takes them.
    """

    __slots__ = ("ceil_mode", "from_end", "layer", "parameter", "same")
    _fields = ("layer", "parameter", "same", "ceil_mode", "from_end")
    layer: str
    parameter: str
    same: bool
    ceil_mode: bool
    from_end: bool

    def __init__(
        self,
        layer: str,
        parameter: str,
        same: bool = False,
        ceil_mode: bool = False,
        from_end: bool = False,
    ) -> None:
        self._set(layer=layer, parameter=parameter)
        self._set(same=same, ceil_mode=ceil_mode, from_end=from_end)

    @property
    def _solved(self) -> _Solved:
        return _solve(*self._values())

    @property
    def symbol(self) -> Any:
        """The letter of the parameter, a sympy symbol."""
        return letter(LETTERS[self.parameter])

    @property
    def letters(self) -> dict[str, str]:
        """What each letter means."""
        return dict(self._solved.letters)

    @property
    def expression(self) -> Any:
        """The parameter in terms of the other letters, a sympy expression.

        r is what the floor of the formula drops; a formula without a floor has no r. Where the
        form depends on a minimum, it is a Piecewise.
        """
        return self._solved.expression

    @property
    def conditions(self) -> tuple[Any, ...]:
        """What must hold, as sympy conditions; the letter of the parameter stands in them too.

        Where they hold, the layer takes n to m and drops r; and no other value of the parameter
        does. The exception is where the size does not depend on the parameter at all, such as the
        dilation of a kernel of 1, or the stride of a single window: then a whole range of values
        does, and the conditions leave out all of it, or all but its end.
        """
        return self._solved.conditions

    @property
    def text(self) -> str:
        """The expression, and the conditions, in plain text."""
        # The cases of a Piecewise say already that one of them must hold.
        shown = [text(one) for one in self.conditions if one.func.__name__ != "Or"]
        return f"{text(self.symbol)} = {text(self.expression)}, where {', '.join(shown)}"

    @property
    def latex(self) -> str:
        """The expression as LaTeX, an equation."""
        return f"{latex(self.symbol)} = {latex(self.expression)}"

    def value(self, **numbers: int) -> int:
        """The parameter for numbers in place of the other letters; r is 0 unless it is said.

        Raises:
            QueryError: a letter is missing or unknown, or a condition does not hold.
            TypeError: something that is no int.

        >>> invert("ConvTranspose", "output_padding").value(n=4, m=8, k=3, s=2, p=1, d=1)
        1
        """
        values = _numbers(numbers, self._solved.letters, self.parameter)
        sought = self.symbol
        later = [one for one in self.conditions if sought in one.free_symbols]
        for condition in self.conditions:
            if condition not in later and not holds(condition, values):
                raise self._broken(condition, numbers)
        # A case of a Piecewise that does not hold may divide by 0; what comes out is no integer.
        found = integer(substituted(self.expression, values))
        if found is not None:
            values[sought] = found
        for condition in later:
            if found is None or not holds(condition, values):
                raise self._broken(condition, numbers)
        return values[sought]

    def _broken(self, condition: Any, numbers: dict[str, int]) -> QueryError:
        given = ", ".join([f"{name} = {value}" for name, value in numbers.items()])
        return QueryError(
            f"no {self.parameter} of {self.layer} fits {given}: it needs that {text(condition)}",
            rule=self.parameter,
            hint="Another remainder r, or other numbers, may fit.",
        )

    def __str__(self) -> str:
        return self.text


def invert(
    layer_type: Any,
    parameter: str,
    *,
    same: bool = False,
    ceil_mode: bool = False,
    from_end: bool = False,
) -> Inverse:
    """The size formula of a layer type, solved for one of its parameters.

    Args:
        layer_type: a layer class, or its name: "Conv".
        parameter: what is sought: "n" for the input size, or a parameter that the size depends on,
            by its name in the layer. "padding" is the same on both sides; "before" and "after"
            are its two sides. "output_padding" is that of `ConvTranspose`.
        same: for a window, the form with the padding rule `Same`.
        ceil_mode: for a pool, the form with `ceil_mode`; its padding is at least 0.
        from_end: for a slice, the form whose start and stop count from the end.

    Returns:
        The expression and its conditions. A floor becomes a remainder r, with 0 <= r < divisor.

    Raises:
        QueryError: no such layer, a layer that couples its axes, or a parameter or form that it
            has not; the error names those that it has.
        TypeError: a wrong type.

    Source: the formulas of `deconvcalc.formulas`, which the layers themselves run.

    >>> print(invert("Conv", "n"))
    n = d*(k - 1) + r + s*(m - 1) + 1 - 2p, where 0 ≤ r < s, n ≥ 1, m ≥ 1, k ≥ 1, s ≥ 1, d ≥ 1
    >>> print(invert("Crop", "cropping"))
    p = (n - m)/2, where (n - m) mod 2 = 0, n ≥ 1, m ≥ 1, p ≥ 0
    """
    kind = _kind(layer_type)
    if not isinstance(parameter, str):
        raise TypeError(f"parameter must be text, not {parameter!r}")
    for name, value in (("same", same), ("ceil_mode", ceil_mode), ("from_end", from_end)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {value!r}")
        if value and not _has_form(kind, name):
            raise QueryError(
                f"{kind.__name__} has no form with {name}",
                rule=name,
                hint=f"Leave {name} out.",
            )
    if same and ceil_mode:
        raise QueryError(
            "padding by the rule Same leaves nothing for ceil_mode to round",
            rule="ceil_mode",
            hint="Give one of the two.",
        )
    names = _parameters(kind.__name__, same, ceil_mode, from_end)
    if parameter not in names:
        known = ", ".join(names)
        raise QueryError(
            f"the size of {kind.__name__} does not depend on {parameter!r}",
            rule="parameter",
            hint=f"It depends on {known}." if names else "Its size is 1, whatever n is.",
        )
    return Inverse(kind.__name__, parameter, same, ceil_mode, from_end)


def _kind(layer_type: Any) -> type[Layer]:
    name = layer_type if isinstance(layer_type, str) else getattr(layer_type, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"layer_type must be a layer class or its name, not {layer_type!r}")
    every = [getattr(layers, name) for name in layers.__all__]
    per_axis = {
        kind.__name__: kind
        for kind in every
        if isinstance(kind, type)
        and issubclass(kind, Layer)
        and not (kind is Layer or kind.couples)
    }
    known = per_axis.get(name)
    if known is not None and layer_type in (known, name):
        return known
    raise QueryError(
        f"{name} is no layer whose axes have a formula each",
        rule="layer_type",
        hint=f"Those are {', '.join(sorted(per_axis))}.",
    )


def _has_form(kind: type[Layer], name: str) -> bool:
    if name == "same":
        return issubclass(kind, layers.Conv | layers.MaxPool | layers.AvgPool)
    return ("ceil_mode" if name == "ceil_mode" else "start") in kind._fields


@cache
def _parameters(layer: str, same: bool, ceil_mode: bool, from_end: bool) -> tuple[str, ...]:
    """The parameters that the size depends on, the input size first."""
    kind = _kind(layer)
    names = ["n", *[name for name in kind._fields if name in LETTERS]]
    if "padding" in names or "cropping" in names:
        names += ["before", "after"]
    if kind is layers.ConvTranspose:
        names.append("output_padding")
    return tuple([name for name in names if _run(layer, name, same, ceil_mode, from_end)])


class _Form(NamedTuple):
    """A formula, run on symbols."""

    size: Any
    slacks: tuple[Any, ...]
    whole: bool


@cache
def _run(layer: str, parameter: str, same: bool, ceil_mode: bool, from_end: bool) -> _Form | None:
    """The formula of a layer type on symbols; None where the size does not depend on a parameter.

    The layer is made without the checks of its arguments, which take no symbols.
    """
    kind = _kind(layer)

    def symbol(name: str) -> Any:
        sign: dict[str, bool] = {}
        if name in ("start", "stop"):
            sign = {"negative": True} if from_end else {"nonnegative": True}
        elif name in _FREE and (ceil_mode or kind is layers.Crop):
            sign = {"nonnegative": True}
        return letter(LETTERS[name], **sign)

    made = kind.__new__(kind)
    axis: dict[str, Any] = {}
    for name in kind._fields:
        axis[name] = symbol(name) if name in LETTERS else kind._defaults.get(name)
    if "padding_mode" in kind.__slots__ or issubclass(kind, layers.Conv):
        axis["padding_mode"] = "zeros"
    if "ceil_mode" in axis:
        axis["ceil_mode"] = ceil_mode
    if kind is layers.Upsample:
        axis["factor" if parameter == "size" else "size"] = None
    if same:
        axis["padding"] = Same()
    else:
        for name in ("padding", "cropping"):
            if name in axis:
                axis[name] = _sides(kind, name, parameter, symbol)
    made._set(**axis)
    formula = made._formula(lambda value: value)
    n = letter("n")
    size = formula.size(n)
    if letter(LETTERS[parameter]) not in _plain(size).free_symbols:
        return None
    slacks = tuple([_plain(slack) for _, slack in formula.slacks(n)])
    return _Form(_plain(size), slacks, formula.modulus != 1)


def _sides(kind: type[Layer], name: str, parameter: str, symbol: Any) -> Explicit:
    """Both sides alike, or two letters where one of them is sought."""
    before = after = symbol(name)
    if parameter in ("before", "after"):
        before, after = symbol("before"), symbol("after")
    elif kind is layers.ConvTranspose:
        after = before - letter("op")
    sides = Explicit.__new__(Explicit)
    sides._set(before=before, after=after)
    return sides


def _plain(expression: Any) -> Any:
    """The same with letters of which nothing is known but that they are integers."""
    import sympy

    expression = sympy.sympify(expression)
    return expression.xreplace({old: letter(old.name) for old in expression.free_symbols})


@cache
def _solve(layer: str, parameter: str, same: bool, ceil_mode: bool, from_end: bool) -> _Solved:
    import sympy

    kind = _kind(layer)
    form = _run(layer, parameter, same, ceil_mode, from_end)
    assert form is not None  # `invert` has looked
    sought = letter(LETTERS[parameter])
    size, rest, divisor = unfloored(form.size)
    conditions: list[Any] = []
    if rest is not None and form.whole:
        size = size.xreplace({rest: sympy.Integer(0)})
    elif rest is not None:
        conditions.append(between(rest, 0, divisor, below=True))
    equation = sympy.fraction(sympy.together(size - letter("m")))[0]
    found = [
        (value, more + needs)
        for branch, needs in _branches(equation, sought)
        for value, more in _linear(branch, sought)
    ]
    rules = form.slacks
    if len(found) == 1:
        expression, needs = found[0]
        rules = tuple([rule for rule in rules if not _follows(rule.subs(sought, expression))])
        conditions += needs
    else:
        pieces = [(value, sympy.And(*needs).subs(sought, value)) for value, needs in found]
        expression = sympy.Piecewise(*pieces)
        conditions.append(sympy.Or(*[needs for _, needs in pieces]))
    names = {LETTERS[name]: name for name in _names(kind, form, parameter)}
    counted: tuple[str, ...] = ("output_padding",)
    if ceil_mode or kind is layers.Crop:
        counted += (*_FREE, "cropping")
    conditions += _domain(rules, names, counted, from_end)
    shown = tuple([one for one in dict.fromkeys(conditions) if one != sympy.true])
    meanings = {"n": "the input size", "m": "the output size"}
    if conditions and any(one.has(letter("r")) for one in conditions):
        meanings["r"] = "what the floor drops"
    return _Solved(expression, shown, names | meanings)


def _names(kind: type[Layer], form: _Form, parameter: str) -> Iterator[str]:
    """The parameters whose letters stand in a formula."""
    letters = form.size.free_symbols
    for name, short in LETTERS.items():
        sides = name in ("before", "after", "output_padding")
        known = name in kind._fields or name == parameter or sides
        if name != "n" and known and letter(short) in letters:
            yield name


def _branches(equation: Any, sought: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The equation without minima and maxima of the sought letter, case by case."""
    import sympy

    nodes = [node for node in equation.atoms(sympy.Min, sympy.Max) if node.has(sought)]
    if not nodes:
        yield sympy.expand(equation), ()
        return
    node = min(nodes, key=lambda one: one.count_ops())
    compare = sympy.Le if isinstance(node, sympy.Min) else sympy.Ge
    for chosen in sorted(node.args, key=str):
        needs = tuple([compare(chosen, other) for other in node.args if other != chosen])
        for rest, more in _branches(equation.xreplace({node: chosen}), sought):
            yield rest, needs + more


def _linear(equation: Any, sought: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The one solution of a linear equation, with what makes it a whole number."""
    import sympy

    slope = equation.coeff(sought, 1)
    if slope == 0:
        return  # in this case the size does not depend on it
    rest = equation.coeff(sought, 0)
    if slope.could_extract_minus_sign():
        slope, rest = -slope, -rest
    rest = collected(-rest, "d", "s", "step")
    if slope == 1:
        yield rest, ()
        return
    whole = sympy.Eq(sympy.Mod(rest, slope, evaluate=False), 0, evaluate=False)
    number, terms = slope.as_coeff_Add()
    needs = (sympy.Ne(terms, -number),) if number and terms else ()  # a plain letter is no 0
    yield sympy.Mul(sympy.Pow(slope, -1), rest, evaluate=False), (*needs, whole)


def _follows(slack: Any) -> bool:
    """Whether a rule holds anyway, where n, m and what else counts something is at least 1."""
    import sympy

    minima = slack.has(sympy.Min, sympy.Max)
    exact = sympy.expand(slack) if minima else sympy.cancel(slack)
    if exact.has(sympy.Min, sympy.Max):
        return False
    least = {LETTERS[name]: 1 for name in _POSITIVE} | {"m": 1, "r": 0}
    counted = {symbol for symbol in exact.free_symbols if symbol.name in least}
    # Each letter stands for how far it is above its least value.
    shifted = exact.xreplace({one: one + least[one.name] for one in counted})
    for term in sympy.Add.make_args(sympy.expand(shifted)):
        number, rest = term.as_coeff_Mul()
        if number < 0 or not rest.free_symbols <= counted or not rest.is_polynomial():
            return False
    return True


def _domain(
    rules: tuple[Any, ...], names: dict[str, str], counted: tuple[str, ...], from_end: bool
) -> Iterator[Any]:
    """The rules of the layer that do not follow from the others, and the least of each letter."""
    import sympy

    for rule in rules:
        number, rest = rule.as_coeff_Add()
        yield sympy.Ge(rest, -number)
    yield sympy.Ge(letter("n"), 1)
    yield sympy.Ge(letter("m"), 1)
    for symbol, name in names.items():
        if name in _POSITIVE:
            yield sympy.Ge(letter(symbol), 1)
        elif name in counted:
            yield sympy.Ge(letter(symbol), 0)
        elif name in ("start", "stop"):
            yield sympy.Le(letter(symbol), -1) if from_end else sympy.Ge(letter(symbol), 0)


def _numbers(numbers: dict[str, int], letters: dict[str, str], sought: str) -> dict[Any, int]:
    """The numbers by symbol."""
    wanted = {name for name in letters if name != LETTERS[sought]}
    given = {"r": 0} | numbers if "r" in wanted else dict(numbers)
    for name in sorted(set(given) ^ wanted):
        what = "is missing" if name in wanted else "is no letter of it"
        raise QueryError(
            f"{name} {what}", rule=name, hint=f"The letters are {', '.join(sorted(wanted))}."
        )
    values = {}
    for name, value in given.items():
        number = integer(value)
        if number is None:
            raise TypeError(f"{name} must be an int, not {value!r}")
        values[letter(name)] = number
    return values
