"""Audio models in PyTorch: a Demucs-like U-Net and HiFi-GAN vocoders."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm


class Demucs(nn.Module):
    """Défossez et al. 2019, as in its denoiser: k = 8, s = 4, an LSTM, a valid length."""

    def __init__(self, depth: int = 5, hidden: int = 2, pads: bool = True) -> None:
        super().__init__()
        self.depth, self.pads = depth, pads
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        before, after, out = 1, hidden, 1
        for index in range(depth):
            self.encoder.append(
                nn.Sequential(
                    nn.Conv1d(before, after, 8, 4),
                    nn.ReLU(),
                    nn.Conv1d(after, 2 * after, 1),
                    nn.GLU(1),
                )
            )
            decode = [
                nn.Conv1d(after, 2 * after, 1),
                nn.GLU(1),
                nn.ConvTranspose1d(after, out, 8, 4),
            ]
            if index:
                decode.append(nn.ReLU())
            self.decoder.insert(0, nn.Sequential(*decode))
            before, out, after = after, after, 2 * after
        self.lstm = nn.LSTM(before, before, num_layers=2, bidirectional=True)
        self.linear = nn.Linear(2 * before, before)

    def valid_length(self, length: Any) -> Any:
        for _ in range(self.depth):
            length = math.ceil((length - 8) / 4) + 1
            length = max(length, 1)
        for _ in range(self.depth):
            length = (length - 1) * 4 + 8
        return length

    def forward(self, mix: Any) -> Any:
        length = mix.shape[-1]
        x = mix
        if self.pads:
            x = functional.pad(x, (0, self.valid_length(length) - length))
        skips = []
        for encode in self.encoder:
            x = encode(x)
            skips.append(x)
        x = x.permute(2, 0, 1)
        x, _ = self.lstm(x)
        x = self.linear(x)
        x = x.permute(1, 2, 0)
        for decode in self.decoder:
            skip = skips.pop(-1)
            x = x + skip[..., : x.shape[-1]]
            x = decode(x)
        return x[..., :length] if self.pads else x


class ResBlock(nn.Module):
    def __init__(self, channels: int, k: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.one = nn.ModuleList(
            [
                weight_norm(nn.Conv1d(channels, channels, k, 1, d * (k - 1) // 2, d))
                for d in dilations
            ]
        )
        self.two = nn.ModuleList(
            [weight_norm(nn.Conv1d(channels, channels, k, 1, (k - 1) // 2)) for _ in dilations]
        )

    def forward(self, x: Any) -> Any:
        for one, two in zip(self.one, self.two, strict=True):
            y = one(functional.leaky_relu(x, 0.1))
            y = two(functional.leaky_relu(y, 0.1))
            x = y + x
        return x


class HiFiGAN(nn.Module):
    """Kong et al. 2020: mel frames become samples; the rates multiply to the hop."""

    def __init__(
        self,
        rates: tuple[int, ...] = (8, 8, 2, 2),
        kernels: tuple[int, ...] = (16, 16, 4, 4),
        channels: int = 32,
    ) -> None:
        super().__init__()
        self.pre = weight_norm(nn.Conv1d(10, channels, 7, 1, padding=3))
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        for index, (rate, kernel) in enumerate(zip(rates, kernels, strict=True)):
            before, after = channels // 2**index, channels // 2 ** (index + 1)
            self.ups.append(
                weight_norm(
                    nn.ConvTranspose1d(before, after, kernel, rate, padding=(kernel - rate) // 2)
                )
            )
            for k, d in ((3, (1, 3, 5)), (7, (1, 3, 5)), (11, (1, 3, 5))):
                self.blocks.append(ResBlock(after, k, d))
        self.post = weight_norm(nn.Conv1d(after, 1, 7, 1, padding=3))
        self.count = 3

    def forward(self, x: Any) -> Any:
        x = self.pre(x)
        for index, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, 0.1))
            total: Any = None
            for place in range(self.count):
                y = self.blocks[index * self.count + place](x)
                total = y if total is None else total + y
            x = total / self.count
        return torch.tanh(self.post(functional.leaky_relu(x)))
