"""How a size comes about: the formula, the numbers put in, what the floor drops, the form in n."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deconvcalc.errors import DeconvcalcError
from deconvcalc.formulas import Formula, SpreadTo, Window
from deconvcalc.values import Value, spatial

if TYPE_CHECKING:
    from deconvcalc.layers import Layer
    from deconvcalc.sizemap import Progression, SizeMap

__all__ = ["Derivation", "derive"]


class Derivation(Value):
    """The arithmetic of one axis, as data.

    Args:
        axis: the axis; None where one derivation is for all.
        source: the input size.
        target: the output size.
        formula: the formula in letters.
        letters: what the letters stand for.
        steps: the formula with the numbers put in, then worked out; the result is not repeated.
        dropped: the remainder that the floor drops.
        in_n: the form for every n, or None where it is no single floor.
        domain: the inputs that the layer takes, or None.
        same_output: all inputs that give the same output, or None.
    """

    __slots__ = (
        "axis",
        "domain",
        "dropped",
        "formula",
        "in_n",
        "letters",
        "same_output",
        "source",
        "steps",
        "target",
    )
    _fields = (
        "axis",
        "source",
        "target",
        "formula",
        "letters",
        "steps",
        "dropped",
        "in_n",
        "domain",
        "same_output",
    )
    axis: int | None
    source: int
    target: int
    formula: str
    letters: tuple[tuple[str, Any], ...]
    steps: tuple[str, ...]
    dropped: int
    in_n: str | None
    domain: Progression | None
    same_output: Progression | None

    def __init__(self, **fields: Any) -> None:
        self._set(**fields)

    @property
    def remark(self) -> str | None:
        """What the dropped remainder means, as a sentence."""
        if not self.dropped:
            return None
        text = f"the floor drops a remainder of {self.dropped}"
        if self.formula != Window.text_of_floor:
            return text
        which = "element" if self.dropped == 1 else f"{self.dropped} elements"
        return f"{text}: no window reads the last {which} of the padded input"

    def to_record(self) -> dict[str, Any]:
        """The derivation as plain data."""
        record = dict(zip(self._fields, self._values(), strict=True))
        record["letters"] = dict(self.letters)
        record["steps"] = list(self.steps)
        for name in ("domain", "same_output"):
            if record[name] is not None:
                record[name] = str(record[name])
        return record


def derive(layer: Layer, size: Any) -> tuple[Derivation, ...]:
    """How the output size of a layer comes about.

    Args:
        layer: a layer whose axes do not depend on each other.
        size: the input size, an int or one per axis.

    Returns:
        One derivation an axis; a single one, with axis None, where all axes are the same.
        Nothing for a layer that couples its axes.

    Raises:
        SizeError: the layer refuses the size.

    >>> from deconvcalc import Conv
    >>> derivation, = derive(Conv(3, stride=2, padding=1), 28)
    >>> print(derivation.steps[0], "=", derivation.target, "|", derivation.in_n)
    floor((28 + 1 + 1 - 3) / 2) + 1 = 14 | floor((n + 1)/2)
    """
    layer.output_size(size)
    sizes = spatial(size)
    sizes = (size,) if sizes is None else sizes
    try:
        maps = layer.size_map()
    except DeconvcalcError:
        maps = None
        if not layer.couples:
            return tuple(
                [
                    _axis(layer.on_axis(i), n, i if len(sizes) > 1 else None, None)
                    for i, n in enumerate(sizes)
                ]
            )
        return ()
    per_axis = maps if isinstance(maps, tuple) else (maps,) * len(sizes)
    if len({(layer.on_axis(i), n) for i, n in enumerate(sizes)}) == 1:
        return (_axis(layer.on_axis(0), sizes[0], None, per_axis[0]),)
    return tuple([_axis(layer.on_axis(i), n, i, per_axis[i]) for i, n in enumerate(sizes)])


def _axis(formula: Formula, n: int, axis: int | None, size_map: SizeMap | None) -> Derivation:
    letters = formula.letters()
    numbers = {"n": n, **letters}
    put_in = re.sub(r"[a-z]+", lambda word: str(numbers.get(word[0], word[0])), formula.text)
    put_in = put_in.replace("- -", "+ ").replace("+ -", "- ")
    steps = [] if isinstance(formula, SpreadTo) else [put_in, *formula.steps(n)]
    target = formula.size(n)
    return Derivation(
        axis=axis,
        source=n,
        target=target,
        formula=formula.text,
        letters=tuple(letters.items()),
        steps=tuple(step for step in dict.fromkeys(steps) if step != str(target)),
        dropped=formula.dropped(n) if isinstance(formula, Window) else 0,
        in_n=None if size_map is None else str(size_map),
        domain=None if size_map is None else size_map.domain,
        same_output=None if size_map is None else size_map.preimage(target),
    )
