"""Checks of models whose code takes several ways: what is said without an input is said of all."""

from __future__ import annotations

from typing import Any

import pytest

import deconvcalc as dc
from deconvcalc.assertions import decide
from tests.torch_passes import module

pytestmark = pytest.mark.framework


def halved_when_large() -> Any:
    """The node that is the output of small inputs lies before the output of large ones."""
    from torch import nn

    def forward(self: Any, x: Any) -> Any:
        x = self.layers[1](self.layers[0](x))
        return self.layers[2](x) if x.shape[-1] > 100 else x

    same = [nn.Conv2d(3, 3, 3, padding=1) for _ in range(2)]
    return module(forward, *same, nn.MaxPool2d(2))


def test_an_output_for_all_inputs_is_that_of_each_way() -> None:
    model = halved_when_large()
    assert decide("output_for_all", model, "n", inputs="n <= 100")
    found = decide("output_for_all", model, "n", inputs="n >= 2")
    assert (found.state, found.got) == ("failed", "1x50 at 2x101")
    assert decide("output_for_all", model, "n//2", inputs="n > 100")
    assert decide("output_for_all", model, "n//2", inputs="n >= 2").state == "failed"


def test_a_way_may_have_fewer_nodes_than_another() -> None:
    from torch import nn

    def forward(self: Any, x: Any) -> Any:
        near = self.layers[0](x)
        return near if x.shape[-1] > 100 else self.layers[1](self.layers[0](near))

    model = module(forward, nn.Conv2d(3, 3, 3, padding=1), nn.MaxPool2d(2))
    assert decide("output_for_all", model, "n//2", inputs="2 <= n <= 100")
    assert decide("output_for_all", model, "n//2", inputs="n >= 2").state == "failed"


def test_no_checkerboard_means_on_no_way() -> None:
    from torch import nn

    def forward(self: Any, x: Any) -> Any:
        return self.layers[x.shape[-1] > 100](x)

    up = nn.ConvTranspose2d(3, 16, 3, stride=2)
    model = module(forward, nn.Conv2d(3, 8, 3, padding=1), up)
    assert decide("checkerboard", model, False, input=64)
    assert decide("checkerboard", model, False, input=101).state == "failed"
    assert decide("checkerboard", model, False).state == "failed"
    assert decide("checkerboard", model, True)
    assert decide("output_channels", model, 8, input=64)
    assert decide("output_channels", model, 8).state == "failed"
    assert decide("output_channels", model, 16).state == "failed"
    learns = 3 * 16 * 9 + 16
    assert decide("max_parameters", model, learns)
    assert decide("max_parameters", model, learns - 1).state == "failed"
    assert decide("max_parameters", model, learns - 1, input=64)


def test_a_node_is_the_layer_that_is_said_on_each_way_that_has_it() -> None:
    from torch import nn

    def forward(self: Any, x: Any) -> Any:
        return self.layers[0](x) if x.shape[-1] > 100 else self.layers[1](self.layers[0](x))

    model = module(forward, nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3))
    names = [node.name for node in dc.trace(model, 64, channels=3).model.nodes if node.sources]
    assert decide("nodes", model, dict.fromkeys(names, "Conv(3)"))
    assert decide("nodes", model, dict.fromkeys(names, "Conv(5)")).state == "failed"
    assert decide("nodes", model, {"nowhere": "Conv(3)"}).fault == "unreadable"


def test_a_model_that_ends_the_program_ends_no_run() -> None:
    import torch
    from torch import nn

    def forward(self: Any, x: Any) -> Any:
        if torch.is_tensor(x) and x.device.type == "cpu" and self.armed:
            raise SystemExit(0)
        return self.layers[0](x)

    model = module(forward, nn.Conv2d(3, 8, 3), armed=True)
    found = decide("verify", model, ["torch"], input=32)
    assert found.state == "failed"
    assert "SystemExit" in found.got


def test_what_runs_by_repeating_a_size_of_1_says_so() -> None:
    def forward(self: Any, x: Any) -> Any:
        return x + self.layers[0](x)

    from torch import nn

    found = decide("output_for_all", module(forward, nn.AvgPool2d(2)), "n", inputs="n == 3")
    assert found.fault == "undecided"
    assert "a size of 1 is repeated" in found.got
