"""Admissible sets: residue classes, a start, exceptions; their algebra, and those of maps."""

from deconvcalc.sets.classes import MOST_CLASSES, LimitError
from deconvcalc.sets.maps import accepted, agreement, at_least, fixed_points, image, preimage
from deconvcalc.sets.sizes import Sizes
from deconvcalc.sets.steps import MOST_PIECES

__all__ = [
    "MOST_CLASSES",
    "MOST_PIECES",
    "LimitError",
    "Sizes",
    "accepted",
    "agreement",
    "at_least",
    "fixed_points",
    "image",
    "preimage",
]
