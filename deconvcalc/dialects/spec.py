"""What a dialect is: a table of calls, and how each reads its arguments into a layer.

A dialect names things and refuses what its framework refuses. It imports no framework, and it
knows nothing of the solver but the `Mode`s in which it lets a window be padded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DialectError
from deconvcalc.values import Value, integer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deconvcalc.layers import Layer

__all__ = [
    "CHANNELS",
    "OPEN",
    "REQUIRED",
    "Call",
    "Dialect",
    "Given",
    "Mode",
    "Placed",
    "alike",
    "calls",
    "columns",
    "keywords",
]

Placed = tuple[int, int, int, int, int]
"""A window at one size: kernel, stride, dilation, and the padding or crop before and after."""


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()
"""The default of a parameter that has none."""


class _Open:
    def __repr__(self) -> str:
        return "OPEN"


OPEN: Any = _Open()
"""A count of channels that the text names without a number: sizes do not depend on it."""

CHANNELS = frozenset({"in_channels", "out_channels", "filters", "num_features"})
"""The parameters that may be `OPEN`."""

Parameters = tuple[tuple[str, Any], ...]


class Call(Value):
    """One callable of a framework, for example `nn.Conv2d`.

    Args:
        name: its name.
        axes: its number of spatial axes; None where the size decides.
        parameters: names and defaults, in the framework's order.
        make: what reads the arguments into a layer.
        open_ended: whether further keywords are taken (Keras passes them on).
        positional: how many arguments may stand without their name; None for all.
    """

    __slots__ = ("axes", "make", "name", "open_ended", "parameters", "positional")
    _fields = ("name", "axes", "parameters", "make", "open_ended", "positional")
    name: str
    axes: int | None
    parameters: Parameters
    make: Callable[[Given], Any]
    open_ended: bool
    positional: int | None

    def __init__(
        self,
        name: str,
        axes: int | None,
        parameters: Parameters,
        make: Callable[[Given], Any],
        open_ended: bool = False,
        positional: int | None = None,
    ) -> None:
        self._set(name=name, axes=axes, parameters=parameters, make=make)
        self._set(open_ended=open_ended, positional=positional)


class Mode(Value):
    """One way in which a dialect lets a window be padded, or a transposed window be cropped.

    Args:
        name: as the framework spells it.
        kind: "free": any padding on both sides, the crop after a transposed window less by an
            output_padding; "none": no padding; "same": TensorFlow's rule, which for a transposed
            window keeps w elements of the last step, 1 <= w <= stride.
        bit: its bit in a mask of modes.
        text: the argument that asks for it, where it has a word ("same", "valid").
        half: whether the padding is at most half of the undilated kernel.
        lax: whether the output_padding may reach the dilation (torch), not only the stride.
        unit_stride: whether it needs a stride of 1.
        asked: whether it is searched only when it is asked for by name.
        extra: for a transposed window, whether its output_padding is a number (not None).
        axes: the only number of axes that it has, or None.
        fits_3d: whether with three axes the window must fit into the input without its padding.
    """

    __slots__ = (
        "asked",
        "axes",
        "bit",
        "extra",
        "fits_3d",
        "half",
        "kind",
        "lax",
        "name",
        "text",
        "unit_stride",
    )
    _fields = (
        "name",
        "kind",
        "bit",
        "text",
        "half",
        "lax",
        "unit_stride",
        "asked",
        "extra",
        "axes",
        "fits_3d",
    )
    name: str
    kind: str
    bit: int
    text: str | None
    half: bool
    lax: bool
    unit_stride: bool
    asked: bool
    extra: bool
    axes: int | None
    fits_3d: bool

    def __init__(
        self,
        name: str,
        kind: str,
        bit: int,
        *,
        text: str | None = None,
        half: bool = False,
        lax: bool = False,
        unit_stride: bool = False,
        asked: bool = False,
        extra: bool = True,
        axes: int | None = None,
        fits_3d: bool = False,
    ) -> None:
        self._set(name=name, kind=kind, bit=bit, text=text, half=half, lax=lax)
        self._set(unit_stride=unit_stride, asked=asked, extra=extra, axes=axes, fits_3d=fits_3d)


class Dialect(Value):
    """The names, defaults and rules of one framework.

    Args:
        name: its short name, as on the command line.
        title: its name for people.
        prefixes: the modules whose attributes are its calls: "nn" in `nn.Conv2d`.
        modes: for each operation of the solver, the ways to pad, the shortest to write first.
        stride_with_dilation: whether a layer may have both above 1 (on any axes).
        pool_dilation: whether a max pool may be dilated.
        channels_last: whether the channels stand behind the sizes, or before them.
        spell: writes windows, one per axis, as the keyword arguments of a mode, without defaults.
    """

    __slots__ = (
        "channels_last",
        "modes",
        "name",
        "pool_dilation",
        "prefixes",
        "spell",
        "stride_with_dilation",
        "title",
    )
    _fields = (
        "name",
        "title",
        "prefixes",
        "modes",
        "stride_with_dilation",
        "pool_dilation",
        "channels_last",
        "spell",
    )
    name: str
    title: str
    prefixes: frozenset[str]
    modes: Mapping[str, tuple[Mode, ...]]
    stride_with_dilation: bool
    pool_dilation: bool
    channels_last: bool
    spell: Callable[[str, tuple[Placed, ...], Mode], dict[str, Any]]

    def __init__(
        self,
        *,
        name: str,
        title: str,
        prefixes: frozenset[str],
        modes: Mapping[str, tuple[Mode, ...]],
        stride_with_dilation: bool,
        pool_dilation: bool,
        channels_last: bool,
        spell: Callable[[str, tuple[Placed, ...], Mode], dict[str, Any]],
    ) -> None:
        self._set(name=name, title=title, prefixes=prefixes, modes=modes)
        self._set(stride_with_dilation=stride_with_dilation, pool_dilation=pool_dilation)
        self._set(channels_last=channels_last, spell=spell)

    @property
    def calls(self) -> Mapping[str, Call]:
        """Its calls by name. The tables are large, and only text needs them."""
        module = import_module(f"deconvcalc.dialects.{self.name}_calls")
        table: Mapping[str, Call] = module.CALLS
        return table


class Given:
    """The arguments of one call, bound to its parameters, with readers that check them."""

    def __init__(self, call: Call, values: Mapping[str, Any]) -> None:
        self.call = call
        self.values = values

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def axes(self) -> int:
        """The number of spatial axes of the call."""
        return self.call.axes or 1

    def refuse(self, name: str, need: str) -> DialectError:
        """The error that says what a parameter must be."""
        return DialectError(f"{self.call.name}: {name} {need}, not {self[name]!r}", rule=name)

    def whole(self, name: str, least: int) -> int:
        """A plain int."""
        number = integer(self[name])
        if number is None or number < least:
            raise self.refuse(name, f"must be an int of at least {least}")
        return number

    def channels(self, name: str) -> int | None:
        """A count of channels; None where it is left open."""
        return None if self[name] is OPEN else self.whole(name, 1)

    def flag(self, name: str) -> bool:
        """A bool."""
        if not isinstance(self[name], bool):
            raise self.refuse(name, "must be True or False")
        return bool(self[name])

    def word(self, name: str, words: tuple[str, ...]) -> str:
        """One of some words."""
        if self[name] not in words:
            raise self.refuse(name, "must be one of " + ", ".join(map(repr, words)))
        return str(self[name])

    def each(self, name: str, least: int, *, single: bool = False) -> tuple[int, ...]:
        """One int per axis, from an int or a sequence of them.

        `single` lets a sequence of one stand for all axes.
        """
        value = self[name]
        items = value if isinstance(value, (tuple, list)) else (value,) * self.axes
        if single and len(items) == 1:
            items = tuple(items) * self.axes
        numbers = [integer(item) for item in items]
        whole = tuple([number for number in numbers if number is not None and number >= least])
        if len(whole) != len(items) or len(items) != self.axes:
            need = f"must be an int of at least {least}"
            raise self.refuse(
                name, need if self.axes == 1 else f"{need}, or a tuple of {self.axes}"
            )
        return whole


def calls(
    base: str, ranks: str, parameters: Parameters, make: Callable[[Given], Layer], **options: Any
) -> dict[str, Call]:
    """The calls that differ in their number of axes alone: Conv1d, Conv2d, Conv3d.

    `base` has a `{}` where the rank stands; `ranks` are the ranks with their letter, "1d 2d 3d".
    """
    made = {}
    for rank in ranks.split():
        name = base.format(rank)
        made[name] = Call(name, int(rank[0]), parameters, make, **options)
    return made


def alike(values: Sequence[Any]) -> Any:
    """One value where all axes have the same, else a tuple."""
    first = values[0]
    return first if values.count(first) == len(values) else tuple(values)


def columns(windows: tuple[Placed, ...]) -> tuple[Any, ...]:
    """The five numbers of the windows, each as one value where all axes have the same."""
    first = windows[0]
    if windows.count(first) == len(windows):
        return first
    return tuple([alike(column) for column in zip(*windows, strict=True)])


def keywords(*given: tuple[str, Any, Any]) -> dict[str, Any]:
    """The arguments that differ from their defaults, of (name, value, default)."""
    return {name: value for name, value, default in given if value != default}
