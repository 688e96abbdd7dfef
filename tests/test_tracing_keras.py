"""Real Keras models: what is traced equals what real forward passes do."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.frameworks.client import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed"),
]


@pytest.fixture(scope="module")
def keras_process() -> Iterator[Worker]:
    with Worker(Path(__file__).parent / "models" / "keras_forward.py") as process:
        yield process


def forward(
    process: Worker, net: str, args: list[Any], sizes: list[tuple[int, ...]], *, whole: bool = True
) -> list[dict[str, Any]]:
    """What real forward passes of a network say, one for each size."""
    question = {"net": net, "args": args, "sizes": sizes, "whole": whole}
    answer: Any = process(question)
    assert isinstance(answer, list), answer
    return answer


def traced(net: str, args: list[Any], size: Any = None) -> Any:
    import keras

    from deconvcalc.tracing.trace import trace
    from tests.models import keras_nets

    keras.utils.clear_session()  # layers without names are counted from 1 again
    model = getattr(keras_nets, net)(*args)
    return trace(model, size, channels=None if isinstance(model, keras.Function) else 3)


def around(modulus: int, most: int) -> list[int]:
    """About 20 sizes where admissibility changes, and some between."""
    sizes = {1, 2, 3, 4, 5, 7, most - 1, most}
    for start in (modulus, 2 * modulus):
        sizes |= {start - 1, start, start + 1, start + modulus // 2 - 1, start + modulus // 2}
        sizes |= {start + modulus // 4 - 1, start + modulus // 4}
    return sorted(size for size in sizes if 1 <= size <= most)


# The network, its arguments, a modulus, a largest size, an admissible size.
NETS = {
    "fcn32": ("fcn", [32], 32, 97, (32, 33)),
    "fcn16": ("fcn", [16], 32, 97, (32, 47)),
    "fcn8": ("fcn", [8], 32, 97, (32, 33)),
    "two branches": ("two_branches", [], 4, 30, (8, 7)),
    "unet": ("unet", [4], 16, 50, (16, 32)),
    "unet, same pools": ("unet", [3, "same"], 8, 34, (8, 16)),
    "squeeze and excite": ("squeeze_excite", [], 16, 50, (16, 33)),
    "sound": ("sound", [], 4, 30, (16,)),
    "volume": ("volume", [], 2, 12, (4, 6, 8)),
}
PINNED = {
    "encoder": ("vae_encoder", [], (28, 28)),
    "two branches, dense": ("two_branches_dense", [], (30, 22)),
    "vae": ("vae", [], (28, 28)),
}


def lines_through(base: tuple[int, ...], sizes: list[int]) -> list[tuple[int, ...]]:
    """Each axis alone, the others held; and a diagonal."""
    found = [(*base[:axis], n, *base[axis + 1 :]) for axis in range(len(base)) for n in sizes]
    found += [tuple([n + axis for axis in range(len(base))]) for n in sizes[::4]]
    return list(dict.fromkeys(found))


def check_inputs(found: Any, answers: list[dict[str, Any]], sizes: list[tuple[int, ...]]) -> None:
    """The model runs exactly where real forward passes do; and what is admissible repeats no 1."""
    for size, answer in zip(sizes, answers, strict=True):
        run = found.model.run(size)
        assert run.runs == answer["ok"], (size, answer, run.faults)
        assert (size in found.admissible) == run.ok, (size, run.repeated)


@pytest.mark.parametrize("name", NETS)
def test_inputs_equal_forward_passes(name: str, keras_process: Worker) -> None:
    net, args, modulus, most, base = NETS[name]
    found = traced(net, args, base)
    sizes = lines_through(base, around(modulus, most))
    answers = forward(keras_process, net, args, sizes)
    check_inputs(found, answers, sizes)
    assert {answer["ok"] for answer in answers} == {True, False}
    assert found.is_fully_convolutional


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_all_inputs_equal_forward_passes(name: str, keras_process: Worker) -> None:
    net, args, _, _, base = NETS[name]
    most = 200 if len(base) < 3 else 40
    found = traced(net, args, base)
    sizes = lines_through(base, list(range(1, most + 1)))
    check_inputs(found, forward(keras_process, net, args, sizes), sizes)


@pytest.mark.parametrize("name", PINNED)
def test_pinned_inputs_equal_forward_passes(name: str, keras_process: Worker) -> None:
    net, args, base = PINNED[name]
    found = traced(net, args)
    assert tuple(found.point.values()) == base
    sizes = [base, base[::-1], *[(base[0] + d, base[1]) for d in (-1, 1, 2, 4, base[0])]]
    sizes += [(2 * base[0], base[1] // 2)]
    check_inputs(found, forward(keras_process, net, args, sizes, whole=False), sizes)
    assert not found.is_fully_convolutional
    assert found.warnings


@pytest.mark.parametrize("name", [*NETS, "encoder", "two branches, dense"])
def test_every_node_is_as_in_the_framework(name: str, keras_process: Worker) -> None:
    from tests.models import keras_nets

    net, args, *_, base = NETS.get(name) or PINNED[name]
    found = traced(net, args, base)
    (answer,) = forward(keras_process, net, args, [base])
    check_nodes(found, answer["shapes"], base)
    assert found.totals.parameters == getattr(keras_nets, net)(*args).count_params()


def check_nodes(found: Any, shapes: dict[str, list[int]], size: tuple[int, ...]) -> None:
    """Each node has the name and the shape of a layer of Keras."""
    run = found.model.run(size)
    for name, shape in shapes.items():
        if name not in found.model:
            # An opened layer has nodes for what it calls; the last of them gives its result.
            inner = [node.name for node in found.model if node.name.startswith(f"{name}.")]
            assert inner, name
            node = found.model[inner[-1]]
        else:
            node = found.model[name]
        channels = [] if node.channels is None else [node.channels]
        assert [*run.size(node), *channels] == shape, (name, node)


def test_code_of_subclassed_models_is_followed(keras_process: Worker) -> None:
    found = traced("coded", [], (32, 36))
    # From 4 on: below, the pools leave empty tensors inside, which TensorFlow lets through.
    sizes = lines_through((8, 12), list(range(4, 22)))
    check_inputs(found, forward(keras_process, "coded", [], sizes, whole=False), sizes)
    assert [node.name for node in found.model][1:4] == ["first.one", "first.norm", "first.relu"]


APPLICATIONS = ("MobileNetV2", "ResNet50", "EfficientNetB0", "DenseNet121")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications_are_traced_whole(name: str, keras_process: Worker) -> None:
    found = traced("applications", [name], (225, 161))
    assert not found.passed
    sizes = [(97, 97), (161, 161), (225, 225)]
    answers = forward(keras_process, "applications", [name], sizes)
    for size, answer in zip(sizes, answers, strict=True):
        assert answer["ok"], answer
        check_nodes(found, answer["shapes"], size)
        assert size in found.admissible
    from tests.models import keras_nets

    assert found.totals.parameters == keras_nets.applications(name).count_params()
