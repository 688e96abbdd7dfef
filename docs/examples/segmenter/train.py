"""A training script that refuses to start with a wrong size."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import deconvcalc as dc


class UNet(nn.Module):
    """A U-Net of one level.

    Args:
        kernel_size: of the layer that goes up again; 2 is right.
    """

    def __init__(self, kernel_size: int = 2) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, 8, 3, padding=1))
        self.up = nn.ConvTranspose2d(8, 8, kernel_size, stride=2)
        self.head = nn.Conv2d(11, 2, 1)

    def forward(self, x: Any) -> Any:
        """Classes for each pixel."""
        return self.head(torch.cat([x, self.up(self.down(x))], dim=1))


def main(kernel_size: int = 2, crop: int = 64) -> None:
    """Check all sizes that training meets, and start."""
    model = UNet(kernel_size)
    dc.testing.assert_output_size(model, crop, crop)
    dc.testing.assert_admissible(model, "n even")
    print(f"training on {crop}x{crop}")


if __name__ == "__main__":
    main()
