"""Designs as real Keras models: sizes and parameters as said."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

import deconvcalc as dc
from tests.designs_drawn import drawn

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed"),
]

COUNT = 200


def model_of(plan: dc.Plan, name: str = "make") -> Any:
    """The model that the plan's own code makes."""
    space: dict[str, Any] = {}
    exec(plan.code("keras", name), space)  # noqa: S102 - our own lines
    return space[name]()


def test_models_are_what_the_plan_says() -> None:
    import numpy as np

    ops: set[str] = set()
    built = 0
    for _, plan in drawn(2 * COUNT):
        if built == COUNT:
            break
        try:
            model = model_of(plan)
        except dc.ConversionError:  # Keras pads pools by half of their window alone
            assert any("pool" in stage.op and stage.padding for stage in plan.stages), plan
            continue
        built += 1
        source = plan.stages[0].source
        made = model(np.zeros((1, *source, plan.channels[0]), "float32"))
        assert tuple(made.shape[1:]) == (*plan.stages[-1].target, plan.channels[-1]), plan
        assert model.count_params() == plan.parameters, plan
        ops |= {stage.op for stage in plan.stages}
    assert built == COUNT
    assert len(ops) == 6


def test_what_needs_more_weights_is_refused() -> None:
    found = dc.design(
        21, source=9, stages=1, kernel_size=3, stride=2, dilation=2, growth="any", holes=True
    )
    with pytest.raises(dc.ConversionError, match="as many weights"):
        found[0].code("keras")
