"""Each layer's size along one axis, and its rules, once.

A formula is a small frozen value with `size(n)` and `slacks(n)`. Both use `+ - * //` and the
functions of `algebra` alone, so that `n` may be an int, a numpy array, a sympy expression, a
`SizeMap` or a `Term`. A slack is a rule as a number with a name: the rule holds where the number is
at least 0.

Notation: input size n, output size m, stride s, effective kernel ke = d*(k - 1) + 1.
Sources: the "Shape" sections of torch.nn 2.13 and keras.layers 3.15, corrected by forward passes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from deconvcalc.algebra import Size, ceil_div, certain, scaled_floor, smax, smin
from deconvcalc.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deconvcalc.terms import Term

__all__ = [
    "Constant",
    "Formula",
    "Multiple",
    "Part",
    "SameWindow",
    "Scaled",
    "Shifted",
    "Sliced",
    "Spread",
    "SpreadTo",
    "Window",
    "effective_kernel",
    "shared",
]


def effective_kernel(kernel_size: Size, dilation: Size) -> Size:
    """How many positions a dilated kernel spans: d*(k - 1) + 1."""
    return dilation * (kernel_size - 1) + 1


class Formula(Value):
    """The size along one axis.

    Attributes:
        letters: the letter of each field that the size depends on.
        source: where the rule comes from, if not from the layer that has it.
        modulus: every accepted input is a multiple of it.
    """

    __slots__ = ("kept",)
    letters: ClassVar[dict[str, str]] = {}
    source: ClassVar[str | None] = None
    kept: Any
    """Its map, once somebody has asked for it."""

    @property
    def modulus(self) -> int:
        """Every accepted input is a multiple of it."""
        return 1

    def size(self, n: Size) -> Size:
        """The output size for input size n, without a look at the rules."""
        raise NotImplementedError

    def slacks(self, n: Size) -> Iterator[tuple[str, Size]]:
        """The rules, named, each as a number that is at least 0 where the rule holds."""
        yield _enough(n, 1)

    def on(self, identity: Size) -> Size:
        """The exact map of the formula, from the map that is the identity: its size and domain."""
        result = self.size(identity)
        for _, slack in self.slacks(identity):
            result = result.where(slack)
        return result.where(0, self.modulus) if self.modulus > 1 else result

    def traced(self, n: Term) -> Term:
        """The size as a term in the field's letters, each of which has its value."""
        from deconvcalc.terms import letter, term

        made = type(self).__new__(type(self))
        for name, value in zip(self._fields, self._values(), strict=True):
            shown = value is not None and name in self.letters
            made._set(**{name: letter(self.letters[name], value) if shown else value})
        return term(made.size(n))

    @property
    def text(self) -> str:
        """The formula in the field's letters."""
        from deconvcalc.terms import letter

        return str(self.traced(letter("n")))


@lru_cache(4_096)
def shared(kind: type[Formula], *values: Any) -> Formula:
    """The formula with these values: the layers of a model have few different ones."""
    return kind(*values)


def _enough(n: Size, least: int) -> tuple[str, Size]:
    elements = "1 element" if least == 1 else f"{least} elements"
    return f"the input has at least {elements}", n - least


def _room_to_pad(n: Size, before: int, after: int, fill: str) -> Iterator[tuple[str, Size]]:
    """What the padding needs of the input, besides that something is left.

    `fill` says what fills it: "constant", "reflect", "replicate" or "circular". A reflection stops
    one element short of the other end. A constant, and a circle, fill after the crop, which must
    find its elements in the input; a reflection and a repeated end may put them back first.
    """
    alike = before == after
    if alike and fill == "constant":
        return
    least, most = smin(before, after), smax(before, after)
    # Where a side is a symbol and nobody can say, the rule is named; it does no harm.
    plain = alike or certain(least >= 0) is True or certain(most <= 0) is True
    if fill == "constant" and not plain:
        yield "the crop lies inside the input", n + least
    if fill == "reflect":
        yield "the input is longer than each padded side", n - most - 1
    if fill == "circular":
        left = n + smin(least, 0)  # after the crop
        yield "what is not cropped is as long as each padded side", left - most


class Window(Formula):
    """A window that slides over a padded input: convolution and pooling.

    With `ceil_mode` a last window may hang over the end if it starts inside the input or its
    leading padding. The closed form agrees with torch's loop and with ONNX Runtime.

    `fill` is what fills the padding: "constant", "reflect", "replicate" or "circular". `least`
    bounds the input.
    """

    __slots__ = ("after", "before", "ceil_mode", "fill", "kernel", "least", "stride")
    _fields = ("kernel", "stride", "before", "after", "ceil_mode", "fill", "least")
    letters: ClassVar[dict[str, str]] = {
        "before": "before",
        "after": "after",
        "kernel": "ke",
        "stride": "s",
    }
    kernel: int
    stride: int
    before: int
    after: int
    ceil_mode: bool
    fill: str
    least: int

    def __init__(
        self,
        kernel: int,
        stride: int,
        before: int,
        after: int,
        ceil_mode: bool = False,
        fill: str = "constant",
        least: int = 1,
    ) -> None:
        self._set(kernel=kernel, stride=stride, before=before, after=after)
        self._set(ceil_mode=ceil_mode, fill=fill, least=least)

    def _span(self, n: Size) -> Size:
        if self.ceil_mode:
            # No window starts on what is cropped at the end.
            crop, pad = smin(self.after, 0), smax(self.after, 0)
            overhang = smin(self.stride + pad - self.kernel, 0)
            return n + self.before + crop + self.stride - 1 + overhang
        return n + self.before + self.after - self.kernel

    def size(self, n: Size) -> Size:
        """The number of windows."""
        return self._span(n) // self.stride + (0 if self.ceil_mode else 1)

    def slacks(self, n: Size) -> Iterator[tuple[str, Size]]:
        """The input, and the window, must have room."""
        yield _enough(n, self.least)
        if self.ceil_mode:
            yield "one window starts inside the padded input", self._span(n) - self.stride
        else:
            yield "the window fits into the padded input", self._span(n)
        yield from _room_to_pad(n, self.before, self.after, self.fill)

    def dropped(self, n: int) -> int:
        """The remainder of its division: without `ceil_mode`, what no window reads at the end."""
        return int(self._span(n) % self.stride)


class SameWindow(Formula):
    """A window with TensorFlow's `same` rule: ceil(n/s) windows, the padding chosen to fit."""

    __slots__ = ("kernel", "lower", "stride")
    _fields = ("kernel", "stride", "lower")
    letters: ClassVar[dict[str, str]] = {"stride": "s"}
    source = "tf.nn.convolution, padding SAME"
    kernel: int
    stride: int
    lower: bool

    def __init__(self, kernel: int, stride: int, lower: bool = False) -> None:
        self._set(kernel=kernel, stride=stride, lower=lower)

    def size(self, n: Size) -> Size:
        """One window for every s inputs, and one for the rest."""
        return ceil_div(n, self.stride)

    def pads(self, n: Size) -> tuple[Size, Size]:
        """The padding before and after at input size n; an odd one goes to the end or start."""
        total = smax((self.size(n) - 1) * self.stride + self.kernel - n, 0)
        less = total // 2
        return (total - less, less) if self.lower else (less, total - less)


class Spread(Formula):
    """A transposed window: the full length (n - 1)*s + ke, cropped on both sides.

    A negative `after` extends the result by zeros (torch's output_padding beyond the kernel).
    """

    __slots__ = ("after", "before", "kernel", "stride")
    _fields: ClassVar[tuple[str, ...]] = ("kernel", "stride", "before", "after")
    letters: ClassVar[dict[str, str]] = {
        "stride": "s",
        "kernel": "ke",
        "before": "before",
        "after": "after",
    }
    kernel: int
    stride: int
    before: int
    after: int

    def __init__(self, kernel: int, stride: int, before: int, after: int) -> None:
        self._set(kernel=kernel, stride=stride, before=before, after=after)

    def full(self, n: Size) -> Size:
        """The length before any crop."""
        return (n - 1) * self.stride + self.kernel

    def size(self, n: Size) -> Size:
        """What the crops leave."""
        return self.full(n) - self.before - self.after

    def slacks(self, n: Size) -> Iterator[tuple[str, Size]]:
        """Something must be left."""
        yield from super().slacks(n)
        yield "the crops leave at least 1 element", self.size(n) - 1


class SpreadTo(Spread):
    """A transposed window whose size is asked for: the crops follow from it.

    The size may lie below (n - 1)*s + ke - before - after by `room[0]`, and above it by `room[1]`;
    None is no bound.
    """

    __slots__ = ("room", "target")
    _fields = (*Spread._fields, "target", "room")
    letters: ClassVar[dict[str, str]] = {"target": "size"}
    target: int
    room: tuple[int | None, int]

    def __init__(
        self,
        kernel: int,
        stride: int,
        before: int,
        after: int,
        target: int,
        room: tuple[int | None, int],
    ) -> None:
        self._set(
            kernel=kernel, stride=stride, before=before, after=after, target=target, room=room
        )

    def size(self, n: Size) -> Size:
        """The size asked for, whatever n is."""
        return n * 0 + self.target

    def slacks(self, n: Size) -> Iterator[tuple[str, Size]]:
        """The size asked for must be within reach of n."""
        yield _enough(n, 1)
        natural = super().size(n)
        if self.room[0] is not None:
            yield "the size asked for is not too small", self.target + self.room[0] - natural
        yield "the size asked for is not too large", natural + self.room[1] - self.target


class Multiple(Formula):
    """Every element becomes `factor` elements: nearest upsampling and pixel shuffle."""

    __slots__ = ("factor",)
    _fields = ("factor",)
    letters: ClassVar[dict[str, str]] = {"factor": "factor"}
    factor: int

    def __init__(self, factor: int) -> None:
        self._set(factor=factor)

    def size(self, n: Size) -> Size:
        """The product."""
        return n * self.factor


class Part(Formula):
    """Every `factor` elements become one: pixel unshuffle. The factor must divide the size."""

    __slots__ = ("factor",)
    _fields = ("factor",)
    letters: ClassVar[dict[str, str]] = {"factor": "factor"}
    factor: int

    def __init__(self, factor: int) -> None:
        self._set(factor=factor)

    @property
    def modulus(self) -> int:
        """The factor divides every accepted input."""
        return self.factor

    def size(self, n: Size) -> Size:
        """The quotient."""
        return n // self.factor


class Scaled(Formula):
    """A float scale: floor(n * scale), the product rounded to float64 as torch rounds it."""

    __slots__ = ("scale",)
    _fields = ("scale",)
    letters: ClassVar[dict[str, str]] = {"scale": "scale"}
    scale: float

    def __init__(self, scale: float) -> None:
        self._set(scale=scale)

    def size(self, n: Size) -> Size:
        """The floor of the rounded product."""
        return scaled_floor(n, self.scale)

    def slacks(self, n: Size) -> Iterator[tuple[str, Size]]:
        """Something must be left."""
        yield from super().slacks(n)
        yield "the scaled size is at least 1", self.size(n) - 1


class Constant(Formula):
    """A size that the input does not change: adaptive pools, a resize to a size."""

    __slots__ = ("target",)
    _fields = ("target",)
    letters: ClassVar[dict[str, str]] = {"target": "size"}
    target: int

    def __init__(self, target: int) -> None:
        self._set(target=target)

    def size(self, n: Size) -> Size:
        """The size asked for, whatever n is."""
        return n * 0 + self.target


class Shifted(Formula):
    """Padding and cropping: n + before + after, negative to crop.

    `fill` is as in `Window`. `least` bounds the input.
    """

    __slots__ = ("after", "before", "fill", "least")
    _fields = ("before", "after", "fill", "least")
    letters: ClassVar[dict[str, str]] = {"before": "before", "after": "after"}
    before: int
    after: int
    fill: str
    least: int

    def __init__(self, before: int, after: int, fill: str = "constant", least: int = 1) -> None:
        self._set(before=before, after=after, fill=fill, least=least)

    def size(self, n: Size) -> Size:
        """The padded size."""
        return n + self.before + self.after

    def slacks(self, n: Size) -> Iterator[tuple[str, Size]]:
        """Something must be left, and the padding must find values to repeat."""
        yield _enough(n, self.least)
        yield "at least 1 element is left", self.size(n) - 1
        yield from _room_to_pad(n, self.before, self.after, self.fill)


class Sliced(Formula):
    """Every `step`-th element from `start` up to `stop` (None: the end), as Python slices."""

    __slots__ = ("start", "step", "stop")
    _fields = ("start", "stop", "step")
    letters: ClassVar[dict[str, str]] = {"start": "start", "stop": "stop", "step": "step"}
    start: int
    stop: int | None
    step: int

    def __init__(self, start: int, stop: int | None, step: int) -> None:
        self._set(start=start, stop=stop, step=step)

    def _end(self, n: Size) -> Size:
        if self.stop is None:
            return n
        return n + self.stop if self.stop < 0 else smin(n, self.stop)

    def _begin(self, n: Size) -> Size:
        return smax(n + self.start, 0) if self.start < 0 else self.start

    def size(self, n: Size) -> Size:
        """How many elements are taken."""
        return ceil_div(self._end(n) - self._begin(n), self.step)

    def slacks(self, n: Size) -> Iterator[tuple[str, Size]]:
        """Something must be left."""
        yield from super().slacks(n)
        yield "the slice takes at least 1 element", self._end(n) - self._begin(n) - 1
