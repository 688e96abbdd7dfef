"""What all layers share: how arguments are read, padding rules, and sizes of one or more axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from deconvcalc.algebra import certain, is_array, is_expression
from deconvcalc.errors import DeconvcalcError, LayerError, SizeError
from deconvcalc.formulas import Formula
from deconvcalc.sizemap import SizeMap
from deconvcalc.values import Value, integer

__all__ = ["Arguments", "Explicit", "Layer", "Padding", "Same", "ToSize", "spatial"]

T = TypeVar("T")
L = TypeVar("L", bound="Layer")
MOST_AXES = 3


class Explicit(Value):
    """So many elements before and after: padding for a window, crops for a transposed one.

    Negative padding crops; a negative crop after extends by zeros.

    >>> Explicit(1, 0)
    Explicit(1, 0)
    """

    __slots__ = ("after", "before")
    _fields = ("before", "after")
    before: int
    after: int

    def __init__(self, before: int, after: int) -> None:
        self._set(before=_whole("before", before), after=_whole("after", after))

    def __repr__(self) -> str:
        return f"Explicit({self.before}, {self.after})"


class Same(Value):
    """TensorFlow's `same`: as much padding as ceil(n/s) windows need, so it depends on n.

    Args:
        odd: where the odd element goes: "upper" is the end (TensorFlow, Keras), "lower" the start.

    >>> Same()
    Same('upper')
    """

    __slots__ = ("odd",)
    _fields = ("odd",)
    odd: str

    def __init__(self, odd: str = "upper") -> None:
        if odd not in ("upper", "lower"):
            raise LayerError(f'Same takes "upper" or "lower", not {odd!r}', rule="padding")
        self._set(odd=odd)

    def __repr__(self) -> str:
        return f"Same({self.odd!r})"


class ToSize(Value):
    """Crop a transposed window to a size.

    Args:
        size: the output size.
        split: how many elements are cropped before (an int, as torch's `padding` with its
            `output_size=`), or where the odd element of an even split goes: "upper" crops it at
            the end (TensorFlow's `output_shape`), "lower" at the start (ONNX).
    """

    __slots__ = ("size", "split")
    _fields = ("size", "split")
    size: int
    split: str | int

    def __init__(self, size: int, split: str | int = "upper") -> None:
        if split not in ("upper", "lower"):
            split = _whole("split", split, least=0)
        self._set(size=_whole("size", size, least=1), split=split)


Padding = Explicit | Same | ToSize
"""A padding rule of one axis."""


def _whole(name: str, value: Any, *, least: int | None = None, owner: str = "") -> int:
    """The plain int of an argument, or an error that names it."""
    number = integer(value)
    prefix = f"{owner}: " if owner else ""
    if number is None:
        raise TypeError(f"{prefix}{name} must be an int, not {value!r}")
    if least is not None and number < least:
        raise LayerError(
            f"{prefix}{name} must be at least {least}, not {number}",
            rule=name,
            hint=f"Give {name} an int from {least} upwards.",
        )
    return number


class Arguments:
    """Reads the arguments of one layer: an int is for every axis, a tuple has one per axis."""

    def __init__(self, owner: str, axes: int | None = None) -> None:
        self.owner = owner
        self.axes: int | None = None
        if axes is not None:
            self._agree("axes", _whole("axes", axes, least=1, owner=owner))

    def _agree(self, name: str, count: int) -> None:
        if not 1 <= count <= MOST_AXES:
            raise LayerError(
                f"{self.owner}: {name} has {count} axes; a layer has 1 to {MOST_AXES}", rule=name
            )
        if self.axes not in (None, count):
            raise LayerError(
                f"{self.owner}: {name} has {count} axes, other arguments have {self.axes}",
                rule=name,
                hint="Give each argument one int, or one int for each axis.",
            )
        self.axes = count

    def whole(self, name: str, value: Any, least: int | None = None) -> int:
        """One int for the whole layer."""
        return _whole(name, value, least=least, owner=self.owner)

    def channels(self, name: str, value: Any) -> int | None:
        """A channel count, or None where it is left open."""
        return None if value is None else self.whole(name, value, 1)

    def word(self, name: str, value: Any, words: Sequence[str]) -> str:
        """One of some words."""
        if value not in words:
            known = ", ".join(repr(word) for word in words)
            raise LayerError(f"{self.owner}: {name} must be one of {known}, not {value!r}", rule=name)
        return str(value)

    def each(self, name: str, value: Any, read: Callable[[Any], T]) -> T | tuple[T, ...]:
        """One value for every axis, or a tuple of values that differ."""
        if not isinstance(value, (tuple, list)):
            return read(value)
        self._agree(name, len(value))
        items = tuple([read(item) for item in value])
        return items[0] if all(item == items[0] for item in items) else items

    def ints(self, name: str, value: Any, least: int) -> Any:
        """An int for every axis, or a tuple of one per axis."""
        return self.each(name, value, lambda item: self.whole(name, item, least))

    def padding(self, value: Any, least: int | None = None) -> Any:
        """A padding rule for every axis, or a tuple of rules.

        An int pads both sides alike; a pair inside a tuple is (before, after) of one axis.
        """

        def read(item: Any) -> Padding:
            if isinstance(item, (Explicit, Same, ToSize)):
                return item
            if isinstance(item, (tuple, list)) and len(item) == 2:
                before, after = (self.whole("padding", side, least) for side in item)
                return Explicit(before, after)
            if isinstance(item, str):
                raise LayerError(
                    f"{self.owner}: padding takes an int, pairs or a rule, not {item!r}",
                    rule="padding",
                    hint='The word belongs to a framework. Here it is Same("upper"), or 0 for valid.',
                )
            side = self.whole("padding", item, least)
            return Explicit(side, side)

        return self.each("padding", value, read)


class Layer(Value):
    """A frozen layer: what it does to the sizes of one to three axes.

    Attributes:
        axes: how many axes it has; None for as many as a size has.
    """

    __slots__ = ("_formulas", "axes")
    _required: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    axes: int | None
    _formulas: tuple[Formula, ...]

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        """The formula of one axis; `pick` takes a field's value to that of the axis."""
        raise NotImplementedError

    def _finish(self, axes: int | None) -> None:
        """Set the axis count and make the formulas: one where all axes are alike."""
        self._set(axes=axes)
        alike = not any(isinstance(value, tuple) for value in self._values())
        picks = range(1 if alike else axes or 1)
        self._set(_formulas=tuple([self._formula(_picker(i)) for i in picks]))

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self._values())

    def on_axis(self, axis: int) -> Formula:
        """The formula of one axis."""
        return self._formulas[0 if len(self._formulas) == 1 else axis]

    def replace(self: L, **fields: Any) -> L:
        """The same layer with some fields changed; checked like a new one."""
        unknown = set(fields) - set(self._fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return type(self)(**{name: getattr(self, name) for name in self._fields} | fields)

    # Sizes.

    def output_size(self, size: Any) -> Any:
        """The output size for an input size.

        Args:
            size: an int, for all axes; a tuple, list or `torch.Size`, one per axis; a numpy array
                of integers, sizes of one axis, elementwise; or a sympy expression.

        Returns:
            The same kind: an int, a tuple, an array of int64, an expression.

        Raises:
            SizeError: the layer refuses the size. It names the size, the axis and the rule; for an
                array the count and the first index.
            TypeError: a wrong type.

        >>> from deconvcalc import Conv
        >>> Conv(3, stride=2, padding=1).output_size((28, 31))
        (14, 16)
        """
        sizes = spatial(size)
        if sizes is not None:
            self._check_axes(len(sizes))
            return tuple([self._one(n, axis) for axis, n in enumerate(sizes)])
        if len(self._formulas) > 1:
            raise SizeError(
                f"the axes of {self} differ: {size!r} does not say which",
                layer=self,
                size=size,
                rule="axes",
                hint=f"Give a tuple of {self.axes} sizes.",
            )
        return self._one(size, None)

    def accepts(self, size: Any) -> Any:
        """Whether the layer takes a size: a bool, a mask for an array, a condition for sympy.

        >>> from deconvcalc import Conv
        >>> Conv(3).accepts(2), Conv(3).accepts(3)
        (False, True)
        """
        if is_array(size):
            return _mask(self.on_axis(0), _int64(size))
        if is_expression(size) and integer(size) is None:
            return _condition(self.on_axis(0), size)
        try:
            self.output_size(size)
        except SizeError:
            return False
        return True

    def size_map(self) -> Any:
        """The exact map from input to output size, for every n.

        Returns:
            A `SizeMap`; a tuple of them where the axes differ.

        Raises:
            DeconvcalcError: a formula is no single floor (a float scale, a rule that depends on n).

        >>> from deconvcalc import ConvTranspose
        >>> print(ConvTranspose(6, stride=2).size_map())
        2*n + 4
        """
        maps = tuple([_map(formula) for formula in self._formulas])
        return maps[0] if len(maps) == 1 else maps

    def at(self: L, size: Any) -> L:
        """The layer with its rules made explicit for one size. A layer without rules is itself."""
        self.output_size(size)
        return self

    def _check_axes(self, count: int) -> None:
        if self.axes is None and not 1 <= count <= MOST_AXES:
            raise SizeError(f"a size has 1 to {MOST_AXES} axes, not {count}", layer=self, rule="axes")
        if self.axes not in (None, count):
            raise SizeError(
                f"{self} has {self.axes} axes, the size has {count}",
                layer=self,
                rule="axes",
                hint=f"Give {self.axes} sizes, without batch and channels.",
            )

    def _one(self, size: Any, axis: int | None) -> Any:
        """The output size along one axis, after the rules were checked."""
        formula = self.on_axis(axis or 0)
        n = integer(size)
        if n is None:
            return self._other(size, axis, formula)
        for rule, slack in formula.slacks(n):
            if slack < 0:
                raise self._refusal(n, axis, rule, slack)
        if n % formula.modulus:
            raise self._refusal(n, axis, f"the size is a multiple of {formula.modulus}", None)
        return formula.size(n)

    def _other(self, size: Any, axis: int | None, formula: Formula) -> Any:
        if is_array(size):
            if axis is not None:
                raise TypeError("an array is sizes of one axis: it cannot stand inside a tuple")
            return _elementwise(self, formula, _int64(size))
        if is_expression(size):
            if size.is_integer is False:
                raise TypeError(f"a size is an integer, not {size}")
            for rule, slack in formula.slacks(size):
                if certain(slack >= 0) is False:
                    raise self._refusal(size, axis, rule, None)
            return formula.size(size)
        raise TypeError(
            f"a size is an int, a tuple of ints, a numpy array or a sympy expression, not {size!r}"
        )

    def _refusal(self, n: Any, axis: int | None, rule: str, slack: int | None) -> SizeError:
        where = "" if axis is None else f" on axis {axis}"
        short = f", which fails by {-slack}" if slack is not None else ""
        return SizeError(
            f"{self} refuses size {n}{where}: it needs that {rule}{short}",
            layer=self,
            axis=axis,
            size=n,
            rule=rule,
        )

    # Text.

    def __repr__(self) -> str:
        parts = [repr(getattr(self, name)) for name in self._required]
        for name in self._fields:
            if name in self._required:
                continue
            value = getattr(self, name)
            if name == "axes" and any(isinstance(item, tuple) for item in self._values()):
                continue  # a tuple says how many axes there are
            if value != self._defaults.get(name):
                parts.append(self._shown(name, value))
        return f"{type(self).__name__}({', '.join(parts)})"

    def _shown(self, name: str, value: Any) -> str:
        if name == "padding":
            value = _short_padding(value)
        return f"{name}={value!r}"


def _short_padding(value: Any) -> Any:
    """Padding as a person writes it: an int where both sides are alike."""
    if isinstance(value, tuple):
        if all(isinstance(item, Explicit) for item in value):
            if all(item.before == item.after for item in value):
                return tuple([item.before for item in value])
            return tuple([(item.before, item.after) for item in value])
        return value
    if isinstance(value, Explicit) and value.before == value.after:
        return value.before
    return value


def _picker(axis: int) -> Callable[[Any], Any]:
    return lambda value: value[axis] if isinstance(value, tuple) else value


def _rebuild(kind: type[L], values: tuple[Any, ...]) -> L:
    return kind(**dict(zip(kind._fields, values, strict=True)))


def spatial(size: Any) -> tuple[Any, ...] | None:
    """The sizes of a tuple, a list or a `torch.Size`, or None where `size` is one size.

    Raises:
        TypeError: text, a set or anything else that has no order of axes.
    """
    if isinstance(size, (tuple, list)):
        return tuple(size)
    if isinstance(size, (str, bytes, set, dict)):
        raise TypeError(f"a size is an int or a tuple of ints, not {size!r}")
    return None


def _int64(size: Any) -> Any:
    if size.dtype.kind not in "iu":
        raise TypeError(f"an array of sizes has integers, not {size.dtype}")
    return size


def _mask(formula: Formula, sizes: Any) -> Any:
    sizes = sizes.astype(object)
    mask = sizes % formula.modulus == 0
    for _, slack in formula.slacks(sizes):
        mask = mask & (slack >= 0)
    return mask.astype(bool)


def _condition(formula: Formula, n: Any) -> Any:
    import sympy

    terms = [slack >= 0 for _, slack in formula.slacks(n)]
    if formula.modulus > 1:
        terms.append(sympy.Eq(sympy.Mod(n, formula.modulus), 0))
    return sympy.And(*terms)


_SAFE = 2**20
"""Sizes and parameters below this cannot leave int64 in any formula: three factors at most."""


def _elementwise(layer: Layer, formula: Formula, sizes: Any) -> Any:
    """The sizes of an array in int64; in exact integers first where they might wrap."""
    numbers = [value for value in formula._values() if type(value) is int]
    small = sizes.size == 0 or (
        int(sizes.max()) < _SAFE and int(sizes.min()) > -_SAFE and all(abs(x) < _SAFE for x in numbers)
    )
    exact = sizes.astype("int64") if small else sizes.astype(object)
    for rule, slack in formula.slacks(exact):
        _refuse_some(layer, sizes, slack < 0, rule)
    if formula.modulus > 1:
        _refuse_some(
            layer, sizes, exact % formula.modulus != 0, f"the size is a multiple of {formula.modulus}"
        )
    result = formula.size(exact)
    if not small:
        _refuse_some(layer, sizes, result >= 2**63, "the output size fits into int64")
        result = result.astype("int64")
    return result


def _refuse_some(layer: Layer, sizes: Any, refused: Any, rule: str) -> None:
    refused = refused.astype(bool)
    if not refused.any():
        return
    first = tuple(int(i) for i in zip(*refused.nonzero(), strict=True).__next__())
    index = first[0] if len(first) == 1 else first
    raise SizeError(
        f"{layer} refuses {int(refused.sum())} of {sizes.size} sizes, the first at index {index}: "
        f"{int(sizes[first])}: it needs that {rule}",
        layer=layer,
        size=int(sizes[first]),
        rule=rule,
        hint="layer.accepts(sizes) gives the mask of those that are taken.",
    )


def _map(formula: Formula) -> SizeMap:
    identity = SizeMap.identity()
    try:
        result: SizeMap = formula.size(identity)
        for _, slack in formula.slacks(identity):
            result = result.where(slack)
    except DeconvcalcError as error:
        raise DeconvcalcError(f"{formula.text} is no single floor: {error.message}") from None
    return result.where(0, formula.modulus)
