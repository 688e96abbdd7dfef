"""Random PyTorch code with sizes read by Python: what is said of it is what it does."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

import deconvcalc as dc

pytestmark = pytest.mark.framework


Step = Callable[[Any, list[Any]], Any]


def layer(rng: random.Random) -> Step:
    """A random layer."""
    from torch import nn

    k, s, p = rng.randint(1, 5), rng.randint(1, 3), rng.randint(0, 2)
    kinds: list[Callable[[], Any]] = [
        lambda: nn.Conv1d(2, 2, k, stride=s, padding=p, dilation=rng.randint(1, 2)),
        lambda: nn.ConvTranspose1d(2, 2, k, stride=s, padding=p),
        lambda: nn.MaxPool1d(max(k, 2), stride=s, ceil_mode=rng.random() < 0.5),
        lambda: nn.AvgPool1d(max(k, 2), stride=s, padding=1),
        lambda: nn.AdaptiveAvgPool1d(rng.choice((1, 3, 8))),
        lambda: nn.Upsample(scale_factor=rng.choice((2, 3, 1.5, 0.5))),
        lambda: nn.BatchNorm1d(2),
    ]
    made = rng.choice(kinds)()
    return lambda x, _before: made(x)


def join(rng: random.Random) -> Step:
    """A random merge with a tensor from before."""
    import torch
    from torch.nn import functional

    back, merge = rng.randint(1, 3), rng.choice(("add", "cat", "interpolate", "pad", "shorter"))

    def step(x: Any, before: list[Any]) -> Any:
        other = before[-min(back, len(before))]
        if merge == "add":
            return x + other
        if merge == "cat":
            return torch.cat([x, other], 1)[:, :2]
        if merge == "interpolate":
            return functional.interpolate(x, size=other.shape[2:])
        if merge == "pad":
            d = other.size(2) - x.size(2)
            return functional.pad(x, [d // 2, d - d // 2]) + other
        length = min(x.shape[-1], other.shape[-1])
        return x[..., :length] + other[..., :length]

    return step


def code(rng: random.Random) -> Step:
    """Random code that reads sizes."""
    from torch.nn import functional

    number, strict = rng.randint(1, 4), rng.random() < 0.5

    def even(x: Any, _before: list[Any]) -> Any:
        return functional.pad(x, (0, 1)) if x.shape[-1] % 2 else x

    def multiple(x: Any, _before: list[Any]) -> Any:
        length = x.shape[-1]
        return functional.pad(x, (0, math.ceil(length / number) * number - length))

    def halves(x: Any, _before: list[Any]) -> Any:
        one, other = x[..., ::2], x[..., 1::2]
        return one + other if strict else one[..., : other.shape[-1]] + other

    def crop(x: Any, _before: list[Any]) -> Any:
        start = (x.shape[2] - number) // 2
        return x[:, :, start : start + number] if x.shape[2] > 7 else x

    def guard(x: Any, _before: list[Any]) -> Any:
        if x.shape[2] < number:
            raise ValueError("too short")
        return x

    def fold(x: Any, _before: list[Any]) -> Any:
        b, c, n = x.shape
        return x.reshape(b, c, n // number, number).mean(-1)

    def trim(x: Any, _before: list[Any]) -> Any:
        return x[..., number:-1]

    return rng.choice([even, multiple, halves, crop, guard, fold, trim])


def run(module: Any, n: int) -> bool:
    """Whether the module really runs, and no tensor on the way is empty."""
    import torch
    from torch.overrides import TorchFunctionMode

    class EmptyError(Exception):
        pass

    class NoneEmpty(TorchFunctionMode):  # type: ignore[misc]  # torch is read as Any
        def __torch_function__(
            self, function: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            made = function(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor) and not made.numel():
                raise EmptyError
            return made

    try:
        with torch.no_grad(), NoneEmpty():
            module(torch.zeros(1, 2, n))
    except (RuntimeError, ValueError, IndexError, EmptyError):
        return False
    return True


def program(seed: int) -> Any:
    """A module of random steps."""
    import torch
    from torch import nn

    rng = random.Random(seed)
    made = [rng.choice((layer, layer, join, code))(rng) for _ in range(rng.randint(2, 6))]

    class Program(nn.Module):  # type: ignore[misc]  # torch is read as Any
        def forward(self, x: Any) -> Any:
            before = [x]
            for step in made:
                x = step(x, before)
                before.append(x)
            return x

    torch.manual_seed(seed)
    return Program().eval()


@pytest.mark.parametrize("start", range(0, 60, 15))
def test_random_code_runs_on_the_inputs_that_are_said(start: int) -> None:
    taken = 0
    for seed in range(start, start + 15):
        module = program(seed)
        found = dc.trace(module, (17,), channels=2)
        repeated = found.broadcast.get("n", dc.Sizes.none())
        taken += bool(found.admissible)
        for n in range(1, 41):
            said = (n in found.admissible) or n in repeated
            unknown = any({"n": n} in rest for rest in found.unknown)
            assert said == run(module, n) or unknown, (seed, n)
    assert taken > 5
