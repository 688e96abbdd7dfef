"""Keras models, live or in `.keras` files, as models of exact sizes.

Keras's own graph is walked: that of a functional or Sequential model, and that which the code of a
subclassed model gives for symbolic inputs. Nothing runs on data. Source: Keras 3.15, whose sizes
are those of the dialect.
"""

from __future__ import annotations

import inspect
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError, QueryError, TraceError
from deconvcalc.model import Condition
from deconvcalc.tracing.keras_files import forget
from deconvcalc.tracing.keras_files import live as live_model
from deconvcalc.tracing.keras_graph import Reads, first_line, function_of, opened, untouched
from deconvcalc.tracing.keras_inputs import channel_place, channels_first, inputs_of, without
from deconvcalc.tracing.keras_views import Build, View
from deconvcalc.tracing.keras_walk import check_assumed, walk
from deconvcalc.tracing.loading import RAISED
from deconvcalc.tracing.path import InputSpec, Path, Traced
from deconvcalc.tracing.where import raised_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


__all__ = ["inputs_of", "traced"]


def traced(
    model_like: Any,
    inputs: Sequence[InputSpec] | None = None,
    *,
    assume: Mapping[str, str] | None = None,
    most_ways: int = 1,  # noqa: ARG001 - a graph of Keras is one way through the code
    seconds: float = 60.0,  # noqa: ARG001
) -> Traced:
    """A Keras model as a model of exact sizes.

    Args:
        model_like: a Keras model or layer, or the path of a `.keras` file.
        inputs: its inputs, by default as Keras knows them.
        assume: what unknown operations do, by their names: "same" leaves sizes alone.
        most_ways: as for the other tracers; a graph of Keras is one way.
        seconds: as for the other tracers.

    Raises:
        QueryError: inputs that the model does not have.
        UnknownOperationError: an operation that is not known, and may change sizes.
        TraceError: a model that cannot be read, or whose code raises.
    """
    import keras

    assumed = dict(assume or {})
    check_assumed(assumed)
    live = live_model(model_like)
    forget()
    specs = tuple(inputs) if inputs is not None else inputs_of(live)
    build = Build(assumed, channels_first=channels_first(live))
    with untouched([live]):
        function = function_of(live)
        if function is not None:
            given, wanted = function.inputs, function.outputs
        else:
            given, wanted = _graph_of(live, specs)
        if len(given) != len(specs):
            raise QueryError(f"the model has {len(given)} inputs, not {len(specs)}", rule="inputs")
        fixes = isinstance(live, keras.Function)
        views = [
            _input(build, spec, tensor, fixes=fixes)
            for spec, tensor in zip(specs, given, strict=True)
        ]
        results = walk(build, given, wanted, views)
    build.model.output(*[view.node for view in results])
    for name in assumed.keys() - build.asked:
        build.warnings.append(f"assume names {name}, which is no unknown operation here")
    return Traced("keras", [Path(build.model)], build.passed, _versions(), build.warnings)


def _input(build: Build, spec: InputSpec, tensor: Any, *, fixes: bool) -> View:
    """The node of an input, with what a functional model asks of it."""
    shape = tuple(tensor.shape[1:])
    channel = None if spec.channels is None else channel_place(shape, build.channels_first)
    if len(spec.axes) + (channel is not None) != len(shape):
        raise QueryError(
            f"{spec.name} has {len(shape) - (channel is not None)} spatial axes, not "
            f"{len(spec.axes)}",
            rule="input_size",
            hint="Give the spatial sizes alone, without batch and channels.",
        )
    node = build.model.input(spec.name, channels=spec.channels, axes=spec.axes)
    view = View(node, channel)
    if not fixes:
        return view
    sizes = without(shape, channel)
    asked = [
        Condition(size, "==", wanted, f"the model is built for a size of {wanted}", axis)
        for axis, (size, wanted) in enumerate(zip(node.shape.extents, sizes, strict=True))
        if wanted is not None
    ]
    if asked:
        node.conditions = (*node.conditions, *asked)
        build.pinned |= {name for one in asked for name in one.variables}
        text = "x".join(["any" if one is None else str(one) for one in sizes])
        node.remark = f"the model refuses other sizes than {text}"
        build.warnings.append(
            f"{spec.name}: the model is built for {text} and refuses other sizes when it is "
            "called; with None in its Input it may take more"
        )
    return view


# Models that are no graph yet.


def _graph_of(live: Any, specs: Sequence[InputSpec]) -> tuple[list[Any], list[Any]]:
    """The graph that the code of a model gives for symbolic inputs.

    It is called with open sizes. Where layers need to know a size, as a Dense behind a Flatten
    does, it is called with those asked about, and its code may not look at them.
    """
    import keras

    if not isinstance(live, keras.Layer):
        raise TypeError(f"{live!r} is no Keras model")
    first = channels_first(live)
    faults = []
    for exact in (False, True):
        tensors = [_symbolic(spec, exact=exact, first=first) for spec in specs]
        reads = Reads()
        varies = _varying(first) if exact else _open
        try:
            with _named_errors(live):
                _build(live, tensors)
            with reads.watching(varies), _named_errors(live):
                outputs = keras.tree.flatten(_call(live, tensors))
        except TraceError as error:
            faults.append((error, reads))
            continue
        if reads.places:
            raise _reading(live, reads)
        if not all(isinstance(one, keras.KerasTensor) for one in outputs):
            raise TraceError(
                f"{live.name} gives something else than symbolic tensors", rule="model"
            )
        return tensors, outputs
    for _, reads in faults:
        if reads.places:
            raise _reading(live, reads)
    raise faults[-1][0]


def _open(_axis: int, size: Any, _rank: int) -> bool:
    return size is None


def _varying(first: bool) -> Any:
    """Whether an axis of a tensor of plain sizes may vary: neither batch nor channels."""
    return lambda axis, _size, rank: axis not in (0, 1 if first else rank - 1)


def _reading(live: Any, reads: Reads) -> DeconvcalcError:
    return TraceError(
        f"{live.name}: its code reads a size at {', '.join(reads.places[:3])}, which Keras does "
        "not know before the model runs; what it does with it cannot be followed",
        rule="size",
        hint="Build the model without asking for spatial sizes (Resizing, Cropping2D, "
        "ZeroPadding2D), or trace its parts.",
    )


def _symbolic(spec: InputSpec, *, exact: bool, first: bool) -> Any:
    """A symbolic input. The batch is 1: code may ask for it."""
    import keras

    sizes: list[int | None] = list(spec.size) if exact else [None] * len(spec.size)
    if spec.channels is not None:
        sizes.insert(0 if first and sizes else len(sizes), spec.channels)
    return keras.Input(batch_shape=(1, *sizes), name=spec.name)


def _build(live: Any, tensors: Sequence[Any]) -> None:
    """Call a model in Keras's way, which builds its layers."""
    import keras

    if not isinstance(live, keras.Sequential):
        with warnings.catch_warnings(action="ignore"):  # Keras warns where its own build gives up
            live(*_handed(live, tensors))


def _call(live: Any, tensors: Sequence[Any]) -> Any:
    """The code of a model on symbolic tensors; a Sequential model's layers one by one."""
    import keras

    if isinstance(live, keras.Sequential):
        (made,) = tensors
        for layer in live.layers:
            made = layer(made)
        return made
    own = type(live).call.__module__.partition(".")[0] != "keras"
    return opened(live, _handed(live, tensors), {}) if own else live(*_handed(live, tensors))


def _handed(live: Any, tensors: Sequence[Any]) -> tuple[Any, ...]:
    """The inputs as the code takes them: one by one, or as a list."""
    if len(tensors) == 1:
        return tuple(tensors)
    needed = [
        one
        for one in inspect.signature(live.call).parameters.values()
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) and one.default is one.empty
    ]
    return tuple(tensors) if len(needed) == len(tensors) else ([*tensors],)


@contextmanager
def _named_errors(live: Any) -> Iterator[None]:
    """What the code of a model raises, with the model's name."""
    try:
        yield
    except DeconvcalcError:
        raise
    except Exception as error:
        at = raised_at(error)
        where = f"{at}: " if at else ""
        raise TraceError(
            f"{where}{live.name} cannot be called on a symbolic input: {first_line(error)}",
            rule=RAISED,
            hint="Check the channels and the size, and that it is built as it is called.",
        ) from error


def _versions() -> dict[str, str]:
    """The versions of Keras and of its backend."""
    from importlib.metadata import PackageNotFoundError, version

    import keras

    backend = keras.config.backend()
    found = {"keras": keras.__version__}
    try:
        found[backend] = version(backend)
    except PackageNotFoundError:  # a backend under another name, such as tensorflow-cpu
        found[backend] = "unknown"
    return found
