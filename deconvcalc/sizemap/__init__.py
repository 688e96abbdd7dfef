"""Exact maps from an input size to an output size: one floor, and what is made of several."""

from __future__ import annotations

from deconvcalc.sizemap.floors import Progression, SizeMap

__all__ = ["Progression", "SizeMap"]
