"""What an assertion is about: a layer, layers, pasted code or a model, traced where it is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deconvcalc.checkers.live import runs_in
from deconvcalc.errors import DeconvcalcError, QueryError, SizeError
from deconvcalc.layers import Layer
from deconvcalc.model.operations import Given
from deconvcalc.tracing.loading import raised
from deconvcalc.tracing.path import Path, Traced
from deconvcalc.tracing.trace import Trace, trace
from deconvcalc.values import LARGEST, integer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deconvcalc.model.graph import Node
    from deconvcalc.sets import Sizes

__all__ = ["Subject", "read_size", "size_text"]

MOST_KEPT = 64
"""The traces of a model at so many inputs are kept."""

PROBE = 64
"""Where no size is named, a model is traced at one near this."""

_SIZE = re.compile(r"\d{1,30}(?:\s*[xX×]\s*\d{1,30}){0,2}", re.ASCII)


class Subject:
    """What an assertion is about.

    It is traced when it is first asked; a way through a model's code is traced once.

    Args:
        model: whatever `dc.trace` takes, or a `Trace`.
        channels: of its input; for several inputs a dict by their names.
        assume: what unknown operations do, by their names.
        found: a trace of it, where there is one already.

    >>> import deconvcalc as dc
    >>> Subject(dc.ConvTranspose(6, stride=2)).at(28).rows[-1].size
    (60, 60)
    """

    def __init__(
        self,
        model: Any,
        *,
        channels: Any = None,
        assume: Mapping[str, str] | None = None,
        found: Trace | None = None,
    ) -> None:
        self.model = model
        self.channels = _channels_of(model) if channels is None else channels
        self.assume = dict(assume or {})
        known = model if isinstance(model, Trace) else found
        self._traces: list[Trace] = [] if known is None else [known]
        self._at: dict[Any, Trace] = {}

    def at(self, size: Any) -> Trace:
        """The model at an input.

        Args:
            size: an int for all axes, a tuple of one per axis, or a dict: by the names of inputs,
                or of axes.

        Raises:
            DeconvcalcError: the model cannot be traced, or has other axes.
        """
        key = _key(size)
        if key not in self._at:
            if len(self._at) >= MOST_KEPT:
                del self._at[next(iter(self._at))]
            self._at[key] = self._found(size)
        return self._at[key]

    def anywhere(self, near: Mapping[str, Sizes] | Sizes | None = None) -> Trace:
        """The model at some input; of one that some sizes are meant for, at one of those.

        Args:
            near: sizes, for all axes or by their names.
        """
        if self._traces:
            return self._traces[0]
        held = [near] if near is not None and not hasattr(near, "values") else []
        held += list(near.values()) if near is not None and hasattr(near, "values") else []
        found = PROBE
        for one in held[:1]:
            below, above = one.nearest(PROBE)
            found = above or below or PROBE
        return self.at(found)

    def running(self) -> Trace:
        """The model at some input that it runs on, if there is one near."""
        found = self.anywhere()
        if found.ok or not found.model.variables:
            return found
        below, above = found.nearest
        near = above or below
        return (
            found if near is None else self.at(dict(zip(found.model.variables, near, strict=True)))
        )

    def _found(self, size: Any) -> Trace:
        for one in self._traces:
            try:
                point = self._point(one, size)
            except SizeError:  # layers that take any number of axes may be asked with another
                continue
            size = _of_inputs(one, point)
            there = one if point == one.point else None
            if there is None and not _is_settled(one):
                there = _moved(one, point)
            if there is not None:
                return there
        if isinstance(self.model, Trace):  # there is no model to trace again
            one = self.model
            raise QueryError(
                f"the trace does not cover the input {size_text(size)}",
                rule="input",
                hint="Give the model itself.",
            )
        made = self._traced(size)
        self._traces = [*self._traces[: MOST_KEPT - 1], made]
        return made

    def _traced(self, size: Any) -> Trace:
        if not runs_in(self.model):
            return trace(self.model, size, channels=self.channels, assume=self.assume)
        try:
            return trace(self.model, size, channels=self.channels, assume=self.assume)
        except (DeconvcalcError, ImportError):
            raise
        except (Exception, SystemExit) as error:  # it is the user's own code: whatever it raises
            raise raised(error, "the model") from error

    def _point(self, one: Trace, size: Any) -> dict[str, int]:
        """The sizes of all axes, by name; inputs may be named instead of their axes."""
        if not one.model.variables:
            several = size.values() if isinstance(size, dict) else (size,)
            if all(isinstance(each, int) or not each for each in several):  # for all of no axes
                return {}
            raise SizeError(
                f"the input has no spatial axis: the size {size_text(size)} is given",
                rule="axes",
                hint="Give none: input = [].",
            )
        if not isinstance(size, dict):
            inputs = [node for node in one.model.inputs if node.shape.extents]
            if not isinstance(size, (tuple, list)) or len(size) == len(one.model.variables):
                return one.model.point(size)
            if len(inputs) > 1 and all(len(n.shape.extents) == len(size) for n in inputs):
                return _by_inputs(inputs, {node.name: size for node in inputs})
            return one.model.point(size)
        names = {node.name for node in one.model.inputs}
        if size and set(size) <= names and not set(size) <= set(one.model.variables):
            return one.model.point(_by_inputs(one.model.inputs, size))
        return one.model.point(size)


def _channels_of(model: Any) -> int | None:
    """The channels that the first of some layers wants, if it says."""
    for layer in model if isinstance(model, (list, tuple)) else (model,):
        if not isinstance(layer, Layer):
            return None
        wanted: int | None = getattr(layer, "in_channels", getattr(layer, "in_features", None))
        if wanted is not None or getattr(layer, "out_channels", None) is not None:
            return wanted
    return None


def _by_inputs(inputs: list[Node], sizes: Mapping[str, Any]) -> dict[str, int]:
    """The sizes of axes, from those of inputs.

    Raises:
        SizeError: an input without a size, or one for other axes than it has.
    """
    found: dict[str, int] = {}
    for node in inputs:
        names = [next(iter(extent.variables)) for extent in node.shape.extents]
        if not names:
            continue
        if node.name not in sizes:
            raise SizeError(f"the size of the input {node.name!r} is not given", rule="input")
        given = sizes[node.name]
        several = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(names)
        if len(several) != len(names):
            raise SizeError(
                f"the input {node.name!r} has the axes {', '.join(names)}: {len(several)} sizes "
                "are given",
                rule="axes",
            )
        for name, one in zip(names, several, strict=True):
            if found.setdefault(name, one) != one:
                raise SizeError(
                    f"axis {name} has one size in all inputs: it cannot be {found[name]} and {one}",
                    rule="axes",
                )
    return found


def _of_inputs(one: Trace, point: Mapping[str, int]) -> Any:
    """A point as `trace` is asked for it: a size per axis, or by the names of several inputs."""
    inputs = one.model.inputs
    sizes = {
        node.name: tuple([extent.at(point) for extent in node.shape.extents]) for node in inputs
    }
    return sizes if len(inputs) > 1 else next(iter(sizes.values()), None)


def _is_settled(one: Trace) -> bool:
    """Whether a node holds a layer as it is at the traced sizes alone, for its cost and field."""
    return any(
        isinstance(node.operation, Given) and node.operation.layer is not None
        for path in one.traced.paths
        for node in path.model.nodes
    )


def _moved(one: Trace, point: dict[str, int]) -> Trace | None:
    """The same model at another input, on the way that this one takes; None where none is known."""
    paths = one.traced.paths
    for path in paths:
        if all(guard.holds(point) for guard in path.guards):
            others = [other for other in paths if other is not path]
            # What the framework said was said of the sizes that the way was traced at.
            here = Path(path.model, path.guards, path.failed)
            old = one.traced
            facts = (old.passed, old.versions, old.warnings, old.unknown)
            return Trace(Traced(old.kind, [here, *others], *facts), point)
    return None


def _key(size: Any) -> Any:
    if isinstance(size, dict):
        return tuple(sorted([(name, _key(one)) for name, one in size.items()]))
    return tuple(size) if isinstance(size, list) else size


def read_size(value: Any, name: str = "input") -> Any:
    """A size as files and Python have it: an int, a tuple of one per axis, or a dict of such.

    Args:
        value: an int, a list or tuple, text such as "28x30", or a dict of them by names.
        name: what it is, for errors.

    Raises:
        QueryError: it is none.

    >>> read_size("28x30"), read_size([28, 30]), read_size({"image": 28})
    ((28, 30), (28, 30), {'image': 28})
    """
    if isinstance(value, dict):
        return {key: read_size(one, f"{name}.{key}") for key, one in value.items()}
    if isinstance(value, str):
        if not _SIZE.fullmatch(value.strip()):
            raise QueryError(
                f"{name}: {value[:40]!r} is no size", rule=name, hint='Write 28 or "28x30".'
            )
        numbers = [int(part) for part in re.split("[xX×]", value)]
        value = numbers if len(numbers) > 1 else numbers[0]
    if isinstance(value, (list, tuple)):
        return tuple([_size(one, name) for one in value])
    return _size(value, name)


def _size(value: Any, name: str) -> int:
    number = integer(value)
    if number is None or isinstance(value, str) or not 1 <= number <= LARGEST:
        shown = f"{value!r}"[:40]
        raise QueryError(
            f"{name}: a size is a number from 1 to 10**18, not {shown}",
            rule=name,
            hint='Write 28, "28x30", or one size per axis in a list.',
        )
    return number


def size_text(size: Any) -> str:
    """A size as it is typed.

    >>> size_text(28), size_text((28, 30)), size_text({"h": 28, "w": 30}), size_text(())
    ('28', '28x30', 'h 28, w 30', 'no axis')
    """
    if isinstance(size, dict):
        return ", ".join([f"{name} {size_text(one)}" for name, one in size.items()])
    if isinstance(size, (tuple, list)):
        return "x".join(map(str, size)) or "no axis"
    return str(size)
