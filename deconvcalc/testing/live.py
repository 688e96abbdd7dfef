"""Live models run forward on arrays, whatever framework they are of."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deconvcalc.checkers.live import outputs, runs_in
from deconvcalc.tracing.loading import raised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Live", "home"]


def home(value: Any) -> str | None:
    """The framework that a model is of, or None; none is imported for that."""
    return next(iter(runs_in(value)), None)


class Live:
    """A model with weights of its own.

    Args:
        kind: "torch", "keras" or "onnx".
        model: a module, a model, or the path of a file.
    """

    def __init__(self, kind: str, model: Any) -> None:
        self.kind, self.model = kind, model

    def __str__(self) -> str:
        if isinstance(self.model, (str, Path)):
            return str(self.model)
        return f"{type(self.model).__name__} ({self.kind})"

    def wanted(self, size: Any, channels: Any) -> list[tuple[int, ...]]:
        """The shape of each input, channels first and without the batch axis."""
        tracer = import_module(f"deconvcalc.tracing.{self.kind}")
        found = []
        for one in tracer.inputs_of(self.model, size, channels):
            deep = () if one.channels is None else (one.channels,)
            found.append((*deep, *one.size))
        return found

    def forward(self, arrays: Sequence[Array]) -> list[Array]:
        """Its outputs, (batch, channels, *sizes), for inputs of the same layout.

        Raises:
            TraceError: the model raises.
            ImportError: its framework is missing.
        """
        try:
            return _FORWARD[self.kind](self.model, arrays)
        except ImportError:
            raise
        except (Exception, SystemExit) as error:  # it is the user's own code: whatever it raises
            raise raised(error, str(self)) from error


def _keras(model: Any, arrays: Sequence[Array]) -> list[Array]:
    import keras

    last = getattr(model, "data_format", None) or keras.config.image_data_format()
    there, back = (1, -1) if last == "channels_last" else (1, 1)
    found = outputs(model, [np.moveaxis(array, there, back) for array in arrays])
    return [np.moveaxis(one, back, there) for one in found]


def _onnx(model: Any, arrays: Sequence[Array]) -> list[Array]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    found: list[Array] = session.run(None, dict(zip(names, arrays, strict=True)))
    return found


_FORWARD = {"torch": outputs, "keras": _keras, "onnx": _onnx}
