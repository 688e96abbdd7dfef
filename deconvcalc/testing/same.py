"""Whether two layers, stacks or live models give the same numbers."""

from __future__ import annotations

from math import lcm, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deconvcalc.assertions.outcome import Outcome
from deconvcalc.checkers.problem import AXES, CHANNELS, Problem
from deconvcalc.checkers.verdict import TOLERANCE
from deconvcalc.derivation import derive
from deconvcalc.errors import QueryError, SizeError
from deconvcalc.layers import Layer
from deconvcalc.layers.stacks import compose
from deconvcalc.sets import accepted, agreement
from deconvcalc.testing.live import Live, home
from deconvcalc.translation.weights import block
from deconvcalc.values import integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from deconvcalc.sets import Sizes

    Array = NDArray[Any]

__all__ = ["Asked", "compared"]

TRIED = 16
"""At how many sizes values are compared where none are given."""

FARTHEST = 4_096
"""Up to where such sizes are looked for."""

DRAWS = 3
"""How often weights and inputs are drawn at a size: two pools may agree on some numbers."""

LOOSE = 10 * TOLERANCE["float32"]
"""Whole models add up more than a layer does, in another order."""


class Asked(NamedTuple):
    """How values are compared.

    Attributes:
        sizes: one size, several, or None: those that both take.
        channels: what goes in and comes out of layers, or goes into models; None for their own.
        tolerance: how far values may lie apart, as a part of the largest; None for the usual.
        seed: of the weights and the input.
    """

    sizes: Any = None
    channels: Any = None
    tolerance: float | None = None
    seed: int = 0

    def allowed(self, usual: float) -> float:
        """The tolerance, or the usual one."""
        return usual if self.tolerance is None else self.tolerance

    def listed(self) -> list[Any] | None:
        """The sizes as a list: an int or a tuple is one size."""
        if self.sizes is None:
            return None
        single = integer(self.sizes) is not None or isinstance(self.sizes, (tuple, dict))
        found = [self.sizes] if single else list(self.sizes)
        if not found:
            raise QueryError(
                "there is no size to compare at", rule="sizes", hint="Give one, or leave sizes out."
            )
        return found


class Difference(NamedTuple):
    """What differs between two, and for which sizes nothing does."""

    got: str
    why: tuple[str, ...] = ()
    nearest: str = ""
    hint: str | None = None


def compared(a: Any, b: Any, asked: Asked, *, where: str | None = None) -> Outcome:
    """Whether two give the same numbers.

    Args:
        a: a layer, layers, their text, a torch module, a Keras model or an ONNX file.
        b: what it is compared with.
        asked: how.
        where: the file and the line that ask.

    Raises:
        QueryError: a live model and one without weights; no size for live models.
        TypeError: something that has no values.
    """
    one, other = _read(a), _read(b)
    if isinstance(one, _Stack) and isinstance(other, _Stack):
        found = _of_stacks(one, other, asked)
    elif isinstance(one, Live) and isinstance(other, Live):
        found = _of_live(one, other, asked)
    else:
        live, bare = (one, other) if isinstance(one, Live) else (other, one)
        raise QueryError(
            f"{live} has weights, and {bare} has none: values cannot be compared",
            rule="model",
            hint="Give two live models, or two layers as text or as deconvcalc has them.",
        )
    names, expected = f"{one} and {other}", "the same numbers"
    if found is None:
        return Outcome(names, "same", "passed", expected=expected, got=expected, where=where)
    return Outcome(
        names,
        "same",
        "failed",
        expected=expected,
        got=found.got,
        derivation=found.why,
        nearest=(found.nearest,) if found.nearest else (),
        hint=found.hint,
        where=where,
    )


def _read(value: Any) -> _Stack | Live:
    if isinstance(value, Layer):
        return _Stack([value], repr(value))
    if isinstance(value, str) and not value.endswith(".onnx"):
        from deconvcalc.notation import parse_model

        chain = [one.layer for one in parse_model(value)]
        layers = [layer for layer in chain if layer is not None]
        if len(layers) < len(chain) or not layers:
            raise TypeError(f"{value!r} is no chain of layers whose values are known")
        return _Stack(layers, " ".join(value.split()))
    kind = "onnx" if isinstance(value, (str, Path)) else home(value)
    if kind is not None:
        return Live(kind, value)
    listed = getattr(value, "layers", value)  # of an answer
    if isinstance(listed, (list, tuple)) and listed and all(map(_is_layer, listed)):
        return _Stack(listed, ", ".join(map(repr, listed)))
    raise TypeError(
        f"{value!r} has no values: give a layer, a list of layers, their text, a torch module, "
        "a Keras model or an ONNX file"
    )


def _is_layer(value: Any) -> bool:
    return isinstance(value, Layer)


# Layers: both sides get the same random weights.


class _Stack:
    """Layers one after the other."""

    def __init__(self, layers: Sequence[Layer], text: str) -> None:
        self.layers, self.text = tuple(layers), text

    def __str__(self) -> str:
        return self.text

    def size(self, size: Any) -> Any:
        """The output size, or None where a layer refuses."""
        try:
            for layer in self.layers:
                size = layer.output_size(size)
        except SizeError:
            return None
        return size

    @property
    def couples(self) -> bool:
        """Whether a layer joins its axes."""
        return any(layer.couples for layer in self.layers)

    def maps(self) -> tuple[Any, ...] | None:
        """The exact map of each axis, one where all are alike; None where axes are joined."""
        if self.couples:
            return None
        found = compose(self.layers)
        return found if isinstance(found, tuple) else (found,)

    @property
    def axes(self) -> int | None:
        """How many axes they have, where a layer says."""
        return next((layer.axes for layer in self.layers if layer.axes), None)


def _of_stacks(one: _Stack, other: _Stack, asked: Asked) -> Difference | None:
    sizes = asked.listed()
    if one.axes and other.axes and one.axes != other.axes:
        return Difference(f"{one.axes} and {other.axes} spatial axes")
    if sizes is None:
        found = _of_maps(one, other)
        if found or one.layers == other.layers:
            return found
        sizes = _common(one, other)
    wrong = [(size, found) for size in sizes if (found := _at(one, other, size, asked))]
    if not wrong:
        return None
    differ = [size for size, _ in wrong]
    alike = [_shown(size) for size in sizes if size not in differ]
    first = wrong[0][1]
    told = f"values were equal at {', '.join(alike)}" if alike else ""
    return first if first.nearest else first._replace(nearest=told)


def _of_maps(one: _Stack, other: _Stack) -> Difference | None:
    """The least n at which their sizes differ, or at which one of them refuses."""
    mine, its = one.maps(), other.maps()
    if mine is None or its is None:
        return None
    count = max(len(mine), len(its))
    for axis in range(count):
        a, b = mine[axis % len(mine)], its[axis % len(its)]
        if a == b:
            continue
        taken, also, equal = accepted(a), accepted(b), agreement(a, b)
        n = ((taken - also) | (also - taken) | ((taken & also) - equal)).least
        if n is not None:
            return _sizes_differ(one, other, (n,) * count if count > 1 else n, _equal_for(equal))
    return None


def _equal_for(equal: Sizes) -> str:
    return f"their sizes are equal for {equal}" if equal else "their sizes are never equal"


def _way(one: _Stack, other: _Stack) -> str:
    """For which inputs the sizes are equal, where that is a set along each axis."""
    mine, its = one.maps(), other.maps()
    if mine is None or its is None:
        return ""
    count = max(len(mine), len(its))
    pairs = [(mine[axis % len(mine)], its[axis % len(its)]) for axis in range(count)]
    return "; ".join(dict.fromkeys([_equal_for(agreement(a, b)) for a, b in pairs]))


def _sizes_differ(one: _Stack, other: _Stack, size: Any, way: str) -> Difference:
    why = []
    for side in (one, other):
        if side.size(size) is None:
            why.append(f"{side} refuses {_shown(size)}")
        elif not side.couples:
            why += [f"{side}:", *str(derive(side.layers, size)).splitlines()]
    got = f"{_shown(one.size(size))} and {_shown(other.size(size))} for an input of {_shown(size)}"
    return Difference(got, tuple(why), way)


def _shown(size: Any) -> str:
    if size is None:
        return "refused"
    return "x".join(map(str, size)) if isinstance(size, tuple) else str(size)


def _common(one: _Stack, other: _Stack) -> list[Any]:
    """The first sizes that both take, the same along all axes."""
    axes = one.axes or other.axes or AXES
    found = []
    for n in range(1, FARTHEST + 1):
        size = (n,) * axes
        if one.size(size) is not None and other.size(size) is not None:
            found.append(size)
            if len(found) == TRIED:
                break
    if not found:
        raise QueryError(
            f"{one} and {other} take no size up to {FARTHEST} in common, the same along all axes",
            rule="sizes",
            hint="Give the sizes to compare at.",
        )
    return found


def _at(one: _Stack, other: _Stack, size: Any, asked: Asked) -> Difference | None:
    """What differs at a size, if anything does."""
    if one.size(size) != other.size(size) or one.size(size) is None:
        return _sizes_differ(one, other, size, _way(one, other))
    both = asked.channels or _channels(one, other)
    found = [_drawn(one, other, size, both, asked, seed) for seed in range(DRAWS)]
    return next(filter(None, found), None)


def _drawn(
    one: _Stack, other: _Stack, size: Any, channels: Any, asked: Asked, more: int
) -> Difference | None:
    """What differs for one draw of weights and inputs."""
    mine, its = [
        Problem(side.layers, size, channels=channels, seed=asked.seed + more)
        for side in (one, other)
    ]
    learned, also = _learned(mine), _learned(its)
    if learned != also:
        got = f"they learn {_named(learned)}, and {_named(also)}"
        hint = "Compare layers that learn the same arrays."
        return Difference(got, hint=hint)
    if mine.x.shape != its.x.shape:
        got = f"{len(mine.x)} and {len(its.x)} channels go in"
        return Difference(got, hint="Give channels=(inputs, outputs) that both can have.")
    told = _apart(mine.reference, its.reference, asked.allowed(TOLERANCE["float64"]))
    if told is None:
        return None
    return Difference(f"{told[0]} for an input of {_shown(size)}", told[1:])


def _channels(one: _Stack, other: _Stack) -> tuple[int, int]:
    """The channels that either says: the first that go in, and the last that come out."""
    layers = (*one.layers, *other.layers)
    inputs = [count for layer in layers if (count := getattr(layer, "in_channels", None))]
    outputs = [count for layer in layers if (count := getattr(layer, "out_channels", None))]
    axes = one.axes or other.axes or AXES
    blocks = lcm(*[prod([block(layer, axes) for layer in side.layers]) for side in (one, other)])
    return (inputs or [CHANNELS[0] * blocks])[0], (outputs or [CHANNELS[1] * blocks])[-1]


def _learned(problem: Problem) -> list[tuple[str, tuple[int, ...]]]:
    """The shapes of what is learned, in order."""
    arrays = [one.arrays for one in problem.placed]
    return [(name, array.shape) for held in arrays for name, array in held.items()]


def _named(learned: list[tuple[str, tuple[int, ...]]]) -> str:
    return ", ".join([f"{name} {_shown(shape)}" for name, shape in learned]) or "nothing"


# Values.


def _apart(mine: Array, its: Array, tolerance: float) -> tuple[str, ...] | None:
    """Where two arrays, channels first, differ by more than is allowed, and how much."""
    if mine.shape != its.shape:
        return (f"{_shown(mine.shape)} and {_shown(its.shape)} come out",)
    scale = max([float(np.abs(one[np.isfinite(one)]).max(initial=0.0)) for one in (mine, its)])
    with np.errstate(invalid="ignore"):  # of infinities
        gap = np.abs(mine - its)
        close = (mine == its) | (np.isnan(mine) & np.isnan(its)) | (gap <= tolerance * scale)
    if close.all():
        return None
    channel, *place = map(int, np.argwhere(~close)[0])
    at = f"channel {channel}" + (f", place {_shown(tuple(place))}" if place else "")
    values = f"{mine[(channel, *place)]:.6g} and {its[(channel, *place)]:.6g}"
    wrong, most = int((~close).sum()), float(gap[np.isfinite(gap)].max(initial=0.0))
    return (
        f"{values} at {at},",
        f"{wrong} of {mine.size} values differ, by up to {most:.2g}; the largest is {scale:.2g}",
    )


# Live models: each has weights of its own.


def _of_live(one: Live, other: Live, asked: Asked) -> Difference | None:
    sizes = asked.listed()
    if sizes is None:
        raise QueryError(
            "the sizes at which live models run are not given",
            rule="sizes",
            hint="Give one, such as 32 or (32, 48), or a list of them.",
        )
    return next(filter(None, [_live_at(one, other, size, asked) for size in sizes]), None)


def _live_at(one: Live, other: Live, size: Any, asked: Asked) -> Difference | None:
    shapes = [side.wanted(size, asked.channels) for side in (one, other)]
    if shapes[0] != shapes[1]:
        shown = [", ".join(map(_shown, wanted)) for wanted in shapes]
        return Difference(f"inputs of {shown[0]} and {shown[1]}, channels first")
    rng = np.random.default_rng(asked.seed)
    arrays = [rng.standard_normal((1, *shape)).astype(np.float32) for shape in shapes[0]]
    mine, its = one.forward(arrays), other.forward(arrays)
    if len(mine) != len(its):
        return Difference(f"{len(mine)} and {len(its)} outputs")
    for place, (left, right) in enumerate(zip(mine, its, strict=True)):
        told = _apart(left[0], right[0], asked.allowed(LOOSE))
        if told:
            which = f" in output {place}" if len(mine) > 1 else ""
            got = f"{told[0]} for an input of {_shown(size)}{which}"
            hint = "Carry the weights over: dc.convert(...).weights has them in each layout."
            return Difference(got, told[1:], hint=hint)
    return None
