"""A user's own model run forward once, in the user's process: the shapes that really come out.

Only the framework that a model is of runs it, and that one is loaded already.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Shapes = list[tuple[int, ...]]
    Inputs = Mapping[str, tuple[int | None, tuple[int, ...]]]
    """By the names of the inputs their channels, None for no channel axis, and spatial sizes."""

__all__ = ["forward", "runs_in"]

_CHECKERS = {"torch": ("torch",), "keras": ("keras", "keras[torch]")}


def runs_in(model: Any) -> tuple[str, ...]:
    """The checkers whose framework a live model is of; none for what is no live model."""
    homes = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    for framework in ("keras", "torch"):  # on its torch backend, a Keras layer is a module too
        if framework in homes:
            return _CHECKERS[framework]
    return ()


def forward(model: Any, inputs: Inputs) -> Shapes:
    """The shapes of all outputs without their batch axis, in the order that the model gives them.

    The model gets zeros, is set to evaluation meanwhile, and is left as it was.

    Args:
        model: a torch module or a Keras model.
        inputs: what it gets, in its order.
    """
    if runs_in(model) == _CHECKERS["torch"]:
        return _by_torch(model, inputs)
    return _by_keras(model, inputs)


def _by_torch(model: Any, inputs: Inputs) -> Shapes:
    import torch

    held = next(model.parameters(), None)
    kind: dict[str, Any] = {}
    if held is not None and held.is_floating_point():
        kind = {"dtype": held.dtype, "device": held.device}
    tensors = [
        torch.zeros(1, *([] if channels is None else [channels]), *sizes, **kind)
        for channels, sizes in inputs.values()
    ]
    with _evaluated(model), torch.no_grad():
        result = model(*tensors)
    return [tuple(one.shape[1:]) for one in _flat(result) if isinstance(one, torch.Tensor)]


@contextmanager
def _evaluated(model: Any) -> Iterator[None]:
    """A module in evaluation, and each of its parts as it was afterwards."""
    before = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def _by_keras(model: Any, inputs: Inputs) -> Shapes:
    import numpy as np

    arrays = [
        np.zeros((1, *sizes, *([] if channels is None else [channels])), dtype="float32")
        for channels, sizes in inputs.values()
    ]
    result = model(arrays[0] if len(arrays) == 1 else arrays, training=False)
    return [tuple(map(int, one.shape[1:])) for one in _flat(result) if hasattr(one, "shape")]


def _flat(result: Any) -> Iterator[Any]:
    """What a model gives back, one after the other."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        for one in result:
            yield from _flat(one)
    else:
        yield result
