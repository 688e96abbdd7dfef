"""Layers of every canonical kind, drawn for one to three axes: what `dc.testing` draws."""

from deconvcalc.testing.drawing import COUPLING, SAME, SINGLE, layers

__all__ = ["COUPLING", "SAME", "SINGLE", "layers"]
