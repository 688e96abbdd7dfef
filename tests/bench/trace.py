"""Whole models: against torch.export and ONNX Runtime's symbolic inference, and against depth.

The model is a U-Net of five levels in PyTorch, some 60 layers, whose inputs are the multiples of
32. Each round has a fresh module, made before the clock starts. Tracing is timed from the module to
the model; torch.export finds its conditions meanwhile, so it stands against both rows. Deciding is
timed from the traced model to the sets. Before that it is shown that the sets are right, by forward
passes, at 224 and at 225, where ONNX Runtime is silent and torch.export's ranges say yes. What ten
times the depth costs is processor time, in turns with the smaller model.
"""

from __future__ import annotations

import gc
import io
import logging
import time
import warnings
from statistics import median
from typing import TYPE_CHECKING, Any

import deconvcalc as dc
from tests.bench import Row

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "trace"
ROUNDS = 7
LEVELS = 5
CHANNELS = 4
SIZE = 64
TRACE_LIMIT = 1 / 5
EXPORT_LIMIT = 1 / 1_000
SYMBOLIC_LIMIT = 1 / 100
DEEP = 10_000
DEPTH_LIMIT = 1.3
"""A model ten times as deep may take this many times ten times as long."""


def unet() -> Any:
    """A U-Net of five levels with batch normalisation, for evaluation."""
    from torch import cat, nn

    def block(before: int, after: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()
        )

    class UNet(nn.Module):  # type: ignore[misc]  # torch is read as Any
        def __init__(self) -> None:
            super().__init__()
            widths = [CHANNELS << level for level in range(LEVELS)]
            down = zip([3, *widths], widths, strict=False)
            self.down = nn.ModuleList([block(one, two) for one, two in down])
            self.pool = nn.MaxPool2d(2)
            self.middle = block(widths[-1], 2 * widths[-1])
            self.up = nn.ModuleList(
                [nn.ConvTranspose2d(2 * one, one, 2, stride=2) for one in reversed(widths)]
            )
            self.after = nn.ModuleList([block(2 * one, one) for one in reversed(widths)])
            self.head = nn.Conv2d(CHANNELS, 1, 1)

        def forward(self, x: Any) -> Any:
            skips = []
            for one in self.down:
                x = one(x)
                skips.append(x)
                x = self.pool(x)
            x = self.middle(x)
            for up, after in zip(self.up, self.after, strict=True):
                x = after(cat([skips.pop(), up(x)], 1))
            return self.head(x)

    return UNet().eval()


def traced(module: Any) -> dc.Trace:
    """Ours: from the module to the model."""
    return dc.trace(module, (SIZE, SIZE))


def exported(module: Any) -> Any:
    """torch.export, which finds conditions on the sizes while it traces."""
    import torch
    from torch.export import Dim, export

    image = torch.zeros(1, 3, SIZE, SIZE)
    return export(module, (image,), dynamic_shapes={"x": {2: Dim.AUTO, 3: Dim.AUTO}})


def stored(module: Any) -> Any:
    """The model as ONNX, with both axes open."""
    import onnx
    import torch

    file = io.BytesIO()
    axes = {"x": {2: "h", 3: "w"}}
    image = torch.zeros(1, 3, SIZE, SIZE)
    names = {"input_names": ["x"], "dynamic_axes": axes, "dynamo": False, "opset_version": 17}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (image,), file, **names)
    return onnx.load_from_string(file.getvalue())


def inferred(model: Any) -> Any:
    """ONNX Runtime's symbolic inference; without `auto_merge` it gives up on this model."""
    from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

    return SymbolicShapeInference.infer_shapes(model, auto_merge=True)


def check() -> None:
    """That we are right, and what the others say of 225."""
    import torch

    module = unet()
    found = traced(module).admissible
    assert found.sets == dict.fromkeys("hw", dc.Sizes.congruent(0, 32, 32)), str(found)
    for size in (224, 225):
        try:
            with torch.no_grad():
                module(torch.zeros(1, 3, size, 32))
            runs = True
        except RuntimeError:
            runs = False
        assert runs == ((size, 32) in found)
    output = inferred(stored(module)).graph.output[0].type.tensor_type.shape.dim
    assert [one.dim_param for one in output[2:]] == ["h", "w"], "it says that any size goes"


def times(make: Callable[[], Any], work: Callable[[Any], object], rounds: int) -> float:
    """The median time of some work, each time on something fresh."""
    taken = []
    for _ in range(rounds):
        given = make()
        start = time.perf_counter()
        work(given)
        taken.append(time.perf_counter() - start)
    return median(taken)


def deep(layers: int) -> dc.Model:
    """A residual model, two nodes a step, that shrinks and grows again now and then."""
    model = dc.Model()
    x = model.input(channels=4)
    for place in range(layers // 2):
        step: dc.Layer = dc.Conv(3, padding=1, out_channels=4) if place % 8 else dc.MaxPool(2)
        if place % 8 == 1:
            step = dc.ConvTranspose(2, stride=2, out_channels=4)
        y = model.add(step, x)
        x = model.add(dc.Add(), y, x) if place % 8 > 1 else model.add(dc.Identity("relu"), y)
    model.output(x)
    return model


def asked(layers: int) -> float:
    """The processor's time to build a model, decide its inputs, and run it at one input."""
    start = time.process_time()
    model = deep(layers)
    assert model.admissible()
    model.run(64)
    return time.process_time() - start


def run() -> list[Row]:
    """Check, then time."""
    logging.disable(logging.WARNING)
    check()
    ours = times(unet, traced, 3 * ROUNDS)
    export = times(unet, exported, max(ROUNDS // 3, 1))
    ours_sets = times(lambda: traced(unet()).model, lambda model: model.admissible(), 3 * ROUNDS)
    symbolic = times(lambda: stored(unet()), inferred, max(ROUNDS // 3, 1))
    gc.collect()
    gc.freeze()  # what torch and onnx hold: the collector would look through it with ours
    turns = [(asked(DEEP // 10), asked(DEEP)) for _ in range(ROUNDS)]
    gc.unfreeze()
    few, many = [median(one) for one in zip(*turns, strict=True)]
    name = "U-Net of 60 layers"
    return [
        _row(f"{name}, traced", "trace", "torch.export", ours, export, TRACE_LIMIT),
        _row(f"{name}, its inputs", "admissible", "torch.export", ours_sets, export, EXPORT_LIMIT),
        _row(
            f"{name}, its inputs", "admissible", "onnxruntime", ours_sets, symbolic, SYMBOLIC_LIMIT
        ),
        _row("depth", f"{DEEP:,} layers", f"10 x {DEEP // 10:,}", many, 10 * few, DEPTH_LIMIT),
    ]


def _row(case: str, ours: str, rival: str, mine: float, its: float, limit: float) -> Row:
    return Row(case=case, ours=ours, rival=rival, ours_seconds=mine, rival_seconds=its, limit=limit)
