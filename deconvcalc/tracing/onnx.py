"""An ONNX file as a model of exact sizes. The file is data: nothing in it runs.

Sizes follow from the attributes of the operators by the rules of ONNX, as ONNX Runtime has them;
no shape that the file states is believed but those of its inputs and weights. What a graph computes
from sizes (Shape, Gather, Div, Concat, and so on) is computed here as functions of the input.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.model.conditions import Condition
from deconvcalc.model.extents import Fixed, variable
from deconvcalc.model.graph import AXIS_NAMES
from deconvcalc.model.operations import Given
from deconvcalc.tracing.onnx_file import Declared, File, OnnxError, read
from deconvcalc.tracing.onnx_graph import Builder, Tensor, shape_of
from deconvcalc.tracing.onnx_names import Names
from deconvcalc.tracing.onnx_operators import Op, outcome
from deconvcalc.tracing.path import InputSpec, Path, Traced
from deconvcalc.values import MOST_AXES, integer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deconvcalc.model.graph import Node

__all__ = ["inputs_of", "traced"]

MADE_UP = re.compile(r"s\d+|unk__\d+|dim_?\d*|\w*dynamic_axes\w*")
"""Names of dimensions that an exporter made up."""

SMALLEST_IMAGE = 3
"""So many axes has an input with a batch, channels and at least one spatial axis."""


def traced(
    source: Any,
    inputs: Sequence[InputSpec] | None = None,
    *,
    assume: Mapping[str, str] = {},
    most_ways: int = 64,  # noqa: ARG001 - a graph has one way
    seconds: float = 60.0,  # noqa: ARG001
    free: bool = False,
) -> Traced:
    """The sizes of an ONNX model as functions of its input's.

    Args:
        source: the path of a file, or an `onnx.ModelProto`.
        inputs: what goes in, as `inputs_of` gives it; by default what the file says.
        assume: what unknown operators do, by the names of operators or nodes: "same" leaves sizes
            alone.
        most_ways: as for other tracers; a graph has one way.
        seconds: as for other tracers.
        free: whether sizes that the file fixes are variables all the same. By default the model
            runs at no other size.

    Raises:
        OnnxError: the file cannot be read, or has operators whose sizes are not known.
    """
    file = read(source)
    return _Tracing(file, assume, free=free).run(inputs or _inputs(file, None, None))


def inputs_of(source: Any, size: Any = None, channels: Any = None) -> tuple[InputSpec, ...]:
    """The inputs of an ONNX model.

    Args:
        source: the path of a file, or an `onnx.ModelProto`.
        size: the spatial sizes: an int, a tuple, or a dict by the names of the inputs. What the
            file fixes need not be said.
        channels: the channels where the file leaves them open; a dict for several inputs.

    Raises:
        OnnxError: the file cannot be read.
        QueryError: a size is missing, or there are too many; the channels are not known.
    """
    return _inputs(read(source), size, channels)


def _inputs(file: File, size: Any, channels: Any) -> tuple[InputSpec, ...]:
    found = []
    symbols: dict[str, str] = {}
    for place, one in enumerate(file.inputs):
        layout = _Layout(file, one)
        own = size.get(one.name) if isinstance(size, dict) else size
        count = channels.get(one.name) if isinstance(channels, dict) else channels
        names = layout.names(place, symbols)
        sizes = _sizes(one, own, [layout.dims[axis] for axis in layout.spatial])
        deep = count if layout.channels is None else layout.channels
        if layout.channel is None:
            deep = None
        elif deep is None:
            raise QueryError(
                f"the channels of input {one.name!r} are not known",
                rule="channels",
                hint="Give channels=3, or --channels 3.",
            )
        found.append(InputSpec(one.name, deep, sizes, names))
    return tuple(found)


def _sizes(one: Declared, size: Any, dims: list[int | str | None]) -> tuple[int, ...]:
    """The sizes asked about: what is given, or what the file fixes."""
    if size is None:
        if not all(isinstance(dim, int) for dim in dims):
            raise QueryError(
                f"the size of input {one.name!r} is not given, and the file leaves it open",
                rule="input_size",
                hint="Give the spatial sizes, such as input_size=(127, 127); any will do.",
            )
        return tuple([int(dim) for dim in dims if isinstance(dim, int)])
    several = isinstance(size, (tuple, list))
    numbers = [integer(part) for part in (size if several else [size] * len(dims))]
    if len(numbers) != len(dims) or None in numbers:
        raise QueryError(
            f"input {one.name!r} has {len(dims)} spatial axes, and the size is {size!r}",
            rule="input_size",
            hint="Give the spatial sizes alone, without batch and channels.",
        )
    return tuple([number for number in numbers if number is not None])


class _Layout:
    """Where the channels and the spatial axes of an input lie.

    An input whose every use begins by bringing the last axis behind the batch has its channels
    last, as exports of TensorFlow models do; so has one whose second axis is open and last is not.
    """

    def __init__(self, file: File, declared: Declared) -> None:
        if declared.dims is None:
            raise OnnxError(
                f"the file does not say how many axes the input {declared.name!r} has",
                hint="Export the model with the shapes of its inputs.",
            )
        self.dims = declared.dims
        rank = len(self.dims)
        self.declared = declared
        self.spatial: tuple[int, ...] = tuple(range(2, rank))
        self.channel = 1 if rank > 1 else None
        if rank >= SMALLEST_IMAGE and self._channels_last(file):
            self.spatial, self.channel = tuple(range(1, rank - 1)), rank - 1
        if rank == 1 or (rank == SMALLEST_IMAGE - 1 and not isinstance(self.dims[1], int)):
            # Plain features, or a sequence of tokens: what varies is an axis.
            self.channel, self.spatial = None, (rank - 1,)
        if len(self.spatial) > MOST_AXES:
            raise OnnxError(
                f"the input {declared.name!r} has {len(self.spatial)} spatial axes: "
                f"{MOST_AXES} are the most"
            )

    def _channels_last(self, file: File) -> bool:
        rank = len(self.dims)
        open_ = [not isinstance(self.dims[axis], int) for axis in (1, -1)]
        if open_[0] != open_[1]:
            return open_[0]
        last = (0, rank - 1, *range(1, rank - 1))
        users = [node for node in file.nodes if self.declared.name in node.inputs]
        users = [node for node in users if node.op not in ("Shape", "Size")]
        turned = [n.op == "Transpose" and n.attributes.get("perm") == last for n in users]
        return bool(turned) and all(turned)

    @property
    def channels(self) -> int | None:
        """The channels that the file fixes."""
        if self.channel is None:
            return None
        found = self.dims[self.channel]
        return found if isinstance(found, int) else None

    def names(self, place: int, symbols: dict[str, str]) -> tuple[str, ...]:
        """The names of the spatial axes: those of the file, or the usual ones.

        Args:
            place: which input it is.
            symbols: what the dimensions that the file names are called; new ones are added.
        """
        usual = AXIS_NAMES[len(self.spatial)]
        found: list[str] = []
        for axis, name in zip(self.spatial, usual, strict=True):
            dim = self.dims[axis]
            other = f"{self.declared.name}.{name}" if place else name
            if isinstance(dim, str):
                telling = dim.isidentifier() and not MADE_UP.fullmatch(dim)
                free = dim not in symbols.values()
                other = symbols.setdefault(dim, dim if telling and free else other)
            found.append(other)
        return tuple(found)

    def conditions(self, names: Sequence[str]) -> list[Condition]:
        """What the file fixes."""
        found = []
        for place, (axis, name) in enumerate(zip(self.spatial, names, strict=True)):
            dim = self.dims[axis]
            if isinstance(dim, int):
                rule = f"the file fixes this size at {dim}"
                found.append(Condition(variable(name), "==", dim, rule, place))
        return found


class _Tracing:
    """One pass over a graph."""

    def __init__(self, file: File, assume: Mapping[str, str], *, free: bool) -> None:
        self.file, self.assume, self.free = file, assume, free
        self.builder = Builder(Names(file.nodes))
        self.tensors: dict[str, Tensor] = {}
        self.warnings: list[str] = []

    def run(self, inputs: Sequence[InputSpec]) -> Traced:
        """The model, in the order of the graph."""
        given = {one.name: one for one in inputs}
        for one in inputs:
            self.builder.point.update(zip(one.axes, one.size, strict=True))
        for declared in self.file.inputs:
            self._input(declared, given)
        for name, stored in self.file.stored.items():
            numbers = None if stored.is_float and stored.elements > 16 else self._numbers(name)
            self.tensors[name] = Tensor(
                name, stored.dims, numbers=numbers, weights=[stored], stored=stored
            )
        for node in self.file.nodes:
            held = [self._tensor(name) for name in node.inputs]
            made = outcome(Op(node, held, self.builder, self.file.opset), self.assume)
            self.tensors.update(zip(filter(None, node.outputs), made, strict=False))
        model = self.builder.model
        model.output(*[self.builder.placed(self._tensor(name)) for name in self.file.outputs])
        self.warnings += self.builder.warnings
        for name in self.builder.passed:
            self.warnings.append(f"{name} is taken to leave sizes alone, as you said")
        versions = {"opset": str(self.file.opset)}
        if self.file.producer:
            versions["producer"] = self.file.producer
        return Traced("onnx", [Path(model)], (), versions, self.warnings)

    def _numbers(self, name: str) -> Any:
        stored = self.file.stored[name]
        if stored.elements > 4096:
            return None
        return stored.numbers()

    def _tensor(self, name: str) -> Any:
        return self.tensors[name] if name else None

    def _input(self, declared: Declared, given: Mapping[str, InputSpec]) -> None:
        """An input with its axes; the batch is one, or what the file says."""
        layout = _Layout(self.file, declared)
        spec = given.get(declared.name)
        if spec is None:
            raise QueryError(f"the input {declared.name!r} is not given", rule="inputs")
        names = self.builder.names
        node = self.builder.model.input(
            names.fresh(declared.name), channels=spec.channels, axes=spec.axes
        )
        if not self.free:
            node.conditions += tuple(layout.conditions(spec.axes))
        dims: list[Any] = [Fixed(1)] * len(layout.dims)
        if layout.dims and isinstance(layout.dims[0], int) and 0 not in layout.spatial:
            dims[0] = Fixed(layout.dims[0])
        if layout.channel is not None:
            if spec.channels is None:
                raise QueryError(
                    f"the channels of input {declared.name!r} are not known",
                    rule="channels",
                    hint="Give channels=3, or --channels 3.",
                )
            dims[layout.channel] = Fixed(spec.channels)
        for axis, name in zip(layout.spatial, spec.axes, strict=True):
            dims[axis] = variable(name)
        self.tensors[declared.name] = self._as_declared(declared.name, dims, node)

    def _as_declared(self, name: str, dims: list[Any], node: Node) -> Tensor:
        """The input in the file's own order of axes."""
        shape = shape_of(tuple(dims))
        if shape == node.shape:
            return Tensor(name, dims, node)
        operation = Given("as the file orders it", shape.channels, shape.extents)
        made = self.builder.model.add(operation, node, name=self.builder.names.fresh(name))
        return Tensor(name, dims, made)
