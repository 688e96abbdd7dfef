"""Designs: chains of stages from one size to another, the best of them, and all of them."""

from __future__ import annotations

from deconvcalc.designer.designs import Designs, design
from deconvcalc.designer.plans import Plan, Stage

__all__ = ["Designs", "Plan", "Stage", "design"]
