"""What there is to say about a whole model: its table, the inputs it takes, and where it breaks."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from deconvcalc import costs
from deconvcalc.errors import QueryError
from deconvcalc.layers import Dense, Layer
from deconvcalc.model.admissible import Admissible, region
from deconvcalc.model.fields import NOTHING, WHOLE, Field, Shift, fields, shifts
from deconvcalc.model.graph import Model, Node
from deconvcalc.model.operations import Given, TransposeTo
from deconvcalc.model.run import Fault, Run, run
from deconvcalc.sets import Sizes, preimage
from deconvcalc.tracing.path import InputSpec, Path, Traced
from deconvcalc.tracing.words import remedies, said
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from deconvcalc.model.admissible import Region
    from deconvcalc.model.fields import Seen

__all__ = ["Row", "Totals", "Trace", "trace"]

CHANNELS = 3
"""How many channels an input has where neither the model nor anybody says."""

IMAGE = 2
"""How many axes an input has where nothing says so."""

MOST_REPEATED = 512
"""So many sizes are run to see whether a model runs there by repeating a size of 1."""


class Row(Value):
    """One line of a model's table.

    Args:
        name: the node's name.
        layer: what it does.
        where: the file and line, if known.
        size: its spatial sizes for this input.
        function: its spatial sizes as functions of the input's.
        channels: how many channels, or None.
        parameters: how many numbers it learns; None where not known.
        macs: multiply-accumulates for one input; None where not known.
        memory: bytes of its result in float32, for one input; None where not known.
        field: how many input pixels a place sees, along each axis, at most; that of an input
            without end. "all" where it sees the whole input, None where that is not known.
        stride: input pixels for a step, along each axis, as text; None where not known.
    """

    __slots__ = _fields = (
        "name",
        "layer",
        "where",
        "size",
        "function",
        "channels",
        "parameters",
        "macs",
        "memory",
        "field",
        "stride",
    )
    name: str
    layer: str
    where: str | None
    size: tuple[int, ...]
    function: tuple[str, ...]
    channels: int | None
    parameters: int | None
    macs: int | None
    memory: int | None
    field: tuple[int | str | None, ...]
    stride: tuple[str | None, ...]

    def __init__(self, **values: Any) -> None:
        self._set(**values)

    def to_record(self) -> dict[str, Any]:
        """The line as plain data."""
        record = dict(zip(self._fields, self._values(), strict=True))
        lists = ("size", "function", "field", "stride")
        return record | {name: list(record[name]) for name in lists}


class Totals(Value):
    """Sums over a model; None where a part is not known.

    Args:
        parameters: how many numbers it learns.
        macs: multiply-accumulates for one input.
        memory: bytes of all results in float32, for one input.
    """

    __slots__ = _fields = ("parameters", "macs", "memory")
    parameters: int | None
    macs: int | None
    memory: int | None

    def __init__(self, parameters: int | None, macs: int | None, memory: int | None) -> None:
        self._set(parameters=parameters, macs=macs, memory=memory)


class Trace:
    """A whole model, traced.

    Attributes:
        traced: what the tracer found: all ways through the code.
        model: the model on the way of the input asked about.
        point: the input asked about, by the names of its axes.
        run: the model at this input.
    """

    def __init__(self, traced: Traced, point: Mapping[str, int]) -> None:
        self.traced = traced
        self.point = dict(point)
        self.path = traced.paths[0]
        self.model = self.path.model
        self.run: Run = run(self.model, self.point)
        self._admissible: Admissible | None = None
        self._fields: list[tuple[Seen, ...]] | None = None

    # What came in.

    @property
    def kind(self) -> str:
        """Where it comes from: "torch", "keras", "onnx", "spec" or "layers"."""
        return self.traced.kind

    @property
    def passed(self) -> tuple[str, ...]:
        """Operations that are not known, and were seen to leave sizes alone."""
        return self.traced.passed

    @property
    def versions(self) -> dict[str, str]:
        """The versions of what was used."""
        return self.traced.versions

    # The table.

    @property
    def rows(self) -> list[Row]:
        """The table of the model, a line a node."""
        return [self._row(node) for node in self.model.nodes]

    @property
    def totals(self) -> Totals:
        """Sums over the table."""
        rows = self.rows
        return Totals(*[_sum([getattr(row, name) for row in rows]) for name in Totals._fields])

    @property
    def fields(self) -> list[tuple[Seen, ...]]:
        """What each node sees of the first input, along each axis."""
        if self._fields is None:
            self._fields = fields(self.run)
        return self._fields

    def _row(self, node: Node) -> Row:
        shape = self.run.shapes[node.index]
        sizes = shape.numbers or ()
        seen = self.fields[node.index]
        return Row(
            name=node.name,
            layer=repr(node.operation),
            where=node.where,
            size=sizes,
            function=tuple(map(str, node.shape.extents)),
            channels=shape.channels,
            parameters=self._parameters(node),
            macs=self._macs(node),
            memory=costs.memory(shape.channels or (1 if sizes else None), sizes),
            field=tuple([_field_size(one) for one in seen]),
            stride=tuple([_rate(one) for one in seen]),
        )

    def _parameters(self, node: Node) -> int | None:
        layer = _layer(node)
        if node.parameters is not None or layer is None:
            return node.parameters or 0
        before = self.run.shapes[node.sources[0].index]
        return costs.parameters(layer, _features(layer, before), len(before.extents))

    def _macs(self, node: Node) -> int | None:
        layer = _layer(node)
        if layer is None or not node.sources:
            return 0 if getattr(node.operation, "counted", True) else None
        before = self.run.shapes[node.sources[0].index]
        sizes = before.numbers or ()
        if isinstance(layer, Dense):
            deep = (before.channels or 1) if before.extents else 1
            return costs.macs(layer, _features(layer, before), (deep, *sizes[:-1]), ())
        target = self.run.shapes[node.index].numbers or ()
        return costs.macs(layer, before.channels, sizes, target)

    # Which inputs.

    @property
    def admissible(self) -> Admissible:
        """The inputs that the model runs on, over all ways through its code.

        Sizes that run only because a size of 1 is repeated are not among them: see `broadcast`.
        """
        if self._admissible is None:
            names = self.model.variables
            taken = [_region(names, path) for path in self.traced.paths if path.failed is None]
            self._admissible = Admissible(names, taken, self.traced.unknown)
        return self._admissible

    @property
    def unknown(self) -> tuple[Region, ...]:
        """Inputs about which nothing was found out; they are not admissible."""
        return self.traced.unknown

    @property
    def broadcast(self) -> dict[str, Sizes]:
        """For each axis the sizes that run, but only by repeating a size of 1 somewhere.

        The other axes have an admissible size meanwhile. Axes without such sizes are left out.
        """
        found = {}
        for name in self.model.variables:
            sizes = [n for n in self._repeating(name) if self._runs_at(name, n)]
            if sizes:
                found[name] = Sizes.of(*sizes)
        return found

    def _repeating(self, name: str) -> list[int]:
        """The sizes of an axis at which some merge meets a size of 1 that is not always 1."""
        places = Sizes.none()
        for path in self.traced.paths:
            for _, condition in path.model.conditions():
                if condition.relation != "matches" or condition.variables != {name}:
                    continue
                for side in (condition.left, condition.right):
                    size_map = getattr(side, "map", None)
                    if size_map is not None:
                        places |= preimage(size_map, 1)
        places -= self.admissible.sets[name]
        return places.first(MOST_REPEATED)

    def _runs_at(self, name: str, n: int) -> bool:
        """Whether the model runs where one axis has a size, and the others admissible ones."""
        where = {**self._near(), name: n}
        for path in self.traced.paths:
            if path.failed is None and all(guard.holds(where) for guard in path.guards):
                return run(path.model, where).runs
        return False

    def _near(self) -> dict[str, int]:
        """For each axis a size near that asked about which it runs with, if there is one."""
        if not self.point or tuple(self.point.values()) in self.admissible:
            return self.point
        below, above = self.admissible.nearest(self.point)
        found = above or below
        if found is not None:
            return dict(zip(self.model.variables, found, strict=True))
        sets = _region(self.model.variables, self.path).sets
        pairs = {name: held.nearest(self.point[name]) for name, held in sets.items()}
        return {name: above or below or self.point[name] for name, (below, above) in pairs.items()}

    @property
    def nearest(self) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """The nearest admissible inputs that are nowhere larger, and nowhere smaller."""
        return self.admissible.nearest(self.point)

    @property
    def remedies(self) -> tuple[str, ...]:
        """Lines of code that crop or pad the input to the nearest admissible sizes."""
        if self.ok or len(self.model.inputs) != 1:
            return ()
        return tuple(remedies(self.kind, tuple(self.point.values()), self.nearest))

    # Where it breaks.

    @property
    def ok(self) -> bool:
        """Whether the model runs on this input."""
        return self.path.failed is None and self.run.runs

    @property
    def clashes(self) -> tuple[Fault, ...]:
        """Everything that fails for this input, in order, with what the framework says."""
        heard = {(fault.node, fault.axis): fault.said for fault in self.path.said}
        whole = {fault.node: fault.said for fault in self.path.said}
        found = []
        for fault in self.run.faults:
            words = heard.get((fault.node, fault.axis)) or whole.get(fault.node)
            found.append(fault.with_words(words or said(self.kind, fault, self.run)))
        return tuple(found)

    @property
    def shifts(self) -> list[Shift]:
        """Merges of branches of one size whose pixels lie at different places."""
        return shifts(self.run, self.fields)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What runs, and yet should be looked at."""
        repeated = [
            f"{fault.node}: it runs only because a size of 1 is repeated ({fault.message})"
            for fault in self.run.repeated
        ]
        return (*self.traced.warnings, *repeated, *map(str, self.shifts))

    @property
    def pinned(self) -> tuple[str, ...]:
        """The nodes that fix the size of the input, in order."""
        return tuple([node.name for node in self.model.pinned()])

    @property
    def is_fully_convolutional(self) -> bool:
        """Whether no layer fixes the size of the input."""
        return not self.pinned

    # All of it.

    def __repr__(self) -> str:
        sizes = "x".join(map(str, self.point.values()))
        state = "runs" if self.ok else f"{len(self.run.faults) or 1} faults"
        return f"<trace of {len(self.model)} nodes at {sizes}: {state}; {self.admissible}>"

    def to_record(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        below, above = self.nearest
        return {
            "kind": self.kind,
            "input": self.point,
            "ok": self.ok,
            "failed": self.path.failed,
            "rows": [row.to_record() for row in self.rows],
            "totals": dict(zip(Totals._fields, self.totals._values(), strict=True)),
            "outputs": [node.name for node in self.model.outputs],
            "admissible": self.admissible.to_record(),
            "broadcast": {name: held.to_record() for name, held in self.broadcast.items()},
            "clashes": [fault.to_record() for fault in self.clashes],
            "nearest": {"below": below and list(below), "above": above and list(above)},
            "remedies": list(self.remedies),
            "fully_convolutional": self.is_fully_convolutional,
            "pinned": list(self.pinned),
            "passed": list(self.passed),
            "warnings": list(self.warnings),
            "versions": self.versions,
        }


def trace(
    model: Any,
    input_size: Any = None,
    *,
    channels: Any = None,
    assume: Mapping[str, str] | None = None,
) -> Trace:
    """A whole model: for which inputs it works, and where it breaks.

    Args:
        model: a `Model`, a list of layers, a torch module, a Keras model, a path to a spec (.toml),
            an ONNX file (.onnx) or a Keras file (.keras), or the text of a
            `nn.Sequential(...)` or `keras.Sequential([...])`.
        input_size: the spatial sizes of the input, an int for all axes or a tuple; for several
            inputs a dict by their names. It need not be one that works.
        channels: the channels of the input, where the model does not say; for several inputs a
            dict by their names. Where nobody says, there are 3; in a list of layers or a `Model`
            they stay open.
        assume: what unknown operations do, by their names: "same" leaves sizes alone.

    Returns:
        A `Trace`.

    Raises:
        QueryError: the question lacks something, such as a size.
        DeconvcalcError: the model cannot be read, or does something that is not known.
        TypeError: something that is no model.

    >>> import deconvcalc as dc
    >>> found = dc.trace([dc.MaxPool(2), dc.ConvTranspose(2, stride=2)], 27)
    >>> found.run.size("convtranspose_1"), str(found.admissible)
    ((26, 26), 'h ≥ 2; w ≥ 2')
    """
    assumed = dict(assume or {})
    if isinstance(model, Layer):
        model = [model]
    if isinstance(model, Model):
        return Trace(Traced("layers", [Path(model)]), model.point(_needed(input_size)))
    if isinstance(model, (list, tuple)):
        made = chain(model, axes=_axes(_needed(input_size), model), channels=channels)
        return Trace(Traced("layers", [Path(made)]), made.point(input_size))
    tracer = _tracer(model)
    inputs = _inputs(tracer, model, input_size, channels)
    return Trace(tracer.traced(model, inputs, assume=assumed), _point(inputs))


def _inputs(tracer: Any, model: Any, size: Any, channels: Any) -> tuple[InputSpec, ...]:
    """The inputs of a model; with `CHANNELS` where neither it nor anybody says how many."""
    try:
        found = tracer.inputs_of(model, size, channels)
    except QueryError as error:
        if channels is not None or error.rule != "channels":
            raise
        found = tracer.inputs_of(model, size, CHANNELS)
    if channels is not None or not getattr(tracer, "LEAVES_CHANNELS_OPEN", False):
        return tuple(found)
    return tuple(
        [
            InputSpec(one.name, CHANNELS if one.size else None, one.size, one.axes)
            if one.channels is None
            else one
            for one in found
        ]
    )


def chain(layers: Sequence[Any], *, axes: int = 2, channels: int | None = None) -> Model:
    """Layers one after the other, as a model."""
    made = Model()
    node = made.input(channels=channels, axes=axes)
    for layer in layers:
        node = made.add(layer, node)
    made.output(node)
    return made


def _needed(size: Any) -> Any:
    if size is None:
        raise QueryError(
            "the size of the input is not given",
            rule="input_size",
            hint="Give spatial sizes, --input 127x127 or input_size=(127, 127); any will do.",
        )
    return size


def _axes(size: Any, layers: Sequence[Any]) -> int:
    """How many axes an input of layers has: as many sizes as are given, or as the layers say."""
    if isinstance(size, (tuple, list)):
        return len(size)
    return next((layer.axes for layer in layers if getattr(layer, "axes", None)), IMAGE)


def _point(inputs: Sequence[InputSpec]) -> dict[str, int]:
    """The sizes of all input axes, by name."""
    found: dict[str, int] = {}
    for one in inputs:
        for name, size in zip(one.axes, one.size, strict=True):
            if found.setdefault(name, size) != size:
                raise QueryError(
                    f"axis {name} has one size in all inputs: it cannot be {found[name]} and "
                    f"{size}",
                    rule="input_size",
                )
    return found


_SUFFIXES = {".toml": "spec", ".onnx": "onnx", ".keras": "keras"}


def _tracer(model: Any) -> Any:
    """The module that traces models of this kind; it loads the framework that the model is of."""
    return import_module(f"deconvcalc.tracing.{_kind(model)}")


def _kind(model: Any) -> str:
    if isinstance(model, (str, FilePath)):
        if "(" in str(model):
            return "pasted"
        kind = _SUFFIXES.get(FilePath(model).suffix.lower())
        if kind is None:
            raise QueryError(
                f"{str(model)!r} is no model that can be read",
                rule="model",
                hint="Give a .toml, .onnx or .keras file, or the text of nn.Sequential(...).",
            )
        return kind
    homes = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    for kind in ("keras", "torch", "onnx"):  # on its torch backend, a Keras layer is a module too
        if kind in homes:
            return kind
    raise TypeError(
        f"{model!r} is no model: give a dc.Model, a list of layers, a torch module, a Keras model "
        "or a path"
    )


def _region(names: tuple[str, ...], path: Path) -> Region:
    return region(names, _asked(path))


def _asked(path: Path) -> Iterator[Any]:
    yield from path.guards
    for _, condition in path.model.conditions():
        yield condition


def _layer(node: Node) -> Layer | None:
    operation = node.operation
    if isinstance(operation, (Given, TransposeTo)):
        return operation.layer
    return operation if isinstance(operation, Layer) else None


def _features(layer: Layer, shape: Any) -> int | None:
    """The channels that a layer works on; for a `Dense` its features."""
    if isinstance(layer, Dense) and shape.extents:
        return int(shape.extents[-1].at({}))
    return shape.channels  # type: ignore[no-any-return]  # an int or None


def _field_size(one: Seen) -> int | str | None:
    if isinstance(one, Field):
        return one.size
    if one is NOTHING:
        return 0
    return "all" if one is WHOLE else None


def _rate(one: Seen) -> str | None:
    return _fraction(one.rate) if isinstance(one, Field) else None


def _fraction(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else str(value)


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
