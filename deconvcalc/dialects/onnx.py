"""ONNX, as ONNX Runtime 1.32 runs it: how its windows are padded.

Sources: the operator pages of ONNX, and forward passes through ONNX Runtime on a CPU. The calls
stand in `onnx_calls`, which is imported when they are read. The solver does not search in ONNX: its
attributes say no more than the library's own layers do.
"""

from __future__ import annotations

from typing import Any

from deconvcalc.dialects.spec import Dialect, Mode, Placed, keywords

__all__ = ["ONNX"]


def _spell(op: str, windows: tuple[Placed, ...], mode: Mode) -> dict[str, Any]:  # noqa: ARG001
    """The attributes of one node. Each has a value per axis, and all pads before come first."""
    kernel, stride, dilation, before, after = zip(*windows, strict=True)
    ones, zeros = (1,) * len(windows), (0,) * (2 * len(windows))
    extra = ones[:0]
    if op == "conv_transpose" and min(after) < 0:
        extra = tuple([max(-a, 0) for a in after])
        after = tuple([max(a, 0) for a in after])
    return keywords(
        ("kernel_shape", kernel, None),
        ("strides", stride, ones),
        ("pads", (*before, *after), zeros),
        ("output_padding", extra, ()),
        ("dilations", dilation, ones),
    )


FREE = Mode("pads", "free", 1)

ONNX = Dialect(
    name="onnx",
    title="ONNX Runtime",
    prefixes=frozenset({"onnx"}),
    modes={},
    stride_with_dilation=True,
    pool_dilation=True,
    channels_last=False,
    spell=_spell,
)
