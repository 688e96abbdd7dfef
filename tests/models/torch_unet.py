"""U-Nets in PyTorch: padded, with padding to the skip, with bilinear upsampling, and valid."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class DoubleConv(nn.Sequential):
    def __init__(self, before: int, after: int, padding: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, after, 3, padding=padding),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=padding),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Upsampling and a skip, which `join` brings together."""

    def __init__(self, before: int, after: int, join: str, padding: int) -> None:
        super().__init__()
        self.join = join
        if join == "bilinear":
            self.up: nn.Module = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                nn.Conv2d(before, after, 1),
            )
        else:
            self.up = nn.ConvTranspose2d(before, after, 2, stride=2)
        self.conv = DoubleConv(2 * after, after, padding)

    def forward(self, x: Any, skip: Any) -> Any:
        asked = {"output_size": skip.size()} if self.join == "output_size" else {}
        x = self.up(x, **asked)
        if self.join == "pad":
            tall = skip.size()[2] - x.size()[2]
            wide = skip.size()[3] - x.size()[3]
            x = functional.pad(x, [wide // 2, wide - wide // 2, tall // 2, tall - tall // 2])
        elif self.join == "crop":
            skip = center_crop(skip, x.shape[2:])
        elif self.join == "interpolate":
            x = functional.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
        return self.conv(torch.cat([x, skip], dim=1))


def center_crop(x: Any, size: Any) -> Any:
    top = (x.shape[2] - size[0]) // 2
    left = (x.shape[3] - size[1]) // 2
    return x[:, :, top : top + size[0], left : left + size[1]]


class UNet(nn.Module):
    """Ronneberger et al. 2015, with batch normalisation."""

    def __init__(
        self, depth: int = 4, channels: int = 4, join: str = "plain", padding: int = 1
    ) -> None:
        super().__init__()
        counts = [channels * 2**level for level in range(depth + 1)]
        self.first = DoubleConv(3, counts[0], padding)
        pairs = list(pairwise(counts))
        self.down = nn.ModuleList(
            [nn.Sequential(nn.MaxPool2d(2), DoubleConv(one, two, padding)) for one, two in pairs]
        )
        self.ups = nn.ModuleList([Up(two, one, join, padding) for one, two in pairs[::-1]])
        self.head = nn.Conv2d(channels, 2, 1)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up in self.ups:
            x = up(x, skips.pop())
        return self.head(x)
