"""PyTorch 2.13: how its windows are padded, and its rules about them.

Sources: the documentation and sources of `torch.nn`, and forward passes on a CPU. The calls stand
in `torch_calls`, which is imported when text is read.
"""

from __future__ import annotations

from typing import Any

from deconvcalc.dialects.spec import Dialect, Mode, Placed, alike, columns, keywords

__all__ = ["TORCH"]


def _spell(op: str, windows: tuple[Placed, ...], mode: Mode) -> dict[str, Any]:
    """The keyword arguments of one layer. The stride of a pool is always written."""
    kernel, stride, dilation, before, _ = columns(windows)
    extra: Any = 0
    if op == "conv_transpose":
        extra = alike([b - a for _, _, _, b, a in windows])
    return keywords(
        ("kernel_size", kernel, None),
        ("stride", stride, None if op in ("max_pool", "avg_pool") else 1),
        ("padding", mode.text or before, 0),
        ("output_padding", extra, 0),
        ("dilation", dilation, 1),
    )


_FREE = Mode("padding", "free", 1, lax=True)
_FREE_POOL = Mode("padding", "free", 1, half=True)
_FREE_AVG_POOL = Mode("padding", "free", 1, half=True, fits_3d=True)
_FACTOR = Mode("factor", "free", 1, axes=2)
_SAME = Mode("same", "same", 2, text="same", unit_stride=True, asked=True)
_CONV_MODES = (_FREE, _SAME)

TORCH = Dialect(
    name="torch",
    title="PyTorch",
    prefixes=frozenset({"nn", "torch"}),
    modes={
        "conv_transpose": (_FREE,),
        "conv": _CONV_MODES,
        "resize_conv": _CONV_MODES,
        "max_pool": (_FREE_POOL,),
        "avg_pool": (_FREE_AVG_POOL,),
        "pixel_shuffle": (_FACTOR,),
    },
    stride_with_dilation=True,
    pool_dilation=True,
    channels_last=False,
    spell=_spell,
)
