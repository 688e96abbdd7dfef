"""The alphabet of a design: every option of a stage, in one fixed order, grouped into moves.

An option is one transposed convolution, one convolution, one pool, a resize and a convolution, or a
convolution and a pixel shuffle (sub-pixel convolution, Shi et al. 2016). Options that do the same
to sizes, and to all that is asked, are one move: they differ in how many taps they have, no more.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import QueryError
from deconvcalc.formulas import Spread, Window, effective_kernel
from deconvcalc.placement import hole, spread_shift, tap_counts, window_shift
from deconvcalc.sizemap import SizeMap
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deconvcalc.designer.goals import Goal
    from deconvcalc.layers import Layer

__all__ = [
    "DOWN",
    "ENLARGING",
    "MOST_OPTIONS",
    "POOLS",
    "UP",
    "Move",
    "Numbers",
    "Option",
    "Part",
    "Size",
    "alphabet",
    "hollow",
    "is_aligned",
    "needed",
    "options",
]

UP = ("conv_transpose", "resize_conv", "pixel_shuffle", "conv")
"""What a decoder may be made of; its convolutions have stride 1."""

DOWN = ("conv", "max_pool", "avg_pool")
"""What an encoder may be made of."""

POOLS = ("max_pool", "avg_pool")
ENLARGING = ("resize_conv", "pixel_shuffle")

MOST_OPTIONS = 200_000
"""An alphabet has at most so many options."""

Numbers = tuple[int, int, int, int]
"""(a, b, c, low): floor((a*n + b)/c) for n >= low."""

Size = Any
"""A size: an int, or (a, b, c) for floor((a*n + b)/c), which is right for every n that is meant.

Either a or c is 1: sizes of a design only grow, or only shrink.
"""


class Part(Value):
    """What an option does along the axes that share its parameters.

    Attributes:
        kernel_size, stride, dilation: of the window.
        padding: what PyTorch calls so: cropped before, or padded on both sides.
        output_padding: how much less is cropped after.
        factor: how much a resize or a pixel shuffle enlarges; else 1.
    """

    __slots__ = _fields = (
        "kernel_size",
        "stride",
        "padding",
        "output_padding",
        "dilation",
        "factor",
    )
    kernel_size: int
    stride: int
    padding: int
    output_padding: int
    dilation: int
    factor: int

    def __init__(
        self,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
        dilation: int = 1,
        factor: int = 1,
    ) -> None:
        self._set(kernel_size=kernel_size, stride=stride, padding=padding)
        self._set(output_padding=output_padding, dilation=dilation, factor=factor)

    @property
    def span(self) -> int:
        """The effective kernel."""
        return int(effective_kernel(self.kernel_size, self.dilation))


class Option(Value):
    """One way to make a stage.

    Attributes:
        id: its place in the alphabet.
        op: "conv_transpose", "resize_conv", "pixel_shuffle", "conv", "max_pool" or "avg_pool".
        parts: one `Part` for each group of axes that share their parameters.
    """

    __slots__ = _fields = ("id", "op", "parts")
    id: int
    op: str
    parts: tuple[Part, ...]

    def __init__(self, id: int, op: str, parts: tuple[Part, ...]) -> None:  # noqa: A002  # it is one
        self._set(id=id, op=op, parts=parts)

    def layers(
        self, axes: Sequence[int], channels: tuple[int, int], *, bias: bool = True
    ) -> tuple[Layer, ...]:
        """The canonical layers of the stage, first to last.

        Args:
            axes: for each axis the index of its part.
            channels: how many go in, and how many come out.
            bias: whether convolutions add one.
        """
        from deconvcalc import layers

        each = [self.parts[i] for i in axes]

        def of(name: str) -> Any:
            values = tuple([getattr(part, name) for part in each])
            return values[0] if len(set(values)) == 1 else values

        window: dict[str, Any] = {"axes": len(each), "stride": of("stride")}
        kernel = of("kernel_size")
        deep: dict[str, Any] = {
            "in_channels": channels[0],
            "out_channels": channels[1],
            "bias": bias,
        }
        if self.op == "conv_transpose":
            crops = [(part.padding, part.padding - part.output_padding) for part in each]
            window |= {"padding": tuple(crops), "dilation": of("dilation")}
            return (layers.ConvTranspose(kernel, **window, **deep),)
        window["padding"] = of("padding")
        if self.op == "avg_pool":
            return (layers.AvgPool(kernel, **window),)
        window["dilation"] = of("dilation")
        if self.op == "max_pool":
            return (layers.MaxPool(kernel, **window),)
        factor = of("factor")
        if self.op == "pixel_shuffle":
            deep["out_channels"] *= prod([part.factor for part in each])
        conv = layers.Conv(kernel, **window, **deep)
        if self.op == "conv":
            return (conv,)
        if self.op == "resize_conv":
            return layers.Upsample(factor, axes=len(each)), conv
        return conv, layers.PixelShuffle(factor, axes=len(each))

    def taps(self, axes: Sequence[int]) -> int:
        """How many weights it has for each pair of channels; a pool has none."""
        if self.op in POOLS:
            return 0
        return prod([self.parts[i].kernel_size for i in axes])

    def factor(self, axes: Sequence[int]) -> int:
        """By how much a pixel shuffle divides the channels; 1 for anything else."""
        if self.op != "pixel_shuffle":
            return 1
        return prod([self.parts[i].factor for i in axes])


@lru_cache(maxsize=4096)
def numbers(op: str, stride: int, kernel: int, before: int, after: int, factor: int) -> Numbers:
    """What a part does to a size, from the formulas of its layers."""
    n = SizeMap.identity()
    if op == "resize_conv":
        n = n * factor
    window = Spread if op == "conv_transpose" else Window
    made = window(kernel, stride, before, after).on(n)
    if op == "pixel_shuffle":
        made = made * factor
    slope, offset, divisor, low, _, _ = made.numbers
    return int(slope), int(offset), int(divisor), int(low)


def map_of(op: str, part: Part) -> Numbers:
    """What a part does to a size: (a, b, c, low) for floor((a*n + b)/c) from n = low on."""
    after = part.padding - (part.output_padding if op == "conv_transpose" else 0)
    return numbers(op, part.stride, part.span, part.padding, after, part.factor)


# What is asked of a part, whatever the size.


def has_holes(op: str, part: Part) -> bool:
    """Whether some interior output gets no tap, or some input is read by no window."""
    if op == "conv_transpose":
        if part.output_padding > part.padding:
            return True
        return tap_counts(part.kernel_size, part.stride, part.dilation)[0] == 0
    return not _reads_all(part)


def _reads_all(part: Part) -> bool:
    """Whether a window's taps, moved by the stride, meet every input."""
    if part.dilation == 1:
        return part.kernel_size >= part.stride
    met = {part.dilation * q % part.stride for q in range(min(part.kernel_size, part.stride))}
    return len(met) == part.stride


def has_checkerboard(op: str, part: Part) -> bool:
    """Whether interior outputs get different numbers of taps (Odena et al. 2016)."""
    if op != "conv_transpose":
        return False
    return len(tap_counts(part.kernel_size, part.stride, part.dilation)) > 1


def overlaps(part: Part) -> bool:
    """Whether neighbouring inputs mix: the effective kernel is longer than the stride."""
    return part.span > part.stride


def is_aligned(op: str, part: Part, n: Size, m: Size) -> bool:
    """Whether the shift is at most 1/2 input pixels; for sizes in n its supremum over them."""
    if not isinstance(n, int) or not isinstance(m, int):
        return _aligned_in_n(op, part)
    skew = part.output_padding
    if op == "conv_transpose":
        base, weight, unit = spread_shift(n, m, part.stride)
        return bool(2 * (base + weight * abs(skew)) <= unit)
    if op == "resize_conv":
        n *= part.factor
    if op == "pixel_shuffle":
        m //= part.factor
    factor = part.factor if op == "resize_conv" else 1
    base, weight, unit = window_shift(n, m, part.stride, factor)
    spare = n + 2 * part.padding - part.span - (m - 1) * part.stride
    return bool(2 * (base + weight * abs(spare)) <= unit)


def _aligned_in_n(op: str, part: Part) -> bool:
    """The same where m grows for ever: the shift tends to its supremum."""
    s, spare = part.stride, part.span - 2 * part.padding
    if op == "conv_transpose":
        return abs(spare + part.output_padding - s) + part.output_padding <= s
    factor = part.factor if op == "resize_conv" else 1
    # Of each remainder that the stride leaves: |m*s - n| and what lies beyond the last window.
    return max([abs(s - rest - spare) + rest for rest in range(s)]) <= factor


def hollow(op: str, part: Part, n: Size, m: Size) -> bool:
    """Whether a dilated transposed window leaves some output without a tap, at a border say."""
    if op != "conv_transpose" or part.dilation == 1:
        return False
    if not isinstance(n, int) or not isinstance(m, int):
        return False
    k, s, d = part.kernel_size, part.stride, part.dilation
    return hole(n, m, k, s, d, part.padding)


# Fields.


def needed(op: str, part: Part, reach: int) -> int:
    """How many neighbouring outputs must be seen together, so that `reach` inputs are.

    So many outputs see, where it is most, ceil((L + u)/v) inputs of a part that enlarges, and
    (L - 1)*s + ke of a window; both grow with L, so the least L can be told.
    """
    if op == "conv_transpose":
        least = (reach - 1) * part.stride + 1 - (part.kernel_size - 1)
    elif op == "resize_conv":
        least = (reach - 1) * part.factor + 1 - (part.factor - 1) - (part.span - 1)
    elif op == "pixel_shuffle":
        inner = -(-(reach - part.span) // part.stride) + 1
        least = (max(inner, 1) - 1) * part.factor + 1 - (part.factor - 1)
    else:
        least = -(-(reach - part.span) // part.stride) + 1
    return max(least, 1)


# The alphabet.


def options(goal: Goal) -> tuple[Option, ...]:
    """All options of a stage, in their fixed order.

    They come by operation, then aligned ones first, then without output_padding, without
    checkerboard, overlapping, by dilation, factor, stride, kernel and padding.

    Raises:
        QueryError: more than `MOST_OPTIONS`.
    """
    made: list[tuple[str, tuple[Part, ...]]] = []
    for op in goal.ops:
        each = [_parts(goal, op, i) for i in range(len(goal.bounds))]
        if prod([len(parts) for parts in each]) + len(made) > MOST_OPTIONS:
            raise _refuse()
        if op == "pixel_shuffle":  # one factor for all axes
            made += [(op, row) for row in product(*each) if len({p.factor for p in row}) == 1]
        else:
            made += [(op, row) for row in product(*each)]
    return tuple([Option(i, op, parts) for i, (op, parts) in enumerate(made)])


def _refuse() -> QueryError:
    return QueryError(
        f"a stage has more than {MOST_OPTIONS:,} options",
        rule="options",
        hint="Narrow kernel_size, stride, padding or dilation, share the parameters, or allow "
        "more stages.",
    )


def _parts(goal: Goal, op: str, group: int) -> list[Part]:
    """What one group of axes may do, in order."""
    bound = goal.bounds[group]
    taps = sum([d * (k - 1) + 1 for k in bound.kernel_size for d in bound.dilation])
    pads = taps if bound.padding is None else len(bound.padding) * len(bound.kernel_size)
    if op == "conv_transpose":
        pads *= sum(bound.stride) if bound.output_padding is None else len(bound.stride)
    if pads > 3 * MOST_OPTIONS:
        raise _refuse()
    found = [part for part in _every(goal, op, group) if _wanted(goal, op, part)]
    return sorted(found, key=lambda part: _order(op, part))


def _order(op: str, part: Part) -> tuple[Any, ...]:
    return (
        not _aligned_in_n(op, part),
        part.output_padding,
        has_checkerboard(op, part),
        not overlaps(part),
        part.dilation,
        part.factor,
        part.stride,
        part.kernel_size,
        part.padding,
    )


def _every(goal: Goal, op: str, group: int) -> Iterator[Part]:
    """The parts within the bounds that PyTorch takes."""
    bounds = goal.bounds[group]
    strides = bounds.stride if op in ("conv_transpose", *DOWN) else (1,)
    if op == "conv" and goal.direction == "up":
        strides = (1,)
    factors = bounds.factor if op in ENLARGING else (1,)
    dilations = (1,) if op == "avg_pool" else bounds.dilation
    for k, s, d, factor in product(bounds.kernel_size, strides, dilations, factors):
        if k == 1 and d > 1:
            continue  # the same as without dilation
        most = k // 2 if op in POOLS else d * (k - 1)
        pads = range(most + 1) if bounds.padding is None else bounds.padding.between(0, LARGE)
        for p in pads:
            if op in POOLS and p > k // 2:
                continue  # PyTorch refuses it
            if op != "conv_transpose":
                yield Part(k, s, p, 0, d, factor)
                continue
            for extra in range(max(s, d)):
                if bounds.output_padding is None or extra in bounds.output_padding:
                    yield Part(k, s, p, extra, d, 1)


LARGE = 10**18


def _wanted(goal: Goal, op: str, part: Part) -> bool:
    """Whether a part is as the goal asks, whatever the size."""
    if not goal.holes and has_holes(op, part):
        return False
    if not goal.checkerboard and has_checkerboard(op, part):
        return False
    if goal.overlap and not overlaps(part):
        return False
    for name, by in goal.divisors:
        if name in ("size", "channels"):
            continue
        divisor = getattr(part, by) if isinstance(by, str) else by
        if getattr(part, name) % divisor:
            return False
    return True


class Move:
    """Options that do the same to everything but the costs, the fewest taps first.

    Attributes:
        op: the operation.
        maps: what it does to the size of each group of axes.
        parts: of its first option.
        options: the ids of its options, by their taps.
        taps: for each option its weights for a pair of channels.
        shuffle: by how much it divides the channels.
    """

    __slots__ = ("maps", "op", "options", "parts", "shuffle", "taps")

    def __init__(
        self,
        op: str,
        parts: tuple[Part, ...],
        maps: tuple[Numbers, ...],
        found: list[tuple[int, int]],
        shuffle: int,
    ) -> None:
        self.op, self.parts, self.maps, self.shuffle = op, parts, maps, shuffle
        found.sort()
        self.taps = tuple([taps for taps, _ in found])
        self.options = tuple([i for _, i in found])


_KEPT: dict[Any, tuple[tuple[Option, ...], tuple[Move, ...]]] = {}
MOST_KEPT = 16
"""How many alphabets are kept: a search asks about many sizes within the same bounds."""


def alphabet(goal: Goal) -> tuple[tuple[Option, ...], tuple[Move, ...]]:
    """The options of a stage and the moves that they make; those asked for before are kept."""
    key = (
        goal.ops,
        goal.bounds,
        goal.direction,
        goal.parts_of_axes,
        goal.divisors,
        (goal.holes, goal.checkerboard, goal.aligned, goal.overlap),
        (bool(goal.receptive_field), goal.splits_moves),
    )
    kept = _KEPT.get(key)
    if kept is None:
        every = options(goal)
        kept = every, moves(goal, every)
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = kept
    return kept


def moves(goal: Goal, every: Sequence[Option]) -> tuple[Move, ...]:
    """The options as moves, in the order of their first options."""
    found: dict[Any, list[Option]] = {}
    for option in every:
        maps = tuple([map_of(option.op, part) for part in option.parts])
        found.setdefault((option.op, maps, _told_apart(goal, option)), []).append(option)
    axes = goal.parts_of_axes
    return tuple(
        [
            Move(
                op,
                alike[0].parts,
                maps,
                [(option.taps(axes), option.id) for option in alike],
                alike[0].factor(axes),
            )
            for (op, maps, _), alike in found.items()
        ]
    )


def _told_apart(goal: Goal, option: Option) -> Any:
    """What tells options with the same size maps apart, as far as the goal asks for it."""
    apart: list[Any] = [part.factor for part in option.parts]
    for part in option.parts:
        if goal.aligned:
            apart.append((part.stride, part.span, part.padding, part.output_padding))
        if goal.receptive_field:
            apart.append((part.kernel_size, part.stride, part.dilation))
        if part.dilation > 1 and not goal.holes:
            apart.append(part)
    if goal.splits_moves:
        apart.append(option.id)
    return tuple(apart)
