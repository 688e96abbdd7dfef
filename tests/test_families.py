"""Families: the closed forms, put together by hand from numbers, are the answers; each in one."""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from tests.questions import draw
from tests.reference import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_ANSWERS = 3_000
MOST_TRIED = 60_000

every_op = pytest.mark.parametrize("op", [*OPERATIONS, "any"])


# The closed form is read here by itself: sympy's own substitution is too slow for every number.

OPERATORS = {
    "Add": " + ",
    "Mul": " * ",
    "Equality": " == ",
    "Unequality": " != ",
    "LessThan": " <= ",
    "StrictLessThan": " < ",
    "GreaterThan": " >= ",
    "StrictGreaterThan": " > ",
    "And": " and ",
    "Or": " or ",
}
FUNCTIONS = {"Max": "max", "Min": "min", "Not": "not ", "FiniteSet": "one_of", "Range": "range"}


def python_of(term: Any) -> str:
    """A sympy expression or condition as Python writes it, with whole fractions kept exact."""
    name: str = term.func.__name__
    if term.is_Symbol:
        return str(term.name)
    if name in ("BooleanTrue", "BooleanFalse"):
        return name.removeprefix("Boolean")
    if getattr(term, "is_Rational", False):
        return f"({term.p})" if term.q == 1 else f"Fraction({term.p}, {term.q})"
    parts = [python_of(part) for part in term.args]
    if name == "Mod":
        return f"({parts[0]} % {parts[1]})"
    if name == "floor":
        return f"({parts[0]} // 1)"
    if name == "Contains":
        return f"({parts[0]} in {parts[1]})"
    if name == "Union":
        return f"one_of({', '.join(f'*{part}' for part in parts)})"
    if name in FUNCTIONS:
        return f"({FUNCTIONS[name]}({', '.join(parts)}))"
    return f"({OPERATORS[name].join(parts)})"


def closed_form(family: dc.Family) -> Callable[..., bool]:
    """Whether numbers for the letters fulfil the relation and all conditions."""
    names = ", ".join(symbol.name for symbol in family.letters)
    rules = " and ".join(python_of(one) for one in (family.relation, *family.conditions))
    from fractions import Fraction

    scope = {"Fraction": Fraction, "one_of": lambda *numbers: set(numbers)}
    # Written just above, from our own expressions.
    made: Callable[..., bool] = eval(f"lambda {names}: bool({rules})", scope)  # noqa: S307
    return made


def box(family: dc.Family, widest: dict[str, int]) -> Iterator[tuple[int, ...]]:
    """Numbers for the letters, from below their least up to above the bounds."""
    yield from product(
        *[range(-1, widest[symbol.name.partition("_")[0]] + 2) for symbol in family.letters]
    )


def numbers(family: dc.Family, answer: dc.Answer) -> tuple[int, ...]:
    found = family.parameters(answer)
    return tuple(found[symbol.name] for symbol in family.letters)


def reach(answers: dc.Answers) -> dict[str, int]:
    """How large each letter may become within the bounds."""
    every = [space for spaces in answers.query.spaces.values() for space in spaces]
    stride = max(space.stride.last for space in every)
    dilation = max(space.dilation.last for space in every)
    return {
        "k": max(space.kernel_size.last for space in every),
        "p": max(
            space.padding.last if space.padding else (space.kernel_size.last - 1) * dilation
            for space in every
        ),
        "op": max(stride, dilation),
        "r": stride,
        "s": stride,
        "d": dilation,
        "f": max(space.factor.last for space in every),
    }


def check(answers: dc.Answers, rng: random.Random) -> tuple[int, int]:
    """Every answer is in one family; every instance within the bounds, and no other, is one."""
    families = answers.families()
    assert sum(family.count for family in families) == answers.total
    found = [answer for family in families for answer in family]
    assert len(found) == answers.total
    assert set(found) == set(answers)
    whole = 0
    for family in families:
        members = list(family)
        assert len(members) == family.count == len(family) > 0
        instances = {numbers(family, answer): answer for answer in members}
        assert len(instances) == len(members), "two answers with the same numbers"
        holds = closed_form(family)
        assert all(holds(*instance) for instance in instances), family
        widest = reach(answers)
        size = 1
        for symbol in family.letters:
            size *= widest[symbol.name.partition("_")[0]] + 3
        tried = box(family, widest)
        if size > MOST_TRIED:
            tried = near(list(instances), rng)
        else:
            whole += 1
        assert {one for one in tried if holds(*one)} <= instances.keys(), family
        check_membership(family, families, rng.choice(members), rng)
    return len(families), whole


def near(instances: list[tuple[int, ...]], rng: random.Random) -> Iterator[tuple[int, ...]]:
    """Instances with some numbers changed a little, where there are too many to try all."""
    for _ in range(2_000):
        yield tuple(
            number + rng.choice((0, 0, 0, -2, -1, 1, 2)) for number in rng.choice(instances)
        )


def check_membership(
    family: dc.Family, families: tuple[dc.Family, ...], answer: dc.Answer, rng: random.Random
) -> None:
    """`in` says the same for an answer, for its layers and for its numbers."""
    own = [one for one in families if answer in one]
    assert own == [family]
    assert [one for one in families if answer.layers in one] == [family]
    if rng.random() < 0.2:
        given = family.parameters(answer)
        assert given in family
        assert {name: n for name, n in given.items() if not name.startswith("r")} in family
        if given:
            name = rng.choice([*given])
            other = given | {name: given[name] + 1}
            assert (other in family) == closed_form(family)(*other.values())


def test_every_answer_of_200_pairs_is_in_one_family() -> None:
    rng = random.Random(4)
    pairs = seen = whole = 0
    while pairs < 200:
        n, m = rng.randint(1, 30), rng.randint(1, 30)
        ops = ["conv_transpose", "resize_conv"] if n <= m else ["conv", "max_pool", "avg_pool"]
        kernels = range(1, rng.randint(3, 9))
        answers = dc.solve(m, source=n, op=rng.choice(ops), kernel_size=kernels)
        if answers:
            found, tried = check(answers, rng)
            pairs, seen, whole = pairs + 1, seen + found, whole + tried
    assert seen > 300
    assert whole > 0.9 * seen


@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
@every_op
def test_families_of_drawn_questions(op: str, dialect: str) -> None:
    rng = random.Random(f"families {op} {dialect}")
    seen = 0
    while seen < 6:
        solvable = (op, dialect) != ("pixel_shuffle", "keras")
        drawn = draw(rng, op, dialect, solvable=solvable)
        if drawn.question.sources is None:
            continue
        answers = dc.solve(**drawn.arguments)
        if answers.total > MOST_ANSWERS:
            continue
        check(answers, rng)
        seen += 1


@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
@pytest.mark.parametrize(
    ("op", "source", "target"),
    [
        ("conv_transpose", 1, 5),
        ("conv_transpose", 4, 8),
        ("conv", 5, 1),
        ("conv", 9, 5),
        ("max_pool", 3, 1),
        ("avg_pool", 8, 4),
    ],
)
def test_families_of_small_sizes_with_dilation(
    op: str, source: int, target: int, dialect: str
) -> None:
    bounds: dict[str, Any] = {"kernel_size": range(1, 7), "stride": range(1, 6)}
    if op != "avg_pool":
        bounds["dilation"] = range(1, 4)
    answers = dc.solve(target, source=source, op=op, dialect=dialect, **bounds)
    check(answers, random.Random(0))


@pytest.mark.parametrize("op", ["conv_transpose", "conv"])
@pytest.mark.parametrize("dialect", ["keras", "any"])
@pytest.mark.parametrize("words", [None, "same", "valid", ["same", "valid"]])
def test_families_of_bounds_that_leave_some_modes(op: str, dialect: str, words: Any) -> None:
    extras = [None, [1, 2], ["none"], [0, 2, "none"]] if op == "conv_transpose" else [None]
    for extra in extras:
        for source, target in [(3, 4), (3, 6), (3, 7), (3, 8), (3, 9), (7, 3), (5, 5)]:
            bounds: dict[str, Any] = {"kernel_size": range(1, 7), "stride": range(1, 5)}
            if extra is not None:
                bounds["output_padding"] = extra
            answers = dc.solve(
                target, source=source, op=op, dialect=dialect, padding=words, **bounds
            )
            check(answers, random.Random(0))


OTHERS: list[dict[str, Any]] = [
    # Axes that share their parameters, with sizes of their own.
    {"target": (14, 15), "source": (28, 29), "op": "conv"},
    {"target": (14, 15), "source": (28, 29), "op": "conv", "padding": "same", "dialect": "keras"},
    {"target": (5, 6), "source": (9, 11), "op": "max_pool", "dialect": "any"},
    {"target": (1, 1), "source": (4, 6), "op": "conv", "dialect": "any"},
    {"target": (1, 1), "source": (4, 6), "op": "max_pool", "ceil_mode": True},
    {"target": (3, 4), "source": (6, 7), "op": "max_pool", "ceil_mode": True},
    {"target": (7, 9), "source": (3, 4)},
    # Padding beyond half of a pool's kernel is refused, and so are windows beyond three axes.
    {"target": 5, "source": 5, "op": "max_pool", "padding": [0, 1, 2, 3]},
    {"target": 3, "source": 5, "op": "max_pool", "padding": range(4), "dilation": range(1, 4)},
    {"target": (2, 2, 2), "source": (3, 3, 3), "op": "avg_pool"},
    {"target": (2, 2, 2), "source": (3, 3, 3), "op": "avg_pool", "dialect": "any"},
    # The stride is a letter, and PyTorch's "same" needs 1.
    {"target": 1, "source": 1, "op": "conv", "padding": "same"},
    {"target": 1, "source": 1, "op": "conv", "padding": "same", "dialect": "any"},
    {"target": 1, "source": 1, "op": "conv", "dialect": "any", "dilation": range(1, 3)},
    # Keras's output_padding=None beside numbers that PyTorch takes too.
    {"target": 8, "source": 4, "output_padding": [1, "none"], "dialect": "any"},
    {"target": 8, "source": 4, "output_padding": [0, 1, "none"], "dialect": "any"},
    {"target": 9, "source": 3, "output_padding": [2, "none"], "dialect": "any"},
    {"target": 9, "source": 3, "output_padding": ["none"], "dialect": "any"},
]


@pytest.mark.parametrize("asked", OTHERS, ids=str)
def test_families_of_corners(asked: dict[str, Any]) -> None:
    shared = True if isinstance(asked["target"], tuple) else None
    answers = dc.solve(**asked, kernel_size=range(1, 7), stride=range(1, 5), shared=shared)
    check(answers, random.Random(0))
    assert answers or asked["target"] == (7, 9)


IN_N = [
    ("2n", "conv_transpose", None),
    ("2n-1", "conv_transpose", None),
    ("n+1", "conv_transpose", "n >= 2"),
    ("ceil(n/2)", "conv", None),
    ("n//2", "conv", "n % 2 == 0"),
    ("n", "conv", None),
    ("n-2", "conv", None),
    ("n//2", "max_pool", "n % 2 == 0"),
    ("n//2", "avg_pool", None),
    ("2n", "resize_conv", None),
    ("3n", "pixel_shuffle", None),
    ("2n", "any", None),
    ("ceil(n/3)", "any", "n % 6 == 0"),
    ("ceil(n/2)", "conv", "n % 4 == 0 or n == 3"),
]


@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
@pytest.mark.parametrize(("target", "op", "where"), IN_N)
def test_families_of_targets_in_n(target: str, op: str, where: str | None, dialect: str) -> None:
    bounds: dict[str, Any] = {}
    if op != "pixel_shuffle":
        bounds["kernel_size"] = range(1, 7)
    check(dc.solve(target, op=op, dialect=dialect, where=where, **bounds), random.Random(0))


def test_a_single_n_narrows_the_kernels_of_a_padding_written_out() -> None:
    where = "n % 4 == 0 or n == 3"
    bounds: dict[str, Any] = {"kernel_size": range(1, 6), "padding": "same"}
    answers = dc.solve("ceil(n/2)", op="conv", dialect="keras", where=where, **bounds)
    found, _ = check(answers, random.Random(0))
    assert found == 2
    assert "s = 2: any k, where 1 ≤ k ≤ 5, k ≤ 1" in texts(answers)


@pytest.mark.parametrize("where", [None, "n % 2 == 0"])
def test_families_of_targets_in_n_with_ceil_mode(where: str | None) -> None:
    answers = dc.solve("ceil(n/2)", op="max_pool", ceil_mode=True, where=where)
    found, _ = check(answers, random.Random(0))
    assert found


# As people read them.


def texts(answers: dc.Answers) -> list[str]:
    return [family.text for family in answers.families()]


def test_the_relation_of_each_stride_from_4_to_7() -> None:
    found = texts(dc.solve(7, source=4))
    assert [one.partition(", where")[0] for one in found] == [
        "s = 1, op = 0: k = 2p + 4",
        "s = 2: k = 2p + 1 - op",
        "s = 3: k = 2p - op - 2",
        "s = 4: k = 2p - op - 5",
        "s = 5: k = 2p - op - 8",
        "s = 6: k = 2p - op - 11",
        "s = 7: k = 2p - op - 14",
    ]
    assert found[1].endswith("where 1 ≤ k ≤ 16, 0 ≤ p ≤ k - 1, 0 ≤ op < 2")


def test_a_dilation_left_free_stands_in_the_relation() -> None:
    (family,) = dc.solve(7, source=4, stride=2, dilation=range(1, 4)).families()
    assert family.text == (
        "s = 2: d*(k - 1) = 2p - op, where 1 ≤ k ≤ 11, 1 ≤ d ≤ 3, 0 ≤ p ≤ d*(k - 1), "
        "0 ≤ op < max(d, 2)"
    )


def test_from_one_input_the_stride_is_a_letter() -> None:
    (family,) = dc.solve(5, source=1).families()
    assert family.fixed == {}
    assert family.text.startswith("k = 2p + 5 - op, where 1 ≤ s ≤ 8")


def test_a_window_has_a_remainder() -> None:
    (family,) = dc.solve(14, source=28, op="conv", stride=2).families()
    assert family.text == "s = 2: k = 2p + 2 - r, where 1 ≤ k ≤ 11, 0 ≤ p ≤ k - 1, 0 ≤ r < 2"
    assert {"k": 3, "p": 1} in family
    assert {"k": 3, "p": 1, "r": 0} not in family
    assert {"k": 3, "p": 0} not in family


def test_a_family_is_made_of_sympy_objects() -> None:
    import sympy

    k, p, op = sympy.symbols("k p op", integer=True)
    (family,) = dc.solve(7, source=4, stride=2).families()
    assert family.letters == (k, p, op)
    assert family.relation == sympy.Eq(k, 2 * p + 1 - op)
    assert sympy.And(op >= 0, op < 2) in family.conditions
    assert family.latex == (
        r"s = 2,\; k = 2 p + 1 - \mathit{op},\quad 1 \le k \le 11,\quad "
        r"0 \le p \le k - 1,\quad 0 \le \mathit{op} < 2"
    )


def test_nothing_is_simplified(monkeypatch: pytest.MonkeyPatch) -> None:
    """What simplify of sympy does may take for ever; no closed form needs it."""
    import sys

    import sympy

    from deconvcalc import inversion
    from deconvcalc.solver import closed_forms

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError

    for cached in (inversion._solve, inversion._run, closed_forms._window_equation):
        cached.cache_clear()
    monkeypatch.setattr(sympy, "simplify", refuse)
    monkeypatch.setattr(sys.modules["sympy.simplify.simplify"], "simplify", refuse)
    monkeypatch.setattr(sympy.Basic, "simplify", refuse)
    for op in ("conv_transpose", "conv", "max_pool"):
        assert texts(dc.solve(8, source=4 if op == "conv_transpose" else 16, op=op, dialect="any"))
    assert dc.invert("MaxPool", "stride", ceil_mode=True).text
    assert dc.invert("Conv", "padding").latex


def test_many_answers_are_counted_and_gone_through_lazily() -> None:
    answers = dc.solve(10**12, source=10**11, stride=10, kernel_size=range(1, 10**15))
    (family,) = answers.families()
    assert family.count == answers.total > 10**15
    first = next(iter(family))
    assert first in family
    assert first.output_size(10**11) == 10**12


def test_no_answer_has_no_family() -> None:
    assert dc.solve(7, source=4, kernel_size=2, stride=1, padding=0).families() == ()


# Kind errors.


def test_families_need_a_known_source_and_all_answers() -> None:
    with pytest.raises(dc.QueryError, match="known source"):
        dc.solve(7).families()
    answers = dc.solve(7, source=4)
    for part in (answers[:3], answers.ranked_by("shift")):
        with pytest.raises(dc.QueryError, match="slice or another order"):
            part.families()


def test_numbers_of_other_letters_are_refused() -> None:
    (family,) = dc.solve(7, source=4, stride=2).families()
    with pytest.raises(dc.QueryError, match="'s' is no letter"):
        {"k": 3, "p": 1, "op": 0, "s": 2} in family  # noqa: B015
    with pytest.raises(dc.QueryError, match="no number for op"):
        {"k": 3, "p": 1} in family  # noqa: B015
    with pytest.raises(TypeError, match="k must be an int"):
        {"k": 3.0, "p": 1, "op": 0} in family  # noqa: B015
    other = dc.solve(8, source=4)[0]
    with pytest.raises(dc.QueryError, match="not in the family"):
        family.parameters(other)
