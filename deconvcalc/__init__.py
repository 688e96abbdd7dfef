"""The arithmetic of spatial sizes in convolutional networks.

>>> import deconvcalc as dc
>>> dc.ConvTranspose(6, stride=2).output_size(28)
60
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from deconvcalc import testing
    from deconvcalc.checkers.confirming import recheck, verify
    from deconvcalc.checkers.verdict import Verdict
    from deconvcalc.derivation import Derivation, Proof, Step, derive
    from deconvcalc.designer import Designs, Plan, Stage, design
    from deconvcalc.designer.spaces import DesignSpace
    from deconvcalc.errors import (
        CheckError,
        ConversionError,
        DeconvcalcError,
        DialectError,
        LayerError,
        NotationError,
        QueryError,
        SizeError,
        SpecError,
        TraceError,
        UndecidedError,
        UnknownOperationError,
    )
    from deconvcalc.inversion import Inverse, invert
    from deconvcalc.layers import (
        AdaptivePool,
        AvgPool,
        Conv,
        ConvTranspose,
        Crop,
        Dense,
        DepthwiseConv,
        Explicit,
        Flatten,
        Fold,
        GlobalPool,
        Identity,
        Layer,
        LpPool,
        MaxPool,
        MaxUnpool,
        Pad,
        PixelShuffle,
        PixelUnshuffle,
        Reshape,
        Same,
        Slice,
        ToSize,
        Unfold,
        Upsample,
    )
    from deconvcalc.layers.stacks import compose
    from deconvcalc.model import (
        Add,
        Admissible,
        Concat,
        CropTo,
        Model,
        Multiply,
        PadTo,
        ResizeTo,
        TransposeTo,
        Unflatten,
    )
    from deconvcalc.notation import parse
    from deconvcalc.sets import (
        Sizes,
        accepted,
        agreement,
        at_least,
        fixed_points,
        image,
        preimage,
    )
    from deconvcalc.sizemap import Progression, SizeMap
    from deconvcalc.sizemap.exact import ExactMap
    from deconvcalc.solver import Answer, Answers, solve
    from deconvcalc.solver.batches import AnswerArrays, Batch, solve_many
    from deconvcalc.solver.families import Family
    from deconvcalc.tracing.trace import Trace, trace
    from deconvcalc.translation import Conversion, convert

__all__ = [
    "AdaptivePool",
    "Add",
    "Admissible",
    "Answer",
    "AnswerArrays",
    "Answers",
    "AvgPool",
    "Batch",
    "CheckError",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Conversion",
    "ConversionError",
    "Crop",
    "CropTo",
    "DeconvcalcError",
    "Dense",
    "DepthwiseConv",
    "Derivation",
    "DesignSpace",
    "Designs",
    "DialectError",
    "ExactMap",
    "Explicit",
    "Family",
    "Flatten",
    "Fold",
    "GlobalPool",
    "Identity",
    "Inverse",
    "Layer",
    "LayerError",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "Model",
    "Multiply",
    "NotationError",
    "Pad",
    "PadTo",
    "PixelShuffle",
    "PixelUnshuffle",
    "Plan",
    "Progression",
    "Proof",
    "QueryError",
    "Reshape",
    "ResizeTo",
    "Same",
    "SizeError",
    "SizeMap",
    "Sizes",
    "Slice",
    "SpecError",
    "Stage",
    "Step",
    "ToSize",
    "Trace",
    "TraceError",
    "TransposeTo",
    "UndecidedError",
    "Unflatten",
    "Unfold",
    "UnknownOperationError",
    "Upsample",
    "Verdict",
    "accepted",
    "agreement",
    "at_least",
    "compose",
    "convert",
    "derive",
    "design",
    "fixed_points",
    "image",
    "invert",
    "parse",
    "preimage",
    "recheck",
    "solve",
    "solve_many",
    "testing",
    "trace",
    "verify",
]

_ROOMS = {
    **dict.fromkeys(("Answer", "Answers", "solve"), "solver"),
    **dict.fromkeys(("AnswerArrays", "Batch", "solve_many"), "solver.batches"),
    **dict.fromkeys(("Progression", "SizeMap"), "sizemap"),
    **dict.fromkeys(("Conversion", "convert"), "translation"),
    **dict.fromkeys(("recheck", "verify"), "checkers.confirming"),
    "Verdict": "checkers.verdict",
    **dict.fromkeys(("Sizes", "accepted", "agreement", "at_least"), "sets"),
    **dict.fromkeys(("fixed_points", "image", "preimage"), "sets"),
    **dict.fromkeys(("Derivation", "Proof", "Step", "derive"), "derivation"),
    **dict.fromkeys(("Designs", "Plan", "Stage", "design"), "designer"),
    "DesignSpace": "designer.spaces",
    "ExactMap": "sizemap.exact",
    "compose": "layers.stacks",
    **dict.fromkeys(("Inverse", "invert"), "inversion"),
    "Family": "solver.families",
    **dict.fromkeys(("Add", "Admissible", "Concat", "CropTo", "Model", "Multiply"), "model"),
    **dict.fromkeys(("PadTo", "ResizeTo", "TransposeTo", "Unflatten"), "model"),
    **dict.fromkeys(("Trace", "trace"), "tracing.trace"),
    "parse": "notation",
    **dict.fromkeys([name for name in __all__ if name.endswith("Error")], "errors"),
}
"""Where a public name lives; what is not named here is a layer."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import deconvcalc` itself loads nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name == "testing":  # a room of its own; importing it sets the name
        return import_module("deconvcalc.testing")
    value = getattr(import_module(f"deconvcalc.{_ROOMS.get(name, 'layers')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
