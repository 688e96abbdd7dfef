"""Parameters, multiply-accumulates and receptive fields of real models, as PyTorch has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import deconvcalc as dc
from deconvcalc.model.fields import WHOLE, Field

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.framework


def positive(module: Any) -> Any:
    """The module with positive weights in float64, so that nothing cancels out."""
    import torch

    module = module.double().eval()
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.rand_like(value) + 0.5)
    return module


def smooth() -> Any:
    """A mode in which max pools are average pools, and activations do nothing.

    Then the gradient at a place is not 0 wherever the place depends on the input at all.
    """
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    pools = {
        getattr(functional, f"max_pool{axes}d"): getattr(functional, f"avg_pool{axes}d")
        for axes in (1, 2, 3)
    } | {
        getattr(torch, f"max_pool{axes}d"): getattr(functional, f"avg_pool{axes}d")
        for axes in (1, 2, 3)
    }
    names = ("relu", "relu6", "elu", "leaky_relu", "silu", "gelu", "hardtanh", "prelu", "glu")
    still = {getattr(functional, name) for name in names if name != "glu"}
    still |= {torch.tanh, torch.sigmoid, torch.relu, torch.Tensor.tanh, torch.Tensor.sigmoid}

    class Smooth(TorchFunctionMode):  # type: ignore[misc]  # torch is read as Any
        def __torch_function__(
            self, function: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = dict(kwargs or {})
            if function in still:
                return args[0]
            if function in pools:
                for name in ("dilation", "return_indices"):
                    kwargs.pop(name, None)
                return pools[function](*args[:4], **kwargs)
            return function(*args, **kwargs)

    return Smooth()


def support(module: Any, channels: int, size: tuple[int, ...], place: tuple[int, ...]) -> Any:
    """The first and the last input pixel on each axis that one output place depends on."""
    import torch

    image = torch.rand(1, channels, *size, dtype=torch.float64, requires_grad=True)
    with smooth():
        out = module(image)
    out[(slice(None), slice(None), *place)].sum().backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0) > 0
    spans = []
    for axis in range(len(size)):
        others = [other for other in range(len(size)) if other != axis]
        line = touched.amax(others) if others else touched
        (found,) = line.nonzero(as_tuple=True)
        spans.append((int(found.min()), int(found.max())))
    return tuple(spans)


def macs(module: Any, channels: int, size: tuple[int, ...]) -> int:
    """Half of what torch's counter counts."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module.eval()(torch.zeros(1, channels, *size))
    return int(counter.get_total_flops()) // 2


def small_decoder() -> Any:
    """Convolutions, a transposed one with a kernel that its stride does not divide, a resize."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(4, 4, 5, stride=3, padding=1),
        nn.LeakyReLU(),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2),
        nn.PixelShuffle(1),
        nn.AvgPool2d(3, stride=2, padding=1),
    )


def audio() -> Any:
    """One axis, wide kernels."""
    from torch import nn

    return nn.Sequential(
        nn.Conv1d(2, 4, 8, stride=4, padding=2),
        nn.ReLU(),
        nn.Conv1d(4, 4, 3, dilation=3, padding=3),
        nn.ConvTranspose1d(4, 2, 8, stride=4, padding=2),
        nn.Tanh(),
    )


def volume() -> Any:
    """Three axes."""
    from torch import nn

    return nn.Sequential(
        nn.Conv3d(1, 2, 3, padding=1),
        nn.PReLU(),
        nn.Conv3d(2, 4, 2, stride=2),
        nn.ConvTranspose3d(4, 2, 2, stride=2),
        nn.Conv3d(2, 1, (1, 3, 3), padding=(0, 1, 1)),
    )


Case = tuple["Callable[[], Any]", int, tuple[int, ...]]

MODELS: dict[str, Case] = {
    "decoder": (small_decoder, 3, (95, 90)),
    "audio": (audio, 2, (401,)),
    "volume": (volume, 1, (16, 15, 18)),
}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_multiply_accumulates_are_torchs_own(name: str) -> None:
    make, channels, size = MODELS[name]
    module = make()
    totals = dc.trace(module, size, channels=channels).totals
    assert totals.parameters == sum(value.numel() for value in module.parameters())
    assert totals.macs == macs(module, channels, size)


@pytest.mark.parametrize("name", MODELS)
def test_fields_are_the_support_of_a_numeric_gradient(name: str) -> None:
    make, channels, size = MODELS[name]
    found = dc.trace(make(), size, channels=channels)
    last = found.model.outputs[-1]
    fields, target = found.fields[last.index], found.run.size(last)
    module = positive(make())
    checked = 0
    for step in range(-3, 4):
        place = tuple([m // 2 + step for m in target])
        for axis, (low, high) in enumerate(support(module, channels, size, place)):
            field = fields[axis]
            if field is WHOLE:
                assert (low, high) == (0, size[axis] - 1)
                continue
            assert isinstance(field, Field)
            span = field.span(place[axis])
            assert span is not None
            inside = max(span[0], 0), min(span[1], size[axis] - 1)
            if span == inside:  # near a border, what is cut off may reach less far
                assert (low, high) == span
                checked += 1
            else:
                assert inside[0] <= low <= high <= inside[1]
    assert checked or WHOLE in fields
