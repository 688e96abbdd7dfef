"""Sets of sizes: every operation against enumeration, one form for equal sets, how they read."""

from __future__ import annotations

import copy
import json
import pickle
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deconvcalc import sets
from deconvcalc.errors import DeconvcalcError
from deconvcalc.sets import LimitError, Sizes
from deconvcalc.sizemap import Progression, SizeMap

if TYPE_CHECKING:
    from collections.abc import Callable

HUGE = 10**12
LONGEST_HEAD, LONGEST_MASK = 24, 8
# Beyond the starts and two periods of any pair that is drawn.
FAR = LONGEST_HEAD + 2 * LONGEST_MASK * (LONGEST_MASK - 1) + 2
NUMBERS = range(1, FAR + 1)


class Drawn:
    """A set and its members up to FAR, told by the marks that it was drawn from."""

    def __init__(self, head: list[bool], mask: list[bool]) -> None:
        self.sizes = Sizes.periodic(head, mask)
        marks = head + mask * FAR
        self.members = {n for n in NUMBERS if marks[n - 1]}

    def __repr__(self) -> str:
        return repr(self.sizes)


bits = st.booleans()
drawn = st.builds(
    Drawn,
    st.lists(bits, max_size=LONGEST_HEAD),
    st.lists(bits, min_size=1, max_size=LONGEST_MASK) | st.just([False]) | st.just([True]),
)


def members(sizes: Sizes, far: int = FAR) -> set[int]:
    return {n for n in range(1, far + 1) if n in sizes}


odd, even = Sizes.congruent(1, 2), Sizes.congruent(0, 2)


# Against enumeration.


@given(drawn, drawn)
def test_operations_equal_enumeration(one: Drawn, two: Drawn) -> None:
    a, b = one.sizes, two.sizes
    assert members(a) == one.members
    assert members(a | b) == one.members | two.members
    assert members(a & b) == one.members & two.members
    assert members(a - b) == one.members - two.members
    assert members(~a) == set(NUMBERS) - one.members
    assert (a == b) == (one.members == two.members)
    assert (a <= b) == (one.members <= two.members)
    assert (a < b) == (one.members < two.members)


@given(drawn, st.integers(-3, FAR // 2), st.integers(-3, FAR // 2))
def test_questions_equal_enumeration(one: Drawn, low: int, high: int) -> None:
    sizes, ordered = one.sizes, sorted(one.members)
    below = [n for n in ordered if n <= low]
    above = [n for n in ordered if n >= low]
    nearest = (below[-1] if below else None, above[0] if above else None)
    assert sizes.nearest(low) == nearest
    assert sizes.count(low, high) == sum(low <= n <= high for n in ordered)
    assert list(islice(sizes, len(ordered))) == sizes.first(len(ordered)) == ordered
    assert [sizes[i] for i in range(len(ordered))] == ordered
    assert bool(sizes) == bool(ordered)
    assert sizes.least == (ordered[0] if ordered else None)
    if sizes.is_finite:
        assert sizes.greatest == (ordered[-1] if ordered else None)
        assert sizes.count() == len(ordered)
        assert [sizes[-i] for i in range(1, len(ordered) + 1)] == ordered[::-1]
    else:
        assert sizes.greatest is None
        assert sizes[len(ordered)] > FAR


@given(drawn)
def test_the_start_and_the_modulus_are_the_least(one: Drawn) -> None:
    sizes = one.sizes

    def decides(start: int, modulus: int) -> bool:
        later = range(start, FAR + 1 - modulus)
        return all((n in one.members) == (n + modulus in one.members) for n in later)

    settled = LONGEST_HEAD + 1
    assert sizes.modulus == next(m for m in range(1, FAR) if decides(settled, m))
    assert sizes.start == next(n for n in range(1, FAR) if decides(n, sizes.modulus))
    seen = {n % sizes.modulus for n in range(settled, settled + sizes.modulus) if n in sizes}
    assert sizes.residues == tuple(sorted(seen))


@given(drawn, drawn)
def test_equal_sets_made_differently_are_one(one: Drawn, two: Drawn) -> None:
    a, b = one.sizes, two.sizes
    pairs = [
        (~(a | b), ~a & ~b),
        (~(a & b), ~a | ~b),
        (a - b, a & ~b),
        (a | b, (a - b) | (b - a) | (a & b)),
        (a | a, a),
        (a & a, a),
        (~~a, a),
        (a | ~a, Sizes.all()),
        (a & ~a, Sizes.none()),
        (a, (a & odd) | (a & even)),
        (a, (a & Sizes.between(1, 9)) | (a & Sizes.between(10))),
    ]
    for left, right in pairs:
        assert left == right
        assert hash(left) == hash(right)
        assert str(left) == str(right)


@given(drawn)
def test_records_copies_and_reprs_are_the_set(one: Drawn) -> None:
    sizes = one.sizes
    assert Sizes.from_record(json.loads(json.dumps(sizes.to_record()))) == sizes
    assert eval(repr(sizes), {"Sizes": Sizes}) == sizes  # noqa: S307 - what the repr is for
    assert pickle.loads(pickle.dumps(sizes)) == sizes  # noqa: S301 - our own
    assert copy.deepcopy(sizes) == sizes


def test_classes_modulo_4_and_2_are_one_set() -> None:
    union = Sizes.congruent(1, 4) | Sizes.congruent(3, 4)
    assert union == odd == ~even == Sizes.periodic([True, False, True], [False, True])
    assert len({union, odd, ~even}) == 1
    assert odd != even
    assert odd != {1, 3, 5}


def test_a_long_finite_set_is_one_however_it_is_cut() -> None:
    whole = (Sizes.congruent(0, 4) | Sizes.congruent(1, 4)) & Sizes.between(1, HUGE)
    cut = whole & Sizes.between(1, 777) | whole & Sizes.between(778)
    assert cut == whole
    assert str(cut) == f"n ≡ 0 or 1 (mod 4), n ≤ {HUGE}"


@pytest.mark.parametrize(
    "progression",
    [Progression(27, 28), Progression(4, None, 4), Progression(3, 90, 7), Progression(-5, 30, 3)],
    ids=str,
)
def test_a_progression(progression: Progression) -> None:
    sizes = Sizes.from_progression(progression)
    assert members(sizes) == {n for n in NUMBERS if n in progression}


def test_an_empty_progression() -> None:
    assert Sizes.from_progression(SizeMap(1, 1, 2).preimage(-4)) == Sizes.none()


# How they read.


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        (Sizes.none(), "no n"),
        (Sizes.all(), "any n ≥ 1"),
        (Sizes.between(3), "n ≥ 3"),
        (Sizes.of(6), "n = 6"),
        (Sizes.of(6, 2), "n in {2, 6}"),
        (Sizes.of(27, 28), "27..28"),
        (Sizes.of(1, *range(5, 9)), "n in {1, 5..8}"),
        (Sizes.congruent(0, 32), "n ≡ 0 (mod 32), n ≥ 32"),
        (Sizes.congruent(0, 32, 65), "n ≡ 0 (mod 32), n ≥ 96"),
        (Sizes.congruent(1, 32), "n ≡ 1 (mod 32)"),
        (odd, "n odd"),
        (even, "n even"),
        (even - Sizes.of(2), "n even, n ≥ 4"),
        (odd | Sizes.of(2, 6), "n odd, or n in {2, 6}"),
        (odd - Sizes.of(7), "n odd except 7"),
        (Sizes.congruent(0, 4) | Sizes.congruent(1, 4), "n ≡ 0 or 1 (mod 4)"),
        (~Sizes.congruent(0, 4), "n ≡ 1, 2 or 3 (mod 4)"),
        (~Sizes.congruent(0, 32), "n ≢ 0 (mod 32)"),
        (Sizes.between(5) | Sizes.of(1, 3), "n ≥ 5, or n in {1, 3}"),
        (Sizes.between(3) - Sizes.of(7), "n ≥ 3 except 7"),
        (Sizes.all() - Sizes.between(30, 40), "any n ≥ 1 except 30..40"),
        (Sizes.congruent(0, 32) - Sizes.of(96), "n ≡ 0 (mod 32), n ≥ 32, except 96"),
        (Sizes.all() - Sizes.of(2, 9), "any n ≥ 1 except {2, 9}"),
        (
            Sizes.congruent(0, 32) | Sizes.between(1000, 2000),
            "n ≡ 0 (mod 32), n ≥ 32, or n in 1000..2000",
        ),
        (odd & Sizes.between(1, 99), "n odd, n ≤ 99"),
        (odd & Sizes.between(50, 99), "n odd, 51 ≤ n ≤ 99"),
        (
            Sizes.all() - Sizes.of(*[n * n for n in range(2, 40)]),
            "any n ≥ 1 except {4, 9, 16, 25, 36, 49, 64, 81, … 1521} (38 numbers)",
        ),
    ],
)
def test_a_set_reads_as_people_say_it(sizes: Sizes, text: str) -> None:
    assert str(sizes) == text


def listed(text: str) -> set[int]:
    """The numbers of `7`, `3..5` or `{1, 3..5}`."""
    ends = [part.split("..") for part in text.strip("{}").split(", ")]
    return {n for pair in ends for n in range(int(pair[0]), int(pair[-1]) + 1)}


def said(text: str) -> set[int]:
    """The members up to FAR of a text that is nowhere shortened, read clause by clause."""
    found: set[int] = set()
    for clause in re.split(r", or (?=n )", text):
        main, _, missing = clause.partition(" except ")
        if re.fullmatch(r"[\d.]+", main):
            found |= listed(main)
            continue
        holds = set(NUMBERS)
        for part in re.split(r", (?=n |\d+ ≤)", main.removesuffix(",").removeprefix("any ")):
            if part in ("n odd", "n even"):
                holds &= {n for n in NUMBERS if n % 2 == (part == "n odd")}
            elif match := re.fullmatch(r"n ([≡≢]) (.*) \(mod (\d+)\)", part):
                residues = {int(r) for r in re.findall(r"\d+", match[2])}
                holds &= {
                    n for n in NUMBERS if (n % int(match[3]) in residues) == (match[1] == "≡")
                }
            elif match := re.fullmatch(r"n (?:in|=) (.*)", part):
                holds &= listed(match[1])
            else:
                for low in re.findall(r"n ≥ (\d+)|(\d+) ≤ n", part):
                    holds -= set(range(1, int("".join(low))))
                for high in re.findall(r"n ≤ (\d+)", part):
                    holds &= set(range(1, int(high) + 1))
        found |= holds - (listed(missing) if missing else set())
    return found


@given(drawn)
def test_the_text_says_the_set(one: Drawn) -> None:
    text = str(one.sizes)
    if text != "no n" and "…" not in text and "except (" not in text:
        assert said(text) == one.members


@pytest.mark.parametrize(
    "text",
    [
        "Sizes.all()",
        "Sizes.none()",
        "Sizes.between(3)",
        "Sizes.between(27, 28)",
        "Sizes.of(2, 6)",
        "Sizes.congruent(0, 32)",
        "Sizes.congruent(1, 2, 5)",
    ],
)
def test_a_repr_is_the_shortest_call(text: str) -> None:
    assert repr(eval(text, {"Sizes": Sizes})) == text  # noqa: S307 - our own


# For other libraries.


@pytest.mark.parametrize(
    "sizes",
    [
        Sizes.none(),
        Sizes.all(),
        Sizes.of(2, 6),
        Sizes.congruent(0, 32),
        odd | Sizes.of(2, 6),
        Sizes.between(3) - Sizes.of(7),
        (Sizes.congruent(0, 4) | Sizes.congruent(1, 4)) & Sizes.between(3, 100),
        ~Sizes.congruent(5, 150),
    ],
    ids=str,
)
def test_the_sympy_set_agrees(sizes: Sizes) -> None:
    theirs = sizes.to_sympy()
    assert {n for n in range(-3, 200) if n in theirs} == members(sizes, 199)


LINES = [
    (Sizes.congruent(0, 32), 'H = 32 * torch.export.Dim("_H", min=1)'),
    (odd, 'H = 2 * torch.export.Dim("_H", min=1) - 1'),
    (Sizes.congruent(3, 4, 9), 'H = 4 * torch.export.Dim("_H", min=3) - 1'),
    (Sizes.congruent(0, 5) & Sizes.between(1, 30), 'H = 5 * torch.export.Dim("_H", min=1, max=6)'),
    (Sizes.between(3, 28), 'H = torch.export.Dim("H", min=3, max=28)'),
    (Sizes.all(), 'H = torch.export.Dim("H", min=1)'),
]


@pytest.mark.parametrize(("sizes", "line"), LINES)
def test_the_torch_dim(sizes: Sizes, line: str) -> None:
    assert sizes.to_torch_dim() == line


@pytest.mark.parametrize(
    "sizes",
    [Sizes.none(), Sizes.of(7), odd | Sizes.of(2), ~Sizes.congruent(0, 3), Sizes.of(1, 2, 4)],
    ids=str,
)
def test_no_torch_dim_where_no_line_says_the_set(sizes: Sizes) -> None:
    assert sizes.to_torch_dim() is None


@pytest.mark.framework
def test_torch_export_takes_the_dims() -> None:
    """A skip connection around a stride of 2 runs on even sizes: the Dim of all is refused."""
    torch = pytest.importorskip("torch")

    class Skip(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x + x[..., ::2].repeat_interleave(2, dim=-1)

    def export(sizes: Sizes) -> Any:
        space = {"torch": torch}
        exec(sizes.to_torch_dim() or "", space)  # noqa: S102 - our own line
        shapes = {"x": {1: space["H"]}}
        return torch.export.export(Skip(), (torch.zeros(1, 8),), dynamic_shapes=shapes)

    takes = export(even & Sizes.between(4, 12)).module()
    for n in range(2, 15):
        if n in (4, 6, 8, 10, 12):
            assert takes(torch.zeros(1, n)).shape == (1, n)
        else:
            with pytest.raises((AssertionError, RuntimeError)):
                takes(torch.zeros(1, n))
    with pytest.raises(Exception, match="onstraints violated"):
        export(Sizes.between(4, 12))


# What it costs: the questions that are asked of classes, however large the numbers are.

COSTLY: list[Callable[[], Sizes]] = [
    lambda: Sizes.congruent(7, HUGE, HUGE**2),
    lambda: ~Sizes.congruent(7, HUGE),
    lambda: Sizes.between(HUGE) - Sizes.of(2 * HUGE),
    lambda: odd & Sizes.between(1, HUGE),
    lambda: Sizes.congruent(3, HUGE) & Sizes.congruent(5, HUGE + 1),
    lambda: odd | Sizes.congruent(5, HUGE) | Sizes.of(HUGE),
    lambda: (odd & Sizes.between(1, HUGE)) | (Sizes.congruent(0, 7) & Sizes.between(HUGE)),
    lambda: (odd & Sizes.between(1, HUGE)) - Sizes.congruent(0, HUGE // 2 - 1),
]


@pytest.mark.parametrize("make", COSTLY, ids=range(len(COSTLY)))
def test_huge_numbers_cost_no_more(
    make: Callable[[], Sizes], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    rank = sets.classes.Classes.marks

    def counted(self: sets.classes.Classes, n: int) -> int:
        nonlocal asked
        asked += 1
        return rank(self, n)

    monkeypatch.setattr(sets.classes.Classes, "marks", counted)
    sizes = make()
    sizes.nearest(HUGE)
    sizes.count(1, HUGE**2)
    assert str(sizes)
    assert Sizes.from_record(sizes.to_record()) == sizes == ~~sizes
    assert asked < 5_000


def test_the_remainder_theorem() -> None:
    both = Sizes.congruent(3, HUGE) & Sizes.congruent(5, HUGE + 1)
    assert both.modulus == HUGE * (HUGE + 1)
    (residue,) = both.residues
    assert (residue % HUGE, residue % (HUGE + 1)) == (3, 5)
    assert Sizes.congruent(1, 4) & Sizes.congruent(2, 6) == Sizes.none()


def test_too_many_classes_are_refused() -> None:
    with pytest.raises(LimitError, match="work limit of 500000"):
        Sizes.congruent(3, HUGE) | Sizes.congruent(5, HUGE + 1)
    with pytest.raises(LimitError, match="work limit"):
        _ = (~Sizes.congruent(0, HUGE)).residues


def test_too_many_pieces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets.steps, "MOST_PIECES", 20)
    assert Sizes.of(*[n * n for n in range(1, 21)]).count() == 20
    with pytest.raises(LimitError, match="work limit of 20"):
        Sizes.of(*[n * n for n in range(1, 30)])


def test_pieces_that_later_ones_take_in_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets.steps, "MOST_PIECES", 20)
    mask = [n in {k * k for k in range(1, 18)} for n in range(300)]
    with pytest.raises(LimitError, match="work limit of 20"):
        _ = Sizes.periodic([], mask) & Sizes.between(1, 600)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(200, 500), drawn)
def test_long_heads_that_repeat(gaps: list[int], end: int, one: Drawn) -> None:
    """Patterns cut off far out, with exceptions: the head is where pieces repeat."""
    period = sum(gaps)
    places = {sum(gaps[:i]) for i in range(len(gaps))}
    inside = {n for n in range(1, end + 1) if n % period in places}
    cut = Sizes.none()
    for place in places:
        cut |= Sizes.congruent(place, period)
    cut &= Sizes.between(1, end)
    finite = one.sizes & Sizes.between(1, FAR)
    for sizes, expected in (
        (cut, inside),
        (cut | finite, inside | one.members),
        (cut - finite, inside - one.members),
        (finite - cut, one.members - inside),
    ):
        assert members(sizes, end + FAR) == set(sizes) == expected
        assert sizes == Sizes.of(*expected)
        assert hash(sizes) == hash(Sizes.of(*expected))


# What is refused.


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Sizes.of(0),
        lambda: Sizes.congruent(1, 0),
        lambda: Sizes.periodic([], []),
        lambda: odd.count(1),
        lambda: odd.to_torch_dim("2x"),
        lambda: Sizes.from_record({"modulus": 2}),
        lambda: Sizes.from_record({**Sizes.of(2).to_record(), "start": 1}),
    ],
    ids=["size", "modulus", "mask", "endless", "name", "lacking", "out of order"],
)
def test_values_that_are_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(DeconvcalcError):
        ask()


@pytest.mark.parametrize("wrong", [True, 3.0, "3", None], ids=repr)
def test_what_is_no_int_is_refused(wrong: Any) -> None:
    asks: list[Callable[[], object]] = [
        lambda: Sizes.of(wrong),
        lambda: Sizes.congruent(1, wrong),
        lambda: Sizes.between(wrong),
        lambda: wrong in odd,
        lambda: odd.nearest(wrong),
        lambda: odd.count(wrong, 9),
        lambda: odd.first(wrong),
    ]
    for ask in asks:
        with pytest.raises(TypeError):
            ask()
    with pytest.raises(TypeError):
        Sizes.periodic([], [1])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="make a set"):
        Sizes()


def test_there_is_no_member_past_the_end() -> None:
    for sizes, index in ((Sizes.of(2, 6), 2), (Sizes.of(2, 6), -3), (odd, -1), (Sizes.none(), 0)):
        with pytest.raises(IndexError):
            _ = sizes[index]


def test_other_types_do_not_mix() -> None:
    for operation in ("__and__", "__or__", "__sub__", "__le__", "__lt__"):
        assert getattr(odd, operation)({1}) is NotImplemented
