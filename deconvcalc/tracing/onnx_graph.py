"""The tensors of a graph while it is traced, and the model that they make.

A tensor has all its dimensions, the batch too. Where the batch is a plain number, which it is
nearly always, the node of the model leaves it out and has channels and spatial sizes as elsewhere.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, SizeError, UndecidedError
from deconvcalc.layers import Identity, Layer
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Along, Extent, Fixed, extent, variable
from deconvcalc.model.graph import Model, Node
from deconvcalc.model.operations import Given, Operation, applied, simpler
from deconvcalc.model.shapes import Shape
from deconvcalc.sets import LimitError
from deconvcalc.tracing.onnx_file import OnnxError
from deconvcalc.tracing.onnx_names import Names, where
from deconvcalc.tracing.onnx_numbers import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from deconvcalc.tracing.onnx_file import OnnxNode, Stored

__all__ = ["Builder", "Tensor", "broadcast", "dims_of", "shape_of"]

Dims = tuple[Extent, ...]

TRIED = (997, 1000, 1003, 1006)
MOST_MET = 24
"""So many sizes are compared with a new one."""

MOST_WEIGHTS = 1000
"""A constant is computed from so many tensors of the file at most."""

MOST_PARTS = 500
"""A size that is put together from more sizes is given up: graphs could make it grow forever."""


class Tensor:
    """What a name of the graph stands for.

    Attributes:
        name: its name.
        dims: all dimensions.
        node: its node in the model; None for weights, and for what is made of sizes alone.
        numbers: what it holds, where that is known: an array of ints, floats and sizes.
        weights: the tensors of the file that it is made of, where it has no node.
        stored: the tensor of the file whose numbers it holds, in whatever order.
    """

    def __init__(
        self,
        name: str,
        dims: Sequence[Extent | int],
        node: Node | None = None,
        *,
        numbers: np.ndarray[Any, Any] | None = None,
        weights: Sequence[Stored] = (),
        stored: Stored | None = None,
    ) -> None:
        self.name = name
        self.stored = stored
        self.dims: Dims = tuple([extent(one) for one in dims])
        self.node = node
        self.numbers = numbers
        self.weights = tuple({one.name: one for one in weights}.values())
        if len(self.weights) > MOST_WEIGHTS:
            raise OnnxError(f"{name!r} is made of more than {MOST_WEIGHTS} tensors of the file")

    @property
    def rank(self) -> int:
        """How many dimensions it has."""
        return len(self.dims)

    @property
    def spatial(self) -> Dims:
        """Its dimensions behind batch and channels."""
        return self.dims[2:]

    @property
    def is_image(self) -> bool:
        """Whether its node has channels and spatial sizes in their usual places."""
        return (
            self.node is not None
            and self.rank >= 2
            and isinstance(self.dims[0], Fixed)
            and self.node.shape.channels is not None
        )


def shape_of(dims: Dims) -> Shape:
    """Dimensions as channels and spatial sizes."""
    rest = dims[1:] if dims and isinstance(dims[0], Fixed) else dims
    if rest is not dims and rest and isinstance(rest[0], Fixed) and rest[0].value >= 1:
        return Shape(rest[0].value, rest[1:])
    return Shape(None, rest)


def dims_of(batch: Extent, shape: Shape) -> Dims:
    """Channels and spatial sizes as dimensions behind a batch."""
    channels = () if shape.channels is None else (Fixed(shape.channels),)
    return (batch, *channels, *shape.extents)


def broadcast(
    tensors: Sequence[Tensor], places: Sequence[int | None]
) -> tuple[Dims, list[Condition]]:
    """The common dimensions of tensors, aligned at the end; each is equal to the others or 1.

    Args:
        tensors: the tensors.
        places: which source of the node each of them is, or None.
    """
    made: list[Extent] = []
    conditions: list[Condition] = []
    columns = [reversed(tensor.dims) for tensor in tensors]
    rule = "what is combined has one size, or size 1"
    for back, column in enumerate(zip_longest(*columns)):
        common: Extent = Fixed(1)
        owner: int | None = None
        for one, place in zip(column, places, strict=True):
            if one is None or one == Fixed(1):
                continue
            if common == Fixed(1):
                common, owner = one, place
                continue
            if one != common:
                both = None if owner is None or place is None else (owner, place)
                axis = max([tensor.rank for tensor in tensors]) - back - 3
                conditions.append(
                    Condition(common, "matches", one, rule, axis if axis >= 0 else None, both)
                )
                common = simpler(common, one)
        made.append(common)
    return tuple(reversed(made)), conditions


class Builder:
    """The model that a graph becomes.

    Args:
        names: what the nodes are called.

    Attributes:
        model: the model.
        point: the input sizes asked about.
        passed: operators that somebody says leave sizes alone.
        warnings: what a reader should know.
    """

    def __init__(self, names: Names) -> None:
        self.model = Model()
        self.point: dict[str, int] = {}
        self.names = names
        self.passed: dict[str, None] = {}
        self.warnings: dict[str, None] = {}
        self._counted: set[str] = set()
        self._sizes: dict[str, list[Along]] = {}

    def layer(
        self,
        node: OnnxNode,
        operation: Layer | Operation,
        sources: Sequence[Tensor],
        *,
        weights: Iterable[Tensor] = (),
        conditions: Sequence[Condition] = (),
        remark: str | None = None,
    ) -> Tensor:
        """A layer or a merge on images."""
        first = sources[0]
        name = node.outputs[0]
        alike = isinstance(operation, Identity)
        try:
            if all(one.node is None for one in sources):
                if alike:
                    return Tensor(name, first.dims, weights=first.weights)
                shapes = [shape_of(one.dims) for one in sources]
                shape, _ = applied(operation, shapes)
                held = [stored for one in sources for stored in one.weights]
                dims = dims_of(first.dims[0], shape)
                return Tensor(name, [_bounded(one, node) for one in dims], weights=held)
            if not alike and not all(isinstance(one.dims[0], Fixed) for one in sources):
                return self._beside_batch(node, operation, sources)
            made = self.model.add(
                operation, *[self.placed(one) for one in sources], name=self.names.of(node)
            )
        except OnnxError:
            raise
        except DeconvcalcError as error:
            raise OnnxError(
                f"{node.shown}: {error.message}", layer=operation, rule=error.rule, hint=error.hint
            ) from None
        for one in () if alike else made.shape.extents:
            _bounded(one, node)
        made.conditions += tuple(conditions)
        self._marked(made, node, weights, remark)
        self._meet(made.shape.extents)
        dims = first.dims if alike else _settled(dims_of(first.dims[0], made.shape))
        return Tensor(name, dims, made)

    def _beside_batch(
        self, node: OnnxNode, operation: Layer | Operation, sources: Sequence[Tensor]
    ) -> Tensor:
        """A layer where sizes went into the batch: windows of attention, frames of a video."""
        first = sources[0]
        shape, conditions = self.sized(node, operation, *sources)
        dims = dims_of(first.dims[0], shape)
        layer = operation if isinstance(operation, Layer) else None
        return self.given(node, dims, sources, conditions, layer=layer)

    def sized(
        self, node: OnnxNode, operation: Layer | Operation, *sources: Tensor
    ) -> tuple[Shape, list[Condition]]:
        """The shape that a layer gives, and what it asks, without a node."""
        shapes = [Shape(_channels(one, node), one.spatial) for one in sources]
        try:
            return applied(operation, shapes)
        except DeconvcalcError as error:
            raise OnnxError(f"{node.shown}: {error.message}", hint=error.hint) from None

    def given(
        self,
        node: OnnxNode,
        dims: Sequence[Extent | int],
        sources: Sequence[Tensor] = (),
        conditions: Sequence[Condition] = (),
        *,
        output: int = 0,
        layer: Layer | None = None,
        weights: Iterable[Tensor] = (),
        title: str | None = None,
        mixes: bool = False,
        counted: bool = True,
    ) -> Tensor:
        """An operation whose sizes are computed here."""
        sizes = tuple(self.familiar(dims, node))
        name = node.outputs[output]
        live = [one for one in sources if one.node is not None]
        asked = [one for one in conditions if one.variables or not one.holds({})]
        if not live and not asked:
            held = [stored for one in sources for stored in one.weights]
            return Tensor(name, sizes, weights=held)
        shape = shape_of(sizes)
        operation = Given(
            title or node.op,
            shape.channels,
            shape.extents,
            asked,
            layer,
            mixes=mixes,
            counted=counted,
        )
        made = self.model.add(
            operation, *[self.placed(one) for one in live], name=self.names.of(node)
        )
        self._marked(made, node, weights, None)
        return Tensor(name, sizes, made)

    def familiar(self, dims: Sequence[Extent | int], node: OnnxNode) -> list[Extent]:
        """Sizes as functions that have been met before, where they are equal to one.

        Raises:
            OnnxError: a size is put together from too many others.
        """
        return [self._familiar(_bounded(extent(one), node)) for one in dims]

    def _familiar(self, one: Extent) -> Extent:
        """The size as a function that has been met before, if it is one: what a pad adds up to."""
        if not isinstance(one, Along):
            return one
        met = self._sizes.setdefault(one.variable, [variable(one.variable)])
        if not hasattr(one.map, "floors"):  # a sum, a maximum or the like
            for other in met[: -MOST_MET - 1 : -1]:
                if _alike(one, other):
                    return other
        if one not in met[-MOST_MET:]:
            met.append(one)
        return one

    def _meet(self, sizes: Iterable[Extent]) -> None:
        """Remember the sizes of a layer."""
        for one in sizes:
            if isinstance(one, Along):
                self._familiar(one)

    def asked(self, sizes: Sequence[Any]) -> tuple[int, ...] | None:
        """Sizes at the input that is asked about; None where a layer refuses it."""
        try:
            return tuple([extent(one).at(self.point) for one in sizes])
        except (SizeError, UndecidedError):
            return None

    def placed(self, tensor: Tensor) -> Node:
        """The node of a tensor; one is made for constants and for what is made of sizes."""
        if tensor.node is None:
            shape = shape_of(tensor.dims)
            operation = Given("constant", shape.channels, shape.extents)
            tensor.node = self.model.add(operation, name=self.names.fresh(tensor.name))
            self._count(tensor.node, [tensor])
        return tensor.node

    def _marked(
        self, made: Node, node: OnnxNode, weights: Iterable[Tensor], remark: str | None
    ) -> None:
        made.where = where(node)
        made.remark = remark
        self._count(made, weights)

    def _count(self, made: Node, weights: Iterable[Tensor]) -> None:
        """Count weights where they are used first."""
        total = 0
        for tensor in weights:
            for stored in tensor.weights:
                if stored.is_float and stored.name not in self._counted:
                    self._counted.add(stored.name)
                    total += stored.elements
        made.parameters = total


def _settled(dims: Dims) -> Dims:
    """Sizes that are the same wherever they are taken, as after a global pool, as plain numbers."""
    return tuple([one if one.constant is None else Fixed(one.constant) for one in dims])


def _channels(tensor: Tensor, node: OnnxNode) -> int:
    if tensor.rank < 2 or not isinstance(tensor.dims[1], Fixed):
        raise OnnxError(
            f"{node.shown} takes channels behind the batch, and {tensor.name!r} has none there"
        )
    return tensor.dims[1].value


def _bounded(one: Extent, node: OnnxNode) -> Extent:
    """The size, if it is put together from few enough others."""
    if parts(one, MOST_PARTS) > MOST_PARTS:
        raise OnnxError(f"{node.shown}: a size is put together from too many others")
    return one


def _alike(one: Along, other: Along) -> bool:
    """Whether two functions are equal wherever both are taken. A few places are tried first."""
    for n in TRIED:
        try:
            if one.at({one.variable: n}) != other.at({one.variable: n}):
                return False
        except DeconvcalcError:
            return False
    try:
        differ = Condition(one, "!=", other).sizes()
    except (UndecidedError, LimitError):
        return False
    return differ is not None and not differ
