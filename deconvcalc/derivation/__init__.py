"""How a size comes about, as a proof in steps.

The steps are the formula and its source, the numbers put in, what each floor drops, the form in n,
and the set of n where nothing is lost. They are data; text and LaTeX are written from them, and
neither loads sympy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.derivation.axis import AxisDerivation
from deconvcalc.derivation.link import Link
from deconvcalc.derivation.proof import Proof, Step
from deconvcalc.errors import DeconvcalcError, LayerError, SizeError
from deconvcalc.formulas import effective_kernel
from deconvcalc.layers.base import Layer, picker
from deconvcalc.layers.stacks import compose
from deconvcalc.terms import Term, letter
from deconvcalc.values import integer, spatial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deconvcalc.formulas import Formula
    from deconvcalc.sizemap import SizeMap

__all__ = ["AxisDerivation", "Derivation", "Link", "Proof", "Step", "derive"]


class Derivation(Proof):
    """How the output size of layers comes about, axis by axis.

    `text`, `latex` and `to_record()` give it as text, as LaTeX and as plain data; it prints as
    text. `in_n`, `domain`, `lossless` and `same_output` are those of its axes: one value, or a
    tuple of one per axis where the axes differ.

    Attributes:
        layers: the layers, first to last.
        source: the input size, an int or a tuple; None for every n.
        axes: an `AxisDerivation` for each axis; a single one where all axes are the same.
        steps: the steps of all axes.

    >>> from deconvcalc import Conv, derive
    >>> print(derive(Conv(3, stride=2, padding=1)).lossless)
    n odd
    """

    __slots__ = ("axes", "layers", "source")
    _fields = ("layers", "source", "axes", "steps")
    layers: tuple[Layer, ...]
    source: Any
    axes: tuple[AxisDerivation, ...]

    def __init__(
        self, layers: tuple[Layer, ...], source: Any, axes: tuple[AxisDerivation, ...]
    ) -> None:
        self._set(layers=layers, source=source, axes=axes)
        self._set(steps=tuple([step for axis in axes for step in axis.steps]))

    @property
    def target(self) -> Any:
        """The output size, like the source; None for every n."""
        if self.source is None:
            return None
        targets = tuple([axis.target for axis in self.axes])
        if not isinstance(self.source, tuple):
            return targets[0]
        return targets * len(self.source) if len(targets) == 1 else targets

    def _of_axes(self, name: str) -> Any:
        values = tuple([getattr(axis, name) for axis in self.axes])
        return values[0] if len(values) == 1 else values

    @property
    def in_n(self) -> Any:
        """The simplified form, for every n, as text; None where a layer is no single floor."""
        return self._of_axes("in_n")

    @property
    def domain(self) -> Any:
        """The inputs that the layers take; None where they are no single progression."""
        return self._of_axes("domain")

    @property
    def lossless(self) -> Any:
        """The inputs at which no floor drops and no ceiling adds anything, as `Sizes`."""
        return self._of_axes("lossless")

    @property
    def same_output(self) -> Any:
        """All inputs that give the same output; None without a size."""
        return self._of_axes("same_output")

    def to_sympy(self, symbol: Any = None) -> Any:
        """The simplified form as a sympy expression; a tuple of one per axis where axes differ.

        Raises:
            DeconvcalcError: a layer has no exact map.
        """
        found = tuple([axis.to_sympy(symbol) for axis in self.axes])
        return found[0] if len(found) == 1 else found

    def to_record(self) -> dict[str, Any]:
        """The derivation as plain data: the layers, the sizes and a record for each axis."""
        return {
            "layers": [repr(layer) for layer in self.layers],
            "source": list(self.source) if isinstance(self.source, tuple) else self.source,
            "target": list(self.target) if isinstance(self.target, tuple) else self.target,
            "axes": [axis.to_record() for axis in self.axes],
        }


def derive(layers: Layer | Iterable[Layer], size: Any = None) -> Derivation:
    """How the output size of layers comes about, as a proof in steps.

    Args:
        layers: a layer, or layers one after the other. Their axes do not depend on each other.
        size: the input size, an int or one per axis; None for every n.

    Returns:
        A `Derivation`. Its axes are one where all are the same.

    Raises:
        SizeError: a layer refuses its size.
        LayerError: no layers; layers of different numbers of axes; a layer that couples its axes.
        TypeError: a wrong type.

    >>> from deconvcalc import Conv, derive
    >>> derivation = derive(Conv(3, stride=2, padding=1), 27)
    >>> print(derivation)
      m = floor((n + before + after - ke) / s) + 1    with before = 1, after = 1, ke = 3, s = 2
        = floor((27 + 1 + 1 - 3) / 2) + 1
        = floor(26 / 2) + 1
        = 13 + 1
        = 14
      source       torch.nn.Conv2d, section Shape
      in n         floor((n + 1)/2),  for n >= 1
      no loss      n odd
      same output  27..28
    >>> [step.kind for step in derivation.steps][:4]
    ['formula', 'letters', 'numbers', 'work']
    """
    stack = _stack(layers)
    source = _whole_sizes(size)
    between = _between(stack, source)
    maps = [_maps(layer) for layer in stack]
    whole = _whole(stack) if None in maps else None
    # One derivation where all axes are alike: the same formulas, and the same sizes.
    rows: dict[Any, list[int]] = {}
    for axis in range(_axis_count(stack, source)):
        sizes = tuple([_on(one, axis) for one in between])
        key = (tuple([layer.on_axis(axis) for layer in stack]), sizes)
        rows.setdefault(key, []).append(axis)
    made = []
    for (formulas, sizes), axes in rows.items():
        for axis in axes[:1] if len(rows) == 1 else axes:
            links = _links(stack, formulas, sizes, [_on(one, axis) for one in maps], axis)
            name = None if len(rows) == 1 else axis
            form = None if whole is None else str(_on(whole, axis))
            made.append((axis, AxisDerivation(name, sizes[0] if sizes else None, links, form)))
    made.sort(key=lambda one: one[0])
    return Derivation(stack, source, tuple([one for _, one in made]))


def _stack(layers: Layer | Iterable[Layer]) -> tuple[Layer, ...]:
    if not isinstance(layers, (Layer, tuple, list)):
        raise TypeError(f"derive takes a layer or a list of layers, not {layers!r}")
    stack = (layers,) if isinstance(layers, Layer) else tuple(layers)
    for layer in stack:
        if not isinstance(layer, Layer):
            raise TypeError(f"derive takes a layer or a list of layers, not {layer!r} among them")
        if layer.couples:
            raise LayerError(
                f"{layer} couples its axes: there is no derivation along one",
                layer=layer,
                rule="axes",
                hint="Derive the layers before it, and those behind it, on their own.",
            )
    if not stack:
        raise LayerError("there are no layers to derive a size from", rule="layers")
    counts = {layer.axes for layer in stack if layer.axes is not None}
    if len(counts) > 1:
        raise LayerError(
            f"layers of {' and '.join(map(str, sorted(counts)))} axes cannot follow each other",
            rule="axes",
            hint="Give layers of the same number of axes.",
        )
    return stack


def _whole_sizes(size: Any) -> Any:
    """None, an int or a tuple of ints."""
    if size is None:
        return None
    sizes = spatial(size)
    numbers = [integer(n) for n in (sizes if sizes is not None else (size,))]
    if None in numbers:
        raise TypeError(f"a size is an int or a tuple of ints, not {size!r}")
    return tuple(numbers) if sizes is not None else numbers[0]


def _between(stack: tuple[Layer, ...], source: Any) -> list[Any]:
    """The input, and the size after each layer; nothing for every n."""
    if source is None:
        return []
    sizes = [source]
    for place, layer in enumerate(stack, 1):
        try:
            sizes.append(layer.output_size(sizes[-1]))
        except SizeError as error:
            if len(stack) == 1:
                raise
            raise SizeError(
                f"layer {place} of {len(stack)}: {error.message}",
                layer=layer,
                axis=error.axis,
                size=error.size,
                rule=error.rule,
                hint=error.hint,
            ) from None
    return [source if size == () else size for size in sizes]


def _axis_count(stack: tuple[Layer, ...], source: Any) -> int:
    if isinstance(source, tuple):
        return len(source)
    if source is not None:
        return 1
    return max([layer.axes or 1 for layer in stack])


def _on(value: Any, axis: int) -> Any:
    return value[axis] if isinstance(value, tuple) else value


def _maps(layer: Layer) -> Any:
    """The exact map of a layer, one or one per axis; None where it is no single floor."""
    try:
        return layer.size_map()
    except DeconvcalcError:
        return None


def _whole(stack: tuple[Layer, ...]) -> Any:
    """The exact map of layers of which one is no single floor; None where there is none."""
    try:
        return compose(stack)
    except DeconvcalcError:
        return None


def _links(
    stack: tuple[Layer, ...],
    formulas: tuple[Formula, ...],
    sizes: tuple[int, ...],
    maps: list[SizeMap | None],
    axis: int,
) -> tuple[Link, ...]:
    links, last = [], len(stack)
    for place, (layer, formula, size_map) in enumerate(zip(stack, formulas, maps, strict=True), 1):
        name = "n" if place == 1 else f"m{place - 1}"
        size = sizes[place - 1] if sizes else None
        links.append(
            Link(
                layer=repr(layer),
                source=formula.source or layer.source,
                name=name,
                size=size,
                result="m" if last == 1 else f"m{place}",
                formula=formula,
                term=formula.traced(letter(name, size)),
                map=size_map,
                kernel=_kernel(layer, picker(axis)),
            )
        )
    return tuple(links)


def _kernel(layer: Layer, pick: Callable[[Any], Any]) -> Term | None:
    """How the effective kernel of a dilated layer comes about."""
    dilation = pick(getattr(layer, "dilation", 1))
    if dilation == 1:
        return None
    kernel = pick(getattr(layer, "kernel_size", 1))
    made: Term = effective_kernel(letter("k", kernel), letter("d", dilation))
    return made
