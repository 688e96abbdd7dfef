"""Parameters, multiply-accumulates and receptive fields of real models, as PyTorch has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

import deconvcalc as dc
from deconvcalc.model.fields import WHOLE, Field
from tests.torch_passes import Case, case

pytestmark = pytest.mark.framework


def positive(module: Any) -> Any:
    """The module with positive weights in float64, so that nothing cancels out."""
    import torch

    module = module.double().eval()
    with torch.no_grad():
        for value in module.parameters():
            taps = value[0].numel() if value.dim() > 1 else 1
            value.copy_((torch.rand_like(value) + 0.5) / taps)
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
    still |= {torch.relu, torch.tanh, torch.Tensor.tanh}

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
    out = list(out.values())[-1] if isinstance(out, dict) else out
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


SMALL = {
    "decoder": Case(small_decoder, 3, (95, 90), ()),
    "audio": Case(audio, 2, (401,), ()),
    "volume": Case(volume, 1, (16, 15, 18), ()),
}


def model(name: str) -> Case:
    """A small model, or a real one."""
    return SMALL[name] if name in SMALL else case(name)


FIELDS = {
    "unet": (80, 96),
    "unet with F.pad": (75, 70),
    "unet, bilinear": (80, 64),
    "unet, valid": (188, 204),
    "resnet50 autoencoder": (96, 64),
    "fpn": (96, 64),
    "efficientnet with a decoder": (64, 64),
    "dcgan": (2, 3),
    "demucs without padding": (148 + 64,),
    "hifi-gan, hop 256": (40,),
    "hifi-gan, hop 300": (40,),
    "v-net": (16, 16, 32),
}
"""Real models, and the sizes at which their gradients are taken."""


@pytest.mark.parametrize("name", SMALL)
def test_multiply_accumulates_are_torchs_own(name: str) -> None:
    one = model(name)
    totals = dc.trace(one.make(), one.start, channels=one.channels).totals
    assert totals.macs == macs(one.make(), one.channels, one.start)


@pytest.mark.parametrize("name", SMALL)
def test_parameters_are_torchs_own(name: str) -> None:
    one = model(name)
    module = one.make()
    totals = dc.trace(module, one.start, channels=one.channels).totals
    assert totals.parameters == sum(value.numel() for value in module.parameters())


@pytest.mark.parametrize("name", [*SMALL, *FIELDS])
def test_fields_are_the_support_of_a_numeric_gradient(name: str) -> None:
    one = model(name)
    size = FIELDS.get(name, one.start)
    found = dc.trace(one.make(), size, channels=one.channels)
    last = found.model.outputs[-1]
    fields, target = found.fields[last.index], found.run.size(last)
    module = positive(one.make())
    for step in range(-2, 3):
        place = tuple([min(max(m // 2 + step, 0), m - 1) for m in target])
        for axis, (low, high) in enumerate(support(module, one.channels, size, place)):
            field = fields[axis]
            if field is None:  # branches whose strides differ by corners that stay in place
                assert name == "unet, bilinear"
                continue
            if field is WHOLE:
                assert (low, high) == (0, size[axis] - 1)
                continue
            assert isinstance(field, Field)
            span = field.span(place[axis])
            assert span is not None
            inside = max(span[0], 0), min(span[1], size[axis] - 1)
            if span == inside:  # near a border, what is cut off may reach less far
                assert (low, high) == span
            else:
                assert inside[0] <= low <= high <= inside[1]


ON_TORCH = """
import functools, json, torch
import deconvcalc as dc
from torch.utils.flop_counter import FlopCounterMode
from tests.models import keras_nets

names = ("unet", "vae", "two_branches_dense", "squeeze_excite", "volume")
makes = {name: getattr(keras_nets, name) for name in names}
makes |= {f"fcn-{stride}": functools.partial(keras_nets.fcn, stride) for stride in (8, 16, 32)}
found = {}
for name, make in makes.items():
    model = make()
    shape = [32 if size is None else size for size in model.inputs[0].shape[1:]]
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(torch.zeros(1, *shape))
    totals = dc.trace(model, tuple(shape[:-1])).totals
    ours = [totals.parameters, totals.macs]
    found[name] = [ours, [model.count_params(), counter.get_total_flops() // 2]]
print(json.dumps(found))
"""


def test_keras_models_cost_what_torch_counts_on_its_backend() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_TORCH],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 8
    for name, (ours, its) in found.items():
        assert ours == its, name


def features() -> tuple[Any, Any, Any]:
    """A gate of features, as in squeeze and excitation; a gate of one pixel; a generator."""
    import torch
    from torch import nn

    class Gate(nn.Module):  # type: ignore[misc]  # torch is read as Any
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.dense = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 8)
            self.pool = nn.AdaptiveAvgPool2d(1)

        def forward(self, x: Any) -> Any:
            x = self.conv(x)
            return x * torch.relu(self.dense(self.pool(x).flatten(1)))[:, :, None, None]

    class Pixel(Gate):
        def forward(self, x: Any) -> Any:
            x = self.conv(x)
            return x * x[:, :, 0, 0][:, :, None, None]

    class Generator(nn.Module):  # type: ignore[misc]  # torch is read as Any
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.up = nn.Linear(5, 16), nn.ConvTranspose2d(4, 3, 4, 2, 1)

        def forward(self, x: Any) -> Any:
            return self.up(self.dense(x).unflatten(1, (4, 2, 2)))

    return Gate(), Pixel(), Generator()


def test_what_features_see_is_not_lost() -> None:
    gate, pixel, generator = features()
    found = dc.trace(gate, (9, 9), channels=3)
    assert found.fields[found.model.outputs[-1].index] == (WHOLE, WHOLE)
    assert support(positive(gate), 3, (9, 9), (4, 4)) == ((0, 8), (0, 8))
    found = dc.trace(pixel, (9, 9), channels=3)  # a place far away, and what is near
    assert found.fields[found.model.outputs[-1].index] == (None, None)
    found = dc.trace(generator, (), channels=5)
    assert found.fields[found.model.outputs[-1].index] == (WHOLE, WHOLE)
    assert found.fields[0] == ()
