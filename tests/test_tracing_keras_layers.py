"""One layer or operation of Keras at a time: sizes and refusals as in real forward passes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests.frameworks.client import Worker
from tests.keras_checks import SCRIPT, forward, traced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed"),
]

IMAGES = [(1, 1), (2, 7), (3, 2), (4, 9), (6, 4), (8, 12)]
SIZES = [(n,) for n in (1, 2, 3, 4, 6, 9, 10)]
PAIRS = [(5, 6, 5, 6), (5, 6, 4, 6), (5, 6, 5, 4), (3, 3, 2, 2), (1, 6, 5, 6), (7, 4, 1, 1)]


@pytest.fixture(scope="module")
def keras_process() -> Iterator[Worker]:
    with Worker(SCRIPT) as process:
        yield process


def names(table: str) -> list[str]:
    """The names of a table, from its text: the module imports Keras."""
    import ast
    from pathlib import Path

    text = (Path(__file__).parent / "models" / "keras_zoo.py").read_text(encoding="utf-8")
    for statement in ast.parse(text).body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(keys=keys)):
                if name == table:
                    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]
    raise AssertionError(table)


def check(process: Worker, kind: str, name: str, sizes: Sequence[tuple[int, ...]]) -> Any:
    """The outputs have the shapes of real forward passes, and the same sizes are refused."""
    found = traced(kind, [name], sizes[-1])
    for size, answer in zip(sizes, forward(process, kind, [name], sizes), strict=True):
        run = found.model.run(size)
        assert run.runs == answer["ok"], (size, answer, run.faults)
        assert (size in found.admissible) == run.ok, size
        if answer["ok"]:
            (node,) = found.model.outputs
            shape = list(answer["shapes"].values())[-1]
            assert shape in list(with_channels(run.size(node), node.channels)), (size, node)
    return found


def with_channels(sizes: tuple[int, ...], channels: int | None) -> Iterator[list[int]]:
    """The shapes that a node may mean: it does not say where its channels stand."""
    if channels is None:
        yield list(sizes)
    else:
        for place in range(len(sizes) + 1):
            yield [*sizes[:place], channels, *sizes[place:]]


@pytest.mark.parametrize("name", names("OPERATIONS"))
def test_operations(name: str, keras_process: Worker) -> None:
    assert not check(keras_process, "operation", name, IMAGES).passed


@pytest.mark.parametrize("name", names("LAYERS"))
def test_layers(name: str, keras_process: Worker) -> None:
    assert not check(keras_process, "layer", name, IMAGES).passed


@pytest.mark.parametrize("name", names("SEQUENCES"))
def test_layers_of_sequences(name: str, keras_process: Worker) -> None:
    assert not check(keras_process, "sequence", name, SIZES).passed


@pytest.mark.parametrize(
    "name",
    ["add", "subtract", "average", "maximum", "concatenate", "concatenate rows"],
)
def test_merges_of_two_inputs(name: str, keras_process: Worker) -> None:
    found = check(keras_process, "merge", name, PAIRS)
    assert found.model.variables == ("h", "w", "other.h", "other.w")


@pytest.mark.parametrize("name", ["reshape", "repeat", "add", "dot"])
def test_plain_features(name: str, keras_process: Worker) -> None:
    check(keras_process, "features", name, [()])


def test_features_times_pixels(keras_process: Worker) -> None:
    found = traced("pixel_vectors", [], (5, 6))
    (answer,) = forward(keras_process, "pixel_vectors", [], [(5, 6)])
    assert answer["shapes"]["multiply"] == [5, 6, 4]
    assert found.run.size("multiply") == (5, 6)


def test_only_a_functional_model_looks_at_the_size_it_was_built_for(keras_process: Worker) -> None:
    sizes = [(28, 28), (56, 14), (13, 56), (14, 28), (30, 30)]
    ran = {}
    for kind in ("sequential", "functional"):
        found = traced("product", [kind], (28, 28))
        answers = forward(keras_process, "product", [kind], sizes, whole=False)
        for size, answer in zip(sizes, answers, strict=True):
            run = found.model.run(size)
            assert run.runs == answer["ok"] == (size in found.admissible), (size, answer)
        ran[kind] = [size for size in sizes if found.model.run(size).runs]
        assert "classes" in found.pinned
    assert ran == {"sequential": [(28, 28), (56, 14), (13, 56)], "functional": [(28, 28)]}
