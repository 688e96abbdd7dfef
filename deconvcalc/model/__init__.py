"""Whole models: nodes, merges, sizes as functions of the inputs, and what they ask of them."""

from deconvcalc.model.admissible import Admissible, Region
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent
from deconvcalc.model.graph import Model, Node
from deconvcalc.model.operations import (
    Add,
    Concat,
    CropTo,
    Given,
    Multiply,
    Operation,
    PadTo,
    ResizeTo,
    TransposeTo,
    Unflatten,
)
from deconvcalc.model.run import Branch, Fault, Loss, Run

__all__ = [
    "Add",
    "Admissible",
    "Branch",
    "Concat",
    "Condition",
    "CropTo",
    "Extent",
    "Fault",
    "Given",
    "Loss",
    "Model",
    "Multiply",
    "Node",
    "Operation",
    "PadTo",
    "Region",
    "ResizeTo",
    "Run",
    "TransposeTo",
    "Unflatten",
]
