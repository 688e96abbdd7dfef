"""MobileNetV2 and an EfficientNet with squeeze and excitation, in PyTorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class ConvBNReLU(nn.Sequential):
    def __init__(self, before: int, after: int, k: int, s: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, after, k, s, (k - 1) // 2, groups=groups, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    def __init__(self, before: int, after: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = before * expand
        self.same = stride == 1 and before == after
        layers: list[nn.Module] = [ConvBNReLU(before, inner, 1)] if expand != 1 else []
        layers += [
            ConvBNReLU(inner, inner, 3, stride, groups=inner),
            nn.Conv2d(inner, after, 1, bias=False),
            nn.BatchNorm2d(after),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return x + self.conv(x) if self.same else self.conv(x)


class MobileNetV2(nn.Module):
    """Sandler et al. 2018, with few channels."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        plan = [(1, 2, 1, 1), (6, 3, 2, 2), (6, 4, 3, 2), (6, 6, 4, 2), (6, 8, 3, 1)]
        plan += [(6, 12, 3, 2), (6, 20, 1, 1)]
        layers: list[nn.Module] = [ConvBNReLU(3, 4, 3, 2)]
        before = 4
        for expand, after, count, stride in plan:
            for place in range(count):
                step = stride if place == 0 else 1
                layers.append(InvertedResidual(before, after, step, expand))
                before = after
        layers.append(ConvBNReLU(before, 80, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(80, classes))

    def forward(self, x: Any) -> Any:
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(torch.flatten(x, 1))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, max(channels // 4, 1), 1)
        self.fc2 = nn.Conv2d(max(channels // 4, 1), channels, 1)

    def forward(self, x: Any) -> Any:
        gate = x.mean((2, 3), keepdim=True)
        gate = torch.sigmoid(self.fc2(nn.functional.silu(self.fc1(gate))))
        return gate * x


class MBConv(nn.Module):
    def __init__(self, before: int, after: int, k: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = before * expand
        self.same = stride == 1 and before == after
        self.expand = ConvBNReLU(before, inner, 1) if expand > 1 else nn.Identity()
        self.deep = ConvBNReLU(inner, inner, k, stride, groups=inner)
        self.se = SqueezeExcitation(inner)
        self.project = nn.Sequential(nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after))
        self.scale = nn.Parameter(torch.ones(after, 1, 1))

    def forward(self, x: Any) -> Any:
        y = self.project(self.se(self.deep(self.expand(x)))) * self.scale
        return y + x if self.same else y


class EfficientUNet(nn.Module):
    """Tan and Le 2019 (B0, few channels), with a decoder that doubles and concatenates."""

    def __init__(self) -> None:
        super().__init__()
        plan = [(1, 2, 1, 1, 3), (6, 3, 2, 2, 3), (6, 4, 2, 2, 5), (6, 5, 3, 2, 3)]
        plan += [(6, 6, 3, 1, 5), (6, 8, 4, 2, 5), (6, 10, 1, 1, 3)]
        self.stem = ConvBNReLU(3, 4, 3, 2)
        stages: list[nn.Module] = []
        before = 4
        for expand, after, count, stride, k in plan:
            blocks = []
            for place in range(count):
                blocks.append(MBConv(before, after, k, stride if place == 0 else 1, expand))
                before = after
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Conv2d(10 + 6 + 4 + 3 + 2, 2, 1)
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        skips = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in (0, 1, 2, 4):
                skips.append(x)
        for skip in skips[::-1]:
            x = torch.cat([self.up(x), skip], 1)
        return self.up(self.head(x))
