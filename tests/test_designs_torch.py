"""Designs as real PyTorch modules: sizes, parameters, multiply-accumulates and memory as said."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from tests.designs_drawn import drawn

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.framework,
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
]

COUNT = 200


def module_of(plan: dc.Plan, name: str = "Drawn") -> Any:
    """The module that the plan's own code makes."""
    space: dict[str, Any] = {}
    exec(plan.code("torch", name), space)  # noqa: S102 - our own lines
    return space[name]()


def run(module: Any, plan: dc.Plan) -> tuple[tuple[int, ...], int, int]:
    """The size that comes out, multiply-accumulates by torch's counter, and the peak of memory."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    peak = 0

    def look(_module: Any, given: Any, made: Any) -> None:
        nonlocal peak
        peak = max(peak, 4 * (given[0].numel() + made.numel()))

    for leaf in module.modules():
        if not list(leaf.children()):
            leaf.register_forward_hook(look)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        made = module(torch.zeros(1, plan.channels[0], *plan.stages[0].source))
    assert made.shape[1] == plan.channels[-1]
    return tuple(made.shape[2:]), counter.get_total_flops() // 2, peak


def test_modules_are_what_the_plan_says() -> None:
    import torch

    torch.set_num_threads(1)
    ops = set()
    compared = 0
    for goal, plan in drawn(COUNT, dilated=True):
        module = module_of(plan)
        parameters = sum(one.numel() for one in module.parameters())
        size, macs, peak = run(module, plan)
        assert size == plan.stages[-1].target, plan
        assert parameters == plan.parameters, plan
        assert macs == plan.macs, plan
        # A pool of three axes is padded by a layer of its own where the input may be small.
        if not any("Pad" in type(one).__name__ for one in module.modules()):
            assert peak == plan.memory, plan
            compared += 1
        assert goal.in_n or size == goal.sizes(goal.numbers(goal.targets))
        ops |= {stage.op for stage in plan.stages}
    assert len(ops) == 6  # every kind of stage was built
    assert compared > 0.95 * COUNT


def test_a_target_in_n_holds_for_every_n() -> None:
    import torch

    ratios: dict[str, Callable[[int], int]] = {
        "32*n": lambda n: 32 * n,
        "ceil(n/8)": lambda n: -(-n // 8),
    }
    for target, ratio in ratios.items():
        plan = dc.design(target, stages=5, source=9, kernel_size=[1, 2, 3, 4], axes=1)[0]
        module = module_of(plan)
        with torch.no_grad():
            for n in (1, 2, 3, 7, 8, 9, 33):
                assert module(torch.zeros(1, 1, n)).shape[-1] == ratio(n)


def test_real_layers_confirm_sizes_and_values() -> None:
    for _, plan in drawn(3):
        (verdict,) = dc.verify(plan, checkers="torch")
        assert verdict.ok, verdict.reason
        assert verdict.expected == plan.stages[-1].target


def test_the_receptive_field_is_what_gradients_reach() -> None:
    """At least so many inputs span what some output depends on, and one more is too many."""
    import torch

    for asked in (2, 3, 5):
        found = dc.design(
            24, source=12, axes=1, stages=[1, 2, 3], kernel_size=range(1, 6), receptive_field=asked
        )
        for plan in found:
            module = module_of(plan).double()
            for one in module.parameters():
                one.data.fill_(1)
            given = torch.zeros(1, 1, 12, dtype=torch.double, requires_grad=True)
            made = module(given)
            spans = []
            for i in range(made.shape[-1]):
                (slope,) = torch.autograd.grad(made[0, 0, i], given, retain_graph=True)
                seen = slope[0, 0].nonzero()[:, 0]
                spans.append(int(seen.max() - seen.min()) + 1)
            assert max(spans) >= asked, plan
