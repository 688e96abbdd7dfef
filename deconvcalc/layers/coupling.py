"""Layers whose axes depend on each other: flatten, dense, reshape, unfold and fold."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from deconvcalc.algebra import equal, is_array
from deconvcalc.errors import DeconvcalcError, LayerError
from deconvcalc.formulas import Formula
from deconvcalc.layers.base import Arguments, Explicit, Layer, picker
from deconvcalc.layers.windows import Windowed
from deconvcalc.values import integer, spatial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Dense", "Flatten", "Fold", "Reshape", "Unfold"]


_WINDOW_DEFAULTS = {"stride": 1, "padding": Explicit(0, 0), "dilation": 1}


class _AnySize(Formula):
    """A size of one axis that only the rules over all axes can judge."""

    __slots__ = ()

    def size(self, n: Any) -> Any:
        return n


class _Coupling(Layer):
    """A layer that needs the sizes of all axes at once, and has no map of one axis."""

    __slots__ = ()
    couples = True

    def _formula(self, _pick: Callable[[Any], Any]) -> Formula:
        return _AnySize()

    def _join(self, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        """The output sizes, from what the formula of each axis gives."""
        raise NotImplementedError

    def output_size(self, size: Any) -> Any:
        """The output sizes.

        Args:
            size: a tuple of sizes, ints or sympy expressions; one size stands for one axis.

        Returns:
            A tuple.

        Raises:
            SizeError: the layer refuses the sizes.
            TypeError: a wrong type; an array too, which has the sizes of one axis only.
        """
        if is_array(size) and integer(size) is None:
            raise TypeError(f"{type(self).__name__} couples axes: an array of sizes has only one")
        sizes = spatial(size)
        sizes = super().output_size((size,) if sizes is None else sizes)
        return self._join(sizes)

    def accepts(self, size: Any) -> Any:
        """Whether the layer takes the sizes: a bool, a condition for sympy."""
        if is_array(size) and integer(size) is None:
            return bool(self.output_size(size))
        return super().accepts((size,) if spatial(size) is None else size)

    def size_map(self) -> Any:
        """No map of one axis describes the layer.

        Raises:
            DeconvcalcError: always.
        """
        raise DeconvcalcError(f"{self} couples its axes: no map of one axis describes it")


class Flatten(_Coupling):
    """All spatial axes become one, of their product; the channel count multiplies it.

    Args:
        axes: how many axes; by default as many as the size has.

    >>> Flatten().output_size((7, 7))
    (49,)
    """

    __slots__ = ()
    _fields = ("axes",)

    def __init__(self, *, axes: int | None = None) -> None:
        self._finish(Arguments("Flatten", axes).axes)

    def _join(self, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        return (prod(sizes),)


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
            bias=read.flag("bias", bias),
        )
        self._finish(read.axes)

    def _joint(self, sizes: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        if self.in_features is not None:
            yield (
                f"the last axis has {self.in_features} elements",
                equal(sizes[-1], self.in_features),
            )

    def _join(self, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
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
        target = sizes if isinstance(sizes, (tuple, list)) else (sizes,)
        whole = tuple([read.whole("sizes", item, -1) for item in target])
        if whole.count(-1) > 1 or 0 in whole or not whole:
            raise LayerError(
                f"Reshape: sizes must be at least 1 each, and one may be -1, not {whole}",
                rule="sizes",
                hint="Give one size for each new axis.",
            )
        self._set(sizes=whole)
        self._finish(read.axes)

    def _by_axis(self) -> bool:
        return False  # the tuple has the axes of the output

    def _known(self) -> int:
        return prod([item for item in self.sizes if item != -1])

    def _joint(self, sizes: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        total, known = prod(sizes), self._known()
        fills = equal(total % known, 0) if -1 in self.sizes else equal(total, known)
        yield f"the elements of the input fill {self.sizes}", fills

    def _join(self, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        rest = prod(sizes) // self._known()
        return tuple([rest if item == -1 else item for item in self.sizes])


class Unfold(Windowed, _Coupling):
    """All windows side by side: as many as a convolution has outputs.

    Args:
        kernel_size: as for `Conv`.
        stride: as for `Conv`.
        padding: as for `Conv`.
        dilation: as for `Conv`.
        axes: as for `Conv`.

    Source: `torch.nn.Unfold`.

    >>> Unfold(3).output_size((5, 6))
    (12,)
    """

    __slots__ = ("dilation", "kernel_size", "padding", "stride")
    _fields = ("kernel_size", "stride", "padding", "dilation", "axes")
    _defaults: ClassVar[dict[str, Any]] = _WINDOW_DEFAULTS

    def __init__(
        self,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        axes: int | None = None,
    ) -> None:
        read = Arguments("Unfold", axes)
        fields = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        self._read(read, fields | {"dilation": dilation})
        self._finish(read.axes)

    def _join(self, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        return (prod(sizes),)


class Fold(Windowed, _Coupling):
    """The inverse of `Unfold`: windows are added up where they lie.

    Args:
        size: the output sizes, an int or one per axis.
        kernel_size: as for `Conv`.
        stride: as for `Conv`.
        padding: as for `Conv`.
        dilation: as for `Conv`.

    Raises:
        LayerError: no window fits into the output.

    Source: `torch.nn.Fold`.

    >>> Fold((5, 6), 3).output_size(12)
    (5, 6)
    """

    __slots__ = ("_windows", "dilation", "kernel_size", "padding", "size", "stride")
    _fields = ("size", "kernel_size", "stride", "padding", "dilation")
    _required: ClassVar[tuple[str, ...]] = ("size", "kernel_size")
    _defaults: ClassVar[dict[str, Any]] = _WINDOW_DEFAULTS
    size: tuple[int, ...]
    _windows: int

    def __init__(
        self, size: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> None:
        read = Arguments("Fold")
        target = size if isinstance(size, (tuple, list)) else (size,)
        self._set(size=tuple([read.whole("size", n, 1) for n in target]))
        read.agree("size", len(self.size))
        fields = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        fields["dilation"] = dilation
        self._read(read, fields)
        self._set(_windows=prod([self._count(axis, n) for axis, n in enumerate(self.size)]))
        # The windows lie on the output, whose size is known: so is what a rule pads.
        self._set(padding=Unfold(**fields, axes=len(self.size)).at(self.size).padding)
        self._finish(1)

    def _count(self, axis: int, n: int) -> int:
        """How many windows lie along one axis of the output."""
        window = Windowed._formula(self, picker(axis))
        if any(slack < 0 for _, slack in window.slacks(n)):
            raise LayerError(
                f"Fold: no window fits into size {n} of axis {axis}",
                axis=axis,
                size=n,
                rule="kernel_size",
                hint="Take a smaller kernel_size, or more padding.",
            )
        return int(window.size(n))

    def _formula(self, _pick: Callable[[Any], Any]) -> Formula:
        return _AnySize()

    def _joint(self, sizes: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        yield f"there are {self._windows} windows", equal(sizes[0], self._windows)

    def _join(self, _sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        return self.size
