"""Targets and conditions in n: what people write, what it means, and where the caret stands."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import re
import subprocess
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deconvcalc.errors import DeconvcalcError, NotationError, SizeError
from deconvcalc.expressions import (
    DEEPEST,
    LONGEST,
    MOST_DIGITS,
    MOST_EXTREMES,
    MOST_STEPS,
    MOST_TOKENS,
    Condition,
    Expression,
    parse_condition,
    parse_target,
)
from deconvcalc.sizemap import SizeMap

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = [*range(-3, 40), 223, 224, 10**9 + 7]

# What people write.

TARGETS: list[tuple[str, str, Callable[[int], int]]] = [
    ("n", "n", lambda n: n),
    ("2n", "2*n", lambda n: 2 * n),
    ("2 n", "2*n", lambda n: 2 * n),
    ("2*n", "2*n", lambda n: 2 * n),
    ("n*2", "n*2", lambda n: 2 * n),
    ("2×n", "2*n", lambda n: 2 * n),
    ("2·n", "2*n", lambda n: 2 * n),
    ("2n-1", "2*n - 1", lambda n: 2 * n - 1),
    ("3n−1", "3*n - 1", lambda n: 3 * n - 1),
    ("2n–1", "2*n - 1", lambda n: 2 * n - 1),
    ("n + 1", "n + 1", lambda n: n + 1),
    ("n+-1", "n - 1", lambda n: n - 1),
    ("n - -1", "n + 1", lambda n: n + 1),
    ("-n+10", "-n + 10", lambda n: 10 - n),
    ("+n", "n", lambda n: n),
    ("--n", "n", lambda n: n),
    ("-2n", "-2*n", lambda n: -2 * n),
    ("-(2n)", "-(2*n)", lambda n: -2 * n),
    ("2*-n", "2*-n", lambda n: -2 * n),
    ("10 - 3n", "10 - 3*n", lambda n: 10 - 3 * n),
    ("7", "7", lambda _: 7),
    ("-7", "-7", lambda _: -7),
    ("  224\t", "224", lambda _: 224),
    ("2 * 3 + 1", "7", lambda _: 7),
    ("7 // 2", "3", lambda _: 3),
    ("-7 // 2", "-4", lambda _: -4),
    ("-7 % 4", "1", lambda _: 1),
    ("2**5", "32", lambda _: 32),
    ("2**5*n", "32*n", lambda n: 32 * n),
    ("-2**2 + n", "-4 + n", lambda n: n - 4),
    ("2**3**2", "512", lambda _: 512),
    ("2**+2 n", "4*n", lambda n: 4 * n),
    ("3(n+1)", "3*(n + 1)", lambda n: 3 * (n + 1)),
    ("3(n+1)//2", "3*(n + 1)//2", lambda n: 3 * (n + 1) // 2),
    ("3((n+1)//2)", "3*((n + 1)//2)", lambda n: 3 * ((n + 1) // 2)),
    ("2ceil(n/2)", "2*ceil(n/2)", lambda n: 2 * -(-n // 2)),
    ("2⌊n/2⌋", "2*(n//2)", lambda n: n // 2 * 2),
    ("2(3)", "6", lambda _: 6),
    ("n - 2n", "n - 2*n", lambda n: -n),
    ("(n+1)//2*2", "(n + 1)//2*2", lambda n: (n + 1) // 2 * 2),
    ("n//2", "n//2", lambda n: n // 2),
    ("n//2//3", "n//2//3", lambda n: n // 6),
    ("n % 4 + 1", "n % 4 + 1", lambda n: n % 4 + 1),
    ("n-n%32+32", "n - n % 32 + 32", lambda n: n - n % 32 + 32),
    ("n - (n - 1)", "n - (n - 1)", lambda _: 1),
    ("ceil(n/2)", "ceil(n/2)", lambda n: -(-n // 2)),
    ("⌈n/2⌉", "ceil(n/2)", lambda n: -(-n // 2)),
    ("⌈(n+1)÷2⌉", "ceil((n + 1)/2)", lambda n: -(-(n + 1) // 2)),
    ("ceil(3n/2)", "ceil(3*n/2)", lambda n: -(-3 * n // 2)),
    ("-ceil(-n/2)", "-ceil(-n/2)", lambda n: n // 2),
    ("floor(n/2)", "n//2", lambda n: n // 2),
    ("floor(n)", "n", lambda n: n),
    ("floor((n + 2*1 - 3)/2 + 1)", "(n + 2 - 3 + 2)//2", lambda n: (n - 1) // 2 + 1),
    ("floor(n/2 - n/3)", "(n*3 - n*2)//6", lambda n: n // 6),
    ("floor(3(n/2))", "3*n//2", lambda n: 3 * n // 2),
    ("floor(n/2/3)", "n//6", lambda n: n // 6),
    ("ceil(7/2)", "4", lambda _: 4),
    ("ceil(-(n/2))", "ceil(-n/2)", lambda n: -(n // 2)),
    ("min(n, 7)", "min(n, 7)", lambda n: min(n, 7)),
    ("max(1, n-2, n//2)", "max(1, n - 2, n//2)", lambda n: max(1, n - 2, n // 2)),
    ("min(min(n, 7), 9)", "min(n, 7, 9)", lambda n: min(n, 7)),
    ("min(n, min(7, 9))", "min(n, 7)", lambda n: min(n, 7)),
    ("min(n, max(3, n//2)) + 1", "min(n, max(3, n//2)) + 1", lambda n: min(n, max(3, n // 2)) + 1),
]


@pytest.mark.parametrize(("text", "printed", "meaning"), TARGETS, ids=[row[0] for row in TARGETS])
def test_targets(text: str, printed: str, meaning: Callable[[int], int]) -> None:
    target = parse_target(text)
    assert str(target) == printed
    assert parse_target(printed) == target
    expected = [meaning(n) for n in SIZES]
    assert [target.evaluate(n) for n in SIZES] == expected
    assert all(type(target.evaluate(n)) is int for n in SIZES)
    values = target.evaluate(np.array(SIZES))
    assert values.dtype == np.int64
    assert values.tolist() == expected


CONDITIONS: list[tuple[str, str, Callable[[int], bool]]] = [
    ("n % 2 == 0", "n % 2 == 0", lambda n: n % 2 == 0),
    ("n%2!=0", "n % 2 != 0", lambda n: n % 2 != 0),
    ("n ≠ 4", "n != 4", lambda n: n != 4),
    ("n ≥ 4", "n >= 4", lambda n: n >= 4),
    ("n ≤ 2 or n>9", "n <= 2 or n > 9", lambda n: n <= 2 or n > 9),
    ("3 <= n < 10", "3 <= n and n < 10", lambda n: 3 <= n < 10),
    ("1<n<2n<30", "1 < n and n < 2*n and 2*n < 30", lambda n: 1 < n < 2 * n < 30),
    (
        "n > 1 and 3 <= n < 10",
        "n > 1 and (3 <= n and n < 10)",
        lambda n: n > 1 and 3 <= n < 10,
    ),
    ("n odd", "n % 2 == 1", lambda n: n % 2 == 1),
    ("n is even", "n % 2 == 0", lambda n: n % 2 == 0),
    ("n + 1 even and n > 4", "(n + 1) % 2 == 0 and n > 4", lambda n: n % 2 == 1 and n > 4),
    ("n ≡ 1 (mod 4)", "n % 4 == 1", lambda n: n % 4 == 1),
    ("n ≡ 7 mod 4 and n > 5", "n % 4 == 3 and n > 5", lambda n: n % 4 == 3 and n > 5),
    ("2n+1 ≡ n (mod 3)", "(2*n + 1) % 3 == n % 3", lambda n: (n + 1) % 3 == 0),
    ("not n == 3", "not n == 3", lambda n: n != 3),
    ("not not n == 3", "not not n == 3", lambda n: n == 3),
    ("not (n < 3 or n > 5)", "not (n < 3 or n > 5)", lambda n: 3 <= n <= 5),
    ("not n < 3 or n > 5", "not n < 3 or n > 5", lambda n: not n < 3 or n > 5),
    ("(n+1) % 2 == 0", "(n + 1) % 2 == 0", lambda n: n % 2 == 1),
    (
        "(n > 3 or n < 1) and n odd",
        "(n > 3 or n < 1) and n % 2 == 1",
        lambda n: (n > 3 or n < 1) and n % 2 == 1,
    ),
    ("n == 8 or n == 16 or n == 32", "n == 8 or n == 16 or n == 32", lambda n: n in (8, 16, 32)),
    ("3 < 4", "3 < 4", lambda _: True),
    ("n > 3 and 3 > 4", "n > 3 and 3 > 4", lambda _: False),
    ("n >= -5", "n >= -5", lambda n: n >= -5),
    ("ceil(n/2) == n//2", "ceil(n/2) == n//2", lambda n: n % 2 == 0),
]


@pytest.mark.parametrize(
    ("text", "printed", "meaning"), CONDITIONS, ids=[row[0] for row in CONDITIONS]
)
def test_conditions(text: str, printed: str, meaning: Callable[[int], bool]) -> None:
    condition = parse_condition(text)
    assert str(condition) == printed
    assert parse_condition(printed) == condition
    expected = [meaning(n) for n in SIZES]
    results = [condition.evaluate(n) for n in SIZES]
    assert results == expected
    assert all(type(result) is bool for result in results)
    mask = condition.evaluate(np.array(SIZES))
    assert mask.dtype == bool
    assert mask.tolist() == expected
    n = sympy.Symbol("n", integer=True)
    relation = condition.to_sympy(n)
    for size, holds in zip(SIZES[:12], expected, strict=False):
        assert relation.subs(n, size) == holds


# Values.


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("2n + 3", (2, 3)),
        ("n + n + n", (3, 0)),
        ("3(n+1) - n - 1", (2, 2)),
        ("-(n - 5)*4", (-4, 20)),
        ("n - n + 7", (0, 7)),
        ("7", (0, 7)),
        ("(4n + 3)//2", (2, 1)),
        ("ceil((4n + 3)/2)", (2, 2)),
        ("(4n + 3) % 2", (0, 1)),
        ("min(n, n + 1)", (1, 0)),
        ("max(n, n + 1) - n", (0, 1)),
        ("n//2", None),
        ("ceil(n/2) + 1", None),
        ("n % 2", None),
        ("min(n, 7)", None),
        ("2*(n//2) - 1", None),
        ("-(n//2)", None),
        ("min(n//2, 1)", None),
        ("n//2//3 % 5", None),
    ],
)
def test_linear(text: str, line: tuple[int, int] | None) -> None:
    target = parse_target(text)
    assert target.linear == line
    assert target.is_constant == (line is not None and line[0] == 0)
    if line:
        assert [target.evaluate(n) for n in SIZES] == [line[0] * n + line[1] for n in SIZES]


def test_values_are_frozen_and_compare_by_structure() -> None:
    target = parse_target("2n + 1")
    assert target == parse_target("2 * n+1")
    assert hash(target) == hash(parse_target("(2·n) + 1"))
    assert target != parse_target("n*2 + 1")
    assert parse_target("n") != parse_condition("n odd")
    assert repr(target) == "Expression('2*n + 1')"
    assert repr(parse_condition("n odd")) == "Condition('n % 2 == 1')"
    for value in (target, parse_condition("3 <= n < 9")):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  # our own
        assert copy.deepcopy(value) is value
        with pytest.raises(AttributeError, match="frozen"):
            value.code = ()


@pytest.mark.parametrize("parse", [parse_target, parse_condition])
@pytest.mark.parametrize("value", [b"2n", None, 2, 2.5, ["n"], np.str_])
def test_only_text_is_read(parse: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(TypeError, match="reads text, not"):
        parse(value)


@pytest.mark.parametrize("value", [parse_target("2n"), parse_condition("n odd")])
@pytest.mark.parametrize(
    "n",
    [
        True,
        np.True_,
        2.0,
        np.float64(2),
        Fraction(2),
        1j,
        "2",
        b"2",
        None,
        (2, 3),
        np.array([2.0]),
        np.array([True]),
        np.array([2], object),
        sympy.Rational(1, 2),
        sympy.pi,
        sympy.Symbol("x", imaginary=True),
    ],
    ids=repr,
)
def test_only_sizes_are_put_in(value: Expression | Condition, n: Any) -> None:
    with pytest.raises(TypeError):
        value.evaluate(n)


def test_integers_of_other_kinds_become_ints() -> None:
    target = parse_target("2n + 1")
    for n in (np.int8(100), np.uint64(100), sympy.Integer(100), np.array(100)):
        assert target.evaluate(n) == 201
        assert type(target.evaluate(n)) is int


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint64", "int64"])
def test_arrays_never_wrap(dtype: str) -> None:
    sizes = np.array([[1, 100], [127, 3]], dtype)
    values = parse_target("3n - 200").evaluate(sizes)
    assert values.dtype == np.int64
    assert values.tolist() == [[-197, 100], [181, -191]]
    assert parse_target("5").evaluate(sizes).tolist() == [[5, 5], [5, 5]]
    assert parse_condition(f"n < {10**50}").evaluate(sizes).all()
    assert parse_condition("n > 5 - n").evaluate(np.array([], dtype)).tolist() == []


def test_arrays_use_exact_integers_on_the_way() -> None:
    sizes = np.array([1, 10**18])
    assert parse_target("100n//100").evaluate(sizes).tolist() == [1, 10**18]
    assert parse_target(f"{10**60} % 7 + n").evaluate(sizes).tolist() == [
        10**60 % 7 + 1,
        10**60 % 7 + 10**18,
    ]
    assert parse_target(f"0*(n*{10**60}) + n").evaluate(sizes).tolist() == [1, 10**18]
    assert parse_condition("100n > 5").evaluate(sizes).tolist() == [True, True]
    with pytest.raises(SizeError, match="1 of 2 sizes do not fit into int64, the first at index 1"):
        parse_target("100n").evaluate(sizes)
    with pytest.raises(SizeError, match=r"the first at index \(0, 1\)"):
        parse_target("-100n").evaluate(sizes.reshape(1, 2))


def test_sympy() -> None:
    n = sympy.Symbol("n", integer=True, positive=True)
    assert parse_target("2n - 1").to_sympy() == 2 * n - 1
    assert parse_target("ceil(n/2)").to_sympy() == sympy.ceiling(n / 2)
    assert parse_target("min(n, 7) + n//2").to_sympy() == sympy.Min(n, 7) + sympy.floor(n / 2)
    assert parse_target("n % 4").evaluate(n) == sympy.Mod(n, 4)
    assert parse_target("7").evaluate(n) == sympy.Integer(7)
    m = sympy.Symbol("m", integer=True)
    assert parse_target("2n").to_sympy(m) == 2 * m
    assert parse_target("2n").to_sympy(m + 1) == 2 * m + 2
    assert parse_condition("m < 3".replace("m", "n")).to_sympy(m) == (m < 3)
    assert parse_condition("n != 3").to_sympy(m) == sympy.Ne(m, 3)
    assert parse_condition("3 < 4").to_sympy() is sympy.true
    assert parse_condition("n odd or n > 4").to_sympy(m) == sympy.Or(
        sympy.Eq(sympy.Mod(m, 2), 1), m > 4
    )


def test_exact_maps() -> None:
    n = SizeMap.identity()
    assert parse_target("(n + 1)//2 + 3").evaluate(n) == SizeMap(1, 7, 2)
    assert parse_target("ceil(n/2)").evaluate(n) == SizeMap(1, 1, 2)
    assert parse_target("10 - 2n").evaluate(n) == SizeMap(-2, 10)
    assert parse_target("7").evaluate(n) == SizeMap(0, 7)
    with pytest.raises(DeconvcalcError, match="no single floor"):
        parse_target("n % 4").evaluate(n)


SYMBOLS = "+ - * // % ceil min max negative == != < <= > >= and or not"


def test_fold_gives_operators_another_meaning() -> None:
    def spelled(symbol: str) -> Callable[..., str]:
        return lambda *parts: f"({f' {symbol} '.join(parts) if parts[1:] else symbol + parts[0]})"

    meanings = {symbol: spelled(symbol) for symbol in SYMBOLS.split()}
    condition = parse_condition("not min(-n, 2n) + 1 >= ceil(n/3) and n%2 != 0")
    assert condition.fold("N", meanings, str) == (
        "((not((((negativeN) min (2 * N)) + 1) >= (N ceil 3))) and ((N % 2) != 0))"
    )
    members = {"<": lambda _, b: set(range(b)), "and": operator.and_, "==": lambda _, b: {b}}
    assert parse_condition("n < 5 and n == 3").fold(None, members) == {3}


# Drawn trees: the text, and Python's own reading of it.

NUMBERS = st.integers(0, 20)
DIVISORS = st.integers(1, 9)


def grown(sizes: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    """Trees as (text for the parser, text for Python), all brackets written."""

    def infix(symbol: str) -> Callable[..., tuple[str, str]]:
        return lambda a, b: (f"({a[0]}{symbol}{b[0]})", f"({a[1]} {symbol} {b[1]})")

    constants = NUMBERS.map(lambda c: (str(c), str(c)))
    divisors = DIVISORS.map(lambda c: (str(c), str(c)))
    return st.one_of(
        st.builds(infix("+"), sizes, sizes),
        st.builds(infix("-"), sizes, sizes),
        st.builds(infix("*"), sizes, constants),
        st.builds(infix("*"), constants, sizes),
        st.builds(lambda c, a: (f"{c}({a[0]})", f"({c} * {a[1]})"), NUMBERS, sizes),
        st.builds(infix("//"), sizes, divisors),
        st.builds(infix("%"), sizes, divisors),
        st.builds(lambda a: (f"-{a[0]}", f"(-{a[1]})"), sizes),
        st.builds(lambda a, c: (f"ceil({a[0]}/{c})", f"(-(-{a[1]} // {c}))"), sizes, DIVISORS),
        st.builds(lambda a, c: (f"⌊{a[0]} / {c} ⌋", f"({a[1]} // {c})"), sizes, DIVISORS),
        st.builds(
            lambda a, b, c, d: (
                f"floor({a[0]}/{c} - {b[0]}/{d})",
                f"(({a[1]} * {d} - {b[1]} * {c}) // {c * d})",
            ),
            *(sizes, sizes, DIVISORS, DIVISORS),
        ),
        st.builds(
            lambda f, parts: tuple(f"{f}({', '.join(side)})" for side in zip(*parts, strict=True)),
            st.sampled_from(("min", "max")),
            st.lists(sizes, min_size=2, max_size=3),
        ),
    )


LEAVES = st.just(("n", "n")) | NUMBERS.map(lambda c: (str(c), str(c)))
TREES = st.recursive(LEAVES, grown, max_leaves=8)
BUILT_IN = {"__builtins__": {}, "min": min, "max": max, "ceil": math.ceil, "F": Fraction}


def python(text: str, n: Any) -> Any:
    """Python's own value of a text that this file has drawn."""
    return eval(text, {**BUILT_IN, "n": n})  # noqa: S307  # the independent reading


def exactly(printed: str, n: int) -> Any:
    """Python's value of what was printed, its divisions in fractions."""
    return python(re.sub(r"\b([0-9]+)\b", r"F(\1)", printed), Fraction(n))


@given(TREES)
def test_parse_and_print_are_inverse(tree: tuple[str, str]) -> None:
    target = parse_target(tree[0])
    printed = str(target)
    again = parse_target(printed)
    assert again == target
    assert hash(again) == hash(target)
    assert str(again) == printed


@given(TREES, st.integers(-60, 300))
def test_values_are_pythons(tree: tuple[str, str], n: int) -> None:
    target = parse_target(tree[0])
    expected = python(tree[1], n)
    assert target.evaluate(n) == expected
    assert exactly(str(target), n) == expected, "it prints what Python reads alike"
    line = target.linear
    assert line is None or line[0] * n + line[1] == expected


@given(TREES, st.lists(st.integers(-(10**6), 10**12), max_size=6))
@settings(max_examples=60)
def test_arrays_agree_with_ints(tree: tuple[str, str], sizes: list[int]) -> None:
    target = parse_target(tree[0])
    expected = [python(tree[1], n) for n in sizes]
    if all(abs(value) < 2**63 for value in expected):
        assert target.evaluate(np.array(sizes, "int64")).tolist() == expected


@given(st.recursive(LEAVES, grown, max_leaves=4))
@settings(max_examples=30)
def test_sympy_agrees_with_ints(tree: tuple[str, str]) -> None:
    n = sympy.Symbol("n", integer=True, positive=True)
    value = parse_target(tree[0]).to_sympy(n)
    assert [value.subs(n, size) for size in (1, 2, 29)] == [
        python(tree[1], size) for size in (1, 2, 29)
    ]


OPERATIONS = st.tuples(st.sampled_from("+-"), st.sampled_from(("n", "5", "-n", "12"))) | st.tuples(
    st.sampled_from(("*", "//", "%")), DIVISORS.map(str)
)
FLAT = st.tuples(
    st.sampled_from(("n", "-n", "--n", "3", "-8")), st.lists(OPERATIONS, max_size=6)
).map(lambda drawn: drawn[0] + "".join(symbol + term for symbol, term in drawn[1]))


@given(FLAT, st.integers(-9, 99))
@example("n-12%5*3//2", 7)
def test_precedence_is_pythons(text: str, n: int) -> None:
    assert parse_target(text).evaluate(n) == python(text, n)


COMPARED = st.lists(FLAT, min_size=2, max_size=3).flatmap(
    lambda sizes: st.lists(
        st.sampled_from(("==", "!=", "<", "<=", ">", ">=")),
        min_size=len(sizes) - 1,
        max_size=len(sizes) - 1,
    ).map(lambda signs: sizes[0] + "".join(map(operator.add, signs, sizes[1:])))
)
LOGIC = st.recursive(
    COMPARED,
    lambda parts: st.one_of(
        parts.map(lambda a: f"not {a}"),
        parts.map(lambda a: f"({a})"),
        st.tuples(parts, st.sampled_from(("and", "or")), parts).map(" ".join),
    ),
    max_leaves=5,
)


@given(LOGIC, st.lists(st.integers(-9, 99), min_size=1, max_size=5))
def test_conditions_are_pythons(text: str, sizes: list[int]) -> None:
    condition = parse_condition(text)
    expected = [python(text, n) for n in sizes]
    assert [condition.evaluate(n) for n in sizes] == expected
    assert condition.evaluate(np.array(sizes)).tolist() == expected
    printed = str(condition)
    assert parse_condition(printed) == condition
    assert [python(printed, n) for n in sizes] == expected


# Faults.

FAULTS: list[tuple[str, int, str, str | None]] = [
    ("", 0, "there is no text to read", "For example: 2n, ceil(n/2), n + 1."),
    (" \n", 0, "there is no text to read", "For example: 2n, ceil(n/2), n + 1."),
    ("x", 0, "x is not known here", "The input size is called n."),
    ("2N", 1, "N is not known here", "The input size is called n."),
    ("n + width", 4, "width is not known here", "The input size is called n."),
    ("28x30", 2, "x30 is not known here", "The input size is called n."),
    (
        "sqrt(n)",
        0,
        "sqrt is no function that is known here",
        "Known are: ceil, floor, max, min.",
    ),
    ("n.shape", 1, ". has no meaning here", None),
    ("n²", 1, "² has no meaning here", "A power of constants is written 2**5."),
    ("n^2", 1, "^ has no meaning here", "A power of constants is written 2**5."),
    ("n = 3", 2, "= has no meaning here", "Two sizes are compared by ==."),
    ("[n]", 0, "[ has no meaning here", "Use round brackets."),
    ("n + \x1b", 4, "\\x1b has no meaning here", None),
    ("n + \ud800", 4, "\\ud800 has no meaning here", None),
    (
        "0.5n",
        0,
        "0.5 is no integer",
        "Sizes are integers: write n//2 for a half rounded down, ceil(n/2) for up.",
    ),
    (
        "n - 2.",
        4,
        "2. is no integer",
        "Sizes are integers: write n//2 for a half rounded down, ceil(n/2) for up.",
    ),
    (
        "n/2",
        1,
        "/ stands only inside floor(...) or ceil(...)",
        "Write // for a division rounded down, or ceil(n/2).",
    ),
    (
        "1 + n/2 - 1",
        5,
        "/ stands only inside floor(...) or ceil(...)",
        "Write // for a division rounded down, or ceil(n/2).",
    ),
    (
        "floor(min(n/2, 7))",
        11,
        "/ stands only inside floor(...) or ceil(...)",
        "Write // for a division rounded down, or ceil(n/2).",
    ),
    (
        "floor(n/2)/2",
        10,
        "/ stands only inside floor(...) or ceil(...)",
        "Write // for a division rounded down, or ceil(n/2).",
    ),
    (
        "n*n",
        1,
        "one side of a product must be a constant",
        "Sizes are sums, multiples and floors: n*n is none.",
    ),
    (
        "2n(n+1)",
        2,
        "an operator is missing before '('",
        "Write a product with a *.",
    ),
    (
        "n//0",
        1,
        "what // divides by must be a positive constant",
        "For example: n//2, n % 4, ceil(n/2).",
    ),
    (
        "n % n",
        2,
        "what % divides by must be a positive constant",
        "For example: n//2, n % 4, ceil(n/2).",
    ),
    (
        "ceil(n/-2)",
        6,
        "what / divides by must be a positive constant",
        "For example: n//2, n % 4, ceil(n/2).",
    ),
    (
        "6//2n",
        4,
        "a product without * behind // can be read in two ways",
        "Write the * and brackets.",
    ),
    (
        "2**3(n)",
        4,
        "a product without * behind ** can be read in two ways",
        "Write the * and brackets.",
    ),
    (
        "2**n",
        1,
        "a power takes constants, and an exponent of at least 0",
        "For example: 2**5.",
    ),
    (
        "n**2",
        1,
        "a power takes constants, and an exponent of at least 0",
        "For example: 2**5.",
    ),
    (
        "2**-1",
        1,
        "a power takes constants, and an exponent of at least 0",
        "For example: 2**5.",
    ),
    ("2 3", 2, "an operator is missing before '3'", "Write a product with a *."),
    ("n 2", 2, "an operator is missing before '2'", "Write a product with a *."),
    ("n(2)", 1, "an operator is missing before '('", "Write a product with a *."),
    ("(n+1)n", 5, "an operator is missing before 'n'", "Write a product with a *."),
    ("ceil n", 0, "ceil is a function", "For example: ceil(n/2)."),
    ("floor", 0, "floor is a function", "For example: floor(n/2)."),
    ("floor(n, 2)", 7, "floor takes one size", "For example: floor(n/2)."),
    ("1 + min(n)", 4, "min takes two sizes or more", "For example: min(n, 7)."),
    (
        "n, 2",
        1,
        "a comma has no place here",
        "Commas stand between the sizes of min and max.",
    ),
    (
        "n +",
        3,
        "the text ends where a number, n or a bracket is missing",
        "For example: 2n, ceil(n/2), n + 1.",
    ),
    (
        "n + * 2",
        4,
        "a number, n or a bracket is missing before '*'",
        "For example: 2n, ceil(n/2), n + 1.",
    ),
    (
        "min(n, )",
        7,
        "a number, n or a bracket is missing before ')'",
        "For example: 2n, ceil(n/2), n + 1.",
    ),
    ("2 * (n + 1", 4, "this bracket is never closed: ')' is missing", None),
    ("n)", 1, "this bracket was never opened", None),
    ("⌊n/2)", 4, "'⌊' is closed by '⌋', not by ')'", None),
    ("floor(n/2⌋", 9, "'floor' is closed by ')', not by '⌋'", None),
    (
        "n == 3",
        2,
        "a target is a size, and this is a condition",
        "Give the size alone, for example 2*n.",
    ),
    (
        "n + (n > 3)",
        2,
        "+ takes sizes, and gets a condition",
        "A condition cannot be counted with.",
    ),
    (
        "n mod 4",
        2,
        "mod belongs to ≡",
        "Write n % 4 for the remainder, n ≡ 1 (mod 4) for the condition.",
    ),
]

CONDITION_FAULTS: list[tuple[str, int, str, str | None]] = [
    (
        "2n",
        2,
        "this is a size, and not yet a condition",
        "Compare it, for example n % 2 == 0.",
    ),
    (
        "n == 3 or 4",
        7,
        "or joins conditions, and gets a size",
        "Compare the size, for example n > 3.",
    ),
    ("not n", 0, "not joins conditions, and gets a size", "Compare the size, for example n > 3."),
    (
        "(n < 3) < 4",
        8,
        "< takes sizes, and gets a condition",
        "A condition cannot be counted with.",
    ),
    ("-(n > 3)", 0, "- takes sizes, and gets a condition", "A condition cannot be counted with."),
    (
        "min(n > 3, 4) == 3",
        0,
        "min takes sizes, and gets a condition",
        "A condition cannot be counted with.",
    ),
    (
        "floor(n > 3) == 3",
        0,
        "floor takes sizes, and gets a condition",
        "A condition cannot be counted with.",
    ),
    (
        "n odd odd",
        6,
        "odd takes sizes, and gets a condition",
        "A condition cannot be counted with.",
    ),
    ("n && 3", 2, "& has no meaning here", "Write and."),
    ("n > 3 | n < 1", 6, "| has no meaning here", "Write or."),
    ("!n", 0, "! has no meaning here", "Write not, or !=."),
    ("n % 2 = 0", 6, "= has no meaning here", "Two sizes are compared by ==."),
    ("n is 3", 5, "'odd' or 'even' is missing", "Write n is odd."),
    ("n ≡ 0", 2, "≡ needs its modulus", "Write n ≡ 1 (mod 4), or n % 4 == 1."),
    (
        "n ≡ 0 (mod n)",
        11,
        "the modulus must be a positive integer",
        "For example: n ≡ 1 (mod 4).",
    ),
    (
        "n ≡ 0 mod 0",
        10,
        "the modulus must be a positive integer",
        "For example: n ≡ 1 (mod 4).",
    ),
    ("n ≡ 0 (mod 4", 12, "')' is missing", None),
    (
        "n == 0 (mod 4)",
        7,
        "mod belongs to ≡",
        "Write n % 4 for the remainder, n ≡ 1 (mod 4) for the condition.",
    ),
    (
        "n/2 > 3",
        1,
        "/ stands only inside floor(...) or ceil(...)",
        "Write // for a division rounded down, or ceil(n/2).",
    ),
    ("n > 3 not n", 6, "an operator is missing before 'not'", "Write a product with a *."),
    (
        "n > 3 and",
        9,
        "the text ends where a number, n or a bracket is missing",
        "For example: 2n, ceil(n/2), n + 1.",
    ),
]


def refused(parse: Callable[[str], Any], text: str) -> NotationError:
    with pytest.raises(NotationError) as caught:
        parse(text)
    error = caught.value
    assert error.text == text
    assert 0 <= error.position <= len(text)
    assert error.rule
    assert max(map(len, str(error).split("\n"))) < 200
    return error


@pytest.mark.parametrize(
    ("parse", "text", "position", "message", "hint"),
    [(parse_target, *row) for row in FAULTS]
    + [(parse_condition, *row) for row in CONDITION_FAULTS],
    ids=[repr(row[0]) for row in FAULTS + CONDITION_FAULTS],
)
def test_faults(
    parse: Callable[[str], Any], text: str, position: int, message: str, hint: str | None
) -> None:
    error = refused(parse, text)
    assert (error.message, error.position, error.hint) == (message, position, hint)


def test_the_caret_stands_under_the_fault() -> None:
    assert str(refused(parse_target, "2n + x")) == (
        "x is not known here\n  2n + x\n       ^\n  The input size is called n."
    )


# Hostile text.

HOSTILE = {
    "brackets": "(" * 10**6,
    "brackets closed": "(" * 500_000 + "n" + ")" * 500_000,
    "signs": "-" * 10**6,
    "attributes": "a" + ".a" * 10**5,
    "digits": "9" * 10**6,
    "blanks": " " * 10**6,
    "nulls": "\0" * 10**6,
    "names": "n" * 10**6,
    "long sum": "n+" * 500_000 + "n",
    "short brackets": "(" * LONGEST,
    "short signs": "-" * (LONGEST - 1) + "n",
    "short attributes": "a" + ".a" * 4_000,
    "short digits": "9" * LONGEST,
    "short dots": "9" * 90 + "." * 9_000,
    "short name": "x" * LONGEST,
    "nested floors": "floor(" * 49 + "n" + "/2)" * 49,
    "nested minima": "min(n," * 49 + "n" + ")" * 49,
    "many minima": "+".join(["min(n, 7)"] * 100),
    "long floors": "n" + "//2" * 400,
    "tower": "9**" * 300 + "9",
    "power": "9**99999999",
    "one to the power": "2n*1**" + "9" * 100 + "+",
    "product": "*".join(["9" * 90] * 100),
    "denominators": "floor(n" + "/99999999" * 400 + ")",
    "sum of fractions": "floor(" + "+".join([f"n/{d}" for d in range(2, 300)]) + ")",
    "not": "not " * 2_000 + "n odd",
    "long chain": "<".join(["(n+n+n+n+n+n+n)"] * 60),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("parse", [parse_target, parse_condition])
def test_hostile_text_is_refused_at_once(parse: Callable[[str], Any], text: str) -> None:
    start = time.perf_counter()
    str(refused(parse, text))
    assert time.perf_counter() - start < 2


LARGEST_TEXTS = {
    "sum": "n" + "+n" * (MOST_TOKENS // 2 - 1),
    "signs": "-" * (MOST_TOKENS - 1) + "n",
    "brackets": "(" * DEEPEST + "n" + ")" * DEEPEST,
    "nested brackets": "1-(n-" * DEEPEST + "n" + ")" * DEEPEST,
    "number": "9" * MOST_DIGITS,
    "steps": "n" + "//2" * MOST_STEPS,
    "floors": "n" + "".join([f"+(n+{i})//{i + 2}" for i in range(90)]),
    "extremes": f"min({', '.join([f'{i + 2}*n - {i * i}' for i in range(MOST_EXTREMES + 1)])})",
    "blanks": "n" + " " * (LONGEST - 1),
}


@pytest.mark.parametrize("text", LARGEST_TEXTS.values(), ids=LARGEST_TEXTS)
def test_the_largest_texts_are_read(text: str) -> None:
    start = time.perf_counter()
    target = parse_target(text)
    assert parse_target(str(target)) == target
    hash(target), repr(target), target.linear  # no call is deep
    if target.evaluate(7) < 2**63:
        values = target.evaluate(np.array([5, 7])).tolist()
        assert values == [target.evaluate(5), target.evaluate(7)]
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("n" + " " * LONGEST, "the text has more than 10000 characters", LONGEST),
        ("n" + "+n" * 500, "the text has more than 1000 numbers, names and signs", 1000),
        ("(" * 51 + "n" + ")" * 51, "the text has more than 50 open brackets", 50),
        ("n + " + "9" * 101, "the text has a number with more than 100 digits", 4),
        ("n + 10**100", "a number with more than 100 digits comes out here", 6),
        ("n + 9*" + "9" * 100, "a number with more than 100 digits comes out here", 5),
        (
            "n" + "//2" * 21,
            "more than 20 floors, ceilings, remainders, minima or maxima stand inside one another",
            61,
        ),
        (
            "min(7, n" + "//2" * 20 + ")",
            "more than 20 floors, ceilings, remainders, minima or maxima stand inside one another",
            0,
        ),
        (
            "2 + min(" + ",".join("n" * 10) + ")",
            "min and max compare sizes more than 8 times",
            4,
        ),
    ],
)
def test_limits(text: str, message: str, position: int) -> None:
    error = refused(parse_target, text)
    assert (error.message, error.position, error.rule) == (message, position, "limit")


def test_what_is_read_can_be_read_again() -> None:
    # Every product without * and every floor gains a bracket.
    text = "3*2(n+" * 30 + "n" + ")" * 30
    error = refused(parse_target, text)
    assert error.message == "written out in full, the text has more than 50 open brackets"
    chain = "<".join(["n+n+n+n+n+n"] * 60)
    assert refused(parse_condition, chain).message == (
        "written out in full, the text has more than 1000 numbers, names and signs"
    )
    middle = "1 < " + "+".join(["min(n, 7)"] * 5) + " < 50"
    assert "compare sizes more than 8 times" in refused(parse_condition, middle).message


def check_read_or_refused(text: str) -> None:
    for parse in (parse_target, parse_condition):
        value: Any = None
        try:
            value = parse(text)
        except NotationError as caught:
            error = caught
        if value is None:
            assert 0 <= error.position <= len(text)
            assert "^" in str(error)
        else:
            assert parse(str(value)) == value
            value.evaluate(5)


@given(st.text(alphabet="n0123456789+-*/%()<>=!,. ⌊⌋⌈⌉≡×²xmodinax", max_size=14))
def test_any_text_is_read_or_refused(text: str) -> None:
    check_read_or_refused(text)


TOKENS = "n n 2 3 7 + - * // / % ** ( ) , floor( ceil( min( max( ⌊ ⌋ < == >= and or not odd ≡ mod"


@given(st.lists(st.sampled_from(TOKENS.split()), max_size=12).map(" ".join))
@settings(max_examples=300)
def test_any_tokens_are_read_or_refused(text: str) -> None:
    check_read_or_refused(text)


def test_reading_loads_neither_numpy_nor_sympy() -> None:
    code = (
        "import sys; from deconvcalc.expressions import *;"
        "parse_target('2n').evaluate(5), parse_condition('n odd').evaluate(5);"
        "sys.exit(bool({'numpy', 'sympy', 'dataclasses'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
