"""Layers whose axes depend on each other: flatten, dense, reshape, unfold and fold."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from deconvcalc.algebra import is_array
from deconvcalc.errors import DeconvcalcError, LayerError, SizeError
from deconvcalc.formulas import Constant, Formula
from deconvcalc.layers.base import Arguments, Layer, spatial
from deconvcalc.layers.windows import Conv
from deconvcalc.values import integer

__all__ = ["Dense", "Flatten", "Fold", "Reshape", "Unfold"]


class _Coupling(Layer):
    """A layer that needs the sizes of all axes at once, and has no map of one axis."""

    __slots__ = ()

    def _sizes(self, size: Any) -> tuple[Any, ...]:
        """All sizes as plain ints, each at least 1 (or as sympy expressions)."""
        if is_array(size):
            raise TypeError(f"{type(self).__name__} couples axes: an array of sizes has only one")
        sizes = spatial(size)
        sizes = (size,) if sizes is None else sizes
        self._check_axes(len(sizes))
        return tuple([self._one(n, None) for n in sizes])

    def _formula(self, pick: Any) -> Formula:
        return _AnySize()

    def _refuse(self, sizes: tuple[Any, ...], rule: str) -> SizeError:
        return SizeError(
            f"{self} refuses {sizes}: it needs that {rule}", layer=self, size=sizes, rule=rule
        )

    def size_map(self) -> Any:
        """Raises: the axes depend on each other."""
        raise DeconvcalcError(f"{self} couples its axes: no map of one axis describes it")

    def accepts(self, size: Any) -> Any:
        """Whether the layer takes the sizes."""
        try:
            self.output_size(size)
        except SizeError:
            return False
        return True


class _AnySize(Formula):
    __slots__ = ()

    def size(self, n: Any) -> Any:
        return n


class Flatten(_Coupling):
    """All spatial axes become one, of their product; the channel count multiplies it.

    >>> Flatten().output_size((7, 7))
    (49,)
    """

    __slots__ = ()
    _fields = ("axes",)

    def __init__(self, *, axes: int | None = None) -> None:
        self._finish(Arguments("Flatten", axes).axes)

    def output_size(self, size: Any) -> Any:
        """One size, the product."""
        return (prod(self._sizes(size)),)


class Dense(_Coupling):
    """A linear layer on the last axis.

    Args:
        out_features: the new size of the last axis.
        in_features: the size that the last axis must have, or None for any.
        bias: whether a bias is added.
        axes: how many axes; by default as many as the size has.

    >>> Dense(10, in_features=49).output_size((49,))
    (10,)
    """

    __slots__ = ("bias", "in_features", "out_features")
    _fields = ("out_features", "in_features", "bias", "axes")
    _required: ClassVar[tuple[str, ...]] = ("out_features",)
    _defaults: ClassVar[dict[str, Any]] = {"bias": True}
    out_features: int
    in_features: int | None
    bias: bool

    def __init__(
        self,
        out_features: int,
        *,
        in_features: int | None = None,
        bias: bool = True,
        axes: int | None = None,
    ) -> None:
        read = Arguments("Dense", axes)
        self._set(
            out_features=read.whole("out_features", out_features, 1),
            in_features=read.channels("in_features", in_features),
            bias=bool(bias),
        )
        self._finish(read.axes)

    def output_size(self, size: Any) -> Any:
        """The sizes with the last one replaced."""
        sizes = self._sizes(size)
        if self.in_features is not None and sizes[-1] != self.in_features:
            raise self._refuse(sizes, f"the last axis has {self.in_features} elements")
        return (*sizes[:-1], self.out_features)


class Reshape(_Coupling):
    """The same elements in other axes.

    Args:
        sizes: the new sizes; one may be -1 and takes what is left.
        axes: how many axes the input has; by default any.

    >>> Reshape((7, -1)).output_size((49,))
    (7, 7)
    """

    __slots__ = ("sizes",)
    _fields = ("sizes", "axes")
    _required: ClassVar[tuple[str, ...]] = ("sizes",)
    sizes: tuple[int, ...]

    def __init__(self, sizes: Any, *, axes: int | None = None) -> None:
        read = Arguments("Reshape", axes)
        target = spatial(sizes)
        target = (sizes,) if target is None else target
        whole = tuple([read.whole("sizes", item, -1) for item in target])
        if whole.count(-1) > 1 or 0 in whole:
            raise LayerError(
                f"Reshape: sizes are at least 1, and one may be -1: {whole}", rule="sizes"
            )
        self._set(sizes=whole)
        self._finish(read.axes)

    def _finish(self, axes: int | None) -> None:
        self._set(axes=axes, _formulas=(_AnySize(),))

    def output_size(self, size: Any) -> Any:
        """The new sizes."""
        sizes = self._sizes(size)
        total, known = prod(sizes), prod([item for item in self.sizes if item != -1])
        if total % known if -1 in self.sizes else total != known:
            raise self._refuse(sizes, f"{total} elements fill {self.sizes}")
        return tuple([total // known if item == -1 else item for item in self.sizes])


class Unfold(_Coupling):
    """All windows side by side: as many as a convolution has outputs.

    Args:
        kernel_size: as for `Conv`.
        stride: as for `Conv`.
        padding: an int for both sides, or one per axis.
        dilation: as for `Conv`.
        axes: as for `Conv`.

    Source: `torch.nn.Unfold`.

    >>> Unfold(3).output_size((5, 6))
    (12,)
    """

    __slots__ = ("window",)
    _fields = ("window", "axes")
    window: Conv

    def __init__(
        self,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        axes: int | None = None,
    ) -> None:
        window = Conv(kernel_size, stride=stride, padding=padding, dilation=dilation, axes=axes)
        self._set(window=window)
        self._finish(window.axes)

    def __reduce__(self) -> Any:
        window = self.window
        arguments = (window.kernel_size, window.stride, window.padding, window.dilation, self.axes)
        return _unfold, arguments

    def __repr__(self) -> str:
        return repr(self.window).replace("Conv(", "Unfold(", 1)

    def output_size(self, size: Any) -> Any:
        """The number of windows."""
        return (prod(self.window.output_size(self._sizes(size))),)


def _unfold(k: Any, s: Any, p: Any, d: Any, axes: int | None) -> Unfold:
    return Unfold(k, stride=s, padding=p, dilation=d, axes=axes)


class Fold(_Coupling):
    """The inverse of `Unfold`: windows are added up where they lie.

    Args:
        size: the output sizes, one per axis.
        kernel_size: as for `Conv`.
        stride: as for `Conv`.
        padding: an int for both sides, or one per axis.
        dilation: as for `Conv`.

    Raises:
        LayerError: no window fits into the output.

    Source: `torch.nn.Fold`.

    >>> Fold((5, 6), 3).output_size(12)
    (5, 6)
    """

    __slots__ = ("size", "window")
    _fields = ("size", "window", "axes")
    size: tuple[int, ...]
    window: Conv

    def __init__(
        self, size: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> None:
        read = Arguments("Fold")
        target = spatial(size)
        whole = tuple([read.whole("size", n, 1) for n in (target if target else (size,))])
        window = Conv(
            kernel_size, stride=stride, padding=padding, dilation=dilation, axes=len(whole)
        )
        if not window.accepts(whole):
            raise LayerError(f"Fold: no window of {window} fits into {whole}", rule="kernel_size")
        self._set(size=whole, window=window, axes=1, _formulas=(Constant(1),))

    def __reduce__(self) -> Any:
        window = self.window
        return _fold, (
            self.size,
            window.kernel_size,
            window.stride,
            window.padding,
            window.dilation,
        )

    def __repr__(self) -> str:
        return repr(self.window).replace("Conv(", f"Fold({self.size}, ", 1)

    def output_size(self, size: Any) -> Any:
        """The sizes asked for, if the input has as many windows as they have."""
        sizes = spatial(size)
        count = integer(size if sizes is None else sizes[0])
        windows = prod(self.window.output_size(self.size))
        if (sizes is not None and len(sizes) != 1) or count != windows:
            raise self._refuse((size,), f"there are {windows} windows")
        return self.size


def _fold(size: Any, k: Any, s: Any, p: Any, d: Any) -> Fold:
    return Fold(size, k, stride=s, padding=p, dilation=d)
