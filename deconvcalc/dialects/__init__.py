"""The frameworks' own names, defaults and rules. A new dialect is a new module and a line here."""

from __future__ import annotations

from deconvcalc.dialects.keras import KERAS
from deconvcalc.dialects.onnx import ONNX
from deconvcalc.dialects.spec import CHANNELS, OPEN, REQUIRED, Call, Dialect, Given, Mode, Placed
from deconvcalc.dialects.torch import TORCH

__all__ = [
    "ALL_DIALECTS",
    "CHANNELS",
    "DIALECTS",
    "OPEN",
    "REQUIRED",
    "Call",
    "Dialect",
    "Given",
    "Mode",
    "Placed",
]

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (TORCH, KERAS)}
"""The dialects that are searched, by name, in the order in which a bare name is looked up."""

ALL_DIALECTS: dict[str, Dialect] = DIALECTS | {ONNX.name: ONNX}
"""Those and the ones that are meant only where they are named: `onnx.Conv(...)`."""
