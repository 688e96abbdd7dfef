"""Designs: chains of stages from one size to another, the best of them, and all of them."""

from __future__ import annotations
