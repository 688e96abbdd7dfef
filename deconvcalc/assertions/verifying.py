"""Real layers confirm what the arithmetic says: the model itself, or each of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.assertions.finding import Case, Finding, undecided, vacuous
from deconvcalc.assertions.outputs import does_not_run
from deconvcalc.assertions.subject import size_text
from deconvcalc.errors import CheckError
from deconvcalc.layers import Conv, ConvTranspose, DepthwiseConv, Identity, Layer
from deconvcalc.tracing.loading import raised

if TYPE_CHECKING:
    from deconvcalc.checkers.verdict import Verdict
    from deconvcalc.model.graph import Node
    from deconvcalc.tracing.trace import Trace

__all__ = ["verify"]


def verify(case: Case) -> Finding:
    """Checkers confirm the sizes at an input, and the values of each layer.

    A live model of the checker's own framework is run forward as it is, and its output shapes are
    compared. Of any other model each layer is built alone, with few channels and random weights,
    and run at the sizes that it gets there; what is no layer, such as a sum, is arithmetic.
    """
    from deconvcalc.checkers.live import runs_in
    from deconvcalc.checkers.names import read_names

    names = read_names(case.value)
    found = case.subject.at(case.input)
    expected = f"{', '.join(names)} confirm the sizes at {size_text(case.input)}"
    if not found.ok:
        return does_not_run(found, expected)
    own = runs_in(case.subject.model)
    wrong: list[str] = []
    said: list[str] = []
    for name in names:
        if name in own:
            lines, told = _whole(case.subject.model, found), "the model itself ran"
        else:
            lines, told = _by_layers(found, name)
        wrong += lines
        said.append(f"{name}: {told}")
    return Finding(not wrong, expected, wrong[0] if wrong else "; ".join(said), wrong)


def _whole(model: Any, found: Trace) -> list[str]:
    """What differs where a live model runs itself."""
    from deconvcalc.checkers.live import forward

    inputs = {
        node.name: (found.run.shapes[node.index].channels, found.run.size(node))
        for node in found.model.inputs
    }
    try:
        shapes = forward(model, inputs)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's own model: whatever it raises
        return [f"the model does not run: {raised(error, 'the model').message}"]
    outputs = found.model.outputs
    if len(shapes) != len(outputs):
        return [f"{len(shapes)} tensors come out, and {len(outputs)} were traced"]
    wrong = []
    for node, shape in zip(outputs, shapes, strict=True):
        channels, sizes = found.run.shapes[node.index].channels, found.run.size(node)
        told = {sizes} if channels is None else {(channels, *sizes), (*sizes, channels)}
        if shape not in told:
            wrong.append(f"{node.name}: {size_text(shape)} comes out, not {size_text(min(told))}")
    return wrong


def _by_layers(found: Trace, checker: str) -> tuple[list[str], str]:
    """What differs where each layer is built and run alone, and how many were."""
    from deconvcalc.checkers.confirming import verify as ask

    asked: dict[tuple[Layer, tuple[int, ...]], Node] = {}
    for node in found.model.nodes:
        layer = _layer(found, node)
        if layer is not None:
            asked.setdefault((layer, found.run.size(node.sources[0])), node)
    if not asked:
        raise vacuous(
            "the model has no layer that could be built: nothing would be confirmed",
            "Leave verify out.",
        )
    wrong = []
    for (layer, sizes), node in asked.items():
        try:
            (verdict,) = ask(layer, sizes, [checker])
        except CheckError as error:
            raise undecided(f"{node.name}: {error.message}", error.hint) from None
        if not verdict.ok:
            wrong.append(f"{checker}, {node.name}: {_reason(verdict)}")
    layers = "layer" if len(asked) == 1 else "layers"
    return wrong, f"{len(asked)} {layers} built and run"


def _layer(found: Trace, node: Node) -> Layer | None:
    """The layer of a node, with channels left open; None for what is no layer, or does nothing."""
    layer = node.operation
    if not isinstance(layer, Layer) or type(layer) is Identity or not found.run.size(node):
        return None
    if isinstance(layer, (Conv, ConvTranspose)) and not isinstance(layer, DepthwiseConv):
        return layer.replace(in_channels=None, out_channels=None)
    return layer


def _reason(verdict: Verdict) -> str:
    """Why a verdict is not ok.

    Raises:
        CheckError: the framework is missing or broken.
    """
    if verdict.fault in ("missing", "broken"):
        text, _, hint = str(verdict.reason).partition("\n")
        raise CheckError(text, rule=verdict.fault, hint=hint.strip() or None)
    return str(verdict.reason)
