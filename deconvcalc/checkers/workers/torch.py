"""The process that runs the layers of PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.workers.serve import serve

if TYPE_CHECKING:
    import numpy as np

    from deconvcalc.checkers.workers.serve import Step

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


if __name__ == "__main__":
    serve(("torch",), Torch)
