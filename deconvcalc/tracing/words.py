"""What a framework says about a fault, and the lines of code that bring an input to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deconvcalc.model.operations import Add, Concat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.model.graph import Node
    from deconvcalc.model.run import Fault, Run

__all__ = ["remedies", "said"]


def said(kind: str, fault: Fault, run: Run) -> str | None:
    """What the framework would have said of a clash.

    That is PyTorch 2.13, TensorFlow 2.21 for Keras, or ONNX Runtime 1.32.

    Args:
        kind: where the model comes from.
        fault: the fault.
        run: the model at the input.

    Returns:
        The line that matters, or None where it is not known.
    """
    node = run.model[fault.node]
    if fault.kind != "clash" or not isinstance(fault.axis, int):
        return None
    words = {"torch": _torch, "keras": _tensorflow, "onnx": _runtime}.get(kind)
    return words(node, fault, fault.axis, run) if words else None


def _torch(node: Node, fault: Fault, axis: int, _run: Run) -> str | None:
    here, there = [branch.size for branch in fault.branches]
    operation = node.operation
    if isinstance(operation, Concat):
        number = [source.name for source in node.sources].index(fault.branches[1].node)
        across = 1 if operation.axis is None else operation.axis + 2
        return (
            f"Sizes of tensors must match except in dimension {across}. Expected size {here} "
            f"but got size {there} for tensor number {number} in the list."
        )
    if isinstance(operation, Add):
        return (
            f"The size of tensor a ({here}) must match the size of tensor b ({there}) at "
            f"non-singleton dimension {axis + 2}"
        )
    return None


def _tensorflow(node: Node, fault: Fault, axis: int, run: Run) -> str | None:
    one, other = [
        [1, *run.size(branch.node), run.shapes[run.model[branch.node].index].channels]
        for branch in fault.branches
    ]
    shapes = [str(shape).replace(" ", "") for shape in (one, other)]
    if isinstance(node.operation, Concat):
        names = [source.name for source in node.sources]
        places = [names.index(branch.node) for branch in fault.branches]
        told = [f"shape[{place}] = {shape}" for place, shape in zip(places, shapes, strict=True)]
        return f"ConcatOp : Dimension {axis + 1} in both shapes must be equal: {' vs. '.join(told)}"
    if isinstance(node.operation, Add):
        return f"Incompatible shapes: {' vs. '.join(shapes)}"
    return None


def _runtime(node: Node, fault: Fault, axis: int, _run: Run) -> str | None:
    here, there = [branch.size for branch in fault.branches]
    if isinstance(node.operation, Concat):
        return (
            f"Non concat axis dimensions must match: Axis {axis + 2} has mismatched dimensions of "
            f"{there} and {here}"
        )
    if isinstance(node.operation, Add):
        return (
            "Attempting to broadcast an axis by a dimension other than 1. "
            f"{min(here, there)} by {max(here, there)}"
        )
    return None


def remedies(
    kind: str,
    size: tuple[int, ...],
    nearest: tuple[tuple[int, ...] | None, tuple[int, ...] | None],
) -> Iterator[str]:
    """The lines that crop an input to the nearest size below, and pad it to the one above."""
    below, above = nearest
    keras = kind == "keras"
    axes = len(size)
    if below is not None and axes:
        cut = [n - m for n, m in zip(size, below, strict=True)]
        if keras:
            yield f"x = keras.layers.Cropping{axes}D({_sides(cut)})(x)  # {_text(below)}"
        else:
            ends = ", ".join([f":{m}" for m in below])
            yield f"x = x[..., {ends}]  # {_text(below)}"
    if above is not None and axes:
        more = [m - n for n, m in zip(size, above, strict=True)]
        if keras:
            yield f"x = keras.layers.ZeroPadding{axes}D({_sides(more)})(x)  # {_text(above)}"
        else:
            pads = ", ".join([f"0, {one}" for one in reversed(more)])
            yield f"x = F.pad(x, ({pads}))  # {_text(above)}"


def _sides(after: list[int]) -> str:
    pairs = ", ".join([f"(0, {one})" for one in after])
    return pairs if len(after) == 1 else f"({pairs})"


def _text(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
