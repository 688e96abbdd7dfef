"""Real Keras models: what is traced equals what real forward passes do."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.frameworks.client import Worker
from tests.keras_checks import (
    NETS,
    PINNED,
    SCRIPT,
    around,
    built,
    check_inputs,
    check_nodes,
    forward,
    lines_through,
    traced,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed"),
]


@pytest.fixture(scope="module")
def keras_process() -> Iterator[Worker]:
    with Worker(SCRIPT) as process:
        yield process


@pytest.mark.parametrize("name", NETS)
def test_inputs_equal_forward_passes(name: str, keras_process: Worker) -> None:
    net, args, modulus, most, base = NETS[name]
    found = traced(net, args, base)
    sizes = lines_through(base, around(modulus, most))
    answers = forward(keras_process, net, args, sizes)
    check_inputs(found, answers, sizes)
    assert {answer["ok"] for answer in answers} == {True, False}
    assert found.is_fully_convolutional


@pytest.mark.parametrize("name", PINNED)
def test_pinned_inputs_equal_forward_passes(name: str, keras_process: Worker) -> None:
    net, args, base = PINNED[name]
    found = traced(net, args)
    assert tuple(found.point.values()) == base
    sizes: list[tuple[int, ...]] = [
        base,
        base[::-1],
        *[(base[0] + d, base[1]) for d in (-1, 1, 2, 4, base[0])],
    ]
    sizes += [(2 * base[0], base[1] // 2)]
    check_inputs(found, forward(keras_process, net, args, sizes, whole=False), sizes)
    assert not found.is_fully_convolutional
    assert found.admissible.is_box
    assert found.warnings


@pytest.mark.parametrize("name", [*NETS, "encoder", "two branches, dense"])
def test_every_node_is_as_in_the_framework(name: str, keras_process: Worker) -> None:
    net, args = (NETS.get(name) or PINNED[name])[:2]
    base = NETS[name][-1] if name in NETS else PINNED[name][-1]
    found = traced(net, args, base)
    (answer,) = forward(keras_process, net, args, [base])
    check_nodes(found, answer["shapes"], base)
    assert found.totals.parameters == built(net, *args).count_params()


def test_code_of_subclassed_models_is_followed(keras_process: Worker) -> None:
    found = traced("coded", [], (32, 36))
    # From 4 on: below, the pools leave empty tensors inside, which TensorFlow lets through.
    sizes = lines_through((8, 12), list(range(4, 22)))
    check_inputs(found, forward(keras_process, "coded", [], sizes, whole=False), sizes)
    assert [node.name for node in found.model][1:4] == ["first.one", "first.norm", "first.relu"]
