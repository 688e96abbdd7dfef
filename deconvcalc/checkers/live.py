"""A user's own model run forward once, in the user's process: what really comes out.

Only the framework that a model is of runs it, and that one is loaded already.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Shapes = list[tuple[int, ...]]
    Inputs = Mapping[str, tuple[int | None, tuple[int, ...]]]
    """By the names of the inputs their channels, None for no channel axis, and spatial sizes."""

__all__ = ["forward", "outputs", "runs_in"]

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
    import numpy as np

    last = runs_in(model) != _CHECKERS["torch"]
    arrays = []
    for channels, sizes in inputs.values():
        deep = () if channels is None else (channels,)
        shape = (1, *sizes, *deep) if last else (1, *deep, *sizes)
        arrays.append(np.zeros(shape, dtype="float32"))
    return [tuple(map(int, one.shape[1:])) for one in outputs(model, arrays)]


def outputs(model: Any, arrays: Sequence[Array]) -> list[Array]:
    """All that a live model gives back for some inputs, one after the other.

    It is set to evaluation meanwhile, and is left as it was.

    Args:
        model: a torch module or a Keras model.
        arrays: its inputs in float32, laid out as its framework does, with a batch axis.
    """
    if runs_in(model) == _CHECKERS["torch"]:
        return _by_torch(model, arrays)
    return _by_keras(model, arrays)


def _by_torch(model: Any, arrays: Sequence[Array]) -> list[Array]:
    import torch

    held = next(model.parameters(), None)
    kind: dict[str, Any] = {}
    if held is not None and held.is_floating_point():
        kind = {"dtype": held.dtype, "device": held.device}
    with _evaluated(model), torch.no_grad():
        result = model(*[torch.from_numpy(array).to(**kind) for array in arrays])
    found = [one.detach().cpu() for one in _flat(result) if isinstance(one, torch.Tensor)]
    # numpy has no floats as short as bfloat16
    return [(one.double() if one.is_floating_point() else one).numpy() for one in found]


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


def _by_keras(model: Any, arrays: Sequence[Array]) -> list[Array]:
    import keras

    given = list(arrays)
    result = model(given[0] if len(given) == 1 else given, training=False)
    found = [one for one in _flat(result) if hasattr(one, "shape")]
    return [keras.ops.convert_to_numpy(one) for one in found]


def _flat(result: Any) -> Iterator[Any]:
    """What a model gives back, one after the other."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        for one in result:
            yield from _flat(one)
    else:
        yield result
