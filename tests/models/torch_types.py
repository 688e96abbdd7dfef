"""A model whose code compares types."""

from __future__ import annotations

from typing import Any

from torch import nn


class Strict(nn.Module):  # type: ignore[misc]  # torch is read as Any
    """Cuts an input by an int, and by nothing else."""

    def forward(self, x: Any) -> Any:
        """All but one."""
        number = int(x.shape[2])
        return x[..., 1:] if type(number) is int and number != 3 else x
