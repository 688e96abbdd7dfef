"""The 15 relationships of Dumoulin and Visin's guide to convolution arithmetic, as theorems.

V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
arXiv:1603.07285. Their letters: input i, output o, kernel k, stride s, padding p on both sides,
dilation d; a transposed convolution has a dash, and a rows of zeros added at one end.

Each relationship has two sides. One is what the layers of this package count; the other is the
relationship, in plain arithmetic. A proof by maps compares them for every i at once, at every k up
to 11 and every s up to 8. A proof in symbols runs the formulas of the package on symbols, and finds
that nothing is left of the difference. Nothing here calls sympy's `simplify`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import deconvcalc as dc
from deconvcalc.formulas import Spread, Window, effective_kernel
from deconvcalc.sizemap.exact import exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deconvcalc.sizemap.exact import ExactMap

__all__ = ["RELATIONSHIPS", "Counterexample", "Relationship"]

KERNELS = range(1, 12)
STRIDES = range(1, 9)
DILATIONS = range(1, 5)

Case = dict[str, int]


class Counterexample(NamedTuple):
    """Where an altered relationship fails.

    Attributes:
        altered: what was altered.
        case: the parameters.
        i: the input size.
        claimed: the size that the altered relationship says.
        true: the size that it is.
    """

    altered: str
    case: Case
    i: int
    claimed: int
    true: int

    def __str__(self) -> str:
        at = ", ".join([f"{name} = {value}" for name, value in {**self.case, "i": self.i}.items()])
        return f"{self.altered}: at {at} it says {self.claimed}, and {self.true} is true"


class Relationship(NamedTuple):
    """One relationship.

    Attributes:
        number: its number in the guide.
        text: what it says.
        cases: its parameters, every one of them within the bounds.
        claim: the size that it claims, in plain arithmetic.
        kind: the layer that it is about.
        padding: the padding that follows from k, where it is no parameter.
    """

    number: int
    text: str
    cases: Callable[[], Iterator[Case]]
    claim: Callable[..., Any]
    kind: str = "convolution"
    padding: Callable[[Any], Any] | None = None

    @property
    def transposed(self) -> bool:
        """Whether it is about a transposed convolution."""
        return self.kind == "transposed"

    @property
    def has_floor(self) -> bool:
        """Whether a floor remains unless i + 2p - ke is a multiple of s."""
        return not self.transposed and "s" in next(self.cases())

    def _given(self, case: dict[str, Any]) -> dict[str, Any]:
        return case if self.padding is None else {**case, "p": self.padding(case["k"])}

    def proofs(self) -> int:
        """In how many cases it holds for every i; each is decided by exact maps.

        Raises:
            AssertionError: it does not hold in one of them.
        """
        cases = list(self.cases())
        for case in cases:
            given = self._given(case)
            found = dc.compose(_LAYERS[self.kind](**given))
            assert not found.shape.finite, (self.number, case)
            assert _are_equal(found, self.claim(_identity(), **case)), (self.number, case)
            if self.transposed:
                assert found.is_same(dc.compose(_directly(**given))) is True, (self.number, case)
                # What adds a at the end adds a to the size, as the claim says: a = 0 is enough.
                assert case.get("a", 0) > 0 or _gives_back(found, **given), (self.number, case)
        return len(cases)

    def symbolic(self) -> bool:
        """Whether the difference of both sides is zero in symbols."""
        import sympy

        names = next(self.cases())
        case = {name: sympy.Symbol(name, integer=True, positive=True) for name in names}
        if self.cases is _odd_kernels:
            case["k"] = 2 * sympy.Symbol("h", integer=True, positive=True) + 1
        given = self._given(case)
        i = sympy.Symbol("i", integer=True, positive=True)
        if self.has_floor:
            ke = effective_kernel(given["k"], given.get("d", 1))
            turns = sympy.Symbol("q", integer=True, positive=True)
            i = ke - 2 * given.get("p", 0) + turns * given["s"]
        size = _spread(i, **given) if self.transposed else _window(i, **given)
        sides = [self.claim(i, **case)]
        if self.transposed:
            sides.append(_direct_window(i, **given))
        return all(sympy.expand(size - side) == 0 for side in sides)

    def counterexamples(self) -> list[Counterexample]:
        """For each way to alter it by 1, the first input at which it fails."""
        result = "o'" if self.transposed else "o"
        found = [self._refuted(f"{result} {sign:+d}", {}, sign) for sign in (1, -1)]
        return found + [self._refuted(f"{name} +1", {name: 1}, 0) for name in next(self.cases())]

    def _refuted(self, altered: str, by: dict[str, int], more: int) -> Counterexample:
        # A kernel of 3 and a stride of 2 first: they show more than 1 and 1.
        telling = sorted(self.cases(), key=lambda case: (case["k"] != 3, case.get("s", 2) != 2))
        for case in telling:
            found = dc.compose(_LAYERS[self.kind](**self._given(case)))
            moved = {name: value + by.get(name, 0) for name, value in case.items()}
            claimed = self.claim(_identity(), **moved) + more
            i = found.first_difference(claimed + found * 0)
            if i is not None:
                return Counterexample(altered, case, i, claimed(i), found(i))
        raise AssertionError(f"relationship {self.number} holds altered too: {altered}")


def _identity() -> ExactMap:
    return exact(dc.SizeMap.identity())


def _are_equal(found: ExactMap, claimed: ExactMap) -> bool:
    """Whether two maps are equal for every i that the first one takes."""
    return found.is_same(claimed + found * 0) is True


def _gives_back(found: ExactMap, k: int, s: int = 1, p: int = 0, a: int = 0) -> bool:
    """Whether the transposed convolution undoes the convolution where (i + 2p - k) mod s is a.

    For every i the two together give i + a - (i + 2p - k) mod s: i itself there, and only there.
    """
    conv = dc.Conv(k, stride=s, padding=p)
    there_and_back = exact(conv.size_map()).then(found)
    i = _identity()
    return _are_equal(there_and_back, i + a - (i + 2 * p - k) % s)


# Parameters.


def _kernels() -> Iterator[Case]:
    yield from ({"k": k} for k in KERNELS)


def _odd_kernels() -> Iterator[Case]:
    yield from ({"k": k} for k in KERNELS if k % 2)


def _kernels_and_paddings() -> Iterator[Case]:
    yield from ({"k": k, "p": p} for k in KERNELS for p in range(k))


def _kernels_and_strides() -> Iterator[Case]:
    yield from ({"k": k, "s": s} for k in KERNELS for s in STRIDES)


def _all() -> Iterator[Case]:
    yield from ({**one, "s": s} for one in _kernels_and_paddings() for s in STRIDES)


def _all_and_rests() -> Iterator[Case]:
    yield from ({**one, "a": a} for one in _all() for a in range(one["s"]))


def _all_and_dilations() -> Iterator[Case]:
    yield from ({**one, "d": d} for one in _all() for d in DILATIONS)


# Layers, and the same in symbols.


def _conv(k: int, s: int = 1, p: int = 0, d: int = 1) -> list[dc.Layer]:
    return [dc.Conv(k, stride=s, padding=p, dilation=d)]


def _pool(k: int, s: int) -> list[dc.Layer]:
    return [dc.MaxPool(k, stride=s)]


def _window(i: Any, k: Any, s: Any = 1, p: Any = 0, d: Any = 1) -> Any:
    return Window(effective_kernel(k, d), s, p, p).size(i)


def _transposed(k: int, s: int = 1, p: int = 0, a: int = 0) -> list[dc.Layer]:
    return [dc.ConvTranspose(k, stride=s, padding=p, output_padding=a)]


def _spread(i: Any, k: Any, s: Any = 1, p: Any = 0, a: Any = 0) -> Any:
    return Spread(k, s, p, p - a).size(i)


def _directly(k: int, s: int = 1, p: int = 0, a: int = 0) -> list[dc.Layer]:
    """A convolution of stride 1 over the input with s - 1 zeros between its elements."""
    stretch = dc.ConvTranspose(1, stride=s)  # a kernel of one tap leaves zeros between
    return [stretch, dc.Pad(((0, a),)), dc.Conv(k, padding=k - p - 1)]


def _direct_window(i: Any, k: Any, s: Any = 1, p: Any = 0, a: Any = 0) -> Any:
    stretched = Spread(1, s, 0, 0).size(i)
    return Window(k, 1, k - p - 1, k - p - 1).size(stretched + a)


_LAYERS: dict[str, Callable[..., list[dc.Layer]]] = {
    "convolution": _conv,
    "pool": _pool,
    "transposed": _transposed,
}


def _half(k: Any) -> Any:
    return k // 2


def _full(k: Any) -> Any:
    return k - 1


RELATIONSHIPS = (
    Relationship(
        1,
        "For any i and k, with s = 1 and p = 0: o = (i - k) + 1.",
        _kernels,
        lambda i, k: (i - k) + 1,
    ),
    Relationship(
        2,
        "For any i, k and p, with s = 1: o = (i - k) + 2p + 1.",
        _kernels_and_paddings,
        lambda i, k, p: (i - k) + 2 * p + 1,
    ),
    Relationship(
        3,
        "For any i, with k odd, s = 1 and p = floor(k/2): o = i + 2 floor(k/2) - (k - 1) = i.",
        _odd_kernels,
        lambda i, k: i + 2 * _half(k) - (k - 1),
        padding=_half,
    ),
    Relationship(
        4,
        "For any i and k, with p = k - 1 and s = 1: o = i + (k - 1).",
        _kernels,
        lambda i, k: i + (k - 1),
        padding=_full,
    ),
    Relationship(
        5,
        "For any i, k and s, with p = 0: o = floor((i - k)/s) + 1.",
        _kernels_and_strides,
        lambda i, k, s: (i - k) // s + 1,
    ),
    Relationship(
        6,
        "For any i, k, p and s: o = floor((i + 2p - k)/s) + 1.",
        _all,
        lambda i, k, p, s: (i + 2 * p - k) // s + 1,
    ),
    Relationship(
        7,
        "For any i, k and s, a pool without padding: o = floor((i - k)/s) + 1.",
        _kernels_and_strides,
        lambda i, k, s: (i - k) // s + 1,
        kind="pool",
    ),
    Relationship(
        8,
        "A convolution with s = 1 and p = 0 has a transposed one with k' = k, s' = 1, p' = k - 1: "
        "o' = i' + (k - 1).",
        _kernels,
        lambda i, k: i + (k - 1),
        kind="transposed",
    ),
    Relationship(
        9,
        "A convolution with s = 1 has a transposed one with k' = k, s' = 1, p' = k - p - 1: "
        "o' = i' + (k - 1) - 2p.",
        _kernels_and_paddings,
        lambda i, k, p: i + (k - 1) - 2 * p,
        kind="transposed",
    ),
    Relationship(
        10,
        "A convolution with k odd, s = 1 and p = floor(k/2) has a transposed one with k' = k, "
        "s' = 1, p' = p: o' = i' + (k - 1) - 2p = i'.",
        _odd_kernels,
        lambda i, k: i + (k - 1) - 2 * _half(k),
        kind="transposed",
        padding=_half,
    ),
    Relationship(
        11,
        "A convolution with s = 1 and p = k - 1 has a transposed one with k' = k, s' = 1, p' = 0: "
        "o' = i' + (k - 1) - 2p = i' - (k - 1).",
        _kernels,
        lambda i, k: i - (k - 1),
        kind="transposed",
        padding=_full,
    ),
    Relationship(
        12,
        "A convolution with p = 0 whose i - k is a multiple of s has a transposed one over the "
        "input with s - 1 zeros between its elements, with k' = k, s' = 1, p' = k - 1: "
        "o' = s(i' - 1) + k.",
        _kernels_and_strides,
        lambda i, k, s: s * (i - 1) + k,
        kind="transposed",
    ),
    Relationship(
        13,
        "A convolution whose i + 2p - k is a multiple of s has a transposed one over the input "
        "with s - 1 zeros between its elements, with k' = k, s' = 1, p' = k - p - 1: "
        "o' = s(i' - 1) + k - 2p.",
        _all,
        lambda i, k, p, s: s * (i - 1) + k - 2 * p,
        kind="transposed",
    ),
    Relationship(
        14,
        "Any convolution has a transposed one over the input with s - 1 zeros between its elements "
        "and a = (i + 2p - k) mod s more at the end, with k' = k, s' = 1, p' = k - p - 1: "
        "o' = s(i' - 1) + a + k - 2p.",
        _all_and_rests,
        lambda i, k, p, s, a: s * (i - 1) + a + k - 2 * p,
        kind="transposed",
    ),
    Relationship(
        15,
        "For any i, k, p and s, dilated by d: o = floor((i + 2p - k - (k - 1)(d - 1))/s) + 1.",
        _all_and_dilations,
        lambda i, k, p, s, d: (i + 2 * p - k - (k - 1) * (d - 1)) // s + 1,
    ),
)
"""The relationships, in the order of the guide; their words are ours."""
