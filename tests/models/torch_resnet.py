"""ResNet-50 in PyTorch, an autoencoder and a feature pyramid on it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Bottleneck(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = 4 * width
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Any) -> Any:
        kept = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        x += kept
        return self.relu(x)


class ResNet50(nn.Module):
    """He et al. 2016, with 16 times fewer channels."""

    def __init__(self, width: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        before = width
        for number, count in enumerate((3, 4, 6, 3)):
            inner = width * 2**number
            blocks = []
            for place in range(count):
                blocks.append(Bottleneck(before, inner, 2 if number and not place else 1))
                before = 4 * inner
            setattr(self, f"layer{number + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(before, classes)

    def features(self, x: Any) -> list[Any]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        found = []
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
            found.append(x)
        return found

    def forward(self, x: Any) -> Any:
        return self.fc(torch.flatten(self.avgpool(self.features(x)[-1]), 1))


class Autoencoder(nn.Module):
    """A ResNet-50 encoder, five transposed convolutions, and skips that are added."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.encoder = ResNet50(width)
        counts = [32 * width, 16 * width, 8 * width, 4 * width]
        self.ups = nn.ModuleList(
            [nn.ConvTranspose2d(one, two, 4, stride=2, padding=1) for one, two in pairwise(counts)]
        )
        self.last = nn.Sequential(
            nn.ConvTranspose2d(4 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, x: Any) -> Any:
        *skips, y = self.encoder.features(x)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            y = functional.relu(up(y)) + skip
        return self.last(y) - x


class FPN(nn.Module):
    """Lin et al. 2017: features of all levels, brought to one size by a factor of 2 and added."""

    def __init__(self, width: int = 4, channels: int = 8) -> None:
        super().__init__()
        self.body = ResNet50(width)
        self.inner = nn.ModuleList([nn.Conv2d(4 * width * 2**i, channels, 1) for i in range(4)])
        self.outer = nn.ModuleList([nn.Conv2d(channels, channels, 3, padding=1) for _ in range(4)])

    def forward(self, x: Any) -> Any:
        levels = [one(y) for one, y in zip(self.inner, self.body.features(x), strict=True)]
        found = [levels[-1]]
        for level in levels[-2::-1]:
            found.insert(
                0, level + functional.interpolate(found[0], scale_factor=2.0, mode="nearest")
            )
        return {f"p{i}": conv(y) for i, (conv, y) in enumerate(zip(self.outer, found, strict=True))}
