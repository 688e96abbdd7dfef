"""What all layers share: how arguments are read, padding rules, and sizes of one or more axes."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from deconvcalc.algebra import certain, equal, is_array, is_expression
from deconvcalc.errors import DeconvcalcError, LayerError, SizeError
from deconvcalc.sizemap import SizeMap
from deconvcalc.sizemap.arrays import exact_array, narrow, refuse_some, whole_array
from deconvcalc.values import MOST_AXES, Value, integer, spatial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from deconvcalc.formulas import Formula

__all__ = ["Arguments", "Explicit", "Layer", "Padding", "Same", "ToSize", "picker"]

T = TypeVar("T")


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
        self._set(
            before=_whole("before", before, owner="Explicit"),
            after=_whole("after", after, owner="Explicit"),
        )

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
            raise LayerError(
                f'Same: odd must be "upper" or "lower", not {odd!r}',
                rule="odd",
                hint='Take "upper" for the end, as TensorFlow and Keras do.',
            )
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
        if isinstance(split, str) and split not in ("upper", "lower"):
            raise LayerError(
                f'ToSize: split must be "upper", "lower" or an int, not {split!r}',
                rule="split",
                hint='Take "upper" to crop the odd element at the end.',
            )
        if not isinstance(split, str):
            split = _whole("split", split, least=0, owner="ToSize")
        self._set(size=_whole("size", size, least=1, owner="ToSize"), split=split)


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


def _is_bool(value: Any) -> bool:
    return type(value).__name__ in ("bool", "bool_")  # Python's, and numpy's by either name


def _both(sizes: tuple[Any, ...]) -> str:
    """Sizes as Python has them, and as they are typed."""
    return f"{sizes}, or {'x'.join(map(str, sizes))} on the command line"


class Arguments:
    """Reads the arguments of one layer: an int is for every axis, a tuple has one per axis."""

    def __init__(self, owner: str, axes: int | None = None) -> None:
        self.owner = owner
        self.axes: int | None = None
        if axes is not None:
            count = _whole("axes", axes, least=1, owner=owner)
            if count > MOST_AXES:
                raise LayerError(
                    f"{owner}: axes must be at most {MOST_AXES}, not {count}",
                    rule="axes",
                    hint=f"Give axes an int from 1 to {MOST_AXES}.",
                )
            self.axes = count

    def agree(self, name: str, count: int) -> None:
        """Note that an argument has so many axes, which all arguments must share."""
        if not 1 <= count <= MOST_AXES:
            raise LayerError(
                f"{self.owner}: {name} has {count} entries, and a layer has 1 to {MOST_AXES} axes",
                rule=name,
                hint=f"Give {name} one value, or one for each axis.",
            )
        if self.axes not in (None, count):
            raise LayerError(
                f"{self.owner}: {name} has {count} entries, and the layer has axes={self.axes}",
                rule=name,
                hint=f"Give {name} one value, or one for each axis.",
            )
        self.axes = count

    def whole(self, name: str, value: Any, least: int | None = None) -> int:
        """One int for the whole layer."""
        return _whole(name, value, least=least, owner=self.owner)

    def channels(self, name: str, value: Any) -> int | None:
        """A channel count, or None where it is left open."""
        return None if value is None else self.whole(name, value, 1)

    def flag(self, name: str, value: Any) -> bool:
        """True or False; nothing that only counts as one of them."""
        if not _is_bool(value):
            raise TypeError(f"{self.owner}: {name} must be True or False, not {value!r}")
        return bool(value)

    def number(self, name: str, value: Any) -> float:
        """A number, an int where it is one; none that is beyond a float."""
        whole = integer(value)
        if whole is not None:
            if abs(whole) >= 2**1023:
                raise LayerError(
                    f"{self.owner}: {name} is beyond a float", rule=name, hint="Take a smaller one."
                )
            return whole
        if _is_bool(value) or not hasattr(type(value), "__float__"):
            raise TypeError(f"{self.owner}: {name} must be a number, not {value!r}")
        return float(value)

    def text(self, name: str, value: Any) -> str:
        """Any text."""
        if not isinstance(value, str):
            raise TypeError(f"{self.owner}: {name} must be text, not {value!r}")
        return value

    def word(self, name: str, value: Any, words: Sequence[str]) -> str:
        """One of some words."""
        if value not in words:
            known = ", ".join(repr(word) for word in words)
            raise LayerError(
                f"{self.owner}: {name} must be one of {known}, not {value!r}",
                rule=name,
                hint=f"Take {name}={words[0]!r}, for example.",
            )
        return str(value)

    def each(self, name: str, value: Any, read: Callable[[Any], T]) -> T | tuple[T, ...]:
        """One value for every axis, or a tuple of values that differ."""
        if not isinstance(value, (tuple, list)):
            return read(value)
        self.agree(name, len(value))
        items = tuple([read(item) for item in value])
        return items[0] if all(item == items[0] for item in items) else items

    def ints(self, name: str, value: Any, least: int) -> Any:
        """An int for every axis, or a tuple of one per axis."""
        return self.each(name, value, lambda item: self.whole(name, item, least))

    def padding(self, value: Any, least: int | None = None, name: str = "padding") -> Any:
        """A padding rule for every axis, or a tuple of rules.

        An int pads both sides alike; a pair inside a tuple is (before, after) of one axis.
        """

        def read(item: Any) -> Padding:
            if isinstance(item, (Explicit, Same, ToSize)):
                return item
            if isinstance(item, (tuple, list)) and len(item) == 2:
                before, after = (self.whole(name, side, least) for side in item)
                return Explicit(before, after)
            if isinstance(item, str):
                raise LayerError(
                    f"{self.owner}: {name} takes an int, pairs or a rule, not {item!r}",
                    rule=name,
                    hint='The word is a framework\'s. Here it is Same("upper"), or 0 for valid.',
                )
            side = self.whole(name, item, least)
            return Explicit(side, side)

        return self.each(name, value, read)


class Layer(Value):
    """A frozen layer: what it does to the sizes of one to three axes.

    Attributes:
        axes: how many axes it has; None for as many as a size has.
        couples: whether its axes depend on each other.
        source: where its size rule is written.
    """

    __slots__ = ("_formulas", "axes")
    _required: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    couples: ClassVar[bool] = False
    source: ClassVar[str] = ""
    axes: int | None
    _formulas: tuple[Formula, ...]

    def _formula(self, pick: Callable[[Any], Any]) -> Formula:
        """The formula of one axis; `pick` takes a field's value to that of the axis."""
        raise NotImplementedError

    def _finish(self, axes: int | None) -> None:
        """Set the axis count and make the formulas: one where all axes are alike."""
        self._set(axes=axes)
        picks = range(axes or 1 if self._by_axis() else 1)
        self._set(_formulas=tuple([self._formula(picker(i)) for i in picks]))

    def _by_axis(self) -> bool:
        """Whether a field has a tuple, of one value per axis."""
        return any(isinstance(value, tuple) for value in self._values())

    def _joint(self, _sizes: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        """The rules over all axes at once, each as a condition: a bool or a sympy relation."""
        return iter(())

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self._values())

    def on_axis(self, axis: int) -> Formula:
        """The formula of one axis."""
        return self._formulas[0 if len(self._formulas) == 1 else axis]

    def replace(self, **fields: Any) -> Self:
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
        if sizes is None:
            return self._one(size, None)
        self._check_axes(sizes)
        results = tuple([self._one(n, axis) for axis, n in enumerate(sizes)])
        self._check_joint(tuple([_scalar(n) for n in sizes]))
        return results

    def accepts(self, size: Any) -> Any:
        """Whether the layer takes a size: a bool, a mask for an array, a condition for sympy.

        Raises:
            SizeError: one size for a layer whose axes differ.
            TypeError: a wrong type.

        >>> from deconvcalc import Conv
        >>> Conv(3).accepts(2), Conv(3).accepts(3)
        (False, True)
        """
        sizes = spatial(size)
        if sizes is None:
            formula = self._shared(size)
            if is_array(size) and integer(size) is None:
                return _mask(formula, whole_array(size))
            return _all([*_conditions(formula, _scalar(size))])
        numbers = tuple([_scalar(n) for n in sizes])
        try:
            self._check_axes(numbers)
        except SizeError:
            return False
        conditions = [condition for _, condition in self._joint(numbers)]
        for axis, n in enumerate(numbers):
            conditions += _conditions(self.on_axis(axis), n)
        return _all(conditions)

    def size_map(self) -> Any:
        """The exact map from input to output size, for every n.

        Returns:
            A `SizeMap`; a tuple of them where the axes differ.

        Raises:
            DeconvcalcError: a formula is no single floor (a float scale, a slice with ends that
                depend on n); `compose([layer])` gives its exact map.

        >>> from deconvcalc import ConvTranspose
        >>> print(ConvTranspose(6, stride=2).size_map())
        2*n + 4
        """
        formulas = self._formulas
        return _map(formulas[0]) if len(formulas) == 1 else tuple([_map(one) for one in formulas])

    def at(self, size: Any) -> Self:
        """The layer with its rules made explicit for one size. A layer without rules is itself.

        >>> from deconvcalc import Conv, ConvTranspose, Same, ToSize
        >>> Conv(3, stride=2, padding=Same()).at(28)
        Conv(3, stride=2, padding=Explicit(0, 1))
        >>> ConvTranspose(3, stride=2, padding=ToSize(8, split=1)).at(4)
        ConvTranspose(3, stride=2, padding=1, output_padding=1)
        """
        self.output_size(size)
        padding = getattr(self, "padding", None)
        sizes = spatial(size) or (size,)
        rules = padding if isinstance(padding, tuple) else (padding,) * len(sizes)
        if not any(isinstance(rule, (Same, ToSize)) for rule in rules):
            return self
        numbers = [integer(n) for n in sizes]
        if None in numbers:
            raise TypeError(f"at() takes an int or a tuple of ints, not {size!r}")
        settled = tuple(
            [_settled(rule, self.on_axis(axis), numbers[axis]) for axis, rule in enumerate(rules)]
        )
        return self.replace(padding=settled[0] if len(set(settled)) == 1 else settled)

    def _shared(self, size: Any) -> Formula:
        """The formula of all axes, for one size that stands for all of them."""
        if len(self._formulas) > 1:
            raise SizeError(
                f"the axes of {self} differ: {size!r} does not say which",
                layer=self,
                size=size,
                rule="axes",
                hint=f"Give one size for each axis: {_both((size,) * len(self._formulas))}.",
            )
        return self._formulas[0]

    def _check_axes(self, sizes: tuple[Any, ...]) -> None:
        count = len(sizes)
        if self.axes is None and not 1 <= count <= MOST_AXES:
            raise SizeError(
                f"{self} takes sizes of 1 to {MOST_AXES} axes, not {count}",
                layer=self,
                size=sizes,
                rule="axes",
                hint="Give the spatial sizes alone, without batch and channels.",
            )
        if self.axes not in (None, count):
            raise SizeError(
                f"{self} needs one size for each of its axes ({self.axes}), not {count}",
                layer=self,
                size=sizes,
                rule="axes",
                hint="Give the spatial sizes alone, without batch and channels.",
            )

    def _check_joint(self, sizes: tuple[Any, ...]) -> None:
        for rule, condition in self._joint(sizes):
            if certain(condition) is False:
                raise SizeError(
                    f"{self} refuses size {'x'.join(map(str, sizes))}: it needs that {rule}",
                    layer=self,
                    size=sizes,
                    rule=rule,
                )

    def _one(self, size: Any, axis: int | None) -> Any:
        """The output size along one axis (None: along all alike), after the rules were checked."""
        formula = self._shared(size) if axis is None else self.on_axis(axis)
        if axis is None and is_array(size) and integer(size) is None:
            return _elementwise(self, formula, whole_array(size))
        n = _scalar(size)
        for rule, slack in formula.slacks(n):
            if certain(slack >= 0) is False:
                raise self._refusal(formula, n, axis, rule, integer(slack))
        if formula.modulus > 1 and certain(equal(n % formula.modulus, 0)) is False:
            raise self._refusal(formula, n, axis, _multiple_rule(formula), None)
        return formula.size(n)

    def _refusal(
        self, formula: Formula, n: Any, axis: int | None, rule: str, slack: int | None
    ) -> SizeError:
        where = "" if axis is None else f" on axis {axis}"
        short = f", which fails by {-slack}" if slack is not None else ""
        try:
            hint = f"Sizes that it takes: {_map(formula).domain}."
        except DeconvcalcError:  # its domain is no single progression
            hint = None
        return SizeError(
            f"{self} refuses size {n}{where}: it needs that {rule}{short}",
            layer=self,
            axis=axis,
            size=n,
            rule=rule,
            hint=hint,
        )

    # Text.

    def __repr__(self) -> str:
        parts = [repr(getattr(self, name)) for name in self._required]
        for name in self._fields:
            if name in self._required:
                continue
            value = getattr(self, name)
            if name == "axes" and self._by_axis():
                continue  # a tuple says how many axes there are
            if value != self._default(name):
                parts.append(self._shown(name, value))
        return f"{type(self).__name__}({', '.join(parts)})"

    def _default(self, name: str) -> Any:
        """What a field is where it is not said."""
        return self._defaults.get(name)

    def _shown(self, name: str, value: Any) -> str:
        if name == "padding":
            value = _short_padding(value)
        if isinstance(value, float) and not isfinite(value):
            return f"{name}=float('{value}')"
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


def picker(axis: int) -> Callable[[Any], Any]:
    """What takes the value of a field to that of one axis."""
    return lambda value: value[axis] if isinstance(value, tuple) else value


def _rebuild(kind: type[Layer], values: tuple[Any, ...]) -> Layer:
    return kind(**dict(zip(kind._fields, values, strict=True)))


def _scalar(size: Any) -> Any:
    """One size as a plain int, or as the sympy expression that it is.

    Raises:
        TypeError: anything else.
    """
    number = integer(size)
    if number is not None:
        return number
    if is_expression(size):
        if size.is_number or size.is_integer is False:
            raise TypeError(f"a size is an integer, not {size}")
        return size
    if is_array(size):
        raise TypeError("an array is sizes of one axis: it cannot stand inside a tuple")
    raise TypeError(
        f"a size is an int, a tuple of ints, a numpy array or a sympy expression, not {size!r}"
    )


def _settled(rule: Any, formula: Any, n: Any) -> Any:
    """The padding or crop of one axis, written out for input size n."""
    if isinstance(rule, Same):
        return Explicit(*formula.pads(n))
    if isinstance(rule, ToSize):
        return _split(formula.full(n) - rule.size, rule.split)
    return rule


def _split(total: int, split: str | int) -> Explicit:
    """The crops before and after that remove `total` elements."""
    if isinstance(split, int):
        return Explicit(split, total - split)
    less = max(total, 0) // 2
    before = less if split == "upper" else max(total, 0) - less
    return Explicit(before, total - before)


def _multiple_rule(formula: Formula) -> str:
    return f"the size is a multiple of {formula.modulus}"


def _conditions(formula: Formula, n: Any) -> Iterator[Any]:
    for _, slack in formula.slacks(n):
        yield slack >= 0
    if formula.modulus > 1:
        yield equal(n % formula.modulus, 0)


def _all(conditions: list[Any]) -> Any:
    """Whether all hold: a bool, or a sympy condition where one of them is."""
    if all(isinstance(condition, bool) for condition in conditions):
        return all(conditions)
    import sympy

    return sympy.And(*conditions)


def _mask(formula: Formula, sizes: Any) -> Any:
    exact = exact_array(sizes, list(formula._values()))
    mask = exact % formula.modulus == 0
    for _, slack in formula.slacks(exact):
        mask = mask & (slack >= 0)
    return mask.astype(bool)


def _elementwise(layer: Layer, formula: Formula, sizes: Any) -> Any:
    """The sizes of an array in int64; in exact integers first where they might wrap."""

    def refuse(refused: Any, rule: str) -> None:
        refuse_some(layer, sizes, refused, rule, layer, "layer.accepts(sizes)")

    exact = exact_array(sizes, list(formula._values()))
    for rule, slack in formula.slacks(exact):
        refuse(slack < 0, rule)
    if formula.modulus > 1:
        refuse(exact % formula.modulus != 0, _multiple_rule(formula))
    return narrow(layer, sizes, formula.size(exact), layer)


def _map(formula: Formula) -> SizeMap:
    """The map of a formula, which keeps it."""
    try:
        found: SizeMap = formula.kept
    except AttributeError:
        found = _made(formula)
        object.__setattr__(formula, "kept", found)
    return found


def _made(formula: Formula) -> SizeMap:
    try:
        result: SizeMap = formula.on(SizeMap.identity())
    except DeconvcalcError as error:
        raise DeconvcalcError(f"{formula.text} is no single floor: {error.message}") from None
    return result
