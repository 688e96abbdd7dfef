"""What a tracer is asked, and what it gives: one model for each way through the code."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from deconvcalc.errors import QueryError
from deconvcalc.model.extents import Extent, variable
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.model.admissible import Region
    from deconvcalc.model.conditions import Condition
    from deconvcalc.model.graph import Model
    from deconvcalc.model.run import Fault

__all__ = ["InputSpec", "Path", "Traced"]


MOST_ELEMENTS = 2**60
"""So many elements an input may have."""


class InputSpec(Value):
    """One input of a model.

    Args:
        name: its name.
        channels: how many channels, or None where it has no channel axis.
        size: its spatial sizes, at which the model is traced first; () for plain features.
        axes: the names of its spatial axes. Axes of one name have one size, in all inputs.

    Raises:
        QueryError: more elements than frameworks count.
    """

    __slots__ = _fields = ("name", "channels", "size", "axes")
    name: str
    channels: int | None
    size: tuple[int, ...]
    axes: tuple[str, ...]

    def __init__(
        self, name: str, channels: int | None, size: Sequence[int], axes: Sequence[str]
    ) -> None:
        elements = prod([integer(one) or 0 for one in (*size, channels or 1)])
        if elements > MOST_ELEMENTS:
            raise QueryError(
                f"the input {name} has too many elements: frameworks count up to 2**60",
                rule="input_size",
                hint="Take smaller sizes.",
            )
        self._set(name=name, channels=channels, size=tuple(size), axes=tuple(axes))

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Its sizes, as functions of themselves."""
        return tuple([variable(name) for name in self.axes])


class Path(Value):
    """One way through a model's code.

    Args:
        model: what is done on this way.
        guards: what sends an input on this way: every comparison of sizes that the code made.
        failed: the error that the code itself raised, which ended the way; or None.
        said: what the framework said about the faults that it met at the traced sizes.
    """

    __slots__ = _fields = ("model", "guards", "failed", "said")
    model: Model
    guards: tuple[Condition, ...]
    failed: str | None
    said: tuple[Fault, ...]

    def __init__(
        self,
        model: Model,
        guards: Sequence[Condition] = (),
        failed: str | None = None,
        said: Sequence[Fault] = (),
    ) -> None:
        self._set(model=model, guards=tuple(guards), failed=failed, said=tuple(said))


class Traced(Value):
    """What a tracer found.

    Args:
        kind: "torch", "keras", "onnx", "spec" or "layers".
        paths: the ways through the code; the first is that of the sizes asked about.
        passed: operations that are not known and were seen to leave sizes alone, by name.
        versions: the versions of what was used.
        warnings: what a reader should know.
        unknown: inputs that no way was found for, as `all_ways` gives them.
    """

    __slots__ = _fields = ("kind", "paths", "passed", "versions", "warnings", "unknown")
    kind: str
    paths: tuple[Path, ...]
    passed: tuple[str, ...]
    versions: dict[str, str]
    warnings: tuple[str, ...]
    unknown: tuple[Region, ...]

    def __init__(
        self,
        kind: str,
        paths: Sequence[Path],
        passed: Sequence[str] = (),
        versions: dict[str, str] | None = None,
        warnings: Sequence[str] = (),
        unknown: Sequence[Region] = (),
    ) -> None:
        self._set(kind=kind, paths=tuple(paths), passed=tuple(passed), versions=versions or {})
        self._set(warnings=tuple(warnings), unknown=tuple(unknown))
