"""Laws: what holds for every layer, every map and every window, drawn at random.

The reference side of each law counts, loops or builds sets; it uses none of the formulas.
"""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sympy
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc import placement
from deconvcalc.formulas import SameWindow
from deconvcalc.terms import letter
from tests.strategies import COUPLING, SINGLE, layers

if TYPE_CHECKING:
    from collections.abc import Callable

AXES = (1, 2, 3)
SMALL = range(27)
SYMBOLS = sympy.symbols("n1:4", integer=True)
N = SYMBOLS[0]
HUGE = 10**12

every_layer = pytest.mark.parametrize("axes", AXES)
every_single = pytest.mark.parametrize("kind", sorted(SINGLE))
every_coupling = pytest.mark.parametrize("kind", sorted(COUPLING))
every_kind = pytest.mark.parametrize("kind", sorted(SINGLE | COUPLING))


def size_or_none(layer: dc.Layer, size: Any) -> Any:
    """The output size, or None where the layer refuses."""
    try:
        return layer.output_size(size)
    except dc.SizeError:
        return None


def differs(layer: dc.Layer) -> bool:
    """Whether one size does not say which axis it is for."""
    try:
        layer.accepts(1)
    except dc.SizeError:
        return True
    return False


def no_single_floor(layer: dc.Layer) -> bool:
    """Whether some axis has a float scale, or a slice that ends at a fixed place."""

    def several(value: Any) -> tuple[Any, ...]:
        return value if isinstance(value, tuple) else (value,)

    if isinstance(layer, dc.Upsample):
        return any(isinstance(factor, float) for factor in several(layer.factor))
    if isinstance(layer, dc.Slice):
        ends = [stop for stop in several(layer.stop) if stop is not None]
        return any(stop >= 0 for stop in ends) or any(start < 0 for start in several(layer.start))
    return False


# One formula: ints, arrays, expressions and the map of a layer agree, refusals included.


@every_layer
@every_single
@settings(max_examples=8)
@given(st.data())
def test_array_and_ints_agree(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    sizes = np.array(SMALL)
    if differs(layer):
        for ask in (layer.output_size, layer.accepts):
            with pytest.raises(dc.SizeError, match="differ"):
                ask(sizes)
        return
    expected = [size_or_none(layer, n) for n in SMALL]
    mask = layer.accepts(sizes)
    assert mask.dtype == bool
    assert mask.tolist() == [layer.accepts(n) for n in SMALL] == [m is not None for m in expected]
    taken = layer.output_size(sizes[mask])
    assert taken.dtype == np.int64
    assert taken.tolist() == [m for m in expected if m is not None]
    if not mask.all():
        with pytest.raises(dc.SizeError, match="of 27 sizes") as caught:
            layer.output_size(sizes.reshape(3, 9))
        assert not mask[caught.value.size]
        assert f"at index {tuple(int(i) for i in divmod(caught.value.size, 9))}" in str(
            caught.value
        )


@every_layer
@every_single
@settings(max_examples=8)
@given(st.data())
def test_map_and_ints_agree(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    if no_single_floor(layer):
        with pytest.raises(dc.DeconvcalcError, match="no single floor"):
            layer.size_map()
        return
    maps = layer.size_map()
    if not isinstance(maps, tuple):
        maps = (maps,) * axes
        if not isinstance(layer, dc.GlobalPool | dc.Identity):
            assert [size_or_none(layer, n) for n in SMALL] == [
                maps[0](n) if n in maps[0].domain else None for n in SMALL
            ]
    if isinstance(layer, dc.Identity):
        return  # its axes are refused together, see test_identity_needs_elements
    for sizes in data.draw(st.lists(st.tuples(*[st.integers(0, 40)] * axes), max_size=8)):
        refused = any(n not in m.domain for n, m in zip(sizes, maps, strict=True))
        expected = None if refused else tuple(m(n) for n, m in zip(sizes, maps, strict=True))
        if isinstance(layer, dc.GlobalPool) and not layer.keepdims and expected is not None:
            expected = ()
        assert size_or_none(layer, sizes) == expected
        assert layer.accepts(sizes) is (expected is not None)


@every_layer
@every_kind
@settings(max_examples=6)
@given(st.data())
def test_expression_and_ints_agree(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    symbols = SYMBOLS[:axes]
    if isinstance(layer, dc.Fold):
        symbols, axes = (N,), 1
    condition = layer.accepts(symbols)
    general = size_or_none(layer, symbols)
    for sizes in data.draw(st.lists(st.tuples(*[st.integers(0, 14)] * axes), max_size=3)):
        values = dict(zip(symbols, sizes, strict=True))
        expected = size_or_none(layer, sizes)
        holds = condition if isinstance(condition, bool) else condition.subs(values)
        assert bool(holds) is layer.accepts(sizes) is (expected is not None)
        if expected is not None:
            assert tuple(sympy.sympify(m).subs(values) for m in general) == expected
    if kind in SINGLE and not differs(layer):
        n = data.draw(st.integers(0, 30))
        alone = size_or_none(layer, N)
        if size_or_none(layer, n) is not None:
            assert sympy.sympify(alone).subs(N, n) == layer.output_size(n)
        assert bool(sympy.sympify(layer.accepts(N)).subs(N, n)) is layer.accepts(n)


@every_layer
@every_coupling
@settings(max_examples=8)
@given(st.data())
def test_coupling_layers(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    sizes = data.draw(st.tuples(*[st.integers(0, 12)] * (1 if kind == "Fold" else axes)))
    result = size_or_none(layer, sizes)
    assert layer.accepts(sizes) is (result is not None)
    assert size_or_none(layer, list(sizes)) == result
    assert size_or_none(layer, tuple(map(np.int64, sizes))) == result
    if result is not None and kind in ("Flatten", "Reshape"):
        assert prod(result) == prod(sizes)
    if result is not None and kind == "Unfold":
        window = dc.Conv(
            *(getattr(layer, name) for name in layer._fields[:1]),
            **{name: getattr(layer, name) for name in layer._fields[1:]},
        )
        assert result == (prod(window.output_size(sizes)),)
    with pytest.raises(dc.DeconvcalcError, match="couples its axes"):
        layer.size_map()
    for ask in (layer.output_size, layer.accepts):
        with pytest.raises(TypeError, match="couples axes"):
            ask(np.array([1, 2]))


@given(st.integers(1, 30), st.tuples(*[st.integers(0, 8)] * 3), st.integers(1, 3))
def test_identity_needs_elements(least: int, sizes: tuple[int, ...], axes: int) -> None:
    layer = dc.Identity("norm", least_elements=least, axes=axes)
    sizes = sizes[:axes]
    enough = all(sizes) and prod(sizes) >= least
    assert size_or_none(layer, sizes) == (sizes if enough else None)
    assert layer.accepts(sizes) is enough
    n = sizes[0]
    assert layer.accepts(n) is layer.accepts((n,) * axes) is (n in layer.size_map().domain)


@given(st.data(), st.sampled_from(sorted(SINGLE)))
def test_sizes_of_other_libraries_are_ints(data: st.DataObject, kind: str) -> None:
    layer = data.draw(layers(kind, 2))
    n, m = data.draw(st.tuples(st.integers(0, 30), st.integers(0, 30)))
    expected = size_or_none(layer, (n, m))
    for integer in (np.int64, np.uint8, sympy.Integer, np.array):
        result = size_or_none(layer, (integer(n), integer(m)))
        assert result == expected
        assert result is None or all(type(size) is int for size in result)
        assert layer.accepts((integer(n), integer(m))) is (expected is not None)


WRONG_SIZES = (
    True,
    np.True_,
    3.0,
    np.float64(3),
    "3",
    b"3",
    None,
    3j,
    {3},
    {3: 3},
    range(3),
    sympy.Float(3),
    sympy.Rational(7, 2),
    sympy.oo,
    sympy.nan,
    sympy.I,
    sympy.true,
    sympy.Symbol("x", imaginary=True),
    np.array([3.0]),
    np.array([True]),
    np.array(True),
    np.array(["3"]),
)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Flatten": (),
    "Fold": (5, 3),
    "GlobalPool": (),
    "Identity": (),
    "Slice": (),
}


@pytest.mark.parametrize("size", WRONG_SIZES, ids=lambda size: f"{type(size)} {size}")
@every_kind
def test_a_size_of_a_wrong_type(kind: str, size: Any) -> None:
    layer = getattr(dc, kind)(*ARGUMENTS.get(kind, (1,)))
    for wrong in (size, (size,), [size]):
        for ask in (layer.output_size, layer.accepts):
            with pytest.raises(TypeError):
                ask(wrong)


# Big numbers: exact, or refused. Nothing wraps.


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
@every_single
@settings(max_examples=20)
@given(st.data())
def test_int64_never_wraps(kind: str, dtype: str, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, 1, big=8**8))
    numbers = data.draw(st.lists(st.integers(1, HUGE) | st.integers(1, 40), min_size=1, max_size=5))
    expected = [size_or_none(layer, n) for n in numbers]
    sizes = np.array(numbers, dtype=dtype)
    fits = [m is not None and m < 2**63 for m in expected]
    assert layer.accepts(sizes).tolist() == [m is not None for m in expected]
    if all(fits):
        result = layer.output_size(sizes)
        assert result.dtype == np.int64
        assert result.tolist() == expected
    else:
        with pytest.raises(dc.SizeError) as caught:
            layer.output_size(sizes)
        assert not fits[numbers.index(caught.value.size)]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32"])
def test_narrow_arrays_widen(dtype: str) -> None:
    sizes = np.array([100, 127], dtype=dtype)
    assert dc.ConvTranspose(6, stride=8**8).output_size(sizes).tolist() == [
        99 * 8**8 + 6,
        126 * 8**8 + 6,
    ]
    assert dc.Pad(200).output_size(sizes).tolist() == [500, 527]


def test_products_beyond_int64_are_refused() -> None:
    up = dc.PixelShuffle(8**8)
    sizes = np.array([5, 10**12])
    with pytest.raises(dc.SizeError, match="fits into int64") as caught:
        up.output_size(sizes)
    assert caught.value.size == 10**12
    assert up.output_size(10**12) == 10**12 * 8**8
    assert up.accepts(sizes).all()


@given(st.integers(1, 10**18), st.floats(1e-3, 1e300) | st.floats(0.01, 9))
@example(10**18, 1e300)
def test_float_scales_of_big_sizes(n: int, factor: float) -> None:
    layer = dc.Upsample(factor)
    expected = size_or_none(layer, n)
    if expected is not None and expected < 2**63:
        assert layer.output_size(np.array([n])).tolist() == [expected]
    else:
        with pytest.raises(dc.SizeError):
            layer.output_size(np.array([n]))


# Maps.


@st.composite
def maps(draw: Any, *, bounded: bool | None = None) -> dc.SizeMap:
    low = draw(st.integers(-6, 12))
    high = None
    if bounded or (bounded is None and draw(st.booleans())):
        high = low + draw(st.integers(-2, 40))
    return dc.SizeMap(
        draw(st.integers(-6, 6)),
        draw(st.integers(-30, 30)),
        draw(st.integers(1, 8)),
        low,
        high,
        draw(st.integers(1, 4)),
    )


RANGE = range(-60, 161)


def table(size_map: dc.SizeMap) -> dict[int, int]:
    """The values of a map, one by one."""
    return {n: size_map(n) for n in RANGE if n in size_map.domain}


@given(maps())
def test_a_map_is_its_definition(size_map: dc.SizeMap) -> None:
    a, b, c = size_map.slope, size_map.offset, size_map.divisor
    for n, value in table(size_map).items():
        assert c * value <= a * n + b < c * (value + 1)
        assert n % size_map.modulus == 0
    for n in RANGE:
        if n not in size_map.domain:
            with pytest.raises(dc.SizeError):
                size_map(n)


@given(
    st.integers(-6, 6),
    st.integers(-30, 30),
    st.integers(1, 8),
    st.integers(-6, 12),
    st.none() | st.integers(-8, 50),
    st.integers(1, 4),
)
def test_reduction_keeps_the_map(
    slope: int, offset: int, divisor: int, low: int, high: int | None, modulus: int
) -> None:
    expected = {
        n: (slope * n + offset) // divisor
        for n in RANGE
        if low <= n and (high is None or n <= high) and n % modulus == 0
    }
    assert table(dc.SizeMap(slope, offset, divisor, low, high, modulus)) == expected


@given(maps(), st.integers(-40, 40))
def test_preimage_is_the_set_of_all(size_map: dc.SizeMap, value: int) -> None:
    preimage = size_map.preimage(value)
    expected = [n for n, m in table(size_map).items() if m == value]
    assert [n for n in RANGE if n in preimage] == expected
    if preimage.stop is not None:
        assert [n for n in preimage if n in RANGE] == expected
        assert len(preimage) == len([*preimage])


@given(maps(bounded=False), maps(bounded=False))
@example(dc.SizeMap(1, 1, 2, 1, None, 2), dc.SizeMap(1, 0, 2, 2, None, 2))
@example(dc.SizeMap(2, 1, 4), dc.SizeMap(1, 0, 2))
@example(dc.SizeMap(0, 7, 3), dc.SizeMap(0, 2))
def test_maps_are_equal_where_they_agree_on_a_ray(one: dc.SizeMap, other: dc.SizeMap) -> None:
    for first, second in ((one, other), (one, other * 0 + 3), (one, one + 0), (one * 0, other * 0)):
        assert (first == second) is (table(first) == table(second))
        if first == second:
            assert hash(first) == hash(second)


@given(maps(bounded=False), st.integers(1, 5), st.integers(0, 4), st.integers(0, 3))
def test_a_map_has_one_form(size_map: dc.SizeMap, factor: int, more: int, below: int) -> None:
    assume(more < factor and below < size_map.modulus)
    same = dc.SizeMap(
        size_map.slope * factor,
        size_map.offset * factor + more,
        size_map.divisor * factor,
        size_map.low - below,
        size_map.high,
        size_map.modulus,
    )
    assert same == size_map
    assert repr(same) == repr(size_map)


@given(maps(), st.integers(-9, 9), st.integers(1, 6))
def test_the_algebra_of_maps(size_map: Any, term: int, divisor: int) -> None:
    values = table(size_map)
    for made, expected in (
        (size_map + term, lambda m: m + term),
        (term + size_map, lambda m: m + term),
        (size_map - term, lambda m: m - term),
        (term - size_map, lambda m: term - m),
        (-size_map, lambda m: -m),
        (size_map // divisor, lambda m: m // divisor),
        (-(-size_map // divisor), lambda m: -(-m // divisor)),
        (size_map * 0, lambda _: 0),
        (size_map + np.int64(term), lambda m: m + term),
    ):
        assert table(made) == {n: expected(m) for n, m in values.items()}
    if size_map.divisor == 1:
        assert table(size_map * term) == {n: m * term for n, m in values.items()}
    elif term:
        with pytest.raises(dc.DeconvcalcError, match="no single floor"):
            size_map * term


@given(maps(), maps(), st.integers(-9, 9), st.integers(1, 4))
def test_a_map_where_a_slack_holds(
    size_map: dc.SizeMap, slack: dc.SizeMap, constant: int, modulus: int
) -> None:
    free = dc.SizeMap(slack.slope, slack.offset, slack.divisor, -100)
    holds = {n: m for n, m in table(size_map).items() if free(n) >= 0 and n % modulus == 0}
    assert table(size_map.where(slack, modulus)) == holds
    assert table(size_map.where(constant)) == (table(size_map) if constant >= 0 else {})


@pytest.mark.parametrize("other", [1.5, "2", None, dc.SizeMap(), True, 3j], ids=repr)
def test_maps_meet_ints_alone(other: Any) -> None:
    size_map: Any = dc.SizeMap(1, 1, 2)
    operations: tuple[Callable[[], Any], ...] = (
        lambda: size_map + other,
        lambda: other + size_map,
        lambda: size_map - other,
        lambda: size_map * other,
        lambda: size_map // other,
        lambda: max(size_map, other),
        lambda: min(other, size_map),
    )
    for operate in operations:
        with pytest.raises((dc.DeconvcalcError, TypeError)):
            operate()
    for ask in (size_map, size_map.preimage):
        with pytest.raises(TypeError):
            ask(other)


@given(st.integers(-9, 9), st.none() | st.integers(-12, 40), st.integers(1, 5))
def test_progressions(start: int, stop: int | None, step: int) -> None:
    progression = dc.Progression(start, stop, step)
    window = range(start, 41 if stop is None else stop + 1, step)
    assert [n for n in range(-20, 41) if n in progression] == [*window]
    assert bool(progression) is (len(window) > 0)
    assert [*itertools.islice(progression, len(window))] == [*window]
    assert [*progression[1:4:2]] == [*window[1:4:2]] or stop is None
    assert 3.0 not in progression
    assert "3" not in progression
    if stop is None:
        assert progression[5] == start + 5 * step
        assert [*progression[2:5]] == [start + i * step for i in range(2, 5)]
        assert [*progression[1:8:3]] == [start + i * step for i in (1, 4, 7)]
        for index in (-1, slice(2, None), slice(None, -1), slice(5, 0, -1), slice(-3, 2)):
            with pytest.raises(IndexError):
                progression[index]
        with pytest.raises(dc.DeconvcalcError, match="no last member"):
            len(progression)
    else:
        assert len(progression) == len(window)
        assert [*progression[::-1]] == [*window[::-1]]
        same = dc.Progression(start, window[-1], step) if window else dc.Progression(1, 0)
        assert progression == same
        assert len(window) != 1 or progression == dc.Progression(start, start)


# Values.


def names() -> dict[str, Any]:
    """The public names with a capital letter, but those of the solver."""
    return {
        name: getattr(dc, name) for name in dir(dc) if name[0].isupper() and "nswer" not in name
    }


NAMES = names()


@every_layer
@every_kind
@settings(max_examples=8)
@given(st.data())
def test_layers_are_values(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    again = eval(repr(layer), dict(NAMES))  # noqa: S307  # what the repr of a layer promises
    copies = [again, layer.replace(), copy.copy(layer), copy.deepcopy(layer)]
    copies += [pickle.loads(pickle.dumps(layer, protocol)) for protocol in range(2, 6)]  # noqa: S301
    for other in copies:
        assert other == layer
        assert hash(other) == hash(layer)
        assert repr(other) == repr(layer)
        assert type(other) is type(layer)
        assert other.axes == layer.axes
        assert [size_or_none(other, n) for n in ((5,), (5, 6), (7, 8, 9))] == [
            size_or_none(layer, n) for n in ((5,), (5, 6), (7, 8, 9))
        ]
    for name in (*layer._fields, "axes", "something"):
        with pytest.raises(AttributeError, match="frozen"):
            setattr(layer, name, 1)
        with pytest.raises(AttributeError, match="frozen"):
            delattr(layer, name)
    for name in layer._fields:
        assert layer.replace(**{name: getattr(layer, name)}) == layer
    with pytest.raises(TypeError, match="no field something"):
        layer.replace(something=1)


@given(st.data(), st.sampled_from(sorted(SINGLE | COUPLING)), st.sampled_from(AXES))
def test_layers_differ_where_a_field_does(data: st.DataObject, kind: str, axes: int) -> None:
    one, other = data.draw(layers(kind, axes)), data.draw(layers(kind, axes))
    fields = [tuple([getattr(layer, name) for name in layer._fields]) for layer in (one, other)]
    same = fields[0] == fields[1]
    assert (one == other) is same
    assert one != repr(one)
    assert dc.MaxPool(2) != dc.AvgPool(2)


@pytest.mark.parametrize(
    "value",
    [
        dc.Explicit(1, -2),
        dc.Same(),
        dc.Same("lower"),
        dc.ToSize(8, 1),
        dc.ToSize(8, "lower"),
        dc.Progression(3, 9, 2),
        dc.Progression(3, None),
        dc.SizeMap(2, 3, 5, 1, 9, 3),
    ],
    ids=repr,
)
def test_small_values(value: Any) -> None:
    again = eval(repr(value), dict(NAMES))  # noqa: S307
    for other in (again, copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301
        assert other == value
        assert hash(other) == hash(value)
    assert value != "value"
    with pytest.raises(AttributeError, match="frozen"):
        value.anything = 1
    with pytest.raises(AttributeError, match="frozen"):
        del value.anything


# Rules of padding, made explicit.


@every_layer
@every_single
@settings(max_examples=8)
@given(st.data())
def test_at_is_explicit_and_keeps_the_size(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    numbers = st.sampled_from((60, 120)) if kind == "PixelUnshuffle" else st.integers(1, 40)
    sizes = data.draw(st.tuples(*[numbers] * axes))
    expected = size_or_none(layer, sizes)
    assume(expected is not None)
    settled = layer.at(sizes)
    assert settled.output_size(sizes) == expected
    assert settled.at(sizes) == settled
    assert not has_rule(settled)
    if has_rule(layer):
        # Without padding, what is counted in a mean is settled too.
        kept = set(layer._fields) - {"padding", "axes", "count_include_pad"}
        assert all(getattr(settled, name) == getattr(layer, name) for name in kept)
    else:
        assert settled == layer
    if not differs(layer) and layer.axes in (None, axes):
        n = sizes[0]
        if layer.accepts(n):
            assert layer.at(n).output_size(n) == layer.output_size(n)


def has_rule(layer: dc.Layer) -> bool:
    """Whether a padding or a crop of the layer depends on the size."""
    padding = getattr(layer, "padding", None)
    rules = padding if isinstance(padding, tuple) else (padding,)
    return any(isinstance(rule, dc.Same | dc.ToSize) for rule in rules)


def test_at_needs_ints_where_a_rule_depends_on_them() -> None:
    for wrong in (N, (N, N), np.array([3])):
        with pytest.raises(TypeError, match="int"):
            dc.Conv(3, stride=2, padding=dc.Same()).at(wrong)
        assert dc.Conv(3).at(wrong) == dc.Conv(3)
    with pytest.raises(dc.SizeError):
        dc.Conv(3).at(2)


# Windows, counted one by one.

windows = given(
    n=st.integers(1, 40),
    k=st.integers(1, 7),
    s=st.integers(1, 6),
    d=st.integers(1, 3),
    before=st.integers(0, 8),
    after=st.integers(0, 8),
)


@windows
def test_windows_are_counted(n: int, k: int, s: int, d: int, before: int, after: int) -> None:
    ke = (k - 1) * d + 1
    fits = [i for i in range(100) if i * s + ke <= n + before + after]
    layer = dc.Conv(k, stride=s, padding=((before, after),), dilation=d)
    assert size_or_none(layer, n) == (len(fits) or None)


def torch_pool(n: int, ke: int, s: int, before: int, after: int) -> int:
    """The size of a pool with ceil_mode as PyTorch computes it, with its last-window rule."""
    span = n + before + after - (ke - 1) - 1 + (s - 1)
    size = span // s + 1
    if (size - 1) * s >= n + before:
        size -= 1
    return size


@windows
def test_ceil_mode_is_the_loop_of_torch(
    n: int, k: int, s: int, d: int, before: int, after: int
) -> None:
    ke = (k - 1) * d + 1
    assume(
        before <= ke and after <= ke
    )  # all frameworks have less; beyond it torch drops one alone
    expected = torch_pool(n, ke, s, before, after)
    layer = dc.MaxPool(k, stride=s, padding=((before, after),), dilation=d, ceil_mode=True)
    assert size_or_none(layer, n) == (expected if expected >= 1 else None)
    # The same by words: windows start inside the input or the padding before it, the last may
    # hang over by less than its step, and none starts where another could have ended.
    starts = [
        i * s for i in range(100) if i * s < n + before and i * s + ke < n + before + after + s
    ]
    assert len(starts) == max(expected, 0)


@given(
    n=st.integers(1, 60),
    k=st.integers(1, 7),
    s=st.integers(1, 6),
    d=st.integers(1, 3),
    lower=st.booleans(),
)
def test_same_is_as_tensorflow_defines_it(n: int, k: int, s: int, d: int, lower: bool) -> None:
    ke = (k - 1) * d + 1
    total = max(ke - s, 0) if n % s == 0 else max(ke - n % s, 0)
    layer = dc.Conv(k, stride=s, dilation=d, padding=dc.Same("lower" if lower else "upper"))
    odd = (total - total // 2, total // 2) if lower else (total // 2, total - total // 2)
    settled = layer.at(n).padding
    assert (settled.before, settled.after) == odd
    starts = [i * s for i in range(100) if i * s + ke <= n + total]
    assert layer.output_size(n) == len(starts) == -(-n // s)
    assert layer.at(n).output_size(n) == len(starts)


@given(
    k=st.integers(1, 7),
    s=st.integers(1, 6),
    d=st.integers(1, 3),
    odd=st.sampled_from(["upper", "lower"]),
)
def test_same_is_stored_explicit_where_it_never_changes(k: int, s: int, d: int, odd: str) -> None:
    layer = dc.Conv(k, stride=s, dilation=d, padding=dc.Same(odd))
    window = SameWindow((k - 1) * d + 1, s, odd == "lower")
    always = len({window.pads(n) for n in range(1, 4 * s + 1)}) == 1
    assert isinstance(layer.padding, dc.Explicit) is always


# Transposed windows.


@given(
    n=st.integers(1, 60),
    k=st.integers(1, 7),
    s=st.integers(1, 6),
    d=st.integers(1, 3),
    p=st.integers(0, 6),
)
def test_the_adjoint_gives_the_size_back(n: int, k: int, s: int, d: int, p: int) -> None:
    down = dc.Conv(k, stride=s, dilation=d, padding=p)
    assume(down.accepts(n))
    rest = (n + 2 * p - ((k - 1) * d + 1)) % s
    up = dc.ConvTranspose(k, stride=s, dilation=d, padding=p, output_padding=rest)
    assert up.output_size(down.output_size(n)) == n
    asked = dc.ConvTranspose(k, stride=s, dilation=d, padding=dc.ToSize(n, split=p))
    assert asked.at(down.output_size(n)) == up


def taps(n: int, k: int, s: int, d: int) -> dict[int, int]:
    """How many copies of the kernel meet at each place, before any crop."""
    counts: dict[int, int] = {}
    for place in (j * s + q * d for j in range(n) for q in range(k)):
        counts[place] = counts.get(place, 0) + 1
    return counts


@given(
    n=st.integers(1, 12),
    k=st.integers(1, 6),
    s=st.integers(1, 5),
    d=st.integers(1, 3),
    before=st.integers(-3, 6),
    after=st.integers(-3, 6),
)
def test_a_transposed_window_ends_at_its_last_tap(
    n: int, k: int, s: int, d: int, before: int, after: int
) -> None:
    full = max(taps(n, k, s, d)) + 1
    layer = dc.ConvTranspose(k, stride=s, dilation=d, padding=((before, after),))
    size = full - before - after
    assert size_or_none(layer, n) == (size if size >= 1 else None)


@given(
    n=st.integers(1, 9),
    k=st.integers(1, 5),
    s=st.integers(1, 4),
    size=st.integers(1, 60),
    split=st.sampled_from(["upper", "lower", 0, 1, 2]),
)
def test_a_size_that_is_asked_for(n: int, k: int, s: int, size: int, split: str | int) -> None:
    layer = dc.ConvTranspose(k, stride=s, padding=dc.ToSize(size, split))
    full = max(taps(n, k, s, 1)) + 1
    natural = full - 2 * split if isinstance(split, int) else full
    above = size - natural
    # torch: the natural size, and up to s - 1 more; a size that is split may also be any smaller.
    accepted = 0 <= above < s if isinstance(split, int) else above < s
    assert layer.accepts(n) is accepted
    if accepted:
        crops = layer.at(n).padding
        assert crops.before + crops.after == full - size
        if split == "upper":
            assert crops.before == max(full - size, 0) // 2
        elif split == "lower":
            assert crops.after == min(full - size, (full - size) // 2)
        else:
            assert crops.before == split


# Placement, counted tap by tap.


small_windows = pytest.mark.parametrize(("s", "d"), [*itertools.product(range(1, 6), repeat=2)])


@small_windows
def test_holes(s: int, d: int) -> None:
    for n, k in itertools.product(range(1, 7), range(1, 7)):
        met = taps(n, k, s, d)
        for before, m in itertools.product(range(-1, 14), range(1, 8)):
            expected = any(place not in met for place in range(before, before + m))
            assert placement.hole(n, m, k, s, d, before) is expected, (n, m, k, before)


@given(k=st.integers(1, 12), s=st.integers(1, 8), d=st.integers(1, 8))
def test_tap_counts(k: int, s: int, d: int) -> None:
    ke = (k - 1) * d + 1
    many = 3 * (ke + s * d)
    met = taps(many, k, s, d)
    interior = range(ke, ke + 2 * s * d)
    assert max(interior) < many * s
    assert placement.tap_counts(k, s, d) == tuple(sorted({met.get(i, 0) for i in interior}))


@small_windows
def test_blind_windows(s: int, d: int) -> None:
    for n, k, before in itertools.product(range(1, 7), range(1, 5), range(-2, 12)):
        seen = [any(0 <= i * s - before + q * d < n for q in range(k)) for i in range(8)]
        for m in range(1, 9):
            expected = not all(seen[:m])
            assert placement.blind(n, m, k, s, d, before) is expected, (n, m, k, before)


def supremum(centres: list[Fraction], n: int, factor: int = 1) -> Fraction:
    """The largest distance of centres from those of a plain resize of n, in input pixels."""
    m = len(centres)
    plain = [(i + Fraction(1, 2)) * n / m - Fraction(1, 2) for i in range(m)]
    return max(abs(c - p) for c, p in zip(centres, plain, strict=True)) / factor


@given(
    n=st.integers(1, 12),
    k=st.integers(1, 7),
    s=st.integers(1, 6),
    d=st.integers(1, 3),
    before=st.integers(-3, 8),
    after=st.integers(-3, 8),
)
def test_the_shift_of_a_transposed_window(
    n: int, k: int, s: int, d: int, before: int, after: int
) -> None:
    ke = (k - 1) * d + 1
    m = max(taps(n, k, s, d)) + 1 - before - after
    assume(m >= 1)
    centres = [(i + before - Fraction(ke - 1, 2)) / s for i in range(m)]
    base, weight, unit = placement.spread_shift(n, m, s)
    assert Fraction(base + weight * abs(before - after), unit) == supremum(centres, n)


@given(
    n=st.integers(1, 12),
    factor=st.integers(1, 4),
    k=st.integers(1, 7),
    s=st.integers(1, 6),
    d=st.integers(1, 3),
    before=st.integers(0, 8),
    after=st.integers(0, 8),
)
def test_the_shift_of_a_window(
    n: int, factor: int, k: int, s: int, d: int, before: int, after: int
) -> None:
    ke, wide = (k - 1) * d + 1, n * factor
    m = len([i for i in range(100) if i * s + ke <= wide + before + after])
    assume(m >= 1)
    centres = [i * s - before + Fraction(ke - 1, 2) for i in range(m)]
    spare = wide + 2 * before - ke - (m - 1) * s
    base, weight, unit = placement.window_shift(wide, m, s, factor)
    assert Fraction(base + weight * abs(spare), unit) == supremum(centres, wide, factor)


def test_placement_of_big_sizes() -> None:
    big = 10**12
    assert not placement.hole(big, 2 * big, 4, 2, 1, 1)
    assert placement.hole(big, 2 * big, 1, 2, 1, 0)
    assert placement.hole(big, 2 * big + 3, 4, 2, 1, 0)
    assert not placement.blind(big, big, 3, 1, 1, 1)
    assert placement.tap_counts(10**9, 10**6, 1) == (1000,)
    assert placement.spread_shift(big, 2 * big, 2) == (0, 2 * big, 8 * big)


# The text of a formula is the formula.


@every_layer
@every_single
@settings(max_examples=8)
@given(st.data())
def test_a_formula_reads_as_it_counts(kind: str, axes: int, data: st.DataObject) -> None:
    layer = data.draw(layers(kind, axes))
    formula = layer.on_axis(data.draw(st.integers(0, axes - 1)))
    n = data.draw(st.integers(1, 40))
    assume(all(slack >= 0 for _, slack in formula.slacks(n)) and n % formula.modulus == 0)
    term = formula.traced(letter("n", n))
    assert str(term) == formula.text
    assert term.value == formula.size(n)
    words = {"floor": math.floor, "ceil": math.ceil, "min": min, "max": max}
    letters = term.letters() | {"n": n}
    while True:
        assert eval(str(term), words | letters) == formula.size(n)  # noqa: S307  # our own text
        if term.kind == "number":
            break
        term = term.put_in() if letters else term.reduced()
        letters = {}
