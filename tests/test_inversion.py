"""Size formulas solved for a parameter: put back they are the identity, and they miss nothing."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import sympy

import deconvcalc as dc
from deconvcalc.formulas import Formula, SameWindow, Sliced, Window

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

WINDOW = ("n", "kernel_size", "stride", "padding", "dilation", "before", "after")
PARAMETERS: dict[str, tuple[str, ...]] = {
    "Conv": WINDOW,
    "DepthwiseConv": WINDOW,
    "ConvTranspose": (*WINDOW, "output_padding"),
    "MaxPool": WINDOW,
    "AvgPool": tuple(name for name in WINDOW if name != "dilation"),
    "LpPool": ("n", "kernel_size", "stride"),
    "MaxUnpool": tuple(name for name in WINDOW if name != "dilation"),
    "Upsample": ("n", "factor", "size"),
    "PixelShuffle": ("n", "factor"),
    "PixelUnshuffle": ("n", "factor"),
    "Pad": ("n", "padding", "before", "after"),
    "Crop": ("n", "cropping", "before", "after"),
    "Slice": ("n", "start", "stop", "step"),
    "AdaptivePool": ("size",),
    "Identity": ("n",),
}
FORMS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "same": tuple(
        (kind, ("n", "stride")) for kind in ("Conv", "DepthwiseConv", "MaxPool", "AvgPool")
    ),
    "ceil_mode": tuple((kind, PARAMETERS[kind]) for kind in ("MaxPool", "AvgPool", "LpPool")),
    "from_end": (("Slice", PARAMETERS["Slice"]),),
}
CASES = [
    *[(kind, name, "") for kind, names in PARAMETERS.items() for name in names],
    *[
        (kind, name, form)
        for form, kinds in FORMS.items()
        for kind, names in kinds
        for name in names
    ],
]
every_case = pytest.mark.parametrize(("kind", "parameter", "form"), CASES)


def inverse_of(kind: str, parameter: str, form: str) -> dc.Inverse:
    return dc.invert(kind, parameter, **({form: True} if form else {}))


# Random layers, made by their own constructors, and what they drop.


def draw(rng: random.Random, inverse: dc.Inverse) -> dict[str, int]:
    """Numbers for all letters but m and r."""
    ceil_mode, from_end = inverse.ceil_mode, inverse.from_end
    ends = range(-9, 0) if from_end else range(10)
    free = range(5) if ceil_mode or inverse.layer == "Crop" else range(-3, 6)
    ranges = {"n": range(1, 30), "k": range(1, 8), "s": range(1, 7), "d": range(1, 5)}
    ranges |= {"p": free, "before": free, "after": free, "op": range(5), "f": range(1, 6)}
    ranges |= {"size": range(1, 9), "start": ends, "stop": ends, "step": range(1, 5)}
    return {name: rng.choice(ranges[name]) for name in inverse.letters if name not in ("m", "r")}


def built(inverse: dc.Inverse, numbers: dict[str, int]) -> dc.Layer | None:
    """The layer with these numbers, or None where no layer has them."""
    kind: Any = getattr(dc, inverse.layer)
    names = {"k": "kernel_size", "s": "stride", "d": "dilation", "f": "factor"}
    names |= {name: name for name in ("size", "start", "stop", "step")}
    arguments: dict[str, Any] = {
        name: numbers[short] for short, name in names.items() if short in numbers
    }
    sides = "cropping" if inverse.layer == "Crop" else "padding"
    before = numbers.get("before", numbers.get("p"))
    after = numbers.get("after", numbers.get("p"))
    if inverse.same:
        arguments |= {"padding": dc.Same(), "kernel_size": 3}
    elif before is not None and after is not None:
        arguments[sides] = ((before, after),)
    if "op" in numbers:
        arguments["output_padding"] = numbers["op"]
    if inverse.ceil_mode:
        arguments["ceil_mode"] = True
    try:
        return kind(**arguments)  # type: ignore[no-any-return]
    except dc.LayerError:
        return None


def outcome(inverse: dc.Inverse, numbers: dict[str, int]) -> tuple[int, int] | None:
    """The output size and what the floor drops; None where the layer is none or refuses."""
    n = numbers["n"]
    layer = built(inverse, numbers)
    if layer is None or n < 1 or not layer.accepts((n,)):
        return None
    (m,) = layer.output_size((n,))
    return m, dropped(layer.on_axis(0), n, m)


def dropped(formula: Formula, n: int, m: int) -> int:
    if isinstance(formula, Window):
        return formula.dropped(n)
    if isinstance(formula, SameWindow):
        return m * formula.stride - n
    if isinstance(formula, Sliced):
        taken = len(range(n)[formula.start : formula.stop])
        return m * formula.step - taken
    return 0


def known(inverse: dc.Inverse, numbers: dict[str, int], m: int, r: int) -> dict[str, int]:
    """What is known where the parameter is sought."""
    sought = LETTERS[inverse.parameter]
    given = numbers | {"m": m} | ({"r": r} if "r" in inverse.letters else {})
    return {name: number for name, number in given.items() if name != sought}


def found(inverse: dc.Inverse, given: dict[str, int]) -> int | None:
    try:
        return inverse.value(**given)
    except dc.QueryError:
        return None


def alternatives(inverse: dc.Inverse, numbers: dict[str, int], result: Any) -> set[int]:
    """All values of the parameter with which n goes to m and r is dropped, one tried by one."""
    sought = LETTERS[inverse.parameter]
    tried = range(-8, 32)
    if inverse.layer == "Slice":
        tried = range(-32, 0) if inverse.from_end and sought != "n" else range(32)
    elif inverse.ceil_mode:  # then the padding is at least 0
        tried = range(32)
    return {one for one in tried if outcome(inverse, numbers | {sought: one}) == result}


def idle(inverse: dc.Inverse, numbers: dict[str, int], result: tuple[int, int]) -> bool:
    """Whether the size does not depend on the parameter here: several values give it."""
    if inverse.ceil_mode and inverse.parameter == "stride" and result[0] <= 2:
        return True  # it does not as long as all windows hang over
    if inverse.ceil_mode and inverse.parameter in ("kernel_size", "dilation", "after"):
        ke = numbers.get("d", 1) * (numbers["k"] - 1) + 1
        if ke <= numbers["s"] + numbers.get("after", numbers.get("p", 0)):
            return True  # it does not as long as no window hangs over
    return len(alternatives(inverse, numbers, result)) > 1


@every_case
def test_the_parameter_of_a_layer_is_found_again(kind: str, parameter: str, form: str) -> None:
    inverse = inverse_of(kind, parameter, form)
    sought = LETTERS[parameter]
    rng = random.Random(f"{kind} {parameter} {form}")
    right = tried = 0
    while right < 6:
        tried += 1
        assert tried < 1_000
        numbers = draw(rng, inverse)
        result = outcome(inverse, numbers)
        if result is None:
            # Where the layer refuses n the formula alone may give a size; the conditions do not.
            check_refused(inverse, numbers)
            continue
        value = found(inverse, known(inverse, numbers, *result))
        if value == numbers[sought]:
            right += 1
        else:
            assert idle(inverse, numbers, result), numbers


def check_refused(inverse: dc.Inverse, numbers: dict[str, int]) -> None:
    layer = built(inverse, numbers)
    if layer is None:
        return
    formula = layer.on_axis(0)
    m = formula.size(numbers["n"])
    r = dropped(formula, numbers["n"], m)
    assert found(inverse, known(inverse, numbers, m, r)) != numbers[LETTERS[inverse.parameter]]


@every_case
def test_what_is_found_is_all_there_is(kind: str, parameter: str, form: str) -> None:
    """For any numbers: the value takes n to m and drops r; where there is none, no value does."""
    inverse = inverse_of(kind, parameter, form)
    rng = random.Random(f"all {kind} {parameter} {form}")
    right = 0
    for _ in range(10):
        numbers = draw(rng, inverse)
        m, r = rng.randint(1, 12), rng.randint(0, 3) if "r" in inverse.letters else 0
        if rng.random() < 0.7:  # at random few fit
            m, r = outcome(inverse, numbers) or (m, r)
        value = found(inverse, known(inverse, numbers, m, r))
        others = alternatives(inverse, numbers, (m, r))
        if value is None:
            assert not others or idle(inverse, numbers, (m, r)), numbers
        else:
            right += 1
            assert outcome(inverse, numbers | {LETTERS[parameter]: value}) == (m, r), numbers
            assert others <= {value} or idle(inverse, numbers, (m, r)), numbers
    assert right > 0


# In symbols.


def symbols(inverse: dc.Inverse) -> dict[str, Any]:
    return {name: sympy.Symbol(name, integer=True) for name in inverse.letters}


def size_in_symbols(inverse: dc.Inverse, of: dict[str, Any]) -> tuple[Any, Any]:
    """The size with its floor or ceiling taken as r says, written down here; and the divisor."""
    n, r = of["n"], of.get("r", 0)
    name = inverse.layer
    before, after = of.get("before", of.get("p", 0)), of.get("after", of.get("p", 0))
    if name in ("Upsample", "AdaptivePool") and "size" in of:
        return of["size"], 1
    if name in ("Upsample", "PixelShuffle"):
        return n * of["f"], 1
    if name == "PixelUnshuffle":
        return n / of["f"], 1
    if name in ("Pad", "Identity"):
        return n + before + after, 1
    if name == "Crop":
        return n - before - after, 1
    if name == "Slice":
        if inverse.from_end:
            end, begin = n + of["stop"], sympy.Max(n + of["start"], 0)
        else:
            end, begin = sympy.Min(n, of["stop"]), of["start"]
        return (end - begin + r) / of["step"], of["step"]
    if inverse.same:
        return (n + r) / of["s"], of["s"]
    ke = of.get("d", 1) * (of["k"] - 1) + 1
    if name in ("ConvTranspose", "MaxUnpool"):
        return (n - 1) * of["s"] + ke - before - after + of.get("op", 0), 1
    return (n + before + after - ke - r) / of["s"] + 1, of["s"]


@pytest.mark.parametrize(
    ("kind", "parameter", "form"), [case for case in CASES if case[2] != "ceil_mode"]
)
def test_put_back_in_symbols_it_is_the_identity(kind: str, parameter: str, form: str) -> None:
    inverse = inverse_of(kind, parameter, form)
    of = symbols(inverse)
    size, divisor = size_in_symbols(inverse, of)
    nodes = [one for one in size.atoms(sympy.Min, sympy.Max) if one.has(inverse.symbol)]
    # A case of a minimum or a maximum is among the conditions.
    sizes = [size.xreplace({node: part}) for node in nodes for part in node.args] or [size]
    put_back = [one.subs(inverse.symbol, inverse.expression) for one in sizes]
    assert any(sympy.cancel(one - of["m"]) == 0 for one in put_back)
    if "r" in of:
        assert sympy.And(of["r"] >= 0, of["r"] < divisor) in inverse.conditions


def test_inverses_as_people_read_them() -> None:
    assert str(dc.invert("Conv", "padding")) == (
        "p = (d*(k - 1) + r + s*(m - 1) + 1 - n)/2, where 0 ≤ r < s, "
        "(d*(k - 1) + r + s*(m - 1) + 1 - n) mod 2 = 0, n ≥ 1, m ≥ 1, k ≥ 1, s ≥ 1, d ≥ 1"
    )
    op = dc.invert(dc.ConvTranspose, "output_padding")
    assert op.latex == (r"\mathit{op} = 2 p + m - d \left(k - 1\right) - s \left(n - 1\right) - 1")
    assert op.letters["p"] == "padding"
    assert dc.invert("MaxPool", "stride", ceil_mode=True).text.startswith("s = (2p + n")
    assert "cases" in dc.invert("MaxPool", "stride", ceil_mode=True).latex


@pytest.mark.parametrize(
    ("kind", "parameter", "idle"),
    [
        ("Conv", "dilation", "k"),
        ("Conv", "stride", "m"),
        ("ConvTranspose", "stride", "n"),
        ("MaxUnpool", "stride", "n"),
    ],
)
def test_a_division_by_0_is_left_out(kind: str, parameter: str, idle: str) -> None:
    condition = sympy.Ne(sympy.Symbol(idle, integer=True), 1)
    assert condition in dc.invert(kind, parameter).conditions


def test_an_inverse_is_a_frozen_value() -> None:
    one, other = dc.invert("Conv", "stride"), dc.invert(dc.Conv, "stride")
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(AttributeError, match="frozen"):
        one.layer = "Pad"


# Kind errors.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Conv", "output_padding"), "does not depend on 'output_padding'.*\n.*kernel_size"),
        (("Pad", "stride"), "does not depend on 'stride'\n  It depends on n, padding, before"),
        (("LpPool", "padding"), "does not depend on 'padding'"),
        (("AdaptivePool", "n"), "It depends on size"),
        (("GlobalPool", "n"), "Its size is 1"),
        (("Fold", "stride"), "Fold is no layer whose axes.*\n.*AdaptivePool"),
        (("Linear", "n"), "Linear is no layer"),
    ],
)
def test_a_parameter_that_a_layer_has_not_is_refused(
    arguments: tuple[Any, Any], message: str
) -> None:
    with pytest.raises(dc.QueryError, match=message):
        dc.invert(*arguments)


def test_wrong_types_and_forms_are_refused() -> None:
    with pytest.raises(TypeError, match="layer_type"):
        dc.invert(3, "n")
    with pytest.raises(dc.QueryError, match="no layer"):
        dc.invert(int, "n")
    with pytest.raises(TypeError, match="parameter must be text"):
        dc.invert("Conv", 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="same must be True or False"):
        dc.invert("Conv", "n", same=1)  # type: ignore[arg-type]
    for kind, form in (("LpPool", "same"), ("Conv", "ceil_mode"), ("Pad", "from_end")):
        with pytest.raises(dc.QueryError, match=f"{kind} has no form with {form}"):
            dc.invert(kind, "n", **{form: True})
    with pytest.raises(dc.QueryError, match="nothing for ceil_mode"):
        dc.invert("MaxPool", "n", same=True, ceil_mode=True)


def test_numbers_that_do_not_fit_are_refused() -> None:
    op = dc.invert("ConvTranspose", "output_padding")
    assert op.value(n=4, m=8, k=3, s=2, p=1, d=1) == 1
    with pytest.raises(dc.QueryError, match=re.escape("it needs that op ≥ 0")):
        op.value(n=4, m=6, k=3, s=2, p=1, d=1)
    with pytest.raises(dc.QueryError, match="d is missing"):
        op.value(n=4, m=8, k=3, s=2, p=1)
    with pytest.raises(dc.QueryError, match="op is no letter"):
        op.value(n=4, m=8, k=3, s=2, p=1, d=1, op=1)
    with pytest.raises(TypeError, match="k must be an int"):
        op.value(n=4, m=8, k=3.5, s=2, p=1, d=1)  # type: ignore[arg-type]


def test_every_layer_with_a_formula_for_each_axis_is_covered() -> None:
    kinds = {
        name
        for name in dc.__all__
        if isinstance(kind := getattr(dc, name), type)
        and issubclass(kind, dc.Layer)
        and kind is not dc.Layer
        and not kind.couples
    }
    assert kinds == PARAMETERS.keys() | {"GlobalPool"}
