"""Why a size is what it is, and which inputs would do: the lines below a check that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.subject import size_text
from deconvcalc.errors import DeconvcalcError, UndecidedError
from deconvcalc.layers import Identity
from deconvcalc.model.extents import Along
from deconvcalc.sets import LimitError, preimage

if TYPE_CHECKING:
    from deconvcalc.model.graph import Node
    from deconvcalc.tracing.trace import Trace

__all__ = ["admissible_near", "derivation", "faults", "inputs_giving"]

MOST_LINES = 40
"""So many layers of a model are told; JSON has no more either."""

MOST_DERIVED = 3
"""Chains up to so long are derived step by step."""


def derivation(found: Trace, node: Node) -> tuple[str, ...]:
    """How the size at a node comes about: the arithmetic of a short chain, or layer by layer."""
    if found.path.failed is not None:
        return (found.path.failed,)
    path = _path(node)
    layers = [one.operation for one in path if one.sources and type(one.operation) is not Identity]
    sizes = found.run.size(path[0])
    if 0 < len(layers) <= MOST_DERIVED and sizes:
        from deconvcalc.derivation import derive

        try:
            alike = len(set(sizes)) == 1
            return tuple(derive(layers, sizes[0] if alike else sizes).text.splitlines())  # type: ignore[arg-type]  # what is no layer is refused
        except (DeconvcalcError, TypeError):
            pass  # what is no chain of layers is told layer by layer
    lines = [_line(found, one) for one in path if one.sources and _changes(found, one)]
    if len(lines) > MOST_LINES:
        lines = [f"... {len(lines) - MOST_LINES} more", *lines[-MOST_LINES:]]
    return tuple(lines)


def _path(node: Node) -> list[Node]:
    """The way from an input to a node, by the first source of each."""
    path = [node]
    while path[-1].sources:
        path.append(path[-1].sources[0])
    return path[::-1]


def _changes(found: Trace, node: Node) -> bool:
    return found.run.size(node) != found.run.size(node.sources[0]) or len(node.sources) > 1


def _line(found: Trace, node: Node) -> str:
    before, after = found.run.size(node.sources[0]), found.run.size(node)
    functions = " x ".join(dict.fromkeys(map(str, node.shape.extents)))
    text = f"{node.name}: {size_text(before)} -> {size_text(after)}"
    text += f" = {functions}" if functions and len(functions) < 80 else ""
    return f"{text}  ({node.where})" if node.where else text


def faults(found: Trace) -> tuple[str, ...]:
    """What fails where the model does not run, with what the framework says."""
    if found.path.failed is not None:
        return (found.path.failed,)
    lines = []
    for fault in found.clashes[:MOST_LINES]:
        at = f"  ({fault.where})" if fault.where else ""
        lines.append(f"{fault}{at}")
        lines += [
            f"  {branch.node}: {branch.size} = {branch.function}"
            + (f", {branch.loss}" if branch.loss else "")
            for branch in fault.branches
        ]
        if fault.said:
            lines.append(f"  {fault.said}")
    return tuple(lines)


def admissible_near(found: Trace) -> tuple[str, ...]:
    """The nearest inputs that the model runs on."""
    try:
        near = found.nearest
    except (UndecidedError, LimitError):
        return ()
    names = found.model.variables
    shown = [one for one in dict.fromkeys(near) if one is not None]
    if not shown:
        return (f"no input at all is admissible: {found.admissible}",) if names else ()
    return (
        " or ".join([size_text(_short(one)) for one in shown]),
        f"admissible: {found.admissible}",
    )


def _short(size: tuple[int, ...]) -> Any:
    return size[0] if len(set(size)) == 1 else size


def inputs_giving(found: Trace, node: Node, wanted: tuple[int, ...]) -> tuple[str, ...]:
    """The nearest inputs at which a node has the size that was expected, axis by axis."""
    lines: dict[str, None] = {}
    for extent, size in zip(node.shape.extents, wanted, strict=False):
        if not isinstance(extent, Along) or size < 1:
            continue
        try:
            held = preimage(extent.map, size)
        except (UndecidedError, LimitError):
            continue
        below, above = held.nearest(found.point[extent.variable])
        near = [str(n) for n in dict.fromkeys((below, above)) if n is not None]
        text = f"{' or '.join(near)} gives {size}" if near else f"no input gives {size}"
        lines[text if len(found.model.variables) == 1 else f"{extent.variable}: {text}"] = None
    return tuple(lines)
