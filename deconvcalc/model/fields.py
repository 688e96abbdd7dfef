"""Receptive fields, strides and pixel centres: which inputs each place of a node sees.

A place o of a node sees the input from low to high, and both repeat: o + Q sees what o sees, P
further. So a field is the fraction P/Q, input pixels for a step, and low and high of Q places. It
is that of an input without end: near a border less is there to be seen. The centre of place o lies
at (P/Q)*o + offset in input pixels.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import SizeError
from deconvcalc.layers import (
    AdaptivePool,
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Explicit,
    GlobalPool,
    Identity,
    Layer,
    LpPool,
    MaxPool,
    MaxUnpool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Slice,
    Upsample,
)
from deconvcalc.layers.base import picker
from deconvcalc.model.operations import (
    Add,
    Concat,
    CropTo,
    Given,
    Input,
    PadTo,
    ResizeTo,
    TransposeTo,
)
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deconvcalc.model.graph import Node
    from deconvcalc.model.run import Run

__all__ = ["MOST_PHASES", "NOTHING", "WHOLE", "Field", "Reach", "Shift", "fields", "shifts"]

MOST_PHASES = 2**14
"""A field with more places that differ is not worked out: it is None."""


class Reach(Value):
    """Which places of its source each place of a layer's output sees, along one axis.

    Args:
        rate: places of the source for a step of the output.
        offset: the centre of output place 0, in places of the source.
        windows: the first and the last place that outputs 0, 1, ... see, for as many as the
            denominator of the rate; None where one sees nothing.
        step: the distance of the places that a window sees.
    """

    __slots__ = _fields = ("rate", "offset", "windows", "step")
    rate: Fraction
    offset: Fraction
    windows: tuple[tuple[int, int] | None, ...]
    step: int

    def __init__(
        self,
        rate: Fraction,
        offset: Fraction,
        windows: Sequence[tuple[int, int] | None],
        step: int = 1,
    ) -> None:
        self._set(rate=rate, offset=offset, windows=tuple(windows), step=step)


class Field(Value):
    """Which input pixels a node sees, along one axis.

    Args:
        rate: input pixels for a step of the node; its stride.
        offset: the centre of place 0 in input pixels.
        low: the first pixel that places 0, 1, ... see; None where one sees nothing.
        high: the last one.
    """

    __slots__ = _fields = ("rate", "offset", "low", "high")
    rate: Fraction
    offset: Fraction
    low: tuple[int | None, ...]
    high: tuple[int | None, ...]

    def __init__(
        self,
        rate: Fraction,
        offset: Fraction,
        low: Sequence[int | None],
        high: Sequence[int | None],
    ) -> None:
        self._set(rate=rate, offset=offset, low=tuple(low), high=tuple(high))

    @property
    def size(self) -> int:
        """How many pixels the place that sees most spans, where the input has no end."""
        pairs = zip(self.low, self.high, strict=True)
        spans = [b - a + 1 for a, b in pairs if a is not None and b is not None]
        return max(spans, default=0)

    def span(self, place: int) -> tuple[int, int] | None:
        """The first and the last pixel that a place sees."""
        turns, phase = divmod(place, len(self.low))
        low, high = self.low[phase], self.high[phase]
        further = int(self.rate * len(self.low)) * turns
        return None if low is None or high is None else (low + further, high + further)

    def after(self, reach: Reach) -> Field | None:
        """The field of a layer on a node with this one; None where it has too many phases."""
        further = int(reach.rate * len(reach.windows))  # places of this node for all windows
        turns = len(self.low) // gcd(further, len(self.low))
        phases = len(reach.windows) * turns
        if phases > MOST_PHASES:
            return None
        spans = [self._seen(reach, place) for place in range(phases)]
        return Field(
            self.rate * reach.rate,
            self.offset + self.rate * reach.offset,
            [None if one is None else one[0] for one in spans],
            [None if one is None else one[1] for one in spans],
        )

    def _seen(self, reach: Reach, place: int) -> tuple[int, int] | None:
        turns, phase = divmod(place, len(reach.windows))
        window = reach.windows[phase]
        if window is None:
            return None
        further = int(reach.rate * len(reach.windows)) * turns
        first, last = window[0] + further, window[1] + further
        places: Any = range(first, last + 1, reach.step)
        if len(self.low) == 1:  # every place sees the same, further on
            places = (first, last)
        elif len(places) > 2 * len(self.low):
            places = (*places[: len(self.low)], *places[-len(self.low) :])
        spans = [span for span in map(self.span, places) if span is not None]
        return (min(spans)[0], max([high for _, high in spans])) if spans else None

    def joined(self, other: Field) -> Field | None:
        """What either of two nodes of one size sees; None where their strides differ."""
        if self.rate != other.rate:
            return None
        phases = lcm(len(self.low), len(other.low))
        if phases > MOST_PHASES:
            return None
        spans = [_hull(self.span(place), other.span(place)) for place in range(phases)]
        return Field(
            self.rate,
            self.offset,
            [None if one is None else one[0] for one in spans],
            [None if one is None else one[1] for one in spans],
        )


class _Whole:
    """The field of what sees the whole input, such as everything after a global pool."""

    def __repr__(self) -> str:
        return "WHOLE"


class _Nothing:
    """The field of what does not depend on the input."""

    def __repr__(self) -> str:
        return "NOTHING"


WHOLE = _Whole()
NOTHING = _Nothing()

Seen = Field | _Whole | _Nothing | None
"""What a node sees along an axis: a field, everything, nothing, or None where it is not known."""

START = Field(Fraction(1), Fraction(0), [0], [0])


class Shift(Value):
    """Two branches of one size whose pixels lie at different places.

    Args:
        node: the name of the merge.
        axis: the index of the spatial axis.
        sources: the names of the two branches.
        shift: how far the second lies after the first, in pixels of the input.
    """

    __slots__ = _fields = ("node", "axis", "sources", "shift")
    node: str
    axis: int
    sources: tuple[str, str]
    shift: Fraction

    def __init__(self, node: str, axis: int, sources: tuple[str, str], shift: Fraction) -> None:
        self._set(node=node, axis=axis, sources=sources, shift=shift)

    def __str__(self) -> str:
        first, second = self.sources
        return (
            f"{self.node}: the pixels of {second} lie {float(self.shift):+g} input pixels from "
            f"those of {first}, on axis {self.axis}"
        )


def _hull(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


# The reach of each kind of layer.


def reach(layer: Layer, axis: int, n: int, m: int) -> Reach | _Whole | None:
    """Which places of its source a layer's output sees along one axis; None where not known.

    Normalisation is taken pixel by pixel: the statistics that some of it computes over all pixels
    do not count.

    Args:
        layer: the layer, without rules that depend on the size.
        axis: the index of the axis.
        n: its input size.
        m: its output size.
    """
    pick = picker(axis)
    if isinstance(layer, Identity):
        return _window(1, 1, 0)
    if isinstance(layer, (Conv, MaxPool, AvgPool, LpPool)):
        dilation = pick(getattr(layer, "dilation", 1))
        before = getattr(pick(getattr(layer, "padding", Explicit(0, 0))), "before", 0)
        return _window(pick(layer.kernel_size), pick(layer.stride), before, dilation)
    if isinstance(layer, (ConvTranspose, MaxUnpool)):
        dilation = pick(getattr(layer, "dilation", 1))
        before = getattr(pick(layer.padding), "before", 0)
        return _spread(pick(layer.kernel_size), pick(layer.stride), before, dilation)
    if isinstance(layer, PixelUnshuffle):
        return _window(pick(layer.factor), pick(layer.factor), 0)
    if isinstance(layer, PixelShuffle):
        return _spread(pick(layer.factor), pick(layer.factor), 0, 1)
    if isinstance(layer, (Pad, Crop)):
        sides = pick(layer.padding if isinstance(layer, Pad) else layer.cropping)
        return _window(1, 1, sides.before if isinstance(layer, Pad) else -sides.before)
    if isinstance(layer, Slice):
        start = pick(layer.start)
        return _window(1, pick(layer.step), -(start if start >= 0 else max(n + start, 0)))
    if isinstance(layer, Upsample):
        return _resized(n, m, layer, pick)
    if isinstance(layer, AdaptivePool):
        target = pick(layer.size)
        return _window(1, 1, 0) if target is None else _binned(n, m)
    if isinstance(layer, GlobalPool):
        return WHOLE
    return None


def _window(kernel: int, stride: int, before: int, dilation: int = 1) -> Reach:
    """A window over a padded input."""
    span = dilation * (kernel - 1)
    middle = Fraction(span, 2) - before
    return Reach(Fraction(stride), middle, [(-before, span - before)], dilation)


def _spread(kernel: int, stride: int, before: int, dilation: int) -> Reach:
    """A transposed window: output o takes input i by tap q where i*stride + q*dilation is o."""
    span = dilation * (kernel - 1)
    windows: list[tuple[int, int] | None] = []
    for place in range(before, before + stride):
        first, last = -((span - place) // stride), place // stride
        seen = [i for i in range(first, last + 1) if (place - i * stride) % dilation == 0]
        windows.append((seen[0], seen[-1]) if seen else None)
    return Reach(Fraction(1, stride), Fraction(2 * before - span, 2 * stride), windows)


def _binned(n: int, m: int) -> Reach | None:
    """An adaptive pool: output o sees from floor(o*n/m) up to ceil((o + 1)*n/m)."""
    rate = Fraction(n, m)
    if rate.denominator > MOST_PHASES:
        return None
    windows = [
        (floor(place * rate), ceil((place + 1) * rate) - 1) for place in range(rate.denominator)
    ]
    return Reach(rate, (rate - 1) / 2, windows)


_LINEAR = ("linear", "bilinear", "trilinear")
_CUBIC = ("bicubic", "keras bicubic", "cubic")


def _resized(n: int, m: int, layer: Upsample, pick: Any) -> Reach | None:
    """A resize: each output lies somewhere between inputs, and sees its neighbours there."""
    factor = None if layer.factor is None else pick(layer.factor)
    rate = Fraction(1, factor) if isinstance(factor, int) else Fraction(n, m)
    first = (rate - 1) / 2
    if layer.align_corners:
        rate, first = (Fraction(n - 1, m - 1) if m > 1 else Fraction(1)), Fraction(0)
    if rate.denominator > MOST_PHASES:
        return None
    windows = []
    for place in range(rate.denominator):
        at = place * rate + first
        if layer.mode in _LINEAR:
            windows.append((floor(at), ceil(at)))
        elif layer.mode in _CUBIC:
            exact = at.denominator == 1
            windows.append((floor(at), ceil(at)) if exact else (floor(at) - 1, floor(at) + 2))
        elif layer.mode == "nearest":
            windows.append((floor(place * rate),) * 2)
        else:  # nearest-exact, and what lies nearest in other words
            windows.append((floor((place + Fraction(1, 2)) * rate),) * 2)
    return Reach(rate, first, windows)


# A whole model.


def fields(run: Run, source: Node | None = None) -> list[tuple[Seen, ...]]:
    """What each node of a model sees of one input, along each of its axes.

    Args:
        run: the model at one input: sizes that were asked for depend on it.
        source: the input; by default the first one.

    Returns:
        One entry for each node and axis: a `Field`, `WHOLE`, `NOTHING` where the node does not
        depend on the input, or None where it is not known.
    """
    start = source or (run.model.inputs[0] if run.model.inputs else None)
    made: list[tuple[Seen, ...]] = []
    for node in run.model.nodes:
        made.append(_seen(node, run, made, start))
    return [made[node.index] if node.shape.extents else () for node in run.model.nodes]


def _seen(
    node: Node, run: Run, made: list[tuple[Seen, ...]], start: Node | None
) -> tuple[Seen, ...]:
    """What a node sees along each axis; of features, which have none, what they see at all."""
    operation, axes = node.operation, len(node.shape.extents)
    count = max(axes, 1)
    if isinstance(operation, Input):
        own: Seen = START if axes else WHOLE
        return (own if node is start else NOTHING,) * count
    before = [
        made[source.index] if source.shape.extents else made[source.index] * count
        for source in node.sources
    ]
    every = {one for seen in before for one in seen}
    if every <= {NOTHING}:
        return (NOTHING,) * count
    if isinstance(operation, Given) and operation.mixes:
        return (WHOLE,) * count
    merges = isinstance(operation, (Add, Concat))
    if not axes or not (merges or node.sources[0].shape.extents):
        # A matrix, or a reshape, mixes all places; anything else leaves features as they are.
        mixes = isinstance(operation, Layer) and not isinstance(operation, Identity)
        return (WHOLE if mixes or every <= {WHOLE, NOTHING} else None,) * count
    if merges:
        return tuple([_merged(node, axis, before, run) for axis in range(axes)])
    first = before[0]
    if isinstance(operation, (CropTo, PadTo)):
        return tuple([_moved(node, axis, first, run) for axis in range(axes)])
    layer = _layer(node)
    if layer is None or len(first) != axes:
        seen = WHOLE in first or isinstance(operation, Layer)
        return (WHOLE if seen else None,) * axes
    numbers, its = run.size(node.sources[0]), run.size(node)
    settled = _at(layer, numbers)
    return tuple([_stepped(first[i], settled, i, numbers[i], its[i]) for i in range(axes)])


def _stepped(one: Seen, layer: Layer | None, axis: int, n: int, m: int) -> Seen:
    if layer is None or not isinstance(one, Field):
        return one if layer is not None else None
    step = reach(layer, axis, n, m)
    return step if isinstance(step, _Whole) or step is None else one.after(step)


def _layer(node: Node) -> Layer | None:
    """The layer of a node, also where it takes its size from another one."""
    operation = node.operation
    if isinstance(operation, TransposeTo):
        return operation.layer
    if isinstance(operation, ResizeTo):
        return Upsample(size=1, mode=operation.mode)
    if isinstance(operation, Given):
        return operation.layer
    if isinstance(operation, Dense):
        return None
    return operation if isinstance(operation, Layer) else None


def _at(layer: Layer, sizes: tuple[int, ...]) -> Layer | None:
    """The layer with its rules made explicit; None where it refuses the sizes."""
    try:
        return layer.at(sizes)
    except SizeError:
        return None


def _merged(node: Node, axis: int, before: list[tuple[Seen, ...]], run: Run) -> Seen:
    """What either source of a merge sees. A size of 1 that is repeated sees as its one place."""
    if isinstance(node.operation, Concat) and node.operation.axis == axis:
        return WHOLE if any(WHOLE in seen for seen in before) else None
    size = run.size(node)[axis]
    joined: Seen = NOTHING
    for source, seen in zip(node.sources, before, strict=True):
        one = seen[axis] if axis < len(seen) else NOTHING
        if isinstance(one, Field) and run.size(source)[axis] == 1 < size:
            one = WHOLE  # one place for all, which sees what lies far from most
        joined = _either(joined, one)
    return joined


def _either(one: Seen, other: Seen) -> Seen:
    """What is seen by either of two."""
    if WHOLE in (one, other):
        return WHOLE
    if NOTHING in (one, other):
        return other if one is NOTHING else one
    return one.joined(other) if isinstance(one, Field) and isinstance(other, Field) else None


def _moved(node: Node, axis: int, first: tuple[Seen, ...], run: Run) -> Seen:
    """What a crop or a pad to another size sees: the same, from another place on."""
    one = first[axis]
    if not isinstance(one, Field):
        return one
    operation: Any = node.operation
    extra = run.size(node)[axis] - run.size(node.sources[0])[axis]
    middle = extra // 2 if isinstance(operation, PadTo) else -(-extra // 2)
    before = {"center": middle, "start": extra, "end": 0}
    return one.after(_window(1, 1, before[operation.where]))


def shifts(run: Run, seen: list[tuple[Seen, ...]]) -> list[Shift]:
    """The merges of branches of one size whose pixels lie at different places."""
    found = []
    for node in run.model.nodes:
        if not isinstance(node.operation, (Add, Concat)):
            continue
        first, *others = node.sources
        for axis, mine in enumerate(seen[first.index]):
            for other in others:
                its = seen[other.index][axis] if axis < len(seen[other.index]) else None
                if not isinstance(mine, Field) or not isinstance(its, Field):
                    continue
                apart = its.offset - mine.offset
                if mine.rate == its.rate and apart:
                    found.append(Shift(node.name, axis, (first.name, other.name), apart))
    return found
