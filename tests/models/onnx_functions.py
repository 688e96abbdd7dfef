"""What models do with a tensor between their layers, a function each, to export to ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "Applied"]


class Applied(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A convolution, and a function of the module and of what comes out."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.layer_norm, self.group_norm = nn.LayerNorm(4), nn.GroupNorm(2, 4)
        self.linear = nn.Linear(4, 6)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.lstm = nn.LSTM(4, 5, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(4, 5)

    def forward(self, x: Any) -> Any:
        return self.function(self, self.conv(x))


def tokens(y: Any) -> Any:
    return y.flatten(2).transpose(1, 2)


def windows(_: Any, y: Any) -> Any:
    """Windows of 2 x 2 in the batch, as attention has them."""
    rows, columns = y.shape[2] // 2, y.shape[3] // 2
    return y.view(1, 4, rows, 2, columns, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, 4)


def to_eights(_: Any, y: Any) -> Any:
    return functional.pad(y, (0, (8 - y.shape[3] % 8) % 8, 0, (8 - y.shape[2] % 8) % 8))


def quarters(_: Any, y: Any) -> Any:
    return y[:, :, 1:-1, y.shape[3] // 4 : -(y.shape[3] // 4)]


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "layer norm, channels last": lambda m, y: m.layer_norm(y.permute(0, 2, 3, 1)),
    "group norm": lambda m, y: m.group_norm(y),
    "instance norm": lambda _, y: functional.instance_norm(y),
    "linear on tokens": lambda m, y: m.linear(tokens(y)),
    "attention": lambda m, y: m.attention(*[y.mean(2).transpose(1, 2)] * 3)[0],
    "lstm": lambda m, y: m.lstm(y.mean(2).transpose(1, 2))[0],
    "gru": lambda m, y: m.gru(y.mean(2).permute(2, 0, 1))[0],
    "pixel shuffle": lambda _, y: functional.pixel_shuffle(y, 2),
    "pixel unshuffle": lambda _, y: functional.pixel_unshuffle(y, 2),
    "chunks": lambda _, y: torch.cat(torch.chunk(y, 2, 1)[::-1], 1),
    "a chunk of the width": lambda _, y: torch.chunk(y, 2, 3)[0],
    "a split": lambda _, y: torch.split(y, [1, 3], 1)[1],
    "a stack": lambda _, y: torch.stack([y, y], 2).flatten(1, 2),
    "a flip": lambda _, y: torch.flip(y, (2,)),
    "a sum over indices": lambda _, y: torch.einsum("nchw,ncij->nhwij", y, y),
    "an affinity": lambda _, y: torch.softmax(tokens(y) @ y.flatten(2), -1),
    "a gate": lambda _, y: y * torch.sigmoid(functional.adaptive_avg_pool2d(y, 1)),
    "features": lambda _, y: functional.adaptive_max_pool2d(y, 1).view(y.size(0), -1),
    "a resize to computed sizes": lambda _, y: functional.interpolate(
        y, size=(y.shape[2] // 2 + 1, y.shape[3] * 2)
    ),
    "a resize by factors": lambda _, y: functional.interpolate(
        y, scale_factor=(1.5, 0.7), mode="bilinear"
    ),
    "a crop by a quarter": quarters,
    "every other": lambda _, y: y[:, :, ::2, 1::3],
    "reflection": lambda _, y: functional.pad(y, (1, 2, 3, 0), mode="reflect"),
    "a pad to multiples": to_eights,
    "an unfold": lambda _, y: functional.unfold(y, 3, padding=1),
    "an expand": lambda _, y: y.mean((2, 3), keepdim=True).expand(-1, -1, *y.shape[2:]),
    "a repeat": lambda _, y: y.repeat(1, 1, 2, 3),
    "positions": lambda _, y: y + torch.arange(y.shape[3]).float(),
    "a grid of ones": lambda _, y: y + torch.ones(y.shape[2], 1) @ torch.ones(1, y.shape[3]),
    "a choice": lambda _, y: torch.where(y > 0, y, torch.zeros_like(y)),
    "the largest": lambda _, y: y.flatten(2).topk(3, -1)[0],
    "classes": lambda _, y: y.argmax(1),
    "unit vectors": lambda _, y: functional.normalize(y, dim=1),
    "running sums": lambda _, y: y.cumsum(2),
    "an average with a last window": lambda _, y: functional.avg_pool2d(
        y, 3, 2, 1, ceil_mode=True, count_include_pad=False
    ),
    "samples": lambda _, y: functional.grid_sample(y, y.permute(0, 2, 3, 1)[..., :2]),
    "windows": windows,
    "a gated half": lambda _, y: functional.glu(y, 1),
    "centred": lambda _, y: y - y.mean(),
    "scaled by its spread": lambda _, y: y / (y.std((2, 3), keepdim=True) + 1),
    "a maximum": lambda _, y: torch.maximum(y, y.amin((2, 3), keepdim=True)),
}
"""The functions by what they are."""
