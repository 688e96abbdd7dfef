"""Keras 3.15: how its windows are padded, and its rules about them, as TensorFlow 2.21 runs them.

Sources: the documentation and sources of `keras.layers`, and forward passes on a CPU. The calls
stand in `keras_calls`, which is imported when text is read.
"""

from __future__ import annotations

from typing import Any

from deconvcalc.dialects.spec import Dialect, Mode, Placed, alike, columns, keywords
from deconvcalc.formulas import effective_kernel

__all__ = ["KERAS"]


def _spell(op: str, windows: tuple[Placed, ...], mode: Mode) -> dict[str, Any]:
    """The keyword arguments of one layer. The strides of a pool are always written."""
    kernel, stride, dilation, _, _ = columns(windows)
    pool = op in ("max_pool", "avg_pool")
    extra = None
    if op == "conv_transpose" and mode.extra:
        extra = alike([_extra(mode, window) for window in windows])
    return keywords(
        ("pool_size" if pool else "kernel_size", kernel, None),
        ("strides", stride, None if pool else 1),
        ("padding", mode.text, "valid"),
        ("output_padding", extra, None),
        ("dilation_rate", dilation, 1),
    )


def _extra(mode: Mode, window: Placed) -> int:
    """The output_padding of one axis."""
    k, _, d, before, after = window
    ke = effective_kernel(k, d)
    return -after if mode.kind == "none" else ke - before - after - ke % 2


_VALID = Mode("valid", "none", 4, text="valid")
_SAME = Mode("same", "same", 8, text="same")
_BOTH = (_VALID, _SAME)
_TRANSPOSED = (
    Mode("valid, output_padding=None", "none", 16, text="valid", extra=False),
    Mode("same, output_padding=None", "same", 32, text="same", extra=False),
    _VALID,
    _SAME,
)

KERAS = Dialect(
    name="keras",
    title="Keras",
    prefixes=frozenset({"keras", "layers", "tf", "tensorflow"}),
    modes={
        "conv_transpose": _TRANSPOSED,
        "conv": _BOTH,
        "resize_conv": _BOTH,
        "max_pool": _BOTH,
        "avg_pool": _BOTH,
        "pixel_shuffle": (),
    },
    stride_with_dilation=False,
    pool_dilation=False,
    channels_last=True,
    spell=_spell,
)
