"""The process that runs the layers of Keras, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.configuration import NONE, WORDS, Configuration
from deconvcalc.checkers.workers.serve import Step, serve
from deconvcalc.checkers.workers.sweep import REFUSED, Made, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

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

    def sweeper(self, x: np.ndarray, w: np.ndarray) -> KerasSweeper:
        """The functions behind the layers."""
        return KerasSweeper(self, x, w)


class KerasSweeper:
    """`keras.ops`, which leaves most of the rules to the layers.

    Args:
        framework: runs the layers.
        x, w: the numbers of inputs and kernels.
    """

    def __init__(self, framework: Keras, x: np.ndarray, w: np.ndarray) -> None:
        self.framework = framework
        self.keras = framework.keras
        self.x, self.w = x, w
        self.inputs = Made(self._input)
        self.kernels = Made(self._kernel)
        self.functions = self._functions()

    def hidden(self, rows: np.ndarray) -> np.ndarray:
        """For each row, whether only the layer has a rule for it.

        The functions take numbers below 1 (and may end the process), strides together with
        dilation, any output_padding, and a window that is larger than the input.
        """
        place, _, k, s, d, word, _, extra, _, _, n = rows.T
        least = (k < 1) | (s < 1) | (d < 1)
        crossed = (s > 1) & (d > 1)
        outside = (place == 1) & (extra != NONE) & ((extra < 0) | (extra >= s))
        larger = (place != 1) & (word == WORDS.index("valid")) & (n < d * (k - 1) + 1)
        hidden: np.ndarray = least | crossed | outside | larger
        return hidden

    def _input(self, n: int, axes: int, pools: bool, before: int) -> Any:
        """An input with a batch and a channel axis, and zeros before it."""
        numbers = spread(-self.x[:n] if pools else self.x[:n], axes, pools)[None, ..., None]
        tensor = self.framework.tensor(numbers, "float32")
        return self.keras.ops.pad(tensor, [[0, 0], [before, 0], [0, 0]]) if before else tensor

    def _kernel(self, k: int, axes: int) -> Any:
        """A kernel from one channel to one."""
        numbers = spread(self.w[:k], axes, False)[..., None, None]
        return self.framework.tensor(numbers, "float32")

    def _functions(self) -> list[Callable[[Sequence[int]], Any]]:
        """What the functions make of a row, by its operation."""
        ops, inputs, kernels = self.framework.keras.ops, self.inputs, self.kernels

        def conv(row: Sequence[int]) -> Any:
            _, axes, k, s, d, word, _, _, _, _, n = row
            if WORDS[word] == "causal":  # the layer pads before, too
                values = inputs[n, axes, False, d * (k - 1)]
                return ops.conv(values, kernels[k, axes], s, "valid", None, d)
            return ops.conv(inputs[n, axes, False, 0], kernels[k, axes], s, WORDS[word], None, d)

        def transpose(row: Sequence[int]) -> Any:
            _, axes, k, s, d, word, _, extra, _, _, n = row
            values, given = inputs[n, axes, False, 0], None if extra == NONE else extra
            return ops.conv_transpose(values, kernels[k, axes], s, WORDS[word], given, None, d)

        def max_pool(row: Sequence[int]) -> Any:
            _, axes, k, s, _, word, _, _, _, _, n = row
            return ops.max_pool(inputs[n, axes, True, 0], k, s, WORDS[word])

        def average_pool(row: Sequence[int]) -> Any:
            _, axes, k, s, _, word, _, _, _, _, n = row
            return ops.average_pool(inputs[n, axes, False, 0], k, s, WORDS[word])

        return [conv, transpose, max_pool, average_pool]

    def layer(self, row: Sequence[int]) -> Any:
        """What a real layer makes of the row. Its bias is 0.

        Where TensorFlow returns nothing, the build that every model begins with decides.
        """
        place, axes, k, *_, n = row
        name, arguments = Configuration.of_row(row).arguments("keras")
        weights = []
        if place < 2 and k > 0:
            weights = [spread(self.w[:k], axes, False)[..., None, None], 0 * self.w[:1]]
        values = self.inputs[n, axes, place == 2, 0]
        output = self.framework.build_and_run(
            Step(name, arguments, weights, None), [values], "float32"
        )
        if 0 in output.shape:
            getattr(self.keras.layers, name)(**arguments)(self.keras.Input((n,) * axes + (1,)))
        return output

    def quick(self) -> contextlib.AbstractContextManager[Any]:
        """Nothing makes them quicker."""
        return contextlib.nullcontext()

    def sizes(self, outputs: list[Any]) -> list[int]:
        """The size of each output along its last axis."""
        return [REFUSED if output is None else int(output.shape[-2]) for output in outputs]

    def join(self, outputs: list[Any]) -> np.ndarray:
        """All numbers of some outputs, one output after another."""
        if not outputs:
            return self.x[:0]
        from numpy import concatenate

        joined: np.ndarray = concatenate(
            [self.framework.array(output).reshape(-1) for output in outputs]
        )
        return joined


if __name__ == "__main__":
    serve(("keras", os.environ["KERAS_BACKEND"]), Keras)
