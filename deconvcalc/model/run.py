"""A model at one input: all sizes, every fault in one pass, and the layers that lost the pixels.

Where something fails, the run goes on as if it had been repaired: a merge takes the size of the
source with fewer floors on its way, which is the skip in most models; a layer that refuses its size
gives what its formula says, and at least 1. So a fault hides no other. What depends on a repaired
size is told as it then comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, SizeError
from deconvcalc.layers import Layer
from deconvcalc.model.conditions import Condition
from deconvcalc.model.operations import Given, Input, applied
from deconvcalc.model.shapes import Shape
from deconvcalc.terms import letter
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.formulas import Formula
    from deconvcalc.model.extents import Point
    from deconvcalc.model.graph import Model, Node

__all__ = ["Branch", "Fault", "Loss", "Run", "run"]


class Loss(Value):
    """A layer at which a size is rounded.

    Args:
        node: the name of the layer's node.
        layer: the layer, as it prints.
        size: the size of its input along the axis.
        remainder: what the division leaves: a floor drops it, a ceiling fills it up.
        rounds: "down" or "up".
    """

    __slots__ = _fields = ("node", "layer", "size", "remainder", "rounds")
    node: str
    layer: str
    size: int
    remainder: int
    rounds: str

    def __init__(self, node: str, layer: str, size: int, remainder: int, rounds: str) -> None:
        self._set(node=node, layer=layer, size=size, remainder=remainder, rounds=rounds)

    def __str__(self) -> str:
        what = "drops" if self.rounds == "down" else "fills up"
        return f"{self.node} {what} {self.remainder} of {self.size}"


class Branch(Value):
    """One side of a merge.

    Args:
        node: the name of the node that comes into the merge.
        size: its size along the axis, or its channels.
        function: the size as a function of the input.
        loss: the first layer since the branches parted that rounds, or None.
    """

    __slots__ = _fields = ("node", "size", "function", "loss")
    node: str
    size: int
    function: str
    loss: Loss | None

    def __init__(self, node: str, size: int, function: str, loss: Loss | None) -> None:
        self._set(node=node, size=size, function=function, loss=loss)

    def to_record(self) -> dict[str, Any]:
        """The branch as plain data, for JSON."""
        loss = self.loss
        lost = None if loss is None else dict(zip(loss._fields, loss._values(), strict=True))
        return dict(zip(self._fields, self._values(), strict=True)) | {"loss": lost}


class Fault(Value):
    """Something that fails for one input.

    Args:
        node: the name of the node.
        kind: "clash" (two branches differ), "refusal" (a layer refuses its size), or "condition"
            (a size is not what it has to be).
        axis: the index of the spatial axis, "channels", or None.
        message: what is wrong, in a sentence.
        branches: the two sides, where two sizes are compared.
        where: the file and line, if known.
        said: what the framework says, where it was asked.
    """

    __slots__ = _fields = ("node", "kind", "axis", "message", "branches", "where", "said")
    node: str
    kind: str
    axis: int | str | None
    message: str
    branches: tuple[Branch, ...]
    where: str | None
    said: str | None

    def __init__(
        self,
        node: str,
        kind: str,
        axis: int | str | None,
        message: str,
        branches: Sequence[Branch] = (),
        where: str | None = None,
        said: str | None = None,
    ) -> None:
        self._set(node=node, kind=kind, axis=axis, message=message, branches=tuple(branches))
        self._set(where=where, said=said)

    def with_words(self, said: str | None) -> Fault:
        """The same with what the framework says."""
        fields = (self.node, self.kind, self.axis, self.message, self.branches, self.where)
        return Fault(*fields, said)

    def to_record(self) -> dict[str, Any]:
        """The fault as plain data, for JSON."""
        record = dict(zip(self._fields, self._values(), strict=True))
        return record | {"branches": [branch.to_record() for branch in self.branches]}

    def __str__(self) -> str:
        return f"{self.node}: {self.message}"


class Run:
    """A model at one input.

    Attributes:
        model: the model.
        point: the input sizes, by the names of the axes.
        shapes: the channels and sizes at each node, in the order of the model.
        faults: all that fails, in order.
        repeated: merges that run only because a size of 1 is repeated, as faults that are none.
    """

    def __init__(self, model: Model, point: Point) -> None:
        self.model, self.point = model, dict(point)
        self.shapes: list[Shape] = []
        self.faults: list[Fault] = []
        self.repeated: list[Fault] = []

    @property
    def ok(self) -> bool:
        """Whether the model runs, and without repeating a size of 1 where it should not."""
        return not self.faults and not self.repeated

    @property
    def runs(self) -> bool:
        """Whether the model runs at all."""
        return not self.faults

    def size(self, node: Node | str) -> tuple[int, ...]:
        """The spatial sizes at a node."""
        index = self.model[node].index if isinstance(node, str) else node.index
        return self.shapes[index].numbers or ()

    def put(self, node: Node) -> None:
        """The next node of the model, in its order."""
        shape, asked = self._shaped(node)
        for condition, general in zip(asked, node.conditions, strict=False):
            if not condition.holds({}):
                self.faults.append(self._fault(node, condition))
                shape = self._repaired(node, shape, condition)
            elif general.may_repeat and condition.left != condition.right:
                self.repeated.append(self._fault(node, condition))
        self.shapes.append(shape)

    def _repaired(self, node: Node, shape: Shape, condition: Condition) -> Shape:
        """The shape as if the two sides of a clash were equal: as the functions have it."""
        if condition.operands is None or not isinstance(condition.axis, int):
            return shape
        sizes = list(shape.extents)
        for place in condition.operands:
            source = node.sources[place]
            if node.shape.extents[condition.axis] is source.shape.extents[condition.axis]:
                sizes[condition.axis] = self.shapes[source.index].extents[condition.axis]
        return Shape(shape.channels, sizes)

    def _shaped(self, node: Node) -> tuple[Shape, list[Condition]]:
        operation = node.operation
        if isinstance(operation, (Given, Input)):
            return self._given(node)
        sources = [self.shapes[source.index] for source in node.sources]
        try:
            return applied(operation, sources)
        except SizeError as error:
            self.faults.append(
                Fault(node.name, "refusal", error.axis, error.message, (), node.where)
            )
            return _without_rules(node, sources[0]), []

    def _given(self, node: Node) -> tuple[Shape, list[Condition]]:
        """What a tracer computed, put in for this input."""
        sizes = [self._value(one) for one in node.shape.extents]
        asked = [
            Condition(
                self._value(one.left),
                one.relation,
                self._value(one.right),
                one.rule,
                one.axis,
                one.operands,
            )
            for one in node.conditions
        ]
        if not isinstance(node.operation, Input):
            for axis, size in enumerate(sizes):
                if size < 1:
                    text = f"{node.operation!r} leaves a size of {size}"
                    self.faults.append(Fault(node.name, "refusal", axis, text, (), node.where))
        return Shape(node.channels, [max(size, 1) for size in sizes]), asked

    def _value(self, one: Any) -> int:
        """A size at this input, accepted or not."""
        try:
            return int(one.at(self.point))
        except SizeError:
            return 0

    def _fault(self, node: Node, condition: Condition) -> Fault:
        left, right = condition.left.at({}), condition.right.at({})
        branches: list[Branch] = []
        kind = "condition"
        text = f"{condition.rule}: {left} and {right}"
        if condition.operands and len(node.sources) > max(condition.operands):
            kind = "clash"
            pair = [node.sources[place] for place in condition.operands]
            for source, other in (pair, pair[::-1]):
                branches.append(self._branch(source, other, condition.axis))
        elif condition.relation == "==":
            text = f"{condition.rule}, not {left}"
        else:
            text = f"{condition.rule}: {left} {condition.relation} {right} does not hold"
        return Fault(node.name, kind, condition.axis, text, branches, node.where)

    def _branch(self, node: Node, other: Node, axis: int | str | None) -> Branch:
        shape = self.shapes[node.index]
        if not isinstance(axis, int):
            return Branch(node.name, shape.channels or 0, str(shape.channels), None)
        size = shape.extents[axis].at({})
        return Branch(node.name, size, str(node.shape.extents[axis]), self._loss(node, other, axis))

    def _loss(self, node: Node, other: Node, axis: int) -> Loss | None:
        """The first layer that rounds, from where two branches parted to the end of one."""
        beyond = _ancestors(other)
        path = []
        step: Node | None = node
        while step is not None and step.index not in beyond:
            path.append(step)
            step = step.sources[0] if step.sources else None
        for one in reversed(path):
            found = self._rounding(one, axis)
            if found is not None:
                return found
        return None

    def _rounding(self, node: Node, axis: int) -> Loss | None:
        layer = node.operation
        if not isinstance(layer, Layer) or layer.couples:
            return None
        before = self.shapes[node.sources[0].index].extents
        if axis >= len(before):
            return None
        size = before[axis].at({})
        found = rounding(layer.on_axis(axis), size)
        return None if found is None else Loss(node.name, repr(layer), size, *found)


def run(model: Model, point: Point) -> Run:
    """A model at one input."""
    made = Run(model, point)
    for node in model.nodes:
        made.put(node)
    return made


def rounding(formula: Formula, n: int) -> tuple[int, str] | None:
    """What the first division of a formula leaves at n, and which way it rounds; None for none."""
    for one in formula.traced(letter("n", n)).roundings():
        over, under = (part.value for part in one.parts)
        remainder = over % under if one.kind == "floor" else -over % under
        if remainder:
            return int(remainder), "down" if one.kind == "floor" else "up"
    return None


def _ancestors(node: Node) -> set[int]:
    """A node and all before it."""
    found, todo = {node.index}, [node]
    while todo:
        for source in todo.pop().sources:
            if source.index not in found:
                found.add(source.index)
                todo.append(source)
    return found


def _without_rules(node: Node, shape: Shape) -> Shape:
    """What the formulas of a layer say of sizes that it refuses, and at least 1."""
    layer = node.operation
    numbers = shape.numbers or ()
    if not isinstance(layer, Layer) or layer.couples:
        return Shape(node.channels, [1] * len(node.shape.extents))
    sizes = []
    for axis, n in enumerate(numbers):
        try:
            sizes.append(max(int(layer.on_axis(axis).size(n)), 1))
        except (DeconvcalcError, ArithmeticError):
            sizes.append(1)
    return Shape(node.channels, sizes)
