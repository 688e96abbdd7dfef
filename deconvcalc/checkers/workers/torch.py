"""The process that runs the layers of PyTorch."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.configuration import NONE, WORDS, Configuration
from deconvcalc.checkers.workers.serve import Step, serve
from deconvcalc.checkers.workers.sweep import REFUSED, Made, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np

__all__ = ["Torch"]

NAMES = ("weight", "bias", "running_mean", "running_var")
"""What the weights of a step are called, in their order."""


class Torch:
    """PyTorch on one thread of the CPU: eval mode, no gradients."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        self.torch = torch

    def versions(self) -> dict[str, str]:
        """The version of PyTorch."""
        return {"torch": str(self.torch.__version__)}

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        """An input as a tensor of its own memory."""
        return self.torch.from_numpy(array.astype(dtype))

    def build_and_run(self, step: Step, values: list[Any], dtype: str) -> Any:
        """Build the module, copy its weights, and call it."""
        module = getattr(self.torch.nn, step.name)(**step.arguments)
        module = module.to(getattr(self.torch, dtype)).eval()
        if step.weights:
            self.fill(module, step, dtype)
        if step.indices is not None:
            values = [*values, self.torch.from_numpy(step.indices.astype("int64"))]
        return module(*values)

    def fill(self, module: Any, step: Step, dtype: str) -> None:
        """Copy the weights. `copy_` alone would broadcast, and leave what is missing at random."""
        owned = [name for name in NAMES if getattr(module, name, None) is not None]
        least, given = len(list(module.parameters())), len(step.weights)
        if not least <= given <= len(owned):
            raise ValueError(f"{step.name} has the weights {owned}, not {given}")
        for name, array in zip(owned, step.weights, strict=False):
            weight = getattr(module, name)
            if tuple(weight.shape) != array.shape:
                shape = tuple(weight.shape)
                raise ValueError(f"{name} of {step.name} has the shape {shape}, not {array.shape}")
            weight.copy_(self.tensor(array, dtype))

    def array(self, value: Any) -> np.ndarray:
        """A tensor as an array."""
        array: np.ndarray = value.numpy()
        return array

    def sweeper(self, x: np.ndarray, w: np.ndarray) -> TorchSweeper:
        """The functions behind the layers."""
        return TorchSweeper(self, x, w)


class TorchSweeper:
    """`torch.nn.functional`, without gradients and without oneDNN.

    Args:
        framework: runs the layers.
        x, w: the numbers of inputs and kernels.
    """

    def __init__(self, framework: Torch, x: np.ndarray, w: np.ndarray) -> None:
        self.framework = framework
        self.torch = framework.torch
        self.x, self.w = x, w
        self.inputs = Made(self._input)
        self.kernels = Made(self._kernel)
        self.functions = self._functions()

    def hidden(self, rows: np.ndarray) -> np.ndarray:
        """The functions check all that the layers do, but a kernel must be there to be given."""
        hidden: np.ndarray = (rows[:, 2] < 0) & (rows[:, 0] < 2)
        return hidden

    def _input(self, n: int, axes: int, pools: bool) -> Any:
        """An input with a batch and a channel axis."""
        return self.torch.from_numpy(
            spread(-self.x[:n] if pools else self.x[:n], axes, pools)[None, None]
        )

    def _kernel(self, k: int, axes: int) -> Any:
        """A kernel from one channel to one."""
        return self.torch.from_numpy(spread(self.w[:k], axes, False)[None, None])

    def _functions(self) -> list[Callable[[Sequence[int]], Any]]:
        """What the functions make of a row, by its operation."""
        names = ("conv{}d", "conv_transpose{}d", "max_pool{}d", "avg_pool{}d")
        functional = self.torch.nn.functional
        convs, transposes, max_pools, average_pools = [
            [None, *[getattr(functional, name.format(axes)) for axes in (1, 2, 3)]]
            for name in names
        ]
        inputs, kernels = self.inputs, self.kernels

        def conv(row: Sequence[int]) -> Any:
            _, axes, k, s, d, word, p, _, _, _, n = row
            padding = WORDS[word] if word else p
            return convs[axes](inputs[n, axes, False], kernels[k, axes], None, s, padding, d)

        def transpose(row: Sequence[int]) -> Any:
            _, axes, k, s, d, _, p, extra, _, _, n = row
            extra = 0 if extra == NONE else extra
            function = transposes[axes]
            return function(inputs[n, axes, False], kernels[k, axes], None, s, p, extra, 1, d)

        def max_pool(row: Sequence[int]) -> Any:
            _, axes, k, s, d, _, p, _, ceil, _, n = row
            return max_pools[axes](inputs[n, axes, True], k, s, p, d, ceil == 1)

        def average_pool(row: Sequence[int]) -> Any:
            _, axes, k, s, _, _, p, _, ceil, counted, n = row
            return average_pools[axes](inputs[n, axes, False], k, s, p, ceil == 1, counted == 1)

        return [conv, transpose, max_pool, average_pool]

    def layer(self, row: Sequence[int]) -> Any:
        """What a real module makes of the row. Its bias is 0."""
        place, axes, k, *_, n = row
        name, arguments = Configuration.of_row(row).arguments("torch")
        weights = [self.kernels[k, axes].numpy(), 0 * self.w[:1]] if place < 2 and k > 0 else []
        return self.framework.build_and_run(
            Step(name, arguments, weights, None), [self.inputs[n, axes, place == 2]], "float32"
        )

    @contextlib.contextmanager
    def quick(self) -> Iterator[None]:
        """Without oneDNN, which takes longer to begin than a small function takes altogether."""
        onednn = self.torch.backends.mkldnn
        before = onednn.set_flags(False)
        try:
            with self.torch.inference_mode():
                yield
        finally:
            onednn.set_flags(*before[:1])

    def sizes(self, outputs: list[Any]) -> list[int]:
        """The size of each output along its last axis."""
        return [REFUSED if output is None else output.size(-1) for output in outputs]

    def join(self, outputs: list[Any]) -> np.ndarray:
        """All numbers of some outputs, one output after another."""
        if not outputs:
            return self.x[:0]
        flat = [output if output.ndim == 3 else output.reshape(1, 1, -1) for output in outputs]
        joined: np.ndarray = self.torch.cat(flat, 2).numpy().reshape(-1)
        return joined


if __name__ == "__main__":
    serve(("torch",), Torch)
