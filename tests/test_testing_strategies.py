"""What `dc.testing.strategies` draws is what it says, and reaches every kind."""

from __future__ import annotations

import subprocess
import sys
from math import prod
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import deconvcalc as dc
from deconvcalc.testing import strategies
from deconvcalc.testing.drawing import COUPLING, SINGLE

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = settings(max_examples=40)
GENERATE = settings(max_examples=2_000, phases=[Phase.generate], database=None)


def reached(strategy: st.SearchStrategy[Any], holds: Callable[[Any], bool]) -> Any:
    """An example for which something holds, as it is drawn."""
    return find(strategy, holds, settings=GENERATE)


@pytest.mark.parametrize("kind", [*SINGLE, *COUPLING])
def test_a_kind_that_is_named_is_drawn(kind: str) -> None:
    @settings(max_examples=5)
    @given(st.data(), st.integers(1, 3))
    def check(data: st.DataObject, axes: int) -> None:
        layer = data.draw(strategies.layers(kind, axes=axes))
        assert type(layer).__name__ == kind
        assert kind == "Fold" or layer.axes in (None, axes)  # a fold's input is one axis of windows

    check()


def test_every_kind_of_a_single_axis_is_reached() -> None:
    @settings(max_examples=300)
    @given(strategies.layers())
    def draw(layer: dc.Layer) -> None:
        seen.add(type(layer).__name__)

    seen: set[str] = set()
    draw()
    assert seen == {*SINGLE}


@pytest.mark.parametrize("padding", [dc.Same, dc.ToSize, dc.Explicit])
def test_every_kind_of_padding_is_reached(padding: type) -> None:
    def has(layer: dc.Layer) -> bool:
        given: Any = getattr(layer, "padding", None)
        return isinstance(given, padding)

    assert has(reached(strategies.layers(), has))


@FEW
@given(st.integers(1, 40), st.data())
def test_layers_take_the_size_they_have_to(n: int, data: st.DataObject) -> None:
    layer = data.draw(strategies.layers("Conv", "MaxPool", "Upsample", axes=1, takes=n))
    assert layer.output_size((n,))[0] >= 1


def test_a_largest_parameter_is_reached() -> None:
    def large(layer: Any) -> bool:
        return isinstance(layer.kernel_size, int) and layer.kernel_size > 500

    assert reached(strategies.layers("Conv", most=999), large).kernel_size <= 999


@FEW
@given(strategies.models())
def test_models_run_exactly_on_what_they_admit(model: dc.Model) -> None:
    admitted = model.admissible()
    for n in (1, 2, 3, 7, 8, 12, 31):
        run = model.run(n)
        repeats = bool(run.repeated)
        assert ((n, n) in admitted) == (run.runs and not repeats) or repeats


@FEW
@given(strategies.models("MaxPool", "Conv", axes=1, most=3))
def test_models_are_made_of_what_is_named(model: dc.Model) -> None:
    layers = [node.operation for node in model if isinstance(node.operation, dc.Layer)]
    assert {type(layer) for layer in layers} <= {dc.MaxPool, dc.Conv}
    assert len(model) <= 4
    assert len(model.variables) == 1


def test_models_have_merges_that_fit_and_that_do_not() -> None:
    def merges(model: dc.Model) -> bool:
        return any(len(node.sources) > 1 for node in model)

    fits = reached(strategies.models(), lambda model: merges(model) and bool(model.admissible()))
    breaks = reached(strategies.models(), lambda model: merges(model) and not model.admissible())
    assert merges(fits)
    assert merges(breaks)


@FEW
@given(strategies.sizes("n % 32 == 0 and n > 40", most=300))
def test_sizes_meet_a_condition(n: int) -> None:
    assert n % 32 == 0
    assert 40 < n <= 300


def test_sizes_reach_both_ends() -> None:
    assert find(strategies.sizes(), lambda _: True) == 1
    assert find(strategies.sizes(most=50), lambda n: n >= 50) == 50
    assert find(strategies.sizes("n odd", axes=3), lambda size: size[2] > 9) == (1, 1, 11)
    assert find(strategies.sizes(dc.Sizes.of(5, 9)), lambda n: n != 5) == 9


@FEW
@given(st.data())
def test_sizes_are_those_that_a_model_admits(data: st.DataObject) -> None:
    found = dc.trace("docs/examples/unet.toml", 64)
    size = data.draw(strategies.sizes(found))
    assert size in found.admissible
    assert found.model.run(size).runs
    assert data.draw(strategies.sizes(found.model)) in found.admissible
    assert data.draw(strategies.sizes(found.admissible, most=4)) == (4, 4)


@FEW
@given(st.data())
def test_sizes_meet_conditions_that_join_axes(data: st.DataObject) -> None:
    model = dc.Model()
    image = model.input(channels=1, axes=2)
    flat = model.add(dc.Flatten(), image)
    model.output(model.add(dc.Dense(3, in_features=36), flat))
    size: Any = data.draw(strategies.sizes(model, most=64))
    assert prod(size) == 36


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("sizes", {"within": "n % 500 == 0"}, "no size up to 256"),
        ("sizes", {"within": "n >"}, "n >"),
        ("sizes", {"within": "n < 1"}, "is in: no n"),
        ("sizes", {"axes": 4}, "from 1 to 3"),
        ("sizes", {"most": 0}, "most must be"),
        ("sizes", {"within": dc.Model().admissible(), "axes": 2}, "axes"),
        ("layers", {"axes": 0}, "axes must be"),
        ("models", {"most": 0}, "most must be an int"),
    ],
)
def test_what_cannot_be_drawn_is_said_at_once(name: str, given: Any, text: str) -> None:
    with pytest.raises(dc.DeconvcalcError, match=text):
        getattr(strategies, name)(**given)


def test_an_unknown_kind_is_named_with_the_nearest() -> None:
    with pytest.raises(dc.QueryError, match=r"'Cnov'(.|\n)*Conv"):
        strategies.layers("Cnov")


def test_a_model_that_runs_on_nothing_has_no_sizes() -> None:
    model = dc.Model()
    image = model.input(axes=1)
    model.output(model.add(dc.Concat(), model.add(dc.Conv(3), image), image))
    with pytest.raises(dc.QueryError, match="no input"):
        strategies.sizes(model)


@pytest.mark.parametrize("given", [{"within": 3}, {"most": "9"}])
def test_a_wrong_type_is_said(given: Any) -> None:
    with pytest.raises(TypeError):
        strategies.sizes(**given)


def test_hypothesis_is_asked_for_by_name_where_it_is_missing() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import deconvcalc as dc\n"
        "for name in ('sizes', 'layers', 'models'):\n"
        "    try: getattr(dc.testing.strategies, name)()\n"
        "    except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install hypothesis") == 3


def test_testing_loads_no_library_until_it_is_used() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import deconvcalc as dc\n"
        "dc.testing.strategies, dc.testing.assert_same\n"
        "print(*set(sys.modules) - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert "deconvcalc.testing" in found
    assert not found & {"hypothesis", "numpy", "sympy", "rich", "click", "torch", "pytest"}
