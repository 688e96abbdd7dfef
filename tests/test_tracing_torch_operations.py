"""Sizes after functions of torch, against what real tensors give at several sizes."""

from __future__ import annotations

import math
from typing import Any

import pytest

import deconvcalc as dc
from tests.torch_passes import module

pytestmark = pytest.mark.framework


def outcome(forward: Any, size: tuple[int, ...], channels: int, **layers: Any) -> Any:
    """A trace, checked against real passes at several sizes: whether they run, and every size."""
    import torch

    model = module(forward, **layers).eval()
    found = dc.trace(model, size, channels=channels)
    assert found.passed == ()
    for factor, more in ((1, 0), (1, 1), (1, 4), (2, 3), (0, 2), (0, 5)):
        sizes = tuple([factor * one + more for one in size])
        point = found.model.point(sizes)
        ways = [way for way in found.traced.paths if all(g.sends(point) for g in way.guards)]
        if not ways and found.unknown:
            continue
        runs = [way for way in ways if way.failed is None and way.model.run(point).runs]
        try:
            with torch.no_grad():
                real = model(torch.zeros(1, channels, *sizes))
        except (RuntimeError, ValueError, IndexError, AssertionError):
            assert not runs, sizes
            continue
        results = real if isinstance(real, (tuple, list)) else [real]
        if not all(tensor.numel() for tensor in results):
            assert not runs, sizes  # what has no elements counts as a failure
            continue
        assert runs, sizes
        for tensor, node in zip(results, runs[0].model.outputs, strict=True):
            shape = runs[0].model.run(point).shapes[node.index]
            known = [] if shape.channels is None else [shape.channels]
            known += shape.numbers or ()
            assert tuple(known) == tuple(tensor.shape)[tensor.dim() - len(known) :], sizes
    return found


def operations() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Functions of torch, and the sizes that come out for 4 channels of h x w."""
    import torch
    from torch.nn import functional

    def crop(_: Any, x: Any) -> Any:
        h, w = x.shape[-2:]
        return x[..., 1 : h - 1, w // 2 :]

    def patches(_: Any, x: Any) -> Any:
        n, c, h, w = x.size()
        x = x[:, :, : h // 2 * 2, : w // 2 * 2]
        x = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4)
        return x.reshape(n, 4 * c, h // 2, w // 2)

    def centred(_: Any, x: Any) -> Any:
        left = math.floor(x.shape[3] / 4)
        right = math.ceil(x.shape[3] / 4)
        return functional.pad(x, (left, right, 0, max(x.shape[2:]) - x.shape[2]))

    def written(_: Any, x: Any) -> Any:
        out = torch.zeros(x.shape[0], 4, 2 * x.shape[2], x.shape[3], device=x.device)
        out[:, :, ::2] = x
        return out

    def attention(_: Any, x: Any) -> Any:
        n, c, h, w = x.shape
        q = x.flatten(2).transpose(1, 2)
        y = torch.softmax(q @ q.transpose(-2, -1) / math.sqrt(c), dim=-1) @ q
        return y.transpose(1, 2).view(n, c, h, w) + x

    hw = ("h", "w")
    return {
        "slices": (crop, ("h - 2", "w - floor(w/2)")),
        "negative slices": (lambda _, x: x[:, :, 2:-1, ::3], ("h - 3", "floor((w + 2)/3)")),
        "patches by hand": (patches, ("floor(h/2)", "floor(w/2)")),
        "pads to a square": (centred, ()),
        "written into zeros": (written, ("2*h", "w")),
        "attention": (attention, hw),
        "flatten": (lambda _, x: x.flatten(2), ("h·w",)),
        "chunks": (lambda _, x: torch.cat(x.chunk(2, dim=1)[::-1], 1), hw),
        "split of a spatial axis": (lambda _, x: torch.split(x, 3, dim=2)[0], ("3", "w")),
        "stack": (lambda _, x: torch.stack([x, x], 2), ("2", "h", "w")),
        "unfold": (lambda _, x: x.unfold(2, 3, 2), ("floor((h + 1)/2) - 1", "w", "3")),
        "repeat": (lambda _, x: x.repeat(1, 1, 2, 3), ("2*h", "3*w")),
        "interleave": (lambda _, x: x.repeat_interleave(2, dim=2), ("2*h", "w")),
        "mean": (lambda _, x: x - x.mean(dim=(2, 3), keepdim=True), hw),
        "maxima": (lambda _, x: x.max(dim=2, keepdim=True)[0] * x, hw),
        "einsum": (lambda _, x: torch.einsum("nchw,nchv->nhwv", x, x), ("h", "w", "w")),
        "where": (lambda _, x: torch.where(x > 0, x, torch.zeros_like(x)), hw),
        "rolled": (lambda _, x: torch.roll(x, (1, 1), (2, 3)).flip(2), hw),
        "expanded": (lambda _, x: x[:, :1, :1].expand(-1, 4, x.shape[2], -1), hw),
        "scaled by its size": (lambda _, x: x * x.shape[2] / (x.shape[3] + 1), hw),
        "position": (
            lambda _, x: x + torch.arange(x.shape[3], device=x.device).view(1, 1, 1, -1),
            hw,
        ),
        "grid": (
            lambda _, x: torch.cat(
                [x, torch.linspace(0, 1, x.size(3)).expand(1, 1, x.size(2), x.size(3))], 1
            ),
            hw,
        ),
        "half size": (
            lambda _, x: functional.interpolate(x, size=[d // 2 for d in x.shape[2:]]),
            ("floor(h/2)", "floor(w/2)"),
        ),
        "adaptive to its own size": (
            lambda _, x: functional.adaptive_avg_pool2d(x, (x.shape[2] - 1, 3)),
            ("h - 1", "3"),
        ),
        "unfold and fold": (
            lambda _, x: functional.fold(
                functional.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1
            ),
            hw,
        ),
        "glu": (lambda _, x: functional.glu(x, 1), hw),
        "reflected": (
            lambda _, x: functional.pad(x, (2, 2, 1, 3), mode="reflect"),
            ("h + 4", "w + 4"),
        ),
        "negative pads": (lambda _, x: functional.pad(x, (-1, -2)), ("h", "w - 3")),
        "in place": (lambda _, x: torch.relu_(x.clone().add_(1)), hw),
        "no new name": (lambda _, x: x.contiguous().float().to(x.device), hw),
        "shuffle": (lambda _, x: functional.pixel_shuffle(x, 2), ("2*h", "2*w")),
        "squeeze": (lambda _, x: x.unsqueeze(2).squeeze(2), hw),
        "moved": (lambda _, x: torch.movedim(x, 1, -1), ("h", "w", "4")),
        "norms": (lambda _, x: functional.normalize(functional.instance_norm(x), dim=1), hw),
        "least common": (
            lambda _, x: functional.pad(x, (0, (8 - x.shape[3] % 8) % 8)),
            ("h", "8*floor((w + 7)/8)"),
        ),
    }


COUNT = 35
"""How many operations there are; the table needs torch."""


@pytest.mark.parametrize("number", range(COUNT))
def test_sizes_after_functions_of_torch(number: int) -> None:
    table = operations()
    assert len(table) == COUNT
    name, (forward, wanted) = list(table.items())[number]
    found = outcome(forward, (8, 9), 4)
    assert found.ok, name
    if wanted:
        (out,) = found.model.outputs
        assert tuple(map(str, out.shape.extents)) == wanted, name


def layers() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Layers and more functions, whose sizes real tensors tell."""
    import torch
    from torch import nn
    from torch.nn import functional

    def tokens(x: Any) -> Any:
        return x.flatten(2).transpose(1, 2)

    def attend(self: Any, x: Any) -> Any:
        y = tokens(x)
        return self.a(y, y, y)[0].transpose(1, 2).reshape(x.shape)

    def pyramid(_: Any, x: Any) -> Any:
        pools = [functional.adaptive_avg_pool2d(x, k) for k in (1, 2, 3, 6)]
        resized = [functional.interpolate(one, x.shape[2:], mode="bilinear") for one in pools]
        return torch.cat([x, *resized], 1)

    def axial(self: Any, x: Any) -> Any:
        rows = x.permute(0, 2, 1, 3).reshape(-1, 4, x.shape[3])
        y = self.a(rows).view(1, x.shape[2], 4, -1).permute(0, 2, 1, 3)
        return y + x[..., 1:-1]

    def even(_: Any, x: Any) -> Any:
        parts = [x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]
        return torch.cat(parts, 1)

    def spectrum(_: Any, x: Any) -> Any:
        return torch.fft.irfft2(torch.fft.rfft2(x), s=x.shape[-2:])

    def small(_: Any, x: Any) -> Any:
        return x if min(x.shape[-2:]) >= 4 else functional.interpolate(x, size=(4, 4))

    def grid(_: Any, x: Any) -> Any:
        theta = torch.zeros(1, 2, 3)
        where = functional.affine_grid(theta, list(x.shape), align_corners=False)
        return functional.grid_sample(x, where, align_corners=False)

    def embedded(self: Any, x: Any) -> Any:
        return x + self.a[:, :, : x.shape[2], : x.shape[3]]

    parameter = nn.Parameter(torch.zeros(1, 4, 9, 9))
    heads = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    spectral = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3))
    up = nn.ConvTranspose2d(4, 4, 3, 2, 1)
    return {
        "attention": (attend, {"a": nn.MultiheadAttention(4, 2, batch_first=True)}),
        "transformer": (lambda self, x: self.a(tokens(x)), {"a": heads}),
        "flat lenet": (lambda self, x: self.a(x.view(-1, 288)), {"a": nn.Linear(288, 3)}),
        "flat": (lambda self, x: self.a(x.view(x.size(0), -1)), {"a": nn.Linear(288, 3)}),
        "position, sliced": (embedded, {"a": parameter}),
        "position, fixed": (lambda self, x: x + self.a[:, :, :8], {"a": parameter}),
        "pyramid": (pyramid, {}),
        "axial": (axial, {"a": nn.Conv1d(4, 4, 3)}),
        "space to depth": (even, {}),
        "spectrum": (spectrum, {}),
        "small images": (small, {}),
        "grid": (grid, {}),
        "pad to fours": (
            lambda _, x: functional.pad(x, (0, -x.size(3) % 4, 1, 0), mode="reflect"),
            {},
        ),
        "circular padding": (
            lambda self, x: self.a(x),
            {"a": nn.Conv2d(4, 4, 3, padding=2, padding_mode="circular")},
        ),
        "same padding": (lambda self, x: self.a(x), {"a": nn.Conv2d(4, 4, 4, padding="same")}),
        "ceil_mode": (lambda _, x: functional.max_pool2d(x, 3, 2, 1, ceil_mode=True), {}),
        "lp pool": (lambda _, x: functional.lp_pool2d(x, 2, 3, 2), {}),
        "scales": (lambda _, x: functional.interpolate(x, scale_factor=(0.7, 1.3)), {}),
        "unshuffle": (lambda _, x: functional.pixel_unshuffle(x, 2), {}),
        "group norm": (lambda self, x: self.a(x), {"a": nn.GroupNorm(4, 4)}),
        "instance norm": (lambda self, x: self.a(x), {"a": nn.InstanceNorm2d(4)}),
        "batch statistics": (
            lambda self, x: self.a(x),
            {"a": nn.BatchNorm2d(4, track_running_stats=False)},
        ),
        "layer norm": (lambda self, x: self.a(x), {"a": nn.LayerNorm([4, 8, 9])}),
        "spectral norm": (lambda self, x: self.a(x), {"a": spectral}),
        "square": (lambda _, x: x[..., : min(x.shape[2:]), : min(x.shape[2:])], {}),
        "split": (lambda _, x: x.split([3, x.shape[2] - 3], 2)[0], {}),
        "largest": (lambda _, x: x.flatten(2).topk(5, dim=2)[0], {}),
        "gather": (lambda _, x: x.gather(2, torch.zeros(1, 4, 1, 5, dtype=torch.long)), {}),
        "output_size": (
            lambda self, x: self.a(x, output_size=(x.shape[2] * 2, x.shape[3] * 2)),
            {"a": up},
        ),
        "fixed output_size": (lambda self, x: self.a(x, output_size=[16, 18]), {"a": up}),
        "computed output_padding": (
            lambda self, x: functional.conv_transpose2d(
                x, self.a, stride=2, output_padding=(x.shape[2] % 2, 0)
            ),
            {"a": nn.Parameter(torch.zeros(4, 4, 3, 3))},
        ),
        "channel shuffle": (
            lambda _, x: x.view(1, 2, 2, *x.shape[2:]).transpose(1, 2).reshape(x.shape),
            {},
        ),
        "halved by a mean": (
            lambda _, x: x.view(1, 4, x.shape[2] // 2, 2, x.shape[3]).mean(3),
            {},
        ),
        "product": (lambda _, x: x.reshape(1, 4, math.prod(x.shape[2:])), {}),
        "chunks of rows": (lambda _, x: torch.cat(x.chunk(2, 2), 1), {}),
        "whole numbers": (
            lambda _, x: functional.interpolate(x, size=(int(x.shape[2] * 1.5), 3)),
            {},
        ),
    }


MORE = 36
"""How many of those there are."""


@pytest.mark.parametrize("number", range(MORE))
def test_layers_run_where_real_ones_do_and_give_their_sizes(number: int) -> None:
    table = layers()
    assert len(table) == MORE
    forward, parts = list(table.values())[number]
    outcome(forward, (8, 9), 4, **parts)


def test_recurrent_layers_keep_the_length() -> None:
    from torch import nn, stft

    gru = nn.GRU(4, 6, batch_first=True, bidirectional=True)
    found = outcome(lambda self, x: self.a(x.transpose(1, 2))[0], (9,), 4, a=gru)
    assert tuple(map(str, found.model.outputs[0].shape.extents)) == ("n", "12")
    found = outcome(lambda self, x: self.a(x[:, :, 0])[0], (9,), 4, a=nn.LSTMCell(4, 6))
    assert found.model.outputs[0].channels == 6
    found = outcome(lambda _, x: stft(x[:, 0], 16, 4, return_complex=True).abs(), (64,), 4)
    assert str(found.admissible) == "n ≥ 9"
