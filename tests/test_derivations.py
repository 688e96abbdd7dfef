"""Derivations, and proofs of no answer: every line is true, as text, as LaTeX and as data."""

from __future__ import annotations

import copy
import json
import math
import pickle
import re
import sys
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.cli import main
from deconvcalc.solver.refutation import MOST_STEPS
from deconvcalc.terms import letter
from tests import reference_reasons as loops
from tests.bench.derive import derive, stack
from tests.reference import OPERATIONS
from tests.strategies import SINGLE, layers
from tests.test_no_answer import arguments, inputs_of, questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from deconvcalc.derivation import AxisDerivation
    from deconvcalc.formulas import Formula
    from tests.reference import Question

UP_TO = 80
"""Sets of n are compared with a look at each n up to here."""


PUBLIC = {name: getattr(dc, name) for name in dc.__all__}


# Reading text and LaTeX.


def value_of(text: str, **letters: Any) -> Any:
    """What arithmetic in text comes to, exactly; its floors and ceilings may be watched."""
    words: dict[str, Any] = {"floor": math.floor, "ceil": math.ceil, "min": min, "max": max}
    exact = re.sub(r"(?<![\w.])\d+(?![\w.])", lambda found: f"F({found[0]})", text)
    return eval(exact, words | {"F": Fraction} | letters)  # noqa: S307  # our own text


def plain(latex: str) -> str:
    """Arithmetic in LaTeX as plain text."""
    for old, new in (
        ("\\left\\lfloor", "floor("),
        ("\\left\\lceil", "ceil("),
        ("\\left(", "("),
        ("\\cdot", "*"),
        ("k_e", "ke"),
    ):
        latex = latex.replace(old, new)
    latex = re.sub(r"\\right(\\rfloor|\\rceil|\))", ")", latex)
    latex = re.sub(r"m_\{(\d+)\}", r"m\1", latex)
    latex = re.sub(r"\\mathrm\{(\w+)\}", r"\1", latex)
    latex = re.sub(r"\\(min|max)", r"\1", latex)
    while "\\frac" in latex:
        head, _, rest = latex.rpartition("\\frac")
        over, rest = braces(rest)
        under, rest = braces(rest)
        latex = f"{head}(({over})/({under})){rest}"
    return re.sub(r"(\d) (?=[a-z(])", r"\1*", latex)


def braces(text: str) -> tuple[str, str]:
    """What stands in the first braces, and what follows."""
    assert text.startswith("{")
    depth = 0
    for place, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not depth:
            return text[1:place], text[place + 1 :]
    raise AssertionError(text)


def rounds(formula: Formula, n: int) -> bool:
    """Whether a floor or a ceiling of a formula changes anything at n: by its own text."""
    found = []

    def watched(work: Callable[[Any], int], value: Any) -> int:
        found.append(work(value) != value)
        return work(value)

    letters = formula.traced(letter("n", n)).letters() | {"n": n}
    exact = {name: Fraction(value) for name, value in letters.items()}
    watch = {"floor": partial(watched, math.floor), "ceil": partial(watched, math.ceil)}
    value_of(formula.text, **exact, **watch)
    return any(found)


# The laws.


def check_axis(axis: AxisDerivation, formulas: list[Formula], run: Callable[[int], Any]) -> None:
    """All that a derivation along one axis says."""
    for step in axis.steps:
        assert step.text
        assert step.latex
        assert step.latex.count("{") == step.latex.count("}")
        assert step.latex.count("\\left") == step.latex.count("\\right")
    if axis.source is not None:
        check_arithmetic(axis)
    if axis.maps is None:
        assert (axis.lossless, axis.domain, axis.same_output) == (None, None, None)
        return
    form = next(step for step in axis.steps if step.kind == "in n")
    in_latex = plain(form.latex.split(" = ")[1].split(" \\text")[0])
    taken = {n: size for n in range(1, UP_TO) if (size := run(n)) is not None}
    for n, size in taken.items():
        assert value_of(str(axis.in_n), n=n) == size
        assert value_of(in_latex, n=n) == size
    if axis.domain is not None:
        assert [n for n in range(1, UP_TO) if n in axis.domain] == list(taken)
    if axis.lossless is not None:
        kept = [n for n in taken if not lost(formulas, n)]
        assert [n for n in range(1, UP_TO) if n in axis.lossless] == kept
    if axis.same_output is not None:
        alike = [n for n, size in taken.items() if size == axis.target]
        assert [n for n in range(1, UP_TO) if n in axis.same_output] == alike


def check_arithmetic(axis: AxisDerivation) -> None:
    """Each line of each layer comes to the size that the layer gives."""
    lines: list[str] = []
    sizes = iter([link.term.value for link in axis.links])
    size = None
    for step in axis.steps:
        if step.kind == "formula":
            size = next(sizes)
            assert step.source
        elif step.kind in ("numbers", "work", "result"):
            for text in (step.text, plain(step.latex)):
                assert value_of(text.removeprefix("= ")) == size
            lines.append(step.kind)
    for link in axis.links:
        assert link.size is not None
        assert link.dropped is not None
        assert (link.dropped > 0) is rounds(link.formula, link.size)
    assert len([step for step in axis.steps if step.kind == "dropped"]) == len(
        [link for link in axis.links if link.dropped]
    )
    assert lines.count("result") == len(axis.links)
    assert axis.links[-1].term.value == axis.target


def lost(formulas: list[Formula], n: int) -> bool:
    for formula in formulas:
        if rounds(formula, n):
            return True
        n = formula.size(n)
    return False


def taken_or_none(stacked: list[dc.Layer], n: int) -> int | None:
    for layer in stacked:
        if not layer.accepts((n,)):
            return None
        n = layer.on_axis(0).size(n)
    return n


@pytest.mark.parametrize("kind", SINGLE)
@settings(max_examples=8)
@given(st.data())
def test_every_line_of_a_layer_is_true(kind: str, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, 1))
    n = data.draw(st.none() | st.integers(1, 60))
    assume(n is None or layer.accepts((n,)))
    made = dc.derive(layer, n if n is None else (n,))
    (axis,) = made.axes
    assert made.target == (None if n is None else (layer.on_axis(0).size(n),))
    check_axis(axis, [layer.on_axis(0)], partial(taken_or_none, [layer]))


@settings(max_examples=25)
@given(st.data())
def test_every_line_of_a_stack_is_true(data: st.DataObject) -> None:
    drawn = data.draw(
        st.lists(
            st.sampled_from(tuple(SINGLE)).flatmap(lambda kind: layers(kind, 1)),
            min_size=2,
            max_size=5,
        )
    )
    n = data.draw(st.none() | st.integers(1, 60))
    assume(not any(isinstance(layer, dc.GlobalPool) for layer in drawn))
    assume(n is None or taken_or_none(drawn, n) is not None)
    made = dc.derive(drawn, n if n is None else (n,))
    (axis,) = made.axes
    check_axis(axis, [layer.on_axis(0) for layer in drawn], partial(taken_or_none, drawn))
    expected = n
    for layer in drawn if n is not None else ():
        expected = layer.on_axis(0).size(expected)
    assert axis.target == expected


@pytest.mark.parametrize(
    "drawn",
    [
        [dc.MaxPool(2), dc.ConvTranspose(3, stride=3), dc.Crop(6)],
        [dc.MaxPool(2), dc.ConvTranspose(3, stride=3), dc.Crop(6), dc.AvgPool(4)],
        [dc.Conv(3, stride=2), dc.ConvTranspose(2, stride=3, padding=4), dc.MaxPool(2)],
        [dc.MaxPool(3), dc.PixelUnshuffle(2), dc.ConvTranspose(2, stride=5), dc.MaxPool(2)],
        [dc.PixelUnshuffle(4), dc.Conv(3, stride=2), dc.PixelShuffle(3), dc.MaxPool(2)],
        [dc.Conv(4, stride=3), dc.ConvTranspose(5, stride=2), dc.ConvTranspose(1, stride=2)],
        [dc.MaxPool(2), dc.MaxUnpool(2, padding=dc.ToSize(8, split=0)), dc.Conv(3)],
    ],
)
@pytest.mark.parametrize("n", [None, 24, 25, 36])
def test_every_line_of_a_stack_with_bounds_is_true(drawn: list[dc.Layer], n: int | None) -> None:
    if n is not None and taken_or_none(drawn, n) is None:
        with pytest.raises(dc.SizeError, match="layer"):
            dc.derive(drawn, n)
        return
    (axis,) = dc.derive(drawn, n).axes
    check_axis(axis, [layer.on_axis(0) for layer in drawn], partial(taken_or_none, drawn))


def test_what_a_ceiling_fills_up() -> None:
    made = dc.derive(dc.Conv(3, stride=5, padding=dc.Same()), 28)
    assert made.axes[0].links[0].dropped == 2
    assert "28 is 2 short of a multiple of 5" in made.text
    assert str(made.lossless) == "n ≡ 0 (mod 5), n ≥ 5"


def test_a_term_knows_the_line_that_it_is() -> None:
    n, s, b = letter("n"), letter("s", 3), letter("b", -2)
    assert ((n - 1) * s + b).line() == (3, -5)
    assert (b - n * s).line() == (-3, -2)
    assert (-n).line() == (-1, 0)
    assert (s * b - 4).line() == (0, -10)
    assert ((n + 1) // s).line() is (n * n).line() is n.minimum(s).line() is None
    assert str(b - n * s) == "b - n*s"
    assert str((b - n * s).put_in()) == "-2 - n*3"
    assert str((n - b).put_in()) == "n + 2"
    with pytest.raises(dc.DeconvcalcError, match="not known"):
        bool(n < 3)


@given(
    st.integers(1, 60), st.integers(1, 7), st.integers(1, 5), st.integers(0, 6), st.integers(1, 3)
)
def test_what_a_floor_drops_is_what_no_window_reads(n: int, k: int, s: int, p: int, d: int) -> None:
    layer = dc.Conv(k, stride=s, padding=p, dilation=d)
    assume(layer.accepts(n))
    made = dc.derive(layer, n)
    reach, padded = d * (k - 1) + 1, n + 2 * p
    ends = [start + reach for start in range(0, padded, s) if start + reach <= padded]
    left = padded - ends[-1]
    assert (made.target, made.axes[0].links[0].dropped) == (len(ends), left)
    assert (n in made.lossless) is (left == 0)
    said = [step.text for step in made.steps if step.kind == "dropped"]
    which = "element" if left == 1 else f"{left} elements"
    text = f"a remainder of {left}: no window reads the last {which} of the padded input"
    assert said == ([f"the floor drops {text}"] if left else [])
    up = dc.ConvTranspose(k, stride=s, padding=p, dilation=d)
    back = up.output_size(made.target) if up.accepts(made.target) else n - left
    assert back == n - left  # so it gives n back exactly where nothing is lost


@pytest.mark.parametrize("count", [2, 3])
def test_axes_that_differ_are_derived_one_by_one(count: int) -> None:
    sizes = (28, 29, 31)[:count]
    layer = dc.Conv((3, 5, 2)[:count], stride=2, padding=(0, 2, 1)[:count])
    made = dc.derive([layer, dc.ConvTranspose(2, stride=2)], sizes)
    assert [axis.axis for axis in made.axes] == list(range(count))
    assert made.target == dc.ConvTranspose(2, stride=2).output_size(layer.output_size(sizes))
    assert made.lossless == tuple([axis.lossless for axis in made.axes])
    assert [step.text.split(":")[0] for step in made.steps if step.kind == "axis"] == [
        f"axis {axis}" for axis in range(count)
    ]


def test_axes_that_are_alike_are_derived_once() -> None:
    made = dc.derive(dc.Conv(3, stride=2), (28, 28))
    assert len(made.axes) == 1
    assert made.axes[0].axis is None
    assert made.target == (13, 13)
    assert len(dc.derive(dc.Conv((3, 5))).axes) == 2


def test_in_sympy_it_is_the_same_map() -> None:
    import sympy

    n = sympy.Symbol("n", integer=True, positive=True)
    layers_of = stack(6)
    form = dc.derive(layers_of).to_sympy(n)
    whole = dc.compose(layers_of)
    assert [form.subs(n, size) for size in range(1, 60)] == [whole(size) for size in range(1, 60)]
    assert str(dc.derive(dc.ConvTranspose(6, stride=2)).to_sympy(n)) == "2*n + 4"


# As data.


def test_a_derivation_is_plain_data_and_a_value() -> None:
    made = dc.derive([dc.Conv(3, stride=2, dilation=2), dc.PixelShuffle(2)], (28, 29))
    record = made.to_record()
    assert json.loads(json.dumps(record)) == record
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made  # noqa: S301
    (axis, other) = record["axes"]
    assert axis["layers"][0]["dropped"] == 1
    assert other["layers"][0]["dropped"] == 0
    assert {"axis", "source", "target", "in_n", "domain", "lossless", "same_output"} < axis.keys()
    assert "ke = d*(k - 1) + 1 = 2*(3 - 1) + 1 = 5" in made.text
    with pytest.raises(AttributeError, match="frozen"):
        made.source = 3


def test_every_layer_says_where_its_rule_comes_from() -> None:
    kinds = [
        value
        for name in dc.__all__
        if isinstance(value := getattr(dc, name), type) and issubclass(value, dc.Layer)
    ]
    assert all(kind.source for kind in kinds if kind is not dc.Layer and not kind.couples)
    steps = dc.derive(dc.Conv(3, stride=2, padding=dc.Same()), 28).steps
    assert "SAME" in str(steps[0].source)


@pytest.mark.parametrize(
    ("layers_of", "size", "error", "word"),
    [
        ([], 28, dc.LayerError, "no layers"),
        (dc.Flatten(), (7, 7), dc.LayerError, "couples its axes"),
        ([dc.Conv((3, 3)), dc.Conv((3, 3, 3))], None, dc.LayerError, "2 and 3 axes"),
        (dc.Conv(5), 4, dc.SizeError, "refuses size 4"),
        ([dc.Conv(3), dc.Conv(5)], 6, dc.SizeError, "layer 2 of 2"),
        (dc.Conv(3), "28", TypeError, "28"),
        (dc.Conv(3), 28.0, TypeError, "28.0"),
        ("Conv(3)", 28, TypeError, "a layer or a list of layers"),
        ([dc.Conv(3), 3], 28, TypeError, "3 among them"),
    ],
)
def test_what_cannot_be_derived(layers_of: Any, size: Any, error: Any, word: str) -> None:
    with pytest.raises(error, match=re.escape(word)):
        dc.derive(layers_of, size)


def test_a_tall_stack_goes_beyond_every_fixed_width() -> None:
    """Forty halvings: the residue class is 2**40 wide, and nothing is gone through."""
    made = dc.derive([dc.Conv(2, stride=2)] * 40)
    assert made.lossless == dc.Sizes.congruent(0, 2**40)
    assert made.in_n == f"floor(n/{2**40})"
    at = dc.derive([dc.Conv(2, stride=2)] * 40, 5 * 2**40 + 3)
    assert at.target == 5
    assert str(at.same_output) == f"{5 * 2**40}..{6 * 2**40 - 1}"
    assert at.axes[0].links[0].dropped == 1


# Cost, and what is never called.


@pytest.mark.parametrize("size", [10**6, None])
def test_work_grows_no_faster_than_the_layers(size: int | None) -> None:
    def calls(count: int) -> int:
        made = 0

        def note(_frame: Any, event: str, _argument: Any) -> None:
            nonlocal made
            made += event in ("call", "c_call")

        stacked = stack(count)
        derive(stacked, size)  # imports, and what is kept from call to call
        sys.setprofile(note)
        try:
            derive(stacked, size)
        finally:
            sys.setprofile(None)
        return made

    assert calls(40) <= 6 * calls(10)


def test_nothing_simplifies() -> None:
    """`simplify` raises in all tests, as `tests/conftest.py` has it; so it does here."""
    import sympy

    n = sympy.Symbol("n", integer=True, positive=True)
    with pytest.raises(AssertionError, match="simplify"):
        (n + 1).simplify()
    with pytest.raises(AssertionError, match="simplify"):
        sympy.simplify(n + 1)
    for size in (10**6, None):
        assert all(derive(stack(12), size))
    assert dc.Conv(3, stride=2, padding=1).output_size(n).subs(n, 28) == 14
    assert dc.derive(dc.MaxPool(3, stride=2, ceil_mode=True)).to_sympy(n).subs(n, 8) == 4
    assert dc.solve(100, source=4).proof is not None


# No answer.


def check_refutation(question: Question) -> None:
    answers = dc.solve(**arguments(question))
    proof = answers.proof
    assert proof is not None
    assert [step.kind for step in proof.steps] == ["formula", "bounds", "hence"]
    assert len(proof.text.splitlines()) == 3
    assert proof.latex.count("\\\\\n") == 2
    formula, allowed, hence = proof.steps
    assert formula.source
    for found in re.finditer(r"([^;=]*) = (\d+), of (\w+\(.*?\))(?= and |$)", allowed.text):
        check_witness(question, int(found[2]), found[3])
    near = re.fullmatch(
        r"(?:(\d+) < )?(\d+) ([<>]) (\d+)(?: with .*)?: no layer gives (\d+)", hence.text
    )
    if near is None:
        assert hence.text.startswith(("no layer gives ", "no single layer has all axes")) or (
            "differ" in hence.text or "is not" in hence.text
        )
        assert (
            "differ" in hence.text or "is not" in hence.text or answers.reason.text in allowed.text
        )
        return
    if question.sources is None:
        return
    axis, alone = failing(question)
    assert int(near[5]) == alone.targets[0]
    sides = [loops.nearest(alone, side, inputs_of(alone)) for side in (-1, 1)]
    below, above = (None if side is None else side[0] for side in sides)
    numbers = [int(one) for one in (near[1], near[2], near[4]) if one is not None]
    if near[1] is not None:
        assert numbers == [below, alone.targets[0], above]
    elif near[3] == ">":
        assert (numbers, above) == ([alone.targets[0], below], None)
    else:
        assert (numbers, below) == ([alone.targets[0], above], None)
    assert (f"axis {axis}: " in allowed.text) is (len(question.targets) > 1)
    check_steps(alone, allowed.text)


def check_witness(question: Question, size: int, written: str) -> None:
    """A layer that is named gives the size that is named, from some source of the question."""
    layer = eval(written, PUBLIC)  # noqa: S307  # our own text
    sources = question.sources or range(1, 200)
    assert any(layer.accepts(n) and layer.output_size(n) == size for n in sources)


def failing(question: Question) -> tuple[int, Question]:
    """The first axis that has no answer by itself, and the question about it."""
    for axis in range(len(question.targets)):
        alone = question._replace(
            targets=question.targets[axis : axis + 1],
            sources=question.sources and question.sources[axis : axis + 1],
            bounds=question.bounds[axis : axis + 1],
            groups=((0,),),
        )
        if not loops.is_solvable(alone, inputs_of(alone)):
            return axis, alone
    raise AssertionError(question)


def check_steps(question: Question, text: str) -> None:
    """What each stride or factor is said to give is what the loops find."""
    name = "factor" if question.op in ("resize_conv", "pixel_shuffle") else "stride"
    steps = getattr(question.bounds[0], name)
    if question.op == "any" or steps is None or len(steps) > MOST_STEPS:
        return
    said: list[str] = []
    claimed = re.search(r"gives (.*?), within ", text)
    assert claimed is not None
    for part in claimed[1].split("; "):
        way = re.fullmatch(
            r"(nothing|at most|at least)? ?(.*?)(?:, with nothing between,)? ?with \w = (.*)", part
        )
        assert way is not None, part
        ends = [int(end) for end in re.split(r"\.\.|, ", way[3])]
        count = ends[1] - ends[0] + 1 if ".." in way[3] else len(ends)
        sizes = [f"{way[1] or ''} {one}".strip() for one in way[2].split(", ")]
        said += sizes if len(sizes) > 1 else sizes * count
    true = []
    for step in steps:
        one = question._replace(bounds=(question.bounds[0]._replace(**{name: (step,)}),))
        sides = [loops.nearest(one, side, inputs_of(one)) for side in (-1, 1)]
        below, above = (None if side is None else side[0] for side in sides)
        if below is None and above is None:
            true.append("nothing")
        elif above is None or below is None:
            true.append(f"at most {below}" if above is None else f"at least {above}")
        else:
            true.append(f"{below} and {above}")
    assert said == true


@pytest.mark.parametrize("op", [*OPERATIONS, "any"])
@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
def test_a_proof_of_no_answer_is_true(op: str, dialect: str) -> None:
    for question in questions(op, dialect, 6):
        check_refutation(question)


def test_the_proof_in_three_lines() -> None:
    proof = dc.solve(100, source=4, kernel_size=range(1, 12)).proof
    assert proof is not None
    assert proof.text.splitlines()[2] == "  100 > 42: no layer gives 100"
    assert "at most 14, 18, 22, 26, 30, 34, 38, 42 with s = 1..8" in proof.text
    assert "(4 - 1)*8 + 11 - 0 + 7 = 42" in proof.text
    assert dc.solve(7, source=4).proof is None


@pytest.mark.parametrize(
    ("target", "bounds", "word"),
    [
        ("2*n + n//2", {}, "s = 5/2; s is one of 1..8"),
        ("n//2 + 1", {"op": "conv", "stride": 3}, "s = 2; s is one of 3"),
        ("3", {"op": "conv"}, "rises by 0 with each n, and m by 1/s, which is more"),
        ("2*n + 50", {}, "s = 2; n = 1 then gives at most 17, and 52 is asked"),
        ("9*n", {"op": "pixel_shuffle"}, "f = 9; f is one of 1..8"),
    ],
)
def test_no_layer_for_a_target_in_n(target: str, bounds: dict[str, Any], word: str) -> None:
    proof = dc.solve(target, **bounds).proof
    assert proof is not None
    assert [step.kind for step in proof.steps] == ["formula", "bounds", "hence"]
    assert word in proof.steps[1].text


@pytest.mark.parametrize(
    ("target", "source", "word"),
    [
        ((5, 9), (4, 4), "5 and 9 differ"),
        ((7, 12), (4, 6), "s is one of 1..8, and 5/2 is not"),
    ],
)
def test_axes_that_have_no_layer_together(target: Any, source: Any, word: str) -> None:
    proof = dc.solve(target, source=source, shared=True).proof
    assert proof is not None
    assert word in proof.steps[-1].text


def test_an_answer_has_a_derivation() -> None:
    assert dc.solve(7, source=4)[0].derivation.target == 7
    assert dc.solve((7, 14), source=(4, 7))[0].derivation.target == (7, 14)
    assert dc.solve(60, kernel_size=6, stride=2)[0].derivation.target == 60
    assert dc.solve("2*n")[0].derivation.in_n == "2*n"
    assert len(dc.solve(8, source=4, op="resize_conv")[0].derivation.layers) == 2


# The command line.


def typed(*arguments: str) -> tuple[str, int]:
    result = CliRunner().invoke(main, list(arguments))
    return result.output, result.exit_code


def test_size_in_latex() -> None:
    printed, code = typed("size", "nn.Conv2d(3, 8, 3, stride=2)", "28", "--format", "latex")
    assert code == 0
    assert printed.rstrip("\n") == dc.derive(dc.parse("nn.Conv2d(3, 8, 3, stride=2)"), 28).latex
    assert typed("size", "nn.Flatten()", "28x28", "--format", "latex")[1] == 2


def test_size_says_what_it_does_not_lose() -> None:
    printed, _ = typed("size", "nn.Conv2d(3, 8, 3, stride=2)", "28")
    assert "no loss      n odd, n ≥ 3" in printed
    (axis,) = json.loads(typed("size", "Conv(3, stride=2)", "28", "--format", "json")[0])[
        "derivation"
    ]
    assert (axis["lossless"], axis["layers"][0]["dropped"]) == ("n odd, n ≥ 3", 1)


def test_solve_derives_the_first_answer() -> None:
    printed, code = typed("solve", "7", "--from", "4", "--derive")
    assert code == 0
    assert "#1  ConvTranspose(3, stride=2, padding=1): 4 → 7\n  m = (n - 1)*s" in printed
    document = json.loads(typed("solve", "7", "--from", "4", "--derive", "--format", "json")[0])
    assert document["derivation"] == dc.solve(7, source=4)[0].derivation.to_record()
    assert "derivation" not in json.loads(typed("solve", "7", "--from", "4", "--format", "json")[0])
    assert "for every n\n  m = (n - 1)*s" in typed("solve", "2n", "--derive")[0]


def test_solve_proves_that_there_is_none() -> None:
    printed, code = typed("solve", "100", "--from", "4", "--derive")
    assert code == 1
    assert printed.splitlines()[-1] == "  100 > 47: no layer gives 100"
    text, code = typed("solve", "100", "--from", "4", "--derive", "--format", "json")
    assert code == 1
    kinds = [step["kind"] for step in json.loads(text)["derivation"]["steps"]]
    assert kinds == ["formula", "bounds", "hence"]
    assert "100 > 47" in typed("solve", "100", "--from", "4", "--derive", "--format", "markdown")[0]


@pytest.mark.parametrize("other", [["--format", "csv"], ["--code", "torch"], ["--verify", "torch"]])
def test_derive_goes_alone(other: list[str]) -> None:
    printed, code = typed("solve", "7", "--from", "4", "--derive", *other)
    assert code == 2
    assert other[1] in printed or other[0] in printed
