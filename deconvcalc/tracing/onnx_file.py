"""An ONNX file as plain data: nothing in it runs, and no other file is opened.

What the rest of the tracer sees are the small classes of this module. Numbers of a tensor are read
only where they are asked for, and only if there are few of them: weights have dimensions alone.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deconvcalc.errors import TraceError
from deconvcalc.values import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Declared", "File", "OnnxError", "OnnxNode", "Stored", "read"]

MOST_BYTES = 2**31 - 1
"""The largest file, which is as much as protobuf takes."""

MOST_NODES = 100_000
MOST_INPUTS = 256
"""So many inputs a graph has at most, beside its weights."""

MOST_NUMBERS = 65_536
"""So many numbers of a tensor are read at most; sizes are computed from a few."""

MOST_SPAN = 2**24
"""Of so many numbers, at most, the smallest and the largest are looked for."""

MOST_RANK = 16
MOST_TEXT = 10_000

FLOATS = frozenset({1, 10, 11, 16, *range(17, 21), 23, 24})
"""The element types that are floats, by ONNX's numbers."""

WHOLE = frozenset({2, 3, 4, 5, 6, 7, 9, 12, 13})
"""Those that are integers or bools."""

DOMAINS = {"", "ai.onnx"}
NEWEST = 30
"""The newest opset that names are looked up in; later ones may have changed an operator."""

EXTERNAL = 1
"""TensorProto.EXTERNAL."""


class OnnxError(TraceError):
    """An ONNX file that cannot be read, or that does something whose sizes are not known."""


class Stored:
    """A tensor of the file.

    Attributes:
        name: its name.
        dims: its dimensions, as they are declared.
        kind: the number of its element type.
    """

    def __init__(self, proto: Any, name: str) -> None:
        self.name = name
        self.dims = _dims(proto.dims, name)
        self.kind = int(proto.data_type)
        self._proto = proto

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return prod(self.dims)

    @property
    def is_float(self) -> bool:
        """Whether it holds floats."""
        return self.kind in FLOATS

    def numbers(self) -> np.ndarray[Any, Any] | None:
        """Its numbers as Python's, in an array of objects; None where there are too many.

        Raises:
            OnnxError: they lie in another file, or are fewer or more than is declared.
        """
        if self.elements > MOST_NUMBERS or self.kind not in FLOATS | WHOLE:
            return None
        found = self._array()
        return np.array(found.astype("float64" if self.is_float else "int64"), dtype=object)

    def span(self) -> tuple[int, int] | None:
        """The smallest and the largest of its whole numbers; None where there are none.

        Raises:
            OnnxError: they lie in another file, or are fewer or more than is declared, or too many.
        """
        if not self.elements or self.kind not in WHOLE:
            return None
        if self.elements > MOST_SPAN:
            raise OnnxError(
                f"{self.name!r} has {self.elements} numbers: {MOST_SPAN} are the most that are read"
            )
        found = self._array()
        return int(found.min()), int(found.max())

    def _array(self) -> np.ndarray[Any, Any]:
        if self._proto.data_location == EXTERNAL:
            raise OnnxError(
                f"the numbers of {self.name!r} lie in another file, which is not opened",
                rule="external data",
                hint="Store the model with its small tensors inside it.",
            )
        from onnx import numpy_helper

        try:
            found: np.ndarray[Any, Any] = numpy_helper.to_array(self._proto)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise OnnxError(f"the numbers of {self.name!r} cannot be read: {error}") from None
        if found.shape != self.dims:
            raise OnnxError(f"{self.name!r} has other numbers than its dimensions say")
        return found


class OnnxNode:
    """A node of the graph.

    Attributes:
        index: its place in the file.
        op: the operator.
        name: its name, which may be empty.
        inputs: the names of its inputs; an empty one stands for an input that is left out.
        outputs: the names of its outputs.
        attributes: their values by name; tensors are `Stored`.
        metadata: what the exporter wrote beside it.
    """

    def __init__(self, proto: Any, index: int) -> None:
        self.index = index
        self.op = _text(proto.op_type)
        self.domain = _text(proto.domain)
        self.name = _text(proto.name)
        self.inputs = tuple([_text(name) for name in proto.input])
        self.outputs = tuple([_text(name) for name in proto.output])
        self.metadata = {_text(p.key): _text(p.value) for p in proto.metadata_props}
        self.attributes = {_text(a.name): self._value(a) for a in proto.attribute}

    @property
    def shown(self) -> str:
        """How messages name it."""
        named = f" {self.name!r}" if self.name else ""
        return f"node {self.index}{named} ({self.op})"

    def _value(self, proto: Any) -> Any:
        """The value of an attribute; those that hold graphs are only named."""
        kind = int(proto.type)
        if kind == 1:
            return float(proto.f)
        if kind == 2:
            return int(proto.i)
        if kind == 3:
            return proto.s[:MOST_TEXT].decode(errors="replace")
        if kind == 4:
            return Stored(proto.t, f"{self.name or self.op}.{_text(proto.name)}")
        several = {6: proto.floats, 7: proto.ints, 8: proto.strings}.get(kind)
        if several is None:
            return None
        if len(several) > MOST_NUMBERS:
            raise OnnxError(f"{self.shown}: the attribute {_text(proto.name)!r} is too long")
        if kind == 8:
            return tuple([one[:MOST_TEXT].decode(errors="replace") for one in several])
        return tuple(several)


class Declared:
    """An input or an output of the graph.

    Attributes:
        name: its name.
        dims: for each axis an int, the name of a dimension, or None; None where no shape is given.
    """

    def __init__(self, proto: Any) -> None:
        self.name = _text(proto.name)
        self.dims: tuple[int | str | None, ...] | None = None
        kind = proto.type.WhichOneof("value")
        if kind not in ("tensor_type", None):
            raise OnnxError(f"{self.name!r} is no tensor but a {kind.removesuffix('_type')}")
        if kind and proto.type.tensor_type.HasField("shape"):
            dims = proto.type.tensor_type.shape.dim
            if len(dims) > MOST_RANK:
                raise OnnxError(f"{self.name!r} has {len(dims)} axes: {MOST_RANK} are the most")
            self.dims = tuple([self._dim(one) for one in dims])

    def _dim(self, proto: Any) -> int | str | None:
        if proto.WhichOneof("value") == "dim_value":
            value = int(proto.dim_value)
            if value > LARGEST:
                raise OnnxError(f"{self.name!r} has a dimension of {value}: it is too large")
            return value if value > 0 else None
        return _text(proto.dim_param) or None


class File:
    """What an ONNX file holds.

    Attributes:
        opset: the version of ONNX's own operators.
        producer: what wrote the file.
        inputs: what has to be given when the model runs.
        outputs: the names of its outputs.
        stored: its weights and constants, by name.
        nodes: its nodes, each after those whose results it needs.
    """

    def __init__(self, proto: Any) -> None:
        graph = proto.graph
        if not graph.node:
            raise OnnxError("there is no model in the file: its graph has no nodes")
        if len(graph.node) > MOST_NODES:
            raise OnnxError(f"the graph has {len(graph.node)} nodes: {MOST_NODES} are the most")
        self.opset = _opset(proto)
        self.producer = f"{proto.producer_name} {proto.producer_version}".strip()[:MOST_TEXT]
        self.stored: dict[str, Stored] = {}
        for one in graph.initializer:
            name = _text(one.name)
            if name in self.stored:
                raise OnnxError(f"two tensors of the file are called {name!r}", rule="name")
            self.stored[name] = Stored(one, name)
        declared = [Declared(one) for one in graph.input]
        _unique([one.name for one in declared], "inputs")
        self.inputs = tuple([one for one in declared if one.name not in self.stored])
        if len(self.inputs) > MOST_INPUTS:
            raise OnnxError(f"the graph has {len(self.inputs)} inputs: {MOST_INPUTS} are the most")
        self.outputs = tuple([_text(one.name) for one in graph.output])
        nodes = [OnnxNode(one, index) for index, one in enumerate(graph.node)]
        functions = {_text(one.name) for one in proto.functions}
        for one in nodes:
            _known_domain(one, functions)
        known = {one.name for one in self.inputs} | self.stored.keys()
        known |= {_text(one.values.name) for one in graph.sparse_initializer}
        self.nodes = _ordered(nodes, known)
        made = known.union(*[one.outputs for one in nodes])
        for name in self.outputs:
            if name not in made:
                raise OnnxError(f"no node gives the output {name!r}", rule="outputs")


def read(source: Any) -> File:
    """An ONNX file, or a ModelProto.

    Args:
        source: a path, or an `onnx.ModelProto`.

    Raises:
        OnnxError: it cannot be read.
        MissingOnnxError: the package `onnx` is not installed.
    """
    proto = _loaded(Path(source)) if isinstance(source, (str, Path)) else source
    if not hasattr(proto, "graph"):
        raise TypeError(f"this is no ONNX model: {source!r}")
    return File(proto)


def _loaded(path: Path) -> Any:
    shown = str(path)
    try:
        known = path.is_file()
        size = path.stat().st_size if known else 0
        data = path.read_bytes() if known and size <= MOST_BYTES else b""
    except OSError as error:
        raise OnnxError(f"{shown!r} cannot be read: {error.strerror}", rule="file") from None
    except ValueError:  # a null character in a path
        raise OnnxError(f"{shown!r} is no path", rule="file") from None
    if not known:
        raise OnnxError(f"there is no file {shown!r}", rule="file")
    if size > MOST_BYTES:
        raise OnnxError(f"{shown!r} has {size} bytes: {MOST_BYTES} are the most", rule="file")
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingOnnxError from None
    from google.protobuf.message import DecodeError

    made = onnx.ModelProto()
    try:
        made.ParseFromString(data)
    except DecodeError:
        raise OnnxError(
            f"{shown!r} is no ONNX file, or a damaged one",
            rule="file",
            hint="Export the model again; a file of Git LFS has to be fetched first.",
        ) from None
    return made


class MissingOnnxError(TraceError):
    """ONNX is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "onnx is not installed", rule="onnx", hint='pip install "deconvcalc[onnx]"'
        )


def _opset(proto: Any) -> int:
    """The version of ONNX's own operators."""
    versions = [int(o.version) for o in proto.opset_import if _text(o.domain) in DOMAINS]
    if not versions:
        raise OnnxError("the file does not say which opset it uses", rule="opset")
    if not 1 <= versions[0] <= NEWEST:
        raise OnnxError(
            f"the file uses opset {versions[0]}: 1 to {NEWEST} are known",
            rule="opset",
            hint="Export the model with an opset that is known.",
        )
    return versions[0]


def _known_domain(node: OnnxNode, functions: set[str]) -> None:
    """Refuse nodes that call functions of the file; other domains are unknown operators."""
    if node.op in functions and node.domain not in DOMAINS:
        raise OnnxError(
            f"{node.shown} calls a function of the file: functions are not read",
            rule="functions",
            hint="Inline them: onnx.inliner.inline_local_functions(model).",
        )


def _ordered(nodes: list[OnnxNode], known: set[str]) -> list[OnnxNode]:
    """The nodes, each after those whose results it needs; a file may list them in any order."""
    makers: dict[str, OnnxNode] = {}
    for node in nodes:
        for name in filter(None, node.outputs):
            if name in makers or name in known:
                raise OnnxError(f"two nodes, or a node and an input, give {name!r}", rule="name")
            makers[name] = node
    for node in nodes:
        for name in filter(None, node.inputs):
            if name not in makers and name not in known:
                raise OnnxError(f"{node.shown} needs {name!r}, which nothing gives", rule="inputs")
    done: set[int] = set()
    made: list[OnnxNode] = []
    for node in nodes:
        _visit(node, makers, done, made)
    return made


def _visit(
    node: OnnxNode, makers: dict[str, OnnxNode], done: set[int], made: list[OnnxNode]
) -> None:
    """Put a node behind all that it needs, without recursion: graphs may be deep."""
    if node.index in done:
        return
    open_: dict[int, Iterator[OnnxNode]] = {node.index: _needs(node, makers)}
    stack = [node]
    while stack:
        top = stack[-1]
        need = next(open_[top.index], None)
        if need is None:
            stack.pop()
            done.add(top.index)
            made.append(top)
            del open_[top.index]
        elif need.index in open_:
            raise OnnxError(f"the graph is cyclic: {need.shown} needs itself", rule="cyclic")
        elif need.index not in done:
            open_[need.index] = _needs(need, makers)
            stack.append(need)


def _needs(node: OnnxNode, makers: dict[str, OnnxNode]) -> Iterator[OnnxNode]:
    return iter([makers[name] for name in node.inputs if name in makers])


def _dims(dims: Sequence[int], name: str) -> tuple[int, ...]:
    found = tuple([int(one) for one in dims])
    if len(found) > MOST_RANK or min(found, default=0) < 0 or prod(found) > LARGEST:
        raise OnnxError(f"the tensor {name!r} declares the dimensions {found[:MOST_RANK]}")
    return found


def _unique(names: list[str], what: str) -> None:
    known: set[str] = set()
    for name in names:
        if name in known:
            raise OnnxError(f"two {what} are called {name!r}", rule="name")
        known.add(name)


def _text(value: Any) -> str:
    """A text of the file, not too long."""
    return str(value)[:MOST_TEXT]
