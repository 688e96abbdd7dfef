"""Models to export to ONNX: a U-Net, a ResNet, a MobileNet, and one that reads its sizes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["MODELS"]


def double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(),
    )


class UNet(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Four levels down and up, skips by concatenation, the whole of it padded."""

    def __init__(self) -> None:
        super().__init__()
        widths = (4, 8, 16, 32, 64)
        self.first = double(3, widths[0])
        pairs = [*pairwise(widths)]
        self.down = nn.ModuleList([double(a, b) for a, b in pairs])
        self.up = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairs[::-1]])
        self.join = nn.ModuleList([double(2 * a, a) for a, _ in pairs[::-1]])
        self.head = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(functional.max_pool2d(x, 2))
        for up, join, skip in zip(self.up, self.join, skips[::-1], strict=True):
            x = join(torch.cat([skip, up(x)], 1))
        return self.head(x)


class Padded(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A U-Net of two levels that pads to the skip, and resizes to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.down = nn.Conv2d(4, 8, 3, stride=3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.head = nn.Conv2d(8, 2, 3)

    def forward(self, x: Any) -> Any:
        skip = self.first(x)
        y = self.up(self.down(skip))
        rows, columns = skip.shape[2] - y.shape[2], skip.shape[3] - y.shape[3]
        y = functional.pad(y, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        y = self.head(torch.cat([skip, y], 1))
        small = functional.interpolate(y, scale_factor=0.5)
        whole = functional.interpolate(y, size=x.shape[2:], mode="bilinear")
        tokens = small.flatten(2).transpose(1, 2)
        return whole, tokens, small.mean((2, 3))


class Bottleneck(nn.Module):  # type: ignore[misc]  # torch has no types here
    """1 x 1, 3 x 3, 1 x 1, and the sum with what came in."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU()
        self.short = None
        if stride > 1 or inputs != 4 * width:
            self.short = nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False)

    def forward(self, x: Any) -> Any:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        return self.relu(y + (x if self.short is None else self.short(x)))


class ResNet50(nn.Module):  # type: ignore[misc]  # torch has no types here
    """ResNet-50: 3, 4, 6 and 3 bottlenecks; channels divided by 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages: list[nn.Module] = []
        inputs = 4
        for width, count, stride in ((4, 3, 1), (8, 4, 2), (16, 6, 2), (32, 3, 2)):
            blocks = []
            for place in range(count):
                blocks.append(Bottleneck(inputs, width, stride if place == 0 else 1))
                inputs = 4 * width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x: Any) -> Any:
        return self.fc(torch.flatten(self.pool(self.stages(self.stem(x))), 1))


class Inverted(nn.Module):  # type: ignore[misc]  # torch has no types here
    """An inverted residual with squeeze and excitation."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        self.wide = nn.Sequential(nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide))
        self.deep = nn.Conv2d(wide, wide, 3, stride=stride, padding=1, groups=wide, bias=False)
        self.squeeze = nn.Conv2d(wide, max(wide // 4, 1), 1)
        self.excite = nn.Conv2d(max(wide // 4, 1), wide, 1)
        self.thin = nn.Conv2d(wide, outputs, 1, bias=False)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Any) -> Any:
        y = self.deep(functional.relu6(self.wide(x)))
        gate = self.excite(functional.silu(self.squeeze(y.mean((2, 3), keepdim=True))))
        y = self.thin(y * torch.sigmoid(gate))
        return x + y if self.adds else y


class MobileNetV2(nn.Module):  # type: ignore[misc]  # torch has no types here
    """The 17 blocks of MobileNetV2; channels divided by 8."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        blocks = []
        inputs = 4
        rows = (1, 2, 1, 1), (6, 3, 2, 2), (6, 4, 3, 2), (6, 8, 4, 2)
        for expand, outputs, count, stride in (*rows, (6, 12, 3, 1), (6, 20, 3, 2), (6, 40, 1, 1)):
            for place in range(count):
                blocks.append(Inverted(inputs, outputs, stride if place == 0 else 1, expand))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(inputs, 160, 1)

    def forward(self, x: Any) -> Any:
        return functional.adaptive_avg_pool2d(self.head(self.blocks(self.stem(x))), 1).flatten(1)


MODELS: dict[str, Any] = {
    "unet": UNet,
    "padded": Padded,
    "resnet50": ResNet50,
    "mobilenet": MobileNetV2,
}
"""The models by name."""
