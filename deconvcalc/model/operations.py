"""What a node of a model does: a layer, a merge of several tensors, or a size taken from another.

Each operation turns the shapes of its sources into one shape, with the conditions on which it runs.
Shapes hold functions of the input sizes, or plain numbers for one input: the same code serves both.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from deconvcalc.errors import LayerError
from deconvcalc.layers import ConvTranspose, Layer
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Along, Extent, Fixed, extent
from deconvcalc.model.passing import passed
from deconvcalc.model.shapes import Result, Shape
from deconvcalc.values import MOST_AXES, Value, integer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Add",
    "Concat",
    "CropTo",
    "Given",
    "Input",
    "Multiply",
    "Operation",
    "PadTo",
    "ResizeTo",
    "TransposeTo",
    "Unflatten",
    "applied",
]


class Operation(Value):
    """What a node does that is no layer.

    Attributes:
        least: how many sources it needs.
        most: how many it takes; None for any number.
    """

    __slots__ = ()
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1

    def on(self, shapes: Sequence[Shape]) -> Result:
        """The shape that it gives, and what it asks for.

        Raises:
            LayerError: shapes that it cannot mean, whatever the sizes.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        shown = [
            f"{name}={value!r}"
            for name, value in zip(self._fields, self._values(), strict=True)
            if value is not None
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


class Input(Operation):
    """An input of a model.

    Args:
        channels: how many channels, or None where they are not known.
        extents: its spatial sizes.
    """

    __slots__ = _fields = ("channels", "extents")
    least = 0
    most = 0
    channels: int | None
    extents: tuple[Extent, ...]

    def __init__(self, channels: int | None, extents: Sequence[Extent]) -> None:
        if channels is not None and (integer(channels) or 0) < 1:
            raise LayerError(
                f"channels must be an int of at least 1, not {channels!r}", rule="channels"
            )
        self._set(channels=channels, extents=tuple(extents))

    def on(self, shapes: Sequence[Shape]) -> Result:  # noqa: ARG002 - it has no sources
        """The shape of the input."""
        return Shape(self.channels, self.extents), []


class Add(Operation):
    """The sum of tensors of one size. A size of 1 is repeated, as frameworks do.

    >>> Add()
    Add()
    """

    __slots__ = ()
    most = None
    least = 2

    def on(self, shapes: Sequence[Shape]) -> Result:
        """The common shape: channels and sizes have to be equal, or 1."""
        made = shapes[0]
        conditions: list[Condition] = []
        for place, other in enumerate(shapes[1:], 1):
            made, asked = _broadcast(made, other, (0, place), type(self).__name__)
            conditions += asked
        return made, conditions


class Multiply(Add):
    """The product of tensors of one size, such as features and their gates.

    >>> Multiply()
    Multiply()
    """

    __slots__ = ()


class Concat(Operation):
    """Tensors side by side: along the channels, or along a spatial axis.

    Args:
        axis: the index of a spatial axis; None for the channels.

    >>> Concat(), Concat(0)
    (Concat(), Concat(axis=0))
    """

    __slots__ = _fields = ("axis",)
    most = None
    axis: int | None

    def __init__(self, axis: int | None = None) -> None:
        if axis is not None and integer(axis) not in range(MOST_AXES):
            raise LayerError(
                f"Concat: axis must be None or an int from 0 to {MOST_AXES - 1}, not {axis!r}",
                rule="axis",
                hint="None is the channels; 0 is the first spatial axis.",
            )
        self._set(axis=axis)

    def on(self, shapes: Sequence[Shape]) -> Result:
        """Sizes are equal but for the axis, along which they add up."""
        first = shapes[0]
        conditions: list[Condition] = []
        sizes = list(first.extents)
        if self.axis is not None and self.axis >= len(sizes):
            raise LayerError(f"Concat: there is no axis {self.axis}: it has {first}", rule="axis")
        for place, other in enumerate(shapes[1:], 1):
            _same_rank(first, other, "Concat")
            for axis, (one, its) in enumerate(zip(first.extents, other.extents, strict=True)):
                if axis == self.axis:
                    sizes[axis] = sizes[axis] + its
                else:
                    rule = "what is put side by side has one size"
                    conditions.append(Condition(one, "==", its, rule, axis, (0, place)))
                    sizes[axis] = simpler(sizes[axis], its)
            if self.axis is not None:
                conditions += _same_channels(first, other, (0, place))
        counts = [shape.channels for shape in shapes]
        if self.axis is not None:
            return Shape(first.channels, sizes), conditions
        total = None if None in counts else sum([count or 0 for count in counts])
        return Shape(total, sizes), conditions


class _Like(Operation):
    """An operation on a first tensor whose size comes from a second one."""

    __slots__ = ()
    least = 2
    most = 2

    def on(self, shapes: Sequence[Shape]) -> Result:
        """The first tensor in the sizes of the second."""
        first, like = shapes
        _same_rank(first, like, type(self).__name__)
        pairs = zip(first.extents, like.extents, strict=True)
        conditions = [self._asks(one, its, axis) for axis, (one, its) in enumerate(pairs)]
        return Shape(first.channels, like.extents), [one for one in conditions if one]

    def _asks(self, one: Extent, its: Extent, axis: int) -> Condition | None:
        raise NotImplementedError


def _word(owner: str, name: str, value: Any, words: tuple[str, ...]) -> str:
    if value not in words:
        raise LayerError(
            f"{owner}: {name} must be one of {', '.join(map(repr, words))}, not {value!r}",
            rule=name,
            hint=f"Take {name}={words[0]!r}, for example.",
        )
    return str(value)


class CropTo(_Like):
    """Crop the first tensor to the size of the second, as the first U-Net did with its skips.

    Args:
        where: "center" (the odd element is cropped at the end), "start" crops at the start alone,
            "end" at the end alone.

    >>> CropTo()
    CropTo(where='center')
    """

    __slots__ = _fields = ("where",)
    where: str

    def __init__(self, where: str = "center") -> None:
        self._set(where=_word("CropTo", "where", where, ("center", "start", "end")))

    def _asks(self, one: Extent, its: Extent, axis: int) -> Condition | None:
        return Condition(one, ">=", its, "what is cropped is large enough", axis, (0, 1))


class PadTo(_Like):
    """Pad the first tensor with zeros to the size of the second.

    Args:
        where: "center" (d//2 before and the rest after, d being what is missing), "start" or "end".
        crops: whether a larger one is cropped, as `F.pad` does with negative numbers.

    >>> PadTo()
    PadTo(where='center', crops=True)
    """

    __slots__ = _fields = ("where", "crops")
    where: str
    crops: bool

    def __init__(self, where: str = "center", *, crops: bool = True) -> None:
        self._set(where=_word("PadTo", "where", where, ("center", "start", "end")), crops=crops)

    def _asks(self, one: Extent, its: Extent, axis: int) -> Condition | None:
        if self.crops:
            return None
        return Condition(its, ">=", one, "what is padded is small enough", axis, (0, 1))


class ResizeTo(_Like):
    """Interpolate the first tensor to the size of the second.

    Args:
        mode: how, as for `Upsample`.

    >>> ResizeTo()
    ResizeTo(mode='nearest')
    """

    __slots__ = _fields = ("mode",)
    mode: str

    def __init__(self, mode: str = "nearest") -> None:
        self._set(mode=mode)

    def _asks(self, one: Extent, its: Extent, axis: int) -> Condition | None:  # noqa: ARG002
        return None


class TransposeTo(_Like):
    """A transposed convolution whose `output_size` is the size of the second tensor.

    Args:
        layer: the transposed convolution, without output_padding.

    Source: `torch.nn.ConvTranspose2d.forward`, whose output_size lies from what the layer gives by
    itself up to s - 1 more.

    >>> TransposeTo(ConvTranspose(3, stride=2, padding=1))
    TransposeTo(layer=ConvTranspose(3, stride=2, padding=1))
    """

    __slots__ = _fields = ("layer",)
    layer: ConvTranspose

    def __init__(self, layer: ConvTranspose) -> None:
        if not isinstance(layer, ConvTranspose):
            raise TypeError(f"TransposeTo takes a ConvTranspose, not {layer!r}")
        self._set(layer=layer)

    def on(self, shapes: Sequence[Shape]) -> Result:
        """The sizes of the second tensor, where the layer can give them."""
        first, like = shapes
        _same_rank(first, like, "TransposeTo")
        natural, conditions = passed(self.layer, first)
        stride = self.layer.stride
        for axis, (one, its) in enumerate(zip(natural.extents, like.extents, strict=True)):
            step = stride[axis] if isinstance(stride, tuple) else stride
            rules = "the size asked for is not too small", "the size asked for is not too large"
            conditions.append(Condition(its, ">=", one, rules[0], axis, (0, 1)))
            conditions.append(Condition(one + (step - 1), ">=", its, rules[1], axis, (0, 1)))
        return Shape(natural.channels, like.extents), conditions


class Unflatten(Operation):
    """Features become channels of some size, as at the start of a generator.

    Args:
        channels: how many channels.
        size: the spatial sizes, one per axis.

    Source: `torch.nn.Unflatten`, `keras.layers.Reshape`.

    >>> Unflatten(512, (4, 4))
    Unflatten(channels=512, size=(4, 4))
    """

    __slots__ = _fields = ("channels", "size")
    channels: int
    size: tuple[int, ...]

    def __init__(self, channels: int, size: Any) -> None:
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,)
        numbers = [integer(one) for one in (channels, *sizes)]
        if not all(numbers) or min([one or 0 for one in numbers]) < 1:
            raise LayerError(
                f"Unflatten: channels and sizes must be ints of at least 1, not {channels!r} and "
                f"{size!r}",
                rule="size",
            )
        self._set(channels=channels, size=sizes)

    def on(self, shapes: Sequence[Shape]) -> Result:
        """The shape asked for; the elements have to be as many."""
        shape = shapes[0]
        held = prod(shape.extents, start=extent(shape.channels or 1))
        total = self.channels * prod(self.size)
        rule = f"there are {total} elements to fill {self.channels} channels of {self.size}"
        return Shape(self.channels, self.size), [Condition(held, "==", total, rule)]


class Given(Operation):
    """An operation whose result is known as a function of the inputs: what a tracer computed.

    Args:
        name: what it is, for people to read.
        channels: the channels of its result.
        extents: the sizes of its result.
        conditions: what it asks for.
        layer: the layer that it is at the sizes it was traced at, for its costs and its field; None
            where it is none.
        mixes: whether every place of its result depends on all of its sources.
        counted: whether its multiply-accumulates are known, those of `layer` or none.
    """

    __slots__ = _fields = (
        "name",
        "channels",
        "extents",
        "conditions",
        "layer",
        "mixes",
        "counted",
    )
    least = 0
    most = None
    name: str
    channels: int | None
    extents: tuple[Extent, ...]
    conditions: tuple[Condition, ...]
    layer: Layer | None
    mixes: bool
    counted: bool

    def __init__(
        self,
        name: str,
        channels: int | None,
        extents: Sequence[Extent | int],
        conditions: Sequence[Condition] = (),
        layer: Layer | None = None,
        *,
        mixes: bool = False,
        counted: bool = True,
    ) -> None:
        self._set(name=name, channels=channels, conditions=tuple(conditions), layer=layer)
        self._set(mixes=mixes, counted=counted)
        self._set(extents=tuple([extent(one) for one in extents]))

    def on(self, shapes: Sequence[Shape]) -> Result:  # noqa: ARG002 - it is known already
        """What was given."""
        return Shape(self.channels, self.extents), list(self.conditions)

    def __repr__(self) -> str:
        return self.name


# Merges.


def _same_rank(one: Shape, other: Shape, owner: str) -> None:
    if len(one.extents) != len(other.extents):
        raise LayerError(
            f"{owner}: tensors of {len(one.extents)} and {len(other.extents)} spatial axes do not "
            "go together",
            rule="axes",
            hint="Bring both to the same number of axes first.",
        )


def _same_channels(one: Shape, other: Shape, operands: tuple[int, int]) -> list[Condition]:
    if one.channels is None or other.channels is None:
        return []
    rule = "the channels are equal"
    return [Condition(one.channels, "==", other.channels, rule, "channels", operands)]


def _broadcast(
    one: Shape, other: Shape, operands: tuple[int, int], owner: str
) -> tuple[Shape, list[Condition]]:
    """Two shapes that are added or multiplied: sizes are equal, or one of them is 1."""
    if not one.extents or not other.extents:
        wider, narrow = (one, other) if one.extents else (other, one)
        if narrow.channels is not None and wider.extents:
            raise LayerError(
                f"{owner}: {narrow} does not go with {wider}",
                rule="axes",
                hint="Keep the pooled axes (keepdims=True), so that their size of 1 is repeated.",
            )
        return wider, []
    _same_rank(one, other, owner)
    rule = "what is added or multiplied has one size, or size 1"
    channels, conditions = one.channels, []
    if one.channels is not None and other.channels is not None:
        held = Condition(one.channels, "matches", other.channels, rule, "channels", operands)
        conditions.append(held)
        channels = other.channels if one.channels == 1 else one.channels
    sizes: list[Extent] = []
    for axis, (mine, its) in enumerate(zip(one.extents, other.extents, strict=True)):
        conditions.append(Condition(mine, "matches", its, rule, axis, operands))
        if mine.constant == 1 or its.constant == 1:
            sizes.append(its if mine.constant == 1 else mine)
        else:
            sizes.append(simpler(mine, its))
    return Shape(channels, sizes), conditions


def simpler(one: Extent, other: Extent) -> Extent:
    """Of two sizes that have to be equal, the one with fewer floors on the way.

    So what follows a skip is told from the skip, and no chain grows from merge to merge.
    """
    return other if _steps(other) < _steps(one) else one


def _steps(one: Extent) -> int:
    """How many floors a size has on the way, as far as it is worth to count them."""
    if isinstance(one, Fixed):
        return 0
    return one.map.count(_MANY) if isinstance(one, Along) else _MANY


_MANY = 64


def applied(operation: Layer | Operation, shapes: Sequence[Shape]) -> Result:
    """The shape that a layer or an operation gives, and what it asks for.

    Raises:
        LayerError: shapes that it cannot mean, whatever the sizes.
        SizeError: plain numbers that a layer refuses.
    """
    if isinstance(operation, Operation):
        return operation.on(shapes)
    (shape,) = shapes
    return passed(operation, shape)
