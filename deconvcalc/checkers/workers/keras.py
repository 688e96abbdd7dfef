"""The process that runs the layers of Keras, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.workers.serve import serve

if TYPE_CHECKING:
    import numpy as np

    from deconvcalc.checkers.workers.serve import Step

__all__ = ["Keras"]


class Keras:
    """Keras on one thread of the CPU: channels last, not training."""

    def __init__(self) -> None:
        from importlib import import_module

        import keras

        self.keras = keras
        self.backend = import_module(keras.backend.backend())
        if keras.backend.backend() == "tensorflow":
            self.backend.config.threading.set_intra_op_parallelism_threads(1)
            self.backend.config.threading.set_inter_op_parallelism_threads(1)
        elif keras.backend.backend() == "torch":
            self.backend.set_num_threads(1)
            self.backend.set_grad_enabled(False)
        # A user's ~/.keras/keras.json may say otherwise.
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")

    def versions(self) -> dict[str, str]:
        """The versions of Keras and of its backend."""
        backend = self.backend.__name__
        own = {"keras": self.keras.__version__, "backend": backend}
        return own | {backend: str(self.backend.__version__)}

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        """An input as a tensor of the backend."""
        return self.keras.ops.convert_to_tensor(array.astype(dtype))

    def build_and_run(self, step: Step, values: list[Any], dtype: str) -> Any:
        """Build the layer on the shape of its input, set its weights, and call it."""
        if step.indices is not None:
            raise ValueError(f"{step.name} takes no indices")
        layer = getattr(self.keras.layers, step.name)(**{"dtype": dtype} | step.arguments)
        inputs = values[0] if len(values) == 1 else values
        if step.weights:
            shapes = [tuple(value.shape) for value in values]
            layer.build(shapes[0] if len(shapes) == 1 else shapes)
            layer.set_weights(step.weights)
        return layer(inputs, training=False)

    def array(self, value: Any) -> np.ndarray:
        """A tensor as an array."""
        array: np.ndarray = self.keras.ops.convert_to_numpy(value)
        return array


if __name__ == "__main__":
    serve(("keras", os.environ["KERAS_BACKEND"]), Keras)
