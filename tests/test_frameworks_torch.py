"""Formula = framework: every layer of PyTorch against its real forward pass on a CPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.frameworks import laws
from tests.frameworks.client import Worker
from tests.frameworks.configurations import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
]
every_layer = pytest.mark.parametrize("layer", list(LAYERS["torch"]))


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as process:
        yield process


@every_layer
def test_formula_equals_framework(layer: str, worker: Worker) -> None:
    laws.check_layer("torch", layer, worker)


@every_layer
def test_calls_are_many_and_mixed(layer: str) -> None:
    laws.check_mix("torch", layer)


def test_ledger_still_holds(worker: Worker) -> None:
    laws.check_ledger("torch", worker)
