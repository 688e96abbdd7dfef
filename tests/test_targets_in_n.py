"""Targets in n: the answers are those that brute force finds right for every n."""

from __future__ import annotations

import random
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import deconvcalc as dc
from deconvcalc.expressions import parse_condition, parse_target
from tests import reference
from tests.reference import OPERATIONS, Bounds, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

STRIDES = range(1, 5)
LAST = 64 + lcm(3, 4, *STRIDES)
"""n is looked at up to here: 64, and a full period of every target, condition and stride."""

SIZES = np.arange(1, LAST + 1)
WITNESSES = 24
"""Layers are one where they have their windows in the same places at so many n."""

TARGETS = (
    *("2n", "3n-1", "ceil(n/2)", "n//2", "n+1", "n", "2n+1", "min(n,9)", "max(2n,5)", "n%4+n"),
    *("ceil(n/3)+1", "(n+1)//2*2", "2*(n//2)", "4n", "max(n-2,1)", "n-2", "ceil((n+2)/4)"),
    *("3(n//3)", "7", "2n-2", "floor((n-1)/2)+1"),
)
CONDITIONS = (
    *(None, None, "n % 2 == 0", "n odd", "n >= 5", "3 <= n < 40", "n ≡ 1 (mod 3)"),
    *("n % 4 == 0 or n == 3", "n odd or n == 2", "n <= 9", "n % 3 > 0 and n > 4"),
)


Key = tuple[Any, ...]


class Placed(NamedTuple):
    """Where a call has its windows, and its sizes, 0 where it refuses, for every n."""

    before: np.ndarray
    after: np.ndarray
    sizes: np.ndarray


def place(op: str, style: Style, call: reference.Call, *, ceil_mode: bool) -> Placed | None:
    """What a framework makes of a call for all n at once; None where it takes no such call."""
    factor, k, s, d, p, extra = call
    n, ke = SIZES * factor, d * (k - 1) + 1
    zero = 0 * n
    if op == "pixel_shuffle":
        return Placed(zero, zero, n)
    if op == "conv_transpose":
        return transposed(style, n, s, ke, (p, extra, d))
    pool = op in reference.POOLS
    if style.framework == "torch" and style.padding == "numbers":
        if pool and (p > k // 2 or (op == "avg_pool" and d > 1)):
            return None
        before = after = zero + p
    elif ceil_mode or no_word(op, style, s, d):
        return None
    else:
        total = np.maximum((-(-n // s) - 1) * s + ke - n, 0)
        total = zero if style.padding == "valid" else total
        before, after = total // 2, total - total // 2
    room = n + before + after - ke
    sizes = np.where(room >= 0, room // s + 1, 0)
    if ceil_mode:
        sizes = np.maximum(-(-room // s) + 1, 0)
        sizes -= (sizes - 1) * s >= n + before
    return Placed(before, after, sizes)


def no_word(op: str, style: Style, s: int, d: int) -> bool:
    """Whether the framework has no such window with its padding told by a word."""
    if style.framework == "torch":
        return s > 1
    return d > 1 and (s > 1 or op in reference.POOLS)


def transposed(
    style: Style, n: np.ndarray, s: int, ke: int, numbers: tuple[int, int, int]
) -> Placed | None:
    p, extra, d = numbers
    full = (n - 1) * s + ke
    if style.framework == "torch":
        if extra >= max(s, d):
            return None
        before, sizes = 0 * n + p, full - 2 * p + extra
    elif d > 1 and s > 1:
        return None
    elif style.padding == "valid":
        if style.extra == "int" and extra >= s:
            return None
        before = 0 * n
        sizes = (n - 1) * s + max(ke, s) if style.extra == "none" else full + extra
    else:
        if style.extra == "int" and (extra >= s or ke % 2 + extra < 1):
            return None
        sizes = n * s if style.extra == "none" else (n - 1) * s + ke % 2 + extra
        before = np.maximum(full - sizes, 0) // 2
    return Placed(before, full - sizes - before, np.maximum(sizes, 0))


def key(op: str, call: Any, placed: Placed, style: Style | None, taken: np.ndarray) -> Key:
    """What makes a layer the one that it is, for the n that it takes."""
    places = np.flatnonzero(taken)[:WITNESSES]
    before, after = placed.before[places], placed.after[places]
    padded = op == "avg_pool" and bool(before.any() or after.any())
    counted = padded and style is not None and style.framework == "torch"
    return op, *call[:4], tuple(before.tolist()), tuple(after.tolist()), counted


class Asked(NamedTuple):
    """A question about all n."""

    target: str
    where: str | None
    op: str
    dialect: str
    bounds: Bounds
    ceil_mode: bool

    def answers(self) -> Any:
        given: dict[str, Any] = {
            name: list(value) for name, value in self.bounds._asdict().items() if value
        }
        given["ceil_mode"] = self.ceil_mode
        return dc.solve(self.target, where=self.where, op=self.op, dialect=self.dialect, **given)

    def meant(self) -> tuple[np.ndarray, np.ndarray]:
        """The targets of all n, and which n are meant."""
        expression = parse_target(self.target)
        targets = np.array([expression.evaluate(int(n)) for n in SIZES])
        holds = targets >= 1
        if self.where:
            condition = parse_condition(self.where)
            holds &= np.array([bool(condition.evaluate(int(n))) for n in SIZES])
        return targets, holds

    def by_brute_force(self) -> tuple[set[Key], set[Key]]:
        """The layers that are right for every n meant, and those that refuse some of these."""
        targets, meant = self.meant()
        whole: set[Key] = set()
        partly: set[Key] = set()
        for op, style, call in self.calls():
            placed = place(op, style, call, ceil_mode=self.ceil_mode and op in reference.POOLS)
            if placed is None:
                continue
            taken = meant & (placed.sizes >= 1)
            if taken.any() and (placed.sizes[taken] == targets[taken]).all():
                kind = whole if (taken == meant).all() else partly
                kind.add(key(op, call, placed, style, taken))
        return whole, partly

    def calls(self) -> Iterator[tuple[str, Style, reference.Call]]:
        for op in OPERATIONS if self.op == "any" else (self.op,):
            for framework in ("torch", "keras") if self.dialect == "any" else (self.dialect,):
                for style in reference.styles(op, framework):
                    if op == "pixel_shuffle":
                        for factor in self.bounds.factors():
                            yield op, style, (factor, 1, 1, 1, 0, 0)
                    else:
                        for call in reference.axis_calls(op, style, self.bounds):
                            yield op, style, call


def key_of(answer: Any, asked: Asked) -> Key:
    """An answer as brute force knows it, read from the formula of its last layer."""
    layer = answer.layers[-1]
    formula = layer.on_axis(0)
    factor = answer.factor or 1
    n = SIZES * factor
    if answer.op == "pixel_shuffle":
        sides, call = (0, 0), (factor, 1, 1, 1)
    else:
        sides = formula.pads(n) if hasattr(formula, "pads") else (formula.before, formula.after)
        call = (
            factor,
            layer.kernel_size,
            getattr(layer, "stride", 1),
            getattr(layer, "dilation", 1),
        )
    placed = Placed(0 * n + sides[0], 0 * n + sides[1], n)
    taken = asked.meant()[1] & layer.accepts(n if answer.op != "pixel_shuffle" else SIZES)
    counted = Style("torch" if getattr(layer, "count_include_pad", False) else "keras", "")
    return key(answer.op, call, placed, counted, taken)


def check(asked: Asked) -> int:
    found = asked.answers()
    whole, partly = asked.by_brute_force()
    keys = [key_of(answer, asked) for answer in found]
    assert len(found) == len(keys) == len(set(keys)), asked
    assert set(keys) == whole, asked
    keys = [key_of(answer, asked) for answer, _ in found.partly]
    assert len(keys) == len(set(keys)), asked
    assert set(keys) == partly, asked
    for answer, _ in found.partly[:5]:
        accepted = dc.accepted(answer.size_map)
        formula = [answer.layers[-1].accepts(int(n) * (answer.factor or 1)) for n in SIZES]
        assert [int(n) in accepted for n in SIZES] == formula
    return len(whole) + len(partly)


FEW = [
    "n <= 5",
    "n >= 4 and n <= 5",
    "n == 4",
    "n < 9 and n odd",
    "n == 3 or n == 11",
    "n > 6 and n < 10",
]
"""Conditions that few n fulfil."""


def some(rng: random.Random, most: int) -> tuple[int, ...]:
    return tuple(range(1, rng.randint(2, most) + 1))


@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
@pytest.mark.parametrize("op", [*OPERATIONS, "any"])
def test_answers_are_those_of_brute_force(op: str, dialect: str) -> None:
    rng = random.Random(f"{op} {dialect}")
    answers = 0
    for target in TARGETS:
        for where in (None, rng.choice(CONDITIONS)):
            used = Bounds(
                kernel_size=some(rng, 7),
                stride=some(rng, STRIDES[-1]),
                dilation=some(rng, 3) if rng.random() < 0.5 else None,
                factor=some(rng, 4),
            )
            names = {
                "pixel_shuffle": ("factor",),
                "resize_conv": ("kernel_size", "dilation", "factor"),
            }
            names |= {"avg_pool": ("kernel_size", "stride"), "any": Bounds._fields}
            kept = names.get(op, ("kernel_size", "stride", "dilation"))
            bounds = Bounds(**{name: getattr(used, name) for name in kept})
            ceil_mode = op in reference.POOLS and rng.random() < 0.4
            answers += check(Asked(target, where, op, dialect, bounds, ceil_mode))
    assert answers or (op, dialect) == ("pixel_shuffle", "keras")


@pytest.mark.parametrize("dialect", ["torch", "keras", "any"])
@pytest.mark.parametrize("op", [*OPERATIONS, "any"])
def test_where_few_n_are_meant(op: str, dialect: str) -> None:
    rng = random.Random(f"few {op} {dialect}")
    names: dict[str, tuple[str, ...]] = {
        "pixel_shuffle": ("factor",),
        "resize_conv": ("kernel_size", "factor"),
        "conv": ("kernel_size", "stride", "dilation"),
        "conv_transpose": ("kernel_size", "stride", "dilation"),
    }
    for target in rng.sample(["n", "2n", "n//4", "(n+3)//4", "ceil(n/2)", "n-2", "n//2"], 4):
        for where in rng.sample(FEW, 3):
            used = Bounds(
                kernel_size=some(rng, 6), stride=some(rng, 3), dilation=(1, 2), factor=some(rng, 3)
            )
            kept = names.get(op, ("kernel_size", "stride"))
            bounds = Bounds(**{name: getattr(used, name) for name in kept})
            ceil_mode = op in reference.POOLS and rng.random() < 0.3
            asked = Asked(target, where, op, dialect, bounds, ceil_mode)
            if asked.meant()[1].any():
                check(asked)


@pytest.mark.parametrize(
    ("target", "question", "partly"),
    [
        (
            "n//4",
            {"kernel_size": 5, "stride": 1, "where": "n >= 4 and n <= 5"},
            [("Conv(5)", "n ≥ 5")],
        ),
        (
            "(n+3)//4",
            {"kernel_size": 2, "stride": 2, "dilation": 2, "where": "n <= 5"},
            [("Conv(2, stride=2, dilation=2)", "n ≥ 3")],
        ),
    ],
)
def test_layers_that_refuse_some_of_few_n_are_listed_apart(
    target: str, question: dict[str, Any], partly: list[tuple[str, str]]
) -> None:
    found: Any = dc.solve(target, op="conv", padding=0, **question)
    assert len(found) == 0
    assert [(str(answer.layers[0]), taken) for answer, taken in found.partly] == partly


@pytest.mark.parametrize(
    ("target", "question", "count", "smallest"),
    [
        ("2n", {"where": "n == 10**15"}, 16, 10**15),
        ("2n", {"where": "n > 10**15"}, 16, 10**15 + 1),
        ("2n", {"where": "n < 10**15"}, 16, 5),
        ("2n", {"where": "n > 10**15 and n % 3 == 1 or n < 7"}, 16, 5),
        ("n - 10**15", {"op": "conv"}, 0, None),
        ("min(2n, n + 10**15)", {}, 0, None),
    ],
)
def test_turns_far_out_are_jumped_to(
    target: str, question: dict[str, Any], count: int, smallest: int | None
) -> None:
    found = dc.solve(target, **question)
    assert found.total == count
    if smallest is not None:
        answer = found[0]
        assert answer.smallest_source == smallest
        assert answer.output_size(smallest) == parse_target(target).evaluate(smallest)


@pytest.mark.parametrize(
    ("target", "question", "count", "first"),
    [
        ("2n", {}, 16, "ConvTranspose(4, stride=2, padding=1)"),
        ("ceil(n/2)", {"op": "conv"}, 8, "Conv(3, stride=2, padding=1)"),
        ("n + 1", {"op": "conv"}, 8, "Conv(4, padding=2)"),
        ("3n-1", {"kernel_size": 5}, 1, None),
        ("2n", {"op": "resize_conv"}, 6, "Upsample(factor=2)"),
        ("2n", {"op": "pixel_shuffle"}, 1, "PixelShuffle(2)"),
        ("n//2", {"op": "max_pool", "where": "n even"}, None, "MaxPool(2)"),
        ("ceil(n/2)", {"op": "max_pool", "ceil_mode": True}, 5, None),
    ],
)
def test_what_people_ask(
    target: str, question: dict[str, Any], count: int | None, first: str | None
) -> None:
    found = dc.solve(target, **question)
    assert count in (None, len(found))
    assert first in (None, repr(found[0].layers[0]))
    for answer in found:
        for n in range(2, 30, 2):
            assert answer.output_size(n) == parse_target(target).evaluate(n)


def test_padding_by_the_size_is_an_answer_in_keras() -> None:
    found = dc.solve("ceil(n/2)", op="conv", dialect="keras")
    rules = [answer for answer in found if answer.padding == "same"]
    assert {answer.kernel_size for answer in rules} == set(range(2, 17))
    assert all("padding=Same('upper')" in repr(answer.layers[0]) for answer in rules)
    for answer in rules:
        assert [answer.output_size(n) for n in range(1, 12)] == [-(-n // 2) for n in range(1, 12)]


def test_facts_are_those_of_every_n() -> None:
    (shifted,) = dc.solve("2n + 2", kernel_size=4, stride=2, padding=0)
    assert (shifted.shift, shifted.aligned) == (0.5, True)
    assert dc.solve("2n")[0].shift == 0
    assert dc.solve("2n", kernel_size=3, stride=2)[0].checkerboard
    record = dc.solve("2n")[0].to_record()
    assert (record["source"], record["target"]) == ("n", "2*n")


def test_layers_that_refuse_some_n_are_listed_apart() -> None:
    found: Any = dc.solve("n", op="conv", kernel_size=[3, 5], padding=[0, 1, 2], stride=1)
    assert [answer.kernel_size for answer in found] == [3, 5]
    cut: Any = dc.solve("max(n - 2, 1)", op="conv", kernel_size=3, padding=0)
    assert (len(cut), [(str(a.layers[0]), d) for a, d in cut.partly]) == (
        0,
        [("Conv(3)", "n ≥ 3")],
    )


def test_there_may_be_none() -> None:
    found = dc.solve("min(n, 7)", op="conv")
    assert not found
    assert "min(n, 7) for every n" in found.reason.text


def test_code_holds_for_every_n() -> None:
    code = dc.solve("2n")[0].code("keras")
    assert 'padding="same"' in code
    assert "strides=2" in code


@pytest.mark.parametrize(
    ("target", "question", "message"),
    [
        ("2m", {}, "m is not known here"),
        ("2n+", {}, "missing"),
        ("2n", {"source": 4}, "n for its source"),
        ("2n", {"where": "n % 2"}, "not yet a condition"),
        ("2n", {"kernel_size": (3, 5)}, "one axis"),
        ("2n", {"where": "n < 0"}, "no n has a target"),
        ("-n", {}, "no n has a target"),
        (7, {"source": 4, "where": "n odd"}, "no n"),
    ],
)
def test_questions_that_make_no_sense(target: Any, question: dict[str, Any], message: str) -> None:
    with pytest.raises(dc.DeconvcalcError, match=message):
        dc.solve(target, **question)
