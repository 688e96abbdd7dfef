"""One node of a graph: what it is given, and which operator's rule says what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.dialects.onnx_calls import CALLS, POINTWISE
from deconvcalc.dialects.spec import Given as Arguments
from deconvcalc.errors import DeconvcalcError, DialectError, LayerError
from deconvcalc.layers import Identity, Layer
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Extent, Fixed, extent
from deconvcalc.tracing.onnx_file import OnnxError, Stored
from deconvcalc.tracing.onnx_graph import Builder, Tensor
from deconvcalc.tracing.onnx_layers import LAYERS
from deconvcalc.tracing.onnx_merges import MERGES
from deconvcalc.tracing.onnx_moves import MOVES
from deconvcalc.tracing.onnx_numbers import Unknown, whole
from deconvcalc.tracing.onnx_values import evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deconvcalc.tracing.onnx_file import OnnxNode

    Numbers = np.ndarray[Any, Any]

__all__ = ["Op", "outcome"]

SUBGRAPHS = {"If", "Loop", "Scan", "SequenceMap"}
DOMAINS = {"", "ai.onnx", "com.microsoft"}
RULES = LAYERS | MERGES | MOVES
"""The rules that give tensors, by the name of the operator."""


_KINDS = {int: "whole number", float: "number", str: "text", tuple: "row of whole numbers"}
_UNREADABLE = (TypeError, ValueError, AttributeError, ArithmeticError, LookupError)


class Op:
    """A node with its inputs.

    Args:
        node: the node.
        inputs: its inputs, None for each that is left out.
        builder: the model that is made.
        opset: the version of the operators.
    """

    def __init__(
        self, node: OnnxNode, inputs: list[Tensor | None], builder: Builder, opset: int
    ) -> None:
        self.node, self.inputs, self.builder, self.opset = node, inputs, builder, opset

    def refuse(self, message: str, hint: str | None = None) -> OnnxError:
        """The error that names the node."""
        return OnnxError(f"{self.node.shown}: {message}", rule="operator", hint=hint)

    # What it is given.

    def given(self, place: int) -> Tensor | None:
        """An input, or None."""
        return self.inputs[place] if place < len(self.inputs) else None

    def tensor(self, place: int) -> Tensor:
        """An input that has to be there."""
        found = self.given(place)
        if found is None:
            raise self.refuse(f"input {place} is missing")
        return found

    @property
    def tensors(self) -> list[Tensor]:
        """All inputs that are there."""
        return [one for one in self.inputs if one is not None]

    def known(self, place: int) -> Numbers:
        """The numbers of an input.

        Raises:
            Unknown: they are not known.
        """
        found = self.tensor(place).numbers
        if found is None:
            raise Unknown
        return found

    def all_numbers(self) -> list[Numbers]:
        """The numbers of all inputs."""
        return [self.known(place) for place, one in enumerate(self.inputs) if one is not None]

    def attribute(self, name: str, default: Any, kind: type | None = None) -> Any:
        """The value of an attribute.

        Args:
            name: its name.
            default: its value where it is left out.
            kind: int, float, str, tuple (of ints), or a class; by default that of the default.

        Raises:
            OnnxError: it is of another kind.
        """
        value = self.node.attributes.get(name)
        if value is None:
            return default
        wanted = type(default) if kind is None else kind
        if wanted is tuple:
            fits = isinstance(value, tuple) and all(isinstance(one, int) for one in value)
        else:
            fits = isinstance(value, (int, float) if wanted is float else wanted)
        if not fits:
            raise self.refuse(f"its attribute {name} is no {_KINDS.get(wanted, wanted.__name__)}")
        return value

    def vector(self, name: str, place: int) -> list[Any] | None:
        """Numbers that are an attribute in old opsets and an input in newer ones; None for none.

        Raises:
            Unknown: they are not known.
        """
        held = self.node.attributes.get(name)
        if held is not None:
            several = list(held) if isinstance(held, tuple) else [held]
            if not all(isinstance(one, (int, float)) for one in several):
                raise self.refuse(f"its attribute {name} is no row of numbers")
            return several
        if self.given(place) is None:
            return None
        return [*self.known(place).reshape(-1)]

    def sizes(self, name: str, place: int) -> list[Any]:
        """The same, where it has to be there."""
        found = self.vector(name, place)
        if found is None:
            raise self.refuse(f"{name} is missing")
        return found

    def axis(self, value: Any, rank: int) -> int:
        """The index of an axis; negative ones count from the end."""
        number = whole(value)
        if not -rank <= number < max(rank, 1):
            raise self.refuse(f"there is no axis {number} of {rank}")
        return number % max(rank, 1)

    def axes(self, rank: int, place: int = 1) -> list[int] | None:
        """The axes of an attribute or an input; None where none are given."""
        found = self.vector("axes", place)
        if found is None or not found:
            return None
        return [self.axis(one, rank) for one in found]

    def slices(self, rank: int) -> tuple[list[Any], list[Any], list[int], list[Any]]:
        """The starts, ends, axes and steps of a Slice."""
        starts, ends = self.sizes("starts", 1), self.sizes("ends", 2)
        axes = self.axes(rank, 3)
        if axes is None:
            axes = [*range(len(starts))]
        steps = self.vector("steps", 4) or [1] * len(starts)
        if not len(starts) == len(ends) == len(axes) == len(steps):
            raise self.refuse("starts, ends, axes and steps are not as many")
        return starts, ends, axes, steps

    # What comes out.

    def read(self, operator: str | None = None, **more: Any) -> Layer:
        """The layer that the attributes say, by the table of the dialect.

        Args:
            operator: whose rules count; by default the node's own.
            more: what is no attribute.
        """
        call = CALLS[operator or self.node.op]
        defaults = dict(call.parameters)
        held = {name: one for name, one in self.node.attributes.items() if name in defaults}
        try:
            made: Layer = call.make(Arguments(call, defaults | held | more))
        except DeconvcalcError as error:
            raise self.refuse(error.message, error.hint) from None
        return made

    def least(self, sizes: list[Extent] | tuple[Extent, ...]) -> list[Condition]:
        """The conditions that something is left along each axis."""
        rule = "something is left"
        return [
            Condition(one, ">=", 1, rule, axis - 2 if axis > 1 else None)
            for axis, one in enumerate(sizes)
            if not isinstance(one, Fixed) or one.value < 1
        ]

    def same(self, *, weights: tuple[int, ...] | None = None) -> list[Tensor]:
        """A pointwise operator: its first output is like its first input.

        Args:
            weights: which inputs are weights that it learns; by default all but the first.
        """
        first = self.tensor(0)
        places = range(1, len(self.inputs)) if weights is None else weights
        held = [one for one in map(self.given, places) if one is not None]
        layer = self.read() if self.node.op in POINTWISE else Identity(self.node.op)
        made = self.builder.layer(self.node, layer, [first], weights=held)
        return self.all_alike(made)

    def all_alike(self, made: Tensor) -> list[Tensor]:
        """The tensor for every output: a mask of a dropout, the indices of a pool."""
        return [made] * len(self.node.outputs)


def outcome(op: Op, assume: Mapping[str, str]) -> list[Tensor]:
    """The tensors that a node gives.

    Args:
        op: the node with its inputs.
        assume: what unknown operators do: "same" leaves sizes alone.

    Raises:
        OnnxError: the operator is not known, or what it needs to know is not.
    """
    try:
        return _outcome(op, assume)
    except (DialectError, LayerError) as error:
        raise op.refuse(error.message, error.hint) from None
    except DeconvcalcError:
        raise
    except _UNREADABLE as error:
        shown = f"{type(error).__name__}: {error}"[:200]
        raise op.refuse(f"its attributes cannot be read ({shown})") from error


def _outcome(op: Op, assume: Mapping[str, str]) -> list[Tensor]:
    node = op.node
    if not node.outputs or not node.outputs[0]:
        raise op.refuse("its first output has no name")
    numbers = _numbers(op)
    if numbers is not None:
        return numbers
    stored = node.attributes.get("value")
    if node.op == "Constant" and isinstance(stored, Stored):
        return [Tensor(node.outputs[0], stored.dims, weights=[stored], stored=stored)]
    known = node.op in RULES or node.op in POINTWISE
    try:
        if known and node.domain in DOMAINS:
            work = RULES.get(node.op, Op.same)
            return _all(op, work(op))
    except Unknown:
        raise op.refuse(
            "the sizes that it is given are computed in a way that is not known",
            "They have to follow from Shape by whole numbers, min and max.",
        ) from None
    return [*_assumed(op, assume)]


def _numbers(op: Op) -> list[Tensor] | None:
    """What a node gives that computes with sizes alone."""
    if any(one.node is not None for one in op.tensors) and op.node.op not in ("Shape", "Size"):
        return None
    found = evaluated(op)
    if found is None or len(found) != len(op.node.outputs):
        return None
    held = [stored for one in op.tensors for stored in one.weights]
    if op.node.op in ("Shape", "Size"):
        held = []
    return [
        Tensor(name, [extent(int(n)) for n in one.shape], numbers=one, weights=held)
        for name, one in zip(op.node.outputs, found, strict=True)
    ]


KEEPING = {"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}
"""They keep all numbers of their input."""


def _all(op: Op, made: list[Tensor]) -> list[Tensor]:
    if op.node.op in KEEPING and made[0].node is None:
        made[0].stored = op.tensor(0).stored
    if len(made) < len([name for name in op.node.outputs if name]):
        raise op.refuse("it has more outputs than are known")
    return made


def _assumed(op: Op, assume: Mapping[str, str]) -> list[Tensor]:
    """What an unknown operator gives, if somebody says that it leaves sizes alone."""
    node = op.node
    if node.op in SUBGRAPHS:
        raise op.refuse("it holds a graph of its own, which is not read")
    domain = f"{node.domain}::" if node.domain else ""
    names = (node.op, domain + node.op, node.name)
    word = next((assume[name] for name in names if name in assume), None)
    if word is None:
        raise op.refuse(
            f"the operator {domain}{node.op} is not known here",
            f"If it leaves sizes alone, say so: assume={{{node.op!r}: 'same'}}, or "
            f"--assume {node.op}=same.",
        )
    if word != "same":
        raise op.refuse(f"it is assumed to be {word!r}: only 'same' is known")
    op.builder.passed[domain + node.op] = None
    return op.same()
