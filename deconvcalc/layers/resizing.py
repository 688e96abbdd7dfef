"""Layers without weights that change sizes: resize, shuffle, pad, crop, slice, adaptive pools."""

from __future__ import annotations

from math import isfinite, isnan, nan, prod
from typing import TYPE_CHECKING, Any, ClassVar

from deconvcalc.errors import LayerError
from deconvcalc.formulas import Constant, Formula, Multiple, Part, Scaled, Shifted, Sliced, shared
from deconvcalc.layers.base import Arguments, Explicit, Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "AdaptivePool",
    "Crop",
    "GlobalPool",
    "Identity",
    "Pad",
    "PixelShuffle",
    "PixelUnshuffle",
    "Slice",
    "Upsample",
]


class Upsample(Layer):
    """Resize by a factor or to a size.

    Args:
        factor: an int or a float, or one per axis. An int multiplies exactly; a float is
            floor(n * factor), the product rounded to float64 as PyTorch rounds it.
        size: instead of a factor, the output size, or one per axis.
        mode: the interpolation, as the framework names it.
        align_corners: whether the centres of the corner pixels stay where they are.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Source: `torch.nn.Upsample`, section Shape.

    >>> Upsample(2).output_size(28), Upsample(0.29).output_size(100)
    (56, 28)
    >>> Upsample(size=7).output_size(4)
    7
    """

    __slots__ = ("align_corners", "factor", "mode", "size")
    source = "torch.nn.Upsample, section Shape"
    _fields = ("factor", "size", "mode", "align_corners", "axes")
    _defaults: ClassVar[dict[str, Any]] = {"mode": "nearest", "align_corners": False}
    factor: Any
    size: Any
    mode: str
    align_corners: bool

    def __init__(
        self,
        factor: Any = None,
        *,
        size: Any = None,
        mode: str = "nearest",
        align_corners: bool = False,
        axes: int | None = None,
    ) -> None:
        if (factor is None) == (size is None):
            raise LayerError(
                "Upsample: give a factor or a size, one of the two",
                rule="factor",
                hint="Upsample(2) doubles; Upsample(size=7) gives 7.",
            )
        read = Arguments("Upsample", axes)
        self._set(
            factor=None if factor is None else read.each("factor", factor, _read_factor),
            size=None if size is None else read.ints("size", size, 1),
            mode=read.text("mode", mode),
            align_corners=read.flag("align_corners", align_corners),
        )
        self._finish(read.axes)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        if self.factor is None:
            return shared(Constant, pick(self.size))
        factor = pick(self.factor)
        return shared(Scaled, factor) if isinstance(factor, float) else shared(Multiple, factor)


def _read_factor(value: Any) -> int | float:
    factor = Arguments("Upsample").number("factor", value)
    if not (isfinite(factor) and factor > 0):
        raise LayerError(
            f"Upsample: factor must be above 0 and finite, not {factor}",
            rule="factor",
            hint="Upsample(2) doubles, Upsample(0.5) halves.",
        )
    return int(factor) if factor == int(factor) else factor


class PixelShuffle(Layer):
    """Blocks of channels become pixels: n * factor, with factor**axes times fewer channels.

    Args:
        factor: the factor, an int or one per axis.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Source: Shi et al. 2016, `torch.nn.PixelShuffle`.

    >>> PixelShuffle(2).output_size((14, 14))
    (28, 28)
    """

    __slots__ = ("factor",)
    source = "torch.nn.PixelShuffle, section Shape"
    _fields = ("factor", "axes")
    _required: ClassVar[tuple[str, ...]] = ("factor",)
    factor: Any

    def __init__(self, factor: Any, *, axes: int | None = None) -> None:
        read = Arguments(type(self).__name__, axes)
        self._set(factor=read.ints("factor", factor, 1))
        self._finish(read.axes)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        return shared(Multiple, pick(self.factor))


class PixelUnshuffle(PixelShuffle):
    """The inverse of `PixelShuffle`: the factor must divide the size.

    Args:
        factor: the factor, an int or one per axis.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Source: `torch.nn.PixelUnshuffle`.

    >>> PixelUnshuffle(2).output_size(28)
    14
    """

    __slots__ = ()
    source = "torch.nn.PixelUnshuffle, section Shape"

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        return shared(Part, pick(self.factor))


PAD_MODES = ("constant", "reflect", "replicate", "circular")


class Pad(Layer):
    """Padding: n + before + after. A negative side crops.

    Args:
        padding: an int for both sides, one per axis, or pairs `((before, after), ...)`.
        mode: "constant", "reflect" (a side is shorter than the input), "replicate" or "circular"
            (a side is at most the input).
        value: the constant; infinite too, as a max pool likes it.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Source: `torch.nn.functional.pad`.

    >>> Pad(((1, 0), (2, 2))).output_size((4, 4))
    (5, 8)
    """

    __slots__ = ("mode", "padding", "value")
    source = "torch.nn.ConstantPad2d, section Shape"
    _fields = ("padding", "mode", "value", "axes")
    _required: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {"mode": "constant", "value": 0.0}
    padding: Any
    mode: str
    value: float

    def __init__(
        self, padding: Any, *, mode: str = "constant", value: float = 0.0, axes: int | None = None
    ) -> None:
        read = Arguments("Pad", axes)
        number = float(read.number("value", value))
        self._set(
            padding=_sides(read, "padding", padding),
            mode=read.word("mode", mode, PAD_MODES),
            value=nan if isnan(number) else number,  # one nan, which is equal to itself
        )
        if mode != "constant":
            self._set(value=0.0)
        self._finish(read.axes)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        sides = pick(self.padding)
        return shared(Shifted, sides.before, sides.after, self.mode)


def _sides(read: Arguments, name: str, value: Any, least: int | None = None) -> Any:
    sides = read.padding(value, least, name)
    for item in sides if isinstance(sides, tuple) else (sides,):
        if not isinstance(item, Explicit):
            raise LayerError(
                f"{read.owner}: {name} takes an int or pairs, not {item!r}",
                rule=name,
                hint=f"Give {name} an int for both sides, or ((before, after), ...).",
            )
    return sides


class Crop(Layer):
    """Cropping: n - before - after, at least 1 element stays.

    Args:
        cropping: an int for both sides, one per axis, or pairs `((before, after), ...)`.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Source: `keras.layers.Cropping2D`.

    >>> Crop(1).output_size(30)
    28
    """

    __slots__ = ("cropping",)
    source = "keras.layers.Cropping2D"
    _fields = ("cropping", "axes")
    _required: ClassVar[tuple[str, ...]] = ("cropping",)
    cropping: Any

    def __init__(self, cropping: Any, *, axes: int | None = None) -> None:
        read = Arguments("Crop", axes)
        self._set(cropping=_sides(read, "cropping", cropping, 0))
        self._finish(read.axes)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        sides = pick(self.cropping)
        return shared(Shifted, -sides.before, -sides.after)


class Slice(Layer):
    """Every step-th element from start up to stop, along each axis, as Python slices do.

    Args:
        start: the first element; negative counts from the end. An int or one per axis.
        stop: the end, excluded; negative counts from the end; None takes all.
        step: at least 1.
        axes: how many axes; by default as many as a tuple has, or as the size has.

    >>> Slice(1, -1).output_size(30), Slice(step=2).output_size(7)
    (28, 4)
    """

    __slots__ = ("start", "step", "stop")
    source = "the slices of Python"
    _fields = ("start", "stop", "step", "axes")
    _defaults: ClassVar[dict[str, Any]] = {"start": 0, "step": 1}
    start: Any
    stop: Any
    step: Any

    def __init__(
        self, start: Any = 0, stop: Any = None, step: Any = 1, *, axes: int | None = None
    ) -> None:
        read = Arguments("Slice", axes)
        self._set(
            start=read.each("start", start, lambda item: read.whole("start", item)),
            stop=read.each(
                "stop", stop, lambda item: None if item is None else read.whole("stop", item)
            ),
            step=read.ints("step", step, 1),
        )
        self._finish(read.axes)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        return shared(Sliced, pick(self.start), pick(self.stop), pick(self.step))


class AdaptivePool(Layer):
    """A pool with a fixed output: window i reads [floor(i*n/m), ceil((i + 1)*n/m)).

    Args:
        size: the output size, or one per axis; None leaves an axis as it is.
        kind: "average" or "max".
        axes: how many axes; by default as many as a tuple has, or as the size has.

    Source: `torch.nn.AdaptiveAvgPool2d`.

    >>> AdaptivePool(7).output_size(100)
    7
    """

    __slots__ = ("kind", "size")
    source = "torch.nn.AdaptiveAvgPool2d, section Shape"
    _fields = ("size", "kind", "axes")
    _defaults: ClassVar[dict[str, Any]] = {"kind": "average"}
    _required: ClassVar[tuple[str, ...]] = ("size",)
    size: Any
    kind: str

    def __init__(self, size: Any, *, kind: str = "average", axes: int | None = None) -> None:
        read = Arguments("AdaptivePool", axes)
        self._set(
            size=read.each(
                "size", size, lambda item: None if item is None else read.whole("size", item, 1)
            ),
            kind=read.word("kind", kind, ("average", "max")),
        )
        self._finish(read.axes)

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        target = pick(self.size)
        return shared(Shifted, 0, 0) if target is None else shared(Constant, target)


class GlobalPool(Layer):
    """A pool over everything: size 1, or no spatial axis at all.

    Args:
        kind: "average" or "max".
        keepdims: whether axes of size 1 stay.
        axes: how many axes; by default as many as the size has.

    Source: `keras.layers.GlobalAveragePooling2D`.

    >>> GlobalPool().output_size((7, 9)), GlobalPool(keepdims=False).output_size((7, 9))
    ((1, 1), ())
    """

    __slots__ = ("keepdims", "kind")
    source = "keras.layers.GlobalAveragePooling2D"
    _fields = ("kind", "keepdims", "axes")
    _defaults: ClassVar[dict[str, Any]] = {"kind": "average", "keepdims": True}
    kind: str
    keepdims: bool

    def __init__(
        self, kind: str = "average", *, keepdims: bool = True, axes: int | None = None
    ) -> None:
        read = Arguments("GlobalPool", axes)
        self._set(
            kind=read.word("kind", kind, ("average", "max")),
            keepdims=read.flag("keepdims", keepdims),
        )
        self._finish(read.axes)

    def _formula(self, _pick: Callable[[Any], Any]) -> Formula:
        return shared(Constant, 1)

    def output_size(self, size: Any) -> Any:
        """Sizes of 1, or `()` for a tuple of sizes where no axis stays; see `Layer.output_size`."""
        result = super().output_size(size)
        return () if isinstance(result, tuple) and not self.keepdims else result


class Identity(Layer):
    """Anything that leaves sizes alone: activations, normalisation, dropout.

    Args:
        name: what it is, for people to read.
        least_elements: how many spatial elements the layer needs, over all axes.
        axes: how many axes; by default as many as the size has.

    >>> Identity("relu").output_size((7, 9))
    (7, 9)
    """

    __slots__ = ("least_elements", "name")
    source = "torch.nn.Identity, section Shape"
    _fields = ("name", "least_elements", "axes")
    _defaults: ClassVar[dict[str, Any]] = {"name": "identity", "least_elements": 1}
    name: str
    least_elements: int

    def __init__(
        self, name: str = "identity", *, least_elements: int = 1, axes: int | None = None
    ) -> None:
        read = Arguments("Identity", axes)
        self._set(
            name=read.text("name", name),
            least_elements=read.whole("least_elements", least_elements, 1),
        )
        self._finish(read.axes)

    def _formula(self, _pick: Callable[[Any], Any]) -> Formula:
        """The formula of all axes alike: n**axes elements must be enough."""
        low, high = 1, self.least_elements
        while low < high:
            middle = (low + high) // 2
            enough = middle ** (self.axes or 1) >= self.least_elements
            low, high = (low, middle) if enough else (middle + 1, high)
        return shared(Shifted, 0, 0, "constant", low)

    def on_axis(self, axis: int) -> Formula:  # noqa: ARG002  # all axes are alike
        """The formula of one axis: only all axes together need a least size."""
        return shared(Shifted, 0, 0)

    def _joint(self, sizes: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        if self.least_elements > 1:
            rule = f"there are at least {self.least_elements} elements"
            yield rule, prod(sizes) >= self.least_elements
