"""Keras's own graph of a model: all that is private in Keras is read here, and nowhere else.

A `KerasTensor` knows the operation that gave it (`_keras_history`), an operation knows its calls
(`_inbound_nodes`), and a call knows its arguments and outputs. Layers that are no graph themselves
(subclassed models, custom layers) are opened: their code is called on fresh symbolic tensors.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import TraceError
from deconvcalc.tracing.where import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "Reads",
    "arguments",
    "calls",
    "first_line",
    "function_of",
    "input_name",
    "opened",
    "untouched",
]

PACKAGES = ("keras", "tensorflow", "torch", "jax", "numpy", "tree", "optree")
"""Whose own code may ask a tensor for its shape."""


class Reads:
    """Where the model's own Python code read a size that varies, as "file.py:12".

    Keras gives None for such a size. What the code then computes or decides cannot be followed.
    """

    def __init__(self) -> None:
        self.places: list[str] = []

    def note(self, frame: Any) -> None:
        """Remember the line of the model's own code that led to a frame."""
        own = frame
        while own is not None and _package(own) in PACKAGES:
            own = own.f_back
        own = own or frame
        place = f"{short(own.f_code.co_filename)}:{own.f_lineno}"
        if place not in self.places:
            self.places.append(place)

    @contextmanager
    def watching(self, varies: Callable[[int, Any, int], bool]) -> Iterator[None]:
        """Watch who asks symbolic tensors for their sizes, until the block ends.

        Args:
            varies: whether a size matters, by its axis, the size and the number of axes.
        """
        import keras

        kind: Any = keras.KerasTensor
        original = kind.shape
        watched = _watched(self, varies)

        def shape(tensor: Any) -> Any:
            sizes = original.fget(tensor)
            return watched(sizes) if _asked_by_model(sys._getframe(1)) else sizes

        kind.shape = property(shape, original.fset)
        try:
            yield
        finally:
            kind.shape = original


def _watched(reads: Reads, varies: Callable[[int, Any, int], bool]) -> type[tuple[Any, ...]]:
    """The shapes that tell who reads from them: tuples, as Keras's are."""

    def noted(shape: tuple[Any, ...], axes: Iterable[int]) -> None:
        for axis in axes:
            if varies(axis, tuple.__getitem__(shape, axis), len(shape)):
                reads.note(sys._getframe(2))

    def item(shape: tuple[Any, ...], key: Any) -> Any:
        picked = range(len(shape))[key]
        noted(shape, picked if isinstance(picked, range) else (picked,))
        return tuple.__getitem__(shape, key)

    def whole(name: str) -> Callable[..., Any]:
        plain = getattr(tuple, name)

        def method(shape: tuple[Any, ...], *others: Any) -> Any:
            noted(shape, range(len(shape)))
            return plain(shape, *others)

        return method

    methods = {name: whole(name) for name in WHOLE}
    return type("Watched", (tuple,), {"__getitem__": item, **methods})


WHOLE = (
    *("__iter__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__"),
    *("__add__", "__mul__", "__rmul__", "__contains__", "count", "index"),
)
"""What reads all of a tuple at once."""


def _package(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _asked_by_model(frame: Any) -> bool:
    """Whether the model's own code asks for a shape, by itself or by `ops.shape`."""
    if frame.f_code.co_name in ("shape", "int_shape") and _package(frame) == "keras":
        frame = frame.f_back
    return _package(frame) not in PACKAGES


def function_of(operation: Any) -> Any:
    """The graph that a model is: a functional one itself, that of a built `Sequential`; or None."""
    import keras

    if not isinstance(operation, (keras.Model, keras.Function)):
        return None
    if isinstance(operation, keras.Function):
        own = type(operation).call
        return operation if _is_keras(own) else None
    inner = getattr(operation, "_functional", None)
    return inner if isinstance(operation, keras.Sequential) else None


def input_name(tensor: Any) -> str:
    """The name of an input, as Keras's own table of a model has it."""
    layer = getattr(getattr(tensor, "_keras_history", None), "operation", None)
    return str(getattr(layer, "name", tensor.name))


def _is_keras(function: Any) -> bool:
    return getattr(function, "__module__", "").partition(".")[0] == "keras"


def calls(inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """The calls from inputs to outputs, each after those that it needs.

    Raises:
        TraceError: outputs that do not come from the inputs, or another Keras than is known.
    """
    done = {id(tensor) for tensor in inputs}
    found: list[Any] = []
    todo = [(tensor, False) for tensor in reversed(outputs)]
    while todo:
        tensor, ready = todo.pop()
        if id(tensor) in done:
            continue
        node = _maker(tensor)
        if ready:
            found.append(node)
            done.update(map(id, node.outputs))
        else:
            todo.append((tensor, True))
            todo += [(source, False) for source in reversed(node.arguments.keras_tensors)]
    return found


def _maker(tensor: Any) -> Any:
    try:
        history = tensor._keras_history
        operation = history.operation
        node = operation._inbound_nodes[history.node_index] if operation is not None else None
        made = None if node is None else (node.arguments.keras_tensors, node.outputs)
    except (AttributeError, IndexError):
        from importlib.metadata import version

        raise TraceError(
            f"Keras {version('keras')} keeps its graph elsewhere than is known here",
            rule="version",
            hint="Take the version of Keras that the documentation names.",
        ) from None
    if made is None or not made[0]:
        raise TraceError(
            f"{getattr(tensor, 'name', tensor)} does not come from the inputs of the model",
            rule="graph",
        )
    return node


def arguments(node: Any, views: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a call was given, with what stands for each tensor put in its place."""
    args, kwargs = node.arguments.convert(lambda value: views.get(id(value), value))
    return args, kwargs


def opened(layer: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What the code of a layer gives for symbolic tensors: a graph of the layers that it calls.

    Args:
        layer: the layer.
        args: what it is called with, symbolic tensors among it.
        kwargs: the same, by name.

    Raises:
        Exception: whatever the code raises.
    """
    known = inspect.signature(layer.call).parameters
    given = {name: value for name, value in kwargs.items() if value is not None}
    if "training" in known:
        given["training"] = False
    with warnings.catch_warnings(action="ignore"):  # about what the code does, not about sizes
        return layer.call(*args, **given)


@contextmanager
def untouched(operations: Sequence[Any]) -> Iterator[None]:
    """Forget, at the end of the block, the symbolic calls that were made in it.

    So a model's layers have the inputs and outputs that they had.
    """
    layers = [layer for one in operations for layer in _with_inner(one)]
    kept = [
        (nodes, len(nodes))
        for layer in layers
        for nodes in (layer._inbound_nodes, layer._outbound_nodes)
    ]
    try:
        yield
    finally:
        for nodes, count in kept:
            del nodes[count:]


def _with_inner(operation: Any) -> list[Any]:
    """An operation, the layers in it, and the operations of those that are graphs."""
    inner = getattr(operation, "_flatten_layers", None)
    layers = [operation] if inner is None else list(inner())
    return layers + [one for layer in layers for one in getattr(layer, "_operations", ())]


def first_line(error: BaseException) -> str:
    """What an error of Keras says, without its colours and its list of arguments."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = re.split(r"\n\s*Arguments received by", text)[0]
    text = text.rpartition("Error encountered:")[2]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0].startswith("Exception encountered when calling") and len(lines) > 1:
        del lines[0]
    return (lines[0] if lines else type(error).__name__)[:LONGEST]


LONGEST = 400
