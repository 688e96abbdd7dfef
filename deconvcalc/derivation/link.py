"""One layer of a derivation: its formula, the numbers put in, what its floors drop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deconvcalc.derivation.proof import Step, in_words
from deconvcalc.formulas import Window
from deconvcalc.terms import Term, letter
from deconvcalc.values import Value

if TYPE_CHECKING:
    from deconvcalc.formulas import Formula
    from deconvcalc.sizemap import SizeMap

__all__ = ["Link"]


class Link(Value):
    """One layer of a derivation, along one axis.

    Args:
        layer: the layer, as it prints.
        source: where its formula comes from.
        name: the letter of its input: n, or m1, m2, ... after the first layer.
        size: its input size, or None.
        result: the letter of its output.
        formula: its formula.
        term: the formula in letters, with their values; that of the input too if there is a size.
        map: its exact map, or None where it is no single floor.
        kernel: how the effective kernel comes about, where it is dilated.
    """

    __slots__ = _fields = (
        "layer",
        "source",
        "name",
        "size",
        "result",
        "formula",
        "term",
        "map",
        "kernel",
    )
    layer: str
    source: str
    name: str
    size: int | None
    result: str
    formula: Formula
    term: Term
    map: SizeMap | None
    kernel: Term | None

    def __init__(self, **fields: Any) -> None:
        self._set(**fields)

    @property
    def letters(self) -> dict[str, Any]:
        """What the letters of the formula stand for, but for the input."""
        return {name: value for name, value in self.term.letters().items() if name != self.name}

    @property
    def dropped(self) -> int | None:
        """What its division leaves, which a floor drops and a ceiling fills up; None without n."""
        if self.size is None:
            return None
        return sum([_remainder(one) for one in self.term.roundings()])

    def steps(self) -> list[Step]:
        """Its arithmetic."""
        head = f"{self.result} = "
        tex = letter(self.result).latex
        steps = [Step("formula", f"{head}{self.term}", f"{tex} = {self.term.latex}", self.source)]
        if self.letters:
            steps.append(self._letters())
        worked = self.term.put_in()
        kind, seen = "numbers", str(self.term)
        while worked.kind != "number":
            if str(worked) != seen:
                steps.append(Step(kind, f"= {worked}", f"= {worked.latex}"))
            if self.size is None:
                break
            kind, seen, worked = "work", str(worked), worked.reduced()
        if worked.kind == "number":
            steps.append(Step("result", f"= {worked}", f"= {worked.latex}"))
        if self.size is not None:
            for one in self.term.roundings():
                text = self._remark(one)
                if text:
                    steps.append(Step("dropped", text, in_words(text)))
        return steps

    def _letters(self) -> Step:
        text, tex = [], []
        for name, value in self.letters.items():
            how, shown = [name], [letter(name).latex]
            if name == "ke" and self.kernel is not None:
                how += [str(self.kernel), str(self.kernel.put_in())]
                shown += [self.kernel.latex, self.kernel.put_in().latex]
            text.append(" = ".join([*how, str(value)]))
            tex.append(" = ".join([*shown, str(value)]))
        return Step("letters", ", ".join(text), "\\text{with } " + ",\\; ".join(tex))

    def _remark(self, one: Term) -> str | None:
        rest = _remainder(one)
        if not rest:
            return None
        if one.kind == "ceil":
            over, under = (part.value for part in one.parts)
            return (
                f"nothing; the ceiling rounds up: {over} is {rest} short of a multiple of {under}"
            )
        text = f"the floor drops a remainder of {rest}"
        if not isinstance(self.formula, Window) or self.formula.ceil_mode:
            return text
        which = "element" if rest == 1 else f"{rest} elements"
        return f"{text}: no window reads the last {which} of the padded input"


def _remainder(one: Term) -> int:
    over, under = (part.value for part in one.parts)
    return int(over % under if one.kind == "floor" else -over % under)
