"""A model: named nodes, each a layer or an operation on the nodes before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.errors import LayerError
from deconvcalc.layers import Dense, Flatten, Layer
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import variable
from deconvcalc.model.operations import Input, Operation, applied
from deconvcalc.values import MOST_AXES, integer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.model.admissible import Admissible
    from deconvcalc.model.run import Run
    from deconvcalc.model.shapes import Shape

__all__ = ["AXIS_NAMES", "Model", "Node"]

AXIS_NAMES = {0: (), 1: ("n",), 2: ("h", "w"), 3: ("d", "h", "w")}
"""What the axes of an input are called, by their number."""


class Node:
    """One place in a model.

    Attributes:
        index: its place in the order of the model.
        name: its name, which no other node has.
        operation: a layer, or an operation such as `Add`.
        sources: the nodes that it works on.
        shape: what comes out, as functions of the input sizes.
        conditions: what it asks of its sources.
        where: the file and line that it comes from, if known.
        parameters: how many numbers it learns, where a framework has counted them.
        remark: what a tracer has to say about it.
    """

    __slots__ = (
        "conditions",
        "index",
        "name",
        "operation",
        "parameters",
        "remark",
        "shape",
        "sources",
        "where",
    )

    def __init__(
        self, index: int, name: str, operation: Layer | Operation, sources: tuple[Node, ...]
    ) -> None:
        self.index, self.name, self.operation, self.sources = index, name, operation, sources
        shape, asked = applied(operation, [source.shape for source in sources])
        self.shape: Shape = shape
        self.conditions: tuple[Condition, ...] = tuple(asked)
        self.where: str | None = None
        self.parameters: int | None = None
        self.remark: str | None = None

    @property
    def channels(self) -> int | None:
        """How many channels come out, or None."""
        return self.shape.channels

    def __repr__(self) -> str:
        return f"<{self.name}: {self.operation!r}, {self.shape}>"


class Model:
    """A graph of layers and merges, with exact sizes as functions of the sizes of its inputs.

    >>> import deconvcalc as dc
    >>> model = dc.Model()
    >>> image = model.input(channels=3)
    >>> down = model.add(dc.Conv(3, stride=2, padding=1, out_channels=8), image, name="down")
    >>> up = model.add(dc.ConvTranspose(2, stride=2, out_channels=8), down, name="up")
    >>> both = model.output(model.add(dc.Concat(), up, image, name="skip"))
    >>> print(model.admissible())
    h even; w even
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[Node] = []
        self.outputs: list[Node] = []
        self._names: dict[str, Node] = {}
        self._counts: dict[str, int] = {}

    # Building.

    def input(
        self,
        name: str = "input",
        *,
        channels: int | None = None,
        axes: int | Sequence[str] = 2,
    ) -> Node:
        """A new input.

        Args:
            name: its name.
            channels: how many channels, or None.
            axes: how many spatial axes, or their names. Axes of one name have one size, those of
                other inputs too. By default they are n, or h and w, or d, h and w; those of a
                second input are called second.h, and so on.

        Raises:
            LayerError: a name that is taken, a number of axes that no layer has.
        """
        names = tuple(map(str, axes)) if isinstance(axes, (tuple, list)) else None
        if names is None:
            count = integer(axes)
            if count is None:
                raise TypeError(f"axes must be an int or names, not {axes!r}")
            names = AXIS_NAMES.get(count)
            if names is not None and self.inputs:
                names = tuple([f"{name}.{one}" for one in names])
        if names is None or len(names) > MOST_AXES:
            raise LayerError(
                f"an input has 0 to {MOST_AXES} spatial axes, not {axes!r}", rule="axes"
            )
        node = self._put(Input(channels, [variable(one) for one in names]), (), name)
        self.inputs.append(node)
        return node

    def add(self, operation: Layer | Operation, *sources: Node, name: str | None = None) -> Node:
        """A layer or an operation on nodes of this model.

        Args:
            operation: a layer, or `Add`, `Multiply`, `Concat`, `CropTo`, `PadTo`, `ResizeTo`,
                `TransposeTo`, `Unflatten`.
            sources: the nodes that it works on, in order. The same layer may stand at many places.
            name: its name; by default that of its kind and a number.

        Raises:
            LayerError: a name that is taken, a wrong number of sources, or axes that do not fit.
                Sizes that do not fit are no error here: they are what a model is asked about.
        """
        if not isinstance(operation, (Layer, Operation)):
            raise TypeError(f"a node is a layer or an operation, not {operation!r}")
        least, most = getattr(operation, "least", 1), getattr(operation, "most", 1)
        if len(sources) < least or (most is not None and len(sources) > most):
            needs = f"{least}" if least == most else f"at least {least}"
            raise LayerError(
                f"{operation!r} takes {needs} sources, not {len(sources)}", rule="sources"
            )
        for source in sources:
            if self._names.get(getattr(source, "name", "")) is not source:
                raise LayerError(
                    f"{source!r} is no node of this model",
                    rule="sources",
                    hint="Give what input() and add() of this model returned.",
                )
        return self._put(operation, sources, name)

    def output(self, *nodes: Node) -> Node:
        """Say which nodes the model gives back; what is not said is what nobody uses.

        Returns:
            The last of them.
        """
        self.outputs += nodes
        return nodes[-1]

    def _put(
        self, operation: Layer | Operation, sources: tuple[Node, ...], name: str | None
    ) -> Node:
        if name is None:
            kind = getattr(operation, "name", "") or type(operation).__name__.lower()
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"{kind}_{self._counts[kind]}"
        if name in self._names:
            raise LayerError(
                f"two nodes are called {name!r}", rule="name", hint="Give each a name of its own."
            )
        node = Node(len(self.nodes), name, operation, sources)
        self.nodes.append(node)
        self._names[name] = node
        return node

    def withdraw(self, node: Node) -> None:
        """Take back the node that was added last, which nothing works on."""
        if self.nodes[-1] is not node:
            raise LayerError(f"{node.name} is not the last node", rule="node")
        self.nodes.pop()
        del self._names[node.name]

    # Asking.

    def __getitem__(self, name: str) -> Node:
        return self._names[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def variables(self) -> tuple[str, ...]:
        """The input axes, in order."""
        found: dict[str, None] = {}
        for node in self.inputs:
            for one in node.shape.extents:
                found.update(dict.fromkeys(one.variables))
        return tuple(found)

    def conditions(self) -> Iterator[tuple[Node, Condition]]:
        """All that the model asks of its inputs, node by node, each question once.

        A layer takes what the layers before it give if its own map takes the input. So only where
        nothing follows, or something that is no layer, it is asked whether a size is accepted.
        """
        asked = set()
        followed = {
            source.index
            for node in self.nodes
            if isinstance(node.operation, Layer) and not node.operation.couples
            for source in node.sources
        }
        for node in self.nodes:
            held = list(node.conditions)
            if node.index not in followed:
                held += [
                    Condition(part, "taken", 0, "every layer accepts its size", axis)
                    for axis, one in enumerate(node.shape.extents)
                    for part in (*one.apart(), *([one] if one.may_refuse else []))
                ]
            for condition in held:
                if condition.question not in asked:
                    asked.add(condition.question)
                    yield node, condition

    def admissible(self) -> Admissible:
        """The inputs that the model runs on, as an exact set.

        Sizes that run only because a size of 1 is repeated are not among them.
        """
        from deconvcalc.model.admissible import decided

        return decided(self.variables, [condition for _, condition in self.conditions()])

    def run(self, sizes: Any) -> Run:
        """All sizes for one input, and every fault on the way.

        Args:
            sizes: one size for all axes, a tuple of one per input axis, or a dict by their names.

        Raises:
            SizeError: sizes for other axes than the model has.
        """
        from deconvcalc.model.run import run

        return run(self, self.point(sizes))

    def point(self, sizes: Any) -> dict[str, int]:
        """The sizes of all input axes, by their names.

        Raises:
            SizeError: a size below 1, too few or too many sizes.
            TypeError: no sizes.
        """
        from deconvcalc.model.admissible import point

        return point(self.variables, sizes)

    def pinned(self) -> list[Node]:
        """The layers that fix sizes: without one, a model is fully convolutional."""
        return [
            node
            for node in self.nodes
            if (isinstance(node.operation, Dense) and _varies(node.sources[0].shape))
            or (
                not isinstance(node.operation, (Dense, Flatten))
                and any(c.relation == "==" and _fixes(c) for c in node.conditions)
            )
        ]


def _varies(shape: Shape) -> bool:
    return bool(shape.extents) and shape.extents[-1].constant is None


def _fixes(condition: Condition) -> bool:
    return bool(condition.left.variables) and condition.right.constant is not None
