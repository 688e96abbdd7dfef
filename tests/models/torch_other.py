"""Other models in PyTorch: DCGAN, V-Net, a pinned autoencoder, and code that branches on sizes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Generator(nn.Sequential):
    """Radford et al. 2016, with 16 times fewer channels."""

    def __init__(self, latent: int = 100, width: int = 4) -> None:
        layers: list[nn.Module] = []
        counts = [latent, 8 * width, 4 * width, 2 * width, width]
        for index, (before, after) in enumerate(pairwise(counts)):
            stride, padding = (1, 0) if index == 0 else (2, 1)
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(True),
            ]
        layers += [nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
        super().__init__(*layers)


class VBlock(nn.Module):
    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(count):
            layers += [nn.Conv3d(channels, channels, 5, padding=2), nn.PReLU(channels)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return x + self.layers(x)


class VNet(nn.Module):
    """Milletari et al. 2016, with 16 times fewer channels."""

    def __init__(self, width: int = 1) -> None:
        super().__init__()
        counts = [width * 2**level for level in range(5)]
        self.first = nn.Conv3d(1, width, 5, padding=2)
        numbers = (1, 2, 3, 3, 3)
        self.left = nn.ModuleList([VBlock(c, n) for c, n in zip(counts, numbers, strict=True)])
        self.down = nn.ModuleList([nn.Conv3d(a, b, 2, stride=2) for a, b in pairwise(counts)])
        self.up = nn.ModuleList(
            [nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in pairwise(counts)]
        )
        self.right = nn.ModuleList([VBlock(2 * c, 1) for c in counts[:-1]])
        self.thin = nn.ModuleList([nn.Conv3d(2 * c, c, 1) for c in counts[:-1]])
        self.head = nn.Conv3d(width, 2, 1)

    def forward(self, x: Any) -> Any:
        x = self.left[0](self.first(x))
        skips = []
        for down, block in zip(self.down, self.left[1:], strict=True):
            skips.append(x)
            x = block(down(x))
        for level in reversed(range(len(skips))):
            x = torch.cat((self.up[level](x), skips[level]), 1)
            x = self.thin[level](self.right[level](x))
        return self.head(x)


class Pinned(nn.Module):
    """An autoencoder with a flat code: 32 x 32 alone."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 8, 3, stride=2, padding=1),
            nn.Flatten(),
            nn.Linear(8 * 8 * 8, 16),
        )
        self.decoder = nn.Sequential(
            nn.Linear(16, 8 * 8 * 8),
            nn.Unflatten(1, (8, 8, 8)),
            nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1),
            nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1),
        )

    def forward(self, x: Any) -> Any:
        return self.decoder(self.encoder(x)) - x


class Parity(nn.Module):
    """Pads where a size is odd."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 2, stride=2)
        self.up = nn.ConvTranspose2d(4, 3, 2, stride=2)

    def forward(self, x: Any) -> Any:
        h, w = x.shape[-2:]
        if h % 2:
            x = functional.pad(x, (0, 0, 0, 1))
        if w % 2 == 1:
            x = functional.pad(x, (0, 1))
        return self.up(self.down(x))[:, :, :h, :w] + x[..., :h, :w]


class Taller(nn.Module):
    """Turns a tall image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x: Any) -> Any:
        if x.size(2) > x.size(3):
            x = x.transpose(2, 3)
        return self.conv(x)


class Picky(nn.Module):
    """Raises where a size is no multiple of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Any) -> Any:
        _, _, h, w = x.shape
        if h % 4 != 0 or w % 4 != 0:
            raise ValueError(f"size must be a multiple of 4, not {h} x {w}")
        return functional.avg_pool2d(self.conv(x), 4)


class Rows(nn.Module):
    """Goes through the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 3, 3)

    def forward(self, x: Any) -> Any:
        return torch.stack([self.conv(x[:, :, row]) for row in range(x.shape[2])], dim=2)


class Windows(nn.Module):
    """Window partition as in Swin, with padding to whole windows."""

    def __init__(self, window: int = 4) -> None:
        super().__init__()
        self.window = window
        self.norm = nn.LayerNorm(8)
        self.embed = nn.Conv2d(3, 8, 2, stride=2)
        self.mix = nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        x = self.embed(x).permute(0, 2, 3, 1)
        x = self.norm(x)
        b, h, w, c = x.shape
        size = self.window
        right, below = (size - w % size) % size, (size - h % size) % size
        x = functional.pad(x, (0, 0, 0, right, 0, below))
        _, tall, wide, _ = x.shape
        parts = x.view(b, tall // size, size, wide // size, size, c)
        parts = parts.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, size * size, c)
        weights = torch.softmax(parts @ parts.transpose(-2, -1) * c**-0.5, dim=-1)
        parts = self.mix(weights @ parts)
        parts = parts.view(b, tall // size, wide // size, size, size, c)
        x = parts.permute(0, 1, 3, 2, 4, 5).reshape(b, tall, wide, c)
        return x[:, :h, :w, :].permute(0, 3, 1, 2)


class Unpooled(nn.Module):
    """SegNet's pairs of pools and unpools, with sizes."""

    def __init__(self, sizes: bool) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.sizes = sizes

    def forward(self, x: Any) -> Any:
        one, first = self.pool(x)
        two, second = self.pool(self.conv(one))
        y = self.unpool(two, second, output_size=one.size() if self.sizes else None)
        return self.unpool(y, first, output_size=x.size() if self.sizes else None) + x
