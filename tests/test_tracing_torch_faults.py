"""Faults that were found in the PyTorch tracer, each against real forward passes."""

from __future__ import annotations

from typing import Any

import pytest

import deconvcalc as dc
from tests.torch_passes import module

pytestmark = pytest.mark.framework


def test_a_list_with_tensors_that_forward_changes_is_put_back() -> None:
    import torch

    def forward(self: Any, x: Any) -> Any:
        self.cache[0] = x
        self.cells["a"]["x"] = x
        self.rows[0].append(x)
        return self.layers[0](x)

    first = torch.zeros(1, 3, 4, 4)
    model = module(
        forward, torch.nn.Conv2d(3, 3, 3), cache=[first], cells={"a": {}}, rows=[[], {first}]
    )
    dc.trace(model, (9, 9), channels=3)
    assert model.layers[0].weight.device.type == "cpu"
    assert model.cache[0] is first
    assert model.cells == {"a": {}}
    assert model.rows[0] == []
    assert model(torch.zeros(1, 3, 9, 9)).shape == (1, 3, 7, 7)


def test_what_cannot_be_put_back_leaves_the_parameters_alone() -> None:
    import torch

    class Stubborn(list):  # type: ignore[type-arg]
        def clear(self) -> None:
            raise RuntimeError("no")

    def forward(self: Any, x: Any) -> Any:
        self.kept.append(x)
        return self.layers[0](x)

    model = module(forward, torch.nn.Conv2d(3, 3, 3), kept=Stubborn())
    with pytest.raises(RuntimeError, match="no"):
        dc.trace(model, (9, 9), channels=3)
    assert model.layers[0].weight.device.type == "cpu"
