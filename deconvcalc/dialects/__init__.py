"""The frameworks' own names, defaults and rules. A new dialect is a new module and a line here."""

from __future__ import annotations

from deconvcalc.dialects.keras import KERAS
from deconvcalc.dialects.spec import CHANNELS, OPEN, REQUIRED, Call, Dialect, Given, Mode, Placed
from deconvcalc.dialects.torch import TORCH

__all__ = ["CHANNELS", "DIALECTS", "OPEN", "REQUIRED", "Call", "Dialect", "Given", "Mode", "Placed"]

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (TORCH, KERAS)}
"""All dialects by name, in the order in which an unqualified name is looked up."""
