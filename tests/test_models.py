"""Models: admissible inputs, faults and fields, against a simulation that knows only numbers."""

from __future__ import annotations

import json
import tracemalloc
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc import costs
from deconvcalc.errors import LayerError, SizeError
from deconvcalc.model import Given, Node
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Fixed, Joint, variable
from deconvcalc.model.fields import WHOLE, Field, fields, shifts

if TYPE_CHECKING:
    from collections.abc import Callable

# A description of a model is a list of (operation, places of its sources); place 0 is the input.
Description = list[tuple[Any, tuple[int, ...]]]

LAYERS = st.one_of(
    st.builds(
        lambda k, s, p: dc.Conv(k, stride=s, padding=p, out_channels=4),
        st.integers(1, 5),
        st.integers(1, 3),
        st.integers(0, 2),
    ),
    st.builds(
        lambda k, s: dc.Conv(k, stride=s, padding=dc.Same(), out_channels=4),
        st.integers(1, 4),
        st.integers(1, 3),
    ),
    st.builds(
        lambda k, s, p: dc.ConvTranspose(k, stride=s, padding=p, out_channels=4),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(0, 1),
    ),
    st.builds(
        lambda k, c: dc.MaxPool(k, padding=k // 2 if c else 0, ceil_mode=c),
        st.integers(2, 3),
        st.booleans(),
    ),
    st.builds(dc.Upsample, st.integers(2, 3)),
    st.builds(lambda a, b: dc.Pad(((a, b),)), st.integers(-1, 2), st.integers(-1, 2)),
    st.just(dc.AdaptivePool(3)),
    st.just(dc.GlobalPool()),
    st.just(dc.Identity("relu")),
)
MERGES = st.sampled_from([dc.Add(), dc.Multiply(), dc.Concat(), dc.Concat(0), dc.CropTo()])


@st.composite
def descriptions(draw: Callable[[Any], Any], most: int = 9) -> Description:
    """A random model of one axis: layers, and merges of any two earlier places."""
    made: Description = []
    for place in range(1, draw(st.integers(2, most)) + 1):
        if place > 1 and draw(st.booleans()):
            pair = (draw(st.integers(0, place - 1)), draw(st.integers(0, place - 1)))
            made.append((draw(MERGES), pair))
        else:
            made.append((draw(LAYERS), (draw(st.integers(max(place - 3, 0), place - 1)),)))
    return made


def built(description: Description) -> dc.Model:
    """The description as a model. Its channels are left open, so that only sizes can fail."""
    model = dc.Model()
    nodes = [model.input(axes=1)]
    for operation, sources in description:
        plain = operation
        if isinstance(operation, (dc.Conv, dc.ConvTranspose)):
            plain = operation.replace(out_channels=None)
        nodes.append(model.add(plain, *[nodes[place] for place in sources]))
    model.output(nodes[-1])
    return model


def simulated(description: Description, n: int, *, repeat: bool) -> list[int] | None:
    """All sizes at n, or None where something fails; `repeat` allows to repeat a size of 1."""
    sizes = [n]
    for operation, places in description:
        sources = [sizes[place] for place in places]
        if isinstance(operation, dc.Layer):
            try:
                sizes.append(operation.output_size(sources[0]))
            except SizeError:
                return None
        elif isinstance(operation, dc.CropTo):
            if sources[0] < sources[1]:
                return None
            sizes.append(sources[1])
        elif isinstance(operation, dc.Concat):
            if operation.axis == 0:
                sizes.append(sum(sources))
            elif sources[0] != sources[1]:
                return None
            else:
                sizes.append(sources[0])
        else:
            if sources[0] != sources[1] and not (repeat and 1 in sources):
                return None
            sizes.append(max(sources))
    return sizes


def always_one(description: Description) -> bool:
    """Whether a merge meets a size that is 1 for every input, which may be repeated."""
    return any(isinstance(operation, dc.GlobalPool) for operation, _ in description)


@given(descriptions())
@settings(max_examples=300, deadline=None)
def test_admissible_equals_a_simulation_without_repeating(description: Description) -> None:
    model = built(description)
    admissible = model.admissible()
    for n in range(1, 70):
        run = model.run(n)
        held = simulated(description, n, repeat=True)
        assert run.runs == (held is not None)
        if held is not None:
            assert [run.size(node)[0] for node in model] == held
        assert (n in admissible) == (run.runs and not run.repeated)
        if not always_one(description):
            assert (n in admissible) == (simulated(description, n, repeat=False) is not None)


@given(descriptions(), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_functions_give_the_sizes_where_a_model_runs(description: Description, n: int) -> None:
    model = built(description)
    if n in model.admissible():
        run = model.run(n)
        for node in model:
            (extent,) = node.shape.extents
            assert extent.at({"n": n}) == run.size(node)[0]


@given(descriptions(6), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_every_fault_tells_two_sizes_that_differ(description: Description, n: int) -> None:
    model = built(description)
    run = model.run(n)
    json.dumps([fault.to_record() for fault in run.faults])
    for fault in run.faults:
        node = model[fault.node]
        if fault.kind == "clash":
            one, other = fault.branches
            assert one.size != other.size
            names = {source.name for source in node.sources}
            assert {one.node, other.node} <= names
            for branch in fault.branches:
                assert run.size(branch.node) == (branch.size,)
                if branch.loss is not None:
                    assert run.size(model[branch.loss.node].sources[0]) == (branch.loss.size,)
                    assert branch.loss.remainder > 0
        else:
            assert fault.kind == "refusal"


def unet(levels: int, *, channels: int = 8) -> dc.Model:
    """A padded U-Net."""
    model = dc.Model()
    x: Node = model.input(channels=3)
    skips = []
    for level in range(levels):
        x = model.add(dc.Conv(3, padding=1, out_channels=channels << level), x, name=f"enc{level}")
        skips.append(x)
        x = model.add(dc.MaxPool(2), x, name=f"pool{level}")
    for level in reversed(range(levels)):
        up = dc.ConvTranspose(2, stride=2, out_channels=channels << level)
        x = model.add(up, x, name=f"up{level}")
        x = model.add(dc.Concat(), skips[level], x, name=f"cat{level}")
        x = model.add(dc.Conv(3, padding=1, out_channels=channels << level), x, name=f"dec{level}")
    model.output(x)
    return model


def test_a_unet_of_five_levels_takes_multiples_of_32() -> None:
    admissible = unet(5).admissible()
    assert admissible.is_box
    assert admissible.sets == dict.fromkeys("hw", dc.Sizes.congruent(0, 32, 32))
    assert admissible.nearest((55, 54)) == ((32, 32), (64, 64))
    assert (64, 96) in admissible
    assert (64, 95) not in admissible


def test_every_clash_of_a_unet_comes_in_one_pass_with_its_first_lossy_layer() -> None:
    found = {}
    for fault in unet(5).run((55, 54)).faults:
        losses = [branch.loss for branch in fault.branches]
        found[fault.node, fault.axis] = [loss and (loss.node, loss.size) for loss in losses]
    expected = {("cat0", 0): [None, ("pool0", 55)]}
    for axis in (0, 1):
        expected |= {
            ("cat1", axis): [None, ("pool1", 27)],
            ("cat2", axis): [None, ("pool2", 13)],
            ("cat4", axis): [None, ("pool4", 3)],
        }
    assert found == expected


def test_a_flatten_and_a_dense_pin_the_product_of_the_axes() -> None:
    model = dc.Model()
    x = model.add(dc.Conv(3, stride=2, padding=1, out_channels=2), model.input(channels=3))
    x = model.add(dc.Flatten(), x)
    model.output(model.add(dc.Dense(10, in_features=128), x))
    admissible = model.admissible()
    assert not admissible.is_box
    for h, w in product(range(1, 70), repeat=2):
        assert ((h, w) in admissible) == (2 * ((h + 1) // 2) * ((w + 1) // 2) == 128)
    assert [node.name for node in model.pinned()] == ["dense_1"]
    pairs = [pair for pair in product(range(1, 140), repeat=2) if pair in admissible]
    for place, name in enumerate("hw"):
        assert admissible.sets[name] == dc.Sizes.of(*{pair[place] for pair in pairs})
    for where in ((17, 17), (9, 3), (1, 1), (200, 200)):
        for found, sign in zip(admissible.nearest(where), (-1, 1), strict=True):
            beside = [
                p for p in pairs if all(sign * (a - b) >= 0 for a, b in zip(p, where, strict=True))
            ]
            far = {p: sum(abs(a - b) for a, b in zip(p, where, strict=True)) for p in beside}
            assert (found is None) == (not far)
            assert found is None or far[found] == min(far.values())


def test_a_model_of_plain_features_has_no_axis_to_ask_about() -> None:
    model = dc.Model()
    model.output(model.add(dc.Dense(3), model.input(channels=16, axes=0)))
    assert str(model.admissible()) == "any input"
    assert () in model.admissible()


@pytest.mark.parametrize(("features", "said"), [(96, "h = 8; w = 6"), (95, "no input")])
def test_axes_of_one_size_each_ask_nothing_more(features: int, said: str) -> None:
    model = dc.Model()
    image = model.input(channels=2)
    sizes = zip(image.shape.extents, (8, 6), strict=True)
    image.conditions = tuple([Condition(one, "==", size) for one, size in sizes])
    flat = model.add(dc.Flatten(), image)
    model.output(model.add(dc.Dense(3, in_features=features), flat))
    assert str(model.admissible()) == said
    assert ((8, 6) in model.admissible()) == (features == 96)


def test_a_huge_number_of_features_is_asked_point_by_point() -> None:
    model = dc.Model()
    x = model.add(dc.Flatten(), model.input(channels=3))
    model.output(model.add(dc.Dense(10, in_features=3 * 10**18), x))
    admissible = model.admissible()
    assert (10**9, 10**9) in admissible
    assert (10**9, 10**9 + 1) not in admissible


def test_sizes_taken_from_another_tensor() -> None:
    model = dc.Model()
    image = model.input(channels=4, axes=1)
    down = model.add(dc.Conv(3, stride=2, padding=1, out_channels=4), image)
    up = model.add(dc.TransposeTo(dc.ConvTranspose(3, stride=2, padding=1)), down, image)
    assert str(up.shape.extents[0]) == "n"
    resized = model.add(dc.ResizeTo("bilinear"), down, image)
    padded = model.add(dc.PadTo(crops=False), down, image)
    model.output(model.add(dc.Add(), up, resized, padded))
    assert model.admissible().sets["n"] == dc.Sizes.all()
    strict = dc.Model()
    small = strict.input(channels=4, axes=1)
    strict.output(strict.add(dc.TransposeTo(dc.ConvTranspose(2, stride=2)), small, small))
    assert not strict.admissible()
    assert [fault.message for fault in strict.run(4).faults] == [
        "the size asked for is not too small: 4 and 8"
    ]


def test_the_nearest_sizes_of_several_inputs_are_found_pair_by_pair() -> None:
    model = dc.Model()
    image, mask = model.input("image", channels=3), model.input("mask", channels=1)
    small = model.add(dc.Conv(3, stride=2, padding=1, out_channels=3), mask)
    model.output(model.add(dc.Concat(), image, model.add(dc.Upsample(2), small)))
    admissible = model.admissible()
    assert admissible.nearest((55, 54, 56, 53)) == ((54, 54, 54, 53), (56, 54, 56, 53))


def test_channels_of_merges() -> None:
    model = dc.Model()
    x = model.input(channels=4)
    wide = model.add(dc.Conv(1, in_channels=4, out_channels=6), x)
    assert model.add(dc.Concat(), x, wide).channels == 10
    model.output(model.add(dc.Add(), x, wide, name="sum"))
    assert not model.admissible()
    (fault,) = model.run(8).faults
    assert (fault.axis, [branch.size for branch in fault.branches]) == ("channels", [4, 6])
    other = dc.Model()
    other.add(dc.Conv(1, in_channels=3), other.input(channels=4), name="first")
    (wrong,) = other.run(8).faults
    assert str(wrong) == "first: the layer takes 3 channels, not 4"


def test_axes_of_several_inputs_are_apart_unless_they_share_a_name() -> None:
    model = dc.Model()
    one = model.input("image", channels=3)
    two = model.input("mask", channels=1)
    model.output(model.add(dc.Concat(), one, two))
    assert model.variables == ("h", "w", "mask.h", "mask.w")
    assert {"h": 8, "w": 9, "mask.h": 8, "mask.w": 9} in model.admissible()
    assert (8, 9, 8, 8) not in model.admissible()
    shared = dc.Model()
    shared.input("image", axes=("h", "w"))
    shared.input("mask", axes=("h", "w"))
    assert shared.variables == ("h", "w")


BAD: list[tuple[Callable[[dc.Model, Node], object], str]] = [
    (lambda m, x: m.add(dc.Add(), x), "takes at least 2 sources, not 1"),
    (lambda m, x: m.add(dc.Conv(3), x, x), "takes 1 sources, not 2"),
    (lambda m, x: m.add(dc.Conv(3), x, name="input"), "two nodes are called 'input'"),
    (lambda m, x: m.add(dc.Conv(3, axes=1), x), "has 1 axes, and what it gets has 2"),
    (lambda m, _: m.add(dc.Conv(3), dc.Model().input()), "is no node of this model"),
    (lambda m, _: m.input("more", axes=4), "0 to 3 spatial axes, not 4"),
    (lambda m, _: m.input("more", channels=0), "channels must be an int of at least 1"),
    (lambda m, _: m.add(dc.Flatten(), m.input("open")), "they are not known"),
    (lambda m, x: m.add(dc.Add(), x, m.input("line", axes=1)), "do not go together"),
    (lambda m, x: m.add(dc.Concat(3), x, x), "axis must be None or an int from 0 to 2"),
    (lambda m, x: m.add(dc.CropTo("middle"), x, x), "where must be one of"),
    (lambda m, x: m.add(dc.Unflatten(0, (4, 4)), x), "must be ints of at least 1"),
    (lambda m, _: m.run((4, 5, 6)), "3 sizes are given"),
    (lambda m, _: m.run({"h": 4}), "the model has the axes h, w, not h"),
    (lambda m, _: m.run(0), "must be at least 1, not 0"),
]


@pytest.mark.parametrize(("act", "message"), BAD)
def test_bad_models_name_what_is_wrong(
    act: Callable[[dc.Model, Node], object], message: str
) -> None:
    model = dc.Model()
    image = model.input(channels=3)
    with pytest.raises((LayerError, SizeError), match=message):
        act(model, image)


def test_things_of_a_wrong_type_are_type_errors() -> None:
    model = dc.Model()
    image = model.input()
    for act in (
        lambda: model.add("conv", image),  # type: ignore[arg-type]  # what is tested
        lambda: model.input("x", axes="2"),
        lambda: model.run("28"),
        lambda: dc.TransposeTo(dc.Conv(3)),  # type: ignore[arg-type]  # what is tested
        lambda: dc.trace(7, 7),
    ):
        with pytest.raises(TypeError):
            act()


# Sizes that are functions of the inputs.


@given(
    st.lists(st.sampled_from(["+", "-", "*", "//", "%", "min", "max"]), max_size=5),
    st.lists(st.integers(1, 7), min_size=5, max_size=5),
    st.integers(1, 40),
    st.integers(1, 40),
)
@settings(max_examples=300, deadline=None)
def test_arithmetic_of_sizes_is_that_of_ints(
    signs: list[str], numbers: list[int], h: int, w: int
) -> None:
    point = {"h": h, "w": w}
    made: Any = variable("h")
    plain = h
    for place, (sign, number) in enumerate(zip(signs, numbers, strict=False)):
        other: Any = variable("w") if place == 3 and sign not in ("//", "%") else number
        value = w if place == 3 and sign not in ("//", "%") else number
        if sign in ("min", "max"):
            made = made.minimum(other) if sign == "min" else made.maximum(other)
            plain = min(plain, value) if sign == "min" else max(plain, value)
        else:
            work: dict[str, Callable[[Any, Any], Any]] = {
                "+": lambda a, b: a + b,
                "-": lambda a, b: a - b,
                "*": lambda a, b: a * b,
                "//": lambda a, b: a // b,
                "%": lambda a, b: a % b,
            }
            made, plain = work[sign](made, other), work[sign](plain, value)
    assert made.at(point) == plain
    assert str(made)


def test_conditions_are_sets_where_they_can_be() -> None:
    n = variable("n")
    assert Condition(n % 2, "==", 0).sizes() == dc.Sizes.congruent(0, 2)
    assert Condition(n, ">=", 7).sizes() == dc.Sizes.between(7)
    assert Condition(7, ">=", n).sizes() == dc.Sizes.between(1, 7)
    assert Condition(n, "<", 7).sizes() == dc.Sizes.between(1, 6)
    assert Condition(3, "divides", n).sizes() == dc.Sizes.congruent(0, 3)
    assert Condition(n // 4, "matches", 2).sizes() == dc.Sizes.between(4, 11)
    assert Condition(n, "==", variable("m")).sizes() is None
    assert Condition(Fixed(3), "==", 3).sizes() == dc.Sizes.all()
    joint = Condition(n * variable("m"), "==", 12)
    assert isinstance(joint.left, Joint)
    assert joint.holds({"n": 3, "m": 4})
    assert not joint.holds({"n": 3, "m": 5})
    for relation in ("==", "!=", ">=", "<"):
        one = Condition(n % 3, relation, 1)
        held, opposite = one.sizes(), one.negated().sizes()
        assert held is not None
        assert opposite == ~held


# Fields, against sets of input pixels that are carried through the layers one by one.


def seen(layer: dc.Layer, inside: list[set[int]], m: int) -> list[set[int]]:
    """The input pixels that each output of a layer depends on, by its definition."""
    n = len(inside)
    made: list[set[int]] = [set() for _ in range(m)]

    def take(output: int, place: int) -> None:
        if 0 <= place < n and 0 <= output < m:
            made[output] |= inside[place]

    if isinstance(layer, dc.ConvTranspose):
        for place, tap in product(range(n), range(layer.kernel_size)):
            take(place * layer.stride + tap * layer.dilation - layer.padding.before, place)
    elif isinstance(layer, (dc.Conv, dc.MaxPool)):
        for output, tap in product(range(m), range(layer.kernel_size)):
            take(output, output * layer.stride + tap * layer.dilation - layer.padding.before)
    elif isinstance(layer, dc.Upsample):
        for output in range(m):
            take(output, output // layer.factor)
    elif isinstance(layer, dc.Pad):
        for output in range(m):
            take(output, output - layer.padding.before)
    else:
        for output in range(m):
            take(output, output)
    return made


WINDOWS = st.one_of(
    st.builds(
        lambda k, s, p, d: dc.Conv(k, stride=s, padding=p, dilation=d),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(0, 2),
        st.integers(1, 2),
    ),
    st.builds(
        lambda k, s, p, d: dc.ConvTranspose(k, stride=s, padding=p, dilation=d),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(0, 1),
        st.integers(1, 2),
    ),
    st.builds(dc.Upsample, st.integers(1, 3)),
    st.builds(lambda a, b: dc.Pad(((a, b),)), st.integers(-1, 2), st.integers(-1, 2)),
    st.just(dc.MaxPool(2)),
)


@given(st.lists(WINDOWS, min_size=1, max_size=5), st.integers(150, 170))
@settings(max_examples=300, deadline=None)
def test_fields_are_the_pixels_that_inner_places_depend_on(layers: list[dc.Layer], n: int) -> None:
    model = dc.Model()
    node = model.input(axes=1)
    inside = [{place} for place in range(n)]
    for layer in layers:
        try:
            m = layer.output_size(len(inside))
        except SizeError:
            return
        if m > 3_000:
            return
        node, inside = model.add(layer, node), seen(layer, inside, m)
    (field,) = fields(model.run(n))[-1]
    assert isinstance(field, Field)
    middle = [
        place
        for place, pixels in enumerate(inside)
        if (span := field.span(place)) is None or (span[0] > 30 and span[1] < n - 30)
    ]
    for place in middle:
        pixels = inside[place]
        span = field.span(place)
        if any(_has_holes(layer) for layer in layers):
            assert not pixels or (span and span[0] <= min(pixels) and max(pixels) <= span[1])
        else:
            assert span == ((min(pixels), max(pixels)) if pixels else None)


def _has_holes(layer: dc.Layer) -> bool:
    """Whether taps may skip places that see more than those beside them."""
    return isinstance(layer, dc.ConvTranspose) and layer.dilation > 1


def test_a_global_pool_sees_everything_and_so_does_what_follows() -> None:
    model = dc.Model()
    x = model.input(channels=4)
    gate = model.add(dc.Conv(1, out_channels=4), model.add(dc.GlobalPool(), x))
    model.output(model.add(dc.Multiply(), x, gate))
    assert fields(model.run(9))[-1] == (WHOLE, WHOLE)
    assert model.admissible().sets["h"] == dc.Sizes.all()


def test_branches_whose_pixels_lie_apart_are_told_with_the_shift() -> None:
    model = dc.Model()
    x = model.input(channels=4)
    same = model.add(dc.Conv(3, stride=2, padding=dc.Same()), x, name="same")
    even = model.add(dc.Conv(3, stride=2, padding=1), x, name="even")
    model.output(model.add(dc.Add(), same, even, name="sum"))
    run = model.run(64)
    told = shifts(run, fields(run))
    assert [(one.node, one.axis, int(one.shift)) for one in told] == [
        ("sum", 0, -1),
        ("sum", 1, -1),
    ]
    odd = model.run(63)
    assert not shifts(odd, fields(odd))


# Costs.


@pytest.mark.parametrize(
    ("layer", "channels", "size", "learned", "work"),
    [
        (dc.Conv(3, padding=1, out_channels=8), 4, (5, 6), 8 * 4 * 9 + 8, 30 * 8 * 4 * 9),
        (dc.Conv(3, groups=2, out_channels=8, bias=False), 4, (9,), 8 * 2 * 3, 7 * 8 * 2 * 3),
        (dc.ConvTranspose(4, stride=2, out_channels=2), 3, (5,), 4 * 6 + 2, 5 * 24),
        (dc.DepthwiseConv(3, padding=1, multiplier=2), 3, (4, 4), 6 * 9 + 6, 16 * 54),
        (dc.DepthwiseConv(3, out_channels=5), 3, (3, 3), 27 + 15 + 5, 27 + 15),
        (dc.Dense(10, in_features=7), 7, (), 80, 70),
        (dc.MaxPool(2), 3, (4, 4), 0, 0),
    ],
)
def test_costs_are_counted_by_their_definition(
    layer: dc.Layer, channels: int, size: tuple[int, ...], learned: int, work: int
) -> None:
    target = () if isinstance(layer, dc.Dense) else layer.output_size(size)
    assert costs.parameters(layer, channels, len(size)) == learned
    assert costs.macs(layer, channels, size, target) == work
    assert costs.memory(channels, size) == 4 * channels * prod(size)


def test_costs_are_not_known_without_channels() -> None:
    assert costs.parameters(dc.Conv(3), 3, 2) is None
    assert costs.macs(dc.Conv(3, out_channels=2), None, (5, 5), (3, 3)) is None
    assert costs.memory(None, (5, 5)) is None


# What is said about a model.


def test_a_trace_tells_all_of_a_model_that_fails() -> None:
    found = dc.trace(unet(5), (55, 54))
    assert not found.ok
    assert found.nearest == ((32, 32), (64, 64))
    assert found.remedies == (
        "x = x[..., :32, :32]  # 32 x 32",
        "x = F.pad(x, (0, 10, 0, 9))  # 64 x 64",
    )
    assert found.is_fully_convolutional
    row = found.rows[1]
    assert (row.name, row.size, row.function, row.field) == ("enc0", (55, 54), ("h", "w"), (3, 3))
    assert found.totals.parameters == sum(row.parameters or 0 for row in found.rows)
    json.dumps(found.to_record())


def test_sizes_that_run_only_by_repeating_are_apart() -> None:
    model = dc.Model()
    x = model.input(axes=1)
    half = model.add(dc.MaxPool(2), x)
    other = model.add(dc.Upsample(3), model.add(dc.MaxPool(5), x))
    model.output(model.add(dc.Add(), half, other))
    found = dc.trace(model, (10,))
    runs = {n for n in range(1, 60) if model.run(n).runs}
    held = {n for n in runs if n in found.admissible}
    assert set(found.broadcast.get("n", dc.Sizes.none()).first(100)) == runs - held


def test_what_a_tracer_gives_is_taken_as_it_is() -> None:
    model = dc.Model()
    x = model.input(channels=2, axes=1)
    n = variable("n")
    rule = Condition(n % 3, "==", 0, "the code asks for it")
    taken = model.add(Given("pad", 2, [n + 3 - n % 3], [rule], dc.Pad(((0, 1),))), x)
    model.output(taken)
    assert model.admissible().sets["n"] == dc.Sizes.congruent(0, 3)
    run = model.run(7)
    assert run.size(taken) == (9,)
    assert [fault.kind for fault in run.faults] == ["condition"]


def test_ten_thousand_layers_are_a_model_like_any_other() -> None:
    model = dc.Model()
    x = model.input(channels=4, axes=1)
    for _ in range(5_000):
        x = model.add(dc.Add(), model.add(dc.Conv(3, padding=1, out_channels=4), x), x)
    model.output(x)
    assert model.admissible().sets["n"] == dc.Sizes.all()
    assert model.run(9).size(x) == (9,)


def test_a_norm_needs_elements_over_all_axes_together() -> None:
    model = dc.Model()
    model.output(model.add(dc.Identity("norm", least_elements=2), model.input(channels=3)))
    admissible = model.admissible()
    for pair in product(range(1, 5), repeat=2):
        assert (pair in admissible) == (prod(pair) >= 2) == model.run(pair).runs


def test_sizes_behind_a_flatten_may_be_deep_and_shared() -> None:
    model = dc.Model()
    x = model.add(dc.Flatten(), model.input(channels=3))
    for _ in range(1_500):
        x = model.add(dc.Conv(3, stride=1, padding=1), x)
    deep = model.output(x)
    assert deep.shape.extents[0].at({"h": 8, "w": 4}) == 96
    assert (8, 4) in model.admissible()
    size: Any = variable("h") * variable("w")
    other: Any = variable("h") * variable("w")
    for _ in range(200):
        size, other = size + size, other + other
    assert size.at({"h": 2, "w": 3}) == 6 * 2**200
    assert size == other
    assert hash(size) == hash(other)
    assert str(size) == "a function of h, w"
    assert len(list(size.apart())) == 2


def test_a_dense_layer_works_on_every_row_of_every_channel() -> None:
    model = dc.Model()
    model.output(model.add(dc.Dense(4, in_features=8), model.input(channels=3)))
    assert dc.trace(model, (8, 8)).totals.macs == 3 * 8 * 8 * 4


def test_sizes_beyond_what_anything_counts_are_refused() -> None:
    model = dc.Model()
    model.output(model.add(dc.Conv(3), model.input()))
    with pytest.raises(SizeError, match="beyond"):
        model.run(10**30)


def held_by(depth: int) -> float:
    """Bytes a layer that a model of a depth holds: made, traced, and its inputs decided."""
    tracemalloc.start()
    try:
        model = dc.Model()
        skip = x = model.input(channels=8, axes=1)
        layer = dc.Conv(3, padding=1, in_channels=8, out_channels=8)
        for place in range(depth // 4):
            x = model.add(layer, x)
            x = model.add(dc.Identity("ReLU"), x)
            x = model.add(layer, x)
            x = skip = model.add(dc.Add(), x, skip)
            if place in (1, 3):
                x = skip = model.add(dc.MaxPool(2), x)
        model.output(x)
        found = dc.trace(model, 64)
        assert (64,) in found.admissible
        assert found.ok
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / depth


def test_memory_grows_with_depth_and_no_faster() -> None:
    """A layer takes as much among 10,000 as among 1,000: less than 1 KB."""
    held_by(100)  # what is loaded once does not count
    small, large = held_by(1_000), held_by(10_000)
    assert large < 1.5 * small
    assert large < 2_000


def test_a_layer_behind_a_reshape_refuses_what_it_refuses() -> None:
    """A window on a size that several axes make: no axis alone says where it fits."""
    model = dc.Model()
    x = model.add(dc.Flatten(), model.input(channels=1))
    model.output(model.add(dc.Conv(7, stride=2), model.add(dc.MaxPool(2), x)))
    for h, w in product(range(1, 9), repeat=2):
        taken = (h * w) // 2 >= 7
        assert ((h, w) in model.admissible()) is taken
        assert model.run((h, w)).runs is taken
